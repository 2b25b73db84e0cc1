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


FILL = {"infill": "/infill", "completions": "/v1/completions", "mistral": "/v1/fim/completions",
        "deepseek": "/beta/completions", "ollama": "/api/generate"}


class Filler(Model):
    """A server of one of the APIs for filling in, and of conversations beside it."""

    def __init__(self, api, says, plan=()):
        self.api, self.says = api, says
        super().__init__(lambda n, r: ("spoken;", []), plan)

    def answer(self, h, request, fault):
        if h.path != FILL[self.api] or (fault and fault != "hang"):
            super().answer(h, request, fault)
            return
        ollama = self.api == "ollama"
        h.send_response(200)
        h.send_header("Content-Type", "application/x-ndjson" if ollama else "text/event-stream")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        for i, piece in enumerate([self.says[:3], self.says[3:], None]):
            if fault == "hang" and i == 1:
                self.hangs.set()
                h.connection.settimeout(60)
                try:
                    h.connection.recv(1)
                except OSError:
                    pass
                self.left.set()
                h.close_connection = True
                return
            data = self.event(piece).encode()
            h.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        h.wfile.write(b"0\r\n\r\n")

    def event(self, piece):  # None: the last one
        if self.api == "ollama":
            return json.dumps(dict({"model": "small", "response": piece or "", "done": piece is None}, **(
                {} if piece is not None else {"done_reason": "stop", "prompt_eval_count": 30, "eval_count": 4}))) + "\n"
        if self.api == "infill":
            e = {"content": piece or "", "stop": piece is None}
            if piece is None:
                e.update(tokens_evaluated=30, tokens_predicted=4, stop_type="eos")
            return "data: %s\n\n" % json.dumps(e)
        choice = {"index": 0, "finish_reason": "stop" if piece is None else None}
        choice.update({"delta": {"content": piece or ""}} if self.api == "mistral" else {"text": piece or ""})
        e = {"id": "c1", "model": "small", "choices": [choice]}
        if piece is None:
            e["usage"] = {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34}
        return "data: %s\n\n" % json.dumps(e) + ("data: [DONE]\n\n" if piece is None else "")


def sides(api, body):
    return (body["input_prefix"], body["input_suffix"]) if api == "infill" else (body["prompt"], body["suffix"])


