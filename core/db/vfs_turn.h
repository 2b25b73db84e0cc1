// store.turn: pages that a rotation is about to rewrite in place, with their new bytes, so that a
// power cut in the middle of a page costs nothing. Valid for one generation of the head only.
//   nonce[24] | sealed: generation u64, count u32, rest after it[32], hash of the pages[32] |
//   tag[16] then `count` times: pgno u32, page[4096]
#pragma once

#include "core/db/vfs_impl.h"

enum { TURN_PAGES_MAX = 1024 }; // 4 MB: three syncs for each

struct turn_page { // as in the file
    uint8_t pgno[4];
    uint8_t raw[PAGE_BYTES];
};

struct turn {
    uint32_t count;
    struct turn_page pages[TURN_PAGES_MAX];
};

// Makes the step durable before it begins. `rest` is the head's after it. errno. Under fresh_lock.
int turn_write(struct vfs *v, const struct turn *t, const uint8_t rest[HASH_BYTES]);
int turn_clear(struct vfs *v); // errno
// Writes the pages of an interrupted step again, or drops what was not complete. 0 or ERR_*.
int turn_recover(struct vfs *v, struct err *err);
uint32_t turn_pgno(const struct turn_page *p);
void turn_set_pgno(struct turn_page *p, uint32_t pgno);
