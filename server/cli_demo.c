// paired demo: a short story with real numbers. Real front ends over real pipes, a real engine, a
// profile of its own; every step is checked, so the exit code means something.
#include "server/cli_demo.h"

#include "core/base/build.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/stream.h"
#include "server/cli_client.h"
#include "server/cli_commands.h"
#include "server/cli_engine.h"
#include "server/cli_print.h"
#include "server/cli_setup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP_MS = 90000, STARTS = 30, CALLS = 2000, RECALLS = 500, KILLS = 5, STOP_MS = 8000 };
enum { STEP_WIDTH = 66, TEXT_WIDTH = 54 };

struct demo {
    const struct cli_line *line;
    struct err err;
    int failures;
    char workspace[DIRS_PATH_BYTES_MAX];
    char profile[DEMO_PATH_BYTES];
    char marker[40]; // a word that stands in one note and nowhere else
    struct demo_facts facts;
    struct cli_client *a, *b;
    double cold_us, gap_us;
    struct demo_scan scan;
    struct demo_samples starts, calls, recalls, gaps;
    char shown[128];
    json_t *agents, *friends; // times of their answers
};

static volatile sig_atomic_t stopped; // asked to end: the story goes no further

// --- telling -----------------------------------------------------------------------------------

__attribute__((format(printf, 2, 3))) static void tell(const struct demo *d, const char *format,
                                                       ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!d->line->json)
        cli_out_text(text, strlen(text));
}

static void heading(const struct demo *d, int number, const char *text) {
    if (!d->line->json)
        cli_out("\n%s%d  %s%s\n", cli_style(CLI_BOLD), number, text, cli_style(CLI_RESET));
}

// One step with its time at the right.
static void step(const struct demo *d, const char *what, double us) {
    if (d->line->json)
        return;
    cli_out("   ");
    cli_out_text(what, strlen(what));
    int n = 0;
    for (const char *p = what; *p; p++)
        n += ((unsigned char)*p & 0xC0U) != 0x80U;
    cli_out("%*s%s%8.2f ms%s\n", n < STEP_WIDTH ? STEP_WIDTH - n : 1, "", cli_style(CLI_DIM),
            us / 1000, cli_style(CLI_RESET));
    (void)fflush(stdout);
}

// False, and said, when `fine` is not: the story goes on where it can.
static bool expect(struct demo *d, bool fine, const char *what) {
    if (fine)
        return true;
    d->failures++;
    if (!stopped) // what was interrupted needs no reason
        cli_error("demo: %s%s%s", what, d->err.message[0] ? ": " : "", d->err.message);
    d->err = (struct err){0};
    return false;
}

// A line of text, cut for the screen.
static const char *cut(struct demo *d, const char *text) {
    size_t n = text ? strcspn(text, "\n") : 0;
    size_t max = n < TEXT_WIDTH ? n : TEXT_WIDTH;
    while (max < n && max && ((unsigned char)text[max] & 0xC0U) == 0x80U)
        max--;
    (void)snprintf(d->shown, sizeof d->shown, "%.*s%s", (int)max, text ? text : "",
                   max < n ? "…" : "");
    return d->shown;
}

static double since_us(uint64_t start_ns) {
    return (double)(env_now_mono_ns() - start_ns) / 1000;
}

// --- clients and engine ------------------------------------------------------------------------

static bool open_client(struct demo *d, const char *name, bool legacy, struct cli_client **ret) {
    struct cli_client_config config = {.name = name,
                                       .workspace = d->workspace,
                                       .legacy = legacy,
                                       .silent = true,
                                       .deadline_ms = STEP_MS};
    return cli_client_open(&config, ret, &d->err) == 0;
}

// The structured answer of a tool, or NULL (said).
static json_t *use(struct demo *d, struct cli_client *c, const char *tool, json_t *arguments,
                   double *ret_us) {
    json_t *result = NULL;
    uint64_t start = env_now_mono_ns();
    int r = cli_client_tool(c, tool, arguments, &result, &d->err);
    if (ret_us)
        *ret_us = since_us(start);
    if (r == 0 && cli_client_failed(result)) {
        AUTO_FREE char *text = cli_client_text(result);
        (void)err_set(&d->err, ERR_INVAL, "%s", text ? text : "refused");
        r = ERR_INVAL;
    }
    json_t *found = r == 0 ? json_incref(json_object_get(result, "structuredContent")) : NULL;
    json_decref(result);
    (void)expect(d, found != NULL, tool);
    return found;
}

