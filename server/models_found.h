// Which program answers at a port of this machine, from what it says about itself. From texts to a
// name; no I/O; any thread. Sources: the programs' own documentation of their APIs (Ollama
// docs/api.md, LM Studio REST API, llama.cpp tools/server, vLLM OpenAI-compatible server,
// KoboldCpp, SGLang, LocalAI).
#pragma once

#include "core/base/buf.h"
#include "core/models/wire_models.h"

enum found_kind {
    FOUND_NOTHING, // no list of models, nothing that wants a key
    FOUND_OLLAMA,
    FOUND_LMSTUDIO,
    FOUND_LLAMACPP,
    FOUND_VLLM,
    FOUND_SGLANG,
    FOUND_KOBOLDCPP,
    FOUND_LITELLM,
    FOUND_SERVER, // lists models as OpenAI does, and does not say what it is
    FOUND_LOCKED, // wants a key
    FOUND_PAIRED, // our own gateway
    FOUND_KINDS
};
struct found_name {
    const char *name; // as a backend
    const char *what; // as people say it
};
extern const struct found_name found_names[FOUND_KINDS];

// Ports that such programs take unless told otherwise; ends with 0.
extern const uint16_t found_ports[];

// What is asked beside the list of models, to tell programs apart.
enum { FOUND_ASK_OLLAMA, FOUND_ASK_LMSTUDIO, FOUND_ASK_PROPS, FOUND_ASK_KOBOLD, FOUND_ASKS };
extern const char *const found_paths[FOUND_ASKS];

struct found_answer {
    int status; // 0: none
    const char *body;
    size_t n;
};
// `list`: what GET /v1/models answered, read into `models` when it could be.
enum found_kind found_identify(const struct found_answer *list, bool listed,
                               const struct wire_models *models,
                               const struct found_answer answers[FOUND_ASKS]);
