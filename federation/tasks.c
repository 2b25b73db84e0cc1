// The table of tasks, and what both sides of it share.
#include "federation/tasks.h"

#include "core/base/mem.h"
#include "federation/tasks_impl.h"

#include <assert.h>
#include <string.h>

static const char *const mode_names[TASKS_MODES] = {"ask", "always", "never", "quota"};
const char *tasks_mode_name(enum tasks_mode m) {
    return mode_names[m];
}

uint64_t tasks_now(const struct tasks *t) {
    return env_mono_ns(t->c.env) / 1000000;
}
bool task_open(const struct task *k) {
    return !a2a_state_terminal(k->state);
}

bool tasks_copy(char *to, size_t room, const char *from, size_t n) {
    bool fits = n < room;
    n = fits ? n : room - 1;
    while (!fits && n && ((unsigned char)from[n] & 0xC0) == 0x80) // not within a character
        n--;
    memcpy(to, from, n);
    to[n] = '\0';
    return fits;
}

void tasks_view_of(const struct task *k, struct tasks_view *ret) {
    *ret = (struct tasks_view){.ours = k->ours,
                               .id = k->id,
                               .agent = k->agent,
                               .skill = k->skill,
                               .device = k->device,
                               .identity = k->identity,
                               .state = k->state,
                               .text = k->text,
                               .done = k->done,
                               .total = k->total,
                               .made_ms = k->made_ms,
                               .changed_ms = k->changed_ms,
                               .bytes = k->bytes,
                               .sent = k->sent,
                               .message = k->message,
                               .result = k->ours ? k->result : NULL};
}

static void keep(struct tasks *t, const struct task *k) {
    if (!t->c.ops->keep)
        return;
    struct tasks_row row = {.ours = k->ours,
                            .state = k->state,
                            .made_ms = k->made_ms,
                            .changed_ms = k->changed_ms,
                            .cancel = k->cancel};
    memcpy(row.id, k->id, sizeof row.id);
    memcpy(row.device, k->device, sizeof row.device);
    memcpy(row.identity, k->identity, sizeof row.identity);
    memcpy(row.request, k->request, sizeof row.request);
    memcpy(row.agent, k->agent, sizeof row.agent);
    memcpy(row.skill, k->skill, sizeof row.skill);
    memcpy(row.text, k->text, sizeof row.text);
    t->c.ops->keep(t->c.ctx, &row);
}

void tasks_say(struct tasks *t, const struct task *k) {
    struct tasks_view v;
    keep(t, k);
    tasks_view_of(k, &v);
    if (t->c.ops->changed)
        t->c.ops->changed(t->c.ctx, &v);
}

bool tasks_move(struct tasks *t, struct task *k, enum a2a_state to, const char *text) {
    if (!a2a_state_may((int)k->state, to))
        return false;
    k->state = to;
    (void)tasks_copy(k->text, sizeof k->text, text ? text : "", text ? strlen(text) : 0);
    k->changed_ms = env_wall_ms(t->c.env);
    if (!task_open(k)) {
        json_decref(k->message);
        json_decref(k->reply);
        k->message = k->reply = NULL;
        k->ends_ms = tasks_now(t) + TASKS_KEPT_MS;
        k->fetch = false;
    }
    return true;
}

// --- the table ---------------------------------------------------------------------------------

struct task *tasks_find(const struct tasks *t, bool ours, const char *id, const uint8_t *device) {
    struct task *k = t->first;
    while (k && !(k->ours == ours && strcmp(k->id, id) == 0 &&
                  (!device || memcmp(k->device, device, sizeof k->device) == 0)))
        k = k->next;
    return k;
}

struct task *tasks_make(struct tasks *t, bool ours, const char *id, const uint8_t *device,
                        struct err *err) {
    struct task *k = mem_zalloc(sizeof *k);
    if (!k) {
        (void)err_set(err, ERR_NOMEM, "out of memory");
        return NULL;
    }
    k->ours = ours;
    (void)tasks_copy(k->id, sizeof k->id, id, strlen(id));
    memcpy(k->device, device, sizeof k->device);
    k->made_ms = k->changed_ms = env_wall_ms(t->c.env);
    k->order = ++t->order;
    k->next = t->first;
    t->first = k;
    return k;
}

