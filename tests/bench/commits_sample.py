#!/usr/bin/env python3
"""What a review says of commits that nobody changed for us, to be judged by hand.

commits_sample.py draw PAIRED --seed S [--count 300] [--not TABLE]… --out TABLE GITDIR…
commits_sample.py again PAIRED TABLE [--lines] GITDIR…
commits_sample.py totals [--wrong SHARE] TABLE…

draw: the same number of commits of each repository, chosen by the seed among its newest 3,000 that are no merges and change
source (none that touch more than 60 files: those are imports). Each is laid into a work tree on top of its parent, uncommitted,
as its author had it before committing, and reviewed with everything paired has to say, copies and exports included. A row for
each finding: repository, commit, path:line, rule, verdict "?", reason; a row with "-" for a commit without one. Texts of sources
are not kept: what was said, with the lines around it, goes to TABLE.txt for whoever judges.

A verdict is "true" (a maintainer could want the change), "false" (the statement is wrong, or they would rightly close it) or
"debatable" (true, but they may well not care), with a reason.

again: the same commits once more; which judged findings are still made, which are gone, which are new.
totals: by rule, and the share of commits with a finding; fails with a verdict missing, or more wrong than asked. Of several tables
also the rules over all of them: the share that was not wrong, and what it is at least with 90 % (Wilson's bound, one-sided).
"""
import argparse
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile

SOURCE = re.compile(r"\.(c|h|cc|cpp|cxx|hpp|hh|py|js|mjs|cjs|jsx|ts|tsx|go|rs|java|rb|sh|bash)$")
OTHERS = re.compile(r"(^|/)(deps|vendor|third_party|node_modules|dist)/|\.min\.js$")
NEWEST, FILES_MAX, AROUND = 3000, 60, 12
VERDICTS = ("true", "debatable", "false")
HEAD = ["repository", "commit", "place", "rule", "verdict", "reason"]


def git(folder, *args):
    return subprocess.run(["git", "-C", folder, *args], capture_output=True, check=True).stdout.decode("utf8", "replace")


def name_of(folder):
    parts = [p for p in os.path.abspath(folder).split("/") if p not in ("repo", "repo.git")]
    return parts[-1].replace("+", "/")


def candidates(folder):
    """Commits that change source and are neither merges nor imports; newest first."""
    # Without renames, which would read files that a copy of a repository may lack.
    listed = git(folder, "log", "--no-merges", "--no-renames", "--min-parents=1", "--topo-order", "-n", str(NEWEST), "--format=%x01%H", "--name-only", "-z")
    found = []
    for block in listed.split("\x01")[1:]:
        commit, _, names = block.partition("\0")
        paths = [p.strip("\n") for p in names.split("\0") if p.strip("\n")]
        if len(paths) <= FILES_MAX and any(SOURCE.search(p) and not OTHERS.search(p) for p in paths):
            found.append(commit.strip())
    return found


