#include "core/models/http_server.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TICK_MS = 5000,
    AHEAD_BYTES_MAX = HTTP_HEAD_BYTES_MAX,
    WRITE_BYTES = 64 * 1024, // of an answer that wait to be written as one
    HELD_BYTES_MAX = 512 * 1024,
    SPARE_BYTES_MAX = 16 * 1024 // a buffer up to here is kept for the connection's next answer
};

enum phase { READS_HEAD, READS_BODY, ANSWERS, CLOSING };

// The exchange is the connection: it has one at a time.
struct http_exchange {
    struct http_exchange *prev, *next;
    struct http_server *server;
    struct stream *stream;
    enum phase phase;
    struct buf in;    // what has come and is not used yet
    char *head_bytes; // the cut head, while its request is answered
    struct http_head head;
    struct http_chunks chunks;
    struct buf body;
    void *owner;
    uint64_t since_ns; // of this phase
    int refused;       // by the owner: the status
    bool chunked, keep, full, ended;
    struct buf out; // of the answer, to be written when the present callbacks are over
    bool waits;     // in the server's list of those
    struct http_exchange *next_waiting;
    bool holds;      // until the end, as it comes at once
    struct buf held; // … the body; the head is in `out`, without its end
    int lost;        // why a piece of the answer could not be kept: it must not end as a whole one
};

struct http_server {
    struct loop *loop;
    struct listener *listener;
    struct loop_timer *tick;
    struct loop_timer *soon;       // writes what waits
    struct http_exchange *waiting; // for it
    struct http_server_events events;
    void *ctx;
    struct http_exchange *connections;
    size_t count;
    uint16_t port;
};

// --- the end of a connection

static void free_exchange(struct http_exchange *x) {
    mem_free(x->head_bytes);
    buf_done(&x->in);
    buf_done(&x->body);
    buf_done(&x->out);
    buf_done(&x->held);
    mem_free(x);
}

static void on_closed(void *ctx) {
    free_exchange(ctx);
}

static void wait_no_more(struct http_exchange *x) {
    struct http_exchange **at = &x->server->waiting;
    while (x->waits && *at != x)
        at = &(*at)->next_waiting;
    if (x->waits)
        *at = x->next_waiting;
    x->waits = false;
}

static void hang_up(struct http_exchange *x) {
    if (x->phase == CLOSING)
        return;
    wait_no_more(x);
    void *owner = x->owner;
    struct http_server *s = x->server;
    x->owner = NULL;
    x->phase = CLOSING;
    if (x->prev)
        x->prev->next = x->next;
    else
        s->connections = x->next;
    if (x->next)
        x->next->prev = x->prev;
    s->count--;
    if (owner && s->events.gone)
        s->events.gone(owner);
    stream_close(x->stream);
}

static int write_out(struct http_exchange *x);

void http_abort(struct http_exchange *x) {
    x->owner = NULL;
    if (!x->holds && x->phase != CLOSING)
        (void)write_out(x); // what was said so far
    hang_up(x);
}

// --- answers

