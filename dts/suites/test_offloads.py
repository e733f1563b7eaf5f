# SPDX-License-Identifier: BSD-3-Clause
"""Checksums and segmentation that the kernel leaves to the bond, and the bond to the netdevs below."""
import re

import pytest

from framework.app import bond_config, unique_prefix
from framework.netns import veth
from framework.topology import BOND_ADDRESS, BOND_ADDRESS6, HOST_ADDRESS, HOST_ADDRESS6
from framework.traffic import iperf
from framework.wait import eventually


def feature(ns, device, name):
    """on or off, as `ethtool -k` says."""
    text = ns.run("ethtool", "-k", device).stdout
    return re.search(rf"^\s*{name}: (on|off)", text, re.M).group(1)


def bad_checksums(ns):
    """TCP and UDP over IPv4 and IPv6 that this namespace has thrown away."""
    text = ns.run("nstat", "-az", "TcpInCsumErrors", "UdpInCsumErrors", "Udp6InCsumErrors").stdout
    return sum(int(line.split()[1]) for line in text.splitlines() if "CsumErrors" in line)


def frames_lost(bond):
    return {name: n for name, n in bond.stats()["drops"].items() if n and name not in ("no_member", "foreign_mac", "foreign_group", "inactive_member")}


def bond_over(fresh, topology, mode="active-backup", members=None, ipv6=False, **logical):
    addresses = [f"{BOND_ADDRESS}/24"] + ([f"{BOND_ADDRESS6}/64"] if ipv6 else [])
    return fresh.bond(topology, members=members, mode=mode, addresses=addresses, logical=logical)


@pytest.mark.parametrize("mode", ["active-backup", "balance-xor", "balance-tlb", "balance-alb"])
def test_tcp_over_ipv4_and_ipv6_without_a_bad_checksum(fresh, mode):
    topology = fresh.topology(2, pcap=False, ipv6=True)
    topology.a.ipv6(True)
    bond = bond_over(fresh, topology, mode, ipv6=True)
    fresh.iperf_server(topology.h)
    for target in (HOST_ADDRESS, HOST_ADDRESS6):
        eventually(lambda: topology.a.run("ping", "-c1", "-W1", target, check=False).returncode == 0, 10, f"a way to {target}")
        for reverse in (False, True):
            assert iperf(topology.a, target, seconds=1, reverse=reverse, streams=2) > 100
    assert bad_checksums(topology.h) == 0
    assert bad_checksums(topology.a) == 0
    assert not frames_lost(bond)
    stats = bond.stats()
    assert stats["tx_bytes"] / stats["tx_packets"] > 2000, "frames were cut before the bond"


def test_segments_that_the_other_end_has_cut_go_up_merged(fresh):
    topology = fresh.topology(2, pcap=False, offloads=False)
    bond = bond_over(fresh, topology)
    fresh.iperf_server(topology.h)
    assert iperf(topology.a, HOST_ADDRESS, seconds=1, reverse=True) > 10
    stats = bond.stats()
    assert stats["merged"] > stats["rx_packets"] / 2 and stats["reordered"] == 0

    def counted_alike():  # a last frame may come between two looks
        stats, seen = bond.stats(), topology.a.ip_json("-s", "link", "show", "dev", "bond0")[0]["stats64"]["rx"]["packets"]
        return seen == stats["rx_packets"] - stats["merged"]
    eventually(counted_alike, 3, "the kernel got what the bond has counted")
    assert bad_checksums(topology.a) == 0 and not frames_lost(bond)


def test_ethtool_shows_what_the_kernel_may_leave_undone(fresh):
    topology = fresh.topology(2, pcap=False)
    bond_over(fresh, topology)
    for name in ("tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation", "generic-segmentation-offload"):
        assert feature(topology.a, "bond0", name) == "on", name


def test_with_offloads_off_the_kernel_does_it_all(fresh):
    topology = fresh.topology(2, pcap=False)
    bond = bond_over(fresh, topology, offloads="off")
    for name in ("tx-checksum-ip-generic", "tx-tcp-segmentation"):
        assert feature(topology.a, "bond0", name) == "off", name
    fresh.iperf_server(topology.h)
    for reverse in (False, True):
        assert iperf(topology.a, HOST_ADDRESS, seconds=1, reverse=reverse) > 10
    stats = bond.stats()
    assert stats["tx_bytes"] / stats["tx_packets"] <= 1514
    assert bad_checksums(topology.h) + bad_checksums(topology.a) == 0


