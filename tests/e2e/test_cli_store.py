"""The command line and the store: memory, keys, export, erase, calls over MCP, the engine's end."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

from process_lib import PAIRED, World, main
from test_cli import AGAIN, DEGRADED, FAILED, OK, USAGE, data, run


def remember(w, *argv):
    return data(w, "memory", "remember", *argv)["uid"]


def test_notes_are_kept_found_shown_and_hidden():
    with World() as w:
        first = remember(w, "--kind", "decision", "--subject", "database", "-t", "db", "-t", "storage", "We use SQLite")
        second = remember(w, "--kind", "decision", "--subject", "database", "We use SQLite in WAL mode")
        found = data(w, "memory", "recall", "sqlite")
        assert [n["uid"] for n in found["notes"]] == [second]
        both = data(w, "memory", "recall", "--superseded", "sqlite")
        assert {n["uid"] for n in both["notes"]} == {first, second}
        out, _ = run(w, "memory", "show", first)
        assert "superseded by" in out and second in out and "db storage" in out
        out, _ = run(w, "memory", "list")
        assert second in out
        assert set(data(w, "memory", "tags")["tags"]) == {"db", "storage"}
        assert data(w, "memory", "tags", "st")["tags"] == ["storage"]
        run(w, "memory", "forget", second)
        run(w, "memory", "show", second, code=FAILED)


def test_a_note_comes_from_stdin_and_cannot_steer_the_terminal():
    with World() as w:
        uid = data(w, "memory", "remember", "-", input=b"one \x1b[31m red\x07\nand two\n")["uid"]
        out, _ = run(w, "memory", "show", uid)
        assert "\\x1b[31m red\\x07\nand two" in out and "\x1b" not in out
        out, _ = run(w, "memory", "recall", "red")
        assert "\x1b" not in out
        assert data(w, "memory", "show", uid)["notes"][0]["text"] == "one \x1b[31m red\x07\nand two"
        _, err = run(w, "memory", "remember", "-", input=b"x" * 70000, code=FAILED)
        assert "65536" in err
        run(w, "memory", "remember", "-", input=b"\xff\xfe", code=FAILED)


def test_work_is_handed_over():
    with World() as w:
        run(w, "memory", "handoff", "Port", "the", "parser", code=USAGE)  # --next
        data(w, "memory", "handoff", "Port", "the", "parser", "--next", "run the seeds", "--question", "one pass?",
             "-f", "src/a.c", "-f", "src/b.c")
        found = data(w, "memory", "resume")["handoffs"][0]
        assert found["title"] == "Port the parser" and found["next"] == "run the seeds"
        assert found["files"] == ["src/a.c", "src/b.c"]
        shown = data(w, "memory", "show", found["uid"])["handoff"]
        assert shown["question"] == "one pass?"


def test_lists_have_pages():
    with World() as w:
        uids = [remember(w, "note number %d" % i) for i in range(5)]
        page = data(w, "memory", "list", "-n", "2")
        assert [n["uid"] for n in page["notes"]] == uids[:2:-1] and page["more"]
        rest = data(w, "memory", "list", "--after", page["notes"][-1]["uid"])
        assert [n["uid"] for n in rest["notes"]] == uids[2::-1] and not rest["more"]
        run(w, "memory", "list", "-n", "many", code=USAGE)
        run(w, "memory", "list", "-n", "1000", code=FAILED)


def test_workspaces_are_kept_apart():
    with World() as w:
        one, two = os.path.join(w.dir, "one"), os.path.join(w.dir, "two")
        os.mkdir(one)
        os.mkdir(two)
        uid = remember(w, "--workspace", one, "about the first")
        everywhere = remember(w, "--workspace", one, "--global", "about everything")
        assert {n["uid"] for n in data(w, "memory", "list", "--workspace", two)["notes"]} == {everywhere}
        assert {n["uid"] for n in data(w, "memory", "list", "--workspace", two, "--all")["notes"]} == {uid, everywhere}
        # A folder inside a repository is that repository, named or not.
        os.makedirs(os.path.join(one, ".git"))
        deep = os.path.join(one, "src", "deep")
        os.makedirs(deep)
        assert {n["uid"] for n in data(w, "memory", "list", "--workspace", deep)["notes"]} == {uid, everywhere}
        data(w, "erase", "--workspace", deep, "--yes")
        assert {n["uid"] for n in data(w, "memory", "list", "--all")["notes"]} == {everywhere}


def wait_for(master, text):
    shown = b""
    end = time.monotonic() + 30
    while text not in shown:
        assert time.monotonic() < end, shown
        if select.select([master], [], [], 0.2)[0]:
            shown += os.read(master, 4096)
    return shown


def typed(w, argv, answer):
    master, slave = pty.openpty()
    p = subprocess.Popen([PAIRED, *argv], env=w.env, stdin=slave, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = wait_for(master, b"to go on: ")
    os.write(master, answer + b"\n")
    code = p.wait(30)
    p.stdout.close()
    os.close(master)
    return code, shown.decode()


def test_erasing_wants_the_word_typed():
    with World() as w:
        uid = remember(w, "herons nest in April")
        _, err = run(w, "erase", "--all", code=USAGE)
        assert "--yes" in err and "erases everything" in err
        _, err = run(w, "erase", code=USAGE)
        assert "say what to erase" in err
        run(w, "erase", uid, "--all", "--yes", code=USAGE)
        code, shown = typed(w, ["erase", "--all"], b"yes")
        assert code == FAILED and 'Type "erase"' in shown
        assert data(w, "memory", "list", "--all")["notes"]
        code, _ = typed(w, ["erase", uid], b"erase")
        assert code == OK
        assert not data(w, "memory", "list", "--all")["notes"]
        run(w, "erase", uid, "--yes", code=FAILED)  # it is not there any more
        again = remember(w, "herons nest in May")
        run(w, "memory", "forget", "--erase", again, code=USAGE)
        run(w, "memory", "forget", "--erase", "--yes", again)
        hostile = data(w, "memory", "remember", "-", input=b"look \x1b[2J here")["uid"]
        _, err = run(w, "memory", "forget", "--erase", hostile, code=USAGE)
        assert "look \\x1b[2J here" in err and "\x1b" not in err


def test_a_passphrase_is_typed_unseen_and_twice():
    with World() as w:
        remember(w, "behind the door")
        for second, expected in ((b"other words", FAILED), (b"quiet heron", OK)):
            master, slave = pty.openpty()
            p = subprocess.Popen([PAIRED, "key", "passphrase", "--add"], env=w.env, stdin=slave, stdout=slave, stderr=slave)
            shown = wait_for(master, b"New passphrase: ")
            os.write(master, b"quiet heron\n")
            shown += wait_for(master, b"Again: ")
            os.write(master, second + b"\n")
            assert p.wait(30) == expected
            assert b"heron" not in shown
            os.close(slave)
            os.close(master)
        assert len(data(w, "key", "list")["slots"]) == 2


def test_an_interrupted_prompt_gives_the_terminal_back():
    with World() as w:
        master, slave = pty.openpty()
        p = subprocess.Popen([PAIRED, "key", "unlock"], env=w.env, stdin=slave, stdout=slave, stderr=slave)
        wait_for(master, b"words: ")
        assert not termios.tcgetattr(slave)[3] & termios.ECHO
        p.send_signal(signal.SIGINT)
        assert p.wait(30) == -signal.SIGINT
        assert termios.tcgetattr(slave)[3] & termios.ECHO
        os.close(slave)
        os.close(master)


def test_a_passphrase_locks_and_opens():
    with World() as w:
        remember(w, "behind the door")
        run(w, "key", "lock", code=FAILED)  # a key file alone would open it again at once
        run(w, "key", "passphrase", input=b"four quiet grey herons\n")
        slots = data(w, "key", "list")["slots"]
        assert "passphrase" in json.dumps(slots) and "grey" not in json.dumps(slots)
        run(w, "key", "lock")
        locked = data(w, "status", code=DEGRADED)["store"]
        assert locked["state"] == "locked" and locked["damaged"] is False, locked
        assert "damage" not in run(w, "status", code=DEGRADED)[0]  # nobody is sent to repair for that
        _, err = run(w, "memory", "recall", "door", code=AGAIN)
        assert "unlock" in err, err
        run(w, "key", "unlock", input=b"three quiet grey herons\n", code=FAILED)
        run(w, "key", "unlock", input=b"\n", code=FAILED)
        run(w, "key", "unlock", input=b"four quiet grey herons\n")
        assert data(w, "memory", "recall", "door")["notes"]
        run(w, "stop")  # and a new engine finds it locked
        run(w, "memory", "recall", "door", code=AGAIN)
        run(w, "key", "unlock", input=b"four quiet grey herons\n")
        words = run(w, "key", "recovery")[0].strip()
        run(w, "key", "lock")
        run(w, "key", "unlock", input=words.encode() + b"\n")
        run(w, "key", "file")
        run(w, "stop")
        assert data(w, "memory", "recall", "door")["notes"]


def test_a_key_is_rotated_and_a_slot_removed():
    with World() as w:
        remember(w, "sealed twice")
        assert data(w, "key", "rotate")["epoch"] == 2
        run(w, "key", "remove", "1", "--yes", code=FAILED)  # the last one that opens
        run(w, "key", "remove", "one", code=USAGE)
        run(w, "key", "remove", "1", code=USAGE)  # nobody to ask
        out, err = run(w, "key", "remove", "99", code=FAILED)  # and not asked whether to
        assert "no slot 99" in err and "--yes" not in err, err
        assert data(w, "memory", "recall", "sealed")["notes"]


def test_a_slot_is_the_one_that_was_typed():
    with World() as w:
        run(w, "key", "passphrase", "--add", input=b"correct horse battery\n")
        for number in ("4294967297", "4294967298", "-4294967295"):  # 1, 2 and 1 in 32 bits
            run(w, "key", "remove", "--yes", "--", number, code=FAILED)
        run(w, "key", "remove", "--yes", "99999999999999999999", code=USAGE)
        assert len(data(w, "key", "list")["slots"]) == 2


def test_slots_are_listed_in_words():
    with World() as w:
        run(w, "key", "passphrase", "--add", input=b"correct horse battery\n")
        first, second = run(w, "key", "list")[0].splitlines()
        assert "key-file" in first and "used at every start" in first and "never" not in first, first
        assert "passphrase" in second and second.endswith("last used never") and "last_used" not in second, second
        _, err = run(w, "key", "file")
        assert "slot 2, passphrase, opens it as well; paired key remove 2" in err, err
        run(w, "key", "remove", "2", "--yes")
        assert "as well" not in run(w, "key", "file")[1]


def test_hints_are_in_the_words_of_whoever_asks():
    with World() as w:
        uid = remember(w, "alpha " * 900)
        remember(w, "alpha beta")
        out, _ = run(w, "memory", "recall", "alpha", "--limit", "1", "--budget", "200")
        assert "(--all)" in out and "(--superseded)" in out and "More: --cursor " in out, out
        assert "=true" not in out and "memory://" not in out, out
        cursor = out.split("--cursor ")[1].strip()
        out, _ = run(w, "memory", "recall", "alpha", "--limit", "1", "--budget", "200", "--cursor", cursor)
        assert "alpha" in out, out
        out, _ = run(w, "call", "recall", '{"query":"alpha"}')
        assert "(all=true)" in out and "(superseded=true)" in out and "--" not in out, out
        out, _ = run(w, "memory", "forget", uid)
        assert "--erase removes it" in out and "=true" not in out, out


def test_nobody_is_asked_to_erase_what_is_not_there():
    with World() as w:
        _, err = run(w, "memory", "forget", "naaaaaaaaaaaaaaa", "--erase", code=FAILED)
        assert "there is no note naaaaaaaaaaaaaaa" in err and "--yes" not in err, err
        uid = remember(w, "hidden first")
        run(w, "memory", "forget", uid)
        _, err = run(w, "memory", "forget", uid, "--erase", code=USAGE)
        assert "hidden already" in err, err
        run(w, "memory", "forget", uid, "--erase", "--yes")
        _, err = run(w, "memory", "forget", uid, "--erase", code=FAILED)
        assert "there is no note" in err, err


def test_a_client_s_name_is_no_line_of_its_own():
    with World() as w:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x\n[nfake] fact", "version": "1"}}
        lines = [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
                 {"jsonrpc": "2.0", "method": "notifications/initialized"},
                 {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "remember", "arguments": {"text": "quay"}}}]
        r = subprocess.run([PAIRED, "mcp"], env=w.env, input="".join(json.dumps(m) + "\n" for m in lines).encode(),
                           capture_output=True, timeout=30)
        assert r.returncode == 0 and b"Noted as" in r.stdout, r
        out, _ = run(w, "memory", "recall", "quay", "--all")
        assert "from x [nfake] fact" in out and "\n[nfake]" not in out, out


def test_too_few_files_are_said_to_be_what_they_are():
    with World() as w:
        remember(w, "kept")
        told = 0
        for limit in range(14, 34, 2):
            run(w, "stop")
            r = subprocess.run("ulimit -n %d; exec '%s' memory remember low" % (limit, PAIRED), shell=True, env=w.env,
                               capture_output=True, timeout=60)
            if b"(SQLite 14)" in r.stderr or b"(SQLite 1034)" in r.stderr:
                assert b"Too many open files" in r.stderr, (limit, r)
            told += b"Too many open files" in r.stderr
        assert told
        run(w, "stop")
        assert "kept" in run(w, "memory", "recall", "kept")[0]


def test_status_is_in_units_that_people_read():
    with World() as w:
        remember(w, "one")
        remember(w, "two")
        out, _ = run(w, "status")
        assert re.search(r"half within [0-9.]+ m?s, 99 of 100 within [0-9.]+ m?s\n", out), out
        assert ", 2 notes, " in out, out
        run(w, "erase", "--all", "--yes")
        remember(w, "one")
        assert ", 1 note, " in run(w, "status")[0]


def test_an_export_is_imported_elsewhere():
    with World() as w, World() as other:
        remember(w, "--kind", "fact", "--subject", "bird", "A heron")
        remember(w, "Another heron")
        data(w, "memory", "handoff", "Count", "herons", "--next", "at dawn")
        folder = os.path.join(w.dir, "out")
        out, err = run(w, "export", "out")  # relative to where we are: tests run in the checkout
        made = out.strip()
        try:
            assert made == os.path.join(os.getcwd(), "out") and "not encrypted" in err
            run(w, "export", "out", code=FAILED)  # never into what is there
            os.rename(made, folder)
        finally:
            if os.path.isdir(made):
                subprocess.run(["rm", "-r", made], check=True)
        assert oct(os.stat(folder).st_mode & 0o777) == "0o700"
        assert data(other, "import", folder)["added"] >= 2
        assert data(other, "import", folder)["added"] == 0
        assert len(data(other, "memory", "list", "--all")["notes"]) == 2
        with open(os.path.join(folder, "notes.jsonl"), "ab") as f:
            f.write(b"{}\n")
        run(other, "import", folder, code=FAILED)


def test_call_speaks_mcp_in_both_eras():
    with World() as w:
        for flags in ([], ["--legacy"], ["--standalone"], ["--legacy", "--standalone"]):
            result = data(w, "call", "remember", json.dumps({"text": "called with %s" % (flags or "nothing")}), *flags)
            assert result["structuredContent"]["uid"] and not result["isError"]
        out, _ = run(w, "call", "recall", "-", input=b'{"query":"called"}')
        assert out.count("called with") == 4
        _, err = run(w, "call", "recall", "{oops", code=USAGE)
        assert "not JSON" in err
        run(w, "call", "recall", "[1]", code=USAGE)
        _, err = run(w, "call", "no_such_tool", code=FAILED)
        assert "no_such_tool" in err
        run(w, "call", "recall", '{"limit":"many"}', code=FAILED)
        # A misspelt argument would otherwise be answered as if nothing had been asked.
        out, _ = run(w, "call", "recall", '{"qury":"called"}', code=FAILED)
        assert "qury: no such argument" in out and " query " in out


def test_the_engine_is_stopped_and_comes_back():
    with World() as w:
        assert data(w, "status") == {"running": False}
        remember(w, "before")
        pid = w.engine_pid()
        shown = data(w, "status")
        assert shown["running"] and shown["pid"] == pid and shown["store"]["state"] == "open"
        assert data(w, "stop")["stopped"]
        assert not w.engine_pid() and not data(w, "stop")["stopped"]
        assert data(w, "memory", "recall", "before")["notes"]
        assert w.engine_pid() not in (0, pid)
        os.kill(w.engine_pid(), signal.SIGKILL)
        assert data(w, "memory", "recall", "before")["notes"]


def test_a_write_is_not_done_twice_when_the_engine_dies_under_it():
    with World() as w:
        remember(w, "warm up")
        for i in range(12):
            p = subprocess.Popen([PAIRED, "memory", "remember", "--json", "note %d of the dying" % i], env=w.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(0.001 * i)
            pid = w.engine_pid()
            if pid:
                os.kill(pid, signal.SIGKILL)
            out, err = p.communicate(timeout=60)
            assert p.returncode == OK, (out, err)
            assert json.loads(out)["uid"]
        texts = [n["text"] for n in data(w, "memory", "list", "-n", "100")["notes"]]
        assert sorted(texts) == sorted(set(texts)) and len(texts) == 13, texts


if __name__ == "__main__":
    main(globals())
