// What is remembered of conversations, in memory only: who answered, how much of their beginning is
// in whose cache, how large a turn is. Hashes and counts, no text.
#include "server/models_impl.h"

#include <math.h>
#include <string.h>

enum { LEARN_BYTES_MIN = 2048 };                // of less the frame is too large a part
static const double PER_BYTE = .25, LEARN = .2; // until answers have taught better; per answer

struct model_session *model_session_of(struct models *m, uint64_t conversation, bool make) {
    uint64_t key = conversation ? conversation : 1;
    size_t oldest = 0;
    for (size_t i = 0; i < MODEL_SESSIONS_MAX; i++)
        if (m->conversations[i] == key)
            return &m->sessions[i];
    if (!make)
        return NULL;
    for (size_t i = 1; i < MODEL_SESSIONS_MAX; i++)
        if (m->sessions[i].used_ms < m->sessions[oldest].used_ms)
            oldest = i;
    m->conversations[oldest] = key;
    m->sessions[oldest] = (struct model_session){.arm = 0};
    return &m->sessions[oldest];
}

void model_remember(struct model_run *run) {
    struct model_session *s = model_session_of(run->m, run->read.conversation, true);
    s->arm = run->arm;
    s->used_ms = model_now_ms();
}

// --- the beginning that stays

int64_t model_stable_bytes(const struct model_session *s, const struct model_body *b,
                           const char *bytes) {
    for (size_t i = 0; i < MODEL_MARKS_MAX; i++) {
        uint64_t n = s->marks[i].messages;
        if (n == 0 || n > b->messages || n + MODEL_TAIL_MAX <= b->messages)
            continue;
        const struct model_message *last = &b->tail[(n - 1) % MODEL_TAIL_MAX];
        if (last->hash == s->marks[i].hash)
            return (int64_t)(last->at.data + last->at.len - bytes);
    }
    return 0;
}

static void set_marks(struct model_session *s, const struct model_body *b, const char *bytes) {
    memset(s->marks, 0, sizeof s->marks);
    for (size_t i = 0; i < MODEL_MARKS_MAX && i < b->messages && i < MODEL_TAIL_MAX; i++) {
        const struct model_message *last = &b->tail[(b->messages - 1 - i) % MODEL_TAIL_MAX];
        s->marks[i] = (struct model_mark){b->messages - i, last->hash,
                                          (uint64_t)(last->at.data + last->at.len - bytes)};
    }
}

// --- how large things are

static struct model_arm *arm_of(struct models *m, uint32_t id) {
    for (size_t i = 0; i < m->arm_count; i++)
        if (m->arms[i].id == id)
            return &m->arms[i];
    struct model_arm *a = m->arm_count < MODEL_ARMS_MAX
                              ? &m->arms[m->arm_count++] // … else the first that came goes
                              : &m->arms[m->next_arm++ % MODEL_ARMS_MAX];
    *a = (struct model_arm){id, 0};
    return a;
}

double model_tokens_per_byte(const struct models *m, uint32_t arm) {
    for (size_t i = 0; i < m->arm_count; i++)
        if (m->arms[i].id == arm && m->arms[i].per_byte > 0)
            return m->arms[i].per_byte;
    return PER_BYTE;
}

static void learn(double *mean, double value) {
    *mean = *mean > 0 ? *mean + LEARN * (value - *mean) : value;
}

void model_remember_usage(struct model_run *run) {
    const struct wire_usage *u = &run->usage;
    int64_t prompt = u->input + u->cached + u->cache_write, now_ms = model_now_ms();
    struct model_session *s = model_session_of(run->m, run->read.conversation, true);
    const struct route_usage billed = {
        .uncached = u->input, .cached = u->cached, .written = u->cache_write, .output = u->output};
    s->arm = run->arm;
    s->used_ms = now_ms;
    s->turns++;
    s->why = run->looked ? run->why : 0;
    set_marks(s, &run->read, run->body.data);
    if (!u->known || prompt <= 0 || prompt > INT32_MAX || u->output < 0 || u->output > INT32_MAX)
        return; // nobody counts like that
    double per_byte = (double)prompt / (double)run->body.len;
    if (run->body.len >= LEARN_BYTES_MIN && per_byte > .02 && per_byte < 2)
        learn(&arm_of(run->m, run->arm)->per_byte, per_byte);
    learn(&s->added, fmax((double)prompt - (s->turns > 1 ? s->prompt : 0), 1));
    learn(&s->output, (double)u->output);
    learn(&run->m->output[run->origin], (double)u->output);
    s->prompt = (double)prompt;
    route_cache_note(&s->caches, run->arm, &run->priced, &billed, now_ms);
}

// --- what the user changed

void model_notice_changes(struct models *m, const struct model_plan *plan) {
    for (size_t i = 0; i < plan->backends.count; i++) {
        const struct backend *b = &plan->backends.items[i];
        size_t at = 0;
        while (at < m->known_count && strcmp(m->known[at].name, b->name) != 0)
            at++;
        if (at == BACKENDS_MAX) { // more names than there can be at once: begins anew
            m->known_count = at = 0;
        }
        if (at == m->known_count) {
            memcpy(m->known[m->known_count++].name, b->name, sizeof b->name);
            m->known[at].changed_ms = b->changed_ms;
        }
        if (m->known[at].changed_ms != b->changed_ms) {
            route_ledger_forgive(m->ledger, model_account_of(b));
            memset(m->unfilled, 0, sizeof m->unfilled);
        }
        m->known[at].changed_ms = b->changed_ms;
    }
}
