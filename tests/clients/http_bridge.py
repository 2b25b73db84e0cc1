#!/usr/bin/env python3
"""Streamable HTTP in front of an MCP server that speaks stdio, for tests on loopback.

    http_bridge.py [--port N] [--port-file FILE] -- command [argument ...]

The official conformance suite only knows HTTP. This bridge adds nothing to what the server says: bodies
pass as they are, apart from request ids and progress tokens, which are renumbered where several HTTP
clients share one server process. What belongs to HTTP alone is the bridge's own work and proves nothing
about the server: status codes, the Host and Origin rules, session headers, agreement of headers and body.

Legacy clients (initialize) get a server process per HTTP session; modern ones (2026-07-28) share one.
Ends with its standard input, or with SIGTERM. Python standard library only.
"""
import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import sys
import uuid

PREFIX = "io.modelcontextprotocol/"
NAME_MEMBER = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri",
               "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 413: "Content Too Large", 502: "Bad Gateway"}
BODY_MAX = 64 * 1024 * 1024


class Exchange:
    """One HTTP response that messages of the server go to."""

    def __init__(self, wire_id=None, token=None, wants_log=True):
        self.queue = asyncio.Queue()
        self.wire_id, self.token, self.wants_log = wire_id, token, wants_log


class Server:
    """One process of the server under test, and who waits for what from it."""

    @classmethod
    async def start(cls, command):
        self = cls()
        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=BODY_MAX)
        self.exchanges = []      # open POST requests, oldest first
        self.listeners = []      # open GET streams
        self.unheard = []        # messages nobody was there for
        self.reader = asyncio.create_task(self.read())
        return self

    def write(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def stop(self):
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 3)
        except asyncio.TimeoutError:
            print("http_bridge: the server did not end with its input", file=sys.stderr)
            self.process.kill()
            await self.process.wait()
        await self.reader

    async def read(self):
        async for line in self.process.stdout:
            message = json.loads(line)   # anything else on stdout is a bug of the server: fail loudly
            target = self.route(message)
            if target:
                target.queue.put_nowait(message)
            else:
                self.unheard.append(message)
        for exchange in self.exchanges + self.listeners:
            exchange.queue.put_nowait(None)

    def route(self, message):
        if "method" not in message:
            return next((e for e in self.exchanges if e.wire_id == message.get("id")), None)
        params = message.get("params") or {}
        subscription = (params.get("_meta") or {}).get(PREFIX + "subscriptionId")
        if subscription is not None:
            return next((e for e in self.exchanges if e.wire_id == subscription), None)
        if message["method"] == "notifications/progress":
            return next((e for e in self.exchanges if e.token == params.get("progressToken")), None)
        # Requests of the server and log lines belong to a request in progress, changes to a GET stream.
        near = [e for e in self.exchanges if e.wants_log]
        if "id" in message or message["method"] == "notifications/message":
            return (near or self.listeners or [None])[-1]
        return (self.listeners or near or [None])[-1]


