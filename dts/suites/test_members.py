# SPDX-License-Identifier: BSD-3-Clause
"""Members of every kind of virtual device: they start, and carry frames where there is somebody to carry to."""
import pytest

from framework import app
from framework.frames import DST, SRC, UDP, Ether, IP, build, number_of
from framework.netns import no_af_xdp, veth
from framework.topology import HOST_ADDRESS
from framework.traffic import Capture
from framework.wait import eventually


def frames(count, dst=DST, src=SRC):
    return [build(Ether(src=src, dst=dst) / IP(dst="192.0.2.9") / UDP(), i) for i in range(count)]


def test_af_packet(fresh):
    topology = fresh.topology(2)
    fresh.bond(topology)
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_af_xdp(fresh):
    if reason := no_af_xdp():
        pytest.skip(reason)
    topology = fresh.topology(2)
    bond = fresh.bond(topology, members=[f"net_af_xdp{i},iface=m{i}" for i in range(2)])
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    active = topology.members.index(bond.active())
    topology.cut(active)
    bond.wait_active(topology.members[1 - active])
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_tap(fresh):
    ns = fresh.namespace()
    config = app.bond_config([f"net_tap{i},iface=mt{i}" for i in range(8, 10)])
    bond = fresh.bond_from(ns, config)
    assert bond.info()["members"] == ["mt8", "mt9"]
    host, wire = fresh.capture(ns, "bond0"), fresh.capture(ns, bond.active())
    host.send_all(frames(50))
    wire.collect(lambda frame: number_of(frame) is not None, 50)
    wire.send_all(frames(50, dst=bond.info()["mac"], src=DST))
    host.collect(lambda frame: number_of(frame) is not None, 50)


def test_memif(fresh, tmp_path):
    ends = []
    for role, address in (("server", "192.0.2.1/24"), ("client", "192.0.2.2/24")):
        ns = fresh.namespace()
        members = [{"device": f"net_memif{i},role={role},id={i},socket={tmp_path}/memif.sock,socket-abstract=no", "name": f"m{i}"}
                   for i in range(2)]
        ends.append((ns, fresh.bond_from(ns, app.bond_config(members, mode="balance-rr", addresses=[address]), wait=False)))
        ends[-1][1].wait_telemetry()
    for _, bond in ends:
        bond.wait_ready()
    fresh.ping(ends[0][0], HOST_ADDRESS).settled(10)


def test_ring_loops_back(fresh):
    ns = fresh.namespace()
    bond = fresh.bond_from(ns, app.bond_config([{"device": f"net_ring{i}", "name": f"r{i}"} for i in range(2)], mode="balance-rr"))
    host = fresh.capture(ns, "bond0")
    host.send_all(frames(60, dst="ff:ff:ff:ff:ff:ff"))
    host.collect(lambda frame: number_of(frame) is not None, 60)
    assert [bond.member(name)["tx_packets"] for name in ("r0", "r1")] == [30, 30]


def test_null_swallows(fresh):
    ns = fresh.namespace()
    members = [{"device": f"net_null{i},no-rx=1", "name": f"n{i}"} for i in range(2)]
    bond = fresh.bond_from(ns, app.bond_config(members, mode="balance-rr"))
    fresh.capture(ns, "bond0").send_all(frames(60))
    eventually(lambda: [bond.member(name)["tx_packets"] for name in ("n0", "n1")] == [30, 30], 2)


def test_backend_device_serves_another_dpdk_application(fresh, tmp_path):
    """One bond hands its frames to a memif; a second program has the other end of it and a netdev to show them."""
    topology = fresh.topology(2)
    memif = f"id=0,socket={tmp_path}/memif.sock,socket-abstract=no"
    members = [f"net_af_packet{i},iface=m{i}" for i in range(2)]
    served = fresh.bond_from(topology.a, app.bond_config(
        members, logical={"backend": "device", "device": f"net_memif0,role=server,{memif}"}), wait=False)
    served.wait_telemetry()
    ns = fresh.namespace()
    other = fresh.bond_from(ns, app.bond_config(
        [{"device": f"net_memif0,role=client,{memif}", "name": "m0"}], addresses=["192.0.2.1/24"],
        logical={"mac": eventually(served.info, 15, "the serving bond is there")["mac"]}), wait=False)
    other.wait_telemetry()
    served.wait_ready()
    other.wait_ready()
    assert served.info()["logical"] == {"backend": "device", "name": "net_memif0"}  # what it wants is its own business
    fresh.ping(ns, HOST_ADDRESS).settled(10)
    active = topology.members.index(served.active())
    topology.cut(active)
    served.wait_active(topology.members[1 - active])
    fresh.ping(ns, HOST_ADDRESS).settled(10)


