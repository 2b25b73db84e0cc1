// Capabilities of the command line: looking after the engine and its store. A name is the words of
// the command. All are refused to every other face. run() is on a pool worker and may block.
#include "server/cap_admin.h"

#include "core/base/dirs.h"
#include "core/base/mem.h"
#include "server/fed.h"
#include "server/models_impl.h"
#include "server/models_why.h"

#include <stdio.h>
#include <string.h>

struct store *admin_store(struct call *call, int *ret_code, struct err *err) {
    struct err why = {0};
    struct store *s = call->services->store(call->services, &why);
    *ret_code = 0;
    if (!s)
        *ret_code = err_set(err, why.code ? why.code : ERR_IO, "%s", err_text(&why));
    return s;
}

int admin_answer(struct answer *answer, json_t *value, struct err *err) {
    answer->structured = value;
    return value ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

// --- engine and store --------------------------------------------------------------------------

static int run_status(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    (void)input;
    return admin_answer(answer, call->services->status(call->services), err);
}

// What no table of settings covers: only the engine knows how prices are written.
static int run_config_check(struct call *call, const void *input, struct answer *answer,
                            struct err *err) {
    struct err why = {0};
    (void)input;
    int r = model_prices_check(call->services->dirs, &why);
    if (r == ERR_NOMEM)
        return err_set(err, r, "out of memory");
    return admin_answer(answer, r < 0 ? json_pack("{ss}", "prices", err_text(&why)) : json_object(),
                        err);
}

struct check_watch {
    struct call *call;
    double looks;
};

// Asked again and again while pages are read: the place for signs of life, too.
static bool check_gone(void *ctx) {
    struct check_watch *w = ctx;
    call_progress(w->call, ++w->looks, -1, "reading every page of the store");
    return job_cancelled(w->call->job);
}

static int run_check(struct call *call, const void *input, struct answer *answer, struct err *err) {
    AUTO_BUF report = BUF_INIT(64 * 1024);
    struct store_info info;
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    if (!s)
        return r;
    struct err why = {0};
    struct check_watch watch = {.call = call};
    r = store_check(s, check_gone, &watch, &report, &why);
    // Damage is what was asked for; only a check that could not be made is a failure.
    if (r < 0 && r != ERR_CORRUPT)
        return err_set(err, r, "%s", err_text(&why));
    bool damaged = r == ERR_CORRUPT;
    r = store_info(s, &info, err);
    if (r < 0)
        return r;
    return admin_answer(
        answer,
        json_pack("{sb ss% sb sI sI sI}", "ok", !damaged, "report", report.data ? report.data : "",
                  report.len, "head_ok", info.head_ok, "notes", (json_int_t)info.notes, "db_bytes",
                  (json_int_t)info.db_bytes, "wal_bytes", (json_int_t)info.wal_bytes),
        err);
}

// What doctor asks: nothing that waits, nothing that reads the whole store.
static int run_store_info(struct call *call, const void *input, struct answer *answer,
                          struct err *err) {
    struct store_info info = {0};
    int r;
    (void)input;
    struct store *s = admin_store(call, &r, err);
    if (!s)
        return r;
    enum store_state state = store_state(s);
    if (state == STORE_OPEN && (r = store_info(s, &info, err)) < 0)
        return r;
    return admin_answer(
        answer,
        json_pack("{ss sI sI sI sI sI sI sI sI sb sb sb si sb si}", "state",
                  store_state_name(state), "notes", (json_int_t)info.notes, "handoffs",
                  (json_int_t)info.handoffs, "db_bytes", (json_int_t)info.db_bytes, "wal_bytes",
                  (json_int_t)info.wal_bytes, "schema_version", (json_int_t)info.schema_version,
                  "dek_epoch", (json_int_t)info.dek_epoch, "dek_created_ms",
                  (json_int_t)info.dek_created_ms, "generation", (json_int_t)info.generation,
                  "head_ok", info.head_ok, "read_only", info.read_only, "rotation_running",
                  info.rotation_running, "rotation_percent", info.rotation_percent, "check_running",
                  info.check_running, "check_result", info.check_result),
        err);
}

static int run_repair(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    (void)input;
    if (!call->confirmed) {
        answer->ask = json_pack(
            "{ss}", "message",
            "This takes the store as it is now for the truth. What is damaged stays lost, and an "
            "older state that somebody put back is no longer noticed. Copy the folder first.");
        return answer->ask ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    int r = call->services->repair(call->services, err);
    if (r < 0)
        return r;
    answer->list_changed = true;
    return admin_answer(answer, json_pack("{sb}", "accepted", 1), err);
}

// --- export, import, erase ---------------------------------------------------------------------

struct path_input {
    struct text path;
};
static const struct field path_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct path_input, path),
     .min = 1,
     .max = DIRS_PATH_BYTES_MAX - 1},
    {0},
};

