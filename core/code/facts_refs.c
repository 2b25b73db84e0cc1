// What leaves mean: definitions and nodes above have marked those that are more than a use.
#include "core/code/facts_tree.h"

#include <string.h>

void walk_mark(struct walk *w, uint32_t i, enum mark mark) {
    if (i && w->mark[i] == MARK_NONE)
        w->mark[i] = (uint8_t)mark;
}

static bool is_name(uint8_t role) {
    return role == ROLE_IDENTIFIER || role == ROLE_FIELD_IDENTIFIER || role == ROLE_TYPE_IDENTIFIER;
}

void walk_mark_pattern(struct walk *w, uint32_t i, enum mark mark) {
    const struct node *nodes = w->s->nodes;
    uint32_t end = nodes[i].next, seen = 0;
    for (uint32_t k = i; k < end && seen < PATTERN_NODES_MAX; seen++) {
        uint8_t field = nodes[k].field;
        bool other = k != i && (field == FIELD_ROLE_RIGHT || field == FIELD_ROLE_VALUE ||
                                field == FIELD_ROLE_TYPE || field == FIELD_ROLE_KEY);
        if (other &&
            !(field == FIELD_ROLE_VALUE && walk_type(w, nodes[k].parent) == NODE_pair_pattern)) {
            k = nodes[k].next;
            continue;
        }
        if (nodes[k].role == ROLE_MEMBER || nodes[k].role == ROLE_INDEX ||
            nodes[k].role == ROLE_CALL) {
            uint32_t leaf = walk_leaf(w, k); // a.b, x[i] = …: written, not declared
            if (leaf)
                walk_mark(w, leaf, mark == MARK_LOCAL ? MARK_WRITE : mark);
            k = nodes[k].next;
            continue;
        }
        if (nodes[k].next == k + 1 && nodes[k].role == ROLE_IDENTIFIER)
            walk_mark(w, k, mark);
        k++;
    }
}

uint32_t walk_leaf(const struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    for (int step = 0; step < 64 && i; step++) {
        const struct node *n = &s->nodes[i];
        if (n->next == i + 1)
            return is_name(n->role) ? i : 0;
        uint32_t to = 0;
        switch (n->role) {
        case ROLE_MEMBER:
            to = syntax_child(s, i, FIELD_ROLE_PROPERTY);
            if (!to)
                to = syntax_child(s, i, FIELD_ROLE_NAME);
            for (uint32_t c = to ? 0 : syntax_first_named(s, i); c; c = syntax_next_named(s, c))
                to = c;
            break;
        case ROLE_INDEX:
            to = syntax_first_named(s, i);
            break;
        default:
            to = syntax_child(s, i, FIELD_ROLE_NAME);
            if (!to)
                to = syntax_child(s, i, FIELD_ROLE_OBJECT);
            if (!to)
                to = syntax_child(s, i, FIELD_ROLE_TYPE);
            if (!to &&
                (n->role == ROLE_PARENTHESES || n->role == ROLE_UNARY || n->role == ROLE_NONE))
                to = syntax_first_named(s, i);
        }
        i = to;
    }
    return 0;
}

static void mark_callee(struct walk *w, uint32_t i) {
    uint32_t callee = syntax_child(w->s, i, FIELD_ROLE_FUNCTION);
    if (!callee)
        callee = syntax_child(w->s, i, FIELD_ROLE_NAME);
    if (!callee && w->s->nodes[i].role == ROLE_NEW)
        callee = syntax_child(w->s, i, FIELD_ROLE_TYPE);
    if (callee && w->s->nodes[callee].role != ROLE_LAMBDA && w->s->nodes[callee].role != ROLE_CALL)
        walk_mark(w, walk_leaf(w, callee), MARK_CALL);
}

// <Name …> uses a component, <div> is HTML's.
static void mark_component(struct walk *w, uint32_t i) {
    uint32_t name = syntax_child(w->s, i, FIELD_ROLE_NAME);
    uint32_t leaf = name ? walk_leaf(w, name) : 0;
    char c = leaf ? w->s->text[w->s->nodes[leaf].start] : 0;
    walk_mark(w, leaf, leaf == name && c >= 'a' && c <= 'z' ? MARK_DONE : MARK_CALL);
}

// Python and Ruby declare by assignment, := of Go is one. The function's own functions see it.
static bool declares(const struct walk *w, uint32_t i) {
    enum lang lang = w->m->lang;
    return w->scopes[w->depth - 1].function &&
           (lang == LANG_PYTHON || lang == LANG_RUBY ||
            (lang == LANG_GO && walk_type(w, i) == NODE_short_var_declaration));
}

