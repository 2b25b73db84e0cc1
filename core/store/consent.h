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

// Kinds. Of a model backend: its audience is its name, nothing comes in. Of federation: the names
// of record kinds ("pattern" …) and "task", requests between agents: out, ours to the friend's; in,
// the friend's to ours.
#define CONSENT_BACKEND "backend"
#define CONSENT_TASK    "task"

// The words that belong to a kind, for people; NULL: no such kind. Whoever gives a grant is shown
// those of its direction: what goes, and what never does. Changed words get a new version. A grant
// whose words are not today's (their SHA-256 is kept with it) lets nothing through: who agreed to
// other words is asked again.
struct consent_text {
    int version;
    const char *words; // out
    const char *in;    // NULL: the same
};
const struct consent_text *consent_text_of(const char *kind);
const char *consent_words(const char *kind, enum consent_direction d); // or NULL
const char *consent_kind_at(size_t i); // of federation, in order; NULL past the end
bool consent_kind_federated(const char *kind);

// Audiences of federation: "friend:" and the identity's 64 hex digits, "group:NAME", "everyone"
// (whoever is paired). "task" knows friends only. Each is a thing of its own: a grant for everyone
// is none for a friend's own records. ERR_INVAL says what was expected.
#define CONSENT_FRIEND   "friend:"
#define CONSENT_GROUP    "group:"
#define CONSENT_EVERYONE "everyone"
enum { CONSENT_IDENTITY_BYTES = 32, CONSENT_GROUP_BYTES_MAX = 64 };
int consent_audience_check(const char *kind, const char *audience, struct err *err);
void consent_friend(const uint8_t identity[CONSENT_IDENTITY_BYTES],
                    char out[CONSENT_AUDIENCE_BYTES_MAX + 1]);
// False: not a friend's audience.
bool consent_friend_key(const char *audience, uint8_t ret[CONSENT_IDENTITY_BYTES]);

struct consent_what {
    const char *kind, *audience;
    enum consent_direction direction;
    const char *workspace; // absolute path; NULL: any. What arrives as a record belongs to none
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
// What a check that reads grants itself reads first, and puts into its passes.
uint64_t consent_generation(struct store *s);
// Tells, after passes have become void: grants or backends changed, or the store was locked or
// unlocked. On the thread that changed them, which waits: it only posts. One watcher; NULL ends it,
// and has waited for a call under way.
typedef void consent_watch_fn(void *ctx);
void consent_watch(struct store *s, consent_watch_fn *fn, void *ctx);

struct consent_row { // strings borrowed during the call
    int64_t id, given_ms, expires_ms, ended_ms;
    const char *kind, *audience;
    enum consent_direction direction;
    const char *workspace; // NULL: any
    const char *given_by, *ended_by;
    int64_t text_version;
    bool asks_again; // its words are not today's: it lets nothing through
    const char *url; // import only: where the backend was that it was given for
};
typedef int consent_fn(void *ctx, const struct consent_row *row, struct err *err);
// Standing grants (also expired ones that housekeeping has not ended yet), or with `history` ended
// ones, newest first. `audience` NULL: all.
int consent_each(struct db *db, bool history, const char *audience, int64_t limit, consent_fn *fn,
                 void *ctx, struct err *err);

// A friend or group is no more: ends all that federation's grants let it. Audited with `why`.
int consent_forget(struct store *s, const struct origin *origin, const char *audience,
                   const char *why, int64_t *ret_ended, struct err *err);
// A friend's identity was rotated, and has proved it: its grants name the new key from now on.
// Where that has one of its own already, the old one ends. Audited. ERR_INVAL: not two friends.
int consent_rename(struct store *s, const char *from, const char *to, struct err *err);

// --- inside store_write
// Ends all grants to this audience; `why`: "changed".
int consent_end_audience(struct db *db, const char *kind, const char *audience, const char *why,
                         int64_t now_ms, struct err *err);
// As it was exported, if its backend is known and at the place that it was given for. *ret_added:
// false when it is not, when its words are not today's, or when the same, or a later decision about
// it, is known. Grants of federation are never added: a file is nobody who was shown the words.
int consent_import(struct db *db, const struct consent_row *row, int64_t now_ms, bool *ret_added,
                   struct err *err);
// Ends what has expired, drops the oldest history (housekeeping).
int consent_tidy(struct db *db, int64_t now_ms, struct err *err);
