"""A small LSP client on pipes, for the tests of the language server: framing, requests, notifications, what the
server asks, positions in three encodings. Standard library only. See process_lib for World."""
import contextlib
import json
import os
import signal
import subprocess
import threading
import time

from process_lib import SLOW


class LspError(Exception):
    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.code = error["code"]
        self.error = error


def frame(message, extra=b""):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def units(text, encoding):
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return sum(2 if ord(c) > 0xFFFF else 1 for c in text) if encoding == "utf-16" else len(text)


def position(text, index, encoding="utf-16"):
    """Of the character `index` of a text whose lines end with \\n."""
    start = text.rfind("\n", 0, index) + 1
    return {"line": text.count("\n", 0, index), "character": units(text[start:index], encoding)}


class Lsp:
    """One editor. A thread reads. What the server asks is answered by `handlers[method](params)`, else by null."""

    def __init__(self, world, *argv, program=None, cwd=None, env=None, handlers=None, **options):
        from process_lib import PAIRED
        self.world = world
        self.gathered = None
        self.process = subprocess.Popen([program or PAIRED, *(argv or ("lsp",))], env=env or world.env,
                                        cwd=cwd or world.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, bufsize=0, **options)
        self.handlers = {"workspace/configuration": lambda p: [None] * len(p["items"]), **(handlers or {})}
        self.lock = threading.Condition()
        self.writing = threading.Lock()  # the thread that reads answers the server, too; large messages go in pieces
        self.answers = {}
        self.notifications = []  # (time, method, params)
        self.asked = []          # (time, method, params) of the server's requests
        self.noise = b""
        self.stderr = b""
        self.eof = False
        self.next_id = 0
        world.clients.append(self)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._drain, daemon=True).start()

    # --- wire
    def _drain(self):
        while chunk := self.process.stderr.read(4096):
            self.stderr += chunk

    def _read(self):
        held = b""
        fd = self.process.stdout.fileno()
        while True:
            chunk = os.read(fd, 1 << 20)
            now = time.monotonic()
            if not chunk:
                break
            held += chunk
            while True:
                end = held.find(b"\r\n\r\n")
                if end < 0:
                    break
                head = held[:end].decode()
                if not head.startswith("Content-Length: "):
                    self.noise += held
                    held = b""
                    break
                n = int(head[16:])
                if len(held) < end + 4 + n:
                    break
                body, held = held[end + 4:end + 4 + n], held[end + 4 + n:]
                self._take(json.loads(body), now)
        with self.lock:
            self.noise += held
            self.eof = True
            self.lock.notify_all()

    def _take(self, m, now):
        reply = None
        with self.lock:
            if "method" in m and "id" in m:
                self.asked.append((now, m["method"], m.get("params")))
                handler = self.handlers.get(m["method"])
                reply = handler(m.get("params")) if handler else None
            elif "method" in m:
                self.notifications.append((now, m["method"], m.get("params")))
            else:
                self.answers.setdefault(json.dumps(m["id"]), []).append((now, m))
            self.lock.notify_all()
        if "method" in m and "id" in m and reply is not Ellipsis:
            self.send({"jsonrpc": "2.0", "id": m["id"], "result": reply})

    def raw(self, data):
        view = memoryview(data)
        with self.writing:
            while view:
                view = view[os.write(self.process.stdin.fileno(), view):]

    def send(self, message):
        if self.gathered is not None:
            self.gathered.append(frame(message))
            return
        try:
            self.raw(frame(message))
        except BrokenPipeError:
            pass

    @contextlib.contextmanager
    def together(self):
        """What is said within arrives in one piece, faster than anything can be answered."""
        self.gathered = []
        yield
        frames, self.gathered = self.gathered, None
        self.raw(b"".join(frames))

    # --- calls
    def post(self, method, params=None):
        self.next_id += 1
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        return self.next_id

    def wait(self, number, timeout=10):
        """The whole response."""
        key = json.dumps(number)
        deadline = time.monotonic() + timeout * SLOW
        with self.lock:
            while key not in self.answers:
                left = deadline - time.monotonic()
                if left <= 0 or self.eof:
                    raise TimeoutError("no answer to %s; stderr: %s" % (key, self.stderr.decode()))
                self.lock.wait(left)
            return self.answers[key][-1][1]

    def result(self, number, timeout=10):
        m = self.wait(number, timeout)
        if "error" in m:
            raise LspError(m["error"])
        return m["result"]

    def call(self, method, params=None, timeout=10):
        return self.result(self.post(method, params), timeout)

    def error(self, method, params=None):
        try:
            result = self.call(method, params)
        except LspError as e:
            return e.code
        raise AssertionError("%s was answered: %r" % (method, result))

    def notify(self, method, params=None):
        message = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)

    def until(self, test, timeout=10):
        """Waits until test() is true; gives its value."""
        deadline = time.monotonic() + timeout * SLOW
        ended = False
        with self.lock:
            while True:
                value = test()
                if value:
                    return value
                if self.eof:  # what it said last on stderr is read by another thread
                    deadline = min(deadline, time.monotonic() + 2 * SLOW) if not ended else deadline
                    ended = True
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError("waited in vain; stderr: %s" % self.stderr.decode())
                self.lock.wait(min(left, 0.05) if ended else left)

    # --- a session
    def initialize(self, folder=None, capabilities=None, initialized=True, **params):
        root = folder or self.world.dir
        self.welcome = self.call("initialize", {
            "processId": os.getpid(), "clientInfo": {"name": "test", "version": "1"}, "rootUri": "file://" + root,
            "workspaceFolders": [{"uri": "file://" + root, "name": "w"}], "capabilities": capabilities or {}, **params})
        self.encoding = self.welcome["capabilities"].get("positionEncoding", "utf-16")
        if initialized:
            self.notify("initialized", {})
        return self.welcome

    def open(self, uri, text, language="c", version=1):
        self.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": language, "version": version,
                                                              "text": text}})

    def change(self, uri, version, *changes):
        """Each change: whole text, or (start index or position, end, new text) with positions."""
        out = []
        for c in changes:
            out.append({"text": c} if isinstance(c, str) else
                       {"range": {"start": c[0], "end": c[1]}, "text": c[2]})
        self.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version},
                                               "contentChanges": out})

    def close_document(self, uri):
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def published(self, uri):
        """The last diagnostics of a document: (params, time), or None."""
        for at, method, params in reversed(self.notifications):
            if method == "textDocument/publishDiagnostics" and params["uri"] == uri:
                return params, at
        return None

    def diagnostics(self, uri, test=lambda d: True, timeout=10):
        """Waits until what is published for the document satisfies the test."""
        def good():
            found = self.published(uri)
            return found if found and test(found[0]["diagnostics"]) else None
        return self.until(good, timeout)[0]["diagnostics"]

    def leave(self):
        """shutdown, exit; the exit code."""
        self.call("shutdown")
        self.notify("exit")
        return self.end()

    def end(self, timeout=10):
        try:
            return self.process.wait(timeout * SLOW)
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for pipe in (self.process.stdin, ):
            try:
                pipe.close()
            except OSError:
                pass

    def rss_kb(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith("VmRSS"):
                    return int(line.split()[1])
        return 0
