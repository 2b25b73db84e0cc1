#include "core/store/consent.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/consent_impl.h"
#include "core/store/store_impl.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char *const directions[CONSENT_DIRECTIONS] = {"out", "in"};

const char *consent_direction_name(enum consent_direction d) {
    return directions[d];
}

// --- passes -------------------------------------------------------------------------------------

// The order is what it rests on: a check reads the generation before its snapshot begins, a change
// raises it after its commit. Who read the old state therefore has the old number.
void consent_changed(struct store *s) {
    atomic_fetch_add(&s->consent_generation, 1);
    (void)pthread_mutex_lock(&s->consent_lock);
    if (s->consent_watch)
        s->consent_watch(s->consent_watch_ctx);
    (void)pthread_mutex_unlock(&s->consent_lock);
}

uint64_t consent_generation(struct store *s) {
    return atomic_load(&s->consent_generation);
}

void consent_watch(struct store *s, consent_watch_fn *fn, void *ctx) {
    (void)pthread_mutex_lock(&s->consent_lock);
    s->consent_watch = fn;
    s->consent_watch_ctx = ctx;
    (void)pthread_mutex_unlock(&s->consent_lock);
}

bool consent_stands(struct store *s, const struct consent_pass *pass, int64_t now_ms) {
    return pass->grant && (!pass->expires_ms || now_ms < pass->expires_ms) &&
           store_state(s) == STORE_OPEN && atomic_load(&s->consent_generation) == pass->generation;
}

// One that stands, of today's words or (`outdated`) of others.
static int find(struct db *db, const struct consent_what *what, int64_t now_ms, bool outdated,
                struct consent_pass *ret, struct err *err) {
    uint8_t hash[CONSENT_HASH_BYTES];
    if (!consent_hash(what->kind, what->direction, hash))
        return 0;
    const struct db_value of[] = {db_text(what->kind),
                                  db_text(what->audience),
                                  db_text(directions[what->direction]),
                                  db_text(what->workspace ? what->workspace : ""),
                                  db_int(now_ms),
                                  db_blob(hash, sizeof hash),
                                  db_int(!outdated)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db,
                         "SELECT id, expires_ms FROM consent WHERE kind = ?1 AND audience = ?2 AND "
                         "direction = ?3 AND scope IN (?4, '') AND ended_ms = 0 AND (expires_ms = "
                         "0 OR expires_ms > ?5) AND (text_hash = ?6) = ?7 ORDER BY scope DESC "
                         "LIMIT 1",
                         of, COUNT_OF(of), &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        ret->grant = db_col_int(rows, 0);
        ret->expires_ms = db_col_int(rows, 1);
    }
    db_rows_close(rows);
    return r;
}

static int refuse(const struct consent_what *what, bool outdated, struct err *err) {
    const char *why = outdated ? "the words that were agreed to have changed since" : "none stands";
    if (consent_kind_federated(what->kind))
        return err_set(err, ERR_PERM,
                       "no grant for %s, %s, %s: %s; paired consent grant %s %s --%s", what->kind,
                       directions[what->direction], what->audience, why, what->kind, what->audience,
                       directions[what->direction]);
    return err_set(err, ERR_PERM, "nothing of %s may go there%s%s: paired consent grant %s%s",
                   what->workspace ? "this workspace" : "requests without a workspace",
                   outdated ? ", since " : "", outdated ? why : "", what->audience,
                   what->workspace ? "" : " --any");
}

int consent_check(struct store *s, const struct consent_what *what, struct consent_pass *ret,
                  struct err *err) {
    struct db *db = NULL;
    struct consent_pass pass = {.generation = consent_generation(s)}, old;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = find(db, what, s->wall_ms(), false, &pass, err);
    int outdated = r == 0 ? find(db, what, s->wall_ms(), true, &old, NULL) : 0;
    store_reader_put(s, db);
    if (r < 0)
        return r;
    if (r == 0)
        return refuse(what, outdated > 0, err);
    *ret = pass;
    return 0;
}

// --- changing -----------------------------------------------------------------------------------

static bool is_word(const char *s) {
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n && !s[n] && n <= CONSENT_WORD_BYTES_MAX;
}

static bool is_plain(const char *s, size_t max) {
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
            return false;
    return n && n <= max && utf_valid(s, n);
}

