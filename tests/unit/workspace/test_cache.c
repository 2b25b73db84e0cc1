// What was worked out once is not worked out again, and a cache that fails is only slow.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/crypto/keyring.h"
#include "core/db/vfs.h"
#include "core/store/store.h"
#include "core/store/store_cache.h"
#include "core/workspace/index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct site {
    struct tree tree, state;
    struct store *store;
};

static struct store *open_store(const struct tree *state) {
    const struct store_config c = {.dir = state->dir, .readers = 2};
    struct store *s = NULL;
    struct err err = {0};
    if (store_open(&c, &s, &err) < 0)
        fail_msg("store_open: %s", err_text(&err));
    return s;
}

static void write_function(const struct tree *t, const char *path, const char *name) {
    char text[256];
    (void)snprintf(text, sizeof text, "int %s(void) {\n    return 0;\n}\n", name);
    tree_write(t, path, text);
}

enum { FILES = 40 };
static void site_init(struct site *p) {
    char path[64], name[64];
    keyring_test_argon_bytes(64 * 1024);
    tree_init(&p->tree);
    tree_init(&p->state);
    for (int i = 0; i < FILES; i++) {
        (void)snprintf(path, sizeof path, "d%d/f%d.c", i % 5, i);
        (void)snprintf(name, sizeof name, "name%d", i);
        write_function(&p->tree, path, name);
    }
    (void)usleep(50000); // or all would be read again: they changed just now
    p->store = open_store(&p->state);
}

static void site_done(struct site *p) {
    store_close(p->store);
    tree_done(&p->tree);
    tree_done(&p->state);
}

static struct index *open_index(struct site *p) {
    const struct index_config c = {
        .root = p->tree.dir, .excludes = "", .threads = 2, .store = p->store};
    struct index *ix = NULL;
    assert_int_equal(index_open(&c, &ix, NULL), 0);
    return ix;
}

static struct snapshot *get(struct index *ix) {
    const struct index_want want = {.tier = TIER_TREE};
    struct snapshot *s = NULL;
    struct err err = {0};
    if (index_get(ix, &want, &s, &err) < 0)
        fail_msg("index_get: %s", err_text(&err));
    return s;
}

static void wait_for_quiet(struct index *ix) {
    struct index_figures f;
    for (int tries = 0; tries < 5000; tries++) {
        index_figures(ix, &f);
        if (!f.background)
            return;
        (void)usleep(2000);
    }
    fail_msg("the background never ends");
}

struct run {
    uint32_t files, cached, parsed;
    uint32_t definitions; // of name0 … name39
};

static struct run run_once(struct site *p) {
    struct index *ix = open_index(p);
    struct snapshot *s = get(ix);
    struct index_figures f;
    struct run r = {.files = snapshot_count(s)};
    index_figures(ix, &f);
    r.cached = f.cached;
    r.parsed = f.parsed_lexical + f.parsed_tree;
    for (int i = 0; i < FILES; i++) {
        char name[32];
        int n = snprintf(name, sizeof name, "name%d", i);
        r.definitions += snapshot_definitions(s, name, (size_t)n, NULL, 0);
    }
    snapshot_put(s);
    wait_for_quiet(ix); // or a slow disk cuts the saving short
    index_close(ix);
    return r;
}

static void expect_cold(struct run r) {
    assert_int_equal(r.definitions, FILES);
    assert_int_equal(r.cached, 0);
    assert_true(r.parsed >= FILES);
}

static void expect_warm(struct run r) {
    assert_int_equal(r.definitions, FILES);
    assert_int_equal(r.cached, FILES);
    assert_int_equal(r.parsed, 0);
}

static void restart_store(struct site *p) {
    store_close(p->store);
    p->store = open_store(&p->state);
}

// ------------------------------------------------------------------------------------------------

static void a_second_start_parses_nothing(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    expect_warm(run_once(&p));
    restart_store(&p);
    expect_warm(run_once(&p));
    site_done(&p);
}

