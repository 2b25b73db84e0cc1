#include "core/base/mem.h"
#include "core/route/route_predict_impl.h"
#include "tests/unit/route/tests.h"

#include <math.h>
#include <stdlib.h>

static struct route_features features, other;

static void read_into(struct route_features *f, const char *text) {
    route_features_read(f, text, strlen(text));
}

static struct route_predictor *predictor(bool blank) {
    struct route_predictor *p;
    assert_int_equal(blank ? route_predictor_new_blank(&p, NULL) : route_predictor_new(&p, NULL),
                     0);
    return p;
}

static double ask(const struct route_predictor *p, const char *text, const char *model,
                  double skill) {
    struct route_look look;
    read_into(&features, text);
    route_predict_look(p, &features, &look);
    return (double)route_predict(p, &look, model, skill);
}

static void learn(struct route_predictor *p, const char *text, const char *model, double outcome) {
    read_into(&features, text);
    assert_int_equal(route_learn(p, &features, model, .5, outcome, 1, NULL), 0);
}

// The same text, byte by byte, as the header describes the features: against the vectors.
static uint32_t plain_hash(uint64_t key) {
    return (uint32_t)(((key | UINT64_C(0x2020202020202020)) * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

static void plain_features(const char *text, size_t n, uint32_t *words, uint32_t *pairs) {
    static bool seen[ROUTE_SEEN_PLACES];
    uint32_t last = 0, before_last = 0;
    memset(seen, 0, sizeof seen);
    *words = *pairs = 0;
    for (size_t i = 0; i <= n; i++) {
        uint64_t key = 0;
        size_t len = 0;
        for (; i + len < n; len++) {
            unsigned char c = (unsigned char)text[i + len];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c > 127))
                break;
            if (len < 8)
                key |= (uint64_t)c << (8 * len);
        }
        if (len == 0)
            continue;
        bool number = text[i] >= '0' && text[i] <= '9';
        uint32_t word = plain_hash(key) >> 17, hash = plain_hash(number ? '#' : key);
        uint32_t next = (hash * 31U + last * UINT32_C(0x9E3779B1)) >> 17;
        uint32_t over = (hash * 31U + before_last * UINT32_C(0x85EBCA6B)) >> 17;
        *words += !seen[word];
        seen[word] = true;
        if (last) {
            *pairs += !seen[next];
            seen[next] = true;
        }
        if (before_last) {
            *pairs += !seen[over];
            seen[over] = true;
        }
        before_last = last;
        last = hash | 1;
        i += len;
    }
}

static void features_are_those_that_the_header_tells_of(void **state) {
    (void)state;
    char text[700];
    struct dice dice = {3};
    static const char letters[] = "abcXYZ019 \n\t.,;?=<>+-_\xC3\xA4\xFF";
    for (int round = 0; round < 400; round++) {
        uint32_t words, pairs;
        size_t n = dice_next(&dice) % sizeof text;
        for (size_t i = 0; i < n; i++)
            text[i] = letters[dice_next(&dice) % (sizeof letters - 1)];
        char *exact = malloc(n + 1); // a byte read too far is noticed
        assert_non_null(exact);
        memcpy(exact, text, n);
        route_features_read(&features, exact, n);
        plain_features(text, n, &words, &pairs);
        if (features.words != words || features.pairs != pairs)
            fail_msg("round %d: %u words, %u pairs; expected %u, %u", round, features.words,
                     features.pairs, words, pairs);
        for (int i = 0; i < ROUTE_DENSE; i++)
            assert_true(isfinite(features.dense[i]) && fabsf(features.dense[i]) < 10);
        free(exact);
    }
    read_into(&features, "Count the counters, count!");
    assert_int_equal(features.words, 3); // count, the, counters
    assert_int_equal(features.pairs, 5);
    read_into(&features, "12 apples and 7 apples");
    assert_int_equal(features.words, 4);
    assert_int_equal(features.pairs, 6); // # apples twice
    route_features_read(&features, "", 0);
    assert_int_equal(features.words + features.pairs, 0);
}

static void of_a_very_long_prompt_both_ends_are_read(void **state) {
    (void)state;
    size_t n = 3 * (ROUTE_HEAD_BYTES + ROUTE_TAIL_BYTES);
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    memcpy(text + 10, "first", 5);
    memcpy(text + n / 2, "middle", 6);
    memcpy(text + n - 10, "last", 4);
    route_features_read(&features, text, n);
    assert_int_equal(features.words, 2);
    // As many different words as there is room for.
    for (size_t i = 0; i + 2 <= n; i += 2) {
        text[i] = (char)(128 + i / 2 % 128);
        text[i + 1] = ' ';
    }
    route_features_read(&features, text, n);
    assert_true(features.words <= 128 && features.pairs > 128);
    for (size_t i = 0; i + 5 <= n; i += 5) {
        uint32_t x = (uint32_t)i * 2654435761U;
        for (size_t k = 0; k < 4; k++)
            text[i + k] = (char)('a' + (x >> (k * 7)) % 26);
        text[i + 4] = ' ';
    }
    route_features_read(&features, text, n);
    assert_true(features.words > 280 && features.pairs > 560);
    assert_true(features.words + features.pairs < ROUTE_PLACES);
    free(text);
}

static void choices_are_noticed_and_read_apart(void **state) {
    (void)state;
    read_into(&features, "Which one?\nA. this\nB. that\nAnswer:");
    assert_true(features.choices);
    float stem = features.dense[1], known = features.dense[11];
    read_into(&features, "Which one?\nA) this\nB) this which one\nAnswer:");
    assert_true(features.choices && features.dense[1] == stem && features.dense[11] > known);
    static const char *const none[] = {
        "Which one?\nA. this", "A. b B. c", "x\nK. a\nL. b", "x\nA.a\nB.b", "x\nA.",
        "\nA. \nB.",           "\n\n\nA"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char *exact = malloc(strlen(none[i])); // a byte read too far is noticed
        assert_non_null(exact);
        memcpy(exact, none[i], strlen(none[i]));
        route_features_read(&features, exact, strlen(none[i]));
        if (features.choices)
            fail_msg("no choices in %s", none[i]);
        free(exact);
    }
    // Found far behind the words that are read, too.
    size_t n = ROUTE_SHAPE_HEAD_BYTES;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '-', n);
    memcpy(text + n / 2, "\nA. x\nB. y\n", 12);
    route_features_read(&features, text, n);
    assert_true(features.choices);
    free(text);
}

