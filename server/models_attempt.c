// One attempt at one backend: bytes out, and what comes back. Nothing is handed on before the
// answer has content, so that until then another backend can take over unseen.
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/models_http.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    ERROR_BODY_BYTES_MAX = 64 * 1024,
    ERROR_BODY_MS = 2000,   // for it to come
    FAULT_SAID_BYTES = 140, // … and of what it says
    END_MS = 1000,          // from the end of an answer to the end of its connection
    HELD_BYTES_MAX = MODEL_ANSWER_BYTES_MAX
};

static enum wire_family family_of(const struct model_run *run) { // of the backend
    return (enum wire_family)run->plan->offers[run->offer].backend->family;
}

static bool same_family(const struct model_run *run) {
    return family_of(run) == run->family;
}

// --- handing on

static void client_headers(const struct model_run *run, struct http_header *out, size_t *ret_n) {
    size_t n = 0;
    for (size_t at = 0; at < run->headers.len && n < 16; n++) {
        out[n].name = run->headers.data + at;
        at += strlen(out[n].name) + 1;
        out[n].value = run->headers.data + at;
        at += strlen(out[n].value) + 1;
    }
    *ret_n = n;
}

void model_hand_on(struct model_run *run, const char *bytes, size_t n) {
    if (n == 0 || run->cancelled)
        return;
    if (run->exact.state == MODEL_EXACT_MISSED)
        model_exact_part(run, bytes, n);
    if (run->events.bytes(run->ctx, bytes, n) == 1 && run->call && !run->cancelled) {
        run->paused = true;
        http_pause(run->call, true);
    }
}

static void begin(struct model_run *run, bool stream) {
    struct http_header headers[17];
    char route[MODEL_WHY_ID_BYTES];
    size_t n;
    client_headers(run, headers, &n);
    if (run->why) {
        model_whys_id(run->m->services->whys, run->why, route);
        headers[n++] = (struct http_header){"x-paired-route", route};
    }
    run->begun = true;
    model_remember(run);
    run->events.begin(run->ctx, stream, headers, n);
    model_hand_on(run, run->held.data, run->held.len);
    buf_clear(&run->held);
}

// --- reading

static int on_event(void *ctx, const struct wire_event *e) {
    struct model_run *run = ctx;
    run->told++;
    if (e->usage.known)
        run->usage = e->usage;
    if (e->kind == WIRE_STOP) {
        run->ended = true;
        run->stop = e->stop;
    }
    if (e->kind == WIRE_ERROR) { // not handed on: another one may do better
        run->fault = route_limits_judge(&run->limits, e->fault, e->retry_after_ms, e->resets_at_s,
                                        model_now_ms());
        (void)snprintf(run->fault_text, sizeof run->fault_text, "%.*s",
                       (int)(e->n < sizeof run->fault_text ? e->n : sizeof run->fault_text - 1),
                       e->text ? e->text : "");
        return 0;
    }
    bool content = e->kind == WIRE_TEXT || e->kind == WIRE_THINKING || e->kind == WIRE_TOOL ||
                   e->kind == WIRE_REDACTED;
    run->content = run->content || content;
    struct wire_event filled = *e;
    if (run->fim != WIRE_FIM_NONE && e->kind == WIRE_START) {
        filled.id = MODEL_FILLED_ID;
        e = &filled;
    }
    model_told(run, e);
    if (run->joint) {
        int r = wire_joint_write(run->joint, e, &run->held);
        run->restarted = r == ERR_PARSE;
        return r;
    }
    return run->writer ? wire_write(run->writer, e, &run->held) : 0;
}

static void on_enough(void *ctx);

// The attempt ends without waiting for its connection to do so.
static void end_soon(struct model_run *run, uint64_t ms) {
    if (!run->timer)
        run->timer = env_timer_start(loop_env(run->m->loop), ms, on_enough, run);
}

