#include "core/agents/news.h"

#include "core/base/mem.h"
#include "core/code/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_MAX = 256,     // functions of one name that are looked through
    BY_END_MAX = 8192,  // functions that are looked through for each
    LIKE_BYTES_MIN = 5, // of a name that another begins with
    // What stands in an inner function counts up to twice in those around: one more for each level
    // of nesting that it adds.
    NESTED_COUNTS = 2,
    PARTS_DEPTH_MAX = 64, // functions around one
};

// --- lines -------------------------------------------------------------------------------------

static const struct diff_hunk *hunk_at(const struct diff *d, const struct diff_file *f,
                                       uint32_t k) {
    return k < f->hunk_count ? &d->hunks[f->first_hunk + k] : NULL;
}

// The first hunk that does not end above the line.
static uint32_t hunk_of(const struct diff *d, const struct diff_file *f, uint32_t line) {
    uint32_t low = 0, high = f->hunk_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct diff_hunk *h = hunk_at(d, f, middle);
        uint64_t end = (uint64_t)h->new_start + h->new_count + (h->new_count == 0);
        if (end <= line)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Where a line of the new text stood. False: it is new, as the others of hunk *ret_hunk.
static bool line_before(const struct diff *d, const struct diff_file *f, uint32_t line,
                        uint32_t *ret_line, uint32_t *ret_hunk) {
    uint32_t k = hunk_of(d, f, line);
    const struct diff_hunk *h = hunk_at(d, f, k);
    *ret_hunk = k;
    if (h && h->new_count && line >= h->new_start)
        return false;
    const struct diff_hunk *above = k ? hunk_at(d, f, k - 1) : NULL;
    int64_t shift = 0;
    if (above)
        shift = (int64_t)above->old_start + above->old_count + (above->old_count == 0) -
                ((int64_t)above->new_start + above->new_count + (above->new_count == 0));
    int64_t at = (int64_t)line + shift;
    *ret_line = at > 0 && at <= UINT32_MAX ? (uint32_t)at : 0;
    return *ret_line != 0;
}

static bool in_old(const struct diff_hunk *h, uint32_t line) {
    return line >= h->old_start && line - h->old_start < h->old_count;
}

// --- findings ----------------------------------------------------------------------------------

int news_note(struct news_findings *f, struct news_finding x, uint32_t max, struct err *err) {
    if (f->count >= max)
        return 0;
    if (f->count == f->capacity) {
        uint32_t more = f->capacity ? f->capacity * 2 : 64;
        struct news_finding *list = mem_realloc(f->list, more * sizeof *list);
        if (!list)
            return err_set(err, ERR_NOMEM, "out of memory");
        f->list = list;
        f->capacity = more;
    }
    f->list[f->count++] = x;
    return 0;
}

static bool take_out(struct news_findings *old, uint64_t print) {
    for (uint32_t i = 0; i < old->count; i++)
        if (old->list[i].print == print) {
            old->list[i] = old->list[--old->count]; // each old one excuses one new one
            return true;
        }
    return false;
}

static bool replaced(const struct diff *d, const struct diff_file *f, struct news_findings *old,
                     const struct news_finding *x) {
    const struct diff_hunk *h = hunk_at(d, f, hunk_of(d, f, x->line));
    for (uint32_t i = 0; h && i < old->count; i++)
        if (old->list[i].rule == x->rule && in_old(h, old->list[i].line)) {
            old->list[i] = old->list[--old->count];
            return true;
        }
    return false;
}

void news_findings(const struct diff *d, const struct diff_file *f, struct news_findings *old,
                   const struct news_findings *untouched, const struct news_findings *pending,
                   bool *ret_new) {
    for (uint32_t i = 0; i < untouched->count && old->count; i++)
        (void)take_out(old, untouched->list[i].print);
    for (uint32_t i = 0; i < pending->count; i++)
        ret_new[i] = !take_out(old, pending->list[i].print);
    for (uint32_t i = 0; d && i < pending->count && old->count; i++)
        if (ret_new[i])
            ret_new[i] = !replaced(d, f, old, &pending->list[i]);
}

// --- functions: their names --------------------------------------------------------------------

// `name = function …`, `{name: () => …}`, `name := func …`: what the lambda is assigned to, or 0.
static uint32_t assigned_to(const struct syntax *s, uint32_t i) {
    for (int up = 0; up < 3; up++) {
        uint32_t parent = s->nodes[i].parent;
        for (uint32_t c = parent ? syntax_first_named(s, parent) : 0; c && c != i;
             c = syntax_next_named(s, c)) {
            uint8_t field = s->nodes[c].field;
            if (field == FIELD_ROLE_LEFT || field == FIELD_ROLE_NAME || field == FIELD_ROLE_KEY ||
                field == FIELD_ROLE_PROPERTY || field == FIELD_ROLE_DECLARATOR)
                return c;
        }
        // Through lists of values and parentheses, not out of a call or a body.
        if (!parent || s->nodes[parent].role != ROLE_NONE || syntax_first_named(s, parent) != i ||
            syntax_next_named(s, i))
            return 0;
        i = parent;
    }
    return 0;
}

// NAMESPACE_BEGIN namespace a { … }: the grammar of C takes the second word for a function's name.
static bool is_keyword(const struct syntax *s, const char *text, size_t n) {
    static const char *const words[] = {"namespace", "class", "struct", "union", "enum",
                                        "extern",    "if",    "for",    "while", "switch"};
    for (size_t i = 0; i < COUNT_OF(words) && (s->lang == LANG_C || s->lang == LANG_CPP); i++)
        if (strlen(words[i]) == n && memcmp(words[i], text, n) == 0)
            return true;
    return false;
}

// False: the grammar lost its way, it is no function.
static bool put_name(const struct syntax *s, uint32_t node, char ret[NEWS_NAME_BYTES_MAX]) {
    size_t n = 0;
    uint32_t name = s->nodes[node].role == ROLE_FUNCTION ? syntax_name(s, node) : 0;
    if (!name && s->nodes[node].role == ROLE_LAMBDA) {
        name = syntax_child(s, node, FIELD_ROLE_NAME);
        name = name ? name : assigned_to(s, node);
    }
    const char *text = name ? syntax_text(s, name, &n) : "";
    if (memchr(text, '\n', n))
        n = 0;
    (void)snprintf(ret, NEWS_NAME_BYTES_MAX, "%.*s",
                   (int)(n < NEWS_NAME_BYTES_MAX ? n : NEWS_NAME_BYTES_MAX - 1), text);
    return !is_keyword(s, text, n);
}

int news_measure(const struct syntax *s, struct news_function **ret, uint32_t *ret_count,
                 struct err *err) {
    AUTO_FREE struct metrics *all = NULL;
    uint32_t n = 0;
    int r = metrics_of(s, &all, &n, err);
    if (r < 0)
        return r;
    struct news_function *list = mem_zalloc((n + 1) * sizeof *list);
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        bool is = put_name(s, all[i].node, list[i].name);
        list[i].line = s->nodes[all[i].node].line;
        list[i].end_line = syntax_end_line(s, all[i].node);
        list[i].cognitive = is ? all[i].cognitive : 0;
        list[i].before = -1;
    }
    *ret = list;
    *ret_count = n;
    return 0;
}

