# SPDX-License-Identifier: BSD-3-Clause
"""balance-spray: one connection over all links, to a plain Linux host and to another dpdk-bond, on switches that know nothing of it."""
import copy
import json
import time

import pytest

from framework import spray
from framework.app import bond_config
from framework.flows import Flows
from framework.spray import (PEER_VIRTUAL, VIRTUAL, SprayPair, SprayTopology, closing, counted, grown, hop, own, paths,
                             section, shares, states)
from framework.traffic import IperfServer, iperf
from framework.wait import eventually, holds

MEMBERS = 3


@pytest.fixture(scope="module", autouse=True)
def linux_host():
    if reason := spray.why_not():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def net(lab):
    topology = lab.enter(closing(SprayTopology(MEMBERS)))
    lab.enter(IperfServer(topology.h))
    lab.enter(IperfServer(topology.a))
    bond = lab.bond(topology, mode="balance-spray", addresses=[f"{VIRTUAL}/24"], spray=section(topology))
    return topology, bond, copy.deepcopy(bond.config)


@pytest.fixture
def healthy(net):
    """Everything up and as configured at first."""
    topology, bond, config = net
    topology.restore_all()
    if bond.config != config:
        change(bond, config)
    all_up(bond)
    return topology, bond


def change(bond, config):
    bond.config = copy.deepcopy(config)
    bond.write(config)
    bond.wait_reloaded()


def tcp_counter(ns, name):
    return int(ns.run("nstat", "-az", name).stdout.split()[-2])


def with_spray(bond, **more):
    config = copy.deepcopy(bond.config)
    config["bonds"][0]["spray"].update(more)
    change(bond, config)


def all_up(bond, count=MEMBERS, peer=PEER_VIRTUAL):
    eventually(lambda: states(bond, peer) == ["up"] * count, 5, "every path is up")


def near(parts, expected, tolerance=0.1):
    """Each part is its share, to within a tenth of that."""
    total = sum(expected)
    return all(abs(part - share / total) <= tolerance * share / total for part, share in zip(parts, expected))


def test_a_ping_loses_nothing_and_uses_every_link_both_ways(healthy, fresh):
    topology, bond = healthy
    before = counted(bond, topology, "tx_packets"), counted(bond, topology, "rx_packets")
    there, back = fresh.ping(topology.a, PEER_VIRTUAL), fresh.ping(topology.h, VIRTUAL)
    for ping in (there, back):
        ping.settled(30)
        ping.stop()
        assert ping.lost() == [] and ping.duplicates == 0
    for field, old in zip(("tx_packets", "rx_packets"), before):
        assert min(grown(bond, topology, old, field)) >= 15, field
    assert bond.stats()["answered"] >= 1  # the kernel's question for the peer


@pytest.mark.parametrize("reverse", [False, True], ids=["sending", "receiving"])
def test_one_connection_uses_every_link(healthy, reverse):
    topology, bond = healthy
    field = "rx_bytes" if reverse else "tx_bytes"
    before, on_cards = counted(bond, topology, field), topology.host.received()
    assert iperf(topology.a, PEER_VIRTUAL, seconds=1, reverse=reverse) > 10
    assert near(shares(grown(bond, topology, before, field)), [1] * MEMBERS)
    if not reverse:  # and every card of the other end, though each answers for all of them
        assert near(shares([now - old for now, old in zip(topology.host.received(), on_cards)]), [1] * MEMBERS)


def test_the_kernel_gets_the_segments_of_one_connection_in_order(healthy):
    topology, bond = healthy
    out_of_order = tcp_counter(topology.a, "TcpExtTCPOFOQueue")
    before = bond.stats()
    assert iperf(topology.a, PEER_VIRTUAL, seconds=1, reverse=True) > 10
    after = bond.stats()
    assert after["reordered"] - before["reordered"] > 50
    assert tcp_counter(topology.a, "TcpExtTCPOFOQueue") - out_of_order < (after["reordered"] - before["reordered"]) / 10


