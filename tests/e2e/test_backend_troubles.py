"""What a program is told when its backend cannot be reached or will not answer: in its API's form, which backend, what to
do, no key, and soon. Everything is on this machine: certificates and proxy are made here."""
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import oracle
import process_lib as p
from faulty import Answer, Faulty
from test_gateway import Gate as Held

KEY = "sk-ant-test-0123456789abcdef"
PATHS = {"anthropic": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}


class Gate(Held):
    """One backend, wherever `url` leads."""

    def __init__(self, url, env=(), family="anthropic", model="m", settings=()):
        self.world, self.backends = p.World(**dict(env)), []
        self.folder = os.path.join(self.world.dir, "work")
        os.mkdir(self.folder)
        for k, v in settings:
            self.paired("config", "set", k, v)
        self.paired("backends", "add", "mine", "--family", family, "--url", url, "--model", model, "--key-stdin",
                    input=KEY.encode() + b"\n")
        self.paired("consent", "grant", "mine", "--yes")
        self.hold()

    def ask(self, family="anthropic", stream=False, model="m"):
        body = {"model": model, "stream": stream}
        body.update({"input": "case 1"} if family == "responses" else
                    {"max_tokens": 50, "messages": [{"role": "user", "content": "case 1"}]})
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        c.request("POST", PATHS[family], json.dumps(body), {"x-api-key": self.token})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, data


