// Pairing: two people tell each other a code, two engines come to know each other's device and
// identity for certain, and each user says what the other may have. Messages in, messages out; no
// I/O, clock and randomness from env. One owner thread; callbacks run inside the calls.
//
//   host: pairing_offer → code             guest: pairing_guess with the code on a link to the host
//   a stranger's link: pairing_accept      both: pairing_feed for each message that arrives
//   both: `ask` → the user → pairing_answer → `over` with the result
//
// What holds (each a test in tests/unit/federation/test_pairing.c): one guess a code, by whoever
// comes first with a proof; ten minutes, also of a sleeping machine; the exchange is bound to the
// link (both device keys and the TLS exporter), so that who stands between two links fails like a
// wrong code; the guest shows its proof first, so a stranger who hangs up learns nothing and costs
// the code nothing; neither side tells its name before the other has proved the code.
// Source: federation/pair_message.h, core/crypto/cpace.h, docs/FEDERATION.md "Pairing".
#pragma once

#include "federation/pair_code.h"
#include "federation/pair_message.h"

enum {
    PAIRING_OFFER_MS = 10 * 60 * 1000,
    PAIRING_EXCHANGE_MS = 30 * 1000,    // from the first message to both introductions
    PAIRING_ANSWER_MS = 10 * 60 * 1000, // for both users
    PAIRING_SESSIONS_MAX = 8,           // at a time, both roles
    PAIRING_SPENT_MAX = 16,             // codes that this engine has guessed, remembered as long
    PAIRING_LINK_BYTES = 32,
    PAIRING_SECRET_BYTES = 32
};

struct pairing;
struct pairing_session;

// The link that a session's messages take, as this side sees it; copied.
struct pairing_link {
    uint8_t own_device[PAIRING_LINK_BYTES], peer_device[PAIRING_LINK_BYTES];
    uint8_t binding[PAIRING_LINK_BYTES]; // link_binding
};
// What this side says of itself and proposes; copied.
struct pairing_terms {
    const char *name;  // pair_name_good
    const void *chain; // identity_chain
    size_t chain_n;
    struct pair_scopes give, want; // what the other one is to get, what is asked of it
};
struct pairing_peer { // proved: knows the code, owns device and identity
    char name[PAIR_NAME_BYTES_MAX + 1];
    struct chain chain;
    const uint8_t *chain_bytes; // as received, to be kept
    size_t chain_n;
    struct pair_scopes give, want;
    bool own_identity; // another device of our own
};
struct pairing_result { // borrowed during `over`
    const struct pairing_peer *peer;
    struct pair_scopes granted, received; // what it may have of ours, and we of its
    bool host;
    // Shared by the two devices and by nobody else, for tags that only they recognise.
    uint8_t secret[PAIRING_SECRET_BYTES];
};
enum pairing_alarm {
    PAIRING_ALARM_GUESS,   // host: somebody had the number and wrong words, or stands between
    PAIRING_ALARM_IMPOSTOR // guest: the other side does not know the code; somebody may be between
};
enum pairing_end { PAIRING_USED, PAIRING_GUESSED, PAIRING_EXPIRED, PAIRING_WITHDRAWN };

struct pairing_events { // none may be NULL
    // For the session's link; borrowed. Nothing is fed from inside.
    void (*send)(void *session_ctx, const uint8_t *bytes, size_t n);
    // Ask the user. pairing_answer may be called at once or later. `peer` lives as the session.
    void (*ask)(void *session_ctx, struct pairing_session *s, const struct pairing_peer *peer);
    // Nothing follows: `result`, or NULL and why. Not after pairing_close. The session may be
    // closed in here, and must be sometime.
    void (*over)(void *session_ctx, struct pairing_session *s, const struct pairing_result *result,
                 const struct err *why);
    void (*alarm)(void *ctx, enum pairing_alarm what, const struct pairing_link *link);
    void (*offer_ended)(void *ctx, enum pairing_end why);
};

// env and events are borrowed and outlive it. NULL when out of memory.
struct pairing *pairing_new(struct env *env, const struct pairing_events *events, void *ctx);
void pairing_free(struct pairing *p); // accepts NULL; its sessions have been closed

// Opens a code. ERR_EXISTS: one is open; ERR_INVAL (name, chain); the caller wipes `ret`.
int pairing_offer(struct pairing *p, const struct pairing_terms *terms,
                  char ret[PAIR_CODE_BYTES_MAX], struct err *err);
void pairing_withdraw(struct pairing *p);   // ends its sessions that have not been proved, too
uint16_t pairing_number(struct pairing *p); // of the open code, for discovery; 0: none

// Guest: sends the first message. ERR_INVAL (not a code, terms, or a link to ourselves), ERR_PERM:
// this code has been tried once; ERR_LIMIT: too many at a time. The caller wipes `code`.
int pairing_guess(struct pairing *p, const char *code, size_t n, const struct pairing_link *link,
                  const struct pairing_terms *terms, void *session_ctx,
                  struct pairing_session **ret, struct err *err);
// Host: for a stranger's first message, which is fed next. ERR_LIMIT: too many at a time, the
// stranger has been told so by `send`; ERR_INVAL, ERR_NOMEM.
int pairing_accept(struct pairing *p, const struct pairing_link *link, void *session_ctx,
                   struct pairing_session **ret, struct err *err);
// One whole message. What it returned when negative is what `over` was told: ERR_PARSE, ERR_LIMIT,
// ERR_VERSION; ERR_INVAL (not now, or not acceptable), ERR_KEY (wrong code), ERR_NOT_FOUND (no such
// code), ERR_TIMEOUT, ERR_PERM (declined), ERR_CLOSED (it is over), ERR_NOMEM …
int pairing_feed(struct pairing_session *s, const uint8_t *bytes, size_t n, struct err *err);
// After `ask`, once. `granted`: among what the peer wants and what we proposed to give (ERR_INVAL).
int pairing_answer(struct pairing_session *s, bool yes, const struct pair_scopes *granted,
                   struct err *err);
void pairing_close(struct pairing_session *s); // accepts NULL; `over` does not run; tells the peer
