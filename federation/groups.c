#include "federation/groups.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "federation/peersdb_impl.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { TAGS_HEX = 2 * GROUPS_MAX * GROUPS_TAG_BYTES };
static const char label[] = "paired group 1"; // with its NUL

// A friend's session, from up to down.
struct member {
    struct groups *groups;
    struct node_session *session;
    struct member *next, **self;
    uint32_t common;                              // bit i: list[i]
    uint8_t theirs[GROUPS_MAX][GROUPS_TAG_BYTES]; // as shown last
    bool shown, changed;                          // `changed`: to be told
};
struct groups {
    struct groups_config config;
    const struct node_service *service;
    struct group list[GROUPS_MAX]; // by name
    uint32_t n;
    struct member *members;
};

void groups_tag(const uint8_t secret[GROUPS_SECRET_BYTES], const uint8_t *binding, bool dialled,
                uint8_t ret[GROUPS_TAG_BYTES]) {
    uint8_t side = dialled;
    crypto_generichash_state h;
    (void)crypto_generichash_init(&h, secret, GROUPS_SECRET_BYTES, GROUPS_TAG_BYTES);
    (void)crypto_generichash_update(&h, (const uint8_t *)label, sizeof label);
    (void)crypto_generichash_update(&h, binding, CHANNEL_BINDING_BYTES);
    (void)crypto_generichash_update(&h, &side, 1);
    (void)crypto_generichash_final(&h, ret, GROUPS_TAG_BYTES);
}

bool groups_name_good(const char *name, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return n > 0 && n <= SCOPE_GROUP_BYTES_MAX && utf_valid(name, n);
}

// --- what is in common with a session ------------------------------------------------------------

static void look(struct member *m) {
    struct link *l = node_session_link(m->session);
    uint32_t before = m->common;
    struct groups *g = m->groups;
    m->common = 0;
    for (uint32_t i = 0; i < g->n && m->shown; i++) {
        uint8_t tag[GROUPS_TAG_BYTES];
        bool found = false; // all are compared: the time says nothing of which
        groups_tag(g->list[i].secret, link_binding(l), !link_outgoing(l), tag);
        for (size_t k = 0; k < GROUPS_MAX; k++)
            found |= sodium_memcmp(tag, m->theirs[k], sizeof tag) == 0;
        m->common |= (uint32_t)found << i;
    }
    for (uint32_t i = 0; i < g->n; i++)
        g->list[i].common += (m->common >> i & 1) - (before >> i & 1);
    m->changed |= m->common != before;
}

// From the beginning after each: what is told may end any session, and its member with it.
static void tell(struct groups *g) {
    struct member *m = g->members;
    while (m) {
        bool changed = m->changed;
        m->changed = false;
        if (changed && g->config.met)
            g->config.met(g->config.ctx, node_session_key(m->session));
        m = changed ? g->members : m->next;
    }
}

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, GROUPS_TAG_BYTES);
}

// Filled up with random ones, in order: neither number nor place says anything.
static json_t *tags_for(struct member *m) {
    struct groups *g = m->groups;
    struct link *l = node_session_link(m->session);
    uint8_t tags[GROUPS_MAX][GROUPS_TAG_BYTES];
    char hex[TAGS_HEX + 1];
    env_random(g->config.env, tags, sizeof tags);
    for (uint32_t i = 0; i < g->n; i++)
        groups_tag(g->list[i].secret, link_binding(l), link_outgoing(l), tags[i]);
    qsort(tags, GROUPS_MAX, GROUPS_TAG_BYTES, by_bytes);
    (void)sodium_bin2hex(hex, sizeof hex, tags[0], sizeof tags);
    return json_pack("{ss}", "tags", hex);
}

static void on_shown(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    (void)ctx, (void)result, (void)error, (void)err; // an older engine has no groups
}

// One without groups, too: its silence would say so.
static void show(struct member *m) {
    json_t *params = tags_for(m);
    if (params)
        (void)link_call(node_session_link(m->session), "group.show", params, GROUPS_CALL_MS,
                        on_shown, NULL, NULL);
}

static void on_show(void *ctx, struct node_session *s, struct rpc_request *req, json_t *params) {
    struct groups *g = ctx;
    struct member *m = node_session_data(s, g->service);
    const json_t *tags = json_object_get(params, "tags");
    const char *hex = json_string_value(tags);
    uint8_t bytes[GROUPS_MAX][GROUPS_TAG_BYTES];
    size_t n = 0;
    if (!hex || json_string_length(tags) != TAGS_HEX ||
        sodium_hex2bin(bytes[0], sizeof bytes, hex, TAGS_HEX, NULL, &n, NULL) != 0 ||
        n != sizeof bytes) {
        rpc_fail(req, JSONRPC_INVALID_PARAMS, "tags: expected 32 tags in hexadecimal", NULL);
        return;
    }
    rpc_reply(req, json_object());
    if (!m)
        return;
    memcpy(m->theirs, bytes, sizeof bytes);
    m->shown = true;
    look(m);
    tell(g);
}

static void on_up(void *ctx, struct node_session *s) {
    struct groups *g = ctx;
    struct member *m = mem_zalloc(sizeof *m);
    if (!m)
        return; // no group is in common
    *m = (struct member){.groups = g, .session = s, .next = g->members, .self = &g->members};
    if (m->next)
        m->next->self = &m->next;
    g->members = m;
    node_session_set_data(s, g->service, m);
    show(m);
}

