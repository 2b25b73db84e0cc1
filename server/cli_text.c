// Help and the manual page, from the table.
#include "server/cli.h"

#include "core/base/build.h"
#include "core/base/conf.h"
#include "core/base/utf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 22, NAME_BYTES_MAX = 64, ROFF_LINE_BYTES = 76 };

static int ended(const struct buf *out) {
    return out->failed ? ERR_NOMEM : 0;
}

static bool is_verb_of(const struct cli_command *c, const struct cli_command *group) {
    size_t n = strlen(group->name);
    return strncmp(c->name, group->name, n) == 0 && c->name[n] == ' ';
}

static int width_of(const char *text) {
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0U) != 0x80U; // characters, for "…"
    return n;
}

static void put_columns(struct buf *out, const char *left, const char *right) {
    int n = width_of(left);
    if (n >= HELP_COLUMN)
        (void)buf_printf(out, "  %s\n  %*s %s\n", left, HELP_COLUMN, "", right);
    else
        (void)buf_printf(out, "  %s%*s %s\n", left, HELP_COLUMN - n, "", right);
}

static void put_option(struct buf *out, const struct cli_option *o) {
    char left[NAME_BYTES_MAX];
    char letter[8] = "";
    if (o->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                   o->value ? o->value : "");
    put_columns(out, left, o->help);
}

static bool has_options(const struct cli_option *list) {
    for (; list && list->name; list++)
        if (list->help)
            return true;
    return false;
}

static void put_options(struct buf *out, const char *heading, const struct cli_option *list) {
    if (!has_options(list))
        return;
    (void)buf_printf(out, "\n%s:\n", heading);
    for (; list->name; list++)
        if (list->help)
            put_option(out, list);
}

int cli_help_short(struct buf *out) {
    (void)buf_printf(out,
                     "paired %s: a memory that follows you from tool to tool, kept encrypted here\n"
                     "\nUsage: paired COMMAND [OPTION …]\n",
                     paired_version);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->hidden || strchr(c->name, ' '))
            continue;
        if (c->group)
            (void)buf_printf(out, "\n%s:\n", c->group);
        put_columns(out, c->name, c->help);
    }
    (void)buf_puts(out, "\nMore: paired COMMAND --help, paired help --man\n");
    return ended(out);
}

static void put_usage(struct buf *out, const struct cli_command *c) {
    bool group = !c->run && c->role == CLI_ROLE_COMMAND;
    (void)buf_printf(out, "Usage: paired %s%s%s%s%s\n", c->name,
                     group              ? " VERB"
                     : cli_has_verbs(c) ? " [VERB]"
                                        : "",
                     c->operands ? " " : "", c->operands ? c->operands : "",
                     c->options || group ? " [OPTION …]" : "");
}

static void put_verbs(struct buf *out, const struct cli_command *group) {
    bool first = true;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->hidden || !is_verb_of(c, group))
            continue;
        if (first)
            (void)buf_puts(out, "\nVerbs:\n");
        first = false;
        char left[NAME_BYTES_MAX];
        (void)snprintf(left, sizeof left, "%s%s%s", c->name + strlen(group->name) + 1,
                       c->operands ? " " : "", c->operands ? c->operands : "");
        put_columns(out, left, c->help);
    }
}

int cli_help_command(const struct cli_command *command, struct buf *out) {
    put_usage(out, command);
    (void)buf_printf(out, "\n%s\n", command->help);
    if (command->details)
        (void)buf_printf(out, "\n%s\n", command->details);
    put_verbs(out, command);
    put_options(out, "Options", command->options);
    put_options(out, "Options of every command", cli_global_options);
    if (command->examples)
        (void)buf_printf(out, "\nExamples:\n%s", command->examples);
    return ended(out);
}

// --- the manual page: mdoc(7) ------------------------------------------------------------------

// Text for the body: a dot or quote at the start of a line would be a macro, a backslash an escape,
// and a sentence ends its input line.
static void put_roff(struct buf *out, const char *text, bool wrap) {
    bool start = true;
    size_t line = out->len;
    for (const char *p = text; *p; p++) {
        // Filled text is the same with its lines broken.
        if (wrap && *p == ' ' && out->len - line + strcspn(p + 1, " ") > ROFF_LINE_BYTES) {
            (void)buf_putc(out, '\n');
            line = out->len;
            start = true;
            continue;
        }
        if (start && (*p == '.' || *p == '\''))
            (void)buf_puts(out, "\\&");
        start = *p == '\n';
        size_t bytes;
        uint32_t point = utf_decode(p, strlen(p), &bytes);
        if (point >= 0x80) {
            (void)buf_printf(out, "\\[u%04X]", (unsigned)point);
            p += bytes - 1;
        } else if (*p == '\\')
            (void)buf_puts(out, "\\e");
        else if (*p == '-' && p[1] == '-')
            (void)buf_puts(out, "\\-");
        else if ((*p == '.' || *p == '?') && p[1] == ' ' && isupper((unsigned char)p[2])) {
            (void)buf_printf(out, "%c\n", *p++);
            line = out->len;
            start = true;
        } else
            (void)buf_putc(out, *p);
    }
    (void)buf_putc(out, '\n');
}

// Words as macro arguments: one that looks like a macro's name must not be taken for one, brackets
// become the macro for what is optional.
static void put_words(struct buf *out, const char *macro, const char *text) {
    bool named = false;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " ");
        size_t word = n;
        const char *start = p;
        if (*p == '[') {
            (void)buf_printf(out, " Op %s", macro);
            named = true;
            start++;
            word--;
        }
        if (!named)
            (void)buf_printf(out, " %s", macro);
        named = true;
        if (word && start[word - 1] == ']')
            word--;
        bool dots = word == 3 && memcmp(start, "\xE2\x80\xA6", 3) == 0;
        (void)buf_printf(out, " %s%.*s", word <= 3 ? "\\&" : "", dots ? 3 : (int)word,
                         dots ? "..." : start);
        p += n;
        p += *p == ' ';
    }
}

