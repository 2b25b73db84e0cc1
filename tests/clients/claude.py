#!/usr/bin/env python3
"""The real Claude Code with paired as its MCP server, offline.

    claude.py PAIRED

A stand-in for the model's endpoint on loopback asks for tools by a script and writes down what Claude Code tells the
model. Everything else is the real client: registering the server, its health check, the handshake in both eras, tool
calls, the end of the server's process. Home, configuration and profile are temporary; no account, no network."""
import json
import os
import re
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import common


class Endpoint(ThreadingHTTPServer):
    """Speaks as much of the Messages API as a session needs. `script` is a list of (tool, arguments)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Turn)
        self.script, self.seen = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def begin(self, script):
        self.script, self.seen = script, []

    def results(self):
        """Of the tool calls of the last session, in order: (is_error, text)."""
        longest = max((tool_results(b) for b in self.seen), key=len, default=[])
        return [(bool(r.get("is_error")), as_text(r.get("content"))) for r in longest]


def as_text(content):
    if isinstance(content, str):
        return content
    return "\n".join(b.get("text", "") for b in content or [] if isinstance(b, dict))


def tool_results(body):
    return [block for message in body.get("messages", []) if isinstance(message.get("content"), list)
            for block in message["content"]
            if isinstance(block, dict) and block.get("type") == "tool_result"]


class Turn(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, content_type="application/json"):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"{}")

    do_HEAD = do_GET

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        if path.endswith("/count_tokens"):
            return self.answer(b'{"input_tokens": 1000}')
        if not path.endswith("/messages"):
            return self.answer(b"{}")
        body = json.loads(raw)
        script, step = self.server.script, len(tool_results(body))
        if body.get("tools") and step < len(script):
            tool, arguments = script[step]
            block = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": tool, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
            stop, whole = "tool_use", {**block, "input": arguments}
        else:
            block, stop = {"type": "text", "text": ""}, "end_turn"
            delta = {"type": "text_delta", "text": "done"}
            whole = {"type": "text", "text": "done"}
        if body.get("tools"):
            self.server.seen.append(body)
        message = {"id": f"msg_{uuid.uuid4().hex[:20]}", "type": "message", "role": "assistant",
                   "model": body.get("model", "stand-in"), "content": [], "stop_reason": None,
                   "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
        if not body.get("stream"):
            return self.answer(json.dumps({**message, "content": [whole], "stop_reason": stop}).encode())
        events = [{"type": "message_start", "message": message},
                  {"type": "content_block_start", "index": 0, "content_block": block},
                  {"type": "content_block_delta", "index": 0, "delta": delta},
                  {"type": "content_block_stop", "index": 0},
                  {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                   "usage": {"output_tokens": 1}},
                  {"type": "message_stop"}]
        stream = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
        return self.answer(stream.encode(), "text/event-stream")


class Claude:
    def __init__(self, home, tally, endpoint):
        self.home, self.tally, self.endpoint = home, tally, endpoint
        config = os.path.join(home.dir, "claude")
        os.mkdir(config)
        home.env.update(CLAUDE_CONFIG_DIR=config, ANTHROPIC_API_KEY="none", DISABLE_AUTOUPDATER="1",
                        ANTHROPIC_BASE_URL=f"http://127.0.0.1:{endpoint.server_port}",
                        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_TELEMETRY="1",
                        IS_SANDBOX="1")

    def run(self, *arguments, era="auto"):
        return self.home.run([common.CLAUDE, *arguments], 120, {"MCP_PROTOCOL_NEGOTIATION": era})

    def connected(self, era):
        for command in (("mcp", "list"), ("mcp", "get", "paired")):
            code, output, seconds = self.run(*command, era=era)
            good = code == 0 and "Connected" in output and "fail" not in output.lower()
            self.tally.check(good, f"{era}: claude {' '.join(command)} says Connected",
                             f"{seconds:.2f} s" if good else output[-400:])

    def session(self, era, script):
        """One whole session. What the model was shown first, and what its calls brought."""
        self.endpoint.begin([(f"mcp__paired__{tool}", arguments) for tool, arguments in script])
        code, output, seconds = self.run(
            "-p", "Do as the script says.", "--output-format", "stream-json", "--verbose",
            "--allowedTools", ",".join(sorted({f"mcp__paired__{tool}" for tool, _ in script})), era=era)
        started = next((json.loads(line) for line in output.splitlines() if '"subtype":"init"' in line), {})
        state = [s.get("status") for s in started.get("mcp_servers", []) if s.get("name") == "paired"]
        self.tally.check(code == 0 and state == ["connected"], f"{era}: a session connects and ends",
                         f"{seconds:.2f} s" if code == 0 else output[-600:])
        first = self.endpoint.seen[0] if self.endpoint.seen else {}
        return first, self.endpoint.results()


def offered(first):
    """Names of paired's tools that the model learns of in its first turn, and those with their schema."""
    loaded = {t.get("name") for t in first.get("tools", [])}
    named = set(re.findall(r"mcp__paired__\w+", json.dumps(first)))
    return named, {n for n in loaded if n and n.startswith("mcp__paired__")}


