#include "server/attach.h"

#include "core/base/build.h"
#include "core/base/env.h"
#include "server/attach_start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    STOP_FDS_MAX = 8,
    RETRY_MS = 2,
    RETRY_SLOW_MS = 20,
    RETRY_FAST_MAX = 100, // then slowly
    WATCH_MS = 25,        // for the socket to appear; whoever starts the engine may have died
    WATCH_SOON = 10,      // looks after it has: it is bound a moment before it listens
    READY_POLL_MS = 5
};
static const uint64_t NS_PER_MS = 1000000;

int attach_wait(const struct attach *a, int fd, short events, uint64_t until_ns, struct err *err) {
    struct pollfd fds[STOP_FDS_MAX + 1] = {{.fd = fd, .events = events}};
    nfds_t count = 1;
    for (size_t i = 0; i < a->config->stop_count && i < STOP_FDS_MAX; i++)
        fds[count++] = (struct pollfd){.fd = a->config->stop_fds[i], .events = POLLIN};
    if (until_ns > a->deadline_ns)
        until_ns = a->deadline_ns;
    for (;;) {
        uint64_t now = env_now_mono_ns();
        uint64_t left = now < until_ns ? until_ns - now : 0;
        struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000U),
                                   .tv_nsec = (long)(left % 1000000000U)};
        int n = ppoll(fds, count, &timeout, NULL);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "cannot wait for the engine");
        for (nfds_t i = 1; n > 0 && i < count; i++)
            if (fds[i].revents)
                return err_set(err, ERR_CANCELLED, "stopped while attaching to the engine");
        if (n > 0 && fds[0].revents)
            return 1;
        if (n == 0)
            return 0;
    }
}

static uint64_t in_ms(uint64_t ms) {
    return env_now_mono_ns() + ms * NS_PER_MS;
}

int attach_dirs(const char *profile, struct dirs *ret, struct err *err) {
    struct dirs d;
    int r = dirs_resolve(profile, &d, err);
    if (r < 0)
        return r;
    r = dirs_ensure_private(d.runtime, err);
    struct stat st;
    if (r < 0 && lstat(d.runtime, &st) < 0) {
        // XDG Base Directory 0.8: without a usable XDG_RUNTIME_DIR fall back to a directory with
        // the same guarantees.
        char fallback[DIRS_PATH_BYTES_MAX + 8];
        (void)snprintf(fallback, sizeof fallback, "%s/run", d.state);
        if (strlen(fallback) + sizeof ATTACH_ENGINE_LOCK + 1 >
                sizeof((struct sockaddr_un *)0)->sun_path ||
            strcmp(fallback, d.runtime) == 0)
            return r;
        memcpy(d.runtime, fallback, strlen(fallback) + 1);
        r = dirs_ensure_private(d.runtime, err);
    }
    if (r < 0)
        return err_context(err, r, "no place for the engine's socket");
    *ret = d;
    return 0;
}

