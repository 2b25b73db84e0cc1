"""A model backend that does what a test tells it: one port, the Anthropic and both OpenAI APIs, every request kept."""
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def anthropic_events(text, tool=None, usage=(10, 5)):
    yield "message_start", {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": usage[0], "output_tokens": 1}}}
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in text.split(" "):
        yield "content_block_delta", {"type": "content_block_delta", "index": 0,
                                      "delta": {"type": "text_delta", "text": word + " "}}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    if tool:
        yield "content_block_start", {"type": "content_block_start", "index": 1, "content_block": {
            "type": "tool_use", "id": "toolu_1", "name": tool[0], "input": {}}}
        yield "content_block_delta", {"type": "content_block_delta", "index": 1, "delta": {
            "type": "input_json_delta", "partial_json": json.dumps(tool[1])}}
        yield "content_block_stop", {"type": "content_block_stop", "index": 1}
    yield "message_delta", {"type": "message_delta", "delta": {
        "stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}, "usage": {"output_tokens": usage[1]}}
    yield "message_stop", {"type": "message_stop"}


def anthropic_json(text, usage=(10, 5)):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": usage[0], "output_tokens": usage[1]}}


def chat_events(text, usage=(10, 5)):
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    yield dict(head, choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    for word in text.split(" "):
        yield dict(head, choices=[{"index": 0, "delta": {"content": word + " "}, "finish_reason": None}])
    yield dict(head, choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield dict(head, choices=[], usage={"prompt_tokens": usage[0], "completion_tokens": usage[1],
                                        "total_tokens": usage[0] + usage[1]})


class Backend:
    """`plan`: a list of faults, one taken for each request; when it is empty the request is answered.

    Faults: an HTTP status, (status, headers, body), "reset", "cut" (in the middle of the text), "cut-early" (before
    any content), "stall" (no first byte), "garbage", "overloaded" (an error event after a 200), "slow".

    `gets`: what GET answers, path → an object, or (status, headers, object), or one of the faults above, or a function
    of the request's headers that gives one of these; other paths are 404."""

    def __init__(self, text="hello from the backend", plan=(), tool=None, usage=None):
        self.text, self.tool, self.usage = text, tool, usage  # usage: of a request's body, as Anthropic's API has it
        self.plan = list(plan)
        self.gets = {}
        self.requests, self.lock = [], threading.Lock()
        self.closed = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with outer.lock:
                    outer.requests.append({"at": time.monotonic(), "path": self.path, "headers": dict(self.headers.items()), "body": body})
                    fault = outer.plan.pop(0) if outer.plan else None
                outer.answer(self, json.loads(body), fault)

            def do_GET(self):
                with outer.lock:
                    outer.requests.append({"path": self.path, "headers": dict(self.headers.items()), "body": None})
                found = outer.gets.get(self.path.split("?")[0], 404)
                found = found(self.headers) if callable(found) else found
                if isinstance(found, dict):
                    found = (200, {}, found)
                outer.answer(self, {}, found)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()

    def respond(self, h, status, headers, body):
        h.send_response(status)
        for k, v in headers.items():
            h.send_header(k, v)
        h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        h.wfile.write(body)

    def answer(self, h, request, fault):
        if fault == "reset":
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            h.connection.close()
            h.close_connection = True
        elif fault == "stall":
            self.closed.wait(60)
            h.close_connection = True
        elif fault == "garbage":
            self.respond(h, 200, {"Content-Type": "application/json"}, b"<html>a proxy's page</html>")
        elif isinstance(fault, int):
            body = json.dumps({"type": "error", "error": {"type": "api_error", "message": "fault %d" % fault}})
            self.respond(h, fault, {"Content-Type": "application/json"}, body.encode())
        elif isinstance(fault, tuple):
            self.respond(h, fault[0], dict({"Content-Type": "application/json"}, **fault[1]),
                         json.dumps(fault[2]).encode())
        elif request.get("stream"):
            self.stream(h, fault)
        else:
            answer = anthropic_json(self.text)
            if self.usage:
                answer["usage"] = self.usage(request)
            self.respond(h, 200, {"Content-Type": "application/json", "request-id": "req_1"}, json.dumps(answer).encode())

    def stream(self, h, fault):
        chat = h.path.endswith("/chat/completions")
        h.send_response(200)
        h.send_header("Content-Type", "text/event-stream")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()

        def put(text):
            data = text.encode()
            h.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            h.wfile.flush()

        if chat:
            events = ["data: %s\n\n" % json.dumps(e) for e in chat_events(self.text)] + ["data: [DONE]\n\n"]
        else:
            events = ["event: %s\ndata: %s\n\n" % (n, json.dumps(e)) for n, e in anthropic_events(self.text, self.tool)]
        if fault == "overloaded":
            events = events[:1] + ['event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
                                   '"message":"Overloaded"}}\n\n']
        for i, event in enumerate(events):
            if (fault == "cut" and i == len(events) // 2) or (fault == "cut-early" and i == 1):
                h.close_connection = True
                h.connection.shutdown(socket.SHUT_RDWR)
                return
            if fault == "slow":
                time.sleep(0.05)
            put(event)
        h.wfile.write(b"0\r\n\r\n")
        h.wfile.flush()