// --- functions: which one it was ---------------------------------------------------------------

struct matching {
    const struct diff *d;
    const struct diff_file *f;
    struct news_function *now;
    const struct news_function *before;
    uint32_t n, before_count;
    bool *taken;       // of before
    uint32_t *by_name; // of before
};

static int compare_names(const void *a, const void *b, void *ctx) {
    const struct news_function *list = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(list[x].name, list[y].name);
    return order ? order : (x > y) - (x < y);
}

static uint32_t first_from_line(const struct matching *m, uint32_t line) {
    uint32_t low = 0, high = m->before_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m->before[middle].line < line)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void match(struct matching *m, uint32_t i, uint32_t k) {
    m->now[i].before = k;
    m->taken[k] = true;
}

// `end_line` 0: wherever it ended.
static void match_by_line(struct matching *m, uint32_t i, uint32_t line, uint32_t end_line) {
    uint32_t looks = 0;
    for (uint32_t k = first_from_line(m, line);
         k < m->before_count && m->before[k].line == line && looks++ < LOOK_MAX; k++)
        if (!m->taken[k] && (!end_line || m->before[k].end_line == end_line) &&
            strcmp(m->before[k].name, m->now[i].name) == 0) {
            match(m, i, k);
            return;
        }
}

static uint32_t first_of_name(const struct matching *m, const char *name) {
    uint32_t low = 0, high = m->before_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(m->before[m->by_name[middle]].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stood_before(const struct matching *m, const char *name) {
    uint32_t at = first_of_name(m, name);
    return name[0] && at < m->before_count && strcmp(m->before[m->by_name[at]].name, name) == 0;
}

static bool stands_now(const struct matching *m, const char *name) {
    for (uint32_t i = 0; i < m->n && name[0]; i++)
        if (strcmp(m->now[i].name, name) == 0)
            return true;
    return false;
}

// Its head was edited, its last line was not: the one that ended there, of its name if there is
// one. A last line is soon found again by a diff: where either name is on both sides, it says
// nothing.
static bool match_by_end(struct matching *m, uint32_t i) {
    uint32_t line, hunk;
    int64_t found = -1;
    if (m->before_count > BY_END_MAX || !line_before(m->d, m->f, m->now[i].end_line, &line, &hunk))
        return false;
    for (uint32_t k = 0; k < m->before_count; k++) {
        if (m->taken[k] || m->before[k].end_line != line ||
            !m->before[k].name[0] != !m->now[i].name[0])
            continue;
        if (found < 0 || strcmp(m->before[k].name, m->now[i].name) == 0)
            found = k;
    }
    if (found >= 0 && strcmp(m->before[found].name, m->now[i].name) != 0 &&
        (stood_before(m, m->now[i].name) || stands_now(m, m->before[found].name)))
        found = -1;
    if (found >= 0)
        match(m, i, (uint32_t)found);
    return found >= 0;
}

// Of its name: one whose head the same edit replaced, or else (`anywhere`) the one
// that is left; of several (overloads), the hardest: so much is sure to have stood there.
static bool match_by_name(struct matching *m, uint32_t i, const struct diff_hunk *h,
                          bool anywhere) {
    const char *name = m->now[i].name;
    uint32_t low = first_of_name(m, name), looks = 0;
    int64_t first = -1;
    for (; low < m->before_count && looks++ < LOOK_MAX; low++) {
        uint32_t k = m->by_name[low];
        if (strcmp(m->before[k].name, name) != 0)
            break;
        if (m->taken[k])
            continue;
        if (h && in_old(h, m->before[k].line)) {
            match(m, i, k);
            return true;
        }
        if (first < 0 || m->before[k].cognitive > m->before[first].cognitive)
            first = k;
    }
    if (first >= 0 && anywhere)
        match(m, i, (uint32_t)first);
    return first >= 0 && anywhere;
}

// Renamed: its name or the old one begins with the other, among what the same edit replaced.
static bool match_by_likeness(struct matching *m, uint32_t i, const struct diff_hunk *h) {
    const char *name = m->now[i].name;
    uint32_t looks = 0;
    for (uint32_t k = h ? first_from_line(m, h->old_start) : m->before_count;
         k < m->before_count && in_old(h, m->before[k].line) && looks++ < LOOK_MAX; k++) {
        const char *old = m->before[k].name;
        size_t a = strlen(name), b = strlen(old), n = a < b ? a : b;
        if (!m->taken[k] && n >= LIKE_BYTES_MIN && memcmp(name, old, n) == 0) {
            match(m, i, k);
            return true;
        }
    }
    return false;
}

// Renamed, or without a name: the first that is left of what the same edit replaced. One with a
// name is not taken for one without.
static void match_by_place(struct matching *m, uint32_t i, const struct diff_hunk *h) {
    uint32_t looks = 0;
    for (uint32_t k = h ? first_from_line(m, h->old_start) : m->before_count;
         k < m->before_count && in_old(h, m->before[k].line) && looks++ < LOOK_MAX; k++)
        if (!m->taken[k] && !m->before[k].name[0] == !m->now[i].name[0]) {
            match(m, i, k);
            return;
        }
}

static void match_all(struct matching *m) {
    uint32_t line, hunk, end;
    for (uint32_t i = 0; i < m->n; i++)
        if (line_before(m->d, m->f, m->now[i].line, &line, &hunk) &&
            line_before(m->d, m->f, m->now[i].end_line, &end, &hunk))
            match_by_line(m, i, line, end);
    for (uint32_t i = 0; i < m->n; i++)
        if (m->now[i].before < 0)
            (void)match_by_end(m, i);
    for (uint32_t i = 0; i < m->n; i++)
        if (m->now[i].before < 0 && line_before(m->d, m->f, m->now[i].line, &line, &hunk))
            match_by_line(m, i, line, 0);
    for (uint32_t i = 0; i < m->n; i++) {
        if (m->now[i].before >= 0)
            continue;
        (void)line_before(m->d, m->f, m->now[i].line, &line, &hunk);
        const struct diff_hunk *h = hunk_at(m->d, m->f, hunk);
        if (m->now[i].name[0] && !match_by_name(m, i, h, false) && !match_by_likeness(m, i, h))
            (void)match_by_name(m, i, h, true);
    }
    for (uint32_t i = 0; i < m->n; i++)
        if (m->now[i].before < 0) {
            (void)line_before(m->d, m->f, m->now[i].line, &line, &hunk);
            match_by_place(m, i, hunk_at(m->d, m->f, hunk));
        }
}

static int find_before(const struct diff *d, const struct diff_file *f, struct news_function *now,
                       uint32_t n, const struct news_function *before, uint32_t before_count,
                       struct err *err) {
    AUTO_FREE bool *taken = mem_zalloc(before_count + 1);
    AUTO_FREE uint32_t *by_name = mem_alloc((before_count + 1) * sizeof *by_name);
    if (!taken || !by_name)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t k = 0; k < before_count; k++)
        by_name[k] = k;
    if (before_count)
        qsort_r(by_name, before_count, sizeof *by_name, compare_names, (void *)before);
    struct matching m = {d, f, now, before, n, before_count, taken, by_name};
    match_all(&m);
    return 0;
}

// --- functions: which became harder ------------------------------------------------------------

static bool is_harder(unsigned now, unsigned was) {
    return now > NEWS_COGNITIVE_MIN && now >= was + NEWS_COGNITIVE_STEP &&
           (now - was) * NEWS_COGNITIVE_PART >= was;
}

static unsigned was_of(const struct news_function *x, const struct news_function *before) {
    return x->before < 0 ? 0 : before[x->before].cognitive;
}

// `inner` is harder and stands in `outer`, which is harder as well: who is to be told of?
static void choose(struct news_function *outer, struct news_function *inner,
                   const struct news_function *before) {
    unsigned was = was_of(outer, before), inner_was = was_of(inner, before);
    if (!inner->name[0] && outer->name[0]) {
        inner->harder = false;
    } else if (!outer->name[0]) {
        outer->harder = false;
    } else {
        unsigned grown = NESTED_COUNTS * (inner->cognitive - inner_was);
        outer->harder = outer->cognitive > grown && is_harder(outer->cognitive - grown, was);
    }
}

// A stack of the functions around; the innermost are settled first.
static int tell_once(struct news_function *now, uint32_t n, const struct news_function *before,
                     struct err *err) {
    AUTO_FREE uint32_t *around = mem_alloc((n + 1) * sizeof *around); // n: none
    AUTO_FREE uint32_t *stack = mem_alloc((n + 1) * sizeof *stack);
    uint32_t depth = 0;
    if (!around || !stack)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        while (depth && now[stack[depth - 1]].end_line < now[i].end_line)
            depth--;
        around[i] = depth ? stack[depth - 1] : n;
        if (now[i].harder)
            stack[depth++] = i;
    }
    for (uint32_t i = n; i-- > 0;)
        for (uint32_t k = around[i]; k < n && now[i].harder; k = around[k])
            if (now[k].harder)
                choose(&now[k], &now[i], before);
    return 0;
}

