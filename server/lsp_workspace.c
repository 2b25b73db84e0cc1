// The folders that the editor works in, its settings, and what it is asked to watch. Sources: LSP
// 3.17 "Workspace Folders", "Configuration", "DidChangeConfiguration", "DidChangeWatchedFiles".
#include "core/base/dirs.h"
#include "core/base/mem.h"
#include "server/folder.h"
#include "server/lsp_impl.h"

#include <string.h>

// --- folders -------------------------------------------------------------------------------------

static void folder_done(struct lsp_folder *folder) {
    mem_free(folder->uri);
    mem_free(folder->name);
    mem_free(folder->path);
    mem_free(folder->root);
    mem_free(folder->below);
    *folder = (struct lsp_folder){0};
}

static void strip_slash(char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
}

static int folder_init(struct lsp_folder *folder, const char *uri, const char *name) {
    char real[DIRS_PATH_BYTES_MAX];
    size_t n = 0;
    *folder = (struct lsp_folder){.uri = mem_strdup(uri), .name = mem_strdup(name)};
    bool failed = !folder->uri || !folder->name;
    folder->path = lsp_uri_path(uri, strlen(uri));
    if (folder->path) {
        strip_slash(folder->path);
        if (folder_root(folder->path, real, &n)) {
            folder->root = mem_strndup(real, n);
            folder->below = mem_strdup(real[n] ? real + n + 1 : "");
            failed |= !folder->root || !folder->below;
        }
    }
    if (failed)
        folder_done(folder);
    return failed ? ERR_NOMEM : 0;
}

static void add_folder(struct lsp_face *f, const char *uri, const char *name) {
    if (!uri || strlen(uri) > LSP_URI_BYTES_MAX)
        return;
    for (size_t i = 0; i < f->folder_count; i++)
        if (strcmp(f->folders[i].uri, uri) == 0)
            return;
    if (f->folder_count >= LSP_FOLDERS_MAX) {
        lsp_log(f, LSP_WARNING, "more than %d folders: one is left out", LSP_FOLDERS_MAX);
        return;
    }
    struct lsp_folder *more = mem_realloc(f->folders, (f->folder_count + 1) * sizeof *more);
    if (!more)
        return;
    f->folders = more;
    if (folder_init(&more[f->folder_count], uri, name ? name : "") == 0)
        f->folder_count++;
}

static void remove_folder(struct lsp_face *f, const char *uri) {
    for (size_t i = 0; uri && i < f->folder_count; i++) {
        if (strcmp(f->folders[i].uri, uri) != 0)
            continue;
        folder_done(&f->folders[i]);
        memmove(&f->folders[i], &f->folders[i + 1], (f->folder_count - i - 1) * sizeof *f->folders);
        f->folder_count--;
        return;
    }
}

static void add_folders(struct lsp_face *f, const json_t *list) {
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one) add_folder(f, json_string_value(json_object_get(one, "uri")),
                                                json_string_value(json_object_get(one, "name")));
}

// workspaceFolders, else rootUri, else rootPath: each is deprecated in favour of the one before.
void lsp_workspace_read(struct lsp_face *f) {
    const json_t *folders = json_object_get(f->params, "workspaceFolders");
    const char *uri = json_string_value(json_object_get(f->params, "rootUri"));
    const char *path = json_string_value(json_object_get(f->params, "rootPath"));
    if (json_array_size(folders)) {
        add_folders(f, folders);
    } else if (uri) {
        add_folder(f, uri, "");
    } else if (path && *path == '/') {
        AUTO_FREE char *made = lsp_uri_of_path(path);
        add_folder(f, made, "");
    }
}

void lsp_workspace_done(struct lsp_face *f) {
    for (size_t i = 0; i < f->folder_count; i++)
        folder_done(&f->folders[i]);
    mem_free(f->folders);
    f->folders = NULL;
    f->folder_count = 0;
}

const char *lsp_root(const struct lsp_face *f) {
    for (size_t i = 0; i < f->folder_count; i++)
        if (f->folders[i].root)
            return f->folders[i].root;
    return session_workspace(f->session);
}

