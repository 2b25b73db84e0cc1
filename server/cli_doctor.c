// paired doctor: runs every check and prints what was found and how to put it right.
#include "server/cli_doctor.h"

#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *id;
    doctor_check *run;
} checks[] = {
    {"home", doctor_home},
    {"directory.state", doctor_state},
    {"directory.runtime", doctor_runtime},
    {"directory.config", doctor_config_dir},
    {"filesystem.network", doctor_network},
    {"disk.space", doctor_disk},
    {"socket.path", doctor_socket_path},
    {"socket.stale", doctor_socket_stale},
    {"config.files", doctor_config_files},
    {"log.writable", doctor_log},
    {"program.library", doctor_library},
    {"engine.running", doctor_engine},
    {"engine.lock", doctor_lock},
    {"engine.build", doctor_build},
    {"engine.answer", doctor_answer},
    {"engine.crashes", doctor_crashes},
    {"store.files", doctor_store_files},
    {"store.keys", doctor_keys},
    {"store.state", doctor_store},
    {"store.integrity", doctor_integrity},
    {"store.freshness", doctor_freshness},
    {"store.wal", doctor_wal},
    {"store.rotation", doctor_rotation},
    {"store.backups", doctor_backups},
    {"models.backends", doctor_backends},
    {"models.grants", doctor_grants},
    {"models.checks", doctor_model_checks},
    {"federation.state", doctor_federation},
    {"federation.discovery", doctor_discovery},
    {"federation.peers", doctor_peers},
    {"system.descriptors", doctor_descriptors},
    {"system.memlock", doctor_memlock},
    {"system.cores", doctor_cores},
    {"system.clock", doctor_clock},
    {"system.aes", doctor_aes},
    {"system.sqlite", doctor_sqlite},
    {"clients.leaked", doctor_orphans},
    {"clients.registered", doctor_clients},
    {"terminal.locale", doctor_terminal},
};

static const char *const result_words[] = {"ok", "warn", "fail", "skip"};

static void print_result(enum doctor_result result, const char *id, const char *found,
                         const char *fix) {
    static const enum cli_style styles[] = {CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_DIM};
    cli_out("%s%-4s%s  %-20s ", cli_style(styles[result]), result_words[result],
            cli_style(CLI_RESET), id);
    cli_out_text(found, strlen(found));
    cli_out("\n");
    if (fix && result != DOCTOR_OK) {
        cli_out("      %-20s %s", "", cli_style(CLI_BOLD));
        cli_out_text(fix, strlen(fix));
        cli_out("%s\n", cli_style(CLI_RESET));
    }
}

void doctor_put(struct doctor *d, enum doctor_result result, const char *fix, const char *found,
                ...) {
    char text[ERR_MESSAGE_BYTES_MAX * 2];
    va_list args;
    va_start(args, found);
    (void)vsnprintf(text, sizeof text, found, args);
    va_end(args);
    d->counts[result]++;
    json_t *advice = fix && result != DOCTOR_OK ? cli_json_text(fix) : NULL;
    (void)json_array_append_new(d->list, json_pack("{ss ss so so*}", "id", d->id, "result",
                                                   result_words[result], "found",
                                                   cli_json_text(text), "fix", advice));
    if (!d->line->json)
        print_result(result, d->id, text, fix);
}

static void prepare(struct doctor *d) {
    struct err err = {0};
    d->have_dirs = dirs_resolve(d->line->profile, &d->dirs, &d->dirs_err) == 0;
    if (cli_config_load(d->line, &d->config, &err) < 0)
        (void)snprintf(d->config.problems[d->config.count++].text,
                       sizeof d->config.problems[0].text, "%s", err_text(&err));
    doctor_ask_engine(d);
    if (d->engine)
        (void)cli_config_add_prices(&d->config, d->line, d->engine, NULL);
    // The socket's place, as the engine has found it: another one where XDG_RUNTIME_DIR is of no
    // use.
    struct dirs used;
    if (d->have_dirs && attach_dirs(d->line->profile, &used, NULL) == 0) {
        d->moved = strcmp(used.runtime, d->dirs.runtime) != 0;
        (void)snprintf(d->wanted_runtime, sizeof d->wanted_runtime, "%s", d->dirs.runtime);
        d->dirs = used;
    }
}

int cli_run_doctor(const struct cli_line *line) {
    struct doctor d = {.line = line, .list = json_array()};
    prepare(&d);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        d.id = checks[i].id;
        checks[i].run(&d);
    }
    bool well = d.counts[DOCTOR_WARN] + d.counts[DOCTOR_FAIL] == 0;
    if (line->json)
        cli_out_json(json_pack(
            "{sb s{sI sI sI sI} sO}", "ok", well, "counts", "ok", (json_int_t)d.counts[DOCTOR_OK],
            "warn", (json_int_t)d.counts[DOCTOR_WARN], "fail", (json_int_t)d.counts[DOCTOR_FAIL],
            "skip", (json_int_t)d.counts[DOCTOR_SKIP], "checks", d.list));
    else
        cli_out("\n%zu checks: %zu in order, %zu to look at, %zu failed, %zu not applicable\n",
                sizeof checks / sizeof checks[0], d.counts[DOCTOR_OK], d.counts[DOCTOR_WARN],
                d.counts[DOCTOR_FAIL], d.counts[DOCTOR_SKIP]);
    cli_engine_close(d.engine);
    json_decref(d.status);
    json_decref(d.store);
    json_decref(d.list);
    conf_free(d.config.conf);
    return well ? CLI_OK : CLI_DEGRADED;
}
