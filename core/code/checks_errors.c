// Errors that leave no trace: empty handlers, handlers that catch too much.
#include "core/code/checks_impl.h"

#include <string.h>

// Best effort is the rule for these: their failure has no one to tell.
static const char CLEANUP[] =
    "close closeSync shutdown disconnect unlink unlinkSync remove removeSync rmdir rmdirSync "
    "rmtree "
    "kill terminate cancel stop cleanup flush release join destroy delete dispose abort interrupt "
    "rm rmSync quit detach clear exit end removeListener removeEventListener closeQuietly delete! "
    "sleep wait close_connection deleteOnExit deleteIfExists disconnectQuietly reset "
    "releasePointerCapture setPointerCapture releaseCapture removeChild revokeObjectURL unref "
    "mkdir mkdirSync makedirs utime tearDown teardown log debug warn error info trace print "
    "println";
// Looking whether something is there.
static const char PROBES[] =
    "require import_module __import__ forName loadLibrary loadClass createRequire resolve";

static uint32_t clause_body(const struct checks *c, uint32_t clause) {
    uint32_t body = syntax_child(c->s, clause, FIELD_ROLE_BODY);
    return body ? body : syntax_child_role(c->s, clause, ROLE_BLOCK);
}

static bool says_nothing(const struct checks *c, uint32_t statement) {
    if (check_role(c, statement) == ROLE_EMPTY)
        return true;
    if (check_role(c, statement) != ROLE_EXPRESSION_STATEMENT)
        return false;
    uint32_t inner = syntax_first_named(c->s, statement);
    return !inner || syntax_text_is(c->s, inner, "...");
}

static bool is_empty(const struct checks *c, uint32_t body) {
    for (uint32_t k = syntax_first_named(c->s, body); k; k = syntax_next_named(c->s, k))
        if (!says_nothing(c, k))
            return false;
    return true;
}

static uint32_t the_call(const struct checks *c, uint32_t statement) {
    uint32_t at = statement;
    for (int step = 0; step < 4 && at; step++) {
        enum role role = check_role(c, at);
        if (role == ROLE_CALL)
            return at;
        if (role == ROLE_EXPRESSION_STATEMENT || role == ROLE_AWAIT)
            at = syntax_first_named(c->s, at);
        else if (role == ROLE_ASSIGN)
            at = check_right(c, at);
        else if (role == ROLE_VARIABLE)
            at = syntax_first_named(c->s, at);
        else if (role == ROLE_DECLARATOR)
            at = syntax_child(c->s, at, FIELD_ROLE_VALUE);
        else
            return 0;
    }
    return 0;
}

// The code shows that failing is expected: it returned on success (what follows is the other
// case), or it only tidies up, or it looks whether a module is there.
static bool is_expected(const struct checks *c, uint32_t body, bool broad) {
    uint32_t first = 0, last = 0;
    for (uint32_t k = syntax_first_named(c->s, body); k; k = syntax_next_named(c->s, k)) {
        if (check_role(c, k) == ROLE_CATCH) // a body of Ruby holds its handlers
            break;
        first = first ? first : k;
        last = k;
    }
    if (!first || check_leaves(c, last))
        return true;
    // let x = fallback; try { x = f(); } catch { }
    uint32_t assigned = check_role(c, first) == ROLE_EXPRESSION_STATEMENT
                            ? syntax_first_named(c->s, first)
                            : first; // Ruby has no node for the statement
    if (check_in(c, CHECK_JS | LANG(PYTHON) | LANG(RUBY) | (broad ? 0 : LANG(JAVA))) &&
        first == last && assigned && check_role(c, assigned) == ROLE_ASSIGN)
        return true;
    if (check_role(c, first) == ROLE_IMPORT) // what follows needs the module
        return true;
    bool all = true; // are all statements of that kind?
    for (uint32_t k = first; k && k <= last && all; k = syntax_next_named(c->s, k)) {
        uint32_t call = the_call(c, k), name = call ? check_callee_name(c, call) : 0;
        all = check_role(c, k) == ROLE_IMPORT ||
              (name && (check_one_of(c, name, CLEANUP) || check_one_of(c, name, PROBES)));
    }
    return all;
}

