// Kills a process that writes an encrypted database, at random moments, with SIGKILL, and looks at
// what is left.
//
//   vfs_kill [--kills N] [--seed S]
//
// The child (this program again) inserts, spills, rolls back, builds and optimizes FTS, updates,
// checkpoints, vacuums, rotates the data key, backs up and opens again; it reports each commit on a
// pipe once SQLite has acknowledged it. After the kill the parent requires: it opens without alarm,
// everything acknowledged is there, the structure and the full-text index agree, every page
// verifies and is the newest one, the marker word is in no file.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "tests/faults/vfs_box.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS_PER_BOX = 50, KILL_AFTER_US_MAX = 150000, ROWS_BIG = 1500 };

static struct err err;

static void must(int r) {
    REQUIRE(r >= 0, "%d %s", err.code, err_text(&err));
}

// ----------------------------------------------------------------------------------------- child

struct worker {
    struct box box;
    const char *dir;
    uint64_t random;
    int64_t value; // of table `kv`
};

static void acknowledge(char what, int64_t n) {
    char line[64];
    int len = snprintf(line, sizeof line, "%c %lld\n", what, (long long)n);
    REQUIRE(write(STDOUT_FILENO, line, (size_t)len) == len, "the parent is gone");
}

static void make_tables(struct db *db) {
    must(db_script(db,
                   "CREATE TABLE IF NOT EXISTS row(id INTEGER PRIMARY KEY, tag TEXT, body TEXT);"
                   "CREATE INDEX IF NOT EXISTS row_tag ON row(tag);"
                   "CREATE TABLE IF NOT EXISTS kv(id INTEGER PRIMARY KEY, value INTEGER, pad BLOB);"
                   "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(body);"
                   "INSERT OR IGNORE INTO kv VALUES(1, 0, zeroblob(9000))",
                   &err));
}

static void insert_rows(struct worker *w, int64_t n, bool roll_back) {
    struct db *db = w->box.db;
    char text[200];
    must(db_begin(db, true, &err));
    for (int64_t i = 0; i < n; i++) {
        (void)snprintf(text, sizeof text, BOX_MARKER " %llx common words%llu",
                       (unsigned long long)box_random(&w->random),
                       (unsigned long long)box_below(&w->random, 500));
        struct db_value tag = db_text_n(text + 17, 8), body = db_text(text);
        must(db_run(db, "INSERT INTO row(tag, body) VALUES(?1, ?2)", (struct db_value[]){tag, body},
                    2, &err));
        must(db_run(db, "INSERT INTO words(rowid, body) VALUES(last_insert_rowid(), ?1)", &body, 1,
                    &err));
    }
    int64_t last = 0;
    must(db_one_int(db, "SELECT max(id) FROM row", NULL, 0, &last, &err));
    if (roll_back) {
        db_rollback(db);
        return;
    }
    must(db_commit(db, &err));
    acknowledge('r', last);
}

static void update_value(struct worker *w) {
    struct db_value v = db_int(w->value + 1);
    must(db_run(w->box.db, "UPDATE kv SET value = ?1, pad = randomblob(9000)", &v, 1, &err));
    acknowledge('v', ++w->value);
}

static void rotate(struct worker *w) {
    int64_t left = 1;
    must(vfs_rotate_begin(w->box.vfs, &err));
    for (int i = 0; left > 0 && i < 1000; i++) {
        must(vfs_rotate_step(w->box.db, 1 + (int64_t)box_below(&w->random, 200), &left, &err));
        if (box_below(&w->random, 8) == 0)
            update_value(w);
    }
    must(vfs_rotate_finish(w->box.db, &err));
}

