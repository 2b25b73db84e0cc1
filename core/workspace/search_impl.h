// Inside of search.h: what search.c prepares, search_query.c reads out of a text and search_rank.c
// makes of both. Only the files search*, locate*, pack*, map* and similar* include this.
#pragma once

#include "core/workspace/search.h"

#include <stdatomic.h>

// A unit is what words are counted for: the head of a file (number `first`) or one of its symbols
// (number `first` + 1 + symbol), which is also what `scope` in the facts counts from.
struct search_file {
    uint32_t first;
    uint32_t units;
    uint32_t words; // all of its words, with repetitions
    float weight;   // of snapshot_file, tests apart
    float churn;    // 0..1 of the greatest
    bool often;     // changes often, beside the others here
    bool test;
    bool code;
};

struct posting { // of a hashed word: which unit (names), file (paths, messages)
    uint64_t word;
    uint32_t id;
    uint32_t count; // paths: 2 = of the file's own name, 1 = of a folder
};
struct postings {
    struct posting *at; // sorted by word, then id
    uint32_t count;
};

struct graph; // search_graph.c

struct search {
    const struct snapshot *snapshot;
    struct search_history history;
    struct search_file *files;
    uint32_t file_count, unit_count;
    uint32_t *file_of;    // [unit_count]
    uint32_t *owner;      // [unit_count] the unit that a nested function's words count for
    uint32_t *unit_words; // [unit_count] of the owner
    float *name_weight;   // [unit_count] information of all words of the name; 0: none
    struct postings names, paths, messages;
    struct postings bases; // of the hash of a file's own name, folded
    float *message_words;  // [file_count]; NULL without a history
    double mean_message_words;
    _Atomic(struct graph *) graph;
    size_t memory;
};

// Equal words, equal hash (FNV-1a, 64 bits); collisions are as rare as they are harmless.
uint64_t search_hash(const char *text, size_t n);
uint64_t search_hash_more(uint64_t h, const char *text, size_t n);
// First posting of the word and how many; 0 = none.
uint32_t postings_find(const struct postings *p, uint64_t word, const struct posting **ret);
void postings_sort(struct postings *p);

static inline const struct fact_symbol *search_symbol(const struct search *s, uint32_t unit) {
    uint32_t f = s->file_of[unit];
    return unit == s->files[f].first
               ? NULL
               : facts_symbol(snapshot_file(s->snapshot, f)->facts, unit - s->files[f].first - 1);
}
static inline const struct facts *search_facts(const struct search *s, uint32_t file) {
    return snapshot_file(s->snapshot, file)->facts;
}
uint64_t search_base_hash(const char *path, size_t n);          // of the last part, letters folded
const char *search_name(const struct search *s, uint32_t unit); // "" for a file's head
bool symbol_is_function(const struct fact_symbol *y);
bool symbol_is_scope(const struct fact_symbol *y); // function or class: words have it as scope

// --- a text -------------------------------------------------------------------------------------

enum { TERM_BYTES_MAX = 40 }; // WORD_BYTES_MAX
struct term {
    uint64_t hash;
    float weight; // from where in the text it stands and how often
    bool title;   // in the first line
    uint8_t n;
    float worth; // weight by how few files have it; what reasons name first
    char word[TERM_BYTES_MAX];
};
struct name_mention { // of a name, as written
    const char *text;
    uint32_t n;
    bool code;      // written as code: in backticks, called, with an underscore …
    bool qualified; // the part before is `before`
    const char *before;
    uint32_t before_n;
};
struct path_mention {
    const char *path;
    uint32_t n;
    uint32_t line;  // 0 = none
    float weight;   // of a stack frame: 1 = where it happened; 0 = no frame
    const char *fn; // function of the frame
    uint32_t fn_n;
};
struct query {
    const char *text; // borrowed
    size_t bytes;
    struct term *terms;
    uint32_t term_count;
    uint16_t *by_worth; // [term_count] set by search_rank
    struct name_mention *names;
    uint32_t name_count;
    struct path_mention *paths;
    uint32_t path_count;
    uint64_t *pairs; // sorted hashes of neighbouring words
    uint32_t pair_count;
    uint32_t words; // of the text, all
    bool tests;     // is about tests
    bool test_word; // has the word in its first line
};
// Borrows from the text while it is used. ERR_NOMEM. `ret` is to be freed whatever happened.
int query_read(const char *text, size_t n, struct query *ret, struct err *err);
void query_done(struct query *q);
// Hashes of pairs of words that follow each other in a line, in order; returns how many, at most
// max.
typedef void pair_fn(void *ctx, uint64_t pair);
void query_pairs(const char *text, size_t n, pair_fn *on_pair, void *ctx);

// --- ranking ------------------------------------------------------------------------------------

enum file_feature {
    FF_BODY,    // BM25 of the whole file
    FF_PATH,    // words of the path
    FF_NAMED,   // the text names the path
    FF_FRAME,   // a stack frame is in it
    FF_BEST,    // best BM25 of its functions
    FF_NAME,    // best match of a definition's name
    FF_TITLE,   // best BM25 with the text's first line alone
    FF_PAIRS,   // best share of pairs of words
    FF_NEAR,    // best neighbour by calls
    FF_MESSAGE, // BM25 of earlier commit messages
    FF_CHURN,
    FF_COUPLED, // changes with what is on top
    FF_WEIGHT,  // logarithm of the file's weight
    FF_COUNT
};
enum unit_feature {
    UF_BODY,
    UF_BODY2, // its square: the best few stand out
    UF_NAME,
    UF_EXACT,
    UF_FRAME,
    UF_PARENT, // name of the class around it
    UF_CALLED, // something found mentions it
    UF_CALLS,  // it calls something found
    UF_TITLE,
    UF_COVER, // share of the text's information that it has at all
    UF_LENGTH,
    UF_PAIRS,
    UF_BRANCHES, // logarithm of the cyclomatic complexity: wrappers delegate, others decide
    UF_FILE,     // the file's logit
    UF_CLASS,
    UF_PLAIN, // neither function nor class: variable, macro, type …
    UF_COUNT
};
struct ranked_file {
    uint32_t file;
    uint32_t best;         // unit that did best in it; its head when none did
    uint32_t coupled_with; // file
    double logit, score;   // score = softmax: sums to 1
    float x[FF_COUNT];
};
struct ranked_unit {
    uint32_t unit;
    double logit, score;
    float x[UF_COUNT];
};
enum { RANK_FILES_MAX = 200, RANK_UNITS_MAX = 600 };
struct ranking {
    struct query query;
    struct ranked_file *files; // best first
    uint32_t file_count;
    struct ranked_unit *units; // best first; no file heads
    uint32_t unit_count;
    uint32_t candidates, known_terms;
    bool tests;
};
struct rank_want {
    const char *text;
    size_t bytes;
    const char *under;
    bool tests;    // count them fully whatever the text says
    bool no_tests; // leave them out
    bool no_documents;
    bool code_only;   // only files with definitions
    bool leave_tests; // tests are not asked for at all unless the text speaks of them
};
int search_rank(const struct search *s, const struct rank_want *want, struct ranking *ret,
                struct err *err); // `ret` is to be freed whatever happened
void ranking_done(struct ranking *r);
const float *search_file_weights(void); // [FF_COUNT]
void search_file_reasons(const struct search *s, const struct ranking *r,
                         const struct ranked_file *f, struct search_reasons *ret);
void search_unit_reasons(const struct search *s, const struct ranking *r,
                         const struct ranked_unit *u, struct search_reasons *ret);
