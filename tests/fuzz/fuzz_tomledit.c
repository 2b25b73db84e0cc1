// Somebody's settings in TOML, any bytes: what is set is there, setting again changes nothing, and
// removed it is gone.
#include "core/base/tomledit.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const table[] = {"mcp_servers", "paired", NULL};

static void round_trip(const char *text, size_t n, const json_t *members) {
    AUTO_BUF set = BUF_INIT(0);
    AUTO_BUF again = BUF_INIT(0);
    AUTO_BUF back = BUF_INIT(0);
    AUTO_BUF gone = BUF_INIT(0);
    size_t count = 0;
    bool there = false;
    if (tomledit_set(text, n, table, members, &set, NULL) < 0)
        return;
    assert(tomledit_count(set.data, set.len, table, members, &count, &there, NULL) == 0);
    assert(there && count == 2);
    assert(tomledit_set(set.data, set.len, table, members, &again, NULL) == 0);
    assert(again.len == set.len && memcmp(again.data, set.data, set.len) == 0);
    assert(tomledit_remove(set.data, set.len, table, &back, NULL) == 1);
    assert(tomledit_remove(back.data ? back.data : "", back.len, table, &gone, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *members = json_pack("{ss s[ss]}", "command", "/a \"b\"", "args", "--x", "mcp");
    if (members && size < 65536)
        round_trip((const char *)data, size, members);
    json_decref(members);
    return 0;
}
