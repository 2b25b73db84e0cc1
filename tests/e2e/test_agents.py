"""What the agents say of a known repository, word for word; of an empty one; to nonsense; and twice the same."""
import json
import os
import random
import re
import struct
import subprocess
import sys
import time

from agents_repo import Repository
from process_lib import FLAGS, PAIRED, World, main, report

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden", "agents")
DOCS = os.path.join(HERE, "..", "..", "docs", "AGENTS.md")

# capability → arguments of the command line
CASES = {
    "review": [], "review-tree": [], "risk": [], "missing": [], "secrets": [], "mute": ["todo-comment", "--path", "src"],
    "baseline": [], "impact": ["total_of"], "graph": [], "boundaries": ["--propose"], "drift": ["HEAD~3"], "adr": [],
    "map": [], "locate": ["rebate of the total"], "pack": ["rebate of the total"], "similar": ["--symbol", "rebate"],
    "fix": ["tools/report.py"], "scaffold-test": ["rebate"], "patterns": [], "metrics": [], "hotspots": [],
    "coupling": [], "owners": [], "explain": ["src/till.c"], "backlog": [], "milestone": ["round the total", "show cents"],
    "changelog": [], "digest": [], "flow": [], "forecast": ["5"], "blockers": [], "retro": ["--weeks", "4"],
    "a11y": [], "strings": [], "cli-ux": [], "flows": [], "ask": ["where are the hotspots?"],
}
NEEDS_PLACE = {"fix", "scaffold-test", "explain", "impact", "similar"}  # of nothing there is nothing to ask


def documented():
    with open(DOCS) as f:
        return re.findall(r"^### (\S+)$", f.read(), re.MULTILINE)


def plain(text):
    """Without what differs from run to run: dates, and ids of commits, which hold them."""
    text = re.sub(r"\b20\d\d-\d\d-\d\d\b", "<date>", text)
    text = re.sub(r"\b[0-9a-f]{40}\b", "<id>", text)
    return re.sub(r"\b[0-9a-f]{10}\b", "<id>", text)


def run(w, root, *argv):
    """The whole answer: where branches are still being compared behind the first one, the last one."""
    end = time.monotonic() + 120
    while True:
        r = subprocess.run([PAIRED, *argv], env=w.env, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=120)
        if b"being compared" not in r.stdout:
            return r
        assert time.monotonic() < end, r.stdout
        time.sleep(0.05)


def test_every_capability_has_a_case():
    assert len(documented()) >= 30 and set(documented()) == set(CASES), set(documented()) ^ set(CASES)


def test_answers_are_as_kept():
    """--update writes them anew: read the difference before you commit it."""
    wrong = []
    with World() as w:
        repo = Repository(os.path.join(w.dir, "shop"))
        repo.fill()
        repo.change()
        for name, argv in CASES.items():
            if name in ("mute", "baseline"):
                continue  # they change what others say: last, below
            r = run(w, repo.root, name, *argv)
            assert r.returncode == 0, (name, r.stderr)
            text = plain(r.stdout.decode())
            path = os.path.join(GOLDEN, name + ".txt")
            if "--update" in FLAGS:
                with open(path, "w") as f:
                    f.write(text)
            with open(path) as f:
                kept = f.read()
            if text != kept:
                wrong.append(name)
                sys.stdout.write("--- %s, kept\n%s+++ now\n%s" % (name, kept, text))
        again = {name: run(w, repo.root, name, *CASES[name]).stdout for name in ("review", "map", "hotspots", "graph")}
        for name, first in again.items():
            assert run(w, repo.root, name, *CASES[name]).stdout == first, name
        check_silence(w, repo.root)
    assert not wrong, wrong


def check_silence(w, root):
    before = json.loads(run(w, root, "review-tree", "--json").stdout)
    assert before["total"] > 0
    assert run(w, root, "baseline").returncode == 0
    after = json.loads(run(w, root, "review-tree", "--json").stdout)
    assert after["total"] == 0 and any("known by the baseline" in n for n in after["notes"]), after
    finding = json.loads(run(w, root, "review", "--json", "--confidence", "1").stdout)["items"][0]
    assert run(w, root, "mute", finding["rule"], "--reason", "seen").returncode == 0
    left = json.loads(run(w, root, "review", "--json", "--confidence", "1").stdout)
    assert all(i["rule"] != finding["rule"] for i in left["items"]), left
    assert run(w, root, "mute", finding["rule"], "--remove").returncode == 0
    assert json.loads(run(w, root, "review", "--json", "--confidence", "1").stdout)["total"] > left["total"]


def test_kept_answers_follow_the_files():
    """What is kept for a tree is not said of another: a file changes, a file goes, and both come back."""
    with World() as w:
        repo = Repository(os.path.join(w.dir, "shop"))
        repo.fill()

        def all_of():
            return {name: run(w, repo.root, name).stdout.decode() for name in ("strings", "a11y", "flows", "cli-ux")}
        first = all_of()
        assert all_of() == first
        page = os.path.join(repo.root, "web", "index.html")
        with open(page) as f:
            text = f.read()
        repo.write("web/index.html", text.replace("<h1>", "<img src=\"more.png\"><h1>"))
        assert all_of()["a11y"] != first["a11y"]
        os.remove(page)
        assert "index.html" not in all_of()["a11y"] and "index.html" in first["a11y"]
        repo.write("web/index.html", text)
        repo.write("locales/de.json", '{"pay": "{amount} zahlen", "bye": "Danke"}\n')
        changed = all_of()
        assert changed["strings"] != first["strings"] and changed["a11y"] == first["a11y"], changed
        only = [run(w, repo.root, "a11y", "--path", p).stdout for p in ("web", "src", "web")]
        assert only[0] == only[2] != only[1], only
        graph = [run(w, repo.root, "flows", *argv).stdout for argv in ([], ["--format", "mermaid"], [])]
        assert graph[0] == graph[2] != graph[1], graph


