// Reading the flat tree.
#include "core/code/syntax.h"

#include <string.h>

uint32_t syntax_child(const struct syntax *s, uint32_t i, enum field_role field) {
    for (uint32_t c = syntax_first(s, i); c; c = syntax_sibling(s, c))
        if (s->nodes[c].field == field)
            return c;
    return 0;
}

uint32_t syntax_child_role(const struct syntax *s, uint32_t i, enum role role) {
    for (uint32_t c = syntax_first(s, i); c; c = syntax_sibling(s, c))
        if (s->nodes[c].role == role)
            return c;
    return 0;
}

static uint32_t named_from(const struct syntax *s, uint32_t c) {
    while (c && (s->nodes[c].role == ROLE_COMMENT || !syntax_named(s, c)))
        c = syntax_sibling(s, c);
    return c;
}

uint32_t syntax_first_named(const struct syntax *s, uint32_t i) {
    return named_from(s, syntax_first(s, i));
}

uint32_t syntax_next_named(const struct syntax *s, uint32_t i) {
    uint32_t c = syntax_sibling(s, i);
    return c ? named_from(s, c) : 0;
}

uint32_t syntax_ancestor(const struct syntax *s, uint32_t i, enum role role) {
    while (i) {
        i = s->nodes[i].parent;
        if (s->nodes[i].role == role)
            return i;
    }
    return 0;
}

uint32_t syntax_end_line(const struct syntax *s, uint32_t i) {
    uint32_t line = s->nodes[i].line;
    const char *at = s->text + s->nodes[i].start, *end = s->text + s->nodes[i].end;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        line += at < end; // a line break that ends the node belongs to its last line
    }
    return line;
}

bool syntax_text_is(const struct syntax *s, uint32_t i, const char *word) {
    size_t n = strlen(word);
    return s->nodes[i].end - s->nodes[i].start == n &&
           memcmp(s->text + s->nodes[i].start, word, n) == 0;
}

const char *syntax_type(const struct syntax *s, uint32_t i) {
    return language_type(s->lang, s->nodes[i].symbol);
}

bool syntax_type_is(const struct syntax *s, uint32_t i, const char *type) {
    return strcmp(syntax_type(s, i), type) == 0;
}

static bool is_name(enum role role) {
    return role == ROLE_IDENTIFIER || role == ROLE_FIELD_IDENTIFIER || role == ROLE_TYPE_IDENTIFIER;
}

// Declarators of C nest (`*(*f)(int)`); qualified names (`a::b`) end in the name. Bounded by the
// tree's depth, since every step goes down.
uint32_t syntax_name(const struct syntax *s, uint32_t i) {
    for (;;) {
        uint32_t at = syntax_child(s, i, FIELD_ROLE_NAME);
        if (!at)
            at = syntax_child(s, i, FIELD_ROLE_DECLARATOR);
        if (!at)
            at = syntax_child(s, i, FIELD_ROLE_PROPERTY);
        if (!at && !is_name(s->nodes[i].role))
            for (uint32_t c = syntax_first(s, i); c && !at; c = syntax_sibling(s, c))
                if (is_name(s->nodes[c].role) || syntax_child(s, c, FIELD_ROLE_DECLARATOR))
                    at = c;
        if (!at)
            return is_name(s->nodes[i].role) ? i : 0;
        i = at;
        if (is_name(s->nodes[i].role))
            return i;
    }
}
