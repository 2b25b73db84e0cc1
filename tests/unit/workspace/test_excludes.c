// Where the user's own rules are found.
#include "tests/unit/workspace/tree_support.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/workspace/excludes.h"

#include <stdlib.h>
#include <sys/stat.h>

static void expect_place(const char *config, const char *value) {
    char *found = excludes_of_config(config, strlen(config));
    if (value)
        assert_string_equal(found, value);
    else
        assert_null(found);
    mem_free(found);
}

static void a_configuration_names_the_file(void **state) {
    (void)state;
    expect_place("", NULL);
    expect_place("[core]\n\texcludesFile = ~/.ignore\n", "~/.ignore");
    expect_place("[CORE]\nexcludesfile=\"/a b\" \r\n", "/a b");
    expect_place("[core]\nexcludesfile = /a\n[x]\nexcludesfile = /b\n", "/a");
    expect_place("[core]\nexcludesfile = /a\nexcludesfile = /b", "/b");
    expect_place("[core \"sub\"]\nexcludesfile = /a\n", NULL);
    expect_place("[core]\nexcludesfiles = /a\nexcludesfile\n", NULL);
}

static void expect_rules(const char *place, const char *rules) {
    AUTO_BUF b = {0};
    assert_int_equal(excludes_read(place, &b), 0);
    assert_string_equal(b.data ? b.data : "", rules);
}

static void the_places_of_git_are_looked_at(void **state) {
    struct tree t;
    char path[256];
    (void)state;
    tree_init(&t);
    assert_int_equal(setenv("HOME", t.dir, 1), 0);
    assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
    expect_rules(NULL, "");
    tree_write(&t, ".config/git/ignore", "*.default\n");
    expect_rules(NULL, "*.default\n");
    expect_rules("", "");
    tree_write(&t, "mine", "*.mine\n");
    tree_write(&t, ".config/git/config", "[core]\nexcludesFile = ~/mine\n");
    expect_rules(NULL, "*.mine\n");
    tree_write(&t, "own", "*.own\n");
    tree_write(&t, ".gitconfig", "[core]\n  excludesFile = ~/own\n");
    expect_rules(NULL, "*.own\n");
    tree_path(&t, "mine", path, sizeof path);
    expect_rules(path, "*.mine\n");
    tree_path(&t, "pipe", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_rules(path, "");
    tree_done(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_names_the_file),
        cmocka_unit_test(the_places_of_git_are_looked_at),
    };
    return cmocka_run_group_tests_name("workspace/excludes", tests, NULL, NULL);
}
