"""MCP on the bytes themselves: what a JSON library would smooth over (ids, duplicates, garbage) is sent and seen as it is.
Used by test_hostile.py and test_probe.py, on top of process_lib. Standard library only."""
import json
import os
import re
import time

from process_lib import Client, PAIRED, World

ANSWER = re.compile(rb'^\{"jsonrpc":"2\.0","id":(.+?),"(?=result":|error":)')
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "probe", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}}


class Wire(Client):
    """A client that keeps every line as it came. `era` decides what request() adds."""

    def __init__(self, world, argv, era="legacy", **options):
        self.era = era
        self.lines = []  # (raw id or None, line, time)
        self.taken = 0
        self.keep = True
        self.count = 0
        super().__init__(world, argv, **options)

    def _take(self, line, now):
        try:
            message = json.loads(line)
            assert isinstance(message, list) or message["jsonrpc"] == "2.0"
        except (ValueError, KeyError, TypeError, AssertionError):
            self.noise.append(line)
            return
        match = ANSWER.match(line)
        self.count += isinstance(message, list) or "method" not in message
        if self.keep:
            self.lines.append((match.group(1) if match else None, line, now))

    def raw(self, line, timeout=30):
        """Sends one line and returns the next answer: (raw id, message)."""
        with self.lock:
            self.taken = len(self.lines)
        self.send(line + b"\n")
        return self.next(timeout)

    def next(self, timeout=30, where=lambda raw, message: isinstance(message, list) or "method" not in message):
        end = time.monotonic() + timeout
        with self.lock:
            while True:
                while self.taken < len(self.lines):
                    raw, line, _ = self.lines[self.taken]
                    self.taken += 1
                    message = json.loads(line)
                    if where(raw, message):
                        return raw, message
                left = end - time.monotonic()
                if left <= 0 or self.eof:
                    raise AssertionError("no answer" + (" (end of output)" if self.eof else ""))
                self.lock.wait(left)

    def wait_for(self, raw_id, timeout=30):
        """The answer with this id, wherever it is in what has come."""
        with self.lock:
            self.taken = 0
        return self.next(timeout, lambda raw, message: raw == raw_id)[1]

    def line(self, method, params=None, id=b"1"):
        """One request as the era wants it."""
        params = dict(params or {})
        if self.era == "modern":
            params["_meta"] = {**META, **params.get("_meta", {})}
        body = b"" if not params and self.era == "legacy" else b',"params":' + json.dumps(params).encode()
        return b'{"jsonrpc":"2.0","id":%s,"method":%s%s}' % (id, json.dumps(method).encode(), body)

    def ask(self, method, params=None, id=b"1", timeout=30):
        return self.raw(self.line(method, params, id), timeout)[1]

    def open(self, version="2025-11-25"):
        if self.era == "legacy":
            answer = self.ask("initialize", {"protocolVersion": version, "capabilities": {},
                                             "clientInfo": {"name": "probe", "version": "1"}}, b'"init"')
            assert answer["result"]["protocolVersion"] == version, answer
            self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        else:
            assert "result" in self.ask("server/discover", id=b'"init"')
        return self

    def until(self, condition, timeout, what):
        end = time.monotonic() + timeout
        with self.lock:
            while not condition(self):
                left = end - time.monotonic()
                if left <= 0 or self.eof:
                    raise AssertionError("not within %g s%s: %s" % (timeout, " (end of output)" if self.eof else "", what))
                self.lock.wait(left)


def wire(world, era="legacy", *argv, program=None, **options):
    options.setdefault("stderr", open(os.path.join(world.dir, "stderr-%d" % len(world.clients)), "wb"))
    c = Wire(world, [program or PAIRED, *(argv or ("mcp",))], era, **options)
    world.clients.append(c)
    return c


def assert_unhurt(world, what):
    """A front end hides an engine's death from its client; a test must not miss it."""
    text = world.log()
    for name in os.listdir(world.dir):
        if name.startswith("stderr-"):
            with open(os.path.join(world.dir, name), errors="replace") as file:
                text += file.read()
    started = text.count(" ready version=")
    assert started == 1, "%s: %d engines were needed\n%s" % (what, started, text[-3000:])
    for word in ("Sanitizer", "runtime error:"):
        assert word not in text, "%s: %s\n%s" % (what, word, text[-3000:])


def worlds():
    """Both ways to run, both eras: (world, client, name). The engine must live through what is done there."""
    for argv in (("mcp",), ("mcp", "--standalone")):
        for era in ("legacy", "modern"):
            with World() as world:
                name = " ".join(argv) + " " + era
                yield world, wire(world, era, *argv).open(), name
                assert_unhurt(world, name)
