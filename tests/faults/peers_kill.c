// Kills a process that puts records into peers.db, at random moments, with SIGKILL.
//
//   peers_kill [--kills N] [--seed S]
//
// Record k of a box is the same on every run; each tenth takes back the one five before it. The
// child reports on a pipe up to which one it was told they are durable. After the kill the parent
// requires: the file opens without alarm, everything acknowledged is there and verifies, a batch is
// there as a whole with its cursor, what was taken back is gone, every page is the newest one.
#include "federation/peersdb.h"
#include "tests/faults/vfs_box.h"
#include "tests/unit/federation/records_maker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS_PER_BOX = 20, KILL_AFTER_US_MAX = 250000, BATCH_MAX = 60, BODY_BYTES = 700 };

static struct err err;
static struct maker author;
static const uint8_t peer_key[RECORD_KEY_BYTES] = "the peer who brings them";
static uint8_t scope[RECORD_SCOPE_BYTES];

static void must(int r) {
    REQUIRE(r >= 0, "%d %s", err.code, err_text(&err));
}

static void record_of(int64_t k, struct buf *out, uint8_t id[RECORD_ID_BYTES]) {
    uint8_t body[BODY_BYTES];
    author.counter = k - 1;
    struct record r = maker_record(&author, body, sizeof body);
    if (k % 10 == 0) {
        AUTO_BUF taken = BUF_INIT(0);
        record_of(k - 5, &taken, r.refers_to);
        r.kind = RECORD_REVOCATION;
        r.counter = k;
        r.refers = true;
    }
    maker_sign(&author, &r, out, id);
}

static struct peersdb *open_peers(struct box *b) {
    struct peersdb *p = NULL;
    struct peersdb_config config = {.epoch = 5, .now_ms = MAKER_NOW_MS};
    struct peersdb_peer peer = {.name = "peer"};
    must(peersdb_open(b->db, &config, &p, &err));
    memcpy(peer.device, peer_key, sizeof peer.device);
    memcpy(peer.identity, peer_key, sizeof peer.identity);
    must(peersdb_peer_put(p, &peer, &err));
    must(peersdb_device_put(p, author.signer.device, author.signer.author, &err));
    return p;
}

static _Noreturn void child(const char *dir, uint64_t seed) {
    struct box b;
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 1;
    must(box_open(&b, dir, VFS_CREATE, &err));
    struct peersdb *p = open_peers(&b);
    int64_t last = 0;
    must(peersdb_newest(p, scope, &last, &err));
    for (;;) {
        struct peersdb_item items[BATCH_MAX] = {{0}};
        struct buf bytes[BATCH_MAX] = {{0}};
        size_t n = 1 + box_below(&random, BATCH_MAX);
        struct peersdb_cursor cursor = {.epoch = 1, .seq = last + (int64_t)n};
        for (size_t i = 0; i < n; i++) {
            record_of(last + 1 + (int64_t)i, &bytes[i], items[i].id);
            items[i].bytes = (const uint8_t *)bytes[i].data;
            items[i].n = bytes[i].len;
        }
        must(peersdb_put(p, peer_key, scope, items, n, &cursor, MAKER_NOW_MS, &err));
        for (size_t i = 0; i < n; i++)
            buf_done(&bytes[i]);
        last += (int64_t)n;
        char line[32];
        int len = snprintf(line, sizeof line, "%lld\n", (long long)last);
        REQUIRE(write(STDOUT_FILENO, line, (size_t)len) == len, "the parent is gone");
        if (box_below(&random, 8) == 0)
            must(db_checkpoint(b.db, false, &err));
    }
}

