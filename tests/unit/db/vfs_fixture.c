#include "tests/unit/db/vfs_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

const char *fixture_path(const struct fixture *f, const char *name) {
    static char paths[8][256];
    static unsigned turn;
    char *p = paths[turn++ % 8];
    (void)snprintf(p, sizeof paths[0], "%s/%s", f->dir, name);
    return p;
}

int fixture_open(struct fixture *f, unsigned flags) {
    int r = keyring_open(f->dir, flags & VFS_CREATE ? KEYRING_CREATE : 0, &f->keys, &f->err);
    if (r == 0)
        r = vfs_open(fixture_path(f, "store.db"), f->keys, flags, &f->vfs, &f->err);
    if (r == 0)
        r = db_open(f->vfs, DB_CREATE, &f->db, &f->err);
    if (r < 0)
        fixture_close(f);
    return r;
}

void fixture_close(struct fixture *f) {
    db_close(f->db);
    vfs_close(f->vfs);
    keyring_free(f->keys);
    f->db = NULL;
    f->vfs = NULL;
    f->keys = NULL;
}

int fixture_setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/paired_vfs_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(fixture_open(f, VFS_CREATE), 0);
    assert_int_equal(db_script(f->db,
                               "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT);"
                               "CREATE VIRTUAL TABLE f USING fts5(body)",
                               &f->err),
                     0);
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    static const char *const known[] = {"store.db",   "store.db-wal", "store.head", "store.lock",
                                        "store.keys", "key",          "copy.db",    "copy.head",
                                        "copy.lock",  "copy.db-wal"};
    struct fixture *f = *state;
    fixture_close(f);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        (void)unlink(fixture_path(f, known[i]));
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

void fixture_insert(struct fixture *f, int n) {
    assert_int_equal(db_begin(f->db, true, &f->err), 0);
    for (int i = 0; i < n; i++) {
        assert_int_equal(db_run(f->db,
                                "INSERT INTO t(body) VALUES('" MARKER " ' || hex(randomblob(100)))",
                                NULL, 0, &f->err),
                         0);
        assert_int_equal(
            db_run(f->db, "INSERT INTO f(body) VALUES('" MARKER " common')", NULL, 0, &f->err), 0);
    }
    assert_int_equal(db_commit(f->db, &f->err), 0);
}

int64_t fixture_count(struct fixture *f) {
    int64_t n = -1;
    assert_int_equal(db_one_int(f->db, "SELECT count(*) FROM t", NULL, 0, &n, &f->err), 1);
    return n;
}

uint8_t *fixture_read(struct fixture *f, const char *name, size_t *ret_n) {
    struct stat st;
    int fd = open(fixture_path(f, name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    (void)close(fd);
    *ret_n = (size_t)st.st_size;
    return bytes;
}

void fixture_write(struct fixture *f, const char *name, const void *bytes, size_t n) {
    int fd = open(fixture_path(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    (void)close(fd);
}

bool fixture_marker_found(struct fixture *f) {
    bool found = false;
    DIR *d = opendir(f->dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        size_t n = 0;
        if (e->d_name[0] == '.')
            continue;
        uint8_t *bytes = fixture_read(f, e->d_name, &n);
        found |= memmem(bytes, n, MARKER, sizeof MARKER - 1) != NULL;
        free(bytes);
    }
    (void)closedir(d);
    return found;
}
