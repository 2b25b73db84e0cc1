// store.head: four slots of 512 bytes, each nonce[24] | ct[HEAD_TEXT_BYTES] | tag[16] | zeros.
// Slots 0 and 1 take turns for records that were synced before something depended on them, 2 and 3
// for the others: a torn write, or a power cut that lost the unsynced ones, leaves the last durable
// record readable. The newest generation that verifies counts.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
    HEAD_SLOTS = 4,
    HEAD_SLOT_BYTES = 512,
    HEAD_TEXT_BYTES = 8 + FILE_ID_BYTES + HASH_BYTES + 4 + 4 + 8 + 8 + 4 + 4 + 8 + 1 + 1
};
static_assert(SEAL_NONCE_BYTES + HEAD_TEXT_BYTES + SEAL_TAG_BYTES <= HEAD_SLOT_BYTES, "fits");

struct cursor {
    uint8_t *p;
};

static void put(struct cursor *c, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++)
        *c->p++ = (uint8_t)(v >> (8 * i));
}

static uint64_t get(struct cursor *c, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)*c->p++ << (8 * i);
    return v;
}

static void put_bytes(struct cursor *c, const void *bytes, size_t n) {
    memcpy(c->p, bytes, n);
    c->p += n;
}

static void get_bytes(struct cursor *c, void *bytes, size_t n) {
    memcpy(bytes, c->p, n);
    c->p += n;
}

static void head_pack(const struct head *h, uint8_t *out) {
    struct cursor c = {out};
    put(&c, h->generation, 8);
    put_bytes(&c, h->file_id, FILE_ID_BYTES);
    put_bytes(&c, h->rest, HASH_BYTES);
    put(&c, h->limit, 4);
    put(&c, h->except_n, 4);
    put(&c, h->except_salts, 8);
    put(&c, h->salts, 8);
    put(&c, h->n, 4);
    put(&c, h->previous_n, 4);
    put(&c, h->previous_salts, 8);
    put(&c, h->damaged, 1);
    put(&c, h->unknown, 1);
    assert(c.p == out + HEAD_TEXT_BYTES);
}

static void head_unpack(uint8_t *in, struct head *h) {
    struct cursor c = {in};
    h->generation = get(&c, 8);
    get_bytes(&c, h->file_id, FILE_ID_BYTES);
    get_bytes(&c, h->rest, HASH_BYTES);
    h->limit = (uint32_t)get(&c, 4);
    h->except_n = (uint32_t)get(&c, 4);
    h->except_salts = get(&c, 8);
    h->salts = get(&c, 8);
    h->n = (uint32_t)get(&c, 4);
    h->previous_n = (uint32_t)get(&c, 4);
    h->previous_salts = get(&c, 8);
    h->damaged = get(&c, 1) != 0;
    h->unknown = get(&c, 1) != 0;
}

static const uint8_t head_label[4] = {'P', 'D', 'h', '1'};
static const struct seal_aad head_aad = {head_label, sizeof head_label};

int head_open(struct vfs *v, bool create) {
    static const uint8_t empty[HEAD_SLOTS * HEAD_SLOT_BYTES];
    int64_t size = 0;
    if (v->head_fd >= 0)
        return 0;
    int e = os_open(v->head_path, O_RDWR | (create ? O_CREAT : 0), &v->head_fd);
    if (!e && create)
        e = os_size(v->head_fd, &size);
    // At its full size from the start: later writes need no space on a full disk.
    return !e && create && size == 0 ? os_write(v->head_fd, empty, sizeof empty, 0) : e;
}

int head_read(struct vfs *v, struct head *ret, struct err *err) {
    uint8_t file[HEAD_SLOTS * HEAD_SLOT_BYTES] = {0};
    size_t n = 0;
    int e = os_read(v->head_fd, file, sizeof file, 0, &n);
    if (e)
        return err_errno(err, e, "%s cannot be read", v->head_path);
    bool found = false;
    uint64_t newest[2] = {0, 0}; // of the unsynced and the durable slots
    for (size_t i = 0; i < HEAD_SLOTS; i++) {
        uint8_t *slot = file + i * HEAD_SLOT_BYTES;
        uint8_t *text = slot + SEAL_NONCE_BYTES;
        struct head h;
        if (seal_decrypt(v->head_seal, v->head_key, slot, head_aad, text, HEAD_TEXT_BYTES,
                         text + HEAD_TEXT_BYTES, text) < 0)
            continue;
        head_unpack(text, &h);
        if (h.generation >= newest[i < 2]) {
            newest[i < 2] = h.generation;
            v->head_turns[i < 2] = (unsigned)i % 2 + 1; // the next goes into the other one
        }
        if (!found || h.generation > ret->generation)
            *ret = h;
        found = true;
    }
    return found ? 0 : err_set(err, ERR_CORRUPT, "%s is damaged", v->head_path);
}

int head_write(struct vfs *v, bool durable) {
    struct head *h = &v->fresh.head;
    uint8_t slot[HEAD_SLOT_BYTES] = {0}, text[HEAD_TEXT_BYTES];
    if (v->turn_pending)
        return EIO; // the turn fits the present generation
    h->generation++;
    v->head_durable = false;
    head_pack(h, text);
    secret_random(slot, SEAL_NONCE_BYTES);
    if (seal_encrypt(v->head_seal, v->head_key, slot, head_aad, text, sizeof text,
                     slot + SEAL_NONCE_BYTES, slot + SEAL_NONCE_BYTES + sizeof text) < 0)
        return ENOMEM;
    // Taking turns by counters of their own: generations of the two kinds are mixed.
    unsigned *turn = &v->head_turns[durable];
    size_t place = (durable ? 0u : 2u) + (*turn)++ % 2;
    int e = os_write(v->head_fd, slot, sizeof slot, (int64_t)(place * HEAD_SLOT_BYTES));
    if (!e && durable)
        e = os_sync(v->head_fd);
    v->head_durable = !e && durable;
    return e;
}
