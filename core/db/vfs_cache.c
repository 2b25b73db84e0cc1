// Pages in the clear, for all connections of one database. SQLite drops a connection's whole page
// cache whenever another one has committed, so the first recall after each note read and decrypted
// some hundred pages that nobody had changed. Here a page is found by its place and by the bytes
// that seal it (epoch, nonce, tag), which are read from the file each time: nothing has to be
// invalidated. What the seal covers besides the text is in the place: a frame of an older log that
// is put back is not what memory has of that log.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <string.h>

// Frames and pages of one number are seldom both wanted: what is in the log is read from there.
static size_t index_of(struct cache_place at) {
    return (at.number + (at.salts ? CACHE_PAGES / 2 : 0)) % CACHE_PAGES;
}

static struct cached_page *page_at(struct page_cache *c, size_t i, pthread_mutex_t **lock) {
    *lock = &c->locks[i % CACHE_LOCKS];
    return &c->pages[i];
}

// The first page begins with bytes in the clear that its seal covers, and not only its text: it
// stays out.
static bool is_cacheable(struct cache_place at) {
    return at.salts || at.number != 1;
}

static uint32_t number_in(const struct cached_page *p) {
    return (uint32_t)atomic_load_explicit(&p->number, memory_order_relaxed);
}

int cache_init(struct page_cache *c) {
    for (size_t i = 0; i < CACHE_LOCKS; i++)
        (void)pthread_mutex_init(&c->locks[i], NULL);
    c->pages = mem_zalloc(CACHE_PAGES * sizeof *c->pages);
    return c->pages ? 0 : ERR_NOMEM;
}

void cache_clear(struct page_cache *c) {
    for (size_t i = 0; c->pages && i < CACHE_PAGES; i++) {
        pthread_mutex_t *lock;
        struct cached_page *p = page_at(c, i, &lock);
        (void)pthread_mutex_lock(lock);
        if (p->text)
            secret_wipe(p->text, PAGE_TEXT_BYTES);
        mem_free(p->text);
        p->text = NULL;
        atomic_store_explicit(&p->number, 0, memory_order_relaxed);
        (void)pthread_mutex_unlock(lock);
    }
}

void cache_done(struct page_cache *c) {
    cache_clear(c);
    mem_free(c->pages);
    for (size_t i = 0; i < CACHE_LOCKS; i++)
        (void)pthread_mutex_destroy(&c->locks[i]);
}

bool cache_may_have(struct page_cache *c, struct cache_place at) {
    return is_cacheable(at) && number_in(&c->pages[index_of(at)]) == at.number;
}

bool cache_get(struct page_cache *c, struct cache_place at, const uint8_t *reserved,
               uint8_t *plain) {
    pthread_mutex_t *lock;
    struct cached_page *p = page_at(c, index_of(at), &lock);
    (void)pthread_mutex_lock(lock);
    bool found = p->text && number_in(p) == at.number && p->salts == at.salts &&
                 memcmp(p->reserved, reserved, VFS_RESERVED_BYTES) == 0;
    if (found)
        memcpy(plain, p->text, PAGE_TEXT_BYTES);
    (void)pthread_mutex_unlock(lock);
    if (found)
        memset(plain + PAGE_TEXT_BYTES, 0, VFS_RESERVED_BYTES);
    return found;
}

void cache_put(struct page_cache *c, struct cache_place at, const uint8_t *reserved,
               const uint8_t *plain) {
    pthread_mutex_t *lock;
    struct cached_page *p = page_at(c, index_of(at), &lock);
    if (!is_cacheable(at))
        return;
    (void)pthread_mutex_lock(lock);
    if (!p->text)
        p->text = mem_alloc(PAGE_TEXT_BYTES);
    if (p->text) {
        atomic_store_explicit(&p->number, at.number, memory_order_relaxed);
        p->salts = at.salts;
        memcpy(p->reserved, reserved, VFS_RESERVED_BYTES);
        memcpy(p->text, plain, PAGE_TEXT_BYTES);
    }
    (void)pthread_mutex_unlock(lock);
}
