// What comments confess.
#include "core/code/checks_impl.h"

#include <string.h>
#include <strings.h>

// Written so that this file holds none of them.
static const char *const marks[] = {"TO"
                                    "DO",
                                    "FIX"
                                    "ME",
                                    "XX"
                                    "X",
                                    "HA"
                                    "CK"};

static bool is_letter(char x) {
    return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '_';
}

static bool is_blank(char x) {
    return x == ' ' || x == '\t';
}

// The mark at `at`, standing for itself, or NULL.
static const char *mark_at(const char *text, size_t n, size_t at) {
    for (size_t k = 0; k < sizeof marks / sizeof marks[0]; k++) {
        size_t m = strlen(marks[k]);
        if (at + m <= n && memcmp(text + at, marks[k], m) == 0 &&
            (at == 0 || (!is_letter(text[at - 1]) && text[at - 1] != '-' && text[at - 1] != '.')) &&
            (at + m == n || (!is_letter(text[at + m]) && text[at + m] != '-')))
            return marks[k];
    }
    return NULL;
}

// Something has to be said: three letters in a row behind it, on its line.
static size_t said(const char *text, size_t n, size_t at) {
    size_t letters = 0, end = at, found = 0;
    for (; end < n && text[end] != '\n' && text[end] != '\r'; end++) {
        letters = is_letter(text[end]) || (unsigned char)text[end] >= 0x80 ? letters + 1 : 0;
        found |= letters >= 3;
    }
    while (end > at && (is_blank(text[end - 1]) || text[end - 1] == '/' || text[end - 1] == '*'))
        end--;
    return found ? end : 0;
}

static bool is_digit(char x) {
    return x >= '0' && x <= '9';
}

// It is planned already: an address, #123, gh-123, ABC-123.
static bool names_ticket(const char *text, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) {
        size_t capitals = 0;
        if (text[i] == ':' && i + 2 < n && text[i + 1] == '/' && text[i + 2] == '/')
            return true;
        if (text[i] == '#' && is_digit(text[i + 1]))
            return true;
        if (text[i] != '-' || !is_digit(text[i + 1]))
            continue;
        while (capitals < i && text[i - 1 - capitals] >= 'A' && text[i - 1 - capitals] <= 'Z')
            capitals++;
        bool alone = capitals == i || !is_letter(text[i - 1 - capitals]);
        if ((capitals >= 2 && alone) || (i >= 2 && strncasecmp(text + i - 2, "gh", 2) == 0))
            return true;
    }
    return false;
}

// The other two are remarks too ("X" for anything, "a hack that works"): one that calls for work
// is written like a heading.
static bool is_heading(const char *text, size_t n, size_t behind) {
    return behind < n && (text[behind] == ':' || text[behind] == '(' || text[behind] == '!');
}

static bool first_on_line(const char *text, size_t at) {
    while (at > 0 && text[at - 1] != '\n' && !is_letter(text[at - 1]))
        at--;
    return at == 0 || text[at - 1] == '\n';
}

// Up to the end of the next line of the comment: what it belongs to is often named there.
static size_t line_bytes(const char *text, size_t n, size_t at) {
    const char *eol = memchr(text + at, '\n', n - at);
    if (eol && eol + 1 < text + n)
        eol = memchr(eol + 1, '\n', (size_t)(text + n - eol - 1));
    return eol ? (size_t)(eol - text) - at : n - at;
}

// A type of JSDoc that nobody has written yet, in a tag: the mark stands where a type would.
static bool is_type(const char *text, size_t n, size_t at, size_t behind) {
    if (n < 3 || memcmp(text, "/**", 3) != 0 || !memchr(text, '@', at))
        return false;
    while (behind < n && is_blank(text[behind]))
        behind++;
    return behind < n && strchr("}>|],&;[)", text[behind]) != NULL;
}

static void todo(struct checks *c, uint32_t i) {
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    const struct node *node = &c->s->nodes[i];
    uint32_t line = node->line;
    for (size_t at = 0; at < n; at++) {
        if (text[at] == '\n')
            line++;
        if (text[at] != 'T' && text[at] != 'F' && text[at] != 'X' && text[at] != 'H')
            continue;
        const char *mark = mark_at(text, n, at);
        size_t end = mark ? said(text, n, at + strlen(mark)) : 0;
        bool sure = mark && (mark[0] == 'T' || mark[0] == 'F');
        if (!end || (!sure && !(first_on_line(text, at) && is_heading(text, n, at + strlen(mark)))))
            continue;
        if (is_type(text, n, at, at + strlen(mark)) ||
            names_ticket(text + at, line_bytes(text, n, at)))
            continue;
        struct finding *f = check_report(c, "todo-comment", i, "%.*s",
                                         (int)(end - at < 160 ? end - at : 160), text + at);
        if (f) {
            f->start = node->start + (uint32_t)at;
            f->end = node->start + (uint32_t)end;
            f->line = f->end_line = line;
        }
        at = end;
    }
}

const struct check_row checks_text[] = {
    {CHECK_ALL, ROLE_COMMENT, todo},
    {0, 0, NULL},
};
