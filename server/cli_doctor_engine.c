// Checks of the engine and, through it, of the store.
#include "core/base/build.h"
#include "core/base/env.h"
#include "server/cli_doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    ASK_DEADLINE_MS = 10 * 1000,
    CHECK_DEADLINE_MS = 60 * 1000,
    ANSWER_US_MAX = 250 * 1000, // what a person would begin to notice
    PATH_BYTES = DIRS_PATH_BYTES_MAX + 64
};
static const json_int_t WAL_BYTES_MAX = 64 * 1024 * 1024;
static const json_int_t DAY_MS = 24 * 3600 * 1000;

json_t *doctor_ask(struct doctor *d, const char *capability, uint64_t deadline_ms,
                   struct err *err) {
    json_t *answer = NULL;
    struct cli_call call = {.capability = capability, .deadline_ms = deadline_ms};
    if (!d->engine || cli_engine_call(d->engine, &call, &answer, err) < 0)
        return NULL;
    json_t *found = json_incref(json_object_get(answer, "structured"));
    json_decref(answer);
    return found;
}

static bool store_exists(const struct doctor *d) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/store.db", d->dirs.state);
    return d->have_dirs && access(path, F_OK) == 0;
}

// An engine is started only where there is a store to look into: doctor makes nothing.
void doctor_ask_engine(struct doctor *d) {
    struct err err = {0};
    d->engine_code =
        d->have_dirs ? cli_engine_open(d->line, false, &d->engine, &d->engine_err) : ERR_NOT_FOUND;
    if (d->engine_code == ERR_NOT_FOUND && store_exists(d))
        d->engine_code = cli_engine_open(d->line, true, &d->engine, &d->engine_err);
    if (d->engine_code < 0)
        return;
    // First what waits for the store's opening, so that the figures are those after it.
    d->store = doctor_ask(d, "store info", ASK_DEADLINE_MS, &err);
    d->status = doctor_ask(d, "status", ASK_DEADLINE_MS, &d->engine_err);
    if (!d->status)
        d->engine_code = d->engine_err.code;
}

static bool no_engine(struct doctor *d) {
    if (!d->status)
        doctor_put(d, DOCTOR_SKIP, NULL, "no engine is running");
    return !d->status;
}

void doctor_engine(struct doctor *d) {
    if (d->status)
        doctor_put(d, DOCTOR_OK, NULL, "pid %lld",
                   json_integer_value(json_object_get(d->status, "pid")));
    else if (d->engine_code == ERR_NOT_FOUND)
        doctor_put(d, DOCTOR_OK, NULL, "none; the first client starts it");
    else
        doctor_put(d, DOCTOR_FAIL, "See the other checks and the log.", "%s",
                   err_text(&d->engine_err));
}

// A held lock without an engine that answers keeps every new engine out.
void doctor_lock(struct doctor *d) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", d->dirs.runtime, ATTACH_ENGINE_LOCK);
    int fd = d->have_dirs ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0) {
        doctor_put(d, DOCTOR_OK, NULL, "free");
        return;
    }
    bool held = flock(fd, LOCK_SH | LOCK_NB) < 0;
    (void)close(fd);
    if (held && !d->status)
        doctor_put(d, DOCTOR_FAIL, "Find it with: fuser -v the file; end that process.",
                   "%s is held by a process that does not answer", path);
    else
        doctor_put(d, DOCTOR_OK, NULL, held ? "held by the engine" : "free");
}

void doctor_build(struct doctor *d) {
    if (no_engine(d))
        return;
    const char *build = json_string_value(json_object_get(d->status, "build"));
    const char *version = json_string_value(json_object_get(d->status, "version"));
    json_int_t number = json_integer_value(json_object_get(d->status, "number"));
    if (build && strcmp(build, paired_build_id) == 0)
        doctor_put(d, DOCTOR_OK, NULL, "the same build as this program");
    else if (number < paired_build_number)
        doctor_put(d, DOCTOR_WARN, "The next client replaces it; at once: paired stop.",
                   "the engine is older (%s) than this program (%s)", version ? version : "?",
                   paired_version);
    else
        doctor_put(d, DOCTOR_WARN, "Use the newer program, or stop its engine: paired stop.",
                   "the engine is of another build (%s) than this program (%s)",
                   version ? version : "?", paired_version);
}

void doctor_answer(struct doctor *d) {
    struct err err = {0};
    if (no_engine(d))
        return;
    uint64_t start = env_now_mono_ns();
    json_t *status = doctor_ask(d, "status", ASK_DEADLINE_MS, &err);
    long us = (long)((env_now_mono_ns() - start) / 1000);
    json_decref(status);
    if (!status)
        doctor_put(d, DOCTOR_FAIL, "Start another engine: paired stop.", "%s", err_text(&err));
    else if (us > ANSWER_US_MAX)
        doctor_put(d, DOCTOR_WARN, "Is the machine very busy? Then nothing is wrong.",
                   "an answer took %ld us", us);
    else
        doctor_put(d, DOCTOR_OK, NULL, "within %ld us", us);
}

