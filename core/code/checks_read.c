// What the checks ask of the tree.
#include "core/code/checks_impl.h"

#include <string.h>

bool check_spend(struct checks *c, uint32_t subtree) {
    c->budget -= c->s->nodes[subtree].next - subtree;
    return c->budget > 0;
}

uint32_t check_unwrap(const struct checks *c, uint32_t i) {
    while (c->s->nodes[i].role == ROLE_PARENTHESES) {
        uint32_t inner = syntax_first_named(c->s, i);
        if (!inner || syntax_next_named(c->s, inner))
            break;
        i = inner;
    }
    return i;
}

uint32_t check_operator(const struct checks *c, uint32_t i) {
    uint32_t op = syntax_child(c->s, i, FIELD_ROLE_OPERATOR);
    if (op)
        return op;
    for (op = syntax_first(c->s, i); op; op = syntax_sibling(c->s, op)) {
        uint8_t role = c->s->nodes[op].role;
        if (role >= ROLE_OP_AND && role <= ROLE_OP_OTHER && !syntax_named(c->s, op))
            return op;
    }
    return 0;
}

uint32_t check_left(const struct checks *c, uint32_t i) {
    uint32_t left = syntax_child(c->s, i, FIELD_ROLE_LEFT);
    return left ? left : syntax_first_named(c->s, i);
}

uint32_t check_right(const struct checks *c, uint32_t i) {
    uint32_t right = syntax_child(c->s, i, FIELD_ROLE_RIGHT);
    if (right)
        return right;
    uint32_t left = syntax_first_named(c->s, i);
    return left ? syntax_next_named(c->s, left) : 0;
}

uint32_t check_function(const struct checks *c, uint32_t i) {
    while (i) {
        i = c->s->nodes[i].parent;
        if (c->s->nodes[i].role == ROLE_FUNCTION || c->s->nodes[i].role == ROLE_LAMBDA)
            return i;
    }
    return 0;
}

uint32_t check_named_count(const struct checks *c, uint32_t i) {
    uint32_t n = 0;
    for (uint32_t k = syntax_first_named(c->s, i); k; k = syntax_next_named(c->s, k))
        n++;
    return n;
}

uint32_t check_named(const struct checks *c, uint32_t i, uint32_t nth) {
    uint32_t k = syntax_first_named(c->s, i);
    while (k && nth-- > 0)
        k = syntax_next_named(c->s, k);
    return k;
}

// Backwards, so that a block of many statements costs each of them its neighbour only.
uint32_t check_previous_named(const struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    uint32_t parent = nodes[i].parent;
    while (i > parent + 1) {
        i--;
        while (nodes[i].parent != parent)
            i = nodes[i].parent;
        if (syntax_named(c->s, i) && nodes[i].role != ROLE_COMMENT)
            return i;
    }
    return 0;
}

uint32_t check_tokens(struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    uint32_t n = 0;
    if (!check_spend(c, i))
        return 0;
    for (uint32_t k = i; k < nodes[i].next; k++) {
        if (nodes[k].role == ROLE_COMMENT) {
            k = nodes[k].next - 1;
            continue;
        }
        n += nodes[k].next == k + 1 && nodes[k].end > nodes[k].start;
    }
    return n;
}

bool check_has_role(struct checks *c, uint32_t i, enum role role) {
    if (!check_spend(c, i))
        return false;
    for (uint32_t k = i; k < c->s->nodes[i].next; k++)
        if (c->s->nodes[k].role == role)
            return true;
    return false;
}

static bool says(const struct checks *c, uint32_t i, const char *text, size_t n) {
    const struct node *at = &c->s->nodes[i];
    return at->end - at->start == n && memcmp(c->s->text + at->start, text, n) == 0;
}

static bool has_leaf(struct checks *c, uint32_t i, const char *text, size_t n) {
    if (!check_spend(c, i))
        return true; // what is mentioned is left alone
    for (uint32_t k = i; k < c->s->nodes[i].next; k++)
        if (c->s->nodes[k].next == k + 1 && says(c, k, text, n))
            return true;
    return false;
}

bool check_has_text(struct checks *c, uint32_t i, const char *word) {
    return has_leaf(c, i, word, strlen(word));
}

