// Inside of maya_cli*.c: programs with a command line, as their declarations say.
#pragma once

#include "core/agents/maya.h"

enum {
    CLI_OPTIONS_MAX = 10000,
    CLI_PROGRAMS_MAX = 500,
    CLI_SPOKEN_MAX = 5000,
    CLI_LISTED_MAX = 8 // options named in one finding
};

enum cli_framework {
    CLI_NONE,
    CLI_ARGPARSE,
    CLI_OPTPARSE,
    CLI_CLICK, // and typer
    CLI_COMMANDER,
    CLI_YARGS,
    CLI_GO_FLAG,
    CLI_PFLAG,  // cobra
    CLI_URFAVE, // urfave/cli
    CLI_KINGPIN,
    CLI_CLAP,
    CLI_GETOPT,
    CLI_RUBY, // OptionParser, mercenary, Thor
    CLI_PICOCLI,
    CLI_FRAMEWORKS
};
const char *cli_framework_name(enum cli_framework f);

enum cli_kind { CLI_OPTION, CLI_COMMAND, CLI_MARK }; // MARK: says --version, --help, a confirmation

struct cli_item {
    const char *path, *name, *also; // "--dry-run" without dashes; also: other names, by blanks
    char letter;                    // -n; 0: none
    uint32_t line, scope;           // scope: the brackets it is declared in
    enum cli_kind kind;
    enum cli_framework framework;
    bool help, hidden;
    uint32_t program;
};
struct cli_program { // what is declared in one folder with one framework
    const char *path, *folder;
    uint32_t line, options, commands, with_help;
    enum cli_framework framework;
    bool version, asks; // --version is there; somewhere it asks before it goes on
};
enum cli_spoken_kind { SPOKEN_ERROR_STDOUT, SPOKEN_EXIT_0, SPOKEN_BARE };
struct cli_spoken {
    enum cli_spoken_kind kind;
    const char *path, *text;
    uint32_t line;
};

enum cli_rule {
    RULE_SAME_LETTER,
    RULE_EXIT_0,
    RULE_ERROR_STDOUT,
    RULE_DOC_STALE,
    RULE_NO_CONFIRM,
    RULE_NAMING,
    RULE_NO_HELP,
    RULE_BARE,
    RULE_NO_VERSION,
    RULE_NOT_DOCUMENTED,
    RULE_NO_JSON
};

struct cli {
    struct report *report;
    struct maya_findings findings;
    struct maya_pool pool;
    struct cli_item *items;
    uint32_t item_count, item_capacity;
    struct cli_program *programs;
    uint32_t program_count, program_capacity;
    struct cli_spoken *spoken;
    uint32_t spoken_count, spoken_capacity;
    struct cli_mention *mentions; // of options in documents
    uint32_t mention_count, mention_capacity;
    const char **words; // words of code that look like options, sorted: "--name" anywhere
    uint32_t word_count, word_capacity;
    uint32_t files;
    bool cut;
};

// --- maya_cli_read.c: declarations of a file
enum cli_framework cli_framework_of(const struct maya_file *f);
int cli_read(struct cli *c, const struct maya_file *f, enum cli_framework framework,
             const struct literals *l);
int cli_words_of_file(struct cli *c, const struct maya_file *f);

// --- maya_cli_speak.c: what a file says when something goes wrong
int cli_speak(struct cli *c, const struct maya_file *f, const struct literals *l);

// --- maya_cli_docs.c: documents
int cli_document(struct cli *c, const struct maya_file *f);
void cli_tell_documents(struct cli *c);
