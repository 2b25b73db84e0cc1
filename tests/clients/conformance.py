#!/usr/bin/env python3
"""The official conformance suite of MCP against `paired mcp --fixtures`, behind the HTTP bridge.

    conformance.py PAIRED

Every scenario that a stdio server can decide has to pass, with checks that were really made and without
warnings. Those that judge HTTP, which is the bridge's work, are run and listed apart. A scenario that is
missing, or new and unknown here, is a failure."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import common

LEGACY = """server-initialize logging-set-level ping completion-complete tools-list tools-call-simple-text
tools-call-image tools-call-audio tools-call-embedded-resource tools-call-mixed-content tools-call-with-logging
tools-call-error tools-call-with-progress tools-call-sampling tools-call-elicitation
elicitation-sep1034-defaults elicitation-sep1330-enums resources-list resources-read-text
resources-read-binary resources-templates-read resources-subscribe resources-unsubscribe prompts-list
prompts-get-simple prompts-get-with-args prompts-get-embedded-resource prompts-get-with-image
json-schema-2020-12""".split()

MODERN = """server-stateless completion-complete tools-list tools-call-simple-text tools-call-image
tools-call-audio tools-call-embedded-resource tools-call-mixed-content tools-call-error
tools-call-with-progress resources-list resources-read-text resources-read-binary resources-templates-read
sep-2164-resource-not-found prompts-list prompts-get-simple prompts-get-with-args
prompts-get-embedded-resource prompts-get-with-image caching input-required-result-basic-elicitation
input-required-result-basic-sampling input-required-result-basic-list-roots
input-required-result-request-state input-required-result-multiple-input-requests
input-required-result-multi-round input-required-result-missing-input-response
input-required-result-non-tool-request input-required-result-result-type
input-required-result-unsupported-methods input-required-result-tampered-state
input-required-result-capability-check input-required-result-ignore-extra-params
input-required-result-validate-input json-schema-2020-12
tasks-lifecycle tasks-capability-negotiation tasks-wire-fields tasks-request-state-removal
tasks-mrtr-input tasks-request-headers tasks-dispatch-and-envelope tasks-required-task-error
tasks-mrtr-composition""".split()

SKILLS = ["sep-2640-skills-enumeration", "sep-2640-skills-directory", "sep-2640-skills-manifest"]

# Run and shown, but not paired's to decide.
APART = {
    "dns-rebinding-protection": "judges Host and Origin, which the bridge checks",
    "server-sse-multiple-streams": "judges HTTP streams, which the bridge opens",
    "server-session-lifecycle": "judges Mcp-Session-Id and DELETE, which the bridge answers",
    "server-sse-polling": "judges reconnecting an HTTP stream by event id; stdio has none",
    "http-header-validation": "judges HTTP headers, which the bridge compares with the body",
    "http-custom-header-server-validation": "judges x-mcp-header, an HTTP header per argument",
    "tasks-status-notifications": "the suite skips its only check itself; tests/transcripts has our own",
}

# Made for every scenario from the messages alone: no check of what the scenario is about.
GENERIC = {"wire-schema-valid"}


class Suite:
    def __init__(self, home, tally):
        self.home, self.tally = home, tally
        self.script = os.path.join(common.MODULES, "@modelcontextprotocol/conformance/dist/index.js")
        self.port_file = os.path.join(home.dir, "port")
        self.bridge = None

    def start_bridge(self):
        log = open(os.path.join(self.home.dir, "bridge.log"), "w", encoding="utf-8")
        self.bridge = subprocess.Popen(
            [sys.executable, os.path.join(common.HERE, "http_bridge.py"), "--port-file", self.port_file,
             "--", self.home.paired, "mcp", "--fixtures"],
            cwd=self.home.project, env=self.home.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not common.wait_for(lambda: os.path.exists(self.port_file), 20):
            raise RuntimeError("the bridge does not start")
        with open(self.port_file, encoding="ascii") as f:
            return f"http://127.0.0.1:{f.read()}/mcp"

    def stop_bridge(self):
        self.bridge.terminate()
        code = self.bridge.wait(30)
        with open(os.path.join(self.home.dir, "bridge.log"), encoding="utf-8") as f:
            log = [line for line in f.read().splitlines() if "http://127.0.0.1" not in line]
        self.tally.check(code == 0 and not log, "bridge and servers end in order, nothing on stderr",
                         "; ".join(log)[:500])

    def run(self, url, *arguments):
        """{scenario: its checks}, and what was printed."""
        out = os.path.join(self.home.dir, "results")
        shutil.rmtree(out, ignore_errors=True)
        _, printed, seconds = self.home.run(
            [common.NODE, self.script, "server", "--url", url, "-o", out, *arguments], 600)
        results = {}
        for path in glob.glob(out + "/server-*/checks.json"):
            name = re.fullmatch(r"server-(.*)-\d{4}-\d\d-\d\dT[\d-]+Z", path.split("/")[-2])
            with open(path, encoding="utf-8") as f:
                results[name.group(1) if name else path] = json.load(f)
        return results, printed, seconds

    def judge(self, title, names, results, printed):
        for name in names:
            checks = [c for c in results.get(name, []) if c["id"] not in GENERIC]
            made = [c for c in checks if c["status"] == "SUCCESS"]
            bad = [c for c in results.get(name, []) if c["status"] in ("FAILURE", "WARNING")]
            why = "; ".join(f"{c['id']}: {c.get('errorMessage')}" for c in bad)
            if name not in results:
                why = "did not run: " + printed[-800:]
            elif not made:
                why = why or "passed without a single check of its own"
            self.tally.check(bool(made) and not bad, f"{title} {name}", why or f"{len(made)} checks")
        for name in sorted(set(results) - set(names)):
            if name not in APART:
                self.tally.check(False, f"{title} {name}", "new to this runner: decide where it belongs")
                continue
            count = {}
            for check in results[name]:
                if check["id"] not in GENERIC:
                    count[check["status"]] = count.get(check["status"], 0) + 1
            shown = ", ".join(f"{n} {status.lower()}" for status, n in sorted(count.items()))
            self.tally.note(f"apart: {title} {name}: {APART[name]} ({shown or 'no checks'})")


def main():
    home = common.Home(os.path.abspath(sys.argv[1]))
    tally = common.Tally()
    with home:
        suite = Suite(home, tally)
        url = suite.start_bridge()
        for revision, names in (("2025-11-25", LEGACY), ("2026-07-28", MODERN)):
            results, printed, seconds = suite.run(url, "--requirements", revision)
            suite.judge(revision, names, results, printed)
            tally.note(f"{revision}: {len(results)} scenarios in {seconds:.1f} s")
        for name in SKILLS:
            results, printed, _ = suite.run(url, "--scenario", name)
            suite.judge("skills", [name], results, printed)
        suite.stop_bridge()
        tally.check(not home.others(), "no process but the engine is left",
                    "; ".join(home.command(p) for p in home.others()))
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
