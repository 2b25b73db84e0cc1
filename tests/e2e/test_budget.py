"""What may be spent, for all folders and for one: which limit counts, what is said, and that requests at once do not each take
the last dollar."""
import json
import os
import threading

import process_lib as p
from backend import Backend
from process_lib import main
from test_models_money import CHAT, HAIKU, Priced, log_of


def prices(**figures):
    return json.dumps({"version": 1, "models": [dict({"name": "claude-haiku-4-5", "family": "anthropic", "input": 0, "output": 0}, **figures)]})


QUARTER = prices(input=250)  # a request of 1,000 tokens: 25 cents, more than is expected of it
ASK = dict(CHAT, model="claude-haiku-4-5", max_tokens=9)


def thousand(_):
    return {"input_tokens": 1000, "output_tokens": 1}


def budget(g, *argv, code=0, where="."):
    return json.loads(g.paired("budget", *(("--workspace", where) if where else ()), *argv, "--json", code=code))


def written(g, requests):
    p.wait_until(lambda: json.loads(g.paired("usage", "--json"))["today"]["requests"] == requests, 30, "it is written")


def test_a_folder_has_limits_of_its_own_that_are_kept():
    with Priced(QUARTER, [Backend(usage=thousand)], models=(HAIKU,)) as g:
        found = budget(g, "--day", "0.5", "--month", "12")
        assert found["day"] == {"spent_microusd": 0, "limit_microusd": 500000, "percent": 0} and not found["over"], found
        assert os.path.realpath(found["workspace"]) == os.path.realpath(g.folder), found
        assert budget(g, "--day", "0.25")["month"]["limit_microusd"] == 12000000  # what is not said stays
        g.paired("stop")
        assert budget(g)["day"]["limit_microusd"] == 250000
        text = g.paired("budget")
        assert "(no limit)" in text and found["workspace"] in text and "of $0.25" in text and "of $12, " in text, text
        (one,) = budget(g, where=None)["workspaces"]
        assert one["workspace"] == found["workspace"] and one["month"]["limit_microusd"] == 12000000, one
        other = os.path.join(g.world.dir, "other")
        os.mkdir(other)
        assert budget(g, where=other)["day"]["limit_microusd"] == 0
        for bad in ("five", "-1", "", "1e3", "0.1.2", "2000000", ".5", "$5"):
            g.paired("budget", "--workspace", ".", "--day=%s" % bad, code=2)
        g.paired("budget", "--workspace", ".", "--clear", "--day", "1", code=2)
        assert budget(g, "--clear")["month"]["limit_microusd"] == 0
        assert budget(g, where=None)["workspaces"] == []
        budget(g, "--day", "3")
        g.paired("erase", "--workspace", g.folder, "--yes")
        assert budget(g, where=None)["workspaces"] == []


def test_it_holds_is_told_and_can_be_raised_at_once():
    with Priced(QUARTER, [Backend(usage=thousand)], models=(HAIKU,)) as g:
        budget(g, "--day", "0.50")
        for i in range(2):
            assert g.post(ASK)[0] == 200
            written(g, i + 1)
        status, _, text, _ = g.post(ASK)
        assert status == 402 and b"budget of this day for this folder ($0.50)" in text, (status, text)
        assert b"paired budget --workspace . --day DOLLARS" in text and b"00:00 UTC" in text, text
        assert log_of(g).count("the budget of this day for one folder is spent, limit_usd=0.50") == 1
        found = budget(g, code=3)
        assert found["over"] and found["day"]["percent"] == 100, found
        assert "not asked" in g.paired("budget", "--workspace", ".", code=3)
        # It outlives the engine, which takes the gateway's port again for those that hold a pass.
        g.paired("stop")
        g.holder.stdin.close()
        g.holder.wait(30)
        g.hold()
        assert g.post(ASK)[0] == 402
        # Another folder is not meant by it.
        home, token, holder = g.folder, g.token, g.holder
        g.folder = os.path.join(g.world.dir, "other")
        os.mkdir(g.folder)
        g.grant(0)
        g.hold()
        assert g.post(ASK)[0] == 200
        written(g, 3)
        assert json.loads(g.paired("usage", "--workspace", ".", "--json"))["total"]["requests"] == 1
        assert json.loads(g.paired("usage", "--workspace", home, "--json"))["total"]["cost_microusd"] == 500000
        assert json.loads(g.paired("usage", "--json"))["total"]["cost_microusd"] == 750000
        g.holder.stdin.close()
        g.holder.wait(30)
        g.folder, g.token, g.holder = home, token, holder
        budget(g, "--day", "0.80")
        assert g.post(ASK)[0] == 200
        written(g, 4)
        # Four fifths of what it is now were gone with that one.
        assert log_of(g).count("80 % of the budget of this day for one folder are spent, limit_usd=0.80") == 1
        assert budget(g)["day"]["percent"] == 93


def test_whichever_has_less_left_counts():
    for own, everywhere, says in (("5", "1", b"for all folders ($1.00)"), ("1", "5", b"for this folder ($1.00)")):
        with Priced(prices(input=1000), [Backend(usage=thousand)], models=(HAIKU,), settings=(("models.budget_month_usd", everywhere),)) as g:
            budget(g, "--month", own)
            assert g.post(ASK)[0] == 200
            written(g, 1)
            status, _, text, _ = g.post(ASK)
            assert status == 402 and says in text and b"budget of this month" in text and b"--month DOLLARS" in text, (status, text)


def test_a_backend_elsewhere_is_not_asked_when_it_is_spent():
    with Priced(prices(input=1000), [Backend(usage=thousand)], models=(HAIKU,)) as g:
        budget(g, "--day", "1")
        assert g.post(ASK)[0] == 200
        written(g, 1)
        g.paired("backends", "add", "far", "--family", "anthropic", "--url", "https://192.0.2.1", "--model", "claude-haiku-4-5",
                 "--key-stdin", input=b"sk-test-far\n")
        g.paired("consent", "grant", "far", "--yes")
        g.paired("backends", "disable", "b0")
        status, _, text, _ = g.post(ASK)
        assert status == 402 and b"the budget of this day for this folder ($1.00) is spent" in text, (status, text)
        assert not [e for e in g.audit() if e["audience"] == "far" and e["event"] == "send"]


def test_requests_at_once_do_not_each_take_the_last_dollar():
    # A request is expected to cost 20 cents: its 100 tokens, the most that it allows itself.
    for where in (".", None):
        with Priced(prices(output=2000), [Backend("a b c d e f g h", plan=["slow"] * 64)], models=(HAIKU,),
                    settings=() if where else (("models.budget_day_usd", "1"),)) as g:
            if where:
                budget(g, "--day", "1")
            body, got, lock = dict(ASK, max_tokens=100, stream=True), [], threading.Lock()
            ready = threading.Barrier(20)

            def one():
                ready.wait()
                status = g.post(body, timeout=60)[0]
                with lock:
                    got.append(status)

            threads = [threading.Thread(target=one) for _ in range(20)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            asked = sorted(r["at"] for r in g.backends[0].requests)
            assert set(got) <= {200, 402} and got.count(200) == len(asked) >= 1, got
            # What is under way at any moment is within the budget (an answer takes half a second, and costs a cent).
            together = max(sum(at <= other < at + 0.3 for other in asked) for at in asked)
            assert together <= 5, (together, asked)
            # What was set aside and not needed is there again.
            assert g.post(body)[0] == 200


if __name__ == "__main__":
    main(globals())
