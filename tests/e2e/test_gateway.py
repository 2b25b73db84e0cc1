"""The local gateway: what programs see that speak a model's API, and what paired does about backends that fail."""
import email.utils
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

import oracle
import process_lib as p
from backend import Backend
from faulty import Answer, Faulty

ASK = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


class Gate:
    """A world with backends, grants and a pass; `paired gateway run` holds it open as it would for a program.
    `models`: names, the same at each backend, or a tuple of names for each of them."""

    def __init__(self, backends, grant=True, models=("claude-x",), family="anthropic", settings=(), other=()):
        self.world = p.World()
        self.backends = backends = [*backends, *(other if isinstance(other, (list, tuple)) else [other])]
        self.folder = os.path.join(self.world.dir, "work")
        os.mkdir(self.folder)
        for key, value in settings:
            self.paired("config", "set", key, value)
        for i, b in enumerate(backends):
            argv = ["backends", "add", "b%d" % i, "--family", getattr(b, "family", family), "--url", b.url, "--key-stdin"]
            for m in models if isinstance(models[0], str) else models[i]:
                argv += ["--model", m]
            self.paired(*argv, input=b"sk-test-key-%d\n" % i)
            if grant:
                self.grant(i)
        self.hold()

    def hold(self):
        self.holder = subprocess.Popen(
            [p.PAIRED, "gateway", "run", "--", "sh", "-c",
             "echo $ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN $OPENAI_BASE_URL $OPENAI_API_KEY; cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.world.env, cwd=self.folder)
        words = self.holder.stdout.readline().decode().split()
        assert len(words) == 4, (words, self.holder.stderr.read())
        self.base, self.token = words[0], words[1]
        self.port = int(self.base.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.holder.stdin.close()
        self.holder.wait(20)
        self.world.__exit__(*exc)
        for b in self.backends:
            b.close()

    def paired(self, *argv, input=b"", code=0):
        r = subprocess.run([p.PAIRED, *argv], input=input, env=self.world.env, cwd=self.folder, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert r.returncode == code, (argv, r.returncode, r.stdout, r.stderr)
        return r.stdout.decode()

    def grant(self, i):
        self.paired("consent", "grant", "b%d" % i, "--yes")

    def post(self, body, path="/v1/messages", headers=None, timeout=30):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        c.request("POST", path, data, dict({"x-api-key": self.token, "anthropic-version": "2023-06-01",
                                            "Content-Type": "application/json"}, **(headers or {})))
        r = c.getresponse()
        try:
            text = r.read()
            whole = True
        except http.client.IncompleteRead as e:
            text, whole = e.partial, False
        c.close()
        return r.status, dict(r.getheaders()), text, whole

    def audit(self):
        return json.loads(self.paired("audit", "list", "--json"))["entries"]


def words(text):
    out = []
    for line in text.decode().splitlines():
        if line.startswith("data: {"):
            e = json.loads(line[6:])
            if e.get("type") == "content_block_delta":
                out.append(e["delta"].get("text", ""))
            for choice in e.get("choices") or []:
                out.append(choice["delta"].get("content") or "")
    return "".join(out).strip()


def test_answers_pass_unchanged():
    with Gate([Backend()]) as g:
        status, headers, text, _ = g.post(ASK)
        assert status == 200 and headers["content-type"] == "application/json", (status, headers, text)
        assert headers["request-id"] == "req_1"
        assert json.loads(text)["content"][0]["text"] == "hello from the backend"
        status, headers, text, _ = g.post(dict(ASK, stream=True))
        assert status == 200 and headers["content-type"].startswith("text/event-stream"), (status, text)
        assert words(text) == "hello from the backend", text
        assert text.rstrip().endswith(b'{"type": "message_stop"}')
        sent = g.backends[0].requests
        assert sent[0]["headers"]["x-api-key"] == "sk-test-key-0" and sent[0]["path"] == "/v1/messages"
        assert sent[0]["headers"]["anthropic-version"] == "2023-06-01"
        assert json.loads(sent[0]["body"]) == ASK
        assert g.token not in str(sent)
        g.paired("audit", "verify")


def test_bytes_around_the_model_stay():
    with Gate([Backend()], models=("real-model",)) as g:
        odd = b'{ "messages" : [ {"role":"user", "content":"\\u00e9 \\n"} ],"model" :"any", "max_tokens":  5 , "x-unknown":[1.50,{}] }'
        assert g.post(odd)[0] == 200
        assert g.backends[0].requests[0]["body"] == odd.replace(b'"any"', b'"real-model"')


def test_what_was_used_is_kept():
    with Gate([Backend()]) as g:
        assert g.post(ASK)[0] == 200
        assert g.post(dict(ASK, stream=True))[0] == 200

        def both():
            rows = json.loads(g.paired("usage", "--by", "backend", "--json"))["rows"]
            return rows and rows[0]["requests"] == 2 and rows[0]["output"] == 10
        p.wait_until(both, 10, "two requests in usage")
        entries = g.audit()
        sends = [e for e in entries if e["event"] == "send"]
        ends = [e for e in entries if e["event"] == "end"]
        assert len(sends) == 2 and len(ends) == 2 and all(e["outcome"] == "ok" for e in ends), entries
        assert sends[-1]["bytes_out"] == len(g.backends[0].requests[0]["body"]) and sends[-1]["purpose"] == "gateway"


def test_without_a_grant_nothing_leaves():
    with Gate([Backend()], grant=False) as g:
        status, _, text, _ = g.post(ASK)
        assert status == 401 and b"paired consent grant" in text, (status, text)
        assert not g.backends[0].requests
        g.grant(0)
        assert g.post(ASK)[0] == 200
        g.paired("consent", "revoke", "b0")
        assert g.post(ASK)[0] == 401
        assert len(g.backends[0].requests) == 1


def test_no_backend_says_what_to_do():
    with Gate([]) as g:
        status, _, text, _ = g.post(ASK)
        assert status == 401 and b"paired backends add" in text, (status, text)


def test_a_budget_does_not_stop_what_costs_nothing():
    with Gate([Backend()], models=("claude-opus-4-5",), settings=[("models.budget_day_usd", "1")]) as g:
        assert g.post(ASK)[0] == 200  # to this machine: costs nothing, whatever the budget
        status = json.loads(g.paired("budget", "--json"))
        assert status, status


def test_who_has_no_pass_is_refused():
    with Gate([Backend()]) as g:
        for headers, wanted in (({"x-api-key": "wrong"}, 401), ({"x-api-key": ""}, 401), ({"Host": "evil.example"}, 403),
                                ({"Origin": "http://evil.example"}, 403)):
            status, _, text, _ = g.post(ASK, headers=headers)
            assert status == wanted, (headers, status, text)
            assert json.loads(text)["error"]["message"], text
        status, _, _, _ = g.post(ASK, headers={"x-api-key": "", "Authorization": "Bearer " + g.token})
        assert status == 200
        assert len(g.backends[0].requests) == 1


def test_bad_requests_are_named():
    with Gate([Backend()]) as g:
        for body, wanted in ((b"{", b"JSON"), (b"[]", b"object"), (b'{"model":"x"}', b"messages"),
                             (b'{"model":5,"messages":[]}', b"model")):
            status, _, text, _ = g.post(body)
            assert status == 400 and wanted in text, (body, status, text)
        assert g.post(ASK, path="/v1/nothing")[0] == 404
        assert not g.backends[0].requests


def test_secrets_are_held_back_or_masked():
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7Zq3\n" * 4 + "-----END RSA PRIVATE KEY-----\n"
    ask = dict(ASK, messages=[{"role": "user", "content": "my token is %s ok?\n%s" % (secret, key)}])
    with Gate([Backend()], settings=[("models.secrets", "refuse")]) as g:
        status, _, text, _ = g.post(ask)
        assert status == 400 and b"secret" in text and secret.encode() not in text, (status, text)
        assert not g.backends[0].requests
        assert [e["event"] for e in g.audit()][0] == "refuse"
    with Gate([Backend()], settings=[("models.secrets", "mask")]) as g:
        assert g.post(ask)[0] == 200
        body = g.backends[0].requests[0]["body"]
        assert secret.encode() not in body and b"MIIEpAIB" not in body and len(body) == len(json.dumps(ask)), body
        assert json.loads(body)["messages"][0]["content"].startswith("my token is x")


RATE = (429, {"retry-after": "0"}, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}})
QUOTA = (429, {"retry-after": "7200", "anthropic-ratelimit-unified-status": "rejected"},
         {"type": "error", "error": {"type": "rate_limit_error", "message": "usage limit reached"}})


def test_another_backend_takes_over():
    for fault in (500, 529, 401, 404, "reset", "garbage", "cut-early", "overloaded", RATE, QUOTA):
        for stream in (False, True):
            if not stream and fault in ("cut-early", "overloaded"):
                continue
            first, second = Backend("first", plan=[fault]), Backend("the second one")
            with Gate([first, second]) as g:
                begin = time.monotonic()
                status, _, text, whole = g.post(dict(ASK, stream=stream))
                took = time.monotonic() - begin
                assert status == 200 and whole and b"second" in text and b"first" not in text, (fault, stream, status, text)
                assert len(first.requests) == len(second.requests) == 1, fault
                assert took < 0.5 * p.SLOW, (fault, took)


def test_further_tries_are_in_the_audit():
    first, second = Backend("first", plan=[500]), Backend("second")
    with Gate([first, second]) as g:
        assert g.post(ASK)[0] == 200
        by = {}

        def settled():
            by.clear()
            for e in g.audit():
                by.setdefault(e["event"], []).insert(0, e)  # the oldest first
            return len(by.get("end", [])) == 2
        p.wait_until(settled, 20, "the ends of two tries")
        sends, ends = by["send"], by["end"]
        # The one that was on disk before anything left names who may take over.
        assert [(e["audience"], e["purpose"]) for e in sends] == [("b0", "gateway; if it fails: b1"), ("b1", "gateway")], sends
        assert sends[1]["bytes_out"] == len(second.requests[0]["body"]), sends
        assert sorted((e["ref"], e["audience"], e["outcome"]) for e in ends) == \
            [(sends[0]["seq"], "b0", "failed"), (sends[1]["seq"], "b1", "ok")], ends
        g.paired("audit", "verify")


def test_who_was_asked_is_on_disk_when_the_engine_is_killed():
    first, second = Backend("first", plan=[500]), Backend("second", plan=["stall"])
    with Gate([first, second]) as g:
        asking = threading.Thread(target=lambda: attempt(g), daemon=True)
        asking.start()
        p.wait_until(lambda: second.requests, 20, "a further try")
        os.kill(g.world.engine_pid(), signal.SIGKILL)  # its own entry may be on its way still
        sends = [e for e in g.audit() if e["event"] == "send"]
        assert [(e["audience"], e["purpose"]) for e in sends if e["audience"] == "b0"] == \
            [("b0", "gateway; if it fails: b1")], sends
        g.paired("audit", "verify")
        asking.join(20)


def attempt(g):
    try:
        g.post(ASK)
    except (OSError, http.client.HTTPException):
        pass  # the engine is gone


def test_one_backend_is_asked_again():
    for fault in (500, 529, "reset", RATE):
        only = Backend("only one", plan=[fault])
        with Gate([only]) as g:
            status, _, text, _ = g.post(ASK)
            assert status == 200 and b"only one" in text, (fault, status, text)
            assert len(only.requests) == 2


def test_a_wrong_request_is_not_repeated():
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: too odd"}}
    first, second = Backend(plan=[(400, {}, error)]), Backend()
    with Gate([first, second]) as g:
        status, _, text, _ = g.post(ASK)
        assert status == 400 and json.loads(text) == error, (status, text)
        assert len(first.requests) == 1 and not second.requests


def test_a_cut_answer_is_gone_on_with():
    said = "Call one two three four five six seven eight nine ten."
    for family in ("anthropic", "chat", "responses", "gemini"):
        first = Backend(said, plan=["cut"])
        second = Faulty(family, {1: Answer(said)}, seed=1)
        with Gate([first], other=second) as g:
            status, _, text, whole = g.post(dict(ASK, stream=True, messages=[{"role": "user", "content": "case 1"}]))
            got = oracle.read("anthropic", True, text)
            assert status == 200 and whole and got.error is None and got.text.rstrip() == said, (family, text)
            begun = second.requests[0]["begun"]
            assert begun and said.startswith(begun) and begun == begun.rstrip(), begun
            assert got.output_tokens > 5, got.output_tokens  # of both
            assert second.requests[0]["body"].get("max_tokens", 0) < ASK["max_tokens"], second.requests[0]
            assert len(first.requests) == len(second.requests) == 1


def test_who_refuses_a_beginning_is_not_asked_again_to_go_on():
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message":
               "This model does not support assistant message prefill. The conversation must end with a user message."}}
    said = "one two three four five six"
    first, second = Backend(said, plan=["cut", None, "cut"]), Backend(said, plan=[(400, {}, refusal)])
    with Gate([first, second]) as g:
        for turn in range(2):
            ask = dict(ASK, stream=True, messages=[{"role": "user", "content": "turn %d" % turn}])
            text = g.post(ask)[2]
            assert words(text) == said and b"event: error" not in text, text
        assert len(second.requests) == 1 and len(first.requests) == 4, (len(first.requests), len(second.requests))


