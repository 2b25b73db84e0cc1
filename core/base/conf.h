// Settings: one table gives parser, defaults, `paired config`, the published JSON Schema and the
// manual. Precedence: flag > PAIRED_* environment > editor's settings > workspace file > user file
// > default. A workspace file (.paired/config.json in the opened folder) is untrusted: it may only
// tighten what `tightens` says. Files are JSON (config.json); unknown keys and wrong types are
// reported with file:line, and skipped.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type { CONF_BOOL, CONF_INT, CONF_STRING, CONF_ENUM, CONF_LIST };
enum conf_origin {
    CONF_DEFAULT,
    CONF_USER,
    CONF_WORKSPACE,
    CONF_EDITOR,
    CONF_ENVIRONMENT,
    CONF_FLAG
};

struct conf_option {
    const char *key; // "store.auto_lock_minutes": dots nest in the file
    enum conf_type type;
    const char *fallback; // default as text
    int64_t min, max;     // CONF_INT
    const char *const
        *values;    // CONF_ENUM, NULL-terminated; ordered loose → tight when `workspace` is set
    bool workspace; // a workspace file may set it, and only to something tighter (higher index /
                    // true / smaller)
    bool users_own; // only the user's own file may set it: not a workspace, an editor (whose
                    // settings a folder may bring along), the environment, a flag
    int (*valid)(const char *value, struct err *err); // CONF_LIST: of JSON text
    json_t *(*schema)(void);                          // CONF_LIST: JSON Schema of its value, new
    const char *unit;                                 // "minutes", "bytes" or NULL
    const char *help;                                 // one sentence
};
extern const struct conf_option conf_options[];       // ends with key == NULL
const struct conf_option *conf_find(const char *key); // NULL: no such setting
// ERR_INVAL, with what the option expects.
int conf_refuse(const struct conf_option *o, struct err *err);

struct conf;
int conf_new(struct conf **ret, struct err *err);
void conf_free(struct conf *c);
struct conf *conf_clone(const struct conf *c); // NULL when out of memory

struct conf_problem { // of a file that was read; text names file:line
    char text[256];
};
// A missing file is fine (0). Problems (up to max) are appended to `problems`, *ret_count set; only
// an unreadable file or one that is no JSON object is an error (ERR_PARSE with file:line:column),
// and then nothing of it is taken.
int conf_load_file(struct conf *c, const char *path, enum conf_origin origin,
                   struct conf_problem *problems, size_t max, size_t *ret_count, struct err *err);
int conf_load_environment(struct conf *c, char *const *environ_list,
                          struct err *err); // PAIRED_STORE_AUTO_LOCK_MINUTES=…
int conf_set(struct conf *c, const char *key, const char *value, enum conf_origin origin,
             const char *where, struct err *err);

bool conf_bool(const struct conf *c, const char *key);
int64_t conf_int(const struct conf *c, const char *key);
const char *
conf_string(const struct conf *c,
            const char *key); // also the chosen word of an enum, the JSON of a list; borrowed
enum conf_origin conf_origin_of(const struct conf *c, const char *key, const char **ret_where);

// Writes one key into the user's file, keeping its other content, atomically. value NULL removes
// it.
int conf_file_set(const char *path, const char *key, const char *value, struct err *err);
int conf_schema(struct buf *out); // the published JSON Schema