static void back_up(struct worker *w) {
    char path[BOX_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/backup.db", w->dir);
    (void)unlink(path);
    must(vfs_backup(w->box.db, path, NULL, NULL, &err));
}

static void open_again(struct worker *w) {
    box_close(&w->box);
    must(box_open(&w->box, w->dir, VFS_CREATE, &err));
    make_tables(w->box.db);
    // Small enough to spill in the middle of a transaction.
    must(db_script(w->box.db, "PRAGMA cache_size=40; PRAGMA wal_autocheckpoint=300", &err));
    must(db_one_int(w->box.db, "SELECT value FROM kv", NULL, 0, &w->value, &err));
}

static void act(struct worker *w) {
    struct db *db = w->box.db;
    switch (box_below(&w->random, 24)) {
    case 0:
        insert_rows(w, ROWS_BIG, false);
        break;
    case 1:
        insert_rows(w, ROWS_BIG, true);
        break;
    case 2:
        must(db_checkpoint(db, true, &err));
        break;
    case 3:
        must(db_checkpoint(db, false, &err));
        break;
    case 4:
    case 5:
        rotate(w);
        break;
    case 6:
        must(db_run(db, "INSERT INTO words(words) VALUES('optimize')", NULL, 0, &err));
        break;
    case 7:
        must(db_script(db, "VACUUM", &err));
        break;
    case 8:
        back_up(w);
        break;
    case 9:
        open_again(w);
        break;
    case 10:
        must(db_run(db, "INSERT INTO words(words) VALUES('rebuild')", NULL, 0, &err));
        break;
    case 11:
        must(vfs_check(w->box.vfs, NULL, NULL, NULL, &err));
        break;
    case 12:
    case 13:
        update_value(w);
        break;
    default:
        insert_rows(w, 1 + (int64_t)box_below(&w->random, 40), false);
    }
}

static _Noreturn void child(const char *dir, uint64_t seed) {
    struct worker w = {.dir = dir, .random = seed * 0x9e3779b97f4a7c15u + 1};
    open_again(&w);
    for (;;)
        act(&w);
}

// ---------------------------------------------------------------------------------------- parent

struct acked {
    int64_t rows, value;
};

// Reads until the child is dead and the pipe empty.
static void collect(FILE *in, struct acked *a) {
    char line[64];
    while (fgets(line, sizeof line, in)) {
        long long n = 0;
        if (!strchr(line, '\n') || sscanf(line + 1, "%lld", &n) != 1)
            break;
        *(line[0] == 'r' ? &a->rows : &a->value) = n;
    }
}

static void run_and_kill(const char *self, const char *dir, uint64_t seed, uint64_t us,
                         struct acked *a) {
    int fds[2];
    char number[32];
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
    collect(in, a);
    (void)fclose(in);
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
    REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
            "seed %llu: the child ended by itself, status %d", (unsigned long long)seed, status);
}

static int64_t one(struct db *db, const char *sql) {
    int64_t n = 0;
    must(db_one_int(db, sql, NULL, 0, &n, &err));
    return n;
}

static void verify(const char *dir, const struct acked *a, uint64_t seed) {
    struct box b;
    unsigned long long s = seed;
    REQUIRE(!box_marker_found(dir), "seed %llu: text in the clear", s);
    int r = box_open(&b, dir, VFS_CREATE, &err);
    REQUIRE(r == 0, "seed %llu: %s", s, err_text(&err));
    make_tables(b.db);
    int64_t rows = one(b.db, "SELECT count(*) FROM row");
    int64_t last = one(b.db, "SELECT ifnull(max(id), 0) FROM row");
    REQUIRE(rows == last && rows >= a->rows, "seed %llu: %lld rows, last %lld, acknowledged %lld",
            s, (long long)rows, (long long)last, (long long)a->rows);
    REQUIRE(one(b.db, "SELECT value FROM kv") >= a->value, "seed %llu: value lost", s);
    REQUIRE(
        one(b.db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") == 0,
        "seed %llu: structure", s);
    must(db_run(b.db, "INSERT INTO words(words) VALUES('integrity-check')", NULL, 0, &err));
    REQUIRE(one(b.db, "SELECT count(*) FROM words WHERE words MATCH 'common'") == rows,
            "seed %llu: full-text index", s);
    AUTO_BUF report = BUF_INIT(0);
    r = vfs_check(b.vfs, NULL, NULL, &report, &err);
    REQUIRE(r == 0, "seed %llu: %s", s, report.data ? report.data : err_text(&err));
    box_close(&b);
}

int main(int argc, char **argv) {
    int64_t kills = 60;
    uint64_t seed = 1;
    char dir[] = "/tmp/paired_vfs_kill_XXXXXX", self[BOX_PATH_BYTES];
    if (argc == 4 && strcmp(argv[1], "--child") == 0)
        child(argv[2], strtoull(argv[3], NULL, 10));
    for (int i = 1; i + 1 < argc; i += 2)
        *(strcmp(argv[i], "--kills") == 0 ? (uint64_t *)&kills : &seed) =
            strtoull(argv[i + 1], NULL, 10);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    REQUIRE(n > 0 && mkdtemp(dir), "%s", dir);
    self[n] = '\0';
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 7;
    struct acked a = {0, 0};
    int64_t total = 0;
    for (int64_t i = 0; i < kills; i++) {
        if (i % ROUNDS_PER_BOX == 0) { // the first start is killed as well
            box_clear(dir);
            total += a.rows;
            a = (struct acked){0, 0};
        }
        uint64_t s = seed * 1000003u + (uint64_t)i;
        run_and_kill(self, dir, s, box_below(&random, KILL_AFTER_US_MAX), &a);
        verify(dir, &a, s);
    }
    box_clear(dir);
    (void)rmdir(dir);
    printf("%lld kills, %lld rows and more acknowledged: nothing lost, no alarm\n",
           (long long)kills, (long long)(total + a.rows));
    return 0;
}
