// core/models/wire_models: lists of models as providers write them.
#include "core/base/mem.h"
#include "core/models/wire_models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int add(void *ctx, const char *name) {
    char *all = ctx;
    size_t n = strlen(all);
    (void)snprintf(all + n, 512 - n, "%s ", name);
    return 0;
}

static int read(const char *text, char names[512], struct wire_models *m) {
    struct err err = {0};
    names[0] = '\0';
    int r = wire_read_models(text, strlen(text), add, names, m, &err);
    assert_true(r == 0 || err.message[0]);
    return r;
}

static void each_family_is_read(void **state) {
    static const struct {
        const char *text, *names, *owner;
    } cases[] = {
        {"{\"object\":\"list\",\"data\":[{\"id\":\"a\",\"owned_by\":\"vllm\"},{\"id\":\"b\"}]}",
         "a b ", "vllm"},
        {"{\"data\":[{\"type\":\"model\",\"id\":\"claude\"}],\"has_more\":false}", "claude ", ""},
        {"{\"models\":[{\"name\":\"models/gemini\"},{\"name\":\"models/\"}]}", "gemini models/ ",
         ""},
        {"{\"models\":[{\"name\":\"qwen3:latest\",\"model\":\"qwen3:latest\"}]}", "qwen3:latest ",
         ""},
        {"[{\"id\":\"a/b\"}]", "a/b ", ""},
        {"{\"data\":[]}", "", ""},
        {"{\"data\":[1,null,{},{\"id\":7},{\"id\":\"\"},{\"id\":\"a\\nb\"},{\"id\":\"c\"}]}", "c ",
         ""},
    };
    struct wire_models m;
    char names[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read(cases[i].text, names, &m), 0);
        assert_string_equal(names, cases[i].names);
        assert_string_equal(m.owner, cases[i].owner);
    }
}

static void what_is_no_list_is_refused(void **state) {
    static const char *const texts[] = {"",
                                        "{",
                                        "{}",
                                        "7",
                                        "\"a\"",
                                        "{\"data\":{}}",
                                        "{\"models\":1}",
                                        "<html>",
                                        "{\"data\":[{\"id\":\"a\"}]"};
    struct wire_models m;
    char names[512];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(read(texts[i], names, &m), ERR_PARSE);
}

static void more_than_the_maximum_is_counted(void **state) {
    AUTO_BUF text = {0};
    struct wire_models m;
    (void)state;
    (void)buf_puts(&text, "[{\"id\":\"x\"}");
    for (int i = 0; i < WIRE_MODELS_MAX + 10; i++)
        (void)buf_printf(&text, ",{\"id\":\"m%d\"}", i);
    (void)buf_putc(&text, ']');
    assert_int_equal(wire_read_models(text.data, text.len, NULL, NULL, &m, NULL), 0);
    assert_int_equal(m.count, WIRE_MODELS_MAX + 11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_family_is_read),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(more_than_the_maximum_is_counted),
    };
    mem_init_json();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
