// Files of a change that were taken over whole from another project: nobody here wrote them in this
// change, so what is unusual in them is nobody's news. By signs that are no word of the change's
// author: a new file whose head says what address it was copied from, or names another holder of
// the rights than this repository's licence and files do, or one that names nobody and is too long
// to have been written at once. One owner, one thread.
#pragma once

#include "core/workspace/diff.h"
#include "core/workspace/index.h"

enum {
    TAKEN_LINES_MIN = 1000,     // of a new file
    TAKEN_ASIDE_LINES_MIN = 300 // the same of a new file below contrib/ or extern/
};

struct taken_word {
    char text[32]; // of a holder's name, in small letters
    uint32_t files;
    bool licence; // it stands in the repository's own
};
enum { TAKEN_WORDS_MAX = 160 };
struct taken { // who holds the rights here; zeroed at first, nothing to free
    struct taken_word words[TAKEN_WORDS_MAX];
    uint32_t word_count, files; // files whose head names anybody
    bool made;
};

// `text`: of the file as it is after the change. Reads up to 150 files of `s` when it is first
// asked about a new file that names a holder.
bool taken_over(struct taken *t, const struct snapshot *s, const struct diff *d,
                const struct diff_file *f, const char *text, size_t bytes);

// Did a generator write the file? Of a scanner's or parser's output many versions say nothing at
// their start, but the grammar stands beside it under the same name ("date.rl" of "date.rb").
bool taken_from_grammar(const struct snapshot *s, const char *path);
