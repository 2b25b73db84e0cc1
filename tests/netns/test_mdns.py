#!/usr/bin/env python3
"""Discovery by real avahi-daemons, one a host with a D-Bus of its own: alone; and where the daemon is absent, hangs, is
restarted or has no bus, when nothing of the engine may wait and the beacon still finds everybody.
Argument: netns_host."""
import os
import shutil
import signal
import sys
import time

import lan
from engines import Engine, all_met, figures, met_us, one_session_each

PROGRAM, HOSTS = sys.argv[1], 3
BOTH = ("beacon", "mdns")


def state(engine):
    return engine.info("mdns")[0]


def reaches(engine, wanted, seconds=60):
    lan.wait_until(f"mDNS of host {engine.number} is {wanted}, not {engine.info('mdns')}",
                   lambda: state(engine) == wanted, seconds)


def by_avahi_alone(net):
    engines, times = [], []
    for host in net.hosts:
        new = Engine(PROGRAM, host, len(net.hosts), ("mdns",))
        engines.append(new)
        lan.wait_until(f"host {host.number} has met all by mDNS", lambda: all_met(engines), 60)
        times += [met_us(new, old) - new.started_us for old in engines[:-1]]
        # An engine that comes while the others' first announcements are out is another case, not this one.
        reaches(new, "ready")
    figures("Avahi alone: a peer starts, session", times)
    assert all(line[2][0] == "mdns" for e in engines for line in e.said("hint"))
    one_session_each(engines)
    return engines


def a_daemon_is_restarted(net, engines):
    host = net.hosts[0]
    host.avahi_stop()
    reaches(engines[0], "no-daemon")
    assert len(engines[0].sessions) == len(engines) - 1  # what stands does not need it
    engines[1].stop()
    host.avahi_start()
    reaches(engines[0], "ready")
    engines[1] = Engine(PROGRAM, net.hosts[1], len(engines), ("mdns",))
    lan.wait_until("a session after the restart", lambda: all_met(engines), 60)


def stop_all(engines):
    for e in engines:
        e.stop()


def a_hung_daemon_holds_nobody(net):
    """Both at its start and while it serves. Stopping waits for 0.1 s, whatever the daemon does; a generous bound is
    asserted, since a loaded machine may take its time, and the daemon would take 25 s."""
    host = net.hosts[0]
    host.avahi.send_signal(signal.SIGSTOP)
    engines = [Engine(PROGRAM, h, len(net.hosts), BOTH) for h in net.hosts]
    lan.wait_until("all have met by beacon", lambda: all_met(engines))
    one_session_each(engines)
    reaches(engines[0], "silent")
    figures("daemon of one host hangs: all start at once, session",
            [met_us(a, b) - max(a.started_us, b.started_us) for a in engines for b in engines if a.number < b.number])
    begin = time.monotonic()
    engines[0].info("sessions")
    print(f"  the engine beside the hung daemon answers in {(time.monotonic() - begin) * 1000:.1f} ms")
    engines[0].stop()
    took = int(engines[0].said("stopped")[0][2][1])
    print(f"  and stops its mDNS in {took / 1000:.1f} ms")
    assert took < 5_000_000
    host.avahi.send_signal(signal.SIGCONT)
    engines[0] = Engine(PROGRAM, host, len(engines), BOTH)
    lan.wait_until("it is back", lambda: all_met(engines))
    reaches(engines[0], "ready")
    host.avahi.send_signal(signal.SIGSTOP)  # while it serves
    engines[0].info("sessions")
    engines[1].stop()
    engines[1] = Engine(PROGRAM, net.hosts[1], len(engines), BOTH)
    lan.wait_until("all have met again", lambda: all_met(engines))
    stop_all(engines)
    host.avahi.send_signal(signal.SIGCONT)


def no_daemon_and_no_bus(net):
    net.hosts[0].avahi_stop()
    net.hosts[1].avahi_stop()
    net.hosts[1].bus_stop()
    engines = [Engine(PROGRAM, h, len(net.hosts), BOTH) for h in net.hosts]
    lan.wait_until("all have met by beacon", lambda: all_met(engines))
    reaches(engines[0], "no-daemon")
    reaches(engines[1], "no-bus")
    reaches(engines[2], "ready")
    one_session_each(engines)
    net.hosts[1].bus_start()  # and when they come they are used
    net.hosts[1].avahi_start()
    reaches(engines[1], "ready", 120)
    stop_all(engines)


def main():
    for program in ("avahi-daemon", "dbus-daemon", "dbus-send"):
        if not shutil.which(program) and not os.path.exists(f"/usr/sbin/{program}"):
            lan.skip(f"{program} is not installed")
    lan.enter()
    net = lan.Lan(HOSTS)
    for host in net.hosts:
        host.bus_start()
        host.avahi_start()
    engines = by_avahi_alone(net)
    a_daemon_is_restarted(net, engines)
    stop_all(engines)
    a_hung_daemon_holds_nobody(net)
    no_daemon_and_no_bus(net)
    net.close()


main()
