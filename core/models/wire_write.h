// What the writers of the four families share. Inside core/models only.
#pragma once

#include "core/models/wire.h"

struct wire_writer;
struct wire_writing { // how a family is written; what is appended goes to `out`
    int (*start)(struct wire_writer *w, struct buf *out);
    int (*open)(struct wire_writer *w, struct buf *out);
    int (*piece)(struct wire_writer *w, enum wire_kind kind, const char *text, size_t n,
                 struct buf *out);
    int (*close)(struct wire_writer *w, struct buf *out);
    int (*stop)(struct wire_writer *w, const struct wire_event *e, struct buf *out);
    int (*error)(struct wire_writer *w, const struct wire_event *e, struct buf *out);
};
extern const struct wire_writing wire_writing_anthropic, wire_writing_chat, wire_writing_responses,
    wire_writing_gemini;

struct wire_writer {
    enum wire_family family;
    bool stream, own_usage;
    const struct wire_writing *how;
    bool started, done;
    struct buf id, model; // as they were told
    int64_t created;
    struct wire_usage usage;

    bool open; // a block
    unsigned index;
    enum wire_kind kind; // WIRE_TEXT, WIRE_THINKING, WIRE_REDACTED, WIRE_TOOL
    struct buf tool_id, tool_name;
    struct buf text, signature; // of the open block, where the family needs them whole
    bool input;                 // a tool's arguments had a piece

    unsigned next;            // block
    unsigned tools;           // that have begun
    struct buf prefix;        // of each event; the family's own use
    struct buf said, thought; // of all blocks (chat, no stream)
    struct buf items;         // the finished parts as JSON, commas between
    unsigned item_count;
    unsigned sequence;
};

#define WIRE_PUT(out, literal) ((void)buf_append((out), (literal), sizeof(literal) - 1))
static inline void wire_put_buf(struct buf *out, const struct buf *b) { // as a JSON string
    (void)buf_put_json_string(out, b->len ? b->data : "", b->len);
}
void wire_put_number(struct buf *out, int64_t n);
// Responses: a message that a client saw as far as `stage`, an enum wire_raw_stage, goes on or is
// ended.
int wire_responses_resume(struct wire_writer *w, unsigned stage, struct buf *out);
// Arguments of a tool as an object on one line: none become {}, what is no object is kept under
// "invalid_json", so that whoever asked can be told what the model said.
void wire_put_object(struct buf *out, const struct buf *text);
// The error itself, without what the family wraps around it.
void wire_put_error(struct buf *out, enum wire_family family, enum route_fault fault,
                    const char *message, size_t n);
// With it: the body of an error response.
void wire_put_fault(struct buf *out, enum wire_family family, enum route_fault fault,
                    const char *message, size_t n);
// The error as the last thing of a stream, each event of which begins with `prefix`, or as a body.
int wire_error_event(const struct wire_writer *w, const char *prefix, const struct wire_event *e,
                     struct buf *out);
