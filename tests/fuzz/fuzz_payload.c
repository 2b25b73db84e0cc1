// A body: what is accepted is written again byte for byte, and what it borrows lies within it. What
// is tidied can stand in a body, or is empty, and is tidy.
#include "core/base/mem.h"
#include "core/privacy/payload.h"

#include <assert.h>
#include <string.h>

static void within(struct text t, const char *data, size_t n) {
    assert(!t.len || (t.data >= data && t.data + t.len <= data + n));
}

static void tidied(const char *data, size_t n, bool one_line) {
    AUTO_BUF once = BUF_INIT(256 * 1024);
    AUTO_BUF twice = BUF_INIT(256 * 1024);
    if (payload_tidy(data, n, one_line, &once, NULL) < 0)
        return;
    assert(payload_tidy(once.data ? once.data : "", once.len, one_line, &twice, NULL) == 0);
    assert(once.len == twice.len && (!once.len || memcmp(once.data, twice.data, once.len) == 0));
    struct payload p = {.form = PAYLOAD_RESOURCE, .title = {"t", 1}, .text = {"x\n", 2}};
    if (one_line)
        p.title = (struct text){once.data, once.len};
    else
        p.text = (struct text){once.data, once.len};
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    size_t max = one_line ? PAYLOAD_TITLE_BYTES_MAX : PAYLOAD_TEXT_BYTES_MAX;
    assert(!once.len || once.len > max || payload_format(&p, &body, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    struct payload p;
    struct err err = {0};
    tidied(bytes, size, false);
    tidied(bytes, size, true);
    int e = payload_parse(bytes, size, &p, &err);
    if (e < 0) {
        assert(err.code == e && err.message[0]);
        return 0;
    }
    within(p.title, bytes, size);
    within(p.text, bytes, size);
    within(p.tags, bytes, size);
    for (uint32_t i = 0; i < p.label_count; i++)
        within(p.labels[i], bytes, size);
    uint8_t tag[PAYLOAD_TAG_BYTES];
    for (uint32_t i = 0; i < p.tag_count; i++)
        payload_tag(&p, i, tag);
    AUTO_BUF again = BUF_INIT(PAYLOAD_BYTES_MAX);
    assert(payload_format(&p, &again, NULL) == 0);
    assert(again.len == size && memcmp(again.data, data, size) == 0);
    return 0;
}
