"""Federation in the built program, as far as one engine goes: on and off at run time, the identity on paper, locking,
kill -9, the service. What two engines do with each other is in test_pair.py and its like."""
import json
import os
import signal
import socket
import subprocess
import time

from process_lib import PAIRED, World, main, wait_until


def run(w, *argv, code=0, input=b""):
    p = w.run(*argv, input=input, timeout=120)
    assert p.returncode == code, (argv, p.returncode, p.stdout, p.stderr)
    return p.stdout.decode(), p.stderr.decode()


def data(w, *argv, **more):
    return json.loads(run(w, *argv, "--json", **more)[0])


def folder(w):
    return os.path.join(w.profile, "state", "federation")


def port_open(port):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex(("127.0.0.1", port)) == 0


def turn_on(w):
    got = data(w, "federation", "on")
    assert got["state"] == "running", got
    return got


def has_thread(w):
    tasks = "/proc/%d/task" % w.engine_pid()
    for t in os.listdir(tasks):
        try:
            if open(os.path.join(tasks, t, "comm")).read() == "federation\n":
                return True
        except OSError:
            pass  # one that has just ended
    return False


def test_off_there_is_nothing_of_it():
    with World() as w:
        assert data(w, "federation")["state"] == "off"
        out, err = run(w, "peers", code=1)
        assert "paired federation on" in err
        assert not os.path.exists(folder(w))
        assert not has_thread(w)
        got = turn_on(w)
        assert has_thread(w) and port_open(got["port"])
        assert data(w, "federation", "off")["state"] == "off"
        assert not has_thread(w) and not port_open(got["port"])
        assert run(w, "config", "get", "federation.enabled")[0] == "false\n"


def test_it_stays_on_over_restarts_and_keeps_its_keys():
    with World() as w:
        turn_on(w)
        before = data(w, "identity")
        assert run(w, "stop")
        wait_until(lambda: data(w, "federation")["state"] == "running", 30, "on again")
        assert data(w, "identity") == before
        os.kill(w.engine_pid(), signal.SIGKILL)
        wait_until(lambda: w.engine_pid() == 0, 10, "dead")
        assert data(w, "identity") == before  # waits for the start
        assert data(w, "peers")["peers"] == []
        for name in os.listdir(folder(w)):
            assert os.stat(os.path.join(folder(w), name)).st_mode & 0o077 == 0, name


