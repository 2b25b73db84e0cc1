// The audit log and usage, from the command line.
#include "core/base/mem.h"
#include "core/store/checkpoints.h"
#include "core/store/usage.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/fed_names.h"
#include "server/when.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 50, LIST_MAX = 1000, USAGE_DEFAULT = 100, SINCE_DAYS = 30 };
#define DAY_MS (24LL * 60 * 60 * 1000)

// --- audit --------------------------------------------------------------------------------------

#define NUMBER(owner, member, minimum, maximum)                                                    \
    {                                                                                              \
        .name = #member, .type = FIELD_INT, .offset = offsetof(owner, member), .min = (minimum),   \
        .max = (maximum)                                                                           \
    }

const struct field audit_list_fields[] = {
    NUMBER(struct audit_list_input, before, 1, INT64_MAX),
    NUMBER(struct audit_list_input, limit, 1, LIST_MAX),
    {0},
};
const struct field audit_export_fields[] = {
    NUMBER(struct audit_list_input, after, 0, INT64_MAX),
    NUMBER(struct audit_list_input, limit, 1, LIST_MAX),
    {.name = "private",
     .type = FIELD_BOOL,
     .offset = offsetof(struct audit_list_input, private_too)},
    {0},
};
const struct field audit_verify_fields[] = {
    {.name = "mark",
     .type = FIELD_STRING,
     .offset = offsetof(struct audit_verify_input, mark),
     .min = 3,
     .max = 100},
    {0},
};

static json_t *entry_json(const struct audit_entry *e) {
    return json_pack("{sI sI ss ss sI sI sI ss ss ss ss}", "seq", (json_int_t)e->seq, "time_ms",
                     (json_int_t)e->time_ms, "event", audit_event_name(e->event), "outcome",
                     audit_outcome_name(e->outcome), "ref", (json_int_t)e->ref, "bytes_out",
                     (json_int_t)e->bytes_out, "bytes_in", (json_int_t)e->bytes_in, "kind", e->kind,
                     "audience", e->audience, "purpose", e->purpose, "model", e->model);
}

struct rows {
    json_t *list;
    const struct fed_names *names; // of a list
    bool bytes, private_too;
};

static void put_bytes(json_t *one, const struct audit_row *row) {
    char leaf[2 * AUDIT_LEAF_BYTES_MAX + 1], link[2 * AUDIT_HASH_BYTES + 1];
    (void)sodium_bin2hex(leaf, sizeof leaf, row->leaf, row->leaf_bytes);
    (void)sodium_bin2hex(link, sizeof link, row->link, AUDIT_HASH_BYTES);
    (void)json_object_set_new(one, "leaf", json_string(leaf));
    (void)json_object_set_new(one, "link", json_string(link));
}

