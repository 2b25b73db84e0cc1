// The formats that are lines of keys and texts: gettext's PO, Java's properties, Apple's strings.
#include "core/code/catalogue_impl.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <string.h>

static uint32_t line_end(const struct catalogue_reader *r) {
    const char *end = memchr(r->t + r->at, '\n', r->n - r->at);
    return end ? (uint32_t)(end - r->t) : r->n;
}

static void next_line(struct catalogue_reader *r) {
    r->at = line_end(r);
    r->line += r->at < r->n;
    r->at += r->at < r->n;
}

static bool begins(const struct catalogue_reader *r, const char *word) {
    size_t n = strlen(word);
    return r->n - r->at >= n && memcmp(r->t + r->at, word, n) == 0;
}

// "…" at r->at, appended to r->text; not over the end of the line.
static int quoted(struct catalogue_reader *r, bool lines) {
    r->at++;
    while (r->at < r->n && r->t[r->at] != '"' && (lines || r->t[r->at] != '\n')) {
        if (r->t[r->at] == '\\') {
            if (catalogue_escape(r) < 0)
                return ERR_NOMEM;
            continue;
        }
        r->line += r->t[r->at] == '\n';
        if (buf_putc(&r->text, r->t[r->at++]) < 0)
            return ERR_NOMEM;
    }
    r->at += r->at < r->n && r->t[r->at] == '"';
    return 0;
}

// --- PO ----------------------------------------------------------------------------------------

struct po {
    struct buf id;
    uint32_t line;
    bool fuzzy, has_id, braces, fixed;
};

// The strings behind a keyword, on its line and those that follow.
static int po_strings(struct catalogue_reader *r) {
    buf_clear(&r->text);
    for (;;) {
        while (r->at < r->n && (r->t[r->at] == ' ' || r->t[r->at] == '\t'))
            r->at++;
        if (r->at < r->n && r->t[r->at] == '"') {
            if (quoted(r, false) < 0)
                return ERR_NOMEM;
            continue;
        }
        uint32_t before = r->at;
        if (r->at < r->n && (r->t[r->at] == '\n' || r->t[r->at] == '\r')) {
            next_line(r);
            while (r->at < r->n && (r->t[r->at] == ' ' || r->t[r->at] == '\t'))
                r->at++;
            if (r->at < r->n && r->t[r->at] == '"')
                continue;
        }
        if (r->at == before)
            next_line(r);
        return 0;
    }
}

static int po_keep(struct catalogue_reader *r, struct po *p, bool plural) {
    if (!p->has_id || p->id.len == 0) // the header
        return 0;
    bool empty = r->text.len == 0;
    const struct buf *key = &p->id;
    uint32_t flags = (plural ? CATALOGUE_PLURAL : 0) | (p->fuzzy || empty ? CATALOGUE_FUZZY : 0) |
                     (p->braces ? CATALOGUE_BRACES : 0) | (p->fixed ? CATALOGUE_FIXED : 0) |
                     CATALOGUE_SOURCE;
    return catalogue_add(r, key->data, key->len, empty ? "" : r->text.data, r->text.len, p->line,
                         flags);
}

static int po_line(struct catalogue_reader *r, struct po *p) {
    uint32_t line = r->line;
    int code = 0;
    if (begins(r, "#,")) {
        const char *line_at = r->t + r->at;
        size_t n = line_end(r) - r->at;
        p->fuzzy |= memmem(line_at, n, "fuzzy", 5) != NULL;
        p->braces |= memmem(line_at, n, "brace-format", 12) != NULL;
        p->fixed |= memmem(line_at, n, "no-c-format", 11) != NULL;
        next_line(r);
    } else if (begins(r, "msgid_plural")) {
        r->at += 12;
        code = po_strings(r);
    } else if (begins(r, "msgid") || begins(r, "msgctxt")) {
        bool id = begins(r, "msgid");
        r->at += id ? 5 : 7;
        code = po_strings(r);
        if (code == 0 && !id)
            p->has_id = false;
        if (code == 0 && id) {
            buf_clear(&p->id);
            code = buf_append(&p->id, r->text.data ? r->text.data : "", r->text.len);
            p->line = line;
            p->has_id = true;
        }
    } else if (begins(r, "msgstr")) {
        bool plural = begins(r, "msgstr[");
        uint32_t end = line_end(r);
        while (r->at < end && r->t[r->at] != '"')
            r->at++;
        code = po_strings(r);
        if (code == 0)
            code = po_keep(r, p, plural);
        if (!plural)
            p->has_id = p->fuzzy = p->braces = p->fixed = false;
    } else {
        next_line(r);
    }
    return code;
}

