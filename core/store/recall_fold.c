#include "core/store/recall_fold.h"

#include "core/base/mem.h"

#include <stdbool.h>

struct span {
    uint32_t first, last;
};

// Sorted. What is in none of them is a letter.
static const struct span separators[] = {
    {0x80, 0xA9},     {0xAB, 0xAC},     {0xAE, 0xB4},        {0xB6, 0xB9},     {0xBB, 0xBF},
    {0xD7, 0xD7},     {0xF7, 0xF7},     {0x37E, 0x37E},      {0x387, 0x387},   {0x55A, 0x55F},
    {0x589, 0x58A},   {0x5BE, 0x5BE},   {0x60C, 0x60D},      {0x61B, 0x61F},   {0x66A, 0x66D},
    {0x6D4, 0x6D4},   {0x964, 0x965},   {0xE4F, 0xE4F},      {0xE5A, 0xE5B},   {0x1680, 0x1680},
    {0x2000, 0x200A}, {0x2010, 0x2029}, {0x202F, 0x205F},    {0x20A0, 0x20CF}, {0x2100, 0x214F},
    {0x2190, 0x25FF}, {0x27C0, 0x2BFF}, {0x2E00, 0x2E7F},    {0x3000, 0x3004}, {0x3008, 0x3020},
    {0x3030, 0x3030}, {0x303D, 0x303F}, {0x30A0, 0x30A0},    {0x30FB, 0x30FB}, {0xE000, 0xF8FF},
    {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF0F},    {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40},
    {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0xF0000, 0x10FFFF},
};
static const struct span marks[] = {
    {0xAD, 0xAD},     {0x300, 0x36F},   {0x591, 0x5BD},   {0x5BF, 0x5C7},
    {0x64B, 0x65F},   {0x670, 0x670},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
    {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F}, {0x20D0, 0x20FF},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0000, 0xE01EF},
};
static const struct span unspaced[] = {
    {0xE00, 0xFFF},   {0x1000, 0x11FF}, {0x1780, 0x17FF},   {0x2E80, 0x2FDF},   {0x3005, 0x3007},
    {0x3021, 0x302F}, {0x3031, 0x4DBF}, {0x4E00, 0x9FFF},   {0xA960, 0xA97F},   {0xAC00, 0xD7FF},
    {0xF900, 0xFAFF}, {0xFF66, 0xFF9F}, {0x1B000, 0x1B2FF}, {0x20000, 0x3FFFF},
};
static const struct span symbols[] = {{0x2600, 0x27BF}, {0x1F000, 0x1FAFF}};

static bool within(const struct span *spans, size_t n, uint32_t c) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c < spans[mid].first)
            high = mid;
        else if (c > spans[mid].last)
            low = mid + 1;
        else
            return true;
    }
    return false;
}
#define WITHIN(spans, c) within(spans, COUNT_OF(spans), c)

static uint32_t fold_latin(uint32_t c) {
    // U+00C0 … U+00FF and U+0100 … U+017F: the letter below the accent.
    static const char first[] = "aaaaaaaceeeeiiiidnooooo*ouuuuyts"
                                "aaaaaaaceeeeiiiidnooooo*ouuuuyty";
    static const char extended[] = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkk"
                                   "llllllllllnnnnnnnnnoooooooorrrrrrsssssssstttttt"
                                   "uuuuuuuuuuuuwwyyyzzzzzzs";
    if (c <= 0xFF)
        return (unsigned char)first[c - 0xC0];
    return (unsigned char)extended[c - 0x100];
}

static uint32_t fold_greek(uint32_t c) {
    static const struct {
        uint16_t from, to;
    } accented[] = {
        {0x386, 0x3B1}, {0x388, 0x3B5}, {0x389, 0x3B7}, {0x38A, 0x3B9}, {0x38C, 0x3BF},
        {0x38E, 0x3C5}, {0x38F, 0x3C9}, {0x3AC, 0x3B1}, {0x3AD, 0x3B5}, {0x3AE, 0x3B7},
        {0x3AF, 0x3B9}, {0x3C2, 0x3C3}, {0x3CC, 0x3BF}, {0x3CD, 0x3C5}, {0x3CE, 0x3C9},
    };
    for (size_t i = 0; i < COUNT_OF(accented); i++)
        if (accented[i].from == c)
            return accented[i].to;
    return c >= 0x391 && c <= 0x3AB ? c + 32 : c;
}

static uint32_t fold_case(uint32_t c) {
    if (c >= 0xC0 && c <= 0x17F)
        return fold_latin(c);
    if (c >= 0x370 && c <= 0x3FF)
        return fold_greek(c);
    if (c >= 0x410 && c <= 0x42F)
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        c += 80;
    if (c == 0x451)
        return 0x435; // Russian is written with and without the dots
    if ((c >= 0x460 && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) || (c >= 0x1E00 && c <= 0x1EFF))
        return c | 1; // capitals are even, their small letters follow
    if (c >= 0x531 && c <= 0x556)
        return c + 48;
    if (c >= 0xFF10 && c <= 0xFF19) // full-width forms of ASCII
        return c - 0xFF10 + '0';
    if (c >= 0xFF21 && c <= 0xFF3A)
        return c - 0xFF21 + 'a';
    if (c >= 0xFF41 && c <= 0xFF5A)
        return c - 0xFF41 + 'a';
    return c;
}

static size_t encode(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0U | c >> 6);
        out[1] = (char)(0x80U | (c & 0x3FU));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0U | c >> 12);
        out[1] = (char)(0x80U | (c >> 6 & 0x3FU));
        out[2] = (char)(0x80U | (c & 0x3FU));
        return 3;
    }
    out[0] = (char)(0xF0U | c >> 18);
    out[1] = (char)(0x80U | (c >> 12 & 0x3FU));
    out[2] = (char)(0x80U | (c >> 6 & 0x3FU));
    out[3] = (char)(0x80U | (c & 0x3FU));
    return 4;
}

enum fold_class fold_code_point(uint32_t c, char out[4], size_t *ret_bytes) {
    *ret_bytes = 0;
    if (c < 0x80) {
        bool upper = c >= 'A' && c <= 'Z';
        if (!upper && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return FOLD_SEPARATOR;
        out[0] = (char)(upper ? c + 32 : c);
        *ret_bytes = 1;
        return FOLD_LETTER;
    }
    if (WITHIN(marks, c))
        return FOLD_MARK;
    if (WITHIN(separators, c))
        return FOLD_SEPARATOR;
    *ret_bytes = encode(fold_case(c), out);
    if (WITHIN(unspaced, c))
        return FOLD_UNSPACED;
    return WITHIN(symbols, c) ? FOLD_SYMBOL : FOLD_LETTER;
}
