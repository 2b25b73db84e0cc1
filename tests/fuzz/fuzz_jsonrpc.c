// protocol/jsonrpc and tree: spans lie inside the message and are JSON themselves; jansson
// agrees on what is JSON.
#include "protocol/jsonrpc.h"

#include "core/base/mem.h"
#include "protocol/json_pull.h"
#include "protocol/tree.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span s, const char *text, size_t n) {
    struct jsonrpc_message m;
    if (!s.data)
        return;
    if (s.data < text || s.len > n || (size_t)(s.data - text) > n - s.len)
        abort();
    if (jsonrpc_read(s.data, s.len, &m, NULL) < 0)
        abort();
}

static int check_element(void *ctx, const char *element, size_t n) {
    size_t *count = ctx;
    struct jsonrpc_message m;
    (*count)++;
    if (jsonrpc_read(element, n, &m, NULL) < 0)
        abort();
    return 0;
}

// What jansson refuses although the grammar allows it.
static bool is_allowed_difference(const json_error_t *e) {
    enum json_error_code code = json_error_code(e);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           strstr(e->text, "nicode") != NULL; // half a surrogate pair
}

static void compare_trees(const char *text, size_t size, const json_t *theirs) {
    const char *why = NULL;
    json_t *ours = tree_build(text, size, &why);
    if (!ours != !theirs || !ours != (why != NULL) || (ours && !json_equal(ours, theirs)))
        abort();
    json_decref(ours);
}

// The text that is decoded on the way is what is taken out afterwards.
static void compare_text(const char *text, size_t size, int plain) {
    AUTO_BUF one = BUF_INIT(0), two = BUF_INIT(0);
    struct jsonrpc_message m;
    int r = jsonrpc_read_text(text, size, JSONRPC_MEMBERS_MAX, &m, &one, NULL);
    if (r != plain)
        abort();
    if (r < 0 || !m.text.data)
        return;
    check(m.text, text, size);
    if (json_pull_string(m.text, &two) < 0 || one.len != two.len ||
        (one.len && memcmp(one.data, two.data, one.len) != 0))
        abort();
}

// What half of a message says of its method is so.
static void compare_head(const char *text, size_t size, const struct jsonrpc_message *whole) {
    struct jsonrpc_message m;
    bool told = jsonrpc_read_head(text, size / 2, &m);
    if (told && (m.params.data < text || m.params.data + m.params.len > text + size / 2))
        abort();
    if (told && whole && whole->kind == m.kind &&
        (whole->method.len != m.method.len ||
         memcmp(whole->method.data, m.method.data, m.method.len) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct jsonrpc_message m;
    struct err err = {0};
    int r = jsonrpc_read(text, size, &m, &err);
    if (r < 0) {
        if ((r != ERR_PARSE && r != ERR_LIMIT) || err.code != r || !err.message[0])
            abort();
        check(m.id, text, size);
    } else {
        check(m.id, text, size);
        check(m.params, text, size);
        check(m.result, text, size);
        check(m.error, text, size);
        if ((m.kind == JSONRPC_INVALID) != (m.why != NULL))
            abort();
    }
    check(jsonrpc_find_id(text, size), text, size);
    compare_text(text, size, r);
    compare_head(text, size, r == 0 ? &m : NULL);

    size_t count = 0;
    int each = jsonrpc_each(text, size, check_element, &count);
    if (r == 0 && m.kind == JSONRPC_BATCH && (each < 0 || count == 0))
        abort();

    json_error_t e;
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    // jansson reads past a zero byte between tokens; we do not.
    if (tree && r == ERR_PARSE && !memchr(data, 0, size))
        abort();
    if (!tree && r == 0 && !is_allowed_difference(&e))
        abort();
    if (r == 0)
        compare_trees(text, size, tree);
    json_decref(tree);
    return 0;
}
