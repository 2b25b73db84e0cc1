// Inside of pack.h: choosing (pack.c) and writing (pack_text.c).
#pragma once

#include "core/base/buf.h"
#include "core/workspace/pack.h"
#include "core/workspace/search_impl.h"

enum { PACK_TEXTS_MAX = 256 }; // files read for one pack

struct pack_file { // a file that is open
    uint32_t file;
    bool read; // its text is the snapshot's
    struct buf text;
    uint32_t *lines; // byte at which each line begins
    uint32_t line_count;
};
struct packing {
    const struct search *s;
    const struct ranking *ranking;
    struct pack_file *files;
    uint32_t file_count;
    struct pack_part *parts;
    uint32_t part_count;
    uint32_t tokens; // of what was chosen, a little more than the text will have
    uint32_t unread;
};

// NULL: the file cannot be read as it was, or too many are open (err is set for want of memory).
struct pack_file *pack_open(struct packing *p, uint32_t file, struct err *err);
void pack_close(struct packing *p);
uint32_t pack_line(const struct pack_file *f, uint32_t byte); // 1-based
// Bytes [start, end) widened to whole lines.
void pack_widen(const struct pack_file *f, uint32_t *start, uint32_t *end);
// Writes all parts: files in the order of their best part, ranges that touch joined.
// Sorts p->parts that way.
int pack_write(struct packing *p, struct buf *ret, struct err *err);
