#include "tests/unit/store/memory_support.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"

#include <stdio.h>
#include <string.h>

static void remembered_note_comes_back_as_it_was(void **state) {
    (void)state;
    struct db *db = memory_open();
    static const char text[] = "line one\nnul \0 inside, \xE2\x82\xAC and \xFF no UTF-8";
    const char *uid = PUT(db, .text = text, .text_bytes = sizeof text - 1, .kind = NOTE_FACT,
                          .subject = "Money", .workspace = "/w", .source = "zed", .thread = "t",
                          .tags = "a\nb", .created_ms = 42, .expires_ms = 99);
    struct recall_result r;
    assert_int_equal(memory_get(db, uid, &r, NULL), 0);
    const struct note *n = &r.hits[0].note;
    assert_int_equal(r.count, 1);
    assert_int_equal(n->text_bytes, sizeof text - 1);
    assert_memory_equal(n->text, text, sizeof text - 1);
    assert_int_equal(n->kind, NOTE_FACT);
    assert_string_equal(n->subject, "Money");
    assert_string_equal(n->workspace, "/w");
    assert_string_equal(n->source, "zed");
    assert_string_equal(n->thread, "t");
    assert_string_equal(n->tags, "a\nb");
    assert_int_equal(n->created_ms, 42);
    assert_int_equal(n->expires_ms, 99);
    recall_result_done(&r);
    db_close(db);
}

static int refused(struct db *db, struct note n) {
    char superseded[NOTE_UID_BYTES];
    struct err err = {0};
    int r = memory_remember(db, &n, NULL, superseded, &err);
    assert_true(r < 0);
    assert_true(err.message[0]);
    return r;
}

static void unacceptable_notes_are_refused(void **state) {
    (void)state;
    struct db *db = memory_open();
    static char big[NOTE_TEXT_BYTES_MAX + 1];
    memset(big, 'x', sizeof big);
    char tags[NOTE_TAGS_MAX * 4 + 8] = "";
    for (int i = 0; i <= NOTE_TAGS_MAX; i++) {
        char tag[] = {(char)('a' + i), '\n', '\0'};
        strcat(tags, tag);
    }
    assert_int_equal(refused(db, (struct note){.text = ""}), ERR_INVAL);
    assert_int_equal(refused(db, (struct note){.text = big, .text_bytes = sizeof big}), ERR_LIMIT);
    assert_int_equal(refused(db, (struct note){.text = "x", .text_bytes = 1, .tags = tags}),
                     ERR_LIMIT);
    assert_int_equal(refused(db, (struct note){.text = "x", .text_bytes = 1, .uid = "bad"}),
                     ERR_INVAL);
    struct note twice = {.text = "x", .text_bytes = 1};
    memcpy(twice.uid, PUT(db, .text = "x"), NOTE_UID_BYTES);
    assert_int_equal(refused(db, twice), ERR_EXISTS);
    struct note longest = {.text = big, .text_bytes = NOTE_TEXT_BYTES_MAX};
    char superseded[NOTE_UID_BYTES];
    assert_int_equal(memory_remember(db, &longest, NULL, superseded, NULL), 0);
    db_close(db);
}

static void newer_fact_of_a_subject_supersedes_the_older(void **state) {
    (void)state;
    struct db *db = memory_open();
    struct note old = {.text = "port is 80",
                       .text_bytes = 10,
                       .kind = NOTE_FACT,
                       .subject = "Server  Port",
                       .created_ms = 1000};
    struct note new = {.text = "port is 8080",
                       .text_bytes = 12,
                       .kind = NOTE_DECISION,
                       .subject = " server port",
                       .created_ms = 2000};
    struct note elsewhere = {.text = "port is 1",
                             .text_bytes = 9,
                             .kind = NOTE_FACT,
                             .subject = "server port",
                             .workspace = "/w",
                             .created_ms = 3000};
    char superseded[NOTE_UID_BYTES];
    assert_int_equal(memory_remember(db, &old, NULL, superseded, NULL), 0);
    assert_string_equal(superseded, "");
    assert_int_equal(memory_remember(db, &new, NULL, superseded, NULL), 0);
    assert_string_equal(superseded, old.uid);
    assert_int_equal(memory_remember(db, &elsewhere, NULL, superseded, NULL), 0);
    assert_string_equal(superseded, "");

    assert_int_equal(RANK(db, old.uid, "port"), -1);
    assert_int_equal(RANK(db, new.uid, "port"), 0);
    assert_true(RANK(db, old.uid, "port", .superseded = true) >= 0);
    struct recall_result r;
    assert_int_equal(memory_get(db, old.uid, &r, NULL), 0); // never lost
    assert_string_equal(r.hits[0].note.superseded_by, new.uid);
    recall_result_done(&r);
    db_close(db);
}

