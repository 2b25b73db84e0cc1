// The audit log: bytes as documented, a chain that shows every change, a tree as RFC 6962 has it.
#include "core/store/audit.h"

#include "core/base/mem.h"
#include "core/store/store_impl.h"
#include "tests/unit/store/store_support.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { START_MS = 1700000000 };

static int setup(void **state) {
    *state = open_plain();
    return 0;
}

static int teardown(void **state) {
    db_close(*state);
    return 0;
}

static int64_t add(struct db *db, int64_t bytes, const char *workspace) {
    const struct audit_entry e = {.time_ms = START_MS + bytes,
                                  .event = AUDIT_SEND,
                                  .kind = "backend",
                                  .audience = "anthropic",
                                  .purpose = "ask",
                                  .model = "claude",
                                  .bytes_out = bytes,
                                  .workspace = workspace};
    int64_t seq = 0;
    assert_int_equal(audit_append(db, &e, &seq, NULL), 0);
    return seq;
}

static int verify(struct db *db, const struct audit_mark *mark, struct audit_state *state,
                  struct err *err) {
    return audit_verify(db, mark, NULL, NULL, state, err);
}

static void hex_is(const uint8_t *bytes, size_t n, const char *wanted) {
    char text[2048];
    (void)sodium_bin2hex(text, sizeof text, bytes, n);
    assert_string_equal(text, wanted);
}

static void a_leaf_has_the_bytes_that_are_documented(void **state) {
    (void)state;
    AUTO_BUF leaf = BUF_INIT(AUDIT_LEAF_BYTES_MAX);
    uint8_t subject[AUDIT_HASH_BYTES];
    memset(subject, 0xab, sizeof subject);
    const struct audit_entry e = {.seq = 7,
                                  .time_ms = 0x0102030405,
                                  .event = AUDIT_END,
                                  .outcome = AUDIT_FAILED,
                                  .ref = 6,
                                  .bytes_out = 258,
                                  .bytes_in = 3,
                                  .kind = "backend",
                                  .audience = "a",
                                  .purpose = "",
                                  .model = "m1"};
    assert_int_equal(audit_leaf_encode(&e, subject, &leaf, NULL), 0);
    hex_is((const uint8_t *)leaf.data, leaf.len,
           "01"
           "0000000000000007"
           "0000000102030405"
           "02"
           "02"
           "0000000000000006"
           "0000000000000102"
           "0000000000000003"
           "abababababababababababababababababababababababababababababababab"
           "00076261636b656e64"
           "000161"
           "0000"
           "00026d31");
    struct audit_entry back;
    struct audit_texts texts;
    uint8_t found[AUDIT_HASH_BYTES];
    assert_int_equal(audit_leaf_decode((const uint8_t *)leaf.data, leaf.len, &back, found, &texts),
                     0);
    assert_int_equal(back.seq, 7);
    assert_int_equal(back.event, AUDIT_END);
    assert_string_equal(back.model, "m1");
    assert_true(back.about_workspace);
    for (size_t n = 0; n < leaf.len; n++) // none that is cut is taken
        assert_int_equal(audit_leaf_decode((const uint8_t *)leaf.data, n, &back, found, &texts),
                         ERR_PARSE);
}

