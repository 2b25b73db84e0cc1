// Expressions that say something else than they seem to, or nothing at all.
#include "core/code/checks_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_literal(const struct checks *c, uint32_t i) {
    switch (check_role(c, i)) {
    case ROLE_NUMBER:
    case ROLE_STRING:
    case ROLE_CHARACTER:
    case ROLE_BOOLEAN:
    case ROLE_NULL:
        return true;
    default:
        return false;
    }
}

static bool text_mentions(const char *text, size_t n, const char *word) {
    size_t m = strlen(word);
    for (size_t k = 0; k + m <= n; k++)
        if (strncasecmp(text + k, word, m) == 0)
            return true;
    return false;
}

// x != x is how one asks for NaN where there is no function for it: the name of the function, the
// line or one beside it says so. And what defines equality tests it with itself.
static bool is_about_nan(const struct checks *c, uint32_t i) {
    uint32_t function = check_function(c, i);
    uint32_t name = function ? syntax_name(c->s, function) : 0;
    const char *text = c->s->text, *from = text + c->s->nodes[i].start,
               *to = text + c->s->nodes[i].end;
    for (int lines = 0; from > text && lines < 2; from -= lines < 2)
        lines += from[-1] == '\n';
    for (int lines = 0; to < text + c->s->bytes && lines < 2; to++)
        lines += *to == '\n';
    if (text_mentions(from, (size_t)(to - from), "nan"))
        return true;
    size_t n = 0;
    text = name ? syntax_text(c->s, name, &n) : "";
    return text_mentions(text, n, "nan") || text_mentions(text, n, "equal") ||
           text_mentions(text, n, "isinf") || text_mentions(text, n, "finite") ||
           (name && check_one_of(c, name, "eq __eq__ __ne__ operator== isNumber is"));
}

static void same_operands(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i);
    if (!op)
        return;
    enum role kind = check_role(c, op);
    bool compares = kind == ROLE_OP_EQUAL || kind == ROLE_OP_UNEQUAL || kind == ROLE_OP_COMPARE;
    bool joins = kind == ROLE_OP_AND || kind == ROLE_OP_OR || syntax_text_is(c->s, op, "&") ||
                 syntax_text_is(c->s, op, "|");
    if (!compares && !joins)
        return;
    uint32_t left = check_left(c, i), right = check_right(c, i);
    if (!left || !right || left == right || syntax_next_named(c->s, right) ||
        c->s->nodes[left].symbol != c->s->nodes[right].symbol || !canon_same(c->s, left, right))
        return;
    if (is_literal(c, left) || check_is_constant_name(c, left) || !check_pure(c, i) || c->test ||
        syntax_ancestor(c->s, i, ROLE_ASSERT) || c->s->nodes[i].field == FIELD_ROLE_TYPE)
        return;
    if ((kind == ROLE_OP_EQUAL || kind == ROLE_OP_UNEQUAL) && is_about_nan(c, i))
        return;
    // Where a name may hold anything, the idiom needs no word beside it.
    if (kind == ROLE_OP_UNEQUAL && check_in(c, CHECK_JS | LANG(PYTHON)) &&
        check_role(c, left) == ROLE_IDENTIFIER)
        return;
    for (uint32_t up = c->s->nodes[i].parent; up; up = c->s->nodes[up].parent)
        if (check_role(c, up) == ROLE_PREPROC_IF || check_role(c, up) == ROLE_PREPROC_ELIF) {
            if (c->s->nodes[i].line == c->s->nodes[up].line)
                return;
            break;
        }
    (void)check_report(c, compares ? "self-comparison" : "identical-operands", i,
                       "`%.*s` stands on both sides of `%.*s`", check_length(c, left),
                       check_text(c, left), check_length(c, op), check_text(c, op));
}

// --- x = x

static uint32_t only(const struct checks *c, uint32_t list) {
    if (!list || !check_is(c, LANG_GO) || check_role(c, list) != ROLE_NONE)
        return list;
    return check_named_count(c, list) == 1 ? syntax_first_named(c->s, list) : 0;
}

