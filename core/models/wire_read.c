#include "core/models/wire_read.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/models/wire_continue.h"

#include <string.h>

enum { PIECES_KEPT_MAX = WIRE_EVENT_BYTES_MAX };

static const struct wire_reading *const readings[WIRE_FAMILIES] = {
    [WIRE_ANTHROPIC] = &wire_reading_anthropic,
    [WIRE_CHAT] = &wire_reading_chat,
    [WIRE_RESPONSES] = &wire_reading_responses,
    [WIRE_GEMINI] = &wire_reading_gemini,
};

void wire_usage_add(struct wire_usage *sum, const struct wire_usage *u) {
    sum->input += u->input;
    sum->cached += u->cached;
    sum->cache_write += u->cache_write;
    sum->output += u->output;
    sum->reasoning += u->reasoning;
    sum->known = sum->known || u->known;
}

int wire_reader_new(enum wire_family family, bool stream, struct wire_reader **ret) {
    if ((unsigned)family >= WIRE_FAMILIES)
        return ERR_INVAL;
    struct wire_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->family = family;
    r->how = readings[family];
    r->stream = stream;
    r->form = stream ? READING_UNKNOWN : READING_WHOLE;
    r->last_key = -1;
    r->raw = (struct wire_raw){.open = -1, .sequence = -1};
    r->raw.item = BUF_INIT(WIRE_NAME_BYTES_MAX);
    r->raw.done = BUF_INIT(WIRE_EVENT_BYTES_MAX);
    wire_sse_init(&r->sse, WIRE_EVENT_BYTES_MAX);
    r->whole = BUF_INIT(WIRE_EVENT_BYTES_MAX);
    r->id = BUF_INIT(WIRE_NAME_BYTES_MAX);
    r->name = BUF_INIT(WIRE_NAME_BYTES_MAX);
    r->text = BUF_INIT(WIRE_EVENT_BYTES_MAX);
    r->sequence = BUF_INIT(WIRE_NAME_BYTES_MAX);
    *ret = r;
    return 0;
}

void wire_reader_keep(struct wire_reader *r) {
    r->raw.kept = true;
}

static void block_done(struct wire_block *b) {
    buf_done(&b->id);
    buf_done(&b->name);
    buf_done(&b->text);
    buf_done(&b->signature);
}

void wire_reader_free(struct wire_reader *r) {
    if (!r)
        return;
    for (uint32_t i = 0; i < r->open_count; i++)
        block_done(&r->open[i]);
    mem_free(r->open);
    wire_sse_done(&r->sse);
    buf_done(&r->whole);
    buf_done(&r->id);
    buf_done(&r->name);
    buf_done(&r->text);
    buf_done(&r->sequence);
    buf_done(&r->raw.item);
    buf_done(&r->raw.done);
    mem_free(r);
}

static int tell(struct wire_reader *r, const struct wire_event *event) {
    return r->sink(r->ctx, event);
}

static struct wire_event event_of(enum wire_kind kind) {
    return (struct wire_event){.kind = kind, .retry_after_ms = -1};
}

int wire_reader_garbage(struct wire_reader *r, const char *what) {
    return err_set(r->err, ERR_PARSE, "the backend's answer cannot be read: %s", what);
}

// Too long, or no string: as if it were not there. A NUL within would end it early for those who
// read it.
static int name_text(struct wire_json value, struct buf *out) {
    buf_clear(out);
    if (!wire_json_is_string(value) || value.n - 2 > WIRE_NAME_BYTES_MAX)
        return 0;
    int r = wire_json_append(value, out);
    if (r == 0 && out->len && memchr(out->data, '\0', out->len))
        buf_clear(out);
    if (r == ERR_LIMIT) // replacement characters are longer than what they stand for
        buf_clear(out);
    return r == ERR_LIMIT ? 0 : r;
}

static uint64_t hash_bytes(uint64_t h, const char *bytes, size_t n) { // FNV-1a
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3U;
    return h;
}

int wire_reader_start(struct wire_reader *r, struct wire_json id, struct wire_json model,
                      struct wire_json created) {
    if (r->started)
        return 0;
    int code = name_text(id, &r->id);
    if (code == 0)
        code = name_text(model, &r->name);
    if (code < 0)
        return code;
    r->started = true;
    r->created = wire_json_int(created);
    r->seed = hash_bytes(0xCBF29CE484222325U, r->id.len ? r->id.data : "", r->id.len);
    struct wire_event e = event_of(WIRE_START);
    e.id = r->id.len ? r->id.data : NULL;
    e.name = r->name.len ? r->name.data : NULL;
    e.usage = r->usage;
    e.created = r->created;
    return tell(r, &e);
}

static int start_anyhow(struct wire_reader *r) {
    const struct wire_json none = {0};
    return wire_reader_start(r, none, none, none);
}

