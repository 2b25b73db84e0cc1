// Maya, user experience.
#include "core/agents/maya.h"

static const struct field maya_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .offset = offsetof(struct maya_input, path),
     .description = "file or folder",
     .max = 4096},
    AGENT_PAGE_FIELDS,
    {0},
};

static const char *const formats[] = {"text", "mermaid", NULL};
static const struct field flows_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .offset = offsetof(struct maya_flows_input, path),
     .description = "file or folder",
     .max = 4096},
    {.name = "format",
     .type = FIELD_ENUM,
     .offset = offsetof(struct maya_flows_input, format),
     .values = formats,
     .default_json = "\"text\""},
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct agent_capability capabilities[] = {
    {.name = "a11y",
     .title = "What a screen reader, a keyboard or weak eyes will miss",
     .description = "Pages, templates, components and style sheets: missing names, labels, "
                    "alternatives and languages, mouse-only controls, heading order, contrast of "
                    "literal colours; each with its WCAG criterion.",
     .flags = AGENT_FROM_FILES,
     .operand = "path",
     .input = maya_fields,
     .input_size = sizeof(struct maya_input),
     .run = maya_a11y,
     .example = "{\"path\": \"web\"}",
     .asked_by = "a11y a11y accessibility accessibility accessible screen reader keyboard contrast "
                 "wcag aria alt"},
    {.name = "strings",
     .title = "Texts that people see: translations, keys, spelling, custom",
     .description = "Catalogues against each other (missing, extra and untranslated keys, "
                    "placeholders), against the code (keys nobody has or asks for, texts that are "
                    "not translated), and messages against the project's own majority (two "
                    "spellings, two words for one thing, capitals, sentence ends), with counts.",
     .flags = AGENT_FROM_FILES,
     .operand = "path",
     .input = maya_fields,
     .input_size = sizeof(struct maya_input),
     .run = maya_strings,
     .example = "{\"path\": \"web\"}",
     .asked_by = "strings texts wording translation translation translated untranslated i18n i18n "
                 "locale localization language messages catalogue placeholder"},
    {.name = "cli_ux",
     .title = "Command lines: options, help, errors, exit codes",
     .description = "The options and commands that programs declare (argparse, click, commander, "
                    "yargs, flag, cobra, urfave/cli, clap, getopt_long, OptionParser, picocli …): "
                    "without help, named against the custom, one letter twice, documented and not "
                    "there; errors on stdout or with exit code 0; destroying without a question.",
     .flags = AGENT_FROM_FILES,
     .operand = "path",
     .input = maya_fields,
     .input_size = sizeof(struct maya_input),
     .run = maya_cli_ux,
     .example = "{\"path\": \"cmd\"}",
     .asked_by = "cli cli command commandline line options options flags help usage stderr exit "
                 "arguments subcommand subcommands"},
    {.name = "flows",
     .title = "Where people can go: routes, links, forms, commands",
     .description = "Routes of servers and clients (Express, Flask, Django, Rails, Sinatra, Go, "
                    "Spring, React, Vue, Angular, Next) with what leads to them: dead links, forms "
                    "that nobody handles, pages that nothing leads to, dead ends, no page for what "
                    "is not there; of command lines, the commands. Text or Mermaid.",
     .flags = AGENT_FROM_FILES,
     .operand = "path",
     .input = flows_fields,
     .input_size = sizeof(struct maya_flows_input),
     .run = maya_flows,
     .example = "{\"format\": \"mermaid\"}",
     .asked_by =
         "flows flows routes routes route pages page links link dead unreachable navigation "
         "screens forms redirect redirects 404"},
    {0},
};

const struct agent agent_maya = {
    .name = "maya",
    .title = "Maya, user experience",
    .persona = "You are Maya, who stands for the user. Use `strings` for texts that people "
               "see, `a11y` for what a screen reader or a keyboard will miss, `cli_ux` for "
               "help, exit codes and error texts without a next step, `flows` for screens and "
               "routes. Judge what syntax can prove and say so; taste is the team's. Each "
               "point: place, who is affected, what to write instead.",
    .capabilities = capabilities,
};