bool check_has_name(struct checks *c, uint32_t i, uint32_t name) {
    size_t n;
    const char *text = syntax_text(c->s, name, &n);
    return has_leaf(c, i, text, n);
}

bool check_pure(struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    if (!check_spend(c, i))
        return false;
    for (uint32_t k = i; k < nodes[i].next; k++) {
        switch ((enum role)nodes[k].role) {
        case ROLE_CALL:
        case ROLE_NEW:
        case ROLE_ASSIGN:
        case ROLE_AUGMENTED_ASSIGN:
        case ROLE_UPDATE:
        case ROLE_AWAIT:
        case ROLE_YIELD:
        case ROLE_ERROR:
        case ROLE_MISSING:
        case ROLE_LAMBDA:
        case ROLE_BLOCK:
            return false;
        default:
            if (nodes[k].end - nodes[k].start == 2 && nodes[k].next == k + 1 &&
                memcmp(c->s->text + nodes[k].start, "<-", 2) == 0) // receives from a channel
                return false;
        }
    }
    return true;
}

bool check_commented(struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    uint32_t last = syntax_end_line(c->s, i), looked = 0;
    for (uint32_t k = i; k < c->s->count && nodes[k].line <= last; k++) {
        if (nodes[k].role == ROLE_COMMENT)
            return true;
        c->budget--;
    }
    for (uint32_t k = i; k-- > 0 && looked < 256; looked++) {
        if (nodes[k].role == ROLE_COMMENT && syntax_end_line(c->s, k) + 1 >= nodes[i].line)
            return true;
        if (nodes[k].line + 1 < nodes[i].line && nodes[k].next == k + 1)
            break;
    }
    return false;
}

bool check_starts_with(const struct checks *c, uint32_t i, const char *prefix) {
    size_t n = strlen(prefix);
    const struct node *at = &c->s->nodes[i];
    return at->end - at->start >= n && memcmp(c->s->text + at->start, prefix, n) == 0;
}

bool check_is_constant_name(const struct checks *c, uint32_t i) {
    size_t n, upper = 0;
    const char *text = syntax_text(c->s, i, &n);
    for (size_t k = 0; k < n; k++) {
        if (text[k] >= 'A' && text[k] <= 'Z')
            upper++;
        else if (text[k] != '_' && !(text[k] >= '0' && text[k] <= '9'))
            return false;
    }
    return upper > 1;
}

bool check_words_have(const char *list, const char *text, size_t n) {
    while (*list) {
        size_t m = strcspn(list, " ");
        if (m == n && memcmp(list, text, n) == 0)
            return true;
        list += m + (list[m] != '\0');
    }
    return false;
}

bool check_one_of(const struct checks *c, uint32_t i, const char *list) {
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    return n > 0 && check_words_have(list, text, n);
}

uint32_t check_callee(const struct checks *c, uint32_t call) {
    uint32_t callee = syntax_child(c->s, call, FIELD_ROLE_FUNCTION);
    return callee ? callee : syntax_child(c->s, call, FIELD_ROLE_NAME);
}

uint32_t check_callee_name(const struct checks *c, uint32_t call) {
    uint32_t at = check_callee(c, call);
    while (at && c->s->nodes[at].next > at + 1) {
        uint32_t last = 0;
        if (c->s->nodes[at].role != ROLE_MEMBER)
            return 0;
        for (uint32_t k = syntax_first_named(c->s, at); k; k = syntax_next_named(c->s, k))
            last = k;
        at = last;
    }
    return at;
}

uint32_t check_arguments(const struct checks *c, uint32_t call) {
    return syntax_child(c->s, call, FIELD_ROLE_ARGUMENTS);
}

bool check_leaves(const struct checks *c, uint32_t statement) {
    uint32_t at = statement;
    if (c->s->nodes[at].role == ROLE_EXPRESSION_STATEMENT)
        at = syntax_first_named(c->s, at);
    if (!at)
        return false;
    switch ((enum role)c->s->nodes[at].role) {
    case ROLE_RETURN:
    case ROLE_THROW:
    case ROLE_BREAK:
    case ROLE_CONTINUE:
    case ROLE_GOTO:
        return true;
    default:
        return false;
    }
}
