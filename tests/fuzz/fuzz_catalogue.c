// core/code/catalogue: any bytes in any format give entries that lie within the pool, with keys
// that end; placeholders of any text fit their room.
#include "core/code/catalogue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct catalogue *c, size_t size) {
    char said[64];
    for (uint32_t i = 0; i < c->count; i++) {
        const struct catalogue_entry *e = &c->entries[i];
        if (!e->key_bytes || (size_t)e->key + e->key_bytes >= c->pool.len ||
            (size_t)e->text + e->text_bytes >= c->pool.len ||
            c->pool.data[e->text + e->text_bytes] || !e->line || e->line > size + 1)
            abort();
        catalogue_placeholders(c->pool.data + e->text, e->text_bytes, said, sizeof said);
        if (!memchr(said, '\0', sizeof said))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    enum catalogue_format format = (enum catalogue_format)(data[0] % (CATALOGUE_ANDROID + 1));
    struct catalogue c;
    if (catalogue_read(format, (const char *)data + 1, size - 1, &c, NULL) == 0)
        check(&c, size);
    catalogue_done(&c);
    char path[200];
    size_t n = size - 1 < sizeof path - 1 ? size - 1 : sizeof path - 1;
    memcpy(path, data + 1, n);
    path[n] = '\0';
    struct catalogue_place place;
    if (catalogue_place_of(path, &place) && (place.language + place.language_bytes > strlen(path) ||
                                             place.cut + place.cut_bytes > strlen(path)))
        abort();
    return 0;
}
