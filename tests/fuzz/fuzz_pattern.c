// Text that claims to be a pattern, in any language (the first byte chooses it): what is accepted
// comes back from its own text as the same pattern, and within the limits.
#include "core/base/mem.h"
#include "core/code/pattern.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pattern_reader *reader;

static void check(const struct pattern *p) {
    struct pattern *again = NULL;
    if (p->metavariables > PATTERN_METAVARIABLES_MAX || p->before.weight > PATTERN_NODES_MAX ||
        p->before.statements < 1 || p->before.statements > PATTERN_STATEMENTS_MAX)
        abort();
    if (strlen(p->text) > PATTERN_TEXT_BYTES_MAX)
        return;
    // A text that no longer reads the same is one the miner would drop; it must not read as
    // something else with the same id.
    if (pattern_parse(reader, p->lang, p->text, strlen(p->text), &again, NULL) < 0)
        return;
    if (pattern_equal(p, again) &&
        (p->before.hash != again->before.hash || p->metavariables != again->metavariables))
        abort();
    pattern_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pattern *p = NULL;
    if (size < 1 || (!reader && !(reader = pattern_reader_new())))
        return 0;
    enum lang lang = (enum lang)(data[0] % LANG_COUNT);
    if (pattern_parse(reader, lang, (const char *)data + 1, size - 1, &p, NULL) == 0) {
        check(p);
        pattern_free(p);
    }
    return 0;
}
