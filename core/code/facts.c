// Reading and checking the block; the choice between the two tiers.
#include "core/code/facts.h"

#include "core/base/mem.h"
#include "core/code/syntax.h"

#include <string.h>

static const char *const kind_names[SYMBOL_KIND_COUNT] = {
    [SYMBOL_FUNCTION] = "function",     [SYMBOL_METHOD] = "method", [SYMBOL_CLASS] = "class",
    [SYMBOL_NAMESPACE] = "namespace",   [SYMBOL_TYPE] = "type",     [SYMBOL_VARIABLE] = "variable",
    [SYMBOL_CONSTANT] = "constant",     [SYMBOL_FIELD] = "field",   [SYMBOL_MACRO] = "macro",
    [SYMBOL_ENUMERATOR] = "enumerator", [SYMBOL_TEST] = "test",     [SYMBOL_SECTION] = "section",
};

const char *symbol_kind_name(enum symbol_kind kind) {
    return (unsigned)kind < SYMBOL_KIND_COUNT ? kind_names[kind] : "";
}

// What facts_build gives back when there is a tree, and why there is none otherwise.
int facts_build(struct syntax *s, enum lang lang, const char *text, size_t bytes,
                const struct facts_options *o, struct facts **ret, struct err *err) {
    int parsed = ERR_UNSUPPORTED;
    if (s && language_has_tree(lang)) {
        parsed = syntax_parse(s, lang, text, bytes, NULL, err);
        if (parsed == 0)
            return facts_from_tree(s, o, ret, err);
        if (parsed == ERR_NOMEM)
            return parsed;
    }
    int r = facts_from_text(lang, text, bytes, o, ret, err);
    if (r == 0 && parsed == ERR_TIMEOUT)
        (*ret)->flags |= FACTS_TIMEOUT;
    if (r == 0 && parsed == ERR_LIMIT)
        (*ret)->flags |= FACTS_CUT;
    return r;
}

static bool array_inside(const struct facts *f, uint32_t at, uint32_t count, uint32_t max,
                         size_t each) {
    return count <= max && at % 4 == 0 && at >= sizeof *f && at <= f->bytes &&
           count <= (f->bytes - at) / each;
}

static bool head_valid(const struct facts *f, size_t n) {
    return f->version == FACTS_VERSION && f->bytes == n && f->lang < LANG_COUNT &&
           f->tier <= TIER_TREE &&
           array_inside(f, f->symbols, f->symbol_count, FACTS_SYMBOLS_MAX,
                        sizeof(struct fact_symbol)) &&
           array_inside(f, f->refs, f->ref_count, FACTS_REFS_MAX, sizeof(struct fact_ref)) &&
           array_inside(f, f->imports, f->import_count, FACTS_IMPORTS_MAX,
                        sizeof(struct fact_import)) &&
           array_inside(f, f->words, f->word_count, FACTS_WORDS_MAX, sizeof(struct fact_word)) &&
           array_inside(f, f->findings, f->finding_count, FACTS_FINDINGS_MAX,
                        sizeof(struct fact_finding)) &&
           array_inside(f, f->clones, f->clone_count, FACTS_CLONES_MAX,
                        sizeof(struct fact_clone)) &&
           f->pool_bytes > 0 && f->pool >= sizeof *f && f->pool <= n &&
           f->pool_bytes <= n - f->pool && facts_text(f, 0)[0] == 0 &&
           facts_text(f, f->pool_bytes - 1)[0] == 0;
}

static bool symbols_valid(const struct facts *f) {
    for (uint32_t i = 0; i < f->symbol_count; i++) {
        const struct fact_symbol *s = facts_symbol(f, i);
        if (s->name >= f->pool_bytes || s->scope > i || s->kind >= SYMBOL_KIND_COUNT ||
            s->start > s->end || s->body < s->start || s->body > s->end || s->end > f->text_bytes ||
            s->line > s->end_line)
            return false;
    }
    return true;
}

static bool others_valid(const struct facts *f) {
    for (uint32_t i = 0; i < f->ref_count; i++) {
        const struct fact_ref *r = facts_ref(f, i);
        if (r->name >= f->pool_bytes || r->scope > f->symbol_count || r->kind > REF_WRITE)
            return false;
    }
    for (uint32_t i = 0; i < f->import_count; i++) {
        const struct fact_import *m = facts_import(f, i);
        if (m->module >= f->pool_bytes || m->name >= f->pool_bytes || m->alias >= f->pool_bytes)
            return false;
    }
    for (uint32_t i = 0; i < f->word_count; i++) {
        const struct fact_word *w = facts_word(f, i);
        if (w->word >= f->pool_bytes || w->scope > f->symbol_count)
            return false;
    }
    for (uint32_t i = 0; i < f->finding_count; i++) {
        const struct fact_finding *w = facts_finding(f, i);
        if (w->message >= f->pool_bytes || w->fix_text >= f->pool_bytes || w->start > w->end ||
            w->end > f->text_bytes || w->fix_start > w->fix_end || w->fix_end > f->text_bytes)
            return false;
    }
    return true;
}

bool facts_valid(const void *bytes, size_t n) {
    const struct facts *f = bytes;
    if (n < sizeof *f || n > UINT32_MAX || (uintptr_t)bytes % _Alignof(struct facts))
        return false;
    return head_valid(f, n) && symbols_valid(f) && others_valid(f);
}
