#include "core/workspace/search.h"

#include "core/base/mem.h"
#include "core/code/words.h"
#include "core/workspace/search_graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NESTED_LINES_MAX = 200, CANCEL_EVERY = 512 };
static const double OFTEN_MIN = 1, OFTEN_TIMES_MEAN = 2; // 1: a commit of today

uint64_t search_hash_more(uint64_t h, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return h;
}

uint64_t search_hash(const char *text, size_t n) {
    return search_hash_more(0xcbf29ce484222325u, text, n);
}

uint64_t search_base_hash(const char *path, size_t n) {
    size_t base = n;
    uint64_t h = search_hash("", 0);
    while (base && path[base - 1] != '/' && path[base - 1] != '\\')
        base--;
    for (; base < n; base++) {
        char c = path[base] >= 'A' && path[base] <= 'Z' ? (char)(path[base] | 0x20) : path[base];
        h = search_hash_more(h, &c, 1);
    }
    return h;
}

bool symbol_is_function(const struct fact_symbol *y) {
    return y->kind == SYMBOL_FUNCTION || y->kind == SYMBOL_METHOD || y->kind == SYMBOL_TEST;
}

bool symbol_is_scope(const struct fact_symbol *y) {
    return symbol_is_function(y) || y->kind == SYMBOL_CLASS || y->kind == SYMBOL_NAMESPACE;
}

const char *search_name(const struct search *s, uint32_t unit) {
    const struct fact_symbol *y = search_symbol(s, unit);
    return y ? facts_text(search_facts(s, s->file_of[unit]), y->name) : "";
}

