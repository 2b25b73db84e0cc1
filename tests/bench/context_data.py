"""Shared by the drivers of bench_locate: checkouts of a commit without a work tree of git's, texts in and answers out."""
import ast
import json
import os
import re
import subprocess
import tempfile


def tasks(folder):
    """The tasks of a context benchmark: repository, base commit, gold functions, issue text."""
    texts = {t["instance_id"]: t["problem_statement"]
             for t in map(json.loads, open(os.path.join(folder, "problems-dev.jsonl"), encoding="utf8"))}
    return [dict(t, text=texts[t["instance_id"]])
            for t in map(json.loads, open(os.path.join(folder, "dev.jsonl"), encoding="utf8"))]


def git_dir(template, repo):
    return template.replace("{repo}", repo.replace("/", "+"))


class Checkout:
    """The files of one commit in a temporary folder (no .git)."""

    def __init__(self, git, commit, wanted=None):
        """`wanted` says which paths (all by default). Objects that the clone lacks and links are left out."""
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.root = self.folder.name
        listed = subprocess.run(["git", "-C", git, "ls-tree", "-r", "-z", commit], capture_output=True, check=True).stdout
        entries = [(e.split(b"\t", 1)[0].split(), e.split(b"\t", 1)[1]) for e in listed.split(b"\0") if e]
        entries = [(meta[2], path) for meta, path in entries if meta[0].startswith(b"100") and (not wanted or wanted(os.fsdecode(path)))]
        blobs = subprocess.run(["git", "-C", git, "cat-file", "--batch"], input=b"".join(i + b"\n" for i, _ in entries),
                               capture_output=True, check=True).stdout
        at = 0
        for _, path in entries:
            end = blobs.index(b"\n", at)
            head, at = blobs[at:end].split(), end + 1
            if len(head) == 3:
                size = int(head[2])
                target = os.path.join(os.fsencode(self.root), path)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as f:
                    f.write(blobs[at:at + size])
                at += size + 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


def ask(binary, root, mode, texts, tokens=(), env=None):
    """One answer (bytes) for each text and budget, and what was said about time."""
    data = b"".join(t.replace("\0", " ").encode("utf8", "replace") + b"\0" for t in texts)
    run = subprocess.run([binary, root, mode, *map(str, tokens)], input=data, capture_output=True,
                         env=dict(os.environ, **(env or {})))
    if run.returncode:
        raise RuntimeError(run.stderr.decode("utf8", "replace"))
    return run.stdout.split(b"\0")[:-1], run.stderr.decode("utf8", "replace")


def functions(path):
    """{qualified name: [(first, last) line, …]} of a Python file: by ast, by indentation where that fails."""
    text = open(path, encoding="utf8", errors="replace").read()
    found = {}
    try:
        walk = [(ast.parse(text), "")]
    except (SyntaxError, ValueError):
        return by_indentation(text)
    while walk:
        node, around = walk.pop()
        for child in ast.iter_child_nodes(node):
            name = around
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = around + "." + child.name if around else child.name
                found.setdefault(name, []).append((child.lineno, child.end_lineno))
            walk.append((child, name))
    return found


def by_indentation(text):
    lines, found, stack = text.split("\n"), {}, []
    for i, line in enumerate(lines):
        m = re.match(r"([ \t]*)(?:def|class)\s+(\w+)", line)
        if not m:
            continue
        depth = len(m.group(1).expandtabs())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        stack.append((depth, m.group(2)))
        last = i
        for k in range(i + 1, len(lines)):
            if lines[k].strip():
                if len(lines[k].expandtabs()) - len(lines[k].expandtabs().lstrip()) <= depth and lines[k].lstrip()[0] not in ")]}#":
                    break
                last = k
        found.setdefault(".".join(n for _, n in stack), []).append((i + 1, last + 1))
    return found
