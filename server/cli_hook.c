// paired hook claude-code: what Claude Code's hooks run (editors/claude-code). The event comes as
// JSON on stdin. Whatever happens it ends with 0 and in time: a hook must never be in the way, so
// without an answer by then it says nothing. Nothing of it is shown to the person; what it prints
// goes to the model.
//   SessionStart  what was handed over last in this workspace
//   PostToolUse   findings on the lines that an Edit or Write has just changed
//   SessionEnd    a handoff with the files that the session edited, unless it saved one itself
// Source: code.claude.com/docs/en/hooks (events, their fields, hookSpecificOutput).
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_engine.h"
#include "server/cli_print.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    HOOK_MS = 180, // from start to end, an engine that has to be started included
    EVENT_BYTES_MAX = 32 * 1024 * 1024,
    CONTEXT_BYTES_MAX = 4 * 1024,
    FINDINGS_MAX = 5,
    RANGES_MAX = 64,
    TRANSCRIPT_TAIL_BYTES = 8 * 1024 * 1024,
    FILES_MAX = 20,
    TITLE_BYTES = 100
};

struct hook {
    const struct cli_line *line;
    json_t *event;
    char root[DIRS_PATH_BYTES_MAX]; // of the workspace
};

static void out_of_time(int signum) {
    (void)signum;
    _exit(0);
}

// PAIRED_TEST_HOOK_MS: with sanitizers, on a busy machine.
static void limit_time(void) {
    const char *test = getenv("PAIRED_TEST_HOOK_MS");
    long ms = test ? strtol(test, NULL, 10) : 0;
    if (ms < 1 || ms > 60 * 1000)
        ms = HOOK_MS;
    struct itimerval when = {.it_value = {ms / 1000, ms % 1000 * 1000}};
    (void)signal(SIGALRM, out_of_time);
    (void)setitimer(ITIMER_REAL, &when, NULL);
}

static json_t *read_event(void) {
    AUTO_BUF text = BUF_INIT(EVENT_BYTES_MAX);
    int r = io_read_all(STDIN_FILENO, &text);
    return r == 0 && text.len ? json_loadb(text.data, text.len, 0, NULL) : NULL;
}

static const char *text_at(const json_t *object, const char *name) {
    const char *s = json_string_value(json_object_get(object, name));
    return s ? s : "";
}

// The answer of a capability, or NULL. Takes the arguments.
static json_t *ask(const struct hook *h, const char *capability, json_t *arguments) {
    struct cli_engine *engine = NULL;
    json_t *answer = NULL;
    struct cli_line line = *h->line;
    line.workspace = h->root;
    line.client = "claude-code";
    line.quiet = true;
    if (!arguments || cli_engine_open(&line, true, &engine, NULL) < 0) {
        json_decref(arguments);
        return NULL;
    }
    (void)cli_engine_call(engine,
                          &(struct cli_call){.capability = capability, .arguments = arguments},
                          &answer, NULL);
    cli_engine_close(engine);
    return answer;
}

static void tell_model(const char *event, const char *text, size_t n) {
    n = utf_cut(text, n, CONTEXT_BYTES_MAX);
    cli_out_json(json_pack("{sb s{ss ss%}}", "suppressOutput", 1, "hookSpecificOutput",
                           "hookEventName", event, "additionalContext", text, n));
}

// --- the beginning -----------------------------------------------------------------------------

static void at_start(const struct hook *h) {
    AUTO_BUF text = BUF_INIT(64 * 1024);
    const char *source = text_at(h->event, "source");
    // After a resume or compaction the session knows where it stands.
    if (strcmp(source, "startup") != 0 && strcmp(source, "clear") != 0)
        return;
    json_t *answer = ask(h, "resume", json_pack("{si}", "limit", 1));
    const json_t *structured = json_object_get(answer, "structured");
    if (json_array_size(json_object_get(structured, "handoffs"))) {
        (void)buf_puts(&text, "paired, the user's own memory: what was handed over last in this "
                              "workspace. Only if the user wants to go on with it.\n");
        (void)buf_puts(&text, text_at(answer, "text"));
        if (!text.failed)
            tell_model("SessionStart", text.data, text.len);
    }
    json_decref(answer);
}