// A destructor has nowhere to throw to.
static bool in_destructor(const struct checks *c, uint32_t i) {
    uint32_t function = check_function(c, i);
    if (!function)
        return false;
    uint32_t body = syntax_child(c->s, function, FIELD_ROLE_BODY);
    uint32_t name = syntax_child(c->s, function, FIELD_ROLE_NAME);
    if (name && (syntax_text_is(c->s, name, "__del__") || syntax_text_is(c->s, name, "finalize")))
        return true;
    for (uint32_t k = function; check_is(c, LANG_CPP) && k < body; k++)
        if (*check_text(c, k) == '~')
            return true;
    return false;
}

// The type of the handler, or 0 for one that catches everything.
static uint32_t caught(const struct checks *c, uint32_t clause) {
    for (uint32_t k = syntax_first_named(c->s, clause); k; k = syntax_next_named(c->s, k)) {
        enum role role = check_role(c, k);
        if (role == ROLE_BLOCK)
            return 0;
        return k;
    }
    return 0;
}

// A narrow type says that the author knew what may come; only these say nothing.
static bool is_broad(struct checks *c, uint32_t type) {
    if (!type)
        return true;
    if (!check_spend(c, type))
        return false;
    for (uint32_t k = type; k < c->s->nodes[type].next; k++)
        if (c->s->nodes[k].next == k + 1 &&
            check_one_of(c, k, "Exception BaseException StandardError Throwable"))
            return true;
    return false;
}

static bool is_ignored_on_purpose(struct checks *c, uint32_t type) {
    if (!type || !check_spend(c, type))
        return false;
    for (uint32_t k = type; k < c->s->nodes[type].next; k++) {
        if (c->s->nodes[k].next != k + 1)
            continue;
        if (check_one_of(c, k,
                         "ignored ignore ignored1 ignored2 ignoredException expected unused _ "
                         "__ swallow swallowed ok _e _err _error _ignored _unused ignoreMe "
                         "ClassNotFoundException NoSuchMethodException NoSuchFieldException "
                         "CloneNotSupportedException NumberFormatException NoClassDefFoundError "
                         "UnsupportedEncodingException"))
            return true;
    }
    return false;
}

static void report_swallowed(struct checks *c, uint32_t clause, uint32_t type, const char *what) {
    if (type)
        (void)check_report(c, "swallowed-error", clause, "the handler of %.*s %s",
                           check_length(c, type), check_text(c, type), what);
    else
        (void)check_report(c, "swallowed-error", clause, "the handler of every error %s", what);
}

static bool handler_python(struct checks *c, uint32_t clause, uint32_t body, uint32_t type) {
    if (!is_broad(c, type))
        return false;
    uint32_t only = syntax_first_named(c->s, body);
    bool skips = only && check_role(c, only) == ROLE_CONTINUE && !syntax_next_named(c->s, only);
    if (!skips && !is_empty(c, body))
        return false;
    report_swallowed(c, clause, type, skips ? "only goes on with the loop" : "is empty");
    return true;
}

// begin … rescue … end || x
static bool has_fallback(const struct checks *c, uint32_t try) {
    uint32_t up = check_is(c, LANG_RUBY) ? try:
        0;
    for (int step = 0; step < 6 && up; step++, up = c->s->nodes[up].parent) {
        uint32_t around = c->s->nodes[up].parent, op = check_operator(c, around);
        if (check_role(c, around) == ROLE_BINARY && op && check_role(c, op) == ROLE_OP_OR)
            return check_left(c, around) == up;
        if (check_role(c, up) == ROLE_FUNCTION || check_role(c, up) == ROLE_LAMBDA)
            break;
    }
    return false;
}

