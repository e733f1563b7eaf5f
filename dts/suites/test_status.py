# SPDX-License-Identifier: BSD-3-Clause
"""`dpdk-bond status`, read as existing tools read /proc/net/bonding."""
import json

import pytest

from framework import app
from framework.netns import run
from framework.wait import eventually


def parse(text):
    """(fields of the bond, {member: fields}) of a text in the layout of /proc/net/bonding/BOND."""
    head, *blocks = [block for block in text.split("\n\n") if block.strip()]
    assert head.startswith("Ethernet Channel Bonding Driver:")
    sections = [dict(line.split(": ", 1) for line in block.strip().splitlines() if ": " in line) for block in blocks]
    members = {section["Slave Interface"]: section for section in sections if "Slave Interface" in section}
    bond = {}
    for section in sections:
        if "Slave Interface" not in section:
            bond.update(section)
    return bond, members


@pytest.fixture(scope="module")
def net(lab):
    wires = lab.sink(2)
    return wires, lab.bond(wires, primary="m1", updelay=200, addresses=[])


def test_the_bond(net):
    done = net[1].command("status", "bond0")
    assert done.returncode == 0, done.stderr
    bond, _ = parse(done.stdout)
    assert bond["Bonding Mode"] == "fault-tolerance (active-backup)"
    assert bond["Primary Slave"] == "m1 (primary_reselect always)"
    assert bond["Currently Active Slave"] == "m1"
    assert bond["MII Status"] == "up"
    assert bond["MII Polling Interval (ms)"] == "100"
    assert bond["Up Delay (ms)"] == "200"
    assert bond["Down Delay (ms)"] == "0"


def test_the_members(net):
    wires, bond = net
    _, members = parse(bond.command("status", "bond0").stdout)
    assert list(members) == ["m0", "m1"]
    for name, fields in members.items():
        assert fields["MII Status"] == "up"
        assert fields["Duplex"] in ("full", "half", "Unknown")
        assert fields["Speed"]
        assert fields["Link Failure Count"].isdigit()
        assert fields["Permanent HW addr"] == bond.member(name)["perm_mac"]
        assert fields["Slave queue ID"] == "0"


def test_a_lost_member_is_shown(net):
    wires, bond = net
    wires.cut(0)
    bond.wait_up(1)
    _, members = parse(bond.command("status", "bond0").stdout)
    assert members["m0"]["MII Status"] == "down"
    assert int(members["m0"]["Link Failure Count"]) == bond.member("m0")["link_failures"] >= 1
    wires.restore(0)
    bond.wait_up(2)


def test_without_a_name_every_bond_is_shown(net):
    assert "Slave Interface: m0" in net[1].command("status").stdout


def test_json_is_json(net):
    report = json.loads(net[1].command("status", "bond0", "--json").stdout)
    assert "m1" in json.dumps(report) and "active-backup" in json.dumps(report)


def test_an_unknown_bond_and_a_missing_instance_are_told_in_a_line(net):
    done = net[1].command("status", "nosuch")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    done = run([app.binary(), "status", "--file-prefix", "dts-nobody"], check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("mode, words", [("balance-rr", "load balancing (round-robin)"), ("balance-xor", "load balancing (xor)"),
                                         ("broadcast", "fault-tolerance (broadcast)")])
def test_other_modes_are_named_as_linux_names_them(fresh, mode, words):
    wires = fresh.sink(2)
    options = {"xmit_hash_policy": "layer3+4"} if mode == "balance-xor" else {}
    bond = fresh.bond(wires, mode=mode, addresses=[], **options)
    fields, members = parse(eventually(lambda: bond.command("status", "bond0").stdout))
    assert fields["Bonding Mode"] == words
    assert fields.get("Transmit Hash Policy") == ("layer3+4 (1)" if mode == "balance-xor" else None)
    assert list(members) == ["m0", "m1"]
