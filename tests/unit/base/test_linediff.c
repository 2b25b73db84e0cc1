// Line differences are right (they turn one text into the other) and shortest where they say so.
#include "core/base/linediff.h"
#include "core/base/mem.h"

#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SMALL_LINES = 12, ROUNDS = 3000 };

static uint64_t seed = 1;

static unsigned below(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static const char *line_at(const char *s, uint32_t line, size_t *ret_n) {
    for (; line > 0; line--)
        s = strchr(s, '\n') + 1;
    const char *stop = strchr(s, '\n');
    *ret_n = stop ? (size_t)(stop - s) + 1 : strlen(s);
    return s;
}

// `a` with the changes taken from `b`.
static void apply(const char *a, const char *b, const struct linediff *d, struct buf *out) {
    uint32_t at = 0;
    size_t n;
    for (uint32_t i = 0; i <= d->count; i++) {
        uint32_t until = i < d->count ? d->changes[i].old_start : d->old_lines;
        for (; at < until; at++) {
            const char *s = line_at(a, at, &n);
            assert_int_equal(buf_append(out, s, n), 0);
        }
        if (i == d->count)
            break;
        for (uint32_t k = 0; k < d->changes[i].new_count; k++) {
            const char *s = line_at(b, d->changes[i].new_start + k, &n);
            assert_int_equal(buf_append(out, s, n), 0);
        }
        at += d->changes[i].old_count;
    }
}

static uint32_t cost_of(const struct linediff *d) {
    uint32_t cost = 0;
    for (uint32_t i = 0; i < d->count; i++)
        cost += d->changes[i].old_count + d->changes[i].new_count;
    return cost;
}

// Lines of one letter, so that the longest common subsequence is one of letters.
static uint32_t shortest(const char *a, size_t n, const char *b, size_t m) {
    uint32_t t[SMALL_LINES + 1][SMALL_LINES + 1];
    for (size_t i = 0; i <= n; i++)
        for (size_t k = 0; k <= m; k++)
            t[i][k] = i == 0 || k == 0                   ? (uint32_t)(i + k)
                      : a[2 * (i - 1)] == b[2 * (k - 1)] ? t[i - 1][k - 1]
                      : t[i - 1][k] < t[i][k - 1]        ? t[i - 1][k] + 1
                                                         : t[i][k - 1] + 1;
    return t[n][m];
}

static void small_texts_get_the_shortest_difference(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        char text[2][2 * SMALL_LINES + 1];
        size_t lines[2];
        for (int s = 0; s < 2; s++) {
            lines[s] = below(SMALL_LINES + 1);
            for (size_t i = 0; i < lines[s]; i++) {
                text[s][2 * i] = (char)('a' + below(4));
                text[s][2 * i + 1] = '\n';
            }
            text[s][2 * lines[s]] = '\0';
        }
        struct linediff d;
        AUTO_BUF out = BUF_INIT(1000);
        assert_int_equal(linediff(text[0], 2 * lines[0], text[1], 2 * lines[1], &d, NULL), 0);
        assert_true(d.exact);
        assert_int_equal(cost_of(&d), shortest(text[0], lines[0], text[1], lines[1]));
        apply(text[0], text[1], &d, &out);
        assert_string_equal(out.data ? out.data : "", text[1]);
        for (uint32_t i = 1; i < d.count; i++)
            assert_true(d.changes[i].old_start >
                        d.changes[i - 1].old_start + d.changes[i - 1].old_count);
        linediff_done(&d);
    }
}

static void very_different_texts_are_cut_into_parts(void **state) {
    AUTO_BUF a = BUF_INIT(0), b = BUF_INIT(0);
    struct linediff d;
    (void)state;
    for (unsigned i = 0; i < 6000; i++) {
        (void)buf_printf(&a, i % 3 == 0 ? "kept %u\n" : "old %u\n", i);
        (void)buf_printf(&b, i % 3 == 0 ? "kept %u\n" : "new %u\n", i);
    }
    assert_int_equal(linediff(a.data, a.len, b.data, b.len, &d, NULL), 0);
    assert_false(d.exact);
    assert_int_equal(d.count, 2000); // the kept lines stand once on each side
    assert_int_equal(cost_of(&d), 8000);
    linediff_done(&d);
    // Nothing in common, nothing that stands once: one replacement.
    buf_clear(&a);
    buf_clear(&b);
    for (unsigned i = 0; i < 3000; i++) {
        (void)buf_puts(&a, "x\n");
        (void)buf_puts(&b, "y\n");
    }
    assert_int_equal(linediff(a.data, a.len, b.data, b.len, &d, NULL), 0);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.changes[0].old_count, 3000);
    linediff_done(&d);
}

static void ends_and_empty_texts(void **state) {
    struct linediff d;
    (void)state;
    assert_int_equal(linediff("", 0, "", 0, &d, NULL), 0);
    assert_int_equal(d.count, 0);
    linediff_done(&d);
    assert_int_equal(linediff("a\nb", 3, "a\nb\n", 4, &d, NULL), 0); // only the last line's end
    assert_int_equal(d.count, 1);
    assert_int_equal(d.changes[0].old_start, 1);
    linediff_done(&d);
    assert_int_equal(linediff("", 0, "a\0b\nc", 5, &d, NULL), 0);
    assert_int_equal(d.changes[0].new_count, 2);
    linediff_done(&d);
}

static void no_failed_allocation_leaks(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct linediff d;
        mem_fail_at(n);
        int r = linediff("a\nb\n", 4, "a\nc\n", 4, &d, NULL);
        mem_fail_at(0);
        linediff_done(&d);
        if (r == 0)
            break;
        assert_int_equal(r, ERR_NOMEM);
        assert_true(n < 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_texts_get_the_shortest_difference),
        cmocka_unit_test(very_different_texts_are_cut_into_parts),
        cmocka_unit_test(ends_and_empty_texts),
        cmocka_unit_test(no_failed_allocation_leaks),
    };
    return cmocka_run_group_tests_name("workspace/linediff", tests, NULL, NULL);
}
