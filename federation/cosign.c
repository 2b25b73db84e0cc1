#include "federation/cosign.h"

#include "core/base/fields.h"
#include "core/base/mem.h"

#include <sodium.h>
#include <string.h>

struct cosign {
    struct cosign_config config;
};

// --- judging ------------------------------------------------------------------------------------

int cosign_judge(const struct cosign_request *r, const uint8_t device[CHECKPOINT_KEY_BYTES],
                 const struct cosign_kept *last, int64_t now_ms, struct err *err) {
    struct checkpoint c, known;
    int e = checkpoint_parse(r->text, r->text_bytes, &c, err);
    if (e < 0)
        return e;
    if (!checkpoint_signed(r->text, r->text_bytes, device, r->signature))
        return err_set(err, ERR_KEY, "the checkpoint is not signed by the device that shows it");
    if (c.time_ms > now_ms + COSIGN_AHEAD_MS)
        return err_set(err, ERR_TIMEOUT, "the checkpoint is of a time to come");
    if (!last)
        return r->before ? err_set(err, ERR_NOT_FOUND, "nothing was cosigned before") : 0;
    if ((e = checkpoint_parse(last->text, last->text_bytes, &known, err)) < 0)
        return e;
    if (r->before != known.entries || c.entries < known.entries ||
        memcmp(c.log, known.log, sizeof c.log) != 0)
        return 1;
    if (!tree_consistency_holds((uint64_t)known.entries, (uint64_t)c.entries, &r->proof, known.root,
                                c.root))
        return err_set(err, ERR_CORRUPT, "the log of %lld entries is not the beginning of this one",
                       (long long)known.entries);
    if (c.time_ms < known.time_ms)
        return err_set(err, ERR_TIMEOUT, "the checkpoint is older than the one before it");
    if (now_ms / 1000 - last->time_s < COSIGN_GAP_S && now_ms / 1000 >= last->time_s)
        return err_set(err, ERR_BUSY, "asked too soon again");
    return 0;
}

// --- the request and its answer -----------------------------------------------------------------

struct wire_request {
    struct text checkpoint, signature;
    int64_t before;
    struct text_array proof;
};
static const struct field request_fields[] = {
    {.name = "checkpoint",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct wire_request, checkpoint),
     .min = 1,
     .max = CHECKPOINT_TEXT_BYTES_MAX - 1},
    {.name = "signature",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct wire_request, signature),
     .min = 1,
     .max = 2 * CHECKPOINT_SIGNATURE_BYTES},
    {.name = "before",
     .type = FIELD_INT,
     .offset = offsetof(struct wire_request, before),
     .max = INT64_MAX},
    {.name = "proof",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct wire_request, proof),
     .max = TREE_PROOF_MAX},
    {0},
};

static bool from_hex(struct text t, uint8_t *out, size_t n) {
    return t.len == 2 * n && sodium_hex2bin(out, n, t.data, t.len, NULL, NULL, NULL) == 0;
}

static json_t *to_hex(const uint8_t *bytes, size_t n) {
    char hex[2 * CHECKPOINT_SIGNATURE_BYTES + 1];
    (void)sodium_bin2hex(hex, sizeof hex, bytes, n);
    return json_string(hex);
}

int cosign_request_read(const json_t *params, struct cosign_request *ret, struct err *err) {
    struct wire_request w = {.before = 0};
    struct cosign_request r = {.before = 0};
    int e = fields_decode(request_fields, params, &w, err);
    if (e < 0)
        return e;
    memcpy(r.text, w.checkpoint.data, w.checkpoint.len);
    r.text_bytes = w.checkpoint.len;
    r.before = w.before;
    bool good = from_hex(w.signature, r.signature, sizeof r.signature);
    for (size_t i = 0; good && i < w.proof.count; i++)
        good = from_hex(w.proof.items[i], r.proof.hash[r.proof.count++], TREE_HASH_BYTES);
    fields_release(request_fields, &w);
    if (!good)
        return err_set(err, ERR_INVAL, "signature, proof: expected hexadecimal digits");
    *ret = r;
    return 0;
}

