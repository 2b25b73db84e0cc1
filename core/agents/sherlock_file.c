// One file of a review: checks on its tree, secrets, functions that became harder; only what the
// change touches and what was not there before. review_read looks (any thread, a reviewer each),
// review_judge says (one after the other, in order of the files).
#include "core/agents/sherlock.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OLD_PRINTS_MAX = 20000,
    PENDING_MAX = 4000, // findings of one file
    COGNITIVE_MIN = 15, // SonarSource's threshold for a function
    COGNITIVE_STEP = 3  // by less is no news
};

struct prints { // multiset of names of findings
    uint64_t *list;
    uint32_t count, capacity;
};

struct review_read {
    struct buf now_side, old_side; // what the names of functions below lie in
    struct prints old;             // what the old text had
    struct prints untouched;       // what stands in the new one outside of the change
    struct finding *pending; // on touched lines: judged when the untouched ones have been counted
    uint64_t *pending_prints;
    uint32_t pending_count, pending_capacity;
    struct side_function *now, *before;
    uint32_t now_count, before_count;
    bool has_now, has_old; // the sides were read
    bool unparsed, cut;
};

void review_read_free(struct review_read *r) {
    if (!r)
        return;
    buf_done(&r->now_side);
    buf_done(&r->old_side);
    mem_free(r->old.list);
    mem_free(r->untouched.list);
    mem_free(r->pending);
    mem_free(r->pending_prints);
    mem_free(r->now);
    mem_free(r->before);
    mem_free(r);
}

static bool touched(const struct review_text *x, uint32_t line, uint32_t end_line) {
    return !x->diff || diff_touches(x->diff, x->file, line, end_line);
}

static bool was_there(struct prints *old, uint64_t print) {
    for (uint32_t i = 0; i < old->count; i++)
        if (old->list[i] == print) {
            old->list[i] = old->list[--old->count]; // each old one excuses one new one
            return true;
        }
    return false;
}

static int note(struct prints *p, uint64_t print, struct err *err) {
    if (p->count == OLD_PRINTS_MAX)
        return 0;
    if (p->count == p->capacity) {
        uint32_t more = p->capacity ? p->capacity * 2 : 64;
        uint64_t *list = mem_realloc(p->list, more * sizeof *list);
        if (!list)
            return err_set(err, ERR_NOMEM, "out of memory");
        p->list = list;
        p->capacity = more;
    }
    p->list[p->count++] = print;
    return 0;
}

static int hold(struct review_read *c, const struct finding *f, uint64_t print, struct err *err) {
    if (c->pending_count == PENDING_MAX) {
        c->cut = true;
        return 0;
    }
    if (c->pending_count == c->pending_capacity) {
        uint32_t more = c->pending_capacity ? c->pending_capacity * 2 : 16;
        struct finding *list = mem_realloc(c->pending, more * sizeof *list);
        if (list)
            c->pending = list;
        uint64_t *prints = mem_realloc(c->pending_prints, more * sizeof *prints);
        if (prints)
            c->pending_prints = prints;
        if (!list || !prints)
            return err_set(err, ERR_NOMEM, "out of memory");
        c->pending_capacity = more;
    }
    c->pending[c->pending_count] = *f;
    c->pending_prints[c->pending_count++] = print;
    return 0;
}

// --- looking -----------------------------------------------------------------------------------

static int take_new(const struct reviewer *rv, const struct review_text *x, struct review_read *c,
                    const struct finding *f, uint64_t print, struct err *err) {
    // A long construct is meant by where it begins, not by a line deep inside of it.
    uint32_t last = f->end_line > f->line + 2 || f->end_line < f->line ? f->line : f->end_line;
    int confidence = f->confidence ? f->confidence : f->rule->confidence;
    if ((rv->whole && f->rule->review_only) || confidence < rv->confidence)
        return 0;
    return touched(x, f->line, last) ? hold(c, f, print, err) : note(&c->untouched, print, err);
}

static uint32_t count_functions(const struct buf *side) {
    struct side_cursor c;
    uint32_t n = 0;
    side_begin(side, &c);
    while (side_next(&c))
        n += !c.is_finding;
    return n;
}

static int take_functions(const struct buf *side, struct side_function **ret, uint32_t *ret_count,
                          struct err *err) {
    struct side_cursor c;
    struct side_function *list = mem_alloc((count_functions(side) + 1) * sizeof *list);
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    side_begin(side, &c);
    while (side_next(&c))
        if (!c.is_finding)
            list[(*ret_count)++] = c.function;
    *ret = list;
    return 0;
}

static int new_side(struct reviewer *rv, const struct review_text *x, struct review_read *ret,
                    struct err *err) {
    const struct side_want want = {.path = x->path,
                                   .lang = x->lang,
                                   .id = x->id,
                                   .text = x->text,
                                   .bytes = x->bytes,
                                   .functions = !rv->whole && !x->test,
                                   .kept = rv->kept};
    struct side_cursor c;
    int r = side_read(rv, &want, &ret->now_side, err);
    if (r != 0)
        return r;
    ret->has_now = true;
    ret->unparsed = side_unparsed(&ret->now_side);
    side_begin(&ret->now_side, &c);
    while (r == 0 && side_next(&c))
        if (c.is_finding)
            r = take_new(rv, x, ret, &c.finding, c.print, err);
    return r == 0 ? take_functions(&ret->now_side, &ret->now, &ret->now_count, err) : r;
}

