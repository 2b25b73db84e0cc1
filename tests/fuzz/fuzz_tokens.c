// core/base/tokens: what is counted within a budget agrees with what is counted at once.
#include "core/base/tokens.h"
#include "core/base/utf.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    size_t n = size < 4096 ? size : 4096; // a fuzzer's patience, not ours
    if (!tokens_exact())
        return 0; // the estimate promises less, and has its own test
    size_t all = tokens_count(text, n), tokens;
    if (all > 3 * n || (n && !all) || tokens_count_until(text, n, all, &tokens) != n ||
        tokens != all)
        abort();
    for (size_t budget = 0; budget < all; budget += 1 + all / 7) {
        size_t end = tokens_count_until(text, n, budget, &tokens);
        if (end >= n || tokens > budget || tokens_count(text, end) != tokens)
            abort();
        size_t cut = tokens_prefix(text, n, budget);
        if (cut > n || tokens_count(text, cut) > budget ||
            (utf_valid(text, n) && !utf_valid(text, cut)))
            abort();
    }
    return 0;
}
