#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Frames a second of the whole program, beside dpdk-testpmd with net_bonding and without a bond.

    sudo tests/bench/application.py [--members N] [--flows N] [--rounds N] [--seconds S] [--modes MODE,…] [--pages huge|ordinary]

One worker moves 64-byte frames of N flows in random order, TCP and UDP, from a file that DPDK's net_pcap gives over and over (infinite_rx) to
net_null members that give nothing, as fast as it can: dpdk-bond (`idle: busy`) with the file as its logical interface; testpmd's io forwarding from the file
to a net_bonding port over the same members, and to the plug-in's; and to one net_null port, which is what a bond that costs nothing would do. They run one
after the other, N rounds, all on hugepages, which are reserved for the while: on ordinary ones each frame costs testpmd misses of the TLB, more than
a bond does. With two processors also dpdk-bond with two workers, of which control shares one.
Printed: millions of frames a second of a worker's own processor time (what else the machine does disturbs that less than time on a
wall), medians of the rounds in which the other half of the core was idle (see undisturbed()), and by net_bonding's. Needs root,
dpdk-testpmd, python3-scapy.
"""
import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import app  # noqa: E402
from framework.hugepages import Hugepages  # noqa: E402
from framework.netns import Netns  # noqa: E402
from framework.plugin import loadable, why_not  # noqa: E402

NET_BONDING = {"balance-rr": "mode=0", "active-backup": "mode=1", "balance-xor": "mode=2,xmit_policy=l34", "balance-tlb": "mode=5",
               "balance-alb": "mode=6"}
FRAMES = 4096  # of the file: net_pcap keeps them in buffers of its own


def write_flows(path, flows):
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw
    from scapy.utils import wrpcap
    pick = random.Random(16)
    kinds = [(f"192.0.2.{pick.randrange(1, 255)}", f"198.51.100.{pick.randrange(1, 255)}", pick.choice((TCP, UDP)), pick.randrange(1024, 65536))
             for _ in range(flows)]
    frames = []
    for _ in range(FRAMES):
        source, target, kind, port = pick.choice(kinds)
        frame = Ether(src="02:00:00:00:01:01", dst="02:00:00:00:02:02") / IP(src=source, dst=target) / kind(sport=port, dport=443)
        frames.append(frame / Raw(bytes(60 - len(frame))))
    wrpcap(path, frames)


def workers_of(pid):
    """/proc/PID/task/TID of the threads that poll (EAL's names)."""
    def name(task):
        with open(f"{task}/comm", encoding="utf-8") as file:
            return file.read()
    return [task for task in app.tasks(pid) if "worker" in name(task)]


def window(pid, frames, seconds, count=1):
    """Frames a second of a thread's processor time, in millions; and the part of `seconds` that each thread had on average."""
    time.sleep(1)
    threads = workers_of(pid)
    assert len(threads) == count, threads

    def look():
        return frames(), sum(map(app.ran, threads)), time.monotonic_ns()
    before = look()
    time.sleep(seconds)
    moved, ran, passed = (now - then for now, then in zip(look(), before))
    return count * moved * 1e3 / ran, ran / passed / count


def undisturbed(rates):
    """Those of several rounds that are near the best: a core's other half, or another machine on it, makes all slower by up to a half."""
    return [rate for rate in rates if rate > 0.92 * max(rates)]


def ours(ns, path, mode, options, lcores, idle):
    """A bond with a worker on each of `lcores`: what window() says."""
    # Each worker has a file of its own to read: net_pcap gives a queue to each.
    source = "net_pcap0" + f",rx_pcap={path}" * len(lcores) + ",infinite_rx=1"
    policy = {"xmit_hash_policy": "layer3+4"} if mode == "balance-xor" else {}
    config = app.bond_config([f"net_null{i},no-rx=1" for i in range(options.members)], mode=mode, logical={"backend": "device", "device": source},
                             runtime={"idle": idle, "worker_lcores": lcores,
                                      "hugepages": "auto" if options.pages == "huge" else "never"}, **policy)
    with app.DpdkBond(ns, config) as bond:
        return window(bond.pid, lambda: bond.stats()["tx_packets"], options.seconds, len(lcores))


def theirs(ns, path, mode, options, plugged=False):
    """net_bonding in testpmd, or (`plugged`) net_dpdkbond; mode None: one port, no bond."""
    devices = [f"net_pcap0,rx_pcap={path},infinite_rx=1"]
    members = options.members if mode else 1
    devices += [f"net_null{i},no-rx=1" for i in range(members)]
    if mode:
        name = "net_dpdkbond0" if plugged else "net_bonding0"
        devices.append(f"{name},{NET_BONDING[mode]}," + ",".join(f"slave=net_null{i}" for i in range(members)))
    with app.TestPmd(ns, *devices, plugin=loadable() if plugged else None, hugepages=options.pages == "huge") as pmd:
        upper = members + 1 if mode else 1
        pmd.command(f"set portlist 0,{upper}")
        pmd.start_forward()
        return window(pmd.process.pid, lambda: pmd.ask(f"/ethdev/stats,{upper}")["opackets"], options.seconds)


def arguments(doc, modes):
    """The options of a bench of the whole program."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--flows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--modes", default=modes)
    parser.add_argument("--pages", choices=("huge", "ordinary"), default="huge")
    figures.add_arguments(parser)
    return parser.parse_args()


def pages(options):
    """The hugepages that programs are given; `with` nothing where they are to have ordinary ones."""
    return Hugepages(300) if options.pages == "huge" else contextlib.nullcontext()


def main():
    options = arguments(__doc__, "balance-xor,balance-rr,active-backup,balance-tlb")
    with pages(options), tempfile.TemporaryDirectory(prefix="application-") as folder:
        compare(options, os.path.join(folder, "flows.pcap"))


def compare(options, path):
    write_flows(path, options.flows)
    control, worker = app.processors()
    ns = Netns("app")
    try:
        free = undisturbed([theirs(ns, path, None, options)[0] for _ in range(options.rounds)])
        print(f"{options.members} members, {options.flows} flows, {options.rounds} rounds; without a bond {statistics.median(free):.1f} Mpps")
        stored = [figures.row({"mode": "no bond"}, testpmd=(free, "Mpps"))]
        for mode in options.modes.split(","):
            rounds = {"dpdk-bond": [], "net_bonding": [], "net_dpdkbond": []}
            for _ in range(options.rounds):
                rounds["dpdk-bond"].append(ours(ns, path, mode, options, [worker], "busy")[0])
                rounds["net_bonding"].append(theirs(ns, path, mode, options)[0])
                if why_not() is None:
                    rounds["net_dpdkbond"].append(theirs(ns, path, mode, options, plugged=True)[0])
            quiet = {name: undisturbed(rates) for name, rates in rounds.items() if rates}
            rate = {name: statistics.median(rates) for name, rates in quiet.items()}
            times = {name: rate[name] / rate["net_bonding"] for name in rate}
            print(f"{mode:14} " + ", ".join(f"{name} {rate[name]:.1f} Mpps ({times[name]:.2f}; {len(quiet[name])} rounds)" for name in rate), flush=True)
            found = {name: (rates, "Mpps") for name, rates in quiet.items()} | {"times": ([times["dpdk-bond"]], "times")}
            if "net_dpdkbond" in times:
                found["net_dpdkbond, times"] = ([times["net_dpdkbond"]], "times")
            stored.append(figures.row({"mode": mode}, **found))
        two = [ours(ns, path, "balance-xor", options, [control, worker], "adaptive") for _ in range(options.rounds)]
        print(f"two workers in balance-xor: {statistics.median(rate for rate, _ in two):.1f} Mpps if both had a processor each; they had "
              f"{100 * statistics.median(part for _, part in two):.0f} % of one")
        figures.save(options, "application", stored, pages=f"{options.pages} pages")
    finally:
        ns.delete()


if __name__ == "__main__":
    main()
