// Definitions of Ruby and of shells.
#include "core/code/facts_tree.h"

#include <string.h>

enum { ACCESS_PUBLIC, ACCESS_HIDDEN };

static bool text_in(const struct walk *w, uint32_t i, const char *const *words, size_t count) {
    for (size_t k = 0; k < count; k++)
        if (syntax_text_is(w->s, i, words[k]))
            return true;
    return false;
}

// --- Ruby

static uint8_t ruby_exported(struct walk *w) {
    const struct scope *scope = walk_scope(w);
    return scope->function || scope->access == ACCESS_HIDDEN ? 0 : SYMBOL_EXPORTED;
}

static void ruby_method(struct walk *w, uint32_t i) {
    static const char *const called[] = {"initialize", "method_missing", "respond_to_missing?",
                                         "inherited",  "included",       "extended",
                                         "to_s",       "inspect",        "each",
                                         "call",       "setup",          "teardown"};
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), around = walk_scope(w)->node;
    bool in_class = around && s->nodes[around].role == ROLE_CLASS;
    struct definition d = {.node = i,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = syntax_child(s, i, FIELD_ROLE_PARAMETERS),
                           .function = i,
                           .kind = in_class || walk_type(w, i) == NODE_singleton_method
                                       ? SYMBOL_METHOD
                                       : SYMBOL_FUNCTION,
                           .flags = ruby_exported(w)};
    if (!name)
        return;
    if (s->nodes[name].next != name + 1) { // ==, name=
        d.text = walk_text(w, name, &d.n);
        d.flags |= SYMBOL_ENTRY;
        for (uint32_t k = name; k < s->nodes[name].next; k++)
            walk_mark(w, k, MARK_DONE);
    }
    if (text_in(w, name, called, sizeof called / sizeof *called))
        d.flags |= SYMBOL_ENTRY;
    if (walk_starts(w, name, "test_") && in_class)
        d.kind = SYMBOL_TEST;
    walk_enter(w, i, walk_define(w, &d), true);
}

static void ruby_class(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    bool module = walk_type(w, i) == NODE_module;
    struct definition d = {.node = i,
                           .name = name && s->nodes[name].next == name + 1 ? name
                                   : name                                  ? walk_leaf(w, name)
                                                                           : 0,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .kind = module ? SYMBOL_NAMESPACE : SYMBOL_CLASS,
                           .flags = SYMBOL_EXPORTED};
    walk_enter(w, i, walk_define(w, &d), false);
}

// @x = … is a field of the class around, once.
static void ruby_field(struct walk *w, uint32_t i, uint32_t left) {
    uint32_t scope = 0;
    size_t n;
    for (uint32_t k = w->depth; k-- > 1 && !scope;)
        if (w->s->nodes[w->scopes[k].node].role == ROLE_CLASS)
            scope = w->scopes[k].symbol;
    const char *text = walk_text(w, left, &n);
    uint32_t name = make_name(w->m, text, n);
    if (!scope || make_has_ref(w->m, name, REF_SEEN, scope)) {
        walk_mark(w, left, MARK_WRITE);
        return;
    }
    make_ref(w->m, name, REF_SEEN, scope, w->s->nodes[left].line);
    struct definition d = {.node = i, .name = left, .kind = SYMBOL_FIELD};
    uint32_t symbol = walk_define(w, &d);
    if (symbol)
        w->m->symbols[symbol - 1].scope = scope;
}

