"""netns_host processes: starts them, reads what they say, judges it."""
import subprocess
import threading

import lan


class Engine:
    """One netns_host. Its lines are read by a thread, so that it never waits for us."""

    def __init__(self, program, host, of, ways):
        self.host, self.number, self.lines, self.sessions = host, host.number, [], {}
        self.asked_us = lan.now_us()
        self.started_us = None
        self.process = host.start(program, str(self.number), str(of), *ways, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            when, word, *rest = line.split()
            if word == "start":
                self.started_us = int(when)
            elif word == "up":
                self.sessions[int(rest[0])] = int(when)
            elif word == "down":
                self.sessions.pop(int(rest[0]), None)
            self.lines.append((int(when), word, rest))

    def said(self, word, since_us=0):
        return [line for line in list(self.lines) if line[1] == word and line[0] >= since_us]

    def info(self, word):
        """What it answers when it is asked how it is doing."""
        asked = lan.now_us()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        lan.wait_until("an answer", lambda: self.said(word, asked), 60)
        return self.said(word, asked)[0][2]

    def stop(self):
        """Ends it as its user would; it must end by itself, and well."""
        if self.process.poll() is None:
            self.process.stdin.close()
        code = self.process.wait(60)
        self.reader.join(60)
        assert not self.said("WRONG"), f"host {self.number}: {self.said('WRONG')}"
        assert code == 0 and self.said("end"), f"host {self.number} ended with {code}: {self.lines[-5:]}"


def all_met(engines):
    """Each has a session with each other one, as both of them see it."""
    return all(a is b or b.number in a.sessions for a in engines for b in engines)


def met_us(a, b):
    """When both sides had it."""
    return max(a.sessions[b.number], b.sessions[a.number])


def one_session_each(engines):
    """What is there beside the sessions in use (what was dialled at the same time) goes away."""
    for e in engines:
        def settled():
            used, _, all_of_them, *_ = e.info("sessions")
            return int(used) == len(engines) - 1 and int(all_of_them.rstrip(",")) == len(engines) - 1
        lan.wait_until(f"one session with each peer of host {e.number}: {e.info('sessions')}", settled, 30)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def figures(what, times_us):
    ms = [t / 1000 for t in times_us]
    print(f"{what:58} {len(ms):5} p50 {percentile(ms, 0.5):8.1f} p99 {percentile(ms, 0.99):8.1f} max {max(ms):8.1f} ms",
          flush=True)
