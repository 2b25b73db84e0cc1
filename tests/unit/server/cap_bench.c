#include "tests/unit/server/cap_bench.h"

#include "core/base/mem.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct capability *const tables[] = {capabilities_memory, NULL};

struct store *cap_get_store(struct services *s, struct err *err) {
    (void)err;
    return s->engine;
}

static void on_guard(void *ctx) {
    struct bench *b = ctx;
    b->timed_out = true;
    loop_stop(b->loop);
}

int cap_open_store(struct bench *b) {
    struct err err = {0};
    struct store_config config = {.dir = b->dir, .readers = 3};
    int r = store_open(&config, &b->store, &err);
    if (r < 0)
        fprintf(stderr, "store_open: %s\n", err.message);
    b->services.engine = b->store;
    return r;
}

int cap_setup(void **state) {
    static struct bench b;
    b = (struct bench){.workspace = "/home/u/project", .client = "tester", .session = "s1"};
    b.services.store = cap_get_store;
    (void)snprintf(b.dir, sizeof b.dir, "/tmp/paired-test-XXXXXX");
    if (!mkdtemp(b.dir) || cap_open_store(&b) < 0 || loop_new(&b.loop, NULL) < 0 ||
        pool_new(b.loop, 3, &b.pool, NULL) < 0 ||
        loop_timer_new(b.loop, on_guard, &b, &b.guard) < 0)
        return -1;
    struct dispatch_config config = {
        .loop = b.loop, .pool = b.pool, .services = &b.services, .tables = tables};
    *state = &b;
    return dispatch_new(&config, &b.dispatch, NULL);
}

static void remove_tree(const char *path) {
    DIR *d = opendir(path);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char child[512];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        (void)snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (unlink(child) < 0)
            remove_tree(child);
    }
    if (d)
        (void)closedir(d);
    (void)rmdir(path);
}

static void cap_forget_last(struct bench *b) {
    json_decref(b->structured);
    json_decref(b->ask);
    json_decref(b->changed);
    b->structured = b->ask = b->changed = NULL;
    b->list_changed = false;
    buf_done(&b->text);
    b->message[0] = '\0';
}

int cap_teardown(void **state) {
    struct bench *b = *state;
    cap_forget_last(b);
    dispatch_free(b->dispatch);
    pool_free(b->pool);
    loop_free(b->loop);
    store_close(b->store);
    remove_tree(b->dir);
    return 0;
}

static void on_done(void *ctx, int r, struct answer *answer, const struct err *err) {
    struct bench *b = ctx;
    b->r = r;
    if (r < 0)
        (void)snprintf(b->message, sizeof b->message, "%s", err_text(err));
    b->structured = json_incref(answer->structured);
    b->ask = json_incref(answer->ask);
    b->changed = json_incref(answer->changed);
    b->list_changed = answer->list_changed;
    if (answer->text.len)
        (void)buf_append(&b->text, answer->text.data, answer->text.len);
    loop_stop(b->loop);
}

json_t *cap_parse(const char *json) {
    char *text = mem_strdup(json);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    mem_free(text);
    return v;
}

int cap_call_json(struct bench *b, const char *name, json_t *arguments, bool confirmed) {
    struct err err = {0};
    struct dispatch_request req = {
        .capability = name,
        .arguments = arguments,
        .caller = {.face = "mcp", .client = b->client, .workspace = b->workspace, .seq = ++b->seq},
        .confirmed = confirmed,
        .done = on_done,
        .ctx = b,
    };
    (void)snprintf(req.caller.session, sizeof req.caller.session, "%s", b->session);
    cap_forget_last(b);
    int64_t handle = dispatch_call(b->dispatch, &req, &err);
    json_decref(arguments);
    if (handle < 0) {
        (void)snprintf(b->message, sizeof b->message, "%s", err.message);
        return b->r = (int)handle;
    }
    loop_timer_start(b->guard, 30000, 0);
    (void)loop_run(b->loop, NULL);
    loop_timer_stop(b->guard);
    assert_false(b->timed_out);
    return b->r;
}

int cap_call(struct bench *b, const char *name, const char *json) {
    return cap_call_json(b, name, cap_parse(json), false);
}

void cap_must(struct bench *b, const char *name, const char *json) {
    int r = cap_call(b, name, json);
    if (r < 0)
        fail_msg("%s %s: %s", name, json, b->message);
}

const char *cap_member(const struct bench *b, const char *name) {
    const char *s = json_string_value(json_object_get(b->structured, name));
    return s ? s : "";
}

size_t cap_notes(const struct bench *b) {
    return json_array_size(json_object_get(b->structured, "notes"));
}

const char *cap_note_member(const struct bench *b, size_t i, const char *name) {
    const json_t *note = json_array_get(json_object_get(b->structured, "notes"), i);
    const char *s = json_string_value(json_object_get(note, name));
    return s ? s : "";
}

bool cap_text_has(const struct bench *b, const char *s) {
    return b->text.data && strstr(b->text.data, s);
}

bool cap_changed_has(const struct bench *b, const char *uri) {
    size_t i;
    json_t *v;
    json_array_foreach(b->changed, i, v) {
        if (strcmp(json_string_value(v), uri) == 0)
            return true;
    }
    return false;
}

void cap_keep_uid(const struct bench *b, char uid[NOTE_UID_BYTES]) {
    (void)snprintf(uid, NOTE_UID_BYTES, "%s", cap_member(b, "uid"));
    assert_int_equal(strlen(uid), NOTE_UID_BYTES - 1);
}

const char *cap_with_uid(const char *format, const char *uid) {
    static char json[512];
    char *at = json;
    for (const char *p = format; *p; p++) {
        if (*p == '@')
            at += sprintf(at, "%s", uid);
        else
            *at++ = *p;
    }
    *at = '\0';
    return json;
}
