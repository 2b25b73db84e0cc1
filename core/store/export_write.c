// Writing an export: one snapshot of the store as JSON Lines with a manifest, in a folder of its
// own.
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/store/export.h"
#include "core/store/store_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024 };

// --- a file that is hashed while it is written --------------------------------------------------

struct out_file {
    const char *name;
    int fd;
    struct buf pending;
    crypto_generichash_state hash;
    int64_t lines, bytes;
    char blake2b[2 * EXPORT_HASH_BYTES + 1];
};

static int out_open(int dir, const char *name, struct out_file *f, struct err *err) {
    f->name = name;
    f->pending = BUF_INIT(CHUNK_BYTES + EXPORT_LINE_BYTES_MAX);
    // EXCL follows no link and overwrites nothing.
    f->fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return err_errno(err, errno, "the export's file %s cannot be created", name);
    (void)crypto_generichash_init(&f->hash, NULL, 0, EXPORT_HASH_BYTES);
    return 0;
}

static int out_flush(struct out_file *f, struct err *err) {
    int r = io_write_all(f->fd, f->pending.data, f->pending.len);
    if (r < 0)
        return err_errno(err, -r, "the export's file %s cannot be written", f->name);
    (void)crypto_generichash_update(&f->hash, (const unsigned char *)f->pending.data,
                                    f->pending.len);
    f->bytes += (int64_t)f->pending.len;
    buf_clear(&f->pending);
    return 0;
}

static int out_finish(struct out_file *f, struct err *err) {
    int r = out_flush(f, err);
    if (r < 0)
        return r;
    if (fsync(f->fd) < 0)
        return err_errno(err, errno, "the export's file %s cannot be synced", f->name);
    unsigned char sum[EXPORT_HASH_BYTES];
    (void)crypto_generichash_final(&f->hash, sum, sizeof sum);
    (void)sodium_bin2hex(f->blake2b, sizeof f->blake2b, sum, sizeof sum);
    return 0;
}

static void out_close(struct out_file *f) {
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
    buf_done(&f->pending);
}

// --- rows ---------------------------------------------------------------------------------------

typedef int encode_fn(struct db_rows *rows, struct buf *out);

static void copy_uid(char ret[NOTE_UID_BYTES], struct db_rows *rows, int col) {
    size_t n = 0;
    const char *uid = db_col_text(rows, col, &n);
    if (uid && n < NOTE_UID_BYTES)
        memcpy(ret, uid, n);
}

static int encode_note(struct db_rows *rows, struct buf *out) {
    struct note note = {
        .kind = (enum note_kind)db_col_int(rows, 1),
        .subject = db_col_text(rows, 3, NULL),
        .workspace = db_col_text(rows, 4, NULL),
        .source = db_col_text(rows, 5, NULL),
        .thread = db_col_text(rows, 6, NULL),
        .tags = db_col_text(rows, 7, NULL),
        .created_ms = db_col_int(rows, 8),
        .expires_ms = db_col_int(rows, 9),
    };
    if (note.kind > NOTE_DECISION)
        return ERR_CORRUPT;
    copy_uid(note.uid, rows, 0);
    copy_uid(note.superseded_by, rows, 10);
    note.text = db_col_text(rows, 2, &note.text_bytes);
    return export_note_encode(&note, out);
}

static int encode_handoff(struct db_rows *rows, struct buf *out) {
    struct handoff h = {
        .workspace = db_col_text(rows, 1, NULL),
        .source = db_col_text(rows, 2, NULL),
        .title = db_col_text(rows, 3, NULL),
        .question = db_col_text(rows, 4, NULL),
        .next = db_col_text(rows, 5, NULL),
        .files = db_col_text(rows, 6, NULL),
        .summary = db_col_text(rows, 7, NULL),
        .created_ms = db_col_int(rows, 8),
    };
    copy_uid(h.uid, rows, 0);
    return export_handoff_encode(&h, out);
}

