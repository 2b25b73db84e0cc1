#include "core/workspace/branches.h"

#include "core/base/wire.h"
#include "core/workspace/branches_impl.h"
#include "core/workspace/derived.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 1024, BRANCH_ID_BYTES = 32, DAY_SECONDS = 86400, GRAPH_VERSION = 1 };

#define NOMEM(e) err_set(e, ERR_NOMEM, "out of memory")

const char *branches_keep(struct branches_box *b, const char *s) {
    if (b->string_count == b->string_cap) {
        uint32_t cap = b->string_cap ? b->string_cap * 2 : 64;
        char **fresh = mem_realloc(b->strings, cap * sizeof *fresh);
        if (!fresh)
            return NULL;
        b->strings = fresh;
        b->string_cap = cap;
    }
    char *copy = mem_strdup(s);
    if (copy)
        b->strings[b->string_count++] = copy;
    return copy;
}

void branches_free(struct branches *pub) {
    struct branches_box *b = (struct branches_box *)pub;
    if (!b)
        return;
    for (uint32_t i = 0; i < b->string_count; i++)
        mem_free(b->strings[i]);
    mem_free(b->strings);
    mem_free(b->pub.list);
    mem_free(b->pub.conflicts);
    mem_free(b);
}

// --- the list

static int take_ref(void *ctx, const struct git_ref *ref, struct err *err) {
    struct branches_box *b = ctx;
    struct branches *p = &b->pub;
    if (p->count >= BRANCHES_MAX || strlen(ref->name) > NAME_BYTES_MAX)
        return 0;
    // The same commit twice: a branch and its copy at the remote. The local one came first.
    for (uint32_t i = 0; ref->remote && i < p->count; i++)
        if (strcmp(p->list[i].id, ref->id) == 0)
            return 0;
    if (p->count == b->branch_cap) {
        uint32_t cap = b->branch_cap ? b->branch_cap * 2 : 32;
        struct branch *fresh = mem_realloc(p->list, cap * sizeof *fresh);
        if (!fresh)
            return NOMEM(err);
        p->list = fresh;
        b->branch_cap = cap;
    }
    struct branch x = {.name = branches_keep(b, ref->name),
                       .id = branches_keep(b, ref->id),
                       .time = ref->time,
                       .remote = ref->remote};
    if (!x.name || !x.id)
        return NOMEM(err);
    p->list[p->count++] = x;
    return 0;
}

static int newest_first(const void *a, const void *b) {
    const struct branch *x = a, *y = b;
    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    return strcmp(x->name, y->name);
}

static const struct branch *named(const struct branches *p, const char *name) {
    for (uint32_t i = 0; i < p->count; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return &p->list[i];
    return NULL;
}

static int choose_base(struct git *g, struct branches *p, const char *asked, struct err *err) {
    static const char *const usual[] = {"main",         "master",        "trunk",
                                        "develop",      "origin/main",   "origin/master",
                                        "origin/trunk", "origin/develop"};
    const struct branch *base = NULL;
    if (asked) {
        int r = git_resolve(g, asked, strlen(asked), p->base_id, err);
        (void)snprintf(p->base_name, sizeof p->base_name, "%s", asked);
        return r;
    }
    for (size_t i = 0; i < COUNT_OF(usual) && !base; i++)
        base = named(p, usual[i]);
    if (!base) {
        const char *branch = git_branch(g);
        (void)snprintf(p->base_name, sizeof p->base_name, "%s", branch ? branch : "HEAD");
        return git_head(g, p->base_id, err);
    }
    (void)snprintf(p->base_name, sizeof p->base_name, "%s", base->name);
    (void)snprintf(p->base_id, sizeof p->base_id, "%s", base->id);
    return 0;
}

// --- compared with the main line

// All commits that the branches reach, in one pass, as a graph in memory: then each branch is a
// walk.
struct node {
    uint8_t id[BRANCH_ID_BYTES];
    int64_t time;
    uint32_t first_parent, parent_count; // in parents
    bool base;                           // the main line reaches it
};
struct graph {
    struct node *nodes;
    uint32_t count, cap;
    uint8_t (*parent_ids)[BRANCH_ID_BYTES];
    uint32_t *parents; // numbers; UINT32_MAX: not read
    uint32_t parent_count, parent_cap;
    uint32_t *slots, mask; // by id; number + 1
    uint32_t *stack, *stamp, mark;
    unsigned id_bytes;
    struct buf line;
};

static void graph_done(struct graph *x) {
    mem_free(x->nodes);
    mem_free(x->parent_ids);
    mem_free(x->parents);
    mem_free(x->slots);
    mem_free(x->stack);
    mem_free(x->stamp);
    buf_done(&x->line);
}

static int room(void **slot, uint32_t *cap, uint32_t count, size_t each, struct err *err) {
    if (count < *cap)
        return 0;
    uint32_t larger = *cap ? *cap * 2 : 1024;
    void *fresh = mem_realloc(*slot, larger * each);
    if (!fresh)
        return NOMEM(err);
    *slot = fresh;
    *cap = larger;
    return 0;
}

static bool parse_id(const struct graph *x, const char *s, uint8_t ret[BRANCH_ID_BYTES]) {
    memset(ret, 0, BRANCH_ID_BYTES);
    for (unsigned i = 0; i < 2 * x->id_bytes; i++) {
        char c = s[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0)
            return false;
        ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | v);
    }
    return true;
}

