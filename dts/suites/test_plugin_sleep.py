# SPDX-License-Identifier: BSD-3-Clause
"""An application that sleeps on the receive queues of net_dpdkbond: receive interrupts (tests/plugin/sleeper.cpp)."""
import os
import re

import pytest

from framework import plugin
from framework.app import binary, unique_prefix
from framework.netns import no_af_xdp
from framework.peers import ovs
from framework.plugin import BOND
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually, holds



@pytest.fixture(scope="module", autouse=True)
def installed():
    if not os.path.exists(plugin.plugin()):
        pytest.skip(f"{plugin.plugin()} is not built (no headers of DPDK for drivers?)")
    if not os.path.exists(plugin.sleeper()):
        pytest.skip(f"{plugin.sleeper()} is not built")


class Sleeper(plugin.BondApp):
    """It answers pings to whatever address by net_dpdkbond0 on `devices`, and never polls but when it is woken."""

    __test__ = False

    def __init__(self, ns, options, devices, queues=1, others=(), wait=True):
        super().__init__(ns, unique_prefix("sleep"))
        names = [f"member={device.split(',')[0]}" for device in devices]
        bond = ",".join([BOND, options, *names])
        self.start(plugin.sleeper(), "-l", "0", "--no-huge", "-m", "256", "--no-pci", "-d", plugin.loadable(), "-d", plugin.probe_driver(),
                   "--file-prefix", self.file_prefix, *[f"--vdev={v}" for v in [*devices, *others, bond]],
                   "--log-level=pmd.net.dpdkbond:info", "--", BOND, str(queues))
        if wait:
            try:
                eventually(self.still(lambda: "sleeps" in self.log), 15, "it sleeps")
                self.wait_telemetry()
            except BaseException:
                self.close()
                raise

    def counts(self):
        return self.ask("/sleeper/counts")

    def at_rest(self):
        """Nothing wakes it for a moment."""
        def quiet():
            before = self.counts()["wakes"]
            holds(lambda: self.running(), 0.5)
            return self.counts()["wakes"] == before
        eventually(quiet, 10, "nothing wakes it")


def af_packet(*names, more=""):
    return [f"net_af_packet{i},iface={name}{more}" for i, name in enumerate(names)]


def af_xdp(*names, more=""):
    return [f"net_af_xdp{i},iface={name}{more}" for i, name in enumerate(names)]


def asleep(lab, options="mode=1", queues=1, more="", others=(), devices=af_packet):
    net = lab.topology(2, offloads=False)
    for name in net.members:
        net.a.mute(name)
    app = lab.enter(Sleeper(net.a, options, devices(*net.members, more=more), queues, others))
    lab._bonds.append(app)
    return net, app


def sockets_waited_on(app):
    """How many of the packet sockets that it has are in an epoll instance of its."""
    fds = f"/proc/{app.pid}/fd"
    packet = {line.split()[-1] for line in app.ns.run("cat", "/proc/net/packet").stdout.splitlines()[1:]}
    inodes = {fd: re.findall(r"socket:\[(\d+)\]", os.readlink(f"{fds}/{fd}")) for fd in os.listdir(fds)}
    waited = set()
    for fd in inodes:
        if os.readlink(f"{fds}/{fd}") == "anon_inode:[eventpoll]":
            with open(f"{fds}info/{fd}", encoding="utf-8") as file:
                waited.update(re.findall(r"^tfd: +(\d+)", file.read(), re.MULTILINE))
    return sum(1 for fd in waited if packet.intersection(inodes.get(fd, ())))


def pings(net, app, count, interval=0.02):
    """So many from the host: each reaches the application, and it answers."""
    before = app.counts()["frames"]
    net.h.run("ping", "-c", str(count), "-i", str(interval), BOND_ADDRESS, check=False)
    eventually(lambda: app.counts()["frames"] >= before + count, 3, f"{count} frames")
    net.h.run("ping", "-c", "1", "-w", "3", BOND_ADDRESS)


@pytest.mark.parametrize("queues", [1, 2])
def test_frames_wake_it_and_nothing_else_does(fresh, queues):
    net, app = asleep(fresh, queues=queues)
    assert sockets_waited_on(app) == 2
    pings(net, app, 50)
    app.at_rest()
    before = app.counts()
    holds(app.running, 2.0, "it lives")  # long after control has taken it for absent
    assert app.counts()["wakes"] - before["wakes"] <= 2  # some frame of the switch's
    pings(net, app, 5, 0.3)  # each of them comes while control receives in its place
    assert app.counts()["frames"] >= before["frames"] + 5


