"""Answers that are given again for exactly the same request (models.cache): when, to whom, for how long, and how they go."""
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import process_lib as p
from backend import Backend, anthropic_json
from model_script import Model
from process_lib import main
from test_gateway import Gate, words
from test_lsp_complete import UNHEARD, start, with_model
from test_lsp_complete import ask as complete
from test_models_money import HAIKU, Priced

ON = (("models.cache", "exact"),)
ASK = {"model": "claude-x", "max_tokens": 100, "temperature": 0, "messages": [{"role": "user", "content": "hello"}]}
CHAT = {"model": "claude-x", "temperature": 0, "messages": [{"role": "user", "content": "hello"}]}


def info(g):
    return json.loads(g.paired("gateway", "cache", "--json"))


def kept(g, n):
    """It is written behind the answer's back."""
    p.wait_until(lambda: info(g)["entries"] == n, 30, "%d answers are kept" % n)


def ask(g, body, hit, path="/v1/messages", **headers):
    before = len(g.backends[0].requests)
    status, got, text, whole = g.post(body, path, {k.replace("_", "-"): v for k, v in headers.items()})
    assert status == 200 and whole, (status, text)
    assert (got.get("x-paired-cache") == "hit") == hit, (got, text)
    assert len(g.backends[0].requests) == before + (not hit), "the backend was %sasked" % ("" if hit else "not ")
    return got, text


def same(g, body, times=1, **options):
    """Asked, kept, and given again."""
    n = info(g)["entries"]
    first = ask(g, body, False, **options)
    kept(g, n + 1)
    for _ in range(times):
        again = ask(g, body, True, **options)
        assert again[1] == first[1] and again[0]["content-type"] == first[0]["content-type"], (first, again)
    return first[1]


def test_the_same_request_is_answered_from_the_cache():
    with Gate([Backend()], settings=ON) as g:
        got = same(g, ASK, 2)
        assert json.loads(got)["content"][0]["text"] == "hello from the backend"
        sent = sum(e["event"] == "send" for e in g.audit())  # how it ended is written a little later
        headers, _ = ask(g, ASK, True)
        assert headers["x-paired-route"].endswith("-cache"), headers
        assert sum(e["event"] == "send" for e in g.audit()) == sent > 0, "something is said to have left"
        why = json.loads(g.paired("why", headers["x-paired-route"], "--json"))
        assert why["kept_ms"] > 0 and why["status"] == "ok" and why["model"] == "claude-x", why
        assert "from the cache, kept at 20" in g.paired("why"), g.paired("why")
        assert "from the cache" in g.paired("why", "--list")
        # Anything else of it is another request.
        for other in (dict(ASK, max_tokens=99), dict(ASK, system="be brief"), dict(ASK, temperature=0.0),
                      dict(ASK, messages=[{"role": "user", "content": "hello "}]), dict(ASK, top_k=3)):
            ask(g, other, False)


def test_a_bad_answer_is_not_given_again():
    with Gate([Backend()], settings=ON) as g:
        other = dict(ASK, max_tokens=99)
        same(g, ASK)
        same(g, other)
        hit = ask(g, ASK, True)[0]["x-paired-route"]
        g.paired("why", hit, "--good", code=1)  # nothing can be learned from it
        said = json.loads(g.paired("why", hit, "--bad", "--json"))
        assert said["dropped"] is True and said["learned"] is False, said
        assert json.loads(g.paired("why", hit, "--json"))["verdict"] == "bad"
        first = ask(g, ASK, False)[0]["x-paired-route"]
        kept(g, 2)
        assert "not given again" in g.paired("why", first, "--bad")  # by the request that kept it, too
        assert info(g)["entries"] == 1
        ask(g, ASK, False)
        ask(g, other, True)


