#!/usr/bin/env python3
"""The command line of the MCP Inspector with paired, in each of its eras.

    inspector.py PAIRED"""
import json
import os
import sys

import common


def launcher():
    """The Inspector's own executable, as its package names it."""
    root = os.path.join(common.MODULES, "@modelcontextprotocol/inspector")
    with open(os.path.join(root, "package.json"), encoding="utf-8") as f:
        program = json.load(f)["bin"]
    program = program if isinstance(program, str) else program["mcp-inspector"]
    return os.path.join(root, program)


class Inspector:
    def __init__(self, home, tally):
        self.home, self.tally = home, tally
        self.script = launcher()

    def call(self, era, method, *more):
        command = [common.NODE, self.script, "--cli", self.home.paired, "mcp", "--method", method,
                   "--format", "json", "--protocol-era", era, *more]
        code, output, seconds = self.home.run(command, 60)
        start = output.find("{")
        try:
            result = json.JSONDecoder().raw_decode(output[start:])[0] if start >= 0 else {}
        except ValueError:
            result = {}
        # Newer versions of the Inspector wrap the result of the method.
        result = result.get("result", result) if isinstance(result, dict) else {}
        return code, result, output, seconds

    def check(self, era, method, good, *more):
        code, result, output, seconds = self.call(era, method, *more)
        try:
            fine = code == 0 and good(result)
        except (KeyError, IndexError, TypeError):
            fine = False
        self.tally.check(fine, f"{era}: {method} {' '.join(more[:2])}".rstrip(),
                         f"{seconds:.2f} s" if fine else output[-500:])


def names(items):
    return {i.get("name") for i in items or []}


def try_era(inspector, era):
    text = f"The {era} inspector was here"
    inspector.check(era, "tools/list", lambda r: {"remember", "recall", "forget"} <= names(r.get("tools")))
    inspector.check(era, "tools/call", lambda r: not r.get("isError") and r["structuredContent"]["uid"],
                    "--tool-name", "remember", "--tool-arg", f"text={text}")
    inspector.check(era, "tools/call", lambda r: text in json.dumps(r["content"]),
                    "--tool-name", "recall", "--tool-arg", f"query={era} inspector")
    inspector.check(era, "resources/list",
                    lambda r: any(i["uri"] == "memory://recent" for i in r["resources"]) and
                    any(i["uri"].startswith("memory://note/") for i in r["resources"]))
    inspector.check(era, "resources/read", lambda r: text in r["contents"][0]["text"],
                    "--uri", "memory://recent")
    inspector.check(era, "prompts/list", lambda r: {"remember", "recall"} <= names(r.get("prompts")))


def main():
    tally = common.Tally()
    with common.Home(os.path.abspath(sys.argv[1])) as home:
        inspector = Inspector(home, tally)
        for era in ("legacy", "modern", "auto"):
            try_era(inspector, era)
        tally.check(common.wait_for(lambda: not home.others(), 5), "no front end is left behind",
                    "; ".join(home.command(p) for p in home.others()))
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
