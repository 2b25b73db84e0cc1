// The index follows its tree: what it says is what a fresh one would say, whatever happened.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/buf.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/workspace/index.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct index *open_index(const struct tree *t) {
    const struct index_config c = {.root = t->dir, .excludes = "", .threads = 2};
    struct index *ix = NULL;
    assert_int_equal(index_open(&c, &ix, NULL), 0);
    return ix;
}

static struct snapshot *get(struct index *ix, enum facts_tier tier) {
    const struct index_want want = {.tier = tier};
    struct snapshot *s = NULL;
    struct err err = {0};
    if (index_get(ix, &want, &s, &err) < 0)
        fail_msg("index_get: %s", err_text(&err));
    assert_true(snapshot_tier(s) >= tier);
    return s;
}

static uint32_t definitions(const struct snapshot *s, const char *name) {
    return snapshot_definitions(s, name, strlen(name), NULL, 0);
}

static const struct snapshot_file *file_at(const struct snapshot *s, const char *path) {
    int64_t i = snapshot_find(s, path, strlen(path));
    return i < 0 ? NULL : snapshot_file(s, (uint32_t)i);
}

static const char function[] = "int %s(void) {\n    return 0;\n}\n";
static void write_function(const struct tree *t, const char *path, const char *name) {
    char text[256];
    assert_true((size_t)snprintf(text, sizeof text, function, name) < sizeof text);
    tree_write(t, path, text);
}

// ------------------------------------------------------------------------------------------------

static void definitions_are_found_and_follow_the_files(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    write_function(&t, "a.c", "alpha");
    write_function(&t, "sub/b.c", "beta");
    struct index *ix = open_index(&t);
    struct snapshot *s = get(ix, TIER_TREE);
    struct place place;
    assert_int_equal(snapshot_definitions(s, "beta", 4, &place, 1), 1);
    assert_string_equal(snapshot_file(s, place.file)->path, "sub/b.c");
    const struct facts *f = snapshot_file(s, place.file)->facts;
    assert_string_equal(facts_text(f, facts_symbol(f, place.symbol)->name), "beta");
    assert_int_equal(definitions(s, "bet"), 0);
    assert_int_equal(definitions(s, "gamma"), 0);
    uint64_t generation = snapshot_generation(s);

    write_function(&t, "sub/b.c", "gamma");
    struct snapshot *later = get(ix, TIER_LEXICAL);
    assert_int_equal(definitions(later, "beta"), 0);
    assert_int_equal(definitions(later, "gamma"), 1);
    assert_true(snapshot_generation(later) > generation);
    assert_int_equal(definitions(s, "beta"), 1); // the older view stays as it was
    snapshot_put(later);

    write_function(&t, "c.c", "gamma");
    tree_remove(&t, "sub");
    later = get(ix, TIER_LEXICAL);
    assert_int_equal(snapshot_count(later), 2);
    assert_int_equal(definitions(later, "gamma"), 1);
    assert_null(file_at(later, "sub/b.c"));
    snapshot_put(later);
    index_close(ix);
    assert_int_equal(definitions(s, "alpha"), 1); // and outlives the index
    snapshot_put(s);
    tree_done(&t);
}

static void nothing_changed_gives_the_same_snapshot(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    write_function(&t, "a.c", "alpha");
    (void)usleep(50000);
    struct index *ix = open_index(&t);
    struct snapshot *a = get(ix, TIER_TREE), *b = get(ix, TIER_LEXICAL);
    assert_ptr_equal(a, b);
    snapshot_put(a);
    snapshot_put(b);
    index_close(ix);
    tree_done(&t);
}

static void a_touched_file_keeps_its_facts(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    write_function(&t, "a.c", "alpha");
    struct index *ix = open_index(&t);
    struct snapshot *a = get(ix, TIER_TREE);
    write_function(&t, "a.c", "alpha"); // written again, the same
    struct snapshot *b = get(ix, TIER_TREE);
    assert_ptr_equal(file_at(a, "a.c")->facts, file_at(b, "a.c")->facts);
    snapshot_put(a);
    snapshot_put(b);
    index_close(ix);
    tree_done(&t);
}

