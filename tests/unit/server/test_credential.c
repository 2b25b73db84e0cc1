#include "server/credential.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Written in two halves, so that no scanner takes this file for a leak.
static void shapes_of_keys_and_tokens_are_noticed(void **state) {
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"-----BEGIN "
         "PRIVATE KEY-----\nMIIE",
         "a private key"},
        {"see\n-----BEGIN "
         "OPENSSH PRIVATE KEY-----\nb3Bl",
         "a private key"},
        {"-----BEGIN "
         "PGP PRIVATE KEY BLOCK-----",
         "a private key"},
        {"token gh"
         "p_0123456789abcdefghijABCDEFGHIJ012345.",
         "a GitHub token"},
        {"AK"
         "IA0123456789ABCDEF",
         "an AWS access key"},
        {"export KEY=sk-"
         "ant-"
         "api00"
         "0123456789abcdef"
         "0123456789abcdef",
         "an Anthropic key"},
        {"\"xox"
         "b-123456789012-abcdefghijkl\"",
         "a Slack token"},
        {"(gl"
         "pat-0123456789abcdefghij)",
         "a GitLab token"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *what = credential_find(cases[i].text, strlen(cases[i].text));
        assert_non_null(what);
        assert_string_equal(what, cases[i].what);
    }
}

static void ordinary_text_is_left_alone(void **state) {
    static const char *const texts[] = {
        "",
        "we rotate the ghp_ tokens each month",
        "-----BEGIN CERTIFICATE-----\nMIIB",
        "-----BEGIN PUBLIC KEY-----\nMIIB",
        "the key begins with -----BEGIN and ends somewhere below\nPRIVATE KEY-----",
        "task-sk-learn-is-a-name-that-has-a-lot-of-parts-in-it",
        "AKIA",
        ("mygh"
         "p_0123456789abcdefghijABCDEFGHIJ012345"),
        "npm_config_registry_is_an_environment_variable_name",
        "sk-abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_null(credential_find(texts[i], strlen(texts[i])));
    assert_null(credential_find("AK"
                                "IA0123456789ABCDEF",
                                19)); // cut before its end
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_of_keys_and_tokens_are_noticed),
        cmocka_unit_test(ordinary_text_is_left_alone),
    };
    return cmocka_run_group_tests_name("server/credential", tests, NULL, NULL);
}
