#include "federation/due.h"

#include "core/base/mem.h"

static void put(struct due_heap *h, uint32_t place, struct due *d) {
    h->list[place] = d;
    d->place = place;
}

static void rise(struct due_heap *h, uint32_t place, struct due *d) {
    while (place > 0 && d->at < h->list[(place - 1) / 2]->at) {
        put(h, place, h->list[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(h, place, d);
}

static void sink(struct due_heap *h, uint32_t place, struct due *d) {
    for (uint32_t child; (child = 2 * place + 1) < h->count; place = child) {
        if (child + 1 < h->count && h->list[child + 1]->at < h->list[child]->at)
            child++;
        if (h->list[child]->at >= d->at)
            break;
        put(h, place, h->list[child]);
    }
    put(h, place, d);
}

int due_join(struct due_heap *h, struct due *d, uint32_t kind, uint32_t max) {
    int r = mem_grow((void **)&h->list, h->members, &h->capacity, sizeof(struct due *), max);
    if (r < 0)
        return r;
    h->members++;
    *d = (struct due){.at = DUE_NEVER, .kind = kind};
    return 0;
}

static void take_out(struct due_heap *h, struct due *d) {
    struct due *last = h->list[--h->count];
    uint32_t place = d->place;
    if (last == d)
        return;
    if (place > 0 && last->at < h->list[(place - 1) / 2]->at)
        rise(h, place, last);
    else
        sink(h, place, last);
}

void due_set(struct due_heap *h, struct due *d, uint64_t at) {
    if (d->at != DUE_NEVER)
        take_out(h, d);
    d->at = at;
    if (at != DUE_NEVER)
        rise(h, h->count++, d);
}

void due_leave(struct due_heap *h, struct due *d) {
    due_set(h, d, DUE_NEVER);
    h->members--;
}

struct due *due_first(const struct due_heap *h) {
    return h->count > 0 ? h->list[0] : NULL;
}

void due_done(struct due_heap *h) {
    mem_free(h->list);
    *h = (struct due_heap){0};
}
