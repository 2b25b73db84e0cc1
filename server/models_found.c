#include "server/models_found.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

const struct found_name found_names[FOUND_KINDS] = {
    [FOUND_NOTHING] = {"", ""},
    [FOUND_OLLAMA] = {"ollama", "Ollama"},
    [FOUND_LMSTUDIO] = {"lmstudio", "LM Studio"},
    [FOUND_LLAMACPP] = {"llama.cpp", "llama.cpp's server"},
    [FOUND_VLLM] = {"vllm", "vLLM"},
    [FOUND_SGLANG] = {"sglang", "SGLang"},
    [FOUND_KOBOLDCPP] = {"koboldcpp", "KoboldCpp"},
    [FOUND_LITELLM] = {"litellm", "LiteLLM"},
    [FOUND_SERVER] = {"local", "a server that lists models as OpenAI does"},
    [FOUND_LOCKED] = {"local", "something that wants a key"},
    [FOUND_PAIRED] = {"", "paired's own gateway"},
};

const uint16_t found_ports[] = {11434, // Ollama
                                1234,  // LM Studio
                                8080,  // llama.cpp, llamafile, LocalAI, MLX
                                8000,  // vLLM
                                30000, // SGLang
                                5001,  // KoboldCpp
                                5000,  // text-generation-webui
                                1337,  // Jan
                                4000,  // LiteLLM
                                4891,  // GPT4All
                                0};

const char *const found_paths[FOUND_ASKS] = {[FOUND_ASK_OLLAMA] = "/api/version",
                                             [FOUND_ASK_LMSTUDIO] = "/api/v0/models",
                                             [FOUND_ASK_PROPS] = "/props",
                                             [FOUND_ASK_KOBOLD] = "/api/extra/version"};

static bool is_good(const struct found_answer *a) {
    return a->status / 100 == 2 && a->n > 0;
}

// Whether the answer is an object with this member; with `value`, one that begins with it.
static bool says(const struct found_answer *a, const char *member, const char *value) {
    if (!is_good(a))
        return false;
    json_t *root = json_loadb(a->body, a->n, 0, NULL);
    const json_t *found = json_object_get(root, member);
    const char *text = json_string_value(found);
    bool yes = found && (!value || (text && strncasecmp(text, value, strlen(value)) == 0));
    json_decref(root);
    return yes;
}

// LM Studio's own list says of each model what it is and who made it, which OpenAI's does not.
static bool is_lmstudio(const struct found_answer *a) {
    json_t *root = is_good(a) ? json_loadb(a->body, a->n, 0, NULL) : NULL;
    const json_t *data = json_object_get(root, "data"), *first = json_array_get(data, 0);
    bool yes = json_is_array(data) && (!first || json_object_get(first, "publisher") ||
                                       json_object_get(first, "compatibility_type"));
    json_decref(root);
    return yes;
}

enum found_kind found_identify(const struct found_answer *list, bool listed,
                               const struct wire_models *models,
                               const struct found_answer answers[FOUND_ASKS]) {
    static const struct {
        const char *owner;
        enum found_kind kind;
    } owners[] = {{"vllm", FOUND_VLLM},
                  {"llamacpp", FOUND_LLAMACPP},
                  {"sglang", FOUND_SGLANG},
                  {"koboldcpp", FOUND_KOBOLDCPP}};
    if (list->n && memmem(list->body, list->n, "paired's gateway", 16))
        return FOUND_PAIRED;
    if (says(&answers[FOUND_ASK_KOBOLD], "result", "KoboldCpp"))
        return FOUND_KOBOLDCPP; // before Ollama, which it also imitates
    for (size_t i = 0; listed && i < sizeof owners / sizeof *owners; i++)
        if (strcasecmp(models->owner, owners[i].owner) == 0)
            return owners[i].kind;
    if (is_lmstudio(&answers[FOUND_ASK_LMSTUDIO]))
        return FOUND_LMSTUDIO;
    if (says(&answers[FOUND_ASK_PROPS], "default_generation_settings", NULL))
        return FOUND_LLAMACPP;
    if (says(&answers[FOUND_ASK_OLLAMA], "version", NULL))
        return FOUND_OLLAMA;
    if (list->status == 401 && list->n && memmem(list->body, list->n, "LiteLLM", 7))
        return FOUND_LITELLM;
    return listed                                       ? FOUND_SERVER
           : list->status == 401 || list->status == 403 ? FOUND_LOCKED
                                                        : FOUND_NOTHING;
}
