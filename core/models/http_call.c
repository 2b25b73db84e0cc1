// One request: its options, what comes back, how long it may take, what its failure means.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/models/http_impl.h"

#include <stdio.h>
#include <string.h>

enum {
    CONNECT_MS = 10 * 1000,
    FIRST_BYTE_MS = 600 * 1000, // a model may think for minutes before it says anything
    STALL_MS = 120 * 1000,
    HEADERS_MAX = 128,
    EXPECT_BYTES = 64 * 1024
};

static bool gone(const struct http_call *call) {
    return call->cancelled || call->gave_up != HTTP_OK;
}

// --- time-outs

static void on_late(void *ctx) {
    struct http_call *call = ctx;
    uint64_t limit = call->phase == HTTP_WAITS_FOR_HEAD ? call->first_byte_ms : call->stall_ms;
    uint64_t quiet = (env_now_mono_ns() - call->heard_ns) / 1000000;
    if (call->paused || quiet < limit) { // we did not want to hear, or heard something since
        loop_timer_start(call->timer, call->paused ? limit : limit - quiet, 0);
        return;
    }
    call->gave_up = call->phase == HTTP_WAITS_FOR_HEAD ? HTTP_TIMEOUT : HTTP_STALL;
    http_client_remove(call);
    http_call_finish(call, CURLE_OPERATION_TIMEDOUT);
}

// --- the answer

static bool is_blank(const char *line, size_t n) {
    return n <= 2 && (n == 0 || line[0] == '\r' || line[0] == '\n');
}

// Cuts the lines that were kept into names and values, in place; there is room for one byte more.
static size_t cut_headers(struct buf *head, struct http_header *out) {
    size_t n = 0;
    char *at = head->data, *end = at + head->len;
    while (at < end && n < HEADERS_MAX) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        char *stop = line_end ? line_end : end;
        char *colon = memchr(at, ':', (size_t)(stop - at));
        while (stop > at && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        *stop = '\0';
        if (colon && colon < stop) {
            *colon = '\0';
            char *value = colon + 1;
            while (*value == ' ' || *value == '\t')
                value++;
            out[n++] = (struct http_header){at, value};
        }
        at = line_end ? line_end + 1 : end;
    }
    return n;
}

static void tell_head(struct http_call *call) {
    struct http_header headers[HEADERS_MAX];
    long status = 0;
    (void)call->client->curl->easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) { // 100 Continue, 103 Early Hints: the answer is yet to come
        buf_clear(&call->head);
        return;
    }
    call->phase = HTTP_IN_BODY;
    loop_timer_start(call->timer, call->stall_ms, 0); // the shorter one counts from now on
    call->status = (int)status;
    size_t n =
        call->head.len && buf_reserve(&call->head, 1) == 0 ? cut_headers(&call->head, headers) : 0;
    if (call->events.head)
        call->events.head(call->ctx, call->status, headers, n);
    buf_done(&call->head);
}

// libcurl hands over one whole line each.
static size_t on_header(char *line, size_t size, size_t count, void *ctx) {
    struct http_call *call = ctx;
    size_t n = size * count;
    if (gone(call))
        return 0;
    if (call->phase == HTTP_IN_BODY)
        return n; // trailers
    if (is_blank(line, n)) {
        call->heard_ns = env_now_mono_ns(); // once for a head
        tell_head(call);
        return gone(call) ? 0 : n;
    }
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
        buf_clear(&call->head);
    else if (buf_append(&call->head, line, n) < 0)
        call->too_large = true;
    return call->too_large ? 0 : n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx) {
    struct http_call *call = ctx;
    size_t n = size * count;
    call->heard_ns = env_now_mono_ns();
    if (gone(call))
        return 0;
    if (call->events.data)
        call->events.data(call->ctx, bytes, n);
    return gone(call) ? 0 : n;
}

void http_pause(struct http_call *call, bool on) {
    if (call->paused == on || call->cancelled)
        return;
    struct http_client *c = call->client;
    call->paused = on;
    call->heard_ns = env_now_mono_ns();
    c->inside++; // going on may deliver at once what was held
    (void)c->curl->easy_pause(call->easy, on ? CURLPAUSE_RECV : CURLPAUSE_CONT);
    c->inside--;
    if (!on && !c->inside)
        http_client_act(c, CURL_SOCKET_TIMEOUT, 0);
}

// --- making one

static int add_line(struct http_call *call, const char *line) {
    struct curl_slist *more = call->client->curl->slist_append(call->lines, line);
    if (!more)
        return ERR_NOMEM;
    call->lines = more;
    return 0;
}

