#!/usr/bin/env python3
"""The Agent Client Protocol, spoken by hand: the seven agents in an editor's chat. The same with the official library
is in tests/clients.

    test_acp.py PAIRED LATER"""
import json
import os
import signal

from acp_lib import Acp, Shop, of_kind, said
from process_lib import World, main


# --- the connection

def test_initialize_says_what_there_is():
    with Shop() as s:
        w = s.client.welcome
        assert w["protocolVersion"] == 1 and w["agentInfo"]["name"] == "paired", w
        assert w["agentCapabilities"]["promptCapabilities"] == {"image": False, "audio": False, "embeddedContext": True}
        assert [m["id"] for m in w["authMethods"]] == ["local"], w
        assert s.client.ask("authenticate", {"methodId": "local"}) == {}
        assert s.client.error("authenticate", {"methodId": "other"}) == -32602


def test_a_version_that_is_not_known_gets_ours():
    with World() as w:
        for asked in (0, 2, 65535):
            c = Acp(w)
            assert c.ask("initialize", {"protocolVersion": asked})["protocolVersion"] == 1
            assert c.end() == 0


def test_what_comes_before_initialize_or_twice_is_refused():
    with World() as w:
        c = Acp(w)
        assert c.error("session/new", {"cwd": "/", "mcpServers": []}) == -32600
        assert c.error("initialize", {"protocolVersion": "1"}) == -32602
        assert c.error("initialize", {}) == -32602
        assert c.error("initialize", {"protocolVersion": 1, "clientCapabilities": []}) == -32602
        c.ask("initialize", {"protocolVersion": 1})
        assert c.error("initialize", {"protocolVersion": 1}) == -32600
        assert c.error("no/such_method") == -32601
        assert c.error("_extension/of_somebody") == -32601
        c.notify("_extension/of_somebody", {})
        c.notify("_paired/session", {"sessionId": "mine", "cwd": "/"})  # ours, from us only
        assert c.error("session/prompt", {"sessionId": "mine", "prompt": []}) == -32002
        assert c.end() == 0


def test_told_from_mcp_by_its_first_line():
    with World() as w:
        c = Acp(w)
        c.kill()
        line = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}
        done = w.run(input=json.dumps(line).encode() + b"\n")
        assert done.returncode == 0 and json.loads(done.stdout)["result"]["agentInfo"]["name"] == "paired", done


def test_faulty_lines_are_answered_as_json_rpc_says():
    with Shop() as s:
        s.client.send(b"{\n")
        assert s.client.wait(None, 30)["error"]["code"] == -32700
        s.client.send(b"[]\n")
        s.client.until(lambda: len(s.client.answers.get("null", [])) == 2)
        assert s.client.answers["null"][1][0]["error"]["code"] == -32600
        assert s.client.prompt(s.chat, "/map")[0] == "end_turn"


# --- sessions

def test_a_session_needs_a_folder():
    with Shop() as s:
        for cwd in ("src", "", None, 5, "/no/such/folder", os.path.join(s.root, "README.md"), "/tmp\0/x"):
            assert s.client.error("session/new", {"cwd": cwd, "mcpServers": []}) == -32602, cwd
        assert s.client.error("session/new", {"cwd": s.root, "mcpServers": {}}) == -32602
        assert s.client.error("session/new", {"cwd": s.root, "mcpServers": ["x"]}) == -32602
        assert s.client.chat(os.path.join(s.root, "src")) != s.chat


def test_one_option_says_who_answers():
    with Shop() as s:
        option, = s.client.opened["configOptions"]
        names = [v["value"] for v in option["options"]]
        assert (option["id"], option["category"], option["type"]) == ("agent", "mode", "select")
        assert names == ["team", "sherlock", "leonardo", "edison", "marie", "alex", "vince", "maya"]
        assert option["currentValue"] == s.client.opened["modes"]["currentModeId"] == "team"
        assert [m["id"] for m in s.client.opened["modes"]["availableModes"]] == names
        r = s.client.ask("session/set_config_option", {"sessionId": s.chat, "configId": "agent", "value": "maya"})
        assert r["configOptions"][0]["currentValue"] == "maya", r
        s.client.until(lambda: any(u.get("currentModeId") == "maya" for _, u in s.client.updates))
        commands = s.client.until(lambda: [u for _, u in s.client.updates
                                           if u["sessionUpdate"] == "available_commands_update"][1:])
        assert [c["name"] for c in commands[-1]["availableCommands"]][:2] == ["a11y", "strings"]
        assert s.client.ask("session/set_mode", {"sessionId": s.chat, "modeId": "marie"}) == {}
        s.client.until(lambda: any(u["sessionUpdate"] == "config_option_update" and
                                   u["configOptions"][0]["currentValue"] == "marie" for _, u in s.client.updates))
        for wrong in ({"configId": "model", "value": "maya"}, {"configId": "agent", "value": "nobody"},
                      {"configId": "agent", "value": True}, {"value": "maya"}):
            assert s.client.error("session/set_config_option", {"sessionId": s.chat, **wrong}) == -32602, wrong
        assert s.client.error("session/set_mode", {"sessionId": s.chat, "modeId": "nobody"}) == -32602