static void mark_target(struct walk *w, uint32_t i) {
    uint32_t left = syntax_child(w->s, i, FIELD_ROLE_LEFT);
    uint8_t role = w->s->nodes[i].role;
    if (!left && role != ROLE_UPDATE)
        left = syntax_child(w->s, i, FIELD_ROLE_NAME);
    if (!left)
        left = syntax_first_named(w->s, i);
    if (!left)
        return;
    if (role == ROLE_ASSIGN && declares(w, i))
        walk_mark_pattern(w, left, MARK_LOCAL);
    else if (w->s->nodes[left].role == ROLE_NONE && w->s->nodes[left].next != left + 1)
        walk_mark_pattern(w, left, MARK_WRITE);
    else
        walk_mark(w, walk_leaf(w, left), MARK_WRITE);
}

static void mark_parameters(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    enum mark mark = walk_scope(w)->function ? MARK_LOCAL : MARK_DONE;
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c))
        if (s->nodes[c].role == ROLE_IDENTIFIER || s->nodes[c].role == ROLE_NONE)
            walk_mark_pattern(w, c, mark);
}

static void mark_parameter(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    enum mark mark = walk_scope(w)->function ? MARK_LOCAL : MARK_DONE;
    bool function, c_like = w->m->lang == LANG_C || w->m->lang == LANG_CPP;
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        uint8_t field = s->nodes[c].field, role = s->nodes[c].role;
        if (field == FIELD_ROLE_DECLARATOR && c_like)
            walk_mark(w, c_declarator_name(w, c, &function), mark);
        else if (role == ROLE_DECLARATOR) // int... rest of Java
            walk_mark(w, syntax_child(s, c, FIELD_ROLE_NAME), mark);
        else if (!c_like && field != FIELD_ROLE_TYPE && field != FIELD_ROLE_VALUE &&
                 field != FIELD_ROLE_RIGHT && (role == ROLE_IDENTIFIER || role == ROLE_NONE) &&
                 walk_type(w, c) != NODE_modifiers)
            walk_mark_pattern(w, c, mark);
    }
}

// What a node with a pattern declares for the function around it: loops, catches, `let`, `with`.
static void mark_bindings(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t at = 0;
    switch (walk_type(w, i)) {
    case NODE_for_statement: // of Python
    case NODE_for_in_statement:
    case NODE_for_in_clause:
    case NODE_range_clause:
        at = syntax_child(s, i, FIELD_ROLE_LEFT);
        break;
    case NODE_for_range_loop:
        at = syntax_child(s, i, FIELD_ROLE_DECLARATOR);
        break;
    case NODE_enhanced_for_statement:
    case NODE_catch_formal_parameter:
    case NODE_resource:
        at = syntax_child(s, i, FIELD_ROLE_NAME);
        break;
    case NODE_catch_clause:
        at = syntax_child(s, i, FIELD_ROLE_PARAMETER);
        break;
    case NODE_for_expression:
    case NODE_for:
    case NODE_let_declaration:
    case NODE_let_condition:
        at = syntax_child(s, i, FIELD_ROLE_PATTERN);
        break;
    case NODE_match_pattern:
        at = i;
        break;
    case NODE_as_pattern_target:
    case NODE_exception_variable:
        at = i;
        break;
    case NODE_lambda_expression:
    case NODE_arrow_function: // x -> …: one parameter without brackets
        at = syntax_child(s, i, FIELD_ROLE_PARAMETERS);
        if (!at)
            at = syntax_child(s, i, FIELD_ROLE_PARAMETER);
        if (at && s->nodes[at].role != ROLE_IDENTIFIER)
            at = 0;
        break;
    case NODE_named_expression:
        at = syntax_child(s, i, FIELD_ROLE_NAME);
        break;
    case NODE_type_switch_statement:
        at = syntax_child(s, i, FIELD_ROLE_ALIAS);
        break;
    case NODE_type_pattern:
        for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c))
            if (s->nodes[c].role == ROLE_IDENTIFIER)
                at = c;
        break;
    default:
        return;
    }
    if (at)
        walk_mark_pattern(w, at, walk_scope(w)->function ? MARK_LOCAL : MARK_WRITE);
}

void walk_uses(struct walk *w, uint32_t i) {
    switch (w->s->nodes[i].role) {
    case ROLE_CALL:
    case ROLE_NEW:
        mark_callee(w, i);
        if (w->m->lang == LANG_JAVASCRIPT || w->m->lang == LANG_TYPESCRIPT ||
            w->m->lang == LANG_TSX || w->m->lang == LANG_RUBY || w->m->lang == LANG_BASH)
            (void)walk_import_call(w, i);
        break;
    case ROLE_ASSIGN:
    case ROLE_AUGMENTED_ASSIGN:
    case ROLE_UPDATE:
        mark_target(w, i);
        break;
    case ROLE_PARAMETERS:
        mark_parameters(w, i);
        break;
    case ROLE_PARAMETER:
        mark_parameter(w, i);
        break;
    case ROLE_LAMBDA:
        walk_enter(w, i, 0, true);
        mark_bindings(w, i);
        break;
    case ROLE_DECORATOR: {
        uint32_t first = syntax_first_named(w->s, i);
        if (first && w->s->nodes[first].role != ROLE_CALL)
            walk_mark(w, walk_leaf(w, first), MARK_CALL);
        break;
    }
    case ROLE_NONE:
        if (walk_type(w, i) == NODE_jsx_opening_element ||
            walk_type(w, i) == NODE_jsx_self_closing_element)
            mark_component(w, i);
        else
            mark_bindings(w, i);
        break;
    default:
        mark_bindings(w, i);
    }
}