// The whole line goes, when nothing else is on it.
static void fix_by_removing(const struct checks *c, struct finding *f, uint32_t statement) {
    const char *text = c->s->text;
    uint32_t start = c->s->nodes[statement].start, end = c->s->nodes[statement].end;
    if (end < c->s->bytes && text[end] == ';')
        end++;
    while (start > 0 && (text[start - 1] == ' ' || text[start - 1] == '\t'))
        start--;
    if (end < c->s->bytes && text[end] == '\n' && (start == 0 || text[start - 1] == '\n'))
        check_fix(f, start, end + 1, "%s", "");
}

static bool is_simple(const struct checks *c, uint32_t i) {
    return check_role(c, i) == ROLE_IDENTIFIER || check_role(c, i) == ROLE_MEMBER ||
           check_role(c, i) == ROLE_INDEX;
}

static void self_assignment(struct checks *c, uint32_t i) {
    uint32_t left = only(c, check_left(c, i)), right = only(c, check_right(c, i));
    uint32_t op = check_operator(c, i);
    if (!left || !right || !op || !syntax_text_is(c->s, op, "=") || !is_simple(c, left) ||
        !canon_same(c->s, left, right) || !check_pure(c, right))
        return;
    uint32_t parent = c->s->nodes[i].parent, function = check_function(c, i);
    if (check_role(c, left) != ROLE_IDENTIFIER && check_in(c, CHECK_JS | LANG(RUBY)) &&
        !check_starts_with(c, left, "this."))
        return; // a setter may do something: location.href = location.href
    // A class or a module copies a name from outside on purpose.
    if (check_in(c, LANG(PYTHON) | LANG(RUBY)) &&
        (!function || syntax_ancestor(c->s, i, ROLE_CLASS) > function ||
         syntax_ancestor(c->s, i, ROLE_TRY) > function))
        return;
    if (c->test || check_commented(c, i) || check_is_constant_name(c, left) ||
        check_has_role(c, left, ROLE_CALL))
        return;
    if (check_role(c, parent) != ROLE_EXPRESSION_STATEMENT && !check_is(c, LANG_GO))
        return;
    if (check_in(c, CHECK_C) && function && check_has_text(c, function, "volatile"))
        return; // reading and writing it is the point
    struct finding *f = check_report(c, "self-assignment", i, "%.*s is assigned to itself",
                                     check_length(c, left), check_text(c, left));
    uint32_t statement = check_is(c, LANG_GO) ? i : parent;
    uint32_t block = c->s->nodes[statement].parent;
    if (check_role(c, left) == ROLE_IDENTIFIER && check_named_count(c, block) > 1 &&
        (check_role(c, block) == ROLE_BLOCK || check_is(c, LANG_GO)))
        fix_by_removing(c, f, statement);
}

// --- conditions

static bool is_true(const struct checks *c, uint32_t i) {
    enum role role = check_role(c, i);
    if (role == ROLE_BOOLEAN)
        return syntax_text_is(c->s, i, "true") || syntax_text_is(c->s, i, "True");
    return (role == ROLE_NUMBER && !syntax_text_is(c->s, i, "0")) ||
           (role == ROLE_STRING && c->s->nodes[i].end - c->s->nodes[i].start > 2 &&
            check_in(c, CHECK_JS | LANG(PYTHON) | LANG(RUBY)));
}

static bool is_false(const struct checks *c, uint32_t i) {
    enum role role = check_role(c, i);
    if (role == ROLE_BOOLEAN)
        return !is_true(c, i);
    return role == ROLE_NUMBER && syntax_text_is(c->s, i, "0") && !check_is(c, LANG_RUBY);
}

