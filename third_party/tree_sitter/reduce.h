// Reductions and what else of stack and parser is replaced.
#pragma once

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
    n->position = length_add(n->position, ts_subtree_total_size(subtree));
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
