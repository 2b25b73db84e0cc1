// cli_ux: programs with a command line. The options and commands that they declare, and what people
// who type them will stumble over; against the program's own majority, with counts.
#include "core/agents/maya_cli.h"

#include "core/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    NAMES_MIN = 5,      // long names that show a custom
    USUAL_PERCENT = 80, // of them follow it
    VERSION_MIN = 10,   // options of a program that ought to say its version
    TABLE_OPTIONS_MAX = 2000
};

static const struct maya_rule rules[] = {
    [RULE_SAME_LETTER] = {"same-letter", "One letter for two options",
                          "Only one of them can be reached: take another letter."},
    [RULE_EXIT_0] = {"exit-0", "Success reported after an error",
                     "Scripts go on: end with another code than 0."},
    [RULE_ERROR_STDOUT] = {"error-stdout", "Errors printed where results belong",
                           "They get lost in pipes and files: print them to stderr."},
    [RULE_DOC_STALE] = {"doc-stale", "Documented options that are not there",
                        "Mend the document, or bring the option back."},
    [RULE_NO_CONFIRM] = {"no-confirm", "Commands that destroy, without a question or a way to try",
                         "Ask first and give --yes, or give --dry-run."},
    [RULE_NAMING] = {"naming", "Options named against the program's own custom",
                     "Spell it like the others; keep the old name as an alias."},
    [RULE_NO_HELP] = {"no-help", "Options without a help text", "Say what it does and its unit."},
    [RULE_BARE] = {"bare-exception", "Errors shown as the library words them",
                   "Say what was being done, and what to do next."},
    [RULE_NO_VERSION] = {"no-version", "Programs that do not tell their version",
                         "Add --version: it is the first thing a report of a fault needs."},
    [RULE_NOT_DOCUMENTED] = {"not-documented", "Options that the documents leave out",
                             "Add them where the others are."},
    [RULE_NO_JSON] = {"no-json", "Lists that only people can read (information)",
                      "Scripts will parse it anyway: a --json keeps them from breaking."},
};

static bool is_document(const char *path, enum lang lang) {
    size_t n = strlen(path);
    bool man = n > 2 && path[n - 2] == '.' && path[n - 1] >= '1' && path[n - 1] <= '8' &&
               lang != LANG_MARKDOWN;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool log = strncasecmp(name, "change", 6) == 0 || strncasecmp(name, "history", 7) == 0 ||
               strncasecmp(name, "news", 4) == 0 || strncasecmp(name, "release", 7) == 0 ||
               strncasecmp(name, "history", 7) == 0;
    return (lang == LANG_MARKDOWN || man) && !log;
}

static bool wanted(const char *path, enum lang lang) {
    return is_document(path, lang) || (language_is_code(lang) && lang != LANG_SQL);
}

static int on_file(void *ctx, const struct maya_file *f, struct err *err) {
    struct cli *c = ctx;
    struct literals l = {0};
    int r = 0;
    if (is_document(f->path, f->lang))
        r = cli_document(c, f);
    else
        r = cli_words_of_file(c, f);
    enum cli_framework framework = r == 0 ? cli_framework_of(f) : CLI_NONE;
    bool ends = memmem(f->text, f->bytes, "exit(", 5) || memmem(f->text, f->bytes, "Exit(", 5);
    c->files += language_is_code(f->lang);
    if (r == 0 && (framework || ends) && f->lang != LANG_BASH) {
        r = literals_read(f->lang, f->text, f->bytes, &l, NULL);
        if (r == 0) {
            c->cut |= l.cut;
            if (framework)
                r = cli_read(c, f, framework, &l);
            if (r == 0)
                r = cli_speak(c, f, &l);
        } else if (r == ERR_UNSUPPORTED)
            r = 0;
        literals_done(&l);
    }
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

// --- programs ----------------------------------------------------------------------------------

static size_t folder_bytes(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static int program_of(struct cli *c, const struct cli_item *x, uint32_t *ret) {
    size_t n = folder_bytes(x->path);
    const char *folder = n ? x->path : ".";
    n = n ? n : 1;
    for (uint32_t i = 0; i < c->program_count; i++)
        if (c->programs[i].framework == x->framework && strlen(c->programs[i].folder) == n &&
            memcmp(c->programs[i].folder, folder, n) == 0) {
            *ret = i;
            return 0;
        }
    void *list = c->programs;
    int r = mem_grow(&list, c->program_count, &c->program_capacity, sizeof *c->programs,
                     CLI_PROGRAMS_MAX);
    c->programs = list;
    if (r < 0)
        return r;
    struct cli_program p = {.path = x->path, .line = x->line, .framework = x->framework};
    p.folder = maya_keep(&c->pool, folder, n);
    if (!p.folder)
        return ERR_NOMEM;
    *ret = c->program_count;
    c->programs[c->program_count++] = p;
    return 0;
}

static int make_programs(struct cli *c) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->item_count; i++) {
        struct cli_item *x = &c->items[i];
        int r = program_of(c, x, &x->program);
        if (r == ERR_LIMIT) {
            c->cut = true;
            continue;
        }
        if (r < 0)
            return r;
        struct cli_program *p = &c->programs[x->program];
        if (x->kind == CLI_MARK) {
            p->version |= strcmp(x->name, "version") == 0;
            p->asks |= strcmp(x->name, "asks") == 0;
            continue;
        }
        p->options += x->kind == CLI_OPTION;
        p->commands += x->kind == CLI_COMMAND;
        p->with_help += x->kind == CLI_OPTION && (x->help || x->hidden);
        p->version |= x->name && strcmp(x->name, "version") == 0;
        c->items[kept++] = *x;
    }
    c->item_count = kept;
    return 0;
}