// `x || true`, `x == "a" || "b"`, `x && false`: down the chain of operands.
static uint32_t deciding_operand(struct checks *c, uint32_t condition) {
    uint32_t at = check_unwrap(c, condition);
    while (check_role(c, at) == ROLE_BINARY && c->budget-- > 0) {
        uint32_t op = check_operator(c, at), left = check_left(c, at), right = check_right(c, at);
        if (!op || !left || !right)
            return 0;
        enum role kind = check_role(c, op);
        if (kind != ROLE_OP_OR && kind != ROLE_OP_AND)
            return 0;
        if (kind == ROLE_OP_OR && (is_true(c, right) || is_true(c, left)))
            return is_true(c, right) ? right : left;
        if (kind == ROLE_OP_AND && (is_false(c, right) || is_false(c, left)))
            return is_false(c, right) ? right : left;
        at = check_unwrap(c, left);
    }
    return 0;
}

static bool jumps(const struct checks *c, uint32_t body) {
    if (!body)
        return false;
    uint32_t only = check_role(c, body) == ROLE_BLOCK ? syntax_first_named(c->s, body) : body;
    return only && check_leaves(c, only);
}

static void constant_condition(struct checks *c, uint32_t i) {
    uint32_t condition = syntax_child(c->s, i, FIELD_ROLE_CONDITION);
    if (!condition && check_is(c, LANG_PYTHON) && check_role(c, i) == ROLE_TERNARY)
        condition = check_named(c, i, 1);
    uint32_t at = condition ? check_unwrap(c, condition) : 0;
    if (!at || check_role(c, condition) == ROLE_KEYWORD)
        return;
    bool literal =
        check_role(c, at) == ROLE_BOOLEAN ||
        (check_role(c, at) == ROLE_NUMBER && check_in(c, CHECK_C | CHECK_JS | LANG(PYTHON)));
    if (check_in(c, CHECK_C) && literal && is_true(c, at))
        return; // if (1) { makes a scope
    uint32_t decides = 0;
    if (check_role(c, i) == ROLE_TERNARY && check_in(c, CHECK_C))
        return; // macros use it to look at types
    if (!literal) {
        decides = deciding_operand(c, condition);
        if (!decides)
            return;
    }
    if (c->test || (literal && check_commented(c, at)) || check_has_role(c, i, ROLE_LABEL) ||
        check_has_role(c, i, ROLE_YIELD) || check_has_role(c, i, ROLE_CASE) ||
        check_has_text(c, i, "constexpr"))
        return;
    // if (true) return x; keeps compilers of Java from calling the rest unreachable.
    if (check_is(c, LANG_JAVA) && literal &&
        jumps(c, syntax_child(c->s, i, FIELD_ROLE_CONSEQUENCE)))
        return;
    if (literal)
        (void)check_report(c, "constant-condition", at, "the condition is always `%.*s`",
                           check_length(c, at), check_text(c, at));
    else
        (void)check_report(c, "constant-condition", decides,
                           "`%.*s` decides the condition, whatever the rest says",
                           check_length(c, decides), check_text(c, decides));
}

static void assignment_in_condition(struct checks *c, uint32_t i) {
    uint32_t condition = syntax_child(c->s, i, FIELD_ROLE_CONDITION);
    if (!condition || check_role(c, condition) != ROLE_PARENTHESES)
        return;
    uint32_t at = syntax_first_named(c->s, condition);
    if (!at || check_role(c, at) != ROLE_ASSIGN || syntax_next_named(c->s, at))
        return;
    uint32_t right = check_right(c, at), op = check_operator(c, at);
    if (!right || !op || !syntax_text_is(c->s, op, "="))
        return;
    right = check_unwrap(c, right);
    bool literal = is_literal(c, right);
    // A loop that fetches the next element, an if that tests what a call gave: both are habits.
    if (!literal && (check_role(c, i) != ROLE_IF || check_role(c, right) == ROLE_INDEX ||
                     !is_simple(c, right) || !check_pure(c, right)))
        return;
    if (check_is(c, LANG_JAVA) && check_role(c, i) != ROLE_IF && !literal)
        return;
    struct finding *f =
        check_report(c, "assignment-in-condition", at, "`%.*s` assigns; was `==` meant?",
                     check_length(c, at), check_text(c, at));
    if (f && !literal)
        f->confidence = 85;
}