static bool is_easy_part(const struct news_function *x) {
    return x->name[0] && x->before < 0 && x->cognitive <= NEWS_COGNITIVE_MIN;
}

// A function does not become harder by small new ones with a name that stand in it: each of them
// can be read by itself. One without a name is part of the flow, as blocks of Ruby are.
static int leave_small_parts(struct news_function *now, uint32_t n,
                             const struct news_function *before, struct err *err) {
    AUTO_FREE uint32_t *stack = mem_alloc((n + 1) * sizeof *stack);
    AUTO_FREE unsigned *parts = mem_zalloc((n + 1) * sizeof *parts);
    uint32_t depth = 0;
    if (!stack || !parts)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        while (depth && now[stack[depth - 1]].end_line < now[i].end_line)
            depth--;
        if (is_easy_part(&now[i]) && !(depth && is_easy_part(&now[stack[depth - 1]])))
            for (uint32_t k = 0; k < depth && k < PARTS_DEPTH_MAX; k++)
                parts[stack[k]] += NESTED_COUNTS * now[i].cognitive;
        stack[depth++] = i;
    }
    for (uint32_t i = 0; i < n; i++)
        now[i].harder = now[i].harder && now[i].cognitive > parts[i] &&
                        is_harder(now[i].cognitive - parts[i], was_of(&now[i], before));
    return 0;
}

