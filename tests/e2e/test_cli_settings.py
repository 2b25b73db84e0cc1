"""Every setting changes something: none of the table is without an effect. Those that need minutes or days to show one
are only read back here; their mechanisms are tested with shifted clocks (store) and short times (processes)."""
import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request

from backend import Backend
from faulty import Answer, Faulty
from lsp_lib import Lsp, position
from model_script import Model
from process_lib import PAIRED, Skip, World, can_be_alone, main, wait_until
from test_cli import data, run
from test_cli_store import remember
from test_gateway import Gate


def set_and_restart(w, key, value):
    run(w, "config", "set", key, value)
    run(w, "stop")


def tools(w, workspace=None):
    env = dict(w.env, PAIRED_WORKSPACE=workspace) if workspace else w.env
    c = w.client(env=env)
    c.initialize()
    names = {t["name"] for t in c.call("tools/list")["result"]["tools"]}
    refused = c.tool("remember", {"text": "am I allowed?"})
    assert c.end() == 0
    return names, refused["result"].get("isError", False), json.dumps(refused)


def effect_mcp_tools(w):
    names, refused, _ = tools(w)
    assert {"remember", "recall", "forget"} <= names and not refused
    work = os.path.join(w.dir, "work")
    os.makedirs(os.path.join(work, ".paired"))
    with open(os.path.join(work, ".paired", "config.json"), "w") as f:
        f.write('{"mcp": {"tools": "read-only"}}')
    names, refused, text = tools(w, work)  # the workspace tightens, for its own sessions only
    assert "recall" in names and "remember" not in names and "forget" not in names
    assert refused and "mcp.tools" in text
    assert "remember" in tools(w)[0]
    set_and_restart(w, "mcp.tools", "read-only")
    assert "remember" not in tools(w)[0]
    with open(os.path.join(work, ".paired", "config.json"), "w") as f:
        f.write('{"mcp": {"tools": "all"}}')
    assert "remember" not in tools(w, work)[0]  # and cannot loosen what the user set


def effect_memory_recall_limit(w):
    for i in range(6):
        remember(w, "the heron number %d" % i)
    assert len(data(w, "memory", "recall", "heron")["notes"]) == 6
    set_and_restart(w, "memory.recall_limit", "2")
    assert len(data(w, "memory", "recall", "heron")["notes"]) == 2
    assert len(data(w, "memory", "recall", "heron", "-n", "4")["notes"]) == 4


def effect_memory_recall_tokens(w):
    remember(w, "heron " + "stands in the reed and waits for a frog, " * 100)
    long = len(json.dumps(data(w, "memory", "recall", "heron")))
    set_and_restart(w, "memory.recall_tokens", "200")
    short = len(json.dumps(data(w, "memory", "recall", "heron")))
    assert short < long / 2, (short, long)


def effect_memory_expire_days(w):
    assert "expires" not in data(w, "memory", "remember", "for ever")
    set_and_restart(w, "memory.expire_days", "30")
    uid = remember(w, "for a month")
    note = data(w, "memory", "show", uid)["notes"][0]
    assert abs(note["expires_ms"] - note["created_ms"] - 30 * 86400000) < 1000
    note = data(w, "memory", "show", remember(w, "--expires-days", "2", "for two days"))["notes"][0]
    assert note["expires_ms"] - note["created_ms"] == 2 * 86400000


def effect_engine_workers(w):
    set_and_restart(w, "engine.workers", "7")
    remember(w, "by many")
    many = threads(w)
    set_and_restart(w, "engine.workers", "2")
    remember(w, "by two")
    assert many - threads(w) == 5, (many, threads(w))


def threads(w):
    with open("/proc/%d/status" % w.engine_pid()) as f:
        return int(re.search(r"Threads:\t(\d+)", f.read()).group(1))


def effect_log_level(w):
    def opened():
        return sum(" info session[" in line for line in w.log().splitlines())
    remember(w, "logged")
    assert opened() > 0
    set_and_restart(w, "log.level", "error")
    remember(w, "quiet start")
    before = opened()
    remember(w, "not logged")
    assert opened() == before


