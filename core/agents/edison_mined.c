// The idioms of the tree: mined once for its contents, kept in the cache (derived.h).
#include "core/agents/edison_mined.h"

#include "core/base/crew.h"
#include "core/base/mem.h"
#include "core/base/wire.h"
#include "core/code/secrets.h"
#include "core/workspace/derived.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <string.h>

enum {
    PATH_BYTES_MAX = 4096,
    AUTHORS_UNKNOWN = 0,
    IDIOMS_VERSION = 1,
    IDIOMS_MAX = 100 * 1000,
    TREES_AT_ONCE = 2 * CREW_MAX // parsed together, then mined one after the other
};

// --- kept --------------------------------------------------------------------------------------

void idioms_done(struct idioms *x) {
    mem_free(x->list);
    buf_done(&x->bytes);
    *x = (struct idioms){0};
}

int idioms_write(const struct mined *list, const char *const *commits, uint32_t count,
                 struct buf *ret, struct err *err) {
    wire_put_u32(ret, count);
    for (uint32_t i = 0; i < count; i++) {
        char id[2 * PATTERN_ID_BYTES + 1];
        uint64_t bits;
        pattern_id_text(list[i].pattern, id);
        memcpy(&bits, &list[i].bits, sizeof bits);
        wire_put_string(ret, list[i].pattern->text);
        wire_put_string(ret, commits ? commits[i] : "");
        wire_put_string(ret, id);
        wire_put_u32(ret, (uint32_t)list[i].pattern->lang << 8 | (uint32_t)list[i].level);
        wire_put_u32(ret, list[i].count);
        wire_put_u32(ret, list[i].files);
        wire_put_u64(ret, bits);
    }
    return ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int idioms_read(struct idioms *x, struct err *err) {
    struct wire w = wire_of(x->bytes.data, x->bytes.len);
    uint32_t count = wire_u32(&w);
    if (w.failed || count > IDIOMS_MAX)
        return err_set(err, ERR_CORRUPT, "what was mined cannot be read");
    x->list = mem_zalloc((count + 1) * sizeof *x->list);
    if (!x->list)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (; x->count < count; x->count++) {
        struct idiom *i = &x->list[x->count];
        i->text = wire_text(&w, NULL);
        i->commit = wire_text(&w, NULL);
        (void)snprintf(i->id, sizeof i->id, "%s", wire_text(&w, NULL));
        uint32_t both = wire_u32(&w);
        i->lang = (enum lang)(both >> 8);
        i->level = (enum mined_level)(both & 0xff);
        i->count = wire_u32(&w);
        i->files = wire_u32(&w);
        uint64_t bits = wire_u64(&w);
        memcpy(&i->bits, &bits, sizeof bits);
    }
    return wire_done(&w) ? 0 : err_set(err, ERR_CORRUPT, "what was mined cannot be read");
}

// --- mining ------------------------------------------------------------------------------------

struct source { // a file that is mined
    uint32_t file;
    uint64_t author;
};
struct slot { // one of those that are parsed together
    struct syntax *syntax;
    struct buf text;
    bool parsed, secret;
};
struct mining {
    struct agent_call *call;
    const struct snapshot *s;
    struct source *sources;
    uint32_t count, first; // first: of the slots
    uint32_t authors_min;
    struct slot slots[TREES_AT_ONCE];
};

static bool minable(const struct snapshot_file *f) {
    return f->facts && language_has_tree(f->lang) &&
           !(f->flags & (FILE_VENDORED | FILE_GENERATED | FILE_TEST | FILE_EXAMPLE));
}

// The main author's number, so that an idiom of one person is told from the project's.
static uint64_t author_of(const struct workspace_past *past, const char *path) {
    char full[2 * PATH_BYTES_MAX];
    struct history_owners o;
    (void)snprintf(full, sizeof full, "%s%s", past->prefix, path);
    if (history_owners(past->history, full, 0, &o, NULL) < 0 || !o.share_count)
        return AUTHORS_UNKNOWN;
    return o.shares[0].author + 1;
}

static int list_sources(struct mining *m, const struct workspace_past *past, struct err *err) {
    m->sources = mem_alloc((snapshot_count(m->s) + 1) * sizeof *m->sources);
    if (!m->sources)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < snapshot_count(m->s); i++)
        if (minable(snapshot_file(m->s, i)))
            m->sources[m->count++] =
                (struct source){i, author_of(past, snapshot_file(m->s, i)->path)};
    // One author is no reason to know nothing of a one-person project.
    m->authors_min = history_author_count(past->history) < 2 ? 1 : 2;
    return 0;
}

static int stop(void *ctx, const struct secret_finding *f) {
    (void)ctx, (void)f;
    return 1;
}

