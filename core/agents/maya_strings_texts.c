// Messages with each other: two spellings of one, two words for one thing, and what stands out from
// the project's own custom. Only what is counted is said: a custom needs many examples and few that
// break it.
#include "core/agents/maya_strings.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    TEXT_BYTES_MAX = 400,
    CUSTOM_MIN = 25,     // messages that show a custom
    OUTLIER_PERCENT = 7, // that may break it, to be outliers
    OUTLIERS_MAX = 12,   // more are another custom
    TERM_MAJORITY = 3    // the usual word stands at least so many times as often
};

static int keep_text(struct strings *s, struct strings_text x) {
    void *list = s->texts;
    int r = mem_grow(&list, s->text_count, &s->text_capacity, sizeof *s->texts, STRINGS_TEXTS_MAX);
    s->texts = list;
    if (r == 0)
        s->texts[s->text_count++] = x;
    return r;
}

// --- messages of code --------------------------------------------------------------------------

// Who says something to people. What goes to a log for developers is not among them.
static const char *const speakers[] = {
    "print",   "println",  "printf",   "fprintf", "puts",   "echo",       "secho",   "fail",
    "die",     "abort",    "error",    "err",     "errx",   "warn",       "warning", "warnx",
    "fatal",   "Fatal",    "Fatalf",   "Errorf",  "Error",  "New",        "Println", "Printf",
    "Fprintf", "Fprintln", "alert",    "confirm", "flash",  "toast",      "notify",  "bail",
    "anyhow",  "panic",    "eprintln", "exit",    "usage",  "write",      "log",     "raise",
    "throw",   "getpass",  "prompt",   "input",   "perror", "serverPanic"};
static const char *const keys[] = {"help",    "description", "usage", "message", "label",
                                   "title",   "placeholder", "Usage", "Short",   "Long",
                                   "summary", "error",       "msg",   "text",    "tooltip",
                                   "hint",    "errorMessage"};

static bool in_list(const char *text, struct span x, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_is(text, x, list[i]))
            return true;
    return false;
}

static bool is_exception(const char *text, struct span name) {
    return (name.bytes > 5 && memcmp(text + name.at + name.bytes - 5, "Error", 5) == 0) ||
           (name.bytes > 9 && memcmp(text + name.at + name.bytes - 9, "Exception", 9) == 0);
}

// log.error(…), mlog.Warn(…): for developers.
static bool is_log(const char *text, struct span chain, struct span name) {
    size_t n = chain.bytes - name.bytes;
    for (size_t i = 0; i + 3 <= n; i++)
        if (strncasecmp(text + chain.at + i, "log", 3) == 0)
            return true;
    return false;
}

// The name under which messages are compared; bytes 0: not for people.
static struct span family_of(const struct literals *l, const struct literal *x) {
    const struct literal_group *g = &l->groups[x->group];
    struct span name = span_last(l->text, g->name), before = span_last(l->text, x->before);
    if (in_list(l->text, x->key, keys, COUNT_OF(keys)))
        return x->key;
    if (in_list(l->text, g->key, keys, COUNT_OF(keys)) && name.bytes && x->argument == 0)
        return g->key; // help=_("…")
    if (x->key.bytes)
        return (struct span){0};
    if (x->group && g->bracket == '(' && x->argument <= 1 && !is_log(l->text, g->name, name) &&
        (in_list(l->text, name, speakers, COUNT_OF(speakers)) || is_exception(l->text, name)))
        return name;
    return in_list(l->text, before, speakers, COUNT_OF(speakers)) ? before : (struct span){0};
}

// A sentence or a part of one in a Latin script: two words of letters, more letters than signs.
static bool is_message(const char *t, size_t n) {
    size_t letters = 0, words = 0, run = 0, signs = 0;
    if (n < 6 || n > TEXT_BYTES_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)t[i];
        if (c >= 0x80 && (c & 0xC0) != 0x80 && c > 0xE2)
            return false;
        if (isalpha(c)) {
            letters++;
            words += ++run == 2;
        } else {
            run = 0;
            signs += !isspace(c);
        }
    }
    return words >= 2 && letters > 2 * signs && memchr(t, ' ', n) && !memmem(t, n, "</", 2);
}

