// The formats whose nesting gives the keys: JSON and YAML, and those of XML and Fluent.
#include "core/code/catalogue_impl.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <string.h>

static bool skip_to(struct catalogue_reader *r, const char *word) { // behind it
    const char *found = memmem(r->t + r->at, r->n - r->at, word, strlen(word));
    uint32_t to = found ? (uint32_t)(found - r->t) + (uint32_t)strlen(word) : r->n;
    for (; r->at < to; r->at++)
        r->line += r->t[r->at] == '\n';
    return found != NULL;
}

// --- JSON --------------------------------------------------------------------------------------

// At a quote: into r->text.
static int json_string(struct catalogue_reader *r) {
    buf_clear(&r->text);
    r->at++;
    while (r->at < r->n && r->t[r->at] != '"') {
        uint32_t from = r->at;
        if (r->t[r->at] == '\\') {
            int code = catalogue_escape(r);
            if (code < 0)
                return code;
            continue;
        }
        while (r->at < r->n && r->t[r->at] != '"' && r->t[r->at] != '\\') {
            r->line += r->t[r->at] == '\n';
            r->at++;
        }
        if (buf_append(&r->text, r->t + from, r->at - from) < 0)
            return ERR_NOMEM;
    }
    r->at += r->at < r->n;
    return 0;
}

static const char *text_of(const struct catalogue_reader *r) {
    return r->text.data ? r->text.data : "";
}

struct json_level {
    bool list, entered;
};

int catalogue_read_json(struct catalogue_reader *r) {
    struct json_level levels[CATALOGUE_DEPTH_MAX + 1] = {{0}};
    uint32_t depth = 0; // open brackets
    bool value = false; // a key waits for its value: it was entered
    int code = 0;
    while (r->at < r->n && code >= 0) {
        catalogue_blanks(r);
        if (r->at >= r->n)
            break;
        char c = r->t[r->at];
        if (c == '"') {
            uint32_t line = r->line;
            code = json_string(r);
            if (code < 0)
                return code;
            if (value) {
                code =
                    catalogue_add(r, r->key, r->ends[r->depth], text_of(r), r->text.len, line, 0);
                catalogue_leave(r);
                value = false;
            } else if (depth && !levels[depth].list) {
                catalogue_blanks(r);
                if (r->at < r->n && r->t[r->at] == ':' &&
                    !(value = catalogue_enter(r, text_of(r), r->text.len)))
                    return ERR_LIMIT;
            }
            continue;
        }
        r->at++;
        if (c == '{' || c == '[') {
            if (depth == CATALOGUE_DEPTH_MAX)
                return ERR_LIMIT;
            levels[++depth] = (struct json_level){.list = c == '[', .entered = value};
            value = false;
        } else if ((c == '}' || c == ']') && depth) {
            if (value) // a key without a value
                catalogue_leave(r);
            value = false;
            if (levels[depth--].entered)
                catalogue_leave(r);
        } else if (c == ',' && value) { // it was a number, true, null
            catalogue_leave(r);
            value = false;
        } else if (c == '/' && r->at < r->n && r->t[r->at] == '/') {
            (void)skip_to(r, "\n");
        }
    }
    return code;
}

// --- YAML --------------------------------------------------------------------------------------

static uint32_t line_end(const struct catalogue_reader *r, uint32_t at) {
    const char *end = memchr(r->t + at, '\n', r->n - at);
    return end ? (uint32_t)(end - r->t) : r->n;
}

static uint32_t indent_of(const struct catalogue_reader *r, uint32_t at, uint32_t end) {
    uint32_t i = at;
    while (i < end && r->t[i] == ' ')
        i++;
    return i - at;
}

// Of "key: …" in [at, end): where the colon is; UINT32_MAX: none.
static uint32_t yaml_colon(const struct catalogue_reader *r, uint32_t at, uint32_t end) {
    char quote = at < end && (r->t[at] == '"' || r->t[at] == '\'') ? r->t[at++] : 0;
    for (; at < end; at++) {
        if (quote && r->t[at] == quote)
            quote = 0;
        else if (!quote && r->t[at] == '#' && r->t[at - 1] == ' ')
            return UINT32_MAX;
        else if (!quote && r->t[at] == ':' && (at + 1 == end || r->t[at + 1] == ' '))
            return at;
    }
    return UINT32_MAX;
}

