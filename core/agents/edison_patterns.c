// patterns: the idioms of this repository, mined here and kept here; and where one of them stands.
#include "core/agents/edison.h"

#include "core/base/mem.h"
#include "core/code/miner.h"
#include "core/code/patterns.h"
#include "core/code/secrets.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, MATCHES_MAX = 5000, LIMIT_DEFAULT = 20, AUTHORS_UNKNOWN = 0 };

// What was mined last: a second question about the same tree costs nothing. Under its lock while it
// is made and read.
static struct {
    pthread_mutex_t lock;
    char root[PATH_BYTES_MAX];
    uint64_t generation;
    struct mined *list;
    uint32_t count;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool minable(const struct snapshot_file *f) {
    return f->facts && language_has_tree(f->lang) &&
           !(f->flags & (FILE_VENDORED | FILE_GENERATED | FILE_TEST | FILE_EXAMPLE));
}

static int stop(void *ctx, const struct secret_finding *f) {
    (void)ctx, (void)f;
    return 1;
}

// The main author's number, so that an idiom of one person is told from the project's.
static uint64_t author_of(const struct workspace_past *past, const char *path) {
    char full[2 * PATH_BYTES_MAX];
    struct history_owners o;
    (void)snprintf(full, sizeof full, "%s%s", past->prefix, path);
    if (history_owners(past->history, full, 0, &o, NULL) < 0 || !o.share_count)
        return AUTHORS_UNKNOWN;
    return o.shares[0].author + 1;
}

static int mine_file(const struct snapshot *s, uint32_t i, struct syntax *syntax,
                     const struct workspace_past *past, struct miner *m, struct err *err) {
    const struct snapshot_file *f = snapshot_file(s, i);
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    if (snapshot_text(s, i, &text, NULL) < 0 || !text.len ||
        syntax_parse(syntax, f->lang, text.data, text.len, NULL, NULL) < 0)
        return 0;
    struct miner_source source = {.author = author_of(past, f->path),
                                  .secret =
                                      secrets_scan(text.data, text.len, f->path, stop, NULL) != 0};
    return miner_add(m, syntax, &source, err);
}

static int mine(struct agent_call *call, const struct snapshot *s, struct mined **ret,
                uint32_t *ret_count, struct err *err) {
    struct workspace_past past = {0};
    struct syntax *syntax = syntax_new();
    struct miner *m = miner_new(NULL);
    int r = syntax && m ? workspace_past(call->ws, call->cancelled, call->ctx, &past, err)
                        : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s); i++) {
        if (agent_cancelled(call))
            r = err_set(err, ERR_CANCELLED, "cancelled");
        else if (minable(snapshot_file(s, i)))
            r = mine_file(s, i, syntax, &past, m, err);
    }
    // One author is no reason to know nothing of a one-person project.
    struct miner_gates gates = {.authors_min = history_author_count(past.history) < 2 ? 1 : 2};
    if (r == 0)
        r = miner_finish(m, &gates, ret, ret_count, err);
    miner_free(m);
    syntax_free(syntax);
    workspace_past_done(&past);
    return r;
}

// Locked on success: the caller reads kept.list and unlocks.
static int mined_of(struct agent_call *call, const struct snapshot *s, struct err *err) {
    (void)pthread_mutex_lock(&kept.lock);
    if (kept.list && kept.generation == snapshot_generation(s) &&
        strcmp(kept.root, call->root) == 0)
        return 0;
    struct mined *list = NULL;
    uint32_t count = 0;
    int r = mine(call, s, &list, &count, err);
    if (r < 0) {
        (void)pthread_mutex_unlock(&kept.lock);
        return r;
    }
    mined_free(kept.list, kept.count);
    kept.list = list;
    kept.count = count;
    kept.generation = snapshot_generation(s);
    (void)snprintf(kept.root, sizeof kept.root, "%s", call->root);
    return 0;
}

static void put_pattern(struct report *r, const struct mined *x) {
    char id[2 * PATTERN_ID_BYTES + 1];
    pattern_id_text(x->pattern, id);
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:s}", "id", id, "language",
                          language_name(x->pattern->lang), "text", x->pattern->text, "count",
                          (json_int_t)x->count, "files", (json_int_t)x->files, "bits", x->bits,
                          "level", mined_level_name(x->level)),
                "[%.8s] %s, %u times in %u files (%s)\n%s", id, language_name(x->pattern->lang),
                x->count, x->files, mined_level_name(x->level), x->pattern->text);
}

static bool of_language(const struct patterns_input *in, const struct mined *x) {
    const char *name = language_name(x->pattern->lang);
    return !in->language.len || (strlen(name) == in->language.len &&
                                 memcmp(name, in->language.data, in->language.len) == 0);
}

