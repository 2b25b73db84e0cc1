// bench_wire [MB]: how fast core/models/wire reads and writes streams of text deltas, per family,
// and converts requests. CPU time of this thread; a delta holds four words, as the APIs send them.
#include "core/models/wire.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const names[] = {"anthropic", "chat", "responses", "gemini"};

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// One answer of many deltas, as its family's writer makes it; sums up the bytes.
static int write_answer(enum wire_family family, unsigned deltas, struct buf *out,
                        size_t *ret_bytes) {
    static const char *const texts[] = {"void next(struct loop", " of the \"index\" is",
                                        ", so that\n    each one", " Größe and more"};
    struct wire_writer *w;
    struct wire_event e = {.kind = WIRE_START, .id = "msg_0123456789abcdef", .name = "model-1"};
    if (wire_writer_new(family, true, &w) < 0)
        return ERR_NOMEM;
    int code = wire_write(w, &e, out);
    e.kind = WIRE_TEXT;
    for (unsigned i = 0; i < deltas && code == 0; i++) {
        e.text = texts[i % COUNT_OF(texts)];
        e.n = strlen(e.text);
        code = wire_write(w, &e, out);
        if (ret_bytes) { // sent on at once
            *ret_bytes += out->len;
            buf_clear(out);
        }
    }
    e = (struct wire_event){.kind = WIRE_BLOCK_END};
    if (code == 0)
        code = wire_write(w, &e, out);
    e = (struct wire_event){.kind = WIRE_STOP, .stop = WIRE_STOP_END};
    if (code == 0)
        code = wire_write(w, &e, out);
    wire_writer_free(w);
    return code;
}

static int count(void *ctx, const struct wire_event *e) {
    *(size_t *)ctx += e->n;
    return 0;
}

static int pass_on(void *ctx, const struct wire_event *e) {
    struct {
        struct wire_writer *w;
        struct buf out;
        size_t bytes;
    } *c = ctx;
    int code = wire_write(c->w, e, &c->out);
    c->bytes += c->out.len;
    buf_clear(&c->out);
    return code;
}

// In pieces as a socket gives them.
static int read_answer(enum wire_family family, const struct buf *bytes, wire_sink *sink,
                       void *ctx) {
    enum { PIECE = 16384 };
    struct wire_reader *r;
    if (wire_reader_new(family, true, &r) < 0)
        return ERR_NOMEM;
    int code = 0;
    for (size_t at = 0; at < bytes->len && code == 0; at += PIECE)
        code = wire_read(r, bytes->data + at, at + PIECE < bytes->len ? PIECE : bytes->len - at,
                         sink, ctx, NULL);
    if (code == 0)
        code = wire_read_end(r, sink, ctx, NULL);
    wire_reader_free(r);
    return code;
}

static int measure(enum wire_family family, size_t want) {
    struct buf bytes = BUF_INIT(0), out = BUF_INIT(0);
    struct {
        struct wire_writer *w;
        struct buf out;
        size_t bytes;
    } copy = {0};
    unsigned deltas = 20000;
    size_t text = 0, written = 0, rounds = 1;
    int code = write_answer(family, deltas, &bytes, NULL);
    if (code < 0)
        return code;
    rounds += want / bytes.len;
    double start = now();
    for (size_t i = 0; i < rounds && code == 0; i++)
        code = read_answer(family, &bytes, count, &text);
    double read = now() - start;
    start = now();
    for (size_t i = 0; i < rounds && code == 0; i++)
        code = write_answer(family, deltas, &out, &written);
    double wrote = now() - start;
    start = now();
    for (size_t i = 0; i < rounds && code == 0; i++) {
        enum wire_family other = family == WIRE_ANTHROPIC ? WIRE_CHAT : WIRE_ANTHROPIC;
        if ((code = wire_writer_new(other, true, &copy.w)) == 0)
            code = read_answer(family, &bytes, pass_on, &copy);
        wire_writer_free(copy.w);
    }
    double crossed = now() - start;
    double mb = (double)bytes.len * (double)rounds / 1e6, events = (double)deltas * (double)rounds;
    fprintf(stderr,
            "%-10s read %6.0f MB/s %5.0f ns/event   write %6.0f MB/s %5.0f ns/event   crossed "
            "%5.0f ns/event\n",
            names[family], mb / read, read / events * 1e9, (double)written / 1e6 / wrote,
            wrote / events * 1e9, crossed / events * 1e9);
    buf_done(&bytes);
    buf_done(&out);
    buf_done(&copy.out);
    return code;
}

// A conversation of about `bytes`, from Anthropic to each other family, as trees.
static int measure_requests(size_t bytes) {
    json_t *request = json_object(), *messages = json_array();
    for (size_t n = 0; n < bytes; n += 500) {
        char text[400];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        json_array_append_new(messages, json_pack("{s:s,s:[{s:s,s:s}]}", "role",
                                                  n / 500 % 2 ? "assistant" : "user", "content",
                                                  "type", "text", "text", text));
    }
    json_object_set_new(request, "messages", messages);
    for (int to = WIRE_CHAT; to <= WIRE_GEMINI; to++) {
        enum { ROUNDS = 200 };
        double start = now();
        for (int i = 0; i < ROUNDS; i++) {
            json_t *got = NULL;
            int code = wire_convert(WIRE_ANTHROPIC, (enum wire_family)to, request, "m", true, &got,
                                    NULL, NULL);
            json_decref(got);
            if (code < 0)
                return code;
        }
        fprintf(stderr, "request of %zu KB as %-10s %7.1f us\n", bytes >> 10, names[to],
                (now() - start) / ROUNDS * 1e6);
    }
    json_decref(request);
    return 0;
}

int main(int argc, char **argv) {
    size_t want = (size_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 100) * 1000000;
    int code = 0;
    mem_init_json();
    for (int family = 0; family < WIRE_FAMILIES && code == 0; family++)
        code = measure((enum wire_family)family, want);
    if (code == 0)
        code = measure_requests(5 << 10);
    if (code == 0)
        code = measure_requests(200 << 10);
    return code < 0;
}
