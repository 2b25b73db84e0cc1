#include "server/presets.h"

#include <string.h>

const struct preset presets[] = {
    {"anthropic", BACKEND_ANTHROPIC, "https://api.anthropic.com", "ANTHROPIC_API_KEY",
     "Anthropic, Messages API"},
    {"openai", BACKEND_RESPONSES, "https://api.openai.com", "OPENAI_API_KEY",
     "OpenAI, Responses API"},
    {"gemini", BACKEND_GEMINI, "https://generativelanguage.googleapis.com", "GEMINI_API_KEY",
     "Google, Gemini API"},
    // On this machine, at the ports that they take unless told otherwise.
    {"ollama", BACKEND_CHAT, "http://127.0.0.1:11434", NULL, "Ollama on this machine"},
    {"llama.cpp", BACKEND_CHAT, "http://127.0.0.1:8080", NULL, "llama-server on this machine"},
    {"vllm", BACKEND_CHAT, "http://127.0.0.1:8000", NULL, "vLLM on this machine"},
    {"lmstudio", BACKEND_CHAT, "http://127.0.0.1:1234", NULL, "LM Studio on this machine"},
    {0},
};

const struct preset *preset_find(const char *name) {
    for (const struct preset *p = presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
