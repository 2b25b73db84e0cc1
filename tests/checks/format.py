#!/usr/bin/env python3
"""clang-format decides layout. Skipped, loudly, where clang-format is not installed."""
import os
import shutil
import subprocess
import sys

import tree


def main():
    tool = shutil.which("clang-format") or shutil.which("clang-format-14")
    if not tool:
        print("format: SKIPPED, clang-format is not installed (Debian package clang-format): layout was NOT checked")
        sys.exit(tree.SKIP)
    names = tree.c_files(tree.PRODUCT + ("tests/",))
    findings = []
    for begin in range(0, len(names), 50):
        some = [os.path.join(tree.ROOT, name) for name in names[begin:begin + 50]]
        out = subprocess.run([tool, "--dry-run", *some], capture_output=True, text=True, cwd=tree.ROOT, check=False)
        if out.returncode != 0 and "clang-format-violations" not in out.stderr:
            findings.append(out.stderr.strip())
        wrong = {line.split(":")[0] for line in out.stderr.splitlines() if "clang-format-violations" in line}
        findings += [f"{os.path.relpath(name, tree.ROOT)}: run clang-format -i on it" for name in sorted(wrong)]
    tree.finish("format (files)", len(names), 60, findings)


main()
