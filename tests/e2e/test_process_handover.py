"""Two builds on one machine: a newer one takes over from an older engine, never the other way round, and clients of
either notice nothing. The later program is the same sources with a higher build number."""
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import test_process_restart as restart
from process_lib import (LATER, PAIRED, SLOW, Skip, World, alive, main, percentile, report, wait_until)


def numbers(w):
    """Build numbers of the engines of this profile, in the order of their start."""
    return [int(n) for n in re.findall(r" ready version=\S+ build=\S+ number=(\d+)", w.log())]


def is_later(w):
    seen = numbers(w)
    return len(seen) > 1 and seen[-1] > seen[0]


def test_newer_front_end_takes_over_under_load():
    with World() as w:
        callers = [restart.Caller(w, i) for i in range(16)]
        stopped = threading.Event()
        took = []

        def newcomer():
            time.sleep(1)
            begin = time.monotonic()
            c = w.client(program=LATER)
            c.initialize()
            took.append((time.monotonic() - begin) * 1000)
            assert is_later(w), numbers(w)
            time.sleep(1)
            assert c.end() == 0
            stopped.set()
        thread = threading.Thread(target=newcomer)
        thread.start()
        restart.run_callers(callers, stopped)
        thread.join()
        calls, worst = restart.check_callers(w, callers)
        assert took and len(numbers(w)) == 2, numbers(w)
        report("newer engine answers after %.0f ms; worst stall of 16 older clients %.0f ms, 0 of %d calls lost" %
               (took[0], worst, calls))
        assert took[0] < 6000 and not any(alive(c.process.pid) for c in callers)


def test_older_front_end_uses_the_newer_engine():
    with World() as w:
        newer = w.client(program=LATER)
        newer.initialize()
        pid = w.engine_pid()
        callers = [restart.Caller(w, i) for i in range(16)]
        stopped = threading.Event()
        threading.Timer(1.5, stopped.set).start()
        restart.run_callers(callers, stopped)
        restart.check_callers(w, callers)
        assert w.engine_pid() == pid and len(numbers(w)) == 1, "the newer engine was touched"
        assert "result" in newer.call("ping")


def test_no_flip_flop_between_many_of_both():
    with World() as w:
        first = w.client()
        first.initialize()
        order = [PAIRED, LATER] * 16
        random.Random(7).shuffle(order)
        clients = [w.client(program=p) for p in order]
        for c in clients:
            c.request("initialize", restart.INITIALIZE)
        for c in clients:
            assert "result" in c.wait(1)
        assert "result" in first.call("ping")
        seen = numbers(w)
        report("32 front ends of two builds at once: %d engines" % len(seen))
        assert seen == sorted(seen) and len(seen) == 2, seen
        # Nor when it is killed under them: whoever is first starts its own build, the newer one wins.
        for _ in range(3):
            pid = w.engine_pid()
            os.kill(pid, signal.SIGKILL)
            for c in clients + [first]:
                assert "result" in c.call("ping")
        assert w.engine_pid()


def test_older_front_end_that_starts_an_engine_is_replaced_by_the_next_newer_client():
    with World() as w:
        newer = w.client(program=LATER)
        newer.initialize()
        older = w.client()
        older.initialize()
        assert newer.end() == 0
        pid = w.engine_pid()
        os.kill(pid, signal.SIGKILL)
        assert "result" in older.call("ping")
        again = w.client(program=LATER)
        again.initialize()
        assert numbers(w)[-1] == max(numbers(w))
        assert "result" in older.call("ping")


def install(w, program, name="installed"):
    root = os.path.join(w.dir, name)
    source = os.path.dirname(os.path.dirname(program))
    for part in ("bin/paired", "lib/paired/engine.so"):
        target = os.path.join(root, part)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(source, part), target + ".new")
        os.rename(target + ".new", target)  # as a package manager does
    return os.path.join(root, "bin", "paired")


def exe(pid):
    return os.readlink("/proc/%d/exe" % pid)


def test_older_front_end_becomes_the_installed_newer_build():
    with World() as w:
        newer = w.client(program=LATER)
        newer.initialize()
        time.sleep(0.05)
        installed = install(w, LATER)
        env = dict(w.env, PATH=os.path.dirname(installed) + ":" + w.env["PATH"])
        c = w.client("mcp", program="paired", executable=PAIRED, env=env)
        c.initialize()
        assert exe(c.process.pid) == installed, exe(c.process.pid)
        assert c.end() == 0
        # Without an installed newer one it serves as it is.
        c = w.client("mcp", program="paired", executable=PAIRED)
        c.initialize()
        assert exe(c.process.pid) == PAIRED
        assert len(numbers(w)) == 1


def test_upgrade_in_place():
    with World() as w:
        program = install(w, PAIRED)
        c = w.client(program=program)
        c.initialize()
        c.tool("remember", {"text": "written before the upgrade"})
        install(w, LATER)
        # The engine that runs goes on; when it ends, the front end starts what is installed now.
        assert "result" in c.call("ping")
        pid = w.engine_pid()
        os.kill(pid, signal.SIGKILL)
        answer = c.tool("recall", {"query": "written before the upgrade"})
        assert "result" in answer and "before" in str(answer), answer
        assert is_later(w), numbers(w)
        new = w.client(program=program)
        new.initialize()
        assert len(numbers(w)) == 2


def test_removed_program_is_an_error_that_says_so():
    with World() as w:
        program = install(w, PAIRED)
        c = w.client(program=program)
        c.initialize()
        shutil.rmtree(os.path.join(w.dir, "installed"))
        os.kill(w.engine_pid(), signal.SIGKILL)
        time.sleep(0.2)
        answer = c.call("ping")
        assert "install paired again" in answer["error"]["message"], answer
        install(w, PAIRED)
        time.sleep(1.1)
        assert "result" in c.call("ping")


def test_newer_engine_is_never_drained_by_an_older_front_end():
    with World() as w:
        e = restart.FakeEngine(w, number=1 << 40)
        c = w.client()
        e.accept()
        id = c.request("ping")
        type, _, seq, _ = e.read()
        assert type == restart.MESSAGE
        e.answer(seq, id)
        assert "result" in c.wait(id)
        c.kill()
        e.close()


def test_engine_that_does_not_leave_is_an_error_in_time():
    with World() as w:
        e = restart.FakeEngine(w, number=-1)
        c = w.client()
        e.accept()  # greeted as older: left again, to come back with start.lock
        e.accept()
        assert e.read()[0] == restart.DRAIN
        begin = time.monotonic()
        answer = c.call("ping", timeout=30)
        assert "does not end" in answer["error"]["message"], answer
        report(answer["error"]["message"])
        assert time.monotonic() - begin < 12
        c.kill()
        e.close()


if __name__ == "__main__":
    main(globals())
