// What commits say is heard: by way of a workspace's view, below the folder it is opened at, and
// anew when the head moves.
#include "tests/unit/workspace/git_box.h"

#include "core/base/mem.h"
#include "core/workspace/locate.h"
#include "core/workspace/search_past.h"
#include "core/workspace/workspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct store *no_store(void *ctx) {
    (void)ctx;
    return NULL;
}

struct asked {
    struct workspaces *all;
    struct workspace *ws;
};

static void open_at(struct asked *a, const struct git_box *b, const char *folder) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s", b->path, folder);
    assert_int_equal(workspaces_new(no_store, NULL, "", &a->all, NULL), 0);
    assert_int_equal(workspaces_get(a->all, path, &a->ws, NULL), 0);
}

static void done(struct asked *a) {
    workspace_put(a->ws);
    workspaces_free(a->all);
}

// Path of the best file; "" when there is none. *ret_search (may be NULL): that was asked.
static void first_file(const struct asked *a, const char *text, char *ret, size_t size,
                       const struct search **ret_search) {
    struct workspace_view *view = NULL;
    struct workspace_past past = {0};
    struct locate_result *r = NULL;
    const struct index_want want = {.tier = TIER_TREE};
    const struct locate_want what = {.text = text, .bytes = strlen(text)};
    const struct search *s = NULL, *again = NULL;
    assert_int_equal(workspace_view_get(a->ws, &want, &view, NULL), 0);
    assert_int_equal(workspace_past(a->ws, NULL, NULL, &past, NULL), 0);
    assert_int_equal(workspace_view_search_past(view, &past, NULL, NULL, &s, NULL), 0);
    assert_int_equal(workspace_view_search_past(view, &past, NULL, NULL, &again, NULL), 0);
    assert_ptr_equal(s, again); // made once
    if (ret_search)
        *ret_search = s == workspace_view_search(view) ? NULL : s;
    workspace_past_done(&past); // the view holds what its search needs
    assert_int_equal(locate(s, &what, &r, NULL), 0);
    (void)snprintf(ret, size, "%s",
                   r->file_count ? snapshot_file(search_snapshot(s), r->files[0].file)->path : "");
    locate_free(r);
    workspace_view_put(view);
}

static void fill(struct git_box *b) {
    git_box_new(b);
    git_box_write(b, "lib/alpha.py", "def alpha():\n    return 1\n");
    git_box_write(b, "lib/beta.py", "def beta():\n    return 2\n");
    git_box_write(b, "lib/gamma.py", "def gamma():\n    return 3\n");
    git_box_commit(b, "begin");
    git_box_write(b, "lib/beta.py", "def beta():\n    return 4\n");
    git_box_commit(b, "survive the zeppelin landing");
}

static void messages_lead_to_what_they_changed(void **state) {
    struct git_box b;
    struct asked a;
    char path[256];
    (void)state;
    fill(&b);
    open_at(&a, &b, "");
    first_file(&a, "zeppelin crashes", path, sizeof path, NULL);
    assert_string_equal(path, "lib/beta.py");
    // The head moves: the same view answers from the new history.
    first_file(&a, "unheard airship", path, sizeof path, NULL);
    assert_string_equal(path, "");
    git_box_write(&b, "lib/gamma.py", "def gamma():\n    return 5\n");
    git_box_commit(&b, "moor the airship");
    first_file(&a, "unheard airship", path, sizeof path, NULL);
    assert_string_equal(path, "lib/gamma.py");
    done(&a);
    open_at(&a, &b, "/lib"); // paths of the history are from the top of the repository
    first_file(&a, "zeppelin crashes", path, sizeof path, NULL);
    assert_string_equal(path, "beta.py");
    done(&a);
    git_box_done(&b);
}

static void without_commits_the_plain_search_answers(void **state) {
    struct git_box b;
    struct asked a;
    char path[256];
    const struct search *s = NULL;
    (void)state;
    git_box_new(&b);
    git_box_write(&b, "alpha.py", "def alpha():\n    return 1\n");
    open_at(&a, &b, "");
    first_file(&a, "alpha", path, sizeof path, &s);
    assert_string_equal(path, "alpha.py");
    assert_null(s);
    done(&a);
    git_box_done(&b);
}

static void files_that_change_together_are_told(void **state) {
    struct git_box b;
    struct asked a;
    struct workspace_past past = {0};
    struct search_past *p = NULL;
    const char *paths[SEARCH_COUPLED_MAX];
    double shares[SEARCH_COUPLED_MAX];
    (void)state;
    fill(&b);
    for (int i = 0; i < 6; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "def f():\n    return %d\n", 10 + i);
        git_box_write(&b, "lib/alpha.py", text);
        git_box_write(&b, "lib/gamma.py", text);
        git_box_commit(&b, "both");
    }
    open_at(&a, &b, "");
    assert_int_equal(workspace_past(a.ws, NULL, NULL, &past, NULL), 0);
    assert_int_equal(search_past_new(past.history, "", &p, NULL), 0);
    const struct search_history *h = search_past_history(p);
    unsigned n = h->coupled(h->ctx, "lib/alpha.py", paths, shares, SEARCH_COUPLED_MAX);
    assert_true(n >= 1);
    assert_string_equal(paths[0], "lib/gamma.py");
    assert_true(shares[0] > .5 && shares[0] <= 1);
    assert_true(h->churn(h->ctx, "lib/alpha.py") > h->churn(h->ctx, "lib/beta.py"));
    assert_true(h->churn(h->ctx, "no/such.py") <= 0);
    assert_int_equal(h->coupled(h->ctx, "no/such.py", paths, shares, SEARCH_COUPLED_MAX), 0);
    search_past_free(p);
    for (uint64_t at = 1; at <= 4; at++) { // three allocations
        p = NULL;
        mem_fail_at(at);
        int r = search_past_new(past.history, "", &p, NULL);
        mem_fail_at(0);
        assert_int_equal(r, at <= 3 ? ERR_NOMEM : 0);
        search_past_free(p);
    }
    workspace_past_done(&past);
    done(&a);
    git_box_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_lead_to_what_they_changed),
        cmocka_unit_test(without_commits_the_plain_search_answers),
        cmocka_unit_test(files_that_change_together_are_told),
    };
    return cmocka_run_group_tests_name("workspace/search_past", tests, NULL, NULL);
}