struct wire_block *wire_reader_find(struct wire_reader *r, int64_t key) {
    for (uint32_t i = 0; i < r->open_count; i++)
        if (r->open[i].key == key && !r->open[i].ended)
            return &r->open[i];
    return NULL;
}

int wire_reader_begin(struct wire_reader *r, int64_t key, enum wire_kind kind,
                      struct wire_block **ret) {
    int code = start_anyhow(r);
    if (code < 0)
        return code;
    if (r->begun >= WIRE_BLOCKS_MAX)
        return err_set(r->err, ERR_LIMIT, "the backend's answer has more than %d parts",
                       WIRE_BLOCKS_MAX);
    code = mem_grow((void **)&r->open, r->open_count, &r->open_capacity, sizeof *r->open,
                    WIRE_BLOCKS_MAX);
    if (code < 0)
        return code;
    r->begun++;
    struct wire_block *b = &r->open[r->open_count++];
    *b = (struct wire_block){.key = key,
                             .kind = kind,
                             .id = BUF_INIT(WIRE_NAME_BYTES_MAX),
                             .name = BUF_INIT(WIRE_NAME_BYTES_MAX),
                             .text = BUF_INIT(WIRE_EVENT_BYTES_MAX),
                             .signature = BUF_INIT(WIRE_EVENT_BYTES_MAX)};
    *ret = b;
    return 0;
}

static unsigned shown_count(const struct wire_reader *r) {
    unsigned hidden = 0;
    for (uint32_t i = 0; i < r->open_count; i++)
        hidden += !r->open[i].shown;
    return r->begun - hidden;
}

static int tell_piece(struct wire_reader *r, unsigned index, enum wire_kind kind, const char *text,
                      size_t n) {
    struct wire_event e = event_of(kind);
    e.index = index;
    e.text = text;
    e.n = n;
    return n ? tell(r, &e) : 0;
}

// An id that the backend left out: the same for the same answer, another one for every other.
static int make_id(struct wire_reader *r, struct wire_block *b) {
    uint64_t h = hash_bytes(r->seed, b->name.data, b->name.len);
    buf_clear(&b->id);
    return buf_printf(&b->id, "call_%016llx_%u", (unsigned long long)h, b->index);
}

static bool is_first(const struct wire_reader *r, const struct wire_block *b) {
    return b == r->open;
}

// Gives the first open block its number, says what was kept back of it. A tool without a name
// waits for it.
static int show(struct wire_reader *r, struct wire_block *b) {
    if (b->kind == WIRE_TOOL && !b->name.len)
        return 0;
    int code = 0;
    if (!b->shown) {
        b->index = shown_count(r);
        b->shown = true;
        if (b->kind == WIRE_TOOL) {
            struct wire_event e = event_of(WIRE_TOOL);
            r->tools = true;
            if (!b->id.len && (code = make_id(r, b)) < 0)
                return code;
            e.index = b->index;
            e.id = b->id.data;
            e.name = b->name.data;
            code = tell(r, &e);
        }
    }
    enum wire_kind kind = b->kind == WIRE_TOOL ? WIRE_TOOL_INPUT : b->kind;
    r->kept -= b->text.len + b->signature.len;
    if (code == 0)
        code = tell_piece(r, b->index, kind, b->text.data, b->text.len);
    if (code == 0)
        code = tell_piece(r, b->index, WIRE_SIGNATURE, b->signature.data, b->signature.len);
    buf_done(&b->text);
    buf_done(&b->signature);
    return code;
}

static void drop_first(struct wire_reader *r) {
    if (!r->open[0].shown)
        r->begun--;
    r->kept -= r->open[0].text.len + r->open[0].signature.len;
    block_done(&r->open[0]);
    r->open_count--;
    memmove(r->open, r->open + 1, r->open_count * sizeof *r->open);
}

int wire_reader_advance(struct wire_reader *r) {
    int code = 0;
    while (code == 0 && r->open_count) {
        struct wire_block *b = r->open;
        bool anything = b->shown || b->kind == WIRE_TOOL || b->text.len || b->signature.len;
        if (anything)
            code = show(r, b);
        if (code < 0 || !b->ended)
            return code;
        if (b->shown && b->high)
            code = tell_piece(r, b->index, b->kind == WIRE_TOOL ? WIRE_TOOL_INPUT : b->kind,
                              "\xEF\xBF\xBD", 3);
        if (b->shown && code == 0) {
            struct wire_event e = event_of(WIRE_BLOCK_END);
            e.index = b->index;
            code = tell(r, &e);
        }
        drop_first(r);
    }
    return code;
}

int wire_reader_name(struct wire_reader *r, struct wire_block *b, struct wire_json name) {
    if (b->name.len)
        return 0;
    int code = name_text(name, &b->name);
    return code < 0 ? code : wire_reader_advance(r);
}