static void format_id(const struct graph *x, const uint8_t *id, char *ret) {
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < 2 * x->id_bytes; i++)
        ret[i] = digits[i % 2 ? id[i / 2] & 15 : id[i / 2] >> 4];
    ret[2 * x->id_bytes] = '\0';
}

// "<seconds> <id> <parents>"
static int take_node(struct graph *x, const char *line, struct err *err) {
    char *end;
    if (x->count >= BRANCHES_COMMITS_MAX)
        return err_set(err, ERR_LIMIT, "the branches have more than %d commits",
                       BRANCHES_COMMITS_MAX);
    int r = room((void **)&x->nodes, &x->cap, x->count, sizeof *x->nodes, err);
    if (r < 0)
        return r;
    struct node *n = &x->nodes[x->count];
    *n = (struct node){.time = strtoll(line, &end, 10), .first_parent = x->parent_count};
    if (*end != ' ' || strlen(end + 1) < 2 * x->id_bytes || !parse_id(x, end + 1, n->id))
        return err_set(err, ERR_IO, "git's list of commits cannot be read");
    const char *at = end + 1 + 2 * x->id_bytes;
    while (*at == ' ' && strlen(at + 1) >= 2 * x->id_bytes) {
        r = room((void **)&x->parent_ids, &x->parent_cap, x->parent_count, sizeof *x->parent_ids,
                 err);
        if (r < 0)
            return r;
        if (!parse_id(x, at + 1, x->parent_ids[x->parent_count++]))
            return err_set(err, ERR_IO, "git's list of commits cannot be read");
        n->parent_count++;
        at += 1 + 2 * x->id_bytes;
    }
    x->count++;
    return 0;
}

static int take_lines(void *ctx, const char *bytes, size_t n, struct err *err) {
    struct graph *x = ctx;
    for (size_t at = 0; at < n;) {
        const char *stop = memchr(bytes + at, '\n', n - at);
        size_t some = (stop ? (size_t)(stop - bytes) : n) - at;
        if (buf_append(&x->line, bytes + at, some) < 0)
            return err_set(err, ERR_IO, "git's list of commits cannot be read");
        at += some;
        if (!stop)
            break;
        at++;
        int r = x->line.len ? take_node(x, x->line.data, err) : 0;
        if (r < 0)
            return r;
        buf_clear(&x->line);
    }
    return 0;
}

static uint32_t find_node(const struct graph *x, const uint8_t *id) {
    uint32_t at;
    memcpy(&at, id, sizeof at);
    for (at &= x->mask; x->slots[at]; at = (at + 1) & x->mask)
        if (memcmp(x->nodes[x->slots[at] - 1].id, id, BRANCH_ID_BYTES) == 0)
            return x->slots[at] - 1;
    return UINT32_MAX;
}

static int link_graph(struct graph *x, struct err *err) {
    uint32_t slots = 16;
    while (slots < 2 * x->count)
        slots *= 2;
    x->mask = slots - 1;
    x->slots = mem_zalloc(slots * sizeof *x->slots);
    x->parents = mem_alloc((x->parent_count + 1U) * sizeof *x->parents);
    x->stack = mem_alloc((x->count + 1U) * sizeof *x->stack);
    x->stamp = mem_zalloc((x->count + 1U) * sizeof *x->stamp);
    if (!x->slots || !x->parents || !x->stack || !x->stamp)
        return NOMEM(err);
    for (uint32_t i = 0; i < x->count; i++) {
        uint32_t at;
        memcpy(&at, x->nodes[i].id, sizeof at);
        for (at &= x->mask; x->slots[at];)
            at = (at + 1) & x->mask;
        x->slots[at] = i + 1;
    }
    for (uint32_t k = 0; k < x->parent_count; k++)
        x->parents[k] = find_node(x, x->parent_ids[k]);
    return 0;
}

struct reach {
    uint32_t total, of_base; // commits; those that the main line reaches too
    int64_t first;           // time of the oldest that it does not
    uint32_t meeting;        // the newest place where it meets the main line; UINT32_MAX: none
    bool unknown;            // it goes on before what was read
};

static void meet_base(const struct graph *x, struct reach *r, uint32_t at) {
    if (r->meeting == UINT32_MAX || x->nodes[at].time > x->nodes[r->meeting].time)
        r->meeting = at;
}

