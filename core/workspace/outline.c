#include "core/workspace/outline.h"

#include "core/base/mem.h"
#include "core/base/wire.h"
#include "core/workspace/derived.h"

#include <string.h>

enum { OUTLINE_VERSION = 1 };

void outline_done(struct outline *o) {
    mem_free(o->functions);
    mem_free(o->imports);
    buf_done(&o->bytes);
    *o = (struct outline){0};
}

bool outline_measured(const struct fact_symbol *y) {
    return (y->kind == SYMBOL_FUNCTION || y->kind == SYMBOL_METHOD || y->kind == SYMBOL_TEST) &&
           !(y->flags & SYMBOL_DECLARATION) && y->cyclomatic > 0;
}

static void write_facts(const struct facts *f, struct buf *b) {
    uint32_t functions = 0;
    for (uint32_t i = 0; i < f->symbol_count; i++)
        functions += outline_measured(facts_symbol(f, i));
    wire_put_u32(b, functions);
    wire_put_u32(b, f->import_count);
    for (uint32_t i = 0; i < f->symbol_count; i++) {
        const struct fact_symbol *y = facts_symbol(f, i);
        if (!outline_measured(y))
            continue;
        wire_put_u32(b, y->line);
        wire_put_u32(b, y->end_line);
        wire_put_u32(b, y->code_lines);
        wire_put_u32(b, (uint32_t)y->cognitive << 16 | y->cyclomatic);
        wire_put_string(b, facts_text(f, y->name));
    }
    for (uint32_t i = 0; i < f->import_count; i++)
        wire_put_string(b, facts_text(f, facts_import(f, i)->module));
}

static bool read_bytes(struct outline *o) {
    struct wire w = wire_of(o->bytes.data, o->bytes.len);
    uint32_t functions = wire_u32(&w), imports = wire_u32(&w);
    if (functions > FACTS_SYMBOLS_MAX || imports > FACTS_IMPORTS_MAX)
        return false;
    o->functions = mem_alloc((functions + 1) * sizeof *o->functions);
    o->imports = mem_alloc((imports + 1) * sizeof *o->imports);
    if (!o->functions || !o->imports)
        return false;
    for (; o->function_count < functions; o->function_count++) {
        struct outline_function *f = &o->functions[o->function_count];
        f->line = wire_u32(&w);
        f->end_line = wire_u32(&w);
        f->code_lines = wire_u32(&w);
        uint32_t both = wire_u32(&w);
        f->cognitive = (uint16_t)(both >> 16);
        f->cyclomatic = (uint16_t)both;
        f->name = wire_text(&w, NULL);
    }
    for (; o->import_count < imports; o->import_count++)
        o->imports[o->import_count] = wire_text(&w, NULL);
    return wire_done(&w);
}

static int make(struct syntax *syntax, const struct outline_want *w, struct buf *ret,
                bool *ret_keep, struct err *err) {
    const struct facts_options o = {
        .path = w->path, .no_findings = true, .no_words = true, .no_clones = true};
    struct facts *facts = NULL;
    *ret_keep = true;
    if (!language_has_tree(w->lang)) { // neither functions nor imports
        wire_put_u32(ret, 0);
        wire_put_u32(ret, 0);
        return ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    }
    int r = facts_build(syntax, w->lang, w->text, w->bytes, &o, &facts, err);
    if (r < 0)
        return r;
    *ret_keep = !(facts->flags & FACTS_TIMEOUT); // else it may come out otherwise on another day
    write_facts(facts, ret);
    mem_free(facts);
    return ret->failed ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

// By git's name of the content where there is one: then it need not be read to be known.
static struct derived_key key_of(const struct derived *known, const struct outline_want *w) {
    const uint32_t version = FACTS_VERSION;
    const char *id = w->id ? w->id : "";
    const struct derived_part parts[] = {DERIVED_TEXT(id),
                                         {w->id ? "" : w->text, w->id ? 0 : w->bytes},
                                         DERIVED_TEXT(w->path),
                                         DERIVED_VALUE(w->lang),
                                         DERIVED_VALUE(version)};
    return derived_key(known, DERIVED_OUTLINE, OUTLINE_VERSION, parts, COUNT_OF(parts));
}

int outline_of(struct derived *known, struct syntax *syntax, const struct outline_want *w,
               struct outline *ret, struct err *err) {
    struct derived_key key = {{0}};
    bool keep = false, found = false;
    *ret = (struct outline){.bytes = BUF_INIT(0)};
    if (known && (w->id || w->text)) {
        key = key_of(known, w);
        found = derived_get(known, &key, &ret->bytes);
    }
    if (!found && !w->text)
        return 1;
    int r = 0;
    if (!found) {
        buf_clear(&ret->bytes);
        r = make(syntax, w, &ret->bytes, &keep, err);
    }
    if (r == 0 && keep)
        derived_put(known, &key, ret->bytes.data, ret->bytes.len);
    if (r == 0 && !read_bytes(ret))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0)
        outline_done(ret);
    return r;
}
