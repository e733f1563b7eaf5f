# SPDX-License-Identifier: BSD-3-Clause
"""balance-xor: the member of every flow is the one that Linux's formula names."""
import json

import pytest

from framework.balance import Flows, source_port
from framework.frames import IP, UDP, Ether, build, flow_frames, member_of, number_of
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

POLICIES = ["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"]
FLOWS = 96


def where(ends, count):
    """{flow number: member index}, each flow seen exactly once."""
    found = {}

    def all_there():
        for i, end in enumerate(ends):
            for frame in end.take():
                if (number := number_of(frame)) is not None:
                    assert number not in found, f"flow {number} left twice"
                    found[number] = i
        return len(found) == count
    eventually(all_there, 3, f"{count} flows, have {len(found)}")
    return found


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize("policy", POLICIES)
def test_flows_leave_as_linux_hashes_them(fresh, policy, members):
    wires = fresh.sink(members)
    fresh.bond(wires, mode="balance-xor", addresses=[], xmit_hash_policy=policy)
    host = fresh.capture(wires.a, "bond0")
    frames = flow_frames(policy, FLOWS)
    with wires.captures() as ends:
        host.send_all(frames)
        found = where(ends, FLOWS)
    expected = {i: member_of(frame, policy, members) for i, frame in enumerate(frames)}
    wrong = {i: (found[i], expected[i], frames[i].hex()) for i in expected if found[i] != expected[i]}
    assert not wrong, f"flow: (left by, Linux leaves by, frame) {wrong}"
    assert len(set(found.values())) == members


def test_a_lost_member_moves_only_its_flows_and_its_return_brings_back_the_first_map(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-xor", addresses=[], xmit_hash_policy="layer3+4")
    host = fresh.capture(wires.a, "bond0")
    frames = flow_frames("layer3+4", FLOWS)

    def send_and_see():
        host.send_all(frames)
        return where(ends, FLOWS)
    with wires.captures() as ends:
        first = send_and_see()
        for lost in range(3):
            wires.cut(lost)
            bond.wait_up(2)
            without = send_and_see()
            assert {i for i in first if first[i] != without[i]} == {i for i in first if first[i] == lost}
            assert {without[i] for i in first if first[i] == lost} == {0, 1, 2} - {lost}
            wires.restore(lost)
            bond.wait_up(3)
            assert send_and_see() == first


def test_explain_names_the_member_that_the_wire_shows(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-xor", addresses=[], xmit_hash_policy="layer3+4")
    for sport in range(1000, 1040, 5):
        answer = bond.ask(f"/bond/explain,bond0,src=10.0.0.1,dst=10.0.0.2,sport={sport},dport=53,proto=udp")
        frame = build(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
                      / UDP(sport=sport, dport=53))
        assert answer["member"] == f"m{member_of(frame, 'layer3+4', 3)}"


def test_hash_seed_moves_flows_and_explain_knows(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="balance-xor", addresses=[], xmit_hash_policy="layer3+4")
    host = fresh.capture(wires.a, "bond0")
    frames = {sport: build(Ether(src=wires.a.mac("bond0"), dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
                           / UDP(sport=sport, dport=53)) for sport in range(1000, 1048)}

    def explained():
        return {sport: bond.ask(f"/bond/explain,bond0,src=10.0.0.1,dst=10.0.0.2,sport={sport},dport=53,proto=udp")["member"]
                for sport in frames}

    def seen():
        found = {}
        with wires.captures() as ends:
            host.send_all(list(frames.values()))

            def all_there():
                for i, end in enumerate(ends):
                    for frame in end.take():
                        packet = Ether(bytes(frame))
                        if UDP in packet and packet[UDP].dport == 53:
                            found[packet[UDP].sport] = f"m{i}"
                return len(found) == len(frames)
            eventually(all_there, 5, "every flow")
        return found

    plain = explained()
    assert seen() == plain
    assert bond.console("set bond bond0 hash_seed 4711") == []
    seeded = explained()
    assert seen() == seeded
    moved = sum(plain[sport] != seeded[sport] for sport in frames)
    assert 8 <= moved <= 40, "about half of the flows"
    assert bond.console("set bond bond0 hash_seed 0") == []
    assert seen() == plain


def test_the_biggest_flows_are_told_with_their_members(fresh):
    wires = fresh.topology(2, pcap=False)
    bond = fresh.bond(wires, mode="balance-xor", xmit_hash_policy="layer3+4")

    def biggest():
        flows = [(flow["bytes_per_s"], entry["member"], flow["flow"]) for entry in bond.ask("/bond/load,bond0")
                 for flow in entry.get("biggest_flows", {}).values()]
        flows.sort(reverse=True)
        return flows if [flow.rpartition("=")[2] for _, _, flow in flows[:2]] == ["9001", "9002"] else None
    with Flows(wires.a, {(HOST_ADDRESS, 9000): 1, (HOST_ADDRESS, 9001): 12, (HOST_ADDRESS, 9002): 4}):
        flows = eventually(biggest, 5, "the biggest two in their order")
        rate, member, flow = flows[0]
        assert flow == f"src={BOND_ADDRESS},dst={HOST_ADDRESS},proto=udp,sport={source_port(9001)},dport=9001"
        assert member == bond.ask(f"/bond/explain,bond0,{flow}")["member"]
        assert rate > sum(r for r, _, _ in flows) / 2  # 12 of 17
        lines = eventually(lambda: [line for line in bond.console("show bond bond0 load") if line.endswith(f"%  {flow}")], 5)
        assert lines[0].startswith(member)
        shown = json.loads(bond.client("show", "bond", "bond0", "load", "--json", check=True).stdout)
        assert any(entry["biggest_flows"]["1"]["flow"] == flow for entry in shown if "biggest_flows" in entry)
