// What we ask of friends: sent when they are there, said again after a lost answer (the id makes it
// one task), fetched when it has ended.
#include "federation/tasks_impl.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

// The answer of a call of one task. It stays in the table while a call is under way.
struct reply {
    struct tasks *t;
    struct task *k;
};

static void lost(struct tasks *t, struct task *k, const char *why) {
    if (tasks_move(t, k, A2A_FAILED, why))
        tasks_say(t, k);
}

static int call(struct tasks *t, struct task *k, const char *method, json_t *params,
                rpc_answer_fn *fn) {
    struct node_session *s = t->node ? node_session_find(t->node, k->device) : NULL;
    struct reply *reply = s && params ? mem_alloc(sizeof *reply) : NULL;
    if (!reply) {
        json_decref(params);
        return s ? ERR_NOMEM : ERR_CLOSED;
    }
    *reply = (struct reply){t, k};
    k->calls++;
    struct err err = {0};
    int64_t n = link_call(node_session_link(s), method, params, TASKS_CALL_MS, fn, reply, &err);
    if (n > 0)
        return 0;
    k->calls--;
    mem_free(reply);
    if (n == ERR_LIMIT)
        lost(t, k, "the request is larger than a message may be");
    return (int)n;
}

static struct task *reply_take(void *ctx, struct tasks **ret_t) {
    struct reply *reply = ctx;
    struct task *k = reply->k;
    *ret_t = reply->t;
    k->calls--;
    mem_free(reply);
    return k;
}

// --- what comes back ---------------------------------------------------------------------------

static void state_text(const struct a2a_status *s, struct task *k) {
    const struct a2a_part *p = s->message.parts.items;
    k->text[0] = '\0';
    if (!(s->present & 1U << A2A_STATUS_MESSAGE))
        return;
    for (size_t i = 0; i < s->message.parts.count; i++)
        if (p[i].text.data) {
            (void)tasks_copy(k->text, sizeof k->text, p[i].text.data, p[i].text.len);
            break;
        }
    const json_t *ours = json_object_get(s->message.metadata, "paired");
    k->done = json_number_value(json_object_get(ours, "done"));
    k->total = json_number_value(json_object_get(ours, "total"));
}

static void follow(struct tasks *t, struct task *k, const struct a2a_status *s) {
    enum a2a_state to = (enum a2a_state)s->state;
    if (!task_open(k))
        return;
    if (a2a_state_terminal(to)) { // an end counts with its signature only
        k->fetch = true;
        return;
    }
    if (k->state == to || a2a_state_may((int)k->state, to)) {
        (void)tasks_move(t, k, to, "");
        state_text(s, k);
        tasks_say(t, k);
    }
}

static void take_task(struct tasks *t, struct task *k, const json_t *object) {
    struct err err = {0};
    struct a2a_task a;
    if (!task_open(k))
        return;
    int r = task_open_result(k, object, &a, &err);
    if (r == ERR_NOMEM) {
        k->retry_ms = tasks_now(t) + TASKS_RETRY_MS;
        return;
    }
    if (r < 0) {
        lost(t, k, err_text(&err));
        return;
    }
    enum a2a_state to = (enum a2a_state)a.status.state;
    if (!a2a_state_terminal(to)) {
        follow(t, k, &a.status);
    } else {
        // The friend's word on the end is the last, whatever we have heard on the way.
        if (!a2a_state_may((int)k->state, to))
            k->state = A2A_SUBMITTED;
        (void)tasks_move(t, k, to, "");
        state_text(&a.status, k);
        k->result = json_deep_copy(object);
        k->cancel = false;
        tasks_say(t, k);
    }
    fields_release(a2a_task_fields, &a);
}

static int error_code(const json_t *error) {
    return (int)json_integer_value(json_object_get(error, "code"));
}

static void failed_text(struct tasks *t, struct task *k, const json_t *error) {
    const char *why = json_string_value(json_object_get(error, "message"));
    char text[TASKS_TEXT_BYTES_MAX + 1];
    (void)snprintf(text, sizeof text, "the friend's engine refused it: %.300s",
                   why ? why : "no reason given");
    lost(t, k, text);
}

