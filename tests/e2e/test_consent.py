"""Consent of federation from the command line, with federation off: kind x audience x direction."""
import os
import pty
import subprocess

from process_lib import PAIRED, World, main
from test_cli import FAILED, OK, USAGE, data, run

FRIEND = "friend:" + "1f" * 32
KINDS = ("pattern", "template", "resource", "metric", "decision", "milestone", "task")


def rows(w):
    return [(g["kind"], g["audience"], g["direction"], g["workspace"]) for g in data(w, "consent")["grants"]]


def test_everything_is_off_until_somebody_agrees_to_the_words():
    with World() as w:
        assert rows(w) == []
        for kind in KINDS:
            out, err = run(w, "consent", "grant", kind, FRIEND, "--both", code=USAGE)
            assert not out and "friend 1f1f1f1f" in err and "ever leave" in err, err
            assert err.count("until you revoke it") == 2 and "--yes" in err
        assert rows(w) == []
        run(w, "consent", "grant", "pattern", FRIEND, "--yes")
        assert rows(w) == [("pattern", FRIEND, "out", None)]
        run(w, "consent", "grant", "pattern", FRIEND, "--both", "--for", "30d", "--yes")
        grants = data(w, "consent")["grants"]
        assert [g["direction"] for g in grants] == ["in", "out"]
        for g in grants:
            assert abs(g["expires_ms"] - g["given_ms"] - 30 * 24 * 3600 * 1000) < 60000 and g["text_version"] == 1
            assert g["who"] == "friend 1f1f1f1f" and "asks_again" not in g
        assert [e["ended_by"] for e in data(w, "consent", "history", FRIEND)["ended"]] == ["replaced"]


def test_a_person_agrees_at_the_terminal():
    with World() as w:
        for answer, code in ((b"yes\n", FAILED), (b"grant\n", OK)):
            ours, theirs = pty.openpty()
            p = subprocess.Popen([PAIRED, "consent", "grant", "metric", "everyone"], env=w.env, stdin=theirs,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            os.close(theirs)
            os.write(ours, answer)
            _, err = p.communicate(timeout=30)
            os.close(ours)
            assert p.returncode == code and b"everyone you are paired with, now or later" in err, err
        assert rows(w) == [("metric", "everyone", "out", None)]


def test_the_table_shows_both_directions_and_backends_as_before():
    with World() as w:
        here = os.path.join(w.dir, "here")
        os.mkdir(here)
        run(w, "backends", "add", "ollama")
        run(w, "consent", "grant", "ollama", "--any", "--yes")
        run(w, "consent", "grant", "pattern", "group:team", "--both", "--yes")
        run(w, "consent", "grant", "decision", "group:team", "--workspace", here, "--yes")
        out, _ = run(w, "consent")
        lines = out.splitlines()
        assert lines[0].startswith("backend out ollama  any workspace  since ")
        assert lines[1].split() == ["KIND", "WHO", "OUT", "IN", "WORKSPACE"]
        assert lines[2].split() == ["decision", "group", "team", "yes", "-", here]
        assert lines[3].split() == ["pattern", "group", "team", "yes", "yes", "any"]
        assert len(lines) == 4
        # Revoking a backend leaves the others, and the other way round.
        run(w, "consent", "revoke", "ollama")
        assert len(rows(w)) == 3
        assert data(w, "consent", "revoke", "pattern", "group:team", "--in")["ended"] == 1
        run(w, "consent", "revoke", "pattern", "group:team", "--in", code=FAILED)
        assert data(w, "consent", "revoke", "all", "group:team")["ended"] == 2
        assert rows(w) == []
        out, _ = run(w, "consent", "history")
        assert "pattern in group team  any workspace  since " in out and ", revoked " in out


def test_what_cannot_be_meant_is_refused():
    with World() as w:
        for argv in (("patern", FRIEND), ("pattern", "anna"), ("pattern", FRIEND[:-1]), ("task", "everyone"),
                     ("all", FRIEND), ("pattern", "everyone", "--workspace", w.dir, "--in")):
            run(w, "consent", "grant", *argv, "--yes", code=FAILED)
        for argv in (("ollama", "--in"), ("pattern", FRIEND, "--for", "x"), ("pattern", FRIEND, "--for", "0d")):
            run(w, "consent", "grant", *argv, "--yes", code=USAGE)
        assert rows(w) == []


def test_grants_are_audited_with_the_words_and_no_file_gives_one():
    with World() as w:
        run(w, "consent", "grant", "pattern", FRIEND, "--yes")
        entry = data(w, "audit", "list")["entries"][0]
        assert (entry["event"], entry["kind"], entry["audience"]) == ("grant", "pattern", FRIEND)
        assert entry["purpose"] == "granted out"
        word, version, digest = entry["model"].split(" ")
        assert (word, version, len(digest)) == ("words", "1", 64)
        assert "grant  pattern friend 1f1f1f1f  granted out" in run(w, "audit", "list")[0]
        folder = os.path.join(w.dir, "export")
        run(w, "export", folder)
        with World() as other:
            run(other, "import", folder)
            assert rows(other) == []


if __name__ == "__main__":
    main(globals())
