#include "core/loop/stream.h"
#include "tests/unit/loop/loop_fixture.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct end { // one stream and what its callbacks saw
    struct fixture *f;
    struct stream *stream;
    struct buf got;
    int ends, drains, breaks, closes;
    int end_code, broken_code;
    size_t ends_at; // bytes that had been read when `end` or `broken` came
    bool stop_on_end, stop_on_drained, stop_on_broken, stop_on_closed;
    bool close_on_data, close_on_end, close_on_broken, close_on_drained, pause_on_data;
    size_t stop_at;
};

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct end *e = ctx;
    assert_int_equal(e->ends + e->breaks + e->closes, 0);
    assert_int_equal(buf_append(&e->got, bytes, n), 0);
    if (e->pause_on_data)
        stream_pause(e->stream);
    if (e->close_on_data)
        stream_close(e->stream);
    if (e->stop_at && e->got.len >= e->stop_at)
        loop_stop(e->f->loop);
}

static void on_end(void *ctx, const struct err *err) {
    struct end *e = ctx;
    e->ends++;
    e->end_code = err->code;
    assert_true(err->message[0]);
    e->ends_at = e->got.len;
    if (e->close_on_end)
        stream_close(e->stream);
    if (e->stop_on_end)
        loop_stop(e->f->loop);
}

static void on_drained(void *ctx) {
    struct end *e = ctx;
    e->drains++;
    assert_int_equal(stream_queued(e->stream), 0);
    if (e->close_on_drained)
        stream_close(e->stream);
    if (e->stop_on_drained)
        loop_stop(e->f->loop);
}

static void on_broken(void *ctx, const struct err *err) {
    struct end *e = ctx;
    e->breaks++;
    e->broken_code = err->code;
    if (e->close_on_broken)
        stream_close(e->stream);
    if (e->stop_on_broken)
        loop_stop(e->f->loop);
}

static void on_closed(void *ctx) {
    struct end *e = ctx;
    e->closes++;
    e->stream = NULL;
    if (e->stop_on_closed)
        loop_stop(e->f->loop);
}

static const struct stream_events events = {on_data, on_end, on_drained, on_broken, on_closed};

static void end_open(struct end *e, void **state, int fd, unsigned mode) {
    e->f = *state;
    assert_int_equal(stream_open_fd(e->f->loop, fd, mode, &events, e, &e->stream, NULL), 0);
}

static void end_close(struct end *e) {
    if (e->stream) {
        stream_close(e->stream);
        fixture_settle(e->f);
    }
    assert_int_equal(e->closes, 1);
    buf_done(&e->got);
}

static int file_with(const char *text) {
    char path[] = "/tmp/paired-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static char *pattern(size_t n) { // bytes that show a gap or a repetition
    char *p = mem_alloc(n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 31 + i / 251);
    return p;
}

// --- every kind of descriptor

static void a_pipe_delivers_its_bytes_then_its_end(void **state) {
    struct end e = {.stop_on_end = true};
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    end_open(&e, state, fds[0], STREAM_READ);
    assert_int_equal(write(fds[1], "hello", 5), 5);
    assert_int_equal(close(fds[1]), 0);
    fixture_run(e.f);
    assert_int_equal(e.got.len, 5);
    assert_memory_equal(e.got.data, "hello", 5);
    assert_int_equal(e.end_code, ERR_CLOSED);
    end_close(&e);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1); // taken
}

static void a_file_is_read_to_its_end_without_blocking_the_loop(void **state) {
    struct end e = {.stop_on_end = true};
    int fd = file_with("");
    char *text = pattern(300000);
    assert_int_equal(write(fd, text, 300000), 300000);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    end_open(&e, state, fd, STREAM_READ);
    fixture_run(e.f);
    assert_int_equal(e.got.len, 300000);
    assert_memory_equal(e.got.data, text, 300000);
    assert_int_equal(e.ends, 1);
    mem_free(text);
    end_close(&e);
}

static void dev_null_ends_at_once_and_swallows_writes(void **state) {
    struct end e = {.stop_on_end = true};
    end_open(&e, state, open("/dev/null", O_RDWR | O_CLOEXEC), STREAM_READ | STREAM_WRITE);
    fixture_run(e.f);
    assert_int_equal(e.got.len, 0);
    assert_int_equal(e.end_code, ERR_CLOSED);
    assert_int_equal(stream_write(e.stream, "x", 1), 0);
    end_close(&e);
}

