// Declarations of options and commands, as the usual libraries write them. A file is read with the
// library that it imports.
#include "core/agents/maya_cli.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <string.h>

enum { DECLARATION_BYTES_MAX = 4096, WORDS_MAX = 100000 };

static const struct {
    enum cli_framework framework;
    const char *name;
    enum lang langs[3];
    const char *marks[4]; // one of them stands in the file
} frameworks[] = {
    {CLI_CLICK,
     "click",
     {LANG_PYTHON},
     {"import click", "from click", "import typer", "rich_click"}},
    {CLI_ARGPARSE, "argparse", {LANG_PYTHON}, {"argparse", "ArgumentParser"}},
    {CLI_OPTPARSE, "optparse", {LANG_PYTHON}, {"optparse"}},
    {CLI_COMMANDER,
     "commander",
     {LANG_JAVASCRIPT, LANG_TYPESCRIPT},
     {"'commander'", "\"commander\"", "'cac'"}},
    {CLI_YARGS, "yargs", {LANG_JAVASCRIPT, LANG_TYPESCRIPT}, {"'yargs", "\"yargs"}},
    {CLI_PFLAG, "cobra", {LANG_GO}, {"spf13/cobra", "spf13/pflag"}},
    {CLI_URFAVE, "urfave/cli", {LANG_GO}, {"urfave/cli"}},
    {CLI_KINGPIN, "kingpin", {LANG_GO}, {"kingpin"}},
    {CLI_GO_FLAG, "flag", {LANG_GO}, {"\t\"flag\"", "import \"flag\""}},
    {CLI_CLAP, "clap", {LANG_RUST}, {"clap::", "use clap", "structopt"}},
    {CLI_GETOPT, "getopt_long", {LANG_C, LANG_CPP}, {"struct option ", "getopt_long("}},
    {CLI_RUBY, "optparse", {LANG_RUBY}, {"OptionParser", "Thor", "Mercenary", ".option "}},
    {CLI_PICOCLI, "picocli", {LANG_JAVA, LANG_KOTLIN}, {"picocli", "args4j", "commons.cli"}},
};

const char *cli_framework_name(enum cli_framework f) {
    for (size_t i = 0; i < COUNT_OF(frameworks); i++)
        if (frameworks[i].framework == f)
            return frameworks[i].name;
    return "";
}

enum cli_framework cli_framework_of(const struct maya_file *f) {
    for (size_t i = 0; i < COUNT_OF(frameworks); i++) {
        bool lang = false;
        for (size_t k = 0; k < COUNT_OF(frameworks[i].langs); k++)
            lang |= frameworks[i].langs[k] == f->lang && f->lang != LANG_NONE;
        for (size_t k = 0; lang && k < COUNT_OF(frameworks[i].marks) && frameworks[i].marks[k]; k++)
            if (memmem(f->text, f->bytes, frameworks[i].marks[k], strlen(frameworks[i].marks[k])))
                return frameworks[i].framework;
    }
    return CLI_NONE;
}

struct file_reader {
    struct cli *c;
    const struct maya_file *f;
    const struct literals *l;
    enum cli_framework framework;
    char *path;
};

static int add(struct file_reader *r, struct cli_item item) {
    void *list = r->c->items;
    int code = mem_grow(&list, r->c->item_count, &r->c->item_capacity, sizeof *r->c->items,
                        CLI_OPTIONS_MAX);
    r->c->items = list;
    if (code < 0)
        return code;
    item.path = r->path;
    item.framework = r->framework;
    r->c->items[r->c->item_count++] = item;
    return 0;
}

// What is looked at of a pair of brackets: a declaration is short, and a hostile file is not.
static size_t span_of(const struct literal_group *g) {
    return g->end - g->start < DECLARATION_BYTES_MAX ? g->end - g->start : DECLARATION_BYTES_MAX;
}

// Is there an argument or member of this name in the brackets, itself or below?
static bool has_word(const struct file_reader *r, uint32_t group, const char *word) {
    const struct literal_group *g = &r->l->groups[group];
    const char *t = r->f->text + g->start, *end = t + span_of(g);
    size_t n = strlen(word);
    for (const char *at = t; (at = memmem(at, (size_t)(end - at), word, n)); at += n) {
        const char *behind = at + n;
        while (behind < end && (*behind == ' ' || *behind == '"' || *behind == '\''))
            behind++;
        bool starts = at > t && !isalnum((unsigned char)at[-1]) && at[-1] != '_' && at[-1] != '-';
        if (starts && behind < end && (*behind == '=' || *behind == ':'))
            return true;
    }
    return false;
}

