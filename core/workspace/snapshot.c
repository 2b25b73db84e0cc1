#include "core/base/mem.h"
#include "core/crypto/digest.h"
#include "core/workspace/beneath.h"
#include "core/workspace/classify.h"
#include "core/workspace/snapshot_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    IMPORTS_MAX = 4 * 1000 * 1000, // of a tree; of more the targets are not remembered
    CHANGED_FILES_MAX = 48,        // beside the base's tables; then all are made anew
    CHANGED_FACTS_BYTES_MAX = 3 * 1024 * 1024
};

// --- notes --------------------------------------------------------------------------------------

static void __attribute__((format(printf, 2, 3)))
note(struct snapshot *s, const char *format, ...) {
    if (s->note_count == SNAPSHOT_NOTES_MAX)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s->notes[s->note_count++], SNAPSHOT_NOTE_BYTES_MAX, format, args);
    va_end(args);
}

static void note_count(struct snapshot *s, uint32_t n, const char *one, const char *many) {
    if (n)
        note(s, "%u %s", n, n == 1 ? one : many);
}

struct tally {
    uint32_t large, unreadable, timeouts, cut, unsaved;
};

static void tally_entry(const struct entry *e, struct tally *t) {
    t->large += (e->flags & FILE_TOO_LARGE) != 0;
    t->unreadable += (e->flags & FILE_UNREADABLE) != 0;
    t->unsaved += e->text != NULL;
    if (e->unit) {
        t->timeouts += (e->unit->facts->flags & FACTS_TIMEOUT) != 0;
        t->cut += (e->unit->facts->flags & FACTS_CUT) != 0;
    }
}

static void write_notes(struct snapshot *s, const struct snapshot_parts *p) {
    struct tally t = {0};
    for (uint32_t i = 0; i < s->count; i++)
        tally_entry(s->entries[i], &t);
    const struct walk_counts *c = p->counts;
    if (p->big)
        note(s, "more than %d MB of source: definitions only, no references, words or findings",
             INDEX_LEXICAL_ONLY_BYTES / 1024 / 1024);
    if (c->cut)
        note(s, "more than %d files: the rest is not known", INDEX_FILES_MAX);
    note_count(s, t.large, "file over 2 MB: known by name only",
               "files over 2 MB: known by name only");
    note_count(s, t.unreadable, "file cannot be read", "files cannot be read");
    note_count(s, t.timeouts, "file took too long to parse: definitions only",
               "files took too long to parse: definitions only");
    note_count(s, t.cut, "file has more symbols or references than are kept",
               "files have more symbols or references than are kept");
    note_count(s, c->unreadable, "folder cannot be read", "folders cannot be read");
    note_count(s, c->repositories, "repository inside of this one: not looked into",
               "repositories inside of this one: not looked into");
    note_count(s, c->packages, "folder of installed packages or caches: not looked into",
               "folders of installed packages or caches: not looked into");
    note_count(s, c->too_deep, "folder is nested too deeply", "folders are nested too deeply");
    note_count(s, c->too_long, "path is too long", "paths are too long");
    note_count(s, c->special, "device, socket or pipe: left out",
               "devices, sockets or pipes: left out");
}

const char *snapshot_note(const struct snapshot *s, unsigned i) {
    return i < s->note_count ? s->notes[i] : NULL;
}

// --- layers of tables ---------------------------------------------------------------------------

static void layer_done(struct layer *l) {
    tables_put(l->tables);
    mem_free(l->file);
    *l = (struct layer){0};
}

static bool same_unit(const struct entry *a, const struct entry *b) {
    return a == b || a->unit == b->unit;
}

struct difference {
    struct entry **entries; // that the base does not know as they are
    uint32_t *files;
    uint32_t count;
    size_t facts_bytes;
};

