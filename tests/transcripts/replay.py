#!/usr/bin/env python3
"""Replays recorded conversations with paired and compares what it says.

    replay.py PAIRED [FILE ...]            compare
    replay.py PAIRED --record [FILE ...]   write what it says now where it differs

A transcript has a line per message: "> " from the client, "< " from paired, "# " a comment; a line
"# options: --fixtures" gives further arguments of `paired mcp`. What follows a client's message is compared as a set,
because independent answers may overtake each other, and nothing more may come. In an expected message a string
"{{any}}" stands for any value, "{{any}}" inside a string for any text, and "{{NAME}}" for a text that is the same
wherever it stands; in a client's message it is put in. Each file runs in a profile of its own. Standard library only."""
import glob
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ANSWER_SECONDS = 60  # sanitizers and a busy machine
QUIET_SECONDS = 0.03  # nothing more may come; what is later than this is seen by the next comparison
END_SECONDS = 0.3


class Mismatch(Exception):
    pass


def match_text(pattern, text, names):
    """Of a string with placeholders. Binds new names."""
    parts, order = "", []
    for piece in re.split(r"(\{\{\w+\}\})", pattern):
        name = piece[2:-2] if re.fullmatch(r"\{\{\w+\}\}", piece) else None
        if name is None:
            parts += re.escape(piece)
        elif name == "any":
            parts += ".*"
        elif name in names:
            parts += re.escape(names[name])
        else:
            parts += "([!-~]+?)"
            order.append(name)
    found = re.fullmatch(parts, text, re.S)
    if not found:
        return False
    names.update(zip(order, found.groups()))
    return True


def match(pattern, value, names):
    if pattern == "{{any}}":
        return True
    if isinstance(pattern, str):
        return isinstance(value, str) and match_text(pattern, value, names)
    if isinstance(pattern, dict):
        return isinstance(value, dict) and pattern.keys() == value.keys() and \
            all(match(pattern[k], value[k], names) for k in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and len(pattern) == len(value) and \
            all(match(p, v, names) for p, v in zip(pattern, value))
    return type(pattern) is type(value) and pattern == value


def fill(text, names):
    def value(found):
        if found.group(1) not in names:
            raise Mismatch(f"nothing has been bound to {found.group(0)} yet")
        return names[found.group(1)]

    return re.sub(r"\{\{(\w+)\}\}", value, text)


# What differs from run to run, or belongs to other tests.
VOLATILE = {"instructions", "tools", "version", "createdAt", "lastUpdatedAt", "lastModified"}


def generalise(value, names, key=""):
    if key in VOLATILE:
        return "{{any}}"
    if isinstance(value, dict):
        if "method" in value and "id" in value:  # a question to the client
            names["question"] = value["id"]
            value = {**value, "id": "{{question}}"}
        if "structuredContent" in value and "notes" in (value["structuredContent"] or {}):
            return {k: "{{any}}" if k in ("content", "structuredContent") else generalise(v, names, k)
                    for k, v in value.items()}
        return {k: generalise(v, names, k) for k, v in value.items()}
    if isinstance(value, list):
        return [generalise(v, names) for v in value]
    if not isinstance(value, str):
        return value
    if key in ("requestState", "nextCursor", "taskId"):
        for name, known in names.items():
            if known == value:
                return "{{" + name + "}}"
        names[f"{key}{len(names) + 1}"] = value
        return "{{" + f"{key}{len(names)}" + "}}"

    def name_of(found):
        for name, known in names.items():
            if known == found.group(0):
                return "{{" + name + "}}"
        name = {"n": "note", "h": "handoff"}[found.group(0)[0]] + str(len(names) + 1)
        names[name] = found.group(0)
        return "{{" + name + "}}"

    value = re.sub(r"\b[nh][a-z0-9]{15}\b", name_of, value)
    value = re.sub(r"\b\d{4}-\d\d-\d\d \d\d:\d\d UTC", "{{any}}", value)
    for name, known in names.items():
        value = value.replace(known, "{{" + name + "}}")
    return value


class Server:
    def __init__(self, paired, options):
        self.dir = tempfile.mkdtemp(prefix="paired-transcript-")
        profile = os.path.join(self.dir, "profile")
        os.mkdir(profile, 0o700)
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
        env.update(HOME=self.dir, PAIRED_PROFILE=profile)
        self.process = subprocess.Popen([paired, "mcp", "--standalone", *options], cwd=self.dir, env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        for line in self.process.stdout:
            self.lines.put(line.decode())
        self.lines.put(None)

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            return None
        return json.loads(line) if line else None

    def stop(self):
        self.process.stdin.close()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "no end"
        shutil.rmtree(self.dir, ignore_errors=True)
        return code


def parse(path):
    """[(comment lines, client's line or None, expected lines)] and the options."""
    groups, options = [([], None, [])], []
    with open(path, encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith("# options: "):
                options = line[len("# options: "):].split()
            if line.startswith("> "):
                groups.append(([], line[2:], []))
            elif line.startswith("< "):
                groups[-1][2].append(line[2:])
            else:
                groups[-1][0].append(line)
    return groups, options


def collect(server, count):
    got = []
    while len(got) < count:
        message = server.receive(ANSWER_SECONDS)
        if message is None:
            break
        got.append(message)
    while True:
        message = server.receive(QUIET_SECONDS)
        if message is None:
            return got
        got.append(message)


def compare(expected, got, names):
    """Which expected message fits which; the indexes of those that fit nothing."""
    left = list(got)
    for line in expected:
        pattern = json.loads(line)
        for candidate in left:
            trial = dict(names)
            if match(pattern, candidate, trial):
                names.update(trial)
                left.remove(candidate)
                break
        else:
            raise Mismatch(f"expected {line}\n      got      " +
                           "\n               ".join(json.dumps(g, ensure_ascii=False) for g in left))
    if left:
        raise Mismatch("not expected: " + "\n               ".join(json.dumps(g) for g in left))


def replay(paired, path, record):
    groups, options = parse(path)
    server, names, out = Server(paired, options), {}, []
    error = None
    try:
        for comments, line, expected in groups:
            if line is not None:
                server.send(fill(line, names))
                asks = '"id"' in line and '"method"' in line
                got = collect(server, len(expected) or int(record and asks))
                try:
                    compare(expected, got, names)
                except Mismatch as why:
                    if not record:
                        raise Mismatch(f"> {line}\n      {why}") from None
                    expected = [json.dumps(generalise(g, names), ensure_ascii=False) for g in got]
                out.append("> " + line)
            out += ["< " + e for e in expected] + comments
        late = server.receive(END_SECONDS)
        if late is not None:
            raise Mismatch(f"at the end there was more: {json.dumps(late)}")
    except Mismatch as why:
        error = str(why)
    code = server.stop()
    if code != 0 and not error:
        error = f"paired ended with {code}"
    if record and not error:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(out) + "\n")
    return error


def main():
    arguments = sys.argv[1:]
    record = "--record" in arguments
    arguments = [a for a in arguments if a != "--record"]
    paired = os.path.abspath(arguments[0])
    files = arguments[1:] or sorted(glob.glob(HERE + "/mcp/*.txt"))
    failed = 0
    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(lambda path: replay(paired, path, record), files))
    for path, error in zip(files, errors):
        failed += error is not None
        print(f"{'ok  ' if error is None else 'FAIL'}  {os.path.basename(path)}" + (f"\n      {error}" if error else ""))
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
