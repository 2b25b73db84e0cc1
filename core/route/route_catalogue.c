#include "core/route/route_catalogue.h"

#include "core/base/fields.h"
#include "core/base/mem.h"
#include "core/route/route_catalogue_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PRICES_OF_BYTES_MAX = 16, CACHE_SECONDS = 300, TOKENS_MAX = 100 * 1000 * 1000 };
static const double PRICE_MAX = 100000; // dollars per million tokens
// Where the list says nothing: what providers ask for caches, relative to the input.
static const double CACHED_SHARE = 1, WRITE_1H_SHARE = 1.6;

struct route_catalogue {
    char prices_of[PRICES_OF_BYTES_MAX];
    struct route_model *models;
    size_t count;
};

enum { PRESENT_CACHED = 1, PRESENT_WRITE, PRESENT_WRITE_1H, PRESENT_LONG, PRESENT_LONG_CACHED };

struct long_entry {
    int64_t from;
    double input, cached, output;
    uint64_t present;
};
struct entry {
    struct text name;
    int family;
    double skill, input, cached, write, write_1h, output;
    int64_t context, output_max, cache_min, cache_seconds;
    bool tools, images, thinking;
    struct long_entry longer;
    uint64_t present;
};
struct file {
    int64_t version;
    struct text prices_of;
    struct object_array models;
};

static const char *const families[] = {"anthropic", "openai", "google", "local", NULL};

#define REAL(member, key, of, ...)                                                                 \
    { .name = key, .type = FIELD_REAL, .offset = offsetof(of, member), __VA_ARGS__ }
#define TOKENS(member, key, of, ...)                                                               \
    {                                                                                              \
        .name = key, .type = FIELD_INT, .offset = offsetof(of, member), .max = TOKENS_MAX,         \
        __VA_ARGS__                                                                                \
    }
#define FLAG(member, key)                                                                          \
    { .name = key, .type = FIELD_BOOL, .offset = offsetof(struct entry, member) }
#define SEEN(bit, of) .presence = bit, .presence_offset = offsetof(of, present)

static const struct field long_fields[] = {
    TOKENS(from, "from", struct long_entry, .flags = FIELD_REQUIRED, .min = 1),
    REAL(input, "input", struct long_entry, .flags = FIELD_REQUIRED),
    REAL(cached, "cached", struct long_entry, SEEN(PRESENT_LONG_CACHED, struct long_entry)),
    REAL(output, "output", struct long_entry, .flags = FIELD_REQUIRED),
    {0},
};
static const struct field entry_fields[] = {
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct entry, name),
     .min = 1,
     .max = ROUTE_MODEL_NAME_BYTES_MAX - 1},
    {.name = "family",
     .type = FIELD_ENUM,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct entry, family),
     .values = families},
    REAL(skill, "skill", struct entry, .flags = 0),
    REAL(input, "input", struct entry, .flags = FIELD_REQUIRED),
    REAL(cached, "cached", struct entry, SEEN(PRESENT_CACHED, struct entry)),
    REAL(write, "cache_write", struct entry, SEEN(PRESENT_WRITE, struct entry)),
    REAL(write_1h, "cache_write_1h", struct entry, SEEN(PRESENT_WRITE_1H, struct entry)),
    REAL(output, "output", struct entry, .flags = FIELD_REQUIRED),
    TOKENS(context, "context", struct entry, .flags = 0),
    TOKENS(output_max, "output_max", struct entry, .flags = 0),
    TOKENS(cache_min, "cache_min", struct entry, .flags = 0),
    TOKENS(cache_seconds, "cache_seconds", struct entry, .flags = 0),
    FLAG(tools, "tools"),
    FLAG(images, "images"),
    FLAG(thinking, "thinking"),
    {.name = "long",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct entry, longer),
     .object = long_fields,
     .object_size = sizeof(struct long_entry),
     SEEN(PRESENT_LONG, struct entry)},
    {0},
};
static const struct field file_fields[] = {
    {.name = "version",
     .type = FIELD_INT,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct file, version),
     .min = 1,
     .max = 1},
    {.name = "prices_of",
     .type = FIELD_STRING,
     .offset = offsetof(struct file, prices_of),
     .max = PRICES_OF_BYTES_MAX - 1},
    {.name = "models",
     .type = FIELD_OBJECT_ARRAY,
     .flags = FIELD_REQUIRED,
     .offset = offsetof(struct file, models),
     .max = ROUTE_CATALOGUE_MODELS_MAX,
     .object = entry_fields,
     .object_size = sizeof(struct entry)},
    {0},
};

