# SPDX-License-Identifier: BSD-3-Clause
"""802.3ad: a link comes back and takes its flows from links that work. Frames of no flow overtake one another."""
import re
import time

import pytest

from framework.app import bond_config, unique_prefix
from framework.flows import Flows
from framework.peers import ovs
from framework.peers.relay import relayed_wires
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

LACP = {"mode": "802.3ad", "lacp_rate": "fast", "xmit_hash_policy": "layer3+4"}
LONG_WAY = 0.010  # seconds on the link that stays: more than between two frames of a flow


def agreed(bond):
    return all(port["actor_state"] == port["partner_state"] == 0x3F
               for port in bond.ask("/bond/lacp,bond0")["ports"].values())


def moves(bond):
    """The last moves of flows: (ms, whether all was acknowledged)."""
    found = [re.fullmatch(r"\d+ buckets after ([\d.]+) ms(.*)", event["detail"])
             for event in bond.ask("/bond/events,bond0") if event["event"] == "flows_moved"]
    return [(float(match[1]), not match[2]) for match in found]


class LongLink:
    """Two bonds on two wires of which the second is long; the first can be cut."""

    def __init__(self, lab):
        self.a, self.mid, self.b, self.relays = relayed_wires(lab, 2)
        self.near = lab.bond_from(self.a, bond_config([f"net_af_packet{i},iface=m{i}" for i in range(2)],
                                                      prefix=unique_prefix(), addresses=[f"{BOND_ADDRESS}/24"], **LACP))

    def link(self, up):
        for end in "xy":
            self.mid.set_link(f"{end}0", up)


def return_of_a_link(lab, net, flows):
    """Cut and return the first link; (lost, reordered) of what was sent from shortly before it carries again."""
    before = len(moves(net.near))
    net.link(False)
    eventually(lambda: net.near.info()["usable_members"] == 1, 3, "the cut link is out")
    time.sleep(0.2)  # what was under way on it is gone
    began = time.monotonic()
    net.link(True)
    eventually(lambda: len(moves(net.near)) > before, 12, "flows moved to the link that is back")
    time.sleep(0.3)
    end = time.monotonic()
    time.sleep(0.3)  # the last of them arrive
    return flows.between(began, end)


def test_the_return_of_a_link_reorders_and_loses_nothing(fresh):
    net = LongLink(fresh)
    far = fresh.bond_from(net.b, bond_config([f"net_af_packet{i},iface=p{i}" for i in range(2)], prefix=unique_prefix(),
                                             addresses=[f"{HOST_ADDRESS}/24"], **LACP))
    eventually(lambda: agreed(net.near) and agreed(far), 12, "both ends agree")
    net.relays[1].delay = LONG_WAY
    flows = fresh.enter(Flows(net.a, net.b, HOST_ADDRESS))
    eventually(lambda: flows.arrived > 200, 5, "traffic")
    eventually(lambda: min(net.near.member(f"m{i}")["tx_packets"] for i in range(2)) > 50, 5, "on both links")
    for _ in range(3):
        assert return_of_a_link(fresh, net, flows) == ({}, {})
        eventually(lambda: agreed(net.near) and agreed(far), 12, "both ends agree")
    returns = moves(net.near)[-3:]
    assert all(took >= LONG_WAY * 2000 for took, _ in returns), returns
    assert any(acknowledged for _, acknowledged in returns), returns  # a busy machine may take more than the bound
    stats = net.near.stats()
    assert stats["held"] > 10 and stats["held_overflow"] == 0
    assert net.near.ask("/bond/lacp,bond0")["ports"]["m1"]["marker_tx"] >= 3


@pytest.mark.skipif(bool(ovs.why_not()), reason="Open vSwitch is not installed")
def test_a_partner_that_answers_no_markers_costs_the_bound_three_times_and_no_frame(fresh):
    net = LongLink(fresh)
    switch = fresh.enter(ovs.OvsBond(net.b, ["p0", "p1"], f"{HOST_ADDRESS}/24"))
    eventually(lambda: agreed(net.near), 12, "both ends agree")
    assert switch.lacp().count("attached") >= 2
    flows = fresh.enter(Flows(net.a, net.b, HOST_ADDRESS))
    eventually(lambda: flows.arrived > 200, 5, "traffic")
    while len(moves(net.near)) < 3:
        lost, _ = return_of_a_link(fresh, net, flows)
        assert not lost
        took, acknowledged = moves(net.near)[-1]
        assert not acknowledged and 50 <= took < 100, moves(net.near)
        eventually(lambda: agreed(net.near), 12, "both ends agree")
    warnings = [event["detail"] for event in net.near.ask("/bond/events,bond0") if event["event"] == "warning"]
    assert [text for text in warnings if "answers no markers" in text]
    net.link(False)
    eventually(lambda: net.near.info()["usable_members"] == 1, 3, "the cut link is out")
    net.link(True)
    eventually(lambda: net.near.info()["usable_members"] == 2, 12, "the link is back")
    time.sleep(0.1)
    assert len(moves(net.near)) == 3