// Escapes that matter: \n is a blank, \" a quote.
static char *plain(struct strings *s, const char *t, size_t n) {
    char out[TEXT_BYTES_MAX + 1];
    size_t m = 0;
    for (size_t i = 0; i < n && m < TEXT_BYTES_MAX; i++) {
        if (t[i] == '\\' && i + 1 < n) {
            i++;
            out[m++] = strchr("nrt\n", t[i]) ? ' ' : t[i];
        } else {
            out[m++] = isspace((unsigned char)t[i]) ? ' ' : t[i];
        }
    }
    while (m && out[m - 1] == ' ')
        m--;
    size_t from = 0;
    while (from < m && out[from] == ' ')
        from++;
    return maya_keep(&s->pool, out + from, m - from);
}

int strings_texts_of_file(struct strings *s, const struct maya_file *f, const struct literals *l) {
    char *path = NULL;
    int r = 0;
    for (uint32_t i = 0; i < l->count && r == 0; i++) {
        const struct literal *x = &l->list[i];
        if (x->flags & (LITERAL_JOINED | LITERAL_PARTIAL | LITERAL_INTERPOLATED) ||
            !is_message(l->text + x->text.at, x->text.bytes))
            continue;
        if (i + 1 < l->count && l->list[i + 1].flags & LITERAL_JOINED)
            continue; // only its beginning
        struct span family = family_of(l, x);
        if (!family.bytes)
            continue;
        if (!path && !(path = maya_keep(&s->pool, f->path, strlen(f->path))))
            return ERR_NOMEM;
        struct strings_text text = {.path = path, .line = x->line};
        text.text = plain(s, l->text + x->text.at, x->text.bytes);
        text.family = maya_keep(&s->pool, l->text + family.at, family.bytes);
        r = text.text && text.family ? keep_text(s, text) : ERR_NOMEM;
    }
    return r;
}

int strings_texts_of_catalogues(struct strings *s) {
    const struct strings_catalogue *po = NULL; // the msgids of one stand for all
    for (uint32_t i = 0; i < s->catalogue_count; i++)
        if (s->catalogues[i].format == CATALOGUE_PO &&
            (!po || s->catalogues[i].c.count > po->c.count))
            po = &s->catalogues[i];
    for (uint32_t i = 0; i < s->catalogue_count; i++) {
        const struct strings_catalogue *c = &s->catalogues[i];
        bool english = !c->language[0] || strncasecmp(c->language, "en", 2) == 0;
        if (c->format == CATALOGUE_PO ? c != po : !c->base || !english)
            continue;
        for (uint32_t k = 0; k < c->c.count; k++) {
            const struct catalogue_entry *e = &c->c.entries[k];
            struct strings_text text = {
                .path = c->path, .line = e->line, .key = strings_key_of(c, k), .family = ""};
            const char *said = c->format == CATALOGUE_PO ? text.key : strings_text_of(c, k);
            if (strlen(said) > TEXT_BYTES_MAX || (k && e->line == c->c.entries[k - 1].line))
                continue;
            text.text = plain(s, said, strlen(said));
            int r = !text.text ? ERR_NOMEM : text.text[0] ? keep_text(s, text) : 0;
            if (r < 0)
                return r == ERR_LIMIT ? 0 : r;
        }
    }
    return 0;
}

// --- two spellings -----------------------------------------------------------------------------

struct folded {
    const char *text; // without case, blanks and signs
    uint32_t index;
};

static size_t body(const char *t) { // without what a menu or a form adds at the end
    size_t n = strlen(t);
    for (;;) {
        if (n && strchr(".:!? *,-", t[n - 1]))
            n--;
        else if (n >= 3 && memcmp(t + n - 3, "\xE2\x80\xA6", 3) == 0)
            n -= 3;
        else
            return n;
    }
}

