// What a file takes from elsewhere.
#include "core/code/facts_tree.h"

#include <string.h>

struct taken {
    const char *module, *name, *alias;
    size_t module_n, name_n, alias_n;
    bool local;
    uint32_t line;
};

static void take(struct walk *w, const struct taken *t) {
    make_import(w->m, &(struct fact_import){.module = make_name(w->m, t->module, t->module_n),
                                            .name = make_name(w->m, t->name, t->name_n),
                                            .alias = make_name(w->m, t->alias, t->alias_n),
                                            .line = t->line,
                                            .local = t->local});
}

static const char *text_of(const struct walk *w, uint32_t i, size_t *ret_n) {
    *ret_n = 0;
    return i ? walk_text(w, i, ret_n) : NULL;
}

static void import_c(struct walk *w, uint32_t i) {
    uint32_t source = syntax_child(w->s, i, FIELD_ROLE_SOURCE);
    struct taken t = {.line = w->s->nodes[i].line};
    if (!source)
        return;
    t.module = walk_string(w, source, &t.module_n);
    t.local = walk_starts(w, source, "\"");
    take(w, &t);
}

// import a.b as c, d — one each; from .m import x as y, z — one for each name.
static void import_python(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t source = syntax_child(s, i, FIELD_ROLE_SOURCE);
    struct taken t = {.line = s->nodes[i].line, .local = source && walk_starts(w, source, ".")};
    bool any = false;
    t.module = text_of(w, source, &t.module_n);
    if (!source && walk_type(w, i) == NODE_future_import_statement) {
        t.module = "__future__";
        t.module_n = 10;
        source = i;
    }
    for (uint32_t c = syntax_first_named(s, i); c; c = syntax_next_named(s, c)) {
        if (s->nodes[c].field != FIELD_ROLE_NAME)
            continue;
        bool aliased = walk_type(w, c) == NODE_aliased_import;
        uint32_t name = aliased ? syntax_child(s, c, FIELD_ROLE_NAME) : c;
        uint32_t alias = aliased ? syntax_child(s, c, FIELD_ROLE_ALIAS) : 0;
        t.name = text_of(w, name, &t.name_n);
        t.alias = text_of(w, alias, &t.alias_n);
        t.line = s->nodes[c].line;
        if (!source) { // the module itself
            t.module = t.name;
            t.module_n = t.name_n;
            t.name_n = 0;
        }
        take(w, &t);
        any = true;
    }
    if (!any && source) { // from m import *
        t.name_n = t.alias_n = 0;
        take(w, &t);
    }
}

static void take_specifiers(struct walk *w, uint32_t list, struct taken *t) {
    const struct syntax *s = w->s;
    for (uint32_t c = syntax_first_named(s, list); c; c = syntax_next_named(s, c)) {
        uint32_t name = syntax_child(s, c, FIELD_ROLE_NAME);
        t->name = text_of(w, name, &t->name_n);
        t->alias = text_of(w, syntax_child(s, c, FIELD_ROLE_ALIAS), &t->alias_n);
        t->line = s->nodes[c].line;
        if (name)
            take(w, t);
    }
}

// import d, { a as b } from "m"; import * as n from "m"; import "m"; export { q } from "m".
static void import_javascript(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t source = syntax_child(s, i, FIELD_ROLE_SOURCE), clause = 0;
    struct taken t = {.line = s->nodes[i].line};
    if (!source)
        return;
    t.module = walk_string(w, source, &t.module_n);
    t.local = t.module_n && (t.module[0] == '.' || t.module[0] == '/');
    for (uint32_t c = syntax_first_named(s, i); c && !clause; c = syntax_next_named(s, c))
        if (c != source)
            clause = c;
    if (!clause) {
        take(w, &t);
        return;
    }
    if (walk_type(w, clause) == NODE_export_clause) {
        take_specifiers(w, clause, &t);
        return;
    }
    bool any = false;
    for (uint32_t c = syntax_first_named(s, clause); c; c = syntax_next_named(s, c), any = true) {
        t.name_n = t.alias_n = 0;
        if (s->nodes[c].role == ROLE_IDENTIFIER) {
            t.name = "default";
            t.name_n = 7;
            t.alias = text_of(w, c, &t.alias_n);
            take(w, &t);
        } else if (walk_type(w, c) == NODE_namespace_import) {
            t.alias = text_of(w, syntax_first_named(s, c), &t.alias_n);
            take(w, &t);
        } else {
            take_specifiers(w, c, &t);
        }
    }
    if (!any)
        take(w, &t);
}