static int64_t run_and_kill(const char *self, const char *dir, uint64_t seed, uint64_t us,
                            int64_t acked) {
    int fds[2];
    char number[32], line[64];
    REQUIRE(pipe(fds) == 0, "pipe");
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
    pid_t pid = fork();
    REQUIRE(pid >= 0, "fork");
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl(self, self, "--child", dir, number, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    FILE *in = fdopen(fds[0], "r");
    REQUIRE(in, "fdopen");
    (void)usleep((useconds_t)us);
    (void)kill(pid, SIGKILL);
    while (fgets(line, sizeof line, in) && strchr(line, '\n'))
        acked = strtoll(line, NULL, 10);
    (void)fclose(in);
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
    REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
            "seed %llu: the child ended by itself, status %d", (unsigned long long)seed, status);
    return acked;
}

// Those that were verified the last time are looked at again only here and there.
static int64_t verify(const char *dir, int64_t acked, int64_t sure, uint64_t seed) {
    struct box b;
    unsigned long long s = seed;
    int r = box_open(&b, dir, VFS_CREATE, &err);
    REQUIRE(r == 0, "seed %llu: %s", s, err_text(&err));
    struct peersdb *p = open_peers(&b);
    struct peersdb_cursor cursor = {0};
    int64_t newest = 0;
    must(peersdb_newest(p, scope, &newest, &err));
    REQUIRE(newest >= acked, "seed %llu: %lld of %lld acknowledged", s, (long long)newest,
            (long long)acked);
    must(peersdb_cursor_get(p, peer_key, scope, &cursor, &err));
    REQUIRE(cursor.seq == newest, "seed %llu: cursor %lld, newest %lld", s, (long long)cursor.seq,
            (long long)newest);
    for (int64_t k = 1; k <= newest; k += k < sure - 20 ? 17 : 1) {
        AUTO_BUF made = BUF_INIT(0);
        AUTO_BUF kept = BUF_INIT(0);
        uint8_t id[RECORD_ID_BYTES];
        record_of(k, &made, id);
        r = peersdb_get(p, id, &kept, NULL, &err);
        bool taken = k % 10 == 5 && k + 5 <= newest;
        REQUIRE(taken
                    ? r == ERR_NOT_FOUND
                    : r == 0 && kept.len == made.len && memcmp(kept.data, made.data, made.len) == 0,
                "seed %llu: record %lld of %lld: %d", s, (long long)k, (long long)newest, r);
    }
    AUTO_BUF report = BUF_INIT(0);
    r = vfs_check(b.vfs, NULL, NULL, &report, &err);
    REQUIRE(r == 0, "seed %llu: %s", s, report.data ? report.data : err_text(&err));
    peersdb_close(p);
    box_close(&b);
    return newest;
}

int main(int argc, char **argv) {
    uint64_t kills = 30, seed = 1;
    char dir[] = "/tmp/paired_peers_kill_XXXXXX", self[BOX_PATH_BYTES];
    maker_init(&author, 1);
    memset(scope, 0x53, sizeof scope);
    if (argc == 4 && strcmp(argv[1], "--child") == 0)
        child(argv[2], strtoull(argv[3], NULL, 10));
    for (int i = 1; i + 1 < argc; i += 2)
        *(strcmp(argv[i], "--kills") == 0 ? &kills : &seed) = strtoull(argv[i + 1], NULL, 10);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    REQUIRE(n > 0 && mkdtemp(dir), "%s", dir);
    self[n] = '\0';
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 7;
    int64_t acked = 0, sure = 0, total = 0;
    for (uint64_t i = 0; i < kills; i++) {
        if (i % ROUNDS_PER_BOX == 0) { // the first start is killed as well
            box_clear(dir);
            total += acked;
            acked = sure = 0;
        }
        uint64_t s = seed * 1000003u + i;
        acked = run_and_kill(self, dir, s, box_below(&random, KILL_AFTER_US_MAX), acked);
        sure = verify(dir, acked, sure, s);
    }
    box_clear(dir);
    (void)rmdir(dir);
    printf("%llu kills, %lld records acknowledged: nothing lost, all verify\n",
           (unsigned long long)kills, (long long)(total + acked));
    return 0;
}
