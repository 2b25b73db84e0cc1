// From findings to an answer: mutes, baseline, order, hot files, SARIF.
#include "core/agents/sherlock.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { HOT_FILES = 20, BASELINE_MAX = 5000, SNIPPET_BYTES = 120 };

static const double HOT_SCORE = 0.1; // of what the hottest file could have

// Marie knows which files change much and are complex; a finding there weighs more. Without a
// history nothing is hot.
static void mark_hot(struct agent_call *call, struct findings *f) {
    json_t *answer = NULL;
    json_t *arguments = json_pack("{s:i}", "limit", HOT_FILES);
    size_t k;
    const json_t *item;
    if (f->count && agent_ask(call, "hotspots", arguments, &answer, NULL) == 0)
        json_array_foreach(json_object_get(answer, "items"), k, item) {
            const char *path = json_string_value(json_object_get(item, "path"));
            if (json_number_value(json_object_get(item, "score")) < HOT_SCORE)
                break; // they come hottest first
            for (uint32_t i = 0; path && i < f->count; i++)
                f->list[i].hot |= strcmp(f->list[i].path, path) == 0;
        }
    json_decref(answer);
    json_decref(arguments);
}

static bool is_wanted(const struct review_input *in, const struct reported *x) {
    if (x->confidence < in->confidence)
        return false;
    for (size_t i = 0; i < in->rules.count; i++)
        if (text_is(in->rules.items[i], x->rule->id))
            return true;
    return in->rules.count == 0;
}

// Why a rule matters is said at its first finding.
static void put_finding(struct report *r, const struct reported *x, bool first) {
    char print[17];
    (void)snprintf(print, sizeof print, "%016llx", (unsigned long long)x->print);
    report_item(
        r,
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s*, s:i, s:s, s:b}", "rule",
                  x->rule->id, "severity", severity_name(x->rule->severity), "path", x->path,
                  "line", (json_int_t)x->line, "end_line", (json_int_t)x->end_line, "message",
                  x->message, "why", x->rule->why, "repair", x->rule->fix, "edit", x->fix,
                  "confidence", (int)x->confidence, "print", print, "hot", x->hot),
        "%s:%u %s [%s %u%%]%s %s%s%s%s%s%s%.*s", x->path, x->line, severity_name(x->rule->severity),
        x->rule->id, x->confidence, x->hot ? " (hotspot)" : "", x->message, first ? "\n  " : "",
        first ? x->rule->why : "", first ? " " : "", first ? x->rule->fix : "",
        !x->fix     ? ""
        : x->fix[0] ? "\n  edit: "
                    : "\n  edit: delete it",
        x->fix ? SNIPPET_BYTES : 0, x->fix ? x->fix : "");
}

static int keep_baseline(struct agent_call *call, const struct findings *f, struct err *err) {
    json_t *prints = json_array();
    for (uint32_t i = 0; i < f->count && i < BASELINE_MAX; i++) {
        char print[17];
        (void)snprintf(print, sizeof print, "%016llx", (unsigned long long)f->list[i].print);
        (void)json_array_append_new(prints, json_string(print));
    }
    int r = prints ? agent_memory_put(call, "sherlock", "baseline", prints, err)
                   : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(prints);
    return r;
}

static void apply_memory(struct agent_call *call, struct findings *f, bool keep, struct report *r) {
    json_t *mutes = NULL, *baseline = NULL;
    struct err err = {0};
    if (!call->store || agent_memory_get(call, "sherlock", "mutes", &mutes, &err) < 0 ||
        agent_memory_get(call, "sherlock", "baseline", &baseline, &err) < 0)
        report_note(r, "mutes and baseline are not applied: the store cannot be used now");
    findings_mute(f, mutes);
    if (!keep)
        findings_baseline(f, baseline);
    json_decref(mutes);
    json_decref(baseline);
}

static void put_left_out(const struct findings *f, struct report *r) {
    if (f->ignored)
        report_note(r, "%u silenced by a comment in the source", f->ignored);
    if (f->muted)
        report_note(r, "%u muted", f->muted);
    if (f->known)
        report_note(r, "%u known by the baseline", f->known);
    if (f->quiet)
        report_note(r, "%u less certain left out: a confidence of 1 shows them", f->quiet);
    if (f->cut)
        report_note(r, "more than %d findings: the rest is left out", FINDINGS_MAX);
}

int sherlock_put(struct agent_call *call, struct findings *f, const struct review_input *in,
                 enum put_what what, struct report *r, struct err *err) {
    bool keep = what == PUT_BASELINE;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; i++)
        if (is_wanted(in, &f->list[i])) {
            struct reported x = f->list[kept];
            f->list[kept++] = f->list[i];
            f->list[i] = x; // what is not wanted ends up behind, still owned
        }
    uint32_t all = f->count;
    struct findings wanted = *f;
    wanted.count = kept;
    apply_memory(call, &wanted, keep, r);
    findings_join(&wanted, &review_copied);
    // Who names a rule, or how sure it has to be, has said what is wanted.
    if (what == PUT_CHANGE && !in->confidence && !in->rules.count)
        findings_leave_quiet(&wanted);
    mark_hot(call, &wanted);
    findings_sort(&wanted);
    // Give back what was left behind, and what is still there.
    for (uint32_t i = kept; i < all; i++) {
        mem_free((char *)f->list[i].path);
        mem_free((char *)f->list[i].message);
        mem_free((char *)f->list[i].fix);
    }
    *f = wanted;
    int code = keep ? keep_baseline(call, f, err) : 0;
    if (code < 0)
        return code;
    if (in->format == REVIEW_SARIF) {
        AUTO_BUF text = BUF_INIT(REPORT_ITEM_BYTES_MAX * 8);
        if (findings_sarif(f, &text) < 0)
            report_failed(r);
        report_item_text(r, json_pack("{s:s%}", "sarif", text.len ? text.data : "", text.len),
                         text.len ? text.data : "", text.len);
        return 0;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        bool first = true;
        for (uint32_t k = 0; k < i && first; k++)
            first = f->list[k].rule != f->list[i].rule;
        put_finding(r, &f->list[i], first);
    }
    put_left_out(f, r);
    if (keep)
        report_note(r, "these %u are kept as known from now on", f->count);
    return 0;
}
