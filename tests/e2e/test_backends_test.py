"""`paired backends test|find` and the key's prompt, against a scripted backend: what is said about each way in which a
backend may fail, and that nothing but what is said leaves for it."""
import json
import os
import pty
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from email.utils import formatdate

from backend import Backend, anthropic_json
from process_lib import PAIRED, Skip, World, main
from test_cli import DEGRADED, FAILED, OK, USAGE, data, run

KEY = "sk-zqxjkvbw-test-0123456789"
LIST = {"object": "list", "data": [{"id": "m-large"}, {"id": "m-small"}]}


def closed_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def add(w, name, url, family="chat", *more, **options):
    return run(w, "backends", "add", name, "--family", family, "--url", url, *more, **options)


def tested(w, name, code=OK, *more, **options):
    out, _ = run(w, "backends", "test", name, "--json", *more, code=code, **options)
    (found,) = json.loads(out)["backends"]
    assert found["name"] == name
    return found


def header(request, name):
    return {k.lower(): v for k, v in request["headers"].items()}.get(name)


def with_backend(test):
    def inner():
        b = Backend()
        try:
            with World() as w:
                test(w, b)
        finally:
            b.close()
    return inner


def wants_key(headers):
    return LIST if headers.get("Authorization") == "Bearer " + KEY else (
        401, {}, {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}})


@with_backend
def test_one_that_answers_is_shown_with_its_models_and_clock(w, b):
    b.gets["/v1/models"] = wants_key
    add(w, "a", b.url + "/v1/", "chat", "--key-stdin", "-m", "m-small", input=KEY.encode() + b"\n")
    found = tested(w, "a")
    assert found["ok"] and found["problem"] == "ok" and found["what"] is None
    assert found["models"] == ["m-large", "m-small"] and found["model_count"] == 2 and found["unknown"] == []
    assert found["key"] == "accepted" and found["reached"] and 0 <= found["first_byte_ms"] < 15000
    assert abs(found["skew_ms"]) <= 3000 and not found["granted"]
    # A question, and the same without the key, which has to be refused if the key counts. Nothing else.
    assert [(r["path"], header(r, "authorization")) for r in b.requests] == [
        ("/v1/models", "Bearer " + KEY), ("/v1/models", None)]
    out, err = run(w, "backends", "test")
    assert "answers" in out and "accepted" in out and "m-large" in out and "consent grant a" in out, out
    assert KEY not in out + err
    events = [(e["event"], e["purpose"], e["audience"], e["bytes_out"]) for e in data(w, "audit", "list")["entries"]]
    assert set(events) == {("send", "test", "a", 0), ("end", "test", "a", 0)} and len(events) == 8, events


@with_backend
def test_a_list_that_everybody_may_read_does_not_show_the_key(w, b):
    b.gets["/v1/models"] = LIST
    add(w, "a", b.url, "chat", "--key-stdin", input=KEY.encode() + b"\n")
    assert tested(w, "a")["key"] == "not-shown"
    assert "--ask" in run(w, "backends", "test", "a")[0]


@with_backend
def test_one_token_shows_key_and_credit_and_is_accounted_for(w, b):
    b.gets["/v1/models"] = {"data": [{"id": "claude-haiku-4-5", "type": "model"}]}
    add(w, "a", b.url, "anthropic", "--key-stdin", "-m", "claude-haiku-4-5", input=KEY.encode() + b"\n")
    assert tested(w, "a")["asked"] is None
    found = tested(w, "a", OK, "--ask")
    assert found["ok"] and found["key"] == "accepted" and found["asked"] == "claude-haiku-4-5"
    posts = [r for r in b.requests if r["body"]]
    assert [json.loads(r["body"]) for r in posts] == [
        {"model": "claude-haiku-4-5", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}]
    assert header(posts[0], "x-api-key") == KEY
    (row,) = data(w, "usage", "--by", "agent")["rows"]
    assert (row["key"], row["requests"], row["failed"], row["input"], row["output"]) == ("test", 1, 0, 10, 5)
    entries = data(w, "audit", "list")["entries"]
    assert {e["model"] for e in entries if e["bytes_out"]} == {"claude-haiku-4-5"}
    # Another model, by name.
    b.plan = [(404, {}, {"type": "error", "error": {"type": "not_found_error", "message": "model: opus-9"}})]
    found = tested(w, "a", DEGRADED, "--model", "opus-9")
    assert found["problem"] == "model" and "opus-9" in found["what"] and "--model" in found["help"]


