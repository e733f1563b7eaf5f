# SPDX-License-Identifier: BSD-3-Clause
"""The logical interface and the bond follow each other: what is asked of the netdev reaches the members, and back."""
import contextlib
import socket
import struct
import time

import pytest

from framework.frames import SRC, UDP, Dot1Q, Ether, IP, build, is_garp, number_of
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.traffic import Capture, ping_once
from framework.wait import eventually

MODES = ["balance-rr", "active-backup", "balance-xor", "broadcast"]
SOON = 0.1  # s: what a change may take
FOREIGN, GROUP, OTHER_GROUP = "02:00:00:00:0f:0f", "01:00:5e:01:01:01", "01:00:5e:01:01:02"


class Watched:
    """A change by `ip link`, and how long telemetry took to show it."""

    def __init__(self, ns, bond):
        self.ns, self.bond = ns, bond

    def set(self, *words):
        self.ns.run("ip", "link", "set", "bond0", *words)
        return self

    def shows(self, **wanted):
        """Of /bond/info's logical: known within SOON."""
        eventually(lambda: wanted.items() <= self.bond.info()["logical"].items(), SOON, f"logical {wanted}", every=0.005)

    def on_members(self, **wanted):
        for name in self.bond.info()["members"]:
            eventually(lambda: wanted.items() <= self.bond.member(name).items(), SOON, f"{name} {wanted}", every=0.005)


@pytest.fixture(scope="module", params=MODES)
def each(lab, request):
    """A bond of every mode, its members' wires ending in captures; and what its logical interface hands up."""
    wires = lab.sink(2)
    bond = lab.bond(wires, mode=request.param, miimon=50)
    return wires, bond


@pytest.fixture(scope="module")
def one(lab):
    wires = lab.sink(2)
    return wires, lab.bond(wires, mode="balance-xor", miimon=50)


@contextlib.contextmanager
def macvlan(fresh, ns, mode="bridge"):
    """A macvlan of bond0 in a namespace of its own."""
    other = fresh.namespace("mv")
    ns.run("ip", "link", "add", "mv0", "link", "bond0", "type", "macvlan", "mode", mode)
    ns.run("ip", "link", "set", "mv0", "netns", other.name)
    other.address("mv0", "192.0.2.9/24")
    other.set_link("mv0", True)
    try:
        yield other
    finally:
        other.run("ip", "link", "del", "mv0", check=False)


@contextlib.contextmanager
def joined(ns, group):
    """A socket that has joined an IPv4 group on bond0."""
    member = ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = socket.inet_aton(group) + socket.inet_aton("0.0.0.0") + struct.pack("i", ns.ifindex("bond0"))
    member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
    try:
        yield
    finally:
        member.close()


def to(destination, number):
    return build(Ether(src=SRC, dst=destination) / IP(dst=BOND_ADDRESS) / UDP(), number)


def is_slow(frame):
    return frame[12:14] == b"\x88\x09"


def arrives(wires, bond, destination):
    """One frame for `destination` by an active member: whether it goes up, or why not."""
    before = bond.stats()
    end = wires.far[wires.members.index(bond.active() or wires.members[0])]
    sender = wires.sink.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with sender, wires.sink.entered():
        sender.bind((end, 0))
        sender.send(to(destination, 1))

    def settled():
        after = bond.stats()
        if after["rx_packets"] > before["rx_packets"]:
            return "up"
        return next((reason for reason, n in after["drops"].items() if n > before["drops"][reason]), None)
    return eventually(settled, 2, "the frame is counted")


def becomes(wires, bond, destination, outcome):
    """`outcome` within SOON of now; a frame that is in doubt may be the first to tell."""
    eventually(lambda: arrives(wires, bond, destination) == outcome, SOON + 0.1, f"{destination} → {outcome}", every=0.01)


@pytest.mark.parametrize("mode", MODES)
def test_a_macvlan_in_a_namespace_of_its_own_speaks_both_ways(fresh, mode):
    topology = fresh.topology(2 if mode != "broadcast" else 1, pcap=False)
    bond = fresh.bond(topology, mode=mode, miimon=50)
    with macvlan(fresh, topology.a, "bridge" if mode != "balance-xor" else "private") as other:
        eventually(lambda: bond.info()["logical"]["unicast"] == 1, SOON, "its MAC is known", every=0.005)
        eventually(lambda: ping_once(other, HOST_ADDRESS), 3, "the macvlan reaches the host")
        assert ping_once(topology.h, "192.0.2.9") is not None
        assert ping_once(topology.h, BOND_ADDRESS) is not None
        assert not bond.info()["logical"]["promiscuous"]
    eventually(lambda: bond.info()["logical"]["unicast"] == 0, SOON, "its MAC is forgotten", every=0.005)


