"""What the tests of the processes share: a profile of their own, clients on real pipes, the engine from outside.

Standard library only. Each test file is a script: `test_x.py PAIRED [LATER]` runs its functions named test_* and ends
with 0, 1 (failed) or 77 (all skipped). `--only=NAME` picks some."""
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SAN = "ASAN_OPTIONS" in os.environ or os.environ.get("PAIRED_TEST_SLOW") == "1"
SLOW = 10 if SAN else 3  # factor on every time that is asserted: sanitizers, a busy machine


class Skip(Exception):
    pass


def args():
    rest = [a for a in sys.argv[1:] if not a.startswith("--")]
    flags = {a.split("=")[0]: a.partition("=")[2] or "1" for a in sys.argv[1:] if a.startswith("--")}
    return rest, flags


FILES, FLAGS = args()
PAIRED = os.path.abspath(FILES[0]) if FILES else ""
LATER = os.path.abspath(FILES[1]) if len(FILES) > 1 else os.path.join(
    os.path.dirname(os.path.dirname(PAIRED)), "later", "bin", "paired")


def report(text):
    print("      " + text, flush=True)


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0


def can_be_alone():
    """Whether a process can be put into a network of its own, where nothing it says reaches anybody."""
    return subprocess.run(["unshare", "-rn", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def only_alone(test_file):
    """Begins the test anew in a network of its own, which has nothing but its loopback."""
    if os.environ.get("PAIRED_TEST_ALONE") == "1":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:  # SIOCSIFFLAGS: IFF_UP, IFF_MULTICAST
            fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x1000))
        return
    if not can_be_alone():
        print("SKIP  %s: no network namespace is to be had, and nothing is sent to a real network"
              % os.path.basename(test_file))
        sys.exit(77)
    os.environ["PAIRED_TEST_ALONE"] = "1"
    os.execvp("unshare", ["unshare", "-rn", sys.executable, "-B", *sys.argv])


class World:
    """A profile in a temporary directory, and everything that was started in it."""

    def __init__(self, idle_ms=30000, **env):
        self.dir = tempfile.mkdtemp(prefix="pt-")
        os.chmod(self.dir, 0o755)
        self.profile = os.path.join(self.dir, "p")
        os.mkdir(self.profile, 0o700)
        keep = {k: v for k, v in os.environ.items()
                if k in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")}
        self.env = dict(keep, HOME=self.dir, PAIRED_PROFILE=self.profile, PAIRED_TEST_IDLE_MS=str(idle_ms),
                        # Not to be heard on this machine's network, and not to meet by chance.
                        PAIRED_FEDERATION_DISCOVERY="off")
        self.env.update(env)
        self.prefix = []  # of each command: ["unshare", "-rn"] keeps an engine's datagrams from the real network
        self.clients = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for c in self.clients:
            c.kill()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            pid = self.engine_pid()
            if pid in (0, os.getpid()):  # the latter: an engine of the test itself
                break
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            time.sleep(0.02)
        if exc[0] and exc[0] is not Skip:
            sys.stdout.write(self.log())
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def runtime(self):
        return os.path.join(self.profile, "run")

    @property
    def socket_path(self):
        return os.path.join(self.runtime, "s1")

    def engine_pid(self, path=None):
        """Of whoever serves the socket now; 0: nobody."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(2)
            try:
                s.connect(path or self.socket_path)
            except OSError:
                return 0
            return struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def log(self):
        text = ""
        for name in ("engine.log", "engine.stderr"):
            try:
                with open(os.path.join(self.profile, "state", "log", name), errors="replace") as f:
                    text += f.read()
            except OSError:
                pass
        return text

    def engines_started(self):
        return sum(" ready version=" in line for line in self.log().splitlines())

    def client(self, *argv, program=None, **options):
        c = Client(self, [program or PAIRED, *(argv or ("mcp",))], **options)
        self.clients.append(c)
        return c

    def run(self, *argv, program=None, input=b"", timeout=30, env=None):
        return subprocess.run([*self.prefix, program or PAIRED, *argv], env=env or self.env, input=input, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Client:
    """One MCP client on pipes. A thread reads, so that nothing is ever left in a pipe unread."""

    def __init__(self, world, argv, env=None, cwd=None, stderr=subprocess.PIPE, read=True, executable=None,
                 preexec=None):
        self.started = time.monotonic()
        self.process = subprocess.Popen(argv, env=env or world.env, cwd=cwd or world.dir, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=stderr, executable=executable,
                                        preexec_fn=preexec, bufsize=0)
        self.next_id = 0
        self.lock = threading.Condition()
        self.answers = {}
        self.notifications = []
        self.noise = []  # lines of stdout that are no JSON-RPC message
        self.eof = False
        if read:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        held = b""
        fd = self.process.stdout.fileno()
        while True:
            try:
                chunk = os.read(fd, 65536)
            except OSError:
                chunk = b""
            now = time.monotonic()
            with self.lock:
                if not chunk:
                    self.eof = True
                    self.lock.notify_all()
                    return
                held += chunk
                *lines, held = held.split(b"\n")
                for line in lines:
                    self._take(line, now)
                self.lock.notify_all()

    def _take(self, line, now):
        try:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
        except (ValueError, KeyError, TypeError, AssertionError):
            self.noise.append(line)
            return
        if "method" in message:
            self.notifications.append(message)
        else:
            self.answers.setdefault(json.dumps(message.get("id")), []).append((message, now))

    def send(self, message):
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view):]

    def request(self, method, params=None, id=None):
        self.next_id += 1
        id = self.next_id if id is None else id
        message = {"jsonrpc": "2.0", "id": id, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        return id

    def wait(self, id, timeout=30):
        key = json.dumps(id)
        end = time.monotonic() + timeout
        with self.lock:
            while key not in self.answers:
                left = end - time.monotonic()
                if left <= 0 or self.eof:
                    raise AssertionError("no answer to %s%s" % (key, " (end of output)" if self.eof else ""))
                self.lock.wait(left)
            return self.answers[key][0][0]

    def call(self, method, params=None, timeout=30):
        return self.wait(self.request(method, params), timeout)

    def initialize(self, timeout=30):
        answer = self.call("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                          "clientInfo": {"name": "process-test", "version": "1"}}, timeout)
        assert "result" in answer, answer
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def tool(self, name, arguments=None, timeout=30):
        return self.call("tools/call", {"name": name, "arguments": arguments or {}}, timeout)

    def end(self, timeout=10):
        """End of input, and the exit code."""
        self.process.stdin.close()
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for f in (self.process.stdin, self.process.stderr):
            if f and not f.closed:
                try:
                    f.close()
                except OSError:
                    pass


def rss_kb(pid, field="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition, timeout, what):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (timeout, what))
        time.sleep(0.005)


def main(tests):
    only = FLAGS.get("--only")
    ran = failed = 0
    for name, test in sorted(tests.items(), key=lambda t: getattr(t[1], "__code__", None) and
                             t[1].__code__.co_firstlineno or 0):
        if not name.startswith("test_") or not callable(test) or (only and only not in name):
            continue
        begin = time.monotonic()
        try:
            test()
            ran += 1
            print("ok    %s (%.1f s)" % (name, time.monotonic() - begin), flush=True)
        except Skip as why:
            print("SKIP  %s: %s" % (name, why), flush=True)
        except Exception:
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print("FAIL  %s" % name, flush=True)
    sys.exit(1 if failed else 0 if ran else 77)
