// protocol/json_pull: of any text that jsonrpc_read accepts, what is taken out piece by piece is
// what the tree holds.
#include "protocol/json_pull.h"

#include "protocol/tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(struct span text, const json_t *value, unsigned depth);

static bool same_string(struct span text, const json_t *value) {
    AUTO_BUF out = BUF_INIT(0);
    return json_pull_string(text, &out) == 0 && out.len == json_string_length(value) &&
           (!out.len || memcmp(out.data, json_string_value(value), out.len) == 0);
}

static bool same_array(struct span text, const json_t *value, unsigned depth) {
    struct span one;
    size_t at = 0, n = 0;
    while (json_pull_each(text, &at, &one))
        if (!same(one, json_array_get(value, n++), depth))
            return false;
    return n == json_array_size(value);
}

static bool same_object(struct span text, json_t *value, unsigned depth) {
    const char *name;
    json_t *member;
    json_object_foreach(value, name, member) {
        struct span v = {0};
        if (!json_pull_members(text, &name, &v, 1))
            return false;
        if (!v.data) // a name that is written with escapes is not found
            continue;
        // … and may be the same as another that is not.
        if (!same(v, member, depth) && !memchr(text.data, '\\', text.len))
            return false;
    }
    return true;
}

static bool same(struct span text, const json_t *value, unsigned depth) {
    int64_t n;
    if (!value || depth > JSONRPC_DEPTH_MAX)
        return false;
    if (json_is_string(value))
        return same_string(text, value);
    if (json_is_array(value))
        return same_array(text, value, depth + 1);
    if (json_is_object(value))
        return same_object(text, (json_t *)value, depth + 1);
    return !json_is_integer(value) || !json_pull_int(text, &n) || n == json_integer_value(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct jsonrpc_message m;
    const char *why;
    if (jsonrpc_read((const char *)data, size, &m, NULL) < 0 || !m.params.data)
        return 0;
    json_t *tree = tree_build_mended(m.params.data, m.params.len, &why);
    if (tree && !same(m.params, tree, 0))
        abort();
    json_decref(tree);
    return 0;
}
