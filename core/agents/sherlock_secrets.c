// secrets: what should not be in the text. mute: findings that shall not come again.
#include "core/agents/reading.h"
#include "core/agents/sherlock.h"

#include "core/base/mem.h"
#include "core/code/secrets.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, RULE_BYTES_MAX = 64 };

struct scan {
    struct report *report;
    const char *path;
    const struct diff *diff; // only lines that it added
    const struct diff_file *file;
    const char *text;
    size_t bytes;
    uint32_t found, ignored;
};

static void put_secret(struct scan *x, const struct reading_secret *s) {
    x->found++;
    report_item(x->report,
                json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:i, s:b}", "rule", s->rule, "what",
                          s->what, "path", x->path, "line", (json_int_t)s->line, "column",
                          (json_int_t)s->column, "shown", s->shown, "confidence",
                          (int)s->confidence, "fixture", s->fixture),
                "%s:%u:%u %s: %s [%s %u%%]%s", x->path, s->line, s->column, s->what, s->shown,
                s->rule, s->confidence, s->fixture ? " (in a test or example)" : "");
}

static int on_secret(void *ctx, const struct secret_finding *s) {
    struct scan *x = ctx;
    if (x->diff && !diff_touches(x->diff, x->file, s->line, s->line))
        return 0;
    if (finding_ignored(x->text, x->bytes, s->line, &review_secret)) {
        x->ignored++;
        return 0;
    }
    put_secret(x, &(struct reading_secret){.rule = s->rule,
                                           .what = s->what,
                                           .shown = s->shown,
                                           .line = s->line,
                                           .column = s->column,
                                           .confidence = s->confidence,
                                           .fixture = s->fixture});
    return 0;
}

static void scan_text(struct scan *x, const char *path, const struct buf *text) {
    x->path = path;
    x->text = text->len ? text->data : "";
    x->bytes = text->len;
    (void)secrets_scan(x->text, x->bytes, path, on_secret, x);
}

struct tree {
    struct scan *scan;
    const struct snapshot *s;
    const char *under;
    uint32_t files;
};

static bool wanted(void *ctx, const struct snapshot_file *f) {
    const struct tree *t = ctx;
    size_t n = t->under ? strlen(t->under) : 0;
    return !(n && (strncmp(f->path, t->under, n) != 0 || (f->path[n] && f->path[n] != '/'))) &&
           !(f->flags &
             (FILE_BINARY | FILE_TOO_LARGE | FILE_UNREADABLE | FILE_SYMLINK | FILE_SUBMODULE));
}

static int take_reading(void *ctx, uint32_t file, const struct reading *r, struct err *err) {
    struct tree *t = ctx;
    struct wire w = reading_secrets(r);
    (void)err;
    t->files++;
    t->scan->path = snapshot_file(t->s, file)->path;
    for (uint32_t i = 0; i < r->secret_count; i++) {
        struct reading_secret x;
        reading_next_secret(&w, &x);
        if (x.ignored)
            t->scan->ignored++;
        else
            put_secret(t->scan, &x);
    }
    return 0;
}

static int scan_tree(struct agent_call *call, const struct secrets_input *in, struct scan *x,
                     uint32_t *ret_files, struct err *err) {
    char path[PATH_BYTES_MAX];
    struct tree t = {.scan = x, .under = agent_path(in->path, path, sizeof path)};
    struct snapshot *s = NULL;
    int r = agent_snapshot(call, TIER_LEXICAL, &s, err);
    t.s = s;
    if (r == 0)
        r = reading_each(call, s, wanted, take_reading, &t, err);
    *ret_files = t.files;
    if (r == 0)
        agent_note_left_out(x->report, s);
    snapshot_put(s);
    return r;
}

static void scan_changed(struct change *c, const struct change_texts *t, struct scan *x,
                         uint32_t *ret_files) {
    for (uint32_t i = 0; i < t->count; i++) {
        const struct diff_file *f = &c->diff->files[t->first + i];
        if (!f->new_path || f->binary)
            continue;
        if (t->list[i].result < 0) {
            report_note(x->report, "%s: %s", f->new_path, err_text(&t->list[i].why));
            continue;
        }
        x->diff = c->diff;
        x->file = f;
        scan_text(x, f->new_path, &t->list[i].now);
        (*ret_files)++;
    }
}

static unsigned need_new(void *ctx, uint32_t i, const struct change_text *t) {
    (void)ctx, (void)i, (void)t;
    return CHANGE_NOW;
}

