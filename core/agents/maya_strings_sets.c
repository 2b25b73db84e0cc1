// Catalogues with each other: the same path but for the language is one set.
#include "core/agents/maya_strings.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    UNTRANSLATED_WORDS_MIN = 3,
    PLACEHOLDERS_BYTES_MAX = 512,
    MESSAGE_BYTES_MAX = 700,
    GAPS_MAX = 50000
};

static int by_key(const void *a, const void *b, void *sorted) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(strings_key_of(sorted, x), strings_key_of(sorted, y));
    return order ? order : (x > y) - (x < y);
}

static int make_order(struct strings_catalogue *c) {
    c->order = mem_alloc((c->c.count + 1) * sizeof *c->order);
    if (!c->order)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < c->c.count; i++)
        c->order[i] = i;
    qsort_r(c->order, c->c.count, sizeof *c->order, by_key, c);
    return 0;
}

int strings_add_catalogue(struct strings *s, const struct maya_file *f,
                          const struct catalogue_place *place) {
    void *list = s->catalogues;
    char set[4096];
    int r = mem_grow(&list, s->catalogue_count, &s->catalogue_capacity, sizeof *s->catalogues,
                     STRINGS_CATALOGUES_MAX);
    s->catalogues = list;
    if (r < 0)
        return r;
    struct strings_catalogue c = {.format = place->format};
    int n = snprintf(set, sizeof set, "%.*s%s", (int)place->cut, f->path,
                     f->path + place->cut + place->cut_bytes);
    c.path = maya_keep(&s->pool, f->path, strlen(f->path));
    c.set = maya_keep(&s->pool, set, n < 0 || (size_t)n >= sizeof set ? 0 : (size_t)n);
    c.language = maya_keep(&s->pool, f->path + place->language, place->language_bytes);
    if (!c.path || !c.set || !c.language)
        return ERR_NOMEM;
    r = catalogue_read(place->format, f->text, f->bytes, &c.c, NULL);
    if (r == 0 && c.c.cut)
        s->cut = true;
    if (r == 0)
        r = make_order(&c);
    if (r == 0)
        s->catalogues[s->catalogue_count++] = c;
    else
        catalogue_done(&c.c);
    return r;
}

static int by_set(const void *a, const void *b) {
    const struct strings_catalogue *x = a, *y = b;
    int order = strcmp(x->set, y->set);
    return order ? order : strcmp(x->path, y->path);
}

// How likely the program is written in it; 0: not known.
static int base_rank(const struct strings_catalogue *c) {
    static const char *const english[] = {"", "en", "en_US", "en-US", "en_GB", "en-GB"};
    for (size_t i = 0; i < COUNT_OF(english); i++)
        if (strcasecmp(c->language, english[i]) == 0)
            return (int)(COUNT_OF(english) - i);
    return 0;
}

// One of a set's catalogues is the original; a lone file is a catalogue only when its place is sure
// (a language, a folder of them).
static void pick_base(struct strings_catalogue *list, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        int a = base_rank(&list[best]), b = base_rank(&list[i]);
        if (b > a || (a == b && list[i].c.count > list[best].c.count))
            best = i;
    }
    list[best].base = list[best].format != CATALOGUE_PO;
}

int strings_sort_catalogues(struct strings *s) {
    uint32_t kept = 0;
    if (s->catalogue_count)
        qsort(s->catalogues, s->catalogue_count, sizeof *s->catalogues, by_set);
    for (uint32_t i = 0, n; i < s->catalogue_count; i += n) {
        struct strings_catalogue *list = &s->catalogues[i];
        struct catalogue_place place;
        bool language = false;
        for (n = 0; i + n < s->catalogue_count && strcmp(list[n].set, list->set) == 0; n++)
            language |= list[n].language[0] != '\0';
        bool sure = catalogue_place_of(list->path, &place) && place.sure;
        bool is = n > 1 ? language : sure;
        pick_base(list, n);
        for (uint32_t k = 0; k < n; k++)
            if (is && list[k].c.count) {
                s->catalogues[kept++] = list[k];
            } else {
                catalogue_done(&list[k].c);
                mem_free(list[k].order);
                list[k].order = NULL;
            }
    }
    s->catalogue_count = kept;
    return 0;
}

// --- comparing ---------------------------------------------------------------------------------

struct listed { // names of keys for a message, and their places
    char text[400];
    size_t len;
    uint32_t count;
    struct maya_place places[MAYA_PLACES_MAX + 1];
};

static void list(struct listed *l, const char *path, const char *key, uint32_t line) {
    if (l->count <= MAYA_PLACES_MAX)
        l->places[l->count] = (struct maya_place){path, line};
    if (l->count < STRINGS_LISTED_MAX && l->len < sizeof l->text) {
        int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s%.60s%s", l->len ? ", " : "",
                         key, strlen(key) > 60 ? "…" : "");
        l->len += n > 0 ? (size_t)n : 0;
    } else if (l->count == STRINGS_LISTED_MAX && l->len + 6 < sizeof l->text) {
        l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, " …");
    }
    l->count++;
}

