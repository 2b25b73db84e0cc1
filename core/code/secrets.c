#include "core/code/secrets.h"

#include "core/base/mem.h"
#include "core/code/secrets_impl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// --- where to look -------------------------------------------------------------------------------
// Every rule is found by four bytes that stand in each of its matches (in any case): a window of
// the text is hashed and looked up in a set of 16 KB, which turns away all but some percent of
// them.
// Most windows are not even made: of three bytes at every second place, those are in a set of their
// own that begin or end a window which is looked for.
enum { GRAM = 4, GRAMS_MAX = 8192, SET_BITS = 17, TABLE_SLOTS = 2 * GRAMS_MAX };

typedef void try_fn(struct secret_scan *s, size_t at);

static const struct {
    const char *pattern; // its first four bytes
    try_fn *try;
} keywords[] = {
    {"-BEG", secret_try_pem},      {"eyJ%a1", secret_try_jwt},  {"eyAi", secret_try_jwt},
    {"ewog", secret_try_jwt},      {"%L1://", secret_try_url},  {"pass", secret_try_assign},
    {"pwd%q1", secret_try_assign}, {"secr", secret_try_assign}, {"toke", secret_try_assign},
    {"%L1key", secret_try_assign}, {"_key", secret_try_assign}, {"-key", secret_try_assign},
    {".key", secret_try_assign},   {"cred", secret_try_assign}, {"auth", secret_try_assign},
    {"bear", secret_try_bearer},   {"basi", secret_try_bearer},
};

struct gram {
    uint32_t bytes;
    uint16_t rule; // secret_rules, then keywords
};

static struct {
    pthread_once_t once;
    uint64_t set[(1U << SET_BITS) / 64], threes[(1U << SET_BITS) / 64];
    struct gram grams[GRAMS_MAX];
    uint16_t slots[TABLE_SLOTS]; // 1 + the first gram with these bytes
    size_t count;
} look = {.once = PTHREAD_ONCE_INIT};

static inline uint32_t hash_of(uint32_t bytes) {
    return (bytes * 0x9E3779B1U) >> (32 - SET_BITS);
}

static inline bool holds(const uint64_t *set, uint32_t bytes) {
    uint32_t hash = hash_of(bytes);
    return set[hash / 64] >> (hash % 64) & 1;
}

static void put(uint64_t *set, uint32_t bytes) {
    uint32_t hash = hash_of(bytes);
    set[hash / 64] |= UINT64_C(1) << (hash % 64);
}

// The first three of a window's bytes, and the last three, as numbers that do not depend on what
// stands beside them.
static inline uint32_t first_three(uint32_t bytes) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap32(bytes);
#endif
    return bytes << 8;
}

static inline uint32_t last_three(uint32_t bytes) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap32(bytes);
#endif
    return bytes & 0xFFFFFF00U;
}

static uint32_t fold(uint32_t bytes) {
    return bytes | 0x20202020U;
}

static void add_gram(uint32_t bytes, size_t rule) {
    if (look.count < GRAMS_MAX) // more is our own mistake, and a test's to find
        look.grams[look.count++] = (struct gram){fold(bytes), (uint16_t)rule};
}

// All that the first four characters can be.
static void add_pattern(const char *pattern, size_t rule) {
    struct secret_set sets[GRAM];
    unsigned c[GRAM];
    for (size_t i = 0; i < GRAM; i++)
        if (!secret_first(pattern, i, &sets[i]))
            return;
#define EACH(i)                                                                                    \
    for (c[i] = 1; c[i] < 256; c[i]++)                                                             \
        if (sets[i].bits[c[i] >> 6] >> (c[i] & 63) & 1)
    EACH(0) EACH(1) EACH(2) EACH(3) {
        uint8_t bytes[GRAM] = {(uint8_t)c[0], (uint8_t)c[1], (uint8_t)c[2], (uint8_t)c[3]};
        uint32_t gram;
        memcpy(&gram, bytes, sizeof gram);
        add_gram(gram, rule);
    }
#undef EACH
}

