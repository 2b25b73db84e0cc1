#!/usr/bin/env python3
"""The checks notice what they are for: each is run on a small tree with one fault, and on it without the fault."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CLEAN = "int clean(void);\nint clean(void) {\n    return 0;\n}\n"
LONG = "int longer(int a) {\n" + "    a++;\n" * 95 + "    return a;\n}\n"
FAULTS = [  # check, file, text, word of the finding
    ("includes.py", "core/base/x.c", '#include "server/y.h"\n', "may not include"),
    ("includes.py", "protocol/x.c", '#include "core/loop/y.h"\n', "may not include"),
    ("includes.py", "server/main.c", '#include "core/store/y.h"\n', "may not include"),
    ("includes.py", "server/x.c", "#include <uv.h>\n", "uv.h"),
    ("includes.py", "server/x.c", "#  include <sqlite3.h>\n", "sqlite3.h"),
    ("includes.py", "server/cli_x.c", "#include <sodium.h>\n", "belongs to the engine"),
    ("includes.py", "core/base/x.c", '#include "x.h"\n', "not a path from the root"),
    ("includes.py", "core/base/y.c", '#include <stdio.h>\n#include "core/base/y.h"\n', "included first"),
    ("calls.py", "core/base/x.c", "void f(char *a) {\n    strcpy(a, a);\n}\n", "x.c:2: strcpy"),
    ("calls.py", "server/x.c", 'void f(void) {\n    printf("a");\n}\n', "printf"),
    ("calls.py", "server/x.c", 'void f(void) {\n    fputs("a", stdout);\n}\n', "stdout"),
    ("calls.py", "server/x.c", "void f(void) {\n    write(1, 0, 0);\n}\n", "write(1"),
    ("calls.py", "server/x.c", "void f(void *p) {\n    free(p);\n}\n", "free"),
    ("sizes.py", "server/x.c", LONG, "longer has 98 lines"),
    ("sizes.py", "server/x.c", "static const int a[] = {1};\n" * 760, "760 lines"),
    ("text.py", "server/x.c", "// TO" + "DO: later\n", "unfinished"),
    ("text.py", "docs/x.md", "see /wor" + "k/main\n", "names one machine"),
    ("text.py", "core/base/z.h", "#pragma once\n", "says what it is for"),
    ("format.py", "server/x.c", "int  clean( void );\n", "run clang-format"),
]
HARMLESS = [  # looks like a fault and is none
    ("calls.py", "server/x.c", '// free(p) and printf("x")\nconst char *s = "strcpy(a, b)";\nvoid f(struct t *o) {\n    o->free(o);\n    mem_free(o);\n    snprintf(b, 1, "");\n}\n'),
    ("calls.py", "server/x.c", "void f(void *p) {\n    free(p); // of libc\n}\n"),
    ("calls.py", "server/cli_print.c", 'void f(void) {\n    fputs("a", stdout);\n}\n'),
    ("includes.py", "core/loop/x.c", "#include <uv.h>\n"),
    ("sizes.py", "server/x.c", "static const int a[] = {\n" + "    1,\n" * 100 + "};\n"),
]


def write(root, name, text):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def run(check, name, text):
    """The check's findings on a tree that holds only this file and three headers; its minimum counts switched off."""
    with tempfile.TemporaryDirectory() as root:
        for script in ("tree.py", check):
            body = open(os.path.join(HERE, script), encoding="utf-8").read()
            write(root, "tests/checks/" + script, body.replace("looked_at < at_least", "False"))
        shutil.copy(os.path.join(HERE, "..", "..", ".clang-format"), root)
        for layer in ("base", "loop", "store"):
            write(root, f"core/{layer}/y.h", "// A header of this small tree.\n#pragma once\n")
        write(root, "server/y.h", "// A header of this small tree.\n#pragma once\n")
        write(root, name, text)
        out = subprocess.run([sys.executable, os.path.join(root, "tests/checks", check)], capture_output=True, text=True,
                             check=False, env={**os.environ, "GIT_CEILING_DIRECTORIES": os.path.dirname(root)})
        return out.returncode, out.stdout + out.stderr


def main():
    wrong = []
    for check, name, text, word in FAULTS:
        code, out = run(check, name, text)
        if code != 77 and (code != 1 or word not in out):
            wrong.append(f"{check} did not notice {text[:40]!r} in {name}: {out}")
    for check, name, text in HARMLESS + [(check, "server/x.c", CLEAN) for check in {row[0] for row in FAULTS}]:
        code, out = run(check, name, text)
        if code not in (0, 77):
            wrong.append(f"{check} refused {text[:40]!r} in {name}: {out}")
    print(*wrong, sep="\n")
    print(f"selftest: {len(FAULTS)} faults, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


main()
