// What a record takes from one engine to another: two nodes with exchange, encrypted peers.db on
// disk, TLS over loopback, both ends in one thread. bench_exchange [RECORDS (1,000) [BULK
// (10,000)]]
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/vfs.h"
#include "core/loop/loop.h"
#include "federation/exchange.h"
#include "federation/net_loop.h"
#include "federation/peers_saved.h"
#include "federation/tls.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BULK_BATCH = 256, GAP_MS = 2 };

static struct err err;
static struct loop *loop;
static const uint8_t scope[RECORD_SCOPE_BYTES] = {0x53, 0x53};

static void must(int r, const char *what) {
    if (r < 0) {
        (void)fprintf(stderr, "%s: %d %s\n", what, r, err_text(&err));
        exit(1);
    }
}
static double wall_ms(void) {
    return (double)env_now_mono_ns() / 1e6;
}
static double cpu_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct end {
    char dir[64];
    struct keyring *keys;
    struct vfs *vfs;
    struct db *db;
    struct peersdb *p;
    uint8_t identity[64], device[64];
    struct buf chain;
    struct tls *tls;
    struct channel_maker channels;
    struct net_loop *net;
    struct exchange *x;
    struct node *node;
    struct node_service service;
    uint64_t added;
    double added_ms; // when the last became durable
    uint64_t stop_at;
};
static struct end a, b;

static void scopes(void *ctx, const struct exchange_peer *peer, exchange_scope_fn *fn,
                   void *fn_ctx) {
    (void)ctx, (void)peer;
    fn(fn_ctx, scope);
}
static unsigned allow(void *ctx, const struct exchange_peer *peer,
                      const uint8_t of[RECORD_SCOPE_BYTES]) {
    (void)ctx, (void)peer;
    return memcmp(of, scope, sizeof scope) == 0 ? SYNC_SEND | SYNC_RECEIVE : 0;
}
static int chain(void *ctx, struct buf *out, struct err *e) {
    const struct end *one = ctx;
    (void)e;
    return buf_append(out, one->chain.data, one->chain.len);
}
static const struct exchange_owner owner = {.scopes = scopes, .allow = allow, .chain = chain};

static void changed(void *ctx, enum peersdb_change what, const uint8_t *of, const uint8_t *id,
                    const uint8_t *by) {
    struct end *e = ctx;
    exchange_changed(e->x, what, of, id, by);
    e->added++;
    e->added_ms = wall_ms();
    if (e->added == e->stop_at)
        loop_stop(loop);
}

static void make(struct end *e, uint8_t seed) {
    uint8_t key[32] = {seed}, public[32], certificate[STATEMENT_BYTES_MAX];
    char path[128];
    must(crypto_sign_seed_keypair(public, e->device, key), "key");
    must(tls_new(key, &e->tls, &err), "tls");
    key[1] = 1;
    must(crypto_sign_seed_keypair(public, e->identity, key), "key");
    struct statement s = {.kind = STATEMENT_DEVICE, .counter = 1, .made_ms = 1};
    memcpy(s.identity, e->identity + 32, 32);
    memcpy(s.subject, e->device + 32, 32);
    statement_sign(&s, e->identity, e->device, certificate);
    must(chain_format(NULL, 0, NULL, 0, certificate, &e->chain), "chain");
    (void)snprintf(e->dir, sizeof e->dir, "/tmp/paired_bench_exchange_XXXXXX");
    if (!mkdtemp(e->dir))
        exit(1);
    (void)snprintf(path, sizeof path, "%s/peers.db", e->dir);
    must(keyring_open(e->dir, KEYRING_CREATE, &e->keys, &err), "keys");
    must(vfs_open(path, e->keys, VFS_CREATE, &e->vfs, &err), "vfs");
    must(db_open(e->vfs, DB_CREATE, &e->db, &err), "db");
    struct peersdb_config c = {
        .epoch = seed, .now_ms = env_now_wall_ms(), .change = changed, .ctx = e};
    must(peersdb_open(e->db, &c, &e->p, &err), "peers.db");
}

static void start(struct end *e, const struct end *other, bool told) {
    struct peersdb_peer peer = {.name = "other", .paired_ms = 1};
    memcpy(peer.device, other->device + 32, 32);
    memcpy(peer.identity, other->identity + 32, 32);
    if (told)
        (void)snprintf(peer.address, sizeof peer.address, "127.0.0.1:%u", node_port(other->node));
    must(peersdb_peer_put(e->p, &peer, &err), "peer");
    struct exchange_config x = {.env = loop_env(loop),
                                .peers = e->p,
                                .signer = records_signer_of(e->device),
                                .owner = &owner,
                                .ctx = e};
    must(exchange_new(&x, &e->x, &err), "exchange");
    exchange_service(e->x, &e->service);
    e->channels = tls_maker(e->tls);
    must(net_loop_new(loop, NULL, &e->net, &err), "net");
    struct node_config c = {.env = loop_env(loop),
                            .net = net_loop_net(e->net),
                            .channels = &e->channels,
                            .peers = peers_saved(e->p),
                            .services = &e->service,
                            .services_n = 1};
    memcpy(c.key, e->device + 32, sizeof c.key);
    must(node_start(&c, &e->node, &err), "node");
}