struct wire_kept {
    struct text checkpoint, signature, cosignature;
    int64_t time;
    bool stale;
};
static const struct field kept_fields[] = {
    {.name = "checkpoint",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct wire_kept, checkpoint),
     .min = 1,
     .max = CHECKPOINT_TEXT_BYTES_MAX - 1},
    {.name = "signature",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct wire_kept, signature),
     .min = 1,
     .max = 2 * CHECKPOINT_SIGNATURE_BYTES},
    {.name = "cosignature",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct wire_kept, cosignature),
     .min = 1,
     .max = 2 * CHECKPOINT_SIGNATURE_BYTES},
    {.name = "time",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct wire_kept, time),
     .max = INT64_MAX},
    {.name = "stale", .type = FIELD_BOOL, .offset = offsetof(struct wire_kept, stale)},
    {0},
};

static int read_kept(const json_t *result, struct cosign_kept *ret, bool *ret_stale,
                     struct err *err) {
    struct wire_kept w = {.time = 0};
    struct cosign_kept k = {.time_s = 0};
    int e = fields_decode(kept_fields, result, &w, err);
    if (e < 0)
        return e;
    memcpy(k.text, w.checkpoint.data, w.checkpoint.len);
    k.text_bytes = w.checkpoint.len;
    k.time_s = w.time;
    if (!from_hex(w.signature, k.signature, sizeof k.signature) ||
        !from_hex(w.cosignature, k.cosignature, sizeof k.cosignature))
        return err_set(err, ERR_INVAL, "signatures: expected hexadecimal digits");
    *ret = k;
    *ret_stale = w.stale;
    return 0;
}

static json_t *kept_json(const struct cosign_kept *k, bool stale) {
    return json_pack("{ss# so so sI sb}", "checkpoint", k->text, (int)k->text_bytes, "signature",
                     to_hex(k->signature, sizeof k->signature), "cosignature",
                     to_hex(k->cosignature, sizeof k->cosignature), "time", (json_int_t)k->time_s,
                     "stale", stale);
}

// --- serving ------------------------------------------------------------------------------------

static int cosign_it(struct cosign *c, const uint8_t *device, const struct cosign_request *r,
                     const struct cosign_kept *last, int64_t now_ms, struct cosign_kept *ret,
                     struct err *err) {
    char text[CHECKPOINT_COSIGN_BYTES_MAX];
    struct cosign_kept k = {.text_bytes = r->text_bytes, .time_s = now_ms / 1000};
    memcpy(k.text, r->text, sizeof k.text);
    memcpy(k.signature, r->signature, sizeof k.signature);
    if (last && last->time_s > k.time_s) // our clock went back: what we have signed does not
        k.time_s = last->time_s;
    size_t n = checkpoint_cosign_text(k.text, k.text_bytes, k.time_s, text);
    int e = c->config.sign(c->config.ctx, text, n, k.cosignature, err);
    if (e == 0)
        e = c->config.memory.put(c->config.memory.self, device, &k, err);
    if (e == 0)
        *ret = k;
    return e;
}

static void refuse(struct cosign *c, struct rpc_request *req, const uint8_t *device, int code,
                   const struct err *why) {
    if (code != ERR_BUSY && c->config.refused)
        c->config.refused(c->config.ctx, device, code, why);
    rpc_fail(req, code == ERR_BUSY ? COSIGN_ERROR_BUSY : COSIGN_ERROR_REFUSED, err_text(why), NULL);
}

// Kept before it is sent: what another has of us we know.
static void on_cosign(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct cosign *c = ctx;
    const uint8_t *device = node_session_key(s);
    int64_t now_ms = env_wall_ms(c->config.env);
    struct cosign_request r;
    struct cosign_kept last, fresh;
    struct err err = {0};
    if (cosign_request_read(params, &r, &err) < 0) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, err_text(&err), NULL);
        return;
    }
    int known = c->config.memory.get(c->config.memory.self, device, &last, &err);
    if (known < 0) {
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, err_text(&err), NULL);
        return;
    }
    int e = cosign_judge(&r, device, known ? &last : NULL, now_ms, &err);
    if (e < 0) {
        refuse(c, req, device, e, &err);
        return;
    }
    if (e == 0 && cosign_it(c, device, &r, known ? &last : NULL, now_ms, &fresh, &err) < 0) {
        rpc_fail(req, JSONRPC_INTERNAL_ERROR, err_text(&err), NULL);
        return;
    }
    rpc_reply(req, kept_json(e ? &last : &fresh, e != 0));
}

