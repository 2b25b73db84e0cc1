#include "core/code/miner.h"

#include "core/base/mem.h"
#include "core/code/miner_impl.h"

#include <math.h>
#include <string.h>

enum { ENTRIES_DEFAULT = 1000 * 1000, TEXT_DEFAULT = 64 * 1024 * 1024, FIXED_MIN = 5 };

uint64_t miner_mix(uint64_t x) { // finaliser of splitmix64 (Steele, Lea, Flood 2014)
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9U;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

struct miner *miner_new(const struct miner_options *o) {
    struct miner *m = mem_zalloc(sizeof *m);
    if (!m)
        return NULL;
    m->entries_max = o && o->entries_max ? o->entries_max : ENTRIES_DEFAULT;
    m->texts = BUF_INIT(o && o->text_max ? o->text_max : TEXT_DEFAULT);
    m->scratch = BUF_INIT(4 * PATTERN_TEXT_BYTES_MAX);
    m->reader = pattern_reader_new();
    m->old_tree = syntax_new();
    m->new_tree = syntax_new();
    if (!m->reader || !m->old_tree || !m->new_tree) {
        miner_free(m);
        return NULL;
    }
    return m;
}

void miner_free(struct miner *m) {
    if (!m)
        return;
    mem_free(m->table);
    mem_free(m->frequencies);
    mem_free(m->hashes);
    buf_done(&m->texts);
    buf_done(&m->scratch);
    form_done(&m->form);
    form_done(&m->other);
    form_walk_done(&m->walk);
    syntax_free(m->old_tree);
    syntax_free(m->new_tree);
    pattern_reader_free(m->reader);
    mem_free(m);
}

static struct entry *find(struct entry *table, uint32_t slots, uint64_t hash) {
    uint32_t at = (uint32_t)(hash >> 20) & (slots - 1);
    while (table[at].hash && table[at].hash != hash)
        at = (at + 1) & (slots - 1);
    return &table[at];
}

// Into a table of `slots`; entries seen in less than `files_min` files, none of it now, are
// dropped.
static int rebuild(struct miner *m, uint32_t slots, uint32_t files_min) {
    struct entry *table = mem_zalloc(slots * sizeof *table);
    if (!table)
        return ERR_NOMEM;
    uint32_t used = 0;
    for (uint32_t k = 0; k < m->slots; k++) {
        const struct entry *e = &m->table[k];
        if (!e->hash || (e->files < files_min && e->last_file != m->file))
            continue;
        *find(table, slots, e->hash) = *e;
        used++;
    }
    mem_free(m->table);
    m->table = table;
    m->slots = slots;
    m->used = used;
    return 0;
}

// At most three quarters full. At the maximum what was seen least goes first.
static int make_room(struct miner *m) {
    if (m->slots && (uint64_t)m->used * 4 < (uint64_t)m->slots * 3 && m->used < m->entries_max)
        return 0;
    if (m->used < m->entries_max && m->slots < (1U << 30))
        return rebuild(m, m->slots ? m->slots * 2 : 4096, 0);
    for (uint32_t files = 2; m->used > m->entries_max / 2 && files < 64; files++) {
        int r = rebuild(m, m->slots, files);
        if (r < 0)
            return r;
    }
    return m->used < m->entries_max ? 0 : ERR_LIMIT;
}

static uint64_t bit_of(uint64_t number) {
    return number ? 1ULL << (miner_mix(number) >> 58) : 0;
}

int miner_record(struct miner *m, const struct sighting *seen, struct entry **ret) {
    int r = make_room(m);
    *ret = NULL;
    if (r < 0)
        return r;
    struct entry *e = find(m->table, m->slots, seen->hash);
    if (!e->hash) {
        *e = (struct entry){.hash = seen->hash,
                            .first = m->inserted++,
                            .weight = seen->weight,
                            .holes = seen->holes,
                            .lang = (uint8_t)seen->lang,
                            .level = (uint8_t)seen->level};
        m->used++;
    }
    e->count += e->count < UINT32_MAX;
    if (e->last_file != m->file) {
        e->last_file = m->file;
        e->files++;
        e->authors |= bit_of(m->source.author);
        e->projects |= bit_of(m->source.project);
        if (e->files == 2 && e->text == TEXT_NONE)
            *ret = e;
    }
    return 0;
}

int miner_keep_text(struct miner *m, struct entry *e, int printed) {
    if (printed == ERR_NOMEM)
        return ERR_NOMEM;
    if (printed < 0 || m->scratch.len > PATTERN_TEXT_BYTES_MAX ||
        m->texts.len + m->scratch.len >= m->texts.max) {
        e->text = TEXT_UNFIT;
        return 0;
    }
    size_t at = m->texts.len;
    if (buf_append(&m->texts, m->scratch.data, m->scratch.len + 1) < 0) // with its end
        return ERR_NOMEM;
    e->text = (uint32_t)at + 1;
    return 0;
}

static uint64_t code_key(const struct form_node *n) {
    return (uint64_t)n->kind << 32 | n->code | 1ULL << 40;
}

static struct frequency *find_code(struct frequency *table, uint32_t slots, uint64_t key) {
    uint32_t at = (uint32_t)(miner_mix(key)) & (slots - 1);
    while (table[at].code && table[at].code != key)
        at = (at + 1) & (slots - 1);
    return &table[at];
}

static int grow_codes(struct miner *m) {
    uint32_t slots = m->frequency_slots ? m->frequency_slots * 2 : 4096;
    struct frequency *table = mem_zalloc(slots * sizeof *table);
    if (!table)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < m->frequency_slots; k++)
        if (m->frequencies[k].code)
            *find_code(table, slots, m->frequencies[k].code) = m->frequencies[k];
    mem_free(m->frequencies);
    m->frequencies = table;
    m->frequency_slots = slots;
    return 0;
}

