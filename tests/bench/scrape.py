#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What scraping the metrics page costs the data path.

    sudo tests/bench/scrape.py [--pairs N] [--seconds S] [--every MS] [--members N]

One worker that polls without pause (`idle: busy`) moves frames both ways as fast as it can: a file with 256 flows, over and over (DPDK's
net_pcap), as the logical interface of a balance-xor bond of net_null members. Windows of S seconds with a scraper that asks for the
page each MS milliseconds, and windows without one, follow one another: with, without, without, with, and so on. The figure of a pair
is its frames with the scraper by those without, once in frames a second, once in frames a second of the worker's processor time,
which what else the machine does disturbs less. Control is the same of windows without a scraper that follow one another. Needs
root, two processors, python3-scapy and python3-prometheus-client, whose strict parser reads every page at the end of its window.
"""
import argparse
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts"))

import figures  # noqa: E402
from framework import app  # noqa: E402
from framework.netns import Netns  # noqa: E402

PORT = 9471


class Scraper:
    """Asks for the page each `every` seconds, in a thread, for the length of the block."""

    def __init__(self, ns, every):
        self._ns, self._every = ns, every
        self._over, self._thread = threading.Event(), threading.Thread(target=self._run, daemon=True)
        self.pages = []

    def _run(self):
        due = time.monotonic()
        while not self._over.is_set():
            with self._ns.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
                client.settimeout(5)
                client.connect(("127.0.0.1", PORT))
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = b""
                while part := client.recv(65536):
                    answer += part
            self.pages.append(answer)
            due = max(due + self._every, time.monotonic())
            self._over.wait(due - time.monotonic())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def write_flows(path, count=256):
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw
    from scapy.utils import wrpcap
    pick = random.Random(15)
    wrpcap(path, [Ether(src="02:00:00:00:01:01", dst="02:00:00:00:02:02") / IP(src="192.0.2.1", dst=f"198.51.100.{i % 250 + 1}") /
                  UDP(sport=pick.randrange(1024, 65536), dport=53) / Raw(bytes(18)) for i in range(count)])


class Load:
    """The program, with as much to do as it can."""

    def __init__(self, ns, folder, members):
        write_flows(f"{folder}/flows.pcap")
        self.bond = app.DpdkBond(ns, app.bond_config(
            [f"net_null{i}" for i in range(members)], mode="balance-xor", xmit_hash_policy="layer3+4",
            logical={"backend": "device", "device": f"net_pcap0,rx_pcap={folder}/flows.pcap,infinite_rx=1"},
            runtime={"idle": "busy", "metrics": f"127.0.0.1:{PORT}"}))
        time.sleep(1)
        self._worker = max(app.tasks(self.bond.pid), key=app.ran)  # the thread that never sleeps

    def _look(self):
        stats = self.bond.stats()
        return stats["tx_packets"] + stats["rx_packets"], time.monotonic_ns(), app.ran(self._worker)

    def window(self, seconds):
        """Frames a second, and a second of the worker's processor time."""
        time.sleep(0.3)
        before = self._look()
        time.sleep(seconds)
        frames, passed, ran = (now - then for now, then in zip(self._look(), before))
        return frames * 1e9 / passed, frames * 1e9 / ran


def tell(what, ratios):
    """A line, and a figure: the median of the ratios, their quartiles, and the median's 95 % interval by resampling (its least and most)."""
    pick = random.Random(1)
    medians = sorted(statistics.median(pick.choices(ratios, k=len(ratios))) for _ in range(2000))
    low, middle, high = statistics.quantiles(ratios, n=4)
    low, middle, high, least, most = (100 * (x - 1) for x in (low, middle, high, medians[50], medians[1949]))
    print(f"{what:42} {middle:+6.2f} %   quartiles {low:+6.2f} {high:+6.2f}   95 % interval {least:+6.2f} {most:+6.2f}")
    return {"median": figures.rounded(middle), "low": figures.rounded(low), "high": figures.rounded(high), "least": figures.rounded(least),
            "most": figures.rounded(most), "count": len(ratios), "unit": "%"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--every", type=int, default=100, metavar="MS")
    parser.add_argument("--members", type=int, default=2)
    figures.add_arguments(parser)
    asked = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2 or asked.pairs < 4:
        sys.exit("it takes two processors, one of them the worker's alone, and four pairs")
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
    control_processor, _ = app.processors()
    folder = tempfile.mkdtemp(prefix="scrape-")
    ns = Netns("scrape")
    load = Load(ns, folder, asked.members)
    os.sched_setaffinity(0, {control_processor})  # the scraper shares no processor with the worker
    with_by_without, control, idle, pages = [], [], [], 0
    for pair in range(asked.pairs):
        rates = {}
        for scraped in ((True, False) if pair % 2 == 0 else (False, True)):
            if not scraped:
                rates[False] = load.window(asked.seconds)
                continue
            with Scraper(ns, asked.every / 1000) as scraper:
                rates[True] = load.window(asked.seconds)
            for page in scraper.pages:
                list(text_string_to_metric_families(page.partition(b"\r\n\r\n")[2].decode()))
            pages += len(scraper.pages)
        if not all(rates[True] + rates[False]):  # the worker did not run: somebody else had its processor
            continue
        with_by_without.append([a / b for a, b in zip(rates[True], rates[False])])
        idle.append(rates[False])
        if pair % 2 == 1 and len(idle) > 1:  # its window without came right behind that of the pair before
            control.append([a / b for a, b in zip(idle[-1], idle[-2])])
    load.bond.close()
    ns.delete()
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")
    os.rmdir(folder)
    seconds = asked.pairs * (asked.seconds + 0.3)
    print(f"{len(with_by_without)} pairs of {asked.seconds:g} s, {pages} pages in {seconds:.0f} s with a scraper, each taken by the strict parser")
    print(f"without a scraper: {statistics.median(wall for wall, _ in idle) / 1e6:.2f} million frames a second, "
          f"{statistics.median(ran for _, ran in idle) / 1e6:.2f} million a second of the worker's processor time")
    rows = []
    for index, of in enumerate(("frames a second", "frames a second of processor time")):
        change, none = tell(of, [pair[index] for pair in with_by_without]), tell("  control", [pair[index] for pair in control])
        rows.append({"of": {"what": of}, "figures": {"change": change, "control": none}})
    figures.save(asked, "scrape", rows)


main()
