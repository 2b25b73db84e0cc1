"""Reads what a client of a model's API was sent, as strictly as its references describe it. What is malformed raises."""
import json


class Malformed(Exception):
    pass


def need(condition, *what):
    if not condition:
        raise Malformed(*what)


class Said:
    """What a client has in the end. `calls`: [id, name, arguments, whether they are complete]."""

    def __init__(self):
        self.text, self.thoughts, self.calls = "", "", []
        self.error, self.stop, self.output_tokens, self.thinking = None, None, None, False


def events_of(data):
    """[(name or None, data)] of a stream whose every event is ended."""
    text = data.decode("utf-8")  # no character is cut
    need(text == "" or text.endswith("\n\n"), "a piece of an event at the end", text[-200:])
    out = []
    for block in text.split("\n\n")[:-1]:
        name, lines = None, []
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                lines.append(line[6:])
            else:
                need(line.startswith(":"), "a line of no field", line)
        need(len(lines) == 1, "an event with %d data lines" % len(lines), block)
        out.append((name, lines[0]))
    return out


def anthropic_stream(data):
    said, state, index, kind = Said(), "before", -1, None
    for name, text in events_of(data):
        e = json.loads(text)
        need(state not in ("stopped", "error"), "an event after the end", text)
        need(name == e["type"], "name and type differ", name, text)
        t = e["type"]
        if t == "ping":
            continue
        if t == "error":
            said.error, state = e["error"], "error"
        elif t == "message_start":
            need(state == "before", "a second message_start")
            need(e["message"]["content"] == [] and e["message"]["role"] == "assistant", text)
            state = "between"
        elif t == "content_block_start":
            need(state == "between" and e["index"] == index + 1, "block out of order", state, index, text)
            index, state, kind = e["index"], "in", e["content_block"]["type"]
            said.thinking = kind == "thinking"
            if kind == "tool_use":
                need(e["content_block"]["input"] == {}, text)
                said.calls.append([e["content_block"]["id"], e["content_block"]["name"], "", False])
        elif t == "content_block_delta":
            need(state == "in" and e["index"] == index, "delta out of order", state, index, text)
            d = e["delta"]
            need({"text": ("text_delta",), "thinking": ("thinking_delta", "signature_delta"),
                  "tool_use": ("input_json_delta",)}[kind].__contains__(d["type"]), kind, text)
            if kind == "text":
                said.text += d["text"]
            elif kind == "tool_use":
                said.calls[-1][2] += d["partial_json"]
            else:
                said.thoughts += d.get("thinking", "")
        elif t == "content_block_stop":
            need(state == "in" and e["index"] == index, "stop out of order", text)
            state = "between"
            said.thinking = False
            if kind == "tool_use":
                said.calls[-1][3] = True
        elif t == "message_delta":
            need(state == "between", "message_delta within a block")
            said.stop, state = e["delta"]["stop_reason"], "told"
            said.output_tokens = e["usage"]["output_tokens"]
        elif t == "message_stop":
            need(state == "told", "message_stop after", state)
            state = "stopped"
        else:
            raise Malformed("unknown event", text)
    need(state in ("stopped", "error"), "no end", state)
    return said


def chat_stream(data):
    said, ident, state = Said(), None, "before"
    for name, text in events_of(data):
        need(name is None, "a named event", name)
        need(state not in ("done", "error"), "an event after the end", text)
        if text == "[DONE]":
            need(state == "finished", "[DONE] after", state)
            state = "done"
            continue
        e = json.loads(text)
        if "error" in e:
            said.error, state = e["error"], "error"
            continue
        need(e["object"] == "chat.completion.chunk" and ident in (None, e["id"]), "another id", ident, text)
        ident = e["id"]
        if e.get("usage"):
            said.output_tokens = e["usage"]["completion_tokens"]
        for c in e["choices"]:
            need(c["index"] == 0 and state != "finished", "a choice after the end", text)
            d = c["delta"]
            if d.get("role"):
                need(state == "before", "a second beginning", text)
            state = "within"
            said.text += d.get("content") or ""
            said.thoughts += d.get("reasoning_content") or ""
            said.thinking = bool(d.get("reasoning_content")) or (said.thinking and not d.get("content"))
            for call in d.get("tool_calls") or []:
                if "id" in call:
                    need(call["index"] == len(said.calls), "a call out of order", text)
                    for before in said.calls:
                        before[3] = True
                    said.calls.append([call["id"], call["function"]["name"], "", False])
                need(call["index"] < len(said.calls), "a piece of no call", text)
                said.calls[call["index"]][2] += call["function"].get("arguments", "")
            if c["finish_reason"]:
                said.stop, state = c["finish_reason"], "finished"
                for before in said.calls:
                    before[3] = True
    need(state in ("done", "error"), "no end", state)
    return said