static bool says(const struct file_reader *r, uint32_t group, const char *word) {
    const struct literal_group *g = &r->l->groups[group];
    return memmem(r->f->text + g->start, span_of(g), word, strlen(word)) != NULL;
}

// "-p, --port <n>", "--[no-]color", "-v|--verbose": its names. False: it is no option.
static bool take_names(struct file_reader *r, const char *s, size_t n, struct cli_item *x) {
    bool any = false;
    for (size_t i = 0; i < n;) {
        size_t dashes = 0;
        while (i < n && (s[i] == ' ' || s[i] == ',' || s[i] == '|' || s[i] == '/'))
            i++;
        while (i + dashes < n && s[i + dashes] == '-' && dashes < 2)
            dashes++;
        size_t from = i + dashes;
        if (!dashes || from >= n || s[from] == ' ')
            return any;
        if (n - from > 5 && memcmp(s + from, "[no-]", 5) == 0)
            from += 5;
        size_t to = from;
        while (to < n && (isalnum((unsigned char)s[to]) || s[to] == '-' || s[to] == '_' ||
                          s[to] == '.' || s[to] == '?' || s[to] == '@'))
            to++;
        if (to == from)
            return any;
        if (dashes == 1 && to - from == 1) {
            x->letter = x->letter ? x->letter : s[from];
        } else {
            char *name = maya_keep(&r->c->pool, s + from, to - from);
            if (!name)
                return false;
            if (!x->name)
                x->name = name;
            else
                x->also = name;
        }
        any = true;
        i = to;
        if (i < n && s[i] != ',' && s[i] != '|' && s[i] != '/' && s[i] != ' ')
            return any;
        if (i < n && s[i] == ' ' && !(i + 1 < n && s[i + 1] == '-'))
            return any;
    }
    return any;
}

// Brackets in which declarations are of one parser: the nearest { of a function, for languages that
// have them; its receiver otherwise.
static uint32_t scope_of(const struct file_reader *r, uint32_t group) {
    uint32_t g = r->l->groups[group].parent;
    while (g && r->l->groups[g].bracket != '{')
        g = r->l->groups[g].parent;
    return g;
}

static bool is_name(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
            return false;
    return n > 0 && n < 64;
}

// A text behind the names.
static bool has_prose(const struct file_reader *r, uint32_t from, uint32_t group) {
    const struct literal_group *g = &r->l->groups[group];
    for (uint32_t i = from; i < r->l->count && r->l->list[i].text.at < g->end; i++) {
        const struct literal *x = &r->l->list[i];
        if (x->text.bytes > 2 && r->f->text[x->text.at] != '-' && x->argument > 0)
            return true;
    }
    return false;
}

static bool called(const struct file_reader *r, uint32_t group, const char *name) {
    return r->l->groups[group].bracket == '(' &&
           span_ends_with(r->f->text, r->l->groups[group].name, name);
}

static const struct literal *first_of(const struct file_reader *r, uint32_t from, uint32_t group) {
    return from < r->l->count && r->l->list[from].group == group ? &r->l->list[from] : NULL;
}