static int by_fold(const void *a, const void *b) {
    const struct folded *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static bool all_caps(const char *t, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (islower((unsigned char)t[i]))
            return false;
    return true;
}

// The same but for what stands at the end, and for brackets.
static bool same_body(const char *a, const char *b) {
    const char *a_end = a + body(a), *b_end = b + body(b);
    for (;;) {
        while (a < a_end && strchr("()[]", *a))
            a++;
        while (b < b_end && strchr("()[]", *b))
            b++;
        if (a == a_end || b == b_end)
            return a == a_end && b == b_end;
        if (*a++ != *b++)
            return false;
    }
}

// Texts with one fold and more than one spelling: the usual one against the others.
static void tell_spellings(struct strings *s, const struct folded *list, uint32_t n) {
    uint32_t best = 0, best_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = 0;
        for (uint32_t k = 0; k < n; k++)
            count += same_body(s->texts[list[i].index].text, s->texts[list[k].index].text);
        if (count > best_count) {
            best = i;
            best_count = count;
        }
    }
    if (best_count == n)
        return;
    const struct strings_text *usual = &s->texts[list[best].index];
    for (uint32_t i = 0; i < n; i++) {
        const struct strings_text *x = &s->texts[list[i].index];
        bool told = false;
        for (uint32_t k = 0; k < i; k++)
            told |= same_body(s->texts[list[k].index].text, x->text);
        // an interface and a log have customs of their own
        if (told || !x->key != !usual->key || same_body(x->text, usual->text) ||
            all_caps(x->text, body(x->text)) || all_caps(usual->text, body(usual->text)))
            continue;
        struct maya_place at = {usual->path, usual->line};
        maya_find(&s->findings, RULE_TWO_SPELLINGS, (struct maya_place){x->path, x->line}, &at, 1,
                  "\"%.120s\" here, \"%.120s\" %u time%s elsewhere", x->text, usual->text,
                  best_count, best_count == 1 ? "" : "s");
    }
}

static int two_spellings(struct strings *s) {
    struct folded *list = mem_alloc((s->text_count + 1) * sizeof *list);
    uint32_t count = 0;
    if (!list)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->text_count; i++) {
        char fold[TEXT_BYTES_MAX + 1];
        const char *t = s->texts[i].text;
        size_t m = 0, words = 0;
        for (const char *at = t; *at && m < TEXT_BYTES_MAX; at++) {
            words += at > t && *at == ' ' && isalpha((unsigned char)at[1]);
            if (strchr("%{}$<>\\*", *at) ||
                strncmp(at, "...", 3) == 0) // what is filled in matters with its signs
                fold[m++] = *at;
            else if (isalnum((unsigned char)*at) || (unsigned char)*at >= 0x80)
                fold[m++] = (char)tolower((unsigned char)*at);
        }
        if (words < 1 || m < 6)
            continue;
        char *kept = maya_keep(&s->pool, fold, m);
        if (!kept) {
            mem_free(list);
            return ERR_NOMEM;
        }
        list[count++] = (struct folded){kept, i};
    }
    if (count)
        qsort(list, count, sizeof *list, by_fold);
    for (uint32_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && strcmp(list[i].text, list[i + n].text) == 0; n++)
            ;
        if (n > 1 && n < 200)
            tell_spellings(s, list + i, n);
    }
    mem_free(list);
    return 0;
}

// --- terms -------------------------------------------------------------------------------------

enum { VARIANTS_MAX = 5 };
// One thing, several words. "|" joins forms of the same word; a capital makes case count.
static const char *const terms[][VARIANTS_MAX] = {
    {"email|emails", "e-mail|e-mails", "mail address"},
    {"sign in|signed in|signing in", "log in|logged in|logging in|log into"},
    {"sign out|signed out", "log out|logged out"},
    {"website|websites", "web site|web sites", "web-site"},
    {"username|usernames", "user name|user names", "user-name"},
    {"filename|filenames", "file name|file names", "file-name"},
    {"hostname|hostnames", "host name|host names", "host-name"},
    {"dropdown", "drop-down", "drop down"},
    {"checkbox|checkboxes", "check box|check boxes", "check-box"},
    {"plugin|plugins", "plug-in|plug-ins"},
    {"canceled", "cancelled"},
    {"color|colors", "colour|colours"},
    {"behavior", "behaviour"},
    {"favorite|favorites", "favourite|favourites"},
    {"organization|organizations", "organisation|organisations"},
    {"authorized|unauthorized", "authorised|unauthorised"},
    {"initialize|initialized", "initialise|initialised"},
    {"recognized|unrecognized", "recognised|unrecognised"},
    {"real-time", "realtime"},
    {"subfolder|subfolders", "sub-folder|sub-folders"},
    {"subdirectory|subdirectories", "sub-directory|sub-directories"},
    {"URL|URLs", "Url|Urls"},
    {"JSON", "Json"},
    {"GitHub", "Github"},
    {"JavaScript", "Javascript"},
    {"OAuth", "Oauth"},
    {"macOS", "MacOS", "Mac OS"},
    {"Wi-Fi", "WiFi", "Wifi"},
};

