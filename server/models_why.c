#include "server/models_why.h"

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/loop/mailbox.h"
#include "core/store/judgements.h"
#include "core/store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct model_whys {
    pthread_mutex_t lock;
    uint32_t base;            // tells this engine's ids from another's
    uint64_t last;            // number that was given
    struct model_why *all;    // MODEL_WHYS_MAX, from the first one on
    struct mailbox *verdicts; // NULL: the router has not begun, or is at its end
    pthread_mutex_t saving;   // one after the other, so that the newer state is written last
    uint64_t erasures;        // counted under `lock`
};

int model_whys_new(struct model_whys **ret, struct err *err) {
    struct model_whys *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_mutex_init(&w->saving, NULL);
    env_os_random(&w->base, sizeof w->base);
    *ret = w;
    return 0;
}

void model_whys_free(struct model_whys *w) {
    if (!w)
        return;
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_mutex_destroy(&w->saving);
    for (size_t i = 0; w->all && i < MODEL_WHYS_MAX; i++)
        mem_free(w->all[i].workspace);
    mem_free(w->all);
    mem_free(w);
}

uint64_t model_whys_add(struct model_whys *w, const struct model_why *why) {
    uint64_t number = 0;
    char *workspace = why->workspace ? mem_strdup(why->workspace) : NULL;
    if (why->workspace && !workspace)
        return 0; // what cannot be erased with its workspace is not noted
    (void)pthread_mutex_lock(&w->lock);
    if (!w->all)
        w->all = mem_zalloc(MODEL_WHYS_MAX * sizeof *w->all);
    if (w->all) {
        number = ++w->last;
        struct model_why *to = &w->all[number % MODEL_WHYS_MAX];
        mem_free(to->workspace);
        *to = *why;
        to->number = number;
        to->workspace = workspace;
        to->unsaved = true;
        workspace = NULL;
    }
    (void)pthread_mutex_unlock(&w->lock);
    mem_free(workspace);
    return number;
}

