// What registers paired with a client: which files, what stands in them, and whether it does.
// docs/EDITORS.md says where each client's format comes from.
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { SETUP_PARTS_MAX = 6, SETUP_PLACES_MAX = 6, SETUP_SIGNS_MAX = 4, SETUP_KEYS_MAX = 4 };

enum setup_form {
    SETUP_NONE = 0,
    SETUP_JSON,      // a value in a JSON file, comments allowed
    SETUP_JSON_ONCE, // the same, but only where there is none, and nobody's in particular
    SETUP_TOML,      // a table
    SETUP_BLOCK,     // lines between two marks
    SETUP_FILE       // a whole file
};

struct setup_part {
    const char *what; // "MCP server"
    enum setup_form form;
    // Candidates, in order: one below a variable that is set; one that exists; with '+' in front,
    // one whose folder exists; else the last. "~/", "$CONFIG/" and "$DATA/" (XDG), "$VARIABLE/".
    const char *places[SETUP_PLACES_MAX];
    const char *keys[SETUP_KEYS_MAX]; // of SETUP_JSON (see core/base/jsonedit.h) and SETUP_TOML
    const char *text;                 // @PAIRED@ is the program's path, @DATA@ XDG's data folder
};

struct cli_client_kind {
    const char *name;                   // "claude-code"
    const char *alias;                  // another name it is known by, or NULL
    const char *title;                  // "Claude Code"
    const char *program;                // looked for on PATH; NULL: none
    const char *signs[SETUP_SIGNS_MAX]; // places that exist where it is installed
    const char *command;                // its own way to register a server, or NULL
    struct setup_part parts[SETUP_PARTS_MAX];
    struct setup_part instead; // where this JSON value is set already, no part is needed
    const char *hint;          // what is left to do by hand, or NULL
};
extern const struct cli_client_kind cli_client_kinds[]; // ends with name == NULL

// Path of this executable.
int cli_own_path(char *out, size_t max);
// The same as clients should start it: the name on PATH where that leads to this executable, since
// it outlives an upgrade that moves the file behind it.
int cli_registered_path(char *out, size_t max);
bool cli_on_path(const char *program, char *out, size_t max);
bool cli_client_installed(const struct cli_client_kind *kind);

enum setup_state {
    SETUP_ABSENT,     // nothing of paired is there
    SETUP_DIFFERENT,  // something is, but not (all of) what would be written
    SETUP_REGISTERED, // all of it
    SETUP_UNREADABLE  // a file cannot be read or changed; the message says which and why
};
enum setup_state cli_setup_state(const struct cli_client_kind *kind, struct err *err);
