"""The command line from outside: parser, texts made from the table, settings, and that stdout is data only."""
import json
import os
import pty
import re
import shutil
import subprocess

from process_lib import PAIRED, Skip, World, main

OK, FAILED, USAGE, DEGRADED, AGAIN = 0, 1, 2, 3, 75


def run(w, *argv, code=OK, **options):
    r = w.run(*argv, **options)
    assert r.returncode == code, (argv, r.returncode, r.stdout, r.stderr)
    return r.stdout.decode(), r.stderr.decode()


def data(w, *argv, **options):
    """--json: exactly one document and a newline, nothing else."""
    out, _ = run(w, *argv, "--json", **options)
    assert out.endswith("\n"), out
    return json.loads(out)


def commands(w):
    out, err = run(w, "help")
    assert not err
    names = re.findall(r"^  ([a-z]+) ", out, re.M)
    all_names = []
    for name in names:
        help_text, _ = run(w, name, "--help")
        verbs = re.search(r"\nVerbs:\n((?:  .*\n)+)", help_text)
        all_names += [[name]] + [[name, v] for v in re.findall(r"^  ([a-z]+)", verbs.group(1), re.M)] if verbs else [[name]]
    return all_names


def test_every_command_explains_itself_on_stdout():
    with World() as w:
        names = commands(w)
        assert len(names) > 30, names
        for name in names:
            out, err = run(w, *name, "--help")
            assert out.startswith("Usage: paired %s" % " ".join(name)) and not err, (name, out, err)
            same, _ = run(w, "help", *name)
            assert same == out
        assert ["engine"] not in names  # hidden


def test_wrong_command_lines_say_what_was_meant():
    with World() as w:
        for argv, words in ((["recal"], []),
                            (["memory", "recal"], ["unknown command recal", "Did you mean recall?"]),
                            (["recall", "x"], ["unknown command recall", "Did you mean memory recall?"]),
                            (["stauts"], ["unknown command stauts", "Did you mean status?"]),
                            (["status", "--jsno"], ["unknown option --jsno", "Did you mean --json?"]),
                            (["memory", "list", "-z"], ["unknown option -z"]),
                            (["status", "more"], ["too many arguments at more"]),
                            (["memory", "show"], ["missing: UID", "paired memory show --help"]),
                            (["memory"], ["Verbs:"]),
                            (["--profile"], ["a value is missing"]),
                            (["memory", "list", "--workspace", "/no/such"], ["there is no folder /no/such"]),
                            (["status", "--json=1"], ["no value belongs to option json"]),
                            (["--quiet"], ["Usage: paired COMMAND"]),
                            (["memory recall"], ["unknown command"]),
                            (["mcp"] + ["--quiet"] * 60, ["too many options"])):
            out, err = run(w, *argv, code=USAGE)
            assert not out, out
            for word in words:
                assert word in err, (argv, err)


def test_options_may_stand_anywhere_and_two_dashes_end_them():
    with World() as w:
        run(w, "--json", "memory", "remember", "-k", "fact", "--subject=dash", "--", "--not", "an", "option")
        found = data(w, "memory", "recall", "option")
        assert found["notes"][0]["text"] == "--not an option"
        assert found["notes"][0]["subject"] == "dash"
        other = os.path.join(w.dir, "other")
        out, _ = run(w, "config", "path", "--profile", other)
        assert out == other + "/config/config.json\n"


