#include "core/agents/symbols.h"

#include "core/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct fact_symbol *symbol_at(const struct snapshot *s, struct place p) {
    return facts_symbol(snapshot_file(s, p.file)->facts, p.symbol);
}

const char *symbol_name_at(const struct snapshot *s, struct place p) {
    return facts_text(snapshot_file(s, p.file)->facts, symbol_at(s, p)->name);
}

const char *symbol_path_at(const struct snapshot *s, struct place p) {
    return snapshot_file(s, p.file)->path;
}

void symbol_full_name(const struct snapshot *s, struct place p, char *ret, size_t max) {
    const struct facts *f = snapshot_file(s, p.file)->facts;
    const struct fact_symbol *me = symbol_at(s, p);
    uint32_t scope = me->scope;
    // Only the nearest class: "Class.method" is what people write.
    while (scope && facts_symbol(f, scope - 1)->kind != SYMBOL_CLASS)
        scope = facts_symbol(f, scope - 1)->scope;
    if (scope)
        (void)snprintf(ret, max, "%s.%s", facts_text(f, facts_symbol(f, scope - 1)->name),
                       facts_text(f, me->name));
    else
        (void)snprintf(ret, max, "%s", facts_text(f, me->name));
}

int64_t symbol_on_line(const struct facts *f, uint32_t line) {
    int64_t best = -1;
    for (uint32_t i = 0; i < f->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        if (y->line > line || y->end_line < line || (y->flags & SYMBOL_DECLARATION))
            continue;
        if (y->kind != SYMBOL_FUNCTION && y->kind != SYMBOL_METHOD && y->kind != SYMBOL_CLASS &&
            y->kind != SYMBOL_TEST)
            continue;
        if (best < 0 || y->start >= facts_symbol(f, (uint32_t)best)->start)
            best = i;
    }
    return best;
}

// --- finding -----------------------------------------------------------------------------------

static void add(const struct snapshot *s, struct symbol_list *list, struct place p) {
    bool body = !(symbol_at(s, p)->flags & SYMBOL_DECLARATION);
    list->total++;
    if (list->count == SYMBOLS_FOUND_MAX)
        return;
    uint32_t at = list->count;
    while (body && at > 0 && (symbol_at(s, list->places[at - 1])->flags & SYMBOL_DECLARATION))
        at--;
    memmove(&list->places[at + 1], &list->places[at], (list->count - at) * sizeof p);
    list->places[at] = p;
    list->count++;
}

static bool in_class(const struct snapshot *s, struct place p, const char *name, size_t n) {
    const struct facts *f = snapshot_file(s, p.file)->facts;
    for (uint32_t scope = symbol_at(s, p)->scope; scope;) {
        const struct fact_symbol *y = facts_symbol(f, scope - 1);
        const char *text = facts_text(f, y->name);
        if (strlen(text) == n && memcmp(text, name, n) == 0)
            return true;
        scope = y->scope;
    }
    return false;
}

static void find_named(const struct snapshot *s, const char *name, size_t n, const char *class_name,
                       size_t class_bytes, int64_t only_file, struct symbol_list *ret) {
    struct place found[SYMBOLS_FOUND_MAX];
    uint32_t total = snapshot_definitions(s, name, n, found, SYMBOLS_FOUND_MAX);
    for (uint32_t i = 0; i < total && i < SYMBOLS_FOUND_MAX; i++)
        if ((only_file < 0 || found[i].file == (uint32_t)only_file) &&
            (!class_bytes || in_class(s, found[i], class_name, class_bytes)))
            add(s, ret, found[i]);
}

static int64_t read_line_number(const char *digits, size_t n) {
    int64_t line = 0;
    if (n == 0 || n > 9)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -1;
        line = line * 10 + (digits[i] - '0');
    }
    return line;
}

// path:line or path#name. True: it was one of these.
static bool find_in_file(const struct snapshot *s, struct text text, struct symbol_list *ret) {
    const char *mark = memrchr(text.data, '#', text.len);
    bool by_name = mark != NULL;
    if (!mark)
        mark = memrchr(text.data, ':', text.len);
    if (!mark)
        return false;
    int64_t file = snapshot_find(s, text.data, (size_t)(mark - text.data));
    size_t rest = text.len - (size_t)(mark - text.data) - 1;
    if (file < 0 || !snapshot_file(s, (uint32_t)file)->facts)
        return false;
    ret->qualified = true;
    if (by_name) {
        find_named(s, mark + 1, rest, NULL, 0, file, ret);
        return true;
    }
    int64_t line = read_line_number(mark + 1, rest);
    int64_t symbol =
        line < 0 ? -1 : symbol_on_line(snapshot_file(s, (uint32_t)file)->facts, (uint32_t)line);
    if (symbol >= 0)
        add(s, ret, (struct place){(uint32_t)file, (uint32_t)symbol});
    return line >= 0;
}

