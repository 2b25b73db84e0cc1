#!/usr/bin/env python3
"""How long do the agents take, asked again? agents_bench.py PAIRED [options] PATH…

An engine in a profile of its own indexes each PATH (a work tree with its history), then every capability of docs/AGENTS.md is asked
on the command line: once ("first"), then five times ("warm"). Times are of the whole command, spawn to exit; "cpu" is what the
engine and its gits used for a warm one, for busy machines. Prints what is over the asked 200 ms with a mark, the engine's memory and
the load of the machine; ends with 1 when something is over.

  --asked=MS      200
  --rounds=N      5
  --only=A,B      capabilities by name
  --branches=N    first a clone with N live branches: the newest N tips of the repository, each with an empty commit of today
  --dump=FOLDER   writes the first answer of each row, to compare two builds byte for byte
  --rest=S        seconds between the index being ready and the first question (0)
  --changed=N     first a clone with N files changed (a line added to the largest ones)"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from process_lib import FILES, FLAGS, PAIRED, World, rss_kb  # noqa: E402

ASKED = float(FLAGS.get("--asked", "200"))
ROUNDS = int(FLAGS.get("--rounds", "5"))
NOBODY = {"GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@example.org", "GIT_COMMITTER_NAME": "bench",
          "GIT_COMMITTER_EMAIL": "bench@example.org", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


def git(root, *argv, input=None):
    r = subprocess.run(["git", "-C", root, *argv], env=dict(os.environ, **NOBODY), input=input, check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return r.stdout.decode("utf8", "replace").strip()


def clone(root, into):
    """A clone that shares objects, at the same commit, with the tips that the original knows."""
    where = os.path.join(into, os.path.basename(root))
    subprocess.run(["git", "clone", "-q", "-s", root, where], env=dict(os.environ, **NOBODY), check=True, stderr=subprocess.DEVNULL)
    return where


def tips(root):
    """Newest first, each commit once."""
    lines = git(root, "for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/heads",
                "refs/remotes").splitlines()
    return list(dict.fromkeys(line.split()[0] for line in lines if not line.endswith("/HEAD")))


def live_branches(root, into, count):
    where = clone(root, into)
    head = git(where, "rev-parse", "HEAD")
    picked = [t for t in tips(root) if t != head][:count]
    if not picked:  # a single line: topics that were merged are branches again, up to where they were merged
        picked = git(where, "log", "--merges", "--first-parent", "--format=%P", "-n", str(count)).split("\n")
        picked = [p.split()[1] for p in picked if p]
    for i, tip in enumerate(picked):
        commit = git(where, "commit-tree", tip + "^{tree}", "-p", tip, "-m", "still open")
        git(where, "branch", "topic-%02d" % i, commit)
    return where


def change_files(root, into, count):
    where = clone(root, into)
    files = [f for f in git(where, "ls-files").splitlines() if re.search(r"\.(c|h|py|go|rb|rs|java|js|ts)$", f)]
    files = sorted(files, key=lambda f: (-os.path.getsize(os.path.join(where, f)), f))[:count]
    for f in files:
        with open(os.path.join(where, f), "ab") as out:
            out.write(b"\n")
    return where


def cpu_ms(pid):
    """Of the engine and of the git processes that it has waited for."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return sum(int(x) for x in fields[11:15]) * 1000 / os.sysconf("SC_CLK_TCK")


class Asked:
    def __init__(self, w, root):
        self.w, self.root = w, root

    def run(self, *argv):
        begin = time.monotonic()
        r = subprocess.run([PAIRED, *argv], env=self.w.env, cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=300)
        return (time.monotonic() - begin) * 1000, r

    def items(self, *argv):
        r = self.run(*argv, "--json", "--budget", "20000")[1]
        return json.loads(r.stdout)["items"] if r.returncode == 0 else []


