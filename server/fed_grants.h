// The grants that stand, in memory, for the federation's thread: it asks before each message and
// may not wait for the store. A snapshot is loaded on a worker and never changes; the thread swaps
// it and frees the old one. When grants or backends change, every snapshot lets nothing through
// any more, before that change is told to whoever asked for it, until the next one is there:
//
//   consent_watch(store, fn, ctx)   fn posts; a worker runs fed_grants_load and posts the result;
//                                   the thread swaps
//
// Expiry needs no reload: it is compared with the clock. Each pass is checked once more where
// bytes leave (consent_stands). Asking does no I/O and takes no lock that is held over I/O.
//
// A grant of one workspace: what is published is asked for with its workspace (fed_grants_allow).
// A record on its way has none (a path never leaves), so serving and receiving ask whether the
// scope is open at all (fed_grants_open): whichever workspace it was opened for. What of a
// workspace was published stays in its scope when that workspace's grant ends and another one
// still opens the scope; server/share takes it back.
#pragma once

#include "core/store/consent.h"
#include "federation/scope.h"
#include "federation/sync.h"

struct fed_grants;

// Blocks. ERR_LOCKED, ERR_NOMEM, … The store is borrowed while the snapshot lives.
int fed_grants_load(struct store *s, struct fed_grants **ret, struct err *err);
void fed_grants_free(struct fed_grants *g); // accepts NULL

// All from here on: any one thread at a time; g NULL allows nothing. 0, or ERR_PERM.
// As consent_check: a grant for what->workspace or for any.
int fed_grants_allow(const struct fed_grants *g, const struct consent_what *what, int64_t now_ms,
                     struct consent_pass *ret, struct err *err);
// A grant for any workspace or for whichever; the one that lasts longest.
int fed_grants_open(const struct fed_grants *g, const char *kind, const char *audience,
                    enum consent_direction direction, int64_t now_ms, struct consent_pass *ret,
                    struct err *err);
// Whether it is of today: false from a change on. Expired grants do not matter here.
bool fed_grants_current(const struct fed_grants *g);

// The audience and direction of a scope, seen by `own` identity. False: a scope of two others.
bool fed_grants_audience(const struct scope *scope, const uint8_t own[RECORD_KEY_BYTES],
                         char audience[CONSENT_AUDIENCE_BYTES_MAX + 1], bool ret_way[2]);
// What sync may do with it, bits of sync_allow (federation/exchange.h). 0 also where a grant has
// ended: the caller lets orders through as long as something may have been sent under it.
unsigned fed_grants_scope(const struct fed_grants *g, const struct scope *scope,
                          const uint8_t own[RECORD_KEY_BYTES], int64_t now_ms);

// Each (kind, audience, direction) that is open, once, in their order. A nonzero return ends it
// and is returned.
typedef int fed_grants_fn(void *ctx, const char *kind, const char *audience,
                          enum consent_direction direction);
int fed_grants_each(const struct fed_grants *g, int64_t now_ms, fed_grants_fn *fn, void *ctx);
