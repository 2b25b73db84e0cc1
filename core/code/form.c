#include "core/code/form.h"

#include "core/base/mem.h"
#include "core/code/stdnames.h"

#include <pthread.h>
#include <string.h>

// What becomes of a node type; one table per language, made on first use.
enum treat {
    TREAT_INNER,
    TREAT_DROP,        // separators and brackets
    TREAT_TRANSPARENT, // its children stand in its place
    TREAT_TOKEN,
    TREAT_KEYWORD, // as TOKEN, weighs nothing
    TREAT_STRING,
    TREAT_CHARACTER,
    TREAT_NUMBER,
    TREAT_NAME,
    TREAT_SKIP, // comments
    TREAT_UNFIT
};
struct type_info {
    uint8_t treat;
    uint8_t flags; // enum form_flags
    bool block;    // its children are statements
};

enum { TABLES = LANG_TREE_LAST + 1 };
static struct type_info *type_tables[TABLES];
static pthread_mutex_t type_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_one_of(const char *text, const char *const *list) {
    for (; *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static enum treat treat_anonymous(const char *type) {
    static const char *const dropped[] = {"(", ")",  "{", "}", "[",  "]",  ",", ";",
                                          ":", "\"", "'", "`", "\n", ";;", NULL};
    if (is_one_of(type, dropped))
        return TREAT_DROP;
    return (type[0] >= 'a' && type[0] <= 'z') || (type[0] >= 'A' && type[0] <= 'Z') ? TREAT_KEYWORD
                                                                                    : TREAT_TOKEN;
}

static enum treat treat_role(enum role role) {
    switch (role) {
    case ROLE_COMMENT:
        return TREAT_SKIP;
    case ROLE_EXPRESSION_STATEMENT:
        return TREAT_TRANSPARENT;
    case ROLE_STRING:
    case ROLE_STRING_PART:
        return TREAT_STRING;
    case ROLE_CHARACTER:
        return TREAT_CHARACTER;
    case ROLE_NUMBER:
        return TREAT_NUMBER;
    case ROLE_IDENTIFIER:
    case ROLE_FIELD_IDENTIFIER:
    case ROLE_TYPE_IDENTIFIER:
        return TREAT_NAME;
    case ROLE_ERROR:
    case ROLE_MISSING:
    case ROLE_PREPROC_IF:
    case ROLE_PREPROC_ELIF:
    case ROLE_PREPROC_ELSE:
    case ROLE_MACRO:
    case ROLE_IMPORT:
    case ROLE_EXPORT:
    case ROLE_CLASS:
    case ROLE_FUNCTION:
    case ROLE_DECORATOR:
        return TREAT_UNFIT;
    default:
        return TREAT_INNER;
    }
}

static uint8_t flags_of(enum role role) {
    switch (role) {
    case ROLE_VARIABLE:
        return FORM_STATEMENT | FORM_EXPRESSION;
    case ROLE_IF:
    case ROLE_UNLESS:
    case ROLE_IF_MODIFIER:
    case ROLE_FOR:
    case ROLE_WHILE:
    case ROLE_DO:
    case ROLE_SWITCH:
    case ROLE_TRY:
    case ROLE_WITH:
    case ROLE_DEFER:
        return FORM_STATEMENT | FORM_EXPRESSION | FORM_ACTION | FORM_CONTROL;
    case ROLE_RETURN:
    case ROLE_THROW:
    case ROLE_ASSERT:
    case ROLE_AUGMENTED_ASSIGN:
    case ROLE_CALL:
    case ROLE_NEW:
    case ROLE_ASSIGN:
        return FORM_STATEMENT | FORM_EXPRESSION | FORM_ACTION;
    case ROLE_LAMBDA:
        return FORM_EXPRESSION | FORM_CONTROL;
    case ROLE_BINARY:
    case ROLE_UNARY:
    case ROLE_TERNARY:
    case ROLE_MEMBER:
    case ROLE_INDEX:
    case ROLE_AWAIT:
    case ROLE_ARRAY:
    case ROLE_MAP:
        return FORM_EXPRESSION;
    case ROLE_BLOCK:
    case ROLE_ARGUMENTS:
        return FORM_LIST;
    default:
        return 0;
    }
}

static struct type_info *make_table(enum lang lang, const struct grammar *g) {
    struct type_info *table = mem_zalloc(g->symbol_count * sizeof *table);
    for (uint32_t k = 0; table && k < g->symbol_count; k++) {
        const char *type = language_type(lang, (uint16_t)k);
        enum role role = (enum role)g->role[k];
        if (!(g->named[k] & SYMBOL_IS_NAMED)) {
            table[k].treat = (uint8_t)treat_anonymous(type);
            continue;
        }
        table[k].treat = (uint8_t)treat_role(role);
        table[k].flags = flags_of(role);
        table[k].block = role == ROLE_BLOCK;
        if (strcmp(type, "statement_list") == 0) { // of Go: one per block
            table[k].treat = TREAT_TRANSPARENT;
            table[k].block = true;
        }
        if (strncmp(type, "jsx_", 4) == 0 || strstr(type, "heredoc") || strstr(type, "preproc"))
            table[k].treat = TREAT_UNFIT;
    }
    return table;
}

static const struct type_info *types_of(const struct syntax *s) {
    struct type_info *table = __atomic_load_n(&type_tables[s->lang], __ATOMIC_ACQUIRE);
    if (table)
        return table;
    (void)pthread_mutex_lock(&type_lock);
    if (!type_tables[s->lang])
        __atomic_store_n(&type_tables[s->lang], make_table(s->lang, s->grammar), __ATOMIC_RELEASE);
    table = type_tables[s->lang];
    (void)pthread_mutex_unlock(&type_lock);
    return table;
}

struct form_open { // a node whose subtree is not complete
    uint32_t form, end;
};
struct form_name {
    uint64_t hash; // 0 = free
    uint32_t number;
    bool kept;
};

void form_init(struct form *f) {
    *f = (struct form){.count = 0};
}

void form_done(struct form *f) {
    mem_free(f->nodes);
    mem_free(f->open);
    mem_free(f->table);
    form_init(f);
}

static int grow_nodes(struct form *f) {
    if (f->count + 1 < f->capacity)
        return 0;
    if (f->capacity >= FORM_NODES_MAX)
        return ERR_LIMIT;
    uint32_t capacity = f->capacity ? f->capacity * 2 : 256;
    struct form_node *nodes = mem_realloc(f->nodes, capacity * sizeof *nodes);
    if (!nodes)
        return ERR_NOMEM;
    f->nodes = nodes;
    f->capacity = capacity;
    return 0;
}

static int grow_open(struct form *f, uint32_t depth) {
    if (depth < f->open_capacity)
        return 0;
    uint32_t capacity = f->open_capacity ? f->open_capacity * 2 : 64;
    struct form_open *open = mem_realloc(f->open, capacity * sizeof *open);
    if (!open)
        return ERR_NOMEM;
    f->open = open;
    f->open_capacity = capacity;
    return 0;
}

static uint64_t mix(uint64_t x) { // finaliser of splitmix64 (Steele, Lea, Flood 2014)
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9U;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

static uint64_t hash_text(const char *text, size_t n) {
    uint64_t h = 0x2545F4914F6CDD1DU ^ n, word;
    for (; n >= 8; text += 8, n -= 8) {
        memcpy(&word, text, 8);
        h = mix(h ^ word);
    }
    word = 0;
    memcpy(&word, text, n);
    return mix(h ^ word) | 1;
}

static int grow_table(struct form *f) {
    uint32_t slots = f->table_slots ? f->table_slots * 2 : 256;
    struct form_name *table = mem_zalloc(slots * sizeof *table);
    if (!table)
        return ERR_NOMEM;
    for (uint32_t k = 0; k < f->table_slots; k++) {
        if (!f->table[k].hash)
            continue;
        uint32_t at = (uint32_t)(f->table[k].hash >> 32) & (slots - 1);
        while (table[at].hash)
            at = (at + 1) & (slots - 1);
        table[at] = f->table[k];
    }
    mem_free(f->table);
    f->table = table;
    f->table_slots = slots;
    return 0;
}

// The entry of a name; equal hashes are taken for equal names.
static int find_name(struct form *f, const char *text, size_t n, const struct form_name **ret) {
    if (f->table_used * 2 >= f->table_slots) {
        if (f->table_used >= FORM_NAMES_MAX)
            return ERR_LIMIT;
        int r = grow_table(f);
        if (r < 0)
            return r;
    }
    uint64_t hash = hash_text(text, n);
    uint32_t at = (uint32_t)(hash >> 32) & (f->table_slots - 1);
    while (f->table[at].hash && f->table[at].hash != hash)
        at = (at + 1) & (f->table_slots - 1);
    struct form_name *e = &f->table[at];
    if (!e->hash) {
        *e = (struct form_name){
            .hash = hash, .number = f->names++, .kept = stdnames_has(f->lang, text, n)};
        f->table_used++;
    }
    *ret = e;
    return 0;
}

struct builder {
    struct form *f;
    const struct syntax *s;
    const struct type_info *types;
    const struct form_slot *slots;
    uint32_t slot_count, slot;
    uint32_t depth;  // open nodes
    uint32_t weight; // so far
};

// The slot that is exactly this node, if any. Nodes come in order of their start.
static const struct form_slot *slot_of(struct builder *b, const struct node *n) {
    while (b->slot < b->slot_count && b->slots[b->slot].start < n->start)
        b->slot++;
    if (b->slot == b->slot_count)
        return NULL;
    const struct form_slot *slot = &b->slots[b->slot];
    return slot->start == n->start && slot->end == n->end ? slot : NULL;
}

static struct form_node *put(struct builder *b, uint32_t i, enum form_kind kind, uint32_t code) {
    struct form *f = b->f;
    struct form_node *n = &f->nodes[f->count];
    *n = (struct form_node){.code = code,
                            .next = f->count + 1,
                            .node = i,
                            .before = b->weight,
                            .depth = (uint16_t)(b->depth < UINT16_MAX ? b->depth : UINT16_MAX),
                            .kind = (uint8_t)kind};
    f->count++;
    b->weight++;
    return n;
}

static void mark_unfit(struct builder *b) {
    for (uint32_t k = b->depth; k > 0; k--) {
        struct form_node *n = &b->f->nodes[b->f->open[k - 1].form];
        if (n->flags & FORM_UNFIT)
            return; // and so are all around it
        n->flags |= FORM_UNFIT;
    }
}

static uint32_t hash32(const char *text, size_t n) {
    return (uint32_t)(hash_text(text, n) >> 32);
}

static int put_name(struct builder *b, uint32_t i) {
    const struct form_name *name;
    size_t n;
    const char *text = syntax_text(b->s, i, &n);
    int r = find_name(b->f, text, n, &name);
    if (r < 0)
        return r;
    if (name->kept)
        put(b, i, FORM_KEPT, hash32(text, n))->flags = stdnames_is_common(text, n) ? FORM_PLAIN : 0;
    else
        put(b, i, FORM_NAME, 0)->flags = FORM_EXPRESSION;
    b->f->nodes[b->f->count - 1].name = name->number;
    return 0;
}

static enum form_literal number_class(const char *text, size_t n) {
    if (n == 1 && (text[0] == '0' || text[0] == '1'))
        return text[0] == '0' ? FORM_ZERO : FORM_ONE;
    return n == 2 && text[0] == '-' && text[1] == '1' ? FORM_MINUS_ONE : FORM_NUMBER;
}

static int put_literal(struct builder *b, uint32_t i, enum treat treat) {
    const struct form_name *name;
    size_t n;
    const char *text = syntax_text(b->s, i, &n);
    enum form_literal code = FORM_STRING;
    if (treat == TREAT_NUMBER)
        code = number_class(text, n);
    else if (treat == TREAT_CHARACTER)
        code = FORM_CHARACTER;
    else if (n == 2 && text[0] == text[1] && (text[0] == '"' || text[0] == '\''))
        code = FORM_EMPTY_STRING;
    int r = find_name(b->f, text, n, &name);
    if (r < 0)
        return r;
    struct form_node *node = put(b, i, FORM_LITERAL, code);
    node->name = name->number;
    node->flags = FORM_EXPRESSION;
    return 0;
}

// Nodes without a role that are leaves: words of the grammar, and a few signs. The rest is text.
static bool is_harmless(const struct builder *b, uint32_t i) {
    size_t n;
    const char *text = syntax_text(b->s, i, &n);
    const char *type = syntax_type(b->s, i); // `auto` is of type "auto"
    if (stdnames_is_keyword(b->s->lang, text, n) ||
        (strlen(type) == n && memcmp(type, text, n) == 0))
        return true;
    for (size_t k = 0; k < n; k++)
        if (!memchr("+-*/%&|^!~<>=?:.;", text[k], 17))
            return false;
    return n <= 3;
}

static int put_leaf_or_inner(struct builder *b, uint32_t i, const struct type_info *t,
                             uint32_t code) {
    const struct node *n = &b->s->nodes[i];
    enum role role = (enum role)n->role;
    if (n->next == i + 1 || role == ROLE_NULL || role == ROLE_BOOLEAN || role == ROLE_SELF) {
        if (role == ROLE_TYPE)
            return put_name(b, i);
        if (!is_harmless(b, i)) {
            mark_unfit(b);
            return 0;
        }
        size_t bytes;
        const char *text = syntax_text(b->s, i, &bytes);
        put(b, i, FORM_TOKEN, code ^ hash32(text, bytes));
        return 0;
    }
    int r = grow_open(b->f, b->depth);
    if (r < 0)
        return r;
    uint32_t here = b->f->count;
    put(b, i, FORM_INNER, code)->flags = t->flags;
    b->f->open[b->depth++] = (struct form_open){.form = here, .end = n->next};
    return 0;
}

static void put_slot(struct builder *b, uint32_t i, const struct form_slot *slot) {
    struct form_node *n = put(b, i, (enum form_kind)slot->kind, slot->code);
    n->name = slot->name;
    n->flags = FORM_EXPRESSION;
}

// Adds what node `i` gives. *ret: the node to go on with.
static int add_node(struct builder *b, uint32_t i, uint32_t *ret) {
    const struct node *n = &b->s->nodes[i];
    static const struct type_info unfit = {.treat = TREAT_UNFIT};
    bool known = n->symbol < b->s->grammar->symbol_count && n->role != ROLE_MISSING;
    const struct type_info *t = known ? &b->types[n->symbol] : &unfit;
    uint32_t code = known ? b->s->grammar->type_hash[n->symbol] : 0;
    const struct form_slot *slot = b->slots ? slot_of(b, n) : NULL;
    bool leaf = n->next == i + 1;
    int r = 0;
    *ret = n->next;
    if (slot && t->treat != TREAT_TRANSPARENT && (leaf || slot->kind == FORM_LITERAL)) {
        put_slot(b, i, slot);
        return 0;
    }
    switch ((enum treat)t->treat) {
    case TREAT_DROP:
    case TREAT_SKIP:
        break;
    case TREAT_KEYWORD:
        put(b, i, FORM_TOKEN, code);
        b->weight--;
        break;
    case TREAT_TOKEN:
        put(b, i, FORM_TOKEN, code);
        break;
    case TREAT_STRING:
    case TREAT_CHARACTER:
    case TREAT_NUMBER:
        r = put_literal(b, i, (enum treat)t->treat);
        break;
    case TREAT_NAME:
        if (leaf) {
            r = put_name(b, i);
            break;
        }
        *ret = i + 1; // `global_variable` and the like with parts: as an inner node
        r = put_leaf_or_inner(b, i, t, code);
        break;
    case TREAT_TRANSPARENT:
        *ret = i + 1;
        break;
    case TREAT_UNFIT:
        mark_unfit(b);
        if (leaf)
            break;
        *ret = i + 1; // functions in it are of interest all the same
        r = put_leaf_or_inner(b, i, t, code);
        if (r == 0 && b->f->nodes[b->f->count - 1].node == i)
            b->f->nodes[b->f->count - 1].flags = FORM_UNFIT;
        break;
    case TREAT_INNER:
        r = put_leaf_or_inner(b, i, t, code);
        if (b->f->count && b->f->nodes[b->f->count - 1].node == i &&
            b->f->nodes[b->f->count - 1].kind == FORM_INNER)
            *ret = i + 1;
        break;
    }
    return r;
}

// The rest of a chain of conditions is no statement of its own.
static bool goes_on(const struct builder *b, uint32_t i) {
    enum role parent = (enum role)b->s->nodes[b->s->nodes[i].parent].role;
    return b->s->nodes[i].role == ROLE_IF && (parent == ROLE_IF || parent == ROLE_ELSE);
}

static bool has_code_at_top(enum lang lang) {
    return lang == LANG_PYTHON || lang == LANG_RUBY || lang == LANG_BASH ||
           lang == LANG_JAVASCRIPT || lang == LANG_TYPESCRIPT || lang == LANG_TSX;
}

static bool stands_in_block(const struct builder *b, uint32_t i) {
    uint32_t parent = b->s->nodes[i].parent;
    uint16_t symbol = b->s->nodes[parent].symbol;
    if (symbol < b->s->grammar->symbol_count && b->types[symbol].treat == TREAT_TRANSPARENT &&
        !b->types[symbol].block)
        return true; // an expression as statement
    return (parent == 0 && has_code_at_top(b->s->lang)) ||
           (symbol < b->s->grammar->symbol_count && b->types[symbol].block);
}

static void close_to(struct builder *b, uint32_t end) {
    while (b->depth && b->f->open[b->depth - 1].end <= end)
        b->f->nodes[b->f->open[--b->depth].form].next = b->f->count;
}

static int build(struct builder *b, uint32_t root) {
    uint32_t end = b->s->nodes[root].next;
    for (uint32_t i = root, next; i < end; i = next) {
        close_to(b, i);
        int r = grow_nodes(b->f);
        if (r < 0)
            return r;
        uint32_t before = b->f->count;
        r = add_node(b, i, &next);
        if (r < 0)
            return r;
        if (b->f->count > before && goes_on(b, i))
            b->f->nodes[before].flags &= (uint8_t)~FORM_STATEMENT;
        if (b->f->count > before && i != root && stands_in_block(b, i) &&
            b->f->nodes[before].kind != FORM_TOKEN)
            b->f->nodes[before].flags |= FORM_IN_BLOCK | FORM_STATEMENT;
    }
    close_to(b, end);
    return 0;
}

int form_build(struct form *f, const struct syntax *s, uint32_t root, const struct form_slot *slots,
               uint32_t slot_count, struct err *err) {
    struct builder b = {.f = f, .s = s, .slots = slots, .slot_count = slot_count};
    f->count = f->names = f->table_used = 0;
    f->lang = s->lang;
    if (slots)
        f->names = FORM_SLOT_NAMES;
    if (f->table)
        memset(f->table, 0, f->table_slots * sizeof *f->table);
    b.types = types_of(s);
    int r = b.types ? grow_nodes(f) : ERR_NOMEM;
    if (r == 0 && root < s->count)
        r = build(&b, root);
    if (r == 0)
        f->nodes[f->count] = (struct form_node){.next = f->count, .before = b.weight};
    else
        f->count = 0;
    if (r == ERR_LIMIT)
        return err_set(err, r, "more than %d nodes or names", FORM_NODES_MAX);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}
