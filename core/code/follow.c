#include "core/code/follow.h"

#include "core/base/mem.h"
#include "core/code/follow_impl.h"

#include <string.h>

enum { TABLE_SLOTS_MIN = 1024, TAB_COLUMNS = 8, INDENT_MAX = 255 };

struct follow *follow_new(void) {
    return mem_zalloc(sizeof(struct follow));
}

void follow_free(struct follow *f) {
    if (!f)
        return;
    mem_free(f->pool);
    mem_free(f->texts);
    mem_free(f->table);
    mem_free(f->lines);
    mem_free(f->order);
    mem_free(f);
}

size_t follow_memory(const struct follow *f) {
    return sizeof *f + f->pool_capacity + f->text_capacity * sizeof *f->texts +
           f->table_slots * sizeof *f->table + f->line_capacity * sizeof *f->lines +
           f->order_count * sizeof *f->order;
}

// --- different lines -----------------------------------------------------------------------------

static uint32_t hash_of(enum lang lang, const char *text, size_t n) {
    uint32_t h = 2166136261U ^ follow_family(lang);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619U;
    return h ^ (h >> 16);
}

static uint32_t *slot_of(const struct follow *f, enum lang lang, const char *text, size_t n) {
    uint32_t mask = f->table_slots - 1;
    for (uint32_t i = hash_of(lang, text, n) & mask;; i = (i + 1) & mask) {
        const struct follow_text *t = f->table[i] ? &f->texts[f->table[i] - 1] : NULL;
        if (!t || (t->bytes == n && follow_family((enum lang)t->lang) == follow_family(lang) &&
                   memcmp(f->pool + t->at, text, n) == 0))
            return &f->table[i];
    }
}

static int grow_table(struct follow *f) {
    uint32_t slots = f->table_slots ? f->table_slots * 2 : TABLE_SLOTS_MIN;
    uint32_t *old = f->table, *table = mem_zalloc(slots * sizeof *table);
    if (!table)
        return ERR_NOMEM;
    f->table = table;
    f->table_slots = slots;
    for (uint32_t i = 1; i < f->text_count; i++) {
        const struct follow_text *t = &f->texts[i];
        *slot_of(f, (enum lang)t->lang, f->pool + t->at, t->bytes) = i + 1;
    }
    mem_free(old);
    return 0;
}

static int grow_pool(struct follow *f, size_t n) {
    if (n > f->pool_capacity - f->pool_bytes) {
        uint32_t capacity = f->pool_capacity ? f->pool_capacity * 2 : 64 * 1024;
        char *pool = mem_realloc(f->pool, capacity);
        if (!pool)
            return ERR_NOMEM;
        f->pool = pool;
        f->pool_capacity = capacity;
    }
    return 0;
}

static int add_text(struct follow *f, const struct follow_text *t, const char *text) {
    int r = mem_grow((void **)&f->texts, f->text_count, &f->text_capacity, sizeof *f->texts,
                     FOLLOW_LINES_MAX);
    if (r == 0)
        r = grow_pool(f, t->bytes);
    if (r < 0)
        return r;
    f->texts[f->text_count] = *t;
    f->texts[f->text_count].at = f->pool_bytes;
    if (t->bytes)
        memcpy(f->pool + f->pool_bytes, text, t->bytes);
    f->pool_bytes += t->bytes;
    f->text_count++;
    return 0;
}

// The number of this line's text; FOLLOW_BREAK: it is none that is kept.
static int intern(struct follow *f, enum lang lang, const char *text, size_t n, uint32_t *ret) {
    struct follow_line_tokens tokens;
    *ret = FOLLOW_BREAK;
    if (n > FOLLOW_LINE_BYTES_MAX)
        return 0;
    if ((f->text_count + 1) * 2 > f->table_slots && grow_table(f) < 0)
        return ERR_NOMEM;
    uint32_t *slot = slot_of(f, lang, text, n);
    if (!*slot) {
        if (!follow_tokens(lang, text, n, &tokens))
            return 0;
        struct follow_text t = {.form = follow_form(&tokens, lang),
                                .bytes = (uint16_t)n,
                                .lang = (uint8_t)lang,
                                .tokens = (uint8_t)tokens.count};
        int r = add_text(f, &t, text);
        if (r < 0)
            return r;
        *slot = f->text_count;
    }
    *ret = *slot - 1;
    f->texts[*ret].count++;
    return 0;
}

static int put_line(struct follow *f, uint32_t text, uint32_t indent) {
    bool again =
        text == FOLLOW_BREAK && f->line_count && f->lines[f->line_count - 1].text == FOLLOW_BREAK;
    if (again)
        return 0;
    int r = mem_grow((void **)&f->lines, f->line_count, &f->line_capacity, sizeof *f->lines,
                     FOLLOW_LINES_MAX);
    if (r == 0)
        f->lines[f->line_count++] =
            (struct follow_line){.text = text,
                                 .file = (uint16_t)f->files,
                                 .indent = (uint8_t)(indent < INDENT_MAX ? indent : INDENT_MAX)};
    return r;
}

