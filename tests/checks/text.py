#!/usr/bin/env python3
"""What must not stand in a file: unfinished business, names of somebody's machine; what must: a header's purpose."""
import re

import tree

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b(?!\w)")
# Written so that this file does not match itself.
MACHINE = re.compile(r"/wor[k]/(?:main|shared|\.)|/tmp/(?:COMM[O]N|ISS[U]E|build[-])|/roo[t]/|\.intern[a]l\b|\.cor[p]\b")
BINARY = re.compile(r"(^|/)(seeds|transcripts|golden)/|\.(png|gz|zst|db|bin)$")
EXEMPT = {"LICENSE"}


def check_lines(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, what in ((UNFINISHED, "unfinished"), (MACHINE, "names one machine")):
            hit = pattern.search(line)
            if hit:
                yield f"{name}:{number}: {what}: {hit.group()}"
        if line.endswith((" ", "\t")) and name.endswith((".c", ".h", ".py", ".txt", ".cmake", ".sh")):
            yield f"{name}:{number}: ends with a blank"


def check_header(name, text):
    first = text.split("\n", 1)[0]
    if not re.match(r"// \S.{15,}", first):
        yield f"{name}:1: a header starts with a comment that says what it is for"
    if "#pragma once" not in text:
        yield f"{name}:1: no #pragma once"


def main():
    findings, seen = [], 0
    for name in tree.files():
        if BINARY.search(name) or name in EXEMPT:
            continue
        try:
            text = tree.read(name)
        except UnicodeDecodeError:
            findings.append(f"{name}: not UTF-8")
            continue
        seen += 1
        findings += check_lines(name, text)
        if name.endswith(".h"):
            findings += check_header(name, text)
        if text and not text.endswith("\n"):
            findings.append(f"{name}: no newline at its end")
    tree.finish("text (files)", seen, 100, findings)


main()
