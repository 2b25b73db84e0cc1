#!/usr/bin/env python3
"""The real Claude Code with paired's plugin, and as `paired setup` registers it, offline.

    plugin.py PAIRED

The plugin is validated strictly and installed from this checkout by Claude Code's own commands; then whole sessions run
against the stand-in for the model's endpoint (claude.py), which writes down what the model is told: the tools under
the plugin's name, what the hooks say at the start and after an edit, and what is in the memory after the end."""
import json
import os
import subprocess
import sys

import claude
import common

PLUGIN = os.path.join(common.HERE, "..", "..", "editors", "claude-code")
TOOL = "mcp__plugin_paired_paired__"
AGENTS = {"sherlock", "leonardo", "edison", "marie", "alex", "vince", "maya"}
BAD = "def collect(item, found=[]):\n    found.append(item)\n    return found\n"


def validate(client, tally):
    for name in (".", "plugin", "lsp"):
        code, output, _ = client.run("plugin", "validate", "--strict", os.path.join(PLUGIN, name))
        tally.check(code == 0 and "passed" in output, f"claude plugin validate --strict {name}",
                    "" if code == 0 else output[-600:])


def install(client, tally):
    for command in (("marketplace", "add", PLUGIN), ("install", "paired@paired")):
        code, output, _ = client.run("plugin", *command)
        tally.check(code == 0, "claude plugin " + command[0], "" if code == 0 else output[-400:])
    code, output, _ = client.run("plugin", "list")
    tally.check(code == 0 and "paired@paired" in output, "it is listed", output[-200:].replace("\n", " "))


def session(client, tally, what, script, env=None, tools="Edit,Write,Read"):
    client.endpoint.begin(script)
    mine = ",".join(sorted({tool for tool, _ in script if tool.startswith("mcp__")}))
    code, output, seconds = client.home.run(
        [common.CLAUDE, "-p", "Tidy the collector up", "--output-format", "stream-json", "--verbose",
         "--permission-mode", "acceptEdits", "--allowedTools", tools + ("," + mine if mine else "")], 120, env)
    started = next((json.loads(line) for line in output.splitlines() if '"subtype":"init"' in line), {})
    tally.check(code == 0, f"{what}: a session runs and ends", f"{seconds:.2f} s" if code == 0 else output[-800:])
    return started, json.dumps(client.endpoint.seen), output


def memory(home, *words):
    code, output, _ = home.run([home.paired, "memory", *words], 30)
    return output if code == 0 else f"[{code}] {output}"


def sessions(client, tally):
    home = client.home
    file = os.path.join(home.project, "collect.py")
    with open(file, "w", encoding="ascii") as f:
        f.write("def collect(item):\n    return [item]\n\n\n# end\n")
    for command in (["init", "-q"], ["add", "."],
                    ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=home.project, env=home.env, check=True, timeout=30)
    memory(home, "handoff", "Port the collector", "--next", "zebrafish the seeds")
    memory(home, "recall")  # the engine is there, as in a day's second session

    script = [("Read", {"file_path": file}),
              ("Edit", {"file_path": file, "old_string": "def collect(item):\n    return [item]\n", "new_string": BAD}),
              (TOOL + "recall", {"query": "nothing of the kind"})]
    started, told, output = session(client, tally, "plugin", script)
    servers = {s.get("name"): s.get("status") for s in started.get("mcp_servers", [])}
    tally.check(servers.get("plugin:paired:paired") == "connected", "the plugin's server connects", str(servers))
    agents = {a.split(":")[-1] for a in started.get("agents", []) if "paired:" in a}
    tally.check(agents == AGENTS, "the seven are there as subagents", " ".join(sorted(agents)))
    tally.check(TOOL + "recall" in told, "the model is offered the tools")
    tally.check("zebrafish the seeds" in told, "start: the model learns what was handed over")
    tally.check("mutable-default" in told and "lines just edited in collect.py" in told,
                "edit: the model learns what is wrong with the lines it wrote")
    results = client.endpoint.results()
    tally.check(len(results) == 3 and not any(r[0] for r in results), "all calls succeed", str(results)[:300])
    tally.check("hook error" not in output.lower(), "no hook fails")
    resumed = memory(home, "resume")
    tally.check("Claude Code: Tidy the collector up" in resumed and "collect.py" in resumed and
                "from claude-code" in resumed, "end: a handoff with the file is in the memory", resumed[:200])

    _, told, _ = session(client, tally, "next", [("Read", {"file_path": file})])
    tally.check("Tidy the collector up" in told, "the next session begins with it")
    before = memory(home, "resume", "--limit", "5")
    tally.check(before.count("Claude Code:") == 1, "a session that edits nothing hands nothing over", before[:300])

    script = [("Read", {"file_path": file}),
              ("Edit", {"file_path": file, "old_string": "# end", "new_string": "# the end"}),
              (TOOL + "handoff", {"title": "Collector done", "next": "ship it"})]
    _, told, _ = session(client, tally, "own handoff", script)
    tally.check("lines just edited" not in told, "edit: nothing found, nothing said")
    after = memory(home, "resume", "--limit", "5")
    tally.check("Collector done" in after and after.count("Claude Code:") == 1,
                "a session that handed over by itself is left alone", after[:400])


