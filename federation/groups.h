// Groups: several friends who share one set of records, each with all. A member is who knows the
// group's secret (32 bytes, handed on by people). When a friend's session stands each side shows a
// tag of each of its groups, bound to that session and to who speaks; where both know the secret
// the tags agree, and only then the group's scopes are opened with that friend. Who is no member
// learns neither name nor scope; how many groups there are is hidden among GROUPS_MAX tags.
//
// A member that leaves knows the secret still: a group is left by the others, who make a new one.
// Kept in peers.db. One owner thread, the node's. docs/FEDERATION.md, "Groups".
#pragma once

#include "federation/node.h"
#include "federation/peersdb.h"
#include "federation/scope.h"

enum { GROUPS_MAX = 32, GROUPS_SECRET_BYTES = 32, GROUPS_TAG_BYTES = 16, GROUPS_CALL_MS = 30000 };

struct groups;
struct groups_config {
    struct env *env;       // borrowed
    struct peersdb *peers; // borrowed
    // The groups in common with this device have changed; may be NULL.
    void (*met)(void *ctx, const uint8_t device[RECORD_KEY_BYTES]);
    void *ctx;
};
int groups_new(const struct groups_config *config, struct groups **ret, struct err *err);
void groups_free(struct groups *g); // after node_stop; wipes; accepts NULL
void groups_service(struct groups *g, struct node_service *ret);

// 1 to SCOPE_GROUP_BYTES_MAX bytes of UTF-8 without white space or controls.
bool groups_name_good(const char *name, size_t n);
// Joins, or makes with a fresh secret (NULL). Durable; every friend is shown the new tags.
// ERR_EXISTS (a group of this name with another secret), ERR_LIMIT, ERR_INVAL.
int groups_join(struct groups *g, const char *name, const uint8_t *secret, struct err *err);
int groups_leave(struct groups *g, const char *name, struct err *err); // ERR_NOT_FOUND
// Fills group and secret of `ret`, which has its kind. ERR_NOT_FOUND: not a member.
int groups_scope(const struct groups *g, const char *name, struct scope *ret, struct err *err);

struct group {
    char name[SCOPE_GROUP_BYTES_MAX + 1];
    uint8_t secret[GROUPS_SECRET_BYTES];
    int64_t since_ms;
    uint32_t common; // sessions with members of it
};
typedef void groups_fn(void *ctx, const struct group *group);       // borrowed
void groups_each(const struct groups *g, groups_fn *fn, void *ctx); // by name
// Those in common with a device whose session stands.
void groups_common(const struct groups *g, const uint8_t device[RECORD_KEY_BYTES], groups_fn *fn,
                   void *ctx);

// For tests: BLAKE2b-128 keyed with the secret over "paired group 1" NUL, the session's binding,
// and 1 for the side that dialled, else 0.
void groups_tag(const uint8_t secret[GROUPS_SECRET_BYTES], const uint8_t *binding, bool dialled,
                uint8_t ret[GROUPS_TAG_BYTES]);
