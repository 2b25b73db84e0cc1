// The rules of a repository about who may use whom, and where they are broken. Rules are data of
// the repository (.paired/boundaries.json) or of the caller:
//   {"layers": [{"name": "base", "paths": ["core/base"], "uses": []},
//               {"name": "loop", "paths": ["core/loop"], "uses": ["base"]}],
//    "forbid": [{"from": "src/ui", "to": "src/db", "why": "through the service"}]}
// A path names a folder or a file; `*` stands for anything but a slash, `**` for anything. A file
// belongs to the first layer that has it; "uses": ["*"] allows everything.
#include "core/agents/leonardo.h"

#include "core/agents/modules.h"
#include "core/base/mem.h"

#include <string.h>

enum { LAYERS_MAX = 128, PATHS_MAX = 64, FORBID_MAX = 128, RULES_BYTES_MAX = 256 * 1024 };
static const char rules_file[] = ".paired/boundaries.json";

struct layer {
    struct text name;
    struct text_array paths, uses;
};
struct forbid {
    struct text from, to, why;
};
struct rules {
    struct object_array layers, forbid;
};

static const struct field layer_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct layer, name),
     .min = 1,
     .max = 128},
    {.name = "paths",
     .type = FIELD_STRING_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct layer, paths),
     .min = 1,
     .max = PATHS_MAX},
    {.name = "uses",
     .type = FIELD_STRING_ARRAY,
     .offset = offsetof(struct layer, uses),
     .max = LAYERS_MAX},
    {0},
};
static const struct field forbid_fields[] = {
    {.name = "from",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct forbid, from),
     .min = 1,
     .max = 1024},
    {.name = "to",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct forbid, to),
     .min = 1,
     .max = 1024},
    {.name = "why", .type = FIELD_STRING, .offset = offsetof(struct forbid, why), .max = 1024},
    {0},
};
static const struct field rules_fields[] = {
    {.name = "layers",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct rules, layers),
     .object = layer_fields,
     .object_size = sizeof(struct layer),
     .max = LAYERS_MAX},
    {.name = "forbid",
     .type = FIELD_OBJECT_ARRAY,
     .offset = offsetof(struct rules, forbid),
     .object = forbid_fields,
     .object_size = sizeof(struct forbid),
     .max = FORBID_MAX},
    {0},
};

// --- matching ----------------------------------------------------------------------------------

// Iterative, with one point to come back to for each kind of star: linear times the pattern.
static bool glob(const char *p, size_t pn, const char *t, size_t tn) {
    size_t i = 0, k = 0, star = SIZE_MAX, star_t = 0;
    bool deep = false;
    while (k < tn) {
        if (i < pn && p[i] == '*') {
            deep = i + 1 < pn && p[i + 1] == '*';
            i += deep ? 2 : 1;
            star = i;
            star_t = k;
        } else if (i < pn && (p[i] == t[k] || (p[i] == '?' && t[k] != '/'))) {
            i++;
            k++;
        } else if (star != SIZE_MAX && (deep || t[star_t] != '/')) {
            i = star;
            k = ++star_t;
        } else
            return false;
    }
    while (i < pn && p[i] == '*')
        i++;
    return i == pn;
}

static bool path_matches(struct text pattern, const char *path) {
    size_t n = strlen(path);
    while (pattern.len && pattern.data[pattern.len - 1] == '/')
        pattern.len--;
    if (pattern.len <= n && memcmp(pattern.data, path, pattern.len) == 0 &&
        (path[pattern.len] == '/' || path[pattern.len] == '\0'))
        return true;
    return memchr(pattern.data, '*', pattern.len) && glob(pattern.data, pattern.len, path, n);
}

static int64_t layer_of(const struct rules *rules, const char *path) {
    const struct layer *layers = rules->layers.items;
    for (size_t i = 0; i < rules->layers.count; i++)
        for (size_t k = 0; k < layers[i].paths.count; k++)
            if (path_matches(layers[i].paths.items[k], path))
                return (int64_t)i;
    return -1;
}

static bool may_use(const struct layer *from, const struct layer *to) {
    for (size_t i = 0; i < from->uses.count; i++)
        if (text_is(from->uses.items[i], "*") ||
            (from->uses.items[i].len == to->name.len &&
             memcmp(from->uses.items[i].data, to->name.data, to->name.len) == 0))
            return true;
    return from == to;
}

// --- checking ----------------------------------------------------------------------------------

static void put_violation(struct report *r, const char *path, uint32_t line, const char *target,
                          const char *rule, size_t rule_bytes, struct text why) {
    report_item(r,
                json_pack("{s:s, s:I, s:s, s:s%, s:s%}", "path", path, "line", (json_int_t)line,
                          "uses", target, "rule", rule, rule_bytes, "why", why.data ? why.data : "",
                          why.len),
                "%s:%u uses %s: %.*s%s%.*s", path, line, target, (int)rule_bytes, rule,
                why.len ? "; " : "", (int)why.len, why.len ? why.data : "");
}

