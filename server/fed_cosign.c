// Cosigning as a part of the federation's thread: serves friends, and has our own log looked after.
#include "core/base/log.h"
#include "core/base/mem.h"
#include "federation/cosign_saved.h"
#include "server/fed_audit.h"
#include "server/fed_impl.h"

#include <string.h>

struct part {
    struct fed_core *core;
    struct cosign *cosign;
    struct loop_timer *timer;
};

static int sign(void *ctx, const void *bytes, size_t n, uint8_t ret[CHECKPOINT_SIGNATURE_BYTES],
                struct err *err) {
    struct part *p = ctx;
    if (identity_revoked(p->core->id))
        return err_set(err, ERR_PERM, "this device was revoked by another of its owner's");
    identity_sign(p->core->id, bytes, n, ret);
    return 0;
}

static void refused(void *ctx, const uint8_t *device, int code, const struct err *why) {
    struct part *p = ctx;
    (void)why;
    log_line(LOG_WARN, "federation", "a friend's audit log was not cosigned code=%s",
             err_name(code));
    if (code == ERR_KEY || code == ERR_CORRUPT) // forged, or rewritten
        (void)peersdb_improper(p->core->peersdb, device, 1, NULL);
}

static void look_after(void *ctx, bool ended) {
    struct err err = {0};
    int r = ended ? 0 : fed_audit_round(ctx, false, NULL, &err);
    if (r < 0 && r != ERR_NOT_FOUND && r != ERR_CLOSED)
        log_line(LOG_WARN, "federation", "no checkpoint of the audit log code=%s", err_name(r));
}

static void on_timer(void *ctx) {
    struct part *p = ctx;
    (void)p->core->services->work(p->core->services, look_after, p->core->services);
    loop_timer_start(p->timer, FED_AUDIT_EVERY_MS, 0);
}

static void done(void *part) {
    struct part *p = part;
    cosign_free(p->cosign);
    mem_free(p);
}

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    struct part *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct cosign_config config = {.env = core->env,
                                   .memory = cosign_saved(core->peersdb),
                                   .sign = sign,
                                   .refused = refused,
                                   .ctx = p};
    memcpy(config.key, identity_device(core->id), sizeof config.key);
    p->core = core;
    p->cosign = cosign_new(&config);
    if (!p->cosign) {
        mem_free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *service = cosign_service(p->cosign);
    *ret = p;
    return 0;
}

static int start(struct fed_core *core, void *part, struct err *err) {
    struct part *p = part;
    if (loop_timer_new(core->loop, on_timer, p, &p->timer) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    loop_timer_start(p->timer, FED_AUDIT_FIRST_MS, 0);
    return 0;
}

static void stop(struct fed_core *core, void *part) {
    struct part *p = part;
    (void)core;
    loop_timer_free(p->timer);
    p->timer = NULL;
}

const struct fed_part fed_part_cosign = {.make = make, .start = start, .stop = stop, .done = done};
