// The one layout of a pattern's text. Spaces and line breaks follow from the tree, not from how
// somebody wrote it: layout would tell about its author. Ruby and shells, whose meaning hangs on
// spaces, keep where there was one.
#include "core/code/pattern.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

struct printer {
    struct buf *out;
    const struct syntax *s;
    const struct form *f;
    const uint8_t *holes;
    bool cut;
    struct pattern_names *names;
    uint32_t form;     // next form node to meet
    uint32_t root;     // syntax node of the statement that is printed
    uint32_t base;     // depth of its form node
    uint32_t last;     // syntax node of the last token; UINT32_MAX before the first
    uint32_t last_end; // where it ended in the source
    bool break_line;   // before the next token
    bool glued;        // the last token wants no space behind it
};

static enum role role_of(const struct syntax *s, uint32_t i) {
    return (enum role)s->nodes[i].role;
}

static bool is_type(const struct syntax *s, uint32_t i, const char *part) {
    return strstr(syntax_type(s, i), part) != NULL;
}

static bool keeps_spaces(const struct syntax *s) {
    return s->lang == LANG_RUBY || s->lang == LANG_BASH;
}

static bool is_wrapper(const struct syntax *s, uint32_t i) {
    return role_of(s, i) == ROLE_EXPRESSION_STATEMENT || syntax_type_is(s, i, "statement_list");
}

static bool is_block(const struct syntax *s, uint32_t i) {
    return role_of(s, i) == ROLE_BLOCK || syntax_type_is(s, i, "statement_list");
}

// The statement that this node is, when it is one: the node below its wrapper.
static bool begins_statement(const struct printer *p, uint32_t i) {
    const struct syntax *s = p->s;
    if (!syntax_named(s, i) || i == p->root)
        return false;
    enum role role = role_of(s, i);
    if (role == ROLE_CASE || role == ROLE_DEFAULT)
        return true;
    if (s->lang == LANG_PYTHON &&
        (role == ROLE_ELIF || role == ROLE_ELSE || role == ROLE_CATCH || role == ROLE_FINALLY))
        return true;
    return is_block(s, s->nodes[i].parent) && !syntax_type_is(s, i, "statement_list");
}

static bool closes_block(const struct syntax *s, uint32_t i) {
    uint32_t parent = s->nodes[i].parent;
    if (s->text[s->nodes[i].start] != '}' || syntax_named(s, i) ||
        s->nodes[i].next != s->nodes[parent].next)
        return false;
    for (uint32_t c = syntax_first(s, parent); c; c = syntax_sibling(s, c))
        if (syntax_named(s, c) && role_of(s, c) != ROLE_COMMENT &&
            (is_block(s, parent) || role_of(s, c) == ROLE_CASE || role_of(s, c) == ROLE_DEFAULT))
            return true;
    return false;
}

static unsigned indent_of(const struct printer *p, uint32_t i) {
    unsigned depth = 0;
    for (uint32_t k = i; k != p->root && k; k = p->s->nodes[k].parent) {
        uint32_t parent = p->s->nodes[k].parent;
        enum role role = role_of(p->s, parent);
        depth += role == ROLE_BLOCK ||
                 ((role == ROLE_CASE || role == ROLE_DEFAULT) && parent != p->root);
    }
    return depth;
}

static void new_line(struct printer *p, unsigned depth) {
    (void)buf_putc(p->out, '\n');
    for (unsigned k = 0; k < depth * 4; k++)
        (void)buf_putc(p->out, ' ');
}

static bool is_prefix_operator(const struct syntax *s, uint32_t i, char c) {
    uint32_t parent = s->nodes[i].parent;
    bool first = parent + 1 == i;
    if (!memchr("!~-+*&@^", c, 8))
        return false;
    enum role role = role_of(s, parent);
    return first && (role == ROLE_UNARY || role == ROLE_UPDATE || is_type(s, parent, "pointer") ||
                     is_type(s, parent, "reference") || is_type(s, parent, "splat") ||
                     is_type(s, parent, "deref"));
}

