// The setting models.checks: commands of the user's own (build, test, lint) that judge a patch
// which a model has made. They are programs with their arguments as they are, never a shell line,
// and each says which folders it is for. Only the user's own file may set them.
// Any thread; no I/O.
#pragma once

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    CONF_CHECKS_MAX = 16,
    CONF_CHECK_NAME_BYTES_MAX = 24,
    CONF_CHECK_WORDS_MAX = 64,
    CONF_CHECK_WORD_BYTES_MAX = 4096,
    CONF_CHECK_NAMES_MAX = 16, // of variables that go along
    CONF_CHECK_WRITABLE_MAX = 8,
    CONF_CHECK_SECONDS = 300, // when it does not say
    CONF_CHECK_SECONDS_MAX = 900
};

struct conf_check {
    const char *name;
    const char *kind;   // "build", "test" or "lint"
    const char *folder; // an absolute path, which may end in "/*" (each folder in it); or "*"
    const char *command[CONF_CHECK_WORDS_MAX + 1];     // NULL-terminated; at least the program
    const char *environment[CONF_CHECK_NAMES_MAX + 1]; // names of variables; NULL-terminated
    const char *writable[CONF_CHECK_WRITABLE_MAX + 1]; // "/…" or "~/…", although it is isolated
    unsigned seconds;
};
struct conf_checks {
    struct conf_check items[CONF_CHECKS_MAX];
    size_t count;
    void *json; // what the strings are in
};

// From the setting's value. ERR_INVAL with what is wrong, ERR_NOMEM.
int conf_checks_new(const char *value, struct conf_checks **ret, struct err *err);
void conf_checks_free(struct conf_checks *c); // accepts NULL
// `workspace`: an absolute path.
bool conf_check_is_for(const struct conf_check *c, const char *workspace);

// For the table of settings.
int conf_checks_valid(const char *value, struct err *err);
json_t *conf_checks_schema(void); // JSON Schema of the value, new; NULL: out of memory
