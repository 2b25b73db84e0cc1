"""A network of 2 to 250 hosts for a test: network namespaces joined by a bridge in another one.

Everything lives in a PID namespace of its own: when the script ends, however it ends, all its processes end and with
them all namespaces, interfaces and mounts. Nothing has a name outside, nothing is left to clean up. As root, or as the
root of a user namespace where users may have them.
"""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time

SKIP = 77
NET = "10.77.0"
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={dir}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy></busconfig>
"""
AVAHI = """[server]
host-name=host{number}
use-ipv4=yes
use-ipv6=yes
allow-interfaces=eth0
enable-dbus=yes
[publish]
publish-hinfo=no
publish-workstation=no
"""


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(SKIP)


def enter():
    """Runs this script again in namespaces of its own; returns in that second run only."""
    if os.environ.get("NETNS_ENTERED") == "1" and os.getpid() == 1:  # the first of its PID namespace
        return
    for program in ("unshare", "nsenter", "ip"):
        if not shutil.which(program):
            skip(f"{program} is not installed")
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        command[1:1] = ["--user", "--map-root-user"]
    tried = subprocess.run(command + ["ip", "link", "add", "br0", "type", "bridge"], capture_output=True, text=True)
    if tried.returncode != 0:
        skip(f"no network namespaces of its own here: {tried.stderr.strip()}")
    os.environ["NETNS_ENTERED"] = "1"
    os.execvp(command[0], command + [sys.executable, "-B"] + sys.argv)


def now_us():
    return time.monotonic_ns() // 1000


def wait_until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.002)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Host:
    """One machine: a namespace, held by a process that sleeps, with an interface eth0 at the bridge."""

    def __init__(self, lan, number):
        self.lan, self.number, self.dir = lan, number, os.path.join(lan.dir, f"h{number}")
        self.bus = self.avahi = None
        os.mkdir(self.dir)
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sleep", "infinity"])
        own, its = os.readlink("/proc/self/ns/mnt"), f"/proc/{self.holder.pid}/ns/mnt"
        wait_until("a namespace", lambda: os.readlink(its) != own)  # the mount namespace comes last
        ip("link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        ip("link", "set", f"p{number}", "master", "br0", "up")
        # No wait for duplicate addresses: there are none.
        self.run("sh", "-ec", "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip link set lo up; "
                 f"ip addr add {NET}.{number}/24 brd + dev eth0; ip link set eth0 up")

    def command(self, *words):
        return ["nsenter", f"--target={self.holder.pid}", "--net", "--mount", "--", *words]

    def environment(self):
        return dict(os.environ, HOME=self.dir, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.dir}/bus")

    def run(self, *words):
        subprocess.run(self.command(*words), check=True, env=self.environment())

    def start(self, *words, **more):
        return subprocess.Popen(self.command(*words), env=self.environment(), **more)

    def cable(self, plugged):
        """At the switch: the host sees its carrier go and come."""
        ip("link", "set", f"p{self.number}", "up" if plugged else "down")

    def interface(self, up):
        """At the host itself, as by its network manager: IPv6 addresses go and come, too."""
        self.run("ip", "link", "set", "eth0", "up" if up else "down")

    def bus_start(self):
        with open(f"{self.dir}/bus.conf", "w", encoding="utf-8") as file:
            file.write(BUS.format(dir=self.dir))
        self.bus = self.start("dbus-daemon", f"--config-file={self.dir}/bus.conf", "--nofork", "--nopidfile",
                              stderr=subprocess.DEVNULL)
        wait_until("a bus", lambda: os.path.exists(f"{self.dir}/bus"))

    def bus_stop(self):
        end(self.bus)
        self.bus = None
        os.unlink(f"{self.dir}/bus")

    def avahi_start(self):
        """The daemon's folder is fixed when it is built, so each host has a /run of its own."""
        with open(f"{self.dir}/avahi.conf", "w", encoding="utf-8") as file:
            file.write(AVAHI.format(number=self.number))
        log = open(f"{self.dir}/avahi.log", "ab")
        self.avahi = self.start(
            "sh", "-ec", f"mountpoint -q /run/avahi-daemon || {{ mkdir -p {self.dir}/run /run/avahi-daemon; "
            f"mount --bind {self.dir}/run /run/avahi-daemon; }}; exec avahi-daemon --no-drop-root --no-chroot --no-rlimits "
            f"--no-proc-title -f {self.dir}/avahi.conf", stdout=log, stderr=log)
        wait_until("avahi-daemon", self.avahi_answers)

    def avahi_answers(self):
        call = ["dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                "org.freedesktop.DBus.GetNameOwner", "string:org.freedesktop.Avahi"]
        return subprocess.run(call, env=self.environment(), capture_output=True).returncode == 0

    def avahi_stop(self):
        end(self.avahi)
        self.avahi = None


def end(process):
    process.kill()
    process.wait()


class Lan:
    def __init__(self, hosts):
        self.dir = tempfile.mkdtemp(prefix="paired-netns-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        ip("link", "set", "lo", "up")
        ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "stp_state", "0", "forward_delay", "0")
        ip("link", "set", "br0", "up")
        self.hosts = [Host(self, number) for number in range(1, hosts + 1)]

    def close(self):
        for host in self.hosts:
            for process in (host.avahi, host.bus, host.holder):
                if process:
                    end(process)
            # A namespace goes some time after its last process, and this end with it: now, unless it went already.
            subprocess.run(["ip", "link", "del", f"p{host.number}"], stderr=subprocess.DEVNULL, check=False)
        ip("link", "del", "br0")
        shutil.rmtree(self.dir, ignore_errors=True)
