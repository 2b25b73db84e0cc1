#!/usr/bin/env python3
"""What `paired setup` writes, read by the clients themselves: Codex, Gemini CLI and OpenCode, offline.

    setup.py PAIRED

Each client has a configuration of its user's already. After `paired setup` it lists paired beside what it had (Gemini CLI
and OpenCode connect to it), after --remove it does not, and the file is what it was."""
import os
import platform
import sys

import common

OTHERS = os.environ.get("PAIRED_TEST_OTHERS", "node_modules")

BEFORE = {
    ".codex/config.toml": '# mine\nmodel = "o"\n\n[mcp_servers.other]\ncommand = "true"  # nothing\n',
    ".gemini/settings.json": '{\n\t// mine\n\t"ui": {"hideTips": true},\n\t"mcpServers": {\n\t\t"other": {"command": "true"}\n\t}\n}\n',
    ".config/opencode/opencode.jsonc":
        '{\n    "$schema": "https://opencode.ai/config.json",\n    // mine\n    "mcp": {\n'
        '        "other": {"type": "local", "command": ["true"], "enabled": false},\n    },\n}\n',
}


def find(*parts):
    """The first of the architectures that is installed."""
    for arch in ("x64", "arm64"):
        path = os.path.join(OTHERS, *[p.replace("ARCH", arch) for p in parts])
        if os.path.exists(path):
            return path
    return None


def programs():
    codex = find("@openai", "codex-linux-ARCH", "vendor")
    codex = codex and next((os.path.join(folder, "codex") for folder, _, files in os.walk(codex) if "codex" in files), None)
    gemini = find("@google", "gemini-cli", "bundle", "gemini.js")
    opencode = find("opencode-linux-ARCH", "bin", "opencode")
    return {"codex": codex and [codex], "gemini": gemini and [common.NODE, gemini], "opencode": opencode and [opencode]}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def lists(home, program, seconds=120):
    code, output, _ = home.run([*program, "mcp", "list"], seconds, {"GEMINI_CLI_TRUST_WORKSPACE": "true"})
    return code, output


def try_client(home, tally, client, program, path):
    paths = {p: os.path.join(home.dir, p) for p in BEFORE}
    file = paths[path]
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "w", encoding="utf-8") as f:
        f.write(BEFORE[path])
    code, output = lists(home, program)
    tally.check(code == 0 and "other" in output and "paired" not in output.replace(home.dir, ""),
                f"{client}: knows another server, and not paired", output[-300:] if code else "")
    written = read(file)  # some clients touch their file when they start
    code, output, _ = home.run([home.paired, "setup", client, "--yes"], 60)
    tally.check(code == 0, f"{client}: paired setup", output[-300:] if code else "")
    code, output = lists(home, program)
    line = next((l for l in output.splitlines() if "paired" in l.replace(home.dir, "")), "")
    tally.check(code == 0 and "paired" in line and "other" in output, f"{client}: lists both", output[-400:] if not line else "")
    if client != "codex":  # which does not connect to list
        tally.check("onnected" in line and "isconnected" not in line, f"{client}: and connects", line.strip())
    code, output, _ = home.run([home.paired, "setup", client, "--yes"], 60)
    tally.check(code == 0 and "nothing to do" in output, f"{client}: a second time there is nothing to do", output[-300:])
    code, output, _ = home.run([home.paired, "setup", client, "--remove", "--yes"], 60)
    tally.check(code == 0 and read(file) == written, f"{client}: --remove gives the file back", read(file)[-300:])
    code, output = lists(home, program)
    tally.check(code == 0 and "paired" not in output.replace(home.dir, "") and "other" in output,
                f"{client}: which it understands as before", output[-300:])


def main():
    tally = common.Tally()
    with common.Home(os.path.abspath(sys.argv[1])) as home:
        known = programs()
        for client, path in zip(("codex", "gemini", "opencode"), BEFORE):
            if not known[client] and platform.machine() != "x86_64":
                tally.skipped += 1
                tally.note(f"{client}: SKIPPED, not published for {platform.machine()}")
            elif tally.check(bool(known[client]), f"{client} is installed", OTHERS):
                try_client(home, tally, client, known[client], path)
        tally.check(common.wait_for(lambda: not home.others(), 10), "no front end is left behind",
                    "; ".join(home.command(p) for p in home.others()))
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
