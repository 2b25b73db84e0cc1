// Taking a command line apart by the table, and carrying it out.
#include "server/cli.h"

#include "server/cli_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_BYTES_MAX = 64, TYPOS_MAX = 2 };

// --- suggestions -------------------------------------------------------------------------------

// Optimal string alignment, stopped at the names that are used here.
static unsigned distance(const char *a, const char *b) {
    unsigned row[3][NAME_BYTES_MAX];
    size_t n = strlen(a), m = strlen(b);
    if (n >= NAME_BYTES_MAX || m >= NAME_BYTES_MAX)
        return NAME_BYTES_MAX;
    for (size_t j = 0; j <= m; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned cost = a[i - 1] != b[j - 1];
            unsigned best = before[j - 1] + cost;
            if (before[j] + 1 < best)
                best = before[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                earlier[j - 2] + 1 < best)
                best = earlier[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

static void consider(const char *typed, const char *name, const char **best, unsigned *best_off) {
    unsigned off = distance(typed, name);
    if (off < *best_off && off < strlen(name)) {
        *best = name;
        *best_off = off;
    }
}

// --- looking things up -------------------------------------------------------------------------

static const struct cli_command *find_command(const char *name) {
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static const struct cli_option *find_option(const struct cli_option *list, const char *name,
                                            size_t n) {
    for (const struct cli_option *o = list; o && o->name; o++)
        if (strncmp(o->name, name, n) == 0 && o->name[n] == '\0')
            return o;
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_option *list, char letter) {
    for (const struct cli_option *o = list; o && o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

bool cli_has_verbs(const struct cli_command *command) {
    size_t n = strlen(command->name);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strncmp(c->name, command->name, n) == 0 && c->name[n] == ' ')
            return true;
    return false;
}

bool cli_given(const struct cli_line *line, const char *name) {
    for (size_t i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i].option->name, name) == 0)
            return true;
    return false;
}

const char *cli_value(const struct cli_line *line, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i].option->name, name) == 0)
            value = line->given[i].value;
    return value;
}

// --- parsing -----------------------------------------------------------------------------------

struct parser {
    struct cli_line *line;
    char **next; // argument to be read
};

static int usage_error(const struct parser *p, const char *problem, const char *what,
                       const char *suggestion) {
    const struct cli_command *c = p->line->command;
    cli_error("%s %s", problem, what);
    if (suggestion)
        cli_say("Did you mean %s?\n", suggestion);
    cli_say("See: paired %s%s--help\n", c ? c->name : "", c ? " " : "");
    return CLI_USAGE;
}

static const struct cli_option *own_options(const struct parser *p) {
    return p->line->command ? p->line->command->options : NULL;
}

static int unknown_option(const struct parser *p, const char *argument) {
    const char *best = NULL;
    unsigned off = TYPOS_MAX + 1;
    char typed[NAME_BYTES_MAX];
    char suggestion[NAME_BYTES_MAX + 2];
    (void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(argument + 1, "=") - 1, argument + 2);
    const struct cli_option *lists[] = {own_options(p), cli_global_options};
    for (size_t i = 0; argument[1] == '-' && i < 2; i++)
        for (const struct cli_option *o = lists[i]; o && o->name; o++)
            if (o->help)
                consider(typed, o->name, &best, &off);
    (void)snprintf(suggestion, sizeof suggestion, "--%s", best ? best : "");
    return usage_error(p, "unknown option", argument, best ? suggestion : NULL);
}

static int take_option(struct parser *p, const struct cli_option *o, const char *joined) {
    if (p->line->given_count == CLI_OPTIONS_MAX)
        return usage_error(p, "too many options at", o->name, NULL);
    const char *value = joined;
    if (o->value && !value) {
        if (!*p->next)
            return usage_error(p, "a value is missing after option", o->name, NULL);
        value = *p->next++;
    } else if (!o->value && value) {
        return usage_error(p, "no value belongs to option", o->name, NULL);
    }
    p->line->given[p->line->given_count].option = o;
    p->line->given[p->line->given_count++].value = value;
    return 0;
}

static int parse_long(struct parser *p, const char *argument) {
    const char *name = argument + 2;
    size_t n = strcspn(name, "=");
    const struct cli_option *o = find_option(own_options(p), name, n);
    if (!o)
        o = find_option(cli_global_options, name, n);
    if (!o)
        return unknown_option(p, argument);
    return take_option(p, o, name[n] ? name + n + 1 : NULL);
}

static int parse_letters(struct parser *p, const char *argument) {
    for (const char *at = argument + 1; *at; at++) {
        const struct cli_option *o = find_letter(own_options(p), *at);
        if (!o)
            o = find_letter(cli_global_options, *at);
        if (!o)
            return unknown_option(p, argument);
        const char *joined = o->value && at[1] ? at + 1 : NULL;
        int r = take_option(p, o, joined);
        if (r || joined)
            return r;
    }
    return 0;
}

// "recall" alone is "memory recall".
static const char *verb_elsewhere(const char *word) {
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        const char *verb = strchr(c->name, ' ');
        if (verb && !c->hidden && strcmp(verb + 1, word) == 0)
            return c->name;
    }
    return NULL;
}

