"""Audit logs that friends cosign: two engines on one machine, and a log that is put back to an older state."""
import base64
import json
import os
import shutil

from process_lib import main, wait_until
from test_cli import DEGRADED, data, run
from test_pair import Two, pair


def paired(ada, grace):
    pair(ada, grace, ("--give", "pattern", "--want", "pattern"), ("--give", "pattern", "--want", "pattern"))
    for w in (ada, grace):
        wait_until(lambda: [p["state"] for p in data(w, "peers")["peers"]] == ["connected"], 60, "connected")


def cosign(w):
    """Once more as long as the friend says that it is too soon (a second)."""
    found = {}

    def asked():
        found.update(json.loads(w.run("audit", "cosign", "--json").stdout))
        return not any("too soon" in p.get("problem", "") for p in found["peers"])
    wait_until(asked, 60, "cosigned")
    return found


def add(w, n):
    for i in range(n):
        run(w, "consent", "grant", "metric", "group:g%d" % i, "--yes")
        run(w, "consent", "revoke", "metric", "group:g%d" % i)


def test_a_friend_cosigns_and_goes_on_from_there():
    with Two() as (ada, grace):
        paired(ada, grace)
        found = cosign(ada)
        assert len(found["peers"]) == 1 and "problem" not in found["peers"][0], found
        assert found["peers"][0]["entries"] == found["entries"] and found["peers"][0]["who"].startswith("Grace ")
        verified = data(ada, "audit", "verify")
        assert verified["ok"] and verified["checkpoints"] == 1
        assert [c["entries"] for c in verified["cosigners"]] == [found["entries"]]
        # Asking is in the log, and alone no reason for the next checkpoint.
        kinds = [(e["kind"], e["event"]) for e in data(ada, "audit", "list")["entries"][:2]]
        assert kinds == [("audit", "end"), ("audit", "send")]
        again = cosign(ada)
        assert again["entries"] == found["entries"] and not again["peers"][0]["asked"]
        add(ada, 3)
        later = cosign(ada)
        assert later["entries"] > found["entries"] and "problem" not in later["peers"][0], later
        verified = data(ada, "audit", "verify")
        assert verified["checkpoints"] == 2 and verified["cosigners"][0]["entries"] == later["entries"]
        out, _ = run(ada, "audit", "verify")
        assert "cosigned up to entry %d by Grace " % later["entries"] in out
        # As others read it: a signed note with two signatures, and a proof that names both.
        lines = [json.loads(line) for line in run(ada, "audit", "export")[0].splitlines()]
        notes = [line for line in lines if "checkpoint" in line]
        assert [n["entries"] for n in notes] == [found["entries"], later["entries"]]
        text, signatures = notes[1]["checkpoint"].split("\n\n")
        assert text.split("\n")[1] == str(later["entries"])
        marks = [s.split(" ") for s in signatures.splitlines()]
        assert [m[0] for m in marks] == ["\u2014"] * 2 and len(base64.b64decode(marks[0][2])) == 68
        assert len(base64.b64decode(marks[1][2])) == 76 and len(notes[1]["keys"]) == 2
        path = os.path.join(ada.dir, "proof.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write(run(ada, "audit", "prove", "1")[0])
        checked = data(grace, "audit", "verify", "--proof", path)
        assert checked["ok"] and checked["device"] and len(checked["cosigned"]) == 1


def test_whom_nothing_is_granted_is_not_asked():
    with Two() as (ada, grace):
        pair(ada, grace)
        wait_until(lambda: [p["state"] for p in data(ada, "peers")["peers"]] == ["connected"], 60, "connected")
        add(ada, 1)
        assert cosign(ada)["peers"] == []
        run(ada, "consent", "grant", "pattern", "Grace", "--in", "--yes")  # by name

        def asked():  # the thread has the grants anew
            peers = cosign(ada)["peers"]
            return peers and peers[0]["asked"] and "problem" not in peers[0]
        wait_until(asked, 60, "asked")
        assert [g["who"].split(" ")[1] for g in data(ada, "consent")["grants"]] == ["Grace"]


def test_tampered_audit_a_log_put_back_to_an_older_state_is_named():
    with Two() as (ada, grace):
        paired(ada, grace)
        add(ada, 2)
        state = os.path.join(ada.profile, "state")
        kept = os.path.join(ada.dir, "kept")
        run(ada, "stop")
        shutil.copytree(state, kept, ignore=shutil.ignore_patterns("federation"))
        add(ada, 3)
        wait_until(lambda: [p["state"] for p in data(ada, "peers")["peers"]] == ["connected"], 60, "connected")
        had = cosign(ada)
        assert "problem" not in had["peers"][0], had
        run(ada, "stop")
        for name in os.listdir(state):
            if name.startswith("store"):
                os.remove(os.path.join(state, name))
        for name in os.listdir(kept):
            if name.startswith("store"):
                shutil.copy(os.path.join(kept, name), os.path.join(state, name))
        assert data(ada, "audit", "verify")["ok"]  # by itself it cannot show it
        wait_until(lambda: [p["state"] for p in data(ada, "peers")["peers"]] == ["connected"], 60, "connected")
        out, _ = run(ada, "audit", "cosign", code=DEGRADED)
        assert "Grace" in out and "it has cosigned %d entries" % had["entries"] in out and "cut or made anew" in out
        found = json.loads(run(ada, "audit", "verify", "--json", code=DEGRADED)[0])
        assert "checkpoint of %d entries" % had["entries"] in found["problem"], found
        assert [c["entries"] for c in found["cosigners"]] == [had["entries"]]
        # It is said again, and Grace is not shown what would look like forgery to her.
        log = grace.log()
        for n in (0, 8):  # shorter than what she has, and longer
            add(ada, n)
            again = json.loads(run(ada, "audit", "cosign", "--json", code=DEGRADED)[0])["peers"][0]
            assert not again["asked"] and ("fewer" if n == 0 else "no longer its beginning") in again["problem"], again
        assert grace.log().count("was not cosigned") == log.count("was not cosigned") == 0


if __name__ == "__main__":
    main(globals())
