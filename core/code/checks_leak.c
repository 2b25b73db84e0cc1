// What is opened and not released on some way out of the function. Each mention of the variable
// is classified; one that hands it to somebody unknown ends the search, so that only resources
// that the function surely owns are reported.
#include "core/code/checks_leak.h"

#include <string.h>

static bool same_text(const struct checks *c, uint32_t a, uint32_t b) {
    size_t n, m;
    const char *x = syntax_text(c->s, a, &n), *y = syntax_text(c->s, b, &m);
    return n == m && memcmp(x, y, n) == 0;
}

static bool inside(const struct checks *c, uint32_t i, uint32_t root) {
    return i >= root && i < c->s->nodes[root].next;
}

// All mentions in the function behind the opening. False: too many, or its address is taken, or
// the budget is used up.
static bool collect(struct checks *c, struct leak *leak) {
    const struct node *nodes = c->s->nodes;
    // Declared here, it ends with its block: what has the same name outside is another one.
    bool scoped = nodes[leak->open].role == ROLE_DECLARATOR || check_is(c, LANG_GO);
    if (!check_spend(c, leak->function))
        return false;
    for (uint32_t k = leak->function; k < nodes[leak->function].next; k++) {
        if (nodes[k].role != ROLE_IDENTIFIER || !same_text(c, k, leak->name) ||
            inside(c, k, leak->open) || (scoped && !inside(c, k, leak->list)))
            continue;
        enum mention kind = leak->language->classify(c, leak, k);
        if (kind == MENTION_NONE || (k < leak->open && kind != MENTION_GIVE_UP))
            continue;
        if (kind == MENTION_GIVE_UP || leak->count == LEAK_MENTIONS_MAX)
            return false;
        leak->at[leak->count] = k;
        leak->kind[leak->count++] = (uint8_t)kind;
    }
    return true;
}

static bool has_kind(const struct leak *leak, enum mention kind) {
    for (uint32_t k = 0; k < leak->count; k++)
        if (leak->kind[k] == kind)
            return true;
    return false;
}

static bool in_finally(const struct checks *c, const struct leak *leak) {
    for (uint32_t k = 0; k < leak->count; k++)
        if (leak->kind[k] == MENTION_RELEASE && syntax_ancestor(c->s, leak->at[k], ROLE_FINALLY))
            return true;
    return false;
}

// The last statement of the list around `i` leaves it for good.
static bool list_leaves(const struct checks *c, uint32_t list) {
    uint32_t last = 0;
    for (uint32_t k = syntax_first_named(c->s, list); k; k = syntax_next_named(c->s, k))
        last = k;
    if (!last)
        return false;
    if (check_role(c, last) == ROLE_NONE && check_is(c, LANG_GO)) // statement_list
        return list_leaves(c, last);
    if (check_role(c, last) == ROLE_RETURN || check_role(c, last) == ROLE_THROW ||
        check_role(c, last) == ROLE_GOTO)
        return true;
    uint32_t call =
        check_role(c, last) == ROLE_EXPRESSION_STATEMENT ? syntax_first_named(c->s, last) : 0;
    uint32_t name = call && check_role(c, call) == ROLE_CALL ? check_callee_name(c, call) : 0;
    return name && check_one_of(c, name, "exit _exit abort Fatal Fatalf panic longjmp Exit");
}

// Can what happens at `k` have happened when `way_out` runs? `k` stands before it.
static bool reaches(const struct checks *c, uint32_t k, uint32_t way_out) {
    const struct node *nodes = c->s->nodes;
    uint32_t below = k;
    for (uint32_t up = nodes[k].parent;; up = nodes[up].parent) {
        if (inside(c, way_out, up)) {
            // Both under one if: in its two branches they exclude each other.
            bool k_branch = nodes[below].field == FIELD_ROLE_CONSEQUENCE;
            return !(check_role(c, up) == ROLE_IF && k_branch);
        }
        if (check_role(c, up) == ROLE_BLOCK && list_leaves(c, up))
            return false;
        if (check_role(c, up) == ROLE_IF && check_role(c, below) != ROLE_BLOCK &&
            nodes[below].field == FIELD_ROLE_CONSEQUENCE && check_leaves(c, below))
            return false;
        if (up == 0)
            return true;
        below = up;
    }
}

static bool mentions_test(const struct checks *c, const struct leak *leak, uint32_t root) {
    for (uint32_t k = 0; k < leak->count; k++)
        if (leak->kind[k] == MENTION_TEST && inside(c, leak->at[k], root))
            return true;
    return false;
}

