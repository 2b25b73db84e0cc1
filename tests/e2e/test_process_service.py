"""The engine as a process of its own: service manager, signals, crash notes, a socket taken over by somebody else."""
import glob
import json
import os
import signal
import socket
import struct
import subprocess
import time

from process_lib import PAIRED, SAN, Skip, World, alive, main, report, wait_until


def start_engine(w, listen=None, notify=None, **env):
    """As a service manager does: the socket as descriptor 3."""
    pid = os.fork()
    if pid == 0:
        try:
            env = dict(w.env, **env)
            if notify:
                env["NOTIFY_SOCKET"] = notify
            if listen is not None:
                os.dup2(listen.fileno(), 3)
                env["LISTEN_PID"], env["LISTEN_FDS"] = str(os.getpid()), "1"
            os.execve(PAIRED, [PAIRED, "engine"], env)
        finally:
            os._exit(127)
    return pid


def test_socket_activation_and_notification():
    with World() as w:
        os.makedirs(w.runtime, 0o700)
        inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        inbox.bind(os.path.join(w.dir, "notify"))
        inbox.settimeout(10)
        listen = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listen.bind(w.socket_path)
        listen.listen(16)
        inode = os.stat(w.socket_path).st_ino
        client = w.client()  # waits in the queue of the manager's socket
        time.sleep(0.1)
        pid = start_engine(w, listen, inbox.getsockname())
        assert inbox.recv(100) == b"READY=1"
        client.initialize()
        assert os.stat(w.socket_path).st_ino == inode
        client.kill()
        os.kill(pid, signal.SIGTERM)
        assert inbox.recv(100) == b"STOPPING=1"
        assert os.waitpid(pid, 0)[1] == 0
        assert os.path.exists(w.socket_path), "the manager's socket is not ours to remove"
        listen.close()
        inbox.close()


def test_second_engine_waits_its_turn():
    with World() as w:
        first = start_engine(w)
        wait_until(lambda: w.engine_pid() == first, 10, "first engine")
        second = start_engine(w)
        time.sleep(0.3)
        assert w.engine_pid() == first
        os.kill(first, signal.SIGTERM)
        assert os.waitpid(first, 0)[1] == 0
        wait_until(lambda: w.engine_pid() == second, 10, "second engine")
        os.kill(second, signal.SIGTERM)
        assert os.waitpid(second, 0)[1] == 0


def test_engine_leaves_a_socket_that_is_no_longer_its_own():
    with World(PAIRED_TEST_CHECK_MS="100") as w:
        c = w.client()
        c.initialize()
        pid = w.engine_pid()
        # Somebody cleans up: the engine could never be found again.
        os.unlink(w.socket_path)
        wait_until(lambda: not alive(pid), 10, "engine without a socket still there")
        assert "result" in c.call("ping")
        assert w.engine_pid() not in (0, pid)


def test_reload_takes_new_settings_and_a_new_log():
    with World() as w:
        c = w.client()
        c.initialize()
        pid = w.engine_pid()
        log = os.path.join(w.profile, "state", "log", "engine.log")
        os.rename(log, log + ".moved")
        os.makedirs(os.path.join(w.profile, "config"), 0o700, exist_ok=True)
        with open(os.path.join(w.profile, "config", "config.json"), "w") as f:
            f.write('{"log": {"level": "debug"}}')
        for _ in range(3):
            os.kill(pid, signal.SIGHUP)
            time.sleep(0.05)
            assert "result" in c.call("ping")
        wait_until(lambda: os.path.exists(log), 5, "new log")
        c.tool("remember", {"text": "with the new settings"})

        def debugging():
            with open(log) as f:
                return " debug " in f.read()
        wait_until(debugging, 5, "debug lines")
        assert w.engine_pid() == pid
        assert os.stat(log).st_mode & 0o777 == 0o600


