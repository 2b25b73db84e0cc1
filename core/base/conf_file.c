// Settings in files: reading with the place of every problem, writing one key atomically.
#include "core/base/conf.h"

#include "core/base/dirs.h"
#include "core/base/io.h"
#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 1024 * 1024,
    DEPTH_MAX = 8, // of objects in the file; no key has more dots
    KEY_BYTES_MAX = 128,
    SHOWN_PATH_BYTES = 96 // of a file's path in a problem; its end tells more than its beginning
};

// --- reading -----------------------------------------------------------------------------------

// 1 read, 0 there is none, ERR_*.
static int read_file(const char *path, struct buf *out, struct err *err) {
    // Not blocking: a workspace may put a pipe here.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 0;
        return err_errno(err, errno, "cannot read %s", path);
    }
    struct stat st;
    int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? io_read_all(fd, out) : -EINVAL;
    (void)close(fd);
    if (r == -EFBIG)
        return err_set(err, ERR_LIMIT, "%s is larger than %d KiB", path, FILE_BYTES_MAX / 1024);
    if (r < 0)
        return err_errno(err, -r, "cannot read %s", path);
    return 1;
}

static int parse_file(const char *path, const struct buf *text, json_t **ret, struct err *err) {
    json_error_t e;
    json_t *root = json_loadb(text->data ? text->data : "", text->len, JSON_REJECT_DUPLICATES, &e);
    if (!root) {
        // jansson leaves the text empty where an allocation failed before it had looked at
        // anything.
        if (json_error_code(&e) == json_error_out_of_memory || !e.text[0])
            return err_set(err, ERR_NOMEM, "out of memory");
        return err_set(err, ERR_PARSE, "%s:%d:%d: %s", path, e.line > 0 ? e.line : 1,
                       e.column > 0 ? e.column : 1, e.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(err, ERR_PARSE, "%s:1:1: expected an object, {…}", path);
    }
    *ret = root;
    return 0;
}

// --- where a key stands ------------------------------------------------------------------------

struct scan {
    const char *at, *end;
    int line;
};

static void skip_string(struct scan *s) { // at the opening quote
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
        if (*s->at == '\\')
            s->at++;
    s->at++;
}

// Line of the key `parts[0] … parts[depth-1]` in a text that jansson has accepted; of the deepest
// part that was found when a key is written with escapes.
static int line_of(const struct buf *text, const char *const *parts, size_t depth) {
    struct scan s = {text->data, text->data + text->len, 1};
    size_t level = 0;   // objects and arrays around us
    size_t matched = 0; // leading parts that lead to where we are
    bool key_next = false;
    int found = 1;
    while (s.at < s.end) {
        char c = *s.at;
        if (c == '"') {
            const char *start = s.at + 1;
            skip_string(&s);
            size_t n = (size_t)(s.at - 1 - start);
            bool here = key_next && level == matched + 1 && strlen(parts[matched]) == n &&
                        memcmp(parts[matched], start, n) == 0;
            key_next = false;
            if (here) {
                found = s.line;
                if (++matched == depth)
                    return found;
            }
            continue;
        }
        s.line += c == '\n';
        if (c == '{' || c == '[')
            level++;
        else if ((c == '}' || c == ']') && level > 0 && --level <= matched && matched > 0)
            matched = level ? level - 1 : 0;
        key_next = c == '{' || (c == ',' && level > 0) || (key_next && c <= ' ');
        s.at++;
    }
    return found;
}

// --- walking -----------------------------------------------------------------------------------

struct walk {
    struct conf *conf;
    const char *path;
    const struct buf *text;
    enum conf_origin origin;
    struct conf_problem *problems;
    size_t max;
    size_t count;
    const char *parts[DEPTH_MAX];
};

static const char *path_shown(const char *path) {
    size_t n = strlen(path);
    return n > SHOWN_PATH_BYTES ? path + (n - SHOWN_PATH_BYTES) : path;
}

static void problem(struct walk *w, int line, const char *text) {
    if (w->count < w->max)
        (void)snprintf(w->problems[w->count].text, sizeof w->problems[0].text, "%s:%d: %s",
                       path_shown(w->path), line, text);
    w->count++;
}

static bool is_group(const char *key) {
    size_t n = strlen(key);
    for (const struct conf_option *o = conf_options; o->key; o++)
        if (strncmp(o->key, key, n) == 0 && o->key[n] == '.')
            return true;
    return false;
}

static bool scalar_text(const json_t *v, char out[32], struct buf *list, const char **ret) {
    if (json_is_array(v)) {
        *ret = buf_put_json(list, v, JSON_COMPACT) == 0 ? list->data : NULL;
        return *ret != NULL;
    }
    if (json_is_string(v)) {
        *ret = json_string_value(v);
        return true;
    }
    if (json_is_boolean(v))
        (void)snprintf(out, 32, "%s", json_is_true(v) ? "true" : "false");
    else if (json_is_integer(v))
        (void)snprintf(out, 32, "%lld", (long long)json_integer_value(v));
    else
        return false;
    *ret = out;
    return true;
}

// "5" for a number or "true" for a switch is a wrong type in a file, though not on a command line.
static bool type_fits(const struct conf_option *o, const json_t *v) {
    switch (o->type) {
    case CONF_BOOL:
        return json_is_boolean(v);
    case CONF_INT:
        return json_is_integer(v);
    case CONF_STRING:
    case CONF_ENUM:
        return json_is_string(v);
    case CONF_LIST:
        return json_is_array(v);
    }
    return false;
}

static int take(struct walk *w, const char *key, const json_t *v, size_t depth) {
    const struct conf_option *o = conf_find(key);
    int line = line_of(w->text, w->parts, depth);
    char text[ERR_MESSAGE_BYTES_MAX + KEY_BYTES_MAX];
    if (!o) {
        (void)snprintf(text, sizeof text, "%s: no such setting%s", key,
                       is_group(key) ? ", it is a group of settings" : "");
        problem(w, line, text);
        return 0;
    }
    char number[32];
    AUTO_BUF list = BUF_INIT(FILE_BYTES_MAX);
    const char *value = "";
    struct err why = {0};
    char where[SHOWN_PATH_BYTES + 1 + 16];
    (void)snprintf(where, sizeof where, "%s:%d", path_shown(w->path), line);
    int r;
    if (o->users_own && w->origin != CONF_USER) // whatever it says
        r = conf_set(w->conf, key, "", w->origin, where, &why);
    else if (type_fits(o, v) && scalar_text(v, number, &list, &value))
        r = conf_set(w->conf, key, value, w->origin, where, &why);
    else if (list.failed)
        r = ERR_NOMEM;
    else
        r = err_context(&why, conf_refuse(o, &why), "%s", key);
    if (r == ERR_NOMEM)
        return r;
    if (r < 0)
        problem(w, line, err_text(&why));
    return 0;
}

static int walk_object(struct walk *w, json_t *object, const char *prefix, size_t depth) {
    const char *name;
    json_t *v;
    json_object_foreach(object, name, v) {
        if (depth == 0 && strcmp(name, "$schema") == 0)
            continue;
        char key[KEY_BYTES_MAX];
        (void)snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", name);
        w->parts[depth] = name;
        bool deeper = json_is_object(v) && is_group(key) && depth + 1 < DEPTH_MAX;
        int r = deeper ? walk_object(w, v, key, depth + 1) : take(w, key, v, depth + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

int conf_load_file(struct conf *c, const char *path, enum conf_origin origin,
                   struct conf_problem *problems, size_t max, size_t *ret_count, struct err *err) {
    AUTO_BUF text = BUF_INIT(FILE_BYTES_MAX);
    *ret_count = 0;
    int r = read_file(path, &text, err);
    if (r <= 0)
        return r;
    json_t *root;
    r = parse_file(path, &text, &root, err);
    if (r < 0)
        return r;
    struct walk w = {
        .conf = c, .path = path, .text = &text, .origin = origin, .problems = problems, .max = max};
    r = walk_object(&w, root, "", 0);
    json_decref(root);
    if (r < 0)
        return err_set(err, r, "out of memory");
    *ret_count = w.count < max ? w.count : max;
    return 0;
}

// --- writing -----------------------------------------------------------------------------------

static json_t *typed_value(const struct conf_option *o, const char *text) {
    switch (o->type) {
    case CONF_BOOL:
        return json_boolean(strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
    case CONF_INT:
        return json_integer(strtoll(text, NULL, 10));
    case CONF_LIST:
        return json_loads(text, 0, NULL);
    case CONF_STRING:
    case CONF_ENUM:
        break;
    }
    return json_string(text);
}

static int put_key(json_t *object, const char *key, json_t *value, struct err *err) {
    const char *dot = strchr(key, '.');
    if (!dot) {
        if (json_object_set_new(object, key, value) == 0)
            return 0;
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    char part[KEY_BYTES_MAX];
    (void)snprintf(part, sizeof part, "%.*s", (int)(dot - key), key);
    json_t *next = json_object_get(object, part);
    if (next && !json_is_object(next)) {
        json_decref(value);
        return err_set(err, ERR_INVAL, "\"%s\" in the file is not an object: correct it first",
                       part);
    }
    if (!next && json_object_set_new(object, part, next = json_object()) < 0) {
        json_decref(value);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    return put_key(next, dot + 1, value, err);
}

static bool drop_key(json_t *object, const char *key) {
    const char *dot = strchr(key, '.');
    if (!dot)
        return json_object_del(object, key) == 0;
    char part[KEY_BYTES_MAX];
    (void)snprintf(part, sizeof part, "%.*s", (int)(dot - key), key);
    json_t *next = json_object_get(object, part);
    if (!json_is_object(next))
        return false;
    bool dropped = drop_key(next, dot + 1);
    if (dropped && json_object_size(next) == 0)
        (void)json_object_del(object, part);
    return dropped;
}

static int replace_file(const char *path, const char *bytes, size_t n, struct err *err) {
    AUTO_FREE char *temporary = mem_format("%s.XXXXXX", path);
    if (!temporary)
        return err_set(err, ERR_NOMEM, "out of memory");
    int fd = mkostemp(temporary, O_CLOEXEC); // 0600
    if (fd < 0)
        return err_errno(err, errno, "cannot write beside %s", path);
    int r = io_write_all(fd, bytes, n);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(temporary);
        return err_errno(err, -r, "cannot write %s", path);
    }
    return 0;
}

static int ensure_parent(const char *path, struct err *err) {
    AUTO_FREE char *parent = mem_strdup(path);
    if (!parent)
        return err_set(err, ERR_NOMEM, "out of memory");
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return 0;
    *slash = '\0';
    struct stat st;
    if (stat(parent, &st) == 0)
        return 0; // whatever the user made it, a link to a dotfiles folder included
    return dirs_ensure_private(parent, err);
}

static int check_setting(const char *key, const char *value, struct err *err) {
    if (!value) // also a key that no build knows any more can be removed
        return 0;
    struct conf *scratch;
    int r = conf_new(&scratch, err);
    if (r < 0)
        return r;
    r = conf_set(scratch, key, value, CONF_USER, NULL, err);
    conf_free(scratch);
    return r;
}

static int not_set(const char *path, const char *key, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "%s: not set in %s", key, path);
}

int conf_file_set(const char *path, const char *key, const char *value, struct err *err) {
    int r = check_setting(key, value, err);
    if (r < 0)
        return r;
    // Through a link to the file behind it, which keeps the link.
    char real[DIRS_PATH_BYTES_MAX * 4];
    static_assert(sizeof real >= 4096, "realpath needs PATH_MAX");
    const char *target = realpath(path, real) ? real : path;
    AUTO_BUF text = BUF_INIT(FILE_BYTES_MAX);
    r = read_file(target, &text, err);
    if (r < 0)
        return r;
    if (r == 0 && !value)
        return not_set(path, key, err);
    json_t *root = NULL;
    if (r == 0)
        root = json_object();
    else if ((r = parse_file(target, &text, &root, err)) < 0)
        return r;
    r = root ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && value)
        r = put_key(root, key, typed_value(conf_find(key), value), err);
    else if (r == 0 && !drop_key(root, key))
        r = not_set(path, key, err);
    buf_clear(&text);
    if (r == 0 && (buf_put_json(&text, root, JSON_INDENT(2)) < 0 || buf_putc(&text, '\n') < 0))
        r = err_set(err, ERR_NOMEM, "out of memory");
    json_decref(root);
    if (r < 0)
        return r;
    r = ensure_parent(target, err);
    return r < 0 ? r : replace_file(target, text.data, text.len, err);
}
