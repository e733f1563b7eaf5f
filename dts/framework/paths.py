# SPDX-License-Identifier: BSD-3-Clause
"""Ways from a host to one behind a bridge that benches compare: (namespace of the host, topology) for the length of the block."""
import contextlib

from . import app
from .netns import Netns
from .topology import BOND_ADDRESS, BOND_ADDRESS6, Topology


def _world(members, mtu, **options):
    topology = Topology(members, **options)
    if mtu != 1500:
        for ns, devices in ((topology.h, ["h0"]), (topology.sw, topology.far + ["swh", "br0"]), (topology.a, topology.members)):
            for device in devices:
                ns.run("ip", "link", "set", device, "mtu", mtu)
    return topology


@contextlib.contextmanager
def bare(mtu=1500):
    """The kernel alone: veth, bridge, veth."""
    topology, near = _world(1, mtu, ipv6=True), Netns("bare")
    try:
        near.ipv6(True)
        topology.bridge.cable("swb", near, "b0")
        topology.sw.run("ip", "link", "set", "swb", "mtu", mtu)
        near.run("ip", "link", "set", "b0", "mtu", mtu)
        near.address("b0", f"{BOND_ADDRESS}/24", f"{BOND_ADDRESS6}/64")
        yield near, topology
    finally:
        near.delete()
        topology.delete()


@contextlib.contextmanager
def bond(mode="active-backup", mtu=1500, **runtime):
    """dpdk-bond on two veth members by af_packet, `backend: tap`."""
    topology = _world(2, mtu, ipv6=True)
    config = app.bond_config([topology.devargs(i) for i in (0, 1)], mode=mode, addresses=[f"{BOND_ADDRESS}/24", f"{BOND_ADDRESS6}/64"],
                             logical={"mtu": mtu}, runtime=runtime)
    try:
        with app.DpdkBond(topology.a, config):
            yield topology.a, topology
    finally:
        topology.delete()


@contextlib.contextmanager
def testpmd(offloads=True):
    """Its io forwarding between net_af_packet and net_tap. `offloads`: of the netdevs; its drivers finish nothing."""
    topology = _world(1, 1500, offloads=offloads)
    try:
        with app.TestPmd(topology.a, "net_af_packet0,iface=m0", "net_tap0,iface=tap0") as pmd:
            topology.a.address("tap0", f"{BOND_ADDRESS}/24")
            topology.a.set_link("tap0", True)
            if not offloads:
                topology.a.offloads("tap0", False)
            pmd.start_forward()
            yield topology.a, topology
    finally:
        topology.delete()
