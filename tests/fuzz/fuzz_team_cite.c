// A model's answer, foreign text: places and statements in it, against what was shown.
#include "server/team_cite.h"

#include "core/base/mem.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct team_seen seen;
    struct team_verdict v;
    if (!seen.count)
        (void)team_seen_add(&seen, "src/till.c", 10, 3, 9);
    if (size > 64 * 1024)
        return 0;
    if (team_verdict_make((const char *)data, size, &seen, &v) == 0) {
        assert(v.text.len >= size); // nothing is taken away
        assert(json_array_size(v.citations) == v.checked + v.unchecked);
        assert(json_array_size(v.uncited) <= v.uncited_count);
    }
    team_verdict_done(&v);
    return 0;
}
