// Lines and manifest of an export: structs to JSON and back. No I/O.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/export.h"

#include <string.h>

static const char *const kind_names[] = {"note", "fact", "decision", NULL};

// --- encoding -----------------------------------------------------------------------------------

static void put_member(struct buf *out, const char *name, const char *value, size_t n) {
    if (!value)
        return;
    (void)buf_printf(out, ",\"%s\":", name);
    (void)buf_put_json_string(out, value, n);
}

void export_put_text(struct buf *out, const char *name, const char *value) {
    put_member(out, name, value, value ? strlen(value) : 0);
}

static void put_tags(struct buf *out, const char *tags) {
    if (!tags || !tags[0])
        return;
    (void)buf_puts(out, ",\"tags\":[");
    for (const char *at = tags; *at;) {
        size_t n = strcspn(at, "\n");
        if (at != tags)
            (void)buf_putc(out, ',');
        (void)buf_put_json_string(out, at, n);
        at += n + (at[n] == '\n');
    }
    (void)buf_putc(out, ']');
}

static int line_end(struct buf *out) {
    (void)buf_puts(out, "}\n");
    return out->failed ? ERR_NOMEM : 0;
}

int export_note_encode(const struct note *note, struct buf *out) {
    (void)buf_puts(out, "{\"uid\":");
    (void)buf_put_json_string(out, note->uid, strlen(note->uid));
    export_put_text(out, "kind", kind_names[note->kind]);
    put_member(out, "text", note->text, note->text_bytes);
    export_put_text(out, "subject", note->subject);
    export_put_text(out, "workspace",
                    note->workspace && note->workspace[0] ? note->workspace : NULL);
    export_put_text(out, "source", note->source);
    export_put_text(out, "thread", note->thread);
    put_tags(out, note->tags);
    (void)buf_printf(out, ",\"created_ms\":%lld", (long long)note->created_ms);
    if (note->expires_ms)
        (void)buf_printf(out, ",\"expires_ms\":%lld", (long long)note->expires_ms);
    export_put_text(out, "superseded_by", note->superseded_by[0] ? note->superseded_by : NULL);
    return line_end(out);
}

int export_handoff_encode(const struct handoff *h, struct buf *out) {
    (void)buf_puts(out, "{\"uid\":");
    (void)buf_put_json_string(out, h->uid, strlen(h->uid));
    export_put_text(out, "workspace", h->workspace && h->workspace[0] ? h->workspace : NULL);
    export_put_text(out, "source", h->source);
    export_put_text(out, "title", h->title);
    export_put_text(out, "question", h->question);
    export_put_text(out, "next", h->next);
    export_put_text(out, "files", h->files);
    export_put_text(out, "summary", h->summary);
    (void)buf_printf(out, ",\"created_ms\":%lld", (long long)h->created_ms);
    return line_end(out);
}

// --- decoding -----------------------------------------------------------------------------------

enum { NAME_BYTES_MAX = 4096 };
#define TIME_MS_MAX 253402300799999 // year 9999

struct note_line {
    struct text uid, text, subject, workspace, source, thread, superseded_by;
    int kind;
    struct text_array tags;
    int64_t created_ms, expires_ms;
};

#define TEXT(owner, member, minimum, maximum, bits)                                                \
    {                                                                                              \
        .name = #member, .type = FIELD_STRING, .flags = (bits), .offset = offsetof(owner, member), \
        .min = (minimum), .max = (maximum)                                                         \
    }
#define TIME(owner, member, bits)                                                                  \
    {                                                                                              \
        .name = #member, .type = FIELD_INT, .flags = (bits), .offset = offsetof(owner, member),    \
        .max = TIME_MS_MAX                                                                         \
    }

static const struct field note_fields[] = {
    TEXT(struct note_line, uid, NOTE_UID_BYTES - 1, NOTE_UID_BYTES - 1, FIELD_REQUIRED),
    {.name = "kind",
     .type = FIELD_ENUM,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct note_line, kind),
     .values = kind_names},
    TEXT(struct note_line, text, 1, NOTE_TEXT_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct note_line, subject, 0, NAME_BYTES_MAX, 0),
    TEXT(struct note_line, workspace, 0, NAME_BYTES_MAX, 0),
    TEXT(struct note_line, source, 0, NAME_BYTES_MAX, 0),
    TEXT(struct note_line, thread, 0, NAME_BYTES_MAX, 0),
    {.name = "tags",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct note_line, tags),
     .max = NOTE_TAGS_MAX},
    TIME(struct note_line, created_ms, FIELD_REQUIRED),
    TIME(struct note_line, expires_ms, 0),
    TEXT(struct note_line, superseded_by, NOTE_UID_BYTES - 1, NOTE_UID_BYTES - 1, 0),
    {0},
};

