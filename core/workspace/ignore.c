#include "core/workspace/ignore.h"

#include "core/base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum rule_flags {
    RULE_NEGATED = 1,
    RULE_FOLDER = 2,   // ends with '/'
    RULE_BASENAME = 4, // no '/' inside: any depth
    RULE_ENDING = 8    // '*' and a literal
};
struct rule {
    uint32_t text, bytes; // in the pool
    uint32_t literal;     // bytes before the first special character
    uint32_t flags;
};
struct ignore {
    atomic_uint refs;
    struct ignore *parent;
    bool fold_case;
    uint32_t folder_bytes;
    uint32_t count;
    struct rule *rules;
    char *pool; // folder, then the patterns
};

// --- characters ---------------------------------------------------------------------------------

static unsigned char lower(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static bool is_special(char c) {
    return c == '*' || c == '?' || c == '[' || c == '\\';
}

static bool equal(const char *a, const char *b, size_t n, bool fold_case) {
    if (!fold_case)
        return memcmp(a, b, n) == 0;
    for (size_t i = 0; i < n; i++)
        if (lower((unsigned char)a[i]) != lower((unsigned char)b[i]))
            return false;
    return true;
}

static bool is_between(unsigned char c, char first, char last) {
    return c >= (unsigned char)first && c <= (unsigned char)last;
}

static bool is_alpha(unsigned char c) {
    return is_between(lower(c), 'a', 'z');
}

static bool is_graph(unsigned char c) {
    return c > 32 && c < 127;
}

enum class_result { CLASS_NO, CLASS_YES, CLASS_UNKNOWN };

// "alpha" of [[:alpha:]], in the C locale.
static enum class_result in_named_class(const char *name, size_t n, unsigned char c,
                                        bool fold_case) {
    static const char *const names[] = {"alnum", "alpha", "blank", "cntrl", "digit", "graph",
                                        "lower", "print", "punct", "space", "upper", "xdigit"};
    size_t i = 0;
    while (i < COUNT_OF(names) && (strlen(names[i]) != n || memcmp(names[i], name, n) != 0))
        i++;
    bool digit = is_between(c, '0', '9'), alpha = is_alpha(c);
    const bool in[] = {
        digit || alpha,
        alpha,
        c == ' ' || c == '\t',
        c < 32 || c == 127,
        digit,
        is_graph(c),
        is_between(c, 'a', 'z'),
        c == ' ' || is_graph(c),
        is_graph(c) && !digit && !alpha,
        c == ' ' || is_between(c, '\t', '\r'),
        is_between(c, 'A', 'Z') || (fold_case && is_between(c, 'a', 'z')),
        digit || is_between(lower(c), 'a', 'f'),
    };
    return i == COUNT_OF(names) ? CLASS_UNKNOWN : in[i] ? CLASS_YES : CLASS_NO;
}

// --- brackets -----------------------------------------------------------------------------------

struct bracket {
    const char *at, *end; // what is left of the pattern
    unsigned char c;      // the character asked about
    unsigned char previous;
    bool fold_case, matched;
};

static bool bracket_range(struct bracket *b) { // at "-x": from `previous` to x
    b->at++;
    if (*b->at == '\\' && ++b->at == b->end)
        return false;
    unsigned char last = (unsigned char)*b->at;
    b->matched |= b->c >= b->previous && b->c <= last;
    if (b->fold_case && is_between(b->c, 'a', 'z')) {
        unsigned char upper = (unsigned char)(b->c - 32);
        b->matched |= upper >= b->previous && upper <= last;
    }
    b->previous = 0;
    return true;
}

static bool bracket_class(struct bracket *b) { // at "[:"
    const char *name = b->at + 2;
    const char *close = memchr(name, ']', (size_t)(b->end - name));
    if (!close)
        return false;
    if (close == name || close[-1] != ':') { // no class after all
        b->matched |= b->c == '[';
        b->previous = '[';
        return true;
    }
    enum class_result in = in_named_class(name, (size_t)(close - 1 - name), b->c, b->fold_case);
    b->matched |= in == CLASS_YES;
    b->at = close;
    b->previous = 0;
    return in != CLASS_UNKNOWN;
}

// One member of a bracket; `at` is then on its last byte. False: the pattern is malformed.
static bool bracket_member(struct bracket *b) {
    const char *at = b->at;
    if (*at == '-' && b->previous && at + 1 < b->end && at[1] != ']')
        return bracket_range(b);
    if (*at == '[' && at + 1 < b->end && at[1] == ':')
        return bracket_class(b);
    if (*at == '\\' && ++b->at == b->end)
        return false;
    b->previous = (unsigned char)*b->at;
    b->matched |= b->c == b->previous;
    return true;
}

// The bracket at `pattern` ('['): bytes behind it, or NULL when it never ends. A slash is never
// matched.
static const char *bracket_match(const char *pattern, const char *end, unsigned char c,
                                 bool fold_case, bool *ret) {
    struct bracket b = {pattern + 1, end, c, 0, fold_case, false};
    bool negated = b.at < end && (*b.at == '!' || *b.at == '^');
    b.at += negated;
    do {
        if (b.at >= end || !bracket_member(&b))
            return NULL;
        b.at++;
    } while (b.at < end && *b.at != ']');
    if (b.at >= end)
        return NULL;
    *ret = b.matched != negated && c != '/';
    return b.at + 1;
}

// --- globs --------------------------------------------------------------------------------------

// Two places to go back to are enough: what a later star may take, an earlier one need not try.
// A '*' of one folder gives up at a slash, and then the last "**" goes on.
struct glob {
    const char *pattern, *pattern_end;
    const char *p, *t, *end;
    const char *star_p, *star_t; // '*': pattern behind it, next text to try
    const char *deep_p, *deep_t; // "**"
    bool deep_folders;           // "**/": only whole folders
    bool fold_case, dead;
};

static void glob_star(struct glob *g) {
    const char *first = g->p;
    while (g->p < g->pattern_end && *g->p == '*')
        g->p++;
    size_t left = (size_t)(g->pattern_end - g->p);
    bool deep = g->p - first > 1 && (first == g->pattern || first[-1] == '/') &&
                (left == 0 || *g->p == '/' || (left > 1 && g->p[0] == '\\' && g->p[1] == '/'));
    if (!deep) {
        g->star_p = g->p;
        g->star_t = g->t;
        return;
    }
    g->deep_folders = left > 0 && *g->p == '/';
    g->p += g->deep_folders;
    g->deep_p = g->p;
    g->deep_t = g->t;
    g->star_p = NULL;
}

static bool glob_back(struct glob *g) {
    if (g->star_p && g->star_t < g->end && *g->star_t != '/') {
        g->t = ++g->star_t;
        g->p = g->star_p;
        return true;
    }
    g->star_p = NULL;
    if (!g->deep_p || g->deep_t >= g->end)
        return false;
    if (g->deep_folders) {
        const char *slash = memchr(g->deep_t, '/', (size_t)(g->end - g->deep_t));
        if (!slash)
            return false;
        g->deep_t = slash;
    }
    g->t = ++g->deep_t;
    g->p = g->deep_p;
    return true;
}

// One item of the pattern that is no star against one character.
static bool glob_step(struct glob *g) {
    unsigned char c = (unsigned char)*g->t;
    if (g->fold_case)
        c = lower(c);
    if (*g->p == '?') {
        if (c == '/')
            return false;
        g->p++;
    } else if (*g->p == '[') {
        bool in = false;
        const char *behind = bracket_match(g->p, g->pattern_end, c, g->fold_case, &in);
        g->dead = !behind;
        if (!in)
            return false;
        g->p = behind;
    } else {
        const char *p = g->p + (*g->p == '\\');
        if (p == g->pattern_end)
            return false;
        unsigned char want = (unsigned char)*p;
        if ((g->fold_case ? lower(want) : want) != c)
            return false;
        g->p = p + 1;
    }
    g->t++;
    return true;
}

bool ignore_glob(const char *pattern, size_t pattern_bytes, const char *text, size_t text_bytes,
                 bool fold_case) {
    struct glob g = {.pattern = pattern,
                     .pattern_end = pattern + pattern_bytes,
                     .p = pattern,
                     .t = text,
                     .end = text + text_bytes,
                     .fold_case = fold_case};
    for (;;) {
        if (g.p < g.pattern_end && *g.p == '*') {
            glob_star(&g);
            if (g.p == g.pattern_end && g.deep_p == g.p && !g.deep_folders)
                return true; // "**" at the end takes everything
            continue;
        }
        if (g.p == g.pattern_end && g.t == g.end)
            return true;
        if (g.p < g.pattern_end && g.t < g.end && glob_step(&g))
            continue;
        if (g.dead || !glob_back(&g))
            return false;
    }
}

// --- rules --------------------------------------------------------------------------------------

// Blanks at the end do not count unless escaped.
static size_t without_blanks(const char *line, size_t n) {
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        if (line[i] == '\\') {
            if (++i == n)
                return n;
            end = i + 1;
        } else if (line[i] != ' ') {
            end = i + 1;
        }
    }
    return end;
}

