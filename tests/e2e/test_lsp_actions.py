"""Code actions on findings: repairs that were tried, silence, mutes, what a rule means; pages of answers."""
import os

from lsp_lib import Lsp, LspError
from process_lib import World, main

TEXT = """import json


def names(rows, found=[]):
    for row in rows:
        found.append(row)
    return found


def load(path):
    try:
        with open(path) as f:
            return json.load(f)
    except Exception:
        pass
"""
RICH = {"workspace": {"workspaceEdit": {"documentChanges": True}, "textDocumentContent": {}, "applyEdit": True},
        "window": {"showDocument": {"support": True}},
        "textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "source"]}},
                                        "dataSupport": True, "resolveSupport": {"properties": ["edit"]}}}}
EAGER = {"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}}}}
MODIFIED, INVALID = -32801, -32602


def start(w, capabilities, text=TEXT, name="shop.py", language="python"):
    root = os.path.join(w.dir, "shop")
    os.mkdir(root)
    path = os.path.join(root, name)
    with open(path, "w") as f:
        f.write(text)
    e = Lsp(w, cwd=root)
    e.initialize(root, capabilities)
    uri = "file://" + path
    e.open(uri, text, language)
    return e, uri


def actions(e, uri, line, end=None, **context):
    at = {"start": {"line": line, "character": 0}, "end": {"line": end or line, "character": 0}}
    return e.call("textDocument/codeAction", {"textDocument": {"uri": uri}, "range": at,
                                              "context": {"diagnostics": [], **context}})


def titled(found, word):
    hits = [a for a in found if word in a["title"]]
    assert len(hits) == 1, (word, [a["title"] for a in found])
    return hits[0]


def edited(text, edits):
    """Edits in UTF-16 positions of a text that is ASCII here."""
    lines = text.split("\n")

    def offset(p):
        return sum(len(line) + 1 for line in lines[:p["line"]]) + p["character"]
    for e in sorted(edits, key=lambda e: -offset(e["range"]["start"])):
        text = text[:offset(e["range"]["start"])] + e["newText"] + text[offset(e["range"]["end"]):]
    return text


def test_a_repair_is_resolved_tried_and_makes_the_finding_go():
    with World() as w:
        e, uri = start(w, RICH)
        assert e.welcome["capabilities"]["codeActionProvider"]["resolveProvider"] is True
        repair = titled(actions(e, uri, 3), "(mutable-default)")
        assert "edit" not in repair and repair["kind"] == "quickfix" and repair["diagnostics"][0]["code"] == "mutable-default"
        whole = e.call("codeAction/resolve", repair)
        change = whole["edit"]["documentChanges"][0]
        assert change["textDocument"] == {"uri": uri, "version": 1}, change
        text = edited(TEXT, change["edits"])
        assert "found=None" in text and "found=[]" not in text, text
        e.change(uri, 2, text)
        assert not [a for a in actions(e, uri, 3) if "mutable-default" in a["title"]]
        try:
            e.call("codeAction/resolve", repair)
        except LspError as error:
            assert error.code == MODIFIED, error
        else:
            raise AssertionError("a repair of a text that is gone was resolved")
        assert e.leave() == 0 and not e.noise


def test_silence_here_works():
    with World() as w:
        e, uri = start(w, RICH)
        silence = titled(actions(e, uri, 13), "Silence swallowed-error")
        text = edited(TEXT, silence["edit"]["documentChanges"][0]["edits"])
        assert "    # paired:ignore swallowed-error\n    except" in text, text
        e.change(uri, 2, text)
        assert not [a for a in actions(e, uri, 14) if "swallowed-error" in a["title"]]
        assert e.leave() == 0


def test_a_mute_from_the_editor_holds_everywhere():
    with World() as w:
        e, uri = start(w, RICH)
        mute = titled(actions(e, uri, 13), "Mute swallowed-error")["command"]
        e.call("workspace/executeCommand", {"command": mute["command"], "arguments": mute["arguments"]})
        e.change(uri, 2, TEXT + "\n")
        assert not [a for a in actions(e, uri, 13) if "swallowed-error" in a["title"]]
        assert e.leave() == 0


def test_everything_at_once_only_when_asked():
    with World() as w:
        e, uri = start(w, RICH)
        kinds = {a["kind"] for a in actions(e, uri, 0, 20)}
        assert kinds == {"quickfix"}, kinds
        everything = actions(e, uri, 0, 20, only=["source.fixAll"])
        assert [a["kind"] for a in everything] == ["source.fixAll.paired"], everything
        assert "found=None" in edited(TEXT, everything[0]["edit"]["documentChanges"][0]["edits"])
        assert actions(e, uri, 0, 20, only=["source.organizeImports"]) == []
        assert e.leave() == 0


def test_clients_of_less_get_less():
    with World() as w:
        e, uri = start(w, EAGER)
        repair = titled(actions(e, uri, 3), "(mutable-default)")
        assert repair["edit"]["changes"][uri], repair
        assert e.error("codeAction/resolve", repair) == -32601
        assert e.leave() == 0
    with World() as w:
        e, uri = start(w, {})
        assert e.welcome["capabilities"]["codeActionProvider"] is True
        found = actions(e, uri, 3)
        assert found and all(isinstance(a["command"], str) for a in found), found
        assert e.leave() == 0


def test_what_a_rule_means_opens_as_a_page():
    with World() as w:
        e, uri = start(w, RICH)
        about = titled(actions(e, uri, 13), "Ask Sherlock")["command"]
        answer = e.call("workspace/executeCommand", {"command": about["command"], "arguments": about["arguments"]})
        assert "Why it matters" in answer["text"], answer
        shown = e.until(lambda: [p for _, m, p in e.asked if m == "window/showDocument"])[0]
        assert shown["uri"].startswith("paired:/"), shown
        page = e.call("workspace/textDocumentContent", {"uri": shown["uri"]})
        assert page["text"] == answer["text"]
        assert "no longer kept" in e.call("workspace/textDocumentContent", {"uri": "paired:/77/x.md"})["text"]
        assert e.error("workspace/textDocumentContent", {"uri": "file:///etc/passwd"}) == INVALID
        e.call("workspace/executeCommand", {"command": "paired.edison.map", "arguments": [{"show": True}]})
        e.until(lambda: len([1 for _, m, _ in e.asked if m == "window/showDocument"]) == 2)
        for n in range(40):  # the oldest make room
            e.call("workspace/executeCommand", {"command": about["command"], "arguments": about["arguments"]})
        assert "no longer kept" in e.call("workspace/textDocumentContent", {"uri": shown["uri"]})["text"]
        assert e.leave() == 0


def test_who_cannot_open_pages_gets_a_message():
    with World() as w:
        e, uri = start(w, EAGER)
        about = titled(actions(e, uri, 13), "Ask Sherlock")["command"]
        e.call("workspace/executeCommand", {"command": about["command"], "arguments": about["arguments"]})
        e.until(lambda: [p for _, m, p in e.notifications if m == "window/showMessage" and "Why it matters" in p["message"]])
        assert "textDocumentContent" not in e.welcome["capabilities"].get("workspace", {})
        assert e.error("workspace/textDocumentContent", {"uri": "paired:/1/x.md"}) == -32601
        assert e.leave() == 0


def test_a_selection_can_be_asked_about():
    """Only when asked by hand or by kind: idioms that stand there, code like it."""
    body = "".join("def load_%d(path):\n    with open(path) as f:\n        text = f.read()\n    return text.strip()\n\n\n" % i
                   for i in range(5))
    with World() as w:
        e, uri = start(w, {"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}}},
                       body)
        root = os.path.dirname(uri[len("file://"):])
        for i in range(4):
            with open(os.path.join(root, "more%d.py" % i), "w") as f:
                f.write(body.replace("load_", "read%d_" % i))
        assert not [a for a in actions(e, uri, 0, 4) if a["kind"] == "refactor.paired"]
        assert not [a for a in actions(e, uri, 1, triggerKind=1) if a["kind"] == "refactor.paired"]
        found = actions(e, uri, 0, 4, triggerKind=1)
        assert [a["title"] for a in actions(e, uri, 0, 4, only=["refactor"])] == [
            a["title"] for a in found if a["kind"] == "refactor.paired"]
        shown, like = (titled(found, word)["command"] for word in ("idioms", "like this"))
        answer = e.call("workspace/executeCommand", {"command": shown["command"], "arguments": shown["arguments"]}, 60)
        assert "shop.py:2" in answer["text"] and "as $A:" in answer["text"], answer
        answer = e.call("workspace/executeCommand", {"command": like["command"], "arguments": like["arguments"]}, 60)
        assert "load_1" in answer["text"], answer
        assert e.leave() == 0


def test_requests_that_are_wrong():
    with World() as w:
        e, uri = start(w, RICH)
        assert e.error("textDocument/codeAction", {"textDocument": {"uri": uri}}) == INVALID
        assert e.call("textDocument/codeAction", {"textDocument": {"uri": "file:///nowhere.py"}, "range": {
            "start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}}) is None
        assert e.call("codeAction/resolve", {"title": "x"}) == {"title": "x"}
        numbers = []
        for i in range(20):  # while the findings are not there yet, some cancelled
            e.change(uri, i + 2, TEXT + "\n" * i)
            numbers.append(e.post("textDocument/codeAction", {"textDocument": {"uri": uri}, "range": {
                "start": {"line": 3, "character": 0}, "end": {"line": 3, "character": 0}}, "context": {"diagnostics": []}}))
            if i % 3 == 0:
                e.notify("$/cancelRequest", {"id": numbers[-1]})
        for n in numbers:
            m = e.wait(n)
            assert "result" in m or m["error"]["code"] == -32800, m
        e.close_document(uri)
        assert e.leave() == 0 and not e.noise


if __name__ == "__main__":
    main(globals())
