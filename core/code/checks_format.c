// Formats and what is given to them: only literal formats, only known functions, only where the
// numbers are certain.
#include "core/code/checks_impl.h"

#include <stdio.h>
#include <string.h>

enum { UNSURE = -1 };

struct count {
    int wanted;  // arguments that the format takes
    bool unsure; // numbered, named, or cut by a macro
};

// Conversions of C: flags, width, precision, length, letter. `rest` tells whether the text ends
// within one (a macro like PRId64 follows).
static void count_c(const char *text, size_t n, struct count *count, bool *ret_open) {
    *ret_open = false;
    for (size_t k = 0; k < n; k++) {
        if (text[k] != '%')
            continue;
        k++;
        if (k < n && text[k] == '%')
            continue;
        bool digits = false;
        while (k < n && text[k] && strchr("-+ #0'.*123456789hlLqjzt", text[k])) {
            count->wanted += text[k] == '*';
            digits |= text[k] >= '1' && text[k] <= '9';
            k++;
        }
        if (k >= n) {
            *ret_open = true;
            return;
        }
        if (digits && text[k] == '$')
            count->unsure = true;
        if (text[k] == 'm') // glibc: errno's text
            continue;
        if (!strchr("diouxXeEfFgGaAcspnCS", text[k]))
            count->unsure = true; // an extension of somebody's
        count->wanted++;
    }
}

static struct count format_c(const struct checks *c, uint32_t format) {
    struct count count = {0};
    bool open = false;
    if (!syntax_type_is(c->s, format, "concatenated_string")) {
        size_t n;
        const char *text = syntax_text(c->s, format, &n);
        if (n < 2 || text[0] != '"')
            return (struct count){.unsure = true};
        count_c(text + 1, n - 2, &count, &open);
        count.unsure |= open;
        return count;
    }
    for (uint32_t k = syntax_first_named(c->s, format); k; k = syntax_next_named(c->s, k)) {
        size_t n;
        const char *text = syntax_text(c->s, k, &n);
        if (check_role(c, k) == ROLE_STRING) {
            if (open || n < 2 || text[0] != '"')
                return (struct count){.unsure = true};
            count_c(text + 1, n - 2, &count, &open);
        } else if (open && (check_starts_with(c, k, "PRI") || check_starts_with(c, k, "SCN"))) {
            count.wanted++;
            open = false;
        } else {
            return (struct count){.unsure = true};
        }
    }
    count.unsure |= open;
    return count;
}

// A macro, as they are written: one may stand for several arguments.
static bool is_macro_name(const struct checks *c, uint32_t i) {
    size_t n;
    const char *text = syntax_text(c->s, i, &n);
    bool letter = false;
    for (size_t k = 0; k < n; k++) {
        if (text[k] >= 'a' && text[k] <= 'z')
            return false;
        letter |= text[k] >= 'A' && text[k] <= 'Z';
    }
    return letter && check_role(c, i) == ROLE_IDENTIFIER;
}

// Arguments behind the format; UNSURE when one may stand for several.
static int given_c(struct checks *c, uint32_t format) {
    int n = 0;
    for (uint32_t k = syntax_sibling(c->s, format); k; k = syntax_sibling(c->s, k)) {
        if (!syntax_named(c->s, k) || check_role(c, k) == ROLE_COMMENT)
            continue;
        n++;
        uint32_t at = check_role(c, k) == ROLE_CALL ? check_callee(c, k) : k;
        bool macro = at && is_macro_name(c, at);
        if (macro || check_role(c, k) == ROLE_PREPROC_IF || check_has_text(c, k, "__VA_ARGS__") ||
            check_starts_with(c, k, "#"))
            return UNSURE;
        if (check_is(c, LANG_CPP) && check_has_text(c, k, "..."))
            return UNSURE;
    }
    return n;
}

static void report(struct checks *c, uint32_t at, int wanted, int given) {
    (void)check_report(c, "format-mismatch", at, "the format takes %d argument%s, %d %s given",
                       wanted, wanted == 1 ? "" : "s", given, given == 1 ? "is" : "are");
}

static int format_position_c(const struct checks *c, uint32_t callee) {
    static const char *const at[] = {"printf std::printf",
                                     "fprintf sprintf dprintf syslog std::fprintf std::sprintf",
                                     "snprintf std::snprintf"};
    for (int k = 0; k < 3; k++)
        if (check_one_of(c, callee, at[k]))
            return k;
    return UNSURE;
}

static void printf_c(struct checks *c, uint32_t i) {
    uint32_t callee = check_callee(c, i), arguments = check_arguments(c, i);
    int position = callee && arguments ? format_position_c(c, callee) : UNSURE;
    uint32_t format = position >= 0 ? check_named(c, arguments, (uint32_t)position) : 0;
    if (!format || check_role(c, format) != ROLE_STRING)
        return;
    struct count count = format_c(c, format);
    int given = given_c(c, format);
    if (!count.unsure && given != UNSURE && given != count.wanted)
        report(c, i, count.wanted, given);
}