def test_a_failover_announces_the_addresses_of_a_macvlan_elsewhere(fresh):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology, miimon=50)
    with macvlan(fresh, topology.a) as other:
        mac = other.mac("mv0")
        eventually(lambda: bond.info()["logical"]["addresses"] == 2, SOON, "its address is known", every=0.005)
        heard = fresh.capture(topology.h, "h0")
        topology.cut(topology.members.index(bond.active()))
        seen = []

        def announced():
            seen.extend(heard.take())
            return (any(is_garp(f, "192.0.2.9", mac) for f in seen)
                    and any(is_garp(f, BOND_ADDRESS, bond.info()["mac"]) for f in seen))
        eventually(announced, 2, "both addresses are announced, each by its own MAC")


@pytest.mark.parametrize("tags", [Dot1Q(vlan=100), Dot1Q(vlan=7) / Dot1Q(vlan=30)], ids=["one-tag", "two-tags"])
def test_tagged_frames_keep_their_tags_both_ways(each, tags):
    wires, bond = each
    mac = bond.info()["mac"]
    with wires.captures() as ends:
        active = wires.members.index(bond.active()) if bond.active() else 0
        taken = []

        def sent():
            taken.extend(f for end in ends for f in end.take() if number_of(f) == 77)
            return len(taken) >= 8
        with Capture(wires.a, "bond0") as host:
            for number in range(8):
                ends[active].send(build(Ether(src=SRC, dst=mac) / tags / IP(dst=BOND_ADDRESS) / UDP(), number))
            up = host.collect(lambda f: number_of(f) is not None, 8)
            out = build(Ether(src=mac, dst=SRC) / tags / IP(dst=HOST_ADDRESS) / UDP(), 77)
            host.send_all([out] * 8)
            eventually(sent, 3, "eight frames on the wires")
    assert {bytes(f[12:12 + len(bytes(tags))]) for f in up + taken} == {out[12:12 + len(bytes(tags))]}


def test_a_group_is_received_while_it_is_joined(one):
    wires, bond = one
    assert arrives(wires, bond, GROUP) == "foreign_group"
    with joined(wires.a, "239.1.1.1"):
        becomes(wires, bond, GROUP, "up")
        assert arrives(wires, bond, OTHER_GROUP) == "foreign_group"
        assert arrives(wires, bond, "ff:ff:ff:ff:ff:ff") == "up"
        assert arrives(wires, bond, "01:80:c2:00:00:0e") == "up"
    becomes(wires, bond, GROUP, "foreign_group")


def test_a_group_that_nobody_told_of_is_found_out_by_the_first_frame(one):
    wires, bond = one
    wires.a.run("ip", "maddr", "add", GROUP, "dev", "bond0")
    becomes(wires, bond, GROUP, "up")
    wires.a.run("ip", "maddr", "del", GROUP, "dev", "bond0")


def test_frames_to_others_stay_below_unless_promiscuous(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="balance-xor")
    ip = Watched(wires.a, bond)
    assert arrives(wires, bond, FOREIGN) == "foreign_mac"
    ip.set("promisc", "on").shows(promiscuous=1)
    assert arrives(wires, bond, FOREIGN) == "up"
    assert arrives(wires, bond, OTHER_GROUP) == "foreign_group"
    ip.on_members(promiscuous=1)
    ip.set("promisc", "off").shows(promiscuous=0)
    ip.on_members(promiscuous=0)
    assert arrives(wires, bond, FOREIGN) == "foreign_mac"


def test_a_bridge_on_top_receives_everything(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="balance-xor")
    ip = Watched(wires.a, bond)
    wires.a.run("ip", "link", "add", "br9", "type", "bridge")
    wires.a.run("ip", "link", "set", "br9", "up")
    ip.set("master", "br9").shows(promiscuous=1)
    assert arrives(wires, bond, FOREIGN) == "up"
    eventually(lambda: arrives(wires, bond, OTHER_GROUP) == "up", SOON, "a bridge hears every group")
    ip.set("nomaster").shows(promiscuous=0)
    assert arrives(wires, bond, FOREIGN) == "foreign_mac"