static void task_free(struct task *k) {
    json_decref(k->message);
    json_decref(k->reply);
    json_decref(k->result);
    mem_free(k);
}

void tasks_remove(struct tasks *t, struct task *k) {
    struct task **at = &t->first;
    assert(!k->job && !k->calls);
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    if (t->c.ops->forget)
        t->c.ops->forget(t->c.ctx, k->ours, k->id, k->device);
    task_free(k);
}

int tasks_each(struct tasks *t, tasks_fn *fn, void *ctx) {
    int r = 0;
    for (struct task *k = t->first; k && r == 0; k = k->next) {
        struct tasks_view v;
        tasks_view_of(k, &v);
        r = fn(ctx, &v);
    }
    return r;
}

// --- time --------------------------------------------------------------------------------------

static void on_tick(void *ctx) {
    struct tasks *t = ctx;
    t->tick = NULL;
    for (struct task *k = t->first, *next; k; k = next) {
        next = k->next;
        if (!task_open(k) && !k->job && !k->calls && tasks_now(t) >= k->ends_ms)
            tasks_remove(t, k);
        else if (k->ours)
            ask_tick(t, k);
        else
            serve_tick(t, k);
    }
    serve_pump(t);
    tasks_arm(t);
}

void tasks_arm(struct tasks *t) {
    bool open = false;
    for (struct task *k = t->first; k && !open; k = k->next)
        open = task_open(k);
    if (open && !t->tick)
        t->tick = env_timer_start(t->c.env, TASKS_TICK_MS, on_tick, t);
}

// --- from outside ------------------------------------------------------------------------------

int tasks_cancel(struct tasks *t, const char *id, struct err *err) {
    struct task *k = tasks_find(t, true, id, NULL);
    if (!k)
        k = tasks_find(t, false, id, NULL);
    if (!k)
        return err_set(err, ERR_NOT_FOUND, "no such task: paired tasks");
    if (!task_open(k))
        return err_set(err, ERR_INVAL, "the task has ended: %s", a2a_state_word(k->state));
    if (!k->ours) {
        serve_end(t, k, A2A_FAILED, "its user stopped it");
        serve_pump(t);
        return 0;
    }
    struct node_session *s = t->node ? node_session_find(t->node, k->device) : NULL;
    bool there = k->sent || k->calls;
    k->cancel = there;
    if (!there || !s) // nobody answers for it: it is over here, and the friend hears of it later
        (void)tasks_move(t, k, A2A_CANCELED, there ? "the friend will be told" : "");
    tasks_say(t, k);
    ask_pump(t, k);
    return 0;
}

void tasks_rules_changed(struct tasks *t) {
    for (struct task *k = t->first, *next; k; k = next) {
        next = k->next;
        if (task_open(k))
            (k->ours ? ask_rules : serve_rules)(t, k);
    }
    serve_pump(t);
    tasks_arm(t);
}

// --- the node's service ------------------------------------------------------------------------

static void on_up(void *ctx, struct node_session *s) {
    struct tasks *t = ctx;
    t->node = node_session_node(s);
    for (struct task *k = t->first; k; k = k->next)
        if (k->ours && memcmp(k->device, node_session_key(s), sizeof k->device) == 0) {
            k->retry_ms = 0;
            k->fetch |= k->sent && task_open(k);
            ask_pump(t, k);
        }
}

struct node_service tasks_service(struct tasks *t) {
    static const struct node_method methods[] = {
        {"task.send", serve_send, false},     {"task.get", serve_get, false},
        {"task.cancel", serve_cancel, false}, {"task.cards", serve_cards, false},
        {"task.update", ask_update, false},   {0},
    };
    return (struct node_service){.methods = methods, .up = on_up, .ctx = t};
}

