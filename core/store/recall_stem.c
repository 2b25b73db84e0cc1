#include "core/store/recall_stem.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// --- irregular forms -----------------------------------------------------------------------------
// Sorted by form. The base is written as a word, and stemmed afterwards like any other.
struct irregular {
    const char *form, *base;
};
static const struct irregular irregulars[] = {
    {"ate", "eat"},          {"became", "become"},   {"been", "be"},
    {"began", "begin"},      {"begun", "begin"},     {"bent", "bend"},
    {"best", "good"},        {"better", "good"},     {"bit", "bit"},
    {"blew", "blow"},        {"born", "birth"},      {"bought", "buy"},
    {"broke", "break"},      {"broken", "break"},    {"brought", "bring"},
    {"built", "build"},      {"came", "come"},       {"caught", "catch"},
    {"children", "child"},   {"chose", "choose"},    {"chosen", "choose"},
    {"costs", "cost"},       {"dealt", "deal"},      {"did", "do"},
    {"does", "do"},          {"done", "do"},         {"drank", "drink"},
    {"drawn", "draw"},       {"dreamt", "dream"},    {"drew", "draw"},
    {"driven", "drive"},     {"drove", "drive"},     {"drunk", "drink"},
    {"eaten", "eat"},        {"fallen", "fall"},     {"feet", "foot"},
    {"fell", "fall"},        {"felt", "feel"},       {"flew", "fly"},
    {"flown", "fly"},        {"forgave", "forgive"}, {"forgot", "forget"},
    {"forgotten", "forget"}, {"fought", "fight"},    {"found", "find"},
    {"froze", "freeze"},     {"frozen", "freeze"},   {"gave", "give"},
    {"given", "give"},       {"gone", "go"},         {"got", "get"},
    {"gotten", "get"},       {"grew", "grow"},       {"grown", "grow"},
    {"had", "have"},         {"has", "have"},        {"heard", "hear"},
    {"held", "hold"},        {"hid", "hide"},        {"hidden", "hide"},
    {"hung", "hang"},        {"indices", "index"},   {"kept", "keep"},
    {"knew", "know"},        {"known", "know"},      {"knives", "knife"},
    {"laid", "lay"},         {"leaves", "leave"},    {"led", "lead"},
    {"lent", "lend"},        {"lives", "life"},      {"lost", "lose"},
    {"made", "make"},        {"matrices", "matrix"}, {"meant", "mean"},
    {"men", "man"},          {"met", "meet"},        {"mice", "mouse"},
    {"mistaken", "mistake"}, {"paid", "pay"},        {"people", "person"},
    {"ran", "run"},          {"rang", "ring"},       {"ridden", "ride"},
    {"risen", "rise"},       {"rode", "ride"},       {"rose", "rose"},
    {"said", "say"},         {"sang", "sing"},       {"sat", "sit"},
    {"saw", "see"},          {"seen", "see"},        {"sent", "send"},
    {"shaken", "shake"},     {"shook", "shake"},     {"shot", "shoot"},
    {"shown", "show"},       {"slept", "sleep"},     {"sold", "sell"},
    {"sought", "seek"},      {"spent", "spend"},     {"spoke", "speak"},
    {"spoken", "speak"},     {"spun", "spin"},       {"stole", "steal"},
    {"stolen", "steal"},     {"stood", "stand"},     {"struck", "strike"},
    {"stuck", "stick"},      {"sung", "sing"},       {"swam", "swim"},
    {"swept", "sweep"},      {"taken", "take"},      {"taught", "teach"},
    {"teeth", "tooth"},      {"thought", "think"},   {"threw", "throw"},
    {"thrown", "throw"},     {"told", "tell"},       {"took", "take"},
    {"tore", "tear"},        {"torn", "tear"},       {"understood", "understand"},
    {"vertices", "vertex"},  {"was", "be"},          {"went", "go"},
    {"were", "be"},          {"wives", "wife"},      {"woke", "wake"},
    {"women", "woman"},      {"won", "win"},         {"wore", "wear"},
    {"worn", "wear"},        {"worse", "bad"},       {"worst", "bad"},
    {"wrote", "write"},      {"written", "write"},
};

static int irregular_compare(const void *key, const void *entry) {
    return strcmp(key, ((const struct irregular *)entry)->form);
}

// --- Porter
// --------------------------------------------------------------------------------------- b[0..k)
// is the word; j is the length of the stem in front of the suffix that was matched last.
struct stemmer {
    char *b;
    size_t k, j;
};

static bool is_consonant(const struct stemmer *z, size_t i) {
    switch (z->b[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
        return false;
    case 'y':
        return i == 0 || !is_consonant(z, i - 1);
    default:
        return true;
    }
}

// Porter's m: vowel-consonant sequences in the first `n` letters.
static size_t measure(const struct stemmer *z, size_t n) {
    size_t m = 0, i = 0;
    while (i < n && is_consonant(z, i))
        i++;
    while (i < n) {
        while (i < n && !is_consonant(z, i))
            i++;
        if (i == n)
            break;
        m++;
        while (i < n && is_consonant(z, i))
            i++;
    }
    return m;
}

static bool has_vowel(const struct stemmer *z, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!is_consonant(z, i))
            return true;
    return false;
}

static bool ends_double(const struct stemmer *z) {
    return z->k >= 2 && z->b[z->k - 1] == z->b[z->k - 2] && is_consonant(z, z->k - 1);
}