// Where "Class.method", "Class::method" or "Class#method" is cut; NULL: a bare name.
static const char *last_separator(struct text text, size_t *ret_bytes) {
    for (size_t i = text.len; i-- > 1;) {
        if (text.data[i] == '.' || text.data[i] == '#') {
            *ret_bytes = 1;
            return text.data + i;
        }
        if (text.data[i] == ':' && text.data[i - 1] == ':') {
            *ret_bytes = 2;
            return text.data + i - 1;
        }
    }
    return NULL;
}

int symbols_find(const struct snapshot *s, struct text text, struct symbol_list *ret,
                 struct err *err) {
    *ret = (struct symbol_list){0};
    while (text.len && (text.data[text.len - 1] == ')' || text.data[text.len - 1] == '('))
        text.len--; // "name()"
    if (!text.len || text.len > SYMBOL_TEXT_BYTES_MAX)
        return err_set(err, ERR_INVAL,
                       "symbol: expected a name, Class.method, path:line or path#name");
    if (find_in_file(s, text, ret))
        return 0;
    find_named(s, text.data, text.len, NULL, 0, -1, ret);
    size_t bytes = 0;
    const char *cut = ret->count ? NULL : last_separator(text, &bytes);
    if (!cut)
        return 0;
    size_t before = (size_t)(cut - text.data), behind = text.len - before - bytes;
    size_t inner = 0;
    const char *class_name = text.data;
    const char *outer = last_separator((struct text){text.data, before}, &inner);
    if (outer) { // a.b.C.m: the class is what stands before the method
        class_name = outer + inner;
        before = (size_t)(cut - class_name);
    }
    ret->qualified = true;
    find_named(s, cut + bytes, behind, class_name, before, -1, ret);
    if (!ret->count) // module.function
        find_named(s, cut + bytes, behind, NULL, 0, -1, ret);
    return 0;
}

// --- who mentions it ---------------------------------------------------------------------------

enum { MENTIONS_MAX = 65536, RIVALS_MAX = 64, INCLUDE_DEPTH = 8, INCLUDES_SEEN_MAX = 512 };

// Does `from` import `to`, directly or (C: headers include headers) through others?
static bool imports(const struct snapshot *s, uint32_t from, uint32_t to) {
    uint32_t seen[INCLUDES_SEEN_MAX], count = 1, at = 0, depth_end = 1, depth = 0;
    seen[0] = from;
    while (at < count && depth < INCLUDE_DEPTH) {
        const struct snapshot_file *f = snapshot_file(s, seen[at]);
        for (uint32_t i = 0; f->facts && i < f->facts->import_count; i++) {
            int64_t target = snapshot_import(s, seen[at], i);
            if (target == (int64_t)to)
                return true;
            bool known = target < 0;
            for (uint32_t k = 0; k < count && !known; k++)
                known = seen[k] == (uint32_t)target;
            if (!known && count < INCLUDES_SEEN_MAX)
                seen[count++] = (uint32_t)target;
        }
        if (++at == depth_end) {
            depth_end = count;
            depth++;
            if (f->lang != LANG_C && f->lang != LANG_CPP)
                break;
        }
    }
    return false;
}

static bool same_folder(const char *a, const char *b) {
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
    size_t n = x ? (size_t)(x - a) : 0, m = y ? (size_t)(y - b) : 0;
    return n == m && memcmp(a, b, n) == 0;
}

// A definition is seen from a file when it is its own, its folder's (Go packages, Java, and C's
// header beside the source), or imported, itself or by the header that declares it.
static bool visible(const struct snapshot *s, uint32_t from, struct place target,
                    const struct symbol_list *declarations) {
    if (from == target.file)
        return true;
    if (!(symbol_at(s, target)->flags & SYMBOL_EXPORTED))
        return false;
    if (same_folder(snapshot_file(s, from)->path, symbol_path_at(s, target)) ||
        imports(s, from, target.file))
        return true;
    for (uint32_t i = 0; i < declarations->count; i++)
        if ((symbol_at(s, declarations->places[i])->flags & SYMBOL_DECLARATION) &&
            (declarations->places[i].file == from ||
             imports(s, from, declarations->places[i].file)))
            return true;
    return false;
}

