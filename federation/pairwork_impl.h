// Between pairwork.c (one pairing: its phases, the search for a host) and pairwork_exchange.c (the
// messages on a link) only.
#pragma once

#include "federation/pairwork.h"

// Attempts on links: of a host several until one has proved the code, of a guest one.
struct pair_attempt {
    struct pairwork *w;
    struct pairing_session *pairing;
    struct node_session *session;  // NULL: its link is gone, or is a friend's by now
    struct pairing_result *result; // both have said yes; in secret_alloc memory
    struct net_addr address;       // the peer's
    struct peers_entry entry;      // once it is stored here
    bool host, proof_sent, ended;
    bool stored;     // guest: here, and the host has not answered
    bool lost;       // its link went within a call of pairing; seen to after it
    unsigned inside; // calls of pairing on the stack
    unsigned holds;  // calls of ours without answer, and the stack's; 0 and ended: freed
};

enum { PAIRWORK_ID_BYTES = 33 }; // of a pairing, for its two devices alone; in hex, with NUL
// A guest's: what it has stored, and whether the host has.
struct pairwork_doubt {
    char id[PAIRWORK_ID_BYTES];
    struct net_addr addr;
    struct peers_entry entry;
    uint64_t delay_ms;
    bool asked; // nothing of it is under way at the host any more
};

enum candidate_state { CANDIDATE_WAITING, CANDIDATE_VISITED, CANDIDATE_DONE };
struct candidate {
    struct net_addr addr;
    enum candidate_state state;
};

struct pairwork {
    struct pairwork_config config;
    struct node *node;
    struct pairing *pairing;
    struct pair_attempt *exchanges[PAIRING_SESSIONS_MAX];
    struct pair_attempt *current; // the one that the pairing is about
    struct pair_attempt *feeding; // whose message is being looked at
    struct pairwork_state state;
    uint64_t acts;     // so far, from a random number: those of another process are no others
    uint64_t until_ms; // mono; 0: no end
    struct env_timer *timer;
    // guest
    char *code; // as typed, secret_alloc; until it is tried or given up
    uint16_t number;
    struct pairing_terms terms; // points into the next two
    char name[PAIR_NAME_BYTES_MAX + 1];
    uint8_t *chain;
    struct candidate candidates[PAIRWORK_ADDRS_MAX];
    uint32_t candidates_n;
    bool typed; // addresses were given: when none is the host it is over
    struct err last;
    struct pairwork_doubt doubt;
    // host: the last pairing that it has stored
    char kept_id[PAIRWORK_ID_BYTES];
};

// pairwork.c
uint64_t pairwork_ms(const struct pairwork *w);
void pairwork_phase(struct pairwork *w, enum pairwork_phase phase, uint64_t ms); // 0: no end
void pairwork_failed(struct pairwork *w, const struct err *why);
void pairwork_seek(struct pairwork *w); // the next address
void pairwork_door(struct pairwork *w);
void pairwork_timer(struct pairwork *w, uint64_t ms);
void pairwork_tried(struct pairwork *w); // the code is spent: it is wiped

// pairwork_doubt.c
void pairwork_unconfirmed(struct pairwork *w, const struct pairwork_doubt *doubt);
void pairwork_doubt_due(struct pairwork *w);
void pairwork_undoubt(struct pairwork *w); // another pairing begins: no more of this one

// pairwork_exchange.c
extern const struct pairing_events pairwork_events;
extern const struct node_method pairwork_methods[];
void pair_attempt_gone(void *ctx, struct node_session *s, const struct err *why);
// Guest: begins on a link that stands. Negative: nothing was begun, and the link is closed.
int pair_attempt_guess(struct pairwork *w, struct node_session *s, const struct net_addr *a,
                       struct err *err);
int pair_attempt_answer(struct pair_attempt *e, bool yes, const struct pair_scopes *granted,
                        struct err *err);
void pair_attempt_end(struct pair_attempt *e); // tells the other side, closes its link
void pair_attempt_fail(struct pair_attempt *e, const struct err *why);
