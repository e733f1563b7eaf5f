#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Kernel TCP through the bond, beside the kernel's own path and dpdk-testpmd.

    sudo tests/bench/tcp.py [--modes MODE,…] [--rounds N] [--seconds S] [--mtu BYTES]

iperf3 from the bond's host to one behind a bridge and the other way, over IPv4 and IPv6, one connection and four; two veth members
(net_af_packet), `backend: tap`, one worker, default offloads everywhere. Bare is the same path without a bond: veth, bridge, veth. testpmd is
io forwarding between net_af_packet and net_tap, the far end's offloads off, as it cannot otherwise; it knows no IPv6 here and no MTU
above 1500. All run one after the other in each round. Printed: Mbit/s as the receiver counted them, medians; by bare's of the same
round; by testpmd's. Needs root, two processors that do nothing else, iperf3, dpdk-testpmd.
"""
import argparse
import os
import shutil
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import paths  # noqa: E402
from framework.topology import HOST_ADDRESS, HOST_ADDRESS6  # noqa: E402
from framework.traffic import IperfServer, iperf  # noqa: E402
from framework.wait import eventually  # noqa: E402

CASES = [(version, way, streams) for version in (4, 6) for way in ("out", "in") for streams in (1, 4)]


def measure(ns, host, options, versions=(4, 6)):
    rates = {}
    with IperfServer(host):
        for version, way, streams in CASES:
            if version not in versions:
                continue
            target = HOST_ADDRESS if version == 4 else HOST_ADDRESS6
            eventually(lambda: ns.run("ping", "-c1", "-W1", target, check=False).returncode == 0, 20, f"a way to {target}")
            rates[version, way, streams] = iperf(ns, target, seconds=options.seconds, reverse=way == "in", streams=streams)
    return rates


def through(path, options, **which):
    with path as (ns, topology):
        return measure(ns, topology.h, options, **which)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", default="active-backup,balance-xor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--mtu", type=int, default=1500)
    figures.add_arguments(parser)
    options = parser.parse_args()
    ways = {"bare": lambda: through(paths.bare(options.mtu), options)}
    if shutil.which("dpdk-testpmd") and options.mtu == 1500:
        ways["testpmd"] = lambda: through(paths.testpmd(offloads=False), options, versions=(4,))
    for mode in options.modes.split(","):
        ways[mode] = lambda mode=mode: through(paths.bond(mode, options.mtu), options)
    measured = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            measured[name].append(way())
    rows = []
    print(f"MTU {options.mtu}, {options.rounds} rounds of {options.seconds} s, medians")
    for name, rounds in measured.items():
        for case in CASES:
            if case not in rounds[0]:
                continue
            version, way, streams = case
            of = {"rate": ([r[case] for r in rounds], "Mbit/s")}
            line = f"{name:14} IPv{version} {way:3} x{streams}  {statistics.median(r[case] for r in rounds):6.0f} Mbit/s"
            for other in ("bare", "testpmd"):
                if name not in ("bare", "testpmd") and other in measured and case in measured[other][0]:
                    ratios = [r[case] / o[case] for r, o in zip(rounds, measured[other])]
                    of[f"of {other}"] = (ratios, "times")
                    line += f"  {statistics.median(ratios):5.2f} of {other}"
            print(line)
            rows.append(figures.row({"way": name, "case": f"IPv{version} {way}" + (f", {streams}" if streams > 1 else "")}, **of))
    figures.save(options, "tcp", rows)


if __name__ == "__main__":
    main()
