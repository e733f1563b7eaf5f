#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Round trips through the bond, beside the same path without one and through dpdk-testpmd.

    sudo tests/bench/latency.py [--rounds N] [--pings N] [--interval MS]

ping from the bond's host to one behind a bridge, whose kernel answers at once; two veth members by af_packet, `backend: tap`,
active-backup. In each round one after the other: bare (veth and bridge, no bond), the bond with `idle: adaptive` and with `idle: busy`,
testpmd's io forwarding between net_af_packet and net_tap (it polls). ping runs on the processor that is not the worker's. Beside them what
the machine takes to wake a thread that sleeps on the other processor: two processes that hand a byte to and fro through pipes, half of
a round. On the bare path nobody is woken: the answer is there before ping looks for it. Through a bond ping is woken, and the worker
where it sleeps. Printed: microseconds, p50, p99 and p99.9 of all pings of a round, medians of the rounds. Needs root, two processors that
do nothing else, dpdk-testpmd.
"""
import argparse
import os
import re
import shutil
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import app, paths  # noqa: E402
from framework.topology import HOST_ADDRESS  # noqa: E402
from framework.wait import eventually  # noqa: E402

PARTS = (50, 99, 99.9)


def quantiles(values):
    values = sorted(values)
    return [values[min(len(values) - 1, int(len(values) * part / 100))] for part in PARTS]


def pings(ns, options):
    """Microseconds of each."""
    eventually(lambda: ns.run("ping", "-c1", "-W1", HOST_ADDRESS, check=False).returncode == 0, 20, "a way")
    control, _ = app.processors()
    text = ns.run("taskset", "-c", control, "ping", "-n", "-i", options.interval / 1000, "-c", options.pings, HOST_ADDRESS,
                  timeout=60 + options.pings * options.interval / 500).stdout
    return quantiles([float(ms) * 1000 for ms in re.findall(r"time=([\d.]+) ms", text)])


def through(path, options):
    with path as (ns, _):
        return pings(ns, options)


def wakes(count=3000):
    """Microseconds from a write by a process on one processor to the return of a read by one on the other; the pause lets it sleep."""
    here, there = app.processors()
    go, back = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {there})
        for _ in range(count):
            os.read(go[0], 1)
            os.write(back[1], b".")
        os._exit(0)
    old = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {here})
    times = []
    for _ in range(count):
        time.sleep(0.001)
        began = time.perf_counter_ns()
        os.write(go[1], b".")
        os.read(back[0], 1)
        times.append((time.perf_counter_ns() - began) / 2000)
    os.waitpid(child, 0)
    os.sched_setaffinity(0, old)
    for fd in (*go, *back):
        os.close(fd)
    return quantiles(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pings", type=int, default=3000)
    parser.add_argument("--interval", type=float, default=2, metavar="MS")
    figures.add_arguments(parser)
    options = parser.parse_args()
    ways = {"bare": lambda: through(paths.bare(), options), "adaptive": lambda: through(paths.bond(idle="adaptive"), options),
            "busy": lambda: through(paths.bond(idle="busy"), options), "wake of a thread": wakes}
    if shutil.which("dpdk-testpmd"):
        ways["testpmd"] = lambda: through(paths.testpmd(), options)
    measured = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            measured[name].append(way())
    print(f"microseconds, {options.pings} pings, one each {options.interval} ms, median of {options.rounds} rounds")
    for name, rounds in measured.items():
        print(f"{name:18}" + "".join(f"  p{part} {statistics.median(column):7.0f}" for part, column in zip(PARTS, zip(*rounds))))
    figures.save(options, "round-trips", [figures.row({"way": name}, **{f"p{part}": (column, "us") for part, column in zip(PARTS, zip(*rounds))})
                                          for name, rounds in measured.items()])


if __name__ == "__main__":
    main()
