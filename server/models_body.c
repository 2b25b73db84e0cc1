#include "server/models_body.h"

#include "core/base/mem.h"
#include "core/code/secrets.h"
#include "protocol/json_pull.h"
#include "server/models_answers.h"

#include <string.h>

// --- what there is

enum { MIXED_BYTES_MAX = 4096 }; // of a text: how it begins tells conversations apart

// A message's bytes without what says that it is to be cached, which moves on with each turn: up to
// there, or to the brackets at its end.
static struct span lasting(struct span s) {
    static const char moves[] = "\"cache_control\"";
    const char *at = s.data ? memmem(s.data, s.len, moves, sizeof moves - 1) : NULL;
    size_t n = at ? (size_t)(at - s.data) : s.len;
    while (n > 0 && strchr(",}] \t\r\n", s.data[n - 1]))
        n--;
    return (struct span){s.data, n};
}

// Eight bytes a step: all of a long conversation goes through it at each turn.
static uint64_t hash_bytes(uint64_t hash, struct span s) {
    size_t at = 0;
    uint64_t eight = 0;
    for (; at + sizeof eight <= s.len; at += sizeof eight) {
        memcpy(&eight, s.data + at, sizeof eight);
        hash = (hash ^ eight) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 29;
    }
    eight = s.len;
    for (; at < s.len; at++)
        eight = eight << 8 | (unsigned char)s.data[at];
    hash = (hash ^ eight) * 0x9E3779B97F4A7C15U;
    return hash ^ hash >> 32;
}

// How a text begins, and its length.
static uint64_t mix(uint64_t hash, struct span s) {
    size_t n = s.len < MIXED_BYTES_MAX ? s.len : MIXED_BYTES_MAX;
    return hash_bytes(hash ^ s.len, (struct span){s.data, n});
}

static size_t count_of(struct span array) {
    struct span one;
    size_t at = 0, n = 0;
    while (json_pull_each(array, &at, &one))
        n++;
    return n;
}

static bool instructs(struct span message) { // an OpenAI client's system prompt
    static const char *const names[] = {"role"};
    struct span role = {0};
    return json_pull_members(message, names, &role, 1) &&
           (json_pull_is(role, "system") || json_pull_is(role, "developer"));
}

// *ret_opening: the first message that is no instruction.
static void read_messages(struct model_body *b, struct span array, struct span *ret_opening) {
    struct span one;
    size_t at = 0;
    uint64_t hash = b->front;
    while (json_pull_each(array, &at, &one)) {
        if (b->messages == 0)
            b->first = one;
        if (!ret_opening->data && !instructs(one))
            *ret_opening = one;
        hash = hash_bytes(hash, one);
        b->tail[b->messages++ % MODEL_TAIL_MAX] = (struct model_message){one, hash};
    }
}

static const char *conversation_of(enum wire_family family) {
    return family == WIRE_RESPONSES ? "input" : family == WIRE_GEMINI ? "contents" : "messages";
}

static const char *instructions_of(enum wire_family family) {
    return family == WIRE_RESPONSES ? "instructions"
           : family == WIRE_GEMINI  ? "systemInstruction"
                                    : "system";
}

static int read_name(struct model_body *ret, struct err *err) {
    struct buf name = BUF_INIT(MODEL_NAME_BYTES_MAX);
    if (!ret->model.data)
        return 0;
    int r = json_pull_string(ret->model, &name);
    bool whole = r == 0 && strlen(name.data) == name.len; // no NUL in it
    if (whole)
        memcpy(ret->name, name.data, name.len + 1);
    buf_done(&name);
    if (r == ERR_NOMEM)
        return err_set(err, r, "out of memory");
    return !whole ? err_set(err, ERR_INVAL, "model: expected a name of at most %d bytes",
                            MODEL_NAME_BYTES_MAX)
                  : 0;
}

