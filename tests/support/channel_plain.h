// A channel without a cipher for tests and the simulator: each side says its key and 32 random
// bytes in clear, then bytes pass as they are. What it has of the real one: keys on both sides,
// `expect` is enforced, the binding is the same on both sides and of this session alone. Takes any
// split of the stream.
#pragma once

#include "federation/channel.h"

#include "core/base/env.h"

struct channel_plain_self {
    uint8_t key[CHANNEL_KEY_BYTES]; // what this side says it is
    struct env *env;                // random bytes of the binding
};
// `self` is borrowed for as long as the maker and its channels are used.
struct channel_maker channel_plain_maker(struct channel_plain_self *self);