static bool handler_empty(struct checks *c, uint32_t clause) {
    uint32_t body = clause_body(c, clause), type = caught(c, clause);
    uint32_t try = c->s->nodes[clause].parent;
    uint32_t tried = check_is(c, LANG_RUBY) ? try : clause_body(c, try)
        ;
    // `else` of Python: what follows success stands there, so failing is the other case.
    // What a handler tries is best effort.
    if ((check_is(c, LANG_PYTHON) && syntax_child_role(c->s, try, ROLE_ELSE)) || c->test ||
        syntax_ancestor(c->s, try, ROLE_CATCH) > check_function(c, try) ||
        (tried && is_expected(c, tried, is_broad(c, type))) || check_commented(c, clause) ||
        in_destructor(c, clause) || has_fallback(c, try))
        return false;
    switch (c->s->lang) {
    case LANG_PYTHON:
        return body && handler_python(c, clause, body, type);
    case LANG_RUBY:
        if (body || !syntax_type_is(c->s, clause, "rescue") ||
            (type && syntax_type_is(c->s, type, "exceptions") && !is_broad(c, type)))
            return false;
        break;
    default:
        if (!body || !is_empty(c, body) || is_ignored_on_purpose(c, type))
            return false;
    }
    report_swallowed(c, clause, check_in(c, CHECK_JS) ? 0 : type, "is empty");
    return true;
}

static void handler(struct checks *c, uint32_t clause) {
    bool swallowed = handler_empty(c, clause);
    uint32_t body = clause_body(c, clause);
    uint32_t behind = syntax_first(c->s, clause);
    while (behind && check_role(c, behind) != ROLE_COMMENT && check_role(c, behind) != ROLE_BLOCK)
        behind = syntax_sibling(c->s, behind); // except:  # noqa
    if (check_is(c, LANG_PYTHON) && !swallowed && body && !caught(c, clause) &&
        !(behind && check_role(c, behind) == ROLE_COMMENT) &&
        !check_has_role(c, body, ROLE_THROW) && !check_has_text(c, body, "exit") &&
        !check_has_text(c, body, "_exit"))
        (void)check_report(c, "bare-except", clause, "`except:` also catches %s",
                           "KeyboardInterrupt and SystemExit");
    uint32_t type = caught(c, clause);
    if (check_is(c, LANG_RUBY) && type && syntax_text_is(c->s, type, "Exception") && !swallowed &&
        !check_has_text(c, clause, "raise") && !check_has_text(c, clause, "exit") &&
        !check_has_text(c, clause, "abort") && !check_has_text(c, clause, "throw") && !c->test)
        (void)check_report(c, "rescue-exception", clause,
                           "`rescue Exception` does not raise again");
}

// stopFn(), closeAll(), reapTick(): starts with a verb of tidying up.
static bool tidies_up(const struct checks *c, uint32_t name) {
    static const char *const verbs[] = {"close",  "stop",    "kill",    "shutdown",   "terminate",
                                        "clean",  "dispose", "destroy", "disconnect", "remove",
                                        "unlink", "cancel",  "release", "reap",       "pause"};
    for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++)
        if (check_starts_with(c, name, verbs[k]))
            return true;
    return check_one_of(c, name, CLEANUP);
}

// promise.catch(() => {})
static void promise_catch(struct checks *c, uint32_t call) {
    uint32_t callee = check_callee(c, call);
    if (!callee || check_role(c, callee) != ROLE_MEMBER)
        return;
    uint32_t name = syntax_child(c->s, callee, FIELD_ROLE_PROPERTY);
    if (!name || !syntax_text_is(c->s, name, "catch") || c->test)
        return;
    uint32_t arguments = check_arguments(c, call);
    uint32_t lambda = arguments ? check_named(c, arguments, 0) : 0;
    if (!lambda || check_role(c, lambda) != ROLE_LAMBDA || check_named_count(c, arguments) != 1)
        return;
    uint32_t body = syntax_child(c->s, lambda, FIELD_ROLE_BODY);
    uint32_t parameters = syntax_child(c->s, lambda, FIELD_ROLE_PARAMETERS);
    uint32_t tried = the_call(c, syntax_child(c->s, callee, FIELD_ROLE_OBJECT));
    uint32_t tried_name = tried ? check_callee_name(c, tried) : 0;
    if (!body || check_role(c, body) != ROLE_BLOCK || !is_empty(c, body) ||
        check_commented(c, lambda) || is_ignored_on_purpose(c, parameters) ||
        (tried_name && (tidies_up(c, tried_name) || syntax_text_is(c->s, tried_name, "finally"))))
        return;
    uint32_t parent = c->s->nodes[call].parent;
    if (check_role(c, parent) == ROLE_AWAIT)
        parent = c->s->nodes[parent].parent;
    if (check_role(c, parent) != ROLE_EXPRESSION_STATEMENT) // handed on: somebody may wait for it
        return;
    (void)check_report(c, "swallowed-error", lambda, "the handler of the promise is empty");
}

