#!/usr/bin/env python3
"""What the gateway adds: paired beside nginx (the floor) and claude-code-router, before one and the same backend.

    gateway_bench.py PAIRED [--seconds=N] [--npm] [--quick]

The backend is another nginx that answers at once. Needs nginx and wrk (Debian: nginx-light wrk); --npm installs
@musistudio/claude-code-router 2.0.0 into a temporary folder and measures it, too. All on loopback, all in one run:
compare within a table, not between tables. Latency is with one connection, the rate with 16. "auto" is a request that
lets the router choose among three models, with prose that it has to read."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ARGS = [a for a in sys.argv[1:] if not a.startswith("--")]
FLAGS = {a.split("=")[0]: a.partition("=")[2] or "1" for a in sys.argv[1:] if a.startswith("--")}
SECONDS = 1 if "--quick" in FLAGS else int(FLAGS.get("--seconds", "5"))


def free_ports(n):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


BACKEND, FLOOR, CCR = free_ports(3)
PROSE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "MODELS.md")

ANSWER = json.dumps({"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                     "stop_sequence": None, "content": [{"type": "text", "text": "x" * 3000}],
                     "usage": {"input_tokens": 10, "output_tokens": 5}})
EVENTS = [("message_start", {"type": "message_start", "message": {
    "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}}),
    ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})]
EVENTS += [("content_block_delta", {"type": "content_block_delta", "index": 0,
                                    "delta": {"type": "text_delta", "text": "w%d " % i}}) for i in range(24)]
EVENTS += [("content_block_stop", {"type": "content_block_stop", "index": 0}),
           ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                              "usage": {"output_tokens": 24}}), ("message_stop", {"type": "message_stop"})]
STREAM = "".join("event: %s\ndata: %s\n\n" % (n, json.dumps(e, separators=(",", ":"))) for n, e in EVENTS)


def nginx_conf(folder):
    stream = STREAM.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return """worker_processes 1; master_process off; pid %s/pid; error_log %s/error; daemon off;