// --- numbers

// Has the decimal literal no exact value in binary? 0.5 and 3.0 have, 0.1 has not.
static bool is_inexact(const struct checks *c, uint32_t i) {
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    char number[40], *end;
    if (n >= sizeof number || n < 3 || !memchr(text, '.', n) || text[1] == 'x' || text[1] == 'X')
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    double value = strtod(number, &end);
    if (end == number || !isfinite(value))
        return false;
    double scaled = value * 1048576.0; // 2^20: any fraction a person means exactly
    return scaled != floor(scaled);
}

static void float_equality(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i);
    if (!op || (check_role(c, op) != ROLE_OP_EQUAL && check_role(c, op) != ROLE_OP_UNEQUAL))
        return;
    uint32_t left = check_left(c, i), right = check_right(c, i);
    if (!left || !right)
        return;
    uint32_t number = check_role(c, right) == ROLE_NUMBER  ? right
                      : check_role(c, left) == ROLE_NUMBER ? left
                                                           : 0;
    if (!number || is_literal(c, number == right ? left : right) || !is_inexact(c, number) ||
        c->test || syntax_ancestor(c->s, i, ROLE_ASSERT))
        return;
    (void)check_report(c, "float-equality", i, "%.*s has no exact binary value",
                       check_length(c, number), check_text(c, number));
}

static bool is_nan(const struct checks *c, uint32_t i) {
    if (check_role(c, i) == ROLE_IDENTIFIER)
        return (check_in(c, CHECK_JS) && syntax_text_is(c->s, i, "NaN")) ||
               (check_in(c, CHECK_C) && syntax_text_is(c->s, i, "NAN"));
    return check_one_of(c, i,
                        "Number.NaN Double.NaN Float.NaN f64::NAN f32::NAN std::f64::NAN "
                        "std::f32::NAN math.nan np.nan numpy.nan math.NaN() float('nan') "
                        "float(\"nan\") float('NaN') Float::NAN");
}

static void nan_comparison(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i);
    if (!op || (check_role(c, op) != ROLE_OP_EQUAL && check_role(c, op) != ROLE_OP_UNEQUAL &&
                check_role(c, op) != ROLE_OP_COMPARE))
        return;
    if (check_starts_with(c, op, "is")) // identity is another question
        return;
    uint32_t left = check_left(c, i), right = check_right(c, i);
    if (left && right && (is_nan(c, left) || is_nan(c, right)))
        (void)check_report(c, "nan-comparison", i, "`%.*s` with NaN is always %s",
                           check_length(c, op), check_text(c, op),
                           check_role(c, op) == ROLE_OP_UNEQUAL ? "true" : "false");
}

// --- precedence

static bool is_constant(const struct checks *c, uint32_t i) {
    return check_role(c, i) == ROLE_NUMBER || check_role(c, i) == ROLE_CHARACTER ||
           (check_role(c, i) == ROLE_IDENTIFIER && check_is_constant_name(c, i));
}

// flags & MASK == 0: the comparison binds tighter in the family of C.
static void mask_compared(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i), left = check_left(c, i), right = check_right(c, i);
    if (!op || !left || !right ||
        !(syntax_text_is(c->s, op, "&") || syntax_text_is(c->s, op, "|") ||
          syntax_text_is(c->s, op, "^")) ||
        check_role(c, right) != ROLE_BINARY || !is_simple(c, left))
        return;
    uint32_t inner = check_operator(c, right);
    if (!inner ||
        (check_role(c, inner) != ROLE_OP_EQUAL && check_role(c, inner) != ROLE_OP_UNEQUAL))
        return;
    uint32_t mask = check_left(c, right), value = check_right(c, right);
    if (mask && value && is_constant(c, mask) && is_constant(c, value))
        (void)check_report(c, "precedence-trap", i, "`%.*s` is compared first, then `%.*s`",
                           check_length(c, right), check_text(c, right), check_length(c, op),
                           check_text(c, op));
}

