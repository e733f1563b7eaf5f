# SPDX-License-Identifier: BSD-3-Clause
"""What a bench measured, as one plain structure that tests/bench/report reads.

A run: {bench, command, date, dpdk, processor, processors, pages, quick, rows}. A row: {"of": {what it was measured of}, "figures":
{name: {median, low, high, least, most, count, unit}}}; low and high are quartiles. Standard library only.
"""
import datetime
import json
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROCESSORS = len(os.sched_getaffinity(0))  # before a bench keeps to one of them


def build():
    """The build folder: that of the dpdk-bond which benches start ($DPDK_BOND), else build/."""
    program = os.environ.get("DPDK_BOND")
    return os.path.dirname(os.path.dirname(os.path.abspath(program))) if program else os.path.join(ROOT, "build")


def rounded(value):
    """To four digits: more of them is noise, and makes each run a difference of every line."""
    return float(f"{value:.4g}")


def spread(values, unit):
    """A figure: of what all rounds measured."""
    values = sorted(values)
    low, high = (values[0], values[-1]) if len(values) < 2 else statistics.quantiles(values, n=4, method="inclusive")[::2]
    return {"median": rounded(statistics.median(values)), "low": rounded(low), "high": rounded(high), "least": rounded(values[0]),
            "most": rounded(values[-1]), "count": len(values), "unit": unit}


def row(of, **figures):
    """A row; `figures`: (values, unit) by name, where a name is "dpdk-bond" as dpdk_bond. Those without values are left out."""
    return {"of": of, "figures": {name.replace("_", "-") if name == "dpdk_bond" else name: spread(values, unit)
                                  for name, (values, unit) in figures.items() if values}}


def machine():
    """What figures depend on besides the program."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        said = dict(re.findall(r"^(.*?)\s*: (.*)$", file.read(), re.M))
    name, family, model = (said.get(key, "?") for key in ("model name", "cpu family", "model"))
    dpdk = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=False).stdout.strip()
    return {"dpdk": dpdk or "?", "processor": f"{name} (family {family}, model {model})", "processors": PROCESSORS}


def pages_by_default():
    """Where the programs of a bench that does not say so have their buffers: dpdk-bond's `hugepages: auto`, testpmd's --no-huge."""
    with open("/proc/meminfo", encoding="utf-8") as file:
        free = {key: int(value) for key, value in re.findall(r"^(HugePages_Free|Hugepagesize):\s*(\d+)", file.read(), re.M)}
    enough = free.get("HugePages_Free", 0) * free.get("Hugepagesize", 0) / 1024 >= 256
    return "dpdk-bond on hugepages, testpmd on ordinary pages" if enough else "ordinary pages"


def add_arguments(parser):
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")


def command(words):
    """A bench's command as somebody at the root of the sources types it: without where its figures go, and without full paths."""
    kept, skip = [], False
    for word in words:
        if skip or word == "--json" or word.startswith("--json="):
            skip = word == "--json"
            continue
        path = os.path.abspath(word)
        kept.append(os.path.relpath(path, ROOT) if "/" in word and path.startswith(ROOT + os.sep) and os.path.exists(path) else word)
    return " ".join(kept)


def run(bench, words, rows, pages=None, quick=False):
    return {"bench": bench, "command": command(words), "date": datetime.date.today().isoformat(), **machine(),
            "pages": pages or pages_by_default(), "quick": quick, "rows": rows}


def store(path, figures):
    """One row a line, so that a difference between two runs is read by rows."""
    head = {key: value for key, value in figures.items() if key != "rows"}
    rows = ",\n".join("  " + json.dumps(row) for row in figures["rows"])
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{rows}\n ]\n}}\n')
    os.replace(path + ".new", path)


def save(options, bench, rows, **more):
    """For a bench with add_arguments(): store what it measured, when that was asked for."""
    if options.json:
        store(options.json, run(bench, [os.path.relpath(os.path.abspath(sys.argv[0]), ROOT), *sys.argv[1:]], rows, **more))


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
