// Chains of if and else: branches that do the same, conditions that were tested before.
#include "core/code/checks_impl.h"

#include <string.h>

enum { BRANCHES_MAX = 64, BRANCH_TOKENS_MIN = 3, CHAIN_TOKENS_MIN = 14, CASE_TOKENS_MIN = 30 };

struct branch {
    uint32_t condition; // 0 = else
    uint32_t body;
};
struct chain {
    struct branch branch[BRANCHES_MAX];
    uint32_t count;
    bool declares; // a branch has variables of its own: equal text may mean different things
};

static void push(struct chain *chain, uint32_t condition, uint32_t body) {
    if (chain->count < BRANCHES_MAX)
        chain->branch[chain->count++] = (struct branch){condition, body};
}

static void push_if(const struct checks *c, struct chain *chain, uint32_t i) {
    push(chain, syntax_child(c->s, i, FIELD_ROLE_CONDITION),
         syntax_child(c->s, i, FIELD_ROLE_CONSEQUENCE));
    chain->declares |= syntax_child(c->s, i, FIELD_ROLE_INITIALIZER) != 0;
}

// The alternative's own if, when it is one.
static uint32_t alternative(const struct checks *c, struct chain *chain, uint32_t k) {
    enum role role = check_role(c, k);
    if (role == ROLE_ELIF) {
        if (!check_is(c, LANG_PYTHON))
            return k;
        push_if(c, chain, k);
        return 0;
    }
    uint32_t inner = k;
    if (role == ROLE_ELSE && !check_is(c, LANG_RUBY)) {
        inner = syntax_child(c->s, k, FIELD_ROLE_BODY);
        inner = inner ? inner : syntax_first_named(c->s, k);
    }
    if (inner && check_role(c, inner) == ROLE_IF)
        return inner;
    push(chain, 0, inner);
    return 0;
}

static void collect(const struct checks *c, struct chain *chain, uint32_t head) {
    for (uint32_t at = head, next; at && chain->count < BRANCHES_MAX; at = next) {
        next = 0;
        push_if(c, chain, at);
        for (uint32_t k = syntax_first(c->s, at); k; k = syntax_sibling(c->s, k))
            if (check_role(c, k) == ROLE_ELIF || check_role(c, k) == ROLE_ELSE ||
                c->s->nodes[k].field == FIELD_ROLE_ALTERNATIVE)
                next = alternative(c, chain, k);
    }
}

static bool same_body(const struct checks *c, uint32_t a, uint32_t b) {
    if (!check_is(c, LANG_RUBY))
        return canon_same(c->s, a, b);
    a = syntax_first_named(c->s, a);
    b = syntax_first_named(c->s, b);
    while (a && b && canon_same(c->s, a, b)) {
        a = syntax_next_named(c->s, a);
        b = syntax_next_named(c->s, b);
    }
    return !a && !b;
}

// The condition gives a variable another type in each branch, or the branch is chosen at compile
// time: the same text is not the same code.
static bool is_typed(struct checks *c, uint32_t i, uint32_t condition) {
    if (check_is(c, LANG_CPP))
        return check_has_text(c, i, "constexpr");
    if (check_is(c, LANG_RUST))
        return check_has_text(c, condition, "let") || check_has_text(c, condition, "matches");
    if (check_is(c, LANG_JAVA))
        return check_has_text(c, condition, "instanceof");
    if (check_in(c, LANG(TYPESCRIPT) | LANG(TSX)))
        return check_has_text(c, condition, "typeof") ||
               check_has_text(c, condition, "instanceof") || check_has_text(c, condition, "in") ||
               check_has_role(c, condition, ROLE_CALL);
    return false;
}

static bool is_worth_it(struct checks *c, uint32_t a, uint32_t b, uint32_t tokens) {
    return check_tokens(c, a) >= tokens && !check_commented(c, a) && !check_commented(c, b) &&
           !check_has_role(c, a, ROLE_PREPROC_IF);
}

static void identical(struct checks *c, uint32_t head, const struct chain *chain) {
    uint32_t n = chain->count;
    const struct branch *last = &chain->branch[n - 1], *before = &chain->branch[n - 2];
    if (c->test || last->condition || !last->body || !before->body || !before->condition ||
        !same_body(c, before->body, last->body))
        return;
    bool braces = check_has_text(c, last->body, "{");
    uint32_t tokens = n == 2 ? BRANCH_TOKENS_MIN + (braces ? 2 : 0) : CHAIN_TOKENS_MIN;
    if (check_is(c, LANG_RUBY))
        tokens = n == 2 ? 2 : CHAIN_TOKENS_MIN;
    if (!is_worth_it(c, before->body, last->body, tokens) || is_typed(c, head, before->condition))
        return;
    (void)check_report(c, "identical-branches", last->body,
                       "else does the same as the branch on line %u",
                       c->s->nodes[before->body].line);
}

static const char PURE_CALLS[] =
    "strcmp strcasecmp strncmp strncasecmp memcmp isinstance issubclass hasattr callable "
    "startswith "
    "endswith startsWith endsWith equals equalsIgnoreCase includes contains has hasOwnProperty len "
    "HasPrefix HasSuffix Contains EqualFold is_null is_some is_none is_empty isEmpty starts_with "
    "ends_with isArray isdigit isalpha isspace start_with? end_with? include? is_a? nil? empty?";