// Codes are types and library names, so there are some thousand of them at most.
int miner_count_codes(struct miner *m, const struct form *f) {
    for (uint32_t k = 0; k < f->count; k++) {
        if (m->frequency_used * 2 >= m->frequency_slots) {
            int r = grow_codes(m);
            if (r < 0)
                return r;
        }
        uint64_t key = code_key(&f->nodes[k]);
        struct frequency *x = find_code(m->frequencies, m->frequency_slots, key);
        m->frequency_used += !x->code;
        x->code = key;
        x->count++;
    }
    m->nodes += f->count;
    return 0;
}

double miner_code_bits(const struct miner *m, const struct form_node *n) {
    if (!m->frequency_slots || !m->nodes)
        return 6; // only edits so far: no frequencies
    const struct frequency *x = find_code(m->frequencies, m->frequency_slots, code_key(n));
    return log2((double)(m->nodes + 1) / (double)(x->code ? x->count : 1));
}

// What made lists worth reading: substance, something that is done, and either a name that comes
// twice or names of the library that belong together. A cut has to leave a structure.
bool miner_is_useful(const struct form_walk *w) {
    if (w->weight < PATTERN_NODES_MIN || w->weight > PATTERN_NODES_MAX ||
        w->metavariables > PATTERN_METAVARIABLES_MAX ||
        w->holes * 100 > w->weight * PATTERN_HOLES_PERCENT_MAX ||
        w->weight - w->holes < FIXED_MIN || !w->actions)
        return false;
    if (w->cut)
        return w->controls && (w->repeats || w->kept >= 2);
    return w->repeats || (w->kept && w->controls) || (w->kept >= 2 && w->weight >= 10);
}

