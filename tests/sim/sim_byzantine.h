// Hosts that behave as badly as the protocol lets them: garbage, half handshakes that hold a
// connection, strangers that ask for everything, forged beacons, and one that has the key of a
// friend and says hello, offers and floods as it likes.
#pragma once

#include "tests/sim/sim_fleet.h"

struct byzantine;
struct byzantine *byzantine_new(struct fleet *f, uint32_t n); // adds n hosts to the fleet's world
void byzantine_free(struct byzantine *b);
