"""A patch from a model: judged on a copy by paired's own checks and the user's commands, sent on to the next model when it
fails, shown and never applied. What the commands may do, and what must not become a command."""
import json
import os
import signal
import subprocess
import sys
import time

import process_lib as p
from model_script import Model
from test_ask import TILL, USER, Shop
from test_gateway import QUOTA

TASK = "total_of must count 1 for each price"
GOOD = """\
It adds one more for each price (src/till.c:6).

```diff
--- a/src/till.c
+++ b/src/till.c
@@ -40,3 +40,3 @@
     int total = 0;
     for (int i = 0; i < n; i++)
-        total += prices[i];
+        total += prices[i] + 1;
     return total;
```
"""
NO_PLACE = GOOD.replace("int total = 0", "long total = 0")
NO_PARSE = GOOD.replace("prices[i] + 1;", "prices[i] + ) {;")
WORSE = GOOD.replace("prices[i] + 1", "prices[i] + 2")
OPEN = (("models.checks_isolation", "off"),)  # for commands that tell of themselves in the user's folder
PRICES = ("cheap=gpt-5-nano", "middle=claude-haiku-4-5", "big=claude-opus-4-5")


def says(*answers):
    return lambda n, _request: (answers[min(n, len(answers)) - 1], [])


def check(name, *command, **more):
    return dict({"name": name, "command": list(command), "in": "*"}, **more)


def grep(text, name="test", **more):
    return check(name, "grep", "-q", text, "src/till.c", **more)


