"""Nonsense on the engine's own socket, as a broken or foreign front end would send it: the connection is refused or closed, the
engine lives, and clients do not notice."""
import json
import os
import random
import socket
import struct
import time

from mcp_wire import assert_unhurt, wire
from process_lib import SLOW, World, main, percentile, report, rss_kb

HELLO, WELCOME, REFUSE, MESSAGE, OVERSIZE, EOF, BYE, DRAIN, LEAVING, NOTE = range(1, 11)


def frame(type, body=b"", seq=0, flags=0, size=None):
    return struct.pack("<IBBHQ", len(body) if size is None else size, type, flags, 0, seq) + body


def hello(**change):
    text = {"major": 1, "minor": 0, "role": "mcp", "session": os.urandom(16).hex(), "resume": False, "pid": os.getpid(), "cwd": "/",
            "version": "0.1.0", "number": 0, "build": "00", "options": {}, "env": {}}
    text.update(change)
    return json.dumps({k: v for k, v in text.items() if v is not None}).encode()


class Peer:
    def __init__(self, world):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20 * SLOW)
        self.socket.connect(world.socket_path)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed already: that is an answer, too

    def read(self):
        """One frame: (type, body), or None at the end."""
        head = self.exactly(16)
        if not head:
            return None
        size, type, _, _, _ = struct.unpack("<IBBHQ", head)
        return type, self.exactly(size)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                return data if not data else None
            data += more
        return data

    def ended(self):
        """Reads until the end; the last frame's type, if there was any."""
        last = None
        while True:
            got = self.read()
            if not got:
                self.socket.close()
                return last
            last = got[0]


def ask(c):
    begin = time.monotonic()
    assert "result" in c.ask("tools/list")
    return (time.monotonic() - begin) * 1000


def test_nonsense_instead_of_a_greeting_is_refused_or_closed():
    source = random.Random(3)
    deep = b'{"major":1,"options":' + b"[" * 5000 + b"]" * 5000 + b"}"
    attempts = [
        ("random bytes", bytes(source.randrange(256) for _ in range(4096)), None),
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
        ("a line of MCP", b'{"jsonrpc":"2.0","id":1,"method":"initialize"}\n', None),
        ("a frame over the maximum", frame(HELLO, size=0xFFFFFFFF), None),
        ("an unknown type", frame(99), None),
        ("unknown flags", frame(HELLO, hello(), flags=0x80), None),
        ("a message before the greeting", frame(MESSAGE, b"{}", 1), None),
        ("an engine's frame", frame(WELCOME, hello()), None),
        ("a greeting that is no JSON", frame(HELLO, b"hello"), REFUSE),
        ("an empty greeting", frame(HELLO), REFUSE),
        ("a greeting that is an array", frame(HELLO, b"[]"), REFUSE),
        ("a deep greeting", frame(HELLO, deep), REFUSE),
        ("invalid UTF-8", frame(HELLO, hello().replace(b"0.1.0", b"0.1\xff")), REFUSE),
        ("another major version", frame(HELLO, hello(major=2)), REFUSE),
        ("a role nobody has", frame(HELLO, hello(role="root" * 100)), REFUSE),
        ("no role", frame(HELLO, hello(role=None)), REFUSE),
        ("a session of a wrong form", frame(HELLO, hello(session="../../../../etc/passwd..........")), REFUSE),
        ("a short session", frame(HELLO, hello(session="00")), REFUSE),
        ("numbers for texts", frame(HELLO, hello(session=7)), REFUSE),
        ("drained by an older build", frame(DRAIN, hello(number=-5)), REFUSE),
        ("drained by nobody", frame(DRAIN, b"{}"), REFUSE),
    ]
    with World() as world:
        c = wire(world, "modern").open()
        for what, data, last in attempts:
            for cut in (len(data), 7):
                p = Peer(world)
                p.send(data[:cut])
                if cut < len(data):
                    ask(c)
                    p.send(data[cut:])
                got = p.ended()
                assert got == last, (what, got)
            ask(c)
        assert_unhurt(world, "greetings")


def test_nonsense_after_the_greeting_ends_that_session_only():
    request = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    attempts = [
        ("random bytes", b"\x00\xff" * 100),
        ("a second greeting", frame(HELLO, hello())),
        ("an engine's frame", frame(LEAVING)),
        ("a cut head of an oversized message", frame(OVERSIZE, b"123")),
        ("a length over the maximum", frame(MESSAGE, size=65 * 1024 * 1024)),
    ]
    with World() as world:
        c = wire(world, "modern").open()
        for what, data in attempts:
            p = Peer(world)
            p.send(frame(HELLO, hello()) + frame(MESSAGE, request, 1))
            assert p.read()[0] == WELCOME, what
            assert json.loads(p.read()[1]) == {"jsonrpc": "2.0", "id": 1, "result": {}}, what
            p.send(data)
            p.ended()
            ask(c)
        # Odd, but no reason to part: a silent message, the same number twice, an oversized message of no bytes.
        p = Peer(world)
        p.send(frame(HELLO, hello()) + frame(MESSAGE, request, 5, flags=2) + frame(MESSAGE, request, 5) + frame(MESSAGE, request, 5)
               + frame(OVERSIZE, struct.pack("<Q", 1 << 60), 6) + frame(EOF))
        types = []
        while (got := p.read()):
            types.append(got[0])
        assert types == [WELCOME, MESSAGE, MESSAGE, MESSAGE, BYE], types
        ask(c)
        assert_unhurt(world, "sessions")


def test_connections_that_say_nothing_are_let_go_and_cost_little():
    with World() as world:
        c = wire(world, "modern").open()
        ask(c)
        before = rss_kb(world.engine_pid())
        silent = [Peer(world) for _ in range(200)]
        for i, p in enumerate(silent):
            p.send(frame(HELLO, size=60 * 1024 * 1024)[:16] + b"x" * (i * 10))  # announces much, sends little
        times = [ask(c) for _ in range(50)]
        grown = (rss_kb(world.engine_pid()) - before) / 1024
        begin = time.monotonic()
        for p in silent:
            assert p.ended() is None
        took = time.monotonic() - begin
        report("200 silent connections: engine +%.1f MB, let go after %.1f s, another client's worst %.1f ms" % (grown, took, max(times)))
        assert percentile(times, 0.5) < 20 * SLOW and max(times) < 500 * SLOW, times
        assert grown < (16 if SLOW == 3 else 200), grown
        ask(c)
        assert_unhurt(world, "silence")


def test_more_sessions_than_the_engine_serves_are_told_so():
    with World() as world:
        c = wire(world, "modern").open()
        peers, refused = [], 0
        for _ in range(1100):
            try:
                p = Peer(world)
            except OSError:
                break
            p.send(frame(HELLO, hello()))
            got = p.read()
            peers.append(p)
            if got and got[0] == REFUSE:
                assert json.loads(got[1])["code"] == "full", got
                refused += 1
                if refused == 3:
                    break
        assert refused == 3, (refused, len(peers))
        ask(c)
        report("%d sessions at once, engine %.1f MB" % (len(peers) - refused, rss_kb(world.engine_pid()) / 1024))
        for p in peers:
            p.socket.close()
        ask(c)
        assert_unhurt(world, "many")


if __name__ == "__main__":
    main(globals())