static int by_bytes_then_rule(const void *a, const void *b) {
    const struct gram *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

static void build(void) {
    for (size_t i = 0; i < secret_rules_count; i++)
        add_pattern(secret_rules[i].pattern, i);
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        add_pattern(keywords[i].pattern, secret_rules_count + i);
    qsort(look.grams, look.count, sizeof *look.grams, by_bytes_then_rule);
    size_t kept = 0;
    for (size_t i = 0; i < look.count; i++) // folding made doubles
        if (kept == 0 || by_bytes_then_rule(&look.grams[kept - 1], &look.grams[i]) != 0)
            look.grams[kept++] = look.grams[i];
    look.count = kept;
    for (size_t i = 0; i < look.count; i++) {
        uint32_t bytes = look.grams[i].bytes, hash = hash_of(bytes);
        put(look.set, bytes);
        put(look.threes, first_three(bytes));
        put(look.threes, last_three(bytes));
        if (i > 0 && look.grams[i - 1].bytes == bytes)
            continue;
        size_t slot = hash % TABLE_SLOTS;
        while (look.slots[slot])
            slot = (slot + 1) % TABLE_SLOTS;
        look.slots[slot] = (uint16_t)(i + 1);
    }
}

static size_t find_grams(uint32_t bytes) {
    for (size_t slot = hash_of(bytes) % TABLE_SLOTS; look.slots[slot];
         slot = (slot + 1) % TABLE_SLOTS)
        if (look.grams[look.slots[slot] - 1].bytes == bytes)
            return look.slots[slot] - 1U;
    return look.count;
}

// --- what a path says ----------------------------------------------------------------------------
static bool component_is(const char *s, size_t n, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == n && strncasecmp(s, names[i], n) == 0)
            return true;
    return false;
}

static bool ends_with(const char *s, const char *with) {
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcasecmp(s + n - m, with) == 0;
}

unsigned secret_path_flags(const char *path) {
    static const char *const fixtures[] = {
        "test",    "tests",     "testing",       "testdata", "test-data", "spec",
        "specs",   "fixture",   "fixtures",      "example",  "examples",  "sample",
        "samples", "mock",      "mocks",         "demo",     "__tests__", "e2e",
        "seeds",   "snapshots", "__snapshots__", "unittests"};
    static const char *const documents[] = {".md",   ".rst", ".adoc",  ".txt",
                                            ".html", ".htm", ".ipynb", ".svg"};
    static const char *const configs[] = {
        ".env", ".ini",  ".cfg", ".conf",   ".config", ".yml",   ".yaml",   ".properties", ".toml",
        ".sh",  ".bash", ".tf",  ".tfvars", ".netrc",  ".npmrc", ".pypirc", ".envrc"};
    static const char *const locks[] = {".lock", "-lock.json", "-lock.yaml", ".sum", ".min.js",
                                        ".map",  ".po",        ".snap",      ".pot"};
    unsigned flags = 0;
    if (!path)
        return 0;
    const char *name = path;
    for (const char *p = path, *slash; (slash = strchr(p, '/')); p = name = slash + 1)
        if (component_is(p, (size_t)(slash - p), fixtures, COUNT_OF(fixtures)))
            flags |= PATH_FIXTURE;
    for (size_t i = 0; i < COUNT_OF(documents); i++)
        flags |= ends_with(name, documents[i]) ? PATH_DOC : 0;
    for (size_t i = 0; i < COUNT_OF(configs); i++)
        flags |= ends_with(name, configs[i]) ? PATH_CONFIG : 0;
    for (size_t i = 0; i < COUNT_OF(locks); i++)
        flags |= ends_with(name, locks[i]) ? PATH_LOCK : 0;
    if (strncasecmp(name, ".env", 4) == 0 || strncasecmp(name, "Dockerfile", 10) == 0)
        flags |= PATH_CONFIG;
    if (value_has_word(name, strlen(name), "test") ||
        value_has_word(name, strlen(name), "example") ||
        value_has_word(name, strlen(name), "sample") || strstr(name, "spec.") ||
        strstr(name, "_spec") || value_has_word(name, strlen(name), "mock"))
        flags |= PATH_FIXTURE;
    return flags;
}

