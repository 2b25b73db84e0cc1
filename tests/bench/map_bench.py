#!/usr/bin/env python3
"""Does a map show what comes next? map_bench.py BINARY [--history] GITDIR…  (BINARY is bench_locate)

Snapshot: the tree 50 commits before HEAD. Touched: the symbols around the lines that the commits since then removed,
changed or added to. Prints the share of them whose defining line is in the map of that many tokens, without any question."""
import bisect
import collections
import os
import re
import sys

import context_data
import locate_bench

BUDGETS, ALL = (1024, 4096, 16384), 100000


def lines(text):
    """{path: sorted lines} of a map."""
    found, path = collections.defaultdict(list), None
    for line in text.split("\n")[1:]:
        m = re.match(r"  (\d+): ", line)
        if m:
            found[path].append(int(m.group(1)))
        elif line.endswith(":"):
            path = line[:-1]
    return found


def main():
    args = [a for a in sys.argv[1:] if a != "--history"]
    for folder in args[1:]:
        commits = locate_bench.git(folder, "log", "--no-merges", "--topo-order", "--format=%H", "-n", "51").split()
        env = {}
        with context_data.Checkout(folder, commits[-1], locate_bench.SOURCE.search) as c:
            if "--history" in sys.argv:
                env["PAIRED_BENCH_LOG"] = c.root + ".log"
                with open(env["PAIRED_BENCH_LOG"], "w", encoding="utf8") as f:
                    f.write(locate_bench.git(folder, "log", "--no-merges", "--format=%x01%ct%x02%s", "--name-only", "-n", "10000", commits[-1]))
            answers, _ = context_data.ask(args[0], c.root, "map", [""], (*BUDGETS, ALL), env=env)
            if env:
                os.unlink(env["PAIRED_BENCH_LOG"])
        maps = [lines(a.decode("utf8", "replace")) for a in answers]
        touched, path = set(), None
        for line in locate_bench.git(folder, "diff", "-U0", "--no-color", "--no-renames", commits[-1], commits[0]).split("\n"):
            if line.startswith("--- "):
                path = line[6:] if line.startswith("--- a/") else None
            m = re.match(r"@@ -(\d+)", line)
            if m and path in maps[-1] and not locate_bench.TESTS.search(path):
                at = bisect.bisect_right(sorted(maps[-1][path]), int(m.group(1)))
                if at:
                    touched.add((path, sorted(maps[-1][path])[at - 1]))
        name = folder.rstrip("/").split("/")[-2] if folder.rstrip("/").endswith("repo") else os.path.basename(folder)
        print("%-24s %4d symbols touched  " % (name, len(touched)) + "  ".join(
            "%d: %.3f" % (b, sum(line in m[p] for p, line in touched) / max(1, len(touched))) for b, m in zip(BUDGETS, maps)), flush=True)


if __name__ == "__main__":
    main()