static void ruby_assignment(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t left = syntax_child(s, i, FIELD_ROLE_LEFT);
    uint32_t right = syntax_child(s, i, FIELD_ROLE_RIGHT);
    if (!left)
        return;
    enum node_type type = walk_type(w, left);
    if (type == NODE_instance_variable || type == NODE_class_variable) {
        ruby_field(w, i, left);
        return;
    }
    if (type != NODE_constant && type != NODE_global_variable)
        return;
    struct definition d = {.node = i,
                           .name = left,
                           .kind = type == NODE_constant ? SYMBOL_CONSTANT : SYMBOL_VARIABLE,
                           .flags = ruby_exported(w)};
    bool is_class = right && s->nodes[right].role == ROLE_CALL &&
                    (walk_starts(w, right, "Struct.new") || walk_starts(w, right, "Class.new") ||
                     walk_starts(w, right, "Data.define"));
    if (is_class)
        d.kind = SYMBOL_CLASS;
    if (walk_scope(w)->function)
        return;
    uint32_t symbol = walk_define(w, &d);
    if (is_class)
        walk_enter(w, i, symbol, false);
}

static void ruby_symbols(struct walk *w, uint32_t i, uint32_t arguments, enum symbol_kind kind) {
    const struct syntax *s = w->s;
    bool first = true;
    for (uint32_t c = syntax_first_named(s, arguments); c; c = syntax_next_named(s, c)) {
        if (walk_type(w, c) != NODE_simple_symbol && s->nodes[c].role != ROLE_STRING)
            continue;
        struct definition d = {.node = first ? i : c,
                               .line = s->nodes[c].line,
                               .kind = kind,
                               .flags = ruby_exported(w)};
        d.text = walk_string(w, c, &d.n);
        (void)walk_define(w, &d);
        first = false;
        if (kind != SYMBOL_FIELD)
            break;
    }
}

static void ruby_call(struct walk *w, uint32_t i) {
    static const char *const fields[] = {"attr_accessor", "attr_reader", "attr_writer", "attr"};
    static const char *const methods[] = {"define_method", "scope", "alias_method"};
    static const char *const tests[] = {"describe", "context",  "it",      "specify", "test",
                                        "feature",  "scenario", "example", "should"};
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_FUNCTION);
    uint32_t arguments = syntax_child(s, i, FIELD_ROLE_ARGUMENTS);
    if (!name || !arguments)
        return;
    bool in_body = !walk_scope(w)->function;
    if (in_body && text_in(w, name, fields, sizeof fields / sizeof *fields)) {
        ruby_symbols(w, i, arguments, SYMBOL_FIELD);
    } else if (in_body && text_in(w, name, methods, sizeof methods / sizeof *methods)) {
        ruby_symbols(w, i, arguments, SYMBOL_METHOD);
    } else if (text_in(w, name, tests, sizeof tests / sizeof *tests)) {
        uint32_t block = 0, first = syntax_first_named(s, arguments);
        for (uint32_t c = arguments; c && !block; c = syntax_next_named(s, c))
            if (s->nodes[c].role == ROLE_LAMBDA)
                block = c;
        if (!block || !first)
            return;
        struct definition d = {.node = i,
                               .line = s->nodes[i].line,
                               .body = block,
                               .function = block,
                               .kind = SYMBOL_TEST};
        d.text = walk_string(w, first, &d.n);
        uint32_t symbol = walk_define(w, &d);
        if (symbol)
            walk_enter(w, i, symbol, walk_scope(w)->function);
    }
}

void define_ruby(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    switch (walk_type(w, i)) {
    case NODE_method:
    case NODE_singleton_method:
        ruby_method(w, i);
        break;
    case NODE_class:
    case NODE_module:
        ruby_class(w, i);
        break;
    case NODE_singleton_class:
        walk_enter(w, i, 0, false);
        break;
    case NODE_assignment:
        ruby_assignment(w, i);
        break;
    case NODE_call:
        ruby_call(w, i);
        break;
    case NODE_identifier: // `private` alone hides what follows
        if (s->nodes[s->nodes[i].parent].role == ROLE_BLOCK && !walk_scope(w)->function) {
            if (syntax_text_is(s, i, "private") || syntax_text_is(s, i, "protected"))
                walk_scope(w)->access = ACCESS_HIDDEN;
            else if (syntax_text_is(s, i, "public"))
                walk_scope(w)->access = ACCESS_PUBLIC;
        }
        break;
    default:
        break;
    }
}

