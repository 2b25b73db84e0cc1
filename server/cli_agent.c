// paired review, map, locate …: what the agents do, for a person and for scripts. The rows follow
// from the agents' tables; options are their arguments by name.
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STDIN_BYTES_MAX = 8 * 1024 * 1024, NAME_BYTES_MAX = 64 };

// "scaffold-test" of the command line is the argument "scaffold_test".
static void argument_name(const char *option, char ret[NAME_BYTES_MAX]) {
    size_t i = 0;
    for (; option[i] && i + 1 < NAME_BYTES_MAX; i++)
        ret[i] = option[i] == '-' ? '_' : option[i];
    ret[i] = '\0';
}

static char kind_of(const struct cli_agent *a, const char *name) {
    for (size_t i = 0; i < CLI_AGENT_FIELDS_MAX && a->fields[i].name; i++)
        if (strcmp(a->fields[i].name, name) == 0)
            return a->fields[i].kind;
    return 0;
}

static int wrong(const char *name, const char *expected, const char *value) {
    cli_error("%s: expected %s, got %s", name, expected, value);
    return CLI_USAGE;
}

// The value of one option as JSON; NULL with *ret_code when it cannot be one.
static json_t *value_of(char kind, const char *name, const char *text, int *ret_code) {
    char *end = NULL;
    json_t *value = NULL;
    errno = 0;
    if (kind == 'b')
        return json_true();
    if (kind == 'i' || kind == 'r') {
        value = kind == 'i' ? json_integer(strtoll(text, &end, 10)) : json_real(strtod(text, &end));
        if (end != text && !*end && errno == 0)
            return value;
        json_decref(value);
        *ret_code = wrong(name, "a number", text);
        return NULL;
    }
    if (kind == 'j') {
        value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        if (!value)
            *ret_code = wrong(name, "JSON", text);
        return value;
    }
    value = json_string(text);
    if (!value)
        *ret_code = wrong(name, "UTF-8", "other bytes");
    return value;
}

static int put_one(json_t *arguments, const struct cli_agent *a, const char *name,
                   const char *text) {
    char kind = kind_of(a, name);
    int code = CLI_FAILED;
    json_t *value = value_of(kind, name, text, &code);
    if (!value)
        return code;
    if (kind != 'a') {
        (void)json_object_set_new(arguments, name, value);
        return -1;
    }
    json_t *list = json_object_get(arguments, name);
    if (!list) {
        list = json_array();
        (void)json_object_set_new(arguments, name, list);
    }
    (void)json_array_append_new(list, value);
    return -1;
}

static int read_stdin(struct buf *text) {
    int r = io_read_all(STDIN_FILENO, text);
    if (r == -EFBIG) {
        cli_error("stdin: at most %d bytes", STDIN_BYTES_MAX);
        return CLI_FAILED;
    }
    if (r < 0) {
        cli_error("stdin cannot be read: %s", strerror(-r));
        return CLI_FAILED;
    }
    return utf_valid(text->len ? text->data : "", text->len)
               ? -1
               : wrong("stdin", "UTF-8", "other bytes");
}

// Bare words: one value, joined by blanks, or one value each where the argument is a list. A single
// "-" is stdin.
static int put_operands(const struct cli_line *line, json_t *arguments) {
    const struct cli_agent *a = line->command->agent;
    AUTO_BUF text = BUF_INIT(STDIN_BYTES_MAX);
    if (!line->operand_count)
        return -1;
    if (kind_of(a, a->operand) == 'a') {
        int code = -1;
        for (size_t i = 0; code < 0 && i < line->operand_count; i++)
            code = put_one(arguments, a, a->operand, line->operands[i]);
        return code;
    }
    if (line->operand_count == 1 && strcmp(line->operands[0], "-") == 0) {
        int code = read_stdin(&text);
        if (code >= 0)
            return code;
    } else
        for (size_t i = 0; i < line->operand_count; i++)
            (void)buf_printf(&text, "%s%s", i ? " " : "", line->operands[i]);
    return put_one(arguments, a, a->operand, text.data ? text.data : "");
}

