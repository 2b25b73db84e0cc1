// Elements of a page: of HTML and templates close to it by a tolerant scanner, of JSX by the syntax
// tree. One flat list in order of position with parents, for checks that are loops. Pure; any
// thread; any bytes may be given.
//
// Source: HTML Living Standard, 13.2.5 "Tokenization", as far as tags, attributes, comments and raw
// text go; what templates add ({{…}}, <%…%>, {%…%}) counts as text that is not known.
#pragma once

#include "core/base/err.h"
#include "core/code/syntax.h"

enum {
    MARKUP_ELEMENTS_MAX = 100000,
    MARKUP_ATTRIBUTES_MAX = 400000,
    MARKUP_DEPTH_MAX = 512 // deeper elements are children of the deepest
};

struct markup_attribute {
    uint32_t name, name_bytes;   // in the text
    uint32_t value, value_bytes; // without quotes; bytes 0: empty or none
    bool has_value;
    bool dynamic; // an expression or template: what it is at run time is not known
};
enum markup_flags {
    MARKUP_TEXT = 1,      // holds visible words, itself or below
    MARKUP_DYNAMIC = 2,   // holds what is only known at run time
    MARKUP_SPREAD = 4,    // attributes that are not known ({...props}, template code in the tag)
    MARKUP_COMPONENT = 8, // not HTML's: a component, <my-thing>, svg: what it becomes is unknown
    MARKUP_LABELLED = 16  // holds something with a name of its own (img alt, aria-label, title)
};
struct markup_element {
    uint32_t name, name_bytes; // in the text
    uint32_t start, end;       // bytes of the opening tag
    uint32_t line;             // from 1
    uint32_t parent;           // index; UINT32_MAX: none
    uint32_t first_attribute, attribute_count;
    uint32_t flags;
};
struct markup {
    const char *text; // borrowed
    uint32_t bytes;
    struct markup_element *elements;
    uint32_t count, capacity;
    struct markup_attribute *attributes;
    uint32_t attribute_count, attribute_capacity;
    bool cut;
};
// ERR_NOMEM. Free with markup_done.
int markup_read(const char *text, size_t bytes, struct markup *ret, struct err *err);
int markup_of_tree(const struct syntax *s, struct markup *ret, struct err *err); // JSX, TSX
void markup_done(struct markup *m); // accepts a zeroed one

bool markup_is(const struct markup *m, uint32_t element, const char *name); // in any case
// NULL: it has no such attribute (names in any case).
const struct markup_attribute *markup_attribute(const struct markup *m, uint32_t element,
                                                const char *name);
// The attribute's static value equals this, in any case.
bool markup_value_is(const struct markup *m, const struct markup_attribute *a, const char *value);
