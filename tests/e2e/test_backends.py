"""Model backends from the command line: naming them, letting a workspace go there, what is written down about it."""
import hashlib
import json
import os
import pty
import subprocess

from process_lib import PAIRED, World, main
from test_cli import AGAIN, DEGRADED, FAILED, OK, USAGE, data, run

KEY = "sk-zqxjkvbw-e2e-0123456789"


def names(w):
    return [b["name"] for b in data(w, "backends")["backends"]]


def files_with(w, text):
    found = []
    for folder, _, files in os.walk(w.profile):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    if text.encode() in f.read():
                        found.append(path)
    return found


def test_backends_are_named_listed_switched_and_removed():
    with World() as w:
        out, err = run(w, "backends")
        assert not out and "none" in err
        presets = {p["name"]: p for p in data(w, "backends", "presets")["presets"]}
        assert {"anthropic", "openai", "gemini", "openrouter", "ollama", "llama.cpp", "vllm", "lmstudio"} <= set(presets)
        _, err = run(w, "backends", "add", "anthropic", "-m", "claude-a", "-m", "claude-b=claude-a")
        assert "consent grant anthropic" in err and "ANTHROPIC_API_KEY" in err
        run(w, "backends", "add", "anthropic", code=FAILED)
        run(w, "backends", "add", "ollama")
        # The path's version is the API's, and tutorials write it.
        run(w, "backends", "add", "router", "--family", "chat", "--url", "https://Router.Example/api/v1/", "--key-env", "R_KEY",
            "--account", "work")
        found = {b["name"]: b for b in data(w, "backends", env=dict(w.env, R_KEY="x"))["backends"]}
        assert list(found) == ["anthropic", "ollama", "router"]
        assert found["router"]["url"] == "https://router.example/api" and found["router"]["account"] == "work"
        assert found["router"]["key"] == {"source": "env", "env": "R_KEY", "kept": False, "set_here": True}
        assert found["anthropic"]["key"]["set_here"] is False
        assert found["anthropic"]["models"] == [{"name": "claude-a", "price": None}, {"name": "claude-b", "price": "claude-a"}]
        assert found["ollama"]["local"] and found["ollama"]["key"]["source"] == "none" and not found["router"]["local"]
        run(w, "backends", "disable", "ollama")
        assert not {b["name"]: b["enabled"] for b in data(w, "backends")["backends"]}["ollama"]
        run(w, "backends", "enable", "ollama")
        run(w, "backends", "remove", "router")
        assert names(w) == ["anthropic", "ollama"]
        run(w, "backends", "remove", "router", code=FAILED)
        run(w, "backends", "enable", "router", code=FAILED)
        _, err = run(w, "backends", "ad", code=USAGE)
        assert "Did you mean add?" in err


def test_what_is_not_said_stays_when_one_is_replaced():
    with World() as w:
        run(w, "backends", "add", "openai", "--key-stdin", "-m", "a", "--account", "work", input=KEY.encode() + b"\n")
        run(w, "backends", "disable", "openai")
        run(w, "consent", "grant", "openai", "--any", "--yes")
        run(w, "backends", "add", "openai", code=FAILED)
        run(w, "backends", "add", "openai", "--replace", "-m", "b")
        found = data(w, "backends")["backends"][0]
        assert found["key"]["kept"] and found["models"] == [{"name": "b", "price": None}] and found["account"] == "work"
        assert not found["enabled"] and len(found["granted"]) == 1
        run(w, "backends", "add", "openai", "--replace", "--account", "home")
        found = data(w, "backends")["backends"][0]
        assert found["key"]["kept"] and found["models"][0]["name"] == "b" and found["account"] == "home"
        run(w, "backends", "add", "openai", "--replace", "--url", "https://else.example/v1")
        found = data(w, "backends")["backends"][0]
        assert found["url"] == "https://else.example" and found["key"]["source"] == "none" and found["granted"] == []
        assert found["family"] == "responses" and found["models"][0]["name"] == "b"
        # A long key, as some identity services make them, comes through whole.
        run(w, "backends", "add", "openai", "--replace", "--key-stdin", input=b"k" * 4096 + b"\n")
        run(w, "backends", "add", "openai", "--replace", "--key-stdin", input=b"k" * 4097 + b"\n", code=FAILED)
        assert data(w, "backends")["backends"][0]["key"]["kept"]


