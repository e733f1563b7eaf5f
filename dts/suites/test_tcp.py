# SPDX-License-Identifier: BSD-3-Clause
"""TCP through the bond, and how fast beside testpmd between the same kinds of port."""
import shutil

import pytest

from framework.topology import HOST_ADDRESS
from framework.traffic import iperf

ROUNDS = 4


@pytest.mark.parametrize("offloads", [True, False], ids=["offloads-on", "offloads-off"])
def test_tcp_works_both_ways_whatever_the_peers_offload(fresh, offloads):
    topology = fresh.topology(2, pcap=False, offloads=offloads)
    fresh.bond(topology)
    fresh.iperf_server(topology.h)
    assert iperf(topology.a, HOST_ADDRESS, seconds=1) > 10
    assert iperf(topology.a, HOST_ADDRESS, seconds=1, reverse=True) > 10


def test_tcp_is_at_least_nine_tenths_of_testpmd_io(fresh, capsys):
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd is not installed (Debian package dpdk-dev)")
    topology = fresh.topology(2, pcap=False, offloads=False)
    fresh.bond(topology)
    topology.a.offloads("bond0", False)
    fresh.iperf_server(topology.h)
    other = fresh.namespace("pmd")  # a third host on the same switch
    topology.bridge.cable("swp", other, "v0")
    other.offloads("v0", False)
    topology.sw.offloads("swp", False)
    testpmd = fresh.testpmd(other, "net_af_packet0,iface=v0", "net_tap0,iface=tap0")
    other.address("tap0", "192.0.2.3/24")
    other.set_link("tap0", True)
    other.offloads("tap0", False)
    figures = {"bond": [], "testpmd": []}
    for _ in range(ROUNDS):
        figures["bond"].append(iperf(topology.a, HOST_ADDRESS, seconds=2))
        testpmd.start_forward()
        figures["testpmd"].append(iperf(other, HOST_ADDRESS, seconds=2))
        testpmd.stop_forward()
    ratio = max(figures["bond"]) / max(figures["testpmd"])  # the best of each: the least disturbed
    with capsys.disabled():
        print(f"\n  TCP Mbit/s {({name: [round(v) for v in values] for name, values in figures.items()})}, ratio {ratio:.2f}")
    assert ratio >= 0.9, figures
