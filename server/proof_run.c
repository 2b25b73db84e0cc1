// One command of the user's in the copy, and how it ended.
#include "core/base/child.h"
#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/cli_supervise.h"
#include "server/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { USUAL_MAX = 16, ENVIRONMENT_MAX = USUAL_MAX + CONF_CHECK_NAMES_MAX + 4, WORDS_BEFORE = 4 };

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

static void judge(const struct conf_check *check, int r, const struct child_end *end,
                  const struct err *why, struct proof_outcome *ret) {
    const char *said = end->errors;
    size_t n = strcspn(said, "\n");
    ret->result = PROOF_NOT_RUN;
    if (r == ERR_LIMIT) { // the patch may be what makes it so
        ret->result = PROOF_FAILED;
        (void)snprintf(ret->note, sizeof ret->note, "stopped: it printed more than %d MB",
                       PROOF_PRINTED_BYTES_MAX >> 20);
    } else if (r < 0) {
        (void)snprintf(ret->note, sizeof ret->note, "%.300s", why->message);
    } else if (strncmp(said, "exit ", 5) == 0) {
        bool good = strncmp(said, "exit 0\n", 7) == 0;
        ret->result = good ? PROOF_PASSED : PROOF_FAILED;
        if (!good)
            (void)snprintf(ret->note, sizeof ret->note, "exit status %.*s", (int)(n - 5), said + 5);
    } else if (strncmp(said, "signal ", 7) == 0) {
        ret->result = PROOF_FAILED;
        (void)snprintf(ret->note, sizeof ret->note, "ended by %.*s", (int)n, said);
    } else if (strncmp(said, "timeout", 7) == 0) {
        ret->result = PROOF_FAILED;
        (void)snprintf(ret->note, sizeof ret->note, "stopped after %u seconds", check->seconds);
    } else {
        (void)snprintf(ret->note, sizeof ret->note, "%.100s: %.*s", check->command[0],
                       n > 6 ? (int)(n - 6 < 200 ? n - 6 : 200) : 0, n > 6 ? said + 6 : "");
    }
}

int proof_run(const struct proof_want *want, const struct conf_check *check, const char *tree,
              struct proof_outcome *ret, struct err *err) {
    char parent[16], seconds[16];
    const char *words[WORDS_BEFORE + CONF_CHECK_WORDS_MAX + 1] = {"paired", CLI_SUPERVISE, parent,
                                                                  seconds};
    struct environment e = {.count = 0};
    struct child_end end = {0};
    struct err why = {0};
    AUTO_FREE struct printed *printed = mem_zalloc(sizeof *printed);
    (void)snprintf(parent, sizeof parent, "%ld", (long)getpid());
    (void)snprintf(seconds, sizeof seconds, "%u", check->seconds);
    for (size_t i = 0; check->command[i]; i++)
        words[WORDS_BEFORE + i] = check->command[i];
    fill(&e, want, check, tree);
    uint64_t begun = env_now_mono_ns();
    const struct child_spec spec = {.program = "/proc/self/exe", // also when it was replaced
                                    .arguments = words,
                                    .environment = (const char *const *)e.items,
                                    .folder = tree,
                                    .output = on_output,
                                    .output_ctx = printed,
                                    .output_bytes_max = PROOF_PRINTED_BYTES_MAX,
                                    .ms = check->seconds * 1000 + 2 * CLI_SUPERVISE_KILL_MS,
                                    .grace_ms = CLI_SUPERVISE_KILL_MS + 1000,
                                    .cancelled = want->cancelled,
                                    .cancelled_ctx = want->ctx};
    int r = !printed || e.failed ? err_set(&why, ERR_NOMEM, "out of memory")
                                 : child_run(&spec, &end, &why);
    for (size_t i = 0; i < e.count; i++)
        mem_free(e.items[i]);
    if (r == ERR_CANCELLED || r == ERR_NOMEM)
        return err_set(err, r, "%s", err_text(&why));
    ret->ms = (int64_t)((env_now_mono_ns() - begun) / 1000000);
    judge(check, r, &end, &why, ret);
    put_printed(printed, &ret->output);
    return 0;
}