def test_a_backend_that_would_be_read_on_the_way_is_refused():
    with World() as w:
        for url in ("http://api.example.com", "http://10.0.0.5:11434", "https://user:pw@a.example", "https://a.example/?key=1",
                    "ftp://a.example", "http://127.0.0.1.evil.example", ""):
            run(w, "backends", "add", "a", "--family", "chat", "--url", url, code=FAILED)
        run(w, "backends", "add", "a", "--family", "nothing", "--url", "https://a.example", code=FAILED)
        run(w, "backends", "add", "a", code=FAILED)
        run(w, "backends", "add", "a", "--url", "https://a.example", code=FAILED)
        run(w, "backends", "add", "A", "--preset", "openai", code=FAILED)
        run(w, "backends", "add", "a", "--preset", "openai", "--key-env", "sk-ant-123", code=FAILED)
        assert names(w) == []


def test_a_key_is_shown_nowhere():
    with World() as w:
        said = []
        said += run(w, "backends", "add", "openai", "--key-stdin", input=KEY.encode() + b"\n")
        said += run(w, "backends", "add", "openai", "--key-stdin", "--replace", "--json", input=KEY.encode() + b"\n")
        said += run(w, "backends", "add", "openai", "--key-stdin", input=KEY.encode() + b"\n", code=FAILED)
        said += run(w, "backends", "add", "b", "--preset", "openai", "--key-stdin", input=KEY.encode() + b" x\n", code=FAILED)
        said += run(w, "backends")
        said += run(w, "backends", "--json")
        said += run(w, "audit", "export", "--with-workspaces")
        folder = os.path.join(w.dir, "out")
        run(w, "export", folder)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name)) as f:
                said.append(f.read())
        assert not any(KEY in text for text in said)
        assert "kept in the store" in "".join(said)
        assert files_with(w, KEY) == [] and files_with(w, KEY[:12]) == []
        # Kept for this place alone: another needs it again.
        run(w, "backends", "add", "openai", "--url", "https://evil.example", "--family", "responses", "--replace")
        assert data(w, "backends")["backends"][0]["key"]["source"] == "none"
        run(w, "backends", "add", "openai", "--key-stdin", input=b"", code=AGAIN)


def test_nothing_is_granted_unless_somebody_agrees():
    with World() as w:
        here, other = os.path.join(w.dir, "here"), os.path.join(w.dir, "other")
        os.mkdir(here)
        os.mkdir(other)
        run(w, "backends", "add", "anthropic")
        run(w, "consent", "grant", "openai", "--any", "--yes", code=FAILED)
        out, err = run(w, "consent", "grant", "anthropic", "--workspace", here, code=USAGE)
        assert not out and here in err and "https://api.anthropic.com" in err and "text of files" in err
        assert data(w, "consent")["grants"] == []
        run(w, "consent", "grant", "anthropic", "--workspace", here, "--yes", "--expires", "3")
        run(w, "consent", "grant", "anthropic", "--workspace", here, "--expires", "x", code=USAGE)
        grant = data(w, "consent")["grants"][0]
        assert grant["workspace"] == here and grant["audience"] == "anthropic" and grant["direction"] == "out"
        assert abs(grant["expires_ms"] - grant["given_ms"] - 3 * 24 * 3600 * 1000) < 60000 and not grant["expired"]
        run(w, "consent", "grant", "anthropic", "--any", "--yes")
        assert len(data(w, "consent", )["grants"]) == 2
        run(w, "consent", "revoke", "anthropic", "--workspace", other, code=FAILED)
        _, err = run(w, "consent", "revoke", "anthropic", "--workspace", here)
        assert "still covers" in err
        assert data(w, "consent", "revoke", "anthropic")["ended"] == 1
        run(w, "consent", "revoke", "anthropic", code=FAILED)
        ended = data(w, "consent", "history", "anthropic")["ended"]
        assert [e["ended_by"] for e in ended] == ["revoked", "revoked"]
        # A folder that is gone still names its grant.
        run(w, "consent", "grant", "anthropic", "--workspace", other, "--yes")
        os.rmdir(other)
        run(w, "consent", "revoke", "anthropic", "--workspace", other)
        # Where it is now is not where it was granted to.
        run(w, "consent", "grant", "anthropic", "--workspace", here, "--yes")
        run(w, "backends", "add", "anthropic", "--family", "anthropic", "--url", "https://else.example", "--replace")
        assert data(w, "consent")["grants"] == []
        assert data(w, "consent", "history")["ended"][0]["ended_by"] == "changed"


