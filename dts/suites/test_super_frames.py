# SPDX-License-Identifier: BSD-3-Clause
"""Random super-frames cut by the bond, and random TCP streams merged by it, byte for byte as an oracle says (framework/segments.py)."""
import collections
import os
import random
import re
import signal
import struct
import subprocess

import pytest

from framework import segments
from framework.segments import ACK, CWR, DATA_VALID, ECE, FIN, GSO_NONE, GSO_TCP4, GSO_TCP6, HOP_BY_HOP, NEEDS_CHECKSUM, PSH, RST, TCP, UDP, URG, VNET
from framework.topology import BOND_ADDRESS, BOND_ADDRESS6, HOST_ADDRESS, HOST_ADDRESS6
from framework.traffic import LongCapture
from framework.wait import eventually

MTU = 1500
OPTIONS = (b"", bytes((1, 1, 8, 10)) + b"timestmp", bytes((1, 1, 5, 10)) + b"selected", bytes(40))
NOISE = random.Random(1).randbytes(1 << 17)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def tags_of(rng):
    """None, one, or two: of IEEE 802.1Q alone, or 802.1ad outside."""
    tci = struct.pack("!H", rng.randrange(1, 1 << 16))
    return rng.choice((b"", b"", b"", b"\x81\x00" + tci, b"\x81\x00" + tci + b"\x81\x00\x00\x05", b"\x88\xa8" + tci + b"\x81\x00\x00\x06"))


def ip_header(rng, v6, protocol, host, extended=True):
    """From `host` (0 … 255) to us. Lengths and checksums are not set."""
    if not v6:
        flags = rng.choice((0x4000, 0))
        return struct.pack("!BBHHHBBHII", 0x45, rng.choice((0, 2, 0xb8)), 0, rng.randrange(1 << 16), flags, 64, protocol, 0, 0x0a000000 + host, 0x0a000100)
    hop = bytes((protocol, 0, 5, 2, 0, 0, 1, 0)) if extended and rng.random() < 0.3 else b""  # router alert, padded
    return (struct.pack("!IHBB", 0x60000000 | rng.randrange(1 << 28), 0, HOP_BY_HOP if hop else protocol, 64)
            + b"\xfd" + bytes(14) + bytes((host,)) + b"\xfd" + bytes(14) + b"\x01" + hop)


def tcp_header(seq, flags, options=b"", port=1000, ack=1, window=500, urgent=0):
    return struct.pack("!HHIIBBHHH", port, 5001, seq & 0xffffffff, ack, (20 + len(options)) << 2, flags, window, 0, urgent) + options


def random_super(rng, ends, uso):
    """A frame (the checksum not set) and the size of its segments. `ends`: both MACs."""
    tags, v6 = tags_of(rng), rng.random() < 0.5
    protocol = UDP if rng.random() < 0.3 else TCP
    ip = ip_header(rng, v6, protocol, 1)
    if protocol == TCP:
        flags = ACK | sum(flag for flag in (FIN, PSH, CWR, ECE, URG) if rng.random() < 0.2)
        header = tcp_header(rng.choice((rng.randrange(1 << 32), 0xffffffff - rng.randrange(3000))), flags, rng.choice(OPTIONS), urgent=rng.randrange(1 << 16))
    else:
        header = struct.pack("!HHHH", 7, 8, 0, 0)
    headers = ends + tags + (b"\x86\xdd" if v6 else b"\x08\x00") + ip + header
    most = MTU - len(ip) - len(header) - (8 if len(tags) == 8 else 0)  # the kernel allows for one tag
    kind = rng.random()
    size = most if kind < 0.5 else rng.randrange(100, most + 1)
    if kind < 0.03:
        length = rng.randrange(most, 65535 - len(ip) - len(header) + 1)
        size = most
    elif kind < 0.6 and (protocol == TCP or uso):
        length = rng.randrange(1, 7 * size)
    else:
        length = rng.randrange(0, size + 1)
    at = rng.randrange(len(NOISE) - length)
    return headers + NOISE[at:at + length], size


