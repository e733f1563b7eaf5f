# SPDX-License-Identifier: BSD-3-Clause
"""SIGHUP: the difference is applied, nothing else is disturbed."""
import copy
import time

import pytest

from framework.topology import HOST_ADDRESS
from framework.wait import eventually, holds


@pytest.fixture
def net(fresh):
    topology = fresh.topology(3)
    return topology, fresh.bond(topology, members=2)


def changed(bond, change):
    bond.rewrite(change)
    bond.reload()


def names(bond):
    return bond.info()["members"]


def test_a_member_is_added_and_removed_without_loss_on_the_others(net, fresh):
    topology, bond = net
    pid = bond.ask("/info")["pid"]
    active = topology.members.index(bond.active())
    out = fresh.udp(topology.a, topology.h, HOST_ADDRESS)
    for _ in range(3):
        changed(bond, lambda b: b["members"].append({"device": topology.devargs(2)}))
        eventually(lambda: names(bond) == ["m0", "m1", "m2"], 3)
        bond.wait_up(3)
        changed(bond, lambda b: b["members"].pop())
        eventually(lambda: names(bond) == ["m0", "m1"], 3)
        time.sleep(0.2)
    result = out.stop()
    assert result.lost == [] and result.duplicates == 0 and result.reordered == 0
    assert topology.members.index(bond.active()) == active
    assert bond.ask("/info")["pid"] == pid


def test_an_added_member_can_take_over_and_a_removed_one_gets_its_mac_back(net, fresh):
    topology, bond = net
    own = topology.a.mac("m2")
    changed(bond, lambda b: b["members"].append({"device": topology.devargs(2)}))
    bond.wait_up(3)
    assert topology.a.mac("m2") == bond.info()["mac"]
    topology.cut(0)
    topology.cut(1)
    bond.wait_active("m2")
    fresh.ping(topology.a, HOST_ADDRESS).settled().stop()
    topology.restore_all()
    bond.wait_up(3)
    changed(bond, lambda b: b["members"].pop())
    eventually(lambda: topology.a.mac("m2") == own, 3, "m2 has its own MAC again")
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_options_change_under_traffic_without_loss(net, fresh):
    topology, bond = net
    stream = fresh.udp(topology.a, topology.h, HOST_ADDRESS)
    for value in (1, 0, 1):
        changed(bond, lambda b: b.update(all_slaves_active=value, updelay=200 * value))
        eventually(lambda: str(bond.info()["options"]["all_slaves_active"]) in (("1", "on") if value else ("0", "off")), 3)
        assert int(bond.info()["options"]["updelay"]) == 200 * value
        time.sleep(0.1)
    result = stream.stop()
    assert result.lost == [] and result.duplicates == 0


def test_a_new_primary_becomes_active(net):
    topology, bond = net
    other = topology.members[1 - topology.members.index(bond.active())]
    changed(bond, lambda b: b.update(primary=other))
    bond.wait_active(other)


def test_the_hash_policy_can_change(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="balance-xor", addresses=[], xmit_hash_policy="layer2")
    changed(bond, lambda b: b.update(xmit_hash_policy="layer3+4"))
    eventually(lambda: "layer3+4" in str(bond.info()["hash_policy"]), 3)


def test_the_bonds_mac_can_become_a_members_own_and_another_again(fresh):
    wires = fresh.sink(2)
    own = wires.a.mac("m1")
    bond = fresh.bond(wires, logical={"mac": "02:bd:00:00:00:01"})
    devices = ["bond0", *wires.members]
    for mac in (own, "02:bd:00:00:00:02"):
        changed(bond, lambda b: b["logical"].update(mac=mac))
        eventually(lambda: {wires.a.mac(name) for name in devices} == {mac}, 3, f"everybody wears {mac}")
        assert bond.info()["mac"] == bond.member("m1")["mac"] == mac
        assert bond.member("m1")["perm_mac"] == own


@pytest.mark.parametrize("text", ["bonds: [\n", "bonds:\n  - name: bond0\n    mode: active-backup\n    miimon: ten\n"],
                         ids=["not-yaml", "bad-value"])
