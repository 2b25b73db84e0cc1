// paired memory …: the same capabilities that MCP tools are, for a person and for scripts.
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STDIN_BYTES_MAX = 64 * 1024, TEXT_WIDTH = 72 };

// --- arguments from options --------------------------------------------------------------------

// JSON cannot carry other bytes, and a tag or a note's id must not be lost on the way.
static bool are_texts(const struct cli_line *line) {
    for (size_t i = 0; i < line->operand_count; i++) {
        if (!utf_valid(line->operands[i], strlen(line->operands[i]))) {
            cli_error("%s: not valid UTF-8", line->operands[i]);
            return false;
        }
    }
    for (size_t i = 0; i < line->given_count; i++) {
        const char *value = line->given[i].value, *name = line->given[i].option->name;
        if (!value || strcmp(name, "workspace") == 0 || strcmp(name, "profile") == 0)
            continue; // folders may have any name
        if (!utf_valid(value, strlen(value))) {
            cli_error("--%s: not valid UTF-8", name);
            return false;
        }
    }
    return true;
}

// Options whose name is the argument's, as text, number or switch. Returns an exit code or -1.
static int put_options(const struct cli_line *line, json_t *arguments, const char *const *texts,
                       const char *const *numbers, const char *const *switches) {
    if (!are_texts(line))
        return CLI_USAGE;
    for (; *texts; texts++)
        if (cli_given(line, *texts))
            (void)json_object_set_new(arguments, *texts, json_string(cli_value(line, *texts)));
    for (; *switches; switches++)
        if (cli_given(line, *switches))
            (void)json_object_set_new(arguments, *switches, json_true());
    for (; *numbers; numbers++) {
        const char *text = cli_value(line, *numbers);
        char *end = NULL;
        if (!text)
            continue;
        long long n = strtoll(text, &end, 10);
        if (end == text || *end) {
            cli_error("--%s: expected a number, got %s", *numbers, text);
            return CLI_USAGE;
        }
        (void)json_object_set_new(arguments, *numbers, json_integer(n));
    }
    return -1;
}

static void put_list(const struct cli_line *line, json_t *arguments, const char *option,
                     const char *member) {
    json_t *list = json_array();
    for (size_t i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i].option->name, option) == 0)
            (void)json_array_append_new(list, json_string(line->given[i].value));
    if (json_array_size(list))
        (void)json_object_set(arguments, member, list);
    json_decref(list);
}

static char *join_operands(const struct cli_line *line) {
    AUTO_BUF text = BUF_INIT(STDIN_BYTES_MAX);
    for (size_t i = 0; i < line->operand_count; i++) {
        if (i)
            (void)buf_putc(&text, ' ');
        (void)buf_puts(&text, line->operands[i]);
    }
    return buf_take(&text);
}

// The note on stdin, whole or not at all: what was cut short would be kept as if it were all of it.
static int read_stdin(char **ret, struct err *err) {
    AUTO_BUF text = BUF_INIT(STDIN_BYTES_MAX);
    for (;;) {
        char chunk[4096];
        ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "stdin cannot be read");
        if (n == 0)
            break;
        if (memchr(chunk, '\0', (size_t)n))
            return err_set(err, ERR_INVAL, "a note is text: stdin has a byte of value 0");
        if (buf_append(&text, chunk, (size_t)n) < 0)
            return err_set(err, ERR_LIMIT, "a note has at most %d bytes", STDIN_BYTES_MAX);
    }
    while (text.len && text.data[text.len - 1] == '\n')
        text.len--;
    *ret = buf_take(&text);
    return *ret ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int note_text(const struct cli_line *line, char **ret, struct err *err) {
    if (line->operand_count == 1 && strcmp(line->operands[0], "-") == 0)
        return read_stdin(ret, err);
    *ret = join_operands(line);
    return *ret ? 0 : err_set(err, ERR_LIMIT, "a note has at most %d bytes", STDIN_BYTES_MAX);
}

// --- answers -----------------------------------------------------------------------------------

