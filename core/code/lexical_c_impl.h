// Inside of the lexical tier's reading of C, C++, Java and C#.
#pragma once

#include "core/code/lexical_impl.h"

enum c_scope { SCOPE_FILE, SCOPE_CLASS, SCOPE_ENUM, SCOPE_BODY };
enum c_access { ACCESS_PUBLIC, ACCESS_HIDDEN };
#define IN(x, t, list) lex_in(x, t, list, sizeof(list) / sizeof *(list))

struct lex_shape {           // of a declaration that has a parameter list
    uint32_t name, name_end; // tokens of the name: [name, name_end)
    uint32_t list;           // its '('
    bool pointer;            // (*name)(…): no function but a pointer to one
};

static inline bool lex_is_managed(const struct lex *x) {
    return x->lang == LANG_JAVA || x->lang == LANG_CSHARP;
}
static inline bool lex_has_word(const struct lex *x, uint32_t i) { // at token i
    return i < x->count && x->tokens[i].kind == LEX_WORD;
}
// The declaration in x->tokens, judged by shape.
uint32_t lex_behind(const struct lex *x, uint32_t i, uint8_t open, uint8_t close);
bool lex_find_shape(const struct lex *x, struct lex_shape *ret);
bool lex_is_operator_name(const struct lex *x, uint32_t i);
uint8_t lex_visibility(struct lex *x);
bool lex_judge_function(struct lex *x, bool body, uint32_t *ret_symbol);
void lex_judge_variables(struct lex *x);
void lex_judge_statement(struct lex *x); // at ';'
bool lex_opens_class(struct lex *x);     // at '{': and pushes its scope
