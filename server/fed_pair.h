// Pairing in the engine: federation/pairwork with our identity, and peers.db that keeps who was
// paired. On the federation's thread. When both sides have kept it, a worker gives the grants that
// the users agreed to (core/store/consent), so that they do not depend on who asks for the state;
// whoever is paired never gets more than the user said, and nothing before.
#pragma once

#include "federation/pairwork.h"
#include "server/fed_impl.h"

// A pairing that nobody has asked for the state of for so long is ended: a terminal was closed, its
// command killed. Else its code would stay open, and a yes be given that nobody sees the end of.
enum { FED_PAIR_WATCHED_MS = 60 * 1000 };

extern const struct fed_part fed_part_pair; // of fed_core.c's list

struct fed_pair;
struct fed_pair *fed_pair_of(struct fed_core *core);
// For discovery: pairwork_number, pairwork_sought, pairwork_found.
struct pairwork *fed_pair_work(struct fed_pair *p);

void fed_pair_watched(struct fed_pair *p); // somebody asked, just now

// What the user takes of the peer in this pairing, among what it may get; copied.
void fed_pair_take(struct fed_pair *p, uint64_t act, const struct pair_scopes *take);
// The grants that came of `act`: false while they are being given. *ret_code: 0, or why not all.
bool fed_pair_granted(struct fed_pair *p, uint64_t act, struct pair_scopes *ret_give,
                      struct pair_scopes *ret_take, int *ret_code);
// What a kind named in pairing is as a grant: to be asked comes in, to ask goes out.
enum consent_direction fed_pair_direction(const char *kind, bool give);
