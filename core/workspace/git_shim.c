// The private directory that stands in for the repository's git directory; why: git.h.
#include "core/workspace/git_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOVE_DEPTH_MAX = 4, SHARED_INDEX_MAX = 16 };

static int shim_path(const struct git *g, const char *name, char ret[GIT_SHIM_PATH_BYTES_MAX * 2],
                     struct err *err) {
    int n = snprintf(ret, GIT_SHIM_PATH_BYTES_MAX * 2, "%s/%s", g->shim, name);
    if (n < 0 || n >= GIT_SHIM_PATH_BYTES_MAX * 2)
        return err_set(err, ERR_LIMIT, "the path of the private git directory is too long");
    return 0;
}

static int put_folder(const struct git *g, const char *name, struct err *err) {
    char path[GIT_SHIM_PATH_BYTES_MAX * 2];
    int r = shim_path(g, name, path, err);
    if (r < 0)
        return r;
    return mkdir(path, 0700) < 0 ? err_errno(err, errno, "cannot make %s", path) : 0;
}

static int put_file(const struct git *g, const char *name, const char *text, size_t n,
                    struct err *err) {
    char path[GIT_SHIM_PATH_BYTES_MAX * 2], fresh[GIT_SHIM_PATH_BYTES_MAX * 2];
    int r = shim_path(g, name, path, err);
    if (r < 0 || (r = shim_path(g, "fresh", fresh, err)) < 0)
        return r;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, errno, "cannot write %s", fresh);
    ssize_t wrote = write(fd, text, n);
    int closed = close(fd);
    if (wrote != (ssize_t)n || closed < 0 || rename(fresh, path) < 0)
        return err_errno(err, errno ? errno : EIO, "cannot write %s", path);
    return 0;
}

