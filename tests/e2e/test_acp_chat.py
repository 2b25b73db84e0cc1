#!/usr/bin/env python3
"""What the agents do in an editor's chat beyond answering: permission, the editor's texts, repairs, conversations that
are kept.

    test_acp_chat.py PAIRED LATER"""
import os
import signal
import time

from acp_lib import Acp, AcpError, Shop, of_kind, said
from process_lib import SLOW, main

ALLOW, ALWAYS, REJECT, NEVER = ({"outcome": {"outcome": "selected", "optionId": o}}
                                for o in ("allow-once", "allow-always", "reject-once", "reject-always"))


# --- permission

def muted(s):
    return "todo" in s.client.prompt(s.chat, "/mute")[1]


def test_nothing_is_kept_without_permission():
    answers = []
    with Shop(handlers={"session/request_permission": lambda p: answers.pop(0)}) as s:
        assert not muted(s) and not s.client.asked  # listing asks nothing
        for answer, outcome in ((REJECT, "not allowed"), ({"outcome": {"outcome": "selected", "optionId": "x"}}, "none of"),
                                ({"outcome": {"outcome": "odd"}}, "none of"), ({}, "none of")):
            answers.append(answer)
            reason, text, updates = s.client.prompt(s.chat, "/mute rule=todo-comment")
            assert reason == "end_turn" and outcome in text and "nothing was written" in text, text
            assert [u["status"] for u in of_kind(updates, "tool_call")] == ["pending"]
            assert of_kind(updates, "tool_call_update")[-1]["status"] == "failed" and not muted(s)
        asked = s.client.asked[0]["params"]
        assert [o["kind"] for o in asked["options"]] == ["allow_once", "allow_always", "reject_once", "reject_always"]
        assert asked["toolCall"]["rawInput"] == {"rule": "todo-comment"} and asked["toolCall"]["status"] == "pending"
        answers.append(AcpError({"code": -32601}))
        assert "could not ask" in s.client.prompt(s.chat, "/mute rule=todo-comment")[1] and not muted(s)
        answers.append({"outcome": {"outcome": "cancelled"}})
        assert s.client.prompt(s.chat, "/mute rule=todo-comment")[0] == "cancelled" and not muted(s)
        answers.append(ALLOW)
        _, _, updates = s.client.prompt(s.chat, "/mute rule=todo-comment")
        assert [u["status"] for u in of_kind(updates, "tool_call_update")] == ["in_progress", "completed"]
        assert muted(s) and not answers


def test_a_decision_for_the_session_is_for_it_alone():
    answers = []
    with Shop(handlers={"session/request_permission": lambda p: answers.pop(0)}) as s:
        answers.append(ALWAYS)
        s.client.prompt(s.chat, "/mute rule=todo-comment")
        os.kill(s.world.engine_pid(), signal.SIGKILL)  # the next engine knows of it
        assert "not allowed" not in s.client.prompt(s.chat, "/mute rule=todo-comment --remove")[1] and not muted(s)
        answers.append(NEVER)  # of another capability
        assert "not allowed" in s.client.prompt(s.chat, "/baseline")[1]
        assert "not allowed in this session" in s.client.prompt(s.chat, "/baseline")[1]
        other = s.client.chat(s.root)
        answers.append(REJECT)
        assert "not allowed," in s.client.prompt(other, "/mute rule=todo-comment")[1]
        assert not answers and len(s.client.asked) == 3


def test_a_question_does_not_outlive_its_turn_or_its_engine():
    with Shop(handlers={"session/request_permission": lambda p: Ellipsis}) as s:
        number = s.client.post(s.chat, "/baseline")
        first = s.client.until(lambda: s.client.asked[:1])[0]
        s.client.notify("session/cancel", {"sessionId": s.chat})
        assert s.client.result(number)["stopReason"] == "cancelled"
        s.client.until(lambda: s.client.notifications)
        assert s.client.notifications == [{"jsonrpc": "2.0", "method": "$/cancel_request",
                                           "params": {"requestId": first["id"]}}]
        s.client.send({"jsonrpc": "2.0", "id": first["id"], "result": ALLOW})  # too late
        number = s.client.post(s.chat, "/baseline")
        second = s.client.until(lambda: s.client.asked[1:2])[0]
        os.kill(s.world.engine_pid(), signal.SIGKILL)
        third = s.client.until(lambda: s.client.asked[2:3])[0]
        assert s.client.notifications[1]["params"] == {"requestId": second["id"]} and third["id"] != second["id"], s.client.notifications
        s.client.send({"jsonrpc": "2.0", "id": second["id"], "result": ALLOW})  # of an engine that is gone
        s.client.send({"jsonrpc": "2.0", "id": third["id"], "result": REJECT})
        assert s.client.result(number)["stopReason"] == "end_turn"
        assert "4 findings" in s.client.prompt(s.chat, "/review")[1]
        # A client that says no more can answer nothing.
        number = s.client.post(s.chat, "/baseline")
        s.client.until(lambda: s.client.asked[3:4])
        begin = time.monotonic()
        assert s.client.end(30) == 0 and time.monotonic() - begin < 0.4 * SLOW
        assert s.client.result(number)["stopReason"] == "cancelled"


