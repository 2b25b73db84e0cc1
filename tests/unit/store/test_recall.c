#include "tests/unit/store/memory_support.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- ranking -------------------------------------------------------------------------------------
static void exact_identifier_beats_loose_words(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *loose = PUT(db, .text = "the user is found by id; get it from the cache by id");
    const char *exact = PUT(db, .text = "getUserById leaks a handle");
    const char *snake = PUT(db, .text = "renamed get_user_by_id in the binding");
    assert_int_equal(RANK(db, exact, "getUserById"), 0);
    assert_int_equal(RANK(db, snake, "getUserById"), 1); // the same name in another style
    assert_true(RANK(db, loose, "getUserById") > 1);
    assert_int_equal(RANK(db, exact, "user handle leak"), 0); // parts are found too
    db_close(db);
}

static void beginning_of_an_identifier_finds_it(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *note = PUT(db, .text = "frobnicateWidgets is slow");
    (void)PUT(db, .text = "something else entirely");
    assert_int_equal(RANK(db, note, "frobni"), 0);
    assert_int_equal(RANK(db, note, "frobnicateWid"), 0);
    db_close(db);
}

static void forms_and_synonyms_of_words_find_each_other(void **state) {
    (void)state;
    struct db *db = memory_open();
    static const char *const pairs[][2] = {
        {"we bought a quince", "who buys quinces"},
        {"the children went sledging", "child going to sledge"},
        {"repository moved to gitea", "gitea repo"},
        {"Crème brûlée for lunch", "creme brulee"},
        {"Straße gesperrt in Wörth", "worth"},
        {"ПРИВЕТ мир", "привет"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const char *uid = PUT(db, .text = pairs[i][0]);
        if (RANK(db, uid, pairs[i][1]) != 0)
            fail_msg("\"%s\" does not find \"%s\"", pairs[i][1], pairs[i][0]);
    }
    db_close(db);
}

static void script_without_blanks_is_found_by_any_part(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *build =
        PUT(db, .text = "\xE6\x9E\x84\xE5\xBB\xBA\xE7\xB3\xBB\xE7\xBB\x9F\xE4\xBD\xBF\xE7\x94\xA8"
                        "CMake\xE5\x92\x8CNinja");     // 构建系统使用CMake和Ninja
    (void)PUT(db, .text = "\xE6\x96\x87\xE6\xA1\xA3"); // 文档
    assert_int_equal(RANK(db, build, "\xE7\xB3\xBB\xE7\xBB\x9F"), 0); // 系统
    assert_int_equal(RANK(db, build, "\xE6\x9E\x84"), 0);             // one character
    assert_int_equal(RANK(db, build, "cmake"), 0);
    assert_int_equal(RANK(db, build, "\xE6\x96\x87\xE6\xA1\xA3"), -1);
    db_close(db);
}

static void neighbours_in_the_thread_help(void **state) {
    (void)state;
    struct db *db = memory_open();
    (void)PUT(db, .text = "Which port does the staging gateway use?", .thread = "t");
    const char *answer = PUT(db, .text = "It is 7443 since Monday.", .thread = "t");
    const char *stranger = PUT(db, .text = "It is 9000 since Friday.", .thread = "other");
    int rank = RANK(db, answer, "staging gateway port");
    assert_true(rank == 0 || rank == 1);
    assert_int_equal(RANK(db, stranger, "staging gateway port"), -1);
    db_close(db);
}

static void person_named_in_the_question_is_preferred_as_the_source(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *ana = PUT(db, .text = "I keep my notes about espresso here", .source = "Ana");
    const char *ben = PUT(db, .text = "I keep my notes about espresso here", .source = "Ben");
    assert_int_equal(RANK(db, ana, "What does Ana say about espresso?"), 0);
    assert_int_equal(RANK(db, ben, "What does Ben say about espresso?"), 0);
    db_close(db);
}

static void dates_in_the_question_prefer_notes_of_that_time(void **state) {
    (void)state;
    struct db *db = memory_open();
    static const struct {
        const char *question;
        int64_t created_ms;
    } cases[] = {
        {"outage in March 2025", INT64_C(1741600000000)},       // 2025-03-10
        {"outage on 2025-01-20", INT64_C(1737370000000)},       // that day
        {"outage on February 3, 2025", INT64_C(1738600000000)}, // that day
        {"the outage yesterday", NOW_MS - DAY_MS},
        {"outage 3 weeks ago", NOW_MS - 21 * DAY_MS},
        {"outage last year", INT64_C(1720000000000)}, // 2024-07
    };
    const char *uids[COUNT_OF(cases)];
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        uids[i] = PUT(db, .text = "outage of the mail relay", .created_ms = cases[i].created_ms);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (RANK(db, uids[i], cases[i].question) != 0)
            fail_msg("\"%s\" does not prefer its time", cases[i].question);
    db_close(db);
}

static void newer_comes_first_among_equals(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *old = PUT(db, .text = "rotate the keys", .created_ms = NOW_MS - 9 * DAY_MS);
    const char *new = PUT(db, .text = "rotate the keys", .created_ms = NOW_MS - 2 * DAY_MS);
    assert_int_equal(RANK(db, new, "rotate keys"), 0);
    assert_int_equal(RANK(db, old, "rotate keys"), 1);
    db_close(db);
}

// --- filters -------------------------------------------------------------------------------------
static void other_workspaces_are_seen_only_when_asked_for(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *global = PUT(db, .text = "lantern");
    const char *a = PUT(db, .text = "lantern", .workspace = "/a");
    const char *b = PUT(db, .text = "lantern", .workspace = "/b");
    static const char *const texts[] = {"lantern", ""};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_true(RANK(db, global, texts[i], .workspace = "/a") >= 0);
        assert_true(RANK(db, a, texts[i], .workspace = "/a") >= 0);
        assert_int_equal(RANK(db, b, texts[i], .workspace = "/a"), -1);
        assert_int_equal(RANK(db, a, texts[i]), -1);
        assert_int_equal(RANK(db, b, texts[i], .workspace = "/nowhere"), -1);
        assert_true(RANK(db, global, texts[i], .workspace = "/nowhere") >= 0);
        assert_true(RANK(db, b, texts[i], .all = true) >= 0);
    }
    db_close(db);
}

