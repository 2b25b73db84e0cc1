// Where a client's files lie, and whether they may be touched.
#include "core/base/io.h"
#include "core/base/mem.h"
#include "server/cli_setup_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *absolute(const char *variable) {
    const char *value = getenv(variable);
    return value && value[0] == '/' ? value : NULL;
}

static const char *home(void) {
    const char *dir = absolute("HOME");
    const struct passwd *pw = dir ? NULL : getpwuid(getuid());
    return dir ? dir : pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

static int join(char out[SETUP_PATH_BYTES], const char *a, const char *b, const char *c,
                struct err *err) {
    int n = snprintf(out, SETUP_PATH_BYTES, "%s%s%s", a, b, c);
    if (n < 0 || n >= SETUP_PATH_BYTES)
        return err_set(err, ERR_LIMIT, "the path %.64s… is too long", a);
    return 0;
}

// The variable that a place begins with; "" for one without.
static void variable_of(const char *place, char out[64]) {
    size_t n = place[0] == '$' ? strcspn(place, "/") : 0;
    (void)snprintf(out, 64, "%.*s", n ? (int)n - 1 : 0, place + (n ? 1 : 0));
}

int setup_expand(const char *place, char out[SETUP_PATH_BYTES], struct err *err) {
    char variable[64];
    const char *base = home();
    place += *place == '+';
    variable_of(place, variable);
    const char *rest = strchr(place, '/');
    bool config = strcmp(variable, "CONFIG") == 0, data = strcmp(variable, "DATA") == 0;
    if (variable[0] && !config && !data)
        return absolute(variable) ? join(out, absolute(variable), rest, "", err)
                                  : err_set(err, ERR_NOT_FOUND, "%s is not set", variable);
    const char *xdg = config ? absolute("XDG_CONFIG_HOME")
                      : data ? absolute("XDG_DATA_HOME")
                             : NULL;
    if (xdg)
        return join(out, xdg, rest, "", err);
    if (!base)
        return err_set(err, ERR_NOT_FOUND, "no home directory is known: set HOME");
    return join(out, base, config ? "/.config" : data ? "/.local/share" : "", rest, err);
}

static bool exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool folder_exists(const char *path) {
    char folder[SETUP_PATH_BYTES];
    struct stat st;
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return stat(folder, &st) == 0 && S_ISDIR(st.st_mode);
}

int setup_choose(const struct setup_part *part, char out[SETUP_PATH_BYTES], struct err *err) {
    int r = err_set(err, ERR_NOT_FOUND, "there is no file that this could be written to");
    for (size_t i = 0; i < SETUP_PLACES_MAX && part->places[i]; i++) {
        char variable[64];
        const char *place = part->places[i];
        variable_of(place, variable);
        bool own = variable[0] && strcmp(variable, "CONFIG") != 0 && strcmp(variable, "DATA") != 0;
        if (own && !absolute(variable))
            continue;
        r = setup_expand(place, out, err);
        if (r < 0)
            return r;
        if (own || exists(out) || (*place == '+' && folder_exists(out)))
            return 0;
    }
    return r;
}

bool cli_client_installed(const struct cli_client_kind *kind) {
    char path[SETUP_PATH_BYTES];
    if (cli_on_path(kind->program, path, sizeof path))
        return true;
    for (size_t i = 0; i < SETUP_SIGNS_MAX && kind->signs[i]; i++)
        if (setup_expand(kind->signs[i], path, NULL) == 0 && exists(path))
            return true;
    return false;
}

const char *setup_shown(const char *path, char out[SETUP_PATH_BYTES]) {
    const char *base = home();
    size_t n = base ? strlen(base) : 0;
    if (n < 2 || strncmp(path, base, n) != 0 || path[n] != '/')
        return path;
    (void)snprintf(out, SETUP_PATH_BYTES, "~%s", path + n);
    return out;
}

// --- may it be touched? ------------------------------------------------------------------------

static bool below(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || n == 1);
}

