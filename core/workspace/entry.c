#include "core/workspace/entry.h"

#include "core/base/mem.h"

#include <string.h>
#include <unistd.h>

static void ref(atomic_uint *refs) {
    (void)atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

static bool unref(atomic_uint *refs) { // true: it was the last
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

struct root *root_ref(struct root *r) {
    ref(&r->refs);
    return r;
}

void root_put(struct root *r) {
    if (!r || !unref(&r->refs))
        return;
    (void)close(r->fd);
    mem_free(r);
}

struct text *text_new(const char *data, size_t bytes) {
    struct text *t = mem_alloc(sizeof *t + bytes + 1);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    t->bytes = bytes;
    memcpy(t->data, data, bytes);
    t->data[bytes] = '\0';
    return t;
}

struct text *text_ref(struct text *t) {
    if (t)
        ref(&t->refs);
    return t;
}

void text_put(struct text *t) {
    if (t && unref(&t->refs))
        mem_free(t);
}

struct unit *unit_new(struct facts *facts) {
    struct unit *u = mem_zalloc(sizeof *u);
    if (!u) {
        mem_free(facts);
        return NULL;
    }
    atomic_init(&u->refs, 1);
    u->facts = facts;
    return u;
}

struct unit *unit_ref(struct unit *u) {
    if (u)
        ref(&u->refs);
    return u;
}

void unit_put(struct unit *u) {
    if (!u || !unref(&u->refs))
        return;
    mem_free((void *)(uintptr_t)u->facts);
    mem_free(u);
}

struct entry *entry_new(const char *path, size_t n) {
    struct entry *e = mem_zalloc(sizeof *e + n + 1);
    if (!e)
        return NULL;
    atomic_init(&e->refs, 1);
    e->path_bytes = (uint16_t)n;
    memcpy(e->path, path, n);
    return e;
}

struct entry *entry_copy(const struct entry *from) {
    struct entry *e = entry_new(from->path, from->path_bytes);
    if (!e)
        return NULL;
    e->unit = unit_ref(from->unit);
    e->text = text_ref(from->text);
    e->stat = from->stat;
    e->bytes = from->bytes;
    e->block = from->block;
    memcpy(e->hash, from->hash, sizeof e->hash);
    e->lang = from->lang;
    e->state = from->state;
    e->racy = from->racy;
    e->hashed = from->hashed;
    e->flags = from->flags;
    return e;
}

struct entry *entry_ref(struct entry *e) {
    ref(&e->refs);
    return e;
}

void entry_put(struct entry *e) {
    if (!e || !unref(&e->refs))
        return;
    unit_put(e->unit);
    text_put(e->text);
    mem_free(e);
}

void entry_set_unit(struct entry *e, struct unit *u) {
    struct unit *old = e->unit;
    e->unit = unit_ref(u);
    unit_put(old);
}
