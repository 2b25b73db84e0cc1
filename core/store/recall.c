// memory_recall: what may be seen, what is worth a look, exact scores, a page cut to its budget.
#include "core/base/mem.h"
#include "core/base/tokens.h"
#include "core/store/memory_impl.h"
#include "core/store/rank_cache.h"
#include "core/store/recall_expand.h"
#include "core/store/recall_score.h"
#include "core/store/recall_walk.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum {
    DOCS_MAX = 192,       // candidates that are scored exactly,
    DOCS_LEAST = 64,      // and so many at least,
    DOCS_EACH = 32,       // and so many more for each concept
    WALK_MAX = 400,       // notes that filters let through, newest first, scored whatever they say
    PASS_MAX = 400,       // candidates that filters keep out, before the search for others ends
    ORDER_FEW = 64,       // so many results are put in order one by one
    PAGE_DEPTH_MAX = 2000 // results of one query with text; paging ends there
};

// --- ranked ids ----------------------------------------------------------------------------------
struct ranked {
    int64_t id;
    double score;
    bool beside; // none of the words are its own
};
struct ranking {
    struct ranked *items;
    size_t count;
    bool more;
};

static bool doc_before(const struct doc *x, const struct doc *y) {
    if (x->score != y->score)
        return x->score > y->score;
    if (x->created_ms != y->created_ms)
        return x->created_ms > y->created_ms;
    return x->id > y->id;
}

static int doc_compare(const void *a, const void *b) {
    const struct doc *x = *(const struct doc *const *)a, *y = *(const struct doc *const *)b;
    return doc_before(x, y) ? -1 : doc_before(y, x);
}

// The first `wanted` in order, which is a page; the others, mostly many more, behind them.
static void docs_order(const struct doc **items, size_t n, size_t wanted) {
    if (wanted > ORDER_FEW || wanted >= n) {
        qsort(items, n, sizeof *items, doc_compare);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const struct doc *d = items[i];
        size_t at = i;
        if (at >= wanted) {
            at = wanted - 1;
            if (!doc_before(d, items[at]))
                continue;
            items[i] = items[at];
        }
        for (; at && doc_before(d, items[at - 1]); at--)
            items[at] = items[at - 1];
        items[at] = d;
    }
}

struct search {
    struct db *db;
    const struct scope *scope;
    struct question *question;
    struct pool pool;
    struct docs docs;
};

// Every note that the query may see, when they are few. *ret_whole: that was possible.
static int load_whole(struct search *s, bool *ret_whole, struct err *err) {
    if (scope_filtered(s->scope))
        return docs_walk(s->db, s->scope, s->question, WALK_MAX, &s->docs, ret_whole, err);
    *ret_whole = s->scope->notes <= POOL_SCAN_MAX;
    return *ret_whole ? docs_scan(s->db, s->scope, s->question, &s->docs, err) : 0;
}

// Words that no note has become beginnings of words; then the notes are read once more.
static int load_expanded(struct search *s, struct err *err) {
    int added = 0;
    for (size_t c = 0; c < s->question->count; c++) {
        int r = s->question->concepts[c].df ? 0 : question_expand(s->db, s->question, c, err);
        if (r < 0)
            return r;
        added += r;
    }
    if (!added)
        return 0;
    docs_done(&s->docs);
    bool whole;
    int r = load_whole(s, &whole, err);
    docs_idf(&s->docs, s->question);
    return r;
}

// With few concepts the candidates differ little, and the newest of them do.
static size_t docs_max(const struct question *q) {
    size_t n = DOCS_LEAST + DOCS_EACH * q->count;
    return n < DOCS_MAX ? n : DOCS_MAX;
}

static int search_load(struct search *s, struct err *err) {
    bool whole = false;
    int r = load_whole(s, &whole, err);
    if (r == 0 && whole) {
        docs_idf(&s->docs, s->question);
        r = load_expanded(s, err);
    } else if (r == 0) {
        r = pool_gather(s->db, s->scope, s->question, &s->pool, err);
        if (r == 0)
            r = docs_load(s->db, s->scope, s->question, &s->pool, docs_max(s->question), &s->docs,
                          err);
    }
    return r < 0 ? r : docs_load_neighbours(s->db, s->scope, s->question, &s->docs, err);
}

