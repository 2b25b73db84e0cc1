// What two engines pay to agree: bytes of all frames (10 of each are the link's; TLS adds 22 a
// write), round trips, CPU. bench_sync [RECORDS] (1,000,000)
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/vfs.h"
#include "federation/sync_impl.h"
#include "tests/unit/federation/sync_pair.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct err err;

static void must(int r, const char *what) {
    if (r < 0) {
        fprintf(stderr, "%s: %d %s\n", what, r, err_text(&err));
        exit(1);
    }
}

static double cpu_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double wall_ms(void) {
    return (double)env_now_mono_ns() / 1e6;
}

// ------------------------------------------------------- ids alone: a store with nothing in it

struct ids { // sorted; a and b differ in which of them they have
    uint8_t (*id)[RECORD_ID_BYTES];
    uint64_t n;
};
struct fake {
    const struct ids *ids;
    uint64_t missing; // every n / missing th is not there; 0: all are
    bool in_sync;
    struct sync_session *session; // whose count of unknown ids is put back: bodies are not sent
};
static bool has(const struct fake *f, uint64_t i) {
    return !f->missing || i % (f->ids->n / f->missing) != 7 ||
           i / (f->ids->n / f->missing) >= f->missing;
}
static uint32_t fake_epoch(void *self) {
    return self ? 0x2345678 : 0;
}
static int fake_newest(void *self, const uint8_t *scope, int64_t *ret, struct err *e) {
    (void)scope, (void)e;
    *ret = (int64_t)((struct fake *)self)->ids->n;
    return 0;
}
static int fake_ids(void *self, const uint8_t *scope, sync_id_fn *fn, void *ctx, struct err *e) {
    struct fake *f = self;
    (void)scope, (void)e;
    for (uint64_t i = 0; i < f->ids->n; i++)
        if (has(f, i))
            (void)fn(ctx, f->ids->id[i]);
    return 0;
}
static int fake_ids_after(void *self, const uint8_t *scope, const uint8_t *after, sync_id_fn *fn,
                          void *ctx, struct err *e) {
    struct fake *f = self;
    uint64_t low = 0, high = f->ids->n;
    (void)scope, (void)e;
    while (after && low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (memcmp(f->ids->id[mid], after, 8) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < f->ids->n; low++)
        if (has(f, low) && fn(ctx, f->ids->id[low]))
            break;
    return 0;
}
static int fake_after(void *self, const uint8_t *scope, int64_t seq, const uint8_t *skip,
                      bool orders, peersdb_record_fn *fn, void *ctx, struct err *e) {
    (void)self, (void)scope, (void)seq, (void)skip, (void)orders, (void)fn, (void)ctx, (void)e;
    return 0;
}
static int fake_find(void *self, const uint8_t *scope, const uint8_t *prefix, size_t n,
                     struct buf *out, struct err *e) {
    (void)scope, (void)prefix, (void)n, (void)out, (void)e;
    struct fake *f = self;
    if (f->session)
        f->session->unknown = 0;
    return ERR_NOT_FOUND; // the request is counted, no body is sent
}
static int fake_put(void *self, const uint8_t *from, const uint8_t *scope,
                    struct peersdb_item *items, size_t n, const struct peersdb_cursor *cursor,
                    int64_t now_ms, struct err *e) {
    (void)self, (void)from, (void)scope, (void)items, (void)n, (void)cursor, (void)now_ms, (void)e;
    return 0;
}
static int fake_cursor(void *self, const uint8_t *from, const uint8_t *scope,
                       struct peersdb_cursor *ret, struct err *e) {
    struct fake *f = self; // known where nothing is missing, lost where something is
    (void)from, (void)scope, (void)e;
    *ret = f->missing || !f->in_sync
               ? (struct peersdb_cursor){0}
               : (struct peersdb_cursor){fake_epoch(self), (int64_t)f->ids->n};
    return 0;
}
static int fake_improper(void *self, const uint8_t *from, int64_t count, struct err *e) {
    (void)self, (void)from, (void)count, (void)e;
    return 0;
}
static const struct sync_store_ops fake_ops = {fake_epoch,     fake_newest, fake_ids,
                                               fake_ids_after, fake_after,  fake_find,
                                               fake_put,       fake_cursor, fake_improper};

static int by_id(const void *a, const void *b) {
    return memcmp(a, b, RECORD_ID_BYTES);
}

static void bench_ids(const struct ids *ids, uint64_t missing) {
    static struct pair p;
    struct fake a = {.ids = ids, .missing = missing, .in_sync = !missing},
                b = {.ids = ids, .in_sync = !missing};
    ends_open(&p, NULL, NULL);
    ends_disconnect(&p);
    sync_free(p.a.sync), sync_free(p.b.sync);
    p.a.sync = sync_new(&p.a.env, (struct sync_store){&fake_ops, &a});
    p.b.sync = sync_new(&p.b.env, (struct sync_store){&fake_ops, &b});
    ends_connect(&p);
    must(sync_open(p.a.session, ends_scope, &err), "open"); // tables are built here
    must((int)ends_run(&p, 100000), "run");
    ends_disconnect(&p);
    ends_connect(&p);
    p.a.sent_bytes = p.b.sent_bytes = 0;
    b.session = p.b.session;
    double cpu = cpu_ms();
    must(sync_open(p.a.session, ends_scope, &err), "open");
    uint64_t trips = ends_run(&p, 100000);
    cpu = cpu_ms() - cpu;
    struct sync_info info;
    sync_session_info(p.a.session, &info);
    // The last trips are the request for the records and the word that all is there.
    printf("%9llu records, %6llu missing: %9llu bytes, %3llu round trips until the ids are known, "
           "%7.2f ms CPU of both, %s\n",
           (unsigned long long)ids->n, (unsigned long long)missing,
           (unsigned long long)(p.a.sent_bytes + p.b.sent_bytes),
           (unsigned long long)(missing ? trips - 2 : trips), cpu,
           info.by_list    ? "by list"
           : info.by_cells ? "by cells"
                           : "in sync");
    ends_close(&p);
}

static void bench_table(const struct ids *ids) {
    struct riblt *t = riblt_new(ends_scope);
    double cpu = cpu_ms();
    for (uint64_t i = 0; i < ids->n; i++)
        riblt_add(t, ids->id[i]);
    cpu = cpu_ms() - cpu;
    printf("table: %.0f ns an insert\n", cpu * 1e6 / (double)ids->n);
    riblt_free(t);
}

// ---------------------------------------------------------------------- records, encrypted,
// durable

struct disk {
    char dir[64];
    struct keyring *keys;
    struct vfs *vfs;
    struct db *db;
};

static void disk_open(struct disk *d) {
    char path[128];
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/paired_bench_sync_XXXXXX");
    if (!mkdtemp(d->dir))
        exit(1);
    (void)snprintf(path, sizeof path, "%s/peers.db", d->dir);
    must(keyring_open(d->dir, KEYRING_CREATE, &d->keys, &err), "keys");
    must(vfs_open(path, d->keys, VFS_CREATE, &d->vfs, &err), "vfs");
    must(db_open(d->vfs, DB_CREATE, &d->db, &err), "db");
}

static void disk_close(struct disk *d) { // its db is closed
    vfs_close(d->vfs);
    keyring_free(d->keys);
    DIR *dir = opendir(d->dir);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", d->dir, e->d_name);
        (void)unlink(path);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(d->dir);
}

static uint64_t total; // bytes of records
static int add_bytes(void *ctx, int64_t seq, const uint8_t *id, const uint8_t *bytes, size_t n) {
    (void)ctx, (void)seq, (void)id, (void)bytes;
    total += n;
    return 0;
}

static void bench_records(uint64_t n, size_t record_bytes) {
    static struct pair p;
    struct disk a, b;
    size_t body = record_bytes - RECORD_BYTES_MIN;
    disk_open(&a), disk_open(&b);
    ends_open(&p, a.db, b.db);
    must(sync_open(p.a.session, ends_scope, &err), "open");
    (void)ends_run(&p, 100);
    ends_disconnect(&p); // made first, sent then
    ends_add(&p.a, n, body);
    ends_connect(&p);
    p.a.sent_bytes = p.b.sent_bytes = total = 0;
    must(peersdb_after(p.a.p, ends_scope, 0, NULL, false, add_bytes, NULL, &err), "sizes");
    double cpu = cpu_ms(), wall = wall_ms();
    must(sync_open(p.a.session, ends_scope, &err), "open");
    (void)ends_run(&p, 100000);
    cpu = cpu_ms() - cpu;
    wall = wall_ms() - wall;
    must(p.a.result < 0 ? p.a.result : p.b.result, "sync");
    uint64_t bytes = p.a.sent_bytes + p.b.sent_bytes;
    printf(
        "%llu new records of %zu bytes (bodies %zu, incompressible), both ends in one thread: "
        "%.0f ms, %.0f ms CPU; %llu bytes: %.3f of the records, %.3f of the bodies; arrived: %s\n",
        (unsigned long long)n, record_bytes, body, wall, cpu, (unsigned long long)bytes,
        (double)bytes / (double)total, (double)bytes / ((double)n * (double)body),
        ends_same(&p) ? "all" : "NOT ALL");
    ends_close(&p);
    disk_close(&a), disk_close(&b);
}

int main(int argc, char **argv) {
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    struct ids ids = {.n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000};
    if (ids.n < 20000 || sodium_init() < 0)
        return 1;
    ids.id = malloc(ids.n * sizeof *ids.id);
    if (!ids.id)
        return 1;
    randombytes_buf_deterministic(ids.id, ids.n * sizeof *ids.id, (const uint8_t[32]){7});
    qsort(ids.id, ids.n, sizeof *ids.id, by_id);
    bench_table(&ids);
    static const uint64_t missing[] = {0, 1, 10, 100, 1000, 2000, 10000};
    for (size_t i = 0; i < COUNT_OF(missing); i++)
        bench_ids(&ids, missing[i]);
    bench_records(10000, 1024);
    bench_records(10000, 1024 + RECORD_BYTES_MIN);
    free(ids.id);
    return 0;
}