static void add_rule(struct ignore *ig, uint32_t *pool_bytes, const char *line, size_t n) {
    struct rule rule = {.text = *pool_bytes};
    if (n && *line == '!') {
        rule.flags |= RULE_NEGATED;
        line++;
        n--;
    }
    size_t literal = 0;
    while (literal < n && !is_special(line[literal]))
        literal++;
    bool ends = n && *line == '*';
    for (size_t i = 1; i < n && ends; i++)
        ends = !is_special(line[i]);
    if (n && line[n - 1] == '/') {
        rule.flags |= RULE_FOLDER;
        n--;
    }
    if (!memchr(line, '/', n))
        rule.flags |= RULE_BASENAME | (ends ? RULE_ENDING : 0);
    else if (*line == '/') {
        line++;
        n--;
        literal -= literal > 0;
    }
    rule.literal = (uint32_t)(literal < n ? literal : n);
    rule.bytes = (uint32_t)n;
    memcpy(ig->pool + rule.text, line, n);
    *pool_bytes += rule.bytes;
    ig->rules[ig->count++] = rule;
}

static void add_line(struct ignore *ig, uint32_t *pool_bytes, const char *line, size_t n) {
    const char *nul = memchr(line, '\0', n); // git's lines are C strings
    if (nul)
        n = (size_t)(nul - line);
    else if (n && line[n - 1] == '\r')
        n--;
    n = without_blanks(line, n);
    if (n && n <= IGNORE_RULE_BYTES_MAX && *line != '#' && ig->count < IGNORE_RULES_MAX)
        add_rule(ig, pool_bytes, line, n);
}