// Calls whose texts begin with a dash: add_argument('-v', '--verbose', help=…) and the like.
static int dashed(struct file_reader *r, uint32_t from, uint32_t group) {
    struct cli_item x = {.line = r->l->groups[group].line, .scope = scope_of(r, group)};
    bool any = false;
    uint32_t list = group;
    for (uint32_t i = from; i < r->l->count; i++) {
        const struct literal *y = &r->l->list[i];
        if (y->text.at > r->l->groups[list].end)
            break;
        if (y->text.bytes > 1 && r->f->text[y->text.at] == '-' &&
            (y->group == group || r->l->groups[y->group].parent == group) &&
            (!y->key.bytes || span_is(r->f->text, y->key, "names") ||
             span_is(r->f->text, y->key, "name") || span_is(r->f->text, y->key, "aliases")) &&
            !(y->flags & LITERAL_JOINED))
            any |= take_names(r, r->f->text + y->text.at, y->text.bytes, &x);
    }
    if (!any)
        return 0;
    static const char *const helps[] = {"help", "description", "describe",
                                        "desc", "usage",       "descriptionKey"};
    for (size_t i = 0; i < COUNT_OF(helps); i++)
        x.help |= has_word(r, group, helps[i]);
    x.help |= says(r, group, "\"version\"") || says(r, group, "'version'"); // has one of its own
    x.hidden = says(r, group, "SUPPRESS") || says(r, group, "eprecated") ||
               strstr(r->path, "deprecated") || says(r, group, "hidden") ||
               says(r, group, "hideHelp");
    bool positional = r->framework == CLI_COMMANDER || r->framework == CLI_RUBY;
    if (positional && has_prose(r, from, group))
        x.help = true;
    return add(r, x);
}

static int plain(struct file_reader *r, const struct literal *y, uint32_t group, enum cli_kind kind,
                 bool help) {
    const char *s = r->f->text + y->text.at;
    size_t n = kind == CLI_COMMAND ? strcspn(s, " \"'`\n") : y->text.bytes;
    n = n < y->text.bytes ? n : y->text.bytes;
    if (!is_name(s, n))
        return 0;
    struct cli_item x = {.line = y->line, .kind = kind, .help = help, .scope = scope_of(r, group)};
    x.name = maya_keep(&r->c->pool, s, n);
    if (n == 1 && kind == CLI_OPTION)
        x.letter = s[0];
    return x.name ? add(r, x) : ERR_NOMEM;
}

// flag.String("name", def, "usage"), f.StringVarP(&x, "name", "n", def, "usage").
static int go_flag(struct file_reader *r, uint32_t i) {
    static const char *const kinds[] = {
        "String",  "Bool",           "Int",      "Int64",       "Uint",        "Uint64",
        "Float64", "Duration",       "Var",      "StringSlice", "StringArray", "IntSlice",
        "Count",   "Func",           "BoolFunc", "Int32",       "Float32",     "Uint16",
        "Uint8",   "StringToString", "IP",       "TextVar"};
    const struct literal *y = &r->l->list[i];
    struct span name = span_last(r->f->text, r->l->groups[y->group].name);
    const char *s = r->f->text + name.at;
    size_t n = name.bytes;
    bool letter = n > 1 && s[n - 1] == 'P';
    n -= letter;
    bool var = n > 3 && memcmp(s + n - 3, "Var", 3) == 0;
    size_t bare = var ? n - 3 : n;
    bool is = n == 3 && memcmp(s, "Var", 3) == 0;
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        is |= strlen(kinds[k]) == bare && memcmp(kinds[k], s, bare) == 0;
    var |= n == 3;
    if (!is || y->argument != (var ? 1U : 0U) || !name.bytes || !name.at ||
        r->f->text[name.at - 1] != '.')
        return 0;
    int code = plain(r, y, y->group, CLI_OPTION, false);
    if (code < 0 || !r->c->item_count || r->c->items[r->c->item_count - 1].line != y->line)
        return code;
    struct cli_item *x = &r->c->items[r->c->item_count - 1];
    const struct literal *z = first_of(r, i + 1, y->group);
    if (letter && z && z->text.bytes == 1)
        x->letter = r->f->text[z->text.at];
    const struct literal_group *g = &r->l->groups[y->group];
    size_t end = g->end; // the last argument: a text, or whatever else is not ""
    while (end > g->start && strchr(") \n\t,", r->f->text[end - 1]))
        end--;
    x->help = !(end - g->start > 2 && memcmp(r->f->text + end - 2, "\"\"", 2) == 0);
    return 0;
}

