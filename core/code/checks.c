// One loop over the nodes; a table by role says which checks look at each.
#include "core/code/checks.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/checks_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FOUND_MAX = 2000, // of a file: as many as its facts keep
    LINE_MAX_BYTES = 500,
    HEAD_BYTES = 600
};

static const struct check_row *const tables[] = {
    checks_errors, checks_flow,    checks_branches, checks_logic,  checks_c,    checks_python,
    checks_script, checks_go_java, checks_shell,    checks_format, checks_leak, checks_text,
};

struct dispatch {
    check_fn *fn[ROLE_COUNT][CHECK_CALLS_PER_ROLE_MAX];
    uint8_t count[ROLE_COUNT];
};

static void fill(struct dispatch *d, enum lang lang) {
    memset(d->count, 0, sizeof d->count);
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (const struct check_row *row = tables[t]; row->fn; row++)
            if (((row->langs >> lang) & 1) && d->count[row->role] < CHECK_CALLS_PER_ROLE_MAX)
                d->fn[row->role][d->count[row->role]++] = row->fn;
}

static void find_errors(struct checks *c) {
    const struct syntax *s = c->s;
    for (uint32_t i = 0; s->errors && i < s->count && c->error_count < CHECK_ERRORS_MAX; i++)
        if (s->nodes[i].role == ROLE_ERROR || s->nodes[i].role == ROLE_MISSING)
            c->errors[c->error_count++] = i;
}

