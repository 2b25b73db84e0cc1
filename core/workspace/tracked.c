#include "core/workspace/tracked.h"

#include "core/base/mem.h"

#include <string.h>

enum {
    HEADER_BYTES = 12,
    STAT_BYTES = 40, // ctime, mtime, dev, ino, mode, uid, gid, size
    FLAG_EXTENDED = 0x4000,
    NAME_LENGTH_MASK = 0xfff
};

struct tracked {
    uint32_t count;
    uint32_t *paths; // offsets into pool
    char *pool;      // terminated
};

// Reads from foreign bytes; `failed` is sticky.
struct reader {
    const uint8_t *bytes;
    size_t n, at;
    unsigned version, name_bytes; // of an object
    struct tracked *set;
    size_t pool_bytes, pool_max;
    uint32_t last; // pool offset of the entry before
};

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static size_t last_length(const struct reader *r) {
    return r->set->count ? strlen(r->set->pool + r->last) : 0;
}

static int add_path(struct reader *r, size_t keep, const char *text, size_t n) {
    struct tracked *t = r->set;
    if (keep + n == 0 || keep + n > TRACKED_PATH_BYTES_MAX)
        return ERR_PARSE;
    size_t need = r->pool_bytes + keep + n + 1;
    if (need > UINT32_MAX)
        return ERR_LIMIT;
    if (need > r->pool_max) {
        size_t max = need * 2;
        char *pool = mem_realloc(t->pool, max);
        if (!pool)
            return ERR_NOMEM;
        t->pool = pool;
        r->pool_max = max;
    }
    char *to = t->pool + r->pool_bytes;
    memcpy(to, t->pool + r->last, keep);
    memcpy(to + keep, text, n);
    to[keep + n] = '\0';
    if (t->count) { // conflicts repeat a path, nothing goes backwards
        int order = strcmp(t->pool + r->last, to);
        if (order >= 0)
            return order > 0 ? ERR_PARSE : 0;
    }
    t->paths[t->count++] = r->last = (uint32_t)r->pool_bytes;
    r->pool_bytes = need;
    return 0;
}

// Version 4: how much of the last path's end goes (a number of git's variable-length kind), then
// what follows.
static int read_prefixed(struct reader *r) {
    uint64_t cut = 0;
    for (unsigned digits = 0;; digits++) {
        if (r->at >= r->n || digits > 4)
            return ERR_PARSE;
        uint8_t c = r->bytes[r->at++];
        cut = (digits ? (cut + 1) << 7 : 0) | (c & 0x7f);
        if (!(c & 0x80))
            break;
    }
    size_t before = last_length(r);
    const char *text = (const char *)r->bytes + r->at;
    const char *end = memchr(text, '\0', r->n - r->at);
    if (!end || cut > before)
        return ERR_PARSE;
    r->at += (size_t)(end - text) + 1;
    return add_path(r, before - (size_t)cut, text, (size_t)(end - text));
}

static int read_entry(struct reader *r) {
    size_t start = r->at, fixed = STAT_BYTES + r->name_bytes + 2;
    if (r->n - r->at < fixed + 2)
        return ERR_PARSE;
    const uint8_t *flags_at = r->bytes + r->at + STAT_BYTES + r->name_bytes;
    unsigned flags = (unsigned)flags_at[0] << 8 | flags_at[1];
    if (flags & FLAG_EXTENDED) {
        if (r->version < 3)
            return ERR_PARSE;
        fixed += 2;
    }
    r->at += fixed;
    if (r->version == 4)
        return read_prefixed(r);
    const char *text = (const char *)r->bytes + r->at;
    const char *end = memchr(text, '\0', r->n - r->at);
    size_t n = end ? (size_t)(end - text) : 0;
    size_t said = flags & NAME_LENGTH_MASK;
    if (!end || (said < NAME_LENGTH_MASK && said != n) || (said == NAME_LENGTH_MASK && n < said))
        return ERR_PARSE;
    // 1 to 8 NULs, so that the entry is a multiple of eight long.
    size_t whole = (fixed + n + 8) / 8 * 8;
    if (r->n - start < whole)
        return ERR_PARSE;
    r->at = start + whole;
    return add_path(r, 0, text, n);
}

