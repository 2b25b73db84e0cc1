// Elements of pages as templates and people really write them.
#include "core/base/mem.h"
#include "core/code/markup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint32_t flags_of(const char *page) { // of its first element
    struct markup m;
    assert_int_equal(markup_read(page, strlen(page), &m, NULL), 0);
    assert_true(m.count > 0);
    uint32_t flags = m.elements[0].flags;
    markup_done(&m);
    return flags;
}

static void what_stands_inside_is_known(void **state) {
    static const struct {
        const char *page;
        uint32_t flags;
    } cases[] = {
        {"<a href=/docs/>Docs</a>", MARKUP_TEXT}, // the slash is the value's
        {"<a href=\"x\"></a>", 0},
        {"<a href=x><br/></a>after", 0},
        {"<button>+</button>", MARKUP_TEXT},
        {"<button> \n </button>", 0},
        {"<button><slot /></button>", MARKUP_DYNAMIC},
        {"<button><my-icon></my-icon></button>", MARKUP_DYNAMIC},
        {"<button>{{ t('save') }}</button>", MARKUP_DYNAMIC},
        {"<button><%= save %></button>", MARKUP_DYNAMIC},
        {"<button>{label}</button>", MARKUP_DYNAMIC | MARKUP_TEXT}, // or words in braces
        {"<button>{# a note #}</button>", 0},
        {"<button><!-- a note --></button>", 0},
        {"<a href=x><img src=y alt=Home></a>", MARKUP_LABELLED},
        {"<a href=x><img src=y alt=\"\"></a>", 0},
        {"<input {% if on %}checked{% endif %}>", MARKUP_SPREAD},
        {"<input v-bind=\"$attrs\">", MARKUP_SPREAD},
        {"<ul><li>one<li>two</ul>", MARKUP_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (flags_of(cases[i].page) != cases[i].flags)
            fail_msg("%s: %u", cases[i].page, flags_of(cases[i].page));
}

static void bound_attributes_are_found_under_their_name(void **state) {
    static const char *const pages[] = {"<img :alt=\"a\">",       "<img v-bind:alt=\"a\">",
                                        "<img [alt]=\"a\">",      "<img [attr.alt]=\"a\">",
                                        "<img x-bind:alt=\"a\">", "<img alt={a}>"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        struct markup m;
        assert_int_equal(markup_read(pages[i], strlen(pages[i]), &m, NULL), 0);
        const struct markup_attribute *a = markup_attribute(&m, 0, "alt");
        assert_non_null(a);
        assert_true(a->dynamic);
        assert_null(markup_attribute(&m, 0, "title"));
        markup_done(&m);
    }
}

static void raw_text_holds_no_elements(void **state) {
    static const char page[] = "<script>if (a<b) x='<img>'</script><style>a<b{}</style>"
                               "<textarea><img></textarea><!--[if IE]><img><![endif]--><p>";
    struct markup m;
    (void)state;
    assert_int_equal(markup_read(page, sizeof page - 1, &m, NULL), 0);
    assert_int_equal(m.count, 4);
    assert_true(markup_is(&m, 3, "P"));
    assert_int_equal(m.elements[3].parent, UINT32_MAX);
    markup_done(&m);
}

static void any_allocation_may_fail(void **state) {
    static const char page[] = "<div id=a class='b'><p>c<img alt=d></div>";
    (void)state;
    for (unsigned n = 1;; n++) {
        struct markup m;
        mem_fail_at(n);
        int r = markup_read(page, sizeof page - 1, &m, NULL);
        mem_fail_at(0);
        markup_done(&m);
        if (r == 0) {
            assert_true(n > 2);
            return;
        }
        assert_int_equal(r, ERR_NOMEM);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_inside_is_known),
        cmocka_unit_test(bound_attributes_are_found_under_their_name),
        cmocka_unit_test(raw_text_holds_no_elements),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
