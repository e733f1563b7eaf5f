# SPDX-License-Identifier: BSD-3-Clause
"""200 link cuts at random under traffic: nothing is lost track of."""
import json
import random
import subprocess
import time

import pytest

from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

CUTS = 200


def cut_at_random(topology, seed):
    chance = random.Random(seed)
    for _ in range(CUTS):
        i = chance.randrange(len(topology.members))
        topology.cut(i)
        time.sleep(chance.uniform(0, 0.03))
        topology.restore(i)
        time.sleep(chance.uniform(0, 0.03))


def nothing_is_lost(bond, mempools_before):
    eventually(lambda: bond.mempools() == mempools_before, 5, f"mempools are back at {mempools_before}")
    came, went = eventually(lambda: (count := bond.conserved()) == bond.conserved() and count, 2, "counters are at rest")
    assert came == went, f"{came} frames in, {went} out and dropped"


@pytest.mark.parametrize("mode", ["active-backup", "balance-xor"])
def test_200_random_cuts_lose_no_mbuf_and_no_count(fresh, mode):
    topology = fresh.topology(3, pcap=False)
    bond = fresh.bond(topology, mode=mode)
    pid = bond.ask("/info")["pid"]
    fresh.ping(topology.a, HOST_ADDRESS).settled().stop()
    before = bond.mempools()
    out = fresh.udp(topology.a, topology.h, HOST_ADDRESS, rate=2000, port=5201)
    into = fresh.udp(topology.h, topology.a, BOND_ADDRESS, rate=2000, port=5202)
    cut_at_random(topology, 20)
    bond.wait_up(3)
    fresh.ping(topology.a, HOST_ADDRESS).settled().stop()
    sent, heard = out.stop(), into.stop()
    assert sent.rx and heard.rx
    assert bond.running() and bond.ask("/info")["pid"] == pid
    nothing_is_lost(bond, before)


@pytest.mark.parametrize("mode", ["active-backup", "balance-xor"])
def test_200_random_cuts_under_tcp_lose_no_mbuf_and_no_count(fresh, mode, capsys):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology, mode=mode)
    fresh.ping(topology.a, HOST_ADDRESS).settled().stop()
    before = bond.mempools()
    fresh.iperf_server(topology.h)
    sender = topology.a.popen("iperf3", "-c", HOST_ADDRESS, "-p", 5301, "-t", 60, "-J", stdout=subprocess.PIPE)
    began = bond.stats()["tx_packets"]
    eventually(lambda: bond.stats()["tx_packets"] > began + 100, 10, "TCP flows")
    cut_at_random(topology, 13)
    sender.send_signal(2)
    said = json.loads(sender.communicate(timeout=20)[0])["end"]["sum_sent"]
    with capsys.disabled():
        print(f"\n  {mode}: {said['bits_per_second'] / 1e6:.0f} Mbit/s over {CUTS} cuts, {said['retransmits'] / CUTS:.1f} segments sent again a cut")
    bond.wait_up(2)
    fresh.ping(topology.a, HOST_ADDRESS).settled().stop()
    nothing_is_lost(bond, before)
