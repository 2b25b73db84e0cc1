// Cells of the other side: whatever they are, they are refused or solved within bounds, and what is
// solved is no more than there were cells. First byte: how many cells the rest claims to be;
// second: the other side's count.
#include "core/base/mem.h"
#include "federation/riblt.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t scope[16] = "fuzz", key[RIBLT_KEY_BYTES] = "fuzz";
    static struct riblt *mine;
    static struct riblt_check check;
    if (size < 2)
        return 0;
    if (!mine) {
        mine = riblt_new(scope);
        assert(mine);
        riblt_check_init(&check, key);
        for (uint8_t i = 0; i < 3; i++)
            riblt_add(mine, (const uint8_t[RIBLT_ID_BYTES]){i, 1, i});
    }
    struct riblt_diff *d = riblt_diff_new(mine, &check, data[1]);
    assert(d);
    if (riblt_diff_feed(d, data + 2, size - 2, data[0], NULL) == 0) {
        size_t theirs = 0, ours = 0;
        int e = riblt_diff_solve(d, NULL);
        (void)riblt_diff_theirs(d, &theirs);
        (void)riblt_diff_ours(d, &ours);
        assert(theirs + ours <= data[0] + 1u);
        assert(e != 1 || theirs + 3 == ours + data[1]);
        (void)riblt_diff_estimate(d);
    }
    riblt_diff_free(d);
    return 0;
}
