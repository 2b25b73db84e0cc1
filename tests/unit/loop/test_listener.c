#include "core/loop/stream.h"
#include "tests/unit/loop/loop_fixture.h"

#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENTS = 100 };

struct door {
    struct fixture *f;
    struct listener *listener;
    char dir[64], path[96];
    int accepted, stop_at;
    int fds[CLIENTS + 1];
    bool close_at_first;
};

static void on_accept(void *ctx, int fd) {
    struct door *d = ctx;
    assert_true(d->accepted <= CLIENTS);
    d->fds[d->accepted++] = fd;
    if (d->close_at_first)
        listener_close(d->listener);
    if (d->accepted == d->stop_at)
        loop_stop(d->f->loop);
}

static void door_open(struct door *d, void **state) {
    d->f = *state;
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/paired-test-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    (void)snprintf(d->path, sizeof d->path, "%s/s", d->dir);
    int fd = unix_listen(d->path, 16, NULL);
    assert_true(fd >= 0);
    assert_int_equal(listener_open_fd(d->f->loop, fd, on_accept, d, &d->listener, NULL), 0);
}

static void door_close(struct door *d) {
    for (int i = 0; i < d->accepted; i++)
        (void)close(d->fds[i]);
    assert_int_equal(unlink(d->path) | rmdir(d->dir), 0);
}

static void a_connection_is_accepted_private_and_non_blocking(void **state) {
    struct door d = {.stop_at = 1};
    door_open(&d, state);
    int fd = unix_connect(d.path, NULL);
    assert_true(fd >= 0);
    fixture_run(d.f);
    assert_true(fcntl(d.fds[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(d.fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    char byte;
    assert_int_equal(read(d.fds[0], &byte, 1), 1);
    listener_close(d.listener);
    assert_int_equal(close(fd), 0);
    door_close(&d);
}

static void the_socket_file_is_for_its_owner_only(void **state) {
    struct door d = {0};
    struct stat st;
    mode_t before = umask(0); // the worst one
    door_open(&d, state);
    (void)umask(before);
    assert_int_equal(stat(d.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    listener_close(d.listener);
    door_close(&d);
}

static void the_peer_is_known(void **state) {
    struct door d = {.stop_at = 1};
    uid_t uid;
    pid_t pid;
    struct err err;
    door_open(&d, state);
    int fd = unix_connect(d.path, NULL);
    fixture_run(d.f);
    assert_int_equal(unix_peer(d.fds[0], &uid, &pid, NULL), 0);
    assert_int_equal(uid, getuid());
    assert_int_equal(pid, getpid());
    assert_true(unix_peer(9999, &uid, &pid, &err) < 0);
    assert_true(err.message[0]);
    listener_close(d.listener);
    assert_int_equal(close(fd), 0);
    door_close(&d);
}

static void *connect_many(void *arg) {
    struct door *d = arg;
    for (int i = 0; i < CLIENTS; i++) {
        int fd = unix_connect(d->path, NULL);
        if (fd >= 0)
            (void)close(fd);
    }
    return NULL;
}

static void many_at_once_are_all_accepted(void **state) {
    struct door d = {.stop_at = CLIENTS};
    pthread_t thread;
    door_open(&d, state);
    assert_int_equal(pthread_create(&thread, NULL, connect_many, &d), 0);
    fixture_run(d.f);
    assert_int_equal(pthread_join(thread, NULL), 0);
    listener_close(d.listener);
    door_close(&d);
}

static void a_listener_may_close_while_it_accepts(void **state) {
    struct door d = {.close_at_first = true};
    door_open(&d, state);
    int a = unix_connect(d.path, NULL), b = unix_connect(d.path, NULL);
    fixture_settle(d.f);
    assert_int_equal(d.accepted, 1);
    listener_close(NULL);
    assert_int_equal(close(a) | close(b), 0);
    door_close(&d);
}

// Without a spare descriptor the connection would stay in the backlog, readable for ever.
static void out_of_descriptors_a_connection_is_refused_not_left_hanging(void **state) {
    struct door d = {0};
    struct rlimit before, tight;
    char byte;
    door_open(&d, state);
    int fd = unix_connect(d.path, NULL);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC); // the lowest free number
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = (struct rlimit){(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    fixture_settle(d.f);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(d.accepted, 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    assert_int_equal(close(fd), 0);
    fd = unix_connect(d.path, NULL); // and the next one is served again
    fixture_settle(d.f);
    assert_int_equal(d.accepted, 1);
    listener_close(d.listener);
    assert_int_equal(close(fd), 0);
    door_close(&d);
}

static void connecting_says_why_it_fails(void **state) {
    struct door d = {0};
    struct err err;
    char path[200];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[108] = '\0';
    assert_int_equal(unix_connect(path, &err), ERR_INVAL);
    assert_int_equal(unix_listen(path, 1, &err), ERR_INVAL);
    assert_int_equal(unix_connect("", &err), ERR_INVAL);
    assert_int_equal(unix_connect("/tmp/paired-test-not-there/s", &err), ERR_NOT_FOUND);
    door_open(&d, state);
    assert_int_equal(unix_listen(d.path, 1, &err), ERR_EXISTS);
    listener_close(d.listener); // the file stays behind, as after a crash
    assert_int_equal(unix_connect(d.path, &err), ERR_CLOSED);
    assert_non_null(strstr(err.message, d.path));
    door_close(&d);
}

static void loop_free_closes_a_listener(void **state) {
    struct door d = {.f = *state};
    struct loop *l;
    struct listener *listener;
    (void)snprintf(d.dir, sizeof d.dir, "/tmp/paired-test-XXXXXX");
    assert_non_null(mkdtemp(d.dir));
    (void)snprintf(d.path, sizeof d.path, "%s/s", d.dir);
    assert_int_equal(loop_new(&l, NULL), 0);
    int fd = unix_listen(d.path, 1, NULL);
    mem_fail_at(1);
    assert_int_equal(listener_open_fd(l, fd, on_accept, &d, &listener, NULL), ERR_NOMEM);
    mem_fail_at(0);
    assert_int_equal(listener_open_fd(l, fd, on_accept, &d, &listener, NULL), 0);
    loop_free(l);
    assert_int_equal(unix_connect(d.path, NULL), ERR_CLOSED);
    door_close(&d);
}

#define IN_LOOP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_LOOP(a_connection_is_accepted_private_and_non_blocking),
        IN_LOOP(the_socket_file_is_for_its_owner_only),
        IN_LOOP(the_peer_is_known),
        IN_LOOP(many_at_once_are_all_accepted),
        IN_LOOP(a_listener_may_close_while_it_accepts),
        IN_LOOP(out_of_descriptors_a_connection_is_refused_not_left_hanging),
        IN_LOOP(connecting_says_why_it_fails),
        IN_LOOP(loop_free_closes_a_listener),
    };
    return cmocka_run_group_tests_name("loop/listener", tests, NULL, NULL);
}