static int add_header(struct http_call *call, const struct http_header *header) {
    AUTO_BUF line = {0};
    size_t name = strlen(header->name), value = strlen(header->value);
    (void)buf_reserve(&line, name + value + 2);
    (void)buf_append(&line, header->name, name);
    (void)buf_append(&line, ": ", value ? 2 : 0);
    (void)buf_append(&line, value ? header->value : ";", value ? value : 1);
    int r = line.failed ? ERR_NOMEM : 0;
    for (size_t i = 0; r == 0 && i < line.len; i++)
        if ((unsigned char)line.data[i] < ' ' && line.data[i] != '\t')
            r = ERR_INVAL; // a line break in a value would be another header
    if (r == 0)
        r = add_line(call, line.data);
    if (line.data)
        explicit_bzero(line.data, line.cap);
    return r;
}

static int put_headers(struct http_call *call, const struct http_request *request,
                       struct err *err) {
    // A name without a value takes away what libcurl would send of itself, with a body over 1 MB.
    int r = request->body.len > EXPECT_BYTES ? add_line(call, "Expect:") : 0;
    for (size_t i = 0; r == 0 && i < request->header_count; i++)
        r = add_header(call, &request->headers[i]);
    if (r == ERR_INVAL)
        return err_set(err, r,
                       "a header for the backend has a line break in it: is its key whole?");
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

#define SET(call, option, value) ((call)->client->curl->easy_setopt((call)->easy, option, value))

static void put_connection(struct http_call *call, const struct http_request *request) {
    unsigned connect_ms = request->connect_ms ? request->connect_ms : CONNECT_MS;
    (void)SET(call, CURLOPT_NOSIGNAL, 1L);
    (void)SET(call, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)SET(call, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)SET(call, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)SET(call, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)SET(call, CURLOPT_BUFFERSIZE, 32768L); // from 64 KB on malloc tidies up at each free
    (void)SET(call, CURLOPT_CLOSESOCKETFUNCTION, http_client_closes);
    (void)SET(call, CURLOPT_CLOSESOCKETDATA, call->client);
    (void)SET(call, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    call->proxied = request->proxy && *request->proxy;
    (void)SET(call, CURLOPT_PROXY, request->proxy ? request->proxy : "");
    if (request->no_proxy)
        (void)SET(call, CURLOPT_NOPROXY, request->no_proxy);
    if (request->ca_file)
        (void)SET(call, CURLOPT_CAINFO, request->ca_file);
}

static int put_options(struct http_call *call, const struct http_request *request,
                       struct err *err) {
    bool has_body = request->body.len > 0;
    bool copied = SET(call, CURLOPT_URL, request->url) == CURLE_OK;
    if (strcmp(request->method, has_body ? "POST" : "GET") != 0)
        copied &= SET(call, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    put_connection(call, request);
    (void)SET(call, CURLOPT_PRIVATE, call);
    (void)SET(call, CURLOPT_ERRORBUFFER, call->problem);
    (void)SET(call, CURLOPT_HTTPHEADER, call->lines);
    (void)SET(call, CURLOPT_HEADERFUNCTION, on_header);
    (void)SET(call, CURLOPT_HEADERDATA, call);
    (void)SET(call, CURLOPT_WRITEFUNCTION, on_body);
    (void)SET(call, CURLOPT_WRITEDATA, call);
    if (has_body) {
        (void)SET(call, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        (void)SET(call, CURLOPT_POSTFIELDS, request->body.data);
    }
    return copied ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static CURL *take_easy(struct http_client *c) {
    return c->idle_count ? c->idle[--c->idle_count] : c->curl->easy_init();
}

int http_call_new(struct http_client *c, const struct http_request *request,
                  const struct http_events *events, void *ctx, struct http_call **ret,
                  struct err *err) {
    if (request->body.len > HTTP_BODY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a request has at most %d MB", HTTP_BODY_BYTES_MAX >> 20);
    struct http_call *call = mem_zalloc(sizeof *call);
    if (!call)
        return err_set(err, ERR_NOMEM, "out of memory");
    call->client = c;
    call->events = *events;
    call->ctx = ctx;
    call->head.max = HTTP_HEADER_BYTES_MAX;
    call->first_byte_ms = request->first_byte_ms ? request->first_byte_ms : FIRST_BYTE_MS;
    call->stall_ms = request->stall_ms ? request->stall_ms : STALL_MS;
    call->heard_ns = env_now_mono_ns();
    call->easy = take_easy(c);
    int r = call->easy && loop_timer_new(c->loop, on_late, call, &call->timer) == 0
                ? put_headers(call, request, err)
                : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = put_options(call, request, err);
    if (r < 0) {
        http_call_free(call);
        return r;
    }
    loop_timer_start(call->timer, call->first_byte_ms, 0);
    *ret = call;
    return 0;
}

// --- its end

void http_call_free(struct http_call *call) {
    struct http_client *c = call->client;
    for (struct curl_slist *line = call->lines; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data)); // keys
    c->curl->slist_free_all(call->lines);
    if (call->easy) {
        c->curl->easy_reset(call->easy);
        if (c->idle_count < HTTP_IDLE_MAX)
            c->idle[c->idle_count++] = call->easy;
        else
            c->curl->easy_cleanup(call->easy);
    }
    loop_timer_free(call->timer);
    buf_done(&call->head);
    buf_done(&call->body);
    mem_free(call);
}

static enum http_failure failure_of(const struct http_call *call, CURLcode code) {
    if (call->gave_up != HTTP_OK)
        return call->gave_up;
    if (call->too_large)
        return HTTP_PROTOCOL;
    switch ((int)code) {
    case CURLE_OK:
        return HTTP_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
        return HTTP_DNS;
    case CURLE_COULDNT_CONNECT:
        return call->proxied ? HTTP_PROXY : HTTP_CONNECT;
    case CURLE_RECV_ERROR: // "CONNECT tunnel failed, response 407", older: "… from proxy after
                           // CONNECT"
        return call->proxied && strstr(call->problem, "CONNECT") ? HTTP_PROXY : HTTP_RESET;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return HTTP_PROXY;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return HTTP_PROTOCOL;
    default: // sending, receiving, a part of the answer only
        return HTTP_RESET;
    }
}

struct advice {
    const char *word; // in libcurl's own text, whose cause is known
    const char *text;
};

// What OpenSSL and GnuTLS say about certificates.
static const struct advice of_tls[] = {
    {"not yet valid", "its certificate begins later than this machine's clock says: set the clock"},
    {"not yet activated",
     "its certificate begins later than this machine's clock says: set the clock"},
    {"expired", "its certificate has expired, or this machine's clock is ahead"},
    {"self-signed", "nobody whom this machine trusts has signed its certificate; one of your own "
                    "is trusted when SSL_CERT_FILE names it"},
    {"self signed", "nobody whom this machine trusts has signed its certificate; one of your own "
                    "is trusted when SSL_CERT_FILE names it"},
    {"issuer", "nobody whom this machine trusts has signed its certificate: install "
               "ca-certificates, or name the signer's certificate in SSL_CERT_FILE"},
    {"subject name", "its certificate is for another host name: check the URL"},
    {"does not match", "its certificate is for another host name: check the URL"},
};

static const char *advice_of(enum http_failure failure, CURLcode code, const char *problem) {
    static const char *const advice[] = {
        [HTTP_OK] = "",
        [HTTP_DNS] = "the backend's host name is not known: check its URL and the network",
        [HTTP_CONNECT] =
            "nothing answers at the backend's address: is it running, is the port right?",
        [HTTP_TLS] = "no secure connection: check the certificate, the clock and ca-certificates",
        [HTTP_PROXY] =
            "the proxy refused or is not there: see HTTPS_PROXY, NO_PROXY, then paired stop",
        [HTTP_TIMEOUT] = "the backend did not answer in time",
        [HTTP_STALL] = "the backend stopped in the middle of its answer",
        [HTTP_RESET] = "the connection was cut before the answer was whole",
        [HTTP_PROTOCOL] = "what answered does not speak HTTP as a backend does: check the URL",
    };
    if (failure == HTTP_TLS)
        for (size_t i = 0; i < COUNT_OF(of_tls); i++)
            if (strcasestr(problem, of_tls[i].word))
                return of_tls[i].text;
    if (failure == HTTP_CONNECT && strcasestr(problem, "unreachable"))
        return "its address cannot be reached: is this machine online?";
    if (failure == HTTP_TIMEOUT && (int)code == CURLE_OPERATION_TIMEDOUT && *problem)
        return "no connection in time: is the network up, does a firewall stand in between?";
    return advice[failure];
}

void http_call_finish(struct http_call *call, CURLcode code) {
    char message[320] = "";
    enum http_failure failure = failure_of(call, code);
    const char *advice = advice_of(failure, code, call->problem);
    long sent = 0;
    (void)call->client->curl->easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (failure != HTTP_OK && *call->problem)
        (void)snprintf(message, sizeof message, "%s (%.120s)", advice, call->problem);
    else
        (void)snprintf(message, sizeof message, "%s", advice);
    const struct http_answer answer = {.status = call->status,
                                       .whole = failure == HTTP_OK,
                                       .failure = failure,
                                       .message = message,
                                       .connected = sent > 0};
    struct http_events events = call->events;
    void *ctx = call->ctx;
    bool wanted = !call->cancelled;
    http_call_free(call);
    if (wanted)
        events.done(ctx, &answer);
}