static int engine_pidfd(struct demo *d, pid_t *ret_pid) {
    struct cli_engine *e = NULL;
    uid_t uid;
    int pidfd = -1;
    if (cli_engine_open(d->line, false, &e, &d->err) < 0)
        return -1;
    if (unix_peer(cli_engine_fd(e), &uid, ret_pid, &d->err) == 0)
        pidfd = (int)syscall(SYS_pidfd_open, *ret_pid, 0);
    cli_engine_close(e);
    return pidfd;
}

static bool end_engine(struct demo *d, int signal_number, pid_t *ret_pid) {
    int pidfd = engine_pidfd(d, ret_pid);
    if (pidfd < 0)
        return false;
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    bool ended = syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) == 0 &&
                 poll(&p, 1, STOP_MS) == 1;
    (void)close(pidfd);
    if (ended)
        (void)waitpid(*ret_pid, NULL, WNOHANG); // it had become ours (demo_tree_begin)
    return ended;
}

// --- the story ---------------------------------------------------------------------------------

static void remember(struct demo *d, const char *kind, const char *subject, const char *text) {
    double us;
    char what[256];
    json_t *noted =
        use(d, d->a, "remember",
            json_pack("{ss ss ss}", "text", text, "kind", kind, "subject", subject), &us);
    (void)snprintf(what, sizeof what, "remember  %s", cut(d, text));
    if (noted)
        step(d, what, us);
    json_decref(noted);
}

static bool first_client(struct demo *d) {
    char text[700];
    uint64_t start = env_now_mono_ns();
    heading(d, 1, "A client like Claude Code starts paired (MCP 2026-07-28); no engine runs");
    if (!expect(d, open_client(d, "claude-code", false, &d->a), "first client"))
        return false;
    d->cold_us = since_us(start);
    step(d, "first answer; the engine was started on the way", d->cold_us);
    remember(d, "fact", "layout", d->facts.layout);
    if (d->facts.biggest[0]) {
        (void)snprintf(text, sizeof text, "The largest source file of %s is %s", d->facts.name,
                       d->facts.biggest);
        remember(d, "fact", "largest file", text);
    }
    (void)snprintf(text, sizeof text, "Codeword of the %s release: %s%s%s", d->facts.name,
                   d->marker, d->facts.branch[0] ? "; it is cut from branch " : "",
                   d->facts.branch);
    remember(d, "decision", "release codeword", text);
    return true;
}

// Recalls in B; true when `word` stands in a note of the answer.
static bool recall(struct demo *d, const char *query, const char *word, double *ret_us) {
    json_t *found = use(d, d->b, "recall", json_pack("{ss}", "query", query), ret_us);
    size_t i;
    json_t *note;
    bool seen = false;
    json_array_foreach(json_object_get(found, "notes"), i, note) {
        const char *text = json_string_value(json_object_get(note, "text"));
        if (!text || seen || !strstr(text, word))
            continue;
        seen = true;
        (void)cut(d, text);
    }
    json_decref(found);
    return seen;
}

static void show_recall(struct demo *d, const char *query, const char *word) {
    char what[256];
    double us;
    bool seen = recall(d, query, word, &us);
    (void)snprintf(what, sizeof what, "recall    \"%s\"", query);
    step(d, what, us);
    if (expect(d, seen, "recall did not find the note"))
        tell(d, "   →         %s\n", d->shown);
}

static bool second_client(struct demo *d) {
    uint64_t start = env_now_mono_ns();
    heading(d, 2, "A client like VS Code starts its own paired (MCP 2025-11-25) and knows it too");
    if (!expect(d, open_client(d, "Visual Studio Code", true, &d->b), "second client"))
        return false;
    step(d, "first answer, engine running", since_us(start));
    show_recall(d, "codeword release", d->marker);
    show_recall(d, "layout of the files", d->facts.name);
    return true;
}

static void kill_engine(struct demo *d) {
    pid_t old = 0, new = 0;
    double us = 0;
    char what[128];
    heading(d, 3, "The engine is killed (kill -9) and nobody tells the clients");
    if (!expect(d, end_engine(d, SIGKILL, &old), "the engine cannot be killed"))
        return;
    bool seen = recall(d, "codeword release", d->marker, &us);
    d->gap_us = us;
    int pidfd = engine_pidfd(d, &new);
    if (pidfd >= 0)
        (void)close(pidfd);
    (void)snprintf(what, sizeof what, "recall    same session; engine %d is gone, %d answers",
                   (int)old, (int)new);
    step(d, what, us);
    (void)expect(d, seen && new > 0 && new != old, "the answer after the kill is not right");
}

