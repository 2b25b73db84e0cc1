#include "core/code/markup.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void markup_done(struct markup *m) {
    mem_free(m->elements);
    mem_free(m->attributes);
    *m = (struct markup){0};
}

bool markup_is(const struct markup *m, uint32_t element, const char *name) {
    const struct markup_element *e = &m->elements[element];
    return strlen(name) == e->name_bytes &&
           strncasecmp(m->text + e->name, name, e->name_bytes) == 0;
}

const struct markup_attribute *markup_attribute(const struct markup *m, uint32_t element,
                                                const char *name) {
    const struct markup_element *e = &m->elements[element];
    size_t n = strlen(name);
    for (uint32_t i = 0; i < e->attribute_count; i++) {
        const struct markup_attribute *a = &m->attributes[e->first_attribute + i];
        const char *own = m->text + a->name;
        uint32_t bytes = a->name_bytes;
        // :alt and v-bind:alt of Vue, [alt] of Angular are the same attribute, bound
        if (bytes > 7 && strncasecmp(own, "v-bind:", 7) == 0) {
            own += 7;
            bytes -= 7;
        } else if (bytes > 1 && *own == ':') {
            own++;
            bytes--;
        } else if (bytes > 2 && *own == '[' && own[bytes - 1] == ']') {
            own++;
            bytes -= 2;
            if (bytes > 5 && strncasecmp(own, "attr.", 5) == 0) {
                own += 5;
                bytes -= 5;
            }
        } else if (bytes > 7 && strncasecmp(own, "x-bind:", 7) == 0) { // Alpine
            own += 7;
            bytes -= 7;
        }
        if (bytes == n && strncasecmp(own, name, n) == 0)
            return a;
    }
    return NULL;
}

bool markup_value_is(const struct markup *m, const struct markup_attribute *a, const char *value) {
    size_t n = strlen(value);
    return a && !a->dynamic && a->value_bytes == n &&
           strncasecmp(m->text + a->value, value, n) == 0;
}

// --- building ----------------------------------------------------------------------------------

static int add_element(struct markup *m, struct markup_element e) {
    void *list = m->elements;
    int r = mem_grow(&list, m->count, &m->capacity, sizeof *m->elements, MARKUP_ELEMENTS_MAX);
    m->cut |= r == ERR_LIMIT;
    m->elements = list;
    if (r == 0)
        m->elements[m->count++] = e;
    return r;
}

static int add_attribute(struct markup *m, struct markup_attribute a) {
    void *list = m->attributes;
    int r = mem_grow(&list, m->attribute_count, &m->attribute_capacity, sizeof *m->attributes,
                     MARKUP_ATTRIBUTES_MAX);
    m->cut |= r == ERR_LIMIT;
    m->attributes = list;
    if (r == 0)
        m->attributes[m->attribute_count++] = a;
    return r;
}

static void mark_up(struct markup *m, uint32_t element, uint32_t flags) {
    while (element != UINT32_MAX && (m->elements[element].flags & flags) != flags) {
        m->elements[element].flags |= flags;
        element = m->elements[element].parent;
    }
}

static bool html_name(const char *name, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]))
            return false;
    return n > 0;
}

// What names its parents: an image with a text, anything with a label of its own.
static void mark_label(struct markup *m, uint32_t element) {
    static const char *const names[] = {"alt", "aria-label", "aria-labelledby", "title"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct markup_attribute *a = markup_attribute(m, element, names[i]);
        if (a && (a->dynamic || a->value_bytes)) {
            mark_up(m, element, MARKUP_LABELLED);
            return;
        }
    }
}

// --- HTML --------------------------------------------------------------------------------------

struct reader {
    struct markup *m;
    uint32_t at, line;
    uint32_t stack[MARKUP_DEPTH_MAX];
    uint32_t depth;
};

static char peek(const struct reader *r, uint32_t ahead) {
    return r->at + ahead < r->m->bytes ? r->m->text[r->at + ahead] : '\0';
}

static void step(struct reader *r, uint32_t n) {
    for (; n && r->at < r->m->bytes; n--)
        r->line += r->m->text[r->at++] == '\n';
}

static bool at_word(const struct reader *r, const char *word) {
    size_t n = strlen(word);
    return r->at + n <= r->m->bytes && strncasecmp(r->m->text + r->at, word, n) == 0;
}