@pytest.mark.parametrize("sending", [True, False], ids=["sending", "receiving"])
def test_one_udp_flow_uses_every_link_and_loses_nothing(healthy, fresh, sending):
    topology, bond = healthy
    field = "tx_bytes" if sending else "rx_bytes"
    before = counted(bond, topology, field)
    ends = (topology.a, topology.h, PEER_VIRTUAL) if sending else (topology.h, topology.a, VIRTUAL)
    stream = fresh.udp(*ends, rate=2000, size=800)
    eventually(lambda: sum(grown(bond, topology, before, field)) > 1_000_000, 10, "a megabyte")
    result = stream.stop()
    assert result.lost == [] and result.duplicates == 0
    assert near(shares(grown(bond, topology, before, field)), [1] * MEMBERS)


def test_weights_are_shares_and_a_reload_sets_them_without_loss(healthy, fresh):
    topology, bond = healthy
    stream = fresh.udp(topology.a, topology.h, PEER_VIRTUAL, rate=2000, size=800)
    with_spray(bond, peers=section(topology, weights=[1, 2, 4])["peers"])
    assert [path["weight"] for path in paths(bond).values()] == [1, 2, 4]
    before = counted(bond, topology)
    frames = [path["frames"] for path in paths(bond).values()]
    eventually(lambda: sum(grown(bond, topology, before)) > 1_000_000, 10, "a megabyte")
    assert near(shares(grown(bond, topology, before)), [1, 2, 4])
    assert near(shares([path["frames"] - old for path, old in zip(paths(bond).values(), frames)]), [1, 2, 4])
    result = stream.stop()
    assert result.lost == []


@pytest.mark.parametrize("which", ["active", "other"])
def test_a_cut_costs_one_ping_at_most_and_the_share_comes_back(healthy, fresh, which):
    topology, bond = healthy
    active = topology.members.index(bond.active())
    cut = active if which == "active" else (active + 1) % MEMBERS
    load = topology.a.popen("iperf3", "-c", PEER_VIRTUAL, "-p", 5301, "-t", 4, "-b", "100M", stdout=-3)
    ping = fresh.ping(topology.a, PEER_VIRTUAL).settled(5)
    topology.cut(cut)
    eventually(lambda: states(bond)[cut] == "no_link", 2, "the path is out of use")
    ping.settled(5)
    before = counted(bond, topology)
    ping.settled(10)
    parts = shares(grown(bond, topology, before))
    assert near(parts, [0 if i == cut else 1 for i in range(MEMBERS)]) and parts[cut] == 0
    if which == "active":
        assert bond.active() != topology.members[cut]
    topology.restore(cut)
    all_up(bond)
    before = counted(bond, topology)
    ping.settled(10)
    assert near(shares(grown(bond, topology, before)), [1] * MEMBERS, 0.2)
    ping.settled(5)
    ping.stop()
    assert len(ping.lost()) <= 1, ping.lost()
    assert load.wait(10) == 0
    told = [(e["event"], e["member"]) for e in bond.events() if e["event"].startswith("path_")]
    assert ("path_down", topology.members[cut]) in told and told[-1] == ("path_up", topology.members[cut])


def test_a_silent_next_hop_is_out_of_use_in_time_and_returns(healthy, fresh):
    topology, bond = healthy
    ping = fresh.ping(topology.a, PEER_VIRTUAL).settled(3)
    topology.h.run("ip", "addr", "flush", "dev", "e1")  # link up, nobody there
    began = time.monotonic()
    eventually(lambda: states(bond) == ["up", "silent", "up"], 3, "the silent one is out of use")
    assert 0.2 < time.monotonic() - began < 1.2  # 3 probes 200 ms apart
    ping.settled(3)
    topology.h.address("e1", f"{hop(1)}/24")
    topology.h.run("ip", "route", "replace", f"{VIRTUAL}/32", "via", own(1), "dev", "e1", "src", PEER_VIRTUAL, "table", 101)
    all_up(bond)
    ping.settled(5)
    before = counted(bond, topology, "tx_packets")
    ping.settled(15)
    assert near(shares(grown(bond, topology, before, "tx_packets")), [1] * MEMBERS, 0.5)
    ping.stop()
    details = [e["detail"] for e in bond.events() if e["event"] == "path_down"]
    assert f"{PEER_VIRTUAL} via {hop(1)}: 3 probes unanswered" in details


