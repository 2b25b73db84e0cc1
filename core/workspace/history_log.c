// The list of commits: interned names, growing arrays, order.
#include "core/workspace/history_impl.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 256, ROOM_FIRST = 64 };

static int nomem(struct err *err) {
    return err_set(err, ERR_NOMEM, "out of memory");
}

void log_init(struct log *l, unsigned id_bytes) {
    *l = (struct log){.id_bytes = id_bytes};
    l->paths.max = HISTORY_PATH_BYTES_ALL;
    l->paths.count_max = HISTORY_PATHS_MAX;
    l->people.max = (size_t)HISTORY_AUTHORS_MAX * 2 * (HISTORY_NAME_BYTES_MAX + 1);
    l->people.count_max = HISTORY_AUTHORS_MAX;
}

static void names_done(struct log_names *n) {
    mem_free(n->text);
    mem_free(n->at);
    mem_free(n->slots);
}

void log_done(struct log *l) {
    mem_free(l->commits);
    mem_free(l->changes);
    mem_free(l->links);
    mem_free(l->text);
    mem_free(l->person_names);
    names_done(&l->paths);
    names_done(&l->people);
    *l = (struct log){0};
}

// --- names

const char *log_name(const struct log_names *n, uint32_t i) {
    return n->text + n->at[i];
}

static uint64_t hash_of(const char *s, size_t n) {
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001B3);
    return h ^ h >> 29;
}

static int rehash(struct log_names *n, struct err *err) {
    uint32_t size = n->slots ? (n->mask + 1) * 2 : SLOTS_FIRST;
    uint32_t *slots = mem_zalloc(size * sizeof *slots);
    if (!slots)
        return nomem(err);
    for (uint32_t i = 0; i < n->count; i++) {
        const char *s = log_name(n, i);
        uint32_t at = (uint32_t)hash_of(s, strlen(s)) & (size - 1);
        while (slots[at])
            at = (at + 1) & (size - 1);
        slots[at] = i + 1;
    }
    mem_free(n->slots);
    n->slots = slots;
    n->mask = size - 1;
    return 0;
}

static int grow(void **slot, uint32_t *cap, uint32_t need, uint32_t max, size_t each,
                struct err *err) {
    if (need <= *cap)
        return 0;
    if (need > max)
        return err_set(err, ERR_LIMIT, "the history has more than %u parts of a kind", max);
    uint64_t larger = *cap ? (uint64_t)*cap * 2 : ROOM_FIRST;
    larger = larger < need ? need : larger > max ? max : larger;
    void *fresh = mem_realloc(*slot, (size_t)larger * each);
    if (!fresh)
        return nomem(err);
    *slot = fresh;
    *cap = (uint32_t)larger;
    return 0;
}

static int names_room(struct log_names *n, size_t bytes, struct err *err) {
    if (n->count >= n->count_max || n->used + bytes + 1 > n->max)
        return err_set(err, ERR_LIMIT, "the history names too much");
    if (n->used + bytes + 1 > n->size) {
        size_t size = n->size ? n->size * 2 : 4096;
        while (size < n->used + bytes + 1)
            size *= 2;
        char *fresh = mem_realloc(n->text, size);
        if (!fresh)
            return nomem(err);
        n->text = fresh;
        n->size = size;
    }
    return grow((void **)&n->at, &n->cap, n->count + 1, n->count_max, sizeof *n->at, err);
}

int64_t log_find_name(const struct log_names *n, const char *s) {
    if (!n->slots)
        return -1;
    uint32_t at = (uint32_t)hash_of(s, strlen(s)) & n->mask;
    for (; n->slots[at]; at = (at + 1) & n->mask)
        if (strcmp(log_name(n, n->slots[at] - 1), s) == 0)
            return n->slots[at] - 1;
    return -1;
}

int log_intern(struct log_names *n, const char *s, size_t bytes, uint32_t *ret, struct err *err) {
    if (!n->slots || n->count >= (n->mask + 1) / 2) {
        int r = rehash(n, err);
        if (r < 0)
            return r;
    }
    uint32_t at = (uint32_t)hash_of(s, bytes) & n->mask;
    for (; n->slots[at]; at = (at + 1) & n->mask) {
        const char *there = log_name(n, n->slots[at] - 1);
        if (strncmp(there, s, bytes) == 0 && there[bytes] == '\0') {
            *ret = n->slots[at] - 1;
            return 0;
        }
    }
    int r = names_room(n, bytes, err);
    if (r < 0)
        return r;
    memcpy(n->text + n->used, s, bytes);
    n->text[n->used + bytes] = '\0';
    n->at[n->count] = (uint32_t)n->used;
    n->used += bytes + 1;
    n->slots[at] = ++n->count;
    *ret = n->count - 1;
    return 0;
}

// --- commits

int log_add_commit(struct log *l, struct log_commit **ret, struct err *err) {
    int r = grow((void **)&l->commits, &l->commit_cap, l->commit_count + 1, 2 * HISTORY_COMMITS_MAX,
                 sizeof *l->commits, err);
    if (r < 0)
        return r;
    *ret = &l->commits[l->commit_count++];
    **ret = (struct log_commit){.first_change = l->change_count, .first_link = l->link_count};
    return 0;
}

int log_add_change(struct log *l, struct log_change **ret, struct err *err) {
    int r = grow((void **)&l->changes, &l->change_cap, l->change_count + 1, HISTORY_CHANGES_MAX,
                 sizeof *l->changes, err);
    if (r == 0)
        *ret = &l->changes[l->change_count++];
    return r;
}