// What reads the answer and, unless bytes pass as they are, what writes it.
static int make_reader(struct model_run *run) {
    bool fills = run->fim != WIRE_FIM_NONE;
    run->raw = same_family(run) && !run->legs && !fills;
    int r = fills ? wire_fim_reader_new(run->fim, run->read.stream, &run->reader)
                  : wire_reader_new(family_of(run), run->read.stream, &run->reader);
    if (r == 0 && run->raw)
        wire_reader_keep(run->reader);
    else if (r == 0 && !run->writer) {
        r = wire_writer_new(run->family, run->read.stream, &run->writer);
        if (r == 0 && run->read.own_usage)
            wire_writer_own_usage(run->writer);
    }
    return r == 0 && run->legs ? wire_joint_new(run->writer, &run->said, &run->before, &run->joint)
                               : r;
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n) {
    static const char *const to_client[] = {"request-id", "x-request-id", "retry-after"};
    struct model_run *run = ctx;
    int64_t now_ms = model_now_ms();
    run->status = status;
    for (size_t i = 0; i < n; i++) {
        const char *name = headers[i].name, *value = headers[i].value;
        route_limits_header(&run->limits, name, strlen(name), value, strlen(value), now_ms);
        for (size_t k = 0; k < sizeof to_client / sizeof *to_client; k++)
            if (strcasecmp(name, to_client[k]) == 0 && run->headers.len < 4096) {
                (void)buf_append(&run->headers, to_client[k], strlen(to_client[k]) + 1);
                (void)buf_append(&run->headers, value, strlen(value) + 1);
            }
    }
    route_limits_finish(&run->limits, now_ms);
    if (status / 100 != 2)
        end_soon(run, ERROR_BODY_MS);
    else if (make_reader(run) < 0)
        run->fault = ROUTE_FAULT_SERVER;
}

// What is wrong first is what is told.
static void fail(struct model_run *run, const char *why) {
    if (run->fault != ROUTE_FAULT_NONE)
        return;
    run->fault = ROUTE_FAULT_SERVER;
    (void)snprintf(run->fault_text, sizeof run->fault_text, "%.200s", why);
}

static void read_bytes(struct model_run *run, const char *bytes, size_t n) {
    struct err err = {0};
    if (n && wire_read(run->reader, bytes, n, on_event, run, &err) < 0)
        fail(run, run->restarted ? "it began its answer anew" : err_text(&err));
}

// Bytes that are read, and that go to the client as they are.
static void take_read(struct model_run *run, const char *bytes, size_t n) {
    if (run->begun) {
        model_hand_on(run, bytes, n);
        return;
    }
    if (buf_append(&run->held, bytes, n) < 0)
        fail(run, "an answer that is too large");
    else if (run->content && run->read.stream)
        begin(run, true);
}

// Event by event: what is handed on of a stream ends with a whole one, so that another can go on
// from there; and one that reports an error is not handed on.
static void take_raw(struct model_run *run, const char *bytes, size_t n) {
    struct buf *tail = &run->tail;
    size_t done = 0, end;
    bool kept = tail->len > 0;
    if (kept && buf_append(tail, bytes, n) < 0) {
        fail(run, "an event that is too large");
        return;
    }
    const char *at = kept ? tail->data : bytes;
    size_t left = kept ? tail->len : n, looked = kept ? run->searched : 0;
    while ((end = wire_event_end(at + done, left - done, looked)) > 0) {
        read_bytes(run, at + done, end);
        if (run->fault != ROUTE_FAULT_NONE)
            break;
        done += end;
        looked = 0;
    }
    if (done)
        take_read(run, at, done);
    run->searched = left - done;
    if (kept) {
        tail->len -= done;
        memmove(tail->data, tail->data + done, tail->len);
    } else if (done < n && buf_append(tail, bytes + done, n - done) < 0) {
        fail(run, "an event that is too large");
    }
}

static void take(struct model_run *run, const char *bytes, size_t n) {
    if (run->raw && run->read.stream) {
        take_raw(run, bytes, n);
        return;
    }
    read_bytes(run, bytes, n);
    if (run->raw) {
        take_read(run, bytes, n);
        return;
    }
    if (!run->begun && run->content && run->read.stream && run->fault == ROUTE_FAULT_NONE)
        begin(run, true);
    else if (run->begun) {
        model_hand_on(run, run->held.data, run->held.len);
        buf_clear(&run->held);
    }
}

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct model_run *run = ctx;
    run->bytes_in += (int64_t)n;
    run->busy++;
    if (run->status / 100 != 2)
        (void)buf_append(&run->held, bytes,
                         run->held.len + n < ERROR_BODY_BYTES_MAX ? n : 0); // the rest says no more
    else if (run->reader && !run->cancelled && run->fault == ROUTE_FAULT_NONE)
        take(run, bytes, n);
    if (!run->cancelled && run->status / 100 == 2 && (run->ended || run->fault != ROUTE_FAULT_NONE))
        end_soon(run, run->fault != ROUTE_FAULT_NONE ? 0 : END_MS);
    run->busy--;
    if (run->cancelled && !run->busy)
        model_bury(run);
}

