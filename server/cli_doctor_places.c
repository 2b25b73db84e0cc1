// Checks of directories and files.
#include "core/loop/stream.h"
#include "server/cli_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = DIRS_PATH_BYTES_MAX + 64, FIX_BYTES = PATH_MAX_BYTES + 256 };
static const unsigned long long MIB = 1024 * 1024;

static bool no_dirs(struct doctor *d) {
    if (!d->have_dirs)
        doctor_put(d, DOCTOR_SKIP, NULL, "the directories are not known");
    return !d->have_dirs;
}

// The nearest directory above `path`, or itself, that exists.
static void existing(const char *path, char out[PATH_MAX_BYTES]) {
    struct stat st;
    (void)snprintf(out, PATH_MAX_BYTES, "%s", path);
    while (lstat(out, &st) < 0 && strrchr(out, '/') > out)
        *strrchr(out, '/') = '\0';
    if (lstat(out, &st) < 0)
        (void)snprintf(out, PATH_MAX_BYTES, "/");
}

static bool read_only(const char *path) {
    struct statvfs fs;
    return access(path, W_OK) < 0 || (statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

void doctor_home(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    if (!d->have_dirs) {
        doctor_put(d, DOCTOR_FAIL, "Set HOME, or name a folder: PAIRED_PROFILE=DIR.", "%s",
                   err_text(&d->dirs_err));
        return;
    }
    existing(d->dirs.state, path);
    if (read_only(path))
        doctor_put(d, DOCTOR_FAIL,
                   "Make it writable, or keep everything elsewhere: PAIRED_PROFILE=DIR.",
                   "%s cannot be written, so nothing can be kept", path);
    else
        doctor_put(d, DOCTOR_OK, NULL, "known from %s, writable", d->dirs.home_source);
}

static void directory(struct doctor *d, const char *path, bool needed) {
    struct stat st;
    char fix[FIX_BYTES];
    if (lstat(path, &st) < 0) {
        if (errno == ENOENT)
            doctor_put(d, needed ? DOCTOR_OK : DOCTOR_SKIP, NULL,
                       needed ? "%s is not there yet; it is made when needed"
                              : "%s is not there; nothing is set",
                       path);
        else
            doctor_put(d, DOCTOR_FAIL, "Correct what is in its way.", "%s: %s", path,
                       strerror(errno));
    } else if (S_ISLNK(st.st_mode) && needed) {
        (void)snprintf(fix, sizeof fix,
                       "Remove the link: rm %s; it must be a directory of your own.", path);
        doctor_put(d, DOCTOR_FAIL, fix, "%s is a symbolic link", path);
    } else if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) {
        (void)snprintf(fix, sizeof fix, "Move it away: mv %s %s.old", path, path);
        doctor_put(d, DOCTOR_FAIL, fix, "%s is not a directory", path);
    } else if (st.st_uid != geteuid()) {
        (void)snprintf(fix, sizeof fix, "Take it over or remove it: chown %u %s",
                       (unsigned)geteuid(), path);
        doctor_put(d, DOCTOR_FAIL, fix, "%s belongs to user %u", path, (unsigned)st.st_uid);
    } else if (!S_ISLNK(st.st_mode) && (st.st_mode & 0022)) {
        (void)snprintf(fix, sizeof fix, "chmod 700 %s", path);
        doctor_put(d, DOCTOR_FAIL, fix, "%s can be written by others (mode %04o)", path,
                   st.st_mode & 07777U);
    } else {
        doctor_put(d, DOCTOR_OK, NULL, "%s", path);
    }
}

void doctor_state(struct doctor *d) {
    if (!no_dirs(d))
        directory(d, d->dirs.state, true);
}

void doctor_runtime(struct doctor *d) {
    if (no_dirs(d))
        return;
    if (d->moved)
        doctor_put(d, DOCTOR_WARN,
                   "Correct or unset XDG_RUNTIME_DIR: a tool with another one does not find the "
                   "engine there.",
                   "%s cannot be made; %s takes its place", d->wanted_runtime, d->dirs.runtime);
    else
        directory(d, d->dirs.runtime, true);
}

void doctor_config_dir(struct doctor *d) {
    if (!no_dirs(d))
        directory(d, d->dirs.config, false);
}

void doctor_network(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    bool network = false;
    const char *name = "";
    struct err err = {0};
    if (no_dirs(d))
        return;
    existing(d->dirs.state, path);
    if (dirs_is_network(path, &network, &name, &err) < 0)
        doctor_put(d, DOCTOR_WARN, NULL, "%s", err_text(&err));
    else if (network)
        doctor_put(d, DOCTOR_FAIL,
                   "Put the store on a local disk: XDG_STATE_HOME=DIR or PAIRED_PROFILE=DIR.",
                   "%s is on a network file system (%s), which cannot hold the store", path, name);
    else
        doctor_put(d, DOCTOR_OK, NULL, "the store is on a local file system");
}

// PAIRED_TEST_FREE_MB injects a number (tests).
void doctor_disk(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    struct statvfs fs;
    const char *injected = getenv("PAIRED_TEST_FREE_MB");
    static const char fix[] = "Make room: erase what is not needed, or move the store.";
    if (no_dirs(d))
        return;
    existing(d->dirs.state, path);
    if (statvfs(path, &fs) < 0) {
        doctor_put(d, DOCTOR_WARN, NULL, "%s: %s", path, strerror(errno));
        return;
    }
    unsigned long long free_mib = fs.f_bavail * (unsigned long long)fs.f_frsize / MIB;
    if (injected)
        free_mib = strtoull(injected, NULL, 10);
    if (free_mib < 16)
        doctor_put(d, DOCTOR_FAIL, fix, "%llu MiB are free: writes will fail", free_mib);
    else if (free_mib < 256)
        doctor_put(d, DOCTOR_WARN, fix, "only %llu MiB are free", free_mib);
    else
        doctor_put(d, DOCTOR_OK, NULL, "%llu MiB are free", free_mib);
}

void doctor_socket_path(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    struct sockaddr_un address;
    if (no_dirs(d))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", d->dirs.runtime, ATTACH_SOCKET_NAME);
    if (strlen(path) >= sizeof address.sun_path)
        doctor_put(d, DOCTOR_FAIL, "Use a shorter PAIRED_PROFILE or XDG_RUNTIME_DIR.",
                   "the socket's path has %zu bytes, %zu are possible", strlen(path),
                   sizeof address.sun_path - 1);
    else if (strncmp(path, "/tmp/paired-", 12) == 0)
        doctor_put(d, DOCTOR_OK, NULL, "%s, because the usual place has too long a name", path);
    else
        doctor_put(d, DOCTOR_OK, NULL, "%s", path);
}

static bool lock_is_free(const char *runtime) {
    char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", runtime, ATTACH_ENGINE_LOCK);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return true;
    bool free_now = flock(fd, LOCK_SH | LOCK_NB) == 0;
    (void)close(fd);
    return free_now;
}

void doctor_socket_stale(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    struct stat st;
    if (no_dirs(d))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", d->dirs.runtime, ATTACH_SOCKET_NAME);
    if (lstat(path, &st) < 0) {
        doctor_put(d, DOCTOR_OK, NULL, "no engine, no socket");
        return;
    }
    int fd = unix_connect(path, NULL);
    if (fd >= 0) {
        (void)close(fd);
        doctor_put(d, DOCTOR_OK, NULL, "the socket answers");
    } else if (!S_ISSOCK(st.st_mode)) {
        doctor_put(d, DOCTOR_FAIL, "Remove it; paired makes its own.", "%s is not a socket", path);
    } else if (lock_is_free(d->dirs.runtime)) {
        doctor_put(d, DOCTOR_WARN, "Nothing to do: the next engine replaces it.",
                   "%s was left behind by an engine that was killed", path);
    } else {
        doctor_put(d, DOCTOR_FAIL, "Stop that process, then any client starts a new engine.",
                   "%s does not answer, but a process holds the engine's lock", path);
    }
}

void doctor_keys(struct doctor *d) {
    static const char *const names[] = {"key", "store.keys"};
    char path[PATH_MAX_BYTES];
    char fix[FIX_BYTES];
    struct stat st;
    size_t found = 0;
    if (no_dirs(d))
        return;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", d->dirs.state, names[i]);
        if (lstat(path, &st) < 0)
            continue;
        found++;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
            doctor_put(d, DOCTOR_FAIL, "Put your own file back in its place.",
                       "%s is not a file of yours", path);
            return;
        }
        if (st.st_mode & 0077) {
            (void)snprintf(fix, sizeof fix,
                           "chmod 600 %s; if others may have read it: paired key "
                           "rotate",
                           path);
            doctor_put(d, DOCTOR_FAIL, fix, "%s can be read by others (mode %04o)", path,
                       st.st_mode & 07777U);
            return;
        }
    }
    (void)snprintf(path, sizeof path, "%s/store.db", d->dirs.state);
    if (access(path, F_OK) < 0)
        doctor_put(d, DOCTOR_SKIP, NULL, "no store yet");
    else if (!found)
        doctor_put(d, DOCTOR_FAIL, "Put store.keys (and key) back from your backup.",
                   "the store is there, but not its keys");
    else
        doctor_put(d, DOCTOR_OK, NULL, "for your eyes only");
}