static void import_go(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    for (uint32_t k = i; k < s->nodes[i].next; k++) {
        if (walk_type(w, k) != NODE_import_spec)
            continue;
        uint32_t source = syntax_child(s, k, FIELD_ROLE_SOURCE);
        struct taken t = {.line = s->nodes[k].line};
        if (!source)
            continue;
        t.module = walk_string(w, source, &t.module_n);
        t.alias = text_of(w, syntax_child(s, k, FIELD_ROLE_NAME), &t.alias_n);
        t.local = t.module_n && t.module[0] == '.';
        take(w, &t);
    }
}

static void import_java(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    uint32_t path = syntax_first_named(s, i);
    struct taken t = {.line = s->nodes[i].line};
    if (!path)
        return;
    t.module = text_of(w, path, &t.module_n);
    bool all = syntax_next_named(s, path) != 0; // the asterisk
    size_t dot = t.module_n;
    while (!all && dot && t.module[dot - 1] != '.')
        dot--;
    if (dot && !all) {
        t.name = t.module + dot;
        t.name_n = t.module_n - dot;
        t.module_n = dot - 1;
    }
    take(w, &t);
}

// use a::{b, c as d, e::*}: one for each end of the tree, its path joined from the text.
enum { PATH_BYTES_MAX = 200 };

static size_t join(char *to, size_t used, const char *text, size_t n) {
    size_t colons = used ? 2 : 0;
    if (!n || used + colons + n > PATH_BYTES_MAX)
        return used;
    memcpy(to + used, "::", colons);
    memcpy(to + used + colons, text, n);
    return used + colons + n;
}

// The paths of the scoped lists around an end, from the outermost inwards.
static size_t path_before(const struct walk *w, uint32_t end, uint32_t root, char *to) {
    const struct syntax *s = w->s;
    uint32_t around[16];
    size_t used = 0;
    int count = 0;
    for (uint32_t at = s->nodes[end].parent; at > root && count < 16; at = s->nodes[at].parent)
        if (walk_type(w, at) == NODE_scoped_use_list)
            around[count++] = at;
    while (count--) {
        size_t n;
        uint32_t path = syntax_child(s, around[count], FIELD_ROLE_SOURCE);
        const char *text = text_of(w, path, &n);
        used = join(to, used, text, n);
    }
    return used;
}

static void take_rust(struct walk *w, uint32_t root, uint32_t end) {
    const struct syntax *s = w->s;
    enum node_type type = walk_type(w, end);
    char path[PATH_BYTES_MAX + 2];
    struct taken t = {.line = s->nodes[end].line, .module = path};
    uint32_t whole = end;
    if (type == NODE_use_as_clause) {
        whole = syntax_child(s, end, FIELD_ROLE_SOURCE);
        t.alias = text_of(w, syntax_child(s, end, FIELD_ROLE_ALIAS), &t.alias_n);
    } else if (type == NODE_use_wildcard) {
        whole = syntax_first_named(s, end);
    }
    if (!whole)
        return;
    t.module_n = path_before(w, end, root, path);
    size_t n;
    const char *text = walk_text(w, whole, &n);
    if (type == NODE_use_wildcard) {
        t.module_n = join(path, t.module_n, text, n);
    } else if (walk_type(w, whole) == NODE_scoped_identifier) {
        size_t m;
        const char *front = text_of(w, syntax_child(s, whole, FIELD_ROLE_SOURCE), &m);
        t.module_n = join(path, t.module_n, front, m);
        t.name = text_of(w, syntax_child(s, whole, FIELD_ROLE_NAME), &t.name_n);
    } else if (t.module_n == 0) {
        t.module_n = join(path, 0, text, n);
    } else if (s->nodes[whole].role != ROLE_SELF) { // {self}: the module itself
        t.name = text;
        t.name_n = n;
    }
    t.local =
        t.module_n >= 4 &&
        (memcmp(path, "self", 4) == 0 ||
         (t.module_n >= 5 && (memcmp(path, "crate", 5) == 0 || memcmp(path, "super", 5) == 0)));
    take(w, &t);
}

