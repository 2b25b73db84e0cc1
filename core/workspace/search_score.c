// Counting: which units and files have the text's words, names and paths, and how much that says.
#include "core/workspace/search_score.h"

#include "core/base/mem.h"
#include "core/code/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// BM25: saturation and how much length counts. The usual values, not fitted.
static const double UNIT_K1 = 1.2, UNIT_B = .75, FILE_K1 = 1.2, FILE_B = .6;
// Prose and data answer a question about code less often than code.
static const float DOCUMENT_WEIGHT = .3F, TEST_WEIGHT = .4F, TEST_WORD_WEIGHT = .75F;

enum { UNIT_ARRAYS = 11, DEFINITIONS_MAX = 16 };

static float file_weight(const struct search *s, uint32_t file, const struct rank_want *want,
                         const struct ranking *r) {
    const struct snapshot_file *f = snapshot_file(s->snapshot, file);
    float weight = s->files[file].weight;
    if (want->under && strncmp(f->path, want->under, strlen(want->under)) != 0)
        return 0;
    if (!s->files[file].code) {
        if (want->no_documents || want->code_only)
            return 0;
        weight *= DOCUMENT_WEIGHT;
    } else if (want->code_only && (!f->facts || !f->facts->symbol_count)) {
        return 0;
    }
    if (s->files[file].test && (want->no_tests || (want->leave_tests && !r->tests)))
        return 0;
    if (s->files[file].test)
        weight = r->tests ? 1 : r->query.test_word ? TEST_WORD_WEIGHT : TEST_WEIGHT;
    return weight > .001F ? weight : .001F;
}

// How many units and files are the project's own code, and how long they are.
static void measure(struct work *w) {
    const struct search *s = w->s;
    double file_words = 0, unit_words = 0;
    for (uint32_t i = 0; i < s->file_count; i++) {
        const struct search_file *f = &s->files[i];
        if (!work_is_main(w, i) || !f->words)
            continue;
        w->main_files++;
        file_words += f->words;
        for (uint32_t u = f->first; u < f->first + f->units; u++) {
            w->main_units += s->unit_words[u] > 0;
            unit_words += s->unit_words[u];
        }
    }
    w->mean_file_words = w->main_files ? file_words / w->main_files : 1;
    w->mean_unit_words = w->main_units ? unit_words / w->main_units : 1;
}

int work_init(struct work *w, const struct search *s, const struct rank_want *want,
              struct ranking *r, struct err *err) {
    *w = (struct work){.s = s, .want = want, .r = r};
    size_t units = s->unit_count ? s->unit_count : 1, files = s->file_count ? s->file_count : 1;
    w->files = mem_zalloc(files * sizeof *w->files);
    w->block = mem_zalloc(units * UNIT_ARRAYS * sizeof *w->block);
    w->touched = mem_alloc(units * sizeof *w->touched);
    w->hits = mem_alloc(files * sizeof *w->hits);
    w->term_info = mem_zalloc((r->query.term_count + 1) * sizeof *w->term_info);
    if (!w->files || !w->block || !w->touched || !w->hits || !w->term_info)
        return err_set(err, ERR_NOMEM, "out of memory");
    float **arrays[UNIT_ARRAYS] = {&w->body,      &w->title, &w->cover, &w->name,
                                   &w->name_info, &w->exact, &w->frame, &w->called,
                                   &w->calls,     &w->pairs, &w->tf};
    for (size_t i = 0; i < UNIT_ARRAYS; i++)
        *arrays[i] = w->block + i * units;
    for (uint32_t i = 0; i < s->file_count; i++)
        w->files[i].weight = file_weight(s, i, want, r);
    measure(w);
    return 0;
}

void work_done(struct work *w) {
    mem_free(w->files);
    mem_free(w->block);
    mem_free(w->touched);
    mem_free(w->hits);
    mem_free(w->term_info);
}

static double information(double all, double with) {
    return log(1 + (all > with ? all - with + .5 : .5) / (with + .5));
}

// --- words --------------------------------------------------------------------------------------

struct file_hit {
    uint32_t file, count;
};

