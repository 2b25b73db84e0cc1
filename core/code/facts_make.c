#include "core/code/facts_make.h"

#include "core/base/mem.h"
#include "core/base/utf.h"
#include "core/code/clones.h"
#include "core/code/finding.h"

#include <string.h>

enum { TABLE_MIN = 256, POOL_BYTES_MAX = 64 * 1024 * 1024 };

static uint32_t hash_text(const char *text, size_t n) {
    uint64_t h = 0x9E3779B97F4A7C15U ^ n, w;
    for (; n >= 8; text += 8, n -= 8) {
        memcpy(&w, text, 8);
        h = (h ^ w) * 0xFF51AFD7ED558CCDU;
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, text, n);
    h = (h ^ w) * 0xFF51AFD7ED558CCDU;
    return (uint32_t)(h ^ h >> 29) | 1;
}

static uint32_t mask_for(size_t entries) { // of a table that stays half empty
    uint32_t size = TABLE_MIN;
    while (size < entries * 2 && size < 1u << 30)
        size *= 2;
    return size - 1;
}

void make_start(struct maker *m, enum lang lang, const char *text, size_t bytes) {
    *m = (struct maker){.text = text, .bytes = (uint32_t)bytes, .lang = lang};
    m->name_mask = mask_for(bytes / 32);
    m->names = mem_zalloc((m->name_mask + 1) * sizeof *m->names);
    m->ref_mask = mask_for(bytes / 32);
    m->ref_table = mem_zalloc((m->ref_mask + 1) * sizeof *m->ref_table);
    m->pool_capacity = 256 + (uint32_t)bytes / 8;
    m->pool = mem_alloc(m->pool_capacity);
    if (!m->names || !m->ref_table || !m->pool) {
        m->failed = ERR_NOMEM;
        return;
    }
    m->pool[0] = 0;
    m->pool_bytes = 1;
}

void make_end(struct maker *m) {
    mem_free(m->names);
    mem_free(m->ref_table);
    mem_free(m->pool);
    mem_free(m->symbols);
    mem_free(m->refs);
    mem_free(m->imports);
    mem_free(m->words);
    mem_free(m->findings);
    mem_free(m->clones);
    *m = (struct maker){0};
}

// Room for one more in an array; false when there is none.
static bool grow(struct maker *m, void *array, uint32_t count, uint32_t *capacity, uint32_t max,
                 size_t each) {
    void *old;
    if (m->failed)
        return false;
    if (count < *capacity)
        return true;
    if (count >= max) {
        m->flags |= FACTS_CUT;
        return false;
    }
    uint32_t wanted = *capacity ? *capacity * 2 : 64;
    memcpy(&old, array, sizeof old);
    void *new = mem_realloc(old, (wanted < max ? wanted : max) * each);
    if (!new) {
        m->failed = ERR_NOMEM;
        return false;
    }
    memcpy(array, &new, sizeof new);
    *capacity = wanted < max ? wanted : max;
    return true;
}

static bool rehash_names(struct maker *m) {
    uint32_t mask = m->name_mask * 2 + 1;
    struct name_slot *names = mem_zalloc(((size_t)mask + 1) * sizeof *names);
    if (!names) {
        m->failed = ERR_NOMEM;
        return false;
    }
    for (uint32_t i = 0; i <= m->name_mask; i++) {
        if (!m->names[i].name)
            continue;
        uint32_t at = m->names[i].hash & mask;
        while (names[at].name)
            at = (at + 1) & mask;
        names[at] = m->names[i];
    }
    mem_free(m->names);
    m->names = names;
    m->name_mask = mask;
    return true;
}

