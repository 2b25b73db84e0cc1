// Definitions of Python.
#include "core/code/facts_tree.h"

#include <string.h>

static bool is_private(const struct walk *w, uint32_t name) {
    return walk_starts(w, name, "_");
}

static bool is_dunder(const struct walk *w, uint32_t name) {
    size_t n;
    const char *text = walk_text(w, name, &n);
    return n > 4 && text[0] == '_' && text[1] == '_' && text[n - 1] == '_' && text[n - 2] == '_';
}

static uint32_t outer_of(const struct walk *w, uint32_t i) {
    uint32_t parent = w->s->nodes[i].parent;
    return parent && walk_type(w, parent) == NODE_decorated_definition ? parent : i;
}

// Decorators that only change how a function is called; any other may register it somewhere.
static bool registers(const struct walk *w, uint32_t decorator) {
    static const char *const plain[] = {"staticmethod",
                                        "classmethod",
                                        "property",
                                        "setter",
                                        "getter",
                                        "deleter",
                                        "overload",
                                        "abstractmethod",
                                        "cached_property",
                                        "lru_cache",
                                        "cache",
                                        "wraps",
                                        "dataclass",
                                        "contextmanager",
                                        "total_ordering",
                                        "override",
                                        "final",
                                        "deprecated",
                                        "asynccontextmanager"};
    uint32_t first = syntax_first_named(w->s, decorator);
    if (first && w->s->nodes[first].role == ROLE_CALL)
        first = syntax_child(w->s, first, FIELD_ROLE_FUNCTION);
    uint32_t leaf = first ? walk_leaf(w, first) : 0;
    for (size_t k = 0; leaf && k < sizeof plain / sizeof *plain; k++)
        if (syntax_text_is(w->s, leaf, plain[k]))
            return false;
    return true;
}

static bool is_registered(const struct walk *w, uint32_t outer, uint32_t i) {
    if (outer == i)
        return false;
    for (uint32_t c = syntax_first(w->s, outer); c; c = syntax_sibling(w->s, c))
        if (w->s->nodes[c].role == ROLE_DECORATOR && registers(w, c))
            return true;
    return false;
}

static bool has_docstring(const struct walk *w, uint32_t body) {
    uint32_t first = body ? syntax_first_named(w->s, body) : 0;
    if (first && w->s->nodes[first].role == ROLE_EXPRESSION_STATEMENT)
        first = syntax_first_named(w->s, first);
    return first && w->s->nodes[first].role == ROLE_STRING;
}

static bool in_class(struct walk *w) {
    uint32_t node = walk_scope(w)->node;
    return node && w->s->nodes[node].role == ROLE_CLASS;
}

static void define_function(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), outer = outer_of(w, i);
    struct definition d = {.node = i,
                           .outer = outer,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = syntax_child(s, i, FIELD_ROLE_PARAMETERS),
                           .function = i,
                           .kind = in_class(w) ? SYMBOL_METHOD : SYMBOL_FUNCTION};
    if (!name)
        return;
    bool dunder = is_dunder(w, name);
    if (!walk_scope(w)->function && !walk_scope(w)->hidden && (dunder || !is_private(w, name)))
        d.flags |= SYMBOL_EXPORTED;
    if (is_registered(w, outer, i) || (in_class(w) && dunder) ||
        (syntax_text_is(s, name, "main") && d.kind == SYMBOL_FUNCTION))
        d.flags |= SYMBOL_ENTRY;
    if (!walk_scope(w)->function &&
        (walk_starts(w, name, "test_") || syntax_text_is(s, name, "test") ||
         (walk_starts(w, name, "test") && in_class(w) && walk_path_has(w, "test"))))
        d.kind = SYMBOL_TEST;
    if (has_docstring(w, d.body))
        d.flags |= SYMBOL_DOCUMENTED;
    walk_enter(w, i, walk_define(w, &d), true);
}

static void define_class(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), outer = outer_of(w, i);
    struct definition d = {.node = i,
                           .outer = outer,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .kind = SYMBOL_CLASS};
    if (!name)
        return;
    bool hidden = walk_scope(w)->function || walk_scope(w)->hidden || is_private(w, name);
    d.flags = hidden ? 0 : SYMBOL_EXPORTED;
    if (is_registered(w, outer, i))
        d.flags |= SYMBOL_ENTRY;
    if (has_docstring(w, d.body))
        d.flags |= SYMBOL_DOCUMENTED;
    walk_enter(w, i, walk_define(w, &d), false);
    walk_scope(w)->hidden = hidden;
}

