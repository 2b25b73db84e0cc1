#include "federation/net_loop.h"

#include "core/base/mem.h"
#include "federation/link.h"
#include "tests/support/channel_plain.h"
#include "tests/unit/loop/loop_fixture.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct end {
    struct net *net;
    struct net_conn *conn;
    struct loop *loop;
    int opened, closed, drained;
    size_t got;
    bool close_at_data, stop_at_close;
    size_t stop_at; // bytes
};
struct world {
    struct fixture *f;
    struct net_loop *loop_net;
    struct net *net;
    struct end a, b;
    uint16_t port;
    int refuse;
    bool stop_at_accept;
    struct net_addr from;
};

static void on_open(void *ctx) {
    struct end *e = ctx;
    e->opened++;
    loop_stop(e->loop);
}

static void on_data(void *ctx, const uint8_t *bytes, size_t n) {
    struct end *e = ctx;
    (void)bytes;
    e->got += n;
    if (e->close_at_data) {
        struct net_conn *c = e->conn;
        e->conn = NULL;
        e->net->ops->close(e->net->self, c);
    }
    if (e->stop_at && e->got >= e->stop_at)
        loop_stop(e->loop);
}

static void on_drained(void *ctx) {
    ((struct end *)ctx)->drained++;
}

static void on_closed(void *ctx, const struct err *err) {
    struct end *e = ctx;
    assert_true(err->code < 0 && err->message[0]);
    e->conn = NULL;
    e->closed++;
    if (e->stop_at_close)
        loop_stop(e->loop);
}

static const struct net_conn_events events = {on_open, on_data, on_drained, on_closed};

static void on_accept(void *ctx, struct net_conn *c, const struct net_addr *from) {
    struct world *w = ctx;
    w->from = *from;
    if (w->refuse) {
        w->net->ops->close(w->net->self, c);
        return;
    }
    w->b.conn = c;
    if (w->stop_at_accept)
        loop_stop(w->f->loop);
    w->net->ops->own(w->net->self, c, &events, &w->b);
}

static void setup(struct world *w, void **state) {
    *w = (struct world){.f = *state};
    assert_int_equal(net_loop_new(w->f->loop, NULL, &w->loop_net, NULL), 0);
    w->net = net_loop_net(w->loop_net);
    w->a = (struct end){.net = w->net, .loop = w->f->loop, .stop_at_close = true};
    w->b = (struct end){.net = w->net, .loop = w->f->loop, .stop_at_close = true};
    assert_int_equal(w->net->ops->listen(w->net->self, 0, on_accept, w, &w->port, NULL), 0);
}

static void dial(struct world *w) {
    struct net_addr to = {0};
    char text[32];
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", w->port);
    assert_int_equal(net_addr_parse(text, strlen(text), &to, NULL), 0);
    assert_int_equal(w->net->ops->connect(w->net->self, &to, &events, &w->a, &w->a.conn, NULL), 0);
}

static void end(struct world *w) {
    net_loop_free(w->loop_net);
}

static void bytes_go_both_ways_and_an_end_is_told(void **state) {
    struct world w;
    setup(&w, state);
    dial(&w);
    fixture_run(w.f);
    assert_int_equal(w.a.opened, 1);
    assert_int_equal(w.net->ops->send(w.net->self, w.a.conn, "abc", 3), 0);
    w.b.stop_at = 3;
    fixture_run(w.f);
    assert_int_equal(w.b.got, 3);
    assert_int_equal(w.net->ops->send(w.net->self, w.b.conn, "de", 2), 0);
    w.net->ops->close(w.net->self, w.b.conn);
    while (!w.a.closed)
        fixture_run(w.f);
    assert_int_equal(w.a.got, 2); // what was said before the end
    assert_int_equal(w.b.closed, 0);
    fixture_settle(w.f);
    assert_int_equal(net_loop_connections(w.loop_net), 0);
    end(&w);
}

static void what_is_queued_at_close_still_goes(void **state) {
    enum { MUCH = 3 * 1024 * 1024 };
    struct world w;
    setup(&w, state);
    dial(&w);
    fixture_run(w.f);
    while (!w.b.conn)
        fixture_settle(w.f);
    char *much = mem_zalloc(MUCH);
    w.net->ops->pause(w.net->self, w.b.conn, true);
    int code;
    do // until the kernel has had enough
        code = w.net->ops->send(w.net->self, w.a.conn, much, MUCH);
    while (code == 0 && w.net->ops->queued(w.net->self, w.a.conn) == 0);
    assert_int_equal(code, 0);
    while (w.net->ops->send(w.net->self, w.a.conn, much, MUCH) == 0)
        ;
    assert_int_equal(w.net->ops->send(w.net->self, w.a.conn, much, MUCH), ERR_LIMIT);
    w.net->ops->close(w.net->self, w.a.conn);
    w.net->ops->pause(w.net->self, w.b.conn, false);
    while (!w.b.closed)
        fixture_run(w.f);
    assert_true(w.b.got >= MUCH && w.b.got % MUCH == 0);
    mem_free(much);
    end(&w);
}

static void data_may_close_it(void **state) {
    struct world w;
    setup(&w, state);
    dial(&w);
    fixture_run(w.f);
    w.b.close_at_data = true;
    assert_int_equal(w.net->ops->send(w.net->self, w.a.conn, "abc", 3), 0);
    while (!w.a.closed)
        fixture_run(w.f);
    assert_int_equal(w.b.got, 3);
    assert_int_equal(w.b.closed, 0);
    end(&w);
}

static void who_is_refused_sees_it_at_once(void **state) {
    struct world w;
    setup(&w, state);
    w.refuse = 1;
    dial(&w);
    while (!w.a.closed)
        fixture_run(w.f);
    end(&w);
}