// Takes result number `*seen`, if it is on the page. Sets `more` behind the page's end.
static bool ranking_take(struct ranking *ret, const struct recall_query *q, size_t *seen,
                         struct ranked item) {
    size_t at = (*seen)++;
    if (at < q->offset)
        return true;
    ret->more = ret->count == q->limit;
    if (!ret->more)
        ret->items[ret->count++] = item;
    return !ret->more;
}

// Of the notes that were read, those that the filters keep out: how many tells what to expect of
// the candidates behind them.
static size_t kept_out(const struct docs *d) {
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++)
        n += !d->items[i].shown && !d->items[i].spare;
    return n;
}

// Behind the notes that were scored exactly: what else the pool holds, in its order, so that a
// reader who pages on meets no gap and no repetition.
static int rank_rest(struct search *s, double below, size_t seen, struct ranking *ret,
                     struct err *err) {
    double best = s->pool.count ? (double)s->pool.items[0].rough : 1;
    size_t passed_over = kept_out(&s->docs);
    for (size_t i = 0; i < s->pool.count && seen < PAGE_DEPTH_MAX && passed_over < PASS_MAX; i++) {
        if (i == s->pool.ordered)
            pool_order_rest(&s->pool);
        const struct candidate *c = &s->pool.items[i];
        if (docs_find(&s->docs, c->id))
            continue;
        int r = scope_sees(s->db, s->scope, c->id, err);
        if (r < 0)
            return r;
        double score = below * 0.5 * (double)c->rough / (best > 0 ? best : 1);
        passed_over += r == 0;
        if (r == 1 && !ranking_take(ret, s->scope->query, &seen,
                                    (struct ranked){.id = c->id, .score = score}))
            break;
    }
    return 0;
}

static int rank_docs(struct search *s, struct ranking *ret, struct err *err) {
    AUTO_FREE const struct doc **order = mem_alloc((s->docs.count + 1) * sizeof(struct doc *));
    if (!order)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t n = 0, seen = 0;
    for (size_t i = 0; i < s->docs.count; i++)
        if (s->docs.items[i].shown && s->docs.items[i].score > 0) // a spare one has no score
            order[n++] = &s->docs.items[i];
    const struct recall_query *q = s->scope->query;
    docs_order(order, n, q->offset + q->limit + 1); // one more tells whether there are more
    for (size_t i = 0; i < n; i++)
        if (!ranking_take(ret, q, &seen,
                          (struct ranked){.id = order[i]->id,
                                          .score = (double)order[i]->score,
                                          .beside = order[i]->own <= 0}))
            return 0;
    return rank_rest(s, n ? (double)order[n - 1]->score : 1, seen, ret, err);
}

static int rank_by_words(struct db *db, const struct scope *scope, struct ranking *ret,
                         struct err *err) {
    const struct recall_query *q = scope->query;
    AUTO_FREE struct question *question = mem_alloc(sizeof *question);
    if (!question)
        return err_set(err, ERR_NOMEM, "out of memory");
    question_parse(q->text, q->text_bytes, question);
    struct search s = {.db = db, .scope = scope, .question = question};
    int r = question->count ? search_load(&s, err) : 0;
    if (r == 0) {
        r = docs_score(&s.docs, question, q, err);
        if (r == 0)
            r = rank_docs(&s, ret, err);
    }
    docs_done(&s.docs);
    pool_done(&s.pool);
    return r;
}

static int rank_by_time(struct db *db, const struct scope *scope, struct ranking *ret,
                        struct err *err) {
    const struct recall_query *q = scope->query;
    struct walk *walk = NULL;
    int r = walk_open(db, scope, 0, &walk, err);
    int64_t id = 0;
    size_t seen = 0;
    while (r >= 0 && (r = walk_next(walk, &id, err)) == 1)
        if (!ranking_take(ret, q, &seen, (struct ranked){.id = id}))
            break;
    walk_close(walk);
    return r < 0 ? r : 0;
}

