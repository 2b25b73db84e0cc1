"""The engine ends under its clients: nothing is lost, nothing happens twice, the client does not notice. --kills=60
for the full run."""
import collections
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time

from process_lib import (FLAGS, PAIRED, SLOW, Skip, World, alive, main, percentile, report, rss_kb, wait_until)

KILLS = int(FLAGS.get("--kills", "20"))
CLIENTS = 32
THINK = 0.04  # seconds between an answer and the next call: 32 clients make some 700 calls a second
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
          "io.modelcontextprotocol/clientCapabilities": {}}
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


class Caller:
    """A client that calls all the time; driven by one selector for all."""

    def __init__(self, w, number, program=PAIRED):
        self.number = number
        self.process = subprocess.Popen([program, "mcp"], env=w.env, cwd=w.dir, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.held = b""
        self.count = 0
        self.sent_at = 0
        self.text = None      # of the remember that is on its way
        self.remembered = []  # acknowledged
        self.errors = []
        self.worst = {}  # seconds, by what the call needs
        self.needs = "nothing"
        self.done = False
        self.due = None  # when to ask the next thing
        self.send("initialize", INITIALIZE)

    def send(self, method, params):
        self.count += 1
        self.sent_at = time.monotonic()
        message = {"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def next(self):
        self.text = None
        kind = self.count % 4
        self.needs = ("a write", "nothing", "a read", "nothing")[kind]
        if kind == 0:
            self.text = "note %d of client %d" % (self.count, self.number)
            self.send("tools/call", {"name": "remember", "arguments": {"text": self.text, "scope": "global"}})
        elif kind == 1:
            self.send("tools/list", {})
        elif kind == 2:
            self.send("tools/call", {"name": "recall", "arguments": {"query": "note %d" % self.count}})
        else:
            self.send("ping", {})

    def readable(self, stop):
        chunk = os.read(self.process.stdout.fileno(), 1 << 20)
        if not chunk:
            self.errors.append("end of output")
            self.done = True
            return
        self.held += chunk
        *lines, self.held = self.held.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "method" in message:
                continue
            if message["id"] != self.count:
                self.errors.append("answer to %r while waiting for %d" % (message["id"], self.count))
                continue
            self.worst[self.needs] = max(self.worst.get(self.needs, 0), time.monotonic() - self.sent_at)
            if "result" not in message or message["result"].get("isError"):
                self.errors.append(json.dumps(message)[:300])
            elif self.text:
                self.remembered.append(self.text)
            if stop:
                self.done = True
                self.due = None
            else:
                if self.count == 1:
                    self.process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
                self.due = time.monotonic() + THINK


def run_callers(callers, stopped):
    sel = selectors.DefaultSelector()
    for c in callers:
        sel.register(c.process.stdout, selectors.EVENT_READ, c)
    limit = None
    while not all(c.done for c in callers):
        due = min((c.due for c in callers if c.due), default=None)
        wait = 0.1 if due is None else max(0, min(0.1, due - time.monotonic()))
        for key, _ in sel.select(wait):
            key.data.readable(stopped.is_set())
            if key.data.done:
                sel.unregister(key.fileobj)
        now = time.monotonic()
        for c in callers:
            if c.due and c.due <= now:
                c.due = None
                if stopped.is_set():
                    c.done = True
                    sel.unregister(c.process.stdout)
                else:
                    c.next()
        if stopped.is_set():
            limit = limit or time.monotonic() + 20
            if time.monotonic() > limit:
                for c in callers:
                    if not c.done:
                        c.errors.append("request %d was never answered" % c.count)
                return


def stored_texts(w):
    """Every note in the store, by the export."""
    target = os.path.join(w.dir, "export")
    p = w.run("export", target)
    assert p.returncode == 0, p
    texts = collections.Counter()
    for name in os.listdir(target):
        if name.endswith(".jsonl"):
            with open(os.path.join(target, name)) as f:
                for line in f:
                    record = json.loads(line)
                    if "text" in record:
                        texts[record["text"]] += 1
    return texts


def check_callers(w, callers, texts=True):
    errors = [e for c in callers for e in c.errors]
    calls = sum(c.count for c in callers)
    worst = max(max(c.worst.values()) for c in callers) * 1000
    for c in callers:
        c.process.stdin.close()
        c.process.stdout.close()
        assert c.process.wait(20) == 0
    assert not errors, (len(errors), errors[:3])
    if texts:
        stored = stored_texts(w)
        acknowledged = [t for c in callers for t in c.remembered]
        assert len(set(acknowledged)) == len(acknowledged)
        lost = [t for t in acknowledged if not stored[t]]
        twice = [t for t, n in stored.items() if n > 1]
        assert not lost and not twice, (lost[:3], twice[:3])
        report("%d calls, %d notes acknowledged, each stored once" % (calls, len(acknowledged)))
    return calls, worst


class Disk:
    """What a sync costs here by itself, all the time: no store on this disk answers a write faster."""

    def __init__(self, w):
        self.worst = 0
        self.ended = threading.Event()
        self.fd = os.open(os.path.join(w.dir, "disk"), os.O_WRONLY | os.O_CREAT, 0o600)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.wait(0.01):
            os.write(self.fd, bytes(4096))
            begin = time.monotonic()
            os.fdatasync(self.fd)
            self.worst = max(self.worst, time.monotonic() - begin)

    def end(self):
        self.ended.set()
        self.thread.join()
        os.close(self.fd)
        return self.worst * 1000


def test_kills_under_32_front_ends():
    with World() as w:
        callers = [Caller(w, i) for i in range(CLIENTS)]
        stopped = threading.Event()
        disk = Disk(w)
        killed = []

        def killer():
            time.sleep(0.5)
            while len(killed) < KILLS:
                pid = w.engine_pid()
                if pid:
                    number = signal.SIGKILL if len(killed) % 2 else signal.SIGTERM
                    try:
                        os.kill(pid, number)
                        killed.append(pid)
                    except ProcessLookupError:
                        pass
                    wait_until(lambda: w.engine_pid() not in (0, pid), 20, "the next engine")
                time.sleep(0.2)
            stopped.set()
        thread = threading.Thread(target=killer)
        thread.start()
        begin = time.monotonic()
        run_callers(callers, stopped)
        thread.join()
        seconds = time.monotonic() - begin
        sync = disk.end()
        calls, worst = check_callers(w, callers)
        report("%d kills in %.1f s, %d clients: 0 lost, worst stall %.0f ms" % (KILLS, seconds, CLIENTS, worst))
        report("worst by what the store has to do: %s; the disk's own worst sync %.0f ms" % (", ".join(
            "%s %.0f ms" % (needs, max(c.worst.get(needs, 0) for c in callers) * 1000)
            for needs in ("nothing", "a read", "a write")), sync))
        p = w.run("doctor", "--json", timeout=60)
        checks = {c["id"]: c for c in json.loads(p.stdout)["checks"]}
        for name in ("store.integrity", "store.freshness"):
            assert checks[name]["result"] == "ok", checks[name]


def test_legacy_session_survives():
    with World() as w:
        c = w.client()
        c.initialize()
        c.call("logging/setLevel", {"level": "warning"})
        other = w.client()
        other.initialize()
        c.call("resources/subscribe", {"uri": "memory://recent"})
        for number in (signal.SIGKILL, signal.SIGTERM):
            pid = w.engine_pid()
            os.kill(pid, number)
            wait_until(lambda: w.engine_pid() not in (0, pid), 10, "the next engine")
            assert "result" in c.call("tools/list"), "has to be initialized still"
            seen = len(c.notifications)
            assert "result" in other.tool("remember", {"text": "after signal %d" % number})
            wait_until(lambda: len(c.notifications) > seen, 5, "notification of the change")
        assert not c.noise and len(c.answers) == c.next_id, "answers that were not asked for"


def test_modern_subscription_survives_any_number_of_engines():
    with World() as w:
        c = w.client()
        id = c.request("subscriptions/listen", {"_meta": MODERN, "notifications": {"resourcesListChanged": True}})
        wait_until(lambda: c.notifications, 5, "acknowledgement")
        other = w.client()
        other.initialize()
        for i in range(5):
            pid = w.engine_pid()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: w.engine_pid() not in (0, pid), 10, "the next engine")
            seen = len(c.notifications)
            other.tool("remember", {"text": "change %d" % i})
            wait_until(lambda: len(c.notifications) > seen, 5, "notification of the change")
        assert json.dumps(id) not in c.answers, "the subscription was ended"
        assert c.end() == 0


def hold(path):
    """The store as another process holds it: a lock of the open file, as the store takes it."""
    f = open(path, "r+")

    def take():
        try:
            fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            return True
        except BlockingIOError:
            return False
    wait_until(take, 10, "the lock, which the kernel takes from a killed process")
    return f


def test_engine_serves_before_the_store_is_free():
    with World() as w:
        c = w.client()
        c.initialize()
        assert "result" in c.tool("remember", {"text": "kept over the wait"})
        pid = w.engine_pid()
        assert c.end() == 0
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 10, "its end")
        with hold(os.path.join(w.profile, "state", "owner.lock")):
            c = w.client()
            c.initialize()
            for _ in range(3):
                assert "result" in c.call("ping")
                assert "result" in c.call("tools/list")
            recall = c.request("tools/call", {"name": "recall", "arguments": {"query": "kept wait"}})
            note = c.request("tools/call", {"name": "remember", "arguments": {"text": "written in the wait"}})
            assert "result" in c.call("ping")
            assert json.dumps(recall) not in c.answers and json.dumps(note) not in c.answers
        assert "kept over" in json.dumps(c.wait(recall)["result"])
        assert not c.wait(note)["result"].get("isError")
        assert stored_texts(w) == {"kept over the wait": 1, "written in the wait": 1}


