// Between the files of the VFS only. Integers on disk are little-endian, except SQLite's own.
#pragma once

#include "core/crypto/keyring.h"
#include "core/crypto/seal.h"
#include "core/crypto/secret.h"
#include "core/db/vfs.h"

#include <pthread.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    PAGE_BYTES = VFS_PAGE_BYTES,
    PAGE_TEXT_BYTES = VFS_PAGE_BYTES - VFS_RESERVED_BYTES, // 4048
    FILE_ID_BYTES = 16,
    PAGE1_CLEAR_BYTES = 24, // file id, then page size and format, which never change
    WAL_HEADER_BYTES = 32,
    FRAME_HEADER_BYTES = 24,
    FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES,
    WAL_BATCH_FRAMES = 32, // frames written by one system call
    NONCES_MAX = 64,       // second halves of nonces drawn from the system at once
    NONCE_HALF_BYTES = 12,
    NONCE_PREFIX_USES = 8192, // pages of a connection whose nonces share their first half
    HASH_BYTES = 32,
    SHM_REGION_BYTES = 32 * 1024,
    SHM_REGIONS_MAX = 4096,
    PAGES_MAX = 0x7ffffffe
};

enum frame_flags { FRAME_COMMIT = 1 }; // in the `flags` of a page in the log

// --- vfs_os.c: system calls, with faults. 0 or a positive errno, unless said otherwise.
int os_open(const char *path, int flags, int *ret_fd);
// *ret_n < n only at the end of the file.
int os_read(int fd, void *out, size_t n, int64_t offset, size_t *ret_n);
int os_write(int fd, const void *bytes, size_t n, int64_t offset);
int os_sync(int fd);
int os_truncate(int fd, int64_t size);
int os_size(int fd, int64_t *ret);
int os_sync_dir_of(const char *path);
int os_unlink(const char *path);

// --- vfs_page.c: what a page looks like on disk
struct page_keys { // of one epoch, in secret memory; kept until vfs_close, wiped when retired
    atomic_uint epoch;
    struct seal_key db, wal;
};
enum { PAGE_KEYS_MAX = KEYRING_EPOCHS_MAX + 2 };
#define EPOCH_RETIRED UINT32_MAX

// One thread at a time: cipher contexts, nonces, buffers.
struct page_coder {
    struct vfs *v;
    struct seal *seal;
    struct page_keys *last; // of the epoch used last
    unsigned nonces_left, prefix_left;
    uint8_t prefix[NONCE_HALF_BYTES];
    uint8_t nonces[NONCES_MAX][NONCE_HALF_BYTES];
    uint8_t raw[FRAME_BYTES];  // as on disk
    uint8_t plain[PAGE_BYTES]; // decrypted, for partial reads
};
int coder_init(struct page_coder *c, struct vfs *v); // ERR_NOMEM
void coder_done(struct page_coder *c);
// `plain` and `raw` have PAGE_BYTES and do not overlap. 0, ERR_NOMEM, ERR_KEY, ERR_LOCKED,
// ERR_CORRUPT.
int page_encrypt(struct page_coder *c, uint32_t pgno, const uint8_t *plain, uint8_t *raw);
int page_decrypt(struct page_coder *c, uint32_t pgno, const uint8_t *raw, uint8_t *plain);
int frame_encrypt(struct page_coder *c, uint32_t pgno, uint64_t salts, int64_t offset,
                  uint32_t flags, const uint8_t *plain, uint8_t *raw);
int frame_decrypt(struct page_coder *c, uint32_t pgno, uint64_t salts, int64_t offset,
                  uint32_t flags, const uint8_t *raw, uint8_t *plain);
// The 16 secret bytes of a frame header, in place; `offset` of the frame.
int frame_header_encrypt(struct page_coder *c, int64_t offset, uint8_t header[FRAME_HEADER_BYTES]);
int frame_header_decrypt(struct page_coder *c, int64_t offset, uint8_t header[FRAME_HEADER_BYTES]);
uint32_t page_epoch(const uint8_t *raw);
int file_id_make(struct vfs *v, uint8_t ret[FILE_ID_BYTES], struct err *err);
int file_id_check(struct vfs *v, const uint8_t id[FILE_ID_BYTES], struct err *err); // ERR_KEY
int page_keys_prepare(struct vfs *v, struct err *err); // after file_id is set
void page_keys_retire(struct vfs *v, uint32_t epoch);
void page_keys_done(struct vfs *v);

// --- vfs_head.c: the sealed record of store.head
struct head {
    uint64_t generation;
    uint8_t file_id[FILE_ID_BYTES];
    // XOR of the keyed hashes of pages 1..limit, without those in frames 1..except_n of the log
    // `except_salts`.
    uint8_t rest[HASH_BYTES];
    uint32_t limit;
    uint32_t except_n;
    uint64_t except_salts;
    // The log `salts` has at least `n` frames whose commits were acknowledged. While it has none,
    // the log before it (complete), or no log, is as good: all of that is in the database.
    uint64_t salts;
    uint32_t n;
    uint32_t previous_n;
    uint64_t previous_salts;
    bool damaged; // found and not accepted yet; `rest` means nothing when `unknown`
    bool unknown;
};
int head_read(struct vfs *v, struct head *ret, struct err *err); // ERR_NOT_FOUND, ERR_CORRUPT …
// Next generation into the next slot; `durable` waits for the disk. 0 or errno.
int head_write(struct vfs *v, bool durable);
int head_open(struct vfs *v, bool create); // errno