static int check_what(const struct consent_what *w, struct err *err) {
    if (!is_word(w->kind) || (unsigned)w->direction >= CONSENT_DIRECTIONS)
        return err_set(err, ERR_INVAL, "consent: no such kind or direction");
    if (!is_plain(w->audience, CONSENT_AUDIENCE_BYTES_MAX))
        return err_set(err, ERR_INVAL, "consent: the audience is not a name");
    if (w->workspace && (w->workspace[0] != '/' || strlen(w->workspace) > CONSENT_PATH_BYTES_MAX))
        return err_set(err, ERR_INVAL, "consent: the workspace is not an absolute path");
    if (w->workspace && w->direction == CONSENT_IN && consent_kind_federated(w->kind) &&
        strcmp(w->kind, CONSENT_TASK) != 0)
        return err_set(err, ERR_INVAL, "consent: what arrives belongs to no workspace of yours");
    return consent_kind_federated(w->kind) ? consent_audience_check(w->kind, w->audience, err) : 0;
}

// What says which words were shown: their version and SHA-256.
static void name_words(const struct consent_row *row, char *out, size_t size) {
    uint8_t hash[CONSENT_HASH_BYTES];
    char hex[2 * CONSENT_HASH_BYTES + 1];
    out[0] = '\0';
    if (!consent_kind_federated(row->kind) || !consent_hash(row->kind, row->direction, hash))
        return;
    (void)sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    (void)snprintf(out, size, "words %d %s", consent_text_of(row->kind)->version, hex);
}

// With federation's kinds the direction, and when it is given the words, are said, too.
static int note_change(struct db *db, enum audit_event event, const struct consent_row *row,
                       const char *why, int64_t now_ms, struct err *err) {
    char purpose[AUDIT_NAME_BYTES_MAX + 1], words[AUDIT_NAME_BYTES_MAX + 1] = "";
    bool federated = consent_kind_federated(row->kind);
    (void)snprintf(purpose, sizeof purpose, "%s%s%s", why, federated ? " " : "",
                   federated ? directions[row->direction] : "");
    if (event == AUDIT_GRANT)
        name_words(row, words, sizeof words);
    const struct audit_entry entry = {.time_ms = now_ms,
                                      .event = event,
                                      .outcome = AUDIT_OK,
                                      .kind = row->kind,
                                      .audience = row->audience,
                                      .purpose = purpose,
                                      .model = words,
                                      .workspace = row->workspace};
    return audit_append(db, &entry, NULL, err);
}

static int end_rows(struct db *db, const struct consent_row *row, bool everywhere, int64_t now_ms,
                    int64_t *ret_ended, struct err *err) {
    const struct db_value of[] = {db_text(row->kind),
                                  db_text(row->audience),
                                  db_text(directions[row->direction]),
                                  db_text(row->workspace ? row->workspace : ""),
                                  db_int(everywhere),
                                  db_int(now_ms),
                                  db_text(row->ended_by)};
    int r = db_run(db,
                   "UPDATE consent SET ended_ms = ?6, ended_by = ?7 WHERE kind = ?1 AND audience = "
                   "?2 AND direction = ?3 AND (scope = ?4 OR ?5 <> 0) AND ended_ms = 0",
                   of, 7, err);
    *ret_ended = r == 0 ? db_changes(db) : 0;
    return r;
}

static int insert_row(struct db *db, const struct consent_row *row, const uint8_t *hash,
                      struct err *err) {
    const struct db_value of[] = {db_text(row->kind),
                                  db_text(row->audience),
                                  db_text(directions[row->direction]),
                                  db_text(row->workspace ? row->workspace : ""),
                                  db_int(row->given_ms),
                                  db_int(row->expires_ms),
                                  db_text(row->given_by),
                                  db_int(row->text_version),
                                  db_blob(hash, CONSENT_HASH_BYTES)};
    int64_t standing = 0;
    int r =
        db_one_int(db, "SELECT count(*) FROM consent WHERE ended_ms = 0", NULL, 0, &standing, err);
    if (r < 0)
        return r;
    if (standing >= CONSENT_STANDING_MAX)
        return err_set(err, ERR_LIMIT, "at most %d grants can stand at a time",
                       CONSENT_STANDING_MAX);
    return db_run(db,
                  "INSERT INTO consent (kind, audience, direction, scope, given_ms, expires_ms, "
                  "given_by, text_version, text_hash, ended_ms, ended_by) VALUES (?1, ?2, ?3, ?4, "
                  "?5, ?6, ?7, ?8, ?9, 0, '')",
                  of, 9, err);
}

