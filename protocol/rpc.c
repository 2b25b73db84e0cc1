#include "protocol/rpc.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "protocol/rpc_internal.h"
#include "protocol/tree.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { METHOD_SHOWN_BYTES = 120 }; // of an unknown method's name in the error

struct rpc_request {
    struct rpc *rpc; // NULL once the engine is gone: the answer is dropped
    struct rpc_request *next, *prev;
    struct rpc_batch *batch;
    uint64_t seq;
    unsigned place;
    json_t *params;
    void *data;
    void (*cancelled_fn)(void *data);
    bool cancelled;
    bool silent;
    uint32_t hash;
    size_t id_bytes;
    const char *method; // in `bytes`, behind the id
    char bytes[];
};

static uint32_t hash_bytes(const char *p, size_t n) { // FNV-1a
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619U;
    return h;
}

// --- life ---------------------------------------------------------------------------------------

static int index_methods(struct rpc *r, struct err *err) {
    size_t count = 0;
    while (r->config.methods && r->config.methods[count].name)
        count++;
    size_t slots = 8;
    while (slots < count * 2)
        slots *= 2;
    assert(count < UINT16_MAX);
    r->slots = mem_zalloc(slots * sizeof *r->slots);
    if (!r->slots)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->slot_mask = slots - 1;
    for (size_t i = 0; i < count; i++) {
        const char *name = r->config.methods[i].name;
        size_t at = hash_bytes(name, strlen(name)) & r->slot_mask;
        while (r->slots[at])
            at = (at + 1) & r->slot_mask;
        r->slots[at] = (uint16_t)(i + 1);
    }
    return 0;
}

static const struct rpc_method *find_method(const struct rpc *r, const char *name, size_t n) {
    for (size_t at = hash_bytes(name, n) & r->slot_mask; r->slots[at];
         at = (at + 1) & r->slot_mask) {
        const struct rpc_method *m = &r->config.methods[r->slots[at] - 1];
        if (strncmp(m->name, name, n) == 0 && m->name[n] == '\0')
            return m;
    }
    return NULL;
}

static void destroy(struct rpc *r) {
    buf_done(&r->out);
    mem_free(r->slots);
    mem_free(r->id_prefix);
    mem_free(r);
}

