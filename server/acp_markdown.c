// What an agent says in lines, as markdown for a chat: places become links, items a list, what is
// laid out by hand a block of code. Pure.
#include "core/base/mem.h"
#include "server/acp_face.h"
#include "server/lsp_face.h"

#include <ctype.h>
#include <string.h>

static const char not_covered[] = "Not covered:";

// --- words ---------------------------------------------------------------------------------------

static bool is_path_char(char c) {
    return isalnum((unsigned char)c) || (c && strchr("._-/+@~", c)) || (unsigned char)c >= 0x80;
}

// "src/till.c:20" or "src/till.c:16-21": bytes of it, of its path, and the line.
static size_t place_at(const char *text, size_t n, size_t *ret_path, unsigned *ret_line) {
    size_t path = 0, at;
    bool told = false; // a dot or a slash: "note:3" is no place
    while (path < n && is_path_char(text[path])) {
        told |= text[path] == '.' || text[path] == '/';
        path++;
    }
    if (!told || path + 1 >= n || text[path] != ':' || !isdigit((unsigned char)text[path + 1]))
        return 0;
    unsigned line = 0;
    for (at = path + 1; at < n && isdigit((unsigned char)text[at]) && line < 100000000; at++)
        line = line * 10 + (unsigned)(text[at] - '0');
    if (at + 1 < n && text[at] == '-' && isdigit((unsigned char)text[at + 1]))
        for (at++; at < n && isdigit((unsigned char)text[at]); at++)
            ;
    if (at < n && is_path_char(text[at]) && text[at] != '.')
        return 0;
    *ret_path = path;
    *ret_line = line;
    return at;
}

// `line` 0: of the whole file.
static void put_link(struct buf *out, const char *root, const char *text, size_t path, size_t n,
                     unsigned line) {
    AUTO_FREE char *full =
        *text == '/' ? mem_strndup(text, path) : mem_format("%s/%.*s", root, (int)path, text);
    AUTO_FREE char *uri = full ? lsp_uri_of_path(full) : NULL;
    if (!uri) {
        out->failed = true;
        return;
    }
    (void)buf_putc(out, '[');
    (void)buf_append(out, text, n);
    (void)buf_printf(out, "](%s", uri);
    if (line)
        (void)buf_printf(out, "#L%u", line);
    (void)buf_putc(out, ')');
}

// "src/till.c: …" at the beginning of an item: bytes of the path. "note: …" is none.
static size_t file_at(const char *text, size_t n) {
    size_t path = 0;
    bool told = false;
    for (; path < n && is_path_char(text[path]); path++)
        told |= path > 0 && (text[path] == '/' || text[path] == '.');
    return told && path + 1 < n && text[path] == ':' && text[path + 1] == ' ' &&
                   isalnum((unsigned char)text[path - 1])
               ? path
               : 0;
}

// Would markdown take it for its own? What starts a line is the caller's. An underscore within a
// word is none.
static bool is_special(const char *text, size_t n, size_t i) {
    char c = text[i];
    if (c == '_')
        return i == 0 || i + 1 == n || !isalnum((unsigned char)text[i - 1]) ||
               !isalnum((unsigned char)text[i + 1]);
    return c && strchr("\\`*[<", c);
}

int acp_markdown_line(const char *text, size_t n, const char *root, struct buf *out) {
    for (size_t i = 0; i < n;) {
        size_t path = 0;
        unsigned line = 0;
        bool begins = i == 0 || !is_path_char(text[i - 1]);
        size_t place = begins ? place_at(text + i, n - i, &path, &line) : 0;
        const char *end = text[i] == '`' ? memchr(text + i + 1, '`', n - i - 1) : NULL;
        if (place) {
            put_link(out, root, text + i, path, place, line);
            i += place;
        } else if (end) { // code stays code
            size_t m = (size_t)(end - text) + 1 - i;
            (void)buf_append(out, text + i, m);
            i += m;
        } else {
            if (is_special(text, n, i))
                (void)buf_putc(out, '\\');
            (void)buf_putc(out, text[i++]);
        }
    }
    return out->failed ? ERR_NOMEM : 0;
}

// --- blocks --------------------------------------------------------------------------------------

