// What a model may call: capabilities of the agents that only read, a range of a file, a search for
// a text, the memory. Whatever else it asks for is refused, and said so. Nothing is executed, and
// nothing outside of the indexed files of the workspace is read.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/workspace/workspace.h"
#include "server/team_impl.h"

#include <stdio.h>
#include <string.h>

enum {
    READ_LINES_MAX = 400,
    READ_LINES = 120, // when no end is named
    READ_BYTES_MAX = 16 * 1024,
    FOUND_MAX = 60,
    FOUND_BYTES = 200, // of a line
    QUERY_BYTES_MAX = 200,
    DESCRIPTION_BYTES = 300
};

// Of every agent, beside its own.
static const char *const common[] = {"locate", "pack", "impact", "coupling", "explain", "graph"};

static const char own_tools[] =
    "[{\"name\":\"read\",\"description\":\"Lines of a file, each with its "
    "number.\",\"input_schema\":"
    "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},\"line\":{\"type\":"
    "\"integer\"},\"end_line\":{\"type\":\"integer\"}},\"required\":[\"path\"]}},"
    "{\"name\":\"search\",\"description\":\"Lines of files that hold a text, letter for letter "
    "(case does not count).\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"text\":"
    "{\"type\":\"string\"},\"path\":{\"type\":\"string\",\"description\":\"only below this "
    "folder\"}},\"required\":[\"text\"]}},"
    "{\"name\":\"recall\",\"description\":\"Notes that were kept of this workspace.\","
    "\"input_schema\":{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"}},"
    "\"required\":[\"query\"]}}]";

// --- the list ------------------------------------------------------------------------------------

static bool offered(const struct agent_capability *c) {
    return !(c->flags & AGENT_WRITES) && strcmp(c->name, "ask") != 0;
}

static json_t *tool_json(const struct agent_capability *c) {
    json_t *schema = fields_schema(c->input);
    json_t *properties = json_object_get(schema, "properties");
    (void)json_object_del(properties, "budget"); // ours to say
    (void)json_object_del(properties, "cursor");
    size_t n = utf_cut(c->description, strlen(c->description), DESCRIPTION_BYTES);
    return json_pack("{s:s, s:s%, s:o}", "name", c->name, "description", c->description, n,
                     "input_schema", schema);
}

static bool is_listed(const json_t *list, const char *name) {
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one) if (strcmp(json_string_value(json_object_get(one, "name")),
                                                name) == 0) return true;
    return false;
}

static int add(json_t *list, const struct agent_capability *c) {
    if (!c || !offered(c) || is_listed(list, c->name) || json_array_size(list) >= TEAM_TOOLS_MAX)
        return 0;
    return json_array_append_new(list, tool_json(c));
}

json_t *team_tools_json(const struct agent *agent) {
    json_t *list = json_loads(own_tools, 0, NULL);
    int r = list ? 0 : -1;
    for (size_t i = 0; r == 0 && i < COUNT_OF(common); i++)
        r = add(list, agent_capability_find(common[i], strlen(common[i]), NULL));
    if (agent == &agent_team)
        r = r == 0 ? add(list, agent_capability_find("review", 6, NULL)) : r;
    for (const struct agent_capability *c = agent->capabilities; r == 0 && c->name; c++)
        r = add(list, c);
    if (r == 0)
        return list;
    json_decref(list);
    return NULL;
}

// --- answers as data -----------------------------------------------------------------------------

// What comes from outside stands between marks that it cannot write itself.
void team_put_data(const char *from, const char *text, size_t n, struct buf *out) {
    static const char mark[] = "</data";
    (void)buf_printf(out, "<data from=\"%s\">\n", from);
    for (size_t at = 0; at < n;) {
        const char *next = memmem(text + at, n - at, mark, sizeof mark - 1);
        size_t plain = next ? (size_t)(next - text) - at : n - at;
        (void)buf_append(out, text + at, plain);
        at += plain;
        if (next) {
            (void)buf_puts(out, "<\\/data");
            at += sizeof mark - 1;
        }
    }
    (void)buf_printf(out, "%s</data>", n && text[n - 1] == '\n' ? "" : "\n");
}