// The leaves and roots of the reference implementations of certificate transparency.
static void the_tree_is_that_of_rfc_6962(void **state) {
    (void)state;
    static const char *const leaves[] = {"",
                                         "00",
                                         "10",
                                         "2021",
                                         "3031",
                                         "40414243",
                                         "5051525354555657",
                                         "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct tree_frontier f = {0};
    for (size_t i = 0;; i++) {
        uint8_t root[AUDIT_HASH_BYTES], leaf[32], hash[AUDIT_HASH_BYTES];
        size_t n = 0;
        tree_frontier_root(&f, root);
        hex_is(root, sizeof root, roots[i]);
        if (i == COUNT_OF(leaves))
            break;
        assert_int_equal(
            sodium_hex2bin(leaf, sizeof leaf, leaves[i], strlen(leaves[i]), NULL, &n, NULL), 0);
        audit_leaf_hash(leaf, n, hash);
        tree_frontier_add(&f, hash);
    }
}

static void what_was_added_is_verified_and_any_change_is_shown(void **state) {
    struct audit_state found = {0};
    struct err err;
    assert_int_equal(verify(*state, NULL, &found, NULL), 0);
    assert_int_equal(found.entries, 0);
    for (int64_t i = 1; i <= 20; i++)
        assert_int_equal(add(*state, i, i % 2 ? "/w" : NULL), i);
    assert_int_equal(verify(*state, NULL, &found, NULL), 0);
    assert_int_equal(found.entries, 20);
    static const struct {
        const char *change, *says;
    } changes[] = {
        {"UPDATE audit SET leaf = (SELECT leaf FROM audit WHERE seq = 8) WHERE seq = 9", "entry 9"},
        {"UPDATE audit SET link = (SELECT link FROM audit WHERE seq = 8) WHERE seq = 9",
         "entry 9 of the audit log was changed"},
        {"UPDATE audit SET leaf = CAST(substr(leaf, 1, 41) || x'01' || substr(leaf, 43) AS BLOB) "
         "WHERE seq = 4",
         "entry 4 of the audit log was changed"},
        {"DELETE FROM audit WHERE seq = 9", "entry 9 of the audit log is missing"},
        {"DELETE FROM audit WHERE seq = 20", "its head says 20"},
        {"DELETE FROM audit WHERE seq = 1", "entry 1 of the audit log is missing"},
        {"UPDATE audit_head SET entries = 19", "its head says 19"},
        {"UPDATE audit_head SET link = zeroblob(32)", "its head says 20"},
        {"UPDATE audit_head SET link = x'00'", "head of the audit log is damaged"},
        {"UPDATE audit_head SET base = 3", "head of the audit log is damaged"},
        {"UPDATE audit_place SET path = '/other'", "tied to another workspace"},
        {"UPDATE audit_private SET salt = zeroblob(32) WHERE seq = 5", "entry 5"},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        struct audit_state ignored;
        assert_int_equal(db_script(*state, changes[i].change, NULL), 0);
        assert_int_equal(verify(*state, NULL, &ignored, &err), ERR_CORRUPT);
        if (!strstr(err.message, changes[i].says))
            fail_msg("%s: %s", changes[i].change, err.message);
        db_close(*state);
        *state = open_plain();
        for (int64_t n = 1; n <= 20; n++)
            (void)add(*state, n, n % 2 ? "/w" : NULL);
    }
}

// Cut and made anew as a whole it agrees with itself: only a mark kept elsewhere shows it.
static void a_mark_shows_a_log_that_was_cut_or_rewritten(void **state) {
    struct audit_state found = {0}, later;
    struct err err;
    for (int64_t i = 1; i <= 5; i++)
        (void)add(*state, i, NULL);
    assert_int_equal(verify(*state, NULL, &found, NULL), 0);
    struct audit_mark mark = {.entries = found.entries};
    memcpy(mark.link, found.link, sizeof mark.link);
    (void)add(*state, 6, NULL);
    assert_int_equal(verify(*state, &mark, &later, NULL), 0);
    mark.link[0] ^= 1;
    assert_int_equal(verify(*state, &mark, &later, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "rewritten"));
    mark.link[0] ^= 1;
    db_close(*state);
    *state = open_plain();
    for (int64_t i = 1; i <= 4; i++)
        (void)add(*state, i, NULL);
    assert_int_equal(verify(*state, NULL, &later, NULL), 0);
    assert_int_equal(verify(*state, &mark, &later, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.message, "it was cut"));
}

static int note_row(void *ctx, const struct audit_row *row, struct err *err) {
    struct buf *out = ctx;
    (void)err;
    return buf_printf(out, "%lld:%s%s ", (long long)row->entry.seq,
                      row->entry.workspace ? row->entry.workspace : "-",
                      row->entry.about_workspace ? "!" : "");
}

static void expect_rows(struct db *db, bool newest, int64_t bound, int64_t limit,
                        const char *wanted) {
    AUTO_BUF out = BUF_INIT(4096);
    int r = newest ? audit_newest(db, bound, limit, note_row, &out, NULL)
                   : audit_oldest(db, bound, limit, note_row, &out, NULL);
    assert_int_equal(r, 0);
    assert_string_equal(out.len ? out.data : "", wanted);
}

static void entries_are_read_in_pages_either_way(void **state) {
    for (int64_t i = 1; i <= 5; i++)
        (void)add(*state, i, i == 2 ? "/w" : NULL);
    expect_rows(*state, true, 0, 2, "5:- 4:- ");
    expect_rows(*state, true, 4, 9, "3:- 2:/w! 1:- ");
    expect_rows(*state, false, 3, 9, "4:- 5:- ");
}

static void without_salt_and_path_an_entry_names_no_workspace_and_the_chain_holds(void **state) {
    struct audit_state before, after;
    (void)add(*state, 1, "/secret");
    (void)add(*state, 2, "/secret");
    (void)add(*state, 3, "/kept");
    assert_int_equal(verify(*state, NULL, &before, NULL), 0);
    int64_t erased = 0;
    assert_int_equal(models_erase(*state, "/secret", &erased, NULL), 0);
    assert_int_equal(erased, 3);
    expect_rows(*state, false, 0, 9, "1:-! 2:-! 3:/kept! ");
    assert_int_equal(verify(*state, NULL, &after, NULL), 0);
    assert_memory_equal(before.root, after.root, sizeof before.root);
    // Two entries of one workspace have nothing in common.
    int64_t same = 0;
    assert_int_equal(db_one_int(*state,
                                "SELECT substr(a.leaf, 44, 32) = substr(b.leaf, 44, 32) FROM audit "
                                "AS a, audit AS b WHERE a.seq = 1 AND b.seq = 2",
                                NULL, 0, &same, NULL),
                     1);
    assert_int_equal(same, 0);
}

static void dropping_the_oldest_keeps_root_and_chain(void **state) {
    struct audit_state before, after;
    for (int64_t i = 1; i <= 1203; i++)
        (void)add(*state, i, i < 1000 ? "/old" : "/new");
    assert_int_equal(verify(*state, NULL, &before, NULL), 0);
    assert_int_equal(audit_tidy(*state, 100, NULL), 1);
    assert_int_equal(audit_tidy(*state, 100, NULL), 1);
    assert_int_equal(audit_tidy(*state, 100, NULL), 0);
    assert_int_equal(audit_tidy(*state, 100, NULL), 0);
    assert_int_equal(verify(*state, NULL, &after, NULL), 0);
    assert_int_equal(after.base, 1103);
    assert_int_equal(after.entries, 1203);
    assert_memory_equal(before.root, after.root, sizeof before.root);
    assert_memory_equal(before.link, after.link, sizeof before.link);
    int64_t places = 0;
    assert_int_equal(db_one_int(*state, "SELECT count(*) FROM audit_place", NULL, 0, &places, NULL),
                     1);
    assert_int_equal(places, 1);
    const struct audit_mark old = {.entries = 5};
    assert_int_equal(verify(*state, &old, &after, NULL), ERR_NOT_FOUND);
    assert_int_equal(add(*state, 1, NULL), 1204);
    assert_int_equal(verify(*state, NULL, &after, NULL), 0);
}

static void what_is_too_long_or_no_text_is_refused(void **state) {
    char name[AUDIT_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct audit_entry e = {
        .event = AUDIT_SEND, .kind = "backend", .audience = name, .purpose = "", .model = ""};
    assert_int_equal(audit_append(*state, &e, NULL, NULL), ERR_LIMIT);
    e.audience = "\xff";
    assert_int_equal(audit_append(*state, &e, NULL, NULL), ERR_INVAL);
    e.audience = "a";
    e.bytes_out = -1;
    assert_int_equal(audit_append(*state, &e, NULL, NULL), ERR_INVAL);
}

static void every_failed_allocation_leaves_the_chain_whole(void **state) {
    struct audit_state found;
    (void)add(*state, 1, "/w");
    for (uint64_t nth = 1; nth < 200; nth++) {
        const struct audit_entry e = {.time_ms = 1,
                                      .event = AUDIT_SEND,
                                      .kind = "backend",
                                      .audience = "a",
                                      .purpose = "p",
                                      .model = "m",
                                      .workspace = "/w"};
        assert_int_equal(db_savepoint(*state, NULL), 0);
        mem_fail_at(nth);
        int r = audit_append(*state, &e, NULL, NULL);
        bool reached = mem_count() >= nth;
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        if (r < 0)
            db_savepoint_rollback(*state);
        else
            assert_int_equal(db_savepoint_release(*state, NULL), 0);
        mem_fail_at(nth);
        r = verify(*state, NULL, &found, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        assert_int_equal(verify(*state, NULL, &found, NULL), 0);
        if (!reached)
            return;
    }
    fail_msg("it never got through");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_has_the_bytes_that_are_documented),
        cmocka_unit_test(the_tree_is_that_of_rfc_6962),
        cmocka_unit_test_setup_teardown(what_was_added_is_verified_and_any_change_is_shown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_mark_shows_a_log_that_was_cut_or_rewritten, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(entries_are_read_in_pages_either_way, setup, teardown),
        cmocka_unit_test_setup_teardown(
            without_salt_and_path_an_entry_names_no_workspace_and_the_chain_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(dropping_the_oldest_keeps_root_and_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_too_long_or_no_text_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failed_allocation_leaves_the_chain_whole, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("store/audit", tests, NULL, NULL);
}