static int by_word(const void *a, const void *b) {
    const struct posting *x = a, *y = b;
    if (x->word != y->word)
        return x->word < y->word ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

// Equal (word, id) become one: counts are added up.
void postings_sort(struct postings *p) {
    if (!p->count)
        return;
    qsort(p->at, p->count, sizeof *p->at, by_word);
    uint32_t n = 0;
    for (uint32_t i = 1; i < p->count; i++) {
        if (p->at[i].word == p->at[n].word && p->at[i].id == p->at[n].id)
            p->at[n].count += p->at[i].count;
        else
            p->at[++n] = p->at[i];
    }
    p->count = n + 1;
}

uint32_t postings_find(const struct postings *p, uint64_t word, const struct posting **ret) {
    uint32_t low = 0, high = p->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (p->at[middle].word < word)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t end = low;
    while (end < p->count && p->at[end].word == word)
        end++;
    *ret = p->at ? p->at + low : NULL;
    return end - low;
}

struct filling { // of a list of postings
    struct postings *to;
    uint32_t cap, max;
    uint32_t id, count;
    bool failed;
};

static int add_posting(void *ctx, const char *word, size_t n) {
    struct filling *f = ctx;
    if (f->to->count == f->cap) {
        uint32_t cap = f->cap ? f->cap * 2 : 1024;
        struct posting *more = f->cap < f->max ? mem_realloc(f->to->at, cap * sizeof *more) : NULL;
        if (!more) {
            f->failed = f->cap < f->max; // at the maximum the rest is left out
            return -1;
        }
        f->to->at = more;
        f->cap = cap;
    }
    f->to->at[f->to->count++] =
        (struct posting){.word = search_hash(word, n), .id = f->id, .count = f->count};
    return 0;
}

static int count_units(struct search *s, struct err *err) {
    uint64_t units = 0;
    for (uint32_t i = 0; i < s->file_count; i++) {
        const struct snapshot_file *f = snapshot_file(s->snapshot, i);
        s->files[i].first = (uint32_t)units;
        s->files[i].units = 1 + (f->facts ? f->facts->symbol_count : 0);
        s->files[i].weight = f->weight;
        s->files[i].test = (f->flags & FILE_TEST) != 0;
        s->files[i].code = language_is_code(f->lang);
        units += s->files[i].units;
    }
    if (units > UINT32_MAX / 2)
        return err_set(err, ERR_LIMIT, "the workspace has too many definitions to search");
    s->unit_count = (uint32_t)units;
    return 0;
}

// A small function inside of a function is found and shown with it; inside of a large one (the
// wrapper of a module, a test suite) it stands for itself.
static void find_owners(struct search *s, uint32_t file) {
    const struct facts *facts = search_facts(s, file);
    const struct search_file *f = &s->files[file];
    s->owner[f->first] = f->first;
    for (uint32_t i = 0; facts && i < facts->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(facts, i);
        uint32_t unit = f->first + 1 + i;
        s->owner[unit] = unit;
        if (!y->scope || y->scope > i) // the enclosing one always comes first
            continue;
        const struct fact_symbol *outer = facts_symbol(facts, y->scope - 1);
        if (symbol_is_function(outer) && outer->end_line - outer->line < NESTED_LINES_MAX)
            s->owner[unit] = s->owner[f->first + y->scope];
    }
}

static void count_words(struct search *s, uint32_t file) {
    const struct facts *facts = search_facts(s, file);
    struct search_file *f = &s->files[file];
    for (uint32_t i = 0; facts && i < facts->word_count; i++) {
        const struct fact_word *w = facts_word(facts, i);
        f->words += w->count;
        if (w->scope < f->units)
            s->unit_words[s->owner[f->first + w->scope]] += w->count;
    }
}

static void add_names(struct search *s, uint32_t file, struct filling *names) {
    const struct facts *facts = search_facts(s, file);
    const struct search_file *f = &s->files[file];
    for (uint32_t i = 0; facts && i < facts->symbol_count && !names->failed; i++) {
        const struct fact_symbol *y = facts_symbol(facts, i);
        if (y->kind == SYMBOL_SECTION || y->kind == SYMBOL_FIELD)
            continue;
        const char *name = facts_text(facts, y->name);
        names->id = f->first + 1 + i;
        (void)words_of_identifier(name, strlen(name), add_posting, names);
    }
}

static void add_path(struct search *s, uint32_t file, struct filling *paths) {
    const char *path = snapshot_file(s->snapshot, file)->path;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    paths->id = file;
    paths->count = 2;
    (void)words_of_identifier(base, n, add_posting, paths);
    paths->count = 1;
    (void)words_of_text(path, (size_t)(base - path), add_posting, paths);
}

// What a name's words say together, from how many definitions have each.
static void weigh_names(struct search *s) {
    for (uint32_t i = 0; i < s->names.count;) {
        uint32_t end = i;
        while (end < s->names.count && s->names.at[end].word == s->names.at[i].word)
            end++;
        float info = (float)log(1 + (double)s->unit_count / (end - i + 1));
        for (; i < end; i++)
            s->name_weight[s->names.at[i].id] += info;
    }
}

// Where everything changes as often as all else, or hardly anything does any more, nothing changes
// "often".
static void mark_often(struct search *s) {
    double sum = 0;
    uint32_t changed = 0;
    for (uint32_t i = 0; i < s->file_count; i++) {
        double c = expm1((double)s->files[i].churn);
        sum += c;
        changed += c > 0;
    }
    for (uint32_t i = 0; i < s->file_count; i++) {
        double c = expm1((double)s->files[i].churn);
        s->files[i].often = c >= OFTEN_MIN && c * changed >= OFTEN_TIMES_MEAN * sum;
    }
}

static void ask_churn(struct search *s) {
    double most = 0;
    for (uint32_t i = 0; i < s->file_count; i++) {
        double c = s->history.churn(s->history.ctx, snapshot_file(s->snapshot, i)->path);
        s->files[i].churn = c > 0 ? (float)log1p(c) : 0;
        if (s->files[i].churn > most)
            most = s->files[i].churn;
    }
    mark_often(s);
    for (uint32_t i = 0; most > 0 && i < s->file_count; i++)
        s->files[i].churn = (float)(s->files[i].churn / most);
}

struct messages {
    struct filling filling;
    size_t left;
    uint32_t words;
};

static int add_message_word(void *ctx, const char *word, size_t n) {
    struct messages *m = ctx;
    m->words++;
    return add_posting(&m->filling, word, n);
}

static void add_message(void *to, const char *text, size_t bytes) {
    struct messages *m = to;
    if (bytes > m->left)
        bytes = m->left;
    m->left -= bytes;
    (void)words_of_text(text, bytes, add_message_word, m);
}

static int ask_messages(struct search *s, struct err *err) {
    enum { MESSAGE_POSTINGS_MAX = 8 * 1024 * 1024 };
    struct messages m = {.filling = {.to = &s->messages, .max = MESSAGE_POSTINGS_MAX, .count = 1}};
    double words = 0;
    uint32_t with = 0;
    s->message_words = mem_zalloc(s->file_count * sizeof *s->message_words);
    if (!s->message_words)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < s->file_count; i++) {
        m.filling.id = i;
        m.left = SEARCH_MESSAGES_BYTES_MAX;
        m.words = 0;
        s->history.messages(s->history.ctx, snapshot_file(s->snapshot, i)->path, add_message, &m);
        if (m.filling.failed)
            return err_set(err, ERR_NOMEM, "out of memory");
        s->message_words[i] = (float)m.words;
        words += m.words;
        with += m.words > 0;
    }
    s->mean_message_words = with ? words / with : 1;
    postings_sort(&s->messages);
    return 0;
}

