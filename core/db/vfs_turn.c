#include "core/db/vfs_turn.h"

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    TURN_TEXT_BYTES = 8 + 4 + HASH_BYTES + HASH_BYTES,
    TURN_HEADER_BYTES = SEAL_NONCE_BYTES + TURN_TEXT_BYTES + SEAL_TAG_BYTES
};
static_assert(sizeof(struct turn_page) == 4 + PAGE_BYTES, "as in the file");

static const uint8_t turn_label[4] = {'P', 'D', 't', '1'};

uint32_t turn_pgno(const struct turn_page *p) {
    return (uint32_t)p->pgno[0] | (uint32_t)p->pgno[1] << 8 | (uint32_t)p->pgno[2] << 16 |
           (uint32_t)p->pgno[3] << 24;
}

void turn_set_pgno(struct turn_page *p, uint32_t pgno) {
    for (size_t i = 0; i < 4; i++)
        p->pgno[i] = (uint8_t)(pgno >> (8 * i));
}

static void hash_pages(const struct vfs *v, const struct turn *t, uint8_t out[HASH_BYTES]) {
    crypto_generichash_state state = *v->hash_start;
    (void)crypto_generichash_update(&state, turn_label, sizeof turn_label);
    (void)crypto_generichash_update(&state, (const uint8_t *)t->pages,
                                    t->count * sizeof t->pages[0]);
    (void)crypto_generichash_final(&state, out, HASH_BYTES);
}

int turn_write(struct vfs *v, const struct turn *t, const uint8_t rest[HASH_BYTES]) {
    uint8_t text[TURN_TEXT_BYTES], header[TURN_HEADER_BYTES];
    int fd = -1;
    for (size_t i = 0; i < 8; i++)
        text[i] = (uint8_t)(v->fresh.head.generation >> (8 * i));
    for (size_t i = 0; i < 4; i++)
        text[8 + i] = (uint8_t)(t->count >> (8 * i));
    memcpy(text + 12, rest, HASH_BYTES);
    hash_pages(v, t, text + 12 + HASH_BYTES);
    secret_random(header, SEAL_NONCE_BYTES);
    if (seal_encrypt(v->head_seal, v->head_key, header,
                     (struct seal_aad){turn_label, sizeof turn_label}, text, sizeof text,
                     header + SEAL_NONCE_BYTES, header + SEAL_NONCE_BYTES + TURN_TEXT_BYTES) < 0)
        return ENOMEM;
    bool there = access(v->turn_path, F_OK) == 0;
    int e = os_open(v->turn_path, O_RDWR | O_CREAT, &fd);
    if (!e)
        e = os_write(fd, header, sizeof header, 0);
    if (!e)
        e = os_write(fd, t->pages, t->count * sizeof t->pages[0], TURN_HEADER_BYTES);
    if (!e)
        e = os_sync(fd);
    if (!e && !there)
        e = os_sync_dir_of(v->turn_path);
    if (fd >= 0)
        (void)close(fd);
    return e;
}

int turn_clear(struct vfs *v) {
    return os_unlink(v->turn_path);
}

// 1: a whole record in *t, 0: none or a torn one.
static int turn_read(struct vfs *v, struct turn *t, uint64_t *ret_generation,
                     uint8_t rest[HASH_BYTES], int *ret_errno) {
    uint8_t header[TURN_HEADER_BYTES], text[TURN_TEXT_BYTES], hash[HASH_BYTES];
    int fd = -1;
    size_t n = 0;
    int e = os_open(v->turn_path, O_RDONLY, &fd);
    if (!e)
        e = os_read(fd, header, sizeof header, 0, &n);
    bool good =
        !e && n == sizeof header &&
        seal_decrypt(v->head_seal, v->head_key, header,
                     (struct seal_aad){turn_label, sizeof turn_label}, header + SEAL_NONCE_BYTES,
                     TURN_TEXT_BYTES, header + SEAL_NONCE_BYTES + TURN_TEXT_BYTES, text) == 0;
    uint64_t count = 0;
    *ret_generation = 0;
    for (size_t i = 0; good && i < 8; i++)
        *ret_generation |= (uint64_t)text[i] << (8 * i);
    for (size_t i = 0; good && i < 4; i++)
        count |= (uint64_t)text[8 + i] << (8 * i);
    good = good && count >= 1 && count <= TURN_PAGES_MAX;
    if (good) {
        t->count = (uint32_t)count;
        e = os_read(fd, t->pages, t->count * sizeof t->pages[0], TURN_HEADER_BYTES, &n);
        good = !e && n == t->count * sizeof t->pages[0];
    }
    if (good) {
        hash_pages(v, t, hash);
        good = memcmp(hash, text + 12 + HASH_BYTES, HASH_BYTES) == 0;
        memcpy(rest, text + 12, HASH_BYTES);
    }
    if (fd >= 0)
        (void)close(fd);
    *ret_errno = e == ENOENT ? 0 : e;
    return good;
}

// The step had begun and its head was not sealed yet: all of it again, which changes nothing that
// is right already.
static int redo(struct vfs *v, const struct turn *t, const struct head *h,
                const uint8_t rest[HASH_BYTES]) {
    int e = 0;
    for (uint32_t i = 0; !e && i < t->count; i++)
        e = os_write(v->db_fd, t->pages[i].raw, PAGE_BYTES,
                     (int64_t)(turn_pgno(&t->pages[i]) - 1) * PAGE_BYTES);
    if (!e)
        e = os_sync(v->db_fd);
    v->fresh.head = *h;
    memcpy(v->fresh.head.rest, rest, HASH_BYTES);
    return e ? e : head_write(v, true);
}

int turn_recover(struct vfs *v, struct err *err) {
    if (access(v->turn_path, F_OK) != 0)
        return 0;
    struct turn *t = mem_alloc(sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    uint64_t generation = 0;
    uint8_t rest[HASH_BYTES];
    struct head h;
    int e = 0;
    bool whole = turn_read(v, t, &generation, rest, &e);
    if (!e && whole) {
        e = head_open(v, false);
        // Another generation: the step was finished, or this is somebody's old file.
        if (!e && head_read(v, &h, NULL) == 0 && h.generation == generation && !h.unknown &&
            memcmp(h.file_id, v->file_id, FILE_ID_BYTES) == 0)
            e = redo(v, t, &h, rest);
        if (e == ENOENT)
            e = 0; // fresh_open says what is wrong
    }
    if (!e)
        e = turn_clear(v);
    mem_free(t);
    return e ? err_errno(err, e, "%s cannot be brought to an end", v->turn_path) : 0;
}
