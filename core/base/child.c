#include "core/base/child.h"

#include "core/base/env.h"
#include "core/base/io.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024, NS_PER_MS = 1000000, SIGNAL_STATUS = 128 };

struct child {
    const struct child_spec *spec;
    struct child_end *end;
    pid_t pid;
    int in, out, errors, pidfd;  // -1: none
    int out_write, errors_write; // the program's ends, until it has them
    uint64_t deadline_ns;
    uint64_t output_bytes;
    char chunk[CHUNK_BYTES];
};

static void close_slot(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

// Above 2, so that placing one descriptor never overwrites another that is still to be placed.
static int lift(int *fd) {
    if (*fd > STDERR_FILENO)
        return 0;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        return -1;
    (void)close(*fd);
    *fd = higher;
    return 0;
}

static int open_pipe(int *ret_read, int *ret_write) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    *ret_read = ends[0];
    *ret_write = ends[1];
    if (lift(ret_read) < 0 || lift(ret_write) < 0)
        return -1;
    return fcntl(*ret_read, F_SETFL, O_NONBLOCK);
}

// The whole input is in a memory file: no pipe to feed, so neither side can wait for the other.
static int open_input(struct child *c, struct err *err) {
    const struct child_spec *s = c->spec;
    if (!s->input) {
        c->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return c->in < 0 || lift(&c->in) < 0 ? err_errno(err, errno, "cannot open /dev/null") : 0;
    }
    if (s->input_bytes > CHILD_INPUT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "too much input for %s", s->program);
    c->in = memfd_create("paired-input", MFD_CLOEXEC);
    if (c->in < 0 || lift(&c->in) < 0)
        return err_errno(err, errno, "cannot keep the input of %s", s->program);
    int r = io_write_all(c->in, s->input, s->input_bytes);
    if (r < 0)
        return err_errno(err, -r, "cannot keep the input of %s", s->program);
    return lseek(c->in, 0, SEEK_SET) < 0 ? err_errno(err, errno, "cannot keep the input") : 0;
}

static int fill_actions(const struct child *c, posix_spawn_file_actions_t *files,
                        posix_spawnattr_t *attributes) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int e;
    if ((e = posix_spawn_file_actions_adddup2(files, c->in, STDIN_FILENO)) ||
        (e = posix_spawn_file_actions_adddup2(files, c->out_write, STDOUT_FILENO)) ||
        (e = posix_spawn_file_actions_adddup2(files, c->errors_write, STDERR_FILENO)) ||
        (e = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1)) ||
        (e = posix_spawn_file_actions_addchdir_np(files,
                                                  c->spec->folder ? c->spec->folder : "/")) ||
        (e = posix_spawnattr_setsigmask(attributes, &none)) ||
        (e = posix_spawnattr_setsigdefault(attributes, &all)) ||
        (e = posix_spawnattr_setpgroup(attributes, 0)))
        return e;
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
}

