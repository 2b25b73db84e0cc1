// Before anything leaves: the secret gate, the body in the backend's family, the audit
// entry.
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "server/models_impl.h"

#include <stdio.h>
#include <string.h>

// --- the gate

static int pass_gate(struct model_run *run, struct err *err) {
    struct model_secrets found;
    if (run->gated)
        return 0;
    bool mask = strcmp(conf_string(run->m->services->conf, "models.secrets"), "mask") == 0;
    int r = model_body_gate(run->body.data, run->body.len, mask, &found);
    if (r < 0)
        return err_set(err, r, "out of memory");
    run->gated = true;
    run->masked = found.count > 0;
    if (found.count && !mask) {
        run->error_fault = ROUTE_FAULT_REQUEST;
        return err_set(err, ERR_PERM,
                       "paired sent nothing: the request holds %zu secret%s (%s). Take it out, or "
                       "let paired mask them: paired config set models.secrets mask",
                       found.count, found.count == 1 ? "" : "s", found.rule);
    }
    return 0;
}

// --- the body

static bool is_thinking(json_t *block) {
    const char *type = json_string_value(json_object_get(block, "type"));
    return type && (strcmp(type, "thinking") == 0 || strcmp(type, "redacted_thinking") == 0);
}

// What other models thought is signed by them; a backend that refused it gets the rest.
static void strip_thinking(json_t *request) {
    json_t *messages = json_object_get(request, "messages"), *message;
    size_t i;
    json_array_foreach(messages, i, message) {
        json_t *content = json_object_get(message, "content");
        for (size_t k = json_array_size(content); k-- > 0;)
            if (is_thinking(json_array_get(content, k)))
                (void)json_array_remove(content, k);
    }
    (void)json_object_del(request, "thinking");
}

static int put_json(json_t *value, struct buf *out, struct err *err) {
    int r = buf_put_json(out, value, JSON_COMPACT);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

// What was said so far as the begin of the answer.
static int go_on(struct model_run *run, const json_t *request, enum wire_family to, json_t *other,
                 struct err *err) {
    const struct model_offer *offer = &run->plan->offers[run->offer];
    const char *said = run->said.len ? run->said.data : "";
    int64_t spent = (int64_t)tokens_estimate(said, run->said.len);
    int r = wire_continuable(run->family, request, err);
    if (r < 0) {
        run->error_fault = ROUTE_FAULT_REQUEST;
        return r;
    }
    r = wire_prefill(to, other, said, run->said.len, spent, offer->local);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int convert(struct model_run *run, enum wire_family to, struct err *err) {
    json_t *request = json_loadb(run->body.data, run->body.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *other = NULL;
    struct wire_loss loss = {0};
    if (!request) {
        run->error_fault = ROUTE_FAULT_REQUEST;
        return err_set(err, ERR_INVAL, "the request names something twice, or is too deep");
    }
    if (run->stripped)
        strip_thinking(request);
    int r =
        wire_convert(run->family, to, request, run->model, run->read.stream, &other, &loss, err);
    if (r == 0 && to == WIRE_ANTHROPIC && run->family != to &&
        model_mark_cache(run->m->catalogue, run->model, other) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == ERR_INVAL)
        run->error_fault = ROUTE_FAULT_REQUEST;
    if (r == 0 && run->legs)
        r = go_on(run, request, to, other, err);
    if (r == 0)
        r = put_json(other, &run->out, err);
    json_decref(request);
    json_decref(other);
    return r;
}

static int make_body(struct model_run *run, const struct backend *b, struct err *err) {
    run->out.max = HTTP_BODY_BYTES_MAX;
    buf_clear(&run->out);
    if (run->fim != WIRE_FIM_NONE)
        return model_fill_body(run, err);
    if ((int)b->family != (int)run->family || run->stripped || run->legs)
        return convert(run, (enum wire_family)b->family, err);
    int r = model_body_rename(&run->read, run->body.data, run->body.len, run->model, &run->out);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

// --- the audit

struct entry {
    const struct audit_entry *what;
    int64_t seq;
};

static int append(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct entry *e = ctx;
    (void)result;
    return audit_append(db, e->what, &e->seq, err);
}

static int audit(struct model_run *run, const struct backend *b, bool refused, struct err *err) {
    struct store *s = run->m->services->store(run->m->services, err);
    const char *others = strchr(run->others, ','); // behind the one that it goes to
    char purpose[64 + MODEL_OTHERS_BYTES];
    (void)snprintf(purpose, sizeof purpose, "%s%s%s%s", run->purpose,
                   run->lease_bytes ? ": up to so much" : "", others ? "; if it fails: " : "",
                   others ? others + 2 : "");
    const struct audit_entry what = {.time_ms = model_now_ms(),
                                     .event = refused ? AUDIT_REFUSE : AUDIT_SEND,
                                     .outcome = refused ? AUDIT_DENIED : AUDIT_OPEN,
                                     .bytes_out = refused            ? 0
                                                  : run->lease_bytes ? run->lease_bytes
                                                                     : (int64_t)run->out.len,
                                     .kind = CONSENT_BACKEND,
                                     .audience = b->name,
                                     .purpose = refused ? "secret" : purpose,
                                     .model = run->model,
                                     .workspace = run->workspace};
    struct entry e = {.what = &what};
    if (!s)
        return ERR_IO;
    int r = store_write(s, NULL, append, &e, NULL, NULL, err);
    run->audit_seq = r < 0 ? 0 : e.seq;
    return r;
}

void model_prepare_body(struct model_run *run) {
    const struct backend *b = run->plan->offers[run->offer].backend;
    struct err *err = &run->error;
    *err = (struct err){0};
    run->error_fault = ROUTE_FAULT_NONE;
    int r = pass_gate(run, err);
    if (r == 0)
        r = make_body(run, b, err);
    if (r < 0 && err->code == 0)
        (void)err_set(err, r, "the request could not be made ready");
}

void model_prepare_audit(struct model_run *run) {
    const struct backend *b = run->plan->offers[run->offer].backend;
    if (run->error.code == ERR_PERM)
        (void)audit(run, b, true, NULL);
    if (run->error.code)
        return;
    int r = audit(run, b, false, &run->error);
    if (r < 0 && run->error.code == 0)
        (void)err_set(&run->error, r, "the audit could not be written, so nothing was sent");
}