// Extensions follow the entries up to the checksum; the one that matters says that entries are kept
// elsewhere.
static int read_extensions(struct reader *r) {
    while (r->n - r->at >= r->name_bytes + 8) {
        const uint8_t *head = r->bytes + r->at;
        uint32_t size = be32(head + 4);
        if (memcmp(head, "link", 4) == 0)
            return ERR_UNSUPPORTED;
        if (size > r->n - r->at - 8)
            return ERR_PARSE;
        r->at += 8 + size;
    }
    return r->n - r->at == r->name_bytes ? 0 : ERR_PARSE;
}

static int parse_as(struct reader *r, uint32_t count) {
    r->at = HEADER_BYTES;
    r->set->count = 0;
    r->pool_bytes = 0;
    r->last = 0;
    for (uint32_t i = 0; i < count; i++) {
        int e = read_entry(r);
        if (e < 0)
            return e;
    }
    return read_extensions(r);
}

int tracked_parse(const void *bytes, size_t n, struct tracked **ret, struct err *err) {
    struct reader r = {.bytes = bytes, .n = n, .pool_max = n < 4096 ? 4096 : n};
    if (n > TRACKED_FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "git's index is too large");
    if (n < HEADER_BYTES || memcmp(bytes, "DIRC", 4) != 0)
        return err_set(err, ERR_PARSE, "git's index does not begin like one");
    r.version = be32(r.bytes + 4);
    uint32_t count = be32(r.bytes + 8);
    if (r.version < 2 || r.version > 4)
        return err_set(err, ERR_UNSUPPORTED, "git's index has version %u", r.version);
    if (count > TRACKED_PATHS_MAX || count > n / (STAT_BYTES + 20)) // fits the file
        return err_set(err, ERR_PARSE, "git's index says it has %u entries", count);
    struct tracked *t = mem_zalloc(sizeof *t);
    int e = t ? 0 : ERR_NOMEM;
    if (t) {
        t->paths = mem_alloc((count ? count : 1) * sizeof *t->paths);
        t->pool = mem_alloc(r.pool_max);
        e = t->paths && t->pool ? 0 : ERR_NOMEM;
    }
    r.set = t;
    r.name_bytes = 20;
    if (e == 0)
        e = parse_as(&r, count);
    if (e == ERR_PARSE) { // the format does not say which it is
        r.name_bytes = 32;
        e = parse_as(&r, count);
    }
    if (e == 0) {
        *ret = t;
        return 0;
    }
    tracked_free(t);
    return e == ERR_NOMEM ? err_set(err, e, "out of memory for git's index")
                          : err_set(err, e, "git's index is damaged or of an unknown form");
}

void tracked_free(struct tracked *t) {
    if (!t)
        return;
    mem_free(t->paths);
    mem_free(t->pool);
    mem_free(t);
}

uint32_t tracked_count(const struct tracked *t) {
    return t->count;
}

const char *tracked_path(const struct tracked *t, uint32_t i) {
    return t->pool + t->paths[i];
}

static int compare(const char *path, const char *key, size_t n) {
    int order = strncmp(path, key, n);
    return order ? order : path[n] != '\0';
}

// First path that is not before `key`.
static uint32_t find(const struct tracked *t, const char *key, size_t n) {
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(tracked_path(t, middle), key, n) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool tracked_has(const struct tracked *t, const char *path, size_t n) {
    uint32_t i = find(t, path, n);
    return i < t->count && compare(tracked_path(t, i), path, n) == 0;
}

bool tracked_below(const struct tracked *t, const char *folder, size_t n) {
    if (n == 0 || n > TRACKED_PATH_BYTES_MAX)
        return n == 0 && t->count > 0;
    char key[TRACKED_PATH_BYTES_MAX + 2];
    memcpy(key, folder, n);
    key[n] = '/';
    uint32_t i = find(t, key, n + 1);
    return i < t->count && strncmp(tracked_path(t, i), key, n + 1) == 0;
}