static void hand_over(struct demo *d) {
    double us;
    heading(d, 4, "The first hands its work over, the second goes on with it");
    json_t *saved = use(d, d->a, "handoff",
                        json_pack("{ss ss ss s[s]}", "title", "Look at the largest file", "next",
                                  "Read it from the top and note what it should not do", "question",
                                  "Is it one module or two?", "files",
                                  d->facts.biggest[0] ? d->facts.biggest : "README.md"),
                        &us);
    if (saved)
        step(d, "handoff   Look at the largest file", us);
    json_decref(saved);
    json_t *resumed = use(d, d->b, "resume", NULL, &us);
    const json_t *first = json_array_get(json_object_get(resumed, "handoffs"), 0);
    const char *next = json_string_value(json_object_get(first, "next"));
    step(d, "resume", us);
    if (expect(d, next && strncmp(next, "Read it", 7) == 0, "resume did not find the handoff"))
        tell(d, "   →         next: %s\n   →         open: %s\n", cut(d, next),
             json_string_value(json_object_get(first, "question")));
    json_decref(resumed);
}

static void search_disk(struct demo *d) {
    const char *words[] = {d->marker, "Codeword of the", "Read it from the top"};
    heading(d, 5, "What lies on the disk, while it is in use");
    uint64_t start = env_now_mono_ns();
    demo_scan(d->profile, words, COUNT_OF(words), &d->scan);
    char what[160];
    (void)snprintf(what, sizeof what, "%zu files, %llu KiB, searched for words of the notes",
                   d->scan.files, (unsigned long long)d->scan.bytes / 1024);
    step(d, what, since_us(start));
    if (expect(d, d->scan.hits == 0 && d->scan.files > 0, "a word of a note lies in clear text"))
        tell(d, "   →         not one of them is there\n");
}

static void ask_agents(struct demo *d) {
    heading(d, 6, "Seven agents look at this repository, without a model");
    int failed = demo_agents(d->a, d->line->json, &stopped, &d->agents);
    (void)expect(d, failed == 0 || stopped, "an agent did not answer");
}

// --- measuring ---------------------------------------------------------------------------------

static void measure_starts(struct demo *d) {
    for (int i = 0; i < STARTS && !stopped; i++) {
        struct cli_client *c = NULL;
        uint64_t start = env_now_mono_ns();
        if (!expect(d, open_client(d, "demo", i % 2 != 0, &c), "starting a client"))
            return;
        demo_sample(&d->starts, start);
        (void)expect(d, cli_client_close(c) == 0, "a client did not end in order");
    }
}

static void measure_calls(struct demo *d, const char *method, int count,
                          struct demo_samples *samples) {
    for (int i = 0; i < count && !stopped; i++) {
        json_t *result = NULL;
        json_t *params = samples == &d->recalls ? json_pack("{ss s{ss}}", "name", "recall",
                                                            "arguments", "query", "codeword")
                                                : NULL;
        uint64_t start = env_now_mono_ns();
        int r = cli_client_request(d->b, method, params, &result, &d->err);
        demo_sample(samples, start);
        json_decref(result);
        if (!expect(d, r == 0, method))
            return;
    }
}

static void measure_kills(struct demo *d) {
    for (int i = 0; i < KILLS && !stopped; i++) {
        pid_t pid;
        if (!expect(d, end_engine(d, SIGKILL, &pid), "the engine cannot be killed"))
            return;
        uint64_t start = env_now_mono_ns();
        if (!expect(d, recall(d, "codeword", d->marker, NULL), "an answer after a kill"))
            return;
        demo_sample(&d->gaps, start);
    }
}

static void row(const struct demo *d, const char *what, struct demo_samples *s) {
    double p50 = demo_percentile_us(s, 0.5);
    double p99 = demo_percentile_us(s, 0.99);
    if (!d->line->json)
        cli_out("   %-44s %6zu   %9.3f   %9.3f\n", what, s->count, p50 / 1000, p99 / 1000);
}

static void measure(struct demo *d) {
    heading(d, 7, "Timings on this machine");
    measure_calls(d, "ping", CALLS, &d->calls);
    measure_calls(d, "tools/call", RECALLS, &d->recalls);
    measure_starts(d);
    measure_kills(d);
    tell(d, "   %-44s %6s   %9s   %9s\n", "", "times", "median ms", "99 % ms");
    row(d, "client starts paired, to its first answer", &d->starts);
    row(d, "a call that does nothing, client to engine", &d->calls);
    row(d, "recall", &d->recalls);
    row(d, "engine killed, to the next answer", &d->gaps);
}

