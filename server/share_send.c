// Lets a body go that the user has seen: looked at once more, under a grant that stands.
#include "core/base/mem.h"
#include "core/code/pattern.h"
#include "core/privacy/metric.h"
#include "server/cap_admin.h"
#include "server/cap_fed.h"
#include "server/cap_models.h"
#include "server/grants_ask.h"
#include "server/share.h"

#include <stdio.h>
#include <string.h>

const struct field share_send_fields[] = {
    {.name = "to",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct share_send_input, to),
     .min = 1,
     .max = SHARE_TO_BYTES_MAX},
    {.name = "body",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct share_send_input, body),
     .min = 1,
     .max = PAYLOAD_BYTES_MAX},
    {.name = "named", .type = FIELD_BOOL, .offset = offsetof(struct share_send_input, named)},
    {0},
};
const struct field share_take_back_fields[] = {
    {.name = "id",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct share_take_back_input, id),
     .min = SHARE_ID_DIGITS_MIN,
     .max = 2 * RECORD_ID_BYTES},
    {.name = "reason",
     .type = FIELD_STRING,
     .offset = offsetof(struct share_take_back_input, reason),
     .max = RECORD_REASON_BYTES_MAX},
    {0},
};

// A figure is sent as it was drawn, or not at all: nobody chooses his noise.
static int check_metric(struct call *call, const struct payload *p, struct err *err) {
    const struct metric_kind *kind = metric_find(p->name.data, p->name.len);
    char month[8];
    int64_t drawn = 0;
    int r = models_copy("month", p->period, month, sizeof month, err);
    if (r == 0)
        r = share_metric(call, kind, month, false, &drawn, err);
    if (r == 0 && (drawn != p->value || p->epsilon != METRIC_EPSILON))
        r = err_set(err, ERR_PERM, "that is not the figure that was drawn");
    return r;
}

// Below k others only to one friend, and only when it was named for him.
static int check_pattern(struct call *call, const struct payload *p, const struct share_whom *whom,
                         bool named, struct err *err) {
    struct pattern_reader *reader = pattern_reader_new();
    struct pattern *pattern = NULL;
    uint32_t holders = 0;
    uint8_t id[1][TAGS_ID_BYTES];
    int r = reader ? pattern_parse(reader, language_by_name(p->language.data, p->language.len),
                                   p->text.data, p->text.len - 1, &pattern, err)
                   : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0) {
        memcpy(id[0], pattern->id, sizeof id[0]);
        r = share_holders(call, (const uint8_t(*)[TAGS_ID_BYTES])id, 1, &holders, err);
    }
    pattern_free(pattern);
    pattern_reader_free(reader);
    if (r < 0 || holders + 1 >= TAGS_K)
        return r;
    if (named && whom->scope.audience == SCOPE_FRIEND)
        return 0;
    return err_set(err, ERR_PERM,
                   "%u other%s hold%s it, %d have to: until then it goes only to a friend for whom "
                   "you name it (paired share pattern ID --to FRIEND)",
                   holders, holders == 1 ? "" : "s", holders == 1 ? "s" : "", TAGS_K - 1);
}

static int check(struct call *call, const struct share_send_input *in, struct payload *p,
                 struct share_whom *whom, struct err *err) {
    struct share_own own;
    struct look *look = look_new();
    int r = look ? payload_parse(in->body.data, in->body.len, p, err)
                 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = share_own_get(call, &own, err);
    if (r == 0) {
        r = look_payload(look, p, &own.look, err);
        share_own_put(&own);
    }
    look_free(look);
    if (r == 0)
        r = share_whom(call, in->to, share_kind_of(p->form), whom, err);
    if (r == 0 && p->form == PAYLOAD_METRIC)
        r = check_metric(call, p, err);
    if (r == 0 && p->form == PAYLOAD_PATTERN)
        r = check_pattern(call, p, whom, in->named, err);
    return r;
}

// --- what is there already

struct known {
    struct scope scope;
    struct text body;
    bool tags;
    bool same, older; // found: the very body; tags of ours that these take the place of
    uint8_t id[RECORD_ID_BYTES];
};
struct known_visit {
    struct known *k;
    const uint8_t *author;
};

static int compare_known(void *ctx, int64_t seq, const uint8_t id[RECORD_ID_BYTES],
                         const uint8_t *bytes, size_t n) {
    const struct known_visit *v = ctx;
    struct known *k = v->k;
    struct record r;
    struct payload p;
    (void)seq;
    if (record_parse(bytes, n, &r, NULL) < 0 || r.kind != k->scope.kind ||
        memcmp(r.author, v->author, sizeof r.author) != 0)
        return 0;
    bool same = r.body_bytes == k->body.len && memcmp(r.body, k->body.data, r.body_bytes) == 0;
    bool tags = k->tags && payload_parse((const char *)r.body, r.body_bytes, &p, NULL) == 0 &&
                p.form == PAYLOAD_TAGS;
    if (same || tags) {
        k->same = same;
        k->older = !same;
        memcpy(k->id, id, sizeof k->id);
    }
    return same;
}

static int find_known(struct fed_core *core, void *arg, struct err *err) {
    struct known *k = arg;
    struct known_visit v = {k, identity_key(core->id)};
    uint8_t id[RECORD_SCOPE_BYTES];
    memcpy(k->scope.author, v.author, sizeof k->scope.author);
    scope_id(&k->scope, id);
    int r = peersdb_after(core->peersdb, id, 0, NULL, false, compare_known, &v, err);
    return r > 0 ? 0 : r;
}

static int answer_sent(struct answer *answer, const struct share_whom *whom, const uint8_t *id,
                       bool known, struct err *err) {
    char hex[2 * RECORD_ID_BYTES + 1];
    fed_hex(id, RECORD_ID_BYTES, hex);
    return admin_answer(answer,
                        json_pack("{ss ss ss ss sb}", "id", hex, "kind",
                                  record_kind_name(whom->scope.kind), "audience", whom->audience,
                                  "who", whom->who, "known", known),
                        err);
}

int share_send(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct share_send_input *in = input;
    struct payload p;
    struct share_whom whom;
    struct consent_pass pass;
    uint8_t id[RECORD_ID_BYTES];
    char purpose[256];
    int r = check(call, in, &p, &whom, err);
    if (r < 0)
        return r;
    (void)snprintf(purpose, sizeof purpose, "What was shown (%s, %zu bytes) goes to %s.",
                   payload_form_name(p.form), in->body.len, whom.who);
    const struct grants_first first = {.what = {record_kind_name(whom.scope.kind), whom.audience,
                                                CONSENT_OUT, call->caller->workspace},
                                       .who = whom.who,
                                       .purpose = purpose};
    r = grants_ask_first(call, &first, &pass, answer, err);
    if (r <= 0)
        return r;
    struct known known = {.scope = whom.scope, .body = in->body, .tags = p.form == PAYLOAD_TAGS};
    r = fed_run(call->services, find_known, &known, err);
    if (r < 0)
        return r;
    if (known.same)
        return answer_sent(answer, &whom, known.id, true, err);
    struct origin origin = models_origin(call);
    const struct fed_record record = {.scope = whom.scope,
                                      .pass = pass,
                                      .audience = whom.audience,
                                      .workspace = call->caller->workspace,
                                      .body = in->body.data,
                                      .body_bytes = in->body.len,
                                      .supersedes = known.older ? known.id : NULL,
                                      .origin = &origin};
    r = fed_publish(call->services, &record, id, err);
    return r < 0 ? r : answer_sent(answer, &whom, id, false, err);
}