def test_a_member_that_knows_no_offloads_gets_whole_frames(fresh):
    """DPDK's own af_packet driver beside ours: what leaves by it was cut and summed after the member was chosen."""
    topology = fresh.topology(2, pcap=False)
    bond = bond_over(fresh, topology, "balance-rr", members=["net_af_packet0,iface=m0", "net_af_packet1,iface=m1,pmd=1"])
    fresh.iperf_server(topology.h)
    for reverse in (False, True):
        assert iperf(topology.a, HOST_ADDRESS, seconds=1, reverse=reverse) > 10
    assert bad_checksums(topology.h) + bad_checksums(topology.a) == 0
    ours, theirs = bond.member("m0"), bond.member("m1")
    assert min(ours["tx_packets"], theirs["tx_packets"]) > 100
    assert abs(ours["tx_packets"] - theirs["tx_packets"]) < 0.2 * ours["tx_packets"], "a long frame counts once"


def test_jumbo_frames(fresh):
    topology = fresh.topology(2, pcap=False)
    for ns, device in [(topology.sw, p) for p in (*topology.far, "swh", "br0")] + [(topology.h, "h0")]:
        ns.run("ip", "link", "set", device, "mtu", "9000")
    bond = bond_over(fresh, topology, mtu=9000)
    assert topology.a.run("ping", "-c3", "-i0.2", "-W2", "-M", "do", "-s", "8972", HOST_ADDRESS, check=False).returncode == 0
    fresh.iperf_server(topology.h)
    for reverse in (False, True):
        assert iperf(topology.a, HOST_ADDRESS, seconds=1, reverse=reverse) > 100
    assert bond.member("m0")["mtu"] == 9000
    assert not frames_lost(bond)


@pytest.mark.parametrize("kind", ["vxlan", "vlan", "qinq"])
def test_what_the_kernel_stacks_on_the_bond(fresh, kind):
    topology = fresh.topology(2, pcap=False)
    bond = bond_over(fresh, topology)
    for ns, lower, here, there in ((topology.a, "bond0", "1", HOST_ADDRESS), (topology.h, "h0", "2", BOND_ADDRESS)):
        if kind == "vxlan":
            ns.run("ip", "link", "add", "up0", "mtu", "1450", "type", "vxlan", "id", "7", "dev", lower, "remote", there, "dstport", "4789",
                   "udpcsum")
        else:
            outer = "802.1ad" if kind == "qinq" else "802.1Q"
            if ns.run("ip", "link", "add", "link", lower, "name", "o0", "type", "vlan", "protocol", outer, "id", "5", check=False).returncode:
                pytest.skip("this kernel has no VLAN devices")
            ns.set_link("o0", True)
            lower = "o0"
            if kind == "qinq":
                ns.run("ip", "link", "add", "link", "o0", "name", "up0", "type", "vlan", "id", "6")
            else:
                ns.run("ip", "link", "set", "o0", "name", "up0")
        ns.address("up0", f"198.51.100.{here}/24")
        ns.set_link("up0", True)
    eventually(lambda: topology.a.run("ping", "-c1", "-W1", "198.51.100.2", check=False).returncode == 0, 10, "a way")
    fresh.iperf_server(topology.h)
    for reverse in (False, True):
        assert iperf(topology.a, "198.51.100.2", seconds=1, reverse=reverse) > 10
    assert bad_checksums(topology.h) + bad_checksums(topology.a) == 0
    assert bond.running


def test_tcp_over_lacp(fresh):
    """802.3ad with a bond of ours as the partner, both on taps: long frames all the way."""
    a, b = fresh.namespace("a"), fresh.namespace("b")
    for i in range(2):
        veth(a, f"m{i}", b, f"p{i}")
    bonds = [fresh.bond_from(ns, bond_config([f"net_af_packet{i},iface={name}{i}" for i in range(2)], mode="802.3ad", prefix=unique_prefix(),
                                             addresses=[f"{address}/24"], lacp_rate="fast", xmit_hash_policy="layer3+4"))
             for ns, name, address in ((a, "m", BOND_ADDRESS), (b, "p", HOST_ADDRESS))]
    for bond in bonds:
        bond.wait_up(2, deadline=15)
    eventually(lambda: a.run("ping", "-c1", "-W1", HOST_ADDRESS, check=False).returncode == 0, 15, "a way")
    fresh.iperf_server(b)
    for reverse in (False, True):
        assert iperf(a, HOST_ADDRESS, seconds=1, reverse=reverse, streams=4) > 100
    assert bad_checksums(a) + bad_checksums(b) == 0
    for bond in bonds:
        assert not frames_lost(bond)
