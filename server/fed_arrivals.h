// The part of the engine's federation that audits what arrives. Its thread only.
#pragma once

#include "server/fed_impl.h"

extern const struct fed_part fed_part_arrivals;
// For each record of a friend that verified; `refused` by the look at its body.
void fed_arrivals_count(struct fed_core *core, const struct record *r, bool refused);
