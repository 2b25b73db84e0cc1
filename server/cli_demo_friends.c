// The part of `paired demo` in which two people's engines meet: two profiles, two processes of
// everything, on this machine's loopback. Each step is a command as a user types it.
#include "server/cli_demo.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"
#include "server/cli_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
    ARGUMENTS_MAX = 16,
    OUT_BYTES_MAX = 4 * 1024 * 1024,
    COMMAND_MS = 90 * 1000,
    WAIT_MS = 20 * 1000
};
enum { STEP_MS = 20, WIDTH = 66, PEOPLE = 2 };

struct friends {
    struct demo_friends *how;
    char program[DEMO_PATH_BYTES];
    char profile[PEOPLE][DEMO_PATH_BYTES + 8];
    int failures;
    json_t *times;
};
enum { ADA, GRACE };
static const char *const names[PEOPLE] = {"ada", "grace"};

// --- commands ------------------------------------------------------------------------------------

struct command {
    pid_t pid;
    int out;
    struct buf text;
};

static bool start(struct friends *f, int who, const char *const *words, struct command *ret) {
    const char *argv[ARGUMENTS_MAX + 4] = {f->program, "--profile", f->profile[who]};
    size_t n = 3;
    int fds[2];
    posix_spawn_file_actions_t actions;
    while (*words && n < ARGUMENTS_MAX + 2)
        argv[n++] = *words++;
    argv[n++] = "--json";
    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int e =
        posix_spawn(&ret->pid, f->program, &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fds[1]);
    ret->out = fds[0];
    ret->text = BUF_INIT(OUT_BYTES_MAX);
    if (e)
        (void)close(fds[0]);
    return e == 0;
}

// Until the end of what it says, or a whole line when `line`. False: too late, or too much.
static bool hear(struct friends *f, struct command *c, bool line) {
    uint64_t until = env_now_mono_ns() + (uint64_t)COMMAND_MS * 1000000;
    while (!*f->how->stopped && env_now_mono_ns() < until) {
        char part[4096];
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        if (line && c->text.len && memchr(c->text.data, '\n', c->text.len))
            return true;
        if (poll(&p, 1, 100) <= 0)
            continue;
        ssize_t n = read(c->out, part, sizeof part);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 && !line;
        if (buf_append(&c->text, part, (size_t)n) < 0)
            return false;
    }
    return false;
}

// The last JSON document that it said, the caller's, or NULL; *ret_code may be NULL.
static json_t *finish(struct friends *f, struct command *c, int *ret_code) {
    int status = -1;
    bool whole = hear(f, c, false);
    if (!whole)
        (void)kill(c->pid, SIGTERM);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)close(c->out);
    size_t n = c->text.len;
    while (n && c->text.data[n - 1] == '\n')
        n--;
    size_t at = n;
    while (at && c->text.data[at - 1] != '\n')
        at--;
    json_t *said = n ? json_loadb(c->text.data + at, n - at, 0, NULL) : NULL;
    buf_done(&c->text);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
    if (ret_code)
        *ret_code = code;
    else if (code != CLI_OK) {
        json_decref(said);
        said = NULL;
    }
    return whole ? said : NULL;
}

static json_t *run(struct friends *f, int who, const char *const *words) {
    struct command c;
    return start(f, who, words, &c) ? finish(f, &c, NULL) : NULL;
}
#define RUN(f, who, ...) run((f), (who), (const char *const[]){__VA_ARGS__, NULL})

// --- what is shown -------------------------------------------------------------------------------

static void show(struct friends *f, int who, const char *command, uint64_t since_ns, bool good) {
    double ms = (double)(env_now_mono_ns() - since_ns) / 1e6;
    f->failures += !good;
    (void)json_object_set_new(f->times, command, json_real(ms));
    if (f->how->quiet)
        return;
    cli_out("   %-6s $ paired %-*s %9.2f ms%s\n", names[who], WIDTH - 18, command, ms,
            good ? "" : "   FAILED");
}

static void note(struct friends *f, const char *what, const char *text) {
    if (f->how->quiet)
        return;
    cli_out("   →  %s", what);
    cli_out_text(text, strlen(text));
    cli_out("\n");
}

// --- steps ---------------------------------------------------------------------------------------

static bool turn_on(struct friends *f) {
    for (int who = 0; who < PEOPLE; who++) {
        // Nothing is to leave this machine: neither a beacon nor a question to the network.
        json_t *off = RUN(f, who, "config", "set", "federation.discovery", "off");
        uint64_t since = env_now_mono_ns();
        json_t *on = RUN(f, who, "federation", "on");
        bool good = off && strcmp(cli_models_word(on, "state"), "running") == 0;
        show(f, who, "federation on", since, good);
        json_decref(off);
        json_decref(on);
        if (!good)
            return false;
    }
    return true;
}

static bool pair(struct friends *f) {
    struct command host;
    char at[64];
    uint64_t since = env_now_mono_ns();
    if (!start(f, ADA,
               (const char *const[]){"pair", "--name", "Ada", "--give", "pattern,task", "--want",
                                     "pattern", "--yes", NULL},
               &host))
        return false;
    json_t *first = hear(f, &host, true)
                        ? json_loadb(host.text.data, strcspn(host.text.data, "\n"), 0, NULL)
                        : NULL;
    (void)snprintf(at, sizeof at, "127.0.0.1:%lld",
                   (long long)json_integer_value(json_object_get(first, "port")));
    json_t *guest =
        first ? RUN(f, GRACE, "pair", cli_models_word(first, "code"), "--at", at, "--name", "Grace",
                    "--give", "pattern", "--want", "pattern,task", "--yes")
              : NULL;
    int code = CLI_FAILED;
    json_t *end = finish(f, &host, &code);
    bool good = guest && end && code == CLI_OK;
    show(f, ADA, "pair", since, good);
    note(f, "the code that is said over the phone: ", cli_models_word(first, "code"));
    note(f, "both are shown who the other is: Grace is ", cli_models_word(end, "short"));
    json_decref(first);
    json_decref(guest);
    json_decref(end);
    return good;
}

