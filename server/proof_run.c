// One command of the user's in the copy, and how it ended.
#include "core/base/child.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/cli_supervise.h"
#include "server/proof.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { USUAL_MAX = 16, ENVIRONMENT_MAX = USUAL_MAX + CONF_CHECK_NAMES_MAX + 4 };
enum {
    OPTIONS_MAX = CONF_CHECK_WRITABLE_MAX + PROOF_HIDDEN_MAX + 4, // paths: copy, caches, kept
    WORDS_MAX = 4 + 1 + OPTIONS_MAX + 1 + CONF_CHECK_WORDS_MAX + 1
};
_Static_assert((int)WORDS_MAX <= (int)CHILD_ARGUMENTS_MAX, "more words than a program gets");

// --- its environment

static const char *const usual[] = {"PATH", "HOME",   "USER", "LOGNAME",  "SHELL",
                                    "LANG", "LC_ALL", "TZ",   "LC_CTYPE", "LD_LIBRARY_PATH"};

// A key of a backend is not passed on, by whatever name somebody asks for it.
static bool is_secret(const struct proof_want *want, const char *name) {
    static const char *const ends[] = {"_KEY", "_TOKEN", "_SECRET", "_PASSWORD"};
    size_t n = strlen(name);
    for (size_t i = 0; want->secrets && want->secrets[i]; i++)
        if (strcmp(want->secrets[i], name) == 0)
            return true;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (n >= strlen(ends[i]) && strcasecmp(name + n - strlen(ends[i]), ends[i]) == 0)
            return true;
    return strncasecmp(name, "PAIRED_", 7) == 0;
}

struct environment {
    char *items[ENVIRONMENT_MAX + 1];
    size_t count;
    bool failed;
};

static void put(struct environment *e, const char *name, const char *value) {
    if (!value || e->count >= ENVIRONMENT_MAX)
        return;
    char *one = mem_format("%s=%s", name, value);
    e->failed |= !one;
    if (one)
        e->items[e->count++] = one;
}

static void fill(struct environment *e, const struct proof_want *want,
                 const struct conf_check *check, const char *tree) {
    AUTO_FREE char *scratch = mem_format("%.*s/tmp", (int)(strrchr(tree, '/') - tree), tree);
    for (size_t i = 0; i < COUNT_OF(usual); i++)
        put(e, usual[i], getenv(usual[i]));
    for (size_t i = 0; check->environment[i]; i++)
        if (!is_secret(want, check->environment[i]))
            put(e, check->environment[i], getenv(check->environment[i]));
    e->failed |= !scratch;
    put(e, "TMPDIR", scratch);
    put(e, "TERM", "dumb");
    put(e, "CHECKED_WORKSPACE", workspace_root(want->workspace));
}

// --- what it prints: the beginning and the end

struct printed {
    char head[PROOF_OUTPUT_BYTES / 4], tail[PROOF_OUTPUT_BYTES * 3 / 4];
    size_t head_bytes;
    uint64_t tail_bytes; // that came, of which the last ones are in `tail`
};

static int on_output(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct printed *p = ctx;
    size_t room = sizeof p->head - p->head_bytes, first = n < room ? n : room;
    (void)err;
    memcpy(p->head + p->head_bytes, bytes, first);
    p->head_bytes += first;
    bytes += first;
    n -= first;
    if (n > sizeof p->tail) {
        p->tail_bytes += n - sizeof p->tail;
        bytes += n - sizeof p->tail;
        n = sizeof p->tail;
    }
    while (n) {
        size_t at = (size_t)(p->tail_bytes % sizeof p->tail);
        size_t part = n < sizeof p->tail - at ? n : sizeof p->tail - at;
        memcpy(p->tail + at, bytes, part);
        p->tail_bytes += part;
        bytes += part;
        n -= part;
    }
    return 0;
}

static void put_printed(const struct printed *p, struct buf *out) {
    out->max = PROOF_OUTPUT_BYTES * 2;
    (void)buf_append(out, p->head, p->head_bytes);
    if (p->tail_bytes <= sizeof p->tail) {
        (void)buf_append(out, p->tail, (size_t)p->tail_bytes);
        return;
    }
    size_t at = (size_t)(p->tail_bytes % sizeof p->tail);
    (void)buf_printf(out, "\n[… %llu bytes left out …]\n",
                     (unsigned long long)(p->tail_bytes - sizeof p->tail));
    (void)buf_append(out, p->tail + at, sizeof p->tail - at);
    (void)buf_append(out, p->tail, at);
}

