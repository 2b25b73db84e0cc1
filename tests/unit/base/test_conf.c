#include "core/base/conf.h"

#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;
static char file[256];

static int setup(void **state) {
    (void)state;
    dir = scratch_new();
    (void)snprintf(file, sizeof file, "%s/config.json", dir);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    scratch_remove(dir);
    return 0;
}

static struct conf *fresh(void) {
    struct conf *c;
    assert_int_equal(conf_new(&c, NULL), 0);
    return c;
}

// Loads `text` and expects these problems, each after "<file>:".
static struct conf *load(const char *text, enum conf_origin origin, size_t n,
                         const char *const *expected) {
    struct conf *c = fresh();
    struct conf_problem problems[8];
    size_t count;
    write_text(file, text);
    assert_int_equal(conf_load_file(c, file, origin, problems, 8, &count, NULL), 0);
    for (size_t i = 0; i < count && i < n; i++) {
        assert_memory_equal(problems[i].text, file, strlen(file));
        assert_string_equal(problems[i].text + strlen(file) + 1, expected[i]);
    }
    assert_int_equal(count, n);
    return c;
}

static void defaults_come_from_the_table(void **state) {
    (void)state;
    struct conf *c = fresh();
    assert_int_equal(conf_int(c, "engine.idle_minutes"), 10);
    assert_int_equal(conf_int(c, "memory.recall_tokens"), 1500);
    assert_string_equal(conf_string(c, "log.level"), "info");
    assert_string_equal(conf_string(c, "engine.idle_minutes"), "10");
    assert_int_equal(conf_origin_of(c, "log.level", NULL), CONF_DEFAULT);
    conf_free(c);
}

static void every_option_has_help_and_a_bounded_name(void **state) {
    (void)state;
    for (const struct conf_option *o = conf_options; o->key; o++) {
        assert_true(strlen(o->key) < 50);
        assert_non_null(strchr(o->key, '.'));
        assert_true(strlen(o->help) > 10 && o->help[strlen(o->help) - 1] == '.');
    }
}

static void a_file_sets_and_says_where(void **state) {
    (void)state;
    struct conf *c = load("{\n \"$schema\": \"x\",\n \"log\": {\n  \"level\": \"debug\"\n },\n"
                          " \"engine\": {\"idle_minutes\": 3}\n}\n",
                          CONF_USER, 0, NULL);
    const char *where;
    assert_string_equal(conf_string(c, "log.level"), "debug");
    assert_int_equal(conf_origin_of(c, "log.level", &where), CONF_USER);
    assert_string_equal(where + strlen(where) - strlen("/config.json:4"), "/config.json:4");
    assert_int_equal(conf_int(c, "engine.idle_minutes"), 3);
    conf_free(c);
}

static void every_problem_is_named_with_its_line_and_the_rest_is_taken(void **state) {
    (void)state;
    static const char *const expected[] = {
        "2: colour: no such setting",
        "4: log.level: expected one of error, warn, info, debug",
        "5: log.file: no such setting",
        "8: engine.workers: expected a whole number from 2 to 32, in threads",
        "9: engine.idle_minutes: expected a whole number from 1 to 10080, in minutes",
        "12: memory: no such setting, it is a group of settings",
    };
    struct conf *c = load("{\n\"colour\": \"blue\",\n\"log\": {\n\"level\": \"loud\",\n\"file\": "
                          "{\"level\":[\"level\"]}\n},\n"
                          "\"engine\": {\n\"workers\": \"4\",\n\"idle_minutes\": 0},\n"
                          "\"mcp\": {\"tools\": \"read-only\"},\n\n\"memory\": 7\n}",
                          CONF_USER, 6, expected);
    assert_string_equal(conf_string(c, "log.level"), "info");
    assert_string_equal(conf_string(c, "mcp.tools"), "read-only");
    conf_free(c);
}