static size_t count_lines(const char *text, size_t n) {
    size_t lines = 1;
    for (const char *at = text; (at = memchr(at, '\n', n - (size_t)(at - text))); at++)
        lines++;
    return lines;
}

int ignore_new(const char *text, size_t bytes, const char *folder, bool fold_case,
               struct ignore *parent, struct ignore **ret, struct err *err) {
    if (bytes > IGNORE_FILE_BYTES_MAX)
        bytes = IGNORE_FILE_BYTES_MAX;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    size_t folder_bytes = strlen(folder), lines = bytes ? count_lines(text, bytes) : 1;
    if (lines > IGNORE_RULES_MAX)
        lines = IGNORE_RULES_MAX;
    struct ignore *ig = mem_zalloc(sizeof *ig);
    if (ig) {
        ig->rules = mem_alloc(lines * sizeof *ig->rules);
        ig->pool = mem_alloc(folder_bytes + bytes + 1);
    }
    if (!ig || !ig->rules || !ig->pool) {
        if (ig) {
            mem_free(ig->rules);
            mem_free(ig->pool);
        }
        mem_free(ig);
        return err_set(err, ERR_NOMEM, "out of memory for rules of what to ignore");
    }
    atomic_init(&ig->refs, 1);
    ig->parent = ignore_ref(parent);
    ig->fold_case = fold_case;
    ig->folder_bytes = (uint32_t)folder_bytes;
    memcpy(ig->pool, folder, folder_bytes);
    uint32_t pool_bytes = (uint32_t)folder_bytes;
    for (size_t at = 0; at < bytes;) {
        const char *eol = memchr(text + at, '\n', bytes - at);
        size_t n = eol ? (size_t)(eol - text) - at : bytes - at;
        add_line(ig, &pool_bytes, text + at, n);
        at += n + 1;
    }
    *ret = ig;
    return 0;
}