static bool word_edge(char c) {
    return !isalnum((unsigned char)c) && c != '`' && c != '_' && c != '-' && c != '.' && c != '/' &&
           c != '%';
}

static bool has_word(const char *text, const char *word, size_t n, bool cased) {
    const char first = (char)tolower((unsigned char)word[0]);
    for (const char *at = text; *at; at++) {
        if (tolower((unsigned char)*at) != first)
            continue;
        if (cased ? strncmp(at, word, n) != 0 : strncasecmp(at, word, n) != 0)
            continue;
        bool left = at == text || word_edge(at[-1]);
        bool right = word_edge(at[n]) || (at[n] == '.' && !isalnum((unsigned char)at[n + 1]));
        if (left && right && at[n] != '=' && (at == text || at[-1] != '<'))
            return true;
    }
    return false;
}

static bool says_variant(const char *text, const char *forms, bool cased) {
    for (const char *at = forms; at && *at;) {
        size_t n = strcspn(at, "|");
        if (has_word(text, at, n, cased))
            return true;
        at += n + (at[n] == '|');
    }
    return false;
}

static void one_term(struct strings *s, const char *const *forms) {
    uint32_t counts[VARIANTS_MAX] = {0}, best = 0;
    bool cased = false;
    for (const char *at = forms[0]; *at; at++)
        cased |= isupper((unsigned char)*at) != 0;
    for (uint32_t v = 0; v < VARIANTS_MAX && forms[v]; v++) {
        for (uint32_t i = 0; i < s->text_count; i++)
            counts[v] += says_variant(s->texts[i].text, forms[v], cased);
        if (counts[v] > counts[best])
            best = v;
    }
    for (uint32_t v = 0; v < VARIANTS_MAX && forms[v]; v++) {
        struct maya_place places[MAYA_PLACES_MAX + 1];
        const char *first = NULL;
        uint32_t n = 0;
        if (v == best || !counts[v] || counts[best] < counts[v] * TERM_MAJORITY ||
            counts[best] < TERM_MAJORITY)
            continue;
        for (uint32_t i = 0; i < s->text_count; i++)
            if (says_variant(s->texts[i].text, forms[v], cased)) {
                first = first ? first : s->texts[i].text;
                if (n <= MAYA_PLACES_MAX)
                    places[n] = (struct maya_place){s->texts[i].path, s->texts[i].line};
                n++;
            }
        maya_find(&s->findings, RULE_TERM, places[0], places + 1, n - 1,
                  "\"%.*s\" in %u message%s, \"%.*s\" in %u: \"%.120s\"",
                  (int)strcspn(forms[v], "|"), forms[v], n, n == 1 ? "" : "s",
                  (int)strcspn(forms[best], "|"), forms[best], counts[best], first);
    }
}

// --- customs -----------------------------------------------------------------------------------

struct custom { // of one family: who follows it, who does not
    const char *family;
    uint32_t first, count; // in the sorted list
};

static int by_family(const void *a, const void *b, void *ctx) {
    const struct strings *s = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(s->texts[x].family, s->texts[y].family);
    return order ? order : (x > y) - (x < y);
}

// One letter for what a text does; 0: it does not show.
typedef char trait_fn(const char *text);

static char first_letter(const char *t) {
    if (!isalpha((unsigned char)t[0]) || !isalpha((unsigned char)t[1]))
        return 0;
    size_t n = strcspn(t, " ,.:;'");
    for (size_t i = 1; i < n; i++) // a name: GitHub, camelCase, a_b, f()
        if (!islower((unsigned char)t[i]))
            return 0;
    return isupper((unsigned char)t[0]) ? 'A' : 'a';
}

