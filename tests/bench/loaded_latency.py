#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long frames take through the whole program under load, beside dpdk-testpmd with net_bonding and without a bond.

    sudo tests/bench/loaded_latency.py [--members N] [--rounds N] [--windows N] [--seconds S] [--loads PERCENT,…]

memif_load sends 60-byte UDP frames of 256 flows by a memif (net_memif) into the forwarder's logical device and takes them from its members, which are
memifs too. Each frame carries the moment at which it was due, so a stall counts in every frame that it met. First each is given as many as it
takes; loads are parts of the least of these rates, the same number of frames a second for all: testpmd with net_bonding (balance-xor, layer3+4), testpmd
from memif to memif, dpdk-bond in balance-xor with `idle: adaptive` and with `idle: busy`. (In a virtual machine processors are near each other at
one time and far at another, and what passes between them differs 2.5 times: a load that all carry at either is comparable.) Two processors: the load has one
for itself before all others, the forwarder's worker has the other. dpdk-bond's control is on the load's: with `adaptive` it sleeps but for its
timers; with `busy` it would poll, and gets the lowest priority, so that what is measured is the worker, as where control has a processor too.
What the load itself is late by is in all of them alike. A window is S seconds at one load, with its own p50, p99 and p99.9. Printed: microseconds,
medians of the half of all windows that has the lower p99, as what else the machine does is in the others; what p99 is above that of testpmd with
net_bonding; frames of a million that were lost, in all windows. Needs root, two processors that do nothing else, dpdk-testpmd.
"""
import argparse
import contextlib
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
import load as loads  # noqa: E402
from framework.netns import Netns  # noqa: E402

REFERENCE = "testpmd, net_bonding"
WAYS = {REFERENCE: (None, lambda ns, load: loads.testpmd(ns, load, "balance-xor")),
        "testpmd, no bond": (1, loads.testpmd),
        "dpdk-bond, adaptive": (None, lambda ns, load: loads.bond(ns, load, idle="adaptive")),
        "dpdk-bond, busy": (None, lambda ns, load: loads.bond(ns, load, idle="busy"))}
PARTS = ("p50", "p99", "p99.9")


@contextlib.contextmanager
def forwarding(ns, way, options):
    """The load, warmed up, before a forwarder of this kind."""
    members, forwarder = WAYS[way]
    with loads.MemifLoad(ns, members or options.members) as load, forwarder(ns, load):
        load.run(100_000, 0.2)
        yield load


def at_most(ns, way, options):
    """As many frames a second as it takes."""
    with forwarding(ns, way, options) as load:
        return statistics.median(load.run(0, options.seconds)["rate"] for _ in range(options.windows))


def windows(ns, way, options, most):
    """{load: figures of each window}; loads are parts of `most`."""
    with forwarding(ns, way, options) as load:
        return {part: [load.run(most * part / 100, options.seconds) for _ in range(options.windows)] for part in options.loads}


def quieter(runs):
    return sorted(runs, key=lambda run: run["p99"])[:(len(runs) + 1) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.1)
    parser.add_argument("--loads", default="10,50,90")
    figures.add_arguments(parser)
    options = parser.parse_args()
    options.loads = [int(part) for part in options.loads.split(",")]
    ns = Netns("load")
    try:
        most = {way: at_most(ns, way, options) for way in WAYS}
        rounds = [{way: windows(ns, way, options, min(most.values())) for way in WAYS} for _ in range(options.rounds)]
    finally:
        ns.delete()
    rows = [figures.row({"way": way, "load": "as much as it takes"}, rate=([most[way] / 1e6], "Mpps")) for way in WAYS]
    every = {(way, part): [run for done in rounds for run in done[way][part]] for way in WAYS for part in options.loads}
    for way in WAYS:
        print(f"{way}: at most {most[way] / 1e6:.2f} Mpps")
        for part in options.loads:
            quiet = quieter(every[way, part])
            reference = statistics.median(run["p99"] for run in quieter(every[REFERENCE, part]))
            above = [run["p99"] - reference for run in quiet]
            lost = [1e6 * max(run["sent"] - run["received"], 0) / max(run["sent"], 1) for run in every[way, part]]
            of = {name: ([run[name] for run in quiet], "us") for name in PARTS}
            of.update(rate=([run["rate"] / 1e6 for run in quiet], "Mpps"), lost=(lost, "of a million"))
            if way != REFERENCE:
                of["p99 above net_bonding's"] = (above, "us")
            rows.append(figures.row({"way": way, "load": part}, **of))
            print(f"  {part:3} %, {statistics.median(run['rate'] for run in quiet) / 1e6:5.2f} Mpps:" +
                  "".join(f"  {name} {statistics.median(run[name] for run in quiet):7.1f}" for name in PARTS) +
                  f"  us; p99 {statistics.median(above):+.1f}; lost {statistics.median(lost):.0f}")
    figures.save(options, "half-load", rows, pages="ordinary pages")


if __name__ == "__main__":
    main()
