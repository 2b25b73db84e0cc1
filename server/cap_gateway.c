// Capabilities of the command line about the local gateway. Values of the variables that keys are
// named by arrive inside the arguments, which are wiped before run() returns.
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "core/store/answers.h"
#include "core/store/backends.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/gateway.h"

#include <stddef.h>
#include <string.h>

struct open_input {
    bool kept;
    json_t *keys;
};
static const struct field open_fields[] = {
    {.name = "kept", .type = FIELD_BOOL, .offset = offsetof(struct open_input, kept)},
    {.name = "keys", .type = FIELD_JSON, .offset = offsetof(struct open_input, keys)},
    {0},
};
struct close_input {
    struct text token;
};
static const struct field close_fields[] = {
    {.name = "token",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct close_input, token),
     .max = 128},
    {0},
};

static int run_open(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct open_input *in = input;
    struct gateway *g = call->services->gateway;
    struct model_keys keys = {0};
    struct gateway_pass pass;
    int r = models_take_keys(in->keys, &keys, err);
    if (r == 0 && in->kept && !conf_bool(call->services->conf, "gateway.enabled"))
        r = err_set(err, ERR_PERM,
                    "a pass that lasts needs the gateway to be on: paired config set "
                    "gateway.enabled true, then paired stop");
    if (r < 0) {
        model_keys_done(&keys);
        return r;
    }
    r = gateway_open(g, call->caller->workspace, &keys, in->kept, &pass, err);
    if (r < 0)
        return r;
    r = admin_answer(answer, json_pack("{ss si}", "token", pass.token, "port", (int)pass.port),
                     err);
    secret_wipe(&pass, sizeof pass);
    return r;
}

static int run_close(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct close_input *in = input;
    char token[129];
    int r = models_copy("token", in->token, token, sizeof token, err);
    if (r == 0)
        r = gateway_close(call->services->gateway, token, err);
    return r < 0 ? r : admin_answer(answer, json_object(), err);
}

// --- answers that are kept (models.cache)

struct cache_input {
    bool clear;
};
static const struct field cache_fields[] = {
    {.name = "clear", .type = FIELD_BOOL, .offset = offsetof(struct cache_input, clear)},
    {0},
};

static int run_cache(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct cache_input *in = input;
    const struct conf *conf = call->services->conf;
    struct answers_info was = {0}, now = {0};
    struct store *s = call->services->store(call->services, err);
    if (!s)
        return err && err->code ? err->code : ERR_IO;
    int r = answers_info(s, &was, err);
    if (r == 0 && in->clear)
        r = answers_clear(s, err);
    if (r == 0)
        r = answers_info(s, &now, err);
    return r < 0 ? r
                 : admin_answer(
                       answer,
                       json_pack("{ss sI sI sI sI sI sI sI sI}", "setting",
                                 conf_string(conf, "models.cache"), "entries",
                                 (json_int_t)now.entries, "bytes", (json_int_t)now.bytes,
                                 "file_bytes", (json_int_t)now.file_bytes, "oldest_ms",
                                 (json_int_t)now.oldest_ms, "newest_ms", (json_int_t)now.newest_ms,
                                 "cleared", (json_int_t)(in->clear ? was.entries : 0), "max_bytes",
                                 (json_int_t)conf_int(conf, "models.cache_mb") << 20, "max_hours",
                                 (json_int_t)conf_int(conf, "models.cache_hours")),
                       err);
}

// Variables that enabled backends' keys are named by.
static int run_variables(struct call *call, const void *input, struct answer *answer,
                         struct err *err) {
    struct backend_list list = {0};
    struct store *s;
    struct db *db;
    (void)input;
    int r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    r = backend_list(db, &list, err);
    store_reader_put(s, db);
    json_t *names = r == 0 ? json_array() : NULL;
    for (size_t i = 0; names && i < list.count; i++)
        if (list.items[i].enabled && list.items[i].key == BACKEND_KEY_ENV)
            (void)json_array_append_new(names, json_string(list.items[i].key_env));
    backend_list_done(&list);
    return r < 0 ? r : admin_answer(answer, json_pack("{so}", "names", names), err);
}

const struct capability capabilities_gateway[] = {
    {.name = "gateway open",
     .title = "A pass to the local gateway",
     .description = "A pass to the local gateway for one workspace",
     .flags = CAP_CLI_ONLY,
     .input = open_fields,
     .input_size = sizeof(struct open_input),
     .run = run_open},
    {.name = "gateway close",
     .title = "End a pass",
     .description = "End a pass to the local gateway",
     .flags = CAP_CLI_ONLY,
     .input = close_fields,
     .input_size = sizeof(struct close_input),
     .run = run_close},
    {.name = "gateway cache",
     .title = "Answers that are kept",
     .description = "Answers that are kept to be given again: how many, how much; or clears them",
     .flags = CAP_CLI_ONLY,
     .input = cache_fields,
     .input_size = sizeof(struct cache_input),
     .run = run_cache},
    {.name = "gateway variables",
     .title = "Variables that hold keys",
     .description = "Names of the variables that hold backends' keys",
     .flags = CAP_CLI_ONLY | CAP_READ_ONLY,
     .input_size = sizeof(char),
     .run = run_variables},
    {0},
};
