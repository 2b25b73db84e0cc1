#include "federation/pair_code.h"

#include "core/crypto/secret.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void pair_code_draw(struct env *env, struct pair_code *ret) {
    uint8_t random[4 + 2 * PAIR_CODE_WORDS];
    uint32_t number = 0;
    env_random(env, random, sizeof random);
    for (int i = 0; i < 4; i++)
        number = number << 8 | random[i];
    ret->number = (uint16_t)(1 + number % PAIR_NUMBER_MAX); // no secret: its bias does not matter
    for (size_t i = 0; i < PAIR_CODE_WORDS; i++)
        ret->words[i] = (uint16_t)((random[4 + 2 * i] << 8 | random[5 + 2 * i]) & (PAIR_WORDS - 1));
    secret_wipe(random, sizeof random);
}

void pair_code_format(const struct pair_code *c, char ret[PAIR_CODE_BYTES_MAX]) {
    (void)snprintf(ret, PAIR_CODE_BYTES_MAX, "%u-%s-%s-%s", c->number, pair_words[c->words[0]],
                   pair_words[c->words[1]], pair_words[c->words[2]]);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_gap(char c) {
    return c == ' ' || c == '-' || c == '.' || c == ',' || c == '\t' || c == '\n' || c == '\r';
}

// The letters up to the next gap, in lower case; false: something else, or more than `max`.
static bool take_letters(const char **at, const char *end, char *ret, size_t max) {
    size_t n = 0;
    while (*at < end && !is_gap(**at)) {
        char c = lower(*(*at)++);
        if (c < 'a' || c > 'z' || n == max)
            return false;
        ret[n++] = c;
    }
    ret[n] = '\0';
    return n > 0;
}

static int word_number(const char *word) {
    size_t low = 0, high = PAIR_WORDS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(pair_words[middle], word);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

// One letter changed, added, missing, or two neighbours swapped.
static bool is_slip(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b), front = 0, back = 0;
    size_t least = na < nb ? na : nb;
    while (front < least && a[front] == b[front])
        front++;
    while (back < least - front && a[na - 1 - back] == b[nb - 1 - back])
        back++;
    na -= front + back;
    nb -= front + back;
    a += front;
    b += front;
    return (na <= 1 && nb <= 1) || (na == 2 && nb == 2 && a[0] == b[1] && a[1] == b[0]);
}

static int unknown_word(const char *word, struct err *err) {
    for (size_t i = 0; i < PAIR_WORDS; i++)
        if (is_slip(word, pair_words[i]))
            return err_set(err, ERR_INVAL, "“%s” is no word of a pairing code; did you mean “%s”?",
                           word, pair_words[i]);
    return err_set(err, ERR_INVAL, "“%s” is no word of a pairing code", word);
}

static int bad_shape(struct err *err) {
    return err_set(err, ERR_INVAL, "a pairing code is a number and three words, as 7-%s-%s-%s",
                   pair_words[0], pair_words[PAIR_WORDS / 2], pair_words[PAIR_WORDS - 1]);
}

static void skip_gaps(const char **at, const char *end) {
    while (*at < end && is_gap(**at))
        (*at)++;
}

int pair_code_parse(const char *text, size_t n, struct pair_code *ret, struct err *err) {
    if (n > PAIR_TYPED_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "this is too long for a pairing code");
    const char *at = text, *end = text + n;
    struct pair_code c = {0};
    skip_gaps(&at, end);
    for (; at < end && *at >= '0' && *at <= '9' && c.number <= PAIR_NUMBER_MAX; at++)
        c.number = (uint16_t)(c.number * 10 + (*at - '0'));
    if (c.number == 0 || c.number > PAIR_NUMBER_MAX || (at < end && !is_gap(*at)))
        return bad_shape(err);
    for (size_t i = 0; i < PAIR_CODE_WORDS; i++) {
        char word[PAIR_WORD_LETTERS_MAX + 2]; // one letter more than the longest: a slip, too
        skip_gaps(&at, end);
        if (!take_letters(&at, end, word, sizeof word - 1))
            return bad_shape(err);
        int number = word_number(word);
        if (number < 0)
            return unknown_word(word, err);
        c.words[i] = (uint16_t)number;
        secret_wipe(word, sizeof word);
    }
    skip_gaps(&at, end);
    if (at != end)
        return bad_shape(err);
    *ret = c;
    return 0;
}
