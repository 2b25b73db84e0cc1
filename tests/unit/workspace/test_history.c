// What commits say, on small repositories whose answers are known, and that it survives being kept.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"
#include "core/workspace/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HOUR = 3600, DAY = 86400 };

static int start(void **state) {
    struct git_box *b = mem_zalloc(sizeof *b);
    git_box_new(b);
    *state = b;
    return 0;
}

static int stop(void **state) {
    git_box_done(*state);
    mem_free(*state);
    return 0;
}

static struct history *fresh(void) {
    struct history *h = NULL;
    assert_int_equal(history_new(&h, NULL), 0);
    return h;
}

static bool refresh(struct history *h, struct git *g, unsigned max) {
    struct history_config c = {.commits_max = max};
    struct err err = {0};
    bool changed = false;
    if (history_refresh(h, g, &c, &changed, &err) < 0)
        fail_msg("%s", err.message);
    return changed;
}

static struct history *read_of(struct git_box *b) {
    struct history *h = fresh();
    struct git *g = git_box_open(b);
    (void)refresh(h, g, 0);
    git_close(g);
    return h;
}

static struct history_file file_of(const struct history *h, const char *path) {
    struct history_file f;
    int64_t i = history_find(h, path);
    if (i < 0)
        fail_msg("%s is not known", path);
    history_file(h, (uint32_t)i, &f);
    return f;
}

// Everything that can be asked, as text: two histories that print the same are the same.
static void print(const struct history *h, struct buf *out) {
    (void)buf_printf(out, "head %s\n", history_head(h));
    for (uint32_t i = 0; i < history_commit_count(h); i++) {
        struct history_commit c;
        history_commit(h, i, &c);
        (void)buf_printf(out, "%s %lld %lld %s %u %s %u", c.id, (long long)c.time,
                         (long long)c.author_time, history_author(h, c.author, NULL), c.flags,
                         c.subject, c.reverts);
        for (uint32_t k = 0; k < c.parent_count; k++)
            (void)buf_printf(out, " ^%u", history_parent(h, i, k));
        for (uint32_t k = 0; k < c.file_count; k++) {
            struct history_change x;
            history_change(h, i, k, &x);
            (void)buf_printf(out, " %c:%s", x.status, x.path);
        }
        (void)buf_putc(out, '\n');
    }
    for (uint32_t i = 0; i < history_file_count(h); i++) {
        struct history_file f;
        history_file(h, i, &f);
        (void)buf_printf(out, "%s %u %u %u %lld %lld %d", f.path, f.commits, f.fixes, f.authors,
                         (long long)f.first, (long long)f.last, f.gone);
        for (uint32_t k = 0, at; (at = history_file_commit(h, i, k)) != HISTORY_NONE; k++)
            (void)buf_printf(out, " %u", at);
        (void)buf_putc(out, '\n');
    }
    assert_false(out->failed);
}

static void assert_same(const struct history *a, const struct history *b) {
    AUTO_BUF x = BUF_INIT(0), y = BUF_INIT(0);
    print(a, &x);
    print(b, &y);
    assert_string_equal(x.data, y.data);
}

