# SPDX-License-Identifier: BSD-3-Clause
"""What `tests/bench/report run` runs, in its order, and how long each shall take on a quiet machine: fifteen minutes together."""
import json
import os

import figures
import sys

LONGEST = 400  # seconds, of one bench
PLUG_IN = "LIBRTE_NET_DPDKBOND.SO"  # in a command: the plug-in, where EAL loads it from


class Bench:
    """`name` of its file in docs/performance; `program` and `arguments`: its command from the root of the sources; `quick`: the arguments of a
    quick run. `convert` makes rows, and the kind of its pages, of what it prints where it has no --json FILE."""

    def __init__(self, name, program, arguments, quick, convert=None):
        self.name, self._program, self._arguments, self._quick = name, program, arguments.split(), quick.split()
        self.convert = convert

    def words(self, quick):
        return [self._program, *(self._quick if quick else self._arguments)]


def bursts(text):
    """Rows of vs_net_bonding's own JSON (cycles a frame above bare), and its pages."""
    def figure(spread, unit="cycles"):
        return {"median": spread["median"], "low": spread["low"], "high": spread["high"], "unit": unit}

    def plain(value, unit):
        return {"median": value, "low": value, "high": value, "unit": unit}
    rows, said = [], json.loads(text)
    for cell in said["measurements"]:
        found = {"bare": plain(cell["bare"], "cycles"), "dpdk-bond": figure(cell["dpdk_bond"]),
                 "noise": plain(round((cell["control"]["high"] - cell["control"]["low"]) / 2, 2), "cycles")}
        for name, key in (("net_bonding", "net_bonding"), ("plug-in", "plugin"), ("least", "least")):
            if key in cell:
                found[name] = figure(cell[key])
        for name, key in (("ratio", "ratio"), ("whole", "plugin_share")):
            if key in cell:
                found[name] = plain(cell[key], "times")
        rows.append({"of": {key: cell[key] for key in ("direction", "mode", "members", "traffic", "burst")}, "figures": found})
    return rows, f"{said.get('pages', 'ordinary')} pages"


def burst_bench(name, rounds, arguments):
    return Bench(name, f"{os.path.relpath(figures.build(), figures.ROOT)}/tests/bench/vs_net_bonding", f"--rounds {rounds} {arguments} --json", f"--rounds 20 {arguments} --json", bursts)


def script(name, file, arguments, quick):
    return Bench(name, f"tests/bench/{file}.py", arguments, quick)


ALL = [
    burst_bench("burst-costs", 600, ""),
    burst_bench("bursts-at-once", 300, "--at-once --direction tx --modes rr,layer2,layer3+4,tlb,alb"),
    burst_bench("plug-in-bursts", 300,
                f"--at-once --direction tx --members 4 --bursts 32 --modes rr,active-backup,broadcast,balance-xor,tlb,alb --plugin {PLUG_IN}"),
    burst_bench("tagged-frames", 300, "--traffic tagged --direction tx --modes balance-xor,tlb,alb"),
    burst_bench("kinds-of-traffic", 300, "--traffic all --direction tx --members 4 --bursts 32 --modes balance-xor,tlb"),
    burst_bench("many-members", 300, "--direction tx --members 8,16,30 --bursts 32 --modes rr,layer3+4,tlb"),
    script("application", "application", "--rounds 5 --seconds 0.5", "--rounds 1 --seconds 0.3 --modes balance-xor"),
    script("application-memif", "application_memif", "--rounds 3 --seconds 0.7 --modes balance-xor,active-backup",
           "--rounds 1 --seconds 0.3 --modes balance-xor"),
    script("workers", "workers", "--rounds 3 --seconds 0.7", "--rounds 1 --seconds 0.3 --modes balance-xor"),
    script("half-load", "loaded_latency", "--rounds 3", "--rounds 1 --windows 3"),
    script("round-trips", "latency", "--rounds 2 --pings 1500", "--rounds 1 --pings 200"),
    script("tcp", "tcp", "--rounds 5 --seconds 1 --modes active-backup,balance-xor,802.3ad", "--rounds 1 --seconds 1 --modes active-backup"),
    script("tcp-9000", "tcp", "--rounds 2 --seconds 1 --mtu 9000 --modes active-backup", "--rounds 1 --seconds 1 --mtu 9000 --modes active-backup"),
    script("guest-tcp", "guest_tcp", "--rounds 3 --seconds 2", "--rounds 1 --seconds 1"),
    script("guest-tcp-vlan", "guest_tcp", "--rounds 3 --seconds 2 --vlan", "--rounds 1 --seconds 1 --vlan"),
    script("spray", "spray", "--rounds 2 --seconds 3", "--rounds 1 --seconds 1"),
    script("failover", "failover", "", "--cuts 3"),
    script("control-cost", "control_cost", "", "--cases 1x2"),
    script("start-up", "start_up", "", "--starts 1"),
    script("scrape", "scrape", "--pairs 10", "--pairs 4 --seconds 0.5"),
]
