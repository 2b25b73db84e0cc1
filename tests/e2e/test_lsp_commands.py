"""workspace/executeCommand: every capability of every agent, questions in words, memory, figures."""
import os

from agents_repo import Repository
from lsp_lib import Lsp, LspError
from process_lib import World, main, report

CANCELLED, INVALID = -32800, -32602


def start(w, **options):
    repo = Repository(os.path.join(w.dir, "shop"))
    repo.fill()
    repo.change()
    e = Lsp(w, cwd=repo.root)
    e.initialize(repo.root, **options)
    return e, repo


def run(e, command, *arguments, **more):
    return e.call("workspace/executeCommand", {"command": command, "arguments": list(arguments), **more}, 60)


def refused(e, command, *arguments):
    try:
        run(e, command, *arguments)
    except LspError as error:
        return error
    raise AssertionError("%s was carried out" % command)


def test_every_advertised_command_answers():
    with World() as w:
        e, _ = start(w)
        listed = e.welcome["capabilities"]["executeCommandProvider"]["commands"]
        assert len(listed) == len(set(listed)) and all(c.startswith("paired.") for c in listed)
        capabilities = run(e, "paired.capabilities")["capabilities"]
        assert len(capabilities) >= 30
        assert {"paired.%s.%s" % (c["agent"], c["name"]) for c in capabilities} <= set(listed)
        answered = 0
        for c in capabilities:
            if c["writes"]:
                continue
            try:
                answer = run(e, "paired.%s.%s" % (c["agent"], c["name"]), {})
                assert answer["text"].strip() and set(answer) <= {"title", "text", "next"}, (c["name"], answer)
                answered += 1
            except LspError as error:  # it needs an argument, and says which
                assert error.code == INVALID and len(str(error)) > 20, (c["name"], error)
        assert answered >= 20, answered
        assert e.leave() == 0 and not e.noise


def test_a_question_finds_its_agent_and_its_place():
    with World() as w:
        e, repo = start(w)
        uri = "file://" + os.path.join(repo.root, "src/till.c")
        answer = run(e, "paired.ask", {"question": "where is the rebate computed?"})
        assert "src/till.c" in answer["text"], answer
        answer = run(e, "paired.ask", {"question": "review my changes", "agent": "sherlock"})
        assert "sherlock" in answer["text"].lower(), answer
        with open(os.path.join(repo.root, "src/till.c")) as f:
            e.open(uri, f.read())
        at = {"start": {"line": 5, "character": 4}, "end": {"line": 5, "character": 4}}
        here = run(e, "paired.ask", {"question": "who calls this function?", "textDocument": {"uri": uri}, "range": at})
        assert "total_of" in here["text"], here
        for bad in ({}, {"question": ""}, {"question": "x" * 9000}, {"question": "x", "agent": "nobody"}):
            assert refused(e, "paired.ask", bad).code == INVALID, bad
        assert e.leave() == 0


def test_what_one_tool_remembers_the_editor_resumes():
    with World() as w:
        e, _ = start(w)
        assert run(e, "paired.handoff", {"title": "Rebates", "next": "Round them"})["text"]
        assert "Round them" in run(e, "paired.resume")["text"]
        run(e, "paired.remember", {"text": "The rounding is to whole cents."})
        assert "whole cents" in run(e, "paired.recall", {"query": "rounding"})["text"]
        assert e.leave() == 0


def test_figures_and_tokens():
    with World() as w:
        e, _ = start(w)
        status = run(e, "paired.status")
        assert status["engine"]["pid"] == w.engine_pid() and status["documents"] == 0, status
        assert 0 < run(e, "paired.tokens", {"text": "int main(void) { return 0; }"})["tokens"] < 20
        assert refused(e, "paired.tokens", {}).code == INVALID
        assert e.leave() == 0


def test_what_is_no_command_is_refused():
    with World() as w:
        e, _ = start(w)
        for name in ("paired.", "paired.nothing", "review", "paired.review", "paired.marie.review", "other.ask", ""):
            assert refused(e, name).code == INVALID, name
        assert refused(e, "paired.run", {"capability": "nothing"}).code == INVALID
        assert refused(e, "paired.status", 7).code == INVALID
        assert e.error("workspace/executeCommand", {}) == INVALID
        assert e.leave() == 0


def test_a_command_can_be_cancelled_and_tells_how_far_it_is():
    with World() as w:
        e, _ = start(w)
        number = e.post("workspace/executeCommand", {"command": "paired.sherlock.review_tree", "arguments": [{}]})
        e.notify("$/cancelRequest", {"id": number})
        m = e.wait(number, 30)
        assert "result" in m or m["error"]["code"] == CANCELLED, m
        run(e, "paired.edison.map", {}, workDoneToken="t1")
        kinds = [p["value"]["kind"] for _, method, p in e.notifications if method == "$/progress" and p["token"] == "t1"]
        assert kinds[0] == "begin" and kinds[-1] == "end", kinds
        many = [e.post("workspace/executeCommand", {"command": "paired.edison.map", "arguments": [{}]}) for _ in range(80)]
        answers = [e.wait(n, 60) for n in many]
        busy = [m for m in answers if "error" in m]
        report("%d of 80 at once were refused as too many" % len(busy))
        assert all(m["error"]["code"] == -32803 for m in busy) and len(busy) < 80
        e.process.stdin.close()  # in the middle of one: the session's end frees what runs
        assert e.end() in (0, 1)


if __name__ == "__main__":
    main(globals())
