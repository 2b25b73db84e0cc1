// One file of a review: checks on its tree, secrets, functions that became harder; only what the
// change touches and what was not there before.
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/code/checks.h"
#include "core/code/metrics.h"
#include "core/code/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARSE_MS = 2000,
    OLD_PRINTS_MAX = 20000,
    PENDING_MAX = 4000, // findings of one file
    COGNITIVE_MIN = 15, // SonarSource's threshold for a function
    COGNITIVE_STEP = 3  // by less is no news
};

struct old_prints { // multiset of what the old text had
    uint64_t *list;
    uint32_t count;
};

struct collect {
    struct reviewer *rv;
    const struct review_text *x;
    struct old_prints *old;       // what the old text had, filled when `gathering`
    struct old_prints *untouched; // what stands in the new one outside of the change
    bool gathering;
    struct finding *pending; // on touched lines: judged when the untouched ones have been counted
    uint64_t *prints;
    uint32_t pending_count, pending_capacity;
    struct err *err;
};

static bool touched(const struct review_text *x, uint32_t line, uint32_t end_line) {
    return !x->diff || diff_touches(x->diff, x->file, line, end_line);
}

static bool was_there(struct old_prints *old, uint64_t print) {
    for (uint32_t i = 0; i < old->count; i++)
        if (old->list[i] == print) {
            old->list[i] = old->list[--old->count]; // each old one excuses one new one
            return true;
        }
    return false;
}

static int hold(struct collect *c, const struct finding *f, uint64_t print) {
    if (c->pending_count == PENDING_MAX) {
        c->rv->findings->cut = true;
        return 0;
    }
    if (c->pending_count == c->pending_capacity) {
        uint32_t more = c->pending_capacity ? c->pending_capacity * 2 : 16;
        struct finding *list = mem_realloc(c->pending, more * sizeof *list);
        if (list)
            c->pending = list;
        uint64_t *prints = mem_realloc(c->prints, more * sizeof *prints);
        if (prints)
            c->prints = prints;
        if (!list || !prints)
            return err_set(c->err, ERR_NOMEM, "out of memory");
        c->pending_capacity = more;
    }
    c->pending[c->pending_count] = *f;
    c->prints[c->pending_count++] = print;
    return 0;
}

static int take(struct collect *c, const struct finding *f) {
    const struct review_text *x = c->x;
    const char *text = c->gathering ? x->old : x->text;
    size_t bytes = c->gathering ? x->old_bytes : x->bytes;
    uint64_t print = finding_print(f->rule, x->path, text, bytes, f->line);
    if (c->gathering) {
        if (c->old->count < OLD_PRINTS_MAX)
            c->old->list[c->old->count++] = print;
        return 0;
    }
    // A long construct is meant by where it begins, not by a line deep inside of it.
    uint32_t last = f->end_line > f->line + 2 || f->end_line < f->line ? f->line : f->end_line;
    int confidence = f->confidence ? f->confidence : f->rule->confidence;
    if ((c->rv->whole && f->rule->review_only) || confidence < c->rv->confidence)
        return 0;
    if (touched(x, f->line, last))
        return hold(c, f, print);
    if (c->untouched->count < OLD_PRINTS_MAX)
        c->untouched->list[c->untouched->count++] = print;
    return 0;
}

// What stands on touched lines and was not there before the change.
static int settle(struct collect *c) {
    int r = 0;
    for (uint32_t i = 0; i < c->untouched->count && c->old->count; i++)
        (void)was_there(c->old, c->untouched->list[i]);
    for (uint32_t i = 0; r == 0 && i < c->pending_count; i++) {
        const struct finding *f = &c->pending[i];
        if (was_there(c->old, c->prints[i]))
            continue;
        if (finding_ignored(c->x->text, c->x->bytes, f->line, f->rule))
            c->rv->findings->ignored++;
        else
            r = findings_add(c->rv->findings, f, c->x->path, c->prints[i], c->err);
    }
    return r;
}

static int on_finding(void *ctx, const struct finding *f) {
    return take(ctx, f);
}

static int on_secret(void *ctx, const struct secret_finding *s) {
    struct collect *c = ctx;
    struct finding f = {.rule = &review_secret,
                        .start = (uint32_t)s->start,
                        .end = (uint32_t)s->end,
                        .line = s->line,
                        .end_line = s->line,
                        .confidence = s->confidence};
    (void)snprintf(f.message, sizeof f.message, "%s: %s", s->what, s->shown);
    return take(c, &f);
}

static int parse(struct reviewer *rv, const struct review_text *x, bool old) {
    struct syntax_limits limits = {.ms = PARSE_MS};
    if (!old && rv->kept)
        return syntax_parse_kept(rv->syntax, x->lang, x->text, x->bytes, &limits, rv->kept, NULL);
    return syntax_parse(rv->syntax, x->lang, old ? x->old : x->text, old ? x->old_bytes : x->bytes,
                        &limits, NULL);
}

// --- functions that became harder --------------------------------------------------------------

struct measured {
    char name[96];
    uint32_t line, end_line;
    unsigned cognitive;
};

