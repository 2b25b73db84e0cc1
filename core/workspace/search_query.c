// Reads a text: which words it has and where they stand, which names and paths it mentions, which
// stack frames it shows. No grammar: what people paste is Markdown, logs and code in any mixture.
#include "core/base/mem.h"
#include "core/code/words.h"
#include "core/workspace/search_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Where a word stands says how much it says. Set by hand once (title > prose > code > forms and
// version lists); the fit of search_rank.c was made with these.
static const float ZONE_TITLE = 3, ZONE_PROSE = 1, ZONE_CODE = .5F, ZONE_FORM = .1F;

enum { TABLE_SLOTS = 1024, PAIRS_MAX = 4096 }; // of terms: a power of two > 2 * SEARCH_TERMS_MAX

struct reading {
    struct query *q;
    uint16_t slots[TABLE_SLOTS]; // 1 + index into q->terms
    float zone;
    bool title, fenced, form, comment;
    bool innermost_last; // frames: as Python prints them
};

static bool word_char(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 128;
}

static int add_term(void *ctx, const char *word, size_t n) {
    struct reading *r = ctx;
    uint64_t hash = search_hash(word, n);
    uint32_t at = (uint32_t)hash & (TABLE_SLOTS - 1);
    while (r->slots[at]) {
        struct term *t = &r->q->terms[r->slots[at] - 1];
        if (t->hash == hash) {
            t->weight += r->zone;
            t->title = t->title || r->title;
            return 0;
        }
        at = (at + 1) & (TABLE_SLOTS - 1);
    }
    if (r->q->term_count == SEARCH_TERMS_MAX || n > TERM_BYTES_MAX)
        return 0;
    struct term *t = &r->q->terms[r->q->term_count++];
    *t = (struct term){.hash = hash, .weight = r->zone, .title = r->title, .n = (uint8_t)n};
    memcpy(t->word, word, n);
    r->slots[at] = (uint16_t)r->q->term_count;
    return 0;
}

// --- lines --------------------------------------------------------------------------------------

static bool contains(const char *t, size_t n, const char *lower) {
    size_t m = strlen(lower);
    for (size_t i = 0; i + m <= n; i++) {
        size_t k = 0;
        while (k < m && tolower((unsigned char)t[i + k]) == lower[k])
            k++;
        if (k == m)
            return true;
    }
    return false;
}

static bool begins(const char *t, size_t n, const char *lower) {
    size_t m = strlen(lower);
    return n >= m && contains(t, m, lower);
}

