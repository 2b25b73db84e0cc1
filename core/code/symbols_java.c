// Definitions of Java.
#include "core/code/facts_tree.h"

#include <string.h>

static uint32_t modifiers_of(const struct walk *w, uint32_t i) {
    for (uint32_t c = syntax_first_named(w->s, i); c; c = syntax_next_named(w->s, c))
        if (walk_type(w, c) == NODE_modifiers)
            return c;
    return 0;
}

static bool in_interface(struct walk *w) {
    uint32_t node = walk_scope(w)->node;
    enum node_type type = node ? walk_type(w, node) : NODE_OTHER;
    return type == NODE_interface_declaration || type == NODE_annotation_type_declaration;
}

// Annotations that say something to the reader or the compiler only; others register.
static bool registers(const struct walk *w, uint32_t annotation) {
    static const char *const plain[] = {"Deprecated",
                                        "SuppressWarnings",
                                        "SafeVarargs",
                                        "Nullable",
                                        "NonNull",
                                        "NotNull",
                                        "Nonnull",
                                        "FunctionalInterface",
                                        "VisibleForTesting",
                                        "CheckForNull",
                                        "CanIgnoreReturnValue"};
    uint32_t name = syntax_child(w->s, annotation, FIELD_ROLE_NAME);
    for (size_t k = 0; name && k < sizeof plain / sizeof *plain; k++)
        if (syntax_text_is(w->s, name, plain[k]))
            return false;
    return true;
}

static bool is_test(const struct walk *w, uint32_t modifiers) {
    for (uint32_t c = modifiers ? syntax_first_named(w->s, modifiers) : 0; c;
         c = syntax_next_named(w->s, c)) {
        uint32_t name = syntax_child(w->s, c, FIELD_ROLE_NAME);
        size_t n;
        const char *text = name ? walk_text(w, name, &n) : NULL;
        if (text && n >= 4 && memcmp(text + n - 4, "Test", 4) == 0) // @ParameterizedTest too
            return true;
    }
    return false;
}

static uint8_t flags_of(struct walk *w, uint32_t i, uint32_t modifiers) {
    uint8_t flags = walk_scope(w)->function || walk_scope(w)->hidden ? 0 : SYMBOL_EXPORTED;
    (void)i;
    if (!modifiers)
        return flags;
    if (walk_has_word(w, modifiers, "private"))
        flags = 0;
    for (uint32_t c = syntax_first_named(w->s, modifiers); c; c = syntax_next_named(w->s, c)) {
        uint32_t name = syntax_child(w->s, c, FIELD_ROLE_NAME);
        if (w->s->nodes[c].role != ROLE_DECORATOR)
            continue;
        if (registers(w, c))
            flags |= SYMBOL_ENTRY;
        if (name && syntax_text_is(w->s, name, "Deprecated"))
            flags |= SYMBOL_DEPRECATED;
    }
    return flags;
}

static void define_method(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), modifiers = modifiers_of(w, i);
    struct definition d = {.node = i,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = syntax_child(s, i, FIELD_ROLE_PARAMETERS),
                           .kind = SYMBOL_METHOD,
                           .flags = flags_of(w, i, modifiers)};
    if (!name)
        return;
    d.function = d.body ? i : 0;
    if (!d.body)
        d.flags |= SYMBOL_DECLARATION;
    if (syntax_text_is(s, name, "main"))
        d.flags |= SYMBOL_ENTRY;
    if (is_test(w, modifiers) ||
        (walk_starts(w, name, "test") && walk_path_has(w, "Test.java") && d.body))
        d.kind = SYMBOL_TEST;
    walk_enter(w, i, walk_define(w, &d), true);
}

static void define_class(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t modifiers = modifiers_of(w, i);
    struct definition d = {.node = i,
                           .name = syntax_child(s, i, FIELD_ROLE_NAME),
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .kind = SYMBOL_CLASS,
                           .flags = flags_of(w, i, modifiers)};
    walk_enter(w, i, walk_define(w, &d), false);
    walk_scope(w)->hidden = !(d.flags & SYMBOL_EXPORTED);
}

static void define_fields(struct walk *w, uint32_t i, bool constant) {
    const struct syntax *s = w->s;
    uint32_t modifiers = modifiers_of(w, i);
    uint8_t flags = flags_of(w, i, modifiers);
    bool first = true;
    if (modifiers && walk_has_word(w, modifiers, "static") && walk_has_word(w, modifiers, "final"))
        constant = true;
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        if (s->nodes[c].role != ROLE_DECLARATOR)
            continue;
        struct definition d = {.node = first ? i : c,
                               .name = syntax_child(s, c, FIELD_ROLE_NAME),
                               .kind = constant || in_interface(w) ? SYMBOL_CONSTANT : SYMBOL_FIELD,
                               .flags = flags};
        (void)walk_define(w, &d);
        first = false;
    }
}

void define_java(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    switch (walk_type(w, i)) {
    case NODE_method_declaration:
    case NODE_constructor_declaration:
    case NODE_compact_constructor_declaration:
    case NODE_annotation_type_element_declaration:
        define_method(w, i);
        break;
    case NODE_class_declaration:
    case NODE_interface_declaration:
    case NODE_enum_declaration:
    case NODE_record_declaration:
    case NODE_annotation_type_declaration:
        define_class(w, i);
        break;
    case NODE_class_body: // of an anonymous class: its fields are no locals
        if (walk_type(w, s->nodes[i].parent) == NODE_object_creation_expression ||
            s->nodes[s->nodes[i].parent].role == ROLE_ENUMERATOR) {
            walk_enter(w, i, 0, false);
            walk_scope(w)->hidden = true;
        }
        break;
    case NODE_field_declaration:
        define_fields(w, i, false);
        break;
    case NODE_constant_declaration:
        define_fields(w, i, true);
        break;
    case NODE_local_variable_declaration:
        for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c))
            if (s->nodes[c].role == ROLE_DECLARATOR)
                walk_mark(w, syntax_child(s, c, FIELD_ROLE_NAME), MARK_LOCAL);
        break;
    case NODE_enum_constant: {
        struct definition d = {.node = i,
                               .name = syntax_child(s, i, FIELD_ROLE_NAME),
                               .kind = SYMBOL_ENUMERATOR,
                               .flags = walk_scope(w)->hidden ? 0 : SYMBOL_EXPORTED};
        (void)walk_define(w, &d);
        break;
    }
    case NODE_import_declaration:
        walk_import(w, i);
        break;
    case NODE_package_declaration:
        w->skip_to = s->nodes[i].next;
        break;
    case NODE_marker_annotation:
    case NODE_annotation:
        walk_mark(w, syntax_child(s, i, FIELD_ROLE_NAME), MARK_TYPE);
        break;
    default:
        break;
    }
}
