#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What control costs while nothing happens, and what a change costs.

    sudo tests/bench/control_cost.py [--seconds S] [--changes N] [--cases BONDSxMEMBERS,…]

dpdk-bond on veth members (packet sockets) with `idle: adaptive` and a tap for each bond; DPDK as Debian ships it has 32 ports, which bounds how
many bonds and members there are. Idle: for S seconds nobody sends. active-backup has miimon 100, 802.3ad besides lacp_rate fast and no
partner, so each member says an LACPDU a second. Processor time of the first thread, which is control, of the host thread (carriers and rtnetlink), of the
workers, and of all others, and how often those two woke. Change: `set bond NAME active MEMBER`, to and fro N times through one console: processor time of all threads but the
workers for each, so decision, MACs, a new snapshot, announcements, events and the console itself. Printed: medians over five parts of
the time. Needs root.
"""
import argparse
import os
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import app  # noqa: E402
from framework.lab import Lab  # noqa: E402

PARTS = 5
KINDS = ("control", "host", "workers", "others")
MODES = {"active-backup": {}, "802.3ad": {"lacp_rate": "fast"}}


def config_of(devices, bonds, members, mode):
    config = app.bond_config(devices[:members], mode=mode, runtime={"idle": "adaptive"}, **MODES[mode])
    for i in range(1, bonds):
        more = app.bond_config(devices[members * i:members * (i + 1)], mode=mode, name=f"bond{i}", **MODES[mode])
        config["bonds"] += more["bonds"]
    return config


def look(pid):
    """{kind of thread: nanoseconds it ran, kind + " wakes": how often it has slept}."""
    found = dict.fromkeys((*KINDS, *(f"{kind} wakes" for kind in KINDS)), 0)
    for task in app.tasks(pid):
        with open(f"{task}/comm", encoding="utf-8") as file:
            name = file.read()
        kind = "control" if task.endswith(f"/{pid}") else "workers" if "worker" in name else "host" if "bond-host" in name else "others"
        found[kind] += app.ran(task)
        with open(f"{task}/status", encoding="utf-8") as file:
            found[f"{kind} wakes"] += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M)[1])
    return found


def idle(bond, seconds):
    """Of a second: milliseconds of each kind of thread, and wakes; PARTS times."""
    rows = []
    for _ in range(PARTS):
        before, began = look(bond.pid), time.monotonic()
        time.sleep(seconds / PARTS)
        passed = time.monotonic() - began
        rows.append({name: (now - before[name]) / passed / (1 if name.endswith("wakes") else 1e6) for name, now in look(bond.pid).items()})
    return rows


def changes(bond, count):
    """Microseconds of a change; PARTS times."""
    names = bond.info()["members"]
    costs = []
    for _ in range(PARTS):
        lines = [f"set bond {bond.name} active {names[i % 2]}" for i in range(count // PARTS)]
        before = look(bond.pid)
        bond.console(*lines)
        after = look(bond.pid)
        costs.append(sum(after[kind] - before[kind] for kind in KINDS if kind != "workers") / len(lines) / 1e3)
    return costs


def measure(bonds, members, mode, options):
    with Lab() as lab:
        wires = lab.sink(bonds * members)
        bond = lab.bond_from(wires.a, config_of([wires.devargs(i) for i in range(bonds * members)], bonds, members, mode))
        time.sleep(2)  # it has said what a start says
        return idle(bond, options.seconds), changes(bond, options.changes) if mode == "active-backup" else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--cases", default="1x2,1x16,10x2", help="default: %(default)s")
    figures.add_arguments(parser)
    options = parser.parse_args()
    rows = []
    for mode in MODES:
        for case in options.cases.split(","):
            bonds, members = map(int, case.split("x"))
            still, change = measure(bonds, members, mode, options)
            of = {kind: ([part[kind] for part in still], "ms a second") for kind in KINDS}
            of.update({f"{kind} wakes": ([part[f"{kind} wakes"] for part in still], "a second") for kind in ("control", "host")}, change=(change, "us"))
            rows.append(figures.row({"mode": mode, "bonds": bonds, "members": members}, **of))
            print(f"{mode:14} {bonds:2} bonds of {members:2}:" + "".join(f" {name} {statistics.median(values):.2f} {unit}," for name, (values, unit) in of.items()
                                                                       if values), flush=True)
    figures.save(options, "control-cost", rows)


if __name__ == "__main__":
    main()
