#include "core/workspace/map.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/workspace/search_graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Vendored, generated and test files; what is in focus restarts the walk this much more often.
static const float LITTLE = .05F;
static const double FOCUS = 50, QUERY = 50;
// With a query, this much of a symbol's score is how well it answers, the rest how much it is used.
static const double QUERY_SHARE = .7;
// What changes often is asked for often.
static const double CHURN = 4;

enum { TOKENS_MIN = 16, FILES_OPEN_MAX = 4096 };

struct mapping {
    const struct search *s;
    const struct map_want *want;
    float *weight;
    double *restart, *rank, *score;
    struct ranking ranking;
};

struct entry {
    double score;
    uint32_t unit;
};

static bool under(const struct mapping *m, uint32_t file) {
    const char *path = snapshot_file(m->s->snapshot, file)->path;
    return !m->want->under || strncmp(path, m->want->under, strlen(m->want->under)) == 0;
}

static void set_weights(struct mapping *m) {
    for (uint32_t i = 0; i < m->s->file_count; i++) {
        const struct search_file *f = &m->s->files[i];
        float w = f->test && !m->want->tests ? LITTLE : f->weight;
        m->weight[i] = !f->code ? LITTLE * LITTLE : w < LITTLE ? LITTLE : w > 1 ? 1 : w;
        m->restart[i] = (double)m->weight[i] * (1 + CHURN * (double)f->churn);
    }
}

static int set_focus(struct mapping *m, struct err *err) {
    const struct map_want *w = m->want;
    uint32_t focus = w->file_count + w->symbol_count;
    for (uint32_t i = 0; i < focus; i++) {
        uint32_t file = i < w->file_count ? w->files[i] : w->symbols[i - w->file_count].file;
        if (file >= m->s->file_count)
            return err_set(err, ERR_INVAL, "a file in focus is not in the workspace");
        m->restart[file] += FOCUS * m->s->file_count / (10 + focus);
    }
    for (uint32_t i = 0; i < m->ranking.file_count; i++)
        m->restart[m->ranking.files[i].file] +=
            QUERY * m->ranking.files[i].score * m->s->file_count / 10;
    double sum = 0;
    for (uint32_t i = 0; i < m->s->file_count; i++)
        sum += m->restart[i];
    for (uint32_t i = 0; sum > 0 && i < m->s->file_count; i++)
        m->restart[i] /= sum;
    return 0;
}

// How much a line about this symbol tells: `__eq__` and what lies inside of a function little.
static double line_share(const struct search *s, uint32_t unit) {
    const struct fact_symbol *y = search_symbol(s, unit);
    if (strncmp(search_name(s, unit), "__", 2) == 0)
        return .1;
    if (y->scope &&
        symbol_is_function(search_symbol(s, s->files[s->file_of[unit]].first + y->scope)))
        return 0;
    switch ((enum symbol_kind)y->kind) {
    case SYMBOL_FUNCTION:
    case SYMBOL_METHOD:
    case SYMBOL_CLASS:
    case SYMBOL_TYPE:
        return y->flags & SYMBOL_DECLARATION ? .5 : 1;
    case SYMBOL_MACRO:
    case SYMBOL_CONSTANT:
    case SYMBOL_VARIABLE:
        return .3;
    default:
        return 0;
    }
}

static void score_symbols(struct mapping *m) {
    const struct search *s = m->s;
    double sum = 0;
    for (uint32_t i = 0; i < s->file_count; i++) {
        uint32_t first = s->files[i].first, units = s->files[i].units;
        // The rest that a file earned for being in focus goes to its own definitions.
        double own = units > 1 ? (1 - .85) * m->restart[i] / (units - 1) : 0;
        m->score[first] = 0;
        for (uint32_t u = first + 1; u < first + units; u++) {
            double k = line_share(s, u) * (double)m->weight[i];
            m->score[u] = under(m, i) ? k * (m->score[u] + own) : 0;
            sum += m->score[u];
        }
    }
    double rest = m->ranking.unit_count ? 1 - QUERY_SHARE : 1, all = 0;
    for (uint32_t u = 0; sum > 0 && u < s->unit_count; u++)
        m->score[u] *= rest / sum;
    for (uint32_t i = 0; i < m->ranking.unit_count; i++)
        if (under(m, s->file_of[m->ranking.units[i].unit]))
            m->score[m->ranking.units[i].unit] += QUERY_SHARE * m->ranking.units[i].score;
    for (uint32_t i = 0; i < m->want->symbol_count; i++) {
        const struct place *p = &m->want->symbols[i];
        if (p->symbol + 1 < s->files[p->file].units)
            m->score[s->files[p->file].first + 1 + p->symbol] += 1;
    }
    for (uint32_t u = 0; u < s->unit_count; u++)
        all += m->score[u];
    for (uint32_t u = 0; all > 0 && u < s->unit_count; u++)
        m->score[u] /= all;
}