struct handoff_line {
    struct text uid, workspace, source, title, question, next, files, summary;
    int64_t created_ms;
};

static const struct field handoff_fields[] = {
    TEXT(struct handoff_line, uid, NOTE_UID_BYTES - 1, NOTE_UID_BYTES - 1, FIELD_REQUIRED),
    TEXT(struct handoff_line, workspace, 0, NAME_BYTES_MAX, 0),
    TEXT(struct handoff_line, source, 0, NAME_BYTES_MAX, 0),
    TEXT(struct handoff_line, title, 1, NOTE_TEXT_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct handoff_line, question, 0, NOTE_TEXT_BYTES_MAX, 0),
    TEXT(struct handoff_line, next, 1, NOTE_TEXT_BYTES_MAX, FIELD_REQUIRED),
    TEXT(struct handoff_line, files, 0, NOTE_TEXT_BYTES_MAX, 0),
    TEXT(struct handoff_line, summary, 0, NOTE_TEXT_BYTES_MAX, 0),
    TIME(struct handoff_line, created_ms, FIELD_REQUIRED),
    {0},
};

static const struct field file_fields[] = {
    TEXT(struct export_file, name, 1, 64, FIELD_REQUIRED),
    {.name = "lines",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct export_file, lines),
     .max = INT64_MAX},
    {.name = "bytes",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct export_file, bytes),
     .max = INT64_MAX},
    TEXT(struct export_file, blake2b, 2 * EXPORT_HASH_BYTES, 2 * EXPORT_HASH_BYTES, FIELD_REQUIRED),
    {0},
};

static const struct field manifest_fields[] = {
    TEXT(struct export_manifest, format, 1, 64, FIELD_REQUIRED),
    {.name = "version",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct export_manifest, version),
     .min = 1,
     .max = INT32_MAX},
    {.name = "schema",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct export_manifest, schema),
     .min = 1,
     .max = INT32_MAX},
    TIME(struct export_manifest, created_ms, FIELD_REQUIRED),
    {.name = "files",
     .type = FIELD_OBJECT_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct export_manifest, files),
     .max = EXPORT_FILES_MAX,
     .object = file_fields,
     .object_size = sizeof(struct export_file)},
    {0},
};

// jansson refuses invalid UTF-8, \u0000 and (asked for) a member given twice, so that every string
// is valid and ends at its NUL.
int export_parse(const char *bytes, size_t n, const char *what, json_t **ret, struct err *err) {
    json_error_t why;
    json_t *json = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return err_set(err, ERR_PARSE, "%s is not JSON: %s", what, why.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(err, ERR_PARSE, "%s is not a JSON object", what);
    }
    *ret = json;
    return 0;
}

// Uids are compared, shown and put into URIs: letters and digits only, after the letter of their
// kind.
static int check_uid(const char *field, struct text uid, char letter, struct err *err) {
    bool good = uid.len == NOTE_UID_BYTES - 1 && uid.data[0] == letter;
    for (size_t i = 1; good && i < uid.len; i++)
        good = (uid.data[i] >= 'a' && uid.data[i] <= 'z') ||
               (uid.data[i] >= '0' && uid.data[i] <= '9');
    return good ? 0
                : err_set(err, ERR_INVAL, "%s: not a uid (\"%c\" and %d letters or digits)", field,
                          letter, NOTE_UID_BYTES - 2);
}

static int join_tags(const struct text_array *tags, char **ret, struct err *err) {
    AUTO_BUF joined = BUF_INIT(NOTE_TAGS_MAX * (NOTE_TAG_BYTES_MAX + 1));
    *ret = NULL;
    for (size_t i = 0; i < tags->count; i++) {
        struct text tag = tags->items[i];
        if (!tag.len || tag.len > NOTE_TAG_BYTES_MAX || memchr(tag.data, '\n', tag.len))
            return err_set(err, ERR_INVAL, "tags[%zu]: 1 to %d bytes in one line are allowed", i,
                           NOTE_TAG_BYTES_MAX);
        if (i)
            (void)buf_putc(&joined, '\n');
        (void)buf_append(&joined, tag.data, tag.len);
    }
    if (joined.failed || (tags->count && !(*ret = buf_take(&joined))))
        return err_set(err, ERR_NOMEM, "out of memory for tags");
    return 0;
}

