#include "core/base/buf.h"
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/crypto/keyring_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------- text

static void put_hex(struct buf *b, const char *name, const uint8_t *bytes, size_t n) {
    char hex[2 * 64 + 1];
    assert(n <= 64);
    (void)buf_printf(b, "\"%s\":\"%s\"", name, sodium_bin2hex(hex, sizeof hex, bytes, n));
}

static void put_slot(struct buf *b, const struct slot *s) {
    (void)buf_printf(b, "  {\"id\":%lld,\"type\":\"%s\",\"created\":%lld,\"last_used\":%lld,",
                     (long long)s->id, slot_type_names[s->type], (long long)s->created,
                     (long long)s->last_used);
    (void)buf_printf(b, "\"passes\":%u,\"memory\":%llu,", s->passes,
                     (unsigned long long)s->argon_bytes);
    put_hex(b, "salt", s->salt, sizeof s->salt);
    (void)buf_puts(b, ",\n   ");
    put_hex(b, "nonce", s->nonce, sizeof s->nonce);
    (void)buf_puts(b, ",\n   ");
    put_hex(b, "wrapped", s->wrapped, sizeof s->wrapped);
    (void)buf_puts(b, ",\n   ");
    put_hex(b, "commitment", s->commitment, sizeof s->commitment);
    (void)buf_putc(b, '}');
}

static void put_epoch(struct buf *b, const struct epoch *e) {
    (void)buf_printf(b, "  {\"epoch\":%u,\"created\":%lld,", e->number, (long long)e->created);
    put_hex(b, "nonce", e->nonce, sizeof e->nonce);
    (void)buf_puts(b, ",\n   ");
    put_hex(b, "wrapped", e->wrapped, sizeof e->wrapped);
    (void)buf_putc(b, '}');
}

char *keys_file_format(const struct keys_file *f) {
    struct buf b = BUF_INIT(KEYRING_FILE_BYTES_MAX);
    (void)buf_printf(&b, "{\"version\":%d,\n ", KEYRING_VERSION);
    put_hex(&b, "store", f->store_id, sizeof f->store_id);
    (void)buf_printf(&b, ",\n \"next_slot\":%lld,\n \"slots\":[", (long long)f->next_slot);
    for (size_t i = 0; i < f->slots_n; i++) {
        (void)buf_puts(&b, i ? ",\n" : "\n");
        put_slot(&b, &f->slots[i]);
    }
    (void)buf_puts(&b, "],\n \"epochs\":[");
    for (size_t i = 0; i < f->epochs_n; i++) {
        (void)buf_puts(&b, i ? ",\n" : "\n");
        put_epoch(&b, &f->epochs[i]);
    }
    (void)buf_puts(&b, "],\n ");
    put_hex(&b, "mac", f->mac, sizeof f->mac);
    (void)buf_puts(&b, "}\n");
    char *text = buf_take(&b);
    buf_done(&b);
    return text;
}

static int damaged(struct err *err, const char *what) {
    return err_set(err, ERR_CORRUPT,
                   "store.keys is damaged (%s); restore it from a copy, it cannot be rebuilt",
                   what);
}

static int get_hex(const json_t *o, const char *name, uint8_t *out, size_t n) {
    const json_t *v = json_object_get(o, name);
    size_t got = 0;
    if (!json_is_string(v) || json_string_length(v) != 2 * n)
        return ERR_CORRUPT;
    if (sodium_hex2bin(out, n, json_string_value(v), 2 * n, NULL, &got, NULL) != 0 || got != n)
        return ERR_CORRUPT;
    return 0;
}

static int get_int(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *ret) {
    const json_t *v = json_object_get(o, name);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return ERR_CORRUPT;
    *ret = json_integer_value(v);
    return 0;
}

static int get_type(const json_t *o, enum slot_type *ret) {
    const char *name = json_string_value(json_object_get(o, "type"));
    for (int i = 0; name && i < SLOT_TYPES; i++)
        if (strcmp(name, slot_type_names[i]) == 0) {
            *ret = (enum slot_type)i;
            return 0;
        }
    return ERR_CORRUPT;
}

