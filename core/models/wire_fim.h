// Fill-in-the-middle: what belongs between two pieces of a text, asked of the APIs that are made
// for it. Requests are made from what stands before and behind the place; answers are read as the
// events of wire.h. Pure: no I/O, no clock; any thread. Everything read is foreign bytes: bounded,
// never trusted. Sources: the published references of llama.cpp's server (POST /infill), OpenAI
// (legacy completions with `suffix`), Mistral (/v1/fim/completions), DeepSeek (/beta/completions),
// Ollama
// (/api/generate with `suffix`).
#pragma once

#include "core/models/wire.h"

enum wire_fim { // as enum backend_fim of core/store/backends.h
    WIRE_FIM_NONE,
    WIRE_FIM_INFILL,      // llama.cpp
    WIRE_FIM_COMPLETIONS, // OpenAI's, and who follows it
    WIRE_FIM_MISTRAL,
    WIRE_FIM_DEEPSEEK,
    WIRE_FIM_OLLAMA,
    WIRE_FIMS
};

struct wire_gap { // borrows
    const char *before, *behind;
    size_t before_n, behind_n;
    int64_t max_tokens; // of the answer
};
// The place in a request of the Anthropic family whose last message is a line that is left out (the
// file's name), then the text with `mark` in it once. Borrows from `request`. ERR_INVAL.
int wire_fim_split(const json_t *request, const char *mark, struct wire_gap *ret, struct err *err);

// Path below the base URL: appended.
int wire_fim_path(enum wire_fim fim, struct buf *out);
// Appends the request. It ends at an empty line, and with the line where something but brackets and
// signs stands behind the place in it. Temperature 0.
int wire_fim_write(enum wire_fim fim, const struct wire_gap *gap, const char *model, bool stream,
                   struct buf *out);
// A reader as wire_reader_new gives it; errors with another status than 2xx are WIRE_CHAT's.
int wire_fim_reader_new(enum wire_fim fim, bool stream, struct wire_reader **ret);