static void put_man_options(struct buf *out, const struct cli_option *list) {
    if (!has_options(list))
        return;
    (void)buf_puts(out, ".Bl -tag -width Ds\n");
    for (; list->name; list++) {
        if (!list->help)
            continue;
        (void)buf_puts(out, ".It");
        if (list->letter)
            (void)buf_printf(out, " Fl %c ,", list->letter);
        (void)buf_printf(out, " Fl \\-%s", list->name);
        if (list->value)
            put_words(out, "Ar", list->value);
        (void)buf_putc(out, '\n');
        put_roff(out, list->help, true);
    }
    (void)buf_puts(out, ".El\n");
}

// "One sentence\n\nanother paragraph" with .Pp between.
static void put_paragraphs(struct buf *out, const char *text) {
    while (text) {
        const char *gap = strstr(text, "\n\n");
        char part[2048];
        (void)snprintf(part, sizeof part, "%.*s", gap ? (int)(gap - text) : (int)strlen(text),
                       text);
        put_roff(out, part, true);
        text = gap ? gap + 2 : NULL;
        if (text)
            (void)buf_puts(out, ".Pp\n");
    }
}

static void put_examples(struct buf *out, const struct cli_command *c) {
    (void)buf_puts(out, ".Bd -literal -offset indent\n");
    for (const char *line = c->examples; *line;) {
        size_t n = strcspn(line, "\n");
        size_t blanks = strspn(line, " ");
        char text[512];
        (void)snprintf(text, sizeof text, "%.*s", (int)(n - blanks), line + blanks);
        put_roff(out, text, false);
        line += n;
        line += *line == '\n';
    }
    (void)buf_puts(out, ".Ed\n");
}

static void put_man_command(struct buf *out, const struct cli_command *c) {
    bool group = !c->run && c->role == CLI_ROLE_COMMAND;
    (void)buf_puts(out, ".It");
    put_words(out, "Cm", c->name);
    if (c->operands)
        put_words(out, "Ar", c->operands);
    (void)buf_putc(out, '\n');
    put_roff(out, c->help, true);
    if (c->details) {
        (void)buf_puts(out, ".Pp\n");
        put_paragraphs(out, c->details);
    }
    if (!group)
        put_man_options(out, c->options);
}

static void put_man_settings(struct buf *out) {
    (void)buf_puts(out,
                   ".Sh SETTINGS\nThese may stand in\n.Pa config.json ,\nnested at the dots, or "
                   "in the environment as\n.Ev PAIRED_\nand the name in capitals with "
                   "underscores.\n.Bl -tag -width Ds\n");
    for (const struct conf_option *o = conf_options; o->key; o++) {
        (void)buf_printf(out, ".It Cm %s\n", o->key);
        put_roff(out, o->help, true);
        (void)buf_puts(out, "Default:\n");
        (void)buf_printf(out, ".Li \\&%s\n", o->fallback);
        if (o->unit)
            (void)buf_printf(out, "%s.\n", o->unit);
    }
    (void)buf_puts(out, ".El\n");
}

static const char man_end[] =
    ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
    ".It Ev PAIRED_PROFILE\nDirectory that holds settings, store, sockets and logs instead\nof the "
    "usual ones.\n"
    ".It Ev PAIRED_WORKSPACE\nFolder that notes belong to when\n.Fl \\-workspace\nis not given.\n"
    ".It Ev NO_COLOR\nNo colours on a terminal.\n.El\n"
    ".Sh FILES\n.Bl -tag -width Ds\n"
    ".It Pa $XDG_CONFIG_HOME/paired/config.json\nThe settings; usually below\n.Pa ~/.config .\n"
    ".It Pa $XDG_STATE_HOME/paired\nThe encrypted store, its keys and the log; usually below\n"
    ".Pa ~/.local/state .\n"
    ".It Pa $XDG_RUNTIME_DIR/paired\nThe engine's socket and locks.\n"
    ".It Pa .paired/config.json\nSettings of a workspace, which may only tighten.\n.El\n"
    ".Sh EXIT STATUS\n.Bl -tag -width Ds -compact\n"
    ".It 0\nIt is done.\n.It 1\nIt failed.\n.It 2\nThe command line is wrong.\n"
    ".It 3\nIt works, but something needs attention.\n.It 75\nBusy or locked: try again.\n.El\n";

int cli_manual(struct buf *out) {
    (void)buf_puts(out,
                   ".Dd $Mdocdate$\n.Dt PAIRED 1\n.Os\n.Sh NAME\n.Nm paired\n"
                   ".Nd a memory that follows a developer from tool to tool\n"
                   ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar option ...\n"
                   ".Sh DESCRIPTION\n.Nm\nkeeps notes, facts, decisions and handoffs in an "
                   "encrypted store\non this machine and serves them to editors, assistants\nand "
                   "the command line.\nEvery client starts its own\n.Nm Cm mcp ,\na small process "
                   "that attaches to the one engine of the user.\n"
                   ".Sh COMMANDS\n.Bl -tag -width Ds\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden)
            put_man_command(out, c);
    (void)buf_puts(out, ".El\n.Sh OPTIONS\nOptions of every command:\n");
    put_man_options(out, cli_global_options);
    put_man_settings(out);
    (void)buf_puts(out, man_end);
    (void)buf_puts(out, ".Sh EXAMPLES\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden && c->examples)
            put_examples(out, c);
    return ended(out);
}
