// Each node of a subtree is a term: hash of type and text × B^(place) × D^(depth), summed modulo
// 2^64. B and D are odd, so a subtree's sum can be moved to place 0 and depth 0 by multiplying
// with their inverses: all subtrees come out of one pass of prefix sums (Rabin and Karp's rolling
// hash, with the depth as a second dimension). Equal hashes are a hint; canon_same decides.
#include "core/code/canon.h"

#include <string.h>

static const uint64_t B = 0x9E3779B97F4A7C15U, B_INVERSE = 0xF1DE83E19937733DU;
static const uint64_t D = 0xD1B54A32D192ED03U, D_INVERSE = 0x6106CCFA448E5ABU;

static uint64_t mix(uint64_t x) { // finaliser of splitmix64 (Steele, Lea, Flood 2014)
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9U;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

static uint64_t hash_bytes(const char *text, size_t n) {
    uint64_t h = 0x2545F4914F6CDD1DU ^ n, word;
    for (; n >= 8; text += 8, n -= 8) {
        memcpy(&word, text, 8);
        h = mix(h ^ word);
    }
    word = 0;
    memcpy(&word, text, n);
    return mix(h ^ word);
}

// Pre-order over a subtree without its comments. Strings without code in them are one leaf each.
struct walk {
    const struct syntax *s;
    uint32_t at, next, end; // the current node, the one to visit after it, behind the subtree
    uint32_t depth;         // of `at` under the subtree's root
    bool leaf;
};

static bool is_string(uint8_t role) {
    return role == ROLE_STRING || role == ROLE_STRING_PART;
}

// Some grammars leave the text between escape sequences without a node: the whole text counts.
static bool is_leaf(const struct syntax *s, uint32_t i) {
    if (s->nodes[i].next == i + 1)
        return true;
    if (!is_string(s->nodes[i].role)) // `:02X` of an f-string has a node for its colon alone
        return s->lang == LANG_PYTHON && s->text[s->nodes[i].start] == ':' &&
               syntax_type_is(s, i, "format_specifier");
    for (uint32_t c = i + 1; c < s->nodes[i].next; c = s->nodes[c].next)
        if (syntax_named(s, c) && !is_string(s->nodes[c].role))
            return false;
    return true;
}

static void walk_settle(struct walk *w) {
    w->leaf = is_leaf(w->s, w->at);
    w->next = w->leaf ? w->s->nodes[w->at].next : w->at + 1;
}

static void walk_start(struct walk *w, const struct syntax *s, uint32_t root) {
    *w = (struct walk){.s = s, .at = root, .end = s->nodes[root].next};
    walk_settle(w);
}

// Comments at the end of a parent are passed on the way up.
static bool walk_step(struct walk *w) {
    const struct node *nodes = w->s->nodes;
    uint32_t to = w->next;
    while (to < w->end && nodes[to].role == ROLE_COMMENT)
        to = nodes[to].next;
    if (to >= w->end)
        return false;
    uint32_t parent = nodes[to].parent;
    if (parent == w->at) {
        w->depth++;
    } else {
        for (uint32_t up = nodes[w->at].parent; up != parent; up = nodes[up].parent)
            w->depth--;
    }
    w->at = to;
    walk_settle(w);
    return true;
}

static uint32_t type_of(const struct syntax *s, uint32_t i) {
    uint16_t symbol = s->nodes[i].symbol;
    return symbol < s->grammar->symbol_count ? s->grammar->type_hash[symbol] : UINT16_MAX;
}

static uint64_t term_exact(const struct walk *w) {
    const struct node *n = &w->s->nodes[w->at];
    uint64_t h = mix(type_of(w->s, w->at) + 1ULL);
    if (w->leaf && syntax_named(w->s, w->at))
        h ^= hash_bytes(w->s->text + n->start, n->end - n->start);
    return mix(h);
}

void canon_hash_all(const struct syntax *s, uint64_t *hashes) {
    struct walk w;
    uint64_t sum = 0, at = 1, deep = 1;
    uint32_t depth = 0, filled = 0;
    if (!s->count)
        return;
    walk_start(&w, s, 0);
    do { // hashes[i]: the sum of all terms before i
        while (filled <= w.at)
            hashes[filled++] = sum;
        for (; depth < w.depth; depth++)
            deep *= D;
        for (; depth > w.depth; depth--)
            deep *= D_INVERSE;
        sum += term_exact(&w) * at * deep;
        at *= B;
    } while (walk_step(&w));
    while (filled < s->count)
        hashes[filled++] = sum;
    // Every node that the walk passed over lies in a comment or a string, and has an empty sum or
    // stands behind the term that holds it.
    uint64_t back = 1, up = 1;
    depth = 0;
    uint32_t passed = 0;
    walk_start(&w, s, 0);
    do {
        for (; passed < w.at; passed++)
            hashes[passed] = 0;
        for (; depth < w.depth; depth++)
            up *= D_INVERSE;
        for (; depth > w.depth; depth--)
            up *= D;
        uint32_t next = s->nodes[w.at].next;
        uint64_t h = mix(((next < s->count ? hashes[next] : sum) - hashes[w.at]) * back * up);
        hashes[passed++] = h ? h : 1;
        back *= B_INVERSE;
    } while (walk_step(&w));
    for (; passed < s->count; passed++)
        hashes[passed] = 0;
}

// Numbers of names by first use. Beyond its size all further names share one number.
enum { NAMES_MAX = 512, NAME_SLOTS = 1024 };
struct names {
    uint64_t hash[NAME_SLOTS]; // 0 = free
    uint16_t number[NAME_SLOTS];
    uint16_t count;
};

static uint64_t name_number(struct names *names, const char *text, size_t n) {
    uint64_t h = hash_bytes(text, n) | 1;
    for (size_t k = h >> 54;; k = (k + 1) % NAME_SLOTS) {
        if (names->hash[k] == h)
            return names->number[k];
        if (names->hash[k])
            continue;
        if (names->count == NAMES_MAX)
            return NAMES_MAX;
        names->hash[k] = h;
        return names->number[k] = names->count++;
    }
}

static uint64_t term_renamed(const struct walk *w, struct names *names) {
    const struct syntax *s = w->s;
    const struct node *n = &s->nodes[w->at];
    switch ((enum role)n->role) {
    case ROLE_STRING:
        return w->leaf ? mix('S') : mix('s');
    case ROLE_NUMBER:
        return mix('N');
    case ROLE_CHARACTER:
        return mix('C');
    case ROLE_IDENTIFIER:
    case ROLE_FIELD_IDENTIFIER:
    case ROLE_TYPE_IDENTIFIER:
        if (w->leaf)
            return mix(1000 + name_number(names, s->text + n->start, n->end - n->start));
        break;
    default:
        break;
    }
    return term_exact(w);
}

// The pieces of a string with code in it: its quotes and its literal text.
static bool is_string_piece(const struct walk *w) {
    const struct node *n = &w->s->nodes[w->at];
    return n->role == ROLE_STRING_PART ||
           (!syntax_named(w->s, w->at) && w->s->nodes[n->parent].role == ROLE_STRING);
}

static uint64_t hash_renamed(const struct syntax *s, uint32_t node) {
    struct names names = {.count = 0};
    struct walk w;
    uint64_t h = 0;
    walk_start(&w, s, node);
    do {
        if (w.depth && is_string_piece(&w))
            continue;
        h = mix(h ^ (term_renamed(&w, &names) + w.depth * D));
    } while (walk_step(&w));
    return h ? h : 1;
}

static uint64_t hash_exact(const struct syntax *s, uint32_t node) {
    struct walk w;
    uint64_t sum = 0, at = 1, deep = 1;
    uint32_t depth = 0;
    walk_start(&w, s, node);
    do {
        for (; depth < w.depth; depth++)
            deep *= D;
        for (; depth > w.depth; depth--)
            deep *= D_INVERSE;
        sum += term_exact(&w) * at * deep;
        at *= B;
    } while (walk_step(&w));
    uint64_t h = mix(sum);
    return h ? h : 1;
}

uint64_t canon_hash(const struct syntax *s, uint32_t node, enum canon_level level) {
    if (node >= s->count || s->nodes[node].role == ROLE_COMMENT)
        return 0;
    return level == CANON_EXACT ? hash_exact(s, node) : hash_renamed(s, node);
}

bool canon_same(const struct syntax *s, uint32_t a, uint32_t b) {
    struct walk x, y;
    if (a == b)
        return true;
    walk_start(&x, s, a);
    walk_start(&y, s, b);
    for (;;) {
        const struct node *m = &s->nodes[x.at], *n = &s->nodes[y.at];
        if (m->symbol != n->symbol || x.depth != y.depth || x.leaf != y.leaf)
            return false;
        uint32_t bytes = m->end - m->start;
        if (x.leaf && (bytes != n->end - n->start ||
                       memcmp(s->text + m->start, s->text + n->start, bytes) != 0))
            return false;
        bool more = walk_step(&x);
        if (more != walk_step(&y))
            return false;
        if (!more)
            return true;
    }
}