static unsigned kind_of_leaf(const struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    const struct node *n = &s->nodes[i];
    uint32_t parent = n->parent;
    if (n->role == ROLE_TYPE_IDENTIFIER)
        return REF_TYPE;
    if (n->role == ROLE_FIELD_IDENTIFIER)
        return REF_MEMBER;
    if (n->field == FIELD_ROLE_PROPERTY && s->nodes[parent].role == ROLE_MEMBER)
        return REF_MEMBER;
    switch (walk_type(w, parent)) {
    case NODE_type: // annotations of Python
        return REF_TYPE;
    case NODE_literal_element: // T{a: 1} of Go
        return s->nodes[parent].field == FIELD_ROLE_KEY ? REF_MEMBER : REF_USE;
    case NODE_keyword_argument: // f(a=1)
        return n->field == FIELD_ROLE_NAME ? REF_MEMBER : REF_USE;
    case NODE_method_reference:
        return n->next == s->nodes[parent].next ? REF_CALL : REF_TYPE;
    default:
        return REF_USE;
    }
}

// Commands of a shell may be called anything; names of functions look like names.
static bool is_odd(const struct walk *w, uint32_t i) {
    char c = w->s->text[w->s->nodes[i].start];
    if (w->m->lang == LANG_BASH)
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_');
    return syntax_text_is(w->s, i, "_") || (w->m->lang == LANG_RUST && c == '$');
}

static bool is_no_name(const struct walk *w, uint32_t i) {
    switch (walk_type(w, i)) {
    case NODE_statement_identifier:
    case NODE_label_name:
        return true;
    case NODE_word: // arguments of commands are text
        return true;
    default:
        return false;
    }
}

void walk_leaf_refs(struct walk *w, uint32_t i) {
    uint8_t mark = w->mark[i];
    const struct scope *scope = walk_scope(w);
    size_t n;
    if (mark == MARK_DONE || is_odd(w, i) || (mark == MARK_NONE && is_no_name(w, i)))
        return;
    const char *text = walk_text(w, i, &n);
    uint32_t name = make_name(w->m, text, n), line = w->s->nodes[i].line;
    unsigned kind = REF_USE;
    switch (mark) {
    case MARK_LOCAL:
        if (!make_has_ref(w->m, name, REF_SEEN, scope->symbol) || !scope->symbol)
            make_ref(w->m, name, REF_LOCAL, scope->symbol, line);
        else
            make_ref(w->m, name, REF_WRITE, scope->symbol, line); // declared global
        return;
    case MARK_CALL:
        kind = REF_CALL;
        break;
    case MARK_TYPE:
        kind = REF_TYPE;
        break;
    case MARK_MEMBER:
        kind = REF_MEMBER;
        break;
    case MARK_WRITE:
        kind = REF_WRITE;
        break;
    case MARK_USE:
        break;
    default:
        kind = kind_of_leaf(w, i);
    }
    make_ref(w->m, name, kind, scope->symbol, line);
}

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void walk_refs_in_text(struct walk *w, uint32_t i) {
    size_t n, at = 0;
    const char *text = walk_text(w, i, &n);
    uint32_t line = w->s->nodes[i].line, scope = walk_scope(w)->symbol;
    while (at < n) {
        if (text[at] == '"' || text[at] == '\'') {
            char quote = text[at++];
            while (at < n && text[at] != quote)
                at += text[at] == '\\' ? 2 : 1;
            at++;
            continue;
        }
        if (!is_word_byte(text[at])) {
            line += text[at++] == '\n';
            continue;
        }
        size_t start = at;
        while (at < n && is_word_byte(text[at]))
            at++;
        if (text[start] >= '0' && text[start] <= '9')
            continue;
        size_t behind = at;
        while (behind < n && (text[behind] == ' ' || text[behind] == '\t'))
            behind++;
        bool member = (start > 0 && text[start - 1] == '.') ||
                      (start > 1 && text[start - 1] == '>' && text[start - 2] == '-');
        unsigned kind = behind < n && text[behind] == '(' ? REF_CALL
                        : member                          ? REF_MEMBER
                                                          : REF_USE;
        make_ref(w->m, make_name(w->m, text + start, at - start), kind, scope, line);
    }
}