static int spawn(struct child *c, struct err *err) {
    const struct child_spec *s = c->spec;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_init(&files);
    if (e)
        return err_errno(err, e, "cannot start %s", s->program);
    e = posix_spawnattr_init(&attributes);
    if (!e) {
        e = fill_actions(c, &files, &attributes);
        // posix_spawn wants char *const *; it does not change the strings.
        char *const *arguments = (char *const *)(uintptr_t)s->arguments;
        char *const *environment = (char *const *)(uintptr_t)s->environment;
        if (!e)
            e = posix_spawn(&c->pid, s->program, &files, &attributes, arguments, environment);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    if (e == ENOENT || e == ENOTDIR)
        return err_set(err, ERR_NOT_FOUND, "%s, or the folder to run it in, is not there",
                       s->program);
    return e ? err_errno(err, e, "cannot start %s", s->program) : 0;
}

static int start(struct child *c, struct err *err) {
    int r = open_input(c, err);
    if (r < 0)
        return r;
    if (open_pipe(&c->out, &c->out_write) < 0 || open_pipe(&c->errors, &c->errors_write) < 0)
        return err_errno(err, errno, "cannot start %s", c->spec->program);
    r = spawn(c, err);
    close_slot(&c->in);
    close_slot(&c->out_write);
    close_slot(&c->errors_write);
    if (r < 0)
        return r;
    if (c->spec->data_bytes_max > 0) {
        // Best effort: it has begun, but what it may take is taken later.
        struct rlimit limit = {c->spec->data_bytes_max, c->spec->data_bytes_max};
        (void)prlimit(c->pid, RLIMIT_DATA, &limit, NULL);
    }
    c->pidfd = pidfd_open(c->pid, 0);
    return c->pidfd < 0 ? err_errno(err, errno, "cannot watch %s", c->spec->program) : 0;
}

static int take_output(struct child *c, size_t n, struct err *err) {
    const struct child_spec *s = c->spec;
    c->output_bytes += n;
    if (s->output_bytes_max > 0 && c->output_bytes > s->output_bytes_max)
        return err_set(err, ERR_LIMIT, "%s printed more than %llu bytes", s->program,
                       (unsigned long long)s->output_bytes_max);
    return s->output ? s->output(s->output_ctx, c->chunk, n, err) : 0;
}

static void take_errors(struct child *c, size_t n) {
    size_t room = CHILD_ERRORS_BYTES_MAX - c->end->errors_bytes;
    n = n < room ? n : room;
    memcpy(c->end->errors + c->end->errors_bytes, c->chunk, n);
    c->end->errors_bytes += n;
    c->end->errors[c->end->errors_bytes] = '\0';
}

// One read of one stream. 1: there may be more; 0: nothing now; closes the stream at its end.
static int pull(struct child *c, int *fd, struct err *err) {
    ssize_t n = read(*fd, c->chunk, sizeof c->chunk);
    if (n < 0)
        return errno == EAGAIN  ? 0
               : errno == EINTR ? 1
                                : err_errno(err, errno, "cannot read from %s", c->spec->program);
    if (n == 0) {
        close_slot(fd);
        return 0;
    }
    if (fd == &c->errors) {
        take_errors(c, (size_t)n);
        return 1;
    }
    int r = take_output(c, (size_t)n, err);
    return r < 0 ? r : 1;
}

static int check_time(const struct child *c, int *ret_wait_ms, struct err *err) {
    const struct child_spec *s = c->spec;
    if (s->cancelled && s->cancelled(s->cancelled_ctx))
        return err_set(err, ERR_CANCELLED, "cancelled");
    *ret_wait_ms = s->cancelled ? CHILD_POLL_MS : -1;
    if (c->deadline_ns == 0)
        return 0;
    uint64_t now = env_now_mono_ns();
    if (now >= c->deadline_ns)
        return err_set(err, ERR_TIMEOUT, "%s did not end within %u ms", s->program, s->ms);
    uint64_t left = (c->deadline_ns - now) / NS_PER_MS + 1;
    if (*ret_wait_ms < 0 || left < (uint64_t)*ret_wait_ms)
        *ret_wait_ms = left < INT32_MAX ? (int)left : INT32_MAX;
    return 0;
}

// Until the program has ended. Its descendants may hold the pipes for longer; nobody waits for
// them, see finish().
static int relay(struct child *c, struct err *err) {
    for (;;) {
        int wait_ms = -1;
        int r = check_time(c, &wait_ms, err);
        if (r < 0)
            return r;
        struct pollfd watched[] = {
            {c->out, POLLIN, 0}, {c->errors, POLLIN, 0}, {c->pidfd, POLLIN, 0}};
        if (poll(watched, COUNT_OF(watched), wait_ms) < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for %s", c->spec->program);
        if (c->out >= 0 && watched[0].revents && (r = pull(c, &c->out, err)) < 0)
            return r;
        if (c->errors >= 0 && watched[1].revents && (r = pull(c, &c->errors, err)) < 0)
            return r;
        // Ended: what it wrote before is in the pipes, and drain() takes it.
        if (watched[2].revents)
            return 0;
    }
}

static int drain(struct child *c, struct err *err) {
    int r = 0;
    while (c->out >= 0 && (r = pull(c, &c->out, err)) > 0)
        ;
    while (r >= 0 && c->errors >= 0 && (r = pull(c, &c->errors, err)) > 0)
        ;
    return r < 0 ? r : 0;
}

static void ask_to_end(struct child *c) {
    uint64_t until = env_now_mono_ns() + (uint64_t)c->spec->grace_ms * NS_PER_MS;
    struct pollfd watched = {c->pidfd, POLLIN, 0};
    if (c->spec->grace_ms == 0 || c->pidfd < 0 || kill(c->pid, SIGTERM) < 0)
        return;
    (void)kill(c->pid, SIGCONT); // one that is stopped hears nothing
    for (uint64_t now; (now = env_now_mono_ns()) < until;)
        if (poll(&watched, 1, (int)((until - now) / NS_PER_MS + 1)) != -1 || errno != EINTR)
            return;
}

// The leader is reaped last: until then its number, and so the group's, cannot become another's.
static void finish(struct child *c) {
    if (c->pid <= 0)
        return;
    ask_to_end(c);
    (void)kill(-c->pid, SIGKILL);
    (void)kill(c->pid, SIGKILL);
    int status = 0;
    pid_t r;
    do
        r = waitpid(c->pid, &status, 0);
    while (r < 0 && errno == EINTR);
    // Somebody ignores SIGCHLD and the system reaped it: how it ended is not known.
    if (r < 0)
        c->end->status = SIGNAL_STATUS;
    else
        c->end->status = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_STATUS + WTERMSIG(status);
}

int child_run(const struct child_spec *spec, struct child_end *ret_end, struct err *err) {
    AUTO_FREE struct child *c = mem_alloc(sizeof *c);
    AUTO_FREE struct child_end *own_end = mem_zalloc(sizeof *own_end);
    if (!c || !own_end)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (ret_end)
        *ret_end = (struct child_end){0};
    c->spec = spec;
    c->end = ret_end ? ret_end : own_end;
    c->pid = 0;
    c->in = c->out = c->errors = c->pidfd = c->out_write = c->errors_write = -1;
    c->output_bytes = 0;
    c->deadline_ns = spec->ms ? env_now_mono_ns() + (uint64_t)spec->ms * NS_PER_MS : 0;
    size_t count = 0;
    while (spec->arguments[count] && count <= CHILD_ARGUMENTS_MAX)
        count++;
    if (spec->program[0] != '/' || count == 0 || count > CHILD_ARGUMENTS_MAX)
        return err_set(err, ERR_INVAL, "%s cannot be run like this", spec->program);

    int r = start(c, err);
    if (r >= 0)
        r = relay(c, err);
    finish(c);
    if (r >= 0)
        r = drain(c, err);
    close_slot(&c->in);
    close_slot(&c->out);
    close_slot(&c->errors);
    close_slot(&c->out_write);
    close_slot(&c->errors_write);
    close_slot(&c->pidfd);
    return r;
}