static void check_import(struct report *r, const struct rules *rules, const char *path,
                         uint32_t line, const char *target) {
    const struct layer *layers = rules->layers.items;
    const struct forbid *forbid = rules->forbid.items;
    int64_t from = layer_of(rules, path), to = layer_of(rules, target);
    AUTO_BUF rule = BUF_INIT(4096);
    if (from >= 0 && to >= 0 && !may_use(&layers[from], &layers[to])) {
        (void)buf_printf(&rule, "layer \"%.*s\" may not use \"%.*s\"", (int)layers[from].name.len,
                         layers[from].name.data, (int)layers[to].name.len, layers[to].name.data);
        put_violation(r, path, line, target, rule.len ? rule.data : "", rule.len, (struct text){0});
    }
    for (size_t i = 0; i < rules->forbid.count; i++)
        if (path_matches(forbid[i].from, path) && path_matches(forbid[i].to, target)) {
            buf_clear(&rule);
            (void)buf_printf(&rule, "%.*s may not use %.*s", (int)forbid[i].from.len,
                             forbid[i].from.data, (int)forbid[i].to.len, forbid[i].to.data);
            put_violation(r, path, line, target, rule.len ? rule.data : "", rule.len,
                          forbid[i].why);
        }
}

static void check_all(struct report *r, const struct snapshot *s, const struct rules *rules) {
    uint32_t imports = 0, files = 0, outside = 0;
    for (uint32_t i = 0; i < snapshot_count(s); i++) {
        const struct snapshot_file *f = snapshot_file(s, i);
        if (!f->facts || (f->flags & FILE_VENDORED))
            continue;
        files++;
        outside += rules->layers.count && language_is_code(f->lang) && layer_of(rules, f->path) < 0;
        for (uint32_t k = 0; k < f->facts->import_count; k++) {
            int64_t target = snapshot_import(s, i, k);
            if (target < 0 || target == (int64_t)i)
                continue;
            imports++;
            check_import(r, rules, f->path, facts_import(f->facts, k)->line,
                         snapshot_file(s, (uint32_t)target)->path);
        }
    }
    report_title(r, "%u violation%s in %u imports of %u files", report_count(r),
                 report_count(r) == 1 ? "" : "s", imports, files);
    report_nothing(r, "Every import keeps the rules.");
    if (outside)
        report_note(r, "%u code files belong to no layer of the rules", outside);
}

// Rules from what is there: each module with what it uses today.
static int propose(struct report *r, const struct snapshot *s, struct err *err) {
    struct modules m;
    int code = modules_of(s, &(struct modules_options){0}, &m, err);
    if (code < 0)
        return code;
    json_t *layers = json_array();
    for (uint32_t i = 0; i < m.count; i++) {
        json_t *uses = json_array();
        for (uint32_t e = 0; e < m.edge_count; e++)
            if (m.edges[e].from == i)
                (void)json_array_append_new(uses, json_string(m.list[m.edges[e].to].name));
        (void)json_array_append_new(layers, json_pack("{s:s, s:[s], s:o}", "name", m.list[i].name,
                                                      "paths", m.list[i].name, "uses", uses));
    }
    modules_done(&m);
    json_t *rules = json_pack("{s:o}", "layers", layers);
    AUTO_BUF text = BUF_INIT(REPORT_ITEM_BYTES_MAX);
    if (!rules || buf_put_json(&text, rules, JSON_INDENT(1)) < 0)
        report_failed(r);
    report_title(r, "What holds today, as rules for %s: take out what should not be", rules_file);
    report_item_text(r, rules, text.len ? text.data : "", text.len);
    return 0;
}

// --- the rules ---------------------------------------------------------------------------------

static int read_rules(const struct snapshot *s, json_t **ret, struct err *err) {
    AUTO_BUF text = BUF_INIT(RULES_BYTES_MAX);
    json_error_t where;
    int64_t file = snapshot_find(s, rules_file, strlen(rules_file));
    *ret = NULL;
    if (file < 0)
        return 0;
    int r = snapshot_text(s, (uint32_t)file, &text, err);
    if (r < 0)
        return r;
    *ret = json_loadb(text.len ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &where);
    return *ret ? 0 : err_set(err, ERR_INVAL, "%s:%d: %s", rules_file, where.line, where.text);
}

int leonardo_boundaries(struct agent_call *call, const void *input, struct report *report,
                        struct err *err) {
    const struct boundaries_input *in = input;
    struct snapshot *s = NULL;
    struct rules rules = {0};
    json_t *given = in->rules ? json_incref(in->rules) : NULL;
    int r = agent_snapshot(call, TIER_TREE, &s, err);
    if (r == 0 && in->propose)
        r = propose(report, s, err);
    else if (r == 0) {
        if (!given)
            r = read_rules(s, &given, err);
        if (r == 0 && given)
            r = fields_decode(rules_fields, given, &rules, err);
        if (r == 0 && given)
            check_all(report, s, &rules);
        else if (r == 0)
            report_nothing(report,
                           "There are no rules: write %s, or give `rules`. propose=true shows what "
                           "holds today.",
                           rules_file);
    }
    if (r == 0)
        agent_note_limits(report, s);
    fields_release(rules_fields, &rules);
    json_decref(given);
    snapshot_put(s);
    return r;
}
