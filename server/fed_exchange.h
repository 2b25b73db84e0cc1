// The part of the engine's federation that keeps records in agreement. Its thread only.
#pragma once

#include "federation/exchange.h"

struct fed_core;
struct fed_part;
extern const struct fed_part fed_part_exchange;
struct exchange *fed_exchange_of(struct fed_core *core); // while the core is ready