// Lines that are deeper than the key belong to it: a block scalar, or a folded text.
static int yaml_block(struct catalogue_reader *r, uint32_t indent) {
    while (r->at < r->n) {
        uint32_t end = line_end(r, r->at), own = indent_of(r, r->at, end);
        if (own <= indent && r->at + own < end)
            break;
        if (r->text.len && buf_putc(&r->text, ' ') < 0)
            return ERR_NOMEM;
        if (buf_append(&r->text, r->t + r->at + own, end - r->at - own) < 0)
            return ERR_NOMEM;
        r->line++;
        r->at = end + (end < r->n);
    }
    return 0;
}

// A text in quotes that may go over lines; r->at behind its line.
static int yaml_quoted(struct catalogue_reader *r, uint32_t at) {
    char quote = r->t[at];
    r->at = at + 1;
    while (r->at < r->n) {
        char c = r->t[r->at];
        if (c == quote) {
            if (quote == '\'' && r->at + 1 < r->n && r->t[r->at + 1] == '\'')
                r->at++;
            else
                break;
        }
        if (c == '\\' && quote == '"') {
            if (catalogue_escape(r) < 0)
                return ERR_NOMEM;
            continue;
        }
        r->line += c == '\n';
        if (buf_putc(&r->text, c == '\n' ? ' ' : c) < 0)
            return ERR_NOMEM;
        r->at++;
    }
    uint32_t end = line_end(r, r->at < r->n ? r->at : r->n);
    r->line++;
    r->at = end + (end < r->n);
    return 0;
}

// The value behind the colon of the line that ends at `end`. *ret_text: there was one.
static int yaml_value(struct catalogue_reader *r, uint32_t colon, uint32_t end, uint32_t indent,
                      bool *ret_text) {
    uint32_t at = colon + 1;
    buf_clear(&r->text);
    while (at < end && r->t[at] == ' ')
        at++;
    *ret_text = at < end && r->t[at] != '#' && r->t[at] != '&' && r->t[at] != '{' &&
                r->t[at] != '[' && r->t[at] != '*';
    if (*ret_text && (r->t[at] == '"' || r->t[at] == '\''))
        return yaml_quoted(r, at);
    r->line++;
    r->at = end + (end < r->n);
    if (!*ret_text)
        return 0;
    if (r->t[at] == '|' || r->t[at] == '>')
        return yaml_block(r, indent);
    while (end > at && isspace((unsigned char)r->t[end - 1]))
        end--;
    if (buf_append(&r->text, r->t + at, end - at) < 0)
        return ERR_NOMEM;
    return yaml_block(r, indent);
}

int catalogue_read_yaml(struct catalogue_reader *r) {
    uint32_t indents[CATALOGUE_DEPTH_MAX + 1] = {0};
    while (r->at < r->n) {
        uint32_t end = line_end(r, r->at), indent = indent_of(r, r->at, end), line = r->line;
        uint32_t at = r->at + indent;
        uint32_t colon = at < end && r->t[at] != '#' && r->t[at] != '-' && r->t[at] != '%'
                             ? yaml_colon(r, at, end)
                             : UINT32_MAX;
        if (colon == UINT32_MAX || colon == at) {
            r->line++;
            r->at = end + (end < r->n);
            continue;
        }
        while (r->depth && indents[r->depth] >= indent)
            catalogue_leave(r);
        uint32_t n = colon - at;
        if (n > 1 && (r->t[at] == '"' || r->t[at] == '\'') && r->t[colon - 1] == r->t[at]) {
            at++;
            n -= 2;
        }
        if (!catalogue_enter(r, r->t + at, n))
            return ERR_LIMIT;
        indents[r->depth] = indent;
        bool text;
        int code = yaml_value(r, colon, end, indent, &text);
        if (code == 0 && text)
            code = catalogue_add(r, r->key, r->ends[r->depth], text_of(r), r->text.len, line, 0);
        if (code < 0)
            return code;
    }
    return 0;
}

// --- Android -----------------------------------------------------------------------------------

static bool attribute(const char *tag, size_t n, const char *name, const char **ret,
                      size_t *ret_n) {
    const char *found = memmem(tag, n, name, strlen(name));
    const char *from = found ? found + strlen(name) : NULL;
    const char *end = from ? memchr(from, '"', (size_t)(tag + n - from)) : NULL;
    if (!end)
        return false;
    *ret = from;
    *ret_n = (size_t)(end - from);
    return true;
}

