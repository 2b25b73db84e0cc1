// The reader of questions over any bytes: what it borrows lies inside of the text, its counts are
// within the limits.
#include "core/base/mem.h"
#include "core/workspace/search_impl.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const char *text, size_t n, const char *p, size_t m) {
    assert(!m || (p >= text && p + m <= text + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct query q;
    AUTO_FREE char *text = mem_strndup((const char *)data, size);
    if (!text)
        return 0;
    if (query_read(text, size, &q, NULL) == 0) {
        assert(q.term_count <= SEARCH_TERMS_MAX);
        for (uint32_t i = 0; i < q.term_count; i++)
            assert(q.terms[i].n <= TERM_BYTES_MAX && q.terms[i].weight > 0);
        for (uint32_t i = 0; i < q.name_count; i++) {
            inside(text, size, q.names[i].text, q.names[i].n);
            inside(text, size, q.names[i].before, q.names[i].before_n);
        }
        for (uint32_t i = 0; i < q.path_count; i++) {
            inside(text, size, q.paths[i].path, q.paths[i].n);
            inside(text, size, q.paths[i].fn, q.paths[i].fn_n);
            assert(q.paths[i].weight >= 0 && q.paths[i].weight <= 1);
        }
        for (uint32_t i = 1; i < q.pair_count; i++)
            assert(q.pairs[i - 1] < q.pairs[i]);
    }
    query_done(&q);
    return 0;
}
