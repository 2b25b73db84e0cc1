// Traps of Go and Java.
#include "core/code/checks_impl.h"

#include <string.h>

static bool is_error_name(const struct checks *c, uint32_t i) {
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    return check_role(c, i) == ROLE_IDENTIFIER && n >= 3 &&
           ((n == 3 && memcmp(text, "err", 3) == 0) || memcmp(text + n - 3, "Err", 3) == 0);
}

// Byte in the file of the nth verb's letter (from 0) of a format; 0 when it has flags, when verbs
// are numbered, or when one of them is %w already.
static uint32_t plain_verb(const struct checks *c, uint32_t format, uint32_t nth) {
    size_t n;
    const char *text = syntax_text(c->s, format, &n);
    uint32_t seen = 0, found = 0;
    for (size_t k = 0; k + 1 < n; k++) {
        if (text[k] != '%')
            continue;
        k++;
        if (text[k] == '%')
            continue;
        if (!strchr("vsdqxXTtbcoUeEfFgGp", text[k]))
            return 0;
        if (seen++ == nth)
            found = c->s->nodes[format].start + (uint32_t)k;
    }
    return found;
}

// Handed back, or kept for that: what only goes to a log needs no chain.
static bool is_handed_back(const struct checks *c, uint32_t call) {
    uint32_t up = c->s->nodes[call].parent;
    while (check_role(c, up) == ROLE_NONE && up)
        up = c->s->nodes[up].parent;
    return check_role(c, up) == ROLE_RETURN || check_role(c, up) == ROLE_ASSIGN;
}

static void errorf(struct checks *c, uint32_t i) {
    uint32_t callee = check_callee(c, i), arguments = check_arguments(c, i);
    if (!callee || !arguments || c->test || !syntax_text_is(c->s, callee, "fmt.Errorf"))
        return;
    uint32_t format = syntax_first_named(c->s, arguments);
    if (!format || check_role(c, format) != ROLE_STRING || !is_handed_back(c, i))
        return;
    uint32_t nth = 0, error = 0, error_nth = 0;
    for (uint32_t k = syntax_next_named(c->s, format); k; k = syntax_next_named(c->s, k), nth++)
        if (is_error_name(c, k)) {
            if (error)
                return;
            error = k;
            error_nth = nth;
        }
    // e, ok := err.(error): it comes from recover() and need not be one.
    uint32_t function = check_function(c, i);
    if (error && function && check_spend(c, function))
        for (uint32_t k = function; k < c->s->nodes[function].next; k++)
            if (syntax_type_is(c->s, k, "type_assertion_expression") && check_has_name(c, k, error))
                return;
    uint32_t at = error ? plain_verb(c, format, error_nth) : 0;
    if (!at || (c->s->text[at] != 'v' && c->s->text[at] != 's') || check_commented(c, i))
        return;
    struct finding *f = check_report(c, "errorf-without-wrap", i, "%.*s is formatted with %%%c",
                                     check_length(c, error), check_text(c, error), c->s->text[at]);
    check_fix(f, at, at + 1, "w");
}

// The iteration that defers is the last one.
static bool leaves_behind(const struct checks *c, uint32_t i, uint32_t loop) {
    for (uint32_t at = i; at != loop; at = c->s->nodes[at].parent) {
        uint32_t last = 0;
        for (uint32_t k = syntax_next_named(c->s, at); k; k = syntax_next_named(c->s, k))
            last = k;
        if (last && (check_role(c, last) == ROLE_RETURN || check_role(c, last) == ROLE_BREAK))
            return true;
    }
    return false;
}

// Is the name given its value in the loop, with := as its own?
static bool is_made_in(struct checks *c, uint32_t loop, uint32_t name) {
    if (!check_spend(c, loop))
        return false;
    for (uint32_t k = loop; k < c->s->nodes[loop].next; k++) {
        uint32_t op = check_role(c, k) == ROLE_ASSIGN ? check_operator(c, k) : 0;
        if (op && syntax_text_is(c->s, op, ":=") && check_has_name(c, check_left(c, k), name) &&
            check_has_role(c, check_right(c, k), ROLE_CALL))
            return true;
    }
    return false;
}

// What each iteration takes and should give back: f.Close(), mutex.Unlock(), cancel(). Other calls
// are often collected for the function's end on purpose.
static bool is_give_back(struct checks *c, uint32_t loop, uint32_t defer) {
    uint32_t call = syntax_child_role(c->s, defer, ROLE_CALL);
    uint32_t callee = call ? check_callee(c, call) : 0,
             name = call ? check_callee_name(c, call) : 0;
    if (!name)
        return false;
    if (check_one_of(c, name, "Unlock RUnlock"))
        return true;
    if (!check_one_of(c, name, "Close cancel Stop Release Rollback"))
        return false;
    while (check_role(c, callee) == ROLE_MEMBER)
        callee = syntax_first_named(c->s, callee);
    return check_role(c, callee) == ROLE_IDENTIFIER && is_made_in(c, loop, callee);
}

static void defer_in_loop(struct checks *c, uint32_t i) {
    for (uint32_t up = c->s->nodes[i].parent; up; up = c->s->nodes[up].parent) {
        if (check_role(c, up) == ROLE_FUNCTION || check_role(c, up) == ROLE_LAMBDA)
            return;
        if (check_role(c, up) != ROLE_FOR)
            continue;
        if (!c->test && !leaves_behind(c, i, up) && !check_commented(c, i) &&
            is_give_back(c, up, i))
            (void)check_report(c, "defer-in-loop", i,
                               "runs when the function ends: the loop on line %u only collects it",
                               c->s->nodes[up].line);
        return;
    }
}

// "x".equals(s) stands in the same function: identity is only the short cut.
static bool is_shortcut(struct checks *c, uint32_t i, uint32_t string) {
    uint32_t function = check_function(c, i);
    if (!function || !check_spend(c, function))
        return false;
    for (uint32_t k = function; k < c->s->nodes[function].next; k++)
        if (k != string && check_role(c, k) == ROLE_STRING && canon_same(c->s, k, string) &&
            check_role(c, c->s->nodes[k].parent) != ROLE_BINARY)
            return true;
    return false;
}

// s == "x"
static void string_identity(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i), left = check_left(c, i), right = check_right(c, i);
    if (!op || !left || !right ||
        (check_role(c, op) != ROLE_OP_EQUAL && check_role(c, op) != ROLE_OP_UNEQUAL))
        return;
    bool is_right = check_role(c, right) == ROLE_STRING;
    uint32_t string = is_right ? right : left, other = is_right ? left : right;
    if (check_role(c, string) != ROLE_STRING || check_role(c, other) == ROLE_STRING ||
        check_role(c, other) == ROLE_NULL || check_commented(c, i) || is_shortcut(c, i, string))
        return;
    struct finding *f = check_report(c, "string-identity", i, "`%.*s` compares objects, not texts",
                                     check_length(c, op), check_text(c, op));
    const struct node *s = &c->s->nodes[string], *o = &c->s->nodes[check_unwrap(c, other)];
    check_fix(f, c->s->nodes[i].start, c->s->nodes[i].end, "%s%.*s.equals(%.*s)",
              check_role(c, op) == ROLE_OP_UNEQUAL ? "!" : "", (int)(s->end - s->start),
              c->s->text + s->start, (int)(o->end - o->start), c->s->text + o->start);
}

const struct check_row checks_go_java[] = {
    {LANG(GO), ROLE_CALL, errorf},
    {LANG(GO), ROLE_DEFER, defer_in_loop},
    {LANG(JAVA), ROLE_BINARY, string_identity},
    {0, 0, NULL},
};