// Links may lead anywhere in the home directory (that is how people share such files between
// machines), but not out of it: what lies there belongs to somebody or something else.
static int stays_home(const char *path, const char *target, struct err *err) {
    char real[PATH_MAX];
    const char *base = home();
    if (!base || !below(path, base))
        return 0; // a variable of the user's leads elsewhere
    if (!realpath(base, real))
        return err_errno(err, errno, "cannot look at %s", base);
    if (strcmp(target, real) == 0 || below(target, real))
        return 0;
    return err_set(err, ERR_PERM, "%s is a link out of your home directory, to %s: change it there",
                   path, target);
}

static int check_owner(const char *path, const struct stat *st, struct err *err) {
    if (st->st_uid == geteuid())
        return 0;
    return err_set(err, ERR_PERM, "%s belongs to another user (%u)", path, (unsigned)st->st_uid);
}

// A file that is not there yet: the nearest folder that is has to be ours and at home.
static int resolve_new(struct setup_file *file, struct err *err) {
    char folder[SETUP_PATH_BYTES], real[PATH_MAX];
    struct stat st;
    (void)snprintf(folder, sizeof folder, "%s", file->path);
    for (;;) {
        char *slash = strrchr(folder, '/');
        if (slash == folder)
            slash[1] = '\0';
        else
            *slash = '\0';
        if (realpath(folder, real))
            break;
        if (errno != ENOENT || slash == folder || exists(folder))
            return err_errno(err, errno, "cannot look at %s", folder);
    }
    int r = stays_home(file->path, real, err);
    if (r == 0 && stat(real, &st) < 0)
        r = err_errno(err, errno, "cannot look at %s", real);
    if (r == 0 && !S_ISDIR(st.st_mode))
        r = err_set(err, ERR_INVAL, "%s is no folder", real);
    r = r < 0 ? r : check_owner(real, &st, err);
    if (r < 0)
        return r;
    const char *rest = file->path + strlen(folder);
    return join(file->target, strcmp(real, "/") == 0 ? "" : real, *rest == '/' ? "" : "/", rest,
                err);
}

static int resolve(struct setup_file *file, struct err *err) {
    char real[PATH_MAX];
    if (!exists(file->path)) {
        file->exists = false;
        return resolve_new(file, err);
    }
    file->exists = true;
    if (!realpath(file->path, real))
        return err_errno(err, errno, "%s leads nowhere", file->path);
    int r = stays_home(file->path, real, err);
    return r < 0 ? r : join(file->target, real, "", "", err);
}

static int check_file(const char *path, const struct stat *st, struct err *err) {
    if (!S_ISREG(st->st_mode))
        return err_set(err, ERR_INVAL, "%s is no plain file", path);
    if (st->st_nlink > 1)
        return err_set(err, ERR_PERM, "%s has another name too (a hard link): change it by hand",
                       path);
    if (!(st->st_mode & S_IWUSR))
        return err_set(err, ERR_PERM, "%s is read-only: somebody means it to stay as it is", path);
    if (st->st_size > SETUP_FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s is larger than %d MiB", path,
                       SETUP_FILE_BYTES_MAX >> 20);
    return check_owner(path, st, err);
}

int setup_read(struct setup_file *file, struct err *err) {
    int r = resolve(file, err);
    if (r < 0 || !file->exists)
        return r;
    // Not blocking: a pipe may stand there.
    int fd = open(file->target, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot read %s", file->path);
    if (fstat(fd, &file->st) < 0)
        r = err_errno(err, errno, "cannot look at %s", file->path);
    r = r < 0 ? r : check_file(file->path, &file->st, err);
    if (r == 0 && (r = io_read_all(fd, &file->before)) < 0)
        r = err_errno(err, -r, "cannot read %s", file->path);
    (void)close(fd);
    return r;
}
