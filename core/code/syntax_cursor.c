// From a tree to the array by tree-sitter's public interface: for versions whose inside we do not
// know, and as what tests compare the other way with.
#include "core/code/syntax_impl.h"

#include "core/base/mem.h"

#ifdef PAIRED_TREES

struct ancestors {
    uint32_t *nodes, depth, capacity;
};

static int push(struct ancestors *a, uint32_t node) {
    if (a->depth == a->capacity) {
        uint32_t capacity = a->depth ? a->depth * 2 : 256;
        uint32_t *nodes = mem_realloc(a->nodes, capacity * sizeof *nodes);
        if (!nodes)
            return ERR_NOMEM;
        a->nodes = nodes;
        a->capacity = capacity;
    }
    a->nodes[a->depth++] = node;
    return 0;
}

static void put_node(struct syntax *s, const TSTreeCursor *cursor, uint32_t parent) {
    const struct grammar *g = s->grammar;
    TSNode node = ts_tree_cursor_current_node(cursor);
    TSFieldId field = s->count ? ts_tree_cursor_current_field_id(cursor) : 0;
    struct node *n = &s->nodes[s->count];
    n->start = ts_node_start_byte(node);
    n->end = ts_node_end_byte(node);
    n->line = ts_node_start_point(node).row + 1;
    n->parent = parent;
    n->symbol = ts_node_symbol(node);
    n->field = field <= g->field_count ? g->field[field] : FIELD_ROLE_OTHER;
    n->role = n->symbol < g->symbol_count ? g->role[n->symbol] : ROLE_ERROR;
    if (n->start == n->end && ts_node_is_missing(node))
        n->role = ROLE_MISSING;
    s->errors += n->role == ROLE_ERROR || n->role == ROLE_MISSING;
}

int syntax_flatten_cursor(struct syntax *s, const TSTree *tree) {
    TSTreeCursor cursor = ts_tree_cursor_new(ts_tree_root_node(tree));
    struct ancestors up = {0};
    int r;
    while ((r = syntax_grow(s)) == 0) {
        put_node(s, &cursor, up.depth ? up.nodes[up.depth - 1] : 0);
        uint32_t here = s->count++;
        if (ts_tree_cursor_goto_first_child(&cursor)) {
            r = push(&up, here);
            if (r < 0)
                break;
            continue;
        }
        s->nodes[here].next = s->count;
        while (up.depth && !ts_tree_cursor_goto_next_sibling(&cursor)) {
            s->nodes[up.nodes[--up.depth]].next = s->count;
            (void)ts_tree_cursor_goto_parent(&cursor);
        }
        if (!up.depth)
            break;
    }
    ts_tree_cursor_delete(&cursor);
    mem_free(up.nodes);
    return r;
}
#endif
