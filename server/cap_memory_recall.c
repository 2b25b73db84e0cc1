// `recall`: ranked notes, dated, within a budget of tokens, page by page.
#include "server/cap_memory.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "server/when.h"

#include <string.h>

enum {
    FRAME_TOKENS = 110, // what an answer has around its notes: cursor, what was not searched
    HEAD_TOKENS = 45,   // a note's first line
    QUERY_BYTES_MAX = 4096,
    OFFSET_MAX = 10000 // deeper pages help nobody; narrowing the query does
};

// `limit` is for programs: a model bounds an answer by its budget. A model pays for every word of
// this with each session: what the code below checks anyway (ranges, forms of dates) is not said
// twice.
#define IN(member)   .name = #member, .offset = offsetof(struct recall_input, member)
#define PRESENT(bit) .presence = (bit), .presence_offset = offsetof(struct recall_input, present)
const struct field memory_recall_input[] = {
    {IN(query), .type = FIELD_STRING},
    {IN(limit), .type = FIELD_INT, .flags = FIELD_HIDDEN, PRESENT(RECALL_LIMIT)},
    {IN(budget), .type = FIELD_INT, .default_json = "1500", .description = "tokens",
     PRESENT(RECALL_BUDGET)},
    {IN(kind), .type = FIELD_ENUM, .values = memory_kinds, PRESENT(RECALL_KIND)},
    {IN(tag), .type = FIELD_STRING},
    {IN(since), .type = FIELD_STRING, .description = "2026-11-20, yesterday, \"last week\" …"},
    {IN(until), .type = FIELD_STRING},
    {IN(all), .type = FIELD_BOOL, .description = "other workspaces too"},
    {IN(superseded), .type = FIELD_BOOL},
    {IN(cursor), .type = FIELD_STRING, .description = "\"more\" of the page before"},
    {0},
};
#undef IN
#undef PRESENT

struct recall_output {
    struct object_array notes;
    struct text more, searched;
};
const struct field memory_recall_output[] = {
    {.name = "notes",
     .type = FIELD_OBJECT_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct recall_output, notes),
     .object = memory_note_fields,
     .object_size = sizeof(struct memory_note)},
    {.name = "more", .type = FIELD_STRING, .offset = offsetof(struct recall_output, more)},
    {.name = "searched",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct recall_output, searched)},
    {0},
};

struct recalling {
    const struct recall_input *in;
    struct recall_query query;
    size_t budget;
    char *tag;
};

static int check_ranges(const struct recall_input *in, struct err *err) {
    if (in->query.len > QUERY_BYTES_MAX)
        return err_set(err, ERR_INVAL, "query: expected at most %d bytes, got %zu", QUERY_BYTES_MAX,
                       in->query.len);
    if (in->limit < 1 || in->limit > RECALL_LIMIT_MAX)
        return err_set(err, ERR_INVAL, "limit: expected 1 to %d", RECALL_LIMIT_MAX);
    if (in->budget < RECALL_BUDGET_MIN || in->budget > RECALL_BUDGET_MAX)
        return err_set(err, ERR_INVAL, "budget: expected %d to %d tokens", RECALL_BUDGET_MIN,
                       RECALL_BUDGET_MAX);
    return 0;
}

static int set_times(const struct recall_input *in, int64_t now_ms, struct recall_query *query,
                     struct err *err) {
    int r = 0;
    if (in->since.len)
        r = when_parse(in->since.data, in->since.len, now_ms, false, &query->since_ms, err);
    if (r < 0)
        return err_context(err, r, "since");
    if (in->until.len)
        r = when_parse(in->until.data, in->until.len, now_ms, true, &query->until_ms, err);
    if (r < 0)
        return err_context(err, r, "until");
    if (query->since_ms && query->until_ms && query->since_ms > query->until_ms)
        return err_set(err, ERR_INVAL, "since: is later than until");
    return 0;
}

