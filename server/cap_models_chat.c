// An editor's own chat by way of the router: which models may be asked for a workspace, and a
// request to one of them, as the API of Anthropic has it. What leaves goes the way of every
// request; tools that the model calls are the editor's to carry out.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "server/models_impl.h"
#include "server/team_impl.h"

#include <stddef.h>
#include <string.h>

enum { REQUEST_BYTES_MAX = 4 * 1024 * 1024 };

// --- models.offered ------------------------------------------------------------------------------

static int put_models(const struct model_plan *plan, const struct route_catalogue *c,
                      json_t *list) {
    int failed = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct backend *b = plan->offers[i].backend;
        for (size_t k = 0; k < b->model_count; k++) {
            const char *priced = b->models[k].price[0] ? b->models[k].price : b->models[k].name;
            const struct route_model *known = c ? route_catalogue_find(c, priced) : NULL;
            json_t *one = json_pack("{s:s, s:s, s:b}", "backend", b->name, "model",
                                    b->models[k].name, "local", plan->offers[i].local);
            if (known && known->context > 0)
                (void)json_object_set_new(one, "context", json_integer(known->context));
            failed |= json_array_append_new(list, one);
        }
    }
    return failed ? ERR_NOMEM : 0;
}

static int run_offered(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    struct model_plan *plan = NULL;
    struct route_catalogue *catalogue = NULL;
    json_t *list = json_array();
    (void)input;
    int r = list ? route_catalogue_new(NULL, 0, &catalogue, err) : ERR_NOMEM;
    if (r == 0)
        r = model_plan_new(call->services, NULL, call->caller->workspace, NULL, &plan, err);
    if (r == 0)
        r = put_models(plan, catalogue, list);
    answer->structured =
        r == 0 ? json_pack("{s:s, s:{s:O, s:s}}", "title", "Models of this folder", "data",
                           "models", list, "why", plan->count ? "" : plan->why)
               : NULL;
    model_plan_unref(plan);
    route_catalogue_free(catalogue);
    json_decref(list);
    return r < 0 ? r : answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- models.chat ---------------------------------------------------------------------------------

struct chat_input {
    json_t *request;
};
static const struct field chat_fields[] = {
    {.name = "request",
     .type = FIELD_JSON,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct chat_input, request)},
    {0},
};

static json_t *calls_json(const struct team_reply *r) {
    json_t *list = json_array();
    for (size_t i = 0; i < r->call_count; i++) {
        const struct buf *input = &r->calls[i].input;
        json_t *arguments = input->len ? json_loadb(input->data, input->len, 0, NULL) : NULL;
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o}", "name", r->calls[i].name, "arguments",
                            json_is_object(arguments) ? arguments : json_object()));
        if (!json_is_object(arguments))
            json_decref(arguments);
    }
    return list;
}

static int answered(struct team *t, struct answer *answer, struct err *err) {
    const struct team_reply *r = &t->reply;
    if (!r->whole)
        return err_set(err, ERR_IO, "%s", r->message);
    (void)buf_append(&answer->text, r->text.data ? r->text.data : "", r->text.len);
    answer->structured = json_pack("{s:s, s:{s:o, s:b, s:s, s:s}}", "title", t->model, "data",
                                   "calls", calls_json(r), "cut", r->stop == WIRE_STOP_LENGTH,
                                   "backend", t->backend, "model", t->model);
    return answer->structured ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int run_chat(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct chat_input *in = input;
    struct team *t = call->pause.state;
    if (t)
        return answered(t, answer, err);
    if (!json_is_object(in->request))
        return err_set(err, ERR_INVAL, "request: expected an object, a request of /v1/messages");
    t = team_state(call, "editor");
    json_t *request = t ? json_copy(in->request) : NULL;
    if (!request)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->body = BUF_INIT(REQUEST_BYTES_MAX);
    t->budget.until_ns = env_now_mono_ns() + TEAM_SECONDS_MAX * UINT64_C(1000000000);
    int r = json_object_set_new(request, "stream", json_true());
    if (r == 0)
        r = buf_put_json(&t->body, request, JSON_COMPACT);
    json_decref(request);
    return r == 0 ? CALL_WAIT
                  : err_set(err, r == ERR_LIMIT ? ERR_LIMIT : ERR_NOMEM,
                            "request: at most %d bytes", REQUEST_BYTES_MAX);
}

const struct capability capabilities_chat[] = {
    {.name = "models.offered",
     .title = "Models that may be asked",
     .description = "Models of the backends that this workspace was granted",
     .flags = CAP_READ_ONLY,
     .input_size = sizeof(char),
     .run = run_offered},
    {.name = "models.chat",
     .title = "A request of an editor's chat",
     .description = "A request to a model, as the API of Anthropic has it",
     .flags = CAP_READ_ONLY,
     .input = chat_fields,
     .input_size = sizeof(struct chat_input),
     .run = run_chat,
     .deadline_ms = (TEAM_SECONDS_MAX + 60) * 1000},
    {0},
};
