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
    """Apply `change` to a copy of the bond's part of the configuration, write it and reload."""
    config = copy.deepcopy(bond.config)
    change(config["bonds"][0])
    bond.config = config
    bond.write(config)
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
