// Which requests to models may be answered from what was answered before (models.cache: exact), and
// what a request is known by there. Pure; any thread.
//
// Kept is what the request itself makes repeatable: temperature 0, or its client forces it. Never
// where an answer depends on more than the request: tools that the backend runs, ids of what it
// keeps (a response to go on from, a conversation, files, stored prompts), addresses it would read.
#pragma once

#include "core/base/buf.h"
#include "core/models/wire.h"
#include "protocol/jsonrpc.h" // struct span

#include <stdbool.h>

// How an answer is written for its client.
enum model_form { MODEL_FORM_WHOLE, MODEL_FORM_STREAM, MODEL_FORM_STREAM_USAGE };

// Is it a number, and 0?
bool model_answer_zero(struct span value);
// 1: it may be kept; appends to `out` what the answer follows from: the members as they stand, in
// their order, without `stream`, `stream_options` and Anthropic's `metadata`, which say nothing
// about the answer. Where an answer may hold what only its own form can say (several choices, log
// probabilities, citations …), `form` counts too. 0: it may not, *ret_why says it (static).
// ERR_NOMEM. `forced`: whatever the temperature.
int model_answer_canonical(enum wire_family family, const char *bytes, size_t n, bool forced,
                           enum model_form form, struct buf *out, const char **ret_why);
// The answer in another form. `usage`: said at its end where it does not tell it itself. ERR_PARSE,
// ERR_NOMEM, ERR_LIMIT.
int model_answer_convert(enum wire_family family, enum model_form from, enum model_form to,
                         const char *bytes, size_t n, const struct wire_usage *usage,
                         struct buf *out);