def test_only_what_asks_for_the_same_words_is_kept():
    with Gate([Backend(tool=None)], settings=ON) as g:
        without = {k: v for k, v in ASK.items() if k != "temperature"}
        tools = [{"name": "read", "input_schema": {"type": "object"}}]
        for body in (without, dict(ASK, temperature=1), dict(ASK, temperature=0.01), dict(ASK, temperature=None),
                     dict(ASK, tools=[{"type": "web_search_20250305", "name": "web_search"}]),
                     dict(ASK, tools=tools + [{"type": "code_execution_20250522", "name": "c"}]),
                     dict(ASK, mcp_servers=[{"type": "url", "url": "https://example.org", "name": "x"}]), dict(ASK, container="c1"),
                     dict(ASK, messages=[{"role": "user", "content": [
                         {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}]}]),
                     dict(ASK, messages=[{"role": "user", "content": [
                         {"type": "document", "source": {"type": "file", "file_id": "file_1"}}]}])):
            for _ in range(2):
                ask(g, body, False)
        for path, body in (("/v1/responses", {"model": "claude-x", "temperature": 0, "input": "hi"}),
                           ("/v1/responses", {"model": "claude-x", "temperature": 0, "input": "hi", "store": True}),
                           ("/v1/chat/completions", dict(CHAT, store=True)),
                           ("/v1/chat/completions", dict(CHAT, web_search_options={}))):
            for _ in range(2):
                ask(g, body, False, path=path)
        # What can only be kept after all of these is: nothing of them was.
        same(g, dict(ASK, tools=tools))
        same(g, {"model": "claude-x", "temperature": 0, "input": "hi", "store": False}, path="/v1/responses")
        assert info(g)["entries"] == 2
        # Addresses within a text are but text.
        same(g, dict(ASK, messages=[{"role": "user", "content": 'what is {"url": "http://a", "file_id": "1"}?'}]))


def test_a_client_may_force_it_and_pass_it_by():
    with Gate([Backend()], settings=ON) as g:
        warm = dict(ASK, temperature=1)
        ask(g, warm, False)
        same(g, warm, x_paired_cache="use")
        ask(g, warm, False)
        same(g, ASK)
        for headers in ({"x_paired_cache": "no"}, {"cache_control": "no-store"}, {"Cache_Control": "max-age=0, no-cache"}):
            ask(g, ASK, False, **headers)
        ask(g, ASK, True)


def test_off_it_keeps_nothing_also_when_forced():
    with Gate([Backend()]) as g:
        for _ in range(2):
            ask(g, ASK, False)
            ask(g, ASK, False, x_paired_cache="use")
        assert info(g) == dict(info(g), setting="off", entries=0, file_bytes=0)
        assert not os.path.exists(os.path.join(g.world.profile, "state", "answers.db"))
    # The folder's own file may say no where the user says yes, and nothing else.
    with Gate([Backend()], settings=ON) as g:
        os.mkdir(os.path.join(g.folder, ".paired"))
        with open(os.path.join(g.folder, ".paired", "config.json"), "w") as f:
            f.write('{"models": {"cache": "off"}}')
        for _ in range(2):
            ask(g, ASK, False)


def text_of(body, text):
    if body.get("stream"):
        return words(text)
    found = json.loads(text)
    return (found["content"][0]["text"] if "content" in found else found["choices"][0]["message"]["content"]).strip()


def test_streams_and_documents_stand_for_one_another():
    said = "hello from the \u00e9\u4e2d \\ backend"
    for first_streams in (False, True):
        for body, path in ((ASK, "/v1/messages"), (CHAT, "/v1/chat/completions")):
            for tool in (None, ("read", {"path": "a.c", "deep": [1, {"x": None}]})):
                with Gate([Backend(said, tool=tool if first_streams else None)], settings=ON) as g:
                    bodies = [dict(body, stream=True), body, dict(body, stream=False)]
                    if path == "/v1/chat/completions":
                        bodies.append(dict(body, stream=True, stream_options={"include_usage": True}))
                    bodies = bodies if first_streams else [*bodies[1:], bodies[0]]
                    same(g, bodies[0], path=path)
                    for other in bodies:
                        got, text = ask(g, other, True, path=path)
                        assert got["content-type"].startswith("text/event-stream" if other.get("stream") else "application/json")
                        assert text_of(other, text) == said, (other, text)
                        if path == "/v1/messages" and other.get("stream"):
                            assert text.count(b"event: message_stop") == 1 and text.count(b"event: message_start") == 1
                        if path == "/v1/messages" and not other.get("stream"):
                            found = json.loads(text)
                            assert found["usage"]["input_tokens"] == 10 and found["usage"]["output_tokens"] == 5, found
                            if tool and first_streams:
                                assert found["stop_reason"] == "tool_use" and found["content"][1]["input"] == tool[1], found
                        if path == "/v1/chat/completions" and other.get("stream"):
                            assert text.rstrip().endswith(b"data: [DONE]"), text
                            assert (b'"usage":{' in text.replace(b" ", b"")) or "stream_options" not in other, text


