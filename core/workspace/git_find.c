// Finds the git program and the repository of a folder, as git would, without running anything.
#include "core/base/io.h"
#include "core/workspace/git_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 128 };

char *git_join(const char *folder, const char *name) {
    if (strlen(folder) + strlen(name) + 2 > PATH_MAX)
        return NULL;
    if (name[0] == '/')
        return mem_strdup(name);
    size_t n = strlen(folder);
    return mem_format("%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int git_read_small(const char *path, struct buf *ret, struct err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_errno(err, errno, "cannot read %s", path);
    struct stat st;
    int r = 0;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        r = err_set(err, ERR_CORRUPT, "%s is no regular file", path);
    AUTO_BUF text = BUF_INIT(GIT_SMALL_FILE_BYTES_MAX);
    int read = r == 0 ? io_read_all(fd, &text) : 0;
    (void)close(fd);
    if (read == -EFBIG)
        r = err_set(err, ERR_LIMIT, "%s is too large to be what it is named", path);
    else if (read < 0)
        r = err_errno(err, -read, "cannot read %s", path);
    else if (r == 0 && text.len && buf_append(ret, text.data, text.len) < 0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    return r;
}

// --- the program

static bool is_below(const char *path, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 &&
           (path[n] == '/' || path[n] == '\0' || (n > 0 && folder[n - 1] == '/'));
}

// A program that lies in the opened folder or its repository is the repository's, whatever PATH
// says.
static char *usable_program(const struct git *g, const char *path) {
    char *real = path[0] == '/' ? realpath(path, NULL) : NULL;
    if (!real)
        return NULL;
    const char *ours = g->root ? g->root : g->folder;
    bool usable = access(real, X_OK) == 0 && !is_folder(real) && !is_below(real, ours) &&
                  !is_below(real, g->folder);
    char *copy = usable ? mem_strdup(real) : NULL;
    free(real); // of libc
    return copy;
}

int git_find_program(struct git *g, const char *given, struct err *err) {
    if (given) {
        g->program = usable_program(g, given);
        return g->program ? 0 : err_set(err, ERR_UNSUPPORTED, "%s cannot be run as git", given);
    }
    const char *path = getenv("PATH");
    AUTO_FREE char *list =
        mem_format("%s:/usr/local/bin:/usr/bin:/bin", path && path[0] ? path : "/usr/bin");
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (char *at = list, *next; at && !g->program; at = next) {
        next = strchr(at, ':');
        if (next)
            *next++ = '\0';
        AUTO_FREE char *candidate = at[0] == '/' ? git_join(at, "git") : NULL;
        if (candidate)
            g->program = usable_program(g, candidate);
    }
    return g->program ? 0
                      : err_set(err, ERR_UNSUPPORTED,
                                "git is not installed: history and changes are not known");
}

// --- the repository

static bool head_is_valid(const char *text, size_t n) {
    static const char hex[] = "0123456789abcdef";
    if (n > 5 && memcmp(text, "ref: ", 5) == 0) {
        if (n > GIT_REVISION_BYTES_MAX || n < 11 || memcmp(text + 5, "refs/", 5) != 0)
            return false;
        for (size_t i = 5; i < n; i++)
            if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F)
                return false;
        return true;
    }
    return (n == 40 || n == 64) && strspn(text, hex) >= n;
}

static void trim(struct buf *b) {
    while (b->len > 0 && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r' ||
                          b->data[b->len - 1] == ' '))
        b->data[--b->len] = '\0';
}

static int read_head(const char *git_dir, char *ret, size_t max) {
    AUTO_FREE char *path = git_join(git_dir, "HEAD");
    AUTO_BUF text = BUF_INIT(0);
    if (!path)
        return ERR_NOMEM;
    int r = git_read_small(path, &text, NULL);
    if (r < 0)
        return r;
    trim(&text);
    if (text.len == 0 || text.len >= max || !head_is_valid(text.data, text.len))
        return ERR_CORRUPT;
    memcpy(ret, text.data, text.len + 1);
    return 0;
}

// Where refs and objects are: beside HEAD, or, for a linked work tree, where "commondir" says.
static char *common_dir_of(const char *git_dir) {
    AUTO_FREE char *path = git_join(git_dir, "commondir");
    AUTO_BUF text = BUF_INIT(0);
    if (!path || git_read_small(path, &text, NULL) < 0)
        return mem_strdup(git_dir);
    trim(&text);
    if (text.len == 0 || memchr(text.data, '\0', text.len))
        return NULL;
    return git_join(git_dir, text.data);
}

static bool is_git_dir(const char *path) {
    char head[GIT_REVISION_BYTES_MAX + 16];
    if (!is_folder(path) || read_head(path, head, sizeof head) < 0)
        return false;
    AUTO_FREE char *common = common_dir_of(path);
    AUTO_FREE char *objects = common ? git_join(common, "objects") : NULL;
    AUTO_FREE char *refs = common ? git_join(common, "refs") : NULL;
    return objects && refs && is_folder(objects) && is_folder(refs);
}

