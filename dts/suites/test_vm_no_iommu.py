# SPDX-License-Identifier: BSD-3-Clause
"""A machine without an IOMMU and without hugepages: uio_pci_generic serves, with a warning, and pages are reserved when asked for.
It has two memory nodes; its second processor, on the second node, is isolated and belongs to the worker."""
import os
import shutil
import tempfile

import pytest

from framework import vm_image
from framework.app import bond_config, unique_prefix
from framework.vm import Nic, Vm, nic_address
from framework.vm_lab import VHOST_CPUS, GuestBond, GuestPing, load_few_drivers
from framework.wait import eventually


FAR_BUS = 0x20  # a PCI root of memory node 0; its port is the bus after it
NODES = [word for node in (0, 1) for word in
         ("-object", f"memory-backend-ram,size=512M,id=memory{node}", "-numa", f"node,nodeid={node},cpus={node},memdev=memory{node}")]
NODES += ["-device", f"pxb-pcie,id=root,bus_nr={FAR_BUS},numa_node=0,bus=pcie.0,addr=0x08",
          "-device", "pcie-root-port,id=far,bus=root,chassis=1"]
ADDRESSES = [nic_address(0), f"0000:{FAR_BUS + 1:02x}:00.0"]


@pytest.fixture(scope="module")
def plain():
    """NICs 0 and 1 are cabled to 2 and 3 of the same machine, which lie on a bridge in a namespace."""
    if reason := vm_image.why_not():
        pytest.skip(reason)
    wires = tempfile.mkdtemp(prefix=f"dts-{os.getpid()}-wires-")
    models = ["virtio-net-pci", "e1000e"]
    nics = [Nic(model, f"{wires}/{i}", 0, f"52:54:00:00:0c:{i:02x}", bus=bus)
            for i, (model, bus) in enumerate(zip(models, (None, "far")))]
    nics += [Nic("virtio-net-pci", f"{wires}/{i}", 1, f"52:54:00:00:0d:{i:02x}") for i in range(2)]
    vm = Vm("plain", nics, memory_mb=1024, cpus=2, machine=NODES, kernel_words=["isolcpus=1", "nohz_full=1", "rcu_nocbs=1"])
    vm.ready()
    load_few_drivers(vm)
    vm.run("set -e; modprobe -a virtio_net e1000e bridge; ip netns add far; "
           "for i in 2 3; do ip link set $(ls /sys/bus/pci/devices/0000:00:1$i.0/virtio*/net) netns far name x$i; done; "
           "ip -n far link add br0 type bridge; for i in 2 3; do ip -n far link set x$i master br0 up; done; "
           "ip -n far addr add 192.0.2.2/24 dev br0; ip -n far link set br0 up")
    yield vm
    vm.stop()
    shutil.rmtree(wires, ignore_errors=True)


def hugepages(vm):
    return vm.run("cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages; grep huge /proc/mounts", check=False)


def test_uio_serves_where_there_is_no_iommu(plain):
    config = bond_config([{"device": address, "name": f"m{i}"} for i, address in enumerate(ADDRESSES)],
                         prefix=unique_prefix("vm"), addresses=["192.0.2.1/24"], logical={"backend": "virtio-user"},
                         runtime={"hugepages": "always", "memory_mb": 128})
    assert hugepages(plain) == "0\n"
    with GuestBond(plain, config) as bond:
        for address in ADDRESSES:
            assert f"there is no IOMMU for {address}" in bond.log
            assert plain.run(f"readlink /sys/bus/pci/devices/{address}/driver").strip().endswith("/uio_pci_generic")
        assert bond.log.count("uio_pci_generic serves instead") == 2
        assert hugepages(plain).startswith("64\n")
        assert plain.run("cat /sys/devices/system/cpu/isolated") == "1\n"
        assert plain.run(VHOST_CPUS).split() == ["Cpus_allowed_list:", "0"]
        assert "member m1 is on memory node 0 and worker lcore 1 is not" in bond.log and "member m0 is on" not in bond.log
        assert plain.run("cat /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages") == "64\n"
        assert bond.ask("/mempool/info,frames")["socket_id"] == 0
        for active in ("m0", "m1"):  # virtio, then e1000e
            bond.wait_active(active)
            GuestPing(plain, "192.0.2.2").settled().stop()
            for end in (0, 2):
                plain.set_link(end, False)
        for end in (0, 2):
            plain.set_link(end, True)
        eventually(lambda: bond.up() == 2, 5, "both members are up again")
        assert bond.stop() == 0
    assert hugepages(plain) == "0\n"
    for address, driver in zip(ADDRESSES, ("virtio-pci", "e1000e")):
        assert plain.run(f"readlink /sys/bus/pci/devices/{address}/driver").strip().endswith(f"/{driver}")