static int record(struct miner *m, const struct syntax *s, uint32_t i, uint32_t statements,
                  enum mined_level level) {
    struct sighting seen = {.hash = form_walk_hash(&m->walk),
                            .weight = m->walk.weight,
                            .holes = m->walk.holes,
                            .level = level,
                            .lang = s->lang};
    struct entry *e;
    if (!miner_is_useful(&m->walk))
        return 0;
    int r = miner_record(m, &seen, &e);
    if (r < 0 || !e)
        return r;
    struct pattern_names names = {.count = 0};
    buf_clear(&m->scratch);
    r = pattern_print(&m->scratch, s, &m->form, i, statements, NULL, level == MINED_CUT, &names);
    return miner_keep_text(m, e, r);
}

static bool is_candidate(const struct form_node *n) {
    return (n->flags & (FORM_STATEMENT | FORM_UNFIT)) == FORM_STATEMENT;
}

// The statement at `i` and the windows that begin with it. Rows of like statements are tables.
static int mine_windows(struct miner *m, const struct syntax *s, uint32_t i) {
    const struct form *f = &m->form;
    int r = form_walk_start(&m->walk, f);
    uint32_t last = i;
    for (uint32_t n = 1; r == 0; n++) {
        uint16_t kept = m->walk.kept;
        m->walk.mark = m->walk.metavariables;
        m->walk.linked = 0;
        form_walk_add(&m->walk, f, last, false);
        if (n == 1)
            m->hashes[i] = form_walk_hash(&m->walk);
        // Neighbours belong together by a name, or by what they use of the library.
        else if (!m->walk.linked && (!kept || m->walk.kept == kept))
            break;
        bool thin = n > 1 && !m->walk.kept && !m->walk.controls && m->walk.repeats < 2;
        if (!thin)
            r = record(m, s, i, n, n == 1 ? MINED_SUBTREE : MINED_WINDOW);
        uint32_t next = f->nodes[last].next;
        if (n == PATTERN_STATEMENTS_MAX || next >= f->count || !is_candidate(&f->nodes[next]) ||
            f->nodes[next].depth != f->nodes[i].depth || !(f->nodes[i].flags & FORM_IN_BLOCK) ||
            !(f->nodes[next].flags & FORM_IN_BLOCK) ||
            form_weight(f, i, f->nodes[next].next) > PATTERN_NODES_MAX ||
            m->hashes[next] == m->hashes[last])
            break;
        last = next;
    }
    return r;
}

static int mine_node(struct miner *m, const struct syntax *s, uint32_t i) {
    const struct form *f = &m->form;
    int r = 0;
    m->hashes[i] = 0;
    if (!is_candidate(&f->nodes[i]))
        return 0;
    uint32_t weight = form_weight(f, i, f->nodes[i].next);
    if (weight <= PATTERN_NODES_MAX)
        r = mine_windows(m, s, i);
    if (r < 0 || weight < PATTERN_NODES_MIN || f->nodes[i].kind != FORM_INNER)
        return r;
    r = form_walk_start(&m->walk, f);
    if (r < 0)
        return r;
    form_walk_add(&m->walk, f, i, true);
    return m->walk.cut ? record(m, s, i, 1, MINED_CUT) : 0;
}

int miner_add(struct miner *m, const struct syntax *s, const struct miner_source *source,
              struct err *err) {
    m->source = source ? *source : (struct miner_source){.author = 0};
    if (m->source.secret)
        return 0;
    m->file++;
    int r = form_build(&m->form, s, 0, NULL, 0, err);
    if (r < 0)
        return r;
    if (m->form.count > m->hash_capacity) {
        mem_free(m->hashes);
        m->hash_capacity = 0;
        m->hashes = mem_alloc(m->form.count * sizeof *m->hashes);
        if (!m->hashes)
            return err_set(err, ERR_NOMEM, "out of memory");
        m->hash_capacity = m->form.count;
    }
    r = miner_count_codes(m, &m->form);
    // From the last, so that a statement's hash is known when the one before it asks.
    for (uint32_t i = m->form.count; r == 0 && i-- > 0;)
        r = mine_node(m, s, i);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

const char *mined_level_name(enum mined_level level) {
    static const char *const names[] = {"subtree", "window", "cut", "general", "edit"};
    return names[level];
}
