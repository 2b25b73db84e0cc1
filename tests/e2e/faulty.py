"""A model backend of any of the four families that fails as it is told, at the level of bytes.

`answers` maps a case (the first number in the last user message) to what is right: text, thoughts, tool calls. A request
that ends with an assistant's turn is gone on with from there. `faults(case, attempt)` names what goes wrong. What chance
decides follows from `seed`, case and attempt alone. `told` says what was done: time, case, attempt, fault, what had been
said, stream."""
import gzip
import json
import random
import re
import socket
import struct
import threading
import time

FAMILIES = ("anthropic", "chat", "responses", "gemini")


class Answer:
    def __init__(self, text, tools=(), thoughts=""):
        self.text, self.tools, self.thoughts = text, list(tools), thoughts


def pieces(text, size):
    return [text[i:i + size] for i in range(0, len(text), size)]


# --- what each family says

def sse(events, names=True):
    out = []
    for e in events:
        data = e if isinstance(e, str) else json.dumps(e)
        name = "event: %s\n" % e["type"] if names and isinstance(e, dict) and "type" in e else ""
        out.append(("%sdata: %s\n\n" % (name, data)).encode())
    return out


def anthropic_stream(a, ident, size):
    yield {"type": "message_start", "message": {
        "id": ident, "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}}
    yield {"type": "ping"}
    index = 0

    def block(start, deltas):
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for d in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": d}
        yield {"type": "content_block_stop", "index": index}
    if a.thoughts:
        yield from block({"type": "thinking", "thinking": "", "signature": ""},
                         [{"type": "thinking_delta", "thinking": p} for p in pieces(a.thoughts, size)] +
                         [{"type": "signature_delta", "signature": "c2lnbmVk"}])
        index += 1
    if a.text:
        yield from block({"type": "text", "text": ""},
                         [{"type": "text_delta", "text": p} for p in pieces(a.text, size)])
        index += 1
    for ident, name, args in a.tools:
        yield from block({"type": "tool_use", "id": ident, "name": name, "input": {}},
                         [{"type": "input_json_delta", "partial_json": p} for p in pieces(json.dumps(args), size)])
        index += 1
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use" if a.tools else "end_turn",
                                              "stop_sequence": None}, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def anthropic_whole(a, ident):
    content = [{"type": "thinking", "thinking": a.thoughts, "signature": "c2lnbmVk"}] if a.thoughts else []
    content += [{"type": "text", "text": a.text}] if a.text else []
    content += [{"type": "tool_use", "id": i, "name": n, "input": args} for i, n, args in a.tools]
    return {"id": ident, "type": "message", "role": "assistant", "model": "m", "content": content,
            "stop_reason": "tool_use" if a.tools else "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5}}


def chat_stream(a, ident, size):
    head = {"id": ident, "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta, finish=None):
        return dict(head, choices=[{"index": 0, "delta": delta, "finish_reason": finish}])
    yield chunk({"role": "assistant", "content": ""})
    for p in pieces(a.thoughts, size):
        yield chunk({"reasoning_content": p})
    for p in pieces(a.text, size):
        yield chunk({"content": p})
    for k, (i, name, args) in enumerate(a.tools):
        yield chunk({"tool_calls": [{"index": k, "id": i, "type": "function", "function": {"name": name, "arguments": ""}}]})
        for p in pieces(json.dumps(args), size):
            yield chunk({"tool_calls": [{"index": k, "function": {"arguments": p}}]})
    yield chunk({}, "tool_calls" if a.tools else "stop")
    yield dict(head, choices=[], usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})
    yield "[DONE]"


def chat_whole(a, ident):
    message = {"role": "assistant", "content": a.text or None}
    if a.thoughts:
        message["reasoning_content"] = a.thoughts
    if a.tools:
        message["tool_calls"] = [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(args)}}
                                 for i, n, args in a.tools]
    return {"id": ident, "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if a.tools else "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}


