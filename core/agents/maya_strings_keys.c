// Catalogues and code: which keys are asked for, which are not, and which texts stand beside
// translated ones without being translated. What translates is learned: a name that is called with
// keys of the catalogues nearly every time.
#include "core/agents/maya_strings.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS_MAX = 200000,
    MISSES_MAX = 20000,
    PARTS_MAX = 1000,
    PLAIN_MAX = 20000,
    RUN_BYTES_MAX = 200,
    HITS_MIN = 5,            // of a name that translates
    KNOWN_HITS_MIN = 3,      // of one that does so elsewhere
    UNUSED_PERCENT_MAX = 40, // more: the code asks in a way that is not seen here
    PLAIN_TRANSLATED_MIN = 3 // translations in a file where others are missing
};

// A key that has keys below it, and no text.
static const uint32_t NO_ENTRY = UINT32_MAX;

// --- the table of keys -------------------------------------------------------------------------

static uint64_t hash_of(const char *s, size_t n) {
    uint64_t h = 14695981039346656037ULL;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 1099511628211ULL;
    return h ? h : 1;
}

// The key of a table's row; a row for a part of a key is told by its hash alone.
static struct strings_key *find_key(const struct strings *s, const char *text, size_t n) {
    if (!s->table_size || !n)
        return NULL;
    uint64_t h = hash_of(text, n);
    for (uint32_t i = (uint32_t)h & (s->table_size - 1); s->table[i];
         i = (i + 1) & (s->table_size - 1))
        if (s->keys[s->table[i] - 1].hash == h)
            return &s->keys[s->table[i] - 1];
    return NULL;
}

static void insert(struct strings *s, const char *text, size_t n, uint32_t catalogue,
                   uint32_t entry, uint32_t capacity) {
    if (s->key_count == capacity || !n || find_key(s, text, n))
        return;
    uint64_t h = hash_of(text, n);
    s->keys[s->key_count++] =
        (struct strings_key){.catalogue = catalogue, .entry = entry, .hash = h};
    uint32_t i = (uint32_t)h & (s->table_size - 1);
    while (s->table[i])
        i = (i + 1) & (s->table_size - 1);
    s->table[i] = s->key_count;
}

// items_one, items.other: asked for as "items".
static size_t without_arm(const char *key, size_t n) {
    static const char *const arms[] = {"zero", "one", "two", "few", "many", "other", "plural"};
    for (size_t i = 0; i < COUNT_OF(arms); i++) {
        size_t m = strlen(arms[i]);
        if (n > m + 1 && memcmp(key + n - m, arms[i], m) == 0 && strchr("._-", key[n - m - 1]))
            return n - m - 1;
    }
    return n;
}

static bool asked_for(const struct strings_catalogue *c) {
    return c->base || c->format == CATALOGUE_PO;
}

static bool is_prose(const struct strings_catalogue *c) { // keys are texts
    uint32_t spaces = 0;
    for (uint32_t i = 0; i < c->c.count; i++)
        spaces += strchr(strings_key_of(c, i), ' ') != NULL;
    return c->format == CATALOGUE_PO || spaces * 10 > c->c.count;
}

int strings_make_keys(struct strings *s) {
    uint32_t want = 0;
    for (uint32_t i = 0; i < s->catalogue_count; i++)
        s->keyed |= s->catalogues[i].base && !is_prose(&s->catalogues[i]);
    for (uint32_t i = 0; i < s->catalogue_count; i++)
        if (asked_for(&s->catalogues[i]))
            want += s->catalogues[i].c.count * 3;
    if (!want)
        return 0;
    want = want > KEYS_MAX ? KEYS_MAX : want;
    for (s->table_size = 1024; s->table_size < want * 2;)
        s->table_size *= 2;
    s->keys = mem_alloc(want * sizeof *s->keys);
    s->table = mem_zalloc(s->table_size * sizeof *s->table);
    if (!s->keys || !s->table)
        return ERR_NOMEM;
    for (unsigned pass = 0; pass < 2; pass++) // first whole keys, then what stands above them
        for (uint32_t i = 0; i < s->catalogue_count; i++) {
            const struct strings_catalogue *c = &s->catalogues[i];
            for (uint32_t k = 0; asked_for(c) && k < c->c.count; k++) {
                const char *key = strings_key_of(c, k);
                size_t n = c->c.entries[k].key_bytes;
                if (pass == 0) {
                    insert(s, key, n, i, k, want);
                    continue;
                }
                insert(s, key, without_arm(key, n), i, k, want);
                for (const char *dot = key; (dot = strchr(dot, '.')) && !strchr(key, ' '); dot++)
                    insert(s, key, (size_t)(dot - key), i, NO_ENTRY, want);
            }
        }
    return 0;
}

