// Built and run by the build itself: writes what follows from the agents' tables.
//   agents_gen cli      rows of the command line's table, included by server/cli_table.c
//   agents_gen docs     docs/AGENTS.md
#include "core/agents/agents.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_page(const struct field *f) {
    return strcmp(f->name, "cursor") == 0 || strcmp(f->name, "budget") == 0;
}

// "scaffold_test" is typed "scaffold-test".
static void put_word(const char *name) {
    for (; *name; name++)
        putchar(*name == '_' ? '-' : *name);
}

static void put_c_string(const char *s) {
    putchar('"');
    for (; s && *s; s++) {
        if (*s == '"' || *s == '\\')
            putchar('\\');
        if (*s == '\n')
            fputs("\\n\"\n\"", stdout);
        else
            putchar(*s);
    }
    putchar('"');
}

static void put_sentence(const char *s) { // as help shows options: capital letter, full stop
    char text[512];
    size_t n = (size_t)snprintf(text, sizeof text, "%s", s ? s : "");
    n = n < sizeof text ? n : sizeof text - 1;
    text[0] = (char)toupper((unsigned char)text[0]);
    if (n && n + 1 < sizeof text && text[n - 1] != '.')
        memcpy(text + n, ".", 2);
    put_c_string(text);
}

static void put_placeholder(const struct field *f) {
    if (f->type == FIELD_BOOL) {
        fputs("NULL", stdout);
        return;
    }
    putchar('"');
    if (f->type == FIELD_INT)
        putchar('N');
    for (size_t i = 0; f->type == FIELD_ENUM && f->values[i]; i++)
        printf("%s%s", i ? "|" : "", f->values[i]);
    if (f->type == FIELD_REAL)
        fputs("X", stdout);
    if (f->type == FIELD_STRING || f->type == FIELD_STRING_ARRAY || f->type == FIELD_JSON)
        fputs(f->type == FIELD_JSON ? "JSON" : "TEXT", stdout);
    putchar('"');
}

static void put_options(const struct agent_capability *c) {
    printf("static const struct cli_option agent_options_%s[] = {\n", c->name);
    for (const struct field *f = c->input; f->name; f++) {
        if (f->flags & FIELD_HIDDEN)
            continue;
        fputs("{\"", stdout);
        put_word(f->name);
        fputs("\", 0, ", stdout);
        put_placeholder(f);
        fputs(", ", stdout);
        put_sentence(f->description ? f->description : f->name);
        fputs("},\n", stdout);
    }
    if (c->flags & AGENT_FROM_SENT)
        fputs(
            "{\"by\", 0, \"FRIEND\", \"Ask the agent of a friend; what it needs is sent "
            "there.\"},\n"
            "{\"show-what-leaves\", 0, NULL, \"Print what --by would send, and send nothing.\"},\n"
            "{\"yes\", 'y', NULL, \"Agree to what leaves without being asked.\"},\n",
            stdout);
    if (strcmp(c->name, "patterns") == 0) // the command line's own: cli_arrivals.c
        fputs("{\"from\", 0, \"PEER\", \"Those that a friend shared.\"},\n", stdout);
    fputs("{0},\n};\n", stdout);
}

static char kind_of(const struct field *f) {
    switch (f->type) {
    case FIELD_INT:
        return 'i';
    case FIELD_REAL:
        return 'r';
    case FIELD_BOOL:
        return 'b';
    case FIELD_STRING_ARRAY:
        return 'a';
    case FIELD_JSON:
        return 'j';
    default:
        return 's';
    }
}

static void put_fields(const struct agent *a, const struct agent_capability *c) {
    printf("static const struct cli_agent agent_command_%s = {\"%s.%s\", %s%s%s, {\n", c->name,
           a->name, c->name, c->operand ? "\"" : "", c->operand ? c->operand : "NULL",
           c->operand ? "\"" : "");
    for (const struct field *f = c->input; f->name; f++)
        if (!(f->flags & FIELD_HIDDEN))
            printf("{\"%s\", '%c'},\n", f->name, kind_of(f));
    fputs("}};\n", stdout);
}

static const struct field *operand_of(const struct agent_capability *c) {
    const struct field *f = c->input;
    while (c->operand && f->name && strcmp(f->name, c->operand) != 0)
        f++;
    return c->operand && f->name ? f : NULL;
}