// --- vfs_fresh.c: which pages are the newest. All under v->fresh_lock.
struct excluded {
    uint32_t pgno;
    bool known; // `hash` is that of the page in the file
    uint8_t hash[HASH_BYTES];
};
// Pages as this process wrote them: a checkpoint need not read what it wrote before, and a reader
// sees at once when another version of the page was put in its place. `pgno` and `tag` are written
// under fresh_lock and read without it, `hash` only under it.
struct known_page {
    atomic_uint pgno;         // 0: empty
    atomic_uint_fast64_t tag; // first half of the page's tag
    uint8_t hash[HASH_BYTES];
};
enum { KNOWN_PAGES = 16384 }; // by page number; memory is touched as pages are written

struct fresh {
    struct head head;
    struct known_page *known;
    struct excluded *ex; // pages that the head leaves out at the moment, ascending
    size_t ex_count, ex_cap, ex_last;
    uint32_t *frame_pgno; // of frame i+1 of the current log
    size_t frames_cap;
    uint32_t committed; // last commit frame that is written (n of the head: and synced)
    uint32_t pages;     // of the database file
    // A check in progress: hashes of pages 1..scanned are in `scan`.
    bool scanning;
    uint32_t scanned;
    uint8_t scan[HASH_BYTES];
};
int fresh_before_write(struct vfs *v, uint32_t pgno); // errno
void fresh_after_write(struct vfs *v, uint32_t pgno, const uint8_t *raw);
int fresh_truncate(struct vfs *v, uint32_t pages);    // errno; before the file is cut
void fresh_synced(struct vfs *v);                     // after the database was synced
int fresh_log_restart(struct vfs *v, uint64_t salts); // before a log header is written; errno
int fresh_frames(struct vfs *v, uint32_t first, const uint32_t *pgnos, size_t n,
                 uint32_t commit); // after frames were written; commit 0: none among them
void fresh_committed(struct vfs *v, uint32_t frame); // after the log was synced
int fresh_read_hash(struct vfs *v, uint32_t pgno, uint8_t ret[HASH_BYTES]); // errno
void fresh_hash(const struct vfs *v, uint32_t pgno, const uint8_t *reserved,
                uint8_t ret[HASH_BYTES]);
void fresh_expected(const struct vfs *v, uint8_t ret[HASH_BYTES]);
void fresh_forget_known(struct fresh *f); // pages change by another way than a checkpoint
// false: the page is not the one that was written. Any thread, but only final under fresh_lock.
bool fresh_is_known(const struct fresh *f, uint32_t pgno, const uint8_t *raw);
int fresh_rebuild(struct vfs *v); // takes the file as it is; errno
struct excluded *fresh_find(struct fresh *f, uint32_t pgno);
static inline void hash_xor(uint8_t *a, const uint8_t *b) {
    for (size_t i = 0; i < HASH_BYTES; i++)
        a[i] ^= b[i];
}

// --- vfs_cache.c: decrypted pages; any thread
enum { CACHE_PAGES = 1024, CACHE_LOCKS = 16 }; // 4 MB, allocated as pages are read
struct cache_place {
    uint64_t salts;  // of the log that the page is in; 0: it is in the database
    uint32_t number; // of the frame, or of the page
};
struct cached_page {
    atomic_uint number; // 0: empty; written under the lock, without it only a hint
    uint64_t salts;
    uint8_t reserved[VFS_RESERVED_BYTES];
    uint8_t *text; // PAGE_TEXT_BYTES, or NULL
};
struct page_cache {
    pthread_mutex_t locks[CACHE_LOCKS]; // of pages i, i + CACHE_LOCKS …
    struct cached_page *pages;          // by number
};
int cache_init(struct page_cache *c); // ERR_NOMEM; zeroed before
void cache_done(struct page_cache *c);
void cache_clear(struct page_cache *c); // wipes what it frees
bool cache_may_have(struct page_cache *c, struct cache_place at);
// `reserved`: as the file has them now. True: `plain` (PAGE_BYTES) is that page.
bool cache_get(struct page_cache *c, struct cache_place at, const uint8_t *reserved,
               uint8_t *plain);
// Only what was decrypted. Without memory nothing is kept.
void cache_put(struct page_cache *c, struct cache_place at, const uint8_t *reserved,
               const uint8_t *plain);

