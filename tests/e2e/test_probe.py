"""What the official suite does not judge: error rows of both eras, ids byte for byte, cancellation, versions at any time, the
members every modern result carries, caching hints, deterministic lists. Each row is counted; `--verbose` prints them all."""
import json
import time

from mcp_wire import META, wire, worlds
from process_lib import FLAGS, SLOW, World, main, percentile, report

PARSE, INVALID, NO_METHOD, BAD_PARAMS, VERSION = -32700, -32600, -32601, -32602, -32022
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
LEGACY = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]


class Rows:
    """Collects what failed, so that one run shows everything."""

    def __init__(self):
        self.passed, self.failed = 0, []

    def check(self, ok, what, seen=None):
        self.passed += bool(ok)
        if not ok:
            self.failed.append("%s%s" % (what, "" if seen is None else ": " + json.dumps(seen)[:400]))
        elif "--verbose" in FLAGS:
            report("ok " + what)

    def code(self, answer, code, what):
        self.check(isinstance(answer, dict) and answer.get("error", {}).get("code") == code, "%s → %d" % (what, code), answer)

    def end(self, name):
        report("%s: %d rows, %d failed" % (name, self.passed + len(self.failed), len(self.failed)))
        assert not self.failed, "\n" + "\n".join(self.failed)


def test_error_rows_of_both_eras():
    rows = Rows()
    for _, c, name in worlds():
        def row(what, line, code, id=None):
            raw, answer = c.raw(line)
            rows.code(answer, code, name + ": " + what)
            if id:
                rows.check(raw == id, "%s: %s: the id comes back" % (name, what), answer)
        row("broken JSON", b'{"jsonrpc":"2.0",', PARSE, b"null")
        row("no method", b'{"jsonrpc":"2.0","id":1}', INVALID, b"1")
        row("wrong version member", b'{"jsonrpc":"3","id":1,"method":"tools/list"}', INVALID, b"1")
        for method in ("no/such", "tools", "tools/list/", "Tools/list", "notifications/initialized", "rpc.discover"):
            row("unknown method " + method, c.line(method), NO_METHOD, b"1")
        gone = ("server/discover", "subscriptions/listen", "tasks/get", "tasks/cancel") if c.era == "legacy" else \
            ("initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list", "tasks/result")
        for method in gone:
            answer = c.ask(method, {"uri": "x", "level": "info"})
            accepted = (NO_METHOD, BAD_PARAMS) if c.era == "legacy" else (NO_METHOD,)
            rows.check(answer.get("error", {}).get("code") in accepted, "%s: %s belongs to the other era" % (name, method), answer)
        row("unknown tool", c.line("tools/call", {"name": "no_such_tool", "arguments": {}}), BAD_PARAMS)
        row("tool without a name", c.line("tools/call", {"arguments": {}}), BAD_PARAMS)
        row("tool with a number for a name", c.line("tools/call", {"name": 7}), BAD_PARAMS)
        row("arguments that are no object", c.line("tools/call", {"name": "recall", "arguments": [1]}), BAD_PARAMS)
        row("unknown prompt", c.line("prompts/get", {"name": "no_such"}), BAD_PARAMS)
        row("prompt without its argument", c.line("prompts/get", {"name": "remember"}), BAD_PARAMS)
        row("prompt argument of a wrong type", c.line("prompts/get", {"name": "recall", "arguments": {"topic": 7}}), BAD_PARAMS)
        missing = BAD_PARAMS if c.era == "modern" else -32002
        for uri in ("memory://note/none", "no://such", "memory://", "", "x" * 3000, "skill://none/SKILL.md"):
            answer = c.ask("resources/read", {"uri": uri})
            rows.check(answer.get("error", {}).get("code") in (missing, BAD_PARAMS), "%s: resource %.20r is missing" % (name, uri), answer)
        row("read without uri", c.line("resources/read", {}), BAD_PARAMS)
        row("completion without ref", c.line("completion/complete", {"argument": {"name": "a", "value": "b"}}), BAD_PARAMS)
        row("completion of an unknown prompt", c.line("completion/complete", {"ref": {"type": "ref/prompt", "name": "none"},
                                                                              "argument": {"name": "a", "value": "b"}}), BAD_PARAMS)
        for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "skills/list"):
            for cursor in ("x", "", "AAAA", "9" * 500, "\u00e9\u0000"):
                row("%s with cursor %.5r" % (method, cursor), c.line(method, {"cursor": cursor}), BAD_PARAMS)
            row(method + " with a number for a cursor", c.line(method, {"cursor": 3}), BAD_PARAMS)
        rows.check(not c.noise, name + ": only protocol on stdout", [str(n) for n in c.noise[:2]])
    rows.end("errors")