def with_sum_of_zero(frame):
    """The last word such that the checksum comes out as 0 (UDP: said as 0xffff, RFC 768)."""
    shape = segments.Shape(frame)
    if (len(frame) - shape.l4) % 2 or len(frame) - shape.payload < 2:
        return frame
    frame = bytearray(frame)
    frame[-2:] = b"\0\0"
    done = segments.finish(frame, shape)
    return done[:-2] + done[shape.field:shape.field + 2]


def same(got, wanted, what):
    """Lists of frames; says which is the first that differs, and in what."""
    for i, (have, want) in enumerate(zip(got, wanted)):
        if have != want:
            at = next((k for k in range(min(len(have), len(want))) if have[k] != want[k]), "the end")
            pytest.fail(f"{what}, frame {i} of {len(wanted)}, at {at}: {have[:90].hex()} ({len(have)} bytes), not {want[:90].hex()} ({len(want)} bytes)")
    assert len(got) == len(wanted), what


def has_uso(ns, device):
    return re.search(r"tx-udp-segmentation: on", ns.run("ethtool", "-k", device).stdout) is not None


def send_super_frames(rng, count, way_in, way_out, ends, uso):
    """Sends `count` of them, a few hundred frames at a time; each must come out as what it stands for. Returns how many these were, and
    the most that the kernel may have made of them before the bond."""
    supers, wanted, total, uncut = [], [], 0, 0

    def flush():
        nonlocal total
        got = []
        for frame in supers:
            way_in.send(frame)
        eventually(lambda: got.extend(f for f in way_out.take() if f[:12] == ends) or len(got) >= len(wanted), 10, "all frames", every=0.001)
        same(got, wanted, f"after {total} frames")
        total += len(wanted)
        supers.clear()
        wanted.clear()

    for i in range(count):
        frame, size = random_super(rng, ends, uso)
        if i % 50 == 0:
            frame = with_sum_of_zero(frame)
        pieces = segments.cut(frame, size)
        wanted += pieces
        supers.append(VNET.pack(0, 0, 0, 0, 0, 0) + pieces[0] if len(pieces) == 1 and i % 10 == 0 else segments.leave_undone(frame, size))
        # A kernel cuts what has two tags before a tap or a veth gets it.
        uncut += len(pieces) if frame[12:14] == b"\x88\xa8" or frame[16:18] == b"\x81\x00" else 1
        if len(wanted) >= 300:
            flush()
    flush()
    return total, uncut


def test_super_frames_leave_cut_as_the_oracle_says(fresh):
    """By DPDK's own af_packet driver, which knows no offloads."""
    wires = fresh.sink(1)
    bond = fresh.bond(wires, members=["net_af_packet0,iface=m0,pmd=1"], mode="balance-rr", addresses=())
    way_in, way_out = fresh.enter(LongCapture(wires.a, "bond0")), fresh.capture(wires.sink, "p0")
    ends = bytes.fromhex("020000000099") + mac_bytes(wires.a.mac("bond0"))
    total, uncut = send_super_frames(random.Random(20261129), 10000, way_in, way_out, ends, has_uso(wires.a, "bond0"))
    stats = bond.stats()
    assert stats["tx_packets"] <= uncut < total / 1.5, "frames were cut before the bond"
    assert stats["tx_packets"] == bond.member("m0")["tx_packets"] and not any(stats["drops"].values())


def test_super_frames_of_a_local_peer_go_up_cut_with_offloads_off(fresh):
    wires = fresh.sink(1)
    wires.sink.offloads("p0", True)
    bond = fresh.bond(wires, mode="balance-rr", addresses=(), logical={"offloads": "off"})
    way_in, way_out = fresh.enter(LongCapture(wires.sink, "p0")), fresh.capture(wires.a, "bond0")
    ends = mac_bytes(wires.a.mac("bond0")) + bytes.fromhex("020000000099")
    total, uncut = send_super_frames(random.Random(5), 2000, way_in, way_out, ends, has_uso(wires.sink, "p0"))
    stats = bond.stats()
    assert stats["rx_packets"] <= uncut < total / 1.5, "frames were cut before the bond"
    assert stats["rx_packets"] == bond.member("m0")["rx_packets"] and not any(stats["drops"].values())