// A heading under which a report lists its machine, not its problem.
static bool heads_form(const char *t, size_t n) {
    static const char *const words[] = {"version",
                                        "environment",
                                        "system",
                                        "platform",
                                        "dependenc",
                                        "checklist",
                                        "screenshot",
                                        "configuration",
                                        "additional context",
                                        "your project",
                                        "reproducible project",
                                        "installed",
                                        "details",
                                        "operating"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (contains(t, n, words[i]))
            return true;
    return n <= 8 && contains(t, n, "os");
}

// "numpy: 1.18.5", "pandas 1.0.5", "dask: None", "Signed-off-by: …"
static bool is_version_line(const char *t, size_t n) {
    size_t i = 0, words = 0, value;
    if (begins(t, n, "signed-off-by") || begins(t, n, "co-authored-by") ||
        begins(t, n, "reviewed-by") || begins(t, n, "change-id"))
        return true;
    while (i < n && (t[i] == ' ' || t[i] == '-' || t[i] == '*'))
        i++;
    while (i < n && (word_char(t[i]) || t[i] == ' ' || t[i] == '-' || t[i] == '.') &&
           !(isdigit((unsigned char)t[i]) && words))
        words += word_char(t[i++]);
    if (!words || words > 30)
        return false;
    bool colon = i < n && (t[i] == ':' || t[i] == '=');
    if (colon)
        i++;
    while (i < n && (t[i] == ' ' || t[i] == 'v'))
        i++;
    value = i;
    if (n - i == 4 && memcmp(t + i, "None", 4) == 0)
        return colon;
    while (i < n && t[i] != ' ')
        i++;
    return i == n && i > value && isdigit((unsigned char)t[value]);
}

// Headings are "## Title", "**Title**" alone on a line.
static bool is_heading(const char *t, size_t n) {
    if (n > 2 && t[0] == '#' && (t[1] == '#' || t[1] == ' '))
        return true;
    return n > 4 && t[0] == '*' && t[1] == '*' && (t[n - 1] == '*' || t[n - 1] == ':');
}

// --- names and paths ----------------------------------------------------------------------------

static void add_name(struct query *q, const struct name_mention *m) {
    for (uint32_t i = 0; i < q->name_count; i++) {
        struct name_mention *o = &q->names[i];
        if (o->n == m->n && memcmp(o->text, m->text, m->n) == 0) {
            o->code = o->code || m->code;
            if (m->qualified && !o->qualified) {
                o->qualified = true;
                o->before = m->before;
                o->before_n = m->before_n;
            }
            return;
        }
    }
    if (q->name_count < SEARCH_MENTIONS_MAX)
        q->names[q->name_count++] = *m;
}

static bool looks_like_code(const char *t, size_t n, char before, char after) {
    if (after == '(' || before == '.' || before == '`' || after == '`')
        return true;
    for (size_t i = 1; i < n; i++)
        if (t[i] == '_' || (isupper((unsigned char)t[i]) && islower((unsigned char)t[i - 1])))
            return true;
    return false;
}

static bool is_stop_word(const char *t, size_t n) {
    char folded[8];
    if (n > sizeof folded)
        return false;
    for (size_t i = 0; i < n; i++)
        folded[i] = t[i] >= 'A' && t[i] <= 'Z' ? (char)(t[i] | 0x20) : t[i];
    return words_stop(folded, n);
}

static void read_names(struct reading *r, const char *t, size_t n) {
    struct name_mention last = {0};
    for (size_t i = 0; i < n;) {
        size_t start = i;
        while (i < n && word_char(t[i]))
            i++;
        if (i == start) {
            i++;
            continue;
        }
        if (isdigit((unsigned char)t[start]) || i - start > 200)
            continue;
        char before = start ? t[start - 1] : 0, after = i < n ? t[i] : 0;
        struct name_mention m = {.text = t + start, .n = (uint32_t)(i - start)};
        bool written = looks_like_code(m.text, m.n, before, after);
        m.code = r->fenced || written;
        if (written && is_stop_word(m.text, m.n)) // `where(`, `.all`: not here
            (void)words_of_identifier(m.text, m.n, add_term, r);
        bool joined = before == '.' || (start > 1 && ((before == ':' && t[start - 2] == ':') ||
                                                      (before == '>' && t[start - 2] == '-')));
        if (joined && last.n && last.text + last.n + (before == '.' ? 1 : 2) == m.text) {
            m.qualified = true;
            m.before = last.text;
            m.before_n = last.n;
        }
        add_name(r->q, &m);
        last = m;
    }
}

static bool path_char(char c) {
    return word_char(c) || c == '/' || c == '.' || c == '-' || c == '\\' || c == '+' || c == '@';
}

static uint32_t read_number(const char *t, size_t n, size_t *at) {
    uint32_t v = 0;
    while (*at < n && isdigit((unsigned char)t[*at]) && v < 100000000)
        v = v * 10 + (uint32_t)(t[(*at)++] - '0');
    return v;
}

// `File "x.py", line 12, in f`, `x.go:12`, `at f (x.js:12:3)`, `(X.java:12)`, `f (…) at x.c:12`.
static uint32_t frame_line(const char *t, size_t n, size_t end, struct path_mention *m) {
    size_t at = end;
    if (at < n && t[at] == ':') {
        at++;
        return read_number(t, n, &at);
    }
    if (at + 7 < n && memcmp(t + at, "\", line ", 8) == 0) {
        at += 8;
        uint32_t line = read_number(t, n, &at);
        if (at + 5 < n && memcmp(t + at, ", in ", 5) == 0) {
            size_t start = at + 5;
            for (at = start; at < n && word_char(t[at]);)
                at++;
            m->fn = t + start;
            m->fn_n = (uint32_t)(at - start);
        }
        return line;
    }
    return 0;
}

// The function before "(x.js:12:3)" or "(X.java:12)": the last name.
static void frame_function(const char *t, size_t start, struct path_mention *m) {
    if (m->fn || start < 2 || t[start - 1] != '(')
        return;
    size_t end = start - 1;
    while (end && t[end - 1] == ' ')
        end--;
    size_t begin = end;
    while (begin && word_char(t[begin - 1]))
        begin--;
    m->fn = t + begin;
    m->fn_n = (uint32_t)(end - begin);
}

static void add_path_mention(struct query *q, const struct path_mention *m) {
    for (uint32_t i = 0; i < q->path_count; i++)
        if (q->paths[i].n == m->n && q->paths[i].line == m->line &&
            memcmp(q->paths[i].path, m->path, m->n) == 0)
            return;
    if (q->path_count < SEARCH_MENTIONS_MAX)
        q->paths[q->path_count++] = *m;
}

// Runs that end like a file: a dot and one to five letters, or hold a slash.
static void read_paths(struct reading *r, const char *t, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t start = i;
        while (i < n && path_char(t[i]))
            i++;
        if (i == start) {
            i++;
            continue;
        }
        size_t end = i;
        while (end > start && (t[end - 1] == '.' || t[end - 1] == '/'))
            end--;
        size_t dot = end;
        while (dot > start && t[dot - 1] != '.' && t[dot - 1] != '/')
            dot--;
        bool suffix = dot > start + 1 && t[dot - 1] == '.' && end - dot >= 1 && end - dot <= 5 &&
                      isalpha((unsigned char)t[dot]);
        bool slash = memchr(t + start, '/', end - start) != NULL;
        if (end - start < 3 || end - start > 400 || !(suffix || slash))
            continue;
        struct path_mention m = {.path = t + start, .n = (uint32_t)(end - start)};
        m.line = frame_line(t, n, end, &m);
        if (m.line)
            frame_function(t, start, &m);
        m.weight = m.line ? 1 : 0;
        add_path_mention(r->q, &m);
    }
}

