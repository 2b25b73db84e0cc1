#include "core/base/log.h"

#include "tests/unit/base/tests.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;
static char path[256];

static int setup(void **state) {
    (void)state;
    dir = scratch_new();
    (void)snprintf(path, sizeof path, "%s/engine.log", dir);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    log_close();
    scratch_remove(dir);
    return 0;
}

static void a_line_has_time_level_module_and_text(void **state) {
    (void)state;
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    log_line(LOG_WARN, "store", "wal bytes=%d", 7);
    log_line(LOG_DEBUG, "store", "not shown");
    char *text = read_text(path);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "Z warn store[%d] wal bytes=7\n", (int)getpid());
    assert_string_equal(text + strlen("2026-11-20T13:00:00.123"), expected);
    assert_int_equal(text[10], 'T');
    free(text);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void control_characters_cannot_forge_a_line(void **state) {
    (void)state;
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    log_line(LOG_INFO, "peer", "%s", "name\n2026-01-01T00:00:00.000Z error fake[1] \x1b[31m");
    char *text = read_text(path);
    assert_non_null(strstr(text, "name\\x0a2026"));
    assert_non_null(strstr(text, "\\x1b[31m"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void a_long_line_is_cut(void **state) {
    (void)state;
    char long_text[LOG_LINE_BYTES_MAX * 2];
    memset(long_text, '\x01', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    log_line(LOG_INFO, "m", "%s", long_text);
    char *text = read_text(path);
    assert_true(strlen(text) <= LOG_LINE_BYTES_MAX);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

static void the_file_is_rotated_and_the_oldest_falls_off(void **state) {
    (void)state;
    char long_text[1900];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    size_t lines = (size_t)LOG_FILE_BYTES_MAX / 1900 * 6;
    for (size_t i = 0; i < lines; i++)
        log_line(LOG_INFO, "m", "%s", long_text);
    struct stat st;
    char name[300];
    for (int i = 0; i < LOG_FILES_MAX; i++) {
        (void)snprintf(name, sizeof name, i ? "%s.%d" : "%s", path, i);
        assert_int_equal(stat(name, &st), 0);
        assert_true(st.st_size <= LOG_FILE_BYTES_MAX);
    }
    (void)snprintf(name, sizeof name, "%s.%d", path, LOG_FILES_MAX);
    assert_int_equal(access(name, F_OK), -1);
}

static void reopen_follows_a_moved_file(void **state) {
    (void)state;
    char moved[300];
    (void)snprintf(moved, sizeof moved, "%s/old", dir);
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    log_line(LOG_INFO, "m", "first");
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(log_reopen(), 0);
    log_line(LOG_INFO, "m", "second");
    char *text = read_text(path);
    assert_non_null(strstr(text, "second"));
    assert_null(strstr(text, "first"));
    free(text);
}

static void a_link_in_place_of_the_log_is_refused(void **state) {
    (void)state;
    char target[300];
    (void)snprintf(target, sizeof target, "%s/precious", dir);
    write_text(target, "precious");
    assert_int_equal(symlink(target, path), 0);
    struct err err = {0};
    assert_true(log_open(path, LOG_INFO, &err) < 0);
    assert_non_null(strstr(err.message, path));
}

static void a_full_disk_loses_lines_and_nothing_else(void **state) {
    (void)state;
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    struct rlimit old, small = {.rlim_cur = 64};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 10; i++)
        log_line(LOG_ERROR, "m", "line %d", i);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, before);
    log_line(LOG_ERROR, "m", "back again");
    char *text = read_text(path);
    assert_non_null(strstr(text, "back again"));
    free(text);
}

static void *writer(void *arg) {
    for (int i = 0; i < 500; i++)
        log_line(LOG_INFO, "thread", "writer=%s line=%d end", (const char *)arg, i);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state) {
    (void)state;
    assert_int_equal(log_open(path, LOG_INFO, NULL), 0);
    pthread_t threads[4];
    static char names[4][2] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer, names[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char *text = read_text(path);
    size_t lines = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        lines++;
        assert_string_equal(line + strlen(line) - 4, " end");
    }
    assert_int_equal(lines, 2000);
    free(text);
}

static void levels_have_names(void **state) {
    (void)state;
    enum log_level level;
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(log_level_parse("Debug", &level), ERR_INVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_module_and_text, setup, teardown),
        cmocka_unit_test_setup_teardown(control_characters_cannot_forge_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_rotated_and_the_oldest_falls_off, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reopen_follows_a_moved_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_in_place_of_the_log_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_lines_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_of_several_threads_do_not_mix, setup, teardown),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