// --- the end

void model_attempt_over(struct model_run *run, bool ok, bool cancelled) {
    struct models *m = run->m;
    const struct route_spend used = {
        .requests = 1,
        .tokens_in = (double)(run->usage.input + run->usage.cached + run->usage.cache_write),
        .tokens_out = (double)run->usage.output,
        .usd = (double)model_cost(run) / 1e6};
    if (ok)
        model_remember_usage(run);
    if (!cancelled)
        model_note_attempt(run, ok ? ROUTE_FAULT_NONE : run->fault);
    if (run->ticket && cancelled)
        route_ledger_cancel(m->ledger, run->ticket, model_now_ms());
    else if (run->ticket)
        route_ledger_end(m->ledger, run->ticket, &used, &run->limits,
                         ok ? ROUTE_FAULT_NONE : run->fault, model_now_ms());
    run->ticket = 0;
    run->call = NULL;
    model_settle(run, ok, cancelled);
    wire_joint_free(run->joint);
    wire_reader_free(run->reader);
    run->joint = NULL;
    run->reader = NULL;
    if (!run->begun) {
        wire_writer_free(run->writer);
        run->writer = NULL;
    }
}

// Servers repeat a key that they refuse.
static void hide_key(const struct model_run *run, char *text, size_t n) {
    const char *key = run->plan->offers[run->offer].key;
    size_t key_n = key ? strlen(key) : 0;
    for (char *at; n && key_n >= 4 && (at = memmem(text, n, key, key_n)) != NULL;)
        memset(at, 'x', key_n);
}

// What can be done about it, behind what was said.
static void add_advice(struct model_run *run) {
    const char *name = run->plan->offers[run->offer].backend->name;
    char *out = run->fault_text + strlen(run->fault_text);
    size_t n = sizeof run->fault_text - strlen(run->fault_text);
    switch (run->fault) {
    case ROUTE_FAULT_AUTH:
        (void)snprintf(out, n,
                       run->status == 403
                           ? "; its key was refused for this: see the key's rights, or `paired "
                             "backends add %s --replace --key-stdin` gives it another"
                           : "; its key was refused: `paired backends add %s --replace "
                             "--key-stdin` gives it another",
                       name);
        break;
    case ROUTE_FAULT_BILLING:
        (void)snprintf(out, n,
                       "; its account cannot pay for it: see the provider's page about billing");
        break;
    case ROUTE_FAULT_QUOTA:
        (void)snprintf(out, n, "; its quota is used up: wait, or add another backend or account");
        break;
    case ROUTE_FAULT_MODEL:
        (void)snprintf(out, n, "; `paired backends test %s` lists the models that it has", name);
        break;
    case ROUTE_FAULT_RATE:
        (void)snprintf(out, n, "; it is asked too often: wait a minute, or add another backend");
        break;
    case ROUTE_FAULT_OVERLOADED:
    case ROUTE_FAULT_SERVER:
        (void)snprintf(out, n, "; the fault is the backend's own: try again later");
        break;
    default:
        break;
    }
}

// What it was, in run->fault_text too.
static enum route_fault fault_at_end(struct model_run *run, const struct http_answer *answer) {
    if (run->status && run->status / 100 != 2) {
        AUTO_BUF text = {0};
        struct wire_event e;
        wire_read_fault(family_of(run), run->status, run->held.data, run->held.len, &e, &text);
        hide_key(run, run->held.data, run->held.len);
        hide_key(run, text.data, text.len);
        run->fault = route_limits_judge(&run->limits, e.fault, e.retry_after_ms, e.resets_at_s,
                                        model_now_ms());
        if (run->fim != WIRE_FIM_NONE && run->status == 501) // this model cannot: nothing is broken
            run->fault = ROUTE_FAULT_REQUEST;
        (void)snprintf(run->fault_text, sizeof run->fault_text, "%.*s",
                       (int)utf_cut(e.text, e.n, FAULT_SAID_BYTES), e.text);
        add_advice(run);
        return run->fault;
    }
    if (run->fault == ROUTE_FAULT_NONE && !run->ended) {
        bool late = answer->failure == HTTP_TIMEOUT || answer->failure == HTTP_STALL;
        run->fault = late ? ROUTE_FAULT_TIMEOUT : ROUTE_FAULT_SERVER;
        (void)snprintf(run->fault_text, sizeof run->fault_text, "%.299s",
                       answer->message[0] ? answer->message : "its answer had no end");
    }
    return run->fault;
}

