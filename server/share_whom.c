// Friends, groups and everyone; and what friends told of the patterns that they hold.
#include "core/base/mem.h"
#include "server/cap_fed.h"
#include "server/cap_models.h"
#include "server/fed_groups.h"
#include "server/share.h"

#include <stdio.h>
#include <string.h>

enum record_kind share_kind_of(enum payload_form form) {
    static const enum record_kind kinds[PAYLOAD_FORMS] = {
        [PAYLOAD_PATTERN] = RECORD_PATTERN,     [PAYLOAD_TAGS] = RECORD_PATTERN,
        [PAYLOAD_TEMPLATE] = RECORD_TEMPLATE,   [PAYLOAD_RESOURCE] = RECORD_RESOURCE,
        [PAYLOAD_METRIC] = RECORD_METRIC,       [PAYLOAD_DECISION] = RECORD_DECISION,
        [PAYLOAD_MILESTONE] = RECORD_MILESTONE,
    };
    return form < PAYLOAD_FORMS ? kinds[form] : (enum record_kind)0;
}

struct finding_friend {
    struct text who;
    struct peersdb_peer peer;
};

static int find_friend(struct fed_core *core, void *arg, struct err *err) {
    struct finding_friend *f = arg;
    return fed_peer_find(core, f->who, &f->peer, err);
}

struct finding_group {
    const char *name;
    struct scope *scope;
};

static int find_group(struct fed_core *core, void *arg, struct err *err) {
    const struct finding_group *g = arg;
    return groups_scope(fed_groups_of(core), g->name, g->scope, err);
}

int share_whom(struct call *call, struct text to, enum record_kind kind, struct share_whom *ret,
               struct err *err) {
    struct finding_friend f = {.who = to};
    char name[SHARE_TO_BYTES_MAX + 1];
    int r = models_copy("to", to, name, sizeof name, err);
    *ret = (struct share_whom){.scope = {.kind = kind, .audience = SCOPE_EVERYONE}};
    if (r < 0)
        return r;
    if (strcmp(name, CONSENT_EVERYONE) == 0 ||
        strncmp(name, CONSENT_GROUP, sizeof CONSENT_GROUP - 1) == 0) {
        r = consent_audience_check(record_kind_name(kind), name, err);
        if (r < 0)
            return r;
        (void)snprintf(ret->audience, sizeof ret->audience, "%s", name);
        grants_who(NULL, name, ret->who);
        if (strcmp(name, CONSENT_EVERYONE) != 0) {
            struct finding_group g = {name + sizeof CONSENT_GROUP - 1, &ret->scope};
            ret->scope.audience = SCOPE_GROUP;
            r = fed_run(call->services, find_group, &g, err);
            if (r < 0)
                return r;
        }
        return 0;
    }
    r = fed_run(call->services, find_friend, &f, err);
    if (r < 0)
        return r;
    consent_friend(f.peer.identity, ret->audience);
    (void)snprintf(ret->who, sizeof ret->who, "%s", f.peer.name);
    ret->scope.audience = SCOPE_FRIEND;
    memcpy(ret->scope.reader, f.peer.identity, sizeof ret->scope.reader);
    return 0;
}

// --- tags

struct hearing {
    struct tags_heard *heard;
    struct fed_core *core;
    const uint8_t (*ids)[TAGS_ID_BYTES];
    uint32_t count;
    uint32_t *ret;
};

static int hear(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES], const uint8_t *bytes,
                size_t n) {
    struct hearing *h = ctx;
    struct record r;
    struct payload p;
    (void)seq, (void)id;
    if (record_parse(bytes, n, &r, NULL) < 0 || r.kind != RECORD_PATTERN ||
        payload_parse((const char *)r.body, r.body_bytes, &p, NULL) < 0 || p.form != PAYLOAD_TAGS)
        return 0;
    return tags_hear(h->heard, r.author, &p, NULL) == ERR_NOMEM ? ERR_NOMEM : 0;
}

static int hear_scope(void *ctx, const struct scope *scope, const uint8_t *other, const char *who,
                      struct err *err) {
    struct hearing *h = ctx;
    uint8_t id[RECORD_SCOPE_BYTES];
    (void)other, (void)who;
    scope_id(scope, id);
    return peersdb_after(h->core->peersdb, id, 0, NULL, false, hear, h, err);
}

static int count_holders(struct fed_core *core, void *arg, struct err *err) {
    struct hearing *h = arg;
    h->core = core;
    h->heard = tags_heard_new(identity_key(core->id), tags_epoch(env_wall_ms(core->env)));
    if (!h->heard)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = share_scopes_each(core, 1U << RECORD_PATTERN, false, hear_scope, h, err);
    for (uint32_t i = 0; r == 0 && i < h->count; i++)
        h->ret[i] = tags_holders(h->heard, h->ids[i]);
    tags_heard_free(h->heard);
    return r;
}

int share_holders(struct call *call, const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count,
                  uint32_t *ret, struct err *err) {
    struct hearing h = {.ids = ids, .count = count, .ret = ret};
    memset(ret, 0, count * sizeof *ret);
    int r = fed_run(call->services, count_holders, &h, err);
    if (r == ERR_UNSUPPORTED && err)
        *err = (struct err){0};
    return r == ERR_UNSUPPORTED ? 0 : r;
}

struct telling {
    const struct share_whom *whom;
    const uint8_t (*ids)[TAGS_ID_BYTES];
    uint32_t count;
    struct buf *out;
};

static int make_tags(struct fed_core *core, void *arg, struct err *err) {
    const struct telling *t = arg;
    return tags_body(identity_key(core->id), t->whom->scope.reader,
                     tags_epoch(env_wall_ms(core->env)), t->ids, t->count, t->out, err);
}

int share_tags(struct call *call, const struct share_whom *whom,
               const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count, struct buf *out,
               struct err *err) {
    struct telling t = {whom, ids, count, out};
    return fed_run(call->services, make_tags, &t, err);
}