// {Name: "x", Usage: "…"}: the structs of urfave/cli and cobra.
static int keyed(struct file_reader *r, const struct literal *y) {
    const struct literal_group *g = &r->l->groups[y->group];
    if (g->bracket != '{')
        return 0;
    struct span type = span_last(r->f->text, g->name);
    bool flag = type.bytes > 4 && memcmp(r->f->text + type.at + type.bytes - 4, "Flag", 4) == 0;
    bool command = span_is(r->f->text, type, "Command");
    const struct literal_group *up = &r->l->groups[g->parent];
    if (!type.bytes && up->name.bytes) { // elements of []cli.Flag{{…}}, []*cli.Command{{…}}
        command = span_ends_with(r->f->text, up->name, "Command");
        flag = span_ends_with(r->f->text, up->name, "Flag");
    }
    if (r->framework == CLI_PFLAG && command && span_is(r->f->text, y->key, "Use"))
        return plain(r, y, y->group, CLI_COMMAND,
                     has_word(r, y->group, "Short") || has_word(r, y->group, "Long"));
    if (r->framework == CLI_URFAVE && span_is(r->f->text, y->key, "Name") && (flag || command)) {
        int code = plain(r, y, y->group, command ? CLI_COMMAND : CLI_OPTION,
                         has_word(r, y->group, "Usage") || has_word(r, y->group, "Description"));
        if (code == 0 && r->c->item_count && has_word(r, y->group, "Hidden"))
            r->c->items[r->c->item_count - 1].hidden = true;
        return code;
    }
    return 0;
}

// {"name", required_argument, NULL, 'n'} of getopt_long. The library prints no help by itself.
static int getopt_row(struct file_reader *r, const struct literal *y) {
    const struct literal_group *g = &r->l->groups[y->group];
    if (g->bracket != '{' || y->argument != 0 ||
        !(says(r, y->group, "_argument") || says(r, y->group, "_ARG")))
        return 0;
    struct cli_item x = {.line = y->line, .help = true, .scope = g->parent};
    x.name = maya_keep(&r->c->pool, r->f->text + y->text.at, y->text.bytes);
    for (size_t end = g->end; end > g->start + 3; end--) // its last argument, 'n'
        if (r->f->text[end - 1] == '\'' && r->f->text[end - 3] == '\'') {
            x.letter = r->f->text[end - 2];
            break;
        }
    return x.name ? add(r, x) : ERR_NOMEM;
}

// #[arg(short = 'x', long)] above a field; its comment is its help.
static int clap_attributes(struct file_reader *r) {
    const char *t = r->f->text;
    uint32_t first = 0;
    for (uint32_t i = 0; i < r->l->group_count; i++) {
        const struct literal_group *g = &r->l->groups[i];
        bool attribute = g->start && (span_is(t, g->name, "arg") || span_is(t, g->name, "clap") ||
                                      span_is(t, g->name, "structopt"));
        if (!attribute || g->name.at < 2 || memcmp(t + g->name.at - 2, "#[", 2) != 0 ||
            !says(r, i, "long"))
            continue;
        struct cli_item x = {.line = g->line, .scope = g->parent};
        x.help = has_word(r, i, "help") || has_word(r, i, "about");
        x.hidden = says(r, i, "hide");
        size_t line = g->name.at; // the lines above
        for (unsigned k = 0; k < 20 && !x.help && line; k++) {
            while (line && t[line - 1] != '\n')
                line--;
            size_t from = line ? line - 1 : 0;
            while (from && t[from - 1] != '\n')
                from--;
            while (t[from] == ' ' || t[from] == '\t')
                from++;
            if (memcmp(t + from, "///", from + 3 <= r->f->bytes ? 3 : 0) == 0 && from < line)
                x.help = true;
            else if (t[from] != '#')
                break;
            line = line ? line - 1 : 0;
        }
        const char *end = t + r->f->bytes, *at = t + g->end; // the field's name
        while (at < end && (strchr("] \n\t", *at) || *at == '#' || *at == '/')) {
            if (*at == '#' || *at == '/') { // another attribute or comment
                const char *eol = memchr(at, '\n', (size_t)(end - at));
                at = eol ? eol : end;
            } else {
                at++;
            }
        }
        if (end - at > 4 && memcmp(at, "pub ", 4) == 0)
            at += 4;
        size_t n = 0;
        char name[64];
        for (; at + n < end && n < sizeof name && (isalnum((unsigned char)at[n]) || at[n] == '_');
             n++)
            name[n] = at[n] == '_' ? '-' : at[n];
        while (first < r->l->count && r->l->list[first].text.at < g->start)
            first++;
        for (uint32_t k = first; k < r->l->count && r->l->list[k].text.at < g->end; k++)
            if (r->l->list[k].group == i && // long = "name"
                span_is(t, r->l->list[k].key, "long")) {
                n = r->l->list[k].text.bytes < sizeof name ? r->l->list[k].text.bytes : 0;
                memcpy(name, t + r->l->list[k].text.at, n);
            }
        x.name = n ? maya_keep(&r->c->pool, name, n) : NULL;
        int code = x.name ? add(r, x) : 0;
        if (code < 0)
            return code;
    }
    return 0;
}

