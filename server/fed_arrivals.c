// What arrives from friends is written into the audit log: how many records of which kind from
// whom. Counted as it comes, written by a worker a moment later, so that ten thousand records are
// one entry.
#include "server/fed_arrivals.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/store/audit.h"
#include "server/cap_fed.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 64, FLUSH_MS = 1000 };

struct row {
    enum record_kind kind;
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    bool refused;
    int64_t records, bytes;
};
struct fed_arrivals {
    struct fed_core *core;
    struct loop_timer *timer;
    struct row rows[ROWS];
    size_t n;
};
struct batch { // for the worker
    struct services *services;
    int64_t now_ms;
    size_t n;
    struct row rows[ROWS];
};

static int write_rows(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct batch *b = ctx;
    int r = 0;
    (void)result;
    for (size_t i = 0; i < b->n && r == 0; i++) {
        char purpose[64];
        (void)snprintf(purpose, sizeof purpose, "%lld record%s", (long long)b->rows[i].records,
                       b->rows[i].records == 1 ? "" : "s");
        const struct audit_entry entry = {.time_ms = b->now_ms,
                                          .event = AUDIT_ARRIVE,
                                          .outcome = b->rows[i].refused ? AUDIT_DENIED : AUDIT_OK,
                                          .bytes_in = b->rows[i].bytes,
                                          .kind = record_kind_name(b->rows[i].kind),
                                          .audience = b->rows[i].audience,
                                          .purpose = purpose,
                                          .model = ""};
        r = audit_append(db, &entry, NULL, err);
    }
    return r;
}

static void write_batch(void *ctx, bool ended) {
    struct batch *b = ctx;
    struct err err = {0};
    struct store *s = ended ? NULL : b->services->store(b->services, &err);
    int r = s ? store_write(s, &(struct origin){0}, write_rows, b, NULL, NULL, &err) : err.code;
    if (r < 0)
        log_line(LOG_WARN, "federation", "arrivals not audited code=%s rows=%zu", err_name(r),
                 b->n);
    mem_free(b);
}

static void flush(void *ctx) {
    struct fed_arrivals *a = ctx;
    struct batch *b = a->n ? mem_alloc(sizeof *b) : NULL;
    if (a->n && !b)
        loop_timer_start(a->timer, FLUSH_MS, 0);
    if (!b)
        return;
    *b = (struct batch){a->core->services, env_wall_ms(a->core->env), a->n, {{0}}};
    memcpy(b->rows, a->rows, sizeof a->rows);
    if (a->core->services->work(a->core->services, write_batch, b) == 0) {
        a->n = 0;
        return;
    }
    mem_free(b); // the workers have no room: with the next ones
    loop_timer_start(a->timer, FLUSH_MS, 0);
}

static struct row *row_of(struct fed_arrivals *a, enum record_kind kind, bool refused,
                          const char *audience) {
    for (size_t i = 0; i < a->n; i++)
        if (a->rows[i].kind == kind && a->rows[i].refused == refused &&
            strcmp(a->rows[i].audience, audience) == 0)
            return &a->rows[i];
    if (a->n == ROWS)
        flush(a);
    if (a->n == ROWS)
        return NULL;
    struct row *row = &a->rows[a->n++];
    *row = (struct row){.kind = kind, .refused = refused};
    (void)snprintf(row->audience, sizeof row->audience, "%s", audience);
    return row;
}

void fed_arrivals_count(struct fed_core *core, const struct record *r, bool refused) {
    struct fed_arrivals *a = core->part[FED_ARRIVALS];
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1] = "friend:";
    fed_hex(r->author, sizeof r->author, audience + strlen(audience));
    struct row *row = a ? row_of(a, r->kind, refused, audience) : NULL;
    if (!row)
        return;
    if (a->n == 1 && row->records == 0)
        loop_timer_start(a->timer, FLUSH_MS, 0);
    row->records++;
    size_t id = r->refers ? RECORD_ID_BYTES : 0;
    row->bytes += (int64_t)(RECORD_BYTES_MIN + id + r->body_bytes);
}

static void on_up(void *ctx, struct node_session *session) {
    struct fed_arrivals *a = ctx;
    (void)session;
    fed_count(a->core->services->fed, 1);
}

static void on_down(void *ctx, struct node_session *session, const struct err *why) {
    struct fed_arrivals *a = ctx;
    (void)session, (void)why;
    fed_count(a->core->services->fed, -1);
}

static int make(struct fed_core *core, void **ret, struct node_service *service, struct err *err) {
    static const struct node_method none[] = {{0}};
    struct fed_arrivals *a = mem_zalloc(sizeof *a);
    if (!a || loop_timer_new(core->loop, flush, a, &a->timer) < 0) {
        mem_free(a);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    a->core = core;
    *service = (struct node_service){.methods = none, .up = on_up, .down = on_down, .ctx = a};
    *ret = a;
    return 0;
}

static void stop(struct fed_core *core, void *part) {
    (void)core;
    flush(part);
}

static void done(void *part) {
    struct fed_arrivals *a = part;
    loop_timer_free(a->timer);
    mem_free(a);
}

const struct fed_part fed_part_arrivals = {.make = make, .stop = stop, .done = done};