// --- rules -------------------------------------------------------------------------------------

static const char *shown(const struct cli_item *x, char *ret, size_t max) {
    if (x->name && strlen(x->name) > 1)
        (void)snprintf(ret, max, "--%.60s", x->name);
    else if (x->letter)
        (void)snprintf(ret, max, "-%c", x->letter);
    else
        (void)snprintf(ret, max, "one with a constant's name");
    return ret;
}

static void same_letters(struct cli *c) {
    char a[80], b[80];
    for (uint32_t i = 1; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        bool tables =
            x->framework == CLI_GETOPT || x->framework == CLI_RUBY || x->framework == CLI_PFLAG;
        // long texts of one scope stand together
        for (uint32_t k = i; tables && x->scope && x->letter && k > 0 && i - k < 300; k--) {
            const struct cli_item *y = &c->items[k - 1];
            if (y->path != x->path || y->scope != x->scope)
                break;
            if (y->letter != x->letter || !x->name || !y->name || strcmp(x->name, y->name) == 0)
                continue;
            struct maya_place at = {y->path, y->line};
            maya_find(&c->findings, RULE_SAME_LETTER, (struct maya_place){x->path, x->line}, &at, 1,
                      "-%c is %s here and %s there", x->letter, shown(x, a, sizeof a),
                      shown(y, b, sizeof b));
        }
    }
}

static char style_of(const char *name) { // how words are joined; 0: one word
    bool upper = false;
    if (strchr(name, '-'))
        return strchr(name, '_') ? 0 : '-';
    if (strchr(name, '_'))
        return '_';
    for (const char *at = name + 1; *name && *at; at++)
        upper |= isupper((unsigned char)*at) && islower((unsigned char)at[-1]);
    return upper ? 'A' : 0; // dots are levels
}

static void naming(struct cli *c, uint32_t program) {
    static const struct {
        char style;
        const char *name;
    } styles[] = {{'-', "dashes"}, {'_', "underscores"}, {'A', "capitals"}};
    uint32_t counts[3] = {0}, all = 0;
    size_t best = 0;
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        char style = x->program == program && x->kind == CLI_OPTION && x->name && !x->also
                         ? style_of(x->name)
                         : 0;
        for (size_t k = 0; k < COUNT_OF(styles); k++)
            if (style && styles[k].style == style) {
                counts[k]++;
                all++;
            }
    }
    for (size_t k = 1; k < COUNT_OF(styles); k++)
        best = counts[k] > counts[best] ? k : best;
    if (all < NAMES_MIN || counts[best] * 100 < all * USUAL_PERCENT || counts[best] == all)
        return;
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        if (x->program != program || x->kind != CLI_OPTION || !x->name || x->also || x->hidden)
            continue;
        for (size_t k = 0; k < COUNT_OF(styles); k++)
            if (k != best && styles[k].style == style_of(x->name))
                maya_find(&c->findings, RULE_NAMING, (struct maya_place){x->path, x->line}, NULL, 0,
                          "--%.60s joins its words by %s; %u of %u options use %s", x->name,
                          styles[k].name, counts[best], all, styles[best].name);
    }
}

