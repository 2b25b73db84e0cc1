#include "core/base/tomledit.h"

#include "core/base/mem.h"
#include "tests/unit/base/tests.h"

static const char *const table[] = {"mcp_servers", "paired", NULL};

static json_t *members(void) {
    json_t *v = json_pack("{ss s[s]}", "command", "/usr/bin/paired", "args", "mcp");
    assert_non_null(v);
    return v;
}

static char *set_text(const char *text, int *ret_result) {
    struct buf out = BUF_INIT(0);
    struct err err = {0};
    json_t *v = members();
    *ret_result = tomledit_set(text, strlen(text), table, v, &out, &err);
    json_decref(v);
    if (*ret_result >= 0)
        return buf_take(&out);
    buf_done(&out);
    return mem_strdup(err_text(&err));
}

static char *remove_text(const char *text, int *ret_result) {
    struct buf out = BUF_INIT(0);
    struct err err = {0};
    (void)buf_puts(&out, "");
    *ret_result = tomledit_remove(text, strlen(text), table, &out, &err);
    if (*ret_result >= 0)
        return buf_take(&out);
    buf_done(&out);
    return mem_strdup(err_text(&err));
}

#define OURS "[mcp_servers.paired]\ncommand = \"/usr/bin/paired\"\nargs = [\"mcp\"]\n"

static void a_table_is_added_at_the_end_and_goes_again(void **state) {
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"model = \"x\" # mine\n", "model = \"x\" # mine\n\n" OURS},
        {"[mcp_servers.q]\ncommand = 'q'\n", "[mcp_servers.q]\ncommand = 'q'\n\n" OURS},
        {"a = \"\"\"\n[mcp_servers.paired]\n\\\"\"\"\"\"\nb = '''\nx'''\nc = [\n 1, # [\n "
         "\"]\",\n]\n",
         "a = \"\"\"\n[mcp_servers.paired]\n\\\"\"\"\"\"\nb = '''\nx'''\nc = [\n 1, # [\n "
         "\"]\",\n]\n\n" OURS},
        {"# only this\n\n", "# only this\n\n\n" OURS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int r;
        char *set = set_text(cases[i].before, &r);
        assert_string_equal(set, cases[i].after);
        assert_int_equal(r, 1);
        char *again = set_text(set, &r);
        assert_int_equal(r, 0);
        assert_string_equal(again, set);
        char *back = remove_text(set, &r);
        assert_int_equal(r, 1);
        assert_string_equal(back, cases[i].before);
        mem_free(set);
        mem_free(again);
        mem_free(back);
    }
}

static void line_ends_are_those_of_the_text(void **state) {
    int r;
    (void)state;
    char *set = set_text("a = 1\r\nb = 2", &r);
    assert_string_equal(set, "a = 1\r\nb = 2\r\n\r\n[mcp_servers.paired]\r\n"
                             "command = \"/usr/bin/paired\"\r\nargs = [\"mcp\"]\r\n");
    mem_free(set);
    set = set_text("", &r);
    assert_string_equal(set, OURS);
    mem_free(set);
}

static void only_what_differs_is_written(void **state) {
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"[mcp_servers.paired]\ncommand = \"/old\" # where\nstartup_timeout_sec = 20\nargs = "
         "['mcp']\n"
         "[mcp_servers.paired.env]\nA = \"b\"\n[z]\n",
         "[mcp_servers.paired]\ncommand = \"/usr/bin/paired\" # where\nstartup_timeout_sec = 20\n"
         "args = ['mcp']\n[mcp_servers.paired.env]\nA = \"b\"\n[z]\n"},
        {"[ mcp_servers . \"paired\" ]\nargs = [\n  \"x\", # no\n]\n\n[z]\n",
         "[ mcp_servers . \"paired\" ]\nargs = [\"mcp\"]\ncommand = \"/usr/bin/paired\"\n\n[z]\n"},
        {"[mcp_servers.paired]",
         "[mcp_servers.paired]\ncommand = \"/usr/bin/paired\"\nargs = [\"mcp\"]\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int r;
        char *set = set_text(cases[i].before, &r);
        assert_string_equal(set, cases[i].after);
        mem_free(set);
    }
    int r;
    char *same = set_text(
        "[mcp_servers.'paired']\nargs = [ \"m\\u0063p\", ] \ncommand = '/usr/bin/paired'\n", &r);
    assert_int_equal(r, 0);
    mem_free(same);
}