int log_add_link(struct log *l, struct log_link **ret, struct err *err) {
    int r = grow((void **)&l->links, &l->link_cap, l->link_count + 1, HISTORY_LINKS_MAX,
                 sizeof *l->links, err);
    if (r == 0) {
        *ret = &l->links[l->link_count++];
        **ret = (struct log_link){.commit = HISTORY_NONE};
    }
    return r;
}

size_t log_cut_text(const char *s, size_t n, size_t max) {
    if (n <= max)
        return n;
    n = max;
    while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
        n--;
    return n ? n : max;
}

static int put_text(struct log *l, const char *s, size_t n, uint32_t *ret, struct err *err) {
    int r = grow((void **)&l->text, &l->text_size, l->text_used + (uint32_t)n + 1,
                 HISTORY_TEXT_BYTES_MAX, 1, err);
    if (r < 0)
        return r;
    memcpy(l->text + l->text_used, s, n);
    l->text[l->text_used + n] = '\0';
    *ret = l->text_used;
    l->text_used += (uint32_t)n + 1;
    return 0;
}

int log_set_subject(struct log *l, struct log_commit *c, const char *s, size_t n, struct err *err) {
    n = log_cut_text(s, n, HISTORY_SUBJECT_BYTES_MAX);
    c->subject_bytes = (uint32_t)n;
    return put_text(l, s, n, &c->subject, err);
}

int log_add_person(struct log *l, const char *address, size_t n, const char *name, uint32_t *ret,
                   struct err *err) {
    uint32_t before = l->people.count, offset;
    int r = grow((void **)&l->person_names, &l->person_cap, before + 1, HISTORY_AUTHORS_MAX + 1,
                 sizeof *l->person_names, err);
    if (r == 0)
        r = log_intern(&l->people, address, n, ret, err);
    if (r < 0 || l->people.count == before)
        return r;
    l->person_names[before] = 0; // in case there is no room for it
    r = put_text(l, name, log_cut_text(name, strlen(name), HISTORY_NAME_BYTES_MAX), &offset, err);
    if (r == 0)
        l->person_names[before] = offset;
    else
        l->people.count--; // the slot stays taken by nobody: the list is given up after this
    return r;
}

static int copy_changes(struct log *l, const struct log *from, const struct log_commit *c,
                        struct err *err) {
    for (uint32_t k = 0; k < c->change_count; k++) {
        const struct log_change *old = &from->changes[c->first_change + k];
        const char *path = log_name(&from->paths, old->path);
        struct log_change *fresh;
        int r = log_add_change(l, &fresh, err);
        if (r < 0)
            return r;
        *fresh = *old;
        r = log_intern(&l->paths, path, strlen(path), &fresh->path, err);
        if (r == 0 && old->from != HISTORY_NONE) {
            path = log_name(&from->paths, old->from);
            r = log_intern(&l->paths, path, strlen(path), &fresh->from, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int log_copy(struct log *l, const struct log *from, uint32_t i, struct err *err) {
    const struct log_commit *old = &from->commits[i];
    struct log_commit *c;
    int r = log_add_commit(l, &c, err);
    if (r < 0)
        return r;
    uint32_t first_change = c->first_change, first_link = c->first_link;
    *c = *old;
    c->first_change = first_change;
    c->first_link = first_link;
    const char *person = log_name(&from->people, old->author);
    const char *name = from->text + from->person_names[old->author];
    if ((r = log_add_person(l, person, strlen(person), name, &c->author, err)) < 0 ||
        (r = log_set_subject(l, c, from->text + old->subject, old->subject_bytes, err)) < 0)
        return r;
    for (uint32_t k = 0; k < old->parent_count + old->has_revert; k++) {
        struct log_link *link;
        if ((r = log_add_link(l, &link, err)) < 0)
            return r;
        memcpy(link->id, from->links[old->first_link + k].id, sizeof link->id);
    }
    return copy_changes(l, from, old, err);
}

struct order {
    int64_t time;
    uint32_t i;
};

static int newer_first(const void *a, const void *b) {
    const struct order *x = a, *y = b;
    return x->time > y->time ? -1 : x->time < y->time ? 1 : x->i < y->i ? -1 : x->i > y->i;
}

int log_sort(struct log *l, uint32_t max, struct err *err) {
    uint32_t n = l->commit_count;
    bool sorted = true;
    l->linked = false;
    for (uint32_t i = 1; i < n; i++)
        sorted = sorted && l->commits[i - 1].time >= l->commits[i].time;
    if (!sorted) {
        AUTO_FREE struct order *order = mem_alloc(n * sizeof *order);
        struct log_commit *fresh = mem_alloc(n * sizeof *fresh);
        if (!order || !fresh) {
            mem_free(fresh);
            return nomem(err);
        }
        for (uint32_t i = 0; i < n; i++)
            order[i] = (struct order){l->commits[i].time, i};
        qsort(order, n, sizeof *order, newer_first);
        for (uint32_t i = 0; i < n; i++)
            fresh[i] = l->commits[order[i].i];
        mem_free(l->commits);
        l->commits = fresh;
        l->commit_cap = n;
    }
    // What the cut commits named stays in the tables until the list is copied or saved.
    l->commit_count = n < max ? n : max;
    return 0;
}

// --- ids

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool log_id_parse(const char *hex, unsigned id_bytes, uint8_t ret[HISTORY_ID_BYTES_MAX]) {
    memset(ret, 0, HISTORY_ID_BYTES_MAX);
    for (unsigned i = 0; i < id_bytes; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);
        if (low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void log_id_format(const uint8_t *id, unsigned id_bytes, char ret[GIT_ID_CHARS_MAX + 1]) {
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < id_bytes; i++) {
        ret[2 * i] = digits[id[i] >> 4];
        ret[2 * i + 1] = digits[id[i] & 15];
    }
    ret[2 * id_bytes] = '\0';
}
