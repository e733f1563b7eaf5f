# SPDX-License-Identifier: BSD-3-Clause
"""balance-spray's bench: members and a plain Linux host with as many cards, all on one switch that knows nothing of it."""
import contextlib
import shutil

from .netns import Netns
from .peers.bridge import Bridge
from .topology import Wires

VIRTUAL, PEER_VIRTUAL = "10.99.255.1", "10.99.255.2"


def own(i):
    """The bond's next-hop address on link i."""
    return f"10.0.{i + 1}.1"


def hop(i):
    """The peer's."""
    return f"10.0.{i + 1}.2"


def section(wires, by=hop, **more):
    """`spray:` of the bond's end: its own addresses and the peer's next hops."""
    weights = more.pop("weights", None)
    peer = {"address": PEER_VIRTUAL, "via": {name: by(i) for i, name in enumerate(wires.members)}}
    if weights:
        peer["weights"] = dict(zip(wires.members, weights))
    return {"addresses": {name: f"{own(i)}/24" for i, name in enumerate(wires.members)}, "peers": [peer],
            "probe_interval": 200, **more}


def why_not():
    """Why a plain Linux host cannot spray here, or None when it can."""
    if not shutil.which("nft"):
        return "needs nftables for a host that marks its packets in turn"
    probe = Netns("probe")
    try:
        done = probe.run("nft", "add table ip t; add chain ip t c; add rule ip t c meta mark set numgen inc mod 2", check=False)
        return f"nftables cannot count in turns here: {done.stderr.strip()}" if done.returncode else None
    finally:
        probe.delete()


class SprayHost:
    """A Linux host as in the textbook: a virtual address, an ordinary one for each card, routes with next hops.

    `granularity`: packet (marks in turn, by nftables) or flow (an ECMP route). `in_place`: it has the addresses that are else the
    bond's.
    """

    def __init__(self, bridge, cards, granularity="packet", in_place=False):
        self.ns = Netns("lx")
        self.cards = [f"e{i}" for i in range(cards)]
        self.ports = [f"sw{'b' if in_place else 'e'}{i}" for i in range(cards)]
        mine, other = (VIRTUAL, own), (PEER_VIRTUAL, hop)
        if not in_place:
            mine, other = other, mine
        for scope in ("all", "default"):
            self.ns.sysctl(f"net.ipv4.conf.{scope}.rp_filter", 2)
        self.ns.address("lo", f"{mine[0]}/32")
        for i, (card, port) in enumerate(zip(self.cards, self.ports)):
            bridge.cable(port, self.ns, card)
            self.ns.sysctl(f"net.ipv4.conf.{card}.rp_filter", 2)
            self.ns.address(card, f"{mine[1](i)}/24")
        hops = [word for i, card in enumerate(self.cards) for word in ("nexthop", "via", other[1](i), "dev", card)]
        self.ns.run("ip", "route", "add", f"{other[0]}/32", "src", mine[0], *hops)
        if granularity == "packet":
            for i, card in enumerate(self.cards):
                self.ns.run("ip", "route", "add", f"{other[0]}/32", "via", other[1](i), "dev", card, "src", mine[0],
                            "table", 100 + i)
                self.ns.run("ip", "rule", "add", "fwmark", i + 1, "table", 100 + i)
            self.ns.run("nft", f"""
                add table ip spray
                add chain ip spray out {{ type route hook output priority mangle; }}
                add rule ip spray out ip daddr {other[0]} meta mark set numgen inc mod {cards} offset 1""")

    def received(self):
        """Bytes that each card has received."""
        return [self.ns.ip_json("-s", "link", "show", "dev", card)[0]["stats64"]["rx"]["bytes"] for card in self.cards]

    def delete(self):
        self.ns.delete()


class SprayTopology(Wires):
    """Members m0, m1, … of the bond's host and cards e0, e1, … of a plain Linux host, on one switch."""

    def __init__(self, members=3, granularity="packet"):
        super().__init__(members, "sw")
        self.bridge = Bridge()
        self.far_ns = self.sw = self.bridge.ns
        for port, name in zip(self.far, self.members):
            self.bridge.cable(port, self.a, name)
        self.host = SprayHost(self.bridge, members, granularity) if granularity else None
        self.h = self.host.ns if self.host else None

    def delete(self):
        if self.host:
            self.host.delete()
        self.bridge.delete()
        super().delete()


class SprayPair(Wires):
    """Two hosts with members m0, m1, …, each pair of them on a switch of its own."""

    def __init__(self, members=4):
        super().__init__(members, "sw")
        self.b = Netns("b")
        self.far_ns = self.sw = Netns("sws")
        for i, (port, name) in enumerate(zip(self.far, self.members)):
            self.sw.run("ip", "link", "add", f"br{i}", "type", "bridge", "stp_state", "0", "forward_delay", "0",
                        "mcast_snooping", "0")
            self.sw.set_link(f"br{i}", True)
            for ns, end in ((self.a, port), (self.b, f"{port}b")):
                ns.run("ip", "link", "add", name, "type", "veth", "peer", "name", end, "netns", self.sw.name)
                self.sw.run("ip", "link", "set", end, "master", f"br{i}", "up")
                ns.set_link(name, True)

    def delete(self):
        self.b.delete()
        self.sw.delete()
        super().delete()


@contextlib.contextmanager
def closing(thing):
    try:
        yield thing
    finally:
        thing.delete()


def shares(numbers):
    """Which part of their sum each is."""
    return [number / max(sum(numbers), 1) for number in numbers]


def counted(bond, wires, field="tx_bytes"):
    return [bond.member(name)[field] for name in wires.members]


def grown(bond, wires, before, field="tx_bytes"):
    return [now - old for now, old in zip(counted(bond, wires, field), before)]


def paths(bond, peer=PEER_VIRTUAL):
    """{member: path} to a peer."""
    return bond.ask(f"/bond/spray,{bond.name}")["peers"][peer.replace(".", "_")]["paths"]


def states(bond, peer=PEER_VIRTUAL):
    return [path["state"] for path in paths(bond, peer).values()]