static void unsaved_text_stands_for_the_file(void **state) {
    struct tree t;
    AUTO_BUF text = {0};
    (void)state;
    tree_init(&t);
    write_function(&t, "a.c", "saved");
    struct index *ix = open_index(&t);
    snapshot_put(get(ix, TIER_TREE));
    static const char unsaved[] = "int unsaved(void) {\n    return 1;\n}\n";
    assert_int_equal(index_overlay(ix, "a.c", unsaved, sizeof unsaved - 1, NULL), 0);
    assert_int_equal(index_overlay(ix, "new/n.c", unsaved, sizeof unsaved - 1, NULL), 0);
    struct snapshot *s = get(ix, TIER_TREE);
    assert_int_equal(definitions(s, "saved"), 0);
    assert_int_equal(definitions(s, "unsaved"), 2);
    int64_t i = snapshot_find(s, "new/n.c", 7);
    assert_true(i >= 0);
    assert_int_equal(snapshot_text(s, (uint32_t)i, &text, NULL), 0);
    assert_string_equal(text.data, unsaved);
    snapshot_put(s);
    write_function(&t, "a.c", "behind"); // does not show
    s = get(ix, TIER_TREE);
    assert_int_equal(definitions(s, "unsaved"), 2);
    snapshot_put(s);
    assert_int_equal(index_overlay(ix, "a.c", NULL, 0, NULL), 0);
    assert_int_equal(index_overlay(ix, "new/n.c", NULL, 0, NULL), 0);
    s = get(ix, TIER_TREE);
    assert_int_equal(definitions(s, "unsaved"), 0);
    assert_int_equal(definitions(s, "behind"), 1);
    assert_int_equal(snapshot_count(s), 1);
    snapshot_put(s);
    static const char *const wrong[] = {"",     "/etc/passwd", "../x", "a/../../x",
                                        "a//b", "a/",          "./a"};
    for (size_t k = 0; k < COUNT_OF(wrong); k++)
        assert_int_equal(index_overlay(ix, wrong[k], "x", 1, NULL), ERR_INVAL);
    index_close(ix);
    tree_done(&t);
}

static void text_is_that_of_the_facts_or_busy(void **state) {
    struct tree t;
    AUTO_BUF text = {0};
    (void)state;
    tree_init(&t);
    write_function(&t, "a.c", "alpha");
    struct index *ix = open_index(&t);
    struct snapshot *s = get(ix, TIER_LEXICAL);
    assert_int_equal(snapshot_text(s, 0, &text, NULL), 0);
    assert_int_equal(text.len, snapshot_file(s, 0)->bytes);
    write_function(&t, "a.c", "other");
    assert_int_equal(snapshot_text(s, 0, &text, NULL), ERR_BUSY);
    tree_remove(&t, "a.c");
    assert_int_equal(snapshot_text(s, 0, &text, NULL), ERR_BUSY);
    tree_link(&t, "/etc/passwd", "a.c");
    assert_int_equal(snapshot_text(s, 0, &text, NULL), ERR_BUSY);
    assert_int_equal(snapshot_text(s, 99, &text, NULL), ERR_INVAL);
    snapshot_put(s);
    index_close(ix);
    tree_done(&t);
}