static void fact_told_late_is_the_superseded_one(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *now = PUT(db, .text = "colour is red", .kind = NOTE_FACT, .subject = "colour",
                          .created_ms = 2000);
    const char *late = PUT(db, .text = "colour is blue", .kind = NOTE_FACT, .subject = "colour",
                           .created_ms = 1000);
    assert_int_equal(RANK(db, now, "colour"), 0);
    assert_int_equal(RANK(db, late, "colour"), -1);
    db_close(db);
}

static void notes_of_a_subject_do_not_supersede(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *a = PUT(db, .text = "alpha build", .subject = "build");
    const char *b = PUT(db, .text = "beta build", .subject = "build");
    assert_true(RANK(db, a, "build") >= 0);
    assert_true(RANK(db, b, "build") >= 0);
    db_close(db);
}

static void replaces_supersedes_by_name(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *old = PUT(db, .text = "use tabs");
    struct note new = {.text = "use spaces", .text_bytes = 10};
    char superseded[NOTE_UID_BYTES];
    assert_int_equal(memory_remember(db, &new, old, superseded, NULL), 0);
    assert_string_equal(superseded, old);
    assert_int_equal(RANK(db, old, "use"), -1);
    struct note lost = {.text = "x", .text_bytes = 1};
    assert_int_equal(memory_remember(db, &lost, "nabcabcabcabcabc", superseded, NULL),
                     ERR_NOT_FOUND);
    db_close(db);
}

static void forgetting_the_newer_fact_brings_the_older_back(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *a =
        PUT(db, .text = "limit is 1", .kind = NOTE_FACT, .subject = "limit", .created_ms = 1);
    const char *b =
        PUT(db, .text = "limit is 2", .kind = NOTE_FACT, .subject = "limit", .created_ms = 2);
    const char *c =
        PUT(db, .text = "limit is 3", .kind = NOTE_FACT, .subject = "limit", .created_ms = 3);
    assert_int_equal(memory_forget(db, b, NULL), 0); // a is now superseded by c
    assert_int_equal(RANK(db, a, "limit"), -1);
    assert_int_equal(memory_forget(db, c, NULL), 0);
    assert_int_equal(RANK(db, a, "limit"), 0);
    db_close(db);
}

static void forgotten_note_is_gone_for_every_reader(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *uid = PUT(db, .text = "quokka", .tags = "animals", .kind = NOTE_DECISION);
    assert_int_equal(memory_forget(db, uid, NULL), 0);
    assert_int_equal(memory_forget(db, uid, NULL), ERR_NOT_FOUND);
    struct recall_result r;
    assert_int_equal(memory_get(db, uid, &r, NULL), ERR_NOT_FOUND);
    assert_int_equal(RANK(db, uid, "quokka"), -1);
    assert_int_equal(RANK(db, uid, ""), -1);
    assert_int_equal(memory_rank_of_kind(db, uid, "", NOTE_DECISION), -1);
    assert_int_equal(memory_list(db, NULL, true, NULL, 10, &r, NULL), 0);
    assert_int_equal(r.count, 0);
    recall_result_done(&r);
    AUTO_BUF out = BUF_INIT(0);
    assert_int_equal(memory_tags(db, "", 10, &out, NULL), 0);
    assert_int_equal(memory_uids(db, "n", 10, &out, NULL), 0);
    assert_int_equal(out.len, 0);
    db_close(db);
}

static void erased_word_remains_in_no_table(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *keep = PUT(db, .text = "an ordinary note", .workspace = "/w", .thread = "kept");
    const char *gone[3];
    gone[0] = PUT(db, .text = "zyxmarker one", .tags = "zyxmarkertag", .thread = "zyxmarkerthread");
    gone[1] = PUT(db, .text = "zyxmarker two", .subject = "zyxmarker subject", .kind = NOTE_FACT);
    gone[2] = PUT(db, .text = "zyxmarker three", .workspace = "/zyxmarker", .source = "zyxmarker");
    assert_int_equal(memory_forget(db, gone[1], NULL), 0);
    assert_true(memory_traces(db, "zyxmarker") > 0);
    int64_t erased = 0;
    assert_int_equal(memory_erase_hard(db, gone, 3, &erased, NULL), 0);
    assert_int_equal(erased, 3);
    assert_int_equal(memory_erase_finish(db, NULL), 0);
    assert_int_equal(memory_traces(db, "zyxmarker"), 0);
    assert_int_equal(memory_erase_hard(db, gone, 3, &erased, NULL), 0); // unknown now
    assert_int_equal(erased, 0);
    assert_int_equal(RANK(db, keep, "ordinary", .workspace = "/w"), 0);
    db_close(db);
}

