#include "server/fed_grants.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct grant {
    const char *kind; // of the table of words, static
    enum consent_direction direction;
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    char *workspace; // NULL: any
    int64_t id, expires_ms;
};

struct fed_grants {
    struct store *store;
    uint64_t generation;
    size_t count;
    struct grant *grants; // CONSENT_STANDING_MAX at most, in order of kind, audience, direction
    size_t capacity;
};

// --- loading ------------------------------------------------------------------------------------

static const char *static_kind(const char *kind) {
    const char *known;
    for (size_t i = 0; (known = consent_kind_at(i)) != NULL; i++)
        if (strcmp(known, kind) == 0)
            return known;
    return NULL;
}

static int note(void *ctx, const struct consent_row *row, struct err *err) {
    struct fed_grants *g = ctx;
    const char *kind = row->kind ? static_kind(row->kind) : NULL;
    size_t n = row->audience ? strlen(row->audience) : 0;
    if (!kind || row->asks_again || n > CONSENT_AUDIENCE_BYTES_MAX ||
        consent_audience_check(kind, row->audience, NULL) < 0)
        return 0;
    if (g->count == g->capacity) {
        size_t more = g->capacity ? 2 * g->capacity : 16;
        struct grant *grown = mem_realloc(g->grants, more * sizeof *grown);
        if (!grown)
            return err_set(err, ERR_NOMEM, "out of memory");
        g->grants = grown;
        g->capacity = more;
    }
    struct grant *one = &g->grants[g->count];
    *one = (struct grant){
        .kind = kind, .direction = row->direction, .id = row->id, .expires_ms = row->expires_ms};
    memcpy(one->audience, row->audience, n);
    if (row->workspace && !(one->workspace = mem_strdup(row->workspace)))
        return err_set(err, ERR_NOMEM, "out of memory");
    g->count++;
    return 0;
}

static int compare_key(const char *kind, const char *audience, enum consent_direction direction,
                       const struct grant *g) {
    int c = strcmp(kind, g->kind);
    if (c == 0)
        c = strcmp(audience, g->audience);
    return c ? c : (int)direction - (int)g->direction;
}

static int compare(const void *a, const void *b) {
    const struct grant *x = a, *y = b;
    int c = compare_key(x->kind, x->audience, x->direction, y);
    if (c)
        return c;
    return strcmp(x->workspace ? x->workspace : "", y->workspace ? y->workspace : "");
}

int fed_grants_load(struct store *s, struct fed_grants **ret, struct err *err) {
    struct fed_grants *g = mem_zalloc(sizeof *g);
    struct db *db = NULL;
    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->store = s;
    g->generation = consent_generation(s); // before the snapshot of the store: see consent.c
    int r = store_reader_get(s, &db, err);
    if (r == 0) {
        r = consent_each(db, false, NULL, CONSENT_STANDING_MAX, note, g, err);
        store_reader_put(s, db);
    }
    if (r < 0) {
        fed_grants_free(g);
        return r;
    }
    if (g->count)
        qsort(g->grants, g->count, sizeof *g->grants, compare);
    *ret = g;
    return 0;
}

void fed_grants_free(struct fed_grants *g) {
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        mem_free(g->grants[i].workspace);
    mem_free(g->grants);
    mem_free(g);
}

// --- asking -------------------------------------------------------------------------------------