static int note_row(void *ctx, const struct audit_row *row, struct err *err) {
    struct rows *r = ctx;
    json_t *one = entry_json(&row->entry);
    if (one && !r->bytes && strcmp(row->entry.kind, CONSENT_BACKEND) != 0) {
        char who[GRANTS_WHO_BYTES_MAX];
        grants_who(r->names, row->entry.audience, who);
        (void)json_object_set_new(one, "who", json_string(who));
    }
    if (one && row->entry.about_workspace && (!r->bytes || r->private_too))
        (void)json_object_set_new(one, "workspace", models_text(row->entry.workspace));
    if (one && r->bytes)
        put_bytes(one, row);
    if (one && r->private_too && row->salt) {
        char salt[2 * AUDIT_SALT_BYTES + 1];
        (void)sodium_bin2hex(salt, sizeof salt, row->salt, AUDIT_SALT_BYTES);
        (void)json_object_set_new(one, "salt", json_string(salt));
    }
    return json_array_append_new(r->list, one) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static int answer_rows(struct call *call, const struct audit_list_input *in, bool bytes,
                       struct answer *answer, struct err *err) {
    struct rows rows = {.list = json_array(), .bytes = bytes, .private_too = in->private_too};
    int64_t limit = in->limit ? in->limit : LIST_DEFAULT;
    struct audit_state head = {0};
    struct fed_names names = {.off = true};
    struct store *s;
    struct db *db;
    if (!bytes)
        (void)fed_names_load(call->services, &names, NULL); // names are for people
    rows.names = &names;
    int r = models_reader(call, &s, &db, err);
    if (r == 0) {
        r = bytes ? audit_oldest(db, in->after, limit, note_row, &rows, err)
                  : audit_newest(db, in->before, limit, note_row, &rows, err);
        if (r == 0)
            r = audit_head(db, &head, err);
        store_reader_put(s, db);
    }
    fed_names_done(&names);
    if (r < 0) {
        json_decref(rows.list);
        return r;
    }
    return admin_answer(answer,
                        json_pack("{sI sI so}", "count", (json_int_t)head.entries, "base",
                                  (json_int_t)head.base, "entries", rows.list),
                        err);
}

int models_audit_list(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    return answer_rows(call, input, false, answer, err);
}

int models_audit_export(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    return answer_rows(call, input, true, answer, err);
}

// "number:link", as `audit verify` printed it.
static int read_mark(struct text t, struct audit_mark *ret, struct err *err) {
    static const char digits[] = "0123456789abcdef"; // as printed: nothing else is one
    char text[101], *end = NULL;
    int r = models_copy("mark", t, text, sizeof text, err);
    if (r < 0)
        return r;
    ret->entries = strtoll(text, &end, 10);
    bool good = end != text && *end == ':' && ret->entries >= 0 &&
                strlen(end + 1) == 2 * (size_t)AUDIT_HASH_BYTES;
    for (size_t i = 0; good && i < 2 * (size_t)AUDIT_HASH_BYTES; i++) {
        const char *digit = strchr(digits, end[1 + i]);
        good = digit != NULL;
        if (good)
            ret->link[i / 2] = (uint8_t)(ret->link[i / 2] << 4 | (digit - digits));
    }
    return good ? 0
                : err_set(err, ERR_INVAL,
                          "mark: expected number:link as an earlier audit verify printed it");
}

static bool gone(void *ctx) {
    struct call *call = ctx;
    call_progress(call, 0, -1, "computing the audit log's hashes");
    return job_cancelled(call->job);
}

int models_audit_verify(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    const struct audit_verify_input *in = input;
    struct audit_mark mark = {0};
    struct checkpoints_state found = {.checkpoints = 0};
    char link[2 * AUDIT_HASH_BYTES + 1], root[2 * AUDIT_HASH_BYTES + 1];
    struct err why = {0};
    struct store *s;
    struct db *db;
    json_t *out = NULL;
    int r = in->mark.data ? read_mark(in->mark, &mark, err) : 0;
    if (r == 0)
        r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    int verdict = checkpoints_verify(db, in->mark.data ? &mark : NULL, gone, call, &found, &why);
    if (verdict == 0) {
        (void)sodium_bin2hex(link, sizeof link, found.log.link, AUDIT_HASH_BYTES);
        (void)sodium_bin2hex(root, sizeof root, found.log.root, AUDIT_HASH_BYTES);
        out =
            json_pack("{sb sI sI ss ss sI sI}", "ok", 1, "entries", (json_int_t)found.log.entries,
                      "base", (json_int_t)found.log.base, "link", link, "root", root, "checkpoints",
                      (json_int_t)found.checkpoints, "older", (json_int_t)found.older);
    } else if (verdict == ERR_CORRUPT) { // what was asked for
        out = json_pack("{sb ss}", "ok", 0, "problem", err_text(&why));
    }
    if (out) // also of a log that does not fit: who can show it
        r = audit_put_cosigners(call, db, out, err);
    store_reader_put(s, db);
    if (verdict < 0 && verdict != ERR_CORRUPT)
        r = err_set(err, verdict, "%s", err_text(&why));
    if (r < 0) {
        json_decref(out);
        return r;
    }
    return admin_answer(answer, out, err);
}

// --- usage --------------------------------------------------------------------------------------

static const char *const by_names[] = {"day",     "agent",     "backend", "model",
                                       "session", "workspace", NULL};

const struct field usage_fields[] = {
    {.name = "by",
     .type = FIELD_ENUM,
     .offset = offsetof(struct usage_input, by),
     .values = by_names},
    {.name = "since",
     .type = FIELD_STRING,
     .offset = offsetof(struct usage_input, since),
     .min = 1,
     .max = 64},
    {.name = "workspace",
     .type = FIELD_STRING,
     .offset = offsetof(struct usage_input, workspace),
     .min = 1,
     .max = USAGE_PATH_BYTES_MAX},
    NUMBER(struct usage_input, limit, 1, LIST_MAX),
    {0},
};

static json_t *sum_json(const struct usage_sum *s) {
    return json_pack("{sI sI sI sI sI sI sI sI sI sI}", "requests", (json_int_t)s->requests,
                     "failed", (json_int_t)s->failed, "input", (json_int_t)s->input, "cached",
                     (json_int_t)s->cached, "cache_write", (json_int_t)s->cache_write, "output",
                     (json_int_t)s->output, "cost_microusd", (json_int_t)s->cost, "saved_microusd",
                     (json_int_t)s->saved, "hits", (json_int_t)s->hits, "hit_tokens",
                     (json_int_t)s->hit_tokens);
}

static int note_usage(void *ctx, const char *key, const struct usage_sum *sum, struct err *err) {
    json_t *one = sum_json(sum);
    if (one)
        (void)json_object_set_new(one, "key", json_string(key));
    return json_array_append_new(ctx, one) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

struct totals {
    struct usage_sum all, day, month;
};

static int read_usage(struct db *db, const struct usage_input *in, const char *workspace,
                      int64_t since_ms, int64_t now_ms, json_t *rows, struct totals *t,
                      struct err *err) {
    int r = usage_report_of(db, workspace, (enum usage_by)in->by, since_ms, now_ms,
                            in->limit ? in->limit : USAGE_DEFAULT, note_usage, rows, err);
    if (r == 0)
        r = usage_total_of(db, workspace, since_ms, now_ms, &t->all, err);
    if (r == 0)
        r = usage_total_of(db, workspace, now_ms, now_ms, &t->day, err);
    return r < 0 ? r
                 : usage_total_of(db, workspace, usage_month_start(now_ms), now_ms, &t->month, err);
}

int models_usage(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct usage_input *in = input;
    int64_t since_ms = call->now_ms - SINCE_DAYS * DAY_MS;
    AUTO_FREE char *workspace =
        in->workspace.data ? mem_strndup(in->workspace.data, in->workspace.len) : NULL;
    struct totals t = {0};
    struct store *s;
    struct db *db;
    if (in->workspace.data && !workspace)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = in->since.data
                ? when_parse(in->since.data, in->since.len, call->now_ms, false, &since_ms, err)
                : 0;
    if (r == 0)
        r = models_reader(call, &s, &db, err);
    if (r < 0)
        return r;
    json_t *rows = json_array();
    r = read_usage(db, in, workspace, since_ms, call->now_ms, rows, &t, err);
    store_reader_put(s, db);
    if (r < 0) {
        json_decref(rows);
        return r;
    }
    return admin_answer(answer,
                        json_pack("{ss sI so so so so}", "by", by_names[in->by], "since_ms",
                                  (json_int_t)since_ms, "rows", rows, "total", sum_json(&t.all),
                                  "today", sum_json(&t.day), "month", sum_json(&t.month)),
                        err);
}