static void a_damaged_prior_is_refused(void **state) {
    (void)state;
    struct route_prior *p = malloc(sizeof *p);
    size_t n = route_prior_bytes_bytes;
    uint8_t *bytes = malloc(n);
    assert_non_null(p);
    assert_non_null(bytes);
    memcpy(bytes, route_prior_bytes, n);
    assert_int_equal(route_prior_unpack(p, bytes, n, NULL), 0);
    for (size_t cut = 0; cut < n; cut += cut < 300 ? 1 : 4999)
        assert_int_equal(route_prior_unpack(p, bytes, cut, NULL), ERR_CORRUPT);
    for (size_t at = 0; at < n; at += at < 300 ? 1 : 4999) {
        bytes[at] ^= 4;
        assert_int_equal(route_prior_unpack(p, bytes, n, NULL), ERR_CORRUPT);
        // With a sum that is right again: a bucket more or less changes the length; no weight may
        // be infinite.
        uint64_t sum = route_fnv(bytes, n - 8);
        for (size_t i = 0; i < 8; i++)
            bytes[n - 8 + i] = (uint8_t)(sum >> (8 * i));
        int r = route_prior_unpack(p, bytes, n, NULL);
        assert_true(r == 0 || r == ERR_CORRUPT);
        memcpy(bytes, route_prior_bytes, n);
    }
    memset(bytes + 4, 0xFF, 4); // not a number
    uint64_t sum = route_fnv(bytes, n - 8);
    for (size_t i = 0; i < 8; i++)
        bytes[n - 8 + i] = (uint8_t)(sum >> (8 * i));
    assert_int_equal(route_prior_unpack(p, bytes, n, NULL), ERR_CORRUPT);
    free(bytes);
    free(p);
}

