// Damages the files of a store that crashed with a log full of commits, at random, and looks
// whether it is noticed.
//
//   vfs_damage [--trials N] [--seed S]
//
// Every trial must end in one of two ways: an error (of keyring_open, vfs_open, db_open, a query,
// or vfs_check), or exactly the content that was there. Old versions of pages, logs, heads and
// whole databases are real ones, kept while the store was made.
#include "core/base/buf.h"
#include "core/base/mem.h"
#include "tests/faults/vfs_box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = VFS_PAGE_BYTES, FRAME = 24 + PAGE, LOG_HEADER = 32, DIGEST_BYTES = 40 };

static struct err err;
static char root[] = "/tmp/paired_vfs_damage_XXXXXX";
static char base[BOX_PATH_BYTES], work[BOX_PATH_BYTES];
static const char *const stages[] = {"early", "middle", "late"}; // older states of the same store
enum { STAGES = 3 };
static char stage_dirs[STAGES][BOX_PATH_BYTES];

static void must(int r) {
    REQUIRE(r >= 0, "%d %s", err.code, err_text(&err));
}

static const char *in(const char *dir, const char *name) {
    static char paths[4][BOX_PATH_BYTES + 64];
    static unsigned turn;
    char *p = paths[turn++ % 4];
    (void)snprintf(p, sizeof paths[0], "%s/%s", dir, name);
    return p;
}

// -------------------------------------------------------------------------------- the store

static void write_rows(struct db *db, int from, int n) {
    char text[600];
    must(db_begin(db, true, &err));
    for (int i = from; i < from + n; i++) {
        int len = snprintf(text, sizeof text, "row %d ", i);
        for (int j = 0; j < 30; j++)
            len +=
                snprintf(text + len, sizeof text - (size_t)len, "word%d ", (i * 31 + j * 7) % 977);
        struct db_value v[] = {db_int(i % 300), db_text(text)};
        must(db_run(db, "INSERT OR REPLACE INTO t(id, body) VALUES(?1, ?2)", v, 2, &err));
        must(db_run(db, "INSERT INTO f(body) VALUES(?2)", v, 2, &err));
    }
    must(db_commit(db, &err));
}

static void make_store(void) {
    struct box b;
    box_mkdir(base);
    must(box_open(&b, base, VFS_CREATE, &err));
    must(db_script(b.db,
                   "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE f "
                   "USING fts5(body); PRAGMA wal_autocheckpoint=0",
                   &err));
    write_rows(b.db, 0, 300);
    must(db_checkpoint(b.db, true, &err));
    write_rows(b.db, 300, 40);
    box_copy(base, stage_dirs[0]); // another generation of the log
    must(db_checkpoint(b.db, true, &err));
    for (int i = 0; i < 5; i++)
        write_rows(b.db, 400 + 20 * i, 20);
    box_copy(base, stage_dirs[1]); // the same log, shorter
    for (int i = 0; i < 5; i++)
        write_rows(b.db, 600 + 20 * i, 20);
    // The database changes, the log stays: what a passive checkpoint leaves.
    must(db_checkpoint(b.db, false, &err));
    box_copy(base, stage_dirs[2]);
    for (int i = 0; i < 5; i++)
        write_rows(b.db, 800 + 20 * i, 20);
    char keep[BOX_PATH_BYTES];
    (void)snprintf(keep, sizeof keep, "%s/crashed", root);
    box_copy(base, keep); // as a crash would leave it: the connection is open
    box_close(&b);
    box_copy(keep, base);
    box_clear(keep);
    (void)rmdir(keep);
}

// Reads everything; a digest of the rows, or an error.
static int content(struct box *b, char digest[DIGEST_BYTES]) {
    struct db_rows *rows = NULL;
    uint64_t h = 14695981039346656037u;
    int64_t n = 0;
    int r = db_rows_open(b->db,
                         "SELECT id, body FROM t UNION ALL SELECT rowid, body FROM f ORDER BY 1, 2",
                         NULL, 0, &rows, &err);
    while (r >= 0 && (r = db_rows_next(rows, &err)) == 1) {
        size_t len = 0;
        const char *text = db_col_text(rows, 1, &len);
        for (size_t i = 0; i < len; i++)
            h = (h ^ (uint8_t)text[i]) * 1099511628211u;
        h = (h ^ (uint64_t)db_col_int(rows, 0)) * 1099511628211u;
        n++;
    }
    db_rows_close(rows);
    if (r < 0)
        return r;
    (void)snprintf(digest, DIGEST_BYTES, "%016llx %lld", (unsigned long long)h, (long long)n);
    return db_run(b->db, "INSERT INTO f(f) VALUES('integrity-check')", NULL, 0, &err);
}

