#include "federation/tag.h"

#include "core/base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    DAYS = 3, // yesterday, today, tomorrow
    CODES = 2,
    SLOTS_MIN = 64
};
#define NO_CODE (-1)

struct friend {
    uint8_t device[HINT_DEVICE_BYTES], secret[TAG_SECRET_BYTES];
    uint8_t tags[DAYS][TAG_BYTES]; // by day modulo DAYS
};
struct code {
    int64_t number;
    uint8_t secret[TAG_SECRET_BYTES];
    uint8_t tags[DAYS][TAG_BYTES];
};
// A slot of `by_tag` holds 0, or 1 + place in tags[] + DAYS * index of the friend; of `by_device`
// 0 or 1 + index.
struct tag_table {
    uint8_t own[HINT_DEVICE_BYTES], local[TAG_SECRET_BYTES];
    int64_t day;
    uint64_t version;
    struct friend *friends;
    uint32_t count, capacity;
    uint32_t *by_tag, *by_device;
    uint32_t slot_count; // of each; power of two, at least 2 * DAYS * capacity
    struct code shown, sought;
};

// Who speaks about a code: the side that shows it, or the one that seeks it.
static const uint8_t shows[HINT_DEVICE_BYTES] = {1}, seeks[HINT_DEVICE_BYTES] = {2};

const char *hint_source_name(enum hint_source s) {
    switch (s) {
    case HINT_BEACON:
        return "beacon";
    case HINT_MDNS:
        return "mdns";
    case HINT_ADDRESS:
        break;
    }
    return "address";
}