static void only_what_changed_meanwhile_is_parsed(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    write_function(&p.tree, "d0/f0.c", "other");
    tree_remove(&p.tree, "d1/f1.c");
    write_function(&p.tree, "new.c", "name0");
    struct run r = run_once(&p);
    assert_int_equal(r.files, FILES);
    assert_int_equal(r.cached, FILES - 2);
    assert_int_equal(r.definitions, FILES - 1);
    site_done(&p);
}

static void content_seen_before_is_known_again(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    struct index *ix = open_index(&p);
    snapshot_put(get(ix));
    wait_for_quiet(ix);
    for (int i = 0; i < FILES; i++) { // another branch
        char path[64];
        (void)snprintf(path, sizeof path, "d%d/f%d.c", i % 5, i);
        write_function(&p.tree, path, "branch");
    }
    snapshot_put(get(ix));
    index_close(ix);
    for (int i = 0; i < FILES; i++) { // and back
        char path[64], name[64];
        (void)snprintf(path, sizeof path, "d%d/f%d.c", i % 5, i);
        (void)snprintf(name, sizeof name, "name%d", i);
        write_function(&p.tree, path, name);
    }
    expect_warm(run_once(&p));
    site_done(&p);
}

static void touched_files_are_known_by_content(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    for (int i = 0; i < FILES; i++) {
        char path[64], full[256];
        (void)snprintf(path, sizeof path, "d%d/f%d.c", i % 5, i);
        tree_path(&p.tree, path, full, sizeof full);
        assert_int_equal(utimensat(AT_FDCWD, full, NULL, 0), 0);
    }
    expect_warm(run_once(&p));
    site_done(&p);
}

static void unsaved_texts_are_not_kept(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    struct index *ix = open_index(&p);
    snapshot_put(get(ix));
    static const char text[] = "int unsaved(void) {\n}\n";
    assert_int_equal(index_overlay(ix, "d0/f0.c", text, sizeof text - 1, NULL), 0);
    snapshot_put(get(ix));
    index_close(ix);
    tree_write(&p.tree, "d0/f0.c", text); // had it been kept, it would be known
    struct run r = run_once(&p);
    assert_int_equal(r.cached, FILES - 1);
    assert_true(r.parsed >= 1);
    site_done(&p);
}

static void damage_every_page(const struct tree *state) {
    char path[256];
    tree_path(state, "cache.db", path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    for (off_t at = 1000; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, "damage", 6, at), 6);
    (void)close(fd);
}

static void a_damaged_cache_is_begun_anew(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    store_close(p.store);
    damage_every_page(&p.state);
    p.store = open_store(&p.state);
    expect_cold(run_once(&p));
    expect_warm(run_once(&p));
    store_close(p.store);
    tree_write(&p.state, "cache.db", "not a database");
    p.store = open_store(&p.state);
    expect_cold(run_once(&p));
    expect_warm(run_once(&p));
    site_done(&p);
}

// Damage that is only met in the middle: what was read before stands.
static void damage_in_the_middle_is_no_error(void **state) {
    struct site p;
    char path[256];
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    store_close(p.store);
    tree_path(&p.state, "cache.db", path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size > 6 * 4096);
    assert_int_equal(pwrite(fd, "damage", 6, st.st_size / 8192 * 4096 + 100), 6);
    (void)close(fd);
    p.store = open_store(&p.state);
    struct run r = run_once(&p);
    assert_int_equal(r.definitions, FILES);
    r = run_once(&p);
    assert_int_equal(r.definitions, FILES);
    expect_warm(run_once(&p));
    site_done(&p);
}

static void a_locked_store_is_done_without(void **state) {
    static const char passphrase[] = "correct horse battery staple";
    struct site p;
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    assert_int_equal(
        store_key_passphrase(p.store, passphrase, sizeof passphrase - 1, true, false, NULL), 0);
    assert_int_equal(store_lock(p.store, NULL), 0);
    expect_cold(run_once(&p));
    assert_int_equal(store_unlock(p.store, passphrase, sizeof passphrase - 1, NULL), 0);
    struct run r = run_once(&p);
    assert_int_equal(r.definitions, FILES);
    expect_warm(run_once(&p));
    site_done(&p);
}

