"""Hostile input against the built program: each is answered with the right JSON-RPC error, the session lives on, memory stays
bounded and other clients do not notice. `--requests=1000000` sets the size of the purity run (50,000 by default),
`--only=purity` picks it."""
import json
import os
import random
import threading
import time

from mcp_wire import assert_unhurt, wire, worlds
from process_lib import FLAGS, SLOW, World, main, percentile, report, rss_kb

PARSE, INVALID, NO_METHOD, BAD_PARAMS = -32700, -32600, -32601, -32602
MB = 1024 * 1024


def request(id, rest):
    return b'{"jsonrpc":"2.0","id":%s,"method":"tools/list"%s}' % (id, rest)


def garbage():
    source = random.Random(7)
    return bytes(source.choice([b for b in range(256) if b not in (10, 13)]) for _ in range(5000))


# name, line, code, raw id of the answer
CASES = [
    ("10 MB message", request(b'"big"', b',"params":{"x":"' + b"x" * 10 * MB + b'"}'), INVALID, b'"big"'),
    ("10 MB of garbage", b"x" * 10 * MB, INVALID, b"null"),
    ("10,000 levels", request(b"1", b',"params":' + b"[" * 10000 + b"]" * 10000), INVALID, b"1"),
    ("10,000 levels of objects", b'{"a":' * 10000 + b"1" + b"}" * 10000, INVALID, b"null"),
    ("100,000 keys", request(b"2", b',"params":{' + b",".join(b'"k%d":0' % i for i in range(100000)) + b"}"), INVALID, b"2"),
    ("100,000 elements", request(b"3", b',"params":[' + b",".join([b"0"] * 100000) + b"]"), INVALID, b"3"),
    ("invalid UTF-8", request(b"4", b',"params":{"x":"\xC3\x28"}'), PARSE, b"4"),
    ("overlong UTF-8", request(b"5", b',"params":{"x":"\xC0\x80"}'), PARSE, b"5"),
    ("a surrogate as UTF-8", request(b"6", b',"params":{"x":"\xED\xA0\x80"}'), PARSE, b"6"),
    ("half a surrogate pair", request(b"7", b',"params":{"x":"\\ud800"}'), BAD_PARAMS, b"7"),
    ("a zero byte", b'{"jsonrpc":"2.0",\0"id":1,"method":"tools/list"}', PARSE, b"null"),
    ("a zero byte in a string", request(b"8", b',"params":{"x":"a\0b"}'), PARSE, b"8"),
    ("NUL in a name", request(b"9", b',"params":{"\\u0000":1}'), BAD_PARAMS, b"9"),
    ("binary", garbage(), PARSE, b"null"),
    ("half a message", b'{"jsonrpc":"2.0","id":10,"method":"tools/li', PARSE, b"10"),
    ("two messages on a line", request(b"11", b"") + request(b"12", b""), PARSE, b"11"),
    ("a number that does not fit", request(b"13", b',"params":{"x":99999999999999999999}'), BAD_PARAMS, b"13"),
    ("a number out of range", request(b"14", b',"params":{"x":1e999}'), BAD_PARAMS, b"14"),
    ("a huge id", request(b'"' + b"i" * 2000 + b'"', b""), INVALID, b"null"),
    ("a huge id of digits", request(b"1" * 100000, b""), INVALID, b"null"),
    ("id null", request(b"null", b""), INVALID, b"null"),
    ("id true", request(b"true", b""), INVALID, b"null"),
    ("id array", request(b"[1]", b""), INVALID, b"null"),
    ("id object", request(b'{"a":1}', b""), INVALID, b"null"),
    ("id twice", b'{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}', INVALID, b"null"),
    ("id twice, once in disguise", b'{"jsonrpc":"2.0","id":1,"\\u0069d":2,"method":"tools/list"}', INVALID, b"null"),
    ("method twice", b'{"jsonrpc":"2.0","id":1,"method":"a","method":"tools/list"}', INVALID, b"null"),
    ("params a string", request(b"20", b',"params":"x"'), INVALID, b"20"),
    ("params a number", request(b"21", b',"params":1'), INVALID, b"21"),
    ("params true", request(b"22", b',"params":true'), INVALID, b"22"),
    ("method a number", b'{"jsonrpc":"2.0","id":23,"method":1}', INVALID, b"23"),
    ("method null", b'{"jsonrpc":"2.0","id":24,"method":null}', INVALID, b"24"),
    ("no method", b'{"jsonrpc":"2.0","id":25}', INVALID, b"25"),
    ("no version", b'{"id":26,"method":"tools/list"}', INVALID, b"26"),
    ("version 1.0", b'{"jsonrpc":"1.0","id":27,"method":"tools/list"}', INVALID, b"27"),
    ("version a number", b'{"jsonrpc":2.0,"id":28,"method":"tools/list"}', INVALID, b"28"),
    ("a string", b'"tools/list"', INVALID, b"null"),
    ("a number", b"42", INVALID, b"null"),
    ("null", b"null", INVALID, b"null"),
    ("an empty object", b"{}", INVALID, b"null"),
    ("an empty batch", b"[]", INVALID, b"null"),
    ("a batch", b"[" + request(b"30", b"") + b"]", INVALID, b"null"),
    ("a batch in a batch", b"[[" + request(b"31", b"") + b"]]", INVALID, b"null"),
    ("unknown method", b'{"jsonrpc":"2.0","id":32,"method":"no/such"}', NO_METHOD, b"32"),
    ("empty method", b'{"jsonrpc":"2.0","id":33,"method":""}', NO_METHOD, b"33"),
]

