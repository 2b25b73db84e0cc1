// What follows what in a body of code: asked for a place where somebody writes, it gives the
// continuation that the same project's own code shows after lines of the same form. Lines are
// compared with their names and literals left out (keywords, called names and members stay), and
// the names of the places found are replaced by those of the place asked about. It says nothing
// unless several places agree, and nothing inside of comments and strings.
//
// Texts go in one after the other; once finished it is constant, and any number of threads may ask.
// Pure: no I/O, no clock. The same texts in the same order give the same answers.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/code/language.h"

enum {
    FOLLOW_BYTES_MAX = 24 * 1024 * 1024, // of all texts
    FOLLOW_LINES_MAX = 1024 * 1024,
    FOLLOW_FILES_MAX = 65535,
    FOLLOW_LINE_BYTES_MAX = 240, // a longer line is no idiom
    FOLLOW_CONTEXT_LINES = 4,
    FOLLOW_ANSWER_LINES = 6,
    FOLLOW_ASK_BYTES_MAX = 1024 * 1024 // of the text that is asked about
};

struct follow;
struct follow *follow_new(void);    // NULL when out of memory
void follow_free(struct follow *f); // accepts NULL
bool follow_knows(enum lang lang);  // is it a language of which lines are taken at all?
// Adds a text as file number 0, 1, … (*ret_file). ERR_UNSUPPORTED (language), ERR_LIMIT, ERR_NOMEM:
// it was not added.
int follow_add(struct follow *f, enum lang lang, const char *text, size_t bytes, uint32_t *ret_file,
               struct err *err);
// After the last text. ERR_NOMEM.
int follow_finish(struct follow *f, struct err *err);
size_t follow_memory(const struct follow *f); // bytes

struct follow_question {
    enum lang lang;
    const char *text; // of the file as it is now
    size_t bytes, at; // where it is written
    int64_t file; // number of the same file among the texts, which is older; < 0: not among them
    unsigned percent; // of the places that have to agree; 0 = FOLLOW_PERCENT
};
enum { FOLLOW_PERCENT = 60 };
struct follow_answer {
    struct buf text;  // to be put in at `at`; empty: nothing to say
    size_t replaced;  // bytes behind `at` that it stands for: closing brackets an editor has added
    uint32_t places;  // that have such lines before
    uint32_t agree;   // of them
    uint32_t files;   // of those that agree
    unsigned context; // lines of the same form before the place
};
// 0, ERR_NOMEM. Free ret->text.
int follow_ask(const struct follow *f, const struct follow_question *q, struct follow_answer *ret,
               struct err *err);