static void a_directory_is_an_error_not_an_abort(void **state) {
    struct end e = {.stop_on_end = true};
    end_open(&e, state, open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), STREAM_READ);
    fixture_run(e.f);
    assert_int_equal(e.end_code, ERR_IO);
    end_close(&e);
}

static void a_terminal_delivers_lines_and_keeps_its_flags(void **state) {
    struct end e = {.stop_at = 3};
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    int shared = dup(slave); // what a shell would still hold
    end_open(&e, state, slave, STREAM_READ | STREAM_WRITE);
    assert_int_equal(write(master, "ab\n", 3), 3);
    fixture_run(e.f);
    assert_memory_equal(e.got.data, "ab\n", 3);
    assert_false(fcntl(shared, F_GETFL) & O_NONBLOCK);
    end_close(&e);
    assert_int_equal(close(master) | close(shared), 0);
}

static void a_closed_descriptor_is_refused(void **state) {
    struct fixture *f = *state;
    struct stream *s;
    struct err err;
    assert_true(stream_open_fd(f->loop, 9999, STREAM_READ, &events, NULL, &s, &err) < 0);
    assert_true(err.message[0]);
}

static void an_inherited_pipe_or_socket_stays_blocking_for_others(void **state) {
    struct end a = {0}, b = {0};
    int fds[2], sockets[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fixture_socketpair(sockets, false);
    int pipe_shared = dup(fds[0]), socket_shared = dup(sockets[0]);
    end_open(&a, state, fds[0], STREAM_READ);
    end_open(&b, state, sockets[0], STREAM_READ);
    assert_false(fcntl(pipe_shared, F_GETFL) & O_NONBLOCK);
    assert_false(fcntl(socket_shared, F_GETFL) & O_NONBLOCK);
    fixture_settle(a.f); // and the loop does not block on them
    end_close(&a);
    end_close(&b);
    assert_int_equal(close(pipe_shared) | close(socket_shared), 0);
    assert_int_equal(close(fds[1]) | close(sockets[1]), 0);
}

// In a child: descriptor 1 as a stream that is closed; what is opened next must not become 1.
static void a_standard_descriptor_is_replaced_by_dev_null(void **state) {
    int fds[2], status;
    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct loop *l;
        struct stream *s;
        static const struct stream_events none = {0};
        if (dup2(fds[1], STDOUT_FILENO) < 0 || loop_new(&l, NULL) < 0 ||
            stream_open_fd(l, STDOUT_FILENO, STREAM_WRITE, &none, NULL, &s, NULL) < 0)
            _exit(2);
        stream_close(s);
        loop_free(l);
        int fd = open("/", O_RDONLY | O_DIRECTORY);
        _exit(fd == STDOUT_FILENO || write(STDOUT_FILENO, "x", 1) != 1);
    }
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    char byte;
    assert_int_equal(read(fds[0], &byte, 1), 0); // nothing of it went into the pipe
    assert_int_equal(close(fds[0]), 0);
}

// --- writing