def warned(bond, *words):
    return any(e["event"] == "warning" and all(w in e["detail"] for w in words) for e in bond.events())


def test_a1_a_member_that_is_absent_is_listed_and_joins_when_it_appears(fresh):
    wires = fresh.sink(2)
    own = wires.a.link("m0")["mtu"]
    wires.a.run("ip", "link", "del", "m1")
    config = app.bond_config([wires.devargs(0), wires.devargs(1)])
    bond = fresh.bond_from(wires.a, config, wait=False)
    bond.wait_telemetry()
    eventually(lambda: bond.info() and bond.up() == 1, 5)
    assert bond.info()["members"] == ["m0", "m1"] and bond.info()["usable_members"] == 1
    seen = bond.member("m1")
    why = "no such device: there is no netdev m1 in this namespace"
    assert (seen["carrier"], seen["usable"], seen["mii_status"], seen["objection"]) == (0, 0, "down", why)
    assert f"Slave Interface: m1\nMII Status: down" in bond.client("status", "bond0").stdout
    assert f"Not usable: {why}" in bond.client("status", "bond0").stdout
    assert warned(bond, "m1", why, "joins when it appears")
    assert f'iface=m1' in "\n".join(bond.console("show bond bond0 config"))
    check = wires.a.run(app.binary(), "-c", bond.config_path, "--check")
    assert "ok" in check.stdout and f"note: bond0: member m1: {why}" in check.stderr
    bond.reload()
    eventually(lambda: "bond.yaml: reloaded" in bond.log, 5)
    assert bond.running() and bond.member("m1")["usable"] == 0
    veth(wires.a, "m1", wires.sink, wires.far[1])
    bond.wait_up(2, 5)
    assert bond.member("m1")["objection"] == "" and wires.a.link("m0")["mtu"] == own


def test_a1_a_bond_starts_without_any_member(fresh):
    ns = fresh.namespace()
    bond = fresh.bond_from(ns, app.bond_config(["net_af_packet0,iface=m0", "0000:7f:1f.7"]), wait=False)
    bond.wait_telemetry()
    eventually(lambda: bond.info() and bond.info()["members"] == ["m0", "0000-7f-1f.7"], 5)
    assert "no PCI device 0000:7f:1f.7" in bond.member("0000-7f-1f.7")["objection"]
    assert bond.info()["link_up"] == 0
    far = fresh.namespace()
    veth(ns, "m0", far, "p0")
    bond.wait_up(1, 5)
    assert eventually(lambda: bond.info()["mac"] == ns.mac("m0") == ns.mac("bond0"), 3)
    assert bond.console("remove member bond0 0000-7f-1f.7") == []
    assert bond.info()["members"] == ["m0"]
    assert bond.stop() == 0


def test_a15_a_netdev_that_is_made_anew_joins_again_by_itself(fresh):
    """Its packet sockets died with the first one, whatever the second is called."""
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.wait_active("m0")
    for _ in range(2):
        wires.a.run("ip", "link", "del", "m0")
        bond.wait_active("m1")
        eventually(lambda: bond.member("m0")["objection"] == "no such device: there is no netdev m0 in this namespace", 3)
        assert warned(bond, "m0", "has gone")
        veth(wires.a, "m0", wires.sink, wires.far[0])
        bond.wait_up(2, 5)
        assert bond.console("set bond bond0 active m0") == []
        bond.wait_active("m0")
        frame = bytes.fromhex("ffffffffffff0200000000010800") + b"out by the new one" + bytes(40)
        far = fresh.capture(wires.sink, wires.far[0])
        fresh.capture(wires.a, "bond0").send(frame)
        far.collect(lambda seen: bytes(seen)[:32] == frame[:32], 1)