struct model_why *model_whys_enter(struct model_whys *w, uint64_t number) {
    (void)pthread_mutex_lock(&w->lock);
    struct model_why *why = w->all && number ? &w->all[number % MODEL_WHYS_MAX] : NULL;
    if (why && why->number == number) {
        why->unsaved = true;
        return why;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

void model_whys_leave(struct model_whys *w) {
    (void)pthread_mutex_unlock(&w->lock);
}

void model_whys_id(const struct model_whys *w, uint64_t number, char ret[MODEL_WHY_ID_BYTES]) {
    (void)snprintf(ret, MODEL_WHY_ID_BYTES, "%08x-%u", (unsigned)w->base, (unsigned)number);
}

// --- into the store

struct row {
    char id[MODEL_WHY_ID_BYTES];
    int64_t at_ms;
    char *workspace;
    struct buf value;
};
static void row_done(struct row *row) {
    mem_free(row->workspace);
    buf_done(&row->value);
}

struct saving {
    struct model_whys *w;
    struct row *rows; // MODEL_WHYS_MAX
    size_t count;
    uint64_t erasures;
};

// The next one behind `after` that has ended and is not saved, as a copy. 0: none.
static uint64_t copy_unsaved(struct model_whys *w, uint64_t after, struct model_why *ret) {
    uint64_t found = 0;
    (void)pthread_mutex_lock(&w->lock);
    uint64_t from = w->last > MODEL_WHYS_MAX ? w->last - MODEL_WHYS_MAX : 0;
    for (uint64_t n = (after > from ? after : from) + 1; w->all && !found && n <= w->last; n++) {
        struct model_why *why = &w->all[n % MODEL_WHYS_MAX];
        if (why->number != n || !why->unsaved || why->status == MODEL_WHY_OPEN)
            continue;
        *ret = *why;
        ret->workspace = why->workspace ? mem_strdup(why->workspace) : NULL;
        if (why->workspace && !ret->workspace)
            break; // the next time
        why->unsaved = false;
        found = n;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return found;
}

static void put_key(const struct model_why *why, json_t *one) {
    char key[2 * ANSWER_KEY_BYTES + 1];
    for (size_t i = 0; i < ANSWER_KEY_BYTES; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", why->kept_key[i]);
    if (why->kept)
        (void)json_object_set_new(one, "answer_key", json_string(key));
}

static void gather(struct saving *s, struct model_why *why) {
    for (uint64_t n = 0; s->count < MODEL_WHYS_MAX && (n = copy_unsaved(s->w, n, why)) != 0;) {
        struct row *row = &s->rows[s->count];
        json_t *one = model_why_json(s->w, why);
        *row = (struct row){.at_ms = why->at_ms,
                            .workspace = why->workspace,
                            .value = BUF_INIT(JUDGEMENT_BYTES_MAX)};
        model_whys_id(s->w, n, row->id);
        put_key(why, one);
        if (one)
            (void)buf_put_json(&row->value, one, JSON_COMPACT);
        json_decref(one);
        if (one && !row->value.failed)
            s->count++;
        else
            row_done(row); // this one is lost
    }
}

static int write_rows(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct saving *s = ctx;
    (void)result;
    (void)pthread_mutex_lock(&s->w->lock);
    bool erased = s->w->erasures != s->erasures;
    (void)pthread_mutex_unlock(&s->w->lock);
    int r = 0;
    for (size_t i = 0; r == 0 && !erased && i < s->count; i++) {
        const struct row *row = &s->rows[i];
        const struct judgement j = {.id = row->id,
                                    .at_ms = row->at_ms,
                                    .workspace = row->workspace ? row->workspace : "",
                                    .value = row->value.data,
                                    .bytes = row->value.len};
        r = judgement_put(db, &j, err);
    }
    return r < 0 ? r : judgements_trim(db, err);
}

int model_whys_save(struct model_whys *w, struct store *store, struct err *err) {
    struct saving s = {.w = w, .rows = mem_alloc(MODEL_WHYS_MAX * sizeof *s.rows)};
    AUTO_FREE struct model_why *why = mem_alloc(sizeof *why);
    int r = s.rows && why ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    (void)pthread_mutex_lock(&w->saving);
    (void)pthread_mutex_lock(&w->lock);
    s.erasures = w->erasures;
    (void)pthread_mutex_unlock(&w->lock);
    if (r == 0)
        gather(&s, why);
    if (r == 0 && s.count)
        r = store_write(store, NULL, write_rows, &s, NULL, NULL, err);
    (void)pthread_mutex_unlock(&w->saving);
    int count = (int)s.count;
    for (size_t i = 0; i < s.count; i++)
        row_done(&s.rows[i]);
    mem_free(s.rows);
    return r < 0 ? r : count;
}

void model_whys_drop(struct model_whys *w, const char *workspace) {
    (void)pthread_mutex_lock(&w->lock);
    w->erasures++;
    for (size_t i = 0; w->all && i < MODEL_WHYS_MAX; i++) {
        struct model_why *why = &w->all[i];
        if (workspace && (!why->workspace || strcmp(why->workspace, workspace) != 0))
            continue;
        mem_free(why->workspace);
        *why = (struct model_why){.number = 0};
    }
    (void)pthread_mutex_unlock(&w->lock);
}

// --- as JSON

static const char *const stages[] = {"asked", "free", "instead", "kept"};
static const char *const verdicts[] = {"", "good", "bad"};
static const char *const edits[] = {"", "applied", "failed"};
static const char *const states[] = {"open", "ok", "failed", "cancelled"};

static json_t *candidate_json(const struct model_why *why, size_t i) {
    const struct model_why_candidate *c = &why->of[i];
    json_t *one = json_pack("{ss ss sf sf sI ss ss sb}", "backend", c->backend, "model", c->model,
                            "usd", c->usd, "usd_to_solved", c->solved, "cached",
                            (json_int_t)c->cached, "state", route_state_name(c->state), "reason",
                            route_reason_text(c->reason), "chosen", i == why->chosen);
    if (one && why->looked)
        (void)json_object_update_new(
            one, json_pack("{sf sI}", "likely", c->likely, "learned", (json_int_t)c->learned));
    return one;
}

static json_t *tries_json(const struct model_why *why) {
    json_t *list = json_array();
    for (size_t i = 0; i < why->tries && i < MODEL_WHY_TRIES_MAX; i++) {
        const struct model_why_try *t = &why->tried[i];
        (void)json_array_append_new(
            list, json_pack("{ss ss ss}", "backend", t->backend, "model", t->model, "ended",
                            !t->over                       ? "open"
                            : t->fault == ROUTE_FAULT_NONE ? "ok"
                                                           : route_fault_name(t->fault)));
    }
    return list;
}

static json_t *checks_json(const struct model_why *why) {
    static const char *const results[] = {"passed", "failed", "not run"};
    json_t *list = json_array();
    for (size_t i = 0; i < why->check_count; i++) {
        const struct model_why_check *c = &why->checks[i];
        (void)json_array_append_new(list, json_pack("{ss ss ss ss sI}", "name", c->name, "kind",
                                                    c->kind, "result", results[c->result], "note",
                                                    c->note, "ms", (json_int_t)c->ms));
    }
    return list;
}

static json_t *brief_json(const struct model_whys *w, const struct model_why *why) {
    char id[MODEL_WHY_ID_BYTES];
    const struct model_why_try *last =
        why->tries
            ? &why->tried[(why->tries < MODEL_WHY_TRIES_MAX ? why->tries : MODEL_WHY_TRIES_MAX) - 1]
            : NULL;
    const char *reason =
        why->chosen < why->shown ? route_reason_text(why->of[why->chosen].reason) : "";
    model_whys_id(w, why->number, id);
    return json_pack("{ss sI sI ss ss ss ss ss ss ss ss sI sI}", "id", id, "time_ms",
                     (json_int_t)why->at_ms, "kept_ms", (json_int_t)why->kept_ms, "asked",
                     why->asked, "origin", why->looked ? route_origin_name(why->origin) : "",
                     "backend", last ? last->backend : "", "model", last ? last->model : "",
                     "reason", reason, "status", states[why->status], "verdict",
                     verdicts[why->verdict], "fault",
                     why->status == MODEL_WHY_FAILED ? route_fault_name(why->fault) : "",
                     "cost_microusd", (json_int_t)why->cost, "took_ms", (json_int_t)why->took_ms);
}

json_t *model_why_json(const struct model_whys *w, const struct model_why *why) {
    json_t *one = brief_json(w, why), *candidates = json_array();
    for (size_t i = 0; i < why->shown; i++)
        (void)json_array_append_new(candidates, candidate_json(why, i));
    json_t *more = json_pack(
        "{ss ss ss ss ss sf sf sf sI sI so sI so s{sI sI sI sI}}", "purpose", why->purpose, "agent",
        why->agent, "edit", edits[why->edit], "stage", stages[why->stage], "origin_why",
        why->looked && why->origin_why ? why->origin_why : "", "floor", why->floor, "budget_left",
        why->budget_left, "stay_turns", why->stay_turns, "prompt", (json_int_t)why->prompt,
        "stable_bytes", (json_int_t)why->stable, "tries", tries_json(why), "not_shown",
        (json_int_t)(why->candidates - why->shown), "candidates", candidates, "tokens", "input",
        (json_int_t)why->input, "cached", (json_int_t)why->cached, "cache_write",
        (json_int_t)why->written, "output", (json_int_t)why->output);
    if (more && why->cascade) {
        (void)json_object_set_new(more, "cascade", json_integer(why->cascade));
        (void)json_object_set_new(more, "checks", checks_json(why));
    }
    if (!one || !more || json_object_update_missing(one, more) < 0) {
        json_decref(one);
        one = NULL;
    }
    json_decref(more);
    return one;
}

static uint64_t number_of(const struct model_whys *w, const char *id) {
    unsigned base, number;
    char end;
    if (!*id || strcmp(id, "last") == 0)
        return w->last;
    int n = 0; // a kept answer's route says so behind the number
    bool kept = sscanf(id, "%8x-%9u-cache%n", &base, &number, &n) == 2 && n && !id[n];
    return (kept || sscanf(id, "%8x-%9u%c", &base, &number, &end) == 2) && base == w->base ? number
                                                                                           : 0;
}

bool model_whys_checked(struct model_whys *w, const char *id, const struct model_why_check *checks,
                        size_t n) {
    (void)pthread_mutex_lock(&w->lock);
    uint64_t number = number_of(w, id);
    struct model_why *why = w->all && number ? &w->all[number % MODEL_WHYS_MAX] : NULL;
    bool there = why && why->number == number;
    for (size_t i = 0; there && i < n && i < MODEL_WHY_CHECKS_MAX; i++) {
        why->checks[i] = checks[i];
        why->check_count = i + 1;
    }
    if (there)
        why->unsaved = true;
    (void)pthread_mutex_unlock(&w->lock);
    return there;
}

int model_whys_one(struct model_whys *w, const char *id, json_t **ret, struct err *err) {
    (void)pthread_mutex_lock(&w->lock);
    uint64_t number = number_of(w, id);
    const struct model_why *why = w->all && number ? &w->all[number % MODEL_WHYS_MAX] : NULL;
    bool there = why && why->number == number;
    *ret = there ? model_why_json(w, why) : NULL;
    (void)pthread_mutex_unlock(&w->lock);
    if (!there)
        return err_set(err, ERR_NOT_FOUND,
                       !*id || strcmp(id, "last") == 0
                           ? "this engine has sent no request to a model yet"
                           : "no such request: the latest %d of the running engine are known",
                       MODEL_WHYS_MAX);
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int judge(struct model_whys *w, struct model_why *why, enum model_opinion verdict,
                 struct err *err) {
    if (why && (why->status != MODEL_WHY_OK || !why->tries))
        return err_set(err, ERR_INVAL, "that request has no whole answer to be judged");
    if (why && !why->looked && why->check_count) { // the checks learn from it all the same
        why->verdict = verdict;
        why->unsaved = true;
        return 0;
    }
    if (why && !why->looked)
        return err_set(err, ERR_INVAL,
                       why->kept_ms
                           ? "that answer came from the cache: nothing can be learned from it"
                           : "there was no choice between models: nothing can be learned from "
                             "that one");
    struct model_opinion_letter *letter = mem_alloc(sizeof *letter);
    if (!letter)
        return err_set(err, ERR_NOMEM, "out of memory");
    *letter = (struct model_opinion_letter){why ? why->number : 0, verdict};
    int r = w->verdicts ? mailbox_post(w->verdicts, letter) : ERR_CLOSED;
    if (r == ERR_CLOSED && !why) { // nobody knows anything
        mem_free(letter);
        return 0;
    }
    if (r < 0) {
        mem_free(letter);
        return err_set(err, ERR_BUSY, "the router cannot be told just now; try again");
    }
    if (why) {
        why->verdict = verdict;
        why->unsaved = true;
    }
    return 0;
}

int model_whys_judge(struct model_whys *w, const char *id, enum model_opinion verdict,
                     struct model_judged *ret, struct err *err) {
    *ret = (struct model_judged){0};
    (void)pthread_mutex_lock(&w->lock);
    bool all = verdict >= MODEL_OPINION_FORGET;
    uint64_t number = all ? 0 : number_of(w, id);
    struct model_why *why = w->all && number ? &w->all[number % MODEL_WHYS_MAX] : NULL;
    int r;
    if (!all && (!why || why->number != number)) {
        r = err_set(err, ERR_NOT_FOUND,
                    "no such request: the latest %d of the running engine are known",
                    MODEL_WHYS_MAX);
    } else {
        ret->drop = why && why->kept && verdict == MODEL_OPINION_BAD;
        ret->learned = !ret->drop || why->looked;
        r = ret->learned ? judge(w, why, verdict, err) : 0;
        if (r == 0 && why && ret->drop) {
            memcpy(ret->key, why->kept_key, sizeof ret->key);
            why->verdict = verdict;
            why->unsaved = true;
        }
        if (r == 0 && why && !why->looked)
            ret->learned = false;
        if (r == 0 && why)
            model_whys_id(w, number, ret->id);
        if (r == 0 && why)
            (void)snprintf(ret->model, sizeof ret->model, "%s", why->tried[why->tries - 1].model);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return r;
}

void model_whys_link(struct model_whys *w, struct mailbox *to) {
    (void)pthread_mutex_lock(&w->lock);
    w->verdicts = to;
    (void)pthread_mutex_unlock(&w->lock);
}

json_t *model_whys_list(struct model_whys *w, size_t limit) {
    json_t *list = json_array();
    (void)pthread_mutex_lock(&w->lock);
    for (uint64_t n = w->last;
         w->all && n > 0 && w->last - n < MODEL_WHYS_MAX && json_array_size(list) < limit; n--) {
        const struct model_why *why = &w->all[n % MODEL_WHYS_MAX];
        if (why->number == n && json_array_append_new(list, brief_json(w, why)) < 0)
            break;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return list;
}
