// Where patterns stand in the tree. Files are parsed by several threads; what was found in a file
// is kept by its content, so that the second question about a pattern parses what has changed.
#include "core/agents/edison_mined.h"

#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/base/wire.h"
#include "core/code/patterns.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"

#include <stdlib.h>
#include <string.h>

enum { MATCHES_VERSION = 1, KEPT_FILE_BYTES_MIN = FACTS_HASH_BYTES + 2 * sizeof(uint32_t) };

struct matched { // a file
    uint32_t file;
    const char *kept; // what is known of it: count, then places; NULL: to be looked at
    struct buf found; // else
    bool gone;        // changed meanwhile, or without a tree: nothing is kept of it
};
struct kept_file {
    const char *hash; // the language follows it
    const char *places;
};
struct matching {
    struct agent_call *call;
    const struct snapshot *s;
    struct pattern *const *patterns;
    uint32_t count;
    struct pattern_set *set;
    struct matched *files;
    uint32_t file_count;
    uint32_t *open, open_count; // files to be looked at
    struct syntax *syntax[CREW_MAX];
    struct pattern_matcher *matcher[CREW_MAX];
    struct buf text[CREW_MAX];
    struct buf known;
};

// --- looking -----------------------------------------------------------------------------------

static int on_match(void *ctx, const struct pattern_match *m) {
    struct buf *b = ctx;
    uint32_t count;
    memcpy(&count, b->data, sizeof count);
    if (count == MATCHES_MAX)
        return 0;
    wire_put_u32(b, m->pattern);
    wire_put_u32(b, m->line);
    wire_put_u32(b, m->end_line);
    count++;
    memcpy(b->data, &count, sizeof count);
    return b->failed ? ERR_NOMEM : 0;
}

static int look_at(void *ctx, unsigned worker, uint32_t i) {
    struct matching *m = ctx;
    struct matched *x = &m->files[m->open[i]];
    const struct snapshot_file *f = snapshot_file(m->s, x->file);
    if (agent_cancelled(m->call))
        return ERR_CANCELLED;
    if (!m->syntax[worker])
        m->syntax[worker] = syntax_new();
    if (!m->matcher[worker])
        m->matcher[worker] = pattern_matcher_new();
    if (!m->syntax[worker] || !m->matcher[worker])
        return ERR_NOMEM;
    struct buf *text = &m->text[worker];
    buf_clear(text);
    wire_put_u32(&x->found, 0);
    if (x->found.failed)
        return ERR_NOMEM;
    x->gone = snapshot_text(m->s, x->file, text, NULL) < 0;
    if (x->gone || !text->len)
        return 0;
    int r = syntax_parse(m->syntax[worker], f->lang, text->data, text->len, NULL, NULL);
    x->gone = r == ERR_TIMEOUT || r == ERR_NOMEM;
    return r < 0 ? 0
                 : patterns_match(m->set, m->matcher[worker], m->syntax[worker], on_match,
                                  &x->found, NULL);
}

// --- kept --------------------------------------------------------------------------------------

static struct derived_key key_of(const struct matching *m, const struct derived *d) {
    AUTO_BUF ids = BUF_INIT(0);
    const char *root = workspace_root(m->call->ws);
    for (uint32_t i = 0; i < m->count; i++)
        (void)buf_append(&ids, m->patterns[i]->id, sizeof m->patterns[i]->id);
    const struct derived_part parts[] = {DERIVED_TEXT(root), {ids.data, ids.len}};
    return derived_key(d, DERIVED_MATCHES, MATCHES_VERSION, parts, COUNT_OF(parts));
}

static int by_hash(const void *a, const void *b) {
    const struct kept_file *x = a, *y = b;
    return memcmp(x->hash, y->hash, FACTS_HASH_BYTES + sizeof(uint32_t));
}

// "<hash> <language> <count> <places>" for each file, in any order.
static struct kept_file *read_known(const struct buf *b, uint32_t *ret_count) {
    struct kept_file *list = mem_alloc((b->len / KEPT_FILE_BYTES_MIN + 1) * sizeof *list);
    struct wire w = wire_of(b->data, b->len);
    uint8_t hash[FACTS_HASH_BYTES];
    uint32_t n = 0;
    while (list && !w.failed && w.at < w.end) {
        struct kept_file *x = &list[n];
        x->hash = w.at;
        wire_take(&w, hash, sizeof hash);
        (void)wire_u32(&w);
        x->places = w.at;
        size_t places = wire_u32(&w);
        if (w.failed || places > (size_t)(w.end - w.at) / (3 * sizeof(uint32_t)))
            break;
        w.at += places * 3 * sizeof(uint32_t);
        n++;
    }
    if (list && n)
        qsort(list, n, sizeof *list, by_hash);
    *ret_count = n;
    return list;
}

static void name_content(const struct snapshot_file *f, char ret[]) {
    const uint32_t lang = f->lang;
    memcpy(ret, f->hash, FACTS_HASH_BYTES);
    memcpy(ret + FACTS_HASH_BYTES, &lang, sizeof lang);
}

