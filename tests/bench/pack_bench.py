#!/usr/bin/env python3
"""Recall of context packs: pack_bench.py BINARY DATA GITDIRS [BUDGET…]

BINARY is bench_locate, DATA a folder with dev.jsonl and problems-dev.jsonl, GITDIRS a template of the git directories
with {repo} for owner+name. The input of a task is the checkout at its base commit and the text of its issue, nothing
else. File recall: share of the gold files of which any part is in the pack. Body recall: share of the gold functions
whose whole source is in it (all lines, found in the text that a model would see). Gold entries that are no function
(<module>, <class>) count for files only; tasks without a function count for file recall only."""
import collections
import os
import re
import sys

import context_data

HEADER = re.compile(r"^(\S.*?):(\d+)(?: in \S+)?$")


def shown(pack, root):
    """{path: set of lines} of a pack's text, by its headers and checked against the files."""
    lines, path, at, source = collections.defaultdict(set), None, 0, []
    for line in pack.split("\n")[1:]:
        m = HEADER.match(line)
        if m and os.path.isfile(os.path.join(root, m.group(1))) and not (path and at < len(source) and source[at] == line):
            path, at = m.group(1), int(m.group(2)) - 1
            source = open(os.path.join(root, path), encoding="utf8", errors="replace", newline="").read().replace("\r\n", "\n").split("\n")
        elif path and at < len(source) and source[at].rstrip("\r") == line.rstrip("\r"):
            at += 1
            lines[path].add(at)
    return lines


def recall(task, pack, root):
    lines = shown(pack, root)
    files = sum(f in lines for f in task["gold"]) / len(task["gold"])
    whole, count = 0, 0
    for path, names in task["gold"].items():
        known = context_data.functions(os.path.join(root, path))
        for name in names:
            if "<" in name:
                continue
            count += 1
            whole += any(set(range(a, b + 1)) <= lines[path] for a, b in known.get(name, []))
    return files, whole / count if count else None


def main():
    binary, data, template = sys.argv[1:4]
    budgets = [int(b) for b in sys.argv[4:]] or [4000, 8000]
    files, bodies = collections.defaultdict(list), collections.defaultdict(list)
    for task in context_data.tasks(data):
        with context_data.Checkout(context_data.git_dir(template, task["repo"]), task["base_commit"]) as c:
            answers, _ = context_data.ask(binary, c.root, "pack", [task["text"]], budgets)
            for budget, answer in zip(budgets, answers):
                pack = answer.decode("utf8", "replace")
                tokens = int(pack.split("\t")[1])
                if tokens > budget:
                    sys.exit(f"{task['instance_id']}: {tokens} tokens, the budget was {budget}")
                f, b = recall(task, pack, c.root)
                for repo in (task["repo"], "all"):
                    files[repo, budget].append(f)
                    if b is not None:
                        bodies[repo, budget].append(b)
    mean = lambda l: sum(l) / len(l) if l else float("nan")
    print("%-22s %5s " % ("file / body recall", "tasks") + " ".join("%13d" % b for b in budgets))
    for repo in sorted({r for r, _ in files}, key=lambda r: (r == "all", r)):
        print("%-22s %5d " % (repo, len(files[repo, budgets[0]])) +
              " ".join("  %.3f / %.3f" % (mean(files[repo, b]), mean(bodies[repo, b])) for b in budgets))


if __name__ == "__main__":
    main()
