"""doctor: each fault that can be seeded is seeded, and the check has to name it with the right fix."""
import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

from process_lib import LATER, PAIRED, SAN, Skip, World, main, wait_until

DEGRADED = 3


def doctor(w, code=None, env=None, program=None, preexec=None, cwd=None, timeout=90):
    r = subprocess.run([program or PAIRED, "doctor", "--json"], env=env or w.env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=preexec, cwd=cwd, timeout=timeout)
    found = json.loads(r.stdout)
    assert r.returncode == (0 if found["ok"] else DEGRADED), (r.returncode, r.stderr)
    # How long an answer takes is the machine's matter here, not the program's.
    busy = [c["id"] for c in found["checks"] if c["result"] in ("warn", "fail")] == ["engine.answer"]
    if code is not None and not busy:
        assert r.returncode == code, json.dumps([c for c in found["checks"] if c["result"] in ("warn", "fail")], indent=1)
    return found["checks"]


def expect(checks, id, result, *words):
    """One check of this id with this result, whose text and fix hold the words."""
    mine = [c for c in checks if c["id"] == id]
    assert mine, "no check " + id
    for c in mine:
        text = c["found"] + " | " + c.get("fix", "")
        if c["result"] == result and all(word in text for word in words):
            return
    raise AssertionError("%s: expected %s with %s, got %s" % (id, result, words, json.dumps(mine, indent=1)))


def state(w, *more):
    return os.path.join(w.profile, "state", *more)


def with_store(w):
    r = w.run("memory", "remember", "a note for the doctor")
    assert r.returncode == 0, r.stderr


def test_a_fresh_and_a_used_profile_are_well():
    with World() as w:
        w.env["PATH"] = "/nonexistent"  # which editors this machine has is another test's question
        checks = doctor(w, code=0)
        assert len(checks) >= 30 and not os.path.exists(state(w)), "doctor makes nothing"
        assert len({c["id"] for c in checks}) >= 30
        with_store(w)
        checks = doctor(w, code=0)
        for id in ("engine.running", "engine.build", "engine.answer", "store.state", "store.integrity",
                   "store.freshness", "store.keys", "store.files", "store.wal", "store.rotation", "program.library",
                   "system.sqlite", "system.cores", "log.writable", "engine.lock", "socket.stale"):
            expect(checks, id, "ok")
        assert w.run("stop").returncode == 0
        expect(doctor(w, code=0), "store.state", "ok")  # starts one to look into the store that is there
        out = w.run("doctor").stdout.decode()
        assert "39 checks" in out and "\x1b" not in out


def test_home_that_cannot_be_written():
    if os.geteuid() != 0:
        raise Skip("only root can become somebody without rights here")
    with World() as w:
        env = {k: v for k, v in w.env.items() if k != "PAIRED_PROFILE"}
        env["HOME"] = os.path.join(w.dir, "home")
        os.mkdir(env["HOME"], 0o755)

        def nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            checks = doctor(w, env=env, preexec=nobody, cwd="/")
        except PermissionError:
            raise Skip("the program cannot be reached by another user here")
        expect(checks, "home", "fail", "cannot be written", "PAIRED_PROFILE=DIR")
        assert not os.listdir(env["HOME"])


def test_directories_that_are_not_safe():
    with World() as w:
        os.mkdir(state(w))
        os.chmod(state(w), 0o777)
        expect(doctor(w), "directory.state", "fail", "written by others", "chmod 700 " + state(w))
    with World() as w:
        with open(state(w), "w"):
            pass
        expect(doctor(w), "directory.state", "fail", "not a directory", "mv " + state(w))
    with World() as w:
        os.symlink("/tmp", w.runtime)
        expect(doctor(w), "directory.runtime", "fail", "symbolic link", "rm " + w.runtime)
    if os.geteuid() == 0:
        with World() as w:
            os.mkdir(w.runtime, 0o700)
            os.chown(w.runtime, 65534, 65534)
            expect(doctor(w), "directory.runtime", "fail", "belongs to user 65534", "chown")
    with World() as w:
        os.mkdir(os.path.join(w.profile, "config"))
        os.chmod(os.path.join(w.profile, "config"), 0o722)
        expect(doctor(w), "directory.config", "fail", "chmod 700")


def test_runtime_directory_that_is_missing():
    with World() as w:
        env = {k: v for k, v in w.env.items() if k != "PAIRED_PROFILE"}
        env["XDG_RUNTIME_DIR"] = "/proc/no/such/place"
        run = subprocess.run([PAIRED, "memory", "remember", "here"], env=env, stdout=subprocess.DEVNULL, timeout=30)
        assert run.returncode == 0
        checks = doctor(w, env=env)
        expect(checks, "directory.runtime", "warn", "/proc/no/such/place", ".local/state/paired/run", "unset")
        expect(checks, "socket.stale", "ok", "answers")
        expect(checks, "engine.lock", "ok", "held")
        assert subprocess.run([PAIRED, "stop"], env=env, timeout=30).returncode == 0