def test_no_command_on_a_terminal_shows_short_help():
    with World() as w:
        master, slave = pty.openpty()
        r = subprocess.run([PAIRED], env=w.env, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        os.close(master)
        os.close(slave)
        assert r.returncode == USAGE and not r.stdout and b"Usage: paired COMMAND" in r.stderr


def test_manual_page_is_clean_and_complete():
    with World() as w:
        page, err = run(w, "help", "--man")
        assert not err and page.isascii()
        for name in commands(w):
            assert ("Cm " + " ".join(name)) in page.replace("\\&", ""), name
        for key in data(w, "config", "show"):
            assert key in page
        if shutil.which("mandoc"):
            r = subprocess.run(["mandoc", "-Tlint", "-Wstyle"], input=page.encode(), capture_output=True)
            assert r.returncode == 0 and not r.stdout, r.stdout.decode()
            text = subprocess.run(["mandoc", "-Tutf8"], input=page.encode(), capture_output=True).stdout.decode()
            assert "\\" not in text
        else:
            raise Skip("no mandoc; the rest of the page was checked")


def bash_completes(script, line):
    words = line.split(" ")
    program = "%s\nCOMP_WORDS=(%s); COMP_CWORD=%d; _paired; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
        script, " ".join("'%s'" % word for word in words), len(words) - 1)
    r = subprocess.run(["bash", "-c", program], capture_output=True, timeout=20)
    assert r.returncode == 0 and not r.stderr, r.stderr.decode()
    return set(r.stdout.decode().split())


def test_completions_follow_the_table():
    with World() as w:
        script, _ = run(w, "completion", "bash")
        assert {"memory", "mcp", "map", "metrics", "milestone", "missing", "mute"} == bash_completes(script, "paired m")
        assert bash_completes(script, "paired memory rec") == {"recall"}
        assert bash_completes(script, "paired --json memory re") == {"remember", "recall", "resume"}
        assert "--since" in bash_completes(script, "paired memory recall --")
        assert "--since" not in bash_completes(script, "paired memory list --")
        assert "--json" in bash_completes(script, "paired status --")
        assert "engine" not in bash_completes(script, "paired e")
        for option in ("-k", "--kind", "-t", "-n"):  # no option where a value belongs
            assert bash_completes(script, "paired memory recall %s " % option) == set(), option
        for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])):
            text, _ = run(w, "completion", shell)
            assert "handoff" in text and "--since" in text or "-l since" in text
            if shutil.which(shell):
                assert subprocess.run(check, input=text.encode(), timeout=20).returncode == 0
        if shutil.which("fish"):
            text, _ = run(w, "completion", "fish")
            for line, words in (("paired memory re", {"recall", "remember", "resume"}), ("paired key ro", {"rotate"})):
                r = subprocess.run(["fish", "--no-config", "-c", "source; complete -C '%s'" % line], input=text.encode(),
                                   env=w.env, capture_output=True, timeout=20)
                assert {s.split("\t")[0] for s in r.stdout.decode().splitlines()} == words, (line, r)
        _, err = run(w, "completion", "tcsh", code=USAGE)
        assert "bash, zsh or fish" in err


def test_json_is_one_document_whatever_happens():
    with World() as w:
        run(w, "memory", "remember", "something to look at")
        for argv in (["status"], ["version"], ["config", "show"], ["config", "show", "--origin"], ["config", "check"],
                     ["config", "path"], ["config", "get", "log.level"], ["memory", "list"], ["memory", "recall"],
                     ["memory", "tags"], ["memory", "resume"], ["key", "list"], ["setup"], ["setup", "claude"],
                     ["call", "recall"], ["stop"], ["stop"], ["status"]):
            data(w, *argv)
        for argv in (["memory", "show", "n000000000000000"], ["memory", "forget", "nonsense"],
                     ["memory", "recall", "--limit", "0", "x"], ["import", "/no/such/folder"], ["key", "remove", "9", "--yes"]):
            out, err = run(w, *argv, "--json", code=FAILED)
            error = json.loads(out)["error"]
            assert error["code"] and error["message"] in err, (argv, out, err)
        for argv in (["bogus"], ["memory", "list", "--bogus"], ["memory", "show"], ["memory"], ["config", "get"],
                     ["setup", "nonsense"], ["completion", "tcsh"], ["erase"], ["key", "remove", "x"], [b"\xff"], []):
            for line in (["--json", *argv], [*argv, "--json"]):
                out, err = run(w, *line, code=USAGE)
                error = json.loads(out)["error"]
                assert error["code"] == "usage" and error["message"] and err, (line, out, err)


