#include "federation/pair_message.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t chain[300] = {1, 2, 3};

static void add(struct pair_scopes *s, const char *name) {
    assert_int_equal(pair_scopes_add(s, name, strlen(name), NULL), 0);
}

static void make(enum pair_type type, struct pair_message *ret) {
    *ret = (struct pair_message){.type = type, .number = 0x0102};
    memset(ret->sid, 's', sizeof ret->sid);
    memset(ret->share, 'y', sizeof ret->share);
    memset(ret->tag, 't', sizeof ret->tag);
    ret->reason = PAIR_IDENTITY;
    ret->yes = true;
    memcpy(ret->name, "Ada", 4);
    ret->chain = chain;
    ret->chain_n = sizeof chain;
    add(&ret->give, "task");
    add(&ret->give, "pattern");
    if (type == PAIR_INTRODUCE)
        add(&ret->want, "a.b:c-9");
}

static void every_message_has_the_documented_bytes_and_length(void **state) {
    static const size_t lengths[] = {[PAIR_HELLO] = 52,
                                     [PAIR_REPLY] = 34,
                                     [PAIR_PROOF] = 66,
                                     // 2 + 1+3 + 2+300 + 1+5+8 + 1+8 and 2 + 1 + 1+5+8, mac
                                     [PAIR_INTRODUCE] = 331 + 32,
                                     [PAIR_VERDICT] = 17 + 32,
                                     [PAIR_REFUSE] = 3};
    (void)state;
    for (enum pair_type type = PAIR_HELLO; type <= PAIR_REFUSE; type++) {
        static struct pair_message m, back;
        AUTO_BUF b = BUF_INIT(PAIR_MESSAGE_BYTES_MAX);
        make(type, &m);
        assert_int_equal(pair_message_format(&m, &b), 0);
        if (type == PAIR_INTRODUCE || type == PAIR_VERDICT)
            assert_int_equal(buf_append(&b, chain, PAIR_MAC_BYTES), 0);
        assert_int_equal(b.len, lengths[type]);
        const uint8_t *bytes = (const uint8_t *)b.data;
        assert_int_equal(bytes[0], 1);
        assert_int_equal(bytes[1], type);
        assert_int_equal(pair_message_parse(bytes, b.len, &back, NULL), 0);
        assert_int_equal(back.type, type);
        if (type == PAIR_HELLO)
            assert_memory_equal(bytes + 2, "\1\2ssssssssssssssssyyyy", 22);
        if (type == PAIR_INTRODUCE) {
            assert_memory_equal(bytes + 2, "\3Ada\1\54\1\2\3", 9);
            assert_memory_equal(bytes + 308, "\2\7pattern\4task\1\7a.b:c-9", 23);
            assert_string_equal(back.want.names[0], "a.b:c-9");
            assert_memory_equal(back.chain, chain, sizeof chain);
        }
        for (size_t i = 0; i < b.len; i++) // cut off anywhere
            assert_true(pair_message_parse(bytes, i, &back, NULL) == ERR_PARSE);
        assert_int_equal(buf_putc(&b, 0), 0); // one byte too many
        assert_int_equal(pair_message_parse((const uint8_t *)b.data, b.len, &back, NULL),
                         ERR_PARSE);
    }
}

static void lists_of_scopes_are_sorted_bounded_and_plain(void **state) {
    struct pair_scopes s = {0};
    char name[3] = "a0";
    (void)state;
    add(&s, "b");
    add(&s, "a");
    add(&s, "b");
    assert_int_equal(s.n, 2);
    assert_string_equal(s.names[0], "a");
    assert_int_equal(pair_scopes_add(&s, "", 0, NULL), ERR_INVAL);
    assert_int_equal(pair_scopes_add(&s, "A", 1, NULL), ERR_INVAL);
    assert_int_equal(pair_scopes_add(&s, "a b", 3, NULL), ERR_INVAL);
    assert_int_equal(pair_scopes_add(&s, "aaaaaaaaaaaaaaaaaaaaaaaaa", 25, NULL), ERR_INVAL);
    for (int i = 0; i < PAIR_SCOPES_MAX - 2; i++) {
        name[1] = (char)('a' + i);
        add(&s, name);
    }
    assert_int_equal(pair_scopes_add(&s, "z", 1, NULL), ERR_LIMIT);
    assert_int_equal(pair_scopes_add(&s, "b", 1, NULL), 0); // is there
}

