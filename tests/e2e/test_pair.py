"""Two engines in two profiles on one machine: the code, who the other is, what each may have, and every way it ends."""
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time

from process_lib import PAIRED, SLOW, World, main
from test_cli import FAILED, OK, USAGE, data, run

WAIT_S = 20 * SLOW
DEGRADED = 3


def wait_until(condition, what):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("never: " + what)


class Two:
    """Ada and Grace, both with federation on."""

    def __init__(self, **env):
        self.env = env

    def __enter__(self):
        self.ada, self.grace = World(**self.env), World(**self.env)
        for w in (self.ada, self.grace):
            w.__enter__()
        for w in (self.ada, self.grace):
            run(w, "federation", "on", timeout=WAIT_S)
        return self.ada, self.grace

    def __exit__(self, *exc):
        for w in (self.ada, self.grace):
            w.__exit__(*exc)


class Pair:
    """`paired pair` under way; its lines of --json, or its terminal."""

    def __init__(self, w, *argv, terminal=False, stdin=None):
        self.w, self.text, self.tty = w, "", None
        command = [PAIRED, "pair", *argv]
        if terminal:
            self.tty, theirs = pty.openpty()
            self.p = subprocess.Popen(command, env=w.env, stdin=theirs, stdout=theirs, stderr=theirs,
                                      start_new_session=True)
            os.close(theirs)
        else:
            self.p = subprocess.Popen(command + ["--json"], env=w.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
            if stdin is not None:
                self.p.stdin.write(stdin.encode())
            self.p.stdin.close()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        fd = self.tty if self.tty is not None else self.p.stdout.fileno()
        while True:
            try:
                got = os.read(fd, 4096)
            except OSError:
                return
            if not got:
                return
            self.text += got.decode(errors="replace")

    def events(self):
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def code(self):
        """Of --json: the code and the port."""
        first = wait_until(lambda: "\n" in self.text and self.events(), "a code")[0]
        return first["code"], first["port"]

    def shown(self, pattern):
        return wait_until(lambda: re.search(pattern, self.text), pattern + " in " + repr(self.text))

    def type(self, text):
        os.write(self.tty, text.encode())

    def end(self, code):
        try:
            self.p.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise AssertionError("it does not end: " + self.text)
        if self.tty is None and code != OK:
            wait_until(self.events, "a word about it")
        time.sleep(0.1)  # what is still in the pipe, for the message
        assert self.p.returncode == code, (self.p.returncode, self.text)
        if self.tty is not None:
            os.close(self.tty)
        return self.events()[-1] if self.tty is None else self.text


def at(port):
    return "127.0.0.1:%d" % port


def another(code):
    """Other words: each is there, so the list of pairs of them is as good as any."""
    number, *words = code.split("-")
    return "-".join([number, words[1], words[2], words[0]])


def state(w):
    return [(p["name"], p["state"]) for p in data(w, "peers")["peers"]]


def grants(w):
    return sorted((g["kind"], g["direction"]) for g in data(w, "consent")["grants"])


def pair(ada, grace, host=(), guest=()):
    h = Pair(ada, "--yes", "--name", "Ada", *host)
    code, port = h.code()
    g = Pair(grace, "-", "--at", at(port), "--yes", "--name", "Grace", *guest, stdin=code + "\n")
    return code, h.end(OK), g.end(OK)


def test_two_engines_pair_and_grant_what_was_agreed():
    with Two() as (ada, grace):
        code, h, g = pair(ada, grace, ("--give", "pattern", "--want", "decision,metric"),
                          ("--give", "decision,task", "--want", "pattern"))
        assert re.fullmatch(r"[1-9][0-9]{0,2}(-[a-z]{2,7}){3}", code), code
        assert h["event"] == g["event"] == "paired" and (h["role"], g["role"]) == ("host", "guest")
        assert (h["name"], g["name"]) == ("Grace", "Ada") and not h["known"] and not h["own"]
        assert h["short"] == data(grace, "identity")["short"] and g["short"] == data(ada, "identity")["short"]
        wait_until(lambda: state(ada) == [("Grace", "connected")] and state(grace) == [("Ada", "connected")],
                   "they are connected")
        # What one gives and the other wants; metric was wanted and not given; task opens Grace's agents.
        assert grants(ada) == [("decision", "in"), ("pattern", "out")]
        assert grants(grace) == [("decision", "out"), ("pattern", "in"), ("task", "in")]
        audience = {g["audience"] for g in data(ada, "consent")["grants"]}
        assert audience == {"friend:" + h["identity"]}
        assert "grant" in {e["event"] for e in data(ada, "audit", "list")["entries"]}
        for w in (ada, grace):  # the code is nowhere
            words = code.split("-")
            for root, _, files in os.walk(w.dir):
                for path in (os.path.join(root, name) for name in files):
                    if not os.path.isfile(path):
                        continue
                    with open(path, "rb") as f:
                        kept = f.read()
                    assert code.encode() not in kept and "-".join(words[1:]).encode() not in kept, path
        # Again, the other way round: known, another name, more granted and nothing ended.
        _, h, g = pair(grace, ada, ("--give", "metric"), ("--want", "metric"))
        assert h["known"] and g["known"]
        assert grants(ada) == [("decision", "in"), ("metric", "in"), ("pattern", "out")]
        assert len(state(ada)) == 1


def test_the_code_is_not_to_be_read_off_the_list_of_processes():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        g = Pair(grace, code, "--at", at(port), terminal=True)
        g.shown("Pair with it")
        with open("/proc/%d/cmdline" % g.p.pid) as f:
            line = f.read()
        assert "pair\0****" in line and code not in line, line
        g.type("n\n")
        g.end(FAILED)
        h.end(FAILED)


def test_people_are_shown_who_it_is_and_asked_for_each_kind():
    with Two() as (ada, grace):
        h = Pair(ada, "--give", "pattern,decision", "--name", "Ada", terminal=True)
        code = h.shown(r"\s(\d+-[a-z]+-[a-z]+-[a-z]+)\s").group(1)
        port = data(ada, "federation")["port"]
        assert "one guess" in h.text and "paired pair " + code in h.text
        h.shown(r"the code holds 9:\d\d")
        g = Pair(grace, code, "--at", at(port), "--want", "pattern", "--name", "Grace", terminal=True)
        short = {w: data(w, "identity")["short"] for w in (ada, grace)}
        h.shown("Grace.* is " + short[grace])
        g.shown("Ada.* is " + short[ada])
        h.shown(r"Pair with it\? \[y/N\]")
        h.type("y\n")
        h.shown(r"patterns go to Grace(.|\n)*Grant that\? \[Y/n\]")  # both named it
        h.type("\n")
        h.shown(r"decisions go to Grace(.|\n)*Grant that\? \[y/N\]")  # Grace did not ask for it
        h.type("\n")
        h.shown("waiting for Grace")
        g.type("yes\n")
        g.shown(r"patterns come from Ada(.|\n)*Take that\? \[Y/n\]")
        g.type("\n")
        g.shown(r"decisions come from Ada(.|\n)*Take that\? \[y/N\]")
        g.type("y\n")
        h.shown("Paired(.|\n)* with Grace(.|\n)*it may have of yours: pattern\r\nyou take of its: nothing")
        g.shown("Paired(.|\n)* with Ada(.|\n)*it may have of yours: nothing\r\nyou take of its: pattern\r\n")
        h.end(OK)
        g.end(OK)
        assert grants(ada) == [("pattern", "out")] and grants(grace) == [("pattern", "in")]


def test_wrong_words_end_the_code_for_everybody():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        wrong = Pair(grace, "-", "--at", at(port), "--yes", stdin=another(code))
        assert "words were not right" in wrong.end(FAILED)["error"]["message"]
        assert "words were not right" in h.end(FAILED)["error"]["message"]
        again = Pair(grace, "-", "--at", at(port), "--yes", stdin=another(code))
        assert "tried already" in again.end(FAILED)["error"]["message"]
        late = Pair(grace, "-", "--at", at(port), "--yes", stdin=code)
        assert "no pairing code" in late.end(FAILED)["error"]["message"]
        assert state(ada) == state(grace) == [] and grants(ada) == []
        assert "alarm=guess" in ada.log()


def test_a_slip_of_the_fingers_costs_nothing():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        slip = Pair(grace, "-", "--at", at(port), "--yes", stdin=code[:-1] + "\n")
        slip.end(FAILED)
        g = Pair(grace, "-", "--at", at(port), "--yes", stdin=code.upper().replace("-", " "))
        assert g.end(OK)["event"] == "paired"
        h.end(OK)


def test_one_side_declines():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        g = Pair(grace, code, "--at", at(port), terminal=True)
        g.shown("Pair with it")
        g.type("n\n")
        assert "declined here" in g.end(FAILED)
        assert "has declined" in h.end(FAILED)["error"]["message"]
        assert state(ada) == state(grace) == []


def test_an_interrupt_withdraws_the_code():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        h.p.send_signal(signal.SIGINT)
        assert "its code is void" in h.end(FAILED)["error"]["message"]
        g = Pair(grace, "-", "--at", at(port), "--yes", stdin=code)
        assert "no pairing code" in g.end(FAILED)["error"]["message"]
        # While the other one is asked: it need not answer any more.
        h = Pair(ada, "--yes")
        code, port = h.code()
        g = Pair(grace, code, "--at", at(port), terminal=True)
        g.shown("Pair with it")
        h.p.send_signal(signal.SIGTERM)
        h.end(FAILED)
        g.end(FAILED)
        assert state(ada) == state(grace) == []


def test_one_pairing_at_a_time():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        second = Pair(ada, "--yes")
        assert "open here already" in second.end(FAILED)["error"]["message"]
        own = Pair(ada, "-", "--at", at(port), "--yes", stdin=code)
        assert "open here already" in own.end(FAILED)["error"]["message"]
        assert Pair(grace, "-", "--at", at(port), "--yes", stdin=code).end(OK)["event"] == "paired"
        h.end(OK)


def test_what_cannot_be_done_is_said_at_once():
    with Two() as (ada, grace):
        out, err = run(ada, "pair", code=USAGE)
        assert not out and "--yes" in err
        _, err = run(ada, "pair", "--yes", "--give", "secrets", code=FAILED)
        assert "no such kind" in err
        _, err = run(ada, "pair", "7-orbit-canoe-canyon", "--at", "127.0.0.1:notaport", "--yes", code=FAILED)
        assert "HOST:PORT" in err
        _, err = run(ada, "pair", "7-orbit-canoe-canyon", "--at", "127.0.0.1:1", "--yes", code=FAILED)
        assert "127.0.0.1:1" in err
        _, err = run(ada, "pair", "--yes", "--name", "a\u202eb", code=FAILED)
        assert "--name" in err
        run(grace, "federation", "off", timeout=WAIT_S)
        _, err = run(grace, "pair", "--yes", code=FAILED)
        assert "paired federation on" in err


if __name__ == "__main__":
    main(globals())
