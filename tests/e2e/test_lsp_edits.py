"""Edits at random, in three encodings, through the real process: after each batch the server's text is the editor's.
Text outside of the BMP, line ends of three kinds, frames split and merged, now and then a byte at a time.

`test_lsp_edits.py PAIRED --edits=1000000` is the whole run; by default it is shorter."""
import hashlib
import json
import os
import random
import re
import signal
import time

from lsp_lib import Lsp, frame
from process_lib import FLAGS, SAN, World, main, report

EDITS = int(FLAGS.get("--edits", 30000 if SAN else 60000))
SEED = int(FLAGS.get("--seed", 20261128))
LINE_ENDS = re.compile("\r\n|\n|\r")
PIECES = ["a", "ä", "€", "𝄞", "𐍈x", "\n", "\r\n", "\r", "word ", "\t", "e\u0301", "\"", "\\", "👩‍👩‍👧", "\u2028", "\U0010ffff", "if (x)", "{}"]
WIDTH = {"utf-8": lambda t: len(t.encode()), "utf-32": len,
         "utf-16": lambda t: len(t) + sum(c > "\uffff" for c in t)}


class Text:
    """What an editor has: the text, and positions in it."""

    def __init__(self, text, encoding):
        self.text = text
        self.width = WIDTH[encoding]

    def index(self, rng):
        """A place that a position can name: not within a line's end."""
        i = rng.randint(0, len(self.text))
        return i - 1 if 0 < i < len(self.text) and self.text[i - 1:i + 1] == "\r\n" else i

    def position(self, index, rng, end=False):
        line, start = 0, 0
        for m in LINE_ENDS.finditer(self.text, 0, index):
            line, start = line + 1, m.end()
        column = self.width(self.text[start:index])
        # Past the end of a line stands for its end.
        if rng.random() < .02 and (index == len(self.text) or self.text[index] in "\r\n"):
            column += rng.randint(1, 1000)
        return {"line": line, "character": column}

    def change(self, rng):
        if rng.random() < .0005:
            self.text = "".join(rng.choice(PIECES) for _ in range(rng.randint(0, 300)))
            return {"text": self.text}
        a = self.index(rng)
        b = a
        if rng.random() < .5:
            b = min(len(self.text), a + rng.choice((1, 1, 2, 5, 40)))
            if 0 < b < len(self.text) and self.text[b - 1:b + 1] == "\r\n":
                b += 1
        room = len(self.text) < 3000 or rng.random() < .3
        new = "".join(rng.choice(PIECES) for _ in range(rng.choice((0, 1, 1, 1, 2, 6)))) if room else ""
        change = {"range": {"start": self.position(a, rng), "end": self.position(b, rng)}, "text": new}
        if rng.random() < .1:
            change["rangeLength"] = b - a  # deprecated, and to be passed over
        self.text = self.text[:a] + new + self.text[b:]
        return change


def send(e, rng, data):
    """However a pipe may cut it."""
    kind = rng.random()
    if kind < .01 and len(data) < 20000:
        for i in range(len(data)):
            e.raw(data[i:i + 1])
    elif kind < .3:
        while data:
            n = rng.randint(1, 5000)
            e.raw(data[:n])
            data = data[n:]
    else:
        e.raw(data)


def batch(e, rng, uri, text, version, count):
    out, done = [], 0
    while done < count:
        changes = [text.change(rng) for _ in range(rng.randint(1, 6))]
        done += len(changes)
        version += 1
        extra = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" if rng.random() < .05 else b""
        body = json.dumps({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
            "textDocument": {"uri": uri, "version": version}, "contentChanges": changes}},
            ensure_ascii=rng.random() < .5).encode()
        out.append(frame(body, extra))
    return b"".join(out), version, done


def edit_at_random(w, encoding, edits, seed):
    rng = random.Random("%s %s" % (seed, encoding))
    e = Lsp(w)
    e.initialize(capabilities={"general": {"positionEncodings": [encoding]}})
    assert e.encoding == encoding
    uri = "untitled:edits-" + encoding
    text = Text("int main(void) {\r\n\treturn 0; // 𝄞\n}\n", encoding)
    e.open(uri, text.text, language="plaintext")
    version, done, batches = 1, 0, 0
    while done < edits:
        data, version, n = batch(e, rng, uri, text, version, min(rng.randint(1, 600), edits - done))
        send(e, rng, data)
        done += n
        batches += 1
        seen = e.call("workspace/executeCommand", {"command": "paired.document", "arguments": [
            {"textDocument": {"uri": uri}}]}, 60)
        e.answers.clear()
        want = text.text.encode()
        assert seen["version"] == version and seen["bytes"] == len(want) and \
            seen["lines"] == len(LINE_ENDS.findall(text.text)) + 1 and \
            seen["hash"] == hashlib.blake2b(want, digest_size=16).hexdigest(), (seed, encoding, batches, done, seen)
    assert e.leave() == 0
    return done, batches