def test_close_ends_it():
    with Shop() as s:
        assert s.client.ask("session/close", {"sessionId": s.chat}) == {}
        assert s.client.error("session/prompt", {"sessionId": s.chat, "prompt": [{"type": "text", "text": "x"}]}) == -32002
        assert s.client.error("session/close", {"sessionId": s.chat}) == -32002


def test_paths_are_those_of_the_client():
    with Shop() as s:
        link = os.path.join(s.world.dir, "link")
        os.symlink(s.root, link)
        for cwd, shown in ((link, link), (link + "/", link), (os.path.join(link, "src"), link),
                           (os.path.join(s.root, "src"), s.root)):
            chat = s.client.chat(cwd)
            for base in (shown, s.root):
                block = {"type": "resource_link", "name": "x", "uri": "file://%s/src/till.c" % base}
                _, text, updates = s.client.prompt(chat, "/metrics", block)
                assert "rebate" in text and "report.py" not in text, (cwd, base, text)
                assert "(file://%s/src/till.c#L6)" % shown in text, (cwd, text)
                places = of_kind(updates, "tool_call_update")[-1]["locations"]
                assert places[0] == {"path": shown + "/src/till.c", "line": 6}, places
        for uri in ("file:///etc/passwd", "file://%s/src/../../x" % s.root, "file://%s/" % s.root, "http://a/b", "x", ""):
            block = {"type": "resource_link", "name": "x", "uri": uri}
            assert "report.py" in s.client.prompt(s.chat, "/metrics", block)[1], uri


# --- turns

def test_a_command_runs_one_capability():
    with Shop() as s:
        reason, text, updates = s.client.prompt(s.chat, "/review")
        assert reason == "end_turn" and "unreachable-code" in text, text
        begin, = of_kind(updates, "tool_call")
        end = of_kind(updates, "tool_call_update")[-1]
        assert begin["status"] == "in_progress" and begin["title"].startswith("Sherlock: "), begin
        assert end["status"] == "completed" and end["toolCallId"] == begin["toolCallId"]
        assert {"path": os.path.join(s.root, "src/till.c"), "line": 20} in end["locations"], end
        plans = of_kind(updates, "plan")
        assert [e["status"] for e in plans[0]["entries"]] == ["in_progress"]
        assert [e["status"] for e in plans[-1]["entries"]] == ["completed"]


def test_a_command_takes_words_and_names():
    with Shop() as s:
        for line in ("/metrics src/till.c", "/metrics path=src/till.c limit=1", "/metrics --path src/till.c --limit 1",
                     "/metrics --limit=1 'src/till.c'"):
            reason, text, updates = s.client.prompt(s.chat, line)
            assert reason == "end_turn" and "total_of" in text and "report.py:" not in text, (line, text)
            assert "- [src/till.c:6](file://%s/src/till.c#L6) total_of: cognitive 3" % s.root in text, text
        assert "rebate" not in text
        _, text, updates = s.client.prompt(s.chat, "/metrics limit=many")
        assert "limit: expected a number" in text and not of_kind(updates, "tool_call"), text
        _, text, updates = s.client.prompt(s.chat, "/nothing like it")
        assert "no /nothing" in text and not of_kind(updates, "tool_call"), text


def test_a_question_goes_to_whom_it_concerns():
    with Shop() as s:
        reason, text, updates = s.client.prompt(s.chat, "where are the hotspots?")
        assert reason == "end_turn" and "src/till.c" in text, text
        assert "Marie" in of_kind(updates, "plan")[0]["entries"][0]["content"]
        s.client.ask("session/set_config_option", {"sessionId": s.chat, "configId": "agent", "value": "leonardo"})
        _, text, updates = s.client.prompt(s.chat, "what depends on `total_of`?")
        assert "src/main.c" in text and "Leonardo" in of_kind(updates, "tool_call")[0]["title"], text


