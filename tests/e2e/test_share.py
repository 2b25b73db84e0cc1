"""Sharing: what is shown is what goes, to whom it was said, under a grant; what arrives, what becomes of it, and that
nothing of one's own is in any of it."""
import json
import os
import re
import subprocess
import time

from process_lib import SLOW, World, main
from test_cli import FAILED, OK, USAGE, data, run
from test_pair import Two, pair, state

WAIT_S = 20 * SLOW
CANARY = "knry"
IDIOM = """#include <stdlib.h>
#include "knry_private.h"
/* knry: written by knry at /home/knry */
int knry_open%(n)d(const char *knry_path, struct knry_thing **knry_out) {
    char *knry_buffer%(n)d = malloc(%(n)d7357);
    if (knry_buffer%(n)d == NULL) {
        free(knry_buffer%(n)d);
        knry_log("knry secret %(n)d");
        return -1;
    }
    *knry_out = (struct knry_thing *)knry_buffer%(n)d;
    return 0;
}
"""


def wait_until(condition, what):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("never: " + what)


def text(out):
    return out.decode() if isinstance(out, bytes) else out


def repository(w):
    """A project in which an idiom comes in six files, and everything of one's own is a canary."""
    top = os.path.join(w.dir, "knry-project")
    os.makedirs(os.path.join(top, "src"))
    for n in range(6):
        with open(os.path.join(top, "src", "knry%d.c" % n), "w") as f:
            f.write(IDIOM % {"n": n})
    with open(os.path.join(top, "decision.md"), "w") as f:
        f.write("# One writer of knry_store\n\nknry_open3 in src/knry3.c writes; ask knry@example.org.\n"
                "It runs on 10.73.57.9, see https://wiki/knry and /home/knry/x.\n")
    for argv in (["init", "-q"], ["add", "-A"], ["-c", "user.name=Knry", "-c", "user.email=knry@example.org", "commit", "-qm", "x"]):
        subprocess.run(["git", *argv], cwd=top, check=True, env=dict(w.env, GIT_CONFIG_GLOBAL="/dev/null"))
    return top


def made(w, top, *argv):
    return data(w, "share", *argv, "--workspace", top)


def bodies(found):
    return [b["body"] for b in found["bodies"]]


def clean(*texts):
    for t in texts:
        assert CANARY not in t.lower() and "7357" not in t and "73.57" not in t, t


def test_bodies_are_shown_whole_and_hold_nothing_of_ones_own():
    with World() as w:
        top = repository(w)
        idioms = data(w, "patterns", "--workspace", top)
        assert idioms["items"], idioms
        found = made(w, top, "pattern", idioms["items"][0]["id"])
        assert bodies(found)[0].startswith("paired pattern 1\nlanguage: c\nrule: idiom\nfiles: 4\n"), found
        everything = bodies(found)
        everything += bodies(made(w, top, "pattern", "--all"))
        for bodies_too in ((), ("--bodies",)):
            found = made(w, top, "template", os.path.join(top, "src", "knry1.c"), *bodies_too)
            assert bodies(found)[0].startswith("paired template 1\nlanguage: c\n\nint $A1(const char *$A2,"), found
            everything += bodies(found)
        found = made(w, top, "decision", os.path.join(top, "decision.md"))
        assert found["masked"] == {"mail": 1, "address": 1, "link": 1, "path": 2, "name": 2}, found
        assert bodies(found)[0].startswith("paired decision 1\ntitle: One writer of [name]\nstate: accepted\n")
        everything += bodies(found)
        everything += bodies(made(w, top, "milestone", "Ship knry_store to knry.local", "--note", "with ~/knry/x"))
        everything += bodies(made(w, top, "resource", "The knry-project way, in src/knry2.c", "--title", "How @knry does"))
        clean(*everything)
        assert len(everything) >= 7
        # For people the same bytes.
        shown, err = run(w, "share", "decision", os.path.join(top, "decision.md"), "--workspace", top)[:2]
        assert bodies(found)[0] in text(shown) and "nothing has left" in text(err), (shown, err)


def test_what_may_not_leave_is_refused():
    with World() as w:
        top = repository(w)
        for argv, why in (
                (("resource", "token: ghp_16C7e42F292c6912E7710c838347Ae178B4a", "--title", "x"), "secret"),
                (("resource", "https://wiki/x", "--title", "x"), "link"),
                (("resource", "https://me:pw@example.org/", "--title", "x"), "link"),
                (("resource", "https://example.org/x"), "title"),
                (("milestone", "x", "--state", "accepted"), "state"),
                (("pattern", "00000000"), "patterns"),
                (("metric", "--month", "2999-01"), "month"),
                (("template", os.path.join(top, "decision.md")), "templates")):
            out = run(w, "share", *argv, "--workspace", top, code=FAILED)
            assert why in text(out[1]), (argv, out)
        run(w, "share", "pattern", code=USAGE)
        # Without federation nothing can go.
        out = run(w, "share", "resource", "x", "--title", "x", "--to", "everyone", "--yes", "--workspace", top,
                  code=FAILED)
        assert "federation" in text(out[1]), out


def test_figures_are_drawn_once():
    with World() as w:
        month = time.strftime("%Y-%m", time.gmtime(time.time() - 32 * 86400))
        first = bodies(made(w, w.dir, "metric", "--month", month))
        assert len(first) == 4 and all("epsilon: 0.500000\n" in b for b in first), first
        assert bodies(made(w, w.dir, "metric", "--month", month)) == first
        run(w, "stop")
        assert bodies(made(w, w.dir, "metric", "--month", month)) == first
        values = [re.search(r"value: (-?\d+)", b).group(1) for b in first]
        assert any(v != "0" for v in values), values  # of nothing at all: noise alone (0 with 1 in 10^9)