def test_mac_mtu_and_groups_reach_members_and_those_that_join_later(fresh):
    wires = fresh.sink(3)
    before = {name: (wires.a.mac(name), wires.a.link(name)["mtu"], wires.a.link(name)["flags"]) for name in wires.members}
    bond = fresh.bond(wires, members=2, mode="balance-rr", console=True)
    ip = Watched(wires.a, bond)
    ip.set("address", "02:bd:00:00:00:77").on_members(mac="02:bd:00:00:00:77")
    assert bond.info()["mac"] == "02:bd:00:00:00:77"
    assert {wires.a.mac(name) for name in ("m0", "m1")} == {"02:bd:00:00:00:77"}
    assert arrives(wires, bond, "02:bd:00:00:00:77") == "up"
    ip.set("mtu", 1400).on_members(mtu=1400)
    assert bond.info()["mtu"] == 1400
    ip.set("allmulticast", "on").on_members(allmulticast=1)
    assert arrives(wires, bond, OTHER_GROUP) == "up"
    ip.set("promisc", "on").on_members(promiscuous=1)
    bond.process.stdin.write(f"add member bond0 {wires.devargs(2)}\n".encode())
    bond.process.stdin.flush()
    eventually(lambda: "m2" in bond.info()["members"], 3, "m2 has joined")
    wanted = {"mac": "02:bd:00:00:00:77", "mtu": 1400, "allmulticast": 1, "promiscuous": 1}
    eventually(lambda: wanted.items() <= bond.member("m2").items(), 1, "m2 follows")
    assert wires.a.link("m2")["promiscuity"] > 0
    ip.set("promisc", "off").set("allmulticast", "off").on_members(promiscuous=0, allmulticast=0)
    ip.set("promisc", "on")
    assert bond.stop() == 0
    after = {name: (wires.a.mac(name), wires.a.link(name)["mtu"], wires.a.link(name)["flags"]) for name in wires.members}
    assert after == before
    assert [wires.a.link(name)["promiscuity"] for name in wires.members] == [0, 0, 0]


def test_an_mtu_that_no_buffer_holds_is_put_back_and_told(fresh):
    wires = fresh.sink(1)
    bond = fresh.bond(wires)
    wires.a.run("ip", "link", "set", "bond0", "mtu", 9000)
    eventually(lambda: wires.a.link("bond0")["mtu"] == 1500, 1, "the MTU is as it was")
    assert [e for e in bond.events() if e["event"] == "warning" and "9000" in e["detail"]]
    assert bond.info()["mtu"] == 1500


def test_down_silences_the_bond_and_up_brings_it_back(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="802.3ad", lacp_rate="fast", addresses=[])
    ip = Watched(wires.a, bond)
    with wires.captures() as ends:
        ends[0].collect(is_slow, 1)
        ip.set("down").shows(up=0)
        ends[0].send(to(bond.info()["mac"], 1))
        eventually(lambda: sum(bond.stats()["drops"].values()) == 1, 1, "a frame that came is counted")
        for end in ends:
            end.take()
        time.sleep(2.2)  # longer than two of the partner's periods: what silence is
        assert [f for end in ends for f in end.take() if is_slow(f)] == []
        ip.set("up").shows(up=1)
        ends[0].collect(is_slow, 1)
    assert {"logical_down", "logical_up"} <= {e["event"] for e in bond.events()}


def test_speed_follows_the_members_that_may_send(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="balance-rr", miimon=50)

    def speed():
        return wires.a.run("ethtool", "bond0").stdout

    eventually(lambda: "Speed: 20000Mb/s" in speed() and "Duplex: Full" in speed(), 2, "two veths of 10 Gbit/s")
    wires.cut(0)
    bond.wait_up(1)
    eventually(lambda: "Speed: 10000Mb/s" in speed(), SOON + 0.2, "one is left")
    wires.cut(1)
    bond.wait_up(0)
    eventually(lambda: "Speed: Unknown" in speed(), SOON + 0.2, "none is left")
    wires.restore_all()
    bond.wait_up(2)
    eventually(lambda: "Speed: 20000Mb/s" in speed(), SOON + 0.2, "both are back")
    assert bond.info()["logical"]["speed_mbps"] == 20000
