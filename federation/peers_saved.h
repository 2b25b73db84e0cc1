// The paired devices of peers.db as the node needs them (federation/peers.h): those that are not
// revoked, the addresses that worked, the last one first, and the caps. Thread of the database.
#pragma once

#include "federation/peers.h"
#include "federation/peersdb.h"

enum { PEERS_SAVED_SEEN_MS = 60 * 1000 }; // the same address is written again no sooner

struct peers peers_saved(struct peersdb *p); // borrows p
