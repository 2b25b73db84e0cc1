#!/usr/bin/env python3
"""Sizes: files tend to 150-600 lines, functions fit a screen. Prints the largest, fails over the maximum."""
import re

import tree

FILE_WARN, FILE_MAX, FUNCTION_MAX = 600, 750, 90
# A brace opens a function when what is before it, back to the last ; or } outside, ends with a parameter list.
HEAD = re.compile(r"(\w+)\s*\((?:[^()]|\([^()]*\))*\)\s*(?:__attribute__\s*\(\(.*\)\)\s*)?$", re.DOTALL)


def functions(text):
    """(name, first line, lines) of each function definition, from its return type to its closing brace."""
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.MULTILINE)
    found, depth, start, head = [], 0, 0, None
    for at, char in enumerate(text):
        if char == "{":
            if depth == 0:
                head = HEAD.search(text[start:at])
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                if head:
                    first = start + len(text[start:]) - len(text[start:].lstrip())
                    line = text.count("\n", 0, first) + 1
                    found.append((head.group(1), line, text.count("\n", first, at) + 1))
                start, head = at + 1, None
        elif char == ";" and depth == 0:
            start = at + 1
    return found


def main():
    files, every, findings = [], [], []
    for name in tree.c_files(tree.PRODUCT + ("tests/",)):
        text = tree.read(name)
        lines = text.count("\n")
        files.append((lines, name))
        if lines > FILE_MAX:
            findings.append(f"{name}: {lines} lines, the maximum is {FILE_MAX}")
        for function, line, length in functions(tree.code(text)):
            every.append((length, f"{name}:{line} {function}"))
            if length > FUNCTION_MAX:
                findings.append(f"{name}:{line}: {function} has {length} lines, the maximum is {FUNCTION_MAX}")
    print("largest files:", *(f"  {lines:4} {name}{'  (over ' + str(FILE_WARN) + ')' if lines > FILE_WARN else ''}"
                              for lines, name in sorted(files)[:-9:-1]), sep="\n")
    print("largest functions:", *(f"  {length:4} {what}" for length, what in sorted(every)[:-9:-1]), sep="\n")
    tree.finish("sizes (functions)", len(every), 400, findings)


main()
