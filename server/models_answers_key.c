#include "server/models_answers.h"

#include "protocol/json_pull.h"

#include <string.h>
#include <strings.h>

bool model_answer_zero(struct span value) {
    bool digit = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == 'e' || c == 'E')
            break;
        if (c != '0' && c != '.' && c != '-')
            return false;
        digit = digit || c == '0';
    }
    return digit;
}

// --- what it must not have

static bool given(struct span value) { // and not null
    return value.data && !(value.len == 4 && memcmp(value.data, "null", 4) == 0);
}

static bool is_true(struct span value) {
    return value.len == 4 && memcmp(value.data, "true", 4) == 0;
}

static bool is_false(struct span value) {
    return value.len == 5 && memcmp(value.data, "false", 5) == 0;
}

// Those that the client runs itself: described by it, and of no type of the backend's.
static bool own_tools(struct span tools) {
    static const char *const names[] = {"type"};
    struct span one;
    size_t at = 0;
    while (json_pull_each(tools, &at, &one)) {
        struct span type = {0};
        if (!json_pull_members(one, names, &type, 1) ||
            (given(type) && !json_pull_is(type, "function") && !json_pull_is(type, "custom")))
            return false;
    }
    return true;
}

static const char *skip_blank(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

// A member of that name anywhere in it, whose value begins with `value`. A name within a text has
// its quotes escaped, so it is not found.
static bool has_member(const char *bytes, size_t n, const char *name, const char *value) {
    const char *end = bytes + n, *at = bytes;
    size_t name_n = strlen(name), value_n = strlen(value);
    while ((at = memmem(at, (size_t)(end - at), name, name_n)) != NULL) {
        const char *p = skip_blank(at += name_n, end);
        if (p >= end || *p != ':')
            continue;
        p = skip_blank(p + 1, end);
        if ((size_t)(end - p) >= value_n && strncasecmp(p, value, value_n) == 0)
            return true;
    }
    return false;
}

static bool reads_elsewhere(const char *bytes, size_t n) {
    static const struct {
        const char *name, *value;
    } members[] = {{"\"url\"", "\"http"},      {"\"image_url\"", "\"http"},
                   {"\"file_url\"", "\"http"}, {"\"fileUri\"", "\""},
                   {"\"file_id\"", "\""},      {"\"type\"", "\"item_reference\""}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (has_member(bytes, n, members[i].name, members[i].value))
            return true;
    return false;
}

enum {
    TEMPERATURE,
    TOOLS,
    PREVIOUS,
    CONVERSATION,
    BACKGROUND,
    STORE,
    PROMPT,
    SEARCH,
    MCP,
    CONTAINER,
    N,
    LOGPROBS,
    TOP_LOGPROBS,
    MODALITIES,
    AUDIO,
    INCLUDE,
    NAMES
};
static const char *const names[NAMES] = {[TEMPERATURE] = "temperature",
                                         [TOOLS] = "tools",
                                         [PREVIOUS] = "previous_response_id",
                                         [CONVERSATION] = "conversation",
                                         [BACKGROUND] = "background",
                                         [STORE] = "store",
                                         [PROMPT] = "prompt",
                                         [SEARCH] = "web_search_options",
                                         [MCP] = "mcp_servers",
                                         [CONTAINER] = "container",
                                         [N] = "n",
                                         [LOGPROBS] = "logprobs",
                                         [TOP_LOGPROBS] = "top_logprobs",
                                         [MODALITIES] = "modalities",
                                         [AUDIO] = "audio",
                                         [INCLUDE] = "include"};

static const char *why_not(enum wire_family family, const char *bytes, size_t n, bool forced,
                           const struct span *found) {
    // OpenAI keeps a response for later requests unless it is told not to.
    bool stored = family == WIRE_RESPONSES ? !is_false(found[STORE]) : is_true(found[STORE]);
    if (!forced && !model_answer_zero(found[TEMPERATURE]))
        return "its temperature is not 0";
    if (given(found[TOOLS]) && !own_tools(found[TOOLS]))
        return "it has tools that the backend runs";
    if (given(found[SEARCH]) || given(found[MCP]) || given(found[CONTAINER]))
        return "the backend would look elsewhere";
    if (stored || given(found[PREVIOUS]) || given(found[CONVERSATION]) || given(found[PROMPT]) ||
        is_true(found[BACKGROUND]))
        return "the backend keeps a part of the conversation";
    if (reads_elsewhere(bytes, n))
        return "it names what the backend would read elsewhere";
    return NULL;
}

// --- what it is known by

static void put_part(struct buf *out, const char *bytes, size_t n) {
    const unsigned char length[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                                     (unsigned char)(n >> 8), (unsigned char)n};
    (void)buf_append(out, length, sizeof length);
    (void)buf_append(out, n ? bytes : "", n);
}

static bool is_named(struct span name, const char *word) {
    return name.len == strlen(word) && memcmp(name.data, word, name.len) == 0;
}

// Says how the answer is sent, or whose request it is; nothing of what it will be.
static bool is_aside(enum wire_family family, struct span name) {
    return is_named(name, "stream") || is_named(name, "stream_options") ||
           (family == WIRE_ANTHROPIC && is_named(name, "metadata"));
}

static bool needs_form(const char *bytes, size_t n, const struct span *found) {
    for (size_t i = N; i < NAMES; i++)
        if (given(found[i]))
            return true;
    return has_member(bytes, n, "\"citations\"", "");
}

int model_answer_canonical(enum wire_family family, const char *bytes, size_t n, bool forced,
                           enum model_form form, struct buf *out, const char **ret_why) {
    struct span found[NAMES] = {{0}}, name, value;
    const char *begin = skip_blank(bytes, bytes + n);
    struct span object = {begin, n - (size_t)(begin - bytes)};
    size_t at = 0, streams = 0;
    *ret_why = json_pull_members(object, names, found, NAMES)
                   ? why_not(family, bytes, n, forced, found)
                   : "it is no object";
    if (*ret_why)
        return 0;
    (void)buf_reserve(out, n + 64);
    put_part(out, needs_form(bytes, n, found) ? (const char[]){(char)('0' + form)} : "-", 1);
    while (json_pull_each_member(object, &at, &name, &value)) {
        streams += is_named(name, "stream") ? 1 : 0;
        if (is_aside(family, name))
            continue;
        put_part(out, name.data, name.len);
        put_part(out, value.data, value.len);
    }
    if (streams > 1) {
        *ret_why = "it says twice whether it is a stream";
        return 0;
    }
    return out->failed ? ERR_NOMEM : 1;
}

// --- another form

struct conversion {
    struct wire_writer *writer;
    const struct wire_usage *usage;
    struct buf *out;
    bool ended;
};

static int on_event(void *ctx, const struct wire_event *e) {
    struct conversion *c = ctx;
    struct wire_event told = *e;
    if (e->kind == WIRE_ERROR)
        return ERR_PARSE;
    if (e->kind == WIRE_STOP) {
        c->ended = true;
        if (!told.usage.known && c->usage->known)
            told.usage = *c->usage;
    }
    return wire_write(c->writer, &told, c->out);
}

int model_answer_convert(enum wire_family family, enum model_form from, enum model_form to,
                         const char *bytes, size_t n, const struct wire_usage *usage,
                         struct buf *out) {
    struct conversion c = {.usage = usage, .out = out};
    struct wire_reader *reader = NULL;
    int r = wire_reader_new(family, from != MODEL_FORM_WHOLE, &reader);
    if (r == 0)
        r = wire_writer_new(family, to != MODEL_FORM_WHOLE, &c.writer);
    if (r == 0 && to == MODEL_FORM_STREAM_USAGE)
        wire_writer_own_usage(c.writer);
    if (r == 0)
        r = wire_read(reader, bytes, n, on_event, &c, NULL);
    if (r == 0)
        r = wire_read_end(reader, on_event, &c, NULL);
    if (r == 0 && !c.ended)
        r = ERR_PARSE;
    wire_writer_free(c.writer);
    wire_reader_free(reader);
    return r;
}