def effect_models_policy(w):
    assert data(w, "budget")["policy"] == "balanced"
    run(w, "config", "set", "models.policy", "local-only")
    assert data(w, "budget")["policy"] == "local-only"


def effect_models_budget_day_usd(w):
    run(w, "config", "set", "models.budget_day_usd", "3")
    assert data(w, "budget")["day"]["limit_usd"] == 3


def effect_models_budget_month_usd(w):
    run(w, "config", "set", "models.budget_month_usd", "40")
    assert data(w, "budget")["month"]["limit_usd"] == 40


def routed(*settings, asked="auto"):
    """Which of a cheap and a good model answers, and what the router says about it."""
    with Gate([Backend("cheap"), Backend("big")], models=(("cheap=gpt-5-nano",), ("big=claude-opus-4-5",)),
              settings=(("models.explore_percent", "0"),) + settings) as g:
        answer = g.post({"model": asked, "messages": [{"role": "user", "content": "Why is the sky blue?"}]})[2]
        return json.loads(answer)["content"][0]["text"], json.loads(g.paired("why", "--json"))


def kept(settings, *asks):
    """How many of the requests went to the backend, and what is kept of their answers."""
    with Gate([Backend("x" * 300000)], settings=settings) as g:
        found = {}
        for n in asks:
            body = {"model": "claude-x", "max_tokens": n, "temperature": 0, "messages": [{"role": "user", "content": "hello"}]}
            before = found.get("entries", 0)
            hit = g.post(body)[1].get("x-paired-cache") == "hit"

            def written():
                found.update(json.loads(g.paired("gateway", "cache", "--json")))
                return hit or found["setting"] == "off" or found["entries"] > before or found["bytes"] + 300000 > found["max_bytes"]

            wait_until(written, 30, "an answer is kept")
        return len(g.backends[0].requests), found


def effect_models_cache(w):
    assert kept((), 1, 1)[0] == 2
    assert kept((("models.cache", "exact"),), 1, 1)[0] == 1


def effect_models_cache_hours(w):  # an hour is too long to wait for
    assert kept((("models.cache", "exact"), ("models.cache_hours", "3")), 1)[1]["max_hours"] == 3


def effect_models_cache_mb(w):
    asked, found = kept((("models.cache", "exact"), ("models.cache_mb", "2")), *range(1, 10))
    assert asked == 9 and found["entries"] < 9 and found["bytes"] <= found["max_bytes"] == 2 << 20, found


def effect_models_substitute(w):
    assert routed(("models.policy", "cheapest"), asked="big")[0] == "big"
    assert routed(("models.policy", "cheapest"), ("models.substitute", "always"), asked="big")[0] == "cheap"


def effect_models_floor_percent(w):
    assert routed(("models.floor_percent", "99"))[1]["floor"] == 0.99 != routed()[1]["floor"]


def effect_models_value_cents(w):
    assert routed(("models.value_cents", "1"))[0] == "cheap"
    assert routed(("models.value_cents", "1000000"))[0] == "big"


def effect_models_explore_percent(w):
    with Gate([Backend("cheap"), Backend("big")], models=(("cheap=gpt-5-nano",), ("big=claude-opus-4-5",)),
              settings=(("models.policy", "cheapest"), ("models.explore_percent", "20"))) as g:
        for n in range(100):  # all of them the cheap one: once in 5e9 runs
            answer = g.post({"model": "auto", "messages": [{"role": "user", "content": "Conversation %d" % n}]})[2]
            if b"big" in answer:
                break
        assert json.loads(g.paired("why", "--json"))["candidates"][0]["reason"] == "chosen: to learn about it"