// Gathers how often the term stands in each unit (tf, touched) and in one file.
static uint32_t gather(struct work *w, const struct word_hit *hit, uint32_t *touched) {
    const struct facts *facts = search_facts(w->s, hit->file);
    const struct search_file *f = &w->s->files[hit->file];
    uint32_t sum = 0;
    if (!facts || hit->word >= facts->word_count)
        return 0;
    uint32_t name = facts_word(facts, hit->word)->word; // equal words have one place in the pool
    for (uint32_t i = hit->word; i < facts->word_count; i++) {
        const struct fact_word *word = facts_word(facts, i);
        if (word->word != name)
            break;
        if (word->scope >= f->units)
            continue;
        uint32_t unit = w->s->owner[f->first + word->scope];
        if (!(w->tf[unit] > 0))
            w->touched[(*touched)++] = unit;
        w->tf[unit] += word->count;
        sum += word->count;
    }
    return sum;
}

static void score_unit(struct work *w, const struct term *t, uint32_t unit, double info) {
    double tf = (double)w->tf[unit];
    double length = w->s->unit_words[unit] / w->mean_unit_words;
    double v = tf * (UNIT_K1 + 1) / (tf + UNIT_K1 * (1 - UNIT_B + UNIT_B * length));
    w->body[unit] += (float)(v * info * (double)t->weight);
    w->cover[unit] += (float)(info * (double)t->weight);
    if (t->title) // with less regard to length: a title has few words
        w->title[unit] += (float)(info * tf * 2.2 / (tf + 1.2 * (.5 + .5 * length)));
}

static void score_term(struct work *w, uint32_t index) {
    const struct term *t = &w->r->query.terms[index];
    uint32_t max = w->s->file_count, touched = 0, units_with = 0, files_with = 0;
    uint32_t n = snapshot_word(w->s->snapshot, t->word, t->n, w->hits, max);
    if (n > max)
        n = max;
    w->r->known_terms += n > 0;
    w->r->query.terms[index].worth = n ? t->weight / (float)(1 + n) : 0;
    for (uint32_t i = 0; i < n; i++) {
        struct word_hit *hit = &w->hits[i];
        if (!(w->files[hit->file].weight > 0)) {
            hit->word = 0;
            continue;
        }
        hit->word = gather(w, hit, &touched); // from here on: how often
        files_with += work_is_main(w, hit->file) && hit->word;
    }
    for (uint32_t i = 0; i < touched; i++)
        units_with += work_is_main(w, w->s->file_of[w->touched[i]]);
    double info = information(w->main_units, units_with);
    w->term_info[index] = info;
    for (uint32_t i = 0; i < touched; i++) {
        score_unit(w, t, w->touched[i], info);
        w->tf[w->touched[i]] = 0;
    }
    info = information(w->main_files, files_with);
    for (uint32_t i = 0; i < n; i++) {
        double tf = w->hits[i].word, length = w->s->files[w->hits[i].file].words;
        double norm = FILE_K1 * (1 - FILE_B + FILE_B * length / w->mean_file_words);
        if (tf > 0)
            w->files[w->hits[i].file].body +=
                (float)(info * (double)t->weight * tf * (FILE_K1 + 1) / (tf + norm));
    }
}

// --- names, paths, messages ---------------------------------------------------------------------

static void score_names(struct work *w, uint32_t index) {
    const struct term *t = &w->r->query.terms[index];
    const struct posting *p;
    uint32_t n = postings_find(&w->s->names, t->hash, &p);
    float info = (float)log(1 + (double)w->s->unit_count / (n + 1));
    float worth = (float)(w->term_info[index] * (double)t->weight);
    for (uint32_t i = 0; i < n; i++) {
        w->name[p[i].id] += worth;
        w->name_info[p[i].id] += info;
    }
}

// What matched of the name, times how much of the name that is.
float unit_name_match(const struct work *w, uint32_t unit) {
    float all = w->s->name_weight[unit];
    return all > 0 ? w->name[unit] * (w->name_info[unit] / all) : 0;
}

