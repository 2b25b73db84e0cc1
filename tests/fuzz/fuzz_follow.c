// core/code/follow: any bytes as the project's code and as the text that is asked about, at any
// place; what is said stays within its bounds.
#include "core/code/follow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// language, place (two bytes), then texts with a NUL between them: the last one is asked about
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4)
        return 0;
    enum lang lang = (enum lang)(data[0] % LANG_COUNT);
    const char *at = (const char *)data + 3, *end = (const char *)data + size, *nul;
    struct follow *f = follow_new();
    if (!f)
        return 0;
    for (uint32_t file; (nul = memchr(at, 0, (size_t)(end - at))); at = nul + 1)
        (void)follow_add(f, lang, at, (size_t)(nul - at), &file, NULL);
    size_t bytes = (size_t)(end - at);
    struct follow_question q = {.lang = lang,
                                .text = at,
                                .bytes = bytes,
                                .at = bytes ? (size_t)(data[1] << 8 | data[2]) % (bytes + 1) : 0,
                                .file = data[1] & 1 ? 0 : -1};
    struct follow_answer a;
    if (follow_finish(f, NULL) == 0 && follow_ask(f, &q, &a, NULL) == 0) {
        if (q.at + a.replaced > bytes || a.agree > a.places || (a.text.len && !a.agree))
            abort();
        buf_done(&a.text);
    }
    follow_free(f);
    return 0;
}
