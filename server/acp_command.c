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

static const struct field *field_of(const struct agent_capability *c, const char *name) {
    for (const struct field *f = c->input; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool is_paging(const char *name) {
    return strcmp(name, "budget") == 0 || strcmp(name, "cursor") == 0;
}

// "[path or file] range=… rules=…"
static void put_hint(const struct agent_capability *c, struct buf *hint) {
    const struct field *operand = c->operand ? field_of(c, c->operand) : NULL;
    if (operand)
        (void)buf_puts(hint, operand->description ? operand->description : operand->name);
    for (const struct field *f = c->input; f->name; f++)
        if (f != operand && !is_paging(f->name))
            (void)buf_printf(hint, "%s%s=…", hint->len ? " " : "", f->name);
}

static void add_commands(json_t *list, const struct agent *agent) {
    for (const struct agent_capability *c = agent->capabilities; c->name; c++) {
        char name[NAME_BYTES_MAX];
        AUTO_BUF hint = BUF_INIT(1024);
        command_name(c->name, name);
        put_hint(c, &hint);
        json_t *command = json_pack("{s:s, s:s}", "name", name, "description", c->title);
        if (command && hint.len && !hint.failed)
            (void)json_object_set_new(command, "input", json_pack("{s:s}", "hint", hint.data));
        (void)json_array_append_new(list, command);
    }
}

json_t *acp_commands(const struct agent *agent) {
    json_t *list = json_array();
    if (agent != &agent_team)
        add_commands(list, agent);
    for (size_t i = 0; agent == &agent_team && i < AGENTS_SEVEN; i++)
        add_commands(list, agents[i]);
    return list;
}

const struct agent_capability *acp_command_find(const char *name, const struct agent *first,
                                                const struct agent **ret_agent) {
    char wanted[NAME_BYTES_MAX];
    size_t n = strlen(name);
    if (n >= sizeof wanted)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        wanted[i] = name[i] == '-' ? '_' : name[i];
    for (const struct agent_capability *c = first->capabilities; c->name; c++)
        if (strcmp(c->name, wanted) == 0) {
            *ret_agent = first;
            return c;
        }
    return agent_capability_find(wanted, n, ret_agent);
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
static int put_bare(json_t *arguments, const struct agent_capability *c, const char *word, size_t n,
                    struct err *err) {
    const struct field *f = c->operand ? field_of(c, c->operand) : NULL;
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
static const struct field *named(const struct agent_capability *c, const char *word,
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
    return field_of(c, name);
}

int acp_arguments(const struct agent_capability *c, const char *words, size_t n, json_t **ret,
                  struct err *err) {
    json_t *arguments = json_object();
    AUTO_BUF word = BUF_INIT(ACP_QUESTION_BYTES_MAX), value = BUF_INIT(ACP_QUESTION_BYTES_MAX);
    size_t at = 0;
    int r = arguments ? 0 : ERR_NOMEM;
    while (r == 0 && next_word(words, n, &at, &word)) {
        const char *given = NULL;
        const char *text = word.data ? word.data : "";
        const struct field *f = named(c, text, &given);
        if (f && !given && f->type != FIELD_BOOL) { // "--depth 2"
            if (!next_word(words, n, &at, &value))
                r = err_set(err, ERR_INVAL, "%s: expected a value", f->name);
            else
                given = value.data ? value.data : "";
        }
        if (r < 0)
            break;
        r = !f       ? put_bare(arguments, c, text, word.len, err)
            : !given ? put_value(arguments, f, "yes", 3, err)
                     : put_value(arguments, f, given, strlen(given), err);
    }
    if (r == ERR_NOMEM || word.failed || value.failed)
        r = err_set(err, r == 0 ? ERR_LIMIT : r, "out of memory");
    if (r < 0) {
        json_decref(arguments);
        return r;
    }
    *ret = arguments;
    return 0;
}