static int path_of(const struct path_input *in, char out[DIRS_PATH_BYTES_MAX], struct err *err) {
    // The engine's own directory is not the caller's.
    if (in->path.data[0] != '/' || memchr(in->path.data, '\0', in->path.len))
        return err_set(err, ERR_INVAL, "path: expected an absolute path");
    memcpy(out, in->path.data, in->path.len);
    out[in->path.len] = '\0';
    return 0;
}

static int run_export(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    char path[DIRS_PATH_BYTES_MAX];
    json_t *manifest = NULL;
    int r = path_of(input, path, err);
    if (r < 0)
        return r;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_export(s, path, &manifest, err)) < 0)
        return r;
    int64_t federated = 0;
    r = fed_export(call->services, path, &federated, err);
    if (r < 0) {
        json_decref(manifest);
        return err_context(err, r, "the store was exported to %s, federation was not", path);
    }
    return admin_answer(answer,
                        json_pack("{ss so sI}", "path", path, "manifest", manifest, "federated",
                                  (json_int_t)federated),
                        err);
}

static int run_import(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    char path[DIRS_PATH_BYTES_MAX];
    json_t *counts = NULL;
    int r = path_of(input, path, err);
    if (r < 0)
        return r;
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_import(s, path, &counts, err)) < 0)
        return r;
    answer->list_changed = true;
    return admin_answer(answer, counts, err);
}

struct erase_input {
    struct text_array uids;
    struct text workspace;
    bool all;
};
static const struct field erase_fields[] = {
    {.name = "uids",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct erase_input, uids),
     .max = 256},
    {.name = "workspace",
     .type = FIELD_STRING,
     .offset = offsetof(struct erase_input, workspace),
     .min = 1,
     .max = DIRS_PATH_BYTES_MAX - 1},
    {.name = "all", .type = FIELD_BOOL, .offset = offsetof(struct erase_input, all)},
    {0},
};

static json_t *erase_question(const struct erase_input *in, int64_t total) {
    char text[DIRS_PATH_BYTES_MAX + 256];
    if (in->all)
        (void)snprintf(text, sizeof text,
                       "This erases everything: %lld notes and handoffs, what friends and you "
                       "shared (they are asked to delete it, too), model backends with their keys, "
                       "grants and usage. Of the audit log only paths go.",
                       (long long)total);
    else if (in->workspace.data)
        (void)snprintf(text, sizeof text,
                       "This erases all notes and handoffs of %.*s, its grants and its usage.",
                       (int)in->workspace.len, in->workspace.data);
    else
        (void)snprintf(text, sizeof text, "This erases %zu %s.", in->uids.count,
                       in->uids.count == 1 ? "note" : "notes");
    return json_pack("{ss+}", "message", text,
                     " They also go from the search index, the log of changes and the backups, and "
                     "cannot be brought back.");
}

static int erase_uids(struct store *s, const struct text_array *uids, int64_t *ret_count,
                      struct err *err) {
    enum { UIDS_MAX = 256 };
    char *list[UIDS_MAX] = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < uids->count; i++)
        if (!(list[i] = mem_strndup(uids->items[i].data, uids->items[i].len)))
            r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        *ret_count = store_erase(s, (const char *const *)list, uids->count, NULL, err);
    for (size_t i = 0; i < uids->count; i++)
        mem_free(list[i]);
    return r;
}

// What the router has in memory of it, which would otherwise be written anew.
static void erase_router(struct call *call, const char *workspace) {
    struct model_judged judged;
    model_whys_drop(call->services->whys, workspace);
    if (!workspace)
        (void)model_whys_judge(call->services->whys, "", MODEL_OPINION_ERASE, &judged, NULL);
}

