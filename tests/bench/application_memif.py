#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames a second of the whole program out of a memif, beside dpdk-testpmd with net_bonding and without a bond.

    sudo tests/bench/application_memif.py [--members N] [--rounds N] [--seconds S] [--modes MODE,…] [--pages huge|ordinary]

As tests/bench/application.py, with a memif (net_memif) as the source: memif_load on the other processor gives 60-byte UDP frames of 1,024 flows, made once and
sent over and over, as many as are taken. Members are net_null ports (net_bonding of DPDK 22.11 takes no memif for a member, as it has no MAC to set).
dpdk-bond has `idle: busy`; its control would poll on the load's processor and has the lowest priority instead. The forwarders are all on hugepages, which are reserved for the while. Printed:
millions of frames a second of the worker's own processor time, medians, and by net_bonding's of the same round. Needs root, dpdk-testpmd, two
processors.
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
import load as loads  # noqa: E402
from application import arguments, pages, workers_of  # noqa: E402
from framework import app  # noqa: E402
from framework.netns import Netns  # noqa: E402


def measure(forwarder, ns, frames, options):
    """Millions of frames a second of the worker's processor time, and percent of the load's bursts that found the memif full: where there are few, it is
    the load that is measured. `frames`: how many a process has sent so far."""
    with loads.MemifLoad(ns, 0, flows=options.flows) as load, forwarder(load) as process:
        load.start(0, options.seconds + 1)
        time.sleep(0.5)
        task, = workers_of(process.pid)

        def look():
            return frames(process), app.ran(task)
        before = look()
        time.sleep(options.seconds)
        moved, ran = (now - then for now, then in zip(look(), before))
        return moved * 1e3 / ran, 100 * load.result()["refused"]


def main():
    options = arguments(__doc__, "balance-xor,balance-rr,active-backup,balance-tlb")
    with pages(options):
        compare(options)


def compare(options):
    ns, huge = Netns("memif"), options.pages == "huge"
    null = [f"net_null{i},no-rx=1" for i in range(options.members)]

    def ours(mode):
        return measure(lambda load: loads.bond(ns, load, mode, members=null, hugepages=huge), ns, lambda bond: bond.stats()["tx_packets"], options)

    def theirs(mode):
        return measure(lambda load: loads.testpmd(ns, load, mode, members=null, hugepages=huge), ns,
                       lambda pmd: pmd.ask(f"/ethdev/stats,{pmd.upper}")["opackets"], options)
    try:
        free, behind = zip(*[theirs(None) for _ in range(options.rounds)])
        print(f"{options.members} members, {options.flows} flows, {options.rounds} rounds; without a bond {statistics.median(free):.1f} Mpps, "
              f"memif full at {statistics.median(behind):.0f} % of the bursts")
        rows = [figures.row({"mode": "no bond"}, testpmd=(free, "Mpps"), **{"memif full": (behind, "percent")})]
        for mode in options.modes.split(","):
            (mine, behind), (other, _) = (zip(*column) for column in zip(*[(ours(mode), theirs(mode)) for _ in range(options.rounds)]))
            times = [one / two for one, two in zip(mine, other)]
            print(f"{mode:14} dpdk-bond {statistics.median(mine):5.1f}, net_bonding {statistics.median(other):5.1f} Mpps, "
                  f"{statistics.median(times):.2f} times ({min(times):.2f} to {max(times):.2f}); dpdk-bond's memif full at {statistics.median(behind):.0f} %", flush=True)
            rows.append(figures.row({"mode": mode}, dpdk_bond=(mine, "Mpps"), net_bonding=(other, "Mpps"), times=(times, "times"),
                                    **{"memif full": (behind, "percent")}))
    finally:
        ns.delete()
    figures.save(options, "application-memif", rows, pages=f"{options.pages} pages")


if __name__ == "__main__":
    main()