@with_backend
def test_where_there_is_no_list_one_token_is_asked_for(w, b):
    add(w, "a", b.url, "anthropic", "-m", "m")
    assert tested(w, "a")["asked"] == "m"
    add(w, "b", b.url, "anthropic")
    found = tested(w, "b", DEGRADED)  # no model is named: nothing can be asked
    assert found["problem"] == "not-this-api" and found["asked"] is None


@with_backend
def test_a_model_that_it_has_not_is_named(w, b):
    b.gets["/v1/models"] = {"data": [{"id": "qwen3:latest"}, {"id": "m"}]}
    add(w, "a", b.url, "chat", "-m", "qwen3", "-m", "M", "-m", "typo")
    found = tested(w, "a", DEGRADED)
    assert found["problem"] == "model" and found["unknown"] == ["typo"] and "typo" in found["what"]
    assert "--replace" in found["help"]
    out, _ = run(w, "backends", "test", code=DEGRADED)
    assert "typo is not among them" in out


# What it answers to the list → problem, what is said about it, what to do.
FAULTS = [
    ((401, {}, {"error": {"message": "invalid x-api-key"}}), "bad-key", "invalid x-api-key", "--replace --key-stdin"),
    ((403, {}, {"error": {"message": "Country not supported"}}), "not-allowed", "Country not supported", "console"),
    ((402, {}, {"error": {"message": "Insufficient Balance"}}), "no-credit", "Insufficient Balance", "Pay it up"),
    ((429, {}, {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}),
     "no-credit", "exceeded your current quota", "console"),
    ((400, {}, {"type": "error", "error": {"type": "invalid_request_error", "message":
      "Your credit balance is too low to access the Anthropic API."}}), "no-credit", "credit balance", "Pay it up"),
    ((429, {"Retry-After": "3"}, {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}), "rate", "Rate limit",
     "Wait a minute"),
    ((529, {}, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}), "overloaded", "Overloaded",
     "Try again later"),
    ((503, {}, {"error": {"message": "Loading model"}}), ("overloaded", "server"), "Loading model", "a"),
    ((500, {}, {"error": {"message": "boom"}}), "server", "boom", "server's own log"),
    ((418, {}, {"error": {"message": "teapot"}}), "refused", "teapot", "family and URL"),
    ((302, {"Location": "https://elsewhere.example/"}, {}), "not-this-api", "", "--family API --url URL"),
    ((404, {}, {"detail": "Not Found"}), "not-this-api", "", "--family API --url URL"),
    ("garbage", "not-this-api", "does not speak this API", "--family API --url URL"),
    ((200, {}, {"hello": "world"}), "not-this-api", "does not speak this API", "--family API --url URL"),
    ("reset", "cut", "cut", "Try again"),
]


@with_backend
def test_each_answer_says_what_to_do(w, b):
    add(w, "a", b.url, "chat", "--key-stdin", input=KEY.encode() + b"\n")
    for answer, problem, what, to_do in FAULTS:
        b.gets["/v1/models"] = answer
        found = tested(w, "a", DEGRADED)
        assert found["problem"] in ((problem,) if isinstance(problem, str) else problem), (answer, found)
        assert what in found["what"] and to_do in found["help"] and not found["ok"], (answer, found)
        assert KEY not in json.dumps(found)
    out, _ = run(w, "backends", "test", code=DEGRADED)
    assert "problem  " in out and "do       " in out


def test_places_that_cannot_be_reached_say_what_to_do():
    with World() as w:
        port = closed_port()
        add(w, "down", "http://127.0.0.1:%d" % port)
        add(w, "dns", "https://no-such-host.invalid")
        found = tested(w, "down", DEGRADED)
        assert found["problem"] == "down" and "127.0.0.1:%d" % port in found["what"] and "Start the server" in found["help"]
        found = tested(w, "dns", DEGRADED)
        # A machine without any network is told so instead.
        assert found["problem"] in ("dns", "no-network") and "no-such-host.invalid" in found["what"] and found["help"], found
        run(w, "backends", "test", "nothing", code=FAILED)
        both = json.loads(run(w, "backends", "test", "--json", code=DEGRADED)[0])["backends"]
        assert [x["name"] for x in both] == ["dns", "down"]


