#include "core/store/recall_walk.h"

#include "core/base/mem.h"
#include "core/store/memory_impl.h"

struct leg { // one range of the scope
    struct db_rows *rows;
    struct rank_state at;
    bool loaded;
};
struct walk {
    struct db *db;
    const struct scope *scope;
    struct leg legs[POOL_RANGES_MAX];
    size_t count;
    size_t steps; // left
};

bool rank_passes(const struct rank_state *s, const struct recall_query *q) {
    if (s->state & STATE_FORGOTTEN)
        return false;
    if ((s->state & STATE_SUPERSEDED) && !q->superseded)
        return false;
    if (q->kind >= 0 && (int)(s->state & STATE_KIND) != q->kind)
        return false;
    if (s->expires_ms && s->expires_ms <= q->now_ms)
        return false;
    if (q->since_ms && s->created_ms < q->since_ms)
        return false;
    return !q->until_ms || s->created_ms <= q->until_ms;
}

static int has_label(struct db *db, int64_t label, const struct rank_state *s, struct err *err) {
    int64_t one = 0;
    if (!label)
        return 1;
    return db_one_int(db,
                      "SELECT 1 FROM note_label WHERE label = ?1 AND workspace = ?2 AND "
                      "created_ms = ?3 AND note = ?4",
                      (struct db_value[]){db_int(label), db_int(note_workspace(s->id)),
                                          db_int(s->created_ms), db_int(s->id)},
                      4, &one, err);
}

int scope_has_labels(struct db *db, const struct scope *scope, const struct rank_state *s,
                     struct err *err) {
    int r = has_label(db, scope->labels[0], s, err);
    return r == 1 ? has_label(db, scope->labels[1], s, err) : r;
}

#define RANK "k.id, k.created_ms, k.expires_ms, k.state"
// A second label is looked up in the same statement, before the note's row is: a note without it
// comes out as a row of nulls, so that each counts as a step.
#define LABELLED                                                                                   \
    "SELECT " RANK " FROM note_label AS l JOIN note_rank AS k ON k.id = l.note WHERE l.label = "   \
    "?4 "
#define LABELLED_TWICE                                                                             \
    "SELECT " RANK " FROM note_label AS l LEFT JOIN note_label AS o ON o.label = ?5 AND "          \
    "o.workspace = l.workspace AND o.created_ms = l.created_ms AND o.note = l.note "               \
    "LEFT JOIN note_rank AS k ON k.id = o.note WHERE l.label = ?4 "
#define ANY            "SELECT " RANK " FROM note AS n JOIN note_rank AS k ON k.id = n.id WHERE "
#define LABELS_IN_TIME "AND l.created_ms BETWEEN ?2 AND ?3 ORDER BY l.created_ms DESC, l.note DESC"
#define ANY_IN_TIME    "n.created_ms BETWEEN ?2 AND ?3 ORDER BY n.created_ms DESC, n.id DESC"
// By how many labels are asked for; in one workspace, everywhere.
static const char *const walks[][2] = {
    {ANY "n.workspace = ?1 AND " ANY_IN_TIME, ANY ANY_IN_TIME},
    {LABELLED "AND l.workspace = ?1 " LABELS_IN_TIME, LABELLED LABELS_IN_TIME},
    {LABELLED_TWICE "AND l.workspace = ?1 " LABELS_IN_TIME, LABELLED_TWICE LABELS_IN_TIME}};

int walk_open(struct db *db, const struct scope *scope, size_t steps, struct walk **ret,
              struct err *err) {
    struct walk *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->db = db;
    w->scope = scope;
    w->steps = steps ? steps : SIZE_MAX;
    const struct recall_query *q = scope->query;
    size_t labels = scope->labels[1] ? 2 : scope->labels[0] ? 1 : 0;
    for (size_t i = 0; i < scope->count; i++) {
        int r = db_rows_open(
            db, walks[labels][q->all],
            (struct db_value[]){db_int(note_workspace(scope->ranges[i].first)), db_int(q->since_ms),
                                db_int(q->until_ms ? q->until_ms : INT64_MAX),
                                db_int(scope->labels[0]), db_int(scope->labels[1])},
            3 + labels, &w->legs[i].rows, err);
        if (r < 0) {
            walk_close(w);
            return r;
        }
        w->count++;
    }
    *ret = w;
    return 0;
}

void walk_close(struct walk *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++)
        db_rows_close(w->legs[i].rows);
    mem_free(w);
}

static struct rank_state rank_of(struct db_rows *rows) {
    return (struct rank_state){.id = db_col_int(rows, 0),
                               .created_ms = db_col_int(rows, 1),
                               .expires_ms = db_col_int(rows, 2),
                               .state = (unsigned)db_col_int(rows, 3)};
}

static int leg_load(struct walk *w, struct leg *leg, struct err *err) {
    while (leg->rows && !leg->loaded && w->steps) {
        int r = db_rows_next(leg->rows, err);
        if (r < 0)
            return r;
        if (r == 0) {
            db_rows_close(leg->rows);
            leg->rows = NULL;
            break;
        }
        leg->at = rank_of(leg->rows);
        leg->loaded = leg->at.id && rank_passes(&leg->at, w->scope->query);
        if (!leg->loaded && --w->steps == 0)
            return 0;
    }
    return 0;
}

bool walk_at_end(const struct walk *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->legs[i].rows)
            return false;
    return true;
}

static bool newer(const struct rank_state *a, const struct rank_state *b) {
    return a->created_ms != b->created_ms ? a->created_ms > b->created_ms : a->id > b->id;
}

int walk_next(struct walk *w, int64_t *ret_id, struct err *err) {
    struct leg *best = NULL;
    for (size_t i = 0; i < w->count; i++) {
        struct leg *leg = &w->legs[i];
        int r = leg_load(w, leg, err);
        if (r < 0)
            return r;
        if (leg->loaded && (!best || newer(&leg->at, &best->at)))
            best = leg;
    }
    if (!best)
        return 0;
    *ret_id = best->at.id;
    best->loaded = false;
    return 1;
}

int scope_sees(struct db *db, const struct scope *scope, int64_t id, struct err *err) {
    struct db_rows *rows = NULL;
    struct rank_state s = {0};
    int r = db_rows_open(db, "SELECT " RANK " FROM note_rank AS k WHERE k.id = ?1",
                         (struct db_value[]){db_int(id)}, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r == 1)
        s = rank_of(rows);
    db_rows_close(rows);
    if (r != 1)
        return r;
    return rank_passes(&s, scope->query) ? scope_has_labels(db, scope, &s, err) : 0;
}