static bool has_error(const struct checks *c, uint32_t root) {
    uint32_t low = 0, high = c->error_count;
    while (low < high) { // first error at or behind the root
        uint32_t middle = low + (high - low) / 2;
        if (c->errors[middle] < root)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->error_count && c->errors[low] < c->s->nodes[root].next;
}

// Where the grammar lost its way, macros and half-typed code are seen as something else. So nothing
// is said about a function, or a statement outside of functions, with an error in it.
static bool is_doubtful(const struct checks *c, uint32_t node) {
    const struct syntax *s = c->s;
    if (!c->error_count || s->nodes[node].role == ROLE_COMMENT)
        return false;
    if (c->error_count == CHECK_ERRORS_MAX)
        return true;
    uint32_t root = node;
    for (uint32_t up = node; up; up = s->nodes[up].parent) {
        if (s->nodes[up].role == ROLE_ERROR)
            return true;
        root = up;
        if (s->nodes[up].role == ROLE_FUNCTION)
            break;
    }
    return has_error(c, root);
}

// Nobody wrote a line that long: minifiers trade clarity for bytes.
static bool is_minified(const struct checks *c, uint32_t node) {
    const char *text = c->s->text, *at = text + c->s->nodes[node].start;
    const char *from = at, *to = at, *end = text + c->s->bytes;
    while (from > text && from[-1] != '\n' && at - from < LINE_MAX_BYTES)
        from--;
    while (to < end && *to != '\n' && to - from < LINE_MAX_BYTES)
        to++;
    return to - from >= LINE_MAX_BYTES;
}

static bool is_known(const struct checks *c, const struct rule *rule, uint32_t start) {
    for (uint32_t k = c->count; k-- > 0;)
        if (c->found[k].rule == rule && c->found[k].start == start)
            return true;
    return false;
}

static bool grow(struct checks *c) {
    if (c->count < c->capacity)
        return true;
    if (c->count >= FOUND_MAX)
        return false;
    uint32_t capacity = c->capacity ? c->capacity * 2 : 16;
    capacity = capacity < FOUND_MAX ? capacity : FOUND_MAX;
    struct finding *found = mem_realloc(c->found, capacity * sizeof *found);
    if (!found) {
        c->error = ERR_NOMEM;
        return false;
    }
    c->found = found;
    c->capacity = capacity;
    return true;
}

// Code may hold any bytes; a message is one line of UTF-8.
static void clean(char *text) {
    size_t n = strlen(text), at = 0;
    while (at < n) {
        size_t bytes = utf_sequence_bytes(text + at, n - at);
        if (bytes == 0)
            text[at] = '?';
        else if (bytes == 1 && ((unsigned char)text[at] < 0x20 || text[at] == 0x7F))
            text[at] = ' ';
        at += bytes ? bytes : 1;
    }
}

struct finding *check_report(struct checks *c, const char *rule, uint32_t node, const char *format,
                             ...) {
    const struct node *n = &c->s->nodes[node];
    const struct rule *row = rules_find(rule, strlen(rule));
    if (!row || is_doubtful(c, node) || is_minified(c, node) || is_known(c, row, n->start) ||
        !grow(c))
        return NULL;
    struct finding *f = &c->found[c->count++];
    *f = (struct finding){.rule = row,
                          .start = n->start,
                          .end = n->end,
                          .line = n->line,
                          .end_line = syntax_end_line(c->s, node)};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
    size_t length = strlen(f->message);
    if (length == sizeof f->message - 1) // cut: not in the middle of a character
        f->message[utf_cut(f->message, length, length - 1)] = '\0';
    clean(f->message);
    return f;
}

void check_fix(struct finding *f, uint32_t start, uint32_t end, const char *format, ...) {
    if (!f)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(f->fix_text, sizeof f->fix_text, format, args);
    va_end(args);
    f->has_fix = n >= 0 && (size_t)n < sizeof f->fix_text;
    if (!f->has_fix)
        f->fix_text[0] = '\0';
    f->fix_start = f->has_fix ? start : 0;
    f->fix_end = f->has_fix ? end : 0;
}

static int by_place(const void *a, const void *b) {
    const struct finding *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1; // rows of one table, sorted by id
    return (x->end > y->end) - (x->end < y->end);
}

static bool is_word_of(const char *text, size_t n, const char *list) {
    return check_words_have(list, text, n);
}

static bool starts(const char *text, size_t n, const char *prefix) {
    size_t m = strlen(prefix);
    return n >= m && memcmp(text, prefix, m) == 0;
}

static bool contains(const char *text, size_t n, const char *part) {
    size_t m = strlen(part);
    for (size_t at = 0; at + m <= n; at++)
        if (memcmp(text + at, part, m) == 0)
            return true;
    return false;
}

static bool is_test_name(const char *name) {
    size_t n = strlen(name);
    return starts(name, n, "test_") || starts(name, n, "test-") || starts(name, n, "conftest.") ||
           starts(name, n, "test.") || contains(name, n, "_test.") || contains(name, n, ".test.") ||
           contains(name, n, ".spec.") || contains(name, n, "_spec.") ||
           contains(name, n, "Test.java") || contains(name, n, "Tests.java");
}

// By the habits of the languages' test runners.
static bool is_test_path(const char *path) {
    const char *part = path;
    for (;;) {
        size_t n = strcspn(part, "/");
        bool last = part[n] == '\0';
        if (!last && is_word_of(part, n,
                                "test tests __tests__ spec specs testdata testdir testing "
                                "unit-test unittests fixtures e2e bench benches benchmark "
                                "benchmarks regress"))
            return true;
        if (last)
            return is_test_name(part);
        part += n + 1;
    }
}

// What tests read is no code that anybody maintains, and wrong on purpose as often as not; nor is
// what stands among the resources of anything but the program itself (src/it/resources).
bool checks_is_material(const char *path) {
    bool tests = false, sources = false, beside = false;
    for (const char *part = path;;) {
        size_t n = strcspn(part, "/");
        if (part[n] == '\0')
            return false;
        if (is_word_of(part, n, "fixtures fixture __fixtures__ testdata test_data test-data") ||
            contains(part, n, "test-sources") || contains(part, n, "test-files") ||
            (tests && is_word_of(part, n, "samples cases configCases resources input inputs")) ||
            (tests && n >= 4 && memcmp(part + n - 4, "data", 4) == 0) ||
            (beside && is_word_of(part, n, "resources")))
            return true;
        beside = sources && !is_word_of(part, n, "main");
        sources = is_word_of(part, n, "src");
        tests |= is_word_of(part, n, "test tests __tests__ spec specs testing t");
        part += n + 1;
    }
}

bool checks_may_be_input(const char *path) {
    bool tests = false;
    for (const char *part = path;;) {
        size_t n = strcspn(part, "/");
        if (part[n] == '\0')
            return tests && !is_test_name(part);
        tests |= is_word_of(part, n, "test tests __tests__ spec specs testing t");
        part += n + 1;
    }
}

// Says so at its head: nobody edits it, so nobody can follow an advice.
static bool is_generated(const struct syntax *s) {
    static const char *const signs[] = {"DO NOT EDIT",  "@generated",   "Code generated",
                                        "Generated by", "Generated By", "Automatically generated"};
    size_t n = s->bytes < HEAD_BYTES ? s->bytes : HEAD_BYTES;
    for (size_t k = 0; k < COUNT_OF(signs); k++)
        if (contains(s->text, n, signs[k]))
            return true;
    return false;
}

int checks_run(const struct syntax *s, const char *path, finding_fn *on_finding, void *ctx,
               struct err *err) {
    struct dispatch d;
    struct checks c = {.s = s,
                       .path = path,
                       .test = is_test_path(path),
                       .budget = 1000000 + 40 * (int64_t)s->count};
    if (!s->count || checks_is_material(path) || is_generated(s))
        return 0;
    fill(&d, s->lang);
    find_errors(&c);
    for (uint32_t i = 0; i < s->count && c.error == 0 && c.budget > 0 && c.count < FOUND_MAX; i++) {
        uint8_t role = s->nodes[i].role;
        for (uint8_t k = 0; k < d.count[role]; k++)
            d.fn[role][k](&c, i);
    }
    checks_async(&c);
    int r = c.error;
    if (r < 0)
        (void)err_set(err, r, "out of memory");
    if (c.count)
        qsort(c.found, c.count, sizeof *c.found, by_place);
    for (uint32_t k = 0; k < c.count && r >= 0; k++)
        r = on_finding(ctx, &c.found[k]);
    mem_free(c.found);
    return r < 0 ? r : 0;
}
