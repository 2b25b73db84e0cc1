// The user's commands that judge patches: read from the setting, for which folders, and from whose
// files they are taken.
#include "core/base/conf_checks.h"

#include "core/base/conf.h"
#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void refused(const char *value, const char *words) {
    struct err err = {0};
    assert_int_equal(conf_checks_valid(value, &err), ERR_INVAL);
    if (!strstr(err.message, words))
        print_error("%s\n", err.message);
    assert_non_null(strstr(err.message, words));
}

static void commands_are_words(void **state) {
    (void)state;
    struct conf_checks *c;
    assert_int_equal(
        conf_checks_new(
            "[{\"name\":\"build\",\"command\":[\"make\",\"-j2\",\"\"],\"in\":\"/w\"},"
            "{\"name\":\"unit\",\"kind\":\"test\",\"command\":[\"./t\"],\"in\":\"*\","
            "\"seconds\":9,\"environment\":[\"CARGO_HOME\"],\"writable\":[\"~/.gradle\",\"/w\"]}]",
            &c, NULL),
        0);
    assert_int_equal(c->count, 2);
    assert_string_equal(c->items[0].command[1], "-j2");
    assert_string_equal(c->items[0].command[2], "");
    assert_null(c->items[0].command[3]);
    assert_string_equal(c->items[0].kind, "build");
    assert_int_equal(c->items[0].seconds, CONF_CHECK_SECONDS);
    assert_string_equal(c->items[1].kind, "test");
    assert_int_equal(c->items[1].seconds, 9);
    assert_string_equal(c->items[1].environment[0], "CARGO_HOME");
    assert_string_equal(c->items[1].writable[0], "~/.gradle");
    assert_string_equal(c->items[1].writable[1], "/w");
    assert_null(c->items[1].writable[2]);
    assert_null(c->items[0].writable[0]);
    conf_checks_free(c);
    assert_int_equal(conf_checks_valid("[]", NULL), 0);
}

static void what_is_wrong_is_said(void **state) {
    (void)state;
    refused("", "as JSON");
    refused("{}", "a list of checks");
    refused("[1]", "check 1: expected an object");
    refused("[{\"command\":[\"a\"],\"in\":\"*\"}]", "name:");
    refused("[{\"name\":\"A b\",\"command\":[\"a\"],\"in\":\"*\"}]", "name:");
    refused("[{\"name\":\"patch\",\"command\":[\"a\"],\"in\":\"*\"}]", "paired's own");
    refused("[{\"name\":\"a\",\"command\":\"make test\",\"in\":\"*\"}]", "command:");
    refused("[{\"name\":\"a\",\"command\":[],\"in\":\"*\"}]", "command:");
    refused("[{\"name\":\"a\",\"command\":[\"\"],\"in\":\"*\"}]", "command:");
    refused("[{\"name\":\"a\",\"command\":[1],\"in\":\"*\"}]", "command:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"]}]", "in:"); // where is never left open
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"relative\"}]", "in:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"/w/../x\"}]", "in:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"seconds\":901}]", "seconds:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"seconds\":1.5}]", "seconds:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[\"~\"]}]",
            "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[\"~/\"]}]",
            "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[\"/\"]}]",
            "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[\"x\"]}]",
            "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[\"/a/../b\"]}]",
            "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[\"~/..\"]}]",
            "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"writable\":[1]}]", "writable:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"kind\":\"x\"}]", "kind:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"shell\":true}]", "shell");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\",\"environment\":[\"A=b\"]}]",
            "environment:");
    refused("[{\"name\":\"a\",\"command\":[\"a\"],\"in\":\"*\"},{\"name\":\"a\",\"command\":[\"b\"]"
            ",\"in\":\"*\"}]",
            "check 2: another one");
}

static void each_is_for_the_folders_that_it_names(void **state) {
    (void)state;
    static const struct {
        const char *in, *workspace;
        bool is;
    } cases[] = {{"*", "/any", true},       {"/w", "/w", true},      {"/w/", "/w", true},
                 {"/w", "/w/below", false}, {"/w", "/ww", false},    {"/w/*", "/w/a", true},
                 {"/w/*", "/w/a/b", false}, {"/w/*", "/w", false},   {"/w/*", "/w/", false},
                 {"/w*", "/wx", false},     {"/w/*", "/wa/b", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct conf_check c = {.folder = cases[i].in};
        assert_int_equal(conf_check_is_for(&c, cases[i].workspace), cases[i].is);
    }
}

static const char one[] =
    "{\"models\":{\"checks\":[{\"name\":\"a\",\"command\":[\"/bin/true\"],\"in\":\"*\"}]}}";

static void only_the_users_own_file_names_commands(void **state) {
    (void)state;
    char *dir = scratch_new(), file[256];
    struct conf_problem problems[4];
    size_t count = 0;
    (void)snprintf(file, sizeof file, "%s/config.json", dir);
    static const char *const texts[] = {one, "{\"models\":{\"checks\":\"x\"}}",
                                        "{\"models\":{\"checks\":[]}}"};
    for (int origin = CONF_USER; origin <= CONF_FLAG; origin++)
        for (size_t i = 0; i < COUNT_OF(texts); i++) {
            struct conf *c;
            assert_int_equal(conf_new(&c, NULL), 0);
            write_text(file, texts[i]);
            assert_int_equal(
                conf_load_file(c, file, (enum conf_origin)origin, problems, 4, &count, NULL), 0);
            bool taken = origin == CONF_USER && i != 1;
            assert_int_equal(count, taken ? 0 : 1);
            if (origin != CONF_USER)
                assert_non_null(strstr(problems[0].text, "only your own settings"));
            assert_string_equal(conf_string(c, "models.checks"),
                                taken && i == 0
                                    ? "[{\"name\":\"a\",\"command\":[\"/bin/true\"],\"in\":\"*\"}]"
                                    : "[]");
            conf_free(c);
        }
    struct conf *c;
    struct err err = {0};
    char *const environment[] = {"PAIRED_MODELS_CHECKS=[]", NULL};
    assert_int_equal(conf_new(&c, NULL), 0);
    assert_int_equal(conf_load_environment(c, environment, &err), ERR_PERM);
    conf_free(c);
    assert_int_equal(conf_file_set(file, "models.checks", "[{}]", &err), ERR_INVAL);
    assert_int_equal(conf_file_set(file, "models.checks", "[]", &err), 0);
    scratch_remove(dir);
}

static void memory_that_is_refused_is_an_error(void **state) {
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        struct conf_checks *c = NULL;
        mem_fail_at(n);
        int r = conf_checks_new("[{\"name\":\"a\",\"command\":[\"b\"],\"in\":\"*\"}]", &c, NULL);
        mem_fail_at(0);
        // jansson tells it as a mistake in the text when it had looked at something.
        assert_true(r == 0 || r == ERR_NOMEM || r == ERR_INVAL);
        assert_int_equal(r == 0, c != NULL);
        conf_checks_free(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_words),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(each_is_for_the_folders_that_it_names),
        cmocka_unit_test(only_the_users_own_file_names_commands),
        cmocka_unit_test(memory_that_is_refused_is_an_error),
    };
    mem_init_json();
    return cmocka_run_group_tests_name("base/conf_checks", tests, NULL, NULL);
}
