// paired share …: shows, byte for byte, what would leave; lets it go when told to whom, and agreed
// to.
#include "core/base/io.h"
#include "core/base/mem.h"
#include "core/base/utf.h"
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 * 1024 };

// --- what is asked for

static json_t *arguments_of(const struct cli_line *line, const char *kind) {
    static const char *const texts[] = {"title", "state", "date", "month", "to"};
    json_t *arguments = json_pack("{ss}", "kind", kind), *labels = json_array();
    for (size_t i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i].option->name, "label") == 0)
            (void)json_array_append_new(labels, cli_json_text(line->given[i].value));
    (void)json_object_set_new(arguments, "labels", labels);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (cli_value(line, texts[i]))
            (void)json_object_set_new(arguments, texts[i],
                                      cli_json_text(cli_value(line, texts[i])));
    return arguments;
}

// Reads a file that the user named, or stdin ("-"), into "text"; -1, or an exit code.
static int put_file(const char *path, json_t *arguments) {
    AUTO_BUF text = BUF_INIT(FILE_BYTES_MAX);
    bool in = strcmp(path, "-") == 0;
    int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : io_read_all(fd, &text);
    if (fd >= 0 && !in)
        (void)close(fd);
    if (r < 0) {
        cli_error("%s: %s", path, r == -EFBIG ? "larger than 256 KiB" : strerror(-r));
        return CLI_FAILED;
    }
    if (!utf_valid(text.len ? text.data : "", text.len)) {
        cli_error("%s: expected UTF-8, got other bytes", path);
        return CLI_FAILED;
    }
    (void)json_object_set_new(arguments, "text", json_stringn(text.len ? text.data : "", text.len));
    return -1;
}

// --- showing

static void put_masked(const json_t *made) {
    const char *name;
    json_t *count, *masked = json_object_get(made, "masked");
    json_object_foreach(masked, name, count) cli_note(
        "[%s] stands for what does not leave: %lld of them", name, json_integer_value(count));
    if (cli_models_number(made, "refused"))
        cli_note("%lld left out, the last because: %s", cli_models_number(made, "refused"),
                 cli_models_word(made, "why"));
}

static bool goes(const struct cli_line *line, const json_t *item) {
    return !cli_given(line, "all") || json_is_true(json_object_get(item, "tags")) ||
           json_is_true(json_object_get(item, "reveal"));
}

static size_t put_bodies(const struct cli_line *line, const json_t *made) {
    json_t *item, *bodies = json_object_get(made, "bodies");
    size_t i, going = 0, kept = 0;
    json_array_foreach(bodies, i, item) {
        const char *body = cli_models_word(item, "body");
        going += goes(line, item);
        kept += !goes(line, item);
        if (!goes(line, item))
            continue;
        cli_out("%s--- %zu bytes", cli_style(CLI_DIM), strlen(body));
        if (*cli_models_word(item, "id"))
            cli_out(", pattern %.8s, which %lld others hold", cli_models_word(item, "id"),
                    cli_models_number(item, "holders"));
        cli_out("%s\n", cli_style(CLI_RESET));
        cli_out_lines(body, strlen(body));
    }
    put_masked(made);
    if (kept)
        cli_note("%zu patterns stay here until two friends say that they hold them, too", kept);
    return going;
}

// --- sending

static int send_one(const struct cli_line *line, const json_t *item, json_t *sent) {
    json_t *answer = NULL;
    json_t *arguments = json_pack("{so sO sb}", "to", cli_json_text(cli_value(line, "to")), "body",
                                  json_object_get(item, "body"), "named", line->operand_count > 0);
    int code =
        cli_carry_out(line, (struct cli_call){.capability = "share send", .arguments = arguments},
                      "grant", &answer);
    if (code >= 0)
        return code;
    (void)json_array_append(sent, json_object_get(answer, "structured"));
    json_decref(answer);
    return -1;
}

static int send_all(const struct cli_line *line, const json_t *made) {
    json_t *sent = json_array(), *item, *bodies = json_object_get(made, "bodies");
    size_t i;
    int code = -1;
    json_array_foreach(bodies, i, item) {
        if (code < 0 && goes(line, item))
            code = send_one(line, item, sent);
    }
    if (code < 0 && line->json) {
        cli_out_json(json_pack("{sO}", "shared", sent));
    } else if (code < 0) {
        json_array_foreach(sent, i, item) {
            cli_out("%.16s  ", cli_models_word(item, "id"));
            cli_models_put(cli_models_word(item, "who"));
            cli_out("%s\n", json_is_true(json_object_get(item, "known")) ? " has it already" : "");
        }
        cli_note("take it back with: paired share revoke ID");
    }
    json_decref(sent);
    return code < 0 ? CLI_OK : code;
}

// Takes arguments.
static int share(const struct cli_line *line, json_t *arguments) {
    json_t *made = NULL, *answer = NULL;
    int exit_code = CLI_OK;
    int code = cli_ask_engine(line,
                              &(struct cli_call){.capability = "share make",
                                                 .arguments = arguments,
                                                 .deadline_ms = CLI_CALL_LONG_MS},
                              &answer);
    if (code >= 0)
        return code;
    made = json_incref(json_object_get(answer, "structured"));
    json_decref(answer);
    if (line->json && !cli_value(line, "to")) {
        cli_out_json(made);
        return CLI_OK;
    }
    size_t going = line->json ? 1 : put_bodies(line, made);
    if (!going)
        cli_note("nothing of it leaves now");
    else if (!cli_value(line, "to"))
        cli_note("nothing has left: --to FRIEND (or everyone) lets exactly this go");
    else if (cli_confirm(line,
                         "Exactly what is shown leaves this machine. It can be taken back (paired "
                         "share revoke), and whoever has read it can remember it.",
                         "share", &exit_code))
        exit_code = send_all(line, made);
    json_decref(made);
    return exit_code;
}

