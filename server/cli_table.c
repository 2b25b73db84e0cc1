// The table of subcommands and options.
#include "server/cli_commands.h"

const struct cli_option cli_global_options[] = {
    {"help", 'h', NULL, "Show this help."},
    {"json", 0, NULL, "Print one JSON document."},
    {"profile", 0, "DIR", "Keep everything below DIR instead of the user's directories."},
    {"workspace", 0, "DIR", "The folder that notes belong to; found from the current one."},
    {"quiet", 'q', NULL, "Say nothing on stderr but errors and questions."},
    {"version", 0, NULL, "Print the version."},
    {0},
};

static const struct cli_option mcp_options[] = {
    {"standalone", 0, NULL, "Run the engine inside this process, unless one is running."},
    {"fixtures", 0, NULL, "Also offer what the official conformance suite looks for."},
    {0},
};
static const struct cli_option lsp_options[] = {
    {"standalone", 0, NULL, "Run the engine inside this process, unless one is running."},
    {"stdio", 0, NULL, NULL}, // what some editors add
    {0},
};
static const struct cli_option engine_options[] = {
    {"ready-fd", 0, "N", NULL},
    {0},
};
static const struct cli_option setup_options[] = {
    {"yes", 'y', NULL, "Write without asking; the changes are shown all the same."},
    {"print", 0, NULL, "Print what belongs where, and write nothing."},
    {"remove", 0, NULL, "Take the registration out again."},
    {0},
};
static const struct cli_option call_options[] = {
    {"legacy", 0, NULL, "Greet by initialize (2025-11-25) instead of server/discover."},
    {"standalone", 0, NULL, "Run the engine inside the server's process."},
    {0},
};
static const struct cli_option remember_options[] = {
    {"kind", 'k', "KIND", "note, fact or decision."},
    {"subject", 's', "TEXT", "What it is about; a newer fact or decision supersedes the older."},
    {"tag", 't', "TAG", "A tag; may be given several times."},
    {"global", 'g', NULL, "For every workspace."},
    {"expires-days", 0, "N", "Erase it after so many days."},
    {"replaces", 0, "UID", "The note that this one corrects."},
    {0},
};
static const struct cli_option recall_options[] = {
    {"limit", 'n', "N", "So many notes at most."},
    {"budget", 0, "N", "So many model tokens at most."},
    {"kind", 'k', "KIND", "note, fact, decision or any."},
    {"tag", 't', "TAG", "Only notes with this tag."},
    {"since", 0, "WHEN", "2026-11-20, 2026-11, yesterday, \"3 days ago\" …"},
    {"until", 0, "WHEN", "The same forms."},
    {"all", 'a', NULL, "Other workspaces too."},
    {"superseded", 0, NULL, "Replaced notes too."},
    {"cursor", 0, "CURSOR", "The next page, as the last one named it."},
    {0},
};
static const struct cli_option list_options[] = {
    {"limit", 'n', "N", "So many notes at most (20)."},
    {"after", 0, "UID", "Those that follow this one."},
    {"all", 'a', NULL, "Other workspaces too."},
    {0},
};
static const struct cli_option forget_options[] = {
    {"erase", 0, NULL, "Remove it for good, from index, log and backups too."},
    {"yes", 'y', NULL, "Agree without being asked."},
    {0},
};
static const struct cli_option handoff_options[] = {
    {"next", 0, "TEXT", "The next step."},
    {"question", 0, "TEXT", "What is open."},
    {"summary", 0, "TEXT", "What was done and learnt."},
    {"file", 'f', "FILE", "A file it is about; may be given several times."},
    {0},
};
static const struct cli_option resume_options[] = {
    {"limit", 'n', "N", "So many handoffs at most."},
    {0},
};
static const struct cli_option origin_options[] = {
    {"origin", 0, NULL, "Where each value comes from, with file and line."},
    {0},
};
static const struct cli_option passphrase_options[] = {
    {"both", 0, NULL, "Need the passphrase and the key file together."},
    {"add", 0, NULL, "Let the key file go on opening the store by itself."},
    {0},
};
static const struct cli_option yes_options[] = {
    {"yes", 'y', NULL, "Agree without being asked."},
    {0},
};
static const struct cli_option erase_options[] = {
    {"all", 0, NULL, "Everything."},
    {"yes", 'y', NULL, "Agree without being asked."},
    {0},
};
static const struct cli_option backend_options[] = {
    {"preset", 0, "NAME", "A provider that is known by name, where NAME is not that already."},
    {"family", 0, "API", "What it speaks: anthropic, chat, responses or gemini."},
    {"fim", 0, "API", "For grey text: infill, completions, mistral, deepseek, ollama, or none."},
    {"url", 0, "URL", "Where it is, without the API's version; https, or http to this machine."},
    {"key-env", 0, "VARIABLE", "Its key is in this environment variable of your clients."},
    {"key-stdin", 0, NULL, "Keep its key, sealed; it is asked for, or read as a line of stdin."},
    {"model", 'm', "MODEL", "A model it offers, or MODEL=NAME for the name it is priced under."},
    {"account", 0, "NAME", "Backends of one account share its limits."},
    {"replace", 0, NULL, "Change the one that has this name; what is not said stays."},
    {0},
};
static const struct cli_option test_options[] = {
    {"ask", 0, NULL,
     "Also ask for one token, which shows key and credit, and costs next to nothing."},
    {"model", 'm', "MODEL", "Ask this model for one token."},
    {0},
};
static const struct cli_option find_options[] = {
    {"add", 0, NULL, "Name what was found; nothing goes there until you grant it."},
    {"port", 0, "PORT", "Look at this port instead; may be repeated."},
    {0},
};
static const struct cli_option grant_options[] = {
    {"any", 0, NULL, "For every workspace, and for requests without one."},
    {"out", 0, NULL, "What may go to them (when none of the three is given)."},
    {"in", 0, NULL, "What may come from them."},
    {"both", 0, NULL, "Both."},
    {"for", 0, "SPAN", "Ends by itself: 30d, 12h, 2w … Else until it is revoked."},
    {"expires", 0, "DAYS", "The same in days."},
    {"yes", 'y', NULL, "Agree without being asked."},
    {0},
};
static const struct cli_option revoke_options[] = {
    {"any", 0, NULL, "The grant for every workspace alone."},
    {"out", 0, NULL, "Only what may go to them."},
    {"in", 0, NULL, "Only what may come from them."},
    {0},
};
static const struct cli_option audit_list_options[] = {
    {"limit", 'n', "N", "So many entries at most (50)."},
    {"before", 0, "N", "Those before this one."},
    {0},
};
static const struct cli_option audit_verify_options[] = {
    {"proof", 0, "FILE", "Check what audit prove printed; needs no store."},
    {0},
};
static const struct cli_option audit_export_options[] = {
    {"with-workspaces", 0, NULL, "Also which workspace each entry speaks of, with its salt."},
    {0},
};
static const struct cli_option usage_options[] = {
    {"by", 0, "WHAT", "day, agent, backend, model, session or workspace."},
    {"since", 0, "WHEN", "2026-11-20, 2026-11, yesterday, \"3 days ago\" … (30 days ago)."},
    {0},
};
static const struct cli_option why_options[] = {
    {"good", 0, NULL, "Say that its answer was right: the router learns from it."},
    {"bad", 0, NULL, "Say that its answer was wrong, or take back that it was right."},
    {"forget", 0, NULL, "Forget all that the router has learned from answers, and of checks."},
    {"list", 0, NULL, "The latest choices, a line for each."},
    {"checks", 0, NULL, "How far the checks of patches are trusted, and how models did."},
    {"limit", 0, "N", "With --list: at most so many (20)."},
    {0},
};
static const struct cli_option budget_options[] = {
    {"day", 0, "DOLLARS", "Set the limit of a day; 0 removes it."},
    {"month", 0, "DOLLARS", "Set the limit of a month; 0 removes it."},
    {"clear", 0, NULL, "Remove both limits."},
    {0},
};
static const struct cli_option help_options[] = {
    {"man", 0, NULL, "Print the manual page (mdoc)."},
    {0},
};

