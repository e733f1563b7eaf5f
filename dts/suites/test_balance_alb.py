# SPDX-License-Identifier: BSD-3-Clause
"""balance-alb on a switch with eight hosts: each reaches the bond by one member, and the members share the hosts."""
import time

import pytest

from framework.balance import Hosts
from framework.frames import ARP, Ether
from framework.topology import BOND_ADDRESS
from framework.wait import eventually, holds

COUNT = 8


@pytest.fixture(scope="module")
def net(lab):
    topology = lab.topology(2)
    hosts = Hosts(lab, topology, COUNT)
    bond = lab.bond(topology, mode="balance-alb")
    hosts.ping_once()
    return topology, bond, hosts


@pytest.fixture
def healthy(net):
    topology, bond, hosts = net
    topology.restore_all()
    bond.wait_up(2)
    hosts.ping_once()
    eventually(lambda: is_shared(bond, hosts), 15, "the hosts are shared out")
    return net


def macs(bond):
    """{MAC: member} as the members wear them."""
    return {bond.member(name)["mac"]: name for name in bond.info()["members"]}


def table(bond):
    """{host's address: member}, as the bond has it."""
    return {(entry.get("client") or key): entry["member"] for key, entry in bond.ask("/bond/rlb,bond0").items()}


def is_shared(bond, hosts):
    """Half of the hosts know one member's MAC, half the other's, each that of its member."""
    worn, assigned, known = macs(bond), table(bond), hosts.known_macs()
    return (all(worn.get(mac) == assigned.get(address) for mac, address in zip(known, hosts.addresses))
            and sorted(known.count(mac) for mac in worn) == [COUNT // 2, COUNT // 2])


def received(bond):
    return [bond.member(name)["rx_packets"] for name in bond.info()["members"]]


def test_each_host_reaches_the_bond_by_one_member_and_each_member_has_half_of_them(healthy, fresh):
    topology, bond, hosts = healthy
    monitor = fresh.fdb_monitor(topology)
    known = hosts.known_macs()
    before = received(bond)
    pings = [fresh.ping(ns, BOND_ADDRESS) for ns in hosts.namespaces]
    for ping in pings:
        ping.settled(10)
    assert hosts.known_macs() == known
    share = [now - old for now, old in zip(received(bond), before)]
    assert min(share) > 0.3 * sum(share), share
    for ping in pings:
        ping.stop()
        assert ping.lost() == [] and ping.duplicates == 0
    for mac in macs(bond):  # each at one port
        assert len(set(monitor.ports_of(mac))) <= 1


def test_requests_of_our_own_are_made_good(healthy, fresh):
    topology, bond, hosts = healthy
    known = hosts.known_macs()
    updates = sum(entry["updates"] for entry in bond.ask("/bond/rlb,bond0").values())
    capture = fresh.capture(topology.h, "h0")
    topology.a.run("ping", "-n", "-c", 1, "-W", 1, "192.0.2.99", check=False)  # nobody: broadcast requests
    request = [frame for frame in capture.take() if ARP in Ether(frame) and Ether(frame)[ARP].pdst == "192.0.2.99"]
    assert {Ether(frame)[ARP].hwsrc for frame in request} == {bond.info()["mac"]}
    eventually(lambda: sum(entry["updates"] for entry in bond.ask("/bond/rlb,bond0").values()) >= updates + COUNT, 5,
               "the clients of the other member were told twice each")
    eventually(lambda: hosts.known_macs() == known, 3, "everybody knows its member again")


@pytest.mark.parametrize("which", ["active", "other"])
def test_a_cut_costs_each_host_at_most_one_ping_and_a_return_shares_again(healthy, fresh, which):
    topology, bond, hosts = healthy
    mac = bond.info()["mac"]
    worn = macs(bond)
    monitor = fresh.fdb_monitor(topology)
    pings = [fresh.ping(ns, BOND_ADDRESS) for ns in hosts.namespaces]
    for ping in pings:
        ping.settled(5)
    active = topology.members.index(bond.active())
    down = active if which == "active" else 1 - active
    topology.cut(down)
    bond.wait_up(1)
    for ping in pings:
        ping.settled(10)
    lost = [len(ping.lost()) for ping in pings]
    assert max(lost) <= 1, lost
    left = topology.members[1 - down]
    assert bond.active() == left
    assert set(table(bond).values()) == {left}
    if which == "active":  # the bond's MAC moved, once
        assert monitor.ports_of(mac)[-1:] == [topology.far[1 - down]]
    assert len([port for port in monitor.ports_of(mac) if port == topology.far[1 - down]]) <= 1
    topology.restore(down)
    bond.wait_up(2)
    began = time.monotonic()
    eventually(lambda: is_shared(bond, hosts), 15, "the hosts are shared out again")
    assert time.monotonic() - began < 15
    for ping in pings:
        ping.settled(10)
        ping.stop()
    lost = [len(ping.lost()) for ping in pings]
    assert max(lost) <= 2, lost  # one at the cut, one at the return
    assert bond.info()["mac"] == mac
    for one in worn:  # there and back at most
        assert len(monitor.ports_of(one)) <= 2, (one, monitor.ports_of(one))


def test_group_frames_are_heard_once_whatever_the_switch_floods(healthy, fresh):
    topology, bond, hosts = healthy
    capture = fresh.capture(topology.a, "bond0")
    hosts.namespaces[3].run("ping", "-n", "-b", "-c", 3, "-i", "0.1", "-W", 1, "192.0.2.255", check=False)
    echoes = [frame for frame in capture.take() if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[:6] == b"\xff" * 6]
    assert len(echoes) == 3


def test_a_host_that_changes_its_card_is_told_under_its_new_mac(healthy):
    topology, bond, hosts = healthy
    ns, address = hosts.namespaces[5], hosts.addresses[5]
    ns.run("ip", "link", "set", "h0", "address", "02:0c:00:00:00:55")
    hosts.ping_once()
    eventually(lambda: is_shared(bond, hosts), 10, "it is told by which member to reach us")
    entry = bond.ask("/bond/rlb,bond0")[address.replace(".", "_")]
    assert entry["mac"] == "02:0c:00:00:00:55"


def test_the_console_and_explain_tell_of_it(healthy):
    topology, bond, hosts = healthy
    assert bond.ask("/bond/rlb,nobody") is None
    answer = bond.ask(f"/bond/explain,bond0,src={BOND_ADDRESS},dst={hosts.addresses[2]},proto=udp,dmac=02:0c:00:00:00:01")
    assert answer["hashed"] and answer["buckets"] == 256 and answer["member"] in topology.members
    assert "destination" in answer["reason"]
    unspread = bond.ask(f"/bond/explain,bond0,src={BOND_ADDRESS},dst=239.1.1.1,dmac=01:00:5e:01:01:01")
    assert not unspread["hashed"] and unspread["member"] == bond.active()
    # ARP leaves by the member that its neighbour was given to.
    for address, client in ((a, bond.ask("/bond/rlb,bond0")[a.replace(".", "_")]) for a in hosts.addresses[:4]):
        arp = ARP(op=2, hwsrc=bond.info()["mac"], psrc=BOND_ADDRESS, hwdst=client["mac"], pdst=address)
        reply = bond.ask(f"/bond/explain,bond0,frame={bytes(Ether(src=bond.info()['mac'], dst=client['mac']) / arp).hex()}")
        assert reply["member"] == client["member"]
        assert f"the neighbour {address} was given to {client['member']}" in reply["reason"]


def test_ipv6_peers_are_shared_out_too_when_asked_for(fresh):
    topology = fresh.topology(2, ipv6=True)
    others = []
    for number in range(1, 4):
        ns = fresh.namespace("h6")
        ns.ipv6(True)
        topology.bridge.cable(f"swx{number}", ns, "h0")
        ns.address("h0", f"2001:db8::{2 + number}/64")
        others.append(ns)
    bond = fresh.bond(topology, mode="balance-alb", rlb_ipv6="on", addresses=["2001:db8::1/64"])
    hosts = [topology.h, *others]
    worn = macs(bond)

    def known():
        found = []
        for ns in hosts:
            ns.run("ping", "-n", "-6", "-c", 1, "-W", 1, "2001:db8::1", check=False)
            entries = ns.ip_json("-6", "neigh", "show", "2001:db8::1", "dev", "h0")
            found.append(entries[0].get("lladdr") if entries else None)
        return found
    eventually(lambda: sorted(known().count(mac) for mac in worn) == [2, 2], 15, "two hosts know each member")
    stays = known()
    holds(lambda: known() == stays, 1.5, "and that stays so")