static void put_be64(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

static int64_t day_of(int64_t wall_ms) {
    int64_t day = wall_ms / TAG_DAY_MS;
    return day - (wall_ms % TAG_DAY_MS < 0);
}

static int ring(int64_t day) { // its place in tags[]
    return (int)(((day % DAYS) + DAYS) % DAYS);
}

static void hash(uint8_t *ret, size_t ret_bytes, const void *bytes, size_t n, const uint8_t *key) {
    (void)crypto_generichash(ret, ret_bytes, bytes, n, key, key ? TAG_SECRET_BYTES : 0);
}

void tag_derive(const uint8_t secret[TAG_SECRET_BYTES], int64_t day,
                const uint8_t from[HINT_DEVICE_BYTES], struct tag *ret) {
    uint8_t said[16 + 8 + HINT_DEVICE_BYTES] = "paired tag v1";
    uint8_t out[TAG_BYTES + TAG_KEY_BYTES];
    put_be64(said + 16, (uint64_t)day);
    memcpy(said + 24, from, HINT_DEVICE_BYTES);
    hash(out, sizeof out, said, sizeof said, secret);
    memcpy(ret->tag, out, TAG_BYTES);
    memcpy(ret->key, out + TAG_BYTES, TAG_KEY_BYTES);
    sodium_memzero(out, sizeof out);
}

void tag_name(const struct tag_table *t, uint32_t salt, char ret[TAG_NAME_CHARS + 1]) {
    uint8_t said[16 + 8 + 4] = "paired name v1", out[16];
    put_be64(said + 16, (uint64_t)t->day);
    for (int i = 0; i < 4; i++)
        said[24 + i] = (uint8_t)(salt >> (24 - 8 * i));
    hash(out, sizeof out, said, sizeof said, t->local);
    (void)sodium_bin2hex(ret, TAG_NAME_CHARS + 1, out, TAG_NAME_CHARS / 2);
}

// --- the index

// Tags are the output of a hash and keys are points of a curve: any of their bytes will do.
static uint32_t first_slot(const struct tag_table *t, const uint8_t *bytes) {
    uint32_t h;
    memcpy(&h, bytes, sizeof h);
    return h & (t->slot_count - 1);
}

static uint32_t next_slot(const struct tag_table *t, uint32_t at) {
    return (at + 1) & (t->slot_count - 1);
}

static void occupy(const struct tag_table *t, uint32_t *slots, const uint8_t *key, uint32_t value) {
    uint32_t at = first_slot(t, key);
    while (slots[at])
        at = next_slot(t, at);
    slots[at] = value;
}

static void index_one(struct tag_table *t, uint32_t i) {
    const struct friend *f = &t->friends[i];
    occupy(t, t->by_device, f->device, 1 + i);
    for (uint32_t place = 0; place < DAYS; place++)
        occupy(t, t->by_tag, f->tags[place], 1 + i * DAYS + place);
}

static void index_all(struct tag_table *t) {
    if (!t->by_tag)
        return;
    memset(t->by_tag, 0, (size_t)t->slot_count * sizeof *t->by_tag);
    memset(t->by_device, 0, (size_t)t->slot_count * sizeof *t->by_device);
    for (uint32_t i = 0; i < t->count; i++)
        index_one(t, i);
}

// Its index, or `count`.
static uint32_t place_of(const struct tag_table *t, const uint8_t device[HINT_DEVICE_BYTES]) {
    if (t->count == 0)
        return t->count;
    for (uint32_t at = first_slot(t, device); t->by_device[at]; at = next_slot(t, at))
        if (memcmp(t->friends[t->by_device[at] - 1].device, device, HINT_DEVICE_BYTES) == 0)
            return t->by_device[at] - 1;
    return t->count;
}

static void learn_day(struct friend *f, int64_t day) {
    struct tag it;
    tag_derive(f->secret, day, f->device, &it);
    memcpy(f->tags[ring(day)], it.tag, TAG_BYTES);
    sodium_memzero(&it, sizeof it);
}

static void learn_code(const struct tag_table *t, struct code *c, const uint8_t *from) {
    struct tag it;
    if (c->number < 0)
        return;
    for (int64_t day = t->day - 1; day <= t->day + 1; day++) {
        tag_derive(c->secret, day, from, &it);
        memcpy(c->tags[ring(day)], it.tag, TAG_BYTES);
    }
}

// Room for one more. Moved by hand: what is left behind is wiped.
static int grow(struct tag_table *t, struct err *err) {
    if (t->count < t->capacity)
        return 0;
    if (t->count >= TAG_FRIENDS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d paired devices", (int)TAG_FRIENDS_MAX);
    uint32_t capacity = t->capacity ? 2 * t->capacity : 8, slot_count = SLOTS_MIN;
    while (slot_count < 2 * DAYS * capacity)
        slot_count *= 2;
    struct friend *friends = mem_alloc(capacity * sizeof *friends);
    uint32_t *by_tag = mem_alloc(slot_count * sizeof *by_tag);
    uint32_t *by_device = mem_alloc(slot_count * sizeof *by_device);
    if (!friends || !by_tag || !by_device) {
        mem_free(friends);
        mem_free(by_tag);
        mem_free(by_device);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (t->friends) {
        memcpy(friends, t->friends, t->count * sizeof *friends);
        sodium_memzero(t->friends, t->capacity * sizeof *friends);
    }
    mem_free(t->friends);
    mem_free(t->by_tag);
    mem_free(t->by_device);
    t->friends = friends;
    t->capacity = capacity;
    t->by_tag = by_tag;
    t->by_device = by_device;
    t->slot_count = slot_count;
    index_all(t);
    return 0;
}

// --- friends

int tag_table_new(const uint8_t own[HINT_DEVICE_BYTES], const uint8_t local[TAG_SECRET_BYTES],
                  int64_t wall_ms, struct tag_table **ret, struct err *err) {
    struct tag_table *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(t->own, own, sizeof t->own);
    memcpy(t->local, local, sizeof t->local);
    t->day = day_of(wall_ms);
    t->shown.number = t->sought.number = NO_CODE;
    *ret = t;
    return 0;
}

void tag_table_free(struct tag_table *t) {
    if (!t)
        return;
    if (t->friends)
        sodium_memzero(t->friends, t->capacity * sizeof *t->friends);
    mem_free(t->friends);
    mem_free(t->by_tag);
    mem_free(t->by_device);
    sodium_memzero(t, sizeof *t);
    mem_free(t);
}

int tag_table_put(struct tag_table *t, const uint8_t device[HINT_DEVICE_BYTES],
                  const uint8_t secret[TAG_SECRET_BYTES], struct err *err) {
    if (memcmp(device, t->own, sizeof t->own) == 0)
        return err_set(err, ERR_INVAL, "a device is no friend of itself");
    uint32_t i = place_of(t, device);
    bool known = i < t->count;
    int r = known ? 0 : grow(t, err);
    if (r < 0)
        return r;
    struct friend *f = &t->friends[i];
    if (known && sodium_memcmp(f->secret, secret, sizeof f->secret) == 0)
        return 0;
    memcpy(f->device, device, sizeof f->device);
    memcpy(f->secret, secret, sizeof f->secret);
    for (int64_t day = t->day - 1; day <= t->day + 1; day++)
        learn_day(f, day);
    if (known)
        index_all(t);
    else
        index_one(t, i);
    t->count += !known;
    t->version++;
    return 0;
}

void tag_table_remove(struct tag_table *t, const uint8_t device[HINT_DEVICE_BYTES]) {
    uint32_t i = place_of(t, device);
    if (i == t->count)
        return;
    t->count--;
    if (i < t->count)
        t->friends[i] = t->friends[t->count];
    sodium_memzero(&t->friends[t->count], sizeof *t->friends);
    index_all(t);
    t->version++;
}

void tag_table_retain(struct tag_table *t, tag_keep_fn *keep, void *ctx) {
    uint32_t kept = 0, had = t->count;
    for (uint32_t i = 0; i < had; i++)
        if (keep(ctx, t->friends[i].device))
            t->friends[kept++] = t->friends[i];
    if (kept == had)
        return;
    t->count = kept;
    sodium_memzero(&t->friends[kept], (had - kept) * sizeof *t->friends);
    index_all(t);
    t->version++;
}

uint32_t tag_table_friends(const struct tag_table *t) {
    return t->count;
}

static void set_code(struct tag_table *t, struct code *c, int64_t number, const uint8_t *from) {
    uint8_t said[16 + 8] = "paired code v1";
    sodium_memzero(c, sizeof *c);
    c->number = number < 0 ? NO_CODE : number;
    put_be64(said + 16, (uint64_t)c->number);
    hash(c->secret, sizeof c->secret, said, sizeof said, NULL);
    learn_code(t, c, from);
    t->version++;
}

// What is looked for is what the other side says.
void tag_table_show_code(struct tag_table *t, int64_t number) {
    set_code(t, &t->shown, number, seeks);
}

void tag_table_seek_code(struct tag_table *t, int64_t number) {
    set_code(t, &t->sought, number, shows);
}

bool tag_table_pairing(const struct tag_table *t) {
    return t->shown.number >= 0 || t->sought.number >= 0;
}

void tag_table_turn(struct tag_table *t, int64_t wall_ms) {
    int64_t day = day_of(wall_ms), had = t->day;
    if (day == had)
        return;
    t->day = day;
    t->version++;
    for (int64_t each = day - 1; each <= day + 1; each++)
        if (each < had - 1 || each > had + 1)
            for (uint32_t i = 0; i < t->count; i++)
                learn_day(&t->friends[i], each);
    index_all(t);
    learn_code(t, &t->shown, seeks);
    learn_code(t, &t->sought, shows);
}

int64_t tag_table_day(const struct tag_table *t) {
    return t->day;
}

uint64_t tag_table_version(const struct tag_table *t) {
    return t->version;
}

// --- what is announced

uint32_t tag_groups(const struct tag_table *t) {
    if (t->count == 0)
        return tag_table_pairing(t);
    return (t->count + TAG_GROUP_FRIENDS - 1) / TAG_GROUP_FRIENDS;
}

static int ascending(const void *a, const void *b) {
    return memcmp(((const struct tag *)a)->tag, ((const struct tag *)b)->tag, TAG_BYTES);
}

static void filling(const struct tag_table *t, uint32_t number, struct tag *ret) {
    uint8_t from[HINT_DEVICE_BYTES] = "filling";
    put_be64(from + 8, number);
    tag_derive(t->local, t->day, from, ret);
}

void tag_group(const struct tag_table *t, uint32_t group, struct tag ret[TAG_GROUP]) {
    for (uint32_t i = 0; i < TAG_GROUP; i++) {
        uint64_t which = (uint64_t)group * TAG_GROUP_FRIENDS + i;
        if (i == TAG_GROUP_FRIENDS && t->shown.number >= 0)
            tag_derive(t->shown.secret, t->day, shows, &ret[i]);
        else if (i == TAG_GROUP_FRIENDS + 1 && t->sought.number >= 0)
            tag_derive(t->sought.secret, t->day, seeks, &ret[i]);
        else if (i < TAG_GROUP_FRIENDS && which < t->count)
            tag_derive(t->friends[which].secret, t->day, t->own, &ret[i]);
        else
            filling(t, group * TAG_GROUP + i, &ret[i]);
    }
    qsort(ret, TAG_GROUP, sizeof *ret, ascending);
}

// --- what is heard

static int64_t day_at(const struct tag_table *t, int place) {
    int64_t day = t->day - 1;
    while (ring(day) != place)
        day++;
    return day;
}

static bool find_code(const struct tag_table *t, const struct code *c, const uint8_t *from,
                      const uint8_t tag[TAG_BYTES], struct tag_hit *ret) {
    struct tag it;
    for (int place = 0; c->number >= 0 && place < DAYS; place++)
        if (memcmp(c->tags[place], tag, TAG_BYTES) == 0) {
            *ret = (struct tag_hit){.about = from == shows ? HINT_CODE_HERE : HINT_CODE_SOUGHT};
            tag_derive(c->secret, day_at(t, place), from, &it);
            memcpy(ret->key, it.key, sizeof ret->key);
            return true;
        }
    return false;
}

bool tag_find(const struct tag_table *t, const uint8_t tag[TAG_BYTES], struct tag_hit *ret) {
    struct tag it;
    uint32_t at = t->count ? first_slot(t, tag) : 0;
    for (; t->count && t->by_tag[at]; at = next_slot(t, at)) {
        uint32_t i = (t->by_tag[at] - 1) / DAYS, place = (t->by_tag[at] - 1) % DAYS;
        const struct friend *f = &t->friends[i];
        if (memcmp(f->tags[place], tag, TAG_BYTES) != 0)
            continue;
        *ret = (struct tag_hit){.about = HINT_FRIEND, .group = i / TAG_GROUP_FRIENDS};
        memcpy(ret->device, f->device, sizeof ret->device);
        tag_derive(f->secret, day_at(t, (int)place), f->device, &it);
        memcpy(ret->key, it.key, sizeof ret->key);
        return true;
    }
    return find_code(t, &t->shown, seeks, tag, ret) || find_code(t, &t->sought, shows, tag, ret);
}
