"""Which backend and which model the gateway asks: names, policies, prices, quotas, budgets. Backends on this machine cost
nothing unless they are priced under a name ("cheap=gpt-5-nano"), which is how prices come in here."""
import json
import os
import signal
import time

import process_lib as p
from backend import Backend
from test_gateway import QUOTA, Gate

NOT_BY_CHANCE = ("models.explore_percent", "0")
PRICED = (("cheap=gpt-5-nano",), ("big=claude-opus-4-5",))
HARD = "Implement a lock-free queue with hazard pointers and prove that no reader sees freed memory."
EASY = "What is the capital of France?"
TITLE = "A title for this conversation, please, which begins so: "  # no high demand: half as likely as the best will do


def ask(model, text=EASY, **more):
    return dict({"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": text}]}, **more)


def pair(*settings, models=PRICED, plans=((), ())):
    return Gate([Backend("from the cheap one", plan=plans[0]), Backend("from the big one", plan=plans[1])],
                models=models, settings=(NOT_BY_CHANCE,) + settings)


def why(g, route="last"):
    return json.loads(g.paired("why", route, "--json"))


def counts(g):
    return [len(b.requests) for b in g.backends]


def last_model(g, i):
    return json.loads(g.backends[i].requests[-1]["body"])["model"]


def test_a_model_that_is_asked_for_answers():
    with pair() as g:
        for n in range(1, 3):
            assert b"big one" in g.post(ask("big", "a title please, in three words, for session %d" % n))[2]
            assert b"cheap one" in g.post(ask("cheap", HARD + str(n)))[2]
        assert counts(g) == [2, 2]
    with Gate([Backend("only")], models=("one", "two", "three")) as g:  # not the backend's first one alone
        assert g.post(ask("two"))[0] == g.post(ask("THREE"))[0] == 200
        assert [json.loads(r["body"])["model"] for r in g.backends[0].requests] == ["two", "three"]


def test_dated_names_are_the_same_model():
    with pair(models=(("qwen=gpt-5-nano",), ("claude-opus-4-5",))) as g:
        assert b"big one" in g.post(ask("claude-opus-4-5-20251101"))[2]
        assert last_model(g, 1) == "claude-opus-4-5"


def test_auto_and_unknown_names_are_routed():
    with pair(("models.policy", "cheapest")) as g:
        for name in ("auto", "gpt-unheard-of", "paired/auto"):
            assert b"cheap one" in g.post(ask(name, EASY + name))[2], name
        assert last_model(g, 0) == "cheap"
    with pair(("models.policy", "best")) as g:
        assert b"big one" in g.post(ask("auto"))[2]


def test_balance_weighs_price_against_likelihood():
    with pair(("models.value_cents", "1")) as g:  # a failure hardly costs anything
        assert b"cheap one" in g.post(ask("auto"))[2]
    with pair(("models.value_cents", "100000")) as g:
        assert b"big one" in g.post(ask("auto"))[2]


def test_a_floor_holds_against_the_price():
    with pair(("models.policy", "cheapest")) as g:
        assert b"cheap one" in g.post(ask("auto", TITLE))[2]
        likely = {c["model"]: c["likely"] for c in why(g)["candidates"]}
        assert likely["cheap"] < likely["big"], likely
    between = int(100 * likely["cheap"]) + 1
    assert between < 100 * likely["big"], likely
    with pair(("models.policy", "cheapest"), ("models.floor_percent", str(between))) as g:
        assert b"big one" in g.post(ask("auto", TITLE))[2]
        w = why(g)
        assert w["floor"] == between / 100 and w["candidates"][1]["reason"] == "below the quality floor", w


def test_substitution_as_the_user_says():
    with pair(("models.policy", "cheapest"), ("models.substitute", "always")) as g:
        assert b"cheap one" in g.post(ask("big"))[2]
        assert counts(g) == [1, 0]
    with pair(plans=((), [500] * 9)) as g:  # by default when it fails
        assert b"cheap one" in g.post(ask("big"))[2]
    with pair(("models.substitute", "never"), plans=((), [500] * 9)) as g:
        status, _, text, _ = g.post(ask("big"))
        assert status == 502 and counts(g)[0] == 0, (status, text)
        status, _, text, _ = g.post(ask("gpt-unheard-of"))
        assert status == 404 and b"models.substitute is never" in text, (status, text)
        assert g.post(ask("auto"))[0] == 200


