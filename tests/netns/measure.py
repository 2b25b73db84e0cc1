#!/usr/bin/env python3
"""Prints how long engines need to find each other. On demand, on a quiet machine, with the release build:
measure.py NETNS_HOST [ROUNDS]. Sessions are authenticated, as both sides see them; a start is counted from before the
engine's sockets are opened."""
import os
import sys

import lan
from engines import Engine, all_met, figures, met_us, one_session_each

PROGRAM = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5


def at_once(net, ways, rounds, what):
    times = []
    for _ in range(rounds):
        engines = [Engine(PROGRAM, host, len(net.hosts), ways) for host in net.hosts]
        lan.wait_until("all have met", lambda: all_met(engines), 120)
        times += [met_us(a, b) - max(a.started_us, b.started_us) for a in engines for b in engines if a.number < b.number]
        for e in engines:
            e.stop()
    figures(f"{what}, {len(net.hosts)} hosts: all start at once, each session", times)


def restarts(net, ways, rounds, what):
    """Each host in turn goes and comes again, while the others stay; what they have announced has arrived."""
    engines = [Engine(PROGRAM, host, len(net.hosts), ways) for host in net.hosts]
    lan.wait_until("all have met", lambda: all_met(engines), 120)
    times, first = [], []
    for _ in range(rounds):
        for at, host in enumerate(net.hosts):
            engines[at].stop()
            lan.wait_until("it is missed", lambda: all(host.number not in e.sessions for e in engines if e.host is not host))
            # Somebody who comes, not somebody who is back within a second: then limits hold answers and dials back.
            lan.time.sleep(2)
            engines[at] = new = Engine(PROGRAM, host, len(net.hosts), ways)
            lan.wait_until("it has met all again", lambda: all_met(engines), 120)
            of_it = [met_us(new, e) - new.started_us for e in engines if e is not new]
            times += of_it
            first.append(min(of_it))
    figures(f"{what}, {len(net.hosts)} hosts: a peer starts, each session", times)
    figures(f"{what}, {len(net.hosts)} hosts: a peer starts, its first session", first)
    one_session_each(engines)
    return engines


def back(engines, rounds, how, what):
    times = []
    for _ in range(rounds):
        host = engines[0].host
        getattr(host, how)(False)
        lan.time.sleep(2)
        since = lan.now_us()
        getattr(host, how)(True)
        lan.wait_until("sessions again", lambda: all_met(engines) and
                       all(met_us(engines[0], e) > since or lan.now_us() - since > 2000000 for e in engines[1:]))
        times += [max(0, met_us(engines[0], e) - since) for e in engines[1:]]
    figures(f"{what}, {len(engines)} hosts: {how} back after 2 s, each session", times)
    one_session_each(engines)


def main():
    lan.enter()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    for hosts in (2, 5, 10, 20):
        net = lan.Lan(hosts)
        at_once(net, ("beacon",), ROUNDS, "beacon")
        engines = restarts(net, ("beacon",), max(1, ROUNDS * 20 // hosts // 4), "beacon")
        back(engines, ROUNDS, "cable", "beacon")
        back(engines, ROUNDS, "interface", "beacon")
        for e in engines:
            e.stop()
        if hosts <= 5:
            for host in net.hosts:
                host.bus_start()
                host.avahi_start()
            at_once(net, ("mdns",), ROUNDS, "Avahi")
            engines = restarts(net, ("mdns",), max(1, ROUNDS * 20 // hosts // 4), "Avahi")
            back(engines, ROUNDS, "cable", "Avahi")
            for e in engines:
                e.stop()
        net.close()


main()
