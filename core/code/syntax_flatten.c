// From a tree of tree-sitter to the array of struct syntax.
//
// A tree has nodes that are not visible (lists, inlined rules) and names that depend on the
// parent's production. The public interface walks over it by a cursor that keeps positions in three
// units and the way back from each node; here one pass from left to right adds up what each token
// takes.
//
// Source: tree-sitter 0.25.1, lib/src/subtree.h (what a subtree holds), tree_cursor.c (which nodes
// are visible, how a field passes through invisible ones).
#include "core/code/syntax_impl.h"

#include "core/base/mem.h"

#ifdef PAIRED_TREES

int syntax_grow(struct syntax *s) {
    if (s->count < s->capacity)
        return 0;
    if (s->capacity >= SYNTAX_NODES_MAX)
        return ERR_LIMIT;
    uint32_t capacity = s->capacity ? s->capacity * 2 : 4096;
    struct node *nodes = mem_realloc(s->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return ERR_NOMEM;
    s->nodes = nodes;
    s->capacity = capacity;
    return 0;
}

#ifdef PAIRED_TREE_UNIT
#include <language.h>
#include <tree.h>

enum {
    CACHE_LINE = 64,
    SENT_FOR_MAX = 16, // children; of lists with more the first
};

// A subtree whose children are being read.
struct syntax_frame {
    const Subtree *child, *end;
    const TSSymbol *alias; // of the next child that is not extra; NULL: there are none
    const TSFieldMapEntry *fields, *fields_end;
    uint32_t place;  // of the next child among those that are not extra
    uint32_t node;   // nearest visible node: the subtree's own, or the one around it
    bool is_visible; // it is its own
    TSFieldId field; // not visible: the field that it fills, which passes on to its children
};

struct walk {
    struct syntax *s;
    const TSLanguage *language;
    uint32_t byte, row; // behind the last token
    uint32_t depth;
};

static inline TSFieldId field_of(const struct syntax_frame *f, bool is_extra) {
    if (is_extra)
        return 0;
    for (const TSFieldMapEntry *m = f->fields; m < f->fields_end; m++)
        if (m->child_index == f->place && !m->inherited)
            return m->field_id;
    return f->field;
}

static inline uint32_t put_visible(struct walk *w, Subtree tree, TSSymbol symbol, TSFieldId field,
                                   uint32_t parent) {
    struct syntax *s = w->s;
    const struct grammar *g = s->grammar;
    struct node *n = &s->nodes[s->count];
    Length padding = ts_subtree_padding(tree);
    n->start = w->byte + padding.bytes;
    n->end = n->start + ts_subtree_size(tree).bytes;
    n->line = w->row + padding.extent.row + 1;
    n->next = s->count + 1;
    n->parent = parent;
    n->symbol =
        symbol < ts_builtin_sym_error_repeat ? w->language->public_symbol_map[symbol] : symbol;
    n->field = field <= g->field_count ? g->field[field] : FIELD_ROLE_OTHER;
    n->role = n->symbol < g->symbol_count ? g->role[n->symbol] : ROLE_ERROR;
    if (n->start == n->end && ts_subtree_missing(tree))
        n->role = ROLE_MISSING;
    s->errors += n->role == ROLE_ERROR || n->role == ROLE_MISSING;
    return s->count++;
}

// The pass is as slow as memory: a tree is larger than the caches, and its nodes lie in the order
// in which they were made. So the children are sent for when their parent is reached.
static inline void send_for(const Subtree *child, const Subtree *end) {
    if (end - child > SENT_FOR_MAX)
        end = child + SENT_FOR_MAX;
    for (; child < end; child++)
        if (!child->data.is_inline) {
            __builtin_prefetch(child->ptr);
            __builtin_prefetch((const char *)child->ptr - CACHE_LINE); // its own children
        }
}

static int enter(struct walk *w, Subtree tree, uint32_t node, bool is_visible, TSFieldId field) {
    struct syntax *s = w->s;
    if (w->depth == s->stack_capacity) {
        uint32_t capacity = w->depth ? w->depth * 2 : 256;
        struct syntax_frame *stack = mem_realloc(s->stack, capacity * sizeof *stack);
        if (!stack)
            return ERR_NOMEM;
        s->stack = stack;
        s->stack_capacity = capacity;
    }
    uint32_t production = tree.ptr->production_id;
    struct syntax_frame *f = &((struct syntax_frame *)s->stack)[w->depth++];
    f->child = ts_subtree_children(tree);
    f->end = f->child + tree.ptr->child_count;
    send_for(f->child, f->end);
    f->alias = ts_language_alias_sequence(w->language, production);
    ts_language_field_map(w->language, production, &f->fields, &f->fields_end);
    f->place = 0;
    f->node = node;
    f->is_visible = is_visible;
    f->field = field;
    return 0;
}

static int read_child(struct walk *w, struct syntax_frame *f) {
    struct syntax *s = w->s;
    Subtree tree = *f->child++;
    bool is_extra = ts_subtree_extra(tree);
    TSSymbol alias = f->alias && !is_extra ? f->alias[f->place] : 0;
    bool is_visible = alias || ts_subtree_visible(tree);
    uint32_t children = ts_subtree_child_count(tree), node = f->node;
    TSFieldId field = is_visible || children ? field_of(f, is_extra) : 0;
    f->place += !is_extra;
    if (is_visible) {
        int r = syntax_grow(s);
        if (r < 0)
            return r;
        node = put_visible(w, tree, alias ? alias : ts_subtree_symbol(tree), field, node);
    }
    if (children)
        return enter(w, tree, node, is_visible, is_visible ? 0 : field);
    Length all = ts_subtree_total_size(tree);
    w->byte += all.bytes;
    w->row += all.extent.row;
    return 0;
}

int syntax_flatten(struct syntax *s, const TSTree *tree) {
    struct walk w = {.s = s, .language = tree->language};
    int r = syntax_grow(s);
    if (r < 0)
        return r;
    uint32_t root = put_visible(&w, tree->root, ts_subtree_symbol(tree->root), 0, 0);
    if (ts_subtree_child_count(tree->root))
        r = enter(&w, tree->root, root, true, 0);
    while (r == 0 && w.depth) {
        struct syntax_frame *f = &((struct syntax_frame *)s->stack)[w.depth - 1];
        if (f->child < f->end) {
            r = read_child(&w, f);
            continue;
        }
        if (f->is_visible)
            s->nodes[f->node].next = s->count;
        w.depth--;
    }
    return r;
}
#else
int syntax_flatten(struct syntax *s, const TSTree *tree) {
    return syntax_flatten_cursor(s, tree);
}
#endif

#endif