// `sizeof(x)`, whose brackets the grammar sees around the operand.
static bool is_sizeof(const struct syntax *s, uint32_t i) {
    return role_of(s, i) == ROLE_PARENTHESES && is_type(s, s->nodes[i].parent, "sizeof");
}

// Does a token want no space before it, or behind it?
static bool glue_before(const struct syntax *s, uint32_t i, const char *text, size_t n) {
    uint32_t parent = s->nodes[i].parent;
    enum role role = role_of(s, parent);
    bool named = syntax_named(s, i);
    if (named)
        return false;
    if (n == 1 && memchr(",;)]", text[0], 4))
        return true;
    if (n == 1 && text[0] == ':')
        return role != ROLE_TERNARY && !is_type(s, parent, "range");
    if (n == 1 && text[0] == '(')
        return role == ROLE_ARGUMENTS || role == ROLE_PARAMETERS || is_sizeof(s, parent) ||
               is_type(s, parent, "tuple_struct");
    if (n == 1 && text[0] == '[')
        return role == ROLE_INDEX || is_type(s, parent, "array_declarator") ||
               is_type(s, parent, "map_type") || is_type(s, parent, "slice_expression") ||
               is_type(s, parent, "type_arguments") || is_type(s, parent, "type_parameter");
    if (n == 1 && text[0] == '.')
        return true;
    if (n == 2 &&
        (memcmp(text, "->", 2) == 0 || memcmp(text, "::", 2) == 0 || memcmp(text, "?.", 2) == 0))
        return role == ROLE_MEMBER || text[0] != '-';
    if (n == 1 && memchr("<>", text[0], 2))
        return is_type(s, parent, "type_arg") || is_type(s, parent, "template") ||
               is_type(s, parent, "type_param");
    if (n == 2 && (memcmp(text, "++", 2) == 0 || memcmp(text, "--", 2) == 0))
        return parent + 1 != i;
    if (n == 1 && text[0] == '?')
        return is_type(s, parent, "try_expression");
    if (n == 1 && text[0] == '!')
        return is_type(s, parent, "macro") || is_type(s, parent, "non_null");
    if (n == 1 && text[0] == '=')
        return is_type(s, parent, "keyword_argument") || is_type(s, parent, "default_parameter");
    return false;
}

static bool glue_behind(const struct syntax *s, uint32_t i, const char *text, size_t n) {
    uint32_t parent = s->nodes[i].parent;
    if (syntax_named(s, i))
        return false;
    if (n == 1 && memchr("([.@", text[0], 4))
        return true;
    if (n == 1 && text[0] == ']')
        return is_type(s, parent, "slice_type") || is_type(s, parent, "array_type") ||
               is_type(s, parent, "map_type");
    if (n == 3 && memcmp(text, "...", 3) == 0)
        return true;
    if (is_prefix_operator(s, i, text[0]))
        return true;
    if (n == 1 && text[0] == '<')
        return glue_before(s, i, text, n);
    if (n == 2 &&
        (memcmp(text, "->", 2) == 0 || memcmp(text, "::", 2) == 0 || memcmp(text, "?.", 2) == 0))
        return glue_before(s, i, text, n);
    if (n == 1 && (text[0] == '=' || text[0] == '!'))
        return glue_before(s, i, text, n);
    return false;
}

static void put_separator(struct printer *p, uint32_t i, const char *text, size_t n) {
    const struct syntax *s = p->s;
    const struct node *node = &s->nodes[i];
    if (p->last == UINT32_MAX)
        return;
    if (keeps_spaces(s)) {
        const char *gap = s->text + p->last_end;
        size_t bytes = node->start > p->last_end ? node->start - p->last_end : 0;
        if (memchr(gap, '\n', bytes) || p->break_line)
            new_line(p, indent_of(p, i));
        else if (bytes)
            (void)buf_putc(p->out, ' ');
        return;
    }
    if (closes_block(s, i)) {
        unsigned depth = indent_of(p, i);
        new_line(p, depth ? depth - (role_of(s, node->parent) == ROLE_BLOCK) : 0);
    } else if (p->break_line) {
        new_line(p, indent_of(p, i));
    } else if (!p->glued && !glue_before(s, i, text, n)) {
        (void)buf_putc(p->out, ' ');
    }
}

