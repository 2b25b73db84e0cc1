// Which files of a tree are found, and what a hostile tree cannot do.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "core/workspace/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_root(const struct tree *t) {
    int fd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static struct walk *walk_with(const struct tree *t, struct walk_want want) {
    struct walk *w = NULL;
    want.root_fd = open_root(t);
    want.files_max = want.files_max ? want.files_max : 100000;
    want.depth_max = want.depth_max ? want.depth_max : 64;
    want.threads = want.threads ? want.threads : 2;
    assert_int_equal(walk_run(&want, &w, NULL), 0);
    (void)close(want.root_fd);
    return w;
}

static struct walk *walk_tree(const struct tree *t) {
    return walk_with(t, (struct walk_want){0});
}

// Paths that are no rules, one a line.
static char *paths_of(const struct walk *w) {
    AUTO_BUF b = {0};
    for (uint32_t i = 0; i < w->file_count; i++) {
        const char *name = strrchr(w->files[i].path, '/');
        name = name ? name + 1 : w->files[i].path;
        if (strcmp(name, ".gitignore") != 0 && strcmp(name, ".pairedignore") != 0)
            assert_int_equal(buf_printf(&b, "%s\n", w->files[i].path), 0);
    }
    return b.data ? buf_take(&b) : mem_strdup("");
}

static void expect(const struct tree *t, const char *paths) {
    struct walk *w = walk_tree(t);
    char *found = paths_of(w);
    assert_string_equal(found, paths);
    mem_free(found);
    walk_free(w);
}

static const struct walk_file *find(const struct walk *w, const char *path) {
    for (uint32_t i = 0; i < w->file_count; i++)
        if (strcmp(w->files[i].path, path) == 0)
            return &w->files[i];
    return NULL;
}

// ------------------------------------------------------------------------------------------------

static void files_are_found_sorted_without_a_repository(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    expect(&t, "");
    tree_write(&t, "b.c", "");
    tree_write(&t, "a/x.c", "");
    tree_write(&t, "a.c", "");
    tree_write(&t, ".hidden/y", "");
    tree_write(&t, "a/b/.gitignore", "*.o\n/z\n");
    tree_write(&t, "a/b/k.o", "");
    tree_write(&t, "a/b/z", "");
    tree_write(&t, "a/z", "");
    expect(&t, ".hidden/y\na.c\na/x.c\na/z\nb.c\n");
    tree_done(&t);
}

static void rules_of_all_places_are_obeyed(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    tree_write(&t, ".git/info/exclude", "excluded\n");
    tree_write(&t, ".git/config", "[core]\n\tignorecase = true\n");
    tree_write(&t, "Excluded", "");
    tree_write(&t, "mine.tmp", "");
    tree_write(&t, "keep.tmp", "");
    tree_write(&t, ".gitignore", "!keep.tmp\nbuild/\ngenerated\n");
    tree_write(&t, "build/x", "");
    tree_write(&t, "generated/x", "");
    tree_write(&t, "sub/build", "a file");
    tree_write(&t, ".pairedignore", "!generated\n*.big\n");
    tree_write(&t, "x.big", "");
    struct walk *w = walk_with(&t, (struct walk_want){.excludes = "*.tmp", .excludes_bytes = 5});
    char *found = paths_of(w);
    assert_string_equal(found, "generated/x\nkeep.tmp\nsub/build\n");
    mem_free(found);
    walk_free(w);
    tree_done(&t);
}

static void installed_packages_and_caches_are_left_out(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    tree_write(&t, "node_modules/a/index.js", "");
    tree_write(&t, "sub/__pycache__/x.pyc", "");
    tree_write(&t, "env/pyvenv.cfg", "");
    tree_write(&t, "env/lib/x.py", "");
    tree_write(&t, "target/CACHEDIR.TAG", "");
    tree_write(&t, "target/x.rs", "");
    tree_write(&t, "src/a.js", "");
    struct walk *w = walk_tree(&t);
    assert_int_equal(w->file_count, 1);
    assert_int_equal(w->packages, 4);
    walk_free(w);
    tree_write(&t, ".gitignore", "!node_modules\n");
    expect(&t, "node_modules/a/index.js\nsrc/a.js\n");
    tree_done(&t);
}

