#include "core/models/wire_cache.h"

#include "core/base/mem.h"

#include <string.h>

enum { BYTES_PER_TOKEN = 4 }; // of JSON; the lengths decide only about marks near the minimum

struct part {
    json_t *holder; // a tool, a block, a message; borrowed
    struct route_part what;
};
struct parts {
    struct part *items;
    size_t count;
};

// Of a value that jansson has read, which bounds how deep it is.
static int64_t weigh(const json_t *value) {
    size_t n = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    return (int64_t)(n / BYTES_PER_TOKEN) + 1;
}

static bool add(struct parts *p, json_t *holder, enum route_part_kind kind, bool answer) {
    if (p->count == WIRE_CACHE_PARTS_MAX)
        return false;
    p->items[p->count++] = (struct part){holder, {kind, weigh(holder), answer}};
    return true;
}

// A text becomes a block, so that a mark has a place.
static int as_blocks(json_t *owner, const char *name) {
    json_t *text = json_object_get(owner, name);
    if (!json_is_string(text) || json_string_length(text) == 0)
        return 0;
    json_t *blocks = json_pack("[{ss sO}]", "type", "text", "text", text);
    return blocks && json_object_set_new(owner, name, blocks) == 0 ? 0 : ERR_NOMEM;
}

static int gather(json_t *request, const struct wire_cache *how, struct parts *p) {
    json_t *tools = json_object_get(request, "tools"), *message, *one;
    json_t *messages = json_object_get(request, "messages");
    size_t i, count = json_array_size(messages);
    bool fits = true;
    int r = as_blocks(request, "system");
    json_array_foreach(tools, i, one) fits = fits && add(p, one, ROUTE_PART_TOOLS, false);
    json_t *system = json_object_get(request, "system");
    json_array_foreach(system, i, one) {
        bool project = i + how->project_blocks >= json_array_size(system);
        fits = fits && add(p, one, project ? ROUTE_PART_PROJECT : ROUTE_PART_SYSTEM, false);
    }
    json_array_foreach(messages, i, message) {
        const char *role = json_string_value(json_object_get(message, "role"));
        bool last = i + how->volatile_last >= count;
        if (r == 0)
            r = as_blocks(message, "content");
        fits = fits && add(p, message, last ? ROUTE_PART_VOLATILE : ROUTE_PART_HISTORY,
                           role && strcmp(role, "assistant") == 0);
    }
    if (!fits)
        p->count = 0;
    return r;
}

// The object that a part's mark stands in: the last block of a message that may have one.
static json_t *place_of(json_t *holder) {
    json_t *content = json_object_get(holder, "content");
    if (!json_object_get(holder, "role")) // a tool, a block of the system
        return json_is_object(holder) ? holder : NULL;
    for (size_t i = json_array_size(content); i-- > 0;) {
        json_t *block = json_array_get(content, i);
        const char *type = json_string_value(json_object_get(block, "type"));
        const char *text = json_string_value(json_object_get(block, "text"));
        bool thinks = type && strstr(type, "thinking");
        bool empty = type && strcmp(type, "text") == 0 && !(text && *text);
        if (json_is_object(block) && !thinks && !empty)
            return block;
    }
    return NULL;
}

static void clear(json_t *holder) {
    json_t *content = json_object_get(holder, "content"), *block;
    size_t i;
    (void)json_object_del(holder, "cache_control");
    if (json_object_get(holder, "role"))
        json_array_foreach(content, i, block)(void) json_object_del(block, "cache_control");
}

int wire_cache_place(json_t *request, const struct wire_cache *how, struct route_prefix *ret) {
    AUTO_FREE struct part *items = mem_alloc(WIRE_CACHE_PARTS_MAX * sizeof *items);
    AUTO_FREE struct route_part *whats = mem_alloc(WIRE_CACHE_PARTS_MAX * sizeof *whats);
    struct parts p = {.items = items};
    *ret = (struct route_prefix){0};
    if (!items || !whats)
        return ERR_NOMEM;
    int r = gather(request, how, &p);
    for (size_t i = 0; i < p.count; i++) {
        whats[i] = p.items[i].what;
        clear(p.items[i].holder);
    }
    if (r < 0 || !route_prefix_plan(whats, p.count, how->cache_min, how->goes_on, ret))
        return r;
    for (size_t i = 0; i < ret->count; i++) {
        json_t *place = place_of(p.items[ret->after[i]].holder);
        json_t *mark = place ? json_pack("{ss}", "type", "ephemeral") : NULL;
        if (place && (!mark || json_object_set_new(place, "cache_control", mark) < 0))
            return ERR_NOMEM;
    }
    return 0;
}