static struct reach walk(struct graph *x, uint32_t from, bool paint) {
    struct reach r = {.meeting = UINT32_MAX};
    uint32_t depth = 0;
    x->mark++;
    if (from == UINT32_MAX)
        return r;
    x->stack[depth++] = from;
    x->stamp[from] = x->mark;
    while (depth > 0) {
        struct node *n = &x->nodes[x->stack[--depth]];
        n->base |= paint;
        r.total++;
        r.of_base += n->base;
        if (!n->base && (r.first == 0 || n->time < r.first))
            r.first = n->time;
        bool own = !n->base;
        for (uint32_t k = 0; k < n->parent_count; k++) {
            uint32_t parent = x->parents[n->first_parent + k];
            if (parent == UINT32_MAX) {
                r.unknown |= own;
                continue;
            }
            if (own && x->nodes[parent].base)
                meet_base(x, &r, parent);
            if (x->stamp[parent] == x->mark)
                continue;
            x->stamp[parent] = x->mark;
            x->stack[depth++] = parent;
        }
    }
    return r;
}

// After a walk from a branch: has this place of meeting all that the two share behind it?
static bool meets_once(struct graph *x, uint32_t meeting) {
    uint32_t branch = x->mark; // what the branch reaches has this stamp
    uint32_t depth = 0, behind = x->mark + 1;
    x->mark = behind;
    x->stack[depth++] = meeting;
    x->stamp[meeting] = behind;
    while (depth > 0) {
        const struct node *n = &x->nodes[x->stack[--depth]];
        for (uint32_t k = 0; k < n->parent_count; k++) {
            uint32_t parent = x->parents[n->first_parent + k];
            if (parent != UINT32_MAX && x->stamp[parent] != behind) {
                x->stamp[parent] = behind;
                x->stack[depth++] = parent;
            }
        }
    }
    for (uint32_t i = 0; i < x->count; i++)
        if (x->stamp[i] == branch && x->nodes[i].base)
            return false; // the main line's, the branch's, and not behind it
    return true;
}

// `since`: only commits after it; 0: all.
static int read_graph(struct git *g, const struct branches *p, int64_t since, struct graph *x,
                      struct err *err) {
    char age[48];
    (void)snprintf(age, sizeof age, "--max-age=%lld", (long long)(since > 0 ? since : 0));
    const char *const arguments[] = {"rev-list", "--parents", "--timestamp", age, "--stdin", NULL};
    AUTO_BUF tips = BUF_INIT(0);
    (void)buf_printf(&tips, "%s\n", p->base_id);
    for (uint32_t i = 0; i < p->count; i++)
        (void)buf_printf(&tips, "%s\n", p->list[i].id);
    if (tips.failed)
        return NOMEM(err);
    x->id_bytes = git_id_chars(g) / 2;
    x->line = BUF_INIT(64 * 1024);
    struct git_run run = {.arguments = arguments,
                          .input = tips.data,
                          .input_bytes = tips.len,
                          .output = take_lines,
                          .output_ctx = x};
    int r = git_run(g, &run, NULL, err);
    return r < 0 ? r : link_graph(x, err);
}

static bool is_live(const struct branch *b, int64_t now) {
    int64_t age = now > b->time ? now - b->time : 0;
    return b->compared && !b->merged && age < (int64_t)BRANCHES_STALE_DAYS * DAY_SECONDS;
}

static void compare(struct graph *x, const struct branches *p, struct branch *b,
                    const struct reach *base, int64_t now, char meeting[GIT_ID_CHARS_MAX + 1]) {
    uint8_t id[BRANCH_ID_BYTES];
    struct reach r = {0};
    if (strcmp(b->id, p->base_id) == 0) {
        b->compared = b->merged = true;
        return;
    }
    if (parse_id(x, b->id, id))
        r = walk(x, find_node(x, id), false);
    b->compared = r.total > 0 && !r.unknown;
    if (!b->compared)
        return;
    b->ahead = r.total - r.of_base;
    b->behind = base->total - r.of_base;
    b->first = r.first;
    b->merged = b->ahead == 0;
    b->live = is_live(b, now);
    if (b->live && r.meeting != UINT32_MAX && meets_once(x, r.meeting))
        format_id(x, x->nodes[r.meeting].id, meeting);
}

