"""Edits of a repository's history as code actions: offered where their form from before stands in the open text, each with its
preview; not before anybody has asked for them, not where they do not say all, not where the text says otherwise."""
import os
import subprocess

from lsp_lib import Lsp, position
from process_lib import PAIRED, World, main
from test_edits import BOUNDED, Repo
from test_lsp_actions import RICH, edited, titled

ANNOTATED = {**RICH, "workspace": {**RICH["workspace"], "workspaceEdit": {
    "documentChanges": True, "changeAnnotationSupport": {"groupsOnLabel": True}}}}
LITERALS = {"textDocument": RICH["textDocument"]}
HISTORY, LOOK = "Apply from the history", "Look for edits"


def repository(w):
    """malloc(n) became calloc(1, n) in five files of seven, strcpy became snprintf in four."""
    repo = Repo(os.path.join(w.dir, "trees"))
    for names in (("ash", "birch"), ("cedar", "elm"), ("fir",)):
        repo.commit("Use calloc: fix rooms of " + ", ".join(names), names, room="calloc(1, %(n)s_bytes)")
    for names in (("ash", "birch"), ("cedar", "elm")):
        repo.commit("Fix overflow of " + ", ".join(names), names, copy=BOUNDED)
    return repo


def start(w, repo, capabilities, name="oak", text=None):
    e = Lsp(w, cwd=repo.root)
    e.initialize(repo.root, capabilities)
    path = os.path.join(repo.root, name + ".c")
    text = text or open(path).read()
    e.open("file://" + path, text)
    return e, "file://" + path, text


def ask(e, uri, text, word, **context):
    at = {"start": position(text, text.index(word)), "end": position(text, text.index(word) + len(word))}
    found = e.call("textDocument/codeAction", {"textDocument": {"uri": uri}, "range": at, "context": {
        "diagnostics": [], **(context or {"triggerKind": 1})}}, 60)
    return [a for a in found if HISTORY in a["title"] or LOOK in a["title"]]


def test_an_edit_is_looked_for_once_and_then_offered():
    with World() as w:
        repo = repository(w)
        e, uri, text = start(w, repo, ANNOTATED)
        look = titled(ask(e, uri, text, "malloc"), LOOK)
        assert look["kind"] == "refactor.paired"
        e.call("workspace/executeCommand", {k: look["command"][k] for k in ("command", "arguments")}, 120)
        one = titled(ask(e, uri, text, "malloc"), HISTORY)
        assert "malloc($A) → calloc(1, $A)" in one["title"] and "5 times" in one["title"], one
        assert one["kind"] == "refactor.paired" and "command" not in one
        change, = one["edit"]["documentChanges"]
        assert change["textDocument"] == {"uri": uri, "version": 1}
        note = one["edit"]["changeAnnotations"][change["edits"][0]["annotationId"]]
        assert note["needsConfirmation"] is True and "5 files" in note["description"], note
        after = edited(text, change["edits"])
        assert after == text.replace("malloc(oak_bytes)", "calloc(1, oak_bytes)"), after
        # Applied, it has nothing more to do; and it is never offered uninvited.
        assert ask(e, uri, text, "malloc", triggerKind=2) == [] and ask(e, uri, text, "puts") == []
        assert ask(e, uri, text, "malloc", only=["refactor"]) == [one] and ask(e, uri, text, "malloc", only=["quickfix"]) == []
        e.change(uri, 2, after)
        assert ask(e, uri, after, "calloc") == []
        # What has no literal of its own for the place cannot be applied: only its authors know "%s".
        assert ask(e, uri, after, "strcpy") == []
        assert e.leave() == 0 and not e.noise


def known(w, repo):
    subprocess.run([PAIRED, "patterns", "--edits"], env=w.env, cwd=repo.root, stdin=subprocess.DEVNULL, check=True,
                   stdout=subprocess.DEVNULL, timeout=120)


def test_only_where_the_text_allows_it():
    with World() as w:
        repo = repository(w)
        known(w, repo)
        for body, offered in (("return malloc(oak_bytes);", True), ("return malloc(oak_bytes /* of one */);", False),
                              ("return malloc(oak_bytes", False), ("return malloc(oak_bytes + 1);", False),
                              ("void *a = malloc(oak_bytes);\n    void *b = malloc(oak_bytes);\n    return a ? a : b;", True)):
            text = "#include <stdlib.h>\n\nvoid *f(size_t oak_bytes) {\n    %s\n}\n" % body
            e, uri, text = start(w, repo, ANNOTATED, text=text)
            found = ask(e, uri, text, "malloc")
            assert [HISTORY in a["title"] for a in found] == ([True] if offered else []), (body, found)
            assert e.leave() == 0
        # Far more places as before than it was ever made: here it is usual.
        text = "#include <stdlib.h>\n\nvoid f(void **p, size_t n) {\n%s}\n" % "    *p++ = malloc(n);\n" * 1
        many = "#include <stdlib.h>\n\nvoid f(void **p, size_t n) {\n%s}\n" % ("    p[n] = malloc(n);\n" * 21)
        e, uri, many = start(w, repo, ANNOTATED, text=many)
        assert ask(e, uri, many, "malloc") == []
        e.change(uri, 2, text)
        assert len(ask(e, uri, text, "malloc")) == 1
        assert e.leave() == 0


def test_for_clients_that_can_less():
    with World() as w:
        repo = repository(w)
        known(w, repo)
        for capabilities in (RICH, LITERALS):
            e, uri, text = start(w, repo, capabilities)
            edit = titled(ask(e, uri, text, "malloc"), HISTORY)["edit"]
            assert "changeAnnotations" not in edit
            changes = edit["changes"][uri] if capabilities is LITERALS else edit["documentChanges"][0]["edits"]
            assert "annotationId" not in changes[0] and edited(text, changes) == text.replace("malloc(", "calloc(1, ")
            assert e.leave() == 0
        e, uri, text = start(w, repo, {})  # commands only
        assert ask(e, uri, text, "malloc") == []
        assert e.leave() == 0


if __name__ == "__main__":
    main(globals())