static void what_is_tracked_counts_although_ignored(void **state) {
    struct tree t;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q");
    tree_write(&t, ".gitignore", "lib/\n*.gen\nnode_modules\n");
    tree_write(&t, "src/lib/a.c", "");
    tree_write(&t, "src/lib/deep/b.c", "");
    tree_write(&t, "src/lib/untracked.c", "");
    tree_write(&t, "x.gen", "");
    tree_write(&t, "y.gen", "");
    tree_write(&t, "node_modules/m/i.js", "");
    tree_git_do(&t, "add -f src/lib/a.c src/lib/deep/b.c x.gen");
    expect(&t, "src/lib/a.c\nsrc/lib/deep/b.c\nx.gen\n");
    tree_done(&t);
}

static void other_repositories_inside_are_told_apart(void **state) {
    struct tree t;
    (void)state;
    if (!tree_has_git())
        skip();
    tree_init(&t);
    tree_git_do(&t, "init -q");
    tree_write(&t, "a.c", "int a;");
    tree_write(&t, ".gitignore", "*.c.bak\n");
    tree_write(&t, "module/m.c", "int m;");
    tree_write(&t, "module/m.c.bak", "not this repository's rule");
    tree_git_do(&t, "-C module init -q");
    tree_git_do(&t, "-C module add -A");
    tree_git_do(&t, "-C module commit -q -m m");
    tree_git_do(&t, "add -A"); // a gitlink
    tree_git_do(&t, "commit -q -m a");
    tree_write(&t, "clone/c.c", "int c;");
    tree_git_do(&t, "-C clone init -q");
    tree_git_do(&t, "worktree add -q .trees/w");
    struct walk *w = walk_tree(&t);
    char *found = paths_of(w);
    assert_string_equal(found, ".trees/w\na.c\nclone\nmodule/m.c\nmodule/m.c.bak\n");
    mem_free(found);
    assert_int_equal(find(w, "clone")->flags & WALK_REPOSITORY, WALK_REPOSITORY);
    assert_int_equal(find(w, ".trees/w")->flags & WALK_REPOSITORY, WALK_REPOSITORY);
    assert_int_equal(find(w, "module/m.c")->flags & WALK_SUBMODULE, WALK_SUBMODULE);
    assert_int_equal(w->repositories, 2);
    walk_free(w);
    tree_done(&t);
}

static void a_folder_of_repositories_is_walked_whole(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    tree_write(&t, "one/.git/HEAD", "ref: refs/heads/main\n");
    tree_write(&t, "one/.gitignore", "*.o\n");
    tree_write(&t, "one/a.c", "");
    tree_write(&t, "one/a.o", "");
    tree_write(&t, "two/.git/HEAD", "ref: refs/heads/main\n");
    tree_write(&t, "two/b.o", "");
    expect(&t, "one/a.c\ntwo/b.o\n");
    tree_done(&t);
}

static void links_are_known_by_name_and_never_followed(void **state) {
    struct tree t, outside;
    char path[256];
    (void)state;
    tree_init(&outside);
    tree_write(&outside, "secret.c", "int secret;");
    tree_init(&t);
    tree_write(&t, "d/a.c", "");
    tree_link(&t, "..", "d/up");
    tree_link(&t, ".", "self");
    tree_link(&t, outside.dir, "out");
    tree_link(&t, "nowhere", "broken");
    (void)snprintf(path, sizeof path, "%s/secret.c", outside.dir);
    tree_link(&t, path, "secret.c");
    struct walk *w = walk_tree(&t);
    char *found = paths_of(w);
    assert_string_equal(found, "broken\nd/a.c\nd/up\nout\nsecret.c\nself\n");
    for (uint32_t i = 0; i < w->file_count; i++)
        assert_int_equal((w->files[i].flags & WALK_LINK) != 0,
                         strcmp(w->files[i].path, "d/a.c") != 0);
    mem_free(found);
    walk_free(w);
    AUTO_BUF text = {0};
    int root = open_root(&t);
    assert_true(beneath_open(root, "out/secret.c", O_RDONLY) < 0);
    assert_true(beneath_open(root, "secret.c", O_RDONLY | O_NOFOLLOW) < 0);
    assert_true(beneath_open(root, "d/../../etc/passwd", O_RDONLY) < 0);
    assert_true(beneath_open(root, "/etc/passwd", O_RDONLY) < 0);
    assert_true(beneath_read(root, "d/up/d/a.c", 100, &text) < 0);
    assert_int_equal(beneath_read(root, "d/a.c", 100, &text), 0);
    (void)close(root);
    tree_done(&t);
    tree_done(&outside);
}