// ERR_* when something noticed.
static int look(const char *dir, char digest[DIGEST_BYTES]) {
    struct box b;
    int r = box_open(&b, dir, 0, &err);
    if (r < 0)
        return r;
    r = content(&b, digest);
    if (r >= 0)
        r = vfs_check(b.vfs, NULL, NULL, NULL, &err);
    box_close(&b);
    return r < 0 ? r : 0;
}

// ------------------------------------------------------------------------------------- damage

typedef bool damage_fn(uint64_t *random, char *what, size_t max); // false: nothing was changed

static bool edit(const char *name, bool (*fn)(uint8_t *p, size_t *n, uint64_t *random),
                 uint64_t *random) {
    size_t n = 0;
    uint8_t *p = box_read(in(work, name), &n);
    bool changed = p && n && fn(p, &n, random);
    if (changed)
        box_write(in(work, name), p, n);
    free(p);
    return changed;
}

static bool flip(uint8_t *p, size_t *n, uint64_t *random) {
    uint64_t bit = box_below(random, *n * 8);
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    return true;
}

static const char *any_file(uint64_t *random) {
    static const char *const names[] = {"store.db",     "store.db",     "store.db-wal",
                                        "store.db-wal", "store.db-wal", "store.head",
                                        "store.keys",   "key"};
    return names[box_below(random, COUNT_OF(names))];
}

static bool flip_bit(uint64_t *random, char *what, size_t max) {
    const char *name = any_file(random);
    (void)snprintf(what, max, "a bit of %s flipped", name);
    return edit(name, flip, random);
}

static bool overwrite(uint8_t *p, size_t *n, uint64_t *random) {
    size_t at = box_below(random, *n), len = 1 + box_below(random, 5000);
    bool zero = box_below(random, 2);
    for (size_t i = at; i < *n && i < at + len; i++)
        p[i] = zero ? 0 : (uint8_t)box_random(random);
    return true;
}

static bool overwrite_range(uint64_t *random, char *what, size_t max) {
    const char *name = any_file(random);
    (void)snprintf(what, max, "a range of %s overwritten", name);
    return edit(name, overwrite, random);
}

static bool cut(uint8_t *p, size_t *n, uint64_t *random) {
    (void)p;
    *n = box_below(random, *n);
    return true;
}

static bool cut_at_frame(uint8_t *p, size_t *n, uint64_t *random) {
    (void)p;
    *n = LOG_HEADER + box_below(random, (*n - LOG_HEADER) / FRAME) * FRAME;
    return true;
}

static bool cut_log(uint64_t *random, char *what, size_t max) {
    (void)snprintf(what, max, "the log cut");
    return edit("store.db-wal", box_below(random, 3) ? cut_at_frame : cut, random);
}

static bool cut_file(uint64_t *random, char *what, size_t max) {
    const char *name = any_file(random);
    (void)snprintf(what, max, "%s cut", name);
    return edit(name, cut, random);
}

