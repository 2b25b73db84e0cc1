// Pairing: its messages, and a host and a guest to whom a stranger sends whatever it likes. The
// first byte chooses; to a session each message comes with its length in front (u16, big-endian).
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "federation/pairing.h"

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES_MAX = 16 };

static uint64_t drawn;
static uint64_t mono_ns(void *self) {
    (void)self;
    return 1;
}
static int64_t wall_ms(void *self) {
    (void)self;
    return 1;
}
static void random_bytes(void *self, void *out, size_t n) {
    (void)self;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)(++drawn * 37);
}
static int a_timer;
static struct env_timer *timer_start(void *self, uint64_t ms, env_timer_fn *fn, void *ctx) {
    (void)self, (void)ms, (void)fn, (void)ctx;
    return (struct env_timer *)&a_timer;
}
static void timer_cancel(void *self, struct env_timer *t) {
    (void)self, (void)t;
}
static const struct env_ops env_ops = {mono_ns, wall_ms, random_bytes, timer_start, timer_cancel};

static void on_send(void *ctx, const uint8_t *bytes, size_t n) {
    struct pair_message *m = mem_alloc(sizeof *m);
    (void)ctx;
    assert(m && pair_message_parse(bytes, n, m, NULL) == 0);
    mem_free(m);
}
static void on_ask(void *ctx, struct pairing_session *s, const struct pairing_peer *peer) {
    (void)ctx, (void)peer;
    assert(!s); // nobody here knows the code
}
static void on_over(void *ctx, struct pairing_session *s, const struct pairing_result *result,
                    const struct err *why) {
    assert(!result && why->code < 0);
    *(struct pairing_session **)ctx = NULL;
    pairing_close(s);
}
static void on_alarm(void *ctx, enum pairing_alarm what, const struct pairing_link *link) {
    (void)ctx, (void)what, (void)link;
}
static void on_ended(void *ctx, enum pairing_end why) {
    (void)ctx, (void)why;
}

static void chain_of(struct pairing_link *link, struct buf *out) {
    uint8_t seed[32] = {1}, identity_sk[64], device_sk[64], bytes[STATEMENT_BYTES_MAX];
    struct statement s = {.kind = STATEMENT_DEVICE, .counter = 1};
    (void)crypto_sign_seed_keypair(s.identity, identity_sk, seed);
    seed[1] = 1;
    (void)crypto_sign_seed_keypair(s.subject, device_sk, seed);
    memcpy(link->own_device, s.subject, sizeof link->own_device);
    statement_sign(&s, identity_sk, device_sk, bytes);
    (void)chain_format(NULL, 0, NULL, 0, bytes, out);
}

static void talk(bool host, const uint8_t *at, size_t n) {
    static const struct pairing_events events = {on_send, on_ask, on_over, on_alarm, on_ended};
    static struct pairing_link link = {.binding = {7}};
    static struct buf chain;
    static const char code[] = "7-abacus-able-acid";
    struct env env = {&env_ops, NULL};
    struct pairing_session *s = NULL;
    char offered[PAIR_CODE_BYTES_MAX];
    if (chain.len == 0) {
        (void)secret_init(NULL);
        chain_of(&link, &chain);
    }
    drawn = 0;
    struct pairing *p = pairing_new(&env, &events, NULL);
    struct pairing_terms terms = {.name = "x", .chain = chain.data, .chain_n = chain.len};
    int r = !p     ? ERR_NOMEM
            : host ? pairing_offer(p, &terms, offered, NULL)
                   : pairing_guess(p, code, sizeof code - 1, &link, &terms, &s, &s, NULL);
    if (r == 0 && host)
        r = pairing_accept(p, &link, &s, &s, NULL);
    assert(r == 0);
    for (int i = 0; s && i < MESSAGES_MAX && n >= 2; i++) {
        size_t bytes = (size_t)at[0] << 8 | at[1];
        if (bytes > n - 2)
            bytes = n - 2;
        (void)pairing_feed(s, at + 2, bytes, NULL);
        at += 2 + bytes;
        n -= 2 + bytes;
    }
    pairing_close(s);
    pairing_free(p);
}

static void one_message(const uint8_t *bytes, size_t n) {
    static struct pair_message m;
    AUTO_BUF b = BUF_INIT(0);
    if (pair_message_parse(bytes, n, &m, NULL) < 0)
        return;
    assert(pair_message_format(&m, &b) == 0); // written in one way only
    assert(b.len + (m.mac ? PAIR_MAC_BYTES : 0) == n && memcmp(b.data, bytes, b.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (data[0] == 'm')
        one_message(data + 1, size - 1);
    else
        talk(data[0] == 'h', data + 1, size - 1);
    return 0;
}
