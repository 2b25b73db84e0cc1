// Slash commands: the capabilities of the agents, as "/review main..HEAD" or "/map src
// budget=500". Source: ACP v1 "Slash Commands".
#include "core/base/mem.h"
#include "server/acp_face.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64 };

// --- the list ------------------------------------------------------------------------------------

static void command_name(const char *capability, char ret[NAME_BYTES_MAX]) {
    size_t i = 0;
    for (; capability[i] && i + 1 < NAME_BYTES_MAX; i++)
        ret[i] = capability[i] == '_' ? '-' : capability[i];
    ret[i] = '\0';
}

static const struct field *field_of(const struct field *fields, const char *name) {
    for (const struct field *f = fields; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool is_paging(const char *name) {
    return strcmp(name, "budget") == 0 || strcmp(name, "cursor") == 0;
}

// "[path or file] range=… rules=…"
static void put_hint(const struct agent_capability *c, struct buf *hint) {
    const struct field *operand = c->operand ? field_of(c->input, c->operand) : NULL;
    if (operand)
        (void)buf_puts(hint, operand->description ? operand->description : operand->name);
    for (const struct field *f = c->input; f->name; f++)
        if (f != operand && !is_paging(f->name))
            (void)buf_printf(hint, "%s%s=…", hint->len ? " " : "", f->name);
}

static json_t *command_json(const char *name, const char *description, const char *hint) {
    json_t *command = json_pack("{s:s, s:s}", "name", name, "description", description);
    if (command && hint && *hint)
        (void)json_object_set_new(command, "input", json_pack("{s:s}", "hint", hint));
    return command;
}

static void add_commands(json_t *list, const struct agent *agent) {
    for (const struct agent_capability *c = agent->capabilities; c->name; c++) {
        char name[NAME_BYTES_MAX];
        AUTO_BUF hint = BUF_INIT(1024);
        command_name(c->name, name);
        put_hint(c, &hint);
        (void)json_array_append_new(list,
                                    command_json(name, c->title, hint.failed ? NULL : hint.data));
    }
}

// What belongs to no agent: the memory that all tools share, the rest of an answer.
static const struct {
    const char *name, *description, *hint, *operand;
    bool memory;
} others[] = {
    {"more", "The next page of the last answer", NULL, NULL, false},
    {"wait", "Wait until a file has changed, then review what did", NULL, NULL, false},
    {"recall", "Search the memory that all your tools share", "words", "query", true},
    {"remember", "Keep a note in it", "one self-contained note", "text", true},
    {"resume", "What the last session of this workspace handed over", NULL, NULL, true},
    {"handoff", "Hand this chat over, to go on in another tool", "next step", "next", true},
};

static bool memory_command(const char *name) {
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (others[i].memory && strcmp(others[i].name, name) == 0)
            return true;
    return false;
}

// The field that bare words fill.
static const char *operand_of(const struct capability *c) {
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strcmp(others[i].name, c->name) == 0)
            return others[i].operand;
    return c->operand;
}

json_t *acp_commands(const struct agent *agent) {
    json_t *list = json_array();
    if (agent != &agent_team)
        add_commands(list, agent);
    for (size_t i = 0; agent == &agent_team && i < AGENTS_SEVEN; i++)
        add_commands(list, agents[i]);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        (void)json_array_append_new(
            list, command_json(others[i].name, others[i].description, others[i].hint));
    return list;
}

const struct capability *acp_command_find(const struct dispatch *d, const char *name,
                                          const struct agent *first) {
    char wanted[NAME_BYTES_MAX], row[NAME_BYTES_MAX * 2];
    const struct agent *agent = first;
    size_t n = strlen(name);
    if (n >= sizeof wanted)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        wanted[i] = name[i] == '-' ? '_' : name[i];
    (void)snprintf(row, sizeof row, "%s.%s", first->name, wanted);
    if (!agent_capability_find(row, strlen(row), NULL)) {
        if (!agent_capability_find(wanted, n, &agent))
            return memory_command(wanted) ? dispatch_find(d, wanted) : NULL;
        (void)snprintf(row, sizeof row, "%s.%s", agent->name, wanted);
    }
    return dispatch_find(d, row);
}

// --- arguments -----------------------------------------------------------------------------------

// A word, or what stands between quotes; `*at` moves behind it. false: no more.
static bool next_word(const char *text, size_t n, size_t *at, struct buf *ret) {
    buf_clear(ret);
    while (*at < n && isspace((unsigned char)text[*at]))
        (*at)++;
    if (*at == n)
        return false;
    for (char quote = 0; *at < n; (*at)++) {
        char c = text[*at];
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
            continue;
        }
        if (!quote && isspace((unsigned char)c))
            break;
        (void)buf_putc(ret, c);
    }
    return true;
}

static int put_number(json_t *arguments, const struct field *f, const char *text, struct err *err) {
    char *end = NULL;
    errno = 0;
    json_t *value = f->type == FIELD_INT ? json_integer(strtoll(text, &end, 10))
                                         : json_real(strtod(text, &end));
    if (!end || end == text || *end || errno) {
        json_decref(value);
        return err_set(err, ERR_INVAL, "%s: expected a number, got %.64s", f->name, text);
    }
    return json_object_set_new(arguments, f->name, value) < 0 ? ERR_NOMEM : 0;
}