def test_places_that_cannot_hold_a_store():
    with World() as w:
        expect(doctor(w, env=dict(w.env, PAIRED_TEST_FSTYPE="nfs")), "filesystem.network", "fail", "nfs", "local disk")
        expect(doctor(w, env=dict(w.env, PAIRED_TEST_FREE_MB="3")), "disk.space", "fail", "3 MiB", "Make room")
        expect(doctor(w, env=dict(w.env, PAIRED_TEST_FREE_MB="100")), "disk.space", "warn", "Make room")
        long = os.path.join(w.dir, "x" * 120)
        checks = doctor(w, env=dict(w.env, PAIRED_PROFILE=long))
        expect(checks, "socket.path", "ok", "/tmp/paired-")
        place = [c for c in checks if c["id"] == "directory.runtime"][0]["found"].split(" ")[0]
        assert place.startswith("/tmp/paired-") and len(os.listdir(place)) == 0
        os.rmdir(place)


def test_sockets_that_nobody_serves():
    with World() as w:
        with_store(w)
        os.kill(w.engine_pid(), signal.SIGKILL)
        wait_until(lambda: not w.engine_pid(), 10, "the engine's end")
        # The store is there, so doctor starts an engine, which replaces the socket: look at one without a store.
        shutil.rmtree(state(w))
        expect(doctor(w), "socket.stale", "warn", "left behind", "next engine replaces it")
    with World() as w:
        os.mkdir(w.runtime, 0o700)
        with open(w.socket_path, "w"):
            pass
        expect(doctor(w), "socket.stale", "fail", "not a socket", "Remove it")
    with World() as w:
        os.mkdir(w.runtime, 0o700)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(w.socket_path)
        with open(os.path.join(w.runtime, "engine.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            checks = doctor(w)
        expect(checks, "socket.stale", "fail", "holds the engine's lock", "Stop that process")
        expect(checks, "engine.lock", "fail", "does not answer", "fuser")


def test_an_engine_that_does_not_answer():
    with World() as w:
        os.mkdir(w.runtime, 0o700)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(w.socket_path)
            s.listen(8)
            begin = time.monotonic()
            checks = doctor(w)
            assert time.monotonic() - begin < 60
        expect(checks, "engine.running", "fail", "See the other checks")


def test_settings_that_are_wrong():
    with World() as w:
        os.mkdir(os.path.join(w.profile, "config"), 0o700)
        with open(os.path.join(w.profile, "config", "config.json"), "w") as f:
            f.write('{\n"log": {"level": "loud"}}')
        expect(doctor(w), "config.files", "warn", "config.json:2: log.level", "config schema")
        expect(doctor(w, env=dict(w.env, PAIRED_ENGINE_WORKERS="many")), "config.files", "warn", "PAIRED_ENGINE_WORKERS")


def test_log_that_cannot_be_written():
    with World() as w:
        os.mkdir(state(w), 0o700)
        with open(state(w, "log"), "w"):
            pass
        expect(doctor(w), "log.writable", "warn", "nothing is logged")


def test_half_an_installation():
    with World() as w:
        alone = os.path.join(w.dir, "bin", "paired")
        os.mkdir(os.path.dirname(alone))
        shutil.copy(PAIRED, alone)
        expect(doctor(w, program=alone), "program.library", "fail", "engine.so", "Install paired anew")
        os.makedirs(os.path.join(w.dir, "lib", "paired"))
        shutil.copy(os.path.join(os.path.dirname(os.path.dirname(LATER)), "lib", "paired", "engine.so"),
                    os.path.join(w.dir, "lib", "paired", "engine.so"))
        expect(doctor(w, program=alone), "program.library", "fail", "build", "Install paired anew")


def test_engine_of_another_build():
    with World() as w:
        assert w.run("memory", "remember", "newer", program=LATER).returncode == 0
        expect(doctor(w), "engine.build", "warn", "another build", "paired stop")
        assert w.run("stop").returncode == 0
        assert w.run("memory", "remember", "older").returncode == 0
        expect(doctor(w, program=LATER), "engine.build", "warn", "older", "paired stop")


def test_crashes_are_counted():
    if SAN:
        raise Skip("a sanitizer takes the signal before paired sees it")
    with World() as w:
        with_store(w)
        os.kill(w.engine_pid(), signal.SIGSEGV)
        wait_until(lambda: not w.engine_pid(), 10, "the engine's end")
        checks = doctor(w)
        expect(checks, "engine.crashes", "warn", "notes about crashes", "report")


def test_files_that_others_can_read():
    with World() as w:
        with_store(w)
        os.chmod(state(w, "key"), 0o644)
        expect(doctor(w), "store.keys", "fail", "read by others", "chmod 600 " + state(w, "key"), "key rotate")
        os.chmod(state(w, "key"), 0o600)
        os.chmod(state(w, "store.db"), 0o644)
        expect(doctor(w), "store.files", "warn", "chmod 600 " + state(w, "store.db"))


def test_keys_that_are_missing():
    with World() as w:
        with_store(w)
        assert w.run("stop").returncode == 0
        os.rename(state(w, "store.keys"), os.path.join(w.dir, "store.keys"))
        os.rename(state(w, "key"), os.path.join(w.dir, "key"))
        checks = doctor(w)
        expect(checks, "store.keys", "fail", "not its keys", "backup")
        expect(checks, "store.state", "fail")
        assert not os.path.exists(state(w, "store.keys")), "nothing is made in their place"


def test_locked_store():
    with World() as w:
        with_store(w)
        assert w.run("key", "passphrase", input=b"a quiet heron\n").returncode == 0
        assert w.run("key", "lock").returncode == 0
        checks = doctor(w)
        expect(checks, "store.state", "warn", "paired key unlock")
        expect(checks, "store.integrity", "skip")


def test_damaged_store():
    with World() as w:
        for i in range(40):
            with_store(w)
        assert w.run("stop").returncode == 0
        with open(state(w, "store.db"), "r+b") as f:
            size = f.seek(0, 2)
            for at in range(size // 2, size, 4096):
                f.seek(at)
                byte = f.read(1)
                f.seek(at)
                f.write(bytes([byte[0] ^ 0x55]))
        checks = doctor(w)
        bad = [c for c in checks if c["id"] in ("store.integrity", "store.state") and c["result"] == "fail"]
        assert bad and bad[0]["fix"], [c for c in checks if c["id"].startswith("store")]


def test_federation_that_cannot_listen():
    with World() as w, socket.socket(socket.AF_INET6) as taken:
        expect(doctor(w), "federation.state", "skip", "no engine")
        with_store(w)
        expect(doctor(w), "federation.state", "ok", "off")
        taken.bind(("::", 0))
        taken.listen()
        w.run("config", "set", "federation.port", str(taken.getsockname()[1]))
        w.run("federation", "on")
        checks = doctor(w)
        expect(checks, "federation.state", "fail", str(taken.getsockname()[1]), "federation off")
        expect(checks, "federation.peers", "skip", str(taken.getsockname()[1]))
        taken.close()
        wait_until(lambda: json.loads(w.run("federation", "--json").stdout)["state"] == "running", 30, "tried again")
        checks = doctor(w)
        expect(checks, "federation.state", "ok", "0 peers")
        expect(checks, "federation.peers", "ok", "none")
        expect(checks, "federation.discovery", "ok", "off by the setting")


def doctor_on_terminal(w, *flags):
    """What `paired doctor` writes to a terminal beside its answer, which goes to a pipe."""
    master, slave = pty.openpty()
    p = subprocess.Popen([PAIRED, "doctor", *flags], env=w.env, stdin=slave, stdout=subprocess.PIPE, stderr=slave)
    out = p.stdout.read().decode()
    assert p.wait(60) == 0 and "reading every page" not in out
    p.stdout.close()
    os.close(slave)
    shown = b""
    while True:
        try:
            more = os.read(master, 4096)
        except OSError:
            more = b""
        if not more:
            break
        shown += more
    os.close(master)
    return shown


def test_a_long_check_shows_a_sign_of_life_on_a_terminal_only():
    with World() as w:
        w.env["PATH"] = "/nonexistent"
        # What counts as long depends on the machine: the store grows until its check is.
        for grown in range(8):
            c = w.client()
            c.initialize()
            for i in range(20 << grown):
                words = " ".join("%x" % (j * 2654435761 + i) for j in range(4500))
                assert not c.tool("remember", {"text": "%d %s" % (grown, words)})["result"].get("isError")
            assert c.end() == 0
            if b"reading every page" in doctor_on_terminal(w):
                break
        else:
            raise AssertionError("no sign of life while a large store is checked")
        assert b"reading every page" not in doctor_on_terminal(w, "--quiet")


def test_store_put_back_to_an_older_state():
    with World() as w:
        with_store(w)
        assert w.run("stop").returncode == 0
        old = {name: open(state(w, name), "rb").read() for name in os.listdir(state(w)) if name.startswith("store.db")}
        for i in range(3):
            with_store(w)
        assert w.run("stop").returncode == 0
        for name in [n for n in os.listdir(state(w)) if n.startswith("store.db")]:
            os.unlink(state(w, name))
        for name, content in old.items():
            with open(state(w, name), "wb") as f:
                f.write(content)
            os.chmod(state(w, name), 0o600)
        checks = doctor(w)
        expect(checks, "store.integrity", "fail", "put back", "backup")
        expect(checks, "store.freshness", "warn", "older than it was", "put a backup back yourself")
        # What is there now is taken for the truth once the user says so.
        assert w.run("repair").returncode == 2  # nobody to ask
        expect(doctor(w), "store.freshness", "warn")
        assert w.run("repair", "--yes").returncode == 0
        checks = doctor(w)
        expect(checks, "store.integrity", "ok")
        expect(checks, "store.freshness", "ok")
        assert w.run("stop").returncode == 0
        assert w.run("memory", "list").returncode == 0


def test_a_store_that_cannot_be_opened_is_repaired_on_request():
    with World() as w:
        with_store(w)
        assert w.run("stop").returncode == 0
        for name in os.listdir(state(w)):
            if name.startswith("store.db-") or name == "store.head":
                os.unlink(state(w, name))
        refused = w.run("memory", "list")
        assert refused.returncode != 0 and b"paired repair" in refused.stderr, refused.stderr
        assert w.run("repair", "--yes").returncode == 0
        assert w.run("memory", "list").returncode == 0


def limited(which, value):
    return lambda: resource.setrlimit(which, (value, value))


def test_limits_that_are_too_low():
    with World() as w:
        expect(doctor(w, preexec=limited(resource.RLIMIT_NOFILE, 100)), "system.descriptors", "warn", "100", "ulimit -Hn")
        expect(doctor(w, preexec=limited(resource.RLIMIT_MEMLOCK, 0)), "system.memlock", "warn", "swap", "ulimit -l")


def test_clock_that_is_behind():
    with World() as w:
        expect(doctor(w, env=dict(w.env, PAIRED_TEST_CLOCK_S="1000000000")), "system.clock", "warn", "timedatectl")


def test_servers_without_a_client():
    with World() as w:
        # Looks like one of ours: `paired mcp`, adopted by init. Python stands in, since ours would end by itself.
        with open(os.path.join(w.dir, "mcp"), "w") as f:
            f.write("import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n")
        subprocess.run([sys.executable, "-c", "import os, sys\n"
                        "if os.fork() == 0:\n os.execv(sys.executable, ['paired', 'mcp'])\n"], cwd=w.dir, check=True)
        pid_file = os.path.join(w.dir, "pid")
        wait_until(lambda: os.path.exists(pid_file) and open(pid_file).read(), 20, "the stand-in")
        pid = open(pid_file).read()
        try:
            with open("/proc/%s/status" % pid) as f:
                if "\nPPid:\t1\n" not in f.read():
                    raise Skip("orphans are not given to init here")
            expect(doctor(w), "clients.leaked", "warn", "client is gone", "kill", pid)
        finally:
            os.kill(int(pid), signal.SIGKILL)


def test_clients_that_do_not_know_paired():
    with World() as w:
        bin = os.path.join(w.dir, "tools")
        os.mkdir(bin)
        with open(os.path.join(bin, "claude"), "w") as f:
            f.write("#!/bin/sh\n")
        os.chmod(os.path.join(bin, "claude"), 0o755)
        env = dict(w.env, PATH=bin)
        expect(doctor(w, env=env), "clients.registered", "warn", "Claude Code",
               "paired setup claude-code")
        with open(os.path.join(w.dir, ".claude.json"), "w") as f:
            json.dump({"mcpServers": {"paired": {"command": PAIRED, "args": ["mcp"]}}}, f)
        expect(doctor(w, env=env), "clients.registered", "ok")
        expect(doctor(w, env=dict(w.env, PATH="/nonexistent")), "clients.registered", "skip", "paired setup")


def test_locale_that_is_not_there():
    with World() as w:
        expect(doctor(w, env=dict(w.env, LC_ALL="xx_YY.UTF-8")), "terminal.locale", "warn", "locale -a")
        expect(doctor(w, env=dict(w.env, LC_ALL="C")), "terminal.locale", "skip", "C.UTF-8")
        expect(doctor(w, env=dict(w.env, LC_ALL="C.UTF-8")), "terminal.locale", "ok")


if __name__ == "__main__":
    main(globals())