def test_ids_come_back_byte_for_byte():
    rows = Rows()
    ids = [b"0", b"1", b"-1", b"-0", b"1.0", b"1e3", b"1E+2", b"9007199254740993", b"123456789012345678901234567890", b'""', b'"1"',
           b'"a\\u0062"', b'"\\/"', b'"\\ud83d\\ude00"', "\"\u00e9\u20ac\"".encode(), b'"\\u0000"', b'"' + b"i" * 1022 + b'"', b'"\\ud800"']
    for _, c, name in worlds():
        for id in ids:
            for method in ("tools/list", "no/such", "resources/list"):
                raw, answer = c.raw(c.line(method, id=id))
                rows.check(raw == id, "%s: id %.30r of %s" % (name, id, method), answer)
    rows.end("ids")


def test_ping_and_logging_in_the_legacy_era():
    rows = Rows()
    with World() as world:
        c = wire(world)
        rows.check(c.ask("ping").get("result") == {}, "ping before initialize")
        for method in ("tools/list", "resources/list", "tools/call", "logging/setLevel"):
            rows.check("error" in c.ask(method, {"name": "recall"}), method + " before initialize is refused")
        c.open()
        rows.check(c.ask("ping").get("result") == {}, "ping")
        for level in ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"):
            rows.check(c.ask("logging/setLevel", {"level": level}).get("result") == {}, "level " + level)
        for level in ("none", "", 3, None, "INFO"):
            rows.code(c.ask("logging/setLevel", {"level": level}), BAD_PARAMS, "level %r" % (level,))
    for version in LEGACY:
        with World() as world:
            c = wire(world).open(version)
            rows.check("result" in c.ask("tools/list"), "tools in " + version)
    for asked in ("2099-01-01", "", "x", "2024-10-07", "2026-07-28"):
        with World() as world:
            answer = wire(world).ask("initialize", {"protocolVersion": asked, "capabilities": {},
                                                    "clientInfo": {"name": "p", "version": "1"}})
            rows.check(answer.get("result", {}).get("protocolVersion") == "2025-11-25", "asked for %r, offered the newest" % asked, answer)
    with World() as world:
        c = wire(world)
        for params in ({}, {"protocolVersion": 3}, {"protocolVersion": "2025-11-25", "capabilities": []}):
            rows.code(c.ask("initialize", params), BAD_PARAMS, "initialize with %s" % params)
        c.open()
    rows.end("legacy")


def modern(version="2026-07-28", **meta):
    return {"_meta": {**META, VERSION_KEY: version, **meta}}


def send(c, method, params, id=b"1"):
    return c.raw(b'{"jsonrpc":"2.0","id":%s,"method":"%s","params":%s}' % (id, method.encode(), json.dumps(params).encode()))[1]


def test_versions_and_meta_of_each_modern_request():
    rows = Rows()
    with World() as world:
        c = wire(world, "modern")
        for at in ("first", "again, after a good request"):
            for method in ("server/discover", "tools/list", "tools/call", "resources/read"):
                for version in ("2099-01-01", "2025-11-25", "", "x"):
                    answer = send(c, method, modern(version))
                    rows.code(answer, VERSION, "%s with version %r, %s" % (method, version, at))
                    data = answer.get("error", {}).get("data", {})
                    rows.check(data.get("supported") == ["2026-07-28"] and data.get("requested") == version,
                               "%s with version %r: what is supported and what was asked" % (method, version), answer)
            rows.check("result" in send(c, "server/discover", modern()), "discover, " + at)
        for what, meta in (("version without capabilities", {VERSION_KEY: "2026-07-28"}),
                           ("version a number", {**META, VERSION_KEY: 3}), ("capabilities a list", {**META, CAPABILITIES_KEY: []}),
                           ("log level unknown", {**META, "io.modelcontextprotocol/logLevel": "loud"}),
                           ("progress token an object", {**META, "progressToken": {}})):
            rows.code(send(c, "tools/list", {"_meta": meta}), BAD_PARAMS, what)
        for meta in ([], "x", 3):
            rows.code(send(c, "tools/list", {"_meta": meta}), BAD_PARAMS, "_meta %r" % (meta,))
        rows.check("error" in send(c, "tools/list", {}), "a request without _meta before initialize is refused")
        extra = {"vendor/x": {"deep": [1, {"a": None}]}, "claudecode/toolUseId": "t1", "progressToken": 3}
        rows.check("result" in send(c, "tools/list", modern(**extra)), "unknown members of _meta are ignored")
        # One process serves both eras at once.
        legacy = send(c, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "p", "version": "1"}})
        rows.check("result" in legacy, "initialize after modern requests", legacy)
        rows.check("resultType" not in send(c, "tools/list", {})["result"], "a legacy request gets a legacy result")
        rows.check(send(c, "tools/list", modern())["result"].get("resultType") == "complete", "and a modern one a modern result")
    rows.end("versions")