def time_of_silence(w, key):
    """How long a backend that says nothing more (after its head, for stall_s) is waited for when key is 1."""
    b = Faulty("chat", {1: Answer("x")}, lambda _c, _a: "stall" if key == "models.first_byte_s" else "stall_after_head")
    try:
        port = free_port()
        run(w, "config", "set", "gateway.port", str(port))
        run(w, "config", "set", "gateway.enabled", "true")
        set_and_restart(w, key, "1")
        run(w, "backends", "add", "b", "--family", "chat", "--url", b.url, "--model", "m", "--key-stdin", input=b"k\n")
        run(w, "consent", "grant", "b", "--any", "--yes")
        token = data(w, "gateway", "env")["token"]
        ask = urllib.request.Request(
            "http://127.0.0.1:%d/v1/chat/completions" % port, headers={"Authorization": "Bearer " + token},
            data=json.dumps({"model": "m", "messages": [{"role": "user", "content": "case 1"}]}).encode())
        try:
            urllib.request.urlopen(ask, timeout=250)
        except urllib.error.HTTPError as e:
            return e.code
    finally:
        b.close()


def effect_models_first_byte_s(w):
    assert time_of_silence(w, "models.first_byte_s") == 504  # after three attempts; by itself in half an hour


def effect_models_stall_s(w):
    assert time_of_silence(w, "models.stall_s") == 504


def effect_models_secrets(w):
    run(w, "backends", "add", "ollama")
    assert "(Now: mask.)" in run(w, "consent", "grant", "ollama", "--any", code=2)[1]
    set_and_restart(w, "models.secrets", "refuse")
    assert "(Now: refuse.)" in run(w, "consent", "grant", "ollama", "--any", code=2)[1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def asked(w, model, *settings):
    """The answer to a question with these settings; the model has the last word, or never has."""
    for key, value in settings:
        run(w, "config", "set", key, value)
    run(w, "stop")
    if not w.__dict__.get("asked"):
        w.asked = os.path.join(w.dir, "asked")
        os.makedirs(w.asked)
        with open(os.path.join(w.asked, "till.c"), "w") as f:
            f.write("int total(void) { return 1; }\n")
    r = subprocess.run([PAIRED, "backends", "add", "b0", "--replace", "--family", "anthropic", "--url", model.url,
                        "--key-stdin", "--model", "m"], env=w.env, cwd=w.asked, input=b"k\n", stdout=subprocess.DEVNULL)
    assert r.returncode == 0
    for argv in (["consent", "grant", "b0", "--yes"], ["ask", "--json", "what is total?"]):
        r = subprocess.run([PAIRED, *argv], env=w.env, cwd=w.asked, stdout=subprocess.PIPE, timeout=60)
        assert r.returncode == 0, argv
    return json.loads(r.stdout)


def ever_on(n, _request):
    return "So far.", [("read", {"path": "till.c"})]


def effect_ask_model(w):
    m = Model(lambda n, r: ("See till.c:1.", []))
    assert asked(w, m)["model"]["requests"] == 1
    assert "ask.model" in asked(w, m, ("ask.model", "false"))["without_model"] and m.answered == 1


def effect_ask_turns(w):
    a = asked(w, Model(ever_on), ("ask.turns", "2"))
    assert a["model"]["requests"] == 2 and "ask.turns" in a["stopped"], a


def effect_ask_tokens(w):
    a = asked(w, Model(ever_on), ("ask.tokens", "2500"), ("ask.turns", "64"))
    assert "ask.tokens" in a.get("stopped", a.get("without_model")), a


def effect_ask_seconds(w):
    a = asked(w, Model(lambda n, r: ("One.\nTwo.\nThree.\nFour.\n", []), plan=["hang"]), ("ask.seconds", "1"))
    assert "ask.seconds" in a["stopped"], a


def effect_ask_cents(w):  # what runs on this machine costs nothing; the sum: tests/unit/server/test_team_cite.c
    run(w, "config", "set", "ask.cents", "7")
    assert run(w, "config", "get", "ask.cents")[0].strip() == "7"


def grey(w, model):
    """What is shown behind the caret, and how long it took, with a model that answers at its second event."""
    root = os.path.join(w.dir, "grey")
    if not os.path.exists(root):
        os.makedirs(root)
    for argv in (["backends", "add", "b1", "--replace", "--family", "chat", "--url", model.url, "--model", "small"],
                 ["consent", "grant", "b1", "--yes"]):
        assert subprocess.run([PAIRED, *argv], env=w.env, cwd=root, stderr=subprocess.DEVNULL).returncode == 0
    e = Lsp(w, cwd=root)
    e.initialize(root, {"textDocument": {"inlineCompletion": {}}})
    uri, text = "file://" + os.path.join(root, "a.c"), "int pounds = "
    e.open(uri, text)
    answer = e.call("textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": position(text, len(text)),
                                                      "context": {"triggerKind": 1}})
    assert e.leave() == 0
    return answer and answer["items"][0]["insertText"]


