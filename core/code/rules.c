// The table of rules, sorted by id. Ids are stable: users mute by them, baselines hold them.
#include "core/code/finding.h"

#include "core/base/mem.h"

#include <string.h>

#define WARN SEVERITY_WARNING
#define NOTE SEVERITY_NOTE
#define FAIL SEVERITY_ERROR
#define SHERLOCK(id, title, why, fix, severity, confidence, review_only)                           \
    { id, "sherlock", title, why, fix, severity, confidence, review_only, false }

static const struct rule rules[] = {
    SHERLOCK("assert-tuple", "assert on a tuple",
             "A tuple that is not empty is always true: the assertion can never fail.",
             "Write the message after a comma, without the parentheses.", FAIL, 99, false),
    SHERLOCK(
        "assignment-in-condition", "assignment in a condition",
        "`=` where a comparison was likely meant changes the variable and tests the new value.",
        "Write `==`, or put the assignment in parentheses of its own or on a line before.", FAIL,
        90, false),
    SHERLOCK(
        "bare-except", "except without a type",
        "It also catches KeyboardInterrupt and SystemExit, so the program cannot be stopped here.",
        "Name the exception, or write `except Exception`.", NOTE, 95, false),
    SHERLOCK("constant-condition", "condition that never changes",
             "One of the two ways is dead code, or the test says something else than it means.",
             "Remove the test or write the one that was meant.", WARN, 90, false),
    SHERLOCK("dangling-else", "else belongs to another if",
             "The indentation says one thing, the language does another.", "Add braces.", WARN, 97,
             false),
    SHERLOCK("defer-in-loop", "defer inside of a loop",
             "Deferred calls run when the function ends, not the iteration: resources pile up, "
             "locks stay held.",
             "Move the body of the loop into a function, or call it at the end of the iteration.",
             WARN, 90, false),
    SHERLOCK("duplicate-key", "key given twice",
             "The later value silently replaces the earlier one; a later case never runs.",
             "Remove one, or write the key that was meant.", WARN, 97, false),
    SHERLOCK("errorf-without-wrap", "error formatted, not wrapped",
             "Callers can no longer find the cause with errors.Is and errors.As.",
             "Format the error with %w.", NOTE, 90, true),
    SHERLOCK("float-equality", "equality with an inexact number",
             "The literal has no exact binary value: a computed result will hardly ever equal it.",
             "Compare the difference with a tolerance.", NOTE, 90, false),
    SHERLOCK("format-mismatch", "format and arguments do not agree",
             "A conversion without an argument reads garbage or throws; an argument without a "
             "conversion is lost.",
             "Make the numbers agree.", FAIL, 97, false),
    SHERLOCK("fstring-without-placeholder", "f-string without a placeholder",
             "Nothing is formatted: a brace was forgotten, or the prefix is noise.",
             "Add the placeholder or remove the f.", NOTE, 97, false),
    SHERLOCK("identical-branches", "branches do the same",
             "The condition decides nothing: one branch was likely copied and not changed.",
             "Write what the other branch should do, or drop the condition.", WARN, 92, false),
    SHERLOCK("identical-operands", "both operands are the same",
             "The operator adds nothing: another operand was likely meant.",
             "Write the operand that was meant.", WARN, 95, false),
    SHERLOCK("infinite-recursion", "calls itself on every path",
             "It recurses until the stack is used up.",
             "Call what was meant, or add the case that ends it.", FAIL, 97, false),
    SHERLOCK(
        "is-literal", "identity with a literal",
        "`is` asks whether it is the same object; for literals that depends on the interpreter.",
        "Compare with == or !=.", WARN, 99, false),
    SHERLOCK("loop-closure", "closure keeps the loop variable",
             "All closures see the variable's last value when they run later.",
             "Bind the value: a default argument, or `let`.", WARN, 90, false),
    SHERLOCK("misleading-indentation", "indented like the branch, but outside of it",
             "The statement runs whatever the condition says.",
             "Add braces, or indent it as what it is.", WARN, 97, false),
    SHERLOCK("mutable-default", "mutable default argument",
             "The default is made once: what one call changes, the next one sees.",
             "Default to None and make the value in the body.", WARN, 90, false),
    SHERLOCK("nan-comparison", "comparison with NaN",
             "NaN equals nothing, itself included: the result is always the same.",
             "Use the function that tests for it.", FAIL, 98, false),
    SHERLOCK("precedence-trap", "operators bind in another order",
             "The comparison or the negation is done first, before what it reads like.",
             "Add the parentheses that were meant.", FAIL, 95, false),
    SHERLOCK("repeated-condition", "condition tested before",
             "This branch can never run: the same test failed above.",
             "Write the condition that was meant.", WARN, 96, false),
    SHERLOCK("rescue-exception", "rescue Exception",
             "It also catches Interrupt, SystemExit and NoMemoryError.",
             "Rescue StandardError, or raise again.", WARN, 95, false),
    SHERLOCK("resource-leak", "not released on this path",
             "The file, socket or memory stays taken when this way out is gone.",
             "Release it before leaving, or let the language's own construct do it.", WARN, 88,
             false),
    SHERLOCK("self-assignment", "assigned to itself",
             "It does nothing: another name was likely meant.",
             "Write the right-hand side that was meant, or remove the line.", WARN, 95, false),
    SHERLOCK("self-comparison", "compared with itself",
             "The result is always the same: another operand was likely meant.",
             "Write the operand that was meant.", WARN, 95, false),
    SHERLOCK("shell-cd-unchecked", "cd may fail before something destructive",
             "When the directory is missing, the next commands work on the wrong one.",
             "Write `cd … || exit`, or `set -e`.", WARN, 92, false),
    SHERLOCK("shell-rm-unquoted", "rm -r on an unquoted variable",
             "A blank or a pattern in the value deletes something else.",
             "Put the variable in double quotes.", WARN, 92, false),
    SHERLOCK("shell-test-unquoted", "unquoted variable in [ ]",
             "An empty value or one with blanks makes the test a syntax error, or true.",
             "Put the variable in double quotes.", NOTE, 92, true),
    SHERLOCK("sizeof-pointer", "size of the pointer, not of what it points to",
             "Four or eight bytes are meant, whatever the buffer's size.",
             "Write sizeof *p, or the length.", FAIL, 96, false),
    SHERLOCK("string-identity", "strings compared by identity",
             "`==` asks whether it is the same object; equal texts may be different objects.",
             "Use equals().", WARN, 97, false),
    SHERLOCK("suspicious-semicolon", "semicolon ends the statement early",
             "The body is empty; what follows always runs.", "Remove the semicolon.", FAIL, 97,
             false),
    SHERLOCK("swallowed-error", "error swallowed",
             "The failure leaves no trace: the program goes on with wrong assumptions.",
             "Handle it, log it, let it pass, or say in a comment why it does not matter.", WARN,
             95, false),
    SHERLOCK("todo-comment", "unfinished business", "Work that was put off is forgotten easily.",
             "Do it, or move it to where work is planned.", NOTE, 97, true),
    SHERLOCK("typeof-typo", "no such type name",
             "typeof never gives this text: the comparison is always false.",
             "Write the type name that was meant.", FAIL, 98, false),
    SHERLOCK("unawaited-async", "async call not awaited",
             "Its error is lost, and what follows runs before it is done.",
             "Await it, or say that it runs by itself.", WARN, 90, false),
    SHERLOCK("unreachable-code", "code that never runs",
             "What stands behind a jump is dead: either it is left over or the jump is wrong.",
             "Remove it, or move the jump.", WARN, 98, false),
};
_Static_assert(COUNT_OF(rules) <= RULES_MAX, "a rule's number has to fit");

const struct rule *rules_at(size_t i) {
    return i < COUNT_OF(rules) ? &rules[i] : NULL;
}

const struct rule *rules_find(const char *id, size_t n) {
    size_t low = 0, high = COUNT_OF(rules);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(rules[middle].id, id, n);
        if (order == 0 && rules[middle].id[n])
            order = 1;
        if (order == 0)
            return &rules[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
