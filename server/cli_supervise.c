#include "server/cli_supervise.h"

#include "core/base/env.h"
#include "server/cli_isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// What the command prints, and where we answer: pipes of the engine.
enum { PRINTED_FD = 1, ANSWER_FD = 2, FILE_BYTES = 1 << 30, CANNOT = 125, MS = 1000000 };

static void tell(const char *what, const char *more) {
    (void)dprintf(ANSWER_FD, "%s%s\n", what, more);
}

// --- what is asked for

struct order {
    char **command; // the program first
    bool isolate, required;
    struct isolation isolation;
};

static bool add(struct isolate_paths *p, const char *path) {
    if (p->count == ISOLATE_PATHS_MAX)
        return false;
    p->items[p->count++] = path;
    return true;
}

static bool read_option(const char *option, struct order *ret) {
    struct isolation *i = &ret->isolation;
    if (strcmp(option, CLI_SUPERVISE_AUTO) == 0 || strcmp(option, CLI_SUPERVISE_REQUIRED) == 0) {
        ret->isolate = true;
        ret->required = strcmp(option, CLI_SUPERVISE_REQUIRED) == 0;
        return true;
    }
    const char *path = option + (option[0] ? 1 : 0);
    switch (path[0] == '/' ? option[0] : 0) {
    case CLI_SUPERVISE_COPY:
        i->copy = path;
        return true;
    case CLI_SUPERVISE_CACHES:
        i->caches = path;
        return true;
    case CLI_SUPERVISE_WRITABLE:
        return add(&i->writable, path);
    case CLI_SUPERVISE_HIDDEN:
        return add(&i->hidden, path);
    case CLI_SUPERVISE_KEPT:
        return add(&i->kept, path);
    default:
        return false;
    }
}

static bool read_order(int argc, char **argv, struct order *ret) {
    int at = 4;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++)
        if (!read_option(argv[at], ret))
            return false;
    ret->command = argv + at + 1;
    return at + 1 < argc && (!ret->isolate || ret->isolation.copy);
}

// --- the command's process, and those before it

// Why there is no command; nothing is written when there is one.
struct excuse {
    bool isolation; // it could not be isolated
    char text[ISOLATE_WHY_BYTES];
};
struct pipes {
    int excuse, status; // ends to write; close-on-exec
};

static void give_up(const struct pipes *p, bool isolation, const char *text) {
    struct excuse e = {.isolation = isolation};
    (void)snprintf(e.text, sizeof e.text, "%s", text);
    (void)!write(p->excuse, &e, sizeof e);
    _exit(CANNOT);
}

static void become_command(const struct order *o, const struct pipes *p) {
    (void)execvp(o->command[0], o->command);
    give_up(p, false, strerror(errno));
}

// The first process of its namespace: it reaps, and with it all end.
static void be_first(const struct order *o, const struct pipes *p) {
    char why[ISOLATE_WHY_BYTES];
    int status;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (isolate_first(why) < 0)
        give_up(p, true, why);
    pid_t command = fork(), ended;
    if (command == 0) {
        (void)setsid();
        isolate_drop();
        become_command(o, p);
    }
    if (command < 0)
        give_up(p, true, strerror(errno));
    (void)close(p->excuse);
    while ((ended = waitpid(-1, &status, 0)) != command)
        if (ended < 0 && errno != EINTR)
            _exit(CANNOT);
    (void)!write(p->status, &status, sizeof status);
    _exit(0);
}

static void be_outside(const struct order *o, const struct pipes *p) {
    char why[ISOLATE_WHY_BYTES];
    if (isolate_begin(&o->isolation, why) < 0)
        give_up(p, true, why);
    pid_t first = fork();
    if (first == 0)
        be_first(o, p);
    if (first < 0)
        give_up(p, true, strerror(errno));
    (void)close(p->excuse);
    (void)close(p->status);
    while (waitpid(first, NULL, 0) < 0 && errno == EINTR)
        continue;
    _exit(CANNOT); // how the command ended has been written
}

// In the new process; does not return.
static void become(const struct order *o, const struct pipes *p) {
    sigset_t none;
    const struct rlimit no_core = {0, 0}, file = {FILE_BYTES, FILE_BYTES};
    (void)sigemptyset(&none);
    (void)setsid(); // a group of its own, and no terminal
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setrlimit(RLIMIT_FSIZE, &file);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(PRINTED_FD, ANSWER_FD) < 0)
        give_up(p, false, strerror(errno));
    if (o->isolate)
        be_outside(o, p);
    become_command(o, p);
}