static void odd_files_are_known_for_what_they_are(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    char *huge = malloc(3 * 1024 * 1024);
    assert_non_null(huge);
    memset(huge, 'x', 3 * 1024 * 1024);
    tree_write_bytes(&t, "huge.c", huge, 3 * 1024 * 1024);
    memset(huge, '(', 200000); // nested without an end
    tree_write_bytes(&t, "deep.c", huge, 200000);
    free(huge);
    tree_write_bytes(&t, "binary.c", "int a;\0\1\2", 9);
    tree_write(&t, "latin.c", "// caf\xe9\nint latin(void) {\n}\n");
    tree_write_bytes(&t, "utf16.c", "\xff\xfei\0n\0t\0", 8);
    tree_write(&t, "empty.c", "");
    tree_write(&t, "broken.c", "int broken(void) { if (((( \n}\n{{{{ \"\n");
    tree_write(&t, "new\nline.c", "int newline(void) {\n}\n");
    tree_write(&t, "\xff.c", "int raw_name(void) {\n}\n");
    tree_write(&t, "vendor/v.c", "int v(void) {\n}\n");
    tree_write(&t, "gen.go", "// Code generated by x. DO NOT EDIT.\npackage x\n");
    tree_write(&t, "all.js", "(function(){})({1:[function(require,module,exports){\nx();\n");
    tree_write(&t, "test_x.py", "def test_x():\n    pass\n");
    tree_link(&t, "a.c", "link.c");
    struct index *ix = open_index(&t);
    struct snapshot *s = get(ix, TIER_TREE);
    assert_int_equal(snapshot_count(s), 14);
    assert_true(file_at(s, "all.js")->flags & FILE_GENERATED);
    assert_true(file_at(s, "huge.c")->flags & FILE_TOO_LARGE);
    assert_null(file_at(s, "huge.c")->facts);
    assert_true(file_at(s, "binary.c")->flags & FILE_BINARY);
    assert_true(file_at(s, "utf16.c")->flags & FILE_BINARY);
    assert_int_equal(file_at(s, "binary.c")->lang, LANG_NONE);
    assert_true(file_at(s, "link.c")->flags & FILE_SYMLINK);
    assert_non_null(file_at(s, "deep.c")->facts);
    assert_non_null(file_at(s, "empty.c")->facts);
    assert_int_equal(definitions(s, "latin"), 1);
    assert_int_equal(definitions(s, "newline"), 1);
    assert_int_equal(definitions(s, "raw_name"), 1);
    assert_true(file_at(s, "vendor/v.c")->flags & FILE_VENDORED);
    assert_true(file_at(s, "vendor/v.c")->weight < 0.06f);
    assert_true(file_at(s, "gen.go")->flags & FILE_GENERATED);
    assert_true(file_at(s, "test_x.py")->flags & FILE_TEST);
    assert_true(file_at(s, "latin.c")->weight > 0.99f);
    assert_string_equal(snapshot_note(s, 0), "1 file over 2 MB: known by name only");
    snapshot_put(s);
    index_close(ix);
    tree_done(&t);
}

static bool always(void *ctx) {
    (void)ctx;
    return true;
}

static bool third(void *ctx) {
    return ++*(int *)ctx > 2;
}

static void a_caller_may_give_up(void **state) {
    struct tree t;
    int calls = 0;
    (void)state;
    tree_init(&t);
    for (int i = 0; i < 200; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "d%d/f%d.c", i % 9, i);
        write_function(&t, path, "f");
    }
    struct index *ix = open_index(&t);
    struct snapshot *s = NULL;
    struct index_want want = {.tier = TIER_TREE, .cancelled = always};
    assert_int_equal(index_get(ix, &want, &s, NULL), ERR_CANCELLED);
    want = (struct index_want){.tier = TIER_TREE, .cancelled = third, .ctx = &calls};
    assert_int_equal(index_get(ix, &want, &s, NULL), ERR_CANCELLED);
    want = (struct index_want){.tier = TIER_TREE, .ms = 1}; // the best there is
    assert_int_equal(index_get(ix, &want, &s, NULL), 0);
    snapshot_put(s);
    s = get(ix, TIER_TREE);
    assert_int_equal(definitions(s, "f"), 200);
    snapshot_put(s);
    index_close(ix); // at once, whatever is still going on
    ix = open_index(&t);
    want = (struct index_want){.tier = TIER_LEXICAL};
    assert_int_equal(index_get(ix, &want, &s, NULL), 0);
    index_close(ix);
    assert_int_equal(snapshot_count(s), 200);
    assert_non_null(snapshot_file(s, 199)->facts);
    snapshot_put(s);
    tree_done(&t);
}

static void a_root_that_is_gone_is_not_found(void **state) {
    struct tree t;
    struct index *ix = NULL;
    struct snapshot *s = NULL;
    const struct index_want want = {.tier = TIER_LEXICAL};
    (void)state;
    tree_init(&t);
    const struct index_config c = {.root = "/nonexistent/place"};
    assert_int_equal(index_open(&c, &ix, NULL), ERR_NOT_FOUND);
    ix = open_index(&t);
    tree_done(&t);
    int r = index_get(ix, &want, &s, NULL);
    assert_true(r == ERR_NOT_FOUND || r == 0); // an open folder outlives its name
    if (r == 0) {
        assert_int_equal(snapshot_count(s), 0);
        snapshot_put(s);
    }
    index_close(ix);
}

// --- against a fresh one ------------------------------------------------------------------------

static const char *const names[] = {"alpha", "beta", "gamma", "delta", "main", "helper"};