static int list_patterns(struct agent_call *call, const struct patterns_input *in,
                         const struct snapshot *s, struct report *report, struct err *err) {
    uint32_t limit = in->limit ? (uint32_t)in->limit : LIMIT_DEFAULT, shown = 0, total = 0;
    int r = mined_of(call, s, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < kept.count; i++) {
        if (!of_language(in, &kept.list[i]))
            continue;
        total++;
        if (shown < limit) {
            shown++;
            put_pattern(report, &kept.list[i]);
        }
    }
    (void)pthread_mutex_unlock(&kept.lock);
    report_title(report, "%u idioms of this repository, the most telling first", total);
    report_nothing(report, "No idiom comes often enough.");
    report_note(report, "of source files of the project itself; names are kept only where they are "
                        "the standard library's");
    return 0;
}

// --- matching ----------------------------------------------------------------------------------

struct matching {
    struct report *report;
    const char *path;
    uint32_t found;
};

static int on_match(void *ctx, const struct pattern_match *m) {
    struct matching *x = ctx;
    if (x->found++ >= MATCHES_MAX)
        return 0;
    report_item(x->report,
                json_pack("{s:s, s:I, s:I}", "path", x->path, "line", (json_int_t)m->line,
                          "end_line", (json_int_t)m->end_line),
                "%s:%u", x->path, m->line);
    return 0;
}

static int pattern_by_id(struct agent_call *call, struct text wanted, const struct snapshot *s,
                         struct pattern_reader *reader, struct pattern **ret, struct err *err) {
    int r = mined_of(call, s, err);
    if (r < 0)
        return r;
    r = err_set(err, ERR_NOT_FOUND, "id: none of this repository's patterns begins with it");
    for (uint32_t i = 0; i < kept.count; i++) {
        char id[2 * PATTERN_ID_BYTES + 1];
        const struct pattern *p = kept.list[i].pattern;
        pattern_id_text(p, id);
        if (wanted.len < 6 || strncmp(id, wanted.data, wanted.len) != 0)
            continue;
        // A copy: the list may be replaced.
        r = pattern_parse(reader, p->lang, p->text, strlen(p->text), ret, err);
        break;
    }
    (void)pthread_mutex_unlock(&kept.lock);
    return r;
}

// The pattern a text writes, or that an id (its first digits) names among the mined ones.
static int pattern_of(struct agent_call *call, const struct patterns_input *in,
                      const struct snapshot *s, struct pattern **ret, struct err *err) {
    struct pattern_reader *reader = pattern_reader_new();
    enum lang lang = language_by_name(in->language.data ? in->language.data : "", in->language.len);
    int r = reader ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && in->id.len)
        r = pattern_by_id(call, in->id, s, reader, ret, err);
    else if (r == 0)
        r = lang ? pattern_parse(reader, lang, in->match.data, in->match.len, ret, err)
                 : err_set(err, ERR_INVAL, "language: of the pattern, e.g. \"c\" or \"python\"");
    pattern_reader_free(reader);
    return r;
}

static int match_all(struct agent_call *call, struct pattern *p, const struct snapshot *s,
                     struct report *report, struct err *err) {
    struct matching x = {.report = report};
    struct pattern_set *set = NULL;
    struct pattern_matcher *m = pattern_matcher_new();
    struct syntax *syntax = syntax_new();
    int r =
        m && syntax ? pattern_set_new(&p, 1, &set, err) : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
        if (agent_cancelled(call))
            r = err_set(err, ERR_CANCELLED, "cancelled");
        else if (f->lang == p->lang && f->facts && snapshot_text(s, i, &text, NULL) == 0 &&
                 text.len && syntax_parse(syntax, f->lang, text.data, text.len, NULL, NULL) == 0) {
            x.path = f->path;
            r = patterns_match(set, m, syntax, on_match, &x, err);
        }
    }
    pattern_matcher_free(m);
    pattern_set_free(set);
    syntax_free(syntax);
    if (r < 0)
        return r;
    report_title(report, "%u places of\n%s", x.found, p->text);
    report_nothing(report, "It stands nowhere in this workspace.");
    return 0;
}

int edison_patterns(struct agent_call *call, const void *input, struct report *report,
                    struct err *err) {
    const struct patterns_input *in = input;
    struct snapshot *s = NULL;
    struct pattern *p = NULL;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0 && !in->match.len && !in->id.len)
        r = list_patterns(call, in, s, report, err);
    else if (r == 0) {
        r = pattern_of(call, in, s, &p, err);
        if (r == 0)
            r = match_all(call, p, s, report, err);
    }
    if (r == 0)
        agent_note_limits(report, s);
    pattern_free(p);
    snapshot_put(s);
    return r;
}