def test_without_any_path_frames_are_dropped_for_that_reason(healthy):
    topology, bond = healthy
    nobody = {"address": "10.99.255.50", "via": {"m0": "10.0.1.50", "m1": "10.0.2.50"}}
    with_spray(bond, peers=bond.config["bonds"][0]["spray"]["peers"] + [nobody])
    all_up(bond)  # what stays is not asked anew
    assert states(bond, "10.99.255.50") == ["asking"] * 2
    before = bond.stats()["drops"]["no_path"]
    topology.a.run("ping", "-n", "-c", 3, "-i", "0.1", "-W", 1, "10.99.255.50", check=False)
    assert bond.stats()["drops"]["no_path"] == before + 3
    answer = bond.ask("/bond/explain,bond0,dst=10.99.255.50,proto=udp")
    assert answer["member"] == "" and "no_path" in answer["reason"]


def test_what_is_for_no_peer_goes_by_the_active_member_and_fails_over(healthy, fresh):
    topology, bond = healthy
    other = fresh.namespace("x")
    topology.bridge.cable("swx", other, "x0")
    other.address("x0", "10.99.255.77/24")
    ping = fresh.ping(topology.a, "10.99.255.77").settled(5)
    active = topology.members.index(bond.active())
    assert other.ip_json("neigh", "show", VIRTUAL)[0]["lladdr"] == bond.member(topology.members[active])["mac"]
    monitor = topology.bridge.monitor()
    try:
        topology.cut(active)
        ping.settled(10)
        ping.stop()
        assert len(ping.lost()) <= 1, ping.lost()
        fallback = bond.member(bond.active())["mac"]
        eventually(lambda: other.ip_json("neigh", "show", VIRTUAL)[0]["lladdr"] == fallback, 2, "the new one was announced")
        for name in topology.members:  # nobody wears another's MAC
            assert len(monitor.ports_of(bond.member(name)["perm_mac"])) <= 1
    finally:
        monitor.close()
        topology.sw.run("ip", "link", "del", "swx")


def test_next_hop_addresses_are_answered_for_on_their_own_wire_alone(healthy):
    topology, bond = healthy
    macs = {own(i): bond.member(name)["mac"] for i, name in enumerate(topology.members)}
    for entry in topology.h.ip_json("neigh", "show"):
        if entry["dst"] in macs and "lladdr" in entry:
            assert entry["lladdr"] == macs[entry["dst"]]
    bridge = topology.bridge.fdb()
    for port, name in zip(topology.far, topology.members):
        assert bridge[bond.member(name)["mac"]] == port


def test_what_it_shows_and_explains(healthy):
    topology, bond = healthy
    answer = bond.ask(f"/bond/explain,bond0,dst={PEER_VIRTUAL},proto=tcp,sport=1,dport=2")
    assert answer["member"] == "*" and PEER_VIRTUAL in answer["reason"] and "granularity packet" in answer["reason"]
    assert answer["paths"][1] == f"m1 via {hop(1)}, weight 1"
    other = bond.ask("/bond/explain,bond0,dst=10.99.255.99,proto=tcp")
    assert other["member"] == bond.active() and "active member" in other["reason"]
    text = bond.command("status", "bond0").stdout
    assert "Bonding Mode: load balancing (balance-spray)" in text and "Currently Active Slave: m" in text
    assert f"Spray Peer: {PEER_VIRTUAL}, 3 of 3 paths up" in text and "Spray: 1 of 1 paths up" in text
    spray = bond.ask("/bond/spray,bond0")
    assert spray["granularity"] == "packet" and spray["addresses"]["m2"] == f"{own(2)}/24"
    for i, (name, path) in enumerate(paths(bond).items()):
        assert path["member"] == name and path["next_hop"] == hop(i)
    assert {path["mac"] for path in paths(bond).values()} == {topology.h.mac(card) for card in topology.host.cards}
    load = {entry["member"]: entry["buckets"] for entry in bond.ask("/bond/load,bond0")}
    assert load == {name: 1 for name in topology.members}
    assert bond.ask("/bond/spray,nobody") is None
    whole = json.loads(bond.command("status", "bond0", "--json").stdout)
    assert whole["spray"]["peers"][PEER_VIRTUAL.replace(".", "_")]["paths"]["m0"]["state"] == "up"