// Flags whose names are constants: counted, with or without a help text.
static int unnamed(struct file_reader *r) {
    for (uint32_t i = 1; i < r->l->group_count; i++) {
        const struct literal_group *g = &r->l->groups[i];
        struct span type = span_last(r->f->text, g->name);
        bool flag = g->bracket == '{' && type.bytes > 4 && type.at &&
                    r->f->text[type.at - 1] == '.' &&
                    memcmp(r->f->text + type.at + type.bytes - 4, "Flag", 4) == 0;
        const char *name = flag ? memmem(r->f->text + g->start, span_of(g), "Name:", 5) : NULL;
        const char *end = r->f->text + g->start + span_of(g);
        for (name = name ? name + 5 : end; name < end && isspace((unsigned char)*name);)
            name++;
        if (name == end || *name == '"' || *name == '`')
            continue;
        struct cli_item x = {.line = g->line, .scope = g->parent};
        x.help = has_word(r, i, "Usage");
        x.hidden = has_word(r, i, "Hidden");
        int code = add(r, x);
        if (code < 0)
            return code;
    }
    return 0;
}

// opts.on "-v", "--verbose", "say more": without brackets.
static int ruby_words(struct file_reader *r, uint32_t i) {
    const struct literal *y = &r->l->list[i];
    struct cli_item x = {.line = y->line, .scope = y->group};
    bool any = false;
    if (!span_ends_with(r->f->text, y->before, "on") &&
        !span_ends_with(r->f->text, y->before, "option"))
        return 0;
    for (uint32_t k = i; k < r->l->count && k < i + 8; k++) {
        const struct literal *z = &r->l->list[k];
        if (z->group != y->group || (k > i && z->argument - r->l->list[k - 1].argument > 2))
            break;
        bool name = z->text.bytes > 1 && r->f->text[z->text.at] == '-';
        any |= name && take_names(r, r->f->text + z->text.at, z->text.bytes, &x);
        x.help |= !name && k > i;
    }
    return any ? add(r, x) : 0;
}

static int chained(struct file_reader *r, uint32_t i, const char *option, const char *command) {
    const struct literal *y = &r->l->list[i];
    if (y->argument != 0)
        return 0;
    bool second = i + 1 < r->l->count && r->l->list[i + 1].group == y->group;
    if (r->framework == CLI_KINGPIN) // a text that is put together is one too
        second |= says(r, y->group, ",");
    if (option && called(r, y->group, option))
        return plain(r, y, y->group, CLI_OPTION,
                     second || has_word(r, y->group, "describe") ||
                         has_word(r, y->group, "description") || has_word(r, y->group, "desc"));
    if (command && called(r, y->group, command))
        return plain(r, y, y->group, CLI_COMMAND,
                     second || r->framework == CLI_COMMANDER || has_word(r, y->group, "help"));
    return 0;
}

