// What the ACP face has done on workers, beside the conversations in the store (acp_kept.c): which
// steps a question takes, the editor's texts in the place of files, repairs of a text. No tools:
// other clients never see them.
#include "core/agents/ask.h"
#include "core/agents/document.h"
#include "core/base/mem.h"
#include "core/workspace/beneath.h"
#include "core/workspace/workspace.h"
#include "server/acp_kept.h"
#include "server/team.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAN_BUDGET = 1800, PLAN_BUDGET_MIN = 400, REPAIRS_MAX = 200, PATH_BYTES_MAX = 4096 };

// --- acp.plan ------------------------------------------------------------------------------------

struct plan_input {
    struct text question, agent, focus;
    struct text_array paths;
};
static const struct field plan_fields[] = {
    {.name = "question",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct plan_input, question),
     .max = ASK_QUESTION_BYTES_MAX},
    {.name = "agent",
     .type = FIELD_STRING,
     .offset = offsetof(struct plan_input, agent),
     .max = 64},
    {.name = "focus",
     .type = FIELD_STRING,
     .offset = offsetof(struct plan_input, focus),
     .max = PATH_BYTES_MAX},
    {.name = "paths",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct plan_input, paths),
     .max = 64},
    {0},
};

struct choices {
    struct ask_choice list[ASK_CHOICES_MAX];
    size_t count;
};

// Does a question speak of what was spoken of before?
static bool means_before(struct text question) {
    static const char *const words[] = {"it",    "its",  "this", "that",
                                        "there", "here", "them", "those"};
    const char *at = question.data, *end = question.data + question.len;
    while (at < end) {
        size_t n = 0;
        while (at + n < end && (unsigned char)((at[n] | 0x20) - 'a') < 26)
            n++;
        for (size_t w = 0; w < COUNT_OF(words); w++)
            if (n == strlen(words[w]) && strncasecmp(at, words[w], n) == 0)
                return true;
        at += n ? n : 1;
    }
    return false;
}

static bool names_a_place(const struct choices *c) {
    for (size_t i = 0; i < c->count; i++)
        if (json_object_get(c->list[i].arguments, "path") ||
            json_object_get(c->list[i].arguments, "symbol") ||
            json_object_get(c->list[i].arguments, "range"))
            return true;
    return false;
}

static int choose(const struct plan_input *in, struct text focus, struct choices *ret,
                  struct err *err) {
    AUTO_BUF text = BUF_INIT(2 * ASK_QUESTION_BYTES_MAX);
    (void)buf_append(&text, in->question.data, in->question.len);
    for (size_t i = 0; i < in->paths.count; i++)
        (void)buf_printf(&text, "\n`%.*s`", (int)in->paths.items[i].len, in->paths.items[i].data);
    if (focus.len)
        (void)buf_printf(&text, "\n`%.*s`", (int)focus.len, focus.data);
    if (text.failed)
        return err_set(err, ERR_LIMIT, "the question is too long");
    return ask_choose(text.data ? text.data : "", text.len,
                      in->agent.len ? agent_find(in->agent.data, in->agent.len) : NULL, ret->list,
                      &ret->count, err);
}

// The same choice as `ask` makes, and the same budget: all steps share it.
static int run_plan(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct plan_input *in = input;
    struct choices c = {0};
    char why[400];
    bool none = false;
    if (team_has_model(call, why, &none)) {
        answer->structured = json_pack("{s:b}", "model", 1);
        return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = choose(in, (struct text){0}, &c, err);
    if (r == 0 && in->focus.len && !names_a_place(&c) && means_before(in->question)) {
        ask_choices_done(c.list, c.count);
        c.count = 0;
        r = choose(in, in->focus, &c, err);
    }
    if (r < 0)
        return r;
    json_t *steps = json_array();
    for (size_t i = 0; i < c.count; i++) {
        size_t share = PLAN_BUDGET / c.count;
        (void)json_object_set_new(
            c.list[i].arguments, "budget",
            json_integer((json_int_t)(share < PLAN_BUDGET_MIN ? PLAN_BUDGET_MIN : share)));
        (void)json_array_append_new(steps, json_pack("{s:o, s:O}", "capability",
                                                     json_sprintf("%s.%s", c.list[i].agent->name,
                                                                  c.list[i].capability->name),
                                                     "arguments", c.list[i].arguments));
    }
    ask_choices_done(c.list, c.count);
    answer->structured = json_pack("{s:o}", "steps", steps);
    if (!none && answer->structured)
        (void)json_object_set_new(answer->structured, "without_model", json_string(why));
    return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- reading a file ------------------------------------------------------------------------------

static int read_file(const char *root, const char *path, struct buf *ret, struct err *err) {
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? ERR_NOT_FOUND : beneath_read(fd, path, INDEX_FILE_BYTES_MAX, ret);
    if (fd >= 0)
        (void)close(fd);
    return r < 0 ? err_set(err, ERR_NOT_FOUND, "path: %.200s is not a file of this workspace", path)
                 : 0;
}

// --- acp.texts -----------------------------------------------------------------------------------

struct editor_text {
    struct text path, text;
};
static const struct field editor_text_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct editor_text, path),
     .max = PATH_BYTES_MAX},
    {.name = "text",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct editor_text, text),
     .max = INDEX_FILE_BYTES_MAX},
    {0},
};
struct texts_input {
    struct object_array texts;
    struct text_array release;
};
static const struct field texts_fields[] = {
    {.name = "texts",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct texts_input, texts),
     .object = editor_text_fields,
     .object_size = sizeof(struct editor_text)},
    {.name = "release",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct texts_input, release)},
    {0},
};

