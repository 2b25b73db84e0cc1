// Bodies of what the user chose, before anything is sent: made, masked, looked at.
#include "core/agents/edison_mined.h"
#include "core/base/mem.h"
#include "core/code/secrets.h"
#include "core/privacy/metric.h"
#include "core/privacy/template.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"pattern",  "template",  "resource", "metric",
                                         "decision", "milestone", NULL};
static const char *const state_names[] = {"proposed", "accepted", "rejected", "replaced", "planned",
                                          "reached",  "missed",   "dropped",  NULL};
enum { STATE_FIRST_MILESTONE = 4, TEXT_FIELD_MAX = LOOK_TEXT_BYTES_MAX };

#define AT(member) .offset = offsetof(struct share_make_input, member)
const struct field share_make_fields[] = {
    {.name = "kind", .type = FIELD_ENUM, .flags = FIELD_REQUIRED, AT(kind), .values = kind_names},
    {.name = "ids", .type = FIELD_STRING_ARRAY, AT(ids), .max = SHARE_PATTERNS_MAX},
    {.name = "labels", .type = FIELD_STRING_ARRAY, AT(labels), .max = PAYLOAD_LABELS_MAX},
    {.name = "all", .type = FIELD_BOOL, AT(all)},
    {.name = "bodies", .type = FIELD_BOOL, AT(bodies)},
    {.name = "text", .type = FIELD_STRING, AT(text), .max = TEXT_FIELD_MAX},
    {.name = "name", .type = FIELD_STRING, AT(name), .max = 4096},
    {.name = "title", .type = FIELD_STRING, AT(title), .max = 1000},
    {.name = "link", .type = FIELD_STRING, AT(link), .max = PAYLOAD_LINK_BYTES_MAX},
    {.name = "date", .type = FIELD_STRING, AT(date), .max = 10},
    {.name = "month", .type = FIELD_STRING, AT(month), .max = 7},
    {.name = "to", .type = FIELD_STRING, AT(to), .max = SHARE_TO_BYTES_MAX},
    {.name = "state", .type = FIELD_ENUM, AT(state), .values = state_names},
    {0},
};

struct making {
    struct call *call;
    const struct share_make_input *in;
    struct share_own own;
    struct look *look;
    uint32_t masked[LOOK_REASONS];
    json_t *bodies; // array
    uint32_t refused;
    char why[ERR_MESSAGE_BYTES_MAX]; // of the last one refused
};

