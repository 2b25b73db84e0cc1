// A clock that stands still and timers that a test fires, for code that takes a struct env.
#pragma once

#include "core/base/env.h"

struct fake_env {
    struct env env;
    struct env_timer *timers;
    uint64_t now_ms;
    size_t live; // timers neither fired nor cancelled
};

void fake_env_init(struct fake_env *f);
// Moves the clock and fires what falls due, in order.
void fake_env_advance(struct fake_env *f, uint64_t ms);
