// The order in which things run: code behind a jump, semicolons and indentation that lie, calls
// that never end, keys that are given twice.
#include "core/code/checks_impl.h"

#include <string.h>

// Is the node a statement of a list of statements?
static bool is_statement(const struct checks *c, uint32_t i) {
    uint32_t parent = c->s->nodes[i].parent;
    switch (check_role(c, parent)) {
    case ROLE_BLOCK:
    case ROLE_CASE:
    case ROLE_DEFAULT:
        return true;
    case ROLE_TRY:
        return check_is(c, LANG_RUBY);
    case ROLE_NONE:
        return check_is(c, LANG_GO) && parent &&
               check_role(c, c->s->nodes[parent].parent) != ROLE_NONE &&
               syntax_type_is(c->s, parent, "statement_list");
    default:
        return false;
    }
}

// The statement that a jump is: itself, or what wraps it (Rust, Ruby's calls).
static uint32_t statement_of(const struct checks *c, uint32_t i) {
    uint32_t parent = c->s->nodes[i].parent;
    return check_role(c, parent) == ROLE_EXPRESSION_STATEMENT ? parent : i;
}

// Declarations count before they are reached; labels are reached from elsewhere.
static bool may_stand_behind(const struct checks *c, uint32_t i) {
    switch (check_role(c, i)) {
    case ROLE_FUNCTION:
        return !check_is(c, LANG_PYTHON);
    case ROLE_CLASS:
    case ROLE_TYPE_ALIAS:
    case ROLE_IMPORT:
    case ROLE_EXPORT:
    case ROLE_EMPTY:
    case ROLE_SIGNATURE:
        return true;
    case ROLE_EXPRESSION_STATEMENT:
        return syntax_first_named(c->s, i) == 0;
    case ROLE_VARIABLE: // `var x;` of JavaScript, `int x;` of C without a value
        for (uint32_t k = syntax_first_named(c->s, i); k; k = syntax_next_named(c->s, k))
            if (check_role(c, k) == ROLE_DECLARATOR &&
                (check_in(c, CHECK_C) || syntax_child(c->s, k, FIELD_ROLE_VALUE)))
                return false;
        return check_in(c, CHECK_JS | CHECK_C);
    default:
        return false;
    }
}

static bool ends_the_search(struct checks *c, uint32_t i) {
    switch (check_role(c, i)) {
    case ROLE_LABEL:
    case ROLE_CASE:
    case ROLE_DEFAULT:
    case ROLE_CATCH:
    case ROLE_FINALLY:
    case ROLE_ELSE:
    case ROLE_ELIF:
    case ROLE_PREPROC_IF:
    case ROLE_PREPROC_ELIF:
    case ROLE_PREPROC_ELSE:
    case ROLE_MACRO:
    case ROLE_DECORATOR:
        return true;
    default:
        // `yield` behind a return makes a function a generator; a label or a case further in can
        // be jumped to.
        return check_has_role(c, i, ROLE_YIELD) || check_has_role(c, i, ROLE_LABEL) ||
               (check_in(c, CHECK_C) && check_has_role(c, i, ROLE_CASE) &&
                !check_has_role(c, i, ROLE_SWITCH)) ||
               (check_in(c, CHECK_C) && check_starts_with(c, i, "#"));
    }
}

// No command is called like that: the grammar of the shell took a keyword for one.
static bool is_lost_keyword(const struct checks *c, uint32_t statement) {
    return check_is(c, LANG_BASH) &&
           check_one_of(c, statement, "fi done esac else elif then do in }");
}

static uint32_t first_behind(struct checks *c, uint32_t statement) {
    uint32_t k = syntax_next_named(c->s, statement);
    if (k && is_lost_keyword(c, k))
        return 0;
    while (k && !ends_the_search(c, k)) {
        bool heredoc = check_role(c, k) == ROLE_STRING && check_in(c, LANG(RUBY) | LANG(BASH));
        if (!heredoc && !may_stand_behind(c, k))
            return k;
        k = syntax_next_named(c->s, k);
    }
    return 0;
}

