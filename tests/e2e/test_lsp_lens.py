"""Lenses above what was changed, hovers of what only paired knows, and their silence where there is nothing to say."""
import os
import time

from agents_repo import Repository
from lsp_lib import Lsp
from process_lib import World, main, wait_until

SETTINGS = {"lens": {"enable": True}}


def start(w, settings=SETTINGS, capabilities=None):
    repo = Repository(os.path.join(w.dir, "shop"))
    repo.fill()
    e = Lsp(w, cwd=repo.root, handlers={"workspace/configuration": lambda p: [settings for _ in p["items"]]})
    e.initialize(repo.root, {"workspace": {"configuration": True, "codeLens": {"refreshSupport": True}},
                             **(capabilities or {})})
    path = os.path.join(repo.root, "src/till.c")
    with open(path) as f:
        text = f.read()
    uri = "file://" + path
    e.open(uri, text)
    # The index and the history are read in the background.
    wait_until(lambda: hover(e, uri, text, "total_of") and "This file" in hover(e, uri, text, "total_of")["contents"]["value"],
               20, "what is known of the file")
    return e, uri, text


def lenses(e, uri):
    return e.call("textDocument/codeLens", {"textDocument": {"uri": uri}})


def hover(e, uri, text, word, nth=0):
    at = -1
    for _ in range(nth + 1):
        at = text.index(word, at + 1)
    line = text.count("\n", 0, at)
    return e.call("textDocument/hover", {"textDocument": {"uri": uri}, "position": {
        "line": line, "character": at - (text.rfind("\n", 0, at) + 1) + 1}})


def test_a_lens_stands_above_what_was_changed():
    with World() as w:
        e, uri, text = start(w)
        assert lenses(e, uri) == []
        changed = text.replace("    return sum;", "    if (sum > 9)\n        sum--;\n    return sum;", 1)
        changed += "\nint fresh(int a) {\n    return a ? 1 : 2;\n}\n"
        assert changed != text
        e.change(uri, 2, changed)
        found = lenses(e, uri)
        titles = {changed.split("\n")[lens["range"]["start"]["line"]]: lens["command"]["title"] for lens in found}
        total = [t for line, t in titles.items() if "total_of" in line]
        assert len(total) == 1 and "complexity 3 → 4" in total[0] and "call" in total[0] and "tests" in total[0], titles
        new = [t for line, t in titles.items() if "fresh" in line]
        assert len(new) == 1 and new[0].startswith("new, complexity 2"), titles
        assert len(found) == 2, titles
        command = found[0]["command"]
        assert command["command"] in e.welcome["capabilities"]["executeCommandProvider"]["commands"]
        assert e.call("workspace/executeCommand", {"command": command["command"], "arguments": command["arguments"]})["text"]
        e.change(uri, 3, text)
        assert lenses(e, uri) == []
        assert e.leave() == 0 and not e.noise


def test_lenses_are_off_unless_asked_for():
    with World() as w:
        e, uri, text = start(w, settings=None)
        e.change(uri, 2, text + "\nint fresh(int a) {\n    return a;\n}\n")
        assert lenses(e, uri) == []
        assert e.leave() == 0


def test_a_function_is_explained_at_its_own_name_only():
    with World() as w:
        e, uri, text = start(w)
        said = hover(e, uri, text, "total_of")
        assert "Complexity 3" in said["contents"]["value"] and "called" in said["contents"]["value"], said
        assert "This file: " in said["contents"]["value"], said
        assert hover(e, uri, text, "prices") is None  # the language's own server knows it
        assert hover(e, uri, text, "{") is None
        assert e.leave() == 0


def test_what_claude_noted_is_seen_in_the_editor_at_once():
    with World() as w:
        e, uri, text = start(w)
        assert hover(e, uri, text, "prices") is None
        e.call("workspace/executeCommand", {"command": "paired.remember", "arguments": [
            {"text": "prices are in cents, `never` <b>floats</b>."}]})
        begin = time.monotonic()
        said = hover(e, uri, text, "prices")["contents"]["value"]
        assert "in cents" in said and "\\`never\\`" in said and "\\<b\\>" in said, said
        assert time.monotonic() - begin < 2
        assert hover(e, uri, text, "count") is None
        assert e.leave() == 0


def test_wrong_and_unknown():
    with World() as w:
        e, uri, text = start(w)
        assert e.error("textDocument/hover", {"textDocument": {"uri": uri}}) == -32602
        assert e.call("textDocument/hover", {"textDocument": {"uri": "file:///no.c"}, "position": {
            "line": 0, "character": 0}}) is None
        far = {"textDocument": {"uri": uri}, "position": {"line": 99999, "character": 7}}
        assert e.call("textDocument/hover", far) is None
        e.open("untitled:new", "int main(void) { return 0; }")
        assert lenses(e, "untitled:new") == []
        assert e.call("textDocument/hover", {"textDocument": {"uri": "untitled:new"}, "position": {
            "line": 0, "character": 5}}) is None
        for n in range(30):  # closing while it is being worked out
            e.open("file://%s/x%d.c" % (w.dir, n), "int f(void) { return 0; }")
            e.post("textDocument/codeLens", {"textDocument": {"uri": "file://%s/x%d.c" % (w.dir, n)}})
            e.close_document("file://%s/x%d.c" % (w.dir, n))
        assert e.leave() == 0


if __name__ == "__main__":
    main(globals())