static void on_sent(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct tasks *t;
    struct task *k = reply_take(ctx, &t);
    const json_t *task = json_object_get(result, "task");
    (void)err;
    if (task) {
        json_decref(k->reply);
        k->reply = NULL;
        k->sent = true;
        take_task(t, k, task);
    } else if (error && error_code(error) == NODE_ERROR_BUSY) {
        k->retry_ms = tasks_now(t) + TASKS_RETRY_MS;
        if (tasks_move(t, k, A2A_SUBMITTED, "the friend's queue is full: it is tried again"))
            tasks_say(t, k);
    } else if (error) {
        failed_text(t, k, error);
    } else { // nobody knows whether it has arrived: it is said again
        k->retry_ms = tasks_now(t) + TASKS_RETRY_MS;
    }
    ask_pump(t, k);
    tasks_arm(t);
}

static void on_fetched(void *ctx, const json_t *result, const json_t *error,
                       const struct err *err) {
    struct tasks *t;
    struct task *k = reply_take(ctx, &t);
    const json_t *task = json_object_get(result, "task");
    (void)err;
    if (task) {
        k->fetch = false;
        take_task(t, k, task);
        if (task_open(k) && k->fetch) // it says it has ended, and then not: no loop of that
            k->retry_ms = tasks_now(t) + TASKS_RETRY_MS;
    } else if (error && error_code(error) == A2A_ERROR_NOT_FOUND) {
        lost(t, k,
             "the friend's engine does not know the task any more (it was restarted): ask "
             "again");
    } else if (error) {
        failed_text(t, k, error);
    } else {
        k->fetch = true;
        k->retry_ms = tasks_now(t) + TASKS_RETRY_MS;
    }
    ask_pump(t, k);
    tasks_arm(t);
}

static void on_cancelled(void *ctx, const json_t *result, const json_t *error,
                         const struct err *err) {
    struct tasks *t;
    struct task *k = reply_take(ctx, &t);
    const json_t *task = json_object_get(result, "task");
    (void)err;
    if (task) {
        k->cancel = false;
        take_task(t, k, task);
    } else if (error) {
        k->cancel = false;
        k->fetch = task_open(k); // it had ended before: what it says is the end
    } else {
        k->retry_ms = tasks_now(t) + TASKS_RETRY_MS;
    }
    if (!task_open(k))
        tasks_say(t, k); // the friend knows now: that is kept
    ask_pump(t, k);
    tasks_arm(t);
}

// --- what goes out -----------------------------------------------------------------------------

static void send(struct tasks *t, struct task *k) {
    struct err err = {0};
    struct tasks_view v;
    json_t *message = k->reply ? k->reply : k->message;
    tasks_view_of(k, &v);
    int r = t->c.ops->granted(t->c.ctx, k->identity, true, &err);
    if (r == 0 && t->c.ops->leaving)
        r = t->c.ops->leaving(t->c.ctx, &v, &err);
    if (r == ERR_BUSY) {
        k->retry_ms = tasks_now(t) + 1;
        return;
    }
    if (r < 0) { // withdrawn between asking and sending: nothing leaves
        lost(t, k, err_text(&err));
        return;
    }
    (void)call(t, k, "task.send", json_pack("{s:O}", "message", message), on_sent);
}

// The next call that this task needs, if it needs one and none is under way.
void ask_pump(struct tasks *t, struct task *k) {
    if (k->calls || tasks_now(t) < k->retry_ms || !t->node)
        return;
    if (!node_session_find(t->node, k->device))
        return;
    if (k->cancel)
        (void)call(t, k, "task.cancel", json_pack("{s:s}", "id", k->id), on_cancelled);
    else if (task_open(k) && (!k->sent || k->reply))
        send(t, k);
    else if (task_open(k) && k->fetch)
        (void)call(t, k, "task.get", json_pack("{s:s}", "id", k->id), on_fetched);
}

void ask_tick(struct tasks *t, struct task *k) {
    if (task_open(k) && tasks_now(t) >= k->ends_ms) {
        k->cancel = k->sent || k->calls;
        lost(t, k,
             k->sent ? "no answer came in time"
                     : "the friend was not there in time: nothing was sent");
    }
    ask_pump(t, k);
}

void ask_rules(struct tasks *t, struct task *k) {
    struct err err = {0};
    int r = t->c.ops->granted(t->c.ctx, k->identity, true, &err);
    if (r == 0 || r == ERR_BUSY) {
        k->retry_ms = 0;
        ask_pump(t, k);
        return;
    }
    k->cancel = k->sent || k->calls;
    lost(t, k, err_text(&err));
    ask_pump(t, k);
}