def test_why_is_answered_for_each_request():
    with pair(("models.policy", "cheapest"), plans=([500], ())) as g:
        assert g.paired("why", code=1) == ""  # nothing was sent yet
        secret = "the-users-own-words"
        status, headers, text, _ = g.post(ask("auto", TITLE + secret, stream=True))
        assert status == 200 and b"big" in text, (status, text)
        w = why(g, headers["x-paired-route"])
        assert w["id"] == headers["x-paired-route"] and w["status"] == "ok" and w["took_ms"] >= 0, w
        assert w["origin"] == "title" and w["origin_why"] and w["stage"] == "free" and w["asked"] == "auto", w
        assert [c["model"] for c in w["candidates"]] == ["cheap", "big"] and w["candidates"][0]["chosen"], w
        assert w["tries"] == [{"backend": "b0", "model": "cheap", "ended": "server"},
                              {"backend": "b1", "model": "big", "ended": "ok"}], w
        assert w["tokens"]["input"] == 10 and w["cost_microusd"] == 175, w  # 10 tokens at $5, 5 at $25
        assert w["candidates"][0]["usd"] < w["candidates"][1]["usd"] and 0 < w["candidates"][0]["likely"] < 1, w
        said = g.paired("why", headers["x-paired-route"]) + g.paired("why", "--list") + json.dumps(w)
        assert secret not in said and "went to cheap at b0 (server), then big at b1 (ok)" in said, said
        # The one that was asked for by name; its text is not looked at.
        headers = g.post(ask("big"))[1]
        w = why(g)
        assert w["id"] == headers["x-paired-route"] and w["stage"] == "asked" and w["origin"] == "", w
        assert len(w["candidates"]) == 1 and "likely" not in w["candidates"][0], w
        # A refusal has its reasons, too.
        g.backends[1].plan += [QUOTA]
        assert b"cheap one" in g.post(ask("big"))[2]
        assert why(g)["stage"] == "instead"
        listed = json.loads(g.paired("why", "--list", "--json"))["requests"]
        assert [r["model"] for r in listed] == ["cheap", "big", "big"] and listed[2]["origin"] == "title", listed
        assert len(json.loads(g.paired("why", "--list", "--limit", "1", "--json"))["requests"]) == 1
        g.paired("why", "00000000-1", code=1)
        g.paired("why", "../../x", code=1)


def test_a_refusal_has_its_reasons():
    with Gate([Backend(plan=[QUOTA])]) as g:
        assert g.post(ask("claude-x"))[0] == 429
        status, headers, _, _ = g.post(ask("claude-x"))
        w = why(g, headers["x-paired-route"])
        assert status == 429 and w["status"] == "failed" and w["fault"] == "quota" and w["tries"] == [], w
        assert w["candidates"][0]["state"] == "spent" and not w["candidates"][0]["chosen"], w


def test_a_folder_may_tighten():
    import os
    with pair(("models.policy", "cheapest"), ("models.substitute", "always")) as g:
        os.mkdir(os.path.join(g.folder, ".paired"))
        with open(os.path.join(g.folder, ".paired", "config.json"), "w") as f:
            json.dump({"models": {"substitute": "never", "policy": "best"}}, f)  # the second would loosen: not taken
        assert b"big one" in g.post(ask("big"))[2]
        assert b"cheap one" in g.post(ask("auto"))[2]


def test_what_a_model_cannot_do_is_not_asked_of_it():
    picture = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}},
               {"type": "text", "text": "what is this?"}]
    with pair(("models.policy", "cheapest"), models=(("text=glm-4.6",), ("big=claude-opus-5",))) as g:
        assert b"cheap one" in g.post(ask("auto", "no picture"))[2]
        assert b"big one" in g.post(ask("auto", picture))[2]  # the first one reads text only
        talk = "the bytes \"type\":\"image\" within a text"
        assert b"cheap one" in g.post(ask("auto", talk))[2]
        assert b"big one" in g.post(ask("auto", "word " * 250000))[2]  # too long for 200,000 tokens


