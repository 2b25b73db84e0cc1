"""An agent of a friend's is asked: what leaves, who lets it, what comes back. Two engines in two profiles."""
import json
import os
import signal
import subprocess
import threading

from process_lib import PAIRED, main
from test_cli import FAILED, OK, USAGE, data, run
from test_pair import WAIT_S, Two, pair, state, wait_until

BAD = """#include <stdlib.h>

int first(int *p) {
    int r = 0;
    if (r == r)
        return 1;
    return r;
}
"""
GOOD = BAD.replace("r == r)", "r == *p)")
TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


def git(folder, *argv):
    env = dict(os.environ, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null")
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *argv], cwd=folder, env=env, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def project(w):
    folder = os.path.join(w.dir, "project")
    os.makedirs(os.path.join(folder, "src"))
    for name, text in (("src/first.c", GOOD), ("src/same.c", "int same(void) {\n    return 7;\n}\n"),
                       ("private.txt", "nobody's business\n")):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    with open(os.path.join(folder, "src/first.c"), "w") as f:
        f.write(BAD + "// token: " + TOKEN + "\n")
    return folder


class Friends:
    """Ada asks, Grace's agents answer."""

    def __enter__(self):
        self.two = Two()
        self.ada, self.grace = self.two.__enter__()
        pair(self.ada, self.grace, ("--want", "task"), ("--give", "task"))
        wait_until(lambda: state(self.ada) == [("Grace", "connected")] and state(self.grace) == [("Ada", "connected")],
                   "they are connected")
        self.folder = project(self.ada)
        return self

    def __exit__(self, *exc):
        self.two.__exit__(*exc)

    def ask(self, *argv, code=OK):
        return run(self.ada, *argv, "--workspace", self.folder, code=code, timeout=4 * WAIT_S)

    def asked(self, state_=None):
        return [t for t in data(self.grace, "tasks")["tasks"] if state_ in (None, t["state"])]


def test_a_friend_reviews_a_change_and_gets_no_more_than_was_shown():
    with Friends() as f:
        run(f.grace, "tasks", "policy", "Ada", "always")
        shown, about = f.ask("review", "--show-what-leaves")
        assert "src/first.c" in shown and "+    if (r == r)" in shown, shown
        assert "same.c" not in shown and "private" not in shown and TOKEN not in shown, shown
        assert "1 files" in about and "crossed out" in about, about
        assert f.asked() == []  # showing sends nothing
        out, _ = f.ask("review", "--by", "Grace", "--yes")
        assert "src/first.c:5" in out, out
        task = f.asked("completed")[0]
        assert task["agent"] == "sherlock" and not task["ours"] and task["friend"] == "Ada"
        mine = data(f.ada, "tasks")["tasks"][0]
        assert mine["ours"] and mine["state"] == "completed" and mine["id"] == task["id"]
        # The log of what left says so on both sides, before and after.
        def logged(w, event):
            return [e for e in data(w, "audit", "list")["entries"]
                    if e["event"] == event and e.get("purpose") == "sherlock.review"]
        assert len(logged(f.ada, "send")) == 1 and len(logged(f.grace, "arrive")) == 1
        assert len(logged(f.grace, "send")) == 1
        wait_until(lambda: len(logged(f.ada, "arrive")) == 1, "the answer is in Ada's log")
        # Nothing of it lies on Grace's disk.
        for root, _, files in os.walk(f.grace.dir):
            for path in (os.path.join(root, name) for name in files):
                if os.path.isfile(path):
                    with open(path, "rb") as g:
                        kept = g.read()
                    assert b"int first(int" not in kept and TOKEN.encode() not in kept, path


def test_without_a_policy_its_user_is_asked():
    with Friends() as f:
        answers = []
        def ask():
            answers.append(f.ask("metrics", "--path", "src", "--by", "Grace", "--yes"))
        asking = threading.Thread(target=ask)
        asking.start()
        task = wait_until(lambda: f.asked("permission required"), "Grace is asked")[0]
        sent = data(f.grace, "tasks", "show", task["id"])["message"]["parts"]
        assert sorted(p["filename"] for p in sent) == ["src/first.c", "src/same.c"]
        text, _ = run(f.grace, "tasks")
        assert "from Ada" in text and "marie.metrics" in text and "tasks allow" in text, text
        run(f.grace, "tasks", "allow", task["id"][:8])
        asking.join(4 * WAIT_S)
        assert not asking.is_alive() and "src/first.c" in answers[0][0], answers
        # And no is no.
        asking = threading.Thread(target=lambda: answers.append(
            f.ask("map", "--path", "src", "--by", "Grace", "--yes", code=FAILED)))
        asking.start()
        task = wait_until(lambda: f.asked("permission required"), "Grace is asked again")[0]
        run(f.grace, "tasks", "deny", task["id"])
        asking.join(4 * WAIT_S)
        assert not asking.is_alive() and "rejected" in answers[1][1], answers


