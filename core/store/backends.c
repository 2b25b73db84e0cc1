#include "core/store/backends.h"

#include "core/base/mem.h"
#include "core/store/backends_impl.h"
#include "core/store/consent.h"
#include "core/store/store_impl.h"

#include <stdio.h>
#include <string.h>

// --- reading ------------------------------------------------------------------------------------

void backend_list_done(struct backend_list *l) {
    for (size_t i = 0; i < l->count; i++)
        mem_free(l->items[i].models);
    mem_free(l->items);
    *l = (struct backend_list){0};
}

static void copy(char *out, size_t size, struct db_rows *rows, int col) {
    const char *text = db_col_text(rows, col, NULL);
    (void)snprintf(out, size, "%s", text ? text : "");
}

static int word_index(const char *const *words, const char *word) {
    for (int i = 0; words[i]; i++)
        if (word && strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static int backend_from(struct db_rows *rows, struct backend *b) {
    int family = word_index(backend_family_names, db_col_text(rows, 1, NULL));
    int key = word_index(backend_key_names, db_col_text(rows, 4, NULL));
    int fim = word_index(backend_fim_names, db_col_text(rows, 10, NULL));
    *b = (struct backend){.family = (enum backend_family)family,
                          .key = (enum backend_key)key,
                          .fim = (enum backend_fim)fim,
                          .key_kept = db_col_int(rows, 6) != 0,
                          .enabled = db_col_int(rows, 7) != 0,
                          .created_ms = db_col_int(rows, 8),
                          .changed_ms = db_col_int(rows, 9)};
    copy(b->name, sizeof b->name, rows, 0);
    copy(b->url, sizeof b->url, rows, 2);
    copy(b->account, sizeof b->account, rows, 3);
    copy(b->key_env, sizeof b->key_env, rows, 5);
    return family < 0 || key < 0 || fim < 0 ? ERR_CORRUPT : 0;
}

static int read_models(struct db *db, struct backend *b, struct err *err) {
    const struct db_value of[] = {db_text(b->name), db_int(BACKEND_MODELS_MAX)};
    struct db_rows *rows = NULL;
    b->models = mem_alloc(BACKEND_MODELS_MAX * sizeof b->models[0]);
    if (!b->models)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = db_rows_open(db,
                         "SELECT model, price FROM backend_model WHERE backend = ?1 ORDER BY "
                         "position LIMIT ?2",
                         of, 2, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        struct backend_model *m = &b->models[b->model_count++];
        copy(m->name, sizeof m->name, rows, 0);
        copy(m->price, sizeof m->price, rows, 1);
        r = 0;
    }
    db_rows_close(rows);
    return r;
}

static int read_backends(struct db *db, const char *name, struct backend_list *ret,
                         struct err *err) {
    const struct db_value of[] = {db_text(name), db_int(BACKENDS_MAX)};
    struct db_rows *rows = NULL;
    ret->items = mem_alloc((name ? 1 : BACKENDS_MAX) * sizeof ret->items[0]);
    if (!ret->items)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = db_rows_open(db,
                         "SELECT name, family, url, account, key_source, key_env, key_sealed IS "
                         "NOT NULL, enabled, created_ms, changed_ms, fim FROM backend WHERE ?1 IS "
                         "NULL OR name = ?1 ORDER BY name LIMIT ?2",
                         of, 2, &rows, err);
    while (r == 0 && (r = db_rows_next(rows, err)) > 0) {
        r = backend_from(rows, &ret->items[ret->count]);
        if (r < 0)
            r = err_set(err, r, "what is kept of backend %s is damaged",
                        ret->items[ret->count].name);
        else
            ret->count++;
    }
    db_rows_close(rows);
    for (size_t i = 0; r == 0 && i < ret->count; i++)
        r = read_models(db, &ret->items[i], err);
    return r;
}

static int list_or_done(struct db *db, const char *name, struct backend_list *ret,
                        struct err *err) {
    struct backend_list found = {0};
    int r = read_backends(db, name, &found, err);
    if (r < 0)
        backend_list_done(&found);
    else
        *ret = found;
    return r;
}

int backend_list(struct db *db, struct backend_list *ret, struct err *err) {
    return list_or_done(db, NULL, ret, err);
}

static int no_such(const char *name, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "there is no backend %s: paired backends", name);
}

int backend_find(struct db *db, const char *name, struct backend_list *ret, struct err *err) {
    struct backend_list found = {0};
    int r = list_or_done(db, name, &found, err);
    if (r == 0 && !found.count) {
        backend_list_done(&found);
        r = no_such(name, err);
    }
    if (r == 0)
        *ret = found;
    return r;
}

// --- writing ------------------------------------------------------------------------------------

struct put {
    const struct backend *b;
    const uint8_t *sealed; // NULL: leave what is there
    size_t n;
    bool replace;
    int64_t now_ms;
};

static int put_models(struct db *db, const struct backend *b, struct err *err) {
    const struct db_value of = db_text(b->name);
    int r = db_run(db, "DELETE FROM backend_model WHERE backend = ?1", &of, 1, err);
    for (size_t i = 0; r == 0 && i < b->model_count; i++) {
        const struct db_value row[] = {of, db_int((int64_t)i), db_text(b->models[i].name),
                                       db_text(b->models[i].price)};
        r = db_run(db,
                   "INSERT INTO backend_model (backend, position, model, price) VALUES (?1, ?2, "
                   "?3, ?4)",
                   row, 4, err);
    }
    return r;
}

static int check_room(struct db *db, struct err *err) {
    int64_t count = 0;
    int r = db_one_int(db, "SELECT count(*) FROM backend", NULL, 0, &count, err);
    if (r < 0)
        return r;
    return count < BACKENDS_MAX ? 0 : err_set(err, ERR_LIMIT, "at most %d backends", BACKENDS_MAX);
}

static int put_row(struct db *db, const struct put *p, struct err *err) {
    const struct backend *b = p->b;
    const struct db_value row[] = {db_text(b->name),
                                   db_text(backend_family_names[b->family]),
                                   db_text(b->url),
                                   db_text(b->account),
                                   db_text(backend_key_names[b->key]),
                                   db_text(b->key_env),
                                   p->sealed ? db_blob(p->sealed, p->n) : db_null(),
                                   db_int(b->enabled),
                                   db_int(p->now_ms),
                                   db_text(backend_fim_names[b->fim])};
    int r = db_run(
        db,
        "INSERT INTO backend (name, family, url, account, key_source, key_env, "
        "key_sealed, enabled, created_ms, changed_ms, fim) VALUES (?1, ?2, ?3, ?4, ?5, "
        "?6, ?7, ?8, ?9, ?9, ?10) ON CONFLICT (name) DO UPDATE SET family = excluded.family, "
        "url = excluded.url, account = excluded.account, key_source = "
        "excluded.key_source, key_env = excluded.key_env, key_sealed = CASE WHEN "
        "excluded.key_source <> 'store' THEN NULL ELSE coalesce(excluded.key_sealed, "
        "backend.key_sealed) END, enabled = excluded.enabled, changed_ms = "
        "excluded.changed_ms, fim = excluded.fim",
        row, 10, err);
    return r < 0 ? r : put_models(db, b, err);
}

// What was granted was granted to that place.
static int settle_before(struct db *db, const struct put *p, const struct backend *before,
                         struct err *err) {
    bool moved = strcmp(before->url, p->b->url) != 0 || before->family != p->b->family;
    if (!p->replace)
        return err_set(err, ERR_EXISTS, "there is a backend %s already: --replace changes it",
                       p->b->name);
    if (p->b->key == BACKEND_KEY_STORE && !p->sealed && (moved || !before->key_kept))
        return err_set(err, ERR_INVAL, "the key is needed again for %s at %s: --key-stdin",
                       p->b->name, p->b->url);
    return moved ? consent_end_audience(db, CONSENT_BACKEND, p->b->name, "changed", p->now_ms, err)
                 : 0;
}

static int put_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct put *p = ctx;
    struct backend_list before = {0};
    (void)result;
    int r = list_or_done(db, p->b->name, &before, err);
    if (r < 0)
        return r;
    if (before.count)
        r = settle_before(db, p, before.items, err);
    else if (p->b->key == BACKEND_KEY_STORE && !p->sealed)
        r = err_set(err, ERR_INVAL, "the key is missing: --key-stdin");
    else
        r = check_room(db, err);
    backend_list_done(&before);
    return r < 0 ? r : put_row(db, p, err);
}

