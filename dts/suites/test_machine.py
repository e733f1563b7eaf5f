# SPDX-License-Identifier: BSD-3-Clause
"""What people do to the netdevs of a bond while it runs: it is noticed, said, and put right."""
import signal

from framework.netns import veth
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
    eventually(lambda: "member m1: no such device: netdev m1 has been moved to another network namespace" in bond.log, 3)
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


def test_what_others_do_to_the_netdevs_is_told_as_it_comes_and_goes(fresh):
    wires = fresh.sink(2)
    ns = wires.a
    bond = fresh.bond(wires, addresses=["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"])

    def said(what):
        eventually(lambda: what in bond.log, 3, what)
    for begin, end, use in (
            ("addr add 198.51.100.7/24 dev m1", "addr del 198.51.100.7/24 dev m1", "address 198.51.100.7/24"),
            ("link set m1 master br0", "link set m1 nomaster", "master br0"),
            ("link add link m1 name mv0 type macvlan", "link del mv0", "macvlan mv0")):
        if "br0" in begin:
            ns.run("ip", "link", "add", "br0", "type", "bridge")
        ns.run("ip", *begin.split())
        said(f"warning bond0 m1: warning: its netdev has {use} now; as a member it serves the bond alone")
        ns.run("ip", *end.split())
        said(f"info bond0 m1: device_changed: its netdev has {use} no longer")
    assert bond.info()["health"]["state"] == "ok"
    ns.run("ip", "link", "set", "m1", "name", "lan1")
    said("bond0 m1: device_changed: its netdev m1 is called lan1 now: the next start looks for m1")
    bond.config["bonds"][0]["members"][1] = {"device": "net_af_packet7,iface=lan1"}
    bond.write(bond.config)
    assert bond.client("reload").returncode == 0
    eventually(lambda: bond.info()["members"] == ["m0", "lan1"] and bond.up() == 2, 3, "the file says the new name, and it is taken")
    ns.run("ip", "addr", "flush", "dev", "bond0")
    said("warning bond0: warning: address 192.0.2.1/24 and 2 more are gone from bond0: somebody has deleted them; a reload puts them back")
    bond.wait_reloaded()
    ns.run("ip", "addr", "del", "192.0.2.3/24", "dev", "bond0")
    said("address 192.0.2.3/24 is gone from bond0: somebody has deleted it; a reload puts it back")
    assert bond.log.count("gone from bond0") == 2  # none for what the reload did itself


def test_a_member_that_is_made_again_has_its_place_and_its_counts(fresh):
    wires = fresh.sink(3)
    bond = fresh.bond(wires, mode="balance-rr", addresses=[])
    wires.cut(0)
    eventually(lambda: bond.member("m0")["link_failures"] == 1, 3)
    wires.restore(0)
    bond.wait_up(3)
    host = fresh.capture(wires.a, "bond0")
    frame = bytes.fromhex("ffffffffffff0200000000010800") + bytes(46)
    host.send_all([frame] * 30)
    eventually(lambda: bond.member("m0")["tx_packets"] == 10, 3)
    wires.sink.run("ip", "link", "del", "p0")  # the far end, and with it the member's netdev
    eventually(lambda: "member m0: no such device: netdev m0 has gone; it joins again when it is back" in bond.log, 3)

    def kept():
        return [bond.member("m0")[key] for key in ("link_failures", "tx_packets")] == [2, 10]
    assert bond.info()["members"] == ["m0", "m1", "m2"] and kept()
    veth(wires.a, "m0", wires.sink, "p0")
    bond.wait_up(3, 5)
    assert bond.info()["members"] == ["m0", "m1", "m2"] and kept()
    host.send_all([frame] * 30)
    eventually(lambda: bond.member("m0")["tx_packets"] == 20, 3)


def test_a_warm_restart_says_that_a_netdev_was_renamed_and_another_has_its_name(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[], runtime={"warm_restart": 30})
    own = wires.a.mac("m1")
    ours = bond.member("m1")["perm_mac"]
    wires.a.run("ip", "link", "set", "m1", "name", "lan1")
    veth(wires.a, "m1", wires.sink, "other1", mac="02:00:00:00:55:01")
    assert own and bond.client("restart").returncode == 0
    eventually(lambda: "member m1: the netdev that was m1 before is called lan1 now; the file says m1" in bond.log, 10)
    assert f"member m1 is another device: its own MAC was {ours} and is 02:00:00:00:55:01: cold start" in bond.log
    eventually(lambda: wires.a.mac("lan1") == ours, 5, "the first m1 has its own back")