@pytest.mark.parametrize("target", (HOST_ADDRESS, HOST_ADDRESS6))
@pytest.mark.parametrize("way", ("out", "in"))
def test_a_real_connection_before_and_after_the_bond(fresh, way, target):
    """What the kernel gave is what left, and what came is what the kernel got, segment by segment: out through the segmenter, in through the merger."""
    wires = fresh.sink(1)
    for ns in (wires.a, wires.sink):
        ns.ipv6(True)
    fresh.bond(wires, members=["net_af_packet0,iface=m0,pmd=1"], mode="balance-rr", addresses=(f"{BOND_ADDRESS}/24", f"{BOND_ADDRESS6}/64"))
    for address in (f"{HOST_ADDRESS}/24", f"{HOST_ADDRESS6}/64"):
        wires.sink.run("ip", "addr", "add", address, "dev", "p0", *(["nodad"] if ":" in address else []))
    fresh.iperf_server(wires.sink)
    eventually(lambda: wires.a.run("ping", "-c1", "-W1", target, check=False).returncode == 0, 10, "a way")
    host, wire = (wires.a, "bond0"), (wires.sink, "p0")
    before, after = (host, wire) if way == "out" else (wire, host)
    given, got = fresh.enter(LongCapture(*before, outgoing=True)), fresh.enter(LongCapture(*after))
    client = wires.a.popen("iperf3", "-c", target, "-p", 5301, "-n", "20M", "-b", "300M", *(["-R"] if way == "in" else []), stdout=subprocess.DEVNULL)
    frames = {given: [], got: []}

    def segments_of(capture):
        """By connection, iperf3's own one too, and sequence number: veth has a queue for each processor, so frames pass one another where
        the sender moves to another processor."""
        found = [less_what_may_change(part) for one in frames[capture] for part in (left_undone(one) or stands_for(one))]
        return sorted(found, key=lambda frame: (frame[segments.Shape(frame).l4:][:8], frame))

    def ended():
        for capture, list_ in frames.items():
            list_ += [one for one in capture.take() if is_tcp(one[VNET.size:])]
        return client.poll() is not None
    eventually(ended, 30, "the end of the connection", every=0.01)
    assert client.returncode == 0
    eventually(lambda: ended() and len(segments_of(got)) >= len(segments_of(given)), 5, "the last segments")
    same(segments_of(got), segments_of(given), f"{way} over {target}")
    assert sum(map(len, frames[got])) > 20 << 20
    assert len(frames[given if way == "out" else got]) < len(segments_of(got)) / 1.5, "hardly a super-frame"


# ---- merged

