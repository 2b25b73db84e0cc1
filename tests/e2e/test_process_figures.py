"""Figures of the processes: time to the first answer, cost of the hop, memory and wake-ups when idle. What a sanitizer
or a busy machine distorts is printed only; sizes are asserted in builds without sanitizers."""
import json
import os
import subprocess
import time

from process_lib import PAIRED, SAN, SLOW, Skip, World, main, percentile, report, rss_kb, wait_until

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


class Raw:
    """A front end driven without a thread: the measuring costs as little as Python allows."""

    def __init__(self, w, *argv):
        self.begin = time.perf_counter()
        self.process = subprocess.Popen([PAIRED, *(argv or ("mcp",))], env=w.env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, close_fds=False)
        self.into, self.out = self.process.stdin.fileno(), self.process.stdout.fileno()

    def ping(self):
        os.write(self.into, PING)
        answer = os.read(self.out, 65536)
        assert answer.endswith(b'"result":{}}\n'), answer

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


def test_first_answer():
    with World() as w:
        cold = []
        for _ in range(5):
            c = Raw(w)
            c.ping()
            cold.append((time.perf_counter() - c.begin) * 1000)
            pid = w.engine_pid()
            c.end()
            os.kill(pid, 15)
            wait_until(lambda: not w.engine_pid(), 10, "engine still there")
        keep = Raw(w)
        keep.ping()
        warm = []
        for _ in range(50):
            c = Raw(w)
            c.ping()
            warm.append((time.perf_counter() - c.begin) * 1000)
            c.end()
        # What the same costs for the smallest program there is.
        floor = []
        for _ in range(50):
            begin = time.perf_counter()
            p = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                 close_fds=False)
            os.write(p.stdin.fileno(), PING)
            os.read(p.stdout.fileno(), 100)
            floor.append((time.perf_counter() - begin) * 1000)
            p.stdin.close()
            p.wait()
            p.stdout.close()
        keep.end()
        report("spawn to first answer ms, median: engine running %.2f, engine to start %.1f, cat %.2f" %
               (percentile(warm, .5), percentile(cold, .5), percentile(floor, .5)))
        assert percentile(warm, .5) < 3 * SLOW and percentile(cold, .5) < 50 * SLOW


def latency(c, count):
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        c.ping()
        times.append((time.perf_counter() - begin) * 1e6)
    return times


def test_hop():
    with World() as w:
        c = Raw(w)
        c.ping()
        latency(c, 500)
        times = latency(c, 5000)
        p = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, close_fds=False)
        floor = []
        for _ in range(5000):
            begin = time.perf_counter()
            os.write(p.stdin.fileno(), PING)
            os.read(p.stdout.fileno(), 100)
            floor.append((time.perf_counter() - begin) * 1e6)
        p.stdin.close()
        p.wait()
        c.end()
        report("ping through front end and engine us: p50 %.0f p99 %.0f; cat p50 %.0f p99 %.0f" %
               (percentile(times, .5), percentile(times, .99), percentile(floor, .5), percentile(floor, .99)))


def switches(pid):
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/status" % (pid, task)) as f:
                total += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
        except OSError:
            pass
    return total


def test_idle():
    with World() as w:
        c = w.client()
        c.initialize()
        for i in range(200):
            assert "result" in c.tool("remember", {"text": "note number %d about something" % i})
        assert "result" in c.tool("recall", {"query": "something"})
        time.sleep(0.5)
        engine, front = w.engine_pid(), c.process.pid
        before = switches(engine), switches(front)
        seconds = 5
        time.sleep(seconds)
        woken = [(b - a) / seconds for a, b in zip(before, (switches(engine), switches(front)))]
        report("idle: engine %.1f MB (%.1f anonymous), %.1f wake-ups/s; front end %.1f MB (%.2f anonymous), %.1f wake-ups/s" %
               (rss_kb(engine) / 1024, rss_kb(engine, "RssAnon") / 1024, woken[0], rss_kb(front) / 1024,
                rss_kb(front, "RssAnon") / 1024, woken[1]))
        # TSan has a thread of its own that wakes ten times a second.
        if os.environ.get("PAIRED_TEST_SANITIZER") != "thread":
            assert woken[0] <= 2 and woken[1] <= 1, woken
        if not SAN:
            assert rss_kb(engine) <= 15 * 1024 and rss_kb(front) <= 4 * 1024


def test_memory_does_not_grow():
    def load(w, c):
        latency(c, 20000 if not SAN else 5000)
        for _ in range(100):  # sessions that come and go
            d = Raw(w)
            d.ping()
            d.end()

    with World() as w:
        c = Raw(w)
        # What a load needs once (queues at their fullest, code that is paged in) is no growth: the same load again tells.
        load(w, c)
        engine, front = w.engine_pid(), c.process.pid
        before = rss_kb(engine, "RssAnon"), rss_kb(front, "RssAnon")
        load(w, c)
        grown = rss_kb(engine, "RssAnon") - before[0], rss_kb(front, "RssAnon") - before[1]
        report("growth after 20,000 calls and 100 sessions kB: engine %d, front end %d" % grown)
        fds = len(os.listdir("/proc/%d/fd" % front))
        assert SAN or (grown[0] < 512 and grown[1] < 128), grown
        assert fds < 24, fds
        c.end()


def test_status_shows_the_engine():
    with World() as w:
        c = w.client()
        c.initialize()
        p = w.run("status", "--json")
        status = json.loads(p.stdout)
        assert str(w.engine_pid()) in json.dumps(status), status


def test_stdout_carries_nothing_but_protocol():
    with World(PAIRED_LOG_LEVEL="debug") as w:
        c = w.client()
        c.initialize()
        for i in range(300):
            c.request(("ping", "tools/list", "no/such", "resources/list")[i % 4])
            if i % 50 == 0:
                c.send(b"{nonsense\n")
            if i == 150:
                os.kill(w.engine_pid(), 9)
        c.call("ping")
        assert c.end() == 0
        assert not c.noise, c.noise[:3]


if __name__ == "__main__":
    main(globals())
