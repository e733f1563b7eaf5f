# SPDX-License-Identifier: BSD-3-Clause
"""The telemetry commands that scripts rely on."""
import pytest

from framework.frames import DST, SRC, UDP, Ether, IP, build
from framework.traffic import Capture
from framework.wait import eventually

INFO = {"name", "mode", "mode_id", "link_up", "active_member", "primary", "mac", "mtu", "members", "usable_members",
        "hash_policy", "failovers", "logical", "options"}
MEMBER = {"name", "device", "port_id", "carrier", "mii_status", "state", "usable", "speed_mbps", "duplex", "link_failures",
          "mac", "perm_mac", "mtu", "promiscuous", "allmulticast", "filter", "control_rx", "control_tx", "offloads", "rx_packets", "rx_bytes", "tx_packets",
          "tx_bytes", "drops", "missed", "no_buffer", "rx_errors", "tx_errors"}
STATS = {"rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "drops", "punted", "injected", "copied", "copies_lost", "held", "held_overflow"}


@pytest.fixture(scope="module")
def net(lab):
    wires = lab.sink(2)
    return wires, lab.bond(wires, primary="m1", addresses=[])


def test_list(net):
    assert net[1].ask("/bond/list") == ["bond0"]


def test_info(net):
    wires, bond = net
    info = bond.info()
    assert INFO <= set(info)
    assert (info["name"], info["mode"], info["mode_id"]) == ("bond0", "active-backup", 1)
    assert info["link_up"] and info["active_member"] == info["primary"] == "m1"
    assert info["members"] == ["m0", "m1"]
    assert info["mac"] == wires.a.mac("bond0") and info["mtu"] == 1500
    assert info["logical"]["backend"] == "tap" and info["logical"]["name"] == "bond0"
    assert {"miimon", "updelay", "downdelay", "primary_reselect", "num_grat_arp"} <= set(info["options"])


def test_member(net):
    member = net[1].member("m0")
    assert MEMBER <= set(member)
    assert (member["name"], member["device"]) == ("m0", "net_af_packet0,iface=m0")
    assert member["carrier"] and member["usable"]
    assert member["mii_status"] == "up"
    assert (member["state"], net[1].member("m1")["state"]) == ("backup", "active")


def test_stats_count_frames_and_bytes(net):
    wires, bond = net
    assert STATS <= set(bond.stats())
    before, carried = bond.stats(), bond.member("m1")
    with wires.captures() as ends:
        with Capture(wires.a, "bond0") as host:
            host.send_all([build(Ether(src=SRC, dst=DST) / IP() / UDP(), i) for i in range(100)])
        ends[1].send_all([build(Ether(src=DST, dst=bond.info()["mac"]) / IP() / UDP(), i) for i in range(40)])
    eventually(lambda: bond.stats()["tx_packets"] - before["tx_packets"] == 100, 2, "100 frames out")
    eventually(lambda: bond.stats()["rx_packets"] - before["rx_packets"] == 40, 2, "40 frames in")
    assert bond.stats()["tx_bytes"] - before["tx_bytes"] == 6400
    assert bond.member("m1")["tx_packets"] - carried["tx_packets"] == 100
    assert bond.member("m1")["rx_bytes"] - carried["rx_bytes"] == 40 * 64


def test_events_are_kept_oldest_first(net):
    wires, bond = net
    wires.cut(0)
    bond.wait_up(1)
    wires.restore(0)
    bond.wait_up(2)
    events = bond.events()
    assert 0 < len(events) <= 256
    assert all({"t_ns", "time", "member", "event", "detail"} <= set(event) for event in events)
    assert [event["t_ns"] for event in events] == sorted(event["t_ns"] for event in events)
    assert [event for event in events if event["member"] == "m0"]


def test_the_256_last_events_fit_an_answer(net):
    wires, bond = net
    for _ in range(80):
        wires.cut(0)
        wires.restore(0)
    bond.wait_up(2)
    assert len(bond.events()) <= 256


@pytest.mark.parametrize("command", ["/bond/info,nosuch", "/bond/info", "/bond/member,bond0,nosuch", "/bond/member,bond0",
                                     "/bond/stats,nosuch", "/bond/events,nosuch", "/bond/lacp,nosuch", "/bond/rlb,nosuch",
                                     "/bond/load,nosuch", "/bond/explain,nosuch,src=10.0.0.1", "/bond/nosuch"])
def test_what_does_not_exist_is_null(net, command):
    assert net[1].ask(command) is None


def test_commands_are_listed(net):
    assert {f"/bond/{name}" for name in ("list", "info", "member", "stats", "events")} <= set(net[1].ask("/"))