static int put_link(const struct git *g, const char *name, const char *folder, const char *target,
                    struct err *err) {
    char path[GIT_SHIM_PATH_BYTES_MAX * 2];
    AUTO_FREE char *to = git_join(folder, target);
    int r = shim_path(g, name, path, err);
    if (r < 0)
        return r;
    if (!to)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (symlink(to, path) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", path);
    return 0;
}

static void put_setting(struct buf *b, const char *key, const char *value) {
    if (value[0])
        (void)buf_printf(b, "\t%s = %s\n", key, value);
}

static int put_config(const struct git *g, struct err *err) {
    const struct git_settings *s = &g->settings;
    AUTO_BUF b = BUF_INIT(4096);
    (void)buf_printf(&b,
                     "[core]\n\trepositoryformatversion = %d\n\tbare = true\n"
                     "\thooksPath = /dev/null\n\tfsmonitor = false\n\tuntrackedCache = false\n"
                     "\tattributesFile = /dev/null\n\texcludesFile = /dev/null\n\tpager = cat\n"
                     "\tquotePath = true\n\tbigFileThreshold = 16m\n\tlogAllRefUpdates = false\n",
                     s->sha256 ? 1 : 0);
    put_setting(&b, "autocrlf", s->autocrlf);
    put_setting(&b, "eol", s->eol);
    put_setting(&b, "ignorecase", s->ignorecase);
    put_setting(&b, "symlinks", s->symlinks);
    put_setting(&b, "filemode", s->filemode);
    (void)buf_puts(&b,
                   "[protocol]\n\tallow = never\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
                   "[submodule]\n\trecurse = false\n[diff]\n\tignoreSubmodules = dirty\n"
                   "\talgorithm = histogram\n\tmnemonicPrefix = false\n\tnoprefix = false\n"
                   "\trenameLimit = 1000\n[merge]\n\trenameLimit = 200\n[log]\n"
                   "\tshowSignature = false\n[advice]\n\tobjectNameWarning = false\n");
    if (s->sha256)
        (void)buf_puts(&b, "[extensions]\n\tobjectFormat = sha256\n");
    if (b.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    return put_file(g, "config", b.data, b.len, err);
}

// One path a line; a leading quote or '#' would mean something, so every path is quoted as C.
static int put_alternates(const struct git *g, struct err *err) {
    AUTO_FREE char *objects = git_join(g->common_dir, "objects");
    AUTO_BUF b = BUF_INIT(64 * 1024);
    if (!objects)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)buf_putc(&b, '"');
    for (const unsigned char *p = (const unsigned char *)objects; *p; p++) {
        if (*p < ' ' || *p == '"' || *p == '\\' || *p >= 0x7F)
            (void)buf_printf(&b, "\\%03o", *p);
        else
            (void)buf_putc(&b, (char)*p);
    }
    (void)buf_puts(&b, "\"\n");
    if (b.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    return put_file(g, "objects/info/alternates", b.data, b.len, err);
}

static int fill(struct git *g, struct err *err) {
    static const char *const folders[] = {"objects", "objects/info", "info"};
    int r = 0;
    for (size_t i = 0; i < COUNT_OF(folders) && r == 0; i++)
        r = put_folder(g, folders[i], err);
    if (r < 0 || (r = put_config(g, err)) < 0 || (r = put_alternates(g, err)) < 0 ||
        (r = put_link(g, "refs", g->common_dir, "refs", err)) < 0 ||
        (r = put_link(g, "packed-refs", g->common_dir, "packed-refs", err)) < 0 ||
        (r = put_link(g, "shallow", g->common_dir, "shallow", err)) < 0)
        return r;
    return put_link(g, "info/exclude", g->common_dir, "info/exclude", err);
}

int git_shim_make(struct git *g, struct err *err) {
    const char *run = getenv("XDG_RUNTIME_DIR");
    const char *place = g->scratch ? g->scratch : run && run[0] == '/' ? run : "/tmp";
    for (int attempt = 0; attempt < 2; attempt++, place = "/tmp") {
        int n = snprintf(g->shim, sizeof g->shim, "%s/paired-git-XXXXXX", place);
        if (n > 0 && (size_t)n < sizeof g->shim && mkdtemp(g->shim)) {
            g->head_written[0] = '\0';
            return fill(g, err);
        }
        g->shim[0] = '\0';
    }
    return err_errno(err, errno, "cannot make a private directory in %s", place);
}

// A split index names a second file beside it, which git looks for in its git directory.
static void link_shared_indexes(struct git *g) {
    DIR *d = opendir(g->git_dir);
    struct dirent *e;
    int count = 0;
    while (d && count < SHARED_INDEX_MAX && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "sharedindex.", 12) == 0 && strlen(e->d_name) < 96) {
            (void)put_link(g, e->d_name, g->git_dir, e->d_name, NULL);
            count++;
        }
    if (d)
        (void)closedir(d);
}

int git_shim_refresh(struct git *g, struct err *err) {
    AUTO_FREE char *path = git_join(g->git_dir, "HEAD");
    AUTO_BUF text = BUF_INIT(0);
    if (!path)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = git_read_small(path, &text, err);
    if (r < 0)
        return r == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "the repository is gone") : r;
    while (text.len > 0 && (unsigned char)text.data[text.len - 1] <= ' ')
        text.data[--text.len] = '\0';
    if (text.len == 0 || text.len >= sizeof g->head || memchr(text.data, '\0', text.len) ||
        memchr(text.data, '\n', text.len))
        return err_set(err, ERR_CORRUPT, "the repository's HEAD cannot be read");
    memcpy(g->head, text.data, text.len + 1);
    bool branch = strncmp(g->head, "ref: ", 5) == 0;
    g->traits = branch ? g->traits & ~(unsigned)GIT_DETACHED : g->traits | GIT_DETACHED;
    link_shared_indexes(g);
    if (strcmp(g->head, g->head_written) == 0)
        return 0;
    (void)buf_putc(&text, '\n');
    r = text.failed ? err_set(err, ERR_NOMEM, "out of memory")
                    : put_file(g, "HEAD", text.data, text.len, err);
    if (r == 0)
        memcpy(g->head_written, g->head, sizeof g->head);
    return r;
}

// Depth and kinds are known: folders that git made below objects/, files and links. Links are
// removed, never followed.
static void remove_folder(int parent, const char *name, int depth) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    if (!d) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    while ((e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) < 0 && depth < REMOVE_DEPTH_MAX)
            remove_folder(fd, e->d_name, depth + 1);
    }
    (void)closedir(d);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

void git_shim_remove(struct git *g) {
    if (g->shim[0])
        remove_folder(AT_FDCWD, g->shim, 0);
    g->shim[0] = '\0';
}
