// The part of the engine's federation that looks at arrivals. Its thread only.
#pragma once

#include "server/fed_impl.h"

extern const struct fed_part fed_part_share;
