"""A small ACP client on pipes, for the tests of `paired acp`: lines, requests, updates, what the agent asks.
Standard library only. See process_lib for World."""
import json
import os

import agents_repo
from process_lib import PAIRED, SLOW, Client, World


class AcpError(Exception):
    def __init__(self, error):
        super().__init__(json.dumps(error))
        self.code = error["code"]


class Acp(Client):
    """One editor. What the agent asks is answered by `handlers[method](params)`; a handler that gives Ellipsis leaves
    it open. An exception of type AcpError becomes an error."""

    def __init__(self, world, *argv, handlers=None, **options):
        self.handlers = dict(handlers or {})
        self.asked = []
        self.updates = []  # (chat, update)
        super().__init__(world, [PAIRED, *(argv or ("acp",))], **options)
        world.clients.append(self)

    def _take(self, line, now):  # under the lock
        try:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
        except (ValueError, KeyError, TypeError, AssertionError):
            self.noise.append(line)
            return
        if "method" not in message:
            self.answers.setdefault(json.dumps(message.get("id")), []).append((message, now))
        elif "id" in message:
            self.asked.append(message)
            self._answer(message)
        elif message["method"] == "session/update":
            self.updates.append((message["params"]["sessionId"], message["params"]["update"]))
        else:
            self.notifications.append(message)

    def _answer(self, message):
        handler = self.handlers.get(message["method"])
        reply = {"jsonrpc": "2.0", "id": message["id"]}
        if not handler:
            reply["error"] = {"code": -32601, "message": "not here"}
        else:
            result = handler(message["params"])
            if result is Ellipsis:
                return
            reply["error" if isinstance(result, AcpError) else "result"] = \
                {"code": result.code, "message": "refused"} if isinstance(result, AcpError) else result
        self.send(reply)

    def result(self, number, timeout=30):
        m = self.wait(number, timeout * SLOW)
        if "error" in m:
            raise AcpError(m["error"])
        return m["result"]

    def ask(self, method, params=None, timeout=30):
        return self.result(self.request(method, params if params is not None else {}), timeout)

    def error(self, method, params=None):
        try:
            result = self.ask(method, params)
        except AcpError as e:
            return e.code
        raise AssertionError("%s was answered: %r" % (method, result))

    def notify(self, method, params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def until(self, test, timeout=30):
        with self.lock:
            assert self.lock.wait_for(lambda: test() or self.eof, timeout * SLOW), "waited in vain"
            value = test()
            assert value, "end of output"
            return value

    def answered(self, number, timeout):
        with self.lock:
            return self.lock.wait_for(lambda: json.dumps(number) in self.answers, timeout)

    # --- a conversation
    def start(self, cwd, version=1, fs=(), **capabilities):
        """initialize and session/new; the chat's id."""
        self.welcome = self.ask("initialize", {
            "protocolVersion": version, "clientInfo": {"name": "test", "version": "1"},
            "clientCapabilities": {"fs": {k: True for k in fs}, "terminal": False, **capabilities}})
        return self.chat(cwd)

    def chat(self, cwd):
        self.opened = self.ask("session/new", {"cwd": cwd, "mcpServers": []})
        return self.opened["sessionId"]

    def post(self, chat, *blocks):
        blocks = [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]
        return self.request("session/prompt", {"sessionId": chat, "prompt": blocks})

    def prompt(self, chat, *blocks, timeout=60):
        """(stopReason, what was said, the updates) of one turn."""
        start = len(self.updates)
        reason = self.result(self.post(chat, *blocks), timeout)["stopReason"]
        with self.lock:
            mine = [u for c, u in self.updates[start:] if c == chat]
        return reason, said(mine), mine


def said(updates):
    return "".join(u["content"]["text"] for u in updates if u["sessionUpdate"] == "agent_message_chunk")


def of_kind(updates, kind):
    return [u for u in updates if u["sessionUpdate"] == kind]


class Shop:
    """A world with a repository in it, and one client."""

    def __init__(self, *argv, fs=(), handlers=None, **capabilities):
        self.options = argv, fs, handlers, capabilities

    def __enter__(self):
        argv, fs, handlers, capabilities = self.options
        self.world = World().__enter__()
        self.repo = agents_repo.Repository(self.root)
        self.repo.fill()
        self.repo.change()
        self.client = Acp(self.world, *argv, handlers=handlers, cwd=self.world.dir)
        self.chat = self.client.start(self.root, fs=fs, **capabilities)
        return self

    def __exit__(self, *exc):
        if not exc[0]:
            assert self.client.noise == [], self.client.noise
        self.world.__exit__(*exc)

    @property
    def root(self):
        return os.path.join(self.world.dir, "shop")
