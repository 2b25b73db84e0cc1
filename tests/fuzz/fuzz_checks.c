// The tree checks and the canonical hashes over any text, in every language: findings stay inside
// of the text, and a repair can be applied.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/canon.h"
#include "core/code/checks.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *ctx, const struct finding *f) {
    const struct syntax *s = ctx;
    assert(f->rule && f->rule == rules_find(f->rule->id, strlen(f->rule->id)));
    assert(f->start <= f->end && f->end <= s->bytes);
    assert(f->line >= 1 && f->line <= f->end_line && f->end_line <= s->lines);
    assert(utf_valid(f->message, strlen(f->message)) && !strchr(f->message, '\n'));
    if (f->has_fix)
        assert(f->fix_start <= f->fix_end && f->fix_end <= s->bytes);
    return 0;
}

static void hash(const struct syntax *s) {
    uint64_t *all = mem_alloc(s->count * sizeof *all);
    if (!all)
        return;
    canon_hash_all(s, all);
    for (uint32_t i = 0; i < s->count; i += 1 + s->count / 50) {
        assert(!all[i] || all[i] == canon_hash(s, i, CANON_EXACT));
        assert(canon_same(s, i, i));
        (void)canon_hash(s, i, CANON_RENAMED);
    }
    mem_free(all);
}

// The first byte chooses the language.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct syntax *s;
    if (size < 1)
        return 0;
    enum lang lang =
        (enum lang)(LANG_TREE_FIRST + data[0] % (LANG_TREE_LAST - LANG_TREE_FIRST + 1));
    s = s ? s : syntax_new();
    if (!s || !language_has_tree(lang) ||
        syntax_parse(s, lang, (const char *)data + 1, size - 1, NULL, NULL) < 0)
        return 0;
    assert(checks_run(s, "a/code", look, s, NULL) == 0);
    hash(s);
    return 0;
}
