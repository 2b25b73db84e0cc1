// federation/beacon: what is taken for a beacon is written back byte for byte the same, and a
// running beacon with a friend and open codes takes any datagrams without harm.
#include "core/base/mem.h"
#include "federation/beacon.h"
#include "tests/unit/federation/lan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_hint(void *ctx, const struct net_hint *h) {
    size_t *hints = ctx;
    if (h->at.port == 0 || h->source != HINT_BEACON)
        abort();
    ++*hints;
}

static void round_trip(const uint8_t *data, size_t size) {
    struct beacon_datagram d;
    uint8_t again[BEACON_BYTES];
    if (beacon_parse(data, size, &d) < 0)
        return;
    beacon_write(&d, again);
    if (size != sizeof again || memcmp(data, again, size) != 0)
        abort();
}

// The seeds are made with these: friend 0x22… with secret 0x33…, code 7 shown.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct lan lan;
    uint8_t own[HINT_DEVICE_BYTES], other[HINT_DEVICE_BYTES], secret[TAG_SECRET_BYTES];
    struct beacon *b = NULL;
    size_t hints = 0;
    round_trip(data, size);
    lan_init(&lan);
    memset(own, 0x11, sizeof own);
    memset(other, 0x22, sizeof other);
    memset(secret, 0x33, sizeof secret);
    struct beacon_config c = {.env = &lan.hosts[0].env,
                              .net = &lan.hosts[0].net,
                              .port = 7443,
                              .hint = on_hint,
                              .ctx = &hints};
    if (tag_table_new(own, secret, env_wall_ms(c.env), &c.tags, NULL) == 0 &&
        tag_table_put(c.tags, other, secret, NULL) == 0) {
        tag_table_show_code(c.tags, 7);
        if (beacon_start(&c, &b, NULL) == 0)
            for (int i = 0; i < 3; i++) {
                lan_send(&lan, &lan.hosts[0], &lan.hosts[1].addr, data, size);
                lan_run(&lan, 20);
            }
    }
    if (hints > 2) // the friend's and the code's; the same again is no news
        abort();
    beacon_stop(b);
    tag_table_free(c.tags);
    lan_done(&lan);
    return 0;
}
