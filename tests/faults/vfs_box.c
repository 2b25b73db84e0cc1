#include "tests/faults/vfs_box.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int box_open(struct box *b, const char *dir, unsigned vfs_flags, struct err *err) {
    char path[BOX_PATH_BYTES];
    *b = (struct box){0};
    (void)snprintf(path, sizeof path, "%s/store.db", dir);
    int r = keyring_open(dir, vfs_flags & VFS_CREATE ? KEYRING_CREATE : 0, &b->keys, err);
    if (r == 0)
        r = vfs_open(path, b->keys, vfs_flags, &b->vfs, err);
    if (r == 0)
        r = db_open(b->vfs, DB_CREATE, &b->db, err);
    if (r < 0)
        box_close(b);
    return r;
}

void box_close(struct box *b) {
    db_close(b->db);
    vfs_close(b->vfs);
    keyring_free(b->keys);
    *b = (struct box){0};
}

uint64_t box_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1du;
}

uint64_t box_below(uint64_t *state, uint64_t n) {
    return n ? (box_random(state) >> 11) % n : 0;
}

void box_mkdir(const char *dir) {
    REQUIRE(mkdir(dir, 0700) == 0 || errno == EEXIST, "%s", dir);
}

static void each(const char *dir, void (*fn)(void *ctx, const char *name), void *ctx) {
    DIR *d = opendir(dir);
    REQUIRE(d, "%s", dir);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        if (e->d_name[0] != '.')
            fn(ctx, e->d_name);
    (void)closedir(d);
}

static void remove_one(void *ctx, const char *name) {
    char path[BOX_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    REQUIRE(unlink(path) == 0, "%s", path);
}

void box_clear(const char *dir) {
    char copy[BOX_PATH_BYTES];
    (void)snprintf(copy, sizeof copy, "%s", dir);
    each(dir, remove_one, copy);
}

uint8_t *box_read(const char *path, size_t *ret_n) {
    FILE *f = fopen(path, "rb");
    *ret_n = 0;
    if (!f)
        return NULL;
    struct stat st;
    REQUIRE(fstat(fileno(f), &st) == 0, "%s", path);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    REQUIRE(bytes, "out of memory");
    *ret_n = fread(bytes, 1, (size_t)st.st_size, f);
    (void)fclose(f);
    return bytes;
}

void box_write(const char *path, const void *bytes, size_t n) {
    (void)unlink(path);
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s", path);
    REQUIRE(chmod(path, 0600) == 0, "%s", path);
}

void box_copy_file(const char *from, const char *to) {
    size_t n = 0;
    uint8_t *bytes = box_read(from, &n);
    if (bytes)
        box_write(to, bytes, n);
    free(bytes);
}

struct copy {
    const char *from, *to;
};

static void copy_one(void *ctx, const char *name) {
    const struct copy *c = ctx;
    char from[BOX_PATH_BYTES], to[BOX_PATH_BYTES];
    (void)snprintf(from, sizeof from, "%s/%s", c->from, name);
    (void)snprintf(to, sizeof to, "%s/%s", c->to, name);
    box_copy_file(from, to);
}

void box_copy(const char *from, const char *to) {
    box_mkdir(to);
    box_clear(to);
    each(from, copy_one, &(struct copy){from, to});
}

struct hunt {
    const char *dir;
    bool found;
};

static void hunt_one(void *ctx, const char *name) {
    struct hunt *h = ctx;
    char path[BOX_PATH_BYTES];
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", h->dir, name);
    uint8_t *bytes = box_read(path, &n);
    if (bytes && memmem(bytes, n, BOX_MARKER, sizeof BOX_MARKER - 1)) {
        fprintf(stderr, "the marker is in %s\n", path);
        h->found = true;
    }
    free(bytes);
}

bool box_marker_found(const char *dir) {
    struct hunt h = {dir, false};
    each(dir, hunt_one, &h);
    return h.found;
}