int rpc_new(const struct rpc_config *config, struct rpc **ret, struct err *err) {
    struct rpc *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    r->config = *config;
    r->out = BUF_INIT(RPC_ANSWER_BYTES_MAX);
    r->id_prefix = mem_strdup(config->id_prefix ? config->id_prefix : "");
    int code = r->id_prefix ? index_methods(r, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (code < 0) {
        destroy(r);
        return code;
    }
    *ret = r;
    return 0;
}

void rpc_enter(struct rpc *r) {
    r->entered++;
}

void rpc_leave(struct rpc *r) {
    if (--r->entered == 0 && r->closed)
        destroy(r);
}

void rpc_free(struct rpc *r) {
    if (!r || r->closed)
        return;
    r->closed = true;
    rpc_enter(r);
    for (size_t i = 0; i < RPC_BUCKETS; i++) {
        for (struct rpc_request *q = r->buckets[i]; q; q = q->next) {
            q->rpc = NULL;
            if (q->batch)
                q->batch->rpc = NULL;
        }
        r->buckets[i] = NULL;
    }
    r->open = 0;
    rpc_calls_close(r);
    rpc_leave(r);
}

void rpc_set_batches(struct rpc *r, bool on) {
    r->config.batches = on;
}

// --- requests -----------------------------------------------------------------------------------

static struct rpc_request *find_id(const struct rpc *r, const char *id, size_t n, uint32_t hash) {
    for (struct rpc_request *q = r->buckets[hash % RPC_BUCKETS]; q; q = q->next)
        if (q->hash == hash && q->id_bytes == n && memcmp(q->bytes, id, n) == 0)
            return q;
    return NULL;
}

static struct rpc_request *request_new(const struct rpc_place *at, const struct jsonrpc_message *m,
                                       uint32_t hash) {
    struct rpc *r = at->rpc;
    struct rpc_request *q = mem_alloc(sizeof *q + m->id.len + m->method.len + 1);
    if (!q)
        return NULL;
    *q = (struct rpc_request){.rpc = r,
                              .batch = at->batch,
                              .seq = at->seq,
                              .place = at->place,
                              .silent = at->silent,
                              .hash = hash,
                              .id_bytes = m->id.len};
    memcpy(q->bytes, m->id.data, m->id.len);
    char *method = q->bytes + m->id.len;
    memcpy(method, m->method.data, m->method.len);
    method[m->method.len] = '\0';
    q->method = method;
    struct rpc_request **bucket = &r->buckets[hash % RPC_BUCKETS];
    q->next = *bucket;
    if (q->next)
        q->next->prev = q;
    *bucket = q;
    r->open++;
    if (q->batch)
        q->batch->pending++;
    return q;
}

// Takes q out of the engine; it is no longer found.
static struct rpc_place unlink_request(struct rpc_request *q) {
    struct rpc *r = q->rpc;
    if (r) {
        if (q->prev)
            q->prev->next = q->next;
        else
            r->buckets[q->hash % RPC_BUCKETS] = q->next;
        if (q->next)
            q->next->prev = q->prev;
        r->open--;
        rpc_enter(r);
    }
    return (struct rpc_place){r, q->batch, q->seq, q->silent, q->place};
}

static void request_free(struct rpc_request *q, const struct rpc_place *at) {
    if (at->batch)
        rpc_batch_release(at->batch);
    json_decref(q->params);
    mem_free(q);
    if (at->rpc)
        rpc_leave(at->rpc);
}

static void answer_result(struct rpc_request *q, const json_t *result, const char *raw, size_t n) {
    struct rpc_place at = unlink_request(q);
    if (at.rpc && !at.silent) {
        struct span id = {q->bytes, q->id_bytes};
        struct buf out = rpc_take_out(at.rpc);
        rpc_put_head(&out, id);
        (void)buf_puts(&out, ",\"result\":");
        if (raw)
            (void)buf_append(&out, raw, n);
        else if (!result || buf_put_json(&out, result, JSON_COMPACT) < 0)
            out.failed = true;
        (void)buf_putc(&out, '}');
        if (out.failed)
            rpc_send_internal_error(&at, id, "The result could not be written");
        else
            rpc_send_answer(&at, out.data, out.len);
        rpc_give_out(at.rpc, &out);
    }
    request_free(q, &at);
}

void rpc_reply(struct rpc_request *req, json_t *result) {
    answer_result(req, result, NULL, 0);
    json_decref(result);
}

void rpc_reply_raw(struct rpc_request *req, const char *result_json, size_t n) {
    answer_result(req, NULL, result_json, n);
}

void rpc_fail(struct rpc_request *req, int code, const char *message, json_t *data) {
    struct rpc_place at = unlink_request(req);
    rpc_send_error(&at, (struct span){req->bytes, req->id_bytes}, code, message, data);
    json_decref(data);
    request_free(req, &at);
}

void rpc_drop(struct rpc_request *req) {
    struct rpc_place at = unlink_request(req);
    request_free(req, &at);
}

struct span rpc_request_id(const struct rpc_request *req) {
    return (struct span){req->bytes, req->id_bytes};
}

json_t *rpc_request_params(const struct rpc_request *req) {
    return req->params;
}

const char *rpc_request_method(const struct rpc_request *req) {
    return req->method;
}

uint64_t rpc_request_seq(const struct rpc_request *req) {
    return req->seq;
}

unsigned rpc_request_place(const struct rpc_request *req) {
    return req->place;
}

void rpc_request_set_data(struct rpc_request *req, void *data, void (*cancelled)(void *data)) {
    req->data = data;
    req->cancelled_fn = cancelled;
}

void *rpc_request_data(const struct rpc_request *req) {
    return req->data;
}

bool rpc_request_cancelled(const struct rpc_request *req) {
    return req->cancelled;
}

size_t rpc_open_requests(const struct rpc *r) {
    return r->open;
}

// Is this how we would write the id's value? 1e3, -0 and "a\u0062" are not.
static bool canonical_id(const char *id, size_t n) {
    if (id[0] == '"')
        return !memchr(id, '\\', n);
    for (size_t i = 0; i < n; i++)
        if (id[i] == '.' || id[i] == 'e' || id[i] == 'E')
            return false;
    return !(n == 2 && id[0] == '-' && id[1] == '0');
}

static struct rpc_request *find_value(const struct rpc *r, const json_t *id) {
    for (size_t i = 0; i < RPC_BUCKETS; i++) {
        for (struct rpc_request *q = r->buckets[i]; q; q = q->next) {
            if (canonical_id(q->bytes, q->id_bytes) && !json_is_real(id))
                continue; // would have been found by its bytes
            json_t *own = json_loadb(q->bytes, q->id_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            bool same =
                own && (json_equal(own, id) || (json_is_number(own) && json_is_number(id) &&
                                                json_number_value(own) == json_number_value(id)));
            json_decref(own);
            if (same)
                return q;
        }
    }
    return NULL;
}

struct rpc_request *rpc_find(struct rpc *r, const json_t *id) {
    if (!json_is_string(id) && !json_is_number(id))
        return NULL;
    char text[JSONRPC_ID_BYTES_MAX];
    size_t n = json_dumpb(id, text, sizeof text, JSON_COMPACT | JSON_ENCODE_ANY);
    struct rpc_request *q = NULL;
    if (n > 0 && n <= sizeof text)
        q = find_id(r, text, n, hash_bytes(text, n));
    return q ? q : find_value(r, id);
}

void rpc_cancel(struct rpc_request *req) {
    if (req->cancelled)
        return;
    req->cancelled = true;
    void (*fn)(void *data) = req->cancelled_fn;
    if (fn)
        fn(req->data); // may answer and free req
}

void rpc_cancel_all(struct rpc *r) {
    rpc_enter(r);
    for (size_t i = 0; i < RPC_BUCKETS; i++) {
        struct rpc_request *q = r->buckets[i];
        while (q && q->cancelled)
            q = q->next;
        if (!q)
            continue;
        rpc_cancel(q);
        i--; // the list may be another now
    }
    rpc_leave(r);
}

// --- receiving ----------------------------------------------------------------------------------

json_t *rpc_tree(const struct rpc *r, const char *text, size_t n, const char **ret_why) {
    return r->config.mend ? tree_build_mended(text, n, ret_why) : tree_build(text, n, ret_why);
}

// Answers, or hands on, one request. Each way out answers it exactly once.
static void receive_request(const struct rpc_place *at, const struct jsonrpc_message *m) {
    struct rpc *r = at->rpc;
    uint32_t hash = hash_bytes(m->id.data, m->id.len);
    if (find_id(r, m->id.data, m->id.len, hash)) {
        rpc_send_error(at, m->id, JSONRPC_INVALID_REQUEST,
                       "Invalid request: a request with this id is in progress", NULL);
        return;
    }
    if (r->open >= RPC_REQUESTS_MAX) {
        rpc_send_error(at, m->id, JSONRPC_INVALID_REQUEST,
                       "Server busy: too many requests are waiting for their answers", NULL);
        return;
    }
    struct rpc_request *q = request_new(at, m, hash);
    if (!q) {
        rpc_send_internal_error(at, m->id, "Out of memory");
        return;
    }
    if (m->params.data) {
        const char *why;
        q->params = rpc_tree(at->rpc, m->params.data, m->params.len, &why);
        if (!q->params) {
            char text[80];
            (void)snprintf(text, sizeof text, "Invalid params: %s", why ? why : "");
            rpc_fail(q, why ? JSONRPC_INVALID_PARAMS : JSONRPC_INTERNAL_ERROR,
                     why ? text : "Out of memory", NULL);
            return;
        }
    }
    if (r->config.before && r->config.before(r->config.ctx, q, q->method, q->params))
        return;
    const struct rpc_method *method = find_method(r, m->method.data, m->method.len);
    if (method && method->request) {
        method->request(r->config.ctx, q, q->params);
        return;
    }
    char text[METHOD_SHOWN_BYTES + 32];
    (void)snprintf(text, sizeof text, "Method not found: %.*s",
                   (int)utf_cut(m->method.data, m->method.len, METHOD_SHOWN_BYTES), m->method.data);
    rpc_fail(q, JSONRPC_METHOD_NOT_FOUND, text, NULL);
}

// Never answered, whatever is wrong with it (JSON-RPC 2.0 §4.1).
static void receive_notification(struct rpc *r, const struct jsonrpc_message *m) {
    const struct rpc_method *method = find_method(r, m->method.data, m->method.len);
    if (!method || !method->notification)
        return;
    json_t *params = NULL;
    if (m->params.data) {
        const char *why;
        params = rpc_tree(r, m->params.data, m->params.len, &why);
        if (!params)
            return;
    }
    method->notification(r->config.ctx, params);
    json_decref(params);
}

static void receive_invalid(const struct rpc_place *at, const struct jsonrpc_message *m) {
    // Two sides that answer each other's broken answers would never stop.
    if ((m->result.data || m->error.data) && !m->method.data)
        return;
    char text[160];
    (void)snprintf(text, sizeof text, "Invalid request: %s", m->why);
    rpc_send_error(at, m->id, JSONRPC_INVALID_REQUEST, text, NULL);
}

static void receive_one(const struct rpc_place *at, const struct jsonrpc_message *m) {
    switch (m->kind) {
    case JSONRPC_REQUEST:
        receive_request(at, m);
        break;
    case JSONRPC_NOTIFICATION:
        receive_notification(at->rpc, m);
        break;
    case JSONRPC_RESPONSE:
        rpc_calls_answer(at->rpc, m);
        break;
    case JSONRPC_BATCH: // only inside another batch
        rpc_send_error(at, (struct span){0}, JSONRPC_INVALID_REQUEST,
                       "Invalid request: a batch within a batch", NULL);
        break;
    case JSONRPC_INVALID:
        receive_invalid(at, m);
        break;
    }
}

static int receive_element(void *ctx, const char *element, size_t n) {
    struct rpc_place *at = ctx;
    struct jsonrpc_message m;
    if (at->rpc->closed)
        return ERR_CLOSED;
    at->place++;
    int code = jsonrpc_read(element, n, &m, NULL);
    if (code == 0)
        receive_one(at, &m);
    return code;
}

static void receive_batch(const struct rpc_place *outer, const char *body, size_t n) {
    struct rpc *r = outer->rpc;
    if (!r->config.batches) {
        rpc_send_error(outer, (struct span){0}, JSONRPC_INVALID_REQUEST,
                       "Invalid request: batches are not part of this protocol revision", NULL);
        return;
    }
    struct rpc_batch *b = mem_zalloc(sizeof *b);
    if (!b) {
        rpc_send_internal_error(outer, (struct span){0}, "Out of memory");
        return;
    }
    *b = (struct rpc_batch){.rpc = r,
                            .answers = BUF_INIT(RPC_ANSWER_BYTES_MAX),
                            .pending = 1,
                            .seq = outer->seq,
                            .silent = outer->silent};
    struct rpc_place at = *outer;
    at.batch = b;
    at.place = 0;
    (void)jsonrpc_each(body, n, receive_element, &at);
    if (r->closed)
        b->rpc = NULL;
    rpc_batch_release(b);
}

static void receive_unreadable(const struct rpc_place *at, struct span id, int code,
                               const struct err *e) {
    char text[ERR_MESSAGE_BYTES_MAX + 32];
    bool parse = code == ERR_PARSE;
    (void)snprintf(text, sizeof text, "%s: %s", parse ? "Parse error" : "Invalid request",
                   err_text(e));
    rpc_send_error(at, id, parse ? JSONRPC_PARSE_ERROR : JSONRPC_INVALID_REQUEST, text, NULL);
}

void rpc_receive(struct rpc *r, const char *body, size_t n, uint64_t seq, bool silent) {
    if (r->closed)
        return;
    struct rpc_place at = {.rpc = r, .seq = seq, .silent = silent, .place = 1};
    struct jsonrpc_message m;
    struct err e = {0};
    rpc_enter(r);
    size_t max = r->config.members_max ? r->config.members_max : JSONRPC_MEMBERS_MAX;
    int code = jsonrpc_read_up_to(body, n, max, &m, &e);
    if (code < 0)
        receive_unreadable(&at, m.id, code, &e);
    else
        rpc_receive_read(r, body, n, &m, seq, silent);
    rpc_leave(r);
}

void rpc_receive_read(struct rpc *r, const char *body, size_t n, const struct jsonrpc_message *m,
                      uint64_t seq, bool silent) {
    if (r->closed)
        return;
    struct rpc_place at = {.rpc = r, .seq = seq, .silent = silent, .place = 1};
    rpc_enter(r);
    if (m->kind == JSONRPC_BATCH)
        receive_batch(&at, body, n);
    else
        receive_one(&at, m);
    rpc_leave(r);
}

void rpc_receive_oversize(struct rpc *r, const char *head, size_t n, size_t total, size_t max,
                          uint64_t seq) {
    if (r->closed)
        return;
    struct rpc_place at = {.rpc = r, .seq = seq};
    struct span id = jsonrpc_find_id(head, n);
    rpc_enter(r);
    if (!id.data || !rpc_calls_oversize(r, id, total, max)) {
        char text[128];
        (void)snprintf(text, sizeof text,
                       "Invalid request: a message of %zu bytes is over the maximum of %zu", total,
                       max);
        rpc_send_error(&at, id, JSONRPC_INVALID_REQUEST, text, NULL);
    }
    rpc_leave(r);
}