static bool same_language(const char *a, const char *b) { // en and en_GB
    size_t n = strcspn(a, "-_");
    return n == strcspn(b, "-_") && strncasecmp(a, b, n) == 0;
}

// Words that a translator would change: letters only, three or more of them.
static bool translatable(const char *text) {
    unsigned words = 0;
    for (const char *at = text; *at;) {
        size_t n = 0;
        while (islower((unsigned char)at[n]) || (n == 0 && isupper((unsigned char)at[0])))
            n++;
        words += n >= 2 && !isalnum((unsigned char)at[n]) && at[n] != '_' && at[n] != '.' &&
                 at[n] != '/';
        at += n ? n : 1;
        while (n && *at && !isspace((unsigned char)*at))
            at++;
    }
    return words >= UNTRANSLATED_WORDS_MIN;
}

static bool is_plural_arm(const char *key) {
    static const char *const arms[] = {"zero", "one", "two", "few", "many", "other", "plural"};
    const char *end = key + strlen(key);
    for (size_t i = 0; i < COUNT_OF(arms); i++) {
        size_t n = strlen(arms[i]);
        if ((size_t)(end - key) > n && strcmp(end - n, arms[i]) == 0 &&
            (end[-(long)n - 1] == '_' || end[-(long)n - 1] == '.' || end[-(long)n - 1] == '-'))
            return true;
    }
    return false;
}

static int keep_gap(struct strings *s, enum strings_rule rule, const char *base,
                    struct maya_place at, struct maya_place original, const char *message) {
    void *gaps = s->gaps;
    int r = mem_grow(&gaps, s->gap_count, &s->gap_capacity, sizeof *s->gaps, GAPS_MAX);
    s->gaps = gaps;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    struct strings_gap g = {.base = base, .rule = rule, .at = at, .original = original};
    g.message = maya_keep(&s->pool, message, strlen(message));
    if (!g.message)
        return ERR_NOMEM;
    s->gaps[s->gap_count++] = g;
    return 0;
}

static void without_braces(char *list) { // words that begin with {
    char *to = list;
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, " ");
        if (*at != '{') {
            if (to > list)
                *to++ = ' ';
            memmove(to, at, n);
            to += n;
        }
        at += n + (at[n] == ' ');
    }
    *to = '\0';
}

static void without_sign(char *list) { // %{x} becomes {x}
    char *to = list;
    for (const char *at = list; *at; at++)
        if (at[0] != '%' || at[1] != '{')
            *to++ = *at;
    *to = '\0';
}

// Numbers may be spelled out in plurals, and only %…% of printf has an order to keep.
static int compare_placeholders(struct strings *s, const struct strings_catalogue *c,
                                const struct catalogue_entry *e, const char *key,
                                const char *original, struct maya_place place) {
    char a[PLACEHOLDERS_BYTES_MAX], b[PLACEHOLDERS_BYTES_MAX], message[MESSAGE_BYTES_MAX];
    const char *text = c->c.pool.data + e->text;
    if ((e->flags & (CATALOGUE_PLURAL | CATALOGUE_FUZZY | CATALOGUE_FIXED)) || is_plural_arm(key))
        return 0;
    catalogue_placeholders(original, strlen(original), a, sizeof a);
    catalogue_placeholders(text, e->text_bytes, b, sizeof b);
    if ((e->flags & CATALOGUE_SOURCE) && !(e->flags & CATALOGUE_BRACES)) {
        without_braces(a); // what people fill in, in a usage text
        without_braces(b);
    }
    if (!strstr(a, "%{")) // Turkish writes %50
        without_sign(b);
    if (strcmp(a, b) == 0 || !e->text_bytes || (!a[0] && strstr(b, "$@")))
        return 0;
    (void)snprintf(message, sizeof message, "%.80s%s: %.200s in the original, %.200s here", key,
                   strlen(key) > 80 ? "…" : "", a[0] ? a : "nothing", b[0] ? b : "nothing");
    return keep_gap(s, RULE_PLACEHOLDER, place.path, (struct maya_place){c->path, e->line}, place,
                    message);
}

