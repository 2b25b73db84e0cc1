// Branches: how far from the main line, which are alive, which will conflict.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"
#include "core/workspace/branches.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DAY = 86400 };

static const struct branch *find(const struct branches *b, const char *name, uint32_t *ret_i) {
    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->list[i].name, name) == 0) {
            if (ret_i)
                *ret_i = i;
            return &b->list[i];
        }
    return NULL;
}

static void begin_branch(struct git_box *b, const char *name) {
    git_box_git(b, "checkout", "-q", "-b", name, "main", NULL);
}

static void distance_age_and_conflicts_are_found(void **state) {
    struct git_box box, *b = &box;
    struct err err = {0};
    (void)state;
    git_box_new(b);
    git_box_lines(b, "a.c", 1, 30);
    git_box_lines(b, "b.c", 1, 30);
    git_box_commit(b, "one");
    begin_branch(b, "old");
    git_box_write(b, "old.c", "x\n");
    git_box_commit(b, "old");
    b->clock += 100 * DAY;
    int64_t first = b->clock;
    begin_branch(b, "left");
    git_box_write(b, "a.c", "left\n");
    git_box_commit(b, "left 1");
    git_box_write(b, "l.c", "left\n");
    git_box_commit(b, "left 2");
    begin_branch(b, "right");
    git_box_write(b, "a.c", "right\n");
    git_box_commit(b, "right");
    begin_branch(b, "calm");
    git_box_lines(b, "b.c", 1, 31);
    git_box_commit(b, "calm");
    git_box_git(b, "checkout", "-q", "main", NULL);
    git_box_git(b, "branch", "merged", NULL);
    git_box_write(b, "m.c", "m\n");
    git_box_commit(b, "main moves on");
    // calm takes the main line in: where it left is no more the first commit.
    git_box_git(b, "checkout", "-q", "calm", NULL);
    git_box_git(b, "merge", "-q", "-m", "main into calm", "main", NULL);
    struct git *g = git_box_open(b);
    struct branches *all = NULL;
    struct branches_want w = {.now = b->clock, .conflicts = true};
    if (branches_read(g, &w, &all, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(all->base_name, "main");
    assert_true(all->conflicts_known);
    assert_int_equal(all->count, 6);
    uint32_t l, r;
    const struct branch *left = find(all, "left", &l), *calm = find(all, "calm", NULL);
    const struct branch *old = find(all, "old", NULL), *merged = find(all, "merged", NULL);
    assert_non_null(find(all, "right", &r));
    assert_true(left->live && left->ahead == 2 && left->behind == 1 && left->first == first);
    assert_true(calm->live && calm->head && calm->ahead == 2 && calm->behind == 0);
    assert_true(!old->live && !old->merged && old->ahead == 1);
    assert_true(merged->merged && !merged->live);
    assert_int_equal(all->conflict_count, 1);
    assert_int_equal(all->conflicts[0].a, l < r ? l : r);
    assert_int_equal(all->conflicts[0].b, l < r ? r : l);
    assert_int_equal(all->conflicts[0].file_total, 1);
    assert_string_equal(all->conflicts[0].files[0], "a.c");
    assert_int_equal(all->pairs_left, 0);
    branches_free(all);
    // Once one of them is in the main line, the other conflicts with that.
    git_close(g);
    git_box_git(b, "checkout", "-q", "main", NULL);
    git_box_git(b, "merge", "-q", "-m", "left in", "left", NULL);
    g = git_box_open(b);
    assert_int_equal(branches_read(g, &w, &all, &err), 0);
    assert_int_equal(all->conflict_count, 1);
    assert_int_equal(all->conflicts[0].b, BRANCHES_BASE);
    assert_string_equal(all->list[all->conflicts[0].a].name, "right");
    branches_free(all);
    w.base = "nowhere";
    assert_int_equal(branches_read(g, &w, &all, &err), ERR_NOT_FOUND);
    git_close(g);
    git_box_done(b);
}

static void the_copy_at_a_remote_stands_once(void **state) {
    struct git_box box, *b = &box;
    struct branches *all = NULL;
    (void)state;
    git_box_new(b);
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    git_box_git(b, "update-ref", "refs/remotes/origin/main", "HEAD", NULL);
    git_box_git(b, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main", NULL);
    git_box_write(b, "a", "2\n");
    git_box_commit(b, "two");
    git_box_git(b, "update-ref", "refs/remotes/origin/topic", "HEAD", NULL);
    struct git *g = git_box_open(b);
    struct branches_want w = {.now = b->clock};
    assert_int_equal(branches_read(g, &w, &all, NULL), 0);
    assert_int_equal(all->count, 2); // main, origin/main one behind; origin/topic is main
    assert_non_null(find(all, "origin/main", NULL));
    assert_true(find(all, "origin/main", NULL)->merged);
    assert_int_equal(find(all, "origin/main", NULL)->behind, 1);
    branches_free(all);
    git_close(g);
    git_box_done(b);
    git_box_new(b); // no commit yet
    g = git_box_open(b);
    assert_int_equal(branches_read(g, &w, &all, NULL), ERR_NOT_FOUND);
    git_close(g);
    git_box_done(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_age_and_conflicts_are_found),
        cmocka_unit_test(the_copy_at_a_remote_stands_once),
    };
    return cmocka_run_group_tests_name("workspace/branches", tests, NULL, NULL);
}
