// Opens and closes all that runs on the federation's thread, in an order in which each stands on
// the ones before.
#include "core/base/dirs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "federation/peers_saved.h"
#include "server/fed_arrivals.h"
#include "server/fed_discovery.h"
#include "server/fed_exchange.h"
#include "server/fed_groups.h"
#include "server/fed_impl.h"
#include "server/fed_pair.h"
#include "server/fed_share.h"
#include "server/fed_tasks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A restoring of the identity that was cut off left it under this name: without it we would begin
// as somebody new.
static void bring_back(const char *dir) {
    char path[DIRS_PATH_BYTES_MAX + 32], aside[DIRS_PATH_BYTES_MAX + 48];
    (void)snprintf(path, sizeof path, "%s/identity", dir);
    (void)snprintf(aside, sizeof aside, "%s.before", path);
    if (access(path, F_OK) < 0 && rename(aside, path) == 0)
        log_line(LOG_WARN, "federation", "the identity from before a restoring is back");
}

static int open_keys(struct fed_core *core, const char *dir, bool create, struct err *err) {
    core->store = core->services->store(core->services, err);
    if (!core->store)
        return err && err->code ? err->code : ERR_IO;
    if (store_state(core->store) != STORE_OPEN)
        return err_set(err, ERR_LOCKED, "the store is locked: paired key unlock");
    if (!create && access(dir, F_OK) < 0)
        return err_set(err, ERR_NOT_FOUND, "federation was never on");
    bring_back(dir);
    int r = dirs_ensure_private(dir, err);
    if (r == 0)
        r = identity_open(store_keyring(core->store), dir, create ? IDENTITY_CREATE : 0,
                          env_now_wall_ms(), &core->id, err);
    if (r == 0 && create && identity_revoked(core->id))
        r = err_set(err, ERR_PERM,
                    "another of your devices has revoked this one: it federates no more; `paired "
                    "identity reset` gives it a new identity");
    return r;
}

static int scrub(void *ctx, const struct record *r);

// Under the key of backups: it depends on the master key alone, so that replacing the store's data
// keys, which this file takes no part in, leaves it readable.
static int open_database(struct fed_core *core, const char *dir, struct err *err) {
    char path[DIRS_PATH_BYTES_MAX + 32];
    uint32_t epoch;
    (void)snprintf(path, sizeof path, "%s/peers.db", dir);
    int r = vfs_open(path, store_keyring(core->store), VFS_CREATE | VFS_BACKUP, &core->vfs, err);
    if (r == 0)
        r = db_open(core->vfs, DB_CREATE, &core->db, err);
    if (r < 0)
        return r;
    env_os_random(&epoch, sizeof epoch);
    struct peersdb_config config = {.epoch = 1 + epoch % PEERSDB_EPOCH_MAX,
                                    .now_ms = env_now_wall_ms(),
                                    .change = fed_core_changed,
                                    .scrub = scrub,
                                    .ctx = core};
    return peersdb_open(core->db, &config, &core->peersdb, err);
}

// --- parts ---------------------------------------------------------------------------------------

static const struct fed_part *const parts[FED_PARTS] = {
    [FED_PAIR] = &fed_part_pair,           [FED_EXCHANGE] = &fed_part_exchange,
    [FED_DISCOVERY] = &fed_part_discovery, [FED_TASKS] = &fed_part_tasks,
    [FED_COSIGN] = &fed_part_cosign,       [FED_SHARE] = &fed_part_share,
    [FED_ARRIVALS] = &fed_part_arrivals,   [FED_GROUPS] = &fed_part_groups,
};

static int make_parts(struct fed_core *core, size_t *ret_n, struct err *err) {
    for (size_t i = 0; i < FED_PARTS; i++) {
        // In its place from the beginning: by this address it finds its data of a session.
        struct node_service *service = &core->node_services[*ret_n];
        *service = (struct node_service){0};
        int r = parts[i]->make ? parts[i]->make(core, &core->part[i], service, err) : 0;
        if (r < 0)
            return r;
        *ret_n += service->ctx != NULL;
    }
    return 0;
}

