# SPDX-License-Identifier: BSD-3-Clause
"""member_taps: the host has a tap for each member that carries what is between the two ends of a wire, both ways."""
import copy
import json
import os
import shutil
import struct
import subprocess
import tempfile

import pytest

from framework.app import binary
from framework.frames import TAG, number_of
from framework.wait import eventually, holds

LLDP, STP, EAPOL, SLOW, LAST = (f"01:80:c2:00:00:{last}" for last in ("0e", "00", "03", "02", "0f"))
BROADCAST, GROUP, UNICAST = "ff:ff:ff:ff:ff:ff", "01:00:5e:01:01:01", "02:00:00:00:02:02"
CARRIED = [(LLDP, 0x88CC), (STP, 0x0026), (EAPOL, 0x888E), (LAST, 0x88B5), (SLOW, 0x88B5)]  # STP: an 802.3 length
NOT_CARRIED = [(SLOW, 0x8809), (STP, 0x8809), (BROADCAST, 0x88B5), (GROUP, 0x88B5), (UNICAST, 0x88B5), ("01:80:c2:00:00:10", 0x88B5)]


def frame(number, to, ethertype):
    """Of subtype 1 where it is of a slow protocol, which LACP is."""
    head = bytes.fromhex(to.replace(":", "")) + bytes.fromhex("020000000101") + struct.pack("!HB", ethertype, 1)
    return (head + TAG + struct.pack("!I", number)).ljust(64, b"\0")


def numbers(capture):
    return [n for n in (number_of(f) for f in capture.take()) if n is not None]


def heard(capture, wanted):
    """The numbered frames that have come, once as many as wanted have."""
    seen = []
    eventually(lambda: seen.extend(numbers(capture)) or len(seen) >= len(wanted), 5, f"{wanted} come: {seen}")
    return seen


def taps(net):
    return sorted(name for name in net.a.devices() if name.endswith(".lt"))


def put(bond, change):
    bond.rewrite(change)
    bond.wait_reloaded()


@pytest.fixture(scope="module")
def net(lab):
    return lab.sink(2)


@pytest.fixture
def bond(net, fresh):
    own = [net.a.mac(name) for name in net.members]
    bond = fresh.bond(net, member_taps=True, primary="m0")
    bond.own_macs = own
    eventually(lambda: all(net.a.has_carrier(f"m{i}.lt") for i in range(2)), 5, "the taps have carrier")
    return bond


def test_what_is_between_two_ends_of_a_wire_reaches_the_members_tap_and_nothing_else(net, bond, fresh):
    at_taps = [fresh.capture(net.a, f"m{i}.lt") for i in range(2)]
    above = fresh.capture(net.a, "bond0")
    for i in range(2):
        wire = fresh.capture(net.sink, net.far[i])
        for n, (to, ethertype) in enumerate(CARRIED + NOT_CARRIED):
            wire.send(frame(100 * i + n, to, ethertype))
        wanted = [100 * i + n for n in range(len(CARRIED))]
        assert heard(at_taps[i], wanted) == wanted
        assert eventually(lambda i=i: bond.member(f"m{i}")["tap"]["to_host"] == len(CARRIED), 5)
    assert numbers(at_taps[0]) == numbers(at_taps[1]) == []
    # As on Linux the logical interface has the active member's too, and of a backup nobody but the tap.
    up = heard(above, range(len(CARRIED) + 3))
    assert set(range(len(CARRIED))) <= set(up) and all(n < 100 for n in up)
    assert bond.member("m1")["drops"]["inactive_member"] == len(NOT_CARRIED)
    stats = bond.ask("/bond/stats,bond0")
    assert stats["copied"] == len(CARRIED) and stats["punted"] == len(CARRIED) and stats["copies_lost"] == 0


