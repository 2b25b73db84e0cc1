// A patch instead of words: what a model proposes is judged (server/proof.h), and where it fails
// the next one is asked, with what failed, in the order that is expected to cost least to a solved
// task (core/route/route_cascade.h). Nothing is written into the user's tree: the patch is shown,
// and git applies it when its reader wants so.
#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/store/backends.h"
#include "core/store/check_rates.h"
#include "server/cap_models.h"
#include "server/models_impl.h"
#include "server/proof.h"
#include "server/team_impl.h"

#include <stdio.h>
#include <string.h>

enum { SECRETS_MAX = BACKENDS_MAX, TOLD_BYTES = 6 * 1024 };

const char team_patch_rules[] =
    "\nWhat is wanted is a patch. When you have seen what you need, answer with a few words on "
    "what "
    "it does and one block that begins with ```diff: a unified diff with --- a/PATH and +++ b/PATH "
    "before each file, paths from the folder of the repository, and at least three unchanged lines "
    "around each change, letter for letter as the tools showed them (without their numbers). "
    "Change "
    "nothing that the task does not need. The patch is tried by programs; it is not applied unless "
    "the developer does so.";

struct stage {
    char backend[65], model[129], route[32];
    int64_t cost;
    bool passed;
    struct proof proof;
};
struct team_patch {
    struct conf_checks *checks;
    struct backend_list backends;
    const char *secrets[SECRETS_MAX + 1];
    struct stage stages[MODEL_STAGES_MAX];
    size_t count;
    int64_t paid; // of earlier stages
};

void team_patch_free(struct team_patch *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        proof_done(&p->stages[i].proof);
    conf_checks_free(p->checks);
    backend_list_done(&p->backends);
    mem_free(p);
}

// --- before the first stage

struct trust {
    const char *names[PROOF_CHECKS_MAX];
    struct route_check of[PROOF_CHECKS_MAX];
    size_t count;
};

static int add_rate(void *ctx, const struct check_rate *r, struct err *err) {
    struct trust *t = ctx;
    (void)err;
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->names[i], r->name) == 0) {
            t->of[i].right_passed += r->right_passed;
            t->of[i].right_failed += r->right_failed;
            t->of[i].wrong_passed += r->wrong_passed;
            t->of[i].wrong_failed += r->wrong_failed;
        }
    return 0;
}

static void trust(struct trust *t, const char *name, enum route_check_kind kind) {
    t->names[t->count] = name;
    t->of[t->count++] = route_check_prior(kind);
}

// How far the checks are trusted: what is thought of their kinds, and what verdicts have shown.
static int expect(struct team *t, struct db *db, struct err *err) {
    struct trust known = {.count = 0};
    const struct conf_checks *checks = t->patch->checks;
    trust(&known, "patch", ROUTE_CHECK_PATCH);
    trust(&known, "parse", ROUTE_CHECK_LINT);
    for (size_t i = 0; i < checks->count; i++)
        if (conf_check_is_for(&checks->items[i], t->call->caller->workspace))
            trust(&known, checks->items[i].name, models_check_kind(checks->items[i].kind));
    int r = check_rates_each(db, t->call->caller->workspace, add_rate, &known, err);
    route_check_joint(known.of, known.count, &t->cascade.accepts, &t->cascade.rejects);
    return r;
}

static int read_store(struct team *t, struct team_patch *p, struct err *err) {
    struct db *db;
    struct store *s = t->call->services->store(t->call->services, err);
    int r = s ? store_reader_get(s, &db, err) : ERR_IO;
    if (r < 0)
        return r;
    r = backend_list(db, &p->backends, err);
    if (r == 0)
        r = expect(t, db, err);
    store_reader_put(s, db);
    size_t n = 0;
    for (size_t i = 0; r == 0 && i < p->backends.count && n < SECRETS_MAX; i++)
        if (p->backends.items[i].key_env[0])
            p->secrets[n++] = p->backends.items[i].key_env;
    return r;
}