int model_body_read(enum wire_family family, const char *bytes, size_t n, struct model_body *ret,
                    struct err *err) {
    enum {
        MODEL,
        STREAM,
        MAX,
        MAX_NEW,
        MAX_OUTPUT,
        TURNS,
        SYSTEM,
        TOOLS,
        THINKING,
        REASONING,
        STREAM_OPTIONS,
        TEMPERATURE,
        NAMES
    };
    const char *const names[NAMES] = {[MODEL] = "model",
                                      [STREAM] = "stream",
                                      [MAX] = "max_tokens",
                                      [MAX_NEW] = "max_completion_tokens",
                                      [MAX_OUTPUT] = "max_output_tokens",
                                      [TURNS] = conversation_of(family),
                                      [SYSTEM] = instructions_of(family),
                                      [TOOLS] = "tools",
                                      [THINKING] = "thinking",
                                      [STREAM_OPTIONS] = "stream_options",
                                      [TEMPERATURE] = "temperature",
                                      [REASONING] = "reasoning"};
    struct span found[NAMES] = {{0}}, opening = {0};
    struct jsonrpc_message message;
    *ret = (struct model_body){0};
    int r = jsonrpc_read_up_to(bytes, n, JSONRPC_MEMBERS_PULL_MAX, &message, err);
    if (r < 0)
        return r;
    size_t blank = 0;
    while (blank < n && strchr(" \t\r\n", bytes[blank]))
        blank++;
    if (!json_pull_members((struct span){bytes + blank, n - blank}, names, found, NAMES))
        return err_set(err, ERR_INVAL, "the body of a request is a JSON object");
    if (!found[TURNS].data)
        return err_set(err, ERR_INVAL, "%s: missing", names[TURNS]);
    ret->model = found[MODEL];
    ret->stream = found[STREAM].len == 4 && memcmp(found[STREAM].data, "true", 4) == 0;
    for (int i = MAX; i <= MAX_OUTPUT && ret->max_tokens == 0; i++)
        if (found[i].data && (!json_pull_int(found[i], &ret->max_tokens) || ret->max_tokens < 0))
            ret->max_tokens = 0;
    ret->system = found[SYSTEM];
    ret->tools_at = found[TOOLS];
    ret->front = hash_bytes(hash_bytes(0, found[TOOLS]), found[SYSTEM]);
    read_messages(ret, found[TURNS], &opening);
    if (found[TURNS].data[0] == '"') // Responses: a text alone
        opening = found[TURNS];
    ret->tools = count_of(found[TOOLS]);
    static const char *const include[] = {"include_usage"};
    struct span own = {0};
    if (found[STREAM_OPTIONS].data && json_pull_members(found[STREAM_OPTIONS], include, &own, 1))
        ret->own_usage = own.len == 4 && memcmp(own.data, "true", 4) == 0;
    ret->greedy = model_answer_zero(found[TEMPERATURE]);
    ret->thinking = found[THINKING].data || found[REASONING].data;
    uint64_t hash = mix(mix(14695981039346656037U, found[MODEL]), found[SYSTEM]);
    if (ret->first.data && ret->first.data != opening.data)
        hash = mix(hash, ret->first);
    ret->conversation = mix(hash, lasting(opening));
    return read_name(ret, err);
}

int model_body_rename(const struct model_body *b, const char *bytes, size_t n, const char *model,
                      struct buf *out) {
    size_t at = b->model.data ? (size_t)(b->model.data - bytes) : 0;
    int r = buf_reserve(out, n + strlen(model) + 16);
    if (!b->model.data) { // {"model":"…",…
        const char *brace = memchr(bytes, '{', n);
        at = brace ? (size_t)(brace - bytes) + 1 : n;
        (void)buf_append(out, bytes, at);
        (void)buf_puts(out, "\"model\":");
        (void)buf_put_json_string(out, model, strlen(model));
        (void)buf_putc(out, ',');
    } else {
        (void)buf_append(out, bytes, at);
        (void)buf_put_json_string(out, model, strlen(model));
        at += b->model.len;
    }
    (void)buf_append(out, bytes + at, n - at);
    return r < 0 ? r : out->failed ? ERR_NOMEM : 0;
}

// --- secrets

