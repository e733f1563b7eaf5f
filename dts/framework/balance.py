# SPDX-License-Identifier: BSD-3-Clause
"""What the suites of balance-tlb and balance-alb need: hosts behind the switch, flows of known rates, a member of a chosen speed."""
import fcntl
import os
import select
import socket
import struct
import threading
import time

from .peers.host import Host
from .topology import BOND_ADDRESS
from .wait import eventually

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class Hosts:
    """`count` hosts behind the switch of a topology, the first being its own host: 192.0.2.2, .3, …"""

    def __init__(self, lab, topology, count):
        self.hosts = [topology.host]
        for number in range(1, count):
            host = Host(topology.bridge, port=f"swh{number}", addresses=(f"192.0.2.{2 + number}/24",))
            lab.enter(_Closing(host.delete))
            self.hosts.append(host)
        self.addresses = [f"192.0.2.{2 + number}" for number in range(count)]
        self.namespaces = [host.ns for host in self.hosts]

    def known_mac(self, number):
        """Which MAC host `number` has for the bond; None: none that works."""
        for entry in self.namespaces[number].ip_json("neigh", "show", BOND_ADDRESS, "dev", "h0"):
            if "FAILED" not in entry.get("state", []):
                return entry.get("lladdr")
        return None

    def known_macs(self):
        return [self.known_mac(number) for number in range(len(self.hosts))]

    def ping_once(self):
        """Each host asks for the bond and is answered."""
        for ns in self.namespaces:
            eventually(lambda n=ns: n.run("ping", "-n", "-c", 1, "-W", 1, BOND_ADDRESS, check=False).returncode == 0, 10,
                       "the bond answers")


class _Closing:
    def __init__(self, close):
        self.close = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def source_port(port):
    return 20000 + 2 * (port - 9000)


def member_of(bond, address, port):
    """By which member such a flow leaves."""
    return bond.ask(f"/bond/explain,{bond.name},src={BOND_ADDRESS},dst={address},proto=udp,sport={source_port(port)},"
                    f"dport={port}")["member"]


class Flows:
    """UDP flows out of a namespace in a thread: {(address, port): datagrams in every 10 ms}."""

    SIZE = 1000

    def __init__(self, ns, flows):
        self._sockets = []
        for (address, port), count in flows.items():
            one = ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind(("", source_port(port)))
            one.connect((address, port))
            self._sockets.append((one, count))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        data = bytes(self.SIZE)
        due = time.monotonic()
        while not self._stop.is_set():
            for one, count in self._sockets:
                for _ in range(count):
                    try:
                        one.send(data)
                    except OSError:  # nobody listens there; the frame has left all the same
                        pass
            due = max(due + 0.01, time.monotonic() - 0.05)
            time.sleep(max(due - time.monotonic(), 0))

    def close(self):
        self._stop.set()
        self._thread.join()
        for one, _ in self._sockets:
            one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def shares(bond, members, seconds=2.0):
    """Which part of the bytes sent in so many seconds each member carried."""
    before = [bond.member(name)["tx_bytes"] for name in members]
    time.sleep(seconds)
    sent = [bond.member(name)["tx_bytes"] - old for name, old in zip(members, before)]
    return [part / max(sum(sent), 1) for part in sent]


class TapMember:
    """A tap device in a namespace, of whatever speed ethtool is told, cabled by a thread to a device of another namespace."""

    def __init__(self, ns, name, far_ns, far, speed):
        with ns.entered():
            self._tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
        ns.run("ethtool", "-s", name, "speed", speed, "duplex", "full")
        ns.set_link(name, True)
        self._far = far_ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._far.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
        with far_ns.entered():
            self._far.bind((far, 3))
        self._far.setblocking(False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            ready, _, _ = select.select([self._tap, self._far], [], [], 0.1)
            try:
                if self._tap in ready:
                    for _ in range(64):
                        self._far.send(os.read(self._tap, 1 << 16))
                if self._far in ready:
                    for _ in range(64):
                        os.write(self._tap, self._far.recv(1 << 16))
            except OSError:  # nothing more, or a device that is down
                pass

    def close(self):
        self._stop.set()
        self._thread.join()
        os.close(self._tap)
        self._far.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
