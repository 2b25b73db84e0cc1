// Reading an export. Everything is verified before the first write: the manifest, every file's
// size, hash and line count, every line's members. Then one transaction takes it all in, reading
// (and hashing) a second time, so that a file changed in between undoes the import as well.
#include "core/base/mem.h"
#include "core/store/export.h"
#include "core/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024 };

// --- lines of a file ----------------------------------------------------------------------------

struct source {
    const char *name;
    int fd;
    const struct export_file *promised; // of the manifest
};

typedef int line_fn(void *ctx, const char *line, size_t n, struct err *err);

// Hands out what ends with a newline; keeps the rest.
static int take_lines(struct buf *pending, line_fn *fn, void *ctx, const struct source *src,
                      int64_t *lines, struct err *err) {
    size_t start = 0;
    const char *end;
    while ((end = memchr(pending->data + start, '\n', pending->len - start))) {
        size_t n = (size_t)(end - (pending->data + start));
        ++*lines;
        int r = fn(ctx, pending->data + start, n, err);
        if (r < 0)
            return err_context(err, r, "%s:%lld", src->name, (long long)*lines);
        start += n + 1;
    }
    buf_consume(pending, start);
    if (pending->len > EXPORT_LINE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s:%lld: the line is longer than %d bytes", src->name,
                       (long long)*lines + 1, EXPORT_LINE_BYTES_MAX);
    return 0;
}

static int read_chunk(const struct source *src, struct buf *pending, int64_t at,
                      crypto_generichash_state *hash, size_t *ret_n, struct err *err) {
    if (buf_reserve(pending, CHUNK_BYTES) < 0)
        return err_set(err, ERR_NOMEM, "out of memory for %s", src->name);
    ssize_t n;
    do
        n = pread(src->fd, pending->data + pending->len, CHUNK_BYTES, at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno(err, errno, "%s cannot be read", src->name);
    (void)crypto_generichash_update(hash, (unsigned char *)pending->data + pending->len, (size_t)n);
    pending->len += (size_t)n;
    *ret_n = (size_t)n;
    return 0;
}

static int compare(const struct source *src, crypto_generichash_state *hash, int64_t bytes,
                   int64_t lines, size_t rest, struct err *err) {
    unsigned char sum[EXPORT_HASH_BYTES];
    char hex[2 * EXPORT_HASH_BYTES + 1];
    (void)crypto_generichash_final(hash, sum, sizeof sum);
    (void)sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
    const struct export_file *p = src->promised;
    if (bytes != p->bytes || !text_is(p->blake2b, hex))
        return err_set(err, ERR_CORRUPT,
                       "%s is not the file the manifest describes (its hash differs): nothing was "
                       "imported",
                       src->name);
    if (rest)
        return err_set(err, ERR_CORRUPT, "%s: the last line does not end", src->name);
    if (lines != p->lines)
        return err_set(err, ERR_CORRUPT, "%s has %lld lines, the manifest says %lld", src->name,
                       (long long)lines, (long long)p->lines);
    return 0;
}

static int each_line(const struct source *src, line_fn *fn, void *ctx, struct err *err) {
    AUTO_BUF pending = BUF_INIT(CHUNK_BYTES + EXPORT_LINE_BYTES_MAX + 1);
    crypto_generichash_state hash;
    (void)crypto_generichash_init(&hash, NULL, 0, EXPORT_HASH_BYTES);
    int64_t bytes = 0, lines = 0;
    size_t n = 0;
    do {
        int r = read_chunk(src, &pending, bytes, &hash, &n, err);
        if (r < 0)
            return r;
        bytes += (int64_t)n;
        if (bytes > src->promised->bytes)
            break; // longer than promised: compare says so
        r = take_lines(&pending, fn, ctx, src, &lines, err);
        if (r < 0)
            return r;
    } while (n);
    return compare(src, &hash, bytes, lines, pending.len, err);
}

// --- the folder ---------------------------------------------------------------------------------

enum { FILES = 5, FILES_OF_VERSION_1 = 2, FILES_OF_VERSION_2 = 4 };

struct import {
    struct export_manifest manifest;
    struct source files[FILES];
    int64_t added, known;
};

static int open_plain_file(int dir, const char *name, int64_t *ret_bytes, int *ret_fd,
                           struct err *err) {
    // NONBLOCK: a pipe in its place must not make us wait.
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_INVAL, "the export's file %s is a symbolic link", name);
    if (fd < 0)
        return err_errno(err, errno, "the export's file %s cannot be opened", name);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return err_set(err, ERR_INVAL, "the export's file %s is not a plain file", name);
    }
    *ret_bytes = st.st_size;
    *ret_fd = fd;
    return 0;
}

