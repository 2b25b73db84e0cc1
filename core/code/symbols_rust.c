// Definitions of Rust.
#include "core/code/facts_tree.h"

#include <string.h>

static uint8_t exported(struct walk *w, uint32_t i) {
    uint32_t around = walk_scope(w)->node;
    enum node_type type = around ? walk_type(w, around) : NODE_OTHER;
    if (type == NODE_trait_item || type == NODE_enum_item)
        return walk_scope(w)->hidden ? 0 : SYMBOL_EXPORTED;
    for (uint32_t c = syntax_first_named(w->s, i); c; c = syntax_next_named(w->s, c))
        if (walk_type(w, c) == NODE_visibility_modifier)
            return SYMBOL_EXPORTED;
    return 0;
}

// Attributes stand before the item as siblings, and the array has no way back to them: their text
// is read backwards.
static bool has_attribute(const struct walk *w, uint32_t i, const char *ending) {
    const struct syntax *s = w->s;
    size_t m = strlen(ending);
    uint32_t at = s->nodes[i].start;
    while (at) { // "#[…]" and white space
        uint32_t end = at;
        while (end && strchr(" \t\r\n", s->text[end - 1]))
            end--;
        if (!end || s->text[end - 1] != ']' || at - end > 4096)
            return false;
        uint32_t start = end;
        while (start && s->text[start - 1] != '#' && end - start < 512)
            start--;
        if (!start || s->text[start] != '[')
            return false;
        const char *text = s->text + start + 1;
        size_t n = end - 1 - (start + 1);
        const char *bracket = memchr(text, '(', n);
        size_t path = bracket ? (size_t)(bracket - text) : n;
        if (path >= m && memcmp(text + path - m, ending, m) == 0 &&
            (path == m || text[path - m - 1] == ':' || text[path - m - 1] == '_'))
            return true;
        at = start - 1;
    }
    return false;
}

static bool in_items_of(struct walk *w, enum node_type type) {
    uint32_t node = walk_scope(w)->node;
    return node && walk_type(w, node) == type;
}

static void define_function(struct walk *w, uint32_t i, bool signature) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME), around = walk_scope(w)->node;
    bool in_impl = in_items_of(w, NODE_impl_item), in_trait = in_items_of(w, NODE_trait_item);
    struct definition d = {.node = i,
                           .name = name,
                           .body = syntax_child(s, i, FIELD_ROLE_BODY),
                           .parameters = syntax_child(s, i, FIELD_ROLE_PARAMETERS),
                           .function = signature ? 0 : i,
                           .kind = in_impl || in_trait ? SYMBOL_METHOD : SYMBOL_FUNCTION,
                           .flags = exported(w, i)};
    if (!name)
        return;
    if (signature)
        d.flags |= SYMBOL_DECLARATION;
    if (has_attribute(w, i, "test") || has_attribute(w, i, "test_case"))
        d.kind = SYMBOL_TEST;
    // A trait's method is called through the trait.
    bool of_trait = in_impl && walk_has_word(w, around, "for");
    if (of_trait || syntax_text_is(s, name, "main") || has_attribute(w, i, "no_mangle") ||
        has_attribute(w, i, "main") || has_attribute(w, i, "export"))
        d.flags |= SYMBOL_ENTRY | (of_trait ? SYMBOL_EXPORTED : 0);
    walk_enter(w, i, walk_define(w, &d), true);
}

static void define_class(struct walk *w, uint32_t i, enum symbol_kind kind) {
    const struct syntax *s = w->s;
    uint32_t name = syntax_child(s, i, FIELD_ROLE_NAME);
    struct definition d = {.node = i, .body = syntax_child(s, i, FIELD_ROLE_BODY), .kind = kind};
    if (kind == SYMBOL_NAMESPACE && walk_type(w, i) == NODE_impl_item) {
        uint32_t type = syntax_child(s, i, FIELD_ROLE_TYPE);
        name = type ? walk_leaf(w, type) : 0;
        if (!name)
            d.text = type ? walk_text(w, type, &d.n) : NULL;
        else
            d.text = walk_text(w, name, &d.n); // a use of the type as well: not marked
        d.line = s->nodes[i].line;
    } else {
        d.name = name;
        d.flags = exported(w, i);
    }
    bool hidden = walk_scope(w)->hidden || (kind == SYMBOL_CLASS && !(d.flags & SYMBOL_EXPORTED));
    uint32_t symbol = walk_define(w, &d);
    walk_enter(w, i, symbol, false);
    walk_scope(w)->hidden = hidden;
}