static void filters_keep_out_what_they_say(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *plain = PUT(db, .text = "walrus", .tags = "sea", .created_ms = 1000);
    const char *fact =
        PUT(db, .text = "walrus", .kind = NOTE_FACT, .tags = "sea\ncold", .created_ms = 2000);
    const char *expired = PUT(db, .text = "walrus", .expires_ms = NOW_MS);
    const char *alive = PUT(db, .text = "walrus", .expires_ms = NOW_MS + 1);
    static const char *const texts[] = {"walrus", ""};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *t = texts[i];
        assert_int_equal(RANK(db, expired, t), -1);
        assert_true(RANK(db, alive, t) >= 0);
        assert_true(RANK(db, fact, t, .tag = "cold") == 0);
        assert_int_equal(RANK(db, plain, t, .tag = "cold"), -1);
        assert_int_equal(RANK(db, plain, t, .tag = "col"), -1);
        assert_true(RANK(db, plain, t, .tag = "sea") >= 0);
        assert_int_equal(memory_rank_of_kind(db, fact, t, NOTE_FACT), 0);
        assert_int_equal(memory_rank_of_kind(db, plain, t, NOTE_FACT), -1);
        assert_true(memory_rank_of_kind(db, plain, t, NOTE_NOTE) >= 0);
        assert_int_equal(memory_rank_of_kind(db, fact, t, NOTE_NOTE), -1);
        assert_int_equal(RANK(db, plain, t, .since_ms = 1000, .until_ms = 1999), 0);
        assert_int_equal(RANK(db, fact, t, .since_ms = 1000, .until_ms = 1999), -1);
        assert_int_equal(RANK(db, fact, t, .since_ms = 1001, .until_ms = 2000), 0);
    }
    db_close(db);
}

// --- hostile and foreign -------------------------------------------------------------------------
static void syntax_of_the_index_is_only_text(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *uid = PUT(db, .text = "near the bank");
    static const char *const queries[] = {
        "\"",
        "bank\"",
        "bank AND",
        "NOT bank",
        "terms:bank",
        "bank*",
        "^bank",
        "(bank",
        "NEAR(bank, 3)",
        "bank + near",
        "{terms}: bank",
        "- bank",
        "'; DROP TABLE note; --bank",
        "\\bank",
        "bank OR *",
    };
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        if (strstr(queries[i], "bank") && RANK(db, uid, queries[i]) != 0)
            fail_msg("%s", queries[i]);
        else if (!strstr(queries[i], "bank"))
            assert_int_equal(RANK(db, uid, queries[i]), -1);
    db_close(db);
}

