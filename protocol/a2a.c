#include "protocol/a2a.h"

#include <string.h>

// --- states ------------------------------------------------------------------------------------

static const char *const state_names[] = {
    "TASK_STATE_SUBMITTED", "TASK_STATE_WORKING",       "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",    "TASK_STATE_CANCELED",      "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_REJECTED",  "TASK_STATE_AUTH_REQUIRED", NULL,
};
static const char *const state_words[A2A_STATES] = {
    "submitted", "working",        "completed", "failed",
    "canceled",  "input required", "rejected",  "permission required",
};
#define BIT(s) (1U << (s))
enum {
    TERMINAL = BIT(A2A_COMPLETED) | BIT(A2A_FAILED) | BIT(A2A_CANCELED) | BIT(A2A_REJECTED),
    WAITS = BIT(A2A_INPUT_REQUIRED) | BIT(A2A_AUTH_REQUIRED),
    ANY = BIT(A2A_STATES) - 1
};
// Where a task may go from each state. What has begun is not rejected any more, it fails; what has
// begun never goes back to the queue, unless its input was completed.
static const unsigned follows[A2A_STATES] = {
    [A2A_SUBMITTED] = ANY,
    [A2A_WORKING] = ANY & ~(BIT(A2A_SUBMITTED) | BIT(A2A_REJECTED)),
    [A2A_INPUT_REQUIRED] = ANY & ~BIT(A2A_COMPLETED),
    [A2A_AUTH_REQUIRED] = ANY & ~BIT(A2A_COMPLETED),
};

const char *a2a_state_name(enum a2a_state s) {
    return state_names[s];
}
const char *a2a_state_word(enum a2a_state s) {
    return state_words[s];
}
bool a2a_state_terminal(enum a2a_state s) {
    return BIT(s) & TERMINAL;
}
bool a2a_state_waits(enum a2a_state s) {
    return BIT(s) & WAITS;
}
bool a2a_state_may(int from, enum a2a_state to) {
    return from < 0 ? to != A2A_CANCELED : (follows[from] & BIT(to)) != 0;
}

// --- tables ------------------------------------------------------------------------------------

#define ID_FIELD(word, type_, member, flags_)                                                      \
    {                                                                                              \
        .name = word, .type = FIELD_STRING, .flags = flags_, .offset = offsetof(type_, member),    \
        .max = A2A_ID_BYTES_MAX                                                                    \
    }
#define TEXT_FIELD(word, type_, member, max_)                                                      \
    { .name = word, .type = FIELD_STRING, .offset = offsetof(type_, member), .max = max_ }
#define JSON_FIELD(word, type_, member)                                                            \
    { .name = word, .type = FIELD_JSON, .offset = offsetof(type_, member) }
#define LIST_FIELD(word, type_, member, flags_, max_, table, element)                              \
    {                                                                                              \
        .name = word, .type = FIELD_OBJECT_ARRAY, .flags = flags_,                                 \
        .offset = offsetof(type_, member), .max = max_, .object = table,                           \
        .object_size = sizeof(element)                                                             \
    }

static const struct field part_fields[] = {
    TEXT_FIELD("text", struct a2a_part, text, A2A_TEXT_BYTES_MAX),
    TEXT_FIELD("raw", struct a2a_part, raw, A2A_TEXT_BYTES_MAX),
    TEXT_FIELD("url", struct a2a_part, url, A2A_NAME_BYTES_MAX),
    JSON_FIELD("data", struct a2a_part, data),
    TEXT_FIELD("filename", struct a2a_part, filename, 4096),
    TEXT_FIELD("mediaType", struct a2a_part, media_type, 128),
    JSON_FIELD("metadata", struct a2a_part, metadata),
    {0},
};
static const char *const roles[] = {"ROLE_USER", "ROLE_AGENT", NULL};
const struct field a2a_message_fields[] = {
    ID_FIELD("messageId", struct a2a_message, message_id, FIELD_REQUIRED),
    ID_FIELD("contextId", struct a2a_message, context_id, 0),
    ID_FIELD("taskId", struct a2a_message, task_id, 0),
    {.name = "role",
     .type = FIELD_ENUM,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct a2a_message, role),
     .values = roles},
    LIST_FIELD("parts", struct a2a_message, parts, FIELD_REQUIRED, A2A_PARTS_MAX, part_fields,
               struct a2a_part),
    JSON_FIELD("metadata", struct a2a_message, metadata),
    {0},
};
const struct field a2a_status_fields[] = {
    {.name = "state",
     .type = FIELD_ENUM,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct a2a_status, state),
     .values = state_names},
    {.name = "message",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct a2a_status, message),
     .object = a2a_message_fields,
     .presence = A2A_STATUS_MESSAGE,
     .presence_offset = offsetof(struct a2a_status, present)},
    TEXT_FIELD("timestamp", struct a2a_status, timestamp, 40),
    {0},
};
const struct field a2a_artifact_fields[] = {
    ID_FIELD("artifactId", struct a2a_artifact, artifact_id, FIELD_REQUIRED),
    TEXT_FIELD("name", struct a2a_artifact, name, A2A_NAME_BYTES_MAX),
    TEXT_FIELD("description", struct a2a_artifact, description, A2A_DESCRIPTION_BYTES_MAX),
    LIST_FIELD("parts", struct a2a_artifact, parts, FIELD_REQUIRED, A2A_PARTS_MAX, part_fields,
               struct a2a_part),
    JSON_FIELD("metadata", struct a2a_artifact, metadata),
    {0},
};
const struct field a2a_task_fields[] = {
    ID_FIELD("id", struct a2a_task, id, FIELD_REQUIRED),
    ID_FIELD("contextId", struct a2a_task, context_id, 0),
    {.name = "status",
     .type = FIELD_OBJECT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct a2a_task, status),
     .object = a2a_status_fields},
    LIST_FIELD("artifacts", struct a2a_task, artifacts, 0, A2A_ARTIFACTS_MAX, a2a_artifact_fields,
               struct a2a_artifact),
    LIST_FIELD("history", struct a2a_task, history, 0, A2A_HISTORY_MAX, a2a_message_fields,
               struct a2a_message),
    JSON_FIELD("metadata", struct a2a_task, metadata),
    {0},
};

