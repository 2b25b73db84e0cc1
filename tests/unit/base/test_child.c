// Running programs: what comes back, what is passed on, and that nothing stays behind.
#include "core/base/buf.h"
#include "core/base/child.h"
#include "core/base/env.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_BYTES_MAX = 1 << 20 };

static int keep(void *ctx, const char *bytes, size_t n, struct err *err) {
    (void)err;
    return buf_append(ctx, bytes, n);
}

static int shell_in(const char *script, struct child_spec spec, struct buf *out,
                    struct child_end *end, struct err *err) {
    const char *const arguments[] = {"sh", "-c", script, NULL};
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "ONE=1", NULL};
    spec.program = "/bin/sh";
    spec.arguments = arguments;
    spec.environment = environment;
    spec.output = keep;
    spec.output_ctx = out;
    return child_run(&spec, end, err);
}

static void output_errors_and_status_come_back(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
    struct child_end end;
    (void)state;
    assert_int_equal(
        shell_in("echo a; echo b >&2; exit 3", (struct child_spec){0}, &out, &end, NULL), 0);
    assert_string_equal(out.data, "a\n");
    assert_string_equal(end.errors, "b\n");
    assert_int_equal(end.status, 3);
    assert_int_equal(shell_in("kill -TERM $$", (struct child_spec){0}, &out, &end, NULL), 0);
    assert_int_equal(end.status, 128 + SIGTERM);
}

static void much_output_and_much_input_pass_whole(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX), in = BUF_INIT(TEXT_BYTES_MAX);
    struct child_end end;
    (void)state;
    while (in.len < 500000)
        (void)buf_printf(&in, "line %zu\n", in.len);
    struct child_spec spec = {.input = in.data, .input_bytes = in.len};
    assert_int_equal(shell_in("head -c 100000 /dev/zero >&2; cat", spec, &out, &end, NULL), 0);
    assert_int_equal(out.len, in.len);
    assert_memory_equal(out.data, in.data, in.len);
    assert_int_equal(end.errors_bytes, CHILD_ERRORS_BYTES_MAX);
}

static void environment_descriptors_signals_and_stdin_are_clean(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
    sigset_t blocked, before;
    (void)state;
    int leak = open("/dev/null", O_RDONLY); // not close-on-exec, on purpose
    assert_true(leak >= 0);
    assert_int_equal(setenv("PAIRED_SECRET", "x", 1), 0);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    assert_int_equal(
        shell_in("env | sort | grep -v -e '^_=' -e '^PWD=' -e SHLVL; ls /proc/self/fd | wc -l; "
                 "grep SigBlk /proc/self/status; wc -c",
                 (struct child_spec){0}, &out, NULL, NULL),
        0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(leak);
    // ls itself has /proc/self/fd open: 0, 1, 2 and that one.
    assert_string_equal(out.data, "ONE=1\nPATH=/usr/bin:/bin\n4\nSigBlk:\t0000000000000000\n0\n");
}

static void deadline_ends_the_whole_group(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
    struct err err = {0};
    (void)state;
    uint64_t begin = env_now_mono_ns();
    struct child_spec spec = {.ms = 200};
    assert_int_equal(shell_in("sleep 300 & echo $!; wait", spec, &out, NULL, &err), ERR_TIMEOUT);
    assert_true(env_now_mono_ns() - begin < UINT64_C(20000000000));
    pid_t grandchild = (pid_t)strtol(out.data, NULL, 10);
    assert_true(grandchild > 1);
    // It was killed; who reaps it is init's business, so until then it may be a zombie.
    char path[64], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)grandchild);
    for (int i = 0; i < 500; i++) {
        FILE *f = fopen(path, "re");
        if (!f)
            return;
        size_t n = fread(text, 1, sizeof text - 1, f);
        (void)fclose(f);
        text[n] = '\0';
        if (strstr(text, ") Z "))
            return;
        (void)usleep(10000);
    }
    fail_msg("still there: %s", text);
}

static void a_descendant_that_stays_does_not_hold_the_call(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
    (void)state;
    struct child_spec spec = {.ms = 60000};
    uint64_t begin = env_now_mono_ns();
    assert_int_equal(shell_in("echo done; sleep 300 &", spec, &out, NULL, NULL), 0);
    assert_string_equal(out.data, "done\n");
    assert_true(env_now_mono_ns() - begin < UINT64_C(30000000000));
}

