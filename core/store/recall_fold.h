// One code point as the index sees it: its class, and its letters without case and accents. Any
// thread.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum fold_class {
    FOLD_SEPARATOR, // blank, punctuation, control
    FOLD_LETTER,    // letters and digits of scripts that separate words
    FOLD_UNSPACED,  // of scripts that do not: Han, kana, Thai …
    FOLD_SYMBOL,    // stands for itself: emoji
    FOLD_MARK       // belongs to the letter before it and is left out
};
// Writes the folded form (1-4 bytes of UTF-8) for LETTER, UNSPACED and SYMBOL.
enum fold_class fold_code_point(uint32_t c, char out[4], size_t *ret_bytes);
