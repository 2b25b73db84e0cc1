// Definitions of C and C++. Macros that the grammar cannot know make odd trees of good code: what
// is recognised by shape is taken, what has a keyword for a name is not.
#include "core/code/facts_tree.h"

#include <string.h>

enum { ACCESS_PUBLIC, ACCESS_HIDDEN, LOST_BYTES_MAX = 4096 };

uint32_t c_declarator_name(const struct walk *w, uint32_t i, bool *ret_function) {
    const struct syntax *s = w->s;
    *ret_function = false;
    for (int step = 0; step < 64 && i; step++) {
        enum node_type type = walk_type(w, i);
        if (s->nodes[i].next == i + 1 || type == NODE_destructor_name ||
            type == NODE_operator_name || type == NODE_operator_cast)
            return i;
        uint32_t to = 0;
        switch (type) {
        case NODE_qualified_identifier:
        case NODE_template_function:
        case NODE_template_method:
            to = syntax_child(s, i, FIELD_ROLE_NAME);
            break;
        case NODE_function_declarator:
            *ret_function = true;
            to = syntax_child(s, i, FIELD_ROLE_DECLARATOR);
            break;
        case NODE_parenthesized_declarator:
            to = syntax_first_named(s, i);
            break;
        case NODE_pointer_declarator:
        case NODE_array_declarator:
        case NODE_reference_declarator:
            *ret_function = false;
            // fall through
        default:
            to = syntax_child(s, i, FIELD_ROLE_DECLARATOR);
            for (uint32_t c = to ? 0 : syntax_first_named(s, i); c && !to;
                 c = syntax_next_named(s, c))
                if (walk_type(w, c) != NODE_type_qualifier &&
                    walk_type(w, c) != NODE_attribute_specifier)
                    to = c;
        }
        i = to;
    }
    return 0;
}