// A client that asked for a stream is answered by one, also when the backend sent one document.
static void look_for_document(struct model_run *run) {
    const char *p = run->tail.len ? run->tail.data : "";
    while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
        p++;
    if (run->begun || *p != '{')
        return;
    run->raw = false;
    buf_clear(&run->held);
    if (wire_writer_new(run->family, true, &run->writer) < 0)
        fail(run, "out of memory");
}

static void read_rest(struct model_run *run) {
    struct err err = {0};
    bool ended = run->ended;
    unsigned told = run->told;
    if (run->raw && run->read.stream)
        look_for_document(run);
    read_bytes(run, run->tail.data, run->tail.len);
    if (run->fault == ROUTE_FAULT_NONE && wire_read_end(run->reader, on_event, run, &err) < 0)
        fail(run, err_text(&err));
    if (!run->raw)
        return;
    if (run->told > told || run->ended) // the last event lacked but its empty line
        (void)buf_append(&run->held, run->tail.data, run->tail.len);
    if (run->told > told && run->read.stream && run->tail.len)
        (void)buf_puts(&run->held, run->tail.data[run->tail.len - 1] == '\n' ? "\n" : "\n\n");
    if (run->read.stream && run->ended && !ended)
        wire_put_end_mark(run->family, &run->held);
}

// Cut when there was nothing more to say.
static void end_told(struct model_run *run) {
    if (wire_reader_end_told(run->reader, on_event, run) < 0 || !run->ended)
        return;
    run->fault = ROUTE_FAULT_NONE;
    if (run->raw)
        wire_put_end_mark(run->family, &run->held);
}

static void end_attempt(struct model_run *run, const struct http_answer *answer) {
    char message[400] = "";
    env_timer_cancel(loop_env(run->m->loop), run->timer);
    run->timer = NULL;
    run->call = NULL;
    run->busy++;
    if (run->reader && run->fault == ROUTE_FAULT_NONE && answer->whole)
        read_rest(run);
    else if (run->reader && !run->ended && wire_reader_told(run->reader))
        end_told(run);
    run->fault = fault_at_end(run, answer);
    bool ok = run->fault == ROUTE_FAULT_NONE;
    if (ok && !run->begun)
        begin(run, run->read.stream);
    else if (run->begun && run->status / 100 == 2) // also before a cut
        model_hand_on(run, run->held.data, run->held.len);
    if (!ok) {
        run->failed_ns = env_now_mono_ns();
        (void)snprintf(message, sizeof message, "%s: %s",
                       run->plan->offers[run->offer].backend->name, run->fault_text);
    }
    bool cut = !ok && run->begun && run->content;
    if (cut && !run->cancelled)
        model_cut(run);
    model_attempt_over(run, ok, false);
    run->busy--;
    if (run->cancelled)
        model_bury(run);
    else if (ok)
        model_finish(run, ROUTE_FAULT_NONE, message);
    else if (cut)
        model_continue(run, run->fault, message);
    else
        model_next(run, run->fault, message);
}

static void on_done(void *ctx, const struct http_answer *answer) {
    end_attempt(ctx, answer);
}

static void on_enough(void *ctx) {
    struct model_run *run = ctx;
    const struct http_answer answer = {.status = run->status, .whole = run->ended, .message = ""};
    run->timer = NULL;
    http_cancel(run->call);
    end_attempt(run, &answer);
}

// --- sending

static int put_url(const struct model_run *run, const struct backend *b, struct buf *out) {
    AUTO_BUF path = {0};
    int r = run->fim != WIRE_FIM_NONE
                ? wire_fim_path(run->fim, &path)
                : wire_path(family_of(run), run->model, run->read.stream, &path);
    if (r < 0 || (r = model_put_url(b->url, path.data, out)) < 0)
        return r;
    if (run->query && *run->query && same_family(run))
        (void)buf_printf(out, "?%s", run->query);
    return out->failed ? ERR_NOMEM : 0;
}