int team_patch_new(struct team *t, struct err *err) {
    struct team_patch *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->patch = p;
    int r = conf_checks_new(conf_string(t->call->services->conf, "models.checks"), &p->checks, err);
    if (r == 0)
        r = read_store(t, p, err);
    if (r < 0)
        return r;
    t->cascade.stage = 1;
    return 0;
}

// --- judging

static bool gone(void *ctx) {
    const struct team *t = ctx;
    return job_cancelled(t->call->job);
}

static void tell(void *ctx, const char *what) {
    struct team *t = ctx;
    char line[64];
    (void)snprintf(line, sizeof line, "checking the patch: %s", what);
    call_progress(t->call, ++t->ticks, -1, line);
}

static int prove(struct team *t, struct stage *s, struct err *err) {
    struct workspace *ws = NULL;
    struct snapshot *files = NULL;
    const struct index_want want = {.tier = TIER_LEXICAL, .cancelled = gone, .ctx = t};
    int r = workspaces_get(t->call->services->workspaces, t->call->caller->workspace, &ws, err);
    if (r == 0)
        r = index_get(workspace_index(ws), &want, &files, err);
    if (r == 0) {
        const struct proof_want proof = {
            .workspace = ws,
            .snapshot = files,
            .checks = t->patch->checks,
            .cache = t->call->services->dirs->cache,
            .isolation = conf_string(t->call->services->conf, "models.checks_isolation"),
            .hidden = {t->call->services->dirs->state, t->call->services->dirs->config,
                       t->call->services->dirs->runtime},
            .secrets = t->patch->secrets,
            .cancelled = gone,
            .ctx = t,
            .progress = tell};
        tell(t, "does it apply");
        r = proof_make(&proof, t->reply.text.data ? t->reply.text.data : "", t->reply.text.len,
                       &s->proof, err);
    }
    snapshot_put(files);
    workspace_put(ws);
    return r;
}

struct ran {
    const char *workspace;
    const struct stage *stage;
    int64_t now_ms;
};

static int write_ran(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct ran *ran = ctx;
    const struct proof *p = &ran->stage->proof;
    int r = 0;
    (void)result;
    for (size_t i = 0; r >= 0 && i < p->count; i++) {
        const struct check_rate rate = {.workspace = ran->workspace,
                                        .name = p->of[i].name,
                                        .model = ran->stage->model,
                                        .kind = route_check_name(p->of[i].kind)};
        if (p->of[i].result != PROOF_NOT_RUN)
            r = check_rates_ran(db, &rate, p->of[i].result == PROOF_PASSED, ran->now_ms, err);
    }
    return r < 0 ? r : 0;
}

static void note(struct team *t, const struct stage *s) {
    struct model_why_check checks[PROOF_CHECKS_MAX];
    for (size_t i = 0; i < s->proof.count; i++) {
        const struct proof_outcome *o = &s->proof.of[i];
        checks[i] = (struct model_why_check){.result = (int)o->result, .ms = o->ms};
        (void)snprintf(checks[i].name, sizeof checks[i].name, "%s", o->name);
        (void)snprintf(checks[i].kind, sizeof checks[i].kind, "%s", route_check_name(o->kind));
        (void)snprintf(checks[i].note, sizeof checks[i].note, "%.159s", o->note);
    }
    (void)model_whys_checked(t->call->services->whys, s->route, checks, s->proof.count);
    struct store *store = t->call->services->store(t->call->services, NULL);
    const struct ran ran = {t->call->caller->workspace, s, t->call->now_ms};
    if (store) {
        (void)model_whys_save(t->call->services->whys, store, NULL);
        (void)store_write(store, NULL, write_ran, (void *)(uintptr_t)&ran, NULL, NULL, NULL);
    }
}