static int put_body(struct making *m, const struct payload *p, json_t *item, struct err *err) {
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    int r = item ? payload_format(p, &body, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = look_payload(m->look, p, &m->own.look, err);
    if (r == 0 && (json_object_set_new(item, "body", json_stringn(body.data, body.len)) < 0 ||
                   json_array_append(m->bodies, item) < 0))
        r = err_set(err, ERR_NOMEM, "out of memory");
    json_decref(item);
    return r;
}

// --- patterns ----------------------------------------------------------------------------------

static bool job_gone(void *ctx) {
    return job_cancelled(ctx);
}

static bool is_wanted(const struct share_make_input *in, const char *id) {
    for (size_t i = 0; i < in->ids.count; i++)
        if (in->ids.items[i].len >= SHARE_ID_DIGITS_MIN &&
            in->ids.items[i].len <= 2 * PATTERN_ID_BYTES &&
            memcmp(id, in->ids.items[i].data, in->ids.items[i].len) == 0)
            return true;
    return in->all;
}

static void read_id(const char *hex, uint8_t ret[TAGS_ID_BYTES]) {
    for (size_t i = 0; i < TAGS_ID_BYTES; i++) {
        char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
}

static int put_pattern(struct making *m, const struct idiom *x, uint32_t holders, struct err *err) {
    const char *language = language_name(x->lang);
    AUTO_FREE char *text = mem_format("%s\n", x->text);
    if (!text)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct payload p = {.form = PAYLOAD_PATTERN,
                        .language = {language, strlen(language)},
                        .rule = x->level == MINED_EDIT ? PAYLOAD_EDIT : PAYLOAD_IDIOM,
                        .files = payload_bucket(x->files),
                        .times = payload_bucket(x->count),
                        .text = {text, strlen(text)}};
    struct err why = {0};
    int r = put_body(m, &p,
                     json_pack("{ss sI sb}", "id", x->id, "holders", (json_int_t)holders, "reveal",
                               holders + 1 >= TAGS_K),
                     &why);
    if (r == ERR_PERM || r == ERR_INVAL) { // one of many: told, not sent
        m->refused++;
        (void)snprintf(m->why, sizeof m->why, "%s", err_text(&why));
        return 0;
    }
    return r < 0 ? err_set(err, r, "%s", err_text(&why)) : r;
}

static int put_tags(struct making *m, const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count,
                    struct err *err) {
    struct share_whom whom;
    AUTO_BUF body = BUF_INIT(PAYLOAD_BYTES_MAX);
    if (!m->in->all || !m->in->to.len)
        return 0;
    int r = share_whom(m->call, m->in->to, RECORD_PATTERN, &whom, err);
    if (r == 0)
        r = share_tags(m->call, &whom, ids, count, &body, err);
    if (r == 0 && json_array_append_new(m->bodies, json_pack("{sb ss#}", "tags", 1, "body",
                                                             body.data, (int)body.len)) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    return r;
}

static int put_patterns(struct making *m, const struct idioms *all, struct err *err) {
    AUTO_FREE uint8_t(*ids)[TAGS_ID_BYTES] = mem_alloc((all->count + 1) * sizeof *ids);
    AUTO_FREE uint32_t *holders = mem_alloc((all->count + 1) * sizeof *holders);
    uint32_t put = 0;
    if (!ids || !holders)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < all->count; i++)
        read_id(all->list[i].id, ids[i]);
    int r = share_holders(m->call, (const uint8_t(*)[TAGS_ID_BYTES])ids, all->count, holders, err);
    for (uint32_t i = 0; r == 0 && i < all->count && put < SHARE_PATTERNS_MAX; i++) {
        if (!is_wanted(m->in, all->list[i].id))
            continue;
        r = put_pattern(m, &all->list[i], holders[i], err);
        put++;
    }
    if (r == 0 && m->in->ids.count && !put)
        r = err_set(err, ERR_NOT_FOUND,
                    "none of this repository's patterns begins with that: "
                    "paired patterns lists them");
    return r < 0 ? r : put_tags(m, (const uint8_t(*)[TAGS_ID_BYTES])ids, all->count, err);
}

static int make_patterns(struct making *m, struct err *err) {
    struct call *call = m->call;
    struct agent_call agent = {.workspaces = call->services->workspaces,
                               .ws = m->own.ws,
                               .root = call->caller->workspace,
                               .store = call->services->store(call->services, NULL),
                               .client = call->caller->client,
                               .now_ms = call->now_ms,
                               .cancelled = job_gone,
                               .ctx = call->job};
    struct snapshot *s = NULL;
    struct idioms all = {0};
    if (!agent.ws)
        return err_set(err, ERR_INVAL, "no workspace: run it in the folder of the repository");
    if (!m->in->all && !m->in->ids.count)
        return err_set(err, ERR_INVAL, "which patterns: their ids, or all");
    int r = agent_snapshot(&agent, TIER_TREE, &s, err);
    if (r == 0)
        r = idioms_of(&agent, s, &all, err);
    if (r == 0)
        r = put_patterns(m, &all, err);
    idioms_done(&all);
    snapshot_put(s);
    return r;
}

// --- templates ---------------------------------------------------------------------------------

static int on_secret(void *ctx, const struct secret_finding *f) {
    return err_set(ctx, ERR_PERM, "line %u of the file holds a %s: nothing is made of it", f->line,
                   f->what);
}

static int make_template(struct making *m, struct payload *p, struct buf *text, struct err *err) {
    const struct share_make_input *in = m->in;
    char name[4097];
    int r = models_copy("name", in->name, name, sizeof name, err);
    if (r == 0)
        r = secrets_scan(in->text.data, in->text.len, name, on_secret, err);
    if (r < 0)
        return r;
    enum lang lang = language_of(name, in->text.data, in->text.len);
    struct syntax *s = syntax_new();
    r = s ? template_make(s, lang, in->text.data, in->text.len, in->bodies, text, err)
          : err_set(err, ERR_NOMEM, "out of memory");
    syntax_free(s);
    p->form = PAYLOAD_TEMPLATE;
    p->language = (struct text){language_name(lang), strlen(language_name(lang))};
    p->text = (struct text){text->data, text->len};
    return r;
}

// --- texts of people ---------------------------------------------------------------------------

// In the layout of bodies, with the reason in the place of what may not leave.
static int clean(struct making *m, struct text t, bool one_line, struct buf *out, struct err *err) {
    AUTO_BUF tidy = BUF_INIT(LOOK_TEXT_BYTES_MAX);
    int r = t.len ? payload_tidy(t.data, t.len, one_line, &tidy, err) : 0;
    if (r == 0 && tidy.len)
        r = look_mask(tidy.data, tidy.len, &m->own.look, out, m->masked, err);
    return r;
}

// "# Title" at the beginning of a document is its title.
static void take_title(struct text *title, struct text *text) {
    if (title->len || text->len < 3 || memcmp(text->data, "# ", 2) != 0)
        return;
    const char *end = memchr(text->data, '\n', text->len);
    size_t n = end ? (size_t)(end - text->data) : text->len;
    *title = (struct text){text->data + 2, n - 2};
    size_t rest = end ? n + 1 : n;
    *text = (struct text){text->data + rest, text->len - rest};
}

static int by_words(const void *a, const void *b) {
    const struct text *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp(x->data, y->data, n);
    return c ? c : (x->len > y->len) - (x->len < y->len);
}

static void put_labels(const struct share_make_input *in, struct payload *p) {
    for (size_t i = 0; i < in->labels.count && i < PAYLOAD_LABELS_MAX; i++)
        p->labels[p->label_count++] = in->labels.items[i];
    qsort(p->labels, p->label_count, sizeof p->labels[0], by_words);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->label_count; i++)
        if (!kept || by_words(&p->labels[kept - 1], &p->labels[i]) != 0)
            p->labels[kept++] = p->labels[i];
    p->label_count = kept;
}

static int make_text(struct making *m, struct err *err) {
    const struct share_make_input *in = m->in;
    AUTO_BUF title = BUF_INIT(LOOK_TEXT_BYTES_MAX);
    AUTO_BUF text = BUF_INIT(LOOK_TEXT_BYTES_MAX);
    struct text given_title = in->title, given_text = in->text;
    struct payload p = {.link = in->link, .date = in->date};
    int r = 0;
    bool template = strcmp(kind_names[in->kind], "template") == 0;
    if (template)
        r = make_template(m, &p, &text, err);
    else
        take_title(&given_title, &given_text);
    if (r == 0)
        r = clean(m, given_title, true, &title, err);
    if (r == 0 && !template)
        r = clean(m, given_text, false, &text, err);
    if (r < 0)
        return r;
    bool milestone = strcmp(kind_names[in->kind], "milestone") == 0;
    if (strcmp(kind_names[in->kind], "resource") == 0)
        p.form = PAYLOAD_RESOURCE;
    else if (!template)
        p.form = milestone ? PAYLOAD_MILESTONE : PAYLOAD_DECISION;
    if (milestone ? in->state < STATE_FIRST_MILESTONE : in->state >= STATE_FIRST_MILESTONE)
        return err_set(err, ERR_INVAL, "%s is no state of a %s", state_names[in->state],
                       kind_names[in->kind]);
    p.decided = (enum payload_decided)(milestone ? 0 : in->state);
    p.reached = (enum payload_reached)(milestone ? in->state - STATE_FIRST_MILESTONE : 0);
    p.title = (struct text){title.data, title.len};
    p.text = (struct text){text.data, text.len};
    put_labels(in, &p);
    if (!p.title.len && !template)
        return err_set(err, ERR_INVAL, "it needs a title");
    return put_body(m, &p, json_object(), err);
}

// --- figures -----------------------------------------------------------------------------------

static int make_metrics(struct making *m, struct err *err) {
    char month[8];
    int r = models_copy("month", m->in->month, month, sizeof month, err);
    for (const struct metric_kind *k = metric_kinds; r == 0 && k->name; k++) {
        struct payload p = {.form = PAYLOAD_METRIC,
                            .name = {k->name, strlen(k->name)},
                            .period = {month, strlen(month)},
                            .per_day = k->per_day,
                            .epsilon = METRIC_EPSILON};
        r = share_metric(m->call, k, month, true, &p.value, err);
        if (r == 0)
            r = put_body(m, &p, json_pack("{ss}", "title", k->title), err);
    }
    return r;
}

int share_make(struct call *call, const void *input, struct answer *answer, struct err *err) {
    struct making m = {.call = call, .in = input, .bodies = json_array(), .look = look_new()};
    const char *kind = kind_names[m.in->kind];
    json_t *masked = json_object();
    int r = m.bodies && m.look && masked ? share_own_get(call, &m.own, err)
                                         : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && strcmp(kind, "pattern") == 0)
        r = make_patterns(&m, err);
    else if (r == 0 && strcmp(kind, "metric") == 0)
        r = make_metrics(&m, err);
    else if (r == 0)
        r = make_text(&m, err);
    for (int i = 0; r == 0 && i < LOOK_REASONS; i++)
        if (m.masked[i])
            (void)json_object_set_new(masked, look_reason_name((enum look_reason)i),
                                      json_integer(m.masked[i]));
    share_own_put(&m.own);
    look_free(m.look);
    if (r < 0) {
        json_decref(m.bodies);
        json_decref(masked);
        return r;
    }
    return admin_answer(answer,
                        json_pack("{ss so so sI ss}", "kind", kind, "bodies", m.bodies, "masked",
                                  masked, "refused", (json_int_t)m.refused, "why", m.why),
                        err);
}
