// Traps of Python.
#include "core/code/checks_impl.h"

#include <stdio.h>
#include <string.h>

// --- def f(x=[])

static bool is_mutable(const struct checks *c, uint32_t value) {
    static const char types[] = "list dictionary set list_comprehension dictionary_comprehension "
                                "set_comprehension";
    const char *type = syntax_type(c->s, value);
    if (check_words_have(types, type, strlen(type)))
        return true;
    uint32_t callee = check_role(c, value) == ROLE_CALL ? check_callee(c, value) : 0;
    return callee && check_one_of(c, callee,
                                  "list dict set bytearray deque defaultdict OrderedDict Counter "
                                  "collections.deque collections.defaultdict "
                                  "collections.OrderedDict collections.Counter");
}

static const char CHANGES[] = "append extend insert add update setdefault pop popitem remove clear "
                              "sort reverse discard appendleft popleft";
// What is handed to a call may be changed there; that is not sure enough to be said.
enum use { USE_READ, USE_KEPT, USE_CHANGED, USE_REBOUND };

static enum use use_of(const struct checks *c, uint32_t name) {
    const struct node *nodes = c->s->nodes;
    uint32_t parent = nodes[name].parent, above = nodes[parent].parent;
    switch (check_role(c, parent)) {
    case ROLE_MEMBER: {
        uint32_t property = syntax_child(c->s, parent, FIELD_ROLE_PROPERTY);
        return nodes[name].field == FIELD_ROLE_OBJECT && check_role(c, above) == ROLE_CALL &&
                       nodes[parent].field == FIELD_ROLE_FUNCTION && property &&
                       check_one_of(c, property, CHANGES)
                   ? USE_CHANGED
                   : USE_READ;
    }
    case ROLE_INDEX:
        return nodes[parent].field == FIELD_ROLE_LEFT && nodes[name].field == FIELD_ROLE_VALUE &&
                       (check_role(c, above) == ROLE_ASSIGN ||
                        check_role(c, above) == ROLE_AUGMENTED_ASSIGN)
                   ? USE_CHANGED
                   : USE_READ;
    case ROLE_AUGMENTED_ASSIGN:
        return nodes[name].field == FIELD_ROLE_LEFT ? USE_CHANGED : USE_READ;
    case ROLE_ASSIGN:
        if (nodes[name].field == FIELD_ROLE_LEFT)
            return USE_REBOUND;
        return check_role(c, check_left(c, parent)) == ROLE_MEMBER ? USE_KEPT : USE_READ;
    case ROLE_RETURN:
    case ROLE_YIELD:
        return USE_KEPT;
    case ROLE_FOR: // for name in …
        return nodes[name].field == FIELD_ROLE_LEFT ? USE_REBOUND : USE_READ;
    default:
        return USE_READ;
    }
}

static enum use worst_use(struct checks *c, uint32_t body, uint32_t name) {
    enum use worst = USE_READ;
    uint32_t bytes = c->s->nodes[name].end - c->s->nodes[name].start;
    if (!check_spend(c, body))
        return USE_READ;
    for (uint32_t k = body; k < c->s->nodes[body].next; k++) {
        const struct node *n = &c->s->nodes[k];
        if (n->role != ROLE_IDENTIFIER || n->end - n->start != bytes ||
            memcmp(check_text(c, k), check_text(c, name), bytes) != 0)
            continue;
        enum use use = use_of(c, k);
        worst = use > worst ? use : worst;
    }
    return worst;
}

static uint32_t first_after_text(const struct checks *c, uint32_t body) {
    uint32_t k = syntax_first_named(c->s, body);
    uint32_t inner =
        k && check_role(c, k) == ROLE_EXPRESSION_STATEMENT ? syntax_first_named(c->s, k) : 0;
    return inner && check_role(c, inner) == ROLE_STRING ? syntax_next_named(c->s, k) : k;
}