static const struct node_method methods[] = {{"audit.cosign", on_cosign, false}, {0}};

struct cosign *cosign_new(const struct cosign_config *config) {
    struct cosign *c = mem_zalloc(sizeof *c);
    if (c)
        c->config = *config;
    return c;
}

void cosign_free(struct cosign *c) {
    mem_free(c);
}

struct node_service cosign_service(struct cosign *c) {
    return (struct node_service){.methods = methods, .ctx = c};
}

// --- asking -------------------------------------------------------------------------------------

struct asking {
    uint8_t own[CHECKPOINT_KEY_BYTES], peer[CHECKPOINT_KEY_BYTES];
    char text[CHECKPOINT_TEXT_BYTES_MAX];
    size_t text_bytes;
    cosign_fn *fn;
    void *ctx;
};

static int read_answer(const struct asking *a, const json_t *result, struct cosign_kept *k,
                       bool *stale, struct err *err) {
    int e = read_kept(result, k, stale, err);
    if (e < 0)
        return e;
    bool same = k->text_bytes == a->text_bytes && memcmp(k->text, a->text, k->text_bytes) == 0;
    if (!*stale && !same)
        return err_set(err, ERR_PARSE, "it cosigned something else than was asked");
    if (!checkpoint_signed(k->text, k->text_bytes, a->own, k->signature) ||
        !checkpoint_cosigned(k->text, k->text_bytes, a->peer, k->time_s, k->cosignature))
        return err_set(err, ERR_KEY, "the signatures of its answer do not verify");
    return 0;
}

static void answered(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct asking *a = ctx;
    struct cosign_kept k;
    struct err why = {0};
    bool stale = false;
    int e;
    if (result) {
        e = read_answer(a, result, &k, &stale, &why);
    } else if (error) {
        const char *message = json_string_value(json_object_get(error, "message"));
        bool busy = json_integer_value(json_object_get(error, "code")) == COSIGN_ERROR_BUSY;
        e = err_set(&why, busy ? ERR_BUSY : ERR_PERM, "%s", message ? message : "it refused");
    } else {
        e = err_set(&why, err->code ? err->code : ERR_CLOSED, "%s", err_text(err));
    }
    a->fn(a->ctx, e < 0 ? NULL : &k, stale, e < 0 ? &why : NULL);
    mem_free(a);
}

int cosign_ask(struct node_session *s, const uint8_t own[CHECKPOINT_KEY_BYTES],
               const struct cosign_request *r, cosign_fn *fn, void *ctx, struct err *err) {
    AUTO_FREE struct asking *a = mem_zalloc(sizeof *a);
    json_t *proof = json_array();
    if (!a) {
        json_decref(proof);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    memcpy(a->own, own, sizeof a->own);
    memcpy(a->peer, node_session_key(s), sizeof a->peer);
    memcpy(a->text, r->text, sizeof a->text);
    a->text_bytes = r->text_bytes;
    a->fn = fn;
    a->ctx = ctx;
    for (unsigned i = 0; i < r->proof.count; i++)
        (void)json_array_append_new(proof, to_hex(r->proof.hash[i], TREE_HASH_BYTES));
    json_t *params = json_pack("{ss# so sI so}", "checkpoint", r->text, (int)r->text_bytes,
                               "signature", to_hex(r->signature, sizeof r->signature), "before",
                               (json_int_t)r->before, "proof", proof);
    if (!params)
        return err_set(err, ERR_NOMEM, "out of memory");
    int64_t call =
        link_call(node_session_link(s), "audit.cosign", params, COSIGN_CALL_MS, answered, a, err);
    if (call < 0)
        return (int)call;
    (void)TAKE(a);
    return 0;
}
