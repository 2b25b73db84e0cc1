// Prompt caches of backends that want to be told: only what is converted gets marks, as its client
// could not have set any. What a client of the backend's own API wrote passes unchanged.
#include "core/models/wire_cache.h"
#include "server/models_impl.h"

#include <string.h>

// A request with tools, or one that answers an answer, is followed by others; a single question may
// stay alone, and writing a cache for it would cost a quarter more and pay nothing.
static bool goes_on(const json_t *request) {
    const json_t *messages = json_object_get(request, "messages"), *message;
    size_t i;
    json_array_foreach(messages, i, message) {
        const char *role = json_string_value(json_object_get(message, "role"));
        if (role && strcmp(role, "assistant") == 0)
            return true;
    }
    return json_array_size(json_object_get(request, "tools")) > 0;
}

int model_mark_cache(const struct route_catalogue *c, const char *model, json_t *request) {
    const struct route_model *m = route_catalogue_find(c, model);
    struct route_prefix marks;
    if (!m || !m->writes_cost || !goes_on(request))
        return 0;
    const struct wire_cache how = {.cache_min = m->cache_min, .goes_on = true};
    return wire_cache_place(request, &how, &marks);
}