// --- the commands

int cli_run_share_pattern(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, "pattern"), *ids = json_array();
    for (size_t i = 0; i < line->operand_count; i++)
        (void)json_array_append_new(ids, cli_json_text(line->operands[i]));
    (void)json_object_set_new(arguments, "ids", ids);
    (void)json_object_set_new(arguments, "all", json_boolean(cli_given(line, "all")));
    if (cli_given(line, "all") == (line->operand_count > 0)) {
        cli_error("which patterns: their ids, or --all");
        json_decref(arguments);
        return CLI_USAGE;
    }
    return share(line, arguments);
}

static int share_file(const struct cli_line *line, json_t *arguments) {
    int code = put_file(line->operands[0], arguments);
    if (code >= 0) {
        json_decref(arguments);
        return code;
    }
    return share(line, arguments);
}

int cli_run_share_template(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, "template");
    const char *slash = strrchr(line->operands[0], '/');
    (void)json_object_set_new(arguments, "name",
                              cli_json_text(slash ? slash + 1 : line->operands[0]));
    (void)json_object_set_new(arguments, "bodies", json_boolean(cli_given(line, "bodies")));
    return share_file(line, arguments);
}

int cli_run_share_decision(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, "decision");
    if (!cli_value(line, "state"))
        (void)json_object_set_new(arguments, "state", json_string("accepted"));
    return share_file(line, arguments);
}

int cli_run_share_resource(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, "resource");
    const char *what = line->operands[0], *note = cli_value(line, "note");
    bool link = strncmp(what, "https://", 8) == 0 || strncmp(what, "http://", 7) == 0;
    if (!link && strcmp(what, "-") == 0)
        return share_file(line, arguments);
    if (link)
        (void)json_object_set_new(arguments, "link", cli_json_text(what));
    if (!link || note)
        (void)json_object_set_new(arguments, "text", cli_json_text(link ? note : what));
    return share(line, arguments);
}

int cli_run_share_milestone(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, "milestone");
    const char *note = cli_value(line, "note");
    (void)json_object_set_new(arguments, "title", cli_json_text(line->operands[0]));
    if (note)
        (void)json_object_set_new(arguments, "text", cli_json_text(note));
    if (!cli_value(line, "state"))
        (void)json_object_set_new(arguments, "state", json_string("planned"));
    return share(line, arguments);
}

int cli_run_share_metric(const struct cli_line *line) {
    json_t *arguments = arguments_of(line, "metric");
    time_t now = time(NULL);
    struct tm tm;
    char month[16] = "";
    if (!cli_value(line, "month") && gmtime_r(&now, &tm)) { // the one before this
        tm.tm_mday = 1;
        tm.tm_mon--;
        (void)timegm(&tm);
        (void)strftime(month, sizeof month, "%Y-%m", &tm);
        (void)json_object_set_new(arguments, "month", json_string(month));
    }
    return share(line, arguments);
}

// --- what was shared

static void put_receipts(const json_t *item) {
    json_t *receipt, *receipts = json_object_get(item, "receipts");
    size_t i;
    json_array_foreach(receipts, i, receipt) {
        char when[32];
        cli_models_when(cli_models_number(receipt, "time_ms"), true, when);
        cli_out("                  deleted by ");
        cli_models_put(cli_models_word(receipt, "from"));
        cli_out(" %s\n", when);
    }
}

int cli_run_share_list(const struct cli_line *line) {
    json_t *found = NULL, *item;
    size_t i;
    json_t *arguments = json_object();
    if (line->operand_count)
        (void)json_object_set_new(arguments, "id", cli_json_text(line->operands[0]));
    int code = cli_models_call(line, "share list", arguments, &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    json_t *records = json_object_get(found, "records");
    json_array_foreach(records, i, item) {
        char when[32];
        cli_models_when(cli_models_number(item, "created_ms"), true, when);
        cli_out("%.16s  %s  %-10s to ", cli_models_word(item, "id"), when,
                *cli_models_word(item, "kind") ? cli_models_word(item, "kind")
                                               : cli_models_word(item, "state"));
        cli_models_put(cli_models_word(item, "to"));
        cli_out("  ");
        cli_models_put(cli_models_word(item, "title"));
        cli_out("\n");
        put_receipts(item);
        if (*cli_models_word(item, "body"))
            cli_out_lines(cli_models_word(item, "body"), strlen(cli_models_word(item, "body")));
    }
    if (!json_array_size(records))
        cli_note("nothing is shared");
    json_decref(found);
    return CLI_OK;
}

int cli_run_share_revoke(const struct cli_line *line) {
    json_t *arguments = json_pack("{so}", "id", cli_json_text(line->operands[0]));
    if (cli_value(line, "reason"))
        (void)json_object_set_new(arguments, "reason", cli_json_text(cli_value(line, "reason")));
    return cli_models_do(line, "share take back", arguments,
                         "taken back; friends delete it when they hear of it, and say so: paired "
                         "share list");
}
