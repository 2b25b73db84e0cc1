// One attempt at one backend: bytes out, and what comes back. Nothing is handed on before the
// answer has content, so that until then another backend can take over unseen.
#include "core/base/mem.h"
#include "server/models_http.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ERROR_BODY_BYTES_MAX = 64 * 1024, HELD_BYTES_MAX = MODEL_ANSWER_BYTES_MAX };

static enum wire_family family_of(const struct model_run *run) { // of the backend
    return (enum wire_family)run->plan->offers[run->offer].backend->family;
}

static bool is_raw(const struct model_run *run) { // bytes pass as they are
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

static void hand_on(struct model_run *run, const char *bytes, size_t n) {
    if (n == 0 || run->cancelled)
        return;
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
    hand_on(run, run->held.data, run->held.len);
    buf_clear(&run->held);
}

// --- reading

static int on_event(void *ctx, const struct wire_event *e) {
    struct model_run *run = ctx;
    if (e->usage.known)
        run->usage = e->usage;
    if (e->kind == WIRE_STOP)
        run->ended = true;
    if (e->kind == WIRE_ERROR) {
        run->fault = route_limits_judge(&run->limits, e->fault, e->retry_after_ms, e->resets_at_s,
                                        model_now_ms());
        (void)snprintf(run->fault_text, sizeof run->fault_text, "%.*s",
                       (int)(e->n < sizeof run->fault_text ? e->n : sizeof run->fault_text - 1),
                       e->text ? e->text : "");
        if (!run->begun)
            return 0; // another one may do better
    }
    bool content = e->kind == WIRE_TEXT || e->kind == WIRE_THINKING || e->kind == WIRE_TOOL ||
                   e->kind == WIRE_REDACTED;
    run->content = run->content || content;
    return run->writer ? wire_write(run->writer, e, &run->held) : 0;
}

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n) {
    static const char *const to_client[] = {"request-id", "x-request-id", "retry-after"};
    struct model_run *run = ctx;
    int64_t now_ms = model_now_ms();
    bool stream = false;
    run->status = status;
    for (size_t i = 0; i < n; i++) {
        const char *name = headers[i].name, *value = headers[i].value;
        route_limits_header(&run->limits, name, strlen(name), value, strlen(value), now_ms);
        if (strcasecmp(name, "content-type") == 0)
            stream = strncasecmp(value, "text/event-stream", 17) == 0;
        for (size_t k = 0; k < sizeof to_client / sizeof *to_client; k++)
            if (strcasecmp(name, to_client[k]) == 0 && run->headers.len < 4096) {
                (void)buf_append(&run->headers, to_client[k], strlen(to_client[k]) + 1);
                (void)buf_append(&run->headers, value, strlen(value) + 1);
            }
    }
    route_limits_finish(&run->limits, now_ms);
    if (status / 100 != 2)
        return;
    run->stream = stream;
    if (wire_reader_new(family_of(run), stream, &run->reader) < 0 ||
        (!is_raw(run) && wire_writer_new(run->family, run->read.stream, &run->writer) < 0))
        run->fault = ROUTE_FAULT_SERVER;
    else if (run->writer && run->read.own_usage)
        wire_writer_own_usage(run->writer);
}

// What is wrong first is what is told.
static void fail(struct model_run *run, const char *why) {
    if (run->fault != ROUTE_FAULT_NONE)
        return;
    run->fault = ROUTE_FAULT_SERVER;
    (void)snprintf(run->fault_text, sizeof run->fault_text, "%.200s", why);
}

