#include "server/gateway.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/models/http_server.h"
#include "server/gateway_impl.h"
#include "server/models_body.h"

#include <stdio.h>
#include <string.h>

// --- errors, in the words of the client's API

static void put_routed_error(struct http_exchange *x, enum wire_family family, int status,
                             enum route_fault fault, const char *message, int64_t retry_after_ms,
                             const char *route) {
    AUTO_BUF body = {0};
    char seconds[24];
    struct http_header headers[4] = {{"content-type", "application/json"}};
    size_t n = 1;
    (void)wire_write_fault(family, fault, message, &body);
    if (retry_after_ms >= 0) {
        (void)snprintf(seconds, sizeof seconds, "%lld", (long long)((retry_after_ms + 999) / 1000));
        headers[n++] = (struct http_header){"retry-after", seconds};
    }
    if (*route)
        headers[n++] = (struct http_header){"x-paired-route", route};
    // The SDKs ask again by themselves; here that has been done, or is of no use.
    if (fault != ROUTE_FAULT_RATE && fault != ROUTE_FAULT_OVERLOADED &&
        fault != ROUTE_FAULT_SERVER && fault != ROUTE_FAULT_TIMEOUT)
        headers[n++] = (struct http_header){"x-should-retry", "false"};
    (void)http_respond(x, status, headers, n, body.data ? body.data : "", body.len);
}

static void put_error(struct http_exchange *x, enum wire_family family, int status,
                      enum route_fault fault, const char *message, int64_t retry_after_ms) {
    put_routed_error(x, family, status, fault, message, retry_after_ms, "");
}

// --- one request

static struct gateway_visit *visit_new(struct gateway *g, struct http_exchange *x,
                                       enum wire_family family) {
    struct gateway_visit *v = mem_zalloc(sizeof *v);
    if (!v) {
        put_error(x, family, 503, ROUTE_FAULT_OVERLOADED, "out of memory", -1);
        return NULL;
    }
    *v = (struct gateway_visit){.gateway = g, .exchange = x, .family = family, .next = g->visits};
    if (v->next)
        v->next->prev = v;
    g->visits = v;
    g->visit_count++;
    return v;
}

static void visit_free(struct gateway_visit *v) {
    struct gateway *g = v->gateway;
    if (v->prev)
        v->prev->next = v->next;
    else
        g->visits = v->next;
    if (v->next)
        v->next->prev = v->prev;
    g->visit_count--;
    mem_free(v);
}

static void on_begin(void *ctx, bool stream, const struct http_header *headers, size_t n) {
    struct gateway_visit *v = ctx;
    struct http_header all[20];
    size_t count = 0;
    all[count++] = (struct http_header){"content-type", stream ? "text/event-stream; charset=utf-8"
                                                               : "application/json"};
    if (stream)
        all[count++] = (struct http_header){"cache-control", "no-cache"};
    for (size_t i = 0; i < n && count < 20; i++)
        if (strcmp(headers[i].name, "retry-after") != 0)
            all[count++] = headers[i];
    v->stream = stream;
    // A document is handed on when all of it is there.
    (void)http_begin(v->exchange, 200, all, count, stream ? -1 : HTTP_LENGTH_HELD);
}

static int on_bytes(void *ctx, const char *bytes, size_t n) {
    struct gateway_visit *v = ctx;
    return http_body(v->exchange, bytes, n) == 1;
}

static void on_model_done(void *ctx, const struct model_result *result) {
    const struct http_header headers[2] = {{"content-type", "application/json"},
                                           {"x-paired-route", result->route}};
    struct gateway_visit *v = ctx;
    http_set_owner(v->exchange, NULL);
    if (result->whole)
        (void)http_end(v->exchange);
    else if (result->begun && v->stream) // its last event said so
        (void)http_end(v->exchange);
    else if (result->begun)
        http_abort(v->exchange);
    else if (result->body)
        (void)http_respond(v->exchange, result->status, headers, *result->route ? 2 : 1,
                           result->body, result->body_bytes);
    else
        put_routed_error(v->exchange, v->family, result->status, result->fault, result->message,
                         result->retry_after_ms, result->route);
    visit_free(v);
}

// What a client's header may say to a backend of its own family.
static size_t forwarded(const struct http_head *head, struct http_header *out) {
    static const char *const names[] = {"anthropic-version", "anthropic-beta", "openai-beta",
                                        "openai-organization", "openai-project"};
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = http_head_value(head, names[i]);
        if (value)
            out[n++] = (struct http_header){names[i], value};
    }
    return n;
}

