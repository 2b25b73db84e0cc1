#include "server/models_look.h"

#include "core/base/mem.h"
#include "protocol/json_pull.h"

#include <string.h>
#include <strings.h>

enum { HEAD_BYTES = 20 * 1024, TAIL_BYTES = 24 * 1024 };
enum { EDITS_MAX = 32, EDIT_BYTES = 512 }; // blocks of a message; of what a tool says

// --- texts

// A piece of a string's inside, the commonest escapes undone.
static int put_piece(struct buf *out, const char *s, size_t n) {
    for (size_t at = 0; at < n;) {
        const char *slash = memchr(s + at, '\\', n - at);
        size_t plain = slash ? (size_t)(slash - s) - at : n - at;
        (void)buf_append(out, s + at, plain);
        at += plain;
        if (!slash || at + 1 >= n)
            break;
        char c = s[at + 1];
        (void)buf_putc(out, c == 'n' ? '\n' : c == 't' || c == 'r' || c == 'u' ? ' ' : c);
        at += 2;
    }
    return out->failed ? ERR_NOMEM : 0;
}

static int put_text(struct buf *out, struct span string) {
    if (string.len < 2 || string.data[0] != '"')
        return 0;
    if (string.len <= MODEL_LOOK_BYTES_MAX)
        return json_pull_string(string, out) == ERR_NOMEM ? ERR_NOMEM : 0;
    int r = put_piece(out, string.data + 1, HEAD_BYTES);
    (void)buf_putc(out, '\n');
    return r < 0 ? r : put_piece(out, string.data + string.len - 1 - TAIL_BYTES, TAIL_BYTES);
}

static bool begins(struct span string, const char *with) {
    size_t n = strlen(with);
    return string.len > n && memcmp(string.data + 1, with, n) == 0;
}

// What a client puts beside the user's words.
static bool is_aside(struct span string) {
    return begins(string, "<system-reminder>") || begins(string, "<environment_details>") ||
           begins(string, "<environment_context>");
}

// The texts of a content: a string, or blocks of which those of type "text" (input_text, or none in
// Gemini's parts) count. The last one alone, without asides; with `all` each of them.
static int put_content(struct buf *out, struct span content, bool all) {
    static const char *const names[] = {"type", "text"};
    struct span block, last = {0};
    size_t at = 0;
    if (content.data && content.data[0] == '"')
        return all || !is_aside(content) ? put_text(out, content) : 0;
    while (json_pull_each(content, &at, &block)) {
        struct span found[2] = {{0}};
        if (!json_pull_members(block, names, found, 2) || !found[1].data ||
            (found[0].data && !json_pull_is(found[0], "text") &&
             !json_pull_is(found[0], "input_text")))
            continue;
        if (all && put_text(out, found[1]) < 0)
            return ERR_NOMEM;
        if (!is_aside(found[1]))
            last = found[1];
    }
    return all ? 0 : put_text(out, last);
}

// --- messages

struct message {
    struct span role, type, content;
};

static bool read_message(struct span at, struct message *ret) {
    static const char *const names[] = {"role", "type", "content", "parts"};
    struct span found[4] = {{0}};
    if (!json_pull_members(at, names, found, 4))
        return false;
    *ret = (struct message){found[0], found[1], found[2].data ? found[2] : found[3]};
    return true;
}

static bool is_result(const struct message *m) {
    static const char *const names[] = {"type", "functionResponse"};
    struct span block;
    size_t at = 0;
    if (json_pull_is(m->role, "tool") || json_pull_is(m->type, "function_call_output"))
        return true;
    while (json_pull_each(m->content, &at, &block)) {
        struct span found[2] = {{0}};
        if (json_pull_members(block, names, found, 2) &&
            (json_pull_is(found[0], "tool_result") || found[1].data))
            return true;
    }
    return false;
}

