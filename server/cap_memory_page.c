// Notes as answers show them, and small things that every memory capability needs.
#include "server/cap_memory.h"

#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "server/when.h"

#include <string.h>

enum {
    NOTE_TOKENS_AROUND = 24, // names and quotes of a note's members
    NOTE_TOKENS_MIN = 40     // less of a text than this is not worth showing
};

const char *const memory_kinds[] = {"note", "fact", "decision", NULL};

#define NOTE_FIELD(member) .name = #member, .offset = offsetof(struct memory_note, member)
// The second time without the members that explain themselves: a schema costs every client's list.
#define NOTE_FIELDS(extra)                                                                         \
    {NOTE_FIELD(uid), .type = FIELD_STRING, .flags = FIELD_REQUIRED},                              \
        {NOTE_FIELD(kind), .type = FIELD_ENUM, .flags = FIELD_REQUIRED | (extra),                  \
         .values = memory_kinds},                                                                  \
        {NOTE_FIELD(when), .type = FIELD_STRING, .flags = FIELD_REQUIRED | (extra)},               \
        {NOTE_FIELD(subject), .type = FIELD_STRING, .flags = (extra)},                             \
        {NOTE_FIELD(tags), .type = FIELD_STRING_ARRAY, .flags = (extra)},                          \
        {NOTE_FIELD(source), .type = FIELD_STRING, .flags = (extra)},                              \
        {NOTE_FIELD(scope), .type = FIELD_STRING, .flags = (extra)},                               \
        {NOTE_FIELD(superseded_by), .type = FIELD_STRING, .flags = (extra)},                       \
        {NOTE_FIELD(text), .type = FIELD_STRING, .flags = FIELD_REQUIRED},                         \
        {NOTE_FIELD(cut), .type = FIELD_BOOL, .flags = (extra), .presence = MEMORY_NOTE_CUT,       \
         .presence_offset = offsetof(struct memory_note, present)},                                \
        {NOTE_FIELD(beside), .type = FIELD_BOOL, .flags = (extra), .presence = MEMORY_NOTE_BESIDE, \
         .presence_offset = offsetof(struct memory_note, present)},                                \
        {0},
const struct field memory_note_fields[] = {NOTE_FIELDS(0)};
const struct field memory_note_brief_fields[] = {NOTE_FIELDS(FIELD_HIDDEN)};

int memory_no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "out of memory");
}

int64_t memory_setting(const struct call *call, const char *key, int64_t fallback) {
    // The engine puts newer settings here while calls run.
    const struct conf *conf = __atomic_load_n(&call->services->conf, __ATOMIC_ACQUIRE);
    return conf ? conf_int(conf, key) : fallback;
}

const char *memory_word(const struct call *call, const char *argument, const char *option) {
    return strcmp(call->caller->face, "cli") == 0 ? option : argument;
}

struct text memory_text(const char *s) {
    return s && *s ? (struct text){s, strlen(s)} : (struct text){0};
}

// --- one note

static bool split_tags(const char *tags, struct text_array *ret) {
    size_t count = 1;
    if (!tags || !*tags)
        return true;
    for (const char *p = tags; *p; p++)
        count += *p == '\n';
    ret->items = mem_alloc(count * sizeof *ret->items);
    if (!ret->items)
        return false;
    for (const char *p = tags; ret->count < count; p++) {
        size_t n = strcspn(p, "\n");
        ret->items[ret->count++] = (struct text){p, n};
        p += n;
    }
    return true;
}

static struct text note_scope(const char *of_note, const char *workspace) {
    if (!of_note || !*of_note)
        return memory_text("global");
    return workspace && strcmp(of_note, workspace) == 0 ? (struct text){0} : memory_text(of_note);
}

static size_t tokens_as_json(const char *text, size_t n) {
    AUTO_BUF json = BUF_INIT(0);
    if (buf_put_json_string(&json, text, n) < 0)
        return n; // more than it can be
    return tokens_count(json.data, json.len);
}

