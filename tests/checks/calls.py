#!/usr/bin/env python3
"""Calls that nobody makes: unbounded string functions, the raw allocator, stdout outside the files that own it."""
import re

import tree

ANYWHERE = re.compile(r"(?<![\w.>])(strcpy|sprintf|vsprintf|strcat|strtok|atoi|atol|atoll|atof|gets|alloca|rand|srand|tmpnam|mktemp|system|popen)\s*\(")
ALLOCATOR = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|vasprintf)\s*\(")
STDOUT = re.compile(r"(?<![\w.>])((?:v?printf|puts|putchar)\s*\(|stdout\b|STDOUT_FILENO\b|d?write\s*\(\s*1\s*,|dprintf\s*\(\s*1\s*,)")
# What libc allocated itself (realpath, scandir) goes back to libc; the line says so.
OF_LIBC = re.compile(r"\bfree\(.*// of libc")
MAY_ALLOCATE = {"core/base/mem.c"}
# A child's descriptor, and handing on what the printer has written.
NOT_WRITING = re.compile(r"posix_spawn_file_actions_adddup2\(.*|fflush\(stdout\)")
# server/gen: run by the build, its output is a file.
MAY_WRITE_STDOUT = re.compile(r"^server/((attach\w*|frontend\w*|cli_print)\.c|gen/\w+\.c)$")


def main():
    findings, seen = [], 0
    for name in tree.c_files():
        text = tree.read(name)
        for number, (line, written) in enumerate(zip(tree.code(text).split("\n"), text.split("\n")), 1):
            seen += line.strip() != ""
            hits = ANYWHERE.findall(line)
            if name not in MAY_ALLOCATE and not OF_LIBC.search(written):
                hits += ALLOCATOR.findall(line)
            if not MAY_WRITE_STDOUT.match(name):
                hits += STDOUT.findall(NOT_WRITING.sub("", line))
            findings += [f"{name}:{number}: {hit.strip()} is not used here" for hit in hits]
    tree.finish("calls (lines of code)", seen, 5000, findings)


main()
