// Pairing on a node: the messages of federation/pairing.h as requests `pair.say` over strangers'
// links, the door open exactly as long as a code is open or an exchange runs, the guest's search
// for the host, and that both sides agree in the end whether they are paired.
//
//   host   pairwork_open → code          guest   pairwork_guess(code, addresses)
//   both   pairwork_state until PAIRWORK_ASKING → the user → pairwork_answer → … PAIRED or FAILED
//
// One pairing at a time: an engine is host or guest. A link for pairing is a stranger's also with a
// device that is paired already (it renews the name and what is granted, or mends a pairing that
// only one side kept); the session that there may be goes on beside it.
//
// Who keeps it first: when both have said yes the guest stores and calls `pair.kept`; only then the
// host stores, and answers. So a host that has kept it knows that the guest has; a guest without
// the answer is PAIRWORK_UNCONFIRMED and knows where the host is: it asks, then dials as a friend,
// and is either taken in (PAIRED) or told that it is not paired (taken back, FAILED).
// docs/FEDERATION.md, "Pairing". One owner thread, the node's.
#pragma once

#include "federation/node.h"
#include "federation/pairing.h"

enum {
    PAIRWORK_ADDRS_MAX = 8,
    PAIRWORK_STAGGER_MS = 500,       // until the next address is tried beside the first
    PAIRWORK_SEEK_MS = 60 * 1000,    // for a host that stands and has the code
    PAIRWORK_CALL_MS = 15 * 1000,    // for the answer to each message
    PAIRWORK_KEEP_MS = 30 * 1000,    // host: from both verdicts until the guest has stored
    PAIRWORK_ASK_MAX_MS = 30 * 1000, // unconfirmed: between two questions to the host
    PAIRWORK_CHECK_MS = 250          // unconfirmed: looks whether the host has taken us in
};

struct pairwork;
struct pairwork_state;
struct pairwork_owner { // none may be NULL
    // Both users have said yes: makes it durable (device, identity, name, chain, secret) before it
    // returns 0. `address`: where it listens; port 0: not known. `entry`, filled from it, is what
    // the node will know; the owner may change its caps. Negative: the pairing has failed.
    int (*paired)(void *ctx, const struct pairing_result *result, const struct net_addr *address,
                  struct peers_entry *entry, struct err *err);
    // The other side has not kept what `paired` has stored: take it back. Only for a device that
    // was not paired before.
    void (*unpaired)(void *ctx, const uint8_t *device);
    // Both sides have kept it. After `paired`, at once or when the guest has asked.
    void (*confirmed)(void *ctx, const struct pairwork_state *s);
    // Somebody guesses, or stands between. For the audit log.
    void (*alarm)(void *ctx, enum pairing_alarm what, const uint8_t *device);
};
struct pairwork_config {
    struct env *env;                // borrowed
    uint8_t key[CHANNEL_KEY_BYTES]; // our device's
    const struct pairwork_owner *owner;
    void *ctx;
};

// NULL when out of memory. Its service goes into node_config; pairwork_start as soon as the node
// stands; pairwork_free after node_stop.
struct pairwork *pairwork_new(const struct pairwork_config *config);
void pairwork_free(struct pairwork *w); // accepts NULL
struct node_service pairwork_service(struct pairwork *w);
void pairwork_start(struct pairwork *w, struct node *n);

enum pairwork_phase {
    PAIRWORK_IDLE,
    PAIRWORK_OPEN,        // host: a code is open
    PAIRWORK_SEEKING,     // guest: looks for the host
    PAIRWORK_EXCHANGING,  // the code is being proved
    PAIRWORK_ASKING,      // the peer is known; the user is to answer
    PAIRWORK_ANSWERED,    // yes here; the other user is to answer
    PAIRWORK_KEEPING,     // yes on both sides; being stored
    PAIRWORK_PAIRED,      // stored on both sides
    PAIRWORK_UNCONFIRMED, // guest: stored here; whether the host did is being found out
    PAIRWORK_FAILED       // nothing was kept; `code` and `text` say why
};
struct pairwork_state {
    uint64_t act;    // of this pairing: one more than the last, the first by chance; 0: none yet
    uint64_t serial; // grows with every change
    enum pairwork_phase phase;
    bool host;
    uint64_t left_ms; // until the phase runs out of time; 0: it does not
    // From PAIRWORK_ASKING on, proved: its name, who it is, what it proposes.
    bool met, own_identity, known; // known: this device was paired before
    char name[PAIR_NAME_BYTES_MAX + 1];
    uint8_t device[IDENTITY_KEY_BYTES], identity[IDENTITY_KEY_BYTES];
    struct pair_scopes gives, wants;      // the peer's proposal
    struct pair_scopes offered, asked;    // ours: to give, to get
    struct pair_scopes granted, received; // the outcome: what it may have of ours, we of its
    int code;                             // FAILED, UNCONFIRMED: ERR_*
    char text[ERR_MESSAGE_BYTES_MAX]; // what it means, for the user; "" if nothing is to be said
};

// Opens a code for PAIRING_OFFER_MS. ERR_EXISTS: a code is open; ERR_BUSY: a pairing is under way;
// ERR_INVAL (terms). The caller wipes `code`.
int pairwork_open(struct pairwork *w, const struct pairing_terms *terms,
                  char code[PAIR_CODE_BYTES_MAX], uint64_t *ret_act, struct err *err);
// Looks for the host at these addresses (0 to PAIRWORK_ADDRS_MAX) and at those that
// pairwork_found brings, and tries the code once. ERR_INVAL (a word that is none; costs no guess),
// ERR_PERM (tried before), and as above. The caller wipes `code`.
int pairwork_guess(struct pairwork *w, const char *code, size_t n,
                   const struct pairing_terms *terms, const struct net_addr *addrs, size_t addrs_n,
                   uint64_t *ret_act, struct err *err);
// Discovery: an engine at `a` says that it has a code of this number open. Ignored when no guess
// looks for it.
void pairwork_found(struct pairwork *w, uint16_t number, const struct net_addr *a);
// For discovery: the number of the open code, and of the one that is looked for. 0: none.
uint16_t pairwork_number(struct pairwork *w);
uint16_t pairwork_sought(const struct pairwork *w);
// What the user says of the peer in `act`. ERR_NOT_FOUND (another pairing by now), ERR_INVAL
// (nothing to answer; not proposed), ERR_CLOSED …
int pairwork_answer(struct pairwork *w, uint64_t act, bool yes, const struct pair_scopes *granted,
                    struct err *err);
// Withdraws the code, or ends the pairing; 0 also when it is over. `act` 0: whichever it is.
// ERR_NOT_FOUND; ERR_BUSY: both have said yes, it is being stored.
int pairwork_cancel(struct pairwork *w, uint64_t act, struct err *err);
void pairwork_state(struct pairwork *w, struct pairwork_state *ret);