// `None` in the head, and the value made at the start of the body. The head between the two goes
// along as it is.
static void fix_default(const struct checks *c, struct finding *f, uint32_t name, uint32_t value,
                        uint32_t body) {
    uint32_t first = first_after_text(c, body);
    const char *text = c->s->text;
    if (!f || !first || c->s->nodes[first].line <= c->s->nodes[value].line ||
        syntax_end_line(c->s, value) != c->s->nodes[value].line)
        return;
    uint32_t start = c->s->nodes[value].start, end = c->s->nodes[value].end,
             into = c->s->nodes[first].start, line = into;
    while (line > 0 && text[line - 1] != '\n')
        line--;
    for (uint32_t k = line; k < into; k++)
        if (text[k] != ' ' && text[k] != '\t')
            return;
    int indent = (int)(into - line), head = (int)(into - end);
    if (into - end > FINDING_FIX_BYTES_MAX)
        return;
    check_fix(f, start, into, "None%.*sif %.*s is None:\n%.*s%s%.*s = %.*s\n%.*s", head, text + end,
              check_length(c, name), check_text(c, name), indent, text + line,
              indent && text[line] == '\t' ? "\t" : "    ", check_length(c, name),
              check_text(c, name), (int)(end - start), text + start, indent, text + line);
}

static void mutable_default(struct checks *c, uint32_t i) {
    uint32_t value = syntax_child(c->s, i, FIELD_ROLE_VALUE);
    uint32_t name = syntax_child(c->s, i, FIELD_ROLE_NAME);
    uint32_t function = check_function(c, i);
    if (!value || !name || !function || check_role(c, function) != ROLE_FUNCTION ||
        !is_mutable(c, value) || *check_text(c, name) == '_') // _cache={} is kept on purpose
        return;
    uint32_t body = syntax_child(c->s, function, FIELD_ROLE_BODY);
    enum use use = body ? worst_use(c, body, name) : USE_READ;
    if (use == USE_READ || use == USE_REBOUND || check_commented(c, i))
        return;
    struct finding *f = check_report(
        c, "mutable-default", i, "the default of %.*s is shared by all calls and %s",
        check_length(c, name), check_text(c, name), use == USE_CHANGED ? "changed" : "handed out");
    if (syntax_type_is(c->s, i, "default_parameter"))
        fix_default(c, f, name, value, body);
}

// --- x is "a"

static void is_literal(struct checks *c, uint32_t i) {
    uint32_t op = syntax_child(c->s, i, FIELD_ROLE_OPERATOR);
    uint32_t left = check_named(c, i, 0), right = check_named(c, i, 1);
    if (!op || !check_starts_with(c, op, "is") || !left || !right || check_named(c, i, 2))
        return;
    for (int side = 0; side < 2; side++) {
        uint32_t k = side ? left : right;
        enum role role = check_role(c, k);
        if (role != ROLE_NUMBER && role != ROLE_STRING && role != ROLE_ARRAY && role != ROLE_MAP)
            continue;
        struct finding *f = check_report(c, "is-literal", i, "`%.*s` compares identity with %.*s",
                                         check_length(c, op), check_text(c, op), check_length(c, k),
                                         check_text(c, k));
        check_fix(f, c->s->nodes[op].start, c->s->nodes[op].end, "%s",
                  check_role(c, op) == ROLE_OP_UNEQUAL ? "!=" : "==");
        return;
    }
}

// --- closures over the loop variable

static bool is_kept(const struct checks *c, uint32_t lambda) {
    const struct node *nodes = c->s->nodes;
    uint32_t parent = nodes[lambda].parent, above = nodes[parent].parent;
    if (check_role(c, parent) == ROLE_ARGUMENTS) {
        uint32_t callee = check_callee_name(c, above);
        return callee && check_one_of(c, callee,
                                      "append add connect add_done_callback call_later call_soon "
                                      "Timer register addCallback after");
    }
    if (check_role(c, parent) == ROLE_PAIR) { // command=lambda: …
        uint32_t name = syntax_child(c->s, parent, FIELD_ROLE_NAME);
        return name && check_one_of(c, name, "command callback on_click target");
    }
    if (check_role(c, parent) == ROLE_ASSIGN && nodes[lambda].field == FIELD_ROLE_RIGHT)
        return check_role(c, check_left(c, parent)) == ROLE_INDEX;
    return false;
}

