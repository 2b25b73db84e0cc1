"""Finding and starting the engine: many at once, in hostile and in broken surroundings. Every failure is a JSON-RPC
error that says what to do; no client hangs and none dies silently."""
import fcntl
import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from process_lib import (PAIRED, SLOW, Skip, World, alive, main, percentile, report, wait_until)

FRONT_ENDS = 64
INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'


def many_at_once(w, count=FRONT_ENDS):
    """Milliseconds from spawn to first answer of `count` front ends started together. Answers are read between two
    starts too: otherwise the first ones seem to take as long as the starting of all the others."""
    import selectors
    started, times, failures = [], [], 0
    sel = selectors.DefaultSelector()

    def read_answers(wait):
        failed = 0
        for key, _ in sel.select(wait):
            line = os.read(key.fd, 65536)
            times.append((time.monotonic() - key.data) * 1000)
            failed += b'"result"' not in line
            sel.unregister(key.fileobj)
        return failed

    for _ in range(count):
        begin = time.monotonic()
        p = subprocess.Popen([PAIRED, "mcp"], env=w.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, bufsize=0, close_fds=False)
        p.stdin.write(PING)
        started.append((p, begin))
        sel.register(p.stdout, selectors.EVENT_READ, begin)
        failures += read_answers(0)
    end = time.monotonic() + 60
    while sel.get_map() and time.monotonic() < end:
        failures += read_answers(1)
    failures += len(sel.get_map())
    pid = w.engine_pid()
    for p, _ in started:
        p.stdin.close()
    codes = [p.wait(20) for p, _ in started]
    for p, _ in started:
        p.stdout.close()
    return times, failures, codes, pid


def check_many(w, name):
    before = w.engines_started()
    times, failures, codes, pid = many_at_once(w)
    report("%s: %d engines, %d failures, attach and first answer ms: median %.0f worst %.0f" %
           (name, w.engines_started() - before, failures, percentile(times, .5), max(times)))
    assert failures == 0 and not any(codes), (failures, codes)
    assert w.engines_started() - before == 1, w.log()
    return pid


def test_64_front_ends_without_an_engine_start_exactly_one():
    for _ in range(3):
        with World() as w:
            check_many(w, "no engine")


def test_64_front_ends_on_the_socket_of_a_dead_engine():
    with World() as w:
        pid = check_many(w, "first")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 5, "engine still there")
        assert os.path.exists(w.socket_path)
        check_many(w, "dead socket")


def test_a_front_end_loads_no_library_but_libc():
    """Each client starts one, and dozens may come at once: finding the symbols of libuv and jansson took a third of a
    start, and the engine's libraries would take ten times that."""
    with World() as w:
        c = w.client()
        c.call("ping")
        with open("/proc/%d/maps" % c.process.pid) as f:
            loaded = {os.path.basename(line.split()[-1]) for line in f if ".so" in line}
        loaded = {name.split(".so")[0] for name in loaded}
        instrumented = {"libasan", "libubsan", "libtsan", "libstdc++", "libgcc_s", "libm"}
        assert "libc" in loaded, loaded
        inside = all(glob.glob("/usr/lib/*/%s.a" % name) for name in ("libuv_a", "libjansson"))
        own = set() if inside else {"libuv", "libjansson"}  # a machine without the archives
        assert loaded <= {"libc", "ld-linux-x86-64", "ld-linux-aarch64"} | instrumented | own, sorted(loaded)
        assert c.end() == 0


def first_answer(w, argv=("mcp",), timeout=30, **popen):
    p = subprocess.run([PAIRED, *argv], env=w.env, input=PING, timeout=timeout, capture_output=True, **popen)
    assert p.returncode == 0, p
    lines = p.stdout.splitlines()
    assert len(lines) == 1, p
    return json.loads(lines[0])


def check_error(answer, pattern):
    assert answer["id"] == 1 and answer["error"]["code"] == -32603, answer
    assert re.search(pattern, answer["error"]["message"]), answer
    return answer["error"]["message"]


