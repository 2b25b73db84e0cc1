"""Pairing that is cut off: commands and engines that are killed or stopped; what is left of the code; and pairing with
who is known already, or is oneself."""
import os
import re
import signal
import socket
import time

from process_lib import Skip, main, report
from test_cli import FAILED, OK, data, run
from test_pair import WAIT_S, Pair, Two, at, pair, state, wait_until


def test_a_command_that_was_killed_leaves_no_code_open():
    with Two(PAIRED_TEST_PAIR_WATCHED_MS="6000") as (ada, grace):
        lives = Pair(grace, "--yes")  # asked for all the time
        kept, kept_port = lives.code()
        h = Pair(ada, "--yes")
        code, port = h.code()
        h.p.kill()
        wait_until(lambda: "nobody waited for it" in ada.log(), "the code is withdrawn")
        assert Pair(ada, "-", "--at", at(kept_port), "--yes", stdin=kept).end(OK)["event"] == "paired"
        lives.end(OK)
        g = Pair(grace, "-", "--at", at(port), "--yes", stdin=code)
        assert "no pairing code" in g.end(FAILED)["error"]["message"]


def test_an_engine_that_does_not_answer_is_not_waited_for():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        os.kill(ada.engine_pid(), signal.SIGSTOP)
        try:
            begun = time.monotonic()
            g = Pair(grace, "-", "--at", at(port), "--yes", stdin=code)
            g.end(FAILED)
            assert time.monotonic() - begun > 3, "it was given no time"
        finally:
            os.kill(ada.engine_pid(), signal.SIGCONT)
        assert Pair(grace, "-", "--at", at(port), "--yes", stdin=code).end(OK)["event"] == "paired"
        h.end(OK)


def test_an_engine_that_dies_in_the_middle_leaves_nobody_half_paired():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        g = Pair(grace, code, "--at", at(port), terminal=True)
        g.shown("Pair with it")
        os.kill(ada.engine_pid(), signal.SIGKILL)
        text = g.end(FAILED)  # without a word from the person
        assert "was gone before both had agreed" in text, text
        assert "this pairing is over" in h.end(FAILED)["error"]["message"]
        assert state(ada) == state(grace) == []
        h = Pair(ada, "--yes")
        code, port = h.code()
        Pair(grace, "-", "--at", at(port), "--yes", stdin=code).end(OK)
        h.end(OK)


def places(pid, needle):
    """Where in the memory of a process it stands."""
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if line.split()[1][0] != "r" or end - start > 1 << 30:
                continue
            try:
                memory.seek(start)
                part = memory.read(end - start)
            except (OSError, OverflowError, ValueError):
                continue  # a guard page, the kernel's own
            found += [start + m.start() for m in re.finditer(re.escape(needle), part)]
    return found


def test_the_code_is_kept_in_one_place_and_then_nowhere():
    with Two() as (ada, grace):
        h = Pair(ada, "--yes")
        code, port = h.code()
        words = "-".join(code.split("-")[1:]).encode()
        try:
            places(ada.engine_pid(), words)
        except PermissionError:
            raise Skip("the memory of another process cannot be read here")
        wait_until(lambda: len(places(ada.engine_pid(), words)) == 1, "the code is kept once")
        g = Pair(grace, "-", "--at", at(port), "--yes", stdin=code)
        g.end(OK)
        h.end(OK)
        for w in (ada, grace):
            wait_until(lambda: not places(w.engine_pid(), words), "the code is wiped")


def test_another_machine_of_ones_own():
    with Two() as (ada, grace):
        words = data(ada, "identity", "words")["words"]
        run(grace, "identity", "restore", "--yes", input=words.encode() + b"\n")
        _, h, g = pair(ada, grace, ("--give", "decision"), ("--want", "decision"))
        assert h["own"] and g["own"] and h["identity"] == g["identity"] and h["device"] != g["device"]
        wait_until(lambda: state(ada)[0][1] == state(grace)[0][1] == "connected", "they are connected")
        # A new key here: that device is the old one's until it has the new words.
        run(ada, "identity", "rotate", "--yes")
        h = Pair(ada, "--yes")
        code, port = h.code()
        g = Pair(grace, "-", "--at", at(port), "--yes", stdin=code)
        assert "followed by another key" in h.end(FAILED)["error"]["message"]
        g.end(FAILED)


def test_pairing_again_follows_a_friends_new_key():
    with Two() as (ada, grace):
        _, h, g = pair(ada, grace)
        old = g["identity"]
        run(ada, "identity", "rotate", "--yes")
        _, h, g = pair(ada, grace)
        assert g["known"] and g["identity"] == data(ada, "identity")["identity"] != old
        assert data(grace, "peers")["peers"][0]["identity"] == g["identity"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_an_engine_killed_at_any_moment_leaves_both_paired_or_neither():
    with Two() as (ada, grace):
        port, outcomes = free_port(), set()
        run(ada, "config", "set", "federation.port", str(port))
        run(ada, "stop")
        for delay_ms in (60, 120, 180, 240, 300, 400):
            h = Pair(ada, "--yes", "--name", "Ada")
            code, _ = h.code()
            g = Pair(grace, "-", "--at", at(port), "--yes", "--name", "Grace", stdin=code)
            time.sleep(delay_ms / 1000)
            os.kill(ada.engine_pid(), signal.SIGKILL)
            h.p.wait(WAIT_S)
            g.p.wait(WAIT_S)
            # Ada's engine runs again, and Grace's finds out what it knows.
            wait_until(lambda: bool(state(ada)) == bool(state(grace)), "both paired, or neither")
            known = bool(state(ada))
            outcomes.add(known)
            assert known or g.p.returncode != OK, g.text
            if known:
                wait_until(lambda: state(ada)[0][1] == state(grace)[0][1] == "connected", "they are connected")
                run(ada, "peers", "remove", "Grace", "--yes")
                run(grace, "peers", "remove", "Ada", "--yes")
        report("in the end: %s" % ", ".join("paired" if o else "not paired" for o in sorted(outcomes)))


if __name__ == "__main__":
    main(globals())