static bool gives_the_same_twice(struct checks *c, uint32_t condition) {
    const struct node *nodes = c->s->nodes;
    if (!check_spend(c, condition))
        return false;
    for (uint32_t k = condition; k < nodes[condition].next; k++) {
        switch ((enum role)nodes[k].role) {
        case ROLE_CALL: {
            uint32_t name = check_callee_name(c, k);
            if (!name || !check_one_of(c, name, PURE_CALLS))
                return false;
            break;
        }
        case ROLE_ASSIGN:
        case ROLE_AUGMENTED_ASSIGN:
        case ROLE_UPDATE:
        case ROLE_AWAIT:
        case ROLE_YIELD:
        case ROLE_NEW:
        case ROLE_LAMBDA:
        case ROLE_DECLARATOR:
        case ROLE_VARIABLE:
            return false;
        default:
            if (nodes[k].next == k + 1 && check_one_of(c, k, "<- let"))
                return false;
        }
    }
    return true;
}

static void repeated(struct checks *c, const struct chain *chain) {
    for (uint32_t b = 1; b < chain->count; b++) {
        uint32_t later = chain->branch[b].condition;
        for (uint32_t a = 0; later && a < b; a++) {
            uint32_t earlier = chain->branch[a].condition;
            if (!earlier || !canon_same(c->s, earlier, later) || !gives_the_same_twice(c, later))
                continue;
            (void)check_report(c, "repeated-condition", later,
                               "the same condition was tested on line %u",
                               c->s->nodes[earlier].line);
            break;
        }
    }
}

static void if_chain(struct checks *c, uint32_t i) {
    uint32_t parent = c->s->nodes[i].parent;
    struct chain chain = {.count = 0};
    if (check_role(c, parent) == ROLE_ELSE && !check_in(c, LANG(PYTHON) | LANG(RUBY)))
        return; // part of a longer chain
    if (c->s->nodes[i].field == FIELD_ROLE_ALTERNATIVE && check_role(c, parent) == ROLE_IF)
        return;
    if (!syntax_child(c->s, i, FIELD_ROLE_ALTERNATIVE) && !syntax_child_role(c->s, i, ROLE_ELSE))
        return;
    collect(c, &chain, i);
    if (chain.count < 2 || chain.declares)
        return;
    identical(c, i, &chain);
    repeated(c, &chain);
}

static void ternary(struct checks *c, uint32_t i) {
    uint32_t yes = syntax_child(c->s, i, FIELD_ROLE_CONSEQUENCE),
             no = syntax_child(c->s, i, FIELD_ROLE_ALTERNATIVE),
             condition = syntax_child(c->s, i, FIELD_ROLE_CONDITION);
    if (check_is(c, LANG_PYTHON)) { // a if c else b
        yes = check_named(c, i, 0);
        condition = check_named(c, i, 1);
        no = check_named(c, i, 2);
    }
    if (c->test || !yes || !no || !condition || !canon_same(c->s, yes, no) ||
        is_typed(c, i, condition) || check_has_role(c, i, ROLE_COMMENT) ||
        (check_in(c, CHECK_C) && check_role(c, yes) == ROLE_NUMBER))
        return;
    (void)check_report(c, "identical-branches", i, "both results are the same");
}

static uint32_t first_statement(const struct checks *c, uint32_t item) {
    uint32_t colon = 0;
    for (uint32_t k = syntax_first(c->s, item); k && !colon; k = syntax_sibling(c->s, k))
        if (syntax_text_is(c->s, k, ":"))
            colon = k;
    return colon ? syntax_next_named(c->s, colon) : 0;
}

static bool same_statements(const struct checks *c, uint32_t a, uint32_t b) {
    uint32_t x = first_statement(c, a), y = first_statement(c, b);
    if (!x || !y)
        return false;
    while (x && y && canon_same(c->s, x, y)) {
        x = syntax_next_named(c->s, x);
        y = syntax_next_named(c->s, y);
    }
    return !x && !y;
}

// Neighbours only, and only what is long enough to have been copied.
static void case_pair(struct checks *c, uint32_t i) {
    uint32_t before = check_previous_named(c, i);
    // `switch {` of Go is a chain of conditions, and their order may be the point.
    if (check_is(c, LANG_GO) && !syntax_child(c->s, c->s->nodes[i].parent, FIELD_ROLE_VALUE))
        return;
    if (c->test)
        return;
    if (!before || check_role(c, before) != ROLE_CASE ||
        check_role(c, c->s->nodes[i].parent) == ROLE_PREPROC_IF ||
        syntax_type_is(c->s, i, "type_case") || syntax_type_is(c->s, i, "communication_case") ||
        !same_statements(c, before, i) || !is_worth_it(c, before, i, CASE_TOKENS_MIN))
        return;
    (void)check_report(c, "identical-branches", i, "does the same as the case on line %u",
                       c->s->nodes[before].line);
}

const struct check_row checks_branches[] = {
    {CHECK_ALL & ~LANG(BASH), ROLE_IF, if_chain},
    {CHECK_ALL & ~LANG(BASH), ROLE_TERNARY, ternary},
    {CHECK_BRACES | LANG(GO), ROLE_CASE, case_pair},
    {0, 0, NULL},
};