static bool names_an_error(const struct checks *c, uint32_t i) {
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    return check_role(c, i) == ROLE_IDENTIFIER &&
           ((n >= 3 &&
             (memcmp(text + n - 3, "err", 3) == 0 || memcmp(text + n - 3, "Err", 3) == 0)) ||
            check_starts_with(c, i, "err"));
}

// if err != nil { }
static void go_if(struct checks *c, uint32_t i) {
    uint32_t condition = syntax_child(c->s, i, FIELD_ROLE_CONDITION);
    uint32_t body = syntax_child(c->s, i, FIELD_ROLE_CONSEQUENCE);
    if (!condition || !body || check_role(c, condition) != ROLE_BINARY || !is_empty(c, body) ||
        syntax_child(c->s, i, FIELD_ROLE_ALTERNATIVE) || check_commented(c, i))
        return;
    uint32_t op = check_operator(c, condition), left = check_left(c, condition),
             right = check_right(c, condition);
    if (op && syntax_text_is(c->s, op, "!=") && right && check_role(c, right) == ROLE_NULL &&
        left && names_an_error(c, left))
        (void)check_report(c, "swallowed-error", i, "%.*s is tested and nothing is done about it",
                           check_length(c, left), check_text(c, left));
}

// A value that stands for nothing when it fails. `_ = f()` alone is how the language says that an
// error is dropped on purpose.
static const char GO_MUST_LOOK[] =
    "strconv.Atoi strconv.ParseInt strconv.ParseUint strconv.ParseFloat os.Open "
    "os.Create os.OpenFile os.ReadFile ioutil.ReadFile http.Get "
    "http.Post http.NewRequest net.Dial net.Listen "
    "base64.StdEncoding.DecodeString hex.DecodeString";

// A literal is known to be right: strconv.Atoi("12").
static bool has_literal_argument(const struct checks *c, uint32_t call) {
    uint32_t arguments = check_arguments(c, call);
    uint32_t what = arguments ? check_named(c, arguments, 0) : 0;
    return !what || check_role(c, what) == ROLE_STRING || check_role(c, what) == ROLE_NUMBER;
}

// The value itself is tested next, so that zero stands for the error.
static bool is_looked_at(struct checks *c, uint32_t i, uint32_t value) {
    uint32_t next = syntax_next_named(c->s, i);
    if (check_role(c, c->s->nodes[i].parent) == ROLE_IF)
        return true;
    uint32_t condition =
        next && check_role(c, next) == ROLE_IF ? syntax_child(c->s, next, FIELD_ROLE_CONDITION) : 0;
    return condition && value && check_has_name(c, condition, value);
}

// func (s S) Int() int { n, _ := strconv.Atoi(s); return n }, when the comment above says what
// comes of text that is no number.
static bool says_what_comes(const struct checks *c, uint32_t i) {
    uint32_t function = check_function(c, i), comment = function ? function - 1 : 0;
    uint32_t next = syntax_next_named(c->s, i);
    if (!comment || check_role(c, comment) != ROLE_COMMENT || !next ||
        check_role(c, next) != ROLE_RETURN)
        return false;
    const char *end = c->s->text + c->s->nodes[comment].end, *at = end;
    for (int lines = 0; at > c->s->text && lines < 8; at--)
        if (at[-1] == '\n' && ++lines && (at == end || (*at != '/' && *at != '*' && *at != ' ')))
            break;
    for (const char *const *word =
             (const char *const[]){" 0", "zero", "default", "ignor", "false", NULL};
         *word; word++)
        if (memmem(at, (size_t)(end - at), *word, strlen(*word)))
            return true;
    return false;
}