SILENT = [  # never answered: JSON-RPC 2.0 section 4.1, and answers that nobody asked for
    b'{"jsonrpc":"2.0","method":"no/such"}',
    b'{"jsonrpc":"2.0","method":"tools/list"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"nobody"}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}',
    b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":[]}}',
    b'{"jsonrpc":"2.0","id":"nobody","result":{}}',
    b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}',
    b"", b"   ", b"\r",
]


def alive(c, what):
    raw, answer = c.raw(c.line("tools/list", id=b'"alive"'))
    assert raw == b'"alive"' and answer["result"]["tools"], (what, answer)


def test_each_hostile_message_is_answered_and_the_session_lives_on():
    for _, c, name in worlds():
        for what, line, code, id in CASES:
            raw, answer = c.raw(line, 60)
            got = (answer.get("error", {}).get("code"), raw) if isinstance(answer, dict) else answer
            assert got == (code, id), "%s, %s: %s, expected %s" % (name, what, str(answer)[:300], (code, id))
            assert answer["error"]["message"], what
            alive(c, what)
        for line in SILENT:
            with c.lock:
                before = c.count
            c.send(line + b"\n")
            alive(c, line)
            assert c.count == before + 1, (name, line, c.lines[-2:])
        assert not c.noise, c.noise[:3]
        assert c.end() == 0


def test_wrong_types_in_params_are_refused():
    values = [None, True, 0, -1, 1.5, "", "x", [], [[]], {}, {"a": 1}]
    methods = ["tools/list", "tools/call", "resources/list", "resources/read", "resources/templates/list", "prompts/list",
               "prompts/get", "completion/complete", "skills/list", "skills/get"]
    members = ["cursor", "name", "arguments", "uri", "ref", "argument", "_meta"]
    for _, c, name in worlds():
        n = 0
        for method in methods:
            for member in members:
                for value in values:
                    params = {"name": "recall", "arguments": {"query": "x"}, "uri": "memory://recent"}
                    if c.era == "modern":
                        params["_meta"] = json.loads(c.line("x"))["params"]["_meta"]
                    params[member] = value
                    n += 1
                    line = json.dumps({"jsonrpc": "2.0", "id": n, "method": method, "params": params}).encode()
                    raw, answer = c.raw(line)
                    assert raw == b"%d" % n, (name, line, answer)
                    code = answer.get("error", {}).get("code", BAD_PARAMS)
                    assert code in (BAD_PARAMS, NO_METHOD, -32002), (name, line, answer)
        for method in methods:  # positional parameters are not part of MCP
            raw, answer = c.raw(b'{"jsonrpc":"2.0","id":1,"method":"%s","params":[1,"a"]}' % method.encode())
            code = answer.get("error", {}).get("code")
            assert raw == b"1" and code in (BAD_PARAMS, None), (name, method, answer)
        alive(c, "wrong types")


def test_an_id_in_use_is_refused():
    with World() as world:
        c = wire(world, "modern").open()
        c.send(c.line("subscriptions/listen", {"notifications": {"resourcesListChanged": True}}, b"5") + b"\n")
        c.next(where=lambda raw, m: "acknowledged" in m.get("method", ""))
        for _ in range(3):
            raw, answer = c.raw(c.line("tools/list", id=b"5"))
            assert raw == b"5" and answer["error"]["code"] == INVALID, answer
        alive(c, "duplicate id")
        c.send(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}\n')
        alive(c, "cancelled")
        assert "result" in c.ask("tools/list", id=b"5")


