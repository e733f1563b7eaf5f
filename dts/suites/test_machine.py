# SPDX-License-Identifier: BSD-3-Clause
"""What people do to the netdevs of a bond while it runs: it is noticed, said, and put right."""
import signal

from framework.wait import eventually


def test_a_member_that_is_moved_to_another_namespace_gets_its_own_back_there(fresh):
    wires, elsewhere = fresh.sink(2), fresh.namespace()
    for name in wires.members:
        wires.a.run("ip", "link", "set", name, "mtu", "1400")
    own = [wires.a.mac(name) for name in wires.members]
    bond = fresh.bond(wires, addresses=[])
    assert wires.a.mac("m1") == own[0] and wires.a.link("m1")["mtu"] == 1500

    def is_its_own(ns, i):
        link = ns.link(f"m{i}")
        return (link["address"], link["mtu"], link["promiscuity"]) == (own[i], 1400, 0)
    wires.a.run("ip", "link", "set", "m1", "netns", elsewhere.name)
    eventually(lambda: is_its_own(elsewhere, 1), 3, "m1 has its own MAC and MTU where it is")
    eventually(lambda: "member m1: no such device: netdev m1 is in another network namespace" in bond.log, 3)
    elsewhere.run("ip", "link", "set", "m1", "netns", wires.a.name)
    eventually(lambda: wires.a.mac("m1") == own[0], 3, "it has joined again")
    wires.a.run("ip", "link", "set", "m0", "netns", elsewhere.name)  # … and leaves just before the end
    assert bond.stop() == 0
    assert is_its_own(wires.a, 1) and is_its_own(elsewhere, 0)


def test_cleanup_reaches_the_namespace_of_the_instance_from_any_other(fresh):
    wires, elsewhere = fresh.sink(2), fresh.namespace()
    own = wires.a.link("m1")
    bond = fresh.bond(wires, addresses=[])
    bond.stop(signal.SIGKILL)
    assert wires.a.mac("m1") != own["address"]
    bond.ns = elsewhere
    said = bond.command("cleanup").stdout
    assert f"m1 is again as it was before process {bond.pid}" in said
    assert wires.a.mac("m1") == own["address"]
    assert bond.command("cleanup").stdout == "nothing was left to clean up\n"


def test_a_reload_puts_back_what_was_changed_by_hand_and_says_so(fresh):
    wires = fresh.sink(4)
    ns = wires.a
    ns.run("ip", "link", "del", "m3")
    bond = fresh.bond(wires, addresses=["192.0.2.1/24"], wait=False)
    bond.wait_telemetry()
    eventually(lambda: bond.info() and bond.info()["usable_members"] == 3, 5)
    mac = ns.mac("bond0")
    for words in ("address 02:00:00:00:00:aa", "mtu 1400", "down"):
        ns.run("ip", "link", "set", "bond0", *words.split())
    eventually(lambda: bond.info()["mac"] == "02:00:00:00:00:aa" and ns.link("m0")["mtu"] == 1400, 3)
    ns.run("ip", "addr", "flush", "dev", "bond0")
    ns.run("ip", "link", "set", "m0", "down")
    ns.run("ip", "link", "set", "m0", "mtu", "1300")
    assert bond.console("remove member bond0 m1", "remove member bond0 m3", "set member bond0 m2 link down", "set bond bond0 miimon 50",
                        "set member bond0 m2 prio 5") == []
    eventually(lambda: bond.info()["usable_members"] == 0, 3)
    ns.run("ip", "link", "set", "m0", "address", "02:00:00:00:00:bb")
    assert bond.client("reload").returncode == 0
    eventually(lambda: bond.info()["usable_members"] == 3 and {ns.mac(f"m{i}") for i in range(3)} == {ns.mac("bond0")} == {mac}, 5)
    eventually(lambda: {ns.link(name)["mtu"] for name in ("bond0", "m0", "m1")} == {1500}, 3)
    assert "192.0.2.1" in ns.run("ip", "addr", "show", "bond0").stdout and "UP" in ns.link("bond0")["flags"]
    assert bond.info()["options"]["miimon"] in (100, "100") and sorted(bond.info()["members"]) == ["m0", "m1", "m2", "m3"]
    for said in ("bond0: option_changed: the logical interface, which was set down, is up again", "bond0: option_changed: mtu 1500, and not 1400",
                 f"bond0: option_changed: MAC {mac}, and not 02:00:00:00:00:aa", "bond0: option_changed: address 192.0.2.1/24 put back",
                 "bond0 m0: option_changed: its netdev, which was set down, is up again", f"bond0 m0: option_changed: its MTU, which was 1300, is put back",
                 "bond0 m0: option_changed: its MAC, which was 02:00:00:00:00:bb, is put back", "bond0 m2: option_changed: link up",
                 "bond0 m2: option_changed: prio 0", "bond0: option_changed: miimon 100", "bond0 m1: member_added"):
        assert said in bond.log, f"{said}\n{bond.log}"
    length = len(bond.log)
    assert bond.client("reload").returncode == 0
    assert "option_changed" not in bond.log[length:]
