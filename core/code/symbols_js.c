// Definitions of JavaScript, JSX, TypeScript and TSX.
#include "core/code/facts_tree.h"

#include <string.h>

static bool is_lambda(const struct walk *w, uint32_t i) {
    return i && w->s->nodes[i].role == ROLE_LAMBDA;
}

// The statement around, with `export`, `declare` and decorators.
static uint32_t outer_of(const struct walk *w, uint32_t i) {
    for (int step = 0; step < 4; step++) {
        uint32_t parent = w->s->nodes[i].parent;
        enum node_type type = walk_type(w, parent);
        if (!parent || (type != NODE_export_statement && type != NODE_lexical_declaration &&
                        type != NODE_variable_declaration && type != NODE_ambient_declaration &&
                        type != NODE_expression_statement))
            break;
        // Only the first of several declarators has the whole statement.
        if ((type == NODE_lexical_declaration || type == NODE_variable_declaration) &&
            syntax_first_named(w->s, parent) != i)
            break;
        i = parent;
    }
    return i;
}

static bool is_exported(struct walk *w, uint32_t i) {
    for (int step = 0; step < 4; step++) {
        uint32_t parent = w->s->nodes[i].parent;
        enum node_type type = walk_type(w, parent);
        if (type == NODE_export_statement)
            return true;
        if (!parent || (type != NODE_lexical_declaration && type != NODE_variable_declaration &&
                        type != NODE_ambient_declaration && type != NODE_expression_statement))
            break;
        i = parent;
    }
    return false;
}

static uint8_t member_flags(struct walk *w, uint32_t i, uint32_t name) {
    const struct syntax *s = w->s;
    uint8_t flags = walk_scope(w)->hidden ? 0 : SYMBOL_EXPORTED;
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        if (walk_type(w, c) == NODE_accessibility_modifier && !syntax_text_is(s, c, "public"))
            flags = 0;
        if (s->nodes[c].role == ROLE_DECORATOR)
            flags |= SYMBOL_ENTRY;
    }
    if (walk_starts(w, name, "#"))
        flags = 0;
    return flags;
}

static uint32_t parameters_of(const struct walk *w, uint32_t i) {
    return syntax_child(w->s, i, FIELD_ROLE_PARAMETERS);
}

static void define_function(struct walk *w, uint32_t i, bool signature) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    struct definition d = {.node = i,
                           .outer = outer_of(w, i),
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = parameters_of(w, i),
                           .function = signature ? 0 : i,
                           .kind = SYMBOL_FUNCTION};
    if (is_exported(w, i))
        d.flags |= SYMBOL_EXPORTED;
    if (signature)
        d.flags |= SYMBOL_DECLARATION;
    uint32_t symbol = name ? walk_define(w, &d) : 0;
    walk_enter(w, i, symbol, true);
}

static void define_method(struct walk *w, uint32_t i, bool signature) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    if (!name)
        return;
    struct definition d = {.node = i,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = parameters_of(w, i),
                           .function = signature ? 0 : i,
                           .kind = SYMBOL_METHOD,
                           .flags = member_flags(w, i, name)};
    if (s->nodes[name].next != name + 1) // "quoted name"() {}, [computed]() {}
        d.text = walk_string(w, name, &d.n);
    if (signature)
        d.flags |= SYMBOL_DECLARATION;
    if (syntax_text_is(s, name, "constructor"))
        d.flags |= SYMBOL_ENTRY;
    walk_enter(w, i, walk_define(w, &d), true);
}

static void define_class(struct walk *w, uint32_t i, enum symbol_kind kind) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), parent = s->nodes[i].parent;
    struct definition d = {.node = i,
                           .outer = outer_of(w, i),
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .kind = kind};
    bool hidden = walk_scope(w)->function || !is_exported(w, i);
    if (!d.body && walk_type(w, i) == NODE_class)
        d.body = syntax_child_role(s, i, ROLE_BLOCK);
    if (name && s->nodes[name].next != name + 1) { // a.b, "module"
        d.text = walk_string(w, name, &d.n);
        for (uint32_t k = name; k < s->nodes[name].next; k++)
            walk_mark(w, k, MARK_DONE);
    }
    d.flags = hidden ? 0 : SYMBOL_EXPORTED;
    // const A = class { … }: the declarator has defined it.
    bool defined = walk_type(w, parent) == NODE_variable_declarator ||
                   walk_type(w, parent) == NODE_assignment_expression;
    if (defined)
        walk_mark(w, name, MARK_DONE);
    walk_enter(w, i, name && !defined ? walk_define(w, &d) : 0, false);
    walk_scope(w)->hidden = hidden && !defined;
}