// --- texts ---------------------------------------------------------------------------------------

static uint32_t indent_of(const char *text, const char *first) {
    uint32_t columns = 0;
    const char *start = first;
    while (start > text && start[-1] != '\n')
        start--;
    for (; start < first; start++)
        columns += *start == '\t' ? TAB_COLUMNS - columns % TAB_COLUMNS : 1;
    return columns;
}

// One line with tokens from `first` up to `last`; over several lines: a break.
static int take_line(struct follow *f, enum lang lang, const char *text, const char *first,
                     const char *last, bool broken) {
    uint32_t number = FOLLOW_BREAK;
    int r = broken ? 0 : intern(f, lang, first, (size_t)(last - first), &number);
    return r < 0 ? r : put_line(f, number, indent_of(text, first));
}

static int take_lines(struct follow *f, enum lang lang, const char *text, size_t bytes) {
    struct clone_lexer x;
    struct clone_token token;
    const char *first = NULL, *last = NULL;
    uint32_t line = 0;
    bool broken = false;
    int r = 0;
    (void)clone_lexer_start(&x, lang, text, bytes);
    x.imports = true;
    while (r == 0 && clone_lexer_next(&x, &token)) {
        if (first && token.line != line) {
            r = take_line(f, lang, text, first, last, broken);
            first = NULL;
            broken = false;
        }
        if (!first)
            first = x.from;
        last = x.at;
        broken |= x.line != token.line; // a text over lines
        line = x.line;
    }
    return r < 0 || !first ? r : take_line(f, lang, text, first, last, broken);
}

int follow_add(struct follow *f, enum lang lang, const char *text, size_t bytes, uint32_t *ret_file,
               struct err *err) {
    static const struct follow_text none = {0};
    uint32_t before = f->line_count;
    if (!follow_knows(lang))
        return err_set(err, ERR_UNSUPPORTED, "no lines are taken of this language");
    if (f->files >= FOLLOW_FILES_MAX || bytes > FOLLOW_BYTES_MAX - f->bytes)
        return err_set(err, ERR_LIMIT, "enough texts");
    int r = f->text_count ? 0 : add_text(f, &none, "");
    if (r == 0)
        r = put_line(f, FOLLOW_BREAK, 0);
    if (r == 0)
        r = take_lines(f, lang, text, bytes);
    if (r < 0) {
        f->line_count = before;
        return err_set(err, r, r == ERR_LIMIT ? "enough lines" : "out of memory");
    }
    f->bytes += bytes;
    *ret_file = f->files++;
    return 0;
}

// --- order ---------------------------------------------------------------------------------------

static int compare(const struct follow *f, uint32_t a, uint32_t b) {
    for (uint32_t k = 1; k <= FOLLOW_CONTEXT_LINES; k++) {
        uint32_t x = k <= a ? follow_form_at(f, a - k) : 0;
        uint32_t y = k <= b ? follow_form_at(f, b - k) : 0;
        if (x != y)
            return x < y ? -1 : 1;
        if (!x)
            break;
    }
    return a < b ? -1 : a > b;
}

// Bottom-up merge sort: stable in time whatever the lines are, no recursion.
static void sort(const struct follow *f, uint32_t *list, uint32_t *other, uint32_t n) {
    for (uint32_t width = 1; width < n; width *= 2) {
        for (uint32_t from = 0; from < n; from += 2 * width) {
            uint32_t middle = from + width < n ? from + width : n;
            uint32_t end = middle + width < n ? middle + width : n;
            uint32_t a = from, b = middle;
            for (uint32_t k = from; k < end; k++) {
                bool left = a < middle && (b >= end || compare(f, list[a], list[b]) < 0);
                other[k] = left ? list[a++] : list[b++];
            }
        }
        memcpy(list, other, n * sizeof *list);
    }
}

int follow_finish(struct follow *f, struct err *err) {
    uint32_t n = 0;
    mem_free(f->order);
    f->order_count = 0;
    f->order = mem_alloc((f->line_count + 1) * sizeof *f->order);
    uint32_t *other = mem_alloc((f->line_count + 1) * sizeof *other);
    if (!f->order || !other) {
        mem_free(other);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (uint32_t i = 1; i < f->line_count; i++)
        if (f->lines[i].text != FOLLOW_BREAK && f->lines[i - 1].text != FOLLOW_BREAK)
            f->order[n++] = i;
    sort(f, f->order, other, n);
    mem_free(other);
    f->order_count = n;
    return 0;
}
