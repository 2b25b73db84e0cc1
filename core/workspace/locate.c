#include "core/workspace/locate.h"

#include "core/base/mem.h"
#include "core/workspace/search_impl.h"

#include <string.h>

enum { FILES_DEFAULT = 10, SYMBOLS_DEFAULT = 20 };

// Names written as code that nothing here defines: worth telling, for the reader may look in vain.
static void note_unknown(const struct search *s, const struct query *q, char *ret, size_t size) {
    size_t n = 0;
    struct place unused;
    ret[0] = '\0';
    for (uint32_t i = 0; i < q->name_count; i++) {
        const struct name_mention *m = &q->names[i];
        bool compound = memchr(m->text, '_', m->n) != NULL;
        if (!m->code || !compound || m->n < 4 || m->n > 80 ||
            snapshot_definitions(s->snapshot, m->text, m->n, &unused, 1) ||
            snapshot_mentions(s->snapshot, m->text, m->n, NULL, 0))
            continue;
        if (n + m->n + 3 > size)
            return;
        if (n) {
            memcpy(ret + n, ", ", 2);
            n += 2;
        }
        memcpy(ret + n, m->text, m->n);
        n += m->n;
        ret[n] = '\0';
    }
}

static void fill_files(const struct search *s, const struct ranking *k, struct locate_result *r,
                       uint32_t max) {
    for (uint32_t i = 0; i < k->file_count && r->file_count < max; i++) {
        const struct ranked_file *f = &k->files[i];
        struct located_file *to = &r->files[r->file_count++];
        const struct fact_symbol *y = search_symbol(s, f->best);
        *to = (struct located_file){.file = f->file, .line = y ? y->line : 1, .score = f->score};
        search_file_reasons(s, k, f, &to->reasons);
    }
}

static void fill_symbols(const struct search *s, const struct ranking *k, struct locate_result *r,
                         uint32_t max) {
    for (uint32_t i = 0; i < k->unit_count && r->symbol_count < max; i++) {
        const struct ranked_unit *u = &k->units[i];
        uint32_t file = s->file_of[u->unit];
        struct located_symbol *to = &r->symbols[r->symbol_count++];
        *to = (struct located_symbol){
            .place = {.file = file, .symbol = u->unit - s->files[file].first - 1},
            .score = u->score};
        search_unit_reasons(s, k, u, &to->reasons);
    }
}

static uint32_t at_most(uint32_t asked, uint32_t usual, uint32_t max) {
    uint32_t n = asked ? asked : usual;
    return n < max ? n : max;
}

static int answer(const struct search *s, const struct locate_want *want, const struct ranking *k,
                  struct locate_result *r, struct err *err) {
    uint32_t files = at_most(want->files, FILES_DEFAULT, LOCATE_FILES_MAX);
    uint32_t symbols = at_most(want->symbols, SYMBOLS_DEFAULT, LOCATE_SYMBOLS_MAX);
    r->files = mem_zalloc(files * sizeof *r->files);
    r->symbols = mem_zalloc(symbols * sizeof *r->symbols);
    if (!r->files || !r->symbols)
        return err_set(err, ERR_NOMEM, "out of memory");
    fill_files(s, k, r, files);
    fill_symbols(s, k, r, symbols);
    r->tests = k->tests;
    r->terms = k->known_terms;
    r->candidates = k->candidates;
    note_unknown(s, &k->query, r->unknown, sizeof r->unknown);
    return 0;
}

int locate(const struct search *s, const struct locate_want *want, struct locate_result **ret,
           struct err *err) {
    struct ranking k;
    struct rank_want rank = {.text = want->text,
                             .bytes = want->bytes,
                             .under = want->under,
                             .tests = want->tests == LOCATE_TESTS_YES,
                             .no_tests = want->tests == LOCATE_TESTS_NO,
                             .no_documents = want->no_documents};
    struct locate_result *r = mem_zalloc(sizeof *r);
    int e = r ? search_rank(s, &rank, &k, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (!r)
        return e;
    if (e == 0)
        e = answer(s, want, &k, r, err);
    ranking_done(&k);
    if (e < 0) {
        locate_free(r);
        return e;
    }
    *ret = r;
    return 0;
}

void locate_free(struct locate_result *r) {
    if (!r)
        return;
    mem_free(r->files);
    mem_free(r->symbols);
    mem_free(r);
}
