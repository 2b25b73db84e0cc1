// Completions of the shells, from the table. What is completed: commands, verbs, options, and for
// the value of an option or operand that names a file or folder, those.
#include "server/cli.h"

#include <stdio.h>
#include <string.h>

static bool is_path(const char *placeholder) {
    return placeholder &&
           (strncmp(placeholder, "DIR", 3) == 0 || strncmp(placeholder, "FILE", 4) == 0);
}

static void put_option_words(struct buf *out, const struct cli_option *list) {
    for (; list && list->name; list++)
        if (list->help)
            (void)buf_printf(out, " --%s", list->name);
}

// Verbs below `prefix` ("" or "memory "), separated by blanks.
static void put_verb_words(struct buf *out, const char *prefix) {
    size_t n = strlen(prefix);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden && strncmp(c->name, prefix, n) == 0 && !strchr(c->name + n, ' '))
            (void)buf_printf(out, " %s", c->name + n);
}

static bool is_group(const struct cli_command *c) {
    return c->role == CLI_ROLE_COMMAND && cli_has_verbs(c);
}

// --- bash --------------------------------------------------------------------------------------

static void put_bash_case(struct buf *out, const struct cli_command *c) {
    (void)buf_printf(out, "    '%s') words='", c->name);
    if (is_group(c)) {
        char prefix[64];
        (void)snprintf(prefix, sizeof prefix, "%s ", c->name);
        put_verb_words(out, prefix);
    }
    put_option_words(out, c->options);
    (void)buf_printf(out, "'%s;;\n", is_path(c->operands) ? " paths=1 " : " ");
}

static void put_value_options(struct buf *out, bool paths) {
    bool first = true;
    for (int round = 0; round < 2; round++) {
        for (const struct cli_command *c = cli_commands; c->name; c++) {
            const struct cli_option *list = round == 0 ? cli_global_options : c->options;
            for (; list && list->name; list++) {
                if (!list->help || !list->value || is_path(list->value) != paths)
                    continue;
                (void)buf_printf(out, "%s--%s", first ? "" : "|", list->name);
                if (list->letter) // the same letter takes a value in every command
                    (void)buf_printf(out, "|-%c", list->letter);
                first = false;
            }
            if (round == 0)
                break; // the global ones stand once
        }
    }
}

static void put_bash(struct buf *out) {
    (void)buf_puts(out, "# bash completion of paired; made by: paired completion bash\n"
                        "_paired() {\n"
                        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                        "  local command= word words= paths= i\n"
                        "  case $prev in\n    ");
    put_value_options(out, true);
    (void)buf_puts(out, ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n    ");
    put_value_options(out, false);
    (void)buf_puts(out, ") return ;;\n  esac\n"
                        "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "    word=${COMP_WORDS[i]}\n"
                        "    [[ $word == -* ]] && continue\n"
                        "    case \"${command:+$command }$word\" in\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden)
            (void)buf_printf(out, "      '%s') command='%s' ;;\n", c->name, c->name);
    (void)buf_puts(out, "    esac\n  done\n  case $command in\n    '') words='");
    put_verb_words(out, "");
    (void)buf_puts(out, "' ;;\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden)
            put_bash_case(out, c);
    (void)buf_puts(out, "  esac\n  words+='");
    put_option_words(out, cli_global_options);
    (void)buf_puts(out,
                   "'\n"
                   "  [[ -n $paths && $cur != -* ]] && { COMPREPLY=($(compgen -f -- \"$cur\")); "
                   "return; }\n"
                   "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                   "}\n"
                   "complete -F _paired paired\n");
}

// --- zsh ---------------------------------------------------------------------------------------

// Inside '…' and _arguments: no quote, no bracket or colon of the text's own.
static void put_zsh_text(struct buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\'')
            (void)buf_puts(out, "'\\''");
        else if (strchr("[]:\\", *text))
            (void)buf_printf(out, "\\%c", *text);
        else
            (void)buf_putc(out, *text);
    }
}

static void put_zsh_options(struct buf *out, const struct cli_option *list) {
    for (; list && list->name; list++) {
        if (!list->help)
            continue;
        for (int letter = list->letter ? 1 : 0; letter >= 0; letter--) {
            if (letter)
                (void)buf_printf(out, " \\\n        '-%c%s[", list->letter, list->value ? "+" : "");
            else
                (void)buf_printf(out, " \\\n        '--%s%s[", list->name, list->value ? "=" : "");
            put_zsh_text(out, list->help);
            (void)buf_putc(out, ']');
            if (list->value)
                (void)buf_printf(out, ":%s:%s", list->value, is_path(list->value) ? "_files" : "");
            (void)buf_putc(out, '\'');
        }
    }
}

static void put_zsh_verbs(struct buf *out, const char *prefix, const char *indent) {
    size_t n = strlen(prefix);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->hidden || strncmp(c->name, prefix, n) != 0 || strchr(c->name + n, ' '))
            continue;
        (void)buf_printf(out, "%s'%s:", indent, c->name + n);
        put_zsh_text(out, c->help);
        (void)buf_puts(out, "'\n");
    }
}