static uint32_t put_text(struct maker *m, const char *text, size_t n) {
    if (m->pool_bytes + n + 1 > m->pool_capacity) {
        size_t wanted = (size_t)m->pool_capacity * 2 + n + 1;
        char *pool = wanted <= POOL_BYTES_MAX ? mem_realloc(m->pool, wanted) : NULL;
        if (!pool) {
            m->failed = ERR_NOMEM;
            return 0;
        }
        m->pool = pool;
        m->pool_capacity = (uint32_t)wanted;
    }
    uint32_t at = m->pool_bytes;
    memcpy(m->pool + at, text, n);
    m->pool[at + n] = 0;
    m->pool_bytes += (uint32_t)n + 1;
    return at;
}

static uint32_t intern(struct maker *m, const char *text, size_t n) {
    uint32_t hash = hash_text(text, n), at = hash & m->name_mask;
    for (; m->names[at].name; at = (at + 1) & m->name_mask) {
        const char *have = m->pool + m->names[at].name;
        if (m->names[at].hash == hash && strncmp(have, text, n) == 0 && have[n] == 0)
            return m->names[at].name;
    }
    if (m->name_count * 2 > m->name_mask) {
        if (!rehash_names(m))
            return 0;
        for (at = hash & m->name_mask; m->names[at].name;)
            at = (at + 1) & m->name_mask;
    }
    uint32_t name = put_text(m, text, n);
    if (!name)
        return 0;
    m->names[at] = (struct name_slot){hash, name};
    m->name_count++;
    return name;
}

// What is not UTF-8, or cannot stand in one line, becomes '?'.
static uint32_t intern_odd(struct maker *m, const char *text, size_t n) {
    char clean[NAME_BYTES_MAX];
    if (n > NAME_BYTES_MAX)
        n = utf_cut(text, n, NAME_BYTES_MAX);
    for (size_t i = 0; i < n;) {
        size_t k = utf_sequence_bytes(text + i, n - i);
        if (k == 0 || (unsigned char)text[i] < 0x20) {
            clean[i] = (unsigned char)text[i] < 0x20 && text[i] ? ' ' : '?';
            i++;
            continue;
        }
        memcpy(clean + i, text + i, k);
        i += k;
    }
    return n ? intern(m, clean, n) : 0;
}

uint32_t make_name(struct maker *m, const char *text, size_t n) {
    bool odd = n > NAME_BYTES_MAX;
    if (m->failed || n == 0)
        return 0;
    for (size_t i = 0; i < n && !odd; i++)
        odd = (unsigned char)text[i] >= 0x80 || (unsigned char)text[i] < 0x20;
    return odd ? intern_odd(m, text, n) : intern(m, text, n);
}

uint32_t make_symbol(struct maker *m, const struct fact_symbol *symbol) {
    if (!symbol->name || !grow(m, &m->symbols, m->symbol_count, &m->symbol_capacity,
                               FACTS_SYMBOLS_MAX, sizeof *m->symbols))
        return UINT32_MAX;
    m->symbols[m->symbol_count] = *symbol;
    return m->symbol_count++;
}

static uint32_t hash_ref(uint32_t name, unsigned kind, uint32_t scope) {
    uint64_t h = ((uint64_t)name << 32 | scope << 4 | kind) * 0x9E3779B97F4A7C15U;
    return (uint32_t)(h >> 32);
}

static uint32_t find_ref(const struct maker *m, uint32_t name, unsigned kind, uint32_t scope) {
    uint32_t at = hash_ref(name, kind, scope) & m->ref_mask;
    for (; m->ref_table[at]; at = (at + 1) & m->ref_mask) {
        const struct fact_ref *r = &m->refs[m->ref_table[at] - 1];
        if (r->name == name && r->scope == scope && r->kind == kind)
            break;
    }
    return at;
}

static bool rehash_refs(struct maker *m) {
    uint32_t mask = m->ref_mask * 2 + 1;
    uint32_t *table = mem_zalloc(((size_t)mask + 1) * sizeof *table);
    if (!table) {
        m->failed = ERR_NOMEM;
        return false;
    }
    for (uint32_t i = 0; i < m->ref_count; i++) {
        uint32_t at = hash_ref(m->refs[i].name, m->refs[i].kind, m->refs[i].scope) & mask;
        while (table[at])
            at = (at + 1) & mask;
        table[at] = i + 1;
    }
    mem_free(m->ref_table);
    m->ref_table = table;
    m->ref_mask = mask;
    return true;
}

