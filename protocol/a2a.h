// Values of the Agent2Agent protocol: a task with its states, messages, parts, artifacts, and the
// card by which an agent says what it can do, with its signatures. Field tables and pure functions;
// no I/O, knows no key, no clock. Any thread. Source: A2A 1.0.1, sections 4, 5 and 8 (data model as
// JSON: names in camelCase, enumerations by their names in the protocol buffers).
//
// Read values BORROW from the json_t, as core/base/fields.h says; release them with
// fields_release(). What is read is foreign: sizes, numbers of parts and states are checked here,
// what it means is for who asked.
#pragma once

#include "core/base/err.h"
#include "core/base/fields.h"
#include "protocol/jws.h"

#include <jansson.h>
#include <stdbool.h>

#define A2A_VERSION "1.0"
enum {
    A2A_ID_BYTES_MAX = 64,
    A2A_PARTS_MAX = 256,
    A2A_ARTIFACTS_MAX = 16,
    A2A_HISTORY_MAX = 16,
    A2A_TEXT_BYTES_MAX = 768 * 1024, // of one part
    A2A_NAME_BYTES_MAX = 1024,
    A2A_DESCRIPTION_BYTES_MAX = 4096,
    A2A_SKILLS_MAX = 64,
    A2A_SIGNATURES_MAX = 8,
    A2A_WORDS_MAX = 32 // tags, examples, media types
};
enum a2a_error { // JSON-RPC, section 5.4
    A2A_ERROR_NOT_FOUND = -32001,
    A2A_ERROR_NOT_CANCELABLE = -32002,
    A2A_ERROR_UNSUPPORTED = -32004,
    A2A_ERROR_CONTENT_TYPE = -32005
};

// --- states
enum a2a_state {
    A2A_SUBMITTED,
    A2A_WORKING,
    A2A_COMPLETED,
    A2A_FAILED,
    A2A_CANCELED,
    A2A_INPUT_REQUIRED,
    A2A_REJECTED,
    A2A_AUTH_REQUIRED,
    A2A_STATES
};
const char *a2a_state_name(enum a2a_state s); // "TASK_STATE_WORKING"
const char *a2a_state_word(enum a2a_state s); // "working", "input required": for people
bool a2a_state_terminal(enum a2a_state s);    // nothing follows
bool a2a_state_waits(enum a2a_state s);       // for somebody: input, a permission
// May a task go from one to the other? A state may be said again unless it is terminal, since a
// message may change; from none (`from` < 0) only SUBMITTED, WORKING, the two that wait, REJECTED,
// COMPLETED and FAILED.
bool a2a_state_may(int from, enum a2a_state to);

// --- values; presence bits are those of `present`
enum a2a_role { A2A_USER, A2A_AGENT };
struct a2a_part { // exactly one of text, raw, url, data
    struct text text, raw, url, filename, media_type;
    json_t *data, *metadata;
};
struct a2a_message {
    struct text message_id, context_id, task_id;
    int role;                  // enum a2a_role
    struct object_array parts; // struct a2a_part, at least one
    json_t *metadata;
};
struct a2a_status {
    uint64_t present; // A2A_STATUS_MESSAGE
    int state;        // enum a2a_state
    struct a2a_message message;
    struct text timestamp; // ISO 8601 in UTC
};
enum { A2A_STATUS_MESSAGE = 1 };
struct a2a_artifact {
    struct text artifact_id, name, description;
    struct object_array parts; // struct a2a_part, at least one
    json_t *metadata;
};
struct a2a_task {
    struct text id, context_id;
    struct a2a_status status;
    struct object_array artifacts; // struct a2a_artifact
    struct object_array history;   // struct a2a_message
    json_t *metadata;
};
extern const struct field a2a_message_fields[], a2a_status_fields[], a2a_artifact_fields[],
    a2a_task_fields[];

// Decode and check what no table says: one content a part, valid ids. ERR_INVAL with the path,
// ERR_LIMIT, ERR_NOMEM; on failure nothing is held.
int a2a_message_read(const json_t *object, struct a2a_message *ret, struct err *err);
int a2a_task_read(const json_t *object, struct a2a_task *ret, struct err *err);
// Letters, digits, '-', '_', '.', 1 to A2A_ID_BYTES_MAX of them.
bool a2a_id_valid(struct text id);
// {"role", "messageId", "parts": [{"text"}]}; NULL when out of memory or `text` is not UTF-8.
json_t *a2a_message_text(enum a2a_role role, const char *message_id, const char *text);

// --- cards (a2a_card.c)
struct a2a_skill {
    struct text id, name, description;
    struct text_array tags, examples;
};
struct a2a_interface {
    struct text url, protocol_binding, protocol_version;
};
struct a2a_capabilities {
    uint64_t present; // 1 streaming, 2 push
    bool streaming, push;
};
struct a2a_card {
    struct text name, description, version;
    struct object_array interfaces; // struct a2a_interface
    struct a2a_capabilities capabilities;
    struct text_array input_modes, output_modes;
    struct object_array skills; // struct a2a_skill
    json_t *provider;           // {"url", "organization"}; may be NULL
    struct object_array proofs; // struct a2a_proof: "signatures"
};
struct a2a_proof {
    struct text header, signature; // base64url
};
extern const struct field a2a_card_fields[];
int a2a_card_read(const json_t *object, struct a2a_card *ret, struct err *err);
// Appends to the card's signatures one over all of it but them. ERR_LIMIT (A2A_SIGNATURES_MAX), as
// jws_sign.
int a2a_card_sign(json_t *card, const char *key_id, jws_sign_fn *fn, void *ctx, struct err *err);
// 0: one of its signatures holds. ERR_KEY: none is there, or none holds.
int a2a_card_verify(const json_t *card, jws_verify_fn *fn, void *ctx, struct err *err);
