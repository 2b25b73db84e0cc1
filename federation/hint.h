// A place to try: somebody said that a friend's device, or the other side of a pairing, may be
// reached there. Never a fact: whoever answers there is known by its key only (channel.h), so a
// forged or repeated hint costs one refused connection.
#pragma once

#include "federation/net.h"

enum { HINT_DEVICE_BYTES = 32 };

enum hint_source { HINT_BEACON, HINT_MDNS, HINT_ADDRESS };
enum hint_about {
    HINT_FRIEND,     // `device` is the paired device
    HINT_CODE_HERE,  // the side that shows the code is there; `device` is zeros
    HINT_CODE_SOUGHT // somebody there has typed the code that is shown here; `device` is zeros
};

struct net_hint {
    enum hint_source source;
    enum hint_about about;
    uint8_t device[HINT_DEVICE_BYTES];
    struct net_addr at;
};
// Borrowed for the call. On the thread of the discovery that found it.
typedef void net_hint_fn(void *ctx, const struct net_hint *h);

const char *hint_source_name(enum hint_source s); // "beacon", "mdns", "address"