static int start_parts(struct fed_core *core, struct err *err) {
    for (size_t i = 0; i < FED_PARTS; i++) {
        int r = parts[i]->start ? parts[i]->start(core, core->part[i], err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static void stop_parts(struct fed_core *core) {
    for (size_t i = FED_PARTS; i-- > 0;)
        if (core->part[i] && parts[i]->stop)
            parts[i]->stop(core, core->part[i]);
}

static void free_parts(struct fed_core *core) {
    for (size_t i = FED_PARTS; i-- > 0;) {
        if (core->part[i] && parts[i]->done)
            parts[i]->done(core->part[i]);
        core->part[i] = NULL;
    }
}

void fed_core_tell_grants(struct fed_core *core) {
    for (size_t i = 0; i < FED_PARTS; i++)
        if (core->part[i] && parts[i]->grants)
            parts[i]->grants(core, core->part[i]);
}

static int scrub(void *ctx, const struct record *r) {
    struct fed_core *core = ctx;
    int code = 0;
    for (size_t i = 0; i < FED_PARTS && code == 0; i++)
        if (core->part[i] && parts[i]->scrub)
            code = parts[i]->scrub(core, core->part[i], r);
    fed_arrivals_count(core, r, code < 0);
    return code;
}

void fed_core_changed(void *ctx, enum peersdb_change what, const uint8_t scope[RECORD_SCOPE_BYTES],
                      const uint8_t id[RECORD_ID_BYTES], const uint8_t *by) {
    struct fed_core *core = ctx;
    for (size_t i = 0; i < FED_PARTS; i++)
        if (core->part[i] && parts[i]->changed)
            parts[i]->changed(core, core->part[i], what, scope, id, by);
}

// --- the node ------------------------------------------------------------------------------------

static int start_node(struct fed_core *core, struct err *err) {
    size_t services_n = 0;
    const struct conf *conf = __atomic_load_n(&core->services->conf, __ATOMIC_ACQUIRE);
    uint16_t port = (uint16_t)conf_int(conf, "federation.port");
    struct socket_group_config group = net_loop_neighbourhood;
    group.loopback = true; // another user's engine, also where there is no other network
    int r = tls_new(identity_device_seed(core->id), &core->tls, err);
    if (r == 0)
        r = net_loop_new(core->loop, &group, &core->sockets, err);
    if (r < 0)
        return r;
    core->channels = tls_maker(core->tls);
    core->net = net_loop_net(core->sockets);
    r = make_parts(core, &services_n, err);
    if (r < 0)
        return r;
    struct node_config config = {.env = core->env,
                                 .net = core->net,
                                 .channels = &core->channels,
                                 .peers = peers_saved(core->peersdb),
                                 .port = port ? port : FED_PORT,
                                 .services = core->node_services,
                                 .services_n = services_n};
    memcpy(config.key, identity_device(core->id), sizeof config.key);
    r = node_start(&config, &core->node, err);
    if (r == ERR_EXISTS && !port) { // another user's engine on this machine
        config.port = 0;
        r = node_start(&config, &core->node, err);
    }
    return r < 0 ? r : start_parts(core, err);
}

static void on_upkeep(void *ctx) {
    struct fed_core *core = ctx;
    struct err err = {0};
    int n = peersdb_sweep(core->peersdb, env_wall_ms(core->env), FED_SWEEP_RECORDS, &err);
    if (n < 0)
        log_line(LOG_WARN, "federation", "sweep failed code=%s", err_name(n));
    loop_timer_start(core->upkeep, n == FED_SWEEP_RECORDS ? 1000 : FED_UPKEEP_MS, 0);
}

int fed_core_open_files(struct fed_core *core, bool create, struct err *err) {
    char dir[DIRS_PATH_BYTES_MAX + 16];
    (void)snprintf(dir, sizeof dir, "%s/federation", core->services->dirs->state);
    int r = open_keys(core, dir, create, err);
    return r < 0 ? r : open_database(core, dir, err);
}

int fed_core_open(struct fed_core *core, struct err *err) {
    int r = fed_core_open_files(core, true, err);
    if (r == 0)
        r = start_node(core, err);
    if (r == 0 && loop_timer_new(core->loop, on_upkeep, core, &core->upkeep) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        fed_core_close(core);
        return r;
    }
    loop_timer_start(core->upkeep, FED_UPKEEP_MS, 0);
    core->since_ms = env_wall_ms(core->env);
    core->ready = true;
    fed_core_watch_grants(core, true);
    fed_core_load_grants(core);
    return 0;
}

void fed_core_close(struct fed_core *core) {
    core->ready = false;
    if (core->loop)
        fed_core_watch_grants(core, false);
    loop_timer_free(core->upkeep);
    stop_parts(core);
    node_stop(core->node);
    free_parts(core);
    fed_grants_free(core->grants);
    net_loop_free(core->sockets);
    tls_free(core->tls);
    peersdb_close(core->peersdb);
    if (core->db)
        (void)db_checkpoint(core->db, true, NULL);
    db_close(core->db);
    vfs_close(core->vfs);
    identity_free(core->id);
    core->upkeep = NULL;
    core->node = NULL;
    core->sockets = NULL;
    core->net = NULL;
    core->tls = NULL;
    core->peersdb = NULL;
    core->db = NULL;
    core->vfs = NULL;
    core->id = NULL;
    core->store = NULL;
    core->grants = NULL;
    core->loading = core->stale = false;
}