// Functions with their names; nested ones by their own. Tree: the one parsed last.
static int measure(const struct syntax *s, struct measured **ret, uint32_t *ret_count,
                   struct err *err) {
    struct metrics *all = NULL;
    uint32_t n = 0;
    int r = metrics_of(s, &all, &n, err);
    if (r < 0)
        return r;
    struct measured *list = mem_alloc((n + 1) * sizeof *list);
    for (uint32_t i = 0; list && i < n; i++) {
        size_t bytes = 0;
        uint32_t name = syntax_name(s, all[i].node);
        const char *text = name ? syntax_text(s, name, &bytes) : "";
        (void)snprintf(list[i].name, sizeof list[i].name, "%.*s", (int)(bytes < 95 ? bytes : 95),
                       text);
        list[i].line = s->nodes[all[i].node].line;
        list[i].end_line = syntax_end_line(s, all[i].node);
        list[i].cognitive = all[i].cognitive;
    }
    mem_free(all);
    *ret = list;
    *ret_count = n;
    return list ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// The nth function of a name before is the nth of that name now.
static int64_t before_of(const struct measured *now, uint32_t i, const struct measured *before,
                         uint32_t before_count) {
    uint32_t nth = 0;
    for (uint32_t k = 0; k < i; k++)
        nth += strcmp(now[k].name, now[i].name) == 0;
    for (uint32_t k = 0; k < before_count; k++)
        if (strcmp(before[k].name, now[i].name) == 0 && nth-- == 0)
            return k;
    return -1;
}

static int compare(struct collect *c, const struct measured *now, uint32_t n,
                   const struct measured *before, uint32_t m) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        if (!touched(c->x, now[i].line, now[i].end_line))
            continue;
        c->rv->functions++;
        int64_t k = now[i].name[0] ? before_of(now, i, before, m) : -1;
        unsigned was = k < 0 ? 0 : before[k].cognitive;
        if (now[i].cognitive <= COGNITIVE_MIN || now[i].cognitive < was + COGNITIVE_STEP)
            continue;
        struct finding f = {
            .rule = &review_complexity, .line = now[i].line, .end_line = now[i].line};
        if (k < 0)
            (void)snprintf(f.message, sizeof f.message,
                           "new function %s has cognitive complexity %u",
                           now[i].name[0] ? now[i].name : "(anonymous)", now[i].cognitive);
        else
            (void)snprintf(f.message, sizeof f.message, "%s: cognitive complexity %u → %u",
                           now[i].name, was, now[i].cognitive);
        const char *text = c->x->text;
        uint64_t print = finding_print(f.rule, c->x->path, text, c->x->bytes, f.line);
        if (finding_ignored(text, c->x->bytes, f.line, f.rule))
            c->rv->findings->ignored++;
        else
            r = findings_add(c->rv->findings, &f, c->x->path, print, c->err);
    }
    return r;
}

// --- the file ----------------------------------------------------------------------------------

static int old_side(struct collect *c, struct measured **before, uint32_t *count) {
    c->gathering = true;
    int r = secrets_scan(c->x->old, c->x->old_bytes, c->x->path, on_secret, c);
    if (r == 0 && language_has_tree(c->x->lang) && parse(c->rv, c->x, true) == 0) {
        r = checks_run(c->rv->syntax, c->x->path, on_finding, c, c->err);
        if (r == 0 && !c->x->test)
            r = measure(c->rv->syntax, before, count, c->err);
    }
    c->gathering = false;
    return r;
}

static int new_side(struct collect *c, struct measured **now, uint32_t *count) {
    int r = secrets_scan(c->x->text, c->x->bytes, c->x->path, on_secret, c);
    if (r < 0 || !language_has_tree(c->x->lang))
        return r;
    if (parse(c->rv, c->x, false) < 0) {
        c->rv->unparsed++;
        return 0;
    }
    r = checks_run(c->rv->syntax, c->x->path, on_finding, c, c->err);
    if (r == 0 && !c->rv->whole && !c->x->test)
        r = measure(c->rv->syntax, now, count, c->err);
    return r;
}

// The old text is read only where something on the changed lines could have been there before.
static bool old_matters(const struct collect *c, const struct measured *now, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (now[i].cognitive > COGNITIVE_MIN && touched(c->x, now[i].line, now[i].end_line))
            return true;
    return c->pending_count > 0;
}

int review_text(struct reviewer *rv, const struct review_text *x, struct err *err) {
    struct old_prints old = {.list = NULL}, untouched = {.list = NULL};
    struct measured *before = NULL, *now = NULL;
    uint32_t before_count = 0, now_count = 0;
    struct collect c = {.rv = rv, .x = x, .old = &old, .untouched = &untouched, .err = err};
    old.list = mem_alloc(OLD_PRINTS_MAX * sizeof *old.list);
    untouched.list = mem_alloc(OLD_PRINTS_MAX * sizeof *untouched.list);
    int r = old.list && untouched.list ? new_side(&c, &now, &now_count)
                                       : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && x->old && old_matters(&c, now, now_count))
        r = old_side(&c, &before, &before_count);
    if (r == 0 && now)
        r = compare(&c, now, now_count, before, before_count);
    if (r == 0)
        r = settle(&c);
    mem_free(c.pending);
    mem_free(c.prints);
    mem_free(before);
    mem_free(now);
    mem_free(old.list);
    mem_free(untouched.list);
    return r;
}