// --- vfs_scan.c: the log as found when opening
struct log_scan {
    bool present; // a readable header
    uint64_t salts;
    uint32_t committed; // frames up to the last whole commit
    uint32_t stray;     // commit frames that verify behind the first one that does not
};
int log_scan(struct vfs *v, struct page_coder *c, struct log_scan *ret, struct err *err);
// Compares database, log and head; prepares v->fresh. ERR_CORRUPT.
int fresh_open(struct vfs *v, struct page_coder *c, struct err *err);
// Page 1, which SQLite reads before it looks into the log, from the log. ERR_CORRUPT.
int first_page_restore(struct vfs *v, struct page_coder *c, struct err *err);

// --- vfs_file.c, vfs_wal.c, vfs_lock.c: SQLite's side
struct log_batch { // frames that are not written yet
    int64_t start; // offset of the first byte
    size_t len;
    bool page_missing; // the header of the last frame waits for its page
    uint32_t first;    // number of the first frame
    size_t frames;
    uint32_t pgno[WAL_BATCH_FRAMES];
    uint32_t commit; // number of the commit frame in it, or 0
    uint8_t bytes[WAL_BATCH_FRAMES * FRAME_BYTES];
};

struct vfs_file {
    sqlite3_file base;
    struct vfs *v;
    int fd;
    bool is_log, new_file;
    struct page_coder *coder;
    struct log_batch *batch; // log only
    uint32_t commit;         // last commit frame written by this connection and not synced yet
    int lock;                // SQLITE_LOCK_*
    bool shm_used;
    unsigned shm_shared, shm_exclusive; // bits: wal-index locks held
};
extern const sqlite3_io_methods vfs_db_methods, vfs_log_methods;
int vfs_sqlite_errno(int e, int other); // SQLITE_FULL …, else `other`; keeps `e`
int vfs_sqlite_code(int code);          // of an ERR_*
int log_read(struct vfs_file *f, void *out, int n, int64_t offset);
int log_write(struct vfs_file *f, const void *bytes, int n, int64_t offset);
int log_flush(struct vfs_file *f); // SQLITE_*
int log_remove(struct vfs *v);     // SQLITE_*: before the log is cut to nothing or deleted
int db_page_write(struct vfs *v, struct page_coder *c, int fd, uint32_t pgno, const void *plain);

enum { SHM_RECOVER_LOCK = 2 };
int file_lock(sqlite3_file *file, int level);
int file_unlock(sqlite3_file *file, int level);
int file_check_reserved(sqlite3_file *file, int *ret);
int shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **ret);
int shm_lock(sqlite3_file *file, int offset, int n, int flags);
void shm_barrier(sqlite3_file *file);
bool shm_recovering(struct vfs *v); // this thread is in a recovery of the log
int shm_unmap(sqlite3_file *file, int remove);

struct shared_locks { // under v->lock
    unsigned shared;
    struct vfs_file *reserved, *pending, *exclusive;
    unsigned shm_shared[SQLITE_SHM_NLOCK];
    struct vfs_file *shm_exclusive[SQLITE_SHM_NLOCK];
    pthread_t recoverer; // thread that holds the recover lock
    unsigned shm_users;
    void *regions[SHM_REGIONS_MAX];
};

struct vfs {
    sqlite3_vfs base;
    sqlite3_vfs *system; // sleep, time, randomness
    char name[32];
    char path[VFS_PATH_BYTES_MAX];
    char wal_path[VFS_PATH_BYTES_MAX + 8];
    char head_path[VFS_PATH_BYTES_MAX + 8];
    char lock_path[VFS_PATH_BYTES_MAX + 8];
    char turn_path[VFS_PATH_BYTES_MAX + 8];
    struct keyring *keys;
    unsigned flags;
    bool registered;
    bool building; // a backup being written: no log, no freshness until it is complete
    atomic_int open_files;
    int lock_fd, head_fd, db_fd; // db_fd: for checks, hashes and rotation

    uint8_t file_id[FILE_ID_BYTES];
    atomic_uint epoch;
    pthread_mutex_t keys_lock;
    struct page_keys *page_keys[PAGE_KEYS_MAX];
    size_t page_keys_count;
    struct seal_key *header_key, *head_key; // frame headers, store.head
    crypto_generichash_state *hash_start;   // keyed already

    pthread_mutex_t lock; // `locks`; held for moments
    struct shared_locks locks;

    // Taken by whatever writes the database or its head; never by a reader that finds its page
    // whole.
    pthread_mutex_t fresh_lock;
    struct fresh fresh;
    struct page_cache cache;
    struct seal *head_seal;
    unsigned head_turns[2];         // slots written so far: unsynced, durable
    atomic_uint_fast64_t log_salts; // of the log header, 0: no log
    char problem[256];              // what opening found, "" nothing
    bool head_durable;              // the newest head is on the disk
    uint32_t turn_next;             // rotation: next page to look at
    int64_t turn_left;
    struct turn *turn_pending; // a step that failed half-way, to be repeated (vfs_rotate.c)
    uint8_t turn_rest[HASH_BYTES];
};

// vfs.c: a new file for a backup; the caller fills it through SQLite, then fresh_rebuild.
int vfs_build(const char *path, struct keyring *keys, struct vfs **ret, struct err *err);
