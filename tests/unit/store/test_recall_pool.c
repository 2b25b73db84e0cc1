// The bounded first stage against looking at every note.
#include "tests/unit/store/memory_support.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES = 2500, WORDS = 300, PER_NOTE = 12, QUERIES = 150 };

struct corpus {
    struct db *db;
    const char *uids[NOTES];
    uint16_t words[NOTES][PER_NOTE];
};

static void word_name(size_t rank, char out[16]) {
    (void)snprintf(out, 16, "q%zux", rank); // no stem, no stop word
}

// Word 0 stands in most notes, the last ones in a few.
static size_t random_word(unsigned *seed) {
    double u = (double)rand_r(seed) / ((double)RAND_MAX + 1);
    return (size_t)pow(WORDS, u) - 1;
}

static int setup(void **state) {
    struct corpus *c = mem_zalloc(sizeof *c);
    unsigned seed = 11;
    c->db = memory_open();
    for (size_t i = 0; i < NOTES; i++) {
        char text[PER_NOTE * 16] = "";
        for (size_t k = 0; k < PER_NOTE; k++) {
            char word[16];
            c->words[i][k] = (uint16_t)random_word(&seed);
            word_name(c->words[i][k], word);
            strcat(strcat(text, word), " ");
        }
        c->uids[i] = PUT(c->db, .text = text, .workspace = i % 4 ? "/w" : NULL,
                         .tags = i % 10 ? NULL : "tenth");
    }
    *state = c;
    return 0;
}

static int teardown(void **state) {
    struct corpus *c = *state;
    db_close(c->db);
    mem_free(c);
    return 0;
}

static bool has_all(const struct corpus *c, size_t note, const size_t *query, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < PER_NOTE; k++)
            found |= c->words[note][k] == query[i];
        if (!found)
            return false;
    }
    return true;
}

// Asks for random words and expects every note that has all of them, if they fit on a page.
static void expect_complete(const struct corpus *c, size_t words, const char *tag, bool only_w) {
    unsigned seed = (unsigned)words;
    size_t checked = 0;
    for (size_t round = 0; round < QUERIES; round++) {
        size_t query[8], wanted = 0;
        char text[8 * 16] = "";
        for (size_t i = 0; i < words; i++) {
            char word[16];
            query[i] = random_word(&seed);
            word_name(query[i], word);
            strcat(strcat(text, word), " ");
        }
        for (size_t i = 0; i < NOTES; i++)
            wanted += (!tag || i % 10 == 0) && has_all(c, i, query, words);
        if (!wanted || wanted > 60)
            continue;
        struct recall_result r = ASK(c->db, text, .limit = 100, .all = !only_w, .tag = tag,
                                     .workspace = only_w ? "/w" : NULL);
        for (size_t i = 0; i < NOTES; i++)
            if ((!tag || i % 10 == 0) && has_all(c, i, query, words) &&
                memory_rank(&r, c->uids[i]) < 0)
                fail_msg("\"%s\": note %zu has all words, and is not found", text, i);
        recall_result_done(&r);
        checked++;
    }
    assert_true(checked > QUERIES / 10);
}

static void notes_with_the_one_word_are_all_found(void **state) {
    expect_complete(*state, 1, NULL, false);
    expect_complete(*state, 1, NULL, true);
}

static void notes_with_all_of_several_words_are_all_found(void **state) {
    for (size_t words = 2; words <= 4; words++) {
        expect_complete(*state, words, NULL, false);
        expect_complete(*state, words, NULL, true);
    }
}

static void filters_lose_none_of_the_notes_they_let_through(void **state) {
    expect_complete(*state, 1, "tenth", false);
    expect_complete(*state, 2, "tenth", true);
}

static void rarer_word_decides(void **state) {
    struct corpus *c = *state;
    const char *uid = PUT(c->db, .text = "q0x q1x unique-needle q2x");
    for (int i = 0; i < 300; i++)
        (void)PUT(c->db, .text = "q0x q1x q2x q3x");
    assert_int_equal(RANK(c->db, uid, "q0x q1x needle q2x q3x", .all = true), 0);
}

static void many_superseded_notes_do_not_hide_the_current_one(void **state) {
    struct corpus *c = *state;
    const char *last = NULL;
    for (int i = 0; i < 700; i++)
        last = PUT(c->db, .text = "heron count", .kind = NOTE_FACT, .subject = "heron",
                   .created_ms = NOW_MS - 1000000 + i);
    assert_int_equal(RANK(c->db, last, "heron count"), 0);
    struct recall_result r = ASK(c->db, "heron count", .limit = 100);
    assert_int_equal(r.count, 1);
    recall_result_done(&r);
}

static void words_of_a_burst_are_not_taken_for_frequent(void **state) {
    struct corpus *c = *state;
    const char *old = PUT(c->db, .text = "burst q0x beacon", .workspace = "/burst");
    for (int i = 0; i < 3000; i++)
        (void)PUT(c->db, .text = "q0x q1x q2x", .workspace = "/burst");
    for (int i = 0; i < 250; i++)
        (void)PUT(c->db, .text = "burst beacon q0x", .workspace = "/burst");
    for (int i = 0; i < 20; i++) // what is common stands in newer notes than the burst
        (void)PUT(c->db, .text = "q0x q1x q2x", .workspace = "/burst");
    struct recall_result r = ASK(c->db, "q0x beacon", .workspace = "/burst", .limit = 100);
    assert_int_equal(r.count, 100);
    for (size_t i = 0; i < r.count; i++)
        assert_non_null(strstr(r.hits[i].note.text, "beacon"));
    recall_result_done(&r);
    assert_true(RANK(c->db, old, "beacon", .workspace = "/burst", .limit = 100, .offset = 200) >=
                0);
}

// A page of few is put in order another way than one of many: sizes on both sides of that.
static void small_pages_are_parts_of_the_large_one(void **state) {
    struct corpus *c = *state;
    static const size_t limits[] = {1, 10, 63, 64};
    unsigned seed = 3;
    for (size_t round = 0; round < 20; round++) {
        char text[3 * 16] = "", word[16];
        for (size_t i = 0; i < 1 + round % 3; i++) {
            word_name(random_word(&seed), word);
            strcat(strcat(text, word), " ");
        }
        struct recall_result whole = ASK(c->db, text, .all = true, .limit = 100);
        assert_true(whole.count > 0);
        for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
            for (size_t from = 0; from < whole.count; from += limits[k]) {
                struct recall_result part =
                    ASK(c->db, text, .all = true, .limit = limits[k], .offset = from);
                size_t rest = whole.count - from;
                if (!whole.more)
                    assert_int_equal(part.more, rest > limits[k]);
                assert_true(part.count >= (limits[k] < rest ? limits[k] : rest));
                for (size_t i = 0; i < part.count && i < rest; i++)
                    assert_string_equal(part.hits[i].note.uid, whole.hits[from + i].note.uid);
                recall_result_done(&part);
            }
        }
        recall_result_done(&whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_with_the_one_word_are_all_found),
        cmocka_unit_test(notes_with_all_of_several_words_are_all_found),
        cmocka_unit_test(small_pages_are_parts_of_the_large_one),
        cmocka_unit_test(filters_lose_none_of_the_notes_they_let_through),
        cmocka_unit_test(rarer_word_decides),
        cmocka_unit_test(words_of_a_burst_are_not_taken_for_frequent),
        cmocka_unit_test(many_superseded_notes_do_not_hide_the_current_one),
    };
    return cmocka_run_group_tests_name("store/recall_pool", tests, setup, teardown);
}