static int parse_slot(const json_t *o, struct slot *s, int64_t next_slot) {
    int64_t passes = 0, memory = 0;
    if (get_int(o, "id", 1, next_slot - 1, &s->id) < 0 || get_type(o, &s->type) < 0 ||
        get_int(o, "created", 0, INT64_MAX, &s->created) < 0 ||
        get_int(o, "last_used", 0, INT64_MAX, &s->last_used) < 0 ||
        get_int(o, "passes", 0, KEYRING_PASSES_MAX, &passes) < 0 ||
        get_int(o, "memory", 0, KEYRING_ARGON_BYTES_MAX, &memory) < 0 ||
        get_hex(o, "salt", s->salt, sizeof s->salt) < 0 ||
        get_hex(o, "nonce", s->nonce, sizeof s->nonce) < 0 ||
        get_hex(o, "wrapped", s->wrapped, sizeof s->wrapped) < 0 ||
        get_hex(o, "commitment", s->commitment, sizeof s->commitment) < 0)
        return ERR_CORRUPT;
    // Weaker parameters than we ever write would only serve somebody who guesses.
    if (slot_needs_pass(s->type)
            ? passes < KEYRING_PASSES || (uint64_t)memory < slot_argon_bytes_floor()
            : passes != 0 || memory != 0)
        return ERR_CORRUPT;
    s->passes = (uint32_t)passes;
    s->argon_bytes = (uint64_t)memory;
    return 0;
}

static int parse_epoch(const json_t *o, struct epoch *e) {
    int64_t number = 0;
    if (get_int(o, "epoch", 1, UINT32_MAX - 1, &number) < 0 ||
        get_int(o, "created", 0, INT64_MAX, &e->created) < 0 ||
        get_hex(o, "nonce", e->nonce, sizeof e->nonce) < 0 ||
        get_hex(o, "wrapped", e->wrapped, sizeof e->wrapped) < 0)
        return ERR_CORRUPT;
    e->number = (uint32_t)number;
    return 0;
}

static int parse_slots(const json_t *list, struct keys_file *f) {
    if (!json_is_array(list) || json_array_size(list) < 1 ||
        json_array_size(list) > KEYRING_SLOTS_MAX)
        return ERR_CORRUPT;
    f->slots_n = json_array_size(list);
    for (size_t i = 0; i < f->slots_n; i++) {
        if (parse_slot(json_array_get(list, i), &f->slots[i], f->next_slot) < 0)
            return ERR_CORRUPT;
        if (i && f->slots[i].id <= f->slots[i - 1].id)
            return ERR_CORRUPT;
    }
    return 0;
}

static int parse_epochs(const json_t *list, struct keys_file *f) {
    if (!json_is_array(list) || json_array_size(list) < 1 ||
        json_array_size(list) > KEYRING_EPOCHS_MAX)
        return ERR_CORRUPT;
    f->epochs_n = json_array_size(list);
    for (size_t i = 0; i < f->epochs_n; i++) {
        if (parse_epoch(json_array_get(list, i), &f->epochs[i]) < 0)
            return ERR_CORRUPT;
        if (i && f->epochs[i].number <= f->epochs[i - 1].number)
            return ERR_CORRUPT;
    }
    return 0;
}

static int parse_root(const json_t *root, struct keys_file *f, struct err *err) {
    int64_t version = 0;
    if (!json_is_object(root) || get_int(root, "version", 1, INT32_MAX, &version) < 0)
        return damaged(err, "no version");
    if (version > KEYRING_VERSION)
        return err_set(err, ERR_VERSION,
                       "store.keys was written by a newer version of paired (format %lld); update "
                       "paired",
                       (long long)version);
    if (get_hex(root, "store", f->store_id, sizeof f->store_id) < 0 ||
        get_int(root, "next_slot", 1, INT64_MAX, &f->next_slot) < 0 ||
        get_hex(root, "mac", f->mac, sizeof f->mac) < 0)
        return damaged(err, "header");
    if (parse_slots(json_object_get(root, "slots"), f) < 0)
        return damaged(err, "slots");
    if (parse_epochs(json_object_get(root, "epochs"), f) < 0)
        return damaged(err, "data keys");
    return 0;
}

