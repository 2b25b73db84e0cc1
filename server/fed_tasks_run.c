// An agent of ours at work on what a friend has sent: in a workspace of its own that lies in memory
// alone. Its root is an empty folder, what was sent stands over it as unsaved texts do (index.h);
// there is no store, no history, no other workspace that it could reach. What came is parsed and
// never run, nor written anywhere.
#include "core/base/dirs.h"
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/workspace/index.h"
#include "core/workspace/workspace.h"
#include "server/fed_tasks.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct store *no_store(void *ctx) {
    (void)ctx;
    return NULL;
}

// The fence: a `.git` that leads nowhere, so that nobody climbs into a repository above.
int fed_tasks_folder(const char *dir, char *ret, size_t room, struct err *err) {
    static const char fence[] = "gitdir: /nonexistent/paired\n";
    char file[DIRS_PATH_BYTES_MAX + 32];
    if (snprintf(ret, room, "%s/visitors", dir) >= (int)room)
        return err_set(err, ERR_LIMIT, "the path of the state is too long");
    int r = dirs_ensure_private(ret, err);
    if (r < 0)
        return r;
    (void)snprintf(file, sizeof file, "%s/.git", ret);
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return access(file, R_OK) == 0 ? 0 : err_set(err, ERR_IO, "%s cannot be made", file);
    ssize_t n = write(fd, fence, sizeof fence - 1);
    (void)close(fd);
    return n == (ssize_t)sizeof fence - 1 ? 0 : err_set(err, ERR_IO, "%s cannot be written", file);
}

void fed_tasks_folder_remove(const char *dir) {
    char path[DIRS_PATH_BYTES_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/visitors/.git", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/visitors", dir);
    (void)rmdir(path);
}

static int put_parts(struct workspace *ws, const struct a2a_message *m, struct text *ret_diff,
                     struct err *err) {
    const struct a2a_part *p = m->parts.items;
    unsigned files = 0;
    for (size_t i = 0; i < m->parts.count; i++) {
        char path[4096];
        if (!p[i].text.data || !p[i].filename.data)
            continue;
        if (text_is(p[i].media_type, "text/x-diff")) {
            *ret_diff = p[i].text;
            continue;
        }
        if (++files > FED_TASKS_FILES_MAX || p[i].filename.len >= sizeof path ||
            memchr(p[i].filename.data, '\0', p[i].filename.len))
            return err_set(err, ERR_INVAL, "too many files, or a name that none can have");
        memcpy(path, p[i].filename.data, p[i].filename.len);
        path[p[i].filename.len] = '\0';
        if (strncmp(path, ".git", 4) == 0 && (path[4] == '/' || path[4] == '\0'))
            return err_set(err, ERR_INVAL, "a name that none can have");
        int r = index_overlay(workspace_index(ws), path, p[i].text.data, p[i].text.len, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static json_t *arguments_of(const struct a2a_message *m, const struct agent_capability *c,
                            struct text diff) {
    static const char *const ours[] = {"range", "diff", "cursor", "format"};
    const json_t *given = json_object_get(json_object_get(m->metadata, "paired"), "arguments");
    json_t *a = json_is_object(given) ? json_copy((json_t *)given) : json_object();
    for (size_t i = 0; a && i < COUNT_OF(ours); i++)
        (void)json_object_del(a, ours[i]);
    if (a && diff.data && strcmp(c->name, "review") == 0)
        (void)json_object_set_new(a, "diff", json_stringn(diff.data, diff.len));
    if (a)
        (void)json_object_set_new(a, "budget", json_integer(FED_TASKS_ANSWER_TOKENS));
    return a;
}

static json_t *artifacts_of(const char *skill, const struct report_answer *answer) {
    json_t *parts = json_array();
    const char *text = answer->text.len ? answer->text.data : "nothing";
    size_t n = answer->text.len ? answer->text.len : strlen(text);
    AUTO_BUF size = BUF_INIT(TASKS_RESULT_BYTES_MAX / 2);
    (void)json_array_append_new(
        parts, json_pack("{s:s%, s:s}", "text", text, n, "mediaType", "text/plain"));
    // For programs; where it is too large the text alone says it.
    if (answer->structured && buf_put_json(&size, answer->structured, JSON_COMPACT) == 0)
        (void)json_array_append_new(parts, json_pack("{s:O, s:s}", "data", answer->structured,
                                                     "mediaType", "application/json"));
    return json_pack("[{s:s, s:s, s:o}]", "artifactId", "answer", "name", skill, "parts", parts);
}

static int work_in(struct workspaces *all, const struct fed_tasks_work *w,
                   const struct agent_capability *c, const struct a2a_message *m,
                   json_t **ret_artifacts, struct err *err) {
    struct agent_call call = {.workspaces = all,
                              .root = w->folder,
                              .client = "friend",
                              .now_ms = w->now_ms,
                              .cancelled = w->cancelled,
                              .ctx = w->ctx};
    struct report_answer answer = {0};
    struct text diff = {0};
    json_t *arguments = NULL;
    int r = workspaces_get(all, w->folder, &call.ws, err);
    if (r == 0)
        r = put_parts(call.ws, m, &diff, err);
    if (r == 0 && !(arguments = arguments_of(m, c, diff)))
        r = err_set(err, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = agent_run(&call, c, arguments, &answer, err);
    if (r == 0 && !(*ret_artifacts = artifacts_of(w->skill, &answer)))
        r = err_set(err, ERR_NOMEM, "out of memory");
    report_answer_done(&answer);
    json_decref(arguments);
    workspace_put(call.ws);
    return r < 0 ? r : 0;
}

int fed_tasks_run(const struct fed_tasks_work *w, json_t **ret_artifacts, struct err *err) {
    const struct agent_capability *c = fed_tasks_skill(w->agent, w->skill, NULL);
    struct a2a_message m;
    struct workspaces *all = NULL;
    if (!c)
        return err_set(err, ERR_NOT_FOUND, "there is no such skill here");
    int r = a2a_message_read(w->message, &m, err);
    if (r < 0)
        return r;
    r = workspaces_new(no_store, NULL, "visitors", &all, err);
    if (r == 0)
        r = work_in(all, w, c, &m, ret_artifacts, err);
    workspaces_free(all);
    fields_release(a2a_message_fields, &m);
    return r;
}