static bool is_jump_to_please(const struct checks *c, uint32_t i) {
    if (check_leaves(c, i))
        return true;
    uint32_t at = check_role(c, i) == ROLE_EXPRESSION_STATEMENT ? syntax_first_named(c->s, i) : i;
    uint32_t name = at && check_role(c, at) == ROLE_CALL ? check_callee_name(c, at) : 0;
    return name && check_one_of(c, name,
                                "panic abort unreachable __builtin_unreachable exit _exit "
                                "assert Fatal fatal return");
}

// NOTREACHED, pylint: disable=unreachable
static bool is_said(const struct checks *c, uint32_t behind) {
    const struct node *n = &c->s->nodes[behind - 1];
    uint32_t bytes = n->end - n->start;
    return n->role == ROLE_COMMENT && (memmem(c->s->text + n->start, bytes, "reach", 5) ||
                                       memmem(c->s->text + n->start, bytes, "REACH", 5));
}

static void report_unreachable(struct checks *c, uint32_t behind, uint32_t jump) {
    if (is_said(c, behind))
        return;
    uint32_t first = syntax_first(c->s, jump);
    uint32_t word = first && check_role(c, jump) != ROLE_CALL ? first : jump;
    (void)check_report(c, "unreachable-code", behind, "never runs: `%.*s` on line %u comes first",
                       check_length(c, word), check_text(c, word), c->s->nodes[jump].line);
}

static void after_jump(struct checks *c, uint32_t i) {
    uint32_t statement = statement_of(c, i);
    if (!is_statement(c, statement))
        return;
    uint32_t before = check_previous_named(c, statement);
    if (before && check_role(c, before) == ROLE_DECORATOR) // #[cfg(…)] return …
        return;
    uint32_t behind = first_behind(c, statement);
    // `return x; break;` in a case, `throw x; return y;` for a compiler's sake: harmless.
    if (!behind || check_role(c, behind) == ROLE_BREAK ||
        (check_role(c, i) == ROLE_THROW && is_jump_to_please(c, behind)))
        return;
    if (check_role(c, c->s->nodes[statement].parent) == ROLE_CASE && is_jump_to_please(c, behind))
        return;
    report_unreachable(c, behind, i);
}

static const char *no_return(enum lang l) {
    switch (l) {
    case LANG_C:
    case LANG_CPP:
        return "exit _exit _Exit abort quick_exit std::abort std::exit longjmp";
    case LANG_PYTHON:
        return "sys.exit os._exit os.abort";
    case LANG_GO:
        return "os.Exit panic log.Fatal log.Fatalf log.Fatalln";
    case LANG_JAVA:
        return "exit";
    case LANG_RUST:
        return "panic std::process::exit process::exit";
    case LANG_RUBY:
        return "raise exit! abort";
    case LANG_BASH:
        return "exit return";
    default:
        return "process.exit";
    }
}

static void after_call(struct checks *c, uint32_t i) {
    uint32_t callee = check_callee(c, i);
    if (!callee || !check_one_of(c, callee, no_return(c->s->lang)))
        return;
    if (check_is(c, LANG_JAVA)) {
        uint32_t object = syntax_child(c->s, i, FIELD_ROLE_OBJECT);
        if (!object || !syntax_text_is(c->s, object, "System"))
            return;
    }
    if (check_is(c, LANG_RUBY) && syntax_child(c->s, i, FIELD_ROLE_RECEIVER))
        return;
    uint32_t statement = statement_of(c, i);
    if (!is_statement(c, statement) || (check_is(c, LANG_BASH) && !check_function(c, i)) || c->test)
        return;
    uint32_t before = check_previous_named(c, statement);
    uint32_t behind = first_behind(c, statement);
    if (behind && !(before && check_role(c, before) == ROLE_DECORATOR) &&
        !is_jump_to_please(c, behind))
        report_unreachable(c, behind, i);
}

// --- ; and indentation

static bool is_lone_semicolon(const struct checks *c, uint32_t i) {
    return syntax_text_is(c->s, i, ";");
}

static bool is_same_line(const struct checks *c, uint32_t a, uint32_t b) {
    return syntax_end_line(c->s, a) == c->s->nodes[b].line;
}

