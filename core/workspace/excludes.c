#include "core/workspace/excludes.h"

#include "core/base/mem.h"
#include "core/workspace/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 256 * 1024 };

// Appends the file; what is no regular file of ours, or cannot be read, is as if it were not there.
static int read_file(const char *path, size_t max, struct buf *ret) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int r = 0;
    if (fd < 0)
        return 0;
    bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                (st.st_uid == geteuid() || st.st_uid == 0) && (size_t)st.st_size <= max;
    if (ours && buf_reserve(ret, (size_t)st.st_size + 1) < 0)
        r = ERR_NOMEM;
    ssize_t n = ours && r == 0 ? read(fd, ret->data + ret->len, (size_t)st.st_size) : 0;
    ret->len += n > 0 ? (size_t)n : 0;
    if (ret->data)
        ret->data[ret->len] = '\0';
    (void)close(fd);
    return r;
}

static bool is_section(const char *line, size_t n, const char *name) {
    size_t m = strlen(name);
    return n >= m + 2 && strncasecmp(line + 1, name, m) == 0 && line[1 + m] == ']';
}

static char *value_of(const char *line, size_t n) {
    size_t at = strcspn(line, "=");
    if (at >= n)
        return NULL;
    at++;
    while (at < n && (line[at] == ' ' || line[at] == '\t' || line[at] == '"'))
        at++;
    while (n > at && strchr(" \t\r\"", line[n - 1]))
        n--;
    return mem_strndup(line + at, n - at);
}

char *excludes_of_config(const char *text, size_t n) {
    static const char key[] = "excludesfile";
    char *value = NULL;
    bool core = false;
    for (const char *end = text + n; text < end;) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((eol ? eol : end) - text), at = 0;
        while (at < line && (text[at] == ' ' || text[at] == '\t'))
            at++;
        if (at < line && text[at] == '[')
            core = is_section(text + at, line - at, "core");
        bool is_key = core && line - at > sizeof key - 1 &&
                      strncasecmp(text + at, key, sizeof key - 1) == 0 &&
                      strchr(" \t=", text[at + sizeof key - 1]);
        if (is_key) { // the last one counts
            mem_free(value);
            value = value_of(text + at, line - at);
        }
        text += line + (eol != NULL);
    }
    return value;
}

// "~/x" is below the home folder; a relative path means nothing here.
static char *whole_path(const char *home, const char *path) {
    if (path[0] == '~' && path[1] == '/' && home)
        return mem_format("%s/%s", home, path + 2);
    return path[0] == '/' ? mem_strdup(path) : NULL;
}

static int read_config(const char *path, const char *home, char **ret) {
    AUTO_BUF text = BUF_INIT(CONFIG_BYTES_MAX + 1);
    int r = path ? read_file(path, CONFIG_BYTES_MAX, &text) : ERR_NOMEM;
    if (r < 0 || !text.len)
        return r;
    AUTO_FREE char *value = excludes_of_config(text.data, text.len);
    *ret = value ? whole_path(home, value) : NULL;
    return 0;
}

static int find(char **ret) {
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    if (!home || *home != '/')
        return 0;
    AUTO_FREE char *config =
        xdg && *xdg == '/' ? mem_format("%s/git", xdg) : mem_format("%s/.config/git", home);
    AUTO_FREE char *own = mem_format("%s/.gitconfig", home);
    AUTO_FREE char *other = config ? mem_format("%s/config", config) : NULL;
    int r = read_config(own, home, ret);
    if (r == 0 && !*ret)
        r = read_config(other, home, ret);
    if (r == 0 && !*ret) {
        *ret = mem_format("%s/ignore", config);
        r = *ret ? 0 : ERR_NOMEM;
    }
    return r;
}

int excludes_read(const char *place, struct buf *ret) {
    AUTO_FREE char *path = NULL;
    int r = 0;
    if (place)
        path = *place ? mem_strdup(place) : NULL;
    else
        r = find(&path);
    return r == 0 && path ? read_file(path, IGNORE_FILE_BYTES_MAX, ret) : r;
}
