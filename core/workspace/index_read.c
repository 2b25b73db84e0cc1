// From one file to its facts.
#include "core/base/mem.h"
#include "core/code/syntax.h"
#include "core/crypto/digest.h"
#include "core/workspace/beneath.h"
#include "core/workspace/cache.h"
#include "core/workspace/classify.h"
#include "core/workspace/index_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_TRIES = 3,              // when a file is written while it is read
    DATA_BYTES_MAX = 256 * 1024, // data files above are known by name only
    SYNTAX_KEEP_NODES = 512 * 1024
};

// --- content ------------------------------------------------------------------------------------

static int read_open(int fd, struct buf *b, struct walk_stat *ret, bool *ret_changed) {
    struct stat before, after;
    if (fstat(fd, &before) < 0)
        return -errno;
    if (!S_ISREG(before.st_mode))
        return -EINVAL;
    *ret = (struct walk_stat){0};
    buf_clear(b);
    if (before.st_size > INDEX_FILE_BYTES_MAX)
        return -EFBIG;
    if (buf_reserve(b, (size_t)before.st_size + 1) < 0)
        return -ENOMEM;
    for (;;) { // one byte more than it has: to see the end, or growth
        size_t room = b->cap - b->len - 1;
        ssize_t n = room ? pread(fd, b->data + b->len, room, (off_t)b->len) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        b->len += (size_t)n;
    }
    b->data[b->len] = '\0';
    if (b->len > INDEX_FILE_BYTES_MAX)
        return -EFBIG;
    if (fstat(fd, &after) < 0)
        return -errno;
    *ret_changed = before.st_size != after.st_size ||
                   memcmp(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim) != 0 ||
                   (off_t)b->len != after.st_size;
    return 0;
}