// if (x);   for (…); {   while (x); {
static void semicolon(struct checks *c, uint32_t i) {
    bool is_if = check_role(c, i) == ROLE_IF;
    uint32_t body = syntax_child(c->s, i, is_if ? FIELD_ROLE_CONSEQUENCE : FIELD_ROLE_BODY);
    if (!body || c->test || !is_lone_semicolon(c, body) || check_commented(c, i))
        return;
    uint32_t next = syntax_next_named(c->s, i);
    if (!is_same_line(c, body - 1, body)) // on a line of its own it is meant
        return;
    if (is_if ? syntax_child(c->s, i, FIELD_ROLE_ALTERNATIVE) != 0
              : !next || check_role(c, next) != ROLE_BLOCK ||
                    c->s->nodes[next].line > c->s->nodes[body].line + 1)
        return;
    (void)check_report(c, "suspicious-semicolon", i, "the `;` is the whole body");
}

// Blanks before the first token of a line; -1 when the token is not the first.
static int indentation(const struct checks *c, uint32_t i, const char **ret_text) {
    const char *text = c->s->text, *at = text + c->s->nodes[i].start;
    const char *from = at;
    while (from > text && (from[-1] == ' ' || from[-1] == '\t'))
        from--;
    if (from > text && from[-1] != '\n')
        return -1;
    *ret_text = from;
    return (int)(at - from);
}

static bool same_indentation(const struct checks *c, uint32_t a, uint32_t b) {
    const char *x, *y;
    int n = indentation(c, a, &x), m = indentation(c, b, &y);
    return n >= 0 && n == m && memcmp(x, y, (size_t)n) == 0;
}

static bool deeper(const struct checks *c, uint32_t a, uint32_t b) {
    const char *x, *y;
    int n = indentation(c, a, &x), m = indentation(c, b, &y);
    return m >= 0 && n > m && memcmp(x, y, (size_t)m) == 0;
}

static void misleading(struct checks *c, uint32_t i) {
    bool is_if = check_role(c, i) == ROLE_IF;
    uint32_t body = syntax_child(c->s, i, is_if ? FIELD_ROLE_CONSEQUENCE : FIELD_ROLE_BODY);
    uint32_t next = syntax_next_named(c->s, i);
    if (!body || !next || check_role(c, body) == ROLE_BLOCK || is_lone_semicolon(c, body) ||
        !is_statement(c, i) || check_role(c, next) == ROLE_LABEL ||
        check_role(c, next) == ROLE_CASE)
        return;
    if (is_if && syntax_child(c->s, i, FIELD_ROLE_ALTERNATIVE))
        return;
    if (same_indentation(c, body, next) && deeper(c, body, i) &&
        check_role(c, next) != ROLE_PREPROC_IF && !check_starts_with(c, next, "#"))
        (void)check_report(c, "misleading-indentation", next,
                           "looks guarded by the `%s` on line %u", is_if ? "if" : "loop",
                           c->s->nodes[i].line);
}

static uint32_t else_of(const struct checks *c, uint32_t i) {
    uint32_t other = syntax_child_role(c->s, i, ROLE_ELSE);
    if (other)
        return other;
    for (uint32_t k = syntax_first(c->s, i); k; k = syntax_sibling(c->s, k))
        if (!syntax_named(c->s, k) && syntax_text_is(c->s, k, "else"))
            return k;
    return 0;
}

// if (a)
//     if (b) x();
// else y();
static void dangling(struct checks *c, uint32_t i) {
    uint32_t outer = c->s->nodes[i].parent;
    if (check_role(c, outer) != ROLE_IF || c->s->nodes[i].field != FIELD_ROLE_CONSEQUENCE ||
        else_of(c, outer))
        return;
    uint32_t other = else_of(c, i);
    if (other && same_indentation(c, other, outer) && deeper(c, i, outer))
        (void)check_report(c, "dangling-else", other, "belongs to the if on line %u",
                           c->s->nodes[i].line);
}

// --- recursion

static bool is_in_language_of_methods(const struct checks *c) {
    return check_in(c, LANG(PYTHON) | CHECK_JS | LANG(JAVA));
}

