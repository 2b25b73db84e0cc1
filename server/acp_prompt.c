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

// "#L10", "#L10-20", "#L10:20", "?line=10": where editors say which lines were selected.
static int64_t line_of(const char *behind) {
    int64_t line = 0;
    const char *at = strstr(behind, "#L");
    const char *digits = at ? at + 2 : strstr(behind, "line=") ? strstr(behind, "line=") + 5 : NULL;
    for (; digits && isdigit((unsigned char)*digits) && line < INT32_MAX / 10; digits++)
        line = line * 10 + (*digits - '0');
    return line;
}

char *acp_uri_below(const char *uri, const char *root, int64_t *ret_line) {
    size_t n = strcspn(uri, "#?"), root_bytes = strlen(root);
    AUTO_FREE char *path = *uri == '/' ? mem_strndup(uri, n) : lsp_uri_path(uri, n);
    *ret_line = line_of(uri + n);
    if (!path || strncmp(path, root, root_bytes) != 0 || path[root_bytes] != '/' ||
        !path[root_bytes + 1] || strlen(path) >= ACP_PATH_BYTES_MAX)
        return NULL;
    const char *below = path + root_bytes + 1;
    // A name that leads out again is not below.
    for (const char *part = below; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return NULL;
    return mem_strdup(below);
}

// `text`: what came with it, or NULL. Of a selection it is not the file.
static int add_file(struct acp_prompt *p, const char *uri, const char *root, json_t *text) {
    int64_t line = 0;
    char *below = acp_uri_below(uri, root, &line);
    if (!below)
        return 0; // of another scheme or folder: its name stands in the text around it, if at all
    bool known = false;
    for (size_t i = 0; i < p->path_count; i++)
        known |= strcmp(p->paths[i], below) == 0;
    if (known || p->path_count == ACP_PATHS_MAX) {
        mem_free(below);
        return 0;
    }
    bool whole = json_is_string(text) && !strpbrk(uri, "#?");
    p->texts[p->path_count] = whole ? json_incref(text) : NULL;
    p->paths[p->path_count++] = below;
    return 0;
}

// --- blocks --------------------------------------------------------------------------------------

static int add_text(struct acp_prompt *p, const char *text, size_t n) {
    if (p->text.len && n && !isspace((unsigned char)p->text.data[p->text.len - 1]) &&
        !isspace((unsigned char)*text))
        (void)buf_putc(&p->text, ' ');
    return n ? buf_append(&p->text, text, n) : 0;
}

static int add_block(struct acp_prompt *p, const json_t *block, const char *root, size_t i,
                     struct err *err) {
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
        return uri ? add_file(p, uri, root, NULL)
                   : err_set(err, ERR_INVAL, "prompt[%zu].uri: expected string", i);
    if (strcmp(type, "resource") == 0) {
        uri = json_string_value(json_object_get(resource, "uri"));
        return uri ? add_file(p, uri, root, json_object_get(resource, "text"))
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

int acp_prompt_read(const json_t *blocks, const char *root, struct acp_prompt *ret,
                    struct err *err) {
    size_t i;
    const json_t *block;
    *ret = (struct acp_prompt){.text = BUF_INIT(ACP_QUESTION_BYTES_MAX)};
    if (!json_is_array(blocks))
        return err_set(err, ERR_INVAL, "prompt: expected array");
    if (json_array_size(blocks) > ACP_BLOCKS_MAX)
        return err_set(err, ERR_LIMIT, "prompt: at most %d blocks", ACP_BLOCKS_MAX);
    json_array_foreach(blocks, i, block) {
        int r = add_block(ret, block, root, i, err);
        if (ret->text.failed)
            return err_set(err, ERR_LIMIT, "prompt: at most %d bytes of text",
                           ACP_QUESTION_BYTES_MAX);
        if (r < 0)
            return r;
    }
    find_command(ret);
    return 0;
}
