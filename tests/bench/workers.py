#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames a second of the whole program by the number of its workers.

    sudo tests/bench/workers.py [--members N] [--rounds N] [--seconds S] [--modes MODE,…] [--pages huge|ordinary]

As tests/bench/application.py: frames of a file, one copy of it for each worker's queue (net_pcap, infinite_rx), to net_null members, `idle: adaptive`, which
does not sleep while there is something to do, and hugepages, which are reserved for the while. From one worker to as many as there are processors; control shares the first processor with the
last worker when there is none left for it. Printed: millions of frames a second, and a second of the workers' own processor time each had
(what they would move if each had a processor to itself), medians. Needs root, python3-scapy.
"""
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import application  # noqa: E402
import figures  # noqa: E402
from framework.netns import Netns  # noqa: E402


def measure(ns, path, mode, workers, options):
    """Millions of frames a second, as passed and if each worker had a processor; the part of one that each had."""
    usable = sorted(os.sched_getaffinity(0))
    rate, part = application.ours(ns, path, mode, options, (usable[1:] + usable[:1])[:workers], "adaptive")
    return rate * part, rate, part


def main():
    options = application.arguments(__doc__, "balance-xor,balance-rr")
    rows = []
    ns = Netns("workers")
    try:
        with tempfile.TemporaryDirectory(prefix="workers-") as folder, application.pages(options):
            path = os.path.join(folder, "flows.pcap")
            application.write_flows(path, options.flows)
            for mode in options.modes.split(","):
                rounds = [[measure(ns, path, mode, workers, options) for workers in range(1, len(os.sched_getaffinity(0)) + 1)]
                          for _ in range(options.rounds)]
                for number, done in enumerate(zip(*rounds)):
                    passed, rate, part = zip(*done)
                    times = [now / line[0][1] for now, line in zip(rate, rounds)]
                    rows.append(figures.row({"mode": mode, "workers": number + 1}, passed=(passed, "Mpps"), rate=(rate, "Mpps"), times=(times, "times"),
                                            **{"of a processor": ([100 * share for share in part], "percent")}))
                    print(f"{mode:14} {number + 1} workers: {statistics.median(passed):.1f} Mpps; {statistics.median(rate):.1f} if each had a processor, "
                          f"{statistics.median(times):.2f} times one; each had {100 * statistics.median(part):.0f} % of one", flush=True)
    finally:
        ns.delete()
    figures.save(options, "workers", rows, pages=f"{options.pages} pages")


if __name__ == "__main__":
    main()
