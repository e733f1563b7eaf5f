# SPDX-License-Identifier: BSD-3-Clause
"""Captures as pcapng: what scapy 2.5 reads of them (the frames) and what it leaves out (on what interface, which way)."""
import collections
import contextlib
import struct

from scapy.all import RawPcapNgReader

INTERFACE, PACKET, NAME, FLAGS = 1, 6, 2, 2
IN, OUT = 1, 2

Captured = collections.namedtuple("Captured", "name way frame")


def _options(block):
    found = {}
    while block[:2] not in (b"", b"\0\0"):
        code, length = struct.unpack_from("=HH", block)
        found[code] = block[4:4 + length]
        block = block[4 + (length + 3) // 4 * 4:]
    return found


def read(path):
    """[(interface's name, IN or OUT, frame)], in the file's order; an error when it does not end with a whole block."""
    with open(path, "rb") as file:
        data = file.read()
    names, frames, at = [], [], 0
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        assert struct.unpack_from("=I", data, at + length - 4)[0] == length
        block = data[at + 8:at + length - 4]
        if kind == INTERFACE:
            names.append(_options(block[8:])[NAME].decode())
        elif kind == PACKET:
            interface, _, _, size = struct.unpack_from("=4I", block)
            flags, = struct.unpack("=I", _options(block[20 + (size + 3) // 4 * 4:])[FLAGS])
            frames.append(Captured(names[interface], flags & 3, block[20:20 + size]))
        at += length
    with contextlib.closing(RawPcapNgReader(path)) as reader:
        assert [frame for frame, _ in reader] == [frame for _, _, frame in frames]
    return frames