static int read_task(const struct model_body *b, struct model_look *look) {
    size_t oldest = b->messages > MODEL_TAIL_MAX ? b->messages - MODEL_TAIL_MAX : 0;
    for (size_t i = b->messages; i-- > oldest;) {
        struct message m;
        if (!read_message(b->tail[i % MODEL_TAIL_MAX].at, &m))
            continue;
        bool result = is_result(&m);
        if (i + 1 == b->messages)
            look->tool_result = result;
        if (result || !json_pull_is(m.role, "user"))
            continue;
        if (put_content(&look->task, m.content, false) < 0)
            return ERR_NOMEM;
        if (look->task.len)
            return 0;
    }
    return 0;
}

// --- edits

static bool replaces_text(struct span name) {
    static const char *const tools[] = {"Edit",      "MultiEdit",       "edit",
                                        "edit_file", "replace_in_file", "apply_patch"};
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (json_pull_is(name, tools[i]))
            return true;
    return false;
}

// The text that was to be replaced is not in the file, or not once.
static bool says_no_match(struct span content) {
    static const char *const words[] = {"String to replace not found",
                                        "matches of the string to replace",
                                        "No match found for replacement",
                                        "matches for replacement text",
                                        "did not appear verbatim",
                                        "Failed to find expected lines",
                                        "patch does not apply"};
    size_t n = content.len < EDIT_BYTES ? content.len : EDIT_BYTES;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(content.data, n, words[i], strlen(words[i])))
            return true;
    return false;
}

// Ids of the calls in an answer that are edits.
static size_t list_edits(struct span answer, struct span ids[EDITS_MAX]) {
    static const char *const names[] = {"type", "id", "name"};
    struct span block;
    size_t at = 0, n = 0;
    while (n < EDITS_MAX && json_pull_each(answer, &at, &block)) {
        struct span found[3] = {{0}};
        if (json_pull_members(block, names, found, 3) && json_pull_is(found[0], "tool_use") &&
            found[1].len > 2 && replaces_text(found[2]))
            ids[n++] = found[1];
    }
    return n;
}

static enum model_edit read_edit(struct span block, const struct span *ids, size_t n) {
    static const char *const names[] = {"type", "tool_use_id", "is_error", "content"};
    struct span found[4] = {{0}};
    if (!json_pull_members(block, names, found, 4) || !json_pull_is(found[0], "tool_result"))
        return MODEL_EDIT_NONE;
    size_t of = 0;
    while (of < n &&
           (ids[of].len != found[1].len || memcmp(ids[of].data, found[1].data, found[1].len) != 0))
        of++;
    if (of == n)
        return MODEL_EDIT_NONE;
    if (found[2].len != 4 || memcmp(found[2].data, "true", 4) != 0)
        return MODEL_EDIT_APPLIED;
    return found[3].data && says_no_match(found[3]) ? MODEL_EDIT_FAILED : MODEL_EDIT_NONE;
}

// The answer first: most ask for no edit, and results can be long.
static void read_edits(const struct model_body *b, struct model_look *look) {
    struct message last, answer;
    struct span block, ids[EDITS_MAX];
    size_t at = 0;
    if (!look->tool_result || b->messages < 2 ||
        !read_message(b->tail[(b->messages - 2) % MODEL_TAIL_MAX].at, &answer) ||
        !json_pull_is(answer.role, "assistant"))
        return;
    size_t n = list_edits(answer.content, ids);
    if (n == 0 || !read_message(b->tail[(b->messages - 1) % MODEL_TAIL_MAX].at, &last))
        return;
    for (size_t i = 0; i < EDITS_MAX && json_pull_each(last.content, &at, &block); i++) {
        enum model_edit e = read_edit(block, ids, n);
        look->edit = e > look->edit ? e : look->edit;
    }
}

// --- tools and images

