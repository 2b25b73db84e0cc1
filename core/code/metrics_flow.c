// What nodes mean for complexity.
#include "core/code/metrics_impl.h"

#include <string.h>

static bool is_script(enum lang lang) {
    return lang == LANG_JAVASCRIPT || lang == LANG_TYPESCRIPT || lang == LANG_TSX;
}

static bool at_file_scope(const struct syntax *s, uint32_t i) {
    uint32_t parent = s->nodes[i].parent;
    if (!parent)
        return true;
    switch (node_type(s, parent)) {
    case NODE_preproc_if:
    case NODE_preproc_ifdef:
    case NODE_preproc_else:
    case NODE_declaration_list:
    case NODE_linkage_specification:
        return true;
    default:
        return false;
    }
}

bool metrics_is_function(const struct syntax *s, uint32_t i) {
    switch (s->nodes[i].role) {
    case ROLE_LAMBDA:
        // -> { } of Ruby is a lambda around a block.
        return !(s->lang == LANG_RUBY && s->nodes[s->nodes[i].parent].role == ROLE_LAMBDA &&
                 node_type(s, s->nodes[i].parent) == NODE_lambda);
    case ROLE_FUNCTION:
        return s->lang == LANG_RUBY || syntax_child(s, i, FIELD_ROLE_BODY) != 0 ||
               s->lang == LANG_CPP;
    case ROLE_BLOCK: // MACRO(name) { … }
        return (s->lang == LANG_C || s->lang == LANG_CPP) && at_file_scope(s, i);
    default:
        return false;
    }
}

bool metrics_is_separate(const struct syntax *s, uint32_t i) {
    return s->nodes[i].role != ROLE_LAMBDA || is_script(s->lang) || s->lang == LANG_GO;
}

static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

unsigned metrics_branch(const struct syntax *s, uint32_t i) {
    const struct node *n = &s->nodes[i];
    uint32_t parent = n->parent;
    enum node_type around = node_type(s, parent);
    char first = s->text[n->start];
    if (first == '?' && is_script(s->lang)) {
        if (n->end - n->start >= 2 && s->text[n->start + 1] == '?')
            return 2;
        bool behind_word = n->start && is_word_byte(s->text[n->start - 1]);
        if (n->end - n->start == 2) // ?. — `a?` is one token to lizard, `)?` are two
            return !behind_word;
        return around == NODE_ternary_expression && !behind_word;
    }
    if (first == '?' && s->lang == LANG_JAVA) // List<?>
        return around == NODE_ternary_expression;
    if (first == '?' && s->lang == LANG_RUBY)
        return around == NODE_conditional;
    if (first == '&' && s->lang == LANG_CPP) // T&&
        return around == NODE_binary_expression || s->nodes[parent].role == ROLE_ERROR;
    if (s->lang == LANG_BASH && s->nodes[parent].role == ROLE_NONE && first != '&' && first != '|')
        return 0;
    return 1;
}

// `else if`: one that stands alone in the place of an else.
static bool is_else_if(const struct syntax *s, uint32_t i) {
    const struct node *n = &s->nodes[i];
    uint8_t around = s->nodes[n->parent].role;
    if (n->role != ROLE_IF)
        return false;
    if (n->field == FIELD_ROLE_ALTERNATIVE && around == ROLE_IF)
        return true;
    return around == ROLE_ELSE && s->lang != LANG_PYTHON && s->lang != LANG_RUBY &&
           s->lang != LANG_BASH && syntax_first_named(s, n->parent) == i;
}

bool metrics_is_structural(const struct syntax *s, uint32_t i) {
    switch (s->nodes[i].role) {
    case ROLE_IF:
        return !is_else_if(s, i);
    case ROLE_UNLESS:
    case ROLE_IF_MODIFIER:
    case ROLE_FOR:
    case ROLE_WHILE:
    case ROLE_DO:
    case ROLE_SWITCH:
    case ROLE_CATCH:
    case ROLE_TERNARY:
        return true;
    default:
        return false;
    }
}

static bool jumps_to_label(const struct syntax *s, uint32_t i) {
    if (s->lang == LANG_RUBY || s->lang == LANG_PYTHON)
        return false; // break and next take values there
    uint32_t to = syntax_first_named(s, i);
    return to && (s->lang != LANG_RUST || s->text[s->nodes[to].start] == '\'');
}