// --- after an edit -----------------------------------------------------------------------------

struct ranges {
    struct {
        json_int_t from, to;
    } items[RANGES_MAX];
    size_t count; // 0: the whole file
};

static void edited_lines(const json_t *event, struct ranges *ret) {
    const json_t *patch =
        json_object_get(json_object_get(event, "tool_response"), "structuredPatch");
    ret->count = 0;
    for (size_t i = 0; i < json_array_size(patch) && ret->count < RANGES_MAX; i++) {
        const json_t *hunk = json_array_get(patch, i);
        json_int_t from = json_integer_value(json_object_get(hunk, "newStart"));
        json_int_t lines = json_integer_value(json_object_get(hunk, "newLines"));
        ret->items[ret->count].from = from;
        ret->items[ret->count++].to = from + (lines > 0 ? lines - 1 : 0);
    }
}

static bool touches(const struct ranges *r, const json_t *finding) {
    json_int_t from = json_integer_value(json_object_get(finding, "line"));
    json_int_t to = json_integer_value(json_object_get(finding, "end_line"));
    for (size_t i = 0; i < r->count; i++)
        if (from <= r->items[i].to && (to > from ? to : from) >= r->items[i].from)
            return true;
    return r->count == 0;
}

static void put_finding(struct buf *out, const json_t *f) {
    (void)buf_printf(out, "- line %lld, %s: %s [%s]\n",
                     (long long)json_integer_value(json_object_get(f, "line")),
                     text_at(f, "severity"), text_at(f, "message"), text_at(f, "rule"));
    if (*text_at(f, "repair"))
        (void)buf_printf(out, "  %s\n", text_at(f, "repair"));
}

// The path as the workspace knows it, or NULL for a file outside of it.
static const char *inside(const struct hook *h, const char *path, char real[PATH_MAX]) {
    size_t n = strlen(h->root);
    if (path[0] != '/' || !realpath(path, real))
        return NULL;
    return n > 1 && strncmp(real, h->root, n) == 0 && real[n] == '/' ? real + n + 1 : NULL;
}

static void after_edit(const struct hook *h) {
    char real[PATH_MAX];
    struct ranges lines;
    AUTO_BUF text = BUF_INIT(64 * 1024);
    size_t found = 0;
    const char *file = text_at(json_object_get(h->event, "tool_input"), "file_path");
    const char *path = inside(h, file, real);
    if (!path)
        return;
    edited_lines(h->event, &lines);
    json_t *answer = ask(h, "sherlock.review", json_pack("{ss}", "path", path));
    const json_t *items = json_object_get(json_object_get(answer, "structured"), "items");
    (void)buf_printf(&text, "paired (Sherlock) on the lines just edited in %s:\n", path);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *f = json_array_get(items, i);
        if (touches(&lines, f) && found++ < FINDINGS_MAX)
            put_finding(&text, f);
    }
    if (found > FINDINGS_MAX)
        (void)buf_printf(&text, "- and %zu more: the tool review has them\n", found - FINDINGS_MAX);
    if (found && !text.failed)
        tell_model("PostToolUse", text.data, text.len);
    json_decref(answer);
}

// --- the end -----------------------------------------------------------------------------------

struct session { // as its transcript tells it
    json_t *files;
    char prompt[TITLE_BYTES + 1]; // the last one of the user's, its first line
    bool handed_over;
};

static void take_prompt(struct session *s, const char *text) {
    size_t n = strcspn(text, "\r\n");
    if (!n || text[0] == '<' || text[0] == '[') // what the client itself puts there
        return;
    n = utf_cut(text, n, TITLE_BYTES);
    memcpy(s->prompt, text, n);
    s->prompt[n] = '\0';
}

