// What errors mean. The APIs say it in four places (status, type or code, text, header fields), and
// local servers in whichever they like: tables of words, the surest first.
#include "core/models/wire_read.h"
#include "core/models/wire_write.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MESSAGE_BYTES_MAX = 2048, WORDS_BYTES_MAX = 4096, RETRY_MS_MAX = 400 * 86400 };

struct said { // what was found in a body
    int status;
    const char *words; // types, codes, reasons; terminated
    const char *text;  // the message; terminated
};

struct meaning {
    const char *word;
    enum route_fault fault;
};

// Types, codes and reasons.
static const struct meaning by_word[] = {
    {"insufficient_quota", ROUTE_FAULT_QUOTA},
    {"usage_limit_reached", ROUTE_FAULT_QUOTA},
    {"usage_limit_exceeded", ROUTE_FAULT_QUOTA},
    {"quota_exceeded", ROUTE_FAULT_QUOTA},
    {"billing_hard_limit", ROUTE_FAULT_QUOTA},
    {"usage_not_included", ROUTE_FAULT_BILLING},
    {"billing", ROUTE_FAULT_BILLING}, // billing_error, billing_not_active
    {"payment_required", ROUTE_FAULT_BILLING},
    {"spend_limit_reached", ROUTE_FAULT_QUOTA},
    {"perday", ROUTE_FAULT_QUOTA}, // Gemini's quotaId
    {"context_length_exceeded", ROUTE_FAULT_CONTEXT},
    {"model_context_window_exceeded", ROUTE_FAULT_CONTEXT},
    {"exceed_context_size", ROUTE_FAULT_CONTEXT}, // llama.cpp
    {"request_too_large", ROUTE_FAULT_CONTEXT},
    {"invalid_encrypted_content", ROUTE_FAULT_SIGNATURE},
    {"model_not_found", ROUTE_FAULT_MODEL},
    {"invalid_api_key", ROUTE_FAULT_AUTH},
    {"api_key_invalid", ROUTE_FAULT_AUTH},
    {"authentication_error", ROUTE_FAULT_AUTH},
    {"permission_error", ROUTE_FAULT_AUTH},
    {"permission_denied", ROUTE_FAULT_AUTH},
    {"unauthenticated", ROUTE_FAULT_AUTH},
    {"overloaded", ROUTE_FAULT_OVERLOADED}, // overloaded_error, server_is_overloaded
    {"slow_down", ROUTE_FAULT_OVERLOADED},
    {"unavailable", ROUTE_FAULT_OVERLOADED}, // Gemini's UNAVAILABLE, llama.cpp's unavailable_error
};
// Types that say less than the text does.
static const struct meaning by_wide_word[] = {
    {"rate_limit", ROUTE_FAULT_RATE},         {"resource_exhausted", ROUTE_FAULT_RATE},
    {"timeout_error", ROUTE_FAULT_TIMEOUT},   {"api_error", ROUTE_FAULT_SERVER},
    {"server_error", ROUTE_FAULT_SERVER},     {"internal", ROUTE_FAULT_SERVER},
    {"invalid_request", ROUTE_FAULT_REQUEST}, {"invalid_argument", ROUTE_FAULT_REQUEST},
    {"not_found", ROUTE_FAULT_MODEL},
};
// The text of a 4xx, or of an error within a stream.
static const struct meaning by_text[] = {
    {"credit balance", ROUTE_FAULT_BILLING},
    {"specified api usage limits", ROUTE_FAULT_QUOTA},
    {"usage limit reached", ROUTE_FAULT_QUOTA},
    {"reached your usage limit", ROUTE_FAULT_QUOTA},
    {"extra usage is required", ROUTE_FAULT_QUOTA},
    {"insufficient balance", ROUTE_FAULT_BILLING},
    {"insufficient credits", ROUTE_FAULT_BILLING},
    {"per day", ROUTE_FAULT_QUOTA},
    {"prompt is too long", ROUTE_FAULT_CONTEXT},
    {"exceed context limit", ROUTE_FAULT_CONTEXT},
    {"maximum context length", ROUTE_FAULT_CONTEXT},
    {"context length exceeded", ROUTE_FAULT_CONTEXT},
    {"exceeds the available context size", ROUTE_FAULT_CONTEXT},
    {"exceeds the context window", ROUTE_FAULT_CONTEXT},
    {"input token count", ROUTE_FAULT_CONTEXT},
    {"greater than the context length", ROUTE_FAULT_CONTEXT},
    {"request too large", ROUTE_FAULT_CONTEXT}, // more than a minute's tokens: waiting is no help
    {"`signature` in `thinking`", ROUTE_FAULT_SIGNATURE},
    {"blocks in the latest assistant message cannot be modified", ROUTE_FAULT_SIGNATURE},
    {"thought_signature", ROUTE_FAULT_SIGNATURE},
    {"thought signature", ROUTE_FAULT_SIGNATURE},
    {"encrypted content", ROUTE_FAULT_SIGNATURE},
    {"api key not valid", ROUTE_FAULT_AUTH},
    {"incorrect api key", ROUTE_FAULT_AUTH},
    {"invalid x-api-key", ROUTE_FAULT_AUTH},
};