class Bench:
    """One engine with a profile of its own, and a work tree for one repository at a time."""

    def __init__(self, paired):
        self.paired = os.path.abspath(paired)
        self.folder = tempfile.TemporaryDirectory(prefix="commits-")
        self.env = dict(os.environ, PAIRED_PROFILE=os.path.join(self.folder.name, "profile"), GIT_CONFIG_GLOBAL="/dev/null",
                        GIT_LFS_SKIP_SMUDGE="1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([self.paired, "stop"], env=self.env, capture_output=True)
        self.folder.cleanup()

    def open(self, folder):
        root = os.path.join(self.folder.name, name_of(folder).replace("/", "+"))
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", folder, root], check=True)
        return root

    def lay(self, root, commit):
        """The commit's files over its parent, as a change that is not committed yet."""
        git(root, "update-ref", "--no-deref", "HEAD", commit + "^")
        git(root, "read-tree", "--empty")
        git(root, "clean", "-q", "-ffdx")
        git(root, "read-tree", commit)
        # A copy of a repository may lack its largest files: they count as not checked out.
        if subprocess.run(["git", "-C", root, "checkout-index", "-q", "-f", "-a", "-u"], capture_output=True).returncode:
            gone = git(root, "ls-files", "-d", "-z")
            subprocess.run(["git", "-C", root, "update-index", "-z", "--skip-worktree", "--stdin"], input=gone.encode(), check=True)

    def review(self, root):
        items, cursor, title = [], [], ""
        for _ in range(1000):
            r = subprocess.run([self.paired, "review", "--json", "--budget", "20000", *cursor], env=self.env, cwd=root,
                               capture_output=True, timeout=600)
            if r.returncode:
                raise RuntimeError("%s: %s" % (root, r.stderr.decode("utf8", "replace")))
            answer = json.loads(r.stdout)
            title = answer["title"]
            items += answer["items"]
            if not answer.get("next"):
                assert len(items) == answer["total"], (root, len(items), answer["total"])
                return title, items
            cursor = ["--cursor", answer["next"]]
        raise RuntimeError("an answer without an end")


def around(root, item):
    with open(os.path.join(root, item["path"]), encoding="utf8", errors="replace") as f:
        lines = f.read().split("\n")
    first = max(0, item["line"] - 1 - AROUND)
    last = min(len(lines), max(item["line"] + AROUND, min(item["end_line"] + 3, item["line"] + 60)))
    return "\n".join("%s%5d %s" % (">" if n + 1 == item["line"] else " ", n + 1, lines[n][:200]) for n in range(first, last))


def review_commit(bench, root, repository, commit, detail):
    """Rows of one commit."""
    bench.lay(root, commit)
    title, items = bench.review(root)
    detail.write("\n##### %s %s  %s\n" % (repository, commit[:12], title))
    rows = []
    for k, item in enumerate(items):
        rows.append([repository, commit[:12], "%s:%d" % (item["path"], item["line"]), item["rule"], "?", ""])
        detail.write("\n=== %s %s %s:%d %s [%s %d%%] %s\n%s\n" % (repository, commit[:12], item["path"], item["line"], item["rule"],
                                                               item["severity"], item["confidence"], item["message"], around(root, item)))
    detail.flush()
    return rows or [[repository, commit[:12], "-", "-", "-", ""]]


def write_table(path, rows, heading):
    with open(path, "w", encoding="utf8") as f:
        f.write("# %s\n%s\n" % (heading, "\t".join(HEAD)))
        f.writelines("\t".join(r) + "\n" for r in rows)


def read_table(path):
    with open(path, encoding="utf8") as f:
        lines = [l.rstrip("\n").split("\t") for l in f if not l.startswith("#")]
    assert lines and lines[0] == HEAD, path
    for row in lines[1:]:
        assert len(row) == len(HEAD), (path, row)
    return lines[1:]


def why(e):
    return (e.stderr.decode("utf8", "replace") if isinstance(e, subprocess.CalledProcessError) else str(e)).strip()[-100:]


def draw(args):
    done = {row[1] for table in args.without for row in read_table(table)}
    rows, folders = [], args.folders
    with Bench(args.paired) as bench, open(args.out + ".txt", "w", encoding="utf8") as detail:
        for k, folder in enumerate(folders):
            wanted = args.count * (k + 1) // len(folders) - args.count * k // len(folders)
            try:
                known = [c for c in candidates(folder) if c[:12] not in done]
            except subprocess.CalledProcessError as e:
                print("%s left out: %s" % (name_of(folder), why(e)), flush=True)
                continue
            chosen = set(random.Random("%d/%s" % (args.seed, name_of(folder))).sample(sorted(known), min(wanted, len(known))))
            root = bench.open(folder)
            found = []
            for commit in (c for c in known if c in chosen):
                try:
                    found.append(review_commit(bench, root, name_of(folder), commit, detail))
                except (subprocess.CalledProcessError, RuntimeError) as e:  # a copy of the repository without that file's content
                    print("%s %s left out: %s" % (name_of(folder), commit[:12], why(e)), flush=True)
            rows += [row for some in found for row in some]
            print("%-32s %3d commits, %3d with findings, %4d findings" % (name_of(folder), len(found), sum(r[0][2] != "-" for r in found),
                                                                          sum(row[2] != "-" for some in found for row in some)), flush=True)
            write_table(args.out, rows, "seed %d" % args.seed)
            subprocess.run(["rm", "-rf", root], check=True)
    return 0


def again(args):
    folders = {name_of(f): f for f in args.folders}
    judged = collections.defaultdict(list)
    for row in read_table(args.table):
        judged[row[0], row[1]].append(row)
    counts, by_rule = collections.Counter(), collections.defaultdict(collections.Counter)
    root, opened = None, None
    with Bench(args.paired) as bench, open(os.devnull if not args.lines else args.table + ".again.txt", "w", encoding="utf8") as detail:
        for (repository, commit), rows in judged.items():
            if repository != opened:
                root, opened = bench.open(folders[repository]), repository
            now = collections.Counter((r[2], r[3]) for r in review_commit(bench, root, repository, git(root, "rev-parse", commit).strip(), detail))
            for row in rows:
                here = now[row[2], row[3]] > 0
                now[row[2], row[3]] -= here
                if row[2] != "-":
                    counts[row[4], "still" if here else "gone"] += 1
                    by_rule[row[3]][row[4], "still" if here else "gone"] += 1
                    if not here:
                        print("gone  %s" % " ".join(row), flush=True)
            for (place, rule), n in now.items():
                if n > 0 and place != "-":
                    counts["?", "new"] += n
                    by_rule[rule]["?", "new"] += n
                    print("new   %s %s %s %s" % (repository, commit, place, rule), flush=True)
    for rule, n in sorted(by_rule.items()) + [("all", counts)]:
        print("%-28s %s" % (rule, "  ".join("%s %s %d" % (v, w, c) for (v, w), c in sorted(n.items()))))
    return 0


def at_least(right, n, z=1.2816):
    """Wilson's lower bound of a share, one-sided, 90 %."""
    p = right / n
    return max(0.0, (p + z * z / (2 * n) - z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5) / (1 + z * z / n))


def pool(tables):
    by_rule = collections.defaultdict(collections.Counter)
    for row in (row for table in tables for row in read_table(table) if row[2] != "-"):
        by_rule[row[3]][row[4]] += 1
        by_rule["all"][row[4]] += 1
    print("All tables:\n\n| rule | findings | wrong | precision | at least |\n|---|---|---|---|---|")
    for rule, n in sorted(by_rule.items(), key=lambda x: (x[0] == "all", -sum(x[1].values()), x[0])):
        count = sum(n.values())
        print("| %s | %d | %d | %.2f | %.2f |" % ("`%s`" % rule if rule != "all" else rule, count, n["false"], 1 - n["false"] / count,
                                                  at_least(count - n["false"], count)))


def totals(args):
    bad = False
    for table in args.tables:
        rows = read_table(table)
        commits = {(r[0], r[1]) for r in rows}
        said = [r for r in rows if r[2] != "-"]
        unjudged = [r for r in said if r[4] not in VERDICTS or not r[5].strip()]
        by_rule = collections.defaultdict(collections.Counter)
        for r in said:
            by_rule[r[3]][r[4]] += 1
            by_rule["all"][r[4]] += 1
        print("%s: %d commits of %d repositories, %d with a finding (%.0f %%), %d findings" % (
            os.path.basename(table), len(commits), len({c[0] for c in commits}), len({(r[0], r[1]) for r in said}),
            100 * len({(r[0], r[1]) for r in said}) / max(1, len(commits)), len(said)))
        print("\n| rule | findings | true | debatable | false |\n|---|---|---|---|---|")
        for rule, n in sorted(by_rule.items(), key=lambda x: (x[0] == "all", -sum(x[1].values()), x[0])):
            print("| %s | %d | %d | %d | %d |" % ("`%s`" % rule if rule != "all" else rule, sum(n.values()), *(n[v] for v in VERDICTS)))
        wrong = by_rule["all"]["false"] / max(1, len(said))
        print("\nwrong: %d of %d, %.1f %%\n" % (by_rule["all"]["false"], len(said), 100 * wrong))
        for r in unjudged:
            print("not judged: %s" % " ".join(r))
        bad |= bool(unjudged) or wrong > args.wrong
    if len(args.tables) > 1:
        pool(args.tables)
    return int(bad)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(required=True)
    d = sub.add_parser("draw")
    d.add_argument("paired")
    d.add_argument("--seed", type=int, required=True)
    d.add_argument("--count", type=int, default=300)
    d.add_argument("--not", dest="without", action="append", default=[], help="commits of this table are not drawn again")
    d.add_argument("--out", required=True)
    d.add_argument("folders", nargs="+")
    d.set_defaults(run=draw)
    a = sub.add_parser("again")
    a.add_argument("paired")
    a.add_argument("table")
    a.add_argument("--lines", action="store_true")
    a.add_argument("folders", nargs="+")
    a.set_defaults(run=again)
    t = sub.add_parser("totals")
    t.add_argument("--wrong", type=float, default=1.0)
    t.add_argument("tables", nargs="+")
    t.set_defaults(run=totals)
    args = p.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
