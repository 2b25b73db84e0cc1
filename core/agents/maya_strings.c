// strings: what people read. Catalogues against each other, catalogues against code, and messages
// against the project's own majority. What a good sentence is, is not judged; what this project
// does elsewhere is, with counts.
#include "core/agents/maya_strings.h"

#include "core/base/mem.h"

#include <string.h>

static const struct maya_rule rules[] = {
    [RULE_MISSING_KEY] = {"missing-key", "Keys that code asks for and no catalogue has",
                          "People see the key itself: add it, or mend its spelling."},
    [RULE_PLACEHOLDER] = {"placeholder", "Translations with other placeholders than the original",
                          "The value is lost, or the call fails: use the same names."},
    [RULE_MISSING_TRANSLATION] = {"missing-translation", "Catalogues that lack keys",
                                  "People see the fallback: translate them."},
    [RULE_UNTRANSLATED] = {"untranslated", "Texts that are still in the original language",
                           "Translate them, or leave them out so that tools see the gap."},
    [RULE_EXTRA_KEY] = {"extra-key", "Keys that only a translation has",
                        "Nobody asks for them: remove them, or mend their spelling."},
    [RULE_UNUSED_KEY] = {"unused-key", "Keys that no code mentions",
                         "Remove them from all languages, or mend the code."},
    [RULE_HARD_CODED] = {"hard-coded", "Texts that are not translated where others are",
                         "Put them into the catalogue like their neighbours."},
    [RULE_TWO_SPELLINGS] = {"two-spellings", "The same message, spelled in two ways",
                            "Keep one of them."},
    [RULE_TERM] = {"term", "Two words for one thing", "Use the word that the rest uses."},
    [RULE_CASE] = {"case", "Capitals against the project's own custom",
                   "Write it like the others."},
    [RULE_ENDING] = {"ending", "Sentence ends against the project's own custom",
                     "End it like the others."},
    [RULE_ELLIPSIS] = {"ellipsis", "Two kinds of ellipsis", "Use the one that the rest uses."},
    [RULE_SLIP] = {"slip", "Slips of the pen", "Mend the text."},
};

static bool wants_catalogue(const char *path, enum lang lang) {
    struct catalogue_place place;
    (void)lang;
    return catalogue_place_of(path, &place);
}

static bool wants_code(const char *path, enum lang lang) {
    struct catalogue_place place;
    if (lang == LANG_YAML || lang == LANG_TOML || lang == LANG_JSON) // settings that name keys
        return !catalogue_place_of(path, &place);
    return (language_is_code(lang) && lang != LANG_SQL) || lang == LANG_HTML ||
           (lang == LANG_NONE && strstr(path, ".haml"));
}

static int on_catalogue(void *ctx, const struct maya_file *f, struct err *err) {
    struct strings *s = ctx;
    struct catalogue_place place;
    if (!catalogue_place_of(f->path, &place))
        return 0;
    int r = strings_add_catalogue(s, f, &place);
    if (r == ERR_LIMIT) {
        s->cut = true;
        return 0;
    }
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int on_code(void *ctx, const struct maya_file *f, struct err *err) {
    struct strings *s = ctx;
    struct literals l = {0};
    int r = literals_read(f->lang, f->text, f->bytes, &l, NULL);
    bool code = r == 0;
    r = r == ERR_UNSUPPORTED ? 0 : r;
    s->code_files += code || f->lang == LANG_HTML;
    if (r == 0 && s->key_count)
        r = strings_use_of_file(s, f, code ? &l : NULL);
    if (r == 0 && code && f->lang != LANG_BASH)
        r = strings_texts_of_file(s, f, &l);
    literals_done(&l);
    if (r == ERR_LIMIT) {
        s->cut = true;
        return 0;
    }
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static void done(struct strings *s) {
    for (uint32_t i = 0; i < s->catalogue_count; i++) {
        catalogue_done(&s->catalogues[i].c);
        mem_free(s->catalogues[i].order);
    }
    mem_free(s->catalogues);
    mem_free(s->texts);
    mem_free(s->callees);
    mem_free(s->misses);
    mem_free(s->plain);
    mem_free(s->gaps);
    mem_free(s->table);
    mem_free(s->keys);
    mem_free((void *)s->parts);
    maya_findings_done(&s->findings);
    maya_pool_done(&s->pool);
}

static int look(struct agent_call *call, struct text path, struct strings *s, struct err *err) {
    struct maya_walk w = {
        .wanted = wants_catalogue, .generated = true, .on_file = on_catalogue, .ctx = s};
    uint32_t files;
    int r = maya_each(call, path, &w, s->report, &files, err);
    if (r == 0)
        r = strings_sort_catalogues(s);
    if (r == 0)
        r = strings_make_keys(s);
    w.wanted = wants_code;
    w.generated = false;
    w.on_file = on_code;
    if (r == 0)
        r = maya_each(call, path, &w, s->report, &files, err);
    if (r == 0)
        r = strings_texts_of_catalogues(s);
    if (r == 0)
        r = strings_compare(s);
    if (r == 0) {
        strings_tell_keys(s);
        r = strings_tell_texts(s);
    }
    if (r == 0)
        r = maya_tell(&s->findings, s->report, err);
    return r == ERR_NOMEM ? err_set(err, r, "out of memory") : r;
}

static int answer(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct maya_input *in = input;
    struct strings s = {.report = report, .findings = {.rules = rules}};
    int r = look(call, in->path, &s, err);
    if (r == 0) {
        uint32_t n = report_count(report);
        report_title(report, "%u finding%s in %u messages of %u catalogues and %u files of code", n,
                     n == 1 ? "" : "s", s.text_count, s.catalogue_count, s.code_files);
        report_nothing(report, s.text_count || s.catalogue_count
                                   ? "Nothing stands out from what the project does elsewhere."
                                   : "No texts for people here (tests and examples are left out).");
        if (s.cut)
            report_note(report, "some catalogues or files hold more than is looked at");
        report_note(report, "keys put together at run time count as used where their beginning or "
                            "end stands in the code; tone and wording are not judged");
    }
    done(&s);
    return r;
}

int maya_strings(struct agent_call *call, const void *input, struct report *report,
                 struct err *err) {
    const struct maya_input *in = input;
    const struct maya_kept k = {MAYA_STRINGS, in->path, 0, answer};
    return maya_answer(call, &k, input, report, err);
}