// What the client says about answers that are given again.
static enum model_cache cache_of(const struct gateway *g, const struct http_head *head) {
    if (!models_keep_answers(g->models))
        return MODEL_CACHE_NO;
    const char *own = http_head_value(head, "x-paired-cache");
    const char *control = http_head_value(head, "cache-control");
    if (own && strcasecmp(own, "use") == 0)
        return MODEL_CACHE_USE;
    bool no =
        own || (control && (strcasestr(control, "no-store") || strcasestr(control, "no-cache")));
    return no ? MODEL_CACHE_NO : MODEL_CACHE_USUAL;
}

static void ask(struct gateway *g, struct http_exchange *x, const struct http_head *head,
                struct buf *body, enum wire_family family, const struct gateway_entry *pass) {
    static const struct model_events events = {on_begin, on_bytes, on_model_done};
    struct gateway_visit *v = visit_new(g, x, family);
    struct err err = {0};
    if (!v)
        return;
    struct model_ask a = {.family = family,
                          .body = *body,
                          .cache = cache_of(g, head),
                          .query = head->query[0] ? head->query : NULL,
                          .workspace = pass->workspace,
                          .purpose = "gateway",
                          .agent = "gateway",
                          .session = "",
                          .keys = pass->keys.count ? &pass->keys : NULL};
    a.forward_count = forwarded(head, a.forward);
    int r = models_ask(g->models, &a, &events, v, &v->run, &err);
    if (r < 0) {
        put_error(x, family,
                  r == ERR_BUSY    ? 429
                  : r == ERR_NOMEM ? 503
                                   : 400,
                  r == ERR_BUSY ? ROUTE_FAULT_RATE : ROUTE_FAULT_REQUEST, err.message,
                  r == ERR_BUSY ? 1000 : -1);
        visit_free(v);
        return;
    }
    *body = (struct buf){0};
    http_set_owner(x, v);
}

// --- who asks for what

static void count_tokens(struct http_exchange *x, const struct buf *body) {
    static const struct http_header type = {"content-type", "application/json"};
    struct model_body read;
    struct err err = {0};
    char text[64];
    if (model_body_read(WIRE_ANTHROPIC, body->data, body->len, &read, &err) < 0) {
        put_error(x, WIRE_ANTHROPIC, 400, ROUTE_FAULT_REQUEST, err.message, -1);
        return;
    }
    int n = snprintf(text, sizeof text, "{\"input_tokens\":%zu}",
                     (size_t)tokens_estimate(body->data, body->len));
    (void)http_respond(x, 200, &type, 1, text, (size_t)n);
}

static const char *token_of(const struct http_head *head) {
    const char *key = http_head_value(head, "x-api-key");
    const char *bearer = http_head_value(head, "authorization");
    if (bearer && strncmp(bearer, "Bearer ", 7) == 0)
        return bearer + 7;
    return key;
}

// A page in a browser must not reach it: neither by a name that it made point here, nor from
// another origin.
static bool is_local(const struct http_head *head) {
    const char *host = http_head_value(head, "host");
    size_t n = host ? strcspn(host, ":") : 0;
    bool named = host && ((n == 9 && strncmp(host, "127.0.0.1", 9) == 0) ||
                          (n == 9 && strncasecmp(host, "localhost", 9) == 0));
    return named && !http_head_value(head, "origin");
}

enum path { PATH_NONE, PATH_ROOT, PATH_MODELS, PATH_COUNT, PATH_ASK };

static enum path path_of(const char *path, enum wire_family *ret) {
    if (strncmp(path, "/v1/", 4) == 0)
        path += 3;
    *ret = strncmp(path, "/messages", 9) == 0 ? WIRE_ANTHROPIC
           : strcmp(path, "/responses") == 0  ? WIRE_RESPONSES
                                              : WIRE_CHAT;
    if (strcmp(path, "/") == 0)
        return PATH_ROOT;
    if (strcmp(path, "/models") == 0)
        return PATH_MODELS;
    if (strcmp(path, "/messages/count_tokens") == 0)
        return PATH_COUNT;
    return strcmp(path, "/messages") == 0 || strcmp(path, "/chat/completions") == 0 ||
                   strcmp(path, "/responses") == 0
               ? PATH_ASK
               : PATH_NONE;
}

// Before a body takes memory.
static int on_head(void *ctx, const struct http_head *head, const char **ret_why) {
    struct gateway *g = ctx;
    if (!is_local(head)) {
        *ret_why = "paired's gateway answers programs of this machine, not web pages";
        return 403;
    }
    if (strcmp(head->path, "/") == 0 || gateway_entry_of(g, token_of(head)))
        return 0;
    *ret_why = "this is paired's gateway: start your program by `paired gateway run`, or give it "
               "what `paired gateway env` prints";
    return 401;
}

