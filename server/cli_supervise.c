#include "server/cli_supervise.h"

#include "core/base/env.h"

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

// In the new process; does not return.
static void become(char **argv, int failed_fd) {
    sigset_t none;
    const struct rlimit no_core = {0, 0}, file = {FILE_BYTES, FILE_BYTES};
    (void)sigemptyset(&none);
    (void)setsid(); // a group of its own, and no terminal
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setrlimit(RLIMIT_FSIZE, &file);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(PRINTED_FD, ANSWER_FD) >= 0)
        (void)execvp(argv[0], argv);
    int why = errno;
    (void)!write(failed_fd, &why, sizeof why);
    _exit(CANNOT);
}

static pid_t begin(char **argv, int *ret_why) {
    int ends[2];
    *ret_why = 0;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        *ret_why = errno;
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0)
        become(argv, ends[1]);
    if (pid < 0)
        *ret_why = errno;
    (void)close(ends[1]);
    if (pid > 0 && read(ends[0], ret_why, sizeof *ret_why) <= 0)
        *ret_why = 0;
    (void)close(ends[0]);
    return pid;
}

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

int cli_supervise(int argc, char **argv) {
    sigset_t set;
    char number[32];
    int why = 0, status = 0;
    if (argc < 5)
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
    uint64_t until = env_now_mono_ns() + strtoull(argv[3], NULL, 10) * 1000 * MS;
    pid_t leader = begin(argv + 4, &why);
    const char *stopped = why ? NULL : watch(leader, &set, until, &status);
    kill_all(leader);
    (void)snprintf(number, sizeof number, "%d",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    if (why)
        tell("error ", strerror(why));
    else if (stopped)
        tell(stopped, "");
    else
        tell(WIFEXITED(status) ? "exit " : "signal ", number);
    return 0;
}
