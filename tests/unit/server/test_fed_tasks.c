// What leaves when a friend's agent is asked, and an agent of ours at work on what a friend sent.
#include "server/fed_tasks.h"

#include "core/base/mem.h"
#include "core/db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch[64], folder[256];

static int setup(void **state) {
    (void)state;
    (void)snprintf(scratch, sizeof scratch, "/tmp/paired-tasks-XXXXXX");
    return mkdtemp(scratch) && fed_tasks_folder(scratch, folder, sizeof folder, NULL) == 0 ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    fed_tasks_folder_remove(scratch);
    return rmdir(scratch); // nothing else is there
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}
static bool always(void *ctx) {
    (void)ctx;
    return true;
}

static int run(const char *agent, const char *skill, json_t *parts, json_t *arguments, json_t **ret,
               struct err *err) {
    json_t *message =
        json_pack("{s:s, s:s, s:o, s:{s:{s:o}}}", "messageId", "m", "role", "ROLE_USER", "parts",
                  parts, "metadata", "paired", "arguments", arguments);
    assert_non_null(message);
    const struct fed_tasks_work w = {.folder = folder,
                                     .agent = agent,
                                     .skill = skill,
                                     .message = message,
                                     .now_ms = 1764000000000,
                                     .cancelled = never};
    int r = fed_tasks_run(&w, ret, err);
    json_decref(message);
    return r;
}
static const char *text_of(const json_t *artifacts) {
    return json_string_value(json_object_get(
        json_array_get(json_object_get(json_array_get(artifacts, 0), "parts"), 0), "text"));
}
static json_t *file(const char *path, const char *text) {
    return json_pack("{s:s, s:s}", "text", text, "filename", path);
}

static const char c_file[] = "#include <stdlib.h>\n"
                             "int f(int *p) {\n"
                             "    int r = 0;\n"
                             "    if (r == r)\n"
                             "        return 1;\n"
                             "    return r;\n"
                             "}\n";
static const char c_diff[] = "diff --git a/src/f.c b/src/f.c\n"
                             "--- a/src/f.c\n"
                             "+++ b/src/f.c\n"
                             "@@ -4,1 +4,1 @@\n"
                             "-    if (r == *p)\n"
                             "+    if (r == r)\n";

static void a_diff_with_its_files_is_reviewed_in_memory(void **state) {
    json_t *artifacts = NULL;
    struct err err = {0};
    (void)state;
    json_t *parts = json_pack("[{s:s, s:s, s:s}, o]", "text", c_diff, "filename", "change.diff",
                              "mediaType", "text/x-diff", file("src/f.c", c_file));
    assert_int_equal(run("sherlock", "review", parts, json_object(), &artifacts, &err), 0);
    if (!strstr(text_of(artifacts), "src/f.c:4"))
        fail_msg("%s", text_of(artifacts));
    json_decref(artifacts);
}

static void files_are_measured_and_searched_without_a_repository(void **state) {
    json_t *artifacts = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(run("marie", "metrics", json_pack("[o]", file("src/f.c", c_file)),
                         json_object(), &artifacts, &err),
                     0);
    assert_non_null(strstr(text_of(artifacts), "src/f.c"));
    json_decref(artifacts);
    artifacts = NULL;
    assert_int_equal(run("edison", "map", json_pack("[o]", file("src/f.c", c_file)), json_object(),
                         &artifacts, &err),
                     0);
    assert_non_null(strstr(text_of(artifacts), "int f(int *p)"));
    json_decref(artifacts);
}

// What one friend has sent is not there for the next.
static void a_workspace_ends_with_its_task(void **state) {
    json_t *artifacts = NULL;
    (void)state;
    assert_int_equal(run("edison", "map", json_pack("[o]", file("src/first.c", c_file)),
                         json_object(), &artifacts, NULL),
                     0);
    json_decref(artifacts);
    artifacts = NULL;
    assert_int_equal(run("edison", "map", json_pack("[o]", file("src/other.c", c_file)),
                         json_object(), &artifacts, NULL),
                     0);
    assert_null(strstr(text_of(artifacts), "first.c"));
    json_decref(artifacts);
}

