// Between pairing.c (offer, sessions, their ends) and pairing_steps.c (the messages) only.
#pragma once

#include "core/crypto/cpace.h"
#include "federation/pairing.h"

enum pairing_state {
    PAIRING_HOST_FIRST,  // accepted, nothing has come
    PAIRING_HOST_PROOF,  // replied, the guest's proof is next
    PAIRING_GUEST_REPLY, // hello sent
    PAIRING_GUEST_PROOF, // own proof sent: the code is spent
    PAIRING_INTRODUCING, // both have proved the code
    PAIRING_JUDGING,     // both have introduced themselves
    PAIRING_OVER
};

struct pairing_side { // terms, copied
    char name[PAIR_NAME_BYTES_MAX + 1];
    uint8_t chain[CHAIN_BYTES_MAX];
    size_t chain_n;
    uint8_t device[IDENTITY_KEY_BYTES], identity[IDENTITY_KEY_BYTES];
    struct pair_scopes give, want;
};

struct pairing_keys { // in secret_alloc memory
    uint8_t own[PAIR_MAC_BYTES], peer[PAIR_MAC_BYTES], secret[PAIRING_SECRET_BYTES];
};

struct pairing_session {
    struct pairing *p;
    void *ctx;
    bool host;
    enum pairing_state state;
    struct pairing_link link;
    struct cpace *cpace; // until the keys are derived
    struct pairing_keys *keys;
    struct env_timer *timer;
    uint16_t number;
    uint8_t spent[32]; // guest: what is remembered of the code
    struct pairing_side *side;
    uint8_t *introduction; // the peer's, whole; `peer` borrows from it
    struct pairing_peer peer;
    bool answered, heard; // own user's yes, the peer's
    struct pair_scopes granted, received;
};

struct pairing_offer {
    bool open;
    uint64_t mono_ms;
    int64_t wall_ms;
    char *code; // in secret_alloc memory
    uint16_t number;
    struct pairing_side *side;
    struct env_timer *timer;
};

struct pairing {
    struct env *env;
    const struct pairing_events *events;
    void *ctx;
    struct pairing_offer offer;
    struct pairing_session *sessions[PAIRING_SESSIONS_MAX];
    uint8_t spent_key[32]; // of this process, so that what is remembered tells no code
    struct {
        uint8_t hash[32];
        bool used;
        uint64_t mono_ms;
    } spent[PAIRING_SPENT_MAX];
};

// pairing.c
uint64_t pairing_now_ms(const struct pairing *p);
// The open offer with this number, if its time is not over (which ends it, but not the session
// `except`). NULL: none.
struct pairing_offer *pairing_open_offer(struct pairing *p, uint16_t number,
                                         const struct pairing_session *except);
// Ends the offer and every session of it that has not been proved, but for `except`.
void pairing_end_offer(struct pairing *p, enum pairing_end why,
                       const struct pairing_session *except);
bool pairing_is_spent(struct pairing *p, const uint8_t hash[32]);
int pairing_spend(struct pairing *p, const uint8_t hash[32], struct err *err);
int pairing_set_timer(struct pairing_session *s, uint64_t ms, struct err *err);
struct pairing_side *pairing_side_copy(const struct pairing_side *side); // NULL: out of memory
// The key exchange of a side, with the code, bound to the link.
int pairing_exchange(struct pairing_session *s, const char *code, const uint8_t sid[PAIR_SID_BYTES],
                     struct err *err);
int pairing_send(struct pairing_session *s, const struct pair_message *m, struct err *err);
// `over` runs last; nothing of the session is touched after it. `reason` 0: nothing is sent.
void pairing_end(struct pairing_session *s, enum pair_reason reason, const struct err *why);
void pairing_finish(struct pairing_session *s); // both users have said yes