// Text up to "</"; tags inside are left out.
static int xml_text(struct catalogue_reader *r, const char *close) {
    buf_clear(&r->text);
    while (r->at < r->n) {
        char c = r->t[r->at];
        size_t rest = r->n - r->at, m = strlen(close);
        if (c == '<') {
            if (rest >= m && memcmp(r->t + r->at, close, m) == 0)
                return 0;
            (void)skip_to(r, ">");
            continue;
        }
        if (c == '\\') {
            if (catalogue_escape(r) < 0)
                return ERR_NOMEM;
            continue;
        }
        r->line += c == '\n';
        r->at++;
        if (buf_putc(&r->text, c) < 0)
            return ERR_NOMEM;
    }
    return 0;
}

int catalogue_read_android(struct catalogue_reader *r) {
    while (r->at < r->n && skip_to(r, "<")) {
        const char *tag = r->t + r->at, *name, *quantity;
        size_t rest = r->n - r->at, name_n, quantity_n;
        if (rest >= 3 && memcmp(tag, "!--", 3) == 0) {
            (void)skip_to(r, "-->");
            continue;
        }
        const char *end = memchr(tag, '>', rest);
        size_t n = end ? (size_t)(end - tag) : rest;
        bool string = n > 7 && memcmp(tag, "string ", 7) == 0;
        bool plurals = n > 8 && memcmp(tag, "plurals ", 8) == 0;
        bool item = n > 5 && memcmp(tag, "item ", 5) == 0 && r->depth;
        uint32_t line = r->line;
        if (n > 8 && memcmp(tag, "/plurals", 8) == 0)
            r->depth = 0;
        if (end && (string || plurals) && attribute(tag, n, "name=\"", &name, &name_n)) {
            r->depth = 0;
            if (!catalogue_enter(r, name, name_n))
                continue;
        } else if (!(item && end && attribute(tag, n, "quantity=\"", &quantity, &quantity_n) &&
                     r->depth == 1 && catalogue_enter(r, quantity, quantity_n))) {
            continue;
        }
        if (plurals)
            continue;
        (void)skip_to(r, ">");
        int code = end[-1] == '/' ? 0 : xml_text(r, string ? "</string" : "</item");
        bool fixed = memmem(tag, n, "translatable=\"false\"", 20) != NULL;
        if (code == 0 && end[-1] != '/')
            code = catalogue_add(r, r->key, r->ends[r->depth], text_of(r), r->text.len, line,
                                 (item ? CATALOGUE_PLURAL : 0) | (fixed ? CATALOGUE_FIXED : 0));
        catalogue_leave(r);
        if (code < 0)
            return code;
    }
    return 0;
}

// --- Fluent ------------------------------------------------------------------------------------

int catalogue_read_ftl(struct catalogue_reader *r) {
    while (r->at < r->n) {
        uint32_t end = line_end(r, r->at), at = r->at, line = r->line, name = at;
        while (at < end && (isalnum((unsigned char)r->t[at]) || r->t[at] == '-' || r->t[at] == '_'))
            at++;
        uint32_t name_end = at;
        while (at < end && r->t[at] == ' ')
            at++;
        r->line++;
        r->at = end + (end < r->n);
        if (name_end == name || at == end || r->t[at] != '=')
            continue;
        at++;
        while (at < end && r->t[at] == ' ')
            at++;
        buf_clear(&r->text);
        if (buf_append(&r->text, r->t + at, end - at) < 0)
            return ERR_NOMEM;
        while (r->at < r->n) { // lines that go on; attributes are messages of their own
            uint32_t next = line_end(r, r->at), own = indent_of(r, r->at, next);
            if (own == 0 || r->at + own == next || r->t[r->at + own] == '.')
                break;
            if (buf_putc(&r->text, ' ') < 0 ||
                buf_append(&r->text, r->t + r->at + own, next - r->at - own) < 0)
                return ERR_NOMEM;
            r->line++;
            r->at = next + (next < r->n);
        }
        int code = catalogue_add(r, r->t + name, name_end - name, text_of(r), r->text.len, line, 0);
        if (code < 0)
            return code;
    }
    return 0;
}
