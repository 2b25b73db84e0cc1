"""Two engines on one machine find each other with no address typed, to pair and after both have moved; what strangers
can see of it; and the setting that switches it off. Networks of more machines: tests/netns."""
import json
import os
import socket
import struct
import threading
import time

from process_lib import SLOW, World, main, only_alone, wait_until
from test_cli import OK, data, run
from test_pair import Pair, state

WAIT_S = 30 * SLOW
GROUP, PORT = "239.255.76.67", 7667


class Two:
    """Ada and Grace, who may be heard and found."""

    def __init__(self, ways="beacon"):
        self.ways = ways

    def __enter__(self):
        self.both = World(), World()
        for w in self.both:
            w.__enter__()
            w.env["PAIRED_FEDERATION_DISCOVERY"] = self.ways
            run(w, "federation", "on", timeout=WAIT_S)
        return self.both

    def __exit__(self, *exc):
        for w in self.both:
            w.__exit__(*exc)


class Ear:
    """Somebody in the neighbourhood who hears every announcement."""

    def __enter__(self):
        self.heard, self.ending = [], False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((GROUP, PORT))
        join = socket.inet_aton(GROUP) + struct.pack("@I", 0) + struct.pack("@i", socket.if_nametoindex("lo"))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join)
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self._hear)
        self.thread.start()
        return self

    def _hear(self):
        while not self.ending:
            try:
                self.heard.append(self.socket.recv(65536))
            except socket.timeout:
                pass

    def __exit__(self, *exc):
        self.ending = True
        self.thread.join()
        self.socket.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pair_by_code_alone(ada, grace):
    host = Pair(ada, "--yes", "--name", "Ada")
    code, _ = host.code()
    guest = Pair(grace, "-", "--yes", "--name", "Grace", stdin=code + "\n")
    host, guest = host.end(OK), guest.end(OK)
    assert host["event"] == guest["event"] == "paired", (host, guest)


def connected(w, name):
    return state(w) == [(name, "connected")]


def test_they_pair_and_find_each_other_again_after_both_have_moved():
    with Two() as (ada, grace):
        pair_by_code_alone(ada, grace)
        wait_until(lambda: connected(ada, "Grace") and connected(grace, "Ada"), WAIT_S, "they are connected")
        for w in (ada, grace):  # nothing that either remembers of the other is right afterwards
            run(w, "stop")
        for w in (ada, grace):
            run(w, "config", "set", "federation.port", str(free_port()))
        for w in (ada, grace):
            assert data(w, "federation")["state"] == "running"
        wait_until(lambda: connected(ada, "Grace") and connected(grace, "Ada"), WAIT_S, "they are connected again")
        tried = [a["from"] for w in (ada, grace) for p in data(w, "peers")["peers"] for a in p.get("attempts", [])]
        assert "beacon" in tried, tried
        hints = [data(w, "federation")["discovery"]["beacon"]["hints"] for w in (ada, grace)]
        assert sum(hints) > 0, hints


def test_what_a_stranger_hears_says_nothing_of_who_they_are():
    with Two() as (ada, grace), Ear() as ear:
        pair_by_code_alone(ada, grace)
        wait_until(lambda: connected(ada, "Grace") and connected(grace, "Ada"), WAIT_S, "they are connected")
        wait_until(lambda: len(ear.heard) >= 4, WAIT_S, "announcements are heard")
        secrets = [b"Ada", b"Grace"]
        for w in (ada, grace):
            for key in ("identity", "device"):
                text = data(w, "identity")[key]
                secrets += [text.encode(), bytes.fromhex(text)[:8]]
        for datagram in ear.heard:
            assert len(datagram) == 512 and datagram[:4] == b"PRD\1" and datagram[5:8] == b"\0\0\0", datagram[:16]
            for secret in secrets:
                assert secret not in datagram, secret


def test_mdns_that_is_not_there_keeps_nobody():
    """Whatever this machine has for mDNS: the engine answers, and the beacon finds the friend."""
    with Two("on") as (ada, grace):
        for w in (ada, grace):  # no bus where the engine looks for one
            w.env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=" + os.path.join(w.dir, "no-bus")
            run(w, "stop")
        pair_by_code_alone(ada, grace)
        wait_until(lambda: connected(ada, "Grace") and connected(grace, "Ada"), WAIT_S, "they are connected")
        wait_until(lambda: data(ada, "federation")["discovery"]["mdns"]["state"] in ("no-bus", "no-library"), WAIT_S,
                   json.dumps(data(ada, "federation")))
        said = run(ada, "federation")[0]
        assert "discovery   beacon, mdns: no-" in said, said
        checks = {c["id"]: c for c in json.loads(ada.run("doctor", "--json").stdout)["checks"]}
        assert "beacon ready, mdns no-" in checks["federation.discovery"]["found"], checks["federation.discovery"]
        begin = time.monotonic()
        run(ada, "federation", "off")
        assert time.monotonic() - begin < WAIT_S


def test_off_nothing_is_said():
    with Two("off") as (ada, grace):
        assert data(ada, "federation")["discovery"] == {}
        assert "discovery   off" in run(ada, "federation")[0]


if __name__ == "__main__":
    only_alone(__file__)
    main(globals())
