// Functions of an open document, and whether they are others than at HEAD: for lenses and hints.
#include "core/base/mem.h"
#include "core/code/syntax.h"
#include "server/lsp_knowledge.h"

#include <pthread.h>
#include <string.h>

struct lsp_functions_cache {
    atomic_uint holders;
    pthread_mutex_t lock;
    struct lsp_functions *newest; // NULL: none yet
};

void lsp_functions_put(struct lsp_functions *f) {
    if (!f || atomic_fetch_sub(&f->holders, 1) != 1)
        return;
    mem_free(f->facts);
    mem_free(f);
}

static struct lsp_functions *share(struct lsp_functions *f) {
    (void)atomic_fetch_add(&f->holders, 1);
    return f;
}

struct lsp_functions_cache *lsp_functions_cache_new(void) {
    struct lsp_functions_cache *cache = mem_zalloc(sizeof *cache);
    if (!cache)
        return NULL;
    atomic_init(&cache->holders, 1);
    (void)pthread_mutex_init(&cache->lock, NULL); // cannot fail without attributes
    return cache;
}

struct lsp_functions_cache *lsp_functions_cache_share(struct lsp_functions_cache *cache) {
    (void)atomic_fetch_add(&cache->holders, 1);
    return cache;
}

void lsp_functions_cache_put(struct lsp_functions_cache *cache) {
    if (!cache || atomic_fetch_sub(&cache->holders, 1) != 1)
        return;
    lsp_functions_put(cache->newest);
    (void)pthread_mutex_destroy(&cache->lock);
    mem_free(cache);
}

static int read_functions(const struct lsp_copy *c, struct lsp_functions **ret, struct err *err) {
    const struct facts_options o = {
        .path = c->relative, .no_findings = true, .no_words = true, .no_clones = true};
    struct syntax *syntax = syntax_new();
    struct lsp_functions *f = mem_zalloc(sizeof *f);
    int r = syntax && f ? facts_build(syntax, c->lang, c->text, c->bytes, &o, &f->facts, err)
                        : err_set(err, ERR_NOMEM, "out of memory");
    syntax_free(syntax);
    if (r < 0) {
        mem_free(f);
        return r;
    }
    atomic_init(&f->holders, 1);
    f->edits = c->edits;
    *ret = f;
    return 0;
}

int lsp_functions_of(struct lsp_functions_cache *cache, const struct lsp_copy *c,
                     struct lsp_functions **ret, struct err *err) {
    int r = 0;
    if (!cache)
        return read_functions(c, ret, err);
    (void)pthread_mutex_lock(&cache->lock);
    if (cache->newest && cache->newest->edits == c->edits) {
        *ret = share(cache->newest);
    } else {
        r = read_functions(c, ret, err);
        if (r == 0) {
            lsp_functions_put(cache->newest);
            cache->newest = share(*ret);
        }
    }
    (void)pthread_mutex_unlock(&cache->lock);
    return r;
}

bool lsp_is_function(const struct fact_symbol *s) {
    return (s->kind == SYMBOL_FUNCTION || s->kind == SYMBOL_METHOD) &&
           !(s->flags & SYMBOL_DECLARATION);
}

static const char *scope_name(const struct facts *f, const struct fact_symbol *s) {
    return s->scope ? facts_text(f, facts_symbol(f, s->scope - 1)->name) : "";
}

// The same function in the other text: by its name, and that of what it is in.
static const struct fact_symbol *find_base(const struct facts *base, const struct facts *now,
                                           const struct fact_symbol *s) {
    for (uint32_t i = 0; base && i < base->symbol_count; i++) {
        const struct fact_symbol *b = facts_symbol(base, i);
        if (lsp_is_function(b) &&
            strcmp(facts_text(base, b->name), facts_text(now, s->name)) == 0 &&
            strcmp(scope_name(base, b), scope_name(now, s)) == 0)
            return b;
    }
    return NULL;
}

bool lsp_function_changed(const struct facts *base, const struct facts *now,
                          const struct fact_symbol *s, const struct fact_symbol **ret_was) {
    const struct fact_symbol *was = find_base(base, now, s);
    *ret_was = was;
    return !was || was->shape_low != s->shape_low || was->shape_high != s->shape_high ||
           was->code_lines != s->code_lines || was->cyclomatic != s->cyclomatic ||
           was->parameters != s->parameters;
}