int wire_reader_tool(struct wire_reader *r, int64_t key, struct wire_json id, struct wire_json name,
                     struct wire_block **ret) {
    struct wire_block *b;
    int code = wire_reader_begin(r, key, WIRE_TOOL, &b);
    if (code == 0)
        code = name_text(id, &b->id);
    if (code == 0)
        code = name_text(name, &b->name);
    if (code < 0)
        return code;
    *ret = b;
    return is_first(r, b) ? wire_reader_advance(r) : 0;
}

// Is the object of a tool's arguments complete? Only whether, not whether it is well formed.
static void follow_input(struct wire_block *b, const char *bytes, size_t n) {
    for (size_t i = 0; i < n && !b->complete; i++) {
        char c = bytes[i];
        if (b->in_string) {
            if (b->escaped)
                b->escaped = false;
            else if (c == '\\')
                b->escaped = true;
            else if (c == '"')
                b->in_string = false;
        } else if (c == '"') {
            b->in_string = true;
        } else if (c == '{' || c == '[') {
            b->depth++;
        } else if ((c == '}' || c == ']') && b->depth) {
            b->complete = --b->depth == 0;
        }
    }
}

int wire_reader_bytes(struct wire_reader *r, struct wire_block *b, enum wire_kind kind,
                      const char *bytes, size_t n) {
    if (!n)
        return 0;
    if (kind == WIRE_TOOL_INPUT)
        follow_input(b, bytes, n);
    if (is_first(r, b) && (b->kind != WIRE_TOOL || b->name.len)) {
        int code = show(r, b);
        return code < 0 ? code : tell_piece(r, b->index, kind, bytes, n);
    }
    if (n > PIECES_KEPT_MAX - r->kept)
        return ERR_LIMIT;
    r->kept += n;
    return buf_append(kind == WIRE_SIGNATURE ? &b->signature : &b->text, bytes, n);
}

int wire_reader_object(struct wire_reader *r, struct wire_block *b, struct wire_json object) {
    if (!utf_valid(object.p, object.n))
        return wire_reader_garbage(r, "arguments of a tool call that are no UTF-8");
    return wire_reader_bytes(r, b, WIRE_TOOL_INPUT, object.p, object.n);
}

int wire_reader_piece(struct wire_reader *r, struct wire_block *b, enum wire_kind kind,
                      struct wire_json string) {
    const char *text;
    size_t n;
    if (!wire_json_is_string(string) || string.n == 2)
        return 0;
    int code;
    if (!b->high && !wire_json_ends_in_half(string)) {
        code = wire_json_text(string, &r->text, &text, &n);
        return code < 0 ? code : wire_reader_bytes(r, b, kind, text, n);
    }
    buf_clear(&r->text);
    code = wire_json_append_piece(string, &b->high, &r->text);
    return code < 0 ? code : wire_reader_bytes(r, b, kind, r->text.data, r->text.len);
}

int wire_reader_text(struct wire_reader *r, int64_t key, enum wire_kind kind,
                     struct wire_json string) {
    if (!wire_json_is_string(string) || string.n == 2)
        return 0;
    struct wire_block *b = wire_reader_find(r, key);
    int code = b ? 0 : wire_reader_begin(r, key, kind, &b);
    return code < 0 ? code : wire_reader_piece(r, b, kind, string);
}

int wire_reader_end(struct wire_reader *r, int64_t key) {
    struct wire_block *b = wire_reader_find(r, key);
    if (!b)
        return 0;
    b->ended = true;
    return is_first(r, b) ? wire_reader_advance(r) : 0;
}

int wire_reader_end_all(struct wire_reader *r) {
    for (uint32_t i = 0; i < r->open_count; i++)
        r->open[i].ended = true;
    return wire_reader_advance(r);
}

int wire_reader_usage(struct wire_reader *r) {
    int code = start_anyhow(r);
    struct wire_event e = event_of(WIRE_USAGE);
    r->usage.known = true;
    e.usage = r->usage;
    return code < 0 ? code : tell(r, &e);
}

int wire_reader_stop(struct wire_reader *r) {
    int code = start_anyhow(r);
    if (code == 0)
        code = wire_reader_end_all(r);
    if (code < 0)
        return code;
    struct wire_event e = event_of(WIRE_STOP);
    e.stop = r->refused ? WIRE_STOP_REFUSAL : r->stop;
    // "stop" is what some say even when they call tools, and always when one tool was forced.
    if (e.stop == WIRE_STOP_NONE || e.stop == WIRE_STOP_END)
        e.stop = r->tools ? WIRE_STOP_TOOLS : WIRE_STOP_END;
    e.usage = r->usage;
    if (e.stop == WIRE_STOP_SEQUENCE && r->sequence.len) {
        e.text = r->sequence.data;
        e.n = r->sequence.len;
    }
    r->done = true;
    return tell(r, &e);
}