static bool is_keyword(const struct walk *w, uint32_t leaf) {
    static const char *const words[] = {"if",     "while",  "for",  "switch", "return", "else",
                                        "sizeof", "do",     "case", "struct", "enum",   "union",
                                        "static", "extern", "goto", "const",  "defined"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (syntax_text_is(w->s, leaf, words[k]))
            return true;
    return false;
}

// The node to which template<…> and extern "C" in front belong.
static uint32_t outer_of(const struct walk *w, uint32_t i) {
    uint32_t parent = w->s->nodes[i].parent;
    return parent && walk_type(w, parent) == NODE_template_declaration ? parent : i;
}

static bool has_specifier(const struct walk *w, uint32_t i, const char *word) {
    for (uint32_t c = syntax_first(w->s, i); c; c = syntax_sibling(w->s, c)) {
        enum node_type type = walk_type(w, c);
        if ((type == NODE_storage_class_specifier || type == NODE_type_qualifier ||
             type == NODE_virtual_specifier || !syntax_named(w->s, c)) &&
            syntax_text_is(w->s, c, word))
            return true;
        if (w->s->nodes[c].field == FIELD_ROLE_BODY)
            break;
    }
    return false;
}

static bool in_class(struct walk *w) {
    enum node_type type = walk_scope(w)->node ? walk_type(w, walk_scope(w)->node) : NODE_OTHER;
    return type == NODE_class_specifier || type == NODE_struct_specifier ||
           type == NODE_union_specifier;
}

static uint8_t exported(struct walk *w, uint32_t i) {
    const struct scope *scope = walk_scope(w);
    if (scope->hidden || scope->function || (in_class(w) && scope->access == ACCESS_HIDDEN))
        return 0;
    if (w->is_header || in_class(w))
        return SYMBOL_EXPORTED;
    return has_specifier(w, i, "static") ? 0 : SYMBOL_EXPORTED;
}

static bool is_test_macro(const struct walk *w, uint32_t leaf) {
    static const char *const names[] = {"TEST",
                                        "TEST_F",
                                        "TEST_P",
                                        "TYPED_TEST",
                                        "TYPED_TEST_P",
                                        "START_TEST",
                                        "Test",
                                        "CTEST",
                                        "UTEST",
                                        "BOOST_AUTO_TEST_CASE",
                                        "TEST_CASE",
                                        "SCENARIO",
                                        "TEST_GROUP",
                                        "BOOST_FIXTURE_TEST_CASE",
                                        "MU_TEST",
                                        "UTEST_F",
                                        "TEST_METHOD",
                                        "DEFINE_TEST",
                                        "TEST_CASE_METHOD",
                                        "RC_GTEST_PROP"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (syntax_text_is(w->s, leaf, names[k]))
            return true;
    return false;
}

// static void name(void **state), as cmocka calls it; test_… in a file of tests.
static bool is_test_function(const struct walk *w, uint32_t name, uint32_t parameters) {
    size_t n;
    const char *text = parameters ? walk_text(w, parameters, &n) : "";
    if (parameters && n >= 10 && n <= 20 && memcmp(text, "(void **", 8) == 0)
        return true;
    return walk_starts(w, name, "test_") && walk_path_has(w, "test");
}

static uint32_t function_parameters(const struct walk *w, uint32_t i) {
    uint32_t at = syntax_child(w->s, i, FIELD_ROLE_DECLARATOR);
    for (int step = 0; step < 32 && at; step++) {
        if (walk_type(w, at) == NODE_function_declarator)
            return syntax_child(w->s, at, FIELD_ROLE_PARAMETERS);
        at = syntax_child(w->s, at, FIELD_ROLE_DECLARATOR);
    }
    return 0;
}

static bool is_entry(const struct walk *w, uint32_t i, uint32_t name) {
    static const char *const names[] = {
        "main", "LLVMFuzzerTestOneInput", "DllMain", "wmain", "WinMain", "_start"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (syntax_text_is(w->s, name, names[k]))
            return true;
    for (uint32_t c = syntax_first_named(w->s, i); c; c = syntax_next_named(w->s, c)) {
        size_t n;
        const char *text = walk_text(w, c, &n);
        if (walk_type(w, c) == NODE_attribute_specifier && memmem(text, n, "constructor", 11))
            return true;
    }
    return walk_type(w, name) != NODE_identifier && walk_type(w, name) != NODE_field_identifier;
}

// `class EXPORT Name : public Base {`: the macro is taken for the class, the name for a function.
static bool define_disguised_class(struct walk *w, uint32_t i, uint32_t name, uint32_t body) {
    uint32_t type = syntax_child(w->s, i, FIELD_ROLE_TYPE);
    if (!type || w->s->nodes[type].role != ROLE_CLASS || syntax_child(w->s, type, FIELD_ROLE_BODY))
        return false;
    struct definition d = {.node = i,
                           .outer = outer_of(w, i),
                           .name = name,
                           .body = body,
                           .kind = SYMBOL_CLASS,
                           .flags = exported(w, i)};
    walk_enter(w, i, walk_define(w, &d), false);
    return true;
}

static void define_function(struct walk *w, uint32_t i) {
    bool function;
    const struct syntax *s = w->s;
    uint32_t declarator = syntax_child(s, i, FIELD_ROLE_DECLARATOR);
    uint32_t body = syntax_child(s, i, FIELD_ROLE_BODY);
    uint32_t name = c_declarator_name(w, declarator, &function);
    struct scope *scope = walk_scope(w);
    if (!name || is_keyword(w, name) || (!function && define_disguised_class(w, i, name, body)))
        return;
    if (!function) {
        walk_enter(w, i, 0, true);
        return;
    }
    bool qualified = false;
    for (uint32_t at = declarator; at && at != name;
         at = syntax_child(s, at, FIELD_ROLE_DECLARATOR))
        qualified = qualified || walk_type(w, at) == NODE_qualified_identifier;
    struct definition d = {.node = i,
                           .outer = outer_of(w, i),
                           .name = name,
                           .body = body,
                           .function = i,
                           .parameters = function_parameters(w, i)};
    d.kind = in_class(w) || qualified ? SYMBOL_METHOD : SYMBOL_FUNCTION;
    d.flags = exported(w, i);
    if (is_entry(w, i, name) || has_specifier(w, i, "virtual"))
        d.flags |= SYMBOL_ENTRY;
    if (is_test_macro(w, name) && d.parameters) { // TEST(Suite, Case)
        uint32_t first = syntax_first_named(s, d.parameters);
        if (first) {
            d.text = s->text + s->nodes[first].start;
            d.n = s->nodes[d.parameters].end - 1 - s->nodes[first].start;
            d.kind = SYMBOL_TEST;
            w->mark[name] = MARK_CALL;
        }
    } else if (is_test_function(w, name, d.parameters)) {
        d.kind = SYMBOL_TEST;
    }
    (void)scope;
    walk_enter(w, i, walk_define(w, &d), true);
}

static void define_class(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t body = syntax_child(s, i, FIELD_ROLE_BODY);
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), parent = s->nodes[i].parent, symbol = 0;
    bool function;
    if (!body)
        return;
    if (name && s->nodes[name].next != name + 1)
        name = walk_leaf(w, name); // Foo<int>, a::b
    bool in_typedef = walk_type(w, parent) == NODE_type_definition;
    if (!name && in_typedef) {
        uint32_t declarator = syntax_child(s, parent, FIELD_ROLE_DECLARATOR);
        name = c_declarator_name(w, declarator, &function);
    }
    if (name) {
        struct definition d = {.node = i,
                               .outer = outer_of(w, i),
                               .name = name,
                               .body = body,
                               .kind = SYMBOL_CLASS,
                               .flags = walk_scope(w)->function ? 0
                                        : w->is_header          ? SYMBOL_EXPORTED
                                                                : 0};
        if (in_typedef)
            d.node = d.outer = parent;
        symbol = walk_define(w, &d);
    }
    bool member_function = walk_scope(w)->function;
    walk_enter(w, i, symbol, false);
    if (member_function && !symbol)
        walk_scope(w)->hidden = true;
    walk_scope(w)->access = walk_type(w, i) == NODE_class_specifier ? ACCESS_HIDDEN : ACCESS_PUBLIC;
}

// What stands before the names holds for all of them.
struct specifiers {
    uint32_t error; // what the grammar could not read, 0 = nothing
    uint8_t flags;
    bool is_extern, is_const, is_constexpr, is_virtual, typed, member;
};

static struct specifiers read_specifiers(struct walk *w, uint32_t i) {
    return (struct specifiers){.error = syntax_child_role(w->s, i, ROLE_ERROR),
                               .flags = exported(w, i),
                               .is_extern = has_specifier(w, i, "extern"),
                               .is_const = has_specifier(w, i, "const"),
                               .is_constexpr = has_specifier(w, i, "constexpr"),
                               .is_virtual = has_specifier(w, i, "virtual"),
                               .typed = syntax_child(w->s, i, FIELD_ROLE_TYPE) != 0,
                               .member = in_class(w)};
}

static bool is_constant(const struct walk *w, const struct specifiers *p, uint32_t declarator) {
    if (p->is_constexpr || !p->is_const)
        return p->is_constexpr;
    if (w->s->nodes[declarator].role == ROLE_DECLARATOR)
        declarator = syntax_child(w->s, declarator, FIELD_ROLE_DECLARATOR);
    return declarator && (walk_type(w, declarator) != NODE_pointer_declarator ||
                          has_specifier(w, declarator, "const"));
}

// `int f(void) LOCKS(m);`, `int c GUARDED_BY(m);`: the grammar takes the macro for what is declared
// and the name for a mistake. Stands the macro alone, there is nothing to declare.
static uint32_t name_before_macro(const struct walk *w, uint32_t i, const struct specifiers *p,
                                  uint32_t macro, bool *ret_function) {
    if (!walk_is_caps(w, macro))
        return macro;
    if (!p->typed && walk_type(w, i) == NODE_declaration)
        return 0;
    if (!p->error || p->error > macro)
        return macro;
    uint32_t inner = syntax_first_named(w->s, p->error);
    uint32_t name = inner ? c_declarator_name(w, inner, ret_function) : 0;
    return name ? name : macro;
}

static void define_declared(struct walk *w, uint32_t i, const struct specifiers *p, uint32_t c,
                            uint32_t name, bool function, bool first) {
    struct definition d = {.node = first ? i : c, .name = name, .flags = p->flags};
    if (first)
        d.outer = outer_of(w, i);
    if (function) {
        d.kind = p->member ? SYMBOL_METHOD : SYMBOL_FUNCTION;
        d.flags |= SYMBOL_DECLARATION;
        d.parameters = function_parameters(w, i);
        if (p->is_virtual || (first && is_entry(w, i, name)))
            d.flags |= SYMBOL_ENTRY;
    } else {
        d.kind = p->member              ? SYMBOL_FIELD
                 : is_constant(w, p, c) ? SYMBOL_CONSTANT
                                        : SYMBOL_VARIABLE;
        if (p->is_extern && w->s->nodes[c].role != ROLE_DECLARATOR)
            d.flags |= SYMBOL_DECLARATION;
    }
    (void)walk_define(w, &d);
}

static void define_variables(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    bool function, first = true, local = walk_scope(w)->function;
    struct specifiers p = {0};
    if (!local)
        p = read_specifiers(w, i);
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        if (s->nodes[c].field != FIELD_ROLE_DECLARATOR)
            continue;
        uint32_t name = c_declarator_name(w, c, &function);
        if (name && function && !local)
            name = name_before_macro(w, i, &p, name, &function);
        if (!name)
            continue;
        if (local) {
            walk_mark(w, name, function ? MARK_DONE : MARK_LOCAL);
            continue;
        }
        bool nobodys =
            !p.member && walk_type(w, i) == NODE_field_declaration && !walk_scope(w)->symbol;
        if (is_keyword(w, name) || nobodys)
            continue;
        define_declared(w, i, &p, c, name, function, first);
        first = false;
    }
}

static void define_typedef(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t type = syntax_child(s, i, FIELD_ROLE_TYPE);
    uint32_t tag = type ? syntax_child(s, type, FIELD_ROLE_NAME) : 0;
    bool has_body = type && syntax_child(s, type, FIELD_ROLE_BODY), function, first = true;
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        if (s->nodes[c].field != FIELD_ROLE_DECLARATOR)
            continue;
        uint32_t name = c_declarator_name(w, c, &function);
        size_t n;
        if (!name)
            continue;
        const char *text = walk_text(w, name, &n);
        size_t m;
        const char *tag_text = tag ? walk_text(w, tag, &m) : NULL;
        bool same = has_body && (tag ? m == n && memcmp(text, tag_text, n) == 0 : first);
        walk_mark(w, name, MARK_DONE);
        if (!same) {
            struct definition d = {
                .node = i,
                .name = name,
                .kind = SYMBOL_TYPE,
                .flags = w->is_header && !walk_scope(w)->function ? SYMBOL_EXPORTED : 0};
            (void)walk_define(w, &d);
        }
        first = false;
    }
}