static int scan_change(struct agent_call *call, const struct secrets_input *in, struct scan *x,
                       uint32_t *ret_files, struct err *err) {
    struct change c = {0};
    struct change_texts *t = mem_zalloc(sizeof *t);
    int r =
        t ? change_open(call, in->range, NULL, &c, err) : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < c.diff->file_count; i += t->count) {
        r = agent_cancelled(call) ? err_set(err, ERR_CANCELLED, "cancelled")
                                  : change_read(&c, i, need_new, NULL, t, err);
        if (r == 0)
            scan_changed(&c, t, x, ret_files);
    }
    x->diff = NULL;
    if (t)
        change_texts_done(t);
    mem_free(t);
    change_close(&c);
    return r;
}

int sherlock_secrets(struct agent_call *call, const void *input, struct report *report,
                     struct err *err) {
    const struct secrets_input *in = input;
    struct scan x = {.report = report};
    uint32_t files = 0;
    int r = 0;
    if (in->text.len) {
        struct buf text = {.data = (char *)in->text.data, .len = in->text.len};
        scan_text(&x, "(text)", &text);
    } else if (in->range.len)
        r = scan_change(call, in, &x, &files, err);
    else
        r = scan_tree(call, in, &x, &files, err);
    if (r < 0)
        return r;
    report_title(report, "%u secret%s in %u file%s; values are never shown", x.found,
                 x.found == 1 ? "" : "s", files, files == 1 ? "" : "s");
    report_nothing(report, "No secrets found.");
    if (x.ignored)
        report_note(report, "%u silenced by a comment in the source", x.ignored);
    return 0;
}

// --- mutes -------------------------------------------------------------------------------------

static void copy(char *to, size_t max, struct text t) {
    size_t n = t.len < max - 1 ? t.len : max - 1;
    if (n)
        memcpy(to, t.data, n);
    to[n] = '\0';
}

static bool same(const json_t *mute, const char *rule, const char *path, const char *print) {
    const char *r = json_string_value(json_object_get(mute, "rule"));
    const char *p = json_string_value(json_object_get(mute, "path"));
    const char *f = json_string_value(json_object_get(mute, "print"));
    return strcmp(r ? r : "", rule) == 0 && strcmp(p ? p : "", path) == 0 &&
           strcmp(f ? f : "", print) == 0;
}

static void put_mutes(struct report *r, const json_t *mutes) {
    size_t i;
    const json_t *m;
    json_array_foreach(mutes, i, m) {
        const char *rule = json_string_value(json_object_get(m, "rule"));
        const char *path = json_string_value(json_object_get(m, "path"));
        const char *print = json_string_value(json_object_get(m, "print"));
        const char *reason = json_string_value(json_object_get(m, "reason"));
        report_item(r, json_deep_copy(m), "%s%s%s%s%s%s%s", rule ? rule : "any rule",
                    path ? " in " : "", path ? path : "", print ? " print " : "",
                    print ? print : "", reason ? ": " : "", reason ? reason : "");
    }
    report_title(r, "%zu muted", json_array_size(mutes));
    report_nothing(r, "Nothing is muted in this workspace.");
}

static int change_mutes(json_t *mutes, const struct mute_input *in, struct err *err) {
    char rule[RULE_BYTES_MAX], path[PATH_BYTES_MAX], print[32];
    copy(rule, sizeof rule, in->rule);
    copy(print, sizeof print, in->print);
    const char *clean = agent_path(in->path, path, sizeof path);
    clean = clean ? clean : "";
    if (rule[0] && !review_rule_find(rule, strlen(rule)))
        return err_set(err, ERR_INVAL, "rule: there is no \"%s\"; see docs/CHECKS.md", rule);
    for (size_t i = json_array_size(mutes); i-- > 0;)
        if (same(json_array_get(mutes, i), rule, clean, print))
            (void)json_array_remove(mutes, i);
    if (in->remove)
        return 0;
    if (json_array_size(mutes) >= FINDINGS_MUTES_MAX)
        return err_set(err, ERR_LIMIT, "at most %d mutes", FINDINGS_MUTES_MAX);
    json_t *mute = json_pack("{s:s*, s:s*, s:s*}", "rule", rule[0] ? rule : NULL, "path",
                             clean[0] ? clean : NULL, "print", print[0] ? print : NULL);
    if (in->reason.len)
        (void)json_object_set_new(mute, "reason", json_stringn(in->reason.data, in->reason.len));
    return json_array_append_new(mutes, mute) < 0 ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int sherlock_mute(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct mute_input *in = input;
    json_t *mutes = NULL;
    bool any = in->rule.len || in->path.len || in->print.len;
    int r = agent_memory_get(call, "sherlock", "mutes", &mutes, err);
    if (r == 0 && !mutes)
        mutes = json_array();
    if (r == 0 && any)
        r = change_mutes(mutes, in, err);
    if (r == 0 && any)
        r = agent_memory_put(call, "sherlock", "mutes", mutes, err);
    if (r == 0)
        put_mutes(report, mutes);
    json_decref(mutes);
    return r;
}
