# SPDX-License-Identifier: BSD-3-Clause
"""802.3ad with Open vSwitch (userspace datapath) as the partner."""
import time

import pytest

from framework.app import bond_config, unique_prefix
from framework.peers import ovs
from framework.peers.relay import relayed_wires
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.traffic import tcp_reaches_every_link
from framework.wait import eventually

LACP = {"mode": "802.3ad", "lacp_rate": "fast", "xmit_hash_policy": "layer3+4"}


def ports(bond):
    return bond.ask("/bond/lacp,bond0")["ports"]


def agreed(bond):
    return all(port["actor_state"] == port["partner_state"] == 0x3F for port in ports(bond).values())


def usable(bond):
    return bond.info()["usable_members"]


@pytest.fixture(scope="module", autouse=True)
def installed():
    if reason := ovs.why_not():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def net(lab):
    wires = lab.sink(2)
    bond = lab.bond(wires, **LACP)
    switch = lab.enter(ovs.OvsBond(wires.sink, wires.far, f"{HOST_ADDRESS}/24"))
    wires.sink.offloads("br0", False)
    return wires, bond, switch


@pytest.fixture
def healthy(net):
    wires, bond, switch = net
    wires.restore_all()
    eventually(lambda: agreed(bond), 12, "0x3F at both ends of both links")
    return wires, bond, switch


def test_both_links_come_into_use_within_8_seconds(net):
    _, bond, switch = net
    eventually(lambda: agreed(bond), 8, "0x3F at both ends of both links")
    assert usable(bond) == 2
    shown = switch.lacp()
    assert shown.count("attached") >= 2, shown
    assert "negotiated" in shown, shown


def test_tcp_uses_both_links(healthy, fresh):
    wires, bond, _ = healthy
    fresh.iperf_server(wires.sink)
    tcp_reaches_every_link(bond, wires, HOST_ADDRESS)


def test_a_cut_costs_less_than_5_ms_and_the_link_comes_back(healthy, fresh):
    wires, bond, _ = healthy
    before = [bond.member(name)["tx_packets"] for name in wires.members]
    stream = fresh.udp(wires.a, wires.sink, HOST_ADDRESS)
    time.sleep(0.5)
    sent = [bond.member(name)["tx_packets"] - n for name, n in zip(wires.members, before)]
    began = time.time_ns()
    wires.cut(sent.index(max(sent)))
    eventually(lambda: usable(bond) == 1, 1, "the cut link is out")
    time.sleep(0.2)
    end = time.time_ns()
    result = stream.stop()
    stall = max(result.gap_ms(began - 300_000_000, began) - result.period_ns / 1e6, 0)
    assert result.gap_ms(began, end) - stall < 5
    wires.restore_all()
    eventually(lambda: agreed(bond), 12, "the link is back")


def test_a_silent_link_is_out_within_4_seconds_and_comes_back(fresh):
    a, _, b, relays = relayed_wires(fresh, 2)
    bond = fresh.bond_from(a, bond_config([f"net_af_packet{i},iface=m{i}" for i in range(2)], prefix=unique_prefix(),
                                          addresses=[f"{BOND_ADDRESS}/24"], **LACP))
    fresh.enter(ovs.OvsBond(b, ["p0", "p1"], f"{HOST_ADDRESS}/24"))
    eventually(lambda: agreed(bond), 12, "both ends agree")
    relays[1].silent = True
    last = relays[1].last_slow_ns["y1"]
    eventually(lambda: usable(bond) == 1, 6, "the silent link is out")
    assert 2.9 <= (time.monotonic_ns() - last) / 1e9 <= 4
    fresh.ping(a, HOST_ADDRESS).settled()
    relays[1].silent = False
    eventually(lambda: agreed(bond), 12, "the link is back")
    assert usable(bond) == 2
