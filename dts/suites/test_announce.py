# SPDX-License-Identifier: BSD-3-Clause
"""What the network is told when another member takes over: which MAC is where, and the frames that say so."""
import time

import pytest

from framework.frames import is_garp, is_unsolicited_na
from framework.topology import BOND_ADDRESS, BOND_ADDRESS6, HOST_ADDRESS
from framework.wait import eventually


def macs(topology, bond):
    """What the members' netdevs wear; telemetry says the same."""
    worn = [topology.a.mac(name) for name in topology.members]
    assert [bond.member(name)["mac"] for name in topology.members] == worn
    return worn


def wears(topology, bond, wanted):
    eventually(lambda: [topology.a.mac(name) for name in topology.members] == wanted, 2, f"the members wear {wanted}")
    assert macs(topology, bond) == wanted


def say(bond, line):
    """A line to the console."""
    bond.process.stdin.write(line.encode() + b"\n")
    bond.process.stdin.flush()


def neighbour(topology):
    """Where the host behind the switch thinks the bond's address is."""
    entries = topology.h.ip_json("neigh", "show", "to", BOND_ADDRESS)
    return entries[0].get("lladdr") if entries else None


@pytest.mark.parametrize("policy", ["active", "follow"])
def test_fail_over_mac_and_everybody_follows(fresh, policy):
    topology = fresh.topology(2)
    own = [topology.a.mac(name) for name in topology.members]
    bond = fresh.bond(topology, fail_over_mac=policy)
    assert bond.active() == "m0"
    wears(topology, bond, own)
    ping = fresh.ping(topology.a, HOST_ADDRESS).settled()
    for up in (1, 0, 1):
        mac = own[up] if policy == "active" else own[0]
        before = len(ping.lost())
        topology.cut(1 - up)
        bond.wait_active(f"m{up}")
        wears(topology, bond, own if policy == "active" or up == 0 else own[::-1])
        eventually(lambda: topology.a.mac("bond0") == mac == bond.info()["mac"], 2, "the bond's MAC")
        eventually(lambda: neighbour(topology) == mac, 2, "the host has heard of it")
        eventually(lambda: topology.bridge.fdb()[mac] == topology.far[up], 2, "the switch has learnt it")
        ping.settled(4)
        assert len(ping.lost()) - before <= 1
        topology.restore(1 - up)
        bond.wait_up(2)
    ping.stop()
    assert ping.duplicates == 0
    assert bond.stop(timeout=15) == 0
    assert [topology.a.mac(name) for name in topology.members] == own


def test_a_member_that_leaves_takes_its_own_mac_and_the_others_keep_theirs(fresh):
    topology = fresh.topology(3)
    own = [topology.a.mac(name) for name in topology.members]
    bond = fresh.bond(topology, fail_over_mac="follow", logical={"mac": "02:bd:00:00:00:01"}, console=True)
    wears(topology, bond, ["02:bd:00:00:00:01", own[1], own[2]])
    say(bond, "set bond bond0 active m1")
    wears(topology, bond, [own[1], "02:bd:00:00:00:01", own[2]])
    say(bond, "remove member bond0 m0")
    eventually(lambda: [topology.a.mac(name) for name in topology.members] == [own[0], "02:bd:00:00:00:01", own[2]], 2)
    say(bond, "remove member bond0 m1")
    eventually(lambda: [topology.a.mac(name) for name in topology.members] == [own[0], own[1], "02:bd:00:00:00:01"], 2)
    assert bond.active() == "m2"


def test_two_members_of_one_mac(fresh):
    wires = fresh.sink(3)
    twin = wires.a.mac("m0")
    wires.a.run("ip", "link", "set", "m1", "address", twin)
    bond = fresh.bond(wires, addresses=[], fail_over_mac="follow")
    worn = macs(wires, bond)
    assert worn[0] == twin and len(set(worn)) == 3
    wires.cut(0)
    bond.wait_active("m1")
    wears(wires, bond, [worn[1], twin, worn[2]])
    assert bond.stop() == 0
    assert [wires.a.mac(name) for name in ("m0", "m1")] == [twin, twin]


def announcements(frames):
    """Those of the bond's two addresses, by address."""
    return {BOND_ADDRESS: [frame for frame in frames if is_garp(frame, BOND_ADDRESS)],
            BOND_ADDRESS6: [frame for frame in frames if is_unsolicited_na(frame, BOND_ADDRESS6)]}