def test_what_the_host_writes_leaves_by_exactly_that_member(net, bond, fresh):
    wires = [fresh.capture(net.sink, end) for end in net.far]
    for i in range(2):
        tap = fresh.capture(net.a, f"m{i}.lt")
        for n, (to, ethertype) in enumerate(CARRIED + NOT_CARRIED):
            tap.send(frame(200 + 100 * i + n, to, ethertype))
        wanted = [200 + 100 * i + n for n in range(len(CARRIED))]
        assert heard(wires[i], wanted) == wanted
        tap.send(frame(1, LLDP, 0x88CC).ljust(1514, b"\0"))
        assert heard(wires[i], [1]) == [1]
    assert numbers(wires[0]) == numbers(wires[1]) == []
    for i in range(2):
        tap = bond.member(f"m{i}")["tap"]
        assert tap == {"name": f"m{i}.lt", "to_host": 0, "from_host": len(CARRIED) + 1,
                       "drops": {"refused": 0, "foreign": len(NOT_CARRIED), "oversize": 0}}
    lines = [line.strip() for line in bond.console("show member bond0 m1")]
    assert "Tap: m1.lt" in lines
    assert any(line.startswith(f"dropped at the tap {len(NOT_CARRIED):>9}  foreign") for line in lines), lines
    assert bond.console("clear stats bond0") == []
    assert bond.member("m1")["tap"]["from_host"] == bond.member("m1")["tap"]["drops"]["foreign"] == 0


def test_a_tap_is_the_members_and_silent(net, bond, fresh):
    wires = [fresh.capture(net.sink, end) for end in net.far]
    for i in range(2):
        link = net.a.link(f"m{i}.lt")
        assert link["address"] == bond.own_macs[i] == bond.member(f"m{i}")["perm_mac"] and "NOARP" in link["flags"]
        assert net.a.ip_json("addr", "show", "dev", f"m{i}.lt")[0]["addr_info"] == []
    net.a.set_link("m0.lt", False)
    wires[0].send(frame(1, LLDP, 0x88CC))
    eventually(lambda: bond.member("m0")["tap"]["drops"]["refused"] == 1, 5)
    net.a.set_link("m0.lt", True)
    net.cut(1)
    eventually(lambda: not net.a.has_carrier("m1.lt"), 5, "its tap has no carrier when the member has none")
    assert net.a.has_carrier("m0.lt")
    net.restore(1)
    eventually(lambda: net.a.has_carrier("m1.lt"), 5, "… and has it again")
    bond.wait_up(2)
    assert [bond.member(f"m{i}")["tap"]["from_host"] for i in range(2)] == [0, 0], "nothing speaks there of its own accord"
    assert bond.member("m0")["tap"]["drops"]["foreign"] == bond.member("m1")["tap"]["drops"]["foreign"] == 0


def test_taps_come_and_go_by_reload_console_and_with_members(net, bond, fresh):
    assert taps(net) == ["m0.lt", "m1.lt"]
    put(bond, lambda b: b.update(member_taps=False))
    assert taps(net) == [] and "tap" not in bond.member("m0")
    wire = fresh.capture(net.sink, net.far[0])
    above = fresh.capture(net.a, "bond0")
    wire.send(frame(7, LLDP, 0x88CC))
    assert heard(above, [7]) == [7]  # as ever
    assert bond.ask("/bond/stats,bond0")["copied"] == 0
    assert bond.console("set bond bond0 member_taps on") == []
    assert taps(net) == ["m0.lt", "m1.lt"]
    assert bond.console("remove member bond0 m1") == []
    assert taps(net) == ["m0.lt"]
    put(bond, lambda b: b.update(member_taps=True))  # m1 is back
    assert taps(net) == ["m0.lt", "m1.lt"]
    net.a.run("ip", "link", "del", "m0.lt")
    eventually(lambda: any("its tap has been deleted" in e["detail"] for e in bond.events()), 5)
    put(bond, lambda b: b)
    assert taps(net) == ["m0.lt", "m1.lt"]
    tap = fresh.capture(net.a, "m0.lt")
    wire.send(frame(8, LLDP, 0x88CC))
    assert heard(tap, [8]) == [8]
    assert 'member_taps: "on"' in bond.client("show", "bond", "bond0", "config", check=True).stdout
    assert bond.stop() == 0
    assert taps(net) == []