static int allocate_units(struct search *s, struct err *err) {
    size_t n = s->unit_count ? s->unit_count : 1;
    s->file_of = mem_alloc(n * sizeof *s->file_of);
    s->owner = mem_alloc(n * sizeof *s->owner);
    s->unit_words = mem_zalloc(n * sizeof *s->unit_words);
    s->name_weight = mem_zalloc(n * sizeof *s->name_weight);
    if (!s->file_of || !s->owner || !s->unit_words || !s->name_weight)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < s->file_count; i++)
        for (uint32_t k = 0; k < s->files[i].units; k++)
            s->file_of[s->files[i].first + k] = i;
    return 0;
}

static int prepare(struct search *s, const struct search_config *c, struct err *err) {
    enum { NAME_POSTINGS_MAX = 64 * 1024 * 1024 };
    struct filling names = {.to = &s->names, .max = NAME_POSTINGS_MAX, .count = 1};
    struct filling paths = {.to = &s->paths, .max = NAME_POSTINGS_MAX};
    s->files = mem_zalloc((s->file_count ? s->file_count : 1) * sizeof *s->files);
    if (!s->files)
        return err_set(err, ERR_NOMEM, "out of memory");
    int r = count_units(s, err);
    if (r == 0)
        r = allocate_units(s, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < s->file_count; i++) {
        if (c->cancelled && i % CANCEL_EVERY == 0 && c->cancelled(c->ctx))
            return err_set(err, ERR_CANCELLED, "cancelled");
        find_owners(s, i);
        count_words(s, i);
        add_names(s, i, &names);
        add_path(s, i, &paths);
        if (names.failed || paths.failed)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    s->bases.at = mem_alloc((s->file_count ? s->file_count : 1) * sizeof *s->bases.at);
    if (!s->bases.at)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (uint32_t i = 0; i < s->file_count; i++) {
        const char *path = snapshot_file(s->snapshot, i)->path;
        s->bases.at[s->bases.count++] =
            (struct posting){.word = search_base_hash(path, strlen(path)), .id = i};
    }
    postings_sort(&s->bases);
    postings_sort(&s->names);
    postings_sort(&s->paths);
    weigh_names(s);
    if (s->history.churn)
        ask_churn(s);
    r = s->history.messages ? ask_messages(s, err) : 0;
    s->memory = sizeof *s + s->file_count * (sizeof *s->files + sizeof(float)) +
                s->unit_count * (3 * sizeof(uint32_t) + sizeof(float)) +
                (names.cap + paths.cap + s->messages.count) * sizeof(struct posting);
    return r;
}

int search_new(const struct search_config *c, struct search **ret, struct err *err) {
    struct search *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->snapshot = c->snapshot;
    s->file_count = snapshot_count(c->snapshot);
    if (c->history)
        s->history = *c->history;
    int r = prepare(s, c, err);
    if (r < 0) {
        search_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void search_free(struct search *s) {
    if (!s)
        return;
    graph_free(atomic_load(&s->graph));
    mem_free(s->files);
    mem_free(s->file_of);
    mem_free(s->owner);
    mem_free(s->unit_words);
    mem_free(s->name_weight);
    mem_free(s->names.at);
    mem_free(s->paths.at);
    mem_free(s->bases.at);
    mem_free(s->messages.at);
    mem_free(s->message_words);
    mem_free(s);
}

const struct snapshot *search_snapshot(const struct search *s) {
    return s->snapshot;
}

uint64_t search_generation(const struct search *s) {
    return snapshot_generation(s->snapshot);
}

size_t search_memory(const struct search *s) {
    return s->memory;
}

const char *search_why_name(enum search_why w) {
    static const char *const names[] = {
        [WHY_FRAME] = "frame",     [WHY_PATH] = "path",       [WHY_NAME] = "name",
        [WHY_WORDS] = "words",     [WHY_CALLS] = "calls",     [WHY_CHURN] = "churn",
        [WHY_COUPLED] = "coupled", [WHY_MESSAGE] = "message", [WHY_FOCUS] = "focus",
        [WHY_RANK] = "rank"};
    return w < WHY_COUNT ? names[w] : "";
}