static void take_tool(const struct hook *h, struct session *s, const json_t *use) {
    char real[PATH_MAX];
    const char *name = text_at(use, "name");
    size_t n = strlen(name);
    if (n > 9 && strcmp(name + n - 9, "__handoff") == 0 && strstr(name, "paired"))
        s->handed_over = true;
    if (strcmp(name, "Edit") != 0 && strcmp(name, "Write") != 0 && strcmp(name, "MultiEdit") != 0)
        return;
    const char *path = inside(h, text_at(json_object_get(use, "input"), "file_path"), real);
    for (size_t i = 0; path && i < json_array_size(s->files); i++)
        if (strcmp(json_string_value(json_array_get(s->files, i)), path) == 0)
            return;
    if (path && json_array_size(s->files) < FILES_MAX)
        (void)json_array_append_new(s->files, json_string(path));
}

static void take_line(const struct hook *h, struct session *s, const char *line, size_t n) {
    // Most lines are results and thoughts: only those that can matter are parsed.
    if (!memmem(line, n, "\"tool_use\"", 10) && !memmem(line, n, "\"user\"", 6))
        return;
    json_t *entry = json_loadb(line, n, 0, NULL);
    const json_t *content = json_object_get(json_object_get(entry, "message"), "content");
    bool user = strcmp(text_at(entry, "type"), "user") == 0;
    if (user && json_is_string(content))
        take_prompt(s, json_string_value(content));
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *block = json_array_get(content, i);
        if (strcmp(text_at(block, "type"), "tool_use") == 0)
            take_tool(h, s, block);
        else if (user && strcmp(text_at(block, "type"), "text") == 0)
            take_prompt(s, text_at(block, "text"));
    }
    json_decref(entry);
}

// Its last part: a long session's beginning does not say where it stopped.
static void read_transcript(const struct hook *h, struct session *s) {
    struct stat st;
    int fd = open(text_at(h->event, "transcript_path"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    AUTO_FREE char *text = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        size_t n = st.st_size > TRANSCRIPT_TAIL_BYTES ? TRANSCRIPT_TAIL_BYTES : (size_t)st.st_size;
        text = mem_alloc(n);
        ssize_t got = text ? pread(fd, text, n, st.st_size - (off_t)n) : -1;
        for (ssize_t at = 0; at < got;) {
            const char *end = memchr(text + at, '\n', (size_t)(got - at));
            ssize_t stop = end ? end - text : got;
            take_line(h, s, text + at, (size_t)(stop - at));
            at = stop + 1;
        }
    }
    (void)close(fd);
}

static void at_end(const struct hook *h) {
    struct session s = {.files = json_array()};
    read_transcript(h, &s);
    size_t count = json_array_size(s.files);
    if (count && !s.handed_over) {
        char title[TITLE_BYTES + 64], next[160];
        (void)snprintf(title, sizeof title, "Claude Code: %s",
                       s.prompt[0] ? s.prompt : "a session without a handoff of its own");
        (void)snprintf(next, sizeof next,
                       "Look over the %zu file%s that the session edited; it ended without saying "
                       "what comes next.",
                       count, count == 1 ? "" : "s");
        json_decref(ask(h, "handoff",
                        json_pack("{ss ss sO}", "title", title, "next", next, "files", s.files)));
    }
    json_decref(s.files);
}

int cli_run_hook(const struct cli_line *line) {
    struct hook h = {.line = line};
    limit_time();
    if (strcmp(line->operands[0], "claude-code") != 0 || !(h.event = read_event()))
        return CLI_OK;
    const char *event = text_at(h.event, "hook_event_name"), *cwd = text_at(h.event, "cwd");
    const char *wanted = line->workspace ? line->workspace : *cwd ? cwd : NULL;
    if (attach_workspace(wanted, h.root)) {
        if (strcmp(event, "SessionStart") == 0)
            at_start(&h);
        else if (strcmp(event, "PostToolUse") == 0)
            after_edit(&h);
        else if (strcmp(event, "SessionEnd") == 0)
            at_end(&h);
    }
    json_decref(h.event);
    return CLI_OK;
}
