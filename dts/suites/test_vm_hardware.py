# SPDX-License-Identifier: BSD-3-Clause
"""NICs in guests: taken from the kernel and given back, LACP with Linux's bonding over them, the logical interface by vhost-net."""
import json
import os
import re
import subprocess
import time

import pytest

from framework import app
from framework.netns import CommandFailed
from framework.vm_lab import BOND_ADDRESS, EDGE, KERNEL_DRIVERS, PARTNER_ADDRESS, VHOST_CPUS, GuestBond, GuestProcess, unique_prefix
from framework.wait import eventually

VIRTIO, E1000E = "virtio-net-pci", "e1000e"
SHIPPED = os.path.join(app.ROOT, "configs", "lacp-vfio.yaml")
LACP_FAST = {"lacp_rate": "fast"}


def ports(guests):
    """How many ports Linux has in the active aggregator, and whom it sees there."""
    said = guests.partner_says()
    number = re.search(r"Number of ports: (\d+)", said)
    partner = re.search(r"Partner Mac Address: (\S+)", said)
    return (int(number[1]) if number else 0), (partner[1] if partner else None)


def usable(bond, count, deadline=12):
    eventually(lambda: bond.info()["usable_members"] == count, deadline, f"{count} members usable")


def tcp(server, client, address, seconds=1):
    """Bytes that arrived over TCP."""
    process = GuestProcess(server, ["iperf3", "-s", "-1"], f"/tmp/{unique_prefix('iperf')}")
    try:
        server.until("ss -tln | grep -q :5201", 10)
        said = json.loads(client.run(f"iperf3 -c {address} -t {seconds} -J", timeout=30))
        return said["end"]["sum_received"]["bytes"]
    finally:
        process.kill()


def test_the_shipped_configuration(guests):
    before = guests.machine()
    guests.partner_bond(VIRTIO, "802.3ad", **LACP_FAST)
    config = {"runtime": {"file_prefix": "dpdk-bond"}, "bonds": [{"name": "bond0", "members": ["m0", "m1"]}]}
    began = time.monotonic()
    bond = GuestBond(guests.a, config, path=SHIPPED, wait=False)
    try:
        eventually(bond.still(lambda: "running:" in bond.log), 40, "dpdk-bond runs")
        started = time.monotonic()
        eventually(lambda: ports(guests) == (2, "52:54:00:00:0a:00"), 4, "one aggregator of two ports, and our MAC")
        agreed = time.monotonic()
        assert guests.drivers(VIRTIO) == ["vfio-pci", "vfio-pci"]
        usable(bond, 2)
        assert guests.a.run("cat /sys/class/net/bond0/carrier") == "1\n"
        assert tcp(guests.a, guests.b, BOND_ADDRESS) > 1e5
        assert tcp(guests.b, guests.a, PARTNER_ADDRESS) > 1e5
        lost = []
        for wire in (0, 1):
            ping = guests.ping().settled(20)
            guests.cut(VIRTIO, wire)
            usable(bond, 1, 2)
            lost.append(ping.settled(20).stop().lost)
            guests.mend(VIRTIO, wire)
            usable(bond, 2)
            eventually(lambda: ports(guests)[0] == 2, 12, "both ports are back")
        print(f"start to agreement {agreed - began:.1f} s, {agreed - started:.1f} s of them LACP; "
              f"pings lost at a cable out: {lost[0]}, {lost[1]}")
        assert max(lost) <= 1
        assert bond.stop() == 0
        print(f"end after {bond.stop_seconds:.1f} s")
        assert bond.stop_seconds < 4
        assert guests.drivers(VIRTIO) == [KERNEL_DRIVERS[VIRTIO]] * 2
        assert guests.machine() == before
    finally:
        bond.close()


@pytest.mark.seconds(300)
def test_killed_and_started_again(guests):
    before = guests.machine()
    guests.partner_bond(VIRTIO, "802.3ad", **LACP_FAST)
    config = guests.config(VIRTIO, "802.3ad", **LACP_FAST)
    for attempt in range(2):
        began = time.monotonic()
        bond = GuestBond(guests.a, config)
        usable(bond, 2)
        guests.ping().settled().stop()
        print(f"up again after {time.monotonic() - began:.1f} s" if attempt else "")
        assert ("an instance that died" in bond.log) == (attempt == 1)
        bond.stop(9)
        bond.close()
        assert guests.drivers(VIRTIO) == ["vfio-pci", "vfio-pci"]
    # Another instance, of other NICs and another name, gives back what the dead one had.
    with guests.bond(E1000E, "active-backup") as bond:
        assert guests.drivers(VIRTIO) == [KERNEL_DRIVERS[VIRTIO]] * 2
        assert f"given back to {KERNEL_DRIVERS[VIRTIO]}" in bond.log
        assert bond.stop() == 0
    prefix = config["runtime"]["file_prefix"]
    # But for DPDK's folder and the status text of the dead one, which go when its name starts again.
    assert [line for line in guests.machine() if not line.endswith(prefix) and line != "/run/dpdk-bond"] == before