int backend_put(struct store *s, const struct origin *origin, const struct backend *b,
                const char *key, size_t n, bool replace, struct err *err) {
    uint8_t sealed[BACKEND_KEY_BYTES_MAX + BACKEND_SEALED_EXTRA];
    struct backend checked = *b;
    int r = backend_check(&checked, err);
    if (r < 0)
        return r;
    if (key && (checked.key != BACKEND_KEY_STORE || !n || n > BACKEND_KEY_BYTES_MAX))
        return err_set(err, ERR_INVAL, "key: 1 to %d bytes", BACKEND_KEY_BYTES_MAX);
    // It becomes a header's value: nothing in it may end the header.
    for (size_t i = 0; key && i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return err_set(err, ERR_INVAL,
                           "key: it has a space, line end or other character that "
                           "keys do not have");
    r = key ? backend_seal(s, &checked, key, n, sealed, err) : 0;
    if (r < 0)
        return r;
    struct put p = {&checked, key ? sealed : NULL, n + BACKEND_SEALED_EXTRA, replace, s->wall_ms()};
    r = store_write(s, origin, put_in, &p, NULL, NULL, err);
    consent_changed(s);
    return r;
}

struct named {
    const char *name;
    bool enabled;
    int64_t now_ms;
};

static int enable_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct named *n = ctx;
    const struct db_value row[] = {db_text(n->name), db_int(n->enabled), db_int(n->now_ms)};
    (void)result;
    int r =
        db_run(db, "UPDATE backend SET enabled = ?2, changed_ms = ?3 WHERE name = ?1", row, 3, err);
    return r < 0 ? r : db_changes(db) ? 0 : no_such(n->name, err);
}

