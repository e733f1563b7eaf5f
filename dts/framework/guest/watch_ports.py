#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs in a guest: looks at ports of Linux's bonding fifty times a second, until SIGTERM. Lines of JSON: what each port is at first,
[seconds, port, what, from, to] for each change, at the end the longest time between two looks, in seconds.

    watch_ports.py PORT..."""
import json
import re
import signal
import sys
import time

PERIOD = 0.02
FILES = {"actor": "bonding_slave/ad_actor_oper_port_state", "partner": "bonding_slave/ad_partner_oper_port_state",
         "failures": "bonding_slave/link_failure_count", "carrier": "carrier", "carrier_changes": "carrier_changes"}
CHURN_EVERY = 10  # looks: that file is long


class Ended(Exception):
    pass


def end(*_):
    raise Ended


def read(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def number(path):
    """-1: there is none, or (LACP's states in other modes than 802.3ad) "N/A"."""
    text = read(path).strip()
    return int(text) if text.isdigit() else -1


def churn(port):
    with open("/proc/net/bonding/p0", encoding="ascii") as file:
        part = file.read().partition(f"Slave Interface: {port}\n")[2].partition("Slave Interface:")[0]
    return " ".join(re.findall(r"Churn(?: State|ed Count): (\S+)", part))


def look(ports, known, with_churn):
    now = {}
    for port in ports:
        now[port] = {what: number(f"/sys/class/net/{port}/{path}") for what, path in FILES.items()}
        now[port]["churn"] = churn(port) if with_churn else known[port]["churn"]
    return now


def main():
    ports = sys.argv[1:]
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    known, blind, n = look(ports, {}, True), 0.0, 0
    print(json.dumps(known), flush=True)
    before = time.monotonic()
    try:
        while True:
            time.sleep(PERIOD)
            n += 1
            now, at = look(ports, known, n % CHURN_EVERY == 0), time.monotonic()
            blind, before = max(blind, at - before), at
            for port, was in known.items():
                for what, value in was.items():
                    if now[port][what] != value:
                        print(json.dumps([round(at, 2), port, what, value, now[port][what]]), flush=True)
            known = now
    except Ended:
        print(json.dumps(round(blind, 3)))


main()