static int run_erase(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct erase_input *in = input;
    struct store_info info;
    int r;
    if ((in->uids.count != 0) + (in->workspace.data != NULL) + in->all != 1)
        return err_set(err, ERR_INVAL, "name one of: notes, a workspace, everything");
    struct store *s = admin_store(call, &r, err);
    if (!s || (r = store_info(s, &info, err)) < 0)
        return r;
    if (!call->confirmed) {
        answer->ask = erase_question(in, info.notes + info.handoffs);
        return answer->ask ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    int64_t count = 0;
    if (in->uids.count) {
        r = erase_uids(s, &in->uids, &count, err);
    } else {
        AUTO_FREE char *workspace =
            in->workspace.data ? mem_strndup(in->workspace.data, in->workspace.len) : NULL;
        if (in->workspace.data && !workspace)
            return err_set(err, ERR_NOMEM, "out of memory");
        erase_router(call, workspace);
        count = store_erase(s, NULL, 0, workspace, err);
        struct fed_erased federated;
        if (!workspace && count >= 0)
            r = fed_erase(call->services, &federated, err);
    }
    if (r == 0 && count < 0)
        r = (int)count;
    if (r < 0)
        return r;
    answer->list_changed = count > 0;
    return admin_answer(answer, json_pack("{sI}", "erased", (json_int_t)count), err);
}

#define ADMIN(words, what, more, table, type, fn)                                                  \
    {                                                                                              \
        .name = (words), .title = (what), .description = (what), .flags = CAP_CLI_ONLY | (more),   \
        .input = (table), .input_size = sizeof(type), .run = (fn)                                  \
    }

const struct capability capabilities_admin[] = {
    ADMIN("status", "Figures of the engine", CAP_READ_ONLY | CAP_LOCAL, NULL, char, run_status),
    ADMIN("config check", "Mistakes in models.json", CAP_READ_ONLY | CAP_LOCAL, NULL, char,
          run_config_check),
    ADMIN("store info", "State and sizes of the store", CAP_READ_ONLY, NULL, char, run_store_info),
    ADMIN("store check", "Check every page of the store", CAP_READ_ONLY | CAP_LONG, NULL, char,
          run_check),
    ADMIN("repair", "Open what is left of a damaged store", CAP_DESTRUCTIVE | CAP_LONG | CAP_LOCAL,
          NULL, char, run_repair),
    ADMIN("export", "Write everything as JSON Lines into a new directory", CAP_LONG, path_fields,
          struct path_input, run_export),
    ADMIN("import", "Read an export", CAP_LONG, path_fields, struct path_input, run_import),
    ADMIN("erase", "Erase notes for good", CAP_DESTRUCTIVE | CAP_LONG, erase_fields,
          struct erase_input, run_erase),
    ADMIN("key list", "Key slots", CAP_READ_ONLY, NULL, char, admin_key_list),
    ADMIN("key passphrase", "Protect the store by a passphrase", 0, key_passphrase_fields,
          struct key_secret, admin_key_passphrase),
    ADMIN("key file", "Back to the key file that asks nothing", 0, NULL, char, admin_key_file),
    ADMIN("key recovery", "New recovery words", 0, NULL, char, admin_key_recovery),
    ADMIN("key remove", "Remove a key slot", CAP_DESTRUCTIVE, key_slot_fields, struct key_slot,
          admin_key_remove),
    ADMIN("key rotate", "Replace the data key", 0, NULL, char, admin_key_rotate),
    ADMIN("key unlock", "Open a locked store", 0, key_secret_fields, struct key_secret,
          admin_key_unlock),
    ADMIN("key lock", "Lock the store", 0, NULL, char, admin_key_lock),
    ADMIN("memory list", "Notes, newest first", CAP_READ_ONLY, notes_list_fields, struct notes_list,
          admin_notes_list),
    ADMIN("memory show", "One note or handoff in full", CAP_READ_ONLY, notes_show_fields,
          struct notes_show, admin_notes_show),
    ADMIN("memory tags", "Tags by use", CAP_READ_ONLY, notes_tags_fields, struct notes_tags,
          admin_notes_tags),
    {0},
};