static void two_parts_arrive_as_one_message(void **state) {
    struct end e = {0};
    int fds[2];
    char got[16];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    end_open(&e, state, fds[0], STREAM_WRITE);
    assert_int_equal(stream_write2(e.stream, "head", 4, "body", 4), 0);
    assert_int_equal(recv(fds[1], got, sizeof got, 0), 8); // at once, without the loop
    assert_memory_equal(got, "headbody", 8);
    assert_int_equal(stream_write2(e.stream, NULL, 0, "b", 1), 0);
    assert_int_equal(stream_write2(e.stream, "a", 1, NULL, 0), 0);
    assert_int_equal(stream_write(e.stream, NULL, 0), 0);
    assert_int_equal(stream_queued(e.stream), 0);
    assert_int_equal(e.drains, 0);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

static void what_the_kernel_does_not_take_is_queued_and_arrives_in_order(void **state) {
    enum { BYTES = 1000000, STEP = 777 };
    struct end writer = {.stop_on_drained = true}, reader = {.stop_at = BYTES};
    int fds[2];
    fixture_socketpair(fds, true);
    end_open(&writer, state, fds[0], STREAM_READ | STREAM_WRITE);
    char *text = pattern(BYTES);
    for (size_t at = 0; at < BYTES; at += STEP) {
        size_t n = BYTES - at < STEP ? BYTES - at : STEP, half = n / 3;
        assert_int_equal(stream_write2(writer.stream, text + at, half, text + at + half, n - half),
                         0);
    }
    assert_true(stream_queued(writer.stream) > BYTES / 2);
    end_open(&reader, state, fds[1], STREAM_READ);
    writer.stop_on_drained = false;
    fixture_run(reader.f);
    assert_int_equal(reader.got.len, BYTES);
    assert_memory_equal(reader.got.data, text, BYTES);
    fixture_settle(writer.f);
    assert_int_equal(writer.drains, 1);
    mem_free(text);
    end_close(&writer);
    end_close(&reader);
}

static void a_pipe_takes_more_than_it_holds(void **state) {
    enum { BYTES = 400000 };
    struct end writer = {0}, reader = {.stop_at = BYTES};
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    char *text = pattern(BYTES);
    end_open(&writer, state, fds[1], STREAM_WRITE);
    assert_int_equal(stream_write2(writer.stream, text, 10, text + 10, BYTES - 10), 0);
    assert_true(stream_queued(writer.stream) > 0);
    end_open(&reader, state, fds[0], STREAM_READ);
    fixture_run(reader.f);
    assert_memory_equal(reader.got.data, text, BYTES);
    mem_free(text);
    end_close(&writer);
    end_close(&reader);
}

static void a_file_is_written_whole(void **state) {
    struct end e = {0};
    int fd = file_with("");
    int again = dup(fd);
    char *text = pattern(100000), *back = mem_alloc(100000);
    end_open(&e, state, fd, STREAM_WRITE);
    assert_int_equal(stream_write2(e.stream, text, 5, text + 5, 100000 - 5), 0);
    assert_int_equal(stream_queued(e.stream), 0);
    assert_int_equal(pread(again, back, 100000, 0), 100000);
    assert_memory_equal(back, text, 100000);
    mem_free(text);
    mem_free(back);
    end_close(&e);
    assert_int_equal(close(again), 0);
}

static void a_full_disk_breaks_the_stream_with_its_reason(void **state) {
    struct end e = {.stop_on_broken = true};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    end_open(&e, state, fd, STREAM_WRITE);
    assert_int_equal(stream_write(e.stream, "x", 1), ERR_CLOSED);
    assert_int_equal(e.breaks, 0); // told from the loop, not from within the call
    fixture_run(e.f);
    assert_int_equal(e.broken_code, ERR_FULL);
    assert_int_equal(stream_write(e.stream, "x", 1), ERR_CLOSED);
    fixture_settle(e.f);
    assert_int_equal(e.breaks, 1);
    end_close(&e);
}

static void beyond_the_maximum_nothing_is_taken(void **state) {
    struct end e = {0};
    int fds[2];
    fixture_socketpair(fds, true);
    end_open(&e, state, fds[0], STREAM_WRITE);
    stream_set_write_max(e.stream, 20000);
    char *text = pattern(30000);
    assert_int_equal(stream_write2(e.stream, text, 20000, text, 1), ERR_LIMIT);
    assert_int_equal(stream_write2(e.stream, text, SIZE_MAX, text, 2), ERR_LIMIT);
    char byte;
    assert_int_equal(recv(fds[1], &byte, 1, MSG_DONTWAIT), -1);
    size_t accepted = 0;
    while (stream_write(e.stream, text, 1000) == 0)
        accepted += 1000;
    assert_true(stream_queued(e.stream) <= 20000);
    assert_true(stream_queued(e.stream) + 1000 > 20000);
    size_t arrived = 0; // what was accepted arrives, and nothing else
    for (ssize_t n; (n = recv(fds[1], text, 30000, MSG_DONTWAIT)) > 0 || stream_queued(e.stream);) {
        arrived += n > 0 ? (size_t)n : 0;
        fixture_settle(e.f);
    }
    for (ssize_t n; (n = recv(fds[1], text, 30000, MSG_DONTWAIT)) > 0;)
        arrived += (size_t)n;
    assert_int_equal(arrived, accepted);
    mem_free(text);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

static void without_memory_for_the_queue_nothing_is_sent_by_halves(void **state) {
    struct end e = {.stop_on_broken = true};
    int fds[2];
    fixture_socketpair(fds, true);
    end_open(&e, state, fds[0], STREAM_WRITE);
    char *text = pattern(100000);
    mem_fail_at(1);
    // The kernel took a part; the rest cannot be kept: the stream says that it is broken.
    assert_int_equal(stream_write(e.stream, text, 100000), ERR_CLOSED);
    mem_fail_at(0);
    fixture_run(e.f);
    assert_int_equal(e.broken_code, ERR_NOMEM);
    mem_free(text);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

static void a_peer_that_left_is_an_error_not_a_signal(void **state) {
    struct end pipe_end = {.stop_on_broken = true};
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    end_open(&pipe_end, state, fds[1], STREAM_WRITE);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(stream_write(pipe_end.stream, "x", 1), ERR_CLOSED);
    fixture_run(pipe_end.f);
    assert_int_equal(pipe_end.broken_code, ERR_CLOSED);
    end_close(&pipe_end);
}

static void a_reader_that_leaves_while_bytes_wait_breaks_the_stream(void **state) {
    struct end e = {.stop_on_broken = true};
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    end_open(&e, state, fds[1], STREAM_WRITE);
    char *text = pattern(200000);
    assert_int_equal(stream_write(e.stream, text, 200000), 0);
    assert_int_equal(close(fds[0]), 0);
    fixture_run(e.f);
    assert_int_equal(e.breaks, 1);
    assert_int_equal(stream_queued(e.stream), 0);
    mem_free(text);
    end_close(&e);
}

static void last_words_of_a_peer_are_read_before_the_failure_is_told(void **state) {
    struct end e = {.stop_on_broken = true};
    int fds[2];
    fixture_socketpair(fds, false);
    end_open(&e, state, fds[0], STREAM_READ | STREAM_WRITE);
    assert_int_equal(write(fds[1], "goodbye", 7), 7);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(stream_write(e.stream, "x", 1), ERR_CLOSED);
    fixture_run(e.f);
    assert_int_equal(e.got.len, 7);
    assert_int_equal(e.ends, 1);
    assert_int_equal(e.breaks, 1);
    end_close(&e);
}

static void writing_goes_on_after_the_end_of_input(void **state) {
    struct end e = {.stop_on_end = true};
    int fds[2];
    char got[4];
    fixture_socketpair(fds, false);
    end_open(&e, state, fds[0], STREAM_READ | STREAM_WRITE);
    assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    fixture_run(e.f);
    assert_int_equal(stream_write(e.stream, "ok", 2), 0);
    assert_int_equal(read(fds[1], got, sizeof got), 2);
    fixture_settle(e.f);
    assert_int_equal(e.ends, 1);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

// --- pausing

static void a_paused_stream_reads_nothing_and_resumes_where_it_was(void **state) {
    struct end e = {.pause_on_data = true};
    int fds[2];
    fixture_socketpair(fds, false);
    end_open(&e, state, fds[0], STREAM_READ);
    assert_int_equal(write(fds[1], "one", 3), 3);
    fixture_settle(e.f);
    assert_int_equal(e.got.len, 3);
    assert_int_equal(write(fds[1], "two", 3), 3);
    assert_int_equal(close(fds[1]), 0);
    fixture_settle(e.f);
    assert_int_equal(e.got.len, 3); // neither bytes nor end
    assert_int_equal(e.ends, 0);
    e.pause_on_data = false;
    stream_resume(e.stream);
    fixture_settle(e.f);
    assert_memory_equal(e.got.data, "onetwo", 6);
    assert_int_equal(e.ends, 1);
    end_close(&e);
}

static void pausing_stops_a_file_within_a_chunk(void **state) {
    struct end e = {.pause_on_data = true};
    int fd = file_with("");
    char *text = pattern(200000);
    assert_int_equal(write(fd, text, 200000), 200000);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    end_open(&e, state, fd, STREAM_READ);
    fixture_settle(e.f);
    assert_true(e.got.len > 0 && e.got.len < 200000);
    e.pause_on_data = false;
    e.stop_on_end = true;
    stream_resume(e.stream);
    fixture_run(e.f);
    assert_int_equal(e.got.len, 200000);
    assert_memory_equal(e.got.data, text, 200000);
    mem_free(text);
    end_close(&e);
}

static void awaiting_delivers_what_is_there_and_gives_up_in_time(void **state) {
    struct end e = {0};
    int fds[2];
    fixture_socketpair(fds, false);
    end_open(&e, state, fds[0], STREAM_READ);
    assert_false(stream_await(e.stream, 200));
    assert_int_equal(write(fds[1], "now", 3), 3);
    assert_true(stream_await(e.stream, 1000000));
    assert_int_equal(e.got.len, 3);
    stream_pause(e.stream);
    assert_int_equal(write(fds[1], "later", 5), 5);
    assert_false(stream_await(e.stream, 200)); // who is paused is told nothing
    assert_int_equal(e.got.len, 3);
    stream_resume(e.stream);
    assert_int_equal(close(fds[1]), 0);
    assert_true(stream_await(e.stream, 200));
    assert_int_equal(e.got.len, 8);
    assert_true(stream_await(e.stream, 200)); // the end is something too, told once
    assert_int_equal(e.ends, 1);
    assert_false(stream_await(e.stream, 200));
    assert_int_equal(e.ends, 1);
    end_close(&e);
}

static void awaiting_survives_being_closed_by_what_comes(void **state) {
    struct end e = {.close_on_data = true};
    int fds[2];
    fixture_socketpair(fds, false);
    end_open(&e, state, fds[0], STREAM_READ);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(stream_await(e.stream, 1000000));
    assert_false(stream_await(e.stream, 200));
    fixture_settle(e.f);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

static void a_paused_stream_still_writes(void **state) {
    enum { BYTES = 300000 };
    struct end writer = {0}, reader = {.stop_at = BYTES};
    int fds[2];
    fixture_socketpair(fds, true);
    char *text = pattern(BYTES);
    end_open(&writer, state, fds[0], STREAM_READ | STREAM_WRITE);
    stream_pause(writer.stream);
    assert_int_equal(stream_write(writer.stream, text, BYTES), 0);
    end_open(&reader, state, fds[1], STREAM_READ);
    fixture_run(reader.f);
    assert_memory_equal(reader.got.data, text, BYTES);
    mem_free(text);
    end_close(&writer);
    end_close(&reader);
}

// --- closing from within callbacks

static void closing_inside_data(void **state) {
    struct end e = {.close_on_data = true, .stop_on_closed = true};
    int fds[2];
    fixture_socketpair(fds, false);
    end_open(&e, state, fds[0], STREAM_READ | STREAM_WRITE);
    char *text = pattern(150000); // more than one read's worth: the rest is dropped
    assert_true(send(fds[1], text, 150000, MSG_DONTWAIT) > 65536);
    fixture_run(e.f);
    assert_true(e.got.len <= 65536);
    mem_free(text);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

static void closing_inside_data_of_a_file(void **state) {
    struct end e = {.close_on_data = true, .stop_on_closed = true};
    end_open(&e, state, file_with("text"), STREAM_READ);
    fixture_run(e.f);
    assert_int_equal(e.got.len, 4);
    end_close(&e);
}

static void closing_inside_end_broken_and_drained(void **state) {
    struct end ended = {.close_on_end = true}, broken = {.close_on_broken = true},
               drained = {.close_on_drained = true};
    int a[2], b[2], c[2];
    char *text = pattern(200000), *sink = mem_alloc(200000);
    fixture_socketpair(a, false);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    assert_int_equal(pipe2(c, O_CLOEXEC), 0);
    end_open(&ended, state, a[0], STREAM_READ);
    end_open(&broken, state, b[1], STREAM_WRITE);
    end_open(&drained, state, c[1], STREAM_WRITE);
    assert_int_equal(close(a[1]) | close(b[0]), 0);
    assert_int_equal(stream_write(broken.stream, "x", 1), ERR_CLOSED);
    assert_int_equal(stream_write(drained.stream, text, 100000), 0);
    for (size_t got = 0; got < 100000;) {
        ssize_t n = read(c[0], sink, 200000);
        assert_true(n > 0);
        got += (size_t)n;
        fixture_settle(ended.f);
    }
    fixture_settle(ended.f);
    end_close(&ended);
    end_close(&broken);
    end_close(&drained);
    assert_int_equal(close(c[0]), 0);
    mem_free(text);
    mem_free(sink);
}

static void closing_drops_what_is_queued_and_says_closed_once(void **state) {
    struct end e = {0};
    int fds[2];
    fixture_socketpair(fds, true);
    end_open(&e, state, fds[0], STREAM_READ | STREAM_WRITE);
    char *text = pattern(300000);
    assert_int_equal(stream_write(e.stream, text, 300000), 0);
    struct stream *s = e.stream;
    stream_close(s);
    stream_close(s);
    assert_int_equal(stream_write(s, "x", 1), ERR_CLOSED);
    assert_int_equal(e.closes, 0); // later
    fixture_settle(e.f);
    assert_int_equal(e.closes, 1);
    assert_int_equal(e.drains + e.breaks, 0);
    stream_close(NULL);
    mem_free(text);
    end_close(&e);
    assert_int_equal(close(fds[1]), 0);
}

static void loop_free_closes_streams_and_tells_only_those_being_closed(void **state) {
    (void)state;
    struct fixture f = {0};
    struct end open_end = {.f = &f}, closing = {.f = &f}, file = {.f = &f};
    int a[2], b[2];
    char byte;
    fixture_socketpair(a, false);
    fixture_socketpair(b, false);
    assert_int_equal(loop_new(&f.loop, NULL), 0);
    assert_int_equal(
        stream_open_fd(f.loop, a[0], STREAM_READ, &events, &open_end, &open_end.stream, NULL), 0);
    assert_int_equal(
        stream_open_fd(f.loop, b[0], STREAM_READ, &events, &closing, &closing.stream, NULL), 0);
    assert_int_equal(
        stream_open_fd(f.loop, file_with("x"), STREAM_READ, &events, &file, &file.stream, NULL), 0);
    stream_close(closing.stream);
    stream_close(file.stream);
    loop_free(f.loop);
    assert_int_equal(open_end.closes, 0);
    assert_int_equal(closing.closes, 1);
    assert_int_equal(file.closes, 1);
    assert_int_equal(read(a[1], &byte, 1), 0); // both ends are really gone
    assert_int_equal(read(b[1], &byte, 1), 0);
    assert_int_equal(close(a[1]) | close(b[1]), 0);
}

static void opening_without_memory_leaves_the_descriptor_to_the_caller(void **state) {
    struct fixture *f = *state;
    struct stream *s;
    int fds[2];
    fixture_socketpair(fds, false);
    mem_fail_at(1);
    assert_int_equal(stream_open_fd(f->loop, fds[0], STREAM_READ, &events, NULL, &s, NULL),
                     ERR_NOMEM);
    mem_fail_at(0);
    assert_int_equal(close(fds[0]) | close(fds[1]), 0);
}

#define IN_LOOP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_LOOP(a_pipe_delivers_its_bytes_then_its_end),
        IN_LOOP(a_file_is_read_to_its_end_without_blocking_the_loop),
        IN_LOOP(dev_null_ends_at_once_and_swallows_writes),
        IN_LOOP(a_directory_is_an_error_not_an_abort),
        IN_LOOP(a_terminal_delivers_lines_and_keeps_its_flags),
        IN_LOOP(a_closed_descriptor_is_refused),
        IN_LOOP(an_inherited_pipe_or_socket_stays_blocking_for_others),
        cmocka_unit_test(a_standard_descriptor_is_replaced_by_dev_null),
        IN_LOOP(two_parts_arrive_as_one_message),
        IN_LOOP(what_the_kernel_does_not_take_is_queued_and_arrives_in_order),
        IN_LOOP(a_pipe_takes_more_than_it_holds),
        IN_LOOP(a_file_is_written_whole),
        IN_LOOP(a_full_disk_breaks_the_stream_with_its_reason),
        IN_LOOP(beyond_the_maximum_nothing_is_taken),
        IN_LOOP(without_memory_for_the_queue_nothing_is_sent_by_halves),
        IN_LOOP(a_peer_that_left_is_an_error_not_a_signal),
        IN_LOOP(a_reader_that_leaves_while_bytes_wait_breaks_the_stream),
        IN_LOOP(last_words_of_a_peer_are_read_before_the_failure_is_told),
        IN_LOOP(writing_goes_on_after_the_end_of_input),
        IN_LOOP(a_paused_stream_reads_nothing_and_resumes_where_it_was),
        IN_LOOP(pausing_stops_a_file_within_a_chunk),
        IN_LOOP(awaiting_delivers_what_is_there_and_gives_up_in_time),
        IN_LOOP(awaiting_survives_being_closed_by_what_comes),
        IN_LOOP(a_paused_stream_still_writes),
        IN_LOOP(closing_inside_data),
        IN_LOOP(closing_inside_data_of_a_file),
        IN_LOOP(closing_inside_end_broken_and_drained),
        IN_LOOP(closing_drops_what_is_queued_and_says_closed_once),
        cmocka_unit_test(loop_free_closes_streams_and_tells_only_those_being_closed),
        IN_LOOP(opening_without_memory_leaves_the_descriptor_to_the_caller),
    };
    return cmocka_run_group_tests_name("loop/stream", tests, NULL, NULL);
}
