// Discovery in the engine: tags of the friends in peers.db, the beacon, mDNS and the watch over the
// network (federation/beacon.h, mdns.h, core/loop/netwatch.h), as the setting federation.discovery
// says. What they find goes to the node, or to a pairing that seeks its other side. On the
// federation's thread.
#pragma once

#include "server/fed_impl.h"

extern const struct fed_part fed_part_discovery;

// Who is paired, or which codes are open, may have changed. Costs nothing when it has not; called
// after each piece of work from other threads.
void fed_discovery_look(struct fed_core *core);
// {"beacon": {"state", "trouble", "sent", "heard", "hints"}, "mdns": {…}}; NULL: out of memory.
json_t *fed_discovery_report(const struct fed_core *core);