static void erasing_from_a_thread_joins_its_neighbours(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *uids[5];
    static const char *const texts[] = {"aaa", "bbb", "ccc", "ddd", "eee"};
    for (size_t i = 0; i < 5; i++)
        uids[i] = PUT(db, .text = texts[i], .thread = "t");
    int64_t erased = 0;
    const char *middle[] = {uids[2], uids[4]};
    assert_int_equal(memory_erase_hard(db, middle, 2, &erased, NULL), 0);
    (void)PUT(db, .text = "fff", .thread = "t");
    int64_t broken = -1;
    assert_int_equal(db_one_int(db,
                                "SELECT count(*) FROM note_rank AS a LEFT JOIN note_rank AS b ON "
                                "b.id = a.next_id WHERE a.next_id <> 0 AND "
                                "(b.id IS NULL OR b.prev_id <> a.id)",
                                NULL, 0, &broken, NULL),
                     1);
    assert_int_equal(broken, 0);
    int64_t ends = 0;
    assert_int_equal(db_one_int(db,
                                "SELECT count(*) FROM note_rank WHERE prev_id = 0 OR next_id = 0",
                                NULL, 0, &ends, NULL),
                     1);
    assert_int_equal(ends, 2); // still one chain
    db_close(db);
}

static void import_keeps_what_it_is_given(void **state) {
    (void)state;
    struct db *db = memory_open();
    struct note n = {.uid = "nabcdefghijklmno",
                     .text = "imported fact",
                     .text_bytes = 13,
                     .kind = NOTE_FACT,
                     .subject = "s",
                     .created_ms = 7,
                     .superseded_by = "nzzzzzzzzzzzzzzz"};
    bool added = false;
    const char *current =
        PUT(db, .text = "current fact", .kind = NOTE_FACT, .subject = "s", .created_ms = 5);
    assert_int_equal(memory_import(db, &n, &added, NULL), 0);
    assert_true(added);
    assert_int_equal(memory_import(db, &n, &added, NULL), 0);
    assert_false(added);
    assert_int_equal(RANK(db, current, "fact"), 0);
    assert_int_equal(RANK(db, n.uid, "fact"), -1);
    assert_true(RANK(db, n.uid, "fact", .superseded = true) >= 0);
    db_close(db);
}

static void list_walks_newest_first_without_gap_or_repeat(void **state) {
    (void)state;
    struct db *db = memory_open();
    for (int i = 0; i < 57; i++) // many of the same time
        (void)PUT(db, .text = "note", .created_ms = 1000 + i / 5,
                  .workspace = i % 3 == 0   ? NULL
                               : i % 3 == 1 ? "/a"
                                            : "/b");
    for (int all = 0; all < 2; all++) {
        char cursor[NOTE_UID_BYTES] = "", seen[64][NOTE_UID_BYTES];
        size_t count = 0;
        int64_t before = INT64_MAX;
        for (bool more = true; more;) {
            struct recall_result r;
            assert_int_equal(memory_list(db, "/a", all, cursor[0] ? cursor : NULL, 7, &r, NULL), 0);
            for (size_t i = 0; i < r.count; i++) {
                const struct note *n = &r.hits[i].note;
                assert_true(n->created_ms <= before);
                assert_true(all || strcmp(n->workspace, "/b") != 0);
                before = n->created_ms;
                for (size_t k = 0; k < count; k++)
                    assert_string_not_equal(seen[k], n->uid);
                memcpy(seen[count++], n->uid, NOTE_UID_BYTES);
                memcpy(cursor, n->uid, NOTE_UID_BYTES);
            }
            more = r.more;
            recall_result_done(&r);
        }
        assert_int_equal(count, all ? 57 : 38);
    }
    db_close(db);
}

static void tags_complete_by_use_and_uids_by_prefix(void **state) {
    (void)state;
    struct db *db = memory_open();
    (void)PUT(db, .text = "x", .tags = "build");
    (void)PUT(db, .text = "x", .tags = "bug\nbuild\nbuild", .kind = NOTE_FACT);
    const char *uid = PUT(db, .text = "x", .tags = "docs");
    AUTO_BUF tags = BUF_INIT(0);
    AUTO_BUF uids = BUF_INIT(0);
    assert_int_equal(memory_tags(db, "bu", 10, &tags, NULL), 0);
    assert_string_equal(tags.data, "build\nbug");
    char prefix[6];
    memcpy(prefix, uid, 5);
    prefix[5] = '\0';
    assert_int_equal(memory_uids(db, prefix, 10, &uids, NULL), 0);
    assert_string_equal(uids.data, uid);
    db_close(db);
}