// Which slots of the older base still hold, and what it misses. False: too much has changed.
static bool compare(const struct snapshot *s, struct layer *base, struct difference *d) {
    uint32_t slot = 0, slots = tables_count(base->tables);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct entry *e = s->entries[i];
        int order = -1;
        while (slot < slots && tables_entry(base->tables, slot) != e &&
               (order = strcmp(tables_entry(base->tables, slot)->path, e->path)) < 0)
            base->file[slot++] = UINT32_MAX;
        bool here = slot < slots && (tables_entry(base->tables, slot) == e || order == 0);
        bool same = here && same_unit(tables_entry(base->tables, slot), e);
        if (here)
            base->file[slot++] = same ? i : UINT32_MAX;
        if (same || !e->unit)
            continue;
        d->facts_bytes += e->unit->facts->bytes;
        if (d->count == CHANGED_FILES_MAX || d->facts_bytes > CHANGED_FACTS_BYTES_MAX)
            return false;
        d->files[d->count] = i;
        d->entries[d->count++] = s->entries[i];
    }
    while (slot < slots)
        base->file[slot++] = UINT32_MAX;
    return true;
}

static int layer_all(struct snapshot *s) {
    s->base.tables = tables_new(s->entries, s->count);
    s->base.file = mem_alloc((size_t)s->count * sizeof *s->base.file);
    if (!s->base.tables || !s->base.file)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->count; i++)
        s->base.file[i] = i;
    return 0;
}

static int layer_changed(struct snapshot *s, const struct difference *d) {
    if (!d->count)
        return 0;
    s->changed.tables = tables_new(d->entries, d->count);
    s->changed.file = mem_alloc(d->count * sizeof *s->changed.file);
    if (!s->changed.tables || !s->changed.file)
        return ERR_NOMEM;
    memcpy(s->changed.file, d->files, d->count * sizeof *d->files);
    return 0;
}

static int make_layers(struct snapshot *s, const struct snapshot *previous) {
    if (!previous)
        return layer_all(s);
    struct entry *entries[CHANGED_FILES_MAX];
    uint32_t files[CHANGED_FILES_MAX];
    struct difference d = {.entries = entries, .files = files};
    s->base.tables = tables_ref(previous->base.tables);
    s->base.file = mem_alloc(tables_count(s->base.tables) * sizeof *s->base.file);
    if (!s->base.file)
        return ERR_NOMEM;
    if (compare(s, &s->base, &d))
        return layer_changed(s, &d);
    layer_done(&s->base);
    return layer_all(s);
}

// --- making -------------------------------------------------------------------------------------

static void show(struct snapshot_file *f, const struct entry *e) {
    *f = (struct snapshot_file){.path = e->path,
                                .lang = (enum lang)e->lang,
                                .flags = e->flags,
                                .weight = classify_weight(e->flags),
                                .bytes = e->bytes,
                                .mtime_ns = e->stat.mtime_ns,
                                .facts = e->unit ? e->unit->facts : NULL};
    if (e->hashed)
        memcpy(f->hash, e->hash, sizeof f->hash);
}

static bool is_build_file(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return strcmp(name, "go.mod") == 0 || strcmp(name, "Cargo.toml") == 0 ||
           strcmp(name, "package.json") == 0;
}

// Where imports lead depends on the paths and on what build files say.
static bool same_paths(const struct snapshot *a, const struct snapshot *b) {
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->entries[i] == b->entries[i])
            continue;
        if (strcmp(a->entries[i]->path, b->entries[i]->path) != 0)
            return false;
        if (is_build_file(a->entries[i]->path) &&
            memcmp(a->entries[i]->hash, b->entries[i]->hash, FACTS_HASH_BYTES) != 0)
            return false;
    }
    return true;
}

static int fill(struct snapshot *s, const struct snapshot_parts *p) {
    s->files = mem_alloc(p->count * sizeof *s->files);
    s->entries = mem_alloc(p->count * sizeof(struct entry *));
    if (!s->files || !s->entries)
        return ERR_NOMEM;
    for (; s->count < p->count; s->count++) {
        s->entries[s->count] = entry_ref(p->entries[s->count]);
        show(&s->files[s->count], s->entries[s->count]);
    }
    s->paths =
        p->previous && same_paths(p->previous, s) ? paths_ref(p->previous->paths) : paths_new();
    if (!s->paths)
        return ERR_NOMEM;
    write_notes(s, p);
    return make_layers(s, p->previous);
}

static void imports_free(struct import_memo *m) {
    if (m)
        mem_free(m->first);
    mem_free(m);
}

struct snapshot *snapshot_new(const struct snapshot_parts *p) {
    struct snapshot *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    s->generation = p->generation;
    s->tier = p->tier;
    s->root = root_ref(p->root);
    if (fill(s, p) < 0) {
        snapshot_put(s);
        return NULL;
    }
    return s;
}

