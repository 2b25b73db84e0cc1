// What is known of the checks that judge patches, and what a verdict of the user teaches about
// them.
#include "core/base/mem.h"
#include "core/route/route_check.h"
#include "core/store/check_rates.h"
#include "core/store/judgements.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/models_why.h"

#include <string.h>

enum route_check_kind models_check_kind(const char *kind) {
    for (int i = 0; i < ROUTE_CHECK_KINDS; i++)
        if (strcmp(route_check_name((enum route_check_kind)i), kind) == 0)
            return (enum route_check_kind)i;
    return ROUTE_CHECK_LINT;
}

// --- a verdict

struct lesson {
    const char *id, *verdict;
    size_t checks; // that learn from it
};

static int learn_each(struct db *db, const json_t *why, const char *workspace, const char *verdict,
                      bool back, size_t *ret_count, struct err *err) {
    size_t i;
    const json_t *c;
    int r = 0;
    *ret_count = 0;
    json_array_foreach(json_object_get(why, "checks"), i, c) {
        const char *result = json_string_value(json_object_get(c, "result"));
        const char *kind = json_string_value(json_object_get(c, "kind"));
        const struct check_rate rate = {.workspace = workspace,
                                        .name = json_string_value(json_object_get(c, "name")),
                                        .model = json_string_value(json_object_get(why, "model")),
                                        .kind = kind ? kind : ""};
        bool passed = result && strcmp(result, "passed") == 0;
        if (!rate.name || !rate.model || !result || (!passed && strcmp(result, "failed") != 0))
            continue; // one that could not be run says nothing
        r = check_rates_learn(db, &rate, passed, strcmp(verdict, "good") == 0, back,
                              (int64_t)json_integer_value(json_object_get(why, "time_ms")), err);
        if (r < 0)
            return r;
        ++*ret_count;
    }
    return r;
}

static int write_lesson(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct lesson *l = ctx;
    AUTO_BUF value = BUF_INIT(JUDGEMENT_BYTES_MAX);
    AUTO_BUF workspace = BUF_INIT(8192);
    AUTO_BUF counted = BUF_INIT(16);
    size_t back = 0;
    (void)result;
    int r = judgement_get(db, l->id, &value, &workspace, err);
    if (r <= 0 || !workspace.len || (r = judgement_counted(db, l->id, &counted, err)) < 0)
        return r < 0 ? r : 0;
    json_t *why = json_loadb(value.data, value.len, 0, NULL);
    const char *before = counted.len ? counted.data : "";
    r = 0;
    if (strcmp(before, l->verdict) != 0) { // said twice is said once
        if (*before)
            r = learn_each(db, why, workspace.data, before, true, &back, err);
        if (r >= 0)
            r = learn_each(db, why, workspace.data, l->verdict, false, &l->checks, err);
        if (r >= 0 && l->checks)
            r = judgement_count(db, l->id, l->verdict, err);
    } else {
        l->checks = json_array_size(json_object_get(why, "checks"));
    }
    json_decref(why);
    return r < 0 ? r : 0;
}

int models_checks_learn(struct call *call, const char *id, const char *verdict, size_t *ret_checks,
                        struct err *err) {
    struct lesson l = {.id = id, .verdict = verdict};
    struct store *s = call->services->store(call->services, err);
    int r = s ? store_write(s, NULL, write_lesson, &l, NULL, NULL, err) : ERR_IO;
    *ret_checks = l.checks;
    return r < 0 ? r : 0;
}

// --- telling

struct telling {
    json_t *list, *one, *models; // one: of the check whose rows come now
    char place[8192];
    double runs, passes;
    struct route_check known;
    char kind[16];
    bool failed;
};

static void end_one(struct telling *t) {
    if (!t->one)
        return;
    struct route_check all = route_check_prior(models_check_kind(t->kind));
    all.right_passed += t->known.right_passed;
    all.right_failed += t->known.right_failed;
    all.wrong_passed += t->known.wrong_passed;
    all.wrong_failed += t->known.wrong_failed;
    json_t *more = json_pack(
        "{s:I, s:I, s:f, s:f, s:f, s:f, s:o}", "runs", (json_int_t)t->runs, "passes",
        (json_int_t)t->passes, "right", t->known.right_passed + t->known.right_failed, "wrong",
        t->known.wrong_passed + t->known.wrong_failed, "false_pass", 1 - route_check_rejects(&all),
        "false_fail", 1 - route_check_accepts(&all), "models", t->models);
    t->failed |=
        !more || json_object_update(t->one, more) < 0 || json_array_append_new(t->list, t->one) < 0;
    json_decref(more);
    t->one = t->models = NULL;
}

static int tell_rate(void *ctx, const struct check_rate *r, struct err *err) {
    struct telling *t = ctx;
    char place[sizeof t->place];
    (void)snprintf(place, sizeof place, "%s\n%s", r->workspace, r->name);
    if (!t->one || strcmp(place, t->place) != 0) {
        end_one(t);
        (void)snprintf(t->place, sizeof t->place, "%s", place);
        (void)snprintf(t->kind, sizeof t->kind, "%s", r->kind);
        t->one = json_pack("{s:s, s:s, s:s}", "workspace", r->workspace, "name", r->name, "kind",
                           r->kind);
        t->models = json_array();
        t->runs = t->passes = 0;
        t->known = (struct route_check){0, 0, 0, 0};
    }
    t->runs += (double)r->runs;
    t->passes += (double)r->passes;
    t->known.right_passed += r->right_passed;
    t->known.right_failed += r->right_failed;
    t->known.wrong_passed += r->wrong_passed;
    t->known.wrong_failed += r->wrong_failed;
    t->failed |= json_array_append_new(
                     t->models, json_pack("{s:s, s:I, s:I, s:f, s:f}", "model", r->model, "runs",
                                          (json_int_t)r->runs, "passes", (json_int_t)r->passes,
                                          "right", r->right_passed + r->right_failed, "wrong",
                                          r->wrong_passed + r->wrong_failed)) < 0;
    return t->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int models_why_checks(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    struct store *s;
    struct db *db;
    AUTO_FREE struct telling *t = mem_zalloc(sizeof *t);
    (void)input;
    int r = t ? models_reader(call, &s, &db, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0)
        return r;
    t->list = json_array();
    r = check_rates_each(db, NULL, tell_rate, t, err);
    store_reader_put(s, db);
    if (r == 0)
        end_one(t);
    json_decref(r == 0 ? NULL : t->one);
    json_decref(r == 0 ? NULL : t->models);
    if (r == 0 && t->failed)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(t->list);
        return r;
    }
    return admin_answer(answer, json_pack("{so}", "checks", t->list), err);
}
