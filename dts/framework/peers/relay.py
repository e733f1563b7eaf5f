# SPDX-License-Identifier: BSD-3-Clause
"""A wire that can fall silent, or be long: a thread carries every frame, link-local ones too, between two devices."""
import collections
import select
import socket
import threading
import time

from framework.netns import veth

SOL_PACKET, PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS = 263, 23, 20
SLOW = b"\x88\x09"


class Relay:
    """Carries frames between two devices of one namespace, both ways, until it is silenced."""

    def __init__(self, ns, one, other):
        self.silent = False
        self.delay = 0.0  # seconds that a frame is on its way
        self._under_way = collections.deque()
        self.last_slow_ns = {one: 0, other: 0}  # when a slow-protocol frame from that side was last carried
        self._sockets = [self._open(ns, name) for name in (one, other)]
        self._names = (one, other)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def _open(ns, name):
        end = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        end.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        with ns.entered():
            end.bind((name, 3))
        end.setblocking(False)
        return end

    def _run(self):
        poll = select.poll()
        for end in self._sockets:
            poll.register(end, select.POLLIN)
        while not self._stop.is_set():
            poll.poll(1 if self._under_way else 100)
            self._deliver()
            for here, there, name in zip(self._sockets, reversed(self._sockets), self._names):
                try:
                    while True:
                        frame = here.recv(1 << 16)
                        if self.silent:
                            continue
                        if frame[12:14] == SLOW:
                            self.last_slow_ns[name] = time.monotonic_ns()
                        self._under_way.append((time.monotonic() + self.delay, there, frame))
                except OSError:  # nothing more, or a device that is down
                    pass
            self._deliver()

    def _deliver(self):
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            _, there, frame = self._under_way.popleft()
            try:
                there.send(frame)
            except OSError:  # it is down: the frame is lost
                pass

    def close(self):
        self._stop.set()
        self._thread.join()
        for end in self._sockets:
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def relayed_wires(lab, count):
    """Namespaces a (m0, m1, …) and b (p0, p1, …), cabled through relays in a third: (a, mid, b, relays).
    In the third the wires' ends are x0, y0, …"""
    a, mid, b = (lab.namespace(role) for role in "amb")
    relays = []
    for i in range(count):
        veth(a, f"m{i}", mid, f"x{i}")
        veth(b, f"p{i}", mid, f"y{i}")
        relays.append(lab.enter(Relay(mid, f"x{i}", f"y{i}")))
    return a, mid, b, relays