static bool look_up(const struct meaning *table, size_t n, const char *text,
                    enum route_fault *ret) {
    for (size_t i = 0; i < n; i++)
        if (strcasestr(text, table[i].word)) {
            *ret = table[i].fault;
            return true;
        }
    return false;
}

static bool about_model(const char *text) {
    return strcasestr(text, "model") &&
           (strcasestr(text, "not found") || strcasestr(text, "not exist") ||
            strcasestr(text, "not supported") || !strncasecmp(text, "model:", 6));
}

static enum route_fault by_status(int status) {
    if (status == 429)
        return ROUTE_FAULT_RATE;
    if (status == 402)
        return ROUTE_FAULT_BILLING;
    if (status == 503 || status == 529)
        return ROUTE_FAULT_OVERLOADED;
    if (status == 401 || status == 403 || status == 407)
        return ROUTE_FAULT_AUTH;
    if (status == 404) // no such model, or a wrong address: another backend may have it
        return ROUTE_FAULT_MODEL;
    if (status == 408 || status == 504)
        return ROUTE_FAULT_TIMEOUT;
    if (status == 413)
        return ROUTE_FAULT_CONTEXT;
    if (status >= 400 && status < 500 && status != 409 && status != 425)
        return ROUTE_FAULT_REQUEST;
    return ROUTE_FAULT_SERVER; // or no answer at all; 409 and 425 are what SDKs try again as well
}

static enum route_fault find_fault(const struct said *s) {
    enum route_fault f;
    bool theirs = s->status >= 500; // then words about the request are not to be believed
    if (look_up(by_word, COUNT_OF(by_word), s->words, &f) &&
        (!theirs || f == ROUTE_FAULT_OVERLOADED || f == ROUTE_FAULT_CONTEXT))
        return f;
    if (!theirs && look_up(by_text, COUNT_OF(by_text), s->text, &f))
        return f;
    if (theirs && look_up(by_text, COUNT_OF(by_text), s->text, &f) && f == ROUTE_FAULT_CONTEXT)
        return f; // llama.cpp says so with 500
    if ((!s->status || s->status == 400 || s->status == 404) && about_model(s->text))
        return ROUTE_FAULT_MODEL;
    if (s->status)
        return by_status(s->status);
    if (look_up(by_wide_word, COUNT_OF(by_wide_word), s->words, &f))
        return f;
    return strcasestr(s->text, "overloaded") ? ROUTE_FAULT_OVERLOADED : ROUTE_FAULT_SERVER;
}

// "34.5s", "6m0s", "250ms", "1h2m": milliseconds; -1: none.
static int64_t span_ms(const char *p) {
    double total = 0;
    bool any = false;
    while ((*p >= '0' && *p <= '9') || *p == '.') {
        double n = 0, part = 1;
        unsigned digits = 0;
        for (; *p >= '0' && *p <= '9' && digits < 12; p++, digits++)
            n = n * 10 + (*p - '0');
        if (*p == '.')
            for (p++; *p >= '0' && *p <= '9' && digits < 24; p++, digits++)
                n += (part /= 10) * (*p - '0');
        double unit = !strncmp(p, "ms", 2) ? 1
                      : *p == 's'          ? 1000
                      : *p == 'm'          ? 60000
                      : *p == 'h'          ? 3600000
                      : *p == 'd'          ? 86400000
                                           : 0;
        if (!digits || unit == 0)
            break;
        total += n * unit;
        any = true;
        p += unit == 1 ? 2 : 1;
    }
    if (!any)
        return -1;
    return total < RETRY_MS_MAX * 1000.0 ? (int64_t)total : RETRY_MS_MAX * INT64_C(1000);
}