def try_era(claude, tally, era, earlier):
    mark = f"zebrafish-{uuid.uuid4().hex[:8]}"
    claude.connected(era)
    first, results = claude.session(era, [
        ("remember", {"text": f"The release train is called {mark} and leaves on Thursdays",
                      "kind": "fact", "subject": f"release train {mark}"}),
        ("recall", {"query": f"release train {mark}"}),
        ("recall", {"limit": -5}),
    ])
    names, loaded = offered(first)
    tally.check({"mcp__paired__remember", "mcp__paired__recall", "mcp__paired__resume"} <= names,
                f"{era}: the model learns of the tools in its first turn",
                f"{len(names)} names, with schema: {', '.join(sorted(loaded)) or 'none'}")
    tally.check({"mcp__paired__remember", "mcp__paired__recall"} <= loaded,
                f"{era}: remember and recall are there without a search")
    tally.check("this user's own memory" in json.dumps(first), f"{era}: the instructions are shown")
    tally.check(len(results) == 3 and not results[0][0], f"{era}: remember works",
                results[0][1][:100] if results else "no result")
    tally.check(len(results) == 3 and not results[1][0] and mark in results[1][1],
                f"{era}: recall finds it", results[1][1][:200] if len(results) > 1 else "no result")
    tally.check(len(results) == 3 and results[2][0] and "limit" in results[2][1],
                f"{era}: a wrong argument is explained to the model",
                results[2][1][:200] if len(results) > 2 else "no result")
    wanted = [mark] + earlier
    _, results = claude.session(era, [("recall", {"query": f"release train {w}"}) for w in wanted])
    for word, (is_error, text) in zip(wanted, results + [(True, "")] * len(wanted)):
        tally.check(not is_error and word in text, f"{era}: another session recalls {word}", text[:100])
    home = claude.home
    tally.check(common.wait_for(lambda: not home.others(), 5), f"{era}: no front end is left behind",
                "; ".join(home.command(p) for p in home.others()))
    earlier.append(mark)


def main():
    tally = common.Tally()
    endpoint = Endpoint()
    with common.Home(os.path.abspath(sys.argv[1])) as home:
        claude = Claude(home, tally, endpoint)
        tally.note("Claude Code " + claude.run("--version")[1].strip())
        code, output, _ = claude.run("mcp", "add", "paired", "-e", f"PAIRED_PROFILE={home.profile}", "--",
                                     home.paired, "mcp")
        tally.check(code == 0, "claude mcp add paired -- paired mcp", output.strip().splitlines()[0])
        earlier = []
        for era in ("auto", "legacy"):
            try_era(claude, tally, era, earlier)
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
        tally.check(not home.processes(), "nothing is left",
                    "; ".join(home.command(p) for p in home.processes()))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