struct ignore *ignore_ref(struct ignore *ig) {
    if (ig)
        (void)atomic_fetch_add_explicit(&ig->refs, 1, memory_order_relaxed);
    return ig;
}

void ignore_put(struct ignore *ig) {
    while (ig && atomic_fetch_sub_explicit(&ig->refs, 1, memory_order_acq_rel) == 1) {
        struct ignore *parent = ig->parent;
        mem_free(ig->rules);
        mem_free(ig->pool);
        mem_free(ig);
        ig = parent;
    }
}

// --- matching -----------------------------------------------------------------------------------

struct candidate {
    const char *path, *name; // below the rules' folder, and its last part
    size_t path_bytes, name_bytes;
    bool is_folder;
};

static bool basename_matches(const struct ignore *ig, const struct rule *r,
                             const struct candidate *c) {
    const char *pattern = ig->pool + r->text;
    if (r->literal == r->bytes)
        return r->bytes == c->name_bytes && equal(pattern, c->name, r->bytes, ig->fold_case);
    if (r->flags & RULE_ENDING)
        return r->bytes - 1 <= c->name_bytes &&
               equal(pattern + 1, c->name + c->name_bytes - (r->bytes - 1), r->bytes - 1,
                     ig->fold_case);
    return ignore_glob(pattern, r->bytes, c->name, c->name_bytes, ig->fold_case);
}

// The literal beginning is cut off before the rest is read as a pattern: that makes a "**" behind
// it one that crosses folders, which git does too.
static bool path_matches(const struct ignore *ig, const struct rule *r, const struct candidate *c) {
    const char *pattern = ig->pool + r->text;
    if (r->literal > c->path_bytes || !equal(pattern, c->path, r->literal, ig->fold_case))
        return false;
    if (r->literal == r->bytes)
        return r->literal == c->path_bytes;
    return ignore_glob(pattern + r->literal, r->bytes - r->literal, c->path + r->literal,
                       c->path_bytes - r->literal, ig->fold_case);
}

static enum ignore_verdict match_rules(const struct ignore *ig, const struct candidate *c) {
    for (uint32_t i = ig->count; i-- > 0;) {
        const struct rule *r = &ig->rules[i];
        if ((r->flags & RULE_FOLDER) && !c->is_folder)
            continue;
        if (r->flags & RULE_BASENAME ? basename_matches(ig, r, c) : path_matches(ig, r, c))
            return r->flags & RULE_NEGATED ? IGNORE_NO : IGNORE_YES;
    }
    return IGNORE_UNKNOWN;
}

enum ignore_verdict ignore_match(const struct ignore *ig, const char *path, size_t n,
                                 bool is_folder) {
    const char *slash = memrchr(path, '/', n);
    const char *name = slash ? slash + 1 : path;
    for (; ig; ig = ig->parent) {
        size_t skip = ig->folder_bytes ? ig->folder_bytes + 1 : 0;
        if (skip >= n + (n == 0) && skip)
            continue;
        if (skip && (path[skip - 1] != '/' || !equal(path, ig->pool, skip - 1, ig->fold_case)))
            continue;
        const struct candidate c = {path + skip, name, n - skip, (size_t)(path + n - name),
                                    is_folder};
        enum ignore_verdict v = match_rules(ig, &c);
        if (v != IGNORE_UNKNOWN)
            return v;
    }
    return IGNORE_UNKNOWN;
}
