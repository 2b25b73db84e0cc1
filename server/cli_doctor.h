// Inside of `paired doctor`: what its checks share. A check looks and reports; it changes nothing.
#pragma once

#include "core/base/dirs.h"
#include "server/cli.h"
#include "server/cli_config.h"
#include "server/cli_engine.h"

#include <jansson.h>

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_SKIP };

struct doctor {
    const struct cli_line *line;
    struct dirs dirs;
    char wanted_runtime[DIRS_PATH_BYTES_MAX]; // where `moved`: what could not be used
    bool moved;
    bool have_dirs; // else dirs_err says why not
    struct err dirs_err;
    struct cli_config config;
    struct cli_engine *engine; // NULL: none is running, or it could not be asked
    int engine_code;
    struct err engine_err;
    json_t *status; // of the engine, or NULL
    json_t *store;  // "store info", or NULL
    json_t *list;   // of all results
    const char *id; // of the check that runs
    size_t counts[4];
};

// One result of the running check. `fix` may be NULL; it says what to do, in full.
void doctor_put(struct doctor *d, enum doctor_result result, const char *fix, const char *found,
                ...) __attribute__((format(printf, 4, 5)));

typedef void doctor_check(struct doctor *d);

// cli_doctor_places.c
doctor_check doctor_home, doctor_runtime, doctor_state, doctor_config_dir, doctor_socket_path,
    doctor_socket_stale, doctor_network, doctor_disk, doctor_keys, doctor_store_files,
    doctor_backups, doctor_log, doctor_config_files;
// cli_doctor_system.c
doctor_check doctor_descriptors, doctor_memlock, doctor_cores, doctor_clock, doctor_aes,
    doctor_sqlite, doctor_library, doctor_orphans, doctor_clients, doctor_terminal, doctor_crashes;
// cli_doctor_engine.c
void doctor_ask_engine(struct doctor *d); // fills engine, status, store
doctor_check doctor_engine, doctor_build, doctor_answer, doctor_store, doctor_integrity,
    doctor_freshness, doctor_wal, doctor_rotation, doctor_lock;
// cli_doctor_models.c
doctor_check doctor_backends, doctor_grants, doctor_model_checks;
// cli_doctor_federation.c
doctor_check doctor_federation, doctor_discovery, doctor_peers;
// One capability, or NULL; the caller's.
json_t *doctor_ask(struct doctor *d, const char *capability, uint64_t deadline_ms, struct err *err);
bool doctor_not_open(struct doctor *d); // says so
