// A page on disk: ct[4048] | epoch u32 | flags u32 | nonce[24] | tag[16]. SQLite's own page ends
// with 48 zero bytes, which are put back when reading: the checksums of its log cover them.
#include "core/base/mem.h"
#include "core/db/vfs_impl.h"

#include <assert.h>
#include <string.h>

enum {
    AT_EPOCH = PAGE_TEXT_BYTES,
    AT_FLAGS = AT_EPOCH + 4,
    AT_NONCE = AT_FLAGS + 4,
    AT_TAG = AT_NONCE + SEAL_NONCE_BYTES,
    ID_MAGIC_BYTES = 4,
    ID_RANDOM_BYTES = 8,
    ID_CHECK_BYTES = 4,
    ID_CHECK_AT = ID_MAGIC_BYTES + ID_RANDOM_BYTES
};
static_assert(AT_TAG + SEAL_TAG_BYTES == PAGE_BYTES, "reserved bytes are used up");
static const uint8_t id_magic[ID_MAGIC_BYTES] = {'P', 'D', 'b', '1'}; // the format's version too
static const uint8_t sqlite_magic[16] = "SQLite format 3";

static void put32(uint8_t *p, uint32_t v) {
    for (size_t i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void put64(uint8_t *p, uint64_t v) {
    for (size_t i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t page_epoch(const uint8_t *raw) {
    return get32(raw + AT_EPOCH);
}

// ------------------------------------------------------------------------------------------ keys

static int derive_role(struct vfs *v, struct seal *s, uint32_t epoch, const char *role,
                       struct seal_key *ret, struct err *err) {
    char info[64] = "paired/page/v1/";
    size_t n = strlen(info);
    memcpy(info + n, role, strlen(role));
    n += strlen(role);
    memcpy(info + n, v->file_id, FILE_ID_BYTES);
    n += FILE_ID_BYTES;
    uint8_t *raw = secret_alloc(SEAL_KEY_BYTES);
    int r = raw ? keyring_page_key(v->keys, epoch, info, n, raw, err)
                : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = seal_key_init(s, ret, raw);
    secret_free(raw);
    return r;
}

// Finds or derives. Under keys_lock.
static int keys_of(struct vfs *v, struct seal *s, uint32_t epoch, struct page_keys **ret,
                   struct err *err) {
    for (size_t i = 0; i < v->page_keys_count; i++)
        if (atomic_load(&v->page_keys[i]->epoch) == epoch) {
            *ret = v->page_keys[i];
            return 0;
        }
    struct page_keys *k = secret_alloc(sizeof *k);
    if (!k)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = derive_role(v, s, epoch, "db", &k->db, err);
    if (r == 0)
        r = derive_role(v, s, epoch, "wal", &k->wal, err);
    size_t place = v->page_keys_count;
    for (size_t i = 0; i < v->page_keys_count; i++) // the place of a retired one is used again
        if (atomic_load(&v->page_keys[i]->epoch) == EPOCH_RETIRED)
            place = i;
    if (r == 0 && place == PAGE_KEYS_MAX)
        r = err_set(err, ERR_LIMIT, "too many data keys");
    if (r < 0) {
        secret_free(k);
        return r;
    }
    if (place < v->page_keys_count) {
        // A reader may still hold the pointer, so the block stays and takes the new keys.
        v->page_keys[place]->db = k->db;
        v->page_keys[place]->wal = k->wal;
        secret_free(k);
        k = v->page_keys[place];
    } else {
        v->page_keys[v->page_keys_count++] = k;
    }
    atomic_store(&k->epoch, epoch);
    *ret = k;
    return 0;
}

static int coder_keys(struct page_coder *c, uint32_t epoch, const struct page_keys **ret) {
    if (!c->last || atomic_load_explicit(&c->last->epoch, memory_order_acquire) != epoch) {
        (void)pthread_mutex_lock(&c->v->keys_lock);
        int r = keys_of(c->v, c->seal, epoch, &c->last, NULL);
        (void)pthread_mutex_unlock(&c->v->keys_lock);
        if (r < 0) {
            c->last = NULL;
            return r;
        }
    }
    *ret = c->last;
    return 0;
}

void page_keys_retire(struct vfs *v, uint32_t epoch) {
    (void)pthread_mutex_lock(&v->keys_lock);
    for (size_t i = 0; i < v->page_keys_count; i++) {
        struct page_keys *k = v->page_keys[i];
        if (atomic_load(&k->epoch) != epoch)
            continue;
        atomic_store(&k->epoch, EPOCH_RETIRED);
        secret_wipe(&k->db, sizeof k->db);
        secret_wipe(&k->wal, sizeof k->wal);
    }
    (void)pthread_mutex_unlock(&v->keys_lock);
}

void page_keys_done(struct vfs *v) {
    for (size_t i = 0; i < v->page_keys_count; i++)
        secret_free(v->page_keys[i]);
    v->page_keys_count = 0;
    secret_free(v->header_key);
    secret_free(v->head_key);
    secret_free(v->hash_start);
    v->header_key = v->head_key = NULL;
    v->hash_start = NULL;
}

// Keys that do not change with the epoch: of the sealed head, of the frame headers (they hide 64
// bits of checksum, and a header outlives the epoch of its page), of the freshness hashes.
static int derive_for_file(struct vfs *v, const char *label, bool with_file_id, uint8_t *raw,
                           struct err *err) {
    int r = keyring_derive(v->keys, label, raw, err);
    if (r == 0 && with_file_id &&
        secret_hkdf(raw, SEAL_KEY_BYTES, NULL, 0, v->file_id, FILE_ID_BYTES, raw, SEAL_KEY_BYTES) <
            0)
        r = err_set(err, ERR_NOMEM, "out of memory");
    return r;
}

int page_keys_prepare(struct vfs *v, struct err *err) {
    uint8_t *raw = secret_alloc(SEAL_KEY_BYTES);
    if (!v->header_key)
        v->header_key = secret_alloc(sizeof *v->header_key);
    if (!v->head_key)
        v->head_key = secret_alloc(sizeof *v->head_key);
    if (!v->hash_start)
        v->hash_start = secret_alloc((sizeof *v->hash_start + 63) / 64 * 64);
    int r = raw && v->header_key && v->head_key && v->hash_start
                ? derive_for_file(v, "paired/head/v1", false, raw, err)
                : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = seal_key_init(v->head_seal, v->head_key, raw);
    if (r == 0)
        r = derive_for_file(v, "paired/page/v1/walhdr", true, raw, err);
    if (r == 0)
        r = seal_key_init(v->head_seal, v->header_key, raw);
    if (r == 0)
        r = derive_for_file(v, "paired/fresh/v1", true, raw, err);
    if (r == 0)
        (void)crypto_generichash_init(v->hash_start, raw, SEAL_KEY_BYTES, HASH_BYTES);
    secret_free(raw);
    return r;
}

// The id says which database this is, and by a keyed check whose: a store opened with another
// store's keys is told from a damaged one.
static int id_check_bytes(struct vfs *v, const uint8_t *id, uint8_t out[32], struct err *err) {
    uint8_t *key = secret_alloc(SEAL_KEY_BYTES);
    int r = key ? keyring_derive(v->keys, "paired/file-id/v1", key, err)
                : err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        secret_hash(key, id, ID_CHECK_AT, NULL, 0, out);
    secret_free(key);
    return r;
}

int file_id_make(struct vfs *v, uint8_t ret[FILE_ID_BYTES], struct err *err) {
    uint8_t check[32];
    memcpy(ret, id_magic, ID_MAGIC_BYTES);
    secret_random(ret + ID_MAGIC_BYTES, ID_RANDOM_BYTES);
    int r = id_check_bytes(v, ret, check, err);
    if (r == 0)
        memcpy(ret + ID_CHECK_AT, check, ID_CHECK_BYTES);
    return r;
}

int file_id_check(struct vfs *v, const uint8_t id[FILE_ID_BYTES], struct err *err) {
    uint8_t check[32];
    if (memcmp(id, id_magic, ID_MAGIC_BYTES - 1) == 0 &&
        id[ID_MAGIC_BYTES - 1] > id_magic[ID_MAGIC_BYTES - 1] && id[ID_MAGIC_BYTES - 1] <= '9')
        return err_set(err, ERR_VERSION, "%s was written by a newer version of paired", v->path);
    int r = id_check_bytes(v, id, check, err);
    if (r < 0)
        return r;
    if (memcmp(id, id_magic, ID_MAGIC_BYTES) != 0 ||
        memcmp(check, id + ID_CHECK_AT, ID_CHECK_BYTES) != 0)
        return err_set(err, ERR_KEY,
                       "%s was not made with these keys, or its first bytes are damaged", v->path);
    return 0;
}

// ----------------------------------------------------------------------------------------- coder

int coder_init(struct page_coder *c, struct vfs *v) {
    memset(c, 0, sizeof *c);
    c->v = v;
    c->seal = seal_new();
    return c->seal ? 0 : ERR_NOMEM;
}

void coder_done(struct page_coder *c) {
    seal_free(c->seal);
    secret_wipe(c, sizeof *c); // `plain` holds the user's text
}

// Random throughout; the first half is drawn again every few thousand pages only, which saves
// deriving a subkey for each (seal.h). A fork would repeat nonces: nobody forks with a store open
// without exec.
static void next_nonce(struct page_coder *c, uint8_t *out) {
    if (c->prefix_left == 0) {
        secret_random(c->prefix, sizeof c->prefix);
        c->prefix_left = NONCE_PREFIX_USES;
    }
    if (c->nonces_left == 0) {
        secret_random(c->nonces, sizeof c->nonces);
        c->nonces_left = NONCES_MAX;
    }
    c->prefix_left--;
    memcpy(out, c->prefix, NONCE_HALF_BYTES);
    memcpy(out + NONCE_HALF_BYTES, c->nonces[--c->nonces_left], NONCE_HALF_BYTES);
}

struct aad {
    uint8_t bytes[64];
    size_t len;
};

// "PDpg" | file id | pgno | epoch | flags, then of page 1 its clear format bytes.
static struct aad page_aad(const struct vfs *v, uint32_t pgno, const uint8_t *raw) {
    struct aad a = {.bytes = "PDpg", .len = 4};
    memcpy(a.bytes + a.len, v->file_id, FILE_ID_BYTES);
    a.len += FILE_ID_BYTES;
    put64(a.bytes + a.len, pgno);
    a.len += 8;
    memcpy(a.bytes + a.len, raw + AT_EPOCH, 8);
    a.len += 8;
    if (pgno == 1) {
        memcpy(a.bytes + a.len, raw, PAGE1_CLEAR_BYTES);
        a.len += PAGE1_CLEAR_BYTES;
    }
    return a;
}

// "PDwl" | file id | pgno | salts of the log's header | offset of the frame | epoch | flags. Not
// the salts of the frame: those are zero while a transaction spills (pitfall 1 of the design).
static struct aad frame_aad(const struct vfs *v, uint32_t pgno, uint64_t salts, int64_t offset,
                            const uint8_t *raw) {
    struct aad a = {.bytes = "PDwl", .len = 4};
    memcpy(a.bytes + a.len, v->file_id, FILE_ID_BYTES);
    a.len += FILE_ID_BYTES;
    put64(a.bytes + a.len, pgno);
    put64(a.bytes + a.len + 8, salts);
    put64(a.bytes + a.len + 16, (uint64_t)offset);
    a.len += 24;
    memcpy(a.bytes + a.len, raw + AT_EPOCH, 8);
    a.len += 8;
    return a;
}

int page_encrypt(struct page_coder *c, uint32_t pgno, const uint8_t *plain, uint8_t *raw) {
    const struct page_keys *k = NULL;
    uint32_t epoch = atomic_load_explicit(&c->v->epoch, memory_order_relaxed);
    int r = coder_keys(c, epoch, &k);
    if (r < 0)
        return r;
    size_t clear = pgno == 1 ? PAGE1_CLEAR_BYTES : 0;
    if (clear) {
        memcpy(raw, c->v->file_id, FILE_ID_BYTES);
        memcpy(raw + FILE_ID_BYTES, plain + FILE_ID_BYTES, clear - FILE_ID_BYTES);
    }
    put32(raw + AT_EPOCH, epoch);
    put32(raw + AT_FLAGS, 0);
    next_nonce(c, raw + AT_NONCE);
    struct aad a = page_aad(c->v, pgno, raw);
    return seal_encrypt(c->seal, &k->db, raw + AT_NONCE, (struct seal_aad){a.bytes, a.len},
                        plain + clear, PAGE_TEXT_BYTES - clear, raw + clear, raw + AT_TAG);
}

int page_decrypt(struct page_coder *c, uint32_t pgno, const uint8_t *raw, uint8_t *plain) {
    const struct page_keys *k = NULL;
    int r = coder_keys(c, page_epoch(raw), &k);
    if (r < 0)
        return r == ERR_KEY ? ERR_CORRUPT : r; // no such epoch: the bytes are not what we wrote
    size_t clear = pgno == 1 ? PAGE1_CLEAR_BYTES : 0;
    struct aad a = page_aad(c->v, pgno, raw);
    r = seal_decrypt(c->seal, &k->db, raw + AT_NONCE, (struct seal_aad){a.bytes, a.len},
                     raw + clear, PAGE_TEXT_BYTES - clear, raw + AT_TAG, plain + clear);
    if (r < 0)
        return r;
    if (clear) {
        if (memcmp(raw, c->v->file_id, FILE_ID_BYTES) != 0)
            return ERR_CORRUPT;
        memcpy(plain, sqlite_magic, sizeof sqlite_magic);
        memcpy(plain + FILE_ID_BYTES, raw + FILE_ID_BYTES, clear - FILE_ID_BYTES);
    }
    memset(plain + PAGE_TEXT_BYTES, 0, VFS_RESERVED_BYTES);
    return 0;
}

int frame_encrypt(struct page_coder *c, uint32_t pgno, uint64_t salts, int64_t offset,
                  uint32_t flags, const uint8_t *plain, uint8_t *raw) {
    const struct page_keys *k = NULL;
    uint32_t epoch = atomic_load_explicit(&c->v->epoch, memory_order_relaxed);
    int r = coder_keys(c, epoch, &k);
    if (r < 0)
        return r;
    put32(raw + AT_EPOCH, epoch);
    put32(raw + AT_FLAGS, flags);
    next_nonce(c, raw + AT_NONCE);
    struct aad a = frame_aad(c->v, pgno, salts, offset, raw);
    return seal_encrypt(c->seal, &k->wal, raw + AT_NONCE, (struct seal_aad){a.bytes, a.len}, plain,
                        PAGE_TEXT_BYTES, raw, raw + AT_TAG);
}

int frame_decrypt(struct page_coder *c, uint32_t pgno, uint64_t salts, int64_t offset,
                  uint32_t flags, const uint8_t *raw, uint8_t *plain) {
    const struct page_keys *k = NULL;
    int r = coder_keys(c, page_epoch(raw), &k);
    if (r < 0)
        return r == ERR_KEY ? ERR_CORRUPT : r;
    if (get32(raw + AT_FLAGS) != flags)
        return ERR_CORRUPT;
    struct aad a = frame_aad(c->v, pgno, salts, offset, raw);
    r = seal_decrypt(c->seal, &k->wal, raw + AT_NONCE, (struct seal_aad){a.bytes, a.len}, raw,
                     PAGE_TEXT_BYTES, raw + AT_TAG, plain);
    if (r == 0)
        memset(plain + PAGE_TEXT_BYTES, 0, VFS_RESERVED_BYTES);
    return r;
}

int frame_header_encrypt(struct page_coder *c, int64_t offset, uint8_t header[FRAME_HEADER_BYTES]) {
    return seal_block_encrypt(c->seal, c->v->header_key, (uint64_t)offset, header + 8);
}

int frame_header_decrypt(struct page_coder *c, int64_t offset, uint8_t header[FRAME_HEADER_BYTES]) {
    return seal_block_decrypt(c->seal, c->v->header_key, (uint64_t)offset, header + 8);
}