def test_hostile_runtime_directories():
    with World() as w:
        elsewhere = os.path.join(w.dir, "elsewhere")
        os.mkdir(elsewhere, 0o700)
        os.symlink(elsewhere, w.runtime)
        report(check_error(first_answer(w), "symbolic link"))
        assert not os.listdir(elsewhere)
        os.unlink(w.runtime)

        os.mkdir(w.runtime, 0o700)
        os.chmod(w.runtime, 0o777)
        report(check_error(first_answer(w), "chmod 700"))
        os.chmod(w.runtime, 0o700)

        if os.getuid() == 0:
            os.chown(w.runtime, 65534, 65534)
            report(check_error(first_answer(w), "belongs to user 65534"))
            os.chown(w.runtime, 0, 0)

        shutil.rmtree(w.runtime)
        with open(w.runtime, "w"):
            pass
        report(check_error(first_answer(w), "not a directory"))
        os.unlink(w.runtime)

        os.mkdir(w.runtime, 0o700)
        os.symlink("/etc/passwd", os.path.join(w.runtime, "start.lock"))
        report(check_error(first_answer(w), "start.lock is a symbolic link"))
        os.unlink(os.path.join(w.runtime, "start.lock"))
        assert "result" in first_answer(w)


def test_socket_of_another_user_is_refused():
    if os.getuid() != 0:
        raise Skip("needs root")
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.bind(w.socket_path)
            pid = os.fork()
            if pid == 0:
                os.setuid(65534)
                s.listen(8)  # SO_PEERCRED shows who listened
                time.sleep(30)
                os._exit(0)
            try:
                time.sleep(0.2)
                report(check_error(first_answer(w), "another user"))
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def test_something_else_on_the_socket():
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.bind(w.socket_path)
            s.listen(8)  # and never answers
            begin = time.monotonic()
            report(check_error(first_answer(w), "does not answer"))
            assert time.monotonic() - begin < 13


def test_a_file_in_place_of_the_socket():
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        with open(w.socket_path, "w"):
            pass
        assert "result" in first_answer(w)


NOBODY = 65534


def anyones_paired(w):
    """The program where every user can read it: a clone in root's home is root's alone."""
    readable = subprocess.run(["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups",
                               "--bounding-set=-all", "test", "-r", PAIRED]).returncode == 0
    if readable:
        return PAIRED
    root, copy = os.path.dirname(os.path.dirname(PAIRED)), os.path.join(w.dir, "installed")
    for part in ("bin", "lib"):
        shutil.copytree(os.path.join(root, part), os.path.join(copy, part))
    for folder in [w.dir] + [d for d, _, _ in os.walk(copy)]:
        os.chmod(folder, 0o755)
    return os.path.join(copy, "bin", "paired")


def as_user(w, uid):
    return ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups", anyones_paired(w), "mcp"]


def test_two_users_have_two_engines():
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    with World() as a, World() as b:
        for d in (b.dir, b.profile):
            os.chown(d, 65534, 65534)
        one = a.client()
        one.initialize()
        program, *arguments = as_user(b, NOBODY)
        two = b.client(program=program, *arguments)
        two.initialize()
        assert a.engine_pid() != b.engine_pid()
        assert os.stat("/proc/%d" % b.engine_pid()).st_uid in (0, 65534)  # 0: not dumpable
        # The second user cannot talk to the first one's engine, not even through an open door.
        os.chmod(a.profile, 0o755)
        os.chmod(a.runtime, 0o755)
        os.chmod(a.socket_path, 0o666)
        probe = ("import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                 "s.settimeout(5)\ntry:\n d=s.recv(1)\nexcept ConnectionResetError:\n d=b''\nsys.exit(3 if d==b'' else 0)")
        p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", probe,
                            a.socket_path])
        assert p.returncode == 3, p
        assert "result" in one.call("ping")


def xdg_world():
    w = World()
    for name in ("PAIRED_PROFILE", "HOME"):
        del w.env[name]
    w.env["HOME"] = w.dir
    w.profile = os.path.join(w.dir, ".local", "state", "paired")  # for the log and the socket
    return w


