// Inside of catalogue*.c.
#pragma once

#include "core/code/catalogue.h"

struct catalogue_reader {
    const char *t;
    uint32_t n, at, line;
    struct catalogue *c;
    char key[CATALOGUE_KEY_BYTES_MAX + 2];  // names so far, joined by '.'
    uint32_t ends[CATALOGUE_DEPTH_MAX + 1]; // length of key at each depth
    uint32_t depth;
    struct buf text; // that is being read
};
// Keeps key and text as an entry; negative: stop (ERR_NOMEM, ERR_LIMIT).
int catalogue_add(struct catalogue_reader *r, const char *key, size_t key_bytes, const char *text,
                  size_t text_bytes, uint32_t line, uint32_t flags);
// Names of the levels above, then this one. False: too long or too deep.
bool catalogue_enter(struct catalogue_reader *r, const char *name, size_t n);
void catalogue_leave(struct catalogue_reader *r);
int catalogue_escape(struct catalogue_reader *r); // at a '\': appends what it stands for
void catalogue_blanks(struct catalogue_reader *r);

int catalogue_read_po(struct catalogue_reader *r);
int catalogue_read_json(struct catalogue_reader *r);
int catalogue_read_yaml(struct catalogue_reader *r);
int catalogue_read_properties(struct catalogue_reader *r);
int catalogue_read_strings(struct catalogue_reader *r);
int catalogue_read_ftl(struct catalogue_reader *r);
int catalogue_read_android(struct catalogue_reader *r);
