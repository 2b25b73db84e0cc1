// The messages of a session, one after the other.
#include "core/base/mem.h"
#include "core/crypto/secret.h"
#include "federation/pairing_impl.h"

#include <string.h>

static void mac_of(const uint8_t *key, const void *bytes, size_t n, uint8_t ret[PAIR_MAC_BYTES]) {
    secret_hash(key, bytes, n, NULL, 0, ret);
}

int pairing_send(struct pairing_session *s, const struct pair_message *m, struct err *err) {
    AUTO_BUF b = BUF_INIT(PAIR_MESSAGE_BYTES_MAX);
    int r = pair_message_format(m, &b);
    if (r == 0 && (m->type == PAIR_INTRODUCE || m->type == PAIR_VERDICT)) {
        uint8_t mac[PAIR_MAC_BYTES];
        mac_of(s->keys->own, b.data, b.len, mac);
        r = buf_append(&b, mac, sizeof mac);
    }
    if (r < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->p->events->send(s->ctx, (const uint8_t *)b.data, b.len);
    return 0;
}

static int introduce(struct pairing_session *s, struct err *err) {
    struct pair_message *m = mem_zalloc(sizeof *m);
    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    m->type = PAIR_INTRODUCE;
    memcpy(m->name, s->side->name, sizeof m->name);
    m->chain = s->side->chain;
    m->chain_n = s->side->chain_n;
    m->give = s->side->give;
    m->want = s->side->want;
    int r = pairing_send(s, m, err);
    mem_free(m);
    return r;
}

// The code is proved: keys for what follows, one a direction, so that nothing can be sent back.
static int derive_keys(struct pairing_session *s, struct err *err) {
    static const char guest[] = "paired/pair/v1/guest", host[] = "paired/pair/v1/host";
    s->keys = secret_alloc(sizeof *s->keys);
    int r = s->keys ? 0 : ERR_NOMEM;
    if (r == 0)
        r = cpace_derive(s->cpace, s->host ? host : guest, s->keys->own, sizeof s->keys->own);
    if (r == 0)
        r = cpace_derive(s->cpace, s->host ? guest : host, s->keys->peer, sizeof s->keys->peer);
    if (r == 0)
        r = cpace_derive(s->cpace, "paired/pair/v1/secret", s->keys->secret,
                         sizeof s->keys->secret);
    cpace_free(s->cpace);
    s->cpace = NULL;
    return r < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// -------------------------------------------------------------------------------------- the
// guesses

static int host_hello(struct pairing_session *s, const struct pair_message *m, struct err *err) {
    struct pairing_offer *o = pairing_open_offer(s->p, m->number, NULL);
    if (!o)
        return err_set(err, ERR_NOT_FOUND, "no pairing code %u is open here", m->number);
    if (memcmp(o->side->device, s->link.own_device, sizeof o->side->device) != 0)
        return err_set(err, ERR_INVAL, "own identity: the certificate is of another device");
    s->side = pairing_side_copy(o->side);
    if (!s->side)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->number = m->number;
    int r = pairing_exchange(s, o->code, m->sid, err);
    if (r == 0)
        r = cpace_finish(s->cpace, m->share, "guest", 5, err);
    if (r < 0)
        return r;
    struct pair_message reply = {.type = PAIR_REPLY};
    memcpy(reply.share, cpace_message(s->cpace), sizeof reply.share);
    s->state = PAIRING_HOST_PROOF;
    return pairing_send(s, &reply, err);
}

static int guest_reply(struct pairing_session *s, const struct pair_message *m, struct err *err) {
    int r = cpace_finish(s->cpace, m->share, "host", 4, err);
    // From here on the other side can try one code on what we send: this one, once.
    if (r == 0)
        r = pairing_spend(s->p, s->spent, err);
    if (r < 0)
        return r;
    struct pair_message proof = {.type = PAIR_PROOF};
    cpace_tag(s->cpace, proof.tag);
    s->state = PAIRING_GUEST_PROOF;
    return pairing_send(s, &proof, err);
}

static int host_proof(struct pairing_session *s, const struct pair_message *m, struct err *err) {
    // The offer is the one that this session began with: sessions end with theirs.
    if (!pairing_open_offer(s->p, s->number, s))
        return err_set(err, ERR_TIMEOUT, "the pairing code has run out of time");
    int r = cpace_check(s->cpace, m->tag, err);
    if (r < 0) {
        r = err_set(
            err, ERR_KEY,
            "the words were not right: mistyped, or somebody is guessing or stands between; "
            "the pairing code is dead, make a new one");
        // Told first, dead before anybody can ask again.
        struct pairing_link link = s->link;
        s->p->events->alarm(s->p->ctx, PAIRING_ALARM_GUESS, &link);
        pairing_end_offer(s->p, PAIRING_GUESSED, s);
        return r;
    }
    struct pair_message proof = {.type = PAIR_PROOF};
    cpace_tag(s->cpace, proof.tag);
    s->state = PAIRING_INTRODUCING;
    pairing_end_offer(s->p, PAIRING_USED, s);
    r = derive_keys(s, err);
    if (r == 0)
        r = pairing_send(s, &proof, err);
    return r < 0 ? r : introduce(s, err);
}

static int guest_proof(struct pairing_session *s, const struct pair_message *m, struct err *err) {
    int r = cpace_check(s->cpace, m->tag, err);
    if (r < 0) {
        s->p->events->alarm(s->p->ctx, PAIRING_ALARM_IMPOSTOR, &s->link);
        return err_set(err, ERR_KEY,
                       "the other side does not know the code: somebody may stand between; ask for "
                       "a new code");
    }
    s->state = PAIRING_INTRODUCING;
    r = derive_keys(s, err);
    return r < 0 ? r : introduce(s, err);
}

// --------------------------------------------------------------------------------- who it is, and
// yes

static int check_mac(struct pairing_session *s, const struct pair_message *m, const uint8_t *bytes,
                     size_t n, struct err *err) {
    uint8_t wanted[PAIR_MAC_BYTES];
    mac_of(s->keys->peer, bytes, n - PAIR_MAC_BYTES, wanted);
    return secret_equal(wanted, m->mac, sizeof wanted)
               ? 0
               : err_set(err, ERR_INVAL, "a message of pairing is not from the other side");
}

static int introduced(struct pairing_session *s, const struct pair_message *m, const uint8_t *bytes,
                      size_t n, struct err *err) {
    int r = check_mac(s, m, bytes, n, err);
    if (r < 0)
        return r;
    struct pairing_peer *peer = &s->peer;
    struct chain_expect expect = {.device = s->link.peer_device, .now_ms = env_wall_ms(s->p->env)};
    r = chain_verify(m->chain, m->chain_n, &expect, &peer->chain, err);
    if (r < 0)
        return err_context(err, r, "the other side's identity");
    s->introduction = mem_alloc(n);
    if (!s->introduction)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(s->introduction, bytes, n);
    memcpy(peer->name, m->name, sizeof peer->name);
    peer->chain_bytes = s->introduction + (m->chain - bytes);
    peer->chain_n = m->chain_n;
    peer->give = m->give;
    peer->want = m->want;
    peer->own_identity =
        memcmp(peer->chain.current, s->side->identity, sizeof s->side->identity) == 0;
    r = pairing_set_timer(s, PAIRING_ANSWER_MS, err);
    if (r < 0)
        return r;
    s->state = PAIRING_JUDGING;
    s->p->events->ask(s->ctx, s, peer); // last: it may answer, or close
    return 0;
}

// What was named to both: proposed by the one who gives, or wanted by the one who gets.
static bool all_named(const struct pair_scopes *granted, const struct pair_scopes *proposed,
                      const struct pair_scopes *wanted) {
    for (size_t i = 0; i < granted->n; i++)
        if (!pair_scopes_has(proposed, granted->names[i]) &&
            !pair_scopes_has(wanted, granted->names[i]))
            return false;
    return true;
}

static int verdict(struct pairing_session *s, const struct pair_message *m, const uint8_t *bytes,
                   size_t n, struct err *err) {
    int r = check_mac(s, m, bytes, n, err);
    if (r < 0)
        return r;
    if (s->heard)
        return err_set(err, ERR_INVAL, "a message of pairing came twice");
    if (!m->yes)
        return err_set(err, ERR_PERM, "%s has declined", s->peer.name);
    if (!all_named(&m->give, &s->peer.give, &s->side->want))
        return err_set(err, ERR_INVAL, "the other side grants what nobody has named");
    s->heard = true;
    s->received = m->give;
    if (s->answered)
        pairing_finish(s);
    return 0;
}

int pairing_answer(struct pairing_session *s, bool yes, const struct pair_scopes *granted,
                   struct err *err) {
    if (s->state == PAIRING_OVER)
        return err_set(err, ERR_CLOSED, "this pairing is over");
    if (s->state != PAIRING_JUDGING || s->answered)
        return err_set(err, ERR_INVAL, "there is nothing to answer in this pairing");
    if (yes && granted && !all_named(granted, &s->side->give, &s->peer.want))
        return err_set(err, ERR_INVAL, "only what was proposed can be granted");
    struct pair_message m = {.type = PAIR_VERDICT, .yes = yes};
    if (yes && granted)
        m.give = *granted;
    int r = pairing_send(s, &m, err);
    if (r < 0)
        return r;
    if (!yes) {
        struct err why = {0};
        (void)err_set(&why, ERR_PERM, "pairing was declined here");
        pairing_end(s, 0, &why);
        return 0;
    }
    s->answered = true;
    s->granted = m.give;
    if (s->heard)
        pairing_finish(s);
    return 0;
}

// ---------------------------------------------------------------------------------------- dispatch

static int refused(const struct pairing_session *s, const struct pair_message *m, struct err *err) {
    switch (m->reason) {
    case PAIR_NO_CODE:
        return err_set(err, ERR_NOT_FOUND, "the other side has no open pairing code %u", s->number);
    case PAIR_WRONG:
        return err_set(
            err, ERR_KEY,
            "the words were not right, or somebody stands between; the code is dead, ask "
            "for a new one");
    case PAIR_BUSY:
        return err_set(err, ERR_BUSY, "too many try to pair with the other side at once");
    case PAIR_IDENTITY:
        return err_set(err, ERR_KEY, "the other side does not accept this engine's identity");
    case PAIR_MALFORMED:
        return err_set(err, ERR_INVAL, "the other side does not understand this one");
    case PAIR_CLOSED:
        break;
    }
    return err_set(err, ERR_CLOSED, "the other side has ended pairing");
}

static int step(struct pairing_session *s, const struct pair_message *m, const uint8_t *bytes,
                size_t n, struct err *err) {
    static int (*const plain[PAIRING_OVER][PAIR_REFUSE])(
        struct pairing_session *, const struct pair_message *, struct err *) = {
        [PAIRING_HOST_FIRST][PAIR_HELLO] = host_hello,
        [PAIRING_HOST_PROOF][PAIR_PROOF] = host_proof,
        [PAIRING_GUEST_REPLY][PAIR_REPLY] = guest_reply,
        [PAIRING_GUEST_PROOF][PAIR_PROOF] = guest_proof,
    };
    if (m->type == PAIR_REFUSE)
        return refused(s, m, err);
    if (s->state == PAIRING_INTRODUCING && m->type == PAIR_INTRODUCE)
        return introduced(s, m, bytes, n, err);
    if (s->state == PAIRING_JUDGING && m->type == PAIR_VERDICT)
        return verdict(s, m, bytes, n, err);
    if (!plain[s->state][m->type])
        return err_set(err, ERR_INVAL, "a message of pairing came out of turn");
    return plain[s->state][m->type](s, m, err);
}

// What the other side is told of a failure here.
static enum pair_reason reason_of(const struct pairing_session *s, int r) {
    switch (r) {
    case ERR_NOT_FOUND:
        return PAIR_NO_CODE;
    case ERR_KEY:
        return s->state == PAIRING_HOST_PROOF || s->state == PAIRING_GUEST_PROOF ? PAIR_WRONG
                                                                                 : PAIR_IDENTITY;
    case ERR_PERM:
    case ERR_CORRUPT:
        return s->state == PAIRING_INTRODUCING ? PAIR_IDENTITY : PAIR_CLOSED;
    case ERR_PARSE:
    case ERR_LIMIT:
    case ERR_VERSION:
    case ERR_INVAL:
        return PAIR_MALFORMED;
    default:
        return PAIR_CLOSED;
    }
}

int pairing_feed(struct pairing_session *s, const uint8_t *bytes, size_t n, struct err *err) {
    if (s->state == PAIRING_OVER)
        return err_set(err, ERR_CLOSED, "this pairing is over");
    struct err why = {0};
    struct pair_message *m = mem_alloc(sizeof *m);
    int r = m ? pair_message_parse(bytes, n, m, &why) : err_set(&why, ERR_NOMEM, "out of memory");
    bool told = r == 0 && m->type == PAIR_REFUSE;
    if (r == 0)
        r = step(s, m, bytes, n, &why); // the session may be gone when this is 0
    if (r < 0)
        pairing_end(s, told ? 0 : reason_of(s, r), &why);
    mem_free(m);
    if (r < 0 && err)
        *err = why;
    return r;
}