static char last_sign(const char *t) {
    size_t n = strlen(t);
    if (n < 12 || !strchr(t, ' ') || t[n - 2] == '%') // what is filled in ends it
        return 0;
    if (t[n - 1] == '.')
        return n > 3 && t[n - 2] != '.' && strcmp(t + n - 4, "etc.") != 0 ? '.' : 0;
    if (t[n - 1] == '!')
        return '!';
    return isalpha((unsigned char)t[n - 1]) ? 'a' : 0;
}

static char ellipsis(const char *t) {
    size_t n = strlen(t);
    if (n >= 4 && memcmp(t + n - 3, "...", 3) == 0 && isalpha((unsigned char)t[n - 4]))
        return '.';
    return n > 3 && memcmp(t + n - 3, "\xE2\x80\xA6", 3) == 0 ? 'u' : 0;
}

struct trait {
    trait_fn *of;
    enum strings_rule rule;
    const char *names; // pairs of letter and word
};
static const struct trait traits[] = {
    {first_letter, RULE_CASE, "A:begin with a capital;a:begin with a small letter;"},
    {last_sign, RULE_ENDING,
     ".:end with a full stop;!:end with an exclamation mark;a:end without a sign;"},
    {ellipsis, RULE_ELLIPSIS, ".:end with three dots;u:end with …;"},
};

static void name_of(const struct trait *t, char letter, char *ret, size_t max) {
    ret[0] = '\0';
    for (const char *at = t->names; *at; at += strcspn(at, ";") + 1)
        if (*at == letter)
            (void)snprintf(ret, max, "%.*s", (int)strcspn(at + 2, ";"), at + 2);
}

// Tables, progress and results go the same way as messages: they have no common custom.
static bool prints_anything(const char *family) {
    static const char *const names[] = {"print",    "println", "printf",   "puts",   "fprintf",
                                        "echo",     "write",   "Println",  "Printf", "Fprintf",
                                        "Fprintln", "log",     "eprintln", "New",    "text",
                                        "secho",    "title",   "label"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], family) == 0)
            return true;
    return false;
}

static void custom_of(struct strings *s, const uint32_t *order, uint32_t n, const struct trait *t) {
    uint32_t counts[128] = {0}, all = 0;
    unsigned best = 0;
    for (uint32_t i = 0; i < n; i++) {
        unsigned c = (unsigned char)t->of(s->texts[order[i]].text) & 127U;
        if (!c)
            continue;
        all++;
        if (++counts[c] > counts[best])
            best = c;
    }
    if (all < CUSTOM_MIN)
        return;
    const char *family = s->texts[order[0]].family;
    for (unsigned c = 1; c < 128; c++) {
        struct maya_place places[OUTLIERS_MAX];
        const char *first = NULL;
        char does[64], usual[64];
        uint32_t k = 0;
        if (c == best || !counts[c] || counts[c] > OUTLIERS_MAX ||
            counts[c] * 100 > all * OUTLIER_PERCENT)
            continue;
        for (uint32_t i = 0; i < n; i++) {
            const struct strings_text *x = &s->texts[order[i]];
            if ((unsigned char)t->of(x->text) != c)
                continue;
            first = first ? first : x->text;
            places[k++] = (struct maya_place){x->path, x->line};
        }
        name_of(t, (char)c, does, sizeof does);
        name_of(t, (char)best, usual, sizeof usual);
        maya_find(&s->findings, t->rule, places[0], places + 1, k - 1,
                  "%u of %u messages %s%s %s, %u %s: \"%.120s\"", k, all,
                  family[0] ? "of " : "of the catalogue", family, does, counts[best], usual, first);
    }
}