static void did_change_folders(void *face, json_t *params) {
    struct lsp_face *f = face;
    const json_t *event = json_object_get(params, "event"), *one;
    size_t i;
    json_array_foreach(json_object_get(event, "removed"), i, one)
        remove_folder(f, json_string_value(json_object_get(one, "uri")));
    add_folders(f, json_object_get(event, "added"));
    for (struct lsp_document *d = f->documents; d; d = d->next)
        (void)lsp_document_place(f, d);
    for (size_t k = 0; lsp_features[k]; k++)
        if (lsp_features[k]->folders)
            lsp_features[k]->folders(f);
}

static int advertise_folders(struct lsp_face *f, json_t *capabilities) {
    (void)f;
    json_t *workspace = json_object_get(capabilities, "workspace");
    if (!workspace) {
        workspace = json_object();
        if (json_object_set_new(capabilities, "workspace", workspace) < 0)
            return ERR_NOMEM;
    }
    return json_object_set_new(workspace, "workspaceFolders",
                               json_pack("{s:b, s:b}", "supported", 1, "changeNotifications", 1)) <
                   0
               ? ERR_NOMEM
               : 0;
}

// --- settings ------------------------------------------------------------------------------------

static void take_settings(struct lsp_face *f, const json_t *settings) {
    json_decref(f->settings);
    f->settings = json_is_object(settings) ? json_incref((json_t *)settings) : NULL;
    for (size_t i = 0; lsp_features[i]; i++)
        if (lsp_features[i]->configured)
            lsp_features[i]->configured(f);
}

static void on_settings(void *ctx, const json_t *result, const json_t *error,
                        const struct err *err) {
    struct lsp_face *f = ctx;
    (void)error;
    if (err || !f->live)
        return; // those from before go on
    take_settings(f, json_array_get(result, 0));
}

static bool pull_settings(struct lsp_face *f) {
    return lsp_client_can(f, "workspace.configuration") &&
           lsp_call(f, "workspace/configuration",
                    json_pack("{s:[{s:s}]}", "items", "section", "paired"), LSP_CALL_MS,
                    on_settings, f, NULL) > 0;
}

static void did_change_configuration(void *face, json_t *params) {
    struct lsp_face *f = face;
    const json_t *settings = json_object_get(params, "settings");
    const json_t *own = json_object_get(settings, "paired");
    if (pull_settings(f) || !json_is_object(settings))
        return;
    take_settings(f, own ? own : settings);
}

// --- watching ------------------------------------------------------------------------------------

static void did_change_watched_files(void *face, json_t *params) {
    struct lsp_face *f = face;
    (void)params; // the index looks at the files itself; this says when it is worth it
    for (size_t i = 0; lsp_features[i]; i++)
        if (lsp_features[i]->watched)
            lsp_features[i]->watched(f);
}

static void initialized(struct lsp_face *f) {
    (void)lsp_register(f, "workspace.didChangeConfiguration", "paired-configuration",
                       "workspace/didChangeConfiguration", json_pack("{s:s}", "section", "paired"));
    // Sources that we know, and where commits and branches move.
    (void)lsp_register(
        f, "workspace.didChangeWatchedFiles", "paired-files", "workspace/didChangeWatchedFiles",
        json_pack("{s:[{s:s}, {s:s}]}", "watchers", "globPattern",
                  "**/*.{c,h,cc,cpp,cxx,hh,hpp,py,js,jsx,mjs,cjs,ts,tsx,go,rs,java,sh,bash,rb,"
                  "html,css,vue,svelte}",
                  "globPattern", "**/.git/HEAD"));
    (void)pull_settings(f);
}

static const struct lsp_method methods[] = {
    {.name = "workspace/didChangeWorkspaceFolders",
     .notification = did_change_folders,
     .advertise = advertise_folders},
    {.name = "workspace/didChangeConfiguration", .notification = did_change_configuration},
    {.name = "workspace/didChangeWatchedFiles", .notification = did_change_watched_files},
    {0},
};
const struct lsp_feature lsp_feature_workspace = {
    .name = "workspace", .methods = methods, .initialized = initialized};
