// The export format, for both directions. A folder with
//   manifest.json   {"format":"paired-export","version":3,"schema":…,"created_ms":…,
//                    "files":[{"name","lines","bytes","blake2b"}]}
//   notes.jsonl     one note a line, oldest first
//   handoffs.jsonl  one handoff a line, oldest first
//   backends.jsonl  one model backend a line, never its key (from version 2 on)
//   grants.jsonl    one standing grant a line (from version 2 on)
//   agents.jsonl    what the user told the agents of a workspace (from version 3 on)
// docs/STORE.md describes the members. Decoding does no I/O and is fuzzed.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/fields.h"
#include "core/store/agent_store.h"
#include "core/store/backends.h"
#include "core/store/consent.h"
#include "core/store/memory.h"

#include <jansson.h>

enum {
    EXPORT_VERSION = 3,
    EXPORT_LINE_BYTES_MAX = 4 * 1024 * 1024, // five texts of 64 KiB, each 6 times as long in JSON
    EXPORT_MANIFEST_BYTES_MAX = 64 * 1024,
    EXPORT_FILES_MAX = 8,
    EXPORT_HASH_BYTES = 32 // BLAKE2b-256 over the whole file
};

#define EXPORT_FORMAT   "paired-export"
#define EXPORT_MANIFEST "manifest.json"
#define EXPORT_NOTES    "notes.jsonl"
#define EXPORT_HANDOFFS "handoffs.jsonl"
#define EXPORT_GRANTS   "grants.jsonl"
#define EXPORT_BACKENDS "backends.jsonl"
#define EXPORT_AGENTS   "agents.jsonl"

struct export_agent { // one value of agent_store.h
    const char *workspace, *agent, *key;
    const char *value; // JSON
    size_t value_bytes;
    int64_t changed_ms;
};

// One object and a newline at the end of `out`.
int export_note_encode(const struct note *note, struct buf *out);
int export_handoff_encode(const struct handoff *h, struct buf *out);
int export_grant_encode(const struct consent_row *grant, struct buf *out);
int export_backend_encode(const struct backend *b, struct buf *out);
int export_agent_encode(const struct export_agent *a, struct buf *out);

// What a line says, checked by the field tables, the maxima of memory.h and UTF-8. The strings live
// in the record; export_record_done frees it.
struct export_record {
    json_t *json;
    char *tags; // of the note, joined
    struct note note;
    struct handoff handoff;
    struct consent_row grant;
    struct backend backend;
    struct backend_model *models; // of the backend
    struct export_agent agent;
    char *value; // of the agent, in the form that agents keep
};
int export_note_decode(const char *line, size_t n, struct export_record *ret, struct err *err);
int export_handoff_decode(const char *line, size_t n, struct export_record *ret, struct err *err);
int export_grant_decode(const char *line, size_t n, struct export_record *ret, struct err *err);
int export_backend_decode(const char *line, size_t n, struct export_record *ret, struct err *err);
int export_agent_decode(const char *line, size_t n, struct export_record *ret, struct err *err);
void export_record_done(struct export_record *r);

// Between the export_*.c files: a line or file as an object without a member given twice; the
// member `name` with its comma, when there is a value.
int export_parse(const char *bytes, size_t n, const char *what, json_t **ret, struct err *err);
void export_put_text(struct buf *out, const char *name, const char *value);

struct export_file {
    struct text name;
    int64_t lines, bytes;
    struct text blake2b; // 64 hex digits
};
struct export_manifest {
    json_t *json; // holds the strings
    struct text format;
    int64_t version, schema, created_ms;
    struct object_array files; // struct export_file
};
int export_manifest_decode(const char *text, size_t n, struct export_manifest *ret,
                           struct err *err);
void export_manifest_done(struct export_manifest *m);
int export_manifest_encode(const struct export_manifest *m, json_t **ret, struct err *err);
