// One encrypted database file: an SQLite VFS that encrypts every page with XAES-256-GCM, in the
// database and in its log, under the keys of a keyring. Stock SQLite above it, WAL only.
//
// Files beside `store.db`, all 0600:
//   store.db-wal  the log, encrypted      store.lock  held while a process has the store open
//   store.head    freshness, sealed       store.turn  pages being re-encrypted (rotation only)
// There is no -shm file (the wal-index lives in memory), no journal and no temporary file: asking
// for one fails. One process owns the store.
//
// What is detected (ERR_CORRUPT): any changed bit, pages swapped or taken from another file, an old
// page put back, a log that lost commits which were acknowledged, an old log or an old store.db put
// back. Opening looks at the log and the first page; old pages are found by vfs_check, in the
// background. A page that is in memory already is known by its seal alone (nonce, tag): a bit that
// changes below it in the file meanwhile is found when the page is read again, and by vfs_check.
// A head is sealed at each commit and checkpoint; it is written so that a crash at any
// point leaves it in agreement with the files, so there are no false alarms after a crash.
// What is NOT detected: store.db, -wal, store.head (and store.keys) all rolled back together to one
// moment. Only somebody else's memory helps there: publish vfs_info.generation and head hash.
// Visible to whoever sees the files: sizes, page numbers, when and how much was written.
//
// Connections that write must use synchronous=FULL (db_open sets it, and a checkpoint every 4000
// pages of log).
//
// A page of 4096 bytes: 4048 of text under XAES-256-GCM, epoch, flags, nonce[24], tag[16]. Its key
// is HKDF-SHA512(data key of the epoch, "paired/page/v1/" role file-id), role db or wal; the place
// (page number; in the log also its salts and the frame's offset) is authenticated with it. The
// first half of a nonce is shared by up to 8192 pages of one connection. Frame headers and the head
// are under keys derived from the master key, because they outlive an epoch.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    VFS_PAGE_BYTES = 4096,
    VFS_RESERVED_BYTES = 48, // of each page: epoch, flags, nonce, tag
    VFS_PATH_BYTES_MAX = 1024,
    VFS_CONNECTIONS_MAX = 64 // open files of one vfs, database and log counted apart
};

struct db;
struct keyring;
struct vfs;

enum vfs_flags {
    VFS_CREATE = 1,       // makes the database when there is none
    VFS_BACKUP = 2,       // pages under KEYRING_EPOCH_BACKUP, which rotation leaves alone
    VFS_ACCEPT_DAMAGE = 4 // opens although the log or the head is damaged: what is left is used
};

// `keys` is open and outlives the VFS. Takes the lock file: ERR_BUSY with the holder's pid.
// ERR_NOT_FOUND, ERR_KEY (made with other keys), ERR_CORRUPT (the message says what), ERR_FULL …
int vfs_open(const char *path, struct keyring *keys, unsigned flags, struct vfs **ret,
             struct err *err);
void vfs_close(struct vfs *v); // after its last connection; accepts NULL
const char *vfs_path(const struct vfs *v);
void vfs_trim(struct vfs *v); // forgets decrypted pages, at most 4 MB of them; any thread

struct vfs_info {
    uint64_t generation; // of the head; grows with each commit
    uint8_t head_hash[32];
    int64_t pages; // of the database file
    int64_t wal_bytes;
    uint32_t epoch;      // new pages are written under it
    bool rotating;       // more than one data key exists
    int64_t rotate_left; // pages still under an older key, as far as known; -1 before a sweep
    bool head_ok;        // false after damage was found and until vfs_accept
};
void vfs_info(struct vfs *v, struct vfs_info *ret); // any thread

// Reads every page: its tag, and that it is the newest one. 20,000 pages take about 0.1 s; readers
// and writers go on meanwhile. Findings are lines in `report` (may be NULL); ERR_CORRUPT if there
// are any. ERR_CANCELLED. Any thread, without a connection.
int vfs_check(struct vfs *v, bool (*cancelled)(void *ctx), void *ctx, struct buf *report,
              struct err *err);
// Takes the files as they are now for the truth, after the user was told. Pages whose tag is wrong
// stay unreadable.
int vfs_accept(struct vfs *v, struct err *err);

// --- rotation of the data key, online. `db` is a connection of this VFS that may write.
// begin makes a new epoch (or goes on with one already begun); step re-encrypts up to `pages` old
// pages and says how many are left; finish checkpoints the log away and deletes the old keys.
// Interruptible by SIGKILL at any point; begin again and go on. Readers are not stopped.
int vfs_rotate_begin(struct vfs *v, struct err *err);
// The same with a new epoch in any case: whoever knows the newest one, too, cannot read what is
// written from here on. ERR_LIMIT: KEYRING_EPOCHS_MAX of them are still in use.
int vfs_rotate_anew(struct vfs *v, struct err *err);
int vfs_rotate_step(struct db *db, int64_t pages, int64_t *ret_left, struct err *err);
// ERR_BUSY: a reader still needs the log, or pages are left; step and try again.
int vfs_rotate_finish(struct db *db, struct err *err);

// Copies the database of an open connection to a new encrypted file (with its own head), readable
// by vfs_open with the same keyring. Overwrites nothing: ERR_EXISTS. A file appears only complete.
int vfs_backup(struct db *db, const char *path, bool (*cancelled)(void *ctx), void *ctx,
               struct err *err);

// --- deterministic faults, tests only
enum vfs_fault_op {
    VFS_FAULT_WRITE = 1,
    VFS_FAULT_SYNC = 2,
    VFS_FAULT_OPEN = 4,
    VFS_FAULT_TRUNCATE = 8,
    VFS_FAULT_READ = 16
};
enum vfs_fault_action {
    VFS_FAULT_FAIL,  // with `errnum`
    VFS_FAULT_SHORT, // half of the bytes are written, then `errnum`
    VFS_FAULT_EXIT   // half of the bytes are written, then _exit(99)
};
struct vfs_fault {
    unsigned ops; // which operations count
    uint64_t nth; // the nth from now fails, 1 = the next; 0 counts only
    bool sticky;  // and all after it
    enum vfs_fault_action action;
    int errnum;
};
void vfs_test_fault(const struct vfs_fault *fault); // of the whole process; NULL switches it off
uint64_t vfs_test_operations(void);                 // counted since the last vfs_test_fault