def test_next_engine_serves_while_the_one_before_still_works():
    """A slow disk in one client's call is nothing that the others have to wait for."""
    with World() as w:
        c = w.client("mcp", "--fixtures")
        answer = c.call("initialize", dict(INITIALIZE, capabilities={"sampling": {}}))
        assert "result" in answer, answer
        c.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        others = [w.client() for _ in range(4)]
        for o in others:
            o.initialize()
        assert "result" in others[0].tool("remember", {"text": "from before"})
        # A call that lasts as long as we like: the engine asks, and we do not answer yet.
        id = c.request("tools/call", {"name": "test_sampling", "arguments": {"prompt": "?"}})
        asked = "sampling/createMessage"
        questions = lambda: [n for n in c.notifications if n["method"] == asked]
        wait_until(questions, 10, "the engine's question")
        before = w.engine_pid()
        os.kill(before, signal.SIGTERM)
        for o in others:
            assert "result" in o.call("ping")
            assert "result" in o.call("tools/list")
        assert w.engine_pid() not in (0, before) and alive(before)
        recall = others[1].request("tools/call", {"name": "recall", "arguments": {"query": "from before"}})
        assert "result" in others[1].call("ping")
        assert json.dumps(recall) not in others[1].answers, "two engines have the store"
        # It gives up after its time; the store goes to the next one, which asks again.
        wait_until(lambda: not alive(before), 20, "the end of the one before")
        assert "from before" in json.dumps(others[1].wait(recall)["result"])
        wait_until(lambda: len(questions()) > 1, 10, "the question, again")
        c.send({"jsonrpc": "2.0", "id": questions()[1]["id"], "result": {
            "role": "assistant", "model": "m", "content": {"type": "text", "text": "late"}}})
        assert "late" in json.dumps(c.wait(id)["result"])
        assert "result" in c.call("ping") and os.path.exists(w.socket_path)
        assert w.engines_started() == 2