static void open_value(struct walk *w, uint32_t i, uint32_t symbol) {
    if (symbol)
        walk_enter(w, i, symbol, walk_scope(w)->function);
}

// const f = () => …, var A = class …, const x = 1.
static void define_declarator(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), statement = s->nodes[i].parent;
    uint32_t value = syntax_child(s, i, FIELD_ROLE_VALUE);
    bool local = walk_scope(w)->function;
    if (!name)
        return;
    bool is_class = value && s->nodes[value].role == ROLE_CLASS;
    if (s->nodes[name].role != ROLE_IDENTIFIER) { // const { a, b } = …
        walk_mark_pattern(w, name, local ? MARK_LOCAL : MARK_DONE);
        return;
    }
    if (local && !is_lambda(w, value) && !is_class) {
        walk_mark(w, name, MARK_LOCAL);
        return;
    }
    if (value && walk_starts(w, value, "require(")) {
        walk_mark(w, name, MARK_DONE); // an import
        return;
    }
    struct definition d = {.node = i, .outer = outer_of(w, i), .name = name};
    d.kind = walk_starts(w, statement, "const") ? SYMBOL_CONSTANT : SYMBOL_VARIABLE;
    d.flags = is_exported(w, i) ? SYMBOL_EXPORTED : 0;
    if (is_lambda(w, value)) {
        d.kind = SYMBOL_FUNCTION;
        d.function = value;
        d.body = syntax_child(s, value, FIELD_ROLE_BODY);
        d.parameters = parameters_of(w, value);
    } else if (is_class) {
        d.kind = SYMBOL_CLASS;
        d.body = syntax_child(s, value, FIELD_ROLE_BODY);
    }
    uint32_t symbol = walk_define(w, &d);
    if (d.kind == SYMBOL_FUNCTION || d.kind == SYMBOL_CLASS)
        open_value(w, i, symbol);
}

// key: function () {}, key: () => …
static void define_pair(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t key = syntax_child(s, i, FIELD_ROLE_KEY), value = syntax_child(s, i, FIELD_ROLE_VALUE);
    if (!key || !is_lambda(w, value))
        return;
    struct definition d = {.node = i,
                           .name = key,
                           .function = value,
                           .body = syntax_child(s, value, FIELD_ROLE_BODY),
                           .parameters = parameters_of(w, value),
                           .kind = SYMBOL_METHOD,
                           .flags = walk_scope(w)->function ? 0 : SYMBOL_EXPORTED};
    if (s->nodes[key].next != key + 1)
        d.text = walk_string(w, key, &d.n);
    open_value(w, i, walk_define(w, &d));
}

static void define_field(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME),
             value = syntax_child(s, i, FIELD_ROLE_VALUE);
    if (!name)
        name = syntax_child(s, i, FIELD_ROLE_PROPERTY);
    if (!name)
        return;
    uint32_t body = s->nodes[i].parent, around = s->nodes[body].parent;
    enum node_type type = walk_type(w, i);
    // Members of a written-out type of a parameter belong to nobody.
    if (type == NODE_property_signature && s->nodes[around].role != ROLE_CLASS &&
        s->nodes[around].role != ROLE_TYPE_ALIAS) {
        walk_mark(w, name, MARK_DONE);
        return;
    }
    struct definition d = {
        .node = i, .name = name, .kind = SYMBOL_FIELD, .flags = member_flags(w, i, name)};
    if (s->nodes[name].next != name + 1)
        d.text = walk_string(w, name, &d.n);
    if (is_lambda(w, value)) {
        d.kind = SYMBOL_METHOD;
        d.function = value;
        d.body = syntax_child(s, value, FIELD_ROLE_BODY);
        d.parameters = parameters_of(w, value);
    }
    uint32_t symbol = walk_define(w, &d);
    if (d.kind == SYMBOL_METHOD)
        open_value(w, i, symbol);
}