static void same_lookups(const struct snapshot *a, const struct snapshot *b) {
    enum { MAX = 4096 };
    static struct place places[2][MAX];
    static struct mention mentions[2][MAX];
    static struct word_hit words[2][MAX];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t n = strlen(names[i]);
        uint32_t count = snapshot_definitions(a, names[i], n, places[0], MAX);
        assert_int_equal(snapshot_definitions(b, names[i], n, places[1], MAX), count);
        assert_memory_equal(places[0], places[1], count * sizeof places[0][0]);
        count = snapshot_mentions(a, names[i], n, mentions[0], MAX);
        assert_int_equal(snapshot_mentions(b, names[i], n, mentions[1], MAX), count);
        assert_memory_equal(mentions[0], mentions[1], count * sizeof mentions[0][0]);
        count = snapshot_word(a, names[i], n, words[0], MAX);
        assert_int_equal(snapshot_word(b, names[i], n, words[1], MAX), count);
        assert_memory_equal(words[0], words[1], count * sizeof words[0][0]);
    }
}

static void same_snapshots(const struct snapshot *a, const struct snapshot *b) {
    assert_int_equal(snapshot_count(a), snapshot_count(b));
    for (uint32_t i = 0; i < snapshot_count(a); i++) {
        const struct snapshot_file *x = snapshot_file(a, i), *y = snapshot_file(b, i);
        assert_string_equal(x->path, y->path);
        assert_memory_equal(x->hash, y->hash, FACTS_HASH_BYTES);
        assert_int_equal(x->flags, y->flags);
        assert_int_equal(x->lang, y->lang);
        assert_int_equal(x->bytes, y->bytes);
        assert_int_equal(!x->facts, !y->facts);
        if (!x->facts)
            continue;
        assert_int_equal(x->facts->bytes, y->facts->bytes);
        assert_memory_equal(x->facts, y->facts, x->facts->bytes);
        for (uint32_t k = 0; k < x->facts->import_count; k++)
            assert_int_equal(snapshot_import(a, i, k), snapshot_import(b, i, k));
    }
    same_lookups(a, b);
    for (unsigned i = 0; snapshot_note(a, i) || snapshot_note(b, i); i++)
        assert_string_equal(snapshot_note(a, i), snapshot_note(b, i));
}

static void random_text(uint64_t *seed, char *text, size_t max) {
    size_t n = 0;
    n += (size_t)snprintf(text, max, "#include \"f%u.h\"\n", tree_random(seed) % 10);
    for (unsigned i = tree_random(seed) % 6; i > 0; i--)
        n += (size_t)snprintf(text + n, max - n, "int %s(void) {\n    return %s(%u);\n}\n",
                              names[tree_random(seed) % COUNT_OF(names)],
                              names[tree_random(seed) % COUNT_OF(names)], tree_random(seed) % 9);
}

static void random_step(const struct tree *t, struct index *ix, uint64_t *seed) {
    char path[64], text[2048];
    (void)snprintf(path, sizeof path, "%s%sf%u.%c", tree_random(seed) % 3 ? "d" : "",
                   tree_random(seed) % 2 ? "x/" : "y/z/", tree_random(seed) % 10,
                   tree_random(seed) % 2 ? 'c' : 'h');
    random_text(seed, text, sizeof text);
    switch (tree_random(seed) % 12) {
    case 0:
        tree_remove(t, path);
        break;
    case 1:
        assert_int_equal(index_overlay(ix, path, text, strlen(text), NULL), 0);
        break;
    case 2:
        assert_int_equal(index_overlay(ix, path, NULL, 0, NULL), 0);
        break;
    case 3:
        tree_write(t, ".gitignore", tree_random(seed) % 2 ? "*.h\n" : "f1.c\n!f2.h\n");
        break;
    case 4:
        tree_remove(t, tree_random(seed) % 2 ? "dx" : "y");
        break;
    default:
        tree_write(t, path, text);
    }
}

// What an editor has not given back counts in the fresh index too.
static void copy_overlays(struct index *fresh, const struct snapshot *s) {
    AUTO_BUF text = {0};
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (f->lang != LANG_C || snapshot_text(s, i, &text, NULL) < 0)
            continue;
        assert_int_equal(index_overlay(fresh, f->path, text.data ? text.data : "", text.len, NULL),
                         0);
    }
}

static void after_any_change_it_says_what_a_fresh_one_says(void **state) {
    struct tree t;
    uint64_t seed = 42;
    (void)state;
    tree_init(&t);
    struct index *ix = open_index(&t);
    for (int round = 0; round < 60; round++) {
        for (unsigned steps = 1 + tree_random(&seed) % 6; steps > 0; steps--)
            random_step(&t, ix, &seed);
        if (round % 3 == 0)
            snapshot_put(get(ix, TIER_LEXICAL));
        struct snapshot *a = get(ix, TIER_TREE);
        struct index *fresh = open_index(&t);
        copy_overlays(fresh, a);
        struct snapshot *b = get(fresh, TIER_TREE);
        same_snapshots(a, b);
        snapshot_put(a);
        snapshot_put(b);
        index_close(fresh);
    }
    index_close(ix);
    tree_done(&t);
}