# --- texts of the editor, repairs

def disk(s, path):
    with open(os.path.join(s.root, path)) as f:
        return f.read()


class Editor:
    """Holds texts that are open, by path below the root, and takes what is written."""

    def __init__(self, texts=None):
        self.texts, self.written, self.shop = dict(texts or {}), [], None

    def below(self, params):
        return os.path.relpath(params["path"], self.shop.root)

    def read(self, params):
        text = self.texts.get(self.below(params))
        return AcpError({"code": -32002}) if text is None else {"content": text}

    def write(self, params):
        self.written.append(params)
        self.texts[self.below(params)] = params["content"]
        return {}

    @property
    def handlers(self):
        return {"fs/read_text_file": self.read, "fs/write_text_file": self.write}


def test_unsaved_text_is_what_counts():
    editor = Editor({"src/till.c": "int only_in_the_editor(int a) {\n    return a ? 1 : 2;\n}\n"})
    with Shop(fs=("readTextFile",), handlers=editor.handlers) as s:
        editor.shop = s
        for line in ("/metrics src/till.c", "how complex are the functions in src/till.c?"):
            text = s.client.prompt(s.chat, line)[1]
            assert "only_in_the_editor" in text and "rebate" not in text, text
        assert {"sessionId": s.chat, "path": os.path.join(s.root, "src/till.c")} == s.client.asked[0]["params"]
        # Afterwards, and for others, the file is what it is on disk.
        other = s.client.chat(s.root)
        assert "only_in_the_editor" not in s.client.prompt(other, "/metrics")[1]
        editor.texts.clear()  # not open any more: an error
        assert "rebate" in s.client.prompt(s.chat, "/metrics src/till.c")[1]
        asked = len(s.client.asked)
        s.client.prompt(s.chat, "/metrics ../../etc/passwd")
        s.client.prompt(s.chat, "/metrics src")
        assert len(s.client.asked) == asked, "only files of the workspace are asked for"


def test_a_repair_is_a_diff_and_is_written_through_the_editor_only():
    editor, answers = Editor(), []
    handlers = {**editor.handlers, "session/request_permission": lambda p: answers.pop(0)}
    with Shop(fs=("readTextFile", "writeTextFile"), handlers=handlers) as s:
        editor.shop = s
        name = "tools/report.py"
        before = disk(s, name)
        editor.texts[name] = "# unsaved\n" + before
        answers.append(REJECT)
        _, text, updates = s.client.prompt(s.chat, "/fix " + name)
        diff, = [c for u in of_kind(updates, "tool_call_update") for c in u.get("content", ()) if c["type"] == "diff"]
        assert diff["path"] == os.path.join(s.root, name) and diff["oldText"] == editor.texts[name]
        assert diff["newText"] == diff["oldText"].replace(
            "seen=[]):\n", "seen=None):\n    if seen is None:\n        seen = []\n"), diff
        assert "not allowed" in text and not editor.written
        answers.append(ALLOW)
        _, text, updates = s.client.prompt(s.chat, "/fix " + name)
        assert editor.written == [{"sessionId": s.chat, "path": diff["path"], "content": diff["newText"]}]
        assert "1 certain repair, written through the editor" in text and "mutable-default" in text, text
        assert of_kind(updates, "tool_call")[0]["kind"] == "edit"
        assert "no finding there" in s.client.prompt(s.chat, "/fix " + name)[1]
        editor.texts[name] = before

        def decide(params):  # the user types on while being asked
            editor.texts[name] = "# typed meanwhile\n" + before
            return ALLOW
        s.client.handlers["session/request_permission"] = decide
        assert "has changed meanwhile" in s.client.prompt(s.chat, "/fix " + name)[1] and len(editor.written) == 1
        # The editor refuses.
        s.client.handlers["session/request_permission"] = lambda p: ALLOW
        s.client.handlers["fs/write_text_file"] = lambda p: AcpError({"code": -32603})
        editor.texts[name] = before
        assert "refused" in s.client.prompt(s.chat, "/fix " + name)[1]
        assert disk(s, name) == before, "we wrote it ourselves"


