// Choices of engines that have ended, as the store has them: shown as they were, and no more.
#include "core/base/mem.h"
#include "core/store/judgements.h"
#include "core/store/store.h"
#include "server/models_why.h"

#include <stdio.h>
#include <string.h>

// Members of a line of the list.
static const char *const brief[] = {"id",      "time_ms",       "kept_ms", "asked",  "origin",
                                    "backend", "model",         "reason",  "status", "verdict",
                                    "fault",   "cost_microusd", "took_ms"};

static json_t *read_past(const char *value, size_t n) {
    json_t *one = json_loadb(value, n, 0, NULL);
    if (one && json_object_set_new(one, "past", json_true()) == 0)
        return one;
    json_decref(one);
    return NULL;
}

// As answers name it: of a kept one "-cache" stands behind the number.
static void plain_id(const char *id, char ret[MODEL_WHY_ID_BYTES]) {
    static const char cache[] = "-cache";
    size_t n = strlen(id), k = sizeof cache - 1;
    if (n > k && strcmp(id + n - k, cache) == 0)
        n -= k;
    (void)snprintf(ret, MODEL_WHY_ID_BYTES, "%.*s", (int)n, strcmp(id, "last") == 0 ? "" : id);
}

int model_whys_past(struct store *s, const char *id, json_t **ret, struct err *err) {
    char wanted[MODEL_WHY_ID_BYTES];
    AUTO_BUF value = BUF_INIT(JUDGEMENT_BYTES_MAX);
    struct db *db;
    *ret = NULL;
    plain_id(id, wanted);
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = judgement_get(db, wanted, &value, NULL, err);
    store_reader_put(s, db);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND,
                       wanted[0] ? "no such request: the latest %d are known"
                                 : "no request was sent to a model yet",
                       JUDGEMENTS_MAX);
    *ret = read_past(value.data, value.len);
    return *ret ? 0 : err_set(err, ERR_CORRUPT, "what is kept of that request cannot be read");
}

struct listing {
    json_t *list;
    size_t limit;
};

static int put_line(void *ctx, const struct judgement *j, struct err *err) {
    struct listing *l = ctx;
    if (json_array_size(l->list) >= l->limit)
        return 1;
    json_t *one = read_past(j->value, j->bytes), *line = json_pack("{sb}", "past", 1);
    for (size_t i = 0; one && i < COUNT_OF(brief); i++)
        (void)json_object_set(line, brief[i], json_object_get(one, brief[i]));
    json_decref(one);
    if (!one || json_array_append_new(l->list, line) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

int model_whys_past_list(struct model_whys *w, struct store *s, size_t limit, json_t *list,
                         struct err *err) {
    struct listing l = {list, limit};
    char own[MODEL_WHY_ID_BYTES];
    struct db *db;
    model_whys_id(w, 0, own);
    own[strcspn(own, "-") + 1] = '\0'; // the ids of the running engine begin so
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    r = judgements_each(db, own, put_line, &l, err);
    store_reader_put(s, db);
    return r;
}

bool model_whys_past_key(const json_t *past, uint8_t ret[ANSWER_KEY_BYTES]) {
    const char *key = json_string_value(json_object_get(past, "answer_key"));
    unsigned byte;
    if (!key || strlen(key) != 2 * ANSWER_KEY_BYTES)
        return false;
    for (size_t i = 0; i < ANSWER_KEY_BYTES; i++) {
        if (sscanf(key + 2 * i, "%2x", &byte) != 1)
            return false;
        ret[i] = (uint8_t)byte;
    }
    return true;
}