static void erasing_a_workspace_throws_it_away(void **state) {
    struct site p;
    char path[256];
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    tree_path(&p.state, "cache.db", path, sizeof path);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(store_erase(p.store, NULL, 0, p.tree.dir, NULL) >= 0);
    assert_int_equal(access(path, F_OK), -1);
    expect_cold(run_once(&p));
    expect_warm(run_once(&p));
    site_done(&p);
}

static void a_full_disk_is_done_without(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    const struct vfs_fault full = {
        .ops = VFS_FAULT_WRITE, .nth = 1, .sticky = true, .action = VFS_FAULT_FAIL, .errnum = 28};
    vfs_test_fault(&full);
    expect_cold(run_once(&p));
    expect_cold(run_once(&p));
    vfs_test_fault(NULL);
    struct run r = run_once(&p);
    assert_int_equal(r.definitions, FILES);
    expect_warm(run_once(&p));
    site_done(&p);
}

static void connections_are_limited_and_come_back(void **state) {
    struct site p;
    struct db *db[STORE_CACHE_CONNECTIONS + 1];
    (void)state;
    site_init(&p);
    for (int i = 0; i < STORE_CACHE_CONNECTIONS; i++)
        assert_int_equal(store_cache_get(p.store, &db[i], NULL), 0);
    assert_int_equal(store_cache_get(p.store, &db[STORE_CACHE_CONNECTIONS], NULL), ERR_BUSY);
    store_cache_put(p.store, db[0], 0);
    assert_int_equal(store_cache_get(p.store, &db[0], NULL), 0);
    store_cache_put(p.store, db[1], ERR_CORRUPT); // it goes with its last user
    assert_int_equal(store_cache_get(p.store, &db[1], NULL), ERR_BUSY);
    store_cache_put(p.store, db[0], 0);
    for (int i = 2; i < STORE_CACHE_CONNECTIONS; i++)
        store_cache_put(p.store, db[i], 0);
    assert_int_equal(store_cache_bytes(p.store), 0);
    assert_int_equal(store_cache_get(p.store, &db[0], NULL), 0);
    store_cache_put(p.store, db[0], 0);
    assert_int_equal(store_cache_drop(p.store, NULL), 0);
    assert_int_equal(store_cache_drop(p.store, NULL), 0);
    site_done(&p);
}

static void memory_may_run_out_anywhere(void **state) {
    struct site p;
    (void)state;
    site_init(&p);
    expect_cold(run_once(&p));
    uint64_t nth = 1;
    for (bool reached = true; reached; nth += nth < 150 ? 1 : 17) {
        struct index *ix = NULL;
        struct snapshot *s = NULL;
        const struct index_config c = {
            .root = p.tree.dir, .excludes = "", .threads = 1, .store = p.store};
        const struct index_want want = {.tier = TIER_TREE};
        write_function(&p.tree, "d0/f0.c", nth % 2 ? "name0" : "odd"); // something to save
        mem_fail_at(nth);
        int r = index_open(&c, &ix, NULL);
        if (r == 0)
            r = index_get(ix, &want, &s, NULL);
        snapshot_put(s);
        index_close(ix);
        reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
    }
    assert_true(nth > 150);
    write_function(&p.tree, "d0/f0.c", "name0");
    struct run r = run_once(&p);
    assert_int_equal(r.definitions, FILES);
    site_done(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_start_parses_nothing),
        cmocka_unit_test(only_what_changed_meanwhile_is_parsed),
        cmocka_unit_test(content_seen_before_is_known_again),
        cmocka_unit_test(touched_files_are_known_by_content),
        cmocka_unit_test(unsaved_texts_are_not_kept),
        cmocka_unit_test(a_damaged_cache_is_begun_anew),
        cmocka_unit_test(damage_in_the_middle_is_no_error),
        cmocka_unit_test(a_locked_store_is_done_without),
        cmocka_unit_test(erasing_a_workspace_throws_it_away),
        cmocka_unit_test(a_full_disk_is_done_without),
        cmocka_unit_test(connections_are_limited_and_come_back),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests_name("workspace/cache", tests, NULL, NULL);
}