events { worker_connections 512; }
http { access_log off; client_max_body_size 50m; client_body_buffer_size 1m; client_body_temp_path %s/t1;
proxy_temp_path %s/t2; fastcgi_temp_path %s/t3; uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;
keepalive_requests 100000000; keepalive_timeout 600;
upstream b { server 127.0.0.1:%d; keepalive 64; keepalive_requests 100000000; }
server { listen 127.0.0.1:%d;
  location /s/ { default_type text/event-stream; return 200 "%s"; }
  location / { default_type application/json; return 200 '%s'; } }
server { listen 127.0.0.1:%d; location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://b; } }
}""" % ((folder,) * 7 + (BACKEND, BACKEND, stream, ANSWER, FLOOR))


def prose(size):
    with open(PROSE, encoding="utf-8") as f:
        return f.read(size)


def lua(folder, name, size, stream, auto=False):
    text = prose(size) if auto else "hello world " * (size // 12)
    body = json.dumps({"model": "auto" if auto else "m1", "max_tokens": 100, "stream": stream,
                       "messages": [{"role": "user", "content": text}]})
    path = os.path.join(folder, name + ".lua")
    with open(path, "w", encoding="ascii") as f:
        f.write('wrk.method="POST"\nwrk.headers["content-type"]="application/json"\n'
                'wrk.headers["x-api-key"]=os.getenv("TOKEN")\nwrk.body=[==[%s]==]\n' % body)
    return path


def milliseconds(text):
    value, unit = re.match(r"([\d.]+)(us|ms|s)$", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def measure(url, token, script, connections, pid):
    before = cpu_seconds(pid)
    out = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % SECONDS, "--latency", "-s", script, url],
                         env=dict(os.environ, TOKEN=token), capture_output=True, text=True, check=False).stdout
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    if "Non-2xx" in out or "Socket errors" in out:
        print("gateway_bench: %s: %s" % (url, re.sub(r"\s+", " ", out[-200:])), file=sys.stderr)
    if requests == 0:
        sys.exit("gateway_bench: %s answered nothing in %d s: %s" % (url, SECONDS, out))
    return {"p50": milliseconds(re.search(r"^\s+50%\s+(\S+)$", out, re.M).group(1)),
            "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            "cpu": (cpu_seconds(pid) - before) / max(requests, 1) * 1e6}


class Paired:
    def __init__(self, program, folder, started):
        self.env = dict(os.environ, HOME=folder, PAIRED_PROFILE=os.path.join(folder, "profile"))
        os.mkdir(self.env["PAIRED_PROFILE"], 0o700)
        self.program, self.work = program, os.path.join(folder, "work")
        os.mkdir(self.work)
        for name, path in (("plain", ""), ("stream", "/s")):
            self.run("backends", "add", name, "--family", "anthropic", "--url",
                     "http://127.0.0.1:%d%s" % (BACKEND, path), "--model", "m1", "--key-stdin", input="k\n")
        self.run("consent", "grant", "plain", "--yes")
        self.holder = subprocess.Popen([program, "gateway", "run", "--", "sh", "-c",
                                        "echo $ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN; cat"], env=self.env,
                                       cwd=self.work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(self)
        self.url, self.token = self.holder.stdout.readline().split()
        self.pid = json.loads(self.run("status", "--json"))["pid"]

    def run(self, *argv, input=""):
        return subprocess.run([self.program, *argv], input=input, env=self.env, cwd=self.work, capture_output=True,
                              text=True, check=True).stdout

    def streams(self):
        self.run("consent", "grant", "stream", "--yes")
        self.run("consent", "revoke", "plain")

    def three_models(self):
        self.run("backends", "add", "three", "--family", "anthropic", "--url", "http://127.0.0.1:%d" % BACKEND,
                 "--model", "big=claude-opus-4-5", "--model", "middle=claude-sonnet-4-5",
                 "--model", "small=claude-haiku-4-5", "--key-stdin", input="k\n")
        self.run("consent", "grant", "three", "--yes")
        self.run("consent", "revoke", "stream")

    def terminate(self):
        self.holder.stdin.close()
        self.holder.wait(20)
        self.run("stop")


class Router:
    """claude-code-router, as its README says."""

    def __init__(self, folder, started):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder,
                        "@musistudio/claude-code-router@2.0.0"], check=True, stdout=subprocess.DEVNULL)
        home = os.path.join(folder, "home", ".claude-code-router")
        os.makedirs(home)
        with open(os.path.join(home, "config.json"), "w", encoding="ascii") as f:
            json.dump({"PORT": CCR, "LOG": False, "Providers": [{
                "name": "b", "api_base_url": "http://127.0.0.1:%d/v1/messages" % BACKEND, "api_key": "k",
                "models": ["m1"], "transformer": {"use": ["Anthropic"]}}], "Router": {"default": "b,m1"}}, f)
        script = os.path.join(folder, "node_modules/@musistudio/claude-code-router/dist/cli.js")
        self.process = subprocess.Popen(["node", script, "start"], env=dict(os.environ, HOME=os.path.join(folder, "home")),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(self.process)
        self.url, self.token, self.pid = "http://127.0.0.1:%d" % CCR, "x", self.process.pid
        self.await_answer()

    def await_answer(self):
        end = time.monotonic() + 90
        while True:
            try:
                request = urllib.request.Request(self.url + "/v1/messages", b'{"model":"m1","max_tokens":9,"messages":'
                                                 b'[{"role":"user","content":"hello"}]}',
                                                 {"Content-Type": "application/json", "x-api-key": self.token})
                with urllib.request.urlopen(request, timeout=20) as answer:
                    answer.read()
                return
            except OSError as e:
                if time.monotonic() > end or self.process.poll() is not None:
                    sys.exit("gateway_bench: claude-code-router does not answer: %s" % e)
                time.sleep(0.5)


def row(what, cells):
    print("%-34s" % what + "".join("%14s" % c for c in cells), flush=True)


def verdict(reached, limit, text):
    return "%s %s" % ("ok" if reached <= limit else "MISS", text)


def compare(title, names, results, limits, direct):
    limit_added, limit_rate, limit_cpu = limits
    row(title + " p50, ms", ["%.3f" % results[n][0]["p50"] for n in names])
    added = {n: results[n][0]["p50"] - results[direct][0]["p50"] for n in names}
    row("  added, ms", ["%.3f" % added[n] for n in names] +
        [verdict(added["paired"], limit_added, "%.2f" % limit_added)])
    rate, cpu = results["paired"][1]["rate"], results["paired"][1]["cpu"]
    row("  requests/s with 16", ["%.0f" % results[n][1]["rate"] for n in names] +
        ([verdict(limit_rate, rate, "%d" % limit_rate)] if limit_rate else []))
    row("  CPU a request, us", ["%.0f" % results[n][1]["cpu"] for n in names] +
        ([verdict(cpu, limit_cpu, "%d" % limit_cpu)] if limit_cpu else []))


def main():
    for tool in ("nginx", "wrk"):
        if not shutil.which(tool):
            sys.exit("gateway_bench: needs %s (Debian: nginx-light wrk)" % tool)
    folder = tempfile.mkdtemp(prefix="gateway-bench-")
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as f:
        f.write(nginx_conf(folder))
    nginx = subprocess.Popen(["nginx", "-c", os.path.join(folder, "nginx.conf")], stderr=subprocess.DEVNULL)
    started = [nginx]
    try:
        compare_all(folder, nginx, started)
    finally:
        for each in reversed(started):
            each.terminate()
        shutil.rmtree(folder, ignore_errors=True)


def compare_all(folder, nginx, started):
    time.sleep(0.5)
    with open("/proc/loadavg", encoding="ascii") as f:
        print("machine: %d cores, load %s" % (os.cpu_count(), f.read().rsplit(" ", 2)[0]))
    paired = Paired(os.path.abspath(ARGS[0]), folder, started)
    others = {"direct": ("http://127.0.0.1:%d" % BACKEND, "x", nginx.pid),
              "nginx": ("http://127.0.0.1:%d" % FLOOR, "x", nginx.pid),
              "paired": (paired.url, paired.token, paired.pid)}
    if "--npm" in FLAGS:
        router = Router(tempfile.mkdtemp(prefix="ccr-", dir=folder), started)
        others["router"] = (router.url, router.token, router.pid)
    names = list(others)
    row("", names)
    for title, size, stream, auto, limits in (
            ("5 KB", 5000, False, False, (.15, 10000, 100)), ("200 KB", 200000, False, False, (3, 0, 0)),
            ("5 KB, 28 events", 5000, True, False, (.15, 0, 100)), ("5 KB, auto", 5000, False, True, (.15, 0, 100))):
        if stream:
            paired.streams()
        if auto:
            paired.three_models()
        script = lua(folder, "s%d%d%d" % (size, stream, auto), size, stream, auto)
        results = {}
        for name in names:
            url, token, pid = others[name]
            path = ("/s" if stream and name in ("direct", "nginx") else "") + "/v1/messages"
            results[name] = [measure(url + path, token, script, c, pid) for c in (1, 16)]
        compare(title, names, results, limits, "direct")
    row("RSS, MB", ["%.1f" % rss_mb(others[n][2]) for n in names])


if __name__ == "__main__":
    main()
