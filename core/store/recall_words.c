#include "core/store/recall_words.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/store/recall_fold.h"
#include "core/store/recall_stem.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

uint32_t word_hash(const char *term, size_t n) {
    uint32_t h = 2166136261U; // FNV-1a, then a finaliser: the low bits are given away
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)term[i]) * 16777619U;
    h ^= h >> 15;
    h *= 0x2C1B3C6DU;
    h ^= h >> 12;
    return h & ~(uint32_t)WORD_FLAGS;
}

static int string_compare(const void *key, const void *entry) {
    return strcmp(key, *(const char *const *)entry);
}

static bool in_list(const char *const *list, size_t count, const char *s, size_t n) {
    char key[16];
    if (n >= sizeof key)
        return false;
    memcpy(key, s, n);
    key[n] = '\0';
    return bsearch(key, list, count, sizeof *list, string_compare) != NULL;
}

bool word_is_stop(const char *plain, size_t n) {
    static const char *const stops[] = {
        "a",      "about", "after",  "again", "all",   "also",  "am",    "an",     "and",
        "any",    "are",   "aren",   "as",    "at",    "be",    "been",  "before", "being",
        "but",    "by",    "can",    "could", "did",   "didn",  "do",    "does",   "doesn",
        "doing",  "don",   "during", "each",  "for",   "from",  "had",   "has",    "have",
        "having", "he",    "her",    "here",  "hers",  "him",   "his",   "how",    "i",
        "if",     "in",    "into",   "is",    "isn",   "it",    "its",   "itself", "just",
        "kind",   "may",   "me",     "might", "more",  "most",  "must",  "my",     "no",
        "nor",    "not",   "of",     "on",    "once",  "only",  "or",    "other",  "our",
        "ours",   "out",   "over",   "own",   "s",     "same",  "she",   "should", "so",
        "some",   "such",  "t",      "than",  "that",  "the",   "their", "theirs", "them",
        "then",   "there", "these",  "they",  "this",  "those", "to",    "too",    "under",
        "until",  "up",    "us",     "very",  "was",   "wasn",  "we",    "were",   "what",
        "when",   "where", "which",  "while", "who",   "whom",  "whose", "why",    "will",
        "with",   "would", "you",    "your",  "yours",
    };
    return in_list(stops, COUNT_OF(stops), plain, n);
}

// --- cutting text into terms ---------------------------------------------------------------------
enum { PART_BYTES = WORD_BYTES_MAX + 8 };

struct piece { // a term in the making
    char bytes[PART_BYTES];
    size_t len;
    bool ascii_letters;
};

struct cutter {
    word_fn *fn;
    void *ctx;
    struct piece part;  // since the last border inside the identifier
    struct piece whole; // the identifier without its joiners
    size_t parts;
    size_t part_at, whole_at;
    unsigned name; // WORD_NAME or 0, of the run
    char previous; // class of the character before, within the run: 'A', 'a', '0', 'u', or 0
    size_t uppers; // capitals in a row
    bool sentence_start;
};

static void piece_reset(struct piece *p) {
    p->len = 0;
    p->ascii_letters = true;
}

static void piece_add(struct piece *p, const char *bytes, size_t n) {
    if (p->len + n > WORD_BYTES_MAX)
        return;
    memcpy(p->bytes + p->len, bytes, n);
    p->len += n;
    if (n != 1 || (bytes[0] >= '0' && bytes[0] <= '9'))
        p->ascii_letters = false;
}

static void emit(struct cutter *c, const struct piece *p, bool stem, unsigned flags, size_t at) {
    char plain[PART_BYTES], term[PART_BYTES];
    memcpy(plain, p->bytes, p->len);
    memcpy(term, p->bytes, p->len);
    size_t n = stem && p->ascii_letters ? recall_stem(term, p->len) : p->len;
    c->fn(c->ctx, &(struct word){.term = term,
                                 .len = n,
                                 .plain = plain,
                                 .plain_len = p->len,
                                 .hash = word_hash(term, n),
                                 .flags = flags,
                                 .at = at});
}

static void part_end(struct cutter *c) {
    if (!c->part.len)
        return;
    emit(c, &c->part, true, c->name, c->part_at);
    c->parts++;
    piece_reset(&c->part);
}

static void run_end(struct cutter *c) {
    if (!c->whole.len)
        return;
    part_end(c);
    if (c->parts > 1)
        emit(c, &c->whole, false, c->name | WORD_EXTRA, c->whole_at);
    piece_reset(&c->whole);
    c->parts = 0;
    c->previous = 0;
    c->uppers = 0;
    c->sentence_start = false;
}