def test_without_an_editor_to_write_a_repair_stays_a_proposal():
    with Shop() as s:
        before = disk(s, "tools/report.py")
        _, text, updates = s.client.prompt(s.chat, "/fix tools/report.py")
        assert "nothing was written" in text and not s.client.asked and disk(s, "tools/report.py") == before, text
        assert any(c["type"] == "diff" for u in of_kind(updates, "tool_call_update") for c in u.get("content", ()))
        assert "not a file" in s.client.prompt(s.chat, "/fix nothing.py")[1]
        assert "not a file" in s.client.prompt(s.chat, "/fix ../../../etc/passwd")[1]
        assert "required" in s.client.prompt(s.chat, "/fix")[1]


# --- conversations of earlier

def test_a_conversation_is_kept():
    with Shop() as s:
        assert s.client.ask("session/list") == {"sessions": []}  # nothing was said yet
        s.client.prompt(s.chat, "where are the hotspots?\nthank you")
        s.client.ask("session/set_config_option", {"sessionId": s.chat, "configId": "agent", "value": "marie"})
        _, text, updates = s.client.prompt(s.chat, "/owners")
        usage, = of_kind(updates, "usage_update")
        info, = of_kind(updates, "session_info_update")
        assert 0 < usage["used"] < usage["size"] and info["title"] == "where are the hotspots?", updates
        one, = s.client.ask("session/list", {"cwd": s.root})["sessions"]
        assert one["updatedAt"] <= info["updatedAt"] and one["sessionId"] == s.chat, one
        assert one["cwd"] == s.root and one["title"] == info["title"]
        assert s.client.ask("session/list", {"cwd": "/no/such"}) == {"sessions": []}
        # Another client, another engine.
        assert s.client.end() == 0
        os.kill(s.world.engine_pid(), signal.SIGKILL)
        c = Acp(s.world, cwd=s.world.dir)
        c.start(s.root)
        seen = len(c.updates)
        loaded = c.ask("session/load", {"sessionId": s.chat, "cwd": s.root, "mcpServers": []})
        assert loaded["configOptions"][0]["currentValue"] == "marie" and "sessionId" not in loaded
        told = [u for chat, u in c.updates[seen:] if chat == s.chat]
        kinds = [u["sessionUpdate"] for u in told if "chunk" in u["sessionUpdate"] or u["sessionUpdate"] == "tool_call"]
        assert kinds == ["user_message_chunk", "tool_call", "tool_call", "agent_message_chunk",
                         "user_message_chunk", "tool_call", "agent_message_chunk"], kinds
        assert told[0]["content"]["text"] == "where are the hotspots?\nthank you" and said(told).endswith(text)
        assert c.prompt(s.chat, "/hotspots")[0] == "end_turn"
        d = Acp(s.world, cwd=s.world.dir)
        d.start(s.root)
        seen = len(d.updates)
        assert "configOptions" in d.ask("session/resume", {"sessionId": s.chat, "cwd": s.root})
        assert not [u for chat, u in d.updates[seen:] if "chunk" in u["sessionUpdate"]]
        assert d.ask("session/resume", {"sessionId": s.chat, "cwd": s.root})  # open already
        assert d.prompt(s.chat, "/hotspots")[0] == "end_turn"


def test_what_is_not_kept_cannot_be_loaded():
    with Shop() as s:
        s.client.prompt(s.chat, "/hotspots")
        base = {"cwd": s.root, "mcpServers": []}
        for method in ("session/load", "session/resume"):
            for chat in ("chat-0123456789ab", "", "x" * 5000, "../x", "chat-\u00e4"):
                assert s.client.error(method, {"sessionId": chat, **base}) == -32002, chat
            assert s.client.error(method, {"sessionId": 5, **base}) == -32602
            assert s.client.error(method, {"sessionId": "chat-1", "cwd": "src"}) == -32602
        assert s.client.error("session/load", {"sessionId": s.chat, "cwd": "/tmp", "mcpServers": []}) == -32002
        for wrong in ({"cwd": "src"}, {"cwd": 5}, {"cursor": 5}, {"cursor": ""}, {"cursor": "1-"}, {"cursor": "x"}):
            assert s.client.error("session/list", wrong) == -32602, wrong
        assert s.client.ask("session/delete", {"sessionId": s.chat}) == {}
        assert s.client.ask("session/delete", {"sessionId": s.chat}) == {}
        assert s.client.ask("session/delete", {"sessionId": "never"}) == {}
        assert s.client.error("session/load", {"sessionId": s.chat, **base}) == -32002
        assert s.client.error("session/prompt", {"sessionId": s.chat, "prompt": []}) == -32002
        assert s.client.ask("session/list") == {"sessions": []}