struct judge {
    const struct snapshot *s;
    struct place target;
    struct symbol_list same_name;
    bool rivals;   // other definitions with a body
    uint32_t file; // the last one judged
    bool judged, plausible, certain;
};

static void judge_file(struct judge *j, uint32_t file) {
    if (j->judged && j->file == file)
        return;
    bool exported = symbol_at(j->s, j->target)->flags & SYMBOL_EXPORTED;
    bool sees = visible(j->s, file, j->target, &j->same_name);
    j->file = file;
    j->judged = true;
    j->plausible = file == j->target.file || exported;
    j->certain = sees && !j->rivals;
    if (!j->rivals || !j->plausible || file == j->target.file) {
        j->certain = j->plausible && (sees || !j->rivals) && (!j->rivals || file == j->target.file);
        return;
    }
    bool other = false; // a rival that is seen from here
    for (uint32_t i = 0; i < j->same_name.count && !other; i++) {
        struct place rival = j->same_name.places[i];
        if (rival.file == j->target.file || (symbol_at(j->s, rival)->flags & SYMBOL_DECLARATION))
            continue;
        other = visible(j->s, file, rival, &(struct symbol_list){0});
    }
    j->certain = sees && !other;
    j->plausible = sees || !other;
}

static int by_place(const void *a, const void *b) {
    const struct caller_place *x = a, *y = b;
    if (x->place.file != y->place.file)
        return x->place.file < y->place.file ? -1 : 1;
    if (x->place.symbol != y->place.symbol)
        return x->place.symbol + 1 < y->place.symbol + 1 ? -1 : 1; // the file itself first
    return x->line < y->line ? -1 : x->line > y->line;
}

static uint32_t merge_scopes(struct caller_place *list, uint32_t count) {
    uint32_t kept = 0;
    qsort(list, count, sizeof *list, by_place);
    for (uint32_t i = 0; i < count; i++) {
        struct caller_place *last = kept ? &list[kept - 1] : NULL;
        if (last && last->place.file == list[i].place.file &&
            last->place.symbol == list[i].place.symbol) {
            last->count += list[i].count;
            last->calls |= list[i].calls;
        } else
            list[kept++] = list[i];
    }
    return kept;
}

int symbol_callers(const struct snapshot *s, struct place target, struct caller_place **ret,
                   uint32_t *ret_count, struct err *err) {
    const char *name = symbol_name_at(s, target);
    struct mention *mentions = mem_alloc(MENTIONS_MAX * sizeof *mentions);
    struct judge *j = mem_zalloc(sizeof *j);
    struct caller_place *list = NULL;
    uint32_t total = 0, count = 0;
    if (mentions && j) {
        j->s = s;
        j->target = target;
        find_named(s, name, strlen(name), NULL, 0, -1, &j->same_name);
        for (uint32_t i = 0; i < j->same_name.count; i++)
            j->rivals |= j->same_name.places[i].file != target.file &&
                         !(symbol_at(s, j->same_name.places[i])->flags & SYMBOL_DECLARATION);
        total = snapshot_mentions(s, name, strlen(name), mentions, MENTIONS_MAX);
        total = total < MENTIONS_MAX ? total : MENTIONS_MAX;
        list = mem_alloc((total + 1) * sizeof *list);
    }
    for (uint32_t i = 0; list && i < total; i++) {
        const struct fact_ref *r =
            facts_ref(snapshot_file(s, mentions[i].file)->facts, mentions[i].ref);
        bool own = mentions[i].file == target.file && r->scope == target.symbol + 1;
        judge_file(j, mentions[i].file);
        if (!j->plausible || own)
            continue;
        list[count++] = (struct caller_place){.place = {mentions[i].file, r->scope - 1},
                                              .line = r->line,
                                              .count = r->count,
                                              .calls = r->kind == REF_CALL,
                                              .certain = j->certain};
    }
    mem_free(mentions);
    mem_free(j);
    if (!list)
        return err_set(err, ERR_NOMEM, "out of memory");
    count = merge_scopes(list, count);
    *ret = list;
    *ret_count = count < CALLERS_MAX ? count : CALLERS_MAX;
    return 0;
}
