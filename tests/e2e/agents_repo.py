"""A small repository with history, in several languages, made anew for each test: the same files, the same commits at
the same ages, so that what the agents say of it is known word for word."""
import os
import subprocess
import time

DAY = 86400

FILES = {
    "README.md": "# shop\n\nA till. `src/till.c` counts, `web/app.js` shows.\n",
    "docs/adr/0001-integers.md": "# Money is integers\n\nStatus: accepted\n\nCents in `src/till.c`, never `src/float.c`; "
                                 "see `to_cents()`.\n",
    "include/till.h": "#ifndef TILL_H\n#define TILL_H\n\nint total_of(const int *prices, int count);\nint rebate(int total, "
                      "int percent);\nint unused_here(int x);\n\n#endif\n",
    "src/till.c": """#include "till.h"

#include <stdio.h>

// Sum of the prices.
int total_of(const int *prices, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) {
        if (prices[i] > 0) {
            sum += prices[i];
        }
    }
    return sum;
}

int rebate(int total, int percent) {
    if (percent < 0 || percent > 100)
        return total;
    return total - total * percent / 100;
}

// TO""" "DO" """: drop this after the move to v2
int unused_here(int x) {
    return x;
}
""",
    "src/main.c": """#include "till.h"

#include <stdio.h>

int main(void) {
    int prices[] = {100, 250};
    printf("%d\\n", rebate(total_of(prices, 2), 10));
    return 0;
}
""",
    "tests/test_till.c": """#include "till.h"

#include <assert.h>

static void test_total_of(void) {
    int prices[] = {1, 2};
    assert(total_of(prices, 2) == 3);
}

int main(void) {
    test_total_of();
    return 0;
}
""",
    "tools/report.py": """import json


def load(path, cache={}):
    try:
        with open(path) as f:
            return json.load(f)
    except Exception:
        pass


def lines_of(path):
    data = load(path)
    return [x["name"] for x in data]
""",
    "tools/test_report.py": """from report import lines_of


def test_lines_of(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"name": "a"}]')
    assert lines_of(path) == ["a"]
""",
    "web/app.js": """import { format } from './format.js';

export function show(node, cents) {
  node.textContent = format(cents);
}

const app = require('express')();
app.get('/', (req, res) => res.send('<a href="/cart">Cart</a><a href="/gone">Gone</a>'));
app.get('/cart', (req, res) => res.send('Cart'));
""",
    "web/format.js": "export function format(cents) {\n  return (cents / 100).toFixed(2);\n}\n",
    "web/index.html": "<html><body><img src=\"till.png\"><h1>Till</h1><h3>Cart</h3>"
                      "<input type=\"text\"><div onclick=\"go()\">Pay</div></body></html>\n",
    "locales/en.json": '{"pay": "Pay {amount}", "bye": "Thank you very much indeed"}\n',
    "locales/de.json": '{"pay": "{betrag} zahlen", "bye": "Thank you very much indeed"}\n',
}

# What the working tree changes after the last commit.
CHANGE = {
    "src/till.c": (
        "int rebate(int total, int percent) {\n    if (percent < 0 || percent > 100)\n        return total;\n"
        "    return total - total * percent / 100;\n}\n",
        "int rebate(int total, int percent) {\n    if (percent < 0 || percent > 100)\n        return total;\n"
        "    return total - total * percent / 100;\n    total = total;\n}\n\n"
        "int fee(int total) {\n    if (total == total)\n        return 1;\n    return 0;\n}\n"),
    "tools/report.py": ("def lines_of(path):\n", "def names(path, seen=[]):\n    return seen\n\n\ndef lines_of(path):\n"),
}


class Repository:
    def __init__(self, folder):
        self.root = folder
        self.now = int(time.time())
        os.makedirs(folder, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *argv, age_days=0, author="ada"):
        stamp = "%d +0000" % (self.now - age_days * DAY - 3600)
        env = dict(PATH=os.environ["PATH"], HOME=self.root, GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_DATE=stamp,
                   GIT_COMMITTER_DATE=stamp, GIT_AUTHOR_NAME=author, GIT_AUTHOR_EMAIL=author + "@example.org",
                   GIT_COMMITTER_NAME=author, GIT_COMMITTER_EMAIL=author + "@example.org")
        return subprocess.run(["git", "-C", self.root, *argv], env=env, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout.decode()

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)

    def commit(self, message, age_days, author="ada"):
        self.git("add", "-A", age_days=age_days)
        self.git("commit", "-q", "-m", message, age_days=age_days, author=author)

    def fill(self):
        for path, text in FILES.items():
            self.write(path, text)
        self.commit("shop: begin", 70)
        authors = ("ada", "bob")
        for i in range(12):  # till.c and its test change together, a fix now and then
            self.write("src/till.c", FILES["src/till.c"] + "\n// round %d\n" % i)
            self.write("tests/test_till.c", FILES["tests/test_till.c"] + "\n// round %d\n" % i)
            if i % 3 == 0:
                self.write("web/format.js", FILES["web/format.js"] + "// %d\n" % i)
            self.commit(("fix: rounding %d" if i % 4 == 0 else "feat(till): round %d") % i, 63 - 5 * i, authors[i % 2])
        self.write("src/till.c", FILES["src/till.c"])
        self.write("tests/test_till.c", FILES["tests/test_till.c"])
        self.commit("till: final rounding", 2)
        self.git("branch", "topic", age_days=1)
        for branch, text in (("topic", "two"), ("other", "three")):
            self.git("checkout", "-q", "-B", branch, "main")
            self.write("README.md", "# shop %s\n" % text)
            self.commit("readme: %s" % text, 30)
        self.git("checkout", "-q", "main")

    def change(self):
        for path, (old, new) in CHANGE.items():
            with open(os.path.join(self.root, path)) as f:
                text = f.read()
            assert old in text, path
            self.write(path, text.replace(old, new))