// Does the call name the function itself, as its language says it?
static bool calls_itself(const struct checks *c, uint32_t function, uint32_t name, uint32_t call) {
    uint32_t callee = check_callee(c, call), last = check_callee_name(c, call);
    size_t n;
    const char *text = syntax_text(c->s, name, &n);
    if (!callee || !last || c->s->nodes[last].end - c->s->nodes[last].start != n ||
        memcmp(check_text(c, last), text, n) != 0)
        return false;
    bool method =
        is_in_language_of_methods(c) && syntax_ancestor(c->s, function, ROLE_CLASS) >
                                            syntax_ancestor(c->s, function, ROLE_FUNCTION);
    // The name of a method of an object, as of a class, is no variable within.
    method |= check_in(c, CHECK_JS) && check_role(c, c->s->nodes[function].parent) == ROLE_MAP;
    uint32_t object = syntax_child(c->s, call, FIELD_ROLE_OBJECT); // of Java
    if (check_is(c, LANG_JAVA))
        return !object || syntax_text_is(c->s, object, "this");
    if (check_is(c, LANG_GO)) {
        uint32_t receiver = syntax_child(c->s, function, FIELD_ROLE_RECEIVER);
        uint32_t self = receiver ? syntax_name(c->s, syntax_first_named(c->s, receiver)) : 0;
        if (!receiver)
            return callee == last;
        object = syntax_child(c->s, callee, FIELD_ROLE_OBJECT);
        return self && object && canon_same(c->s, self, object);
    }
    if (!method)
        return callee == last;
    object = callee != last ? syntax_child(c->s, callee, FIELD_ROLE_OBJECT) : 0;
    return object && (syntax_text_is(c->s, object, "this") || syntax_text_is(c->s, object, "self"));
}

// Everything that may keep the call from being reached.
static bool is_straight(struct checks *c, uint32_t from, uint32_t to) {
    if (!check_spend(c, from))
        return false;
    for (uint32_t k = from; k < to; k++)
        switch (check_role(c, k)) {
        case ROLE_IF:
        case ROLE_UNLESS:
        case ROLE_IF_MODIFIER:
        case ROLE_SWITCH:
        case ROLE_FOR:
        case ROLE_WHILE:
        case ROLE_TRY:
        case ROLE_WITH:
        case ROLE_TERNARY:
        case ROLE_RETURN:
        case ROLE_THROW:
        case ROLE_LAMBDA:
        case ROLE_FUNCTION:
        case ROLE_YIELD:
        case ROLE_GOTO:
        case ROLE_LABEL:
        case ROLE_DEFER:
        case ROLE_ASSERT:
        case ROLE_OP_AND:
        case ROLE_OP_OR:
        case ROLE_OP_COALESCE:
        case ROLE_PREPROC_IF:
        case ROLE_COMPREHENSION_FOR:
            return false;
        default:
            break;
        }
    return true;
}

static bool is_defined_twice(struct checks *c, uint32_t function, uint32_t name) {
    size_t n, m;
    const char *text = syntax_text(c->s, name, &n);
    if (!check_spend(c, 0))
        return true;
    for (uint32_t k = 0; k < c->s->count; k++) {
        if (check_role(c, k) != ROLE_FUNCTION || k == function)
            continue;
        uint32_t other = syntax_name(c->s, k);
        const char *its = other ? syntax_text(c->s, other, &m) : "";
        if (other && m == n && memcmp(its, text, n) == 0)
            return true;
    }
    return false;
}

// The first statement of the body runs on every path: what it calls there is called always.
static uint32_t unconditional_call(struct checks *c, uint32_t function, uint32_t name,
                                   uint32_t first) {
    uint32_t at = first;
    if (check_role(c, at) == ROLE_EXPRESSION_STATEMENT || check_role(c, at) == ROLE_RETURN)
        at = syntax_first_named(c->s, at);
    if (at && check_is(c, LANG_GO) && check_role(c, at) == ROLE_NONE) // expression_list
        at = syntax_first_named(c->s, at);
    if (at && check_role(c, at) == ROLE_AWAIT)
        at = syntax_first_named(c->s, at);
    return at && check_role(c, at) == ROLE_CALL && calls_itself(c, function, name, at) &&
                   is_straight(c, at, c->s->nodes[at].next)
               ? at
               : 0;
}

static uint32_t first_statement(const struct checks *c, uint32_t body) {
    uint32_t k = syntax_first_named(c->s, body);
    if (k && check_is(c, LANG_GO) && check_role(c, k) == ROLE_NONE)
        k = syntax_first_named(c->s, k);
    while (k && check_role(c, k) == ROLE_EXPRESSION_STATEMENT && syntax_first_named(c->s, k) &&
           check_role(c, syntax_first_named(c->s, k)) == ROLE_STRING) // the text about it
        k = syntax_next_named(c->s, k);
    return k;
}

