// Byte-pair encoding of one piece (tokens_split.h) with the packed o200k vocabulary: counts, and
// names no token. Any thread; nothing is kept between calls.
// Source: Sennrich et al. 2016, in the form of tiktoken: a piece that is a token is one; else the
// neighbours whose union has the lowest rank are joined, leftmost first, as long as there are any.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A longer piece is cut every so many bytes (each cut may cost a token or two), so that the memory
// of a call, 28 bytes for a byte of the piece, stays below 30 MB.
enum { BPE_PIECE_BYTES_MAX = 1 << 20, BPE_TOKEN_BYTES_MAX = 128 };

// False in a build without the vocabulary: then the others may not be called.
bool bpe_present(void);

// Tokens of the piece; linear up to a logarithm. Without memory for a long piece it is cut short as
// above, every 64 bytes.
size_t bpe_count(const uint8_t *piece, size_t n);