static int word_index(const char *const *words, const char *word) {
    for (int i = 0; words[i]; i++)
        if (word && strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static int encode_grant(struct db_rows *rows, struct buf *out) {
    const char *direction = db_col_text(rows, 2, NULL), *scope = db_col_text(rows, 3, NULL);
    const struct consent_row row = {
        .kind = db_col_text(rows, 0, NULL),
        .audience = db_col_text(rows, 1, NULL),
        .direction = direction && strcmp(direction, "in") == 0 ? CONSENT_IN : CONSENT_OUT,
        .workspace = scope && scope[0] ? scope : NULL,
        .given_ms = db_col_int(rows, 4),
        .expires_ms = db_col_int(rows, 5),
        .given_by = db_col_text(rows, 6, NULL),
        .text_version = db_col_int(rows, 7),
        .url = db_col_text(rows, 8, NULL),
    };
    return row.kind && row.audience ? export_grant_encode(&row, out) : ERR_NOMEM;
}

// Name and price of each model, a line each.
static void split_models(const char *text, struct backend *b) {
    while (text && *text && b->model_count < BACKEND_MODELS_MAX) {
        struct backend_model *m = &b->models[b->model_count++];
        size_t n = strcspn(text, "\n");
        (void)snprintf(m->name, sizeof m->name, "%.*s", (int)n, text);
        text += n + (text[n] != '\0');
        n = strcspn(text, "\n");
        (void)snprintf(m->price, sizeof m->price, "%.*s", (int)n, text);
        text += n + (text[n] != '\0');
    }
}

static void copy_text(char *out, size_t size, struct db_rows *rows, int col) {
    const char *text = db_col_text(rows, col, NULL);
    (void)snprintf(out, size, "%s", text ? text : "");
}

static int encode_backend(struct db_rows *rows, struct buf *out) {
    AUTO_FREE struct backend_model *models = mem_zalloc(BACKEND_MODELS_MAX * sizeof *models);
    int family = word_index(backend_family_names, db_col_text(rows, 1, NULL));
    int key = word_index(backend_key_names, db_col_text(rows, 4, NULL));
    int fim = word_index(backend_fim_names, db_col_text(rows, 7, NULL));
    struct backend b = {.family = (enum backend_family)family,
                        .fim = (enum backend_fim)fim,
                        .key = (enum backend_key)key,
                        .models = models};
    if (!models)
        return ERR_NOMEM;
    if (family < 0 || key < 0 || fim < 0)
        return ERR_CORRUPT;
    copy_text(b.name, sizeof b.name, rows, 0);
    copy_text(b.url, sizeof b.url, rows, 2);
    copy_text(b.account, sizeof b.account, rows, 3);
    copy_text(b.key_env, sizeof b.key_env, rows, 5);
    split_models(db_col_text(rows, 6, NULL), &b);
    return export_backend_encode(&b, out);
}

static int encode_agent(struct db_rows *rows, struct buf *out) {
    struct export_agent a = {.workspace = db_col_text(rows, 0, NULL),
                             .agent = db_col_text(rows, 1, NULL),
                             .key = db_col_text(rows, 2, NULL),
                             .changed_ms = db_col_int(rows, 4)};
    a.value = db_col_text(rows, 3, &a.value_bytes);
    if (!a.workspace || !a.agent || !a.key || !a.value)
        return ERR_NOMEM;
    return agent_store_exported(a.agent, a.key) ? export_agent_encode(&a, out) : 1;
}

static int write_rows(struct db_rows *rows, encode_fn *encode, struct out_file *f,
                      struct err *err) {
    int r;
    while ((r = db_rows_next(rows, err)) > 0) {
        r = encode(rows, &f->pending);
        if (r < 0)
            return err_set(err, r, "line %lld of %s cannot be written: %s", (long long)f->lines + 1,
                           f->name, err_name(r));
        f->lines += r == 0; // 1: not one that is exported
        if (f->pending.len >= CHUNK_BYTES && (r = out_flush(f, err)) < 0)
            return r;
    }
    return r < 0 ? r : out_finish(f, err);
}

// Oldest first and by uid among equals: the same store gives the same bytes, and an import in this
// order numbers the notes by age.
static const char select_notes[] =
    "SELECT n.uid, n.kind, n.text, n.subject, w.path, n.source, n.thread, n.tags, n.created_ms, "
    "n.expires_ms, n.superseded_by FROM note AS n JOIN workspace AS w ON w.id = n.workspace "
    "WHERE n.forgotten = 0 AND (n.expires_ms = 0 OR n.expires_ms > ?1) ORDER BY n.created_ms, "
    "n.uid";
static const char select_handoffs[] =
    "SELECT uid, workspace, source, title, question, next, files, summary, created_ms "
    "FROM handoffs WHERE ?1 > 0 ORDER BY created_ms, uid";

static const char select_grants[] =
    "SELECT kind, audience, direction, scope, given_ms, expires_ms, given_by, text_version, "
    "(SELECT url FROM backend WHERE name = audience AND kind = 'backend') FROM "
    "consent WHERE ended_ms = 0 AND (expires_ms = 0 OR expires_ms > ?1) ORDER BY kind, audience, "
    "direction, scope";
static const char select_backends[] =
    "SELECT name, family, url, account, key_source, key_env, (SELECT group_concat(model || "
    "char(10) || price, char(10)) FROM (SELECT model, price FROM backend_model WHERE backend = "
    "b.name ORDER BY position)), fim FROM backend AS b WHERE ?1 > 0 ORDER BY name";

static const char select_agents[] =
    "SELECT workspace, agent, key, value, changed_ms FROM agent_memory WHERE ?1 > 0 AND agent <> "
    "'acp' ORDER BY workspace, agent, key";

static const struct {
    const char *name, *sql;
    encode_fn *encode;
} tables[] = {
    {EXPORT_NOTES, select_notes, encode_note},
    {EXPORT_HANDOFFS, select_handoffs, encode_handoff},
    {EXPORT_BACKENDS, select_backends, encode_backend},
    {EXPORT_GRANTS, select_grants, encode_grant},
    {EXPORT_AGENTS, select_agents, encode_agent},
};

static int write_table(struct db *db, int dir, const char *name, const char *sql, encode_fn *encode,
                       int64_t now_ms, struct out_file *f, struct err *err) {
    int r = out_open(dir, name, f, err);
    if (r < 0)
        return r;
    struct db_rows *rows = NULL;
    const struct db_value now = db_int(now_ms);
    r = db_rows_open(db, sql, &now, 1, &rows, err);
    if (r == 0)
        r = write_rows(rows, encode, f, err);
    db_rows_close(rows);
    return r;
}

// --- the folder ---------------------------------------------------------------------------------

static int check_empty(int dir, const char *path, struct err *err) {
    int fd = dup(dir);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return err_errno(err, e, "the folder %s cannot be read", path);
    }
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = err_set(err, ERR_EXISTS, "%s is not empty: export into a new folder", path);
    (void)closedir(d);
    return r;
}

// Ours, private, empty and no link: what is exported is in the clear.
static int check_private(int dir, const char *path, struct err *err) {
    struct stat st;
    if (fstat(dir, &st) < 0)
        return err_errno(err, errno, "the folder %s cannot be looked at", path);
    if (st.st_uid != geteuid())
        return err_set(err, ERR_PERM, "%s belongs to another user: export into a new folder", path);
    if ((st.st_mode & 077) != 0)
        return err_set(err, ERR_PERM,
                       "others may enter %s, and an export is readable text: chmod 700 it, or "
                       "export into a new folder",
                       path);
    return check_empty(dir, path, err);
}

static int open_folder(const char *path, int *ret_dir, bool *ret_made, struct err *err) {
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return err_errno(err, errno, "the folder %s cannot be created", path);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 && (errno == ENOTDIR || errno == ELOOP))
        return err_set(err, ERR_EXISTS, "%s is not a folder (or a link to one)", path);
    if (dir < 0)
        return err_errno(err, errno, "the folder %s cannot be opened", path);
    int r = check_private(dir, path, err);
    if (r < 0) {
        (void)close(dir);
        return r;
    }
    *ret_dir = dir;
    *ret_made = made;
    return 0;
}

