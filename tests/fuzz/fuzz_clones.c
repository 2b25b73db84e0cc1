// The lexer and the fingerprints of any text in any language (the first byte chooses it), and the
// comparison of the text with itself.
#include "core/base/mem.h"
#include "core/code/clones.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    enum lang lang;
    const char *text;
    size_t bytes;
};

static int text_of(void *ctx, uint32_t file, enum lang *ret_lang, const char **ret_text,
                   size_t *ret_bytes) {
    const struct text *t = ctx;
    (void)file;
    *ret_lang = t->lang;
    *ret_text = t->text;
    *ret_bytes = t->bytes;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct text t = {.lang = (enum lang)(data[0] % LANG_COUNT),
                     .text = (const char *)data + 1,
                     .bytes = size - 1};
    struct fact_clone *clones = NULL;
    struct clone_pair *pairs = NULL;
    uint32_t count, tokens, pair_count;
    if (clones_fingerprint(t.lang, t.text, t.bytes, &clones, &count, &tokens, NULL) < 0)
        abort();
    if (count > tokens)
        abort();
    for (uint32_t k = 1; k < count; k++)
        if (clones[k].token <= clones[k - 1].token || clones[k].line < clones[k - 1].line)
            abort();
    struct clone_source sources[2] = {{clones, count, 0}, {clones, count, 1}};
    struct clone_options o = {.only_file = -1, .tokens_min = 30, .text = text_of, .ctx = &t};
    if (clones_match(sources, 2, &o, &pairs, &pair_count, NULL) < 0)
        abort();
    for (uint32_t k = 0; k < pair_count; k++)
        if (pairs[k].tokens < 30 || pairs[k].end_line_a < pairs[k].line_a)
            abort();
    mem_free(clones);
    mem_free(pairs);
    return 0;
}