static int64_t retry_of_text(const char *text) {
    const char *p = strcasestr(text, "try again in ");
    return p ? span_ms(p + 13) : -1;
}

static int64_t seconds_ms(double seconds) {
    return seconds >= 0 && seconds < RETRY_MS_MAX ? (int64_t)(seconds * 1000) : -1;
}

static void add_words(struct wire_json v, struct buf *words) {
    (void)buf_putc(words, ' ');
    if (wire_json_is_string(v))
        (void)wire_json_append(v, words);
    else if (v.p && v.n < WORDS_BYTES_MAX / 2)
        (void)buf_append(words, v.p, v.n);
}

static void gemini_retry(struct wire_json details, int64_t *ret) {
    static const struct wire_name names[] = {WIRE_NAME("retryDelay")};
    struct wire_json one, delay;
    size_t at = 0;
    char text[32];
    while (wire_json_each(details, &at, &one))
        if (wire_json_members(one, names, &delay, 1) && wire_json_is_string(delay) &&
            delay.n < sizeof text) {
            memcpy(text, delay.p + 1, delay.n - 2);
            text[delay.n - 2] = '\0';
            *ret = span_ms(text);
        }
}

static void put_message(struct wire_json message, int status, struct buf *text) {
    if (wire_json_is_string(message) && message.n > 2)
        (void)wire_json_append(message, text);
    if (text->failed)
        return;
    for (size_t i = 0; i < text->len; i++)
        if (!text->data[i])
            text->data[i] = ' ';
    if (text->len > MESSAGE_BYTES_MAX) {
        text->len = utf_cut(text->data, text->len, MESSAGE_BYTES_MAX);
        text->data[text->len] = '\0';
    }
    if (!text->len && status)
        (void)buf_printf(text, "HTTP %d", status);
    else if (!text->len)
        (void)buf_puts(text, "the backend reported an error without saying which");
}

void wire_fault_of(enum wire_family family, int status, struct wire_json error,
                   struct wire_event *ret, struct buf *text) {
    enum { TYPE, CODE, STATUS, MESSAGE, DETAILS, RESETS, RESETS_AT, COUNT };
    static const struct wire_name names[COUNT] = {
        [TYPE] = WIRE_NAME("type"),           [CODE] = WIRE_NAME("code"),
        [STATUS] = WIRE_NAME("status"),       [MESSAGE] = WIRE_NAME("message"),
        [DETAILS] = WIRE_NAME("details"),     [RESETS] = WIRE_NAME("resets_in_seconds"),
        [RESETS_AT] = WIRE_NAME("resets_at"),
    };
    AUTO_BUF words = BUF_INIT(WORDS_BYTES_MAX);
    struct wire_json v[COUNT];
    *ret = (struct wire_event){.kind = WIRE_ERROR, .retry_after_ms = -1};
    buf_clear(text);
    if (buf_reserve(&words, WORDS_BYTES_MAX) < 0) // all at once: later failures would go unseen
        text->failed = true;
    if (wire_json_members(error, names, v, COUNT)) {
        add_words(v[TYPE], &words);
        add_words(v[CODE], &words);
        add_words(v[STATUS], &words);
        add_words(v[DETAILS], &words);
        int64_t code = wire_json_int(v[CODE]);
        if (!status && code >= 400 && code < 600)
            status = (int)code;
        if (v[RESETS].p)
            ret->retry_after_ms = seconds_ms(wire_json_real(v[RESETS]));
        ret->resets_at_s = wire_json_int(v[RESETS_AT]);
        gemini_retry(v[DETAILS], &ret->retry_after_ms);
    } else {
        v[MESSAGE] = error;
    }
    put_message(v[MESSAGE], status, text);
    struct said s = {status, words.data ? words.data : "", text->len ? text->data : ""};
    ret->fault = find_fault(&s);
    // Gemini's text about quota is the same for a minute's and a day's; only the day's id tells.
    if (family == WIRE_GEMINI && status == 429 && ret->fault == ROUTE_FAULT_QUOTA &&
        strcasestr(s.words, "perminute") && !strcasestr(s.words, "perday"))
        ret->fault = ROUTE_FAULT_RATE;
    if (ret->retry_after_ms < 0)
        ret->retry_after_ms = retry_of_text(s.text);
    ret->text = s.text;
    ret->n = text->len;
}