void ask_update(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct tasks *t = ctx;
    const json_t *update = json_object_get(params, "statusUpdate");
    struct text id = {json_string_value(json_object_get(update, "taskId")),
                      json_string_length(json_object_get(update, "taskId"))};
    struct a2a_status status = {0};
    struct err err = {0};
    struct task *k = a2a_id_valid(id) ? tasks_find(t, true, id.data, node_session_key(s)) : NULL;
    t->node = node_session_node(s);
    if (!k) {
        rpc_fail(req, A2A_ERROR_NOT_FOUND, "no such task", NULL);
        return;
    }
    if (fields_decode(a2a_status_fields, json_object_get(update, "status"), &status, &err) < 0) {
        rpc_fail(req, -32602, err_text(&err), NULL);
        return;
    }
    follow(t, k, &status);
    fields_release(a2a_status_fields, &status);
    rpc_reply(req, json_object());
    ask_pump(t, k);
}

// --- from the user -----------------------------------------------------------------------------

static json_t *make_message(struct tasks *t, const struct task *k, const char *message_id,
                            json_t *parts, json_t *arguments, uint64_t deadline_ms) {
    (void)t;
    json_t *ours = json_pack("{s:s, s:s, s:I}", "agent", k->agent, "skill", k->skill, "deadlineMs",
                             (json_int_t)deadline_ms);
    if (ours && arguments && json_object_set(ours, "arguments", arguments) < 0) {
        json_decref(ours);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:O, s:{s:o}}", "messageId", message_id, "role", "ROLE_USER",
                     "parts", parts, "metadata", "paired", ours);
}

static void draw_id(struct tasks *t, char ret[TASKS_ID_BYTES + 1]) {
    uint8_t drawn[TASKS_ID_BYTES / 2];
    do {
        env_random(t->c.env, drawn, sizeof drawn);
        // Also where an env draws the same again (tests): an id is used once.
        uint64_t n = ++t->order;
        for (size_t i = 0; i < sizeof n; i++)
            drawn[i] ^= (uint8_t)(n >> 8 * i);
        task_hex(drawn, sizeof drawn, ret);
    } while (tasks_find(t, true, ret, NULL));
}

static int room(struct tasks *t, struct err *err) {
    unsigned n = 0;
    struct task *oldest = NULL;
    for (struct task *k = t->first; k; k = k->next) {
        n += k->ours;
        if (k->ours && !task_open(k) && !k->calls)
            oldest = k;
    }
    if (n < TASKS_ASKED_MAX)
        return 0;
    if (!oldest)
        return err_set(err, ERR_BUSY, "%d tasks are under way: wait for one, or cancel it",
                       TASKS_ASKED_MAX);
    tasks_remove(t, oldest);
    return 0;
}

static int prepare(struct tasks *t, struct task *k, const struct tasks_ask *a, struct err *err) {
    uint64_t deadline = a->deadline_ms ? a->deadline_ms : TASKS_DEADLINE_MS;
    if (!tasks_copy(k->agent, sizeof k->agent, a->agent, strlen(a->agent)) ||
        !tasks_copy(k->skill, sizeof k->skill, a->skill, strlen(a->skill)) ||
        deadline > TASKS_DEADLINE_MS_MAX)
        return err_set(err, ERR_LIMIT, "an agent's name or the deadline is too long");
    k->ends_ms = tasks_now(t) + deadline;
    k->message = make_message(t, k, k->id, a->parts, a->arguments, deadline);
    struct a2a_message m;
    if (!k->message)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = a2a_message_read(k->message, &m, err);
    if (r < 0)
        return r;
    fields_release(a2a_message_fields, &m);
    r = task_hash(k->message, TASKS_INPUT_BYTES_MAX, k->request, &k->bytes, err);
    if (r == ERR_LIMIT)
        return err_set(err, r, "what would be sent is over %d KB: choose a smaller change",
                       TASKS_INPUT_BYTES_MAX / 1024);
    return r;
}

