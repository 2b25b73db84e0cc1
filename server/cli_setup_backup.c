// What a client's file was before paired was registered in it: <state>/setup/<client>-<n>.before,
// and <client>-<n>.json with {"file", "existed"}; folders.json lists the folders that were made.
// Only this user can read them, since such files hold keys of other servers; they go when the
// registration goes.
#include "core/base/dirs.h"
#include "core/base/mem.h"
#include "server/cli_setup_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct names {
    char folder[DIRS_PATH_BYTES_MAX + 16];
    char before[DIRS_PATH_BYTES_MAX + 64], record[DIRS_PATH_BYTES_MAX + 64];
};

static int folder_of(const char *profile, char *out, size_t max, struct err *err) {
    struct dirs dirs;
    int r = dirs_resolve(profile, &dirs, err);
    if (r == 0)
        (void)snprintf(out, max, "%s/setup", dirs.state);
    return r;
}

static int names_of(const struct cli_client_kind *kind, const struct setup_file *file,
                    const char *profile, struct names *ret, struct err *err) {
    int r = folder_of(profile, ret->folder, sizeof ret->folder, err);
    if (r < 0)
        return r;
    (void)snprintf(ret->before, sizeof ret->before, "%s/%s-%zu.before", ret->folder, kind->name,
                   file->first_part);
    (void)snprintf(ret->record, sizeof ret->record, "%s/%s-%zu.json", ret->folder, kind->name,
                   file->first_part);
    return 0;
}

static int read_plain(const char *path, struct buf *out) {
    char chunk[16384];
    FILE *f = fopen(path, "re");
    size_t n;
    if (!f)
        return -errno;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        (void)buf_append(out, chunk, n);
    int r = ferror(f) || out->failed ? -EIO : 0;
    (void)fclose(f);
    return r;
}

int setup_backup_load(const struct cli_client_kind *kind, const struct setup_file *file,
                      const char *profile, struct setup_backup *ret, struct err *err) {
    struct names names;
    *ret = (struct setup_backup){.text = BUF_INIT(SETUP_FILE_BYTES_MAX)};
    int r = names_of(kind, file, profile, &names, err);
    if (r < 0)
        return r;
    json_t *record = json_load_file(names.record, 0, NULL);
    const char *path = json_string_value(json_object_get(record, "file"));
    if (path && strcmp(path, file->target) == 0) {
        ret->existed = json_is_true(json_object_get(record, "existed"));
        ret->known = !ret->existed || read_plain(names.before, &ret->text) == 0;
    }
    json_decref(record);
    return 0;
}

void setup_backup_done(struct setup_backup *b) {
    buf_done(&b->text);
}

int setup_backup_save(const struct cli_client_kind *kind, const struct setup_file *file,
                      const char *profile, struct err *err) {
    struct names names;
    AUTO_BUF text = BUF_INIT(0);
    int r = names_of(kind, file, profile, &names, err);
    r = r < 0 ? r : dirs_ensure_private(names.folder, err);
    if (r == 0 && file->exists)
        r = setup_replace(names.before, &file->before, 0600, NULL, err);
    if (r < 0)
        return r;
    json_t *record = json_pack("{ss sb}", "file", file->target, "existed", file->exists);
    if (!record || buf_put_json(&text, record, JSON_COMPACT) < 0 || buf_putc(&text, '\n') < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    json_decref(record);
    return r < 0 ? r : setup_replace(names.record, &text, 0600, NULL, err);
}

// What a run left half written when it was killed.
static void drop_halves(const char *folder, const char *client) {
    DIR *d = opendir(folder);
    size_t n = strlen(client);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, client, n) == 0 && e->d_name[n] == '-' &&
            strstr(e->d_name, ".paired-"))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        (void)closedir(d);
}

void setup_backup_drop(const struct cli_client_kind *kind, const struct setup_file *file,
                       const char *profile) {
    struct names names;
    if (names_of(kind, file, profile, &names, NULL) < 0)
        return;
    (void)unlink(names.record);
    (void)unlink(names.before);
    drop_halves(names.folder, kind->name);
}

// --- folders -----------------------------------------------------------------------------------

static json_t *load_folders(const char *folder, char path[DIRS_PATH_BYTES_MAX + 64]) {
    (void)snprintf(path, DIRS_PATH_BYTES_MAX + 64, "%s/folders.json", folder);
    json_t *list = json_load_file(path, 0, NULL);
    if (json_is_array(list))
        return list;
    json_decref(list);
    return json_array();
}

static int save_folders(const char *path, const json_t *list, struct err *err) {
    AUTO_BUF text = BUF_INIT(0);
    if (buf_put_json(&text, list, JSON_COMPACT) < 0 || buf_putc(&text, '\n') < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    return setup_replace(path, &text, 0600, NULL, err);
}

int setup_folders_add(const char *profile, const json_t *made, struct err *err) {
    char folder[DIRS_PATH_BYTES_MAX + 16], path[DIRS_PATH_BYTES_MAX + 64];
    if (!json_array_size(made))
        return 0;
    int r = folder_of(profile, folder, sizeof folder, err);
    r = r < 0 ? r : dirs_ensure_private(folder, err);
    if (r < 0)
        return r;
    json_t *list = load_folders(folder, path);
    for (size_t i = 0; i < json_array_size(made); i++)
        (void)json_array_append(list, json_array_get(made, i));
    r = save_folders(path, list, err);
    json_decref(list);
    return r;
}

// Is anything registered that could need the list?
static bool holds_records(const char *folder) {
    bool found = false;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        found |= e->d_name[0] != '.' && strcmp(e->d_name, "folders.json") != 0;
    if (dir)
        (void)closedir(dir);
    return found;
}

void setup_folders_prune(const char *profile) {
    char folder[DIRS_PATH_BYTES_MAX + 16], path[DIRS_PATH_BYTES_MAX + 64];
    if (folder_of(profile, folder, sizeof folder, NULL) < 0)
        return;
    json_t *list = load_folders(folder, path);
    size_t before = json_array_size(list);
    for (size_t i = before; i-- > 0;) { // what was made inside of another came later
        const char *made = json_string_value(json_array_get(list, i));
        if (!made || rmdir(made) == 0 || errno == ENOENT || errno == ENOTDIR)
            (void)json_array_remove(list, i);
    }
    if (json_array_size(list) == 0 || !holds_records(folder))
        (void)unlink(path);
    else if (json_array_size(list) != before)
        (void)save_folders(path, list, NULL);
    json_decref(list);
    (void)rmdir(folder); // when nothing is kept any more
}