static int one(struct file_reader *r, uint32_t i) {
    const struct literal *y = &r->l->list[i];
    uint32_t group = y->group;
    if (r->framework == CLI_PICOCLI && r->l->groups[group].bracket == '{') // names = {"-a"}
        group = r->l->groups[group].parent;
    bool opens = i == 0 || r->l->list[i - 1].text.at < r->l->groups[group].start;
    switch (r->framework) {
    case CLI_ARGPARSE:
    case CLI_OPTPARSE:
    case CLI_CLICK:
        if (opens && (called(r, y->group, "add_argument") || called(r, y->group, "add_option") ||
                      called(r, y->group, "option") || called(r, y->group, "Option") ||
                      called(r, y->group, "make_option")))
            return dashed(r, i, y->group);
        return chained(r, i, NULL, r->framework == CLI_CLICK ? "command" : "add_parser");
    case CLI_COMMANDER:
        if (opens && (called(r, y->group, "option") || called(r, y->group, "requiredOption") ||
                      called(r, y->group, "Option")))
            return dashed(r, i, y->group);
        return chained(r, i, NULL, "command");
    case CLI_YARGS:
        return chained(r, i, "option", "command");
    case CLI_GO_FLAG:
        return go_flag(r, i);
    case CLI_PFLAG:
        return y->key.bytes ? keyed(r, y) : go_flag(r, i);
    case CLI_URFAVE:
        return keyed(r, y);
    case CLI_KINGPIN:
        return chained(r, i, "Flag", "Command");
    case CLI_GETOPT:
        return getopt_row(r, y);
    case CLI_RUBY:
        if (opens && (called(r, y->group, "on") || called(r, y->group, "option") ||
                      called(r, y->group, "add_option")))
            return dashed(r, i, y->group);
        return y->before.bytes ? ruby_words(r, i) : chained(r, i, NULL, "command");
    case CLI_PICOCLI:
        if (opens && group && called(r, group, "Option"))
            return dashed(r, i, group);
        return 0;
    default:
        return 0;
    }
}

static int mark(struct file_reader *r, const char *name) {
    struct cli_item x = {.kind = CLI_MARK, .name = name, .line = 1};
    return add(r, x);
}

static bool contains(const struct maya_file *f, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memmem(f->text, f->bytes, words[i], strlen(words[i])))
            return true;
    return false;
}

static int keep_word(struct cli *c, const char *s, size_t n) {
    void *list = (void *)c->words;
    int r = mem_grow(&list, c->word_count, &c->word_capacity, sizeof *c->words, WORDS_MAX);
    c->words = list;
    if (r < 0)
        return r == ERR_LIMIT ? 0 : r;
    char *kept = maya_keep(&c->pool, s, n);
    if (!kept)
        return ERR_NOMEM;
    c->words[c->word_count++] = kept;
    return 0;
}

int cli_read(struct cli *c, const struct maya_file *f, enum cli_framework framework,
             const struct literals *l) {
    static const char *const versions[] = {
        "version_option", "\"version\"",       "'version'",        "--version", ".version(",
        ".version ",      "Version =",         "Version:",         ".Version(", "crate_version",
        "version =",      "#[command(version", "mixinStandardHelp"};
    static const char *const asking[] = {
        "confirm(",     "Confirm(",     "input(", "prompt(", "Prompt(", "survey.", "readline(",
        "are you sure", "Are you sure", "[y/N]",  "[Y/n]",   "(y/n)",   "yes/no"};
    struct file_reader r = {.c = c, .f = f, .l = l, .framework = framework};
    uint32_t before = c->item_count;
    r.path = maya_keep(&c->pool, f->path, strlen(f->path));
    int code = r.path ? 0 : ERR_NOMEM;
    if (framework == CLI_CLAP && code == 0)
        code = clap_attributes(&r);
    if (framework == CLI_URFAVE && code == 0)
        code = unnamed(&r);
    for (uint32_t i = 0; i < l->count && code == 0; i++) {
        code = one(&r, i);
        const struct literal *x = &l->list[i]; // a name that is given to something else
        if (code == 0 && x->text.bytes > 2 && is_name(f->text + x->text.at, x->text.bytes))
            code = keep_word(c, f->text + x->text.at, x->text.bytes);
    }
    bool declares = c->item_count > before;
    if (code == 0 && declares && contains(f, versions, COUNT_OF(versions)))
        code = mark(&r, "version");
    if (code == 0 && declares && contains(f, asking, COUNT_OF(asking)))
        code = mark(&r, "asks");
    return code == ERR_LIMIT ? 0 : code;
}

// "--name" anywhere in code: a document that names it is not stale.
int cli_words_of_file(struct cli *c, const struct maya_file *f) {
    int r = 0;
    for (const char *at = f->text, *end = at + f->bytes;
         r == 0 && (at = memmem(at, (size_t)(end - at), "--", 2));) {
        at += 2;
        size_t n = 0;
        while (at + n < end && (isalnum((unsigned char)at[n]) || at[n] == '-' || at[n] == '_'))
            n++;
        if (n < 2 || n > 60 || !isalpha((unsigned char)at[0])) {
            at += n;
            continue;
        }
        r = keep_word(c, at, n);
        at += n;
    }
    return r;
}
