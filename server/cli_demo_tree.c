#include "server/cli_demo.h"

#include "core/base/env.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEP_MS = 2 };
static const uint64_t NS_PER_MS = 1000000;

int demo_tree_begin(struct err *err) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot look after the demo's processes");
    return 0;
}

// The kernel's own list of our children: an engine does not let others look into its /proc entry.
// False where the kernel keeps no such list (CONFIG_PROC_CHILDREN).
static bool signal_children(int signal_number) {
    char path[64];
    int pid;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    // One that has ended stays in the list until it is waited for: no number is another's by now.
    while (fscanf(f, "%d", &pid) == 1)
        (void)kill(pid, signal_number);
    (void)fclose(f);
    return true;
}

// False when there are none any more.
static bool collect(void) {
    pid_t pid;
    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

void demo_tree_end(unsigned ms) {
    uint64_t until = env_now_mono_ns() + ms * NS_PER_MS;
    // Again in each round: one that was told may have left a child of its own in between.
    while (collect()) {
        bool late = env_now_mono_ns() >= until;
        bool told = signal_children(late ? SIGKILL : SIGTERM);
        if (late && !told)
            return;
        struct timespec pause = {.tv_nsec = STEP_MS * 1000000};
        (void)nanosleep(&pause, NULL);
    }
}
