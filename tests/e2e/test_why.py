"""What `paired why` knows of engines that have ended: kept behind the answers, few, and erased with their folder."""
import json
import signal
import time

import process_lib as p
from backend import Backend
from test_gateway import Gate
from test_route import ask, pair, restart, why

SECRET = "a phrase that is in no judgement"


def forgotten(g, route):
    r = g.world.run("why", route)
    assert r.returncode in (0, 1), r
    return r.returncode == 1


def test_a_choice_is_known_after_an_orderly_end():
    with pair() as g:
        _, headers, _, _ = g.post(ask("auto", SECRET))
        route = headers["x-paired-route"]
        before = why(g, route)
        assert "past" not in before and "answer_key" not in before, before
        restart(g, signal.SIGTERM)
        after = why(g, route)
        assert after.pop("past") is True and after == before, (after, before)
        assert why(g)["id"] == route and "before the engine was started anew" in g.paired("why")
        _, headers, _, _ = g.post(ask("auto", "another"))
        assert why(g)["id"] == headers["x-paired-route"] != route and "past" not in why(g)
        listed = json.loads(g.paired("why", "--list", "--json"))["requests"]
        assert [w["id"] for w in listed] == [headers["x-paired-route"], route] and listed[1]["past"], listed
        assert set(listed[1]) - {"past"} == set(listed[0]), listed
        assert len(json.loads(g.paired("why", "--list", "--limit", "1", "--json"))["requests"]) == 1
        text = g.paired("why", "--list") + g.paired("why", route) + json.dumps(after)
        assert SECRET not in text and "sk-test" not in text, text
        g.paired("why", route, "--good", code=1)  # what could be learned from went with the engine
        g.paired("why", route[:-1], code=1)
        g.paired("why", "zz'; --", code=1)


def test_a_verdict_is_on_the_disk_when_it_is_answered():
    with pair() as g:
        route = g.post(ask("auto"))[1]["x-paired-route"]
        g.paired("why", "--good")
        restart(g, signal.SIGKILL)
        assert why(g, route)["verdict"] == "good" and why(g, route)["status"] == "ok"


def test_a_killed_engine_loses_what_was_last_alone():
    with pair() as g:
        for wait in (1, 3, 9, 27):  # it is written about half a second behind, when the machine has the time
            route = g.post(ask("auto", "n %d" % wait))[1]["x-paired-route"]
            time.sleep(wait)
            restart(g, signal.SIGKILL)
            if not forgotten(g, route):
                break
        assert why(g, route)["past"] and why(g, route)["tries"][0]["ended"] == "ok"


def test_failures_and_kept_answers_are_known_too():
    with Gate([Backend(plan=[(500, {"type": "error", "error": {"type": "api_error", "message": "no"}})] * 9)],
              settings=(("models.cache", "exact"),)) as g:
        def asked(n):
            return dict(ask("claude-x", "n %d" % n), temperature=0)
        failed = g.post(asked(1), timeout=60)
        assert failed[0] >= 500, failed
        g.backends[0].plan.clear()
        first = g.post(asked(2))[1]["x-paired-route"]
        hits = []

        def hit_it():
            hits.append(g.post(asked(2))[1]["x-paired-route"])
            return hits[-1].endswith("-cache")
        p.wait_until(hit_it, 20, "an answer that is kept")
        hit = hits[-1]
        restart(g, signal.SIGTERM)
        listed = json.loads(g.paired("why", "--list", "--limit", "128", "--json"))["requests"]
        assert listed[-1]["status"] == "failed" and listed[-1]["fault"], listed
        assert why(g, hit)["kept_ms"] > 0 and "answer_key" not in why(g, hit)
        n = len(g.backends[0].requests)
        assert "not given again" in g.paired("why", hit, "--bad")  # the answers outlive the engine, and so does this
        assert not g.post(asked(2))[1]["x-paired-route"].endswith("-cache")
        assert len(g.backends[0].requests) == n + 1 and first


def test_the_newest_are_kept():
    with pair() as g:
        routes = [g.post(ask("auto", "n %d" % n))[1]["x-paired-route"] for n in range(140)]
        restart(g, signal.SIGTERM)
        listed = [w["id"] for w in json.loads(g.paired("why", "--list", "--limit", "128", "--json"))["requests"]]
        assert listed == routes[:-129:-1], (len(listed), listed[0], routes[-1])
        g.paired("why", routes[0], code=1)


def test_erasing_takes_them():
    for how in (["erase", "--all", "--yes"], ["erase", "--workspace", ".", "--yes"]):
        with pair() as g:
            old = g.post(ask("auto", SECRET))[1]["x-paired-route"]
            restart(g, signal.SIGTERM)
            new = g.post(ask("auto", SECRET + "2"))[1]["x-paired-route"]
            assert not forgotten(g, old) and not forgotten(g, new)
            g.paired(*how)
            assert forgotten(g, old) and forgotten(g, new) and forgotten(g, "last")
            assert json.loads(g.paired("why", "--list", "--json"))["requests"] == []
            restart(g, signal.SIGTERM)  # nor does the engine write them at its end
            assert forgotten(g, old) and forgotten(g, new)


def test_erasing_everything_forgets_what_the_running_engine_learned():
    with pair() as g:
        g.post(ask("auto", "what is taught"))
        model = why(g)["tries"][0]["model"]
        g.paired("why", "--bad")

        def learned():
            g.post(ask("auto", "n %d" % time.monotonic_ns()))
            return {c["model"]: c["learned"] for c in why(g)["candidates"]}[model]
        p.wait_until(lambda: learned() == 1, 20, "it is learned")
        names = [b.url for b in g.backends]
        g.paired("erase", "--all", "--yes")
        for i, url in enumerate(names):
            g.paired("backends", "add", "b%d" % i, "--family", "anthropic", "--url", url, "--key-stdin", "--model",
                     ("cheap=gpt-5-nano", "big=claude-opus-4-5")[i], input=b"sk-test-key\n")
            g.grant(i)
        g.holder.stdin.close()
        g.holder.wait(20)
        g.hold()
        p.wait_until(lambda: learned() == 0, 20, "it is forgotten")


if __name__ == "__main__":
    p.main(globals())
