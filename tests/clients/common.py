"""What the tests with real clients share: a home of their own, a tally, and what is left behind."""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = os.environ.get("PAIRED_TEST_NODE", "node")
CLAUDE = os.environ.get("PAIRED_TEST_CLAUDE", "claude")
MODULES = os.environ.get("PAIRED_TEST_MODULES", os.path.join(HERE, "node_modules"))


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, good, what, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print(("ok    " if good else "FAIL  ") + what + (f"  ({detail})" if detail else ""), flush=True)
        return good

    def note(self, what):
        print("      " + what, flush=True)

    def finish(self):
        path = os.environ.get("PAIRED_TEST_TALLY")
        if path:
            with open(path, "a", encoding="ascii") as f:
                f.write(f"{self.passed} {self.failed} {self.skipped}\n")
        else:
            print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed or not self.passed else 0


class Home:
    """Temporary home, profile and project. Nothing of the user's is seen or touched."""

    def __init__(self, paired):
        self.paired = paired
        self.dir = tempfile.mkdtemp(prefix="paired-clients-")
        self.profile = os.path.join(self.dir, "profile")
        self.project = os.path.join(self.dir, "project")
        os.mkdir(self.profile, 0o700)
        os.mkdir(self.project)
        keep = ("PATH", "LANG", "TERM", "ASAN_OPTIONS", "UBSAN_OPTIONS")
        self.env = {k: v for k, v in os.environ.items() if k in keep}
        self.env.update(HOME=self.dir, PAIRED_PROFILE=self.profile, NO_COLOR="1",
                        TMPDIR=self.dir, npm_config_update_notifier="false")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_engine()
        for pid in self.processes():
            print(f"common: killing what was left behind: {self.command(pid)}", file=sys.stderr)
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    @staticmethod
    def command(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""

    def processes(self):
        """Of this home: its path stands in their environment or on their command line."""
        found = []
        mark = self.dir.encode()
        for path in glob.glob("/proc/[0-9]*"):
            pid = int(path.split("/")[2])
            if pid == os.getpid():
                continue
            try:
                with open(path + "/stat", "rb") as f:
                    if f.read().rsplit(b")", 1)[1].split()[0] == b"Z":
                        continue
                for part in ("cmdline", "environ"):
                    with open(f"{path}/{part}", "rb") as f:
                        if mark in f.read():
                            found.append(pid)
                            break
            except OSError:
                continue
        return found

    def engines(self):
        return [p for p in self.processes() if " engine" in self.command(p)]

    def others(self):
        engines = self.engines()
        return [p for p in self.processes() if p not in engines]

    def stop_engine(self, seconds=10):
        """True: every engine of this profile has ended in order."""
        for pid in self.engines():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        return wait_for(lambda: not self.engines(), seconds)

    def run(self, command, seconds=120, env=None, **options):
        """Output of a command, as text; a hang is an answer, too."""
        start = time.monotonic()
        try:
            done = subprocess.run(command, cwd=self.project, env={**self.env, **(env or {})},
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=seconds, text=True, check=False,
                                  **options)
            code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
            code, output = -1, output.decode(errors="replace") if isinstance(output, bytes) else output
            output += f"\n[no end after {seconds} s]"
        return code, output, time.monotonic() - start


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