def friends(ada, grace):
    pair(ada, grace, ("--give", "pattern,template,resource,decision,milestone,metric", "--want", "pattern"),
         ("--give", "pattern", "--want", "pattern,template,resource,decision,milestone,metric"))
    wait_until(lambda: state(ada) == [("Grace", "connected")] and state(grace) == [("Ada", "connected")], "connected")


def arrivals(w, *argv):
    return data(w, "arrivals", *argv)["records"]


def files_below(top):
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                with open(os.path.join(folder, name), "rb") as f:
                    yield os.path.join(folder, name), f.read()
            except OSError:
                pass  # a socket, or gone


def test_what_was_shown_arrives_is_judged_and_taken_back():
    with Two() as (ada, grace):
        friends(ada, grace)
        top = repository(ada)
        shown = bodies(made(ada, top, "decision", os.path.join(top, "decision.md")))[0]
        # Without agreement nothing goes.
        run(ada, "share", "decision", os.path.join(top, "decision.md"), "--to", "Grace", "--workspace", top, code=USAGE)
        sent = made(ada, top, "decision", os.path.join(top, "decision.md"), "--to", "Grace", "--yes")["shared"][0]
        assert sent["who"] == "Grace" and sent["kind"] == "decision" and not sent["known"]
        again = made(ada, top, "decision", os.path.join(top, "decision.md"), "--to", "Grace", "--yes")["shared"][0]
        assert again["known"] and again["id"] == sent["id"]
        got = wait_until(lambda: arrivals(grace), "it arrives")[0]
        assert got["id"] == sent["id"] and got["from"] == "Ada" and got["state"] == "offered", got
        assert got["title"] == "One writer of [name]"
        assert arrivals(grace, sent["id"][:12])[0]["body"] == shown
        before = data(grace, "reputation")["friends"][0]["score"]
        run(grace, "accept", sent["id"][:12])
        assert arrivals(grace)[0]["state"] == "accepted"
        rated = data(grace, "reputation", "Ada")["friends"][0]
        assert rated["score"] > before and "accepted 1 record" in rated["reasons"][0], rated
        listed = data(ada, "share", "list")["records"]
        assert [(r["id"], r["to"], r["title"]) for r in listed] == [(sent["id"], "Grace", "One writer of [name]")]
        run(ada, "share", "revoke", sent["id"][:12], "--reason", "it was wrong")
        wait_until(lambda: not arrivals(grace), "it is deleted there")
        back = wait_until(lambda: [r for r in data(ada, "share", "list")["records"] if r.get("receipts")], "a receipt")
        assert back[0]["id"] == sent["id"] and back[0]["receipts"][0]["from"] == "Grace", back
        run(grace, "accept", sent["id"][:12], code=FAILED)


def test_a_pattern_goes_when_two_others_hold_it_or_to_whom_it_is_named():
    with Two() as (ada, grace):
        friends(ada, grace)
        top = repository(ada)
        idiom = data(ada, "patterns", "--workspace", top)["items"][0]["id"]
        # Nobody else is known to hold it: with --all only hashes go.
        sent = made(ada, top, "pattern", "--all", "--to", "Grace", "--yes")["shared"]
        assert len(sent) == 1, sent
        assert not arrivals(grace)
        out = run(ada, "share", "pattern", idiom, "--to", "everyone", "--yes", "--workspace", top, code=FAILED)
        assert "hold it" in text(out[1]), out
        named = made(ada, top, "pattern", idiom, "--to", "Grace", "--yes")["shared"][0]
        got = wait_until(lambda: data(grace, "patterns", "--from", "Ada")["records"], "the pattern arrives")
        assert [r["id"] for r in got] == [named["id"]] and got[0]["kind"] == "pattern"
        # Grace holds it, too, and says so; Ada counts her.
        theirs = repository(grace)
        made(grace, theirs, "pattern", "--all", "--to", "Ada", "--yes")
        wait_until(lambda: made(ada, top, "pattern", idiom)["bodies"][0]["holders"] == 1, "she is counted")


def test_no_canary_leaves_or_is_stored_with_the_friend():
    with Two() as (ada, grace):
        friends(ada, grace)
        top = repository(ada)
        for argv in (("pattern", "--all"), ("pattern", data(ada, "patterns", "--workspace", top)["items"][0]["id"]),
                     ("template", os.path.join(top, "src", "knry1.c"), "--bodies", "--title", "knry_open2"),
                     ("decision", os.path.join(top, "decision.md")), ("milestone", "knry_store of knry.local"),
                     ("resource", "as in src/knry2.c", "--title", "@knry")):
            made(ada, top, *argv, "--to", "Grace", "--yes")
        got = wait_until(lambda: len(arrivals(grace)) >= 5 and arrivals(grace), "all of it arrives")
        for r in got:
            clean(json.dumps(r), json.dumps(arrivals(grace, r["id"])))
        run(grace, "stop")
        for path, bytes_ in files_below(grace.profile):
            assert CANARY.encode() not in bytes_.lower(), path


def test_privacy_has_a_score_with_reasons():
    with World() as w:
        found = data(w, "privacy")
        assert found["score"] == sum(p["got"] for p in found["points"]) and 0 < found["score"] <= 100
        assert sum(p["of"] for p in found["points"]) == 100 and all(p["reason"] for p in found["points"])
        run(w, "consent", "grant", "pattern", "everyone", "--yes")
        after = data(w, "privacy")
        assert after["score"] < found["score"], after
        run(w, "consent", "revoke", "pattern", "everyone")
        assert data(w, "privacy")["score"] == found["score"]


if __name__ == "__main__":
    main(globals())