static void on_request(void *ctx, struct http_exchange *x, const struct http_head *head,
                       struct buf *body) {
    struct gateway *g = ctx;
    enum wire_family family;
    enum path path = path_of(head->path, &family);
    bool post = strcmp(head->method, "POST") == 0;
    bool get = strcmp(head->method, "GET") == 0 || strcmp(head->method, "HEAD") == 0;
    if (path == PATH_ROOT && get) {
        (void)http_respond(x, 200, NULL, 0, "", 0);
        return;
    }
    const struct gateway_entry *pass = gateway_entry_of(g, token_of(head)); // on_head has looked
    if (!pass)
        http_abort(x); // it ended while the body came
    else if (path == PATH_MODELS && get)
        gateway_list(g, x, pass);
    else if (path == PATH_COUNT && post)
        count_tokens(x, body);
    else if (path == PATH_ASK && post)
        ask(g, x, head, body, family, pass);
    else
        put_error(x, family, path == PATH_NONE ? 404 : 405, ROUTE_FAULT_REQUEST,
                  "paired's gateway has /v1/messages, /v1/messages/count_tokens, "
                  "/v1/chat/completions, /v1/responses and /v1/models",
                  -1);
}

static void on_gone(void *owner) {
    struct gateway_visit *v = owner;
    if (v->listing) {
        v->exchange = NULL; // its job frees it
        return;
    }
    model_cancel(v->run);
    visit_free(v);
}

static void on_drained(void *owner) {
    struct gateway_visit *v = owner;
    if (v->run)
        model_resume(v->run);
}

// --- the list of models

static void list_run(void *ctx, struct job *job) {
    struct gateway_visit *v = ctx;
    (void)job;
    v->r = gateway_models(v->gateway, v->workspace, &v->out, &v->err);
}

static void list_done(void *ctx, bool cancelled) {
    static const struct http_header type = {"content-type", "application/json"};
    struct gateway_visit *v = ctx;
    if (v->exchange && !v->gateway->stopped) {
        http_set_owner(v->exchange, NULL);
        if (v->r < 0 || cancelled)
            put_error(v->exchange, WIRE_CHAT, 503, ROUTE_FAULT_SERVER, v->err.message, -1);
        else
            (void)http_respond(v->exchange, 200, &type, 1, v->out.data, v->out.len);
    }
    buf_done(&v->out);
    mem_free(v->workspace);
    visit_free(v);
}

void gateway_list(struct gateway *g, struct http_exchange *x, const struct gateway_entry *pass) {
    struct gateway_visit *v = visit_new(g, x, WIRE_CHAT);
    if (!v)
        return;
    v->listing = true;
    v->workspace = pass->workspace ? mem_strdup(pass->workspace) : NULL;
    http_set_owner(x, v);
    if (pool_submit(g->pool, POOL_INTERACTIVE, list_run, list_done, v, NULL) < 0) {
        v->r = err_set(&v->err, ERR_BUSY, "paired has too much to do just now");
        list_done(v, false);
    }
}

// --- life and death

struct models *gateway_models_of(struct gateway *g, struct err *err) {
    if (!g->models && !g->stopped)
        (void)models_new(g->loop, g->pool, g->services, &g->models, err);
    return g->models;
}

struct model_waits *gateway_waits(struct gateway *g) {
    return g ? g->waits : NULL;
}

int gateway_listen(struct gateway *g, struct err *err) {
    static const struct http_server_events events = {on_head, on_request, on_gone, on_drained};
    struct err why = {0};
    if (g->server)
        return 0;
    int r = gateway_models_of(g, &why) ? 0 : err_set(err, why.code, "%s", err_text(&why));
    if (r == 0)
        r = http_server_new(g->loop, g->port, &events, g, &g->server, err);
    if (r == 0)
        log_line(LOG_INFO, "gateway", "listening on port %u",
                 (unsigned)http_server_port(g->server));
    return r;
}

void gateway_stop(struct gateway *g) {
    if (!g)
        return;
    g->stopped = true;
    http_server_free(g->server); // tells nobody …
    g->server = NULL;
    model_waits_stop(g->waits);
    models_stop(g->models); // … and neither does this
    for (struct gateway_visit *v = g->visits, *next; v; v = next) {
        next = v->next;
        if (!v->listing)
            visit_free(v);
    }
}

size_t gateway_busy(const struct gateway *g) {
    return g ? g->visit_count + models_running(g->models) : 0;
}