static void define_one(struct walk *w, uint32_t i, enum symbol_kind kind) {
    struct definition d = {.node = i,
                           .name = syntax_child(w->s, i, FIELD_ROLE_NAME),
                           .kind = kind,
                           .flags = exported(w, i)};
    if (walk_scope(w)->function)
        walk_mark(w, d.name, MARK_LOCAL);
    else if (d.name && !syntax_text_is(w->s, d.name, "_"))
        (void)walk_define(w, &d);
}

static void define_module(struct walk *w, uint32_t i) {
    uint32_t name = syntax_child(w->s, i, FIELD_ROLE_NAME);
    size_t n;
    if (syntax_child(w->s, i, FIELD_ROLE_BODY)) {
        define_class(w, i, SYMBOL_NAMESPACE);
        walk_scope(w)->hidden = false;
        return;
    }
    if (!name)
        return;
    const char *text = walk_text(w, name, &n); // mod x; — a file of its own
    make_import(w->m, &(struct fact_import){.module = make_name(w->m, text, n),
                                            .line = w->s->nodes[i].line,
                                            .local = 1});
    w->skip_to = w->s->nodes[i].next;
}

// name(…) inside of a macro's arguments.
static void mark_calls(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    for (uint32_t c = syntax_first(s, i); c; c = syntax_sibling(s, c)) {
        uint32_t behind = s->nodes[c].role == ROLE_IDENTIFIER ? syntax_sibling(s, c) : 0;
        if (behind && walk_type(w, behind) == NODE_token_tree && walk_starts(w, behind, "("))
            walk_mark(w, c, MARK_CALL);
    }
}

void define_rust(struct walk *w, uint32_t i) {
    switch (walk_type(w, i)) {
    case NODE_function_item:
        define_function(w, i, false);
        break;
    case NODE_function_signature_item:
        define_function(w, i, true);
        break;
    case NODE_struct_item:
    case NODE_enum_item:
    case NODE_union_item:
    case NODE_trait_item:
        define_class(w, i, SYMBOL_CLASS);
        break;
    case NODE_impl_item:
        define_class(w, i, SYMBOL_NAMESPACE);
        break;
    case NODE_mod_item:
        define_module(w, i);
        break;
    case NODE_const_item:
        define_one(w, i, SYMBOL_CONSTANT);
        break;
    case NODE_static_item:
        define_one(w, i, SYMBOL_VARIABLE);
        break;
    case NODE_type_item:
    case NODE_associated_type:
        define_one(w, i, SYMBOL_TYPE);
        break;
    case NODE_macro_definition: {
        struct definition d = {.node = i,
                               .name = syntax_child(w->s, i, FIELD_ROLE_NAME),
                               .kind = SYMBOL_MACRO,
                               .flags = has_attribute(w, i, "macro_export") ? SYMBOL_EXPORTED : 0};
        walk_enter(w, i, walk_define(w, &d), true);
        break;
    }
    case NODE_field_declaration:
        define_one(w, i, SYMBOL_FIELD);
        break;
    case NODE_enum_variant:
        define_one(w, i, SYMBOL_ENUMERATOR);
        break;
    case NODE_token_tree:
        mark_calls(w, i);
        break;
    case NODE_use_declaration:
    case NODE_extern_crate_declaration:
        walk_import(w, i);
        break;
    case NODE_attribute_item:
        w->skip_to = w->s->nodes[i].next;
        break;
    default:
        break;
    }
}