static bool is_question(const struct cli_agent *a) {
    return strcmp(a->capability, "team.ask") == 0;
}

// A model may be asked: keys that this environment holds go along, and it may take its time.
int cli_put_question(const struct cli_line *line, json_t *arguments, json_t **ret) {
    struct cli_engine *e = NULL;
    struct err err = {0};
    int r = cli_engine_open(line, true, &e, &err);
    if (r == 0)
        r = cli_models_put_keys(e, arguments, &err);
    json_t *keys = json_incref(json_object_get(arguments, "keys"));
    const struct cli_call call = {.capability = "team.ask",
                                  .arguments = json_incref(arguments),
                                  .deadline_ms = CLI_CALL_LONG_MS};
    if (r == 0)
        r = cli_engine_call(e, &call, ret, &err);
    else
        json_decref(arguments);
    cli_models_wipe_keys(keys);
    json_decref(keys);
    json_decref(arguments);
    cli_engine_close(e);
    return r < 0 ? cli_fail(r, &err, line->json) : -1;
}

void cli_show_answer(const struct cli_line *line, const json_t *answer) {
    const json_t *text = json_object_get(answer, "text");
    if (line->json)
        cli_out_json(json_incref(json_object_get(answer, "structured")));
    else
        cli_out_lines(json_string_value(text), json_string_length(text));
}

// What stands around the patch goes to the terminal. A pipe gets nothing but a patch that has
// passed, to the letter: words of a model may look like a patch, and git apply would take that from
// among them.
static int show_patch(const struct cli_line *line, const json_t *answer) {
    const json_t *text = json_object_get(answer, "text"),
                 *made = json_object_get(answer, "structured"),
                 *patch = json_object_get(made, "patch");
    const char *said = json_string_value(text), *lines = json_string_value(patch);
    size_t n = json_string_length(text), k = json_string_length(patch);
    bool passed = json_is_true(json_object_get(made, "passed"));
    if (line->json || cli_out_is_terminal()) {
        cli_show_answer(line, answer);
    } else {
        bool last = k <= n && k && memcmp(said + n - k, lines, k) == 0;
        AUTO_FREE char *words = mem_strndup(said ? said : "", last ? n - k : n);
        if (words && !cli_given(line, "quiet"))
            cli_say_text(words);
        if (passed)
            cli_out_bytes(lines, k);
    }
    if (!passed)
        cli_error(
            "%s",
            !k ? "there is no patch"
            : cli_out_is_terminal() || line->json
                ? "the patch did not pass"
                : "no patch passed every check, and so none is written; --json has the last one");
    return passed ? CLI_OK : CLI_FAILED;
}

int cli_run_agent(const struct cli_line *line) {
    if (cli_value(line, "from") && strcmp(line->command->name, "patterns") == 0)
        return cli_run_patterns_from(line);
    const struct cli_agent *a = line->command->agent;
    json_t *arguments = json_object(), *answer = NULL;
    int code = arguments ? put_operands(line, arguments) : CLI_FAILED;
    for (size_t i = 0; code < 0 && i < line->given_count; i++) {
        char name[NAME_BYTES_MAX];
        argument_name(line->given[i].option->name, name);
        if (kind_of(a, name))
            code = put_one(arguments, a, name, line->given[i].value);
    }
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    if (cli_given(line, "by") || cli_given(line, "show-what-leaves"))
        return cli_ask_friend(line, a->capability, arguments);
    struct cli_call call = {.capability = a->capability, .arguments = arguments};
    code = is_question(a) ? cli_put_question(line, arguments, &answer)
                          : cli_carry_out(line, call, "yes", &answer);
    if (code >= 0)
        return code;
    code = CLI_OK;
    if (is_question(a) && cli_given(line, "patch"))
        code = show_patch(line, answer);
    else
        cli_show_answer(line, answer);
    json_decref(answer);
    return code;
}
