// Sharing: what makes a body of what the user chose, shows it, lets it go under a grant, tells what
// went where, and what came from whom. The body is made first and shown whole; sent are those same
// bytes, looked at again (share_send.c). All run on workers; what is said of scopes and records is
// asked of the federation's thread by fed_run. docs/FEDERATION.md, "Bodies".
#pragma once

#include "core/base/fields.h"
#include "core/privacy/look.h"
#include "core/privacy/tags.h"
#include "server/dispatch.h"
#include "server/fed.h"

enum {
    SHARE_PATTERNS_MAX = 20, // of one call
    SHARE_LIST_MAX = 500,    // records of a list, the newest
    SHARE_ID_DIGITS_MIN = 6, // that an id may be shortened to
    SHARE_TO_BYTES_MAX = PEERSDB_NAME_BYTES_MAX
};

// The kind of record that a body stands in; 0: no such form.
enum record_kind share_kind_of(enum payload_form form);

// --- what only this machine and workspace know (share_own.c)
struct share_own {
    struct look_own look;
    // inside
    char *words[LOOK_WORDS_MAX];
    const char **names; // sorted; borrowed from the snapshot
    uint32_t name_count, name_capacity;
    struct workspace *ws;
    struct snapshot *snapshot;
};
// Of the caller's workspace; without one, of the machine alone. ERR_NOMEM, what index_get says.
int share_own_get(struct call *call, struct share_own *ret, struct err *err);
void share_own_put(struct share_own *o); // accepts a zeroed one

// --- to whom (share_whom.c)
struct share_whom {
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1]; // as grants name it
    char who[PEERSDB_NAME_BYTES_MAX + 64];         // as people do
    struct scope scope;                            // its author is filled in by fed_publish
};
// A friend by name or digits, "everyone", "group:NAME". ERR_NOT_FOUND, ERR_EXISTS, ERR_INVAL.
int share_whom(struct call *call, struct text to, enum record_kind kind, struct share_whom *ret,
               struct err *err);
// How many others hold each pattern, by what friends told. Without federation: nobody.
int share_holders(struct call *call, const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count,
                  uint32_t *ret, struct err *err);
// The body of our own tags for an audience.
int share_tags(struct call *call, const struct share_whom *whom,
               const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count, struct buf *out,
               struct err *err);

// --- scopes that this engine has to do with (share_scopes.c)
// On the federation's thread: every scope of these kinds (bits 1 << kind) that we write in (`out`)
// or read, once. `other`: the friend's identity, NULL for groups and everyone.
typedef int share_scope_fn(void *ctx, const struct scope *scope, const uint8_t *other,
                           const char *who, struct err *err);
int share_scopes_each(struct fed_core *core, unsigned kinds, bool out, share_scope_fn *fn,
                      void *ctx, struct err *err);
// What people call an identity: a peer's name, else its short form. On the thread.
void share_name_of(struct fed_core *core, const uint8_t identity[RECORD_KEY_BYTES],
                   char ret[PEERSDB_NAME_BYTES_MAX]);

// --- figures with a budget (share_metric.c)
struct metric_kind;
// The figure of a month that is over, drawn once and then the same: the budget is spent, durably,
// before the noise is drawn. `draw` false: only what was drawn. ERR_LIMIT: spent; ERR_INVAL: the
// month is not over, or too long ago; ERR_NOT_FOUND: not drawn.
int share_metric(struct call *call, const struct metric_kind *kind, const char month[8], bool draw,
                 int64_t *ret, struct err *err);
// Spent in a month, in millionths.
int share_metric_spent(struct store *s, const char month[8], int64_t *ret, struct err *err);

// --- the capabilities
extern const struct field share_make_fields[], share_send_fields[], share_take_back_fields[],
    share_list_fields[], share_judge_fields[];
struct share_make_input {
    int kind; // index in the names of kinds, from pattern
    struct text_array ids, labels;
    bool all, bodies;
    struct text text, name, title, link, date, month, to;
    int state;
};
struct share_send_input {
    struct text to, body;
    bool named; // a pattern that was named, for this friend
};
struct share_take_back_input {
    struct text id, reason;
};
struct share_list_input {
    struct text from, id, kind;
};
struct share_judge_input {
    struct text id;
    bool accept;
};
capability_fn share_make, share_send, share_take_back, share_list, share_arrivals, share_judge;
capability_fn share_reputation, share_privacy;