static void the_line_is_that_of_the_key_and_not_of_its_namesake(void **state) {
    (void)state;
    static const char *const expected[] = {
        "1: other: no such setting",
        "6: log.level: expected one of error, warn, info, debug",
    };
    struct conf *c =
        load("{\"other\": {\"log\": {\"level\": 1,\n \"x\": [\"log\", {\"level\": 2}]}},\n"
             " \"engine\": {\"workers\": 4\n},\n\"log\":\n{\"level\": true}}",
             CONF_USER, 2, expected);
    conf_free(c);
}

static void broken_json_is_an_error_with_its_place_and_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"{\"log\": {\"level\": \"debug\"},\n  oops}", ":2:"},
        {"[1]", ":1:1: expected an object"},
        {"", ":1:"},
        {"{\"log\":{\"level\":\"debug\"},\n\"log\":{}}", ":2:"},
        {"{\"log\":{\"level\":\"\xFF\"}}", ":1:"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct conf *c = fresh();
        struct err err = {0};
        size_t count;
        write_text(file, cases[i].text);
        assert_int_equal(conf_load_file(c, file, CONF_USER, NULL, 0, &count, &err), ERR_PARSE);
        assert_memory_equal(err.message, file, strlen(file));
        assert_memory_equal(err.message + strlen(file), cases[i].place, strlen(cases[i].place));
        assert_string_equal(conf_string(c, "log.level"), "info");
        conf_free(c);
    }
}

static void a_missing_file_is_fine_and_a_strange_one_is_refused(void **state) {
    (void)state;
    struct conf *c = fresh();
    size_t count = 9;
    char other[300];
    (void)snprintf(other, sizeof other, "%s/none/config.json", dir);
    assert_int_equal(conf_load_file(c, other, CONF_USER, NULL, 0, &count, NULL), 0);
    assert_int_equal(count, 0);
    (void)snprintf(other, sizeof other, "%s/fifo", dir);
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_true(conf_load_file(c, other, CONF_USER, NULL, 0, &count, NULL) <
                0); // and does not hang
    assert_true(conf_load_file(c, dir, CONF_USER, NULL, 0, &count, NULL) < 0);
    char *big = malloc(1100000);
    memset(big, ' ', 1099999);
    big[1099999] = '\0';
    write_text(file, big);
    free(big);
    assert_int_equal(conf_load_file(c, file, CONF_USER, NULL, 0, &count, NULL), ERR_LIMIT);
    conf_free(c);
}

static void a_workspace_may_only_tighten(void **state) {
    (void)state;
    static const char *const expected[] = {
        "1: log.level: not for a workspace to set (it is info)",
    };
    struct conf *c = load("{\"log\":{\"level\":\"debug\"},\"mcp\":{\"tools\":\"read-only\"}}",
                          CONF_WORKSPACE, 1, expected);
    assert_string_equal(conf_string(c, "mcp.tools"), "read-only");
    assert_string_equal(conf_string(c, "log.level"), "info");
    conf_free(c);

    c = fresh();
    struct err err = {0};
    assert_int_equal(conf_set(c, "mcp.tools", "read-only", CONF_USER, NULL, NULL), 0);
    assert_int_equal(conf_set(c, "mcp.tools", "all", CONF_WORKSPACE, NULL, &err), ERR_PERM);
    assert_string_equal(conf_string(c, "mcp.tools"), "read-only");
    conf_free(c);

    // Also when the workspace was read first.
    c = fresh();
    assert_int_equal(conf_set(c, "mcp.tools", "all", CONF_WORKSPACE, NULL, NULL), 0);
    assert_int_equal(conf_set(c, "mcp.tools", "read-only", CONF_USER, NULL, NULL), 0);
    assert_string_equal(conf_string(c, "mcp.tools"), "read-only");
    conf_free(c);
}

