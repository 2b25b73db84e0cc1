// Cursors of recall: opaque to clients, checked by us. A check value over the position and
// everything that shapes the result keeps a cursor from being used with another query by mistake;
// it protects nobody from themselves and needs no secret, so it also holds in the next engine.
#include "server/cap_memory.h"

#include <string.h>

enum { CURSOR_BYTES = RECALL_CURSOR_CHARS * 5 / 8, TIME_BYTES = 6, OFFSET_BYTES = 2 };
static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567"; // RFC 4648 base32, lower case

static uint64_t mix(uint64_t hash, const void *bytes, size_t n) { // FNV-1a
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_text(uint64_t hash, struct text t) {
    uint64_t len = t.len; // so that "ab"+"c" is not "a"+"bc"
    return mix(mix(hash, &len, sizeof len), t.data, t.len);
}

static uint32_t check(const unsigned char *position, const struct recall_input *in,
                      const char *workspace) {
    unsigned char kind = in->present & UINT64_C(1) << RECALL_KIND ? (unsigned char)in->kind : 0xff;
    unsigned char filters[] = {kind, in->all, in->superseded};
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), position, TIME_BYTES + OFFSET_BYTES);
    hash = mix_text(hash, in->query);
    hash = mix_text(hash, in->tag);
    hash = mix_text(hash, in->since);
    hash = mix_text(hash, in->until);
    hash = mix(hash, filters, sizeof filters);
    hash = mix_text(hash, memory_text(workspace));
    return (uint32_t)(hash ^ hash >> 32);
}

static void pack(unsigned char *out, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        out[i] = (unsigned char)(value & 0xff);
}

static uint64_t unpack(const unsigned char *in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
}

void recall_cursor_put(const struct recall_cursor *cursor, const struct recall_input *in,
                       const char *workspace, char ret[RECALL_CURSOR_CHARS + 1]) {
    unsigned char bytes[CURSOR_BYTES + 1] = {0};
    pack(bytes, (uint64_t)cursor->now_ms, TIME_BYTES);
    pack(bytes + TIME_BYTES, cursor->offset, OFFSET_BYTES);
    pack(bytes + TIME_BYTES + OFFSET_BYTES, check(bytes, in, workspace), 4);
    for (size_t i = 0; i < RECALL_CURSOR_CHARS; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        ret[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    ret[RECALL_CURSOR_CHARS] = '\0';
}

int recall_cursor_read(const struct recall_input *in, const char *workspace,
                       struct recall_cursor *ret, struct err *err) {
    unsigned char bytes[CURSOR_BYTES + 1] = {0};
    bool good = in->cursor.len == RECALL_CURSOR_CHARS;
    for (size_t i = 0; good && i < RECALL_CURSOR_CHARS; i++) {
        const char *at = in->cursor.data[i] ? strchr(alphabet, in->cursor.data[i]) : NULL;
        good = at != NULL;
        for (int k = 0; good && k < 5; k++)
            if ((at - alphabet) >> (4 - k) & 1)
                bytes[(i * 5 + (size_t)k) / 8] |= (unsigned char)(0x80 >> (i * 5 + (size_t)k) % 8);
    }
    good = good && bytes[CURSOR_BYTES] == 0; // the bits left over
    if (!good || unpack(bytes + TIME_BYTES + OFFSET_BYTES, 4) != check(bytes, in, workspace))
        return err_set(err, ERR_INVAL,
                       "cursor: not one of this query; give the \"more\" of the page before, with "
                       "the same query, kind, tag, since, until, all and superseded");
    *ret = (struct recall_cursor){(int64_t)unpack(bytes, TIME_BYTES),
                                  (size_t)unpack(bytes + TIME_BYTES, OFFSET_BYTES)};
    return 0;
}