# --- an engine of our own, to see what a front end tells it

HELLO, WELCOME, REFUSE, MESSAGE, OVERSIZE, EOF, BYE, DRAIN, LEAVING, NOTE = range(1, 11)
REPLAY, SILENT = 1, 2


class FakeEngine:
    def __init__(self, w, number=0):
        os.makedirs(w.runtime, 0o700, exist_ok=True)
        self.lock = open(os.path.join(w.runtime, "engine.lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if os.path.exists(w.socket_path):
            os.unlink(w.socket_path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(w.socket_path)
        self.listener.listen(8)
        self.listener.settimeout(15)
        self.number = number
        self.connection = None

    def accept(self):
        """The next front end's connection, greeted."""
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(10)
        type, _, _, body = self.read()
        assert type == HELLO
        hello = json.loads(body)
        self.send(WELCOME, json.dumps({"pid": os.getpid(), "build": "fake", "version": "0", "engine": "0" * 32,
                                       "number": self.number or hello["number"]}).encode())
        return hello

    def exactly(self, n):
        data = b""
        while len(data) < n:
            chunk = self.connection.recv(n - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def read(self):
        n, type, flags, _, seq = struct.unpack("<IBBHQ", self.exactly(16))
        return type, flags, seq, self.exactly(n)

    def send(self, type, body=b"", seq=0):
        self.connection.sendall(struct.pack("<IBBHQ", len(body), type, 0, 0, seq) + body)

    def answer(self, seq, id, **result):
        self.send(MESSAGE, json.dumps({"jsonrpc": "2.0", "id": id, "result": result}).encode(), seq)

    def drop(self):
        self.connection.close()

    def close(self):
        self.listener.close()
        self.lock.close()


def messages(engine, count):
    out = []
    for _ in range(count):
        type, flags, seq, body = engine.read()
        assert type == MESSAGE, type
        m = json.loads(body)
        out.append((m.get("method"), m.get("id"), seq, flags))
    return out


def test_what_is_told_to_the_next_engine():
    with World() as w:
        e = FakeEngine(w)
        c = w.client()
        hello = e.accept()
        assert not hello["resume"] and hello["role"] == "mcp", hello
        c.request("initialize", INITIALIZE)
        c.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert messages(e, 2) == [("initialize", 1, 1, 0), ("notifications/initialized", None, 2, 0)]
        e.answer(1, 1)
        c.wait(1)
        c.request("resources/subscribe", {"uri": "memory://a"})
        c.request("resources/subscribe", {"uri": "memory://b"})
        c.request("logging/setLevel", {"level": "info"})
        c.request("resources/unsubscribe", {"uri": "memory://a"})
        c.request("logging/setLevel", {"level": "error"})
        told = messages(e, 5)
        for method, id, seq, _ in told[:4]:
            e.answer(seq, id)
        c.wait(5)
        # Open: the last setLevel (6), a call (7), one that is cancelled (8), a batch (10).
        c.request("tools/call", {"name": "x"})
        c.request("tools/call", {"name": "y"})
        c.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 8}})
        c.send([{"jsonrpc": "2.0", "id": 70, "method": "ping"}])
        c.send([{"jsonrpc": "2.0", "method": "notifications/x"}])
        c.send({"jsonrpc": "2.0", "id": "e-1", "result": {}})
        for _ in range(6):
            e.read()
        e.drop()
        hello = e.accept()
        assert hello["resume"]
        again = messages(e, 5)
        assert again == [("initialize", 1, 1, REPLAY | SILENT),
                         ("notifications/initialized", None, 2, REPLAY | SILENT),
                         ("resources/subscribe", 3, 4, REPLAY | SILENT),
                         ("logging/setLevel", 6, 7, REPLAY),
                         ("tools/call", 7, 8, REPLAY)], again
        type, flags, seq, body = e.read()
        assert (type, flags, seq) == (MESSAGE, REPLAY, 11) and body.startswith(b"["), (type, flags, seq, body)
        # An engine that says goodbye is no crash; nothing is counted, all is told again.
        for _ in range(4):
            e.send(LEAVING)
            e.drop()
            e.accept()
            for _ in range(6):
                e.read()
        e.answer(8, 7, ok=True)
        assert c.wait(7)["result"] == {"ok": True}
        c.process.stdin.close()
        assert e.read()[0] == EOF
        e.send(BYE)
        assert c.process.wait(5) == 0
        e.drop()
        e.close()


def test_request_that_kills_engines_is_given_up():
    with World() as w:
        e = FakeEngine(w)
        c = w.client()
        e.accept()
        ping = c.request("ping")
        seq = e.read()[2]
        e.answer(seq, ping)
        c.wait(ping)
        poison = c.request("tools/call", {"name": "poison"})
        for _ in range(3):
            assert e.read()[0] == MESSAGE
            e.drop()
            e.accept()
        answer = c.wait(poison)
        assert answer["error"]["code"] == -32603 and "three times" in answer["error"]["message"], answer
        report(answer["error"]["message"])
        ping = c.request("ping")
        e.answer(e.read()[2], ping)
        assert "result" in c.wait(ping)
        c.kill()
        e.close()


def test_engine_that_talks_nonsense():
    with World() as w:
        e = FakeEngine(w)
        c = w.client()
        e.accept()
        c.request("ping")
        e.read()
        e.connection.sendall(b"\xff" * 4096)
        e.accept()
        type, flags, seq, _ = e.read()
        assert flags == REPLAY
        e.answer(seq, 1)
        assert "result" in c.wait(1)
        c.kill()
        e.close()


def test_engines_that_always_end_are_not_started_for_ever():
    with World() as w:
        e = FakeEngine(w)
        c = w.client(stderr=subprocess.DEVNULL)
        accepted = 0
        e.listener.settimeout(4)
        try:
            while accepted < 50:
                e.accept()
                accepted += 1
                e.drop()
        except (TimeoutError, socket.timeout, EOFError):
            pass
        report("%d connections to an engine that always ends" % accepted)
        assert accepted < 20
        c.kill()
        e.close()


def test_oversized_message_is_told_again():
    with World() as w:
        e = FakeEngine(w)
        c = w.client()
        e.accept()
        data = b'{"jsonrpc":"2.0","id":"big","method":"ping","params":{"x":"' + b"x" * (5 << 20) + b'"}}\n'
        c.send(data)
        for flags in (0, REPLAY):
            type, got, seq, body = e.read()
            assert (type, got, seq) == (OVERSIZE, flags, 1), (type, got, seq)
            assert struct.unpack("<Q", body[:8])[0] == len(data) - 1
            assert body[8:] == data[:len(body) - 8]
            e.drop()
            e.accept()
        c.kill()
        e.close()


def test_client_that_does_not_read():
    with World() as w:
        fast = w.client()
        fast.initialize()
        slow = w.client(read=False)
        data = b"".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/list",
                                    "params": {"_meta": MODERN}}).encode() + b"\n" for i in range(6000))

        def write():
            try:
                slow.send(data)
            except OSError:
                pass
        writer = threading.Thread(target=write)
        writer.start()
        times = []
        for _ in range(100):
            begin = time.monotonic()
            assert "result" in fast.call("ping")
            times.append((time.monotonic() - begin) * 1000)
            time.sleep(0.005)
        engine = rss_kb(w.engine_pid(), "VmHWM") / 1024
        front = rss_kb(slow.process.pid, "VmHWM") / 1024
        report("beside a stalled reader: other client's worst ping %.1f ms; peak RSS engine %.0f MB, front end %.0f MB" %
               (max(times), engine, front))
        if SLOW < 10:
            assert engine < 15 + 8 + 30 and front < 4 + 16, (engine, front)
        # It reads after all, and gets every answer, though the engine changes in between.
        os.kill(w.engine_pid(), signal.SIGKILL)
        seen = set()
        held = b""
        fd = slow.process.stdout.fileno()
        while len(seen) < 6000:
            chunk = os.read(fd, 1 << 20)
            assert chunk, "ended after %d answers" % len(seen)
            held += chunk
            *lines, held = held.split(b"\n")
            seen.update(json.loads(line)["id"] for line in lines)
        writer.join()
        slow.kill()


if __name__ == "__main__":
    main(globals())
