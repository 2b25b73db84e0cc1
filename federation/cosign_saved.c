#include "federation/cosign_saved.h"

#include "core/base/mem.h"
#include "federation/peersdb_impl.h"

#include <string.h>

static bool copy(struct db_rows *rows, int col, void *out, size_t size) {
    size_t n = 0;
    const void *bytes = db_col_blob(rows, col, &n);
    if (!bytes || n != size)
        return false;
    memcpy(out, bytes, n);
    return true;
}

static int get(void *self, const uint8_t *device, struct cosign_kept *ret, struct err *err) {
    struct peersdb *p = self;
    const struct db_value of = db_blob(device, CHECKPOINT_KEY_BYTES);
    struct cosign_kept k = {.time_s = 0};
    struct db_rows *rows = NULL;
    int r = db_rows_open(p->db,
                         "SELECT text, signature, time_s, cosignature FROM cosigned WHERE device = "
                         "?1",
                         &of, 1, &rows, err);
    if (r == 0)
        r = db_rows_next(rows, err);
    if (r > 0) {
        const char *text = db_col_text(rows, 0, &k.text_bytes);
        k.time_s = db_col_int(rows, 2);
        if (!text || k.text_bytes >= sizeof k.text ||
            !copy(rows, 1, k.signature, sizeof k.signature) ||
            !copy(rows, 3, k.cosignature, sizeof k.cosignature))
            r = err_set(err, ERR_CORRUPT, "what was cosigned of a peer's log is damaged");
        else
            memcpy(k.text, text, k.text_bytes);
    }
    db_rows_close(rows);
    if (r > 0)
        *ret = k;
    return r;
}

static int put_in(struct peersdb *p, const uint8_t *device, const struct cosign_kept *k,
                  struct err *err) {
    const struct db_value row[] = {db_blob(device, CHECKPOINT_KEY_BYTES),
                                   db_text_n(k->text, k->text_bytes),
                                   db_blob(k->signature, sizeof k->signature), db_int(k->time_s),
                                   db_blob(k->cosignature, sizeof k->cosignature)};
    const struct db_value most = db_int(COSIGN_MEMORY_MAX);
    int r =
        db_run(p->db,
               "INSERT INTO cosigned VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (device) DO UPDATE "
               "SET text = ?2, signature = ?3, time_s = ?4, cosignature = ?5",
               row, COUNT_OF(row), err);
    return r < 0 ? r
                 : db_run(p->db,
                          "DELETE FROM cosigned WHERE device IN (SELECT device FROM cosigned ORDER "
                          "BY time_s DESC, device LIMIT -1 OFFSET ?1)",
                          &most, 1, err);
}

static int put(void *self, const uint8_t *device, const struct cosign_kept *k, struct err *err) {
    struct peersdb *p = self;
    int r = db_begin(p->db, true, err);
    if (r < 0)
        return r;
    r = put_in(p, device, k, err);
    if (r == 0)
        r = db_commit(p->db, err);
    if (r < 0)
        db_rollback(p->db);
    return r;
}

struct cosign_memory cosign_saved(struct peersdb *p) {
    return (struct cosign_memory){get, put, p};
}