static int read_manifest(int dir, struct export_manifest *ret, struct err *err) {
    int fd = -1;
    int64_t bytes = 0;
    int r = open_plain_file(dir, EXPORT_MANIFEST, &bytes, &fd, err);
    if (r < 0)
        return r;
    if (bytes > EXPORT_MANIFEST_BYTES_MAX) {
        (void)close(fd);
        return err_set(err, ERR_LIMIT, EXPORT_MANIFEST " has more than %d bytes",
                       EXPORT_MANIFEST_BYTES_MAX);
    }
    AUTO_FREE char *text = mem_alloc((size_t)bytes + 1);
    ssize_t n = text ? pread(fd, text, (size_t)bytes, 0) : 0;
    int e = errno;
    (void)close(fd);
    if (!text)
        return err_set(err, ERR_NOMEM, "out of memory for " EXPORT_MANIFEST);
    if (n < 0)
        return err_errno(err, e, EXPORT_MANIFEST " cannot be read");
    return export_manifest_decode(text, (size_t)n, ret, err);
}

// Exactly the files of the format's version, each once.
static size_t files_of(const struct import *im) {
    return im->manifest.version == 1   ? FILES_OF_VERSION_1
           : im->manifest.version == 2 ? FILES_OF_VERSION_2
                                       : FILES;
}

static struct source *source_named(struct import *im, struct text name) {
    for (size_t i = 0; i < files_of(im); i++)
        if (text_is(name, im->files[i].name))
            return &im->files[i];
    return NULL;
}

static int assign_files(struct import *im, struct err *err) {
    const struct export_file *files = im->manifest.files.items;
    for (size_t i = 0; i < im->manifest.files.count; i++) {
        struct source *src = source_named(im, files[i].name);
        if (!src || src->promised)
            return err_set(err, ERR_PARSE, EXPORT_MANIFEST ": files[%zu]: unknown or repeated name",
                           i);
        src->promised = &files[i];
    }
    for (size_t i = 0; i < files_of(im); i++)
        if (!im->files[i].promised)
            return err_set(err, ERR_PARSE, EXPORT_MANIFEST ": %s is missing in files",
                           im->files[i].name);
    return 0;
}

static int open_source(int dir, struct source *src, struct err *err) {
    int64_t bytes = 0;
    int r = open_plain_file(dir, src->name, &bytes, &src->fd, err);
    if (r == 0 && bytes != src->promised->bytes)
        r = err_set(err, ERR_CORRUPT, "%s has %lld bytes, the manifest says %lld", src->name,
                    (long long)bytes, (long long)src->promised->bytes);
    return r;
}

static int open_all(const char *path, struct import *im, struct err *err) {
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, errno, "the export's folder %s cannot be opened", path);
    int r = read_manifest(dir, &im->manifest, err);
    if (r == 0)
        r = assign_files(im, err);
    for (size_t i = 0; r == 0 && i < files_of(im); i++)
        r = open_source(dir, &im->files[i], err);
    (void)close(dir);
    return r;
}

static void close_all(struct import *im) {
    for (size_t i = 0; i < FILES; i++)
        if (im->files[i].fd >= 0)
            (void)close(im->files[i].fd);
    export_manifest_done(&im->manifest);
}

// --- both readings ------------------------------------------------------------------------------

typedef int decode_fn(const char *line, size_t n, struct export_record *ret, struct err *err);

static int verify_line(void *ctx, const char *line, size_t n, struct err *err) {
    decode_fn *const *decode = ctx;
    struct export_record record;
    int r = (*decode)(line, n, &record, err);
    if (r == 0)
        export_record_done(&record);
    return r;
}

struct insert {
    struct db *db;
    int64_t now_ms;
    struct import *import;
};

static int insert_note(void *ctx, const char *line, size_t n, struct err *err) {
    struct insert *in = ctx;
    struct export_record record;
    int r = export_note_decode(line, n, &record, err);
    if (r < 0)
        return r;
    bool added = false;
    r = memory_import(in->db, &record.note, &added, err);
    export_record_done(&record);
    in->import->added += r == 0 && added;
    in->import->known += r == 0 && !added;
    return r;
}