// --- how it ended

// The command is one of the copy's own files, and the patch changed or removed that.
static bool patched(const struct conf_check *check, const struct proof_file *files, size_t n) {
    const char *program = check->command[0];
    if (program[0] == '/' || !strchr(program, '/'))
        return false;
    while (program[0] == '.' && program[1] == '/')
        program += 2;
    for (size_t i = 0; i < n; i++)
        if (strcmp(files[i].what->path, program) == 0)
            return true;
    return false;
}

static void __attribute__((format(printf, 3, 4)))
put_result(struct proof_outcome *o, enum proof_result result, const char *format, ...) {
    va_list args;
    va_start(args, format);
    o->result = result;
    (void)vsnprintf(o->note, sizeof o->note, format, args);
    va_end(args);
}

// Whatever ends the supervisor came of the command, or of what it took: a patch that does that has
// not passed.
static void judge_supervisor(const struct conf_check *check, int r, const struct err *why,
                             struct proof_outcome *ret) {
    if (r == ERR_LIMIT)
        put_result(ret, PROOF_FAILED, "stopped: it printed more than %d MB",
                   PROOF_PRINTED_BYTES_MAX >> 20);
    else if (r == ERR_TIMEOUT)
        put_result(ret, PROOF_FAILED, "stopped after %u seconds", check->seconds);
    else if (r < 0)
        put_result(ret, PROOF_NOT_RUN, "%.300s", why->message);
    else
        put_result(ret, PROOF_FAILED, "what supervises it was ended");
}

static void judge(const struct conf_check *check, bool own, const char *said,
                  struct proof_outcome *ret) {
    int n = (int)strcspn(said, "\n");
    if (strcmp(said, "exit 0\n") == 0)
        put_result(ret, PROOF_PASSED, "%s", "");
    else if (strncmp(said, "exit ", 5) == 0)
        put_result(ret, PROOF_FAILED, "exit status %.*s", n - 5, said + 5);
    else if (strncmp(said, "signal ", 7) == 0)
        put_result(ret, PROOF_FAILED, "ended by %.*s", n, said);
    else if (strncmp(said, "timeout", 7) == 0)
        put_result(ret, PROOF_FAILED, "stopped after %u seconds", check->seconds);
    else if (strncmp(said, "closed ", 7) == 0)
        put_result(ret, PROOF_NOT_RUN,
                   "it cannot be isolated here (%.*s), and "
                   "models.checks_isolation requires that",
                   n - 7, said + 7);
    else
        put_result(ret, own ? PROOF_FAILED : PROOF_NOT_RUN, "%.100s: %.*s%s", check->command[0],
                   n > 6 ? (n - 6 < 200 ? n - 6 : 200) : 0, n > 6 ? said + 6 : "",
                   own ? "; the patch changed it" : "");
}

// --- how it is run

struct words {
    const char *items[WORDS_MAX];
    char *own[OPTIONS_MAX]; // of them, what has to be freed
    size_t count, own_count;
    bool failed;
};

static void put_word(struct words *w, const char *word) {
    w->items[w->count++] = word;
}

static void put_path(struct words *w, char letter, const char *path, const char *behind) {
    char *one = w->own_count < OPTIONS_MAX ? mem_format("%c%s%s", letter, path, behind) : NULL;
    w->failed |= !one;
    if (!one)
        return;
    w->own[w->own_count++] = one;
    put_word(w, one);
}

// "~/x" and absolute ones. Whether it is in the user's ~/.cache.
static bool put_writable(struct words *w, const char *path, const char *home) {
    static const char cache[] = "/.cache";
    if (path[0] == '/')
        home = "";
    else if (!home || home[0] != '/')
        return false;
    else
        path++;
    put_path(w, CLI_SUPERVISE_WRITABLE, home, path);
    return strncmp(path, cache, sizeof cache - 1) == 0;
}