static void files_count_commits_people_and_mendings(void **state) {
    struct git_box *b = *state;
    git_box_lines(b, "a.c", 1, 5);
    git_box_lines(b, "b.c", 1, 5);
    git_box_commit(b, "begin");
    b->author = "Bob <BOB@example.org>";
    git_box_lines(b, "a.c", 1, 6);
    git_box_commit(b, "Fix crash in a");
    b->author = "Robert <bob@example.org>";
    git_box_lines(b, "a.c", 1, 7);
    git_box_commit(b, "prefix the fixture"); // no mending
    git_box_remove(b, "b.c");
    git_box_commit(b, "no more b");
    struct history *h = read_of(b);
    assert_int_equal(history_commit_count(h), 4);
    assert_int_equal(history_author_count(h), 2); // Bob and Robert have one address
    struct history_file a = file_of(h, "a.c"), gone = file_of(h, "b.c");
    assert_int_equal(a.commits, 3);
    assert_int_equal(a.fixes, 1);
    assert_int_equal(a.authors, 2);
    assert_int_equal(a.last - a.first, 2 * HOUR);
    assert_false(a.gone);
    assert_true(gone.gone);
    assert_int_equal(gone.commits, 2);
    struct history_commit c;
    history_commit(h, 0, &c);
    assert_string_equal(c.subject, "no more b");
    assert_int_equal(history_find_commit(h, c.id), 0);
    assert_int_equal(history_parent(h, 0, 0), 1);
    const char *address;
    assert_string_equal(history_author(h, c.author, &address), "Robert"); // the newest name
    assert_string_equal(address, "bob@example.org");
    float churn[2];
    history_churn(h, c.time, churn);
    assert_true(churn[0] > 2.99F && churn[0] <= 3.0F);
    history_churn(h, c.time + (int64_t)HISTORY_HALF_LIFE_DAYS * DAY, churn);
    assert_true(churn[0] > 1.49F && churn[0] <= 1.5F);
    assert_null(history_note(h, 0));
    history_free(h);
}

static void renames_are_followed(void **state) {
    struct git_box *b = *state;
    git_box_lines(b, "old/one.c", 1, 20);
    git_box_lines(b, "old/two.c", 1, 30);
    git_box_lines(b, "three.c", 1, 40);
    git_box_commit(b, "begin");
    git_box_lines(b, "old/one.c", 1, 21);
    git_box_commit(b, "more");
    git_box_move(b, "old/one.c", "new/one.c"); // same content
    git_box_move(b, "old/two.c", "new/two.c"); // same name, other content
    git_box_lines(b, "new/two.c", 100, 140);
    git_box_move(b, "three.c", "four.c"); // same content, other name
    git_box_commit(b, "moved");
    git_box_lines(b, "old/one.c", 50, 60); // another file under the old name
    git_box_commit(b, "again");
    struct history *h = read_of(b);
    assert_int_equal(file_of(h, "new/one.c").commits, 3);
    assert_int_equal(file_of(h, "new/two.c").commits, 2);
    assert_int_equal(file_of(h, "four.c").commits, 2);
    assert_int_equal(file_of(h, "old/one.c").commits, 1);
    assert_int_equal(history_find(h, "three.c"), history_find(h, "four.c")); // by its older name
    assert_int_equal(history_file_count(h), 4);
    history_free(h);
}

static void reverts_know_what_they_undo(void **state) {
    struct git_box *b = *state;
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one");
    git_box_write(b, "a", "2\n");
    git_box_commit(b, "Fix two");
    git_box_git(b, "revert", "--no-edit", "HEAD", NULL);
    struct history *h = read_of(b);
    struct history_commit c;
    history_commit(h, 0, &c);
    assert_int_equal(c.flags, HISTORY_REVERT);
    assert_int_equal(c.reverts, 1);
    history_commit(h, 1, &c);
    assert_int_equal(c.flags, HISTORY_FIX | HISTORY_REVERTED);
    history_free(h);
}

// a and b change together four times, c with both once, in a commit of many files with everything.
static void make_coupled(struct git_box *b) {
    char name[32];
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "many/%02u.c", i);
        git_box_lines(b, name, 1, 1);
    }
    git_box_commit(b, "many");
    for (unsigned i = 1; i <= 4; i++) {
        git_box_lines(b, "a.c", 1, i);
        git_box_lines(b, "b.c", 1, i);
        if (i == 2)
            git_box_lines(b, "c.c", 1, i);
        git_box_commit(b, "together");
    }
    git_box_lines(b, "a.c", 1, 9);
    git_box_commit(b, "alone");
}

