// What the files of import resolution share; nobody else includes it.
#pragma once

#include "core/workspace/paths.h"
#include "core/workspace/snapshot_impl.h"

struct package {        // what a build file names
    enum lang lang;     // LANG_GO: module path; LANG_RUST: crate; LANG_JAVASCRIPT: package
    const char *name;   // in the pool
    const char *folder; // "" = the root
};
struct seeker { // one question
    struct paths *paths;
    const struct snapshot *s;
    const char *from;   // path of the importing file
    size_t from_folder; // bytes of its folder, without the '/'
};

// A path that is put together; too long ones find nothing.
struct place_name {
    char text[WALK_PATH_BYTES_MAX + 1];
    size_t n;
    bool failed;
};
void place_begin(struct place_name *p, const char *folder, size_t n);
// Adds a part, or several with '/' between; "." and ".." are worked out, above the root is failed.
void place_add(struct place_name *p, const char *parts, size_t n);
void place_end(struct place_name *p, const char *ending); // without a '/': ".py"

int64_t seek_exact(const struct seeker *k, const struct place_name *p);
// With each of the endings (NULL ends them) in turn.
int64_t seek_endings(const struct seeker *k, const struct place_name *p,
                     const char *const *endings);
// Among files whose path is `suffix` or ends with "/suffix", the one nearest to the importing file
// that `accepts` (may be NULL) likes.
typedef bool seek_accept_fn(const struct seeker *k, const char *path, size_t folder_bytes);
int64_t seek_suffix(const struct seeker *k, const char *suffix, size_t n, seek_accept_fn *accepts);
// First file of exactly this folder in the language that is no test.
int64_t seek_in_folder(const struct seeker *k, const struct place_name *folder, enum lang lang);
// The package with the longest name that is `name` or a beginning of it up to `separator`.
const struct package *seek_package(const struct seeker *k, enum lang lang, const char *name,
                                   char separator);
// The package whose folder is the nearest above the importing file.
const struct package *seek_own_package(const struct seeker *k, enum lang lang);

// paths_languages.c: by the rules of the importing file's language.
int64_t paths_seek_import(const struct seeker *k, const struct snapshot_file *from,
                          const struct fact_import *import);
