#include "core/agents/taken.h"

#include "core/base/buf.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    PATH_BYTES_MAX = 4096,
    HEAD_BYTES = 4096, // where a file says whose it is
    LICENCE_BYTES = 64 * 1024,
    FILES_READ_MAX = 150,
    USUAL_PERCENT = 5,  // of the heads: a holder of so many is one of this repository
    NAMES_MAX = 16,     // words of one head
    HEAD_LINES = 30,    // the comment at the start of a file
    ADDRESS_BYTES = 160 // behind "copied from": as far away the address may stand
};

struct names {
    char text[NAMES_MAX][sizeof((struct taken_word *)NULL)->text];
    uint32_t count;
};

// --- who is named ------------------------------------------------------------------------------

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

// Words that stand in everybody's line.
static bool says_nothing(const char *word) {
    static const char *const words[] = {
        "all",    "and",       "authors",     "author",       "company",    "contributors",
        "corp",   "copyright", "corporation", "developers",   "foundation", "for",
        "gmbh",   "group",     "inc",         "limited",      "llc",        "ltd",
        "others", "present",   "project",     "reserved",     "rights",     "software",
        "team",   "the",       "university",  "www",          "com",        "org",
        "net",    "http",      "https",       "technologies", "systems"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static void add_name(struct names *n, const char *word, size_t bytes) {
    if (n->count == NAMES_MAX || bytes < 3)
        return;
    char *to = n->text[n->count];
    size_t k = 0;
    for (; k < bytes && k + 1 < sizeof n->text[0]; k++)
        to[k] = word[k] >= 'A' && word[k] <= 'Z' ? (char)(word[k] + ('a' - 'A')) : word[k];
    to[k] = '\0';
    n->count += !says_nothing(to);
}

// Somewhere behind "copyright", a year, (c) or © says that a name is there, too; "copyright notice"
// has none.
static bool is_dated(const char *at, const char *end) {
    for (; at + 1 < end; at++)
        if ((at[0] >= '0' && at[0] <= '9') || memcmp(at, "\xc2\xa9", 2) == 0 ||
            (end - at >= 3 && strncasecmp(at, "(c)", 3) == 0))
            return true;
    return false;
}

static void read_holder(const char *at, const char *end, struct names *ret) {
    uint32_t before = ret->count;
    if (!is_dated(at, end))
        return;
    while (at < end) {
        const char *word = at;
        while (at < end && is_letter(*at))
            at++;
        add_name(ret, word, (size_t)(at - word)); // (c) and © are too short for one
        for (; at < end && !is_letter(*at); at++)
            if ((*at == '<' || *at == '(') && ret->count > before)
                return; // the address
    }
}

static void read_names(const char *text, size_t bytes, struct names *ret) {
    static const char word[] = "copyright";
    const size_t n = sizeof word - 1;
    *ret = (struct names){.count = 0};
    for (const char *at = text, *end = text + bytes; at + n < end; at++) {
        if ((*at | 0x20) != 'c' || strncasecmp(at, word, n) != 0)
            continue;
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        read_holder(at + n, eol ? eol : end, ret);
        at += n - 1;
    }
}

// --- where it is from ---------------------------------------------------------------------------

// Is the line one of a comment? *block: one that goes on until its end is said.
static bool is_comment(const char *line, size_t n, const char **block) {
    static const char *const blocks[][2] = {
        {"/*", "*/"}, {"\"\"\"", "\"\"\""}, {"'''", "'''"}, {"<!--", "-->"}, {"=begin", "=end"}};
    bool within = *block != NULL;
    size_t from = 0;
    for (size_t i = 0; i < COUNT_OF(blocks) && !*block; i++)
        if (n >= strlen(blocks[i][0]) && strncmp(line, blocks[i][0], strlen(blocks[i][0])) == 0) {
            *block = blocks[i][1];
            from = strlen(blocks[i][0]);
        }
    if (*block) {
        within = true;
        if (memmem(line + from, n - from, *block, strlen(*block)))
            *block = NULL;
    }
    return within || !n || line[0] == '#' || line[0] == ';' ||
           (n > 1 && (memcmp(line, "//", 2) == 0 || memcmp(line, "--", 2) == 0));
}

// "Vendored from https://…": words for taking, and right behind where from.
static bool names_source(const char *line, size_t n, const char *end) {
    // Not "a copy of" or "derived from", which stand in everybody's licence.
    static const char *const words[] = {"vendored from", "copied from",    "taken from",
                                        "adapted from",  "ported from",    "borrowed from",
                                        "forked from",   "extracted from", "a port of"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t k = strlen(words[i]);
        for (const char *at = line; at + k <= line + n; at++) {
            if (strncasecmp(at, words[i], k) != 0 || (at > line && is_letter(at[-1])))
                continue;
            size_t left = (size_t)(end - at) - k;
            if (memmem(at + k, left < ADDRESS_BYTES ? left : ADDRESS_BYTES, "://", 3))
                return true;
        }
    }
    return false;
}

// Does the comment at its start say that the file is a copy of something elsewhere?
static bool says_source(const char *text, size_t bytes) {
    const char *at = text, *end = text + bytes, *block = NULL;
    for (unsigned k = 0; k < HEAD_LINES && at < end; k++) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        const char *stop = eol ? eol : end;
        while (at < stop && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        if (!is_comment(at, (size_t)(stop - at), &block))
            return false;
        if (names_source(at, (size_t)(stop - at), end))
            return true;
        at = eol ? eol + 1 : end;
    }
    return false;
}

// --- who is usual here -------------------------------------------------------------------------

static void note_names(struct taken *t, const struct names *n, bool licence) {
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t k = 0;
        while (k < t->word_count && strcmp(t->words[k].text, n->text[i]) != 0)
            k++;
        if (k == TAKEN_WORDS_MAX)
            continue;
        if (k == t->word_count) {
            memcpy(t->words[k].text, n->text[i], sizeof t->words[k].text);
            t->word_count++;
        }
        t->words[k].licence |= licence;
        t->words[k].files += !licence;
    }
    t->files += !licence && n->count;
}

static bool is_licence(const char *path) {
    static const char *const names[] = {"LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"};
    for (size_t i = 0; i < COUNT_OF(names) && !strchr(path, '/'); i++)
        if (strncasecmp(path, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void note_file(struct taken *t, const struct snapshot *s, uint32_t file, bool licence,
                      struct buf *text) {
    struct names n;
    size_t most = licence ? LICENCE_BYTES : HEAD_BYTES;
    buf_clear(text);
    if (snapshot_text(s, file, text, NULL) < 0 || !text->len)
        return;
    read_names(text->data, text->len < most ? text->len : most, &n);
    note_names(t, &n, licence);
}

static void make(struct taken *t, const struct snapshot *s, const struct diff *d) {
    const uint16_t others = FILE_VENDORED | FILE_GENERATED | FILE_BINARY | FILE_TOO_LARGE |
                            FILE_UNREADABLE | FILE_SYMLINK | FILE_SUBMODULE;
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
    uint32_t count = snapshot_count(s), step = count / FILES_READ_MAX + 1;
    t->made = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (is_licence(f->path) && !(f->flags & FILE_BINARY))
            note_file(t, s, i, true, &text);
        else if (i % step == 0 && !(f->flags & others) && language_is_code(f->lang) &&
                 !diff_find(d, f->path))
            note_file(t, s, i, false, &text);
    }
}

static bool is_usual(const struct taken *t, const char *word) {
    for (uint32_t i = 0; i < t->word_count; i++)
        if (strcmp(t->words[i].text, word) == 0)
            return t->words[i].licence ||
                   (t->words[i].files > 1 && t->words[i].files * 100 >= t->files * USUAL_PERCENT);
    return false;
}

enum whose { NOBODY_SAYS, OURS, ANOTHERS };

static enum whose whose_is(const struct taken *t, const struct names *n) {
    for (uint32_t i = 0; i < n->count; i++)
        if (is_usual(t, n->text[i]))
            return OURS;
    return n->count ? ANOTHERS : NOBODY_SAYS;
}

bool taken_from_grammar(const struct snapshot *s, const char *path) {
    static const char *const grammars[] = {"rl", "y",  "yy",  "ypp",   "l",     "ll",
                                           "re", "jj", "peg", "pegjs", "jison", "pyx"};
    char other[PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash + 1 : path, '.');
    if (!dot || dot == path || dot[-1] == '/')
        return false;
    size_t stem = (size_t)(dot + 1 - path);
    for (size_t i = 0; i < COUNT_OF(grammars); i++) {
        int n = snprintf(other, sizeof other, "%.*s%s", (int)stem, path, grammars[i]);
        if (n > 0 && (size_t)n < sizeof other && strcmp(dot + 1, grammars[i]) != 0 &&
            snapshot_find(s, other, (size_t)n) >= 0)
            return true;
    }
    return false;
}

// Folders where projects keep what is not quite theirs.
static bool is_aside(const char *path) {
    for (const char *part = path, *slash; (slash = strchr(part, '/')); part = slash + 1)
        if (strncmp(part, "contrib/", 8) == 0 || strncmp(part, "extern/", 7) == 0)
            return true;
    return false;
}

bool taken_over(struct taken *t, const struct snapshot *s, const struct diff *d,
                const struct diff_file *f, const char *text, size_t bytes) {
    struct names n;
    if (f->old_path || !f->new_path)
        return false;
    if (says_source(text, bytes < HEAD_BYTES ? bytes : HEAD_BYTES))
        return true;
    read_names(text, bytes < HEAD_BYTES ? bytes : HEAD_BYTES, &n);
    if (n.count && !t->made)
        make(t, s, d);
    enum whose whose = whose_is(t, &n);
    if (whose != NOBODY_SAYS)
        return whose == ANOTHERS;
    return f->added >= (is_aside(f->new_path) ? TAKEN_ASIDE_LINES_MIN : TAKEN_LINES_MIN);
}
