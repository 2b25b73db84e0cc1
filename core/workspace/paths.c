#include "core/workspace/paths.h"

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/workspace/paths_impl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACKAGES_MAX = 4096,
    BUILD_FILE_BYTES_MAX = 64 * 1024,
    CANDIDATES_MAX = 4096 // files of one name that are compared
};

struct named {
    uint32_t hash; // of the last part
    uint32_t file;
};
struct paths {
    atomic_uint refs;
    pthread_mutex_t lock;
    bool made;
    struct named *names; // by hash, then file
    uint32_t count;
    struct package *packages;
    uint32_t package_count;
    char **texts; // names and folders of packages
    uint32_t text_count;
};

struct paths *paths_new(void) {
    struct paths *p = mem_zalloc(sizeof *p);
    if (!p)
        return NULL;
    atomic_init(&p->refs, 1);
    (void)pthread_mutex_init(&p->lock, NULL);
    return p;
}

struct paths *paths_ref(struct paths *p) {
    (void)atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void paths_put(struct paths *p) {
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < p->text_count; i++)
        mem_free(p->texts[i]);
    mem_free(p->texts);
    mem_free(p->packages);
    mem_free(p->names);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// --- packages -----------------------------------------------------------------------------------

static const char *keep_text(struct paths *p, const char *text, size_t n) {
    char **texts = mem_realloc(p->texts, (p->text_count + 1) * sizeof *texts);
    if (!texts)
        return NULL;
    p->texts = texts;
    char *copy = mem_strndup(text, n);
    if (copy)
        p->texts[p->text_count++] = copy;
    return copy;
}

static void add_package(struct paths *p, enum lang lang, const char *path, const char *name,
                        size_t n) {
    if (p->package_count == PACKAGES_MAX || n == 0 || n > 512)
        return;
    struct package *packages = mem_realloc(p->packages, (p->package_count + 1) * sizeof *packages);
    if (!packages)
        return;
    p->packages = packages;
    const char *end = last_part(path);
    const char *kept = keep_text(p, name, n);
    const char *folder = keep_text(p, path, end > path ? (size_t)(end - path) - 1 : 0);
    if (kept && folder)
        p->packages[p->package_count++] = (struct package){lang, kept, folder};
}

// The value behind `key` at the beginning of a line: module x, name = "x", "name": "x".
static const char *value_of(const char *text, const char *key, size_t *ret_n) {
    size_t key_bytes = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line + strspn(line, " \t{");
        if (strncmp(at, key, key_bytes) != 0)
            continue;
        at += key_bytes;
        size_t gap = strspn(at, " \t=:\"");
        if (!gap)
            continue;
        at += gap;
        *ret_n = strcspn(at, " \t\r\n\"");
        return at;
    }
    return NULL;
}

static void read_build_file(struct paths *p, const struct snapshot *s, uint32_t file,
                            enum lang lang, const char *key) {
    AUTO_BUF text = BUF_INIT(INDEX_FILE_BYTES_MAX + 1);
    if (s->files[file].bytes > BUILD_FILE_BYTES_MAX || snapshot_text(s, file, &text, NULL) < 0 ||
        !text.data || strlen(text.data) != text.len)
        return;
    const char *from = text.data;
    if (lang == LANG_RUST && !(from = strstr(from, "[package]")))
        return;
    size_t n = 0;
    const char *name = value_of(from, key, &n);
    if (name)
        add_package(p, lang, s->files[file].path, name, n);
}

static void read_package(struct paths *p, const struct snapshot *s, uint32_t file) {
    const char *name = last_part(s->files[file].path);
    if (strcmp(name, "go.mod") == 0)
        read_build_file(p, s, file, LANG_GO, "module");
    else if (strcmp(name, "Cargo.toml") == 0)
        read_build_file(p, s, file, LANG_RUST, "name");
    else if (strcmp(name, "package.json") == 0)
        read_build_file(p, s, file, LANG_JAVASCRIPT, "\"name\"");
}

// --- names --------------------------------------------------------------------------------------

static int by_hash(const void *a, const void *b) {
    const struct named *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->file < y->file ? -1 : x->file > y->file;
}

static void make(struct paths *p, const struct snapshot *s) {
    struct named *names = mem_alloc(s->count * sizeof *names);
    if (!names)
        return;
    for (uint32_t i = 0; i < s->count; i++) {
        const char *name = last_part(s->files[i].path);
        names[i] = (struct named){tables_hash(name, strlen(name)), i};
        read_package(p, s, i);
    }
    if (s->count)
        qsort(names, s->count, sizeof *names, by_hash);
    p->names = names;
    p->count = s->count;
    p->made = true;
}

// --- places -------------------------------------------------------------------------------------

void place_begin(struct place_name *p, const char *folder, size_t n) {
    p->failed = n > WALK_PATH_BYTES_MAX;
    p->n = p->failed ? 0 : n;
    memcpy(p->text, folder, p->n);
    p->text[p->n] = '\0';
}

static void add_bytes(struct place_name *p, const char *bytes, size_t n) {
    if (p->failed || n > WALK_PATH_BYTES_MAX - p->n) {
        p->failed = true;
        return;
    }
    memcpy(p->text + p->n, bytes, n);
    p->n += n;
    p->text[p->n] = '\0';
}

static void go_up(struct place_name *p) {
    if (p->n == 0) {
        p->failed = true;
        return;
    }
    const char *slash = memrchr(p->text, '/', p->n);
    p->n = slash ? (size_t)(slash - p->text) : 0;
    p->text[p->n] = '\0';
}