static void skip_behind(struct reader *r, const char *end) {
    while (r->at < r->m->bytes && !at_word(r, end))
        step(r, 1);
    step(r, (uint32_t)strlen(end));
}

static uint32_t top(const struct reader *r) {
    return r->depth ? r->stack[r->depth - 1] : UINT32_MAX;
}

// Code of a template: its end, or NULL when none begins here.
static const char *template_end(const struct reader *r) {
    return at_word(r, "{{")   ? "}}"
           : at_word(r, "<%") ? "%>"
           : at_word(r, "{%") ? "%}"
           : at_word(r, "<?") ? "?>"
                              : NULL;
}

static bool is_void(const struct reader *r, uint32_t e) {
    static const char *const names[] = {"area",  "base", "br",   "col",   "embed",  "hr",    "img",
                                        "input", "link", "meta", "param", "source", "track", "wbr"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (markup_is(r->m, e, names[i]))
            return true;
    return false;
}

static bool name_char(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == ':' || c == '.' || c == '@' ||
           c == '#' || c == '[' || c == ']' || c == '(' || c == ')' || c == '*' || c == '$';
}

static void read_value(struct reader *r, struct markup_attribute *a) {
    char quote = peek(r, 0);
    bool quoted = quote == '"' || quote == '\'';
    if (quoted)
        step(r, 1);
    a->value = r->at;
    a->has_value = true;
    uint32_t braces = 0;
    while (r->at < r->m->bytes) {
        char c = peek(r, 0);
        if (template_end(r) || (!quoted && c == '{')) // Svelte: {expression}
            a->dynamic = true;
        if (quoted ? c == quote : (braces == 0 && (isspace((unsigned char)c) || c == '>')))
            break;
        if (!quoted && c == '{')
            braces++;
        if (!quoted && c == '}' && braces)
            braces--;
        const char *end = template_end(r);
        if (end)
            skip_behind(r, end);
        else
            step(r, 1);
    }
    a->value_bytes = r->at - a->value;
    if (quoted)
        step(r, 1);
}

static int read_attribute(struct reader *r, uint32_t element) {
    struct markup *m = r->m;
    struct markup_attribute a = {.name = r->at};
    while (name_char(peek(r, 0)))
        step(r, 1);
    a.name_bytes = r->at - a.name;
    if (a.name_bytes == 0) {
        const char *end = template_end(r);
        m->elements[element].flags |= MARKUP_SPREAD;
        if (end)
            skip_behind(r, end);
        else
            step(r, 1);
        return 0;
    }
    char first = m->text[a.name];
    a.dynamic = first == ':' || first == '[' ||
                (a.name_bytes > 7 && (strncasecmp(m->text + a.name, "v-bind:", 7) == 0 ||
                                      strncasecmp(m->text + a.name, "x-bind:", 7) == 0));
    if (a.name_bytes == 6 && strncasecmp(m->text + a.name, "v-bind", 6) == 0)
        m->elements[element].flags |= MARKUP_SPREAD;
    while (isspace((unsigned char)peek(r, 0)))
        step(r, 1);
    if (peek(r, 0) == '=') {
        step(r, 1);
        while (isspace((unsigned char)peek(r, 0)))
            step(r, 1);
        read_value(r, &a);
    }
    int code = add_attribute(m, a);
    if (code == 0)
        m->elements[element].attribute_count++;
    return code;
}

static void skip_raw(struct reader *r, const char *name) {
    char end[16] = "</";
    for (size_t i = 0; name[i] && i + 3 < sizeof end; i++)
        end[i + 2] = name[i];
    while (r->at < r->m->bytes && !at_word(r, end))
        step(r, 1);
}

static int read_tag(struct reader *r) {
    struct markup *m = r->m;
    struct markup_element e = {
        .start = r->at, .line = r->line, .parent = top(r), .first_attribute = m->attribute_count};
    step(r, 1);
    e.name = r->at;
    while (name_char(peek(r, 0)))
        step(r, 1);
    e.name_bytes = r->at - e.name;
    if (!html_name(m->text + e.name, e.name_bytes))
        e.flags |= MARKUP_COMPONENT;
    uint32_t element = m->count;
    int code = add_element(m, e);
    bool closed = false; // the slash of href=/docs/> belongs to the value
    while (code == 0 && r->at < m->bytes && peek(r, 0) != '>') {
        closed = peek(r, 0) == '/' && peek(r, 1) == '>';
        if (isspace((unsigned char)peek(r, 0)) || peek(r, 0) == '/')
            step(r, 1);
        else
            code = read_attribute(r, element);
    }
    if (code < 0)
        return code;
    step(r, 1);
    m->elements[element].end = r->at;
    mark_label(m, element);
    if ((m->elements[element].flags & MARKUP_COMPONENT) || markup_is(m, element, "slot"))
        mark_up(m, m->elements[element].parent, MARKUP_DYNAMIC); // a slot is filled elsewhere
    if (markup_is(m, element, "script"))
        skip_raw(r, "script");
    else if (markup_is(m, element, "style"))
        skip_raw(r, "style");
    else if (markup_is(m, element, "textarea") && !closed)
        skip_raw(r, "textarea");
    if (!closed && !is_void(r, element) && r->depth < MARKUP_DEPTH_MAX)
        r->stack[r->depth++] = element;
    return 0;
}

static void read_end_tag(struct reader *r) {
    step(r, 2);
    uint32_t name = r->at;
    while (name_char(peek(r, 0)))
        step(r, 1);
    uint32_t n = r->at - name;
    for (uint32_t d = r->depth; d-- > 0;) { // what was not closed ends with it
        const struct markup_element *e = &r->m->elements[r->stack[d]];
        if (e->name_bytes == n && strncasecmp(r->m->text + e->name, r->m->text + name, n) == 0) {
            r->depth = d;
            break;
        }
    }
    while (r->at < r->m->bytes && peek(r, 0) != '>')
        step(r, 1);
    step(r, 1);
}

static int read_text(struct reader *r) {
    const char *end = template_end(r);
    if (end || peek(r, 0) == '{') { // {expression} of Svelte
        mark_up(r->m, top(r), MARKUP_DYNAMIC);
        if (end)
            skip_behind(r, end);
        else
            step(r, 1);
        return 0;
    }
    if (!isspace((unsigned char)peek(r, 0))) // "+" is read out, too
        mark_up(r->m, top(r), MARKUP_TEXT);
    step(r, 1);
    return 0;
}

int markup_read(const char *text, size_t bytes, struct markup *ret, struct err *err) {
    *ret =
        (struct markup){.text = text, .bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX};
    struct reader *r = mem_zalloc(sizeof *r);
    int code = r ? 0 : ERR_NOMEM;
    if (r) {
        r->m = ret;
        r->line = 1;
    }
    while (code == 0 && r->at < ret->bytes) {
        if (at_word(r, "<!--"))
            skip_behind(r, "-->");
        else if (at_word(r, "{#") && isspace((unsigned char)peek(r, 2)))
            skip_behind(r, "#}"); // a comment of Jinja; {#if of Svelte has no blank
        else if (peek(r, 0) == '<' && peek(r, 1) == '/')
            read_end_tag(r);
        else if (peek(r, 0) == '<' && isalpha((unsigned char)peek(r, 1)))
            code = read_tag(r);
        else if (at_word(r, "<!"))
            skip_behind(r, ">");
        else
            code = read_text(r);
    }
    mem_free(r);
    if (code == ERR_LIMIT)
        code = 0; // ret->cut says it
    if (code < 0) {
        markup_done(ret);
        return err_set(err, code, "out of memory");
    }
    return 0;
}

// --- JSX ---------------------------------------------------------------------------------------

static int jsx_attribute(const struct syntax *s, uint32_t node, struct markup *m,
                         uint32_t element) {
    uint32_t name = syntax_first_named(s, node), value = name ? syntax_next_named(s, name) : 0;
    if (!name)
        return 0;
    struct markup_attribute a = {.name = s->nodes[name].start,
                                 .name_bytes = s->nodes[name].end - s->nodes[name].start};
    if (value) {
        const struct node *v = &s->nodes[value];
        a.has_value = true;
        a.dynamic = v->role != ROLE_STRING;
        a.value = v->start + (a.dynamic ? 0 : 1);
        a.value_bytes = v->end - v->start - (a.dynamic ? 0 : 2);
        uint32_t inner = a.dynamic ? syntax_first_named(s, value) : 0; // {"text"}, {-1}
        if (inner && s->nodes[inner].role == ROLE_STRING && !syntax_next_named(s, inner)) {
            a.dynamic = false;
            a.value = s->nodes[inner].start + 1;
            a.value_bytes = s->nodes[inner].end - s->nodes[inner].start - 2;
        } else if (inner &&
                   (s->nodes[inner].role == ROLE_NUMBER || s->nodes[inner].role == ROLE_UNARY)) {
            a.dynamic = false;
            a.value = s->nodes[inner].start;
            a.value_bytes = s->nodes[inner].end - s->nodes[inner].start;
        }
    }
    int r = add_attribute(m, a);
    if (r == 0)
        m->elements[element].attribute_count++;
    return r;
}

static int jsx_element(const struct syntax *s, uint32_t node, uint32_t parent, struct markup *m) {
    uint32_t name = syntax_child(s, node, FIELD_ROLE_NAME), element = m->count;
    struct markup_element e = {.start = s->nodes[node].start,
                               .end = s->nodes[node].end,
                               .line = s->nodes[node].line,
                               .parent = parent,
                               .first_attribute = m->attribute_count};
    if (name) {
        e.name = s->nodes[name].start;
        e.name_bytes = s->nodes[name].end - s->nodes[name].start;
        if (!html_name(s->text + e.name, e.name_bytes))
            e.flags |= MARKUP_COMPONENT;
    }
    int r = add_element(m, e);
    for (uint32_t c = syntax_first(s, node); r == 0 && c; c = syntax_sibling(s, c)) {
        if (syntax_type_is(s, c, "jsx_attribute"))
            r = jsx_attribute(s, c, m, element);
        else if (syntax_type_is(s, c, "jsx_expression")) // {...props}
            m->elements[element].flags |= MARKUP_SPREAD;
    }
    if (r == 0) {
        mark_label(m, element);
        if (e.flags & MARKUP_COMPONENT)
            mark_up(m, parent, MARKUP_DYNAMIC);
    }
    return r;
}

static bool has_words(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isspace((unsigned char)s[i]))
            return true;
    return false;
}