// Text that JSON changes only by its quotes is not counted again.
static bool is_plain(const char *text, size_t n) {
    for (size_t i = 0; (i += buf_json_plain(text + i, n - i)) < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == '"' || text[i] == '\\')
            return false;
    return true;
}

static size_t tokens_of_hit(const struct recall_hit *hit, const char *text, size_t shown) {
    enum { QUOTES = 2 };
    bool counted = hit->tokens && shown == hit->shown_bytes;
    return counted && is_plain(text, shown) ? hit->tokens + QUOTES : tokens_as_json(text, shown);
}

// Ids and dates: what the estimate misses of them is small beside NOTE_TOKENS_AROUND.
static size_t tokens_around(const struct memory_note *n) {
    const struct text parts[] = {n->uid,    n->when,  n->subject,
                                 n->source, n->scope, n->superseded_by};
    size_t tokens = NOTE_TOKENS_AROUND;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        tokens += parts[i].len ? tokens_estimate(parts[i].data, parts[i].len) + 3 : 0;
    for (size_t i = 0; i < n->tags.count; i++)
        tokens += tokens_estimate(n->tags.items[i].data, n->tags.items[i].len) + 2;
    return tokens;
}

static bool describe(struct memory_page *page, size_t i, const struct note *n,
                     const char *workspace, int64_t now_ms) {
    struct memory_note *out = &page->notes[i];
    AUTO_BUF when = BUF_INIT(MEMORY_WHEN_BYTES - 1);
    (void)when_put(&when, n->created_ms, now_ms);
    if (when.failed)
        return false;
    memcpy(page->when[i], when.data, when.len + 1);
    *out = (struct memory_note){
        .uid = memory_text(n->uid),
        .kind = (int)n->kind,
        .when = memory_text(page->when[i]),
        .subject = memory_text(n->subject),
        .source = memory_text(n->source),
        .scope = note_scope(n->workspace, workspace),
        .superseded_by = memory_text(n->superseded_by),
        .text = {n->text, n->text_bytes},
    };
    return split_tags(n->tags, &out->tags);
}

size_t memory_page_fill(struct memory_page *page, const struct recall_result *result,
                        const char *workspace, size_t budget, int64_t now_ms) {
    size_t taken = 0;
    for (; taken < result->count && page->count < RECALL_LIMIT_MAX; taken++) {
        const struct recall_hit *hit = &result->hits[taken];
        struct memory_note *n = &page->notes[page->count];
        if (!describe(page, page->count, &hit->note, workspace, now_ms))
            break;
        page->count++; // from here memory_page_done frees its tags
        size_t left = budget > page->tokens ? budget - page->tokens : 0;
        size_t around = tokens_around(n), room = left > around ? left - around : 0;
        size_t shown = hit->shown_bytes < n->text.len ? hit->shown_bytes : n->text.len;
        size_t cost = tokens_of_hit(hit, n->text.data, shown);
        if (cost > room) {
            if (taken > 0 || page->count > 1) { // a whole note on the next page beats half of one
                page->count--;
                mem_free(n->tags.items);
                break;
            }
            size_t part = room > NOTE_TOKENS_MIN ? room : NOTE_TOKENS_MIN;
            // Escapes cost extra: take off what they do.
            shown = tokens_prefix(n->text.data, shown,
                                  part * part / (cost > part ? cost : part) + part / 2);
            while (shown && tokens_as_json(n->text.data, shown) > part)
                shown =
                    tokens_prefix(n->text.data, shown, tokens_count(n->text.data, shown) * 7 / 8);
            cost = tokens_as_json(n->text.data, shown);
        }
        n->cut = shown < n->text.len;
        n->present |= n->cut ? UINT64_C(1) << MEMORY_NOTE_CUT : 0;
        n->text.len = shown;
        // Context, not a match; who reads the answer must be able to tell.
        n->beside = hit->beside;
        n->present |= n->beside ? UINT64_C(1) << MEMORY_NOTE_BESIDE : 0;
        page->tokens += around + cost;
    }
    return taken;
}