// --- what a file mentions ----------------------------------------------------------------------

static int keep_part(struct strings *s, const char *text, size_t n) {
    void *list = (void *)s->parts;
    if (n < 3)
        return 0;
    for (uint32_t i = 0; i < s->part_count; i++)
        if (strlen(s->parts[i]) == n && memcmp(s->parts[i], text, n) == 0)
            return 0;
    int r = mem_grow(&list, s->part_count, &s->part_capacity, sizeof *s->parts, PARTS_MAX);
    s->parts = list;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    char *kept = maya_keep(&s->pool, text, n);
    if (!kept)
        return ERR_NOMEM;
    s->parts[s->part_count++] = kept;
    return 0;
}

static bool is_quote(char c) {
    return c == '"' || c == '\'' || c == '`';
}

static bool in_run(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || c == ':';
}

static int use_run(struct strings *s, const struct maya_file *f, size_t from, size_t n) {
    const char *run = f->text + from;
    char before = from ? f->text[from - 1] : 0;
    char behind = from + n < f->bytes ? f->text[from + n] : 0;
    int r = 0;
    bool opens = strchr("._-:", run[n - 1]) != NULL, closes = strchr("._-:", run[0]) != NULL;
    if (opens && (is_quote(behind) || (behind && strchr("${%#", behind))))
        r = keep_part(s, run, n);
    if (r == 0 && closes && (is_quote(before) || before == '}'))
        r = keep_part(s, run, n);
    for (size_t i = 0; i < n; i++) {
        if (i && run[i - 1] != '.' && run[i - 1] != ':')
            continue;
        struct strings_key *key = find_key(s, run + i, n - i);
        if (!key)
            continue;
        key->used = true;
        // a whole branch, by its name: only a long one is meant
        if (key->entry == NO_ENTRY && memchr(run + i, '.', n - i)) {
            char branch[RUN_BYTES_MAX + 2];
            memcpy(branch, run + i, n - i);
            branch[n - i] = '.';
            r = r ? r : keep_part(s, branch, n - i + 1);
        }
    }
    return r;
}

static int use_runs(struct strings *s, const struct maya_file *f) {
    int r = 0;
    for (size_t i = 0; i < f->bytes && r == 0;) {
        size_t from = i;
        while (i < f->bytes && in_run(f->text[i]))
            i++;
        if (i > from && i - from <= RUN_BYTES_MAX)
            r = use_run(s, f, from, i - from);
        i += i == from;
    }
    return r;
}

// --- who translates ----------------------------------------------------------------------------

static int callee_of(struct strings *s, const char *name, size_t n, uint32_t *ret) {
    for (uint32_t i = 0; i < s->callee_count; i++)
        if (strlen(s->callees[i].name) == n && memcmp(s->callees[i].name, name, n) == 0) {
            *ret = i;
            return 0;
        }
    void *list = s->callees;
    int r = mem_grow(&list, s->callee_count, &s->callee_capacity, sizeof *s->callees,
                     STRINGS_CALLEES_MAX);
    s->callees = list;
    if (r < 0)
        return r;
    char *kept = maya_keep(&s->pool, name, n);
    if (!kept)
        return ERR_NOMEM;
    *ret = s->callee_count;
    s->callees[s->callee_count++] = (struct strings_callee){.name = kept};
    return 0;
}