def test_a_nic_in_use_is_refused_unless_forced(guests):
    guests.a.run("ip addr add 198.51.100.1/24 dev eth0; ip link set eth0 up")
    try:
        eventually(lambda: guests.a.run("cat /sys/class/net/eth0/carrier") == "1\n", 10, "its link is there")
        before = guests.machine()
        refused = guests.bond(VIRTIO, "active-backup", wait=False)
        eventually(lambda: not refused.running(), 20, "it ends")
        assert refused.stop() == 1
        assert "eth0 has the address 198.51.100.1/24" in refused.log and "force: true" in refused.log
        assert guests.machine() == before
        config = refused.config
        refused.close()
        config["bonds"][0]["members"][0]["force"] = True
        with GuestBond(guests.a, config) as bond:
            assert guests.drivers(VIRTIO) == ["vfio-pci", "vfio-pci"]
            assert bond.stop() == 0
        assert "UP" in guests.a.run("ip link show eth0")
    finally:
        guests.a.run("ip addr flush dev eth0; ip link set eth0 down")


def test_nics_are_listed(guests):
    guests.a.run("ip addr add 198.51.100.1/24 dev eth0; ip link set eth0 up; ip link set eth2 up")
    try:
        nics = {nic["address"]: nic for nic in json.loads(guests.a.run(f"{app.binary()} nics --json"))}
        text = guests.a.run(f"{app.binary()} nics")
    finally:
        guests.a.run("ip addr flush dev eth0; ip link set eth0 down; ip link set eth2 down")
    first, second = (nics[address] for address in guests.addresses(VIRTIO))
    assert (first["driver"], first["netdevs"], first["link_up"], first["speed_mbps"]) == ("virtio-pci", ["eth0"], True, 1000)
    assert first["in_use"] == "eth0 has the address 198.51.100.1/24" and second["in_use"] is None
    assert first["iommu_group"] != second["iommu_group"] and first["group_blockers"] == []
    intel = nics[guests.addresses(E1000E)[0]]
    assert (intel["vendor_id"], intel["device_id"], intel["driver"]) == (0x8086, 0x10D3, "e1000e")
    assert all(address in text for address in nics) and "eth0 has the address" in text


def test_a_start_that_fails_changes_nothing(guests):
    before = guests.machine()
    config = guests.config(VIRTIO, "active-backup")
    config["bonds"][0]["logical"].update(backend="device", device="net_nosuch0")
    with GuestBond(guests.a, config, wait=False) as bond:
        eventually(lambda: not bond.running(), 20, "it ends")
        assert bond.stop() == 1
        assert "net_nosuch0" in bond.log
    assert guests.machine() == before
    with pytest.raises(CommandFailed):
        guests.a.run("ip link show bond0")


def test_a_card_that_is_absent_keeps_nobody_from_starting(guests):
    before = guests.machine()
    config = guests.config(VIRTIO, "active-backup")
    config["bonds"][0]["members"][1]["device"] = "0000:00:1e.7"
    with GuestBond(guests.a, config, wait=False) as bond:
        eventually(lambda: bond.info() and bond.info()["usable_members"] == 1, 20, "the other one serves")
        absent = bond.info()["members"][1]
        assert "no PCI device 0000:00:1e.7" in bond.member(absent)["objection"]
        assert bond.stop() == 0
    assert guests.machine() == before


def test_super_frames_from_the_kernel_to_the_nic_and_back(guests):
    """Over vhost-net and virtio NICs that take them, a peer on the outer machine."""
    edge = guests.edge
    edge.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
    for i in (0, 1):
        edge.run("ip", "link", "set", f"edge{i}", "master", "br0", "up")
    edge.address("br0", f"{PARTNER_ADDRESS}/24")
    edge.set_link("br0", True)
    server = edge.popen("iperf3", "-s", stdout=subprocess.DEVNULL)
    try:
        with guests.bond(EDGE, "active-backup") as bond:
            guests.a.until(f"ping -c1 -W1 {PARTNER_ADDRESS}", 20)
            for reverse in ("", "-R"):
                before = bond.stats()
                said = json.loads(guests.a.run(f"iperf3 -c {PARTNER_ADDRESS} -t 1 -J {reverse}", timeout=40))
                assert said["end"]["sum_received"]["bytes"] > 1e6
                kind, after = "rx" if reverse else "tx", bond.stats()
                grown = {key: after[f"{kind}_{key}"] - before[f"{kind}_{key}"] for key in ("bytes", "packets")}
                assert grown["bytes"] / grown["packets"] > 3000, "frames were cut on the way"
            assert "tcp-segmentation-offload: on" in guests.a.run("ethtool -k bond0")
    finally:
        server.kill()
        server.wait()
    for where in (edge.run("nstat", "-az", "TcpInCsumErrors").stdout, guests.a.run("nstat -az TcpInCsumErrors")):
        assert re.search(r"TcpInCsumErrors\s+0 ", where)
    edge.run("ip", "link", "del", "br0")  # else it answers ARP for the partner on its other bridges, too


