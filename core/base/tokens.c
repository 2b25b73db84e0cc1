#include "core/base/tokens.h"

#include "core/base/mem.h"
#include "core/base/tokens_bpe.h"
#include "core/base/tokens_split.h"
#include "core/base/utf.h"

#include <assert.h>
#include <string.h>

enum {
    BORDER_BYTES_MAX = 32, // how far a cut goes back for the end of a word
    RECENT = 64,           // pieces remembered for that: more than those bytes can hold
    ODD_STACK_BYTES = 512,
    CHAR_BYTES_MAX = 4,
    LONG_BYTES = BORDER_BYTES_MAX // a piece that is cut inside where it passes the budget
};
static_assert(RECENT > BORDER_BYTES_MAX + 1, "a piece has one byte at least");

// A piece with bytes that are not UTF-8: what is counted has U+FFFD instead. Without memory it is
// counted in parts (each may cost a token more).
static size_t count_odd(const uint8_t *s, size_t n) {
    static const uint8_t replacement[] = {0xEF, 0xBF, 0xBD};
    uint8_t stack[ODD_STACK_BYTES];
    size_t need = sizeof replacement * n + CHAR_BYTES_MAX;
    AUTO_FREE uint8_t *heap = need > sizeof stack ? mem_alloc(need) : NULL;
    uint8_t *out = heap ? heap : stack;
    size_t room = heap ? need : sizeof stack, used = 0, tokens = 0;
    for (size_t at = 0; at < n;) {
        bool odd;
        size_t bytes = split_char(s + at, n - at, &odd);
        if (room - used < CHAR_BYTES_MAX) {
            tokens += bpe_count(out, used);
            used = 0;
        }
        memcpy(out + used, odd ? replacement : s + at, odd ? sizeof replacement : bytes);
        used += odd ? sizeof replacement : bytes;
        at += bytes;
    }
    return tokens + (used ? bpe_count(out, used) : 0);
}

static inline size_t count_piece(const uint8_t *s, size_t n, bool odd) {
    return odd ? count_odd(s, n) : bpe_count(s, n);
}

bool tokens_exact(void) {
    return bpe_present();
}

size_t tokens_count(const char *text, size_t n) {
    const uint8_t *s = (const uint8_t *)text;
    size_t tokens = 0;
    if (!bpe_present())
        return tokens_estimate(text, n);
    for (size_t at = 0, end; at < n; at = end) {
        bool odd;
        end = split_next(s, n, at, &odd);
        tokens += count_piece(s + at, end - at, odd);
    }
    return tokens;
}

// --- within a budget -----------------------------------------------------------------------------
// Where the latest pieces begin, and what stands before each in tokens.
struct recent {
    struct {
        size_t at, tokens;
    } pieces[RECENT];
    size_t count;
};

// A piece of n bytes has at least this many tokens: it need not be counted to be too much.
static size_t least_tokens(size_t n) {
    return n / BPE_TOKEN_BYTES_MAX;
}

// Whether the piece that begins at `at` still ends at `end` in a text of n bytes: blanks that a cut
// moved to the end join into one piece, all others stay what they were.
static bool still_ends(const uint8_t *s, size_t n, size_t at, size_t end) {
    bool odd;
    return split_next(s, n, at, &odd) == end;
}

static size_t walk(const uint8_t *s, size_t n, size_t budget, struct recent *recent,
                   size_t *ret_tokens) {
    size_t tokens = 0, at = 0, last = 0, last_tokens = 0, before = 0;
    while (at < n) {
        bool odd;
        size_t end = split_next(s, n, at, &odd);
        if (least_tokens(end - at) > budget - tokens)
            break;
        size_t more = count_piece(s + at, end - at, odd);
        if (more > budget - tokens)
            break;
        if (recent) {
            recent->pieces[recent->count % RECENT].at = at;
            recent->pieces[recent->count++ % RECENT].tokens = tokens;
        }
        before = last;
        last = at;
        last_tokens = more;
        tokens += more;
        at = end;
    }
    if (at < n && last > 0 && !still_ends(s, at, before, last)) {
        at = last;
        tokens -= last_tokens;
    }
    *ret_tokens = tokens;
    return at;
}

static size_t until_by_estimate(const char *text, size_t n, size_t budget, size_t *ret_tokens) {
    size_t end = tokens_estimate_prefix(text, n, budget);
    *ret_tokens = tokens_estimate(text, end);
    return end;
}

size_t tokens_count_until(const char *text, size_t n, size_t budget, size_t *ret_tokens) {
    size_t tokens;
    size_t end = bpe_present() ? walk((const uint8_t *)text, n, budget, NULL, &tokens)
                               : until_by_estimate(text, n, budget, &tokens);
    if (ret_tokens)
        *ret_tokens = tokens;
    return end;
}

// Most of a long piece that keeps the budget, by halving: tokens of a longer prefix are not fewer,
// but for a few at its end, and what is returned was counted.
static size_t part_of_piece(const char *text, size_t n, size_t budget) {
    size_t low = 0, high = n;
    if (budget < n / BPE_TOKEN_BYTES_MAX)
        high = budget * BPE_TOKEN_BYTES_MAX;
    while (low < high) {
        size_t mid = low + (high - low + 1) / 2;
        if (tokens_count(text, mid) <= budget)
            low = mid;
        else
            high = mid - 1;
    }
    size_t cut = utf_cut(text, n, low);
    return cut < low && tokens_count(text, cut) > budget ? 0 : cut;
}

static bool blank(char c) {
    return (unsigned char)c <= ' ';
}

static size_t word_border_before(const char *text, size_t end) {
    for (size_t back = 0; back < BORDER_BYTES_MAX && back < end; back++)
        if (blank(text[end - back]) && !blank(text[end - back - 1]))
            return end - back;
    return end;
}

// A cut inside a piece may cost more than the whole piece did: ");\n" is one token, and so is ");",
// but nothing promises that for the next. So the part is counted again, from the piece's begin,
// which is a border whatever follows.
static size_t keep_budget(const char *text, const struct recent *recent, size_t cut,
                          size_t budget) {
    for (size_t i = recent->count; i-- > 0 && recent->count - i <= RECENT;) {
        size_t at = recent->pieces[i % RECENT].at;
        if (at > cut)
            continue;
        size_t before = recent->pieces[i % RECENT].tokens;
        return before + tokens_count(text + at, cut - at) <= budget ? cut : at;
    }
    return 0;
}

size_t tokens_prefix(const char *text, size_t n, size_t budget) {
    struct recent recent;
    size_t tokens;
    if (!bpe_present())
        return tokens_estimate_prefix(text, n, budget);
    recent.count = 0;
    size_t end = walk((const uint8_t *)text, n, budget, &recent, &tokens);
    if (end == n)
        return n;
    bool odd;
    size_t piece = split_next((const uint8_t *)text, n, end, &odd) - end;
    if (piece > LONG_BYTES) {
        size_t part = part_of_piece(text + end, piece, budget - tokens);
        size_t last = recent.count ? recent.pieces[(recent.count - 1) % RECENT].at : end;
        if (part && (last == end || still_ends((const uint8_t *)text, end + part, last, end)))
            return end + part;
    }
    size_t cut = word_border_before(text, end);
    return cut == end ? end : keep_budget(text, &recent, cut, budget);
}