// --- Python

static struct count format_percent(const char *text, size_t n) {
    struct count count = {0};
    for (size_t k = 0; k < n; k++) {
        if (text[k] != '%')
            continue;
        k++;
        if (k < n && text[k] == '%')
            continue;
        if (k < n && text[k] == '(')
            return (struct count){.unsure = true};
        while (k < n && text[k] && strchr("-+ #0.*123456789hlL", text[k])) {
            count.wanted += text[k] == '*';
            k++;
        }
        if (k >= n || !strchr("diouxXeEfFgGcrsab", text[k]))
            return (struct count){.unsure = true};
        count.wanted++;
    }
    return count;
}

// {} and {0}: how many positions are needed; unsure with names, and with both kinds.
static struct count format_braces(const char *text, size_t n) {
    struct count count = {0};
    int highest = 0;
    for (size_t k = 0; k < n; k++) {
        if (text[k] != '{' && text[k] != '}')
            continue;
        if (k + 1 < n && text[k + 1] == text[k]) {
            k++;
            continue;
        }
        if (text[k] == '}')
            continue;
        size_t end = k + 1;
        while (end < n && text[end] != '}' && text[end] != '{')
            end++;
        if (end >= n || text[end] == '{')
            return (struct count){.unsure = true};
        char first = text[k + 1];
        if (first == '}' || first == ':' || first == '!') {
            count.wanted++;
        } else if (first >= '0' && first <= '9') {
            int at = first - '0';
            if (text[k + 2] >= '0' && text[k + 2] <= '9')
                at = at * 10 + text[k + 2] - '0';
            highest = at + 1 > highest ? at + 1 : highest;
        } else {
            return (struct count){.unsure = true};
        }
        k = end;
    }
    if (count.wanted && highest)
        return (struct count){.unsure = true};
    count.wanted += highest;
    return count;
}

// The literal text of a string without code in it; false otherwise.
static bool literal(const struct checks *c, uint32_t i, const char **ret_text, size_t *ret_n) {
    if (check_role(c, i) != ROLE_STRING || syntax_type_is(c->s, i, "concatenated_string"))
        return false;
    for (uint32_t k = syntax_first(c->s, i); k; k = syntax_sibling(c->s, k))
        if (check_role(c, k) != ROLE_STRING_PART && syntax_named(c->s, k))
            return false;
    *ret_text = syntax_text(c->s, i, ret_n);
    const char *quote = memchr(*ret_text, '"', *ret_n), *other = memchr(*ret_text, '\'', *ret_n);
    const char *first = !quote || (other && other < quote) ? other : quote;
    return first && !memchr(*ret_text, 'f', (size_t)(first - *ret_text)) &&
           !memchr(*ret_text, 'F', (size_t)(first - *ret_text));
}

static bool has_splat(const struct checks *c, uint32_t list) {
    for (uint32_t k = syntax_first_named(c->s, list); k; k = syntax_next_named(c->s, k))
        if (check_starts_with(c, k, "*"))
            return true;
    return false;
}

static void percent_python(struct checks *c, uint32_t i) {
    uint32_t op = check_operator(c, i), left = check_left(c, i), right = check_right(c, i);
    const char *text;
    size_t n;
    if (!op || !left || !right || !syntax_text_is(c->s, op, "%") || !literal(c, left, &text, &n))
        return;
    struct count count = format_percent(text, n);
    if (count.unsure)
        return;
    int given;
    if (syntax_type_is(c->s, right, "tuple")) {
        if (has_splat(c, right))
            return;
        given = (int)check_named_count(c, right);
    } else if (check_role(c, right) == ROLE_STRING || check_role(c, right) == ROLE_NUMBER) {
        given = 1;
    } else {
        return; // may be a tuple or a mapping
    }
    if (given != count.wanted)
        report(c, i, count.wanted, given);
}

static int positional(const struct checks *c, uint32_t first) {
    int n = 0;
    for (uint32_t k = first; k; k = syntax_next_named(c->s, k)) {
        if (check_starts_with(c, k, "*"))
            return UNSURE;
        n += check_role(c, k) != ROLE_PAIR;
    }
    return n;
}

static bool is_logger(const struct checks *c, uint32_t callee) {
    uint32_t object = syntax_child(c->s, callee, FIELD_ROLE_OBJECT),
             name = syntax_child(c->s, callee, FIELD_ROLE_PROPERTY);
    return object && name &&
           check_one_of(c, object,
                        "logging logger log LOG LOGGER _logger self.logger self.log "
                        "self._logger _log __logger") &&
           check_one_of(c, name, "debug info warning error critical exception warn");
}

