# SPDX-License-Identifier: BSD-3-Clause
"""A wire that can fall silent: a process's thread carries every frame, link-local ones too, between two devices."""
import select
import socket
import threading
import time

SOL_PACKET, PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS = 263, 23, 20
SLOW = b"\x88\x09"


class Relay:
    """Carries frames between two devices of one namespace, both ways, until it is silenced."""

    def __init__(self, ns, one, other):
        self.silent = False
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
            poll.poll(100)
            for here, there, name in zip(self._sockets, reversed(self._sockets), self._names):
                try:
                    while True:
                        frame = here.recv(1 << 16)
                        if self.silent:
                            continue
                        if frame[12:14] == SLOW:
                            self.last_slow_ns[name] = time.monotonic_ns()
                        there.send(frame)
                except OSError:  # nothing more, or a device that is down
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