static bool copy_path(struct text path, char ret[PATH_BYTES_MAX + 1]) {
    if (!path.len || path.len > PATH_BYTES_MAX || memchr(path.data, '\0', path.len))
        return false;
    memcpy(ret, path.data, path.len);
    ret[path.len] = '\0';
    return true;
}

// The editor's text stands for the file only if it says something else.
static int put_text(struct index *ix, const char *root, const struct editor_text *t,
                    struct err *err) {
    char path[PATH_BYTES_MAX + 1];
    AUTO_BUF disk = BUF_INIT(INDEX_FILE_BYTES_MAX);
    if (!copy_path(t->path, path))
        return 0;
    if (read_file(root, path, &disk, NULL) == 0 && disk.len == t->text.len &&
        memcmp(disk.len ? disk.data : "", t->text.data, disk.len) == 0)
        return 0;
    return index_overlay(ix, path, t->text.data, t->text.len, err);
}

static int run_texts(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct texts_input *in = input;
    const struct editor_text *texts = in->texts.items;
    struct workspace *ws = NULL;
    char path[PATH_BYTES_MAX + 1];
    (void)answer;
    int r = workspaces_get(call->services->workspaces, call->caller->workspace, &ws, err);
    for (size_t i = 0; r == 0 && i < in->texts.count; i++)
        r = put_text(workspace_index(ws), call->caller->workspace, &texts[i], err);
    for (size_t i = 0; r == 0 && i < in->release.count; i++)
        if (copy_path(in->release.items[i], path))
            r = index_overlay(workspace_index(ws), path, NULL, 0, err);
    workspace_put(ws);
    return r;
}

// --- acp.changed ---------------------------------------------------------------------------------

static bool job_gone(void *ctx) {
    return job_cancelled(ctx);
}

// Of the files as they lie there: names, sizes, times. (A snapshot's generation grows by trees,
// too.)
static int64_t files_state(const struct snapshot *s) {
    uint64_t h = 14695981039346656037U; // FNV-1a
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        const uint64_t parts[] = {f->bytes, (uint64_t)f->mtime_ns};
        for (const char *p = f->path; *p; p++)
            h = (h ^ (unsigned char)*p) * 1099511628211U;
        for (size_t k = 0; k < COUNT_OF(parts); k++)
            h = (h ^ parts[k]) * 1099511628211U;
    }
    return (int64_t)(h >> 1);
}

static int run_changed(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    const struct index_want want = {.tier = TIER_LEXICAL, .cancelled = job_gone, .ctx = call->job};
    struct workspace *ws = NULL;
    struct snapshot *s = NULL;
    (void)input;
    int r = workspaces_get(call->services->workspaces, call->caller->workspace, &ws, err);
    if (r == 0)
        r = index_get(workspace_index(ws), &want, &s, err);
    if (r == 0)
        answer->structured = json_pack("{s:I}", "state", (json_int_t)files_state(s));
    snapshot_put(s);
    workspace_put(ws);
    return r < 0 ? r : answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- acp.repair ----------------------------------------------------------------------------------

struct repair_input {
    struct text path, rule, text;
    int64_t line;
};
static const struct field repair_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct repair_input, path),
     .max = PATH_BYTES_MAX},
    {.name = "rule",
     .type = FIELD_STRING,
     .offset = offsetof(struct repair_input, rule),
     .max = 128},
    {.name = "text",
     .type = FIELD_STRING,
     .offset = offsetof(struct repair_input, text),
     .max = INDEX_FILE_BYTES_MAX},
    {.name = "line", .type = FIELD_INT, .offset = offsetof(struct repair_input, line)},
    {0},
};

static bool wanted(const struct repair_input *in, const struct reported *f) {
    return f->fix && f->fix_end > 0 && (!in->rule.len || text_is(in->rule, f->rule->id)) &&
           (!in->line || (f->line <= (uint64_t)in->line && (uint64_t)in->line <= f->end_line));
}

static int by_fix(const void *a, const void *b) {
    const struct reported *const *x = a, *const *y = b;
    return (*x)->fix_start < (*y)->fix_start ? -1 : (*x)->fix_start > (*y)->fix_start;
}

