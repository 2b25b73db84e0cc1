"""A model that a test scripts, in all four families of APIs: `script(n, request)` says what the n-th request (from 1) is
answered, (text, [(tool, arguments)]); arguments that are a string go out as they are, JSON or not."""
import json
import socket

from backend import Backend


def sse(name, data):
    return ("event: %s\n" % name if name else "") + "data: %s\n\n" % json.dumps(data)


def raw(arguments):
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def anthropic(text, calls):
    yield sse("message_start", {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 100, "output_tokens": 1}}})
    at = 0
    if text:
        yield sse("content_block_start", {"type": "content_block_start", "index": 0,
                                          "content_block": {"type": "text", "text": ""}})
        for piece in text.splitlines(True):
            yield sse("content_block_delta", {"type": "content_block_delta", "index": 0,
                                              "delta": {"type": "text_delta", "text": piece}})
        yield sse("content_block_stop", {"type": "content_block_stop", "index": 0})
        at = 1
    for i, (name, arguments) in enumerate(calls):
        yield sse("content_block_start", {"type": "content_block_start", "index": at + i, "content_block": {
            "type": "tool_use", "id": "toolu_%d" % i, "name": name, "input": {}}})
        yield sse("content_block_delta", {"type": "content_block_delta", "index": at + i, "delta": {
            "type": "input_json_delta", "partial_json": raw(arguments)}})
        yield sse("content_block_stop", {"type": "content_block_stop", "index": at + i})
    yield sse("message_delta", {"type": "message_delta", "delta": {
        "stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 20}})
    yield sse("message_stop", {"type": "message_stop"})


def chat(text, calls):
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def choice(delta, finish=None):
        return sse(None, dict(head, choices=[{"index": 0, "delta": delta, "finish_reason": finish}]))
    yield choice({"role": "assistant", "content": ""})
    for piece in text.splitlines(True):
        yield choice({"content": piece})
    for i, (name, arguments) in enumerate(calls):
        yield choice({"tool_calls": [{"index": i, "id": "call_%d" % i, "type": "function",
                                      "function": {"name": name, "arguments": ""}}]})
        yield choice({"tool_calls": [{"index": i, "function": {"arguments": raw(arguments)}}]})
    yield choice({}, "tool_calls" if calls else "stop")
    yield sse(None, dict(head, choices=[], usage={"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}))
    yield "data: [DONE]\n\n"


def responses(text, calls):
    base = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
    yield sse("response.created", {"type": "response.created", "response": base})
    output = []
    if text:
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        yield sse("response.output_item.added", {"type": "response.output_item.added", "output_index": 0, "item": item})
        yield sse("response.content_part.added", {"type": "response.content_part.added", "item_id": "msg_1",
                  "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": "", "annotations": []}})
        for piece in text.splitlines(True):
            yield sse("response.output_text.delta", {"type": "response.output_text.delta", "item_id": "msg_1",
                                                     "output_index": 0, "content_index": 0, "delta": piece})
        yield sse("response.output_text.done", {"type": "response.output_text.done", "item_id": "msg_1",
                                                "output_index": 0, "content_index": 0, "text": text})
        done = dict(item, status="completed", content=[{"type": "output_text", "text": text, "annotations": []}])
        yield sse("response.output_item.done", {"type": "response.output_item.done", "output_index": 0, "item": done})
        output.append(done)
    for name, arguments in calls:
        i = len(output)
        item = {"id": "fc_%d" % i, "type": "function_call", "status": "in_progress", "call_id": "call_%d" % i,
                "name": name, "arguments": ""}
        yield sse("response.output_item.added", {"type": "response.output_item.added", "output_index": i, "item": item})
        yield sse("response.function_call_arguments.delta", {
            "type": "response.function_call_arguments.delta", "item_id": item["id"], "output_index": i,
            "delta": raw(arguments)})
        yield sse("response.function_call_arguments.done", {
            "type": "response.function_call_arguments.done", "item_id": item["id"], "output_index": i,
            "arguments": raw(arguments)})
        done = dict(item, status="completed", arguments=raw(arguments))
        yield sse("response.output_item.done", {"type": "response.output_item.done", "output_index": i, "item": done})
        output.append(done)
    yield sse("response.completed", {"type": "response.completed", "response": dict(
        base, status="completed", output=output, usage={"input_tokens": 100, "output_tokens": 20, "total_tokens": 120})})


def gemini(text, calls):
    for piece in text.splitlines(True):
        yield sse(None, {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": piece}]}}]})
    for name, arguments in calls:
        try:
            arguments = json.loads(raw(arguments))
        except ValueError:
            arguments = {}  # its API has no other form
        yield sse(None, {"candidates": [{"index": 0, "content": {"role": "model", "parts": [
            {"functionCall": {"name": name, "args": arguments}}]}}]})
    yield sse(None, {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]},
                                     "finishReason": "STOP"}],
                     "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120}})


def family_of(path):
    return (gemini if "GenerateContent" in path or "generateContent" in path else
            chat if path.endswith("/chat/completions") else responses if path.endswith("/responses") else anthropic)


class Model(Backend):
    """Faults in `plan` as Backend has them, and "hang": the answer begins and does not go on; `left` tells when the
    client closed the connection meanwhile."""

    def __init__(self, script, plan=()):
        import threading
        self.script, self.left, self.hangs = script, threading.Event(), threading.Event()
        self.answered = 0
        super().__init__(plan=plan)

    def answer(self, h, request, fault):
        if fault and fault != "hang":
            super().answer(h, request, fault)
            return
        with self.lock:
            self.answered += 1
            n = self.answered
        text, calls = self.script(n, request)
        h.send_response(200)
        h.send_header("Content-Type", "text/event-stream")
        h.send_header("Transfer-Encoding", "chunked")
        try:
            h.end_headers()
        except OSError:
            self.left.set()
            raise
        events = list(family_of(h.path)(text, calls))
        for i, event in enumerate(events):
            if fault == "hang" and i == max(1, len(events) // 2):
                self.hangs.set()
                h.connection.settimeout(60)
                try:
                    h.connection.recv(1)  # nothing more comes from there: it returns when the other end closes
                except (socket.timeout, OSError):
                    pass
                self.left.set()
                h.close_connection = True
                return
            data = event.encode()
            try:
                h.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                h.wfile.flush()
            except OSError:  # it left before
                self.left.set()
                raise
        h.wfile.write(b"0\r\n\r\n")
        h.wfile.flush()

    def bodies(self):
        with self.lock:
            return [json.loads(r["body"]) for r in self.requests]
