// Decisions that were written down: their index, and what of them no longer fits the tree.
#include "core/agents/leonardo.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { TITLE_BYTES_MAX = 200, STATUS_BYTES_MAX = 80, QUOTED_BYTES_MAX = 200, GONE_SHOWN = 6 };

// docs/adr/0003-x.md, doc/architecture/decisions/…, docs/decisions/…: a folder by that name.
static bool is_adr(const char *path) {
    static const char *const folders[] = {"adr/", "adrs/", "decisions/", "architecture-decisions/"};
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!slash || !dot ||
        (strcasecmp(dot, ".md") != 0 && strcasecmp(dot, ".adoc") != 0 &&
         strcasecmp(dot, ".rst") != 0))
        return false;
    if (strncasecmp(slash + 1, "readme", 6) == 0 || strncasecmp(slash + 1, "index", 5) == 0 ||
        strncasecmp(slash + 1, "template", 8) == 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        const char *at = strcasestr(path, folders[i]);
        if (at && (at == path || at[-1] == '/') && at + strlen(folders[i]) - 1 <= slash)
            return true;
    }
    return false;
}

struct adr {
    char title[TITLE_BYTES_MAX], status[STATUS_BYTES_MAX];
    json_t *gone; // what it names in backticks and is not there
    unsigned named;
};

static void copy_trimmed(char *to, size_t max, const char *from, size_t n) {
    while (n && isspace((unsigned char)from[n - 1]))
        n--;
    while (n && (isspace((unsigned char)*from) || *from == '#' || *from == '=' || *from == '*' ||
                 *from == ':')) {
        from++;
        n--;
    }
    n = n < max - 1 ? n : max - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

static bool path_shaped(const char *s, size_t n) {
    if (!memchr(s, '/', n) || n < 4)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("/._-+", s[i]))
            return false;
    const char *dot = memrchr(s, '.', n), *slash = memrchr(s, '/', n);
    return s[0] != '/' && s[0] != '.' && (dot > slash || s[n - 1] == '/');
}

static bool symbol_shaped(const char *s, size_t n) {
    bool joined = false;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
        joined |=
            s[i] == '_' || (i && isupper((unsigned char)s[i]) && islower((unsigned char)s[i - 1]));
    }
    return joined && n >= 5 && !isdigit((unsigned char)s[0]);
}

static bool folder_there(const struct snapshot *s, const char *path, size_t n) {
    while (n && path[n - 1] == '/')
        n--;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const char *p = snapshot_file(s, i)->path;
        if (strncmp(p, path, n) == 0 && p[n] == '/')
            return true;
    }
    return false;
}

// Only what has the shape of a path, or of an identifier that was once defined here; other words in
// backticks may mean anything.
static void look_at_quoted(const struct snapshot *s, const char *q, size_t n, struct adr *a) {
    struct place place;
    bool there;
    if (n == 0 || n > QUOTED_BYTES_MAX)
        return;
    if (path_shaped(q, n))
        there = snapshot_find(s, q, n) >= 0 || folder_there(s, q, n);
    else if (n > 2 && q[n - 1] == ')' && q[n - 2] == '(' && symbol_shaped(q, n - 2))
        there =
            snapshot_definitions(s, q, n - 2, &place, 1) || snapshot_mentions(s, q, n - 2, NULL, 0);
    else
        return;
    a->named++;
    if (!there)
        (void)json_array_append_new(a->gone, json_stringn(q, n));
}

static void read_quoted(const struct snapshot *s, const char *line, size_t n, struct adr *a) {
    for (size_t i = 0; i < n; i++) {
        if (line[i] != '`')
            continue;
        const char *end = memchr(line + i + 1, '`', n - i - 1);
        if (!end)
            return;
        look_at_quoted(s, line + i + 1, (size_t)(end - line) - i - 1, a);
        i = (size_t)(end - line);
    }
}

static void read_adr(const struct snapshot *s, const char *text, size_t n, struct adr *a) {
    bool status_next = false, in_code = false;
    const char *at = text, *end = text + n;
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((eol ? eol : end) - at);
        char line[STATUS_BYTES_MAX];
        copy_trimmed(line, sizeof line, at, len);
        if (len >= 3 && memcmp(at, "```", 3) == 0)
            in_code = !in_code;
        else if (!in_code) {
            if (!a->title[0] && len && (*at == '#' || *at == '='))
                copy_trimmed(a->title, sizeof a->title, at, len);
            if (status_next && line[0]) {
                copy_trimmed(a->status, sizeof a->status, line, strlen(line));
                status_next = false;
            }
            if (!a->status[0] && strncasecmp(line, "status", 6) == 0) {
                const char *value = strchr(line, ':');
                if (value && value[1])
                    copy_trimmed(a->status, sizeof a->status, value + 1, strlen(value + 1));
                else
                    status_next = true;
            }
            read_quoted(s, at, len, a);
        }
        at = eol ? eol + 1 : end;
    }
}

static void put_adr(struct report *r, const char *path, const struct adr *a) {
    AUTO_BUF gone = BUF_INIT(8192);
    size_t i;
    const json_t *name;
    json_array_foreach(a->gone, i, name) {
        if (i < GONE_SHOWN)
            (void)buf_printf(&gone, "%s%s", i ? ", " : "", json_string_value(name));
    }
    if (i > GONE_SHOWN)
        (void)buf_printf(&gone, " and %zu more", i - GONE_SHOWN);
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:O, s:b}", "path", path, "title", a->title, "status",
                          a->status, "gone", a->gone, "stale", i > 0),
                "%s: %s%s%s%s%s%s", path, a->title[0] ? a->title : "(no title)",
                a->status[0] ? " [" : "", a->status, a->status[0] ? "]" : "",
                gone.len ? "\n  no longer in the tree: " : "", gone.len ? gone.data : "");
}

static bool wanted(const struct adr_input *in, const char *path, const struct adr *a,
                   const struct buf *text) {
    if (!in->text.len)
        return true;
    AUTO_FREE char *word = mem_strndup(in->text.data, in->text.len);
    return word && (strcasestr(a->title, word) || strcasestr(path, word) ||
                    (text->len && strcasestr(text->data, word)));
}

int leonardo_adr(struct agent_call *call, const void *input, struct report *report,
                 struct err *err) {
    const struct adr_input *in = input;
    struct snapshot *s = NULL;
    unsigned found = 0, stale = 0;
    int r = agent_snapshot(call, TIER_LEXICAL, &s, err);
    for (uint32_t i = 0; r == 0 && i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        struct adr a = {.gone = NULL};
        AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX);
        if ((f->flags & FILE_VENDORED) || !is_adr(f->path))
            continue;
        if (snapshot_text(s, i, &text, NULL) < 0) {
            report_note(report, "%s could not be read", f->path);
            continue;
        }
        a.gone = json_array();
        if (a.gone)
            read_adr(s, text.len ? text.data : "", text.len, &a);
        else
            report_failed(report);
        if (wanted(in, f->path, &a, &text)) {
            put_adr(report, f->path, &a);
            found++;
            stale += json_array_size(a.gone) > 0;
        }
        json_decref(a.gone);
    }
    if (r == 0) {
        report_title(report, "%u decision%s, %u name%s what is no longer there", found,
                     found == 1 ? "" : "s", stale, stale == 1 ? "s" : "");
        report_nothing(report, "No decisions found: they are looked for in folders named adr or "
                               "decisions.");
        agent_note_left_out(report, s);
    }
    snapshot_put(s);
    return r;
}
