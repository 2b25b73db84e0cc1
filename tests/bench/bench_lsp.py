#!/usr/bin/env python3
"""Language servers side by side, in one run: a minimal one in C (the floor), paired, clangd, Copilot's.

    bench_lsp.py PAIRED FLOOR [--clangd=clangd] [--copilot=FOLDER of @github/copilot-language-server] [--rounds=3]
                 [--workspace=FOLDER]

Times in milliseconds as a client sees them, medians over rounds in which the servers take turns; CPU time of the server's
processes where "work" is meant (of Copilot's: of the launcher alone; its server is a child). What a server does not offer is left out. Judge on a quiet machine: the load is printed."""
import json
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CLOCK = os.sysconf("SC_CLK_TCK")


def frame(message):
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


class Server:
    def __init__(self, argv, env, cwd):
        self.env = env
        self.begun = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env=env, cwd=cwd, bufsize=0)
        self.held = b""
        self.id = 0
        self.last = {}  # diagnostics by URI: (version, list)
        os.set_blocking(self.process.stdout.fileno(), False)

    def send(self, data):
        view = memoryview(data)
        out, into = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(out, False)
        while view:  # both directions: a server may stop reading until it is read
            readable, writable, _ = select.select([into], [out], [], 60)
            if readable:
                self.take()
            if writable:
                view = view[os.write(out, view[:1 << 18]):]

    def take(self):
        chunk = os.read(self.process.stdout.fileno(), 1 << 20)
        if not chunk:
            raise EOFError("the server has ended")
        self.held += chunk

    def message(self, timeout):
        end = time.monotonic() + timeout
        while True:
            at = self.held.find(b"\r\n\r\n")
            if at >= 0:
                n = next(int(h.split(b":")[1]) for h in self.held[:at].split(b"\r\n") if h.lower().startswith(b"content-length"))
                if len(self.held) >= at + 4 + n:
                    body, self.held = self.held[at + 4:at + 4 + n], self.held[at + 4 + n:]
                    return json.loads(body)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError("nothing came within %g s" % timeout)
            self.take()

    def handle(self, m):
        if "method" in m and "id" in m:
            result = [None] * len(m["params"]["items"]) if m["method"] == "workspace/configuration" else None
            self.send(frame({"jsonrpc": "2.0", "id": m["id"], "result": result}))
        elif m.get("method") == "textDocument/publishDiagnostics":
            self.last[m["params"]["uri"]] = (m["params"].get("version"), m["params"]["diagnostics"])

    def request(self, method, params):
        self.id += 1
        return frame({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})

    def answer(self, timeout=60):
        while True:
            m = self.message(timeout)
            if m.get("id") == self.id and "method" not in m:
                return m
            self.handle(m)

    def call(self, method, params, timeout=60):
        self.send(self.request(method, params))
        return self.answer(timeout)

    def notify(self, method, params):
        self.send(frame({"jsonrpc": "2.0", "method": method, "params": params}))

    def until(self, test, timeout=60):
        while not test():
            self.handle(self.message(timeout))

    def initialize(self, root, options=None):
        m = self.call("initialize", {
            "processId": os.getpid(), "rootUri": "file://" + root, "clientInfo": {"name": "bench", "version": "1"},
            "workspaceFolders": [{"uri": "file://" + root, "name": "w"}], "initializationOptions": options or {},
            "capabilities": {"workspace": {"configuration": True}, "textDocument": {
                "publishDiagnostics": {"versionSupport": True}, "inlineCompletion": {},
                "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
                "hover": {"contentFormat": ["markdown"]}}}})
        took = (time.monotonic() - self.begun) * 1000
        self.offers = m["result"]["capabilities"]
        self.notify("initialized", {})
        return took

    def open(self, uri, text, language="c"):
        self.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}})

    def change(self, uri, version, line, character, text, end=None):
        return frame({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
            "textDocument": {"uri": uri, "version": version}, "contentChanges": [
                {"range": {"start": {"line": line, "character": character},
                           "end": {"line": line, "character": character if end is None else end}}, "text": text}]}})

    def memory_kb(self, pid=None, field="VmRSS"):
        try:
            with open("/proc/%d/status" % (pid or self.process.pid)) as f:
                return next((int(line.split()[1]) for line in f if line.startswith(field)), 0)
        except OSError:
            return 0

    def end(self):
        try:
            self.call("shutdown", None, 10)
            self.notify("exit", None)
            self.process.wait(10)
        except (OSError, EOFError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Kind:
    def __init__(self, name, argv, options=None, engine=None, env=None):
        self.name, self.argv, self.options, self.engine, self.env = name, argv, options, engine, env
        self.rows = {}

    def note(self, row, value):
        self.rows.setdefault(row, []).append(value)

    def start(self, root):
        return Server(self.argv, self.env, root)

    def cpu_ms(self, server):
        """Of the server's process and, of paired, of the engine it talks to."""
        total = 0
        for pid in filter(None, (server.process.pid, self.engine and self.engine())):
            with open("/proc/%d/stat" % pid) as f:
                fields = f.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total * 1000 / CLOCK


# A third of the functions have something to be found in them.
FUNCTION = """// Adds what stands in the list to the total.
static int sum_of_%(n)d(const int *list, int count) {
    int total = 0;
    for (int i = 0; i < count; i++) {
        if (list[i] > %(n)d)
            total += list[i];
    }
%(more)s    return total;
}

"""


def c_file(lines):
    out, n = ["#include <stddef.h>\n\n"], 0
    while sum(map(len, out)) and n * 10 < lines:
        out.append(FUNCTION % {"n": n, "more": "    if (total == total)\n        total++;\n" if n % 50 == 0 else ""})
        n += 1
    return "".join(out)


def workspace(root, megabytes):
    """C files of together so many MB, with git around them."""
    size = number = 0
    while size < megabytes << 20:
        folder = os.path.join(root, "part%02d" % (number // 50))
        os.makedirs(folder, exist_ok=True)
        text = c_file(400).replace("sum_of_", "sum_%d_of_" % number)
        with open(os.path.join(folder, "file%04d.c" % number), "w") as f:
            f.write(text)
        size += len(text)
        number += 1
    for argv in (["init", "-q"], ["add", "-A"], ["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "all"]):
        subprocess.run(["git", *argv], cwd=root, check=True, stdout=subprocess.DEVNULL)


def measure_start(kind, root):
    for _ in range(5):
        s = kind.start(root)
        kind.note("start to initialize, ms", s.initialize(root, kind.options))
        s.end()


def latency(kind, s, row, method, params, count, wanted=None):
    params = [params(i) for i in range(count)]
    s.call(method, params[0])
    times, before = [], kind.cpu_ms(s)
    for p in params:
        data = s.request(method, p)
        begun = time.monotonic()
        s.send(data)
        m = s.answer()
        times.append((time.monotonic() - begun) * 1000)
        if wanted and not wanted(m.get("result")):
            kind.note(row + ": empty", 1)
    kind.note(row + " p50, ms", percentile(times, .5))
    kind.note(row + " p99, ms", percentile(times, .99))
    kind.note("… work of one, ms of CPU (%s)" % row, (kind.cpu_ms(s) - before) / count)


def warm(kind, s):
    """Until nothing is read in the background any more."""
    for _ in range(600):
        if kind.name != "paired" or not s.call("workspace/executeCommand", {"command": "paired.status"})[
                "result"]["index"]["busy"]:
            break
        time.sleep(.1)
    time.sleep(1)


def measure_latency(kind, root):
    s = kind.start(root)
    s.initialize(root, kind.options)
    path = os.path.join(root, "part00", "file0003.c")
    with open(path) as f:
        text = f.read()
    uri = "file://" + path
    s.open(uri, text)
    places = [i for i, line in enumerate(text.split("\n")) if line.startswith("static int sum_")]
    where = lambda i: {"textDocument": {"uri": uri}, "position": {"line": places[i % len(places)], "character": 14}}
    if s.offers.get("hoverProvider"):
        end = time.monotonic() + 30  # warm: index and history are read
        while time.monotonic() < end:
            m = s.call("textDocument/hover", where(0))
            if m.get("result"):
                break
            time.sleep(.1)
        warm(kind, s)
        latency(kind, s, "hover", "textDocument/hover", where, 500, bool)
    if s.offers.get("codeLensProvider"):
        s.call("textDocument/codeLens", {"textDocument": {"uri": uri}})
        latency(kind, s, "lens", "textDocument/codeLens", lambda i: {"textDocument": {"uri": uri}}, 300)
    if s.offers.get("codeActionProvider"):
        latency(kind, s, "action", "textDocument/codeAction", lambda i: {
            "textDocument": {"uri": uri}, "context": {"diagnostics": []},
            "range": {"start": where(i)["position"], "end": where(i)["position"]}}, 500)
    if "inlineCompletionProvider" in s.offers and kind.name == "paired":
        begun = [places[i] + 2 for i in range(len(places))]
        latency(kind, s, "inline completion", "textDocument/inlineCompletion", lambda i: {
            "textDocument": {"uri": uri}, "context": {"triggerKind": 2},
            "position": {"line": begun[i % len(begun)], "character": 17}}, 300)
    latency(kind, s, "unknown method", "bench/none", lambda i: {}, 500)
    s.end()


def measure_letter(kind, root):
    """A letter in 10,000 lines until the diagnostics of that version are there: time, and work of all processes."""
    s = kind.start(root)
    s.initialize(root, kind.options)
    text = c_file(10000)
    uri = "file://" + os.path.join(root, "part00", "letters.c")
    s.open(uri, text)
    try:
        s.until(lambda: uri in s.last, 30)
    except TimeoutError:
        s.end()  # gives none
        return
    time.sleep(.5)
    line = text[:text.index("sum_of_0(")].count("\n") + 1
    version, times, before, rounds = 1, [], kind.cpu_ms(s), 20
    for i in range(rounds):
        version += 1
        # A finding comes and goes, so that something new is published.
        edit = s.change(uri, version, line, 4, "; if (1 == 1) ;" if i % 2 == 0 else "", 4 if i % 2 == 0 else 19)
        begun = time.monotonic()
        s.send(edit)
        s.until(lambda: s.last[uri][0] == version, 30)
        times.append((time.monotonic() - begun) * 1000)
    kind.note("letter in 10,000 lines to diagnostics p50, ms", percentile(times, .5))
    kind.note("… work of a letter, ms of CPU", (kind.cpu_ms(s) - before) / rounds)
    s.end()


def measure_edits(kind, root):
    s = kind.start(root)
    s.initialize(root, kind.options)
    uri = "file://" + os.path.join(root, "part00", "edits.c")
    s.open(uri, "".join("int v%05d = 1; // a line of a file, about forty\n" % i for i in range(10000)))
    s.call("bench/none", {})
    time.sleep(1)
    edits = b"".join(s.change(uri, i + 2, 5000, 20 + i % 50, "x") for i in range(5000))
    ask = s.request("textDocument/hover" if s.offers.get("hoverProvider") else "bench/none", {
        "textDocument": {"uri": uri}, "position": {"line": 5000, "character": 5}})
    begun, before = time.monotonic(), kind.cpu_ms(s)
    s.send(edits + ask)
    s.answer(200)
    kind.note("5,000 edits, then a request, ms", (time.monotonic() - begun) * 1000)
    kind.note("… work of them, ms of CPU", kind.cpu_ms(s) - before)
    kind.note("memory after it, MB", s.memory_kb() / 1024)
    s.end()


def measure_large(kind, root):
    other = "int x%07d; /* ä𝄞 \\ \" */\n"
    for row, line, escaped in (("10 MB of ASCII", "int x%07d; /* a line \\ \" */\n", False), ("10 MB, not ASCII", other, False),
                               ("10 MB, not ASCII, escaped", other, True)):
        text = "".join(line % i for i in range((10 << 20) // len((line % 0).encode())))
        s = kind.start(root)
        s.initialize(root, kind.options)
        uri = "file://" + os.path.join(root, "part00", "large.c")
        body = json.dumps({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {
            "textDocument": {"uri": uri, "languageId": "c", "version": 1, "text": text}}}, ensure_ascii=escaped).encode()
        data = b"Content-Length: %d\r\n\r\n" % len(body) + body
        data += s.change(uri, 2, 1000, 0, "long", 3) + s.request("bench/none", {})
        begun, before = time.monotonic(), kind.cpu_ms(s)
        s.send(data)
        s.answer(120)
        kind.note(row + " opened, edited, answered, ms", (time.monotonic() - begun) * 1000)
        kind.note("… work of it, ms of CPU (%s)" % row, kind.cpu_ms(s) - before)
        kind.note(row + ": largest memory of what the editor started, MB", s.memory_kb(field="VmHWM") / 1024)
        if kind.engine and kind.engine():
            kind.note(row + ": … and of the engine, MB", s.memory_kb(kind.engine(), "VmHWM") / 1024)
        s.end()


def load():
    return open("/proc/loadavg").read().split()[0]


def main():
    rest = [a for a in sys.argv[1:] if not a.startswith("--")]
    flags = dict(a[2:].partition("=")[::2] for a in sys.argv[1:] if a.startswith("--"))
    paired, floor = os.path.abspath(rest[0]), os.path.abspath(rest[1])
    base = tempfile.mkdtemp(prefix="bench-lsp-")
    home = os.path.join(base, "home")
    profile = os.path.join(base, "p")
    os.mkdir(home)
    os.mkdir(profile, 0o700)
    env = {"PATH": os.environ["PATH"], "HOME": home, "PAIRED_PROFILE": profile, "LANG": "C.UTF-8"}
    root = flags.get("workspace")
    if not root:
        root = os.path.join(base, "w")
        os.mkdir(root)
        workspace(root, 10)

    pid = []  # of the engine, once it runs

    def engine_once():
        return pid[0] if pid else None

    off = {"quiet": {"enable": False}, "lens": {"enable": True}}
    kinds = [Kind("floor", [floor], env=env), Kind("paired", [paired, "lsp"], off, engine_once, env)]
    clangd = flags.get("clangd", "clangd")
    if shutil.which(clangd):
        kinds.append(Kind("clangd", [clangd, "--background-index=false", "-j=2"], env=env))
    if flags.get("only"):
        kinds = [k for k in kinds if k.name in flags["only"].split(",") + ["paired"]]
    if "copilot" in flags:
        kinds.append(Kind("copilot", ["node", os.path.join(flags["copilot"], "dist/language-server.js"), "--stdio"], env=env))
    print("load %s before" % load())
    keeper = kinds[1].start(root)  # as an editor that is open: the engine runs
    keeper.initialize(root, off)
    pid.append(keeper.call("workspace/executeCommand", {"command": "paired.status"})["result"]["engine"]["pid"])
    for _ in range(int(flags.get("rounds", 3))):
        for what in (measure_start, measure_latency, measure_letter, measure_edits, measure_large):
            for kind in kinds:
                begun = time.monotonic()
                try:
                    what(kind, root)
                    if "verbose" in flags:
                        print("%s, %s: %.1f s" % (kind.name, what.__name__, time.monotonic() - begun), flush=True)
                except (EOFError, TimeoutError, OSError) as e:
                    print("%s, %s: %s" % (kind.name, what.__name__, e))
    keeper.end()
    rows = []
    for kind in kinds:
        rows += [r for r in kind.rows if r not in rows]
    width = max(map(len, rows))
    print("%-*s %s" % (width, "median of %s rounds" % flags.get("rounds", 3), "".join("%12s" % k.name for k in kinds)))
    for row in rows:
        print("%-*s %s" % (width, row, "".join(
            "%12.3g" % statistics.median(k.rows[row]) if row in k.rows else "%12s" % "-" for k in kinds)))
    print("load %s after" % load())
    subprocess.run([paired, "stop"], env=env, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
