// Inside the secret scanner (secrets.h): rules, the judgement of values, the state of one scan.
// Owner: core/code/secrets*.c. One scan has one thread.
#pragma once

#include "core/code/secrets.h"

// A shape: literal characters, and %C or %Cm or %Cm,n for 1, m, or m to n characters of class C
// (secret_class). The longest run counts, nothing is given back.
struct secret_rule {
    const char *id, *what;
    const char *pattern;
    const char *before;                     // a %Cm,n in front of the pattern, or NULL
    bool (*check)(const char *s, size_t n); // of the whole match; NULL: the shape is enough
    uint8_t confidence;
};
extern const struct secret_rule secret_rules[];
extern const size_t secret_rules_count;

bool secret_class(char class, unsigned char c);
// Bytes of the longest match at s, 0 when there is none, or when more of the same follows it.
size_t secret_match(const char *pattern, const char *s, size_t n);
// Set of what may stand at place `at` (0-3) of a match: 256 bits.
struct secret_set {
    uint64_t bits[4];
};
bool secret_first(const char *pattern, size_t at, struct secret_set *ret);

enum { PATH_FIXTURE = 1, PATH_CONFIG = 2, PATH_LOCK = 4, PATH_DOC = 8 };

struct secret_scan {
    const char *text;
    size_t n;
    unsigned path; // PATH_*
    bool gate;
    secret_fn *emit;
    void *ctx;
    size_t claimed; // nothing is reported before this
    size_t seen, line_start;
    uint32_t line;
    int result;
};
void secret_report(struct secret_scan *s, const char *rule, const char *what, size_t start,
                   size_t end, size_t prefix, unsigned confidence);

// One keyword's candidate each, at `at`.
void secret_try_rule(struct secret_scan *s, const struct secret_rule *rule, size_t at);
void secret_try_pem(struct secret_scan *s, size_t at); // at "-BEG"
void secret_try_jwt(struct secret_scan *s, size_t at);
void secret_try_url(struct secret_scan *s, size_t at);    // one letter, "://"
void secret_try_assign(struct secret_scan *s, size_t at); // at a word such as "pass"
void secret_try_bearer(struct secret_scan *s, size_t at);

// Whether a provider's shape, a key or a token begins here: then the value is theirs to judge.
bool secret_is_shaped(const struct secret_scan *s, size_t at, size_t end);
// A value with a provider's prefix that is not the provider's token: cut, invented, an example.
bool secret_begins_like_token(const char *s, size_t n);
unsigned secret_path_flags(const char *path);

// --- values --------------------------------------------------------------------------------------
// Templates, references to somewhere else.
bool value_is_template(const char *s, size_t n);
// These, and words that people put in a value's place.
bool value_is_placeholder(const char *s, size_t n);
// A run, a sequence, few different characters, or an example's words: the body of no real token.
bool value_is_dull(const char *s, size_t n);
bool value_is_uuid(const char *s, size_t n);
bool value_has_word(const char *s, size_t n, const char *word); // any case
// Random enough for a token: 16 to 200 characters.
bool value_is_random(const char *s, size_t n);
bool value_is_hex(const char *s, size_t n);
// A password that somebody chose with care: several kinds of characters, no words.
bool value_is_password(const char *s, size_t n);
// 0-100: how much of its letters reads like words.
unsigned value_wordiness(const char *s, size_t n);

// --- codes ---------------------------------------------------------------------------------------
// Either alphabet; blanks, quotes and \n escapes between the digits are skipped. Bytes written, at
// most `room`; *ret_digits counts all digits. Stops at the first other character.
size_t code_base64(const char *s, size_t n, uint8_t *out, size_t room, size_t *ret_digits);
bool check_github(const char *s, size_t n);  // CRC-32 of 30 characters in base 62
bool check_age(const char *s, size_t n);     // bech32
bool check_nkey(const char *s, size_t n);    // base32, CRC-16/XMODEM
bool check_azure(const char *s, size_t n);   // 64 bytes in base64
bool check_account(const char *s, size_t n); // 32 bytes in base64
bool check_discord(const char *s, size_t n); // the first part is a number