def test_flows_that_keep_their_path_are_never_reordered(healthy, fresh):
    topology, bond = healthy
    with_spray(bond, granularity="flow")
    before = counted(bond, topology, "tx_packets")
    with Flows(topology.a, topology.h, PEER_VIRTUAL, count=24, rate=3000) as flows:
        began = time.monotonic()
        eventually(lambda: flows.arrived > 6000, 10, "six thousand frames")
        end = time.monotonic() - 0.2
        lost, reordered = flows.between(began, end)
        assert not lost and not reordered
        assert min(grown(bond, topology, before, "tx_packets")) > 300
        answer = bond.ask(f"/bond/explain,bond0,src={VIRTUAL},dst={PEER_VIRTUAL},proto=udp,sport=40000,dport=5400")
        assert answer["hashed"] and answer["buckets"] == 256 and answer["member"] in topology.members
        cut = topology.members.index(answer["member"])
        topology.cut(cut)
        eventually(lambda: states(bond)[cut] == "no_link", 2, "the path is out of use")
        began = time.monotonic() + 0.1
        eventually(lambda: time.monotonic() > began + 0.7, 3)
        lost, reordered = flows.between(began, time.monotonic() - 0.2)
        assert not lost and not reordered


def test_a_flowlet_changes_its_path_only_after_a_pause(healthy, fresh):
    topology, bond = healthy
    stream = fresh.udp(topology.a, topology.h, PEER_VIRTUAL, rate=500)

    def used():
        before = counted(bond, topology, "tx_packets")
        eventually(lambda: sum(grown(bond, topology, before, "tx_packets")) > 200, 5)
        return sum(n > 30 for n in grown(bond, topology, before, "tx_packets"))
    with_spray(bond, granularity="flowlet", flowlet_gap_us=1000000)
    assert used() == 1
    with_spray(bond, flowlet_gap_us=100)
    assert used() == MEMBERS
    assert stream.stop().lost == []


def test_a_peer_whose_macs_are_given_on_one_network(fresh):
    topology = fresh.enter(closing(SprayTopology(2)))
    for i, card in enumerate(topology.host.cards):  # the older way: static neighbours, no next-hop addresses
        topology.h.run("ip", "neigh", "replace", own(i), "lladdr", topology.a.mac(f"m{i}"), "dev", card, "nud", "permanent")
    peer = {"address": PEER_VIRTUAL, "macs": {f"m{i}": topology.h.mac(f"e{i}") for i in range(2)}}
    bond = fresh.bond(topology, mode="balance-spray", addresses=[f"{VIRTUAL}/24"],
                      spray={"peers": [peer], "probe_interval": 100})
    assert states(bond) == ["up", "up"]
    before = counted(bond, topology, "tx_packets"), counted(bond, topology, "rx_packets")
    ping = fresh.ping(topology.a, PEER_VIRTUAL).settled(20)
    for field, old in zip(("tx_packets", "rx_packets"), before):
        assert min(grown(bond, topology, old, field)) >= 8, field
    topology.bridge.detach("swe1")  # carrier stays, nobody answers any more
    eventually(lambda: states(bond) == ["up", "silent"], 3, "silence is noticed")
    topology.bridge.attach("swe1")
    eventually(lambda: states(bond) == ["up", "up"], 3, "and its end")
    ping.stop()


