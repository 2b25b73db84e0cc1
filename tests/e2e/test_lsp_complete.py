"""Grey text behind the caret: what the repository's own code shows, in the names of the place; and silence."""
import json
import os
import subprocess
import time

from lsp_lib import Lsp, LspError, position
from model_script import Model
from process_lib import PAIRED, World, main, percentile, report, wait_until, SLOW

CAN = {"textDocument": {"inlineCompletion": {}}}
OPEN = """#include <stdlib.h>

struct {0} *{0}_open(const char *path) {{
    struct {0} *{1} = calloc(1, sizeof *{1});
    if (!{1})
        return NULL;
    {1}->path = strdup(path);
    return {1};
}}
"""
BEGUN = """struct user *user_open(const char *where) {
    struct user *u = calloc(1, sizeof *u);
    """


def start(w, capabilities=CAN, settings=None):
    root = os.path.join(w.dir, "shop")
    os.makedirs(root)
    for kind, name in (("till", "t"), ("shelf", "s"), ("basket", "b"), ("door", "d")):
        with open(os.path.join(root, kind + ".c"), "w") as f:
            f.write(OPEN.format(kind, name))
    e = Lsp(w, cwd=root, handlers={"workspace/configuration": lambda p: [settings for _ in p["items"]]})
    e.initialize(root, dict(capabilities, workspace={"configuration": True}))
    return e, "file://" + os.path.join(root, "user.c")


def ask(e, uri, text, at=None, kind=2):
    return e.call("textDocument/inlineCompletion", {
        "textDocument": {"uri": uri}, "position": position(text, len(text) if at is None else at, e.encoding),
        "context": {"triggerKind": kind}})


def known(e, uri, text):
    """The repository is read in the background."""
    wait_until(lambda: ask(e, uri, text), 20, "what the repository shows")
    return ask(e, uri, text)


def test_what_the_repository_shows():
    with World() as w:
        e, uri = start(w)
        assert "inlineCompletionProvider" in e.welcome["capabilities"]
        e.open(uri, BEGUN)
        item, = known(e, uri, BEGUN)["items"]
        assert item["insertText"] == "if (!u)\n        return NULL;\n    u->path = strdup(where);\n    return u;", item
        here = position(BEGUN, len(BEGUN))
        assert item["range"] == {"start": here, "end": here}, item
        # An editor closes brackets by itself: they are part of what is said. Positions count UTF-16.
        text = BEGUN.rsplit("calloc", 1)[0].replace("    struct", "    /* \U0001F600 */ struct", 1) + "calloc();\n}\n"
        e.change(uri, 2, text)
        at = text.index("(" + ");") + 1
        item, = ask(e, uri, text, at)["items"]
        assert item["insertText"] == "1, sizeof *u);" and item["range"]["start"] == position(text, at), item
        assert item["range"]["end"] == position(text, at + 2), item
        assert e.leave() == 0


def test_silence():
    with World() as w:
        e, uri = start(w)
        e.open(uri, BEGUN)
        known(e, uri, BEGUN)
        head = BEGUN.rsplit("    ", 1)[0]
        for number, line in enumerate(("    // ", "    f(\"", "    /* ", "    unheard_of(", "    if (!u) return; x = "), 2):
            text = head + line
            e.change(uri, number, text)
            assert ask(e, uri, text) is None, line
        e.open("untitled:x", "hello", language="plaintext")
        assert ask(e, "untitled:x", "hello") is None
        assert ask(e, "file:///nowhere.c", "x") is None
        assert e.error("textDocument/inlineCompletion", {"textDocument": {"uri": uri}}) == -32602
        assert e.leave() == 0


def test_only_for_who_can_and_wants():
    with World() as w:
        e, uri = start(w, {})
        assert "inlineCompletionProvider" not in e.welcome["capabilities"]
        e.open(uri, BEGUN)
        assert e.error("textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": {
            "line": 0, "character": 0}, "context": {"triggerKind": 2}}) == -32601
        assert e.leave() == 0
    with World() as w:
        e, uri = start(w, settings={"inlineCompletion": {"enable": False}})
        e.open(uri, BEGUN + "u = 1;\n")
        e.diagnostics(uri)  # by now the settings are there
        for _ in range(20):
            assert ask(e, uri, BEGUN) is None
            time.sleep(0.02)
        assert e.leave() == 0


def test_typing_on_cancels():
    """Each question that an edit overtakes is answered at once, as modified or cancelled, and none later."""
    with World() as w:
        e, uri = start(w)
        e.open(uri, BEGUN)
        known(e, uri, BEGUN)
        text, version, rounds, kinds = BEGUN, 1, 0, {"said": 0, "modified": 0}
        # Whether an edit overtakes a question is up to who is faster: as often as it takes.
        while not kinds["modified"]:
            asked, rounds = [], rounds + 1
            assert rounds <= 100, kinds
            with e.together():
                for _ in range(200):
                    text, version = text + "i", version + 1
                    e.change(uri, version, (position(text, len(text) - 1), position(text, len(text) - 1), "i"))
                    asked.append(e.post("textDocument/inlineCompletion", {
                        "textDocument": {"uri": uri}, "position": position(text, len(text)),
                        "context": {"triggerKind": 2}}))
            for number in asked:
                try:
                    e.result(number)
                    kinds["said"] += 1
                except LspError as error:
                    assert error.code == -32801, error
                    kinds["modified"] += 1
            assert all(len(e.answers[str(n)]) == 1 for n in asked)
        report("of %d questions while typing: %r" % (200 * rounds, kinds))
        number = e.post("textDocument/inlineCompletion", {
            "textDocument": {"uri": uri}, "position": position(text, len(text)), "context": {"triggerKind": 2}})
        e.notify("$/cancelRequest", {"id": number})
        answer = e.wait(number)
        assert "result" in answer or answer["error"]["code"] == -32800, answer
        assert e.leave() == 0


