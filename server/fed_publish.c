// Our own records: what leaves is audited first, and signed only under a grant that still stands.
#include "core/base/mem.h"
#include "core/store/audit.h"
#include "federation/records.h"
#include "server/fed_impl.h"

#include <string.h>

static int sign(void *ctx, const void *bytes, size_t n, uint8_t ret[RECORD_SIGNATURE_BYTES],
                struct err *err) {
    const struct fed_core *core = ctx;
    (void)err;
    identity_sign(core->id, bytes, n, ret);
    return 0;
}

int fed_core_put(struct fed_core *core, struct record *r, uint8_t ret_id[RECORD_ID_BYTES],
                 struct err *err) {
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    struct records_signer by = {.sign = sign, .ctx = core};
    memcpy(by.author, identity_key(core->id), sizeof by.author);
    memcpy(by.device, identity_device(core->id), sizeof by.device);
    r->created_ms = env_wall_ms(core->env);
    int code = peersdb_counter(core->peersdb, &r->counter, err);
    if (code == 0)
        code = records_sign(r, &by, &bytes, ret_id, err);
    if (code < 0)
        return code;
    struct peersdb_item item = {.bytes = (const uint8_t *)bytes.data, .n = bytes.len};
    code = peersdb_put(core->peersdb, NULL, r->scope, &item, 1, NULL, r->created_ms, err);
    if (code == 0 && item.result < 0)
        code = err_set(err, item.result, "the record was refused: %s", err_name(item.result));
    if (code == 0)
        fed_core_pump(core);
    return code;
}

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
    if (r.refers)
        memcpy(r.refers_to, p->what->supersedes, sizeof r.refers_to);
    scope_id(&scope, r.scope);
    return fed_core_put(core, &r, p->ret_id, err);
}

static int write_audit(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    return audit_append(db, ctx, NULL, err);
}

int fed_publish(struct services *s, const struct fed_record *r, uint8_t ret_id[RECORD_ID_BYTES],
                struct err *err) {
    struct publishing p = {r, ret_id};
    struct store *store = s->store(s, err);
    if (!store)
        return err && err->code ? err->code : ERR_IO;
    struct audit_entry entry = {.time_ms = env_now_wall_ms(),
                                .event = AUDIT_SEND,
                                .outcome = AUDIT_OK,
                                .bytes_out = (int64_t)r->body_bytes,
                                .kind = record_kind_name(r->scope.kind),
                                .audience = r->audience,
                                .purpose = "share",
                                .model = "",
                                .workspace = r->workspace};
    int code = store_write(store, &(struct origin){0}, write_audit, &entry, NULL, NULL, err);
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
    AUTO_BUF bytes = BUF_INIT(RECORD_BYTES_MAX);
    enum peersdb_state state;
    struct record old, r = {.kind = RECORD_REVOCATION, .refers = true};
    uint8_t id[RECORD_ID_BYTES];
    int code = peersdb_get(core->peersdb, t->id, &bytes, &state, err);
    if (code == ERR_NOT_FOUND)
        return err_set(err, code, "no such record is shared, or it has been taken back");
    if (code == 0)
        code = records_open((const uint8_t *)bytes.data, bytes.len, &old, id, err);
    if (code < 0)
        return code;
    if (memcmp(old.author, identity_key(core->id), sizeof old.author) != 0)
        return err_set(err, ERR_PERM, "the record is somebody else's: reject it instead");
    size_t n = t->reason ? strlen(t->reason) : 0;
    if (n > RECORD_REASON_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the reason is longer than %d bytes",
                       (int)RECORD_REASON_BYTES_MAX);
    memcpy(r.scope, old.scope, sizeof r.scope);
    memcpy(r.refers_to, t->id, sizeof r.refers_to);
    r.body = (const uint8_t *)(t->reason ? t->reason : "");
    r.body_bytes = n;
    return fed_core_put(core, &r, t->ret_id, err);
}

int fed_take_back(struct services *s, const uint8_t id[RECORD_ID_BYTES], const char *reason,
                  uint8_t ret_id[RECORD_ID_BYTES], struct err *err) {
    struct taking t = {id, reason, ret_id};
    return fed_run(s, take_back, &t, err);
}
