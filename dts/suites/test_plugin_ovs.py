# SPDX-License-Identifier: BSD-3-Clause
"""net_dpdkbond as a port of Open vSwitch with DPDK: traffic, failover, and the port removed and added."""
import os
import shutil

import pytest

from framework import plugin
from framework.app import unique_prefix
from framework.peers import ovs
from framework.plugin import Guest
from framework.telemetry import Telemetry, socket_path
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

DEVARGS = '"net_dpdkbond0,mode=1,miimon=50,member=net_af_packet0,member=net_af_packet1"'


class OvsDpdk(ovs.Ovs):
    """br0 with `bond` (the plug-in's port) and `inner`, a netdev."""

    def __init__(self, ns, members):
        self.prefix = unique_prefix("ovs")
        vdevs = " ".join(f"--vdev=net_af_packet{i},iface={name}" for i, name in enumerate(members))
        super().__init__(ns, ovs.dpdk_program(), [
            "dpdk-init=true", "pmd-cpu-mask=0x1", "per-port-memory=true",
            f'dpdk-extra="--no-huge --legacy-mem -m 256 --no-pci -d {plugin.loadable()} --file-prefix {self.prefix} {vdevs}"'])
        self._telemetry = Telemetry(self.prefix)

    def ask(self, command):
        return self._telemetry.ask(command)

    def add(self):
        self.vsctl("add-port", "br0", "bond", "--", "set", "Interface", "bond", "type=dpdk", f"options:dpdk-devargs={DEVARGS}")
        assert self.vsctl("get", "Interface", "bond", "error").strip() == "[]", self.log[-3000:]

    def remove(self):
        self.vsctl("del-port", "br0", "bond")

    def usable(self):
        return self.ask("/bond/info,net_dpdkbond0")["usable_members"]

    def holds(self):
        """What a port that has gone must not leave behind."""
        runtime = os.path.dirname(socket_path(self.prefix))
        return {"mempools": sorted(self.ask("/mempool/list")), "ports": self.ask("/ethdev/list"),
                "threads": len(os.listdir(f"/proc/{self.pid}/task")), "files open": len(os.listdir(f"/proc/{self.pid}/fd")),
                "files in /run": sorted(os.listdir(runtime))}

    def heap(self):
        """Octets of DPDK's memory in use."""
        return sum(self.ask(f"/eal/heap_info,{i}")["Alloc_size"] for i in self.ask("/eal/heap_list"))

    def resident(self):
        """Memory of its own besides, in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

    def close(self):
        super().close()
        shutil.rmtree(os.path.dirname(socket_path(self.prefix)), ignore_errors=True)


@pytest.fixture
def switch(fresh):
    if reason := plugin.why_not() or ovs.why_not():
        pytest.skip(reason)
    if not os.path.exists(ovs.dpdk_program()):
        pytest.skip(f"{ovs.dpdk_program()} is not there (Debian package openvswitch-switch-dpdk)")
    net = fresh.topology(2, offloads=False)
    guest = fresh.enter(Guest(net.a, f"{BOND_ADDRESS}/24"))
    for name in net.members:
        net.a.mute(name)
    one = fresh.enter(OvsDpdk(net.a, net.members))
    one.vsctl("add-port", "br0", "inner")
    return net, guest, one


def test_traffic_failover_and_a_port_that_goes_ten_times_and_leaves_nothing(fresh, switch):
    net, guest, vswitch = switch
    vswitch.add()
    eventually(lambda: vswitch.usable() == 2, 5, "both members are up")
    ping = fresh.ping(guest.ns, HOST_ADDRESS).settled()
    active = vswitch.ask("/bond/info,net_dpdkbond0")["active_member"]
    net.cut(int(active[-1]))
    eventually(lambda: vswitch.ask("/bond/info,net_dpdkbond0")["active_member"] not in ("", active), 3, "the other is active")
    ping.settled()
    net.restore_all()
    eventually(lambda: vswitch.usable() == 2, 5, "the cut link is back")

    def again(times):
        for _ in range(times):
            vswitch.remove()
            vswitch.add()
            eventually(lambda: vswitch.usable() == 2, 5, "both members are up")
        vswitch.remove()
        return vswitch.holds(), vswitch.heap(), vswitch.resident()
    before, heap, resident = again(2)  # malloc has its arenas then
    vswitch.add()
    after, heap_after, resident_after = again(10)
    print(f"before {before}, after ten times {after}; DPDK's heap {heap} -> {heap_after}; resident {resident} -> {resident_after} KiB")
    assert after == before and heap_after == heap
    assert resident_after < resident + 1024
    vswitch.add()
    ping.settled()