def test_a_person_agrees_at_the_terminal():
    with World() as w:
        run(w, "backends", "add", "ollama")
        for answer, code in ((b"yes\n", FAILED), (b"grant\n", OK)):
            ours, theirs = pty.openpty()
            p = subprocess.Popen([PAIRED, "consent", "grant", "ollama", "--any"], env=w.env, stdin=theirs,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            os.close(theirs)
            os.write(ours, answer)
            _, err = p.communicate(timeout=30)
            os.close(ours)
            assert p.returncode == code, err
            assert b"every workspace" in err
        assert len(data(w, "consent")["grants"]) == 1


def read_leaf(leaf):
    """The documented encoding, read by other code than the program's."""
    at = 0

    def number(n):
        nonlocal at
        at += n
        return int.from_bytes(leaf[at - n:at], "big")

    assert number(1) == 1
    entry = {"seq": number(8), "time_ms": number(8), "event": number(1), "outcome": number(1), "ref": number(8),
             "bytes_out": number(8), "bytes_in": number(8)}
    at += 32
    entry["subject"] = leaf[at - 32:at]
    for name in ("kind", "audience", "purpose", "model"):
        n = number(2)
        entry[name] = leaf[at:at + n].decode()
        at += n
    assert at == len(leaf)
    return entry


def test_the_audit_log_can_be_checked_by_others():
    with World() as w:
        here = os.path.join(w.dir, "here")
        os.mkdir(here)
        run(w, "backends", "add", "ollama")
        for _ in range(3):
            run(w, "consent", "grant", "ollama", "--workspace", here, "--yes")
        run(w, "consent", "revoke", "ollama")
        out, _ = run(w, "audit", "export", "--with-workspaces")
        rows = [json.loads(line) for line in out.splitlines()]
        assert [r["event"] for r in rows] == ["grant", "grant", "grant", "revoke"]
        link, hashes = bytes(32), []
        for i, row in enumerate(rows):
            leaf = bytes.fromhex(row["leaf"])
            entry = read_leaf(leaf)
            assert entry["seq"] == row["seq"] == i + 1 and entry["time_ms"] == row["time_ms"]
            assert entry["audience"] == row["audience"] == "ollama"
            if "workspace" in row:
                assert hashlib.sha256(bytes.fromhex(row["salt"]) + row["workspace"].encode()).digest() == entry["subject"]
            hashes.append(hashlib.sha256(b"\0" + leaf).digest())
            link = hashlib.sha256(b"\2" + link + hashes[-1]).digest()
            assert link.hex() == row["link"]
        node = lambda a, b: hashlib.sha256(b"\1" + a + b).digest()
        verified = data(w, "audit", "verify")
        assert verified["ok"] and verified["entries"] == 4 and verified["link"] == link.hex()
        assert verified["root"] == node(node(hashes[0], hashes[1]), node(hashes[2], hashes[3])).hex()
        mark = run(w, "audit", "verify")[0].strip()
        run(w, "consent", "grant", "ollama", "--any", "--yes")
        run(w, "audit", "verify", mark)
        _, err = run(w, "audit", "verify", mark[:-1] + ("0" if mark[-1] != "0" else "1"), code=DEGRADED)
        assert "rewritten" in err
        _, err = run(w, "audit", "verify", "9" + mark[1:], code=DEGRADED)
        assert "cut" in err
        run(w, "audit", "verify", "nonsense", code=FAILED)
        assert "path" not in run(w, "audit", "export")[0] and here not in run(w, "audit", "export")[0]


def test_an_erased_workspace_is_named_nowhere_and_the_log_still_verifies():
    with World() as w:
        here = os.path.join(w.dir, "here")
        os.mkdir(here)
        run(w, "backends", "add", "ollama")
        run(w, "consent", "grant", "ollama", "--workspace", here, "--yes")
        before = data(w, "audit", "verify")
        run(w, "erase", "--workspace", here, "--yes")
        assert data(w, "consent")["grants"] == [] and data(w, "consent", "history")["ended"] == []
        entry = data(w, "audit", "list")["entries"][0]
        assert entry["event"] == "grant" and entry["workspace"] is None
        assert data(w, "audit", "verify") == before
        run(w, "erase", "--all", "--yes")
        assert names(w) == [] and data(w, "audit", "verify") == before


def test_usage_and_budget_of_nothing():
    with World() as w:
        used = data(w, "usage", "--by", "session", "--since", "last week")
        assert used["rows"] == [] and used["total"]["cost_microusd"] == 0
        run(w, "usage", "--by", "colour", code=FAILED)
        run(w, "usage", "--since", "whenever", code=FAILED)
        assert data(w, "budget")["day"] == {"spent_microusd": 0, "limit_usd": 0, "percent": 0}
        run(w, "budget", "--day", "5", "--month", "50")
        found = data(w, "budget")
        assert found["day"]["limit_usd"] == 5 and found["month"]["limit_usd"] == 50 and found["policy"] == "balanced"
        for wrong in ("-1", "abc", "0.50", "1000001"):
            _, err = run(w, "budget", "--month", "7", "--day", wrong, code=USAGE)
            assert "--day" in err and ("--workspace" in err) == (wrong == "0.50"), err
        assert data(w, "budget")["month"]["limit_usd"] == 50, "half of it was set"
        assert run(w, "config", "get", "models.budget_day_usd")[0].strip() == "5"


def test_other_faces_may_do_none_of_it():
    with World() as w:
        run(w, "backends", "add", "ollama")
        client = w.client("mcp")
        client.initialize()
        offered = {t["name"] for t in client.call("tools/list")["result"]["tools"]}
        assert not {n for n in offered if n.split(" ")[0] in ("backends", "consent", "audit", "usage")}
        for name in ("backends list", "backends add", "consent grant", "audit list", "usage"):
            answer = client.tool(name, {"backend": "ollama", "any": True, "name": "x"})
            assert "error" in answer or answer["result"].get("isError"), answer
        client.end()
        assert data(w, "consent")["grants"] == [] and names(w) == ["ollama"]


def test_doctor_names_a_key_that_is_not_there():
    with World() as w:
        run(w, "backends", "add", "a", "--family", "chat", "--url", "https://a.example", "--key-env", "NOT_SET_ANYWHERE")
        checks = {c["id"]: c for c in json.loads(w.run("doctor", "--json").stdout)["checks"]}
        assert checks["models.backends"]["result"] == "warn" and "NOT_SET_ANYWHERE" in checks["models.backends"]["found"]
        assert checks["models.grants"]["result"] == "ok"
        run(w, "backends", "disable", "a")
        checks = {c["id"]: c for c in json.loads(w.run("doctor", "--json").stdout)["checks"]}
        assert checks["models.backends"]["result"] == "ok"


def test_an_import_brings_backends_off_and_grants():
    with World() as w, World() as v:
        here, folder = os.path.join(w.dir, "here"), os.path.join(w.dir, "out")
        os.mkdir(here)
        run(w, "backends", "add", "openai", "--key-stdin", input=KEY.encode() + b"\n")
        run(w, "consent", "grant", "openai", "--workspace", here, "--yes")
        run(w, "export", folder)
        run(v, "import", folder)
        found = data(v, "backends")["backends"][0]
        assert found["name"] == "openai" and not found["enabled"] and not found["key"]["kept"]
        assert [g["workspace"] for g in found["granted"]] == [here]


if __name__ == "__main__":
    main(globals())
