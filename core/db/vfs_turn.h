// store.turn: pages that a rotation is about to rewrite in place, with their new bytes, so that a
// power cut in the middle of a page costs nothing. Valid for one generation of the head only.
#pragma once

#include "core/db/vfs_impl.h"

struct turn_page {
    uint32_t pgno;
    uint8_t raw[PAGE_BYTES];
};
enum { TURN_PAGES_MAX = 256 };

// Writes the pages of an interrupted step again, or drops what was not complete. 0 or ERR_*.
int turn_recover(struct vfs *v, struct page_coder *c, struct err *err);
