// Traps of JavaScript and TypeScript; asynchronous calls that nobody awaits, there and in Python.
#include "core/code/checks_impl.h"

#include <stdio.h>
#include <string.h>

// --- typeof x === "undefned"

static const char *const type_names[] = {"undefined", "object",   "boolean", "number",
                                         "string",    "function", "symbol",  "bigint"};
enum { TYPE_NAMES = sizeof type_names / sizeof type_names[0], WORD_MAX = 24 };

// Levenshtein's distance of short words.
static unsigned distance(const char *a, size_t n, const char *b) {
    size_t m = strlen(b);
    unsigned row[WORD_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[m];
}

static const char *nearest_type(const char *text, size_t n) {
    const char *near = NULL;
    for (size_t k = 0; k < TYPE_NAMES; k++)
        if (n < WORD_MAX && distance(text, n, type_names[k]) <= 2)
            near = near ? "" : type_names[k];
    return near && *near ? near : NULL;
}

static void typeof_typo(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i), left = check_left(c, i), right = check_right(c, i);
    if (!op || !left || !right ||
        (check_role(c, op) != ROLE_OP_EQUAL && check_role(c, op) != ROLE_OP_UNEQUAL))
        return;
    uint32_t string = check_role(c, right) == ROLE_STRING ? right : left;
    uint32_t other = string == right ? left : right;
    if (check_role(c, other) != ROLE_UNARY || !check_starts_with(c, other, "typeof") ||
        !syntax_type_is(c->s, string, "string") ||
        check_role(c, syntax_child(c->s, other, FIELD_ROLE_OBJECT)) == ROLE_STRING)
        return;
    size_t n;
    const char *text = syntax_text(c->s, string, &n);
    if (n < 2)
        return;
    text++, n -= 2;
    for (size_t k = 0; k < TYPE_NAMES; k++)
        if (strlen(type_names[k]) == n && memcmp(type_names[k], text, n) == 0)
            return;
    if (check_one_of(c, string, "'unknown' \"unknown\"")) // old Internet Explorers
        return;
    struct finding *f = check_report(c, "typeof-typo", string, "typeof is never %.*s",
                                     check_length(c, string), check_text(c, string));
    const char *near = nearest_type(text, n);
    if (near)
        check_fix(f, c->s->nodes[string].start + 1, c->s->nodes[string].end - 1, "%s", near);
}

// --- for (var i …) setTimeout(() => i)

static uint32_t loop_variable(const struct checks *c, uint32_t loop) {
    uint32_t init = syntax_child(c->s, loop, FIELD_ROLE_INITIALIZER);
    if (init && check_role(c, init) == ROLE_VARIABLE && check_starts_with(c, init, "var")) {
        uint32_t one = syntax_child_role(c->s, init, ROLE_DECLARATOR);
        return one ? syntax_child(c->s, one, FIELD_ROLE_NAME) : 0;
    }
    uint32_t left = syntax_child(c->s, loop, FIELD_ROLE_LEFT);
    for (uint32_t k = syntax_first(c->s, loop); left && k && k < left; k = syntax_sibling(c->s, k))
        if (syntax_text_is(c->s, k, "var"))
            return check_role(c, left) == ROLE_IDENTIFIER ? left : 0;
    return 0;
}

static void loop_closure(struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    uint32_t parent = nodes[i].parent, call = nodes[parent].parent;
    if (check_role(c, parent) != ROLE_ARGUMENTS || check_role(c, call) != ROLE_CALL)
        return;
    uint32_t callee = check_callee_name(c, call);
    if (!callee || !check_one_of(c, callee,
                                 "setTimeout setInterval setImmediate addEventListener push on "
                                 "once nextTick then"))
        return;
    for (uint32_t up = call; up; up = nodes[up].parent) {
        if (check_role(c, up) == ROLE_FUNCTION || check_role(c, up) == ROLE_LAMBDA)
            return;
        if (check_role(c, up) != ROLE_FOR)
            continue;
        uint32_t name = loop_variable(c, up), body = syntax_child(c->s, i, FIELD_ROLE_BODY);
        uint32_t parameters = syntax_child(c->s, i, FIELD_ROLE_PARAMETERS);
        if (!parameters) // x => …
            parameters = syntax_child(c->s, i, FIELD_ROLE_PARAMETER);
        if (name && body && check_has_name(c, body, name) &&
            !(parameters && check_has_name(c, parameters, name)))
            (void)check_report(c, "loop-closure", i,
                               "sees the last value of %.*s when it runs after the loop",
                               check_length(c, name), check_text(c, name));
        return;
    }
}

// --- async

enum { ASYNC_MAX = 256 };
struct async {
    uint32_t function, name;
    bool method;
};

static bool has_async(const struct checks *c, uint32_t i) {
    for (uint32_t k = syntax_first(c->s, i); k; k = syntax_sibling(c->s, k)) {
        if (syntax_text_is(c->s, k, "async"))
            return true;
        if (syntax_named(c->s, k))
            return false;
    }
    return false;
}

static uint32_t name_of(const struct checks *c, uint32_t i) {
    if (check_role(c, i) == ROLE_FUNCTION)
        return syntax_child(c->s, i, FIELD_ROLE_NAME);
    uint32_t parent = c->s->nodes[i].parent; // const f = async () => …
    return check_role(c, parent) == ROLE_DECLARATOR ? syntax_child(c->s, parent, FIELD_ROLE_NAME)
                                                    : 0;
}

