// Rules of what to ignore, and paths against them: any bytes. The text before the first NUL is the
// rules, each further string a path; one that ends with '/' is a folder's.
#include "core/workspace/ignore.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match(const struct ignore *ig, const char *path, size_t n) {
    bool folder = n && path[n - 1] == '/';
    enum ignore_verdict v = ignore_match(ig, path, n - folder, folder);
    assert(v == IGNORE_UNKNOWN || v == IGNORE_YES || v == IGNORE_NO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *end = text + size;
    const char *rules_end = memchr(text, '\0', size);
    struct ignore *above = NULL, *ig = NULL;
    if (!rules_end || rules_end - text > 4096)
        return 0;
    size_t n = (size_t)(rules_end - text);
    if (ignore_new(text, n, "", size % 2 == 0, NULL, &above, NULL) < 0)
        return 0;
    if (ignore_new(text, n, "a/b", size % 2 == 0, above, &ig, NULL) == 0) {
        for (const char *at = rules_end + 1; at < end;) {
            const char *nul = memchr(at, '\0', (size_t)(end - at));
            size_t m = (size_t)((nul ? nul : end) - at);
            if (m && m <= 4096)
                match(ig, at, m);
            at += m + 1;
        }
    }
    ignore_put(ig);
    ignore_put(above);
    return 0;
}