static int old_side(struct reviewer *rv, const struct review_text *x, struct review_read *ret,
                    struct err *err) {
    const struct side_want want = {.path = x->path,
                                   .lang = x->lang,
                                   .id = x->old_id,
                                   .text = x->old,
                                   .bytes = x->old_bytes,
                                   .functions = !x->test};
    struct side_cursor c;
    int r = side_read(rv, &want, &ret->old_side, err);
    if (r != 0)
        return r;
    ret->has_old = true;
    side_begin(&ret->old_side, &c);
    while (r == 0 && side_next(&c))
        if (c.is_finding)
            r = note(&ret->old, c.print, err);
    return r == 0 ? take_functions(&ret->old_side, &ret->before, &ret->before_count, err) : r;
}

// The old text is read only where something on the changed lines could have been there before.
static bool old_matters(const struct review_text *x, const struct review_read *c) {
    for (uint32_t i = 0; i < c->now_count; i++)
        if (c->now[i].cognitive > COGNITIVE_MIN && touched(x, c->now[i].line, c->now[i].end_line))
            return true;
    return c->pending_count > 0;
}

int review_read(struct reviewer *rv, const struct review_text *x, struct review_read **ret,
                struct err *err) {
    struct review_read *c = *ret ? *ret : mem_zalloc(sizeof *c);
    *ret = c;
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = c->has_now ? 0 : new_side(rv, x, c, err);
    if (r == 0 && x->old && !c->has_old && old_matters(x, c))
        r = old_side(rv, x, c, err);
    return r;
}

int review_known(struct reviewer *rv, const struct review_text *x, struct review_read **ret,
                 struct err *err) {
    struct review_read *c = mem_zalloc(sizeof *c);
    *ret = c;
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!rv->derived || !x->id)
        return CHANGE_NOW | CHANGE_OLD;
    int r = new_side(rv, x, c, err);
    if (r != 0)
        return r < 0 ? r : CHANGE_NOW | CHANGE_OLD;
    if (!old_matters(x, c))
        return 0; // and nothing will be said either
    r = x->old_id ? old_side(rv, x, c, err) : 1;
    return r < 0 ? r : r == 0 ? CHANGE_NOW : CHANGE_NOW | CHANGE_OLD;
}

// --- judging -----------------------------------------------------------------------------------

// What stands on touched lines and was not there before the change.
static int settle(struct reviewer *rv, const struct review_text *x, struct review_read *c,
                  struct err *err) {
    int r = 0;
    for (uint32_t i = 0; i < c->untouched.count && c->old.count; i++)
        (void)was_there(&c->old, c->untouched.list[i]);
    for (uint32_t i = 0; r == 0 && i < c->pending_count; i++) {
        const struct finding *f = &c->pending[i];
        if (was_there(&c->old, c->pending_prints[i]))
            continue;
        if (finding_ignored(x->text, x->bytes, f->line, f->rule))
            rv->findings->ignored++;
        else
            r = findings_add(rv->findings, f, x->path, c->pending_prints[i], err);
    }
    return r;
}

// The nth function of a name before is the nth of that name now.
static int64_t before_of(const struct review_read *c, uint32_t i) {
    uint32_t nth = 0;
    for (uint32_t k = 0; k < i; k++)
        nth += strcmp(c->now[k].name, c->now[i].name) == 0;
    for (uint32_t k = 0; k < c->before_count; k++)
        if (strcmp(c->before[k].name, c->now[i].name) == 0 && nth-- == 0)
            return k;
    return -1;
}

static int add_harder(struct reviewer *rv, const struct review_text *x,
                      const struct side_function *now, const struct side_function *before,
                      struct err *err) {
    struct finding f = {.rule = &review_complexity, .line = now->line, .end_line = now->line};
    if (!before)
        (void)snprintf(f.message, sizeof f.message, "new function %s has cognitive complexity %u",
                       now->name[0] ? now->name : "(anonymous)", now->cognitive);
    else
        (void)snprintf(f.message, sizeof f.message, "%s: cognitive complexity %u → %u", now->name,
                       before->cognitive, now->cognitive);
    if (finding_ignored(x->text, x->bytes, f.line, f.rule)) {
        rv->findings->ignored++;
        return 0;
    }
    return findings_add(rv->findings, &f, x->path,
                        finding_print(f.rule, x->path, x->text, x->bytes, f.line), err);
}

static int compare(struct reviewer *rv, const struct review_text *x, const struct review_read *c,
                   struct err *err) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < c->now_count; i++) {
        const struct side_function *now = &c->now[i];
        if (!touched(x, now->line, now->end_line))
            continue;
        rv->functions++;
        if (now->cognitive <= COGNITIVE_MIN)
            continue;
        int64_t k = now->name[0] ? before_of(c, i) : -1;
        unsigned was = k < 0 ? 0 : c->before[k].cognitive;
        if (now->cognitive >= was + COGNITIVE_STEP)
            r = add_harder(rv, x, now, k < 0 ? NULL : &c->before[k], err);
    }
    return r;
}

int review_judge(struct reviewer *rv, const struct review_text *x, struct review_read *c,
                 struct err *err) {
    rv->unparsed += c->unparsed;
    rv->findings->cut |= c->cut;
    int r = compare(rv, x, c, err);
    return r == 0 ? settle(rv, x, c, err) : r;
}

int review_text(struct reviewer *rv, const struct review_text *x, struct err *err) {
    struct review_read *c = NULL;
    int r = review_read(rv, x, &c, err);
    if (r == 0)
        r = review_judge(rv, x, c, err);
    review_read_free(c);
    return r;
}