// The frame where it happened counts most: the last one of Python, the first one of the others.
static void weigh_frames(struct reading *r) {
    uint32_t frames = 0, seen = 0;
    for (uint32_t i = 0; i < r->q->path_count; i++)
        frames += r->q->paths[i].weight > 0;
    for (uint32_t i = 0; i < r->q->path_count; i++) {
        struct path_mention *m = &r->q->paths[i];
        if (!(m->weight > 0))
            continue;
        uint32_t from = r->innermost_last ? frames - 1 - seen : seen;
        m->weight = 1 / (1 + .5F * (float)from);
        seen++;
    }
}

// --- pairs --------------------------------------------------------------------------------------

static void add_pair(void *ctx, uint64_t pair) {
    struct query *q = ctx;
    if (q->pair_count < PAIRS_MAX)
        q->pairs[q->pair_count++] = pair;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_pairs(struct query *q) {
    if (!q->pair_count)
        return;
    qsort(q->pairs, q->pair_count, sizeof *q->pairs, by_value);
    uint32_t n = 1;
    for (uint32_t i = 1; i < q->pair_count; i++)
        if (q->pairs[i] != q->pairs[n - 1])
            q->pairs[n++] = q->pairs[i];
    q->pair_count = n;
}

// --- the whole ----------------------------------------------------------------------------------

// URLs say little, but for a file of the project in them.
static size_t url_end(const char *t, size_t n, size_t at) {
    if (!begins(t + at, n - at, "http://") && !begins(t + at, n - at, "https://"))
        return at;
    while (at < n && t[at] != ' ' && t[at] != ')' && t[at] != '>' && t[at] != '"')
        at++;
    return at;
}

static void read_words(struct reading *r, const char *t, size_t n) {
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        size_t end = t[i] == 'h' || t[i] == 'H' ? url_end(t, n, i) : i;
        if (end == i)
            continue;
        (void)words_of_text(t + from, i - from, add_term, r);
        from = end;
        i = end - 1;
    }
    (void)words_of_text(t + from, n - from, add_term, r);
}