def test_files_are_pointed_at():
    with Shop() as s:
        link = {"type": "resource_link", "name": "till.c", "uri": "file://%s/src/till.c#L16" % s.root}
        embedded = {"type": "resource", "resource": {"uri": "file://%s/tools/report.py" % s.root,
                                                      "text": "def unsaved(a):\n    return a\n"}}
        for block, here, other in ((link, "rebate", "report.py"), (embedded, "unsaved", "names")):
            _, text, _ = s.client.prompt(s.chat, "how complex are the functions in", block)
            assert here in text and other not in text, text
        for wrong in ({"type": "image", "data": "", "mimeType": "image/png"}, {"type": "text"}, {}, "text", None):
            assert s.client.error("session/prompt", {"sessionId": s.chat, "prompt": [wrong]}) == -32602, wrong
        for wrong in ([], None, {}, [{"type": "text", "text": ""}], [{"type": "text", "text": "x"}] * 100):
            assert s.client.error("session/prompt", {"sessionId": s.chat, "prompt": wrong}) == -32602, wrong


def lines(*messages):
    return b"".join(json.dumps({"jsonrpc": "2.0", **m}).encode() + b"\n" for m in messages)


def prompt(number, chat, text):
    return {"id": number, "method": "session/prompt",
            "params": {"sessionId": chat, "prompt": [{"type": "text", "text": text}]}}


def test_cancelled_is_cancelled():
    with Shop() as s:
        cancel = {"method": "session/cancel", "params": {"sessionId": s.chat}}
        for n in range(1000, 1010):
            s.client.send(lines(prompt(n, s.chat, "how do things stand?"), cancel))
            assert s.client.result(n)["stopReason"] == "cancelled"
        by_id = {"method": "$/cancel_request", "params": {"requestId": "p"}}
        s.client.send(lines(prompt("p", s.chat, "how do things stand?"), by_id))
        assert s.client.result("p")["stopReason"] == "cancelled"
        # Nothing of them comes later, nothing of theirs is in the way.
        with s.client.lock:
            seen = len(s.client.updates)
        s.client.send(lines(cancel, by_id, {"method": "session/cancel", "params": {"sessionId": "other"}},
                            {"method": "session/cancel"}))
        reason, text, updates = s.client.prompt(s.chat, "/hotspots")
        assert reason == "end_turn" and "Hotspots" in text
        assert len(s.client.updates) - seen == len(updates)
        assert len(of_kind(updates, "tool_call")) == 1


def test_one_turn_at_a_time():
    with Shop() as s:
        other = s.client.chat(s.root)
        s.client.send(lines(prompt(2000, s.chat, "/hotspots"), prompt(2001, s.chat, "/hotspots"),
                            prompt(2002, other, "/owners")))
        assert s.client.result(2000)["stopReason"] == s.client.result(2002)["stopReason"] == "end_turn"
        assert s.client.wait(2001)["error"]["code"] == -32600


def test_a_killed_engine_is_not_noticed():
    with Shop() as s:
        s.client.ask("session/set_config_option", {"sessionId": s.chat, "configId": "agent", "value": "marie"})
        for n in range(4):
            pid = s.world.engine_pid()
            if n % 2:  # before the prompt
                os.kill(pid, signal.SIGKILL)
            number = s.client.post(s.chat, "where are the hotspots, and who owns what?")
            if not n % 2:  # while it is being answered
                os.kill(pid, signal.SIGKILL)
            assert s.client.result(number, 60)["stopReason"] == "end_turn"
            assert s.world.engine_pid() != pid
        with s.client.lock:
            text = said([u for c, u in s.client.updates if c == s.chat])
        # Each answer once; twice only if the engine died in the instant between saying it and noting that it had.
        assert text.count("Hotspots: churn") in (4, 5), text
        # Closed is closed, for the next engine as well.
        s.client.ask("session/close", {"sessionId": s.chat})
        os.kill(s.world.engine_pid(), signal.SIGKILL)
        assert s.client.error("session/close", {"sessionId": s.chat}) == -32002


if __name__ == "__main__":
    main(globals())