static void end(struct end *e) {
    node_stop(e->node);
    exchange_free(e->x);
    net_loop_free(e->net);
    tls_free(e->tls);
    peersdb_close(e->p);
    db_close(e->db);
    vfs_close(e->vfs);
    keyring_free(e->keys);
    buf_done(&e->chain);
    DIR *dir = opendir(e->dir);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", e->dir, d->d_name);
        (void)unlink(path);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(e->dir);
}

static void put(size_t body_bytes) {
    static uint8_t body[RECORD_BODY_BYTES_MAX];
    uint8_t id[RECORD_ID_BYTES];
    struct record r = {.kind = RECORD_PATTERN, .body = body, .body_bytes = body_bytes};
    memcpy(r.scope, scope, sizeof scope);
    randombytes_buf(body, body_bytes);
    must(exchange_put(a.x, &r, id, &err), "put");
}

static void on_stop(void *ctx) {
    (void)ctx;
    loop_stop(loop);
}
static void run_ms(uint64_t ms) {
    (void)env_timer_start(loop_env(loop), ms, on_stop, NULL);
    (void)loop_run(loop, &err);
}

static int by_size(const void *x, const void *y) {
    double d = *(const double *)x - *(const double *)y;
    return (d > 0) - (d < 0);
}

static void one_by_one(uint64_t n) {
    double *took = calloc(n + 1, sizeof *took), *own = calloc(n + 1, sizeof *own), cpu = cpu_ms();
    for (uint64_t i = 0; took && own && i < n; i++) {
        double begin = wall_ms();
        b.stop_at = b.added + 1;
        put(1024 - RECORD_BYTES_MIN);
        own[i] = wall_ms() - begin;
        (void)loop_run(loop, &err);
        took[i] = b.added_ms - begin;
        run_ms(GAP_MS);
    }
    cpu = (cpu_ms() - cpu) / (double)(n ? n : 1);
    if (took && own && n) {
        qsort(took, n, sizeof *took, by_size);
        qsort(own, n, sizeof *own, by_size);
        (void)printf(
            "%llu new records of 1 KB, one at a time, signed and durable here, then durable "
            "there: p50 %.2f ms, p99 %.2f, max %.2f (asked p99 10); of it here p50 %.2f, "
            "p99 %.2f; %.2f ms CPU a record, of both ends\n",
            (unsigned long long)n, took[n / 2], took[n * 99 / 100], took[n - 1], own[n / 2],
            own[n * 99 / 100], cpu);
    }
    free(took);
    free(own);
}

static uint64_t on_wire(void) {
    struct link_info info;
    link_info(node_session_link(node_session_find(a.node, b.device + 32)), &info);
    return info.bytes_in + info.bytes_out;
}

static void at_once(uint64_t n) {
    static struct buf bytes[BULK_BATCH];
    static uint8_t body[1024];
    struct records_signer by = records_signer_of(a.device);
    uint64_t size = 0, left = n;
    memcpy(by.author, a.identity + 32, sizeof by.author);
    double put_ms = wall_ms();
    while (left) {
        struct peersdb_item items[BULK_BATCH] = {{0}};
        size_t some = left < BULK_BATCH ? (size_t)left : BULK_BATCH;
        for (size_t i = 0; i < some; i++) {
            struct record r = {
                .kind = RECORD_PATTERN, .created_ms = env_now_wall_ms(), .body = body};
            r.body_bytes = sizeof body;
            memcpy(r.scope, scope, sizeof scope);
            randombytes_buf(body, sizeof body);
            must(peersdb_counter(a.p, &r.counter, &err), "counter");
            must(records_sign(&r, &by, &bytes[i], items[i].id, &err), "sign");
            items[i].bytes = (const uint8_t *)bytes[i].data;
            items[i].n = bytes[i].len;
            size += bytes[i].len;
        }
        must(peersdb_put(a.p, NULL, scope, items, some, NULL, env_now_wall_ms(), &err), "put");
        for (size_t i = 0; i < some; i++)
            buf_done(&bytes[i]);
        left -= some;
    }
    put_ms = wall_ms() - put_ms;
    uint64_t wire = on_wire();
    double begin = wall_ms(), cpu = cpu_ms();
    b.stop_at = b.added + n;
    exchange_pump(a.x);
    (void)loop_run(loop, &err);
    wire = on_wire() - wire;
    (void)printf(
        "%llu records of %llu bytes (bodies 1,024, incompressible) that were here: durable "
        "there after %.0f ms (asked 1,500), %.0f ms CPU of both ends; %llu bytes on the "
        "wire: %.3f of the records (asked 1.08); made in %.0f ms\n",
        (unsigned long long)n, (unsigned long long)(size / n), b.added_ms - begin, cpu_ms() - cpu,
        (unsigned long long)wire, (double)wire / (double)size, put_ms);
}

int main(int argc, char **argv) {
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    uint64_t bulk = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
    mem_init_json();
    if (sodium_init() < 0 || !bulk)
        return 1;
    must(loop_new(&loop, &err), "loop");
    make(&a, 1);
    make(&b, 2);
    start(&a, &b, false);
    start(&b, &a, true);
    b.stop_at = 1;
    put(100); // the first one, over the session that comes to stand
    (void)loop_run(loop, &err);
    run_ms(100);
    one_by_one(n);
    at_once(bulk);
    end(&a);
    end(&b);
    loop_free(loop);
    return 0;
}