static int put_value(json_t *arguments, const struct field *f, const char *text, size_t n,
                     struct err *err) {
    json_t *value = NULL;
    switch (f->type) {
    case FIELD_INT:
    case FIELD_REAL:
        return put_number(arguments, f, text, err);
    case FIELD_BOOL:
        value = json_boolean(strcmp(text, "no") != 0 && strcmp(text, "false") != 0);
        break;
    case FIELD_STRING_ARRAY: {
        json_t *list = json_object_get(arguments, f->name);
        if (!list) {
            list = json_array();
            (void)json_object_set_new(arguments, f->name, list);
        }
        return json_array_append_new(list, json_stringn(text, n)) < 0 ? ERR_NOMEM : 0;
    }
    case FIELD_JSON:
    case FIELD_OBJECT:
    case FIELD_OBJECT_ARRAY:
        value = json_loadb(text, n, JSON_DECODE_ANY, NULL);
        if (!value)
            return err_set(err, ERR_INVAL, "%s: expected JSON", f->name);
        break;
    default:
        value = json_stringn(text, n);
    }
    return json_object_set_new(arguments, f->name, value) < 0 ? ERR_NOMEM : 0;
}

// Bare words are one value, joined by blanks, or one each where the argument is a list.
static int put_bare(json_t *arguments, const struct capability *c, const char *word, size_t n,
                    struct err *err) {
    const char *operand = operand_of(c);
    const struct field *f = operand ? field_of(c->input, operand) : NULL;
    if (!f)
        return err_set(err, ERR_INVAL, "it takes no words, only name=value: \"%.64s\"", word);
    const json_t *before = json_object_get(arguments, f->name);
    if (f->type != FIELD_STRING || !before)
        return put_value(arguments, f, word, n, err);
    return json_object_set_new(arguments, f->name,
                               json_sprintf("%s %s", json_string_value(before), word)) < 0
               ? ERR_NOMEM
               : 0;
}

// "name=value" or "--name=value" of an argument; NULL: a bare word.
static const struct field *named(const struct capability *c, const char *word,
                                 const char **ret_value) {
    char name[NAME_BYTES_MAX];
    const char *start = strncmp(word, "--", 2) == 0 ? word + 2 : word;
    const char *equals = strchr(start, '=');
    size_t n = equals ? (size_t)(equals - start) : strlen(start);
    if ((!equals && start == word) || !n || n >= sizeof name)
        return NULL;
    for (size_t i = 0; i < n; i++)
        name[i] = start[i] == '-' ? '_' : start[i];
    name[n] = '\0';
    *ret_value = equals ? equals + 1 : NULL;
    return field_of(c->input, name);
}

// The files that a prompt points at, where the command's words name none.
static void put_paths(json_t *arguments, const struct capability *c, char *const *paths,
                      size_t count) {
    const struct field *path = field_of(c->input, "path"), *focus = field_of(c->input, "focus");
    if (count && path && path->type == FIELD_STRING && !json_object_get(arguments, "path"))
        (void)json_object_set_new(arguments, "path", acp_string(paths[0], strlen(paths[0])));
    else if (count && focus && focus->type == FIELD_STRING_ARRAY)
        for (size_t i = 0; i < count; i++)
            (void)put_value(arguments, focus, paths[i], strlen(paths[i]), NULL);
}

static int put_words(json_t *arguments, const struct capability *c, const char *words, size_t n,
                     struct err *err) {
    AUTO_BUF word = BUF_INIT(ACP_QUESTION_BYTES_MAX), value = BUF_INIT(ACP_QUESTION_BYTES_MAX);
    size_t at = 0;
    int r = 0;
    while (r == 0 && next_word(words, n, &at, &word)) {
        const char *given = NULL;
        const char *text = word.data ? word.data : "";
        const struct field *f = named(c, text, &given);
        if (f && !given && f->type != FIELD_BOOL) { // "--depth 2"
            if (!next_word(words, n, &at, &value))
                return err_set(err, ERR_INVAL, "%s: expected a value", f->name);
            given = value.data ? value.data : "";
        }
        r = !f       ? put_bare(arguments, c, text, word.len, err)
            : !given ? put_value(arguments, f, "yes", 3, err)
                     : put_value(arguments, f, given, strlen(given), err);
    }
    return r < 0 && r != ERR_NOMEM                ? r
           : r < 0 || word.failed || value.failed ? err_set(err, ERR_NOMEM, "out of memory")
                                                  : 0;
}

int acp_arguments(const struct capability *c, const char *words, size_t n, char *const *paths,
                  size_t path_count, json_t **ret, struct err *err) {
    json_t *arguments = json_object();
    int r = arguments ? put_words(arguments, c, words, n, err)
                      : err_set(err, ERR_NOMEM, "out of memory");
    if (r < 0) {
        json_decref(arguments);
        return r;
    }
    put_paths(arguments, c, paths, path_count);
    *ret = arguments;
    return 0;
}

// A handoff is called what the chat is called.
void acp_command_complete(const struct acp_chat *chat, const struct capability *c,
                          json_t *arguments) {
    if (strcmp(c->name, "handoff") == 0 && !json_object_get(arguments, "title"))
        (void)json_object_set_new(arguments, "title", acp_string(chat->title, strlen(chat->title)));
}
