# SPDX-License-Identifier: BSD-3-Clause
"""balance-rr: who carried which frame, read off the wires."""
import pytest

from framework.balance import Flows
from framework.frames import DST, SRC, UDP, Ether, IP, build, igmp_report, number_of
from framework.topology import HOST_ADDRESS
from framework.wait import eventually


def carriers(ends, count, deadline=3.0):
    """Member index by frame number, once `count` frames have come; every frame must have left exactly once."""
    found = {}

    def all_there():
        for i, end in enumerate(ends):
            for frame in end.take():
                if (number := number_of(frame)) is not None:
                    assert number not in found, f"frame {number} left twice"
                    found[number] = i
        return len(found) >= count
    eventually(all_there, deadline, f"{count} frames, have {len(found)}")
    return [found[number] for number in sorted(found)]


def numbered(count, first=0):
    return [build(Ether(src=SRC, dst=DST) / IP(dst="192.0.2.9") / UDP(), first + i) for i in range(count)]


@pytest.mark.parametrize("per_member", [1, 2, 5])
def test_members_take_turns_every_packets_per_slave_frames(fresh, per_member):
    wires = fresh.sink(3)
    fresh.bond(wires, mode="balance-rr", addresses=[], packets_per_slave=per_member)
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        host.send_all(numbered(300))
        seen = carriers(ends, 300)
    start = next(i for i in range(1, per_member + 1) if seen[i] != seen[0])  # the turn that was going on
    turns = [seen[i] for i in range(start, 300)]
    assert turns == [(turns[0] + i // per_member) % 3 for i in range(len(turns))]
    assert max(seen.count(i) for i in range(3)) - min(seen.count(i) for i in range(3)) <= per_member


def test_packets_per_slave_0_picks_at_random(fresh):
    wires = fresh.sink(3)
    fresh.bond(wires, mode="balance-rr", addresses=[], packets_per_slave=0)
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        host.send_all(numbered(900))
        seen = carriers(ends, 900)
    for i in range(3):  # 300 expected, standard deviation 14: within six of them
        assert 215 <= seen.count(i) <= 385
    changes = sum(a != b for a, b in zip(seen, seen[1:]))
    assert 515 <= changes <= 685  # 600 expected: no fixed order, no long runs


def test_igmp_leaves_by_the_active_member_only(fresh):
    wires = fresh.sink(3)
    fresh.bond(wires, mode="balance-rr", addresses=[])
    host = fresh.capture(wires.a, "bond0")
    frames = [igmp_report(number=i) if i % 3 == 0 else frame for i, frame in enumerate(numbered(90))]
    with wires.captures() as ends:
        host.send_all(frames)
        seen = carriers(ends, 90)
    assert len({seen[i] for i in range(0, 90, 3)}) == 1
    rest = [seen[i] for i in range(90) if i % 3]
    assert {rest.count(i) for i in range(3)} == {20}


def test_a_lost_member_is_left_out_and_taken_back(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-rr", addresses=[])
    host = fresh.capture(wires.a, "bond0")
    with wires.captures() as ends:
        wires.cut(1)
        bond.wait_up(2)
        host.send_all(numbered(200))
        seen = carriers(ends, 200)
        assert seen.count(1) == 0 and seen.count(0) == seen.count(2) == 100
        wires.restore(1)
        bond.wait_up(3)
        host.send_all(numbered(300, 1000))
        seen = carriers(ends, 300)
        assert [seen.count(i) for i in range(3)] == [100, 100, 100]


def test_load_is_told_by_member(fresh):
    wires = fresh.topology(3, pcap=False)
    bond = fresh.bond(wires, mode="balance-rr")
    bond.wait_up(3)
    with Flows(wires.a, {(HOST_ADDRESS, 9000 + i): 2 for i in range(8)}):
        eventually(lambda: all(entry["bytes_per_s"] > 0 for entry in bond.ask("/bond/load,bond0")), 5, "each member sends")


def test_every_member_is_heard(fresh):
    wires = fresh.sink(3)
    fresh.bond(wires, mode="balance-rr", addresses=[])
    host = fresh.capture(wires.a, "bond0")
    mac = wires.a.mac("bond0")
    with wires.captures() as ends:
        for i, end in enumerate(ends):
            end.send(build(Ether(src=SRC, dst=mac) / IP(dst="192.0.2.1") / UDP(), i))
        got = host.collect(lambda frame: number_of(frame) is not None, 3)
    assert sorted(number_of(frame) for frame in got) == [0, 1, 2]