static int compare_with(struct strings *s, const struct strings_catalogue *base,
                        const struct strings_catalogue *c) {
    struct listed missing = {.len = 0}, extra = {.len = 0}, same = {.len = 0};
    uint32_t i = 0, k = 0, common = 0;
    bool other = !same_language(base->language[0] ? base->language : "en", c->language);
    while (i < base->c.count || k < c->c.count) {
        uint32_t x = i < base->c.count ? base->order[i] : 0, y = k < c->c.count ? c->order[k] : 0;
        int order = i == base->c.count ? 1
                    : k == c->c.count  ? -1
                                       : strcmp(strings_key_of(base, x), strings_key_of(c, y));
        const struct catalogue_entry *e = &c->c.entries[y];
        if (order < 0) {
            const struct catalogue_entry *b = &base->c.entries[x];
            const char *key = strings_key_of(base, x);
            if (!(b->flags & CATALOGUE_FIXED) && !is_plural_arm(key) && b->text_bytes)
                list(&missing, base->path, key, b->line);
            i++;
            continue;
        }
        const char *key = strings_key_of(c, y);
        if (order > 0) {
            if (!is_plural_arm(key))
                list(&extra, c->path, key, e->line);
            k++;
            continue;
        }
        const char *original = strings_text_of(base, x);
        int r = compare_placeholders(s, c, e, key, original,
                                     (struct maya_place){base->path, base->c.entries[x].line});
        if (r < 0)
            return r;
        if (other && strcmp(original, strings_text_of(c, y)) == 0 && translatable(original))
            list(&same, c->path, key, e->line);
        common++;
        i++;
        k++;
    }
    char message[MESSAGE_BYTES_MAX];
    struct maya_place at = {c->path, 1};
    int r = 0;
    if (common && missing.count && other) {
        (void)snprintf(message, sizeof message, "%u of the %u keys of %.200s: %s", missing.count,
                       base->c.count, base->path, missing.text);
        r = keep_gap(s, RULE_MISSING_TRANSLATION, base->path, at, missing.places[0], message);
    }
    if (same.count)
        maya_find(&s->findings, RULE_UNTRANSLATED, same.places[0], same.places + 1, same.count - 1,
                  "%u of %u texts are word for word those of %s: %s", same.count, common,
                  base->path, same.text);
    if (r == 0 && common && extra.count) {
        (void)snprintf(message, sizeof message, "%u key%s that %.200s has not: %s", extra.count,
                       extra.count == 1 ? "" : "s", base->path, extra.text);
        r = keep_gap(s, RULE_EXTRA_KEY, base->path, extra.places[0], extra.places[0], message);
    }
    return r;
}

// msgid against msgstr.
static int compare_po(struct strings *s, const struct strings_catalogue *c) {
    struct listed missing = {.len = 0};
    for (uint32_t i = 0; i < c->c.count; i++) {
        const struct catalogue_entry *e = &c->c.entries[i];
        const char *id = strings_key_of(c, i);
        int r = 0;
        if (e->flags & CATALOGUE_FUZZY)
            list(&missing, c->path, id, e->line);
        else
            r = compare_placeholders(s, c, e, id, id, (struct maya_place){c->path, e->line});
        if (r < 0)
            return r;
    }
    if (missing.count && missing.count < c->c.count)
        maya_find(&s->findings, RULE_MISSING_TRANSLATION, missing.places[0], NULL, 0,
                  "%u of %u messages are empty or fuzzy: %s", missing.count, c->c.count,
                  missing.text);
    return 0;
}

static int by_gap(const void *a, const void *b) {
    const struct strings_gap *x = a, *y = b;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    int order = strcmp(x->base, y->base);
    order = order ? order : strcmp(x->message, y->message);
    order = order ? order : strcmp(x->at.path, y->at.path);
    return order ? order : (x->at.line > y->at.line) - (x->at.line < y->at.line);
}

// What several languages have alike is the original's: told once, where it stands.
static void tell_gaps(struct strings *s) {
    if (s->gap_count)
        qsort(s->gaps, s->gap_count, sizeof *s->gaps, by_gap);
    for (uint32_t i = 0, n; i < s->gap_count; i += n) {
        const struct strings_gap *g = &s->gaps[i];
        struct maya_place places[MAYA_PLACES_MAX];
        for (n = 0; i + n < s->gap_count && strcmp(g[n].base, g->base) == 0 &&
                    g[n].rule == g->rule && strcmp(g[n].message, g->message) == 0;
             n++)
            if (n < MAYA_PLACES_MAX)
                places[n] = g[n].at;
        if (n == 1)
            maya_find(&s->findings, g->rule, g->at, NULL, 0, "%s", g->message);
        else
            maya_find(&s->findings, g->rule, g->original, places, n, "in %u languages: %s", n,
                      g->message);
    }
}

int strings_compare(struct strings *s) {
    int r = 0;
    for (uint32_t i = 0, n; i < s->catalogue_count; i += n) {
        const struct strings_catalogue *list_of = &s->catalogues[i], *base = NULL;
        for (n = 0; i + n < s->catalogue_count && strcmp(list_of[n].set, list_of->set) == 0; n++)
            if (list_of[n].base)
                base = &list_of[n];
        for (uint32_t k = 0; k < n && r == 0; k++)
            if (list_of[k].format == CATALOGUE_PO)
                r = compare_po(s, &list_of[k]);
            else if (base && base != &list_of[k])
                r = compare_with(s, base, &list_of[k]);
    }
    if (r == 0)
        tell_gaps(s);
    return r;
}