def test_what_may_not_be_asked_is_said_before_anything_leaves():
    with Friends() as f:
        _, err = f.ask("metrics", "--by", "Grace", "--yes", code=FAILED)
        assert "--path" in err and "whole repository" in err, err
        _, err = f.ask("review", "--by", "Nobody", "--yes", code=FAILED)
        assert "no such peer" in err
        f.ask("flow", "--by", "Grace", code=USAGE)  # from a history, which does not leave
        assert f.asked() == [] and data(f.ada, "tasks")["tasks"] == []
        # A policy that says no, and a grant that is gone.
        run(f.grace, "tasks", "policy", "Ada", "never", "--agent", "sherlock")
        _, err = f.ask("review", "--by", "Grace", "--yes", code=FAILED)
        assert "rejected" in err, err
        policies = data(f.grace, "tasks", "policy")["policies"]
        assert [(p["friend"], p["agent"], p["mode"]) for p in policies] == [("Ada", "sherlock", "never")]
        run(f.grace, "consent", "revoke", "task", "Ada", "--in")
        run(f.grace, "tasks", "policy", "Ada", "always", "--agent", "sherlock")
        _, err = f.ask("review", "--by", "Grace", "--yes", code=FAILED)
        assert "permitted" in err, err


def test_a_friend_that_is_away_is_asked_when_it_is_back():
    with Friends() as f:
        run(f.grace, "tasks", "policy", "everyone", "quota", "--requests", "5")
        run(f.grace, "federation", "off", timeout=WAIT_S)
        wait_until(lambda: state(f.ada)[0][1] != "connected", "Grace is gone")
        _, err = f.ask("review", "--by", "Grace", "--yes", code=3)
        assert "when the friend is there" in err, err
        mine = data(f.ada, "tasks")["tasks"][0]
        assert mine["state"] == "submitted" and not mine["sent"]
        run(f.grace, "federation", "on", timeout=WAIT_S)
        done = wait_until(lambda: [t for t in data(f.ada, "tasks")["tasks"] if t["state"] == "completed"],
                          "it is asked and answered")
        text, _ = run(f.ada, "tasks", "show", done[0]["id"][:8])
        assert "src/first.c:5" in text, text


def test_an_engine_that_dies_fails_what_was_under_way_on_both_sides():
    with Friends() as f:
        for dies in (f.grace, f.ada):
            before = len(f.asked())
            asking = subprocess.Popen([PAIRED, "review", "--by", "Grace", "--yes", "--workspace", f.folder],
                                      env=f.ada.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            task = wait_until(lambda: f.asked("permission required"), "Grace is asked")[0]
            pid = dies.engine_pid()
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: dies.engine_pid() != pid, "it is dead")
            wait_until(lambda: data(dies, "federation")["state"] == "running", "it is back")
            def ended(w):
                found = [t for t in data(w, "tasks")["tasks"] if t["id"] == task["id"]]
                return found and found[0]["ended"] and found[0]
            mine = wait_until(lambda: ended(f.ada), "it has failed at Ada's")
            assert mine["state"] == "failed" and "restarted" in mine["text"], mine
            theirs = wait_until(lambda: ended(f.grace), "it is over at Grace's")
            assert theirs["state"] == ("failed" if dies is f.grace else "canceled"), theirs
            assert asking.wait(4 * WAIT_S) != OK
            assert len(f.asked()) == before + 1
            wait_until(lambda: state(f.ada)[0][1] == state(f.grace)[0][1] == "connected", "they are back")
            # And another one works.
            run(f.grace, "tasks", "policy", "Ada", "always")
            out, _ = f.ask("review", "--by", "Grace", "--yes")
            assert "src/first.c:5" in out, out
            run(f.grace, "tasks", "policy", "Ada", "ask")


def test_cards_of_a_friend_list_what_its_agents_do():
    with Friends() as f:
        cards = data(f.ada, "tasks", "agents", "Grace")["cards"]
        assert [c["name"] for c in cards] == ["sherlock", "leonardo", "edison", "marie", "alex", "vince", "maya"]
        skills = {c["name"]: [s["id"] for s in c["skills"]] for c in cards}
        assert "review" in skills["sherlock"] and "mute" not in skills["sherlock"]
        assert all(len(c["signatures"]) == 1 for c in cards)
        assert "review" in run(f.ada, "tasks", "agents", "Grace")[0]


if __name__ == "__main__":
    main(globals())