def test_two_ends(fresh):
    pair = fresh.enter(closing(SprayPair(4)))
    a = fresh.bond(pair, mode="balance-spray", addresses=[f"{VIRTUAL}/24"], spray=section(pair))
    far = {"addresses": {f"m{i}": f"{hop(i)}/24" for i in range(4)}, "probe_interval": 200,
           "peers": [{"address": VIRTUAL, "via": {f"m{i}": own(i) for i in range(4)}}]}
    b = fresh.bond_from(pair.b, bond_config([pair.devargs(i) for i in range(4)], mode="balance-spray",
                                            addresses=[f"{PEER_VIRTUAL}/24"], spray=far))
    all_up(a, 4)
    all_up(b, 4, VIRTUAL)
    fresh.iperf_server(pair.b)
    before = counted(a, pair), counted(a, pair, "rx_packets")
    ping = fresh.ping(pair.a, PEER_VIRTUAL).settled(5)
    assert iperf(pair.a, PEER_VIRTUAL, seconds=1) > 10
    assert near(shares(grown(a, pair, before[0])), [1] * 4)
    assert near(shares(grown(a, pair, before[1], "rx_packets")), [1] * 4)
    ping.settled(3)
    assert ping.lost() == []
    pair.cut(2)  # our end only: the other finds out by silence
    eventually(lambda: states(a)[2] == "no_link", 2, "our end sees it at once")
    eventually(lambda: states(b, VIRTUAL)[2] == "silent", 2, "the other by asking")
    ping.settled(5)
    lost = len(ping.lost())
    holds(lambda: len(ping.lost()) == lost, 1, "the rest carries on")
    pair.restore(2)
    all_up(a, 4)
    all_up(b, 4, VIRTUAL)
    ping.settled(10)
    assert len(ping.lost()) == lost
    ping.stop()


def test_the_section_can_be_changed_without_loss_and_a_bad_one_changes_nothing(healthy, fresh):
    topology, bond = healthy
    stream = fresh.udp(topology.a, topology.h, PEER_VIRTUAL, rate=1000)
    good = copy.deepcopy(bond.config)
    bad = copy.deepcopy(good)
    bad["bonds"][0]["spray"]["peers"][0]["via"]["m0"] = "192.0.2.9"
    bond.write(bad)
    bond.reload()
    eventually(lambda: "is no host of the member's network" in bond.log, 5, "the bad one is refused")
    assert states(bond) == ["up"] * MEMBERS
    for granularity in ("flow", "flowlet", "packet"):
        with_spray(bond, granularity=granularity)
        assert bond.ask("/bond/spray,bond0")["granularity"] == granularity
    assert stream.stop().lost == []
    with_spray(bond, peers=[])
    assert bond.ask("/bond/spray,bond0")["peers"] == {}
    explained = bond.ask(f"/bond/explain,bond0,dst={PEER_VIRTUAL},proto=udp")
    assert explained["member"] == bond.active()
    change(bond, good)
    all_up(bond)


def test_the_mode_can_be_entered_and_left_while_it_runs(healthy, fresh):
    topology, bond = healthy
    good = copy.deepcopy(bond.config)
    plain = copy.deepcopy(good)
    plain["bonds"][0]["mode"] = "active-backup"
    del plain["bonds"][0]["spray"]
    change(bond, plain)
    assert bond.info()["mode"] == "active-backup"
    assert bond.ask("/bond/spray,bond0") is None
    change(bond, good)
    all_up(bond)
    worn = {name: bond.member(name) for name in topology.members}
    assert all(member["mac"] == member["perm_mac"] for member in worn.values())
    ping = fresh.ping(topology.a, PEER_VIRTUAL).settled(10)
    ping.stop()
