#include "server/cli_isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, PROCESSES_MAX = 4096, CAPABILITIES = 64 };

static const char NOTHING[] = "size=64k,nr_inodes=1024,mode=755";

// Of the home folder: where keys are.
static const char *const keys[] = {".ssh",
                                   ".gnupg",
                                   ".aws",
                                   ".azure",
                                   ".kube",
                                   ".docker",
                                   ".password-store",
                                   ".netrc",
                                   ".config/gh",
                                   ".config/gcloud",
                                   ".pgpass",
                                   ".git-credentials",
                                   ".pypirc",
                                   ".config/containers",
                                   ".local/share/keyrings",
                                   ".mozilla",
                                   ".config/google-chrome",
                                   ".config/chromium"};
// The first ones become the copy's own.
enum { OWN, OWN_TOO, SYSTEMS, COVERED };
static const char *const covered[COVERED] = {
    [OWN] = "/tmp", [OWN_TOO] = "/var/tmp", [SYSTEMS] = "/run"};

static int failed(char why[ISOLATE_WHY_BYTES], const char *what) {
    (void)snprintf(why, ISOLATE_WHY_BYTES, "%.60s: %.50s", what, strerror(errno));
    return -1;
}

static bool is_below(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

// --- users

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t n = strlen(text);
    bool done = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

// The user stays the user, who has in there what root would have, until the exec.
static int be_the_same(unsigned uid, unsigned gid, char *why) {
    char map[64];
    (void)snprintf(map, sizeof map, "%u %u 1", uid, uid);
    if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
        return failed(why, "user namespace");
    (void)snprintf(map, sizeof map, "%u %u 1", gid, gid);
    return write_file("/proc/self/gid_map", map) ? 0 : failed(why, "user namespace");
}

static int loopback_up(char *why) {
    struct ifreq ask = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &ask);
    if (r < 0)
        r = failed(why, "loopback device");
    if (fd >= 0)
        (void)close(fd);
    return r;
}

// --- files

static void make_folders(const char *path) {
    char part[PATH_BYTES_MAX];
    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof part, "%.*s", slash ? (int)(slash - path) : PATH_BYTES_MAX - 1,
                       path);
        (void)mkdir(part, 0755);
        if (!slash)
            return;
    }
}

