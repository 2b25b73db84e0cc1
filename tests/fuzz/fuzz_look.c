// The look at texts of people, and the gates for code: whatever bytes come, findings lie in order
// within the text, what was masked has no findings left, and no gate is passed by what it should
// not be.
#include "core/base/mem.h"
#include "core/privacy/look.h"
#include "core/privacy/template.h"

#include <assert.h>
#include <string.h>

struct order {
    size_t at, n;
};

static int in_order(void *ctx, const struct look_finding *f) {
    struct order *o = ctx;
    assert(f->start >= o->at && f->end > f->start && f->end <= o->n && f->line >= 1);
    o->at = f->end;
    return 0;
}

static int never(void *ctx, const struct look_finding *f) {
    (void)ctx;
    assert(f == NULL); // something was left
    return 0;
}

static bool is_ours(void *ctx, const char *word, size_t n) {
    (void)ctx;
    (void)word;
    return n == 6;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const words[] = {"bob", "mail room", "path"};
    const struct look_own own = {.words = words, .count = COUNT_OF(words), .is_name = is_ours};
    const char *text = (const char *)data;
    struct order order = {.n = size};
    AUTO_BUF masked = BUF_INIT(LOOK_TEXT_BYTES_MAX);
    uint32_t counts[LOOK_REASONS] = {0};
    assert(look_text(text, size, &own, in_order, &order, NULL) <= 0);
    if (look_mask(text, size, &own, &masked, counts, NULL) == 0)
        assert(look_text(masked.data ? masked.data : "", masked.len, &own, never, NULL, NULL) == 0);
    if (size && size <= TEMPLATE_BYTES_MAX && template_check(LANG_C, text, size, NULL) == 0)
        for (size_t i = 0; i < size; i++)
            assert(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~' && text[i] != '\\'));
    struct payload p;
    struct look *l = size < 4096 && payload_parse(text, size, &p, NULL) == 0 ? look_new() : NULL;
    if (l)
        (void)look_payload(l, &p, &own, NULL);
    look_free(l);
    return 0;
}