// What failed, as data for who is asked next.
static int tell_next(struct team *t, const struct stage *s, struct err *err) {
    AUTO_BUF said = BUF_INIT(4 * TOLD_BYTES);
    AUTO_BUF text = BUF_INIT(16 * TOLD_BYTES);
    for (size_t i = 0; i < s->proof.count; i++) {
        const struct proof_outcome *o = &s->proof.of[i];
        if (o->result != PROOF_FAILED)
            continue;
        (void)buf_printf(&said, "%s failed: %s\n", o->name, o->note);
        if (o->isolated)
            (void)buf_puts(&said, "(it runs without a network, and can write the copy alone)\n");
        size_t n = o->output.len, from = n > TOLD_BYTES ? n - TOLD_BYTES : 0;
        (void)buf_append(&said, o->output.data ? o->output.data + from : "", n - from);
    }
    (void)buf_puts(&text, "That patch was tried on a copy of the files, and does not hold. The "
                          "files are as they were before. This is what the checks said:\n");
    team_put_data("checks", said.data ? said.data : "", said.len, &text);
    (void)buf_puts(&text, "\nGive a whole new patch that passes them.");
    return text.failed || said.failed ? err_set(err, ERR_NOMEM, "out of memory")
                                      : team_talk_more(t, text.data, text.len, err);
}

// Another one is asked: not the same a third time.
static bool may_go_on(const struct team *t) {
    const struct team_patch *p = t->patch;
    const struct stage *last = &p->stages[p->count - 1];
    unsigned same = 0;
    for (size_t i = 0; i < p->count; i++)
        same += strcmp(p->stages[i].backend, last->backend) == 0 &&
                strcmp(p->stages[i].model, last->model) == 0;
    return p->count < MODEL_STAGES_MAX && same < 2;
}

int team_patch_judge(struct team *t, struct err *err) {
    struct team_patch *p = t->patch;
    uint64_t begun = env_now_mono_ns();
    struct stage *s = &p->stages[p->count++];
    *s = (struct stage){.cost = t->budget.cost - p->paid};
    (void)snprintf(s->backend, sizeof s->backend, "%s", t->backend);
    (void)snprintf(s->model, sizeof s->model, "%s", t->model);
    (void)snprintf(s->route, sizeof s->route, "%s", t->route);
    p->paid = t->budget.cost;
    int r = prove(t, s, err);
    if (r < 0)
        return r;
    t->budget.until_ns += env_now_mono_ns() - begun; // ask.seconds are the model's
    s->passed = proof_passed(&s->proof);
    note(t, s);
    if (s->passed || !may_go_on(t))
        return 0;
    t->cascade.failed[t->cascade.failed_count++] = t->cascade.arm;
    t->cascade.arm = 0;
    t->cascade.stage++;
    r = tell_next(t, s, err);
    return r < 0 ? r : 1;
}

// --- the answer

// The one that passed, or else the last one that at least applies; NULL.
static const struct stage *best(const struct team_patch *p) {
    const struct stage *found = NULL;
    for (size_t i = 0; i < p->count; i++)
        if (p->stages[i].proof.patch.len)
            found = &p->stages[i];
    return found;
}

size_t team_patch_stages(const struct team *t) {
    return t->patch->count;
}

const struct buf *team_patch_prose(const struct team *t) {
    const struct team_patch *p = t->patch;
    const struct stage *s = p->count ? &p->stages[p->count - 1] : NULL;
    return s ? &s->proof.prose : &t->reply.text;
}

static unsigned left_out(const struct stage *s) {
    unsigned n = 0;
    for (size_t i = 0; i < s->proof.count; i++)
        n += s->proof.of[i].result == PROOF_NOT_RUN;
    return n;
}