static void rules_that_are_links_are_not_read(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    tree_write(&t, "rules", "*.c\n");
    tree_write(&t, "a.c", "");
    tree_link(&t, "rules", ".gitignore");
    expect(&t, "a.c\nrules\n");
    tree_done(&t);
}

static void devices_sockets_and_pipes_are_left_out(void **state) {
    struct tree t;
    char path[256];
    (void)state;
    tree_init(&t);
    tree_path(&t, "pipe.c", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket.c", t.dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    tree_path(&t, ".gitignore", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0); // would hang whoever opens it carelessly
    tree_write(&t, "a.c", "");
    struct walk *w = walk_tree(&t);
    assert_int_equal(w->file_count, 1);
    assert_int_equal(w->special, 3);
    walk_free(w);
    (void)close(fd);
    tree_done(&t);
}

static void any_name_is_a_name(void **state) {
    struct tree t;
    char longest[256];
    (void)state;
    tree_init(&t);
    memset(longest, 'n', 255);
    longest[255] = '\0';
    tree_write(&t, "new\nline.c", "");
    tree_write(&t, "\xff\xfe.c", "");
    tree_write(&t, " blank ", "");
    tree_write(&t, "-rf", "");
    tree_write(&t, "quote\"'`$(x)", "");
    tree_write(&t, longest, "");
    struct walk *w = walk_tree(&t);
    assert_int_equal(w->file_count, 6);
    assert_non_null(find(w, "\xff\xfe.c"));
    assert_non_null(find(w, "new\nline.c"));
    assert_non_null(find(w, longest));
    walk_free(w);
    tree_done(&t);
}

static void depth_and_number_are_limited(void **state) {
    struct tree t;
    char path[512] = "";
    (void)state;
    tree_init(&t);
    for (int i = 0; i < 80; i++)
        (void)strncat(path, "d/", sizeof path - strlen(path) - 1);
    tree_write(&t, "a.c", "");
    (void)strncat(path, "deep.c", sizeof path - strlen(path) - 1);
    tree_write(&t, path, "");
    struct walk *w = walk_tree(&t);
    assert_int_equal(w->file_count, 1);
    assert_int_equal(w->too_deep, 1);
    walk_free(w);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(path, sizeof path, "f%d.c", i);
        tree_write(&t, path, "");
    }
    w = walk_with(&t, (struct walk_want){.files_max = 20});
    assert_int_equal(w->file_count, 20);
    assert_true(w->cut);
    walk_free(w);
    tree_done(&t);
}

static void a_folder_that_cannot_be_read_is_counted(void **state) {
    struct tree t;
    char path[256];
    (void)state;
    if (geteuid() == 0) // may read all
        skip();
    tree_init(&t);
    tree_write(&t, "closed/a.c", "");
    tree_write(&t, "b.c", "");
    tree_path(&t, "closed", path, sizeof path);
    assert_int_equal(chmod(path, 0), 0);
    struct walk *w = walk_tree(&t);
    assert_int_equal(w->file_count, 1);
    assert_int_equal(w->unreadable, 1);
    walk_free(w);
    assert_int_equal(chmod(path, 0700), 0);
    tree_done(&t);
}

// --- looking again ------------------------------------------------------------------------------

struct seen {
    unsigned count;
    uint32_t file;
};
static void remember(void *ctx, uint32_t file, const struct walk_stat *now, bool racy) {
    struct seen *s = ctx;
    (void)now;
    (void)racy;
    s->count++;
    s->file = file;
}

