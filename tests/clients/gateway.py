#!/usr/bin/env python3
"""Real programs by way of paired's gateway, offline: Claude Code against a stand-in model endpoint, the Anthropic and
OpenAI SDKs against the model emulator aimock, streaming and tools, within a family and across.

    gateway.py PAIRED"""
import itertools
import json
import os
import subprocess
import sys
import uuid

import claude as real
import common


def paired(home, *argv, input=""):
    r = subprocess.run([home.paired, *argv], input=input, env=home.env, cwd=home.project, capture_output=True, text=True,
                       timeout=60)
    if r.returncode:
        raise SystemExit(f"paired {' '.join(argv)}: {r.stderr}")
    return r.stdout


def backend(home, name, family, url, model):
    paired(home, "backends", "add", name, "--family", family, "--url", url, "--model", model, "--key-stdin",
           input="sk-stand-in\n")
    paired(home, "consent", "grant", name, "--yes")


def without_backend(home, name):
    paired(home, "backends", "remove", name)


def claude_code(home, tally, endpoint):
    """A whole session of the real client, with a tool call, every turn through the gateway."""
    backend(home, "stand-in", "anthropic", f"http://127.0.0.1:{endpoint.server_port}", "stand-in-model")
    config = os.path.join(home.dir, "claude")
    os.mkdir(config)
    home.env.update(CLAUDE_CONFIG_DIR=config, DISABLE_AUTOUPDATER="1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
                    DISABLE_TELEMETRY="1", IS_SANDBOX="1")
    mark = f"zebrafish-{uuid.uuid4().hex[:8]}"
    with open(os.path.join(home.project, "notes.txt"), "w", encoding="utf-8") as f:
        f.write(f"the word is {mark}\n")
    endpoint.begin([("Read", {"file_path": os.path.join(home.project, "notes.txt")})])
    code, output, seconds = home.run(
        [home.paired, "gateway", "run", "--", common.CLAUDE, "-p", "Read notes.txt", "--output-format", "stream-json",
         "--verbose", "--allowedTools", "Read"], 180)
    tally.check(code == 0 and '"result":"done"' in output, "claude -p ends well", f"{seconds:.1f} s; {output[-300:]}"
                if code else f"{seconds:.1f} s")
    results = endpoint.results()
    tally.check(len(results) == 1 and mark in results[0][1], "its tool call came through the stream, and its result back",
                results[0][1][:80] if results else output[-300:])
    tally.check(all(b["model"] == "stand-in-model" for b in endpoint.seen) and endpoint.seen,
                "the model's name was exchanged", str({b["model"] for b in endpoint.seen}))
    entries = json.loads(paired(home, "audit", "list", "--json"))["entries"]
    sends = [e for e in entries if e["event"] == "send"]
    tally.check(len(sends) >= 2 and all(e["audience"] == "stand-in" for e in sends), "each turn is in the audit",
                f"{len(sends)} entries")
    paired(home, "audit", "verify")
    without_backend(home, "stand-in")


def sdks(home, tally, mock):
    """aimock answers as every family; the SDKs ask through the gateway for each of them."""
    for family in ("anthropic", "chat", "responses", "gemini"):
        backend(home, "mock", family, mock, "mock-model")
        code, output, _ = home.run([home.paired, "gateway", "run", "--", common.NODE,
                                    os.path.join(common.HERE, "gateway.mjs"), common.MODULES], 120)
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        for line in lines:
            tally.check(line["good"], f"backend {family}: {line['what']}", line.get("detail", "")[:200])
        tally.check(code == 0 and len(lines) == 12, f"backend {family}: all was asked", output[-400:] if code else "")
        without_backend(home, "mock")


def mock_of(home, *fault):
    mock = subprocess.Popen([common.NODE, os.path.join(common.HERE, "gateway_mock.mjs"), common.MODULES, *fault],
                            stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=home.env, text=True)
    return mock, mock.stdout.readline().strip()


def faults(home, tally, mock):
    """The SDKs notice nothing of a backend that fails each time in one of aimock's ways while another one works."""
    # Names of their own: a conversation stays with the backend that answered it.
    for n, (fault, family) in enumerate(itertools.product(("cut", "drop", "malformed", "disconnect"),
                                                          ("anthropic", "chat", "responses", "gemini"))):
        broken, url = mock_of(home, fault)
        backend(home, f"broken-{n}", family, url, "mock-model")  # of equals the first one is asked
        backend(home, f"spare-{n}", family, mock, "mock-model")
        code, output, _ = home.run([home.paired, "gateway", "run", "--", common.NODE,
                                    os.path.join(common.HERE, "gateway.mjs"), common.MODULES], 120)
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        bad = [f"{x['what']}: {x.get('detail', '')[:150]}" for x in lines if not x["good"]]
        tally.check(code == 0 and len(lines) == 12 and not bad, f"backend {family} that fails by {fault}: nothing is lost",
                    "; ".join(bad) or f"{len(lines)} asked")
        entries = json.loads(paired(home, "audit", "list", "--json"))["entries"]
        asked = [e for e in entries if e["event"] == "send" and e["audience"] == f"broken-{n}"]
        tally.check(bool(asked), f"backend {family} that fails by {fault}: it was asked", f"{len(asked)} times")
        without_backend(home, f"broken-{n}")
        without_backend(home, f"spare-{n}")
        broken.stdin.close()
        broken.wait(10)


def main():
    tally = common.Tally()
    endpoint = real.Endpoint()
    with common.Home(os.path.abspath(sys.argv[1])) as home:
        claude_code(home, tally, endpoint)
        mock, url = mock_of(home)
        try:
            sdks(home, tally, url)
            faults(home, tally, url)
        finally:
            mock.stdin.close()
            mock.wait(10)
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
