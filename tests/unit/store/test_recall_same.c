// What recall answers, written down: faster ways to the same answer must give the same answer.
// PAIRED_UPDATE=1 writes tests/golden/recall.txt anew, for a change that means to rank differently.
#include "tests/unit/store/memory_support.h"

#include "core/base/mem.h"
#include "core/store/rank_cache.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES = 3600, VOCABULARY = 900, TEXT_BYTES = 1024, ROUNDS = 12 };
static const char golden[] = "tests/golden/recall.txt";

static uint64_t seed, question_seed;
static size_t below(size_t n) { // xorshift64
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % n;
}

static void put_word(char *out, size_t rank) {
    static const char *const syllables[] = {"ba", "co", "di", "fu", "ge", "ha", "ji", "ko",
                                            "lu", "me", "na", "po", "ra", "si", "to", "ve"};
    size_t n = strlen(out);
    (void)snprintf(out + n, TEXT_BYTES - n, "%s%s%s%s%s", n ? " " : "", rank % 37 == 5 ? "New" : "",
                   syllables[rank & 15], syllables[rank >> 4 & 15], syllables[rank >> 8 & 15]);
}

// Rank 0 is in most notes, the last ones in a few.
static void put_words(char *out, size_t count, size_t first) {
    for (size_t i = 0; i < count; i++) {
        double u = (double)below(1 << 20) / (1 << 20);
        put_word(out, (size_t)((double)first * pow((double)VOCABULARY / (double)first, u)) - 1);
    }
}

// Threads of several clients at once, some of them in one workspace; every filter meets something.
static void put_note(struct db *db, size_t i) {
    static const char *const asides[] = {"who asked this?", "it happened yesterday", "see Ana"};
    static const char *const tags[] = {"build\nci", "design", "rare"};
    static const char *const sources[] = {"Ana", "zed", NULL};
    char text[TEXT_BYTES], subject[32], thread[32];
    (void)snprintf(text, sizeof text, "n%zu", i);
    (void)snprintf(subject, sizeof subject, "subject %zu", i % 40);
    size_t client = below(3);
    (void)snprintf(thread, sizeof thread, "t%zu-%zu", client, i / 60);
    put_words(text, 8 + below(20), 1);
    if (i % 11 == 3)
        (void)snprintf(text + strlen(text), TEXT_BYTES - strlen(text), " %s", asides[i / 11 % 3]);
    const char *uid = PUT(db, .text = text, .kind = i % 25 == 7 ? NOTE_DECISION : NOTE_NOTE,
                          .subject = i % 25 == 7 ? subject : NULL,
                          .workspace = i % 10 < 6   ? "/one"
                                       : i % 10 < 8 ? "/two"
                                                    : NULL,
                          .thread = i % 10 < 7 ? thread : NULL, .source = sources[client],
                          .tags = i % 7 ? NULL : tags[i / 7 % 40 ? i / 7 % 2 : 2],
                          .created_ms = NOW_MS - (int64_t)(NOTES - i) * 3600 * 1000,
                          .expires_ms = i % 50 == 9 ? NOW_MS - 1 : 0);
    if (i % 31 == 30)
        assert_int_equal(memory_forget(db, uid, NULL), 0);
}

static void put_answer(FILE *out, struct db *db, const char *shape, struct recall_query q) {
    q.limit = 12;
    struct recall_result r = memory_ask(db, q);
    (void)fprintf(out, "%s \"%s\":", shape, q.text);
    for (size_t i = 0; i < r.count; i++)
        (void)fprintf(out, " %ld%s %.2f", strtol(r.hits[i].note.text + 1, NULL, 10),
                      r.hits[i].beside ? "*" : "", r.hits[i].score);
    (void)fprintf(out, "%s\n", r.more ? " …" : "");
    recall_result_done(&r);
}