def responses_items(a):
    if a.thoughts:
        yield {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": a.thoughts}],
               "encrypted_content": "c2lnbmVk"}
    if a.text:
        yield {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": a.text}]}
    for i, n, args in a.tools:
        yield {"id": "fc_" + i, "type": "function_call", "call_id": i, "name": n, "arguments": json.dumps(args),
               "status": "completed"}


def responses_whole(a, ident, status="completed", output=None):
    return {"id": ident, "object": "response", "created_at": 1, "status": status, "error": None,
            "incomplete_details": None, "instructions": None, "metadata": {}, "model": "m",
            "output": list(responses_items(a)) if output is None else output, "parallel_tool_calls": True,
            "temperature": None, "tool_choice": "auto", "tools": [], "top_p": None,
            "usage": None if status == "in_progress" else
            {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}}


def responses_stream(a, ident, size):
    def raw():
        yield {"type": "response.created", "response": responses_whole(a, ident, "in_progress", [])}
        yield {"type": "response.in_progress", "response": responses_whole(a, ident, "in_progress", [])}
        for index, item in enumerate(responses_items(a)):
            at = {"item_id": item["id"], "output_index": index}
            empty = dict(item, status="in_progress") if item["type"] != "reasoning" else dict(item)
            if item["type"] == "message":
                empty["content"] = []
            elif item["type"] == "reasoning":
                empty["summary"] = []
                empty.pop("encrypted_content")
            else:
                empty["arguments"] = ""
            yield {"type": "response.output_item.added", "output_index": index, "item": empty}
            if item["type"] == "message":
                part = item["content"][0]
                yield dict(at, type="response.content_part.added", content_index=0, part=dict(part, text=""))
                for p in pieces(a.text, size):
                    yield dict(at, type="response.output_text.delta", content_index=0, delta=p, logprobs=[])
                yield dict(at, type="response.output_text.done", content_index=0, text=a.text, logprobs=[])
                yield dict(at, type="response.content_part.done", content_index=0, part=part)
            elif item["type"] == "reasoning":
                for p in pieces(a.thoughts, size):
                    yield dict(at, type="response.reasoning_summary_text.delta", summary_index=0, delta=p)
                yield dict(at, type="response.reasoning_summary_text.done", summary_index=0, text=a.thoughts)
            else:
                for p in pieces(item["arguments"], size):
                    yield dict(at, type="response.function_call_arguments.delta", delta=p)
                yield dict(at, type="response.function_call_arguments.done", name=item["name"],
                           arguments=item["arguments"])
            yield {"type": "response.output_item.done", "output_index": index, "item": item}
        yield {"type": "response.completed", "response": responses_whole(a, ident)}
    for n, e in enumerate(raw()):
        e["sequence_number"] = n
        yield e


def gemini_parts(a, size):
    for p in pieces(a.thoughts, size):
        yield {"text": p, "thought": True}
    for p in pieces(a.text, size):
        yield {"text": p}
    for i, n, args in a.tools:
        yield {"functionCall": {"id": i, "name": n, "args": args}}


def gemini_whole(a, ident, parts=None, finish="STOP"):
    candidate = {"content": {"parts": list(gemini_parts(a, 1 << 30)) if parts is None else parts, "role": "model"},
                 "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "m", "responseId": ident,
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}}


def gemini_stream(a, ident, size):
    for part in gemini_parts(a, size):
        yield gemini_whole(a, ident, [part], None)
    yield gemini_whole(a, ident, [{"text": ""}])


STREAM = {"anthropic": anthropic_stream, "chat": chat_stream, "responses": responses_stream, "gemini": gemini_stream}
WHOLE = {"anthropic": anthropic_whole, "chat": chat_whole, "responses": responses_whole, "gemini": gemini_whole}


def error_body(family, status, word, message):
    if family == "anthropic":
        return {"type": "error", "error": {"type": word, "message": message}}
    if family == "gemini":
        return {"error": {"code": status, "message": message, "status": {
            429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 529: "UNAVAILABLE"}.get(status, "INTERNAL")}}
    return {"error": {"message": message, "type": word, "param": None, "code": word}}


def error_event(family):
    if family == "responses":
        return b'event: error\ndata: {"type":"error","code":"server_is_overloaded","message":"Overloaded"}\n\n'
    body = error_body(family, 503, "overloaded_error", "Overloaded")
    return (b"event: error\n" if family == "anthropic" else b"") + b"data: " + json.dumps(body).encode() + b"\n\n"


# --- what is asked

def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(p.get("text", "") for p in content or [] if isinstance(p, dict))


def turns_of(family, body):
    turns = body.get("contents" if family == "gemini" else "input" if family == "responses" else "messages")
    if isinstance(turns, str):
        return [("user", turns)]
    return [({"model": "assistant"}.get(t.get("role"), t.get("role")),
             text_of(t.get("parts" if family == "gemini" else "content"))) for t in turns if t.get("role")]


