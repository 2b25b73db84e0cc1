// What the model APIs say, in one form: answers are read from any family as events, and written for
// any family from events; requests are converted between families. Pure: no I/O, no clock. A reader
// or writer belongs to one thread. Everything read here is foreign bytes: bounded, never trusted.
// Sources: the published references of Anthropic Messages (2023-06-01), OpenAI Chat Completions and
// Responses, Gemini v1beta generateContent; WHATWG HTML 9.2 (server-sent events).
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/route/route_fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_family { WIRE_ANTHROPIC, WIRE_CHAT, WIRE_RESPONSES, WIRE_GEMINI, WIRE_FAMILIES };

enum {
    WIRE_EVENT_BYTES_MAX = 16 << 20, // one event of a stream, one whole answer
    WIRE_BLOCKS_MAX = 1024,          // parts of one answer
    WIRE_NAME_BYTES_MAX = 256        // ids, names of tools and models
};

// Tokens as the backend counted them. `input` is what was neither read from nor written to a cache,
// whatever the family calls it: the four add up to what was sent and came back.
struct wire_usage {
    int64_t input, cached, cache_write, output;
    int64_t reasoning; // of the output
    bool known;
};
void wire_usage_add(struct wire_usage *sum, const struct wire_usage *u);

enum wire_stop { // why an answer ended
    WIRE_STOP_NONE,
    WIRE_STOP_END,
    WIRE_STOP_LENGTH,
    WIRE_STOP_SEQUENCE,
    WIRE_STOP_TOOLS,
    WIRE_STOP_REFUSAL,
    WIRE_STOP_PAUSE,
    WIRE_STOP_CONTEXT
};

enum wire_kind {
    WIRE_START,      // id, model; usage when told already
    WIRE_TEXT,       // text of block `index`
    WIRE_THINKING,   // text
    WIRE_SIGNATURE,  // text: bound to the model that made it, passed on untouched
    WIRE_REDACTED,   // text: thinking that only its maker can read
    WIRE_TOOL,       // a tool call begins: id, name
    WIRE_TOOL_INPUT, // text: a piece of its JSON arguments
    WIRE_BLOCK_END,  // of `index`
    WIRE_USAGE,      // usage
    WIRE_STOP,       // stop, usage when known, text: the stop sequence; the last event of an answer
    WIRE_ERROR       // fault, text (message), retry_after_ms; the last event
};

// Blocks do not overlap: one has ended before the next begins. A block begins with its first event;
// one without content is not told of. What is told as text is UTF-8, in pieces that may end
// anywhere but within a character. WIRE_SIGNATURE may be told of any block (Gemini signs its tool
// calls).
struct wire_event {
    enum wire_kind kind;
    unsigned index; // of the block, from 0 in the order they began
    const char *text;
    size_t n;
    const char *id, *name; // terminated; NULL when absent
    int64_t created;       // WIRE_START: seconds since 1970; 0: not told
    struct wire_usage usage;
    enum wire_stop stop;
    enum route_fault fault;
    int64_t retry_after_ms; // -1: not told
    int64_t resets_at_s;    // WIRE_ERROR: when a quota begins anew, seconds since 1970; 0: not told
};
// Borrowed during the call. A negative return ends the reading with that code.
typedef int wire_sink(void *ctx, const struct wire_event *event);

// --- answers, read
struct wire_reader;
// `stream`: server-sent events; else one JSON document.
int wire_reader_new(enum wire_family family, bool stream, struct wire_reader **ret);
void wire_reader_free(struct wire_reader *r); // accepts NULL
// Bytes as they come, in any pieces. ERR_PARSE (not of this family), ERR_LIMIT, ERR_NOMEM, or what
// the sink returned. After WIRE_STOP or WIRE_ERROR the rest is ignored.
int wire_read(struct wire_reader *r, const char *bytes, size_t n, wire_sink *sink, void *ctx,
              struct err *err);
// The connection ended. 0 when the answer was whole; ERR_CLOSED when it was cut. One JSON document
// is read only now; when it is cut it is ERR_PARSE.
int wire_read_end(struct wire_reader *r, wire_sink *sink, void *ctx, struct err *err);

// What an answer with an HTTP status other than 2xx means: a WIRE_ERROR. `body` may be anything;
// the message, never empty, goes into `text` (cleared first), which ret->text borrows.
void wire_read_fault(enum wire_family family, int status, const char *body, size_t n,
                     struct wire_event *ret, struct buf *text);

// --- answers, written
struct wire_writer;
int wire_writer_new(enum wire_family family, bool stream, struct wire_writer **ret);
void wire_writer_free(struct wire_writer *w); // accepts NULL
// For a chat client that asked for stream_options.include_usage: usage in a chunk of its own
// without choices, which others may not be ready for; they get it in the last one with a choice.
void wire_writer_own_usage(struct wire_writer *w);
// Appends what the client of this family is sent for the event; a whole answer (no stream) comes
// with WIRE_STOP. ERR_INVAL for events out of order, ERR_NOMEM, ERR_LIMIT: then nothing is
// appended, and nothing can be written any more.
int wire_write(struct wire_writer *w, const struct wire_event *event, struct buf *out);
// Appends the body of an error response; its HTTP status, or ERR_NOMEM, ERR_LIMIT.
int wire_write_fault(enum wire_family family, enum route_fault fault, const char *message,
                     struct buf *out);

// The HTTP status that an error of this kind has in its family.
int wire_fault_status(enum wire_family family, enum route_fault fault);

// --- requests
struct wire_loss { // what the other family cannot say, for the audit and the log; never content
    char what[8][64];
    unsigned count;
};
// `request` of one family as a new object of another: system, messages, tools and their results,
// images, thinking, stop sequences, limits, schema of the answer. Unknown members do not cross, nor
// thoughts, which are signed for the model that had them, nor cache_control. ERR_INVAL names the
// offending member; ERR_LIMIT, ERR_NOMEM. Same family: a deep copy with the model's name and
// `stream`. Chat is written for servers of every age: "max_tokens", texts as strings. `loss` may be
// NULL. mem_init_json() has to have been called.
int wire_convert(enum wire_family from, enum wire_family to, const json_t *request,
                 const char *model, bool stream, json_t **ret, struct wire_loss *loss,
                 struct err *err);
// Path and query below the base URL where a request of this family goes ("/v1/messages"): appended.
int wire_path(enum wire_family family, const char *model, bool stream, struct buf *out);