def with_model(w, model, *settings):
    """Grants the scripted model to the folder of start(), which has to exist."""
    root = os.path.join(w.dir, "shop")
    for argv in [["backends", "add", "b0", "--family", "chat", "--url", model.url, "--model", "small"],
                 ["consent", "grant", "b0", "--yes"]] + [["config", "set", *s] for s in settings]:
        r = subprocess.run([PAIRED, *argv], env=w.env, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert r.returncode == 0, (argv, r.stderr)
    subprocess.run([PAIRED, "stop"], env=w.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


UNHEARD = "int weigh(int grams) {\n    int pounds = "


def test_a_model_has_the_last_word():
    model = Model(lambda n, r: ("```c\n    int pounds = grams / 454;\n    return pounds;\n}\n```\n", []))
    with World() as w:
        os.makedirs(os.path.join(w.dir, "shop"))
        with_model(w, model, ("complete.model", "small"))
        os.rmdir(os.path.join(w.dir, "shop"))
        e, uri = start(w)
        e.open(uri, BEGUN)
        model_says = "grams / 454;\n    return pounds;"

        def known_now():  # until the repository is read, the model is asked for this place, too
            answer = ask(e, uri, BEGUN)
            return answer and answer["items"][0]["insertText"].startswith("if (!u)")
        wait_until(known_now, 30, "what the repository shows")
        before = len(model.requests)
        item, = ask(e, uri, BEGUN)["items"]  # it comes first
        assert item["insertText"].startswith("if (!u)") and len(model.requests) == before
        text = UNHEARD + "\n}\n"
        e.change(uri, 2, text)
        item, = ask(e, uri, text, len(UNHEARD), kind=1)["items"]
        assert item["insertText"] == model_says, item
        body = model.bodies()[-1]
        assert body["model"] == "small" and "pounds = <CARET>" in body["messages"][-1]["content"], body
        entries = subprocess.run([PAIRED, "audit", "list", "--json"], env=w.env, stdout=subprocess.PIPE)
        purposes = {x["purpose"] for x in json.loads(entries.stdout)["entries"] if x["event"] == "send"}
        assert purposes == {"completion"}, purposes
        assert e.leave() == 0
    model.close()


def test_a_model_is_not_asked_unless_all_agree():
    model = Model(lambda n, r: ("grams / 454;", []))
    for settings, revoked in (((), False), ((("complete.model", "small"),), True)):
        with World() as w:
            os.makedirs(os.path.join(w.dir, "shop"))
            with_model(w, model, *settings)
            if revoked:
                assert subprocess.run([PAIRED, "consent", "revoke", "b0"], env=w.env, stderr=subprocess.DEVNULL).returncode == 0
            os.rmdir(os.path.join(w.dir, "shop"))
            e, uri = start(w)
            e.open(uri, UNHEARD)
            assert ask(e, uri, UNHEARD, kind=1) is None
            assert not model.requests
            assert e.leave() == 0
    model.close()


def test_a_model_that_is_late_or_overtaken_is_left():
    model = Model(lambda n, r: ("grams / 454;\nreturn pounds;\n", []), plan=["hang", "hang"])
    with World() as w:
        os.makedirs(os.path.join(w.dir, "shop"))
        with_model(w, model, ("complete.model", "small"), ("complete.ms", "500"))
        os.rmdir(os.path.join(w.dir, "shop"))
        e, uri = start(w)
        e.open(uri, UNHEARD)
        assert ask(e, uri, UNHEARD, kind=1) is None  # late: silence, and the connection is closed
        assert model.left.wait(30)
        model.left.clear(), model.hangs.clear()
        asked, text = [], UNHEARD
        for i in range(20):  # typing: nothing goes out before a pause
            text += "g"
            e.change(uri, i + 2, (position(text, len(text) - 1), position(text, len(text) - 1), "g"))
            asked.append(e.post("textDocument/inlineCompletion", {
                "textDocument": {"uri": uri}, "position": position(text, len(text)), "context": {"triggerKind": 2}}))
        assert model.hangs.wait(30)  # the last one's pause is over
        e.change(uri, 100, (position(text, len(text)), position(text, len(text)), "x"))
        assert model.left.wait(30), "typing on has not closed the connection"
        for number in asked:
            try:
                assert e.result(number) is None
            except LspError as error:
                assert error.code == -32801, error
        report("20 letters typed, %d requests went out" % (len(model.requests) - 1))
        assert e.leave() == 0
    model.close()


def test_it_is_quick():
    with World() as w:
        e, uri = start(w)
        e.open(uri, BEGUN)
        known(e, uri, BEGUN)
        times = []
        for i in range(100):
            begun = time.monotonic()
            assert ask(e, uri, BEGUN)
            times.append((time.monotonic() - begun) * 1000)
        report("asked and answered: p50 %.2f, p99 %.2f ms" % (percentile(times, .5), percentile(times, .99)))
        assert percentile(times, .5) < 5 * SLOW
        assert e.leave() == 0


if __name__ == "__main__":
    main(globals())
