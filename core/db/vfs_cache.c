// Pages in the clear, for all connections of one database. SQLite drops a connection's whole page
// cache whenever another one has committed, so the first recall after each note read and decrypted
// some hundred pages that nobody had changed. Here a page is found by its number and by the bytes
// that seal it (epoch, nonce, tag), which are read from the file each time: nothing has to be
// invalidated, and an old page put back is a different one.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <string.h>

static struct cached_page *place_of(struct page_cache *c, uint32_t pgno, pthread_mutex_t **lock) {
    size_t i = pgno % CACHE_PAGES;
    *lock = &c->locks[i % CACHE_LOCKS];
    return &c->pages[i];
}

// Its first bytes stand in the clear and are sealed with it: not only the seal tells one from
// another.
static bool is_cacheable(uint32_t pgno) {
    return pgno != 1;
}

int cache_init(struct page_cache *c) {
    for (size_t i = 0; i < CACHE_LOCKS; i++)
        (void)pthread_mutex_init(&c->locks[i], NULL);
    c->pages = mem_zalloc(CACHE_PAGES * sizeof *c->pages);
    return c->pages ? 0 : ERR_NOMEM;
}

void cache_clear(struct page_cache *c) {
    for (uint32_t i = 0; c->pages && i < CACHE_PAGES; i++) {
        pthread_mutex_t *lock;
        struct cached_page *p = place_of(c, i, &lock);
        (void)pthread_mutex_lock(lock);
        if (p->text)
            secret_wipe(p->text, PAGE_TEXT_BYTES);
        mem_free(p->text);
        p->text = NULL;
        atomic_store_explicit(&p->pgno, 0, memory_order_relaxed);
        (void)pthread_mutex_unlock(lock);
    }
}

void cache_done(struct page_cache *c) {
    cache_clear(c);
    mem_free(c->pages);
    for (size_t i = 0; i < CACHE_LOCKS; i++)
        (void)pthread_mutex_destroy(&c->locks[i]);
}

bool cache_may_have(struct page_cache *c, uint32_t pgno) {
    return is_cacheable(pgno) &&
           atomic_load_explicit(&c->pages[pgno % CACHE_PAGES].pgno, memory_order_relaxed) == pgno;
}

bool cache_get(struct page_cache *c, uint32_t pgno, const uint8_t *reserved, uint8_t *plain) {
    pthread_mutex_t *lock;
    struct cached_page *p = place_of(c, pgno, &lock);
    (void)pthread_mutex_lock(lock);
    bool found = p->text && atomic_load_explicit(&p->pgno, memory_order_relaxed) == pgno &&
                 memcmp(p->reserved, reserved, VFS_RESERVED_BYTES) == 0;
    if (found)
        memcpy(plain, p->text, PAGE_TEXT_BYTES);
    (void)pthread_mutex_unlock(lock);
    if (found)
        memset(plain + PAGE_TEXT_BYTES, 0, VFS_RESERVED_BYTES);
    return found;
}

void cache_put(struct page_cache *c, uint32_t pgno, const uint8_t *reserved, const uint8_t *plain) {
    pthread_mutex_t *lock;
    struct cached_page *p = place_of(c, pgno, &lock);
    if (!is_cacheable(pgno))
        return;
    (void)pthread_mutex_lock(lock);
    if (!p->text)
        p->text = mem_alloc(PAGE_TEXT_BYTES);
    if (p->text) {
        atomic_store_explicit(&p->pgno, pgno, memory_order_relaxed);
        memcpy(p->reserved, reserved, VFS_RESERVED_BYTES);
        memcpy(p->text, plain, PAGE_TEXT_BYTES);
    }
    (void)pthread_mutex_unlock(lock);
}
