// A disk that fails or fills up, and memory that runs out, at each operation in turn.
//
//   store_faults [--stride N]     every Nth operation (default 1: all)
//
// A script opens a store, remembers, supersedes, erases, rotates keys, migrates and closes while
// one operation fails, or it and all after it. Whatever the script was told, afterwards the store
// opens, is sound, and holds what was acknowledged; a write that was refused may be repeated.
#include "core/base/mem.h"
#include "core/db/vfs.h"
#include "core/store/memory.h"
#include "core/store/schema.h"
#include "core/store/store_impl.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REQUIRE(condition, ...)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "store_faults: %s: %s:%d: ", doing, __FILE__, __LINE__);         \
            (void)fprintf(stderr, __VA_ARGS__);                                                    \
            (void)fprintf(stderr, "\n");                                                           \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static char doing[128] = "start"; // what is being tried, for the message
static char dir[64];

enum { NOTES = 6 };

// --- the script ---------------------------------------------------------------------------------

static struct schema_step grown_steps[32];
static const struct schema_step *grown(void) {
    int n = 0;
    for (; schema_steps[n].version; n++)
        grown_steps[n] = schema_steps[n];
    grown_steps[n] = (struct schema_step){n + 1, "9999_grown",
                                          "CREATE TABLE grown (uid TEXT, text TEXT);"
                                          "INSERT INTO grown SELECT uid, text FROM note;"
                                          "DROP TABLE grown;"};
    return grown_steps;
}

static int open_store(const struct schema_step *steps, struct store **ret, struct err *err) {
    const struct store_config config = {.dir = dir, .readers = 2};
    return store_open_steps(&config, steps, ret, err);
}

static void uid_of(int i, char ret[NOTE_UID_BYTES]) {
    (void)snprintf(ret, NOTE_UID_BYTES, "n%015d", i);
}

static int put(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const int *i = ctx;
    char text[3000], superseded[NOTE_UID_BYTES];
    int n = snprintf(text, sizeof text, "note %d %0*d", *i, 200 * *i, 0);
    struct note note = {.text = text, .text_bytes = (size_t)n};
    uid_of(*i, note.uid);
    int r = memory_remember(db, &note, NULL, superseded, err);
    return r < 0 ? r : buf_puts(result, note.uid);
}

struct outcome {
    bool acked[NOTES];
    bool erased; // note 0 was erased, acknowledged
    bool erase_tried;
    int refused;
};

static int remember(struct store *s, int i) {
    struct origin origin = {.session = "faults", .seq = (uint64_t)i + 1};
    return store_write(s, &origin, put, &i, NULL, NULL, NULL);
}

static void note_code(struct outcome *o, int r) {
    // A failure says what it was; it is never taken for the user's mistake or a wrong key.
    REQUIRE(r == 0 || r == ERR_FULL || r == ERR_IO || r == ERR_NOMEM || r == ERR_BUSY ||
                r == ERR_CORRUPT,
            "answered %d", r);
    o->refused += r < 0;
}

static void use(struct store *s, struct outcome *o) {
    char uid[NOTE_UID_BYTES];
    const char *list[] = {uid};
    uid_of(0, uid);
    for (int i = 0; i < NOTES; i++) {
        int r = remember(s, i);
        o->acked[i] |= r == 0;
        note_code(o, r);
        if (i == 2) {
            o->erase_tried = true;
            int64_t erased = store_erase(s, list, 1, NULL, NULL);
            o->erased |= erased >= 0 && o->acked[0];
            note_code(o, erased < 0 ? (int)erased : 0);
        }
    }
    note_code(o, store_key_rotate(s, NULL));
    note_code(o, store_housekeep(s, NULL));
}

static void script(struct outcome *o) {
    struct store *s = NULL;
    int r = open_store(schema_steps, &s, NULL);
    note_code(o, r);
    if (r == 0) {
        use(s, o);
        store_close(s);
    }
    r = open_store(grown(), &s, NULL);
    note_code(o, r);
    if (r == 0)
        store_close(s);
}

// --- afterwards ---------------------------------------------------------------------------------

static bool holds(struct store *s, int i) {
    char uid[NOTE_UID_BYTES];
    struct db *db = NULL;
    int64_t one;
    uid_of(i, uid);
    const struct db_value value = db_text(uid);
    REQUIRE(store_reader_get(s, &db, NULL) == 0, "no reader");
    int r = db_one_int(db, "SELECT 1 FROM note WHERE uid = ?1", &value, 1, &one, NULL);
    store_reader_put(s, db);
    REQUIRE(r >= 0, "a note cannot be read");
    return r == 1;
}