def test_missing_xdg_directories():
    for runtime in (None, "missing/run", ""):
        w = xdg_world()
        if runtime is not None:
            w.env["XDG_RUNTIME_DIR"] = os.path.join(w.dir, runtime) if runtime else ""
        with w:
            assert "result" in first_answer(w)
            if runtime == "missing/run":
                w.profile = os.path.join(w.dir, "missing", "run")
                os.rename(os.path.join(w.profile, "paired"), os.path.join(w.profile, "run"))
            else:
                assert stat_mode(os.path.join(w.profile, "run")) == 0o700


def stat_mode(path):
    return os.stat(path).st_mode & 0o777


def test_no_home_at_all():
    # A user whom no password file knows, so that nobody's real home is meant instead.
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    uid = 54321
    try:
        pwd.getpwuid(uid)
        raise Skip("there is a user %d" % uid)
    except KeyError:
        pass
    w = World()
    with w:
        p = subprocess.run(as_user(w, uid), env={"PATH": w.env["PATH"], "HOME": "relative"}, input=PING,
                           capture_output=True, timeout=20)
        assert p.returncode == 0, p
        assert "HOME" in json.loads(p.stdout.splitlines()[0])["error"]["message"], p.stdout


def as_nobody(w, input=PING, timeout=30):
    p = subprocess.run(as_user(w, NOBODY), env=w.env, input=input, timeout=timeout, capture_output=True)
    assert p.returncode == 0, p
    return json.loads(p.stdout.splitlines()[0])


def test_unusable_runtime_directory_falls_back_to_the_state_directory():
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    w = xdg_world()
    with w:
        os.chown(w.dir, 65534, 65534)
        closed = os.path.join(w.dir, "closed")
        os.mkdir(closed, 0o755)  # root's: the user cannot create anything in it
        w.env["XDG_RUNTIME_DIR"] = closed
        assert "result" in as_nobody(w)
        assert os.path.exists(w.socket_path)


def test_read_only_home():
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    w = xdg_world()
    with w:
        report(check_error(as_nobody(w), "cannot create the directory"))


def test_read_only_runtime_directory():
    if os.getuid() != 0:
        raise Skip("needs root (a small tmpfs)")
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700,ro", "none", w.runtime],
                          capture_output=True).returncode:
            raise Skip("mount is not permitted here")
        try:
            report(check_error(first_answer(w), "start.lock: Read-only"))
        finally:
            subprocess.run(["umount", "-l", w.runtime])
        assert "result" in first_answer(w)


def test_profile_by_option():
    with World() as w:
        del w.env["PAIRED_PROFILE"]
        answer = first_answer(w, ("mcp", "--profile", "p"), cwd=w.dir)  # relative: to where the client is
        assert "result" in answer
        assert w.engine_pid()


def test_path_too_long_for_a_socket_gets_a_short_one():
    with World() as w:
        w.env["PAIRED_PROFILE"] = os.path.join(w.profile, "x" * 120)
        base = "/tmp/paired-%d" % os.getuid()
        before = set(os.listdir(base)) if os.path.isdir(base) else set()
        assert "result" in first_answer(w)
        mine = set(os.listdir(base)) - before
        assert len(mine) == 1
        path = os.path.join(base, mine.pop())
        pid = w.engine_pid(os.path.join(path, "s1"))
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), 10, "engine still there")
        shutil.rmtree(path)


def test_full_disk():
    if os.getuid() != 0:
        raise Skip("needs root (a small tmpfs)")
    with World() as w:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", w.profile],
                          capture_output=True).returncode:
            raise Skip("mount is not permitted here")
        try:
            try:
                with open(os.path.join(w.profile, "filler"), "wb") as f:
                    while True:
                        f.write(b"x" * 4096)
                        f.flush()
            except OSError:
                pass
            c = w.client()
            answer = c.call("initialize", INITIALIZE)  # with or without an engine: an answer
            report(answer.get("error", {}).get("message", "initialize is served"))
            answer = c.tool("remember", {"text": "does not fit"})
            text = json.dumps(answer)
            assert "error" in answer or answer["result"].get("isError"), answer
            report(text[:200])
            assert re.search("space|full|disk", text), text
            os.unlink(os.path.join(w.profile, "filler"))
            assert subprocess.run(["mount", "-o", "remount,size=64m", w.profile]).returncode == 0
            time.sleep(1.2)  # an attach or opening that failed is not repeated within a second

            def works():
                c.call("initialize", INITIALIZE)
                again = c.tool("remember", {"text": "fits again"})
                return "result" in again and not again["result"].get("isError")
            wait_until(works, 10, "works again once there is space")
            assert c.end() == 0
            pid = w.engine_pid()
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not alive(pid), 10, "engine still there")
        finally:
            subprocess.run(["umount", "-l", w.profile])


