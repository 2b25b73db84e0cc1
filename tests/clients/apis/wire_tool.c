// core/models/wire for the tests that run the vendors' own packages against it. Standard input to
// standard output:
//   wire_tool answer FROM TO      an answer of one family as one of another; a name with a plus
//                                 ("chat+") means the stream
//   wire_tool request FROM TO MODEL   a request; TO with a plus asks for a stream
//   wire_tool path FAMILY MODEL
//   wire_tool fault FAMILY STATUS     what an error's body means
#include "core/models/wire.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct copy {
    struct wire_writer *to;
    struct buf out;
};

static int write_event(void *ctx, const struct wire_event *e) {
    struct copy *c = ctx;
    return wire_write(c->to, e, &c->out);
}

static bool find(const char *name, enum wire_family *family, bool *stream) {
    static const char *const names[] = {"anthropic", "chat", "responses", "gemini"};
    size_t n = strcspn(name, "+");
    *stream = name[n] == '+';
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == n && !memcmp(names[i], name, n)) {
            *family = (enum wire_family)i;
            return true;
        }
    return false;
}

static int fail(const struct err *err, int code) {
    fprintf(stderr, "wire_tool: %s (%s)\n", err->message, err_name(code));
    return 1;
}

static void print(const struct buf *out) {
    (void)fwrite(out->data, 1, out->len, stdout); // a test's own output
}

static int answer(enum wire_family from, bool from_stream, enum wire_family to, bool to_stream,
                  const struct buf *in) {
    struct copy c = {0};
    struct wire_reader *r = NULL;
    struct err err = {0};
    int code = wire_reader_new(from, from_stream, &r);
    if (code == 0)
        code = wire_writer_new(to, to_stream, &c.to);
    if (code == 0)
        code = wire_read(r, in->data, in->len, write_event, &c, &err);
    if (code == 0)
        code = wire_read_end(r, write_event, &c, &err);
    wire_reader_free(r);
    wire_writer_free(c.to);
    print(&c.out);
    buf_done(&c.out);
    return code < 0 ? fail(&err, code) : 0;
}

static int request(enum wire_family from, enum wire_family to, bool stream, const char *model,
                   const struct buf *in) {
    struct wire_loss loss;
    struct err err = {0};
    json_t *tree = json_loadb(in->data, in->len, 0, NULL), *made = NULL;
    int code = wire_convert(from, to, tree, model, stream, &made, &loss, &err);
    AUTO_BUF out = BUF_INIT(0);
    json_decref(tree);
    if (code < 0)
        return fail(&err, code);
    (void)buf_put_json(&out, made, JSON_COMPACT);
    json_decref(made);
    print(&out);
    for (unsigned i = 0; i < loss.count; i++)
        fprintf(stderr, "%s\n", loss.what[i]);
    return 0;
}

static int fault(enum wire_family family, const char *status, const struct buf *in) {
    struct wire_event e;
    AUTO_BUF text = BUF_INIT(0);
    wire_read_fault(family, (int)strtol(status, NULL, 10), in->data, in->len, &e, &text);
    printf("%s %s\n", route_fault_name(e.fault), e.text);
    return 0;
}

int main(int argc, char **argv) {
    enum wire_family from, to = WIRE_ANTHROPIC;
    bool from_stream, to_stream = false, no_other;
    AUTO_BUF in = BUF_INIT(0);
    char part[65536];
    size_t n;
    mem_init_json();
    if (argc < 4 || !find(argv[2], &from, &from_stream) ||
        !((no_other = !strcmp(argv[1], "path") || !strcmp(argv[1], "fault")) ||
          find(argv[3], &to, &to_stream))) {
        fprintf(stderr, "usage: wire_tool answer|request FROM TO [MODEL], or path FAMILY MODEL\n");
        return 2;
    }
    if (!strcmp(argv[1], "path")) {
        int code = wire_path(from, argv[3], from_stream, &in);
        print(&in);
        return code < 0;
    }
    while ((n = fread(part, 1, sizeof part, stdin)) > 0)
        (void)buf_append(&in, part, n);
    if (!in.len)
        return 2;
    if (no_other)
        return fault(from, argv[3], &in);
    if (!strcmp(argv[1], "answer"))
        return answer(from, from_stream, to, to_stream, &in);
    return request(from, to, to_stream, argc > 4 ? argv[4] : "m", &in);
}
