# SPDX-License-Identifier: BSD-3-Clause
"""An instance that has nothing to do: what it costs, and how soon it is awake."""
import statistics
import time

import pytest

from framework.topology import HOST_ADDRESS
from framework.traffic import ping_once


@pytest.fixture(scope="module")
def pair(lab):
    """{idle policy: (topology, bond)}"""
    built = {}
    for policy in ("adaptive", "busy"):
        topology = lab.topology(2, pcap=False)
        built[policy] = topology, lab.bond(topology, runtime={"idle": policy})
        for here, there, device, address in ((topology.a, topology.h, "h0", HOST_ADDRESS), (topology.h, topology.a, "bond0", "192.0.2.1")):
            here.run("ip", "neigh", "replace", address, "lladdr", there.mac(device), "dev",
                     "bond0" if here is topology.a else "h0", "nud", "permanent")
    return built


def test_idle_costs_less_than_a_twentieth_of_a_core(pair):
    _, bond = pair["adaptive"]
    time.sleep(0.5)
    before = bond.cpu_seconds()
    time.sleep(5)
    assert bond.cpu_seconds() - before < 0.25


def test_the_first_ping_after_idle_is_hardly_later_than_with_busy_polling(pair, capsys):
    trips = {"adaptive": [], "busy": []}
    for _ in range(15):
        for policy, (topology, _) in pair.items():
            time.sleep(0.15)
            trips[policy].append(ping_once(topology.a, HOST_ADDRESS))
    assert None not in trips["adaptive"] + trips["busy"]
    medians = {policy: statistics.median(values) for policy, values in trips.items()}
    with capsys.disabled():
        print(f"\n  first ping, median ms: {medians}")
    assert medians["adaptive"] - medians["busy"] < 0.1
