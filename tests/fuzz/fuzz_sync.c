// Messages of sync from the other side, one after the other: u16 length and bytes, each. First
// byte: which side hears them. Whatever they are, the session goes on or ends with a word why, and
// no record is stored that was not signed.
#include "tests/unit/federation/sync_pair.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pair p;
    if (!p.a.db) {
        ends_open(&p, NULL, NULL);
        ends_add_both(&p, 20, 9);
        ends_add(&p.b, 3, 9);
        ends_add(&p.a, 2, 9);
    }
    if (!size)
        return 0;
    struct end *e = data[0] & 1 ? &p.a : &p.b;
    uint64_t had = ends_count(e);
    ends_disconnect(&p);
    ends_connect(&p);
    (void)sync_open(p.a.session, ends_scope, NULL);
    size_t at = 1;
    for (int r = 0; r == 0 && at + 2 <= size;) {
        size_t n = (size_t)data[at] << 8 | data[at + 1];
        at += 2;
        n = n > size - at ? size - at : n;
        struct err err = {0};
        r = sync_feed(e->session, data + at, n, &err);
        assert(r == 0 || (r < 0 && err.code == r && err.message[0]));
        at += n;
    }
    assert(ends_count(e) == had);
    return 0;
}