int keys_file_parse(const char *text, size_t n, struct keys_file *ret, struct err *err) {
    if (n > KEYRING_FILE_BYTES_MAX)
        return damaged(err, "too large");
    json_error_t why;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return json_error_code(&why) == json_error_out_of_memory
                   ? err_set(err, ERR_NOMEM, "out of memory")
                   : damaged(err, "not JSON");
    memset(ret, 0, sizeof *ret);
    int r = parse_root(root, ret, err);
    json_decref(root);
    return r;
}

// ------------------------------------------------------------------------------------------ files

static int read_all(int fd, char *out, size_t n) {
    size_t at = 0;
    while (at < n) {
        ssize_t got = read(fd, out + at, n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? EIO : errno;
        at += (size_t)got;
    }
    return 0;
}

int keys_read_private(const char *path, size_t max, char **ret, size_t *ret_n, struct err *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "%s cannot be opened", path);
    int r = 0;
    char *bytes = NULL;
    if (fstat(fd, &st) < 0)
        r = err_errno(err, errno, "%s cannot be examined", path);
    else if (!S_ISREG(st.st_mode))
        r = err_set(err, ERR_PERM, "%s is not a regular file", path);
    else if (st.st_uid != geteuid())
        r = err_set(err, ERR_PERM, "%s belongs to another user", path);
    else if (st.st_mode & 077)
        r = err_set(err, ERR_PERM, "%s can be read by others; run: chmod 600 %s", path, path);
    else if (st.st_size < 0 || (uint64_t)st.st_size > max)
        r = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max);
    else if (!(bytes = mem_alloc((size_t)st.st_size + 1)))
        r = err_set(err, ERR_NOMEM, "out of memory");
    int e = r == 0 ? read_all(fd, bytes, (size_t)st.st_size) : 0;
    if (e)
        r = err_errno(err, e, "%s cannot be read", path);
    (void)close(fd);
    if (r < 0) {
        mem_free(bytes);
        return r;
    }
    bytes[st.st_size] = '\0';
    *ret = bytes;
    *ret_n = (size_t)st.st_size;
    return 0;
}

static int sync_dir(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int e = fsync(fd) < 0 && errno != EINVAL ? errno : 0; // EINVAL: this file system has no need
    (void)close(fd);
    return e;
}

int keys_write_private(const char *dir, const char *name, const void *bytes, size_t n,
                       struct err *err) {
    char path[KEYRING_PATH_BYTES_MAX], temporary[KEYRING_PATH_BYTES_MAX];
    int a = snprintf(path, sizeof path, "%s/%s", dir, name);
    int b = snprintf(temporary, sizeof temporary, "%s/%s.new", dir, name);
    if (a < 0 || b < 0 || (size_t)b >= sizeof temporary)
        return err_set(err, ERR_LIMIT, "the path %s is too long", dir);
    // One that a crash left behind; never followed, never trusted.
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, errno, "%s cannot be written", temporary);
    int e = -io_write_all(fd, bytes, n);
    if (!e && fsync(fd) < 0)
        e = errno;
    if (close(fd) < 0 && !e)
        e = errno;
    if (!e && rename(temporary, path) < 0)
        e = errno;
    if (e) {
        (void)unlink(temporary);
        return err_errno(err, e, "%s cannot be written", path);
    }
    e = sync_dir(dir);
    return e ? err_errno(err, e, "%s cannot be made durable", path) : 0;
}

int keys_remove_private(const char *dir, const char *name, struct err *err) {
    char path[KEYRING_PATH_BYTES_MAX];
    static const uint8_t zero[KEYRING_KEY_BYTES];
    int a = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (a < 0 || (size_t)a >= sizeof path)
        return err_set(err, ERR_LIMIT, "the path %s is too long", dir);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        // Helps where the file system overwrites in place; elsewhere nothing more can be done.
        (void)!pwrite(fd, zero, sizeof zero, 0);
        (void)fsync(fd);
        (void)close(fd);
    }
    if (unlink(path) < 0 && errno != ENOENT)
        return err_errno(err, errno, "%s cannot be removed", path);
    int e = sync_dir(dir);
    return e ? err_errno(err, e, "%s cannot be removed", path) : 0;
}