static void many_changed_files_make_new_tables(void **state) {
    struct tree t;
    char path[64];
    (void)state;
    tree_init(&t);
    for (int i = 0; i < 150; i++) {
        (void)snprintf(path, sizeof path, "f%d.c", i);
        write_function(&t, path, "alpha");
    }
    struct index *ix = open_index(&t);
    struct snapshot *s = get(ix, TIER_TREE);
    assert_int_equal(definitions(s, "alpha"), 150);
    snapshot_put(s);
    for (int i = 0; i < 150; i++) {
        (void)snprintf(path, sizeof path, "f%d.c", i);
        write_function(&t, path, "beta");
        if (i % 10 < 9)
            continue;
        s = get(ix, TIER_LEXICAL);
        assert_int_equal(definitions(s, "beta"), i + 1);
        assert_int_equal(definitions(s, "alpha"), 150 - i - 1);
        snapshot_put(s);
    }
    index_close(ix);
    tree_done(&t);
}

// --- faults -------------------------------------------------------------------------------------

static void memory_may_run_out_anywhere(void **state) {
    struct tree t;
    uint64_t nth = 1;
    (void)state;
    tree_init(&t);
    write_function(&t, "a.c", "alpha");
    write_function(&t, "sub/b.c", "beta");
    tree_write(&t, "n.md", "# Title\n\nSome words.\n");
    for (bool reached = true; reached; nth += nth < 120 ? 1 : 7) {
        const struct index_config c = {.root = t.dir, .excludes = "", .threads = 1};
        const struct index_want want = {.tier = TIER_TREE};
        struct index *ix = NULL;
        struct snapshot *s = NULL;
        mem_fail_at(nth);
        int r = index_open(&c, &ix, NULL);
        if (r == 0) {
            r = index_get(ix, &want, &s, NULL);
            if (r == 0)
                (void)definitions(s, "alpha");
            snapshot_put(s);
        }
        reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        if (!ix)
            continue;
        s = get(ix, TIER_TREE);
        assert_int_equal(definitions(s, "alpha"), 1);
        assert_int_equal(definitions(s, "beta"), 1);
        snapshot_put(s);
        index_close(ix);
    }
    assert_true(nth > 25);
    tree_done(&t);
}

static void lookups_without_memory_are_slow_only(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    for (int i = 0; i < 20; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "f%d.c", i);
        write_function(&t, path, i % 3 ? "alpha" : "beta");
    }
    struct index *ix = open_index(&t);
    snapshot_put(get(ix, TIER_TREE));
    write_function(&t, "f5.c", "beta"); // beside the base
    struct snapshot *s = get(ix, TIER_TREE);
    struct place fast[32], slow[32];
    for (uint64_t nth = 1; nth < 5; nth++) {
        memset(slow, 0, sizeof slow);
        mem_fail_at(nth);
        uint32_t count = snapshot_definitions(s, "beta", 4, slow, 32);
        mem_fail_at(0);
        assert_int_equal(count, 8);
        if (nth == 1)
            memcpy(fast, slow, sizeof slow);
        assert_memory_equal(fast, slow, sizeof slow);
    }
    snapshot_put(s);
    index_close(ix);
    tree_done(&t);
}

struct mutator {
    struct tree *t;
    atomic_bool stop;
};

static void *mutate(void *arg) {
    struct mutator *m = arg;
    uint64_t seed = 99;
    while (!atomic_load(&m->stop)) {
        char path[64], other[64], a[256], b[256];
        (void)snprintf(path, sizeof path, "d%u/f%u.c", tree_random(&seed) % 4,
                       tree_random(&seed) % 12);
        (void)snprintf(other, sizeof other, "d%u", tree_random(&seed) % 4);
        tree_path(m->t, path, a, sizeof a);
        tree_path(m->t, other, b, sizeof b);
        switch (tree_random(&seed) % 6) {
        case 0:
            (void)unlink(a);
            break;
        case 1: // a folder becomes a link out of the tree, and back
            tree_remove(m->t, other);
            (void)!symlink("/etc", b);
            break;
        case 2:
            (void)unlink(b);
            (void)mkdir(b, 0755);
            break;
        case 3:
            (void)unlink(a);
            (void)mkfifo(a, 0600);
            break;
        default: {
            int fd = open(a, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW, 0600);
            if (fd >= 0) {
                static const char text[] = "int alpha(void) {\n    return beta();\n}\n";
                (void)!write(fd, text, sizeof text - 1 - tree_random(&seed) % 20);
                (void)close(fd);
            }
        }
        }
    }
    return NULL;
}