class Request:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.method, self.path, self.headers, self.body = "", "", {}, b""
        self.streaming = False

    async def receive(self):
        line = await self.reader.readline()
        if not line:
            return False
        self.method, self.path, _ = line.decode("latin-1").split(" ", 2)
        self.headers = {}
        while True:
            line = (await self.reader.readline()).decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        size = int(self.headers.get("content-length") or 0)
        self.body = await self.reader.readexactly(size) if size <= BODY_MAX else None
        return True

    def reply(self, status, message=None, headers=()):
        body = b"" if message is None else json.dumps(message).encode()
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Content-Length: {len(body)}"]
        if body:
            lines.append("Content-Type: application/json")
        lines += [f"{name}: {value}" for name, value in headers]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def fail(self, status, code, text, request_id=None):
        self.reply(status, {"jsonrpc": "2.0", "id": request_id,
                            "error": {"code": code, "message": text}})

    def event(self, message, headers=()):
        if not self.streaming:
            self.open_stream(headers)
        self.writer.write(b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n")

    def open_stream(self, headers=()):
        self.streaming = True
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Cache-Control: no-cache",
                 "Connection: close"] + [f"{name}: {value}" for name, value in headers]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def gone(self):
        """Returns when the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


def is_local(value):
    host = value.split("://")[-1].split("/")[0]
    if host.startswith("["):
        host = host[1:].split("]")[0]
    else:
        host = host.rsplit(":", 1)[0] if ":" in host else host
    return host in ("localhost", "127.0.0.1", "::1")


class Bridge:
    def __init__(self, command):
        self.command = command
        self.sessions = {}
        self.modern = None
        self.modern_lock = asyncio.Lock()
        self.next_id = 1

    async def stop(self):
        servers = list(self.sessions.values()) + ([self.modern] if self.modern else [])
        await asyncio.gather(*(s.stop() for s in servers))

    async def connection(self, reader, writer):
        request = Request(reader, writer)
        try:
            while await request.receive():
                await self.handle(request)
                await writer.drain()
                if request.streaming:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def handle(self, r):
        # 2025-11-25 "Security Warning": servers must check Origin, against DNS rebinding.
        for name in ("host", "origin"):
            if name in r.headers and not is_local(r.headers[name]):
                return r.fail(403, -32600, f"forbidden {name}")
        if r.body is None:
            return r.fail(413, -32600, "body too large")
        if r.method == "GET":
            return await self.listen(r)
        if r.method == "DELETE":
            return await self.end_session(r)
        if r.method != "POST":
            return r.reply(405)
        try:
            message = json.loads(r.body)
        except ValueError:
            return r.fail(400, -32700, "parse error")
        if not isinstance(message, dict):
            return r.fail(400, -32600, "expected one message")
        params = message.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        meta = meta if isinstance(meta, dict) else {}
        if PREFIX + "protocolVersion" in meta or "mcp-method" in r.headers or \
                r.headers.get("mcp-protocol-version", "") >= "2026":
            return await self.post_modern(r, message, meta)
        return await self.post_legacy(r, message)

    # legacy: a process per session

    async def post_legacy(self, r, message):
        headers, request_id = (), message.get("id")
        if message.get("method") == "initialize":
            session = uuid.uuid4().hex
            server = self.sessions[session] = await Server.start(self.command)
            headers = (("Mcp-Session-Id", session),)
        else:
            session = r.headers.get("mcp-session-id")
            server = self.sessions.get(session)
            if server is None:
                return r.fail(404 if session else 400, -32600, "no such session", request_id)
        if "method" not in message or "id" not in message:
            server.write(message)
            return r.reply(202)
        token = ((message.get("params") or {}).get("_meta") or {}).get("progressToken")
        exchange = Exchange(request_id, token)
        await self.exchange(r, server, exchange, message, lambda m: m, headers, lambda error: 200)
        return None

    async def listen(self, r):
        session = r.headers.get("mcp-session-id")
        server = self.sessions.get(session)
        if server is None:
            return r.reply(404 if session else 405)
        stream = Exchange()
        server.listeners.append(stream)
        for message in server.unheard:
            stream.queue.put_nowait(message)
        server.unheard.clear()
        r.open_stream()
        await r.writer.drain()
        gone = asyncio.create_task(r.gone())
        try:
            while True:
                arrival = asyncio.create_task(stream.queue.get())
                await asyncio.wait({arrival, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not arrival.done():
                    arrival.cancel()
                    return None
                if arrival.result() is None:
                    return None
                r.event(arrival.result())
                await r.writer.drain()
        finally:
            gone.cancel()
            server.listeners.remove(stream)

    async def end_session(self, r):
        server = self.sessions.pop(r.headers.get("mcp-session-id"), None)
        if server:
            await server.stop()
        return r.reply(200 if server else 404)

    # modern: one process for all

    def headers_disagree(self, r, message, meta):
        """2026-07-28 "Server Validation": the routing headers mirror the body."""
        expected = {"mcp-method": message.get("method")}
        if meta.get(PREFIX + "protocolVersion") is not None:
            expected["mcp-protocol-version"] = meta[PREFIX + "protocolVersion"]
        member = NAME_MEMBER.get(message.get("method"))
        params = message.get("params")
        if member and isinstance(params, dict) and isinstance(params.get(member), str):
            expected["mcp-name"] = params[member]
        for name, value in expected.items():
            got = r.headers.get(name)
            if got and got.startswith("=?base64?") and got.endswith("?="):
                try:
                    got = base64.b64decode(got[9:-2], validate=True).decode()
                except ValueError:
                    got = None
            if got != value:
                return name
        return None

    async def post_modern(self, r, message, meta):
        request_id, method = message.get("id"), message.get("method")
        wrong = self.headers_disagree(r, message, meta)
        if wrong:
            return r.fail(400, -32020, f"header {wrong} does not agree with the body", request_id)
        if not isinstance(method, str) or "id" not in message:
            return r.reply(202)
        async with self.modern_lock:
            if self.modern is None:
                self.modern = await Server.start(self.command)
        server, wire_id = self.modern, self.next_id
        self.next_id += 1
        token = meta.get("progressToken")
        exchange = Exchange(wire_id, None if token is None else f"bridge-{wire_id}",
                            PREFIX + "logLevel" in meta)
        inner = {**message, "id": wire_id}
        if token is not None:
            inner["params"] = {**message["params"],
                               "_meta": {**meta, "progressToken": exchange.token}}

        def restore(m):
            if m.get("id") == wire_id:
                m = {**m, "id": request_id}
            for part in ("params", "result"):
                inside = m.get(part)
                if not isinstance(inside, dict):
                    continue
                if exchange.token is not None and inside.get("progressToken") == exchange.token:
                    m = {**m, part: {**inside, "progressToken": token}}
                tagged = inside.get("_meta")
                if isinstance(tagged, dict) and tagged.get(PREFIX + "subscriptionId") == wire_id:
                    m = {**m, part: {**inside, "_meta": {**tagged,
                                                         PREFIX + "subscriptionId": request_id}}}
            return m

        complete = PREFIX + "protocolVersion" in meta and PREFIX + "clientCapabilities" in meta

        def status(error):
            code = (error or {}).get("code")
            if code == -32601:
                return 404
            if code in (-32020, -32021, -32022) or (code == -32602 and not complete):
                return 400
            return 200

        answered = await self.exchange(r, server, exchange, inner, restore, (), status)
        if not answered:   # on HTTP, going away cancels; on stdio it is a notification
            server.write({"jsonrpc": "2.0", "method": "notifications/cancelled",
                          "params": {"requestId": wire_id, "reason": "the client has gone"}})
        return None

    async def exchange(self, r, server, exchange, message, restore, headers, status):
        """Sends one request; passes on what belongs to it, up to its answer. False: the client left."""
        server.exchanges.append(exchange)
        gone = asyncio.create_task(r.gone())
        try:
            server.write(message)
            while True:
                arrival = asyncio.create_task(exchange.queue.get())
                await asyncio.wait({arrival, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not arrival.done():
                    arrival.cancel()
                    return False
                got = arrival.result()
                if got is None:
                    r.fail(502, -32603, "the server has ended", message.get("id"))
                    return True
                final = "method" not in got
                if final and not r.streaming:
                    r.reply(status(got.get("error")), restore(got), headers)
                else:
                    r.event(restore(got), headers)
                    await r.writer.drain()
                if final:
                    return True
        finally:
            server.exchanges.remove(exchange)
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


async def serve(options):
    bridge = Bridge(options.command)
    listener = await asyncio.start_server(bridge.connection, "127.0.0.1", options.port)
    port = listener.sockets[0].getsockname()[1]
    print(f"http_bridge: http://127.0.0.1:{port}/mcp", file=sys.stderr, flush=True)
    if options.port_file:
        with open(options.port_file + ".new", "w", encoding="ascii") as f:
            f.write(str(port))
        os.rename(options.port_file + ".new", options.port_file)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    listener.close()
    await bridge.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", help="gets the port, once it is open")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    options.command = [a for i, a in enumerate(options.command) if i or a != "--"]
    if not options.command:
        parser.error("no command")
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