int catalogue_read_po(struct catalogue_reader *r) {
    struct po p = {.id = BUF_INIT(CATALOGUE_BYTES_MAX)};
    int code = 0;
    while (r->at < r->n && code == 0)
        code = po_line(r, &p);
    buf_done(&p.id);
    return code;
}

// --- properties, ini ---------------------------------------------------------------------------

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\f';
}

// To the end of the logical line: "\" joins the next one.
static int property_value(struct catalogue_reader *r) {
    while (r->at < r->n && r->t[r->at] != '\n') {
        if (r->t[r->at] == '\\' && r->at + 1 < r->n) {
            bool joined = r->t[r->at + 1] == '\n' ||
                          (r->t[r->at + 1] == '\r' && r->at + 2 < r->n && r->t[r->at + 2] == '\n');
            if (catalogue_escape(r) < 0)
                return ERR_NOMEM;
            while (joined && r->at < r->n && (blank(r->t[r->at]) || r->t[r->at] == '\r'))
                r->at++;
            continue;
        }
        if (buf_putc(&r->text, r->t[r->at++]) < 0)
            return ERR_NOMEM;
    }
    while (r->text.len && isspace((unsigned char)r->text.data[r->text.len - 1]))
        r->text.len--;
    return 0;
}

static int property(struct catalogue_reader *r) {
    uint32_t from = r->at, line = r->line, end = line_end(r);
    while (r->at < end && !strchr("=:", r->t[r->at]) && !blank(r->t[r->at]))
        r->at += r->t[r->at] == '\\' && r->at + 1 < end ? 2 : 1;
    uint32_t key_end = r->at;
    while (r->at < end && blank(r->t[r->at]))
        r->at++;
    if (r->at < end && (r->t[r->at] == '=' || r->t[r->at] == ':'))
        r->at++;
    while (r->at < end && blank(r->t[r->at]))
        r->at++;
    buf_clear(&r->text);
    int code = property_value(r);
    if (code == 0 && key_end > from && catalogue_enter(r, r->t + from, key_end - from)) {
        code = catalogue_add(r, r->key, r->ends[r->depth], r->text.data ? r->text.data : "",
                             r->text.len, line, 0);
        catalogue_leave(r);
    }
    next_line(r);
    return code;
}

int catalogue_read_properties(struct catalogue_reader *r) {
    int code = 0;
    while (r->at < r->n && code == 0) {
        while (r->at < r->n && blank(r->t[r->at]))
            r->at++;
        if (r->at >= r->n)
            break;
        char c = r->t[r->at];
        if (c == '[') {
            uint32_t end = line_end(r);
            const char *close = memchr(r->t + r->at, ']', end - r->at);
            r->depth = 0;
            if (close)
                (void)catalogue_enter(r, r->t + r->at + 1, (size_t)(close - r->t) - r->at - 1);
            next_line(r);
        } else if (c == '#' || c == '!' || c == ';' || c == '\n' || c == '\r') {
            next_line(r);
        } else {
            code = property(r);
        }
    }
    return code;
}

// --- Apple -------------------------------------------------------------------------------------

int catalogue_read_strings(struct catalogue_reader *r) {
    struct buf key = BUF_INIT(CATALOGUE_KEY_BYTES_MAX + 1);
    int code = 0;
    while (r->at < r->n && code == 0) {
        catalogue_blanks(r);
        if (begins(r, "/*")) {
            const char *end = memmem(r->t + r->at, r->n - r->at, "*/", 2);
            uint32_t to = end ? (uint32_t)(end - r->t) + 2 : r->n;
            for (; r->at < to; r->at++)
                r->line += r->t[r->at] == '\n';
            continue;
        }
        if (r->at >= r->n || r->t[r->at] != '"') {
            next_line(r);
            continue;
        }
        uint32_t line = r->line;
        buf_clear(&r->text);
        code = quoted(r, true);
        buf_clear(&key);
        bool fits = code == 0 && r->text.len && buf_append(&key, r->text.data, r->text.len) == 0;
        catalogue_blanks(r);
        if (code < 0 || r->at >= r->n || r->t[r->at] != '=')
            continue;
        r->at++;
        catalogue_blanks(r);
        if (r->at >= r->n || r->t[r->at] != '"')
            continue;
        buf_clear(&r->text);
        code = quoted(r, true);
        if (code == 0 && fits)
            code = catalogue_add(r, key.data, key.len, r->text.data ? r->text.data : "",
                                 r->text.len, line, 0);
    }
    buf_done(&key);
    return code;
}