// Whatever is wrong with a list of scopes is refused: order, twice, letters, number.
static void a_list_of_scopes_is_read_in_one_way_only(void **state) {
    static const struct {
        const char *list;
        size_t n;
        int wanted;
    } cases[] = {{"\2\1a\1b", 5, 0},
                 {"\2\1b\1a", 5, ERR_PARSE},
                 {"\2\1a\1a", 5, ERR_PARSE},
                 {"\1\1A", 3, ERR_PARSE},
                 {"\1\0", 2, ERR_PARSE},
                 {"\1\2a", 3, ERR_PARSE},
                 {"\1\3a\0b", 5, ERR_PARSE},
                 {"\21", 1, ERR_PARSE},
                 {"\0", 1, 0},
                 {"\1\31aaaaaaaaaaaaaaaaaaaaaaaaa", 27, ERR_PARSE}};
    static struct pair_message m;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[100] = {PAIR_VERSION, PAIR_VERDICT, 1};
        memcpy(bytes + 3, cases[i].list, cases[i].n);
        assert_int_equal(pair_message_parse(bytes, 3 + cases[i].n + PAIR_MAC_BYTES, &m, NULL),
                         cases[i].wanted);
    }
    uint8_t no[3 + 3 + PAIR_MAC_BYTES] = {PAIR_VERSION, PAIR_VERDICT, 0, 1, 1, 'a'};
    assert_int_equal(pair_message_parse(no, sizeof no, &m, NULL), ERR_PARSE); // no, but grants
    no[2] = 2;
    assert_int_equal(pair_message_parse(no, sizeof no, &m, NULL), ERR_PARSE);
}

static void a_name_shows_what_it_is(void **state) {
    static const char *const good[] = {"Ada", "Ada Lovelace", "Zoë", "李明", "o'Neil (work)", "a"};
    static const char *const bad[] = {"",
                                      " Ada",
                                      "Ada ",
                                      "A\nda",
                                      "A\tda",
                                      "A\x1b[31mda",
                                      "A\x7f",
                                      "A\xc2\x9b"
                                      "31m", // C1 control
                                      "A\xe2\x80\xae"
                                      "d", // turns the direction
                                      "A\xe2\x81\xa6"
                                      "d",
                                      "A\xe2\x80\x8b"
                                      "d", // no width
                                      "A\xef\xbb\xbf",
                                      "A\xc2\xad"
                                      "d",
                                      "A\xff",
                                      "A\xc3",
                                      "A\xed\xa0\x80"};
    char large[PAIR_NAME_BYTES_MAX + 1];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(pair_name_good(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(pair_name_good(bad[i], strlen(bad[i])));
    assert_false(pair_name_good("A\0da", 4));
    memset(large, 'a', sizeof large);
    assert_true(pair_name_good(large, PAIR_NAME_BYTES_MAX));
    assert_false(pair_name_good(large, PAIR_NAME_BYTES_MAX + 1));
}

static void the_largest_message_fits_and_a_larger_one_is_not_read(void **state) {
    static struct pair_message m;
    static uint8_t large[CHAIN_BYTES_MAX];
    AUTO_BUF b = BUF_INIT(PAIR_MESSAGE_BYTES_MAX);
    char name[PAIR_SCOPE_BYTES_MAX + 1];
    (void)state;
    memset(name, 'a', sizeof name);
    m.type = PAIR_INTRODUCE;
    memset(m.name, 'n', PAIR_NAME_BYTES_MAX);
    m.chain = large;
    m.chain_n = sizeof large;
    for (int i = 0; i < PAIR_SCOPES_MAX; i++) {
        name[0] = (char)('a' + i);
        assert_int_equal(pair_scopes_add(&m.give, name, PAIR_SCOPE_BYTES_MAX, NULL), 0);
    }
    m.want = m.give;
    assert_int_equal(pair_message_format(&m, &b), 0);
    assert_int_equal(buf_append(&b, large, PAIR_MAC_BYTES), 0);
    assert_int_equal(b.len, PAIR_MESSAGE_BYTES_MAX);
    assert_int_equal(pair_message_parse((const uint8_t *)b.data, b.len, &m, NULL), 0);
    static uint8_t more[PAIR_MESSAGE_BYTES_MAX + 1] = {PAIR_VERSION, PAIR_HELLO};
    assert_int_equal(pair_message_parse(more, sizeof more, &m, NULL), ERR_LIMIT);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_the_documented_bytes_and_length),
        cmocka_unit_test(lists_of_scopes_are_sorted_bounded_and_plain),
        cmocka_unit_test(a_list_of_scopes_is_read_in_one_way_only),
        cmocka_unit_test(a_name_shows_what_it_is),
        cmocka_unit_test(the_largest_message_fits_and_a_larger_one_is_not_read),
    };
    return cmocka_run_group_tests_name("federation/pair_message", tests, NULL, NULL);
}
