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