// The define of an include guard names nothing.
static bool is_guard(const struct walk *w, uint32_t i, uint32_t name) {
    uint32_t parent = w->s->nodes[i].parent;
    size_t n, m;
    if (syntax_child(w->s, i, FIELD_ROLE_VALUE) || walk_type(w, parent) != NODE_preproc_ifdef)
        return false;
    uint32_t guarded = syntax_child(w->s, parent, FIELD_ROLE_NAME);
    const char *a = walk_text(w, name, &n), *b = guarded ? walk_text(w, guarded, &m) : NULL;
    return b && n == m && memcmp(a, b, n) == 0;
}

static void define_macro(struct walk *w, uint32_t i) {
    uint32_t name = syntax_child(w->s, i, FIELD_ROLE_NAME);
    uint32_t value = syntax_child(w->s, i, FIELD_ROLE_VALUE);
    uint32_t parameters = syntax_child(w->s, i, FIELD_ROLE_PARAMETERS);
    if (!name)
        return;
    walk_mark(w, name, MARK_DONE);
    if (!is_guard(w, i, name)) {
        struct definition d = {.node = i,
                               .name = name,
                               .body = value,
                               .parameters = parameters,
                               .kind = SYMBOL_MACRO,
                               .flags = w->is_header ? SYMBOL_EXPORTED : 0};
        uint32_t symbol = walk_define(w, &d);
        // The line break belongs to the directive in this grammar, but not to what it defines.
        if (symbol) {
            struct fact_symbol *f = &w->m->symbols[symbol - 1];
            while (f->end > f->start &&
                   (w->s->text[f->end - 1] == '\n' || w->s->text[f->end - 1] == '\r'))
                f->end--;
            if (f->body > f->end)
                f->body = f->end;
        }
        walk_enter(w, i, symbol, true);
    }
    if (value)
        walk_refs_in_text(w, value);
}

