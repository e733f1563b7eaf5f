# SPDX-License-Identifier: BSD-3-Clause
"""Traffic and what became of it: raw frames, paced UDP with kernel time stamps, ping, iperf3."""
import ctypes
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from .wait import eventually

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
PACKET_AUXDATA, PACKET_OUTGOING, PACKET_VNET_HDR = 8, 4, 15
LONGEST = 65536 + 22  # of frames
SO_TIMESTAMPNS, SO_RCVBUFFORCE, SO_ATTACH_FILTER = 35, 33, 26
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
PYTHON = sys.executable or "/usr/bin/python3"


class Frame(bytes):
    """Bytes of a captured frame, with its kernel time stamp (ns since the epoch)."""

    t_ns = 0


def _only(ethertype):
    """A socket filter (struct sock_fprog) that passes frames of one ethertype, and what it points to."""
    program = b"".join(struct.pack("HBBI", *op) for op in ((0x28, 0, 0, 12), (0x15, 0, 1, ethertype), (0x06, 0, 0, 0xffff),
                                                           (0x06, 0, 0, 0)))
    kept = ctypes.create_string_buffer(program)
    return struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept)), kept


class Capture:
    """Raw frames of one device: send(), and take() for what arrived since the last take; with `outgoing` for what its host has sent."""

    HEADER = 0  # bytes before each frame

    def __init__(self, ns, device, ethertype=None, outgoing=False):
        self.device = device
        self._outgoing = outgoing
        self._socket = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        if ethertype is not None:
            filter_, kept = _only(ethertype)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
            del kept  # the kernel has its own copy
        if self.HEADER:
            self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        index = ns.ifindex(device)
        self._socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", index, PACKET_MR_PROMISC, 0, b""))
        with ns.entered():
            self._socket.bind((device, ETH_P_ALL))
        self._socket.setblocking(False)
        self.take()

    def send(self, frame):
        """Put one whole Ethernet frame (bytes) on the device; waits while its queue is full."""
        while True:
            try:
                self._socket.send(bytes(frame))
                return
            except (BlockingIOError, InterruptedError):
                time.sleep(0.0005)
            except OSError as error:
                if error.errno != 105:  # ENOBUFS: the queue of the device is full
                    raise
                time.sleep(0.0005)

    def send_all(self, frames, burst=32, pause=0.002):
        """Send many frames, with a breath after every burst so that no queue on the way overflows."""
        for i, frame in enumerate(frames):
            self.send(frame)
            if i % burst == burst - 1:
                time.sleep(pause)

    def take(self):
        """All frames that came in since the last call, oldest first; what was sent here is left out (with `outgoing` the other way round)."""
        frames = []
        while True:
            try:
                data, ancillary, _, source = self._socket.recvmsg(self.HEADER + LONGEST, 512)
            except BlockingIOError:
                return frames
            except OSError as error:
                if error.errno in (100, 19):  # ENETDOWN, ENODEV: told once after the device went down
                    continue
                raise
            if (source[2] == PACKET_OUTGOING) != self._outgoing:
                continue
            t_ns = 0
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanos = struct.unpack("qq", value[:16])
                    t_ns = seconds * 1_000_000_000 + nanos
                elif level == SOL_PACKET and kind == PACKET_AUXDATA:
                    status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                    if status & TP_STATUS_VLAN_VALID:
                        tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                        at = self.HEADER + 12
                        data = data[:at] + struct.pack("!HH", tpid, tci) + data[at:]
            frame = Frame(data)
            frame.t_ns = t_ns
            frames.append(frame)

    def collect(self, match, count, deadline=3.0):
        """Wait until `count` frames that `match` have come; returns all of them."""
        found = []

        def enough():
            found.extend(frame for frame in self.take() if match(frame))
            return len(found) >= count
        eventually(enough, deadline, f"{count} frames on {self.device}, have {len(found)}")
        return found

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class LongCapture(Capture):
    """The same with a virtio-net header (segments.VNET) before each frame: super-frames come whole and may be sent.
    Where the checksum starts is told as before the kernel took a tag off."""

    HEADER = 10


class UdpResult:
    """What became of a paced stream: tx[seq] and rx [(seq, t_ns)] in order of arrival, on the same clock."""

    def __init__(self, tx, rx, period_ns):
        self.tx, self.rx, self.period_ns = tx, rx, period_ns

    @property
    def lost(self):
        return sorted(set(range(len(self.tx))) - {seq for seq, _ in self.rx})

    @property
    def duplicates(self):
        return len(self.rx) - len({seq for seq, _ in self.rx})

    @property
    def reordered(self):
        highest, count = -1, 0
        for seq, _ in self.rx:
            count += seq < highest
            highest = max(highest, seq)
        return count

    def gap_ms(self, begin_ns=0, end_ns=1 << 63):
        """Longest silence at the receiver that ended in the window, by the kernel's time stamps, in ms.

        When the sender itself was late between the two frames (a busy machine), its lateness is not the bond's.
        """
        worst = 0.0
        for (seq, before), (next_seq, after) in zip(self.rx, self.rx[1:]):
            if begin_ns <= after and before <= end_ns:
                sends = self.tx[min(seq, next_seq):max(seq, next_seq) + 1]
                late = max((b - a - self.period_ns for a, b in zip(sends, sends[1:])), default=0)
                worst = max(worst, (after - before - max(late, 0)) / 1e6)
        return worst