static void take(struct model_run *run, const char *bytes, size_t n) {
    struct err err = {0};
    if (wire_read(run->reader, bytes, n, on_event, run, &err) < 0)
        fail(run, err_text(&err));
    bool raw = is_raw(run);
    if (raw && run->begun) {
        hand_on(run, bytes, n);
        return;
    }
    if (raw && buf_append(&run->held, bytes, n) < 0)
        fail(run, "an answer that is too large");
    if (run->fault != ROUTE_FAULT_NONE && !run->begun)
        return;
    if (!run->begun && run->content && run->stream)
        begin(run, run->read.stream);
    else if (run->begun && !raw) {
        hand_on(run, run->held.data, run->held.len);
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
    else if (run->reader && !run->cancelled)
        take(run, bytes, n);
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
    wire_reader_free(run->reader);
    wire_writer_free(run->writer);
    run->reader = NULL;
    run->writer = NULL;
}

// What it was, in run->fault_text too.
static enum route_fault fault_at_end(struct model_run *run, const struct http_answer *answer) {
    if (run->status && run->status / 100 != 2) {
        AUTO_BUF text = {0};
        struct wire_event e;
        wire_read_fault(family_of(run), run->status, run->held.data, run->held.len, &e, &text);
        (void)snprintf(run->fault_text, sizeof run->fault_text, "%.*s",
                       (int)(e.n < sizeof run->fault_text ? e.n : sizeof run->fault_text - 1),
                       e.text ? e.text : "");
        return route_limits_judge(&run->limits, e.fault, e.retry_after_ms, e.resets_at_s,
                                  model_now_ms());
    }
    if (run->fault == ROUTE_FAULT_NONE && !(answer->whole && run->ended)) {
        bool late = answer->failure == HTTP_TIMEOUT || answer->failure == HTTP_STALL;
        run->fault = late ? ROUTE_FAULT_TIMEOUT : ROUTE_FAULT_SERVER;
        (void)snprintf(run->fault_text, sizeof run->fault_text, "%.299s",
                       answer->message[0] ? answer->message : "its answer had no end");
    }
    return run->fault;
}

static void on_done(void *ctx, const struct http_answer *answer) {
    struct model_run *run = ctx;
    char message[400] = "";
    run->busy++;
    if (run->reader && answer->whole && run->fault == ROUTE_FAULT_NONE) {
        struct err err = {0};
        if (wire_read_end(run->reader, on_event, run, &err) < 0)
            fail(run, err_text(&err));
    }
    run->fault = fault_at_end(run, answer);
    bool ok = run->fault == ROUTE_FAULT_NONE;
    run->call = NULL;
    if (ok && !run->begun)
        begin(run, run->read.stream && run->stream);
    else if (ok && run->held.len)
        hand_on(run, run->held.data, run->held.len);
    if (!ok)
        (void)snprintf(message, sizeof message, "%s: %s",
                       run->plan->offers[run->offer].backend->name, run->fault_text);
    model_attempt_over(run, ok, false);
    run->busy--;
    if (run->cancelled)
        model_bury(run);
    else if (ok || run->begun)
        model_finish(run, run->fault, message);
    else
        model_next(run, run->fault, message);
}

// --- sending

static int put_url(const struct model_run *run, const struct backend *b, struct buf *out) {
    AUTO_BUF path = {0};
    int r = wire_path(family_of(run), run->model, run->read.stream, &path);
    if (r < 0 || (r = model_put_url(b->url, path.data, out)) < 0)
        return r;
    if (run->query && *run->query && is_raw(run))
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
    for (size_t i = 0; is_raw(run) && i < run->forward_count; i++) {
        version = version || strcmp(run->forward[i].name, "anthropic-version") == 0;
        out[n++] = run->forward[i];
    }
    if (offer->backend->family == BACKEND_ANTHROPIC && !version)
        out[n++] = (struct http_header){"anthropic-version", "2023-06-01"};
    n += model_put_key(offer->backend->family, offer->key, bearer, out + n);
    return n;
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
    run->content = run->ended = run->stream = false;
    run->bytes_in = 0;
    run->usage = (struct wire_usage){0};
    run->held.max = HELD_BYTES_MAX;
    buf_clear(&run->held);
    buf_clear(&run->headers);
    route_limits_init(&run->limits);
    run->attempts++;
    (void)route_ledger_begin(m->ledger, model_account_of(b), run->model, &run->expected,
                             model_now_ms(), &run->ticket, NULL);
    int r = start_call(run, offer, &err);
    if (r == 0)
        return;
    run->fault = ROUTE_FAULT_SERVER;
    model_attempt_over(run, false, false);
    model_next(run, r == ERR_NOT_FOUND ? ROUTE_FAULT_REQUEST : ROUTE_FAULT_SERVER, err.message);
}
