"""When a front end ends: end of input, signals, its parent's death; and that nothing but protocol reaches stdout."""
import os
import signal
import subprocess
import sys
import time

from process_lib import PAIRED, SLOW, World, alive, main, percentile, report, wait_until

ROUNDS = 10


def exit_times(how):
    times = []
    with World() as w:
        keep = w.client()
        keep.initialize()
        for _ in range(ROUNDS):
            c = w.client()
            c.initialize()
            begin = time.monotonic()
            how(c)
            code = c.process.wait(10)
            times.append((time.monotonic() - begin) * 1000)
            assert code == 0, code
            assert not c.noise, c.noise
    return times


def check_times(name, times):
    report("%-8s exit ms: median %.1f worst %.1f" % (name, percentile(times, .5), max(times)))
    assert percentile(times, .5) <= 20 * SLOW, times


def test_end_of_input_ends_with_0():
    check_times("EOF", exit_times(lambda c: c.process.stdin.close()))


def test_signals_end_with_0():
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name)
        check_times(name, exit_times(lambda c: c.process.send_signal(number)))


def test_signal_while_attaching_ends_with_0():
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        # Somebody holds start.lock and never starts anything.
        import fcntl
        with open(os.path.join(w.runtime, "start.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            c = w.client()
            time.sleep(0.3)
            assert c.process.poll() is None
            begin = time.monotonic()
            c.process.send_signal(signal.SIGTERM)
            assert c.process.wait(5) == 0
            assert time.monotonic() - begin < 0.02 * SLOW * 5


def test_open_requests_are_answered_after_end_of_input():
    with World() as w:
        c = w.client()
        c.initialize()
        ids = [c.request("tools/list") for _ in range(50)]
        assert c.end() == 0
        for id in ids:
            assert "result" in c.wait(id, 1)


def test_subscription_does_not_hold_the_end_up():
    with World() as w:
        c = w.client()
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {}}
        answer = c.call("server/discover", {"_meta": meta})
        assert "result" in answer, answer
        c.request("subscriptions/listen", {"_meta": meta, "notifications": {"toolsListChanged": True}})
        wait_until(lambda: c.notifications, 5, "acknowledgement of the subscription")
        begin = time.monotonic()
        assert c.end() == 0
        assert time.monotonic() - begin < 1, time.monotonic() - begin


def test_stdin_that_is_no_pipe():
    with World() as w:
        for argv in (("mcp",), ()):
            with open("/dev/null", "rb") as null:
                p = subprocess.run([PAIRED, *argv], env=w.env, stdin=null, capture_output=True, timeout=20)
            assert p.returncode == 0 and p.stdout == b"", p
        path = os.path.join(w.dir, "input")
        with open(path, "w") as f:
            f.write('{"jsonrpc":"2.0","id":7,"method":"ping"}\n{"jsonrpc":"2.0","id":8,"method":"ping"}')
        out = os.path.join(w.dir, "output")
        with open(path, "rb") as i, open(out, "wb") as o:
            p = subprocess.run([PAIRED, "mcp"], env=w.env, stdin=i, stdout=o, stderr=subprocess.PIPE, timeout=20)
        with open(out) as f:
            lines = f.read().splitlines()
        assert p.returncode == 0 and len(lines) == 2, (p, lines)


def test_closed_descriptors():
    with World() as w:
        for close in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            p = subprocess.run(["/bin/sh", "-c", '"%s" mcp %s' % (PAIRED, close)], env=w.env, input=b"",
                               timeout=20, capture_output=True)
            assert p.returncode in (0, 1), (close, p)


def test_protocol_is_told_from_the_first_bytes():
    acp = b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":1,"clientCapabilities":{}}}\n'
    with World() as w:
        p = w.run(input=b"Content-Length: 2\r\n\r\n{}")
        assert p.returncode == 1 and p.stdout.startswith(b"Content-Length: ") and b"-32600" in p.stdout, p
        p = w.run(input=acp)
        assert p.returncode == 0 and b'"agentInfo"' in p.stdout, p
        p = w.run(input=b"GET / HTTP/1.1\r\n\r\n")
        assert p.returncode == 2 and p.stdout == b"", p
        p = w.run(input=b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        assert p.returncode == 0 and b'"id":1' in p.stdout, p


def test_stdout_gone_ends_it():
    with World() as w:
        c = w.client(read=False)
        c.process.stdout.close()
        for _ in range(3):
            try:
                c.request("ping")
            except BrokenPipeError:
                break
            time.sleep(0.05)
        assert c.process.wait(5) == 0


# --- orphans: the program below starts a front end in a way that leaves its stdin open somewhere else

SPAWN = r"""
import os, subprocess, sys, threading, time
mode, program = sys.argv[1:3]
read, write = os.pipe()
os.set_inheritable(write, True)
# Somebody else keeps the pipe open, whatever happens to us.
holder = subprocess.Popen(["sleep", "60"], close_fds=False)
os.set_inheritable(write, False)
box = []
def start():
    box.append(subprocess.Popen([program, "mcp"], stdin=read, stdout=subprocess.PIPE))
if mode == "thread":
    t = threading.Thread(target=start)
    t.start()
    t.join()
else:
    start()
os.write(write, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
box[0].stdout.readline()
print(box[0].pid, holder.pid, flush=True)
time.sleep(60)
"""


def spawn(w, mode):
    p = subprocess.Popen([sys.executable, "-c", SPAWN, mode, PAIRED], env=w.env, stdout=subprocess.PIPE)
    front, holder = map(int, p.stdout.readline().split())
    return p, front, holder


def test_front_end_ends_with_its_parent_though_the_pipe_is_held():
    with World() as w:
        p, front, holder = spawn(w, "plain")
        try:
            p.kill()
            begin = time.monotonic()
            wait_until(lambda: not alive(front), 5, "front end still there")
            report("gone %.1f ms after its parent was killed" % ((time.monotonic() - begin) * 1000))
        finally:
            os.kill(holder, signal.SIGKILL)
            p.wait()


def test_front_end_survives_the_thread_that_started_it():
    with World() as w:
        p, front, holder = spawn(w, "thread")
        try:
            time.sleep(1)
            assert alive(front), "died with a thread"
            p.kill()
            wait_until(lambda: not alive(front), 5, "front end still there")
        finally:
            os.kill(holder, signal.SIGKILL)
            p.wait()


def test_no_front_end_is_left_after_many_killed_clients():
    with World() as w:
        started = [spawn(w, "plain") for _ in range(8)]
        for p, _, _ in started:
            p.kill()
        for p, front, holder in started:
            wait_until(lambda: not alive(front), 5, "front end still there")
            os.kill(holder, signal.SIGKILL)
            p.wait()


def test_engine_is_no_descendant_of_a_client():
    with World() as w:
        c = w.client()
        c.initialize()
        pid = w.engine_pid()
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
        assert int(fields[1]) not in (c.process.pid, os.getpid()), "parent"
        assert int(fields[3]) not in (os.getsid(0), c.process.pid), "session"


def test_engine_keeps_no_descriptor_of_its_client():
    with World() as w:
        read, write = os.pipe()
        os.set_inheritable(write, True)
        p = subprocess.Popen([PAIRED, "mcp"], env=w.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             close_fds=False)
        p.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        p.stdin.flush()
        p.stdout.readline()
        os.close(write)
        p.kill()
        p.wait()
        os.set_blocking(read, False)
        assert os.read(read, 1) == b"", "a copy of the write end is left"
        os.close(read)


def test_engine_ends_when_idle():
    with World(idle_ms=200) as w:
        c = w.client()
        c.initialize()
        pid = w.engine_pid()
        assert pid
        time.sleep(0.6)
        assert alive(pid), "ended under a client"
        assert c.end() == 0
        wait_until(lambda: not alive(pid), 5, "engine still there")
        assert not os.path.exists(w.socket_path)


if __name__ == "__main__":
    main(globals())
