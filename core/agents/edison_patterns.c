// patterns: the idioms of this repository, and the edits of its history, mined here and kept here;
// and where one of them stands.
#include "core/agents/edison.h"
#include "core/agents/edison_mined.h"

#include "core/base/mem.h"
#include "core/workspace/index.h"

#include <stdio.h>
#include <string.h>

enum {
    LIMIT_DEFAULT = 20,
    ID_DIGITS_MIN = 6,
    RULE_SHARE = 4,   // places as before for each that was changed
    PLACES_KEPT = 20, // of one edit, for programs
    PLACES_SHOWN = 5, // and for people
    SHOWN_MAX = 200,  // the field's own maximum
    FOUND_MAX = 5000  // places of one pattern that are listed
};

static bool of_language(struct text language, enum lang lang) {
    const char *name = language_name(lang);
    return !language.len ||
           (strlen(name) == language.len && memcmp(name, language.data, language.len) == 0);
}

// --- idioms ------------------------------------------------------------------------------------

static void put_pattern(struct report *r, const struct idiom *x) {
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:s}", "id", x->id, "language",
                          language_name(x->lang), "text", x->text, "count", (json_int_t)x->count,
                          "files", (json_int_t)x->files, "bits", x->bits, "level",
                          mined_level_name(x->level)),
                "[%.8s] %s, %u times in %u files (%s)\n%s", x->id, language_name(x->lang), x->count,
                x->files, mined_level_name(x->level), x->text);
}

static int list_patterns(struct agent_call *call, const struct patterns_input *in,
                         const struct snapshot *s, struct report *report, struct err *err) {
    uint32_t limit = in->limit ? (uint32_t)in->limit : LIMIT_DEFAULT, shown = 0, total = 0;
    struct idioms all = {0};
    int r = idioms_of(call, s, &all, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < all.count; i++) {
        if (!of_language(in->language, all.list[i].lang))
            continue;
        total++;
        if (shown < limit) {
            shown++;
            put_pattern(report, &all.list[i]);
        }
    }
    idioms_done(&all);
    report_title(report, "%u idioms of this repository, the most telling first", total);
    report_nothing(report, "No idiom comes often enough.");
    report_note(report, "of source files of the project itself; names are kept only where they are "
                        "the standard library's");
    return 0;
}

// --- edits -------------------------------------------------------------------------------------

struct standing { // places that still have the form from before an edit
    uint32_t total, kept;
    struct match_place places[PLACES_KEPT];
    uint32_t files[PLACES_KEPT];
};
struct edit_list {
    struct idioms all;
    struct pattern *patterns[SHOWN_MAX]; // of those that are shown
    uint32_t shown[SHOWN_MAX];           // which of `all` they are
    struct standing *standing;
    uint32_t count, total;
};

static void edit_list_done(struct edit_list *x) {
    for (uint32_t i = 0; i < x->count; i++)
        pattern_free(x->patterns[i]);
    mem_free(x->standing);
    idioms_done(&x->all);
}

static int choose_edits(struct edit_list *x, const struct patterns_input *in, struct err *err) {
    uint32_t limit = in->limit ? (uint32_t)in->limit : LIMIT_DEFAULT;
    struct pattern_reader *reader = pattern_reader_new();
    int r = reader ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; r == 0 && i < x->all.count; i++) {
        const struct idiom *e = &x->all.list[i];
        if (!of_language(in->language, e->lang))
            continue;
        x->total++;
        if (x->count == limit || x->count == SHOWN_MAX)
            continue;
        r = pattern_parse(reader, e->lang, e->text, strlen(e->text), &x->patterns[x->count], err);
        if (r == 0)
            x->shown[x->count++] = i;
    }
    pattern_reader_free(reader);
    x->standing = r == 0 ? mem_zalloc((x->count + 1) * sizeof *x->standing) : NULL;
    return r == 0 && !x->standing ? err_set(err, ERR_NOMEM, "out of memory") : r;
}

static int note_standing(void *ctx, uint32_t file, const struct match_place *m, struct err *err) {
    struct edit_list *x = ctx;
    struct standing *s = &x->standing[m->pattern];
    (void)err;
    s->total++;
    if (s->kept == PLACES_KEPT)
        return 0;
    s->files[s->kept] = file;
    s->places[s->kept++] = *m;
    return 0;
}

