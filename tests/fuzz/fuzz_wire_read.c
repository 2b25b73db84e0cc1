// core/models/wire: whatever a backend sends, in whatever pieces, gives the same events, in an
// order that every writer takes, and ends without a fault.
#include "core/models/wire.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    bool writes; // for every family, from the first event on
    struct buf text;
    struct wire_writer *writers[2 * WIRE_FAMILIES];
    struct buf out[2 * WIRE_FAMILIES];
};

static int remember(void *ctx, const struct wire_event *e) {
    struct told *t = ctx;
    if (!utf_valid(e->text ? e->text : "", e->n))
        abort();
    buf_printf(&t->text, "%d %u %d %d %s %s ", (int)e->kind, e->index, (int)e->stop, (int)e->fault,
               e->id ? e->id : "-", e->name ? e->name : "-");
    buf_append(&t->text, e->text, e->n);
    for (int i = 0; i < 2 * WIRE_FAMILIES; i++)
        if (t->writes && ((!t->writers[i] &&
                           wire_writer_new((enum wire_family)(i / 2), i % 2, &t->writers[i]) < 0) ||
                          wire_write(t->writers[i], e, &t->out[i]) < 0))
            abort();
    return 0;
}

static int read_all(enum wire_family family, bool stream, const char *bytes, size_t n, size_t step,
                    struct told *t) {
    struct wire_reader *r;
    if (wire_reader_new(family, stream, &r) < 0)
        return ERR_NOMEM;
    int code = 0;
    for (size_t at = 0; at < n && code == 0; at += step)
        code = wire_read(r, bytes + at, step < n - at ? step : n - at, remember, t, NULL);
    if (code == 0)
        code = wire_read_end(r, remember, t, NULL);
    wire_reader_free(r);
    return code;
}

static int skip(void *ctx, const struct wire_event *e) {
    (void)ctx;
    (void)e;
    return 0;
}

// What was written is an answer of its family.
static void read_back(const struct told *t, int way) {
    struct wire_reader *r;
    if (wire_reader_new((enum wire_family)(way / 2), way % 2, &r) < 0)
        return;
    if (wire_read(r, t->out[way].data, t->out[way].len, skip, NULL, NULL) < 0 ||
        wire_read_end(r, skip, NULL, NULL) < 0)
        abort();
    wire_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    struct wire_event fault;
    AUTO_BUF text = BUF_INIT(0);
    for (int way = 0; way < 2 * WIRE_FAMILIES; way++) {
        struct told whole = {.writes = true}, pieces = {0};
        enum wire_family family = (enum wire_family)(way / 2);
        int code = read_all(family, way % 2, bytes, size, size + 1, &whole);
        if (read_all(family, way % 2, bytes, size, 1 + size % 61, &pieces) != code ||
            whole.text.len != pieces.text.len ||
            (whole.text.len && memcmp(whole.text.data, pieces.text.data, whole.text.len) != 0))
            abort();
        for (int i = 0; i < 2 * WIRE_FAMILIES; i++) {
            if (code == 0)
                read_back(&whole, i);
            wire_writer_free(whole.writers[i]);
            buf_done(&whole.out[i]);
        }
        buf_done(&whole.text);
        buf_done(&pieces.text);
    }
    wire_read_fault((enum wire_family)(size % WIRE_FAMILIES), size % 8 < 4 ? 429 : 400, bytes, size,
                    &fault, &text);
    if (!fault.n || fault.fault == ROUTE_FAULT_NONE || !utf_valid(fault.text, fault.n))
        abort();
    return 0;
}