static void on_down(void *ctx, struct node_session *s, const struct err *why) {
    struct groups *g = ctx;
    struct member *m = node_session_data(s, g->service);
    (void)why;
    if (!m)
        return;
    for (uint32_t i = 0; i < g->n; i++)
        g->list[i].common -= m->common >> i & 1;
    *m->self = m->next;
    if (m->next)
        m->next->self = m->self;
    node_session_set_data(s, g->service, NULL);
    mem_free(m);
}

void groups_service(struct groups *g, struct node_service *ret) {
    static const struct node_method methods[] = {{.name = "group.show", .fn = on_show}, {0}};
    *ret = (struct node_service){.methods = methods, .up = on_up, .down = on_down, .ctx = g};
    g->service = ret;
}

// --- membership ----------------------------------------------------------------------------------

static int load(struct groups *g, struct err *err) {
    struct db_rows *rows = NULL;
    int r = db_rows_open(g->config.peers->db,
                         "SELECT name, secret, since FROM member ORDER BY name LIMIT 32", NULL, 0,
                         &rows, err);
    g->n = 0;
    while (r >= 0 && (r = db_rows_next(rows, err)) > 0) {
        size_t n = 0, k = 0;
        const char *name = db_col_text(rows, 0, &n);
        const void *secret = db_col_blob(rows, 1, &k);
        if (!name || !groups_name_good(name, n) || !secret || k != GROUPS_SECRET_BYTES)
            continue;
        struct group *to = &g->list[g->n++];
        *to = (struct group){.since_ms = db_col_int(rows, 2)};
        memcpy(to->name, name, n);
        memcpy(to->secret, secret, k);
    }
    db_rows_close(rows);
    return r < 0 ? r : 0;
}

// The list has changed: every friend is shown it, and what it has shown looked at again. Bits have
// other meanings now, so that whoever had something in common is told, whatever is left of it.
static int reload(struct groups *g, struct err *err) {
    for (struct member *m = g->members; m; m = m->next) {
        m->changed |= m->common != 0;
        m->common = 0;
    }
    int r = load(g, err);
    for (struct member *m = g->members, *next; m; m = next) {
        next = m->next;
        show(m);
        look(m);
    }
    tell(g);
    return r;
}

int groups_new(const struct groups_config *config, struct groups **ret, struct err *err) {
    struct groups *g = mem_zalloc(sizeof *g);
    if (!g)
        return err_set(err, ERR_NOMEM, "out of memory");
    g->config = *config;
    int r = load(g, err);
    if (r < 0) {
        mem_free(g);
        return r;
    }
    *ret = g;
    return 0;
}

void groups_free(struct groups *g) {
    if (!g)
        return;
    sodium_memzero(g->list, sizeof g->list);
    mem_free(g);
}

static const struct group *find(const struct groups *g, const char *name) {
    for (uint32_t i = 0; i < g->n; i++)
        if (strcmp(g->list[i].name, name) == 0)
            return &g->list[i];
    return NULL;
}

int groups_join(struct groups *g, const char *name, const uint8_t *secret, struct err *err) {
    uint8_t fresh[GROUPS_SECRET_BYTES];
    const struct group *known = find(g, name);
    if (!groups_name_good(name, strlen(name)))
        return err_set(err, ERR_INVAL, "a group's name has 1 to %d bytes of text without spaces",
                       (int)SCOPE_GROUP_BYTES_MAX);
    if (known && secret && memcmp(known->secret, secret, GROUPS_SECRET_BYTES) == 0)
        return 0;
    if (known)
        return err_set(err, ERR_EXISTS, "you are in a group of this name already; leave it first");
    if (g->n == GROUPS_MAX)
        return err_set(err, ERR_LIMIT, "at most %d groups", (int)GROUPS_MAX);
    if (!secret)
        env_random(g->config.env, fresh, sizeof fresh);
    const struct db_value values[] = {db_text(name),
                                      db_blob(secret ? secret : fresh, GROUPS_SECRET_BYTES),
                                      db_int(env_wall_ms(g->config.env))};
    int r =
        db_run(g->config.peers->db, "INSERT INTO member (name, secret, since) VALUES (?1, ?2, ?3)",
               values, COUNT_OF(values), err);
    sodium_memzero(fresh, sizeof fresh);
    return r < 0 ? r : reload(g, err);
}

int groups_leave(struct groups *g, const char *name, struct err *err) {
    const struct db_value value = db_text(name);
    if (!find(g, name))
        return err_set(err, ERR_NOT_FOUND, "you are in no group of this name");
    int r = db_run(g->config.peers->db, "DELETE FROM member WHERE name = ?1", &value, 1, err);
    return r < 0 ? r : reload(g, err);
}

int groups_scope(const struct groups *g, const char *name, struct scope *ret, struct err *err) {
    const struct group *known = find(g, name);
    if (!known)
        return err_set(err, ERR_NOT_FOUND, "you are in no group of this name: paired groups");
    ret->audience = SCOPE_GROUP;
    memcpy(ret->group, known->name, sizeof ret->group);
    memcpy(ret->secret, known->secret, sizeof ret->secret);
    return 0;
}

void groups_each(const struct groups *g, groups_fn *fn, void *ctx) {
    for (uint32_t i = 0; i < g->n; i++)
        fn(ctx, &g->list[i]);
}

void groups_common(const struct groups *g, const uint8_t device[RECORD_KEY_BYTES], groups_fn *fn,
                   void *ctx) {
    for (const struct member *m = g->members; m; m = m->next)
        if (memcmp(node_session_key(m->session), device, RECORD_KEY_BYTES) == 0)
            for (uint32_t i = 0; i < g->n; i++)
                if (m->common >> i & 1)
                    fn(ctx, &g->list[i]);
}
