// What search_rank.c works with while it answers one text. Inside of search only.
#pragma once

#include "core/workspace/search_impl.h"

struct file_work {
    float weight; // 0: not asked for
    float body, path, message, named, frame;
    float best, name, title, pairs, near, coupled;
    float logit;
    uint32_t best_unit, coupled_with;
};
struct most { // of the project's own code, by which the others are measured
    float file_body, path, message, body, name, title, cover;
};
struct work {
    const struct search *s;
    const struct rank_want *want;
    struct ranking *r;
    struct file_work *files;
    // by unit
    float *body, *title, *cover, *name, *name_info, *exact, *frame, *called, *calls, *pairs;
    float *tf;    // of the term at hand
    float *block; // all of the above
    uint32_t *touched;
    struct word_hit *hits;
    double *term_info; // of the query's terms, among units
    uint32_t main_files, main_units;
    double mean_file_words, mean_unit_words;
    struct most most;
};

int work_init(struct work *w, const struct search *s, const struct rank_want *want,
              struct ranking *r, struct err *err);
void work_done(struct work *w);
int work_score(struct work *w, struct err *err); // words, names, mentions, paths, messages
int work_near(struct work *w, struct err *err);  // neighbours by calls; fills ranking.units
int work_pairs(struct work *w, struct err *err); // pairs of words in the texts of the best units

static inline bool work_is_main(const struct work *w, uint32_t file) {
    return w->files[file].weight >= .5F && (w->r->tests || !w->s->files[file].test);
}
float unit_name_match(const struct work *w, uint32_t unit);
double unit_first_logit(const struct work *w, uint32_t unit);
bool file_has_any(const struct work *w, uint32_t file);