void memory_page_done(struct memory_page *page) {
    for (size_t i = 0; i < page->count; i++)
        mem_free(page->notes[i].tags.items);
    page->count = 0;
}

static void put_text(struct buf *out, const char *before, struct text t) {
    if (!t.len)
        return;
    (void)buf_puts(out, before);
    (void)buf_append(out, t.data, t.len);
}

void memory_page_text(const struct memory_page *page, struct buf *out) {
    for (size_t i = 0; i < page->count; i++) {
        const struct memory_note *n = &page->notes[i];
        put_text(out, "[", n->uid);
        put_text(out, "] ", memory_text(memory_kinds[n->kind]));
        put_text(out, " · ", n->when);
        put_text(out, " · about ", n->subject);
        for (size_t k = 0; k < n->tags.count; k++)
            put_text(out, k ? ", " : " · tags ", n->tags.items[k]);
        put_text(out, " · from ", n->source);
        put_text(out, " · ", n->scope);
        put_text(out, " · superseded by ", n->superseded_by);
        if (n->beside)
            (void)buf_puts(out, " · beside a match");
        put_text(out, "\n", n->text);
        (void)buf_puts(out, n->cut ? " […]\n\n" : "\n\n");
    }
}

// --- arguments

int memory_string(const char *name, struct text t, bool lines, char **ret, struct err *err) {
    if (!t.data)
        return 0;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c == 0x7F || (c < ' ' && !(lines && (c == '\n' || c == '\t' || c == '\r'))))
            return err_set(err, ERR_INVAL, "%s: must not hold %s", name,
                           c == '\n' ? "a line break" : "control characters");
    }
    *ret = mem_strndup(t.data, t.len);
    return *ret ? 0 : memory_no_memory(err);
}

int memory_uid(const char *name, struct text t, char letter, char ret[NOTE_UID_BYTES],
               struct err *err) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    bool good = t.len == NOTE_UID_BYTES - 1 && t.data[0] == letter;
    for (size_t i = 0; good && i < t.len; i++)
        good = t.data[i] && strchr(alphabet, t.data[i]);
    if (!good)
        return err_set(
            err, ERR_INVAL,
            "%s: expected the id of a %s, \"%c\" and 15 letters or digits as %s shows it", name,
            letter == 'h' ? "handoff" : "note", letter, letter == 'h' ? "resume" : "recall");
    memcpy(ret, t.data, t.len);
    ret[t.len] = '\0';
    return 0;
}

// --- store and answer

int memory_store(struct call *call, struct store **ret, struct err *err) {
    struct err why = {0};
    struct store *store = call->services->store(call->services, &why);
    if (!store) {
        if (err)
            *err = why;
        return why.code ? why.code : ERR_IO;
    }
    *ret = store;
    return 0;
}

struct origin memory_origin(const struct call *call) {
    struct origin origin = {.seq = call->caller->seq};
    if (call->caller->seq)
        memcpy(origin.session, call->caller->session, sizeof origin.session);
    return origin;
}

static bool caller_left(void *ctx) {
    const struct call *call = ctx;
    return job_cancelled(call->job);
}

void memory_reader_watch(struct db *db, struct call *call) {
    db_set_cancel(db, caller_left, call);
}

void memory_reader_put(struct store *store, struct db *db) {
    db_set_cancel(db, NULL, NULL);
    store_reader_put(store, db);
}

int memory_structured(const struct call *call, const struct field *table, const void *value,
                      struct answer *answer, struct err *err) {
    int r = call->as_text ? fields_write(table, value, &answer->json, err)
                          : fields_encode(table, value, &answer->structured, err);
    if (r < 0)
        return r;
    return answer->text.failed ? memory_no_memory(err) : 0;
}

int memory_changed(struct answer *answer, const char *uri, struct err *err) {
    if (!answer->changed)
        answer->changed = json_array();
    if (!answer->changed || json_array_append_new(answer->changed, json_string(uri)) < 0)
        return memory_no_memory(err);
    return 0;
}
