// A line or a manifest of an export: no crash, and what is accepted is written again so that it is
// accepted with the same bytes. First byte: 0 a note, 1 a handoff, 2 a manifest, 0xef what an
// agent was told.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/export.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool condition) {
    if (!condition)
        abort();
}

typedef int decode_fn(const char *line, size_t n, struct export_record *ret, struct err *err);

static int encode(bool note, const struct export_record *r, struct buf *out) {
    return note ? export_note_encode(&r->note, out) : export_handoff_encode(&r->handoff, out);
}

static void check_note(const struct note *n) {
    require(strlen(n->uid) == NOTE_UID_BYTES - 1 && n->uid[0] == 'n');
    require(n->text_bytes >= 1 && n->text_bytes <= NOTE_TEXT_BYTES_MAX);
    require(utf_valid(n->text, n->text_bytes) && strlen(n->text) == n->text_bytes);
    require(n->kind >= NOTE_NOTE && n->kind <= NOTE_DECISION);
    require(n->created_ms >= 0 && n->expires_ms >= 0);
}

static void fuzz_line(bool note, const char *line, size_t n) {
    decode_fn *decode = note ? export_note_decode : export_handoff_decode;
    struct export_record first, second;
    struct err err = {0};
    int r = decode(line, n, &first, &err);
    if (r < 0) {
        require(err.code == r && err.message[0]);
        return;
    }
    if (note)
        check_note(&first.note);
    AUTO_BUF once = BUF_INIT(0);
    AUTO_BUF twice = BUF_INIT(0);
    require(encode(note, &first, &once) == 0);
    require(once.len <= EXPORT_LINE_BYTES_MAX && memchr(once.data, '\n', once.len - 1) == NULL);
    require(decode(once.data, once.len - 1, &second, NULL) == 0);
    require(encode(note, &second, &twice) == 0);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    export_record_done(&first);
    export_record_done(&second);
}

static void fuzz_manifest(const char *text, size_t n) {
    struct export_manifest m;
    if (export_manifest_decode(text, n, &m, NULL) < 0)
        return;
    require(m.files.count <= EXPORT_FILES_MAX && m.version <= EXPORT_VERSION);
    json_t *again = NULL;
    require(export_manifest_encode(&m, &again, NULL) == 0);
    json_decref(again);
    export_manifest_done(&m);
}

// Grants and backends: what is read is written, read and written again to the same bytes.
static int decode_models(bool grant, const char *line, size_t n, struct export_record *ret) {
    return grant ? export_grant_decode(line, n, ret, NULL)
                 : export_backend_decode(line, n, ret, NULL);
}

static int encode_models(bool grant, const struct export_record *r, struct buf *out) {
    return grant ? export_grant_encode(&r->grant, out) : export_backend_encode(&r->backend, out);
}

static void fuzz_models(bool grant, const char *line, size_t n) {
    struct export_record first, second;
    if (decode_models(grant, line, n, &first) < 0)
        return;
    AUTO_BUF once = BUF_INIT(0);
    AUTO_BUF twice = BUF_INIT(0);
    require(encode_models(grant, &first, &once) == 0);
    require(decode_models(grant, once.data, once.len - 1, &second) == 0);
    require(encode_models(grant, &second, &twice) == 0);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    export_record_done(&first);
    export_record_done(&second);
}

static void fuzz_agent(const char *line, size_t n) {
    struct export_record first, second;
    if (export_agent_decode(line, n, &first, NULL) < 0)
        return;
    AUTO_BUF once = BUF_INIT(0);
    AUTO_BUF twice = BUF_INIT(0);
    require(first.agent.workspace[0] == '/' && first.agent.value_bytes <= AGENT_VALUE_BYTES_MAX);
    require(agent_store_exported(first.agent.agent, first.agent.key));
    require(export_agent_encode(&first.agent, &once) == 0);
    require(export_agent_decode(once.data, once.len - 1, &second, NULL) == 0);
    require(export_agent_encode(&second.agent, &twice) == 0);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    export_record_done(&first);
    export_record_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!n)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] == 0xef)
        fuzz_agent(text, n - 1);
    else if (data[0] >= 0xf0)
        fuzz_models(data[0] & 1, text, n - 1);
    else if (data[0] % 3 == 2)
        fuzz_manifest(text, n - 1);
    else
        fuzz_line(data[0] % 3 == 0, text, n - 1);
    return 0;
}
