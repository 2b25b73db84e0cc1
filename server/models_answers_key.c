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

// Behind the string that begins at `p`, or the end.
static const char *skip_string(const char *p, const char *end) {
    const char *begin = ++p;
    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *slash = p++;
        while (slash > begin && slash[-1] == '\\')
            slash--;
        if ((p - 1 - slash) % 2 == 0)
            return p;
    }
    return end;
}

struct noticed {
    bool elsewhere; // it names what the backend would read elsewhere, or has
    bool citations;
};

static void notice(struct span name, const char *value, const char *end, struct noticed *ret) {
    static const struct {
        const char *name, *value; // how it begins
    } members[] = {{"url", "\"http"}, {"image_url", "\"http"}, {"file_url", "\"http"},
                   {"fileUri", "\""}, {"file_id", "\""},       {"type", "\"item_reference\""},
                   {"citations", ""}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        size_t n = strlen(members[i].value);
        if (name.len != strlen(members[i].name) ||
            memcmp(name.data, members[i].name, name.len) != 0 || (size_t)(end - value) < n ||
            strncasecmp(value, members[i].value, n) != 0)
            continue;
        *(*members[i].value ? &ret->elsewhere : &ret->citations) = true;
    }
}

// Members at any depth, in one pass from string to string: texts are long, and skipped.
static struct noticed look(const char *bytes, size_t n) {
    const char *p = bytes, *end = bytes + n;
    struct noticed seen = {false, false};
    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *name = p + 1;
        p = skip_string(p, end);
        const struct span span = {name, (size_t)(p - 1 - name)};
        const char *colon = skip_blank(p, end);
        if (p < end && colon < end && *colon == ':')
            notice(span, skip_blank(colon + 1, end), end, &seen);
    }
    return seen;
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

static const char *why_not(enum wire_family family, const struct noticed *seen, bool forced,
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
    if (seen->elsewhere)
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

static bool needs_form(const struct noticed *seen, const struct span *found) {
    for (size_t i = N; i < NAMES; i++)
        if (given(found[i]))
            return true;
    return seen->citations;
}

int model_answer_canonical(enum wire_family family, const char *bytes, size_t n, bool forced,
                           enum model_form form, struct buf *out, const char **ret_why) {
    struct span found[NAMES] = {{0}}, name, value;
    const char *begin = skip_blank(bytes, bytes + n);
    struct span object = {begin, n - (size_t)(begin - bytes)};
    size_t at = 0, streams = 0;
    const struct noticed seen = look(bytes, n);
    *ret_why = json_pull_members(object, names, found, NAMES)
                   ? why_not(family, &seen, forced, found)
                   : "it is no object";
    if (*ret_why)
        return 0;
    (void)buf_reserve(out, n + 64);
    put_part(out, needs_form(&seen, found) ? (const char[]){(char)('0' + form)} : "-", 1);
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