def without_paired(client, tally):
    """Hooks of a plugin whose program is not there must not be noticed."""
    home = client.home
    path = ":".join(p for p in home.env["PATH"].split(":") if not os.path.exists(os.path.join(p, "paired")))
    file = os.path.join(home.project, "other.py")
    _, told, output = session(client, tally, "without paired", [("Write", {"file_path": file, "content": BAD})],
                              {"PATH": path})
    good = "lines just edited" not in told and "hook error" not in output.lower() and os.path.exists(file)
    tally.check(good, "without paired on the PATH the hooks do nothing", "" if good else output[-1500:])


def registered(client, tally):
    """paired setup claude-code, as Claude Code sees it."""
    home = client.home
    config = os.path.join(home.dir, "claude", ".claude.json")
    with open(config, encoding="utf-8") as f:
        before = json.load(f)
    code, output, _ = home.run([home.paired, "setup", "claude-code", "--yes"], 60)
    tally.check(code == 0, "paired setup claude-code --yes", output[-200:] if code else "")
    for command in (("mcp", "list"), ("mcp", "get", "paired")):
        code, output, _ = client.run(*command)
        good = code == 0 and any("paired" in l and "plugin:" not in l for l in output.splitlines()) and "Connected" in output
        tally.check(good, f"claude {' '.join(command)} knows it", output[-300:] if not good else "")
    code, output, _ = home.run([home.paired, "setup", "claude-code", "--remove", "--yes"], 60)
    with open(config, encoding="utf-8") as f:
        after = json.load(f)
    tally.check(code == 0 and "paired" not in (after.get("mcpServers") or {}) and set(before) <= set(after),
                "--remove takes out that alone", output[-300:] if code else "")
    code, output, _ = client.run("mcp", "get", "paired")
    tally.check(code != 0, "and Claude Code no longer knows it", output[-200:] if code == 0 else "")


def main():
    tally = common.Tally()
    with common.Home(os.path.abspath(sys.argv[1])) as home:
        folder = os.path.join(home.dir, "bin")
        os.mkdir(folder)
        os.symlink(home.paired, os.path.join(folder, "paired"))
        home.env["PATH"] = folder + ":" + home.env["PATH"]
        # What is measured elsewhere (tests/e2e/test_hook.py) must not fail here for a busy machine.
        home.env["PAIRED_TEST_HOOK_MS"] = "10000"
        client = claude.Claude(home, tally, claude.Endpoint())
        validate(client, tally)
        install(client, tally)
        sessions(client, tally)
        without_paired(client, tally)
        code, output, _ = home.run([home.paired, "setup", "claude-code"], 60)
        tally.check(code == 0 and "its plugin brings paired" in output,
                    "beside the plugin paired setup registers no second server", output[-300:])
        code, output, _ = client.run("plugin", "uninstall", "paired@paired")
        tally.check(code == 0, "claude plugin uninstall", output[-200:] if code else "")
        registered(client, tally)
        tally.check(common.wait_for(lambda: not home.others(), 5), "no front end is left behind",
                    "; ".join(home.command(p) for p in home.others()))
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