// A branch that is taken when there is nothing to release: its condition asks about the resource,
// or about the error that came with it.
static bool is_failure_branch(struct checks *c, const struct leak *leak, uint32_t way_out) {
    const struct node *nodes = c->s->nodes;
    for (uint32_t up = nodes[way_out].parent; up != leak->list && up; up = nodes[up].parent) {
        enum role role = check_role(c, up);
        if (role == ROLE_PREPROC_IF || role == ROLE_PREPROC_ELSE || role == ROLE_PREPROC_ELIF ||
            role == ROLE_LAMBDA || role == ROLE_FUNCTION || role == ROLE_CATCH)
            return true;
        if (inside(c, leak->open, up))
            return true; // if (!(f = fopen(…))) return
        if (role != ROLE_IF && role != ROLE_SWITCH && role != ROLE_WHILE && role != ROLE_TERNARY)
            continue;
        uint32_t condition = syntax_child(c->s, up, FIELD_ROLE_CONDITION);
        if (role == ROLE_SWITCH || !condition)
            condition = up;
        if (mentions_test(c, leak, condition))
            return true;
        if (leak->error && up == leak->error_test && check_has_name(c, condition, leak->error))
            return true;
    }
    return false;
}

static bool is_way_out(const struct checks *c, const struct leak *leak, uint32_t k) {
    return check_role(c, k) == ROLE_RETURN && k > leak->open &&
           check_function(c, k) == leak->function && inside(c, k, leak->list);
}

// Released at mention m in a branch that leaves, of a test of the resource itself: behind that
// branch there is none, `if (f) { …; fclose(f); return r; }`.
static bool was_valid_branch(const struct checks *c, const struct leak *leak, uint32_t m,
                             uint32_t way_out) {
    const struct node *nodes = c->s->nodes;
    uint32_t below = leak->at[m];
    for (uint32_t up = nodes[below].parent; up != leak->list && up; up = nodes[up].parent) {
        if (inside(c, way_out, up))
            return false;
        uint32_t condition =
            check_role(c, up) == ROLE_IF && nodes[below].field == FIELD_ROLE_CONSEQUENCE
                ? syntax_child(c->s, up, FIELD_ROLE_CONDITION)
                : 0;
        if (condition && list_leaves(c, below) && mentions_test(c, leak, condition))
            return true;
        below = up;
    }
    return false;
}

static uint32_t leaking_way_out(struct checks *c, const struct leak *leak) {
    const struct node *nodes = c->s->nodes;
    if (!check_spend(c, leak->list))
        return 0;
    for (uint32_t k = nodes[leak->statement].next; k < nodes[leak->list].next; k++) {
        if (!is_way_out(c, leak, k))
            continue;
        bool safe = check_has_name(c, k, leak->name);
        for (uint32_t m = 0; m < leak->count && !safe; m++)
            safe = leak->at[m] < k &&
                   (leak->kind[m] == MENTION_RELEASE || leak->kind[m] == MENTION_ESCAPE) &&
                   (reaches(c, leak->at[m], k) || was_valid_branch(c, leak, m, k));
        if (!safe && !is_failure_branch(c, leak, k))
            return k;
    }
    return 0;
}

// The statement of the opening and the list that holds it.
static bool place(const struct checks *c, struct leak *leak) {
    const struct node *nodes = c->s->nodes;
    uint32_t at = leak->open;
    for (uint32_t up = nodes[at].parent; up; at = up, up = nodes[up].parent) {
        enum role role = check_role(c, up);
        if (role == ROLE_BLOCK || role == ROLE_CASE || role == ROLE_DEFAULT ||
            (role == ROLE_NONE && check_is(c, LANG_GO) &&
             syntax_type_is(c->s, up, "statement_list"))) {
            leak->statement = at;
            leak->list = up;
            return true;
        }
        if (role == ROLE_FUNCTION || role == ROLE_LAMBDA || role == ROLE_FOR ||
            role == ROLE_WHILE || role == ROLE_PREPROC_IF)
            return false;
    }
    return false;
}

// The first statement behind the opening that looks at the error that came with it.
static void find_error_test(struct checks *c, struct leak *leak) {
    for (uint32_t k = syntax_next_named(c->s, leak->statement); k && leak->error;
         k = syntax_next_named(c->s, k)) {
        if (check_role(c, k) == ROLE_IF || check_role(c, k) == ROLE_SWITCH) {
            leak->error_test = check_has_name(c, k, leak->error) ? k : 0;
            return;
        }
        if (check_role(c, k) == ROLE_ASSIGN && check_has_name(c, check_left(c, k), leak->error))
            return;
    }
}

void leak_check(struct checks *c, struct leak *leak) {
    leak->function = check_function(c, leak->open);
    if (!leak->function || c->test || !place(c, leak) || check_commented(c, leak->open))
        return;
    find_error_test(c, leak);
    if (!collect(c, leak))
        return;
    const char *what = leak->language->released;
    if (!has_kind(leak, MENTION_RELEASE)) {
        if (leak->language->needs_release || has_kind(leak, MENTION_ESCAPE))
            return;
        (void)check_report(c, "resource-leak", leak->open, "%.*s is never %s",
                           check_length(c, leak->name), check_text(c, leak->name), what);
        return;
    }
    if (in_finally(c, leak))
        return;
    uint32_t way_out = leaking_way_out(c, leak);
    if (way_out)
        (void)check_report(c, "resource-leak", way_out, "%.*s of line %u is not %s on this way out",
                           check_length(c, leak->name), check_text(c, leak->name),
                           c->s->nodes[leak->open].line, what);
}