void tasks_attach(struct tasks *t, struct node *node) {
    t->node = node;
}

// --- life --------------------------------------------------------------------------------------

static const char restarted_here[] = "this engine was restarted while it was under way: ask again";
static const char restarted_there[] =
    "the engine that served it was restarted while it was under way: ask again";

static int restore_row(void *arg, const struct tasks_row *r) {
    struct tasks *t = arg;
    struct task *k = tasks_make(t, r->ours, r->id, r->device, NULL);
    if (!k)
        return ERR_NOMEM;
    memcpy(k->identity, r->identity, sizeof k->identity);
    memcpy(k->request, r->request, sizeof k->request);
    memcpy(k->last, r->request, sizeof k->last);
    memcpy(k->agent, r->agent, sizeof k->agent);
    memcpy(k->skill, r->skill, sizeof k->skill);
    memcpy(k->text, r->text, sizeof k->text);
    k->made_ms = r->made_ms;
    k->changed_ms = r->changed_ms;
    k->state = r->state;
    k->cancel = r->cancel;
    k->ends_ms = tasks_now(t) + TASKS_KEPT_MS;
    if (task_open(k)) {
        k->cancel |= r->ours; // nobody waits for it any more
        (void)tasks_move(t, k, A2A_FAILED, r->ours ? restarted_here : restarted_there);
        keep(t, k);
    }
    return r->ours ? 0 : serve_restored(t, k);
}

static int restore_usage(void *arg, const struct tasks_usage *u) {
    struct tasks *t = arg;
    if (t->accounts_n == TASKS_ACCOUNTS_MAX)
        return 0;
    int r = mem_grow((void **)&t->accounts, t->accounts_n, &t->accounts_max, sizeof *t->accounts,
                     TASKS_ACCOUNTS_MAX);
    if (r == 0)
        t->accounts[t->accounts_n++] = (struct account){.use = *u};
    return r;
}

int tasks_new(const struct tasks_config *config, struct tasks **ret, struct err *err) {
    struct tasks *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->c = *config;
    int r = t->c.ops->restore ? t->c.ops->restore(t->c.ctx, restore_row, restore_usage, t) : 0;
    if (r < 0) {
        tasks_free(t);
        return err_set(err, r, "the tasks of before cannot be read");
    }
    *ret = t;
    return 0;
}

void tasks_free(struct tasks *t) {
    if (!t)
        return;
    env_timer_cancel(t->c.env, t->tick);
    for (struct task *k = t->first, *next; k; k = next) {
        next = k->next;
        task_free(k);
    }
    mem_free(t->accounts);
    mem_free(t);
}

void tasks_stats(const struct tasks *t, struct tasks_stats *ret) {
    *ret = (struct tasks_stats){
        .running = t->running, .accounts = t->accounts_n, .refused = t->refused};
    for (const struct task *k = t->first; k; k = k->next) {
        ret->asked += k->ours;
        ret->served += !k->ours && task_open(k);
        ret->waiting += !k->ours && a2a_state_waits(k->state);
        ret->kept += !k->ours && !task_open(k);
        ret->bytes += k->message ? k->bytes : 0;
        ret->bytes += k->result ? k->result_bytes : 0;
    }
}

void tasks_check(const struct tasks *t) {
    struct tasks_stats s;
    unsigned running = 0;
    tasks_stats(t, &s);
    for (const struct task *k = t->first; k; k = k->next) {
        running += k->job != 0;
        assert(task_open(k) || !k->message);
        assert(k->ours || k->state != A2A_WORKING || k->job);
    }
    assert(running == t->running && running <= TASKS_RUNNING_MAX);
    assert(s.served <= TASKS_SERVED_MAX && s.kept <= TASKS_KEPT_MAX + TASKS_SERVED_MAX);
    assert(s.asked <= TASKS_ASKED_MAX);
    assert(!s.served || t->tick);
}