static void recursion(struct checks *c, uint32_t i) {
    uint32_t body = syntax_child(c->s, i, FIELD_ROLE_BODY);
    uint32_t name = body ? syntax_name(c->s, i) : 0;
    uint32_t first = name ? first_statement(c, body) : 0;
    if (!first)
        return;
    uint32_t call = unconditional_call(c, i, name, first);
    if (!call)
        return;
    uint32_t parameters = syntax_child(c->s, i, FIELD_ROLE_PARAMETERS);
    uint32_t declarator = syntax_child(c->s, i, FIELD_ROLE_DECLARATOR);
    while (!parameters && declarator) {
        parameters = syntax_child(c->s, declarator, FIELD_ROLE_PARAMETERS);
        declarator = syntax_child(c->s, declarator, FIELD_ROLE_DECLARATOR);
    }
    uint32_t arguments = check_arguments(c, call);
    uint32_t given = arguments ? check_named_count(c, arguments) : 0;
    uint32_t wanted = parameters ? check_named_count(c, parameters) : 0;
    if (check_is(c, LANG_PYTHON) && check_role(c, check_callee(c, call)) == ROLE_MEMBER && wanted)
        wanted--;
    uint32_t above = c->s->nodes[i].parent;
    if (given != wanted || check_has_role(c, above == 0 ? i : above, ROLE_DECORATOR) ||
        is_defined_twice(c, i, name) || check_commented(c, call))
        return;
    (void)check_report(c, "infinite-recursion", call, "%.*s calls itself before anything else",
                       check_length(c, name), check_text(c, name));
}

// --- keys

enum { KEYS_MAX = 2800, KEY_SLOTS = 4096 };
struct keys {
    uint32_t node[KEY_SLOTS]; // 0 = free
    uint32_t count;
};

static uint32_t hash_key(const struct checks *c, uint32_t i) {
    uint32_t h = 2166136261U;
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    for (size_t k = 0; k < n; k++)
        h = (h ^ (unsigned char)text[k]) * 16777619U;
    return h;
}

// The same key that is there already, or 0 and it is now.
static uint32_t keys_put(const struct checks *c, struct keys *keys, uint32_t key) {
    size_t n, m;
    const char *text = syntax_text(c->s, key, &n);
    if (keys->count >= KEYS_MAX)
        return 0;
    for (uint32_t slot = hash_key(c, key) % KEY_SLOTS;; slot = (slot + 1) % KEY_SLOTS) {
        uint32_t other = keys->node[slot];
        if (!other) {
            keys->node[slot] = key;
            keys->count++;
            return 0;
        }
        const char *its = syntax_text(c->s, other, &m);
        if (n == m && memcmp(text, its, n) == 0)
            return other;
    }
}

static bool is_plain_key(const struct checks *c, uint32_t key) {
    enum role role = check_role(c, key);
    return (role == ROLE_STRING && !syntax_text_is(c->s, key, "__proto__")) ||
           role == ROLE_NUMBER ||
           (role == ROLE_FIELD_IDENTIFIER && check_in(c, CHECK_JS) &&
            !syntax_text_is(c->s, key, "__proto__"));
}

static bool has_code_inside(struct checks *c, uint32_t string) {
    return check_has_role(c, string, ROLE_IDENTIFIER) || check_has_role(c, string, ROLE_CALL);
}

static void look_at_pairs(struct checks *c, uint32_t first) {
    struct keys keys = {.count = 0};
    for (uint32_t k = first; k; k = syntax_next_named(c->s, k)) {
        if (check_role(c, k) != ROLE_PAIR) {
            if (check_role(c, k) == ROLE_NONE) // ...spread
                memset(&keys, 0, sizeof keys);
            continue;
        }
        uint32_t key = syntax_child(c->s, k, FIELD_ROLE_KEY);
        if (!key || !is_plain_key(c, key) || has_code_inside(c, key))
            continue;
        uint32_t other = keys_put(c, &keys, key);
        if (other)
            (void)check_report(c, "duplicate-key", key, "%.*s was given on line %u",
                               check_length(c, key), check_text(c, key), c->s->nodes[other].line);
    }
}

