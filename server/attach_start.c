#include "server/attach_start.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

enum { READY_FD = 3, ENVIRONMENT_MAX = 64 };

// What the engine may see of the environment of whoever happens to start it first. Sessions bring
// their own allow-list in HELLO.
static const char *const engine_variables[] = {
    "HOME",   "USER",        "LOGNAME",     "PATH",     "LANG",     "TZ",
    "TMPDIR", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"};
static const char *const engine_prefixes[] = {"XDG_",   "PAIRED_", "LC_",  "ASAN_",
                                              "UBSAN_", "TSAN_",   "LSAN_"};

static bool engine_may_see(const char *entry) {
    size_t name = strcspn(entry, "=");
    for (size_t i = 0; i < COUNT_OF(engine_variables); i++)
        if (strlen(engine_variables[i]) == name && memcmp(entry, engine_variables[i], name) == 0)
            return true;
    for (size_t i = 0; i < COUNT_OF(engine_prefixes); i++)
        if (strncmp(entry, engine_prefixes[i], strlen(engine_prefixes[i])) == 0)
            return true;
    return false;
}

// The program to run: this one, by its path. After an upgrade in place that path holds the newer
// build, whose engine library fits to it and no longer to us.
static int own_program(char out[DIRS_PATH_BYTES_MAX], struct err *err) {
    static const char gone[] = " (deleted)";
    ssize_t n = readlink("/proc/self/exe", out, DIRS_PATH_BYTES_MAX - 1);
    if (n < 0)
        return err_errno(err, errno, "cannot tell the path of this program");
    out[n] = '\0';
    size_t cut = sizeof gone - 1;
    if ((size_t)n > cut && strcmp(out + n - cut, gone) == 0)
        out[(size_t)n - cut] = '\0';
    if (access(out, X_OK) == 0)
        return 0;
    if (errno == ENOENT || errno == ENOTDIR)
        return err_errno(err, errno, "%s was removed while it runs: install paired again", out);
    return err_errno(err, errno, "%s cannot be run by this user: install paired where it can be",
                     out);
}

// Where the engine's stderr goes: only what libraries or a sanitizer print; its log is another
// file.
static void log_path(const struct attach *a, char out[DIRS_PATH_BYTES_MAX + 32]) {
    char dir[DIRS_PATH_BYTES_MAX + 8];
    struct stat st;
    (void)snprintf(dir, sizeof dir, "%s/log", a->dirs.state);
    (void)snprintf(out, DIRS_PATH_BYTES_MAX + 32, "%s/engine.stderr", dir);
    int fd = -1;
    if (dirs_ensure_private(a->dirs.state, NULL) == 0 && dirs_ensure_private(dir, NULL) == 0)
        fd = open(out, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    // One that cannot be emptied is not worth keeping open: the engine then runs without.
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 1024 * 1024 && ftruncate(fd, 0) < 0) {
        (void)close(fd);
        fd = -1;
    }
    if (fd < 0)
        (void)snprintf(out, DIRS_PATH_BYTES_MAX + 32, "/dev/null");
    else
        (void)close(fd);
}

static int set_up(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, const char *log,
                  int ready) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int e = 0;
    if ((e = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0)) ||
        (e = posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0)) ||
        (e = posix_spawn_file_actions_addopen(files, 2, log, O_WRONLY | O_APPEND, 0)) ||
        (e = posix_spawn_file_actions_adddup2(files, ready, READY_FD)) ||
        // Descriptors that the client leaked into us: an engine that kept the write end of some
        // pipe would keep its reader waiting for years.
        (e = posix_spawn_file_actions_addclosefrom_np(files, READY_FD + 1)) ||
        (e = posix_spawnattr_setsigmask(attributes, &none)) ||
        (e = posix_spawnattr_setsigdefault(attributes, &all)))
        return e;
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
}

static int spawn(struct attach *a, const char *program, int ready, pid_t *ret_pid,
                 struct err *err) {
    char *env[ENVIRONMENT_MAX + 1];
    size_t count = 0;
    for (char **e = environ; e && *e && count < ENVIRONMENT_MAX; e++)
        if (engine_may_see(*e))
            env[count++] = *e;
    env[count] = NULL;
    // posix_spawn wants char *; it does not change them.
    union {
        const char *in[8];
        char *out[8];
    } argv = {{program, "engine", "--ready-fd", "3", NULL}};
    if (a->config->profile && a->config->profile[0]) {
        argv.in[4] = "--profile";
        argv.in[5] = a->config->profile;
    }
    char log[DIRS_PATH_BYTES_MAX + 32];
    log_path(a, log);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_init(&files);
    if (e)
        return err_errno(err, e, "cannot start the engine");
    e = posix_spawnattr_init(&attributes);
    if (!e) {
        e = set_up(&files, &attributes, log, ready);
        if (!e)
            e = posix_spawn(ret_pid, program, &files, &attributes, argv.out, env);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return e ? err_errno(err, e, "cannot start the engine %s", program) : 0;
}

int attach_spawn(struct attach *a, int *ret_fd, struct err *err) {
    char program[DIRS_PATH_BYTES_MAX];
    int r = own_program(program, err);
    if (r < 0)
        return r;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    // Out of the way of 0-3, which are set in the child.
    int ready = fcntl(ends[1], F_DUPFD_CLOEXEC, READY_FD + 1);
    (void)close(ends[1]);
    r = ready < 0 ? err_errno(err, errno, "cannot make a pipe")
                  : spawn(a, program, ready, &a->child, err);
    if (ready >= 0)
        (void)close(ready);
    if (r < 0) {
        (void)close(ends[0]);
        return r;
    }
    *ret_fd = ends[0];
    return 0;
}
