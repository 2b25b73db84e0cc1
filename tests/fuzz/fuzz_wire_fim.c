// core/models/wire_fim: whatever an API for filling in answers, in whatever pieces, gives the same
// events, which become an answer of the Anthropic family; whatever request is split at its mark
// gives requests that are JSON and hold both sides whole.
#include "core/models/wire_fim.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct wire_writer *writer; // NULL: only remembered
    struct buf text, out;
};

static int remember(void *ctx, const struct wire_event *e) {
    struct told *t = ctx;
    if (!utf_valid(e->text ? e->text : "", e->n))
        abort();
    (void)buf_printf(&t->text, "%d %u %d %d %s ", (int)e->kind, e->index, (int)e->stop,
                     (int)e->fault, e->id ? e->id : "-");
    (void)buf_append(&t->text, e->text, e->n);
    if (t->writer && wire_write(t->writer, e, &t->out) < 0)
        abort();
    return 0;
}

static int read_all(enum wire_fim fim, bool stream, const char *bytes, size_t n, size_t step,
                    struct told *t) {
    struct wire_reader *r;
    if (wire_fim_reader_new(fim, stream, &r) < 0)
        abort();
    int code = 0;
    for (size_t at = 0; at < n && code == 0; at += step)
        code = wire_read(r, bytes + at, step < n - at ? step : n - at, remember, t, NULL);
    if (code == 0)
        code = wire_read_end(r, remember, t, NULL);
    wire_reader_free(r);
    return code;
}

static void read_twice(enum wire_fim fim, bool stream, const char *bytes, size_t n) {
    struct told whole = {0}, pieces = {0};
    if (wire_writer_new(WIRE_ANTHROPIC, true, &whole.writer) < 0)
        abort();
    int code = read_all(fim, stream, bytes, n, n + 1, &whole);
    if (read_all(fim, stream, bytes, n, 1 + n % 61, &pieces) != code ||
        whole.text.len != pieces.text.len ||
        (whole.text.len && memcmp(whole.text.data, pieces.text.data, whole.text.len) != 0))
        abort();
    wire_writer_free(whole.writer);
    buf_done(&whole.text);
    buf_done(&whole.out);
    buf_done(&pieces.text);
}

static bool holds(const json_t *request, const char *name, const char *text, size_t n) {
    const json_t *value = json_object_get(request, name);
    return json_string_length(value) == n &&
           (n == 0 || memcmp(json_string_value(value), text, n) == 0);
}

static void write_all(const struct wire_gap *gap) {
    for (int fim = WIRE_FIM_NONE + 1; fim < WIRE_FIMS; fim++) {
        AUTO_BUF out = {0};
        if (wire_fim_write((enum wire_fim)fim, gap, "m", true, &out) < 0)
            abort();
        json_t *request = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
        bool infill = fim == WIRE_FIM_INFILL;
        if (!request)
            abort();
        if ((infill || gap->before_n) &&
            !holds(request, infill ? "input_prefix" : "prompt", gap->before, gap->before_n))
            abort();
        if ((infill || gap->behind_n) &&
            !holds(request, infill ? "input_suffix" : "suffix", gap->behind, gap->behind_n))
            abort();
        json_decref(request);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    for (int fim = WIRE_FIM_NONE + 1; fim < WIRE_FIMS; fim++) {
        read_twice((enum wire_fim)fim, true, bytes, size);
        read_twice((enum wire_fim)fim, false, bytes, size);
    }
    json_t *request = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    struct wire_gap gap;
    if (request && wire_fim_split(request, "<CARET>", &gap, NULL) == 0)
        write_all(&gap);
    json_decref(request);
    return 0;
}