static void meet_friends(struct demo *d) {
    struct demo_friends how = {.folder = d->profile, .quiet = d->line->json, .stopped = &stopped};
    heading(d, 8, "Two people's engines meet: paired, a pattern shared and taken back");
    int failed = demo_friends(&how, &d->friends);
    (void)expect(d, failed == 0 || stopped, "two engines did not do what they should");
}

// --- beginning and end -------------------------------------------------------------------------

static void registration(struct demo *d) {
    char path[DEMO_PATH_BYTES] = "paired";
    heading(d, 9, "To have it in your tools");
    (void)cli_own_path(path, sizeof path);
    tell(d, "   %-14s %s setup claude-code\n", "Claude Code", path);
    tell(d, "   %-14s %s setup\n", "all others", path);
}

static json_t *percentiles(struct demo_samples *s) {
    return json_pack("{sI sf sf}", "count", (json_int_t)s->count, "p50_us",
                     demo_percentile_us(s, 0.5), "p99_us", demo_percentile_us(s, 0.99));
}

static void print_json(struct demo *d) {
    cli_out_json(json_pack(
        "{sb si ss sf sf s{sI sI sI} so so so so sO? sO?}", "ok", d->failures == 0, "failures",
        d->failures, "version", paired_version, "cold_start_us", d->cold_us, "killed_us", d->gap_us,
        "disk", "files", (json_int_t)d->scan.files, "bytes", (json_int_t)d->scan.bytes, "hits",
        (json_int_t)d->scan.hits, "start", percentiles(&d->starts), "call", percentiles(&d->calls),
        "recall", percentiles(&d->recalls), "after_kill", percentiles(&d->gaps), "agents_ms",
        d->agents, "friends_ms", d->friends));
}

static void interrupted(int signal_number) {
    (void)signal_number;
    stopped = 1; // whoever waits for a client is woken by the client's end, or by its answer
}

static bool begin(struct demo *d) {
    unsigned char random[6];
    // Not SA_RESTART, and not ended by it: engines and a profile have to be put away.
    struct sigaction action = {.sa_handler = interrupted};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    env_os_random(random, sizeof random);
    (void)snprintf(d->marker, sizeof d->marker, "heron-%02x%02x%02x%02x%02x%02x", random[0],
                   random[1], random[2], random[3], random[4], random[5]);
    if (!attach_workspace(d->line->workspace, d->workspace) &&
        !getcwd(d->workspace, sizeof d->workspace))
        return expect(d, false, "the current folder is not known");
    if (!expect(d, demo_tree_begin(&d->err) == 0 && demo_profile_new(d->profile, &d->err) == 0,
                "profile"))
        return false;
    demo_look(d->workspace, &d->facts);
    tell(d, "paired %s: two tools, one memory, shown on %s\n", paired_version, d->workspace);
    tell(
        d,
        "(the clients are played by this program, over real pipes; store, keys and sockets are in\n"
        "%s and removed at the end)\n",
        d->profile);
    return true;
}

static void end(struct demo *d) {
    pid_t pid;
    (void)cli_client_close(d->a);
    (void)cli_client_close(d->b);
    if (!d->profile[0])
        return;
    d->err = (struct err){0};
    (void)end_engine(d, SIGTERM,
                     &pid); // in order; what is starting yet has no socket to be asked at
    demo_tree_end(STOP_MS);
    demo_profile_remove(d->profile);
}

int cli_run_demo(const struct cli_line *line) {
    struct cli_line own = *line;
    own.profile = NULL; // PAIRED_PROFILE will be the demo's
    struct demo *d = mem_zalloc(sizeof *d);
    if (!d) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    d->line = &own;
    static void (*const rest[])(struct demo * d) = {
        kill_engine, hand_over, search_disk, ask_agents, measure, meet_friends, registration};
    if (begin(d) && !stopped && first_client(d) && !stopped && second_client(d))
        for (size_t i = 0; i < COUNT_OF(rest) && !stopped; i++)
            rest[i](d);
    end(d);
    d->failures += stopped && !d->failures;
    if (line->json)
        print_json(d);
    else if (stopped)
        cli_error("demo: interrupted; its engine and its profile are gone");
    else if (d->failures)
        cli_error("demo: %d of its steps failed", d->failures);
    int code = d->failures ? CLI_FAILED : CLI_OK;
    json_decref(d->agents);
    json_decref(d->friends);
    mem_free(d);
    return code;
}