def test_a_small_wait_is_waited_for_and_not_substituted():
    rate = (429, {"retry-after": "1"}, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}})
    with pair(plans=((), [rate])) as g:
        assert b"big one" in g.post(ask("big"))[2]
        assert counts(g) == [0, 2]


def test_a_spent_account_is_left_alone():
    with pair(plans=((), [QUOTA])) as g:
        assert b"cheap one" in g.post(ask("big"))[2]
        assert counts(g) == [1, 1]
        assert b"cheap one" in g.post(ask("big", "again"))[2]
        assert counts(g) == [2, 1]
    with Gate([Backend(plan=[QUOTA])]) as g:
        assert g.post(ask("claude-x"))[0] == 429
        status, headers, text, _ = g.post(ask("claude-x"))
        assert status == 429 and b"quota is used up" in text and 7000 < int(headers["retry-after"]) <= 7200, (headers, text)
        assert counts(g) == [1]
        # What the user changed about it is tried at once.
        g.paired("backends", "add", "b0", "--replace", "--family", "anthropic", "--url", g.backends[0].url, "--model",
                 "claude-x", "--key-stdin", input=b"sk-another\n")
        p.wait_until(lambda: g.post(ask("claude-x"))[0] == 200, 20, "the new key is used")


def test_a_request_over_the_budget_is_not_made():
    with pair(("models.budget_day_usd", "1"), models=(("big=claude-opus-4-5",), ("big=claude-opus-4-5",))) as g:
        long = "word " * 60000  # 75,000 tokens at $5 a million, and an answer at $25
        for b in g.backends:
            b.usage = lambda _: {"input_tokens": 75000, "output_tokens": 20000}
        assert g.post(ask("big", long))[0] == 200  # $0.88
        status, _, text, _ = g.post(ask("big", long + "again"))
        assert status == 402 and b"paired budget" in text, (status, text)
        assert sum(counts(g)) == 1


def test_a_wrong_key_does_not_lock_a_backend_out():
    with Gate([Backend(plan=[401, 401])]) as g:
        assert g.post(ask("claude-x"))[0] == 401
        assert g.post(ask("claude-x"))[0] == 401  # asked again: who says how long it stays wrong?
        assert g.post(ask("claude-x"))[0] == 200
        assert counts(g) == [3]


def restart(g, how):
    engine = g.world.engine_pid()
    os.kill(engine, how)
    p.wait_until(lambda: not os.path.exists("/proc/%d" % engine), 30, "the engine's end")
    g.holder.stdin.close()
    g.holder.wait(20)
    g.hold()


def test_a_spent_quota_is_known_after_a_restart():
    for how in (signal.SIGTERM, signal.SIGKILL):
        with Gate([Backend("spent", plan=[QUOTA]), Backend("fresh")], settings=(NOT_BY_CHANCE,)) as g:
            for n in range(50):  # until the one is asked whose quota is used up
                assert b"fresh" in g.post(ask("auto", "Question %d" % n))[2]
                if g.backends[0].requests:
                    break
            assert counts(g)[0] == 1
            if how == signal.SIGKILL:
                time.sleep(15)  # MODEL_KEEP_MS and the write
            restart(g, how)
            for i in range(20):
                assert b"fresh" in g.post(ask("auto", "Another question %d" % i))[2]
            assert counts(g)[0] == 1, (how, counts(g))


def question(n):
    return ask("auto", "Explain how the borrow checker treats closures, example %d" % n)


def chosen(g, n):
    """Who answers question n, and how likely both are thought to be right."""
    assert g.post(question(n))[0] == 200
    w = why(g)
    return w["tries"][0]["model"], {c["model"]: (c["likely"], c["learned"]) for c in w["candidates"]}