static void letter(struct cutter *c, uint32_t cp, const char *bytes, size_t n, size_t at) {
    bool upper = cp >= 'A' && cp <= 'Z';
    char class = upper ? 'A' : cp >= '0' && cp <= '9' ? '0' : cp < 0x80 ? 'a' : 'u';
    if (!c->whole.len) {
        c->whole_at = at;
        c->name = upper && !c->sentence_start ? WORD_NAME : 0;
    }
    if (upper && (c->previous == 'a' || c->previous == '0')) {
        part_end(c); // fooBar
    } else if (class == 'a' && c->uppers > 1 && c->part.len > 1 && c->part.len < WORD_BYTES_MAX) {
        char last = c->part.bytes[--c->part.len]; // HTTPServer: the S belongs to Server
        part_end(c);
        piece_add(&c->part, &last, 1);
        c->part_at = at - 1;
    }
    if (!c->part.len)
        c->part_at = at;
    piece_add(&c->part, bytes, n);
    piece_add(&c->whole, bytes, n);
    c->uppers = upper ? c->uppers + 1 : 0;
    c->previous = class;
}

// At an apostrophe inside a word: bytes that belong to a contraction or a genitive ("'s", "n't",
// "'ll") and are left out. The n of n't has gone into the word: "don", "isn" are stop words.
static size_t contraction_bytes(const char *s, size_t n) {
    static const char *const tails[] = {"s", "t", "d", "m", "ll", "re", "ve"};
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        size_t len = strlen(tails[i]), k = 0;
        if (len > n)
            continue;
        while (k < len && (s[k] | 0x20) == tails[i][k])
            k++;
        char folded[4];
        size_t bytes, folded_bytes;
        if (k == len && (len == n || fold_code_point(utf_decode(s + len, n - len, &bytes), folded,
                                                     &folded_bytes) != FOLD_LETTER))
            return len;
    }
    return 0;
}

// A run of a script without blanks: each pair of neighbours, and each character. `from` is its
// first byte; returns the offset behind it.
static size_t unspaced_run(struct cutter *c, const char *text, size_t n, size_t from) {
    struct piece pair, single;
    char previous[4];
    size_t previous_bytes = 0, previous_at = from, i = from, count = 0;
    while (i < n) {
        size_t step, bytes;
        char folded[4];
        enum fold_class class = fold_code_point(utf_decode(text + i, n - i, &step), folded, &bytes);
        if (class == FOLD_MARK) {
            i += step;
            continue;
        }
        if (class != FOLD_UNSPACED)
            break;
        if (count) {
            piece_reset(&pair);
            piece_add(&pair, previous, previous_bytes);
            piece_add(&pair, folded, bytes);
            emit(c, &pair, false, 0, previous_at);
            piece_reset(&single);
            piece_add(&single, previous, previous_bytes);
            emit(c, &single, false, WORD_EXTRA, previous_at);
        }
        memcpy(previous, folded, bytes);
        previous_bytes = bytes;
        previous_at = i;
        count++;
        i += step;
    }
    piece_reset(&single);
    piece_add(&single, previous, previous_bytes);
    emit(c, &single, false, count > 1 ? WORD_EXTRA : 0, previous_at);
    return i;
}

static bool is_apostrophe(uint32_t cp) {
    return cp == '\'' || cp == 0x2019;
}

static void separator(struct cutter *c, uint32_t cp) {
    if (cp == '_') { // joins: snake_case is one identifier
        part_end(c);
        c->previous = 0;
        c->uppers = 0;
        return;
    }
    run_end(c);
    if (cp == '.' || cp == '!' || cp == '?' || cp == ':' || cp == '\n' || cp == '"')
        c->sentence_start = true;
}

void words_each(const char *text, size_t n, word_fn *fn, void *ctx) {
    struct cutter c = {.fn = fn, .ctx = ctx, .sentence_start = true};
    piece_reset(&c.part);
    piece_reset(&c.whole);
    size_t i = 0;
    while (i < n) {
        size_t step = 1, bytes;
        char folded[4];
        unsigned char byte = (unsigned char)text[i];
        uint32_t cp = byte < 0x80 ? byte : utf_decode(text + i, n - i, &step);
        enum fold_class class = fold_code_point(cp, folded, &bytes);
        switch (class) {
        case FOLD_LETTER:
            letter(&c, cp, folded, bytes, i);
            break;
        case FOLD_MARK:
            break;
        case FOLD_UNSPACED:
            run_end(&c);
            i = unspaced_run(&c, text, n, i);
            continue;
        case FOLD_SYMBOL: {
            run_end(&c);
            struct piece p;
            piece_reset(&p);
            piece_add(&p, folded, bytes);
            emit(&c, &p, false, 0, i);
            break;
        }
        case FOLD_SEPARATOR:
            if (is_apostrophe(cp) && c.whole.len && i + step < n) {
                size_t tail = contraction_bytes(text + i + step, n - i - step);
                i += step + tail;
                if (tail)
                    run_end(&c);
                continue; // O'Brien stays one word
            }
            separator(&c, cp);
            break;
        }
        i += step;
    }
    run_end(&c);
}