int wire_reader_error(struct wire_reader *r, struct wire_json error) {
    AUTO_BUF text = BUF_INIT(WIRE_EVENT_BYTES_MAX);
    struct wire_event e;
    wire_fault_of(r->family, 0, error, &e, &text);
    if (text.failed)
        return ERR_NOMEM;
    r->done = true;
    return tell(r, &e);
}

static int take_whole(struct wire_reader *r) {
    static const struct wire_name names[] = {WIRE_NAME("error")};
    struct wire_json document = wire_json_document(r->whole.len ? r->whole.data : "", r->whole.len),
                     error;
    if (!wire_json_is_object(document))
        return wire_reader_garbage(r, "it is no JSON object");
    if (wire_json_members(document, names, &error, 1) && error.p)
        return wire_reader_error(r, error);
    return r->how->whole(r, document);
}

static int take_event(void *ctx, const char *data, size_t n) {
    struct wire_reader *r = ctx;
    if (r->done || !n)
        return 0;
    if (n == 6 && !memcmp(data, "[DONE]", 6)) // OpenAI's; whoever else says it means the same
        return r->how->ended ? r->how->ended(r) : 0;
    return r->how->event(r, wire_json_trim(data, n));
}

// A backend that does not stream answers a request for a stream with one document.
static void find_form(struct wire_reader *r, const char *bytes, size_t n) {
    size_t i = 0;
    while (i < n && memchr(" \t\r\n", bytes[i], 4))
        i++;
    if (i < n && bytes[i] != '{')
        r->form = READING_EVENTS;
    else if (i < n)
        r->form = r->how->lines ? READING_LINES : READING_WHOLE;
}

static int take_line(struct wire_reader *r) {
    struct wire_json line = wire_json_trim(r->whole.len ? r->whole.data : "", r->whole.len);
    int code = r->done || !line.n ? 0 : r->how->event(r, line);
    buf_clear(&r->whole);
    return code;
}

static int read_lines(struct wire_reader *r, const char *bytes, size_t n) {
    int code = 0;
    for (const char *eol; code == 0 && n && (eol = memchr(bytes, '\n', n)) != NULL;) {
        size_t line = (size_t)(eol - bytes) + 1;
        code = buf_append(&r->whole, bytes, line);
        if (code == 0)
            code = take_line(r);
        bytes += line;
        n -= line;
    }
    return code == 0 && !r->done ? buf_append(&r->whole, bytes, n) : code;
}

static int read_bytes(struct wire_reader *r, const char *bytes, size_t n) {
    if (r->form == READING_UNKNOWN)
        find_form(r, bytes, n);
    if (r->form == READING_WHOLE)
        return buf_append(&r->whole, bytes, n);
    if (r->form == READING_LINES)
        return read_lines(r, bytes, n);
    return r->form == READING_EVENTS ? wire_sse_feed(&r->sse, bytes, n, take_event, r) : 0;
}

static int begin_call(struct wire_reader *r, wire_sink *sink, void *ctx, struct err *err) {
    r->sink = sink;
    r->ctx = ctx;
    r->err = err;
    if (err)
        *err = (struct err){0};
    return r->failed;
}

static int end_call(struct wire_reader *r, int code) {
    r->failed = code;
    if (code < 0 && r->err && !r->err->code) {
        if (code == ERR_LIMIT)
            return err_set(r->err, code, "the backend's answer is larger than %d MB",
                           WIRE_EVENT_BYTES_MAX >> 20);
        return err_set(r->err, code, "the backend's answer cannot be read (%s)", err_name(code));
    }
    return code;
}

int wire_read(struct wire_reader *r, const char *bytes, size_t n, wire_sink *sink, void *ctx,
              struct err *err) {
    int code = begin_call(r, sink, ctx, err);
    if (code == 0 && n && !r->done)
        code = read_bytes(r, bytes, n);
    return end_call(r, code);
}

int wire_read_end(struct wire_reader *r, wire_sink *sink, void *ctx, struct err *err) {
    int code = begin_call(r, sink, ctx, err);
    if (code == 0 && !r->done) {
        if (r->form == READING_WHOLE && r->whole.len)
            code = take_whole(r);
        else if (r->form == READING_LINES)
            code = take_line(r);
        else if (r->form == READING_EVENTS)
            code = wire_sse_end(&r->sse, take_event, r);
        if (code == ERR_PARSE && r->form != READING_WHOLE) { // the piece of an event: cut
            code = 0;
            if (err)
                *err = (struct err){0};
        }
        if (code == 0 && !r->done && r->finished)
            code = wire_reader_stop(r);
        if (code == 0 && !r->done)
            code = err_set(err, ERR_CLOSED, "the backend closed the connection within its answer");
    }
    return end_call(r, code);
}