def test_a_bad_file_changes_nothing_and_says_why(net, fresh, text):
    topology, bond = net
    stream = fresh.udp(topology.a, topology.h, HOST_ADDRESS)
    before = bond.info()
    length = len(bond.log)
    bond.write(text)
    bond.reload()
    eventually(lambda: bond.config_path + ":" in bond.log[length:], 3, "the log says what is wrong")
    holds(lambda: bond.running() and bond.info() == before, 0.3)
    assert stream.stop().lost == []


def test_a_member_that_cannot_be_opened_changes_nothing(net):
    _, bond = net
    eventually(lambda: bond.info()["logical"]["addresses"] != 0, 3, "its addresses have been read")
    before = bond.info()
    length = len(bond.log)
    changed(bond, lambda b: (b["members"].append({"device": "net_af_packet9,iface=nosuch"}), b.update(updelay=300)))
    eventually(lambda: "nosuch" in bond.log[length:], 3, "the log says what is wrong")
    holds(lambda: bond.running() and bond.info() == before, 0.3)


def test_h2_a_member_that_is_refused_is_refused_again(fresh):
    wires = fresh.sink(3)
    wires.a.run("ip", "link", "set", "m2", "address", wires.a.mac("m1"))
    bond = fresh.bond(wires, members=2, mode="balance-alb", addresses=[])
    for _ in range(2):
        length = len(bond.log)
        changed(bond, lambda b: b.update(members=[{"device": wires.devargs(i)} for i in range(3)]))
        eventually(lambda: "reload refused" in bond.log[length:], 5)
        holds(bond.running, 0.3)
    changed(bond, lambda b: b["members"].pop())
    holds(lambda: bond.running() and names(bond) == ["m0", "m1"], 0.5)


