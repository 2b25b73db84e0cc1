#include "core/code/secrets_impl.h"

#include "core/base/mem.h"

#include <math.h>
#include <string.h>
#include <strings.h>

// How usual two letters beside each other are in names and prose, 0-9; counted (square roots, logs)
// over the sources and documents of this project. Random letters have a mean of 2.9, words of 6.5.
static const char *const bigrams[26] = {
    "45772460615877060878544650", // a
    "61236200451520630441600061", // b
    "70427007407752860638412030", // c
    "63158340600430610462401040", // d
    "73776653403778566888355760", // e
    "60344520700400720655500020", // f
    "40207034601335510553530000", // g
    "71007000601031610534300030", // h
    "44776460212769650667250507", // i
    "20005000001020500070200000", // j
    "40037020500104120050300000", // k
    "63267500703710730266621050", // l
    "75628200602252660052500000", // m
    "62777571615525750578751040", // n
    "45764650715768670867756420", // o
    "70537134502612640656601040", // p
    "00000000000400000010700000", // q
    "72569250705557750767852060", // r
    "60618126705524764279605050", // s
    "80558508720430740875704550", // t
    "65767530600767250767210002", // u
    "60007500400020720010000000", // v
    "60026006600205600550000000", // w
    "30324100400000150007000310", // x
    "01004000100234350456001001", // y
    "30007000000000100010000013", // z
};
enum { WORDY = 54, WORDY_PAIRS_MIN = 5 }; // tenths

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static bool is_letter(char c) {
    return is_lower((char)(c | 0x20));
}

unsigned value_wordiness(const char *s, size_t n) {
    unsigned sum = 0, pairs = 0;
    for (size_t i = 1; i < n; i++) {
        if (!is_letter(s[i - 1]) || !is_letter(s[i]))
            continue;
        sum += (unsigned)(bigrams[(s[i - 1] | 0x20) - 'a'][(s[i] | 0x20) - 'a'] - '0');
        pairs++;
    }
    // Hexadecimal has few letters side by side, and those are of the usual ones.
    return pairs < WORDY_PAIRS_MIN || pairs * 3 < n ? 0 : sum * 10 / pairs;
}

bool value_has_word(const char *s, size_t n, const char *word) {
    size_t m = strlen(word);
    for (size_t i = 0; i + m <= n; i++)
        if (strncasecmp(s + i, word, m) == 0)
            return true;
    return false;
}

static bool has_any(const char *s, size_t n, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (value_has_word(s, n, words[i]))
            return true;
    return false;
}

static bool is_any(const char *s, size_t n, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == n && strncasecmp(s, words[i], n) == 0)
            return true;
    return false;
}

// In random text of 40 letters and digits a given word of four letters stands once in 80,000.
static const char *const example_words[] = {
    "example",
    "sample",
    "placeholder",
    "change",
    "dummy",
    "fake",
    "mock",
    "redacted",
    "removed",
    "masked",
    "default",
    "lorem",
    "foobar",
    "deadbeef",
    "invalid",
    "your",
    "insert",
    "replace",
    "notreal",
    "secret",
    "password",
    "passwd",
    "hunter2",
    "qwerty",
    "undefined",
    "testing",
    "username",
    "xxxx",
    "abcdef",
    "1234567890",
    "badf00d",
    "cafebabe",
    "baadf00d",
    "abc123",
    "012345",
    "654321",
    "unused",
    "none-",
    "somekey",
    /* RFC 6749, RFC 5849: */ "2YotnFZFEjr1zCsicMWp",
    "tGzv3JOkF0XG5Qx2TlKW",
    "czZCaGRSa3F0Mz",
    "0685bd9184jfhq22",
    "ad180jjd733klru7",
    "whatever",
};

bool value_is_dull(const char *s, size_t n) {
    uint8_t seen[256] = {0};
    size_t distinct = 0, same = 1, up = 1, longest_same = 1, longest_up = 1, again = 0;
    for (size_t i = 0; i < n; i++) {
        distinct += !seen[(unsigned char)s[i]];
        seen[(unsigned char)s[i]] = 1;
        if (i == 0)
            continue;
        same = s[i] == s[i - 1] ? same + 1 : 1;
        up = s[i] == s[i - 1] + 1 || s[i] == s[i - 1] - 1 ? up + 1 : 1;
        longest_same = same > longest_same ? same : longest_same;
        longest_up = up > longest_up ? up : longest_up;
        again += i >= 4 && s[i] == s[i - 4];
    }
    size_t wanted = n < 20 ? 6 : n < 32 ? 8 : 9;
    return distinct < wanted || longest_same >= 6 || longest_up >= 7 ||
           (n >= 16 && again * 2 > n) || has_any(s, n, example_words, COUNT_OF(example_words));
}