class Desk(Shop):
    """Models from cheap to dear, one backend each, and the user's checks."""

    def __init__(self, scripts, checks=(), settings=(), family="anthropic", files=(), plans=(), names=PRICES):
        models = [Model(s, plan=plans[i] if i < len(plans) else ()) for i, s in enumerate(scripts)]
        self.scratch = None
        super().__init__([], settings=(("models.explore_percent", "0"),) + tuple(settings), files=files)
        self.models = models
        for i, m in enumerate(models):
            self.paired("backends", "add", "b%d" % i, "--family", family, "--url", m.url, "--key-stdin", "--model",
                        names[i], input=b"sk-test-key\n")
            self.paired("consent", "grant", "b%d" % i, "--yes")
        if checks:
            self.checks(*checks)

    def checks(self, *checks):
        self.paired("config", "set", "models.checks", json.dumps(checks))
        self.paired("stop")

    def asked(self, *argv, env=None):
        r = subprocess.run([p.PAIRED, "ask", "--patch", *argv, TASK], env=dict(self.world.env, **(env or {})), cwd=self.folder,
                           timeout=120, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return r.returncode, r.stdout, r.stderr.decode()

    def patch(self, env=None):
        code, said, words = self.asked("--json", env=env)
        a = json.loads(said)
        assert code == (0 if a.get("passed") else 1), (code, a, words)
        return a

    def words(self):
        return self.asked()[2]

    def text(self, path="src/till.c"):
        with open(os.path.join(self.folder, path)) as f:
            return f.read()

    def copies(self):
        path = os.path.join(self.world.profile, "cache", "checks")
        return os.listdir(path) if os.path.isdir(path) else []

    def counts(self):
        return [len(m.requests) for m in self.models]


def results(stage):
    return {c["name"]: c["result"] for c in stage["checks"]}


def test_a_patch_is_made_whole_shown_and_not_applied():
    with Desk([says(GOOD)]) as d:
        a = d.patch()
        assert a["passed"] is True and results(a["stages"][0]) == {"patch": "passed", "parse": "passed"}, a
        assert "@@ -3,6 +3,6 @@" in a["patch"] and a["answer"].strip() == "It adds one more for each price (src/till.c:6).", a
        assert d.text() == TILL
        code, shown, words = d.asked()
        assert code == 0 and "Stage 1, b0 (cheap)" in words and "for git apply" in words and "```" not in words, words
        assert shown.startswith(b"diff --git a/src/till.c") and b"Stage" not in shown, shown
        r = subprocess.run(["git", "apply"], input=shown, cwd=d.folder, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        assert r.returncode == 0, (r.stdout, shown)
        assert "prices[i] + 1" in d.text()
        entries = json.loads(d.paired("audit", "list", "--json"))["entries"]
        assert {e["purpose"] for e in entries if e["event"] == "send"} == {"ask"}, entries


def test_a_pipe_gets_the_patch_to_the_letter_and_nothing_else():
    """Ends of lines, bytes that steer a terminal, and what a model says beside the patch that was checked."""
    crlf = ("diff --git a/other b/other\nnew file mode 100644\n--- /dev/null\n+++ b/other\n@@ -0,0 +1 @@\n+evil\n\n"
            "```diff\n--- a/win.txt\n+++ b/win.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+\x0ctwo\x1b[31m\n```\n")
    latin = "```diff\n--- a/latin.txt\n+++ b/latin.txt\n@@ -2 +2 @@\n-two\n+2\n```\n"
    with Desk([says(crlf, latin)]) as d:
        for name, content in (("win.txt", b"one\r\ntwo\r\n"), ("latin.txt", b"caf\xe9\ntwo\n")):
            with open(os.path.join(d.folder, name), "wb") as f:
                f.write(content)
        code, shown, words = d.asked()
        assert code == 0 and b"evil" not in shown and "+evil" in words, (shown, words)
        r = subprocess.run(["git", "apply"], input=shown, cwd=d.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert r.returncode == 0, r.stdout
        with open(os.path.join(d.folder, "win.txt"), "rb") as f:
            assert f.read() == b"one\r\n\x0ctwo\x1b[31m\r\n"
        code, shown, words = d.asked()
        assert (code, shown) == (1, b"") and "no UTF-8" in words, (shown, words)


def test_a_patch_that_fails_goes_to_the_next_model_with_what_failed():
    with Desk([says(NO_PLACE, WORSE), says(NO_PARSE, WORSE), says(GOOD)], checks=[grep("prices.i. . 1;")], settings=(("models.value_cents", "1"),)) as d:
        a = d.patch()
        assert a["passed"] is True and d.counts() == [1, 1, 1], (a["stages"], d.counts())
        assert [s["model"] for s in a["stages"]] == ["cheap", "middle", "big"], a["stages"]
        assert [results(s) for s in a["stages"]] == [
            {"patch": "failed", "test": "not run"}, {"patch": "passed", "parse": "failed", "test": "not run"},
            {"patch": "passed", "parse": "passed", "test": "passed"}], a["stages"]
        assert a["stages"][0]["cost_usd"] < a["stages"][2]["cost_usd"]
        second, third = [json.dumps(m.bodies()[0]["messages"]) for m in d.models[1:]]
        assert "its lines are not in the file" in second and "does not parse any more" in third
        assert "prices[i] + 1" in a["patch"] and "long total" not in a["patch"]
        for number, stage in enumerate(a["stages"], 1):
            w = json.loads(d.paired("why", stage["why"], "--json"))
            assert w["cascade"] == number and w["tries"][0]["model"] == stage["model"], w
            assert {c["name"]: c["result"] for c in w["checks"]} == results(stage), w
        assert "stage 3 of a patch: patch passed" in d.paired("why"), d.paired("why")
        assert "failed the checks" in d.paired("why", a["stages"][2]["why"])
        d.paired("stop")
        assert json.loads(d.paired("why", a["stages"][1]["why"], "--json"))["checks"][1]["result"] == "failed"
        assert d.text() == TILL and d.copies() == []


def test_the_users_commands_see_the_patch_in_a_copy():
    look = ("import os,sys\n"
            "assert '+ 1;' in open('src/till.c').read() and os.path.exists('src/main.c')\n"
            "assert not os.path.exists('.git') and not os.path.exists('secret.env')\n"
            "assert os.stat('run.sh').st_mode & 0o100 and os.stat('.').st_mode & 0o77 == 0\n"
            "open('src/till.c', 'w').write('overwritten'); open('made', 'w').write('x')\n"
            "print(sorted(os.environ), os.environ['TMPDIR'], os.getcwd())\n")
    with Desk([says(GOOD)], checks=[check("build", sys.executable, "-c", look, environment=["LANG", "MY_KEY", "OTHER"]),
                                    check("lint", "test", "-e", "made")],
              files={"run.sh": "#!/bin/sh\n", "secret.env": "A=1", ".gitignore": "secret.env\n"}.items()) as d:
        subprocess.run(["git", "init", "-q", "."], cwd=d.folder, check=True)
        os.chmod(os.path.join(d.folder, "run.sh"), 0o755)
        a = d.patch(env={"MY_KEY": "sk-secret", "OTHER": "o", "ANTHROPIC_API_KEY": "sk-2"})
        assert a["passed"], a["stages"]
        said = a["stages"][0]["checks"][2]["output"]
        assert "'PATH'" in said and "_KEY" not in said and "PAIRED" not in said, said
        assert d.folder not in said.split("]")[1], said
        assert d.text() == TILL and not os.path.exists(os.path.join(d.folder, "made")) and d.copies() == []


def test_what_fails_everywhere_is_said():
    with Desk([says(WORSE), says(WORSE)], checks=[grep("prices.i. . 1;")]) as d:
        a = d.patch()
        assert a["passed"] is False and a["stages"][-1]["checks"][-1]["note"] == "exit status 1", a
        assert 2 <= len(a["stages"]) <= 4 and "prices[i] + 2" in a["patch"]
        code, shown, words = d.asked()
        assert (code, shown) == (1, b"") and "No patch passed every check" in words and "none is written" in words, (code, shown, words)
    with Desk([says("I do not know.")]) as d:
        a = d.patch()
        assert a["passed"] is False and "patch" not in a and len(a["stages"]) == 2, a  # one more try, and no third
        assert "holds no patch" in a["stages"][0]["checks"][0]["note"]


def test_commands_that_cannot_run_hang_flood_or_fork_are_ended():
    leave = ("import os,sys,time\n"
             "for i in range(3):\n"
             "    if os.fork() == 0:\n"
             "        os.setsid()\n"
             "        if os.fork() == 0:\n"
             "            open(os.environ['CHECKED_WORKSPACE'] + '/pid.%d' % i, 'w').write(str(os.getpid()))\n"
             "            time.sleep(600)\n"
             "        os._exit(0)\n"
             "while len([n for n in os.listdir(os.environ['CHECKED_WORKSPACE']) if n.startswith('pid')]) < 3: time.sleep(.01)\n")
    with Desk([says(GOOD)], settings=OPEN) as d:
        for name, command, result, words in (
                ("gone", ["/nonexistent/tool"], "not run", "No such file"),
                ("hang", ["sleep", "600"], "failed", "stopped after 1 seconds"),
                ("flood", ["yes"], "failed", "printed more than 64 MB"),
                ("killed", ["sh", "-c", "kill -9 $$"], "failed", "ended by signal 9"),
                ("leave", [sys.executable, "-c", leave], "passed", "")):
            d.checks(check(name, *command, seconds=1 if name == "hang" else 60))
            a = d.patch()
            last = a["stages"][0]["checks"][-1]
            assert (last["name"], last["result"]) == (name, result) and words in last["note"], last
            assert a["passed"] is (result == "passed") and a["stages"][-1]["passed"] is (result != "failed"), a  # what cannot run is no pass
            assert len(last["output"]) < 20000 and d.copies() == [], last
        pids = [int(d.text("pid.%d" % i)) for i in range(3)]
        p.wait_until(lambda: not any(os.path.exists("/proc/%d" % n) for n in pids), 20, "those that left the group to end")


def test_a_patch_cannot_get_around_its_check():
    """What it takes away, kills or stops is a no, and what supervises cannot be spoken for."""
    gone = "```diff\ndiff --git a/check.sh b/check.sh\ndeleted file mode 100644\n--- a/check.sh\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-#!/bin/sh\n-exit 1\n```\n"
    with Desk([says(gone)], checks=[check("test", "./check.sh")], files={"check.sh": "#!/bin/sh\nexit 1\n"}.items()) as d:
        last = d.patch()["stages"][0]["checks"][-1]
        assert last["result"] == "failed" and "the patch changed it" in last["note"], last
    speak = ("import os,signal,sys\n"
             "for n in os.listdir('/proc'):\n"
             "    try: up = n.isdigit() and b'--supervise' in open('/proc/%s/cmdline' % n, 'rb').read()\n"
             "    except OSError: continue\n"
             "    if not up or int(n) == os.getpid(): continue\n"
             "    try: open('/proc/%s/fd/2' % n, 'w').write('exit 0\\n'); print('SPOKE')\n"
             "    except OSError as e: print(e)\n"
             "    os.kill(int(n), SIGNAL)\n"
             "sys.exit(1)\n")
    with Desk([says(GOOD)], settings=OPEN) as d:
        for sign, words in (("0", "exit status 1"), ("signal.SIGKILL", "supervises it was ended"), ("signal.SIGSTOP", "stopped after 1 seconds")):
            d.checks(check("test", sys.executable, "-c", speak.replace("SIGNAL", sign), seconds=1 if "STOP" in sign else 60))
            last = d.patch()["stages"][0]["checks"][-1]
            assert last["result"] == "failed" and (words in last["note"] or "exit status" in last["note"] and os.geteuid() == 0), (sign, last)
            assert os.geteuid() == 0 or "SPOKE" not in last["output"] and "Permission denied" in last["output"], last


def test_links_of_the_folder_are_copied_when_they_stay_inside():
    look = ("import os\n"
            "assert open('doc/readme').read() == open('readme').read() == open('doc/deep/er').read()\n"
            "assert not os.path.lexists('out') and not os.path.lexists('doc/out') and not os.path.lexists('turn')\n"
            "os.makedirs('x/y'); os.chmod('x/y', 0); os.chmod('x', 0)\n"
            "for i in range(1500): os.mkdir('d'); os.chdir('d')\n")
    with Desk([says(GOOD)], checks=[check("test", sys.executable, "-c", look)], files={"readme": "x\n", "doc/deep/a": "x\n"}.items()) as d:
        for target, name in (("../readme", "doc/readme"), (".././../readme", "doc/deep/er"), ("../readme", "out"), ("../../readme", "doc/out"),
                             ("doc/../readme", "turn")):
            os.symlink(target, os.path.join(d.folder, name))
        a = d.patch()
        assert a["passed"], a["stages"][0]["checks"]
        assert d.copies() == []


def test_checks_of_two_patches_take_turns():
    with Desk([says(GOOD, GOOD)], settings=OPEN) as d:
        d.checks(check("test", "sh", "-c", "mkdir $CHECKED_WORKSPACE/held && sleep 1 && rmdir $CHECKED_WORKSPACE/held"))
        askers = [subprocess.Popen([p.PAIRED, "ask", "--patch", "--json", TASK], env=d.world.env, cwd=d.folder, stdout=subprocess.PIPE)
                  for _ in range(2)]
        for one in askers:
            a = json.loads(one.communicate(timeout=120)[0])
            assert results(a["stages"][0])["test"] == "passed", a["stages"]
        assert d.copies() == []


def can_isolate(d):
    """Whether this system lets us; where it does not, that is what is told."""
    d.paired("config", "set", "models.checks_isolation", "required")
    d.checks(check("test", "true"))
    last = d.patch()["stages"][0]["checks"][-1]
    if last["result"] == "passed":
        assert last["isolated"] is True, last
        return True
    assert last["result"] == "not run" and "cannot be isolated here" in last["note"], last
    shown = d.words()
    assert "1 of its 3 checks could not be run" in shown, shown
    d.paired("config", "set", "models.checks_isolation", "auto")
    d.checks(check("test", "true"))
    last = d.patch()["stages"][0]["checks"][-1]
    assert last["result"] == "passed" and last["isolated"] is False, last
    assert "NOT ISOLATED" in d.words()
    return False


def test_checks_are_isolated():
    """What a command may reach, tried by one that a hostile patch could have made; and what an honest one needs."""
    hostile = ("import os,socket,signal\n"
               "home, folder = os.environ['HOME'], os.environ['CHECKED_WORKSPACE']\n"
               "def no(what, do):\n"
               "    try: do()\n"
               "    except OSError: return\n"
               "    print('REACHED', what)\n"
               "no('home', lambda: open(home + '/new', 'w'))\n"
               "no('folder', lambda: open(folder + '/src/till.c', 'a'))\n"
               "no('root', lambda: open('/etc/new', 'w'))\n"
               "no('key', lambda: open(home + '/.ssh/id_test').read())\n"
               "if os.listdir(STATE): print('REACHED store')\n"
               "no('others', lambda: os.kill(PID, 0))\n"
               "no('network', lambda: socket.create_connection(('127.0.0.1', PORT), 5))\n"
               "no('socket', lambda: socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket'))\n"
               "no('supervisor', lambda: open('/proc/1/fd/1', 'w').write('x'))\n"
               "assert len([n for n in os.listdir('/proc') if n.isdigit()]) == 2\n"
               "if os.fork() == 0:\n"
               "    os.setsid()\n"
               "    signal.pause()\n")
    honest = ("import multiprocessing,os,socket,subprocess,tempfile\n"
              "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()).close()\n"
              "open('made', 'w'); open('/tmp/made', 'w'); tempfile.TemporaryFile(); open('/dev/null', 'w')\n"
              "os.makedirs(os.environ['XDG_CACHE_HOME'] + '/go-build'); multiprocessing.Lock()\n"
              "assert open(os.environ['CHECKED_WORKSPACE'] + '/src/till.c').read() and os.getuid() == ID\n"
              "assert open(os.environ['HOME'] + '/readable').read() == 'x'\n"
              "open(os.environ['HOME'] + '/tool/state', 'w').write('kept')\n"
              "subprocess.run(['sh', '-c', 'exit 0'], check=True)\n")
    with Desk([says(GOOD)]) as d:
        if not can_isolate(d):
            return
        home = d.world.env["HOME"]
        for name in (".ssh", "tool"):
            os.makedirs(os.path.join(home, name), exist_ok=True)
        for name in ("readable", ".ssh/id_test"):
            with open(os.path.join(home, name), "w") as f:
                f.write("x")
        port = int(d.models[0].url.rsplit(":", 1)[1].split("/")[0])
        for word, value in (("STATE", repr(os.path.join(d.world.profile, "state"))), ("PID", str(os.getpid())), ("PORT", str(port))):
            hostile = hostile.replace(word, value)
        d.checks(check("hostile", sys.executable, "-c", hostile, seconds=60))
        last = d.patch()["stages"][0]["checks"][-1]
        assert last["result"] == "passed" and last["isolated"] and "REACHED" not in last["output"], last
        d.checks(check("honest", sys.executable, "-c", honest.replace("ID", str(os.getuid())), writable=["~/tool", "~/not-there"]),
                 check("test", "sh", "-c", "echo no > $HOME/new"))
        a = d.patch()
        assert results(a["stages"][0]) == {"patch": "passed", "parse": "passed", "honest": "passed", "test": "failed"}, a["stages"][0]
        with open(os.path.join(home, "tool", "state")) as f:
            assert f.read() == "kept"
        assert "without network" in d.words() and d.copies() == [] and d.text() == TILL
        d.checks(check("gone", "/nonexistent/tool"), check("hang", "sleep", "600", seconds=1))
        checks = d.patch()["stages"][0]["checks"]
        assert "No such file" in checks[2]["note"] and "stopped after 1 seconds" in checks[3]["note"], checks
        d.checks(check("signal", "sh", "-c", "kill -9 $$"))
        assert "ended by signal 9" in d.patch()["stages"][0]["checks"][-1]["note"]


def slow(d):
    return check("slow", sys.executable, "-c",
                 "import os,time\nopen(os.environ['CHECKED_WORKSPACE'] + '/begun', 'w').write(str(os.getpid()))\ntime.sleep(600)")


def begun(d):
    path = os.path.join(d.folder, "begun")
    p.wait_until(lambda: os.path.exists(path) and open(path).read(), 60, "the command")
    return int(open(path).read())


def test_who_asks_leaves_and_the_command_ends():
    for how in (signal.SIGTERM, signal.SIGKILL):
        with Desk([says(GOOD)], settings=OPEN) as d:
            d.checks(slow(d))
            asker = subprocess.Popen([p.PAIRED, "ask", "--patch", TASK], env=d.world.env, cwd=d.folder,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            pid = begun(d)
            asker.send_signal(how)
            asker.communicate(timeout=60)
            p.wait_until(lambda: not os.path.exists("/proc/%d" % pid), 30, "the command to end")
            p.wait_until(lambda: d.copies() == [], 30, "the copy to go")
            assert d.text() == TILL


def test_the_engine_is_killed_and_the_command_ends():
    with Desk([says(GOOD)], settings=OPEN) as d:
        d.checks(slow(d))
        asker = subprocess.Popen([p.PAIRED, "ask", "--patch", TASK], env=d.world.env, cwd=d.folder,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        pid = begun(d)
        os.kill(d.world.engine_pid(), signal.SIGKILL)
        p.wait_until(lambda: not os.path.exists("/proc/%d" % pid), 30, "the command to end")
        asker.kill()
        asker.communicate(timeout=60)
        d.checks(grep("prices"))
        assert d.patch()["passed"] and d.copies() == []  # what the killed one left is gone, too


def test_a_folder_never_names_a_command():
    evil = json.dumps({"models": {"checks": [check("evil", "touch", "/tmp/paired-check-was-here")]}})
    with Desk([says(GOOD)], files={".paired/config.json": evil, ".vscode/settings.json": evil}.items()) as d:
        assert "evil" not in json.dumps(d.patch())
        shown = subprocess.run([p.PAIRED, "config", "check"], env=d.world.env, cwd=d.folder, stdout=subprocess.PIPE)
        assert b"models.checks: only your own settings" in shown.stdout, shown
        assert d.paired("config", "get", "models.checks").strip() == "[]"
        env = {"PAIRED_MODELS_CHECKS": json.dumps([check("evil", "touch", "/tmp/paired-check-was-here")])}
        assert d.paired("config", "get", "models.checks", env=env).strip() == "[]"
        assert not os.path.exists("/tmp/paired-check-was-here")
        d.checks(dict(grep("prices"), **{"in": "/somewhere/else"}))
        assert "test" not in results(d.patch()["stages"][0])
        d.checks(dict(grep("prices"), **{"in": os.path.dirname(os.path.realpath(d.folder)) + "/*"}))
        assert results(d.patch()["stages"][0])["test"] == "passed"


def test_paths_of_a_patch_stay_in_the_folder():
    def patch(path, add=False):
        old = "/dev/null" if add else "a/" + path
        return "```diff\n--- %s\n+++ b/%s\n@@ -1 +1 @@\n%s+x\n```\n" % (old, path, "" if add else "-A=1\n")
    cases = [patch("../out.c", True), patch("/etc/x", True), patch(".git/hooks/pre-commit", True), patch("link/x", True),
             patch("secret.env"), patch("src/till.c", True), patch("file.link")]
    for bad in cases:
        with Desk([says(bad)], checks=[check("all", "true")],
                  files={"secret.env": "A=1\n", ".gitignore": "secret.env\n"}.items()) as d:
            subprocess.run(["git", "init", "-q", "."], cwd=d.folder, check=True)
            os.symlink("/tmp", os.path.join(d.folder, "link"))
            os.symlink("secret.env", os.path.join(d.folder, "file.link"))
            a = d.patch()
            assert a["passed"] is False and "patch" not in a, (bad, a)
            assert a["stages"][0]["checks"][0]["result"] == "failed", (bad, a)


def test_only_the_command_line_asks_for_one_and_without_a_model_it_says_so():
    with Desk([says(GOOD)]) as d:
        r = d.mcp().tool("ask", {"question": TASK, "patch": True})
        assert "patch" in json.dumps(r) and r["result"]["isError"], r
        assert d.counts() == [0]
    with Desk([]) as d:
        assert "no model backend" in d.patch()["without_model"]


def test_what_the_user_says_teaches_the_checks():
    def rates(d):
        return {c["name"]: c for c in json.loads(d.paired("why", "--checks", "--json"))["checks"]}
    with Desk([says(WORSE), says(GOOD)], checks=[grep("prices.i. . 1;")], settings=(("models.value_cents", "1"),)) as d:
        assert "no patch was checked yet" in d.paired("why", "--checks") or rates(d) == {}
        a = d.patch()
        assert [s["passed"] for s in a["stages"]] == [False, True], a["stages"]
        first, second = [s["why"] for s in a["stages"]]
        r = rates(d)
        assert (r["test"]["runs"], r["test"]["passes"], r["patch"]["passes"]) == (2, 1, 2), r
        assert {m["model"]: m["passes"] for m in r["test"]["models"]} == {"cheap": 0, "middle": 1}, r
        before = r["test"]["false_pass"], r["test"]["false_fail"]
        assert "So do the 3 checks" in d.paired("why", second, "--bad")
        d.paired("why", second, "--bad")  # said twice is said once
        r = rates(d)
        assert (r["test"]["right"], r["test"]["wrong"]) == (0, 1) and r["test"]["false_pass"] > before[0], (r, before)
        d.paired("why", second, "--good")  # taken back
        r = rates(d)
        assert (r["test"]["right"], r["test"]["wrong"]) == (1, 0) and r["test"]["false_fail"] < before[1], (r, before)
        d.paired("stop")  # also what an engine before this one has sent
        assert json.loads(d.paired("why", first, "--good", "--json"))["checks"] == 3
        r = rates(d)
        assert (r["test"]["right"], r["test"]["wrong"]) == (2, 0) and r["test"]["false_fail"] > before[1], (r, before)
        assert json.loads(d.paired("why", first, "--json"))["verdict"] == "good"
        assert "believed to pass" in d.paired("why", "--checks")
        d.paired("why", "--forget")
        assert rates(d) == {} and json.loads(d.paired("why", first, "--bad", "--json"))["checks"] == 3
        assert rates(d)["test"]["wrong"] == 1
        d.paired("erase", "--workspace", ".", "--yes")
        assert rates(d) == {}


def test_a_check_that_lets_all_pass_makes_the_strong_one_go_first():
    """Verdicts on answers that passed: the check is trusted less, the cheap model is thought less of, and both send the
    task to the strong one."""
    with Desk([says(WORSE), says(GOOD)], checks=[grep("prices")], names=("cheap=gpt-5-nano", "big=claude-opus-4-5"),
              settings=(("models.value_cents", "3"),)) as d:
        a = d.patch()
        assert [s["model"] for s in a["stages"]] == ["cheap"], a["stages"]
        asked = ["cheap"]
        for _ in range(25):
            d.paired("why", "--bad")
            asked.append(d.patch()["stages"][0]["model"])
            if asked[-1] == "big":
                break
        assert asked[-1] == "big", asked
        p.report("after %d wrong answers that passed the strong model goes first" % (len(asked) - 1))


def test_budgets_end_the_stages():
    with Desk([says(WORSE), says(WORSE)], checks=[grep("prices.i. . 1;")], settings=(("ask.turns", "1"),)) as d:
        a = d.patch()
        assert sum(d.counts()) == 1 and "ask.turns" in a["stopped"] and a["passed"] is False and a["patch"], a
    with Desk([says(GOOD), says(GOOD)], plans=([(429, *QUOTA[1:])] if isinstance(QUOTA, tuple) else [QUOTA], [])) as d:
        a = d.patch()  # a backend that fails is no stage
        assert a["passed"] and len(a["stages"]) == 1 and a["stages"][0]["model"] == "middle", a


if __name__ == "__main__":
    p.main(globals())
