// One file of a review: checks on its tree, secrets, functions that became harder; only what the
// change touches and what was not there before. review_read looks (any thread, a reviewer each),
// review_judge says (one after the other, in order of the files).
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/code/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OLD_PRINTS_MAX = 20000,
    PENDING_MAX = 4000,       // findings of one file
    KNOWN_PERCENT = 25,       // of a function that was there under another name
    SAID_CONFIDENCE_MIN = 75, // of a finding that knows its own, to be told of unasked
    SAID_SECRET_MIN = 95      // of a secret in a test: what has a checksum
};

struct review_read {
    struct buf now_side, old_side;
    struct news_findings old;       // what the old text had
    struct news_findings untouched; // what stands in the new one outside of the change
    struct news_findings pending;   // on touched lines: judged when the others are known …
    struct finding *held;           // … and what they say
    uint32_t held_capacity;
    struct news_function *now, *before;
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
    mem_free(r->pending.list);
    mem_free(r->held);
    mem_free(r->now);
    mem_free(r->before);
    mem_free(r);
}

static bool touched(const struct review_text *x, uint32_t line, uint32_t end_line) {
    return !x->diff || diff_touches(x->diff, x->file, line, end_line);
}

static int hold(struct review_read *c, const struct finding *f, struct news_finding name,
                struct err *err) {
    uint32_t n = c->pending.count;
    if (n == PENDING_MAX) {
        c->cut = true;
        return 0;
    }
    if (n == c->held_capacity) {
        uint32_t more = n ? n * 2 : 16;
        struct finding *held = mem_realloc(c->held, more * sizeof *held);
        if (!held)
            return err_set(err, ERR_NOMEM, "out of memory");
        c->held = held;
        c->held_capacity = more;
    }
    c->held[n] = *f;
    return news_note(&c->pending, name, PENDING_MAX, err);
}

// --- looking -----------------------------------------------------------------------------------

static int take_new(const struct reviewer *rv, const struct review_text *x, struct review_read *c,
                    const struct finding *f, uint64_t print, struct err *err) {
    // A long construct is meant by where it begins, not by a line deep inside of it.
    uint32_t last = f->end_line > f->line + 2 || f->end_line < f->line ? f->line : f->end_line;
    int confidence = f->confidence ? f->confidence : f->rule->confidence;
    if ((rv->whole && f->rule->review_only) || confidence < rv->confidence)
        return 0;
    const struct news_finding name = {f->rule, print, f->line};
    return touched(x, f->line, last) ? hold(c, f, name, err)
                                     : news_note(&c->untouched, name, OLD_PRINTS_MAX, err);
}

static uint32_t count_functions(const struct buf *side) {
    struct side_cursor c;
    uint32_t n = 0;
    side_begin(side, &c);
    while (side_next(&c))
        n += !c.is_finding;
    return n;
}

static int take_functions(const struct buf *side, struct news_function **ret, uint32_t *ret_count,
                          struct err *err) {
    struct side_cursor c;
    struct news_function *list = mem_zalloc((count_functions(side) + 1) * sizeof *list);
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    side_begin(side, &c);
    while (side_next(&c)) {
        struct news_function *f = &list[*ret_count];
        if (c.is_finding)
            continue;
        (void)snprintf(f->name, sizeof f->name, "%s", c.function.name);
        f->line = c.function.line;
        f->end_line = c.function.end_line;
        f->cognitive = c.function.cognitive;
        f->before = -1;
        (*ret_count)++;
    }
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
            r = news_note(&ret->old, (struct news_finding){c.finding.rule, c.print, c.finding.line},
                          OLD_PRINTS_MAX, err);
    return r == 0 ? take_functions(&ret->old_side, &ret->before, &ret->before_count, err) : r;
}

