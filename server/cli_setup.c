// paired setup [CLIENT]: prints what registers paired with a client; changes nothing itself.
#include "server/cli_setup.h"

#include "core/base/err.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE "@PAIRED@"

const struct cli_client_kind cli_client_kinds[] = {
    {"claude", "Claude Code", "claude", NULL,
     "claude mcp add --scope user paired -- " PLACE " mcp\n"},
    {"vscode", "VS Code (Copilot)", "code", ".vscode/mcp.json, or: MCP: Open User Configuration",
     "{\n  \"servers\": {\n    \"paired\": {\"type\": \"stdio\", \"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {"cursor", "Cursor", "cursor", "~/.cursor/mcp.json",
     "{\n  \"mcpServers\": {\n    \"paired\": {\"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {"windsurf", "Windsurf", "windsurf", "~/.codeium/windsurf/mcp_config.json",
     "{\n  \"mcpServers\": {\n    \"paired\": {\"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {"codex", "Codex", "codex", "~/.codex/config.toml",
     "[mcp_servers.paired]\ncommand = \"" PLACE "\"\nargs = [\"mcp\"]\n"},
    {"gemini", "Gemini CLI", "gemini", NULL, "gemini mcp add --scope user paired " PLACE " mcp\n"},
    {"zed", "Zed", "zed", "settings.json (zed: open settings)",
     "{\n  \"context_servers\": {\n    \"paired\": {\"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {"neovim", "Neovim (mcphub.nvim)", "nvim", "~/.config/mcphub/servers.json",
     "{\n  \"mcpServers\": {\n    \"paired\": {\"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {"jetbrains", "JetBrains AI Assistant", NULL,
     "Settings, Tools, AI Assistant, Model Context Protocol, Add, As JSON",
     "{\n  \"mcpServers\": {\n    \"paired\": {\"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {"json", "any other MCP client", NULL, "its list of servers",
     "{\n  \"mcpServers\": {\n    \"paired\": {\"command\": \"" PLACE
     "\", \"args\": [\"mcp\"]}\n  }\n}\n"},
    {0},
};

int cli_own_path(char *out, size_t max) {
    ssize_t n = readlink("/proc/self/exe", out, max - 1);
    if (n < 0 || (size_t)n >= max - 1)
        return ERR_IO;
    out[n] = '\0';
    return 0;
}

// A path for a shell: quoted when it has anything that the shell would read.
static void put_shell(struct buf *out, const char *path) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@,";
    if (path[strspn(path, plain)] == '\0') {
        (void)buf_puts(out, path);
        return;
    }
    (void)buf_putc(out, '\'');
    for (; *path; path++)
        (void)(*path == '\'' ? buf_puts(out, "'\\''") : buf_putc(out, *path));
    (void)buf_putc(out, '\'');
}

// Inside the quotes of JSON or TOML, whose escapes agree.
static void put_quoted(struct buf *out, const char *path) {
    AUTO_BUF quoted = BUF_INIT(0);
    if (buf_put_json_string(&quoted, path, strlen(path)) == 0)
        (void)buf_append(out, quoted.data + 1, quoted.len - 2);
    else
        out->failed = true;
}

int cli_setup_text(const struct cli_client_kind *kind, const char *path, struct buf *out) {
    const char *text = kind->text;
    const char *place;
    while ((place = strstr(text, PLACE))) {
        (void)buf_append(out, text, (size_t)(place - text));
        if (kind->where)
            put_quoted(out, path);
        else
            put_shell(out, path);
        text = place + strlen(PLACE);
    }
    (void)buf_puts(out, text);
    return out->failed ? ERR_NOMEM : 0;
}

bool cli_on_path(const char *program, char *out, size_t max) {
    const char *path = getenv("PATH");
    while (program && path && *path) {
        size_t n = strcspn(path, ":");
        int len = snprintf(out, max, "%.*s/%s", (int)n, path, program);
        struct stat st;
        if (n && len > 0 && (size_t)len < max && stat(out, &st) == 0 && S_ISREG(st.st_mode) &&
            access(out, X_OK) == 0)
            return true;
        path += n;
        path += *path == ':';
    }
    return false;
}

// Also by the longer names that people and packages use: claude-code, gemini-cli.
static const struct cli_client_kind *find_kind(const char *name) {
    for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++) {
        size_t n = strlen(k->name);
        if (strncmp(k->name, name, n) == 0 && (!name[n] || name[n] == '-'))
            return k;
    }
    return NULL;
}

static json_t *kind_json(const struct cli_client_kind *k, const char *path) {
    char found[1024];
    AUTO_BUF text = BUF_INIT(0);
    if (cli_setup_text(k, path, &text) < 0)
        return NULL;
    return json_pack("{ss ss sb ss* ss}", "client", k->name, "title", k->title, "installed",
                     cli_on_path(k->program, found, sizeof found), "file", k->where,
                     k->where ? "content" : "command", text.data);
}

static void print_kind(const struct cli_client_kind *k, const char *path) {
    AUTO_BUF text = BUF_INIT(0);
    (void)cli_setup_text(k, path, &text);
    cli_out("%s# %s%s%s%s\n", cli_style(CLI_DIM), k->title, k->where ? ": " : "",
            k->where ? k->where : "", cli_style(CLI_RESET));
    cli_out_bytes(text.data, text.len);
}

int cli_run_setup(const struct cli_line *line) {
    char path[1024];
    const struct cli_client_kind *only = NULL;
    if (cli_own_path(path, sizeof path) < 0) {
        cli_error("cannot tell where this program lies");
        return CLI_FAILED;
    }
    if (line->operand_count && !(only = find_kind(line->operands[0]))) {
        cli_error("unknown client %s; one of:", line->operands[0]);
        for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++)
            cli_say("  %-10s %s\n", k->name, k->title);
        return CLI_USAGE;
    }
    json_t *list = json_array();
    for (const struct cli_client_kind *k = cli_client_kinds; k->name; k++) {
        if (only && k != only)
            continue;
        if (line->json)
            (void)json_array_append_new(list, kind_json(k, path));
        else
            print_kind(k, path);
        if (!line->json && !only && k[1].name)
            cli_out("\n");
    }
    if (line->json)
        cli_out_json(json_pack("{sO}", "clients", list));
    json_decref(list);
    return CLI_OK;
}
