// What the readers of the four families share: bytes to documents, blocks in order, the events of
// an answer's begin and end. Inside core/models only.
#pragma once

#include "core/models/wire.h"
#include "core/models/wire_json.h"
#include "core/models/wire_sse.h"

enum wire_raw_stage { WIRE_RAW_ITEM, WIRE_RAW_PART, WIRE_RAW_SAID, WIRE_RAW_PART_DONE };

struct wire_block {       // begun and not yet ended
    int64_t key;          // what its family calls it
    enum wire_kind kind;  // WIRE_TEXT, WIRE_THINKING, WIRE_REDACTED, WIRE_TOOL
    bool shown;           // its index was handed out
    bool ended;           // waits for those before it
    bool whole;           // its arguments were told at once: pieces are not wanted any more
    unsigned index;       // once shown
    struct buf id, name;  // of a tool
    struct buf text;      // kept back while it waits
    struct buf signature; // likewise
    unsigned high;        // half a character that the last piece ended in
    unsigned depth;       // of a tool's arguments so far: is the object complete?
    bool in_string, escaped, complete;
};

// What a client has that was sent the bytes as they came, in the family's own numbers: what
// wire_writer_follow needs.
struct wire_raw {
    bool kept;                 // it is wanted
    bool foreign;              // something that nobody else can go on with: the backend's own tools
    int64_t open, next;        // the block that is open (-1: none); the first number that is free
    enum wire_kind kind;       // of the open one; WIRE_TOOL: neither text nor thought
    enum wire_raw_stage stage; // Responses: of the open message
    int64_t sequence;          // Responses: of the last event, -1 none
    unsigned done_count;       // Responses: items that have ended …
    struct buf done;           // … as JSON, commas between
    struct buf item;           // Responses: the open one's id, as in JSON
};

struct wire_reader;
struct wire_reading {                                               // how a family is read
    int (*event)(struct wire_reader *r, struct wire_json document); // of a stream
    int (*whole)(struct wire_reader *r, struct wire_json document);
    int (*ended)(struct wire_reader *r); // the connection; NULL: an end must have been said before
    bool lines; // a stream is a JSON document a line, not server-sent events
};
extern const struct wire_reading wire_reading_anthropic, wire_reading_chat, wire_reading_responses,
    wire_reading_gemini;

struct wire_reader {
    enum wire_family family;
    const struct wire_reading *how;
    bool stream;
    enum { READING_UNKNOWN, READING_EVENTS, READING_LINES, READING_WHOLE } form;
    struct wire_sse sse;
    struct buf whole;
    int failed; // the code that ended it
    bool started, done;

    wire_sink *sink; // of the call
    void *ctx;
    struct err *err;

    struct wire_block *open; // in the order they began; the first one is being shown
    uint32_t open_count, open_capacity;
    unsigned begun; // blocks of this answer
    size_t kept;    // bytes kept back

    struct wire_usage usage;
    enum wire_stop stop; // as told so far
    bool finished;       // told
    bool tools;          // a tool was called
    bool refused;
    int64_t last_key; // of the family's own use
    int64_t created;  // as told
    struct wire_raw raw;
    uint64_t seed; // for ids that the backend did not give: from the answer's own id
    struct buf id, name, text, sequence; // scratch; the stop sequence
};

// The begin of the answer, once; later calls and absent values are ignored.
int wire_reader_start(struct wire_reader *r, struct wire_json id, struct wire_json model,
                      struct wire_json created);
// The open block of that key, or NULL.
struct wire_block *wire_reader_find(struct wire_reader *r, int64_t key);
// A new block; valid until the next call that begins or ends one.
int wire_reader_begin(struct wire_reader *r, int64_t key, enum wire_kind kind,
                      struct wire_block **ret);
// The same for a tool, whose id may be absent. A name that comes later is set by _name.
int wire_reader_tool(struct wire_reader *r, int64_t key, struct wire_json id, struct wire_json name,
                     struct wire_block **ret);
int wire_reader_name(struct wire_reader *r, struct wire_block *b, struct wire_json name);
// A piece: kind WIRE_TEXT, WIRE_THINKING, WIRE_SIGNATURE, WIRE_REDACTED or WIRE_TOOL_INPUT. Empty
// ones and what is no string are left out.
int wire_reader_piece(struct wire_reader *r, struct wire_block *b, enum wire_kind kind,
                      struct wire_json string);
int wire_reader_bytes(struct wire_reader *r, struct wire_block *b, enum wire_kind kind,
                      const char *bytes, size_t n);
// A tool's arguments as they stand. ERR_PARSE when they are no UTF-8.
int wire_reader_object(struct wire_reader *r, struct wire_block *b, struct wire_json object);
// The block of that key, begun when it is not open.
int wire_reader_text(struct wire_reader *r, int64_t key, enum wire_kind kind,
                     struct wire_json string);
int wire_reader_end(struct wire_reader *r, int64_t key); // one that is not open: ignored
// Tells what can be told: the first of the open blocks, and those after it when it has ended. To be
// called when `ended` was set by hand.
int wire_reader_advance(struct wire_reader *r);
int wire_reader_end_all(struct wire_reader *r);
int wire_reader_usage(struct wire_reader *r); // tells r->usage
int wire_reader_stop(struct wire_reader *r);  // ends all; r->stop, or what the blocks say
// `error` as this family writes it, an object or a string.
int wire_reader_error(struct wire_reader *r, struct wire_json error);
// Parts of Chat Completions that others have, too: "usage"; "finish_reason" and, where it is told,
// the sequence.
int wire_chat_usage(struct wire_reader *r, struct wire_json usage);
int wire_chat_finish(struct wire_reader *r, struct wire_json reason, struct wire_json sequence);
int wire_reader_garbage(struct wire_reader *r, const char *what);

// What an error document means; `status` 0: told within a stream. The message is appended.
void wire_fault_of(enum wire_family family, int status, struct wire_json error,
                   struct wire_event *ret, struct buf *text);