class UdpStream:
    """UDP from a namespace to an address in another one at a steady rate, with sequence numbers."""

    def __init__(self, source_ns, target_ns, target, rate=1000, port=5201, size=64):
        self.rate = rate
        self._files = [tempfile.NamedTemporaryFile(prefix=f"dts-{os.getpid()}-udp-") for _ in range(2)]
        script = os.path.join(os.path.dirname(__file__), "udp_stream.py")
        self._receiver = target_ns.popen(PYTHON, script, "receive", target, port, self._files[1].name,
                                         stdout=subprocess.PIPE)
        self._sender = None
        self._receiver.stdout.readline()  # it listens
        self._sender = source_ns.popen(PYTHON, script, "send", target, port, self._files[0].name, rate, size,
                                       stdout=subprocess.PIPE)
        self._sender.stdout.readline()

    def stop(self, settle=0.3):
        """End the stream, let the last frames arrive and return the UdpResult."""
        self._sender.terminate()
        self._sender.wait(10)
        time.sleep(settle)
        self._receiver.terminate()
        self._receiver.wait(10)
        tx = [struct.unpack("=q", part)[0] for part in _parts(self._files[0].name, 8)]
        rx = [struct.unpack("=qq", part) for part in _parts(self._files[1].name, 16)]
        self.close()
        return UdpResult(tx, rx, 1e9 / self.rate)

    def close(self):
        for process in (self._sender, self._receiver):
            if process and process.poll() is None:
                process.kill()
                process.wait()
            if process:
                process.stdout.close()
        for file in self._files:
            file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _parts(path, size):
    with open(path, "rb") as file:
        data = file.read()
    return [data[i:i + size] for i in range(0, len(data) - size + 1, size)]


class Ping:
    """A running `ping`; counts lost and duplicated replies, by sequence number."""

    _reply = re.compile(r"^\[(\d+\.\d+)\].*icmp_seq=(\d+) .*time=([\d.]+) ms(.*)$")

    def __init__(self, ns, target, interval=0.05, count=None):
        self.interval = interval
        self.replies = {}     # seq -> (time of the reply, round trip in ms)
        self.duplicates = 0
        self.sent = self.received = None
        words = ["ping", "-n", "-D", "-i", interval, "-W", "1"] + (["-c", count] if count else []) + [target]
        self._process = ns.popen(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 env={**os.environ, "LC_ALL": "C"})
        self.started = time.time()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            if found := self._reply.match(line):
                if "DUP!" in found[4]:
                    self.duplicates += 1
                else:
                    self.replies[int(found[2])] = (float(found[1]), float(found[3]))
            elif found := re.match(r"^(\d+) packets transmitted, (\d+) received", line):
                self.sent, self.received = int(found[1]), int(found[2])

    @property
    def last_seq(self):
        return max(list(self.replies), default=0)

    def settled(self, replies=3, deadline=5.0):
        """Wait for a few more replies."""
        first = self.last_seq
        eventually(lambda: self.last_seq >= first + replies, deadline, "ping is answered again")
        return self

    def lost(self):
        """Sequence numbers that were never answered, up to the last that was."""
        answered = dict(self.replies)
        return [seq for seq in range(1, max(answered, default=0) + 1) if seq not in answered]

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5)
        finally:
            self.close()
        return self

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._thread.join(2)
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ping_once(ns, target, timeout=1):
    """Round trip of a single ping in ms, None when it stayed unanswered."""
    done = ns.run("ping", "-n", "-c", 1, "-W", timeout, target, check=False)
    found = re.search(r"time=([\d.]+) ms", done.stdout)
    return float(found[1]) if found else None


class IperfServer:
    """`iperf3 -s` in a namespace."""

    def __init__(self, ns, port=5301):
        self.port = port
        self._process = ns.popen("iperf3", "-s", "-p", port, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._ns = ns
        eventually(lambda: f":{port} " in ns.run("ss", "-Hltn").stdout, 5, "iperf3 listens")

    def close(self):
        self._process.kill()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def iperf_report(ns, target, seconds=3, port=5301, reverse=False, streams=1):
    """What iperf3 says at the end: sum_sent, sum_received …"""
    done = ns.run("iperf3", "-c", target, "-p", port, "-t", seconds, "-P", streams, "-J", *(["-R"] if reverse else []),
                  check=False, timeout=seconds + 30)
    report = json.loads(done.stdout)
    if "error" in report:
        raise AssertionError("iperf3: " + report["error"])
    return report["end"]


def iperf(ns, target, **options):
    """TCP throughput in Mbit/s as the receiver counted it."""
    return iperf_report(ns, target, **options)["sum_received"]["bits_per_second"] / 1e6


def tcp_reaches_every_link(bond, wires, address):
    """TCP from wires.a until each member has carried some of it: a connection's ports, and so its link, are the kernel's choice."""
    before = [bond.member(name)["tx_packets"] for name in wires.members]

    def all_carried():
        assert iperf(wires.a, address, seconds=1, streams=4) > 1
        return all(bond.member(name)["tx_packets"] - a > 200 for name, a in zip(wires.members, before))
    eventually(all_carried, 30, "frames on both links")
