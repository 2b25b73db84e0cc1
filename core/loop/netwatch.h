// Tells when this machine's network has changed: an interface came, went, got or lost its carrier
// or an address. From rtnetlink(7) on a loop, without any privilege. What the kernel says comes in
// flocks and mostly repeats what was known (a router's advertisement renews an address every few
// seconds): the owner is told once when it is over, and only if something is different.
//
// Linux only. Loop thread only.
#pragma once

#include "core/base/err.h"
#include "core/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    NETWATCH_QUIET_MS = 20,   // without further news before it looks
    NETWATCH_LATEST_MS = 200, // after the first news, when they do not end
    NETWATCH_GAP_MS = 250     // between two calls of fn at least
};

struct netwatch;
typedef void netwatch_fn(void *ctx); // may close it
// ERR_UNSUPPORTED where the kernel has no rtnetlink for us, ERR_LIMIT (descriptors), ERR_NOMEM.
int netwatch_open(struct loop *l, netwatch_fn *fn, void *ctx, struct netwatch **ret,
                  struct err *err);
void netwatch_close(struct netwatch *w); // before its loop is freed; accepts NULL

// --- what one datagram of the kernel says; for tests
enum netwatch_news {
    NETWATCH_NOTHING,   // of no interest, or malformed
    NETWATCH_LOOK,      // a link or an address: whether it is news, the system's list says
    NETWATCH_TENTATIVE, // an IPv6 address that is not usable yet (RFC 4862 §5.4) …
    NETWATCH_USABLE     // … one that is
};
// The one that matters most of all messages in it. `bytes` is aligned as a struct nlmsghdr.
enum netwatch_news netwatch_read(const void *bytes, size_t n);