def test_a_note_on_stdin_is_taken_whole_or_not_at_all():
    with World() as w:
        def refused(text, words, program="exec '%s' memory remember -" % PAIRED):
            r = subprocess.run(text + program, shell=True, env=w.env, capture_output=True, timeout=20)
            assert r.returncode == FAILED and words in r.stderr, (text, r)
        refused("printf 'before\\0after' | ", b"byte of value 0")
        refused("yes | ", b"at most 65536 bytes")  # and does not read for ever
        refused("", b"stdin cannot be read", "exec '%s' memory remember - <&-" % PAIRED)
        for option in ("--tag", "--subject"):
            _, err = run(w, "memory", "remember", option, b"\xff", "kept without it?", code=USAGE)
            assert "%s: not valid UTF-8" % option in err
        run(w, "memory", "handoff", "title", "--next", "go", "--file", b"\xff", code=USAGE)
        # An id that cannot be sent is not the same as none.
        for argv in (["memory", "resume"], ["memory", "tags"], ["memory", "show"], ["memory", "forget"], ["call"],
                     ["sessions", "show"], ["sessions", "forget"]):
            _, err = run(w, *argv, b"\xff", code=USAGE)
            assert "not valid UTF-8" in err, (argv, err)
        assert data(w, "memory", "list")["notes"] == []


def test_an_empty_profile_is_not_the_real_one():
    with World() as w:
        _, err = run(w, "--profile", "", "memory", "list", code=USAGE)
        assert "expects a folder" in err