def test_no_answer_crosses_from_one_folder_to_another():
    with Gate([Backend()], settings=ON) as g:
        same(g, ASK)
        other = os.path.join(g.world.dir, "other")
        os.mkdir(other)
        home, token = g.folder, g.token
        g.folder = other
        g.grant(0)
        first = g.holder
        g.hold()
        try:
            same(g, ASK)
            g.token = token
            ask(g, ASK, True)
        finally:
            g.holder.stdin.close()
            g.holder.wait(20)
            g.holder, g.folder = first, home


def test_who_must_not_be_asked_any_more_is_not_quoted_either():
    with Gate([Backend()], settings=ON) as g:
        same(g, ASK)
        g.paired("consent", "revoke", "b0")
        status, got, text, _ = g.post(ASK)
        assert status in (401, 403) and "x-paired-cache" not in got, (status, text)
        g.grant(0)
        ask(g, ASK, True)  # the grant stands again
        g.paired("backends", "disable", "b0")
        assert g.post(ASK)[0] != 200
        g.paired("backends", "enable", "b0")
        # It was changed meanwhile: what it said before is not its word any more.
        ask(g, ASK, False)


def test_what_is_saved_is_counted_and_a_spent_budget_does_not_shut_it_out():
    own = {"version": 1, "models": [{"name": "claude-haiku-4-5", "family": "anthropic", "input": 1000, "output": 0}]}
    with Priced(json.dumps(own), [Backend(usage=lambda _: {"input_tokens": 1000, "output_tokens": 5})], models=(HAIKU,),
                settings=ON + (("models.budget_day_usd", "1"),)) as g:
        body = dict(ASK, model="claude-haiku-4-5")  # a dollar, more than was to be expected of it
        same(g, body, 2)
        p.wait_until(lambda: json.loads(g.paired("usage", "--json"))["total"]["hits"] == 2, 30, "hits are counted")
        total = json.loads(g.paired("usage", "--by", "model", "--json"))["rows"][0]
        assert total == dict(total, requests=1, hits=2, hit_tokens=2010, cost_microusd=1000000, saved_microusd=2000000), total
        assert "2 from the cache, 2010 tokens" in g.paired("usage")
        status, _, text, _ = g.post(dict(body, max_tokens=3))
        assert status != 200 and b"budget" in text, (status, text)
        ask(g, body, True)


def test_grey_text_of_a_model_is_given_again():
    model = Model(lambda n, r: ("grams / 454;\n    return pounds;\n", []))
    with p.World() as w:
        os.makedirs(os.path.join(w.dir, "shop"))
        with_model(w, model, ("complete.model", "small"), *ON)
        os.rmdir(os.path.join(w.dir, "shop"))
        e, uri = start(w)
        e.open(uri, UNHEARD)

        def again():  # while the repository is read, what the model is shown may change
            before = len(model.requests)
            found = complete(e, uri, UNHEARD, kind=1)
            assert found and found["items"][0]["insertText"].startswith("grams / 454;"), found
            return len(model.requests) == before

        assert not again()
        p.wait_until(again, 60, "the model is not asked again for the same place")
        assert e.leave() == 0
    model.close()


def test_failures_and_half_answers_are_not_kept():
    for plan in (["cut"], [400], ["overloaded"], ["garbage"]):
        with Gate([Backend(plan=plan * 8)], settings=ON) as g:
            g.post(dict(ASK, stream=plan != [400] and plan != ["garbage"]), timeout=60)
            assert info(g)["entries"] == 0, plan
            g.backends[0].plan.clear()
            same(g, dict(ASK, max_tokens=77))