int backend_enable(struct store *s, const struct origin *origin, const char *name, bool enabled,
                   struct err *err) {
    struct named n = {name, enabled, s->wall_ms()};
    int r = store_write(s, origin, enable_in, &n, NULL, NULL, err);
    consent_changed(s);
    return r;
}

static int remove_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct named *n = ctx;
    const struct db_value of = db_text(n->name);
    int64_t kept = 0;
    (void)result;
    int r = db_one_int(db, "SELECT key_sealed IS NOT NULL FROM backend WHERE name = ?1", &of, 1,
                       &kept, err);
    if (r <= 0)
        return r < 0 ? r : no_such(n->name, err);
    r = db_run(db, "DELETE FROM backend WHERE name = ?1", &of, 1, err);
    if (r == 0)
        r = db_run(db, "DELETE FROM backend_model WHERE backend = ?1", &of, 1, err);
    if (r == 0)
        r = consent_end_audience(db, CONSENT_BACKEND, n->name, "removed", n->now_ms, err);
    return r == 0 && kept ? store_scrub_owe(db, err) : r;
}

int backend_remove(struct store *s, const struct origin *origin, const char *name,
                   struct err *err) {
    struct named n = {.name = name, .now_ms = s->wall_ms()};
    int r = store_write(s, origin, remove_in, &n, NULL, NULL, err);
    consent_changed(s);
    return r;
}

int backend_import(struct db *db, const struct backend *b, int64_t now_ms, bool *ret_added,
                   struct err *err) {
    struct backend checked = *b;
    struct put p = {.b = &checked, .now_ms = now_ms};
    struct backend_list known = {0};
    *ret_added = false;
    int r = backend_check(&checked, err);
    if (r == 0)
        r = list_or_done(db, checked.name, &known, err);
    if (r < 0)
        return r;
    bool is_known = known.count > 0;
    backend_list_done(&known);
    if (is_known)
        return 0;
    checked.enabled = false;
    r = check_room(db, err);
    if (r == 0)
        r = put_row(db, &p, err);
    *ret_added = r == 0;
    return r;
}