// --- shells

// bats writes its tests as commands: "@test "name" {" and, later, "}".
static bool inside_function(struct walk *w) {
    return walk_scope(w)->function || w->in_bats;
}

static void bash_assignment(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), parent = s->nodes[i].parent;
    size_t n;
    if (!name || s->nodes[name].role != ROLE_IDENTIFIER)
        return;
    bool declared = walk_type(w, parent) == NODE_declaration_command;
    if (inside_function(w)) {
        bool local =
            declared && (walk_starts(w, parent, "local") || walk_starts(w, parent, "declare") ||
                         walk_starts(w, parent, "typeset"));
        walk_mark(w, name, local ? MARK_LOCAL : MARK_WRITE);
        return;
    }
    if (walk_type(w, parent) == NODE_command) // VAR=x command
        return;
    const char *text = walk_text(w, name, &n);
    uint32_t pooled = make_name(w->m, text, n);
    if (make_has_ref(w->m, pooled, REF_SEEN, 0)) {
        walk_mark(w, name, MARK_WRITE);
        return;
    }
    make_ref(w->m, pooled, REF_SEEN, 0, s->nodes[name].line);
    struct definition d = {.node = i,
                           .outer = declared ? parent : i,
                           .name = name,
                           .kind = SYMBOL_VARIABLE,
                           .flags =
                               declared && walk_starts(w, parent, "export") ? SYMBOL_EXPORTED : 0};
    if (declared && (walk_starts(w, parent, "readonly") || walk_starts(w, parent, "declare -r")))
        d.kind = SYMBOL_CONSTANT;
    (void)walk_define(w, &d);
}

// trap f EXIT, run f: the word is a function's name.
static void bash_command(struct walk *w, uint32_t i) {
    static const char *const runners[] = {"trap", "run",   "command", "exec",
                                          "time", "retry", "eval"};
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    uint32_t word = name ? syntax_first_named(s, name) : 0;
    uint32_t argument = name ? syntax_next_named(s, name) : 0;
    if (word && syntax_text_is(s, word, "}"))
        w->in_bats = false;
    if (!word || !argument)
        return;
    if (text_in(w, word, runners, sizeof runners / sizeof *runners) &&
        walk_type(w, argument) == NODE_word)
        walk_mark(w, argument, MARK_USE);
    if (syntax_text_is(s, word, "@test") && s->nodes[argument].role == ROLE_STRING) {
        struct definition d = {.node = i, .line = s->nodes[i].line, .kind = SYMBOL_TEST};
        d.text = walk_string(w, argument, &d.n);
        (void)walk_define(w, &d);
        w->in_bats = true;
    }
}

void define_bash(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    switch (walk_type(w, i)) {
    case NODE_function_definition: {
        uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
        struct definition d = {.node = i,
                               .name = name,
                               .body = syntax_child(s, i, FIELD_ROLE_BODY),
                               .function = i,
                               .kind = SYMBOL_FUNCTION,
                               .flags = SYMBOL_EXPORTED};
        if (name && walk_starts(w, name, "test_"))
            d.kind = SYMBOL_TEST;
        if (name && syntax_text_is(s, name, "main"))
            d.flags |= SYMBOL_ENTRY;
        walk_enter(w, i, walk_define(w, &d), true);
        break;
    }
    case NODE_variable_assignment:
        bash_assignment(w, i);
        break;
    case NODE_declaration_command: // local a b
        if (inside_function(w))
            for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c))
                if (walk_type(w, c) == NODE_variable_name)
                    walk_mark(w, c, MARK_LOCAL);
        break;
    case NODE_for_statement:
        for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c))
            if (walk_type(w, c) == NODE_variable_name)
                walk_mark(w, c, inside_function(w) ? MARK_LOCAL : MARK_WRITE);
        break;
    case NODE_command:
        bash_command(w, i);
        break;
    default:
        break;
    }
}