static int unknown_command(const struct parser *p, const char *prefix, const char *word) {
    const char *best = NULL, *elsewhere = verb_elsewhere(word);
    unsigned off = TYPOS_MAX + 1;
    size_t n = strlen(prefix);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden && strncmp(c->name, prefix, n) == 0 && !strchr(c->name + n, ' '))
            consider(word, c->name + n, &best, &off);
    return usage_error(p, "unknown command", word, elsewhere ? elsewhere : best);
}

static int take_operand(struct parser *p, const char *word) {
    struct cli_line *line = p->line;
    if (!line->command) {
        line->command = strchr(word, ' ') ? NULL : find_command(word);
        return line->command ? 0 : unknown_command(p, "", word);
    }
    if (cli_has_verbs(line->command) && line->command->role == CLI_ROLE_COMMAND) {
        char name[NAME_BYTES_MAX];
        char prefix[NAME_BYTES_MAX];
        (void)snprintf(name, sizeof name, "%s %s", line->command->name, word);
        (void)snprintf(prefix, sizeof prefix, "%s ", line->command->name);
        const struct cli_command *verb = find_command(name);
        if (!verb)
            return unknown_command(p, prefix, word);
        line->command = verb;
        return 0;
    }
    if (line->operand_count == CLI_OPERANDS_MAX ||
        (line->command->operands_max >= 0 &&
         line->operand_count == (size_t)line->command->operands_max))
        return usage_error(p, "too many arguments at", word, NULL);
    line->operands[line->operand_count++] = word;
    return 0;
}

static int parse_all(struct parser *p) {
    bool operands_only = false;
    while (*p->next) {
        const char *argument = *p->next++;
        int r;
        if (operands_only || argument[0] != '-' || !argument[1])
            r = take_operand(p, argument);
        else if (strcmp(argument, "--") == 0) {
            operands_only = true;
            r = 0;
        } else
            r = argument[1] == '-' ? parse_long(p, argument) : parse_letters(p, argument);
        if (r)
            return r;
    }
    return 0;
}

static int print_help(const struct cli_command *command, bool asked) {
    AUTO_BUF text = BUF_INIT(0);
    int r = command ? cli_help_command(command, &text) : cli_help_short(&text);
    if (r < 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    if (asked)
        cli_out_bytes(text.data, text.len);
    else
        cli_say("%s", text.data);
    return cli_print_end(asked ? CLI_OK : CLI_USAGE);
}

static int finish(struct parser *p) {
    struct cli_line *line = p->line;
    if (cli_given(line, "help"))
        return print_help(line->command, true);
    if (cli_given(line, "version") && !line->command)
        line->command = find_command("version");
    if (!line->command)
        return print_help(NULL, false);
    if (!line->command->run && line->command->role == CLI_ROLE_COMMAND)
        return print_help(line->command, false);
    if (line->operand_count < (size_t)line->command->operands_min)
        return usage_error(p, "missing:", line->command->operands, NULL);
    line->profile = cli_value(line, "profile");
    line->workspace = cli_value(line, "workspace");
    line->json = cli_given(line, "json");
    line->quiet = cli_given(line, "quiet");
    line->standalone = cli_given(line, "standalone");
    // A folder that is gone still names the notes to be erased, the grants to be ended.
    struct stat st;
    if (line->workspace && line->command->role == CLI_ROLE_COMMAND &&
        strcmp(line->command->name, "erase") != 0 &&
        strcmp(line->command->name, "consent revoke") != 0 &&
        (stat(line->workspace, &st) < 0 || !S_ISDIR(st.st_mode)))
        return usage_error(p, "there is no folder", line->workspace, NULL);
    // A script's unset variable must not mean the user's own store.
    if (line->profile && !*line->profile)
        return usage_error(p, "--profile", "expects a folder, got nothing", NULL);
    if (line->profile && setenv("PAIRED_PROFILE", line->profile, 1) < 0)
        return usage_error(p, "cannot use profile", line->profile, NULL);
    return -1;
}

// The line as typed, for what is wrong may stand before it.
static bool json_wanted(char **argv) {
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "--json") == 0)
            return true;
    return false;
}

bool cli_parse(int argc, char **argv, struct cli_line *ret, int *ret_exit) {
    *ret = (struct cli_line){.argv = argv};
    struct parser p = {.line = ret, .next = argv + (argc > 0)};
    cli_print_init(false);
    int r = parse_all(&p);
    if (r == 0)
        r = finish(&p);
    if (r < 0)
        return true;
    if (json_wanted(argv))
        cli_fail_silent(r);
    *ret_exit = r;
    return false;
}

int cli_run(const struct cli_line *line) {
    cli_print_init(line->quiet);
    int code = line->command->run(line);
    if (line->json)
        cli_fail_silent(code);
    return cli_print_end(code);
}

int cli_main(int argc, char **argv) {
    struct cli_line line;
    int code;
    if (!cli_parse(argc, argv, &line, &code))
        return code;
    if (line.command->role != CLI_ROLE_COMMAND)
        return CLI_USAGE; // serving is main's
    return cli_run(&line);
}
