#include "protocol/lsp_text.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// --- a plain model: one array, looked through from its beginning each time -----------------------

enum { MODEL_BYTES_MAX = 4096 };
struct model {
    char text[MODEL_BYTES_MAX];
    size_t bytes;
};

static uint32_t units_of(enum lsp_encoding e, uint32_t code, size_t bytes) {
    return e == LSP_UTF8 ? (uint32_t)bytes : e == LSP_UTF16 && code > 0xFFFF ? 2 : 1;
}

static size_t break_at(const struct model *m, size_t at) { // bytes of the line break there, or 0
    if (at >= m->bytes)
        return 0;
    if (m->text[at] == '\r')
        return at + 1 < m->bytes && m->text[at + 1] == '\n' ? 2 : 1;
    return m->text[at] == '\n';
}

static size_t model_offset(const struct model *m, enum lsp_encoding e, struct lsp_position p) {
    size_t at = 0, n;
    for (uint32_t line = 0; line < p.line;) {
        if (at >= m->bytes)
            return m->bytes;
        n = break_at(m, at);
        line += n > 0;
        at += n ? n : 1;
    }
    uint32_t counted = 0;
    while (at < m->bytes && !break_at(m, at)) {
        uint32_t code = utf_decode(m->text + at, m->bytes - at, &n);
        if (counted + units_of(e, code, n) > p.character)
            break;
        counted += units_of(e, code, n);
        at += n;
    }
    return at;
}

static struct lsp_position model_position(const struct model *m, enum lsp_encoding e,
                                          size_t offset) {
    struct lsp_position p = {0, 0};
    for (size_t at = 0, n; at < offset; at += n) {
        n = break_at(m, at);
        if (n && at + n > offset)
            return p; // between \r and \n: the end of the line
        if (n) {
            p = (struct lsp_position){p.line + 1, 0};
            continue;
        }
        uint32_t code = utf_decode(m->text + at, m->bytes - at, &n);
        if (at + n > offset)
            return p;
        p.character += units_of(e, code, n);
    }
    return p;
}

static void model_replace(struct model *m, size_t from, size_t to, const char *text, size_t n) {
    assert_true(m->bytes - (to - from) + n <= MODEL_BYTES_MAX);
    memmove(m->text + from + n, m->text + to, m->bytes - to);
    memcpy(m->text + from, text, n);
    m->bytes = m->bytes - (to - from) + n;
}

// --- comparing -----------------------------------------------------------------------------------

static uint64_t seed;
static uint32_t below(uint32_t n) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)((seed >> 33) % n);
}

static void expect_text(struct lsp_text *t, const char *want, size_t n) {
    AUTO_BUF out = {0};
    assert_int_equal(lsp_text_copy(t, 0, SIZE_MAX, &out), 0);
    assert_int_equal(out.len, n);
    if (n)
        assert_memory_equal(out.data, want, n);
}

static void compare(struct lsp_text *t, const struct model *m) {
    static const enum lsp_encoding encodings[] = {LSP_UTF8, LSP_UTF16, LSP_UTF32};
    expect_text(t, m->text, m->bytes);
    uint32_t lines = 1;
    for (size_t at = 0; at < m->bytes;) {
        size_t n = break_at(m, at);
        lines += n > 0;
        at += n ? n : 1;
    }
    assert_int_equal(lsp_text_lines(t), lines);
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        struct lsp_position p = {below(lines + 2), below(60)}, q;
        assert_int_equal(lsp_text_offset(t, encodings[i], p), model_offset(m, encodings[i], p));
        size_t offset = below((uint32_t)m->bytes + 1);
        p = lsp_text_position(t, encodings[i], offset);
        q = model_position(m, encodings[i], offset);
        assert_int_equal(p.line, q.line);
        assert_int_equal(p.character, q.character);
    }
}

static const char *const pieces[] = {
    "a", "b ",          "\n", "\r",   "\r\n", "xyz",  "ä", "€",
    "😀", "👩‍💻", "\t", "\n\n", "é\r",  "中文", "",
};

static size_t random_text(char *ret, bool broken) {
    size_t n = 0;
    for (uint32_t k = below(5); k; k--) {
        const char *piece = pieces[below(COUNT_OF(pieces))];
        size_t bytes = strlen(piece);
        if (broken && bytes > 1 && below(3) == 0)
            bytes--;
        memcpy(ret + n, piece, bytes);
        n += bytes;
    }
    return n;
}

