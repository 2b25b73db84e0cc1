"""paired hook claude-code: what it says to each event, that it is silent and ends with 0 whatever it is given, and in time."""
import json
import os
import subprocess
import time

from process_lib import PAIRED, SAN, SLOW, World, main, percentile, report

BAD = "def collect(item, found=[]):\n    found.append(item)\n    return found\n"


def hook(w, event, env=None, raw=None, client="claude-code"):
    """What it wrote and how long it took; it always ends with 0, and says nothing on stderr."""
    start = time.monotonic()
    r = subprocess.run([PAIRED, "hook", client], env={**w.env, **(env or {})}, capture_output=True, timeout=60,
                       input=raw if raw is not None else json.dumps(event).encode(), check=False)
    assert r.returncode == 0 and not r.stderr, (event, r)
    return r.stdout, time.monotonic() - start


def context(out, event):
    answer = json.loads(out)
    said = answer["hookSpecificOutput"]
    assert answer["suppressOutput"] is True and said["hookEventName"] == event
    return said["additionalContext"]


def repository(w):
    root = os.path.join(w.dir, "project")
    os.makedirs(os.path.join(root, "src"))
    write(root, "src/collect.py", "# one\n")
    for command in (["init", "-q"], ["add", "."],
                    ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=root, env=w.env, check=True, timeout=30)
    w.env["PAIRED_TEST_HOOK_MS"] = "20000"
    return root


def write(root, path, text):
    with open(os.path.join(root, path), "w", encoding="utf-8") as f:
        f.write(text)
    return os.path.join(root, path)


def edit(root, path, hunks):
    return {"hook_event_name": "PostToolUse", "cwd": root, "tool_name": "Edit",
            "tool_input": {"file_path": os.path.join(root, path)},
            "tool_response": {"structuredPatch": [{"newStart": a, "newLines": n} for a, n in hunks]}}


def paired(w, root, *argv):
    r = subprocess.run([PAIRED, *argv], env=w.env, cwd=root, capture_output=True, timeout=30, check=True)
    return r.stdout.decode()


def test_a_start_tells_what_was_handed_over():
    with World() as w:
        root = repository(w)
        start = {"hook_event_name": "SessionStart", "source": "startup", "cwd": os.path.join(root, "src")}
        assert hook(w, start)[0] == b""
        paired(w, root, "memory", "handoff", "Port it", "--next", "zebrafish")
        text = context(hook(w, start)[0], "SessionStart")
        assert "Port it" in text and "zebrafish" in text
        assert context(hook(w, dict(start, source="clear"))[0], "SessionStart") == text
        for source in ("resume", "compact"):
            assert hook(w, dict(start, source=source))[0] == b""


def test_an_edit_tells_what_is_found_on_its_lines_alone():
    with World() as w:
        root = repository(w)
        write(root, "src/collect.py", "# one\n\n\n" + BAD + "\n\n# far\n# away\n")
        text = context(hook(w, edit(root, "src/collect.py", [(4, 3)]))[0], "PostToolUse")
        assert "src/collect.py" in text and "line 4" in text and "[mutable-default]" in text
        assert hook(w, edit(root, "src/collect.py", [(9, 2)]))[0] == b""
        assert "mutable-default" in context(hook(w, edit(root, "src/collect.py", [(9, 2), (1, 6)]))[0], "PostToolUse")
        assert "mutable-default" in context(hook(w, edit(root, "src/collect.py", []))[0], "PostToolUse")
        assert hook(w, edit(w.dir, "elsewhere.py", []))[0] == b""
        os.symlink("/etc/passwd", os.path.join(root, "link.py"))
        assert hook(w, edit(root, "link.py", []))[0] == b""


def transcript(w, *entries):
    path = os.path.join(w.dir, "transcript.jsonl")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(e) + "\n" for e in entries)
    return {"hook_event_name": "SessionEnd", "reason": "exit", "transcript_path": path}