// --- lines --------------------------------------------------------------------------------------

struct shown_file {
    uint32_t file;
    double best;
    struct buf text;
    bool read;
};
struct showing {
    struct mapping *m;
    struct shown_file *files;
    uint32_t file_count;
    struct map_line *lines;
    uint32_t line_count;
};

static struct shown_file *show_file(struct showing *w, uint32_t file) {
    for (uint32_t i = 0; i < w->file_count; i++)
        if (w->files[i].file == file)
            return &w->files[i];
    if (w->file_count == FILES_OPEN_MAX)
        return NULL;
    struct shown_file *f = &w->files[w->file_count++];
    *f = (struct shown_file){.file = file, .text = BUF_INIT(INDEX_FILE_BYTES_MAX + 1)};
    f->read = snapshot_text(w->m->s->snapshot, file, &f->text, NULL) == 0;
    return f;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// The signature on one line: blanks become one, what opens the body goes. Without the text, the
// kind and the name.
static void put_line(const struct search *s, const struct shown_file *f, uint32_t unit,
                     struct buf *to) {
    const struct fact_symbol *y = search_symbol(s, unit);
    uint32_t end = y->body > y->start && y->body < y->end ? y->body : y->end;
    size_t start = to->len, cut = 0;
    (void)buf_printf(to, "  %u: ", y->line);
    start = to->len;
    if (!f->read || end > f->text.len) {
        (void)buf_printf(to, "%s %s\n", symbol_kind_name((enum symbol_kind)y->kind),
                         search_name(s, unit));
        return;
    }
    int depth = 0;
    for (uint32_t i = y->start; i < end; i++) {
        char c = f->text.data[i], last = to->data[to->len - 1];
        bool blank = is_blank(c);
        depth += (c == '(' || c == '[') - (c == ')' || c == ']');
        if (c == '\n' && (y->body <= y->start || y->body >= y->end))
            break; // no body: its first line
        if (c == '\n' && depth <= 0 && (last == ':' || last == '{'))
            break; // comments before the body
        if (blank && (to->len == start || is_blank(to->data[to->len - 1])))
            continue;
        if (to->len - start >= MAP_LINE_BYTES_MAX && ((unsigned char)c & 0xC0) != 0x80) {
            cut = 1;
            break;
        }
        (void)buf_putc(to, blank ? ' ' : c);
    }
    while (to->len > start && (is_blank(to->data[to->len - 1]) || to->data[to->len - 1] == '{' ||
                               to->data[to->len - 1] == ':'))
        to->len--;
    (void)buf_puts(to, cut ? "…\n" : "\n");
}

static int by_score(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->score > y->score || x->score < y->score)
        return x->score > y->score ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static int by_file(const void *a, const void *b) {
    const struct shown_file *x = a, *y = b;
    if (x->best > y->best || x->best < y->best)
        return x->best > y->best ? -1 : 1;
    return (x->file > y->file) - (x->file < y->file);
}

static int by_place(const void *a, const void *b) {
    const struct map_line *x = a, *y = b;
    return (x->place.symbol > y->place.symbol) - (x->place.symbol < y->place.symbol);
}

// Takes symbols, best first, while there is room.
static int take(struct showing *w, const struct entry *entries, uint32_t n, uint32_t budget,
                struct code_map *ret, struct err *err) {
    const struct search *s = w->m->s;
    size_t used = 0;
    AUTO_BUF line = BUF_INIT(0);
    for (uint32_t i = 0; i < n && w->line_count < MAP_LINES_MAX; i++) {
        uint32_t file = s->file_of[entries[i].unit], files = w->file_count;
        struct shown_file *f = show_file(w, file);
        if (!f)
            break;
        bool fresh = !(f->best > 0);
        buf_clear(&line);
        if (fresh)
            (void)buf_printf(&line, "%s:\n", snapshot_file(s->snapshot, file)->path);
        put_line(s, f, entries[i].unit, &line);
        if (line.failed)
            return err_set(err, ERR_NOMEM, "out of memory");
        size_t cost = tokens_count(line.data, line.len);
        if (used + cost > budget) {
            if (fresh && w->file_count > files) { // nothing of it is shown
                buf_done(&f->text);
                w->file_count--;
            }
            ret->symbols_left = n - i;
            break;
        }
        used += cost;
        f->best = fresh ? entries[i].score : f->best;
        w->lines[w->line_count++] = (struct map_line){
            .place = {.file = file, .symbol = entries[i].unit - s->files[file].first - 1},
            .score = entries[i].score};
    }
    return 0;
}

static int write_map(struct showing *w, struct code_map *ret, struct err *err) {
    const struct search *s = w->m->s;
    AUTO_BUF text = BUF_INIT(0);
    AUTO_FREE struct map_line *sorted = mem_alloc((w->line_count + 1) * sizeof *sorted);
    uint32_t at = 0;
    if (!sorted)
        return err_set(err, ERR_NOMEM, "out of memory");
    mem_free(ret->text);
    mem_free(ret->lines);
    ret->text = NULL;
    ret->lines = NULL;
    ret->file_count = 0;
    qsort(w->files, w->file_count, sizeof *w->files, by_file);
    for (uint32_t i = 0; i < w->file_count; i++) {
        uint32_t first = at, file = w->files[i].file;
        for (uint32_t k = 0; k < w->line_count; k++)
            if (w->lines[k].place.file == file)
                sorted[at++] = w->lines[k];
        if (at == first)
            continue;
        qsort(sorted + first, at - first, sizeof *sorted, by_place);
        ret->file_count++;
        (void)buf_printf(&text, "%s:\n", snapshot_file(s->snapshot, file)->path);
        for (uint32_t k = first; k < at; k++)
            put_line(s, &w->files[i], s->files[file].first + 1 + sorted[k].place.symbol, &text);
    }
    if (text.failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    ret->tokens = (uint32_t)tokens_count(text.data ? text.data : "", text.len);
    ret->text_bytes = text.len;
    ret->text = text.len ? buf_take(&text) : mem_strdup("");
    if (!ret->text)
        return err_set(err, ERR_NOMEM, "out of memory");
    ret->line_count = w->line_count;
    ret->lines = TAKE(sorted);
    return 0;
}

static int show(struct mapping *m, uint32_t budget, struct code_map *ret, struct err *err) {
    uint32_t n = 0;
    AUTO_FREE struct entry *entries = mem_alloc((m->s->unit_count + 1) * sizeof *entries);
    struct showing w = {.m = m};
    w.files = mem_zalloc(FILES_OPEN_MAX * sizeof *w.files);
    w.lines = mem_alloc(MAP_LINES_MAX * sizeof *w.lines);
    int r = entries && w.files && w.lines ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t u = 0; r == 0 && u < m->s->unit_count; u++)
        if (m->score[u] > 0)
            entries[n++] = (struct entry){.score = m->score[u], .unit = u};
    if (r == 0) {
        qsort(entries, n, sizeof *entries, by_score);
        r = take(&w, entries, n, budget, ret, err);
    }
    if (r == 0)
        r = write_map(&w, ret, err);
    while (r == 0 && ret->tokens > budget && w.line_count) { // counted line by line it was less
        w.line_count--;
        r = write_map(&w, ret, err);
    }
    for (uint32_t i = 0; w.files && i < w.file_count; i++)
        buf_done(&w.files[i].text);
    mem_free(w.files);
    mem_free(w.lines);
    return r;
}

static int rank_all(struct mapping *m, struct err *err) {
    const struct map_want *w = m->want;
    struct rank_want rank = {.text = w->query,
                             .bytes = w->query_bytes,
                             .under = w->under,
                             .tests = w->tests,
                             .code_only = true,
                             .leave_tests = true};
    int r = w->query && w->query_bytes ? search_rank(m->s, &rank, &m->ranking, err) : 0;
    if (r < 0)
        return r;
    const struct graph *g = search_graph(m->s);
    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    set_weights(m);
    r = set_focus(m, err);
    if (r == 0)
        r = graph_rank(m->s, g, m->weight, m->restart, m->rank, m->score, err);
    if (r == 0)
        score_symbols(m);
    return r;
}

int map_make(const struct search *s, const struct map_want *want, struct code_map **ret,
             struct err *err) {
    uint32_t budget = want->tokens ? want->tokens : MAP_TOKENS_DEFAULT;
    if (budget < TOKENS_MIN || budget > MAP_TOKENS_MAX)
        return err_set(err, ERR_INVAL, "a map has %d to %d tokens", TOKENS_MIN, MAP_TOKENS_MAX);
    struct mapping m = {.s = s, .want = want};
    struct code_map *map = mem_zalloc(sizeof *map);
    m.weight = mem_zalloc((s->file_count + 1) * sizeof *m.weight);
    m.restart = mem_zalloc((s->file_count + 1) * sizeof *m.restart);
    m.rank = mem_zalloc((s->file_count + 1) * sizeof *m.rank);
    m.score = mem_zalloc((s->unit_count + 1) * sizeof *m.score);
    int r = map && m.weight && m.restart && m.rank && m.score
                ? rank_all(&m, err)
                : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = show(&m, budget, map, err);
    if (r == 0)
        *ret = TAKE(map);
    ranking_done(&m.ranking);
    mem_free(m.weight);
    mem_free(m.restart);
    mem_free(m.rank);
    mem_free(m.score);
    map_free(map);
    return r;
}

void map_free(struct code_map *m) {
    if (!m)
        return;
    mem_free(m->lines);
    mem_free(m->text);
    mem_free(m);
}
