// A network in memory for unit tests: hosts that reach each other's ports, nothing happens until
// net_memory_run, and then in a fixed order. For time, loss and crashes there is tests/sim.
#pragma once

#include "federation/net.h"

struct net_memory;

struct net_memory *net_memory_new(void); // NULL when out of memory
// With all hosts and what is left of connections; their owners are not told.
void net_memory_free(struct net_memory *m);
// A host of this address (IPv4, last number); lives as long as m. NULL when out of memory.
struct net *net_memory_host(struct net_memory *m, uint8_t last);
struct net_addr net_memory_addr(uint8_t last, uint16_t port);
// Bytes of one `data` call at most; 0: as many as there are.
void net_memory_chunk(struct net_memory *m, size_t bytes);
// Nothing arrives while it holds; senders' queues grow.
void net_memory_stall(struct net_memory *m, bool on);
// Delivers until nothing is left to deliver, or 1,000,000 events were. Returns their number.
size_t net_memory_run(struct net_memory *m);
// Tampering: the lowest bit of the `flip`th of the bytes that anybody sends from now on (counted
// from 1) is turned over; 0: none.
void net_memory_flip(struct net_memory *m, size_t flip);
// Adds bytes to what the oldest living connection's dialler has sent.
void net_memory_insert(struct net_memory *m, const void *bytes, size_t n);
// Ends every connection as a reset network would.
void net_memory_reset(struct net_memory *m);