// Where a command was not isolated, and where one that was may have failed of that.
static void put_isolation(const struct stage *s, struct buf *out) {
    const struct proof_outcome *open = NULL, *fenced = NULL;
    for (size_t i = 0; i < s->proof.count; i++) {
        const struct proof_outcome *o = &s->proof.of[i];
        open = o->open[0] ? o : open;
        fenced = o->isolated && o->result == PROOF_FAILED ? o : fenced;
    }
    if (open)
        (void)buf_printf(out,
                         "  NOT ISOLATED: this system does not allow it (%s). What the patch "
                         "holds was run with all your rights (models.checks_isolation).\n",
                         open->open);
    if (fenced)
        (void)buf_printf(out,
                         "  %s ran without network, and could write nothing outside of the "
                         "copy (models.checks_isolation).\n",
                         fenced->name);
}

static void put_stage(const struct stage *s, size_t number, struct buf *out) {
    (void)buf_printf(out, "Stage %zu, %s (%s), $%.4f:", number, s->backend, s->model,
                     (double)s->cost / 1e6);
    for (size_t i = 0; i < s->proof.count; i++) {
        const struct proof_outcome *o = &s->proof.of[i];
        (void)buf_printf(out, "%s %s %s", i ? ";" : "", o->name, proof_result_name(o->result));
        if (o->note[0])
            (void)buf_printf(out, " (%s)", o->note);
    }
    (void)buf_puts(out, ".\n");
    put_isolation(s, out);
}

void team_patch_put(const struct team *t, struct buf *checks, struct buf *patch) {
    const struct team_patch *p = t->patch;
    const struct stage *s = best(p);
    (void)buf_putc(checks, '\n');
    for (size_t i = 0; i < p->count; i++)
        put_stage(&p->stages[i], i + 1, checks);
    if (!s)
        (void)buf_puts(checks, "There is no patch that applies.\n");
    else if (s->passed && left_out(s))
        (void)buf_printf(checks,
                         "%u of its %zu checks could not be run, the others passed. Nothing was "
                         "changed; this is the patch, for git apply.\n",
                         left_out(s), s->proof.count);
    else if (s->passed)
        (void)buf_puts(checks, "Every check passed. Nothing was changed; this is the patch, for "
                               "git apply.\n");
    else
        (void)buf_puts(checks, "No patch passed every check. Nothing was changed; this is the last "
                               "one that applies.\n");
    if (s)
        (void)buf_append(patch, s->proof.patch.data, s->proof.patch.len);
}

static json_t *stage_json(const struct stage *s) {
    json_t *checks = json_array();
    for (size_t i = 0; i < s->proof.count; i++) {
        const struct proof_outcome *o = &s->proof.of[i];
        AUTO_BUF output = BUF_INIT(8 * PROOF_OUTPUT_BYTES); // may be no UTF-8
        (void)buf_put_json_string(&output, o->output.data ? o->output.data : "", o->output.len);
        json_t *said = json_loadb(output.data ? output.data : "", output.len,
                                  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        (void)json_array_append_new(
            checks, json_pack("{s:s, s:s, s:s, s:I, s:b, s:o*}", "name", o->name, "result",
                              proof_result_name(o->result), "note", o->note, "ms",
                              (json_int_t)o->ms, "isolated", o->isolated, "output", said));
    }
    return json_pack("{s:s, s:s, s:s, s:f, s:b, s:o}", "backend", s->backend, "model", s->model,
                     "why", s->route, "cost_usd", (double)s->cost / 1e6, "passed", s->passed,
                     "checks", checks);
}

void team_patch_json(const struct team *t, json_t *answer) {
    const struct team_patch *p = t->patch;
    const struct stage *s = best(p);
    json_t *stages = json_array();
    for (size_t i = 0; i < p->count; i++)
        (void)json_array_append_new(stages, stage_json(&p->stages[i]));
    (void)json_object_set_new(answer, "stages", stages);
    (void)json_object_set_new(answer, "passed", json_boolean(s && s->passed && !left_out(s)));
    if (s)
        (void)json_object_set_new(answer, "patch",
                                  json_stringn(s->proof.patch.data, s->proof.patch.len));
}
