// What leaves when a friend's agent is asked: the texts that the question is about, with what looks
// like a secret crossed out. The whole repository never does.
#include "core/agents/sherlock.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/secrets.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"
#include "server/fed_tasks.h"

#include <string.h>

enum { PASSES_MAX = 8, SNAPSHOT_MS = 20 * 1000 };

void fed_leaving_done(struct fed_leaving *l) {
    json_decref(l->parts);
    json_decref(l->arguments);
    *l = (struct fed_leaving){0};
}

// --- secrets -----------------------------------------------------------------------------------

struct spans {
    size_t at[FED_TASKS_SECRETS_MAX][2];
    size_t count;
};

static int note_span(void *ctx, const struct secret_finding *f) {
    struct spans *s = ctx;
    if (s->count == FED_TASKS_SECRETS_MAX)
        return 1;
    s->at[s->count][0] = f->start;
    s->at[s->count++][1] = f->end;
    return 0;
}

// `map`: where each byte of what is looked at stands in the text; NULL: it is the text.
static size_t cross(char *text, const char *looked, size_t n, const size_t *map, const char *path,
                    struct spans *s) {
    s->count = 0;
    (void)secrets_gate(looked, n, path, note_span, s);
    size_t crossed = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool any = false;
        for (size_t j = s->at[i][0]; j < s->at[i][1]; j++) {
            char *c = &text[map ? map[j] : j];
            any |= *c != '\n' && *c != 'x';
            *c = *c == '\n' ? '\n' : 'x';
        }
        crossed += any;
    }
    return crossed;
}

// The lines of one side of a diff without their marks, so that a key over several lines is seen.
static size_t one_side(const char *text, size_t n, char mark, char *out, size_t *map) {
    size_t k = 0;
    for (size_t i = 0; i < n;) {
        const char *end = memchr(text + i, '\n', n - i);
        size_t stop = end ? (size_t)(end - text) + 1 : n;
        for (size_t j = i + 1; text[i] == mark && j < stop; j++) {
            out[k] = text[j];
            map[k++] = j;
        }
        i = stop;
    }
    return k;
}

int fed_tasks_cross_out(char *text, size_t n, const char *path, bool diff, struct err *err) {
    AUTO_FREE struct spans *s = mem_alloc(sizeof *s);
    AUTO_FREE char *side = diff ? mem_alloc(n + 1) : NULL;
    AUTO_FREE size_t *map = diff ? mem_alloc((n + 1) * sizeof *map) : NULL;
    size_t all = 0;
    if (!s || (diff && (!side || !map)))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        size_t found = cross(text, text, n, NULL, path, s);
        for (int k = 0; diff && k < 2; k++) {
            size_t m = one_side(text, n, "+-"[k], side, map);
            found += cross(text, side, m, map, path, s);
        }
        all += found;
        if (!found)
            return (int)all;
    }
    return err_set(err, ERR_LIMIT, "%s holds too much that looks like secrets: it is not sent",
                   path ? path : "the text");
}

// --- parts -------------------------------------------------------------------------------------

struct packing {
    struct call *call;
    struct fed_leaving *out;
};

static bool gone(void *ctx) {
    return job_cancelled(ctx);
}

