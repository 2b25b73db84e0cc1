#include "tests/unit/federation/link_pair.h"

#include "core/base/mem.h"

#include <string.h>

enum { BIG_BYTES = 2 * 1024 * 1024 };

// True when the side was told to close itself here.
static bool event(struct link_side *s, int what) {
    s->order = s->order * 10 + (uint64_t)what;
    if (s->close_at != what || !s->link)
        return false;
    struct link *l = s->link;
    s->link = NULL;
    s->closed = true;
    link_close(l, "by test");
    return true;
}

static void on_up(void *ctx, struct link *l) {
    struct link_side *s = ctx;
    s->ups++;
    s->link = l;
    if (!s->no_trust)
        link_trust(l);
    (void)event(s, 1);
}

static int on_blob(void *ctx, struct link *l, uint32_t stream, const uint8_t *bytes, size_t n) {
    struct link_side *s = ctx;
    (void)l, (void)bytes;
    s->blobs++;
    s->blob_bytes += n;
    s->stream = stream;
    (void)event(s, 3);
    return s->blob_code;
}

static void on_drained(void *ctx, struct link *l) {
    struct link_side *s = ctx;
    (void)l;
    s->drained++;
    if (s->close_at == 6)
        (void)event(s, 6);
}

static void on_down(void *ctx, struct link *l, const struct err *err) {
    struct link_side *s = ctx;
    s->downs++;
    s->why = *err;
    link_info(l, &s->last);
    s->link = NULL;
    s->order = s->order * 10 + 4;
}

static const struct link_events events = {
    .up = on_up, .blob = on_blob, .drained = on_drained, .down = on_down};

static void do_echo(void *ctx, struct rpc_request *req, json_t *params) {
    struct link_side *s = link_ctx(ctx);
    bool closed = event(s, 2);
    (void)closed; // a request outlives its link
    rpc_reply(req, params ? json_incref(params) : json_null());
}

static void do_hold(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx, (void)params;
    rpc_drop(req); // as one that is never answered
}

static void do_big(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx, (void)params;
    char *text = mem_alloc(BIG_BYTES);
    uint32_t x = 1;
    for (size_t i = 0; text && i < BIG_BYTES; i++) { // letters that no compressor likes
        x = x * 1664525 + 1013904223;
        text[i] = (char)('0' + (x >> 26));
    }
    json_t *s = text ? json_stringn_nocheck(text, BIG_BYTES) : NULL;
    mem_free(text);
    rpc_reply(req, s ? s : json_null());
}

static void on_note(void *ctx, json_t *params) {
    (void)params;
    (void)event(link_ctx(ctx), 2);
}

static const struct rpc_method methods[] = {{.name = "echo", .request = do_echo},
                                            {.name = "hold", .request = do_hold},
                                            {.name = "big", .request = do_big},
                                            {.name = "note", .notification = on_note},
                                            {0}};

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct link_side *s = ctx;
    if (result)
        s->answers++;
    else
        s->failures++;
    if (!result)
        s->answer_code = err ? err->code : (int)json_integer_value(json_object_get(error, "code"));
    (void)event(s, 5);
}

int64_t link_side_call(struct link_side *s, const char *method, json_t *params, uint64_t ms) {
    return link_call(s->link, method, params, ms, on_answer, s, NULL);
}

static void on_accept(void *ctx, struct net_conn *c, const struct net_addr *from) {
    struct link_pair *p = ctx;
    struct link *l = NULL;
    (void)from;
    if (link_accept(&p->b.config, c, &l, NULL) == 0 && !p->b.link)
        p->b.link = l;
}

static int init_side(struct link_pair *p, struct link_side *s, uint8_t last) {
    memset(s->self.key, last, sizeof s->self.key);
    s->self.env = &p->env.env;
    s->maker = channel_plain_maker(&s->self);
    s->config = (struct link_config){.env = &p->env.env,
                                     .net = net_memory_host(p->m, last),
                                     .channels = &s->maker,
                                     .methods = methods,
                                     .events = &events,
                                     .ctx = s};
    return s->config.net ? 0 : ERR_NOMEM;
}

int link_pair_init(struct link_pair *p) {
    *p = (struct link_pair){0};
    fake_env_init(&p->env);
    uint16_t port;
    p->m = net_memory_new();
    if (!p->m || init_side(p, &p->a, 1) < 0 || init_side(p, &p->b, 2) < 0)
        return ERR_NOMEM;
    struct net *net = p->b.config.net;
    return net->ops->listen(net->self, 7000, on_accept, p, &port, NULL);
}

int link_pair_dial(struct link_pair *p) {
    struct net_addr to = net_memory_addr(2, 7000);
    const uint8_t *expect = p->anybody ? NULL : p->expect ? p->expect : p->b.self.key;
    int code = link_connect(&p->a.config, &to, expect, &p->a.link, NULL);
    if (code == 0)
        link_pair_run(p);
    return code;
}

void link_pair_run(struct link_pair *p) {
    (void)net_memory_run(p->m);
}

void link_pair_done(struct link_pair *p) {
    link_close(p->a.link, NULL);
    link_close(p->b.link, NULL);
    net_memory_free(p->m);
    fake_env_advance(&p->env, 1000000); // nobody's timer is left to fire at freed memory
}