static void without_help(struct cli *c, uint32_t program) {
    const struct cli_program *p = &c->programs[program];
    char text[300] = "", name[80];
    struct maya_place places[MAYA_PLACES_MAX + 1];
    size_t len = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        if (x->program != program || x->kind != CLI_OPTION || x->help || x->hidden)
            continue;
        if (n <= MAYA_PLACES_MAX)
            places[n] = (struct maya_place){x->path, x->line};
        if (n < CLI_LISTED_MAX && len < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? ", " : "",
                                    shown(x, name, sizeof name));
        n++;
    }
    if (n > 1 || (n == 1 && text[1] == '-')) // a lone letter is rather a trial than an option
        maya_find(&c->findings, RULE_NO_HELP, places[0], places + 1, n - 1,
                  "%u of %u options of %s: %s%s", n, p->options, p->folder, text,
                  n > CLI_LISTED_MAX ? " …" : "");
}

static bool has_option(const struct cli *c, uint32_t program, const char *const *names,
                       size_t count) {
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        for (size_t k = 0; x->program == program && x->kind == CLI_OPTION && k < count; k++)
            if ((x->name && strcmp(x->name, names[k]) == 0) ||
                (x->also && strcmp(x->also, names[k]) == 0))
                return true;
    }
    return false;
}

static void commands(struct cli *c, uint32_t program) {
    static const char *const careful[] = {"yes",        "force",   "dry-run",     "dryrun",
                                          "dry_run",    "confirm", "interactive", "assume-yes",
                                          "no-confirm", "noop",    "simulate",    "non-interactive",
                                          "y",          "f"};
    static const char *const fatal[] = {"delete", "destroy", "drop", "purge", "wipe", "erase"};
    static const char *const formats[] = {"json",     "format",        "output", "o",   "porcelain",
                                          "template", "output-format", "csv",    "raw", "print0"};
    bool safe = c->programs[program].asks || has_option(c, program, careful, COUNT_OF(careful));
    bool machine = has_option(c, program, formats, COUNT_OF(formats));
    for (uint32_t i = 0; i < c->item_count; i++) {
        const struct cli_item *x = &c->items[i];
        if (x->program != program || x->kind != CLI_COMMAND || !x->name)
            continue;
        struct maya_place at = {x->path, x->line};
        if (!c->programs[program].options) // they are made in a way that is not seen
            return;
        for (size_t k = 0; !safe && k < COUNT_OF(fatal); k++) {
            size_t n = strlen(fatal[k]);
            if (strncmp(x->name, fatal[k], n) == 0 && (!x->name[n] || x->name[n] == '-'))
                maya_find(&c->findings, RULE_NO_CONFIRM, at, NULL, 0,
                          "%.60s: no --yes, --force or --dry-run among the %u options here, and "
                          "nothing asks",
                          x->name, c->programs[program].options);
        }
        if (!machine && (strcmp(x->name, "list") == 0 || strcmp(x->name, "ls") == 0))
            maya_find(&c->findings, RULE_NO_JSON, at, NULL, 0,
                      "%.60s: none of the %u options here chooses a format", x->name,
                      c->programs[program].options);
    }
}

// Errors count only where a command line is: in a program's folder, or below.
static const struct cli_program *around(const struct cli *c, const char *path) {
    for (uint32_t i = 0; i < c->program_count; i++) {
        const char *folder = c->programs[i].folder;
        size_t n = strlen(folder);
        bool root = strcmp(folder, ".") == 0;
        if (root ? !strchr(path, '/') : strncmp(path, folder, n) == 0 && path[n] == '/')
            return &c->programs[i];
    }
    return NULL;
}

static void tell_spoken(struct cli *c) {
    for (uint32_t i = 0; i < c->spoken_count; i++) {
        const struct cli_spoken *s = &c->spoken[i];
        struct maya_place at = {s->path, s->line};
        if (!around(c, s->path))
            continue;
        if (s->kind == SPOKEN_EXIT_0)
            maya_find(&c->findings, RULE_EXIT_0, at, NULL, 0, "\"%s\", then exit code 0", s->text);
        else if (s->kind == SPOKEN_BARE)
            maya_find(&c->findings, RULE_BARE, at, NULL, 0, "%s says nothing of its own", s->text);
        else
            maya_find(&c->findings, RULE_ERROR_STDOUT, at, NULL, 0, "\"%s\" goes to stdout",
                      s->text);
    }
}

// Programs for those who work on the project: a version of their own would say nothing.
static bool is_side(const char *folder) {
    static const char *const names[] = {"docs",    "doc",        "hack",       "hacking",
                                        "scripts", "script",     "tools",      "extra",
                                        "extras",  "devscripts", "contrib",    "internal",
                                        "bench",   "benchmark",  "experiment", "utils"};
    for (const char *at = folder; *at; at += strcspn(at, "/"), at += *at == '/')
        for (size_t i = 0; i < COUNT_OF(names); i++)
            if (strlen(names[i]) == strcspn(at, "/") &&
                strncmp(at, names[i], strlen(names[i])) == 0)
                return true;
    return false;
}

