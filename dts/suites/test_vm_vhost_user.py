# SPDX-License-Identifier: BSD-3-Clause
"""The logical interface as the NIC of a virtual machine, by vhost-user: as docs/wiring.md has it."""
import json

import pytest

from framework import vm_image
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.vm import Nic, Vm
from framework.vm_lab import GuestPing
from framework.wait import eventually

MEMORY = 256


class VhostNic(Nic):
    """A virtio NIC whose other end listens at `path`."""

    def __init__(self, path, mac):  # pylint: disable=super-init-not-called
        # Without MSI-X: with it QEMU 7.2 dies of vhost-user where it emulates the processor (msix_set_vector_notifiers).
        self.model, self.mac, self.properties, self.bus = "virtio-net-pci", mac, "vectors=0", None
        self.path, self.backend = path, "vhost-user,chardev=other"

    def arguments(self, i, behind_iommu):
        return ["-chardev", f"socket,id=other,path={self.path},reconnect=1", *super().arguments(i, behind_iommu)]


@pytest.fixture(scope="module")
def served(lab, tmp_path_factory):
    """(topology, bond, guest)"""
    if reason := vm_image.why_not():
        pytest.skip(reason)
    path = f"{tmp_path_factory.mktemp('vhost')}/bond0.sock"
    topology = lab.topology(2, pcap=False)
    bond = lab.bond(topology, mode="active-backup", addresses=[], logical={"backend": "device", "device": f"net_vhost0,iface={path}"})
    guest = Vm("v", [VhostNic(path, "52:54:00:00:0c:00")], memory_mb=MEMORY,
               machine=("-object", f"memory-backend-memfd,id=m,size={MEMORY}M,share=on", "-numa", "node,memdev=m"))
    try:
        guest.ready()
        guest.run(f"modprobe virtio_net; ip addr add {BOND_ADDRESS}/24 dev eth0; ip link set eth0 up")
        guest.until(f"ping -c1 -W1 {HOST_ADDRESS}", 20)
        yield topology, bond, guest
    finally:
        guest.stop()


def test_the_guest_reaches_the_host_and_a_cut_goes_unnoticed(served):
    topology, bond, guest = served
    ping = GuestPing(guest, HOST_ADDRESS).settled()
    active = topology.members.index(bond.active())
    topology.cut(active)
    bond.wait_active(topology.members[1 - active])
    answered = ping.answered()
    eventually(lambda: ping.answered() > answered + 10, 10, "pings go on")
    topology.restore_all()
    bond.wait_up(2)
    assert ping.stop().lost <= 2


def test_tcp_both_ways(served, fresh):
    topology, _, guest = served
    fresh.iperf_server(topology.h)
    for reverse in ("", "-R"):
        said = json.loads(guest.run(f"iperf3 -c {HOST_ADDRESS} -p 5301 -t 1 -J {reverse}", timeout=40))
        assert said["end"]["sum_received"]["bytes"] > 1e6
    for where in (topology.h.run("nstat", "-az", "TcpInCsumErrors").stdout, guest.run("nstat -az TcpInCsumErrors")):
        assert where.split()[-2] == "0"


def test_the_guest_outlives_a_restart_of_the_bond(served, fresh):
    topology, bond, guest = served
    assert bond.stop() == 0
    assert guest.run(f"ping -c1 -W1 {HOST_ADDRESS}", check=False).count("100% packet loss")
    fresh.bond_from(topology.a, bond.config)
    guest.until(f"ping -c1 -W1 {HOST_ADDRESS}", 20)
