"""The engine's side of the command line, spoken to on the raw wire: what it refuses, and that nobody else gets in."""
import json
import os
import socket
import struct
import time

from process_lib import World, main
from test_cli import data, run

HELLO, WELCOME, MESSAGE = 1, 2, 4


class Wire:
    """One session with role "cli", frame by frame."""

    def __init__(self, w, session="0" * 32):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(w.socket_path)
        self.held = b""
        self.seq = 0
        self.frame(HELLO, json.dumps({"major": 1, "minor": 0, "role": "cli", "session": session, "pid": os.getpid(),
                                      "number": 0, "version": "0", "build": "0", "cwd": "/", "resume": False}).encode())
        assert self.read()[0] == WELCOME

    def frame(self, type, body, seq=0, flags=0):
        self.s.sendall(struct.pack("<IBBHQ", len(body), type, flags, 0, seq) + body)

    def read(self):
        while len(self.held) < 16 or len(self.held) < 16 + struct.unpack("<I", self.held[:4])[0]:
            more = self.s.recv(65536)
            assert more, "the engine closed the connection"
            self.held += more
        n, type = struct.unpack("<IB", self.held[:5])
        body, self.held = self.held[16:16 + n], self.held[16 + n:]
        return type, body

    def send(self, method, params=None, seq=None, flags=0):
        self.seq = self.seq + 1 if seq is None else seq
        message = {"jsonrpc": "2.0", "id": self.seq, "method": method}
        if params is not None:
            message["params"] = params
        self.frame(MESSAGE, json.dumps(message).encode(), self.seq, flags)
        return self.seq

    def answer(self, id):
        while True:
            type, body = self.read()
            message = json.loads(body) if type == MESSAGE else {}
            if message.get("id") == id:
                return message

    def ask(self, method, params=None, **more):
        return self.answer(self.send(method, params, **more))


def test_wrong_calls_are_refused_with_the_reason():
    with World() as w:
        run(w, "memory", "remember", "something")
        c = Wire(w)
        for params, words in (({}, "capability: missing"),
                              ({"capability": 7}, "capability: expected string"),
                              ({"capability": ""}, "capability: must not be empty"),
                              ({"capability": "no such thing"}, "there is no"),
                              ({"capability": "export", "arguments": {}}, "path: missing"),
                              ({"capability": "export", "arguments": {"path": "here"}}, "absolute path"),
                              ({"capability": "erase", "arguments": {}}, "name one of"),
                              ({"capability": "erase", "arguments": {"all": True, "uids": ["n"]}}, "name one of"),
                              ({"capability": "key remove", "arguments": {"slot": -1}}, "slot: expected at least 0"),
                              ({"capability": "memory show", "arguments": {"uid": "x" * 99}}, "uid: expected at most"),
                              ({"capability": "memory list", "arguments": {"limit": 1000}}, "limit: expected at most"),
                              ({"capability": "status", "deadline_ms": 0}, "deadline_ms")):
            error = c.ask("paired/call", params)["error"]
            assert words in error["message"] and error["data"]["name"] and error["data"]["code"] < 0, (params, error)
        assert c.ask("paired/other")["error"]["code"] == -32601
        assert c.ask("paired/call")["error"]["code"] == -32602
        assert c.ask("paired/call", {"capability": "status"})["result"]["structured"]["pid"] == w.engine_pid()


def test_capabilities_are_listed_with_their_arguments():
    with World() as w:
        run(w, "memory", "remember", "something")
        found = {c["name"]: c for c in Wire(w).ask("paired/capabilities")["result"]["capabilities"]}
        assert {"status", "export", "import", "erase", "key rotate", "remember", "recall"} <= set(found)
        assert found["import"]["input"]["required"] == ["path"]


def test_an_erase_asks_first_and_a_repeated_write_answers_the_same():
    with World() as w:
        run(w, "memory", "remember", "to be lost")
        c = Wire(w, "a" * 32)
        ask = c.ask("paired/call", {"capability": "erase", "arguments": {"all": True}})["result"]["ask"]
        assert "erases everything: 1 note" in ask["message"]
        note = {"capability": "remember", "arguments": {"text": "once"}}
        first = c.ask("paired/call", note, seq=50)["result"]["structured"]["uid"]
        c.s.close()
        again = Wire(w, "a" * 32).ask("paired/call", note, seq=50, flags=1)["result"]["structured"]["uid"]
        assert again == first and len(data(w, "memory", "list")["notes"]) == 2
        fresh = Wire(w, "b" * 32).ask("paired/call", note, seq=50)["result"]["structured"]["uid"]
        assert fresh != first


def test_a_session_that_goes_away_leaves_nothing_running():
    with World() as w:
        for i in range(30):
            run(w, "memory", "remember", "note %d" % i)
        for i in range(20):
            c = Wire(w, "%032x" % i)
            for _ in range(10):
                c.send("paired/call", {"capability": "store check"})
            c.s.close()
        begin = time.monotonic()
        assert data(w, "memory", "recall", "note")["notes"]
        assert time.monotonic() - begin < 10
        end = time.monotonic() + 10
        while data(w, "status")["sessions"]["open"] > 1 and time.monotonic() < end:
            time.sleep(0.02)
        status = data(w, "status")
        assert status["sessions"]["open"] == 1 and status["store"]["state"] == "open"


def test_other_clients_do_not_get_at_keys_or_files():
    with World() as w:
        c = w.client()
        c.initialize()
        names = {t["name"] for t in c.call("tools/list")["result"]["tools"]}
        assert not names & {"status", "export", "import", "erase"} and not any(n.startswith("key") for n in names)
        for name in ("key list", "key passphrase", "export", "erase", "store check", "memory list", "status"):
            answer = c.tool(name, {"path": "/tmp/x", "all": True, "secret": "s", "confirm": True})
            assert "error" in answer and "Unknown tool" in answer["error"]["message"], answer
        assert "error" in c.call("paired/call", {"capability": "key list"})
        assert c.end() == 0


if __name__ == "__main__":
    main(globals())
