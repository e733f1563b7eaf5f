# SPDX-License-Identifier: BSD-3-Clause
"""The page of OpenMetrics that runtime.metrics serves, read by the parser that Prometheus' own client has."""
import os
import re
import socket

import pytest

from framework.app import bond_config, unique_prefix
from framework.frames import DST, IP, SRC, UDP, Ether, build
from framework.traffic import Capture
from framework.wait import eventually

openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")

PORT = 9471
METRICS = {"runtime": {"metrics": f"127.0.0.1:{PORT}"}}
# As scrapers name the families.
FAMILIES = {
    "dpdkbond_bond_up", "dpdkbond_member_up", "dpdkbond_member_active", "dpdkbond_member_link_failures", "dpdkbond_failovers", "dpdkbond_failover_gap_seconds",
    "dpdkbond_rx_packets", "dpdkbond_rx_bytes", "dpdkbond_tx_packets", "dpdkbond_tx_bytes",
    "dpdkbond_member_rx_packets", "dpdkbond_member_rx_bytes", "dpdkbond_member_tx_packets", "dpdkbond_member_tx_bytes",
    "dpdkbond_drops", "dpdkbond_member_missed", "dpdkbond_lacp_actor_state", "dpdkbond_lacp_partner_state",
    "dpdkbond_lacp_churned", "dpdkbond_lacpdu_rx", "dpdkbond_lacpdu_tx", "dpdkbond_worker_busy_ratio", "dpdkbond_build"}
OF_LACP = {name for name in FAMILIES if "lacp" in name}
# As the page spells them, and what stands in their braces.
BOND, MEMBER = {"bond"}, {"bond", "member"}
SAMPLES = {
    "dpdkbond_bond_up": BOND, "dpdkbond_member_up": MEMBER, "dpdkbond_member_active": MEMBER, "dpdkbond_member_link_failures_total": MEMBER,
    "dpdkbond_failovers_total": BOND, **{f"dpdkbond_{way}_{what}_total": BOND for way in ("rx", "tx") for what in ("packets", "bytes")},
    **{f"dpdkbond_member_{way}_{what}_total": MEMBER for way in ("rx", "tx") for what in ("packets", "bytes")},
    "dpdkbond_drops_total": BOND | {"reason"}, "dpdkbond_member_missed_total": MEMBER, "dpdkbond_lacp_actor_state": MEMBER,
    "dpdkbond_lacp_partner_state": MEMBER, "dpdkbond_lacp_churned": MEMBER, "dpdkbond_lacpdu_rx_total": MEMBER, "dpdkbond_lacpdu_tx_total": MEMBER,
    "dpdkbond_failover_gap_seconds_bucket": BOND | {"le"}, "dpdkbond_failover_gap_seconds_count": BOND, "dpdkbond_failover_gap_seconds_sum": BOND,
    "dpdkbond_worker_busy_ratio": {"lcore"}, "dpdkbond_build_info": {"version", "dpdk"}}


def ask(ns, request):
    """The server's whole answer: head and body."""
    with ns.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect(("127.0.0.1", PORT))
        client.sendall(request)
        answer = b""
        while part := client.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode(), body.decode()