static void define_variable(struct walk *w, uint32_t i, uint32_t name) {
    uint32_t statement = w->s->nodes[i].parent;
    bool member = in_class(w), caps = walk_is_caps(w, name);
    size_t n;
    const char *text = walk_text(w, name, &n);
    uint32_t pooled = make_name(w->m, text, n), scope = walk_scope(w)->symbol;
    if (make_has_ref(w->m, pooled, REF_SEEN, scope)) { // assigned again
        walk_mark(w, name, MARK_WRITE);
        return;
    }
    make_ref(w->m, pooled, REF_SEEN, scope, w->s->nodes[name].line);
    struct definition d = {
        .node = i,
        .outer = w->s->nodes[statement].role == ROLE_EXPRESSION_STATEMENT ? statement : i,
        .name = name,
        .kind = caps     ? SYMBOL_CONSTANT
                : member ? SYMBOL_FIELD
                         : SYMBOL_VARIABLE};
    if (!walk_scope(w)->hidden && !is_private(w, name))
        d.flags |= SYMBOL_EXPORTED;
    if (is_dunder(w, name))
        d.flags |= SYMBOL_ENTRY | SYMBOL_EXPORTED;
    (void)walk_define(w, &d);
}

// self.x = … in a method declares a field of the class.
static void define_field(struct walk *w, uint32_t i, uint32_t left) {
    const struct syntax *s = w->s;
    uint32_t object = syntax_child(s, left, FIELD_ROLE_OBJECT);
    uint32_t name = syntax_child(s, left, FIELD_ROLE_PROPERTY), class_scope = 0;
    size_t n;
    if (!object || !name || !syntax_text_is(s, object, "self"))
        return;
    for (uint32_t k = w->depth; k-- > 1 && !class_scope;)
        if (s->nodes[w->scopes[k].node].role == ROLE_CLASS)
            class_scope = w->scopes[k].symbol;
    if (!class_scope)
        return;
    const char *text = walk_text(w, name, &n);
    uint32_t pooled = make_name(w->m, text, n);
    if (make_has_ref(w->m, pooled, REF_SEEN, class_scope))
        return;
    make_ref(w->m, pooled, REF_SEEN, class_scope, s->nodes[name].line);
    struct definition d = {.node = i, .name = name, .kind = SYMBOL_FIELD};
    if (!is_private(w, name))
        d.flags |= SYMBOL_EXPORTED;
    uint32_t symbol = walk_define(w, &d);
    if (symbol)
        w->m->symbols[symbol - 1].scope = class_scope;
}

static void define_assignment(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t left = syntax_child(s, i, FIELD_ROLE_LEFT);
    if (!left)
        return;
    if (s->nodes[left].role == ROLE_MEMBER) {
        define_field(w, i, left);
        return;
    }
    if (walk_scope(w)->function)
        return;
    if (s->nodes[left].role == ROLE_IDENTIFIER) {
        define_variable(w, i, left);
        return;
    }
    for (uint32_t c = syntax_first_named(s, left); c; c = syntax_next_named(s, c))
        if (s->nodes[c].role == ROLE_IDENTIFIER)
            define_variable(w, i, c);
}

void define_python(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    switch (walk_type(w, i)) {
    case NODE_function_definition:
        define_function(w, i);
        break;
    case NODE_class_definition:
        define_class(w, i);
        break;
    case NODE_assignment:
        define_assignment(w, i);
        break;
    case NODE_type_alias_statement: {
        uint32_t left = syntax_child(s, i, FIELD_ROLE_LEFT);
        struct definition d = {.node = i,
                               .name = left ? walk_leaf(w, left) : 0,
                               .kind = SYMBOL_TYPE,
                               .flags = SYMBOL_EXPORTED};
        if (!walk_scope(w)->function)
            (void)walk_define(w, &d);
        break;
    }
    case NODE_global_statement:
    case NODE_nonlocal_statement:
        for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
            size_t n;
            const char *text = walk_text(w, c, &n);
            make_ref(w->m, make_name(w->m, text, n), REF_SEEN, walk_scope(w)->symbol,
                     s->nodes[c].line);
            walk_mark(w, c, MARK_DONE);
        }
        break;
    case NODE_import_statement:
    case NODE_import_from_statement:
    case NODE_future_import_statement:
        walk_import(w, i);
        break;
    default:
        break;
    }
}