// *o: consonant-vowel-consonant at the end of the first n letters, the last not w, x or y.
static bool ends_short(const struct stemmer *z, size_t n) {
    if (n < 3 || !is_consonant(z, n - 1) || is_consonant(z, n - 2) || !is_consonant(z, n - 3))
        return false;
    char c = z->b[n - 1];
    return c != 'w' && c != 'x' && c != 'y';
}

static bool ends(struct stemmer *z, const char *suffix) {
    size_t n = strlen(suffix);
    if (n > z->k || memcmp(z->b + z->k - n, suffix, n) != 0)
        return false;
    z->j = z->k - n;
    return true;
}

static void set_suffix(struct stemmer *z, const char *to) {
    size_t n = strlen(to);
    memcpy(z->b + z->j, to, n);
    z->k = z->j + n;
}

struct suffix_rule {
    const char *from, *to;
};

// The first (longest) suffix that matches decides; it is replaced when the stem is long enough.
static void apply(struct stemmer *z, const struct suffix_rule *rules, size_t n, size_t m_above) {
    for (size_t i = 0; i < n; i++) {
        if (!ends(z, rules[i].from))
            continue;
        if (measure(z, z->j) > m_above)
            set_suffix(z, rules[i].to);
        return;
    }
}

static void step_plural(struct stemmer *z) { // 1a
    if (z->b[z->k - 1] != 's')
        return;
    if (ends(z, "sses"))
        z->k -= 2;
    else if (ends(z, "ies"))
        set_suffix(z, z->j > 1 ? "i" : "ie"); // ties → tie, not ti
    else if (!ends(z, "ss") && !ends(z, "us") && !ends(z, "is"))
        z->k--;
}

static void step_past(struct stemmer *z) { // 1b
    if (ends(z, "eed")) {
        if (measure(z, z->j) > 0)
            z->k--;
        return;
    }
    if (!((ends(z, "ed") || ends(z, "ing")) && has_vowel(z, z->j)))
        return;
    z->k = z->j;
    if (ends(z, "at") || ends(z, "bl") || ends(z, "iz")) {
        z->b[z->k++] = 'e';
    } else if (ends_double(z)) {
        char c = z->b[z->k - 1];
        if (c != 'l' && c != 's' && c != 'z')
            z->k--;
    } else if (measure(z, z->k) == 1 && ends_short(z, z->k)) {
        z->b[z->k++] = 'e';
    }
}

static void step_y(struct stemmer *z) { // 1c
    if (ends(z, "y") && z->j > 1 && has_vowel(z, z->j))
        z->b[z->k - 1] = 'i';
    else if (ends(z, "y") && z->j > 1 && is_consonant(z, z->j - 1))
        z->b[z->k - 1] = 'i';
}

static void steps_derivation(struct stemmer *z) { // 2, 3, 4
    static const struct suffix_rule second[] = {
        {"ational", "ate"}, {"ization", "ize"}, {"fulness", "ful"}, {"ousness", "ous"},
        {"iveness", "ive"}, {"tional", "tion"}, {"biliti", "ble"},  {"entli", "ent"},
        {"ation", "ate"},   {"alism", "al"},    {"aliti", "al"},    {"ousli", "ous"},
        {"iviti", "ive"},   {"enci", "ence"},   {"anci", "ance"},   {"izer", "ize"},
        {"abli", "able"},   {"alli", "al"},     {"ator", "ate"},    {"logi", "log"},
        {"bli", "ble"},     {"eli", "e"},
    };
    static const struct suffix_rule third[] = {
        {"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
        {"ical", "ic"},  {"ness", ""},  {"ful", ""},
    };
    static const struct suffix_rule fourth[] = {
        {"ement", ""}, {"ance", ""}, {"ence", ""}, {"able", ""}, {"ible", ""}, {"ment", ""},
        {"ant", ""},   {"ent", ""},  {"ism", ""},  {"ate", ""},  {"iti", ""},  {"ous", ""},
        {"ive", ""},   {"ize", ""},  {"al", ""},   {"er", ""},   {"ic", ""},   {"ou", ""},
    };
    apply(z, second, COUNT_OF(second), 0);
    apply(z, third, COUNT_OF(third), 0);
    if (ends(z, "ion")) {
        if (z->j > 0 && (z->b[z->j - 1] == 's' || z->b[z->j - 1] == 't') && measure(z, z->j) > 1)
            z->k = z->j;
        return;
    }
    apply(z, fourth, COUNT_OF(fourth), 1);
}

static void step_final(struct stemmer *z) { // 5
    if (z->b[z->k - 1] == 'e') {
        size_t m = measure(z, z->k - 1);
        if (m > 1 || (m == 1 && !ends_short(z, z->k - 1)))
            z->k--;
    }
    if (z->b[z->k - 1] == 'l' && ends_double(z) && measure(z, z->k) > 1)
        z->k--;
}

size_t recall_stem(char *word, size_t n) {
    if (n < 3)
        return n;
    if (n <= 10) {
        char key[11];
        memcpy(key, word, n);
        key[n] = '\0';
        const struct irregular *found =
            bsearch(key, irregulars, COUNT_OF(irregulars), sizeof irregulars[0], irregular_compare);
        if (found) {
            n = strlen(found->base);
            memcpy(word, found->base, n);
            if (n < 3)
                return n;
        }
    }
    struct stemmer z = {.b = word, .k = n};
    step_plural(&z);
    if (z.k > 2)
        step_past(&z);
    if (z.k > 2) {
        step_y(&z);
        steps_derivation(&z);
        step_final(&z);
    }
    assert(z.k > 0);
    return z.k;
}