static int parse_one(void *ctx, unsigned worker, uint32_t i) {
    struct mining *m = ctx;
    struct slot *x = &m->slots[i];
    const struct source *source = &m->sources[m->first + i];
    const struct snapshot_file *f = snapshot_file(m->s, source->file);
    (void)worker;
    if (!x->syntax && !(x->syntax = syntax_new()))
        return ERR_NOMEM;
    buf_clear(&x->text);
    x->parsed = snapshot_text(m->s, source->file, &x->text, NULL) == 0 && x->text.len > 0 &&
                syntax_parse(x->syntax, f->lang, x->text.data, x->text.len, NULL, NULL) == 0;
    x->secret = x->parsed && secrets_scan(x->text.data, x->text.len, f->path, stop, NULL) != 0;
    return 0;
}

static int mine_some(struct mining *m, struct miner *miner, uint32_t count, struct err *err) {
    int r = crew_run(count, parse_one, m);
    if (r < 0)
        return err_set(err, r, "out of memory");
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        struct miner_source source = {.author = m->sources[m->first + i].author,
                                      .secret = m->slots[i].secret};
        if (m->slots[i].parsed)
            r = miner_add(miner, m->slots[i].syntax, &source, err);
    }
    return r;
}

static int mine(struct mining *m, struct buf *ret, struct err *err) {
    struct miner *miner = miner_new(NULL);
    struct mined *list = NULL;
    uint32_t count = 0;
    int r = miner ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (; r == 0 && m->first < m->count; m->first += TREES_AT_ONCE) {
        uint32_t left = m->count - m->first;
        r = agent_cancelled(m->call)
                ? err_set(err, ERR_CANCELLED, "cancelled")
                : mine_some(m, miner, left < TREES_AT_ONCE ? left : TREES_AT_ONCE, err);
    }
    const struct miner_gates gates = {.authors_min = m->authors_min};
    if (r == 0)
        r = miner_finish(miner, &gates, &list, &count, err);
    if (r == 0)
        r = idioms_write(list, NULL, count, ret, err);
    mined_free(list, count);
    miner_free(miner);
    return r;
}

// What the idioms follow from: contents, names and authors of the files.
static struct derived_key key_of(const struct mining *m, const struct derived *d, bool *ret_good) {
    static const uint8_t unread[FACTS_HASH_BYTES] = {0};
    AUTO_BUF all = BUF_INIT(0);
    *ret_good = d != NULL;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct snapshot_file *f = snapshot_file(m->s, m->sources[i].file);
        *ret_good &= memcmp(f->hash, unread, sizeof unread) != 0;
        (void)buf_append(&all, f->hash, sizeof f->hash);
        (void)buf_append(&all, &m->sources[i].author, sizeof m->sources[i].author);
        (void)buf_append(&all, &f->lang, sizeof f->lang);
        (void)buf_append(&all, f->path, strlen(f->path) + 1);
    }
    *ret_good &= !all.failed;
    const struct derived_part parts[] = {{all.data, all.len}, DERIVED_VALUE(m->authors_min)};
    return derived_key(d, DERIVED_IDIOMS, IDIOMS_VERSION, parts, COUNT_OF(parts));
}

static int get(struct mining *m, struct buf *ret, struct err *err) {
    struct derived *d = workspace_derived(m->call->ws);
    bool good = false;
    struct derived_key key = key_of(m, d, &good);
    if (good && derived_get(d, &key, ret))
        return 0;
    buf_clear(ret);
    int r = mine(m, ret, err);
    // Trees that are still being made, or took too long, will be there another time.
    if (r == 0 && good && snapshot_tier(m->s) == TIER_TREE)
        derived_put(d, &key, ret->data, ret->len);
    return r;
}

int idioms_of(struct agent_call *call, const struct snapshot *s, struct idioms *ret,
              struct err *err) {
    struct workspace_past past = {0};
    struct mining *m = mem_zalloc(sizeof *m);
    int r = m ? workspace_past(call->ws, call->cancelled, call->ctx, &past, err)
              : err_set(err, ERR_NOMEM, "out of memory");
    *ret = (struct idioms){.bytes = BUF_INIT(0)};
    if (r == 0) {
        m->call = call;
        m->s = s;
        for (uint32_t i = 0; i < TREES_AT_ONCE; i++)
            m->slots[i].text = BUF_INIT(INDEX_FILE_BYTES_MAX);
        r = list_sources(m, &past, err);
    }
    workspace_past_done(&past);
    if (r == 0)
        r = get(m, &ret->bytes, err);
    if (r == 0)
        r = idioms_read(ret, err);
    for (uint32_t i = 0; m && i < TREES_AT_ONCE; i++) {
        syntax_free(m->slots[i].syntax);
        buf_done(&m->slots[i].text);
    }
    if (m)
        mem_free(m->sources);
    mem_free(m);
    if (r < 0)
        idioms_done(ret);
    return r;
}
