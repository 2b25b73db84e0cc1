#!/usr/bin/env python3
"""Fits the weights of search_rank.c's functions: fit_rank.py BINARY DATA GITDIRS (as for pack_bench.py)

Maximum likelihood of the gold functions under a softmax over the candidates' features, small L2 penalty. Prints, for each
repository, recall of packs by weights that have not seen it (leave one repository out), then weights fitted on all. Packs
are simulated here (bytes / 4.2 for tokens, 14 for a header); pack_bench.py measures the real ones. Minutes, pure Python."""
import collections
import math
import os
import re
import sys

import context_data

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "core", "workspace")
FREE = ("UF_CLASS", "UF_PLAIN")  # may be negative
HELD = {"UF_PLAIN": -1.5}  # set by hand
STEPS, RATE, MOMENTUM, L2 = 100, .4, .9, .02
OVERHEAD, EXPONENT, TAIL, HEADER, SIGNATURE = 60, 1.2, .1, 14, 45


def features():
    text = open(os.path.join(SOURCE, "search_impl.h"), encoding="utf8").read()
    return re.findall(r"^\s+(UF_\w+)(?=[,\s])", text, re.M)[:-1]


def dot(w, x):
    return sum(a * b for a, b in zip(w, x))


def fit(tasks, names):
    weights, speed = [HELD.get(n, 1.0) for n in names], [0.0] * len(names)
    for _ in range(STEPS):
        slope = [-L2 * w for w in weights]
        for task in tasks:
            scores = [dot(weights, x) for x in task["x"]]
            top = max(scores)
            odds = [math.exp(s - top) for s in scores]
            total = sum(odds)
            for k in range(len(names)):
                expected = sum(o * x[k] for o, x in zip(odds, task["x"])) / total
                slope[k] += sum(task["x"][g][k] - expected for g in task["hits"]) / len(task["hits"]) / len(tasks)
        speed = [MOMENTUM * v + RATE * s for v, s in zip(speed, slope)]
        weights = [HELD.get(n, w + v if n in FREE else max(0, w + v)) for n, w, v in zip(names, weights, speed)]
    return weights


def recall(task, weights, names, budget):
    order = []
    for k, x in enumerate(task["x"]):
        tokens = task["bytes"][k] / 4.2
        head = x[names.index("UF_CLASS")] and tokens > 150
        tokens = 150 if head else tokens
        order.append((dot(weights, x) - EXPONENT * math.log(tokens + OVERHEAD), -k, tokens, not head))
    used, shown, files = 0, collections.defaultdict(list), set()
    for _, k, tokens, whole in sorted(order, reverse=True):
        path, first, last = task["places"][-k]
        if tokens > .6 * budget or used + tokens + HEADER > budget * (1 - TAIL) or any(a <= first and last <= b for a, b in shown[path]):
            continue
        used += tokens + HEADER
        files.add(path)
        if whole:
            shown[path].append((first, last))
    for path in task["files"]:
        if path not in files and used + SIGNATURE <= budget:
            used += SIGNATURE
            files.add(path)
    whole = [any(a <= s and e <= b for a, b in shown[path] for s, e in spans) for path, spans in task["gold"]]
    return len(files & task["gold_files"]) / len(task["gold_files"]), sum(whole) / len(whole) if whole else None


def read(binary, task, template):
    with context_data.Checkout(context_data.git_dir(template, task["repo"]), task["base_commit"]) as c:
        answer, _ = context_data.ask(binary, c.root, "features", [task["text"]])
        gold = [(p, context_data.functions(os.path.join(c.root, p)).get(n, [])) for p, names in task["gold"].items() for n in names if "<" not in n]
    rows = [line.split("\t") for line in answer[0].decode("utf8", "replace").split("\n")]
    units = [r for r in rows if r[0] == "U"]
    places = [(r[1], int(r[2]), int(r[3])) for r in units]
    hits = [k for k, (p, a, b) in enumerate(places) for q, spans in gold if p == q and any(a <= s <= a + 6 and b == e for s, e in spans)]
    return {"repo": task["repo"], "x": [[float(v) for v in r[6:]] for r in units], "bytes": [int(r[4]) for r in units], "places": places,
            "files": [r[1] for r in rows if r[0] == "F"], "gold": gold, "gold_files": set(task["gold"]), "hits": hits}


def show(name, tasks, weights, names):
    print("%-22s" % name, end="")
    for budget in (4000, 8000):
        got = [recall(t, weights, names, budget) for t in tasks]
        bodies = [b for _, b in got if b is not None]
        print("  %d: %.3f / %.3f" % (budget, sum(f for f, _ in got) / len(got), sum(bodies) / max(1, len(bodies))), end="")
    print(flush=True)


def main():
    binary, data, template = sys.argv[1:4]
    names = features()
    tasks = [read(binary, t, template) for t in context_data.tasks(data)]
    print("file / body recall by weights that have not seen the repository")
    for repo in sorted({t["repo"] for t in tasks}):
        show(repo, [t for t in tasks if t["repo"] == repo], fit([t for t in tasks if t["repo"] != repo and t["hits"]], names), names)
    weights = fit([t for t in tasks if t["hits"]], names)
    show("all, fitted on all", tasks, weights, names)
    print(", ".join("[%s] = %.2fF" % (n, w) for n, w in zip(names, weights)))


if __name__ == "__main__":
    main()