static void tell_rules(struct cli *c) {
    bool version = false; // it may be declared beside: by the main program's file
    same_letters(c);
    for (uint32_t p = 0; p < c->program_count; p++)
        version |= c->programs[p].version;
    for (uint32_t p = 0; p < c->program_count; p++) {
        const struct cli_program *x = &c->programs[p];
        naming(c, p);
        without_help(c, p);
        commands(c, p);
        if (!version && !is_side(x->folder) && x->options >= VERSION_MIN &&
            x->framework != CLI_PICOCLI)
            maya_find(&c->findings, RULE_NO_VERSION, (struct maya_place){x->path, x->line}, NULL, 0,
                      "none of the %u options and %u commands of %s", x->options, x->commands,
                      x->folder);
    }
    tell_spoken(c);
    cli_tell_documents(c);
}

// --- the table ---------------------------------------------------------------------------------

static json_t *table_of(const struct cli *c, uint32_t program) {
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < c->item_count && json_array_size(list) < TABLE_OPTIONS_MAX;
         i++) {
        const struct cli_item *x = &c->items[i];
        char letter[2] = {x->letter, 0};
        if (x->program == program)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s*, s:s*, s:b, s:s, s:I}", "kind",
                                x->kind == CLI_OPTION ? "option" : "command", "name", x->name,
                                "letter", isgraph((unsigned char)x->letter) ? letter : NULL, "help",
                                x->help, "path", x->path, "line", (json_int_t)x->line));
    }
    return list;
}

static void tell_programs(const struct cli *c, struct report *r) {
    json_t *programs = json_array();
    for (uint32_t i = 0; i < c->program_count; i++) {
        const struct cli_program *p = &c->programs[i];
        if (p->options + p->commands == 0)
            continue;
        (void)json_array_append_new(
            programs, json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "folder", p->folder, "library",
                                cli_framework_name(p->framework), "options", (json_int_t)p->options,
                                "commands", (json_int_t)p->commands, "with_help",
                                (json_int_t)p->with_help, "table", table_of(c, i)));
    }
    report_set(r, "programs", programs);
}

static uint32_t sum_programs(const struct cli *c, char *text, size_t max) {
    uint32_t n = 0;
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < c->program_count; i++) {
        const struct cli_program *p = &c->programs[i];
        if (p->options + p->commands == 0)
            continue;
        if (n++ < 4 && len < max)
            len += (size_t)snprintf(text + len, max - len, "%s%.80s (%s): %u options, %u commands",
                                    n > 1 ? "; " : "", p->folder, cli_framework_name(p->framework),
                                    p->options, p->commands);
    }
    if (n > 4 && len < max)
        (void)snprintf(text + len, max - len, "; and %u more", n - 4);
    return n;
}

static void done(struct cli *c) {
    mem_free(c->items);
    mem_free(c->programs);
    mem_free(c->spoken);
    mem_free(c->mentions);
    mem_free((void *)c->words);
    maya_findings_done(&c->findings);
    maya_pool_done(&c->pool);
}

static int answer(struct agent_call *call, const void *input, struct report *report,
                  struct err *err) {
    const struct maya_input *in = input;
    struct cli c = {.report = report, .findings = {.rules = rules}};
    struct maya_walk w = {.wanted = wanted, .on_file = on_file, .ctx = &c};
    uint32_t files = 0;
    char text[600];
    int r = maya_each(call, in->path, &w, report, &files, err);
    if (r == 0 && (r = make_programs(&c)) < 0)
        r = err_set(err, r, "out of memory");
    if (r == 0) {
        tell_rules(&c);
        r = maya_tell(&c.findings, report, err);
    }
    if (r == 0) {
        uint32_t n = report_count(report), programs = sum_programs(&c, text, sizeof text);
        report_title(report, "%u finding%s. %s", n, n == 1 ? "" : "s",
                     programs ? text : "No command line");
        report_nothing(report, programs ? "Nothing stands out from what the programs do elsewhere."
                                        : "No options or commands of the libraries that are known "
                                          "(tests and examples are left out).");
        if (c.cut)
            report_note(report, "more options or programs than are looked at");
        report_note(report, "options that are put together at run time, and command lines read by "
                            "hand, are not seen");
        tell_programs(&c, report);
    }
    done(&c);
    return r;
}

int maya_cli_ux(struct agent_call *call, const void *input, struct report *report,
                struct err *err) {
    const struct maya_input *in = input;
    const struct maya_kept k = {MAYA_CLI_UX, in->path, 0, answer};
    return maya_answer(call, &k, input, report, err);
}