static void a_string_is_the_same_however_it_is_written(void **state) {
    static const struct {
        const char *written;
        int changed;
    } cases[] = {
        {"'/usr/bin/paired'", 0},
        {"\"/usr/bin/paired\"", 0},
        {"\"\\u002Fusr\\U0000002fbin/paired\"", 0},
        {"'\\u002Fusr/bin/paired'", 1},
        {"\"/usr/bin/paired \"", 1},
        {"\"/usr/bin/paire\"", 1},
        {"\"\\x2Fusr/bin/paired\"", 1},
        {"\"\\u2F\"", 1},
        {"\"\\UFFFFFFFF\"", 1},
        {"\"\"\"/usr/bin/paired\"\"\"", 1},
        {"\"\"", 1},
        {"7", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int r;
        char *text =
            mem_format("[mcp_servers.paired]\ncommand = %s\nargs = [\"mcp\"]\n", cases[i].written);
        char *set = set_text(text, &r);
        assert_int_equal(r, cases[i].changed);
        mem_free(set);
        mem_free(text);
    }
}

static void removing_takes_the_tables_below_too(void **state) {
    int r;
    (void)state;
    char *back = remove_text("a = 1\n\n" OURS
                             "\n[z]\nb = 2\n\n[mcp_servers.paired.env]\nA = \"b\"\n\n# of y\n[y]\n",
                             &r);
    assert_string_equal(back, "a = 1\n\n[z]\nb = 2\n\n# of y\n[y]\n");
    assert_int_equal(r, 1);
    mem_free(back);
    back = remove_text("[mcp_servers.paired2]\nx = 1\n", &r);
    assert_int_equal(r, 0);
    mem_free(back);
}

static void other_forms_and_broken_texts_are_refused(void **state) {
    static const struct {
        const char *text, *message;
        int code;
    } cases[] = {
        {"\nmcp_servers.paired.command = \"x\"\n",
         "line 2: it is written there in another form than a table of its own", ERR_UNSUPPORTED},
        {"mcp_servers = {}\n",
         "line 1: it is written there in another form than a table of its own", ERR_UNSUPPORTED},
        {"[mcp_servers]\npaired = {command = \"x\"}\n",
         "line 2: it is written there in another form than a table of its own", ERR_UNSUPPORTED},
        {"[[mcp_servers]]\n", "line 1: it is written there in another form than a table of its own",
         ERR_UNSUPPORTED},
        {OURS OURS, "line 4: the table is there twice", ERR_PARSE},
        {"a = \"x\n", "line 1: a text without its end", ERR_PARSE},
        {"a = [1\n", "line 2: a bracket that nothing closed", ERR_PARSE},
        {"a = 1]\n", "line 1: a bracket that nothing opened", ERR_PARSE},
        {"a\n", "line 1: expected '='", ERR_PARSE},
        {"a =\n", "line 1: expected a value", ERR_PARSE},
        {"[a\n", "line 1: expected ']'", ERR_PARSE},
        {"[a] b\n", "line 1: something behind the end of a line's statement", ERR_PARSE},
        {"\xff\xfe", "line 1: expected a key", ERR_PARSE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int r;
        char *why = set_text(cases[i].text, &r);
        assert_string_equal(why, cases[i].message);
        assert_int_equal(r, cases[i].code);
        mem_free(why);
    }
}

static void members_are_counted(void **state) {
    static const char text[] = "[mcp_servers.paired]\ncommand = \"/other\"\nargs = [\"mcp\"]\n";
    size_t n;
    bool there;
    json_t *v = members();
    (void)state;
    assert_int_equal(tomledit_count(text, strlen(text), table, v, &n, &there, NULL), 0);
    assert_int_equal(n, 1);
    assert_true(there);
    assert_int_equal(tomledit_count("", 0, table, v, &n, &there, NULL), 0);
    assert_int_equal(n, 0);
    assert_false(there);
    json_decref(v);
}

static void a_failed_allocation_is_an_error(void **state) {
    static const char text[] = "[mcp_servers.'paired']\ncommand = \"/\\u0061\"\nargs = ['x']\n";
    (void)state;
    mem_init_json();
    json_t *v = members();
    for (uint64_t nth = 1;; nth++) {
        struct buf out = BUF_INIT(0);
        mem_fail_at(nth);
        int r = tomledit_set(text, strlen(text), table, v, &out, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_int_equal(r, reached ? ERR_NOMEM : 1);
        buf_done(&out);
        if (!reached)
            break;
    }
    json_decref(v);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_added_at_the_end_and_goes_again),
        cmocka_unit_test(line_ends_are_those_of_the_text),
        cmocka_unit_test(only_what_differs_is_written),
        cmocka_unit_test(a_string_is_the_same_however_it_is_written),
        cmocka_unit_test(removing_takes_the_tables_below_too),
        cmocka_unit_test(other_forms_and_broken_texts_are_refused),
        cmocka_unit_test(members_are_counted),
        cmocka_unit_test(a_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests_name("base/tomledit", tests, NULL, NULL);
}