// --- store -------------------------------------------------------------------------------------

static const char *state_of(const struct doctor *d) {
    const json_t *store = d->store ? d->store : json_object_get(d->status, "store");
    const char *state = json_string_value(json_object_get(store, "state"));
    return state ? state : "";
}

bool doctor_not_open(struct doctor *d) {
    bool open = d->store && strcmp(state_of(d), "open") == 0;
    if (!open)
        doctor_put(d, DOCTOR_SKIP, NULL,
                   d->status ? "the store is not open" : "no engine is running");
    return !open;
}

void doctor_store(struct doctor *d) {
    if (no_engine(d))
        return;
    const char *state = state_of(d);
    const char *error =
        json_string_value(json_object_get(json_object_get(d->status, "store"), "error"));
    if (strcmp(state, "open") == 0 && json_is_true(json_object_get(d->store, "read_only")))
        doctor_put(d, DOCTOR_WARN, "Use that newer paired; this one only reads.",
                   "the store was made by a newer paired");
    else if (strcmp(state, "open") == 0)
        doctor_put(d, DOCTOR_OK, NULL, "open, %lld note%s",
                   json_integer_value(json_object_get(d->store, "notes")),
                   json_integer_value(json_object_get(d->store, "notes")) == 1 ? "" : "s");
    else if (strcmp(state, "locked") == 0)
        doctor_put(d, DOCTOR_WARN, "paired key unlock", "locked: it needs its passphrase");
    else if (strcmp(state, "opening") == 0)
        doctor_put(d, DOCTOR_WARN, "Ask again in a moment.", "it is still being opened");
    else
        doctor_put(d, DOCTOR_FAIL, "Do what the message says; the files are left as they are.",
                   "%s", error ? error : "it cannot be opened");
}

void doctor_integrity(struct doctor *d) {
    struct err err = {0};
    if (doctor_not_open(d))
        return;
    json_t *found = doctor_ask(d, "store check", CHECK_DEADLINE_MS, &err);
    static const char fix[] = "Go back to a backup or an export: docs/STORE.md, \"Damage\".";
    if (!found && err.code == ERR_TIMEOUT)
        doctor_put(d, DOCTOR_SKIP, NULL, "the store is too large to be read within a minute");
    else if (!found)
        doctor_put(d, DOCTOR_FAIL, fix, "%s", err_text(&err));
    else if (json_is_true(json_object_get(found, "ok")))
        doctor_put(d, DOCTOR_OK, NULL, "every page is authentic and every index agrees");
    else
        doctor_put(d, DOCTOR_FAIL, fix, "damaged: %.300s",
                   json_string_value(json_object_get(found, "report")));
    // Only reading every page shows that some are older than the rest.
    if (found)
        (void)json_object_update(d->store, found);
    json_decref(found);
}

void doctor_freshness(struct doctor *d) {
    if (doctor_not_open(d))
        return;
    if (json_is_true(json_object_get(d->store, "head_ok")))
        doctor_put(d, DOCTOR_OK, NULL, "generation %lld, as it was left",
                   json_integer_value(json_object_get(d->store, "generation")));
    else
        doctor_put(d, DOCTOR_WARN,
                   "If you put a backup back yourself, nothing; else somebody else did.",
                   "the store is older than it was when paired last closed it");
}

void doctor_wal(struct doctor *d) {
    if (doctor_not_open(d))
        return;
    json_int_t bytes = json_integer_value(json_object_get(d->store, "wal_bytes"));
    if (bytes > WAL_BYTES_MAX)
        doctor_put(d, DOCTOR_WARN, "It shrinks when the engine is idle; at once: paired stop.",
                   "the log of changes has grown to %lld MiB", bytes / 1024 / 1024);
    else
        doctor_put(d, DOCTOR_OK, NULL, "%lld KiB", bytes / 1024);
}

void doctor_rotation(struct doctor *d) {
    if (doctor_not_open(d) || !d->config.conf)
        return;
    json_int_t created = json_integer_value(json_object_get(d->store, "dek_created_ms"));
    json_int_t days = (env_now_wall_ms() - created) / DAY_MS;
    json_int_t due = conf_int(d->config.conf, "store.rotate_days");
    if (json_is_true(json_object_get(d->store, "rotation_running")))
        doctor_put(d, DOCTOR_OK, NULL, "a new key is being brought in, %lld %%",
                   json_integer_value(json_object_get(d->store, "rotation_percent")));
    else if (due > 0 && days > 2 * due)
        doctor_put(d, DOCTOR_WARN, "paired key rotate",
                   "the data key is %lld days old, and %lld were agreed", days, due);
    else
        doctor_put(d, DOCTOR_OK, NULL, "the data key is %lld day%s old", days,
                   days == 1 ? "" : "s");
}