unsigned metrics_flat(const struct syntax *s, uint32_t i) {
    const struct node *n = &s->nodes[i];
    uint8_t around = s->nodes[n->parent].role;
    switch (n->role) {
    case ROLE_ELSE: // of an if or a loop
        return around == ROLE_IF || around == ROLE_ELIF || around == ROLE_UNLESS ||
               around == ROLE_FOR || around == ROLE_WHILE;
    case ROLE_ELIF:
        return 1;
    case ROLE_GOTO:
        return 1;
    case ROLE_BREAK:
    case ROLE_CONTINUE:
        return n->next != i + 1 && jumps_to_label(s, i);
    default:
        // Java and Go have no node for else.
        return n->field == FIELD_ROLE_ALTERNATIVE && around == ROLE_IF && n->next != i + 1 &&
               (s->lang == LANG_JAVA || s->lang == LANG_GO);
    }
}

void metrics_deeper(const struct syntax *s, uint32_t i, uint32_t *ret_start, uint32_t *ret_end) {
    uint8_t role = s->nodes[i].role;
    uint32_t start = 0;
    *ret_end = s->nodes[i].next;
    for (uint32_t c = syntax_first(s, i); c && !start; c = syntax_sibling(s, c)) {
        const struct node *n = &s->nodes[c];
        if (n->field == FIELD_ROLE_BODY || n->field == FIELD_ROLE_CONSEQUENCE ||
            n->field == FIELD_ROLE_ALTERNATIVE || n->role == ROLE_BLOCK || n->role == ROLE_CASE ||
            n->role == ROLE_DEFAULT || n->role == ROLE_ELSE || n->role == ROLE_ELIF)
            start = c;
    }
    if (start && (role == ROLE_DO || s->nodes[i].role == ROLE_IF_MODIFIER ||
                  (role == ROLE_WHILE && s->lang == LANG_RUBY)))
        *ret_end = s->nodes[start].next; // the condition stands behind
    if (!start && s->lang == LANG_BASH)  // what is behind the condition
        for (uint32_t c = syntax_first(s, i); c; c = syntax_sibling(s, c))
            if (syntax_named(s, c) && s->nodes[c].field != FIELD_ROLE_CONDITION) {
                start = c;
                break;
            }
    *ret_start = start ? start : i + 1;
}

bool metrics_is_logical(const struct syntax *s, uint32_t i) {
    const struct node *n = &s->nodes[i];
    if (n->role != ROLE_BINARY && node_type(s, i) != NODE_let_chain)
        return false;
    for (uint32_t c = i + 1; c < n->next; c = s->nodes[c].next)
        if (s->nodes[c].role == ROLE_OP_AND || s->nodes[c].role == ROLE_OP_OR)
            return true;
    return false;
}

bool metrics_continues_logical(const struct syntax *s, uint32_t i) {
    uint32_t up = s->nodes[i].parent;
    while (up && s->nodes[up].role == ROLE_PARENTHESES)
        up = s->nodes[up].parent;
    return up && metrics_is_logical(s, up);
}

static bool same_text(const struct syntax *s, uint32_t a, uint32_t b) {
    size_t n, m;
    const char *x = syntax_text(s, a, &n), *y = syntax_text(s, b, &m);
    return n == m && memcmp(x, y, n) == 0;
}

// this.f(…), self.f(…), and r.f(…) where r is the receiver of a Go method.
static bool is_own_object(const struct syntax *s, uint32_t object, uint32_t function) {
    if (s->nodes[object].role == ROLE_SELF || syntax_text_is(s, object, "self") ||
        syntax_text_is(s, object, "cls"))
        return true;
    uint32_t receiver = syntax_child(s, function, FIELD_ROLE_RECEIVER);
    for (uint32_t k = receiver; receiver && k < s->nodes[receiver].next && k < receiver + 8; k++)
        if (s->nodes[k].role == ROLE_IDENTIFIER)
            return same_text(s, k, object);
    return false;
}