static void nothing_outside_is_reached_and_nothing_is_written(void **state) {
    static const char *const bad[] = {"../out.c",    "/etc/passwd", "a/../../b.c",
                                      ".git/config", ".git",        ""};
    json_t *artifacts = NULL;
    struct stat st;
    char path[300];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {0};
        assert_true(run("marie", "metrics", json_pack("[o]", file(bad[i], c_file)), json_object(),
                        &artifacts, &err) < 0);
        assert_true(err.message[0] != '\0');
    }
    // Arguments that name other places find nothing there.
    struct err err = {0};
    int r = run("marie", "metrics", json_pack("[o]", file("src/f.c", c_file)),
                json_pack("{s:s, s:s}", "path", "../../..", "range", "HEAD~1"), &artifacts, &err);
    assert_true(r < 0 || !strstr(text_of(artifacts), "test_fed_tasks"));
    json_decref(artifacts);
    artifacts = NULL;
    assert_int_equal(run("marie", "metrics", json_pack("[o]", file("src/f.c", c_file)),
                         json_object(), &artifacts, NULL),
                     0);
    json_decref(artifacts);
    (void)snprintf(path, sizeof path, "%s/src", folder);
    assert_int_equal(stat(path, &st), -1);
}

static void only_what_reads_and_can_be_sent_for_is_a_skill(void **state) {
    enum fed_tasks_material m;
    json_t *artifacts = NULL;
    (void)state;
    assert_non_null(fed_tasks_skill("sherlock", "review", &m));
    assert_int_equal(m, FED_TASKS_DIFF);
    assert_non_null(fed_tasks_skill("alex", "milestone", &m));
    assert_int_equal(m, FED_TASKS_WORDS);
    assert_null(fed_tasks_skill("sherlock", "mute", &m));     // writes
    assert_null(fed_tasks_skill("sherlock", "baseline", &m)); // writes
    assert_null(fed_tasks_skill("vince", "flow", &m));        // a history
    assert_null(fed_tasks_skill("team", "ask", &m));          // a model
    assert_null(fed_tasks_skill("marie", "review", &m));      // another's
    assert_int_equal(
        run("sherlock", "mute", json_pack("[o]", file("a.c", "")), json_object(), &artifacts, NULL),
        ERR_NOT_FOUND);
}

static void a_task_that_nobody_waits_for_stops(void **state) {
    json_t *message = json_pack("{s:s, s:s, s:[o]}", "messageId", "m", "role", "ROLE_USER", "parts",
                                file("src/f.c", c_file));
    json_t *artifacts = NULL;
    const struct fed_tasks_work w = {.folder = folder,
                                     .agent = "marie",
                                     .skill = "metrics",
                                     .message = message,
                                     .cancelled = always};
    (void)state;
    assert_int_equal(fed_tasks_run(&w, &artifacts, NULL), ERR_CANCELLED);
    json_decref(message);
}

// --- secrets

#define TOKEN "ghp_16C7e42F292c6912E7710c838347Ae178B4a"

static void secrets_are_crossed_out_and_lines_stay_lines(void **state) {
    char text[] = "a = 1\ntoken = \"" TOKEN "\"\nb = 2\n";
    size_t n = strlen(text);
    struct err err = {0};
    (void)state;
    assert_true(fed_tasks_cross_out(text, n, "conf.py", false, &err) > 0);
    assert_null(strstr(text, "ghp_16C7"));
    assert_int_equal(strlen(text), n);
    assert_non_null(strstr(text, "\nb = 2\n"));
    assert_int_equal(fed_tasks_cross_out(text, n, "conf.py", false, &err), 0); // nothing is left
}

static void a_key_over_lines_of_a_diff_is_crossed_out_on_either_side(void **state) {
    static const char body[] = "MIIEpAIBAAKCAQEA7bq5Zz0eX1xkY0S9b3m8Qf2Vt0nUeWc1rJkYp6h3sLx9aTgD";
    (void)state;
    for (int side = 0; side < 2; side++) {
        char mark = "+-"[side], text[1024];
        int n = snprintf(text, sizeof text,
                         "--- a/k.pem\n+++ b/k.pem\n@@ -1,4 +1,4 @@\n%c-----BEGIN RSA PRIVATE "
                         "KEY-----\n%c%s\n%c%s\n%c-----END RSA PRIVATE KEY-----\n",
                         mark, mark, body, mark, body, mark);
        struct err err = {0};
        assert_true(fed_tasks_cross_out(text, (size_t)n, NULL, true, &err) > 0);
        assert_null(strstr(text, body));
        assert_int_equal(strlen(text), n);
        unsigned lines = 0;
        for (const char *c = text; *c; c++)
            lines += *c == '\n';
        assert_int_equal(lines, 7);
    }
}

// --- what is kept

