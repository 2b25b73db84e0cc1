#!/usr/bin/env python3
"""Commit message → changed files: locate_bench.py BINARY N GITDIR… (BINARY is bench_locate)

Snapshot: the tree N commits before HEAD. Each later commit that is no merge and changed 1 to 5 source files of the
snapshot is a question (its message without paths, hashes, numbers of issues and trailers); the files are the answer.
Where a commit changed tests and other source, the tests do not count. With --history the commits up to the snapshot are
used too."""
import os
import re
import subprocess
import sys

import context_data

SOURCE = re.compile(r"\.(c|h|cc|cpp|hpp|py|js|mjs|ts|tsx|go|rs|java|rb|sh|cs|php)$")
OTHERS = re.compile(r"(^|/)(deps|vendor|third_party|node_modules|testdata|fixtures)/")
TESTS = re.compile(r"(^|/)tests?/|_test\.|test_")
NOISE = re.compile(r"(?im)^(co-authored-by|signed-off-by):.*$|https?://\S+|#\d+|\b[0-9a-f]{7,40}\b|\S+/\S+\.\w+")


def git(folder, *args):
    """What git said, up to the first object that a partial clone lacks."""
    return subprocess.run(["git", "-C", folder, *args], capture_output=True, check=False).stdout.decode("utf8", "replace")


def questions(folder, n):
    commits = git(folder, "log", "--no-merges", "--topo-order", "--format=%H", "-n", str(n + 1)).split()
    snapshot, later = commits[-1], commits[:-1]
    tree = {p for p in git(folder, "ls-tree", "-r", "-z", "--name-only", snapshot).split("\0") if SOURCE.search(p) and not OTHERS.search(p)}
    found = []
    for commit in later:
        changed = [p for p in git(folder, "diff-tree", "--no-commit-id", "--name-only", "-r", commit).split("\n") if SOURCE.search(p) and not OTHERS.search(p)]
        files = [p for p in changed if p in tree]
        files = [p for p in files if not TESTS.search(p)] or files
        text = NOISE.sub(" ", git(folder, "log", "-1", "--format=%s%n%b", commit))
        if 1 <= len(files) <= 5 and len(changed) <= 12 and len(re.findall(r"[A-Za-z]{3,}", text)) >= 2:
            found.append((text, set(files)))
    return snapshot, found


def main():
    args = [a for a in sys.argv[1:] if a != "--history"]
    binary, n = args[0], int(args[1])
    means = []
    for folder in args[2:]:
        snapshot, found = questions(folder, n)
        with context_data.Checkout(folder, snapshot) as c:
            env = {}
            if "--history" in sys.argv:
                env["PAIRED_BENCH_LOG"] = c.root + ".log"
                with open(env["PAIRED_BENCH_LOG"], "w", encoding="utf8") as f:
                    f.write(git(folder, "log", "--no-merges", "--format=%x01%ct%x02%s", "--name-only", "-n", "10000", snapshot))
            answers, said = context_data.ask(binary, c.root, "locate", [q for q, _ in found], env=env)
            if env:
                os.unlink(env["PAIRED_BENCH_LOG"])
        hit1 = hit5 = hit10 = recall10 = 0
        for answer, (_, gold) in zip(answers, found):
            got = [l.split("\t")[2].rsplit(":", 1)[0] for l in answer.decode("utf8", "replace").split("\n") if l.startswith("f\t")]
            hit1 += bool(gold & set(got[:1]))
            hit5 += bool(gold & set(got[:5]))
            hit10 += bool(gold & set(got[:10]))
            recall10 += len(gold & set(got[:10])) / len(gold)
        k = len(found) or 1
        means.append((hit1 / k, hit5 / k, hit10 / k, recall10 / k))
        name = folder.rstrip("/").split("/")[-2] if folder.rstrip("/").endswith("repo") else os.path.basename(folder)
        print("%-24s %4d questions  hit@1 %.3f  hit@5 %.3f  hit@10 %.3f  recall@10 %.3f   %s" %
              (name, len(found), *means[-1], said.strip().split("\n")[-1]), flush=True)
    if means:
        print("%-24s %14s  hit@1 %.3f  hit@5 %.3f  hit@10 %.3f  recall@10 %.3f" %
              ("mean", "", *(sum(m[i] for m in means) / len(means) for i in range(4))))


if __name__ == "__main__":
    main()
