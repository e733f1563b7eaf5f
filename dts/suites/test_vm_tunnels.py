# SPDX-License-Identifier: BSD-3-Clause
"""field 6 where the kernel has every tunnel: a local peer leaves checksums to hardware that is not there, inside of whatever it likes."""
import json
import os

import pytest

from framework import app
from framework.vm_lab import BOND_ADDRESS, PARTNER_ADDRESS, GuestBond
from framework.wait import eventually

TUNNELS = os.path.join(app.ROOT, "dts", "framework", "guest", "tunnels.py")
# By our own driver, which hears from the kernel what is unfinished, and by DPDK's, which does not (and takes no S-tag).
KINDS = {"m0": ("vxlan", "geneve-noudpcsum", "gretap", "ipip", "vlan", "qinq"),
         "m1": ("vxlan-noudpcsum", "geneve", "gretap-csum", "gre-csum", "ipip", "vlan")}
# The bond's namespace, a switch, and a host with a veth of its own, all of it offloading.
TOPOLOGY = f"""set -e
modprobe -a veth bridge 8021q vxlan geneve ip_gre ipip
for ns in tunbond tunsw tunhost; do ip netns add $ns; ip -n $ns link set lo up; done
ip -n tunsw link add br0 type bridge stp_state 0 forward_delay 0
for i in 0 1; do
    ip -n tunbond link add m$i type veth peer name p$i netns tunsw
    ip -n tunbond link set m$i up
    ip -n tunsw link set p$i master br0 up
done
ip -n tunhost link add h0 type veth peer name swh netns tunsw
ip -n tunsw link set swh master br0 up
ip -n tunsw link set br0 up
ip -n tunhost addr add {PARTNER_ADDRESS}/24 dev h0
ip -n tunhost link set h0 up
"""


@pytest.mark.seconds(240)  # processors are emulated
def test_tcp_connects_inside_whatever_the_kernel_stacks(guests):
    vm = guests.a
    config = guests.config("virtio-net-pci", "active-backup", logical={"backend": "tap"})
    config["bonds"][0]["members"] = [{"device": device} for device in ("net_af_packet0,iface=m0", "net_af_packet1,iface=m1,pmd=1")]
    vm.run(TOPOLOGY)
    try:
        with GuestBond(vm, config, before=("ip", "netns", "exec", "tunbond")) as bond:
            for member, kinds in KINDS.items():
                if member == "m1":
                    vm.run("ip -n tunsw link set p0 down")
                eventually(lambda: bond.active() == member, 10, "the active member")  # noqa: B023
                said = json.loads(vm.run(f"python3 -B {TUNNELS} tunhost,h0,{PARTNER_ADDRESS} tunbond,bond0,{BOND_ADDRESS} "
                                         + " ".join(kinds), timeout=100))
                assert said == dict.fromkeys(kinds, "ok"), member
            assert bond.stop() == 0
    finally:
        vm.run("for ns in tunbond tunsw tunhost; do ip netns del $ns; done", check=False)
