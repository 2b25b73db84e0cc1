// The builders of facts over any text in any language (first byte), and facts_valid over any bytes.
#include "core/base/mem.h"
#include "core/code/facts.h"
#include "core/code/syntax.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct syntax *parser;

static void read_all(const struct facts *f) {
    size_t sum = 0;
    for (uint32_t i = 0; i < f->symbol_count; i++)
        sum += strlen(facts_text(f, facts_symbol(f, i)->name));
    for (uint32_t i = 0; i < f->ref_count; i++)
        sum += strlen(facts_text(f, facts_ref(f, i)->name));
    for (uint32_t i = 0; i < f->word_count; i++)
        sum += strlen(facts_text(f, facts_word(f, i)->word));
    assert(sum < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct facts_options o = {.path = "tests/test_a.h"};
    struct facts *a = NULL, *b = NULL;
    if (!parser && !(parser = syntax_new()))
        return 0;
    AUTO_FREE uint8_t *aligned = size ? mem_alloc(size) : NULL;
    if (!aligned)
        return 0;
    memcpy(aligned, data, size);
    if (facts_valid(aligned, size))
        read_all((const struct facts *)(const void *)aligned);
    enum lang lang = (enum lang)(data[0] % LANG_COUNT);
    const char *text = (const char *)data + 1;
    if (facts_build(parser, lang, text, size - 1, &o, &a, NULL) == 0) {
        assert(facts_valid(a, a->bytes));
        read_all(a);
    }
    if (facts_from_text(lang, text, size - 1, &o, &b, NULL) == 0) {
        assert(facts_valid(b, b->bytes));
        read_all(b);
    }
    mem_free(a);
    mem_free(b);
    return 0;
}