def test_a_cut_tool_call_is_told_and_never_repeated():
    tools = [("toolu_1", "write", {"path": "a.c", "text": "x" * 200})]
    for family, path, ask in (("anthropic", "/v1/messages", ASK), ("chat", "/v1/chat/completions", ASK),
                              ("responses", "/v1/responses", {"model": "m", "input": "case 1"})):
        asked = dict(ask, stream=True)
        if "messages" in asked:
            asked["messages"] = [{"role": "user", "content": "case 1"}]
        answers = {1: Answer("I write it. ", tools)}
        backends = [Faulty(family, answers, lambda _case, _attempt: "cut_in_tool", 1) for _ in range(2)]
        with Gate([], other=backends) as g:
            status, _, text, whole = g.post(asked, path=path)
            got = oracle.read(family, True, text)
            assert status == 200 and whole and got.error and b"called a tool" in text, (family, text)
            assert got.text == "I write it. " and len(got.calls) == 1 and not got.calls[0][3], got.calls
            assert sum(len(b.requests) for b in backends) == 1


def test_an_answer_in_a_fixed_form_is_not_gone_on_with():
    first, second = Backend("one two three four five six", plan=["cut"]), Backend("anything else")
    with Gate([first, second]) as g:
        text = g.post(dict(ASK, stream=True, output_format={"type": "json_schema", "schema": {}}))[2]
        assert b"event: error" in text and b"fixed form" in text and b"message_stop" not in text, text
        assert not second.requests


