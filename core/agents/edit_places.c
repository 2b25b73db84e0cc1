#include "core/agents/edit_places.h"

#include "core/agents/edison_mined.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { RULE_SHARE = 4, EDITS_MAX = 1000, TRIED_MAX = 40 };

struct places {
    const struct syntax *s;
    uint32_t start, end;
    struct pattern *list[EDITS_MAX];
    const struct idiom *of[EDITS_MAX];
    uint32_t stands[EDITS_MAX]; // so often in the text
    uint32_t count;
    struct pattern_match touched[TRIED_MAX];
    uint32_t touched_count;
    struct edit_place places[TRIED_MAX];
    uint32_t place_count;
};

// Those of this language that say all that they write.
static int read_edits(struct places *x, const struct idioms *all, enum lang lang) {
    struct pattern_reader *reader = pattern_reader_new();
    int r = reader ? 0 : ERR_NOMEM;
    for (uint32_t i = 0; r == 0 && i < all->count && x->count < EDITS_MAX; i++) {
        const struct idiom *e = &all->list[i];
        struct pattern *p = NULL;
        if (e->lang != lang)
            continue;
        r = pattern_parse(reader, lang, e->text, strlen(e->text), &p, NULL);
        if (r == 0 && pattern_can_apply(p)) {
            x->of[x->count] = e;
            x->list[x->count++] = p;
        } else {
            pattern_free(p);
            r = r == ERR_NOMEM ? r : 0; // of a grammar that has changed since it was kept
        }
    }
    pattern_reader_free(reader);
    return r;
}

static int on_match(void *ctx, const struct pattern_match *m) {
    struct places *x = ctx;
    x->stands[m->pattern]++;
    if (m->start <= x->end && m->end >= x->start && x->touched_count < TRIED_MAX)
        x->touched[x->touched_count++] = *m;
    return 0;
}

static int try_all(struct places *x, struct err *err) {
    for (uint32_t i = 0; i < x->touched_count; i++) {
        const struct pattern_match *m = &x->touched[i];
        const struct idiom *e = x->of[m->pattern];
        struct edit_place *p = &x->places[x->place_count];
        if (x->stands[m->pattern] > e->count * RULE_SHARE)
            continue;
        int r = pattern_apply(x->list[m->pattern], x->s, m, &p->what, err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        p->text = e->text;
        p->id = e->id;
        p->commit = e->commit;
        p->count = e->count;
        p->files = e->files;
        x->place_count++;
    }
    return 0;
}

static bool same_bytes(const struct edit_place *a, const struct edit_place *b) {
    return a->what.start == b->what.start && a->what.end == b->what.end;
}

// Two texts for the same bytes, of two edits: which one is meant is not for us to say. The same
// text of both is told once.
static bool is_told(const struct places *x, uint32_t i) {
    const struct edit_place *p = &x->places[i];
    for (uint32_t k = 0; k < x->place_count; k++) {
        const struct edit_place *q = &x->places[k];
        bool same = k != i && same_bytes(p, q);
        if (same && strcmp(p->what.text.data, q->what.text.data) != 0)
            return false;
        if (same && k < i)
            return false;
    }
    return true;
}

static int look(struct places *x, const struct idioms *all, struct err *err) {
    struct pattern_matcher *m = pattern_matcher_new();
    struct pattern_set *set = NULL;
    int r = m ? read_edits(x, all, x->s->lang) : ERR_NOMEM;
    if (r == 0)
        r = pattern_set_new(x->list, x->count, &set, err);
    if (r == 0 && x->count)
        r = patterns_match(set, m, x->s, on_match, x, err);
    if (r == 0)
        r = try_all(x, err);
    pattern_set_free(set);
    pattern_matcher_free(m);
    return r == ERR_NOMEM ? err_set(err, r, "out of memory") : r;
}

static int tell(const struct places *x, edit_place_fn *fn, void *ctx, struct err *err) {
    uint32_t told = 0;
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < x->place_count && told < EDIT_PLACES_MAX; i++)
        if (is_told(x, i)) {
            told++;
            r = fn(ctx, &x->places[i], err);
        }
    return r < 0 ? r : 0;
}

static int known(struct agent_call *call, struct idioms *ret, struct err *err) {
    struct workspace_past past = {0};
    int r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
    if (r == 0)
        r = past.git ? edits_known(call, &past, ret, err)
                     : err_set(err, ERR_NOT_FOUND, "no history: %s", past.why);
    workspace_past_done(&past);
    return r;
}

int edit_places(struct agent_call *call, enum lang lang, const char *text, size_t bytes,
                uint32_t start, uint32_t end, edit_place_fn *fn, void *ctx, struct err *err) {
    struct idioms all = {0};
    int was_known = known(call, &all, err), r = was_known < 0 ? was_known : 0;
    struct syntax *s = was_known > 0 ? syntax_new() : NULL;
    struct places *x = was_known > 0 ? mem_zalloc(sizeof *x) : NULL;
    const struct syntax_limits limits = {.cancelled = call->cancelled, .ctx = call->ctx};
    if (was_known > 0 && (!s || !x))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (x && r == 0) {
        x->s = s;
        x->start = start;
        x->end = end;
        r = syntax_parse(s, lang, text, bytes, &limits, err);
        if (r == 0)
            r = look(x, &all, err);
        if (r == 0)
            r = tell(x, fn, ctx, err);
        for (uint32_t i = 0; i < x->place_count; i++)
            buf_done(&x->places[i].what.text);
        for (uint32_t i = 0; i < x->count; i++)
            pattern_free(x->list[i]);
    }
    mem_free(x);
    syntax_free(s);
    idioms_done(&all);
    return r < 0 ? r : was_known;
}
