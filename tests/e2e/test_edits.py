"""Edits that a history made again and again: found with their names taken out, with the places that still have the form from before;
what was done and undone is none, one commit more is learnt from, and the second answer is the first."""
import json
import os
import subprocess

from process_lib import FLAGS, PAIRED, World, main

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden", "agents", "patterns-edits.txt")

COPY = "strcpy(%(n)s_mine, %(n)s_yours)"
BOUNDED = "snprintf(%(n)s_mine, sizeof(%(n)s_mine), \"%%s\", %(n)s_yours)"
TEXT = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int %(n)s_take(const char *%(n)s_yours) {
    char %(n)s_mine[64];
    if (!%(n)s_yours)
        return 0;
    %(copy)s;
    return puts(%(n)s_mine) < 0;
}

void *%(n)s_room(size_t %(n)s_bytes) {
    return %(room)s;
}
"""


def git_in(root, *argv, when="1700000000 +0000"):
    env = dict(PATH=os.environ["PATH"], HOME=root, GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when)
    for who in ("AUTHOR", "COMMITTER"):
        env.update({"GIT_%s_NAME" % who: "ada", "GIT_%s_EMAIL" % who: "ada@example.org"})
    subprocess.run(["git", "-C", root, *argv], env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                   stdin=subprocess.DEVNULL)


class Repo:
    def __init__(self, root):
        self.root, self.day = root, 0
        self.files = {n: {"copy": COPY, "room": "malloc(%(n)s_bytes)"} for n in ("ash", "birch", "cedar", "elm", "fir", "oak", "yew")}
        os.makedirs(root)
        git_in(root, "init", "-q", "-b", "main")
        self.commit("begin")

    def commit(self, subject, names=(), **parts):
        for n in names:
            self.files[n].update(parts)
        for n, p in self.files.items():
            with open(os.path.join(self.root, n + ".c"), "w") as f:
                f.write(TEXT % {"n": n, "copy": p["copy"] % {"n": n}, "room": p["room"] % {"n": n}})
        self.day += 1
        when = "%d +0000" % (1700000000 + self.day * 86400)
        git_in(self.root, "add", "-A")
        git_in(self.root, "commit", "-q", "-m", subject, when=when)


def ask(w, repo, *argv):
    r = subprocess.run([PAIRED, "patterns", *argv], env=w.env, cwd=repo.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=120)
    assert r.returncode == 0, r.stderr
    return r.stdout.decode()


def edits(w, repo, *argv):
    return json.loads(ask(w, repo, "--edits", "--json", *argv))


def filled(w):
    repo = Repo(os.path.join(w.dir, "wood"))
    repo.commit("Fix a copy that may run over", ["ash", "birch", "cedar", "elm"], copy=BOUNDED)
    repo.commit("Use calloc, it counts", ["ash", "birch", "cedar"], room="calloc(1, %(n)s_bytes)")
    return repo


def test_an_edit_is_found_with_what_is_left():
    with World() as w:
        repo = filled(w)
        text = ask(w, repo, "--edits")
        if "--update" in FLAGS:
            with open(GOLDEN, "w") as f:
                f.write(text)
        with open(GOLDEN) as f:
            assert f.read() == text, text
        assert ask(w, repo, "--edits") == text
        answer = edits(w, repo)
        first = next(i for i in answer["items"] if i["text"].startswith("strcpy"))
        assert (first["text"], first["count"], first["files"], first["still_count"]) == (
            "strcpy($A, $B)\n=>\nsnprintf($A, sizeof($A), $S2, $B)", 4, 4, 3), first
        assert [(p["path"], p["line"]) for p in first["still"]] == [("fir.c", 9), ("oak.c", 9), ("yew.c", 9)], first
        for name in repo.files:
            assert name + "_" not in text, name  # nobody's names
        # By its id: the places, also when asked for without the list.
        places = json.loads(ask(w, repo, "--id", first["id"][:8], "--json"))
        assert [i["path"] for i in places["items"]] == ["fir.c", "oak.c", "yew.c"], places
        assert edits(w, repo, "--language", "python")["items"] == []


def test_what_was_undone_elsewhere_is_no_edit():
    with World() as w:
        repo = filled(w)
        assert any("calloc" in i["text"] for i in edits(w, repo)["items"])
        repo.commit("Fix: calloc is too slow here", ["ash", "birch"], room="malloc(%(n)s_bytes)")
        assert not any("calloc" in i["text"] for i in edits(w, repo)["items"])
        assert any("strcpy" in i["text"] for i in edits(w, repo)["items"])


def test_places_follow_the_files_and_edits_the_commits():
    with World() as w:
        repo = filled(w)

        def strcpy():
            return next(i for i in edits(w, repo)["items"] if i["text"].startswith("strcpy"))
        assert strcpy()["still_count"] == 3
        with open(os.path.join(repo.root, "oak.c"), "a") as f:
            f.write("int oak_more(char *oak_a, char *oak_b) {\n    return strcpy(oak_a, oak_b) != 0;\n}\n")
        assert [(p["path"], p["line"]) for p in strcpy()["still"]] == [("fir.c", 9), ("oak.c", 9), ("oak.c", 17), ("yew.c", 9)]
        repo.commit("Fix another", ["fir"], copy=BOUNDED)  # it writes oak.c as it was
        found = strcpy()
        assert (found["count"], found["files"], found["still_count"]) == (5, 5, 2), found


def test_two_files_are_not_enough():
    with World() as w:
        repo = Repo(os.path.join(w.dir, "wood"))
        repo.commit("Fix a copy", ["ash", "birch"], copy=BOUNDED)
        repo.commit("Look at it", ["cedar", "elm", "fir"], copy=BOUNDED)  # says nothing of mending or rebuilding
        answer = edits(w, repo)
        assert answer["items"] == [] and "0 edits" in answer["title"], answer
        repo.commit("Fix a copy", ["oak"], copy=BOUNDED)
        assert len(edits(w, repo)["items"]) == 1


def test_without_history_there_is_none():
    with World() as w:
        root = os.path.join(w.dir, "plain")
        os.mkdir(root)
        with open(os.path.join(root, "a.c"), "w") as f:
            f.write("int main(void) {\n    return 0;\n}\n")
        r = subprocess.run([PAIRED, "patterns", "--edits", "--json"], env=w.env, cwd=root, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert r.returncode == 0, r.stderr
        answer = json.loads(r.stdout)
        assert answer["items"] == [] and any("no history" in n for n in answer["notes"]), answer


if __name__ == "__main__":
    main(globals())
