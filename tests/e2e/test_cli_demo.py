"""`paired demo`: it ends well, leaves nothing behind, and its numbers are those of its own profile."""
import json
import os
import signal
import subprocess
import tempfile
import time

from process_lib import PAIRED, SAN, World, main, wait_until


def leftovers(folder):
    return [name for name in os.listdir(folder) if name.startswith("paired-demo-")]


def engines_below(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                if folder.encode() in f.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def place(w):
    """Which folder the demo shows: this repository, or, as a sanitizer takes minutes to mine that, a small one."""
    if not SAN:
        return []
    top = os.path.join(w.dir, "small")
    os.mkdir(top)
    for i in range(12):
        with open(os.path.join(top, "part%d.c" % i), "w") as f:
            f.write("#include <stdio.h>\n")
            for k in range(4):
                f.write("int step_%d_%d(int x) {\n    int r = printf(\"%%d\", x);\n    if (r < 0)\n        return r;\n"
                        "    return x * %d;\n}\n" % (i, k, i + k))
    for argv in (("init", "-q"), ("add", "-A"), ("-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "-qm", "one")):
        subprocess.run(["git", *argv], cwd=top, check=True, stdout=subprocess.DEVNULL)
    return ["--workspace", top]


def test_demo_tells_its_story_and_cleans_up():
    with World() as w, tempfile.TemporaryDirectory() as tmp:
        env = dict(w.env, TMPDIR=tmp)
        r = w.run("demo", *place(w), env=env, timeout=240)
        out = r.stdout.decode()
        assert r.returncode == 0, (out, r.stderr)
        for word in ("Claude Code starts paired", "VS Code starts its own", "kill -9", "first hands its work over", "played by this program",
                     "not one of them is there", "recall", "Claude Code", PAIRED + " setup claude-code"):
            assert word in out, word
        assert not leftovers(tmp) and not r.stderr
        assert not os.path.exists(os.path.join(w.profile, "state"))  # the user's own was not touched


def test_demo_gives_its_figures_as_json():
    with World() as w, tempfile.TemporaryDirectory() as tmp:
        r = w.run("demo", "--json", *place(w), env=dict(w.env, TMPDIR=tmp), timeout=240)
        figures = json.loads(r.stdout)
        assert r.returncode == 0 and figures["ok"] and figures["failures"] == 0
        assert figures["disk"]["hits"] == 0 and figures["disk"]["files"] > 3
        assert figures["call"]["count"] == 2000 and 0 < figures["call"]["p50_us"] <= figures["call"]["p99_us"]


def test_an_interrupted_demo_cleans_up_too():
    with World() as w, tempfile.TemporaryDirectory() as tmp:
        p = subprocess.Popen([PAIRED, "demo"], env=dict(w.env, TMPDIR=tmp), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: leftovers(tmp) and os.path.exists(os.path.join(tmp, leftovers(tmp)[0], "run", "s1")), 20,
                   "the demo's engine")
        time.sleep(0.05)
        os.killpg(p.pid, signal.SIGINT)
        assert p.wait(60) in (0, 1)
        assert not leftovers(tmp) and not engines_below(tmp)


def test_whenever_it_is_interrupted_it_leaves_nothing():
    # An engine that has no socket yet, one that was just killed, one that its client never came to know. Every other
    # time only the demo is told, as a supervisor does.
    for step in range(16):
        with World() as w, tempfile.TemporaryDirectory() as tmp:
            p = subprocess.Popen([PAIRED, "demo"], env=dict(w.env, TMPDIR=tmp), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, start_new_session=True)
            wait_until(lambda: leftovers(tmp), 20, "the demo's profile")
            time.sleep(0.025 * (step // 2))
            if step % 2:
                os.kill(p.pid, signal.SIGTERM)
            else:
                os.killpg(p.pid, signal.SIGINT)
            told = p.communicate(timeout=60)[1].decode()
            assert p.returncode == 1 and "interrupted" in told, (step, p.returncode, told)
            assert not leftovers(tmp) and not engines_below(tmp), step


if __name__ == "__main__":
    main(globals())