def test_taps_are_where_the_logical_interface_is_and_made_again_by_a_warm_restart(net, bond, fresh):
    pid = bond.ask("/info")["pid"]
    assert bond.client("restart").returncode == 0
    bond._telemetry = None  # pylint: disable=protected-access
    bond.wait_ready()
    eventually(lambda: taps(net) == ["m0.lt", "m1.lt"] and "tap" in bond.member("m1"), 10, "the taps are there again")
    assert bond.ask("/info")["pid"] == pid  # through exec
    assert bond.console("set bond bond0 member_taps off") == []
    other = fresh.namespace()
    net.a.run("ip", "link", "set", "bond0", "netns", other.name)
    assert bond.console("set bond bond0 member_taps on") == []
    assert taps(net) == [] and {"m0.lt", "m1.lt"} <= set(other.devices())
    eventually(lambda: other.has_carrier("m0.lt"), 5)
    tap, wire = fresh.capture(other, "m0.lt"), fresh.capture(net.sink, net.far[0])
    tap.send(frame(1, LLDP, 0x88CC))
    assert heard(wire, [1]) == [1]
    wire.send(frame(2, LLDP, 0x88CC))
    assert heard(tap, [2]) == [2]


def test_a_name_that_is_taken_is_refused_and_nothing_changes(net, fresh, tmp_path):
    bond = fresh.bond(net, member_taps=False)
    net.a.run("ip", "link", "add", "m1.lt", "type", "bridge")
    try:
        refused = "member_taps: a netdev of the name m1.lt is there already; remove it, or give the member a name"
        assert bond.console("set bond bond0 member_taps on") == [f"error: bond0: member m1: {refused}"]
        config = copy.deepcopy(bond.config)
        config["bonds"][0].update(member_taps=True, updelay=200)
        bond.write(config)
        done = bond.client("reload")
        assert done.returncode == 1 and f"bond0: member m1: {refused}" in done.stderr
        assert bond.info()["options"]["updelay"] == 0 and taps(net) == ["m1.lt"]
        bond.stop()
        start = net.a.run(binary(), "-c", bond.config_path, check=False, timeout=20)
        assert (start.returncode, start.stderr.splitlines()[-1]) == (1, f"dpdk-bond: bond0: member m1: {refused}")
    finally:
        net.a.run("ip", "link", "del", "m1.lt")


# ---- lldpd

class Lldpd:
    """lldpd in a namespace on some interfaces, with a folder of its own in place of /run/lldpd."""

    def __init__(self, ns, name, interfaces):
        self.ns, self.directory = ns, tempfile.mkdtemp(prefix="dts-lldpd-")
        self.socket = os.path.join(self.directory, "socket")
        config = os.path.join(self.directory, "config")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"configure system hostname {name}\nconfigure lldp tx-interval 1\nconfigure lldp tx-hold 2\n")
        os.chmod(self.directory, 0o755)
        own_run = "mount -t tmpfs none /run && mkdir -p /run/lldpd && exec \"$@\""
        self.process = ns.popen("sh", "-c", own_run, "sh", "lldpd", "-d", "-u", self.socket, "-O", config, "-I", interfaces,
                                "-C", interfaces, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def neighbours(self):
        """{own interface: (neighbour's name, its port's MAC)}"""
        done = self.ns.run("lldpcli", "-u", self.socket, "-f", "json0", "show", "neighbors", check=False)
        if done.returncode:
            return None
        found = {}
        for lldp in json.loads(done.stdout)["lldp"]:
            for interface in lldp.get("interface", []):
                port = interface["port"][0]["id"][0]
                assert interface["name"] not in found, "two neighbours on one port"
                found[interface["name"]] = (interface["chassis"][0]["name"][0]["value"], port["value"])
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.mark.skipif(not shutil.which("lldpd"), reason="lldpd is not installed")
def test_lldpd_tells_the_right_port_on_both_sides(net, bond, fresh):
    host = fresh.enter(Lldpd(net.a, "host", "*.lt"))
    switch = fresh.enter(Lldpd(net.sink, "switch", ",".join(net.far)))
    eventually(lambda: host.neighbours() == {f"m{i}.lt": ("switch", net.sink.mac(net.far[i])) for i in range(2)}, 15,
               "the host knows which port of the switch each member is on", every=0.2)
    eventually(lambda: switch.neighbours() == {net.far[i]: ("host", bond.own_macs[i]) for i in range(2)}, 15,
               "the switch knows which member of the host is on each port", every=0.2)
    assert bond.console("set bond bond0 member_taps off") == []
    eventually(lambda: host.neighbours() == {} and switch.neighbours() == {}, 15, "without taps neither knows anything", every=0.2)
    holds(lambda: host.neighbours() == {} and switch.neighbours() == {}, 1.5, every=0.3)