// A fence that the text does not hold itself.
static int put_code(struct buf *out, const char *language, const char *text, size_t n) {
    size_t longest = 2, run = 0;
    for (size_t i = 0; i < n; i++) {
        run = text[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (size_t i = 0; i <= longest; i++)
        (void)buf_putc(out, '`');
    (void)buf_printf(out, "%s\n", language);
    (void)buf_append(out, text, n);
    if (n && text[n - 1] != '\n')
        (void)buf_putc(out, '\n');
    for (size_t i = 0; i <= longest; i++)
        (void)buf_putc(out, '`');
    return buf_putc(out, '\n');
}

static bool begins_with(const char *line, size_t n, const char *word) {
    return n >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

struct layout {
    const char *root;
    struct buf *out;
    bool first; // the line that says what the others come to
    bool list;  // in a list: what is indented belongs to its item
};

static void put_words(struct layout *l, const char *before, const char *text, size_t n,
                      const char *behind) {
    (void)buf_puts(l->out, before);
    (void)acp_markdown_line(text, n, l->root, l->out);
    (void)buf_puts(l->out, behind);
}

// A line above others, "Direct:" or "## Files".
static void put_heading(struct layout *l, const char *before, const char *text, size_t n,
                        const char *behind) {
    const struct buf *out = l->out;
    if (out->len > 1 && (out->data[out->len - 1] != '\n' || out->data[out->len - 2] != '\n'))
        (void)buf_putc(l->out, '\n');
    put_words(l, before, text, n, behind);
    l->list = false;
}

static void put_item(struct layout *l, const char *line, size_t n) {
    size_t skip = begins_with(line, n, "- ") ? 2 : 0, path = file_at(line + skip, n - skip);
    (void)buf_puts(l->out, "- ");
    if (path)
        put_link(l->out, l->root, line + skip, path, path, 0);
    put_words(l, "", line + skip + path, n - skip - path, "\n");
    l->list = true;
}

static void put_line(struct layout *l, const char *line, size_t n) {
    size_t indent = 0;
    while (indent < n && line[indent] == ' ')
        indent++;
    if (indent == n) {
        (void)buf_putc(l->out, '\n');
        l->list = false;
    } else if (l->first) {
        put_heading(l, "**", line, n, "**\n\n");
    } else if (begins_with(line, n, "## ")) {
        put_heading(l, "#### ", line + 3, n - 3, "\n\n");
    } else if (begins_with(line, n, not_covered)) {
        put_heading(l, "_", line, n, "_\n\n");
    } else if (indent >= 2 && l->list) { // a hard break, then on in the same item
        if (l->out->len && l->out->data[l->out->len - 1] == '\n')
            l->out->len--;
        put_words(l, "\\\n  ", line + indent, n - indent, "\n");
    } else if (line[n - 1] == ':' && !begins_with(line, n, "- ")) {
        put_heading(l, "**", line, n, "**\n\n");
    } else {
        put_item(l, line, n);
    }
    l->first = false;
}

static void put_lines(struct layout *l, const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        const char *eol = memchr(text + at, '\n', n - at);
        size_t m = eol ? (size_t)(eol - text) - at : n - at;
        put_line(l, text + at, m);
        at += m + (eol != NULL);
    }
}

// Where the notes of what was not looked at begin; n: there are none.
static size_t notes_at(const char *text, size_t n) {
    size_t at = 0;
    while (at < n && !begins_with(text + at, n - at, not_covered)) {
        const char *eol = memchr(text + at, '\n', n - at);
        at = eol ? (size_t)(eol - text) + 1 : n;
    }
    return at;
}

int acp_markdown(const char *text, size_t n, const char *root, enum acp_layout layout,
                 struct buf *out) {
    static const char *const languages[] = {"", "text", "json", "mermaid"};
    while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    const char *eol = n ? memchr(text, '\n', n) : NULL;
    struct layout l = {.root = root, .out = out, .first = eol && !begins_with(text, n, "## ")};
    if (!eol) // a sentence
        return acp_markdown_line(text, n, root, out);
    if (layout == ACP_LINES) {
        put_lines(&l, text, n);
        return out->failed ? ERR_NOMEM : 0;
    }
    size_t code = 0, notes = notes_at(text, n);
    if (layout != ACP_VERBATIM && *text != '{' && *text != '[') {
        code = (size_t)(eol - text) + 1; // a line that says what it is
        put_line(&l, text, code - 1);
    }
    l.first = false;
    if (code < notes)
        (void)put_code(out, languages[layout], text + code, notes - code);
    put_lines(&l, text + notes, n - notes);
    return out->failed ? ERR_NOMEM : 0;
}