def take_items(said, items):
    for item in items:
        if item["type"] == "message":
            said.text += "".join(p["text"] for p in item["content"])
        elif item["type"] == "reasoning":
            said.thoughts += "".join(p["text"] for p in item["summary"])
        else:
            need(item["type"] == "function_call", item)
            said.calls.append([item["call_id"], item["name"], item["arguments"], True])


def responses_stream(data):
    said, number, state, item, items, text_so_far = Said(), -1, "before", None, [], ""
    part = False
    for name, text in events_of(data):
        e = json.loads(text)
        t = e["type"]
        need(state not in ("done", "error"), "an event after the end", text)
        need(name == t, "name and type differ", name, text)
        need(e["sequence_number"] == number + 1, "number %s after %d" % (e["sequence_number"], number), text)
        number += 1
        if t in ("error", "response.failed"):
            said.error, state = e.get("error") or e["response"]["error"], "error"
            need(said.error["message"], text)
        elif t == "response.created":
            need(state == "before", "a second beginning")
            state = "between"
        elif t == "response.in_progress":
            need(state == "between", "in_progress", state)
        elif t == "response.output_item.added":
            need(state == "between" and e["output_index"] == len(items), "item out of order", text)
            state, item, text_so_far, part = "in", e["item"], "", False
            said.thinking = item["type"] == "reasoning"
            if item["type"] == "function_call":
                said.calls.append([item["call_id"], item["name"], "", False])
        elif t == "response.output_item.done":
            need(state == "in" and e["output_index"] == len(items), "item's end out of order", text)
            need(e["item"]["id"] == item["id"] and not part, "an item ends otherwise than it began", text)
            items.append(e["item"])
            state, said.thinking = "between", False
            if item["type"] == "message":
                need(e["item"]["content"][0]["text"] == text_so_far, "text differs", text_so_far, text)
            if item["type"] == "function_call":
                said.calls[-1][3] = True
                need(e["item"]["arguments"] == said.calls[-1][2], "arguments differ", text)
        elif t in ("response.completed", "response.incomplete"):
            need(state == "between", "the end within", state)
            need(e["response"]["output"] == items, "the output differs from its items", text)
            said.stop, state = e["response"]["status"], "done"
            said.output_tokens = e["response"]["usage"]["output_tokens"]
        else:
            need(state == "in" and e["item_id"] == item["id"] and e["output_index"] == len(items), "of no item", text)
            if t in ("response.content_part.added", "response.reasoning_summary_part.added"):
                need(not part, "a second part", text)
                part = True
            elif t == "response.output_text.delta":
                need(part and e["content_index"] == 0, "text of no part", text)
                text_so_far += e["delta"]
                said.text += e["delta"]
            elif t == "response.output_text.done":
                need(e["text"] == text_so_far, "text differs", text)
            elif t in ("response.content_part.done", "response.reasoning_summary_part.done"):
                need(part, "the end of no part", text)
                part = False
            elif t == "response.function_call_arguments.delta":
                said.calls[-1][2] += e["delta"]
            elif t == "response.function_call_arguments.done":
                need(e["arguments"] == said.calls[-1][2], "arguments differ", text)
            elif t == "response.reasoning_summary_text.delta":
                said.thoughts += e["delta"]
            else:
                need(t == "response.reasoning_summary_text.done", "unknown event", text)
    need(state in ("done", "error"), "no end", state)
    return said


def whole(family, document):
    said = Said()
    e = json.loads(document)
    if family == "anthropic":
        need(e["type"] == "message", e)
        for b in e["content"]:
            if b["type"] == "text":
                said.text += b["text"]
            elif b["type"] == "thinking":
                said.thoughts += b["thinking"]
            else:
                said.calls.append([b["id"], b["name"], json.dumps(b["input"]), True])
        said.stop = e["stop_reason"]
    elif family == "chat":
        c = e["choices"][0]
        said.text = c["message"]["content"] or ""
        said.calls = [[t["id"], t["function"]["name"], t["function"]["arguments"], True]
                      for t in c["message"].get("tool_calls") or []]
        said.stop = c["finish_reason"]
    else:
        need(e["status"] == "completed", e)
        take_items(said, e["output"])
        said.stop = e["status"]
    return said


def error_of(family, document):
    e = json.loads(document)
    need(isinstance(e["error"]["message"], str) and e["error"]["message"], e)
    need(family != "anthropic" or (e["type"] == "error" and e["error"]["type"]), e)
    return e["error"]


def read(family, stream, data):
    """What was said. Complete calls have to have complete arguments."""
    readers = {"anthropic": anthropic_stream, "chat": chat_stream, "responses": responses_stream}
    try:
        said = readers[family](data) if stream else whole(family, data)
        for call in said.calls:
            if call[3]:
                json.loads(call[2])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as e:
        raise Malformed("%s: %r" % (type(e).__name__, e), data[-2000:]) from e
    return said