// Where the text with escapes undone and the bytes part company: from `plain` on they differ by
// `raw - plain`, up to the next step.
struct step {
    size_t plain, raw;
};
struct undone {
    char *text;
    size_t n;
    struct step *steps;
    size_t count, room;
};

static int add_step(struct undone *u, size_t raw) {
    if (u->count == u->room) {
        size_t room = u->room ? u->room * 2 : 256;
        struct step *more = mem_realloc(u->steps, room * sizeof *more);
        if (!more)
            return ERR_NOMEM;
        u->steps = more;
        u->room = room;
    }
    u->steps[u->count++] = (struct step){u->n, raw};
    return 0;
}

// What stands behind a backslash, as a byte that no secret hides behind; letters beyond ASCII are
// of no interest here.
static char meaning_of(const char *escape, size_t left, size_t *ret_length) {
    static const char codes[] = "n\nt\tr\rb\bf\f\"\"\\\\//";
    *ret_length = 2;
    if (left < 2)
        return ' ';
    if (escape[1] == 'u') {
        unsigned value = 0;
        *ret_length = left < 6 ? left : 6;
        for (size_t i = 2; i < *ret_length; i++) {
            char c = escape[i];
            value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        return value > 0 && value < 0x80 ? (char)value : '?';
    }
    for (size_t i = 0; i + 1 < sizeof codes; i += 2)
        if (codes[i] == escape[1])
            return codes[i + 1];
    return ' ';
}

static int undo_escapes(const char *bytes, size_t n, struct undone *u) {
    u->text = mem_alloc(n ? n : 1);
    if (!u->text)
        return ERR_NOMEM;
    for (size_t at = 0; at < n;) {
        const char *next = memchr(bytes + at, '\\', n - at);
        size_t plain = next ? (size_t)(next - bytes) - at : n - at, length;
        memcpy(u->text + u->n, bytes + at, plain);
        u->n += plain;
        at += plain;
        if (!next)
            break;
        char c = meaning_of(next, n - at, &length);
        if (add_step(u, at) < 0)
            return ERR_NOMEM;
        u->text[u->n++] = c;
        at += length;
        if (add_step(u, at) < 0)
            return ERR_NOMEM;
    }
    return 0;
}

static size_t raw_of(const struct undone *u, size_t plain) {
    size_t low = 0, high = u->count; // the last step at or before `plain`
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (u->steps[middle].plain <= plain)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? u->steps[low - 1].raw + (plain - u->steps[low - 1].plain) : plain;
}

struct gate {
    struct model_secrets *found;
    const struct undone *undone;
    char *bytes;
    bool mask;
};

static int on_secret(void *ctx, const struct secret_finding *f) {
    struct gate *g = ctx;
    if (g->found->count++ == 0) {
        size_t n = strnlen(f->rule, sizeof g->found->rule - 1);
        memcpy(g->found->rule, f->rule, n);
        g->found->rule[n] = '\0';
    }
    size_t start = raw_of(g->undone, f->start), end = raw_of(g->undone, f->end);
    for (size_t i = start; g->mask && i < end; i++)
        if (g->bytes[i] != '"') // a finding across two strings leaves both of them strings
            g->bytes[i] = 'x';
    return 0;
}

static int on_any(void *ctx, const struct secret_finding *f) {
    (void)ctx;
    (void)f;
    return 1;
}

int model_body_gate(char *bytes, size_t n, bool mask, struct model_secrets *ret) {
    struct undone u = {0};
    *ret = (struct model_secrets){0};
    // Most texts hold none; without an escape they are looked at where they are. (What is masked
    // must not change under the one who looks.)
    if (!n || (!memchr(bytes, '\\', n) && secrets_gate(bytes, n, NULL, on_any, NULL) == 0))
        return 0;
    int r = undo_escapes(bytes, n, &u);
    struct gate g = {ret, &u, bytes, mask};
    if (r == 0)
        r = secrets_gate(u.text, u.n, NULL, on_secret, &g);
    if (u.text)
        explicit_bzero(u.text, u.n);
    mem_free(u.text);
    mem_free(u.steps);
    return r < 0 ? r : 0;
}