def test_json_says_the_same_as_text():
    with World() as w:
        repo = Repository(os.path.join(w.dir, "shop"))
        repo.fill()
        for name, argv in CASES.items():
            r = run(w, repo.root, name, *argv, "--json")
            assert r.returncode == 0, (name, r.stderr)
            answer = json.loads(r.stdout)
            assert isinstance(answer["title"], str) and isinstance(answer["notes"], list), name
            assert len(answer["items"]) <= answer["total"], name


def test_of_nothing_they_say_so():
    """In an empty folder without git: no failure, no finding, one sentence."""
    with World() as w:
        root = os.path.join(w.dir, "empty")
        os.mkdir(root)
        for name, argv in CASES.items():
            r = run(w, root, name, *argv, "--json")
            if name in NEEDS_PLACE or name in ("review", "risk", "missing", "drift"):  # need a repository, or a place in it
                assert r.returncode in (0, 1), (name, r.stderr)
                continue
            assert r.returncode == 0, (name, r.stdout, r.stderr)
            answer = json.loads(r.stdout)
            if name not in ("mute", "digest", "ask", "milestone"):
                assert answer["total"] == 0 or name == "boundaries", (name, answer)
            text = run(w, root, name, *argv).stdout.decode()
            assert text.strip(), name


def test_nonsense_gets_an_answer():
    """Random arguments of the right and of wrong types: an answer or a clear refusal, and the engine lives."""
    rng = random.Random(7)
    words = ["", "..", "/etc/passwd", "../../x", "HEAD", "-x", "a" * 3000, "\u0000", "src/till.c", "total_of", "%s%n", "{}",
             "HEAD..HEAD", "--upload-pack=x", "main^{/x}", "src/till.c:7", "\n", "日本語"]

    def value():
        return rng.choice([rng.choice(words), rng.randint(-5, 10**12), True, None, [rng.choice(words)] * rng.randint(0, 3),
                           {"a": rng.choice(words)}, 1.5])
    with World() as w:
        repo = Repository(os.path.join(w.dir, "shop"))
        repo.fill()
        c = w.client("mcp", cwd=repo.root)
        c.initialize()
        pid = w.engine_pid()
        tools = c.call("tools/list")["result"]["tools"]
        names = ["text", "path", "range", "symbol", "limit", "depth", "focus", "question", "do", "with", "code", "budget",
                 "cursor", "sort", "format", "number", "names", "confidence", "diff", "rules", "what"]
        for i in range(400):
            tool = rng.choice([t for t in tools if t["name"] in ("review", "locate", "map", "pack", "impact", "measure", "ask")])
            own = list(tool["inputSchema"]["properties"])
            arguments = {rng.choice(own + names): value() for _ in range(rng.randint(0, 4))}
            if rng.random() < 0.5 and "what" in own:
                arguments["what"] = rng.choice(tool["inputSchema"]["properties"]["what"]["enum"])
            answer = c.tool(tool["name"], arguments, timeout=60)
            assert "result" in answer or "error" in answer, answer
        assert w.engine_pid() == pid, "the engine died"


def test_tools_are_few_and_small():
    with World() as w:
        c = w.client("mcp")
        c.initialize()
        tools = c.call("tools/list")["result"]["tools"]
        text = json.dumps(tools, separators=(",", ":"))
        count = subprocess.run([PAIRED, "call", "recall", "{}"], env=w.env, stdout=subprocess.PIPE, timeout=60)
        assert count.returncode == 0
        report("%d tools, %d bytes of tools/list" % (len(tools), len(text)))
        assert len(tools) <= 12
        counter = os.environ.get("PAIRED_COUNT_TOKENS")
        if counter:
            text = text.encode()
            p = subprocess.run([counter], input=struct.pack("<I", len(text)) + text, stdout=subprocess.PIPE, timeout=60)
            assert p.returncode == 0
            tokens = int(p.stdout)
            report("%d tokens of tools/list" % tokens)
            assert 1000 < tokens <= 3000
        prompts = [p["name"] for p in c.call("prompts/list")["result"]["prompts"]]
        for agent in ("sherlock", "leonardo", "edison", "marie", "alex", "vince", "maya"):
            assert agent in prompts
            shown = c.call("prompts/get", {"name": agent, "arguments": {"task": "look"}})["result"]
            assert len(shown["messages"][0]["content"]["text"].split()) < 230  # 300 tokens


def test_answers_keep_their_budget():
    with World() as w:
        repo = Repository(os.path.join(w.dir, "shop"))
        repo.fill()
        for i in range(300):
            repo.write("src/gen%d.c" % i, "int f%d(int x) {\n    if (x == x)\n        return 1;\n    return 0;\n}\n" % i)
        answer = json.loads(run(w, repo.root, "review-tree", "--json").stdout)
        text = run(w, repo.root, "review-tree").stdout.decode()
        assert len(text) < 2000 * 5 and "cursor" in text
        seen, cursor = 0, None
        for _ in range(200):
            page = json.loads(run(w, repo.root, "review-tree", "--json", *(["--cursor", cursor] if cursor else [])).stdout)
            seen += len(page["items"])
            cursor = page.get("next")
            if not cursor:
                break
        assert seen == answer["total"], (seen, answer["total"])


if __name__ == "__main__":
    main(globals())
