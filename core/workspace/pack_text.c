// The text of a pack: "path:line" and plain code below it.
#include "core/base/mem.h"
#include "core/workspace/pack_impl.h"

#include <stdlib.h>
#include <string.h>

enum { JOIN_LINES = 3 }; // a gap this short costs less than a header

static int find_lines(struct pack_file *f, struct err *err) {
    uint32_t n = 1;
    for (size_t i = 0; i < f->text.len; i++)
        n += f->text.data[i] == '\n';
    f->lines = mem_alloc((n + 1) * sizeof *f->lines);
    if (!f->lines)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->lines[f->line_count++] = 0;
    for (size_t i = 0; i < f->text.len; i++)
        if (f->text.data[i] == '\n')
            f->lines[f->line_count++] = (uint32_t)i + 1;
    return 0;
}

struct pack_file *pack_open(struct packing *p, uint32_t file, struct err *err) {
    for (uint32_t i = 0; i < p->file_count; i++)
        if (p->files[i].file == file)
            return p->files[i].read ? &p->files[i] : NULL;
    if (p->file_count == PACK_TEXTS_MAX)
        return NULL;
    struct pack_file *f = &p->files[p->file_count++];
    *f = (struct pack_file){.file = file, .text = BUF_INIT(INDEX_FILE_BYTES_MAX + 1)};
    int r = snapshot_text(p->s->snapshot, file, &f->text, NULL);
    if (r == 0)
        r = find_lines(f, NULL);
    if (r == ERR_NOMEM)
        (void)err_set(err, ERR_NOMEM, "out of memory");
    f->read = r == 0;
    p->unread += r < 0;
    return f->read ? f : NULL;
}

void pack_close(struct packing *p) {
    for (uint32_t i = 0; i < p->file_count; i++) {
        buf_done(&p->files[i].text);
        mem_free(p->files[i].lines);
    }
    mem_free(p->files);
    p->files = NULL;
    p->file_count = 0;
}

uint32_t pack_line(const struct pack_file *f, uint32_t byte) {
    uint32_t low = 0, high = f->line_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (f->lines[middle] <= byte)
            low = middle;
        else
            high = middle;
    }
    return low + 1;
}

void pack_widen(const struct pack_file *f, uint32_t *start, uint32_t *end) {
    uint32_t n = (uint32_t)f->text.len;
    *end = *end < n ? *end : n;
    *start = *start < *end ? *start : *end;
    uint32_t line = pack_line(f, *end > *start ? *end - 1 : *end);
    *start = f->lines[pack_line(f, *start) - 1];
    *end = line < f->line_count ? f->lines[line] : n;
}

static double file_best(const struct packing *p, uint32_t file) {
    double best = 0;
    for (uint32_t i = 0; i < p->part_count; i++)
        if (p->parts[i].file == file && p->parts[i].score > best)
            best = p->parts[i].score;
    return best;
}

struct order { // of the files
    uint32_t file;
    double best;
};

static int by_best(const void *a, const void *b) {
    const struct order *x = a, *y = b;
    if (x->best > y->best || x->best < y->best)
        return x->best > y->best ? -1 : 1;
    return (x->file > y->file) - (x->file < y->file);
}

static int by_position(const void *a, const void *b) {
    const struct pack_part *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->end < y->end) - (x->end > y->end); // the outer one first
}

// Groups the parts by file, best file first.
static int sort_parts(struct packing *p, struct err *err) {
    AUTO_FREE struct order *files = mem_alloc((p->part_count + 1) * sizeof *files);
    AUTO_FREE struct pack_part *sorted = mem_alloc((p->part_count + 1) * sizeof *sorted);
    uint32_t n = 0, at = 0;
    if (!files || !sorted)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < p->part_count; i++) {
        uint32_t k = 0;
        while (k < n && files[k].file != p->parts[i].file)
            k++;
        if (k == n) {
            uint32_t file = p->parts[i].file;
            files[n++] = (struct order){.file = file, .best = file_best(p, file)};
        }
    }
    qsort(files, n, sizeof *files, by_best);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t first = at;
        for (uint32_t i = 0; i < p->part_count; i++)
            if (p->parts[i].file == files[k].file)
                sorted[at++] = p->parts[i];
        qsort(sorted + first, at - first, sizeof *sorted, by_position);
    }
    memcpy(p->parts, sorted, p->part_count * sizeof *sorted);
    return 0;
}

// The class around a part that does not begin with it: a method alone does not say whose it is.
static const char *class_around(const struct packing *p, const struct pack_part *part) {
    const struct facts *facts = search_facts(p->s, part->file);
    if (part->symbol == UINT32_MAX || !facts || part->symbol >= facts->symbol_count)
        return "";
    uint32_t scope = facts_symbol(facts, part->symbol)->scope;
    if (!scope)
        return "";
    const struct fact_symbol *y = facts_symbol(facts, scope - 1);
    return symbol_is_function(y) ? "" : facts_text(facts, y->name);
}

static void write_range(struct buf *to, const struct pack_file *f, uint32_t start, uint32_t end) {
    (void)buf_append(to, f->text.data + start, end - start);
    if (to->len && to->data[to->len - 1] != '\n')
        (void)buf_putc(to, '\n');
}

// Parts are sorted by file and position: each is joined to the last when it touches it.
static void write_part(const struct packing *p, const struct pack_file *f,
                       const struct pack_part *part, const struct pack_part *last, uint32_t *done,
                       struct buf *to) {
    uint32_t start = part->start;
    if (last && last->file == part->file) {
        if (part->end <= *done)
            return;
        if (start < *done)
            start = *done;
        if (pack_line(f, start) <= pack_line(f, *done ? *done - 1 : 0) + JOIN_LINES) {
            write_range(to, f, *done, part->end);
            *done = part->end;
            return;
        }
    }
    const char *class = class_around(p, part);
    (void)buf_printf(to, "%s:%u", snapshot_file(p->s->snapshot, part->file)->path,
                     pack_line(f, start));
    if (*class)
        (void)buf_printf(to, " in %s", class);
    (void)buf_putc(to, '\n');
    write_range(to, f, start, part->end);
    *done = part->end;
}

int pack_write(struct packing *p, struct buf *ret, struct err *err) {
    uint32_t done = 0;
    int r = sort_parts(p, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < p->part_count; i++) {
        struct pack_file *f = pack_open(p, p->parts[i].file, err);
        if (f)
            write_part(p, f, &p->parts[i], i ? &p->parts[i - 1] : NULL, &done, ret);
    }
    return ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}