// The old text is read only where something on the changed lines could have been there before.
static bool old_matters(const struct review_text *x, const struct review_read *c) {
    for (uint32_t i = 0; i < c->now_count; i++)
        if (c->now[i].cognitive > NEWS_COGNITIVE_MIN &&
            touched(x, c->now[i].line, c->now[i].end_line))
            return true;
    return c->pending.count > 0;
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

// Said when asked only, whatever is right of the rule elsewhere.
static bool is_doubted(const struct review_text *x, const struct finding *f) {
    if (x->taken && f->rule->severity != SEVERITY_ERROR)
        return true;
    if (f->rule == &review_secret)
        return f->confidence < (x->test ? SAID_SECRET_MIN : SAID_CONFIDENCE_MIN);
    return (f->confidence && f->confidence < SAID_CONFIDENCE_MIN) ||
           (!f->rule->review_only && checks_may_be_input(x->path));
}

static int add(struct reviewer *rv, const struct review_text *x, const struct finding *f,
               uint64_t print, bool may_have_moved, struct err *err) {
    int moved =
        may_have_moved ? news_is_moved(&rv->removed, x->diff, x->text, x->bytes, f->line, err) : 0;
    if (moved == 0 && may_have_moved && strcmp(f->rule->id, "todo-comment") == 0)
        moved = news_is_said_again(&rv->removed, x->diff, x->text, x->bytes, f->line, err);
    if (moved != 0)
        return moved < 0 ? moved : 0;
    if (finding_ignored(x->text, x->bytes, f->line, f->rule)) {
        rv->findings->ignored++;
        return 0;
    }
    struct finding said = *f;
    said.quiet = is_doubted(x, f);
    return findings_add(rv->findings, &said, x->path, print, err);
}

// What stands on touched lines and was not there before the change.
static int settle(struct reviewer *rv, const struct review_text *x, struct review_read *c,
                  struct err *err) {
    AUTO_FREE bool *is_new = mem_alloc(c->pending.count + 1);
    int r = is_new ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (is_new)
        news_findings(x->diff, x->file, &c->old, &c->untouched, &c->pending, is_new);
    for (uint32_t i = 0; r == 0 && i < c->pending.count; i++)
        if (is_new[i])
            r = add(rv, x, &c->held[i], c->pending.list[i].print, true, err);
    return r;
}

// A function that nobody knows of under this name: was most of it there before, edited on the way
// perhaps? 0 or 1, or ERR_NOMEM.
static int came_along(struct reviewer *rv, const struct review_text *x,
                      const struct news_function *now, struct err *err) {
    const struct news_piece piece = {x->text, x->bytes, now->line, now->end_line};
    unsigned known = 0;
    int r = news_known_percent(&rv->removed, x->diff, x->file, piece, &known, err);
    return r < 0 ? r : known >= KNOWN_PERCENT;
}

// Its head was edited, and others of its name stand in the file: which of them it was is a guess.
static bool is_doubtful(const struct review_text *x, const struct review_read *c,
                        const struct news_function *now) {
    uint32_t before = 0, after = 0;
    for (uint32_t i = 0; i < c->before_count; i++)
        before += strcmp(c->before[i].name, now->name) == 0;
    for (uint32_t i = 0; i < c->now_count; i++)
        after += strcmp(c->now[i].name, now->name) == 0;
    return (before > 1 || after > 1) && touched(x, now->line, now->line);
}

// It is longer by more than twice what was added inside of it: lines that stood beside it and were
// left alone stand in it now.
static bool took_in(const struct review_text *x, const struct news_function *now,
                    const struct news_function *before) {
    uint32_t lines = now->end_line - now->line, were = before->end_line - before->line, added = 0;
    for (uint32_t k = 0; x->diff && k < x->file->hunk_count; k++) {
        const struct diff_hunk *h = &x->diff->hunks[x->file->first_hunk + k];
        uint32_t from = h->new_start > now->line ? h->new_start : now->line;
        uint64_t end = (uint64_t)h->new_start + h->new_count;
        uint32_t to = end < now->end_line + 1 ? (uint32_t)end : now->end_line + 1;
        added += to > from ? to - from : 0;
    }
    return x->diff && lines > were && (lines - were) / 2 > added;
}

static int add_harder(struct reviewer *rv, const struct review_text *x, const struct review_read *c,
                      const struct news_function *now, struct err *err) {
    const struct news_function *before = now->before < 0 ? NULL : &c->before[now->before];
    struct finding f = {.rule = &review_complexity, .line = now->line, .end_line = now->line};
    const char *name = now->name[0] ? now->name : "(anonymous)";
    bool renamed = before && strcmp(before->name, now->name) != 0;
    // One of another name with other lines is another function.
    if (!before || renamed)
        (void)snprintf(f.message, sizeof f.message, "new function %s has cognitive complexity %u",
                       name, now->cognitive);
    else
        (void)snprintf(f.message, sizeof f.message, "%s: cognitive complexity %u → %u", name,
                       before->cognitive, now->cognitive);
    f.last_line = !before || renamed ? now->end_line : 0;
    uint64_t print = finding_print(f.rule, x->path, x->text, x->bytes, f.line);
    if (before && took_in(x, now, before))
        return 0;
    bool doubted = !before || renamed || is_doubtful(x, c, now);
    int along = doubted ? came_along(rv, x, now, err) : 0;
    return along ? (along < 0 ? along : 0) : add(rv, x, &f, print, !before, err);
}

static int compare(struct reviewer *rv, const struct review_text *x, struct review_read *c,
                   struct err *err) {
    int r = news_functions(x->diff, x->file, c->now, c->now_count, c->before, c->before_count, err);
    for (uint32_t i = 0; r == 0 && i < c->now_count; i++) {
        const struct news_function *now = &c->now[i];
        rv->functions += now->touched;
        if (now->harder && !text_in_tests(x->lang, x->text, x->bytes, now->line))
            r = add_harder(rv, x, c, now, err);
    }
    return r;
}

int review_judge(struct reviewer *rv, const struct review_text *x, struct review_read *c,
                 struct err *err) {
    rv->unparsed += c->unparsed;
    rv->findings->cut |= c->cut;
    int r = rv->whole ? 0 : compare(rv, x, c, err);
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