class Stream:
    """One direction of a TCP connection, as a peer sends it: now and then something changes that ends a merged frame."""

    def __init__(self, rng, number, ends, lossy=False):
        self.rng, self.number, self.ends, self.lossy = rng, number, ends, lossy
        self.tags, self.v6 = tags_of(rng), rng.random() < 0.5
        self.ip = bytearray(ip_header(rng, self.v6, TCP, number, extended=False))
        self.options = rng.choice(OPTIONS)
        self.size = rng.choice((100, 536, 1390))
        self.seq, self.id, self.ack, self.window = rng.choice((rng.randrange(1 << 32), 0xffffffff - rng.randrange(20000))), rng.randrange(1 << 16), 1, 500
        self.urgent = 0

    def next(self, data_only=False):
        """The next segment as a whole frame."""
        rng, flags, length = self.rng, ACK, self.size
        kind, pad = rng.randrange(40), b""
        if kind == 0:
            flags |= rng.choice((PSH, FIN, CWR, ECE, FIN | PSH))
        elif kind == 1:
            length = rng.randrange(1, self.size)
        elif kind == 2:
            self.ack += 1
        elif kind == 3:
            self.window += 1
        elif kind == 4 and self.options:
            self.options = bytes(self.options[:4]) + rng.randbytes(len(self.options) - 4)
        elif kind == 5:
            self.ip[0 if self.v6 else 1] ^= 0 if self.v6 else 2
            self.ip[7 if self.v6 else 8] ^= 1  # hop limit, time to live
        elif kind == 6:
            self.id += 7
        elif kind == 7:
            self.urgent += 1
        elif kind == 8 and not data_only:
            flags, length = rng.choice(((ACK, 0), (ACK | URG, self.size), (ACK | RST, 0), (ACK | URG, 3)))
        elif kind == 9:
            length, pad = 2, bytes(6)  # as a wire fills a short frame up
        if not self.v6:
            struct.pack_into("!H", self.ip, 4, self.id & 0xffff)
            self.id += 1
        at = rng.randrange(len(NOISE) - length)
        frame = bytearray(self.ends + self.tags + (b"\x86\xdd" if self.v6 else b"\x08\x00") + self.ip
                          + tcp_header(self.seq, flags, self.options, ack=self.ack, window=self.window, urgent=self.urgent) + NOISE[at:at + length])
        frame = segments.finish(frame, segments.Shape(frame))
        if kind == 10:
            frame = frame[:-1] + bytes((frame[-1] ^ 1,))  # its checksum is wrong now
        self.seq += length + (flags & FIN)
        return frame + pad


def number_of(frame):
    """Of the stream: the last byte of the source's address."""
    at = segments.Shape(frame).l3
    return frame[at + 23] if frame[at] >> 4 == 6 else frame[at + 15]


def sequence_of(frame):
    return struct.unpack_from("!I", frame, segments.Shape(frame).l4 + 4)[0]


def less_what_may_change(frame):
    """A merged frame has its first segment's source MAC and counts ids up from its first one, which mean nothing where DF is set."""
    frame = bytearray(frame)
    frame[6:12] = bytes(6)
    shape = segments.Shape(frame)
    if shape.dont_fragment(frame):
        frame[shape.l3 + 4:shape.l3 + 6] = frame[shape.l3 + 10:shape.l3 + 12] = bytes(2)
    return bytes(frame)


def is_tcp(frame):
    return frame[12:14] in (b"\x08\x00", b"\x86\xdd") and segments.Shape(frame).protocol == TCP


def left_undone(captured):
    """A frame that is no super-frame and whose checksum its sender has left undone, with it done."""
    flags, kind, *_ = VNET.unpack_from(captured)
    frame = bytearray(captured[VNET.size:])
    return [segments.finish(frame, segments.Shape(frame))] if kind == GSO_NONE and flags & NEEDS_CHECKSUM else []


def stands_for(captured):
    """The segments that a frame read at the logical interface stands for; its virtio-net header must tell the truth."""
    flags, kind, _, size, start, offset = VNET.unpack_from(captured)
    frame = bytes(captured[VNET.size:])
    shape = segments.Shape(frame)
    if kind == GSO_NONE:
        assert not flags & NEEDS_CHECKSUM
        assert not flags & DATA_VALID or shape.is_right(frame), f"a wrong checksum is told to be right: {frame[:90].hex()}"
        return [frame]
    assert kind == (GSO_TCP6 if shape.v6 else GSO_TCP4) and flags & NEEDS_CHECKSUM and offset == 16
    assert start == shape.l4 - (4 if frame[12:14] in (b"\x81\x00", b"\x88\xa8") else 0)  # less a tag that the kernel has taken off
    assert struct.unpack_from("!H", frame, shape.field)[0] == shape.undone(frame)
    whole = struct.unpack_from("!H", frame, shape.l3 + (4 if shape.v6 else 2))[0] + (40 if shape.v6 else 0)
    assert whole == len(frame) - shape.l3 and size < len(frame) - shape.payload
    assert shape.v6 or segments.ones_sum(frame[shape.l3:shape.l4]) == 0xffff
    return segments.cut(frame, size)


