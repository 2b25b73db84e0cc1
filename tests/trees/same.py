#!/usr/bin/env python3
"""same.py OURS STOCK [FOLDER...]: both programs (trees.c) answer alike for every file that a grammar is made for.

Without folders: some sources of this repository and every fuzz seed of facts, checks and literals, the latter in
all languages. Each text is also damaged three times, so most of them have errors.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

GRAMMARS = {
    "c": ".c", "cpp": ".h .cc .cpp .hpp", "python": ".py", "javascript": ".js .mjs", "typescript": ".ts",
    "tsx": ".tsx", "go": ".go", "rust": ".rs", "java": ".java", "bash": ".sh", "ruby": ".rb",
}
BY_SUFFIX = {suffix: grammar for grammar, all in GRAMMARS.items() for suffix in all.split()}
FOLDERS = ["core/loop", "editors", "scripts", "tests/clients", "tests/e2e", "tests/trees"]
SEEDS = ["facts", "checks", "literals"]
BYTES_MAX = 1024 * 1024
SLICE = 64


def sources(folder):
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in ("node_modules", "build"))
        for name in sorted(files):
            grammar = BY_SUFFIX.get(os.path.splitext(name)[1])
            whole = os.path.join(path, name)
            if grammar and "\n" not in whole and not os.path.islink(whole) and os.path.getsize(whole) <= BYTES_MAX:
                yield f"{grammar}\t0\t{whole}\n"


def seeds():
    for target in SEEDS:
        folder = f"tests/fuzz/seeds/{target}"
        for name in sorted(os.listdir(folder)):
            for grammar in GRAMMARS:
                yield f"{grammar}\t1\t{folder}/{name}\n"


def answers(program, lines):
    done = subprocess.run([program], input="".join(lines), capture_output=True, text=True, errors="replace",
                          check=False)
    return done.stdout.splitlines() + ([f"exit {done.returncode} {done.stderr}"] if done.returncode else [])


def compare(ours, stock, lines):
    return list(zip(answers(ours, lines), answers(stock, lines)))


def main():
    ours, stock, folders = sys.argv[1], sys.argv[2], sys.argv[3:]
    lines = [line for folder in folders or FOLDERS for line in sources(folder)]
    if not folders:
        lines += seeds()
    slices = [lines[i:i + SLICE] for i in range(0, len(lines), SLICE)]
    with ThreadPoolExecutor(2) as pool:
        pairs = [p for part in pool.map(lambda s: compare(ours, stock, s), slices) for p in part]
    other = [p for p in pairs if p[0] != p[1]]
    for left, right in other[:10]:
        print(f"ours:  {left}\nstock: {right}")
    trees = sum(len(left.rsplit(": ", 1)[-1].split()) for left, _ in pairs)
    count = {g: sum(line.startswith(g + "\t") for line in lines) for g in GRAMMARS}
    print(f"{len(pairs)} files, {trees} trees, {len(other)} different; files per language: "
          + ", ".join(f"{g} {n}" for g, n in count.items()))
    complete = len(pairs) == len(lines) and (folders or min(count.values()) >= 50)
    return 0 if complete and not other else 1


if __name__ == "__main__":
    sys.exit(main())
