// Figures of a store for status and doctor.
#include "core/store/store_impl.h"

static int count(struct db *db, const char *sql, int64_t *ret, struct err *err) {
    int r = db_one_int(db, sql, NULL, 0, ret, err);
    return r < 0 ? r : 0;
}

static int count_rows(struct store *s, struct store_info *info, struct err *err) {
    struct db *db = NULL;
    int r = store_reader_get(s, &db, err);
    if (r < 0)
        return r;
    int64_t forgotten = 0;
    r = count(db, "SELECT coalesce(sum(notes), 0) FROM workspace", &info->notes, err);
    if (r == 0)
        r = count(db, "SELECT count(*) FROM note WHERE forgotten <> 0", &forgotten, err);
    if (r == 0)
        r = count(db, "SELECT count(*) FROM handoffs", &info->handoffs, err);
    info->notes -= forgotten;
    store_reader_put(s, db);
    return r;
}

static void fill_files(struct store *s, struct store_info *info) {
    struct vfs_info v;
    vfs_info(s->vfs, &v);
    info->db_bytes = v.pages * VFS_PAGE_BYTES;
    info->wal_bytes = v.wal_bytes;
    info->dek_epoch = v.epoch;
    info->dek_created_ms = keyring_epoch_created(s->keys);
    info->generation = (int64_t)v.generation;
    info->rotation_running = v.rotating;
    info->head_ok = v.head_ok;
    if (!v.rotating)
        info->rotation_percent = 100;
    else if (v.rotate_left >= 0 && v.pages > 0)
        info->rotation_percent = (int)(100 * (v.pages - v.rotate_left) / v.pages);
}

int store_info(struct store *s, struct store_info *ret, struct err *err) {
    struct store_info info = {.state = store_state(s)};
    if (info.state == STORE_OPEN) {
        int r = store_enter(s, err);
        if (r < 0)
            return r;
        info.schema_version = s->schema_version;
        info.read_only = s->read_only;
        info.check_result = store_checker_result(s, &info.check_running);
        fill_files(s, &info);
        // Of a newer schema the tables are not known.
        r = s->read_only ? 0 : count_rows(s, &info, err);
        store_leave(s);
        if (r < 0)
            return r;
    }
    *ret = info;
    return 0;
}