def effect_complete_model(w):
    m = Model(lambda n, r: ("grams / 454;", []))
    assert grey(w, m) is None and not m.requests
    set_and_restart(w, "complete.model", "small")
    assert grey(w, m) == "grams / 454;"


def effect_models_checks(w):
    """One that is refused, and one that judges."""
    folder = os.path.join(w.dir, "work")
    os.mkdir(folder)
    with open(os.path.join(folder, "a.txt"), "w") as f:
        f.write("one\n")
    patch = "```diff\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n```\n"
    m = Model(lambda n, r: (patch, []))
    run(w, "backends", "add", "b", "--family", "anthropic", "--url", m.url, "--key-stdin", "--model", "m", input=b"sk-x\n")
    env = dict(w.env, PAIRED_WORKSPACE=folder)
    assert subprocess.run([PAIRED, "consent", "grant", "b", "--yes"], env=env, cwd=folder).returncode == 0

    def names():
        r = subprocess.run([PAIRED, "ask", "--patch", "--json", "two, please"], env=env, cwd=folder, stdout=subprocess.PIPE)
        return [(c["name"], c["result"]) for c in json.loads(r.stdout)["stages"][0]["checks"]]
    assert names() == [("patch", "passed"), ("parse", "passed")]
    assert "as JSON" in run(w, "config", "set", "models.checks", "make", code=1)[1]
    check = {"name": "two", "command": ["grep", "-qx", "two", "a.txt"], "in": folder}
    set_and_restart(w, "models.checks", json.dumps([check]))
    assert names()[2:] == [("two", "passed")]

    def doctor():
        r = subprocess.run([PAIRED, "doctor", "--json"], env=w.env, stdout=subprocess.PIPE)
        return [c for c in json.loads(r.stdout)["checks"] if c["id"] == "models.checks"]
    assert [c["result"] for c in doctor()] == ["ok"] or "be isolated" in doctor()[0]["found"]
    set_and_restart(w, "models.checks", json.dumps([dict(check, command=["no-such-tool-here"])]))
    assert "no-such-tool-here" in json.dumps(doctor()) and names()[2:] == [("two", "not run")]
    m.close()


def effect_models_checks_isolation(w):
    """Off, it may write outside of the copy; required, not, or it is not run where that cannot be had."""
    folder = os.path.join(w.dir, "isolated")
    os.mkdir(folder)
    with open(os.path.join(folder, "a.txt"), "w") as f:
        f.write("one\n")
    m = Model(lambda n, r: ("```diff\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n```\n", []))
    run(w, "backends", "add", "i", "--family", "anthropic", "--url", m.url, "--key-stdin", "--model", "m", input=b"sk-x\n")
    env = dict(w.env, PAIRED_WORKSPACE=folder)
    assert subprocess.run([PAIRED, "consent", "grant", "i", "--yes"], env=env, cwd=folder).returncode == 0
    set_and_restart(w, "models.checks", json.dumps([{"name": "out", "command": ["touch", folder + "/out"], "in": folder}]))
    for how in ("off", "required"):
        set_and_restart(w, "models.checks_isolation", how)
        r = subprocess.run([PAIRED, "ask", "--patch", "--json", "two, please"], env=env, cwd=folder, stdout=subprocess.PIPE)
        c = json.loads(r.stdout)["stages"][0]["checks"][-1]
        assert os.path.exists(folder + "/out") == (how == "off"), (how, c)
        assert c["result"] == "passed" if how == "off" else c["isolated"] or c["result"] == "not run", (how, c)
        told = subprocess.run([PAIRED, "doctor", "--json"], env=w.env, stdout=subprocess.PIPE).stdout
        told = [t for t in json.loads(told)["checks"] if t["id"] == "models.checks"][0]
        assert (told["result"] == "ok") == (how == "off" or c["isolated"]), (how, c, told)
        if how == "off":
            os.unlink(folder + "/out")
    m.close()