// 1 added, 0 left out.
static int add_text(struct packing *p, const char *path, const char *type, struct buf *text,
                    struct err *err) {
    const char *bytes = text->len ? text->data : "";
    if (p->out->files >= FED_TASKS_FILES_MAX || p->out->bytes + text->len > FED_TASKS_BYTES_MAX ||
        text->len > A2A_TEXT_BYTES_MAX || !utf_valid(bytes, text->len) ||
        memchr(bytes, '\0', text->len) || !utf_valid(path, strlen(path))) {
        p->out->left_out++;
        return 0;
    }
    bool diff = strcmp(type, "text/x-diff") == 0;
    int r =
        text->len ? fed_tasks_cross_out(text->data, text->len, diff ? NULL : path, diff, err) : 0;
    if (r < 0)
        return r;
    p->out->secrets += (unsigned)r;
    json_t *part = json_pack("{s:s%, s:s, s:s}", "text", bytes, text->len, "filename", path,
                             "mediaType", type);
    if (json_array_append_new(p->out->parts, part) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->out->bytes += text->len;
    p->out->files += !diff;
    return 1;
}

// --- a change ----------------------------------------------------------------------------------

static void put_file(struct buf *out, const struct diff *d, const struct diff_file *f) {
    const char *old = f->old_path ? f->old_path : f->new_path;
    const char *new = f->new_path ? f->new_path : f->old_path;
    (void)buf_printf(out, "diff --git a/%s b/%s\n", old, new);
    if (f->status == DIFF_RENAMED && f->old_path && f->new_path)
        (void)buf_printf(out, "rename from %s\nrename to %s\n", old, new);
    if (!f->old_path)
        (void)buf_puts(out, "new file mode 100644\n");
    if (!f->new_path)
        (void)buf_puts(out, "deleted file mode 100644\n");
    if (!f->hunk_count)
        return;
    (void)buf_printf(out, "--- %s%s\n+++ %s%s\n", f->old_path ? "a/" : "",
                     f->old_path ? f->old_path : "/dev/null", f->new_path ? "b/" : "",
                     f->new_path ? f->new_path : "/dev/null");
    for (uint32_t i = 0; i < f->hunk_count; i++) {
        const struct diff_hunk *h = &d->hunks[f->first_hunk + i];
        (void)buf_printf(out, "@@ -%u,%u +%u,%u @@\n", h->old_start, h->old_count, h->new_start,
                         h->new_count);
        (void)buf_append(out, h->text, h->text_bytes);
        if (h->text_bytes && h->text[h->text_bytes - 1] != '\n')
            (void)buf_putc(out, '\n');
    }
}

// A name that a diff would have to quote, or bytes that JSON has no text for: known by number only.
static bool plain(const struct diff *d, const struct diff_file *f) {
    const char *paths[] = {f->old_path, f->new_path};
    for (int i = 0; i < 2; i++)
        if (paths[i] && (!utf_valid(paths[i], strlen(paths[i])) || strpbrk(paths[i], "\"\\\n\t\r")))
            return false;
    for (uint32_t i = 0; i < f->hunk_count; i++) {
        const struct diff_hunk *h = &d->hunks[f->first_hunk + i];
        if (!utf_valid(h->text, h->text_bytes) || memchr(h->text, '\0', h->text_bytes))
            return false;
    }
    return !f->binary && f->status != DIFF_UNMERGED;
}

static int new_text(struct change *c, const struct diff_file *f, struct buf *ret, struct err *err) {
    if (c->side == GIT_COMMIT)
        return git_blob(c->git, c->ids.to, f->new_path, FED_TASKS_BYTES_MAX, ret, err);
    const char *prefix = git_prefix(c->git);
    size_t n = strlen(prefix);
    const char *path = strncmp(f->new_path, prefix, n) == 0 ? f->new_path + n : NULL;
    int64_t at = path ? snapshot_find(c->snapshot, path, strlen(path)) : -1;
    return at < 0 ? err_set(err, ERR_NOT_FOUND, "not in the workspace")
                  : snapshot_text(c->snapshot, (uint32_t)at, ret, err);
}

static int add_change(struct packing *p, struct change *c, const char *under, struct err *err) {
    AUTO_BUF diff = BUF_INIT(A2A_TEXT_BYTES_MAX);
    for (uint32_t i = 0; i < c->diff->file_count; i++) {
        const struct diff_file *f = &c->diff->files[i];
        if (!change_below(f, under))
            continue;
        if (plain(c->diff, f))
            put_file(&diff, c->diff, f);
        else
            p->out->left_out++;
    }
    if (diff.failed)
        return err_set(err, ERR_LIMIT, "the change is over %d KB: name a part of it with --path",
                       A2A_TEXT_BYTES_MAX / 1024);
    if (!diff.len)
        return err_set(err, ERR_NOT_FOUND, "nothing has changed there: there is nothing to ask");
    int r = add_text(p, "change.diff", "text/x-diff", &diff, err);
    for (uint32_t i = 0; r >= 0 && i < c->diff->file_count; i++) {
        const struct diff_file *f = &c->diff->files[i];
        if (!f->new_path || !change_below(f, under) || !plain(c->diff, f))
            continue;
        AUTO_BUF text = BUF_INIT(FED_TASKS_BYTES_MAX);
        struct err why = {0};
        r = new_text(c, f, &text, &why);
        if (r == ERR_NOMEM || r == ERR_CANCELLED)
            return err_set(err, r, "%s", err_text(&why));
        if (r < 0)
            p->out->left_out++;
        r = r < 0 ? 0 : add_text(p, f->new_path, "text/plain", &text, err);
    }
    return r < 0 ? r : 0;
}

static int pack_diff(struct packing *p, struct agent_call *agent, const json_t *arguments,
                     struct err *err) {
    const json_t *range = json_object_get(arguments, "range");
    const char *path = json_string_value(json_object_get(arguments, "path"));
    struct text text = {json_string_value(range), json_string_length(range)};
    struct change c = {0};
    if (json_object_get(arguments, "diff"))
        return err_set(err, ERR_INVAL, "diff: a friend gets the diff of a range");
    int r = change_open(agent, text, NULL, &c, err);
    if (r == 0)
        r = add_change(p, &c, path, err);
    change_close(&c);
    return r;
}

// --- files -------------------------------------------------------------------------------------

enum {
    NOT_SENT = FILE_VENDORED | FILE_GENERATED | FILE_BINARY | FILE_TOO_LARGE | FILE_UNREADABLE |
               FILE_SYMLINK | FILE_SUBMODULE
};

static bool below(const char *path, const char *under) {
    size_t n = strlen(under);
    while (n && under[n - 1] == '/')
        n--;
    return strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int pack_files(struct packing *p, struct agent_call *agent, const json_t *arguments,
                      struct err *err) {
    const char *path = json_string_value(json_object_get(arguments, "path"));
    struct snapshot *s = NULL;
    if (!path || !*path || strcmp(path, ".") == 0)
        return err_set(err, ERR_INVAL,
                       "say which files with --path: a friend gets no whole "
                       "repository");
    path = strncmp(path, "./", 2) == 0 ? path + 2 : path;
    int r = agent_snapshot(agent, TIER_LEXICAL, &s, err);
    for (uint32_t i = 0; r >= 0 && i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        AUTO_BUF text = BUF_INIT(FED_TASKS_BYTES_MAX);
        if (!below(f->path, path))
            continue;
        if (f->flags & NOT_SENT || snapshot_text(s, i, &text, NULL) < 0)
            p->out->left_out++;
        else
            r = add_text(p, f->path, "text/plain", &text, err);
    }
    snapshot_put(s);
    if (r >= 0 && !p->out->files)
        return err_set(err, ERR_NOT_FOUND, "%s: no text there that could be sent", path);
    if (r >= 0 && p->out->bytes + A2A_DESCRIPTION_BYTES_MAX > FED_TASKS_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s: over %d KB, name less", path,
                       FED_TASKS_BYTES_MAX / 1024);
    return r < 0 ? r : 0;
}

// --- arguments ---------------------------------------------------------------------------------

// They are words of the user's, and leave too.
static int pack_arguments(struct packing *p, const json_t *arguments, struct err *err) {
    static const char *const stay[] = {"range", "diff", "cursor", "budget", "format"};
    json_t *kept = json_deep_copy(arguments);
    for (size_t i = 0; kept && i < COUNT_OF(stay); i++)
        (void)json_object_del(kept, stay[i]);
    AUTO_BUF text = BUF_INIT(64 * 1024);
    if (!kept || buf_put_json(&text, kept, JSON_COMPACT) < 0) {
        json_decref(kept);
        return err_set(err, ERR_LIMIT, "the arguments are over 64 KB");
    }
    json_decref(kept);
    int r = fed_tasks_cross_out(text.data, text.len, NULL, false, err);
    if (r < 0)
        return r;
    p->out->secrets += (unsigned)r;
    p->out->arguments = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    return p->out->arguments ? 0
                             : err_set(err, ERR_INVAL,
                                       "the arguments hold what looks like a "
                                       "secret");
}

int fed_tasks_pack(struct call *call, const struct agent_capability *c,
                   enum fed_tasks_material material, const json_t *arguments,
                   struct fed_leaving *ret, struct err *err) {
    struct packing p = {.call = call, .out = ret};
    struct agent_call agent = {.workspaces = call->services->workspaces,
                               .root = call->caller->workspace,
                               .client = call->caller->client,
                               .now_ms = call->now_ms,
                               .cancelled = gone,
                               .ctx = call->job,
                               .capability = c};
    *ret = (struct fed_leaving){.parts = json_array()};
    if (!ret->parts)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!agent.root)
        return err_set(err, ERR_INVAL, "no workspace is known: run it in the repository");
    int r = pack_arguments(&p, arguments, err);
    if (r == 0)
        r = workspaces_get(agent.workspaces, agent.root, &agent.ws, err);
    if (r == 0 && material == FED_TASKS_DIFF)
        r = pack_diff(&p, &agent, arguments, err);
    else if (r == 0 && material == FED_TASKS_FILES)
        r = pack_files(&p, &agent, arguments, err);
    workspace_put(agent.ws);
    if (r == 0 && !json_array_size(ret->parts)) // a message has at least one part
        r = json_array_append_new(ret->parts, json_pack("{s:s}", "text", c->name)) < 0
                ? err_set(err, ERR_NOMEM, "out of memory")
                : 0;
    if (r < 0)
        fed_leaving_done(ret);
    return r;
}