static void put_row(const struct agent *a, const struct agent_capability *c, bool first) {
    const struct field *f = operand_of(c);
    bool required = f && (f->flags & FIELD_REQUIRED);
    fputs("{", stdout);
    if (first) {
        fputs(".group = ", stdout);
        put_c_string(a->title);
        fputs(",\n", stdout);
    }
    fputs(".name = \"", stdout);
    put_word(c->name);
    fputs("\", .run = cli_run_agent, .help = ", stdout);
    put_sentence(c->title);
    fputs(",\n.details = ", stdout);
    put_c_string(c->description);
    if (f) {
        char upper[64] = "";
        for (size_t i = 0; f->name[i] && i + 1 < sizeof upper; i++)
            upper[i] = (char)toupper((unsigned char)f->name[i]);
        printf(",\n.operands = \"%s%s …%s\", .operands_min = %d, .operands_max = -1",
               required ? "" : "[", upper, required ? "" : "]", required ? 1 : 0);
    }
    printf(",\n.options = agent_options_%s, .agent = &agent_command_%s},\n", c->name, c->name);
}

static void put_cli(void) {
    fputs("#ifdef CLI_AGENT_TABLES\n", stdout);
    for (size_t i = 0; agents[i]; i++)
        for (const struct agent_capability *c = agents[i]->capabilities; c->name; c++) {
            put_options(c);
            put_fields(agents[i], c);
        }
    fputs("#endif\n#ifdef CLI_AGENT_ROWS\n", stdout);
    for (size_t i = 0; agents[i]; i++)
        for (const struct agent_capability *c = agents[i]->capabilities; c->name; c++)
            put_row(agents[i], c, c == agents[i]->capabilities);
    fputs("#endif\n", stdout);
}

// --- docs --------------------------------------------------------------------------------------

static const char *type_of(const struct field *f) {
    static const char *const names[] = {
        [FIELD_STRING] = "text",        [FIELD_INT] = "number",           [FIELD_REAL] = "number",
        [FIELD_BOOL] = "yes/no",        [FIELD_ENUM] = "one of",          [FIELD_OBJECT] = "object",
        [FIELD_STRING_ARRAY] = "texts", [FIELD_OBJECT_ARRAY] = "objects", [FIELD_JSON] = "JSON"};
    return names[f->type];
}

static void put_docs_fields(const struct agent_capability *c) {
    bool any = false;
    for (const struct field *f = c->input; f->name; f++) {
        if (is_page(f) || (f->flags & FIELD_HIDDEN))
            continue;
        if (!any)
            fputs("\n| argument | kind | meaning |\n|---|---|---|\n", stdout);
        any = true;
        printf("| `%s`%s | %s", f->name, f->flags & FIELD_REQUIRED ? " (needed)" : "", type_of(f));
        for (size_t i = 0; f->type == FIELD_ENUM && f->values[i]; i++)
            printf("%s `%s`", i ? "," : "", f->values[i]);
        printf(" | %s%s%s |\n", f->description ? f->description : "",
               f->default_json ? "; default " : "", f->default_json ? f->default_json : "");
    }
}

static void put_docs(void) {
    fputs("# The agents\n\n"
          "Written by the build from the agents' own tables. Every capability is a command "
          "(`paired NAME …`), reached\n"
          "over MCP by a tool's `what` or by `ask` (`do`, `with`), and takes `budget` (tokens of "
          "the answer, 1800) and\n"
          "`cursor` (of the page before) besides its own arguments. `--json` gives `title`, "
          "`items`, `total`, `next` and\n"
          "`notes` (what was not looked at).\n",
          stdout);
    for (size_t i = 0; agents[i]; i++) {
        if (agents[i]->capabilities->name)
            printf("\n## %s\n", agents[i]->title);
        for (const struct agent_capability *c = agents[i]->capabilities; c->name; c++) {
            fputs("\n### ", stdout);
            put_word(c->name);
            printf("\n%s\n", c->description);
            put_docs_fields(c);
            if (c->example)
                printf("\nExample: `%s`\n", c->example);
        }
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "cli") == 0)
        put_cli();
    else if (argc == 2 && strcmp(argv[1], "docs") == 0)
        put_docs();
    else
        return 2;
    return fflush(stdout) == 0 ? 0 : 1;
}
