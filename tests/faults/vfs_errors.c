// Every disk operation of the VFS fails in turn: full disk, I/O error, half a write, and death in
// the middle of a write.
//
//   vfs_errors [--stride N] [--seed S]       every Nth operation (1: all of them)
//
// A scenario (first start, inserts that spill, checkpoint, rotation, backup, closing) runs once to
// count its operations and then once for each with that one failing. A failure must come back as an
// error of the right kind, leave the store as it was before the failed step, and be gone with its
// cause: the same process goes on, and later a new one opens the store without alarm.
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "tests/faults/vfs_box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIED = 99 };

static struct err err;
static char dir[] = "/tmp/paired_vfs_errors_XXXXXX";
static const char *doing; // for messages
static uint64_t nth;

#define CHECK(condition)                                                                           \
    REQUIRE(condition, "%s, operation %llu: %d %s", doing, (unsigned long long)nth, err.code,      \
            err_text(&err))

// ------------------------------------------------------------------------------------- scenario

struct progress { // what was acknowledged
    int64_t rows;
    bool tables;
};

static int insert(struct box *b, int64_t n, struct progress *p) {
    int r = db_begin(b->db, true, &err);
    for (int64_t i = 0; i < n && r == 0; i++)
        r = db_run(b->db, "INSERT INTO t(body) VALUES('" BOX_MARKER "' || hex(randomblob(300)))",
                   NULL, 0, &err);
    if (r == 0)
        r = db_commit(b->db, &err);
    if (r < 0)
        db_rollback(b->db);
    else
        p->rows += n;
    return r;
}

static int rotate(struct box *b) {
    int64_t left = 1;
    int r = vfs_rotate_begin(b->vfs, &err);
    for (int i = 0; r == 0 && left > 0 && i < 100; i++)
        r = vfs_rotate_step(b->db, 40, &left, &err);
    return r == 0 ? vfs_rotate_finish(b->db, &err) : r;
}

static int back_up(struct box *b) {
    char path[BOX_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/backup.db", dir);
    (void)unlink(path);
    return vfs_backup(b->db, path, NULL, NULL, &err);
}

static int run(struct progress *p) {
    struct box b;
    int r = box_open(&b, dir, VFS_CREATE, &err);
    if (r == 0)
        r = db_script(b.db,
                      "PRAGMA cache_size=20; PRAGMA wal_autocheckpoint=0;"
                      "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, body TEXT)",
                      &err);
    p->tables |= r == 0;
    if (r == 0)
        r = insert(&b, 3, p);
    if (r == 0)
        r = insert(&b, 200, p); // spills
    if (r == 0)
        r = db_checkpoint(b.db, false, &err);
    if (r == 0)
        r = insert(&b, 5, p); // a new generation of the log
    if (r == 0)
        r = rotate(&b);
    if (r == 0)
        r = insert(&b, 5, p);
    if (r == 0)
        r = back_up(&b);
    box_close(&b);
    return r;
}

// ------------------------------------------------------------------------------------- verdicts

static void sound(const struct progress *p) {
    struct box b;
    int64_t n = 0;
    CHECK(!box_marker_found(dir));
    CHECK(box_open(&b, dir, VFS_CREATE, &err) == 0);
    if (p->tables) {
        CHECK(db_one_int(b.db, "SELECT count(*) FROM t", NULL, 0, &n, &err) == 1);
        CHECK(n >= p->rows);
        CHECK(db_one_int(b.db,
                         "SELECT count(*) FROM pragma_integrity_check WHERE "
                         "integrity_check <> 'ok'",
                         NULL, 0, &n, &err) == 1);
        CHECK(n == 0);
    }
    CHECK(vfs_check(b.vfs, NULL, NULL, NULL, &err) == 0);
    box_close(&b);
}

static bool kind_fits(const struct vfs_fault *f, int code) {
    // What SQLite meets while opening its log it reports as CANTOPEN or IOERR, whatever it was.
    if (f->errnum == ENOSPC)
        return code == ERR_FULL || code == ERR_IO;
    return code == ERR_IO || code == ERR_BUSY;
}

static void fail_one(const struct vfs_fault *f) {
    struct progress p = {0};
    box_clear(dir);
    vfs_test_fault(f);
    int r = run(&p);
    bool struck = vfs_test_operations() >= f->nth;
    vfs_test_fault(NULL);
    CHECK(struck);
    // A mark that was not written, a file that SQLite can do without: no error then, and no harm.
    CHECK(r == 0 || kind_fits(f, r));
    sound(&p);
    CHECK(run(&p) == 0);
    sound(&p);
}

static void die_at(const struct vfs_fault *f) {
    struct progress p = {0};
    int status = 0;
    box_clear(dir);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        vfs_test_fault(f);
        _exit(run(&p) == 0 ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == DIED);
    sound(&p);
    CHECK(run(&p) == 0);
    sound(&p);
}

static uint64_t count(unsigned ops) {
    struct progress p = {0};
    box_clear(dir);
    vfs_test_fault(&(struct vfs_fault){.ops = ops});
    CHECK(run(&p) == 0);
    uint64_t n = vfs_test_operations();
    vfs_test_fault(NULL);
    return n;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        struct vfs_fault fault;
    } cases[] = {
        {"write, full disk", {.ops = VFS_FAULT_WRITE, .errnum = ENOSPC}},
        {"write, I/O error", {.ops = VFS_FAULT_WRITE, .errnum = EIO}},
        {"write, half of it",
         {.ops = VFS_FAULT_WRITE, .action = VFS_FAULT_SHORT, .errnum = ENOSPC}},
        {"write, disk stays full", {.ops = VFS_FAULT_WRITE, .errnum = ENOSPC, .sticky = true}},
        {"write, death", {.ops = VFS_FAULT_WRITE, .action = VFS_FAULT_EXIT}},
        {"sync, I/O error", {.ops = VFS_FAULT_SYNC, .errnum = EIO}},
        {"sync, death", {.ops = VFS_FAULT_SYNC, .action = VFS_FAULT_EXIT}},
        {"open", {.ops = VFS_FAULT_OPEN, .errnum = EIO}},
        {"truncate", {.ops = VFS_FAULT_TRUNCATE, .errnum = EIO}},
        {"read", {.ops = VFS_FAULT_READ, .errnum = EIO}},
    };
    uint64_t stride = 1, seed = 0, total = 0;
    for (int i = 1; i + 1 < argc; i += 2)
        *(strcmp(argv[i], "--stride") == 0 ? &stride : &seed) = strtoull(argv[i + 1], NULL, 10);
    REQUIRE(mkdtemp(dir), "%s", dir);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct vfs_fault f = cases[c].fault;
        doing = cases[c].name;
        uint64_t n = count(f.ops);
        for (nth = 1 + seed % stride; nth <= n; nth += stride, total++) {
            f.nth = nth;
            f.action == VFS_FAULT_EXIT ? die_at(&f) : fail_one(&f);
        }
    }
    box_clear(dir);
    (void)rmdir(dir);
    printf("%llu faults: each an error of its kind, nothing acknowledged lost, no alarm\n",
           (unsigned long long)total);
    return 0;
}