static void score_paths(struct work *w, uint32_t index) {
    const struct term *t = &w->r->query.terms[index];
    const struct posting *p;
    uint32_t n = postings_find(&w->s->paths, t->hash, &p);
    float info = (float)information(w->s->file_count, n) * t->weight;
    for (uint32_t i = 0; i < n; i++)
        w->files[p[i].id].path += info * (p[i].count >= 2 ? 1 : .4F);
}

static void score_messages(struct work *w, uint32_t index) {
    const struct term *t = &w->r->query.terms[index];
    const struct posting *p;
    uint32_t n = postings_find(&w->s->messages, t->hash, &p);
    double info = information(w->s->file_count, n) * (double)t->weight;
    for (uint32_t i = 0; i < n; i++) {
        double tf = p[i].count;
        double length = (double)w->s->message_words[p[i].id] / w->s->mean_message_words;
        w->files[p[i].id].message += (float)(info * tf * 2.2 / (tf + 1.2 * (.25 + .75 * length)));
    }
}

// --- mentions -----------------------------------------------------------------------------------

static bool is_compound(const char *t, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        if (t[i] == '_' || (t[i] >= 'A' && t[i] <= 'Z' && t[i - 1] >= 'a' && t[i - 1] <= 'z'))
            return true;
    return false;
}

static bool same(const char *terminated, const char *t, uint32_t n) {
    return strncmp(terminated, t, n) == 0 && terminated[n] == '\0';
}

// Definitions of the names that the text mentions. One that many files define says little, a word
// of plain English (`render`) less than a compound, `Class.method` all.
static void score_mentions(struct work *w) {
    const struct query *q = &w->r->query;
    struct place at[DEFINITIONS_MAX];
    for (uint32_t i = 0; i < q->name_count; i++) {
        const struct name_mention *m = &q->names[i];
        uint32_t all = snapshot_definitions(w->s->snapshot, m->text, m->n, at, DEFINITIONS_MAX);
        uint32_t n = all < DEFINITIONS_MAX ? all : DEFINITIONS_MAX;
        float v = (float)pow(all ? all : 1, -.7) * (m->code ? 1 : .3F);
        if (!is_compound(m->text, m->n))
            v *= .4F;
        for (uint32_t k = 0; k < n; k++) {
            const struct fact_symbol *y =
                facts_symbol(search_facts(w->s, at[k].file), at[k].symbol);
            uint32_t first = w->s->files[at[k].file].first, unit = first + 1 + at[k].symbol;
            float worth = v;
            if (m->qualified && y->scope &&
                same(search_name(w->s, first + y->scope), m->before, m->before_n))
                worth = 1;
            if (worth > w->exact[unit])
                w->exact[unit] = worth;
        }
    }
}

static bool equal_fold(char a, char b) {
    if (a == '\\')
        a = '/';
    if (a >= 'A' && a <= 'Z')
        a = (char)(a | 0x20);
    if (b >= 'A' && b <= 'Z')
        b = (char)(b | 0x20);
    return a == b;
}

// How many parts of the two paths are equal, from the end.
static uint32_t common_parts(const char *a, size_t n, const char *b) {
    size_t m = strlen(b), i = 0;
    uint32_t parts = 0;
    while (i < n && i < m && equal_fold(a[n - 1 - i], b[m - 1 - i])) {
        i++;
        if ((i == n || a[n - 1 - i] == '/' || a[n - 1 - i] == '\\') &&
            (i == m || b[m - 1 - i] == '/'))
            parts++;
    }
    return parts;
}

// The function that a frame names, else the one around its line.
static uint32_t frame_unit(const struct work *w, uint32_t file, const struct path_mention *m) {
    const struct facts *facts = search_facts(w->s, file);
    uint32_t first = w->s->files[file].first, around = first, named = first;
    for (uint32_t i = 0; facts && i < facts->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(facts, i);
        if (!symbol_is_function(y))
            continue;
        bool inside = y->line <= m->line && m->line <= y->end_line;
        if (m->fn_n && same(facts_text(facts, y->name), m->fn, m->fn_n) &&
            (named == first || inside))
            named = first + 1 + i;
        if (inside)
            around = first + 1 + i;
    }
    return w->s->owner[named != first ? named : around];
}

