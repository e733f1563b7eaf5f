# SPDX-License-Identifier: BSD-3-Clause
"""Many UDP flows at once, each frame numbered: what was lost and what overtook what, flow by flow."""
import collections
import select
import socket
import struct
import threading
import time


class Flows:
    """`count` flows from `source` (a namespace) to `address` in `target`, `rate` frames a second in all."""

    def __init__(self, source, target, address, count=8, rate=1000, port=5400):
        self._count, self._period = count, 1.0 / rate
        self._receiver = target.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
        self._receiver.bind((address, port))
        self._senders = [source.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for i, sender in enumerate(self._senders):
            sender.bind(("", 40000 + 2 * i))  # layer3+4 leaves out the lowest bit: in turn over two links
            sender.connect((address, port))
        self._sent = [[] for _ in range(count)]     # when, by sequence number
        self._arrived = [[] for _ in range(count)]  # sequence numbers as they came
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._receive, self._send)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        due, turn = time.monotonic(), 0
        while not self._stop.is_set():
            time.sleep(max(due - time.monotonic(), 0))
            flow = turn % self._count
            try:
                self._senders[flow].send(struct.pack("=II", flow, len(self._sent[flow])) + bytes(50))
                self._sent[flow].append(time.monotonic())
            except OSError:  # no carrier: nothing was sent
                pass
            turn += 1
            due = max(due + self._period, time.monotonic() - 5 * self._period)

    def _receive(self):
        poll = select.poll()
        poll.register(self._receiver, select.POLLIN)
        while not self._stop.is_set():
            if poll.poll(50):
                flow, number = struct.unpack("=II", self._receiver.recv(2048)[:8])
                self._arrived[flow].append(number)

    def between(self, began, end):
        """(lost, reordered) of the frames sent from `began` to `end` (time.monotonic()), each {flow: sequence numbers}."""
        lost, reordered = collections.defaultdict(list), collections.defaultdict(list)
        for flow in range(self._count):
            window = {n for n, when in enumerate(self._sent[flow]) if began <= when <= end}
            arrived, newest = list(self._arrived[flow]), -1
            lost[flow] = sorted(window - set(arrived))
            for number in arrived:
                if number < newest and number in window:
                    reordered[flow].append(number)
                newest = max(newest, number)
        return ({f: n for f, n in lost.items() if n}, {f: n for f, n in reordered.items() if n})

    @property
    def arrived(self):
        return sum(len(flow) for flow in self._arrived)

    def close(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for end in (*self._senders, self._receiver):
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