static void ask_all(FILE *out, struct db *db) {
    static const struct {
        const char *name;
        size_t words, from;
        struct recall_query q;
    } shapes[] = {
        {"question", 3, 8, {.kind = -1, .workspace = "/one"}},
        {"frequent", 6, 1, {.kind = -1, .workspace = "/one"}},
        {"one word", 1, 40, {.kind = -1, .workspace = "/one"}},
        {"sentence", 14, 2, {.kind = -1, .workspace = "/one"}},
        {"all", 4, 4, {.kind = -1, .all = true}},
        {"few notes", 4, 4, {.kind = -1, .workspace = "/two"}},
        {"tag", 3, 1, {.kind = -1, .workspace = "/one", .tag = "ci"}},
        {"rare tag", 3, 1, {.kind = -1, .all = true, .tag = "rare"}},
        {"decisions", 4, 2, {.kind = NOTE_DECISION, .all = true}},
        {"superseded", 4, 2, {.kind = NOTE_DECISION, .all = true, .superseded = true}},
        {"a month",
         5,
         1,
         {.kind = -1,
          .all = true,
          .since_ms = NOW_MS - 60 * DAY_MS,
          .until_ms = NOW_MS - 30 * DAY_MS}},
        {"second page", 3, 4, {.kind = -1, .all = true, .offset = 12}},
        {"deep page", 4, 1, {.kind = -1, .all = true, .offset = 150}},
        {"name", 2, 20, {.kind = -1, .all = true}},
        {"beginning", 1, 20, {.kind = -1, .all = true}},
    };
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        for (size_t round = 0; round < ROUNDS; round++) {
            char text[TEXT_BYTES] = "";
            put_words(text, shapes[s].words, shapes[s].from);
            if (strcmp(shapes[s].name, "name") == 0)
                (void)strcat(text, round % 2 ? " says Ana when" : " of 2025-06-01");
            if (strcmp(shapes[s].name, "beginning") == 0)
                text[strlen(text) - 1] = '\0';
            struct recall_query q = shapes[s].q;
            q.text = text;
            put_answer(out, db, shapes[s].name, q);
        }
}

static char *read_golden(void) {
    FILE *f = fopen(golden, "r");
    char *text = mem_zalloc(1 << 20);
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    (void)fclose(f);
    return text;
}

static char *answers(struct db *db) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    seed = question_seed;
    ask_all(out, db);
    assert_int_equal(fclose(out), 0);
    return text;
}

static struct db *corpus(void) {
    struct db *db = memory_open();
    seed = 42;
    for (size_t i = 0; i < NOTES; i++)
        put_note(db, i);
    question_seed = seed;
    return db;
}

static void assert_same(const char *a, const char *b) {
    while (*a && *b) {
        size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");
        if (n != m || memcmp(a, b, n) != 0)
            fail_msg("expected:\n%.*s\nnow:\n%.*s", (int)n, a, (int)m, b);
        a += n + (a[n] != '\0');
        b += m + (b[m] != '\0');
    }
    assert_string_equal(a, b);
}

static void answers_are_those_written_down(void **state) {
    (void)state;
    struct db *db = corpus();
    char *now = answers(db);
    db_close(db);
    if (getenv("PAIRED_UPDATE")) {
        FILE *f = fopen(golden, "w");
        assert_non_null(f);
        assert_true(fputs(now, f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
    char *then = read_golden();
    assert_same(then, now);
    mem_free(then);
    free(now);
}

// Some notes go, some are replaced, some get another behind them.
static void change(struct db *db) {
    struct recall_result r = ASK(db, "bababa", .all = true, .limit = 30);
    for (size_t i = 0; i < r.count; i += 3)
        assert_int_equal(memory_forget(db, r.hits[i].note.uid, NULL), 0);
    recall_result_done(&r);
    for (size_t i = 0; i < 100; i++)
        put_note(db, i * 25 + 7);
}

static void rows_kept_in_memory_change_no_answer(void **state) {
    (void)state;
    struct db *plain = corpus(), *db = corpus();
    struct rank_cache *cache = rank_cache_new();
    assert_non_null(cache);
    rank_cache_follow(cache, db);
    for (int round = 0; round < 2; round++) {
        char *expected = answers(plain);
        for (int again = 0; again < 2; again++) {
            char *now = answers(db);
            assert_same(expected, now);
            free(now);
        }
        assert_true(rank_cache_rows(cache) > NOTES / 4);
        free(expected);
        uint64_t before = seed;
        change(plain);
        seed = before;
        change(db);
        rank_cache_settle(cache);
    }
    db_close(db);
    db_close(plain);
    rank_cache_free(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_written_down),
        cmocka_unit_test(rows_kept_in_memory_change_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
