#include "tests/unit/store/memory_support.h"

#include "core/base/mem.h"
#include "core/store/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db *memory_open(void) {
    struct err err = {0};
    struct db *db = NULL;
    if (db_open_plain(":memory:", DB_CREATE, &db, &err) < 0 ||
        schema_migrate(db, schema_steps, NOW_MS, &err) < 0)
        fail_msg("%s", err_text(&err));
    return db;
}

const char *memory_put(struct db *db, struct note n) {
    static char uids[8192][NOTE_UID_BYTES];
    static size_t count;
    struct err err = {0};
    char superseded[NOTE_UID_BYTES];
    if (!n.text_bytes)
        n.text_bytes = strlen(n.text);
    if (!n.created_ms)
        n.created_ms = NOW_MS - DAY_MS;
    if (memory_remember(db, &n, NULL, superseded, &err) < 0)
        fail_msg("%s", err_text(&err));
    char *uid = uids[count++ % COUNT_OF(uids)];
    memcpy(uid, n.uid, NOTE_UID_BYTES);
    return uid;
}

struct recall_result memory_ask(struct db *db, struct recall_query q) {
    struct err err = {0};
    struct recall_result r;
    if (!q.now_ms)
        q.now_ms = NOW_MS;
    if (q.text && !q.text_bytes)
        q.text_bytes = strlen(q.text);
    if (!q.limit)
        q.limit = 10;
    if (memory_recall(db, &q, &r, &err) < 0)
        fail_msg("%s", err_text(&err));
    return r;
}

int memory_rank(const struct recall_result *r, const char *uid) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->hits[i].note.uid, uid) == 0)
            return (int)i;
    return -1;
}

int memory_rank_of_kind(struct db *db, const char *uid, const char *words, enum note_kind kind) {
    struct recall_result r = memory_ask(
        db, (struct recall_query){.text = words, .text_bytes = strlen(words), .kind = (int)kind});
    int rank = memory_rank(&r, uid);
    recall_result_done(&r);
    return rank;
}

int64_t memory_traces(struct db *db, const char *word) {
    static const char *const columns[][2] = {
        {"note", "text"},           {"note", "subject"},
        {"note", "subject_key"},    {"note", "source"},
        {"note", "thread"},         {"note", "tags"},
        {"thread", "name"},         {"tag", "name"},
        {"workspace", "path"},      {"note_vocabulary", "term"},
        {"note_fts_data", "block"},
    };
    int64_t found = 0;
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        char sql[256];
        int64_t n = 0;
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE instr(%s, CAST(?1 AS %s))",
                       columns[i][0], columns[i][1],
                       strcmp(columns[i][1], "block") == 0 ? "BLOB" : "TEXT");
        assert_int_equal(db_one_int(db, sql, (struct db_value[]){db_text(word)}, 1, &n, NULL), 1);
        found += n;
    }
    return found;
}