static bool has(uint64_t present, int bit) {
    return present & (UINT64_C(1) << bit);
}

static int check_prices(const struct entry *e, size_t i, struct err *err) {
    const struct {
        const char *name;
        double value;
    } prices[] = {{"input", e->input},
                  {"cached", e->cached},
                  {"cache_write", e->write},
                  {"cache_write_1h", e->write_1h},
                  {"output", e->output},
                  {"long.input", e->longer.input},
                  {"long.cached", e->longer.cached},
                  {"long.output", e->longer.output}};
    for (size_t k = 0; k < COUNT_OF(prices); k++)
        if (!(prices[k].value >= 0 && prices[k].value <= PRICE_MAX))
            return err_set(err, ERR_INVAL, "models[%zu].%s: expected dollars, 0 to %.0f", i,
                           prices[k].name, PRICE_MAX);
    if (!(e->skill >= 0 && e->skill <= 3))
        return err_set(err, ERR_INVAL, "models[%zu].skill: expected 0 to 3", i);
    for (size_t k = 0; k < e->name.len; k++)
        if ((unsigned char)e->name.data[k] <= ' ' || e->name.data[k] == 0x7F)
            return err_set(err, ERR_INVAL, "models[%zu].name: has a blank or a control character",
                           i);
    return 0;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static void take(const struct entry *e, struct route_model *m) {
    *m = (struct route_model){.family = (enum route_family)e->family,
                              .prices = {.input = e->input, .output = e->output},
                              .context = e->context,
                              .output_max = e->output_max,
                              .cache_min = e->cache_min,
                              .cache_seconds = e->cache_seconds ? e->cache_seconds : CACHE_SECONDS,
                              .writes_cost = has(e->present, PRESENT_WRITE),
                              .tools = e->tools,
                              .images = e->images,
                              .thinking = e->thinking,
                              .skill = e->skill};
    for (size_t i = 0; i < e->name.len; i++)
        m->name[i] = lower(e->name.data[i]);
    struct route_prices *p = &m->prices;
    p->cached = has(e->present, PRESENT_CACHED) ? e->cached : e->input * CACHED_SHARE;
    p->write = m->writes_cost ? e->write : e->input;
    p->write_1h = has(e->present, PRESENT_WRITE_1H) ? e->write_1h
                  : m->writes_cost                  ? e->write * WRITE_1H_SHARE
                                                    : e->input;
    if (!has(e->present, PRESENT_LONG))
        return;
    double dearer = e->input > 0 ? e->longer.input / e->input : 1;
    m->long_from = e->longer.from;
    m->long_prices = (struct route_prices){.input = e->longer.input,
                                           .cached = has(e->longer.present, PRESENT_LONG_CACHED)
                                                         ? e->longer.cached
                                                         : p->cached * dearer,
                                           .write = p->write * dearer,
                                           .write_1h = p->write_1h * dearer,
                                           .output = e->longer.output};
}

static struct route_model *find_exact(const struct route_catalogue *c, const char *name, size_t n) {
    for (size_t i = 0; i < c->count; i++)
        if (strlen(c->models[i].name) == n && memcmp(c->models[i].name, name, n) == 0)
            return &c->models[i];
    return NULL;
}

static int take_all(struct route_catalogue *c, const struct file *f, struct err *err) {
    const struct entry *entries = f->models.items;
    struct route_model *more =
        mem_realloc(c->models, (c->count + f->models.count + 1) * sizeof *more);
    if (!more)
        return err_set(err, ERR_NOMEM, "out of memory for the list of models");
    c->models = more;
    size_t before = c->count;
    for (size_t i = 0; i < f->models.count; i++) {
        struct route_model m;
        int r = check_prices(&entries[i], i, err);
        if (r < 0)
            return r;
        take(&entries[i], &m);
        struct route_model *old = find_exact(c, m.name, strlen(m.name));
        if (old && (size_t)(old - c->models) >= before)
            return err_set(err, ERR_INVAL, "models[%zu].name: \"%s\" is there twice", i, m.name);
        if (!old)
            old = &c->models[c->count++];
        *old = m;
    }
    if (c->count > ROUTE_CATALOGUE_MODELS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d models", ROUTE_CATALOGUE_MODELS_MAX);
    if (f->prices_of.data) {
        memcpy(c->prices_of, f->prices_of.data, f->prices_of.len);
        c->prices_of[f->prices_of.len] = '\0';
    }
    return 0;
}

static int add(struct route_catalogue *c, const char *text, size_t n, struct err *err) {
    struct file f = {0};
    json_error_t why;
    if (n > ROUTE_CATALOGUE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a list of models has at most %d bytes",
                       ROUTE_CATALOGUE_BYTES_MAX);
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    // jansson leaves the text empty where an allocation failed before it had looked at anything.
    if (!root && (json_error_code(&why) == json_error_out_of_memory || !why.text[0]))
        return err_set(err, ERR_NOMEM, "out of memory for the list of models");
    if (!root)
        return err_set(err, ERR_PARSE, "line %d, column %d: %s", why.line, why.column, why.text);
    int r = fields_decode(file_fields, root, &f, err);
    if (r == 0) {
        r = take_all(c, &f, err);
        fields_release(file_fields, &f);
    }
    json_decref(root);
    return r;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct route_model *)a)->name, ((const struct route_model *)b)->name);
}