// The element whose opening tag the nearest jsx_element around `i` has; `of` maps nodes to them.
static uint32_t jsx_parent(const struct syntax *s, uint32_t i, const uint32_t *of) {
    while (i) {
        i = s->nodes[i].parent;
        if (of[i] != UINT32_MAX)
            return of[i];
    }
    return UINT32_MAX;
}

int markup_of_tree(const struct syntax *s, struct markup *ret, struct err *err) {
    uint32_t *of = mem_alloc((s->count + 1) * sizeof *of);
    int r = of ? 0 : ERR_NOMEM;
    *ret = (struct markup){.text = s->text, .bytes = s->bytes};
    for (uint32_t i = 0; of && i < s->count; i++)
        of[i] = UINT32_MAX;
    for (uint32_t i = 0; r == 0 && i < s->count; i++) {
        if (s->nodes[i].role != ROLE_NONE)
            continue;
        const char *type = syntax_type(s, i);
        if (strncmp(type, "jsx_", 4) != 0)
            continue;
        const struct node *n = &s->nodes[i];
        if (strcmp(type, "jsx_opening_element") == 0) {
            uint32_t whole = n->parent, parent = jsx_parent(s, whole, of);
            of[whole] = ret->count;
            r = jsx_element(s, i, parent, ret);
        } else if (strcmp(type, "jsx_self_closing_element") == 0)
            r = jsx_element(s, i, jsx_parent(s, i, of), ret);
        else if (strcmp(type, "jsx_text") == 0 && has_words(s->text + n->start, n->end - n->start))
            mark_up(ret, jsx_parent(s, i, of), MARKUP_TEXT);
        else if (strcmp(type, "jsx_expression") == 0 &&
                 strcmp(syntax_type(s, n->parent), "jsx_element") == 0)
            mark_up(ret, jsx_parent(s, i, of), MARKUP_DYNAMIC);
    }
    mem_free(of);
    if (r == ERR_LIMIT)
        r = 0;
    if (r < 0) {
        markup_done(ret);
        return err_set(err, r, "out of memory");
    }
    return 0;
}