def test_signatures_of_another_model_are_taken_out():
    error = {"type": "error", "error": {"type": "invalid_request_error",
                                        "message": "messages.1.content.0: Invalid `signature` in `thinking` block"}}
    ask = dict(ASK, messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"}])
    with Gate([Backend(plan=[(400, {}, error)])]) as g:
        assert g.post(ask)[0] == 200
        sent = [json.loads(r["body"]) for r in g.backends[0].requests]
        assert len(sent) == 2 and sent[0] == ask
        assert sent[1]["messages"][1]["content"] == [{"type": "text", "text": "b"}], sent[1]


def test_a_conversation_stays_with_its_backend():
    first, second = Backend("one", plan=[500]), Backend("two")
    with Gate([first, second]) as g:
        for turn in range(4):
            more = [{"role": "assistant", "content": "x"}, {"role": "user", "content": "turn %d" % turn}] * turn
            assert b"two" in g.post(dict(ASK, messages=ASK["messages"] + more))[2]
        assert len(first.requests) == 1 and len(second.requests) == 4


def test_a_client_that_leaves_stops_the_backend():
    slow = Backend(" ".join(["word"] * 400), plan=["slow"])
    with Gate([slow]) as g:
        c = http.client.HTTPConnection("127.0.0.1", g.port, timeout=30)
        c.request("POST", "/v1/messages", json.dumps(dict(ASK, stream=True)), {"x-api-key": g.token})
        assert c.getresponse().read(20)
        c.close()
        p.wait_until(lambda: any(e["event"] == "end" and e["outcome"] == "cancelled" for e in g.audit()), 10,
                     "an end that says cancelled")


def test_a_client_that_leaves_ends_the_backends_connection():
    for fault in ("stall", "stall_after_head", "stall_in_text"):  # before anything, before content, within it
        b = Faulty("anthropic", {1: Answer("word " * 100)}, lambda _c, _a, f=fault: f, 1)
        with Gate([], other=b) as g:
            c = http.client.HTTPConnection("127.0.0.1", g.port, timeout=30)
            c.request("POST", "/v1/messages", json.dumps(dict(ASK, stream=True, messages=[
                {"role": "user", "content": "case 1"}])), {"x-api-key": g.token})
            if fault == "stall_in_text":
                assert c.getresponse().read(20)
            p.wait_until(lambda: b.requests, 30, "the backend is asked")
            assert not b.gone
            left = time.monotonic()
            c.close()
            p.wait_until(lambda: b.gone, 30, "the backend's connection ends")
            p.report("%s: the backend's connection ended after %.1f ms" % (fault, (b.gone[0] - left) * 1e3))
            time.sleep(0.1)
            assert len(b.requests) == 1, "nobody waits for an answer any more"


def test_retry_after_is_obeyed():
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    for form in ("seconds", "date"):
        only = Backend("only one", plan=["later"])
        with Gate([only]) as g:
            until = time.time() + 2
            value = "2" if form == "seconds" else email.utils.formatdate(int(until) + 1, usegmt=True)
            only.plan[0] = (429, {"retry-after": value}, error)
            status, _, text, _ = g.post(ASK)
            assert status == 200 and b"only one" in text, (form, status, text)
            waited = only.requests[1]["at"] - only.requests[0]["at"]
            assert len(only.requests) == 2 and waited >= (1.9 if form == "seconds" else 0.9), (form, waited)
            if form == "date":
                assert time.time() >= until - 0.1, "asked before the date"


def test_a_backend_that_keeps_failing_is_left_alone():
    first, second = Backend("one", plan=[500] * 20), Backend("two")
    with Gate([first, second]) as g:
        for turn in range(8):
            assert b"two" in g.post(dict(ASK, messages=[{"role": "user", "content": "conversation %d" % turn}]))[2]
        assert len(first.requests) == 3, len(first.requests)  # in a row: then its breaker is open for minutes


def test_a_pass_ends_with_its_program():
    with Gate([Backend()]) as g:
        g.holder.stdin.close()
        assert g.holder.wait(20) == 0
        g.holder.stdin = open(os.devnull)
        status = g.post(ASK)[0]
        assert status == 401, status


def test_programs_end_codes_and_failures():
    with Gate([]) as g:
        run = ("gateway", "run", "--")
        g.paired(*run, "sh", "-c", "exit 7", code=7)
        g.paired(*run, "sh", "-c", "kill -TERM $$", code=143)
        g.paired(*run, "/nonexistent/program", code=127)


def test_keys_are_in_no_log_and_no_answer():
    with Gate([Backend(plan=[401])]) as g:
        text = g.post(ASK)[2]
        assert b"sk-test-key" not in text
        seen = g.paired("backends", "--json") + g.paired("audit", "list", "--json") + g.paired("status", "--json")
        for folder, _, files in os.walk(g.world.profile):
            for f in files:
                path = os.path.join(folder, f)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        seen += file.read().decode("latin-1")
        assert "sk-test-key-0" not in seen and g.token not in seen


if __name__ == "__main__":
    p.main(globals())