void make_ref(struct maker *m, uint32_t name, unsigned kind, uint32_t scope, uint32_t line) {
    if (m->failed || !name)
        return;
    uint32_t at = find_ref(m, name, kind, scope);
    if (m->ref_table[at]) {
        struct fact_ref *r = &m->refs[m->ref_table[at] - 1];
        if (r->count < UINT16_MAX)
            r->count++;
        return;
    }
    if (m->ref_count * 2 > m->ref_mask) {
        if (!rehash_refs(m))
            return;
        at = find_ref(m, name, kind, scope);
    }
    if (!grow(m, &m->refs, m->ref_count, &m->ref_capacity, FACTS_REFS_MAX, sizeof *m->refs))
        return;
    m->refs[m->ref_count++] = (struct fact_ref){
        .name = name, .scope = scope, .line = line, .count = 1, .kind = (uint8_t)kind};
    m->ref_table[at] = m->ref_count;
}

bool make_has_ref(const struct maker *m, uint32_t name, unsigned kind, uint32_t scope) {
    return !m->failed && m->ref_table[find_ref(m, name, kind, scope)];
}

void make_import(struct maker *m, const struct fact_import *import) {
    if (import->module && grow(m, &m->imports, m->import_count, &m->import_capacity,
                               FACTS_IMPORTS_MAX, sizeof *m->imports))
        m->imports[m->import_count++] = *import;
}

// Longer than a name, and of more than one line perhaps; UTF-8 already.
static uint32_t intern_long(struct maker *m, const char *text) {
    size_t n = strlen(text);
    return n && !m->failed ? intern(m, text, n) : 0;
}

void make_finding(struct maker *m, const struct finding *f) {
    struct fact_finding *to;
    if (!grow(m, &m->findings, m->finding_count, &m->finding_capacity, FACTS_FINDINGS_MAX,
              sizeof *m->findings))
        return;
    to = &m->findings[m->finding_count];
    *to = (struct fact_finding){.rule = (uint16_t)(f->rule - rules_at(0)),
                                .confidence = f->confidence ? f->confidence : f->rule->confidence,
                                .has_fix = f->has_fix,
                                .start = f->start,
                                .end = f->end,
                                .line = f->line,
                                .end_line = f->end_line,
                                .message = intern_long(m, f->message)};
    if (f->has_fix) {
        to->fix_start = f->fix_start;
        to->fix_end = f->fix_end;
        to->fix_text = intern_long(m, f->fix_text);
    }
    m->finding_count++;
}

void make_clones(struct maker *m) {
    uint32_t tokens = 0;
    if (!m->failed && clones_fingerprint(m->lang, m->text, m->bytes, &m->clones, &m->clone_count,
                                         &tokens, NULL) < 0)
        m->failed = ERR_NOMEM;
    else if (!m->failed && !m->tokens)
        m->tokens = tokens;
}

// A use of a name that the function, or one around it, declares for itself says nothing of the
// file's symbols. What a lambda of file scope declares hides nothing that the file defines.
static bool is_local(const struct maker *m, const struct fact_ref *r) {
    uint32_t scope = r->scope;
    if (r->kind != REF_USE && r->kind != REF_CALL && r->kind != REF_WRITE)
        return false;
    for (int step = 0; step < SCOPE_STEPS_MAX; step++) {
        if (make_has_ref(m, r->name, REF_LOCAL, scope))
            return scope || !make_has_ref(m, r->name, REF_SEEN, 0);
        if (!scope)
            break;
        scope = m->symbols[scope - 1].scope;
    }
    return false;
}

