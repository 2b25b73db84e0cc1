// Looking names up: what the base's tables hold and is still true, merged with what the tables of
// the changed files hold, in the order of files and positions.
#include "core/workspace/snapshot_impl.h"

#include <string.h>

struct cursor {
    const struct layer *layer;
    const struct table_post *at, *end;
    bool scans;          // no memory for the table: every file is asked, slowly
    uint32_t slot, item; // then
    uint32_t file;       // of what it stands at
};
struct lookup {
    const struct snapshot *s;
    enum table_kind kind;
    const char *name;
    size_t n;
    struct cursor base, changed;
};

static bool is_it(const struct lookup *l, const struct facts *f, uint32_t at) {
    const char *name = tables_name(f, l->kind, at);
    return strncmp(name, l->name, l->n) == 0 && name[l->n] == '\0';
}

static bool is_at_end(const struct cursor *c) {
    if (c->scans)
        return c->slot >= tables_count(c->layer->tables);
    return c->at >= c->end;
}

static bool scan_file(const struct lookup *l, struct cursor *c) {
    const struct entry *e = tables_entry(c->layer->tables, c->slot);
    c->file = c->layer->file[c->slot];
    uint32_t items = e->unit && c->file != UINT32_MAX ? tables_items(e->unit->facts, l->kind) : 0;
    for (; c->item < items; c->item++)
        if (tables_is_post(e->unit->facts, l->kind, c->item) && is_it(l, e->unit->facts, c->item))
            return true;
    return false;
}

// Forward to the next post that counts.
static void settle(const struct lookup *l, struct cursor *c) {
    if (c->scans) {
        for (; !is_at_end(c); c->slot++, c->item = 0)
            if (scan_file(l, c))
                return;
        return;
    }
    for (; c->at < c->end; c->at++) {
        c->file = c->layer->file[c->at->slot];
        if (c->file != UINT32_MAX &&
            is_it(l, tables_entry(c->layer->tables, c->at->slot)->unit->facts, c->at->at))
            return;
    }
}

static void begin(const struct lookup *l, struct cursor *c, const struct layer *layer) {
    uint32_t count = 0;
    c->layer = layer;
    if (!layer->tables)
        return;
    c->scans = tables_find(layer->tables, l->kind, tables_hash(l->name, l->n), &c->at, &count) < 0;
    if (!c->scans)
        c->end = c->at + count;
    settle(l, c);
}

static bool next(struct lookup *l, uint32_t *ret_file, uint32_t *ret_at) {
    bool base = !is_at_end(&l->base), changed = !is_at_end(&l->changed);
    if (!base && !changed)
        return false;
    // A file is in one of the two only.
    struct cursor *c =
        base && (!changed || l->base.file < l->changed.file) ? &l->base : &l->changed;
    *ret_file = c->file;
    *ret_at = c->scans ? c->item++ : c->at++->at;
    settle(l, c);
    return true;
}

static struct lookup look_up(const struct snapshot *s, enum table_kind kind, const char *name,
                             size_t n) {
    struct lookup l = {.s = s, .kind = kind, .name = name, .n = n};
    begin(&l, &l.base, &s->base);
    begin(&l, &l.changed, &s->changed);
    return l;
}

uint32_t snapshot_definitions(const struct snapshot *s, const char *name, size_t n,
                              struct place *ret, uint32_t max) {
    struct lookup l = look_up(s, TABLE_DEFINITIONS, name, n);
    uint32_t count = 0, file, at;
    for (; next(&l, &file, &at); count++)
        if (count < max)
            ret[count] = (struct place){file, at};
    return count;
}

uint32_t snapshot_mentions(const struct snapshot *s, const char *name, size_t n,
                           struct mention *ret, uint32_t max) {
    struct lookup l = look_up(s, TABLE_MENTIONS, name, n);
    uint32_t count = 0, file, at;
    for (; next(&l, &file, &at); count++)
        if (count < max)
            ret[count] = (struct mention){file, at};
    return count;
}

uint32_t snapshot_word(const struct snapshot *s, const char *word, size_t n, struct word_hit *ret,
                       uint32_t max) {
    struct lookup l = look_up(s, TABLE_WORDS, word, n);
    uint32_t count = 0, file, at;
    for (; next(&l, &file, &at); count++)
        if (count < max)
            ret[count] = (struct word_hit){file, at};
    return count;
}
