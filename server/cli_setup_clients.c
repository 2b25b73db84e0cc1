// The clients and their files. docs/EDITORS.md has the sources and what was tried with the client
// itself.
#include "server/cli_setup.h"

#include <cli_setup_texts.inc> // editors/, written by the build

#define MCP  "MCP server"
#define CHAT "agents in its chat (ACP)"
#define LSP  "language server"

#define MCP_ENTRY       "{\"command\": \"@PAIRED@\", \"args\": [\"mcp\"]}"
#define MCP_ENTRY_STDIO "{\"type\": \"stdio\", \"command\": \"@PAIRED@\", \"args\": [\"mcp\"]}"
#define ACP_ENTRY       "{\"command\": \"@PAIRED@\", \"args\": [\"acp\"]}"

#if defined(__aarch64__)
#define ACP_PLATFORM "linux-aarch64"
#else
#define ACP_PLATFORM "linux-x86_64"
#endif

#define MCP_SERVERS(...)                                                                           \
    {                                                                                              \
        { MCP, SETUP_JSON, {__VA_ARGS__}, {"mcpServers", "paired"}, MCP_ENTRY }                    \
    }
#define VSCODE_SERVERS(folder)                                                                     \
    {                                                                                              \
        { MCP, SETUP_JSON, {folder "/User/mcp.json"}, {"servers", "paired"}, MCP_ENTRY_STDIO }     \
    }

#define VSCODE_HINT                                                                                \
    "The extension (editors/vscode) shows findings and has @paired in the chat; with it, this "    \
    "file is not needed."

