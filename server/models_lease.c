// The audit of many requests at once. An entry is committed before bytes leave; when the same
// workspace asks the same backend again and again within a second, one entry says for the next
// minute: up to so many bytes, to this backend, for this purpose. Each request then leaves without
// waiting for the disk, and a second entry says in the end how many there were and how large. After
// a crash in between the first entry stands as the bound.
#include "core/base/mem.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

enum {
    LEASE_AFTER = 4, // requests within one second
    LEASE_MS = 60 * 1000,
    LEASE_BYTES = 64 << 20
};

static bool same_place(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void close_lease(struct models *m, struct model_lease *l) {
    if (l->seq && !l->open)
        model_settle_lease(m, l);
    if (!l->open)
        l->seq = 0;
}

// The one of this traffic, or the least recently used one, made anew. NULL: all are in use.
struct model_lease *model_lease_of(struct model_run *run, const struct backend *b) {
    struct models *m = run->m;
    struct model_lease *oldest = NULL;
    for (size_t i = 0; i < MODEL_LEASES_MAX; i++) {
        struct model_lease *l = &m->leases[i];
        if (strcmp(l->backend, b->name) == 0 && strcmp(l->purpose, run->purpose) == 0 &&
            same_place(l->workspace, run->workspace))
            return l;
        if (!l->open && (!oldest || l->used_ms < oldest->used_ms))
            oldest = l;
    }
    char *workspace = oldest && run->workspace ? mem_strdup(run->workspace) : NULL;
    if (!oldest || (run->workspace && !workspace))
        return NULL;
    close_lease(m, oldest);
    mem_free(oldest->workspace);
    *oldest = (struct model_lease){.workspace = workspace};
    (void)snprintf(oldest->backend, sizeof oldest->backend, "%s", b->name);
    (void)snprintf(oldest->purpose, sizeof oldest->purpose, "%s", run->purpose);
    return oldest;
}

// Counts the request. True: it may leave under a lease that is on disk.
bool model_lease_take(struct model_run *run, struct model_lease *l, int64_t now_ms) {
    l->used_ms = now_ms;
    if (now_ms - l->second_ms >= 1000 || now_ms < l->second_ms) {
        l->second_ms = now_ms;
        l->in_second = 0;
    }
    l->in_second++;
    int64_t bytes = (int64_t)run->out.len;
    if (l->seq && (now_ms >= l->until_ms || l->left < bytes))
        close_lease(run->m, l);
    if (!l->seq || now_ms >= l->until_ms || l->left < bytes)
        return false;
    l->left -= bytes;
    l->open++;
    l->requests++;
    l->out += bytes;
    run->lease = l;
    run->audit_seq = l->seq;
    run->audited = true;
    memcpy(run->others, l->others, strlen(l->others) + 1);
    return true;
}

// Whether the entry that is about to be written should be one for many.
int64_t model_lease_wanted(const struct model_lease *l) {
    return l && !l->seq && l->in_second >= LEASE_AFTER ? LEASE_BYTES : 0;
}

void model_lease_begin(struct model_run *run, struct model_lease *l, int64_t now_ms) {
    if (l->seq || l->open)
        return; // another one was faster: this entry stands for its request alone
    l->seq = run->audit_seq;
    l->left = LEASE_BYTES - (int64_t)run->out.len;
    l->until_ms = now_ms + LEASE_MS;
    l->requests = l->open = 1;
    l->out = (int64_t)run->out.len;
    l->in = 0;
    memcpy(l->others, run->others, sizeof l->others);
    run->lease = l;
}

void model_lease_end(struct model_run *run, int64_t now_ms) {
    struct model_lease *l = run->lease;
    l->in += run->bytes_in;
    l->open--;
    run->lease = NULL;
    if (now_ms >= l->until_ms)
        close_lease(run->m, l);
}

void model_leases_tick(struct models *m, bool all) {
    int64_t now_ms = model_now_ms();
    for (size_t i = 0; i < MODEL_LEASES_MAX; i++)
        if (m->leases[i].seq && !m->leases[i].open &&
            (all || now_ms >= m->leases[i].until_ms || now_ms - m->leases[i].used_ms > 2000))
            close_lease(m, &m->leases[i]);
}

void model_leases_done(struct models *m) {
    for (size_t i = 0; i < MODEL_LEASES_MAX; i++)
        mem_free(m->leases[i].workspace);
}