def use(name, **arguments):
    return {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": name, "input": arguments}]}}


def test_an_end_hands_over_what_was_edited():
    with World() as w:
        root = repository(w)
        file = write(root, "src/collect.py", BAD)
        secret = {"type": "user", "message": {"content": [{"type": "tool_result", "content": "tiger lily"}]}}
        end = transcript(w, {"type": "user", "message": {"content": "first\nthings"}}, use("Edit", file_path=file),
                         secret, use("Write", file_path=file), use("Read", file_path=os.path.join(root, "other")),
                         use("Edit", file_path="/etc/hosts"),
                         {"type": "user", "message": {"content": [{"type": "text", "text": "collect € things\nnow"}]}},
                         {"type": "user", "message": {"content": "<system-reminder>"}})
        assert hook(w, dict(end, cwd=root))[0] == b""
        text = paired(w, root, "memory", "resume")
        assert "Claude Code: collect € things" in text and "Files: src/collect.py\n" in text, text
        assert "from claude-code" in text and "tiger" not in text and "hosts" not in text and "things\nnow" not in text
        for entries in ([use("Read", file_path=file)], [],
                        [use("Edit", file_path=file), use("mcp__plugin_paired_paired__handoff", title="x")]):
            hook(w, dict(transcript(w, *entries), cwd=root))
        assert paired(w, root, "memory", "resume", "--limit", "9").count("Claude Code:") == 1


def test_nonsense_is_met_with_silence():
    with World() as w:
        root = repository(w)
        for raw in (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100000, b'{"hook_event_name": 7, "cwd": []}',
                    b'{"hook_event_name": "PostToolUse"}', b'{"hook_event_name": "Stop", "cwd": "/"}'):
            assert hook(w, None, raw=raw)[0] == b"", raw[:40]
        for event in (dict(edit(root, "src/collect.py", []), tool_input="x", tool_response=[1]),
                      dict(edit(root, "src/collect.py", []), tool_response={"structuredPatch": [1, {}, {"newStart": "x"}]}),
                      dict(edit(root, "src/collect.py", []), cwd="/nonexistent"),
                      {"hook_event_name": "SessionEnd", "cwd": root, "transcript_path": "/dev/zero"},
                      {"hook_event_name": "SessionEnd", "cwd": root, "transcript_path": root},
                      {"hook_event_name": "SessionEnd", "cwd": root, "transcript_path": "/nonexistent"}):
            assert hook(w, event)[0] == b"", event
        start = {"hook_event_name": "SessionStart", "source": "startup", "cwd": root}
        assert hook(w, start, client="other")[0] == b""
        assert hook(w, start, env={"PAIRED_PROFILE": "/proc/nowhere"})[0] == b""


def test_it_ends_in_time_whatever_the_engine_does():
    with World() as w:
        root = repository(w)
        w.env["PAIRED_TEST_HOOK_MS"] = "180"
        limit = 0.2 * SLOW
        write(root, "src/collect.py", BAD)
        start = {"hook_event_name": "SessionStart", "source": "startup", "cwd": root}
        cold = hook(w, start)[1]  # an engine has to be started
        paired(w, root, "memory", "handoff", "Port it", "--next", "x")
        paired(w, root, "review")
        starts = [hook(w, start)[1] for _ in range(20)]
        edits = [hook(w, edit(root, "src/collect.py", [(1, 3)])) for _ in range(20)]
        times = [t for _, t in edits]
        report("cold start %.0f ms; start p50 %.1f max %.1f ms; edit p50 %.1f max %.1f ms, %d of 20 with findings" % (
            cold * 1000, percentile(starts, 0.5) * 1000, max(starts) * 1000, percentile(times, 0.5) * 1000,
            max(times) * 1000, sum(bool(out) for out, _ in edits)))
        assert max([cold] + starts + times) < limit, (cold, starts, times)
        if not SAN:
            assert sum(bool(out) for out, _ in edits) >= 10
        # An engine that does not answer at all, and an event that never comes to its end.
        engine = w.engine_pid()
        os.kill(engine, 19)
        try:
            out, seconds = hook(w, start)
        finally:
            os.kill(engine, 18)
        assert out == b"" and seconds < limit, seconds
        p = subprocess.Popen([PAIRED, "hook", "claude-code"], env=w.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        begun = time.monotonic()
        assert p.wait(timeout=30) == 0 and time.monotonic() - begun < limit
        p.stdin.close()
        assert p.stdout.read() == b""
        p.stdout.close()


if __name__ == "__main__":
    main(globals())
