#include "server/frontend_start.h"

#include "core/base/mem.h"
#include "server/frontend_load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 1024 * 1024 + 4096 };
// Set in what frontend_run_newer starts; by its name no setting, and none of the engine's business.
static const char once[] = "_PAIRED_NEWER_BUILD";

int frontend_take_stdout(struct err *err) {
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return err_set(err, ERR_IO, "the standard descriptors are closed");
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return err_errno(err, errno, "cannot set stdout apart");
    return out;
}

static void ending_signals(sigset_t *set) {
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

int frontend_take_signals(struct err *err) {
    sigset_t set;
    ending_signals(&set);
    int e = pthread_sigmask(SIG_BLOCK, &set, NULL);
    int fd = e ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_errno(err, e ? e : errno, "cannot watch signals") : fd;
}

int frontend_watch_parent(pid_t *ret_parent) {
    *ret_parent = getppid();
    // 0: the parent lives in another namespace of processes; only end of input can tell.
    return *ret_parent > 0 ? frontend_watch_process(*ret_parent) : -1;
}

int frontend_watch_process(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int frontend_read_head(const int *stop_fds, size_t stop_count, struct buf *head,
                       enum frontend_protocol *ret, struct err *err) {
    struct pollfd fds[4] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    nfds_t count = 1;
    for (size_t i = 0; i < stop_count && count < COUNT_OF(fds); i++)
        fds[count++] = (struct pollfd){.fd = stop_fds[i], .events = POLLIN};
    head->max = HEAD_BYTES_MAX;
    for (;;) {
        int n = poll(fds, count, -1);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for input");
        for (nfds_t i = 1; n > 0 && i < count; i++)
            if (fds[i].revents)
                return err_set(err, ERR_CANCELLED, "stopped");
        if (n <= 0 || !fds[0].revents)
            continue;
        char bytes[4096];
        ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return err_errno(err, errno, "cannot read stdin");
        if (buf_append(head, bytes, (size_t)got) < 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        *ret = frontend_detect(head->data ? head->data : "", head->len, got == 0);
        if (*ret != FRONTEND_UNDECIDED)
            return 0;
    }
}

// What a shell would run for argv[0] now.
static bool installed_program(const char *name, char out[DIRS_PATH_BYTES_MAX]) {
    if (strchr(name, '/'))
        return snprintf(out, DIRS_PATH_BYTES_MAX, "%s", name) < DIRS_PATH_BYTES_MAX;
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        if (n &&
            snprintf(out, DIRS_PATH_BYTES_MAX, "%.*s/%s", (int)n, path, name) <
                DIRS_PATH_BYTES_MAX &&
            access(out, X_OK) == 0)
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

static bool changed_after(const struct stat *a, const struct stat *b) {
    return a->st_ctim.tv_sec != b->st_ctim.tv_sec ? a->st_ctim.tv_sec > b->st_ctim.tv_sec
                                                  : a->st_ctim.tv_nsec > b->st_ctim.tv_nsec;
}

void frontend_run_newer(char **argv, int stdout_fd) {
    char path[DIRS_PATH_BYTES_MAX];
    struct stat installed, own;
    if (getenv(once) || !argv || !argv[0] || !installed_program(argv[0], path) ||
        stat(path, &installed) < 0 || stat("/proc/self/exe", &own) < 0)
        return;
    bool same = installed.st_dev == own.st_dev && installed.st_ino == own.st_ino;
    if (same || !S_ISREG(installed.st_mode) || !changed_after(&installed, &own) ||
        setenv(once, "1", 1) < 0)
        return;
    sigset_t set;
    ending_signals(&set);
    int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    (void)dup2(stdout_fd, STDOUT_FILENO);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    (void)execv(path, argv);
    // Not to be run after all: go on as before.
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)dup2(log, STDOUT_FILENO);
    (void)close(log);
}

// --- --standalone
// ---------------------------------------------------------------------------------

struct engine_thread {
    engine_main_fn *run;
    struct frontend_engine *engine;
};

static void *engine_thread(void *arg) {
    struct engine_thread t = *(struct engine_thread *)arg;
    mem_free(arg);
    struct engine_start start = {.dirs = &t.engine->dirs,
                                 .ready_fd = -1,
                                 .lock_fd = t.engine->lock_fd,
                                 .client_fd = t.engine->client_fd};
    (void)t.run(&start);
    return NULL;
}

int frontend_engine_start(struct frontend_engine *e, const char *profile, struct err *err) {
    int r = attach_dirs(profile, &e->dirs, err);
    if (r < 0)
        return r;
    e->lock_fd = attach_lock_engine(&e->dirs, 0, err);
    if (e->lock_fd < 0)
        return e->lock_fd;
    struct engine_thread *t = mem_zalloc(sizeof *t);
    int pair[2] = {-1, -1};
    r = t ? frontend_load_engine(&t->run, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        r = err_errno(err, errno, "cannot make a socket");
    if (r == 0) {
        t->engine = e;
        e->client_fd = pair[1];
        int failed = pthread_create(&e->thread, NULL, engine_thread, t);
        if (!failed) {
            e->running = true;
            return pair[0];
        }
        r = err_errno(err, failed, "cannot start the engine's thread");
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
    mem_free(t);
    (void)close(e->lock_fd);
    return r;
}

bool frontend_engine_join(struct frontend_engine *e, unsigned wait_ms) {
    if (!e->running)
        return true;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    e->running = pthread_timedjoin_np(e->thread, NULL, &until) != 0;
    if (e->running)
        (void)pthread_detach(e->thread); // the process ends without it
    return !e->running;
}
