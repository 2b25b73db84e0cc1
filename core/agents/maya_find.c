// Findings of Maya while they are collected.
#include "core/agents/maya.h"

#include "core/base/mem.h"
#include "core/base/utf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES_MAX = 600 };

struct maya_finding {
    unsigned rule;
    struct maya_place at;
    char *message; // of its own
    struct maya_place others[MAYA_PLACES_MAX];
    uint32_t other_count, other_shown;
};

struct maya_block {
    struct maya_block *next;
    size_t used, room;
    char bytes[16 * 1024];
};

char *maya_keep(struct maya_pool *p, const char *s, size_t n) {
    struct maya_block *b = p->blocks;
    if (p->bytes + n + 1 > MAYA_POOL_BYTES_MAX)
        return NULL;
    if (!b || b->room - b->used <= n) {
        size_t more = n + 1 > sizeof b->bytes ? n + 1 - sizeof b->bytes : 0;
        b = mem_alloc(sizeof *b + more);
        if (!b)
            return NULL;
        b->used = 0;
        b->room = sizeof b->bytes + more;
        b->next = p->blocks;
        p->blocks = b;
    }
    char *at = (char *)b + offsetof(struct maya_block, bytes) + b->used;
    memcpy(at, s, n);
    at[n] = '\0';
    b->used += n + 1;
    p->bytes += n + 1;
    return at;
}

void maya_pool_done(struct maya_pool *p) {
    for (struct maya_block *b = p->blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    *p = (struct maya_pool){0};
}

void maya_find(struct maya_findings *fs, unsigned rule, struct maya_place at,
               const struct maya_place *others, size_t other_count, const char *format, ...) {
    char message[MESSAGE_BYTES_MAX];
    va_list args;
    if (fs->count == MAYA_FINDINGS_MAX) {
        fs->dropped++;
        return;
    }
    if (fs->count == fs->capacity) {
        uint32_t more = fs->capacity ? fs->capacity * 2 : 64;
        void *grown = mem_realloc(fs->list, more * sizeof *fs->list);
        fs->failed |= !grown;
        if (!grown)
            return;
        fs->list = grown;
        fs->capacity = more;
    }
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t bytes = n < 0 ? 0 : (size_t)n;
    if (bytes >= sizeof message) // a border of UTF-8
        bytes = utf_cut(message, sizeof message - 1, sizeof message - 1);
    for (size_t i = 0, step; i < bytes; i += step) { // one line of UTF-8, whatever the text held
        step = utf_sequence_bytes(message + i, bytes - i);
        if (step == 0 || (unsigned char)message[i] < ' ') {
            message[i] = step ? ' ' : '?';
            step = 1;
        }
    }
    struct maya_finding f = {.rule = rule,
                             .at = at,
                             .message = mem_strndup(message, bytes),
                             .other_count = (uint32_t)other_count};
    for (; f.other_shown < other_count && f.other_shown < MAYA_PLACES_MAX; f.other_shown++)
        f.others[f.other_shown] = others[f.other_shown];
    fs->failed |= !f.message;
    if (f.message)
        fs->list[fs->count++] = f;
}

static int by_rule_and_place(const void *a, const void *b) {
    const struct maya_finding *x = a, *y = b;
    if (x->rule != y->rule)
        return x->rule < y->rule ? -1 : 1;
    int order = strcmp(x->at.path, y->at.path);
    if (order)
        return order;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    return strcmp(x->message, y->message);
}

static void tell(const struct maya_findings *fs, const struct maya_finding *f, struct report *r) {
    char also[MAYA_PLACES_MAX * 160] = "";
    size_t len = 0;
    json_t *places = json_array();
    const struct maya_rule *rule = &fs->rules[f->rule];
    for (uint32_t i = 0; i < f->other_shown; i++) {
        const struct maya_place *p = &f->others[i];
        (void)json_array_append_new(
            places, json_pack("{s:s, s:I}", "path", p->path, "line", (json_int_t)p->line));
        bool same = strcmp(p->path, f->at.path) == 0;
        int n = len < sizeof also ? snprintf(also + len, sizeof also - len, "%s%s:%u",
                                             len ? ", " : "", same ? "" : p->path, p->line)
                                  : 0;
        len += n > 0 ? (size_t)n : 0;
    }
    if (len >= sizeof also)
        also[utf_cut(also, sizeof also - 1, sizeof also - 1)] = '\0';
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:s, s:s}", "rule", rule->id, "path", f->at.path, "line",
                  (json_int_t)f->at.line, "message", f->message, "instead", rule->instead);
    if (f->other_count && object)
        (void)json_object_set(object, "places", places);
    json_decref(places);
    uint32_t left = f->other_count - f->other_shown;
    char more[32] = "";
    if (left)
        (void)snprintf(more, sizeof more, " and %u more", left);
    if (f->other_count)
        report_item(r, object, "%s:%u [%s] %s\n  also %s%s", f->at.path, f->at.line, rule->id,
                    f->message, also, more);
    else
        report_item(r, object, "%s:%u [%s] %s", f->at.path, f->at.line, rule->id, f->message);
}

int maya_tell(struct maya_findings *fs, struct report *r, struct err *err) {
    if (fs->failed)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (fs->count)
        qsort(fs->list, fs->count, sizeof *fs->list, by_rule_and_place);
    for (uint32_t i = 0, n; i < fs->count; i += n) {
        const struct maya_rule *rule = &fs->rules[fs->list[i].rule];
        for (n = 0; i + n < fs->count && fs->list[i + n].rule == fs->list[i].rule; n++)
            ;
        report_group(r, "%s: %u. %s", rule->heading, n, rule->instead);
        for (uint32_t k = i; k < i + n; k++)
            tell(fs, &fs->list[k], r);
    }
    if (fs->dropped)
        report_note(r, "%u findings beyond the first %d are counted, not shown", fs->dropped,
                    MAYA_FINDINGS_MAX);
    return 0;
}

void maya_findings_done(struct maya_findings *fs) {
    for (uint32_t i = 0; i < fs->count; i++)
        mem_free(fs->list[i].message);
    mem_free(fs->list);
    *fs = (struct maya_findings){0};
}