// --- what no table says ------------------------------------------------------------------------

bool a2a_id_valid(struct text id) {
    if (!id.data || !id.len || id.len > A2A_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static int check_parts(const struct object_array *parts, const char *of, struct err *err) {
    const struct a2a_part *p = parts->items;
    if (!parts->count)
        return err_set(err, ERR_INVAL, "%s.parts: must not be empty", of);
    for (size_t i = 0; i < parts->count; i++) {
        int contents = (p[i].text.data != NULL) + (p[i].raw.data != NULL) +
                       (p[i].url.data != NULL) + (p[i].data != NULL);
        if (contents != 1)
            return err_set(err, ERR_INVAL, "%s.parts[%zu]: expected one of text, raw, url, data",
                           of, i);
        if (p[i].metadata && !json_is_object(p[i].metadata))
            return err_set(err, ERR_INVAL, "%s.parts[%zu].metadata: expected object", of, i);
    }
    return 0;
}

static int check_id(struct text id, bool required, const char *name, struct err *err) {
    if ((id.data || required) && !a2a_id_valid(id))
        return err_set(err, ERR_INVAL, "%s: expected letters, digits, '-', '_', '.', at most %d",
                       name, A2A_ID_BYTES_MAX);
    return 0;
}

static int check_metadata(const json_t *metadata, const char *of, struct err *err) {
    if (metadata && !json_is_object(metadata))
        return err_set(err, ERR_INVAL, "%s.metadata: expected object", of);
    return 0;
}

static int check_message(const struct a2a_message *m, struct err *err) {
    int r = check_id(m->message_id, true, "messageId", err);
    if (r == 0)
        r = check_id(m->context_id, false, "contextId", err);
    if (r == 0)
        r = check_id(m->task_id, false, "taskId", err);
    if (r == 0)
        r = check_parts(&m->parts, "message", err);
    return r == 0 ? check_metadata(m->metadata, "message", err) : r;
}

int a2a_message_read(const json_t *object, struct a2a_message *ret, struct err *err) {
    struct a2a_message m = {0};
    int r = fields_decode(a2a_message_fields, object, &m, err);
    if (r < 0)
        return r;
    r = check_message(&m, err);
    if (r < 0)
        fields_release(a2a_message_fields, &m);
    else
        *ret = m;
    return r;
}

static int check_task(const struct a2a_task *t, struct err *err) {
    const struct a2a_artifact *a = t->artifacts.items;
    const struct a2a_message *h = t->history.items;
    int r = check_id(t->id, true, "id", err);
    if (r == 0)
        r = check_id(t->context_id, false, "contextId", err);
    if (r == 0 && (t->status.present & 1U << A2A_STATUS_MESSAGE))
        r = check_message(&t->status.message, err);
    for (size_t i = 0; r == 0 && i < t->artifacts.count; i++) {
        r = check_id(a[i].artifact_id, true, "artifactId", err);
        if (r == 0)
            r = check_parts(&a[i].parts, "artifact", err);
        if (r == 0)
            r = check_metadata(a[i].metadata, "artifact", err);
    }
    for (size_t i = 0; r == 0 && i < t->history.count; i++)
        r = check_message(&h[i], err);
    return r == 0 ? check_metadata(t->metadata, "task", err) : r;
}

int a2a_task_read(const json_t *object, struct a2a_task *ret, struct err *err) {
    struct a2a_task t = {0};
    int r = fields_decode(a2a_task_fields, object, &t, err);
    if (r < 0)
        return r;
    r = check_task(&t, err);
    if (r < 0)
        fields_release(a2a_task_fields, &t);
    else
        *ret = t;
    return r;
}

json_t *a2a_message_text(enum a2a_role role, const char *message_id, const char *text) {
    return json_pack("{s:s, s:s, s:[{s:s}]}", "role", roles[role], "messageId", message_id, "parts",
                     "text", text);
}
