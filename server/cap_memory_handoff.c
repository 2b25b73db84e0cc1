// `handoff` and `resume`: a session's context, saved in one tool and taken up in another.
#include "server/cap_memory.h"

#include "core/base/mem.h"
#include "server/asked.h"
#include "server/when.h"

#include <stdio.h>
#include <string.h>

enum {
    TITLE_BYTES_MAX = 200,
    PART_BYTES_MAX = 4096, // summary, question, next: resume gives them back whole
    FILES_MAX = 100,
    FILE_BYTES_MAX = 1024,
    SINCE_NOTES_MAX = 6,
    SINCE_TOKENS = 500,
    ASKED_SHOWN_MAX = 5
};

// --- handoff

// Lengths are checked below, where saying so costs no client's context.
#define IN(member) .name = #member, .offset = offsetof(struct handoff_input, member)
const struct field memory_handoff_input[] = {
    {IN(title), .type = FIELD_STRING, .flags = FIELD_REQUIRED, .description = "one line"},
    {IN(next), .type = FIELD_STRING, .flags = FIELD_REQUIRED, .description = "next step"},
    {IN(question), .type = FIELD_STRING, .description = "what is open"},
    {IN(summary), .type = FIELD_STRING, .description = "what was done and learnt"},
    {IN(files), .type = FIELD_STRING_ARRAY, .description = "most important first"},
    {0},
};
#undef IN

struct handoff_output {
    struct text uid, title, scope;
};
const struct field memory_handoff_output[] = {
    {.name = "uid",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct handoff_output, uid)},
    {.name = "title",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct handoff_output, title)},
    {.name = "scope",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct handoff_output, scope)},
    {0},
};

struct handing {
    struct handoff handoff;
    char *title, *summary, *question, *next, *files;
};

static void handing_done(struct handing *h) {
    mem_free(h->title);
    mem_free(h->summary);
    mem_free(h->question);
    mem_free(h->next);
    mem_free(h->files);
}

// One a line, relative where they lie in the workspace: another tool may see it elsewhere.
static int join_files(const struct text_array *files, const char *workspace, char **ret,
                      struct err *err) {
    size_t root = workspace ? strlen(workspace) : 0;
    AUTO_BUF joined = BUF_INIT(NOTE_TEXT_BYTES_MAX);
    for (size_t i = 0; i < files->count; i++) {
        AUTO_FREE char *file = NULL;
        struct text t = files->items[i];
        int r = memory_string("files", t, false, &file, err);
        if (r < 0)
            return r;
        if (!t.len || t.len > FILE_BYTES_MAX)
            return err_set(err, ERR_INVAL, "files[%zu]: expected 1 to %d bytes, got %zu", i,
                           FILE_BYTES_MAX, t.len);
        const char *shown = file;
        if (root && strncmp(file, workspace, root) == 0 && file[root] == '/' && file[root + 1])
            shown = file + root + 1;
        (void)buf_printf(&joined, "%s%s", joined.len ? "\n" : "", shown);
    }
    if (joined.failed)
        return err_set(err, ERR_LIMIT, "files: all paths together may have %d bytes",
                       NOTE_TEXT_BYTES_MAX);
    *ret = buf_take(&joined);
    return 0;
}