def test_50000_pipelined_requests_are_each_answered_once():
    count = 50000 // (5 if SLOW > 3 else 1)
    for _, c, name in worlds():
        c.keep = False
        seen = [0] * count
        take = c._take

        def counted(line, now):
            take(line, now)
            seen[json.loads(line)["id"]] += 1
        c._take = counted
        begin = time.monotonic()
        with c.lock:
            base = c.count
        for first in range(0, count, 100):
            c.send(b"".join(c.line("tools/list" if i % 50 == 0 else "prompts/get" if i % 3 else "no/such", {"name": "x"} if i % 3
                                   else None, b"%d" % i) + b"\n" for i in range(first, first + 100)))
        c.until(lambda c: c.count - base == count, 60 * SLOW, "%d answers, %d came" % (count, c.count))
        took = time.monotonic() - begin
        assert seen == [1] * count and not c.noise, name
        report("%s: %d pipelined requests in %.2f s (%.0f/s)" % (name, count, took, count / took))
        c._take, c.keep = take, True
        alive(c, "flood")


def latencies(c, count, pause):
    times = []
    for _ in range(count):
        begin = time.monotonic()
        alive(c, "the other client")
        times.append((time.monotonic() - begin) * 1000)
        time.sleep(pause)
    return times


def test_half_a_message_holds_up_nobody():
    with World() as world:
        slow, other = wire(world).open(), wire(world, "modern").open()
        line = slow.line("tools/list", id=b'"slow"')
        for at in range(len(line)):
            slow.send(line[at:at + 1])
            if at % 10 == 0:
                alive(other, "while another is slow")
        times = latencies(other, 50, 0)
        slow.send(b"\n")
        assert "result" in slow.wait_for(b'"slow"')
        assert percentile(times, 0.5) < 20 * SLOW and percentile(times, 0.99) < 200 * SLOW, times


def test_a_client_that_does_not_read_costs_little_memory_and_nobody_else_notices():
    with World() as world:
        other = wire(world, "modern").open()
        latencies(other, 20, 0)
        engine = world.engine_pid()
        before = rss_kb(engine)
        stalled = wire(world, read=False)
        line = b'{"jsonrpc":"2.0","id":%d,"method":"tools/list"}\n'
        stalled.send(b'{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25",'
                     b'"capabilities":{},"clientInfo":{"name":"stalled","version":"1"}}}\n')
        sent = [0]

        def flood():
            try:
                for i in range(200000):
                    stalled.send(line % i)
                    sent[0] = i + 1
            except (OSError, ValueError):
                pass  # killed at the end of the test
        threading.Thread(target=flood, daemon=True).start()
        last = -1
        while last != sent[0]:  # until nothing moves any more: everything between us and the engine is full
            last = sent[0]
            latencies(other, 10, 0.03)
        assert sent[0] < 200000, "a client that does not read was read to its end"
        times = latencies(other, 200, 0.002)
        grown = rss_kb(engine) - before
        front = rss_kb(stalled.process.pid)
        report("stalled after %d requests; engine +%.1f MB, its front end %.1f MB; the other client p50 %.2f ms, p99 %.2f ms"
               % (sent[0], grown / 1024, front / 1024, percentile(times, .5), percentile(times, .99)))
        assert percentile(times, 0.5) < 20 * SLOW and percentile(times, 0.99) < 200 * SLOW, times
        if SLOW == 3:  # a sanitizer keeps freed memory
            assert grown < 48 * 1024, grown
            assert front < 48 * 1024, front
        # It reads again: nothing was lost.
        threading.Thread(target=stalled._read, daemon=True).start()
        stalled.until(lambda c: c.count >= min(sent[0], 5000), 60 * SLOW, "answers to what was sent")
        some = [stalled.wait_for(b"%d" % i) for i in range(0, 3000, 100)]
        assert all("result" in answer for answer in some)
        assert not stalled.noise
        assert_unhurt(world, "stalled")