static void every_failed_allocation_leaves_the_store_whole(void **state) {
    (void)state;
    struct db *db = memory_open();
    const char *kept = PUT(db, .text = "kept across failures", .thread = "t");
    for (uint64_t nth = 1; nth < 200; nth++) {
        struct note n = {.text = "fails somewhere in between",
                         .text_bytes = 26,
                         .subject = "s",
                         .kind = NOTE_FACT,
                         .tags = "x\ny",
                         .thread = "t",
                         .source = "zed"};
        char superseded[NOTE_UID_BYTES];
        assert_int_equal(db_savepoint(db, NULL), 0);
        mem_fail_at(nth);
        int r = memory_remember(db, &n, NULL, superseded, NULL);
        mem_fail_at(0);
        assert_true(r == 0 || r == ERR_NOMEM);
        db_savepoint_rollback(db);
        struct recall_query q = {.text = "kept",
                                 .text_bytes = 4,
                                 .kind = -1,
                                 .limit = 5,
                                 .now_ms = NOW_MS,
                                 .token_budget = 100};
        struct recall_result result = {0};
        mem_fail_at(nth);
        int asked = memory_recall(db, &q, &result, NULL);
        mem_fail_at(0);
        assert_true(asked == 0 || asked == ERR_NOMEM);
        recall_result_done(&result);
        assert_int_equal(RANK(db, kept, "kept"), 0);
        if (r == 0 && asked == 0)
            break;
    }
    db_close(db);
}

static void tokens_are_counted_when_written(void **state) {
    (void)state;
    struct db *db = memory_open();
    static const char text[] =
        "The retry limit is 5; it is set in src/net/retry.c (see RETRY_MAX).";
    const char *uid = PUT(db, .text = text);
    struct recall_result r;
    assert_int_equal(memory_get(db, uid, &r, NULL), 0);
    assert_int_equal(r.hits[0].note.tokens,
                     tokens_exact() ? tokens_count(text, sizeof text - 1) : 0);
    recall_result_done(&r);
    db_close(db);
}

static int64_t segments(struct db *db) {
    int64_t n = 0;
    assert_int_equal(
        db_one_int(db, "SELECT count(DISTINCT segid) FROM note_fts_idx", NULL, 0, &n, NULL), 1);
    return n;
}

static void tidying_joins_segments_and_loses_nothing(void **state) {
    (void)state;
    struct db *db = memory_open();
    for (int i = 0; i < 300; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "note %d about %s", i, i % 3 ? "cats" : "heron");
        (void)PUT(db, .text = text, .text_bytes = (size_t)n);
    }
    int64_t before = segments(db);
    int steps = 0, r;
    while ((r = memory_tidy(db, NULL)) == 1)
        assert_true(++steps < 1000);
    assert_int_equal(r, 0);
    assert_true(before > 3 && segments(db) < before && segments(db) <= 2);
    assert_int_equal(memory_tidy(db, NULL), 0); // and then there is nothing left
    int64_t found = 0;
    assert_int_equal(db_one_int(db, "SELECT count(*) FROM note_fts WHERE note_fts MATCH 'heron'",
                                NULL, 0, &found, NULL),
                     1);
    assert_int_equal(found, 100);
    db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembered_note_comes_back_as_it_was),
        cmocka_unit_test(unacceptable_notes_are_refused),
        cmocka_unit_test(newer_fact_of_a_subject_supersedes_the_older),
        cmocka_unit_test(fact_told_late_is_the_superseded_one),
        cmocka_unit_test(notes_of_a_subject_do_not_supersede),
        cmocka_unit_test(replaces_supersedes_by_name),
        cmocka_unit_test(forgetting_the_newer_fact_brings_the_older_back),
        cmocka_unit_test(forgotten_note_is_gone_for_every_reader),
        cmocka_unit_test(erased_word_remains_in_no_table),
        cmocka_unit_test(erasing_from_a_thread_joins_its_neighbours),
        cmocka_unit_test(import_keeps_what_it_is_given),
        cmocka_unit_test(list_walks_newest_first_without_gap_or_repeat),
        cmocka_unit_test(tags_complete_by_use_and_uids_by_prefix),
        cmocka_unit_test(every_failed_allocation_leaves_the_store_whole),
        cmocka_unit_test(tokens_are_counted_when_written),
        cmocka_unit_test(tidying_joins_segments_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("store/memory", tests, NULL, NULL);
}