// --- findings ------------------------------------------------------------------------------------
enum { FIXTURE_CONFIDENCE = 50 };

void secret_report(struct secret_scan *s, const char *rule, const char *what, size_t start,
                   size_t end, size_t prefix, unsigned confidence) {
    if (s->result || start < s->claimed)
        return;
    for (const char *line;
         s->seen < start && (line = memchr(s->text + s->seen, '\n', start - s->seen));) {
        s->line++;
        s->seen = s->line_start = (size_t)(line - s->text) + 1;
    }
    s->seen = start; // a long line is not read once for each finding
    bool fixture = s->path & (PATH_FIXTURE | PATH_DOC);
    // Tests bring keys and tokens of their own.
    if (fixture && confidence > FIXTURE_CONFIDENCE &&
        (strcmp(rule, "private-key") == 0 || strcmp(rule, "json-web-token") == 0))
        confidence = FIXTURE_CONFIDENCE;
    struct secret_finding f = {.rule = rule,
                               .what = what,
                               .start = start,
                               .end = end,
                               .line = s->line + 1,
                               .column = (uint32_t)(start - s->line_start) + 1,
                               .confidence = (uint8_t)confidence,
                               .fixture = fixture};
    int shown = prefix > 36 ? 36 : (int)prefix;
    (void)snprintf(f.shown, sizeof f.shown, "%.*s\xE2\x80\xA6 (%zu characters)", shown,
                   s->text + start, end - start);
    s->claimed = end;
    s->result = s->emit(s->ctx, &f);
}

// A letter of an escape ("\n", "%3D") is no letter before a token.
static bool border_before(const struct secret_scan *s, size_t at) {
    if (at == 0 || !secret_class('w', (unsigned char)s->text[at]) ||
        !secret_class('w', (unsigned char)s->text[at - 1]))
        return true;
    if (at >= 2 && s->text[at - 2] == '\\' && strchr("nrt", s->text[at - 1]))
        return true;
    return at >= 3 && s->text[at - 3] == '%' && value_is_hex(s->text + at - 2, 2);
}

// Where a match begins whose pattern stands at `at`: behind its `before` part. False when that is
// not there.
static bool find_start(const struct secret_scan *s, const struct secret_rule *rule, size_t at,
                       size_t *ret) {
    enum { BEFORE_MAX = 64 };
    *ret = at;
    if (!rule->before)
        return true;
    for (size_t n = 1; n <= at && n <= BEFORE_MAX; n++)
        if (border_before(s, at - n) && secret_match(rule->before, s->text + at - n, n) == n) {
            *ret = at - n;
            return true;
        }
    return false;
}

static size_t public_prefix(const struct secret_rule *rule) {
    const char *end = strchr(rule->pattern, '%');
    return rule->before ? 0 : end ? (size_t)(end - rule->pattern) : strlen(rule->pattern);
}

// Letters of both cases: 24 random characters of base 62 lack one kind once in 500,000.
static bool has_both_cases(const char *pattern, const char *s, size_t n) {
    bool lower = false, upper = false, wanted = false;
    for (const char *p = pattern; (p = strchr(p, '%')); p++)
        wanted |= strchr("aubw", p[1]) && strtoul(p + 2, NULL, 10) >= 24;
    for (size_t i = 0; i < n; i++) {
        lower |= s[i] >= 'a' && s[i] <= 'z';
        upper |= s[i] >= 'A' && s[i] <= 'Z';
    }
    return !wanted || (lower && upper);
}