static void put_zsh(struct buf *out) {
    (void)buf_puts(out,
                   "#compdef paired\n# zsh completion of paired; made by: paired completion zsh\n"
                   "_paired() {\n"
                   "  local command= word i at=1\n"
                   "  for ((i = 2; i < CURRENT; i++)); do\n"
                   "    word=${words[i]}\n"
                   "    [[ $word == -* ]] && continue\n"
                   "    case \"${command:+$command }$word\" in\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden)
            (void)buf_printf(out, "      '%s') command='%s' at=$i ;;\n", c->name, c->name);
    (void)buf_puts(out, "    esac\n  done\n  # What follows is about the words behind the "
                        "command.\n  shift $((at - 1)) words\n  ((CURRENT -= at - 1))\n  local -a "
                        "verbs\n  case $command in\n    '')\n      verbs=(\n");
    put_zsh_verbs(out, "", "        ");
    (void)buf_puts(out, "      )\n      _describe command verbs ;;\n");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->hidden)
            continue;
        (void)buf_printf(out, "    '%s')\n", c->name);
        if (is_group(c)) {
            char prefix[64];
            (void)snprintf(prefix, sizeof prefix, "%s ", c->name);
            (void)buf_puts(out, "      verbs=(\n");
            put_zsh_verbs(out, prefix, "        ");
            (void)buf_puts(out, "      )\n      _describe verb verbs ;;\n");
            continue;
        }
        (void)buf_puts(out, "      _arguments");
        put_zsh_options(out, c->options);
        put_zsh_options(out, cli_global_options);
        if (is_path(c->operands))
            (void)buf_puts(out, " \\\n        '*:file:_files'");
        (void)buf_puts(out, " ;;\n");
    }
    (void)buf_puts(out, "  esac\n}\n_paired \"$@\"\n");
}

// --- fish --------------------------------------------------------------------------------------

static void put_fish_text(struct buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            (void)buf_putc(out, '\\');
        (void)buf_putc(out, *text);
    }
}

static void put_fish_line(struct buf *out, const char *condition, const char *flags,
                          const char *help) {
    (void)buf_printf(out, "complete -c paired -n '%s' %s -d '", condition, flags);
    put_fish_text(out, help);
    (void)buf_puts(out, "'\n");
}

static void put_fish_options(struct buf *out, const char *condition,
                             const struct cli_option *list) {
    for (; list && list->name; list++) {
        if (!list->help)
            continue;
        char flags[96], letter[8] = "";
        if (list->letter)
            (void)snprintf(letter, sizeof letter, "-s %c ", list->letter);
        (void)snprintf(flags, sizeof flags, "%s-l %s%s", letter, list->name,
                       !list->value           ? ""
                       : is_path(list->value) ? " -r -F"
                                              : " -x");
        put_fish_line(out, condition, flags, list->help);
    }
}

// After the group's name, and before any of its verbs.
static void put_verb_condition(struct buf *out, const char *name, size_t group_bytes) {
    char prefix[64];
    (void)snprintf(prefix, sizeof prefix, "%.*s ", (int)group_bytes, name);
    (void)buf_printf(out, "__fish_seen_subcommand_from %.*s; and not __fish_seen_subcommand_from",
                     (int)group_bytes, name);
    put_verb_words(out, prefix);
}

static void put_fish_command(struct buf *out, const struct cli_command *c) {
    AUTO_BUF condition = BUF_INIT(4096);
    char flags[96];
    const char *space = strchr(c->name, ' ');
    size_t group_bytes = space ? (size_t)(space - c->name) : 0;
    if (space)
        put_verb_condition(&condition, c->name, group_bytes);
    else
        (void)buf_puts(&condition, "__fish_use_subcommand");
    (void)snprintf(flags, sizeof flags, "-f -a %s", space ? space + 1 : c->name);
    put_fish_line(out, condition.data ? condition.data : "", flags, c->help);
    buf_clear(&condition);
    if (space)
        (void)buf_printf(&condition, "__fish_seen_subcommand_from %.*s; and ", (int)group_bytes,
                         c->name);
    (void)buf_printf(&condition, "__fish_seen_subcommand_from %s", space ? space + 1 : c->name);
    put_fish_options(out, condition.data ? condition.data : "", c->options);
    if (is_path(c->operands))
        (void)buf_printf(out, "complete -c paired -n '%s' -F\n", condition.data);
    out->failed |= condition.failed;
}

static void put_fish(struct buf *out) {
    (void)buf_puts(out, "# fish completion of paired; made by: paired completion fish\n"
                        "complete -c paired -f\n");
    put_fish_options(out, "true", cli_global_options);
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (!c->hidden)
            put_fish_command(out, c);
}

int cli_completion(const char *shell, struct buf *out) {
    if (strcmp(shell, "bash") == 0)
        put_bash(out);
    else if (strcmp(shell, "zsh") == 0)
        put_zsh(out);
    else if (strcmp(shell, "fish") == 0)
        put_fish(out);
    else
        return ERR_INVAL;
    return out->failed ? ERR_NOMEM : 0;
}