int team_look(struct team *t, const char *capability, json_t *arguments, int tokens,
              struct buf *ret, struct err *err) {
    const struct agent_capability *c = agent_capability_find(capability, strlen(capability), NULL);
    struct report_answer made = {0};
    int r = c ? 0 : err_set(err, ERR_NOT_FOUND, "there is no %s", capability);
    if (r == 0 &&
        (!arguments || json_object_set_new(arguments, "budget", json_integer(tokens)) < 0))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = agents_call(t->call, c, arguments, &made, err);
    json_decref(arguments);
    if (r < 0)
        return r;
    (void)buf_append(ret, made.text.data ? made.text.data : "", made.text.len);
    r = team_seen_answer(&t->seen, made.structured);
    report_answer_done(&made);
    return r < 0 || ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// --- files ---------------------------------------------------------------------------------------

static bool gone(void *ctx) {
    return job_cancelled(ctx);
}

static int open_snapshot(struct team *t, struct workspace **ws, struct snapshot **s,
                         struct err *err) {
    const struct index_want want = {.tier = TIER_LEXICAL, .cancelled = gone, .ctx = t->call->job};
    int r = workspaces_get(t->call->services->workspaces, t->call->caller->workspace, ws, err);
    return r == 0 ? index_get(workspace_index(*ws), &want, s, err) : r;
}

static size_t line_end(const struct buf *text, size_t at) {
    const char *eol = memchr(text->data + at, '\n', text->len - at);
    return eol ? (size_t)(eol - text->data) : text->len;
}

static void put_lines(const struct buf *text, int64_t from, int64_t to, struct buf *ret,
                      int64_t *ret_last) {
    int64_t line = 1;
    *ret_last = 0;
    for (size_t at = 0; at < text->len && line <= to; line++) {
        size_t end = line_end(text, at);
        if (line >= from) {
            if (ret->len + (end - at) > READ_BYTES_MAX)
                break;
            (void)buf_printf(ret, "%lld ", (long long)line);
            (void)buf_append(ret, text->data + at, end - at);
            (void)buf_putc(ret, '\n');
            *ret_last = line;
        }
        at = end + 1;
    }
}

static const char *clean_path(const json_t *input, const char *name) {
    const char *path = json_string_value(json_object_get(input, name));
    while (path && path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

// Only what the index knows: no path leads outside, no ignored file is read.
static int read_range(struct team *t, const struct snapshot *s, const json_t *input,
                      struct buf *ret, struct err *err) {
    const char *path = clean_path(input, "path");
    int64_t from = json_integer_value(json_object_get(input, "line"));
    int64_t to = json_integer_value(json_object_get(input, "end_line")), last;
    int64_t file = path ? snapshot_find(s, path, strlen(path)) : -1;
    AUTO_BUF text = {0};
    if (file < 0)
        return err_set(err, ERR_NOT_FOUND, "path: no file of this workspace");
    int r = snapshot_text(s, (uint32_t)file, &text, err);
    if (r < 0)
        return r;
    from = from < 1 ? 1 : from;
    if (to < from)
        to = from + READ_LINES - 1;
    if (to - from >= READ_LINES_MAX)
        to = from + READ_LINES_MAX - 1;
    (void)buf_printf(ret, "%s:%lld\n", path, (long long)from);
    put_lines(&text, from, to, ret, &last);
    if (!last)
        return err_set(err, ERR_NOT_FOUND, "%s has no line %lld", path, (long long)from);
    r = team_seen_add(&t->seen, path, strlen(path), from, last);
    return r < 0 || ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

struct finding {
    struct team *t;
    const char *query;
    size_t count, query_bytes;
    struct buf *ret;
};

static int search_file(struct finding *f, const char *path, const struct buf *text) {
    int64_t line = 1;
    int r = 0;
    for (size_t at = 0; r == 0 && at < text->len && f->count < FOUND_MAX; line++) {
        size_t end = line_end(text, at);
        text->data[end] = '\0'; // the buffer's own end, or a line's
        if (memchr(text->data + at, '\0', end - at) == NULL &&
            strcasestr(text->data + at, f->query)) {
            (void)buf_printf(f->ret, "%s:%lld: %.*s\n", path, (long long)line,
                             (int)utf_cut(text->data + at, end - at, FOUND_BYTES), text->data + at);
            r = team_seen_add(&f->t->seen, path, strlen(path), line, line);
            f->count++;
        }
        at = end + 1;
    }
    return r;
}

static int search_files(struct team *t, const struct snapshot *s, const json_t *input,
                        struct buf *ret, struct err *err) {
    const json_t *text = json_object_get(input, "text");
    const char *under = clean_path(input, "path");
    struct finding f = {.t = t,
                        .query = json_string_value(text),
                        .query_bytes = json_string_length(text),
                        .ret = ret};
    AUTO_BUF bytes = {0};
    int r = 0;
    if (!f.query || !f.query_bytes || f.query_bytes > QUERY_BYTES_MAX)
        return err_set(err, ERR_INVAL, "text: expected 1 to %d bytes", QUERY_BYTES_MAX);
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s) && f.count < FOUND_MAX; i++) {
        const struct snapshot_file *file = snapshot_file(s, i);
        if (!file->facts || (under && strncmp(file->path, under, strlen(under)) != 0))
            continue;
        if (job_cancelled(t->call->job))
            return err_set(err, ERR_CANCELLED, "cancelled");
        buf_clear(&bytes);
        if (snapshot_text(s, i, &bytes, NULL) == 0 && bytes.len)
            r = search_file(&f, file->path, &bytes);
    }
    (void)buf_printf(ret, f.count == 0 ? "no line has it\n" : f.count == FOUND_MAX ? "…\n" : "");
    return r < 0 || ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// --- memory --------------------------------------------------------------------------------------

static int recall(struct team *t, json_t *input, struct buf *ret, struct err *err) {
    const struct capability *c = capabilities_memory;
    while (c->name && strcmp(c->name, "recall") != 0)
        c++;
    struct call call = *t->call;
    struct answer answer = {0};
    json_t *arguments = json_pack("{s:O*, s:i}", "query", json_object_get(input, "query"), "budget",
                                  TEAM_TOOL_TOKENS);
    void *decoded = mem_zalloc(c->input_size);
    int r = arguments && decoded ? fields_decode(c->input, arguments, decoded, err)
                                 : err_set(err, ERR_NOMEM, "out of memory");
    call.arguments = arguments;
    call.capability = c;
    call.pause = (struct call_pause){0};
    if (r == 0) {
        r = c->run(&call, decoded, &answer, err);
        fields_release(c->input, decoded);
    }
    if (r == 0)
        (void)buf_append(ret, answer.text.data ? answer.text.data : "", answer.text.len);
    answer_done(&answer);
    mem_free(decoded);
    json_decref(arguments);
    return r;
}

// --- one call ------------------------------------------------------------------------------------

static int on_files(struct team *t, const char *name, const json_t *input, struct buf *ret,
                    struct err *err) {
    struct workspace *ws = NULL;
    struct snapshot *s = NULL;
    int r = open_snapshot(t, &ws, &s, err);
    if (r == 0)
        r = strcmp(name, "read") == 0 ? read_range(t, s, input, ret, err)
                                      : search_files(t, s, input, ret, err);
    snapshot_put(s);
    workspace_put(ws);
    return r;
}

static int carry_out(struct team *t, const char *name, json_t *input, struct buf *ret,
                     struct err *err) {
    if (strcmp(name, "read") == 0 || strcmp(name, "search") == 0)
        return on_files(t, name, input, ret, err);
    if (strcmp(name, "recall") == 0)
        return recall(t, input, ret, err);
    return team_look(t, name, json_copy(input), TEAM_TOOL_TOKENS, ret, err);
}

static void put_names(const json_t *tools, struct buf *out) {
    size_t i;
    const json_t *one;
    json_array_foreach(tools, i, one)(void)
        buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_object_get(one, "name")));
}

int team_tool_run(struct team *t, const char *name, json_t *input, struct buf *ret, bool *ret_error,
                  struct err *err) {
    AUTO_BUF text = {0};
    struct err why = {0};
    json_t *tools = team_tools_json(t->agent);
    if (!tools)
        return err_set(err, ERR_NOMEM, "out of memory");
    bool known = is_listed(tools, name);
    int r = !known   ? err_set(&why, ERR_NOT_FOUND, "there is no such tool; there are: ")
            : !input ? err_set(&why, ERR_INVAL, "the arguments are not a JSON object")
                     : carry_out(t, name, input, &text, &why);
    *ret_error = r < 0;
    if (r < 0) {
        buf_clear(&text);
        (void)buf_puts(&text, err_text(&why));
        if (!known)
            put_names(tools, &text);
    }
    json_decref(tools);
    if (r == ERR_CANCELLED || r == ERR_NOMEM || text.failed)
        return err_set(err, r < 0 ? r : ERR_NOMEM, "%s", err_text(&why));
    team_put_data(known ? name : "paired", text.data ? text.data : "", text.len, ret);
    return ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}
