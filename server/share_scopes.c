// Which scopes there are: of each friend, of our groups, of everyone.
#include "core/base/mem.h"
#include "server/fed_groups.h"
#include "server/share.h"

#include <stdio.h>
#include <string.h>

// --- friends, once each, though they have several devices

struct friends {
    uint8_t (*list)[RECORD_KEY_BYTES];
    char (*name)[PEERSDB_NAME_BYTES_MAX];
    uint32_t count;
    bool failed;
};
enum { FRIENDS_MAX = TAGS_PEERS_MAX };

static void note_friend(void *ctx, const struct peersdb_peer *p) {
    struct friends *f = ctx;
    for (uint32_t i = 0; i < f->count; i++)
        if (memcmp(f->list[i], p->identity, sizeof p->identity) == 0)
            return;
    if (f->count == FRIENDS_MAX)
        return;
    memcpy(f->list[f->count], p->identity, sizeof p->identity);
    memcpy(f->name[f->count++], p->name, sizeof p->name);
}

static int each_kind(struct scope *scope, unsigned kinds, const uint8_t *other, const char *who,
                     share_scope_fn *fn, void *ctx, struct err *err) {
    int r = 0;
    for (unsigned kind = RECORD_PATTERN; r == 0 && kind <= RECORD_MILESTONE; kind++) {
        scope->kind = (enum record_kind)kind;
        if (kinds & (1U << kind))
            r = fn(ctx, scope, other, who, err);
    }
    return r;
}

static int each_friend(struct fed_core *core, const struct friends *f, unsigned kinds, bool out,
                       share_scope_fn *fn, void *ctx, struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < f->count; i++) {
        struct scope scope = {.audience = SCOPE_FRIEND};
        memcpy(out ? scope.author : scope.reader, identity_key(core->id), RECORD_KEY_BYTES);
        memcpy(out ? scope.reader : scope.author, f->list[i], RECORD_KEY_BYTES);
        r = each_kind(&scope, kinds, f->list[i], f->name[i], fn, ctx, err);
    }
    return r;
}

struct group_visit {
    unsigned kinds;
    share_scope_fn *fn;
    void *ctx;
    struct err *err;
    int r;
};

static void visit_group(void *ctx, const struct group *g) {
    struct group_visit *v = ctx;
    struct scope scope = {.audience = SCOPE_GROUP};
    char who[SCOPE_GROUP_BYTES_MAX + 16];
    memcpy(scope.group, g->name, sizeof scope.group);
    memcpy(scope.secret, g->secret, sizeof scope.secret);
    (void)snprintf(who, sizeof who, "group %s", g->name);
    if (v->r == 0)
        v->r = each_kind(&scope, v->kinds, NULL, who, v->fn, v->ctx, v->err);
}

int share_scopes_each(struct fed_core *core, unsigned kinds, bool out, share_scope_fn *fn,
                      void *ctx, struct err *err) {
    struct friends f = {.list = mem_alloc(FRIENDS_MAX * sizeof *f.list),
                        .name = mem_alloc(FRIENDS_MAX * sizeof *f.name)};
    struct scope everyone = {.audience = SCOPE_EVERYONE};
    struct group_visit v = {.kinds = kinds, .fn = fn, .ctx = ctx, .err = err};
    v.r = f.list && f.name ? peersdb_peers(core->peersdb, note_friend, &f, err)
                           : err_set(err, ERR_NOMEM, "out of memory");
    if (v.r == 0)
        v.r = each_friend(core, &f, kinds, out, fn, ctx, err);
    if (v.r == 0)
        groups_each(fed_groups_of(core), visit_group, &v);
    if (v.r == 0)
        v.r = each_kind(&everyone, kinds, NULL, CONSENT_EVERYONE, fn, ctx, err);
    mem_free(f.list);
    mem_free(f.name);
    return v.r;
}

struct naming {
    const uint8_t *identity;
    char *ret;
};

static void note_name(void *ctx, const struct peersdb_peer *p) {
    const struct naming *n = ctx;
    if (memcmp(p->identity, n->identity, sizeof p->identity) == 0)
        memcpy(n->ret, p->name, sizeof p->name);
}

void share_name_of(struct fed_core *core, const uint8_t identity[RECORD_KEY_BYTES],
                   char ret[PEERSDB_NAME_BYTES_MAX]) {
    struct naming n = {identity, ret};
    char words[IDENTITY_SHORT_BYTES];
    identity_short(identity, words);
    (void)snprintf(ret, PEERSDB_NAME_BYTES_MAX, "%s", words);
    (void)peersdb_peers(core->peersdb, note_name, &n, NULL);
}