def test_engine_that_is_told_twice_ends_now():
    with World() as w:
        e = w.client()
        e.initialize()
        pid = w.engine_pid()
        os.kill(pid, signal.SIGTERM)
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        begin = time.monotonic()
        wait_until(lambda: not alive(pid), 5, "engine still there")
        report("gone after %.0f ms" % ((time.monotonic() - begin) * 1000))
        assert "result" in e.call("ping")


def test_crash_leaves_a_note():
    if SAN:
        raise Skip("a sanitizer reports instead")
    with World() as w:
        c = w.client()
        c.initialize()
        assert "result" in c.tool("remember", {"text": "a secret word: xylophone"})
        for number in (signal.SIGSEGV, signal.SIGABRT):
            pid = w.engine_pid()
            os.kill(pid, number)
            wait_until(lambda: not alive(pid), 5, "engine still there")
            assert "result" in c.call("ping")
        notes = glob.glob(os.path.join(w.profile, "state", "log", "crash-*"))
        assert len(notes) == 2, notes
        with open(sorted(notes)[0]) as f:
            text = f.read()
        assert "build" in text and "signal" in text and "engine.so" in text and "xylophone" not in text, text
        assert os.stat(notes[0]).st_mode & 0o777 == 0o600
        status = json.loads(w.run("status", "--json").stdout)
        assert '"crashes": 2' in json.dumps(status), status
        assert not glob.glob(os.path.join(w.profile, "**", "core*"), recursive=True)


def test_process_is_closed_to_its_user():
    with World() as w:
        c = w.client()
        c.initialize()
        pid = w.engine_pid()
        with open("/proc/%d/limits" % pid) as f:
            assert any(line.split()[4:6] == ["0", "0"] for line in f if line.startswith("Max core file size"))
        assert os.stat("/proc/%d/environ" % pid).st_uid == 0
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            assert f.read().split(b"\0")[1] == b"engine"
        assert os.readlink("/proc/%d/cwd" % pid) == "/"
        assert os.stat(w.socket_path).st_mode & 0o777 == 0o600


def test_environment_of_the_first_client_does_not_leak():
    if os.getuid() != 0:
        raise Skip("needs root to read another process's environment")
    with World() as w:
        c = w.client(env=dict(w.env, SECRET_TOKEN="hush", AWS_KEY="hush", LD_LIBRARY_PATH="/tmp"))
        c.initialize()
        with open("/proc/%d/environ" % w.engine_pid(), "rb") as f:
            names = {e.split(b"=")[0].decode() for e in f.read().split(b"\0") if e}
        assert not names & {"SECRET_TOKEN", "AWS_KEY", "LD_LIBRARY_PATH"}, names


def test_silent_connections_are_closed():
    with World() as w:
        c = w.client()
        c.initialize()
        sockets = []
        for _ in range(50):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(w.socket_path)
            sockets.append(s)
        assert "result" in c.call("ping")
        sockets[0].settimeout(8)
        assert sockets[0].recv(1) == b"", "still open after the time for a greeting"
        for s in sockets:
            s.close()


def test_sessions_have_a_limit_and_the_rest_a_clear_answer():
    def hello(number):
        body = json.dumps({"major": 1, "minor": 0, "role": "mcp", "session": "%032x" % number, "resume": False,
                           "pid": os.getpid(), "cwd": "/", "number": 0, "version": "0", "build": "t",
                           "env": {}}).encode()
        return struct.pack("<IBBHQ", len(body), 1, 0, 0, 0) + body
    with World() as w:
        c = w.client()
        c.initialize()
        sockets, refused = [], 0
        for i in range(300):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.settimeout(5)
            s.connect(w.socket_path)
            s.sendall(hello(i + 1))
            type = s.recv(4096)[4]
            refused += type == 3
            sockets.append(s)
        assert refused >= 300 - 256, refused
        answer = w.run("mcp", input=b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        assert b"clients already" in answer.stdout, answer
        assert "result" in c.call("ping")
        for s in sockets:
            s.close()


if __name__ == "__main__":
    main(globals())