// What a new function inside of another holds stood in that one before, unless that grew by it.
static int leave_wrapped(struct news_function *now, uint32_t n, const struct news_function *before,
                         struct err *err) {
    AUTO_FREE uint32_t *stack = mem_alloc((n + 1) * sizeof *stack);
    uint32_t depth = 0;
    if (!stack)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        while (depth && now[stack[depth - 1]].end_line < now[i].end_line)
            depth--;
        struct news_function *around = depth ? &now[stack[depth - 1]] : NULL;
        unsigned was = around ? was_of(around, before) : 0;
        stack[depth++] = i;
        if (!around || now[i].before >= 0 || around->before < 0 ||
            around->cognitive >= was + now[i].cognitive)
            continue;
        now[i].harder = false;
        // The one around grew by a level of nesting.
        if (around->cognitive <= was + now[i].cognitive / 2)
            around->harder = false;
    }
    return 0;
}

// Its head is an old line: it was there, in a text that could not be read as it stood.
static bool was_above(const struct diff *d, const struct diff_file *f, uint32_t line) {
    uint32_t old_line, hunk;
    return f->old_path && line_before(d, f, line, &old_line, &hunk);
}

int news_functions(const struct diff *d, const struct diff_file *f, struct news_function *now,
                   uint32_t n, const struct news_function *before, uint32_t before_count,
                   struct err *err) {
    int r = 0;
    for (uint32_t i = 0; i < n; i++) {
        now[i].before = -1;
        now[i].harder = false;
        now[i].touched = !d || diff_touches(d, f, now[i].line, now[i].end_line);
    }
    if (d && n && before_count)
        r = find_before(d, f, now, n, before, before_count, err);
    for (uint32_t i = 0; i < n; i++)
        now[i].harder = now[i].touched && is_harder(now[i].cognitive, was_of(&now[i], before)) &&
                        !(d && now[i].before < 0 && was_above(d, f, now[i].line));
    if (r == 0 && before_count)
        r = leave_wrapped(now, n, before, err);
    if (r == 0)
        r = leave_small_parts(now, n, before, err);
    return r < 0 ? r : tell_once(now, n, before, err);
}