@pytest.fixture(scope="module")
def queued(guests):
    """A bond whose logical interface has two queues; its options change from test to test."""
    guests.partner_bond(VIRTIO, "802.3ad", **LACP_FAST)
    with guests.bond(VIRTIO, "802.3ad", logical={"queues": 2, "mtu": 1400, "mac": "02:bd:00:00:00:01"},
                     runtime={"worker_lcores": [1, 2]}, **LACP_FAST) as bond:
        yield bond
        assert bond.stop() == 0
        assert "does not exist" in guests.a.run("ip link show bond0", check=False)


def test_vhost_net_with_two_queues(queued, guests):
    eventually(lambda: guests.a.run("cat /sys/class/net/bond0/carrier") == "1\n", 12, "carrier")
    said = guests.a.run("ip -d link show bond0; ls /sys/class/net/bond0/queues")
    assert "mtu 1400" in said and "02:bd:00:00:00:01" in said and "numqueues 2" in said
    logical = queued.info()["logical"]
    assert (logical["backend"], logical["name"]) == ("virtio-user", "bond0")
    masks = guests.a.run(VHOST_CPUS).split("\n")[:-1]
    assert masks == ["Cpus_allowed_list:\t0"] * 2, "the kernel's threads keep off the workers' processors"
    assert tcp(guests.a, guests.b, BOND_ADDRESS) > 1e5
    assert tcp(guests.b, guests.a, PARTNER_ADDRESS) > 1e5


def test_vlan_devices_on_the_logical_interface(queued, guests):
    for vm, lower, address in ((guests.a, "bond0", "198.51.100.1"), (guests.b, "p0", "198.51.100.2")):
        vm.run(f"ip link add link {lower} name {lower}.10 type vlan id 10; ip addr add {address}/24 dev {lower}.10; "
               f"ip link set {lower}.10 up")
    assert guests.ping("198.51.100.1").settled().stop().lost == 0
    assert tcp(guests.a, guests.b, "198.51.100.1") > 1e5
    guests.a.run("ip link del bond0.10")


@pytest.mark.parametrize("rate", ["slow", "fast"])
def test_lacp_with_linux_at_both_rates(queued, guests, rate):
    guests.partner_bond(VIRTIO, "802.3ad", lacp_rate=rate)
    queued.config["bonds"][0]["lacp_rate"] = rate
    queued.change(queued.config)
    usable(queued, 2)
    eventually(lambda: ports(guests) == (2, "02:bd:00:00:00:01"), 12, "Linux has both ports")
    short_timeout = 2  # of the state octet: 802.1AX LACP_Timeout
    for name in ("m0", "m1"):
        port = queued.ask("/bond/lacp,bond0")["ports"][name]
        assert bool(port["partner_state"] & short_timeout) == (rate == "fast")
        assert bool(port["actor_state"] & short_timeout) == (rate == "fast")
    assert guests.ping().settled().stop().lost == 0


def test_a_fault_on_one_side_is_found_by_lacp(queued, guests):
    guests.partner_bond(VIRTIO, "802.3ad", **LACP_FAST)
    usable(queued, 2, 20)
    guests.cut(VIRTIO, 0, ends="b")  # our carrier stays
    began = time.monotonic()
    usable(queued, 1, 6)
    here = time.monotonic() - began
    assert queued.member("m0")["carrier"], "the carrier had nothing to do with it"
    guests.ping().settled().stop()
    guests.mend(VIRTIO, 0)
    usable(queued, 2)
    guests.cut(VIRTIO, 0, ends="a")  # theirs stays
    began = time.monotonic()
    usable(queued, 1, 1)
    eventually(lambda: ports(guests)[0] == 1, 10, "Linux misses our LACPDUs")  # expired, then defaulted: 3 s each
    there = time.monotonic() - began
    guests.ping().settled().stop()
    guests.mend(VIRTIO, 0)
    usable(queued, 2)
    print(f"found after {here:.1f} s here, {there:.1f} s by Linux")