int attach_try_lock(const char *runtime, const char *name, struct err *err) {
    char path[DIRS_PATH_BYTES_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/%s", runtime, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_PERM, "the lock %s is a symbolic link: remove it", path);
    if (fd < 0)
        return dirs_refused(err, errno, "open the lock", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    return saved == EWOULDBLOCK ? err_set(err, ERR_BUSY, "%s is held by another process", path)
                                : err_errno(err, saved, "cannot lock %s", path);
}

int attach_lock_engine(const struct dirs *dirs, uint64_t wait_ms, struct err *err) {
    uint64_t until = in_ms(wait_ms);
    for (;;) {
        int fd = attach_try_lock(dirs->runtime, ATTACH_ENGINE_LOCK, err);
        if (fd != ERR_BUSY || env_now_mono_ns() >= until)
            return fd;
        struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
        (void)nanosleep(&pause, NULL);
    }
}

// The connected descriptor; ERR_NOT_FOUND when nobody listens; ERR_BUSY when the queue is full.
static int connect_socket(const struct attach *a, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(a->socket);
    if (n >= sizeof address.sun_path)
        return err_set(err, ERR_INVAL,
                       "the socket's path %s is too long: set a shorter PAIRED_PROFILE", a->socket);
    memcpy(address.sun_path, a->socket, n + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, errno, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int saved = errno;
        (void)close(fd);
        if (saved == ENOENT || saved == ECONNREFUSED)
            return err_set(err, ERR_NOT_FOUND, "no engine is running");
        if (saved == EAGAIN)
            return err_set(err, ERR_BUSY, "the engine has too many clients waiting");
        return err_errno(err, saved, "cannot connect to the engine at %s", a->socket);
    }
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
        (void)close(fd);
        return err_set(err, ERR_PERM,
                       "the engine's socket %s is served by another user (%u): remove it",
                       a->socket, (unsigned)peer.uid);
    }
    return fd;
}

// One byte says that the engine is ready; a sentence, why it is not. Another process may have
// become the engine meanwhile (service manager): then its socket answers.
static int wait_ready(struct attach *a, int ready, struct err *err) {
    char text[ERR_MESSAGE_BYTES_MAX] = "";
    size_t n = 0;
    for (;;) {
        int r = attach_wait(a, ready, POLLIN, in_ms(n ? 1000 : READY_POLL_MS), err);
        if (r < 0)
            return r;
        if (r == 0) {
            int fd = connect_socket(a, NULL);
            if (fd >= 0) {
                (void)close(fd);
                return 0;
            }
            if (env_now_mono_ns() >= a->deadline_ns)
                return err_set(err, ERR_TIMEOUT,
                               "the engine did not get ready in time: its log is %s/log",
                               a->dirs.state);
            continue;
        }
        ssize_t got = read(ready, text + n, sizeof text - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got > 0) {
            n += (size_t)got;
            if (text[0] == 'R')
                return 0;
            if (n < sizeof text - 1)
                continue;
        }
        text[n] = '\0';
        // "E<code> sentence": the engine's own refusal keeps its meaning on this side.
        int code = 0, used = 0;
        if (sscanf(text, "E%d %n", &code, &used) == 1 && used && code < 0)
            return err_set(err, code, "%s", text + used);
        return err_set(err, ERR_IO, "the engine ended while starting: its log is %s/log",
                       a->dirs.state);
    }
}

static int start_engine(struct attach *a, struct err *err) {
    if (a->starts++ >= ATTACH_STARTS_MAX)
        return err_set(err, ERR_IO,
                       "the engine ended %d times right after its start: its log is %s/log",
                       ATTACH_STARTS_MAX, a->dirs.state);
    int ready = -1;
    int r = attach_spawn(a, &ready, err);
    if (r < 0)
        return r;
    r = wait_ready(a, ready, err);
    (void)close(ready);
    // The process we started has forked the engine and left, so that no client has an engine among
    // its descendants; only this remains to be collected.
    (void)waitpid(a->child, NULL, r == 0 ? 0 : WNOHANG);
    if (r == ERR_BUSY) // it has waited for longer than an engine takes to leave
        return err_set(err, ERR_TIMEOUT,
                       "another process holds %s/" ATTACH_ENGINE_LOCK
                       " and serves no client: end it, `paired doctor` shows which",
                       a->dirs.runtime);
    if (r == 0)
        a->started = true;
    return r;
}

// start.lock, without waiting. Also true when it is ours already.
static int want_start_lock(struct attach *a, struct err *err) {
    if (a->start_lock >= 0)
        return 0;
    int fd = attach_try_lock(a->dirs.runtime, ATTACH_START_LOCK, err);
    if (fd < 0)
        return fd;
    a->start_lock = fd;
    return 0;
}

// Nobody listens. 0: look again at once; ERR_BUSY: somebody else is starting one.
static int on_absent(struct attach *a, struct err *err) {
    if (!a->config->start)
        return err_set(err, ERR_NOT_FOUND, "no engine is running");
    bool held = a->start_lock >= 0;
    int r = want_start_lock(a, err);
    if (r < 0)
        return r;
    // Fresh under the lock: the one who had it before may have started an engine.
    return held ? start_engine(a, err) : 0;
}

// Greeted, but older than we are. start.lock is held from before the drain until our engine
// listens, so that front ends of the old build wait instead of starting an old engine again.
static int on_older(struct attach *a, int fd, int64_t pid, struct err *err) {
    bool held = a->start_lock >= 0;
    int r = want_start_lock(a, err);
    if (r == 0 && held) {
        r = attach_drain(a, fd, err);
        (void)close(fd);
        if (r == ERR_TIMEOUT)
            return err_set(
                err, r,
                "the older engine, process %lld, does not end: end it (kill %lld), or wait "
                "until it has finished",
                (long long)pid, (long long)pid);
        return r < 0 ? r : start_engine(a, err);
    }
    (void)close(fd);
    return r;
}

static int attempt(struct attach *a, struct attach_result *ret, struct err *err) {
    int fd = connect_socket(a, err);
    a->absent = fd == ERR_NOT_FOUND;
    if (a->absent)
        return on_absent(a, err);
    if (fd < 0)
        return fd;
    int r = attach_greet(a, fd, ret, err);
    if (r < 0) {
        (void)close(fd);
        return r == ERR_CLOSED ? 0 : r; // it was just ending
    }
    if (a->config->replace && ret->number < paired_build_number)
        return on_older(a, fd, ret->pid, err);
    ret->started = a->started;
    return 1;
}

// Without one (their number is limited for each user) the waiting is by looking.
static void watch_runtime(struct attach *a) {
    a->watched = true;
    a->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (a->watch >= 0 &&
        inotify_add_watch(a->watch, a->dirs.runtime, IN_CREATE | IN_MOVED_TO) < 0) {
        (void)close(a->watch);
        a->watch = -1;
    }
}

// Before the next attempt. While somebody else starts the engine, the appearance of its socket says
// when to look again: dozens that looked every few milliseconds took the processors from it.
static int pause_between(struct attach *a, bool busy, unsigned tries, struct err *err) {
    if (!busy && tries < 4)
        return 0;
    if (busy && a->absent && !a->watched) {
        watch_runtime(a);
        return 0; // what appeared before the watch did
    }
    bool look = !busy || !a->absent || a->watch < 0 || a->soon;
    uint64_t ms = !look ? WATCH_MS : tries < RETRY_FAST_MAX ? RETRY_MS : RETRY_SLOW_MS;
    int r = attach_wait(a, look ? -1 : a->watch, POLLIN, in_ms(ms), err);
    if (a->soon)
        a->soon--;
    if (r > 0) {
        char events[4096];
        while (read(a->watch, events, sizeof events) > 0)
            ;
        a->soon = WATCH_SOON;
    }
    return r < 0 ? r : 0;
}

int attach_connect(const struct attach_config *config, struct attach_result *ret, struct err *err) {
    struct attach a = {.config = config, .start_lock = -1, .watch = -1};
    uint64_t deadline_ms = config->deadline_ms ? config->deadline_ms : ATTACH_DEADLINE_MS;
    a.deadline_ns = in_ms(deadline_ms);
    int r = attach_dirs(config->profile, &a.dirs, err);
    if (r < 0)
        return r;
    (void)snprintf(a.socket, sizeof a.socket, "%s/" ATTACH_SOCKET_NAME, a.dirs.runtime);

    struct attach_result found = {.fd = -1};
    unsigned tries = 0;
    for (;;) {
        struct err why = {0};
        r = attempt(&a, &found, &why);
        if (r > 0)
            break;
        if (r < 0 && r != ERR_BUSY) {
            if (err)
                *err = why;
            break;
        }
        if (env_now_mono_ns() >= a.deadline_ns) {
            r = err_set(err, ERR_TIMEOUT, "no engine could be reached within %llu s (%s)",
                        (unsigned long long)deadline_ms / 1000,
                        why.message[0] ? why.message : "engines start and end again");
            break;
        }
        r = pause_between(&a, r == ERR_BUSY, tries++, err);
        if (r < 0)
            break;
    }
    if (a.start_lock >= 0)
        (void)close(a.start_lock);
    if (a.watch >= 0)
        (void)close(a.watch);
    if (r < 0)
        return r;
    *ret = found;
    return 0;
}

int attach_adopt(const struct attach_config *config, int fd, struct attach_result *ret,
                 struct err *err) {
    struct attach a = {.config = config, .start_lock = -1};
    a.deadline_ns = in_ms(config->deadline_ms ? config->deadline_ms : (uint64_t)ATTACH_DEADLINE_MS);
    int r = attach_greet(&a, fd, ret, err);
    if (r < 0)
        (void)close(fd);
    return r;
}
