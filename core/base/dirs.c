#include "core/base/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

// Longest name that is put into the runtime directory ("/engine.lock", "/s1" …), with room to grow.
enum { RUNTIME_NAME_BYTES_MAX = 16 };

static int join(char out[DIRS_PATH_BYTES_MAX], const char *dir, const char *name, struct err *err) {
    int n = snprintf(out, DIRS_PATH_BYTES_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= DIRS_PATH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the path %.64s… is too long", dir);
    return 0;
}

static const char *home_directory(const char **ret_source) {
    const char *home = getenv("HOME");
    *ret_source = "HOME";
    if (home && home[0] == '/')
        return home;
    const struct passwd *pw = getpwuid(getuid());
    *ret_source = "passwd";
    return pw && pw->pw_dir && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

// XDG 0.8: "All paths set in these environment variables must be absolute. If an implementation
// encounters a relative path … it should consider the path invalid and ignore it."
static const char *absolute_env(const char *name) {
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

static int xdg(char out[DIRS_PATH_BYTES_MAX], const char *variable, const char *home,
               const char *below_home, struct err *err) {
    const char *base = absolute_env(variable);
    if (base)
        return join(out, base, "paired", err);
    char fallback[DIRS_PATH_BYTES_MAX];
    int r = home ? join(fallback, home, below_home, err) : ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        return err_set(err, r, "no home directory is known: set HOME or %s", variable);
    return r < 0 ? r : join(out, fallback, "paired", err);
}

// FNV-1a: names a directory, protects nothing.
static uint64_t hash_of(const char *s) {
    uint64_t h = 0xcbf29ce484222325U;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3U;
    return h;
}

static void shorten_runtime(struct dirs *d) {
    struct sockaddr_un address;
    if (strlen(d->runtime) + RUNTIME_NAME_BYTES_MAX < sizeof address.sun_path)
        return;
    (void)snprintf(d->runtime, sizeof d->runtime, "/tmp/paired-%u/%016llx", (unsigned)getuid(),
                   (unsigned long long)hash_of(d->state));
}

static int resolve_profile(const char *profile, struct dirs *d, struct err *err) {
    char root[DIRS_PATH_BYTES_MAX];
    int r = 0;
    if (profile[0] == '/') {
        r = snprintf(root, sizeof root, "%s", profile) >= (int)sizeof root ? ERR_LIMIT : 0;
        if (r < 0)
            return err_set(err, r, "the profile's path is too long");
    } else {
        char cwd[DIRS_PATH_BYTES_MAX];
        if (!getcwd(cwd, sizeof cwd))
            return err_errno(err, errno, "cannot tell the working directory");
        r = join(root, cwd, profile, err);
        if (r < 0)
            return r;
    }
    for (size_t n = strlen(root); n > 1 && root[n - 1] == '/'; n--)
        root[n - 1] = '\0';
    d->home_source = "profile";
    if ((r = join(d->runtime, root, "run", err)) < 0 ||
        (r = join(d->state, root, "state", err)) < 0 ||
        (r = join(d->config, root, "config", err)) < 0)
        return r;
    return join(d->cache, root, "cache", err);
}

static int resolve_xdg(struct dirs *d, struct err *err) {
    const char *home = home_directory(&d->home_source);
    int r;
    if ((r = xdg(d->state, "XDG_STATE_HOME", home, ".local/state", err)) < 0 ||
        (r = xdg(d->config, "XDG_CONFIG_HOME", home, ".config", err)) < 0 ||
        (r = xdg(d->cache, "XDG_CACHE_HOME", home, ".cache", err)) < 0)
        return r;
    const char *runtime = absolute_env("XDG_RUNTIME_DIR");
    return runtime ? join(d->runtime, runtime, "paired", err)
                   : join(d->runtime, d->state, "run", err);
}

int dirs_resolve(const char *profile, struct dirs *ret, struct err *err) {
    struct dirs d = {0};
    if (!profile || !profile[0])
        profile = getenv("PAIRED_PROFILE");
    int r = profile && profile[0] ? resolve_profile(profile, &d, err) : resolve_xdg(&d, err);
    if (r < 0)
        return r;
    shorten_runtime(&d);
    *ret = d;
    return 0;
}

int dirs_refused(struct err *err, int e, const char *what, const char *path) {
    if (e != EROFS && e != EACCES && e != EPERM)
        return err_errno(err, e, "cannot %s %s", what, path);
    return err_set(err, ERR_PERM,
                   "cannot %s %s: %s; make it writable for you, or keep everything elsewhere: "
                   "PAIRED_PROFILE=DIR",
                   what, path, strerror(e));
}

static int make_parents(const char *path, struct err *err) {
    char partial[DIRS_PATH_BYTES_MAX];
    size_t n = strlen(path);
    if (n >= sizeof partial || path[0] != '/')
        return err_set(err, ERR_INVAL, "%.64s is not an absolute path", path);
    memcpy(partial, path, n + 1);
    for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        // EEXIST first: a parent that exists need not be writable (nor on a writable file system).
        if (mkdir(partial, 0700) < 0 && errno != EEXIST) {
            int saved = errno;
            struct stat st;
            if (stat(partial, &st) < 0)
                return dirs_refused(err, saved, "create the directory", partial);
        }
        *slash = '/';
    }
    return 0;
}

static int check_private(const char *path, const struct stat *st, struct err *err) {
    if (S_ISLNK(st->st_mode))
        return err_set(err, ERR_PERM,
                       "%s is a symbolic link: remove it, or point to the directory itself", path);
    if (!S_ISDIR(st->st_mode))
        return err_set(err, ERR_PERM, "%s is not a directory: move it away", path);
    if (st->st_uid != geteuid())
        return err_set(err, ERR_PERM,
                       "%s belongs to user %u, not to you: remove it or run chown %u %s", path,
                       (unsigned)st->st_uid, (unsigned)geteuid(), path);
    if (st->st_mode & 0022)
        return err_set(err, ERR_PERM, "%s can be written by other users: run chmod 700 %s", path,
                       path);
    return 0;
}

int dirs_ensure_private(const char *path, struct err *err) {
    int r = make_parents(path, err);
    if (r < 0)
        return r;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return dirs_refused(err, errno, "create the directory", path);
    struct stat st;
    if (lstat(path, &st) < 0)
        return err_errno(err, errno, "cannot examine the directory %s", path);
    return check_private(path, &st, err);
}

static const struct {
    const char *name;
    uint32_t magic; // statfs(2)
} network_types[] = {
    {"nfs", 0x6969},       {"cifs", 0xFF534D42},   {"smb", 0x517B},    {"smb2", 0xFE534D42},
    {"afs", 0x5346414F},   {"afs", 0x6B414653},    {"9p", 0x01021997}, {"fuse", 0x65735546},
    {"ceph", 0x00C36400},  {"coda", 0x73757245},   {"ncp", 0x564C},    {"gfs2", 0x01161970},
    {"ocfs2", 0x7461636F}, {"lustre", 0x0BD00BD0},
};

// FUSE carries local file systems too; what it is stands in the mount table only.
static int fuse_is_network(const char *path, char name[64]) {
    static const char *const remote[] = {"fuse.sshfs",    "fuse.rclone", "fuse.s3fs",
                                         "fuse.gcsfuse",  "fuse.davfs",  "fuse.glusterfs",
                                         "fuse.curlftpfs"};
    struct stat st;
    if (stat(path, &st) < 0)
        return 0;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (!mounts)
        return 0;
    char line[2048];
    int found = 0;
    while (!found && fgets(line, sizeof line, mounts)) {
        unsigned major, minor;
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 ||
            makedev(major, minor) != st.st_dev || sscanf(dash + 3, "%63s", name) != 1)
            continue;
        for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
            found |= strcmp(name, remote[i]) == 0;
    }
    (void)fclose(mounts);
    return found;
}

int dirs_is_network(const char *path, bool *ret, const char **ret_name, struct err *err) {
    static _Thread_local char fuse_name[64];
    const char *injected = getenv("PAIRED_TEST_FSTYPE");
    struct statfs fs;
    if (injected && injected[0]) {
        *ret = true;
        *ret_name = injected;
        return 0;
    }
    if (statfs(path, &fs) < 0)
        return err_errno(err, errno, "cannot examine the file system of %s", path);
    *ret = false;
    *ret_name = "local";
    for (size_t i = 0; i < sizeof network_types / sizeof network_types[0]; i++) {
        if ((uint32_t)fs.f_type != network_types[i].magic)
            continue;
        *ret = strcmp(network_types[i].name, "fuse") != 0 || fuse_is_network(path, fuse_name);
        *ret_name = strcmp(network_types[i].name, "fuse") != 0 ? network_types[i].name
                    : *ret                                     ? fuse_name
                                                               : "fuse";
        return 0;
    }
    return 0;
}