struct change {
    struct consent_row row;
    uint8_t hash[CONSENT_HASH_BYTES];
    bool everywhere;
    int64_t now_ms, ended;
};

static int grant_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct change *c = ctx;
    struct consent_row before = c->row;
    (void)result;
    before.ended_by = "replaced";
    int r = end_rows(db, &before, false, c->now_ms, &c->ended, err);
    if (r == 0)
        r = insert_row(db, &c->row, c->hash, err);
    return r < 0 ? r : note_change(db, AUDIT_GRANT, &c->row, "granted", c->now_ms, err);
}

int consent_grant(struct store *s, const struct origin *origin, const struct consent_what *what,
                  int64_t expires_ms, const char *given_by, struct err *err) {
    int64_t now_ms = s->wall_ms();
    int r = check_what(what, err);
    if (r < 0)
        return r;
    const struct consent_text *text = consent_text_of(what->kind);
    if (!text)
        return err_set(err, ERR_INVAL, "consent: no such kind: %s", what->kind);
    if (expires_ms && expires_ms <= now_ms)
        return err_set(err, ERR_INVAL, "consent: it would have expired already");
    struct change c = {.row = {.given_ms = now_ms,
                               .expires_ms = expires_ms,
                               .kind = what->kind,
                               .audience = what->audience,
                               .direction = what->direction,
                               .workspace = what->workspace,
                               .given_by = given_by,
                               .text_version = text->version},
                       .now_ms = now_ms};
    (void)consent_hash(what->kind, what->direction, c.hash);
    r = store_write(s, origin, grant_in, &c, NULL, NULL, err);
    consent_changed(s);
    return r;
}

struct revoked { // recorded: a repeat answers the same
    int64_t ended;
    int64_t still;
};

static int revoke_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct change *c = ctx;
    struct consent_pass still;
    const struct consent_what what = {c->row.kind, c->row.audience, c->row.direction,
                                      c->row.workspace};
    int r = end_rows(db, &c->row, c->everywhere, c->now_ms, &c->ended, err);
    if (r == 0 && c->ended)
        r = note_change(db, AUDIT_REVOKE, &c->row, "revoked", c->now_ms, err);
    if (r == 0)
        r = find(db, &what, c->now_ms, false, &still, err);
    if (r < 0)
        return r;
    const struct revoked found = {c->ended, r > 0};
    return buf_append(result, &found, sizeof found);
}

int consent_revoke(struct store *s, const struct origin *origin, const struct consent_what *what,
                   bool everywhere, int64_t *ret_ended, bool *ret_still, struct err *err) {
    int r = check_what(what, err);
    if (r < 0)
        return r;
    struct change c = {.row = {.kind = what->kind,
                               .audience = what->audience,
                               .direction = what->direction,
                               .workspace = what->workspace,
                               .ended_by = "revoked"},
                       .everywhere = everywhere,
                       .now_ms = s->wall_ms()};
    AUTO_BUF result = BUF_INIT(sizeof(struct revoked));
    struct revoked found;
    r = store_write(s, origin, revoke_in, &c, &result, NULL, err);
    consent_changed(s);
    if (r < 0)
        return r;
    if (result.len != sizeof found)
        return err_set(err, ERR_CORRUPT, "what was recorded of this revocation is damaged");
    memcpy(&found, result.data, sizeof found);
    *ret_ended = found.ended;
    *ret_still = found.still != 0;
    return 0;
}

struct forgetting {
    const char *audience, *why;
    int64_t now_ms;
};

static int forget_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct forgetting *f = ctx;
    const struct db_value of = db_text(f->audience);
    int64_t ended = 0;
    int r = db_one_int(db,
                       "SELECT count(*) FROM consent WHERE audience = ?1 AND ended_ms = 0 AND kind "
                       "<> '" CONSENT_BACKEND "'",
                       &of, 1, &ended, err);
    const char *kind;
    for (size_t i = 0; r >= 0 && (kind = consent_kind_at(i)) != NULL; i++)
        r = consent_end_audience(db, kind, f->audience, f->why, f->now_ms, err);
    return r < 0 ? r : buf_append(result, &ended, sizeof ended);
}