def test_a_proxy_that_is_not_there_is_named_without_its_password():
    with World() as w:
        w.env = dict(w.env, HTTPS_PROXY="http://user:secret-zq@127.0.0.1:%d" % closed_port())
        add(w, "a", "https://no-such-host.invalid")
        found = tested(w, "a", DEGRADED)
        assert found["problem"] == "proxy" and "HTTPS_PROXY" in found["help"], found
        assert found["proxy"].startswith("http://127.0.0.1:") and "secret-zq" not in json.dumps(found)
        # The engine has it, this shell has not.
        env = {k: v for k, v in w.env.items() if k != "HTTPS_PROXY"}
        _, err = run(w, "backends", "test", "a", code=DEGRADED, env=env)
        assert "HTTPS_PROXY is not set here" in err and "paired stop" in err


def test_a_certificate_that_nobody_vouches_for_ends_it():
    with World() as w, tempfile.TemporaryDirectory() as d:
        cert, key = os.path.join(d, "c.pem"), os.path.join(d, "k.pem")
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                               "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert], capture_output=True) \
            if any(os.path.exists(os.path.join(p, "openssl")) for p in os.environ["PATH"].split(":")) else None
        if made is None or made.returncode:
            raise Skip("no openssl program here")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        listener = socket.create_server(("127.0.0.1", 0))
        heard = []

        def serve():
            while True:
                try:
                    c = context.wrap_socket(listener.accept()[0], server_side=True)
                    heard.append(c.recv(4096))
                except ssl.SSLError:
                    pass
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        add(w, "a", "https://127.0.0.1:%d" % listener.getsockname()[1], "chat", "--key-stdin", input=KEY.encode() + b"\n")
        found = tested(w, "a", DEGRADED)
        listener.close()
        assert found["problem"] == "tls" and "certificate" in found["what"] and "ca-certificates" in found["help"], found
        assert heard == []  # no request, and no key


@with_backend
def test_a_key_that_is_not_there_is_asked_for_and_nothing_is_sent(w, b):
    b.gets["/v1/models"] = wants_key
    add(w, "a", b.url, "chat", "--key-env", "ZQ_KEY")
    found = tested(w, "a", DEGRADED)
    assert found["problem"] == "no-key" and found["key"] == "missing" and "ZQ_KEY" in found["help"]
    assert b.requests == []
    # The variable of the shell that asks counts, not the engine's.
    found = tested(w, "a", env=dict(w.env, ZQ_KEY=KEY))
    assert found["ok"] and found["key"] == "accepted"
    found = tested(w, "a", DEGRADED, env=dict(w.env, ZQ_KEY="wrong"))
    assert found["problem"] == "bad-key" and "ZQ_KEY" in found["help"] and found["key"] == "refused"
    add(w, "b", b.url)
    found = tested(w, "b", DEGRADED)
    assert found["problem"] == "bad-key" and "It wants a key" in found["help"] and found["key"] == "missing"


@with_backend
def test_a_clock_that_is_off_is_told(w, b):
    b.gets["/v1/models"] = LIST
    add(w, "a", b.url)
    real = b.server.RequestHandlerClass.date_time_string
    b.server.RequestHandlerClass.date_time_string = lambda self, t=None: formatdate(time.time() + 600, usegmt=True)
    try:
        found = tested(w, "a")
        assert 597000 <= found["skew_ms"] <= 603000, found
        out, _ = run(w, "backends", "test")
        assert re.search(r"clock +(9|10) min before this machine's: see timedatectl", out), out
    finally:
        b.server.RequestHandlerClass.date_time_string = real


@with_backend
def test_only_those_that_are_on_are_asked_unless_named(w, b):
    b.gets["/v1/models"] = LIST
    add(w, "a", b.url)
    run(w, "backends", "disable", "a")
    assert data(w, "backends", "test")["backends"] == [] and b.requests == []
    out, _ = run(w, "backends", "test", "a")
    assert "backends enable a" in out
    client = w.client("mcp")
    client.initialize()
    for name in ("backends test", "backends find"):
        answer = client.tool(name, {})
        assert "error" in answer or answer["result"].get("isError"), answer
    client.end()


