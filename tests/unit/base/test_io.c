#include "core/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PIECES = 400, PIECE_BYTES = 997 };

static pthread_t reader;

static void on_signal(int number) {
    (void)number;
}

// More than a pipe holds, while the reader is interrupted all the time.
static void *write_pieces(void *ctx) {
    int fd = *(int *)ctx;
    char piece[PIECE_BYTES];
    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        if (io_write_all(fd, piece, sizeof piece) < 0)
            break;
        (void)pthread_kill(reader, SIGUSR1);
    }
    (void)close(fd);
    return NULL;
}

static void pieces_and_signals_make_one_text(void **state) {
    (void)state;
    int ends[2];
    pthread_t writer;
    AUTO_BUF text = BUF_INIT((size_t)PIECES * PIECE_BYTES);
    const struct sigaction interrupts = {.sa_handler = on_signal}; // without SA_RESTART
    assert_int_equal(sigaction(SIGUSR1, &interrupts, NULL), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reader = pthread_self();
    assert_int_equal(pthread_create(&writer, NULL, write_pieces, &ends[1]), 0);
    assert_int_equal(io_read_all(ends[0], &text), 0);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(text.len, PIECES * PIECE_BYTES);
    for (size_t i = 0; i < text.len; i++)
        assert_int_equal(text.data[i], 'a' + (int)(i / PIECE_BYTES % 26));
    (void)close(ends[0]);
}

static void more_than_may_be_kept_is_told(void **state) {
    (void)state;
    AUTO_BUF text = BUF_INIT(1000);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(io_read_all(fd, &text), -EFBIG);
    (void)close(fd);
}

static void what_the_system_refuses_is_told(void **state) {
    (void)state;
    AUTO_BUF text = BUF_INIT(1000);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(folder >= 0 && full >= 0);
    assert_int_equal(io_read_all(folder, &text), -EISDIR);
    assert_int_equal(io_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(io_write_all(full, NULL, 0), 0);
    (void)close(folder);
    (void)close(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_and_signals_make_one_text),
        cmocka_unit_test(more_than_may_be_kept_is_told),
        cmocka_unit_test(what_the_system_refuses_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