static bool uses(struct checks *c, uint32_t lambda, uint32_t pattern) {
    uint32_t body = syntax_child(c->s, lambda, FIELD_ROLE_BODY);
    uint32_t parameters = syntax_child(c->s, lambda, FIELD_ROLE_PARAMETERS);
    for (uint32_t k = pattern; body && k < c->s->nodes[pattern].next; k++)
        if (check_role(c, k) == ROLE_IDENTIFIER && !syntax_text_is(c->s, k, "_") &&
            check_has_name(c, body, k) && !(parameters && check_has_name(c, parameters, k)))
            return true;
    return false;
}

static bool leaves_at_once(const struct checks *c, uint32_t loop) {
    uint32_t body = syntax_child(c->s, loop, FIELD_ROLE_BODY), last = 0;
    for (uint32_t k = body ? syntax_first_named(c->s, body) : 0; k; k = syntax_next_named(c->s, k))
        last = k;
    return !last || check_leaves(c, last);
}

static void loop_closure(struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    if (!syntax_type_is(c->s, i, "lambda") || !is_kept(c, i))
        return;
    for (uint32_t up = nodes[i].parent; up; up = nodes[up].parent) {
        if (check_role(c, up) == ROLE_FUNCTION || check_role(c, up) == ROLE_LAMBDA)
            return;
        if (check_role(c, up) != ROLE_FOR)
            continue;
        uint32_t pattern = syntax_child(c->s, up, FIELD_ROLE_LEFT);
        if (pattern && uses(c, i, pattern) && !leaves_at_once(c, up)) {
            (void)check_report(c, "loop-closure", i,
                               "sees the last value of %.*s when it runs after the loop",
                               check_length(c, pattern), check_text(c, pattern));
            return;
        }
    }
}

// --- f"abc", assert (a, b)

static void fstring(struct checks *c, uint32_t i) {
    uint32_t start = syntax_first(c->s, i);
    const struct node *n = &c->s->nodes[i];
    if (!start || !syntax_type_is(c->s, start, "string_start") ||
        syntax_type_is(c->s, n->parent, "concatenated_string"))
        return;
    const char *prefix = check_text(c, start);
    uint32_t bytes = c->s->nodes[start].end - c->s->nodes[start].start, f_at = bytes;
    for (uint32_t k = 0; k < bytes; k++)
        if (prefix[k] == 'f' || prefix[k] == 'F')
            f_at = k;
    if (f_at == bytes || memchr(check_text(c, i), '{', n->end - n->start) ||
        memchr(check_text(c, i), '}', n->end - n->start))
        return;
    struct finding *f =
        check_report(c, "fstring-without-placeholder", i, "nothing is formatted here");
    check_fix(f, n->start + f_at, n->start + f_at + 1, "%s", "");
}

static void assert_tuple(struct checks *c, uint32_t i) {
    uint32_t tuple = syntax_first_named(c->s, i);
    if (!tuple || !syntax_type_is(c->s, tuple, "tuple") || syntax_next_named(c->s, tuple))
        return;
    uint32_t values = check_named_count(c, tuple);
    if (!values)
        return;
    struct finding *f = check_report(c, "assert-tuple", i, "a tuple of %u is always true", values);
    const struct node *n = &c->s->nodes[tuple];
    uint32_t last = check_named(c, tuple, values - 1);
    if (values == 2 && c->s->nodes[last].end + 1 == n->end &&
        syntax_end_line(c->s, tuple) == n->line)
        check_fix(f, n->start, n->end, "%.*s", (int)(n->end - n->start - 2),
                  c->s->text + n->start + 1);
}

const struct check_row checks_python[] = {
    {LANG(PYTHON), ROLE_PARAMETER, mutable_default}, {LANG(PYTHON), ROLE_BINARY, is_literal},
    {LANG(PYTHON), ROLE_LAMBDA, loop_closure},       {LANG(PYTHON), ROLE_STRING, fstring},
    {LANG(PYTHON), ROLE_ASSERT, assert_tuple},       {0, 0, NULL},
};
