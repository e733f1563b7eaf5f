#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""One TCP connection over several links at once (balance-spray), to and from a plain Linux host.

    sudo tests/bench/spray.py [--links N] [--rate MBIT] [--rounds N] [--seconds S]

All links end at one switch that knows nothing of it (a bridge); every port of it, and every card of the Linux hosts, sends no faster than
MBIT (tc's tbf, with room for 60 KB). In each round, one after the other: the bond with one link, the bond with N links, and in its place a
second Linux host that sprays by marks and policy routes, as the far end does. iperf3 sends one connection for S seconds, out and in.
Printed for each: Mbit/s as the receiver counted them, by what one link carried in the same round and direction, and how many of 1,000
segments were sent again; medians, and the least and most of all rounds. Needs root, two processors that do nothing else, iperf3, nftables.
"""
import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import app, spray  # noqa: E402
from framework.spray import PEER_VIRTUAL, SprayTopology, states  # noqa: E402
from framework.traffic import IperfServer, iperf_report  # noqa: E402
from framework.wait import eventually  # noqa: E402

SEGMENT = 1448


def limit(ns, device, rate):
    ns.run("ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off", "tx", "off", check=False)
    ns.run("ip", "link", "set", device, "gso_max_size", 1500)
    ns.run("tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{rate}mbit", "burst", "15k", "limit", "60k")


def connection(ns, seconds, reverse):
    """Mbit/s, and segments of 1,000 that were sent again."""
    report = iperf_report(ns, PEER_VIRTUAL, seconds=seconds, reverse=reverse)
    again = report["sum_sent"].get("retransmits", 0)
    return report["sum_received"]["bits_per_second"] / 1e6, 1000 * again / (report["sum_sent"]["bytes"] / SEGMENT)


def measure(ns, host, seconds):
    with IperfServer(host):
        return [connection(ns, seconds, reverse) for reverse in (False, True)]


def through_a_bond(links, options):
    topology = SprayTopology(links)
    config = app.bond_config([topology.devargs(i) for i in range(links)], mode="balance-spray",
                             addresses=[f"{spray.VIRTUAL}/24"], spray=spray.section(topology))
    try:
        for card, port in zip(topology.host.cards, topology.host.ports):
            limit(topology.host.ns, card, options.rate)
            limit(topology.sw, port, options.rate)
        for member, port in zip(topology.members, topology.far):
            limit(topology.a, member, options.rate)
            limit(topology.sw, port, options.rate)
        with app.DpdkBond(topology.a, config) as bond:
            eventually(lambda: states(bond, PEER_VIRTUAL) == ["up"] * links, 10, "every path is up")
            return measure(topology.a, topology.host.ns, options.seconds)
    finally:
        topology.delete()


def through_linux(links, options):
    topology = SprayTopology(links, granularity=None)
    hosts = [spray.SprayHost(topology.bridge, links), spray.SprayHost(topology.bridge, links, in_place=True)]
    try:
        for host in hosts:
            for key, value in (("arp_ignore", 1), ("arp_announce", 2)):  # each card has a MAC of its own at the other end
                host.ns.sysctl(f"net.ipv4.conf.all.{key}", value)
            for card, port in zip(host.cards, host.ports):
                limit(host.ns, card, options.rate)
                limit(topology.sw, port, options.rate)
        eventually(lambda: hosts[1].ns.run("ping", "-c1", "-W1", PEER_VIRTUAL, check=False).returncode == 0, 10, "a way")
        return measure(hosts[1].ns, hosts[0].ns, options.seconds)
    finally:
        for host in hosts:
            host.delete()
        topology.delete()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, default=4)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    figures.add_arguments(parser)
    options = parser.parse_args()
    if reason := spray.why_not():
        sys.exit(f"SKIP: {reason}")
    runs = {"one link": lambda: through_a_bond(1, options), f"{options.links} links": lambda: through_a_bond(options.links, options),
            f"{options.links} links, Linux": lambda: through_linux(options.links, options)}
    measured = {(name, way): [] for name in runs for way in ("out", "in")}
    for number in range(options.rounds):
        for name, run in runs.items():
            for way, (mbit, again) in zip(("out", "in"), run()):
                one = measured["one link", way][number][0] if name != "one link" else mbit
                measured[name, way].append((mbit, mbit / one, again))
    print(f"{options.links} links of {options.rate} Mbit/s, {options.rounds} rounds of {options.seconds} s: median (least to most)")
    for (name, way), rows in measured.items():
        columns = [f"{statistics.median(c):{form}} ({min(c):{form}} to {max(c):{form}})"
                   for c, form in zip(zip(*rows), (".0f", ".2f", ".2f"))]
        print(f"{name:16} {way:3}  {columns[0]} Mbit/s, {columns[1]} of one link, {columns[2]} of 1,000 sent again")
    figures.save(options, "spray", [
        figures.row({"way": name, "direction": way}, **{what: (values, unit) for (what, unit), values in
                                                        zip((("rate", "Mbit/s"), ("by one link", "times"), ("sent again", "of 1,000")), zip(*rows))})
        for (name, way), rows in measured.items()])


if __name__ == "__main__":
    main()