static int check_lengths(const struct handoff_input *in, struct err *err) {
    const struct {
        const char *name;
        struct text text;
        size_t min, max;
    } parts[] = {
        {"title", in->title, 1, TITLE_BYTES_MAX},
        {"next", in->next, 1, PART_BYTES_MAX},
        {"question", in->question, 0, PART_BYTES_MAX},
        {"summary", in->summary, 0, PART_BYTES_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (parts[i].text.len < parts[i].min || parts[i].text.len > parts[i].max)
            return err_set(err, ERR_INVAL, "%s: expected %zu to %zu bytes, got %zu", parts[i].name,
                           parts[i].min, parts[i].max, parts[i].text.len);
    if (in->files.count > FILES_MAX)
        return err_set(err, ERR_INVAL, "files: expected at most %d, got %zu", FILES_MAX,
                       in->files.count);
    return 0;
}

static int prepare(const struct call *call, const struct handoff_input *in, struct handing *out,
                   struct err *err) {
    int r = check_lengths(in, err);
    if (r == 0)
        r = memory_string("title", in->title, false, &out->title, err);
    if (r == 0)
        r = memory_string("next", in->next, true, &out->next, err);
    if (r == 0)
        r = memory_string("question", in->question, true, &out->question, err);
    if (r == 0)
        r = memory_string("summary", in->summary, true, &out->summary, err);
    if (r == 0 && in->files.count)
        r = join_files(&in->files, call->caller->workspace, &out->files, err);
    if (r < 0)
        return r;
    const struct caller *caller = call->caller;
    out->handoff = (struct handoff){
        .workspace = caller->workspace,
        .source = caller->client && *caller->client ? caller->client : caller->face,
        .title = out->title,
        .question = out->question,
        .next = out->next,
        .files = out->files,
        .summary = out->summary,
        .created_ms = call->now_ms,
    };
    return 0;
}

static int write_handoff(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct handoff handoff = ((const struct handing *)ctx)->handoff; // may run twice
    int r = handoff_save(db, &handoff, err);
    return r < 0 ? r : buf_puts(result, handoff.uid);
}

int memory_run_handoff(struct call *call, const void *input, struct answer *answer,
                       struct err *err) {
    const struct handoff_input *in = input;
    struct handing what = {0};
    struct store *store;
    AUTO_BUF uid = BUF_INIT(256);
    struct origin origin = memory_origin(call);
    int r = prepare(call, in, &what, err);
    if (r == 0)
        r = memory_store(call, &store, err);
    if (r == 0)
        r = store_write(store, &origin, write_handoff, &what, &uid, NULL, err);
    if (r == 0) {
        bool here = call->caller->workspace && *call->caller->workspace;
        struct handoff_output out = {memory_text(uid.data), in->title,
                                     memory_text(here ? "workspace" : "global")};
        char uri[64];
        (void)buf_printf(&answer->text,
                         "Handed over as %s: %s (%s). Any tool can go on with `resume`.", uid.data,
                         what.title, here ? "this workspace" : "no workspace is open");
        (void)snprintf(uri, sizeof uri, "memory://handoff/%s", uid.data);
        r = memory_changed(answer, uri, err);
        if (r == 0)
            r = memory_changed(answer, "memory://handoff/latest", err);
        if (r == 0)
            r = memory_structured(call, memory_handoff_output, &out, answer, err);
    }
    handing_done(&what);
    return r;
}

// --- resume

const struct field memory_resume_input[] = {
    {.name = "uid",
     .type = FIELD_STRING,
     .offset = offsetof(struct resume_input, uid),
     .description = "absent: the newest"},
    {.name = "limit",
     .type = FIELD_INT,
     .offset = offsetof(struct resume_input, limit),
     .min = 1,
     .max = RESUME_LIMIT_MAX,
     .default_json = "1"},
    {0},
};

struct resumed {
    struct text uid, title, when, source, scope, summary, question, next;
    struct text_array files;
    char when_text[MEMORY_WHEN_BYTES];
};
#define OUT(member) .name = #member, .offset = offsetof(struct resumed, member)
// Hidden ones are in the answer, but explain themselves.
static const struct field resumed_fields[] = {
    {OUT(uid), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {OUT(title), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {OUT(when), .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_HIDDEN},
    {OUT(source), .type = FIELD_STRING, .flags = FIELD_HIDDEN},
    {OUT(scope), .type = FIELD_STRING, .flags = FIELD_HIDDEN},
    {OUT(summary), .type = FIELD_STRING},
    {OUT(question), .type = FIELD_STRING},
    {OUT(next), .type = FIELD_STRING},
    {OUT(files), .type = FIELD_STRING_ARRAY},
    {0},
};
#undef OUT

struct resume_output {
    struct object_array handoffs, since;
    struct text searched;
    struct text_array asked;
};
const struct field memory_resume_output[] = {
    {.name = "handoffs",
     .type = FIELD_OBJECT_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct resume_output, handoffs),
     .object = resumed_fields,
     .object_size = sizeof(struct resumed)},
    {.name = "since",
     .type = FIELD_OBJECT_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct resume_output, since),
     .object = memory_note_brief_fields,
     .object_size = sizeof(struct memory_note)},
    {.name = "searched",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct resume_output, searched)},
    {.name = "asked",
     .type = FIELD_STRING_ARRAY,
     .flags = FIELD_HIDDEN,
     .offset = offsetof(struct resume_output, asked)},
    {0},
};

struct resuming { // everything that is read, and what the answer borrows from it
    struct handoff_result handoffs;
    struct recall_result decisions, notes;
    struct memory_page page;
    struct resumed items[RESUME_LIMIT_MAX];
    size_t count;
    struct buf asked[ASKED_SHOWN_MAX]; // of the agents, in other tools
    struct text asked_texts[ASKED_SHOWN_MAX];
    size_t asked_count;
};

static void resuming_free(struct resuming *s) {
    for (size_t i = 0; i < s->count; i++)
        mem_free(s->items[i].files.items);
    for (size_t i = 0; i < s->asked_count; i++)
        buf_done(&s->asked[i]);
    memory_page_done(&s->page);
    recall_result_done(&s->decisions);
    recall_result_done(&s->notes);
    handoff_result_done(&s->handoffs);
    mem_free(s);
}

// Decisions first: they are what a session must not contradict. Then the other newest notes.
static int read_since(struct call *call, struct db *db, int64_t since_ms, struct resuming *s,
                      struct err *err) {
    struct recall_query q = {
        .text = "",
        .workspace = call->caller->workspace,
        .kind = NOTE_DECISION,
        .since_ms = since_ms,
        .now_ms = call->now_ms,
        .limit = SINCE_NOTES_MAX / 2,
        .token_budget = SINCE_TOKENS / 2,
    };
    int r = memory_recall(db, &q, &s->decisions, err);
    if (r < 0)
        return r;
    q.kind = -1;
    q.limit = SINCE_NOTES_MAX;
    return memory_recall(db, &q, &s->notes, err);
}

static int read_all(struct call *call, const char *uid, size_t limit, struct resuming *s,
                    struct err *err) {
    struct store *store;
    struct db *db;
    int r = memory_store(call, &store, err);
    if (r == 0)
        r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    memory_reader_watch(db, call);
    r = handoff_load(db, call->caller->workspace, uid, limit, &s->handoffs, err);
    if (r == ERR_NOT_FOUND && uid)
        r = err_set(err, r, "uid: there is no handoff %s", uid);
    if (r == 0) {
        int64_t since = s->handoffs.count ? s->handoffs.items[0].created_ms : 0;
        r = read_since(call, db, since, s, err);
    }
    memory_reader_put(store, db);
    return r;
}

static int describe(const struct handoff *h, const struct call *call, struct resumed *out,
                    struct err *err) {
    const char *workspace = call->caller->workspace;
    AUTO_BUF when = BUF_INIT(MEMORY_WHEN_BYTES - 1);
    if (when_put(&when, h->created_ms, call->now_ms) < 0)
        return memory_no_memory(err);
    memcpy(out->when_text, when.data, when.len + 1);
    bool here = workspace && h->workspace && strcmp(workspace, h->workspace) == 0;
    out->uid = memory_text(h->uid);
    out->title = memory_text(h->title);
    out->when = memory_text(out->when_text);
    out->source = memory_text(h->source);
    out->scope = here ? (struct text){0} : memory_text(h->workspace);
    out->summary = memory_text(h->summary);
    out->question = memory_text(h->question);
    out->next = memory_text(h->next);
    size_t lines = h->files && *h->files ? 1 : 0;
    for (const char *p = h->files; lines && *p; p++)
        lines += *p == '\n';
    if (!lines)
        return 0;
    out->files.items = mem_alloc(lines * sizeof *out->files.items);
    if (!out->files.items)
        return memory_no_memory(err);
    for (const char *p = h->files; out->files.count < lines; p++) {
        size_t n = strcspn(p, "\n");
        out->files.items[out->files.count++] = (struct text){p, n};
        p += n;
    }
    return 0;
}

static void put_part(struct buf *out, const char *name, struct text t) {
    if (t.len) {
        (void)buf_puts(out, name);
        (void)buf_append(out, t.data, t.len);
    }
}

static void put_resumed(struct buf *out, const struct resumed *h) {
    put_part(out, "[", h->uid);
    put_part(out, "] ", h->title);
    put_part(out, " · ", h->when);
    put_part(out, " · from ", h->source);
    put_part(out, " · ", h->scope);
    put_part(out, "\nDone: ", h->summary);
    put_part(out, "\nOpen: ", h->question);
    put_part(out, "\nNext: ", h->next);
    for (size_t i = 0; i < h->files.count; i++)
        put_part(out, i ? ", " : "\nFiles: ", h->files.items[i]);
    (void)buf_puts(out, "\n\n");
}

static bool on_page(const struct memory_page *page, const char *uid) {
    for (size_t i = 0; i < page->count; i++)
        if (text_is(page->notes[i].uid, uid))
            return true;
    return false;
}

static void fill_since(const struct call *call, struct resuming *s) {
    const char *workspace = call->caller->workspace;
    (void)memory_page_fill(&s->page, &s->decisions, workspace, SINCE_TOKENS, call->now_ms);
    for (size_t i = 0; i < s->notes.count && s->page.count < SINCE_NOTES_MAX; i++) {
        struct recall_result one = {.hits = &s->notes.hits[i], .count = 1};
        if (!on_page(&s->page, one.hits->note.uid) &&
            !memory_page_fill(&s->page, &one, workspace, SINCE_TOKENS, call->now_ms))
            break;
    }
}

// What this user asked the agents elsewhere, this day: part of what he was doing.
static void fill_asked(const struct call *call, struct resuming *s, struct buf *out) {
    struct asked list[ASKED_SHOWN_MAX];
    const char *workspace = call->caller->workspace;
    size_t n = workspace ? asked_find(workspace, NULL, NULL, call->caller->session, call->now_ms,
                                      list, ASKED_SHOWN_MAX)
                         : 0;
    for (size_t i = 0; i < n; i++) {
        struct buf *line = &s->asked[s->asked_count];
        asked_put(line, &list[i], call->now_ms);
        if (line->failed)
            return;
        (void)buf_printf(out, "%s- %s\n", i ? "" : "Asked in other tools:\n", line->data);
        s->asked_texts[s->asked_count++] = (struct text){line->data, line->len};
    }
}

static int answer_resume(const struct call *call, struct resuming *s, struct answer *answer,
                         struct err *err) {
    for (; s->count < s->handoffs.count && s->count < RESUME_LIMIT_MAX; s->count++) {
        int r = describe(&s->handoffs.items[s->count], call, &s->items[s->count], err);
        if (r < 0)
            return r;
        put_resumed(&answer->text, &s->items[s->count]);
    }
    fill_since(call, s);
    if (s->page.count)
        (void)buf_puts(&answer->text, s->count ? "Noted since then:\n" : "Newest notes:\n");
    memory_page_text(&s->page, &answer->text);
    fill_asked(call, s, &answer->text);
    bool here = call->caller->workspace && *call->caller->workspace;
    const char *searched =
        !s->count ? (here ? "this workspace: nothing has been handed over in it"
                          : "every workspace: nothing has been handed over")
        : here    ? "handoffs of this workspace; its notes and global ones, newest only"
                  : "handoffs of every workspace, none is open; global notes, newest only";
    (void)buf_printf(&answer->text, "Searched: %s.", searched);
    struct resume_output out = {
        .handoffs = {s->items, s->count},
        .since = {s->page.notes, s->page.count},
        .searched = memory_text(searched),
        .asked = {s->asked_texts, s->asked_count},
    };
    return memory_structured(call, memory_resume_output, &out, answer, err);
}

int memory_run_resume(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    const struct resume_input *in = input;
    char uid[NOTE_UID_BYTES] = "";
    int r = in->uid.len ? memory_uid("uid", in->uid, 'h', uid, err) : 0;
    if (r < 0)
        return r;
    struct resuming *s = mem_zalloc(sizeof *s);
    if (!s)
        return memory_no_memory(err);
    r = read_all(call, *uid ? uid : NULL, in->limit ? (size_t)in->limit : 1, s, err);
    if (r == 0)
        r = answer_resume(call, s, answer, err);
    resuming_free(s);
    return r;
}