static void any_bytes_are_a_query_and_a_note(void **state) {
    (void)state;
    struct db *db = memory_open();
    unsigned seed = 1;
    for (int i = 0; i < 300; i++) {
        char text[200];
        size_t n = 1 + (size_t)(rand_r(&seed) % (int)sizeof text);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)rand_r(&seed);
        (void)PUT(db, .text = text, .text_bytes = n, .thread = i % 2 ? "t" : NULL);
        struct recall_result r = memory_ask(
            db,
            (struct recall_query){.text = text, .text_bytes = n, .kind = -1, .token_budget = 50});
        recall_result_done(&r);
    }
    db_close(db);
}

static void word_behind_a_nul_is_found(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *uid = PUT(db, .text = "before\0behind", .text_bytes = 13);
    assert_int_equal(RANK(db, uid, "behind"), 0);
    struct recall_result r =
        memory_ask(db, (struct recall_query){.text = "x\0behind", .text_bytes = 8, .kind = -1});
    assert_int_equal(memory_rank(&r, uid), 0);
    recall_result_done(&r);
    db_close(db);
}

static void last_word_of_the_longest_note_is_found(void **state) {
    (void)state;
    struct db *db = memory_open();
    static char text[NOTE_TEXT_BYTES_MAX];
    size_t n = 0;
    for (int i = 0; n + 20 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "w%x ", i);
    memcpy(text + n, "finale", 6);
    const char *uid = PUT(db, .text = text, .text_bytes = n + 6);
    for (int i = 0; i < 1100; i++) // enough that not every note is looked at
        (void)PUT(db, .text = "filler");
    assert_int_equal(RANK(db, uid, "finale"), 0);
    assert_int_equal(RANK(db, uid, "w1f"), 0);
    db_close(db);
}

static void nothing_to_look_for_gives_the_newest(void **state) {
    (void)state;
    struct db *db = memory_open();
    (void)PUT(db, .text = "old", .created_ms = 1);
    const char *new = PUT(db, .text = "new", .created_ms = 2);
    assert_int_equal(RANK(db, new, ""), 0);
    assert_int_equal(RANK(db, new, " \n\t"), 0);
    assert_int_equal(RANK(db, new, "?!"), -1); // something was asked, and nothing fits it
    assert_int_equal(RANK(db, new, "unheardof"), -1);
    db_close(db);
}

static void stop_words_alone_are_looked_for(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *uid = PUT(db, .text = "To be or not to be");
    (void)PUT(db, .text = "something different");
    assert_int_equal(RANK(db, uid, "not to be"), 0);
    db_close(db);
}

// --- pages and budgets ---------------------------------------------------------------------------
static void pages_have_no_gap_and_no_repeat(void **state) {
    (void)state;
    struct db *db = memory_open();
    enum { NOTES = 1500 };
    for (int i = 0; i < NOTES; i++)
        (void)PUT(db, .text = i % 3 ? "common word" : "common rare word",
                  .created_ms = 1000 + i % 7);
    static const char *const texts[] = {"common rare", ""};
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        static char seen[NOTES][NOTE_UID_BYTES];
        size_t count = 0;
        double last = 1e9;
        for (bool more = true; more;) {
            struct recall_result r = ASK(db, texts[t], .limit = 97, .offset = count);
            for (size_t i = 0; i < r.count; i++) {
                assert_true(r.hits[i].score <= last);
                last = r.hits[i].score;
                assert_true(count < NOTES);
                memcpy(seen[count++], r.hits[i].note.uid, NOTE_UID_BYTES);
            }
            more = r.more;
            assert_true(!more || r.count == 97);
            recall_result_done(&r);
        }
        assert_true(t == 0 ? count >= 500 : count == NOTES);
        qsort(seen, count, sizeof seen[0], (int (*)(const void *, const void *))strcmp);
        for (size_t i = 1; i < count; i++)
            assert_string_not_equal(seen[i - 1], seen[i]);
    }
    db_close(db);
}