def test_a_failover_is_announced_exactly_so_often_and_at_exact_distances(fresh):
    wires = fresh.sink(2, ipv6=True)
    bond = fresh.bond(wires, addresses=[f"{BOND_ADDRESS}/24", f"{BOND_ADDRESS6}/64"], num_grat_arp=10, peer_notif_delay=100,
                      console=True)
    eventually(lambda: "tentative" not in wires.a.run("ip", "addr", "show", "bond0").stdout, 5, "DAD is over")
    with wires.captures() as ends:
        eventually(lambda: not any(map(len, announcements(quiet(ends)).values())), 5, "those of the first choice are over")
        for down, rounds in ((0, 10), (1, 3)):
            wires.cut(down)
            bond.wait_active(f"m{1 - down}")
            heard = [[], []]
            eventually(lambda: gather(ends, heard) and len(announcements(heard[1 - down])[BOND_ADDRESS]) >= rounds, 3)
            gather(ends, heard, 0.25)
            assert not any(map(len, announcements(heard[down]).values()))
            for address, frames in announcements(heard[1 - down]).items():
                assert len(frames) == rounds, address
                gaps = [(b.t_ns - a.t_ns) / 1e6 for a, b in zip(frames, frames[1:])]
                late = sorted(abs(gap - 100) for gap in gaps)  # a busy machine may serve nobody for a while
                assert late[len(late) // 2] < 20 and abs(sum(gaps) / len(gaps) - 100) < 20, gaps
            wires.restore(down)
            bond.wait_up(2)
            say(bond, "set bond bond0 num_grat_arp 3")
            eventually(lambda: int(bond.info()["options"]["num_grat_arp"]) == 3, 2)


def reports(frames):
    """Reports of memberships as they are, not of changes: (VLAN or 0, group, source MAC, when)."""
    found = []
    for frame in frames:
        vlan, at = (frame[14] & 0x0F) << 8 | frame[15], 16
        if frame[12:14] != b"\x81\x00":
            vlan, at = 0, 12
        ip = frame[at + 2:]
        if frame[at:at + 2] == b"\x08\x00" and ip[9] == 2 and ip[24] == 0x22 and ip[32] == 2:
            found.append((vlan, ".".join(map(str, ip[36:40])), frame[6:12], frame.t_ns))
        elif frame[at:at + 2] == b"\x86\xdd" and ip[6:7] == b"\x00" and ip[48:49] == b"\x8f":
            found.extend((vlan, ip[60 + 20 * i:76 + 20 * i].hex(), frame[6:12], frame.t_ns)
                         for i in range(int.from_bytes(ip[54:56], "big")) if ip[56 + 20 * i] == 2)
    return found


@pytest.mark.parametrize("mode", ["active-backup", "balance-tlb", "balance-alb"])
def test_a_bond_that_ends_leaves_its_mac_where_it_is(fresh, mode):
    """Nobody takes over at the end: the switch would send what is for the next start to a member that is a backup then."""
    topology = fresh.topology(3)
    bond = fresh.bond(topology, mode=mode)
    ping = fresh.ping(topology.a, HOST_ADDRESS).settled(5)
    ping.stop()
    mac = topology.a.mac("bond0")
    port = topology.bridge.fdb()[mac]
    monitor = fresh.fdb_monitor(topology)
    assert bond.stop() == 0
    assert topology.bridge.fdb().get(mac, port) == port and set(monitor.ports_of(mac)) <= {port}


@pytest.mark.parametrize("mode", ["active-backup", "balance-rr"])
def test_memberships_are_reported_again_by_the_member_that_takes_over(fresh, mode):
    wires = fresh.sink(2, ipv6=True)
    bond = fresh.bond(wires, mode=mode, resend_igmp=3)
    wires.a.run("ip", "addr", "add", "239.1.1.1/32", "dev", "bond0", "autojoin")
    mac = bond.info()["mac"]
    mine = {(0, "239.1.1.1"): mac}
    for number, kind in ((5, ("vlan", "id", "5")), (0, ("macvlan",))):  # as far as this kernel has them
        upper, group = kind[0] + "0", f"239.1.2.{number}"
        if wires.a.run("ip", "link", "add", "link", "bond0", "name", upper, "type", *kind, check=False).returncode == 0:
            wires.a.run("ip", "link", "set", upper, "up")
            wires.a.address(upper, f"198.51.{number}.1/24")
            wires.a.run("ip", "addr", "add", f"{group}/32", "dev", upper, "autojoin")
            mine[number, group] = wires.a.mac(upper)
    with wires.captures() as ends:
        eventually(lambda: not reports(quiet(ends)), 3, "those of the first choice are over")
        wires.cut(0)
        heard = [[], []]

        def reported(key):
            return [report for report in reports(heard[1]) if report[:2] == key]
        eventually(lambda: gather(ends, heard) and all(len(reported(key)) >= 3 for key in mine), 3, "three reports each")
        gather(ends, heard, 0.3)
        for key, mac in mine.items():
            assert len(reported(key)) == 3, key
            assert {report[2] for report in reported(key)} == {bytes.fromhex(mac.replace(":", ""))}
            assert abs((reported(key)[2][3] - reported(key)[0][3]) / 1e6 - 400) < 60
        # A group of its own for each address (solicited-node).
        assert any(group.startswith("ff0200000000000000000001ff") for _, group, _, _ in reports(heard[1]))
        assert reports(heard[0]) == []


def gather(ends, heard, seconds=0.0):
    """Add what came in on each end to `heard`, for so long; true."""
    time.sleep(seconds)
    for end, frames in zip(ends, heard):
        frames.extend(end.take())
    return True


def quiet(ends):
    """What comes in within a quarter of a second."""
    heard = [[] for _ in ends]
    gather(ends, heard, 0.25)
    return [frame for frames in heard for frame in frames]
