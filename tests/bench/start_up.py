#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long a start takes, until the program says that it runs and until the first frame has gone through, and how much memory it has.

    sudo tests/bench/start_up.py [--starts N] [--cases BONDSxMEMBERS,…]

dpdk-bond with the default of `memory_mb`, on veth members (packet sockets) behind a bridge, a tap for each bond, active-backup. From before the start a
host behind the bridge sends a UDP frame every 2 ms to the first bond's address, whose MAC it knows: the first that a program on the bond's host gets has
gone through the bond. (An answer takes a second more where the host is spoken to that early: Linux asks for its neighbour by ARP while the tap has its
carrier but no queueing discipline yet, and asks again a second later.) Once on ordinary pages and once on hugepages, which are reserved
before. Memory: what is resident of ordinary pages, and hugepages, two
seconds after the start. Printed: medians. Needs root.
"""
import argparse
import contextlib
import os
import re
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import app  # noqa: E402
from framework.hugepages import Hugepages  # noqa: E402
from framework.lab import Lab  # noqa: E402
from framework.topology import BOND_ADDRESS  # noqa: E402
from framework.wait import eventually  # noqa: E402

MAC, PORT = "02:bd:00:00:00:01", 5301


def memory(pid):
    """MB: resident of ordinary pages, hugepages."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        said = dict(re.findall(r"^(VmRSS|HugetlbPages):\s*(\d+) kB", file.read(), re.M))
    return int(said["VmRSS"]) / 1024, int(said["HugetlbPages"]) / 1024


def config_of(devices, bonds, members, pages):
    config = app.bond_config(devices[:members], addresses=[f"{BOND_ADDRESS}/24"], logical={"mac": MAC}, runtime={"hugepages": pages})
    del config["runtime"]["memory_mb"]
    for i in range(1, bonds):
        config["bonds"] += app.bond_config(devices[members * i:members * (i + 1)], name=f"bond{i}")["bonds"]
    return config


class Sender:
    """A frame every 2 ms from the host behind the bridge, in a thread, and a socket that takes them on the bond's host."""

    def __init__(self, topology):
        self.received = topology.a.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.received.bind(("", PORT))
        self.received.settimeout(30)
        self._socket, self._over = topology.h.socket(socket.AF_INET, socket.SOCK_DGRAM), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(0.002):
            self._socket.sendto(b"x", (BOND_ADDRESS, PORT))

    def close(self):
        self._over.set()
        self._thread.join()
        self._socket.close()
        self.received.close()


def start(topology, config):
    """Seconds to its line and to the first frame; MB; seconds that its end took."""
    # What the switch has learnt of an earlier start is not this one's.
    topology.sw.run("ip", "link", "set", "br0", "type", "bridge", "fdb_flush")
    sender = Sender(topology)
    began = time.monotonic()
    bond = app.DpdkBond(topology.a, config, wait=False)
    try:
        eventually(bond.still(lambda: "running: " in bond.log), 30, "it runs", every=0.002)
        ready = time.monotonic() - began
        sender.received.recv(16)
        first = time.monotonic() - began
        time.sleep(max(0, began + 2 - time.monotonic()))
        resident, huge = memory(bond.pid)
        bond.stop(timeout=20)
        return ready, first, resident, huge, bond.stop_seconds
    finally:
        bond.close()
        sender.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--cases", default="1x2,10x2", help="default: %(default)s")
    figures.add_arguments(parser)
    options = parser.parse_args()
    rows = []
    for case in options.cases.split(","):
        bonds, members = map(int, case.split("x"))
        with Lab() as lab:
            topology = lab.topology(bonds * members, pcap=False)
            topology.h.run("ip", "neigh", "replace", BOND_ADDRESS, "lladdr", MAC, "dev", "h0", "nud", "permanent")
            for pages in ("never", "always"):
                devices = [topology.devargs(i) for i in range(bonds * members)]
                with Hugepages(600) if pages == "always" else contextlib.nullcontext():
                    done = [start(topology, config_of(devices, bonds, members, pages)) for _ in range(options.starts)]
                ready, first, resident, huge, end = zip(*done)
                kind = "ordinary" if pages == "never" else "huge"
                rows.append(figures.row({"bonds": bonds, "members": members, "pages": kind}, ready=(ready, "s"), resident=(resident, "MB"),
                                        hugepages=(huge, "MB"), **{"first frame": (first, "s"), "end": (end, "s")}))
                print(f"{bonds:2} bonds of {members}, {kind} pages: runs after {statistics.median(ready):.2f} s, first frame {statistics.median(first):.2f} s, "
                      f"resident {statistics.median(resident):.0f} MB, hugepages {statistics.median(huge):.0f} MB, "
                      f"ended in {statistics.median(end):.2f} s", flush=True)
    figures.save(options, "start-up", rows, pages="both kinds of pages")


if __name__ == "__main__":
    main()
