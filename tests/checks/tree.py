"""What the checks look at: the files of the tree, and C text without comments and strings."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PRODUCT = ("core/", "protocol/", "federation/", "server/")
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__"}
SKIP = 77  # ctest's SKIP_RETURN_CODE


def files():
    """Paths of all files that belong to the tree: git's, or every file when there is no repository."""
    try:
        out = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True).stdout
        names = [name.decode() for name in out.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, below, here in os.walk(ROOT):
            below[:] = [b for b in below if b not in SKIPPED_FOLDERS]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in here]
    return sorted(name for name in names if os.path.isfile(os.path.join(ROOT, name)))


def c_files(folders=PRODUCT):
    return [name for name in files() if name.endswith((".c", ".h")) and name.startswith(folders)]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code(text):
    """The text with comments, strings and character constants blanked out; lines stay where they are."""
    def blank(match):
        word = match.group()
        return re.sub(r"[^\n]", " ", word) if word.startswith("/") else word[0] + " " * (len(word) - 2) + word[-1]
    return TOKEN.sub(blank, text)


def finish(what, looked_at, at_least, findings):
    """Reports and ends. A check that looked at too little has not checked anything."""
    for finding in findings:
        print(finding)
    if looked_at < at_least:
        print(f"{what}: looked at {looked_at} only, expected at least {at_least}: the check itself is broken")
        sys.exit(1)
    print(f"{what}: {looked_at} looked at, {len(findings)} wrong")
    sys.exit(1 if findings else 0)