def effect_complete_ms(w):
    set_and_restart(w, "complete.model", "small")
    set_and_restart(w, "complete.ms", "100")
    m = Model(lambda n, r: ("grams\n/ 454;\n", []), plan=["hang"])
    for _ in range(50):  # a machine may be too busy to ask at all within the time
        assert grey(w, m) is None
        if m.requests:
            break
    assert m.left.wait(30)
    set_and_restart(w, "complete.ms", "10000")
    assert grey(w, Model(lambda n, r: ("grams / 454;", []))) == "grams / 454;"


def effect_gateway_enabled(w):
    assert run(w, "gateway", "env", code=1)[1].count("gateway.enabled")
    run(w, "config", "set", "gateway.port", str(free_port()))
    set_and_restart(w, "gateway.enabled", "true")
    assert "export OPENAI_API_KEY=paired-" in run(w, "gateway", "env")[0]


def effect_gateway_port(w):
    port = free_port()
    run(w, "config", "set", "gateway.enabled", "true")
    set_and_restart(w, "gateway.port", str(port))
    token = data(w, "gateway", "env")["token"]
    ask = urllib.request.Request("http://127.0.0.1:%d/v1/models" % port, headers={"Authorization": "Bearer " + token})
    assert json.load(urllib.request.urlopen(ask, timeout=20))["data"] == []
    run(w, "stop")  # the pass outlives the engine
    run(w, "memory", "list")
    assert data(w, "status")["pid"]
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 10, "the next engine serves")
    assert json.load(urllib.request.urlopen(ask, timeout=20))["data"] == []


def effect_federation_enabled(w):
    assert data(w, "federation")["state"] == "off"
    set_and_restart(w, "federation.enabled", "true")
    assert data(w, "federation")["state"] == "running"


def effect_federation_port(w):
    port = free_port()
    run(w, "config", "set", "federation.enabled", "true")
    set_and_restart(w, "federation.port", str(port))
    assert data(w, "federation")["port"] == port
    assert socket.socket().connect_ex(("127.0.0.1", port)) == 0


def effect_federation_discovery(w):
    if not can_be_alone():
        raise Skip("no network namespace is to be had, and nothing is sent to a real network")
    w.prefix = ["unshare", "-rn"]
    del w.env["PAIRED_FEDERATION_DISCOVERY"]
    run(w, "config", "set", "federation.enabled", "true")
    assert set(data(w, "federation")["discovery"]) == {"beacon", "mdns"}
    for value, ways in (("beacon", {"beacon"}), ("mdns", {"mdns"}), ("off", set())):
        set_and_restart(w, "federation.discovery", value)
        assert set(data(w, "federation")["discovery"]) == ways, value


SLOW_ONES = {"store.rotate_days", "store.auto_lock_minutes", "engine.idle_minutes"}


def test_every_setting_has_a_test_of_its_effect():
    with World() as w:
        keys = set(data(w, "config", "show"))
        for key in SLOW_ONES:
            run(w, "config", "set", key, "5")
            assert run(w, "config", "get", key)[0] == "5\n"
    keys -= SLOW_ONES
    tested = {name[len("effect_"):].replace("_", ".", 1) for name in globals() if name.startswith("effect_")}
    assert keys == tested, keys ^ tested


def in_world(effect):
    def test():
        with World() as w:
            effect(w)
    test.__code__ = test.__code__.replace(co_firstlineno=effect.__code__.co_firstlineno)
    return test


for name in [n for n in globals() if n.startswith("effect_")]:
    globals()["test_" + name] = in_world(globals()[name])

if __name__ == "__main__":
    main(globals())
