# SPDX-License-Identifier: BSD-3-Clause
"""Frames built with scapy, and Linux bonding's transmit hashes as plain arithmetic on them (an independent oracle)."""
import struct
import sys

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, GRE, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

SRC, DST = "02:00:00:00:01:01", "02:00:00:00:02:02"
TAG = b"dts#"
__all__ = ["ARP", "Dot1AD", "Dot1Q", "Ether", "GRE", "ICMP", "IP", "IPv6", "Raw", "TCP", "UDP", "SRC", "DST", "TAG",
           "build", "number_of", "flow_frames", "member_of", "xmit_hash", "is_garp", "is_unsolicited_na", "igmp_report"]


def build(layers, number=0):
    """Bytes of `layers` with a numbered payload at the end, at least 64 long."""
    frame = bytes(layers / Raw(TAG + struct.pack("!I", number)))
    return frame + bytes(max(0, 64 - len(frame)))


def number_of(frame):
    """The number that build() put in, or None for a frame of somebody else."""
    at = frame.find(TAG)
    return struct.unpack_from("!I", frame, at + len(TAG))[0] if at >= 0 and at + 8 <= len(frame) else None


def igmp_report(source="192.0.2.1", group="239.1.1.1", number=0):
    """An IGMPv2 membership report."""
    body = b"\x16\x00\x00\x00" + bytes(int(part) for part in group.split("."))
    return build(Ether(src=SRC, dst="01:00:5e:01:01:01") / IP(src=source, dst=group, ttl=1, proto=2) / Raw(body), number)


def is_garp(frame, address, mac=None):
    """A gratuitous ARP for `address` (of `mac`)."""
    packet = Ether(bytes(frame))
    return ARP in packet and packet[ARP].psrc == packet[ARP].pdst == address and mac in (None, packet[ARP].hwsrc)


def is_unsolicited_na(frame, address):
    """A neighbour advertisement to everybody for `address`."""
    packet = Ether(bytes(frame))
    if IPv6 not in packet or packet[IPv6].dst != "ff02::1" or packet[IPv6].nh != 58:
        return False
    body = bytes(packet[IPv6].payload)
    return body[0] == 136 and body[8:24] == bytes(IPv6(src=address))[8:24]


def _word(data):
    return int.from_bytes(data, sys.byteorder)


def _addresses(packet):
    header = bytes(packet)
    span = header[12:20] if isinstance(packet, IP) else header[8:40]
    value = 0
    for at in range(0, len(span), 4):
        value ^= _word(span[at:at + 4])
    return value


def _fold(value):
    value ^= value >> 16
    return (value ^ (value >> 8)) & 0xFFFFFFFF


def _ports(network):
    """The word that layer3+4 starts from."""
    protocol = network.proto if isinstance(network, IP) else network.nh
    if isinstance(network, IP) and (network.flags.MF or network.frag):
        return 0
    body = bytes(network.payload)
    if protocol in (6, 17, 33, 132, 136, 50):
        return _word(body[:4])
    if protocol == 51:
        return _word(body[4:8])
    if protocol == 1 and body[0] in (0, 8, 13, 14):
        return _word(body[:2] + (struct.unpack("!H", body[4:6])[0] or 1).to_bytes(2, sys.byteorder))
    return 0


def _network(packet, inner):
    """The IP header to hash: the outer one, or with `inner` the innermost of IPIP and GRE."""
    layer = packet
    while layer and not isinstance(layer, (IP, IPv6)):
        layer = layer.payload
    layer = layer or None
    while inner and layer is not None and (layer.payload.haslayer(IP) or layer.payload.haslayer(IPv6)):
        after = layer.payload
        while not isinstance(after, (IP, IPv6)):
            after = after.payload
        layer = after
    return layer


def xmit_hash(frame, policy):
    """Linux's transmit hash of a frame (bytes) under a policy."""
    packet = Ether(frame)
    layer2 = frame[5] ^ frame[11] ^ struct.unpack_from("!H", frame, 12)[0]
    if policy == "layer2":
        return layer2
    if policy == "vlan+srcmac":
        vlan = packet[Dot1Q].vlan if Dot1Q in packet else packet[Dot1AD].vlan if Dot1AD in packet else 0
        return vlan ^ int.from_bytes(frame[6:9], "big") ^ int.from_bytes(frame[9:12], "big")
    network = _network(packet, inner=policy.startswith("encap"))
    if network is None:
        return layer2
    if policy.endswith("2+3"):
        return _fold(layer2 ^ _addresses(network))
    return _fold(_ports(network) ^ _addresses(network)) >> 1


def member_of(frame, policy, members):
    return xmit_hash(frame, policy) % members


def flow_frames(policy, count=64):
    """Frames of `count` flows of all kinds, numbered from 0. Tagged ones only where a tag does not enter layer 2's part."""
    frames = []
    for i in range(count):
        ether = Ether(src=f"02:00:00:00:{i % 7:02x}:{i * 5 % 256:02x}", dst=f"02:00:00:00:02:{i * 11 % 256:02x}")
        v4 = IP(src=f"10.{i % 5}.3.{i + 1}", dst=f"10.9.{i * 3 % 256}.7")
        v6 = IPv6(src=f"2001:db8::{i + 1:x}", dst=f"2001:db8:5::{i * 7 + 1:x}")
        udp = UDP(sport=1000 + 13 * i, dport=5000 + i % 9)
        tcp = TCP(sport=33000 + 17 * i, dport=80)
        kinds = [v4 / udp, v4 / tcp, v6 / udp, v6 / tcp,
                 v4.copy() / ICMP(type=8, id=0x0101 * (i % 200 + 1)),
                 IP(src=v4.src, dst=v4.dst, flags="MF", id=7) / udp, IP(src=v4.src, dst=v4.dst, frag=3, id=7, proto=17),
                 IP(src=v4.src, dst=v4.dst, proto=99)]
        if policy.startswith("encap"):
            outer = IP(src="198.51.100.1", dst="198.51.100.2")
            kinds += [outer / v4 / udp, outer / GRE() / v4 / tcp]
        if policy in ("layer3+4", "vlan+srcmac"):
            kinds += [Dot1Q(vlan=i + 2) / v4 / udp]
        if policy == "layer3+4":
            kinds += [Dot1AD(vlan=i + 2) / Dot1Q(vlan=7) / v4 / tcp]
        if policy in ("layer2", "layer2+3", "vlan+srcmac"):
            kinds += [ARP(psrc=v4.src, pdst=v4.dst)]
        frames.append(build(ether / kinds[i % len(kinds)], i))
    return frames