void doctor_store_files(struct doctor *d) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.head"};
    char path[PATH_MAX_BYTES];
    char fix[FIX_BYTES];
    struct stat st;
    size_t found = 0;
    if (no_dirs(d))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", d->dirs.state, names[i]);
        if (lstat(path, &st) < 0)
            continue;
        found++;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
            doctor_put(d, DOCTOR_FAIL, "Take it over (chown) or move it away.",
                       "%s is not a file of yours", path);
            return;
        }
        if (st.st_mode & 0077) {
            (void)snprintf(fix, sizeof fix, "chmod 600 %s", path);
            doctor_put(d, DOCTOR_WARN, fix, "%s can be read by others, encrypted though it is",
                       path);
            return;
        }
    }
    doctor_put(d, found ? DOCTOR_OK : DOCTOR_SKIP, NULL,
               found ? "in place, private" : "no store yet");
}

void doctor_backups(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    size_t count = 0;
    if (no_dirs(d))
        return;
    (void)snprintf(path, sizeof path, "%s/backups", d->dirs.state);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        count += e->d_name[0] != '.';
    if (dir)
        (void)closedir(dir);
    if (count)
        doctor_put(d, DOCTOR_OK, NULL, "%zu from before a change of the store's layout", count);
    else
        doctor_put(d, DOCTOR_SKIP, NULL,
                   "none; one is made before the store's layout changes. Your own: paired export");
}

void doctor_log(struct doctor *d) {
    char path[PATH_MAX_BYTES];
    struct stat st;
    if (no_dirs(d))
        return;
    (void)snprintf(path, sizeof path, "%s/log", d->dirs.state);
    if (lstat(path, &st) < 0)
        doctor_put(d, DOCTOR_SKIP, NULL, "no log yet");
    else if (!S_ISDIR(st.st_mode) || read_only(path))
        doctor_put(d, DOCTOR_WARN, "Make the folder writable for you.",
                   "%s cannot be written, so nothing is logged", path);
    else
        doctor_put(d, DOCTOR_OK, NULL, "%s", path);
}

void doctor_config_files(struct doctor *d) {
    for (size_t i = 0; i < d->config.count; i++)
        doctor_put(d, DOCTOR_WARN,
                   strstr(d->config.problems[i].text, "/models.json: ")
                       ? "Correct it, then paired stop: until then these prices are not used."
                       : "Correct it; paired config schema says what may stand there.",
                   "%s", d->config.problems[i].text);
    if (!d->config.count)
        doctor_put(d, DOCTOR_OK, NULL, "nothing to complain about");
}
