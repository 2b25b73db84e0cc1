// Our own records: what leaves is audited first, and signed only under a grant that still stands.
#include "core/store/audit.h"
#include "server/fed_exchange.h"
#include "server/fed_groups.h"
#include "server/fed_impl.h"

#include <string.h>

// --- publishing

struct publishing {
    const struct fed_record *what;
    uint8_t *ret_id;
};

static int publish(struct fed_core *core, void *arg, struct err *err) {
    const struct publishing *p = arg;
    struct scope scope = p->what->scope;
    struct record r = {.kind = scope.kind,
                       .expires_ms = p->what->expires_ms,
                       .refers = p->what->supersedes != NULL,
                       .body = p->what->body,
                       .body_bytes = p->what->body_bytes};
    if (!consent_stands(core->store, &p->what->pass, env_wall_ms(core->env)))
        return err_set(err, ERR_PERM, "the grant was withdrawn meanwhile: nothing was shared");
    memcpy(scope.author, identity_key(core->id), sizeof scope.author);
    int code = scope.audience == SCOPE_GROUP
                   ? groups_scope(fed_groups_of(core), p->what->scope.group, &scope, err)
                   : 0;
    if (code < 0)
        return code;
    if (r.refers)
        memcpy(r.refers_to, p->what->supersedes, sizeof r.refers_to);
    scope_id(&scope, r.scope);
    return exchange_put(fed_exchange_of(core), &r, p->ret_id, err);
}

static int write_audit(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    return audit_append(db, ctx, NULL, err);
}

int fed_audit_entry(struct services *s, const struct audit_entry *entry, struct err *err) {
    struct store *store = s->store(s, err);
    struct audit_entry copy = *entry;
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    return store_write(store, &(struct origin){0}, write_audit, &copy, NULL, NULL, err);
}

int fed_publish(struct services *s, const struct fed_record *r, uint8_t ret_id[RECORD_ID_BYTES],
                struct err *err) {
    struct publishing p = {r, ret_id};
    struct audit_entry entry = {.time_ms = env_now_wall_ms(),
                                .event = AUDIT_SEND,
                                .outcome = AUDIT_OK,
                                .bytes_out = (int64_t)r->body_bytes,
                                .kind = record_kind_name(r->scope.kind),
                                .audience = r->audience,
                                .purpose = "share",
                                .model = "",
                                .workspace = r->workspace};
    int code = fed_audit_entry(s, &entry, err);
    return code < 0 ? code : fed_run(s, publish, &p, err);
}

// --- taking back

struct taking {
    const uint8_t *id;
    const char *reason;
    uint8_t *ret_id;
};

static int take_back(struct fed_core *core, void *arg, struct err *err) {
    const struct taking *t = arg;
    return exchange_take_back(fed_exchange_of(core), t->id, t->reason, t->ret_id, err);
}

int fed_take_back(struct services *s, const uint8_t id[RECORD_ID_BYTES], const char *reason,
                  uint8_t ret_id[RECORD_ID_BYTES], struct err *err) {
    struct taking t = {id, reason, ret_id};
    return fed_run(s, take_back, &t, err);
}
