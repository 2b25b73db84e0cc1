// "Why this backend?" for the command line: the router's latest choices.
#include "core/store/blobs.h"
#include "core/store/check_rates.h"
#include "core/store/judgements.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/models_why.h"

#include <stdio.h>
#include <string.h>

enum { LIST_DEFAULT = 20 };

const struct field why_fields[] = {
    {.name = "id", .type = FIELD_STRING, .offset = offsetof(struct why_input, id), .max = 40},
    {.name = "limit",
     .type = FIELD_INT,
     .offset = offsetof(struct why_input, limit),
     .min = 1,
     .max = MODEL_WHYS_MAX},
    {0},
};

static struct store *store_of(struct call *call, struct err *err) {
    return call->services->store(call->services, err);
}

// The running engine's, or what the store has of those before.
static int find(struct call *call, const char *id, json_t **ret, struct err *err) {
    struct err why = {0};
    int r = model_whys_one(call->services->whys, id, ret, &why);
    struct store *s = r == ERR_NOT_FOUND ? store_of(call, err) : NULL;
    if (s)
        return model_whys_past(s, id, ret, err);
    return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}

int models_why(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct why_input *in = input;
    char id[41];
    json_t *one = NULL;
    int r = models_copy("id", in->id, id, sizeof id, err);
    if (r == 0)
        r = find(call, id, &one, err);
    if (r == 0)
        (void)json_object_del(one, "answer_key"); // ours
    return r < 0 ? r : admin_answer(answer, one, err);
}

const struct field judge_fields[] = {
    {.name = "id", .type = FIELD_STRING, .offset = offsetof(struct judge_input, id), .max = 40},
    {.name = "verdict",
     .type = FIELD_STRING,
     .offset = offsetof(struct judge_input, verdict),
     .max = 8},
    {0},
};

static int write_nothing(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)ctx;
    (void)result;
    int r = blob_put(db, MODEL_LEARNED_BLOB, NULL, 0, 0, err);
    return r < 0 ? r : check_rates_forget(db, err);
}

// Also when no request has made the router read it yet.
static int forget_kept(struct call *call, struct err *err) {
    struct store *s = store_of(call, err);
    return s ? store_write(s, NULL, write_nothing, NULL, NULL, NULL, err) : ERR_IO;
}

// An answer that is bad is not given again.
static int drop_kept(struct call *call, const uint8_t *key, struct err *err) {
    struct store *s = store_of(call, err);
    return s ? answers_forget(s, key, err) : ERR_IO;
}

static int write_verdict(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct judgement *j = ctx;
    (void)result;
    return judgement_put(db, j, err);
}

// What was said of one that only the store has.
static int keep_verdict(struct store *s, json_t *past, const char *verdict,
                        struct model_judged *ret, struct err *err) {
    AUTO_BUF value = BUF_INIT(JUDGEMENT_BYTES_MAX);
    const char *id = json_string_value(json_object_get(past, "id"));
    (void)snprintf(ret->id, sizeof ret->id, "%s", id ? id : "");
    (void)json_object_del(past, "past");
    if (json_object_set_new(past, "verdict", json_string(verdict)) < 0 ||
        buf_put_json(&value, past, JSON_COMPACT) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    // Only the value of one that is there changes.
    const struct judgement j = {ret->id, 0, "", value.data, value.len};
    return store_write(s, NULL, write_verdict, (void *)(uintptr_t)&j, NULL, NULL, err);
}

// What an engine before this one sent: the words that could be learned from went with it, but what
// the checks said of it is there, and a bad answer that is kept can be dropped all the same.
static int judge_past(struct call *call, const char *id, enum model_opinion verdict,
                      struct model_judged *ret, struct err *err) {
    json_t *past = NULL;
    struct store *s = store_of(call, err);
    int r = s ? model_whys_past(s, id, &past, err) : ERR_IO;
    if (r < 0)
        return r;
    ret->drop = verdict == MODEL_OPINION_BAD && model_whys_past_key(past, ret->key);
    const char *model = json_string_value(json_object_get(past, "model"));
    (void)snprintf(ret->model, sizeof ret->model, "%s", model ? model : "");
    if (json_array_size(json_object_get(past, "checks")))
        r = keep_verdict(s, past, verdict == MODEL_OPINION_GOOD ? "good" : "bad", ret, err);
    else if (!ret->drop)
        r = err_set(err, ERR_INVAL,
                    "that request was sent before the engine was started anew: nothing is left of "
                    "it that could be learned from");
    json_decref(past);
    return r;
}

// So that what was said of it is not lost with the engine.
static void save(struct call *call) {
    struct store *s = store_of(call, NULL);
    if (s)
        (void)model_whys_save(call->services->whys, s, NULL);
}

int models_why_judge(struct call *call, const void *input, struct answer *answer, struct err *err) {
    static const char *const names[] = {"", "good", "bad", "forget"};
    const struct judge_input *in = input;
    struct model_judged judged = {0};
    char id[41], said[9];
    int r = models_copy("id", in->id, id, sizeof id, err);
    if (r == 0)
        r = models_copy("verdict", in->verdict, said, sizeof said, err);
    enum model_opinion verdict = MODEL_OPINION_FORGET;
    while (r == 0 && verdict > MODEL_OPINION_NONE && strcmp(names[verdict], said) != 0)
        verdict--;
    if (r == 0 && verdict == MODEL_OPINION_NONE)
        r = err_set(err, ERR_INVAL, "verdict: expected good, bad or forget");
    if (r == 0 && verdict == MODEL_OPINION_FORGET)
        r = forget_kept(call, err);
    struct err why = {0};
    if (r == 0) {
        r = model_whys_judge(call->services->whys, id, verdict, &judged, &why);
        if (r == ERR_NOT_FOUND)
            r = judge_past(call, id, verdict, &judged, err);
        else if (r < 0)
            (void)err_set(err, r, "%s", err_text(&why));
        else
            save(call);
    }
    size_t checks = 0;
    if (r == 0 && judged.id[0])
        r = models_checks_learn(call, judged.id, said, &checks, err);
    if (r == 0 && judged.drop)
        r = drop_kept(call, judged.key, err);
    return r < 0 ? r
                 : admin_answer(answer,
                                json_pack("{ss ss sb sb sI}", "verdict", said, "model",
                                          judged.model, "learned", judged.learned, "dropped",
                                          judged.drop, "checks", (json_int_t)checks),
                                err);
}

int models_why_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct why_input *in = input;
    size_t limit = in->limit ? (size_t)in->limit : LIST_DEFAULT;
    json_t *list = model_whys_list(call->services->whys, limit);
    struct store *s = list ? store_of(call, NULL) : NULL; // locked: what is in memory
    int r = s ? model_whys_past_list(call->services->whys, s, limit, list, err) : 0;
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(list);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "requests", list), err);
}