class Merging:
    """What is sent at the members' far ends, and what of it has been read at the logical interface, by stream."""

    def __init__(self, fresh, members, devices=None, **options):
        self.wires = fresh.sink(members)
        self.bond = fresh.bond(self.wires, members=devices, mode="balance-rr", addresses=(), **options)
        self.up = fresh.enter(LongCapture(self.wires.a, "bond0"))
        self.far = [fresh.capture(self.wires.sink, end) for end in self.wires.far]
        self.ends = mac_bytes(self.wires.a.mac("bond0")) + bytes.fromhex("020000000099")
        self.sent = self.frames = self.segments = 0
        self.got = collections.defaultdict(list)

    def pour(self, frames):
        """(member, frame) as fast as they go; nobody waits for them."""
        for far in self.far:
            far.take()  # which tells once that its device was down
        for member, frame in frames:
            self.far[member].send(frame)

    def send(self, frames):
        """(member, frame): the bond finds up to 32 a member at once. Waits until they have come."""
        self.bond.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.bond.pid, os.WSTOPPED)
        try:
            self.pour(frames)
        finally:
            self.bond.send_signal(signal.SIGCONT)
        self.sent += len(frames)
        eventually(self._all_came, 10, "all segments", every=0.001)

    def _all_came(self):
        for captured in self.up.take():
            if captured[VNET.size:VNET.size + 6] != self.ends[:6]:
                continue
            self.frames += 1
            for frame in stands_for(captured):
                self.segments += 1
                self.got[number_of(frame)].append(frame)
        return self.segments >= self.sent

    def check_counters(self):
        stats = self.bond.stats()
        assert stats["rx_packets"] == self.sent == sum(self.bond.member(name)["rx_packets"] for name in self.wires.members)
        assert stats["merged"] == self.sent - self.frames and not any(stats["drops"].values())
        return stats


def test_what_one_member_brings_goes_up_merged_and_nothing_overtakes(fresh):
    merging, rng = Merging(fresh, 1), random.Random(7)
    streams = [Stream(rng, number, merging.ends) for number in range(1, 25)]
    sent = collections.defaultdict(list)
    for _ in range(150):
        few, batch = rng.sample(streams, 3), []
        while len(batch) < 32:
            stream = rng.choice(few)
            for _ in range(min(rng.randrange(1, 12), 32 - len(batch))):
                frame, kind = stream.next(), rng.randrange(40)
                if kind == 0:
                    frame = stream.next()  # the one before is lost
                elif kind == 1 and sent[stream.number]:
                    frame = rng.choice(sent[stream.number][-20:])  # sent again
                sent[stream.number].append(frame)
                batch.append((0, frame))
                if len(batch) == 32:
                    break
        merging.send(batch)
    for number, frames in sent.items():
        same([less_what_may_change(f) for f in merging.got[number]], [less_what_may_change(f) for f in frames], f"stream {number}")
    stats = merging.check_counters()
    assert stats["merged"] > merging.sent / 3 and stats["reordered"] == 0


def test_what_comes_over_several_members_goes_up_in_order(fresh):
    merging, rng = Merging(fresh, 3), random.Random(8)
    streams = [Stream(rng, number, merging.ends, lossy=number > 8) for number in range(1, 13)]
    sent = collections.defaultdict(list)
    for stream in streams:  # from now on the bond knows what comes next
        sent[stream.number] += [stream.next(data_only=True) for _ in range(3)]
        for member, frame in enumerate(sent[stream.number]):
            merging.send([(member, frame)])
    for _ in range(100):
        room, batch = [32, 32, 32], []
        for stream in rng.sample(streams, 4):
            chosen = [0, 2] + [rng.randrange(3) for _ in range(rng.randrange(20))]  # the first and the last one differ
            rng.shuffle(chosen)
            for member in chosen:
                if room[member] == 0:
                    continue
                frame, kind = stream.next(data_only=True), rng.randrange(30) if stream.lossy else 2
                if kind == 0:
                    continue  # lost
                for member in (member, rng.randrange(3)) if kind == 1 else (member,):
                    if room[member] == 0:
                        continue
                    room[member] -= 1
                    own = frame[:6] + bytes((2, 0, 0, 0, 1, member)) + frame[12:]  # a peer has a MAC a link
                    sent[stream.number].append(own)
                    batch.append((member, own))
        merging.send(batch)
    for stream in streams:
        wanted = [less_what_may_change(f) for f in sent[stream.number]]
        got = [less_what_may_change(f) for f in merging.got[stream.number]]
        if stream.lossy:
            assert collections.Counter(got) == collections.Counter(wanted)
        else:
            same(got, wanted, f"stream {stream.number}")
    stats = merging.check_counters()
    assert stats["merged"] > merging.sent / 3 and stats["reordered"] > merging.sent / 10