// A loop that never ends, or all errors handled inside: meant to run by itself.
static bool runs_by_itself(const struct checks *c, uint32_t function) {
    uint32_t body = syntax_child(c->s, function, FIELD_ROLE_BODY), tries = 0, others = 0;
    if (!body || check_is(c, LANG_PYTHON))
        return false;
    for (uint32_t k = syntax_first_named(c->s, body); k; k = syntax_next_named(c->s, k)) {
        if (check_role(c, k) == ROLE_WHILE)
            return true;
        tries += check_role(c, k) == ROLE_TRY;
        others += check_role(c, k) != ROLE_TRY && check_role(c, k) != ROLE_VARIABLE;
    }
    return tries ? others == 0 : check_named_count(c, body) == 0;
}

static bool is_method(const struct checks *c, uint32_t function) {
    return syntax_ancestor(c->s, function, ROLE_CLASS) >
               syntax_ancestor(c->s, function, ROLE_FUNCTION) &&
           check_role(c, function) == ROLE_FUNCTION;
}

static void add_async(struct checks *c, struct async *list, uint32_t *count, uint32_t i) {
    uint32_t name = has_async(c, i) ? name_of(c, i) : 0;
    if (!name || *count == ASYNC_MAX)
        return;
    uint32_t above = c->s->nodes[i].parent;
    if (syntax_child_role(c->s, i, ROLE_DECORATOR) ||
        (check_is(c, LANG_PYTHON) && syntax_child_role(c->s, above, ROLE_DECORATOR)) ||
        check_has_role(c, i, ROLE_YIELD))
        return;
    list[(*count)++] = (struct async){.function = i, .name = name, .method = is_method(c, i)};
}

// Does the file use the name for something else, too?
static bool is_ambiguous(struct checks *c, const struct async *a) {
    size_t n, m;
    const char *text = syntax_text(c->s, a->name, &n);
    if (!check_spend(c, 0))
        return true;
    for (uint32_t k = 0; k < c->s->count; k++) {
        enum role role = check_role(c, k);
        if (role != ROLE_FUNCTION && role != ROLE_DECLARATOR && role != ROLE_PARAMETER &&
            role != ROLE_IMPORT && role != ROLE_PARAMETERS && role != ROLE_ASSIGN)
            continue;
        uint32_t name =
            role == ROLE_ASSIGN ? check_left(c, k) : syntax_child(c->s, k, FIELD_ROLE_NAME);
        if (role == ROLE_PARAMETERS || role == ROLE_PARAMETER || role == ROLE_IMPORT) {
            if (!a->method && check_has_name(c, k, a->name))
                return true;
            continue;
        }
        const char *its = name ? syntax_text(c->s, name, &m) : NULL;
        if (its && name != a->name && n == m && memcmp(its, text, n) == 0)
            return true;
    }
    return false;
}

static bool calls(const struct checks *c, uint32_t call, const struct async *a) {
    uint32_t callee = check_callee(c, call), last = check_callee_name(c, call);
    if (!callee || !last)
        return false;
    size_t n, m;
    const char *text = syntax_text(c->s, last, &n), *name = syntax_text(c->s, a->name, &m);
    if (n != m || memcmp(text, name, n) != 0)
        return false;
    if (!a->method)
        return callee == last;
    uint32_t object = callee != last ? syntax_child(c->s, callee, FIELD_ROLE_OBJECT) : 0;
    if (!object || !check_one_of(c, object, "this self"))
        return false;
    uint32_t here = syntax_ancestor(c->s, call, ROLE_CLASS);
    return here == syntax_ancestor(c->s, a->function, ROLE_CLASS);
}

static void unawaited(struct checks *c, uint32_t statement, const struct async *list,
                      uint32_t count) {
    uint32_t call = syntax_first_named(c->s, statement);
    if (!call || check_role(c, call) != ROLE_CALL)
        return;
    uint32_t around = check_function(c, call);
    for (uint32_t k = 0; k < count; k++) {
        const struct async *a = &list[k];
        if (!calls(c, call, a) || is_ambiguous(c, a))
            continue;
        if (!check_is(c, LANG_PYTHON) && (!around || !has_async(c, around) ||
                                          around == a->function || runs_by_itself(c, a->function)))
            return;
        if (check_commented(c, statement))
            return;
        struct finding *f = check_report(
            c, "unawaited-async", statement, "%.*s is async (line %u); its result is dropped",
            check_length(c, a->name), check_text(c, a->name), c->s->nodes[a->function].line);
        if (f && !check_is(c, LANG_PYTHON))
            f->confidence = 85;
        return;
    }
}

void checks_async(struct checks *c) {
    static const uint32_t langs = CHECK_JS | LANG(PYTHON);
    struct async list[ASYNC_MAX];
    uint32_t count = 0;
    if (!check_in(c, langs) || (c->test && !check_is(c, LANG_PYTHON)) ||
        !memmem(c->s->text, c->s->bytes, "async", 5))
        return;
    for (uint32_t i = 0; i < c->s->count; i++)
        if (check_role(c, i) == ROLE_FUNCTION || check_role(c, i) == ROLE_LAMBDA)
            add_async(c, list, &count, i);
    for (uint32_t i = 0; count && i < c->s->count && c->budget > 0; i++)
        if (check_role(c, i) == ROLE_EXPRESSION_STATEMENT)
            unawaited(c, i, list, count);
}

const struct check_row checks_script[] = {
    {CHECK_JS, ROLE_BINARY, typeof_typo},
    {CHECK_JS, ROLE_LAMBDA, loop_closure},
    {0, 0, NULL},
};