void secret_try_rule(struct secret_scan *s, const struct secret_rule *rule, size_t at) {
    size_t start, n = secret_match(rule->pattern, s->text + at, s->n - at);
    if (!n || !find_start(s, rule, at, &start) || !border_before(s, start))
        return;
    size_t end = at + n, prefix = public_prefix(rule);
    const char *body = s->text + start + prefix;
    size_t bytes = end - start - prefix;
    bool good = (!rule->check || rule->check(s->text + start, end - start)) &&
                !value_is_dull(body, bytes) && value_wordiness(body, bytes) < 60 &&
                has_both_cases(rule->pattern, body, bytes);
    if (good || s->gate)
        secret_report(s, rule->id, rule->what, start, end, prefix, good ? rule->confidence : 35);
}

static int note(void *ctx, const struct secret_finding *f) {
    (void)f;
    *(bool *)ctx = true;
    return 1;
}

static void scan(struct secret_scan *s, size_t from, size_t to, bool shapes_only);

bool secret_is_shaped(const struct secret_scan *s, size_t at, size_t end) {
    bool found = false;
    // As the gate: what has the shape and fails the check is theirs too, and no secret.
    struct secret_scan inner = {
        .text = s->text, .n = s->n, .gate = true, .emit = note, .ctx = &found};
    size_t limit =
        end > at + 64 ? at + 64 : end; // it begins at the value's beginning, or nearly so
    scan(&inner, at, limit, true);
    return found;
}

// --- the pass ------------------------------------------------------------------------------------
static void try_grams(struct secret_scan *s, size_t at, uint32_t bytes, bool shapes_only) {
    for (size_t i = find_grams(bytes); i < look.count && look.grams[i].bytes == bytes && !s->result;
         i++) {
        size_t rule = look.grams[i].rule;
        if (rule < secret_rules_count) {
            secret_try_rule(s, &secret_rules[rule], at);
            continue;
        }
        try_fn *try = keywords[rule - secret_rules_count].try;
        if (!shapes_only || try == secret_try_pem || try == secret_try_jwt)
            try(s, at);
    }
}

static inline void look_at(struct secret_scan *s, size_t i, bool shapes_only) {
    uint32_t bytes;
    memcpy(&bytes, s->text + i, sizeof bytes);
    bytes = fold(bytes);
    if (holds(look.set, bytes))
        try_grams(s, i, bytes, shapes_only);
}

// Nonzero: of the windows at `at` and `at` + 1 one may be looked for. Of both, the three bytes at
// `at` + 1 are a part: the last ones of the first, the first ones of the second.
static inline uint64_t may_begin(const char *at) {
    uint32_t bytes, hash;
    memcpy(&bytes, at, sizeof bytes);
    hash = hash_of(last_three(fold(bytes)));
    return look.threes[hash / 64] >> (hash % 64) & 1;
}

static void scan(struct secret_scan *s, size_t from, size_t to, bool shapes_only) {
    enum { STEP = 8 };
    const char *text = s->text;
    size_t i = from;
    if (from + GRAM > to)
        return;
    look_at(s, i++, shapes_only);
    while (i + STEP + GRAM <= to && !s->result) {
        const char *at = text + i;
        size_t next = i + STEP;
        if (may_begin(at) | may_begin(at + 2) | may_begin(at + 4) | may_begin(at + 6))
            for (; i < next && !s->result; i += 2)
                if (may_begin(text + i)) {
                    look_at(s, i, shapes_only);
                    if (!s->result)
                        look_at(s, i + 1, shapes_only);
                }
        i = next;
    }
    for (; i + GRAM <= to && !s->result; i++)
        look_at(s, i, shapes_only);
}

static int run(const char *text, size_t n, const char *path, bool gate, secret_fn *emit,
               void *ctx) {
    struct secret_scan s = {.text = text,
                            .n = n,
                            .path = secret_path_flags(path),
                            .gate = gate,
                            .emit = emit,
                            .ctx = ctx};
    pthread_once(&look.once, build);
    scan(&s, 0, n, false);
    return s.result;
}

int secrets_scan(const char *text, size_t n, const char *path, secret_fn *emit, void *ctx) {
    return run(text, n, path, false, emit, ctx);
}

int secrets_gate(const char *text, size_t n, const char *path, secret_fn *emit, void *ctx) {
    return run(text, n, path, true, emit, ctx);
}
