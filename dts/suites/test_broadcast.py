# SPDX-License-Identifier: BSD-3-Clause
"""broadcast: every member sends every frame, unchanged."""
from framework.frames import DST, SRC, UDP, Ether, IP, Raw, build, number_of


def test_every_member_sends_every_frame_identical_and_in_order(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="broadcast", addresses=[])
    host = fresh.capture(wires.a, "bond0")
    frames = [build(Ether(src=SRC, dst=DST) / IP(dst="192.0.2.9") / UDP() / Raw(bytes(i * 4 % 1300)), i) for i in range(300)]
    with wires.captures() as ends:
        host.send_all(frames)
        for end in ends:
            got = end.collect(lambda frame: number_of(frame) is not None, 300)
            assert [bytes(frame) for frame in got] == frames
    for name in wires.members:
        assert bond.member(name)["tx_packets"] == 300


def test_a_lost_member_leaves_the_others_complete(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="broadcast", addresses=[])
    host = fresh.capture(wires.a, "bond0")
    frames = [build(Ether(src=SRC, dst=DST) / IP(dst="192.0.2.9") / UDP(), i) for i in range(100)]
    with wires.captures() as ends:
        wires.cut(0)
        bond.wait_up(2)
        host.send_all(frames)
        for end in ends[1:]:
            assert len(end.collect(lambda frame: number_of(frame) is not None, 100)) == 100
        assert [frame for frame in ends[0].take() if number_of(frame) is not None] == []
        wires.restore(0)
        bond.wait_up(3)
        host.send_all(frames)
        for end in ends:
            end.collect(lambda frame: number_of(frame) is not None, 100)