def test_what_the_user_says_is_learned():
    with pair() as g:
        first, before = chosen(g, 0)
        other = {"cheap": "big", "big": "cheap"}[first]
        verdicts, now = 0, first
        while now == first and verdicts < 40:
            assert "wrong" in g.paired("why", "--bad")
            g.paired("why", "last", "--bad")  # said twice is said once
            verdicts += 1
            now, after = chosen(g, verdicts)
        assert now == other, (verdicts, before, after)
        p.wait_until(lambda: chosen(g, int(time.monotonic() * 1000))[1][first][1] == verdicts, 20, "all are learned")
        assert after[other][1] == 0 and after[first][0] < before[first][0], (before, after)
        p.report("%s is left after %d verdicts: %.2f likely to be right, then %.2f" %
                 (first, verdicts, before[first][0], after[first][0]))
        assert why(g)["tries"][0]["model"] == other
        g.paired("why", "--good")
        assert "good, you said" in g.paired("why") and why(g)["verdict"] == "good"
        # It outlives the engine, and is forgotten when the user says so.
        restart(g, signal.SIGTERM)
        kept, likely = chosen(g, 1000)
        assert kept == other and likely[first][1] == verdicts and likely[other][1] == 1, (kept, likely, after)
        g.paired("why", "--forget")
        p.wait_until(lambda: chosen(g, 1001 + int(time.monotonic() * 1000))[1][first][1] == 0, 20, "forgotten")
        assert chosen(g, 2000)[0] == first
        restart(g, signal.SIGTERM)
        g.paired("why", "--forget")  # nothing is known, and nobody was asked
        assert chosen(g, 2001)[1][first][1] == 0


TOOLS = [{"name": "Edit", "description": "replaces text", "input_schema": {"type": "object"}}]
NO_MATCH = {"is_error": True, "content": "<tool_use_error>String to replace not found in file.</tool_use_error>"}
APPLIED = {"content": "The file has been updated."}


def edited(n, *results):
    """A conversation after so many edits, each with what the tool said of it."""
    body = dict(question(n), tools=TOOLS)
    for i, result in enumerate(results):
        call = "toolu_%d_%d" % (n, i)
        body["messages"] += [
            {"role": "assistant", "content": [{"type": "tool_use", "id": call, "name": "Edit", "input": {}}]},
            {"role": "user", "content": [dict({"type": "tool_result", "tool_use_id": call}, **result)]}]
    return body


def turn(g, n, *results):
    """The route of the answer, and which model gave it."""
    status, headers, _, _ = g.post(edited(n, *results))
    assert status == 200
    route = headers["x-paired-route"]
    g.route_model = why(g, route)["tries"][0]["model"]
    return route


def learned_of(g, route, model):
    return next(c["learned"] for c in why(g, route)["candidates"] if c["model"] == model)


def test_an_edit_that_does_not_apply_is_learned_once():
    with pair() as g:
        begun = turn(g, 0)
        model = g.route_model
        failed = turn(g, 0, NO_MATCH)
        assert why(g, begun)["edit"] == "failed" and why(g, failed)["edit"] == ""
        assert "its edit did not apply" in g.paired("why", begun)
        assert learned_of(g, failed, model) == 1
        # Sent again, and later as a part of the history: not counted again, nor against another answer.
        again = turn(g, 0, NO_MATCH)
        assert learned_of(g, again, model) == 1 and why(g, failed)["edit"] == ""
        applied = turn(g, 0, NO_MATCH, APPLIED)
        assert why(g, again)["edit"] == "applied" and learned_of(g, applied, model) == 2
        assert learned_of(g, turn(g, 0, NO_MATCH, APPLIED), model) == 2
        # Refused by the user, or a history that was written anew: says nothing.
        refused = turn(g, 0, NO_MATCH, APPLIED, {"is_error": True, "content": "The user rejected it."})
        assert learned_of(g, refused, model) == 2
        assert learned_of(g, turn(g, 0, APPLIED, APPLIED, APPLIED, NO_MATCH), model) == 2


def test_edits_that_do_not_apply_move_the_router():
    with pair() as g:
        turn(g, 0)
        first, n = g.route_model, 0
        while g.route_model == first and n < 300:
            turn(g, n, NO_MATCH)
            n += 1
            turn(g, n)
        assert g.route_model != first, n
        p.report("%s is left after %d edits that did not apply" % (first, n))
        restart(g, signal.SIGTERM)
        kept = turn(g, 1000)
        assert g.route_model != first and learned_of(g, kept, first) == n