// The first line of what is no JSON; pages for people say nothing.
static void plain_body(const char *body, size_t n, int status, struct wire_event *ret,
                       struct buf *text) {
    const struct wire_json none = {0};
    size_t i = 0;
    while (i < n && (unsigned char)body[i] <= ' ')
        i++;
    wire_fault_of(WIRE_CHAT, status, none, ret, text);
    if (i == n || body[i] == '<')
        return;
    const char *end = memchr(body + i, '\n', n - i);
    size_t len = end ? (size_t)(end - body) - i : n - i;
    len = utf_cut(body + i, len, 200);
    if (!utf_valid(body + i, len) || memchr(body + i, '\0', len) || buf_append(text, ": ", 2) < 0 ||
        buf_append(text, body + i, len) < 0)
        return;
    struct said s = {status, "", text->data};
    ret->fault = find_fault(&s);
    ret->text = text->data;
    ret->n = text->len;
}

void wire_read_fault(enum wire_family family, int status, const char *body, size_t n,
                     struct wire_event *ret, struct buf *text) {
    static const struct wire_name names[] = {WIRE_NAME("error"), WIRE_NAME("message"),
                                             WIRE_NAME("detail")};
    struct wire_json document = wire_json_document(body, n < WIRE_EVENT_BYTES_MAX ? n : 0), v[3];
    size_t at = 0;
    if (wire_json_is_array(document)) // Gemini without alt=sse
        (void)wire_json_each(document, &at, &document);
    if (!wire_json_members(document, names, v, 3)) {
        plain_body(body, n, status, ret, text);
        return;
    }
    // vLLM's older form has the members of the error at the top, FastAPI's one "detail".
    wire_fault_of(family, status, v[0].p ? v[0] : v[1].p || !v[2].p ? document : v[2], ret, text);
}

struct face { // how a family says it
    int status;
    const char *type, *code;
};

static const struct face anthropic_faces[ROUTE_FAULTS] = {
    [ROUTE_FAULT_NONE] = {500, "api_error", NULL},
    [ROUTE_FAULT_RATE] = {429, "rate_limit_error", NULL},
    [ROUTE_FAULT_QUOTA] = {429, "rate_limit_error", NULL},
    [ROUTE_FAULT_OVERLOADED] = {529, "overloaded_error", NULL},
    [ROUTE_FAULT_SERVER] = {502, "api_error", NULL},
    [ROUTE_FAULT_TIMEOUT] = {504, "timeout_error", NULL},
    [ROUTE_FAULT_AUTH] = {401, "authentication_error", NULL},
    [ROUTE_FAULT_BILLING] = {402, "billing_error", NULL},
    [ROUTE_FAULT_MODEL] = {404, "not_found_error", NULL},
    [ROUTE_FAULT_CONTEXT] = {400, "invalid_request_error", NULL},
    [ROUTE_FAULT_SIGNATURE] = {400, "invalid_request_error", NULL},
    [ROUTE_FAULT_REQUEST] = {400, "invalid_request_error", NULL},
};
static const struct face openai_faces[ROUTE_FAULTS] = {
    [ROUTE_FAULT_NONE] = {500, "server_error", NULL},
    [ROUTE_FAULT_RATE] = {429, "requests", "rate_limit_exceeded"},
    [ROUTE_FAULT_QUOTA] = {429, "insufficient_quota", "insufficient_quota"},
    [ROUTE_FAULT_OVERLOADED] = {503, "server_error", "server_is_overloaded"},
    [ROUTE_FAULT_SERVER] = {502, "server_error", "server_error"},
    [ROUTE_FAULT_TIMEOUT] = {504, "server_error", "timeout_error"},
    [ROUTE_FAULT_AUTH] = {401, "invalid_request_error", "invalid_api_key"},
    [ROUTE_FAULT_BILLING] = {402, "billing_not_active", "billing_not_active"},
    [ROUTE_FAULT_MODEL] = {404, "invalid_request_error", "model_not_found"},
    [ROUTE_FAULT_CONTEXT] = {400, "invalid_request_error", "context_length_exceeded"},
    [ROUTE_FAULT_SIGNATURE] = {400, "invalid_request_error", "invalid_encrypted_content"},
    [ROUTE_FAULT_REQUEST] = {400, "invalid_request_error", NULL},
};
static const struct face gemini_faces[ROUTE_FAULTS] = {
    [ROUTE_FAULT_NONE] = {500, "INTERNAL", NULL},
    [ROUTE_FAULT_RATE] = {429, "RESOURCE_EXHAUSTED", NULL},
    [ROUTE_FAULT_QUOTA] = {429, "RESOURCE_EXHAUSTED", NULL},
    [ROUTE_FAULT_OVERLOADED] = {503, "UNAVAILABLE", NULL},
    [ROUTE_FAULT_SERVER] = {502, "INTERNAL", NULL},
    [ROUTE_FAULT_TIMEOUT] = {504, "DEADLINE_EXCEEDED", NULL},
    [ROUTE_FAULT_AUTH] = {401, "UNAUTHENTICATED", NULL},
    [ROUTE_FAULT_BILLING] = {402, "FAILED_PRECONDITION", NULL},
    [ROUTE_FAULT_MODEL] = {404, "NOT_FOUND", NULL},
    [ROUTE_FAULT_CONTEXT] = {400, "INVALID_ARGUMENT", NULL},
    [ROUTE_FAULT_SIGNATURE] = {400, "INVALID_ARGUMENT", NULL},
    [ROUTE_FAULT_REQUEST] = {400, "INVALID_ARGUMENT", NULL},
};