static bool is_known(const char *name) {
    static const char *const names[] = {"t",  "$t",        "tc",        "_",       "gettext", "Tr",
                                        "tr", "translate", "getString", "instant", "trans",   "__"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

// Does it look like a key: words joined by dots, dashes, underscores?
static bool like_key(const char *s, size_t n) {
    if (n < 3 || n > 120 || !isalpha((unsigned char)s[0]) || !isalnum((unsigned char)s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i]))
            return false;
    return true;
}

// A text that is given to `name`; counted, and kept when it is no key.
static int given(struct strings *s, const struct maya_file *f, const char *name, size_t name_bytes,
                 const char *text, size_t n, uint32_t line, uint32_t *translated) {
    uint32_t callee;
    bool hit = find_key(s, text, n) != NULL;
    if (!hit && !like_key(text, n))
        return 0;
    int r = name_bytes && name_bytes < 64 ? callee_of(s, name, name_bytes, &callee) : ERR_LIMIT;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    if (hit) {
        s->callees[callee].hits++;
        *translated += 1;
        return 0;
    }
    void *list = s->misses;
    s->callees[callee].misses++;
    r = mem_grow(&list, s->miss_count, &s->miss_capacity, sizeof *s->misses, MISSES_MAX);
    s->misses = list;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    struct strings_miss m = {.callee = callee, .line = line};
    m.path = maya_keep(&s->pool, f->path, strlen(f->path));
    m.key = maya_keep(&s->pool, text, n);
    if (!m.path || !m.key)
        return ERR_NOMEM;
    s->misses[s->miss_count++] = m;
    return 0;
}

static int uses_in_code(struct strings *s, const struct maya_file *f, const struct literals *l,
                        uint32_t *translated) {
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < l->count; i++) {
        const struct literal *x = &l->list[i];
        const struct literal_group *g = &l->groups[x->group];
        if (x->flags & (LITERAL_PARTIAL | LITERAL_INTERPOLATED | LITERAL_JOINED) || x->quote == 0)
            continue;
        struct span name = span_last(f->text, g->name);
        if (x->group && g->bracket == '(' && x->argument == 0 && !x->key.bytes)
            r = given(s, f, f->text + name.at, name.bytes, f->text + x->text.at, x->text.bytes,
                      x->line, translated);
        else if (x->before.bytes && !x->key.bytes) { // t "key"
            name = span_last(f->text, x->before);
            r = given(s, f, f->text + name.at, name.bytes, f->text + x->text.at, x->text.bytes,
                      x->line, translated);
        } else if (span_is(f->text, x->key, "id") || span_is(f->text, x->key, "i18nKey"))
            *translated += find_key(s, f->text + x->text.at, x->text.bytes) != NULL;
    }
    return r;
}

// Quoted keys of templates: _('key'), .Tr "key", 'key' | translate.
static int uses_in_template(struct strings *s, const struct maya_file *f, uint32_t *translated) {
    uint32_t line = 1;
    int r = 0;
    for (size_t i = 0; i < f->bytes && r == 0; i++) {
        char c = f->text[i];
        line += c == '\n';
        if (c != '"' && c != '\'')
            continue;
        size_t rest = f->bytes - i - 1, max = rest < RUN_BYTES_MAX ? rest : RUN_BYTES_MAX;
        const char *text = f->text + i + 1, *end = memchr(text, c, max);
        size_t n = end ? (size_t)(end - text) : 0;
        if (!n || memchr(text, '\n', n))
            continue;
        size_t to = i;
        if (to && f->text[to - 1] == '(')
            to--;
        else
            while (to && f->text[to - 1] == ' ')
                to--;
        size_t from = to;
        while (from && (isalnum((unsigned char)f->text[from - 1]) || f->text[from - 1] == '_' ||
                        f->text[from - 1] == '$'))
            from--;
        size_t behind = i + n + 2; // 'key' | translate
        while (behind < f->bytes && f->text[behind] == ' ')
            behind++;
        bool piped = f->bytes - behind > 12 && f->text[behind] == '|' &&
                     memmem(f->text + behind, 12, "translate", 9);
        if (piped)
            r = given(s, f, "translate", 9, text, n, line, translated);
        else if (to < i)
            r = given(s, f, f->text + from, to - from, text, n, line, translated);
    }
    return r;
}

// --- texts that are not translated -------------------------------------------------------------

static bool is_text(const char *s, size_t n) { // two words or more, and nothing of code
    size_t words = 0, letters = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (strchr("{}()=;|&%$<>@_/\\#[]*+", s[i]))
            return false;
        if (isalpha(c) || c >= 0x80) {
            letters++;
            words += letters == 2;
        } else {
            letters = 0;
        }
    }
    bool lower = false;
    for (size_t i = 0; i < n; i++)
        lower |= islower((unsigned char)s[i]) != 0;
    return words >= 2 && lower && isupper((unsigned char)s[0]) && !memmem(s, n, "return", 6) &&
           !memmem(s, n, "case ", 5);
}