// An edit is a rule only where its form from before is the rarer one.
static bool is_exception(const struct idiom *e, const struct standing *x) {
    return x->total > e->count * RULE_SHARE;
}

static void put_edit(struct report *r, const struct snapshot *s, const struct idiom *e,
                     const struct standing *x) {
    AUTO_BUF text = BUF_INIT(PLACES_SHOWN * 8 * 1024);
    json_t *places = json_array();
    for (uint32_t i = 0; i < x->kept && !is_exception(e, x); i++) {
        const char *path = snapshot_file(s, x->files[i])->path;
        (void)json_array_append_new(
            places, json_pack("{s:s, s:I}", "path", path, "line", (json_int_t)x->places[i].line));
        if (i < PLACES_SHOWN)
            (void)buf_printf(&text, "%s%s:%u", i ? ", " : "\nstill as before: ", path,
                             x->places[i].line);
    }
    if (is_exception(e, x))
        (void)buf_printf(&text, "\n%u places are as before", x->total);
    else if (x->total > PLACES_SHOWN)
        (void)buf_printf(&text, " and %u more", x->total - PLACES_SHOWN);
    report_item(r,
                json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:s, s:s, s:o, s:I}", "id", e->id,
                          "language", language_name(e->lang), "text", e->text, "count",
                          (json_int_t)e->count, "files", (json_int_t)e->files, "bits", e->bits,
                          "level", mined_level_name(e->level), "commit", e->commit, "still", places,
                          "still_count", (json_int_t)x->total),
                "[%.8s] %s, made %u times in %u files%s%.10s\n%s%s", e->id, language_name(e->lang),
                e->count, e->files, e->commit[0] ? ", last in " : "", e->commit, e->text,
                text.len ? text.data : "");
}

enum standing_kind { STANDS, NOWHERE, EXCEPTION };

static void put_edits(struct report *r, const struct snapshot *s, const struct edit_list *x,
                      enum standing_kind kind, const char *heading) {
    bool any = false;
    for (uint32_t i = 0; i < x->count; i++) {
        const struct idiom *e = &x->all.list[x->shown[i]];
        const struct standing *t = &x->standing[i];
        enum standing_kind is = t->total == 0 ? NOWHERE : is_exception(e, t) ? EXCEPTION : STANDS;
        if (is != kind)
            continue;
        if (!any)
            report_group(r, "%s", heading);
        any = true;
        put_edit(r, s, e, t);
    }
}

static void note_past(struct report *r, const struct workspace_past *past) {
    const char *note;
    if (past->why[0])
        report_note(r, "no history: %s", past->why);
    for (unsigned i = 0; (note = history_note(past->history, i)); i++)
        report_note(r, "%s", note);
}

static int list_edits(struct agent_call *call, const struct patterns_input *in,
                      const struct snapshot *s, struct report *report, struct err *err) {
    struct workspace_past past = {0};
    uint32_t commits = 0;
    struct edit_list *x = mem_zalloc(sizeof *x);
    int r = x ? workspace_past(call->ws, call->cancelled, call->ctx, &past, err)
              : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = edits_of(call, &past, &x->all, &commits, err);
    if (r == 0)
        r = choose_edits(x, in, err);
    if (r == 0 && x->count)
        r = matches_each(call, s, x->patterns, x->count, note_standing, x, err);
    if (r == 0) {
        put_edits(report, s, x, STANDS, "## This code still has the form from before");
        put_edits(report, s, x, NOWHERE, "## No place is left");
        put_edits(report, s, x, EXCEPTION, "## Exceptions: far more places are as before");
        report_title(report, "%u edit%s made again and again, from %u commit%s", x->total,
                     x->total == 1 ? "" : "s", commits, commits == 1 ? "" : "s");
        report_nothing(report,
                       "No edit was made in three files, or six times in two, without being undone "
                       "elsewhere.");
        report_note(
            report,
            "of the newest commits that mend or rebuild something, by their subjects (at "
            "most %d of each kind); names are kept only where they are the standard library's",
            EDITS_COMMITS_MAX / 2);
        note_past(report, &past);
    }
    if (x)
        edit_list_done(x);
    mem_free(x);
    workspace_past_done(&past);
    return r;
}

