#include "core/code/metrics.h"

#include "core/base/mem.h"
#include "core/code/metrics_impl.h"

#include <string.h>

struct frame { // a function that is being read
    uint32_t end, slot;
    uint32_t name, parameters; // leaf; how many
    unsigned level;            // of nesting, where it began
    uint32_t cyclomatic, cognitive, structures;
    unsigned deepest;
    uint32_t lines; // of code before its first
    bool separate, transparent, recursive;
};
struct region { // nodes that are a level deeper
    uint32_t start, end;
    bool open;
};
struct sequence { // a logical expression
    uint32_t end;
    uint8_t last; // operator seen last, 0 = none
};

struct pass {
    const struct syntax *s;
    struct frame *frames;
    uint32_t frame_count, frame_capacity;
    struct region *regions;
    uint32_t region_count, region_capacity;
    struct sequence *sequences;
    uint32_t sequence_count, sequence_capacity;
    struct metrics *out;
    uint32_t out_count, out_capacity;
    unsigned level;
    uint32_t event; // the next node at which something ends or begins
    uint32_t code_lines, code_line;
    // What lizard takes for one token: expressions of template strings, conditions of #if.
    uint32_t opaque_start, opaque_end;
};

static bool reserve(void *array, uint32_t count, uint32_t *capacity, size_t each) {
    void *old;
    if (count < *capacity)
        return true;
    memcpy(&old, array, sizeof old);
    uint32_t wanted = *capacity ? *capacity * 2 : 32;
    void *new = mem_realloc(old, wanted * each);
    if (!new)
        return false;
    memcpy(array, &new, sizeof new);
    *capacity = wanted;
    return true;
}

static struct frame *top(struct pass *p) {
    return p->frame_count ? &p->frames[p->frame_count - 1] : NULL;
}

static uint16_t small(uint32_t n) {
    return n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
}

static void close_frame(struct pass *p) {
    struct frame f = p->frames[--p->frame_count];
    struct frame *around = top(p);
    struct metrics *m = &p->out[f.slot];
    unsigned deepest = f.deepest < UINT8_MAX ? f.deepest : UINT8_MAX;
    m->cyclomatic = small(f.cyclomatic + 1);
    m->cognitive = small(f.cognitive);
    m->nesting = (uint8_t)deepest;
    m->parameters = (uint8_t)(f.parameters < UINT8_MAX ? f.parameters : UINT8_MAX);
    m->code_lines = p->code_lines - f.lines;
    if (!around)
        return;
    unsigned deeper = f.level - around->level + !around->transparent;
    if (!f.separate)
        around->cyclomatic += f.cyclomatic;
    around->cognitive += f.cognitive - f.recursive + f.structures * deeper;
    around->structures += f.structures;
    if (f.structures && around->deepest < f.deepest + deeper)
        around->deepest = f.deepest + deeper;
}

static void find_event(struct pass *p) {
    p->event = UINT32_MAX;
    if (p->frame_count)
        p->event = top(p)->end;
    if (p->region_count) {
        const struct region *r = &p->regions[p->region_count - 1];
        uint32_t at = r->open ? r->end : r->start;
        p->event = at < p->event ? at : p->event;
    }
    if (p->sequence_count && p->sequences[p->sequence_count - 1].end < p->event)
        p->event = p->sequences[p->sequence_count - 1].end;
}

static void settle(struct pass *p, uint32_t i) {
    while (p->sequence_count && i >= p->sequences[p->sequence_count - 1].end)
        p->sequence_count--;
    for (;;) { // regions and frames end from the inside outwards
        struct region *r = p->region_count ? &p->regions[p->region_count - 1] : NULL;
        struct frame *f = top(p);
        if (r && i >= r->end && (!f || f->end >= r->end)) {
            p->level -= r->open;
            p->region_count--;
        } else if (f && i >= f->end) {
            close_frame(p);
        } else if (r && !r->open && i >= r->start) {
            r->open = true;
            p->level++;
            break;
        } else {
            break;
        }
    }
    find_event(p);
}

static bool open_frame(struct pass *p, uint32_t i) {
    const struct syntax *s = p->s;
    if (p->out_count == METRICS_FUNCTIONS_MAX)
        return true;
    if (!reserve(&p->out, p->out_count, &p->out_capacity, sizeof *p->out) ||
        !reserve(&p->frames, p->frame_count, &p->frame_capacity, sizeof *p->frames))
        return false;
    p->out[p->out_count] = (struct metrics){.node = i};
    struct frame f = {.end = s->nodes[i].next,
                      .slot = p->out_count++,
                      .level = p->level,
                      .lines = p->code_lines - (s->nodes[i].line == p->code_line),
                      .separate = metrics_is_separate(s, i),
                      .transparent = metrics_is_transparent(s, i)};
    if (s->nodes[i].role == ROLE_FUNCTION)
        f.name = syntax_name(s, i);
    uint32_t list = metrics_parameters(s, i);
    for (uint32_t c = list ? syntax_first_named(s, list) : 0; c; c = syntax_next_named(s, c))
        f.parameters += !(f.parameters == 0 && syntax_text_is(s, c, "void"));
    p->frames[p->frame_count++] = f;
    return true;
}

