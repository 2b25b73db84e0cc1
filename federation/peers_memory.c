#include "federation/peers.h"

#include "core/base/mem.h"

#include <string.h>

struct peers_memory {
    struct peers_entry *list;
    uint32_t count, capacity;
};

struct peers_memory *peers_memory_new(void) {
    return mem_zalloc(sizeof(struct peers_memory));
}

void peers_memory_free(struct peers_memory *m) {
    if (m)
        mem_free(m->list);
    mem_free(m);
}

static struct peers_entry *find(const struct peers_memory *m, const uint8_t *key) {
    for (uint32_t i = 0; i < m->count; i++)
        if (memcmp(m->list[i].key, key, CHANNEL_KEY_BYTES) == 0)
            return &m->list[i];
    return NULL;
}

const struct peers_entry *peers_memory_find(const struct peers_memory *m, const uint8_t *key) {
    return find(m, key);
}

int peers_memory_put(struct peers_memory *m, const struct peers_entry *e) {
    struct peers_entry *known = find(m, e->key);
    if (!known) {
        int r = mem_grow((void **)&m->list, m->count, &m->capacity, sizeof *m->list, PEERS_MAX);
        if (r < 0)
            return r;
        known = &m->list[m->count++];
    }
    *known = *e;
    return 0;
}

void peers_memory_remove(struct peers_memory *m, const uint8_t *key) {
    struct peers_entry *known = find(m, key);
    if (known)
        *known = m->list[--m->count];
}

static int each(void *self, peers_fn *fn, void *ctx, struct err *err) {
    struct peers_memory *m = self;
    (void)err;
    for (uint32_t i = 0; i < m->count; i++)
        fn(ctx, &m->list[i]);
    return 0;
}

static void seen(void *self, const uint8_t *key, const struct net_addr *a, int64_t wall_ms) {
    struct peers_entry *e = find(self, key);
    if (!e)
        return;
    e->seen_ms = wall_ms;
    uint32_t i = 0;
    while (i < e->addrs_n && !net_addr_equal(&e->addrs[i], a))
        i++;
    if (i == e->addrs_n && e->addrs_n < PEERS_ADDRS_MAX)
        e->addrs_n++;
    if (i == PEERS_ADDRS_MAX)
        i--; // the one that is longest ago goes
    memmove(&e->addrs[1], &e->addrs[0], i * sizeof e->addrs[0]);
    e->addrs[0] = *a;
}

struct peers peers_memory_face(struct peers_memory *m) {
    return (struct peers){each, seen, m};
}