def test_a_port_that_is_taken():
    with World() as w, socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(("::", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run(w, "config", "set", "federation.port", str(port))
        out, err = run(w, "federation", "on", "--json", code=3)
        got = json.loads(out)
        assert got["state"] == "failed" and str(port) in got["why"], got
        assert str(port) in run(w, "peers", code=1)[1]
        taken.close()
        wait_until(lambda: data_any(w)["state"] == "running", 30, "it is tried again")
        assert data(w, "federation")["port"] == port


def data_any(w):
    return json.loads(w.run("federation", "--json").stdout)


def test_the_words_bring_the_identity_to_another_machine():
    with World() as w, World() as other:
        turn_on(w)
        turn_on(other)
        mine, theirs = data(w, "identity"), data(other, "identity")
        assert mine["identity"] != theirs["identity"]
        words = data(w, "identity", "words")["words"]
        assert len(words.split()) == 21
        bad = " ".join(words.split()[:-1] + ["zebra"]).encode()
        run(other, "identity", "restore", "--yes", input=bad + b"\n", code=1)
        assert data(other, "identity") == theirs  # nothing has changed
        run(other, "identity", "restore", "--yes", input=words.encode() + b"\n")
        now = data(other, "identity")
        assert now["identity"] == mine["identity"] and now["device"] not in (mine["device"], theirs["device"])
        assert data(other, "federation")["state"] == "running"
        assert "before" not in " ".join(os.listdir(folder(other)))


def test_a_restoring_that_was_cut_off_loses_nobody():
    with World() as w:
        turn_on(w)
        before = data(w, "identity")
        run(w, "stop")
        os.rename(os.path.join(folder(w), "identity"), os.path.join(folder(w), "identity.before"))
        assert data(w, "identity") == before
        assert "identity.before" not in os.listdir(folder(w))


def test_a_key_on_paper_alone():
    with World() as w:
        turn_on(w)
        words = data(w, "identity", "words")["words"].encode()
        device = "ab" * 32
        run(w, "identity", "stow", "--yes")
        assert data(w, "identity")["stowed"]
        for verb in (("words",), ("rotate", "--yes"), ("revoke", device, "--yes")):
            assert "words" in run(w, "identity", *verb, code=1)[1], verb
        run(w, "identity", "unstow", input=b"apple " * 21 + b"\n", code=1)
        run(w, "identity", "unstow", input=words + b"\n")
        assert data(w, "identity", "words")["words"].encode() == words
        run(w, "identity", "revoke", device, "--yes")
        before = data(w, "identity")
        fresh = data(w, "identity", "rotate", "--yes")["words"]
        after = data(w, "identity")
        assert fresh.encode() != words and after["identity"] != before["identity"]
        assert after["device"] == before["device"]


def test_secrets_are_in_no_log_and_no_file():
    with World() as w:
        turn_on(w)
        words = data(w, "identity", "words")["words"]
        run(w, "stop")
        needle = " ".join(words.split()[:4]).encode()
        for root, _, names in os.walk(w.profile):
            for name in names:
                path = os.path.join(root, name)
                if os.path.isfile(path):
                    assert needle not in open(path, "rb").read(), path


def test_a_locked_store_locks_it_and_unlocking_brings_it_back():
    with World() as w:
        turn_on(w)
        before = data(w, "identity")
        run(w, "key", "passphrase", input=b"a long passphrase\n")
        run(w, "key", "lock")
        assert data_any(w)["state"] == "locked"
        assert "unlock" in run(w, "peers", code=75)[1]
        run(w, "key", "unlock", input=b"a long passphrase\n")
        wait_until(lambda: data_any(w)["state"] == "running", 60, "it opens again")
        assert data(w, "identity") == before


def test_replacing_the_data_keys_leaves_it_readable():
    with World() as w:
        turn_on(w)
        before = data(w, "identity")
        run(w, "key", "rotate")
        run(w, "stop")
        assert data(w, "identity") == before
        assert data(w, "peers")["peers"] == []


def test_a_damaged_database_is_said_and_left_alone():
    with World() as w:
        turn_on(w)
        run(w, "stop")
        path = os.path.join(folder(w), "peers.db")
        with open(path, "r+b") as f:
            f.seek(2000)
            f.write(b"damage" * 50)
        before = open(path, "rb").read()
        got = data_any(w)
        assert got["state"] == "failed" and got["why"], got
        assert open(path, "rb").read() == before
        assert not w.run("memory", "list").returncode  # the rest goes on


def test_the_service_takes_over_and_does_not_end_when_idle():
    with World(idle_ms=300) as w:
        c = w.client()
        c.initialize()
        first = w.engine_pid()
        p = subprocess.Popen([PAIRED, "--federate"], env=w.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        try:
            wait_until(lambda: w.engine_pid() == p.pid, 60, "the service has taken over")
            assert first != p.pid
            assert not c.tool("remember", {"text": "said to the service"})["result"].get("isError")
            assert c.end() == 0
            assert data(w, "federation")["state"] == "running"
            time.sleep(1)  # more than the idle time
            assert p.poll() is None and w.engine_pid() == p.pid
            p.send_signal(signal.SIGTERM)
            out, err = p.communicate(timeout=60)
            assert p.returncode == 0 and out == b"", (p.returncode, out, err)
        finally:
            if p.poll() is None:
                p.kill()
                p.communicate()


def test_an_export_has_it_and_erasing_removes_it():
    with World() as w:
        out = os.path.join(w.dir, "none")
        assert data(w, "export", out)["federated"] == 0 and "friends.jsonl" not in os.listdir(out)
        assert not os.path.exists(folder(w))
        turn_on(w)
        before = data(w, "identity")
        out = os.path.join(w.dir, "on")
        run(w, "export", out)
        assert open(os.path.join(out, "friends.jsonl")).read() == ""
        assert os.stat(os.path.join(out, "friends.jsonl")).st_mode & 0o777 == 0o600
        run(w, "import", out)  # it is for people: the import leaves it
        got = data(w, "federation", "erase", "--yes")
        assert got == {"friends": 0, "records": 0, "taken_back": 0, "confirmed": 0}, got
        wait_until(lambda: data_any(w)["state"] == "running", 30, "still wanted: it begins anew")
        assert data(w, "identity")["identity"] != before["identity"]
        run(w, "federation", "off")
        run(w, "erase", "--all", "--yes")
        assert not os.path.exists(folder(w))


def test_a_full_queue_of_callers_does_not_stop_the_engine():
    with World() as w:
        turn_on(w)
        many = [subprocess.Popen([PAIRED, "peers", "--json"], env=w.env, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL) for _ in range(40)]
        for p in many:
            out = p.communicate(timeout=120)[0]
            assert p.returncode == 0 and json.loads(out) == {"peers": []}


if __name__ == "__main__":
    main(globals())