static int follow_git_file(const char *folder, const char *file, char **ret, struct err *err) {
    AUTO_BUF text = BUF_INIT(0);
    int r = git_read_small(file, &text, err);
    if (r < 0)
        return r;
    trim(&text);
    if (text.len < 9 || memcmp(text.data, "gitdir: ", 8) != 0 || memchr(text.data, '\0', text.len))
        return err_set(err, ERR_CORRUPT, "%s names no git directory", file);
    AUTO_FREE char *target = git_join(folder, text.data + 8);
    if (!target || !is_git_dir(target))
        return err_set(err, ERR_CORRUPT, "%s leads to %s, which is no git directory", file,
                       text.data + 8);
    *ret = TAKE(target);
    return 0;
}

// 1: found (g->git_dir, g->root), 0: not in this folder.
static int look_in(struct git *g, const char *folder, bool first, struct err *err) {
    AUTO_FREE char *dot = git_join(folder, ".git");
    struct stat st;
    if (!dot)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (stat(dot, &st) == 0) {
        if (S_ISREG(st.st_mode)) {
            int r = follow_git_file(folder, dot, &g->git_dir, err);
            if (r < 0)
                return r;
        } else if (is_git_dir(dot)) {
            g->git_dir = TAKE(dot);
        }
        if (g->git_dir) {
            g->root = mem_strdup(folder);
            return g->root ? 1 : err_set(err, ERR_NOMEM, "out of memory");
        }
    }
    // Only the folder itself may be a bare repository: one planted somewhere above is not taken.
    if (first && is_git_dir(folder)) {
        g->git_dir = mem_strdup(folder);
        g->traits |= GIT_BARE;
        return g->git_dir ? 1 : err_set(err, ERR_NOMEM, "out of memory");
    }
    return 0;
}

static bool is_foreign(const char *path) {
    struct stat st;
    return path && stat(path, &st) == 0 && st.st_uid != geteuid() && st.st_uid != 0;
}

static int climb(struct git *g, struct err *err) {
    AUTO_FREE char *at = mem_strdup(g->folder);
    struct stat begin, st;
    if (!at || stat(at, &begin) < 0)
        return err_set(err, ERR_NOT_FOUND, "%s cannot be looked at", g->folder);
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        int r = look_in(g, at, depth == 0, err);
        if (r < 0)
            return r;
        if (r > 0) {
            if (!is_foreign(g->git_dir) && !is_foreign(g->root))
                return 0;
            g->traits |= GIT_OTHER_OWNER;
            // In a folder that everybody may write to, somebody may have put it above ours.
            if (depth > 0 && geteuid() != 0)
                return err_set(err, ERR_PERM,
                               "the repository in %s belongs to another user; open that folder "
                               "itself if it is meant",
                               at);
            return 0;
        }
        char *slash = strrchr(at, '/');
        if (!slash || at[1] == '\0')
            break;
        slash[slash == at] = '\0';
        if (stat(at, &st) < 0 || st.st_dev != begin.st_dev) // git stops there too
            break;
    }
    return err_set(err, ERR_NOT_FOUND,
                   "%s is in no git repository: history and changes are not known", g->folder);
}

