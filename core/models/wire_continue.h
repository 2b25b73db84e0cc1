// An answer that was cut goes on: another backend is asked with what has been said already as the
// beginning of its answer, and the client's stream continues as if nothing had happened: one start,
// blocks in order, nothing said twice, usage of both. Pure: no I/O, no clock; one thread.
// Sources: as wire.h; vLLM and llama.cpp on continue_final_message.
#pragma once

#include "core/models/wire.h"

enum { WIRE_SAID_BYTES_MAX = 1 << 20 };

// --- the request
// Whether an answer to `request` can be gone on with from its text alone. ERR_INVAL with why not:
// one that has to be JSON begins anew each time, and of several choices only one is known.
int wire_continuable(enum wire_family family, const json_t *request, struct err *err);
// Puts `said` at the end of a request as the beginning of its answer, without the blanks at its end
// (Anthropic refuses them), and takes `spent` tokens off what it may have; thinking is switched off
// where it excludes this. Nothing is put when nothing but blanks was said. `template`: also the
// members by which servers of open models leave the last turn open. ERR_NOMEM.
int wire_prefill(enum wire_family family, json_t *request, const char *said, size_t n,
                 int64_t spent, bool template);

size_t wire_said_blank(const char *said, size_t n); // bytes of blanks at its end

// --- the client's stream
// Bytes of a stream up to the end of the first event, its empty line included; 0: it is not whole
// yet. Looks from `from` on, where an earlier look ended.
size_t wire_event_end(const char *bytes, size_t n, size_t from);
// For a stream whose bytes go to the client as they come: what the next one needs is kept.
void wire_reader_keep(struct wire_reader *r);
// The client was sent the bytes that `r` has read as they came, up to the end of an event: `w`, new
// and of the same family, goes on from there. `text`: what the block that is open has said. What
// stands open and cannot be gone on with is closed by what is appended to `out`. ERR_INVAL: only an
// error can follow. ERR_NOMEM.
int wire_writer_follow(struct wire_writer *w, const struct wire_reader *r, const char *text,
                       size_t n, struct buf *out);
// All has been told but the end mark: the connection was cut right before it. Not known of Gemini,
// whose streams have none.
bool wire_reader_told(const struct wire_reader *r);
// Then: tells WIRE_STOP, whatever has come since.
int wire_reader_end_told(struct wire_reader *r, wire_sink *sink, void *ctx);
void wire_put_end_mark(enum wire_family family, struct buf *out);

// --- joining
// Puts the events of the answer that goes on into the writer of the one before it.
struct wire_joint;
// Borrows `w` and `said`: what was asked to be gone on with (empty: it begins anew), to which the
// text is appended that is new. `before`: usage of the answers before, added to what is told.
int wire_joint_new(struct wire_writer *w, struct buf *said, const struct wire_usage *before,
                   struct wire_joint **ret);
void wire_joint_free(struct wire_joint *j); // accepts NULL
// As wire_write. Text that repeats the end of what was said is left out; so is all of it when the
// answer begins over again, word by word. ERR_PARSE: it began over again and went another way.
int wire_joint_write(struct wire_joint *j, const struct wire_event *e, struct buf *out);
