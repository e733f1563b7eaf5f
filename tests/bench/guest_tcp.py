#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Kernel TCP in a guest: the bond on two virtio NICs, beside Linux's bonding on the same two.

    sudo tests/bench/guest_tcp.py [--rounds N] [--seconds S] [--mode MODE] [--backend virtio-user|tap] [--vlan]

A guest in QEMU (by emulation; all its processors and what they talk to share this machine's) has two virtio NICs, whose other ends are
taps with virtio-net headers on a bridge of a namespace. In each round, one after the other: iperf3 for S seconds out of the guest and
into it, through Linux's bonding over the kernel's virtio_net; through the bond with `offloads: auto` over vfio-pci; and with `offloads:
off`. iperf3's other end is the bridge; with --vlan it is a second guest behind the bridge, and both ends are VLAN devices (802.1Q, on the
bond and on that guest's NIC). Printed: Mbit/s as the receiver counted them, medians, and ours by Linux's of the same round. Needs
root, QEMU, the kernel that `./quickstart test` has fetched.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import vm_image  # noqa: E402
from framework.app import bond_config, unique_prefix  # noqa: E402
from framework.netns import Netns  # noqa: E402
from framework.vm import TapNic, Vm, nic_address  # noqa: E402
from framework.vm_lab import BOND_ADDRESS, PARTNER_ADDRESS, GuestBond, load_few_drivers  # noqa: E402
from framework.wait import eventually  # noqa: E402

PORT = 5201
VLAN = 10
WAYS = ("Linux's bonding", "dpdk-bond", "dpdk-bond, offloads off")


class Guest:
    """With one processor for control and the kernel, one for the worker, one for programs."""

    def __init__(self, vlan):
        self.vlan, self.far = vlan, None
        self.near = Netns("near")
        nics = [TapNic("virtio-net-pci", self.near, f"t{i}", f"52:54:00:00:0a:{i:02x}", virtio_header=True) for i in (0, 1)]
        self.near.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
        for i in (0, 1):
            self.near.run("ip", "link", "set", f"t{i}", "master", "br0", "up")
        self.near.set_link("br0", True)
        self.server = None
        if vlan:
            self.far = Vm("b", [TapNic("virtio-net-pci", self.near, "t2", "52:54:00:00:0a:02", virtio_header=True)], memory_mb=512, cpus=2)
            self.near.run("ip", "link", "set", "t2", "master", "br0", "up")
        else:
            self.near.address("br0", f"{PARTNER_ADDRESS}/24")
            self.server = self.near.popen("iperf3", "-s", "-p", PORT, stdout=subprocess.DEVNULL)
        self.vm = Vm("a", nics, memory_mb=1024, cpus=3, iommu=True, hugepages=160)
        self.vm.ready()
        self.vm.run("modprobe -a virtio_net; modprobe bonding max_bonds=0")
        load_few_drivers(self.vm)
        if vlan:
            self.far.ready()
            self.far.run("modprobe -a virtio_net 8021q; ip link set eth0 up")
            self._tag(self.far, "eth0", PARTNER_ADDRESS)
            self.far.call("spawn", words=["iperf3", "-s", "-p", str(PORT)], log="/tmp/iperf3.log")

    @staticmethod
    def _tag(vm, device, address):
        vm.run(f"modprobe 8021q; ip link add link {device} name {device}.{VLAN} type vlan id {VLAN}; ip addr add {address}/24 dev {device}.{VLAN}; "
               f"ip link set {device}.{VLAN} up")

    def _address(self, device):
        """Gives the bond's kernel device its address, or its VLAN device."""
        if self.vlan:
            self._tag(self.vm, device, BOND_ADDRESS)
        else:
            self.vm.run(f"ip addr add {BOND_ADDRESS}/24 dev {device}")

    def measure(self, seconds):
        """Mbit/s out and in."""
        eventually(lambda: self.vm.run(f"ping -c1 -W1 {PARTNER_ADDRESS}", check=False).count(" 0% packet loss"), 20, "a way")
        rates = []
        for reverse in ("", "-R"):
            said = json.loads(self.vm.run(f"taskset -c 2 iperf3 -c {PARTNER_ADDRESS} -p {PORT} -t {seconds} -J {reverse}",
                                          timeout=seconds + 60))
            rates.append(said["end"]["sum_received"]["bits_per_second"] / 1e6)
        return rates

    def linux(self, mode, seconds):
        self.vm.run(f"set -e; ip link add p0 type bond mode {mode} miimon 100; for i in 0 1; do ip link set eth$i down; "
                    "ip link set eth$i master p0; done; ip link set p0 up")
        try:
            self._address("p0")
            return self.measure(seconds)
        finally:
            self.vm.run("ip link del p0; ip link set eth0 down; ip link set eth1 down")

    def ours(self, mode, backend, offloads, seconds):
        config = bond_config([{"device": nic_address(i), "name": f"m{i}"} for i in (0, 1)], mode=mode, prefix=unique_prefix("vm"),
                             logical={"backend": backend, "offloads": offloads},
                             runtime={"control_lcore": 0, "worker_lcores": [1]})
        bond = GuestBond(self.vm, config)
        try:
            self._address("bond0")
            return self.measure(seconds)
        finally:
            print("   ", {key: n for key, n in bond.stats().items() if isinstance(n, int) and n},
                  {key: n for key, n in bond.stats()["drops"].items() if n}, flush=True)
            bond.stop()

    def close(self):
        self.vm.stop()
        if self.far is not None:
            self.far.stop()
        if self.server is not None:
            self.server.kill()
            self.server.wait()
        self.near.delete()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--mode", default="active-backup")
    parser.add_argument("--backend", default="virtio-user")
    parser.add_argument("--vlan", action="store_true")
    figures.add_arguments(parser)
    options = parser.parse_args()
    if reason := vm_image.why_not():
        sys.exit(f"SKIP: {reason}")
    guest = Guest(options.vlan)
    found = {way: [] for way in WAYS}
    try:
        for _ in range(options.rounds):
            found[WAYS[0]].append(guest.linux(options.mode, options.seconds))
            for way, offloads in zip(WAYS[1:], ("auto", "off")):
                found[way].append(guest.ours(options.mode, options.backend, offloads, options.seconds))
    finally:
        guest.close()
    rows = []
    print(f"{options.mode}, {options.backend}{', VLAN devices' if options.vlan else ''}, {options.rounds} rounds of {options.seconds} s, medians")
    for way, rounds in found.items():
        for direction, rates, linux in zip(("out", "in"), zip(*rounds), zip(*found[WAYS[0]])):
            ratios = [ours / theirs for ours, theirs in zip(rates, linux)]
            print(f"{way:24} {direction:3} {statistics.median(rates):7.0f} Mbit/s, {statistics.median(ratios):.2f} of Linux "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")
            rows.append(figures.row({"way": way, "direction": direction}, rate=(rates, "Mbit/s"), **{"of Linux": (ratios, "times")}))
    figures.save(options, "guest-tcp-vlan" if options.vlan else "guest-tcp", rows, pages="hugepages in the guest")


if __name__ == "__main__":
    main()
