// `backends find`: looks for model servers at their usual ports of this machine, only when the user
// says so. Three to five GET requests to 127.0.0.1 for each port that answers at all; no key and no
// text goes along, and nothing is kept: adding what was found is another command.
#include "core/base/mem.h"
#include "core/store/backends.h"
#include "server/cap_admin.h"
#include "server/cap_models.h"
#include "server/models_found.h"
#include "server/models_probe.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { PORTS_MAX = PROBES_MAX / FOUND_ASKS, NAMES_MAX = BACKEND_MODELS_MAX };

const struct field backends_find_fields[] = {
    {.name = "ports", .type = FIELD_JSON, .offset = offsetof(struct backends_find_input, ports)},
    {0},
};

struct place {
    uint16_t port;
    char urls[1 + FOUND_ASKS][64];
    struct wire_models models;
    bool listed;
    json_t *names;
    enum found_kind kind;
};
struct search {
    struct call *call;
    struct place places[PORTS_MAX];
    size_t count;
    struct probe lists[PORTS_MAX], asks[PORTS_MAX * FOUND_ASKS];
};

static bool is_cancelled(void *ctx) {
    const struct search *s = ctx;
    return job_cancelled(s->call->job);
}

static int read_ports(struct search *s, const json_t *given, struct err *err) {
    size_t i;
    json_t *port;
    for (i = 0; !given && found_ports[i] && i < PORTS_MAX; i++)
        s->places[s->count++].port = found_ports[i];
    json_array_foreach(given, i, port) {
        json_int_t n = json_integer_value(port);
        if (n < 1 || n > 65535 || i >= PORTS_MAX)
            return err_set(err, ERR_INVAL, "ports: expected 1 to %d numbers from 1 to 65535",
                           PORTS_MAX);
        s->places[s->count++].port = (uint16_t)n;
    }
    return 0;
}

static int note_name(void *ctx, const char *name) {
    struct place *p = ctx;
    json_t *value = json_array_size(p->names) < NAMES_MAX && strlen(name) <= BACKEND_MODEL_BYTES_MAX
                        ? json_string(name)
                        : NULL;
    return value && json_array_append_new(p->names, value) < 0 ? ERR_NOMEM : 0;
}

static void put_probe(struct place *p, size_t url, const char *path, struct probe *probe) {
    (void)snprintf(p->urls[url], sizeof p->urls[url], "http://127.0.0.1:%u%s", (unsigned)p->port,
                   path);
    *probe = (struct probe){.url = p->urls[url], .local = true};
}

static struct found_answer answer_of(const struct probe *p) {
    return (struct found_answer){.status = p->failure == HTTP_OK ? p->status : 0,
                                 .body = p->answer.data ? p->answer.data : "",
                                 .n = p->answer.len};
}

static int look(struct search *s, struct err *err) {
    for (size_t i = 0; i < s->count; i++)
        put_probe(&s->places[i], 0, "/v1/models", &s->lists[i]);
    int r = probe_all(s->lists, s->count, is_cancelled, s, err);
    for (size_t i = 0; r == 0 && i < s->count; i++) {
        struct place *p = &s->places[i];
        const struct probe *list = &s->lists[i];
        p->names = json_array();
        p->listed = list->failure == HTTP_OK && list->status / 100 == 2 &&
                    wire_read_models(list->answer.data, list->answer.len, note_name, p, &p->models,
                                     NULL) == 0;
        for (size_t k = 0; k < FOUND_ASKS; k++) {
            put_probe(p, 1 + k, found_paths[k], &s->asks[i * FOUND_ASKS + k]);
            s->asks[i * FOUND_ASKS + k].skipped = list->failure != HTTP_OK;
        }
    }
    return r < 0 ? r : probe_all(s->asks, s->count * FOUND_ASKS, is_cancelled, s, err);
}

static void identify(struct search *s) {
    for (size_t i = 0; i < s->count; i++) {
        struct found_answer answers[FOUND_ASKS], list = answer_of(&s->lists[i]);
        for (size_t k = 0; k < FOUND_ASKS; k++)
            answers[k] = answer_of(&s->asks[i * FOUND_ASKS + k]);
        s->places[i].kind =
            found_identify(&list, s->places[i].listed, &s->places[i].models, answers);
    }
}

// --- beside what is named already

static const char *named_at(const struct backend_list *list, uint16_t port) {
    char here[3][64];
    (void)snprintf(here[0], sizeof here[0], "http://127.0.0.1:%u", (unsigned)port);
    (void)snprintf(here[1], sizeof here[1], "http://localhost:%u", (unsigned)port);
    (void)snprintf(here[2], sizeof here[2], "http://[::1]:%u", (unsigned)port);
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < 3; k++)
            if (strcmp(list->items[i].url, here[k]) == 0)
                return list->items[i].name;
    return NULL;
}

static bool is_taken(const struct backend_list *list, const struct search *s, size_t upto,
                     const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < upto; i++)
        if (strcmp(found_names[s->places[i].kind].name, name) == 0)
            return true;
    return false;
}

static json_t *place_json(const struct search *s, size_t i, const struct backend_list *list) {
    const struct place *p = &s->places[i];
    const struct found_name *found = &found_names[p->kind];
    const char *named = named_at(list, p->port);
    char url[64], name[BACKEND_NAME_BYTES_MAX + 1];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)p->port);
    bool taken = is_taken(list, s, i, found->name);
    (void)snprintf(name, sizeof name, taken ? "%s-%u" : "%s", found->name, (unsigned)p->port);
    return json_pack("{si ss ss so ss sb sO sI}", "port", (int)p->port, "url", url, "what",
                     found->what, "named", models_text(named), "name", named ? named : name,
                     "locked", p->kind == FOUND_LOCKED || p->kind == FOUND_LITELLM, "models",
                     p->names, "model_count", (json_int_t)p->models.count);
}

static int tell(struct search *s, struct answer *answer, struct err *err) {
    struct backend_list list = {0};
    struct store *store;
    struct db *db;
    int r = models_reader(s->call, &store, &db, err);
    if (r < 0)
        return r;
    r = backend_list(db, &list, err);
    store_reader_put(store, db);
    json_t *found = json_array(), *looked = json_array();
    for (size_t i = 0; r == 0 && i < s->count; i++) {
        (void)json_array_append_new(looked, json_integer(s->places[i].port));
        if (s->places[i].kind != FOUND_NOTHING && s->places[i].kind != FOUND_PAIRED)
            (void)json_array_append_new(found, place_json(s, i, &list));
    }
    backend_list_done(&list);
    if (r == 0)
        return admin_answer(answer, json_pack("{so so}", "found", found, "looked_at", looked), err);
    json_decref(found);
    json_decref(looked);
    return r;
}

int models_backends_find(struct call *call, const void *input, struct answer *answer,
                         struct err *err) {
    const struct backends_find_input *in = input;
    struct search *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->call = call;
    int r = read_ports(s, in->ports, err);
    if (r == 0)
        r = look(s, err);
    if (r == 0) {
        identify(s);
        r = tell(s, answer, err);
    }
    for (size_t i = 0; i < s->count; i++) {
        buf_done(&s->lists[i].answer);
        json_decref(s->places[i].names);
        for (size_t k = 0; k < FOUND_ASKS; k++)
            buf_done(&s->asks[i * FOUND_ASKS + k].answer);
    }
    mem_free(s);
    return r;
}