// --- the page ------------------------------------------------------------------------------------
static int fetch(struct db *db, const struct ranking *ranking, struct recall_result *out,
                 struct err *err) {
    int64_t wanted[RECALL_LIMIT_MAX];
    const struct db_ids ids = {.items = wanted, .count = ranking->count};
    struct db_rows *rows = NULL;
    for (size_t i = 0; i < ranking->count; i++)
        wanted[i] = ranking->items[i].id;
    int r = db_rows_open(db,
                         "SELECT " NOTE_COLUMNS ", i.place FROM ids(?1) AS i "
                         "CROSS JOIN note AS n ON n.id = i.rowid "
                         "JOIN workspace AS w ON w.id = n.workspace",
                         (struct db_value[]){db_list(&ids)}, 1, &rows, err);
    while (r >= 0 && (r = db_rows_next(rows, err)) == 1) {
        const struct ranked *ranked = &ranking->items[db_col_int(rows, NOTE_COLUMN_COUNT)];
        struct recall_hit *hit = &out->hits[out->count++];
        r = note_from_row(rows, out->arena, &hit->note, err);
        hit->score = ranked->score;
        hit->beside = ranked->beside;
        hit->shown_bytes = hit->note.text_bytes;
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

// The longest texts are cut first: the largest share s such that the sum of min(cost, s) is within
// the budget.
static size_t fair_share(const size_t *costs, size_t n, size_t budget) {
    size_t low = 0, high = budget;
    while (low < high) {
        size_t mid = low + (high - low + 1) / 2, sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += costs[i] < mid ? costs[i] : mid;
        if (sum <= budget)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

// Counting reads of a long note only what the budget could show.
static size_t cost_up_to(const struct note *note, size_t budget) {
    if (note->tokens && tokens_exact())
        return note->tokens <= budget ? note->tokens : budget + 1;
    size_t tokens, end = tokens_count_until(note->text, note->text_bytes, budget, &tokens);
    return end < note->text_bytes ? budget + 1 : tokens;
}

static void cut_to_budget(struct recall_result *out, size_t budget) {
    size_t costs[RECALL_LIMIT_MAX], bytes = 0;
    for (size_t i = 0; i < out->count; i++)
        bytes += out->hits[i].note.text_bytes;
    if (bytes <= budget) // a token has a byte at least
        return;
    for (size_t i = 0; i < out->count; i++)
        costs[i] = cost_up_to(&out->hits[i].note, budget);
    size_t share = fair_share(costs, out->count, budget);
    for (size_t i = 0; i < out->count; i++) {
        struct recall_hit *hit = &out->hits[i];
        hit->tokens = costs[i] <= share ? costs[i] : share;
        if (costs[i] <= share)
            continue;
        hit->shown_bytes = tokens_prefix(hit->note.text, hit->note.text_bytes, share);
        hit->cut = true;
    }
}

static bool is_blank(const char *s, size_t n) {
    while (n && (unsigned char)s[n - 1] <= ' ')
        n--;
    return n == 0;
}

static int recall_page(struct db *db, struct rank_cache *ranks, const struct recall_query *q,
                       struct ranking *ranking, struct recall_result *out, struct err *err) {
    struct scope scope;
    uint64_t epoch = rank_cache_epoch(ranks);
    int r = scope_resolve(db, q, &scope, err); // the snapshot begins here
    if (r == 0 && !(epoch & 1) && rank_cache_epoch(ranks) == epoch) {
        scope.ranks = ranks;
        scope.epoch = epoch;
    }
    if (r == 0)
        r = is_blank(q->text, q->text_bytes) ? rank_by_time(db, &scope, ranking, err)
                                             : rank_by_words(db, &scope, ranking, err);
    if (r == 0)
        r = fetch(db, ranking, out, err);
    out->more = ranking->more;
    return r;
}

int memory_recall(struct db *db, const struct recall_query *q, struct recall_result *ret,
                  struct err *err) {
    if (q->limit > RECALL_LIMIT_MAX)
        return err_set(err, ERR_LIMIT, "recall gives at most %d notes at once", RECALL_LIMIT_MAX);
    struct ranked items[RECALL_LIMIT_MAX];
    struct ranking ranking = {.items = items};
    struct recall_result out = {.arena = note_arena_new(),
                                .hits = mem_zalloc((q->limit + 1) * sizeof *out.hits)};
    // One snapshot for its many small reads; it also saves locking and unlocking for each.
    bool begun = sqlite3_get_autocommit(db_handle(db)) != 0;
    int r = 0;
    if (!out.arena || !out.hits)
        r = err_set(err, ERR_NOMEM, "out of memory");
    else if (begun)
        r = db_begin(db, false, err);
    if (r == 0) {
        // A snapshot of the caller's may be older than anything that is kept.
        r = recall_page(db, begun ? db_companion(db) : NULL, q, &ranking, &out, err);
        if (begun)
            db_rollback(db);
    }
    if (r < 0) {
        recall_result_done(&out);
        return r;
    }
    if (q->token_budget)
        cut_to_budget(&out, q->token_budget);
    *ret = out;
    return 0;
}
