#include "core/base/dirs.h"

#include "tests/unit/base/tests.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;

static int setup(void **state) {
    (void)state;
    static const char *const names[] = {"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
                                        "XDG_CACHE_HOME",  "PAIRED_PROFILE", "PAIRED_TEST_FSTYPE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(unsetenv(names[i]), 0);
    assert_int_equal(setenv("HOME", "/home/somebody", 1), 0);
    dir = scratch_new();
    return 0;
}
static int teardown(void **state) {
    (void)state;
    scratch_remove(dir);
    return 0;
}

static void xdg_variables_are_followed(void **state) {
    (void)state;
    struct dirs d;
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "/s", 1), 0);
    assert_int_equal(dirs_resolve(NULL, &d, NULL), 0);
    assert_string_equal(d.runtime, "/run/user/7/paired");
    assert_string_equal(d.state, "/s/paired");
    assert_string_equal(d.config, "/home/somebody/.config/paired");
    assert_string_equal(d.cache, "/home/somebody/.cache/paired");
    assert_string_equal(d.home_source, "HOME");
}

static void without_them_everything_is_below_home(void **state) {
    (void)state;
    struct dirs d;
    assert_int_equal(setenv("XDG_STATE_HOME", "relative/is/ignored", 1), 0);
    assert_int_equal(dirs_resolve(NULL, &d, NULL), 0);
    assert_string_equal(d.state, "/home/somebody/.local/state/paired");
    assert_string_equal(d.runtime, "/home/somebody/.local/state/paired/run");
}

static void without_home_the_password_file_knows(void **state) {
    (void)state;
    struct dirs d;
    assert_int_equal(unsetenv("HOME"), 0);
    struct err err = {0};
    int r = dirs_resolve(NULL, &d, &err);
    if (r == 0)
        assert_string_equal(d.home_source, "passwd");
    else
        assert_int_equal(r, ERR_NOT_FOUND); // a user without an entry, as in some containers
}

static void a_profile_holds_all_four(void **state) {
    (void)state;
    struct dirs d;
    assert_int_equal(dirs_resolve("/p/", &d, NULL), 0);
    assert_string_equal(d.runtime, "/p/run");
    assert_string_equal(d.state, "/p/state");
    assert_string_equal(d.config, "/p/config");
    assert_string_equal(d.cache, "/p/cache");
    assert_int_equal(setenv("PAIRED_PROFILE", "/q", 1), 0);
    assert_int_equal(dirs_resolve(NULL, &d, NULL), 0);
    assert_string_equal(d.state, "/q/state");
    assert_int_equal(dirs_resolve("here", &d, NULL), 0);
    assert_int_equal(d.state[0], '/');
    assert_non_null(strstr(d.state, "/here/state"));
}

static void a_runtime_path_too_long_for_a_socket_becomes_short_and_stays_the_same(void **state) {
    (void)state;
    char profile[300] = "/";
    memset(profile + 1, 'p', 200);
    struct dirs d, again, other;
    assert_int_equal(dirs_resolve(profile, &d, NULL), 0);
    assert_true(strlen(d.runtime) < 80);
    assert_memory_equal(d.runtime, "/tmp/paired-", 12);
    assert_int_equal(dirs_resolve(profile, &again, NULL), 0);
    assert_string_equal(d.runtime, again.runtime);
    profile[1] = 'q';
    assert_int_equal(dirs_resolve(profile, &other, NULL), 0);
    assert_string_not_equal(d.runtime, other.runtime);
    char huge[2000];
    memset(huge, 'h', sizeof huge);
    huge[0] = '/';
    huge[sizeof huge - 1] = '\0';
    assert_int_equal(dirs_resolve(huge, &d, NULL), ERR_LIMIT);
}

static void private_directories_are_made_with_their_parents(void **state) {
    (void)state;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/a/b/c", dir);
    mode_t old = umask(0);
    assert_int_equal(dirs_ensure_private(path, NULL), 0);
    assert_int_equal(dirs_ensure_private(path, NULL), 0);
    (void)umask(old);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void hostile_directories_are_refused_with_what_to_do(void **state) {
    (void)state;
    char path[256], link_path[256];
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/open", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(dirs_ensure_private(path, &err), ERR_PERM);
    assert_non_null(strstr(err.message, "chmod 700"));
    assert_int_equal(chmod(path, 0755), 0); // others may look at the names; ours are no secret
    assert_int_equal(dirs_ensure_private(path, &err), 0);

    (void)snprintf(link_path, sizeof link_path, "%s/link", dir);
    assert_int_equal(symlink(path, link_path), 0);
    assert_int_equal(dirs_ensure_private(link_path, &err), ERR_PERM);
    assert_non_null(strstr(err.message, "symbolic link"));

    (void)snprintf(path, sizeof path, "%s/file", dir);
    write_text(path, "");
    assert_int_equal(dirs_ensure_private(path, &err), ERR_PERM);
    (void)snprintf(path, sizeof path, "%s/file/below", dir);
    assert_true(dirs_ensure_private(path, &err) < 0);
    assert_int_equal(dirs_ensure_private("relative", &err), ERR_INVAL);

    if (geteuid() == 0) {
        (void)snprintf(path, sizeof path, "%s/theirs", dir);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(dirs_ensure_private(path, &err), ERR_PERM);
        assert_non_null(strstr(err.message, "belongs to user 65534"));
    }
}

static void a_network_file_system_is_recognised(void **state) {
    (void)state;
    bool network = true;
    const char *name;
    assert_int_equal(dirs_is_network(dir, &network, &name, NULL), 0);
    assert_false(network);
    assert_int_equal(setenv("PAIRED_TEST_FSTYPE", "nfs", 1), 0);
    assert_int_equal(dirs_is_network(dir, &network, &name, NULL), 0);
    assert_true(network);
    assert_string_equal(name, "nfs");
    assert_int_equal(unsetenv("PAIRED_TEST_FSTYPE"), 0);
    assert_int_equal(dirs_is_network("/no/such/path", &network, &name, NULL), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(xdg_variables_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_them_everything_is_below_home, setup, teardown),
        cmocka_unit_test_setup_teardown(without_home_the_password_file_knows, setup, teardown),
        cmocka_unit_test_setup_teardown(a_profile_holds_all_four, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_runtime_path_too_long_for_a_socket_becomes_short_and_stays_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(private_directories_are_made_with_their_parents, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(hostile_directories_are_refused_with_what_to_do, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_network_file_system_is_recognised, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/dirs", tests, NULL, NULL);
}