static void the_prior_knows_hard_from_easy(void **state) {
    (void)state;
    struct route_predictor *p = predictor(false);
    static const char easy[] =
        "Which of the following is a fruit?\nA. apple\nB. stone\nC. iron\nD. chair\nAnswer:";
    static const char hard[] = "Let G be a finite group of order 24 and H a subgroup of index 3. "
                               "Suppose the function f(x) = 2x^3 - 6x + 1 "
                               "is defined for real x, and let p be the probability that a random "
                               "element commutes.\nFind the number of "
                               "homomorphisms from G to S_3 whose kernel contains H.\nA. 6\nB. "
                               "12\nC. 3x + 2\nD. cannot be determined\nAnswer:";
    double weak_easy = ask(p, easy, "x", 0), weak_hard = ask(p, hard, "x", 0);
    double strong_hard = ask(p, hard, "x", 1), best_hard = ask(p, hard, "x", 2);
    if (!(weak_easy > weak_hard + .1 && strong_hard > weak_hard && best_hard > strong_hard))
        fail_msg("easy %.2f; hard: weak %.2f, strong %.2f, better %.2f", weak_easy, weak_hard,
                 strong_hard, best_hard);
    route_predictor_free(p);
    route_predictor_free(NULL);
}

static void outcomes_teach_about_words_and_about_models(void **state) {
    (void)state;
    struct route_predictor *p = predictor(true);
    assert_true(fabs(ask(p, "anything", "a", .5) - .5) < 1e-6);
    for (int i = 0; i < 60; i++) {
        learn(p, "rename the variable", "a", 1);
        learn(p, "prove the theorem", "a", 0);
        learn(p, "prove the theorem", "b", 1);
    }
    assert_true(ask(p, "rename this variable", "a", .5) > .7);
    assert_true(ask(p, "prove that theorem", "a", .5) < .4);
    assert_true(ask(p, "prove that theorem", "b", .5) > ask(p, "prove that theorem", "a", .5) + .2);
    // A model nobody has tried gets what all share.
    assert_true(ask(p, "rename this variable", "new", .5) >
                ask(p, "prove that theorem", "new", .5));
    assert_int_equal(route_outcomes(p, "a"), 120);
    assert_int_equal(route_outcomes(p, NULL), 180);
    assert_int_equal(route_outcomes(p, "new"), 0);
    // Half an outcome teaches less than a whole one, none nothing.
    double before = ask(p, "rename", "c", .5);
    read_into(&other, "rename");
    assert_int_equal(route_learn(p, &other, "c", .5, 0, 0, NULL), 0);
    assert_true(fabs(ask(p, "rename", "c", .5) - before) < 1e-6);
    assert_int_equal(route_learn(p, &other, "c", .5, 2, 1, NULL), ERR_INVAL);
    assert_int_equal(route_learn(p, &other, "", .5, 1, 1, NULL), ERR_INVAL);
    assert_int_equal(route_learn(p, &other, "c", .5, NAN, 1, NULL), ERR_INVAL);
    route_predictor_free(p);
}

static float after(double weight) {
    struct route_predictor *p = predictor(true);
    read_into(&other, "rename the variable");
    for (int i = 0; i < 20; i++)
        assert_int_equal(route_learn(p, &other, "a", .5, 0, weight, NULL), 0);
    float likely = (float)ask(p, "rename the variable", "a", .5);
    route_predictor_free(p);
    return likely;
}

static void weak_outcomes_teach_little_when_there_are_no_others(void **state) {
    (void)state;
    assert_true(after(1) < after(.25) - .1F);
    assert_true(after(.25) < after(0) - .02F);
}