def test_lists_have_pages():
    with Shop() as s:
        chats = {s.chat}
        for _ in range(54):
            chats.add(s.client.chat(s.root))
        for number in [s.client.post(chat, "/more") for chat in chats]:
            s.client.result(number)
        first = s.client.ask("session/list", {"cwd": s.root})
        second = s.client.ask("session/list", {"cwd": s.root, "cursor": first["nextCursor"]})
        ids = [one["sessionId"] for one in first["sessions"] + second["sessions"]]
        assert len(first["sessions"]) == 50 and "nextCursor" not in second and sorted(ids) == sorted(chats)
        times = [one["updatedAt"] for one in first["sessions"] + second["sessions"]]
        assert times == sorted(times, reverse=True)


def test_a_cancelled_turn_is_kept_as_far_as_it_came():
    with Shop(handlers={"session/request_permission": lambda p: Ellipsis}) as s:
        number = s.client.post(s.chat, "/baseline")
        s.client.until(lambda: s.client.asked)
        s.client.notify("session/cancel", {"sessionId": s.chat})
        assert s.client.result(number)["stopReason"] == "cancelled"
        s.client.prompt(s.chat, "/hotspots")
        one, = s.client.ask("session/list")["sessions"]
        assert one["title"] == "/baseline", one
        start = len(s.client.updates)
        s.client.ask("session/load", {"sessionId": s.chat, "cwd": s.root, "mcpServers": []})
        told = [u for _, u in s.client.updates[start:]]
        assert [u["content"]["text"] for u in of_kind(told, "user_message_chunk")] == ["/baseline", "/hotspots"], told


# --- what else a chat has

def test_foreign_servers_are_not_started():
    with Shop(session={"notices": {}}) as s:
        mark = os.path.join(s.world.dir, "started")
        servers = [{"name": "x", "command": "/bin/touch", "args": [mark], "env": []}]
        chat = s.client.ask("session/new", {"cwd": s.root, "mcpServers": servers})["sessionId"]
        s.client.prompt(chat, "/hotspots")
        notice, = of_kind([u for c, u in s.client.updates if c == chat], "notice")
        assert "not started" in notice["title"] and notice["severity"] == "info"
        assert not os.path.exists(mark)
    with Shop() as s:  # a client that shows no notices is told in the chat, once
        chat = s.client.ask("session/new", {"cwd": s.root, "mcpServers": servers})["sessionId"]
        assert "not started" in s.client.prompt(chat, "/hotspots")[1]
        assert "not started" not in s.client.prompt(chat, "/hotspots")[1]


def test_more_gives_the_next_page():
    with Shop() as s:
        assert "nothing more" in s.client.prompt(s.chat, "/more")[1]
        first = s.client.prompt(s.chat, "/metrics budget=120")[1]
        os.kill(s.world.engine_pid(), signal.SIGKILL)  # known to the next engine
        second = s.client.prompt(s.chat, "/more")[1]
        assert "total_of" in first and "total_of" not in second and "- [" in second, second


def test_it_is_what_was_spoken_of():
    with Shop() as s:
        s.client.prompt(s.chat, "/metrics tools/report.py")
        _, text, updates = s.client.prompt(s.chat, "who owns it?")
        assert "tools" in of_kind(updates, "tool_call")[0]["title"], updates
        _, _, updates = s.client.prompt(s.chat, "who owns src/main.c?")
        assert "src/main.c" in of_kind(updates, "tool_call")[0]["title"]


def test_wait_is_for_the_next_change():
    with Shop() as s:
        number = s.client.post(s.chat, "/wait")
        s.client.until(lambda: of_kind([u for _, u in s.client.updates], "tool_call"))
        s.client.notify("session/cancel", {"sessionId": s.chat})
        assert s.client.result(number)["stopReason"] == "cancelled"
        number = s.client.post(s.chat, "/wait")
        s.client.until(lambda: len(of_kind([u for _, u in s.client.updates], "tool_call")) == 2)
        for n in range(10):  # the first time perhaps before it has looked at all
            s.repo.write("src/late.c", "int late(int a) {\n    return a == a;\n}\n" + "\n" * n)
            if s.client.answered(number, 5):
                break
        assert s.client.result(number)["stopReason"] == "end_turn"
        text = said([u for _, u in s.client.updates])
        assert "src/late.c:2" in text and "self-comparison" in text, text


def test_the_memory_is_at_hand():
    with Shop(handlers={"session/request_permission": lambda p: ALLOW}) as s:
        assert "Releases" not in s.client.prompt(s.chat, "/recall release day")[1] and not s.client.asked
        s.client.prompt(s.chat, "/remember Releases are cut on Thursdays")
        assert "Thursdays" in s.client.prompt(s.chat, "/recall release day")[1]
        s.client.prompt(s.chat, "/handoff run the fuzz seeds")
        assert len(s.client.asked) == 2
        done = s.world.run("call", "resume", "--workspace", s.root)
        assert b"run the fuzz seeds" in done.stdout, done


if __name__ == "__main__":
    main(globals())