// Written by the build from the agents' tables (server/gen).
#define CLI_FEDERATION_TABLES
#include "server/cli_table_federation.inc"
#undef CLI_FEDERATION_TABLES
#define CLI_SHARE_TABLES
#include "server/cli_table_share.inc"
#undef CLI_SHARE_TABLES
#define CLI_AGENT_TABLES
#include <cli_agents.inc>
#undef CLI_AGENT_TABLES

const struct cli_command cli_commands[] = {
    // --- serving
    {.group = "For your tools",
     .name = "mcp",
     .role = CLI_ROLE_MCP,
     .help = "Serve the Model Context Protocol on stdin and stdout.",
     .details = "This is what a client is told to start. It attaches to the user's engine, starts "
                "one if there is none, and survives its restart.",
     .options = mcp_options,
     .examples = "  claude mcp add paired -- paired mcp\n"},
    {.name = "lsp",
     .role = CLI_ROLE_LSP,
     .help = "Serve the Language Server Protocol on stdin and stdout.",
     .details = "This is what an editor is told to start, beside the language's own server. It "
                "attaches to the same engine as paired mcp.",
     .options = lsp_options,
     .examples =
         "  vim.lsp.config('paired', {cmd = {'paired', 'lsp'}, root_markers = {'.git'}})\n"},
    {.name = "acp",
     .role = CLI_ROLE_ACP,
     .help = "Serve the Agent Client Protocol on stdin and stdout.",
     .details = "This is what an editor with agents in its chat (Zed, JetBrains, Devin Desktop, "
                "Neovim, Emacs) is told to start: the seven agents answer there. It attaches to "
                "the same engine as paired mcp. Nothing is written without asking; docs/ACP.md "
                "has the settings of each editor.",
     .examples = "  {\"agent_servers\": {\"Paired\": {\"command\": \"paired\", \"args\": "
                 "[\"acp\"]}}}\n"},
    {.name = "engine",
     .role = CLI_ROLE_ENGINE,
     .help = "Run the engine in the foreground, as a service manager does.",
     .options = engine_options,
     .hidden = true},
    {.name = "setup",
     .run = cli_run_setup,
     .operands = "[CLIENT …]",
     .operands_max = -1,
     .help = "Register paired with Claude Code, editors and other clients.",
     .details = "Without a client it lists those that are installed and whether they know paired. "
                "With one it shows what would change in the client's files, asks, and changes that "
                "alone: comments, order and layout stay. What a file was before is kept until "
                "--remove takes the registration out again. docs/EDITORS.md has every client.",
     .options = setup_options,
     .examples = "  paired setup\n  paired setup claude-code zed\n  paired setup cursor --print\n"
                 "  paired setup cursor --remove\n"},
    {.name = "hook",
     .run = cli_run_hook,
     .operands = "CLIENT",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Answer a client's hook, its event on stdin; what the Claude Code plugin runs.",
     .hidden = true},
    {.name = "demo",
     .run = cli_run_demo,
     .help = "Show paired at work on this repository, in a profile of its own.",
     .details = "Two MCP clients share notes and a handoff, the engine is killed in between, the "
                "store's files are searched for what was written, and everything is timed. It ends "
                "with the lines that register paired. Nothing of the user's own store is touched."},
    {.name = "call",
     .run = cli_run_call,
     .operands = "TOOL [JSON]",
     .operands_min = 1,
     .operands_max = 2,
     .help = "Call one tool over MCP, as any client would.",
     .details = "JSON are the arguments, an object; - reads them from stdin.",
     .options = call_options,
     .examples = "  paired call recall '{\"query\":\"release day\"}'\n"},
    // --- memory
    {.group = "The memory", .name = "memory", .help = "Notes, facts, decisions and handoffs."},
    {.name = "memory remember",
     .run = cli_run_remember,
     .operands = "TEXT …",
     .operands_min = 1,
     .operands_max = -1,
     .help = "Keep a note; - reads it from stdin.",
     .options = remember_options,
     .examples =
         "  paired memory remember --kind decision --subject database SQLite in WAL mode\n"},
    {.name = "memory recall",
     .run = cli_run_recall,
     .operands = "[WORD …]",
     .operands_max = -1,
     .help = "Search; without words the newest.",
     .options = recall_options,
     .examples = "  paired memory recall --since \"last week\" database\n"},
    {.name = "memory list",
     .run = cli_run_list,
     .help = "List notes, newest first.",
     .options = list_options},
    {.name = "memory show",
     .run = cli_run_show,
     .operands = "UID",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Show a note or a handoff in full."},
    {.name = "memory forget",
     .run = cli_run_forget,
     .operands = "UID",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Hide a note, or erase it for good.",
     .options = forget_options},
    {.name = "memory tags",
     .run = cli_run_tags,
     .operands = "[PREFIX]",
     .operands_max = 1,
     .help = "List tags, the most used first."},
    {.name = "memory handoff",
     .run = cli_run_handoff,
     .operands = "TITLE …",
     .operands_min = 1,
     .operands_max = -1,
     .help = "Save where the work stands.",
     .options = handoff_options,
     .examples = "  paired memory handoff Port the parser --next \"run the fuzz seeds\"\n"},
    {.name = "memory resume",
     .run = cli_run_resume,
     .operands = "[UID]",
     .operands_max = 1,
     .help = "Show what was handed over last.",
     .options = resume_options},
// --- the agents
#define CLI_AGENT_ROWS
#include <cli_agents.inc>
#undef CLI_AGENT_ROWS
    // --- model backends
    {.group = "Model backends",
     .name = "backends",
     .run = cli_run_backends,
     .help = "List the model backends, their keys' places and what may go to them.",
     .details = "paired works without any. One that is named gets nothing until a workspace is "
                "granted to it."},
    {.name = "backends add",
     .run = cli_run_backends_add,
     .operands = "NAME",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Name a backend; some are known by name.",
     .details = "A key is never given as an argument: it stays in a variable of your clients' "
                "environment, or is kept sealed in the encrypted store. For a provider that is "
                "known by name, the key is all that is asked.",
     .options = backend_options,
     .examples = "  paired backends add anthropic\n"
                 "  paired backends add ollama --model qwen3\n"
                 "  paired backends add router --family chat --url https://openrouter.ai/api "
                 "--key-stdin < key\n"},
    {.name = "backends presets",
     .run = cli_run_backends_presets,
     .help = "List the providers that are known by name."},
    {.name = "backends test",
     .run = cli_run_backends_test,
     .operands = "[NAME]",
     .operands_max = 1,
     .help = "Ask each backend whether it answers, and say what to do where it does not.",
     .details = "Asks for its list of models, which is free; for one token where it has none. No "
                "text of yours goes there, only the key to the place that it was given for, so no "
                "grant is needed. Exit status 3: one of them has a problem.",
     .options = test_options,
     .examples = "  paired backends test\n"
                 "  paired backends test anthropic --ask\n"},
    {.name = "backends find",
     .run = cli_run_backends_find,
     .help = "Look for model servers on this machine, at their usual ports.",
     .details = "Only when you say so, and only at 127.0.0.1: Ollama, LM Studio, llama.cpp, vLLM "
                "and others.",
     .options = find_options,
     .examples = "  paired backends find --add\n"},
    {.name = "backends remove",
     .run = cli_run_backends_remove,
     .operands = "NAME",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Forget a backend, its key and its grants."},
    {.name = "backends enable",
     .run = cli_run_backends_enable,
     .operands = "NAME",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Use a backend."},
    {.name = "backends disable",
     .run = cli_run_backends_disable,
     .operands = "NAME",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Leave a backend alone; its key and grants stay."},
    {.name = "consent",
     .run = cli_run_consent,
     .help = "List what may go where, and what may come in.",
     .details = "Nothing goes anywhere without a grant, and nothing comes in. A change acts on the "
                "next request."},
    {.name = "consent grant",
     .run = cli_run_consent_grant,
     .operands = "BACKEND | KIND AUDIENCE",
     .operands_min = 1,
     .operands_max = 2,
     .help = "Let this workspace go to a backend, or a kind of record to people, after asking.",
     .details =
         "KIND is pattern, template, resource, metric, decision, milestone or task (requests "
         "between agents). AUDIENCE is friend: and the 64 digits of an identity, group:NAME "
         "or everyone; for every workspace unless --workspace names one. You are shown what "
         "goes and what never does; when these words change you are asked again.",
     .options = grant_options,
     .examples = "  paired consent grant anthropic --expires 30\n"
                 "  paired consent grant ollama --any\n"
                 "  paired consent grant pattern group:team --both --for 30d\n"},
    {.name = "consent revoke",
     .run = cli_run_consent_revoke,
     .operands = "BACKEND | KIND AUDIENCE",
     .operands_min = 1,
     .operands_max = 2,
     .help = "End its grants: all, or those of --workspace or --any.",
     .details = "Of KIND AUDIENCE both directions, unless one is named; KIND all ends whatever is "
                "granted to AUDIENCE.",
     .options = revoke_options},
    {.name = "consent history",
     .run = cli_run_consent_history,
     .operands = "[BACKEND | AUDIENCE]",
     .operands_max = 1,
     .help = "List grants that ended, newest first."},
    {.name = "audit", .help = "What left this machine: when, where to, how much; never what."},
    {.name = "audit list",
     .run = cli_run_audit_list,
     .help = "List what left, newest first.",
     .options = audit_list_options},
    {.name = "audit verify",
     .run = cli_run_audit_verify,
     .operands = "[LINE]",
     .operands_max = 1,
     .help = "Check that no entry was changed or removed, also since LINE was printed.",
     .details = "Prints a line. Kept elsewhere and given again later, it shows a log that was cut "
                "or made anew, which the log by itself cannot. Nor can such a log match what "
                "friends have cosigned: who did, and up to where, is shown. Exit status 3: "
                "something is wrong.",
     .options = audit_verify_options},
    {.name = "audit export",
     .run = cli_run_audit_export,
     .help = "Print all entries as JSON lines, with the bytes that are hashed.",
     .details = "Behind them the signed checkpoints, as signed notes (C2SP) with all cosignatures, "
                "and the keys that verify them.",
     .options = audit_export_options},
    {.name = "audit prove",
     .run = cli_run_audit_prove,
     .operands = "N",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Print a proof that entry N is in the log, for audit verify --proof.",
     .details =
         "It holds that entry, the newest checkpoint (a cosigned one before others) and some "
         "hashes; no other entry.",
     .examples = "  paired audit prove 17 > entry-17.json\n"
                 "  paired audit verify --proof entry-17.json\n"},
    {.name = "audit cosign",
     .run = cli_run_audit_cosign,
     .help = "Have friends who are there cosign the log now, not within the hour.",
     .details =
         "Asked is who is paired and to whom something is granted. They see how many entries "
         "there are, and a hash."},
    {.name = "sessions",
     .run = cli_run_sessions_list,
     .help = "Conversations with the agents that a model took part in."},
    {.name = "sessions list",
     .run = cli_run_sessions_list,
     .help = "List those of this workspace, newest first."},
    {.name = "sessions show",
     .run = cli_run_sessions_show,
     .operands = "ID",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Print what was asked and answered; ID: last, or how it begins."},
    {.name = "sessions resume",
     .run = cli_run_sessions_resume,
     .operands = "ID QUESTION …",
     .operands_min = 2,
     .operands_max = -1,
     .help = "Go on with one, whichever client it began in.",
     .details = "The same as `paired ask --session ID`. An editor's chat (paired acp) lists these "
                "conversations as its own, and over MCP `ask` takes the id as `session`.",
     .examples = "  paired sessions resume last and who calls it?\n"},
    {.name = "sessions forget",
     .run = cli_run_sessions_forget,
     .operands = "ID",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Remove one from the store."},
    {.name = "gateway", .help = "Run other programs by way of paired's router."},
    {.name = "gateway run",
     .run = cli_run_gateway_run,
     .operands = "-- PROGRAM [ARGUMENT …]",
     .operands_min = 1,
     .operands_max = -1,
     .help = "Run a program whose requests to models go through paired.",
     .details = "For programs that speak the Anthropic or an OpenAI API and read their address and "
                "key from ANTHROPIC_BASE_URL, ANTHROPIC_AUTH_TOKEN, OPENAI_BASE_URL and "
                "OPENAI_API_KEY. Requests go to the backends that the folder's text may go to. The "
                "pass ends with the program.",
     .examples = "  paired gateway run -- claude\n"},
    {.name = "gateway env",
     .run = cli_run_gateway_env,
     .help = "Print what a program that is started otherwise needs.",
     .details = "Needs gateway.enabled. The pass is for this folder and lasts."},
    {.name = "gateway cache",
     .run = cli_run_gateway_cache,
     .operands = "[show|clear]",
     .operands_max = 1,
     .help = "Show or erase answers that are kept to be given again.",
     .details = "They are kept when models.cache is exact: requests that ask for temperature 0 are "
                "then answered from here when exactly the same was asked before in this folder. "
                "`paired erase` takes them, too."},
    {.name = "usage",
     .run = cli_run_usage,
     .help = "Show tokens and money by what used them.",
     .details = "With --workspace: what that folder used; `.` is the one you are in.",
     .options = usage_options,
     .examples = "  paired usage --by backend --since \"last week\"\n"},
    {.name = "why",
     .run = cli_run_why,
     .operands = "[ID]",
     .operands_max = 1,
     .help = "Show how the router chose the backend of a request, the last one or ID.",
     .details = "The gateway's answers carry the id in the header x-paired-route. The latest 128 "
                "requests are known, without their content.",
     .options = why_options,
     .examples = "  paired why\n  paired why 1f3a9c0e-17 --json\n  paired why --bad\n"
                 "  paired why --list\n"},
    {.name = "budget",
     .run = cli_run_budget,
     .help = "Show or set what may be spent.",
     .details = "With --workspace: of that folder alone (`.` is the one you are in), beside the "
                "limits for all of them, which are whole dollars; whichever is reached first "
                "counts. Exit status 3: a limit is reached.",
     .options = budget_options,
     .examples = "  paired budget --day 5 --month 50\n  paired budget --workspace . --day 0.50\n"},
// --- the store
// --- friends
#define CLI_FEDERATION_ROWS
#include "server/cli_table_federation.inc"
#undef CLI_FEDERATION_ROWS
#define CLI_SHARE_ROWS
#include "server/cli_table_share.inc"
#undef CLI_SHARE_ROWS
    {.group = "The store", .name = "key", .help = "What opens the store."},
    {.name = "key list", .run = cli_run_key_list, .help = "List the slots that open the store."},
    {.name = "key passphrase",
     .run = cli_run_key_passphrase,
     .help = "Protect the store by a passphrase.",
     .details = "It is asked for, or read as one line from stdin.",
     .options = passphrase_options},
    {.name = "key file",
     .run = cli_run_key_file,
     .help = "Go back to the key file, which asks nothing."},
    {.name = "key recovery",
     .run = cli_run_key_recovery,
     .help = "Make recovery words; they are shown once."},
    {.name = "key remove",
     .run = cli_run_key_remove,
     .operands = "SLOT",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Remove a slot.",
     .options = yes_options},
    {.name = "key rotate",
     .run = cli_run_key_rotate,
     .help = "Replace the key that encrypts the data, in the background."},
    {.name = "key unlock",
     .run = cli_run_key_unlock,
     .help = "Open a locked store by passphrase or recovery words."},
    {.name = "key lock", .run = cli_run_key_lock, .help = "Lock the store now."},
    {.name = "export",
     .run = cli_run_export,
     .operands = "DIR",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Write everything as JSON Lines with a manifest into a new folder.",
     .details = "What is written there is not encrypted."},
    {.name = "import",
     .run = cli_run_import,
     .operands = "DIR",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Read an export; what is known already is left alone."},
    {.name = "erase",
     .run = cli_run_erase,
     .operands = "[UID …]",
     .operands_max = -1,
     .help = "Erase notes, a workspace's, or everything, for good.",
     .details = "Rows, search index, log and backups are rewritten without them. You are asked "
                "first.",
     .options = erase_options,
     .examples = "  paired erase --workspace ~/old-project\n"},
    {.name = "repair",
     .run = cli_run_repair,
     .help = "Open what is left of a damaged store, after asking.",
     .details = "For a store that paired refuses because bytes were changed, an older copy was put "
                "back, or its log was cut. Copy the folder first; what is damaged stays lost.",
     .options = yes_options},
    // --- looking after it
    {.group = "Looking after it",
     .name = "status",
     .run = cli_run_status,
     .help = "Show engine, clients and store in figures."},
    {.name = "doctor",
     .run = cli_run_doctor,
     .help = "Check everything and say how to put right what is wrong.",
     .details = "Changes nothing, and works when no engine can be started. Exit status 3: "
                "something needs attention."},
    {.name = "stop",
     .run = cli_run_stop,
     .help = "Let the engine finish what is in flight and end.",
     .details = "Clients that are attached start another at their next request."},
    {.name = "config", .help = "Show, check and change settings."},
    {.name = "config show",
     .run = cli_run_config_show,
     .help = "Show all settings.",
     .options = origin_options},
    {.name = "config get",
     .run = cli_run_config_get,
     .operands = "KEY",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Print the value that holds."},
    {.name = "config set",
     .run = cli_run_config_set,
     .operands = "KEY VALUE",
     .operands_min = 2,
     .operands_max = 2,
     .help = "Write a setting into the user's file."},
    {.name = "config unset",
     .run = cli_run_config_unset,
     .operands = "KEY",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Remove a setting from the user's file."},
    {.name = "config check",
     .run = cli_run_config_check,
     .help = "Report every problem with file and line."},
    {.name = "config schema", .run = cli_run_config_schema, .help = "Print the JSON Schema."},
    {.name = "config path", .run = cli_run_config_path, .help = "Print where the user's file is."},
    // --- about
    {.group = "About paired",
     .name = "help",
     .run = cli_run_help,
     .operands = "[COMMAND …]",
     .operands_max = 2,
     .help = "Explain a command, or print the manual page.",
     .options = help_options},
    {.name = "completion",
     .run = cli_run_completion,
     .operands = "SHELL",
     .operands_min = 1,
     .operands_max = 1,
     .help = "Print the completion script of bash, zsh or fish.",
     .examples = "  paired completion bash > ~/.local/share/bash-completion/completions/paired\n"},
    {.name = "version", .run = cli_run_version, .help = "Print the version, build and protocols."},
    {0},
};