// !a in b, !a == 3
static void not_compared(struct checks *c, uint32_t i) {
    uint32_t left = check_left(c, i), op = check_operator(c, i), right = check_right(c, i);
    if (!left || !right || check_role(c, left) != ROLE_UNARY || !check_starts_with(c, left, "!") ||
        check_starts_with(c, left, "!!"))
        return;
    op = op ? op : syntax_child_role(c->s, i, ROLE_KEYWORD);
    if (!op)
        return;
    bool membership = check_in(c, CHECK_JS) && check_one_of(c, op, "in instanceof");
    bool equality = check_role(c, op) == ROLE_OP_EQUAL || check_role(c, op) == ROLE_OP_UNEQUAL;
    bool odd = is_constant(c, right) && !syntax_text_is(c->s, right, "0") &&
               !syntax_text_is(c->s, right, "1") && !syntax_text_is(c->s, right, "TRUE") &&
               !syntax_text_is(c->s, right, "FALSE");
    if (check_role(c, right) == ROLE_STRING && !check_in(c, CHECK_C))
        odd = true;
    if (membership || (equality && odd))
        (void)check_report(c, "precedence-trap", i, "`!` is applied before `%.*s`",
                           check_length(c, op), check_text(c, op));
}

// if ((fd = open(…) < 0)): the variable gets the result of the comparison.
static void assigned_comparison(struct checks *c, uint32_t i) {
    uint32_t right = check_right(c, i), parent = c->s->nodes[i].parent;
    if (!right || check_role(c, right) != ROLE_BINARY || check_role(c, parent) != ROLE_PARENTHESES)
        return;
    uint32_t up = c->s->nodes[parent].parent;
    while (check_role(c, up) == ROLE_PARENTHESES)
        up = c->s->nodes[up].parent;
    if (check_role(c, up) != ROLE_IF && check_role(c, up) != ROLE_WHILE)
        return;
    uint32_t op = check_operator(c, right), call = check_left(c, right),
             value = check_right(c, right);
    if (!op || !call || !value || check_role(c, call) != ROLE_CALL)
        return;
    bool trap = (syntax_text_is(c->s, op, "<") && syntax_text_is(c->s, value, "0")) ||
                syntax_text_is(c->s, value, "-1") || check_role(c, value) == ROLE_NULL;
    if (trap)
        (void)check_report(c, "precedence-trap", i,
                           "`%.*s` gets the result of the comparison, not of the call",
                           check_length(c, check_left(c, i)), check_text(c, check_left(c, i)));
}

const struct check_row checks_logic[] = {
    {CHECK_ALL & ~LANG(BASH), ROLE_BINARY, same_operands},
    {CHECK_ALL & ~LANG(BASH), ROLE_ASSIGN, self_assignment},
    {CHECK_ALL & ~LANG(BASH), ROLE_IF, constant_condition},
    {CHECK_ALL & ~LANG(BASH), ROLE_ELIF, constant_condition},
    {CHECK_ALL & ~LANG(BASH), ROLE_UNLESS, constant_condition},
    {CHECK_ALL & ~LANG(BASH), ROLE_TERNARY, constant_condition},
    {CHECK_BRACES, ROLE_IF, assignment_in_condition},
    {CHECK_BRACES, ROLE_WHILE, assignment_in_condition},
    {CHECK_ALL & ~LANG(BASH), ROLE_BINARY, float_equality},
    {CHECK_ALL & ~LANG(BASH), ROLE_BINARY, nan_comparison},
    {CHECK_C | CHECK_JS, ROLE_BINARY, mask_compared},
    {CHECK_C | CHECK_JS, ROLE_BINARY, not_compared},
    {CHECK_C, ROLE_ASSIGN, assigned_comparison},
    {0, 0, NULL},
};