static void the_same_question_gives_the_same_answer(void **state) {
    (void)state;
    struct db *db = memory_open();
    for (int i = 0; i < 1200; i++)
        (void)PUT(db, .text = i % 2 ? "tie tie" : "tie knot", .created_ms = 5);
    struct recall_result a = ASK(db, "tie knot", .limit = 100),
                         b = ASK(db, "tie knot", .limit = 100);
    assert_int_equal(a.count, 100);
    for (size_t i = 0; i < a.count; i++)
        assert_string_equal(a.hits[i].note.uid, b.hits[i].note.uid);
    recall_result_done(&a);
    recall_result_done(&b);
    db_close(db);
}

static void budget_cuts_the_longest_texts_first(void **state) {
    (void)state;
    struct db *db = memory_open();
    char longest[4000] = "", middle[400] = "";
    for (int i = 0; i < 500; i++)
        strcat(longest, "budget ");
    for (int i = 0; i < 50; i++)
        strcat(middle, "budget ");
    (void)PUT(db, .text = longest);
    (void)PUT(db, .text = middle);
    (void)PUT(db, .text = "short budget");
    struct recall_result r = ASK(db, "budget", .token_budget = 120);
    size_t sum = 0;
    assert_int_equal(r.count, 3);
    for (size_t i = 0; i < r.count; i++) {
        const struct recall_hit *h = &r.hits[i];
        assert_int_equal(h->cut, h->note.text_bytes == strlen(longest));
        assert_true(h->cut == (h->shown_bytes < h->note.text_bytes));
        assert_true(!h->cut || h->note.text[h->shown_bytes] == ' ' ||
                    h->note.text[h->shown_bytes - 1] == ' ');
        sum += tokens_count(h->note.text, h->shown_bytes);
    }
    assert_true(sum <= 120);
    recall_result_done(&r);
    db_close(db);
}

static bool stop_at_once(void *ctx) {
    (void)ctx;
    return true;
}

static void cancelled_recall_says_so_and_leaves_no_transaction(void **state) {
    (void)state;
    struct db *db = memory_open();
    for (int i = 0; i < 3000; i++)
        (void)PUT(db, .text = "many words to look at");
    db_set_cancel(db, stop_at_once, NULL);
    struct recall_query q = {.text = "many words", .text_bytes = 10, .kind = -1, .limit = 10};
    struct recall_result r;
    assert_int_equal(memory_recall(db, &q, &r, NULL), ERR_CANCELLED);
    db_set_cancel(db, NULL, NULL);
    assert_int_equal(db_begin(db, true, NULL), 0); // it left none open
    assert_int_equal(db_commit(db, NULL), 0);
    db_close(db);
}

static void more_than_the_limit_is_refused(void **state) {
    (void)state;
    struct db *db = memory_open();
    struct recall_query q = {.text = "", .kind = -1, .limit = RECALL_LIMIT_MAX + 1};
    struct recall_result r;
    assert_int_equal(memory_recall(db, &q, &r, NULL), ERR_LIMIT);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_identifier_beats_loose_words),
        cmocka_unit_test(beginning_of_an_identifier_finds_it),
        cmocka_unit_test(forms_and_synonyms_of_words_find_each_other),
        cmocka_unit_test(script_without_blanks_is_found_by_any_part),
        cmocka_unit_test(neighbours_in_the_thread_help),
        cmocka_unit_test(person_named_in_the_question_is_preferred_as_the_source),
        cmocka_unit_test(dates_in_the_question_prefer_notes_of_that_time),
        cmocka_unit_test(newer_comes_first_among_equals),
        cmocka_unit_test(other_workspaces_are_seen_only_when_asked_for),
        cmocka_unit_test(filters_keep_out_what_they_say),
        cmocka_unit_test(syntax_of_the_index_is_only_text),
        cmocka_unit_test(any_bytes_are_a_query_and_a_note),
        cmocka_unit_test(word_behind_a_nul_is_found),
        cmocka_unit_test(last_word_of_the_longest_note_is_found),
        cmocka_unit_test(nothing_to_look_for_gives_the_newest),
        cmocka_unit_test(stop_words_alone_are_looked_for),
        cmocka_unit_test(pages_have_no_gap_and_no_repeat),
        cmocka_unit_test(the_same_question_gives_the_same_answer),
        cmocka_unit_test(budget_cuts_the_longest_texts_first),
        cmocka_unit_test(cancelled_recall_says_so_and_leaves_no_transaction),
        cmocka_unit_test(more_than_the_limit_is_refused),
    };
    return cmocka_run_group_tests_name("store/recall", tests, NULL, NULL);
}