static void put_token(struct printer *p, uint32_t i, const char *text, size_t n) {
    const struct node *node = &p->s->nodes[i];
    size_t source = node->end - node->start;
    const char *token = p->s->text + node->start;
    put_separator(p, i, token, source);
    (void)buf_append(p->out, text, n);
    p->glued = glue_behind(p->s, i, token, source);
    p->break_line = false;
    p->last = i;
    p->last_end = node->end;
}

static uint32_t number_of(struct pattern_names *names, uint32_t name) {
    for (uint32_t k = 0; k < names->count; k++)
        if (names->name[k] == name)
            return k;
    if (names->count == COUNT_OF(names->name)) {
        names->full = true; // far over what a pattern may have
        return 0;
    }
    names->name[names->count] = name;
    return names->count++;
}

static void put_name(struct printer *p, uint32_t i, uint32_t name) {
    static const char letters[] = "ABDEFGHIJKLMOPQRTUVWXYZ";
    uint32_t number = number_of(p->names, name), n = sizeof letters - 1;
    char text[16] = {'$', letters[number % n]};
    size_t bytes = 2;
    if (number >= n)
        bytes += (size_t)snprintf(text + 2, sizeof text - 2, "%u", (unsigned)(number / n));
    put_token(p, i, text, bytes);
}

static void put_literal(struct printer *p, uint32_t i, const struct form_node *n) {
    static const char *const texts[] = {
        [FORM_STRING] = "$S",         [FORM_NUMBER] = "$N", [FORM_CHARACTER] = "$C",
        [FORM_EMPTY_STRING] = "\"\"", [FORM_ZERO] = "0",    [FORM_ONE] = "1",
        [FORM_MINUS_ONE] = "-1"};
    char text[16];
    const char *fixed = texts[n->code];
    if (fixed[0] == '$' && p->names->literals) {
        int bytes =
            snprintf(text, sizeof text, "%s%u", fixed, (unsigned)number_of(p->names, n->name));
        put_token(p, i, text, (size_t)bytes);
        return;
    }
    put_token(p, i, fixed, strlen(fixed));
}

// A list whose content is cut: its brackets with a hole between them.
static void put_list(struct printer *p, uint32_t i) {
    const struct syntax *s = p->s;
    uint32_t first = syntax_first(s, i), last = 0, inner = 0;
    bool block = role_of(s, i) == ROLE_BLOCK, closing;
    for (uint32_t c = first; c; c = syntax_sibling(s, c)) {
        if (syntax_named(s, c) && !inner)
            inner = c;
        last = c;
    }
    bool bracket = first && !syntax_named(s, first);
    if (bracket)
        put_token(p, first, s->text + s->nodes[first].start,
                  s->nodes[first].end - s->nodes[first].start);
    closing = bracket && last != first && !syntax_named(s, last);
    if (block)
        p->break_line = true;
    const char *semicolon = s->lang == LANG_C || s->lang == LANG_CPP || s->lang == LANG_JAVA ||
                                    s->lang == LANG_RUST || s->lang == LANG_JAVASCRIPT ||
                                    s->lang == LANG_TYPESCRIPT || s->lang == LANG_TSX
                                ? "$...;"
                                : "$...";
    if (!block)
        semicolon = "$...";
    // Separated as what stands there would be, but for an empty list, which has nothing.
    put_token(p, inner ? inner : i, semicolon, strlen(semicolon));
    if (closing) {
        if (block && !inner)
            p->break_line = true;
        put_token(p, last, s->text + s->nodes[last].start,
                  s->nodes[last].end - s->nodes[last].start);
    }
    p->last_end = s->nodes[i].end;
}

