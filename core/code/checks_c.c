// Traps of C and C++: the size of a pointer where that of the buffer was meant.
#include "core/code/checks_impl.h"

#include <string.h>

static const char BUFFER_FIRST[] = "memset memcpy memmove memcmp bzero strncpy strncat strlcpy "
                                   "strlcat snprintf vsnprintf fgets explicit_bzero stpncpy";
// The identifier in sizeof(x), or 0.
static uint32_t sized(const struct checks *c, uint32_t argument) {
    if (!syntax_type_is(c->s, argument, "sizeof_expression"))
        return 0;
    uint32_t value = syntax_child(c->s, argument, FIELD_ROLE_VALUE);
    value = value ? check_unwrap(c, value) : 0;
    return value && check_role(c, value) == ROLE_IDENTIFIER ? value : 0;
}

static bool same_text(const struct checks *c, uint32_t a, uint32_t b) {
    size_t n, m;
    const char *x = syntax_text(c->s, a, &n), *y = syntax_text(c->s, b, &m);
    return n == m && memcmp(x, y, n) == 0;
}

enum kind { KIND_UNKNOWN, KIND_POINTER, KIND_OTHER };

// How the function declares the name; KIND_OTHER when there are several answers.
static enum kind declared(struct checks *c, uint32_t function, uint32_t name, uint32_t *ret_type) {
    const struct node *nodes = c->s->nodes;
    enum kind kind = KIND_UNKNOWN;
    if (!check_spend(c, function))
        return KIND_UNKNOWN;
    for (uint32_t k = function; k < nodes[function].next; k++) {
        if (nodes[k].role != ROLE_IDENTIFIER || nodes[k].field != FIELD_ROLE_DECLARATOR ||
            !same_text(c, k, name))
            continue;
        uint32_t stars = 0, arrays = 0, others = 0, up = nodes[k].parent;
        for (; nodes[up].role == ROLE_NONE || nodes[up].role == ROLE_DECLARATOR;
             up = nodes[up].parent) {
            if (syntax_type_is(c->s, up, "pointer_declarator"))
                stars++;
            else if (syntax_type_is(c->s, up, "array_declarator"))
                arrays++;
            else if (nodes[up].role == ROLE_NONE)
                others++;
        }
        bool parameter = nodes[up].role == ROLE_PARAMETER;
        bool pointer = !others && ((stars == 1 && !arrays) || (parameter && arrays == 1 && !stars));
        if (kind != KIND_UNKNOWN)
            return KIND_OTHER;
        kind = pointer ? KIND_POINTER : KIND_OTHER;
        *ret_type = syntax_child(c->s, up, FIELD_ROLE_TYPE);
    }
    return kind;
}

static void report(struct checks *c, uint32_t argument, uint32_t name, bool certain) {
    struct finding *f = check_report(c, "sizeof-pointer", argument, "%.*s is a pointer here",
                                     check_length(c, name), check_text(c, name));
    if (certain)
        check_fix(f, c->s->nodes[name].start, c->s->nodes[name].start, "*");
}

// memset(p, 0, sizeof(p))
static void buffer_call(struct checks *c, uint32_t call, uint32_t arguments) {
    uint32_t first = check_named(c, arguments, 0), second = check_named(c, arguments, 1);
    uint32_t function = check_function(c, call), type = 0;
    for (uint32_t k = first; k && function; k = syntax_next_named(c->s, k)) {
        uint32_t name = sized(c, k);
        if (!name)
            continue;
        bool same = (first && same_text(c, name, first)) || (second && same_text(c, name, second));
        if (same && declared(c, function, name, &type) == KIND_POINTER)
            report(c, k, name, false);
    }
}

static uint32_t assigned_to(const struct checks *c, uint32_t call) {
    uint32_t up = c->s->nodes[call].parent;
    if (check_role(c, up) == ROLE_CAST)
        up = c->s->nodes[up].parent;
    if (check_role(c, up) == ROLE_ASSIGN)
        return check_left(c, up);
    uint32_t at =
        check_role(c, up) == ROLE_DECLARATOR ? syntax_child(c->s, up, FIELD_ROLE_DECLARATOR) : 0;
    return at ? syntax_name(c->s, at) : 0;
}

// p = malloc(sizeof(p))
static void allocation(struct checks *c, uint32_t call, uint32_t arguments) {
    uint32_t target = assigned_to(c, call), function = check_function(c, call), type = 0;
    for (uint32_t k = target ? syntax_first_named(c->s, arguments) : 0; k && function;
         k = syntax_next_named(c->s, k)) {
        uint32_t name = sized(c, k);
        if (name && same_text(c, name, target) &&
            declared(c, function, name, &type) == KIND_POINTER)
            report(c, k, name, type && !syntax_text_is(c->s, type, "void"));
    }
}

// malloc, xcalloc, g_malloc0 … : they all say it.
static bool allocates(const struct checks *c, uint32_t callee) {
    size_t n;
    const char *text = syntax_text(c->s, callee, &n);
    return memmem(text, n, "alloc", 5) != NULL;
}

static void sizeof_pointer(struct checks *c, uint32_t i) {
    uint32_t callee = check_callee(c, i), arguments = check_arguments(c, i);
    if (!callee || !arguments || check_role(c, callee) != ROLE_IDENTIFIER)
        return;
    if (check_one_of(c, callee, BUFFER_FIRST))
        buffer_call(c, i, arguments);
    else if (allocates(c, callee))
        allocation(c, i, arguments);
}

const struct check_row checks_c[] = {
    {CHECK_C, ROLE_CALL, sizeof_pointer},
    {0, 0, NULL},
};