static int keep_plain(struct strings *s, const struct maya_file *f, const char *text, size_t n,
                      uint32_t line) {
    while (n && isspace((unsigned char)*text)) {
        line += *text == '\n';
        text++;
        n--;
    }
    while (n && isspace((unsigned char)text[n - 1]))
        n--;
    if (!n || !is_text(text, n))
        return 0;
    void *list = s->plain;
    int r = mem_grow(&list, s->plain_count, &s->plain_capacity, sizeof *s->plain, PLAIN_MAX);
    s->plain = list;
    if (r < 0)
        return r;
    struct strings_plain p = {.line = line};
    p.path = maya_keep(&s->pool, f->path, strlen(f->path));
    p.text = maya_keep(&s->pool, text, n);
    if (!p.path || !p.text)
        return ERR_NOMEM;
    s->plain[s->plain_count++] = p;
    return 0;
}

// The tag that ends with the '>' at `at`: its text may be for people.
static bool speaks(const char *t, size_t at) {
    static const char *const quiet[] = {"script", "style", "code", "pre",
                                        "kbd",    "samp",  "!--",  "svg"};
    static const char *const marks[] = {"translate", "i18n", "v-t=", "data-l10n", "th:text"};
    size_t from = at;
    while (from && at - from < 400 && t[from] != '<')
        from--;
    const char *tag = t + from + 1;
    size_t n = at - from;
    if (t[from] != '<' || !n || (!isalpha((unsigned char)*tag) && *tag != '/'))
        return false;
    for (size_t i = 0; i < COUNT_OF(quiet); i++)
        if (n > strlen(quiet[i]) && memcmp(tag, quiet[i], strlen(quiet[i])) == 0)
            return false;
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (memmem(tag, n, marks[i], strlen(marks[i])))
            return false;
    return true;
}

// Markup in a text of code: "press <b>x</b> to go".
static bool in_quotes(const char *t, size_t at) {
    unsigned quotes = 0;
    for (size_t i = at; i && at - i < 400 && t[i - 1] != '\n'; i--)
        quotes += t[i - 1] == '\'' || t[i - 1] == '`';
    return quotes % 2;
}

static int plain_texts(struct strings *s, const struct maya_file *f) {
    const char *t = f->text;
    uint32_t line = 1;
    int r = 0;
    for (size_t i = 0; i < f->bytes && r == 0; i++) {
        line += t[i] == '\n';
        if (t[i] != '>' || !i || t[i - 1] == '=' || t[i - 1] == '-')
            continue;
        size_t rest = f->bytes - i - 1, max = rest < RUN_BYTES_MAX ? rest : RUN_BYTES_MAX;
        const char *end = memchr(t + i + 1, '<', max);
        if (end && end + 1 < t + f->bytes && (end[1] == '/' || isalpha((unsigned char)end[1])) &&
            end > t + i + 4 && speaks(t, i) && (f->lang == LANG_HTML || !in_quotes(t, i)))
            r = keep_plain(s, f, t + i + 1, (size_t)(end - t) - i - 1, line);
    }
    return r;
}

static bool has_markup(const struct maya_file *f) {
    return f->lang == LANG_HTML || f->lang == LANG_TSX ||
           (f->lang == LANG_JAVASCRIPT && strstr(f->path, ".jsx"));
}

int strings_use_of_file(struct strings *s, const struct maya_file *f, const struct literals *l) {
    uint32_t translated = 0, plain = s->plain_count, miss = s->miss_count;
    int r = s->keyed ? use_runs(s, f) : 0;
    if (r == 0)
        r = f->lang == LANG_HTML ? uses_in_template(s, f, &translated)
            : l                  ? uses_in_code(s, f, l, &translated)
                                 : 0;
    s->key_uses += translated;
    if (translated == 0) // of other people, with names of their own
        s->miss_count = miss;
    if (r == 0 && translated >= PLAIN_TRANSLATED_MIN && has_markup(f))
        r = plain_texts(s, f);
    if (s->plain_count - plain > translated) // such a file is not translated as a rule
        s->plain_count = plain;
    for (; plain < s->plain_count; plain++)
        s->plain[plain].translated = translated;
    return r;
}

// --- telling -----------------------------------------------------------------------------------

static bool translates(const struct strings_callee *c) {
    return is_known(c->name) ? c->hits >= KNOWN_HITS_MIN && c->misses * 3 <= c->hits
                             : c->hits >= HITS_MIN && c->misses * 10 <= c->hits;
}

