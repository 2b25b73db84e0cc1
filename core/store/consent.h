// What the user agreed to let go or come in: a grant says kind x audience x direction x workspace,
// until when, and which words the user was shown. All is refused that no grant names. Ended grants
// are kept as history.
//
// To send: consent_check() on a worker gives a pass; consent_stands() on any thread, immediately
// before the bytes leave, says whether it still holds. Any change of grants or of backends makes
// every pass void, before the change is told to whoever asked for it: check again then.
// Erased with the workspace. Any thread; the calls that take a store block (never on a loop).
#pragma once

#include "core/store/audit.h"
#include "core/store/store.h"

enum {
    CONSENT_WORD_BYTES_MAX = 32, // kind: a-z, 0-9 and -
    CONSENT_AUDIENCE_BYTES_MAX = 128,
    CONSENT_PATH_BYTES_MAX = 4096,
    CONSENT_STANDING_MAX = 2000,
    CONSENT_ENDED_MAX = 10 * 1000, // the oldest go
    CONSENT_HASH_BYTES = 32
};

enum consent_direction { CONSENT_OUT, CONSENT_IN, CONSENT_DIRECTIONS };
const char *consent_direction_name(enum consent_direction d); // "out", "in"

#define CONSENT_BACKEND "backend" // kind: requests to a model backend; its audience is the name

// The words that belong to a kind, for people; NULL: no such kind. Changed words get a new version.
struct consent_text {
    int version;
    const char *words;
};
const struct consent_text *consent_text_of(const char *kind);

struct consent_what {
    const char *kind, *audience;
    enum consent_direction direction;
    const char *workspace; // absolute path; NULL: any
};

// Gives a grant in the place of one that stands for the same. Audited in the same transaction.
// `given_by`: face. expires_ms 0: never. ERR_INVAL, ERR_LIMIT. `origin` as store_write.
int consent_grant(struct store *s, const struct origin *origin, const struct consent_what *what,
                  int64_t expires_ms, const char *given_by, struct err *err);
// `everywhere`: for whatever workspace. *ret_ended: how many stood. Acts before it returns.
// Revoking a workspace's leaves one for any workspace: *ret_still says that it goes on.
int consent_revoke(struct store *s, const struct origin *origin, const struct consent_what *what,
                   bool everywhere, int64_t *ret_ended, bool *ret_still, struct err *err);

struct consent_pass {
    int64_t grant; // id
    int64_t expires_ms;
    uint64_t generation;
};
// A grant for the workspace or for any. ERR_PERM: none stands; the message says how to give one.
int consent_check(struct store *s, const struct consent_what *what, struct consent_pass *ret,
                  struct err *err);
bool consent_stands(struct store *s, const struct consent_pass *pass, int64_t now_ms); // no I/O
void consent_changed(struct store *s); // makes every pass void

struct consent_row { // strings borrowed during the call
    int64_t id, given_ms, expires_ms, ended_ms;
    const char *kind, *audience;
    enum consent_direction direction;
    const char *workspace; // NULL: any
    const char *given_by, *ended_by;
    int64_t text_version;
    const char *url; // import only: where the backend was that it was given for
};
typedef int consent_fn(void *ctx, const struct consent_row *row, struct err *err);
// Standing grants (also expired ones that housekeeping has not ended yet), or with `history` ended
// ones, newest first. `audience` NULL: all.
int consent_each(struct db *db, bool history, const char *audience, int64_t limit, consent_fn *fn,
                 void *ctx, struct err *err);

// --- inside store_write
// Ends all grants to this audience; `why`: "changed".
int consent_end_audience(struct db *db, const char *kind, const char *audience, const char *why,
                         int64_t now_ms, struct err *err);
// As it was exported, if its backend is known and at the place that it was given for. *ret_added:
// false when it is not, or when the same, or a later decision about it, is known.
int consent_import(struct db *db, const struct consent_row *row, int64_t now_ms, bool *ret_added,
                   struct err *err);
// Ends what has expired, drops the oldest history (housekeeping).
int consent_tidy(struct db *db, int64_t now_ms, struct err *err);