static bool is_exports(const struct walk *w, uint32_t i) { // `exports`, `module.exports`
    size_t n;
    const char *text = walk_text(w, i, &n);
    return (n == 7 && memcmp(text, "exports", 7) == 0) ||
           (n == 14 && memcmp(text, "module.exports", 14) == 0);
}

static void share(struct walk *w, uint32_t leaf) {
    size_t n;
    const char *text = walk_text(w, leaf, &n);
    make_ref(w->m, make_name(w->m, text, n), REF_SHARED, 0, w->s->nodes[leaf].line);
}

// module.exports = f, module.exports = { a, b: c }
static void share_value(struct walk *w, uint32_t value) {
    const struct syntax *s = w->s;
    if (s->nodes[value].role == ROLE_IDENTIFIER)
        share(w, value);
    if (s->nodes[value].role != ROLE_MAP)
        return;
    for (uint32_t c = syntax_first_named(s, value); c; c = syntax_next_named(s, c)) {
        uint32_t leaf = s->nodes[c].role == ROLE_PAIR ? syntax_child(s, c, FIELD_ROLE_VALUE) : c;
        if (leaf && s->nodes[leaf].role == ROLE_IDENTIFIER)
            share(w, leaf);
    }
}

// A.prototype.m = function …, exports.f = …, this.x = …
static void define_assignment(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t left = syntax_child(s, i, FIELD_ROLE_LEFT),
             right = syntax_child(s, i, FIELD_ROLE_RIGHT);
    if (!left || !right || s->nodes[left].role != ROLE_MEMBER)
        return;
    uint32_t object = syntax_child(s, left, FIELD_ROLE_OBJECT);
    uint32_t name = syntax_child(s, left, FIELD_ROLE_PROPERTY);
    if (!object || !name)
        return;
    bool exports = is_exports(w, object), whole = is_exports(w, left);
    if (exports || whole)
        share_value(w, right);
    bool is_class = s->nodes[right].role == ROLE_CLASS;
    bool value = exports && !whole && !walk_scope(w)->function &&
                 s->nodes[right].role != ROLE_IDENTIFIER && s->nodes[right].role != ROLE_ASSIGN;
    if (!is_lambda(w, right) && !is_class && !value)
        return;
    if (whole) { // module.exports = function name() {}
        name = syntax_child(s, right, FIELD_ROLE_NAME);
        if (!name)
            return;
    }
    struct definition d = {.node = i,
                           .outer = outer_of(w, i),
                           .name = name,
                           .kind = is_class               ? SYMBOL_CLASS
                                   : !is_lambda(w, right) ? SYMBOL_VARIABLE
                                   : exports || whole     ? SYMBOL_FUNCTION
                                                          : SYMBOL_METHOD,
                           .flags = exports || whole ? SYMBOL_EXPORTED : 0};
    if (is_lambda(w, right)) {
        d.function = right;
        d.body = syntax_child(s, right, FIELD_ROLE_BODY);
        d.parameters = parameters_of(w, right);
        if (!walk_scope(w)->function)
            d.flags |= SYMBOL_EXPORTED;
    }
    uint32_t symbol = walk_define(w, &d);
    if (d.kind != SYMBOL_VARIABLE)
        open_value(w, i, symbol);
}

// describe("…", () => { it("…", …) }), test.each([…])("…", …)
static void define_test(struct walk *w, uint32_t i) {
    static const char *const names[] = {"it",        "test",      "describe", "suite",
                                        "specify",   "context",   "fit",      "xit",
                                        "xdescribe", "fdescribe", "bench"};
    const struct syntax *s = w->s;
    uint32_t arguments = syntax_child(s, i, FIELD_ROLE_ARGUMENTS);
    uint32_t callee = syntax_child(s, i, FIELD_ROLE_FUNCTION);
    uint32_t first = arguments ? syntax_first_named(s, arguments) : 0;
    if (!first || s->nodes[first].role != ROLE_STRING)
        return;
    for (int step = 0; step < 4 && callee && s->nodes[callee].role != ROLE_IDENTIFIER; step++)
        callee = s->nodes[callee].role == ROLE_CALL ? syntax_child(s, callee, FIELD_ROLE_FUNCTION)
                 : s->nodes[callee].role == ROLE_MEMBER ? syntax_child(s, callee, FIELD_ROLE_OBJECT)
                                                        : 0;
    bool known = false;
    for (size_t k = 0; callee && k < sizeof names / sizeof *names && !known; k++)
        known = syntax_text_is(s, callee, names[k]);
    uint32_t body = 0;
    for (uint32_t c = syntax_next_named(s, first); c && !body; c = syntax_next_named(s, c))
        if (is_lambda(w, c))
            body = c;
    if (!known || !body)
        return;
    struct definition d = {.node = i,
                           .line = s->nodes[i].line,
                           .body = syntax_child(s, body, FIELD_ROLE_BODY),
                           .function = body,
                           .kind = SYMBOL_TEST};
    d.text = walk_string(w, first, &d.n);
    open_value(w, i, walk_define(w, &d));
}