// A mount of its own for what is there now, to be put back when something covers it.
static int take(const char *path) {
    return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static int put_back(int fd, const char *path, char *why) {
    make_folders(path);
    return move_mount(fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? failed(why, path) : 0;
}

static int may_write(const char *path, bool may, unsigned flags, char *why) {
    struct mount_attr a = {.attr_set = may ? 0 : MOUNT_ATTR_RDONLY,
                           .attr_clr = may ? MOUNT_ATTR_RDONLY : 0};
    return mount_setattr(AT_FDCWD, path, flags, &a, sizeof a) < 0 ? failed(why, path) : 0;
}

static int hide(const char *path, char *why) {
    struct stat st;
    int r = 0;
    if (lstat(path, &st) < 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        r = mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, NOTHING);
    else if (S_ISREG(st.st_mode))
        r = mount("/dev/null", path, NULL, MS_BIND, NULL);
    return r < 0 ? failed(why, path) : 0;
}

static int hide_all(const struct isolation *i, char *why) {
    const char *home = getenv("HOME");
    char path[PATH_BYTES_MAX];
    int r = 0;
    for (size_t k = 0; r == 0 && home && home[0] == '/' && k < sizeof keys / sizeof *keys; k++) {
        (void)snprintf(path, sizeof path, "%.3000s/%s", home, keys[k]);
        r = hide(path, why);
    }
    for (size_t k = 0; r == 0 && k < i->hidden.count; k++)
        r = hide(i->hidden.items[k], why);
    return r;
}

static bool is_covered(const char *path) {
    for (size_t k = 0; k < COVERED; k++)
        if (is_below(path, covered[k]) && strcmp(path, covered[k]) != 0)
            return true;
    return false;
}

struct taken {
    int kept[ISOLATE_PATHS_MAX], writable[ISOLATE_PATHS_MAX], copy, system, own[SYSTEMS];
};

// NixOS and the like have their programs below /run.
static const char SYSTEM[] = "/run/current-system";

static int take_all(const struct isolation *i, struct taken *t, char *why) {
    char own[PATH_BYTES_MAX];
    (void)snprintf(own, sizeof own, "%.4000s/tmp", i->copy);
    for (size_t k = OWN; k < SYSTEMS; k++)
        t->own[k] = take(own);
    t->copy = take(i->copy);
    t->system = take(SYSTEM);
    for (size_t k = 0; k < i->kept.count; k++)
        t->kept[k] = is_covered(i->kept.items[k]) ? take(i->kept.items[k]) : -1;
    for (size_t k = 0; k < i->writable.count; k++)
        t->writable[k] = take(i->writable.items[k]);
    return t->copy < 0 ? failed(why, "mounts of its own") : 0;
}

static int cover(const struct taken *t, char *why) {
    for (size_t k = 0; k < COVERED; k++) {
        struct stat st;
        int r = 0;
        if (lstat(covered[k], &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        if (k == SYSTEMS)
            r = mount("none", covered[k], "tmpfs", MS_NOSUID | MS_NODEV, NOTHING);
        else
            r = move_mount(t->own[k], "", AT_FDCWD, covered[k], MOVE_MOUNT_F_EMPTY_PATH);
        if (r < 0)
            return failed(why, covered[k]);
    }
    if (mount("none", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=25%") < 0 &&
        errno != ENOENT)
        return failed(why, "/dev/shm");
    return 0;
}

static int put_all_back(const struct isolation *i, const struct taken *t, char *why) {
    int r = t->system >= 0 ? put_back(t->system, SYSTEM, why) : 0;
    for (size_t k = 0; r == 0 && k < i->kept.count; k++)
        r = t->kept[k] >= 0 ? put_back(t->kept[k], i->kept.items[k], why) : 0;
    if (r == 0)
        r = hide_all(i, why);
    for (size_t k = 0; r == 0 && k < i->writable.count; k++)
        r = t->writable[k] >= 0 ? put_back(t->writable[k], i->writable.items[k], why) : 0;
    return r == 0 ? put_back(t->copy, i->copy, why) : r;
}

static int only_these(const struct isolation *i, const struct taken *t, char *why) {
    static const char *const own[] = {"/tmp", "/var/tmp", "/dev/shm"};
    struct stat st;
    int r = may_write("/", false, AT_RECURSIVE, why);
    for (size_t k = 0; r == 0 && k < sizeof own / sizeof *own; k++)
        r = lstat(own[k], &st) == 0 && S_ISDIR(st.st_mode) ? may_write(own[k], true, 0, why) : 0;
    for (size_t k = 0; r == 0 && k < i->writable.count; k++)
        r = t->writable[k] >= 0 ? may_write(i->writable.items[k], true, AT_RECURSIVE, why) : 0;
    return r == 0 ? may_write(i->copy, true, 0, why) : r;
}

int isolate_begin(const struct isolation *i, char why[ISOLATE_WHY_BYTES]) {
    unsigned uid = geteuid(), gid = getegid();
    char here[PATH_BYTES_MAX];
    struct taken t;
    if (!getcwd(here, sizeof here))
        return failed(why, "folder");
    (void)prctl(PR_SET_DUMPABLE, 1); // else /proc/self is not ours
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC) < 0)
        return failed(why, "namespaces");
    int r = be_the_same(uid, gid, why);
    if (r == 0)
        r = loopback_up(why);
    if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        r = failed(why, "mounts");
    if (r == 0)
        r = take_all(i, &t, why);
    if (r == 0)
        r = cover(&t, why);
    if (r == 0)
        r = put_all_back(i, &t, why);
    if (r == 0)
        r = only_these(i, &t, why);
    if (r == 0 && chdir(here) < 0) // where we were is below what covers it now
        r = failed(why, "folder");
    if (r == 0 && i->caches)
        (void)setenv("XDG_CACHE_HOME", i->caches, 0);
    return r;
}

int isolate_first(char why[ISOLATE_WHY_BYTES]) {
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    // Much of /proc/sys asks for the user root, and for no capability.
    if (geteuid() == 0)
        flags |= MS_RDONLY;
    int r = mount("proc", "/proc", "proc", flags, NULL) < 0 ? failed(why, "/proc") : 0;
    (void)prctl(PR_SET_DUMPABLE, 0);
    return r;
}

void isolate_drop(void) {
    const struct rlimit processes = {PROCESSES_MAX, PROCESSES_MAX};
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    (void)setrlimit(RLIMIT_NPROC, &processes);
    for (unsigned long c = 0; c < CAPABILITIES; c++)
        (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    (void)syscall(SYS_capset, &head, none);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
