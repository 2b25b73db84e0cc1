// Reductions and what else of stack and parser is replaced.
#pragma once

// Adds padding and size of a subtree to a position, without passing structures of three numbers.
static inline void place_behind(Length *at, Subtree tree) {
    if (tree.data.is_inline) {
        uint32_t column = tree.data.padding_columns + tree.data.size_bytes;
        at->bytes += tree.data.padding_bytes + tree.data.size_bytes;
        at->extent.row += tree.data.padding_rows;
        at->extent.column = tree.data.padding_rows ? column : at->extent.column + column;
        return;
    }
    const SubtreeHeapData *t = tree.ptr;
    at->bytes += t->padding.bytes + t->size.bytes;
    if (t->padding.extent.row) {
        at->extent.row += t->padding.extent.row;
        at->extent.column = t->padding.extent.column;
    } else {
        at->extent.column += t->padding.extent.column;
    }
    if (t->size.extent.row) {
        at->extent.row += t->size.extent.row;
        at->extent.column = t->size.extent.column;
    } else {
        at->extent.column += t->size.extent.column;
    }
}

// What the core's ts_stack_push does, without clearing the seven links that a new node does not
// have.
void ts_stack_push(Stack *self, StackVersion version, Subtree subtree, bool pending,
                   TSStateId state) {
    StackHead *head = array_get(&self->heads, version);
    StackNode *below = head->node;
    StackNode *n = self->node_pool.size ? array_pop(&self->node_pool) : ts_malloc(sizeof *n);
    n->state = state;
    n->link_count = 1;
    n->ref_count = 1;
    n->links[0] = (StackLink){below, subtree, pending};
    n->position = below->position;
    n->error_cost = below->error_cost;
    n->node_count = below->node_count;
    n->dynamic_precedence = below->dynamic_precedence;
    head->node = n;
    if (!subtree.ptr) {
        head->node_count_at_last_error = n->node_count;
        return;
    }
    place_behind(&n->position, subtree);
    n->error_cost += ts_subtree_error_cost(subtree);
    n->node_count += stack__subtree_node_count(subtree);
    n->dynamic_precedence += ts_subtree_dynamic_precedence(subtree);
}

static StackVersion reduce(struct TSParser *self, StackVersion version, TSSymbol symbol,
                           uint32_t count, int dynamic_precedence, uint16_t production,
                           bool is_fragile, bool ends_extra);
static bool balance(struct TSParser *self);

// The node below `count` subtrees from the top, if each way there is the only one and nobody else
// holds a node of it; NULL otherwise. *ret: subtrees on the way, extras among them.
static StackNode *way_down(StackNode *top, uint32_t count, uint32_t *ret) {
    StackNode *n = top;
    uint32_t all = 0;
    while (count) {
        if (n->link_count != 1 || n->ref_count != 1 || !n->links[0].subtree.ptr)
            return NULL;
        bool extra = ts_subtree_extra(n->links[0].subtree);
        if (extra && !all) // behind the last child: goes back onto the stack
            return NULL;
        count -= !extra;
        all++;
        n = n->links[0].node;
    }
    *ret = all;
    return n;
}

// Takes `count` subtrees off; the nodes that held them go back to the pool.
static void take_off(Stack *stack, StackNode *n, uint32_t count, Subtree *ret) {
    while (count--) {
        ret[count] = n->links[0].subtree;
        StackNode *below = n->links[0].node;
        if (stack->node_pool.size < MAX_NODE_POOL_SIZE)
            stack->node_pool.contents[stack->node_pool.size++] = n;
        else
            ts_free(n);
        n = below;
    }
}

// What a parent knows of its children, added up from left to right.
struct sum {
    Length padding, size;
    uint32_t reach; // bytes that were looked at
    uint32_t cost, visible, named, descendants, place;
    int32_t precedence;
    bool tokens, changes, columns, errors; // of the external scanner; of the column; ERROR below
};

static inline void sum_child(struct sum *s, Subtree child, bool is_first, const TSSymbol *alias,
                             const TSLanguage *language) {
    bool extra = ts_subtree_extra(child), visible = ts_subtree_visible(child);
    TSSymbol symbol = ts_subtree_symbol(child);
    if (is_first) {
        s->padding = ts_subtree_padding(child);
        s->size = ts_subtree_size(child);
    } else {
        place_behind(&s->size, child);
    }
    uint32_t reach = s->padding.bytes + s->size.bytes + ts_subtree_lookahead_bytes(child);
    s->reach = reach > s->reach ? reach : s->reach;
    if (symbol != ts_builtin_sym_error_repeat)
        s->cost += ts_subtree_error_cost(child);
    TSSymbol other = alias && !extra && symbol ? alias[s->place] : 0;
    if (other || visible) {
        s->descendants++;
        s->visible++;
        s->named +=
            other ? ts_language_symbol_metadata(language, other).named : ts_subtree_named(child);
    }
    s->place += !extra;
    if (child.data.is_inline)
        return;
    const SubtreeHeapData *c = child.ptr;
    s->tokens |= c->has_external_tokens;
    s->changes |= c->has_external_scanner_state_change;
    s->errors |= symbol == ts_builtin_sym_error;
    if (!c->child_count)
        return;
    s->precedence += c->dynamic_precedence;
    s->descendants += c->visible_descendant_count;
    if (!other && !visible) {
        s->visible += c->visible_child_count;
        s->named += c->named_child_count;
    }
}

// Fills the parent that stands behind its children: a rule's node, neither ERROR nor a part of one.
static void make_parent(SubtreeHeapData *parent, TSSymbol symbol, uint32_t count,
                        uint16_t production, const TSLanguage *language) {
    const Subtree *children = (const Subtree *)parent - count;
    const TSSymbol *alias = ts_language_alias_sequence(language, production);
    TSSymbolMetadata is = language->symbol_metadata[symbol];
    struct sum s = {0};
    for (uint32_t i = 0; i < count; i++) {
        // Of the rows before this child.
        s.columns |= !s.size.extent.row && ts_subtree_depends_on_column(children[i]);
        sum_child(&s, children[i], i == 0, alias, language);
    }
    Subtree first = children[0], last = children[count - 1];
    *parent = (SubtreeHeapData){
        .ref_count = 1,
        .padding = s.padding,
        .size = s.size,
        .lookahead_bytes = s.reach - s.size.bytes - s.padding.bytes,
        .error_cost = s.cost,
        .child_count = count,
        .symbol = symbol,
        .visible = is.visible,
        .named = is.named,
        .fragile_left = s.errors || ts_subtree_fragile_left(first),
        .fragile_right = s.errors || ts_subtree_fragile_right(last),
        .has_external_tokens = s.tokens,
        .has_external_scanner_state_change = s.changes,
        .depends_on_column = s.columns,
        .visible_child_count = s.visible,
        .named_child_count = s.named,
        .visible_descendant_count = s.descendants,
        .dynamic_precedence = s.precedence,
        .production_id = production,
        .first_leaf = {ts_subtree_leaf_symbol(first), ts_subtree_leaf_parse_state(first)},
    };
    if (count >= 2 && !is.visible && !is.named && ts_subtree_symbol(first) == symbol) {
        uint32_t left = ts_subtree_repeat_depth(first), right = ts_subtree_repeat_depth(last);
        parent->repeat_depth = (left > right ? left : right) + 1;
    }
}