static bool open_structure(struct pass *p, uint32_t i) {
    struct frame *f = top(p);
    struct region r = {0};
    unsigned level = p->level - f->level;
    f->cognitive += 1 + level;
    f->structures++;
    if (f->deepest < level + 1)
        f->deepest = level + 1;
    metrics_deeper(p->s, i, &r.start, &r.end);
    if (r.start >= r.end)
        return true;
    if (!reserve(&p->regions, p->region_count, &p->region_capacity, sizeof *p->regions))
        return false;
    p->regions[p->region_count++] = r;
    return true;
}

static bool open_sequence(struct pass *p, uint32_t i) {
    if (!reserve(&p->sequences, p->sequence_count, &p->sequence_capacity, sizeof *p->sequences))
        return false;
    p->sequences[p->sequence_count++] = (struct sequence){.end = p->s->nodes[i].next};
    return true;
}

static void count_code(struct pass *p, uint32_t i) {
    const struct node *n = &p->s->nodes[i];
    uint32_t last = n->line;
    if (n->start == n->end)
        return;
    if (n->end - n->start > 2 && n->role != ROLE_KEYWORD && n->role != ROLE_IDENTIFIER &&
        memchr(p->s->text + n->start, '\n', n->end - n->start))
        last = syntax_end_line(p->s, i);
    if (last > p->code_line) {
        uint32_t first = n->line > p->code_line ? n->line : p->code_line + 1;
        p->code_lines += last - first + 1;
        p->code_line = last;
    }
}

static void set_opaque(struct pass *p, uint32_t i) {
    if (i) {
        p->opaque_start = i;
        p->opaque_end = p->s->nodes[i].next;
    }
}

static bool visit_inner(struct pass *p, uint32_t i) {
    const struct syntax *s = p->s;
    uint8_t role = s->nodes[i].role;
    bool opened = true, changed = false;
    if (metrics_is_function(s, i)) {
        opened = open_frame(p, i);
        changed = true;
    }
    struct frame *f = top(p);
    if (!f || !opened)
        return opened;
    if (metrics_is_structural(s, i)) {
        opened = open_structure(p, i);
        changed = true;
    }
    f->cognitive += metrics_flat(s, i);
    if (opened && metrics_is_logical(s, i) && !metrics_continues_logical(s, i)) {
        opened = open_sequence(p, i);
        changed = true;
    }
    if (role == ROLE_CALL && !f->recursive && f->name &&
        metrics_is_recursion(s, i, p->out[f->slot].node, f->name, f->parameters)) {
        f->recursive = true;
        f->cognitive++;
    }
    if (role == ROLE_NONE && node_type(s, i) == NODE_template_substitution && i >= p->opaque_end)
        set_opaque(p, i);
    if (role == ROLE_PREPROC_IF || role == ROLE_PREPROC_ELIF)
        set_opaque(p, syntax_child(s, i, FIELD_ROLE_CONDITION));
    if (changed)
        find_event(p);
    return opened;
}

static void visit_leaf(struct pass *p, uint32_t i) {
    const struct syntax *s = p->s;
    uint8_t role = s->nodes[i].role;
    uint16_t symbol = s->nodes[i].symbol;
    struct frame *f = top(p);
    if (role != ROLE_COMMENT)
        count_code(p, i);
    if (!f)
        return;
    if (symbol != UINT16_MAX && (s->grammar->named[symbol] & SYMBOL_IS_BRANCH) &&
        !(i >= p->opaque_start && i < p->opaque_end))
        f->cyclomatic += metrics_branch(s, i);
    if ((role == ROLE_OP_AND || role == ROLE_OP_OR) && p->sequence_count) {
        struct sequence *q = &p->sequences[p->sequence_count - 1];
        if (metrics_is_logical(s, s->nodes[i].parent) && q->last != role) {
            f->cognitive++;
            q->last = role;
        }
    }
    f->cognitive += metrics_flat(s, i);
}

int metrics_of(const struct syntax *s, struct metrics **ret, uint32_t *ret_count, struct err *err) {
    struct pass p = {.s = s, .event = UINT32_MAX};
    bool fine = true;
    for (uint32_t i = 1; i < s->count && fine;) {
        if (i >= p.event)
            settle(&p, i);
        const struct node *n = &s->nodes[i];
        if (n->role == ROLE_COMMENT) {
            i = n->next;
            continue;
        }
        if (n->next == i + 1)
            visit_leaf(&p, i);
        else
            fine = visit_inner(&p, i);
        // Labels of cases and the like are inner nodes that count as one.
        if (n->next != i + 1 && n->symbol != UINT16_MAX && top(&p) &&
            (s->grammar->named[n->symbol] & SYMBOL_IS_BRANCH))
            top(&p)->cyclomatic++;
        i++;
    }
    settle(&p, s->count);
    mem_free(p.frames);
    mem_free(p.regions);
    mem_free(p.sequences);
    if (!fine) {
        mem_free(p.out);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *ret = p.out;
    *ret_count = p.out_count;
    return 0;
}

const struct metrics *metrics_find(const struct metrics *m, uint32_t count, uint32_t node) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (m[middle].node == node)
            return &m[middle];
        if (m[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