def test_the_server_has_what_the_editor_has():
    begun = time.monotonic()
    total = compared = 0
    with World() as w:
        for encoding in WIDTH:
            done, batches = edit_at_random(w, encoding, EDITS // len(WIDTH) + 1, SEED)
            total += done
            compared += batches
    report("%s edits in three encodings, compared %s times: %.1f s" % (
        format(total, ","), format(compared, ","), time.monotonic() - begun))


def large_text(megabytes):
    line = "int x%07d; /* ä𝄞 \\ \" */\r\n"
    return "".join(line % i for i in range((megabytes << 20) // len((line % 0).encode())))


def open_message(uri, text, ascii_only, params_first):
    members = [("jsonrpc", "2.0"), ("method", "textDocument/didOpen"), ("params", {"textDocument": {
        "uri": uri, "languageId": "plaintext", "version": 1, "text": text}})]
    return json.dumps(dict(reversed(members) if params_first else members), ensure_ascii=ascii_only).encode()


def expect_text(e, uri, text):
    seen = e.call("workspace/executeCommand", {"command": "paired.document", "arguments": [
        {"textDocument": {"uri": uri}}]}, 60)
    want = text.encode()
    assert seen["bytes"] == len(want) and seen["hash"] == hashlib.blake2b(want, digest_size=16).hexdigest(), seen
    assert seen["lines"] == len(LINE_ENDS.findall(text)) + 1, seen


def test_a_large_text_in_parts():
    """Passed on while it comes, in whatever order its members stand and however it is cut; and kept for the next engine."""
    rng = random.Random(7)
    text = large_text(1)
    with World() as w:
        e = Lsp(w)
        e.initialize()
        for number in range(8):
            uri = "untitled:large-%d" % number
            body = open_message(uri, text, number % 2 == 1, number % 4 > 1)
            e.call("workspace/executeCommand", {"command": "paired.status"})
            data = frame(body)
            while data and number < 4:
                n = rng.randint(1, 150000)
                e.raw(data[:n])
                data = data[n:]
            e.raw(data)
            e.change(uri, 2, ({"line": 0, "character": 0}, {"line": 0, "character": 3}, "long"))
            # … and all of it anew, in one large message.
            e.raw(frame(json.dumps({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {
                "textDocument": {"uri": uri, "version": 3}, "contentChanges": [{"text": text[100:]}]}}).encode()))
            e.change(uri, 4, ({"line": 0, "character": 0}, {"line": 0, "character": 0}, "é"))
            expect_text(e, uri, "é" + text[100:])
        os.kill(w.engine_pid(), signal.SIGKILL)
        for number in range(8):
            expect_text(e, "untitled:large-%d" % number, "é" + text[100:])
        # What is no JSON is told as such, and nothing is lost by it.
        e.raw(frame(open_message("untitled:bad", text, True, False).replace(b"\\u00e4", b"\\u00g4", 1)))
        e.until(lambda: "null" in e.answers, 60)
        assert e.answers["null"][0][1]["error"]["code"] == -32700, e.answers["null"]
        # A request of the same name is one.
        body = open_message("untitled:asked", text, True, False)
        e.raw(frame(body[:-1] + b',"id":"late"}'))
        e.until(lambda: '"late"' in e.answers, 60)
        expect_text(e, "untitled:large-7", "é" + text[100:])
        assert e.leave() == 0


def test_the_engine_goes_while_a_large_text_comes():
    text = large_text(4)
    with World() as w:
        e = Lsp(w)
        e.initialize()
        for times in (1, 2):
            uri = "untitled:half-%d" % times
            data = frame(open_message(uri, text, False, False))
            half = len(data) // 3
            for _ in range(times):
                e.raw(data[:half])  # a pipe holds less: most of it has been read
                data = data[half:]
                os.kill(w.engine_pid(), signal.SIGKILL)
            e.raw(data)
            expect_text(e, uri, text)
        os.kill(w.engine_pid(), signal.SIGKILL)
        expect_text(e, "untitled:half-1", text)
        expect_text(e, "untitled:half-2", text)
        assert e.leave() == 0


def test_an_editor_that_ends_within_a_large_message():
    text = large_text(4)
    with World() as w:
        e = Lsp(w)
        e.initialize()
        e.open("untitled:kept", text)
        data = frame(open_message("untitled:cut", text, False, False))
        number = e.post("workspace/executeCommand", {"command": "paired.document", "arguments": [
            {"textDocument": {"uri": "untitled:kept"}}]})
        e.raw(data[:len(data) // 2])
        e.process.stdin.close()
        m = e.wait(number, 60)  # like any request that is open at the end of input
        assert m.get("result", {}).get("bytes") == len(text.encode()) or m["error"]["code"] == -32800, m
        assert e.process.wait(60) == 1  # it did not ask to end


def test_a_difference_would_be_seen():
    """The comparison itself: one edit that only one side has."""
    with World() as w:
        e = Lsp(w)
        e.initialize()
        e.open("untitled:x", "𝄞\n", language="plaintext")
        seen = e.call("workspace/executeCommand", {"command": "paired.document", "arguments": [
            {"textDocument": {"uri": "untitled:x"}}]})
        assert seen["bytes"] == 5 and seen["lines"] == 2, seen
        assert seen["hash"] == hashlib.blake2b("𝄞\n".encode(), digest_size=16).hexdigest()
        assert seen["hash"] != hashlib.blake2b("𝄞 ".encode(), digest_size=16).hexdigest()
        assert e.error("workspace/executeCommand", {"command": "paired.document", "arguments": [
            {"textDocument": {"uri": "untitled:y"}}]}) == -32602
        assert e.leave() == 0


if __name__ == "__main__":
    main(globals())