static int insert_handoff(void *ctx, const char *line, size_t n, struct err *err) {
    struct insert *in = ctx;
    struct export_record record;
    int r = export_handoff_decode(line, n, &record, err);
    if (r < 0)
        return r;
    const struct db_value uid = db_text(record.handoff.uid);
    int64_t one;
    r = db_one_int(in->db, "SELECT 1 FROM handoffs WHERE uid = ?1", &uid, 1, &one, err);
    in->import->known += r > 0;
    if (r == 0) {
        r = handoff_save(in->db, &record.handoff, err);
        in->import->added += r == 0;
    }
    export_record_done(&record);
    return r < 0 ? r : 0;
}

static int insert_grant(void *ctx, const char *line, size_t n, struct err *err) {
    struct insert *in = ctx;
    struct export_record record;
    bool added = false;
    int r = export_grant_decode(line, n, &record, err);
    if (r < 0)
        return r;
    r = consent_import(in->db, &record.grant, in->now_ms, &added, err);
    export_record_done(&record);
    in->import->added += r == 0 && added;
    in->import->known += r == 0 && !added;
    return r;
}

static int insert_backend(void *ctx, const char *line, size_t n, struct err *err) {
    struct insert *in = ctx;
    struct export_record record;
    bool added = false;
    int r = export_backend_decode(line, n, &record, err);
    if (r < 0)
        return r;
    r = backend_import(in->db, &record.backend, in->now_ms, &added, err);
    export_record_done(&record);
    in->import->added += r == 0 && added;
    in->import->known += r == 0 && !added;
    return r;
}

static int insert_agent(void *ctx, const char *line, size_t n, struct err *err) {
    struct insert *in = ctx;
    struct export_record record;
    bool added = false;
    int r = export_agent_decode(line, n, &record, err);
    if (r < 0)
        return r;
    const struct agent_store_row row = {.workspace = record.agent.workspace,
                                        .key = record.agent.key,
                                        .value = record.agent.value,
                                        .value_bytes = record.agent.value_bytes,
                                        .changed_ms = record.agent.changed_ms};
    r = agent_store_import(in->db, record.agent.agent, &row, &added, err);
    export_record_done(&record);
    in->import->added += r == 0 && added;
    in->import->known += r == 0 && !added;
    return r;
}

static const struct {
    const char *name;
    decode_fn *decode;
    line_fn *insert;
} kinds[FILES] = {
    {EXPORT_NOTES, export_note_decode, insert_note},
    {EXPORT_HANDOFFS, export_handoff_decode, insert_handoff},
    {EXPORT_BACKENDS, export_backend_decode, insert_backend},
    {EXPORT_GRANTS, export_grant_decode, insert_grant}, // each is tied to its backend
    {EXPORT_AGENTS, export_agent_decode, insert_agent},
};

struct insert_call {
    struct import *import;
    int64_t now_ms;
};

static int insert_all(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct insert_call *call = ctx;
    struct import *im = call->import;
    struct insert in = {db, call->now_ms, im};
    (void)result;
    im->added = im->known = 0; // it may be run again
    int r = 0;
    for (size_t i = 0; r == 0 && i < files_of(im); i++)
        r = each_line(&im->files[i], kinds[i].insert, &in, err);
    return r;
}

static int import_all(struct store *s, const char *path, struct import *im, struct err *err) {
    struct insert_call call = {im, s->wall_ms()};
    int r = open_all(path, im, err);
    for (size_t i = 0; r == 0 && i < files_of(im); i++) {
        decode_fn *decode = kinds[i].decode;
        r = each_line(&im->files[i], verify_line, &decode, err);
    }
    if (r < 0)
        return r;
    r = writer_write(s->writer, NULL, insert_all, &call, NULL, NULL, err);
    consent_changed(s);
    return r;
}

int store_import(struct store *s, const char *path, json_t **ret_counts, struct err *err) {
    int r = store_upkeep_begin_write(s, err);
    if (r < 0)
        return r;
    struct import im = {0};
    for (size_t i = 0; i < FILES; i++)
        im.files[i] = (struct source){.name = kinds[i].name, .fd = -1};
    r = import_all(s, path, &im, err);
    close_all(&im);
    store_upkeep_end(s);
    if (r < 0 || !ret_counts)
        return r;
    json_t *counts =
        json_pack("{s:I, s:I}", "added", (json_int_t)im.added, "known", (json_int_t)im.known);
    if (!counts)
        return err_set(err, ERR_NOMEM, "the import is done, but there is no memory for its report");
    *ret_counts = counts;
    return 0;
}
