"""One engine, several tools: what is unsaved in the editor is what its agents see; what was asked in an assistant is
seen in the editor at once, and the other way round; hints, rhythm, pages of rules."""
import os
import time

from agents_repo import Repository
from lsp_lib import Lsp
from process_lib import World, main, report, wait_until

PAGES = {"workspace": {"configuration": True, "textDocumentContent": {}, "codeLens": {"refreshSupport": True},
                       "inlayHint": {"refreshSupport": True}},
         "window": {"showDocument": {"support": True}},
         "textDocument": {"inlayHint": {"resolveSupport": {"properties": ["tooltip"]}},
                          "publishDiagnostics": {"relatedInformation": True, "codeDescriptionSupport": True}}}


def start(w, capabilities=PAGES, settings=None, handlers=None, fill=True):
    repo = Repository(os.path.join(w.dir, "shop"))
    repo.fill()
    e = Lsp(w, cwd=repo.root, handlers={"workspace/configuration": lambda p: [settings for _ in p["items"]],
                                        **(handlers or {})})
    e.initialize(repo.root, capabilities)
    path = os.path.join(repo.root, "src/till.c")
    with open(path) as f:
        text = f.read()
    return e, repo, "file://" + path, text


def run(e, command, argument=None):
    return e.call("workspace/executeCommand", {"command": command, "arguments": [argument or {}]}, 30)


