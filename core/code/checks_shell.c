// Traps of shell scripts.
#include "core/code/checks_impl.h"

#include <string.h>

static bool is_command(const struct checks *c, uint32_t i, const char *name) {
    uint32_t callee = check_role(c, i) == ROLE_CALL ? check_callee(c, i) : 0;
    return callee && syntax_text_is(c->s, callee, name);
}

static bool is_expansion(const struct checks *c, uint32_t i) {
    return syntax_type_is(c->s, i, "simple_expansion") || syntax_type_is(c->s, i, "expansion");
}

// An unquoted variable in an argument: alone or glued to words.
static uint32_t unquoted(const struct checks *c, uint32_t argument) {
    if (is_expansion(c, argument))
        return argument;
    if (!syntax_type_is(c->s, argument, "concatenation"))
        return 0;
    for (uint32_t k = syntax_first_named(c->s, argument); k; k = syntax_next_named(c->s, k))
        if (is_expansion(c, k))
            return k;
    return 0;
}

// $#, $?, $$ and the like hold numbers.
static bool is_number_variable(const struct checks *c, uint32_t expansion) {
    const char *text = check_text(c, expansion);
    uint32_t n = c->s->nodes[expansion].end - c->s->nodes[expansion].start;
    if (n < 2)
        return true;
    char name = text[1] == '{' && n > 2 ? text[2] : text[1];
    return strchr("#?$!-", name) != NULL;
}

static uint32_t variable_of(const struct checks *c, uint32_t expansion) {
    for (uint32_t k = syntax_first_named(c->s, expansion); k; k = syntax_next_named(c->s, k))
        if (check_role(c, k) == ROLE_IDENTIFIER)
            return k;
    return 0;
}

// $?, $((x + 1)), ${#x}
static bool is_number(const char *value, size_t n) {
    return (n == 2 && value[0] == '$' && strchr("#?$!", value[1])) ||
           (n > 3 && (memcmp(value, "$((", 3) == 0 || memcmp(value, "${#", 3) == 0));
}

// A value that the script itself gives, without blanks or patterns, wherever it gives one; or a
// list of names that is split on purpose.
static bool is_harmless(struct checks *c, uint32_t name) {
    size_t n, m;
    const char *text = syntax_text(c->s, name, &n);
    bool literal = false;
    if (n > 1 && (text[n - 1] == 's' || text[n - 1] == 'S'))
        return true;
    for (const char *const *part = (const char *const[]){"list", "LIST", "file", "FILE", "opt",
                                                         "OPT", "arg", "ARG", NULL};
         *part; part++)
        if (memmem(text, n, *part, strlen(*part)) && n > strlen(*part))
            return true;
    if (!check_spend(c, 0))
        return true;
    for (uint32_t k = 0; k < c->s->count; k++) {
        if (check_role(c, k) == ROLE_FOR) {
            uint32_t variable = syntax_first_named(c->s, k);
            const char *its = variable ? syntax_text(c->s, variable, &m) : NULL;
            if (its && n == m && memcmp(its, text, n) == 0)
                return true; // of a list: split already
            continue;
        }
        if (check_role(c, k) != ROLE_ASSIGN)
            continue;
        uint32_t target = syntax_child(c->s, k, FIELD_ROLE_NAME);
        uint32_t value = syntax_child(c->s, k, FIELD_ROLE_VALUE);
        const char *its = target ? syntax_text(c->s, target, &m) : NULL;
        if (!its || n != m || memcmp(its, text, n) != 0)
            continue;
        const char *given = value ? syntax_text(c->s, value, &m) : "";
        m = value ? m : 0;
        if (is_number(given, m)) {
            literal = true;
            continue;
        }
        if (m == 0 || (m == 2 && (given[0] == '"' || given[0] == '\'')))
            return false; // it may be empty
        if (memchr(given, '$', m) || memchr(given, '`', m) || memchr(given, ' ', m) ||
            memchr(given, '*', m))
            return false;
        literal = true;
    }
    return literal;
}

// The Z shell does not split.
static bool is_zsh(const struct checks *c) {
    const char *eol = memchr(c->s->text, '\n', c->s->bytes);
    size_t n = eol ? (size_t)(eol - c->s->text) : c->s->bytes;
    return strstr(c->path, ".zsh") || memmem(c->s->text, n, "zsh", 3) ||
           memmem(c->s->text, n, "#compdef", 8);
}

static bool has_recursive_flag(const struct checks *c, uint32_t command) {
    for (uint32_t k = syntax_first_named(c->s, command); k; k = syntax_next_named(c->s, k)) {
        size_t n;
        const char *text = syntax_text(c->s, k, &n);
        if (check_role(c, k) == ROLE_IDENTIFIER && n > 1 && text[0] == '-' && text[1] != '-' &&
            (memchr(text, 'r', n) || memchr(text, 'R', n)))
            return true;
    }
    return false;
}

// rm -rf $dir
static void rm_unquoted(struct checks *c, uint32_t i) {
    if (!is_command(c, i, "rm") || !has_recursive_flag(c, i) || is_zsh(c))
        return;
    for (uint32_t k = syntax_first_named(c->s, i); k; k = syntax_next_named(c->s, k)) {
        uint32_t expansion = unquoted(c, k);
        uint32_t name = expansion ? variable_of(c, expansion) : 0;
        if (!name || is_number_variable(c, expansion) || is_harmless(c, name))
            continue;
        struct finding *f =
            check_report(c, "shell-rm-unquoted", k, "%.*s is split at blanks and expanded",
                         check_length(c, expansion), check_text(c, expansion));
        const struct node *e = &c->s->nodes[expansion];
        check_fix(f, e->start, e->end, "\"%.*s\"", (int)(e->end - e->start), c->s->text + e->start);
        return;
    }
}