static void define_namespace(struct walk *w, uint32_t i) {
    uint32_t name = syntax_child(w->s, i, FIELD_ROLE_NAME);
    struct definition d = {.node = i,
                           .body = syntax_child(w->s, i, FIELD_ROLE_BODY),
                           .kind = SYMBOL_NAMESPACE,
                           .flags = SYMBOL_EXPORTED};
    if (name)
        d.text = walk_text(w, name, &d.n);
    for (uint32_t k = name; name && k < w->s->nodes[name].next; k++)
        walk_mark(w, k, MARK_DONE);
    walk_enter(w, i, name ? walk_define(w, &d) : 0, false);
    if (!name)
        walk_scope(w)->hidden = true;
}

// MACRO(name) { … } is read as a call and a block behind it: what it makes is called by its first
// argument, a test by all of them. `main() { … }` of old C looks the same.
static void define_by_macro(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t callee = syntax_child(s, i, FIELD_ROLE_FUNCTION), statement = s->nodes[i].parent;
    uint32_t arguments = syntax_child(s, i, FIELD_ROLE_ARGUMENTS);
    if (!callee || !arguments || walk_scope(w)->function ||
        s->nodes[callee].role != ROLE_IDENTIFIER || is_keyword(w, callee) ||
        s->nodes[statement].role != ROLE_EXPRESSION_STATEMENT)
        return;
    uint32_t first = syntax_first_named(s, arguments), block = syntax_next_named(s, statement);
    if (!block || s->nodes[block].role != ROLE_BLOCK)
        return;
    bool test = is_test_macro(w, callee);
    uint8_t role = first ? s->nodes[first].role : ROLE_NONE;
    struct definition d = {.node = block,
                           .outer = i,
                           .body = block,
                           .line = s->nodes[i].line,
                           .function = block,
                           .kind = test ? SYMBOL_TEST : SYMBOL_FUNCTION,
                           .flags = w->is_header ? SYMBOL_EXPORTED : 0};
    if (role == ROLE_STRING) {
        d.text = walk_string(w, first, &d.n);
    } else if (first && test) {
        d.text = s->text + s->nodes[first].start;
        d.n = s->nodes[arguments].end - 1 - s->nodes[first].start;
    } else if (!first || role == ROLE_IDENTIFIER) {
        d.text = walk_text(w, first ? first : callee, &d.n);
    }
    if (d.text)
        walk_enter(w, block, walk_define(w, &d), true);
}