// _ = err; n, _ := strconv.Atoi(…)
static void go_blank(struct checks *c, uint32_t i) {
    uint32_t left = syntax_child(c->s, i, FIELD_ROLE_LEFT),
             right = syntax_child(c->s, i, FIELD_ROLE_RIGHT);
    if (!left || !right || c->test)
        return;
    uint32_t values = check_named_count(c, left);
    uint32_t last = check_named(c, left, values ? values - 1 : 0);
    if (!last || !syntax_text_is(c->s, last, "_") || check_named_count(c, right) != 1)
        return;
    uint32_t value = syntax_first_named(c->s, right);
    if (values == 1 && names_an_error(c, value)) {
        if (!check_commented(c, i))
            (void)check_report(c, "swallowed-error", i, "%.*s is thrown away",
                               check_length(c, value), check_text(c, value));
        return;
    }
    uint32_t callee = check_role(c, value) == ROLE_CALL ? check_callee(c, value) : 0;
    if (values != 2 || is_looked_at(c, i, check_named(c, left, 0)))
        return;
    if (!callee || !check_one_of(c, callee, GO_MUST_LOOK) || has_literal_argument(c, value) ||
        check_commented(c, i) || says_what_comes(c, i))
        return;
    (void)check_report(c, "swallowed-error", i, "the error of %.*s is thrown away",
                       check_length(c, callee), check_text(c, callee));
}

static bool is_err_pattern(struct checks *c, uint32_t pattern) {
    uint32_t name = pattern ? syntax_first_named(c->s, pattern) : 0;
    if (name && syntax_type_is(c->s, name, "tuple_struct_pattern"))
        name = syntax_first_named(c->s, name);
    return name && syntax_text_is(c->s, name, "Err") && check_has_text(c, pattern, "_");
}

// match f() { Ok(v) => …, Err(_) => {} }
static void rust_arm(struct checks *c, uint32_t arm) {
    uint32_t pattern = syntax_first_named(c->s, arm);
    uint32_t body = syntax_child(c->s, arm, FIELD_ROLE_VALUE);
    if (c->test || !body || check_role(c, body) != ROLE_BLOCK || !is_empty(c, body) ||
        !is_err_pattern(c, pattern) || check_commented(c, arm))
        return;
    (void)check_report(c, "swallowed-error", arm, "the arm of Err is empty");
}

// if let Err(_) = f() {}
static void rust_if(struct checks *c, uint32_t i) {
    uint32_t condition = syntax_child(c->s, i, FIELD_ROLE_CONDITION);
    uint32_t body = syntax_child(c->s, i, FIELD_ROLE_CONSEQUENCE);
    if (c->test || !condition || !body || !is_empty(c, body) ||
        !syntax_type_is(c->s, condition, "let_condition") ||
        syntax_child(c->s, i, FIELD_ROLE_ALTERNATIVE) || check_commented(c, i))
        return;
    uint32_t pattern = syntax_first_named(c->s, condition);
    uint32_t name = pattern ? syntax_first_named(c->s, pattern) : 0;
    if (name && syntax_text_is(c->s, name, "Err"))
        (void)check_report(c, "swallowed-error", i, "the error is matched and dropped");
}

// let _ = fs::write(…)
static void rust_let(struct checks *c, uint32_t i) {
    uint32_t value = syntax_child(c->s, i, FIELD_ROLE_VALUE);
    if (c->test || !value || check_role(c, value) != ROLE_CALL || !check_has_text(c, i, "_") ||
        check_named_count(c, i) != 1)
        return;
    uint32_t callee = check_callee(c, value);
    if (callee &&
        check_one_of(c, callee,
                     "fs::write std::fs::write fs::rename std::fs::rename fs::copy "
                     "std::fs::copy") &&
        !check_commented(c, i))
        (void)check_report(c, "swallowed-error", i, "the result of %.*s is thrown away",
                           check_length(c, callee), check_text(c, callee));
}

const struct check_row checks_errors[] = {
    {CHECK_JS | LANG(CPP) | LANG(PYTHON) | LANG(JAVA) | LANG(RUBY), ROLE_CATCH, handler},
    {CHECK_JS, ROLE_CALL, promise_catch},
    {LANG(GO), ROLE_IF, go_if},
    {LANG(GO), ROLE_ASSIGN, go_blank},
    {LANG(RUST), ROLE_CASE, rust_arm},
    {LANG(RUST), ROLE_IF, rust_if},
    {LANG(RUST), ROLE_VARIABLE, rust_let},
    {0, 0, NULL},
};