static void swap_blocks(uint8_t *a, uint8_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

static bool swap_pages(uint8_t *p, size_t *n, uint64_t *random) {
    size_t pages = *n / PAGE, a = box_below(random, pages), b = box_below(random, pages);
    swap_blocks(p + a * PAGE, p + b * PAGE, a == b ? 0 : PAGE);
    return a != b;
}

static bool swap_frames(uint8_t *p, size_t *n, uint64_t *random) {
    size_t frames = (*n - LOG_HEADER) / FRAME, a = box_below(random, frames),
           b = box_below(random, frames);
    swap_blocks(p + LOG_HEADER + a * FRAME, p + LOG_HEADER + b * FRAME, a == b ? 0 : FRAME);
    return a != b;
}

static bool swap_some(uint64_t *random, char *what, size_t max) {
    bool log = box_below(random, 2);
    (void)snprintf(what, max, log ? "two frames swapped" : "two pages swapped");
    return log ? edit("store.db-wal", swap_frames, random) : edit("store.db", swap_pages, random);
}

// One page of the database, or one frame of the log, as it was earlier.
static bool old_piece(uint64_t *random, char *what, size_t max) {
    bool log = box_below(random, 3) == 0;
    const char *name = log ? "store.db-wal" : "store.db";
    size_t head = log ? LOG_HEADER : 0, piece = log ? FRAME : PAGE, n = 0, old_n = 0;
    const char *stage = stage_dirs[box_below(random, STAGES)];
    uint8_t *p = box_read(in(work, name), &n), *old = box_read(in(stage, name), &old_n);
    size_t common = (n < old_n ? n : old_n);
    size_t count = common > head ? (common - head) / piece : 0;
    size_t from = box_below(random, count), to = from;
    if (box_below(random, 4) == 0)
        to = box_below(random, count);
    bool changed = count && memcmp(p + head + to * piece, old + head + from * piece, piece) != 0;
    if (changed) {
        memcpy(p + head + to * piece, old + head + from * piece, piece);
        box_write(in(work, name), p, n);
    }
    (void)snprintf(what, max, "piece %zu of %s from %s at %zu", from, name, stage, to);
    free(p);
    free(old);
    return changed;
}

static bool old_file(uint64_t *random, char *what, size_t max) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.head"};
    const char *name = names[box_below(random, COUNT_OF(names))];
    const char *stage = stage_dirs[box_below(random, STAGES)];
    (void)unlink(in(work, name));
    box_copy_file(in(stage, name), in(work, name));
    (void)snprintf(what, max, "%s from %s", name, stage);
    return true;
}

static bool remove_file(uint64_t *random, char *what, size_t max) {
    const char *name = any_file(random);
    (void)snprintf(what, max, "%s removed", name);
    return unlink(in(work, name)) == 0;
}

static damage_fn *const damages[] = {flip_bit,  flip_bit,  flip_bit,  overwrite_range,
                                     cut_log,   cut_file,  swap_some, old_piece,
                                     old_piece, old_piece, old_file,  remove_file};

// --------------------------------------------------------------------------------------- trials

static void trial(uint64_t seed, const char *truth, int64_t *ret_detected) {
    char what[BOX_PATH_BYTES + 128] = "", digest[DIGEST_BYTES] = "";
    uint64_t random = (seed + 1) * 0x9e3779b97f4a7c15u;
    (void)box_random(&random);
    box_copy(base, work);
    damage_fn *fn = damages[box_below(&random, COUNT_OF(damages))];
    if (!fn(&random, what, sizeof what))
        return;
    int r = look(work, digest);
    if (r < 0) {
        ++*ret_detected;
        return;
    }
    REQUIRE(strcmp(digest, truth) == 0, "seed %llu: %s: unnoticed, content %s instead of %s",
            (unsigned long long)seed, what, digest, truth);
}

int main(int argc, char **argv) {
    uint64_t trials = 500, seed = 1;
    char truth[DIGEST_BYTES];
    int64_t detected = 0;
    for (int i = 1; i + 1 < argc; i += 2)
        *(strcmp(argv[i], "--trials") == 0 ? &trials : &seed) = strtoull(argv[i + 1], NULL, 10);
    REQUIRE(mkdtemp(root), "%s", root);
    (void)snprintf(base, sizeof base, "%s/base", root);
    (void)snprintf(work, sizeof work, "%s/work", root);
    for (int i = 0; i < STAGES; i++)
        (void)snprintf(stage_dirs[i], sizeof stage_dirs[i], "%s/%s", root, stages[i]);
    make_store();
    box_copy(base, work);
    int r = look(work, truth);
    REQUIRE(r == 0, "undamaged, but: %s", err_text(&err));
    for (uint64_t i = 0; i < trials; i++)
        trial(seed * 1000003u + i, truth, &detected);
    printf("%llu trials: %lld detected, the others harmless\n", (unsigned long long)trials,
           (long long)detected);
    for (int i = 0; i < STAGES; i++) {
        box_clear(stage_dirs[i]);
        (void)rmdir(stage_dirs[i]);
    }
    box_clear(base);
    box_clear(work);
    (void)rmdir(base);
    (void)rmdir(work);
    (void)rmdir(root);
    return 0;
}
