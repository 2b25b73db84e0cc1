// Definitions of Go.
#include "core/code/facts_tree.h"

#include <string.h>

static uint8_t exported(const struct walk *w, uint32_t name) {
    size_t n;
    const char *text = walk_text(w, name, &n);
    return n && text[0] >= 'A' && text[0] <= 'Z' ? SYMBOL_EXPORTED : 0;
}

static bool is_test(const struct walk *w, uint32_t name) {
    static const char *const starts[] = {"Test", "Benchmark", "Fuzz", "Example"};
    size_t n, length = strlen(w->path);
    const char *text = walk_text(w, name, &n);
    if (length && (length < 8 || strcmp(w->path + length - 8, "_test.go") != 0))
        return false;
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
        size_t m = strlen(starts[k]);
        if (n >= m && memcmp(text, starts[k], m) == 0 &&
            !(n > m && text[m] >= 'a' && text[m] <= 'z'))
            return true;
    }
    return false;
}

static void define_function(struct walk *w, uint32_t i, bool method) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    if (!name)
        return;
    struct definition d = {.node = i,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = syntax_child(s, i, FIELD_ROLE_PARAMETERS),
                           .function = i,
                           .kind = method ? SYMBOL_METHOD : SYMBOL_FUNCTION,
                           .flags = exported(w, name)};
    if (!method && is_test(w, name))
        d.kind = SYMBOL_TEST;
    if (!method && (syntax_text_is(s, name, "main") || syntax_text_is(s, name, "init")))
        d.flags |= SYMBOL_ENTRY;
    walk_enter(w, i, walk_define(w, &d), true);
}

static void define_type(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), type = syntax_child(s, i, FIELD_ROLE_TYPE);
    uint32_t parent = s->nodes[i].parent;
    bool is_class = type && (walk_type(w, type) == NODE_struct_type ||
                             walk_type(w, type) == NODE_interface_type);
    struct definition d = {.node = i,
                           .name = name,
                           .body = is_class ? type : 0,
                           .kind = is_class ? SYMBOL_CLASS : SYMBOL_TYPE,
                           .flags = name ? exported(w, name) : 0};
    // `type` alone in front belongs to it; one of a group stands by itself.
    if (syntax_first_named(s, parent) == i && !syntax_next_named(s, i))
        d.outer = parent;
    uint32_t symbol = name ? walk_define(w, &d) : 0;
    if (is_class)
        walk_enter(w, i, symbol, false);
}

static void define_names(struct walk *w, uint32_t i, enum symbol_kind kind) {
    const struct syntax *s = w->s;
    const struct scope *scope = walk_scope(w);
    uint32_t parent = s->nodes[i].parent;
    bool alone = syntax_first_named(s, parent) == i && !syntax_next_named(s, i), first = true;
    for (uint32_t c = syntax_first(s, i); c; c = syntax_sibling(s, c)) {
        if (s->nodes[c].field != FIELD_ROLE_NAME || !syntax_named(s, c))
            continue;
        if (scope->function) {
            walk_mark(w, c, MARK_LOCAL);
            continue;
        }
        struct definition d = {.node = i, .name = c, .kind = kind, .flags = exported(w, c)};
        d.outer = alone && first ? parent : first ? i : c;
        if (!first)
            d.node = c;
        if (!syntax_text_is(s, c, "_"))
            (void)walk_define(w, &d);
        first = false;
    }
}

void define_go(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    switch (walk_type(w, i)) {
    case NODE_function_declaration:
        define_function(w, i, false);
        break;
    case NODE_method_declaration:
        define_function(w, i, true);
        break;
    case NODE_type_spec:
    case NODE_type_alias:
        define_type(w, i);
        break;
    case NODE_const_spec:
        define_names(w, i, SYMBOL_CONSTANT);
        break;
    case NODE_var_spec:
        define_names(w, i, SYMBOL_VARIABLE);
        break;
    case NODE_field_declaration:
        if (!walk_scope(w)->function)
            define_names(w, i, SYMBOL_FIELD);
        break;
    case NODE_method_elem: {
        uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
        struct definition d = {.node = i,
                               .name = name,
                               .parameters = syntax_child(s, i, FIELD_ROLE_PARAMETERS),
                               .kind = SYMBOL_METHOD,
                               .flags =
                                   (uint8_t)(SYMBOL_DECLARATION | (name ? exported(w, name) : 0))};
        if (name && !walk_scope(w)->function)
            (void)walk_define(w, &d);
        break;
    }
    case NODE_import_declaration:
        walk_import(w, i);
        break;
    case NODE_package_clause:
        w->skip_to = s->nodes[i].next;
        break;
    default:
        break;
    }
}