// *ret_whole: the graph was read to its beginning, so that the answer stays the same.
static int compare_by_graph(struct git *g, struct branches *p, int64_t now,
                            struct meeting *meetings, bool *ret_whole, struct err *err) {
    struct graph x = {0};
    uint8_t id[BRANCH_ID_BYTES];
    int r = read_graph(g, p, 0, &x, err);
    *ret_whole = r == 0;
    if (r == ERR_LIMIT) { // a very long history: what goes further back is not compared
        graph_done(&x);
        x = (struct graph){0};
        r = read_graph(g, p, now - (int64_t)BRANCHES_LONG_DAYS * DAY_SECONDS, &x, err);
    }
    if (r == 0 && parse_id(&x, p->base_id, id)) {
        struct reach base = walk(&x, find_node(&x, id), true);
        for (uint32_t i = 0; i < p->count && i < BRANCHES_COMPARED_MAX; i++)
            compare(&x, p, &p->list[i], &base, now, meetings[i].id);
    }
    if (r == ERR_LIMIT)
        r = 0; // nothing is compared
    graph_done(&x);
    return r;
}

// What is compared follows from the commits; only a shallow clone may come to know more of them.
static bool graph_key(struct git *g, const struct branches *p, const struct derived *known,
                      struct derived_key *ret) {
    AUTO_BUF ids = BUF_INIT(0);
    if (!known || (git_traits(g) & (GIT_SHALLOW | GIT_PARTIAL)))
        return false;
    for (uint32_t i = 0; i < p->count && i < BRANCHES_COMPARED_MAX; i++)
        (void)buf_printf(&ids, "%s ", p->list[i].id);
    const struct derived_part parts[] = {DERIVED_TEXT(p->base_id), {ids.data, ids.len}};
    *ret = derived_key(known, DERIVED_GRAPH, GRAPH_VERSION, parts, COUNT_OF(parts));
    return !ids.failed;
}

static void write_compared(const struct branches *p, const struct meeting *meetings,
                           struct buf *ret) {
    for (uint32_t i = 0; i < p->count && i < BRANCHES_COMPARED_MAX; i++) {
        const struct branch *b = &p->list[i];
        wire_put_u32(ret, (b->compared ? 1U : 0U) | (b->merged ? 2U : 0U));
        wire_put_u32(ret, b->ahead);
        wire_put_u32(ret, b->behind);
        wire_put_u64(ret, (uint64_t)b->first);
        wire_put_string(ret, meetings[i].id);
    }
}

static bool take_compared(struct branches *p, struct meeting *meetings, int64_t now,
                          const struct buf *bytes) {
    struct wire w = wire_of(bytes->data, bytes->len);
    for (uint32_t i = 0; i < p->count && i < BRANCHES_COMPARED_MAX; i++) {
        struct branch *b = &p->list[i];
        uint32_t how = wire_u32(&w);
        b->compared = how & 1;
        b->merged = how & 2;
        b->ahead = wire_u32(&w);
        b->behind = wire_u32(&w);
        b->first = (int64_t)wire_u64(&w);
        b->live = is_live(b, now);
        // Where a branch is live now and was not then, git looks for the place itself.
        (void)snprintf(meetings[i].id, sizeof meetings[i].id, "%s", wire_text(&w, NULL));
    }
    return wire_done(&w);
}

static int compare_all(struct git *g, struct branches *p, const struct branches_want *w,
                       struct meeting *meetings, struct err *err) {
    struct derived_key key;
    AUTO_BUF bytes = BUF_INIT(DERIVED_VALUE_BYTES_MAX);
    const char *branch = git_branch(g);
    bool keyed = graph_key(g, p, w->known, &key), whole = false;
    for (uint32_t i = 0; i < p->count; i++)
        p->list[i].head = branch && !p->list[i].remote && strcmp(p->list[i].name, branch) == 0;
    if (keyed && derived_get(w->known, &key, &bytes) && take_compared(p, meetings, w->now, &bytes))
        return 0;
    int r = compare_by_graph(g, p, w->now, meetings, &whole, err);
    if (r == 0 && keyed && whole) {
        buf_clear(&bytes);
        write_compared(p, meetings, &bytes);
        if (!bytes.failed)
            derived_put(w->known, &key, bytes.data, bytes.len);
    }
    return r;
}

int branches_read(struct git *g, const struct branches_want *w, struct branches **ret,
                  struct err *err) {
    struct branches_box *box = mem_zalloc(sizeof *box);
    if (!box)
        return NOMEM(err);
    int r = git_branches(g, take_ref, box, err);
    if (r == 0)
        r = choose_base(g, &box->pub, w->base, err);
    if (box->pub.count > 1)
        qsort(box->pub.list, box->pub.count, sizeof *box->pub.list, newest_first);
    AUTO_FREE struct meeting *meetings = mem_zalloc((box->pub.count + 1U) * sizeof *meetings);
    if (r == 0 && !meetings)
        r = NOMEM(err);
    if (r == 0)
        r = compare_all(g, &box->pub, w, meetings, err);
    if (r == 0 && w->conflicts)
        r = branches_conflicts(g, w, box, meetings, err);
    if (r < 0) {
        branches_free(&box->pub);
        return r;
    }
    *ret = &box->pub;
    return 0;
}