def trouble(url, *wanted, status=None, retry=True, problem=(), **gate):
    """Each family and form is told; `wanted` words are in the message. `paired backends test` says that it is `problem`."""
    with Gate(url, **gate) as g:
        for family, stream in (("anthropic", True), ("chat", False), ("responses", True)):
            got, headers, data = g.ask(family, stream)
            message = oracle.error_of(family, data)["message"]
            assert got >= 400 and (status is None or got == status), (got, data)
            for word in ("mine", *wanted):
                assert word.lower() in message.lower(), (word, message)
            assert KEY not in data.decode() and KEY not in g.world.log()
            assert (headers.get("x-should-retry") == "false") == (not retry), (got, headers)
            if family == "anthropic":
                p.report("%d %s" % (got, message[:230]))
        if problem:
            r = subprocess.run([p.PAIRED, "backends", "test", "mine", "--json"], env=g.world.env, cwd=g.folder, timeout=60,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            seen, = json.loads(r.stdout)["backends"]
            assert r.returncode == 3 and seen["problem"] in problem and seen["help"], seen
            p.report("test: %s: %s %s" % (seen["problem"], seen["what"][:120], seen["help"][:120]))
            return seen


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_backend_that_is_down():
    trouble("http://127.0.0.1:%d" % closed_port(), "nothing answers", "running", status=502, problem=("down",))


def test_a_key_that_is_refused_is_not_repeated():
    b = Faulty("anthropic", {1: Answer("x")}, lambda _c, _a: "401")
    try:
        trouble(b.url, "key was refused", "backends add mine", "--key-stdin", status=401, retry=False)
    finally:
        b.close()


def test_an_address_that_swallows_connections():
    """A queue that is full and never emptied: no answer to a SYN, as behind a firewall."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    fill = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(server.getsockname())
        fill.append(s)
    try:
        begin = time.monotonic()
        trouble("http://127.0.0.1:%d" % server.getsockname()[1], "no connection in time", status=504, problem=("slow",))
        assert time.monotonic() - begin < 3 * 3 * (2 + 4) * p.SLOW  # asks, attempts, connection and wait
    finally:
        for s in (*fill, server):
            s.close()


def test_a_name_that_nobody_knows():
    trouble("https://no-such-host.invalid", "network", problem=("dns", "no-network"))  # a resolver without a network may time out instead


def test_a_proxy_that_is_down():
    trouble("https://backend.invalid", "proxy", "HTTPS_PROXY", "paired stop", problem=("proxy",), env={"HTTPS_PROXY": "http://127.0.0.1:%d" % closed_port()})


class Proxy:
    """CONNECT as it is told: a status that refuses, or through to one port whatever the name."""

    def __init__(self, refuse=None, to=None):
        self.refuse, self.to = refuse, to
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            more = s.recv(4096)
            if not more:
                return
            head += more
        if self.refuse:
            s.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.refuse)
            s.close()
            return
        other = socket.create_connection(("127.0.0.1", self.to))
        s.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        def copy(a, b):
            try:
                while True:
                    data = a.recv(65536)
                    if not data:
                        break
                    b.sendall(data)
            except OSError:
                pass
            for x in (a, b):
                try:
                    x.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        threading.Thread(target=copy, args=(other, s), daemon=True).start()
        copy(s, other)

    def close(self):
        self.socket.close()


def test_a_proxy_that_refuses():
    for status in (407, 403):
        proxy = Proxy(refuse=status)
        try:
            trouble("https://backend.invalid", "proxy", str(status), problem=("proxy",), env={"HTTPS_PROXY": proxy.url})
        finally:
            proxy.close()


# --- certificates

CONFIG = """
[ca]
default_ca = d
[d]
new_certs_dir = {dir}
database = {dir}/index
serial = {dir}/serial
default_md = sha256
policy = any
certificate = {dir}/ca.pem
private_key = {dir}/ca.key
[any]
commonName = supplied
[leaf]
subjectAltName = {san}
[req]
distinguished_name = dn
[dn]
"""


class Certificates:
    def __init__(self):
        if not shutil.which("openssl"):
            raise p.Skip("no openssl command")
        self.world = p.World()
        self.dir = self.world.dir
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
                     "-out", "ca.pem", "-subj", "/CN=a test", "-days", "3650")
        self.ca = os.path.join(self.dir, "ca.pem")
        for name, text in (("index", ""), ("serial", "01\n")):
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)

    def openssl(self, *argv):
        r = subprocess.run(["openssl", *argv], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert r.returncode == 0, r.stdout.decode()

    def make(self, name, start, end, san="IP:127.0.0.1"):
        with open(os.path.join(self.dir, "c.cnf"), "w") as f:
            f.write(CONFIG.format(dir=self.dir, san=san))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
                     "-out", name + ".csr", "-subj", "/CN=" + name, "-config", "c.cnf")
        self.openssl("ca", "-batch", "-notext", "-config", "c.cnf", "-extensions", "leaf", "-startdate", start,
                     "-enddate", end, "-in", name + ".csr", "-out", name + ".pem")
        return os.path.join(self.dir, name + ".pem"), os.path.join(self.dir, name + ".key")

    def close(self):
        self.world.__exit__(None, None, None)


class Tls:
    """A backend of Anthropic's API behind TLS."""

    def __init__(self, certificate, key, output_tokens=5):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps({"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                                   "stop_sequence": None, "content": [{"type": "text", "text": "secure"}],
                                   "usage": {"input_tokens": 10, "output_tokens": output_tokens}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

            def finish_request(self, request, address):
                self.RequestHandlerClass(context.wrap_socket(request, server_side=True), address, self)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_certificates_that_do_not_do():
    c = Certificates()
    try:
        for name, start, end, san, trusted, problem, words in (
                ("self", "20200101000000Z", "20991231235959Z", "IP:127.0.0.1", False, "tls", ("SSL_CERT_FILE",)),
                ("old", "20200101000000Z", "20210101000000Z", "IP:127.0.0.1", True, "clock", ("expired", "clock")),
                ("new", "20980101000000Z", "20991231235959Z", "IP:127.0.0.1", True, "clock", ("begins later", "set the clock")),
                ("other", "20200101000000Z", "20991231235959Z", "DNS:elsewhere.invalid", True, "tls", ("another host name",))):
            server = Tls(*c.make(name, start, end, san))
            try:
                seen = trouble("https://127.0.0.1:%d" % server.port, *words, problem=(problem,),
                               env={"SSL_CERT_FILE": c.ca} if trusted else {})
                assert ("another host name" in seen["what"]) == (name == "other"), seen
            finally:
                server.close()
    finally:
        c.close()


def test_a_backend_behind_a_proxy_and_a_budget_that_is_spent():
    c = Certificates()
    server = Tls(*c.make("good", "20200101000000Z", "20991231235959Z", "DNS:backend.invalid"), output_tokens=900000)
    proxy = Proxy(to=server.port)
    try:
        with Gate("https://backend.invalid", env={"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": c.ca}, model="claude-opus-4-5",
                  settings=[("models.budget_day_usd", "1")]) as g:
            status, _, data = g.ask(model="claude-opus-4-5")
            assert status == 200 and b"secure" in data, (status, data)

            def spent():  # what it cost is written a moment later, and plans live for some seconds
                status, headers, data = g.ask(model="claude-opus-4-5")
                return status == 402 and headers["x-should-retry"] == "false" and b"paired budget" in data and b"mine" in data
            p.wait_until(spent, 60, "the budget is spent")
    finally:
        proxy.close()
        server.close()
        c.close()


if __name__ == "__main__":
    p.main(globals())
