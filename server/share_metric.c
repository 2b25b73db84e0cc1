// Figures of a month, and the ledger of what they spend. An entry is written, and durable, before
// the noise is drawn; a figure that was begun and not finished (the machine went down between)
// stays spent. So no crash, and no second question, gives a second sample.
#include "core/privacy/metric.h"

#include "core/base/mem.h"
#include "core/store/agent_store.h"
#include "core/store/usage.h"
#include "server/cap_admin.h"
#include "server/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MONTHS_BACK_MAX = 12, KEY_BYTES_MAX = 64 };
#define LEDGER "share" // agent under which the ledger is kept; of no workspace
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static void key_of(const char *month, const char *name, char ret[KEY_BYTES_MAX]) {
    (void)snprintf(ret, KEY_BYTES_MAX, "metric/%s/%s", month, name);
}

// First millisecond of a month, and of the one behind it.
static bool bounds(const char *month, int64_t *ret_from, int64_t *ret_to) {
    int year = 0, m = 0, used = 0;
    if (sscanf(month, "%4d-%2d%n", &year, &m, &used) != 2 || used != 7 || month[7] || m < 1 ||
        m > 12)
        return false;
    struct tm from = {.tm_year = year - 1900, .tm_mon = m - 1, .tm_mday = 1};
    struct tm to = {.tm_year = year - 1900, .tm_mon = m, .tm_mday = 1};
    *ret_from = (int64_t)timegm(&from) * 1000;
    *ret_to = (int64_t)timegm(&to) * 1000;
    return true;
}

// --- the ledger

struct entry {
    bool there, drawn;
    int64_t epsilon, value;
};

static int read_entry(struct db *db, const char *month, const char *name, struct entry *ret,
                      struct err *err) {
    char key[KEY_BYTES_MAX];
    AUTO_BUF text = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    key_of(month, name, key);
    *ret = (struct entry){0};
    int r = agent_store_get(db, "", LEDGER, key, &text, err);
    if (r <= 0)
        return r;
    json_t *value = json_loadb(text.data, text.len, 0, NULL);
    const json_t *drawn = json_object_get(value, "value");
    ret->there = true;
    ret->drawn = json_is_integer(drawn);
    ret->value = json_integer_value(drawn);
    ret->epsilon = json_integer_value(json_object_get(value, "epsilon"));
    bool good = ret->epsilon > 0;
    json_decref(value);
    return good ? 0 : err_set(err, ERR_CORRUPT, "the ledger of figures cannot be read");
}

static int spent(struct db *db, const char *month, int64_t *ret, struct err *err) {
    *ret = 0;
    for (const struct metric_kind *k = metric_kinds; k->name; k++) {
        struct entry e;
        int r = read_entry(db, month, k->name, &e, err);
        if (r < 0)
            return r;
        *ret += e.epsilon;
    }
    return 0;
}

struct spending {
    const struct metric_kind *kind;
    const char *month;
    int64_t now_ms, value;
    bool drawn;
};

static int put_entry(struct db *db, const struct spending *s, struct err *err) {
    char key[KEY_BYTES_MAX];
    AUTO_BUF text = BUF_INIT(AGENT_VALUE_BYTES_MAX);
    key_of(s->month, s->kind->name, key);
    (void)buf_printf(&text, "{\"epsilon\":%d", METRIC_EPSILON);
    if (s->drawn)
        (void)buf_printf(&text, ",\"value\":%lld", (long long)s->value);
    (void)buf_putc(&text, '}');
    return text.failed ? err_set(err, ERR_NOMEM, "out of memory")
                       : agent_store_put(db, "", LEDGER, key, text.data, text.len, s->now_ms, err);
}

// On the store's writer: one at a time.
static int spend(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct spending *s = ctx;
    struct entry e;
    int64_t before = 0;
    (void)result;
    int r = read_entry(db, s->month, s->kind->name, &e, err);
    if (r == 0)
        r = spent(db, s->month, &before, err);
    if (r < 0)
        return r;
    if (e.there)
        return err_set(err, ERR_LIMIT, "%s of %s is spent: it was drawn before, or begun and lost",
                       s->kind->name, s->month);
    if (before + METRIC_EPSILON > METRIC_EPSILON_MONTH)
        return err_set(err, ERR_LIMIT, "the budget of %s is spent", s->month);
    return put_entry(db, s, err);
}

static int keep(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    return put_entry(db, ctx, err);
}

int share_metric_spent(struct store *s, const char month[8], int64_t *ret, struct err *err) {
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r == 0)
        r = spent(db, month, ret, err);
    store_reader_put(s, db);
    return r;
}

// --- the counts

struct days {
    const struct metric_kind *kind;
    int64_t count[METRIC_DAYS_MAX];
    size_t n;
};

static int note_day(void *ctx, const char *key, const struct usage_sum *sum, struct err *err) {
    struct days *d = ctx;
    (void)key, (void)err;
    if (d->n == METRIC_DAYS_MAX)
        return 0;
    const char *name = d->kind->name;
    d->count[d->n++] = strcmp(name, "models.requests") == 0       ? sum->requests
                       : strcmp(name, "models.failures") == 0     ? sum->failed
                       : strcmp(name, "models.kept-answers") == 0 ? sum->hits
                                                                  : sum->output / 1000;
    return 0;
}

static void random_bytes(void *ctx, void *out, size_t n) {
    (void)ctx;
    env_os_random(out, n);
}

static int draw(struct store *store, struct spending *s, int64_t from, int64_t to,
                struct err *err) {
    struct days days = {.kind = s->kind};
    struct db *db = NULL;
    int r = store_write(store, &(struct origin){0}, spend, s, NULL, NULL, err);
    if (r == 0)
        r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    r = usage_report(db, USAGE_BY_DAY, from, to - 1, METRIC_DAYS_MAX, note_day, &days, err);
    store_reader_put(store, db);
    if (r == 0)
        r = metric_release(s->kind, days.count, days.n, METRIC_EPSILON, random_bytes, NULL,
                           &s->value, err);
    s->drawn = true;
    return r < 0 ? r : store_write(store, &(struct origin){0}, keep, s, NULL, NULL, err);
}

int share_metric(struct call *call, const struct metric_kind *kind, const char month[8],
                 bool may_draw, int64_t *ret, struct err *err) {
    int64_t from = 0, to = 0;
    struct entry e;
    struct db *db = NULL;
    int r = 0;
    struct store *store = admin_store(call, &r, err);
    if (!store)
        return r;
    if (!bounds(month, &from, &to) || to > call->now_ms ||
        call->now_ms - to > MONTHS_BACK_MAX * 31 * DAY_MS)
        return err_set(err, ERR_INVAL, "month: one that is over, of the last year, as 2026-10");
    r = store_reader_get(store, &db, err);
    if (r == 0)
        r = read_entry(db, month, kind->name, &e, err);
    store_reader_put(store, db);
    if (r < 0)
        return r;
    if (e.drawn) {
        *ret = e.value;
        return 0;
    }
    if (!may_draw)
        return err_set(err, ERR_NOT_FOUND, "%s of %s was not drawn here", kind->name, month);
    struct spending s = {.kind = kind, .month = month, .now_ms = call->now_ms};
    r = draw(store, &s, from, to, err);
    if (r == 0)
        *ret = s.value;
    return r;
}