static int note_fill(const struct note_line *line, struct export_record *out, struct err *err) {
    int r = check_uid("uid", line->uid, 'n', err);
    if (r == 0 && line->superseded_by.data)
        r = check_uid("superseded_by", line->superseded_by, 'n', err);
    if (r == 0)
        r = join_tags(&line->tags, &out->tags, err);
    if (r < 0)
        return r;
    out->note = (struct note){
        .kind = (enum note_kind)line->kind,
        .text = line->text.data,
        .text_bytes = line->text.len,
        .subject = line->subject.data,
        .workspace = line->workspace.data,
        .source = line->source.data,
        .thread = line->thread.data,
        .tags = out->tags,
        .created_ms = line->created_ms,
        .expires_ms = line->expires_ms,
    };
    memcpy(out->note.uid, line->uid.data, NOTE_UID_BYTES - 1);
    if (line->superseded_by.data)
        memcpy(out->note.superseded_by, line->superseded_by.data, NOTE_UID_BYTES - 1);
    return 0;
}

// As the tools take them: a line of its own within these would look like another note.
static int one_line(const char *name, struct text t, struct err *err) {
    for (size_t i = 0; i < t.len; i++)
        if ((unsigned char)t.data[i] < ' ' || t.data[i] == 0x7F)
            return err_set(err, ERR_INVAL, "%s: must not hold control characters", name);
    return 0;
}

int export_note_decode(const char *bytes, size_t n, struct export_record *ret, struct err *err) {
    struct export_record out = {0};
    struct note_line line = {0};
    int r = export_parse(bytes, n, "the line", &out.json, err);
    if (r == 0)
        r = fields_decode(note_fields, out.json, &line, err);
    if (r < 0) {
        export_record_done(&out);
        return r;
    }
    r = one_line("subject", line.subject, err);
    if (r == 0)
        r = note_fill(&line, &out, err);
    fields_release(note_fields, &line);
    if (r < 0)
        export_record_done(&out);
    else
        *ret = out;
    return r;
}

int export_handoff_decode(const char *bytes, size_t n, struct export_record *ret, struct err *err) {
    struct export_record out = {0};
    struct handoff_line line = {0};
    int r = export_parse(bytes, n, "the line", &out.json, err);
    if (r == 0)
        r = fields_decode(handoff_fields, out.json, &line, err);
    if (r == 0)
        r = check_uid("uid", line.uid, 'h', err);
    if (r == 0)
        r = one_line("title", line.title, err);
    if (r < 0) {
        export_record_done(&out);
        return r;
    }
    out.handoff = (struct handoff){
        .workspace = line.workspace.data,
        .source = line.source.data,
        .title = line.title.data,
        .question = line.question.data,
        .next = line.next.data,
        .files = line.files.data,
        .summary = line.summary.data,
        .created_ms = line.created_ms,
    };
    memcpy(out.handoff.uid, line.uid.data, NOTE_UID_BYTES - 1);
    *ret = out;
    return 0;
}

void export_record_done(struct export_record *r) {
    mem_free(r->tags);
    mem_free(r->value);
    mem_free(r->models);
    json_decref(r->json);
    *r = (struct export_record){0};
}

// --- manifest -----------------------------------------------------------------------------------

int export_manifest_decode(const char *text, size_t n, struct export_manifest *ret,
                           struct err *err) {
    struct export_manifest m = {0};
    json_t *json = NULL;
    int r = export_parse(text, n, EXPORT_MANIFEST, &json, err);
    if (r == 0)
        r = fields_decode(manifest_fields, json, &m, err);
    if (r < 0) {
        json_decref(json);
        return r;
    }
    m.json = json;
    if (!text_is(m.format, EXPORT_FORMAT))
        r = err_set(err, ERR_PARSE, EXPORT_MANIFEST ": format is not " EXPORT_FORMAT);
    else if (m.version > EXPORT_VERSION)
        r = err_set(err, ERR_VERSION,
                    "the export has format version %lld, this paired knows %d: update it",
                    (long long)m.version, EXPORT_VERSION);
    if (r < 0)
        export_manifest_done(&m);
    else
        *ret = m;
    return r;
}

int export_manifest_encode(const struct export_manifest *m, json_t **ret, struct err *err) {
    return fields_encode(manifest_fields, m, ret, err);
}

void export_manifest_done(struct export_manifest *m) {
    fields_release(manifest_fields, m);
    json_decref(m->json);
    *m = (struct export_manifest){0};
}
