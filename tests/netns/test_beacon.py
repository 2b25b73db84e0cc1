#!/usr/bin/env python3
"""Engines on one network find each other by the beacon: those that come later, those that come at once, those whose
cable was out. Prints how long it took; asserts that it happens, and that there is one session a pair.
Argument: netns_host."""
import sys
import time

import lan
from engines import Engine, all_met, figures, met_us, one_session_each

PROGRAM, HOSTS = sys.argv[1], 4


def come_one_after_the_other(net, ways=("beacon",)):
    engines, times = [], []
    for host in net.hosts:
        new = Engine(PROGRAM, host, len(net.hosts), ways)
        engines.append(new)
        lan.wait_until(f"host {host.number} has met all", lambda: all_met(engines))
        times += [met_us(new, old) - new.started_us for old in engines[:-1]]
    figures("beacon: a peer starts, session", times)
    one_session_each(engines)
    return engines


def cable_out_and_in(engines, seconds, how):
    host = engines[0].host
    getattr(host, how)(False)
    time.sleep(seconds)  # what is tested is what happened meanwhile
    back = lan.now_us()
    getattr(host, how)(True)

    def again():
        return all_met(engines) and all(e.info("sessions") for e in engines)
    lan.wait_until("sessions again", again)
    times = [max(0, met_us(engines[0], other) - back) for other in engines[1:]]
    figures(f"beacon: {how} back after {seconds} s, session", times)
    one_session_each(engines)


def come_at_once(net):
    engines = [Engine(PROGRAM, host, len(net.hosts), ("beacon",)) for host in net.hosts]
    lan.wait_until("all have met", lambda: all_met(engines))
    figures("beacon: all start at once, session",
            [met_us(a, b) - max(a.started_us, b.started_us) for a in engines for b in engines if a.number < b.number])
    one_session_each(engines)
    return engines


def main():
    lan.enter()
    net = lan.Lan(HOSTS)
    for start in (come_one_after_the_other, come_at_once):
        engines = start(net)
        if start == come_one_after_the_other:
            cable_out_and_in(engines, 2, "cable")
            cable_out_and_in(engines, 2, "interface")
            assert all(len(e.said("network")) > 0 for e in engines[:1])
        for e in engines:
            e.stop()
    net.close()


main()