def test_it_grows_no_larger_than_its_limit():
    text = " ".join("%032x" % random.getrandbits(128) for _ in range(6000))  # about 200 KB
    with Gate([Backend(text)], settings=ON + (("models.cache_mb", "1"),)) as g:
        n = len(json.dumps(anthropic_json(text)))
        for i in range(12):
            ask(g, dict(ASK, max_tokens=1000 + i), False)
            found = info(g)
            assert found["bytes"] <= 1 << 20, found
            p.wait_until(lambda: info(g)["entries"] >= min(i + 1, (1 << 20) // (n + 512)), 30, "it is kept")
        found = info(g)
        assert found["entries"] == (1 << 20) // (n + 512), (found, n)
        newest = dict(ASK, max_tokens=1011)  # full before it was there: the count does not tell that it is kept
        p.wait_until(lambda: g.post(newest)[1].get("x-paired-cache") == "hit", 30, "the newest is kept")
        ask(g, dict(ASK, max_tokens=1000), False)  # the oldest
    with Gate([Backend(text * 2)], settings=ON + (("models.cache_mb", "1"),)) as g:  # larger than its share
        for _ in range(2):
            ask(g, ASK, False)
        assert info(g)["entries"] == 0


def files_of(g):
    for folder, _, names in os.walk(g.world.profile):
        for name in names:
            path = os.path.join(folder, name)
            try:
                with open(path, "rb") as f:
                    yield path, f.read()
            except OSError:
                pass


def test_clearing_and_erasing_leave_nothing():
    with Gate([Backend("a heron")], settings=ON) as g:
        for argv in (("gateway", "cache", "clear"), ("erase", "--workspace", g.folder, "--yes"),
                     ("erase", "--all", "--yes")):
            same(g, ASK)
            db = [path for path, _ in files_of(g) if os.path.basename(path).startswith("answers.db")]
            assert db, "there is a file"
            assert not any(b"a heron" in data or b"heron" in data for _, data in files_of(g)), "it is encrypted"
            old = {data[i:i + 64] for path, data in files_of(g) if path in db for i in range(0, len(data) - 64, 4096)}
            g.paired(*argv)
            assert not any(os.path.basename(path).startswith("answers.") for path, _ in files_of(g)), argv
            assert not any(page in data for _, data in files_of(g) for page in old if page.strip(b"\0")), argv
            assert info(g)["entries"] == 0
            if argv[-2] == "--all":
                break
            if argv[0] == "erase":
                g.grant(0)
            ask(g, ASK, False)
            kept(g, 1)
            g.paired("gateway", "cache", "clear")
        export = os.path.join(g.world.dir, "export")
        g.paired("export", export)
        assert not any("answer" in name for name in os.listdir(export))


def test_kill_9_while_it_is_written_harms_nothing():
    with Gate([Backend(" ".join("word%d" % i for i in range(3000)))], settings=ON) as g:
        dice = random.Random(7)
        for turn in range(6):
            pid = g.world.engine_pid()

            def storm(base):
                for i in range(40):
                    try:
                        g.post(dict(ASK, max_tokens=base + i), timeout=10)
                    except (OSError, http.client.HTTPException, socket.timeout):
                        return

            threads = [threading.Thread(target=storm, args=(1000 + 500 * turn + 100 * k,)) for k in range(3)]
            for t in threads:
                t.start()
            time.sleep(dice.random() * 0.4)
            os.kill(pid, signal.SIGKILL)
            for t in threads:
                t.join()
            g.holder.stdin.close()
            g.holder.wait(60)
            g.hold()
            found = info(g)
            assert found["entries"] >= 0, found
            same(g, dict(ASK, max_tokens=7 + turn))
            r = subprocess.run([p.PAIRED, "doctor", "--json"], env=g.world.env, cwd=g.folder, stdout=subprocess.PIPE, timeout=120)
            assert json.loads(r.stdout)["counts"]["fail"] == 0, r.stdout


if __name__ == "__main__":
    main(globals())
