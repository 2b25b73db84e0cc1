#include "server/models_probe.h"

#include "core/base/env.h"
#include "core/loop/loop.h"
#include "server/models_http.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LOCAL_CONNECT_MS = 1000, LOOK_MS = 50 };

struct round {
    struct loop *loop;
    struct http_client *http;
    size_t open;
    uint64_t until_ns;
    bool (*cancelled)(void *ctx);
    void *ctx;
    bool stopped;
};
struct one {
    struct round *round;
    struct probe *probe;
    uint64_t began_ns;
};

static void on_head(void *ctx, int status, const struct http_header *headers, size_t n) {
    struct one *one = ctx;
    struct probe *p = one->probe;
    int64_t now_ms = env_now_wall_ms();
    p->status = status;
    p->first_ms = (int64_t)((env_now_mono_ns() - one->began_ns) / 1000000);
    for (size_t i = 0; i < n; i++) {
        const char *name = headers[i].name, *value = headers[i].value;
        p->dated = p->dated || strcasecmp(name, "date") == 0;
        route_limits_header(&p->limits, name, strlen(name), value, strlen(value), now_ms);
    }
    route_limits_finish(&p->limits, now_ms);
}

static void on_data(void *ctx, const char *bytes, size_t n) {
    struct one *one = ctx;
    one->probe->bytes_in += (int64_t)n;
    (void)buf_append(&one->probe->answer, bytes, n); // what is too long is not parsed later
}

static void on_done(void *ctx, const struct http_answer *answer) {
    struct one *one = ctx;
    one->probe->failure = answer->failure;
    const char *detail = strstr(answer->message, " ("); // libcurl's words, without the advice
    size_t n = detail ? strlen(detail + 2) : 0;
    if (!answer->whole && n)
        (void)snprintf(one->probe->said, sizeof one->probe->said, "%.*s", (int)n - 1, detail + 2);
    if (--one->round->open == 0)
        loop_stop(one->round->loop);
}

static void on_look(void *ctx) {
    struct round *r = ctx;
    r->stopped = r->cancelled && r->cancelled(r->ctx);
    if (r->stopped || env_now_mono_ns() > r->until_ns)
        loop_stop(r->loop);
}

static void start(struct round *r, struct one *one) {
    static const struct http_events events = {on_head, on_data, on_done};
    struct probe *p = one->probe;
    struct http_call *call;
    struct err err = {0};
    struct http_request request = {.method = p->body ? "POST" : "GET",
                                   .url = p->url,
                                   .headers = p->headers,
                                   .header_count = p->header_count,
                                   .connect_ms = p->local ? LOCAL_CONNECT_MS : PROBE_CONNECT_MS,
                                   .first_byte_ms = PROBE_ANSWER_MS,
                                   .stall_ms = PROBE_ANSWER_MS,
                                   .ca_file = model_ca_file(),
                                   .proxy = model_proxy(p->local),
                                   .no_proxy = model_no_proxy()};
    route_limits_init(&p->limits);
    p->answer = BUF_INIT(PROBE_BODY_BYTES_MAX);
    p->failure = HTTP_TIMEOUT; // unless it is told otherwise
    one->began_ns = env_now_mono_ns();
    int e = p->body ? buf_puts(&request.body, p->body) : 0;
    e = e < 0 ? err_set(&err, ERR_NOMEM, "out of memory")
              : http_start(r->http, &request, &events, one, &call, &err);
    if (e == 0) {
        r->open++;
        return;
    }
    buf_done(&request.body);
    p->failure = HTTP_PROTOCOL;
    (void)snprintf(p->said, sizeof p->said, "%s", err_text(&err));
}

static int run(struct round *r, struct one *ones, size_t n, struct err *err) {
    struct loop_timer *timer = NULL;
    int e = http_client_new(r->loop, &r->http, err);
    if (e == 0 && loop_timer_new(r->loop, on_look, r, &timer) < 0)
        e = err_set(err, ERR_NOMEM, "out of memory");
    if (e == 0) {
        loop_timer_start(timer, LOOK_MS, LOOK_MS);
        for (size_t i = 0; i < n; i++)
            if (!ones[i].probe->skipped)
                start(r, &ones[i]);
        if (r->open)
            e = loop_run(r->loop, err);
    }
    http_client_free(r->http); // tells nothing of what still runs
    loop_timer_free(timer);
    return e;
}

int probe_all(struct probe *items, size_t n, bool (*cancelled)(void *ctx), void *ctx,
              struct err *err) {
    struct one ones[PROBES_MAX];
    struct round r = {.cancelled = cancelled,
                      .ctx = ctx,
                      .until_ns = env_now_mono_ns() + (uint64_t)PROBE_ALL_MS * 1000000};
    if (n > PROBES_MAX)
        return err_set(err, ERR_LIMIT, "at most %d backends at once", PROBES_MAX);
    for (size_t i = 0; i < n; i++)
        ones[i] = (struct one){.round = &r, .probe = &items[i]};
    int e = loop_new(&r.loop, err);
    if (e < 0)
        return e;
    e = run(&r, ones, n, err);
    loop_free(r.loop);
    return e == 0 && r.stopped ? err_set(err, ERR_CANCELLED, "cancelled") : e;
}

bool probe_network(void) {
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) < 0)
        return true; // not known: nothing is blamed on it
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
        found = (family == AF_INET || family == AF_INET6) && (i->ifa_flags & IFF_UP) != 0 &&
                (i->ifa_flags & IFF_LOOPBACK) == 0;
    }
    freeifaddrs(all);
    return found;
}