static void the_model_unused_longest_makes_room(void **state) {
    (void)state;
    struct route_predictor *p = predictor(true);
    char name[16];
    for (int i = 0; i < ROUTE_LEARNED_MODELS_MAX; i++) {
        (void)snprintf(name, sizeof name, "m%d", i);
        learn(p, "some words", name, 0);
    }
    learn(p, "some words", "m0", 0);
    learn(p, "some words", "one-more", 1);
    assert_int_equal(route_outcomes(p, "m0"), 2);
    assert_int_equal(route_outcomes(p, "m1"), 0);
    assert_int_equal(route_outcomes(p, "one-more"), 1);
    route_predictor_free(p);
}

static void what_was_learned_survives_as_bytes(void **state) {
    (void)state;
    struct route_predictor *p = predictor(false), *q = predictor(false), *r = predictor(false);
    AUTO_BUF first = BUF_INIT(0), second = BUF_INIT(0);
    assert_int_equal(route_predictor_write(q, &second, NULL), 0); // nothing learned
    assert_int_equal(route_predictor_read(r, second.data, second.len, NULL), 0);
    buf_clear(&second);
    for (int i = 0; i < 20; i++) {
        learn(p, "rename the variable", "a", i & 1);
        learn(p, "prove the theorem", "b", 0);
    }
    assert_int_equal(route_predictor_write(p, &first, NULL), 0);
    assert_int_equal(route_predictor_read(q, first.data, first.len, NULL), 0);
    assert_int_equal(route_predictor_write(q, &second, NULL), 0);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    assert_true(ask(p, "prove it", "b", .5) == ask(q, "prove it", "b", .5));
    // Every cut and every changed byte is noticed, and what was there stays.
    double before = ask(r, "prove it", "b", .5);
    for (size_t n = 0; n < first.len; n += 7)
        assert_true(route_predictor_read(r, first.data, n, NULL) < 0);
    for (size_t at = 0; at < first.len; at += 5) {
        first.data[at] = (char)(first.data[at] ^ 0x20);
        assert_true(route_predictor_read(r, first.data, first.len, NULL) < 0);
        first.data[at] = (char)(first.data[at] ^ 0x20);
    }
    first.data[3] = '1';
    assert_int_equal(route_predictor_read(r, first.data, first.len, NULL), ERR_VERSION);
    assert_true(ask(r, "prove it", "b", .5) == before);
    route_predictor_free(p);
    route_predictor_free(q);
    route_predictor_free(r);
}

static void every_failing_allocation_is_survived(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct route_predictor *p = NULL, *q = NULL;
        struct buf bytes = BUF_INIT(0);
        read_into(&features, "some words");
        mem_fail_at(n);
        int r = route_predictor_new(&p, NULL);
        if (r == 0)
            r = route_predictor_new_blank(&q, NULL);
        if (r == 0)
            r = route_learn(p, &features, "a", 0, 1, 1, NULL);
        if (r == 0)
            r = route_predictor_write(p, &bytes, NULL);
        if (r == 0)
            r = route_predictor_read(q, bytes.data, bytes.len, NULL);
        bool ran_through = mem_count() < n;
        mem_fail_at(0);
        assert_int_equal(r, ran_through ? 0 : ERR_NOMEM);
        buf_done(&bytes);
        route_predictor_free(p);
        route_predictor_free(q);
        if (ran_through)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_those_that_the_header_tells_of),
        cmocka_unit_test(of_a_very_long_prompt_both_ends_are_read),
        cmocka_unit_test(choices_are_noticed_and_read_apart),
        cmocka_unit_test(a_damaged_prior_is_refused),
        cmocka_unit_test(the_prior_knows_hard_from_easy),
        cmocka_unit_test(outcomes_teach_about_words_and_about_models),
        cmocka_unit_test(weak_outcomes_teach_little_when_there_are_no_others),
        cmocka_unit_test(the_model_unused_longest_makes_room),
        cmocka_unit_test(what_was_learned_survives_as_bytes),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("route/predict", tests, NULL, NULL);
}
