// How many model tokens a text costs. Everything that has a token budget asks here.
//
// Exact for OpenAI's o200k vocabulary (GPT-4o and later); other families are a measured factor
// away. Bytes that are not UTF-8 count as U+FFFD, and special tokens such as <|endoftext|> as the
// plain text they are. A build that could not get the vocabulary (tokens_exact() is false) answers
// with the linear estimate instead. White space is Unicode's (as in tiktoken), so U+0085 and U+FEFF
// are not what they are in JavaScript's \s.
//
// tokens_estimate*: no vocabulary, one pass, 6.5 % off in the mean on 6,600 files of code and
// documents, 17 % at the 95th percentile. Linking those two alone keeps the 2.6 MB of the
// vocabulary out of a program.
//
// Any thread, nothing is shared. Speed: some 70 MB/s of source code for the exact count, which
// reads the vocabulary's pages when they are first needed. A word without a border longer than 1 MB
// (BPE_PIECE_BYTES_MAX) is counted in parts.
#pragma once

#include <stdbool.h>
#include <stddef.h>

size_t tokens_count(const char *text, size_t n);

// Offset of the first piece (word, number, run of punctuation or blanks) with which the count
// passes `budget`, or n when it does not: reads only that far. tokens_count(text, offset) ==
// *ret_tokens, which may be NULL.
size_t tokens_count_until(const char *text, size_t n, size_t budget, size_t *ret_tokens);

// A prefix of at most `budget` tokens, as long as may be: cut on a UTF-8 and, where near, a word
// border.
size_t tokens_prefix(const char *text, size_t n, size_t budget);

size_t tokens_estimate(const char *text, size_t n);
size_t tokens_estimate_prefix(const char *text, size_t n, size_t budget);

bool tokens_exact(void);

// Families of vocabularies. The factors are means over source code, documents and JSON, measured
// with the public vocabulary of each (tokens_model.c says which); the provider's own count of an
// answer is what corrects them.
enum tokens_family {
    TOKENS_OPENAI, // and unknown models
    TOKENS_CLAUDE,
    TOKENS_GEMINI,
    TOKENS_LLAMA,
    TOKENS_QWEN,
    TOKENS_FAMILIES
};

// By the model's name, in any case, with or without a provider before it ("anthropic/claude-…").
enum tokens_family tokens_family_of(const char *model);
// Tokens in that family for a text of that many o200k tokens; rounded up.
size_t tokens_for_model(enum tokens_family family, size_t o200k);
