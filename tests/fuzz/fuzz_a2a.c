// Agent2Agent values from a peer, and the canonical text of any JSON: what is accepted is written
// back and read again as the same; the canonical text is its own canonical text.
#include "core/base/mem.h"
#include "protocol/a2a.h"
#include "protocol/jcs.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void canonical_twice(const json_t *v) {
    AUTO_BUF one = BUF_INIT(1024 * 1024), two = BUF_INIT(1024 * 1024);
    struct err err = {0};
    int r = jcs_write(v, &one, &err);
    if (r < 0) {
        assert(err.code == r && err.message[0]);
        return;
    }
    // What a double makes of an integer may be over 2^63.
    json_t *again = json_loadb(one.data, one.len,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    assert(again);
    assert(jcs_write(again, &two, NULL) == 0);
    assert(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
    json_decref(again);
}

static void same_again(const struct field *table, const void *value, void *room, size_t room_n) {
    json_t *out = NULL, *twice = NULL;
    memset(room, 0, room_n);
    assert(fields_encode(table, value, &out, NULL) == 0);
    assert(fields_decode(table, out, room, NULL) == 0);
    assert(fields_encode(table, room, &twice, NULL) == 0);
    assert(json_equal(out, twice));
    fields_release(table, room);
    json_decref(out);
    json_decref(twice);
}

static int never(void *ctx, const char *key_id, const void *bytes, size_t n,
                 const uint8_t *signature, struct err *err) {
    (void)ctx, (void)signature;
    assert(key_id && bytes && n);
    return err_set(err, ERR_KEY, "never");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *v = json_loadb((const char *)data, size,
                           JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    if (!v)
        return 0;
    struct err err = {0};
    struct a2a_task t, t2;
    struct a2a_message m, m2;
    struct a2a_card c, c2;
    canonical_twice(v);
    if (a2a_task_read(v, &t, &err) == 0) {
        same_again(a2a_task_fields, &t, &t2, sizeof t2);
        fields_release(a2a_task_fields, &t);
    }
    if (a2a_message_read(v, &m, &err) == 0) {
        same_again(a2a_message_fields, &m, &m2, sizeof m2);
        fields_release(a2a_message_fields, &m);
    }
    if (a2a_card_read(v, &c, &err) == 0) {
        same_again(a2a_card_fields, &c, &c2, sizeof c2);
        fields_release(a2a_card_fields, &c);
    }
    assert(a2a_card_verify(v, never, NULL, &err) < 0);
    json_decref(v);
    return 0;
}