const struct cli_client_kind cli_client_kinds[] = {
    {.name = "claude-code",
     .alias = "claude",
     .title = "Claude Code",
     .program = "claude",
     .signs = {"~/.claude", "~/.claude.json"},
     .command = "claude mcp add --scope user paired -- @PAIRED@ mcp",
     .parts = {{MCP,
                SETUP_JSON,
                {"$CLAUDE_CONFIG_DIR/.claude.json", "~/.claude.json"},
                {"mcpServers", "paired"},
                MCP_ENTRY_STDIO}},
     .instead = {MCP,
                 SETUP_JSON,
                 {"$CLAUDE_CONFIG_DIR/settings.json", "~/.claude/settings.json"},
                 {"enabledPlugins", "paired@paired"},
                 "true"},
     .hint = "The plugin (editors/claude-code) brings the agents and hooks as well; with it, this "
             "entry is not needed."},
    {.name = "vscode",
     .alias = "code",
     .title = "VS Code",
     .program = "code",
     .signs = {"$CONFIG/Code"},
     .parts = VSCODE_SERVERS("$CONFIG/Code"),
     .hint = VSCODE_HINT},
    {.name = "vscode-insiders",
     .title = "VS Code Insiders",
     .program = "code-insiders",
     .signs = {"$CONFIG/Code - Insiders"},
     .parts = VSCODE_SERVERS("$CONFIG/Code - Insiders"),
     .hint = VSCODE_HINT},
    {.name = "vscodium",
     .alias = "codium",
     .title = "VSCodium",
     .program = "codium",
     .signs = {"$CONFIG/VSCodium"},
     .parts = VSCODE_SERVERS("$CONFIG/VSCodium"),
     .hint = VSCODE_HINT},
    {.name = "cursor",
     .title = "Cursor",
     .program = "cursor",
     .signs = {"~/.cursor"},
     .parts = MCP_SERVERS("~/.cursor/mcp.json")},
    {.name = "devin",
     .alias = "windsurf",
     .title = "Devin Desktop (Windsurf)",
     .program = "windsurf",
     .signs = {"$CONFIG/devin", "~/.windsurf", "~/.codeium/windsurf"},
     .parts =
         {{MCP,
           SETUP_JSON,
           {"+$CONFIG/devin/mcp_config.json", "+~/.codeium/windsurf/mcp_config.json",
            "$CONFIG/devin/mcp_config.json"},
           {"mcpServers", "paired"},
           MCP_ENTRY},
          {"version of the list",
           SETUP_JSON_ONCE,
           {"~/.windsurf/acp/registry.json"},
           {"version"},
           "\"1.0.0\""},
          {CHAT,
           SETUP_JSON,
           {"~/.windsurf/acp/registry.json"},
           {"agents", "=paired"},
           "{\"id\": \"paired\", \"name\": \"Paired\", \"version\": \"1.0.0\", \"description\": "
           "\"Seven local agents over this code and its memory.\", \"distribution\": "
           "{\"binary\": {\"" ACP_PLATFORM "\": {\"archive\": \"file://@PAIRED@\", \"cmd\": "
           "\"@PAIRED@\", \"args\": [\"acp\"]}}}}"}},
     .hint = "Switch the agent on in its settings, tab Agents."},
    {.name = "zed",
     .title = "Zed",
     .program = "zed",
     .signs = {"$CONFIG/zed"},
     .parts = {{MCP,
                SETUP_JSON,
                {"$CONFIG/zed/settings.json"},
                {"context_servers", "paired"},
                MCP_ENTRY},
               {CHAT,
                SETUP_JSON,
                {"$CONFIG/zed/settings.json"},
                {"agent_servers", "Paired"},
                "{\"type\": \"custom\", \"command\": \"@PAIRED@\", \"args\": [\"acp\"]}"}}},
    {.name = "jetbrains",
     .title = "JetBrains IDEs",
     .signs = {"~/.jetbrains", "$CONFIG/JetBrains"},
     .parts =
         {{CHAT, SETUP_JSON, {"~/.jetbrains/acp.json"}, {"agent_servers", "Paired"}, ACP_ENTRY},
          {LSP,
           SETUP_FILE,
           {"$DATA/paired/jetbrains/template.json"},
           {NULL},
           (const char *)setup_lsp4ij_template},
          {LSP,
           SETUP_FILE,
           {"$DATA/paired/jetbrains/settings.json"},
           {NULL},
           (const char *)setup_lsp4ij_settings},
          {LSP,
           SETUP_FILE,
           {"$DATA/paired/jetbrains/settings.schema.json"},
           {NULL},
           (const char *)setup_lsp4ij_schema},
          {LSP,
           SETUP_FILE,
           {"$DATA/paired/jetbrains/README.md"},
           {NULL},
           (const char *)setup_lsp4ij_readme}},
     .hint = "Findings need the plugin LSP4IJ: New Language Server, Template, Import from custom "
             "template, then the folder paired/jetbrains. AI Assistant keeps its MCP servers in "
             "its settings: Tools, AI Assistant, MCP, Add, As JSON: paired setup json --print."},
    {.name = "junie",
     .title = "JetBrains Junie",
     .program = "junie",
     .signs = {"~/.junie"},
     .parts = MCP_SERVERS("~/.junie/mcp/mcp.json")},
    {.name = "neovim",
     .alias = "nvim",
     .title = "Neovim",
     .program = "nvim",
     .signs = {"$CONFIG/nvim"},
     .parts = {{LSP,
                SETUP_FILE,
                {"$CONFIG/nvim/plugin/paired.lua"},
                {NULL},
                (const char *)setup_neovim}}},
    {.name = "emacs",
     .title = "Emacs",
     .program = "emacs",
     .signs = {"~/.emacs.d", "~/.emacs", "$CONFIG/emacs"},
     .parts =
         {{LSP, SETUP_FILE, {"$DATA/paired/emacs/paired.el"}, {NULL}, (const char *)setup_emacs},
          {LSP,
           SETUP_BLOCK,
           {"~/.emacs", "~/.emacs.el", "+~/.emacs.d/init.el", "+$CONFIG/emacs/init.el",
            "~/.emacs.d/init.el"},
           {";;"},
           "(load \"@DATA@/paired/emacs/paired.el\" t t)\n"}}},
    {.name = "codex",
     .title = "Codex",
     .program = "codex",
     .signs = {"~/.codex"},
     .parts = {{MCP,
                SETUP_TOML,
                {"$CODEX_HOME/config.toml", "~/.codex/config.toml"},
                {"mcp_servers", "paired"},
                MCP_ENTRY}}},
    {.name = "gemini",
     .alias = "gemini-cli",
     .title = "Gemini CLI",
     .program = "gemini",
     .signs = {"~/.gemini"},
     .command = "gemini mcp add --scope user paired @PAIRED@ mcp",
     .parts = MCP_SERVERS("~/.gemini/settings.json")},
    {.name = "opencode",
     .title = "OpenCode",
     .program = "opencode",
     .signs = {"$CONFIG/opencode"},
     .parts = {{MCP,
                SETUP_JSON,
                {"$CONFIG/opencode/opencode.jsonc", "$CONFIG/opencode/opencode.json"},
                {"mcp", "paired"},
                "{\"type\": \"local\", \"command\": [\"@PAIRED@\", \"mcp\"], \"enabled\": true}"}}},
    {.name = "json",
     .title = "any other MCP client",
     .parts = {{MCP, SETUP_JSON, {NULL}, {"mcpServers", "paired"}, MCP_ENTRY}},
     .hint = "Goes into the client's own list of servers."},
    {0},
};