struct snapshot *snapshot_ref(struct snapshot *s) {
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void snapshot_put(struct snapshot *s) {
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < s->count; i++)
        entry_put(s->entries[i]);
    layer_done(&s->base);
    layer_done(&s->changed);
    paths_put(s->paths);
    imports_free(atomic_load(&s->imports));
    root_put(s->root);
    mem_free(s->files);
    mem_free(s->entries);
    mem_free(s);
}

// --- reading ------------------------------------------------------------------------------------

enum facts_tier snapshot_tier(const struct snapshot *s) {
    return s->tier;
}

uint64_t snapshot_generation(const struct snapshot *s) {
    return s->generation;
}

uint32_t snapshot_count(const struct snapshot *s) {
    return s->count;
}

const struct snapshot_file *snapshot_file(const struct snapshot *s, uint32_t i) {
    return &s->files[i];
}

int64_t snapshot_find(const struct snapshot *s, const char *path, size_t n) {
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *at = s->files[middle].path;
        int order = strncmp(at, path, n);
        if (order == 0 && at[n] == '\0')
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static struct import_memo *make_imports(const struct snapshot *s) {
    size_t total = 0;
    struct import_memo *m = NULL;
    uint32_t *first = mem_alloc((s->count + 1) * sizeof *first);
    for (uint32_t i = 0; first && i < s->count; i++) {
        first[i] = (uint32_t)total;
        total += s->files[i].facts ? s->files[i].facts->import_count : 0;
    }
    if (!first || total > IMPORTS_MAX || !(m = mem_alloc(sizeof *m + total * sizeof *m->target))) {
        mem_free(first);
        return NULL;
    }
    m->first = first;
    for (size_t i = 0; i < total; i++)
        atomic_init(&m->target[i], IMPORT_UNASKED);
    return m;
}

// Whoever comes second throws its own away.
static struct import_memo *imports_of(const struct snapshot *s) {
    _Atomic(struct import_memo *) *at = (_Atomic(struct import_memo *) *)&s->imports;
    struct import_memo *m = atomic_load_explicit(at, memory_order_acquire), *none = NULL;
    if (m || !(m = make_imports(s)))
        return m;
    if (atomic_compare_exchange_strong(at, &none, m))
        return m;
    imports_free(m);
    return none;
}

int64_t snapshot_import(const struct snapshot *s, uint32_t file, uint32_t import) {
    const struct facts *f = file < s->count ? s->files[file].facts : NULL;
    if (!f || import >= f->import_count)
        return -1;
    struct import_memo *m = imports_of(s);
    _Atomic int32_t *known = m ? &m->target[m->first[file] + import] : NULL;
    int64_t to = known ? atomic_load_explicit(known, memory_order_relaxed) : IMPORT_UNASKED;
    if (to == IMPORT_UNASKED) {
        to = paths_resolve(s->paths, s, file, facts_import(f, import));
        if (known && to != ERR_BUSY)
            atomic_store_explicit(known, to < 0 ? -1 : (int32_t)to, memory_order_relaxed);
    }
    return to < 0 ? -1 : to;
}

int snapshot_text(const struct snapshot *s, uint32_t file, struct buf *ret, struct err *err) {
    if (file >= s->count)
        return err_set(err, ERR_INVAL, "there is no such file");
    const struct entry *e = s->entries[file];
    if (!e->hashed)
        return err_set(err, ERR_UNSUPPORTED, "%s is known by name only", e->path);
    if (e->text) {
        buf_clear(ret);
        return buf_append(ret, e->text->data, e->text->bytes);
    }
    int failed = beneath_read(s->root->fd, e->path, INDEX_FILE_BYTES_MAX + 1, ret);
    if (ret->failed)
        return err_set(err, ERR_NOMEM, "out of memory for %s", e->path);
    uint8_t hash[FACTS_HASH_BYTES];
    if (failed == 0)
        digest_bytes(ret->data ? ret->data : "", ret->len, hash, sizeof hash);
    if (failed || memcmp(hash, e->hash, sizeof hash) != 0)
        return err_set(err, ERR_BUSY, "%s has changed meanwhile; ask again", e->path);
    return 0;
}
