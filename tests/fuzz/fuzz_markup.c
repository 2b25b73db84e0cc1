// core/code/markup: any bytes give elements that lie within them, parents before children.
#include "core/code/markup.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct markup m;
    if (markup_read((const char *)data, size, &m, NULL) < 0)
        return 0;
    for (uint32_t i = 0; i < m.count; i++) {
        const struct markup_element *e = &m.elements[i];
        if (e->start >= e->end || e->end > size || e->name + e->name_bytes > e->end ||
            (e->parent != UINT32_MAX && e->parent >= i) ||
            e->first_attribute + e->attribute_count > m.attribute_count)
            abort();
        for (uint32_t k = 0; k < e->attribute_count; k++) {
            const struct markup_attribute *a = &m.attributes[e->first_attribute + k];
            if (a->name + a->name_bytes > size || a->value + a->value_bytes > size)
                abort();
        }
    }
    markup_done(&m);
    return 0;
}