static const char *reason_of(int status) {
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {402, "Payment Required"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {502, "Bad Gateway"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status < 300 ? "OK" : "Error";
}

static void put(struct buf *out, const char *text) {
    (void)buf_append(out, text, strlen(text));
}

static void put_head(struct http_exchange *x, int status, const struct http_header *headers,
                     size_t count) {
    struct buf *out = &x->out;
    char code[] = "HTTP/1.1 000 ";
    x->lost = 0;
    for (int i = 11, left = status; i >= 9; i--, left /= 10)
        code[i] = (char)('0' + left % 10);
    put(out, code);
    put(out, reason_of(status));
    for (size_t i = 0; i < count; i++)
        if (!strpbrk(headers[i].value, "\r\n")) {
            put(out, "\r\n");
            put(out, headers[i].name);
            put(out, ": ");
            put(out, headers[i].value);
        }
}

// Its last lines, which say how the body ends.
static int end_head(struct http_exchange *x, int64_t length) {
    struct buf *out = &x->out;
    x->chunked = length < 0 && x->head.minor == 1;
    if (length >= 0)
        (void)buf_printf(out, "\r\ncontent-length: %lld", (long long)length);
    else if (x->chunked)
        put(out, "\r\ntransfer-encoding: chunked");
    else
        x->keep = false; // HTTP/1.0: the end of the connection is the end of the answer
    put(out, x->keep ? "\r\n\r\n" : "\r\nconnection: close\r\n\r\n");
    return out->failed ? ERR_NOMEM : 0;
}

// What waits, and `body` behind it.
static int write_with(struct http_exchange *x, const char *body, size_t n) {
    wait_no_more(x);
    int r = x->out.failed         ? ERR_NOMEM
            : x->out.len + n == 0 ? 0
                                  : stream_write2(x->stream, x->out.data, x->out.len, body, n);
    if (x->out.cap > SPARE_BYTES_MAX)
        buf_done(&x->out);
    buf_clear(&x->out);
    if (r < 0)
        x->lost = r;
    return x->lost;
}

static int write_out(struct http_exchange *x) {
    return write_with(x, "", 0);
}

static void on_soon(void *ctx) {
    struct http_server *s = ctx;
    while (s->waiting)
        (void)write_out(s->waiting); // the stream tells when it is broken
}

// Pieces that come one after the other leave in one go.
static int write_soon(struct http_exchange *x) {
    struct http_server *s = x->server;
    if (x->out.failed || x->out.len >= WRITE_BYTES)
        return write_out(x);
    if (x->waits)
        return 0;
    if (!s->waiting)
        loop_timer_start(s->soon, 0, 0);
    x->waits = true;
    x->next_waiting = s->waiting;
    s->waiting = x;
    return 0;
}

static void next_request(struct http_exchange *x);

// 1 when much waits for the client.
static int sent(struct http_exchange *x, int r) {
    if (r < 0)
        return r;
    x->full = x->full || stream_queued(x->stream) > HTTP_HIGH_WATER;
    return x->full ? 1 : 0;
}

static int finish(struct http_exchange *x, int r) {
    x->owner = NULL;
    x->ended = true;
    if (r < 0 || !x->keep) {
        if (r < 0 || stream_queued(x->stream) == 0)
            hang_up(x);
        return r; // else once the rest is written
    }
    next_request(x);
    return 0;
}

int http_respond(struct http_exchange *x, int status, const struct http_header *headers,
                 size_t count, const char *body, size_t n) {
    put_head(x, status, headers, count);
    int r = end_head(x, (int64_t)n);
    return finish(x, r < 0 ? r : write_with(x, body, n));
}

int http_begin(struct http_exchange *x, int status, const struct http_header *headers, size_t count,
               int64_t length) {
    put_head(x, status, headers, count);
    x->holds = length == HTTP_LENGTH_HELD;
    if (x->holds)
        return x->out.failed ? ERR_NOMEM : 0;
    int r = end_head(x, length);
    return sent(x, r < 0 ? r : write_soon(x));
}

static int put_chunk(struct http_exchange *x, const char *bytes, size_t n) {
    static const char hex[] = "0123456789abcdef";
    char line[24];
    size_t at = sizeof line;
    if (!x->chunked)
        return buf_append(&x->out, bytes, n);
    line[--at] = '\n';
    line[--at] = '\r';
    for (size_t left = n; left; left >>= 4)
        line[--at] = hex[left & 15];
    (void)buf_append(&x->out, line + at, sizeof line - at);
    (void)buf_append(&x->out, bytes, n);
    return buf_append(&x->out, "\r\n", 2);
}

// What was held is too large to be held on.
static int let_go(struct http_exchange *x) {
    x->holds = false;
    int r = end_head(x, -1);
    if (r == 0 && x->held.len)
        r = put_chunk(x, x->held.data, x->held.len);
    buf_done(&x->held);
    return r;
}

int http_body(struct http_exchange *x, const char *bytes, size_t n) {
    int r = 0;
    if (n == 0)
        return sent(x, 0);
    if (x->holds && x->held.len + n <= HELD_BYTES_MAX) {
        r = buf_append(&x->held, bytes, n);
    } else {
        if (x->holds)
            r = let_go(x);
        if (r == 0)
            r = put_chunk(x, bytes, n);
        r = sent(x, r < 0 ? r : write_soon(x));
    }
    if (r < 0)
        x->lost = r;
    return r;
}

int http_end(struct http_exchange *x) {
    int r = 0;
    if (x->lost < 0)
        return finish(x, x->lost);
    if (x->holds) {
        x->holds = false;
        r = end_head(x, (int64_t)x->held.len);
        r = r < 0 ? r : write_with(x, x->held.data, x->held.len);
        buf_done(&x->held);
        return finish(x, r);
    }
    if (x->chunked)
        put(&x->out, "0\r\n\r\n");
    return finish(x, write_out(x));
}

void http_set_owner(struct http_exchange *x, void *owner) {
    x->owner = owner;
}

// What cannot be understood is answered once, and the connection ends: nobody knows where its next
// request would begin.
static void refuse(struct http_exchange *x, int status, const char *why) {
    AUTO_BUF body = {0};
    const struct http_header type = {"content-type", "application/json"};
    x->keep = false;
    x->phase = ANSWERS;
    (void)buf_puts(&body, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":");
    (void)buf_put_json_string(&body, why, strlen(why));
    (void)buf_puts(&body, "}}");
    (void)http_respond(x, status, &type, 1, body.data, body.len);
}

// --- requests

static int status_of(const struct http_exchange *x, int code) {
    if (code == ERR_PERM)
        return x->refused;
    return code == ERR_LIMIT ? 413 : code == ERR_NOMEM ? 503 : 400;
}

// 1: a request is whole.
static int take_head(struct http_exchange *x, struct err *err) {
    ssize_t n = http_parse_head(x->in.data, x->in.len, &x->head, err);
    if (n <= 0)
        return (int)n;
    x->phase = READS_BODY;
    if (x->head.content_length > HTTP_SERVER_BODY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a request has at most %d MB",
                       HTTP_SERVER_BODY_BYTES_MAX >> 20);
    // What was cut stays where it is; what follows goes into buffers of its own.
    struct buf cut = x->in;
    x->in = (struct buf){0};
    x->head_bytes = cut.data;
    x->chunks = (struct http_chunks){0};
    x->body.max = HTTP_SERVER_BODY_BYTES_MAX;
    x->keep = x->head.keep_alive;
    const char *why = "", *next = cut.data + n;
    size_t left = cut.len - (size_t)n, mine = 0;
    x->refused =
        x->server->events.head ? x->server->events.head(x->server->ctx, &x->head, &why) : 0;
    if (x->refused)
        return err_set(err, ERR_PERM, "%s", why);
    bool more = x->head.chunked || x->head.content_length > (int64_t)left;
    if (!x->head.chunked && x->head.content_length > 0) {
        mine = more ? left : (size_t)x->head.content_length;
        (void)buf_reserve(&x->body, (size_t)x->head.content_length);
        (void)buf_append(&x->body, next, mine);
    }
    if (left > mine)
        (void)buf_append(&x->in, next + mine, left - mine);
    if (x->body.failed || x->in.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (more && x->head.expects_continue)
        (void)stream_write(x->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return 1;
}

static int take_body(struct http_exchange *x, struct err *err) {
    if (x->head.chunked) {
        size_t used = 0;
        int r = http_chunks_read(&x->chunks, x->in.data, x->in.len, &used, &x->body);
        buf_consume(&x->in, used);
        return r < 0 ? err_set(err, r,
                               r == ERR_LIMIT ? "the body of a request is too large"
                                              : "a body that is not in chunks as it says")
                     : r;
    }
    size_t want = x->head.content_length > 0 ? (size_t)x->head.content_length - x->body.len : 0;
    size_t take = want < x->in.len ? want : x->in.len;
    int r = buf_append(&x->body, x->in.data, take);
    buf_consume(&x->in, take);
    return r < 0 ? err_set(err, r, "out of memory") : take == want;
}

static void proceed(struct http_exchange *x) {
    struct err err;
    int r = 1;
    while (r == 1 && (x->phase == READS_HEAD || x->phase == READS_BODY)) {
        bool body = x->phase == READS_BODY;
        if (!body && x->in.len == 0)
            return;
        r = body ? take_body(x, &err) : take_head(x, &err);
        x->since_ns = env_now_mono_ns();
        if (r == 1 && body) {
            x->phase = ANSWERS;
            x->server->events.request(x->server->ctx, x, &x->head, &x->body);
        }
    }
    if (r < 0)
        refuse(x, r == ERR_LIMIT && x->phase == READS_HEAD ? 431 : status_of(x, r), err.message);
}

// The next one waits in the buffer, perhaps: it is looked at outside of the handler's frames.
static void next_request(struct http_exchange *x) {
    mem_free(x->head_bytes);
    x->head_bytes = NULL;
    buf_done(&x->body);
    x->chunked = x->ended = false;
    x->phase = READS_HEAD;
    x->since_ns = env_now_mono_ns();
    stream_resume(x->stream);
    if (x->in.len)
        loop_timer_start(x->server->tick, 0, TICK_MS); // looks at all of them
}

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct http_exchange *x = ctx;
    if (buf_append(&x->in, bytes, n) < 0) {
        hang_up(x);
        return;
    }
    if (x->phase == READS_HEAD || x->phase == READS_BODY)
        proceed(x);
    else if (x->in.len > AHEAD_BYTES_MAX)
        stream_pause(x->stream);
}

static void on_end(void *ctx, const struct err *err) {
    (void)err;
    hang_up(ctx);
}

static void on_drained(void *ctx) {
    struct http_exchange *x = ctx;
    if (x->ended && !x->keep) {
        hang_up(x);
        return;
    }
    if (!x->full)
        return;
    x->full = false;
    if (x->owner && x->server->events.drained)
        x->server->events.drained(x->owner);
}

static void on_broken(void *ctx, const struct err *err) {
    (void)err;
    hang_up(ctx);
}

// --- connections

static void on_tick(void *ctx) {
    struct http_server *s = ctx;
    uint64_t now = env_now_mono_ns();
    for (struct http_exchange *x = s->connections, *next; x; x = next) {
        next = x->next;
        uint64_t seconds = (now - x->since_ns) / 1000000000;
        bool begun = x->phase == READS_BODY || (x->phase == READS_HEAD && x->in.len);
        if (begun && seconds >= HTTP_SLOW_SECONDS)
            refuse(x, 408, "the request did not arrive in time");
        else if (begun && x->phase == READS_HEAD)
            proceed(x);
        else if (x->phase == READS_HEAD && seconds >= HTTP_IDLE_SECONDS)
            hang_up(x);
        else if (x->ended && seconds >= HTTP_IDLE_SECONDS)
            hang_up(x); // its last answer was not read
    }
    loop_timer_start(s->tick, TICK_MS, TICK_MS);
}

static void on_accept(void *ctx, int fd) {
    static const struct stream_events events = {.data = on_data,
                                                .end = on_end,
                                                .drained = on_drained,
                                                .broken = on_broken,
                                                .closed = on_closed};
    struct http_server *s = ctx;
    int on = 1;
    struct http_exchange *x =
        s->count < HTTP_CONNECTIONS_MAX ? mem_zalloc(sizeof *x) : NULL; // else it sees the end
    if (!x ||
        stream_open_fd(s->loop, fd, STREAM_READ | STREAM_WRITE, &events, x, &x->stream, NULL) < 0) {
        mem_free(x);
        (void)close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    x->server = s;
    x->since_ns = env_now_mono_ns();
    x->next = s->connections;
    if (x->next)
        x->next->prev = x;
    s->connections = x;
    s->count++;
}

static int listen_on(uint16_t port, uint16_t *ret_port, struct err *err) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, errno, "cannot make a socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        int e = errno;
        (void)close(fd);
        if (e == EADDRINUSE)
            return err_set(err, ERR_EXISTS, "port %u of this machine is taken by another program",
                           (unsigned)port);
        return err_errno(err, e, "cannot listen at 127.0.0.1:%u", (unsigned)port);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int http_server_new(struct loop *l, uint16_t port, const struct http_server_events *events,
                    void *ctx, struct http_server **ret, struct err *err) {
    struct http_server *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->loop = l;
    s->events = *events;
    s->ctx = ctx;
    int fd = listen_on(port, &s->port, err), r = fd < 0 ? fd : 0;
    if (r == 0 && (loop_timer_new(l, on_tick, s, &s->tick) < 0 ||
                   loop_timer_new(l, on_soon, s, &s->soon) < 0))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = listener_open_fd(l, fd, on_accept, s, &s->listener, err);
    if (r < 0) {
        if (fd >= 0)
            (void)close(fd);
        http_server_free(s);
        return r;
    }
    loop_timer_start(s->tick, TICK_MS, TICK_MS);
    *ret = s;
    return 0;
}

void http_server_free(struct http_server *s) {
    if (!s)
        return;
    listener_close(s->listener);
    while (s->connections)
        http_abort(s->connections);
    loop_timer_free(s->tick);
    loop_timer_free(s->soon);
    mem_free(s);
}

uint16_t http_server_port(const struct http_server *s) {
    return s->port;
}

size_t http_server_connections(const struct http_server *s) {
    return s->count;
}
