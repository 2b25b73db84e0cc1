#include "server/presets.h"

#include <string.h>

const struct preset presets[] = {
    {"anthropic", BACKEND_ANTHROPIC, BACKEND_FIM_NONE, "https://api.anthropic.com",
     "ANTHROPIC_API_KEY", "Anthropic, Messages API"},
    {"openai", BACKEND_RESPONSES, BACKEND_FIM_NONE, "https://api.openai.com", "OPENAI_API_KEY",
     "OpenAI, Responses API"},
    {"gemini", BACKEND_GEMINI, BACKEND_FIM_NONE, "https://generativelanguage.googleapis.com",
     "GEMINI_API_KEY", "Google, Gemini API"},
    {"openrouter", BACKEND_CHAT, BACKEND_FIM_NONE, "https://openrouter.ai/api",
     "OPENROUTER_API_KEY", "OpenRouter, many providers' models"},
    {"deepseek", BACKEND_CHAT, BACKEND_FIM_DEEPSEEK, "https://api.deepseek.com", "DEEPSEEK_API_KEY",
     "DeepSeek"},
    {"mistral", BACKEND_CHAT, BACKEND_FIM_MISTRAL, "https://api.mistral.ai", "MISTRAL_API_KEY",
     "Mistral"},
    {"xai", BACKEND_CHAT, BACKEND_FIM_NONE, "https://api.x.ai", "XAI_API_KEY", "xAI, Grok"},
    {"groq", BACKEND_CHAT, BACKEND_FIM_NONE, "https://api.groq.com/openai", "GROQ_API_KEY", "Groq"},
    {"together", BACKEND_CHAT, BACKEND_FIM_NONE, "https://api.together.xyz", "TOGETHER_API_KEY",
     "Together AI"},
    {"cerebras", BACKEND_CHAT, BACKEND_FIM_NONE, "https://api.cerebras.ai", "CEREBRAS_API_KEY",
     "Cerebras"},
    {"dashscope", BACKEND_CHAT, BACKEND_FIM_NONE,
     "https://dashscope-intl.aliyuncs.com/compatible-mode", "DASHSCOPE_API_KEY",
     "Alibaba, Qwen models"},
    {"moonshot", BACKEND_CHAT, BACKEND_FIM_NONE, "https://api.moonshot.ai", "MOONSHOT_API_KEY",
     "Moonshot AI, Kimi models"},
    // On this machine, at the ports that they take unless told otherwise.
    {"ollama", BACKEND_CHAT, BACKEND_FIM_OLLAMA, "http://127.0.0.1:11434", NULL,
     "Ollama on this machine"},
    {"llama.cpp", BACKEND_CHAT, BACKEND_FIM_INFILL, "http://127.0.0.1:8080", NULL,
     "llama-server on this machine"},
    {"vllm", BACKEND_CHAT, BACKEND_FIM_NONE, "http://127.0.0.1:8000", NULL, "vLLM on this machine"},
    {"lmstudio", BACKEND_CHAT, BACKEND_FIM_NONE, "http://127.0.0.1:1234", NULL,
     "LM Studio on this machine"},
    {0},
};

const struct preset *preset_find(const char *name) {
    for (const struct preset *p = presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