static void precedence_holds_in_any_order(void **state) {
    (void)state;
    struct conf *c = fresh();
    assert_int_equal(conf_set(c, "engine.workers", "7", CONF_FLAG, NULL, NULL), 0);
    assert_int_equal(conf_set(c, "engine.workers", "5", CONF_USER, NULL, NULL), 0);
    assert_int_equal(conf_set(c, "engine.workers", "6", CONF_ENVIRONMENT, NULL, NULL), 0);
    assert_int_equal(conf_int(c, "engine.workers"), 7);
    assert_int_equal(conf_origin_of(c, "engine.workers", NULL), CONF_FLAG);
    struct conf *copy = conf_clone(c);
    conf_free(c);
    assert_int_equal(conf_int(copy, "engine.workers"), 7);
    conf_free(copy);
}

static void the_environment_sets_and_a_bad_variable_is_named(void **state) {
    (void)state;
    struct conf *c = fresh();
    struct err err = {0};
    char *environment[] = {(char[]){"PAIRED_STORE_AUTO_LOCK_MINUTES=5"},
                           (char[]){"PAIRED_LOG_LEVEL=shout"}, (char[]){"PAIRED_PROFILE=/x"},
                           (char[]){"PAIRED_MCP_TOOLS=read-only"}, NULL};
    assert_int_equal(conf_load_environment(c, environment, &err), ERR_INVAL);
    assert_string_equal(err.message,
                        "PAIRED_LOG_LEVEL: log.level: expected one of error, warn, info, debug");
    assert_int_equal(conf_int(c, "store.auto_lock_minutes"), 5);
    assert_string_equal(conf_string(c, "mcp.tools"), "read-only");
    const char *where;
    assert_int_equal(conf_origin_of(c, "store.auto_lock_minutes", &where), CONF_ENVIRONMENT);
    assert_string_equal(where, "PAIRED_STORE_AUTO_LOCK_MINUTES");
    conf_free(c);
}

static void a_value_must_be_what_the_table_says(void **state) {
    (void)state;
    static const char *const bad[] = {"",    "x",  "3x", " 3",
                                      "1e3", "33", "-1", "99999999999999999999"};
    struct conf *c = fresh();
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(conf_set(c, "engine.workers", bad[i], CONF_USER, NULL, NULL), ERR_INVAL);
    assert_int_equal(conf_set(c, "no.such", "1", CONF_USER, NULL, NULL), ERR_NOT_FOUND);
    conf_free(c);
}

static void writing_a_key_keeps_the_rest_of_the_file(void **state) {
    (void)state;
    write_text(file, "{\"$schema\":\"s\",\"log\":{\"level\":\"warn\"},\"unknown\":[1]}");
    assert_int_equal(conf_file_set(file, "engine.workers", "3", NULL), 0);
    assert_int_equal(conf_file_set(file, "log.level", "debug", NULL), 0);
    char *text = read_text(file);
    assert_string_equal(text, "{\n  \"$schema\": \"s\",\n  \"log\": {\n    \"level\": \"debug\"\n  "
                              "},\n  \"unknown\": [\n    1\n"
                              "  ],\n  \"engine\": {\n    \"workers\": 3\n  }\n}\n");
    free(text);
    assert_int_equal(conf_file_set(file, "engine.workers", NULL, NULL), 0);
    text = read_text(file);
    assert_null(strstr(text, "engine"));
    free(text);
    struct err err = {0};
    assert_int_equal(conf_file_set(file, "engine.workers", NULL, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "not set"));
    assert_int_equal(conf_file_set(file, "unknown", NULL, NULL), 0); // as is one of a newer build
}

static void writing_creates_the_folder_and_follows_a_link(void **state) {
    (void)state;
    char deep[300], link_path[300];
    (void)snprintf(deep, sizeof deep, "%s/a/b/config.json", dir);
    assert_int_equal(conf_file_set(deep, "log.level", "warn", NULL), 0);
    struct stat st;
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)snprintf(link_path, sizeof link_path, "%s/link.json", dir);
    assert_int_equal(symlink(deep, link_path), 0);
    assert_int_equal(conf_file_set(link_path, "log.level", "error", NULL), 0);
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    char *text = read_text(deep);
    assert_non_null(strstr(text, "error"));
    free(text);
}