def test_members_of_modern_results():
    rows = Rows()
    with World() as world:
        c = wire(world, "modern").open()
        note = c.ask("tools/call", {"name": "remember", "arguments": {"text": "The probe was here", "tags": ["probe"]}})
        uid = note["result"]["structuredContent"]["uid"]
        asked = [("server/discover", {}), ("tools/list", {}), ("resources/list", {}), ("resources/templates/list", {}),
                 ("prompts/list", {}), ("skills/list", {}), ("resources/read", {"uri": "memory://recent"}),
                 ("resources/read", {"uri": "memory://note/" + uid}), ("resources/read", {"uri": "paired://status"}),
                 ("prompts/get", {"name": "recall", "arguments": {"topic": "probe"}}),
                 ("tools/call", {"name": "recall", "arguments": {"query": "probe"}}), ("tools/call", {"name": "recall", "arguments": {"query": 3}}),
                 ("completion/complete", {"ref": {"type": "ref/prompt", "name": "recall"}, "argument": {"name": "topic", "value": "p"}})]
        for method, params in asked:
            what = method + " " + json.dumps(params)
            answer = c.ask(method, params)
            result = answer.get("result", {})
            rows.check(result.get("resultType") == "complete", what + ": resultType", answer)
            info = result.get("_meta", {}).get("io.modelcontextprotocol/serverInfo", {})
            rows.check(info.get("name") == "paired" and info.get("version"), what + ": serverInfo", answer)
            if method.endswith(("/list", "/discover", "resources/read")):
                ttl = result.get("ttlMs")
                rows.check(isinstance(ttl, int) and ttl >= 0, what + ": ttlMs", answer)
                rows.check(result.get("cacheScope") in ("public", "private"), what + ": cacheScope", answer)
        secret = c.ask("resources/read", {"uri": "memory://note/" + uid})["result"]
        rows.check(secret.get("cacheScope") == "private", "a note is private", secret)
    rows.end("modern results")


def test_lists_are_small_and_the_same_each_time():
    rows = Rows()
    seen = {}
    for _, c, name in worlds():
        for _ in range(3):
            for method in ("tools/list", "prompts/list", "resources/templates/list", "skills/list"):
                c.raw(c.line(method))
                text = c.lines[-1][1]
                rows.check(seen.setdefault((c.era, method), text) == text, "%s: %s is byte-identical" % (name, method))
        c.ask("tools/call", {"name": "remember", "arguments": {"text": "changes no list of tools"}})
        c.raw(c.line("tools/list"))
        rows.check(c.lines[-1][1] == seen[c.era, "tools/list"], name + ": and after a write")
    for era in ("legacy", "modern"):
        text = seen[era, "tools/list"]
        tools = json.loads(text)["result"]["tools"]
        report("%s: %d tools, %d bytes" % (era, len(tools), len(text)))
        rows.check(len(tools) <= 12, era + ": at most 12 tools", len(tools))
        rows.check(len(text) <= 13 * 1024, era + ": at most 13 kB", len(text))
        for tool in tools:
            rows.check(tool["inputSchema"]["type"] == "object", tool["name"] + ": input schema")
            rows.check(tool.get("outputSchema", {}).get("type", "object") == "object", tool["name"] + ": output schema")
            rows.check("readOnlyHint" in tool.get("annotations", {}), tool["name"] + ": annotated", tool.get("annotations"))
            rows.check(len("mcp__paired__" + tool["name"]) <= 60, tool["name"] + ": short with its prefix")
            rows.check(len(tool["description"]) <= 4096, tool["name"] + ": description")
    rows.end("lists")


