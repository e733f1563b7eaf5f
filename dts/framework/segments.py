# SPDX-License-Identifier: BSD-3-Clause
"""What frames a super-frame stands for: an oracle in plain bytes, quick enough for many thousands of frames.

Written from the RFCs (IPv4: 791, 1071; IPv6: 8200; UDP: 768; TCP: 9293; ECN: 3168) and from what segmentation by hardware does: the
IPv4 id rises by one, FIN and PSH are the last segment's, CWR the first one's.
"""
import struct

TCP, UDP, HOP_BY_HOP = 6, 17, 0
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
# virtio specification 1.2, section 5.1.6: flags, type, header length, size, start and offset of the checksum.
VNET = struct.Struct("=BBHHHH")
NEEDS_CHECKSUM, DATA_VALID = 1, 2
GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_ECN = 0, 1, 4, 5, 0x80


def ones_sum(data):
    """The one's complement sum of 16-bit words (RFC 1071), 0 … 0xffff."""
    if len(data) % 2:
        data += b"\0"
    number = int.from_bytes(data, "big")
    return number % 0xffff or (0xffff if number else 0)


def checksum(data):
    return ~ones_sum(data) & 0xffff


class Shape:
    """Where the headers of a frame lie: IPv4 or IPv6 with a hop-by-hop header, TCP or UDP, behind any tags."""

    def __init__(self, frame):
        at = 12
        while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        self.l3 = at + 2
        self.v6 = frame[at:at + 2] == b"\x86\xdd"
        if self.v6:
            self.protocol, self.l4 = frame[self.l3 + 6], self.l3 + 40
            while self.protocol == HOP_BY_HOP:
                self.protocol, self.l4 = frame[self.l4], self.l4 + 8 + 8 * frame[self.l4 + 1]
        else:
            self.protocol, self.l4 = frame[self.l3 + 9], self.l3 + (frame[self.l3] & 15) * 4
        self.field = self.l4 + (16 if self.protocol == TCP else 6)
        self.payload = self.l4 + ((frame[self.l4 + 12] >> 4) * 4 if self.protocol == TCP else 8)

    def pseudo(self, frame, length):
        """Of `length` bytes from the transport's header on (RFC 9293, 3.1; RFC 8200, 8.1)."""
        addresses = frame[self.l3 + 8:self.l3 + 40] if self.v6 else frame[self.l3 + 12:self.l3 + 20]
        return bytes(addresses) + struct.pack("!II", length, self.protocol)

    def undone(self, frame):
        """What a sender leaves in the checksum's field."""
        return ones_sum(self.pseudo(frame, len(frame) - self.l4))

    def dont_fragment(self, frame):
        return not self.v6 and frame[self.l3 + 6] & 0x40 != 0

    def is_right(self, frame):
        return ones_sum(self.pseudo(frame, len(frame) - self.l4) + frame[self.l4:]) == 0xffff and (
            self.v6 or ones_sum(frame[self.l3:self.l3 + 20]) == 0xffff)


def finish(frame, shape):
    """Lengths and checksums of one whole frame (bytearray)."""
    l3, l4 = shape.l3, shape.l4
    if shape.v6:
        struct.pack_into("!H", frame, l3 + 4, len(frame) - l3 - 40)
    else:
        struct.pack_into("!H", frame, l3 + 2, len(frame) - l3)
        struct.pack_into("!H", frame, l3 + 10, 0)
        struct.pack_into("!H", frame, l3 + 10, checksum(frame[l3:l4]))
    if shape.protocol == UDP:
        struct.pack_into("!H", frame, l4 + 4, len(frame) - l4)
    struct.pack_into("!H", frame, shape.field, 0)
    value = checksum(shape.pseudo(frame, len(frame) - l4) + frame[l4:])
    struct.pack_into("!H", frame, shape.field, value or (0xffff if shape.protocol == UDP else 0))
    return bytes(frame)


def cut(frame, size):
    """The frames that a super-frame with segments of `size` bytes stands for."""
    shape = Shape(frame)
    head, payload = frame[:shape.payload], frame[shape.payload:]
    if len(payload) <= size:
        return [finish(bytearray(frame), shape)]
    pieces = []
    for at in range(0, len(payload), size):
        piece = bytearray(head + payload[at:at + size])
        if not shape.v6:
            number = struct.unpack_from("!H", head, shape.l3 + 4)[0]
            struct.pack_into("!H", piece, shape.l3 + 4, (number + at // size) & 0xffff)
        if shape.protocol == TCP:
            number = struct.unpack_from("!I", head, shape.l4 + 4)[0]
            struct.pack_into("!I", piece, shape.l4 + 4, (number + at) & 0xffffffff)
            if at + size < len(payload):
                piece[shape.l4 + 13] &= ~(FIN | PSH)
            if at != 0:
                piece[shape.l4 + 13] &= ~CWR
        pieces.append(finish(piece, shape))
    return pieces


def leave_undone(frame, size):
    """A virtio-net header and the frame behind it, which is to be cut by `size` unless it fits, its checksum left undone."""
    shape = Shape(frame)
    frame = bytearray(finish(bytearray(frame), shape))
    struct.pack_into("!H", frame, shape.field, shape.undone(frame))
    kind = GSO_NONE
    if len(frame) - shape.payload > size:
        kind = GSO_UDP if shape.protocol == UDP else GSO_TCP6 if shape.v6 else GSO_TCP4
        if shape.protocol == TCP and frame[shape.l4 + 13] & CWR:
            kind |= GSO_ECN
    return VNET.pack(NEEDS_CHECKSUM, kind, shape.payload, size if kind else 0, shape.l4, shape.field - shape.l4) + frame