def test_h5_a_refused_mtu_changes_nothing_however_often_it_is_asked_for(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    before = bond.info()
    for _ in range(2):
        length = len(bond.log)
        changed(bond, lambda b: (b["logical"].update(mtu=9000), b.update(updelay=300)))
        eventually(lambda: "reload refused" in bond.log[length:], 5)
        assert bond.info() == before


def test_addresses_follow_the_file_whatever_was_done_by_hand(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=["192.0.2.10/24", "192.0.2.11/24"])

    def listed():
        return {a["local"] for link in wires.a.ip_json("addr", "show", "dev", "bond0")
                for a in link["addr_info"] if a["family"] == "inet"}

    changed(bond, lambda b: b["logical"].update(addresses=["192.0.2.11/24"]))
    eventually(lambda: "bond.yaml: reloaded" in bond.log, 5)
    assert listed() == {"192.0.2.11"}
    wires.a.run("ip", "addr", "del", "192.0.2.11/24", "dev", "bond0")
    bond.reload()
    eventually(lambda: listed() == {"192.0.2.11"}, 3, "put back")
    wires.a.run("ip", "addr", "del", "192.0.2.11/24", "dev", "bond0")
    changed(bond, lambda b: b["logical"].update(addresses=[]))
    holds(lambda: listed() == set() and "refused" not in bond.log, 0.5)
    wires.a.run("ip", "link", "set", "bond0", "mtu", "1400")
    bond.reload()
    eventually(lambda: wires.a.link("bond0")["mtu"] == 1500, 3, "the file's MTU again")


def reloaded(bond):
    """One more reload, and what the log says of it."""
    length = len(bond.log)
    bond.reload()
    return eventually(lambda: next((line for line in bond.log[length:].splitlines()
                                    if "bond.yaml: reloaded" in line or "reload refused" in line), None), 5)


def test_a12_members_move_get_names_and_bonds_are_renamed_in_one_reload(fresh):
    wires = fresh.sink(3)
    own = wires.a.mac("m2")
    bond = fresh.bond(wires, addresses=[])
    second = {"name": "bond1", "mode": "balance-rr", "logical": {"backend": "tap"}, "members": [{"device": wires.devargs(2)}]}
    config = copy.deepcopy(bond.config)
    config["bonds"][0]["members"] = [{"device": wires.devargs(0)}]
    config["bonds"].append(copy.deepcopy(second))
    config["bonds"][1]["members"].append({"device": wires.devargs(1), "name": "moved"})
    bond.write(config)
    assert "bond.yaml: reloaded" in reloaded(bond) and "but" not in reloaded(bond)
    assert bond.info()["members"] == ["m0"] and bond.info("bond1")["members"] == ["m2", "moved"]
    config["bonds"][1]["name"] = "uplink"
    config["bonds"][0]["members"][0]["name"] = "first"
    bond.write(config)
    assert "bond.yaml: reloaded" in reloaded(bond)
    assert bond.info()["members"] == ["first"] and bond.info("uplink")["members"] == ["m2", "moved"]
    assert "bond1" not in wires.a.devices()
    eventually(lambda: bond.info("uplink")["usable_members"] == 2, 5)
    assert bond.stop() == 0 and wires.a.mac("m2") == own


def test_a13_a_changed_runtime_is_refused_by_its_key(fresh):
    wires = fresh.sink(1)
    bond = fresh.bond(wires, addresses=[])
    config = copy.deepcopy(bond.config)
    config["runtime"]["file_prefix"] += "x"
    bond.write(config)
    assert "runtime: file_prefix cannot change while it runs; restart" in reloaded(bond)


def test_a2_a_deleted_logical_netdev_is_told_of_at_once_and_made_again(fresh):
    topology = fresh.topology(2)
    bond = fresh.bond(topology)
    mac = bond.info()["mac"]
    topology.a.run("ip", "link", "del", "bond0")
    eventually(lambda: any(e["event"] == "warning" and "netdev bond0 has been deleted" in e["detail"] for e in bond.events()), 2)
    assert bond.info()["logical"]["up"] == 0

    def counted():
        topology.h.run("ping", "-c1", "-W1", "192.0.2.1", check=False)
        return bond.stats()["drops"]["logical_down"] > 0

    eventually(counted, 10)
    assert "bond.yaml: reloaded" in reloaded(bond)
    bond.wait_up(2, 5)
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    assert topology.a.mac("bond0") == mac and bond.info()["logical"]["up"] == 1
    assert any("has been deleted" in e["detail"] for e in bond.events()), "its history is kept"


def test_field_17_a_logical_netdev_that_is_renamed_or_moved_is_followed(fresh):
    topology = fresh.topology(2)
    bond = fresh.bond(topology)
    topology.a.run("ip", "link", "set", "bond0", "name", "uplink")
    eventually(lambda: bond.info()["logical"]["name"] == "uplink", 3)
    topology.a.run("ip", "link", "set", "uplink", "mtu", "1400")
    eventually(lambda: bond.info()["mtu"] == 1400, 3)
    assert "bond.yaml: reloaded" in reloaded(bond)
    eventually(lambda: topology.a.link("uplink")["mtu"] == 1500, 3)
    other = fresh.namespace()
    topology.a.run("ip", "link", "set", "uplink", "netns", other.name)
    eventually(lambda: bond.info()["logical"]["up"] == 0, 3, "it is down there")
    other.run("ip", "link", "set", "uplink", "up")
    eventually(lambda: bond.info()["logical"]["up"] == 1, 3)
    assert "bond.yaml: reloaded" in reloaded(bond)
    eventually(lambda: "192.0.2.1" in other.run("ip", "addr", "show", "uplink").stdout, 3, "its addresses again")
    fresh.ping(other, HOST_ADDRESS).settled()
    for i in range(2):
        topology.cut(i)
    eventually(lambda: not other.has_carrier("uplink"), 3, "its carrier")
    assert bond.stop() == 0


def test_a_mac_that_somebody_changed_by_hand_is_put_back_by_a_reload(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[])
    worn = wires.a.mac("bond0")
    wires.a.run("ip", "link", "set", "m1", "address", "02:00:00:00:00:77")
    assert "bond.yaml: reloaded" in reloaded(bond)
    eventually(lambda: wires.a.mac("m1") == worn, 3, "m1 wears the bond's MAC again")


def test_an_interface_that_others_manage_is_left_to_them(fresh):
    topology = fresh.topology(2)
    bond = fresh.bond(topology, addresses=[], logical={"manage": "none"})
    eventually(lambda: bond.info()["usable_members"] == 2, 5)
    assert "UP" not in topology.a.ip_json("link", "show", "bond0")[0]["flags"]
    topology.a.run("ip", "link", "set", "bond0", "up", "mtu", "1400")
    topology.a.run("ip", "addr", "add", "192.0.2.1/24", "dev", "bond0")
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    assert "bond.yaml: reloaded" in reloaded(bond)
    assert topology.a.link("bond0")["mtu"] == 1400
    assert "192.0.2.1" in topology.a.run("ip", "addr", "show", "bond0").stdout
    assert bond.info()["mtu"] == 1400