static unsigned rows, usages;
static int take_row(void *arg, const struct tasks_row *r) {
    rows++;
    *(struct tasks_row *)arg = *r;
    return 0;
}
static int take_usage(void *arg, const struct tasks_usage *u) {
    (void)arg;
    usages++;
    assert_int_equal(u->requests, 3);
    return 0;
}

static void what_is_kept_comes_back_and_what_is_old_goes(void **state) {
    enum { DAY = 24 * 3600 * 1000 };
    const int64_t now = 1764000000000;
    struct db *db = NULL;
    struct tasks_row row = {.ours = true,
                            .id = "0123abcd",
                            .agent = "sherlock",
                            .skill = "review",
                            .state = A2A_WORKING,
                            .made_ms = now,
                            .changed_ms = now},
                     back;
    (void)state;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    assert_int_equal(fed_tasks_db_open(db, now, NULL), 0);
    fed_tasks_db_keep(db, &row);
    row.state = A2A_COMPLETED;
    row.cancel = true;
    fed_tasks_db_keep(db, &row); // the same one
    row.ours = false;
    fed_tasks_db_keep(db, &row); // another
    struct tasks_usage u = {.day = now / DAY, .requests = 3, .cpu_ms = 5};
    fed_tasks_db_usage(db, &u);
    rows = usages = 0;
    assert_int_equal(fed_tasks_db_restore(db, take_row, take_usage, &back), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(usages, 1);
    assert_int_equal(back.state, A2A_COMPLETED);
    assert_true(back.cancel);
    fed_tasks_db_forget(db, false, row.id, row.device);
    rows = 0;
    assert_int_equal(fed_tasks_db_restore(db, take_row, take_usage, &back), 0);
    assert_int_equal(rows, 1);
    assert_int_equal(fed_tasks_db_open(db, now + 2 * (int64_t)DAY, NULL), 0); // two days later
    rows = usages = 0;
    assert_int_equal(fed_tasks_db_restore(db, take_row, take_usage, &back), 0);
    assert_int_equal(rows + usages, 0);
    db_close(db);
}

static enum tasks_mode mode_of(struct db *db, const uint8_t *who, const char *agent) {
    struct tasks_policy p;
    fed_tasks_db_policy(db, who, agent, &p);
    return p.mode;
}

static void the_nearest_policy_counts_and_without_one_the_user_is_asked(void **state) {
    static const uint8_t everybody[32], ann[32] = {1}, bob[32] = {2};
    const struct tasks_policy always = {.mode = TASKS_ALWAYS}, never = {.mode = TASKS_NEVER},
                              quota = {.mode = TASKS_QUOTA, .requests_day = 4};
    struct db *db = NULL;
    (void)state;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    assert_int_equal(fed_tasks_db_open(db, 0, NULL), 0);
    assert_int_equal(mode_of(db, ann, "marie"), TASKS_ASK);
    assert_int_equal(fed_tasks_db_policy_put(db, everybody, "", &never, NULL), 0);
    assert_int_equal(mode_of(db, ann, "marie"), TASKS_NEVER);
    assert_int_equal(fed_tasks_db_policy_put(db, everybody, "marie", &quota, NULL), 0);
    assert_int_equal(mode_of(db, ann, "marie"), TASKS_QUOTA);
    assert_int_equal(fed_tasks_db_policy_put(db, ann, "", &always, NULL), 0);
    assert_int_equal(mode_of(db, ann, "marie"), TASKS_ALWAYS); // the friend before the agent
    assert_int_equal(fed_tasks_db_policy_put(db, ann, "marie", &never, NULL), 0);
    assert_int_equal(mode_of(db, ann, "marie"), TASKS_NEVER);
    assert_int_equal(mode_of(db, ann, "alex"), TASKS_ALWAYS);
    assert_int_equal(mode_of(db, bob, "alex"), TASKS_NEVER);
    db_close(db);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_diff_with_its_files_is_reviewed_in_memory),
        TEST(files_are_measured_and_searched_without_a_repository),
        TEST(a_workspace_ends_with_its_task),
        TEST(nothing_outside_is_reached_and_nothing_is_written),
        TEST(only_what_reads_and_can_be_sent_for_is_a_skill),
        TEST(a_task_that_nobody_waits_for_stops),
        TEST(secrets_are_crossed_out_and_lines_stay_lines),
        TEST(what_is_kept_comes_back_and_what_is_old_goes),
        TEST(the_nearest_policy_counts_and_without_one_the_user_is_asked),
        TEST(a_key_over_lines_of_a_diff_is_crossed_out_on_either_side),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("server/fed_tasks", tests, NULL, NULL);
}
