// Erasing and ageing of what is kept about model backends.
#include "core/base/mem.h"
#include "core/store/audit.h"
#include "core/store/consent.h"
#include "core/store/judgements.h"
#include "core/store/store_impl.h"
#include "core/store/usage.h"

static int run_each(struct db *db, const char *const *statements, const char *workspace,
                    int64_t *erased, struct err *err) {
    const struct db_value of = db_text(workspace);
    for (; *statements; statements++) {
        int r = db_run(db, *statements, &of, workspace ? 1 : 0, err);
        if (r < 0)
            return r;
        *erased += db_changes(db);
    }
    return 0;
}

// The audit's entries stay: they name no workspace without what is deleted here.
static const char *const of_workspace[] = {
    "DELETE FROM usage WHERE workspace = ?1",
    "DELETE FROM budget WHERE workspace = ?1",
    "DELETE FROM judgement WHERE workspace = ?1",
    "DELETE FROM check_rate WHERE workspace = ?1",
    "DELETE FROM consent WHERE scope = ?1",
    "DELETE FROM audit_private WHERE place = (SELECT id FROM audit_place WHERE path = ?1)",
    "DELETE FROM audit_place WHERE path = ?1",
    NULL,
};
static const char *const everything[] = {
    "DELETE FROM usage",
    "DELETE FROM consent",
    "DELETE FROM audit_private",
    "DELETE FROM audit_place",
    "DELETE FROM backend",
    "DELETE FROM backend_model",
    "DELETE FROM blob",
    "DELETE FROM budget",
    "DELETE FROM judgement",
    "DELETE FROM check_rate",
    NULL,
};

int models_erase(struct db *db, const char *workspace, int64_t *erased, struct err *err) {
    return run_each(db, workspace ? of_workspace : everything, workspace, erased, err);
}

// A backup must not bring back a grant, a key or a path that the store has no more; which of them
// that would be is not looked for.
int models_erase_backup(struct db *db, struct err *err) {
    int64_t erased = 0;
    return run_each(db, everything, NULL, &erased, err);
}

struct tidy {
    int64_t now_ms;
    bool more;
};

static int tidy_in(struct db *db, void *ctx, struct buf *result, struct err *err) {
    struct tidy *t = ctx;
    (void)result;
    int r = usage_tidy(db, t->now_ms, err);
    if (r == 0)
        r = consent_tidy(db, t->now_ms, err);
    if (r == 0)
        r = judgements_tidy(db, t->now_ms, err);
    if (r == 0)
        r = audit_tidy(db, AUDIT_ENTRIES_MAX, err);
    t->more = r > 0;
    return r < 0 ? r : 0;
}

int models_tidy(struct store *s, struct err *err) {
    struct tidy t = {.now_ms = s->wall_ms()};
    int r;
    do
        r = writer_write(s->writer, NULL, tidy_in, &t, NULL, NULL, err);
    while (r == 0 && t.more);
    return r;
}