enum cut { CUT_NOT, CUT_WHOLE, CUT_LIST };

static enum cut cut_of(const struct printer *p, uint32_t k) {
    const struct form_node *n = &p->f->nodes[k];
    if (p->holes && p->holes[k])
        return n->flags & FORM_LIST ? CUT_LIST : CUT_WHOLE;
    uint32_t depth = n->depth - p->base;
    if (!p->cut || n->kind != FORM_INNER)
        return CUT_NOT;
    if (depth >= FORM_DEPTH_CUT && n->flags & FORM_EXPRESSION)
        return CUT_WHOLE;
    return depth >= FORM_DEPTH_CUT - 1 && n->flags & FORM_LIST ? CUT_LIST : CUT_NOT;
}

// A node that has a place in the form. *ret: the node to go on with.
static void put_form_node(struct printer *p, uint32_t i, uint32_t k, uint32_t *ret) {
    const struct form_node *n = &p->f->nodes[k];
    const struct node *node = &p->s->nodes[i];
    enum cut cut = cut_of(p, k);
    *ret = node->next;
    if (cut == CUT_WHOLE)
        put_token(p, i, "$...", 4);
    else if (cut == CUT_LIST)
        put_list(p, i);
    else if (n->kind == FORM_INNER)
        *ret = i + 1;
    else if (n->kind == FORM_NAME)
        put_name(p, i, n->name);
    else if (n->kind == FORM_LITERAL)
        put_literal(p, i, n);
    else if (n->kind == FORM_HOLE)
        put_token(p, i, "$...", 4);
    else if (syntax_named(p->s, i))
        put_token(p, i, p->s->text + node->start, node->end - node->start);
    else
        put_token(p, i, syntax_type(p->s, i), strlen(syntax_type(p->s, i)));
}

static int print_statement(struct printer *p, uint32_t root) {
    const struct syntax *s = p->s;
    uint32_t end = s->nodes[root].next;
    p->root = root;
    for (uint32_t i = root, next; i < end; i = next) {
        next = s->nodes[i].next;
        if (s->nodes[i].role == ROLE_COMMENT)
            continue;
        if (begins_statement(p, i))
            p->break_line = true;
        while (p->form < p->f->count && p->f->nodes[p->form].node < i)
            p->form++;
        if (p->form < p->f->count && p->f->nodes[p->form].node == i)
            put_form_node(p, i, p->form, &next);
        else if (next == i + 1 && !syntax_named(s, i)) // brackets and separators
            put_token(p, i, syntax_type(s, i), strlen(syntax_type(s, i)));
        else if (next > i + 1 && is_wrapper(s, i))
            next = i + 1;
        else if (s->nodes[i].end > s->nodes[i].start)
            return ERR_UNSUPPORTED; // text that the form does not know
    }
    return 0;
}

int pattern_print(struct buf *out, const struct syntax *s, const struct form *f, uint32_t from,
                  uint32_t statements, const uint8_t *holes, bool cut,
                  struct pattern_names *names) {
    struct printer p = {.out = out,
                        .s = s,
                        .f = f,
                        .holes = holes,
                        .cut = cut,
                        .names = names,
                        .form = from,
                        .last = UINT32_MAX};
    uint32_t k = from;
    for (uint32_t n = 0; n < statements; n++, k = f->nodes[k].next) {
        uint32_t root = f->nodes[k].node;
        p.base = f->nodes[k].depth;
        // A lone expression has no semicolon, one among statements does.
        while (statements > 1 && root &&
               role_of(s, s->nodes[root].parent) == ROLE_EXPRESSION_STATEMENT)
            root = s->nodes[root].parent;
        p.form = k;
        if (n) {
            new_line(&p, 0);
            p.last = UINT32_MAX;
        }
        int r = print_statement(&p, root);
        if (r < 0)
            return r;
    }
    if (names->full)
        return ERR_UNSUPPORTED;
    return out->failed ? (out->len >= out->max ? ERR_LIMIT : ERR_NOMEM) : 0;
}