static int write_manifest(int dir, int64_t schema, int64_t now_ms, const struct out_file *files,
                          size_t count, json_t **ret, struct err *err) {
    struct export_file rows[EXPORT_FILES_MAX];
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct export_file){
            .name = {files[i].name, strlen(files[i].name)},
            .lines = files[i].lines,
            .bytes = files[i].bytes,
            .blake2b = {files[i].blake2b, 2 * EXPORT_HASH_BYTES},
        };
    const struct export_manifest m = {
        .format = {EXPORT_FORMAT, strlen(EXPORT_FORMAT)},
        .version = EXPORT_VERSION,
        .schema = schema,
        .created_ms = now_ms,
        .files = {rows, count},
    };
    json_t *json = NULL;
    int r = export_manifest_encode(&m, &json, err);
    if (r < 0)
        return r;
    char *text = json_dumps(json, JSON_INDENT(2));
    struct out_file f = {.fd = -1};
    r = text ? out_open(dir, EXPORT_MANIFEST, &f, err)
             : err_set(err, ERR_NOMEM, "out of memory for the manifest");
    if (r == 0 && (buf_puts(&f.pending, text) < 0 || buf_putc(&f.pending, '\n') < 0))
        r = err_set(err, ERR_NOMEM, "out of memory for the manifest");
    if (r == 0)
        r = out_finish(&f, err);
    out_close(&f);
    mem_free(text);
    if (r < 0)
        json_decref(json);
    else
        *ret = json;
    return r;
}