static void read_line(struct reading *r, const char *t, size_t n) {
    size_t blank = 0;
    while (n && (t[n - 1] == '\r' || t[n - 1] == ' '))
        n--;
    while (blank < n && (t[blank] == ' ' || t[blank] == '\t'))
        blank++;
    const char *s = t + blank;
    size_t m = n - blank;
    if (m >= 3 && (memcmp(s, "```", 3) == 0 || memcmp(s, "~~~", 3) == 0)) {
        r->fenced = !r->fenced;
        return;
    }
    if (!m)
        return;
    if (contains(s, m, "most recent call last"))
        r->innermost_last = true;
    if (!r->fenced && (is_heading(s, m) || begins(s, m, "<details") || begins(s, m, "</details")))
        r->form = heads_form(s, m);
    bool version = is_version_line(s, m);
    bool code = r->fenced || blank >= 4 || (m > 3 && memcmp(s, ">>>", 3) == 0);
    r->title = r->q->words == 0;
    r->zone = r->title             ? ZONE_TITLE
              : r->form || version ? ZONE_FORM
              : code               ? ZONE_CODE
                                   : ZONE_PROSE;
    read_words(r, s, m);
    r->q->words += (uint32_t)m / 5 + 1;
    read_paths(r, s, m);
    if (version || r->form)
        return;
    bool fenced = r->fenced;
    r->fenced = code;
    read_names(r, s, m);
    r->fenced = fenced;
    query_pairs(s, m, add_pair, r->q);
}

static bool is_test_word(const char *t, size_t n) {
    static const char *const words[] = {"test", "tests", "spec", "specs", "rspec", "testcase"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (n == strlen(words[i]) && begins(t, n, words[i]))
            return true;
    return false;
}

// "add tests for X", "tests: …", "fix flaky spec": the title is about tests, and not only a
// sentence with the word in it.
static void look_for_tests(struct query *q, const char *t, size_t n) {
    static const char *const before[] = {"add",   "write",   "fix",      "improve", "update",
                                         "flaky", "failing", "missing",  "more",    "unit",
                                         "new",   "extend",  "refactor", "the"};
    size_t at = 0, start, m, seen = 0;
    bool verb = false;
    while (words_next(t, n, &at, &start, &m)) {
        if (is_test_word(t + start, m)) {
            bool head = seen == 0 && at < n && (t[at] == ':' || t[at] == '/' || t[at] == '(');
            q->test_word = true;
            q->tests = q->tests || head || (verb && seen < 5);
        }
        for (size_t i = 0; i < COUNT_OF(before); i++)
            verb = verb || (m >= strlen(before[i]) && m <= strlen(before[i]) + 2 &&
                            begins(t + start, m, before[i]));
        seen++;
    }
}

static void read_all(struct reading *r, const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t m = end ? (size_t)(end - text) - at : n - at;
        // Comments of a form's template run over lines.
        if (!r->comment && m >= 4 && contains(text + at, m, "<!--"))
            r->comment = !contains(text + at, m, "-->");
        else if (r->comment)
            r->comment = !contains(text + at, m, "-->");
        else
            read_line(r, text + at, m);
        at += m + 1;
    }
}

int query_read(const char *text, size_t n, struct query *ret, struct err *err) {
    struct query *q = ret;
    *q = (struct query){0};
    q->terms = mem_alloc(SEARCH_TERMS_MAX * sizeof *q->terms);
    q->by_worth = mem_alloc(SEARCH_TERMS_MAX * sizeof *q->by_worth);
    q->names = mem_alloc(SEARCH_MENTIONS_MAX * sizeof *q->names);
    q->paths = mem_alloc(SEARCH_MENTIONS_MAX * sizeof *q->paths);
    q->pairs = mem_alloc(PAIRS_MAX * sizeof *q->pairs);
    AUTO_FREE struct reading *r = mem_zalloc(sizeof *r);
    if (!q->terms || !q->by_worth || !q->names || !q->paths || !q->pairs || !r)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (n > SEARCH_TEXT_BYTES_MAX)
        n = SEARCH_TEXT_BYTES_MAX;
    q->text = text;
    q->bytes = n;
    r->q = q;
    read_all(r, text, n);
    weigh_frames(r);
    sort_pairs(q);
    for (uint32_t i = 0; i < q->term_count; i++) // said often is not said much louder
        if (q->terms[i].weight >= 1)
            q->terms[i].weight = 1 + logf(q->terms[i].weight);
    const char *line = memchr(text, '\n', n);
    look_for_tests(q, text, line ? (size_t)(line - text) : n);
    return 0;
}

void query_done(struct query *q) {
    mem_free(q->terms);
    mem_free(q->by_worth);
    mem_free(q->names);
    mem_free(q->paths);
    mem_free(q->pairs);
    *q = (struct query){0};
}