def test_what_cannot_be_learned_from_is_refused():
    with pair(plans=((), [500] * 9)) as g:
        g.paired("why", "--bad", code=1)  # nothing was sent
        assert g.post(ask("cheap"))[0] == 200
        g.paired("why", "--bad", code=1)  # no choice
        g.paired("why", "00000000-7", "--good", code=1)
        g.paired("why", "--good", "--bad", code=2)
        chosen(g, 0)
        answered = why(g)["tries"][-1]["model"]
        g.paired("why", "--good")
        g.paired("why", "--bad")  # taken back
        assert why(g)["verdict"] == "bad"
        p.wait_until(lambda: chosen(g, int(time.monotonic() * 1000))[1][answered][1] == 3, 20, "three steps")


def test_a_verdict_is_of_the_model_that_answered():
    with pair() as g:
        first, _ = chosen(g, 0)
    other = {"cheap": "big", "big": "cheap"}[first]
    with pair(plans=([500], ()) if first == "cheap" else ((), [500])) as g:
        assert g.post(question(0))[0] == 200
        assert [t["model"] for t in why(g)["tries"]] == [first, other]
        assert other in g.paired("why", "--bad")
        p.wait_until(lambda: chosen(g, int(time.monotonic() * 1000))[1][other][1] == 1, 20, "it is learned")
        assert chosen(g, 3000)[1][first][1] == 0


def usage_of(g, backend):
    rows = json.loads(g.paired("usage", "--by", "backend", "--json"))["rows"]
    return next((r for r in rows if r["key"] == backend), {"requests": 0})


def cached(backend):
    """What a provider would bill: what it has seen before is read from its cache, the rest is written into it."""
    seen = [0]

    def usage(request):
        tokens = len(json.dumps(request)) // 4
        bill = {"input_tokens": 0, "cache_read_input_tokens": seen[0], "output_tokens": 20,
                "cache_creation_input_tokens": max(tokens - seen[0], 0)}
        seen[0] = tokens
        return bill
    backend.usage = usage
    return backend


def turn_bytes(n):
    """A turn as some client writes it: its own blanks, escapes, numbers and order of members."""
    return (b',{"role":"assistant","content":[{"type":"tool_use","id":"t%d","name":"Bash","input":{ "n":1.50e0 }}]}'
            b', {"content":[{"tool_use_id":"t%d","type":"tool_result","content":"\\u00e9 \\/ line %d"}],"role":"user"}' % (n, n, n))


def test_fifty_turns_stay_with_one_cache():
    head = (b'{"model":"auto", "max_tokens":400,"tools":[{"name":"Bash","input_schema":{"type":"object"}}],"system":[{"type":"text",'
            b'"text":"%s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"%s"}' %
            (b"you are careful. " * 1800, TITLE.encode()))
    first, other = cached(Backend("one")), cached(Backend("two"))
    # Of equal skill and equal price for what is read; the second one's answers are a sixth cheaper.
    with Gate([first, other], grant=False, models=(("m=gpt-5.6-terra",), ("m=claude-sonnet-5",)),
              settings=(NOT_BY_CHANCE, ("models.policy", "cheapest"))) as g:
        g.grant(0)
        body, told = head, []
        for n in range(50):
            if n == 10:
                g.grant(1)
                p.wait_until(lambda: b"two" in g.post(ask("auto", TITLE + str(time.time())))[2], 30,
                             "a new conversation goes to what is cheaper")
            status, headers, _, _ = g.post(body + b"]}")
            assert status == 200, (n, status)
            told.append((body + b"]}").replace(b'"auto"', b'"m"', 1))
            body += turn_bytes(n)
        stayed, left = why(g, headers["x-paired-route"])["candidates"]
        assert stayed["backend"] == "b0" and stayed["cached"] > 8000 and stayed["usd"] < left["usd"], (stayed, left)
        sent = [r["body"] for r in first.requests]
        assert sent == told, "bytes were changed"  # all of them, the last breakpoint and what is behind it
        assert all(b.startswith(a[:-2]) for a, b in zip(sent, sent[1:]))  # so each prefix is the one before
        assert all(b"you are careful" not in r["body"] for r in other.requests)
        p.wait_until(lambda: usage_of(g, "b0")["requests"] == 50, 20, "fifty requests in usage")
        used = usage_of(g, "b0")
        assert used["cached"] / (used["cached"] + used["cache_write"] + used["input"]) > 0.95, used


if __name__ == "__main__":
    p.main(globals())