def test_af_xdp_members_wake_it(fresh):
    if reason := no_af_xdp():
        pytest.skip(reason)
    net, app = asleep(fresh, devices=af_xdp)
    assert "looked at every" not in app.log
    pings(net, app, 50)
    app.at_rest()
    pings(net, app, 5, 0.3)
    net.cut(0)
    eventually(lambda: app.info()["active_member"] == "net_af_xdp1", 3, "the other one is active")
    pings(net, app, 5, 0.3)
    app.at_rest()


def test_a_member_with_several_sockets(fresh):
    net, app = asleep(fresh, queues=2, more=",qpairs=2")
    assert sockets_waited_on(app) == 4
    pings(net, app, 50)
    app.at_rest()


def test_lacp_stays_up_while_it_sleeps(fresh):
    if reason := ovs.why_not():
        pytest.skip(reason)
    wires = fresh.sink(2)
    for name in wires.members:
        wires.a.mute(name)
    app = fresh.enter(Sleeper(wires.a, "mode=4,lacp_rate=fast", af_packet(*wires.members)))
    fresh._bonds.append(app)
    fresh.enter(ovs.OvsBond(wires.sink, wires.far, f"{HOST_ADDRESS}/24", rate="fast"))
    wires.sink.offloads("br0", False)
    eventually(app.agreed, 8, "0x3F at both ends of both links")
    before = app.counts()["wakes"]
    holds(app.agreed, 4, "all is well while it sleeps", every=0.1)
    assert app.counts()["wakes"] - before < 100  # an LACPDU may wake it, and no more than that
    fresh.ping(wires.sink, BOND_ADDRESS).settled()


def test_members_that_come_and_go_are_followed(fresh):
    net, app = asleep(fresh)

    def dpdk_bond(*words):
        done = net.a.run(binary(), *words, "--file-prefix", app.file_prefix, check=False)
        assert done.returncode == 0, done.stderr
    pings(net, app, 5)
    dpdk_bond("remove", "member", BOND, "net_af_packet0")
    assert app.info()["active_member"] == "net_af_packet1" and sockets_waited_on(app) == 1
    net.cut(0)  # the switch forgets where the bond was
    pings(net, app, 5)
    net.restore(0)
    dpdk_bond("add", "member", BOND, "net_af_packet0")
    eventually(lambda: app.usable() == 2, 3, "it is back")
    assert sockets_waited_on(app) == 2
    net.cut(1)
    eventually(lambda: app.info()["active_member"] == "net_af_packet0", 3, "the other one is active")
    pings(net, app, 5)
    app.at_rest()


def test_a_cut_member_is_nothing_to_wake_for_again_and_again(fresh):
    net, app = asleep(fresh)
    net.cut(0)
    eventually(lambda: app.usable() == 1, 3, "it is out")
    app.at_rest()
    pings(net, app, 5)


def test_a_driver_with_receive_interrupts(fresh):
    frame = f"{fresh._directory}/frame"
    app = fresh.enter(Sleeper(fresh.sink(1).a, "mode=1", [f"net_probe0,frame={frame}"]))
    assert "net_probe0: receive interrupts of 1 queues" in app.log
    app.at_rest()
    for number in range(1, 4):
        before = app.counts()
        open(frame, "w", encoding="utf-8").close()
        eventually(lambda: app.counts()["frames"] == number, 3, "the frame has come")
        app.at_rest()
        assert app.counts()["wakes"] - before["wakes"] <= 4  # by the interrupt, and by control where that was first
    assert app.log.count("net_probe0: interrupt 0") <= 6


def test_a_member_that_cannot_wake_is_refused_with_one_line(fresh):
    app = fresh.enter(Sleeper(fresh.sink(1).a, "mode=1", ["net_null0"], wait=False))
    eventually(lambda: not app.running(), 15, "it has ended")
    assert app.process.returncode == 3
    lines = [line for line in app.log.splitlines() if "receive interrupts" in line]
    assert lines == ["net_dpdkbond0: receive interrupts: member net_null0 (net_null) has none, nor a descriptor to wait on; "
                     "poll the bond's queues, or sleep between polls"], app.log


def test_one_that_joins_later_and_cannot_wake_is_looked_after(fresh):
    net, app = asleep(fresh, others=["net_null5,no-rx=1"])
    added = net.a.run(binary(), "add", "member", BOND, "net_null5", "--file-prefix", app.file_prefix, check=False)
    assert added.returncode == 0, added.stderr
    assert "member net_null5 (net_null) has none, nor a descriptor to wait on; while the application sleeps its queues are" in app.log
    app.at_rest()
    pings(net, app, 5, 0.3)


def test_a_tap_as_a_member(fresh):
    ns = fresh.sink(1).a
    app = fresh.enter(Sleeper(ns, "mode=1", ["net_tap0,iface=tm0"]))
    ns.address("tm0", f"{HOST_ADDRESS}/24")
    ns.set_link("tm0", True)
    fresh.ping(ns, BOND_ADDRESS).settled()
    assert "looked at every" not in app.log