static void import_rust(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    for (uint32_t k = i + 1; k < s->nodes[i].next;) {
        enum node_type type = walk_type(w, k), parent = walk_type(w, s->nodes[k].parent);
        bool place = parent == NODE_use_list || parent == NODE_use_declaration ||
                     parent == NODE_extern_crate_declaration;
        if (place && (type == NODE_use_as_clause || type == NODE_use_wildcard ||
                      type == NODE_scoped_identifier || s->nodes[k].role == ROLE_IDENTIFIER ||
                      s->nodes[k].role == ROLE_SELF)) {
            take_rust(w, i, k);
            k = s->nodes[k].next;
            continue;
        }
        k = type == NODE_visibility_modifier ? s->nodes[k].next : k + 1;
    }
}

void walk_import(struct walk *w, uint32_t i) {
    switch (w->m->lang) {
    case LANG_C:
    case LANG_CPP:
        import_c(w, i);
        break;
    case LANG_PYTHON:
        import_python(w, i);
        break;
    case LANG_JAVASCRIPT:
    case LANG_TYPESCRIPT:
    case LANG_TSX:
        import_javascript(w, i);
        break;
    case LANG_GO:
        import_go(w, i);
        break;
    case LANG_RUST:
        import_rust(w, i);
        break;
    case LANG_JAVA:
        import_java(w, i);
        break;
    default:
        return;
    }
    w->skip_to = w->s->nodes[i].next;
}

bool walk_import_call(struct walk *w, uint32_t i) {
    const struct syntax *s = w->s;
    bool bash = w->m->lang == LANG_BASH, ruby = w->m->lang == LANG_RUBY;
    uint32_t callee = syntax_child(s, i, bash ? FIELD_ROLE_NAME : FIELD_ROLE_FUNCTION);
    uint32_t arguments = bash ? 0 : syntax_child(s, i, FIELD_ROLE_ARGUMENTS);
    uint32_t first = bash ? (callee ? syntax_next_named(s, callee) : 0)
                          : (arguments ? syntax_first_named(s, arguments) : 0);
    if (!callee || !first)
        return false;
    bool relative = ruby && syntax_text_is(s, callee, "require_relative");
    bool known =
        bash ? syntax_text_is(s, callee, "source") || syntax_text_is(s, callee, ".")
        : ruby
            ? relative || syntax_text_is(s, callee, "require") || syntax_text_is(s, callee, "load")
            : syntax_text_is(s, callee, "require") || syntax_text_is(s, callee, "import");
    if (!known || (!bash && s->nodes[first].role != ROLE_STRING))
        return false;
    struct taken t = {.line = s->nodes[i].line, .local = relative || bash};
    t.module = walk_string(w, first, &t.module_n);
    if (!ruby && !bash)
        t.local = t.module_n && (t.module[0] == '.' || t.module[0] == '/');
    uint32_t parent = s->nodes[i].parent;
    if (walk_type(w, parent) == NODE_variable_declarator) { // const a = require("m")
        uint32_t name = syntax_child(s, parent, FIELD_ROLE_NAME);
        if (name && s->nodes[name].role == ROLE_IDENTIFIER)
            t.alias = text_of(w, name, &t.alias_n);
    }
    take(w, &t);
    return true;
}
