// A neighbourhood in memory with a clock of its own: each host has an env and a net whose datagrams
// reach the others after a fixed while, in order. For tests of one module; one thread.
#pragma once

#include "core/base/env.h"
#include "federation/net.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

enum { LAN_HOSTS_MAX = 32, LAN_DELAY_US = 100 };

struct lan;
struct lan_host {
    struct lan *lan;
    struct env env;
    struct net net;
    struct net_addr addr; // its datagrams come from there
    int64_t clock_off_ms;
    uint64_t random;
    net_datagram_fn *fn; // set while it listens
    void *ctx;
    bool unplugged;   // hears and says nothing
    int join_answers; // what `neighbours` answers; 0: it joins
    uint64_t shouted, told, bytes;
};
struct lan_event {
    uint64_t at_ns, number;
    env_timer_fn *fn; // NULL: a datagram
    void *ctx;
    struct lan_host *to;
    struct net_addr from;
    size_t n;
    uint8_t *bytes;
};
struct lan {
    uint64_t now_ns, numbers;
    size_t count, capacity;
    struct lan_event **events; // in no order
    struct lan_host hosts[LAN_HOSTS_MAX];
    // Sees each datagram as it is sent; may be NULL.
    void (*tap)(void *ctx, const uint8_t *bytes, size_t n, const struct lan_host *from);
    void *tap_ctx;
};
enum { LAN_START_HOUR = 12 }; // of 2026-01-01, UTC

void lan_init(struct lan *l);
void lan_done(struct lan *l);
void lan_run(struct lan *l, uint64_t ms); // that long, by its clock
// A datagram from nowhere.
void lan_send(struct lan *l, struct lan_host *to, const struct net_addr *from, const void *bytes,
              size_t n);