def cases(a):
    """Rows of name and arguments, about places that this repository has."""
    functions = [i for i in a.items("metrics", "--limit", "50") if i.get("symbol")]
    symbol = functions[0]["symbol"] if functions else "main"
    path = functions[0]["path"] if functions else "."
    hot = [i["path"] for i in a.items("hotspots", "--limit", "5") if "path" in i] or [path]
    broken = [i["path"] for i in a.items("review-tree") if "path" in i] or [path]
    back = max(1, min(50, int(git(a.root, "rev-list", "--count", "--first-parent", "HEAD")) - 1))
    change = "HEAD~%d..HEAD" % back
    words = "timeout of a connection is not handled"
    return [
        ("review",), ("review", change), ("review-tree",), ("risk",), ("risk", change), ("missing",), ("missing", change),
        ("secrets",), ("secrets", "--range", change), ("mute",),
        ("impact", symbol), ("impact", "--path", hot[0]), ("graph",), ("graph", "--files"), ("boundaries", "--propose"),
        ("drift", "HEAD~%d" % back), ("adr",),
        ("map",), ("locate", words), ("pack", words), ("similar", "--symbol", symbol), ("fix", broken[0]), ("scaffold-test", symbol),
        ("patterns",), ("patterns", "--match", "if ($A == $N) {\n    return $N;\n}", "--language", "c"),
        ("metrics",), ("metrics", "--range", change), ("hotspots",), ("coupling",), ("owners",), ("explain", hot[0]),
        ("explain", path, "--number", "complexity"),
        ("backlog",), ("milestone", "retry on a timeout", "read the settings again"), ("changelog", change), ("digest",), ("flow",),
        ("forecast", "12"), ("blockers",), ("retro",), ("a11y",), ("strings",), ("cli-ux",), ("flows",),
        ("ask", "where are the hotspots?"), ("baseline",),
    ]


def documented():
    with open(os.path.join(HERE, "..", "..", "docs", "AGENTS.md")) as f:
        return set(re.findall(r"^### (\S+)$", f.read(), re.MULTILINE))


def dump(name, number, r):
    folder = FLAGS["--dump"]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "%s-%02d.txt" % (name, number)), "wb") as f:
        f.write(b"%d\n" % r.returncode + r.stdout + r.stderr)


def ready(a):
    """Until trees are there for all, and the caches that the engine fills in the background."""
    begin = time.monotonic()
    while time.monotonic() - begin < 120:
        r = a.run("metrics")[1]
        if r.returncode == 0 and b"lexical" not in r.stdout and b"not yet" not in r.stdout:
            break
    time.sleep(float(FLAGS.get("--rest", "0")))
    return time.monotonic() - begin


def bench(root, name):
    over = []
    only = FLAGS["--only"].split(",") if "--only" in FLAGS else None
    with World(idle_ms=600000) as w:
        a = Asked(w, root)
        begin = ready(a)
        rows = cases(a)
        assert {r[0] for r in rows} == documented(), {r[0] for r in rows} ^ documented()
        pid = w.engine_pid()
        print("%s: indexed in %.1f s; load %.1f\n%-44s %8s %8s %8s %8s   asked %g ms" % (
            name, begin, os.getloadavg()[0], "", "first", "median", "max", "cpu", ASKED))
        for i, argv in enumerate(rows):
            if only and argv[0] not in only:
                continue
            first, r = a.run(*argv)
            if "--dump" in FLAGS:
                dump(name, i, r)
            before = cpu_ms(pid)
            warm = [a.run(*argv)[0] for _ in range(ROUNDS)]
            used = (cpu_ms(pid) - before) / ROUNDS
            text = " ".join(x if len(x) < 30 else x[:27] + "..." for x in argv).replace("\n", " ")
            mark = " <--" if max(warm) > ASKED else ""
            over += [text] if mark else []
            print("%-44.44s %8.0f %8.0f %8.0f %8.0f   %s%s" % (text, first, statistics.median(warm), max(warm), used, "" if r.returncode == 0 else
                                                         "exit %d" % r.returncode, mark), flush=True)
        print("engine: %.0f MB, at most %.0f MB; load %.1f; over: %d\n" % (
            rss_kb(pid) / 1024, rss_kb(pid, "VmHWM") / 1024, os.getloadavg()[0], len(over)))
    return over


def main():
    over = []
    assert len(FILES) >= 2, __doc__
    with tempfile.TemporaryDirectory(prefix="agents-bench-") as scratch:
        for root in FILES[1:]:
            root = os.path.abspath(root)
            name = os.path.basename(root)
            if "--branches" in FLAGS:
                root = live_branches(root, scratch, int(FLAGS["--branches"]))
            if "--changed" in FLAGS:
                root = change_files(root, scratch, int(FLAGS["--changed"]))
            over += bench(root, name)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
