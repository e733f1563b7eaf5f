# SPDX-License-Identifier: BSD-3-Clause
"""802.3ad with DPDK's own net_bonding (mode 4) in testpmd as the partner."""
import pytest

from framework.peers.net_bonding import NetBonding
from framework.traffic import iperf
from framework.wait import eventually

OTHER = "192.0.2.3"


@pytest.fixture(scope="module")
def net(lab):
    if reason := NetBonding.why_not():
        pytest.skip(reason)
    wires = lab.sink(2)
    bond = lab.bond(wires, mode="802.3ad", lacp_rate="fast", xmit_hash_policy="layer3+4")
    peer = NetBonding(lab, wires.sink, wires.far, f"{OTHER}/24")
    wires.a.offloads("bond0", False)
    return wires, bond, peer.pmd


def ports(bond):
    return bond.ask("/bond/lacp,bond0")["ports"]


def agreed(bond):
    return all(port["actor_state"] == 0x3F and port["partner_state"] == 0x3D for port in ports(bond).values())


def test_both_links_come_into_use(net):
    _, bond, _ = net
    eventually(lambda: agreed(bond), 8, "0x3F here, 0x3D there, on both links")
    assert bond.info()["usable_members"] == 2
    assert len({port["partner_system"] for port in ports(bond).values()}) == 1


def test_tcp_uses_both_links(net, fresh):
    wires, bond, _ = net
    eventually(lambda: agreed(bond), 8)
    fresh.iperf_server(wires.sink)
    before = [bond.member(name)["tx_packets"] for name in wires.members]

    def both_carried():  # the ports of a connection, and so its link, are the kernel's choice
        assert iperf(wires.a, OTHER, seconds=1, streams=4) > 1
        return all(bond.member(name)["tx_packets"] - a > 200 for name, a in zip(wires.members, before))
    eventually(both_carried, 30, "frames on both links")


def test_a_cut_is_survived_and_the_link_comes_back(net, fresh):
    wires, bond, _ = net
    eventually(lambda: agreed(bond), 8)
    fresh.ping(wires.a, OTHER).settled()
    wires.cut(0)
    eventually(lambda: bond.info()["usable_members"] == 1, 1, "the cut link is out")
    wires.restore(0)
    eventually(lambda: agreed(bond), 40, "the link is back")
