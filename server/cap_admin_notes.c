// Looking at notes from the command line: listing, one in full, tags.
#include "core/base/mem.h"
#include "core/store/memory.h"
#include "server/cap_admin.h"

#include <string.h>

const struct field notes_list_fields[] = {
    {.name = "after",
     .type = FIELD_STRING,
     .offset = offsetof(struct notes_list, after),
     .max = NOTE_UID_BYTES - 1},
    {.name = "limit",
     .type = FIELD_INT,
     .offset = offsetof(struct notes_list, limit),
     .min = 1,
     .max = RECALL_LIMIT_MAX},
    {.name = "all", .type = FIELD_BOOL, .offset = offsetof(struct notes_list, all)},
    {0},
};
const struct field notes_show_fields[] = {
    {.name = "uid",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct notes_show, uid),
     .min = 1,
     .max = NOTE_UID_BYTES - 1},
    {0},
};
const struct field notes_tags_fields[] = {
    {.name = "prefix",
     .type = FIELD_STRING,
     .offset = offsetof(struct notes_tags, prefix),
     .max = NOTE_TAG_BYTES_MAX},
    {0},
};

enum { LIST_DEFAULT = 20, TAGS_MAX = 1000 };

static int reader(struct call *call, struct store **ret_store, struct db **ret_db,
                  struct err *err) {
    int r;
    *ret_store = admin_store(call, &r, err);
    return *ret_store ? store_reader_get(*ret_store, ret_db, err) : r;
}

static json_t *lines_to_array(const char *text, size_t n) {
    json_t *list = json_array();
    while (list && n) {
        const char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t)(end - text) : n;
        if (len && json_array_append_new(list, json_stringn(text, len)) < 0) {
            json_decref(list);
            return NULL;
        }
        text += len + (end != NULL);
        n -= len + (end != NULL);
    }
    return list;
}

static json_t *note_json(const struct note *n) {
    static const char *const kinds[] = {
        [NOTE_NOTE] = "note", [NOTE_FACT] = "fact", [NOTE_DECISION] = "decision"};
    const char *tags = n->tags ? n->tags : "";
    return json_pack("{ss ss ss% ss* ss* ss* so sI sI ss*}", "uid", n->uid, "kind", kinds[n->kind],
                     "text", n->text, n->text_bytes, "subject", n->subject, "workspace",
                     n->workspace && *n->workspace ? n->workspace : NULL, "source", n->source,
                     "tags", lines_to_array(tags, strlen(tags)), "created_ms",
                     (json_int_t)n->created_ms, "expires_ms", (json_int_t)n->expires_ms,
                     "superseded_by", n->superseded_by[0] ? n->superseded_by : NULL);
}

static int answer_notes(const struct recall_result *found, struct answer *answer, struct err *err) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < found->count; i++) {
        if (json_array_append_new(list, note_json(&found->hits[i].note)) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return admin_answer(answer, json_pack("{so sb}", "notes", list, "more", found->more), err);
}

int admin_notes_list(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct notes_list *in = input;
    struct store *store;
    struct db *db;
    struct recall_result found = {0};
    AUTO_FREE char *after = in->after.len ? mem_strndup(in->after.data, in->after.len) : NULL;
    if (in->after.len && !after)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = reader(call, &store, &db, err);
    if (r < 0)
        return r;
    r = memory_list(db, call->caller->workspace, in->all, after,
                    in->limit ? (size_t)in->limit : LIST_DEFAULT, &found, err);
    store_reader_put(store, db);
    if (r == 0)
        r = answer_notes(&found, answer, err);
    recall_result_done(&found);
    return r;
}

static int handoff_answer(struct db *db, const char *uid, struct answer *answer, struct err *err) {
    struct handoff_result found = {0};
    int r = handoff_load(db, NULL, uid, 1, &found, err);
    if (r < 0)
        return r;
    const struct handoff *h = found.items;
    const char *files = h->files ? h->files : "";
    r = admin_answer(answer,
                     json_pack("{s{ss ss ss* ss* ss* ss* ss* so sI}}", "handoff", "uid", h->uid,
                               "title", h->title, "workspace", h->workspace, "source", h->source,
                               "question", h->question, "next", h->next, "summary", h->summary,
                               "files", lines_to_array(files, strlen(files)), "created_ms",
                               (json_int_t)h->created_ms),
                     err);
    handoff_result_done(&found);
    return r;
}

int admin_notes_show(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct notes_show *in = input;
    struct store *store;
    struct db *db;
    struct recall_result found = {0};
    AUTO_FREE char *uid = mem_strndup(in->uid.data, in->uid.len);
    if (!uid)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = reader(call, &store, &db, err);
    if (r < 0)
        return r;
    if (uid[0] == 'h') {
        r = handoff_answer(db, uid, answer, err);
    } else {
        r = memory_get(db, uid, &found, err);
        if (r == 0)
            r = answer_notes(&found, answer, err);
        recall_result_done(&found);
    }
    store_reader_put(store, db);
    return r;
}

int admin_notes_tags(struct call *call, const void *input, struct answer *answer, struct err *err) {
    const struct notes_tags *in = input;
    struct store *store;
    struct db *db;
    AUTO_BUF lines = BUF_INIT(256 * 1024);
    AUTO_FREE char *prefix = mem_strndup(in->prefix.data ? in->prefix.data : "", in->prefix.len);
    if (!prefix)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = reader(call, &store, &db, err);
    if (r < 0)
        return r;
    r = memory_tags(db, prefix, TAGS_MAX, &lines, err);
    store_reader_put(store, db);
    if (r < 0)
        return r;
    return admin_answer(answer, json_pack("{so}", "tags", lines_to_array(lines.data, lines.len)),
                        err);
}