// The first that is not before the key.
static size_t seek(const struct fed_grants *g, const char *kind, const char *audience,
                   enum consent_direction direction) {
    size_t low = 0, high = g->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(kind, audience, direction, &g->grants[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands(const struct fed_grants *g, const struct grant *one, int64_t now_ms,
                   struct consent_pass *ret) {
    *ret = (struct consent_pass){one->id, one->expires_ms, g->generation};
    return consent_stands(g->store, ret, now_ms);
}

static bool lasts_longer(const struct consent_pass *a, const struct consent_pass *b) {
    return b->expires_ms && (!a->expires_ms || a->expires_ms > b->expires_ms);
}

// `whichever`: any workspace's will do, else that of `workspace` or one for any.
static int ask(const struct fed_grants *g, const struct consent_what *what, bool whichever,
               int64_t now_ms, struct consent_pass *ret, struct err *err) {
    struct consent_pass best = {0}, pass;
    for (size_t i = g ? seek(g, what->kind, what->audience, what->direction) : 0;
         g && i < g->count &&
         compare_key(what->kind, what->audience, what->direction, &g->grants[i]) == 0;
         i++) {
        const struct grant *one = &g->grants[i];
        bool fits = whichever || !one->workspace ||
                    (what->workspace && strcmp(one->workspace, what->workspace) == 0);
        if (fits && stands(g, one, now_ms, &pass) && (!best.grant || lasts_longer(&pass, &best)))
            best = pass;
    }
    if (!best.grant)
        return err_set(err, ERR_PERM, "no grant for %s, %s, %s: paired consent grant %s %s --%s",
                       what->kind, consent_direction_name(what->direction), what->audience,
                       what->kind, what->audience, consent_direction_name(what->direction));
    *ret = best;
    return 0;
}

int fed_grants_allow(const struct fed_grants *g, const struct consent_what *what, int64_t now_ms,
                     struct consent_pass *ret, struct err *err) {
    return ask(g, what, false, now_ms, ret, err);
}

int fed_grants_open(const struct fed_grants *g, const char *kind, const char *audience,
                    enum consent_direction direction, int64_t now_ms, struct consent_pass *ret,
                    struct err *err) {
    const struct consent_what what = {kind, audience, direction, NULL};
    return ask(g, &what, true, now_ms, ret, err);
}

bool fed_grants_current(const struct fed_grants *g) {
    const struct consent_pass any = {.grant = 1, .generation = g ? g->generation : 0};
    return g && consent_stands(g->store, &any, 0);
}

// --- scopes -------------------------------------------------------------------------------------

bool fed_grants_audience(const struct scope *scope, const uint8_t own[RECORD_KEY_BYTES],
                         char audience[CONSENT_AUDIENCE_BYTES_MAX + 1], bool ret_way[2]) {
    ret_way[CONSENT_OUT] = ret_way[CONSENT_IN] = true;
    if (scope->audience == SCOPE_FRIEND) {
        bool ours = memcmp(scope->author, own, RECORD_KEY_BYTES) == 0;
        bool theirs = memcmp(scope->reader, own, RECORD_KEY_BYTES) == 0;
        if (ours == theirs) // of two others, or of ourselves for ourselves
            return false;
        ret_way[CONSENT_OUT] = ours;
        ret_way[CONSENT_IN] = theirs;
        consent_friend(ours ? scope->reader : scope->author, audience);
        return true;
    }
    size_t n = strnlen(scope->group, sizeof scope->group);
    if (scope->audience == SCOPE_EVERYONE) {
        memcpy(audience, CONSENT_EVERYONE, sizeof CONSENT_EVERYONE);
        return true;
    }
    if (scope->audience != SCOPE_GROUP || !n || n > SCOPE_GROUP_BYTES_MAX)
        return false;
    memcpy(audience, CONSENT_GROUP, sizeof CONSENT_GROUP);
    memcpy(audience + sizeof CONSENT_GROUP - 1, scope->group, n);
    audience[sizeof CONSENT_GROUP - 1 + n] = '\0';
    return true;
}

unsigned fed_grants_scope(const struct fed_grants *g, const struct scope *scope,
                          const uint8_t own[RECORD_KEY_BYTES], int64_t now_ms) {
    // What is sent may be answered by receipts, what is received taken back by its author.
    static const unsigned bits[] = {[CONSENT_OUT] = SYNC_SEND | SYNC_RECEIVE_ORDERS,
                                    [CONSENT_IN] = SYNC_RECEIVE | SYNC_SEND_ORDERS};
    const char *kind = record_kind_name((unsigned)scope->kind);
    char audience[CONSENT_AUDIENCE_BYTES_MAX + 1];
    struct consent_pass pass;
    bool way[2];
    unsigned found = 0;
    if (!kind || !consent_kind_federated(kind) || !fed_grants_audience(scope, own, audience, way))
        return 0;
    for (int d = 0; d < CONSENT_DIRECTIONS; d++)
        if (way[d] &&
            fed_grants_open(g, kind, audience, (enum consent_direction)d, now_ms, &pass, NULL) == 0)
            found |= bits[d];
    if (found && scope->audience != SCOPE_FRIEND) // all write in it: both kinds go both ways
        found |= SYNC_SEND_ORDERS | SYNC_RECEIVE_ORDERS;
    return found;
}

int fed_grants_each(const struct fed_grants *g, int64_t now_ms, fed_grants_fn *fn, void *ctx) {
    const struct grant *last = NULL; // that was told
    struct consent_pass pass;
    int r = 0;
    for (size_t i = 0; g && r == 0 && i < g->count; i++) {
        const struct grant *one = &g->grants[i];
        if ((last && compare_key(one->kind, one->audience, one->direction, last) == 0) ||
            !stands(g, one, now_ms, &pass))
            continue;
        last = one;
        r = fn(ctx, one->kind, one->audience, one->direction);
    }
    return r;
}
