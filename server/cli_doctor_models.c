// Checks of the model backends: keys that are not where they should be, grants that ended by
// themselves. Nothing is asked of a backend.
#include "core/base/conf_checks.h"
#include "core/base/mem.h"
#include "server/cli_doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_DEADLINE_MS = 10 * 1000, NAMES_BYTES_MAX = 256 };

static const char *word(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_t *backends(struct doctor *d) {
    struct err err = {0};
    if (doctor_not_open(d))
        return NULL;
    json_t *found = doctor_ask(d, "backends list", ASK_DEADLINE_MS, &err);
    if (!found)
        doctor_put(d, DOCTOR_FAIL, "See the other checks and the log.", "%s", err_text(&err));
    return found;
}

// What is wrong with a backend's key as this shell sees it, or NULL.
static const char *key_problem(const json_t *b, char text[NAMES_BYTES_MAX]) {
    const json_t *key = json_object_get(b, "key");
    const char *source = word(key, "source");
    const char *value = getenv(word(key, "env"));
    if (strcmp(source, "env") == 0 && !(value && *value))
        (void)snprintf(text, NAMES_BYTES_MAX, "%s takes its key from %s, which is not set here",
                       word(b, "name"), word(key, "env"));
    else if (strcmp(source, "store") == 0 && !json_is_true(json_object_get(key, "kept")))
        (void)snprintf(text, NAMES_BYTES_MAX, "%s has no key", word(b, "name"));
    else
        return NULL;
    return text;
}

void doctor_backends(struct doctor *d) {
    char text[NAMES_BYTES_MAX];
    size_t i, wrong = 0, on = 0;
    json_t *b, *found = backends(d), *list = json_object_get(found, "backends");
    if (!found)
        return;
    json_array_foreach(list, i, b) {
        if (!json_is_true(json_object_get(b, "enabled")))
            continue;
        on++;
        if (!key_problem(b, text))
            continue;
        wrong++;
        doctor_put(d, DOCTOR_WARN,
                   "Set the variable where your clients start, or: paired backends add NAME "
                   "--replace --key-stdin; without use: paired backends disable NAME.",
                   "%s", text);
    }
    if (!json_array_size(list))
        doctor_put(d, DOCTOR_OK, NULL, "none; nothing leaves this machine for a model");
    else if (!wrong)
        doctor_put(d, DOCTOR_OK, NULL, "%zu, %zu of them on, each with what it needs for its key",
                   json_array_size(list), on);
    json_decref(found);
}

void doctor_grants(struct doctor *d) {
    size_t i, k, standing = 0, expired = 0;
    json_t *b, *g, *found = backends(d);
    if (!found)
        return;
    json_array_foreach(json_object_get(found, "backends"), i, b) {
        json_array_foreach(json_object_get(b, "granted"), k, g) {
            const char *workspace = word(g, "workspace");
            standing++;
            if (!json_is_true(json_object_get(g, "expired")))
                continue;
            expired++;
            doctor_put(d, DOCTOR_WARN,
                       "Give it again: paired consent grant; or end it: paired consent revoke.",
                       "the grant of %s to %s has expired",
                       *workspace ? workspace : "any workspace", word(b, "name"));
        }
    }
    if (!expired)
        doctor_put(d, DOCTOR_OK, NULL, "%zu", standing);
    json_decref(found);
}

// A program by its bare name, where a command would find it.
static bool in_path(const char *name) {
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at;) {
        size_t n = strcspn(at, ":");
        AUTO_FREE char *file = mem_format("%.*s/%s", (int)n, at, name);
        if (n && at[0] == '/' && file && access(file, X_OK) == 0)
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

// One that is named relative to the folder is in no place that could be looked at from here.
void doctor_model_checks(struct doctor *d) {
    struct conf_checks *checks = NULL;
    struct err err = {0};
    size_t missing = 0;
    const char *value = d->config.conf ? conf_string(d->config.conf, "models.checks") : "[]";
    if (conf_checks_new(value, &checks, &err) < 0) {
        doctor_put(d, DOCTOR_FAIL, "Correct it: paired config set models.checks.", "%s",
                   err_text(&err));
        return;
    }
    for (size_t i = 0; i < checks->count; i++) {
        const char *program = checks->items[i].command[0];
        bool there = program[0] == '/'              ? access(program, X_OK) == 0
                     : strchr(program, '/') != NULL ? true
                                                    : in_path(program);
        if (there)
            continue;
        missing++;
        doctor_put(d, DOCTOR_WARN,
                   "Install it, or correct the command: paired config set models.checks. The "
                   "engine keeps the PATH that it was started with (paired stop).",
                   "%s: there is no program %s", checks->items[i].name, program);
    }
    if (!missing)
        doctor_put(d, DOCTOR_OK, NULL, "%zu", checks->count);
    conf_checks_free(checks);
}
