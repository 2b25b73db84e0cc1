#include "core/base/mem.h"
#include "core/store/memory.h"
#include "core/store/schema.h"

// cmocka wants these four first
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static int setup(void **state) {
    struct db *db = NULL;
    assert_int_equal(db_open_plain(":memory:", DB_CREATE, &db, NULL), 0);
    assert_int_equal(schema_migrate(db, schema_steps, 1, NULL), 0);
    *state = db;
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static void save(struct db *db, const char *title, const char *workspace, int64_t created_ms,
                 char uid[NOTE_UID_BYTES]) {
    struct handoff h = {
        .title = title, .next = "go on", .workspace = workspace, .created_ms = created_ms};
    struct err err = {0};
    if (handoff_save(db, &h, &err) < 0)
        fail_msg("handoff_save: %s", err_text(&err));
    if (uid)
        memcpy(uid, h.uid, sizeof h.uid);
}

static void what_was_saved_is_loaded_whole(void **state) {
    struct handoff h = {.workspace = "/home/u/project",
                        .source = "claude-code",
                        .title = "Parser rewrite",
                        .question = "Keep the old grammar?",
                        .next = "port the tests",
                        .files = "src/parse.c\nsrc/lex.c",
                        .summary = "half of it is done \xE2\x80\x94 the lexer"};
    assert_int_equal(handoff_save(*state, &h, NULL), 0);
    assert_int_equal(h.uid[0], 'h');
    assert_int_equal(strlen(h.uid), NOTE_UID_BYTES - 1);
    assert_true(h.created_ms > 0);

    struct handoff_result result;
    assert_int_equal(handoff_load(*state, NULL, h.uid, 0, &result, NULL), 0);
    assert_int_equal(result.count, 1);
    const struct handoff *got = &result.items[0];
    assert_string_equal(got->uid, h.uid);
    assert_string_equal(got->workspace, h.workspace);
    assert_string_equal(got->source, h.source);
    assert_string_equal(got->title, h.title);
    assert_string_equal(got->question, h.question);
    assert_string_equal(got->next, h.next);
    assert_string_equal(got->files, h.files);
    assert_string_equal(got->summary, h.summary);
    assert_int_equal(got->created_ms, h.created_ms);
    handoff_result_done(&result);
}

static void what_was_left_out_is_null(void **state) {
    struct handoff_result result;
    save(*state, "short", NULL, 5, NULL);
    assert_int_equal(handoff_load(*state, NULL, NULL, 1, &result, NULL), 0);
    assert_int_equal(result.count, 1);
    assert_null(result.items[0].workspace);
    assert_null(result.items[0].source);
    assert_null(result.items[0].question);
    assert_null(result.items[0].files);
    assert_null(result.items[0].summary);
    handoff_result_done(&result);
}

static void the_newest_of_the_workspace_come_first(void **state) {
    struct handoff_result result;
    save(*state, "old", "/a", 1000, NULL);
    save(*state, "other", "/b", 4000, NULL);
    save(*state, "new", "/a", 3000, NULL);
    save(*state, "middle", "/a", 2000, NULL);
    assert_int_equal(handoff_load(*state, "/a", NULL, 2, &result, NULL), 0);
    assert_int_equal(result.count, 2);
    assert_string_equal(result.items[0].title, "new");
    assert_string_equal(result.items[1].title, "middle");
    handoff_result_done(&result);

    assert_int_equal(handoff_load(*state, NULL, NULL, 10, &result, NULL), 0);
    assert_int_equal(result.count, 4);
    assert_string_equal(result.items[0].title, "other");
    handoff_result_done(&result);

    assert_int_equal(handoff_load(*state, "/nowhere", NULL, 10, &result, NULL), 0);
    assert_int_equal(result.count, 0);
    handoff_result_done(&result);
}

static void an_unknown_uid_is_not_found(void **state) {
    struct handoff_result result;
    assert_int_equal(handoff_load(*state, NULL, "haaaaaaaaaaaaaaa", 1, &result, NULL),
                     ERR_NOT_FOUND);
}

static void what_is_missing_too_long_or_not_text_is_refused(void **state) {
    static char huge[NOTE_TEXT_BYTES_MAX + 2];
    memset(huge, 'x', sizeof huge - 1);
    const struct {
        struct handoff h;
        int code;
        const char *names;
    } cases[] = {
        {{.next = "n"}, ERR_INVAL, "title"},
        {{.title = "", .next = "n"}, ERR_INVAL, "title"},
        {{.title = "t"}, ERR_INVAL, "next"},
        {{.title = huge, .next = "n"}, ERR_LIMIT, "title"},
        {{.title = "t", .next = huge}, ERR_LIMIT, "next"},
        {{.title = "t", .next = "n", .summary = huge}, ERR_LIMIT, "summary"},
        {{.title = "t", .next = "n", .question = "\xff"}, ERR_INVAL, "question"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct handoff h = cases[i].h;
        struct err err;
        assert_int_equal(handoff_save(*state, &h, &err), cases[i].code);
        assert_non_null(strstr(err.message, cases[i].names));
        assert_int_equal(h.uid[0], 0);
    }
}

static void a_uid_given_is_kept_and_not_taken_twice(void **state) {
    struct handoff h = {.uid = "habcdefghijkmnpq", .title = "t", .next = "n", .created_ms = 77};
    assert_int_equal(handoff_save(*state, &h, NULL), 0);
    assert_string_equal(h.uid, "habcdefghijkmnpq");
    assert_int_equal(h.created_ms, 77);
    assert_int_equal(handoff_save(*state, &h, NULL), ERR_EXISTS);
}

static void out_of_memory_while_loading_leaks_nothing(void **state) {
    save(*state, "one", "/a", 1, NULL);
    save(*state, "two", "/a", 2, NULL);
    for (uint64_t nth = 1;; nth++) {
        struct handoff_result result;
        mem_fail_at(nth);
        int r = handoff_load(*state, "/a", NULL, 5, &result, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        if (r == 0)
            handoff_result_done(&result);
        else
            assert_int_equal(r, ERR_NOMEM);
        if (!reached)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_saved_is_loaded_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_left_out_is_null, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newest_of_the_workspace_come_first, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_uid_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_too_long_or_not_text_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_uid_given_is_kept_and_not_taken_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_memory_while_loading_leaks_nothing, setup, teardown),
    };
    return cmocka_run_group_tests_name("store/handoff", tests, NULL, NULL);
}
