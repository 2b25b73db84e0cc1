// What jsonedit.c (changes) and jsonedit_scan.c (where things stand) share.
#pragma once

#include "core/base/jsonedit.h"

#define JSONEDIT_NONE ((size_t)-1)

struct jsonedit_child { // a member or an element; offsets in the text
    size_t before;      // end of the last comma, bracket or comment in front of it
    bool after_line;    // that was a comment to the end of its line
    size_t start;       // of its name, or of the element
    size_t value, end;
    size_t comma_before, comma_after; // or JSONEDIT_NONE
};

struct jsonedit_box { // an object or an array
    size_t open, close;
    size_t count;
    size_t first;      // start of the first child
    size_t last_end;   // end of the last one
    size_t last_comma; // the comma behind that, or JSONEDIT_NONE
    size_t inner_end;  // end of the last comma, bracket, value or comment before `close`
    size_t matches;    // children that are what was looked for; `found` is the last of them
    struct jsonedit_child found;
};

struct jsonedit_place {
    size_t start; // behind a byte order mark
    bool empty;   // no root: blanks and comments only
    size_t parts; // of the path
    size_t depth; // boxes that were read; the child of all but the last one was found
    struct jsonedit_box boxes[JSONEDIT_PATH_MAX];
};

// Checks the whole text and finds the path, as far as it leads.
int jsonedit_locate(const char *text, size_t n, const char *const *path, struct jsonedit_place *ret,
                    struct err *err);
// true: the whole path was found.
bool jsonedit_found(const struct jsonedit_place *p);
// The value at [from, to), whose comments and trailing commas jansson would refuse.
int jsonedit_load(const char *text, size_t from, size_t to, json_t **ret, struct err *err);
// Offset behind the comments that stand on the line of `at`; `at` where there are none.
size_t jsonedit_after_comments(const char *text, size_t n, size_t at);