static int prepare(const struct call *call, const struct recall_input *in, struct recalling *out,
                   struct err *err) {
    const char *workspace = call->caller->workspace;
    struct recall_cursor at = {.now_ms = call->now_ms};
    int r = check_ranges(in, err);
    if (r == 0 && in->cursor.data)
        r = recall_cursor_read(in, workspace, &at, err);
    if (r == 0)
        r = memory_string("tag", in->tag, false, &out->tag, err);
    if (r < 0)
        return r;
    size_t limit = (size_t)in->limit, budget = (size_t)in->budget;
    out->in = in;
    out->budget = budget - FRAME_TOKENS;
    size_t heads = limit * HEAD_TOKENS;
    out->query = (struct recall_query){
        .text = in->query.data ? in->query.data : "",
        .text_bytes = in->query.len,
        .workspace = workspace,
        .all = in->all,
        .tag = out->tag && *out->tag ? out->tag : NULL,
        .kind = in->present & UINT64_C(1) << RECALL_KIND ? in->kind : -1,
        .superseded = in->superseded,
        .now_ms = at.now_ms,
        .limit = limit,
        .offset = at.offset,
        .token_budget = heads < out->budget / 2 ? out->budget - heads : out->budget / 2,
    };
    return set_times(in, at.now_ms, &out->query, err);
}

static int search(struct call *call, const struct recall_query *query, struct recall_result *found,
                  struct err *err) {
    struct store *store;
    struct db *db;
    int r = memory_store(call, &store, err);
    if (r == 0)
        r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    memory_reader_watch(db, call);
    r = memory_recall(db, query, found, err);
    memory_reader_put(store, db);
    return r;
}

// What the answer does not cover, so that "nothing found" is not read as "never said".
static void put_searched(const struct call *call, const struct recalling *what, bool none, bool cut,
                         struct buf *out) {
    const struct recall_query *q = &what->query;
    const char *all = memory_word(call, "all=true", "--all");
    if (q->all)
        (void)buf_puts(out, "every workspace");
    else if (q->workspace && *q->workspace)
        (void)buf_printf(out, "this workspace and global notes, not other workspaces (%s)", all);
    else
        (void)buf_printf(out, "global notes only, no workspace is open (%s for every one)", all);
    if (!q->superseded)
        (void)buf_printf(out, "; not superseded notes (%s)",
                         memory_word(call, "superseded=true", "--superseded"));
    (void)buf_puts(out, "; dates are UTC");
    if (none)
        (void)buf_puts(out, ". Nothing noted matches; other words may");
    if (cut)
        (void)buf_printf(out, ". Cut notes: raise %s, or %s",
                         memory_word(call, "budget", "--budget"),
                         memory_word(call, "read memory://note/{uid}", "paired memory show UID"));
}

static int answer_recall(const struct call *call, const struct recalling *what,
                         const struct recall_result *found, struct answer *answer,
                         struct err *err) {
    struct memory_page *page = mem_zalloc(sizeof *page);
    if (!page)
        return memory_no_memory(err);
    AUTO_BUF searched = BUF_INIT(1024);
    char more[RECALL_CURSOR_CHARS + 1] = "";
    const struct recall_query *q = &what->query;
    size_t shown =
        memory_page_fill(page, found, call->caller->workspace, what->budget, call->now_ms);
    struct recall_cursor next = {q->now_ms, q->offset + shown};
    if ((found->more || shown < found->count) && next.offset <= OFFSET_MAX)
        recall_cursor_put(&next, what->in, call->caller->workspace, more);
    bool cut = false;
    for (size_t i = 0; i < page->count; i++)
        cut |= page->notes[i].cut;
    put_searched(call, what, page->count == 0, cut, &searched);
    struct recall_output out = {
        .notes = {page->notes, page->count},
        .more = memory_text(more),
        .searched = memory_text(searched.data),
    };
    memory_page_text(page, &answer->text);
    (void)buf_printf(&answer->text, "Searched: %s.", searched.data ? searched.data : "");
    if (*more)
        (void)buf_printf(&answer->text, " More: %s%s%s",
                         memory_word(call, "cursor \"", "--cursor "), more,
                         memory_word(call, "\".", ""));
    int r = memory_structured(call, memory_recall_output, &out, answer, err);
    memory_page_done(page);
    mem_free(page);
    return r;
}

int memory_run_recall(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    struct recalling what = {0};
    struct recall_result found = {0};
    struct recall_input in = *(const struct recall_input *)input;
    if (!(in.present & UINT64_C(1) << RECALL_LIMIT))
        in.limit = memory_setting(call, "memory.recall_limit", RECALL_LIMIT_DEFAULT);
    if (!(in.present & UINT64_C(1) << RECALL_BUDGET))
        in.budget = memory_setting(call, "memory.recall_tokens", RECALL_BUDGET_DEFAULT);
    int r = prepare(call, &in, &what, err);
    if (r == 0)
        r = search(call, &what.query, &found, err);
    if (r == 0)
        r = answer_recall(call, &what, &found, answer, err);
    recall_result_done(&found);
    mem_free(what.tag);
    return r;
}
