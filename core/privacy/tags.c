#include "core/privacy/tags.h"

#include "core/base/mem.h"
#include "core/crypto/digest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char label[] = "paired tag 1"; // with its zero byte

int64_t tags_epoch(int64_t wall_ms) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    return gmtime_r(&seconds, &tm) ? (int64_t)(tm.tm_year + 1900) * 12 + tm.tm_mon : 0;
}

void tags_make(const uint8_t author[TAGS_KEY_BYTES], const uint8_t reader[TAGS_KEY_BYTES],
               int64_t epoch, const uint8_t id[TAGS_ID_BYTES], uint8_t ret[PAYLOAD_TAG_BYTES]) {
    uint8_t bytes[sizeof label + 2 * TAGS_KEY_BYTES + 8 + TAGS_ID_BYTES];
    uint8_t *at = bytes;
    memcpy(at, label, sizeof label);
    at += sizeof label;
    memcpy(at, author, TAGS_KEY_BYTES);
    at += TAGS_KEY_BYTES;
    memcpy(at, reader, TAGS_KEY_BYTES);
    at += TAGS_KEY_BYTES;
    for (int i = 0; i < 8; i++)
        *at++ = (uint8_t)((uint64_t)epoch >> (8 * (7 - i)));
    memcpy(at, id, TAGS_ID_BYTES);
    digest_bytes(bytes, sizeof bytes, ret, PAYLOAD_TAG_BYTES);
}

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, PAYLOAD_TAG_BYTES);
}

int tags_body(const uint8_t author[TAGS_KEY_BYTES], const uint8_t reader[TAGS_KEY_BYTES],
              int64_t epoch, const uint8_t (*ids)[TAGS_ID_BYTES], uint32_t count, struct buf *out,
              struct err *err) {
    uint32_t n = count < PAYLOAD_TAGS_MAX ? count : PAYLOAD_TAGS_MAX, kept = 0;
    AUTO_FREE uint8_t(*tags)[PAYLOAD_TAG_BYTES] = mem_alloc(((size_t)n + 1) * sizeof *tags);
    AUTO_BUF lines = BUF_INIT(PAYLOAD_BYTES_MAX);
    if (!tags)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        tags_make(author, reader, epoch, ids[i], tags[i]);
    qsort(tags, n, sizeof *tags, by_bytes);
    for (uint32_t i = 0; i < n; i++)
        if (!kept || by_bytes(tags[kept - 1], tags[i]) != 0)
            memmove(tags[kept++], tags[i], sizeof *tags);
    if (payload_put_tags(&lines, (const uint8_t(*)[PAYLOAD_TAG_BYTES])tags, kept) < 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct payload p = {
        .form = PAYLOAD_TAGS, .epoch = epoch, .tags = {lines.data, lines.len}, .tag_count = kept};
    return payload_format(&p, out, err);
}

// ------------------------------------------------------------------------------------ what was
// heard

struct heard {
    uint8_t author[TAGS_KEY_BYTES];
    int64_t epoch;
    uint8_t (*tags)[PAYLOAD_TAG_BYTES]; // ascending
    uint32_t count;
};
struct tags_heard {
    uint8_t reader[TAGS_KEY_BYTES];
    int64_t epoch;
    struct heard *list;
    uint32_t count, capacity;
};

struct tags_heard *tags_heard_new(const uint8_t reader[TAGS_KEY_BYTES], int64_t epoch) {
    struct tags_heard *t = mem_zalloc(sizeof *t);
    if (t) {
        memcpy(t->reader, reader, sizeof t->reader);
        t->epoch = epoch;
    }
    return t;
}

void tags_heard_free(struct tags_heard *t) {
    if (!t)
        return;
    for (uint32_t i = 0; i < t->count; i++)
        mem_free(t->list[i].tags);
    mem_free(t->list);
    mem_free(t);
}

static struct heard *heard_of(struct tags_heard *t, const uint8_t *author, struct err *err) {
    for (uint32_t i = 0; i < t->count; i++)
        if (memcmp(t->list[i].author, author, TAGS_KEY_BYTES) == 0)
            return &t->list[i];
    void *list = t->list;
    int r = mem_grow(&list, t->count, &t->capacity, sizeof *t->list, TAGS_PEERS_MAX);
    t->list = list;
    if (r < 0) {
        (void)err_set(err, r, r == ERR_LIMIT ? "more friends than are counted" : "out of memory");
        return NULL;
    }
    struct heard *h = &t->list[t->count++];
    *h = (struct heard){0};
    memcpy(h->author, author, TAGS_KEY_BYTES);
    return h;
}

int tags_hear(struct tags_heard *t, const uint8_t author[TAGS_KEY_BYTES], const struct payload *p,
              struct err *err) {
    if (p->form != PAYLOAD_TAGS || memcmp(author, t->reader, TAGS_KEY_BYTES) == 0)
        return err_set(err, ERR_INVAL, "not what a friend holds");
    if (p->epoch != t->epoch && p->epoch != t->epoch - 1)
        return err_set(err, ERR_TIMEOUT, "tags of another month");
    uint8_t(*tags)[PAYLOAD_TAG_BYTES] = mem_alloc(((size_t)p->tag_count + 1) * sizeof *tags);
    if (!tags)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < p->tag_count; i++)
        payload_tag(p, i, tags[i]);
    struct heard *h = heard_of(t, author, err);
    if (!h) {
        mem_free(tags);
        return t->count == TAGS_PEERS_MAX ? ERR_LIMIT : ERR_NOMEM;
    }
    if (h->tags && h->epoch > p->epoch) { // an older one that came later
        mem_free(tags);
        return 0;
    }
    mem_free(h->tags);
    h->tags = tags;
    h->count = p->tag_count;
    h->epoch = p->epoch;
    return 0;
}

uint32_t tags_holders(const struct tags_heard *t, const uint8_t id[TAGS_ID_BYTES]) {
    static const uint8_t everyone[TAGS_KEY_BYTES];
    uint32_t holders = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct heard *h = &t->list[i];
        uint8_t mine[PAYLOAD_TAG_BYTES], all[PAYLOAD_TAG_BYTES];
        tags_make(h->author, t->reader, h->epoch, id, mine);
        tags_make(h->author, everyone, h->epoch, id, all);
        holders += h->count && (bsearch(mine, h->tags, h->count, sizeof mine, by_bytes) ||
                                bsearch(all, h->tags, h->count, sizeof all, by_bytes));
    }
    return holders;
}

bool tags_reveal(const struct tags_heard *t, const uint8_t id[TAGS_ID_BYTES]) {
    return tags_holders(t, id) + 1 >= TAGS_K;
}