static size_t put_headers(const struct model_run *run, const struct model_offer *offer,
                          struct buf *bearer, struct http_header *out) {
    size_t n = 0;
    bool version = false;
    out[n++] = (struct http_header){"content-type", "application/json"};
    out[n++] =
        (struct http_header){"accept", run->read.stream ? "text/event-stream" : "application/json"};
    for (size_t i = 0; same_family(run) && i < run->forward_count; i++) {
        version = version || strcmp(run->forward[i].name, "anthropic-version") == 0;
        out[n++] = run->forward[i];
    }
    if (offer->backend->family == BACKEND_ANTHROPIC && !version)
        out[n++] = (struct http_header){"anthropic-version", "2023-06-01"};
    n += model_put_key(offer->backend->family, offer->key, bearer, out + n);
    return n;
}

static unsigned seconds(const struct model_run *run, const char *key) {
    return (unsigned)conf_int(run->m->services->conf, key) * 1000;
}

static int start_call(struct model_run *run, const struct model_offer *offer, struct err *err) {
    static const struct http_events events = {on_head, on_data, on_done};
    struct http_header headers[MODEL_FORWARD_MAX + 4];
    AUTO_BUF url = {0};
    AUTO_BUF bearer = {0};
    int r = run->m->http ? 0 : http_client_new(run->m->loop, &run->m->http, err);
    if (r == 0 && put_url(run, offer->backend, &url) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0)
        return r;
    struct http_request request = {.method = "POST",
                                   .url = url.data,
                                   .headers = headers,
                                   .header_count = put_headers(run, offer, &bearer, headers),
                                   .body = run->out,
                                   .connect_ms = offer->local ? 2000 : 10000,
                                   .first_byte_ms = seconds(run, "models.first_byte_s"),
                                   .stall_ms = seconds(run, "models.stall_s"),
                                   .ca_file = model_ca_file(),
                                   .proxy = model_proxy(offer->local),
                                   .no_proxy = model_no_proxy()};
    run->out_bytes = run->out.len;
    r = http_start(run->m->http, &request, &events, run, &run->call, err);
    if (r == 0)
        run->out = (struct buf){0}; // the client's now
    if (bearer.data)
        explicit_bzero(bearer.data, bearer.cap);
    return r;
}

void model_send(struct model_run *run) {
    struct models *m = run->m;
    const struct model_offer *offer = &run->plan->offers[run->offer];
    const struct backend *b = offer->backend;
    struct err err = {0};
    run->status = 0;
    run->fault = ROUTE_FAULT_NONE;
    run->fault_text[0] = '\0';
    run->content = run->ended = run->restarted = false;
    run->bytes_in = 0;
    run->usage = (struct wire_usage){0};
    run->held.max = run->tail.max = HELD_BYTES_MAX;
    run->said.max = WIRE_SAID_BYTES_MAX;
    if (!run->begun) { // nobody has seen what an earlier attempt said
        buf_clear(&run->said);
        run->said_block = 0;
        run->called = run->signed_ = run->stuck = false;
    }
    run->signs = family_of(run) != WIRE_CHAT;
    run->open_kind = WIRE_STOP;
    buf_clear(&run->held);
    buf_clear(&run->tail);
    buf_clear(&run->headers);
    route_limits_init(&run->limits);
    run->attempts++;
    (void)route_ledger_begin(m->ledger, model_account_of(b), run->model, &run->expected,
                             model_now_ms(), &run->ticket, NULL);
    int r = start_call(run, offer, &err);
    if (r == 0 && run->failed_ns)
        log_line(LOG_INFO, "models", "%s is asked %.3f ms after a failure was read", b->name,
                 (double)(env_now_mono_ns() - run->failed_ns) / 1e6);
    run->failed_ns = 0;
    if (r == 0)
        return;
    run->fault = ROUTE_FAULT_SERVER;
    model_attempt_over(run, false, false);
    model_next(run, r == ERR_NOT_FOUND ? ROUTE_FAULT_REQUEST : ROUTE_FAULT_SERVER, err.message);
}
