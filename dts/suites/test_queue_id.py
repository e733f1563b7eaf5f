# SPDX-License-Identifier: BSD-3-Clause
"""queue_id: frames that ask for a queue of the logical interface leave by the member that has its number."""
import os

import pytest

from framework.frames import DST, SRC, UDP, Ether, IP, build, number_of
from framework.queue_mark import mark
from framework.wait import eventually

COUNT = 40


@pytest.fixture(scope="module", params=["active-backup", "balance-rr"])
def bond(request, lab):
    wires = lab.sink(3)
    members = [{"device": wires.devargs(i), **({"queue_id": i} if i else {})} for i in range(3)]
    built = lab.bond(wires, members=members, mode=request.param, addresses=[], logical={"queues": 4})
    return wires, built


class Marked:
    """Frames on bond0 ask for a queue while it lasts."""

    def __init__(self, ns, queue):
        self.ns, self.queue = ns, queue

    def __enter__(self):
        try:
            self.link = mark(self.ns, "bond0", self.queue)
        except OSError as error:
            pytest.skip(f"this kernel has no tcx: {error}")

    def __exit__(self, *_):
        os.close(self.link)


def flows(count):
    return [build(Ether(src=SRC, dst=DST) / IP(src=f"192.0.2.{i + 1}", dst="192.0.2.254") / UDP(sport=1000 + i), i)
            for i in range(count)]


def sent(bond, wires, lab):
    """How many of COUNT frames of as many flows each member carries."""
    before = [bond.member(name)["tx_packets"] for name in wires.members]
    down = bond.stats()["tx_packets"]
    lab.capture(wires.a, "bond0").send_all(flows(COUNT))
    eventually(lambda: bond.stats()["tx_packets"] >= down + COUNT, 3, "the frames came down")
    return [bond.member(name)["tx_packets"] - was for name, was in zip(wires.members, before)]


def as_the_mode_has_it(bond, wires, carried):
    if bond.info()["mode"] == "active-backup":
        return carried[wires.members.index(bond.active())] == COUNT
    return sum(carried) == COUNT and max(carried) - min(carried) <= 1


def test_a_queue_leaves_by_its_member(bond, fresh):
    wires, built = bond
    for queue in (1, 2):
        with Marked(wires.a, queue):
            assert sent(built, wires, fresh) == [COUNT if i == queue else 0 for i in range(3)]


def test_what_asks_for_no_queue_or_a_queue_of_nobody_goes_as_the_mode_has_it(bond, fresh):
    wires, built = bond
    assert as_the_mode_has_it(built, wires, sent(built, wires, fresh))
    for queue in (0, 3):
        with Marked(wires.a, queue):
            assert as_the_mode_has_it(built, wires, sent(built, wires, fresh))


def test_while_its_member_is_down_a_queue_goes_as_the_mode_has_it(bond, fresh):
    wires, built = bond
    with Marked(wires.a, 2):
        wires.cut(2)
        built.wait_up(2)
        carried = sent(built, wires, fresh)
        assert carried[2] == 0 and sum(carried) == COUNT
        wires.restore(2)
        built.wait_up(3)
        assert sent(built, wires, fresh) == [0, 0, COUNT]


def test_it_changes_while_the_bond_runs(bond, fresh):
    wires, built = bond
    assert built.console("set member bond0 m1 queue_id 2") == ["error: queue_id: 2 is already that of m2; give each a queue of its own"]
    assert built.console("set member bond0 m1 queue_id 4") == [
        "error: queue_id: 4 is no queue of the logical interface, which has 4, numbered from 0; allowed: up to 3, or more logical.queues"]
    assert built.console("set member bond0 m1 queue_id 3") == []
    with Marked(wires.a, 3):
        assert sent(built, wires, fresh) == [0, COUNT, 0]
    assert "Slave queue ID: 3" in built.command("status").stdout
    assert built.console("set member bond0 m1 queue_id 1") == []


def test_queues_mean_nothing_while_no_member_has_one(bond, fresh):
    wires, built = bond
    assert built.console("set member bond0 m1 queue_id 0", "set member bond0 m2 queue_id 0") == []
    with Marked(wires.a, 2):
        assert as_the_mode_has_it(built, wires, sent(built, wires, fresh))
    assert built.console("set member bond0 m1 queue_id 1", "set member bond0 m2 queue_id 2") == []
    with Marked(wires.a, 2):
        assert sent(built, wires, fresh) == [0, 0, COUNT]
