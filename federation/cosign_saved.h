// The memory of federation/cosign in peers.db: what was cosigned last of each device's log. Over
// COSIGN_MEMORY_MAX the one that was cosigned longest ago goes. Owner thread of the database.
#pragma once

#include "federation/cosign.h"
#include "federation/peersdb.h"

struct cosign_memory cosign_saved(struct peersdb *p);
