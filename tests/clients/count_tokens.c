// Texts from stdin (their length as 4 little-endian bytes, then the bytes), the tokens of each to
// stdout, one a line: what tokens.mjs compares with the package that the vocabulary comes from.
#include "core/base/tokens.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    uint8_t head[4];
    if (!tokens_exact())
        return 77;
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        char *text = malloc(n + 1);
        if (!text || fread(text, 1, n, stdin) != n)
            return 1;
        printf("%zu\n", tokens_count(text, n));
        free(text);
    }
    return 0;
}