int route_catalogue_new(const char *text, size_t n, struct route_catalogue **ret, struct err *err) {
    struct route_catalogue *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory for the list of models");
    int r = add(c, (const char *)route_catalogue_json, route_catalogue_json_bytes, err);
    if (r == 0 && text) {
        r = add(c, text, n, err);
        if (r < 0)
            (void)err_context(err, r, "list of models");
    }
    if (r < 0) {
        route_catalogue_free(c);
        return r;
    }
    qsort(c->models, c->count, sizeof *c->models, by_name);
    *ret = c;
    return 0;
}

void route_catalogue_free(struct route_catalogue *c) {
    if (!c)
        return;
    mem_free(c->models);
    mem_free(c);
}

size_t route_catalogue_count(const struct route_catalogue *c) {
    return c->count;
}
const struct route_model *route_catalogue_at(const struct route_catalogue *c, size_t i) {
    return &c->models[i];
}
const char *route_catalogue_prices_of(const struct route_catalogue *c) {
    return c->prices_of;
}

const struct route_model *route_catalogue_find(const struct route_catalogue *c, const char *name) {
    char wanted[ROUTE_MODEL_NAME_BYTES_MAX];
    const struct route_model *best = NULL;
    size_t n = strnlen(name, sizeof wanted), best_len = 0;
    if (n == sizeof wanted)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        wanted[i] = lower(name[i]);
    if ((best = find_exact(c, wanted, n)) != NULL)
        return best;
    const char *bare = strrchr(wanted, '/');
    bare = bare ? bare + 1 : wanted;
    for (size_t i = 0; i < c->count; i++) {
        size_t len = strlen(c->models[i].name);
        if (len <= best_len || strncmp(c->models[i].name, bare, len) != 0 ||
            (bare[len] != '\0' && !strchr("-:@", bare[len])))
            continue;
        best = &c->models[i];
        best_len = len;
    }
    return best;
}

void route_catalogue_unlisted(const struct route_catalogue *c, const char *name, bool local,
                              struct route_model *ret) {
    *ret = (struct route_model){.family = local ? ROUTE_FAMILY_LOCAL : ROUTE_FAMILY_OPENAI,
                                .cache_seconds = CACHE_SECONDS,
                                .tools = true,
                                .skill = local ? .5 : 1};
    size_t n = strnlen(name, sizeof ret->name - 1);
    memcpy(ret->name, name, n);
    for (size_t i = 0; !local && i < c->count; i++)
        if (c->models[i].prices.output > ret->prices.output)
            ret->prices = c->models[i].prices;
}
