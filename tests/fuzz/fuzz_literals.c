// core/code/literals: any bytes in any language give literals and brackets that lie within the text
// and within each other.
#include "core/code/literals.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span s, size_t size) {
    if ((size_t)s.at + s.bytes > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct literals l;
    if (!size)
        return 0;
    enum lang lang = (enum lang)(data[0] % LANG_COUNT);
    if (literals_read(lang, (const char *)data + 1, size - 1, &l, NULL) < 0)
        return 0;
    for (uint32_t i = 0; i < l.group_count; i++) {
        const struct literal_group *g = &l.groups[i];
        if (g->start > g->end || g->end > size - 1 || g->parent > i || g->end_line < g->line ||
            (i && g->start < l.groups[g->parent].start))
            abort();
        inside(g->name, size - 1);
        inside(g->key, size - 1);
        inside(g->target, size - 1);
    }
    for (uint32_t i = 0; i < l.count; i++) {
        inside(l.list[i].text, size - 1);
        inside(l.list[i].key, size - 1);
        inside(l.list[i].before, size - 1);
        if (l.list[i].group >= l.group_count || !l.list[i].line)
            abort();
    }
    literals_done(&l);
    return 0;
}