class Faulty:
    def __init__(self, family, answers, faults=lambda case, attempt: None, seed=None, prefill="exact"):
        self.family, self.answers, self.faults, self.prefill = family, answers, faults, prefill
        self.seed = seed
        self.requests, self.lock, self.attempts, self.told = [], threading.Lock(), {}, []
        self.closing = threading.Event()
        self.gone = []  # monotonic times at which a client's end was seen while it was answered
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.closing.set()
        self.socket.close()

    def accept(self):
        while not self.closing.is_set():
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        f = s.makefile("rb")
        try:
            while True:
                line = f.readline()
                if not line:
                    break
                path = line.split()[1].decode()
                headers = {}
                while True:
                    h = f.readline().strip()
                    if not h:
                        break
                    k, _, v = h.decode("latin-1").partition(":")
                    headers[k.lower()] = v.strip()
                body = json.loads(f.read(int(headers.get("content-length") or 0)) or b"{}")
                if not self.answer(s, path, headers, body):
                    break
        except (OSError, ValueError):
            self.gone.append(time.monotonic())
        finally:
            f.close()
            s.close()

    def answer(self, s, path, headers, body):
        turns = turns_of(self.family, body)
        asked = [t for r, t in turns if r == "user"][-1]
        case = int(re.search(r"\d+", asked).group())
        begun = turns[-1][1] if turns[-1][0] == "assistant" else ""
        with self.lock:
            attempt = self.attempts[case] = self.attempts.get(case, 0) + 1
            self.requests.append({"path": path, "headers": headers, "body": body, "case": case, "begun": begun})
        fault = self.faults(case, attempt)
        stream = "streamGenerateContent" in path if self.family == "gemini" else bool(body.get("stream"))
        self.told.append((time.time(), case, attempt, fault, begun, stream))
        rng = random.Random("%s/%d/%d" % (self.seed, case, attempt)) if self.seed is not None else None
        return Reply(self, s, self.rest(self.answers[case], begun), case, stream, headers, rng).send(fault)

    def rest(self, a, begun):
        """What is still to be said after `begun`; how it is said is the backend's habit."""
        if not begun:
            return a
        if self.prefill == "again":
            return Answer(a.text, a.tools, "")
        at = len(begun) if a.text.startswith(begun) else None
        if at is None:
            raise AssertionError("not what was said: %r" % begun)
        if self.prefill == "overlap" and at > 60:
            at -= 40
        return Answer(a.text[at:], a.tools, "")