enum { FEW = 64 };

// Descriptors run out: whoever dials then is closed at once, and what is open goes on working.
static void no_descriptor_left_refuses_gracefully(void **state) {
    struct world w;
    struct rlimit was, now;
    int taken[FEW], count = 0;
    setup(&w, state);
    dial(&w);
    fixture_run(w.f);
    while (!w.b.conn)
        fixture_settle(w.f);
    struct end late = {.net = w.net, .loop = w.f->loop, .stop_at_close = true};
    struct end none = late;
    struct net_addr to = w.from;
    to.port = w.port;
    assert_int_equal(w.net->ops->connect(w.net->self, &to, &events, &late, &late.conn, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    now = was;
    now.rlim_cur = FEW;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    while (count < FEW && (taken[count] = dup(0)) >= 0)
        count++;
    int code = w.net->ops->connect(w.net->self, &to, &events, &none, &none.conn, NULL);
    while (!late.closed)
        fixture_run(w.f);
    while (count)
        (void)close(taken[--count]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(code, ERR_LIMIT);
    w.b.stop_at = w.b.got + 1;
    assert_int_equal(w.net->ops->send(w.net->self, w.a.conn, "x", 1), 0);
    while (!w.b.got)
        fixture_run(w.f);
    end(&w);
}

static void what_is_open_at_the_end_is_closed_quietly(void **state) {
    struct world w;
    setup(&w, state);
    dial(&w);
    fixture_run(w.f);
    dial(&w); // one that is still opening
    end(&w);
    fixture_settle(w.f);
    assert_int_equal(w.a.closed + w.b.closed, 0);
}

static void without_memory_whoever_dials_is_told_or_refused(void **state) {
    struct world w;
    int ended = 0;
    setup(&w, state);
    w.stop_at_accept = true; // waiting otherwise would need memory
    for (uint64_t nth = 1; nth < 30; nth++) {
        struct net_addr to = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
                              .port = w.port};
        w.b.conn = NULL;
        w.a.opened = w.a.closed = w.b.closed = 0;
        mem_fail_at(nth);
        int code = w.net->ops->connect(w.net->self, &to, &events, &w.a, &w.a.conn, NULL);
        while (code == 0 && !w.a.closed && !(w.a.opened && w.b.conn))
            fixture_run(w.f);
        mem_fail_at(0);
        ended += code < 0 || w.a.closed;
        if (code == 0 && !w.a.closed)
            w.net->ops->close(w.net->self, w.a.conn);
        while (w.b.conn)
            fixture_settle(w.f);
        fixture_settle(w.f);
        assert_int_equal(net_loop_connections(w.loop_net), 0);
    }
    assert_in_range(ended, 3, 20);
    end(&w);
}

// --- a link on it

struct talk {
    struct link_config config;
    struct channel_plain_self self;
    struct channel_maker maker;
    struct net *net;
    struct loop *loop;
    struct link *in, *out;
    int ups, downs, answers;
};

static void link_up(void *ctx, struct link *l) {
    struct talk *t = ctx;
    (void)l;
    if (++t->ups == 2)
        loop_stop(t->loop);
}

static void link_down(void *ctx, struct link *l, const struct err *err) {
    struct talk *t = ctx;
    (void)err;
    if (l == t->in)
        t->in = NULL;
    t->downs++;
    loop_stop(t->loop);
}

static void do_ping(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx, (void)params;
    rpc_reply(req, json_true());
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct talk *t = ctx;
    (void)error, (void)err;
    t->answers += json_is_true(result);
    loop_stop(t->loop);
}

static void accept_link(void *ctx, struct net_conn *c, const struct net_addr *from) {
    struct talk *t = ctx;
    (void)from;
    assert_int_equal(link_accept(&t->config, c, &t->in, NULL), 0);
}

static void a_link_works_on_it(void **state) {
    static const struct link_events link_events = {.up = link_up, .down = link_down};
    static const struct rpc_method methods[] = {{.name = "ping", .request = do_ping}, {0}};
    struct fixture *f = *state;
    struct net_loop *n = NULL;
    struct talk t = {.loop = f->loop, .self = {.key = {5}, .env = loop_env(f->loop)}};
    uint16_t port = 0;
    assert_int_equal(net_loop_new(f->loop, NULL, &n, NULL), 0);
    t.net = net_loop_net(n);
    t.maker = channel_plain_maker(&t.self);
    t.config = (struct link_config){.env = loop_env(f->loop),
                                    .net = t.net,
                                    .channels = &t.maker,
                                    .methods = methods,
                                    .events = &link_events,
                                    .ctx = &t};
    assert_int_equal(t.net->ops->listen(t.net->self, 0, accept_link, &t, &port, NULL), 0);
    struct net_addr to = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = port};
    assert_int_equal(link_connect(&t.config, &to, t.self.key, &t.out, NULL), 0);
    fixture_run(f);
    assert_int_equal(t.ups, 2);
    assert_true(link_call(t.out, "ping", NULL, 0, on_answer, &t, NULL) > 0);
    while (!t.answers)
        fixture_run(f);
    link_close(t.out, "done");
    while (!t.downs)
        fixture_run(f);
    assert_null(t.in);
    net_loop_free(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_go_both_ways_and_an_end_is_told, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_queued_at_close_still_goes, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(data_may_close_it, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(who_is_refused_sees_it_at_once, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(no_descriptor_left_refuses_gracefully, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(without_memory_whoever_dials_is_told_or_refused,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_open_at_the_end_is_closed_quietly, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_link_works_on_it, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("federation/net_loop", tests, NULL, NULL);
}
