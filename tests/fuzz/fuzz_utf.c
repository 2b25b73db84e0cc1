// core/base/utf and the JSON string writer: their answers agree with each other and with jansson.
#include "core/base/buf.h"
#include "core/base/utf.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool valid_step_by_step(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t step = utf_sequence_bytes(s + i, n - i), bytes;
        uint32_t point = utf_decode(s + i, n - i, &bytes);
        if (step > n - i || bytes == 0 || bytes > n - i)
            abort();
        if (!step)
            return point == 0xFFFD && bytes == 1 ? false : (abort(), false);
        if (bytes != step || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            abort();
        i += step;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *s = (const char *)data;
    bool valid = utf_valid(s, size);
    if (valid != valid_step_by_step(s, size))
        abort();
    json_t *theirs = json_stringn(s, size); // refuses what is not UTF-8
    if (valid != (theirs != NULL))
        abort();
    json_decref(theirs);
    for (size_t max = 0; max <= size && max < 40; max++) {
        size_t cut = utf_cut(s, size, max);
        if (cut > max || (valid && !utf_valid(s, cut)) || max - cut > 4)
            abort();
    }
    struct buf out = BUF_INIT(0);
    if (buf_put_json_string(&out, s, size) < 0 || out.failed)
        abort();
    json_t *back = json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!back)
        abort();
    if (valid && (json_string_length(back) != size ||
                  (size && memcmp(json_string_value(back), s, size) != 0)))
        abort();
    json_decref(back);
    buf_done(&out);
    return 0;
}
