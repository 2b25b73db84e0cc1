// One program, several parts: what a client spawns (front end), what that starts (engine), and the
// command line. cli.h takes the arguments apart; here they become a part to play.
#include "core/base/mem.h"
#include "server/attach.h"
#include "server/attach_start.h"
#include "server/cli.h"
#include "server/cli_commands.h"
#include "server/cli_supervise.h"
#include "server/engine.h"
#include "server/frontend.h"
#include "server/frontend_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAKE_OVER_STEP_MS = 20, LOCK_WAIT_MS = 7000, LOCK_WAIT_SERVICE_MS = 45000 };

// Answers whoever waits for us, as engine_ready() of the library would.
static int refuse_start(int ready_fd, const struct err *err) {
    char line[ERR_MESSAGE_BYTES_MAX + 16];
    int n = snprintf(line, sizeof line, "E%d %s", err->code, err_text(err));
    if (ready_fd >= 0)
        (void)!write(ready_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    (void)fprintf(stderr, "paired engine: %s\n", err_text(err));
    return err->code == ERR_BUSY ? CLI_TRY_AGAIN : CLI_FAILED;
}

// The process that the front end spawned leaves at once and this one goes on, a child of init: a
// client that kills the whole tree of its descendants must not hit the engine of all the others.
static void leave_tree(void) {
    pid_t pid = fork();
    if (pid > 0)
        _exit(0);
    // Without a second process the first one will do.
}

// A service takes the place of the engine that a client happened to start. Clients, which come back
// to whoever is there, wait meanwhile: they start an engine under this lock only.
static int take_over(const struct cli_line *line, const struct dirs *dirs, struct err *err) {
    int start = -1;
    for (int i = 0; start < 0 && i < LOCK_WAIT_SERVICE_MS / TAKE_OVER_STEP_MS; i++) {
        start = attach_try_lock(dirs->runtime, ATTACH_START_LOCK, err);
        if (start < 0 && start != ERR_BUSY)
            return start;
        if (start < 0)
            (void)usleep(TAKE_OVER_STEP_MS * 1000);
    }
    int lock = attach_lock_engine(dirs, 0, err);
    if (lock == ERR_BUSY && cli_run_stop(line) == CLI_OK)
        lock = attach_lock_engine(dirs, LOCK_WAIT_SERVICE_MS, err);
    if (start >= 0)
        (void)close(start);
    return lock;
}

static int run_engine(const struct cli_line *line) {
    bool federate = strcmp(line->command->name, "federate") == 0;
    const char *ready = cli_value(line, "ready-fd");
    int ready_fd = ready ? (int)strtol(ready, NULL, 10) : -1;
    struct dirs dirs;
    struct err err = {0};
    engine_main_fn *run = NULL;
    if (ready_fd >= 0)
        leave_tree();
    (void)umask(0077);
    int lock = attach_dirs(line->profile, &dirs, &err);
    // An older engine that drains, or one whose socket was taken over, needs its time to leave.
    if (lock == 0 && federate)
        lock = take_over(line, &dirs, &err);
    else if (lock == 0)
        lock = attach_lock_engine(&dirs, ready_fd >= 0 ? LOCK_WAIT_MS : LOCK_WAIT_SERVICE_MS, &err);
    // Not in the way of a file system that the first client happened to be on.
    if (lock < 0 || frontend_load_engine(&run, &err) < 0 || chdir("/") < 0)
        return refuse_start(ready_fd, &err);
    struct engine_start start = {.dirs = &dirs,
                                 .ready_fd = ready_fd,
                                 .lock_fd = lock,
                                 .client_fd = -1,
                                 .federate = federate};
    return run(&start);
}

static int run_frontend(const struct cli_line *line, const char *role) {
    struct frontend_config config = {.role = role,
                                     .profile = line->profile,
                                     .workspace = line->workspace,
                                     .options =
                                         cli_given(line, "fixtures") ? "{\"fixtures\":true}" : NULL,
                                     .standalone = line->standalone,
                                     .argv = line->argv};
    return frontend_run(&config);
}

int main(int argc, char **argv) {
    mem_init_json();
    // Started by a client that says nothing about itself: what it sends will tell.
    if (argc == 1 && !isatty(STDIN_FILENO))
        return frontend_run(&(struct frontend_config){.role = "mcp", .detect = true, .argv = argv});
    if (argc > 1 && strcmp(argv[1], CLI_SUPERVISE) == 0)
        return cli_supervise(argc, argv);
    // As a service is told: the command's name, written as an option.
    if (argc > 1 && strcmp(argv[argc - 1], "--federate") == 0)
        argv[argc - 1] = (char *)(uintptr_t) "federate";
    struct cli_line line;
    int exit_code = CLI_FAILED;
    if (!cli_parse(argc, argv, &line, &exit_code))
        return exit_code;
    switch (line.command->role) {
    case CLI_ROLE_MCP:
        return run_frontend(&line, "mcp");
    case CLI_ROLE_LSP:
        return run_frontend(&line, "lsp");
    case CLI_ROLE_ACP:
        return run_frontend(&line, "acp");
    case CLI_ROLE_ENGINE:
        return run_engine(&line);
    case CLI_ROLE_COMMAND:
        break;
    }
    return cli_run(&line);
}