// --- what is kept of a note ----------------------------------------------------------------------
static bool is_temporal(const char *plain, size_t n) {
    static const char *const temporal[] = {
        "afternoon", "ago",      "april",    "august",   "autumn",    "day",     "days",
        "december",  "evening",  "february", "friday",   "january",   "july",    "june",
        "last",      "march",    "monday",   "month",    "months",    "morning", "next",
        "november",  "october",  "recently", "saturday", "september", "since",   "summer",
        "sunday",    "thursday", "today",    "tomorrow", "tonight",   "tuesday", "wednesday",
        "week",      "weekend",  "weeks",    "winter",   "year",      "years",   "yesterday",
    };
    return in_list(temporal, COUNT_OF(temporal), plain, n);
}

struct collector {
    struct words_of_note *out;
    uint32_t *seen; // open addressing; 0 = empty
    size_t seen_count, seen_cap;
    uint32_t first; // first term
    size_t kept, kept_max;
    bool keep, failed;
};

static bool seen_add(struct collector *c, uint32_t hash) {
    if ((c->seen_count + 1) * 2 > c->seen_cap) {
        size_t cap = c->seen_cap ? c->seen_cap * 2 : 256;
        uint32_t *grown = mem_zalloc(cap * sizeof *grown);
        if (!grown) {
            c->failed = true;
            return false;
        }
        for (size_t i = 0; i < c->seen_cap; i++) {
            if (!c->seen[i])
                continue;
            size_t k = (c->seen[i] >> 2) & (cap - 1);
            while (grown[k])
                k = (k + 1) & (cap - 1);
            grown[k] = c->seen[i];
        }
        mem_free(c->seen);
        c->seen = grown;
        c->seen_cap = cap;
    }
    uint32_t key = hash | 1; // never the empty mark
    size_t k = (key >> 2) & (c->seen_cap - 1);
    while (c->seen[k]) {
        if (c->seen[k] == key)
            return false;
        k = (k + 1) & (c->seen_cap - 1);
    }
    c->seen[k] = key;
    c->seen_count++;
    return true;
}

static void put_value(struct buf *b, uint32_t v) {
    v = htole32(v);
    (void)buf_append(b, &v, sizeof v); // b->failed is looked at once, in the end
}

static void collect(void *ctx, const struct word *w) {
    struct collector *c = ctx;
    if (!c->first)
        c->first = w->hash;
    if (!c->keep)
        return;
    if (is_temporal(w->plain, w->plain_len))
        c->out->traits |= TRAIT_TEMPORAL;
    if (w->plain[0] >= '0' && w->plain[0] <= '9')
        c->out->traits |= TRAIT_NUMBER;
    bool fresh = seen_add(c, w->hash);
    if (fresh) {
        if (c->out->terms.len)
            (void)buf_putc(&c->out->terms, ' ');
        (void)buf_append(&c->out->terms, w->term, w->len);
    }
    if (c->kept < c->kept_max) {
        put_value(&c->out->packed, w->hash | w->flags);
        c->kept++;
    } else if (fresh) { // without its place
        put_value(&c->out->packed, w->hash | w->flags | WORD_EXTRA);
    }
}

static bool ends_with_question(const char *text, size_t n) {
    while (n && (unsigned char)text[n - 1] <= ' ')
        n--;
    return n && text[n - 1] == '?';
}

int words_of_note(const struct words_source *from, struct words_of_note *ret, struct err *err) {
    struct words_of_note out = {.packed = BUF_INIT(1024 * 1024), .terms = BUF_INIT(1024 * 1024)};
    struct collector c = {.out = &out};
    if (from->source)
        words_each(from->source, strlen(from->source), collect, &c);
    put_value(&out.packed, 0);
    put_value(&out.packed, c.first);
    c.keep = true;
    c.kept_max = WORDS_HEAD_MAX;
    if (from->subject)
        words_each(from->subject, strlen(from->subject), collect, &c);
    if (from->tags)
        words_each(from->tags, strlen(from->tags), collect, &c);
    uint32_t head = htole32((uint32_t)(out.packed.len / 4 - 2));
    c.kept = 0;
    c.kept_max = WORDS_MAX;
    out.traits = 0; // of the text alone
    words_each(from->text, from->text_bytes, collect, &c);
    if (ends_with_question(from->text, from->text_bytes))
        out.traits |= TRAIT_QUESTION;
    mem_free(c.seen);
    if (c.failed || out.packed.failed || out.terms.failed) {
        words_of_note_done(&out);
        return err_set(err, ERR_NOMEM, "out of memory while indexing a note");
    }
    memcpy(out.packed.data, &head, sizeof head);
    *ret = out;
    return 0;
}

void words_of_note_done(struct words_of_note *w) {
    buf_done(&w->packed);
    buf_done(&w->terms);
}

bool words_unpack(const void *blob, size_t n, struct words_packed *ret) {
    uint32_t leading[2];
    if (!blob || n < sizeof leading || n % 4)
        return false;
    memcpy(leading, blob, sizeof leading);
    ret->head = le32toh(leading[0]);
    ret->source = le32toh(leading[1]);
    ret->total = n / 4 - 2;
    ret->bytes = (const uint8_t *)blob + sizeof leading;
    return ret->head <= ret->total;
}