class Reply:
    def __init__(self, backend, s, answer, case, stream, headers, rng):
        self.headers = headers
        self.b, self.s, self.a, self.case, self.stream = backend, s, answer, case, stream
        self.family = backend.family
        self.rng = rng

    # bytes
    def head(self, status=200, kind=None, extra=(), length=None):
        kind = kind or ("text/event-stream" if self.stream else "application/json")
        lines = ["HTTP/1.1 %d X" % status, "Content-Type: " + kind, *extra]
        lines.append("Transfer-Encoding: chunked" if length is None else "Content-Length: %d" % length)
        self.s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def chunk(self, data):
        return b"%x\r\n%s\r\n" % (len(data), data)

    def reset(self):
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.s.close()
        return False

    def hang(self):
        """Until the other side goes or the test ends."""
        self.s.settimeout(0.2)
        while not self.b.closing.is_set():
            try:
                if not self.s.recv(4096):
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        self.b.gone.append(time.monotonic())
        return False

    def events(self):
        size = self.rng.choice((3, 7, 20)) if self.rng else 7
        ident = "id_%d_%d" % (self.case, self.b.port)
        return sse(STREAM[self.family](self.a, ident, size), self.family in ("anthropic", "responses"))

    def parts(self):
        if self.stream:
            return self.events()
        return [json.dumps(WHOLE[self.family](self.a, "id_%d" % self.case)).encode()]

    def fail(self, status, word, message, extra=()):
        body = json.dumps(error_body(self.family, status, word, message)).encode()
        self.head(status, "application/json", extra, len(body))
        self.s.sendall(body)
        return True

    def whole(self, kind=None, pause=0):
        self.head(kind=kind)
        for p in self.parts():
            self.s.sendall(self.chunk(p))
            if pause:
                time.sleep(pause)
        self.s.sendall(b"0\r\n\r\n")
        return True

    def send(self, fault):
        return getattr(self, "do_" + (fault or "ok"))()

    # faults
    def do_ok(self):
        return self.whole()

    def do_wrong_type(self):
        return self.whole(kind="text/plain")

    def do_document(self):
        """One document where a stream was asked for."""
        self.stream = False
        return self.whole()

    def do_rate(self):
        return self.fail(429, "rate_limit_error" if self.family == "anthropic" else "rate_limit_exceeded", "slow down",
                         ["retry-after: 1"])

    def do_quota(self):
        """Used up, and back in three seconds: with hours, a test of many would end with nobody to ask."""
        return self.fail(429, "rate_limit_error" if self.family == "anthropic" else "insufficient_quota",
                         "usage limit reached", ["retry-after: 3"])

    def do_401(self):
        """As some servers do it: with the key in the text."""
        key = self.headers.get("x-api-key") or self.headers.get("authorization", "")
        return self.fail(401, "authentication_error", "invalid key " + key)

    def do_529(self):
        return self.fail(529, "overloaded_error", "Overloaded")

    def do_500(self):
        return self.fail(500, "api_error", "Internal server error")

    def do_502(self):
        body = b"<html><body>502 Bad Gateway</body></html>"
        self.head(502, "text/html", (), len(body))
        self.s.sendall(body)
        return True

    def do_503(self):
        self.head(503, "text/plain", (), 0)
        return True

    def do_500_hanging(self):
        self.head(500, "application/json", (), 1000)
        self.s.sendall(b'{"error":')
        return self.hang()

    def do_reset(self):
        return self.reset()

    def do_close(self):
        return False

    def do_reset_after_head(self):
        self.head()
        time.sleep(0.01)
        return self.reset()

    def do_stall(self):
        return self.hang()

    def do_stall_after_head(self):
        self.head()
        return self.hang()

    def cut_at(self):
        data = b"".join(self.chunk(p) for p in self.parts())
        return data[:self.rng.randrange(1, len(data))]

    def do_stall_in_text(self):
        self.head()
        parts = self.parts()
        for p in parts[:len(parts) // 2]:
            self.s.sendall(self.chunk(p))
        return self.hang()

    def do_stall_within(self):
        self.head()
        self.s.sendall(self.cut_at())
        return self.hang()

    def do_cut(self):
        self.head()
        self.s.sendall(self.cut_at())
        return False

    def do_cut_reset(self):
        self.head()
        self.s.sendall(self.cut_at())
        time.sleep(0.01)
        return self.reset()

    def do_cut_piecewise(self):
        """Event by event, so that each has been handed on before the cut."""
        self.head()
        parts = self.parts()
        for p in parts[:self.rng.randrange(1, len(parts) + 1) - (0 if self.stream else 1)]:
            self.s.sendall(self.chunk(p))
            time.sleep(0.002)
        return False

    def do_cut_in_tool(self):
        self.head()
        for p in self.parts():
            self.s.sendall(self.chunk(p))
            if b"xxx" in p:
                time.sleep(0.02)
                break
        return self.reset()

    def do_error_within(self):
        if not self.stream:
            return self.do_529()
        self.head()
        parts = self.parts()
        for p in parts[:self.rng.randrange(1, len(parts))]:
            self.s.sendall(self.chunk(p))
        self.s.sendall(self.chunk(error_event(self.family)))
        return self.hang() if self.rng.random() < 0.5 else False

    def do_garbage(self):
        body = b"<html>a proxy's page</html>"
        self.head(200, "application/json", (), len(body))
        self.s.sendall(body)
        return True

    def do_garbage_event(self):
        if not self.stream:
            return self.do_garbage()
        self.head()
        parts = self.parts()
        for p in parts[:self.rng.randrange(0, len(parts))]:
            self.s.sendall(self.chunk(p))
        self.s.sendall(self.chunk(b'data: {"type":"content_block_delta","delta":\n\n'))
        return self.hang()

    def do_half_chunk(self):
        self.head()
        data = self.parts()[0]
        self.s.sendall(b"%x\r\n" % (len(data) + 100) + data[:len(data) // 2])
        return False

    def do_wrong_chunk(self):
        self.head()
        self.s.sendall(b"zz\r\nno number\r\n")
        return False

    def do_long_length(self):
        data = b"".join(self.parts())
        self.head(length=len(data) + 1000)
        self.s.sendall(data[:len(data) // 2])
        return False

    def do_short_length(self):
        data = b"".join(self.parts())
        self.head(length=len(data) // 2)
        self.s.sendall(data[:len(data) // 2])
        return True

    def do_gzip_bomb(self):
        body = gzip.compress(bytes(16 << 20))
        self.head(200, None, ["Content-Encoding: gzip"], len(body))
        self.s.sendall(body)
        return True

    def do_trickle(self):
        self.head()
        data = b"".join(self.parts())
        step = max(1, len(data) // 60)
        for i in range(0, len(data), step):
            self.s.sendall(self.chunk(data[i:i + step]))
            time.sleep(0.003)
        self.s.sendall(b"0\r\n\r\n")
        return True


HARMLESS = ("wrong_type", "document", "trickle")
FAULTS = tuple(sorted(n[3:] for n in dir(Reply) if n.startswith("do_") and n not in ("do_ok", "do_401", "do_cut_in_tool", "do_stall_in_text")))
