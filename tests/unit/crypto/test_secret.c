#include "core/crypto/keyring_impl.h"
#include "core/crypto/secret.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// RFC 5869 publishes SHA-1 and SHA-256 only; this is its test case 1 with SHA-512 as computed by an
// independent implementation from HMAC (Python's hmac module).
static void hkdf_gives_an_independent_result(void **state) {
    (void)state;
    static const uint8_t wanted[42] = {
        0x83, 0x23, 0x90, 0x08, 0x6c, 0xda, 0x71, 0xfb, 0x47, 0x62, 0x5b, 0xb5, 0xce, 0xb1,
        0x68, 0xe4, 0xc8, 0xe2, 0x6a, 0x1a, 0x16, 0xed, 0x34, 0xd9, 0xfc, 0x7f, 0xe9, 0x2c,
        0x14, 0x81, 0x57, 0x93, 0x38, 0xda, 0x36, 0x2c, 0xb8, 0xd9, 0xf9, 0x25, 0xd7, 0xcb};
    uint8_t key[22], salt[13], info[10], out[42];
    memset(key, 0x0b, sizeof key);
    for (uint8_t i = 0; i < sizeof salt; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(0xf0 + i);
    assert_int_equal(
        secret_hkdf(key, sizeof key, salt, sizeof salt, info, sizeof info, out, sizeof out), 0);
    assert_memory_equal(out, wanted, sizeof wanted);
}

static void secret_memory_works_when_nothing_may_be_locked(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        // The superuser is not bound by the limit, but nobody else needs to be asked.
        (void)setrlimit(RLIMIT_MEMLOCK, &none);
        uint8_t *p = secret_alloc(1000);
        if (!p)
            _exit(1);
        memset(p, 0xaa, 1000);
        secret_free(p);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void recovery_words_come_back_in_any_dress(void **state) {
    (void)state;
    uint8_t secret[RECOVERY_SECRET_BYTES], back[sizeof secret];
    char words[KEYRING_RECOVERY_BYTES_MAX], typed[2 * KEYRING_RECOVERY_BYTES_MAX];
    for (int round = 0; round < 200; round++) {
        secret_random(secret, sizeof secret);
        assert_int_equal(recovery_format(RECOVERY_STORE, secret, words, sizeof words), 0);
        assert_true(recovery_parse(RECOVERY_STORE, words, strlen(words), back));
        assert_memory_equal(back, secret, sizeof secret);
        // First four letters, capitals, dashes, line ends.
        size_t n = 0, letters = 0;
        for (const char *p = words; *p; p++) {
            letters = *p == ' ' ? 0 : letters + 1;
            if (*p == ' ') {
                typed[n] = "-\n ,"[n % 4];
                n++;
            } else if (letters <= 4)
                typed[n++] = (char)toupper((unsigned char)*p);
        }
        assert_true(recovery_parse(RECOVERY_STORE, typed, n, back));
        assert_memory_equal(back, secret, sizeof secret);
    }
}

static void recovery_words_are_told_from_mistakes(void **state) {
    (void)state;
    uint8_t secret[RECOVERY_SECRET_BYTES] = {1, 2, 3}, back[sizeof secret];
    char words[KEYRING_RECOVERY_BYTES_MAX];
    assert_int_equal(recovery_format(RECOVERY_STORE, secret, words, sizeof words), 0);
    assert_false(
        recovery_parse(RECOVERY_STORE, words, strlen(words) - 8, back)); // a word or a letter less
    assert_false(recovery_parse(RECOVERY_STORE, "", 0, back));
    assert_false(recovery_parse(RECOVERY_STORE, "correct horse battery staple", 28, back));
    char more[sizeof words + 16];
    int n = snprintf(more, sizeof more, "%s acorn", words);
    assert_false(recovery_parse(RECOVERY_STORE, more, (size_t)n, back));
    n = snprintf(more, sizeof more, "%sx", words); // not the word's ending
    assert_false(recovery_parse(RECOVERY_STORE, more, (size_t)n, back));
    // Two words exchanged: the check byte is of all of them.
    unsigned accepted = 0;
    for (unsigned i = 1; i < 256; i++) {
        uint8_t other[sizeof secret] = {(uint8_t)(1 ^ i), 2, 3};
        char changed[KEYRING_RECOVERY_BYTES_MAX];
        assert_int_equal(recovery_format(RECOVERY_STORE, other, changed, sizeof changed), 0);
        // One word mistyped: the words of `other` with the last word of `secret`.
        const char *end = strrchr(words, ' ');
        char *cut = strrchr(changed, ' ');
        n = snprintf(more, sizeof more, "%.*s%s", (int)(cut - changed), changed, end);
        accepted += recovery_parse(RECOVERY_STORE, more, (size_t)n, back);
    }
    assert_true(accepted <= 8); // one in 256 on average; the commitment finds those
    assert_int_equal(recovery_format(RECOVERY_STORE, secret, words, 20), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_gives_an_independent_result),
        cmocka_unit_test(secret_memory_works_when_nothing_may_be_locked),
        cmocka_unit_test(recovery_words_come_back_in_any_dress),
        cmocka_unit_test(recovery_words_are_told_from_mistakes),
    };
    if (secret_init(NULL) < 0)
        return 1;
    return cmocka_run_group_tests_name("crypto/secret", tests, NULL, NULL);
}
