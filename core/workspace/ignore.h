// Which paths git would ignore: the rules of .gitignore files, of .git/info/exclude and of the
// user's own excludes file, folder by folder, and the matching of paths against them.
//
// A `struct ignore` is the rules of one file with a reference to those that are asked after it (the
// parent folder's …). Immutable and counted; any thread. Pure: the caller reads the files.
//
// Source: gitignore(5) and the behaviour of git 2.39, against which it is tested.
#pragma once

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    IGNORE_FILE_BYTES_MAX = 512 * 1024, // of one file of rules; the rest is not read
    IGNORE_RULES_MAX = 20000,           // of one file
    IGNORE_RULE_BYTES_MAX = 4096        // a longer line is left out
};

struct ignore;
enum ignore_verdict { IGNORE_UNKNOWN, IGNORE_YES, IGNORE_NO }; // NO: by a "!" rule

// Rules of `text`, which hold below `folder` (from the root, "" = the root itself, no '/' at its
// end; copied). What they leave open, `parent` decides: it is referenced, not taken; may be NULL.
// ERR_NOMEM.
int ignore_new(const char *text, size_t bytes, const char *folder, bool fold_case,
               struct ignore *parent, struct ignore **ret, struct err *err);
struct ignore *ignore_ref(struct ignore *ig); // accepts NULL
void ignore_put(struct ignore *ig);           // accepts NULL

// Of this path alone (from the root, no '/' at either end). Whether one of the folders above is
// ignored is the caller's matter: git does not look below an ignored folder.
enum ignore_verdict ignore_match(const struct ignore *ig, const char *path, size_t n,
                                 bool is_folder);

// One pattern of wildmatch with WM_PATHNAME: '*' and '?' stop at '/', "**" between slashes does
// not. For tests and for the matcher itself.
bool ignore_glob(const char *pattern, size_t pattern_bytes, const char *text, size_t text_bytes,
                 bool fold_case);