static void drop_own_refs(struct maker *m) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->symbol_count; i++) {
        struct fact_symbol *s = &m->symbols[i];
        if (s->scope == 0 && m->ref_count < FACTS_REFS_MAX - FACTS_SYMBOLS_MAX)
            make_ref(m, s->name, REF_SEEN, 0, s->line);
        if (make_has_ref(m, s->name, REF_SHARED, 0) && s->scope == 0)
            s->flags |= SYMBOL_EXPORTED;
    }
    if (m->failed)
        return;
    AUTO_FREE uint8_t *own = mem_zalloc(m->ref_count);
    if (!own) {
        m->failed = ERR_NOMEM;
        return;
    }
    for (uint32_t i = 0; i < m->ref_count; i++)
        own[i] = m->refs[i].kind >= REF_KINDS || is_local(m, &m->refs[i]);
    for (uint32_t i = 0; i < m->ref_count; i++)
        if (!own[i])
            m->refs[kept++] = m->refs[i];
    m->ref_count = kept;
}

struct layout {
    size_t bytes;
};

static uint32_t place(struct layout *l, size_t count, size_t each) {
    size_t at = l->bytes;
    l->bytes += count * each;
    return (uint32_t)at;
}

static void copy(struct facts *f, uint32_t at, const void *from, size_t bytes) {
    if (bytes)
        memcpy((char *)f + at, from, bytes);
}

int make_finish(struct maker *m, enum facts_tier tier, struct facts **ret, struct err *err) {
    if (!m->failed)
        drop_own_refs(m);
    if (m->failed)
        return err_set(err, m->failed, "out of memory");
    struct layout l = {sizeof(struct facts)};
    struct facts head = {
        .version = FACTS_VERSION,
        .lang = (uint8_t)m->lang,
        .tier = (uint8_t)tier,
        .flags = m->flags,
        .text_bytes = m->bytes,
        .lines = m->lines,
        .code_lines = m->code_lines,
        .comment_lines = m->comment_lines,
        .tokens = m->tokens,
        .symbol_count = m->symbol_count,
        .ref_count = m->ref_count,
        .import_count = m->import_count,
        .word_count = m->word_count,
        .finding_count = m->finding_count,
        .clone_count = m->clone_count,
        .pool_bytes = m->pool_bytes,
    };
    head.symbols = place(&l, m->symbol_count, sizeof *m->symbols);
    head.refs = place(&l, m->ref_count, sizeof *m->refs);
    head.imports = place(&l, m->import_count, sizeof *m->imports);
    head.words = place(&l, m->word_count, sizeof *m->words);
    head.findings = place(&l, m->finding_count, sizeof *m->findings);
    head.clones = place(&l, m->clone_count, sizeof *m->clones);
    head.pool = place(&l, m->pool_bytes, 1);
    head.bytes = (uint32_t)l.bytes;
    struct facts *f = l.bytes <= UINT32_MAX ? mem_alloc(l.bytes) : NULL;
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    *f = head;
    copy(f, f->symbols, m->symbols, m->symbol_count * sizeof *m->symbols);
    copy(f, f->refs, m->refs, m->ref_count * sizeof *m->refs);
    copy(f, f->imports, m->imports, m->import_count * sizeof *m->imports);
    copy(f, f->words, m->words, m->word_count * sizeof *m->words);
    copy(f, f->findings, m->findings, m->finding_count * sizeof *m->findings);
    copy(f, f->clones, m->clones, m->clone_count * sizeof *m->clones);
    copy(f, f->pool, m->pool, m->pool_bytes);
    *ret = f;
    return 0;
}

bool make_is_generated(const char *text, size_t bytes, uint32_t lines) {
    static const char *const says[] = {"@generated",     "Code generated", "DO NOT EDIT",
                                       "Do not edit",    "Generated by",   "generated by",
                                       "AUTO-GENERATED", "autogenerated"};
    size_t head = bytes < 1024 ? bytes : 1024;
    for (size_t k = 0; k < COUNT_OF(says); k++)
        if (memmem(text, head, says[k], strlen(says[k])))
            return true;
    return bytes > 4096 && bytes / (lines + 1) > 400;
}
