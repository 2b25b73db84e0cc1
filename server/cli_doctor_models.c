// Checks of the model backends: keys that are not where they should be, grants that ended by
// themselves. Nothing is asked of a backend.
#include "core/base/child.h"
#include "core/base/conf_checks.h"
#include "core/base/mem.h"
#include "server/cli_doctor.h"
#include "server/cli_supervise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASK_DEADLINE_MS = 10 * 1000, NAMES_BYTES_MAX = 256, PATH_BYTES_MAX = 64 };

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

// As the engine runs them (server/proof_run.c), in a folder that is as empty.
static bool try_isolated(const char *folder, char *why, size_t n) {
    char parent[16], copy[PATH_BYTES_MAX + 1];
    struct child_end end = {0};
    (void)snprintf(parent, sizeof parent, "%ld", (long)getpid());
    (void)snprintf(copy, sizeof copy, "%c%s", CLI_SUPERVISE_COPY, folder);
    const char *const words[] = {"paired", CLI_SUPERVISE, parent, "5", CLI_SUPERVISE_REQUIRED,
                                 copy,     "--",          "true", NULL};
    const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    const struct child_spec spec = {.program = "/proc/self/exe",
                                    .arguments = words,
                                    .environment = environment,
                                    .folder = folder,
                                    .ms = ASK_DEADLINE_MS};
    bool ran = child_run(&spec, &end, NULL) == 0;
    bool closed = strncmp(end.errors, "closed ", 7) == 0;
    (void)snprintf(why, n, "%.*s", closed ? (int)strcspn(end.errors + 7, "\n") : 0, end.errors + 7);
    return ran && !closed;
}

static bool may_isolate(struct doctor *d) {
    const char *how = conf_string(d->config.conf, "models.checks_isolation");
    char folder[] = "/tmp/paired-check-XXXXXX", own[sizeof folder + 4], inside[2 * sizeof own],
         why[128] = "";
    if (strcmp(how, "off") == 0 || !mkdtemp(folder))
        return true;
    (void)snprintf(own, sizeof own, "%s/tmp", folder);
    (void)snprintf(inside, sizeof inside, "%s/%s", own, strrchr(folder, '/') + 1);
    bool can = mkdir(own, 0700) < 0 || try_isolated(folder, why, sizeof why);
    (void)rmdir(inside); // where it stood in its own /tmp
    (void)rmdir(own);
    (void)rmdir(folder);
    if (!can)
        doctor_put(d, DOCTOR_WARN,
                   "Allow user namespaces to ordinary users (on Ubuntu a profile of AppArmor for "
                   "paired), or name only folders where you would run yourself what a model wrote.",
                   "this system lets no command be isolated (%s): %s", why,
                   strcmp(how, "required") == 0 ? "none is run" : "they run with all your rights");
    return can;
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
    if (checks->count)
        missing += !may_isolate(d);
    if (!missing)
        doctor_put(d, DOCTOR_OK, NULL, "%zu", checks->count);
    conf_checks_free(checks);
}