// The leader's process; what it says when there is no command. *ret_status: where the command's
// status comes from when it is isolated.
static pid_t begin(const struct order *o, int *ret_status, struct excuse *ret) {
    int excuse[2] = {-1, -1}, status[2] = {-1, -1};
    pid_t pid = -1;
    *ret = (struct excuse){.text = ""};
    if (pipe2(excuse, O_CLOEXEC) == 0 && pipe2(status, O_CLOEXEC | O_NONBLOCK) == 0)
        pid = fork();
    if (pid == 0)
        become(o, &(struct pipes){excuse[1], status[1]});
    if (pid < 0)
        (void)snprintf(ret->text, sizeof ret->text, "%s", strerror(errno));
    (void)close(excuse[1]);
    (void)close(status[1]);
    if (pid > 0 && read(excuse[0], ret, sizeof *ret) != (ssize_t)sizeof *ret)
        *ret = (struct excuse){.text = ""};
    (void)close(excuse[0]);
    *ret_status = status[0];
    return pid;
}

// --- the end

// Our own children, orphans that came to us included, are told to end; false: it has none.
static bool kill_children(void) {
    char path[64], text[4096];
    (void)snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (char *at = text, *end; *at; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        // Cut at the buffer's end the last number may be another's: ours alone can be waited for.
        siginfo_t info;
        if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            (void)kill((pid_t)pid, SIGKILL);
        while (*end == ' ')
            end++;
    }
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    return waitpid(-1, NULL, WNOHANG) == 0;
}

static void kill_all(pid_t leader) {
    const struct timespec pause = {0, 2 * MS};
    uint64_t until = env_now_mono_ns() + (uint64_t)CLI_SUPERVISE_KILL_MS * MS;
    if (leader > 0)
        (void)kill(-leader, SIGKILL);
    while (kill_children() && env_now_mono_ns() < until)
        (void)nanosleep(&pause, NULL);
}

// Until the leader has ended (its status), or 0 with what else happened.
static const char *watch(pid_t leader, const sigset_t *set, uint64_t until_ns, int *ret_status) {
    for (;;) {
        uint64_t now = env_now_mono_ns();
        if (now >= until_ns)
            return "timeout";
        const struct timespec left = {(time_t)((until_ns - now) / 1000000000U),
                                      (long)((until_ns - now) % 1000000000U)};
        int signum = sigtimedwait(set, NULL, &left);
        if (signum == SIGTERM || signum == SIGINT)
            return "cancelled";
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == leader) {
                *ret_status = status;
                return NULL;
            }
    }
}

static void tell_status(int status) {
    char number[32];
    (void)snprintf(number, sizeof number, "%d",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    tell(WIFEXITED(status) ? "exit " : "signal ", number);
}

static void run(struct order *o, const sigset_t *set, uint64_t until) {
    struct excuse why;
    int from, status = 0, its_own;
    pid_t leader = begin(o, &from, &why);
    if (why.isolation && !o->required) {
        tell("open ", why.text);
        (void)close(from);
        o->isolate = false;
        leader = begin(o, &from, &why);
    } else if (o->isolate && !why.isolation) {
        tell("isolated", "");
    }
    const char *stopped = why.text[0] ? NULL : watch(leader, set, until, &status);
    kill_all(leader);
    if (o->isolate && read(from, &its_own, sizeof its_own) == (ssize_t)sizeof its_own)
        status = its_own;
    (void)close(from);
    if (why.isolation)
        tell("closed ", why.text);
    else if (why.text[0])
        tell("error ", why.text);
    else if (stopped)
        tell(stopped, "");
    else
        tell_status(status);
}

int cli_supervise(int argc, char **argv) {
    struct order order = {.command = NULL};
    sigset_t set;
    if (argc < 6 || !read_order(argc, argv, &order))
        return CANNOT;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)prctl(PR_SET_DUMPABLE, 0); // the command cannot write our answer by /proc/PID/fd
    if (getppid() != (pid_t)strtol(argv[2], NULL, 10))
        return CANNOT; // it died before we asked to be told
    run(&order, &set, env_now_mono_ns() + strtoull(argv[3], NULL, 10) * 1000 * MS);
    return 0;
}