// Calls and prints: the structured answer with --json, else the text that a model would get.
static int call_and_print(const struct cli_line *line, const char *capability, json_t *arguments) {
    json_t *answer = NULL;
    int code =
        cli_carry_out(line, (struct cli_call){.capability = capability, .arguments = arguments},
                      "erase", &answer);
    if (code >= 0)
        return code;
    const json_t *text = json_object_get(answer, "text");
    if (line->json) {
        cli_out_json(json_incref(json_object_get(answer, "structured")));
    } else {
        cli_out_lines(json_string_value(text), json_string_length(text));
    }
    json_decref(answer);
    return CLI_OK;
}

int cli_run_remember(const struct cli_line *line) {
    static const char *const texts[] = {"kind", "subject", "replaces", NULL};
    static const char *const numbers[] = {"expires-days", NULL};
    static const char *const none[] = {NULL};
    AUTO_FREE char *text = NULL;
    struct err err = {0};
    int r = note_text(line, &text, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    json_t *arguments = json_pack("{ss}", "text", text);
    if (!arguments)
        return cli_fail(err_set(&err, ERR_INVAL, "the note is not valid UTF-8"), &err, line->json);
    int code = put_options(line, arguments, texts, numbers, none);
    json_t *days = json_object_get(arguments, "expires-days");
    if (days) {
        (void)json_object_set(arguments, "expires_days", days);
        (void)json_object_del(arguments, "expires-days");
    }
    if (cli_given(line, "global"))
        (void)json_object_set_new(arguments, "scope", json_string("global"));
    put_list(line, arguments, "tag", "tags");
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    return call_and_print(line, "remember", arguments);
}

int cli_run_recall(const struct cli_line *line) {
    static const char *const texts[] = {"kind", "tag", "since", "until", "cursor", NULL};
    static const char *const numbers[] = {"limit", "budget", NULL};
    static const char *const switches[] = {"all", "superseded", NULL};
    AUTO_FREE char *query = join_operands(line);
    json_t *arguments = query && *query ? json_pack("{ss}", "query", query) : json_object();
    if (!arguments) {
        cli_error("the query is not valid UTF-8");
        return CLI_FAILED;
    }
    int code = put_options(line, arguments, texts, numbers, switches);
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    return call_and_print(line, "recall", arguments);
}

int cli_run_forget(const struct cli_line *line) {
    if (!are_texts(line))
        return CLI_USAGE;
    json_t *arguments = json_pack("{ss}", "uid", line->operands[0]);
    if (cli_given(line, "erase"))
        (void)json_object_set_new(arguments, "erase", json_true());
    return call_and_print(line, "forget", arguments);
}

int cli_run_handoff(const struct cli_line *line) {
    static const char *const texts[] = {"next", "question", "summary", NULL};
    static const char *const none[] = {NULL};
    AUTO_FREE char *title = join_operands(line);
    if (!cli_given(line, "next")) {
        cli_error("--next is missing: what is the next step?");
        return CLI_USAGE;
    }
    json_t *arguments = json_pack("{ss}", "title", title ? title : "");
    int code = put_options(line, arguments, texts, none, none);
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    put_list(line, arguments, "file", "files");
    return call_and_print(line, "handoff", arguments);
}

int cli_run_resume(const struct cli_line *line) {
    static const char *const numbers[] = {"limit", NULL};
    static const char *const none[] = {NULL};
    json_t *arguments =
        line->operand_count ? json_pack("{ss}", "uid", line->operands[0]) : json_object();
    int code = put_options(line, arguments, none, numbers, none);
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    return call_and_print(line, "resume", arguments);
}

// --- looking -----------------------------------------------------------------------------------

static void put_date(json_int_t ms) {
    char text[32] = "";
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm)) // as recall shows them
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
    cli_out("%s", text);
}

