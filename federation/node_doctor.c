// Why a peer is not connected, for doctor.
#include "federation/node_impl.h"

static const char *next_step(const struct peer *p, enum node_peer_state state) {
    if (state == NODE_CONNECTED)
        return "nothing to do";
    if (p->refused)
        return "the other side has removed this device: pair again with paired pair";
    if (state == NODE_NO_ADDRESS)
        return "nobody knows where it is: start it on the same network, or give its address";
    if (p->failures == 0)
        return "it is being dialled";
    switch (p->attempts_n == 0
                ? 0
                : p->attempts[(p->attempts_at + NODE_ATTEMPTS_MAX - 1) % NODE_ATTEMPTS_MAX].code) {
    case ERR_TIMEOUT:
        return "no answer: is it switched on, on this network, and does its firewall let it in?";
    case ERR_CLOSED:
        return "its host answers but nobody listens there: is paired running with federation on?";
    case ERR_PERM:
    case ERR_KEY:
        return "somebody else answers at its address: check the address";
    default:
        return "it is tried again by itself";
    }
}

int node_diagnose(struct node *n, const uint8_t *key, struct node_diagnosis *ret) {
    const struct peer *p = peer_find(n, key);
    if (!p)
        return ERR_NOT_FOUND;
    uint64_t now = node_ms(n), at = p->due.at;
    struct node_diagnosis d = {.refused = p->refused,
                               .since_ms = p->since_wall_ms,
                               .hints = p->hints_n,
                               .failures = p->failures,
                               .attempts_n = p->attempts_n};
    d.state = p->current && p->current->state == SESSION_IN_USE ? NODE_CONNECTED
              : p->sessions                                     ? NODE_DIALLING
              : p->hints_n > 0                                  ? NODE_WAITING
                                                                : NODE_NO_ADDRESS;
    d.next_ms = at == DUE_NEVER ? UINT64_MAX : at > now ? at - now : 0;
    for (uint32_t i = 0; i < p->attempts_n; i++)
        d.attempts[i] =
            p->attempts[(p->attempts_at + NODE_ATTEMPTS_MAX - 1 - i) % NODE_ATTEMPTS_MAX];
    d.next_step = next_step(p, d.state);
    *ret = d;
    return 0;
}