// Outside of functions the shape of the text says what the grammar, misled by a macro, could not.
static void define_lost(struct walk *w, uint32_t i) {
    const struct node *n = &w->s->nodes[i];
    uint8_t around = w->s->nodes[n->parent].role;
    bool between = around == ROLE_NONE || around == ROLE_PREPROC_IF ||
                   around == ROLE_PREPROC_ELSE || around == ROLE_PREPROC_ELIF;
    if (walk_scope(w)->function || !between || n->end - n->start > LOST_BYTES_MAX)
        return;
    for (uint32_t k = i + 1; k < n->next; k++) {
        uint8_t role = w->s->nodes[k].role;
        if (role == ROLE_FUNCTION || role == ROLE_CLASS || role == ROLE_VARIABLE ||
            role == ROLE_TYPE_ALIAS || role == ROLE_MACRO || role == ROLE_IMPORT ||
            role == ROLE_BLOCK || role == ROLE_ENUMERATOR)
            return; // what is in it is read as it is
    }
    make_from_part(w->m, w->path, n->start, n->end, n->line, walk_scope(w)->symbol);
}

void define_c(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    if (s->nodes[i].role == ROLE_ERROR) {
        define_lost(w, i);
        return;
    }
    switch (walk_type(w, i)) {
    case NODE_function_definition:
        define_function(w, i);
        break;
    case NODE_struct_specifier:
    case NODE_union_specifier:
    case NODE_class_specifier:
    case NODE_enum_specifier:
        define_class(w, i);
        break;
    case NODE_declaration:
    case NODE_field_declaration:
        define_variables(w, i);
        break;
    case NODE_type_definition:
        define_typedef(w, i);
        break;
    case NODE_alias_declaration:
    case NODE_concept_definition: {
        struct definition d = {.node = i,
                               .outer = outer_of(w, i),
                               .name = syntax_child(s, i, FIELD_ROLE_NAME),
                               .kind = SYMBOL_TYPE,
                               .flags = exported(w, i)};
        if (!walk_scope(w)->function)
            (void)walk_define(w, &d);
        break;
    }
    case NODE_preproc_def:
    case NODE_preproc_function_def:
        define_macro(w, i);
        break;
    case NODE_preproc_include:
        walk_import(w, i);
        break;
    case NODE_namespace_definition:
        define_namespace(w, i);
        break;
    case NODE_enumerator: {
        struct definition d = {.node = i,
                               .name = syntax_child(s, i, FIELD_ROLE_NAME),
                               .kind = SYMBOL_ENUMERATOR,
                               .flags = w->is_header ? SYMBOL_EXPORTED : 0};
        (void)walk_define(w, &d);
        break;
    }
    case NODE_access_specifier:
        walk_scope(w)->access = syntax_text_is(s, i, "public") ? ACCESS_PUBLIC : ACCESS_HIDDEN;
        break;
    case NODE_call_expression:
        define_by_macro(w, i);
        break;
    default:
        break;
    }
}