// 0 or -errno. `racy`: it was being written; it will be read again.
static int read_file(const struct root *root, const char *path, struct buf *b, bool *ret_racy) {
    int fd = beneath_open(root->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;
    struct walk_stat stat;
    bool changed = true;
    int e = 0;
    for (int tries = 0; tries < READ_TRIES && changed && e == 0; tries++)
        e = read_open(fd, b, &stat, &changed);
    (void)close(fd);
    *ret_racy = changed;
    return e;
}

// --- facts --------------------------------------------------------------------------------------

struct content {
    const char *text;
    size_t bytes;
    enum lang lang;
    uint16_t flags;
};

static void classify(const struct entry *e, struct content *c) {
    c->lang = language_of(e->path, c->text, c->bytes);
    c->flags |= classify_content(c->lang, c->text, c->bytes);
    if (c->flags & FILE_BINARY)
        c->lang = LANG_NONE;
    c->flags |= classify_language(c->lang);
}

static bool wants_facts(const struct content *c) {
    if (c->lang == LANG_NONE)
        return false;
    bool data = c->lang == LANG_JSON || c->lang == LANG_YAML || c->lang == LANG_TOML;
    return !data || c->bytes <= DATA_BYTES_MAX;
}

static bool wants_tree(const struct index *ix, const struct content *c) {
    return language_has_tree(c->lang) && !ix->big && c->bytes <= SYNTAX_BYTES_MAX;
}

static struct syntax *reader_syntax(struct reader *r) {
    if (r->syntax && r->syntax->capacity > SYNTAX_KEEP_NODES) { // after a giant
        syntax_free(r->syntax);
        r->syntax = NULL;
    }
    if (!r->syntax)
        r->syntax = syntax_new();
    return r->syntax;
}

static int make_facts(struct reader *r, const struct entry *e, const struct content *c, bool tree,
                      struct facts **ret) {
    const bool big = r->index->big;
    const struct facts_options o = {
        .path = e->path, .no_findings = big, .no_words = big, .no_clones = big};
    if (!tree)
        return facts_from_text(c->lang, c->text, c->bytes, &o, ret, NULL);
    struct syntax *s = reader_syntax(r);
    return s ? facts_build(s, c->lang, c->text, c->bytes, &o, ret, NULL) : ERR_NOMEM;
}

// Takes what was known when the content is the same.
static bool is_same(const struct entry *old, const uint8_t *hash, bool tree) {
    return old->hashed && old->unit && memcmp(old->hash, hash, FACTS_HASH_BYTES) == 0 &&
           (!tree || old->unit->facts->tier == TIER_TREE);
}

// Facts of an earlier run. What was parsed lexically because there was no time is not among them.
static bool take_cached(struct reader *r, struct entry *e,
                        struct unit *(*get)(struct cache_reader *, const struct entry *)) {
    struct unit *u = get(&r->cache, e);
    if (!u)
        return false;
    entry_set_unit(e, u);
    if (u->facts->flags & FACTS_GENERATED)
        e->flags |= FILE_GENERATED;
    unit_put(u);
    e->state = ENTRY_DONE;
    return true;
}

static int add_facts(struct reader *r, const struct entry *old, struct entry *e,
                     const struct content *c, enum stage stage) {
    bool tree = wants_tree(r->index, c);
    e->state = tree && stage == STAGE_LEXICAL ? ENTRY_LEXICAL : ENTRY_DONE;
    if (is_same(old, e->hash, tree)) {
        e->state = ENTRY_DONE;
        return 0;
    }
    entry_set_unit(e, NULL);
    if (!wants_facts(c))
        return 0;
    if (stage == STAGE_LEXICAL && !e->text && take_cached(r, e, cache_find))
        return 0;
    struct facts *facts = NULL;
    int made = make_facts(r, e, c, tree && stage == STAGE_TREE, &facts);
    if (made == ERR_NOMEM)
        return made;
    if (made < 0)
        return 0; // known by name
    struct unit *u = unit_new(facts);
    if (!u)
        return ERR_NOMEM;
    entry_set_unit(e, u);
    unit_put(u);
    if (facts->flags & FACTS_GENERATED)
        e->flags |= FILE_GENERATED;
    return 0;
}

// --- one entry ----------------------------------------------------------------------------------

static uint16_t path_flags(const struct entry *e) {
    return (e->flags & (FILE_SYMLINK | FILE_SUBMODULE)) | classify_path(e->path, e->path_bytes);
}

void index_by_name(struct entry *e, enum file_flags flag) {
    entry_set_unit(e, NULL);
    e->hashed = false;
    memset(e->hash, 0, sizeof e->hash);
    e->lang = (uint8_t)language_of(e->path, NULL, 0);
    e->flags = (uint16_t)(path_flags(e) | (unsigned)flag | classify_language((enum lang)e->lang));
    e->state = ENTRY_DONE;
    e->bytes = e->stat.bytes;
}

static int fill(struct reader *r, const struct entry *old, struct entry *e, enum stage stage) {
    struct content c = {.flags = path_flags(e)};
    bool racy = false;
    if (e->text) {
        c.text = e->text->data;
        c.bytes = e->text->bytes;
    } else {
        int failed = read_file(r->index->root, e->path, r->text, &racy);
        if (failed == -ENOMEM)
            return ERR_NOMEM;
        if (failed) {
            index_by_name(e, failed == -EFBIG ? FILE_TOO_LARGE : FILE_UNREADABLE);
            return 0;
        }
        c.text = r->text->data;
        c.bytes = r->text->len;
    }
    e->racy |= racy;
    e->bytes = c.bytes;
    digest_bytes(c.text, c.bytes, e->hash, sizeof e->hash);
    e->hashed = true;
    classify(e, &c);
    e->lang = (uint8_t)c.lang;
    e->flags = c.flags;
    return add_facts(r, old, e, &c, stage);
}

int index_read(struct reader *r, const struct entry *old, enum stage stage, struct entry **ret) {
    struct entry *e = entry_copy(old);
    if (!e)
        return ERR_NOMEM;
    int failed = 0;
    if (e->block && !e->unit && !e->text && take_cached(r, e, cache_block)) {
        *ret = e;
        return 0;
    }
    e->block = 0;
    if (!e->text && e->stat.bytes > INDEX_FILE_BYTES_MAX)
        index_by_name(e, FILE_TOO_LARGE);
    else
        failed = fill(r, old, e, stage);
    if (failed < 0) {
        entry_put(e);
        return failed;
    }
    *ret = e;
    return 0;
}