void place_add(struct place_name *p, const char *parts, size_t n) {
    const char *end = parts + n;
    while (parts < end) {
        const char *slash = memchr(parts, '/', (size_t)(end - parts));
        size_t m = (size_t)((slash ? slash : end) - parts);
        if (m == 2 && parts[0] == '.' && parts[1] == '.') {
            go_up(p);
        } else if (m && !(m == 1 && parts[0] == '.')) {
            if (p->n)
                add_bytes(p, "/", 1);
            add_bytes(p, parts, m);
        }
        parts += m + (slash != NULL);
    }
}

void place_end(struct place_name *p, const char *ending) {
    add_bytes(p, ending, strlen(ending));
}

// --- seeking ------------------------------------------------------------------------------------

int64_t seek_exact(const struct seeker *k, const struct place_name *p) {
    if (p->failed || !p->n)
        return -1;
    int64_t i = snapshot_find(k->s, p->text, p->n);
    return i >= 0 && k->s->files[i].flags & (FILE_SUBMODULE | FILE_SYMLINK) && !k->s->files[i].facts
               ? -1
               : i;
}

int64_t seek_endings(const struct seeker *k, const struct place_name *p,
                     const char *const *endings) {
    int64_t i = -1;
    for (; *endings && i < 0; endings++) {
        struct place_name with = *p;
        place_end(&with, *endings);
        i = seek_exact(k, &with);
    }
    return i;
}

static size_t common_folders(const char *a, const char *b) {
    size_t common = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            common = i;
    return common;
}

static uint32_t first_named(const struct paths *p, uint32_t hash) {
    uint32_t low = 0, high = p->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->names[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t seek_suffix(const struct seeker *k, const char *suffix, size_t n, seek_accept_fn *accepts) {
    const struct paths *p = k->paths;
    const char *slash = memrchr(suffix, '/', n);
    const char *name = slash ? slash + 1 : suffix;
    uint32_t hash = tables_hash(name, (size_t)(suffix + n - name));
    int64_t best = -1;
    size_t best_common = 0, best_bytes = 0;
    uint32_t first = first_named(p, hash);
    for (uint32_t i = first; i < p->count && p->names[i].hash == hash && i - first < CANDIDATES_MAX;
         i++) {
        const char *path = k->s->files[p->names[i].file].path;
        size_t bytes = strlen(path);
        if (bytes < n || memcmp(path + bytes - n, suffix, n) != 0 ||
            (bytes > n && path[bytes - n - 1] != '/'))
            continue;
        if (accepts && !accepts(k, path, bytes > n ? bytes - n - 1 : 0))
            continue;
        size_t common = common_folders(path, k->from);
        if (best >= 0 && (common < best_common || (common == best_common && bytes >= best_bytes)))
            continue;
        best = p->names[i].file;
        best_common = common;
        best_bytes = bytes;
    }
    return best;
}

// First file whose path is not before this.
static uint32_t lower_bound(const struct snapshot *s, const char *path) {
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (strcmp(s->files[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t seek_in_folder(const struct seeker *k, const struct place_name *folder, enum lang lang) {
    struct place_name p = *folder;
    if (p.n)
        place_end(&p, "/");
    if (p.failed)
        return -1;
    int64_t test = -1;
    for (uint32_t i = lower_bound(k->s, p.text); i < k->s->count; i++) {
        const struct snapshot_file *f = &k->s->files[i];
        if (strncmp(f->path, p.text, p.n) != 0)
            break;
        if (f->lang != lang || strchr(f->path + p.n, '/'))
            continue;
        if (!(f->flags & FILE_TEST))
            return i;
        test = test < 0 ? i : test;
    }
    return test;
}

const struct package *seek_package(const struct seeker *k, enum lang lang, const char *name,
                                   char separator) {
    const struct package *best = NULL;
    size_t best_bytes = 0;
    for (uint32_t i = 0; i < k->paths->package_count; i++) {
        const struct package *p = &k->paths->packages[i];
        size_t n = strlen(p->name);
        if (p->lang == lang && n > best_bytes && strncmp(name, p->name, n) == 0 &&
            (name[n] == '\0' || name[n] == separator)) {
            best = p;
            best_bytes = n;
        }
    }
    return best;
}

const struct package *seek_own_package(const struct seeker *k, enum lang lang) {
    const struct package *best = NULL;
    for (uint32_t i = 0; i < k->paths->package_count; i++) {
        const struct package *p = &k->paths->packages[i];
        size_t n = strlen(p->folder);
        if (p->lang == lang &&
            (n == 0 || (strncmp(k->from, p->folder, n) == 0 && k->from[n] == '/')) &&
            (!best || n > strlen(best->folder)))
            best = p;
    }
    return best;
}

// --- asking -------------------------------------------------------------------------------------

int64_t paths_resolve(struct paths *p, const struct snapshot *s, uint32_t file,
                      const struct fact_import *import) {
    (void)pthread_mutex_lock(&p->lock);
    if (!p->made)
        make(p, s);
    bool made = p->made;
    (void)pthread_mutex_unlock(&p->lock);
    if (!made)
        return ERR_BUSY;
    const char *from = s->files[file].path;
    const char *name = last_part(from);
    const struct seeker k = {p, s, from, name > from ? (size_t)(name - from) - 1 : 0};
    int64_t found = paths_seek_import(&k, &s->files[file], import);
    return found == file ? -1 : found;
}
