// The look at arrivals: the same that is taken before something leaves, without what only the
// sender knows of itself.
#include "server/fed_share.h"

#include "core/privacy/look.h"
#include "server/share.h"

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    (void)core, (void)service;
    *ret = look_new();
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static void done(void *part) {
    look_free(part);
}

// The scrub of peers.db.
static int scrub(struct fed_core *core, void *part, const struct record *r) {
    struct payload p;
    int e = payload_parse((const char *)r->body, r->body_bytes, &p, NULL);
    (void)core;
    if (e == 0 && share_kind_of(p.form) != r->kind)
        e = ERR_PERM;
    return e < 0 ? e : look_payload(part, &p, NULL, NULL);
}

const struct fed_part fed_part_share = {.make = make, .done = done, .scrub = scrub};