static bool look_again(const struct tree *t, const struct walk *w, struct seen *seen) {
    bool stale = false;
    int root = open_root(t);
    *seen = (struct seen){0};
    assert_int_equal(walk_check(w, root, 2, remember, seen, &stale, NULL), 0);
    (void)close(root);
    return stale;
}

static struct walk *settled(const struct tree *t) {
    (void)usleep(30000); // older than a step of the file system's clock
    return walk_tree(t);
}

static void changes_are_noticed(void **state) {
    struct tree t;
    struct seen seen;
    (void)state;
    tree_init(&t);
    tree_write(&t, "a/x.c", "1");
    tree_write(&t, "b.c", "1");
    tree_write(&t, "c/.gitignore", "x");
    struct walk *w = settled(&t);
    assert_false(look_again(&t, w, &seen));
    assert_int_equal(seen.count, 0);
    tree_write(&t, "a/x.c", "2"); // as long as before
    assert_false(look_again(&t, w, &seen));
    assert_int_equal(seen.count, 1);
    assert_string_equal(w->files[seen.file].path, "a/x.c");
    walk_free(w);
    w = settled(&t);
    tree_write(&t, "a/y.c", "new");
    assert_true(look_again(&t, w, &seen));
    walk_free(w);
    w = settled(&t);
    tree_remove(&t, "b.c");
    assert_true(look_again(&t, w, &seen));
    walk_free(w);
    w = settled(&t);
    tree_write(&t, "c/.gitignore", "y");
    assert_true(look_again(&t, w, &seen));
    walk_free(w);
    tree_done(&t);
}

static void a_file_that_changed_just_now_is_looked_at_again(void **state) {
    struct tree t;
    struct seen seen;
    (void)state;
    tree_init(&t);
    tree_write(&t, "sub/a.c", "1");
    (void)usleep(30000);
    tree_write(&t, "sub/a.c", "2"); // the folder's time stays
    struct walk *w = walk_tree(&t);
    assert_true(find(w, "sub/a.c")->flags & WALK_RACY);
    assert_false(look_again(&t, w, &seen));
    assert_int_equal(seen.count, 1);
    walk_free(w);
    tree_done(&t);
}

static void running_out_of_memory_leaves_nothing(void **state) {
    struct tree t;
    (void)state;
    tree_init(&t);
    tree_write(&t, ".gitignore", "*.o");
    tree_write(&t, "a/b/c.c", "");
    tree_write(&t, "a/.pairedignore", "x");
    int root = open_root(&t);
    const struct walk_want want = {.root_fd = root, .files_max = 10, .depth_max = 9, .threads = 1};
    uint64_t nth = 1;
    for (;; nth++) {
        struct walk *w = NULL;
        mem_fail_at(nth);
        int r = walk_run(&want, &w, NULL);
        bool failed = mem_count() >= nth;
        mem_fail_at(0);
        if (r == 0) {
            walk_free(w);
            if (!failed)
                break;
            continue;
        }
        assert_int_equal(r, ERR_NOMEM);
    }
    assert_true(nth > 10);
    (void)close(root);
    tree_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_sorted_without_a_repository),
        cmocka_unit_test(rules_of_all_places_are_obeyed),
        cmocka_unit_test(installed_packages_and_caches_are_left_out),
        cmocka_unit_test(what_is_tracked_counts_although_ignored),
        cmocka_unit_test(other_repositories_inside_are_told_apart),
        cmocka_unit_test(a_folder_of_repositories_is_walked_whole),
        cmocka_unit_test(links_are_known_by_name_and_never_followed),
        cmocka_unit_test(rules_that_are_links_are_not_read),
        cmocka_unit_test(devices_sockets_and_pipes_are_left_out),
        cmocka_unit_test(any_name_is_a_name),
        cmocka_unit_test(depth_and_number_are_limited),
        cmocka_unit_test(a_folder_that_cannot_be_read_is_counted),
        cmocka_unit_test(changes_are_noticed),
        cmocka_unit_test(a_file_that_changed_just_now_is_looked_at_again),
        cmocka_unit_test(running_out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests_name("workspace/walk", tests, NULL, NULL);
}