static void verify(const struct outcome *o) {
    struct store *s = NULL;
    struct err err = {0};
    AUTO_BUF report = BUF_INIT(0);
    REQUIRE(open_store(grown(), &s, &err) == 0, "does not open afterwards: %s", err_text(&err));
    REQUIRE(store_check(s, NULL, NULL, &report, &err) == 0, "not sound: %s\n%s", err_text(&err),
            report.data ? report.data : "");
    for (int i = 0; i < NOTES; i++) {
        if (i == 0 && o->erase_tried) {
            REQUIRE(!o->erased || !holds(s, 0), "an erased note came back");
            continue;
        }
        REQUIRE(!o->acked[i] || holds(s, i), "note %d was acknowledged and is lost", i);
        int r = remember(s, i); // as a client would repeat it
        REQUIRE(r == 0 || r == ERR_EXISTS, "note %d cannot be repeated: %d", i, r);
        REQUIRE(holds(s, i), "note %d is not there after its repeat", i);
    }
    REQUIRE(store_housekeep(s, &err) == 0, "housekeeping: %s", err_text(&err));
    store_close(s);
}

// --- sweeps -------------------------------------------------------------------------------------

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void fresh_folder(void) {
    if (dir[0])
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)snprintf(dir, sizeof dir, "/tmp/paired-faults-XXXXXX");
    REQUIRE(mkdtemp(dir), "no folder");
}

static uint64_t count_operations(unsigned ops) {
    struct vfs_fault count_only = {.ops = ops};
    struct outcome o = {0};
    fresh_folder();
    vfs_test_fault(&count_only);
    script(&o);
    uint64_t n = vfs_test_operations();
    vfs_test_fault(NULL);
    REQUIRE(o.refused == 0, "refused %d times without any fault", o.refused);
    verify(&o);
    return n;
}

static void sweep_disk(const char *name, struct vfs_fault fault, uint64_t stride) {
    uint64_t operations = count_operations(fault.ops), tried = 0, told = 0;
    for (uint64_t nth = 1; nth <= operations; nth += stride) {
        struct outcome o = {0};
        (void)snprintf(doing, sizeof doing, "%s, operation %llu of %llu", name,
                       (unsigned long long)nth, (unsigned long long)operations);
        fresh_folder();
        fault.nth = nth;
        vfs_test_fault(&fault);
        script(&o);
        vfs_test_fault(NULL);
        verify(&o);
        tried++;
        told += o.refused > 0;
    }
    (void)printf("store_faults: %-28s %llu of %llu operations failed in turn, the caller was told "
                 "%llu times\n",
                 name, (unsigned long long)tried, (unsigned long long)operations,
                 (unsigned long long)told);
}

static void sweep_memory(uint64_t stride) {
    uint64_t nth = 1, told = 0, tried = 0;
    for (bool reached = true; reached; nth += stride) {
        struct outcome o = {0};
        (void)snprintf(doing, sizeof doing, "allocation %llu", (unsigned long long)nth);
        fresh_folder();
        mem_fail_at(nth);
        script(&o);
        reached = mem_count() >= nth;
        mem_fail_at(0);
        verify(&o);
        tried++;
        told += o.refused > 0;
    }
    (void)printf("store_faults: %-28s %llu allocations failed in turn, the caller was told %llu "
                 "times\n",
                 "memory", (unsigned long long)tried, (unsigned long long)told);
}

int main(int argc, char **argv) {
    uint64_t stride = 1;
    if (argc == 3 && strcmp(argv[1], "--stride") == 0)
        stride = strtoull(argv[2], NULL, 10);
    if ((argc != 1 && argc != 3) || stride == 0)
        return (void)fprintf(stderr, "usage: store_faults [--stride N]\n"), 2;
    const struct {
        const char *name;
        struct vfs_fault fault;
    } disks[] = {
        {"disk full, for good", {VFS_FAULT_WRITE, 0, true, VFS_FAULT_FAIL, ENOSPC}},
        {"torn write, disk full, once", {VFS_FAULT_WRITE, 0, false, VFS_FAULT_SHORT, ENOSPC}},
        {"write error, for good", {VFS_FAULT_WRITE, 0, true, VFS_FAULT_FAIL, EIO}},
        {"sync error, once", {VFS_FAULT_SYNC, 0, false, VFS_FAULT_FAIL, EIO}},
        {"truncate error, once", {VFS_FAULT_TRUNCATE, 0, false, VFS_FAULT_FAIL, EIO}},
        {"open error, once", {VFS_FAULT_OPEN, 0, false, VFS_FAULT_FAIL, EIO}},
    };
    for (size_t i = 0; i < COUNT_OF(disks); i++)
        sweep_disk(disks[i].name, disks[i].fault, stride);
    sweep_memory(stride);
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
