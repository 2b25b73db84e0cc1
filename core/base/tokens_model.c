#include "core/base/mem.h"
#include "core/base/tokens.h"

#include <string.h>
#include <strings.h>

// Thousandths of an o200k token. Measured on 426 files of code, documents and JSON (Claude) and on
// 90 (the others) against the newest vocabulary that is public: of Claude 2, Gemini (and Gemma
// 3, 1.19), Llama 3, Qwen 3. By kind of text the factors of Claude and Gemini lie between 1.06
// and 1.2, and 1.1 and 1.29; the others within 0.04.
static const unsigned short factors[TOKENS_FAMILIES] = {
    [TOKENS_OPENAI] = 1000, [TOKENS_CLAUDE] = 1110, [TOKENS_GEMINI] = 1180,
    [TOKENS_LLAMA] = 1000,  [TOKENS_QWEN] = 1010,
};

static const struct {
    const char *word;
    enum tokens_family family;
} words[] = {
    {"claude", TOKENS_CLAUDE}, {"gemini", TOKENS_GEMINI}, {"gemma", TOKENS_GEMINI},
    {"llama", TOKENS_LLAMA},   {"qwen", TOKENS_QWEN},
};

enum tokens_family tokens_family_of(const char *model) {
    const char *name = strrchr(model, '/'); // "ollama/gpt-oss" is no Llama
    name = name ? name + 1 : model;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        for (const char *p = name; *p; p++)
            if (strncasecmp(p, words[i].word, strlen(words[i].word)) == 0)
                return words[i].family;
    return TOKENS_OPENAI;
}

size_t tokens_for_model(enum tokens_family family, size_t o200k) {
    size_t factor = factors[family < TOKENS_FAMILIES ? family : TOKENS_OPENAI];
    return o200k / 1000 * factor + (o200k % 1000 * factor + 999) / 1000;
}
