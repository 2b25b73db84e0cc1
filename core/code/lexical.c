// The lexical tier (under construction in this commit: counts and words only).
#include "core/base/utf.h"
#include "core/code/facts_make.h"

#include <string.h>

int facts_from_text(enum lang lang, const char *text, size_t bytes, const struct facts_options *o,
                    struct facts **ret, struct err *err) {
    struct maker m;
    if (bytes > UINT32_MAX / 2)
        return err_set(err, ERR_LIMIT, "larger than 2 GB");
    make_start(&m, lang, text, bytes);
    m.lines = 1;
    for (const char *at = text, *end = text + bytes; at < end; m.lines++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            break;
        at++;
    }
    m.flags |= utf_valid(text, bytes) ? 0 : FACTS_INVALID_UTF8;
    m.flags |= make_is_generated(text, bytes, m.lines) ? FACTS_GENERATED : 0;
    if (!o || !o->no_words)
        make_words(&m);
    int r = make_finish(&m, TIER_LEXICAL, ret, err);
    make_end(&m);
    return r;
}
