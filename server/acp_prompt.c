// What a prompt says: its text, and the files that it points at. Source: ACP v1 "Content".
#include "core/base/mem.h"
#include "server/acp_face.h"
#include "server/lsp_face.h"

#include <ctype.h>
#include <string.h>

void acp_prompt_done(struct acp_prompt *p) {
    buf_done(&p->text);
    while (p->path_count) {
        mem_free(p->paths[--p->path_count]);
        json_decref(p->texts[p->path_count]);
    }
}

// --- files ---------------------------------------------------------------------------------------

// What stands behind `root` and a slash; NULL: it is not below.
static const char *below(const char *path, const char *root) {
    size_t n = strlen(root);
    while (n && root[n - 1] == '/')
        n--;
    return strncmp(path, root, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1 : NULL;
}

char *acp_uri_below(const char *uri, const struct acp_chat *chat) {
    size_t n = strcspn(uri, "#?"); // lines of a selection
    AUTO_FREE char *path = *uri == '/' ? mem_strndup(uri, n) : lsp_uri_path(uri, n);
    if (!path || strlen(path) >= ACP_PATH_BYTES_MAX)
        return NULL;
    const char *rest = below(path, chat->shown);
    if (!rest)
        rest = below(path, chat->root);
    // A name that leads out again is not below.
    for (const char *part = rest; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return NULL;
    return rest ? mem_strdup(rest) : NULL;
}

// `text`: what came with it, or NULL. Of a selection it is not the file.
static int add_file(struct acp_prompt *p, const char *uri, const struct acp_chat *chat,
                    json_t *text) {
    char *path = acp_uri_below(uri, chat);
    if (!path)
        return 0; // of another scheme or folder: its name stands in the text around it, if at all
    bool known = false;
    for (size_t i = 0; i < p->path_count; i++)
        known |= strcmp(p->paths[i], path) == 0;
    if (known || p->path_count == ACP_PATHS_MAX) {
        mem_free(path);
        return 0;
    }
    bool whole = json_is_string(text) && !strpbrk(uri, "#?");
    p->texts[p->path_count] = whole ? json_incref(text) : NULL;
    p->paths[p->path_count++] = path;
    return 0;
}

// --- blocks --------------------------------------------------------------------------------------

static int add_text(struct acp_prompt *p, const char *text, size_t n) {
    if (p->text.len && n && !isspace((unsigned char)p->text.data[p->text.len - 1]) &&
        !isspace((unsigned char)*text))
        (void)buf_putc(&p->text, ' ');
    return n ? buf_append(&p->text, text, n) : 0;
}

static int add_block(struct acp_prompt *p, const json_t *block, const struct acp_chat *chat,
                     size_t i, struct err *err) {
    const char *type = json_string_value(json_object_get(block, "type"));
    const json_t *text = json_object_get(block, "text");
    const json_t *resource = json_object_get(block, "resource");
    const char *uri = json_string_value(json_object_get(block, "uri"));
    if (!type)
        return err_set(err, ERR_INVAL, "prompt[%zu].type: expected string", i);
    if (strcmp(type, "text") == 0) {
        if (!json_is_string(text))
            return err_set(err, ERR_INVAL, "prompt[%zu].text: expected string", i);
        return add_text(p, json_string_value(text), json_string_length(text));
    }
    if (strcmp(type, "resource_link") == 0)
        return uri ? add_file(p, uri, chat, NULL)
                   : err_set(err, ERR_INVAL, "prompt[%zu].uri: expected string", i);
    if (strcmp(type, "resource") == 0) {
        uri = json_string_value(json_object_get(resource, "uri"));
        return uri ? add_file(p, uri, chat, json_object_get(resource, "text"))
                   : err_set(err, ERR_INVAL, "prompt[%zu].resource.uri: expected string", i);
    }
    return err_set(err, ERR_INVAL,
                   "prompt[%zu].type: expected text, resource_link or resource, as advertised", i);
}

static void find_command(struct acp_prompt *p) {
    const char *text = p->text.data ? p->text.data : "";
    size_t at = 0, n = 0;
    while (at < p->text.len && isspace((unsigned char)text[at]))
        at++;
    if (at == p->text.len || text[at] != '/')
        return;
    while (at + 1 + n < p->text.len && (isalnum((unsigned char)text[at + 1 + n]) ||
                                        text[at + 1 + n] == '-' || text[at + 1 + n] == '_'))
        n++;
    bool ends = at + 1 + n == p->text.len || isspace((unsigned char)text[at + 1 + n]);
    if (!n || !ends || n >= sizeof p->command)
        return; // "/usr/lib …" is no command
    memcpy(p->command, text + at + 1, n);
    p->command[n] = '\0';
    p->rest = at + 1 + n;
}

int acp_prompt_read(const json_t *blocks, const struct acp_chat *chat, struct acp_prompt *ret,
                    struct err *err) {
    size_t i;
    const json_t *block;
    *ret = (struct acp_prompt){.text = BUF_INIT(ACP_QUESTION_BYTES_MAX)};
    if (!json_is_array(blocks))
        return err_set(err, ERR_INVAL, "prompt: expected array");
    if (json_array_size(blocks) > ACP_BLOCKS_MAX)
        return err_set(err, ERR_LIMIT, "prompt: at most %d blocks", ACP_BLOCKS_MAX);
    json_array_foreach(blocks, i, block) {
        int r = add_block(ret, block, chat, i, err);
        if (ret->text.failed)
            return err_set(err, ERR_LIMIT, "prompt: at most %d bytes of text",
                           ACP_QUESTION_BYTES_MAX);
        if (r < 0)
            return r;
    }
    find_command(ret);
    return 0;
}
