# SPDX-License-Identifier: BSD-3-Clause
"""What `tests/bench/report run` runs, in its order, and how long each shall take on a quiet machine: twelve minutes together."""
import json
import os
import sys

LONGEST = 400  # seconds, of one bench
PLUG_IN = "LIBRTE_NET_DPDKBOND.SO"  # in a command: the plug-in, where EAL loads it from


class Bench:
    """`name` of its file in docs/performance; `program` and `arguments`: its command from the root of the sources; `quick`: the arguments of a
    quick run. `convert` makes rows of what it prints where it has no --json FILE."""

    def __init__(self, name, program, arguments, quick, convert=None, pages="ordinary pages"):
        self.name, self._program, self._arguments, self._quick = name, program, arguments.split(), quick.split()
        self.convert, self.pages = convert, pages

    def words(self, quick):
        return [self._program, *(self._quick if quick else self._arguments)]


def build():
    """The build folder: that of the dpdk-bond which benches start ($DPDK_BOND), else build/."""
    program = os.environ.get("DPDK_BOND")
    return os.path.dirname(os.path.dirname(os.path.abspath(program))) if program else "build"


def bursts(text):
    """Rows of vs_net_bonding's own JSON: cycles a frame above bare."""
    def figure(spread, unit="cycles"):
        return {"median": spread["median"], "low": spread["low"], "high": spread["high"], "unit": unit}

    def plain(value, unit):
        return {"median": value, "low": value, "high": value, "unit": unit}
    rows = []
    for cell in json.loads(text)["measurements"]:
        found = {"bare": plain(cell["bare"], "cycles"), "dpdk-bond": figure(cell["dpdk_bond"]),
                 "noise": plain(round((cell["control"]["high"] - cell["control"]["low"]) / 2, 2), "cycles")}
        for name, key in (("net_bonding", "net_bonding"), ("plug-in", "plugin")):
            if key in cell:
                found[name] = figure(cell[key])
        for name, key in (("ratio", "ratio"), ("whole", "plugin_share")):
            if key in cell:
                found[name] = plain(cell[key], "times")
        rows.append({"of": {key: cell[key] for key in ("direction", "mode", "members", "burst")}, "figures": found})
    return rows


def burst_bench(name, rounds, arguments):
    return Bench(name, f"{build()}/tests/bench/vs_net_bonding", f"--rounds {rounds} {arguments} --json", f"--rounds 20 {arguments} --json", bursts)


ALL = [
    burst_bench("burst-costs", 1000, ""),
    burst_bench("bursts-at-once", 500, "--at-once --direction tx --modes rr,layer2,layer3+4,tlb,alb"),
    burst_bench("plug-in-bursts", 300, f"--at-once --direction tx --members 4 --bursts 32 --modes rr,active-backup,broadcast,balance-xor,tlb,alb --plugin {PLUG_IN}"),
    burst_bench("tagged-frames", 500, "--tagged --direction tx --modes balance-xor,tlb,alb"),
]
