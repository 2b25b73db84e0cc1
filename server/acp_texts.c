// What the editor has of the files that a turn is about: for that time the agents read it instead
// of what is on the disk. Source: ACP v1 "File System".
#include "server/acp_turn.h"

#include "core/base/mem.h"
#include "server/texts_held.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void let_go(struct acp_turn *t, const char *path) {
    if (!texts_let_go(t->chat->root, path))
        return;
    json_t *arguments = json_pack("{s:[o]}", "release", acp_string(path, strlen(path)));
    acp_run_unheard(t->chat, "acp.texts", arguments, 0);
}

void acp_texts_release(struct acp_turn *t) {
    for (size_t i = 0; i < t->texts.count; i++)
        if (t->texts.held[i])
            let_go(t, t->texts.paths[i]);
    memset(t->texts.held, 0, sizeof t->texts.held);
}

// --- which files ---------------------------------------------------------------------------------

static bool is_file(const struct acp_turn *t, const char *path) {
    char full[ACP_PATH_BYTES_MAX * 2];
    struct stat st;
    int n = snprintf(full, sizeof full, "%s/%s", t->chat->root, path);
    return n > 0 && (size_t)n < sizeof full && lstat(full, &st) == 0 && S_ISREG(st.st_mode);
}

static void add_path(struct acp_turn *t, const char *path) {
    struct acp_texts *x = &t->texts;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->paths[i], path) == 0)
            return;
    // A name that leads out of the workspace is none of its files.
    if (x->count == ACP_PATHS_MAX || *path == '/' || strncmp(path, "../", 3) == 0 ||
        strstr(path, "/../") || !is_file(t, path))
        return;
    x->paths[x->count] = mem_strdup(path);
    x->count += x->paths[x->count] != NULL;
}

static void add_argument(struct acp_turn *t, const json_t *value) {
    size_t i;
    const json_t *one;
    if (json_is_string(value))
        add_path(t, json_string_value(value));
    json_array_foreach(value, i, one) if (json_is_string(one)) add_path(t, json_string_value(one));
}

static void collect(struct acp_turn *t) {
    for (size_t i = 0; i < t->prompt.path_count; i++)
        add_path(t, t->prompt.paths[i]);
    for (size_t i = 0; i < t->count; i++) {
        add_argument(t, json_object_get(t->steps[i].arguments, "path"));
        add_argument(t, json_object_get(t->steps[i].arguments, "focus"));
    }
}

// --- reading them --------------------------------------------------------------------------------

static void put_in_place(struct acp_turn *t);

static void got(struct acp_turn *t, const json_t *text) {
    const char *path = t->texts.paths[t->texts.at];
    if (!t->texts.got)
        t->texts.got = json_array();
    if (json_is_string(text) && texts_hold(t->chat->root, path)) {
        texts_was_put(t->chat->root,
                      path); // or is as the file is: then giving it back does nothing
        t->texts.held[t->texts.at] = true;
        (void)json_array_append_new(
            t->texts.got,
            json_pack("{s:o, s:O}", "path", acp_string(path, strlen(path)), "text", text));
    }
}

// The text that came with the prompt, if it is the whole file.
static const json_t *embedded(const struct acp_turn *t, const char *path) {
    for (size_t i = 0; i < t->prompt.path_count; i++)
        if (strcmp(t->prompt.paths[i], path) == 0)
            return t->prompt.texts[i];
    return NULL;
}

static void read_next(struct acp_turn *t);

static void on_text(struct acp_turn *t, const json_t *result, const char *why) {
    (void)why; // what the editor does not give came with the prompt, or is read from the disk
    got(t, result ? json_object_get(result, "content") : embedded(t, t->texts.paths[t->texts.at]));
    t->texts.at++;
    read_next(t);
}

static void read_next(struct acp_turn *t) {
    struct acp_texts *x = &t->texts;
    for (; x->at < x->count; x->at++) {
        const char *path = x->paths[x->at];
        const json_t *text = embedded(t, path);
        if (t->chat->face->can & ACP_CAN_READ) {
            acp_turn_ask(t, "fs/read_text_file",
                         json_pack("{s:s, s:o}", "sessionId", t->chat->id, "path",
                                   acp_full_path(t->chat, path)),
                         ACP_READ_MS, on_text);
            return;
        }
        if (text)
            got(t, text);
    }
    put_in_place(t);
}

static void in_place(struct acp_turn *t, int r, struct answer *answer, const struct err *err) {
    (void)r; // what could not be put there is read from the disk
    (void)answer;
    (void)err;
    t->then(t);
}

static void put_in_place(struct acp_turn *t) {
    if (json_array_size(t->texts.got) == 0) {
        t->then(t);
        return;
    }
    json_t *arguments = json_pack("{s:o}", "texts", t->texts.got);
    t->texts.got = NULL;
    if (acp_turn_run(t, "acp.texts", arguments, in_place, NULL) < 0)
        t->then(t);
    json_decref(arguments);
}

void acp_texts_read(struct acp_turn *t, acp_then_fn *then) {
    t->then = then;
    collect(t);
    read_next(t);
}
