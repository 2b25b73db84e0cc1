// Somebody's settings, any bytes, changed in place. What comes out must hold what was put in, be
// stable, and lose nothing else: without the entry it means what it meant before.
#include "core/base/jsonedit.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const entry[] = {"servers", "p", NULL};
static const char *const element[] = {"agents", "=p", NULL};
static const char *const container[] = {"servers", NULL};

static json_t *get(const struct buf *text, const char *const *path) {
    json_t *v = NULL;
    assert(jsonedit_get(text->data ? text->data : "", text->len, path, &v, NULL) == 0);
    return v;
}

static void round_trip(const char *text, size_t n, const char *const *path, const json_t *value) {
    AUTO_BUF set = BUF_INIT(0);
    AUTO_BUF again = BUF_INIT(0);
    AUTO_BUF back = BUF_INIT(0);
    AUTO_BUF gone = BUF_INIT(0);
    size_t made = 0;
    int r = jsonedit_set(text, n, path, value, &set, &made, NULL);
    if (r < 0)
        return;
    json_t *now = get(&set, path);
    assert(json_equal(now, value));
    json_decref(now);
    assert(jsonedit_set(set.data, set.len, path, value, &again, NULL, NULL) == 0);
    assert(again.len == set.len && memcmp(again.data, set.data, set.len) == 0);
    assert(jsonedit_remove(set.data, set.len, path, made, &back, NULL) == 1);
    assert(jsonedit_remove(back.data, back.len, path, made, &gone, NULL) == 0);
    assert(!get(&back, path));
    // The rest means what it meant: compared where jansson reads both.
    json_t *before = n ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (r == 1 && before && made) {
        json_t *after = json_loadb(back.data, back.len, JSON_REJECT_DUPLICATES, NULL);
        assert(json_equal(before, after));
        json_decref(after);
    }
    json_decref(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    json_t *value = json_pack("{ss ss s[s]}", "id", "p", "command", "/a \"b\"", "args", "mcp");
    if (value && size < 65536) {
        round_trip(text, size, entry, value);
        round_trip(text, size, element, value);
        round_trip(text, size, container, value);
    }
    json_decref(value);
    return 0;
}
