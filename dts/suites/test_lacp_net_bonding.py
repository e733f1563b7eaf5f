# SPDX-License-Identifier: BSD-3-Clause
"""802.3ad with DPDK's own net_bonding (mode 4) in testpmd as the partner."""
import time

import pytest

from framework.app import bond_config, unique_prefix
from framework.peers.net_bonding import NetBonding
from framework.peers.relay import relayed_wires
from framework.topology import BOND_ADDRESS
from framework.traffic import tcp_reaches_every_link
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
    tcp_reaches_every_link(bond, wires, OTHER)


def test_a_cut_is_survived_and_the_link_comes_back(net, fresh):
    wires, bond, _ = net
    eventually(lambda: agreed(bond), 8)
    fresh.ping(wires.a, OTHER).settled()
    wires.cut(0)
    eventually(lambda: bond.info()["usable_members"] == 1, 1, "the cut link is out")
    wires.restore(0)
    eventually(lambda: agreed(bond), 40, "the link is back")


def test_it_answers_markers_when_flows_move_back_to_a_link(net):
    wires, bond, _ = net
    eventually(lambda: agreed(bond), 40)
    assert [event for event in bond.ask("/bond/events,bond0") if event["event"] == "flows_moved"]
    # It answers every tenth of a second, which may be after the move has gone on without it.
    names = ports(bond)
    assert sum(port["marker_tx"] for port in names.values()) >= 1
    eventually(lambda: sum(bond.ask(f"/bond/lacp,bond0,{name}")["marker_response_rx"] for name in names) >= 1, 2,
               "an answer")


def test_a_silent_link_is_out_within_4_seconds_though_the_partner_believes_it_for_90(fresh):
    if reason := NetBonding.why_not():
        pytest.skip(reason)
    a, _, b, relays = relayed_wires(fresh, 2)
    bond = fresh.bond_from(a, bond_config([f"net_af_packet{i},iface=m{i}" for i in range(2)], prefix=unique_prefix(),
                                          addresses=[f"{BOND_ADDRESS}/24"], mode="802.3ad", lacp_rate="fast"))
    NetBonding(fresh, b, ["p0", "p1"])
    eventually(lambda: agreed(bond), 12, "both ends agree")
    relays[0].silent = True
    last = relays[0].last_slow_ns["y0"]
    eventually(lambda: bond.info()["usable_members"] == 1, 6, "the silent link is out")
    assert 2.9 <= (time.monotonic_ns() - last) / 1e9 <= 4
    assert bond.member("m0")["carrier"]
    relays[0].silent = False
    eventually(lambda: agreed(bond), 12, "the link is back")