// The first pattern of this repository that can go.
static bool share_pattern(struct friends *f, char id[80]) {
    uint64_t since = env_now_mono_ns();
    json_t *made = RUN(f, ADA, "share", "pattern", "--all");
    const json_t *first = json_array_get(json_object_get(made, "bodies"), 0);
    const char *pattern = cli_models_word(first, "id");
    show(f, ADA, "share pattern --all", since, first != NULL);
    if (!first) {
        json_decref(made);
        return false;
    }
    note(f, "mined here; of the first these bytes would leave, and nothing else:", "");
    const char *body =
        strstr(cli_models_word(first, "body"), "\n\n"); // behind language, rule and counts
    body = body ? body + 2 : "";
    for (int line = 0; line < 4 && *body && !f->how->quiet; line++) {
        size_t n = strcspn(body, "\n");
        cli_out("   |  ");
        cli_out_text(body, n > 100 ? 100 : n);
        cli_out("\n");
        body += n + (body[n] == '\n');
    }
    since = env_now_mono_ns();
    json_t *sent = RUN(f, ADA, "share", "pattern", pattern, "--to", "Grace", "--yes");
    const json_t *item = json_array_get(json_object_get(sent, "shared"), 0);
    (void)snprintf(id, 80, "%s", cli_models_word(item, "id"));
    show(f, ADA, "share pattern ID --to Grace --yes", since, *id != 0);
    json_decref(made);
    json_decref(sent);
    return *id != 0;
}

// Until there are `n` of them.
static json_t *arrivals(struct friends *f, size_t n) {
    uint64_t until = env_now_mono_ns() + (uint64_t)WAIT_MS * 1000000;
    for (;;) {
        json_t *found = RUN(f, GRACE, "arrivals");
        if (json_array_size(json_object_get(found, "records")) == n)
            return found;
        json_decref(found);
        if (*f->how->stopped || env_now_mono_ns() > until)
            return NULL;
        (void)nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
    }
}

static bool see_it(struct friends *f) {
    uint64_t since = env_now_mono_ns();
    json_t *found = arrivals(f, 1);
    const json_t *a = json_array_get(json_object_get(found, "records"), 0);
    show(f, GRACE, "arrivals", since, found != NULL);
    if (a)
        note(f, "from ", cli_models_word(a, "from"));
    json_decref(found);
    return a != NULL;
}

static bool take_back(struct friends *f, const char *id) {
    uint64_t since = env_now_mono_ns();
    json_t *gone = RUN(f, ADA, "share", "revoke", id), *none = NULL;
    show(f, ADA, "share revoke ID", since, gone != NULL);
    since = env_now_mono_ns();
    none = gone ? arrivals(f, 0) : NULL;
    show(f, GRACE, "arrivals", since, none != NULL);
    if (none)
        note(f, "it is gone there, too", "");
    since = env_now_mono_ns();
    uint64_t until = since + (uint64_t)WAIT_MS * 1000000;
    size_t receipts = 0;
    while (none && !receipts && !*f->how->stopped && env_now_mono_ns() < until) {
        json_t *list = RUN(f, ADA, "share", "list", id);
        const json_t *one = json_array_get(json_object_get(list, "records"), 0);
        receipts = json_array_size(json_object_get(one, "receipts"));
        json_decref(list);
    }
    show(f, ADA, "share list ID", since, receipts > 0);
    if (receipts)
        note(f, "Grace's device has signed that it deleted it", "");
    json_decref(gone);
    json_decref(none);
    return receipts > 0;
}

static bool verify(struct friends *f) {
    uint64_t since = env_now_mono_ns();
    json_t *found = RUN(f, ADA, "audit", "verify");
    char entries[64];
    (void)snprintf(entries, sizeof entries, "%lld",
                   (long long)json_integer_value(json_object_get(found, "entries")));
    show(f, ADA, "audit verify", since, found != NULL);
    if (found)
        note(f, "every grant, send and arrival is in the log, unchanged; entries: ", entries);
    json_decref(found);
    return found != NULL;
}

static void end(struct friends *f) {
    for (int who = 0; who < PEOPLE; who++)
        json_decref(RUN(f, who, "stop"));
}

int demo_friends(struct demo_friends *how, json_t **ret_times) {
    struct friends f = {.how = how, .times = json_object()};
    char id[80] = "";
    if (cli_own_path(f.program, sizeof f.program) < 0 || !f.times)
        return 1;
    for (int who = 0; who < PEOPLE; who++)
        (void)snprintf(f.profile[who], sizeof f.profile[who], "%s/%s", how->folder, names[who]);
    bool good = turn_on(&f) && pair(&f) && share_pattern(&f, id) && see_it(&f) &&
                take_back(&f, id) && verify(&f);
    end(&f);
    *ret_times = f.times;
    return f.failures + (!good && !f.failures);
}