bool metrics_is_recursion(const struct syntax *s, uint32_t call, uint32_t function, uint32_t name,
                          unsigned parameters) {
    uint32_t callee = syntax_child(s, call, FIELD_ROLE_FUNCTION);
    uint32_t object = syntax_child(s, call, FIELD_ROLE_OBJECT);
    if (!callee)
        callee = syntax_child(s, call, FIELD_ROLE_NAME);
    if (s->lang == LANG_RUBY)
        object = syntax_child(s, call, FIELD_ROLE_RECEIVER);
    if (s->lang == LANG_BASH) {
        object = 0;
        callee = callee ? syntax_first_named(s, callee) : 0;
    }
    if (callee && s->nodes[callee].role == ROLE_MEMBER) {
        uint32_t property = syntax_child(s, callee, FIELD_ROLE_PROPERTY);
        object = syntax_child(s, callee, FIELD_ROLE_OBJECT);
        if (!object)
            object = syntax_first_named(s, callee);
        callee = property ? property : syntax_child(s, callee, FIELD_ROLE_NAME);
    }
    if (!callee || s->nodes[callee].next != callee + 1 || !same_text(s, callee, name) ||
        (object && !is_own_object(s, object, function)))
        return false;
    // A method's own name without an object is another function in these languages.
    bool method = s->nodes[function].role == ROLE_FUNCTION &&
                  (node_type(s, function) == NODE_method_definition ||
                   syntax_child(s, function, FIELD_ROLE_RECEIVER));
    if (method && !object)
        return false;
    if (s->lang != LANG_JAVA && s->lang != LANG_CPP) // overloads
        return true;
    uint32_t arguments = syntax_child(s, call, FIELD_ROLE_ARGUMENTS);
    unsigned count = 0;
    for (uint32_t c = arguments ? syntax_first_named(s, arguments) : 0; c;
         c = syntax_next_named(s, c))
        count++;
    return count == parameters;
}

uint32_t metrics_parameters(const struct syntax *s, uint32_t function) {
    uint32_t list = syntax_child(s, function, FIELD_ROLE_PARAMETERS);
    uint32_t at = syntax_child(s, function, FIELD_ROLE_DECLARATOR);
    for (int step = 0; step < 32 && at && !list; step++) {
        list = syntax_child(s, at, FIELD_ROLE_PARAMETERS);
        at = syntax_child(s, at, FIELD_ROLE_DECLARATOR);
    }
    return list;
}

// def decorate(f): def wrapper(…): …; return wrapper
static bool is_decorator(const struct syntax *s, uint32_t body) {
    unsigned functions = 0, others = 0;
    for (uint32_t c = syntax_first_named(s, body); c; c = syntax_next_named(s, c)) {
        uint32_t inner = node_type(s, c) == NODE_decorated_definition
                             ? syntax_child_role(s, c, ROLE_FUNCTION)
                             : c;
        uint32_t first = syntax_first_named(s, c);
        bool text = s->nodes[c].role == ROLE_EXPRESSION_STATEMENT && first &&
                    s->nodes[first].role == ROLE_STRING;
        functions += inner && s->nodes[inner].role == ROLE_FUNCTION;
        others += !(inner && s->nodes[inner].role == ROLE_FUNCTION) && !text &&
                  s->nodes[c].role != ROLE_RETURN;
    }
    return functions == 1 && !others;
}

// A function that stands for a class or a namespace: nothing but declarations in it.
static bool only_declares(const struct syntax *s, uint32_t body) {
    unsigned declarations = 0;
    for (uint32_t c = syntax_first_named(s, body); c; c = syntax_next_named(s, c)) {
        uint8_t role = s->nodes[c].role;
        uint32_t first = syntax_first_named(s, c);
        bool directive =
            role == ROLE_EXPRESSION_STATEMENT && first && s->nodes[first].role == ROLE_STRING;
        bool assigns =
            role == ROLE_EXPRESSION_STATEMENT && first && s->nodes[first].role == ROLE_ASSIGN;
        if (role == ROLE_FUNCTION || role == ROLE_CLASS || role == ROLE_VARIABLE || assigns)
            declarations++;
        else if (!directive)
            return false;
    }
    return declarations > 0;
}

bool metrics_is_transparent(const struct syntax *s, uint32_t function) {
    uint32_t body = syntax_child(s, function, FIELD_ROLE_BODY);
    if (!body || s->nodes[body].role != ROLE_BLOCK)
        return false;
    if (s->lang == LANG_PYTHON)
        return is_decorator(s, body);
    return is_script(s->lang) && only_declares(s, body);
}