static bool third_time(void *ctx) {
    return ++*(int *)ctx >= 3;
}

static int refuse(void *ctx, const char *bytes, size_t n, struct err *err) {
    (void)ctx, (void)bytes, (void)n;
    return err_set(err, ERR_PARSE, "enough");
}

static void cancel_limits_and_refusals_end_it(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
    int asked = 0;
    (void)state;
    struct child_spec spec = {.cancelled = third_time, .cancelled_ctx = &asked};
    assert_int_equal(shell_in("sleep 300", spec, &out, NULL, NULL), ERR_CANCELLED);
    spec = (struct child_spec){.output_bytes_max = 1000};
    assert_int_equal(shell_in("cat /dev/zero", spec, &out, NULL, NULL), ERR_LIMIT);
    static const char *const yes[] = {"yes", NULL}, *const none[] = {NULL};
    spec = (struct child_spec){
        .program = "/usr/bin/yes", .arguments = yes, .environment = none, .output = refuse};
    assert_int_equal(child_run(&spec, NULL, NULL), ERR_PARSE);
    spec.program = "/usr/bin/there-is-no-such-program";
    assert_int_equal(child_run(&spec, NULL, NULL), ERR_NOT_FOUND);
    spec.program = "yes";
    assert_int_equal(child_run(&spec, NULL, NULL), ERR_INVAL);
    spec.program = "/usr/bin/yes";
    spec.folder = "/there/is/no/such/folder";
    assert_int_equal(child_run(&spec, NULL, NULL), ERR_NOT_FOUND);
}

static bool is_ready(void *ctx) {
    const struct buf *out = ctx;
    return out->len > 0;
}

static void a_supervisor_may_put_things_in_order_first(void **state) {
    AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
    struct child_end end;
    (void)state;
    struct child_spec spec = {.cancelled = is_ready, .cancelled_ctx = &out, .grace_ms = 60000};
    assert_int_equal(
        shell_in("trap 'echo in order >&2; exit 7' TERM; echo ready; while :; do sleep "
                 ".01; done",
                 spec, &out, &end, NULL),
        ERR_CANCELLED);
    assert_int_equal(end.status, 7);
    buf_clear(&out);
    spec.grace_ms = 50;
    assert_int_equal(
        shell_in("trap '' TERM; echo ready; while :; do sleep .01; done", spec, &out, &end, NULL),
        ERR_CANCELLED);
    assert_int_equal(end.status, 128 + SIGKILL);
}

static void *run_some(void *ctx) {
    int *wrong = ctx;
    for (int i = 0; i < 10; i++) {
        AUTO_BUF out = BUF_INIT(TEXT_BYTES_MAX);
        char script[64], expected[64];
        (void)snprintf(script, sizeof script, "echo %p %d", ctx, i);
        (void)snprintf(expected, sizeof expected, "%p %d\n", ctx, i);
        int r = shell_in(script, (struct child_spec){.ms = 60000}, &out, NULL, NULL);
        *wrong += r < 0 || !out.data || strcmp(out.data, expected) != 0;
    }
    return NULL;
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
    return count;
}

static void threads_do_not_meet_and_no_descriptor_stays(void **state) {
    pthread_t threads[4];
    int wrong[COUNT_OF(threads)] = {0};
    (void)state;
    int before = open_descriptors();
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_some, &wrong[i]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
    assert_int_equal(open_descriptors(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_status_come_back),
        cmocka_unit_test(much_output_and_much_input_pass_whole),
        cmocka_unit_test(environment_descriptors_signals_and_stdin_are_clean),
        cmocka_unit_test(deadline_ends_the_whole_group),
        cmocka_unit_test(a_supervisor_may_put_things_in_order_first),
        cmocka_unit_test(a_descendant_that_stays_does_not_hold_the_call),
        cmocka_unit_test(cancel_limits_and_refusals_end_it),
        cmocka_unit_test(threads_do_not_meet_and_no_descriptor_stays),
    };
    return cmocka_run_group_tests_name("base/child", tests, NULL, NULL);
}
