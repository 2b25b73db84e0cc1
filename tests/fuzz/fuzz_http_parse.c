// core/models/http_parse: heads stay within their bytes, chunks mean the same however they are
// split.
#include "core/models/http_parse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 300 };

static void read_head(const uint8_t *data, size_t size) {
    char *bytes = malloc(size + 1);
    struct http_head head;
    if (!bytes)
        abort();
    memcpy(bytes, data, size);
    ssize_t n = http_parse_head(bytes, size, &head, NULL);
    if (n > (ssize_t)size || (n == 0 && memcmp(bytes, data, size) != 0))
        abort();
    for (size_t i = 0; n > 0 && i < head.count; i++)
        if (head.headers[i].value + strlen(head.headers[i].value) >= bytes + n)
            abort();
    if (n > 0 && head.path[0] != '/')
        abort();
    free(bytes);
}

static int read_chunks(const uint8_t *data, size_t size, size_t step, struct buf *body,
                       size_t *ret_used) {
    struct http_chunks c = {0};
    int r = 0;
    *ret_used = 0;
    for (size_t at = 0; r == 0 && at < size; at += step) {
        size_t used = 0, n = size - at < step ? size - at : step;
        r = http_chunks_read(&c, (const char *)data + at, n, &used, body);
        if (used > n || (r == 0 && used != n))
            abort();
        *ret_used += used;
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf whole = BUF_INIT(BODY_MAX), split = BUF_INIT(BODY_MAX);
    size_t used, again;
    read_head(data, size);
    int r = read_chunks(data, size, size + 1, &whole, &used);
    int q = read_chunks(data, size, 3, &split, &again);
    if (r != q || (r == 1 && (used != again || whole.len != split.len ||
                              (whole.len && memcmp(whole.data, split.data, whole.len) != 0))))
        abort();
    buf_done(&whole);
    buf_done(&split);
    return 0;
}