def with_filler(w, model, add, *settings):
    """Lets the folder's text go there, and opens it: a server of the language."""
    root = os.path.join(w.dir, "shop")
    os.makedirs(root)
    for argv in [["backends", "add", *add, "--url", model.url, "--model", "small"], ["consent", "grant", add[0], "--yes"],
                 ["config", "set", "complete.model", "small"], ["config", "set", "complete.ms", "10000"]] + [["config", "set", *s] for s in settings]:
        r = subprocess.run([PAIRED, *argv], input=b"sk-zqxjkvbw\n", env=w.env, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert r.returncode == 0, (argv, r.stderr)
    subprocess.run([PAIRED, "stop"], env=w.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.rmdir(root)
    return start(w)


def told(w, *argv):
    return json.loads(subprocess.run([PAIRED, *argv, "--json"], env=w.env, stdout=subprocess.PIPE).stdout)


def test_what_has_an_api_for_it_fills_in():
    says = "    grams / 454;\n    return pounds;<|endoftext|>"  # to the letter: blanks that stand there already, too
    for api, add in (("infill", ["b0", "--family", "chat", "--fim", "infill"]), ("completions", ["b0", "--family", "chat", "--fim", "completions"]),
                     ("mistral", ["mistral"]), ("deepseek", ["deepseek"]), ("ollama", ["ollama"])):  # the last: by their kind
        model = Filler(api, says)
        with World() as w:
            if api in ("mistral", "deepseek"):
                add = add + ["--key-stdin"]
            e, uri = with_filler(w, model, add)
            text = UNHEARD + "\n}\n// <CARET> and <CARET-1>\n"  # marks that the text has itself
            e.open(uri, text)
            got = ask(e, uri, text, len(UNHEARD), kind=1)
            assert got, (api, model.requests)
            item, = got["items"]
            assert item["insertText"] == "    grams / 454;\n    return pounds;", (api, item)
            assert [r["path"] for r in model.requests] == [FILL[api]], (api, model.requests)
            body, key = model.bodies()[0], model.requests[0]["headers"].get("authorization")
            assert key == ("Bearer sk-zqxjkvbw" if "--key-stdin" in add else None), key
            assert sides(api, body) == (UNHEARD, text[len(UNHEARD):]) and body["model"] == "small", (api, body)
            wait_until(lambda: told(w, "usage", "--by", "agent")["rows"], 20, "what was used")
            row, = told(w, "usage", "--by", "agent")["rows"]
            assert (row["input"], row["output"]) == (30, 4), (api, row)
            sent = [x for x in told(w, "audit", "list")["entries"] if x["event"] == "send"]
            assert [(x["purpose"], x["audience"]) for x in sent] == [("completion", add[0])], (api, sent)
            assert e.leave() == 0
        model.close()


def test_a_model_that_does_not_fill_in_is_asked_in_words():
    for api, status, error in (("ollama", 400, {"error": "small does not support insert"}),
                               ("infill", 501, {"error": {"code": 501, "message": "Infill is not supported by this model", "type": "not_supported_error"}})):
        model = Filler(api, "never", plan=[(status, {}, error)])
        with World() as w:
            e, uri = with_filler(w, model, ["b0", "--family", "chat", "--fim", api])
            for number in (1, 2):  # it is remembered
                text = UNHEARD + "g" * number
                if number == 1:
                    e.open(uri, text)
                else:
                    e.change(uri, number, text)
                item, = ask(e, uri, text, kind=1)["items"]
                assert item["insertText"] == "spoken;", item
            paths = [r["path"] for r in model.requests]
            assert paths == [FILL[api], "/v1/chat/completions", "/v1/chat/completions"], paths
            assert e.leave() == 0
        model.close()


def test_no_path_is_tried():
    """A server that is known by its place alone is asked in words."""
    model = Filler("completions", "never")
    with World() as w:
        e, uri = with_filler(w, model, ["b0", "--family", "chat"])
        e.open(uri, UNHEARD)
        item, = ask(e, uri, UNHEARD, kind=1)["items"]
        assert item["insertText"] == "spoken;" and {r["path"] for r in model.requests} == {"/v1/chat/completions"}
        r = w.run("backends", "add", "b1", "--family", "anthropic", "--url", model.url, "--fim", "infill")
        assert r.returncode and b"chat" in r.stderr, r
        assert e.leave() == 0
    model.close()


def test_secrets_do_not_fill_in():
    key = "ghp_" + "R4nD0mQ7x" * 4
    for how, sent in (("mask", True), ("refuse", False)):
        model = Filler("completions", "grams;")
        with World() as w:
            e, uri = with_filler(w, model, ["b0", "--family", "chat", "--fim", "completions"], ("models.secrets", how))
            text = "token = \"%s\"\n%s" % (key, UNHEARD)
            e.open(uri, text)
            got = ask(e, uri, text, kind=1)
            assert bool(got) == sent and len(model.requests) == sent, (how, got)
            for body in model.bodies():
                before, behind = sides("completions", body)
                assert key not in json.dumps(body) and before.endswith(UNHEARD) and len(before) == len(text), body
            assert e.leave() == 0
        model.close()


def test_typing_on_stops_the_filling_in():
    for api in ("infill", "ollama"):
        model = Filler(api, "grams / 454;", plan=["hang"])
        with World() as w:
            e, uri = with_filler(w, model, ["b0", "--family", "chat", "--fim", api])
            e.open(uri, UNHEARD)
            number = e.post("textDocument/inlineCompletion", {
                "textDocument": {"uri": uri}, "position": position(UNHEARD, len(UNHEARD)), "context": {"triggerKind": 1}})
            assert model.hangs.wait(30)
            e.change(uri, 2, UNHEARD + "x")
            assert model.left.wait(30), "typing on has not closed the connection"
            try:
                assert e.result(number) is None
            except LspError as error:
                assert error.code == -32801, error
            assert e.leave() == 0
        model.close()


def test_a_long_text_goes_along_in_part():
    """Whole lines, within the budget of tokens, and the beginning stays where it is from key to key."""
    model = Filler("completions", "grams;")
    with World() as w:
        e, uri = with_filler(w, model, ["b0", "--family", "chat", "--fim", "completions"])
        head = "".join("int number_%d = %d;\n" % (i, i * 7) for i in range(2000))
        text, tail = head + UNHEARD, "\n}\n" + head
        e.open(uri, text + tail)
        begins = []
        for number in range(2, 8):
            assert ask(e, uri, text + tail, len(text), kind=1), number
            before, behind = sides("completions", model.bodies()[-1])
            assert text.endswith(before) and tail.startswith(behind)
            assert before.startswith("int number_") and behind.endswith(";\n"), (before[:40], behind[-40:])
            assert 1500 < len(before) < 7200 and 500 < len(behind) < 2400, (len(before), len(behind))
            begins.append(before.split("\n")[0])
            text += "\n    int other_%d = 1;" % number
            e.change(uri, number, text + tail)
        assert len(set(begins)) <= 2, begins
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
