// What an agent remembers of a workspace, through the store.
#include "core/agents/agents.h"

#include "core/base/mem.h"
#include "core/store/agent_store.h"
#include "core/store/store.h"

#include <stdio.h>
#include <string.h>

static int need_store(struct agent_call *call, struct err *err) {
    return call->store ? 0
                       : err_set(err, ERR_LOCKED,
                                 "the store cannot be used now, so nothing can be kept or looked "
                                 "up there; see: paired status");
}

int agent_memory_get(struct agent_call *call, const char *agent, const char *key, json_t **ret,
                     struct err *err) {
    AUTO_BUF text = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    struct db *db = NULL;
    *ret = NULL;
    int r = need_store(call, err);
    if (r < 0 || (r = store_reader_get(call->store, &db, err)) < 0)
        return r;
    r = agent_store_get(db, call->root, agent, key, &text, err);
    store_reader_put(call->store, db);
    if (r <= 0)
        return r;
    *ret = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
    return *ret ? 0 : err_set(err, ERR_CORRUPT, "what %s kept under %s cannot be read", agent, key);
}

struct put {
    struct agent_call *call;
    const char *agent, *key;
    struct buf text;
    bool forget;
};

static int put_in_transaction(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct put *p = ctx;
    (void)result;
    return agent_store_put(db, p->call->root, p->agent, p->key, p->forget ? NULL : p->text.data,
                           p->forget ? 0 : p->text.len, p->call->now_ms, err);
}

int agent_memory_put(struct agent_call *call, const char *agent, const char *key,
                     const json_t *value, struct err *err) {
    struct put p = {.call = call,
                    .agent = agent,
                    .key = key,
                    .text = BUF_INIT(AGENT_VALUE_BYTES_MAX),
                    .forget = !value};
    int r = need_store(call, err);
    if (r == 0 && value)
        r = buf_put_json(&p.text, value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    if (r == 0) // without an origin: putting the same twice is the same
        r = store_write(call->store, NULL, put_in_transaction, &p, NULL, NULL, err);
    buf_done(&p.text);
    return r == ERR_LIMIT && err && !err->message[0]
               ? err_set(err, r, "an agent's memory holds at most %d bytes under one key",
                         AGENT_VALUE_BYTES_MAX)
               : r;
}