static int write_all(struct store *s, struct db *db, int dir, json_t **ret_manifest,
                     struct err *err) {
    struct out_file files[COUNT_OF(tables)];
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        files[i] = (struct out_file){.fd = -1};
    int64_t now_ms = s->wall_ms();
    int r = db_begin(db, false, err); // all files show the same moment
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < COUNT_OF(tables); i++)
        r = write_table(db, dir, tables[i].name, tables[i].sql, tables[i].encode, now_ms, &files[i],
                        err);
    db_rollback(db); // it only read
    if (r == 0)
        r = write_manifest(dir, s->schema_version, now_ms, files, COUNT_OF(files), ret_manifest,
                           err);
    if (r == 0 && fsync(dir) < 0) {
        r = err_errno(err, errno, "the export's folder cannot be synced");
        json_decref(*ret_manifest);
        *ret_manifest = NULL;
    }
    for (size_t i = 0; i < COUNT_OF(files); i++)
        out_close(&files[i]);
    return r;
}

static void remove_started(int dir, const char *path, bool made) {
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        (void)unlinkat(dir, tables[i].name, 0);
    (void)unlinkat(dir, EXPORT_MANIFEST, 0);
    if (made)
        (void)rmdir(path);
}

int store_export(struct store *s, const char *path, json_t **ret_manifest, struct err *err) {
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    int dir = -1;
    bool made = false;
    json_t *manifest = NULL;
    r = open_folder(path, &dir, &made, err);
    if (r == 0) {
        r = write_all(s, db, dir, &manifest, err);
        if (r < 0)
            remove_started(dir, path, made);
        (void)close(dir);
    }
    store_reader_put(s, db);
    if (r < 0)
        return r;
    if (ret_manifest)
        *ret_manifest = manifest;
    else
        json_decref(manifest);
    return 0;
}
