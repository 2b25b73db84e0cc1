// What encryption costs: the same inserts and scans through the encrypting VFS and through plain
// SQLite, in turns, CPU time of the process. Prints medians and the ratio of each pair of turns.
//   bench_store [rows] [turns] [directory]
// Inserts: `rows` rows in transactions of 1000, a table with three indexes, synchronous=FULL on
// both sides. Scan: every row of a table that does not fit into the page cache.
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/db.h"
#include "core/db/vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_PER_COMMIT = 1000, TURNS_MAX = 99, SCANS = 5 };

struct times {
    double insert, scan, insert_wall;
};

static double seconds(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const struct err *err) {
    if (r >= 0)
        return;
    fprintf(stderr, "bench_store: %s\n", err_text(err));
    exit(1);
}

// The same rows every time: a generator of our own, no call of the system.
static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void insert_rows(struct db *db, int64_t rows) {
    struct err err = {0};
    uint64_t state = 88172645463325252u;
    char text[256];
    must(db_script(db,
                   "CREATE TABLE note(id INTEGER PRIMARY KEY, workspace TEXT, kind INTEGER, "
                   "created INTEGER, body TEXT);"
                   "CREATE INDEX note_workspace ON note(workspace);"
                   "CREATE INDEX note_kind ON note(kind, created);"
                   "CREATE INDEX note_created ON note(created)",
                   &err),
         &err);
    for (int64_t i = 0; i < rows; i++) {
        if (i % ROWS_PER_COMMIT == 0)
            must(db_begin(db, true, &err), &err);
        uint64_t a = next(&state), b = next(&state);
        int n = snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)a,
                         (unsigned long long)b);
        for (int j = 0; j < 7; j++)
            n += snprintf(text + n, sizeof text - (size_t)n, " word%llu",
                          (unsigned long long)(next(&state) % 100000));
        const struct db_value values[] = {db_text_n(text, 16), db_int((int64_t)(a % 7)),
                                          db_int((int64_t)(b >> 20)), db_text_n(text, (size_t)n)};
        must(db_run(db, "INSERT INTO note(workspace, kind, created, body) VALUES(?1, ?2, ?3, ?4)",
                    values, COUNT_OF(values), &err),
             &err);
        if ((i + 1) % ROWS_PER_COMMIT == 0 || i + 1 == rows)
            must(db_commit(db, &err), &err);
    }
    must(db_checkpoint(db, true, &err), &err);
}

static void scan_rows(struct db *db) {
    struct err err = {0};
    int64_t sum = 0;
    must(db_one_int(db, "SELECT sum(length(body)) + count(*) FROM note NOT INDEXED", NULL, 0, &sum,
                    &err),
         &err);
    if (sum == 0)
        exit(1);
}

static struct times measure(struct db *db, int64_t rows) {
    struct times t;
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    insert_rows(db, rows);
    t.insert = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    t.insert_wall = seconds(CLOCK_MONOTONIC) - wall;
    scan_rows(db); // the file is in the system's cache from here on
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < SCANS; i++)
        scan_rows(db);
    t.scan = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / SCANS;
    return t;
}

static void remove_files(const char *dir) {
    static const char *const names[] = {"plain.db",   "plain.db-wal", "plain.db-shm",
                                        "store.db",   "store.db-wal", "store.head",
                                        "store.lock", "store.keys",   "key"};
    char path[1200];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
}

static struct times plain_turn(const char *dir, int64_t rows) {
    struct err err = {0};
    struct db *db = NULL;
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/plain.db", dir);
    must(db_open_plain(path, DB_CREATE, &db, &err), &err);
    struct times t = measure(db, rows);
    db_close(db);
    return t;
}

static struct times encrypted_turn(const char *dir, int64_t rows, int64_t *ret_bytes) {
    struct err err = {0};
    struct keyring *k = NULL;
    struct vfs *v = NULL;
    struct db *db = NULL;
    struct stat st;
    char path[1200];
    (void)snprintf(path, sizeof path, "%s/store.db", dir);
    must(keyring_open(dir, KEYRING_CREATE, &k, &err), &err);
    must(vfs_open(path, k, VFS_CREATE, &v, &err), &err);
    must(db_open(v, DB_CREATE, &db, &err), &err);
    struct times t = measure(db, rows);
    db_close(db);
    vfs_close(v);
    keyring_free(k);
    *ret_bytes = stat(path, &st) == 0 ? st.st_size : 0;
    return t;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void report(const char *what, double plain[], double encrypted[], int turns, double limit) {
    double ratio[TURNS_MAX];
    for (int i = 0; i < turns; i++)
        ratio[i] = (encrypted[i] / plain[i] - 1) * 100;
    double r = median(ratio, turns);
    printf("%-8s plain %8.1f ms   encrypted %8.1f ms   %+6.1f %% (median of %d, %+.1f to %+.1f; "
           "limit %+.0f %%)\n",
           what, median(plain, turns) * 1e3, median(encrypted, turns) * 1e3, r, turns, ratio[0],
           ratio[turns - 1], limit);
}

int main(int argc, char **argv) {
    int64_t rows = argc > 1 ? atoll(argv[1]) : 200000;
    int turns = argc > 2 ? atoi(argv[2]) : 5;
    char dir[1024];
    double plain[2][TURNS_MAX], encrypted[2][TURNS_MAX];
    int64_t bytes = 0;
    if (rows < 1 || turns < 1 || turns > TURNS_MAX)
        return 2;
    (void)snprintf(dir, sizeof dir, "%s/bench_store_XXXXXX", argc > 3 ? argv[3] : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    for (int i = 0; i < turns; i++) {
        remove_files(dir);
        struct times p = plain_turn(dir, rows);
        struct times e = encrypted_turn(dir, rows, &bytes);
        plain[0][i] = p.insert;
        encrypted[0][i] = e.insert;
        plain[1][i] = p.scan;
        encrypted[1][i] = e.scan;
    }
    remove_files(dir);
    (void)rmdir(dir);
    printf("%lld rows, 3 indexes, %d a transaction, %lld MB; CPU time\n", (long long)rows,
           ROWS_PER_COMMIT, (long long)bytes / 1000000);
    report("inserts", plain[0], encrypted[0], turns, 20);
    report("scan", plain[1], encrypted[1], turns, 50);
    return 0;
}