static void pairs_and_what_is_missing(void **state) {
    struct git_box *b = *state;
    make_coupled(b);
    struct history *h = read_of(b);
    struct history_pair pairs[10];
    struct history_coupling_want w = {0};
    uint32_t count, total;
    assert_int_equal(history_coupling(h, &w, pairs, 10, &count, &total, NULL), 0);
    assert_int_equal(count, 1); // not those of the commit of 40
    assert_int_equal(total, 1);
    assert_int_equal(pairs[0].a, history_find(h, "a.c"));
    assert_int_equal(pairs[0].b, history_find(h, "b.c"));
    assert_int_equal(pairs[0].support, 4);
    assert_int_equal(pairs[0].a_commits, 5);
    assert_true(pairs[0].a_to_b > 0.79F && pairs[0].a_to_b < 0.81F && pairs[0].b_to_a > 0.99F);
    w.support_min = 1;
    w.path = "c.c";
    assert_int_equal(history_coupling(h, &w, pairs, 1, &count, &total, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(total, 2);
    assert_int_equal(pairs[0].a, history_find(h, "a.c")); // equally strong: by path

    static const char *const changed[] = {"a.c", "nobody.c"};
    struct history_cochange_want ask = {.paths = changed, .path_count = 2};
    struct history_cochange found[50];
    assert_int_equal(history_cochanges(h, &ask, found, 50, &count, NULL), 0);
    assert_int_equal(found[0].file, history_find(h, "b.c"));
    assert_int_equal(found[0].support, 4);
    assert_int_equal(found[0].of, 5);
    assert_int_equal(found[0].with, 0);
    assert_int_equal(found[1].file, history_find(h, "c.c"));
    for (uint32_t i = 1; i < count; i++)
        assert_true(found[i].score <= found[i - 1].score);
    static const char *const both[] = {"a.c", "b.c"};
    ask.paths = both;
    assert_int_equal(history_cochanges(h, &ask, found, 1, &count, NULL), 0);
    assert_int_equal(found[0].file, history_find(h, "c.c")); // what was given is not missing
    history_free(h);
}

static void owners_are_counted_not_ranked(void **state) {
    static const char *const people[] = {"A <a@x>", "A <a@x>", "A <a@x>", "B <b@x>", "C <c@x>"};
    struct git_box *b = *state;
    for (unsigned i = 0; i < COUNT_OF(people); i++) {
        b->author = people[i];
        git_box_lines(b, "src/a.c", 1, i + 1);
        git_box_commit(b, "x");
    }
    git_box_lines(b, "srcs/b.c", 1, 1); // begins like the folder
    git_box_commit(b, "y");
    struct history *h = read_of(b);
    struct history_owners o;
    assert_int_equal(history_owners(h, "src/", b->clock, &o, NULL), 0);
    assert_int_equal(o.commits, 5);
    assert_int_equal(o.authors, 3);
    assert_int_equal(o.bus_factor, 1);
    assert_true(o.main_share > 0.59F && o.main_share < 0.61F);
    assert_int_equal(o.shares[0].commits, 3);
    assert_string_equal(history_author(h, o.shares[0].author, NULL), "A");
    assert_int_equal(history_owners(h, "", b->clock, &o, NULL), 0);
    assert_int_equal(o.commits, 6);
    assert_int_equal(o.bus_factor, 2); // three of six are not more than half
    // So long ago that the weights are gone: still an answer.
    assert_int_equal(history_owners(h, "src/a.c", INT64_MAX, &o, NULL), 0);
    assert_true(o.main_share > 0.59F && o.main_share < 0.61F);
    assert_int_equal(history_owners(h, "nowhere/", b->clock, &o, NULL), ERR_NOT_FOUND);
    history_free(h);
}

static double complexity_of(void *ctx, const char *path) {
    (void)ctx;
    return strcmp(path, "hot.c") == 0 ? 10 : strcmp(path, "large.c") == 0 ? 40 : 0;
}

static void hotspots_are_churn_times_complexity(void **state) {
    struct git_box *b = *state;
    git_box_lines(b, "large.c", 1, 1);
    git_box_lines(b, "prose.md", 1, 1);
    for (unsigned i = 1; i <= 8; i++) {
        git_box_lines(b, "hot.c", 1, i);
        git_box_lines(b, "prose.md", 1, i);
        git_box_commit(b, "x");
    }
    struct history *h = read_of(b);
    struct history_hotspot s[5];
    uint32_t count;
    assert_int_equal(history_hotspots(h, b->clock, complexity_of, NULL, s, 5, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(s[0].file, history_find(h, "hot.c")); // 1 × 1/4 against 1/8 × 1
    assert_true(s[0].score > 0.249F && s[0].score < 0.251F);
    history_free(h);
}

static void flow_follows_the_main_line(void **state) {
    struct git_box *b = *state;
    git_box_write(b, "a", "1\n");
    git_box_commit(b, "one"); // at 0 h
    git_box_git(b, "checkout", "-q", "-b", "topic", NULL);
    git_box_write(b, "t", "1\n");
    git_box_commit(b, "topic 1"); // at 1 h
    git_box_write(b, "u", "1\n");
    git_box_commit(b, "topic 2"); // at 2 h
    git_box_git(b, "checkout", "-q", "main", NULL);
    b->clock += 7 * DAY - 3 * HOUR;
    git_box_write(b, "a", "2\n");
    git_box_commit(b, "direct");                                                  // at 7 d
    git_box_git(b, "merge", "-q", "--no-ff", "-m", "merge topic", "topic", NULL); // at 7 d 1 h
    int64_t now = b->clock;
    struct history *h = read_of(b);
    struct history_flow f;
    struct history_landing list[10];
    uint32_t count;
    assert_int_equal(history_flow(h, 0, now, &f, list, 10, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(f.landings, 3);
    assert_int_equal(f.merges, 1);
    assert_true(list[0].merge);
    assert_int_equal(list[0].commits, 2);
    assert_int_equal(list[0].files, 2);
    assert_int_equal(list[0].lead, 7 * DAY); // from the first commit at 1 h
    assert_int_equal(list[1].lead, 0);
    assert_int_equal(f.week_count, 2);
    assert_int_equal(f.weeks[0], 2);
    assert_int_equal(f.weeks[1], 1);
    assert_int_equal(f.lead_median, 0);
    assert_int_equal(f.lead_p85, 7 * DAY);
    assert_int_equal(history_flow(h, now - DAY, now, &f, list, 1, &count, NULL), 0);
    assert_int_equal(f.landings, 2);
    assert_int_equal(f.week_count, 1);
    assert_int_equal(count, 1);
    assert_int_equal(history_flow(h, 0, now - DAY, &f, list, 10, &count, NULL), 0);
    assert_int_equal(f.landings, 1); // what landed after `now` does not count
    assert_int_equal(f.weeks[0], 1);
    history_free(h);
}

static void new_commits_give_what_a_full_reading_gives(void **state) {
    struct git_box *b = *state;
    make_coupled(b);
    struct git *g = git_box_open(b);
    struct history *h = fresh();
    assert_true(refresh(h, g, 0));
    assert_false(refresh(h, g, 0));
    // More on the main line.
    git_box_move(b, "a.c", "moved.c");
    git_box_commit(b, "moved");
    assert_true(refresh(h, g, 0));
    struct history *whole = read_of(b);
    assert_same(h, whole);
    history_free(whole);
    // A rebase: the last two commits become others.
    git_box_git(b, "reset", "-q", "--hard", "HEAD~2", NULL);
    git_box_write(b, "other.c", "1\n");
    git_box_commit(b, "other");
    assert_true(refresh(h, g, 0));
    whole = read_of(b);
    assert_same(h, whole);
    history_free(whole);
    // Another root: nothing of before counts.
    git_box_git(b, "checkout", "-q", "--orphan", "fresh", NULL);
    git_box_commit(b, "fresh root");
    assert_true(refresh(h, g, 0));
    assert_int_equal(history_commit_count(h), 1);
    git_box_git(b, "checkout", "-q", "main", NULL);
    assert_true(refresh(h, g, 0));
    whole = read_of(b);
    assert_same(h, whole);
    history_free(whole);
    history_free(h);
    git_close(g);
}

static void the_newest_commits_are_kept_and_it_is_said(void **state) {
    struct git_box *b = *state;
    for (unsigned i = 1; i <= 6; i++) {
        git_box_lines(b, "a", 1, i);
        git_box_commit(b, "x");
    }
    struct git *g = git_box_open(b);
    struct history *h = fresh();
    (void)refresh(h, g, 3);
    assert_int_equal(history_commit_count(h), 3);
    assert_non_null(strstr(history_note(h, 0), "newest commits"));
    git_box_lines(b, "a", 1, 9);
    git_box_commit(b, "y");
    (void)refresh(h, g, 3);
    assert_int_equal(history_commit_count(h), 3);
    struct history_commit c;
    history_commit(h, 0, &c);
    assert_string_equal(c.subject, "y");
    assert_true(refresh(h, g, 100)); // more are asked for: read whole
    assert_int_equal(history_commit_count(h), 7);
    assert_null(history_note(h, 0));
    history_free(h);
    git_close(g);
}

static void kept_bytes_give_the_same_history(void **state) {
    struct git_box *b = *state;
    make_coupled(b);
    git_box_move(b, "a.c", "new\nname.c");
    git_box_commit(b, "moved");
    git_box_git(b, "revert", "--no-edit", "HEAD", NULL);
    struct history *h = read_of(b), *again = fresh();
    AUTO_BUF bytes = BUF_INIT(0), twice = BUF_INIT(0);
    struct err err = {0};
    assert_int_equal(history_save(h, &bytes, &err), 0);
    assert_int_equal(history_load(again, bytes.data, bytes.len, &err), 0);
    assert_same(h, again);
    assert_int_equal(history_save(again, &twice, &err), 0);
    assert_int_equal(bytes.len, twice.len);
    assert_memory_equal(bytes.data, twice.data, bytes.len);
    struct git *g = git_box_open(b);
    assert_false(refresh(again, g, 0));
    git_close(g);
    // Damage: refused, and what was there stays.
    for (size_t cut = 0; cut < bytes.len; cut += 7)
        assert_true(history_load(again, bytes.data, cut, NULL) < 0);
    bytes.data[4]++;
    assert_int_equal(history_load(again, bytes.data, bytes.len, &err), ERR_VERSION);
    assert_same(h, again);
    history_free(h);
    history_free(again);
}

static void a_shallow_clone_that_is_deepened_is_read_again(void **state) {
    struct git_box *b = *state;
    char url[512], path[512];
    for (unsigned i = 1; i <= 4; i++) {
        git_box_lines(b, "a", 1, i);
        git_box_commit(b, "x");
    }
    (void)snprintf(url, sizeof url, "file://%s", b->path);
    (void)snprintf(path, sizeof path, "%s/shallow", b->home);
    git_box_git(b, "clone", "-q", "--depth=2", url, path, NULL);
    struct git_config c = {.folder = path, .scratch = b->home};
    struct git *g = NULL;
    assert_int_equal(git_open(&c, &g, NULL), 0);
    struct history *h = fresh();
    (void)refresh(h, g, 0);
    assert_int_equal(history_commit_count(h), 2);
    assert_non_null(strstr(history_note(h, 0), "shallow"));
    static const char *const deepen[] = {"fetch", "-q", "--unshallow", NULL};
    assert_int_equal(git_box_try(b, path, deepen), 0);
    assert_true(refresh(h, g, 0));
    assert_int_equal(history_commit_count(h), 4);
    assert_null(history_note(h, 0));
    history_free(h);
    git_close(g);
}

static void no_commit_and_lines_of_few_files(void **state) {
    struct git_box *b = *state;
    struct git *g = git_box_open(b);
    struct history *h = fresh();
    struct history_flow f;
    struct history_owners o;
    uint32_t count = 9;
    assert_string_equal(history_note(h, 0), "no history: no commit was read");
    assert_false(refresh(h, g, 0));
    assert_int_equal(history_commit_count(h), 0);
    assert_int_equal(history_flow(h, 0, 1000, &f, NULL, 0, NULL, NULL), 0);
    assert_int_equal(f.landings, 0);
    assert_int_equal(history_owners(h, "", 0, &o, NULL), ERR_NOT_FOUND);
    struct history_cochange_want none = {0};
    assert_int_equal(history_cochanges(h, &none, NULL, 0, &count, NULL), 0);
    assert_int_equal(count, 0);
    git_box_lines(b, "a", 1, 10);
    git_box_commit(b, "x");
    git_box_lines(b, "a", 4, 10);
    git_box_lines(b, "b", 1, 2);
    git_box_commit(b, "y");
    assert_true(refresh(h, g, 0));
    static const char *const paths[] = {"a", "b", "none"};
    struct history_lines lines[3];
    assert_int_equal(history_lines(g, history_head(h), paths, 3, 0, lines, NULL), 0);
    assert_int_equal(lines[0].added, 10);
    assert_int_equal(lines[0].removed, 3);
    assert_int_equal(lines[0].commits, 2);
    assert_int_equal(lines[1].added, 2);
    assert_int_equal(lines[2].commits, 0);
    history_free(h);
    git_close(g);
}

static void no_failed_allocation_leaks_or_changes_anything(void **state) {
    struct git_box *b = *state;
    git_box_lines(b, "a", 1, 3);
    git_box_commit(b, "x");
    git_box_move(b, "a", "b");
    git_box_commit(b, "y");
    struct history *h = read_of(b);
    AUTO_BUF bytes = BUF_INIT(0);
    assert_int_equal(history_save(h, &bytes, NULL), 0);
    for (uint64_t n = 1;; n++) {
        mem_fail_at(n);
        int r = history_load(h, bytes.data, bytes.len, NULL);
        mem_fail_at(0);
        assert_int_equal(history_commit_count(h), 2);
        if (r == 0)
            break;
        assert_int_equal(r, ERR_NOMEM);
        assert_true(n < 500);
    }
    struct git *g = git_box_open(b);
    git_box_lines(b, "c", 1, 3);
    git_box_commit(b, "z");
    for (uint64_t n = 1;; n++) {
        mem_fail_at(n);
        int r = history_refresh(h, g, NULL, NULL, NULL);
        mem_fail_at(0);
        if (r == 0)
            break;
        assert_int_equal(history_commit_count(h), 2);
        assert_true(n < 1000);
    }
    assert_int_equal(history_commit_count(h), 3);
    git_close(g);
    history_free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_count_commits_people_and_mendings, start, stop),
        cmocka_unit_test_setup_teardown(renames_are_followed, start, stop),
        cmocka_unit_test_setup_teardown(reverts_know_what_they_undo, start, stop),
        cmocka_unit_test_setup_teardown(pairs_and_what_is_missing, start, stop),
        cmocka_unit_test_setup_teardown(owners_are_counted_not_ranked, start, stop),
        cmocka_unit_test_setup_teardown(hotspots_are_churn_times_complexity, start, stop),
        cmocka_unit_test_setup_teardown(flow_follows_the_main_line, start, stop),
        cmocka_unit_test_setup_teardown(new_commits_give_what_a_full_reading_gives, start, stop),
        cmocka_unit_test_setup_teardown(the_newest_commits_are_kept_and_it_is_said, start, stop),
        cmocka_unit_test_setup_teardown(kept_bytes_give_the_same_history, start, stop),
        cmocka_unit_test_setup_teardown(a_shallow_clone_that_is_deepened_is_read_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(no_commit_and_lines_of_few_files, start, stop),
        cmocka_unit_test_setup_teardown(no_failed_allocation_leaks_or_changes_anything, start,
                                        stop),
    };
    return cmocka_run_group_tests_name("workspace/history", tests, NULL, NULL);
}
