"""Backends that fail while programs ask the gateway: nothing is lost, no tool is called twice, no stream is malformed.

`--faults=N` injects so many (100 when nothing is said), `--seed=N` chooses which; `--strict` also asserts the time from an
error that was read to the next attempt, which a loaded machine cannot promise. The requests, and where each answer is cut,
follow from the seed alone: `--case=N` asks only that one (`--times=N` times). What was not survived is told whole, with the
command that does it again, and is kept in a file: what was injected and when, what the client saw, what the engine says of
that request (`paired why`) and what it logged meanwhile."""
import collections
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import oracle
import process_lib as p
from faulty import FAMILIES, FAULTS, HARMLESS, Answer, Faulty

CLIENTS = ("anthropic", "chat", "responses")
PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
WORDS = ("the", "parser", "reads", "a", "line,", "then", "returns", "ÄÖ", "→", "`x = y`", "\n", "\n\n", "    ", "and", "so",
         "on.", "12", "if (n > 0)", "{", "}", "\t", "It", "is", "done;", "日本", "\"quoted\"", "back\\slash")


def group_of_backends(n):
    """Which families stand behind one folder, and how the ones that may go on with an answer do it."""
    turn = n % len(FAMILIES)
    families = [FAMILIES[turn], FAMILIES[(turn + 1) % 4], FAMILIES[(turn + 1 + n // 4) % 4]]
    return list(zip(families, ("exact", "overlap" if n % 3 == 1 else "exact", "again" if n % 3 == 2 else "exact")))


class Group:
    def __init__(self, world, n, answers, faults, seed):
        self.world, self.folder = world, os.path.join(world.dir, "w%d" % n)
        os.mkdir(self.folder)
        self.backends = [Faulty(f, answers, faults, "%s/%d/%d" % (seed, n, i), how)
                         for i, (f, how) in enumerate(group_of_backends(n))]
        for i, b in enumerate(self.backends):
            b.name = name = "g%db%d" % (n, i)
            self.paired("backends", "add", name, "--family", b.family, "--url", b.url, "--model", "m", "--key-stdin",
                        input=b"sk-secret-of-%s\n" % name.encode())
            self.paired("consent", "grant", name, "--yes")
        self.holder = subprocess.Popen(
            [p.PAIRED, "gateway", "run", "--", "sh", "-c", "echo $ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN; cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=world.env, cwd=self.folder)
        base, self.token = self.holder.stdout.readline().decode().split()
        self.port = int(base.rsplit(":", 1)[1])

    def paired(self, *argv, input=b""):
        r = subprocess.run([p.PAIRED, *argv], input=input, env=self.world.env, cwd=self.folder, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert r.returncode == 0, (argv, r.returncode, r.stdout, r.stderr)
        return r.stdout.decode()

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(20)
        for b in self.backends:
            b.close()


def request_of(case, family, stream, tools):
    said = "case %d" % case
    if family == "responses":
        body = {"model": "m", "input": said, "stream": stream}
    else:
        body = {"model": "m", "max_tokens": 1000, "messages": [{"role": "user", "content": said}], "stream": stream}
    if tools:
        schema = {"type": "object", "properties": {"path": {"type": "string"}}}
        body["tools"] = [{"anthropic": {"name": "write", "input_schema": schema},
                          "chat": {"type": "function", "function": {"name": "write", "parameters": schema}},
                          "responses": {"type": "function", "name": "write", "parameters": schema}}[family]]
    return body


def post(port, token, path, body):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        c.request("POST", path, json.dumps(body), {"x-api-key": token, "Content-Type": "application/json"})
        r = c.getresponse()
        route, data = r.headers.get("x-paired-route", ""), b""
        try:
            data = r.read()
        except http.client.IncompleteRead as e:  # the answer was cut without a word
            return r.status, route, e.partial, e
        return r.status, route, data, None
    finally:
        c.close()


class Case:
    def __init__(self, number, rng, faults):
        self.number, self.faults = number, faults
        self.family, self.stream = rng.choice(CLIENTS), rng.random() < 0.75
        self.tools = rng.random() < 0.4
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 120)))
        calls = [("call_%d_%d" % (number, k), "write", {"path": "f%d \"%s\"" % (k, rng.choice(WORDS))})
                 for k in range(rng.randrange(1, 3))] if self.tools else []
        self.answer = Answer("Case %d: %s" % (number, text), calls, "hm, " * rng.randrange(0, 4))


class Seen:
    """What the client had of it."""

    def __init__(self, case, group):
        self.case, self.group, self.begin = case, group, time.time()
        self.status = self.route = self.said = None
        self.data = b""
        self.why = self.ask()  # None when it is right
        self.end = time.time()

    def ask(self):
        case, group = self.case, self.group
        try:
            self.status, self.route, self.data, cut = post(
                group.port, group.token, PATHS[case.family],
                request_of(case.number, case.family, case.stream, case.tools))
        except (OSError, http.client.HTTPException) as e:
            return "lost: %r" % e
        if cut:
            return "lost: %r" % cut
        if self.status != 200:
            return "lost: status %d" % self.status
        try:
            self.said = oracle.read(case.family, case.stream, self.data)
        except oracle.Malformed as e:
            return "malformed: %s" % (e.args,)
        return judge(case, self.said)

    def delivered(self):
        return [i for i, _, _, complete in self.said.calls if complete] if self.said else []

    def story(self, log, again):
        """All that is known of it; the world is there still."""
        c, g = self.case, self.group
        at = lambda t: "%+8.3f s" % (t - self.begin)
        out = ["case %d, %s%s%s: %s" % (c.number, c.family, " stream" if c.stream else "", " tools" if c.tools else "",
                                        self.why or "a tool was delivered twice"),
               "  again: %s --case=%d" % (again, c.number),
               "  backends of its folder: " + ", ".join("%s %s, goes on %s" % (b.name, b.family, b.prefill)
                                                        for b in g.backends),
               "  meant: %s; asked at %s, answered %s" % (c.faults, stamp(self.begin), at(self.end)),
               "  right: text %r, thoughts %r, tools %s" % (c.answer.text, c.answer.thoughts, c.answer.tools)]
        for t, b, attempt, fault, begun, stream in sorted(
                (t, b.name, *rest) for b in g.backends for t, case, *rest in b.told if case == c.number):
            out.append("  %s %s, attempt %d there: %s%s%s" % (
                at(t), b, attempt, fault or "no fault", "" if stream else ", no stream",
                ", goes on after %r" % begun if begun else ""))
        out.append("  client: status %s, route %s, %d bytes:" % (self.status, self.route, len(self.data)))
        out += ["    %r" % line for line in clipped(self.data, 12000).splitlines()]
        if self.said:
            out.append("  read as: %s" % clipped(repr(vars(self.said)), 4000))
        if self.route:
            try:
                out += ["  why:"] + ["    " + line for line in g.paired("why", self.route).splitlines()]
            except (AssertionError, subprocess.SubprocessError) as e:
                out.append("  why: %s" % clipped(str(e), 500))
        lines = [x for x in log.splitlines() if stamp(self.begin - 0.05) <= x[:len(stamp(0))] <= stamp(self.end + 0.05)]
        out += ["  the engine's log meanwhile, %d lines:" % len(lines)] + ["    " + x for x in lines[:200]]
        return "\n".join(out)


def stamp(t):
    """As the log writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + ".%03d" % (int(t * 1000) % 1000)


def clipped(text, n):
    return text if len(text) <= n else text[:n // 2] + type(text)(b" ... " if isinstance(text, bytes) else " ... ") + text[-n // 2:]


def judge(case, said):
    """None when it is right."""
    wanted = [[i, n, args] for i, n, args in case.answer.tools]
    got = [[i, n, json.loads(args)] for i, n, args, complete in said.calls if complete and not said.error]
    if len(set(i for i, *_ in said.calls)) != len(said.calls):
        return "a tool twice: %s" % said.calls
    if said.error:
        if not case.answer.text.startswith(said.text):
            return "an error after wrong text: %r" % said.text
        if not said.calls and not said.thinking and not (said.thoughts and not said.text):
            return "an error where going on is permitted: %s" % said.error
        return None
    if said.text != case.answer.text:
        return "wrong text:\n%r\n%r" % (said.text, case.answer.text)
    if got != wanted:
        return "wrong calls: %s" % said.calls
    return None


def plans(seed):
    """Cases with one or two faults each, without end; every kind comes in turn."""
    rng, kinds, number = random.Random(seed), [], 1000
    while True:
        faults = []
        for _ in range(2 if rng.random() < 0.3 else 1):
            if not kinds:
                kinds = list(FAULTS)
                rng.shuffle(kinds)
            faults.append(kinds.pop())
        yield Case(number, rng, faults)
        number += 1


def batch(cases, count):
    out = []
    while sum(len(c.faults) for c in out) < count:
        out.append(next(cases))
    return out


def tell_wrong(bad, log, count, seed):
    again = "python3 -B tests/e2e/test_faults.py %s --faults=%d --seed=%s" % (FILE, count, seed)
    text = "\n".join(["seed %s, load %s, %d not survived; all of them again: %s" % (seed, os.getloadavg(), len(bad), again)] +
                     [s.story(log, again) for s in bad[:12]] +
                     ["the engine's last words:", *log.splitlines()[-60:]])
    fd, path = tempfile.mkstemp(prefix="faults-seed-%s-" % seed, suffix=".txt")
    with os.fdopen(fd, "w", errors="replace") as f:
        f.write(text + "\n")
    p.report(text.replace("\n", "\n      "))
    p.report("kept in " + path)


def run(count, seed, groups=8, at_once=12):
    cases, only = plans(seed), int(p.FLAGS.get("--case", "0"))
    answers, left, results = {}, {}, []
    hit = collections.Counter()

    def faults(case, _attempt):  # of all backends of a group together, in the order that they are asked
        if not left[case]:
            return None
        fault = left[case].pop(0)
        hit[fault] += 1
        return fault
    with p.World() as world:
        for key in ("models.first_byte_s", "models.stall_s"):  # a loaded machine stalls by itself
            r = world.run("config", "set", key, "1" if "--strict" in p.FLAGS else "4")
            assert r.returncode == 0, r.stderr
        gates = [Group(world, n, answers, faults, seed) for n in range(groups)]
        begin = time.monotonic()

        def ask(c):
            left[c.number] = list(c.faults)
            return Seen(c, gates[c.number % groups])
        with ThreadPoolExecutor(1 if only else at_once) as pool:
            while only or sum(hit.values()) < count and len(results) < 2 * count:  # a second fault is not met when the first ended or harmed nothing
                now = batch(cases, count - sum(hit.values())) if not only else \
                    [c for c in batch(cases, 1 << 14) if c.number == only] * int(p.FLAGS.get("--times", "1"))
                answers.update({c.number: c.answer for c in now})
                results += pool.map(ask, now)
                if only:
                    break
        took = time.monotonic() - begin
        log = world.log()
        delivered = collections.Counter(i for s in results for i in s.delivered()) if not only else {}
        twice = {i for i, n in delivered.items() if n > 1}
        bad = [s for s in results if s.why or twice.intersection(s.delivered())]
        wrong = sum(1 for s in bad if s.why)
        if bad:
            tell_wrong(bad, log, count, seed)
        for g in gates:
            g.close()
    switches = [float(t) for t in re.findall(r"is asked ([0-9.]+) ms after a failure", log)]
    errors = sum(1 for s in results if s.said and s.said.error)
    resumed = len(re.findall(r"it is gone on with", log))
    p.report("%d faults of %d kinds in %d requests, seed %s, %.1f s: %d lost or wrong, %d tools delivered twice, %d ended "
             "by an error that the design wants, %d gone on with" %
             (sum(hit.values()), len(hit), len(results), seed, took, wrong, len(twice), errors, resumed))
    p.report("from an error read to the next attempt: %d switches, p50 %.2f ms, p99 %.2f ms, most %.2f ms" %
             (len(switches), p.percentile(switches, .5), p.percentile(switches, .99), max(switches or [0])))
    assert not bad, "%d of %d requests, told above" % (len(bad), len(results))
    if not only:
        assert len(hit) == len(FAULTS), set(FAULTS) - set(hit)
        assert resumed > count // 50, resumed
    assert "sk-secret" not in log
    return switches


FILE = sys.argv[1] if len(sys.argv) > 1 else "PAIRED"


def test_faults_lose_nothing():
    switches = run(int(p.FLAGS.get("--faults", "100")), p.FLAGS.get("--seed", "1"))
    if "--strict" in p.FLAGS:
        assert max(switches or [0]) <= 50, max(switches)


if __name__ == "__main__":
    p.main(globals())