// "…".format(a), logger.info("…", a)
static void calls_python(struct checks *c, uint32_t i) {
    uint32_t callee = check_callee(c, i), arguments = check_arguments(c, i);
    const char *text;
    size_t n;
    if (!callee || !arguments || check_role(c, callee) != ROLE_MEMBER ||
        check_role(c, arguments) != ROLE_ARGUMENTS)
        return;
    uint32_t object = syntax_child(c->s, callee, FIELD_ROLE_OBJECT);
    uint32_t name = syntax_child(c->s, callee, FIELD_ROLE_PROPERTY);
    uint32_t first = syntax_first_named(c->s, arguments);
    if (name && object && syntax_text_is(c->s, name, "format") && literal(c, object, &text, &n)) {
        struct count count = format_braces(text, n);
        int given = positional(c, first);
        if (!count.unsure && given != UNSURE && given < count.wanted)
            report(c, i, count.wanted, given);
        return;
    }
    if (!first || !is_logger(c, callee) || !literal(c, first, &text, &n))
        return;
    struct count count = format_percent(text, n);
    int given = positional(c, syntax_next_named(c->s, first));
    if (!count.unsure && given > 0 && given != count.wanted)
        report(c, i, count.wanted, given);
}

// --- Go

static struct count format_go(const char *text, size_t n) {
    struct count count = {0};
    for (size_t k = 0; k < n; k++) {
        if (text[k] != '%')
            continue;
        k++;
        if (k < n && text[k] == '%')
            continue;
        while (k < n && text[k] && strchr("-+ #0.*123456789", text[k])) {
            count.wanted += text[k] == '*';
            k++;
        }
        if (k >= n || !strchr("vTtbcdoOqxXUeEfFgGspw", text[k]))
            return (struct count){.unsure = true};
        count.wanted++;
    }
    return count;
}

static int format_position_go(const struct checks *c, uint32_t callee) {
    if (check_one_of(c, callee,
                     "fmt.Printf fmt.Sprintf fmt.Errorf log.Printf log.Fatalf log.Panicf "
                     "t.Errorf t.Fatalf t.Logf t.Skipf b.Fatalf b.Errorf b.Logf"))
        return 0;
    return check_one_of(c, callee, "fmt.Fprintf") ? 1 : UNSURE;
}

static void printf_go(struct checks *c, uint32_t i) {
    uint32_t callee = check_callee(c, i), arguments = check_arguments(c, i);
    int position = callee && arguments ? format_position_go(c, callee) : UNSURE;
    uint32_t format = position >= 0 ? check_named(c, arguments, (uint32_t)position) : 0;
    if (!format || check_role(c, format) != ROLE_STRING)
        return;
    size_t n;
    const char *text = syntax_text(c->s, format, &n);
    struct count count = format_go(text, n);
    int given = 0;
    for (uint32_t k = syntax_next_named(c->s, format); k; k = syntax_next_named(c->s, k), given++) {
        size_t m;
        const char *argument = syntax_text(c->s, k, &m);
        if (m > 3 && memcmp(argument + m - 3, "...", 3) == 0) // spreads a slice
            return;
    }
    if (!count.unsure && given != count.wanted)
        report(c, i, count.wanted, given);
}

// --- Java: too few throws, too many are ignored

static struct count format_java(const char *text, size_t n) {
    struct count count = {0};
    for (size_t k = 0; k < n; k++) {
        if (text[k] != '%')
            continue;
        k++;
        if (k < n && (text[k] == '%' || text[k] == 'n'))
            continue;
        while (k < n && text[k] && strchr("-+ #0,(.123456789", text[k]))
            k++;
        if (k >= n || !strchr("bBhHsScCdoxXeEfgGaAtT", text[k]))
            return (struct count){.unsure = true};
        count.wanted++;
    }
    return count;
}

static void format_call_java(struct checks *c, uint32_t i) {
    uint32_t object = syntax_child(c->s, i, FIELD_ROLE_OBJECT), name = check_callee(c, i);
    uint32_t arguments = check_arguments(c, i);
    if (!object || !name || !arguments ||
        !((syntax_text_is(c->s, object, "String") && syntax_text_is(c->s, name, "format")) ||
          (check_one_of(c, object, "System.out System.err") &&
           check_one_of(c, name, "printf format"))))
        return;
    uint32_t format = syntax_first_named(c->s, arguments);
    if (!format || check_role(c, format) != ROLE_STRING)
        return;
    size_t n;
    const char *text = syntax_text(c->s, format, &n);
    struct count count = format_java(text, n);
    uint32_t only = syntax_next_named(c->s, format);
    int given = positional(c, only);
    if (given == 1 && check_role(c, only) != ROLE_STRING && check_role(c, only) != ROLE_NUMBER)
        return; // may be an array of all of them
    if (!count.unsure && given < count.wanted)
        report(c, i, count.wanted, given);
}

const struct check_row checks_format[] = {
    {CHECK_C, ROLE_CALL, printf_c},
    {LANG(PYTHON), ROLE_BINARY, percent_python},
    {LANG(PYTHON), ROLE_CALL, calls_python},
    {LANG(GO), ROLE_CALL, printf_go},
    {LANG(JAVA), ROLE_CALL, format_call_java},
    {0, 0, NULL},
};