static int customs(struct strings *s) {
    uint32_t *order = mem_alloc((s->text_count + 1) * sizeof *order);
    if (!order)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->text_count; i++)
        order[i] = i;
    qsort_r(order, s->text_count, sizeof *order, by_family, s);
    for (uint32_t i = 0, n; i < s->text_count; i += n) {
        for (n = 1; i + n < s->text_count &&
                    strcmp(s->texts[order[i]].family, s->texts[order[i + n]].family) == 0;
             n++)
            ;
        bool any = prints_anything(s->texts[order[i]].family);
        for (size_t t = 0; t < COUNT_OF(traits); t++)
            if (!any || traits[t].rule == RULE_ELLIPSIS)
                custom_of(s, order + i, n, &traits[t]);
    }
    mem_free(order);
    return 0;
}

// --- slips -------------------------------------------------------------------------------------

// "the the": the same word twice, which few words may be.
static const char *doubled(const char *t, size_t *ret_n) {
    static const char *const may[] = {"that", "had",     "is",      "in",      "ha",
                                      "bla",  "no",      "bye",     "so",      "very",
                                      "much", "million", "billion", "trillion"};
    for (const char *at = t; *at;) {
        size_t n = 0;
        while (isalpha((unsigned char)at[n]))
            n++;
        bool start = at == t || at[-1] == ' ';
        if (n >= 2 && start && at[n] == ' ' && strncasecmp(at, at + n + 1, n) == 0 &&
            (at[2 * n + 1] == ' ' || !at[2 * n + 1] || strchr(".,;:!?", at[2 * n + 1])) &&
            islower((unsigned char)at[n + 1])) {
            bool fine = false;
            for (size_t i = 0; i < COUNT_OF(may); i++)
                fine |= strlen(may[i]) == n && strncasecmp(may[i], at, n) == 0;
            if (!fine) {
                *ret_n = n;
                return at;
            }
        }
        at += n ? n : 1;
    }
    return NULL;
}

static void slips(struct strings *s) {
    static const struct {
        const char *wrong, *right;
    } pairs[] = {{"click to login", "click to log in"},
                 {"please login", "please log in"},
                 {"to login to", "to log in to"},
                 {"to setup the", "to set up the"},
                 {"can not", "cannot"},
                 {"occured", "occurred"},
                 {"sucessfully", "successfully"},
                 {"succesfully", "successfully"},
                 {"seperate", "separate"},
                 {"recieve", "receive"},
                 {"recieved", "received"},
                 {"adress", "address"},
                 {"sucess", "success"},
                 {"successfull", "successful"},
                 {"unkown", "unknown"},
                 {"paramater", "parameter"},
                 {"paramter", "parameter"},
                 {"neccessary", "necessary"},
                 {"existant", "existent"},
                 {"occurence", "occurrence"},
                 {"preceeding", "preceding"},
                 {"teh", "the"},
                 {"doesnt", "doesn't"},
                 {"dont", "don't"},
                 {"wont", "won't"},
                 {"cant", "can't"},
                 {"intialize", "initialize"},
                 {"retreive", "retrieve"},
                 {"definately", "definitely"},
                 {"accidently", "accidentally"},
                 {"overriden", "overridden"},
                 {"writen", "written"},
                 {"refered", "referred"},
                 {"transfered", "transferred"},
                 {"explicitely", "explicitly"},
                 {"guarenteed", "guaranteed"}};
    for (uint32_t i = 0; i < s->text_count; i++) {
        const struct strings_text *x = &s->texts[i];
        size_t n;
        const char *twice = doubled(x->text, &n);
        struct maya_place at = {x->path, x->line};
        if (twice)
            maya_find(&s->findings, RULE_SLIP, at, NULL, 0, "\"%.*s\" twice: \"%.120s\"", (int)n,
                      twice, x->text);
        for (size_t k = 0; k < COUNT_OF(pairs); k++)
            if (has_word(x->text, pairs[k].wrong, strlen(pairs[k].wrong), false))
                maya_find(&s->findings, RULE_SLIP, at, NULL, 0, "\"%s\" for \"%s\": \"%.120s\"",
                          pairs[k].wrong, pairs[k].right, x->text);
    }
}

int strings_tell_texts(struct strings *s) {
    int r = two_spellings(s);
    for (size_t i = 0; i < COUNT_OF(terms); i++)
        one_term(s, terms[i]);
    if (r == 0)
        r = customs(s);
    slips(s);
    return r;
}