// Those that hold, in order, and do not touch each other.
static size_t choose_repairs(const struct repair_input *in, const struct document_text *d,
                             const struct findings *found, const struct reported **ret) {
    size_t count = 0, kept = 0;
    for (uint32_t i = 0; i < found->count && count < REPAIRS_MAX; i++)
        if (wanted(in, &found->list[i]))
            ret[count++] = &found->list[i];
    if (count)
        qsort(ret, count, sizeof *ret, by_fix);
    for (size_t i = 0, end = 0; i < count; i++) {
        const struct reported *f = ret[i];
        if ((kept && f->fix_start <= end) ||
            document_try(d, f->fix_start, f->fix_end, f->fix, NULL) != 1)
            continue;
        end = f->fix_end;
        ret[kept++] = f;
    }
    return kept;
}

static json_t *repairs_json(const struct document_text *d, const struct reported *const *list,
                            size_t count) {
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX + REPAIRS_MAX * FINDING_FIX_BYTES_MAX);
    json_t *items = json_array();
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        (void)buf_append(&text, d->text + at, list[i]->fix_start - at);
        (void)buf_puts(&text, list[i]->fix);
        at = list[i]->fix_end;
        (void)json_array_append_new(items,
                                    json_pack("{s:s, s:i, s:s}", "rule", list[i]->rule->id, "line",
                                              (int)list[i]->line, "message", list[i]->message));
    }
    (void)buf_append(&text, d->text + at, d->bytes - at);
    json_t *made =
        text.failed ? NULL
                    : json_pack("{s:s, s:s%, s:s%, s:O}", "path", d->path, "old", d->text, d->bytes,
                                "new", text.data ? text.data : "", text.len, "items", items);
    json_decref(items);
    return made;
}

static int repair(const struct repair_input *in, const struct document_text *d,
                  struct answer *answer, struct err *err) {
    struct findings found = {0};
    const struct reported *list[REPAIRS_MAX];
    int r = document_findings(d, &found, err);
    size_t count = r == 0 ? choose_repairs(in, d, &found, list) : 0;
    if (r == 0) {
        answer->structured = repairs_json(d, list, count);
        (void)buf_printf(&answer->text, "%s: no finding there has a repair that is certain, of %u",
                         d->path, found.count);
        if (!answer->structured)
            r = err_set(err, ERR_UNSUPPORTED, "%s: not UTF-8, so no editor could take it", d->path);
    }
    findings_done(&found);
    return r;
}

static int run_repair(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    const struct repair_input *in = input;
    char path[PATH_BYTES_MAX + 1];
    AUTO_BUF disk = BUF_INIT(INDEX_FILE_BYTES_MAX);
    struct store *store = call->services->store(call->services, NULL);
    if (!copy_path(in->path, path))
        return err_set(err, ERR_INVAL, "path: expected the path of a file");
    char *clean = path;
    while (strncmp(clean, "./", 2) == 0)
        clean += 2;
    int r = in->text.data ? 0 : read_file(call->caller->workspace, clean, &disk, err);
    if (r < 0)
        return r;
    struct document_text d = {.root = call->caller->workspace,
                              .path = clean,
                              .text = in->text.data ? in->text.data
                                      : disk.len    ? disk.data
                                                    : "",
                              .bytes = in->text.data ? in->text.len : disk.len,
                              .store = store && store_state(store) == STORE_OPEN ? store : NULL,
                              .cancelled = job_gone,
                              .ctx = call->job};
    d.lang = language_of(clean, d.text, d.bytes < 512 ? d.bytes : 512);
    return repair(in, &d, answer, err);
}

// --- the table -----------------------------------------------------------------------------------

#define KEPT(what, words, more)                                                                    \
    {                                                                                              \
        .name = "acp." #what, .title = (words), .description = (words), .flags = (more),           \
        .input = acp_##what##_fields, .input_size = sizeof(struct acp_##what##_input),             \
        .run = acp_##what##_run                                                                    \
    }
const struct capability capabilities_acp[] = {
    {.name = "acp.plan",
     .title = "The steps that a question takes",
     .description = "Which capabilities, with which arguments",
     .flags = CAP_READ_ONLY | CAP_LOCAL,
     .input = plan_fields,
     .input_size = sizeof(struct plan_input),
     .run = run_plan},
    {.name = "acp.texts",
     .title = "Unsaved texts",
     .description = "An editor's texts in the place of files, or the files again",
     .flags = CAP_READ_ONLY | CAP_LOCAL,
     .input = texts_fields,
     .input_size = sizeof(struct texts_input),
     .run = run_texts},
    {.name = "acp.changed",
     .title = "Waits for the next change of a file",
     .description = "A number that is another when a file is",
     .flags = CAP_READ_ONLY | CAP_LOCAL,
     .run = run_changed},
    {.name = "acp.repair",
     .title = "Certain repairs of a text",
     .description = "The text before and after",
     .flags = CAP_READ_ONLY,
     .input = repair_fields,
     .input_size = sizeof(struct repair_input),
     .run = run_repair},
    KEPT(keep, "Keep a turn of a conversation", 0),
    KEPT(load, "A conversation that was kept", CAP_READ_ONLY),
    KEPT(list, "The conversations that were kept", CAP_READ_ONLY),
    KEPT(delete, "Forget a conversation", CAP_IDEMPOTENT),
    {0},
};
