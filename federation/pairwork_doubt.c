// A guest that has stored a pairing and does not know whether the host has. Its `pair.kept` may
// still be on its way on the link that it has lost, so what the host says of friends and strangers
// is no answer yet. First it asks about this pairing, on a new link: the host has stored it, or
// stores it now, or ends what is left of it. Only then it dials as a friend, and believes what it
// is told.
#include "core/base/mem.h"
#include "federation/pairwork_impl.h"

#include <string.h>

struct inquiry { // under way; its callbacks run once each
    struct pairwork *w;
    uint64_t act;
    struct node_session *session;
};

static bool in_doubt(const struct pairwork *w, uint64_t act) {
    return w->state.act == act && w->state.phase == PAIRWORK_UNCONFIRMED && !w->doubt.asked;
}

static void again(struct pairwork *w) {
    struct pairwork_doubt *d = &w->doubt;
    d->delay_ms = 2 * d->delay_ms < PAIRWORK_ASK_MAX_MS ? 2 * d->delay_ms : PAIRWORK_ASK_MAX_MS;
    pairwork_timer(w, d->delay_ms);
}

static void confirmed(struct pairwork *w) {
    w->doubt.asked = true;
    w->state.code = 0;
    w->state.text[0] = '\0';
    pairwork_phase(w, PAIRWORK_PAIRED, 0);
    w->config.owner->confirmed(w->config.ctx, &w->state);
}

// A friend's from now on; it is dialled, unless its link stands.
static void befriend(struct pairwork *w) {
    w->doubt.asked = true;
    (void)node_peer_add(w->node, &w->doubt.entry, NULL); // else the next start knows it
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct inquiry q = *(struct inquiry *)ctx;
    struct pairwork *w = q.w;
    bool busy = error && json_integer_value(json_object_get(error, "code")) == NODE_ERROR_BUSY;
    bool current = in_doubt(w, q.act);
    mem_free(ctx);
    if (current && result) {
        struct peers_entry entry = w->doubt.entry;
        confirmed(w);
        (void)node_peer_add(w->node, &entry, NULL); // this link is the friends' now
        return;
    }
    if (!err || err->code == ERR_TIMEOUT) // else its session has ended
        node_session_close(q.session, "pairing");
    if (current && error && !busy) { // whatever it says: nothing of this pairing is left there
        befriend(w);
        pairwork_timer(w, PAIRWORK_CHECK_MS);
    } else if (current) {
        again(w);
    }
}

static void on_stand(void *ctx, struct node_session *s, const struct err *why) {
    struct inquiry *q = ctx;
    struct pairwork *w = q->w;
    json_t *params = NULL;
    (void)why;
    q->session = s;
    bool current = in_doubt(w, q->act);
    if (s && current && memcmp(node_session_key(s), w->state.device, CHANNEL_KEY_BYTES) == 0)
        params = json_pack("{s:s, s:i}", "id", w->doubt.id, "port", (int)node_port(w->node));
    if (params && link_call(node_session_link(s), "pair.kept", params, PAIRWORK_CALL_MS, on_answer,
                            q, NULL) > 0)
        return;
    mem_free(q);
    if (s)
        node_session_close(s, "unused");
    if (current)
        again(w);
}

static void ask(struct pairwork *w) {
    struct inquiry *q = mem_alloc(sizeof *q);
    if (q)
        *q = (struct inquiry){.w = w, .act = w->state.act};
    if (!q || node_visit(w->node, &w->doubt.addr, on_stand, q, NULL) < 0) {
        mem_free(q);
        again(w);
    }
}

void pairwork_unconfirmed(struct pairwork *w, const struct pairwork_doubt *doubt) {
    struct err why = {0};
    w->current = NULL;
    w->doubt = *doubt;
    w->doubt.asked = false;
    w->doubt.delay_ms = PAIRWORK_CHECK_MS;
    w->state.code = err_set(&why, ERR_CLOSED,
                            "%s was kept here, but %s was gone before it confirmed; as soon as the "
                            "two are connected it is confirmed or taken back",
                            w->state.known ? "what was agreed" : "the pairing", w->state.name);
    memcpy(w->state.text, why.message, sizeof w->state.text);
    pairwork_phase(w, PAIRWORK_UNCONFIRMED, 0);
    pairwork_timer(w, PAIRWORK_CHECK_MS);
}

void pairwork_undoubt(struct pairwork *w) {
    if (in_doubt(w, w->state.act))
        befriend(w);
}

static void take_back(struct pairwork *w) {
    struct err why = {0};
    (void)err_set(&why, ERR_CLOSED, "%s says that it is not paired with you%s; pair again",
                  w->state.name, w->state.known ? "" : ", so it was taken back here");
    if (!w->state.known) {
        node_peer_remove(w->node, w->state.device);
        w->config.owner->unpaired(w->config.ctx, w->state.device);
    }
    pairwork_failed(w, &why);
}

void pairwork_doubt_due(struct pairwork *w) {
    struct node_diagnosis d;
    struct err why = {0};
    if (!w->doubt.asked) {
        ask(w);
    } else if (node_diagnose(w->node, w->state.device, &d) < 0) {
        return; // the user has removed it meanwhile
    } else if (d.refused) {
        take_back(w);
    } else if (d.state != NODE_CONNECTED) {
        pairwork_timer(w, PAIRWORK_CHECK_MS);
    } else if (w->state.known) { // connected as before: that says nothing of what is new
        (void)err_set(&why, ERR_CLOSED,
                      "you are paired with %s as before; it may not have kept what was agreed now: "
                      "pair again to be sure",
                      w->state.name);
        memcpy(w->state.text, why.message, sizeof w->state.text);
        w->state.serial++;
    } else {
        confirmed(w);
    }
}