static int ask(struct tasks *t, const struct tasks_ask *a, char ret_id[TASKS_ID_BYTES + 1],
               struct err *err) {
    uint8_t identity[32];
    char id[TASKS_ID_BYTES + 1];
    if (!t->c.ops->friend_of(t->c.ctx, a->device, identity))
        return err_set(err, ERR_NOT_FOUND, "no such friend: paired peers");
    int r = t->c.ops->granted(t->c.ctx, identity, true, err);
    if (r == 0)
        r = room(t, err);
    if (r < 0)
        return r;
    draw_id(t, id);
    struct task *k = tasks_make(t, true, id, a->device, err);
    if (!k)
        return ERR_NOMEM;
    memcpy(k->identity, identity, sizeof identity);
    r = prepare(t, k, a, err);
    if (r < 0) {
        tasks_remove(t, k);
        return r;
    }
    memcpy(ret_id, id, sizeof id);
    tasks_say(t, k);
    ask_pump(t, k);
    tasks_arm(t);
    return 0;
}

int tasks_ask(struct tasks *t, const struct tasks_ask *a, char ret_id[TASKS_ID_BYTES + 1],
              struct err *err) {
    int r = a->parts ? ask(t, a, ret_id, err) : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(a->parts);
    json_decref(a->arguments);
    return r;
}

int tasks_reply(struct tasks *t, const char *id, json_t *parts, struct err *err) {
    struct task *k = tasks_find(t, true, id, NULL);
    int r = 0;
    if (!parts)
        r = err_set(err, ERR_NOMEM, "out of memory");
    else if (!k)
        r = err_set(err, ERR_NOT_FOUND, "no such task: paired tasks");
    else if (k->state != A2A_INPUT_REQUIRED || k->reply)
        r = err_set(err, ERR_INVAL, "the task does not wait for an answer of yours");
    if (r == 0) {
        char message_id[TASKS_ID_BYTES + 1];
        size_t bytes = 0;
        draw_id(t, message_id);
        json_t *m = make_message(t, k, message_id, parts, NULL, TASKS_DEADLINE_MS);
        uint8_t hash[TASKS_HASH_BYTES];
        memcpy(hash, k->request, sizeof hash);
        if (!m || json_object_set_new(m, "taskId", json_string(k->id)) < 0)
            r = err_set(err, ERR_NOMEM, "out of memory");
        if (r == 0)
            r = task_hash(m, TASKS_INPUT_BYTES_MAX, hash, &bytes, err);
        if (r == 0) {
            memcpy(k->request, hash, sizeof hash);
            k->reply = m;
            k->bytes += bytes;
            ask_pump(t, k);
        } else {
            json_decref(m);
        }
    }
    json_decref(parts);
    return r;
}

// --- cards -------------------------------------------------------------------------------------

struct asking_cards {
    struct tasks *t;
    uint8_t device[32];
    tasks_cards_fn *fn;
    void *ctx;
};

static int check_cards(struct asking_cards *a, const json_t *cards, struct err *err) {
    size_t i;
    json_t *card;
    if (!json_is_array(cards) || json_array_size(cards) > A2A_SKILLS_MAX)
        return err_set(err, ERR_PARSE, "the friend's cards are no list");
    json_array_foreach(cards, i, card) {
        struct a2a_card c;
        int r = a2a_card_read(card, &c, err);
        if (r == 0) {
            fields_release(a2a_card_fields, &c);
            r = a2a_card_verify(card, tasks_verify_card, a->device, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static void on_cards(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct asking_cards *a = ctx;
    struct err why = {0};
    const json_t *cards = json_object_get(result, "cards");
    if (error || err)
        (void)err_set(&why, err ? err->code : ERR_PERM, "%s",
                      err ? err_text(err) : "the friend's engine does not show its agents");
    else if (check_cards(a, cards, &why) == 0) {
        a->fn(a->ctx, cards, NULL);
        mem_free(a);
        return;
    }
    a->fn(a->ctx, NULL, &why);
    mem_free(a);
}

int tasks_cards(struct tasks *t, const uint8_t device[32], tasks_cards_fn *fn, void *ctx,
                struct err *err) {
    struct node_session *s = t->node ? node_session_find(t->node, device) : NULL;
    if (!s)
        return err_set(err, ERR_CLOSED, "the friend is not connected: paired peers");
    struct asking_cards *a = mem_alloc(sizeof *a);
    if (!a)
        return err_set(err, ERR_NOMEM, "out of memory");
    *a = (struct asking_cards){.t = t, .fn = fn, .ctx = ctx};
    memcpy(a->device, device, sizeof a->device);
    int64_t n = link_call(node_session_link(s), "task.cards", json_object(), TASKS_CALL_MS,
                          on_cards, a, err);
    if (n > 0)
        return 0;
    mem_free(a);
    return (int)n;
}