static void a_bad_value_or_a_broken_file_is_not_written(void **state) {
    (void)state;
    struct err err = {0};
    assert_int_equal(conf_file_set(file, "log.level", "loud", &err), ERR_INVAL);
    assert_int_equal(conf_file_set(file, "no.such", "1", &err), ERR_NOT_FOUND);
    assert_int_equal(access(file, F_OK), -1);
    write_text(file, "{broken");
    assert_int_equal(conf_file_set(file, "log.level", "warn", &err), ERR_PARSE);
    char *text = read_text(file);
    assert_string_equal(text, "{broken");
    free(text);
    write_text(file, "{\"log\":1}");
    assert_int_equal(conf_file_set(file, "log.level", "warn", &err), ERR_INVAL);
}

static void the_schema_is_valid_json_and_knows_every_option(void **state) {
    (void)state;
    AUTO_BUF out = BUF_INIT(0);
    assert_int_equal(conf_schema(&out), 0);
    json_t *schema = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(schema);
    for (const struct conf_option *o = conf_options; o->key; o++) {
        char *key = strdup(o->key);
        char *dot = strchr(key, '.');
        *dot = '\0';
        json_t *group = json_object_get(json_object_get(schema, "properties"), key);
        json_t *s = json_object_get(json_object_get(group, "properties"), dot + 1);
        assert_string_equal(json_string_value(json_object_get(s, "description")), o->help);
        assert_non_null(json_object_get(s, "default"));
        assert_true(json_is_false(json_object_get(group, "additionalProperties")));
        free(key);
    }
    json_decref(schema);
}

static void every_failing_allocation_is_an_error(void **state) {
    (void)state;
    write_text(file, "{\"log\":{\"level\":\"debug\",\"x\":1},\"engine\":{\"workers\":3}}");
    bool done = false;
    AUTO_BUF whole = BUF_INIT(0);
    assert_int_equal(conf_schema(&whole), 0);
    for (uint64_t n = 1; !done; n++) {
        assert_true(n < 3000);
        struct conf *c = NULL;
        struct conf *copy = NULL;
        struct conf_problem problems[4];
        size_t count;
        AUTO_BUF schema = BUF_INIT(0);
        mem_fail_at(n);
        int r = conf_new(&c, NULL);
        if (r == 0)
            r = conf_load_file(c, file, CONF_USER, problems, 4, &count, NULL);
        if (r == 0)
            r = (copy = conf_clone(c)) ? 0 : ERR_NOMEM;
        if (r == 0)
            r = conf_schema(&schema);
        if (r == 0)
            r = conf_file_set(file, "engine.workers", "3", NULL);
        done = mem_count() < n;
        mem_fail_at(0);
        // A buffer that cannot grow shows as a limit, and jansson calls a token it could not store
        // a wrong one.
        // What it can do without (room that it asks for ahead) is no error.
        assert_true(r == 0 ? schema.len == whole.len
                           : !done && (r == ERR_NOMEM || r == ERR_LIMIT || r == ERR_PARSE));
        conf_free(c);
        conf_free(copy);
    }
    char *text = read_text(file);
    assert_non_null(strstr(text, "\"workers\": 3"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_come_from_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(every_option_has_help_and_a_bounded_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_sets_and_says_where, setup, teardown),
        cmocka_unit_test_setup_teardown(every_problem_is_named_with_its_line_and_the_rest_is_taken,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_line_is_that_of_the_key_and_not_of_its_namesake, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(broken_json_is_an_error_with_its_place_and_changes_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_fine_and_a_strange_one_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_workspace_may_only_tighten, setup, teardown),
        cmocka_unit_test_setup_teardown(precedence_holds_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(the_environment_sets_and_a_bad_variable_is_named, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_value_must_be_what_the_table_says, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_a_key_keeps_the_rest_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_creates_the_folder_and_follows_a_link, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_bad_value_or_a_broken_file_is_not_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_schema_is_valid_json_and_knows_every_option, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_failing_allocation_is_an_error, setup, teardown),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("base/conf", tests, NULL, NULL);
}