static int find_known(struct matching *m, struct err *err) {
    uint32_t count = 0;
    AUTO_FREE struct kept_file *list = read_known(&m->known, &count);
    m->open = mem_alloc((m->file_count + 1) * sizeof *m->open);
    if (!list || !m->open)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < m->file_count; i++) {
        char name[FACTS_HASH_BYTES + sizeof(uint32_t)];
        const struct kept_file wanted = {.hash = name};
        name_content(snapshot_file(m->s, m->files[i].file), name);
        const struct kept_file *x =
            count ? bsearch(&wanted, list, count, sizeof *list, by_hash) : NULL;
        m->files[i].kept = x ? x->places : NULL;
        if (!x)
            m->open[m->open_count++] = i;
    }
    return 0;
}

static const char *places_of(const struct matched *x, uint32_t *ret_count) {
    const char *at = x->kept ? x->kept : x->found.data;
    *ret_count = 0;
    if (!at)
        return NULL;
    memcpy(ret_count, at, sizeof *ret_count);
    return at + sizeof *ret_count;
}

static void keep(const struct matching *m, struct derived *d, const struct derived_key *key) {
    AUTO_BUF b = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    for (uint32_t i = 0; i < m->file_count; i++) {
        char name[FACTS_HASH_BYTES + sizeof(uint32_t)];
        uint32_t count;
        const char *places = places_of(&m->files[i], &count);
        if (m->files[i].gone || !places)
            continue;
        name_content(snapshot_file(m->s, m->files[i].file), name);
        (void)buf_append(&b, name, sizeof name);
        wire_put_u32(&b, count);
        (void)buf_append(&b, places, count * 3 * sizeof(uint32_t));
    }
    if (!b.failed)
        derived_put(d, key, b.data, b.len);
}

// --- all ---------------------------------------------------------------------------------------

static bool wanted(const struct matching *m, const struct snapshot_file *f) {
    for (uint32_t i = 0; i < m->count; i++)
        if (f->facts && m->patterns[i]->lang == f->lang)
            return true;
    return false;
}

static int list_files(struct matching *m, struct err *err) {
    m->files = mem_zalloc((snapshot_count(m->s) + 1) * sizeof *m->files);
    if (!m->files)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < snapshot_count(m->s); i++)
        if (wanted(m, snapshot_file(m->s, i)))
            m->files[m->file_count++] = (struct matched){.file = i, .found = BUF_INIT(0)};
    return 0;
}

static int tell(const struct matching *m, match_fn *fn, void *ctx, struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < m->file_count; i++) {
        uint32_t count;
        const char *at = places_of(&m->files[i], &count);
        for (uint32_t k = 0; r == 0 && k < count; k++) {
            uint32_t v[3];
            memcpy(v, at + k * sizeof v, sizeof v);
            const struct match_place place = {.pattern = v[0], .line = v[1], .end_line = v[2]};
            if (place.pattern < m->count)
                r = fn(ctx, m->files[i].file, &place, err);
        }
    }
    return r;
}

static int match(struct matching *m, match_fn *fn, void *ctx, struct err *err) {
    struct derived *d =
        snapshot_count(m->s) <= DERIVED_FILES_MAX ? workspace_derived(m->call->ws) : NULL;
    struct derived_key key = key_of(m, d);
    int r = pattern_set_new(m->patterns, m->count, &m->set, err);
    if (r == 0)
        r = list_files(m, err);
    if (r == 0 && !derived_get(d, &key, &m->known))
        buf_clear(&m->known);
    if (r == 0)
        r = find_known(m, err);
    if (r == 0) {
        r = crew_run(m->open_count, look_at, m);
        r = r < 0 ? err_set(err, r, r == ERR_CANCELLED ? "cancelled" : "out of memory") : 0;
    }
    if (r == 0 && m->open_count)
        keep(m, d, &key);
    return r == 0 ? tell(m, fn, ctx, err) : r;
}

int matches_each(struct agent_call *call, const struct snapshot *s, struct pattern *const *patterns,
                 uint32_t count, match_fn *fn, void *ctx, struct err *err) {
    struct matching m = {.call = call,
                         .s = s,
                         .patterns = patterns,
                         .count = count,
                         .known = BUF_INIT(DERIVED_VALUE_BYTES_MAX)};
    for (unsigned i = 0; i < CREW_MAX; i++)
        m.text[i] = BUF_INIT(INDEX_FILE_BYTES_MAX);
    int r = match(&m, fn, ctx, err);
    for (uint32_t i = 0; i < m.file_count; i++)
        buf_done(&m.files[i].found);
    for (unsigned i = 0; i < CREW_MAX; i++) {
        syntax_free(m.syntax[i]);
        pattern_matcher_free(m.matcher[i]);
        buf_done(&m.text[i]);
    }
    pattern_set_free(m.set);
    mem_free(m.files);
    mem_free(m.open);
    buf_done(&m.known);
    return r;
}