static bool names_an_edit(struct span name) {
    static const char *const tools[] = {"Edit",
                                        "Write",
                                        "MultiEdit",
                                        "NotebookEdit",
                                        "edit",
                                        "write",
                                        "apply_patch",
                                        "edit_file",
                                        "write_file",
                                        "create_file",
                                        "write_to_file",
                                        "replace_in_file",
                                        "str_replace_editor",
                                        "str_replace_based_edit_tool"};
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (json_pull_is(name, tools[i]))
            return true;
    return false;
}

static void read_tools(const struct model_body *b, struct model_look *look) {
    static const char *const names[] = {"name", "function", "type"};
    struct span tool;
    size_t at = 0, searches = 0;
    look->edit_tool = look->only_web_search = false;
    while (json_pull_each(b->tools_at, &at, &tool)) {
        struct span found[3] = {{0}}, inner[3] = {{0}};
        if (!json_pull_members(tool, names, found, 3))
            continue;
        if (!found[0].data && json_pull_members(found[1], names, inner, 3))
            found[0] = inner[0];
        look->edit_tool = look->edit_tool || names_an_edit(found[0]);
        searches += json_pull_is(found[0], "web_search") || begins(found[2], "web_search") ||
                    json_pull_is(found[0], "WebSearch");
    }
    look->only_web_search = b->tools == 1 && searches == 1;
}

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// "type": "image…" or "input_image", and not within a text: there the quotes are escaped.
static bool has_images(const char *bytes, size_t n) {
    for (const char *at = bytes, *end = bytes + n;
         (at = memmem(at, (size_t)(end - at), "image", 5)) != NULL; at++) {
        const char *p = at - bytes > 6 && memcmp(at - 6, "input_", 6) == 0 ? at - 6 : at;
        if (p == bytes || *--p != '"')
            continue;
        while (p > bytes && blank(p[-1]))
            p--;
        if (p == bytes || *--p != ':')
            continue;
        while (p > bytes && blank(p[-1]))
            p--;
        if (p - bytes > 6 && memcmp(p - 6, "\"type\"", 6) == 0 && p[-7] != '\\')
            return true;
    }
    return false;
}

// --- the whole

int model_look_read(enum wire_family family, const struct model_body *b, const char *bytes,
                    size_t n, struct model_look *look) {
    buf_clear(&look->task);
    buf_clear(&look->system);
    look->task.max = look->system.max = 4 * MODEL_LOOK_BYTES_MAX;
    look->tool_result = false;
    look->edit = MODEL_EDIT_NONE;
    int r = 0;
    if (b->messages == 0 && family == WIRE_RESPONSES) { // "input": a text alone
        static const char *const names[] = {"input"};
        struct span input = {0};
        const char *brace = memchr(bytes, '{', n);
        if (brace &&
            json_pull_members((struct span){brace, n - (size_t)(brace - bytes)}, names, &input, 1))
            r = put_text(&look->task, input);
    } else {
        r = read_task(b, look);
    }
    struct message first;
    struct span system = b->system;
    if (!system.data && b->first.data && read_message(b->first, &first) &&
        (json_pull_is(first.role, "system") || json_pull_is(first.role, "developer")))
        system = first.content;
    if (r == 0 && system.data)
        r = put_content(&look->system, system, true);
    if (family == WIRE_ANTHROPIC)
        read_edits(b, look);
    read_tools(b, look);
    look->images = has_images(bytes, n);
    return r;
}

void model_look_done(struct model_look *look) {
    buf_done(&look->task);
    buf_done(&look->system);
}

void model_look_hints(const struct model_look *look, const struct model_body *b,
                      struct route_hints *ret) {
    *ret = (struct route_hints){.system = look->system.data,
                                .system_len = look->system.len,
                                .user = look->task.data,
                                .user_len = look->task.len,
                                .output_max = b->max_tokens,
                                .messages = (uint32_t)b->messages,
                                .tools = (uint32_t)b->tools,
                                .edit_tool = look->edit_tool,
                                .only_web_search = look->only_web_search,
                                .tool_result = look->tool_result,
                                .said = -1};
}