def test_stdout_that_cannot_take_it_is_a_failure():
    with World() as w:
        with open("/dev/full", "wb") as full:
            r = subprocess.run([PAIRED, "help", "--man"], env=w.env, stdout=full, stderr=subprocess.PIPE, timeout=20)
        assert r.returncode == FAILED and b"No space left" in r.stderr, r
        r = subprocess.run("exec 3>&1; { '%s' help --man; echo $? >&2; } | true" % PAIRED, shell=True, env=w.env,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        assert r.stderr.strip() in (b"1", b"0"), r.stderr  # no message, no signal


def test_settings_are_shown_with_their_origin():
    with World() as w:
        run(w, "config", "set", "engine.idle_minutes", "7")
        run(w, "config", "set", "log.level", "debug")
        path = run(w, "config", "path")[0].strip()
        assert json.load(open(path)) == {"engine": {"idle_minutes": 7}, "log": {"level": "debug"}}
        assert oct(os.stat(path).st_mode & 0o777) == "0o600"
        assert run(w, "config", "get", "engine.idle_minutes")[0] == "7\n"
        env = dict(w.env, PAIRED_LOG_LEVEL="warn")
        shown = data(w, "config", "show", "--origin", env=env)
        assert shown["log.level"] == {"value": "warn", "origin": "environment", "where": "PAIRED_LOG_LEVEL"}
        assert shown["engine.idle_minutes"]["origin"] == "user"
        assert shown["engine.idle_minutes"]["where"].endswith("config.json:3")
        assert shown["mcp.tools"] == {"value": "all", "origin": "default"}
        run(w, "config", "unset", "log.level")
        assert run(w, "config", "get", "log.level")[0] == "info\n"
        for argv, word in ((["log.level", "loud"], "one of error"), (["engine.workers", "1"], "from 2 to 32"),
                           (["no.such", "1"], "no such setting")):
            _, err = run(w, "config", "set", *argv, code=FAILED)
            assert word in err, err


def test_what_was_not_set_is_not_said_to_be_unset():
    with World() as w:
        for key in ("log.level", "no.such"):  # no file, then one without it
            assert "not set in" in run(w, "config", "unset", key, code=FAILED)[1]
        run(w, "config", "set", "engine.workers", "3")
        assert "not set in" in run(w, "config", "unset", "log.level", code=FAILED)[1]
        run(w, "config", "unset", "engine.workers")


def test_a_mistake_in_the_prices_is_told():
    with World() as w:
        path = os.path.join(os.path.dirname(run(w, "config", "path")[0].strip()), "models.json")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for text, words in (('{"version": 1,\n nonsense', "line 2, column"), ('{"version": 7, "models": []}', "version"),
                            ('{"version": 1, "models": [{"name": "x", "family": "openai", "input": -1, "output": 2}]}', "expected dollars")):
            with open(path, "w") as f:
                f.write(text)
            (problem,) = data(w, "config", "check", code=DEGRADED)["problems"]
            assert words in problem and path in problem, problem
            (warned,) = [c for c in data(w, "doctor", code=DEGRADED)["checks"] if c["id"] == "config.files"]
            assert warned["result"] == "warn" and warned["found"] == problem and "paired stop" in warned["fix"], warned
        with open(path, "w") as f:
            f.write('{"version": 1, "models": [{"name": "x", "family": "openai", "input": 1, "output": 2}]}')
        assert data(w, "config", "check")["problems"] == []


def test_a_folder_of_any_name_is_no_hole_in_the_json():
    with World() as w:
        env = dict(w.env, PAIRED_PROFILE=os.fsdecode(os.fsencode(w.profile) + b"\xff"))
        ids = {c["id"] for c in data(w, "doctor", code=DEGRADED, env=env)["checks"]}
        assert {"directory.state", "directory.runtime", "directory.config", "socket.path"} <= ids, ids
        assert data(w, "config", "path", env=env)["path"].endswith("\ufffd/config/config.json")


def test_where_nothing_can_be_written_it_says_what_to_do():
    with World() as w:
        home = os.path.join(w.dir, "closed")
        os.makedirs(home)
        env = {k: v for k, v in w.env.items() if not k.startswith(("PAIRED_PROFILE", "XDG_"))}
        env["HOME"] = os.path.join(home, "of-nobody")
        as_nobody = {"user": 65534, "group": 65534} if os.getuid() == 0 else {}
        os.chmod(w.dir, 0o755)
        os.chmod(home, 0o555)
        r = subprocess.run([PAIRED, "memory", "list"], env=env, capture_output=True, timeout=20, cwd="/", **as_nobody)
        assert r.returncode == FAILED and b"cannot create the directory" in r.stderr, r
        assert b"PAIRED_PROFILE=DIR" in r.stderr, r


def test_config_check_names_file_and_line():
    with World() as w:
        run(w, "config", "check")
        os.makedirs(os.path.join(w.profile, "config"), exist_ok=True)
        path = os.path.join(w.profile, "config", "config.json")
        with open(path, "w") as f:
            f.write('{\n "log": {"level": "loud"},\n "colour": 1\n}\n')
        work = os.path.join(w.dir, "work")
        os.makedirs(os.path.join(work, ".paired"))
        with open(os.path.join(work, ".paired", "config.json"), "w") as f:
            f.write('{"mcp": {"tools": "read-only"},\n "engine": {"workers": 32}}')
        found = data(w, "config", "check", "--workspace", work, code=DEGRADED)
        assert [re.search(r"config\.json:(\d+): ([a-z.]+): ", p).groups() for p in found["problems"]] == [
            ("2", "log.level"), ("3", "colour"), ("2", "engine.workers")], found
        assert "not for a workspace to set" in found["problems"][2]
        assert run(w, "config", "get", "mcp.tools", "--workspace", work)[0] == "read-only\n"
        with open(path, "w") as f:
            f.write("{oops")
        out, _ = run(w, "config", "check", code=DEGRADED)
        assert re.match(r".*config\.json:1:\d+: ", out), out


def test_schema_covers_every_setting():
    with World() as w:
        schema = json.loads(run(w, "config", "schema")[0])
        for key in data(w, "config", "show"):
            group, name = key.split(".")
            assert schema["properties"][group]["properties"][name]["description"]


if __name__ == "__main__":
    main(globals())