// --- matching ----------------------------------------------------------------------------------

struct matching {
    struct report *report;
    const struct snapshot *s;
    uint32_t found;
};

static int on_match(void *ctx, uint32_t file, const struct match_place *m, struct err *err) {
    struct matching *x = ctx;
    const char *path = snapshot_file(x->s, file)->path;
    (void)err;
    if (x->found++ >= FOUND_MAX)
        return 0;
    report_item(x->report,
                json_pack("{s:s, s:I, s:I}", "path", path, "line", (json_int_t)m->line, "end_line",
                          (json_int_t)m->end_line),
                "%s:%u", path, m->line);
    return 0;
}

// 1: it is one of these. A copy of its own.
static int find_id(const struct idioms *all, struct text wanted, struct pattern_reader *reader,
                   struct pattern **ret, struct err *err) {
    for (uint32_t i = 0; i < all->count; i++) {
        const struct idiom *x = &all->list[i];
        if (wanted.len < ID_DIGITS_MIN || strncmp(x->id, wanted.data, wanted.len) != 0)
            continue;
        int r = pattern_parse(reader, x->lang, x->text, strlen(x->text), ret, err);
        return r < 0 ? r : 1;
    }
    return 0;
}

static int pattern_by_id(struct agent_call *call, struct text wanted, const struct snapshot *s,
                         struct pattern_reader *reader, struct pattern **ret, struct err *err) {
    struct idioms all = {0};
    struct workspace_past past = {0};
    uint32_t commits;
    int r = idioms_of(call, s, &all, err);
    if (r == 0)
        r = find_id(&all, wanted, reader, ret, err);
    if (r == 0) {
        idioms_done(&all);
        r = workspace_past(call->ws, call->cancelled, call->ctx, &past, err);
        if (r == 0)
            r = edits_of(call, &past, &all, &commits, err);
        if (r == 0)
            r = find_id(&all, wanted, reader, ret, err);
        workspace_past_done(&past);
    }
    idioms_done(&all);
    return r == 0  ? err_set(err, ERR_NOT_FOUND,
                             "id: none of this repository's patterns begins with it")
           : r < 0 ? r
                   : 0;
}

// The pattern a text writes, or that an id (its first digits) names among the mined ones.
static int pattern_of(struct agent_call *call, const struct patterns_input *in,
                      const struct snapshot *s, struct pattern **ret, struct err *err) {
    struct pattern_reader *reader = pattern_reader_new();
    enum lang lang = language_by_name(in->language.data ? in->language.data : "", in->language.len);
    int r = reader ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0 && in->id.len)
        r = pattern_by_id(call, in->id, s, reader, ret, err);
    else if (r == 0)
        r = lang ? pattern_parse(reader, lang, in->match.data, in->match.len, ret, err)
                 : err_set(err, ERR_INVAL, "language: of the pattern, e.g. \"c\" or \"python\"");
    pattern_reader_free(reader);
    return r;
}

static int match_all(struct agent_call *call, struct pattern *p, const struct snapshot *s,
                     struct report *report, struct err *err) {
    struct matching x = {.report = report, .s = s};
    int r = matches_each(call, s, &p, 1, on_match, &x, err);
    if (r < 0)
        return r;
    if (p->edit)
        report_title(report, "%u places still have the form from before\n%s", x.found, p->text);
    else
        report_title(report, "%u places of\n%s", x.found, p->text);
    report_nothing(report, "It stands nowhere in this workspace.");
    return 0;
}

int edison_patterns(struct agent_call *call, const void *input, struct report *report,
                    struct err *err) {
    const struct patterns_input *in = input;
    struct snapshot *s = NULL;
    struct pattern *p = NULL;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0 && in->path.len) {
        r = edison_patterns_here(call, in, s, report, err);
    } else if (r == 0 && (in->match.len || in->id.len)) {
        r = pattern_of(call, in, s, &p, err);
        if (r == 0)
            r = match_all(call, p, s, report, err);
    } else if (r == 0)
        r = in->edits ? list_edits(call, in, s, report, err)
                      : list_patterns(call, in, s, report, err);
    if (r == 0)
        agent_note_limits(report, s);
    pattern_free(p);
    snapshot_put(s);
    return r;
}