static int set_prefix(struct git *g, struct err *err) {
    size_t n = g->root ? strlen(g->root) : strlen(g->folder);
    const char *below = g->folder + n;
    while (*below == '/')
        below++;
    g->prefix = *below ? mem_format("%s/", below) : mem_strdup("");
    return g->prefix ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int read_config(struct git *g, struct err *err) {
    AUTO_FREE char *path = git_join(g->common_dir, "config");
    AUTO_BUF text = BUF_INIT(0);
    if (!path)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = git_read_small(path, &text, err);
    if (r < 0 && r != ERR_NOT_FOUND)
        return r;
    git_read_settings(text.data ? text.data : "", text.len, &g->settings);
    if (g->settings.reftable || g->settings.version > 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "the repository is in a format that is not read here (%s)",
                       g->settings.reftable ? "reftable" : "version 2 or newer");
    if (g->settings.partial)
        g->traits |= GIT_PARTIAL;
    return 0;
}

int git_find_repository(struct git *g, struct err *err) {
    int r = climb(g, err);
    if (r < 0)
        return r;
    g->common_dir = common_dir_of(g->git_dir);
    if (!g->common_dir)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (strcmp(g->common_dir, g->git_dir) != 0)
        g->traits |= GIT_WORKTREE;
    else if (g->root) {
        AUTO_FREE char *dot = git_join(g->root, ".git");
        if (dot && !is_folder(dot))
            g->traits |= GIT_SUBMODULE;
    }
    r = set_prefix(g, err);
    return r < 0 ? r : read_config(g, err);
}

// --- HEAD

static bool take_id(const struct git *g, const char *text, char *ret) {
    unsigned n = g->settings.sha256 ? 64 : 40;
    if (strspn(text, "0123456789abcdef") != n)
        return false;
    memcpy(ret, text, n);
    ret[n] = '\0';
    return true;
}

// Lines of "<id> <name>".
static bool find_packed(const struct git *g, const char *name, char *ret) {
    AUTO_FREE char *path = git_join(g->common_dir, "packed-refs");
    AUTO_FREE char *wanted = mem_format(" %s\n", name);
    AUTO_BUF text = BUF_INIT(0);
    unsigned n = g->settings.sha256 ? 64 : 40;
    if (!path || !wanted || git_read_small(path, &text, NULL) < 0 || text.len == 0)
        return false;
    char *at = strstr(text.data, wanted);
    if (!at || (size_t)(at - text.data) < n)
        return false;
    *at = '\0';
    at -= n;
    return (at == text.data || at[-1] == '\n') && take_id(g, at, ret);
}

bool git_head_quick(struct git *g, char ret[GIT_ID_CHARS_MAX + 1]) {
    if (git_shim_refresh(g, NULL) < 0)
        return false;
    if (strncmp(g->head, "ref: ", 5) != 0)
        return take_id(g, g->head, ret);
    const char *name = g->head + 5;
    if (!head_is_valid(g->head, strlen(g->head)) || strstr(name, ".."))
        return false;
    AUTO_FREE char *path = git_join(g->common_dir, name);
    AUTO_BUF text = BUF_INIT(0);
    int r = path ? git_read_small(path, &text, NULL) : ERR_NOMEM;
    if (r == 0) {
        trim(&text);
        return text.len > 0 && take_id(g, text.data, ret) && ret[text.len] == '\0';
    }
    return r == ERR_NOT_FOUND && find_packed(g, name, ret);
}

// --- the few settings

static void keep_value(char *slot, const char *value, size_t n, const char *const *allowed) {
    for (; *allowed; allowed++)
        if (strlen(*allowed) == n && strncasecmp(*allowed, value, n) == 0)
            memcpy(slot, *allowed, n + 1);
}

static void take_setting(struct git_settings *s, const char *section, size_t section_n,
                         const char *key, size_t key_n, const char *value, size_t n) {
    static const char *const flag[] = {"true", "false", NULL};
    static const char *const crlf[] = {"true", "false", "input", NULL};
    static const char *const eol[] = {"lf", "crlf", "native", NULL};
    static const char *const sha256[] = {"sha256", NULL};
    static const char *const reftable[] = {"reftable", NULL};
    char found[GIT_VALUE_BYTES_MAX] = "";
#define IS(text, at, len) ((len) == sizeof(text) - 1 && strncasecmp(text, at, len) == 0)
    bool core = IS("core", section, section_n), extensions = IS("extensions", section, section_n);
    if (core && IS("autocrlf", key, key_n))
        keep_value(s->autocrlf, value, n, crlf);
    else if (core && IS("eol", key, key_n))
        keep_value(s->eol, value, n, eol);
    else if (core && IS("ignorecase", key, key_n))
        keep_value(s->ignorecase, value, n, flag);
    else if (core && IS("symlinks", key, key_n))
        keep_value(s->symlinks, value, n, flag);
    else if (core && IS("filemode", key, key_n))
        keep_value(s->filemode, value, n, flag);
    else if (core && IS("repositoryformatversion", key, key_n))
        s->version =
            n == 1 && (value[0] == '0' || value[0] == '1') ? (unsigned)(value[0] - '0') : 2;
    else if (extensions && IS("objectformat", key, key_n)) {
        keep_value(found, value, n, sha256);
        s->sha256 = found[0] != '\0';
    } else if (extensions && IS("refstorage", key, key_n)) {
        keep_value(found, value, n, reftable);
        s->reftable = found[0] != '\0';
    } else if (extensions && IS("partialclone", key, key_n)) {
        s->partial = true;
    } else if (IS("promisor", key, key_n)) {
        s->partial = true;
    }
#undef IS
}

// Lines of "[section]" or "[section "sub"]" and "key = value". No includes, no continued lines, no
// quotes: the words that count need none.
void git_read_settings(const char *text, size_t n, struct git_settings *ret) {
    const char *section = "", *end = text + n;
    size_t section_n = 0;
    *ret = (struct git_settings){0};
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *next = stop ? stop + 1 : end;
        stop = stop ? stop : end;
        while (line < stop && (*line == ' ' || *line == '\t'))
            line++;
        if (line < stop && *line == '[') {
            section = ++line;
            while (line < stop && *line != ']' && *line != ' ' && *line != '\t')
                line++;
            section_n = (size_t)(line - section);
        } else {
            const char *equals = memchr(line, '=', (size_t)(stop - line));
            if (equals) {
                const char *key_end = equals, *value = equals + 1;
                while (key_end > line && (key_end[-1] == ' ' || key_end[-1] == '\t'))
                    key_end--;
                while (value < stop && (*value == ' ' || *value == '\t'))
                    value++;
                while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
                    stop--;
                take_setting(ret, section, section_n, line, (size_t)(key_end - line), value,
                             (size_t)(stop - value));
            }
        }
        line = next;
    }
}