def test_a_client_that_is_killed_in_the_middle_of_a_message_leaves_nothing():
    with World() as world:
        other = wire(world, "modern").open()
        engine = world.engine_pid()
        for i in range(30):
            c = wire(world)
            c.send(c.line("tools/list")[:10 + i])
            if i % 2:
                c.process.kill()
            else:
                assert c.end() == 0
        alive(other, "after thirty ends")
        assert world.engine_pid() == engine
        assert_unhurt(world, "killed clients")


def test_batches_are_answered_in_the_one_revision_that_has_them():
    with World() as world:
        c = wire(world).open("2025-03-26")
        raw, answer = c.raw(b"[" + request(b"1", b"") + b',{"jsonrpc":"2.0","method":"notifications/initialized"},7,'
                            + request(b'"2"', b"") + b"]")
        ids = sorted(json.dumps(part["id"]) for part in answer)
        assert ids == ['"2"', "1", "null"], answer
        raw, answer = c.raw(b"[]")
        assert answer["error"]["code"] == INVALID, answer
        raw, answer = c.raw(b"[1,2]")
        assert [part["error"]["code"] for part in answer] == [INVALID, INVALID], answer
        with c.lock:
            before = c.count
        c.send(b'[{"jsonrpc":"2.0","method":"notifications/initialized"}]\n')
        alive(c, "a batch of notifications")
        assert c.count == before + 1


def mixed(c, i, source):
    """One of many kinds of request; (line, number of answers)."""
    id = b"%d" % i
    kind = source.randrange(16)
    if kind == 0:
        return c.line("tools/call", {"name": "recall", "arguments": {"query": "word%d" % (i % 50)}}, id), 1
    if kind == 1 and i % 40 == 1:
        return c.line("tools/call", {"name": "remember", "arguments": {"text": "note %d of word%d" % (i, i % 50)}}, id), 1
    if kind == 2:
        return c.line("resources/list", None, id), 1
    if kind == 3:
        return c.line("resources/read", {"uri": source.choice(["paired://status", "memory://none", "x:y"])}, id), 1
    if kind == 4:
        return b'{"jsonrpc":"2.0","id":%s,"method":"no/such"}' % id, 1
    if kind == 5:
        return b'{"broken":' + id, 1
    if kind == 6:
        return b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":-1}}', 0
    if kind == 7:
        return c.line("tools/call", {"name": "no_such_tool"}, id), 1
    if kind == 8:
        return c.line("tools/call", {"name": "recall", "arguments": {"query": 7}}, id), 1
    if kind == 9:
        return c.line("prompts/list", None, id), 1
    if kind == 10:
        return b"\xff\xfe" + id, 1
    return c.line("ping" if c.era == "legacy" else "prompts/get", {"name": "x"} if c.era == "modern" else None, id), 1


def test_stdout_purity_nothing_but_protocol_with_logging_at_its_most():
    total = int(FLAGS.get("--requests", "50000")) // (5 if SLOW > 3 else 1)
    with World() as world:
        folder = os.path.join(world.profile, "config")
        os.makedirs(folder, 0o700)
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump({"log": {"level": "debug"}}, file)
        engines = set()
        for era in ("legacy", "modern"):
            c = wire(world, era).open()
            engines.add(world.engine_pid())
            if era == "legacy":
                assert "result" in c.ask("logging/setLevel", {"level": "debug"})
            c.keep, source, expected = False, random.Random(11), 0
            begin = time.monotonic()
            with c.lock:
                base = c.count
            for first in range(0, total // 2, 50):
                some = [mixed(c, i, source) for i in range(first, first + 50)]
                c.send(b"".join(line + b"\n" for line, _ in some))
                expected += sum(answers for _, answers in some)
                c.until(lambda c, least=expected - 500: c.count - base >= least, 30 * SLOW, "answers")
            c.until(lambda c: c.count - base >= expected, 60 * SLOW, "the last answers")
            took = time.monotonic() - begin
            assert not c.noise, "not protocol on stdout: %r" % c.noise[:3]
            c.keep = True
            alive(c, "purity")
            assert c.count - base == expected + 1, (c.count - base, expected)
            assert c.end() == 0 and not c.noise
            engines.add(world.engine_pid())
            assert len(engines) == 1, "an engine died"
            report("%s: %d mixed requests, %d answers, 0 bytes that are not protocol, %.1f s, engine %.1f MB"
                   % (era, total // 2, expected, took, rss_kb(world.engine_pid()) / 1024))
        assert world.log().count(" debug ") > 1000, "logging was not at its most"


if __name__ == "__main__":
    main(globals())