static void score_path_mention(struct work *w, const struct path_mention *m) {
    const struct posting *p;
    uint32_t n = postings_find(&w->s->bases, search_base_hash(m->path, m->n), &p);
    uint32_t best = 0, equal = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t parts = common_parts(m->path, m->n, snapshot_file(w->s->snapshot, p[i].id)->path);
        equal = parts > best ? 1 : equal + (parts == best);
        best = parts > best ? parts : best;
    }
    if (!best || equal > 3) // "__init__.py", "index.js": which one?
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct file_work *f = &w->files[p[i].id];
        if (common_parts(m->path, m->n, snapshot_file(w->s->snapshot, p[i].id)->path) != best)
            continue;
        f->named = 1;
        if (!(m->weight > 0))
            continue;
        f->frame = f->frame > m->weight ? f->frame : m->weight;
        uint32_t unit = frame_unit(w, p[i].id, m);
        if (unit != w->s->files[p[i].id].first && w->frame[unit] < m->weight)
            w->frame[unit] = m->weight;
    }
}

// --- the whole ----------------------------------------------------------------------------------

static void raise(float *most, float v) {
    if (v > *most)
        *most = v;
}

// The best of each file's units, and the best of all of the project's own.
static void find_best(struct work *w) {
    const struct search *s = w->s;
    for (uint32_t i = 0; i < s->file_count; i++) {
        struct file_work *f = &w->files[i];
        uint32_t first = s->files[i].first, end = first + s->files[i].units;
        bool is_main = work_is_main(w, i);
        float top = -1;
        f->best_unit = first;
        for (uint32_t u = first; u < end && f->weight > 0; u++) {
            float name = unit_name_match(w, u), both = w->body[u] + name + 9 * w->frame[u];
            raise(&f->best, w->body[u]);
            raise(&f->name, name);
            raise(&f->title, w->title[u]);
            if (u != first && both > top && both > 0) {
                top = both;
                f->best_unit = u;
            }
            if (!is_main)
                continue;
            raise(&w->most.name, name);
            raise(&w->most.title, w->title[u]);
            raise(&w->most.body, w->body[u]);
            raise(&w->most.cover, w->cover[u]);
        }
        if (is_main) {
            raise(&w->most.file_body, f->body);
            raise(&w->most.path, f->path);
            raise(&w->most.message, f->message);
        }
    }
}

// When nothing of the project's own matches, what there is measures itself.
static void fill_most(struct work *w) {
    for (uint32_t i = 0; i < w->s->file_count; i++) {
        const struct file_work *f = &w->files[i];
        if (!(f->weight > 0))
            continue;
        if (!(w->most.file_body > 0))
            raise(&w->most.file_body, f->body);
        if (!(w->most.path > 0))
            raise(&w->most.path, f->path);
        if (!(w->most.body > 0))
            raise(&w->most.body, f->best);
        if (!(w->most.name > 0))
            raise(&w->most.name, f->name);
    }
}

bool file_has_any(const struct work *w, uint32_t file) {
    const struct file_work *f = &w->files[file];
    return f->body > 0 || f->path > 0 || f->named > 0 || f->name > 0 || f->message > 0 ||
           f->frame > 0;
}

static int by_worth(const void *a, const void *b, void *ctx) {
    const struct term *terms = ctx;
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    if (terms[x].worth > terms[y].worth || terms[x].worth < terms[y].worth)
        return terms[x].worth > terms[y].worth ? -1 : 1;
    return (x > y) - (x < y);
}

int work_score(struct work *w, struct err *err) {
    (void)err;
    const struct query *q = &w->r->query;
    for (uint32_t i = 0; i < q->term_count; i++) {
        score_term(w, i);
        score_names(w, i);
        score_paths(w, i);
        if (w->s->message_words)
            score_messages(w, i);
    }
    for (uint32_t i = 0; i < q->term_count; i++)
        q->by_worth[i] = (uint16_t)i;
    qsort_r(q->by_worth, q->term_count, sizeof *q->by_worth, by_worth, q->terms);
    score_mentions(w);
    for (uint32_t i = 0; i < q->path_count; i++)
        score_path_mention(w, &q->paths[i]);
    find_best(w);
    fill_most(w);
    return 0;
}