// set -e, set -eu, set -o errexit, #!/bin/sh -e
static bool stops_on_errors(const struct checks *c, uint32_t before) {
    const char *text = c->s->text;
    uint32_t end = c->s->nodes[before].start;
    for (uint32_t line = 0; line < end;) {
        const char *at = text + line, *eol = memchr(at, '\n', end - line);
        size_t n = eol ? (size_t)(eol - at) : end - line;
        const char *set = memmem(at, n, "set -", 5);
        if (line == 0 && n > 2 && at[0] == '#' && memmem(at, n, " -", 2) && memchr(at, 'e', n)) {
            const char *flags = memmem(at, n, " -", 2);
            if (memchr(flags, 'e', n - (size_t)(flags - at)))
                return true;
        }
        if (set) {
            size_t rest = n - (size_t)(set - at);
            size_t word = 5;
            while (word < rest && set[word] != ' ')
                word++;
            if (memchr(set + 5, 'e', word - 5) || memmem(set, rest, "errexit", 7))
                return true;
        }
        line += (uint32_t)n + 1;
    }
    return false;
}

static bool is_statement(const struct checks *c, uint32_t i) {
    enum role role = check_role(c, c->s->nodes[i].parent);
    return c->s->nodes[i].parent == 0 || role == ROLE_BLOCK || role == ROLE_IF ||
           role == ROLE_ELSE || syntax_type_is(c->s, c->s->nodes[i].parent, "subshell");
}

static bool in_condition(const struct checks *c, uint32_t i) {
    return c->s->nodes[i].field == FIELD_ROLE_CONDITION;
}

static uint32_t plain_command(const struct checks *c, uint32_t i) {
    return syntax_type_is(c->s, i, "redirected_statement") ? syntax_first_named(c->s, i) : i;
}

static bool is_destructive(struct checks *c, uint32_t i) {
    uint32_t command = plain_command(c, i);
    if (!command || check_role(c, command) != ROLE_CALL)
        return false;
    bool removes = is_command(c, command, "rm") || is_command(c, command, "mv");
    if (is_command(c, command, "git"))
        return check_has_text(c, command, "clean") || check_has_text(c, command, "--hard");
    if (is_command(c, command, "find"))
        return check_has_text(c, command, "-delete");
    if (!removes)
        return false;
    // Only what names a place relative to the directory depends on cd.
    for (uint32_t k = syntax_first_named(c->s, command); k; k = syntax_next_named(c->s, k)) {
        char first = *check_text(c, k);
        if (k != check_callee(c, command) && first != '-' && first != '/' && first != '$' &&
            first != '"' && first != '~')
            return true;
    }
    return false;
}

static void cd_unchecked(struct checks *c, uint32_t i) {
    if (!is_command(c, i, "cd") || !is_statement(c, i) || in_condition(c, i))
        return;
    uint32_t target = check_named(c, i, 1);
    if (!target || check_one_of(c, target, ". / .. - ~") || stops_on_errors(c, i))
        return;
    uint32_t steps = 0;
    for (uint32_t k = syntax_next_named(c->s, i); k && steps < 8;
         k = syntax_next_named(c->s, k), steps++) {
        uint32_t command = plain_command(c, k);
        if (command && (is_command(c, command, "cd") || check_has_text(c, k, "$?")))
            return;
        if (is_destructive(c, k)) {
            (void)check_report(c, "shell-cd-unchecked", i, "if it fails, line %u works elsewhere",
                               c->s->nodes[k].line);
            return;
        }
    }
}

// [ $x = y ], [ -n $x ]
static void test_unquoted(struct checks *c, uint32_t i) {
    uint32_t bracket = syntax_first(c->s, i);
    uint32_t inner = bracket ? syntax_first_named(c->s, i) : 0;
    if (!inner || !syntax_text_is(c->s, bracket, "[") || syntax_next_named(c->s, inner))
        return;
    uint32_t operand = 0, op = 0;
    if (check_role(c, inner) == ROLE_BINARY) {
        op = check_operator(c, inner);
        if (!op || !check_one_of(c, op, "= == !="))
            return;
        uint32_t left = check_left(c, inner);
        operand = left && is_expansion(c, left) ? left : 0;
    } else if (check_role(c, inner) == ROLE_UNARY) {
        op = syntax_first_named(c->s, inner);
        if (!op || !check_one_of(c, op, "-n"))
            return;
        uint32_t value = syntax_next_named(c->s, op);
        operand = value && is_expansion(c, value) ? value : 0;
    }
    uint32_t name = operand ? variable_of(c, operand) : 0;
    if (!name || is_zsh(c) || is_number_variable(c, operand) || is_harmless(c, name))
        return;
    struct finding *f = check_report(c, "shell-test-unquoted", operand,
                                     "%.*s vanishes or splits when it is empty or has blanks",
                                     check_length(c, operand), check_text(c, operand));
    const struct node *e = &c->s->nodes[operand];
    check_fix(f, e->start, e->end, "\"%.*s\"", (int)(e->end - e->start), c->s->text + e->start);
}

const struct check_row checks_shell[] = {
    {LANG(BASH), ROLE_CALL, rm_unquoted},
    {LANG(BASH), ROLE_CALL, cd_unchecked},
    {LANG(BASH), ROLE_PARENTHESES, test_unquoted},
    {0, 0, NULL},
};