struct shape { // of the keys of all bases
    uint32_t keys, dotted, upper;
};

static struct shape shape_of(const struct strings *s) {
    struct shape shape = {0};
    for (uint32_t i = 0; i < s->catalogue_count; i++)
        for (uint32_t k = 0; s->catalogues[i].base && k < s->catalogues[i].c.count; k++) {
            const char *key = strings_key_of(&s->catalogues[i], k);
            bool lower = false;
            for (const char *at = key; *at; at++)
                lower |= islower((unsigned char)*at) != 0;
            shape.keys++;
            shape.dotted += strchr(key, '.') != NULL;
            shape.upper += !lower;
        }
    return shape;
}

static bool fits(const struct shape *shape, const char *key) {
    bool lower = false;
    for (const char *at = key; *at; at++)
        lower |= islower((unsigned char)*at) != 0;
    return shape->keys && (strchr(key, '.') || shape->dotted * 10 < shape->keys * 9) &&
           (!lower || shape->upper * 10 < shape->keys * 9);
}

static void tell_missing(struct strings *s) {
    struct shape shape = shape_of(s);
    for (uint32_t i = 0; i < s->miss_count; i++) {
        const struct strings_miss *m = &s->misses[i];
        const struct strings_callee *c = &s->callees[m->callee];
        if (translates(c) && fits(&shape, m->key))
            maya_find(&s->findings, RULE_MISSING_KEY, (struct maya_place){m->path, m->line}, NULL,
                      0, "\"%s\" is in no catalogue; %u of %u texts given to %s are", m->key,
                      c->hits, c->hits + c->misses, c->name);
    }
}

// Keys that a framework asks for by itself.
static bool of_framework(const char *key) {
    static const char *const names[] = {
        "activerecord.",  "activemodel.", "errors.",          "date.",    "time.",
        "datetime.",      "number.",      "support.",         "helpers.", "devise.",
        "will_paginate.", "simple_form.", "views.pagination."};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strncmp(key, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool by_part(const struct strings *s, const char *key) {
    size_t n = strlen(key);
    for (uint32_t i = 0; i < s->part_count; i++) {
        const char *part = s->parts[i];
        size_t m = strlen(part);
        if (m < n && (memcmp(key, part, m) == 0 || strcmp(key + n - m, part) == 0))
            return true;
    }
    return false;
}

static bool is_used(const struct strings *s, const char *key) {
    const struct strings_key *k = find_key(s, key, strlen(key));
    size_t n = without_arm(key, strlen(key));
    const struct strings_key *stem = find_key(s, key, n);
    return !k || k->used || (stem && stem->used) || of_framework(key) || by_part(s, key);
}

static void tell_unused(struct strings *s, const struct strings_catalogue *c) {
    uint32_t unused = 0;
    for (uint32_t i = 0; i < c->c.count; i++)
        unused += !is_used(s, strings_key_of(c, i));
    if (!unused)
        return;
    if (unused * 100 > c->c.count * UNUSED_PERCENT_MAX) {
        report_note(s->report,
                    "%s: %u of %u keys are not mentioned by the code, so they must be "
                    "asked for in a way that is not seen here",
                    c->path, unused, c->c.count);
        return;
    }
    for (uint32_t i = 0; i < c->c.count; i++) {
        const char *key = strings_key_of(c, i);
        if (!is_used(s, key))
            maya_find(&s->findings, RULE_UNUSED_KEY,
                      (struct maya_place){c->path, c->c.entries[i].line}, NULL, 0,
                      "%.120s: no code mentions it; %u of the %u keys here are mentioned", key,
                      c->c.count - unused, c->c.count);
    }
}

void strings_tell_keys(struct strings *s) {
    if (!s->key_count)
        return;
    tell_missing(s);
    for (uint32_t i = 0; i < s->catalogue_count; i++)
        if (s->catalogues[i].base && !is_prose(&s->catalogues[i]) && s->code_files)
            tell_unused(s, &s->catalogues[i]);
    for (uint32_t i = 0; i < s->plain_count; i++) {
        const struct strings_plain *p = &s->plain[i];
        maya_find(&s->findings, RULE_HARD_CODED, (struct maya_place){p->path, p->line}, NULL, 0,
                  "\"%.100s\" is not translated; %u texts of this file are", p->text,
                  p->translated);
    }
}
