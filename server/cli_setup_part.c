// One part of a registration in the text of its file.
#include "core/base/jsonedit.h"
#include "core/base/mem.h"
#include "core/base/tomledit.h"
#include "server/cli_setup_impl.h"

#include <stdio.h>
#include <string.h>

#define PLACE_PAIRED "@PAIRED@"
#define PLACE_DATA   "@DATA@"
#define OPEN_MARK    ">>> paired >>> (paired setup keeps these lines; --remove takes them out)"
#define CLOSE_MARK   "<<< paired <<<"

// Inside the quotes of JSON, TOML, Lua or Lisp, whose escapes agree on quotes and backslashes.
static int put_quoted(struct buf *out, const char *path, struct err *err) {
    AUTO_BUF quoted = BUF_INIT(0);
    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return err_set(err, ERR_INVAL, "the path %s has control characters", path);
    if (buf_put_json_string(&quoted, path, strlen(path)) == 0)
        (void)buf_append(out, quoted.data + 1, quoted.len - 2);
    else
        out->failed = true;
    return 0;
}

int setup_text(const struct setup_part *part, const char *program, struct buf *out,
               struct err *err) {
    char data[SETUP_PATH_BYTES];
    const char *text = part->text, *at;
    int r = setup_expand("$DATA/", data, err);
    data[strlen(data) - (r == 0)] = '\0';
    while (r == 0 && (at = strchr(text, '@'))) {
        bool paired = strncmp(at, PLACE_PAIRED, strlen(PLACE_PAIRED)) == 0;
        bool folder = strncmp(at, PLACE_DATA, strlen(PLACE_DATA)) == 0;
        size_t n = paired ? strlen(PLACE_PAIRED) : folder ? strlen(PLACE_DATA) : 0;
        (void)buf_append(out, text, (size_t)(at - text) + (n ? 0 : 1));
        if (n)
            r = put_quoted(out, paired ? program : data, err);
        text = at + (n ? n : 1);
    }
    if (r < 0)
        return r;
    (void)buf_puts(out, text);
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

static const char *bytes(const struct buf *b) {
    return b->data ? b->data : "";
}

static int finish(struct buf *out, int result, struct err *err) {
    return out->failed ? err_set(err, ERR_NOMEM, "out of memory") : result;
}

// --- JSON and TOML -----------------------------------------------------------------------------

static int entry(const struct setup_part *part, const char *program, json_t **ret,
                 struct err *err) {
    AUTO_BUF text = BUF_INIT(0);
    int r = setup_text(part, program, &text, err);
    if (r < 0)
        return r;
    *ret = json_loadb(text.data, text.len, JSON_DECODE_ANY, NULL);
    return *ret ? 0 : err_set(err, ERR_INVAL, "the program's path is not valid UTF-8");
}

// Another server of the same name is not ours to change.
static int check_kind(const json_t *now, const json_t *wanted, struct err *err) {
    static const char *const remote[] = {"url", "serverUrl", "httpUrl"};
    if (json_is_object(wanted) && !json_is_object(now))
        return err_set(err, ERR_PARSE, "what is called paired there is not an object, {…}");
    for (size_t i = 0; i < COUNT_OF(remote); i++)
        if (json_object_get(now, remote[i]))
            return err_set(err, ERR_EXISTS,
                           "another server is called paired there, one with a \"%s\": rename it",
                           remote[i]);
    return 0;
}

// Member by member: what somebody has added to the entry (an environment, a switch) stays.
static int merge_json(const struct setup_part *part, const json_t *wanted, const struct buf *text,
                      struct buf *out, struct err *err) {
    const char *path[SETUP_KEYS_MAX + 2] = {NULL};
    size_t n = 0;
    const char *name;
    json_t *v;
    int changed = 0;
    while (n < SETUP_KEYS_MAX && part->keys[n]) {
        path[n] = part->keys[n];
        n++;
    }
    (void)buf_append(out, bytes(text), text->len);
    json_object_foreach((json_t *)(uintptr_t)wanted, name, v) {
        AUTO_BUF next = BUF_INIT(0);
        path[n] = name;
        int r =
            out->failed ? ERR_NOMEM : jsonedit_set(bytes(out), out->len, path, v, &next, NULL, err);
        if (r < 0)
            return r;
        changed |= r;
        struct buf old = *out;
        *out = next;
        next = old;
    }
    return changed;
}

static int put_json(const struct setup_part *part, const json_t *wanted, const struct buf *text,
                    struct buf *out, bool *ret_there, struct err *err) {
    const char *path[SETUP_KEYS_MAX + 1] = {NULL};
    json_t *now = NULL;
    memcpy(path, part->keys, sizeof part->keys);
    int r = jsonedit_get(bytes(text), text->len, path, &now, err);
    if (r < 0)
        return r;
    *ret_there = now && part->form == SETUP_JSON;
    if (!now) {
        r = jsonedit_set(bytes(text), text->len, path, wanted, out, NULL, err);
    } else if (part->form == SETUP_JSON_ONCE) {
        r = buf_append(out, bytes(text), text->len);
    } else {
        r = check_kind(now, wanted, err);
        r = r < 0 ? r : merge_json(part, wanted, text, out, err);
    }
    json_decref(now);
    return r;
}

static int put_toml(const struct setup_part *part, const json_t *wanted, const struct buf *text,
                    struct buf *out, bool *ret_there, struct err *err) {
    const char *table[SETUP_KEYS_MAX + 1] = {NULL};
    size_t count;
    memcpy(table, part->keys, sizeof part->keys);
    int r = tomledit_count(bytes(text), text->len, table, wanted, &count, ret_there, err);
    return r < 0 ? r : tomledit_set(bytes(text), text->len, table, wanted, out, err);
}

size_t setup_missing(const struct setup_part *part, const struct buf *text) {
    const char *path[SETUP_KEYS_MAX + 1] = {NULL};
    size_t missing = 0;
    for (size_t i = 0; i + 1 < SETUP_KEYS_MAX && part->form == SETUP_JSON && part->keys[i + 1];
         i++) {
        json_t *v = NULL;
        path[i] = part->keys[i];
        if (jsonedit_get(bytes(text), text->len, path, &v, NULL) < 0)
            return 0;
        missing += !v;
        json_decref(v);
    }
    return missing;
}

// --- lines between marks, whole files ----------------------------------------------------------

struct lines {
    size_t from, to; // with their ends; from == to: not there
};

static int find_block(const struct setup_part *part, const struct buf *text, struct lines *ret,
                      struct err *err) {
    char open[128], close[64];
    *ret = (struct lines){0};
    (void)snprintf(open, sizeof open, "%s %s", part->keys[0], OPEN_MARK);
    (void)snprintf(close, sizeof close, "%s %s", part->keys[0], CLOSE_MARK);
    const char *start = text->len ? strstr(text->data, open) : NULL;
    if (!start)
        return 0;
    const char *end = strstr(start, close);
    if (!end || strstr(start + 1, open))
        return err_set(err, ERR_PARSE, "the lines between \"%s\" and \"%s\" are damaged", open,
                       close);
    end += strlen(close);
    end += strspn(end, "\r");
    end += *end == '\n';
    ret->from = (size_t)(start - text->data);
    ret->to = (size_t)(end - text->data);
    return 0;
}

static void write_block(const struct setup_part *part, const struct buf *lines, const char *eol,
                        struct buf *out) {
    (void)buf_printf(out, "%s %s%s", part->keys[0], OPEN_MARK, eol);
    for (const char *at = bytes(lines); *at;) {
        size_t n = strcspn(at, "\n");
        (void)buf_append(out, at, n);
        (void)buf_puts(out, eol);
        at += n + (at[n] == '\n');
    }
    (void)buf_printf(out, "%s %s%s", part->keys[0], CLOSE_MARK, eol);
}

static int put_block(const struct setup_part *part, const struct buf *lines, const struct buf *text,
                     struct buf *out, bool *ret_there, struct err *err) {
    struct lines at;
    int r = memchr(bytes(text), '\0', text->len) ? err_set(err, ERR_PARSE, "it is not a text")
                                                 : find_block(part, text, &at, err);
    if (r < 0)
        return r;
    const char *eol = text->len ? strchr(text->data, '\n') : NULL;
    eol = eol && eol > text->data && eol[-1] == '\r' ? "\r\n" : "\n";
    *ret_there = at.to > at.from;
    if (*ret_there) {
        (void)buf_append(out, text->data, at.from);
        write_block(part, lines, eol, out);
        (void)buf_append(out, text->data + at.to, text->len - at.to);
    } else {
        (void)buf_append(out, bytes(text), text->len);
        if (text->len && text->data[text->len - 1] != '\n')
            (void)buf_puts(out, eol);
        if (text->len)
            (void)buf_puts(out, eol);
        write_block(part, lines, eol, out);
    }
    return finish(out, out->len != text->len || memcmp(out->data, text->data, out->len) != 0, err);
}

static int take_block(const struct setup_part *part, const struct buf *text, struct buf *out,
                      struct err *err) {
    struct lines at;
    int r = find_block(part, text, &at, err);
    if (r < 0)
        return r;
    size_t from = at.from; // with the blank line that was put in front
    if (at.to == text->len && from >= 2 && text->data[from - 1] == '\n') {
        size_t line = from - 1 - (text->data[from - 2] == '\r');
        from = line && text->data[line - 1] == '\n' ? line : from;
    }
    (void)buf_append(out, bytes(text), from);
    (void)buf_append(out, bytes(text) + at.to, text->len - at.to);
    return finish(out, at.to > at.from, err);
}

// A file that is there already has to be ours: by its folder, or by what its head says.
static int put_file(const struct setup_part *part, const struct buf *wanted, const struct buf *text,
                    struct buf *out, bool *ret_there, struct err *err) {
    static const char mark[] = "paired setup", folder[] = "$DATA/paired/";
    size_t head = text->len < 512 ? text->len : 512;
    *ret_there = text->len > 0;
    if (text->len && strncmp(part->places[0], folder, strlen(folder)) != 0 &&
        !memmem(text->data, head, mark, strlen(mark)))
        return err_set(err, ERR_EXISTS, "it is somebody else's: move it first");
    (void)buf_append(out, bytes(wanted), wanted->len);
    return finish(out, out->len != text->len || memcmp(out->data, text->data, out->len) != 0, err);
}

bool setup_is_set(const struct setup_part *part) {
    const char *path[SETUP_KEYS_MAX + 1] = {NULL};
    struct setup_file *file = part->form == SETUP_JSON ? mem_zalloc(sizeof *file) : NULL;
    json_t *now = NULL, *wanted = NULL;
    if (!file)
        return false;
    memcpy(path, part->keys, sizeof part->keys);
    file->before = BUF_INIT(SETUP_FILE_BYTES_MAX);
    bool same = setup_choose(part, file->path, NULL) == 0 && setup_read(file, NULL) == 0 &&
                jsonedit_get(bytes(&file->before), file->before.len, path, &now, NULL) == 0 &&
                entry(part, "", &wanted, NULL) == 0 && json_equal(now, wanted);
    json_decref(now);
    json_decref(wanted);
    buf_done(&file->before);
    mem_free(file);
    return same;
}

// --- all forms ---------------------------------------------------------------------------------

int setup_put(const struct setup_part *part, const char *program, const struct buf *text,
              struct buf *out, bool *ret_there, struct err *err) {
    if (part->form == SETUP_BLOCK || part->form == SETUP_FILE) {
        AUTO_BUF wanted = BUF_INIT(0);
        int r = setup_text(part, program, &wanted, err);
        if (r < 0)
            return r;
        return part->form == SETUP_FILE ? put_file(part, &wanted, text, out, ret_there, err)
                                        : put_block(part, &wanted, text, out, ret_there, err);
    }
    json_t *wanted = NULL;
    int r = entry(part, program, &wanted, err);
    if (r == 0)
        r = part->form == SETUP_TOML ? put_toml(part, wanted, text, out, ret_there, err)
                                     : put_json(part, wanted, text, out, ret_there, err);
    json_decref(wanted);
    return r;
}

int setup_take(const struct setup_part *part, size_t made, const struct buf *text, struct buf *out,
               struct err *err) {
    const char *path[SETUP_KEYS_MAX + 1] = {NULL};
    memcpy(path, part->keys, sizeof part->keys);
    switch (part->form) {
    case SETUP_JSON:
        return jsonedit_remove(bytes(text), text->len, path, made, out, err);
    case SETUP_TOML:
        return tomledit_remove(bytes(text), text->len, path, out, err);
    case SETUP_BLOCK:
        return take_block(part, text, out, err);
    case SETUP_FILE:
        return text->len > 0;
    case SETUP_JSON_ONCE:
    case SETUP_NONE:
        break;
    }
    return buf_append(out, bytes(text), text->len);
}