static void put_isolation(struct words *w, const struct proof_want *want,
                          const struct conf_check *check, const char *tree) {
    const char *home = getenv("HOME");
    AUTO_FREE char *copy = mem_format("%.*s", (int)(strrchr(tree, '/') - tree), tree);
    bool caches = true;
    w->failed |= !copy;
    if (!copy || strcmp(want->isolation, "off") == 0)
        return;
    put_word(w, strcmp(want->isolation, "required") == 0 ? CLI_SUPERVISE_REQUIRED
                                                         : CLI_SUPERVISE_AUTO);
    put_path(w, CLI_SUPERVISE_COPY, copy, "");
    for (size_t i = 0; check->writable[i]; i++)
        if (put_writable(w, check->writable[i], home))
            caches = false;
    if (caches)
        put_path(w, CLI_SUPERVISE_CACHES, copy, "/cache");
    for (size_t i = 0; i < PROOF_HIDDEN_MAX && want->hidden[i]; i++)
        put_path(w, CLI_SUPERVISE_HIDDEN, want->hidden[i], "");
    put_path(w, CLI_SUPERVISE_KEPT, workspace_root(want->workspace), "");
    if (home && home[0] == '/')
        put_path(w, CLI_SUPERVISE_KEPT, home, "");
}

static void words_done(struct words *w) {
    for (size_t i = 0; i < w->own_count; i++)
        mem_free(w->own[i]);
}

// What stands before the line on how it ended; that line.
static const char *read_isolation(const char *said, struct proof_outcome *ret) {
    size_t n = strcspn(said, "\n");
    ret->isolated = strncmp(said, "isolated\n", 9) == 0;
    if (strncmp(said, "open ", 5) == 0)
        (void)snprintf(ret->open, sizeof ret->open, "%.*s", (int)(n - 5), said + 5);
    return (ret->isolated || ret->open[0]) && said[n] ? said + n + 1 : said;
}

int proof_run(const struct proof_want *want, const struct conf_check *check, const char *tree,
              const struct proof_file *files, size_t n, struct proof_outcome *ret,
              struct err *err) {
    char parent[16], seconds[16];
    struct words words = {.items = {"paired", CLI_SUPERVISE, parent, seconds}, .count = 4};
    struct environment e = {.count = 0};
    struct child_end end = {0};
    struct err why = {0};
    AUTO_FREE struct printed *printed = mem_zalloc(sizeof *printed);
    (void)snprintf(parent, sizeof parent, "%ld", (long)getpid());
    (void)snprintf(seconds, sizeof seconds, "%u", check->seconds);
    put_isolation(&words, want, check, tree);
    put_word(&words, "--");
    for (size_t i = 0; check->command[i]; i++)
        put_word(&words, check->command[i]);
    fill(&e, want, check, tree);
    uint64_t begun = env_now_mono_ns();
    const struct child_spec spec = {.program = "/proc/self/exe", // also when it was replaced
                                    .arguments = words.items,
                                    .environment = (const char *const *)e.items,
                                    .folder = tree,
                                    .output = on_output,
                                    .output_ctx = printed,
                                    .output_bytes_max = PROOF_PRINTED_BYTES_MAX,
                                    .ms = check->seconds * 1000 + 2 * CLI_SUPERVISE_KILL_MS,
                                    .grace_ms = CLI_SUPERVISE_KILL_MS + 1000,
                                    .cancelled = want->cancelled,
                                    .cancelled_ctx = want->ctx};
    int r = !printed || e.failed || words.failed ? err_set(&why, ERR_NOMEM, "out of memory")
                                                 : child_run(&spec, &end, &why);
    for (size_t i = 0; i < e.count; i++)
        mem_free(e.items[i]);
    words_done(&words);
    if (r == ERR_CANCELLED || r == ERR_NOMEM)
        return err_set(err, r, "%s", err_text(&why));
    ret->ms = (int64_t)((env_now_mono_ns() - begun) / 1000000);
    const char *said = read_isolation(end.errors, ret);
    if (r == 0 && end.status == 0 && said[0])
        judge(check, patched(check, files, n), said, ret);
    else
        judge_supervisor(check, r, &why, ret);
    put_printed(printed, &ret->output);
    return 0;
}