int consent_forget(struct store *s, const struct origin *origin, const char *audience,
                   const char *why, int64_t *ret_ended, struct err *err) {
    struct forgetting f = {audience, why, s->wall_ms()};
    AUTO_BUF result = BUF_INIT(sizeof(int64_t));
    int r = store_write(s, origin, forget_in, &f, &result, NULL, err);
    consent_changed(s);
    if (r < 0)
        return r;
    if (result.len != sizeof *ret_ended)
        return err_set(err, ERR_CORRUPT, "what was recorded of this end of grants is damaged");
    memcpy(ret_ended, result.data, sizeof *ret_ended);
    return 0;
}

struct renaming {
    const char *from, *to;
    int64_t now_ms;
};

// For one kind and direction, in the log as an end and a beginning.
static int note_rename(struct db *db, const struct renaming *n, const char *kind, int direction,
                       struct err *err) {
    struct consent_row row = {
        .kind = kind, .audience = n->from, .direction = (enum consent_direction)direction};
    const struct db_value of[] = {db_text(kind), db_text(n->from), db_text(directions[direction])};
    int64_t standing = 0;
    int r = db_one_int(db,
                       "SELECT count(*) FROM consent WHERE kind = ?1 AND audience = ?2 AND "
                       "direction = ?3 AND ended_ms = 0",
                       of, 3, &standing, err);
    if (r < 0 || !standing)
        return r < 0 ? r : 0;
    r = note_change(db, AUDIT_REVOKE, &row, "rotated", n->now_ms, err);
    row.audience = n->to;
    return r < 0 ? r : note_change(db, AUDIT_GRANT, &row, "rotated", n->now_ms, err);
}

static int rename_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct renaming *n = ctx;
    const struct db_value of[] = {db_text(n->from), db_text(n->to), db_int(n->now_ms)};
    const char *kind;
    int r = 0;
    (void)result;
    for (size_t i = 0; r == 0 && (kind = consent_kind_at(i)) != NULL; i++)
        for (int d = 0; r == 0 && d < CONSENT_DIRECTIONS; d++)
            r = note_rename(db, n, kind, d, err);
    if (r == 0)
        r = db_run(db,
                   "UPDATE OR IGNORE consent SET audience = ?2 WHERE audience = ?1 AND ended_ms = "
                   "0",
                   of, 2, err);
    return r < 0 ? r
                 : db_run(db,
                          "UPDATE consent SET ended_ms = ?3, ended_by = 'replaced' WHERE audience "
                          "= ?1 AND ended_ms = 0",
                          of, 3, err);
}

int consent_rename(struct store *s, const char *from, const char *to, struct err *err) {
    struct renaming n = {from, to, s->wall_ms()};
    uint8_t key[CONSENT_IDENTITY_BYTES];
    if (!consent_friend_key(from, key) || !consent_friend_key(to, key))
        return err_set(err, ERR_INVAL, "consent: grants go from one key of a friend to another");
    int r = store_write(s, NULL, rename_in, &n, NULL, NULL, err);
    consent_changed(s);
    return r;
}

// --- inside store_write -------------------------------------------------------------------------