def test_field_14_another_device_that_gets_the_name_is_not_touched_by_the_old_port(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    bond.wait_active("m0")
    wires.a.run("ip", "link", "set", "m0", "name", "was0")
    mac = "02:00:00:00:77:01"
    wires.a.run("ip", "link", "add", "m0", "type", "veth", "peer", "name", "x0")
    wires.a.run("ip", "link", "set", "m0", "address", mac)
    own = wires.a.mac("m1")
    wires.a.run("ip", "link", "set", "bond0", "mtu", "1400")
    eventually(lambda: wires.a.link("was0")["mtu"] == 1400, 3, "by its index, whatever its name")
    assert wires.a.link("m0")["mtu"] == 1500
    assert bond.member("m0")["usable"] == 1
    assert bond.stop() == 0
    assert wires.a.mac("m0") == mac and wires.a.link("was0")["mtu"] == 1500
    assert own


def test_field_2_a_members_mtu_is_the_bonds_and_is_given_back(fresh):
    wires = fresh.sink(2)
    wires.a.run("ip", "link", "set", "m0", "mtu", "1400")
    bond = fresh.bond(wires, addresses=[])
    assert wires.a.link("m0")["mtu"] == 1500 and bond.member("m0")["mtu"] == 1500
    wires.a.run("ip", "link", "set", "m1", "mtu", "1300")
    bond.reload()
    eventually(lambda: wires.a.link("m1")["mtu"] == 1500, 3)
    assert bond.stop() == 0
    assert [wires.a.link(m)["mtu"] for m in wires.members] == [1400, 1500]


def test_a10_a_netdev_that_has_an_address_is_refused_without_force(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, members=2, addresses=[])
    wires.a.run("ip", "addr", "add", "198.51.100.7/24", "dev", "m2")
    refused, = bond.console(f"add member bond0 {wires.devargs(2)}")
    assert refused == "error: m2 has the address 198.51.100.7/24; free it, or say force: true to take it all the same"
    assert "198.51.100.7" in wires.a.run("ip", "addr", "show", "m2").stdout
    assert bond.info()["members"] == ["m0", "m1"]


def test_a_member_is_added_with_its_settings_and_an_absent_one_is_refused(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, members=1, addresses=[], primary="m0")
    assert bond.client("add", "member", "bond0", wires.devargs(1), "name", "spare", "prio", "7", "carrier", "netdev:m1").returncode == 0
    bond.wait_up(2, 5)
    config = "\n".join(bond.console("show bond bond0 config"))
    assert 'name: "spare"' in config and "prio: 7" in config and 'carrier: "netdev:m1"' in config
    for words, why in (((wires.devargs(1), "name", "all"), "cannot name a member"), ((wires.devargs(1), "prio"), "prio: its value is missing"),
                       (("net_af_packet9,iface=nosuch",), "there is no netdev nosuch"), ((wires.devargs(0), "speed", "1"), "is no setting of a member"),
                       (("net_null7", "actor_port_prio", "1"), "does not take it; taken by 802.3ad")):
        refused = bond.client("add", "member", "bond0", *words)
        assert refused.returncode == 1 and why in refused.stdout + refused.stderr and len((refused.stdout + refused.stderr).splitlines()) == 1
    assert bond.info()["members"] == ["m0", "spare"]



def test_counters_add_up_when_members_have_left_for_good(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-rr")
    with wires.captures() as ends, Capture(wires.a, "bond0") as host:
        host.send_all(frames(300))
        ends[2].send_all(frames(20, dst=bond.info()["mac"]))
        eventually(lambda: bond.member("m2")["rx_packets"] >= 20 and sum(bond.member(m)["tx_packets"] for m in wires.members) >= 300, 3)
        assert bond.console("remove member bond0 m2") == []
        wires.a.run("ip", "link", "del", "m1")  # waits to be there again, and is counted as a member meanwhile
        eventually(lambda: bond.member("m1")["unusable_since"], 3)
        host.send_all(frames(30))
        eventually(lambda: bond.stats()["tx_packets"] >= 330, 3)
    stats = bond.stats()
    assert stats["left_tx_packets"] >= 100 and stats["left_rx_packets"] >= 20
    eventually(lambda: len(set(bond.conserved())) == 1, 3, f"counters add up: {bond.conserved()}")
    assert bond.console("remove member bond0 m1") == []
    assert bond.stats()["left_tx_packets"] >= 200
    eventually(lambda: len(set(bond.conserved())) == 1, 3, f"counters add up: {bond.conserved()}")
    assert bond.console("clear stats bond0") == []
    assert bond.stats()["left_tx_packets"] == bond.stats()["left_rx_packets"] == 0


def test_check_and_start_say_what_is_not_done_as_written(fresh):
    wires = fresh.sink(1)
    bond = fresh.bond(wires, addresses=[], updelay=150)
    said = "bond0: updelay: 150 ms is no multiple of miimon (100 ms): it is 100 ms"
    eventually(lambda: f"warning: {said}" in bond.log, 3)
    check = wires.a.run(app.binary(), "-c", bond.config_path, "--check")
    assert f"note: {said}" in check.stderr
