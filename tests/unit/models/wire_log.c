#include "tests/unit/models/wire_log.h"

#include "core/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const kinds[] = {"start", "text", "thinking", "signature", "redacted", "tool",
                                    "input", "end",  "usage",    "stop",      "error"};
static const char *const stops[] = {"none",  "end",     "length", "sequence",
                                    "tools", "refusal", "pause",  "context"};
static void put_usage(struct buf *out, const struct wire_usage *u) {
    if (u->known)
        buf_printf(out, " %lld+%lld+%lld>%lld(%lld)", (long long)u->input, (long long)u->cached,
                   (long long)u->cache_write, (long long)u->output, (long long)u->reasoning);
}

// Joined logs are compared line by line: line ends within texts stand as bars there.
static void put_piece(struct wire_log *log, const struct wire_event *e) {
    for (size_t i = 0; i < e->n; i++)
        buf_putc(&log->text, log->joined && e->text[i] == '\n' ? '|' : e->text[i]);
}

int wire_log_event(void *ctx, const struct wire_event *e) {
    struct wire_log *log = ctx;
    bool piece = e->kind == WIRE_TEXT || e->kind == WIRE_THINKING || e->kind == WIRE_TOOL_INPUT ||
                 e->kind == WIRE_SIGNATURE;
    if (log->to && !log->wrote)
        log->wrote = wire_write(log->to, e, log->out);
    if (log->joined && e->kind == WIRE_USAGE) // told again with the stop
        return log->refuse;
    if (log->joined && piece && e->kind == log->last) {
        log->text.len--; // the line's end
        put_piece(log, e);
        return buf_putc(&log->text, '\n') < 0 ? ERR_NOMEM : log->refuse;
    }
    log->last = e->kind;
    buf_puts(&log->text, kinds[e->kind]);
    if (e->kind == WIRE_START)
        buf_printf(&log->text, " %s %s %lld", e->id ? e->id : "-", e->name ? e->name : "-",
                   (long long)e->created);
    else if (e->kind == WIRE_STOP)
        buf_printf(&log->text, " %s", stops[e->stop]);
    else if (e->kind == WIRE_ERROR)
        buf_printf(&log->text, " %s %lld", route_fault_name(e->fault),
                   (long long)e->retry_after_ms);
    else if (e->kind != WIRE_USAGE)
        buf_printf(&log->text, " %u", e->index);
    if (e->kind == WIRE_TOOL)
        buf_printf(&log->text, " %s %s", e->id, e->name);
    put_usage(&log->text, &e->usage);
    if (e->n) {
        buf_putc(&log->text, ' ');
        put_piece(log, e);
    }
    return buf_putc(&log->text, '\n') < 0 ? ERR_NOMEM : log->refuse;
}

int wire_log_read(enum wire_family family, bool stream, const char *bytes, size_t n,
                  struct wire_log *log) {
    struct wire_reader *r;
    int code = wire_reader_new(family, stream, &r);
    if (code < 0)
        return code;
    code = wire_read(r, bytes, n, wire_log_event, log, NULL);
    if (code == 0)
        code = wire_read_end(r, wire_log_event, log, NULL);
    wire_reader_free(r);
    return code;
}

void wire_log_seed(const char *name, struct buf *ret) {
    char path[200], part[4096];
    size_t n;
    (void)snprintf(path, sizeof path, "tests/fuzz/seeds/wire_read/%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        assert_int_equal(buf_append(ret, part, n), 0);
    fclose(f);
}