static void duplicate_pairs(struct checks *c, uint32_t map) {
    uint32_t first = syntax_first_named(c->s, map);
    if (first && syntax_next_named(c->s, first)) // most maps are small: no table for those
        look_at_pairs(c, first);
}

// [A] = 1, [A] = 2 and .x = 1, .x = 2 of C
static void look_at_designators(struct checks *c, uint32_t first) {
    struct keys keys = {.count = 0};
    for (uint32_t k = first; k; k = syntax_next_named(c->s, k)) {
        uint32_t designator = check_role(c, k) == ROLE_NONE ? syntax_first_named(c->s, k) : 0;
        uint32_t behind = designator ? syntax_sibling(c->s, designator) : 0;
        if (!behind || !syntax_text_is(c->s, behind, "=") || !check_pure(c, designator))
            continue;
        uint32_t other = keys_put(c, &keys, designator);
        if (other)
            (void)check_report(c, "duplicate-key", designator, "%.*s was given on line %u",
                               check_length(c, designator), check_text(c, designator),
                               c->s->nodes[other].line);
    }
}

static void duplicate_designators(struct checks *c, uint32_t list) {
    uint32_t first = syntax_first_named(c->s, list);
    if (first && check_role(c, first) == ROLE_NONE && syntax_next_named(c->s, first))
        look_at_designators(c, first);
}

// Compilers of C, Go and Java refuse it; these languages take the first and say nothing.
static void duplicate_cases(struct checks *c, uint32_t i) {
    struct keys keys = {.count = 0};
    uint32_t list = check_is(c, LANG_RUBY) ? i : syntax_child(c->s, i, FIELD_ROLE_BODY);
    for (uint32_t k = list ? syntax_first_named(c->s, list) : 0; k;
         k = syntax_next_named(c->s, k)) {
        if (check_role(c, k) != ROLE_CASE)
            continue;
        for (uint32_t v = syntax_first_named(c->s, k); v; v = syntax_next_named(c->s, v)) {
            uint32_t value = check_is(c, LANG_RUBY) && check_role(c, v) == ROLE_NONE
                                 ? syntax_first_named(c->s, v)
                                 : v;
            if (!check_is(c, LANG_RUBY) && c->s->nodes[v].field != FIELD_ROLE_VALUE)
                continue;
            if (!value ||
                (check_role(c, value) != ROLE_STRING && check_role(c, value) != ROLE_NUMBER &&
                 check_role(c, value) != ROLE_MEMBER) ||
                check_has_role(c, value, ROLE_CALL))
                continue;
            uint32_t other = keys_put(c, &keys, value);
            if (other)
                (void)check_report(c, "duplicate-key", value, "%.*s was tested on line %u",
                                   check_length(c, value), check_text(c, value),
                                   c->s->nodes[other].line);
        }
    }
}

const struct check_row checks_flow[] = {
    {CHECK_ALL, ROLE_RETURN, after_jump},
    {CHECK_ALL, ROLE_THROW, after_jump},
    {CHECK_ALL, ROLE_BREAK, after_jump},
    {CHECK_ALL, ROLE_CONTINUE, after_jump},
    {CHECK_ALL, ROLE_GOTO, after_jump},
    {CHECK_ALL, ROLE_CALL, after_call},
    {CHECK_BRACES, ROLE_IF, semicolon},
    {CHECK_BRACES, ROLE_FOR, semicolon},
    {CHECK_BRACES, ROLE_WHILE, semicolon},
    {CHECK_BRACES, ROLE_IF, misleading},
    {CHECK_BRACES, ROLE_FOR, misleading},
    {CHECK_BRACES, ROLE_WHILE, misleading},
    {CHECK_BRACES, ROLE_IF, dangling},
    {LANG(C) | LANG(GO) | LANG(PYTHON) | LANG(JAVA) | CHECK_JS, ROLE_FUNCTION, recursion},
    {LANG(PYTHON) | CHECK_JS | LANG(RUBY), ROLE_MAP, duplicate_pairs},
    {CHECK_C, ROLE_ARRAY, duplicate_designators},
    {CHECK_JS | LANG(RUBY), ROLE_SWITCH, duplicate_cases},
    {0, 0, NULL},
};
