"""What requests cost: published prices, the user's own, what was saved, and marks for a backend's prompt cache."""
import json
import os

import process_lib as p
from backend import Backend
from process_lib import main
from test_gateway import Gate

# 10 tokens in and 5 out, as the scripted backend counts.
# A server on this machine costs nothing unless the user says after whom it is priced.
HAIKU = "claude-haiku-4-5=claude-haiku-4-5"
CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}


def used(g, by="model"):
    """Once the engine has written it: that is behind the answer's back."""
    found = {}

    def written():
        found.update(json.loads(g.paired("usage", "--by", by, "--json")))
        return bool(found["rows"])

    p.wait_until(written, 20, "usage is written")
    return found["rows"]


def test_saved_is_told_against_the_model_that_was_asked_for():
    with Gate([Backend()], models=(HAIKU,)) as g:
        status, _, text, _ = g.post(dict(CHAT, model="claude-opus-4-5", max_tokens=9))
        assert status == 200, text
        (row,) = used(g)
        # haiku: 10 x 1 + 5 x 5; opus: 10 x 5 + 5 x 25, in millionths of a dollar.
        assert (row["cost_microusd"], row["saved_microusd"]) == (35, 175 - 35), row
    with Gate([Backend()], models=("claude-opus-4-5=claude-opus-4-5",)) as g:
        assert g.post(dict(CHAT, model="claude-haiku-4-5", max_tokens=9))[0] == 200
        (row,) = used(g)
        assert (row["cost_microusd"], row["saved_microusd"]) == (175, 35 - 175), row  # dearer: told, too


def test_nothing_is_said_to_be_saved_against_a_price_nobody_knows():
    with Gate([Backend()], models=(HAIKU,)) as g:
        assert g.post(dict(CHAT, model="my-favourite", max_tokens=9))[0] == 200
        (row,) = used(g)
        assert (row["cost_microusd"], row["saved_microusd"]) == (35, 0), row


class Priced(Gate):
    """The user's own list of prices is there before anything is asked."""

    def __init__(self, text, *argv, **options):
        self.text = text
        super().__init__(*argv, **options)

    def grant(self, i):
        path = self.paired("config", "path").strip()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.path.join(os.path.dirname(path), "models.json"), "w", encoding="utf-8") as f:
            f.write(self.text)
        super().grant(i)


def test_own_prices_go_before_those_that_are_built_in():
    own = {"version": 1, "models": [{"name": "claude-haiku-4-5", "family": "anthropic", "input": 100, "output": 1000}]}
    # One with a mistake is left out, and stops nothing.
    for text, cost in ((json.dumps(own), 10 * 100 + 5 * 1000), ("{not json", 35), (json.dumps(dict(own, version=7)), 35)):
        with Priced(text, [Backend()], models=(HAIKU,)) as g:
            assert g.post(dict(CHAT, model="claude-haiku-4-5", max_tokens=9))[0] == 200
            (row,) = used(g)
            assert row["cost_microusd"] == cost, (text, row)


def log_of(g):
    text = ""
    for folder, _, files in os.walk(g.world.dir):
        for name in files:
            if name.endswith(".log") or "/log" in folder:
                with open(os.path.join(folder, name), errors="replace") as f:
                    text += f.read()
    return text


def test_a_budget_warns_once_when_it_is_nearly_spent_and_once_when_it_is():
    # One request costs 50 cents, more than was to be expected of it: what is over the budget beforehand is not asked.
    usage = lambda _: {"input_tokens": 1000, "output_tokens": 1}
    own = {"version": 1, "models": [{"name": "claude-haiku-4-5", "family": "anthropic", "input": 500, "output": 0}]}
    ask = dict(CHAT, model="claude-haiku-4-5", max_tokens=9)
    b = Backend(usage=usage)
    with Priced(json.dumps(own), [b], models=(HAIKU,), settings=(("models.budget_day_usd", "2"),)) as g:
        def spent(requests):
            p.wait_until(lambda: json.loads(g.paired("usage", "--json"))["today"]["requests"] == requests, 20, "it is written")
            return log_of(g)

        for i in range(3):
            assert g.post(ask)[0] == 200
            text = spent(i + 1)
            assert text.count("80 % of the budget") == 0, text
        assert json.loads(g.paired("budget", "--json"))["day"]["percent"] == 75
        g.paired("budget")
        assert g.post(ask)[0] == 200
        text = spent(4)
        assert text.count("the budget of this day is spent") == 1 and text.count("80 % of the budget") == 0, text
        found = json.loads(g.paired("budget", "--json", code=3))
        assert found["day"]["percent"] == 100 and found["over"]
    # 40 cents each: four fifths are crossed by the fourth one.
    own["models"][0]["input"] = 400
    b = Backend(usage=usage)
    with Priced(json.dumps(own), [b], models=(HAIKU,), settings=(("models.budget_day_usd", "2"),)) as g:
        for i in range(4):
            assert g.post(ask)[0] == 200
            p.wait_until(lambda n=i + 1: json.loads(g.paired("usage", "--json"))["today"]["requests"] == n, 20, "it is written")
        assert log_of(g).count("80 % of the budget of this day") == 1
        assert "nearly spent" in g.paired("budget")


def marks(body):
    return json.dumps(body).count('"cache_control"')


def test_a_chat_client_in_front_of_anthropic_gets_its_beginning_cached():
    b = Backend()
    long = "be helpful. " * 2000
    tools = [{"type": "function", "function": {"name": "read", "description": "reads", "parameters": {"type": "object"}}}]
    with Gate([b], models=("claude-sonnet-4-5",)) as g:
        turns = [{"role": "system", "content": long}, {"role": "user", "content": "begin"}]
        for i in range(3):
            status, _, text, _ = g.post({"model": "x", "tools": tools, "messages": turns}, path="/v1/chat/completions")
            assert status == 200, text
            sent = json.loads(b.requests[-1]["body"])
            assert 2 <= marks(sent) <= 4 and "cache_control" in sent["system"][-1], sent.keys()
            assert "cache_control" in sent["messages"][-1]["content"][-1]
            turns = turns + [{"role": "assistant", "content": "hm"}, {"role": "user", "content": "go on %d" % i}]
        # A single question without tools stays without: nothing would read it again.
        g.post({"model": "x", "messages": turns[:2]}, path="/v1/chat/completions")
        assert marks(json.loads(b.requests[-1]["body"])) == 0
        # What its client wrote for Anthropic passes as it is.
        own = {"model": "claude-sonnet-4-5", "max_tokens": 5, "system": long, "tools": [{"name": "r", "input_schema": {"type": "object"}}],
               "messages": [{"role": "user", "content": "begin"}]}
        raw = json.dumps(own).encode()
        g.post(raw)
        assert b.requests[-1]["body"] == raw


if __name__ == "__main__":
    main(globals())