def scrape(ns):
    """{family: samples} of a page that the strict parser takes."""
    head, body = ask(ns, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8" in head
    return {family.name: family.samples for family in openmetrics.text_string_to_metric_families(body)}


def value(page, family, **labels):
    found = [sample.value for sample in page[family] if sample.labels == {"bond": "bond0", **labels}]
    assert len(found) == 1, (family, labels, page[family])
    return found[0]


def test_the_page_follows_members_that_are_cut_and_frames(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, primary="m0", addresses=[], **METRICS)
    page = scrape(wires.a)
    assert FAMILIES <= set(page)
    assert all(page[name] for name in FAMILIES - OF_LACP)
    assert value(page, "dpdkbond_bond_up") == 1
    assert (value(page, "dpdkbond_member_active", member="m0"), value(page, "dpdkbond_member_active", member="m1")) == (1, 0)
    assert [sample.labels for sample in page["dpdkbond_worker_busy_ratio"]] == [{"lcore": "1"}]
    failovers, sent = value(page, "dpdkbond_failovers"), value(page, "dpdkbond_tx_packets")

    wires.cut(0)
    eventually(lambda: value(scrape(wires.a), "dpdkbond_failovers") == failovers + 1, 5, "the failover on the page")
    page = scrape(wires.a)
    assert (value(page, "dpdkbond_member_up", member="m0"), value(page, "dpdkbond_member_up", member="m1")) == (0, 1)
    assert value(page, "dpdkbond_member_link_failures", member="m0") == 1
    assert value(page, "dpdkbond_member_active", member="m1") == 1
    with Capture(wires.a, "bond0") as host:
        host.send_all([build(Ether(src=SRC, dst=DST) / IP() / UDP(), i) for i in range(100)])
    eventually(lambda: value(scrape(wires.a), "dpdkbond_tx_packets") >= sent + 100, 5, "100 frames on the page")
    busy = next(sample.value for sample in scrape(wires.a)["dpdkbond_worker_busy_seconds"])
    assert busy > 0

    # A gap needs frames on both sides of it.
    wires.restore(0)
    eventually(lambda: bond.info()["active_member"] == "m0", 10, "m0 is the active one again")
    with Capture(wires.a, "bond0") as host:
        def pass_over():
            host.send_all([build(Ether(src=SRC, dst=DST) / IP() / UDP(), i) for i in range(10)])
            page = scrape(wires.a)["dpdkbond_failover_gap_seconds"]
            return next(sample.value for sample in page if sample.name.endswith("_count")) >= 1
        eventually(pass_over, 10, "a gap on the page")
    gap = bond.info()["failover_gap"]
    assert 0 < gap["last_sent_ns"] <= gap["longest_ns"] < 10**10
    assert any(event["event"] == "failover_gap" for event in bond.events())

    wires.cut(1)
    wires.cut(0)
    eventually(lambda: value(scrape(wires.a), "dpdkbond_bond_up") == 0, 5, "a bond that is down on the page")
    assert bond.stop() == 0


def test_a_bond_of_lacp_shows_every_metric(fresh):
    wires = fresh.sink(2)
    fresh.bond(wires, mode="802.3ad", lacp_rate="fast", addresses=[], member_taps=True, wait=False, **METRICS).wait_telemetry()
    eventually(lambda: value(scrape(wires.a), "dpdkbond_lacpdu_tx", member="m1") > 0, 10, "LACPDUs on the page")
    page = scrape(wires.a)
    assert all(page[name] for name in FAMILIES)
    labels = {sample.name: set(sample.labels) for samples in page.values() for sample in samples}
    assert {name: labels.get(name) for name in SAMPLES} == SAMPLES
    assert int(value(page, "dpdkbond_lacp_actor_state", member="m0")) & 1  # LACP_Activity
    assert value(page, "dpdkbond_member_tap_to_host", member="m0") == 0
    # The shipped rules and the dashboard name nothing else.
    for name in ("alerts.yaml", "dashboard.json"):
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "configs", "monitoring", name), encoding="utf-8") as file:
            named = {re.sub("_(total|bucket|count|sum)$", "", metric) for metric in re.findall(r"\bdpdkbond_[a-z_]+", file.read())}
        assert named and named <= set(page), name


def test_a_silent_scraper_does_not_hold_up_the_end(fresh):
    wires = fresh.sink(2)
    bond = fresh.bond(wires, addresses=[], **METRICS)
    with wires.a.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.connect(("127.0.0.1", PORT))
        assert bond.stop() == 0
        assert bond.stop_seconds < 2


def test_a_taken_port_refuses_the_start_with_one_line(fresh):
    wires = fresh.sink(2)
    fresh.bond(wires, addresses=[], **METRICS)
    config = bond_config([], name="bond1", prefix=unique_prefix(), **METRICS)
    second = fresh.bond_from(wires.a, config, wait=False)
    eventually(lambda: not second.running(), 10, "the second instance's end")
    assert second.process.returncode == 1
    refusals = [line for line in second.log.splitlines() if "runtime.metrics" in line]
    assert len(refusals) == 1
    assert refusals[0].endswith(f"cannot listen on 127.0.0.1:{PORT}: Address already in use")