def test_two_workers_lose_no_segment(fresh):
    """A flow's segments are read by both, so that neither has all of them in order."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("two workers need two processors")
    devices = [f"net_af_packet{i},iface=m{i},qpairs=2" for i in range(3)]
    merging, rng = Merging(fresh, 3, devices, runtime={"worker_lcores": cpus[:2]}, logical={"queues": 2}), random.Random(10)
    streams = [Stream(rng, number, merging.ends) for number in range(1, 13)]
    sent = collections.defaultdict(list)
    for _ in range(60):
        batch = []
        for stream in rng.sample(streams, 4):
            for _ in range(rng.randrange(20)):
                frame = stream.next()
                sent[stream.number].append(frame)
                batch.append((rng.randrange(3), frame))
        merging.send(batch)
    for number, frames in sent.items():
        assert collections.Counter(map(less_what_may_change, merging.got[number])) == collections.Counter(map(less_what_may_change, frames))
    merging.check_counters()


def test_whatever_changes_while_segments_wait_loses_no_buffer_and_no_count(fresh):
    merging, rng = Merging(fresh, 3), random.Random(9)
    wires, bond = merging.wires, merging.bond
    streams = [Stream(rng, number, merging.ends) for number in range(1, 9)]
    levels = []

    def at_rest():
        levels.append(bond.mempools())
        return len(levels) > 1 and levels[-1] == levels[-2]

    merging.send([(i, streams[0].next()) for i in range(3)])  # queues have their buffers once they have been looked at
    eventually(at_rest, 5, "buffers are where they stay", every=0.1)
    before = levels[-1]

    def with_gaps(members):
        frames = []
        for _ in range(150):
            stream = rng.choice(streams)
            frame = stream.next()
            if rng.random() < 0.8:
                frames.append((rng.choice(members), frame))
        merging.pour(frames)

    def change(**options):
        bond.rewrite(lambda config: config.update(options))
        bond.wait_reloaded()

    def only(*numbers):
        bond.rewrite(lambda config: config.update(members=[{"device": wires.devargs(i)} for i in numbers]))
        bond.wait_reloaded()

    for step in (lambda: wires.a.set_link("bond0", False), lambda: wires.a.set_link("bond0", True), lambda: wires.cut(1), lambda: wires.restore(1),
                 lambda: change(mode="broadcast"), lambda: change(mode="active-backup", all_slaves_active=True), lambda: change(mode="balance-rr"),
                 lambda: bond.rewrite(lambda config: config["logical"].update(mtu=2000)) or bond.wait_reloaded(),
                 lambda: bond.rewrite(lambda config: config["logical"].update(mtu=1500)) or bond.wait_reloaded()):
        usable = [i for i in range(3) if wires.sink.has_carrier(f"p{i}")]
        for _ in range(3):
            with_gaps(usable)
        step()
    bond.wait_up(3)
    with_gaps([0, 1, 2])
    assert bond.stats()["reordered"] > 100
    eventually(lambda: len(set(bond.conserved())) == 1, 5, f"counters add up: {bond.conserved()}")
    for members in ((0, 2), (0, 1, 2)):  # whose counters go with a member
        with_gaps([0, 1, 2])
        only(*members)
    bond.wait_up(3)
    with_gaps([0, 1, 2])
    eventually(lambda: bond.mempools() == before, 5, f"mempools are back at {before}")