static const char *word(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void put_field(const char *name, const char *value) {
    if (!*value)
        return;
    cli_out("%-12s ", name);
    cli_out_text(value, strlen(value));
    cli_out("\n");
}

static void put_items(const char *name, const json_t *list) {
    size_t i;
    json_t *item;
    if (!json_array_size(list))
        return;
    cli_out("%-12s", name);
    json_array_foreach(list, i, item) {
        cli_out(" ");
        cli_out_text(json_string_value(item), json_string_length(item));
    }
    cli_out("\n");
}

static void put_note_line(const json_t *note) {
    const char *text = word(note, "text");
    size_t n = strcspn(text, "\n");
    size_t shown = n > TEXT_WIDTH ? TEXT_WIDTH : n;
    while (shown < n && ((unsigned char)text[shown] & 0xC0U) == 0x80U)
        shown--;
    cli_out("%s%s%s  ", cli_style(CLI_BOLD), word(note, "uid"), cli_style(CLI_RESET));
    put_date(json_integer_value(json_object_get(note, "created_ms")));
    cli_out("  %-8s  ", word(note, "kind"));
    cli_out_text(text, shown);
    cli_out("%s\n", text[shown] ? " …" : "");
}

static void put_whole(const json_t *note) {
    put_field("uid", word(note, "uid"));
    put_field("kind", word(note, "kind"));
    put_field("title", word(note, "title"));
    cli_out("%-12s ", "written");
    put_date(json_integer_value(json_object_get(note, "created_ms")));
    cli_out("\n");
    put_field("subject", word(note, "subject"));
    put_field("workspace", word(note, "workspace"));
    put_field("source", word(note, "source"));
    put_items("tags", json_object_get(note, "tags"));
    put_field("superseded by", word(note, "superseded_by"));
    put_field("summary", word(note, "summary"));
    put_field("question", word(note, "question"));
    put_field("next", word(note, "next"));
    put_items("files", json_object_get(note, "files"));
    const char *text = word(note, "text");
    if (*text) {
        cli_out("\n");
        cli_out_text(text, strlen(text));
        cli_out("\n");
    }
}

static int look(const struct cli_line *line, const char *capability, json_t *arguments,
                json_t **ret) {
    json_t *answer = NULL;
    int code = cli_ask_engine(
        line, &(struct cli_call){.capability = capability, .arguments = arguments}, &answer);
    if (code >= 0)
        return code;
    *ret = json_incref(json_object_get(answer, "structured"));
    json_decref(answer);
    if (!line->json)
        return -1;
    cli_out_json(*ret);
    return CLI_OK;
}

int cli_run_list(const struct cli_line *line) {
    static const char *const texts[] = {"after", NULL};
    static const char *const numbers[] = {"limit", NULL};
    static const char *const switches[] = {"all", NULL};
    json_t *arguments = json_object();
    json_t *page = NULL;
    int code = put_options(line, arguments, texts, numbers, switches);
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    code = look(line, "memory list", arguments, &page);
    if (code >= 0)
        return code;
    size_t i;
    json_t *note;
    const json_t *notes = json_object_get(page, "notes");
    json_array_foreach(notes, i, note) put_note_line(note);
    if (!i)
        cli_note("nothing has been noted here yet");
    if (json_is_true(json_object_get(page, "more")))
        cli_note("there are more: --after %s", word(json_array_get(notes, i - 1), "uid"));
    json_decref(page);
    return CLI_OK;
}

int cli_run_show(const struct cli_line *line) {
    json_t *found = NULL;
    if (!are_texts(line))
        return CLI_USAGE;
    int code = look(line, "memory show", json_pack("{ss}", "uid", line->operands[0]), &found);
    if (code >= 0)
        return code;
    const json_t *handoff = json_object_get(found, "handoff");
    put_whole(handoff ? handoff : json_array_get(json_object_get(found, "notes"), 0));
    json_decref(found);
    return CLI_OK;
}

int cli_run_tags(const struct cli_line *line) {
    json_t *found = NULL;
    if (!are_texts(line))
        return CLI_USAGE;
    json_t *arguments =
        line->operand_count ? json_pack("{ss}", "prefix", line->operands[0]) : json_object();
    int code = look(line, "memory tags", arguments, &found);
    if (code >= 0)
        return code;
    size_t i;
    json_t *tag;
    json_array_foreach(json_object_get(found, "tags"), i, tag) {
        cli_out_text(json_string_value(tag), json_string_length(tag));
        cli_out("\n");
    }
    json_decref(found);
    return CLI_OK;
}