int consent_end_audience(struct db *db, const char *kind, const char *audience, const char *why,
                         int64_t now_ms, struct err *err) {
    for (int d = 0; d < CONSENT_DIRECTIONS; d++) {
        const struct consent_row row = {.kind = kind,
                                        .audience = audience,
                                        .direction = (enum consent_direction)d,
                                        .ended_by = why};
        int64_t ended = 0;
        int r = end_rows(db, &row, true, now_ms, &ended, err);
        if (r == 0 && ended)
            r = note_change(db, AUDIT_REVOKE, &row, why, now_ms, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// A decision made here after the exported one was given weighs more: what was revoked since stays
// so.
int consent_import(struct db *db, const struct consent_row *row, int64_t now_ms, bool *ret_added,
                   struct err *err) {
    const struct consent_what what = {row->kind, row->audience, row->direction, row->workspace};
    const struct consent_text *text = consent_text_of(row->kind);
    const struct db_value of[] = {
        db_text(row->kind), db_text(row->audience), db_text(directions[row->direction]),
        db_text(row->workspace ? row->workspace : ""), db_int(row->given_ms)};
    uint8_t hash[CONSENT_HASH_BYTES];
    int64_t one = 0;
    *ret_added = false;
    int r = check_what(&what, err);
    if (r < 0)
        return r;
    if (!text || text->version != row->text_version || consent_kind_federated(row->kind) ||
        (row->expires_ms && row->expires_ms <= now_ms))
        return 0;
    r = db_one_int(db,
                   "SELECT 1 FROM consent WHERE kind = ?1 AND audience = ?2 AND direction = ?3 AND "
                   "scope = ?4 AND (ended_ms = 0 OR ended_ms >= ?5)",
                   of, 5, &one, err);
    if (r != 0)
        return r < 0 ? r : 0;
    const struct db_value place[] = {db_text(row->audience), db_text(row->url)};
    r = db_one_int(db, "SELECT 1 FROM backend WHERE name = ?1 AND url = ?2", place, 2, &one, err);
    if (r <= 0)
        return r;
    (void)consent_hash(row->kind, row->direction, hash);
    r = insert_row(db, row, hash, err);
    if (r == 0)
        r = note_change(db, AUDIT_GRANT, row, "imported", now_ms, err);
    *ret_added = r == 0;
    return r;
}

int consent_tidy(struct db *db, int64_t now_ms, struct err *err) {
    const struct db_value now = db_int(now_ms), most = db_int(CONSENT_ENDED_MAX);
    int r = db_run(db,
                   "UPDATE consent SET ended_ms = expires_ms, ended_by = 'expired' WHERE ended_ms "
                   "= 0 AND expires_ms > 0 AND expires_ms <= ?1",
                   &now, 1, err);
    return r < 0 ? r
                 : db_run(db,
                          "DELETE FROM consent WHERE id IN (SELECT id FROM consent WHERE ended_ms "
                          "> 0 ORDER BY ended_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
                          &most, 1, err);
}

// --- reading ------------------------------------------------------------------------------------

#define COLUMNS                                                                                    \
    "SELECT id, kind, audience, direction, scope, given_ms, expires_ms, given_by, text_version, "  \
    "ended_ms, ended_by, text_hash FROM consent "

static const char standing_sql[] =
    COLUMNS "WHERE ended_ms = 0 AND (?1 IS NULL OR audience = ?1) ORDER BY kind, audience, "
            "direction, scope LIMIT ?2";
static const char history_sql[] =
    COLUMNS "WHERE ended_ms > 0 AND (?1 IS NULL OR audience = ?1) ORDER BY ended_ms DESC, id DESC "
            "LIMIT ?2";

static bool words_are_todays(const struct consent_row *row, struct db_rows *rows, int col) {
    uint8_t hash[CONSENT_HASH_BYTES];
    size_t n = 0;
    const void *kept = db_col_blob(rows, col, &n);
    return kept && n == sizeof hash && row->kind && consent_hash(row->kind, row->direction, hash) &&
           memcmp(kept, hash, n) == 0;
}

int consent_each(struct db *db, bool history, const char *audience, int64_t limit, consent_fn *fn,
                 void *ctx, struct err *err) {
    const struct db_value of[] = {db_text(audience), db_int(limit)};
    struct db_rows *rows = NULL;
    int r = db_rows_open(db, history ? history_sql : standing_sql, of, 2, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        const char *direction = db_col_text(rows, 3, NULL);
        const char *scope = db_col_text(rows, 4, NULL);
        struct consent_row row = {
            .id = db_col_int(rows, 0),
            .kind = db_col_text(rows, 1, NULL),
            .audience = db_col_text(rows, 2, NULL),
            .direction = direction && strcmp(direction, "in") == 0 ? CONSENT_IN : CONSENT_OUT,
            .workspace = scope && scope[0] ? scope : NULL,
            .given_ms = db_col_int(rows, 5),
            .expires_ms = db_col_int(rows, 6),
            .given_by = db_col_text(rows, 7, NULL),
            .text_version = db_col_int(rows, 8),
            .ended_ms = db_col_int(rows, 9),
            .ended_by = db_col_text(rows, 10, NULL)};
        row.asks_again = !words_are_todays(&row, rows, 11);
        r = fn(ctx, &row, err);
    }
    db_rows_close(rows);
    return r;
}