def assistant(w, repo, name="claude-code"):
    c = w.client("mcp", cwd=repo.root)
    answer = c.call("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                   "clientInfo": {"name": name, "version": "1"}})
    assert "result" in answer, answer
    c.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    return c


def said(answer):
    assert not answer["result"].get("isError"), answer
    return "".join(part.get("text", "") for part in answer["result"]["content"])


def hover(e, uri, text, word):
    at = text.index(word)
    found = e.call("textDocument/hover", {"textDocument": {"uri": uri}, "position": {
        "line": text.count("\n", 0, at), "character": at - (text.rfind("\n", 0, at) + 1) + 1}})
    return found["contents"]["value"] if found else ""


def test_agents_see_what_is_unsaved():
    with World() as w:
        e, repo, uri, text = start(w)
        mcp = assistant(w, repo)
        e.open(uri, text)
        assert "brand_new" not in run(e, "paired.marie.metrics", {"path": "src/till.c"})["text"]
        more = text + "\nint brand_new(int a) {\n    return a > 3 ? a : brand_new(a + 1);\n}\n"
        e.change(uri, 2, more)
        assert "brand_new" in run(e, "paired.marie.metrics", {"path": "src/till.c"})["text"]
        assert "brand_new" in run(e, "paired.leonardo.impact", {"symbol": "brand_new"})["text"]
        # A new file that nobody saved yet, and one that is on disk but older there.
        fresh = "file://" + os.path.join(repo.root, "src/fresh.c")
        e.open(fresh, "int only_here(void) {\n    return 7;\n}\n")
        assert "only_here" in run(e, "paired.edison.locate", {"text": "only_here"})["text"]
        # For the time of the answer only: an assistant reads files, and so do its line numbers.
        wait_until(lambda: "brand_new" not in said(mcp.tool("measure", {"path": "src/till.c"})), 10, "the file again")
        # Saved, it is everybody's.
        with open(os.path.join(repo.root, "src/till.c"), "w") as f:
            f.write(more)
        e.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        assert "brand_new" in run(e, "paired.marie.metrics", {"path": "src/till.c"})["text"]
        assert "brand_new" in said(mcp.tool("measure", {"path": "src/till.c"}))
        # Closed without saving, the file counts.
        e.change(uri, 3, text)
        e.close_document(uri)
        assert "brand_new" in run(e, "paired.marie.metrics", {"path": "src/till.c"})["text"]
        assert e.leave() == 0


def test_many_questions_over_unsaved_texts():
    with World() as w:
        e, repo, uri, text = start(w)
        e.open(uri, text)
        numbers = []
        for i in range(24):
            e.change(uri, i + 2, text + "\nint edition_%d(void) {\n    return 1;\n}\n" % i)
            numbers.append((i, e.post("workspace/executeCommand", {
                "command": "paired.marie.metrics", "arguments": [{"path": "src/till.c"}]})))
            if i % 5 == 4:
                e.notify("$/cancelRequest", {"id": numbers[-1][1]})
        for i, number in numbers:
            m = e.wait(number, 30)
            assert "result" in m or m["error"]["code"] == -32800, m
        last = run(e, "paired.marie.metrics", {"path": "src/till.c"})["text"]
        assert "edition_23" in last and "edition_22" not in last, last
        e.post("workspace/executeCommand", {"command": "paired.marie.metrics", "arguments": [{"path": "src/till.c"}]})
        assert e.leave() == 0  # with one under way


def test_what_an_assistant_was_asked_is_seen_in_the_editor_at_once():
    with World() as w:
        e, repo, uri, text = start(w, settings={"lens": {"enable": True}})
        mcp = assistant(w, repo)
        e.open(uri, text)
        assert "claude-code" not in hover(e, uri, text, "rebate")
        said(mcp.tool("impact", {"symbol": "rebate"}))
        begun = time.monotonic()
        seen = hover(e, uri, text, "rebate")
        assert "claude-code asked for" in seen and "rebate" in seen, seen
        report("asked there, seen here after %.1f ms" % ((time.monotonic() - begun) * 1000))
        assert "claude-code" not in hover(e, uri, text, "unused_here")
        # Lenses are asked for again, and stand above the function and, for the file, on its first line.
        e.until(lambda: any(m == "workspace/codeLens/refresh" for _, m, _ in e.asked))
        said(mcp.tool("measure", {"path": "src/till.c"}))
        titles = {lens["range"]["start"]["line"]: lens["command"]["title"] for lens in e.call(
            "textDocument/codeLens", {"textDocument": {"uri": uri}}) if "asked for" in lens["command"]["title"]}
        line = text[:text.index("int rebate")].count("\n")
        assert sorted(titles) == [0, line] and "src/till.c" in titles[0] and "rebate" in titles[line], titles
        # "What was I doing?"
        resumed = run(e, "paired.resume")["text"]
        assert "Asked in other tools:" in resumed and "rebate" in resumed, resumed
        assert e.leave() == 0


def test_what_the_editor_was_asked_an_assistant_resumes():
    with World() as w:
        e, repo, uri, text = start(w)
        mcp = assistant(w, repo)
        assert "Asked in other tools" not in said(mcp.tool("resume"))
        run(e, "paired.leonardo.impact", {"symbol": "total_of"})
        resumed = said(mcp.tool("resume"))
        assert "test asked for" in resumed and "total_of" in resumed, resumed
        # One's own questions are not news.
        assert "total_of" not in run(e, "paired.resume")["text"]
        # Of another folder nothing is told.
        other = os.path.join(w.dir, "other")
        os.mkdir(other)
        elsewhere = w.client("mcp", cwd=other)
        elsewhere.initialize()
        assert "total_of" not in said(elsewhere.tool("resume"))
        assert e.leave() == 0


def test_a_handoff_is_told_with_a_button():
    shown = []
    pressed = {"title": "Show"}
    with World() as w:
        e, repo, uri, text = start(w, handlers={
            "window/showMessageRequest": lambda p: pressed,
            "window/showDocument": lambda p: shown.append(p["uri"]) or {"success": True}})
        mcp = assistant(w, repo)
        said(mcp.tool("handoff", {"title": "Rebates half done", "next": "Round them", "files": ["src/till.c"]}))
        asked = e.until(lambda: [p for _, m, p in e.asked if m == "window/showMessageRequest"])
        assert asked[0]["message"] == "claude-code handed over: Rebates half done", asked
        assert [a["title"] for a in asked[0]["actions"]] == ["Show", "Not now"], asked
        e.until(lambda: shown)
        page = e.call("workspace/textDocumentContent", {"uri": shown[0]})["text"]
        assert "Round them" in page and "src/till.c" in page, page
        # One's own is no news; the other's is told once.
        run(e, "paired.handoff", {"title": "Mine", "next": "Nothing"})
        said(mcp.tool("remember", {"text": "something else"}))
        assert run(e, "paired.resume")["text"]
        assert len([1 for _, m, _ in e.asked if m == "window/showMessageRequest"]) == 1
        assert e.leave() == 0


def test_hints_of_complexity():
    with World() as w:
        e, repo, uri, text = start(w, settings={"inlayHints": True, "lens": {"enable": True}})
        assert e.welcome["capabilities"]["inlayHintProvider"] == {"resolveProvider": True}
        e.open(uri, text)
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}
        ask = lambda r=whole: e.call("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": r})
        wait_until(lambda: "This file" in hover(e, uri, text, "total_of"), 20, "what is known of the file")
        assert ask() == []
        changed = text.replace("    return sum;", "    if (sum > 9)\n        sum--;\n    return sum;", 1)
        e.change(uri, 2, changed)
        hint, = ask()
        line = changed[:changed.index("int total_of")].count("\n")
        assert hint["label"] == "complexity 3 → 4", hint
        assert hint["position"] == {"line": line, "character": len(changed.split("\n")[line])}, hint
        assert "Called" in e.call("inlayHint/resolve", hint)["tooltip"]
        assert ask({"start": {"line": line + 1, "character": 0}, "end": {"line": 999, "character": 0}}) == []
        long = changed + "\nint long_one(int a) {\n" + "    if (a == 1) a++;\n" * 15 + "    return a;\n}\n"
        e.change(uri, 3, long)
        assert "complexity 16" in [h["label"] for h in ask()]
        assert e.error("textDocument/inlayHint", {"textDocument": {"uri": uri}}) == -32602
        assert e.leave() == 0
    with World() as w:
        e, repo, uri, text = start(w)  # off unless asked for
        e.open(uri, text + "\nint long_one(int a) {\n" + "    if (a == 1) a++;\n" * 15 + "    return a;\n}\n")
        assert e.call("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": {
            "start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}}) == []
        assert e.leave() == 0
    with World() as w:
        e, repo, uri, text = start(w, {})
        assert "inlayHintProvider" not in e.welcome["capabilities"]
        assert e.leave() == 0


def test_rhythm_is_kept_and_checked():
    with World() as w:
        e, repo, uri, text = start(w)
        assert e.welcome["capabilities"]["experimental"]["rhythm"] is True
        figures = lambda: run(e, "paired.status")["rhythm"]
        e.open(uri, text)
        at = {"line": 0, "character": 0}
        for i in range(10):
            e.change(uri, i + 2, (at, at, "x"))
        assert figures() == {"seen": 10, "told": 0, "kept": 10}, figures()
        # What the editor tells stands for what was seen meanwhile.
        e.notify("paired/rhythm", {"edits": [{"ago": 30000 - i * 3000, "inserted": 1} for i in range(10)]})
        assert figures() == {"seen": 10, "told": 10, "kept": 10}, figures()
        e.notify("paired/rhythm", {"edits": []})
        bad = ({}, {"edits": 7}, {"edits": [{}]}, {"edits": [{"ago": -1}]}, {"edits": [{"ago": 1e12}]},
               {"edits": [{"ago": "1"}]}, {"edits": [{"ago": 1, "inserted": -2}]}, {"edits": [7]},
               {"edits": [{"ago": 1, "reason": "paste"}]}, {"edits": [{"ago": 1}, {"ago": 2}]},
               {"edits": [{"ago": 0}] * 513})
        for params in bad:
            e.notify("paired/rhythm", params)
        assert figures() == {"seen": 10, "told": 10, "kept": 10}, figures()
        refused = [p for _, m, p in e.notifications if m == "window/logMessage" and "paired/rhythm" in p["message"]]
        assert len(refused) == len(bad), refused
        for i in range(9):
            e.notify("paired/rhythm", {"edits": [{"ago": 0.5, "removed": 2, "reason": "undo"}] * 512})
        assert figures()["kept"] == 4096, figures()  # a ring
        # Nothing here needed the index, so it may still be on its way.
        wait_until(lambda: run(e, "paired.status")["index"]["files"] > 0, 20, "the index")
        status = run(e, "paired.status")
        assert status["quiet"]["on"] is True and status["findings"] >= 0, status
        assert e.leave() == 0


def test_a_finding_tells_its_other_place_and_its_rule():
    with World() as w:
        e, repo, uri, text = start(w)
        path = os.path.join(repo.root, "src/twice.c")
        e.open("file://" + path, "int f(int a) {\n    if (a == 1)\n        return 1;\n    else if (a == 2)\n        return 2;\n"
                                 "    else if (a == 1)\n        return 3;\n    return 0;\n}\n")
        found = e.diagnostics("file://" + path, lambda d: any("relatedInformation" in x for x in d))
        one = next(x for x in found if "relatedInformation" in x)
        other, = one["relatedInformation"]
        assert "line 2" in one["message"] and other["location"]["range"]["start"]["line"] == 1, one
        assert other["location"]["uri"] == "file://" + path
        href = one["codeDescription"]["href"]
        assert href == "paired:/rule/%s.md" % one["code"], one
        page = e.call("workspace/textDocumentContent", {"uri": href})["text"]
        assert one["code"] in page and "Why it matters" in page, page
        for bad in ("paired:/rule/none.md", "paired:/rule/", "paired:/rule/%s" % one["code"]):
            assert "no longer kept" in e.call("workspace/textDocumentContent", {"uri": bad})["text"]
        assert e.leave() == 0
    with World() as w:  # who has neither gets neither
        e, repo, uri, text = start(w, {})
        path = os.path.join(repo.root, "src/twice.c")
        e.open("file://" + path, "int f(int a) {\n    a = a;\n    return a;\n}\n")
        for x in e.diagnostics("file://" + path, lambda d: d):
            assert "codeDescription" not in x and "relatedInformation" not in x, x
        assert e.leave() == 0


if __name__ == "__main__":
    main(globals())