def test_missing_arguments_mean_none():
    rows = Rows()
    for _, c, name in worlds():
        for tool in json.loads(json.dumps(c.ask("tools/list")["result"]["tools"])):
            if tool["inputSchema"].get("required") or tool.get("annotations", {}).get("destructiveHint"):
                continue
            without = c.ask("tools/call", {"name": tool["name"]})
            empty = c.ask("tools/call", {"name": tool["name"], "arguments": {}})
            rows.check("result" in without and "result" in empty, "%s: %s without arguments" % (name, tool["name"]), without)
        answer = c.ask("tools/call", {"name": "recall"})
        rows.check("result" in answer, name + ": a missing argument is an error the model can read", answer)
        answer = c.ask("tools/call", {"name": "remember", "arguments": {}})
        rows.check(answer.get("result", {}).get("isError") is True and "text" in answer["result"]["content"][0]["text"],
                   name + ": and names the argument", answer)
    rows.end("arguments")


def free_again(c, id, limit):
    """Seconds until a new request may use the id: the cancelled one is really gone."""
    begin = time.monotonic()
    while time.monotonic() - begin < limit:
        answer = c.ask("prompts/list", id=id)
        if "result" in answer:
            return time.monotonic() - begin
    return limit


def test_a_cancelled_request_is_gone_within_50_ms_and_unanswered():
    rows = Rows()
    for argv in (("mcp", "--fixtures"), ("mcp", "--fixtures", "--standalone")):
        for era in ("legacy", "modern"):
            name, took = " ".join(argv) + " " + era, []
            with World() as world:
                c = wire(world, era, *argv).open()
                for id, cancel in ((b"7", b"7"), (b'"s"', b'"\\u0073"'), (b"8.0", b"8")) * 3:
                    # The tool takes 100 ms or more; it has begun when its first progress or log message comes.
                    c.send(c.line("tools/call", {"name": "test_tool_with_progress", "_meta": {"progressToken": 1}}, id) + b"\n")
                    c.next(where=lambda raw, m: m.get("method") == "notifications/progress")
                    c.send(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s,"reason":"no"}}\n' % cancel)
                    took.append(free_again(c, id, 2))
                    with c.lock:
                        answers = [line for raw, line, _ in c.lines if raw == id and b"prompts" not in line and b"error" not in line]
                    rows.check(not answers, "%s: %s is not answered" % (name, id), [str(a) for a in answers])
                    with c.lock:
                        c.lines.clear()
                        c.taken = 0
                # The machine may be busy with other tests: the figure is the median's, the worst has a wider bound.
                rows.check(percentile(took, 0.5) < 0.05 and max(took) < 0.05 * SLOW, "%s: gone within 50 ms" % name, took)
                report("%s: cancelled requests gone within %.1f ms" % (name, max(took) * 1000))
    rows.end("cancellation")


def test_listening_is_acknowledged_first_and_ends_by_cancellation():
    rows = Rows()
    with World() as world:
        c, other = wire(world, "modern").open(), wire(world).open()
        c.send(c.line("subscriptions/listen", {"notifications": {"resourcesListChanged": True, "toolsListChanged": True}}, b'"L"') + b"\n")
        _, first = c.next(where=lambda raw, m: True)
        rows.check(first.get("method") == "notifications/subscriptions/acknowledged", "acknowledged first", first)
        rows.check(first.get("params", {}).get("_meta", {}).get("io.modelcontextprotocol/subscriptionId") == "L", "with its id", first)
        other.ask("tools/call", {"name": "remember", "arguments": {"text": "something new"}})
        _, told = c.next(10, where=lambda raw, m: m.get("method") == "notifications/resources/list_changed")
        rows.check(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "L", "each notification says which", told)
        c.send(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"L"}}\n')
        rows.check(free_again(c, b'"L"', 2) < 0.05 * SLOW, "ended within 50 ms")
        with c.lock:
            before = len(c.lines)
        other.ask("tools/call", {"name": "remember", "arguments": {"text": "something newer"}})
        c.ask("tools/list")
        rows.check(not [1 for raw, line, _ in c.lines[before:] if b"list_changed" in line], "and silent afterwards")
        for params in ({}, {"notifications": []}, {"notifications": {"resourceSubscriptions": "x"}}, {"notifications": {"toolsListChanged": 1}}):
            rows.code(c.ask("subscriptions/listen", params), BAD_PARAMS, "listen with %s" % params)
    rows.end("subscriptions")


if __name__ == "__main__":
    main(globals())
