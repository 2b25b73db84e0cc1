// What documents say of options: a man page or a README that names one that is not there, or leaves
// many out.
#include "core/agents/maya_cli.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MENTIONS_MAX = 5000,
    KNOWN_PERCENT = 60, // of what a document lists is this program's: it is about this program
    LISTED_MIN = 5
};

struct cli_mention {
    const char *path, *name; // "--name" in a list of options
    uint32_t line;
};

static int mention(struct cli *c, const char *path, const char *name, size_t n, uint32_t line) {
    void *list = c->mentions;
    int r =
        mem_grow(&list, c->mention_count, &c->mention_capacity, sizeof *c->mentions, MENTIONS_MAX);
    c->mentions = list;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    struct cli_mention m = {.path = path, .line = line};
    m.name = maya_keep(&c->pool, name, n);
    if (!m.name)
        return ERR_NOMEM;
    c->mentions[c->mention_count++] = m;
    return 0;
}

// A line that lists an option: it begins with it, but for marks of lists, tables and man pages.
static size_t lead_of(const char *s, size_t n) {
    size_t i = 0;
    while (i < n && strchr(" \t*|`+>#=:", s[i]))
        i++;
    if (n - i > 4 && s[i] == '.' && isupper((unsigned char)s[i + 1])) { // .BR \-\-name
        while (i < n && s[i] != ' ')
            i++;
        while (i < n && s[i] == ' ')
            i++;
    }
    if (n - i > 2 && s[i] == '-' && s[i + 1] == ' ') // an item of a list
        i += 2;
    while (i < n && strchr("`\"*\\f", s[i]) && !(s[i] == 'f' && (i == 0 || s[i - 1] != '\\'))) {
        if (s[i] == '\\' && i + 2 < n && s[i + 1] == 'f')
            i += 2; // \fB
        else if (s[i] == '\\' && i + 1 < n && s[i + 1] == '-')
            break;
        i++;
    }
    return i;
}

int cli_document(struct cli *c, const struct maya_file *f) {
    char *path = maya_keep(&c->pool, f->path, strlen(f->path));
    uint32_t line = 1;
    int r = path ? 0 : ERR_NOMEM;
    for (const char *at = f->text, *end = at + f->bytes; at < end && r == 0; line++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((eol ? eol : end) - at), i = lead_of(at, n);
        char plain[200]; // without the backslashes of man pages
        size_t m = 0;
        for (; i < n && m < sizeof plain - 1; i++)
            if (at[i] == '\\')
                i += i + 1 < n && at[i + 1] == 'f' ? 2 : 0; // \fR
            else
                plain[m++] = at[i];
        plain[m] = '\0';
        bool lists = plain[0] == '-' && (plain[1] == '-' || isalnum((unsigned char)plain[1]));
        for (char *p = plain; lists && (p = strstr(p, "--"));) { // -n, --name
            size_t k = 0;
            bool starts = p == plain || !isalnum((unsigned char)p[-1]);
            p += 2;
            while (isalnum((unsigned char)p[k]) || p[k] == '-' || p[k] == '_')
                k++;
            while (k && p[k - 1] == '-')
                k--;
            if (starts && k > 1 && k < 60 && isalpha((unsigned char)*p) && p - plain < 60)
                r = mention(c, path, p, k, line);
            p += k;
        }
        at = eol ? eol + 1 : end;
    }
    return r;
}

static int by_word(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool in_code(const struct cli *c, const char *name) {
    return c->word_count &&
           bsearch(&name, c->words, c->word_count, sizeof *c->words, by_word) != NULL;
}

static bool declared(const struct cli *c, const char *name) {
    const char *rest = strncmp(name, "no-", 3) == 0 ? name + 3 : name;
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        if (x->kind == CLI_OPTION &&
            ((x->name && (strcmp(x->name, name) == 0 || strcmp(x->name, rest) == 0)) ||
             (x->also && (strcmp(x->also, name) == 0 || strcmp(x->also, rest) == 0))))
            return true;
    }
    return false;
}

static bool mentioned(const struct cli *c, const char *name) {
    for (uint32_t i = 0; i < c->mention_count; i++)
        if (strcmp(c->mentions[i].name, name) == 0)
            return true;
    return false;
}

// A document whose list of options is mostly this project's: what else it lists is gone.
static uint32_t stale(struct cli *c, uint32_t from) {
    uint32_t n = 0, known = 0;
    for (; from + n < c->mention_count && c->mentions[from + n].path == c->mentions[from].path; n++)
        known += declared(c, c->mentions[from + n].name);
    if (n < LISTED_MIN || known * 100 < n * KNOWN_PERCENT)
        return n;
    for (uint32_t i = from; i < from + n; i++) {
        const struct cli_mention *m = &c->mentions[i];
        if (!declared(c, m->name) && !in_code(c, m->name) && strcmp(m->name, "help") != 0 &&
            strcmp(m->name, "version") != 0)
            maya_find(&c->findings, RULE_DOC_STALE, (struct maya_place){m->path, m->line}, NULL, 0,
                      "--%s is listed here and in no code; %u of the %u options listed are",
                      m->name, known, n);
    }
    return n;
}

// Options of a program that documents leave out, when they list most of them.
static void left_out(struct cli *c, uint32_t program) {
    char text[300] = "";
    size_t len = 0;
    uint32_t all = 0, missing = 0;
    struct maya_place places[MAYA_PLACES_MAX + 1];
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        if (x->program != program || x->kind != CLI_OPTION || x->hidden || !x->name ||
            strlen(x->name) < 2 || strcmp(x->name, "help") == 0 || strcmp(x->name, "version") == 0)
            continue;
        all++;
        if (mentioned(c, x->name) || (x->also && mentioned(c, x->also)))
            continue;
        if (missing <= MAYA_PLACES_MAX)
            places[missing] = (struct maya_place){x->path, x->line};
        if (missing < CLI_LISTED_MAX && len < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s--%.40s", len ? ", " : "",
                                    x->name);
        missing++;
    }
    if (all >= LISTED_MIN && missing && missing * 100 < all * (100 - KNOWN_PERCENT))
        maya_find(&c->findings, RULE_NOT_DOCUMENTED, places[0], places + 1, missing - 1,
                  "%u of %u options of %s are in no document: %s%s", missing, all,
                  c->programs[program].folder, text, missing > CLI_LISTED_MAX ? " …" : "");
}

void cli_tell_documents(struct cli *c) {
    if (c->word_count)
        qsort((void *)c->words, c->word_count, sizeof *c->words, by_word);
    for (uint32_t i = 0; i < c->mention_count;)
        i += stale(c, i);
    for (uint32_t p = 0; p < c->program_count; p++)
        left_out(c, p);
}