SERVERS = [
    ("vllm", "vLLM", {"/v1/models": {"data": [{"id": "q", "owned_by": "vllm"}]}}),
    ("llama.cpp", "llama.cpp", {"/v1/models": {"data": [{"id": "q", "owned_by": "llamacpp"}]}}),
    ("llama.cpp", "llama.cpp", {"/v1/models": {"data": [{"id": "q", "owned_by": "me"}]}, "/props": {"default_generation_settings": {}}}),
    ("ollama", "Ollama", {"/v1/models": {"data": [{"id": "q", "owned_by": "library"}]}, "/api/version": {"version": "0.12.3"}}),
    ("lmstudio", "LM Studio", {"/v1/models": {"data": [{"id": "q", "owned_by": "organization_owner"}]},
                               "/api/v0/models": {"data": [{"id": "q", "publisher": "p"}]}}),
    ("koboldcpp", "KoboldCpp", {"/v1/models": {"data": [{"id": "q", "owned_by": "koboldcpp"}]},
                                "/api/version": {"version": "0.0.0"}, "/api/extra/version": {"result": "KoboldCpp", "version": "1.9"}}),
    ("local", "lists models", {"/v1/models": {"data": [{"id": "q"}]}}),
]


def test_servers_on_this_machine_are_found_and_told_apart():
    with World() as w:
        for name, what, gets in SERVERS:
            b = Backend()
            b.gets = gets
            try:
                found = data(w, "backends", "find", "--port", str(b.port), "--port", str(closed_port()))
                (place,) = found["found"]
                assert place["name"] == name and what in place["what"] and place["models"] == ["q"], (name, place)
                assert place["url"] == b.url and place["named"] is None and len(found["looked_at"]) == 2
                assert all(r["body"] is None and header(r, "authorization") is None for r in b.requests)
            finally:
                b.close()
        assert data(w, "backends")["backends"] == [] and data(w, "audit", "list")["entries"] == []


@with_backend
def test_what_was_found_is_added_only_when_asked(w, b):
    b.gets = SERVERS[3][2]
    port = str(b.port)
    out, _ = run(w, "backends", "find", "--port", port)
    assert "paired backends add ollama --family chat --url http://127.0.0.1:%s -m 'q'" % port in out
    run(w, "backends", "find", "--port", port, "--add")
    (added,) = data(w, "backends")["backends"]
    assert added["name"] == "ollama" and added["url"] == b.url and added["models"][0]["name"] == "q" and added["granted"] == []
    out, _ = run(w, "backends", "find", "--port", port, "--add")
    assert "named already: ollama" in out and len(data(w, "backends")["backends"]) == 1
    other = Backend()
    other.gets = b.gets
    try:
        (place,) = data(w, "backends", "find", "--port", str(other.port))["found"]
        assert place["name"] == "ollama-%d" % other.port
    finally:
        other.close()
    out, err = run(w, "backends", "find", "--port", str(closed_port()))
    assert not out and "nothing answers" in err
    run(w, "backends", "find", "--port", "x", code=USAGE)
    run(w, "backends", "find", "--port", "70000", code=USAGE)


def at_terminal(env, typed, *argv):
    """Runs it at a terminal; types when it asks. (exit code, whether it asked, all that it said)"""
    ours, theirs = pty.openpty()
    p = subprocess.Popen([PAIRED, *argv], env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.close(theirs)
    said, asked = b"", False
    while True:
        piece = os.read(p.stdout.fileno(), 4096)
        if not piece:
            break
        said += piece
        if not asked and said.endswith(b"): "):
            asked = True
            os.write(ours, typed)
    p.wait(60)
    os.close(ours)
    p.stdout.close()
    return p.returncode, asked, said.decode()


def test_a_provider_known_by_name_needs_its_key_alone():
    with World() as w:
        for typed, source in ((KEY.encode() + b"\n", "store"), (b"\n", "env")):
            code, asked, said = at_terminal(w.env, typed, "backends", "add", "anthropic")
            assert code == OK and asked and "ANTHROPIC_API_KEY" in said and KEY not in said, said
            (b,) = data(w, "backends")["backends"]
            assert b["key"]["source"] == source and b["url"] == "https://api.anthropic.com", b
            run(w, "backends", "remove", "anthropic")
        # In the environment already: nobody is asked.
        code, asked, said = at_terminal(dict(w.env, OPENROUTER_API_KEY=KEY), b"", "backends", "add", "openrouter")
        assert code == OK and not asked and data(w, "backends")["backends"][0]["key"]["source"] == "env", said


if __name__ == "__main__":
    main(globals())
