#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long a steady stream is silent when a member's cable is cut, and what it loses.

    sudo tests/bench/failover.py [--cuts N] [--rate FRAMES] [--cases NAME,…]

UDP at a steady rate, each frame with its number and stamped by the kernel where it arrives, over two veth members (net_af_packet, whose carrier the
kernel tells), miimon 100, `backend: tap`. The carrier of the member that carries the stream is taken away at its far end, N times; in between it is put
back and waited for. active-backup: to a host behind a bridge, and from it. balance-xor and 802.3ad (lacp_rate fast): to another
dpdk-bond at the other ends of the wires. The gap is the longest silence at the receiver, less what the sender itself was late then; without
a cut it is the time between two frames, which is printed beside it for the same length of time before each cut (on a busy machine
nobody is served for a while, cut or no cut). Printed: medians and worst. Needs root.
"""
import argparse
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework.app import bond_config  # noqa: E402
from framework.lab import Lab  # noqa: E402
from framework.topology import BOND_ADDRESS, HOST_ADDRESS  # noqa: E402
from framework.traffic import ping_once  # noqa: E402
from framework.wait import eventually  # noqa: E402

WINDOW = 0.15  # seconds that are looked at after a cut, and before it


def on_a_switch(lab):
    """(wires, the bond, namespace of the far host)."""
    topology = lab.topology(2, pcap=False)
    return topology, lab.bond(topology), topology.h


def face_to_face(lab, **options):
    """The far host is another bond of the same mode."""
    wires = lab.sink(2)
    near = lab.bond(wires, wait=False, **options)
    lab.bond_from(wires.sink, bond_config([f"net_af_packet{i},iface={name}" for i, name in enumerate(wires.far)],
                                          addresses=[f"{HOST_ADDRESS}/24"], **options))
    near.wait_ready()
    eventually(lambda: near.info()["usable_members"] == 2, 15, "both members are usable")
    return wires, near, wires.sink


HASHED = {"xmit_hash_policy": "layer3+4"}
CASES = {"active-backup, out": (on_a_switch, {}), "active-backup, in": (on_a_switch, {}),
         "balance-xor, out": (face_to_face, {"mode": "balance-xor", **HASHED}),
         "802.3ad, out": (face_to_face, {"mode": "802.3ad", "lacp_rate": "fast", **HASHED})}


def carrier_of_the_stream(bond, counter):
    """Number of the member that most of the frames of the last moments went by."""
    def counts():
        return [bond.member(name)[counter] for name in bond.info()["members"]]
    before = counts()
    time.sleep(0.05)
    moved = [now - then for now, then in zip(counts(), before)]
    return moved.index(max(moved))


def measure(case, options):
    """Of each cut: milliseconds of silence, frames that are missing, milliseconds of silence before it."""
    set_up, how = CASES[case]
    outward = case.endswith("out")
    with Lab() as lab:
        wires, bond, host = set_up(lab, **how)
        eventually(lambda: ping_once(wires.a, HOST_ADDRESS), 20, "a way")
        stream = lab.udp(*((wires.a, host, HOST_ADDRESS) if outward else (host, wires.a, BOND_ADDRESS)), rate=options.rate)
        windows = []
        for _ in range(options.cuts):
            time.sleep(0.2)
            down = carrier_of_the_stream(bond, "tx_packets" if outward else "rx_packets")
            before = time.time_ns()
            time.sleep(WINDOW)
            cut = time.time_ns()
            wires.cut(down)
            time.sleep(WINDOW)
            windows.append((before, cut, time.time_ns()))
            wires.restore(down)
            bond.wait_up(2, 10)
            eventually(lambda: case.startswith("active") or bond.info()["usable_members"] == 2, 10, "both members are usable again")
        result = stream.stop()
    lost = [result.tx[number] for number in result.lost]
    return [(result.gap_ms(cut, end), sum(cut - 2e9 / options.rate <= sent <= end for sent in lost), result.gap_ms(before, cut - 10_000_000))
            for before, cut, end in windows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--cases", default=",".join(name.replace(", ", ":") for name in CASES), help="default: %(default)s")
    figures.add_arguments(parser)
    options = parser.parse_args()
    print(f"{options.rate} frames a second, {options.cuts} cuts: median (worst)")
    rows = []
    for case in options.cases.split(","):
        case = case.replace(":", ", ")
        gaps, missing, quiet = zip(*measure(case, options))
        rows.append(figures.row({"mode": case}, gap=(gaps, "ms"), missing=(missing, "frames"), **{"without a cut": (quiet, "ms")}))
        print(f"{case:20} silent {statistics.median(gaps):5.2f} ({max(gaps):.2f}) ms, missing {statistics.median(missing):.0f} ({max(missing)}) frames; "
              f"without a cut silent {statistics.median(quiet):.2f} ({max(quiet):.2f}) ms", flush=True)
    figures.save(options, "failover", rows)


if __name__ == "__main__":
    main()