static void define_export(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t source = syntax_child(s, i, FIELD_ROLE_SOURCE);
    if (source) {
        walk_import(w, i);
        return;
    }
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        if (s->nodes[c].role == ROLE_IDENTIFIER) // export default name
            share(w, c);
        if (walk_type(w, c) != NODE_export_clause)
            continue;
        for (uint32_t e = syntax_first_named(s, c); e; e = syntax_next_named(s, e)) {
            uint32_t name = syntax_child(s, e, FIELD_ROLE_NAME);
            if (name)
                share(w, name);
            walk_mark(w, syntax_child(s, e, FIELD_ROLE_ALIAS), MARK_DONE);
        }
    }
}

static void define_other(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    switch (walk_type(w, i)) {
    case NODE_type_alias_declaration: {
        struct definition d = {.node = i,
                               .outer = outer_of(w, i),
                               .name = name,
                               .kind = SYMBOL_TYPE,
                               .flags = is_exported(w, i) ? SYMBOL_EXPORTED : 0};
        (void)walk_define(w, &d);
        break;
    }
    case NODE_enum_assignment: {
        struct definition d = {.node = i,
                               .name = name,
                               .kind = SYMBOL_ENUMERATOR,
                               .flags = walk_scope(w)->hidden ? 0 : SYMBOL_EXPORTED};
        (void)walk_define(w, &d);
        break;
    }
    case NODE_property_identifier:
        if (walk_type(w, s->nodes[i].parent) == NODE_enum_body) {
            struct definition d = {.node = i,
                                   .name = i,
                                   .kind = SYMBOL_ENUMERATOR,
                                   .flags = walk_scope(w)->hidden ? 0 : SYMBOL_EXPORTED};
            (void)walk_define(w, &d);
        }
        break;
    default:
        break;
    }
}

void define_javascript(struct walk *w, uint32_t i) {
    switch (walk_type(w, i)) {
    case NODE_function_declaration:
    case NODE_generator_function_declaration:
        define_function(w, i, false);
        break;
    case NODE_function_signature:
        define_function(w, i, true);
        break;
    case NODE_function_expression:
    case NODE_generator_function:
        walk_mark(w, syntax_child(w->s, i, FIELD_ROLE_NAME), MARK_DONE);
        break;
    case NODE_method_definition:
        define_method(w, i, false);
        break;
    case NODE_method_signature:
    case NODE_abstract_method_signature:
        define_method(w, i, true);
        break;
    case NODE_class_declaration:
    case NODE_abstract_class_declaration:
    case NODE_class:
    case NODE_interface_declaration:
    case NODE_enum_declaration:
        define_class(w, i, SYMBOL_CLASS);
        break;
    case NODE_internal_module:
    case NODE_module:
        define_class(w, i, SYMBOL_NAMESPACE);
        break;
    case NODE_variable_declarator:
        define_declarator(w, i);
        break;
    case NODE_pair:
        define_pair(w, i);
        break;
    case NODE_field_definition:
    case NODE_public_field_definition:
    case NODE_property_signature:
        define_field(w, i);
        break;
    case NODE_assignment_expression:
        define_assignment(w, i);
        break;
    case NODE_call_expression:
        define_test(w, i);
        break;
    case NODE_import_statement:
        walk_import(w, i);
        break;
    case NODE_export_statement:
        define_export(w, i);
        break;
    default:
        define_other(w, i);
    }
}