static const struct face *face_of(enum wire_family family, enum route_fault fault) {
    unsigned i = (unsigned)fault < ROUTE_FAULTS ? fault : ROUTE_FAULT_NONE;
    if (family == WIRE_ANTHROPIC)
        return &anthropic_faces[i];
    return family == WIRE_GEMINI ? &gemini_faces[i] : &openai_faces[i];
}

int wire_fault_status(enum wire_family family, enum route_fault fault) {
    return face_of(family, fault)->status;
}

// Some texts are what clients look for: Claude Code shortens its history when it reads the first.
static const char *opening(enum wire_family family, enum route_fault fault) {
    if (fault == ROUTE_FAULT_CONTEXT)
        return family == WIRE_ANTHROPIC ? "prompt is too long: "
               : family == WIRE_GEMINI
                   ? "The input token count exceeds the maximum number of tokens allowed: "
                   : "";
    return "";
}

void wire_put_error(struct buf *out, enum wire_family family, enum route_fault fault,
                    const char *message, size_t n) {
    const struct face *f = face_of(family, fault);
    const char *before = opening(family, fault);
    AUTO_BUF text = BUF_INIT(0);
    if (n < strlen(before) || strncasecmp(message, before, strlen(before)) != 0)
        (void)buf_puts(&text, before);
    (void)buf_append(&text, message, n);
    if (family == WIRE_GEMINI) {
        WIRE_PUT(out, "{\"code\":");
        wire_put_number(out, f->status);
        WIRE_PUT(out, ",\"message\":");
        wire_put_buf(out, &text);
        (void)buf_printf(out, ",\"status\":\"%s\"}", f->type);
    } else {
        (void)buf_printf(out, "{\"type\":\"%s\",\"message\":", f->type);
        wire_put_buf(out, &text);
        if (family != WIRE_ANTHROPIC && f->code)
            (void)buf_printf(out, ",\"param\":null,\"code\":\"%s\"", f->code);
        else if (family != WIRE_ANTHROPIC)
            WIRE_PUT(out, ",\"param\":null,\"code\":null");
        WIRE_PUT(out, "}");
    }
    if (text.failed)
        out->failed = true;
}

void wire_put_fault(struct buf *out, enum wire_family family, enum route_fault fault,
                    const char *message, size_t n) {
    if (family == WIRE_ANTHROPIC)
        WIRE_PUT(out, "{\"type\":\"error\",\"error\":");
    else
        WIRE_PUT(out, "{\"error\":");
    wire_put_error(out, family, fault, message, n);
    WIRE_PUT(out, "}");
}

int wire_write_fault(enum wire_family family, enum route_fault fault, const char *message,
                     struct buf *out) {
    size_t before = out->len;
    if (out->failed)
        return ERR_NOMEM;
    wire_put_fault(out, family, fault, message, strlen(message));
    if (!out->failed)
        return wire_fault_status(family, fault);
    out->len = before;
    if (out->data)
        out->data[before] = '\0';
    return ERR_NOMEM;
}