def broken_copy(w, change):
    """A copy of the program whose library is damaged in some way."""
    root = os.path.join(w.dir, "copy")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root + "/bin")
    os.makedirs(root + "/lib/paired")
    shutil.copy(PAIRED, root + "/bin/paired")
    source = os.path.join(os.path.dirname(os.path.dirname(PAIRED)), "lib", "paired", "engine.so")
    change(source, root + "/lib/paired/engine.so")
    return root + "/bin/paired"


def test_no_engine_is_possible():
    from process_lib import LATER
    later = os.path.join(os.path.dirname(os.path.dirname(LATER)), "lib", "paired", "engine.so")

    def truncated(source, target):
        with open(source, "rb") as i, open(target, "wb") as o:
            o.write(i.read(4096))

    def text(source, target):
        with open(target, "w") as f:
            f.write("not a library")
    for change, pattern in ((lambda s, t: None, "install paired again"),
                            (lambda s, t: shutil.copy(later, t), "another build"),
                            (text, "cannot be loaded"),
                            (truncated, "cannot be loaded|ended while starting")):
        with World() as w:
            c = w.client(program=broken_copy(w, change))
            for i in range(3):
                answer = c.call("tools/list")
                assert re.search(pattern, answer["error"]["message"]), answer
            c.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
            c.send(b"{oops\n")
            assert "error" in c.wait(None)
            assert "error" in c.call("ping")
            report(answer["error"]["message"][:150])
            assert c.end() == 0


def switches(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M).group(1))


def test_waiting_for_an_engine_costs_next_to_nothing():
    """Dozens wait while one starts the engine; what they do meanwhile, the start has to share the processors with."""
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        with open(os.path.join(w.runtime, "start.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            c = w.client()
            id = c.request("ping")
            wait_until(lambda: switches(c.process.pid) > 3, 10, "it waits")
            before = switches(c.process.pid)
            time.sleep(1)
            looked = switches(c.process.pid) - before
            report("woken %d times in a second" % looked)
            assert looked <= 60, looked  # by itself every 25 ms
        # Whoever held the lock is gone without an engine: it starts one.
        assert "result" in c.wait(id)
        assert w.engines_started() == 1


def test_lock_held_for_ever_is_an_error_in_time():
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        with open(os.path.join(w.runtime, "engine.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            begin = time.monotonic()
            answer = first_answer(w, timeout=40)
            report(check_error(answer, "engine.lock and serves no client"))
            assert time.monotonic() - begin < 13


def test_standalone_serves_and_lets_others_attach():
    with World() as w:
        c = w.client("mcp", "--standalone")
        c.initialize()
        assert w.engine_pid() == c.process.pid
        other = w.client()
        other.initialize()
        assert w.engines_started() == 1
        # The other one goes on when the engine it shared ends with its owner.
        begin = time.monotonic()
        assert c.end() == 0
        report("standalone exit ms with another client attached: %.1f" % ((time.monotonic() - begin) * 1000))
        assert "result" in other.call("ping")
        assert w.engine_pid() != c.process.pid
        third = w.client("mcp", "--standalone")  # an engine is there: attaches
        third.initialize()
        assert w.engine_pid() != third.process.pid
        assert third.end() == 0 and other.end() == 0


def test_standalone_ends_on_signals_with_0():
    for number in (signal.SIGTERM, signal.SIGINT):
        with World() as w:
            c = w.client("mcp", "--standalone")
            c.initialize()
            begin = time.monotonic()
            c.process.send_signal(number)
            assert c.process.wait(10) == 0
            ms = (time.monotonic() - begin) * 1000
            report("standalone exit ms: %.1f" % ms)
            assert not os.path.exists(w.socket_path)


if __name__ == "__main__":
    main(globals())