static void run_edits(enum lsp_encoding e, unsigned edits, bool broken) {
    struct model *m = mem_zalloc(sizeof *m);
    struct lsp_text *t;
    assert_int_equal(lsp_text_new("", 0, &t, NULL), 0);
    struct lsp_position near = {0, 0};
    for (unsigned i = 0; i < edits; i++) {
        char text[64];
        size_t n = m->bytes > 600 ? 0 : random_text(text, broken);
        uint32_t lines = lsp_text_lines(t);
        // Mostly where the last edit was, as people type; sometimes anywhere, sometimes outside.
        struct lsp_position a =
            below(4) ? near : (struct lsp_position){below(lines + 1), below(40)};
        struct lsp_position b = a;
        if (below(3) == 0 || m->bytes > 600)
            b = (struct lsp_position){a.line + below(3),
                                      below(2) ? a.character + below(4) : below(9)};
        if (below(8) == 0) {
            struct lsp_position swap = a;
            a = b;
            b = swap;
        }
        size_t from = model_offset(m, e, a), to = model_offset(m, e, b);
        if (from > to) {
            size_t swap = from;
            from = to;
            to = swap;
        }
        assert_int_equal(lsp_text_edit(t, e, (struct lsp_range){a, b}, text, n, NULL), 0);
        model_replace(m, from, to, text, n);
        near = model_position(m, e, below(5) ? from + n : from);
        if (i % 7 == 0)
            compare(t, m);
        if (i % 101 == 0) {
            size_t bytes;
            assert_memory_equal(lsp_text_flat(t, &bytes), m->text, m->bytes);
            assert_int_equal(bytes, m->bytes);
        }
    }
    compare(t, m);
    lsp_text_free(t);
    mem_free(m);
}

// --- tests ---------------------------------------------------------------------------------------

static void random_edits_in_three_encodings(void **state) {
    (void)state;
    seed = 20261127;
    run_edits(LSP_UTF16, 40000, false);
    run_edits(LSP_UTF8, 40000, false);
    run_edits(LSP_UTF32, 40000, false);
}

static void broken_bytes_are_kept(void **state) {
    (void)state;
    seed = 7;
    run_edits(LSP_UTF16, 20000, true);
    run_edits(LSP_UTF8, 20000, true);
}

static void positions_of_one_line(void **state) {
    (void)state;
    static const char text[] = "a😀b\r\nzweite\rdritte\n";
    struct lsp_text *t;
    assert_int_equal(lsp_text_new(text, sizeof text - 1, &t, NULL), 0);
    assert_int_equal(lsp_text_lines(t), 4);
    static const struct {
        enum lsp_encoding e;
        struct lsp_position p;
        size_t offset;
    } cases[] = {
        {LSP_UTF16, {0, 1}, 1},   {LSP_UTF16, {0, 2}, 1},  {LSP_UTF16, {0, 3}, 5},
        {LSP_UTF8, {0, 4}, 1},    {LSP_UTF8, {0, 5}, 5},   {LSP_UTF32, {0, 2}, 5},
        {LSP_UTF16, {0, 99}, 6},  {LSP_UTF16, {1, 0}, 8},  {LSP_UTF16, {1, 6}, 14},
        {LSP_UTF16, {1, 70}, 14}, {LSP_UTF16, {2, 2}, 17}, {LSP_UTF16, {3, 0}, 22},
        {LSP_UTF16, {3, 5}, 22},  {LSP_UTF16, {9, 9}, 22},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(lsp_text_offset(t, cases[i].e, cases[i].p), cases[i].offset);
    struct lsp_position p = lsp_text_position(t, LSP_UTF16, 7); // between \r and \n
    assert_int_equal(p.line, 0);
    assert_int_equal(p.character, 4);
    assert_int_equal(lsp_text_line_start(t, 2), 15);
    assert_int_equal(lsp_text_line_start(t, 99), 22);
    assert_int_equal(lsp_text_line_at(t, 22), 3);
    lsp_text_free(t);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    char lines[1000];
    memset(lines, '\n', sizeof lines);
    for (uint64_t nth = 1;; nth++) {
        struct lsp_text *t = NULL;
        mem_fail_at(nth);
        int r = lsp_text_new("one\ntwo", 7, &t, NULL);
        int edited = r < 0 ? r
                           : lsp_text_edit(t, LSP_UTF16, (struct lsp_range){{0, 1}, {1, 1}}, lines,
                                           sizeof lines, NULL);
        mem_fail_at(0);
        if (r == 0 && edited < 0)
            expect_text(t, "one\ntwo", 7);
        lsp_text_free(t);
        if (r == 0 && edited == 0)
            break;
        assert_int_equal(r < 0 ? r : edited, ERR_NOMEM);
    }
}

static void maximum_is_kept(void **state) {
    (void)state;
    size_t n = (size_t)LSP_TEXT_BYTES_MAX;
    char *big = mem_alloc(n);
    memset(big, 'x', n);
    struct lsp_text *t;
    struct err err = {0};
    assert_int_equal(lsp_text_new(big, n, &t, NULL), 0);
    assert_int_equal(lsp_text_edit(t, LSP_UTF16, (struct lsp_range){{0, 5}, {0, 5}}, "y", 1, &err),
                     ERR_LIMIT);
    assert_int_equal(lsp_text_bytes(t), n);
    assert_int_equal(lsp_text_edit(t, LSP_UTF16, (struct lsp_range){{0, 5}, {0, 6}}, "y", 1, &err),
                     0);
    lsp_text_free(t);
    mem_free(big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_edits_in_three_encodings),
        cmocka_unit_test(broken_bytes_are_kept),
        cmocka_unit_test(positions_of_one_line),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(maximum_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