bool value_is_template(const char *s, size_t n) {
    static const char *const marks[] = {"${",  "{{",           "}}", "<%", "%(", "$(",  "#{", "***",
                                        "...", "\xE2\x80\xA6", "@@", "[[", "]]", "\\u", "\\x"};
    static const char *const elsewhere[] = {
        "os.environ", "process.env", "getenv", "env(",      "env[",      "environment.", "vault:",
        "ssm:",       "arn:",        "op://",  "secretref", "valuefrom", "!secret",      "file://"};
    if (has_any(s, n, marks, COUNT_OF(marks)) || has_any(s, n, elsewhere, COUNT_OF(elsewhere)))
        return true;
    char first = s[0], last = s[n - 1];
    if (first == '$' && n > 1 && (is_letter(s[1]) || s[1] == '_') && value_wordiness(s, n) >= WORDY)
        return true;
    if ((first == '<' && last == '>') || (first == '{' && last == '}') ||
        (first == '%' && last == '%') || (first == '[' && last == ']') ||
        (first == '_' && last == '_'))
        return true;
    for (size_t i = 0; i + 1 < n; i++) // printf
        if (s[i] == '%' && (s[i + 1] == 's' || s[i + 1] == 'd' || s[i + 1] == 'v'))
            return true;
    return false;
}

bool value_is_placeholder(const char *s, size_t n) {
    static const char *const whole[] = {
        "test", "foo",   "bar",   "baz",  "demo",  "null", "nil",  "none",  "true",  "false",
        "todo", "fixme", "admin", "root", "guest", "user", "pass", "token", "key",   "value",
        "data", "name",  "pwd",   "pw",   "ok",    "yes",  "no",   "empty", "string"};
    return n == 0 || value_is_template(s, n) || is_any(s, n, whole, COUNT_OF(whole)) ||
           value_is_dull(s, n);
}

bool value_is_hex(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!secret_class('H', (unsigned char)s[i]))
            return false;
    return n > 0;
}

bool value_is_uuid(const char *s, size_t n) {
    if (n != 36)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !secret_class('H', (unsigned char)s[i]))
            return false;
    }
    return true;
}

struct kinds {
    size_t digits, lowers, uppers, marks, others, changes;
    double bits; // Shannon, a character
};

static struct kinds count_kinds(const char *s, size_t n) {
    struct kinds k = {0};
    uint16_t seen[256] = {0};
    int last = -1;
    for (size_t i = 0; i < n; i++) {
        int kind = is_digit(s[i]) ? 0 : is_lower(s[i]) ? 1 : is_upper(s[i]) ? 2 : 3;
        k.digits += kind == 0;
        k.lowers += kind == 1;
        k.uppers += kind == 2;
        k.marks += kind == 3;
        k.others += kind == 3 && !secret_class('t', (unsigned char)s[i]) &&
                    !secret_class('b', (unsigned char)s[i]) && s[i] != '=';
        k.changes += last >= 0 && last != kind;
        last = kind;
        seen[(unsigned char)s[i]]++;
    }
    for (size_t c = 0; c < 256; c++)
        if (seen[c])
            k.bits -= (double)seen[c] / (double)n * log2((double)seen[c] / (double)n);
    return k;
}

enum { RANDOM_MIN = 16, RANDOM_MAX = 200, PASSWORD_MAX = 64 };

bool value_is_random(const char *s, size_t n) {
    if (n < RANDOM_MIN || n > RANDOM_MAX || value_is_dull(s, n) || value_is_uuid(s, n))
        return false;
    struct kinds k = count_kinds(s, n);
    if (value_is_hex(s, n))
        return n >= 32 && n % 2 == 0 && k.digits >= n / 5 && k.lowers + k.uppers >= n / 8 &&
               !(k.lowers && k.uppers);
    if (k.others || k.digits == 0 || k.lowers + k.uppers < 4)
        return false;
    // Words and numbers tied together; random base64 has a mark for every 32 characters.
    if (k.marks > 2 + n / 10 || value_wordiness(s, n) >= WORDY)
        return false;
    size_t alphabet = k.uppers && k.lowers ? 62 : 36;
    double most = log2((double)(n < alphabet ? n : alphabet));
    return k.bits >= 0.80 * most && k.changes * 5 >= n;
}

// "P@55w0rd!"
static bool is_disguised_example(const char *s, size_t n) {
    static const char from[] = "@4$531!0", to[] = "aasseiio";
    char plain[PASSWORD_MAX];
    for (size_t i = 0; i < n; i++) {
        const char *at = memchr(from, s[i], sizeof from - 1);
        plain[i] = at ? to[at - from] : s[i];
    }
    return has_any(plain, n, example_words, COUNT_OF(example_words));
}

bool value_is_password(const char *s, size_t n) {
    if (n < 8 || n > PASSWORD_MAX || value_is_placeholder(s, n) || value_is_uuid(s, n) ||
        is_disguised_example(s, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7F)
            return false;
    struct kinds k = count_kinds(s, n);
    int used = (k.digits > 0) + (k.lowers > 0) + (k.uppers > 0) + (k.marks > 0);
    return used >= 3 && k.digits > 0 && k.marks <= n / 3 && k.changes * 4 >= n && k.bits >= 2.7 &&
           value_wordiness(s, n) < WORDY;
}