static void a_tree_that_changes_under_the_scan_does_no_harm(void **state) {
    struct tree t;
    pthread_t id;
    (void)state;
    tree_init(&t);
    for (int i = 0; i < 4; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "d%d", i);
        tree_folder(&t, path);
    }
    struct mutator m = {.t = &t};
    struct index *ix = open_index(&t);
    assert_int_equal(pthread_create(&id, NULL, mutate, &m), 0);
    uint64_t end_ns = env_now_mono_ns() + 700000000u;
    AUTO_BUF text = {0};
    while (env_now_mono_ns() < end_ns) {
        const struct index_want want = {.tier = TIER_TREE, .ms = 50};
        struct snapshot *s = NULL;
        assert_int_equal(index_get(ix, &want, &s, NULL), 0);
        for (uint32_t i = 0; i < snapshot_count(s); i++) {
            const struct snapshot_file *f = snapshot_file(s, i);
            assert_true(strncmp(f->path, "d", 1) == 0); // nothing of /etc
            if (f->facts && snapshot_text(s, i, &text, NULL) == 0)
                assert_int_equal(text.len, f->facts->text_bytes);
        }
        (void)definitions(s, "alpha");
        snapshot_put(s);
    }
    atomic_store(&m.stop, true);
    assert_int_equal(pthread_join(id, NULL), 0);
    (void)usleep(30000);
    struct snapshot *a = get(ix, TIER_TREE);
    struct index *fresh = open_index(&t);
    struct snapshot *b = get(fresh, TIER_TREE);
    same_snapshots(a, b);
    snapshot_put(a);
    snapshot_put(b);
    index_close(fresh);
    index_close(ix);
    tree_done(&t);
}

struct asker {
    struct index *ix;
    atomic_uint answers;
    atomic_bool stop;
};

static void *ask(void *arg) {
    struct asker *a = arg;
    while (!atomic_load(&a->stop)) {
        const struct index_want want = {.tier = TIER_LEXICAL};
        struct snapshot *s = NULL;
        if (index_get(a->ix, &want, &s, NULL) == 0 &&
            snapshot_mentions(s, "alpha", 5, NULL, 0) < 100000)
            atomic_fetch_add(&a->answers, 1);
        snapshot_put(s);
        struct index_figures f;
        index_figures(a->ix, &f);
    }
    return NULL;
}

static void many_may_ask_at_once(void **state) {
    struct tree t;
    pthread_t ids[4];
    uint64_t seed = 5;
    (void)state;
    tree_init(&t);
    struct index *ix = open_index(&t);
    struct asker a = {.ix = ix};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, ask, &a), 0);
    for (int i = 0; i < 80; i++) {
        random_step(&t, ix, &seed);
        (void)usleep(3000);
    }
    atomic_store(&a.stop, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    assert_true(atomic_load(&a.answers) > 4);
    index_close(ix);
    tree_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_found_and_follow_the_files),
        cmocka_unit_test(nothing_changed_gives_the_same_snapshot),
        cmocka_unit_test(a_touched_file_keeps_its_facts),
        cmocka_unit_test(unsaved_text_stands_for_the_file),
        cmocka_unit_test(text_is_that_of_the_facts_or_busy),
        cmocka_unit_test(odd_files_are_known_for_what_they_are),
        cmocka_unit_test(a_caller_may_give_up),
        cmocka_unit_test(a_root_that_is_gone_is_not_found),
        cmocka_unit_test(after_any_change_it_says_what_a_fresh_one_says),
        cmocka_unit_test(many_changed_files_make_new_tables),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(lookups_without_memory_are_slow_only),
        cmocka_unit_test(a_tree_that_changes_under_the_scan_does_no_harm),
        cmocka_unit_test(many_may_ask_at_once),
    };
    return cmocka_run_group_tests_name("workspace/index", tests, NULL, NULL);
}
