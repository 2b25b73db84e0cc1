// The memory as tools: the table, `remember` and `forget`. `recall` and the handoffs have files of
// their own. Descriptions are read by models, whose context they cost: every word has to earn its
// place.
#include "server/cap_memory.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/credential.h"
#include "server/when.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

// --- remember

struct remember_input {
    struct text text, subject, replaces;
    int kind, scope;
    struct text_array tags;
    int64_t expires_days;
};
enum { SCOPE_WORKSPACE, SCOPE_GLOBAL };
static const char *const scopes[] = {"workspace", "global", NULL};

#define IN(member) .name = #member, .offset = offsetof(struct remember_input, member)
static const struct field remember_fields[] = {
    {IN(text), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {IN(kind), .type = FIELD_ENUM, .values = memory_kinds},
    {IN(subject), .type = FIELD_STRING,
     .description = "topic; a newer fact or decision on it supersedes the older"},
    {IN(tags), .type = FIELD_STRING_ARRAY},
    {IN(scope), .type = FIELD_ENUM, .values = scopes},
    {IN(expires_days), .type = FIELD_INT, .min = 1, .max = 3650},
    {IN(replaces), .type = FIELD_STRING, .description = "uid of the note it corrects"},
    {0},
};
#undef IN

struct remember_output {
    struct text uid, scope, superseded, expires, warning;
    int kind;
};
#define OUT(member) .name = #member, .offset = offsetof(struct remember_output, member)
static const struct field remember_out[] = {
    {OUT(uid), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {OUT(kind), .type = FIELD_ENUM, .flags = FIELD_REQUIRED, .values = memory_kinds},
    {OUT(scope), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {OUT(superseded), .type = FIELD_STRING},
    {OUT(expires), .type = FIELD_STRING},
    {OUT(warning), .type = FIELD_STRING},
    {0},
};
#undef OUT

struct remembering { // on its way to the writer
    struct note note;
    char *subject, *tags;
    char replaces[NOTE_UID_BYTES];
};

// Trimmed, without repetition, joined by '\n'.
static int join_tags(const struct text_array *tags, char **ret, struct err *err) {
    AUTO_BUF joined = BUF_INIT(NOTE_TAGS_MAX * (NOTE_TAG_BYTES_MAX + 1));
    for (size_t i = 0; i < tags->count; i++) {
        AUTO_FREE char *tag = NULL;
        struct text t = tags->items[i];
        for (; t.len && t.data[0] == ' '; t.data++)
            t.len--;
        while (t.len && t.data[t.len - 1] == ' ')
            t.len--;
        int r = memory_string("tags", t, false, &tag, err);
        if (r < 0)
            return r;
        if (!t.len || t.len > NOTE_TAG_BYTES_MAX)
            return err_set(err, ERR_INVAL, "tags[%zu]: expected 1 to %d bytes, got %zu", i,
                           NOTE_TAG_BYTES_MAX, t.len);
        bool known = false;
        for (size_t k = 0; k < i && !known; k++)
            known = tags->items[k].len == t.len && memcmp(tags->items[k].data, t.data, t.len) == 0;
        if (!known)
            (void)buf_printf(&joined, "%s%s", joined.len ? "\n" : "", tag);
    }
    if (joined.failed)
        return memory_no_memory(err);
    *ret = buf_take(&joined);
    return 0;
}

static bool is_blank(struct text t) {
    for (size_t i = 0; i < t.len; i++)
        if (!strchr(" \t\r\n", t.data[i]))
            return false;
    return true;
}

static int prepare(const struct call *call, const struct remember_input *in,
                   struct remembering *out, struct err *err) {
    if (is_blank(in->text))
        return err_set(err, ERR_INVAL, "text: must not be empty");
    if (memchr(in->text.data, '\0', in->text.len))
        return err_set(err, ERR_INVAL, "text: must not hold NUL characters");
    if (in->subject.len > MEMORY_SUBJECT_BYTES_MAX)
        return err_set(err, ERR_INVAL, "subject: expected at most %d bytes, got %zu",
                       MEMORY_SUBJECT_BYTES_MAX, in->subject.len);
    if (in->tags.count > NOTE_TAGS_MAX)
        return err_set(err, ERR_INVAL, "tags: expected at most %d, got %zu", NOTE_TAGS_MAX,
                       in->tags.count);
    int r = memory_string("subject", in->subject, false, &out->subject, err);
    if (r == 0 && in->tags.count)
        r = join_tags(&in->tags, &out->tags, err);
    if (r == 0 && in->replaces.len)
        r = memory_uid("replaces", in->replaces, 'n', out->replaces, err);
    if (r < 0)
        return r;
    const struct caller *caller = call->caller;
    int64_t days =
        in->expires_days ? in->expires_days : memory_setting(call, "memory.expire_days", 0);
    bool global = in->scope == SCOPE_GLOBAL || !caller->workspace || !*caller->workspace;
    out->note = (struct note){
        .kind = (enum note_kind)in->kind,
        .text = in->text.data,
        .text_bytes = in->text.len,
        .subject = out->subject,
        .workspace = global ? NULL : caller->workspace,
        .source = caller->client && *caller->client ? caller->client : caller->face,
        .thread = caller->session[0] ? caller->session : NULL,
        .tags = out->tags,
        .created_ms = call->now_ms,
        .expires_ms = days ? call->now_ms + days * DAY_MS : 0,
    };
    return 0;
}

// What is recorded, and comes back when the request is repeated: uid, uid of the superseded note.
static int write_note(struct db *db, void *ctx, struct buf *result, struct err *err) {
    const struct remembering *what = ctx;
    struct note note = what->note; // may run twice: each time from the same beginning
    char superseded[NOTE_UID_BYTES] = "";
    int r = memory_remember(db, &note, what->replaces[0] ? what->replaces : NULL, superseded, err);
    if (r == ERR_NOT_FOUND && what->replaces[0])
        return err_set(err, ERR_NOT_FOUND, "replaces: there is no note %s", what->replaces);
    return r < 0 ? r : buf_printf(result, "%s %s", note.uid, superseded);
}

static void put_warning(const struct call *call, struct buf *out, const char *uid,
                        struct text text) {
    const char *what = credential_find(text.data, text.len);
    if (what)
        (void)buf_printf(out,
                         "The text looks as if it held %s. It was kept as it is; if it is real, "
                         "forget %s with %s and replace the secret at its issuer.",
                         what, uid, memory_word(call, "erase=true", "--erase"));
}

static int answer_remember(const struct call *call, const struct remembering *what, const char *uid,
                           const char *superseded, struct answer *answer, struct err *err) {
    AUTO_BUF warning = BUF_INIT(512);
    AUTO_BUF expires = BUF_INIT(MEMORY_WHEN_BYTES);
    put_warning(call, &warning, uid, (struct text){what->note.text, what->note.text_bytes});
    if (what->note.expires_ms)
        (void)when_put(&expires, what->note.expires_ms, call->now_ms);
    const char *scope = what->note.workspace ? "workspace" : "global";
    struct remember_output out = {
        .uid = memory_text(uid),
        .kind = (int)what->note.kind,
        .scope = memory_text(scope),
        .superseded = memory_text(superseded),
        .expires = memory_text(expires.data),
        .warning = memory_text(warning.data),
    };
    (void)buf_printf(&answer->text, "Noted as %s (%s, %s).", uid, memory_kinds[what->note.kind],
                     scope);
    if (*superseded)
        (void)buf_printf(&answer->text, " It supersedes %s.", superseded);
    if (expires.len)
        (void)buf_printf(&answer->text, " It expires %s.", expires.data);
    if (warning.len)
        (void)buf_printf(&answer->text, " Warning: %s", warning.data);
    char uri[64];
    (void)snprintf(uri, sizeof uri, "memory://note/%s", uid);
    int r = memory_changed(answer, uri, err);
    if (r == 0 && *superseded) {
        (void)snprintf(uri, sizeof uri, "memory://note/%s", superseded);
        r = memory_changed(answer, uri, err);
    }
    if (r == 0)
        r = memory_changed(answer, "memory://recent", err);
    answer->list_changed = true;
    return r < 0 ? r : memory_structured(call, remember_out, &out, answer, err);
}

static int run_remember(struct call *call, const void *input, struct answer *answer,
                        struct err *err) {
    struct remembering what = {0};
    struct store *store;
    AUTO_BUF result = BUF_INIT(256);
    struct origin origin = memory_origin(call);
    int r = prepare(call, input, &what, err);
    if (r == 0)
        r = memory_store(call, &store, err);
    if (r == 0)
        r = store_write(store, &origin, write_note, &what, &result, NULL, err);
    if (r == 0) {
        char uid[NOTE_UID_BYTES] = "", superseded[NOTE_UID_BYTES] = "";
        if (!result.data || sscanf(result.data, "%16s %16s", uid, superseded) < 1)
            r = err_set(err, ERR_CORRUPT, "the store's record of this request is damaged");
        else
            r = answer_remember(call, &what, uid, superseded, answer, err);
    }
    mem_free(what.subject);
    mem_free(what.tags);
    return r;
}

// --- forget

struct forget_input {
    struct text uid;
    bool erase, confirm;
};
#define IN(member) .name = #member, .offset = offsetof(struct forget_input, member)
static const struct field forget_fields[] = {
    {IN(uid), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {IN(erase), .type = FIELD_BOOL, .description = "for good; the user is asked first"},
    {IN(confirm), .type = FIELD_BOOL, .description = "only when an answer asked for it"},
    {0},
};
#undef IN

struct forget_output {
    struct text uid, state, text;
};
#define OUT(member) .name = #member, .offset = offsetof(struct forget_output, member)
static const struct field forget_out[] = {
    {OUT(uid), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {OUT(state), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {OUT(text), .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {0},
};
#undef OUT

static int hide_note(struct db *db, void *ctx, struct buf *result, struct err *err) {
    (void)result;
    int r = memory_forget(db, ctx, err);
    return r == ERR_NOT_FOUND ? err_set(err, r, "uid: there is no note %s", (const char *)ctx) : r;
}

// What the user is about to lose. A note that was hidden before cannot be shown, but is erased.
static int put_preview(struct call *call, struct store *store, const char *uid, struct buf *out,
                       struct err *err) {
    enum { PREVIEW_BYTES = 160 };
    struct recall_result found = {0};
    struct db *db;
    int r = store_reader_get(store, &db, err);
    if (r < 0)
        return r;
    memory_reader_watch(db, call);
    r = memory_get(db, uid, &found, err);
    int known = r == ERR_NOT_FOUND ? memory_known(db, uid, err) : 1;
    memory_reader_put(store, db);
    if (known < 0)
        return known;
    if (!known) // nobody is asked to agree to what cannot be done
        return err_set(err, ERR_NOT_FOUND, "uid: there is no note %s", uid);
    if (r == ERR_NOT_FOUND) {
        (void)buf_printf(out, "Erase note %s (hidden already) for good?", uid);
        r = 0;
    } else if (r == 0) {
        const struct note *n = &found.hits[0].note;
        size_t shown = utf_cut(n->text, n->text_bytes, PREVIEW_BYTES);
        (void)buf_printf(out, "Erase note %s for good? \"%.*s%s\"", uid, (int)shown, n->text,
                         shown < n->text_bytes ? "…" : "");
    }
    recall_result_done(&found);
    (void)buf_puts(out, " It goes from the database, its index, log and backups; this cannot be "
                        "undone.");
    return r < 0 ? r : out->failed ? memory_no_memory(err) : 0;
}

static int ask_erase(struct call *call, struct store *store, const char *uid, struct answer *answer,
                     struct err *err) {
    AUTO_BUF message = BUF_INIT(1024);
    int r = put_preview(call, store, uid, &message, err);
    if (r < 0)
        return r;
    answer->ask = json_pack("{s:s}", "message", message.data);
    return answer->ask ? 0 : memory_no_memory(err);
}

// Hidden first, under the request's number: a request that is repeated because the engine died
// after erasing finds nothing left, and has still been done.
static int erase_note(struct store *store, const struct origin *origin, char *uid,
                      struct err *err) {
    bool repeated = false;
    int r = store_write(store, origin, hide_note, uid, NULL, &repeated, err);
    repeated |= r == ERR_EXISTS;
    if (r < 0 && r != ERR_EXISTS && r != ERR_NOT_FOUND) // not there: perhaps hidden before
        return r;
    int64_t erased = store_erase(store, (const char *const[]){uid}, 1, NULL, err);
    if (erased < 0)
        return (int)erased;
    if (erased == 0 && !repeated)
        return err_set(err, ERR_NOT_FOUND, "uid: there is no note %s", uid);
    return 0;
}

static int run_forget(struct call *call, const void *input, struct answer *answer,
                      struct err *err) {
    const struct forget_input *in = input;
    char uid[NOTE_UID_BYTES], uri[64];
    struct store *store;
    struct origin origin = memory_origin(call);
    int r = memory_uid("uid", in->uid, 'n', uid, err);
    if (r == 0)
        r = memory_store(call, &store, err);
    if (r < 0)
        return r;
    if (in->erase && !call->confirmed)
        return ask_erase(call, store, uid, answer, err);
    r = in->erase ? erase_note(store, &origin, uid, err)
                  : store_write(store, &origin, hide_note, uid, NULL, NULL, err);
    if (r < 0)
        return r;
    const char *text =
        in->erase
            ? "erased for good: database, index, log and backups no longer hold it"
            : memory_word(call,
                          "hidden: no search shows it any more. erase=true removes it for good",
                          "hidden: no search shows it any more. --erase removes it for good");
    struct forget_output out = {memory_text(uid), memory_text(in->erase ? "erased" : "hidden"),
                                memory_text(text)};
    (void)buf_printf(&answer->text, "%s is %s.", uid, text);
    (void)snprintf(uri, sizeof uri, "memory://note/%s", uid);
    r = memory_changed(answer, uri, err);
    if (r == 0)
        r = memory_changed(answer, "memory://recent", err);
    answer->list_changed = true;
    return r < 0 ? r : memory_structured(call, forget_out, &out, answer, err);
}

// --- the table

const struct capability capabilities_memory[] = {
    {.name = "remember",
     .title = "Remember",
     .description = "Keep a note for later sessions and the user's other tools, unasked, when it "
                    "will matter again: a decision and why, a fact about the setup, a preference, "
                    "a trap and its cure. One self-contained note each.",
     .search_hint = "save note memory fact decision preference learn keep",
     .flags = CAP_TOOL,
     .input = remember_fields,
     .input_size = sizeof(struct remember_input),
     .output = remember_out,
     .run = run_remember,
     .example = "{\"text\":\"Releases are cut from main on Thursdays\",\"kind\":\"fact\","
                "\"subject\":\"release day\",\"tags\":[\"release\"]}"},
    {.name = "recall",
     .title = "Recall",
     .description =
         "Search the user's memory: notes, facts, decisions of this workspace and global ones, "
         "ranked and dated. Use it before answering about the project's past, conventions, people "
         "or setup. query: the words that matter; none: the newest.",
     .search_hint = "search memory notes history past decisions what did we agree",
     .flags = CAP_TOOL | CAP_READ_ONLY,
     .input = memory_recall_input,
     .input_size = sizeof(struct recall_input),
     .output = memory_recall_output,
     .run = memory_run_recall,
     .example = "{\"query\":\"release day\",\"since\":\"last month\"}"},
    {.name = "forget",
     .title = "Forget",
     .description = "Take back a note, only when the user asks. It is hidden at once; erase "
                    "removes it from disk for good.",
     .search_hint = "delete remove erase note memory",
     .flags = CAP_TOOL | CAP_DESTRUCTIVE | CAP_IDEMPOTENT,
     .input = forget_fields,
     .input_size = sizeof(struct forget_input),
     .output = forget_out,
     .run = run_forget,
     .example = "{\"uid\":\"nabcdefghijk2345\"}"},
    {.name = "handoff",
     .title = "Hand over",
     .description = "Save where this session stands, so that another tool or a later session can "
                    "go on with `resume`: at the end of work or before switching tools.",
     .search_hint = "save session context checkpoint continue later switch tool",
     .flags = CAP_TOOL,
     .input = memory_handoff_input,
     .input_size = sizeof(struct handoff_input),
     .output = memory_handoff_output,
     .run = memory_run_handoff,
     .example = "{\"title\":\"Port the parser\",\"next\":\"run the fuzz seeds\","
                "\"files\":[\"src/parse.c\"]}"},
    {.name = "resume",
     .title = "Resume",
     .description =
         "What the last session of this workspace handed over, and the newest decisions and notes "
         "since. Use it at the start, when the user wants to go on with earlier work.",
     .search_hint = "continue where we left off last session handoff context",
     .flags = CAP_TOOL | CAP_READ_ONLY,
     .input = memory_resume_input,
     .input_size = sizeof(struct resume_input),
     .output = memory_resume_output,
     .run = memory_run_resume,
     .example = "{\"limit\":1}"},
    {0},
};
