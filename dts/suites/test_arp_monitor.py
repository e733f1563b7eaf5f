# SPDX-License-Identifier: BSD-3-Clause
"""ARP and NS monitoring over a switch: paths that fall silent with their carrier on."""
import contextlib
import threading
import time

import pytest

from framework.frames import SRC, UDP, Ether, IP, build
from framework.topology import BOND_ADDRESS, BOND_ADDRESS6, HOST_ADDRESS, HOST_ADDRESS6
from framework.wait import eventually, holds

DEAD = "192.0.2.99"  # nobody has it
MISSED_MAX = 2


@pytest.fixture(scope="module")
def net(lab):
    topology = lab.topology(2, ipv6=True)
    bond = lab.bond(topology, addresses=[f"{BOND_ADDRESS}/24", f"{BOND_ADDRESS6}/64"], arp_interval=200,
                    arp_ip_target=HOST_ADDRESS)
    return topology, bond


def wear(net, mode="active-backup", **options):
    """The module's bond with other options, its paths whole and its members up."""
    topology, bond = net
    for i in range(2):
        topology.restore(i)
        topology.unsilence(i)
    config = bond.config["bonds"][0]
    kept = {key: config[key] for key in ("name", "logical", "members")}
    bond.config["bonds"][0] = {**kept, "mode": mode, **options}
    bond.write(bond.config)
    bond.wait_reloaded()
    bond.wait_up(2, 5)
    return topology, bond


def probing(interval, **options):
    return {"arp_interval": interval, "arp_ip_target": HOST_ADDRESS, **options}


def silence_active(topology, bond):
    """Break the active member's path; returns its index and the time by which it was broken."""
    down = topology.members.index(bond.active())
    topology.silence(down)
    return down, time.monotonic_ns()


def left_after(bond, member, since):
    """Waits until another member is active; how many ms after `since` that was, and why."""
    def event():
        return next((e for e in bond.events() if e["t_ns"] >= since and e["event"] == "active_changed"), None)
    change = eventually(event, 10, f"{member} is left")
    reason = [e["detail"] for e in bond.events() if e["event"] == "member_down" and e["member"] == member][-1]
    return (change["t_ns"] - since) / 1e6, reason


@contextlib.contextmanager
def noise(lab, topology, i):
    """Broadcasts of a stranger that reach member `i` though its path is broken."""
    port = lab.capture(topology.sw, topology.far[i])
    frame = build(Ether(src=SRC, dst="ff:ff:ff:ff:ff:ff") / IP(dst="255.255.255.255") / UDP(), 1)
    stop = threading.Event()

    def run():
        while not stop.wait(0.01):
            port.send(frame)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Stalls:
    """How long this machine kept a thread that wanted to run from running: not the monitor's doing."""

    def __enter__(self):
        self.ms, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self):
        while not self._stop.is_set():
            began = time.monotonic()
            time.sleep(0.001)
            over = (time.monotonic() - began) * 1000 - 2
            self.ms += max(over, 0)

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def leave_in_time(topology, bond, interval, missed_max=MISSED_MAX):
    """Break the active path; it has to be left within its window. Returns the member's index, how long it took and why."""
    with Stalls() as stalls:
        down, since = silence_active(topology, bond)
        took, reason = left_after(bond, topology.members[down], since)
    limit = (missed_max + 0.5) * interval
    assert took <= limit + 2 * stalls.ms, f"{took:.1f} ms, stalls {stalls.ms:.1f} ms"
    return down, took, reason


def failures(bond):
    return [bond.member(name)["link_failures"] for name in bond.info()["members"]]


def test_nothing_is_lost_while_the_targets_answer(net):
    _, bond = net
    assert failures(bond) == [0, 0]  # not even at start, when the interface had no address yet
    holds(lambda: failures(bond) == [0, 0], 1, "no failure", every=0.1)
    assert bond.member("m0")["watchers"] == {"carrier": "up", "arp": "up"}


@pytest.mark.parametrize("interval, times", [(50, 6), (200, 3)])
def test_a_silent_path_is_left_in_time(net, interval, times):
    topology, bond = wear(net, **probing(interval))
    for _ in range(times):
        down, _, reason = leave_in_time(topology, bond, interval)
        assert reason == f"arp {HOST_ADDRESS}"
        member = bond.member(topology.members[down])
        assert member["watchers"] == {"carrier": "up", "arp": "down"}
        assert member["objection"] == reason
        text = bond.command("status").stdout
        assert f"ARP Polling Interval (ms): {interval}\nARP Missed Max: 2\nARP IP target/s (n.n.n.n form): {HOST_ADDRESS}\n" in text
        assert f"Not usable: {reason}\n" in text
        topology.unsilence(down)
        bond.wait_up(2)


def test_at_an_interval_of_a_second_a_silent_path_costs_three_pings_at_most(net, fresh):
    topology, bond = wear(net, **probing(1000))
    ping = fresh.ping(topology.a, HOST_ADDRESS, interval=1).settled(2)
    leave_in_time(topology, bond, 1000)
    ping.settled(2)
    ping.stop()
    assert len(ping.lost()) <= 3


def test_a_lost_carrier_counts_at_once(net):
    topology, bond = wear(net, **probing(1000))
    down = topology.members.index(bond.active())
    since = time.monotonic_ns()
    topology.cut(down)
    took, reason = left_after(bond, topology.members[down], since)
    assert took < 200
    assert reason == "carrier"


@pytest.mark.parametrize("validate, heard", [("none", True), ("filter", False), ("active", False), ("all", False)])
def test_a_strangers_broadcasts_keep_a_dead_path_alive_only_without_validation(net, fresh, validate, heard):
    topology, bond = wear(net, **probing(200, arp_validate=validate))
    assert bond.info()["options"]["arp_validate"] == validate
    with noise(fresh, topology, topology.members.index(bond.active())):
        if heard:
            down, _ = silence_active(topology, bond)
            holds(lambda: bond.active() == topology.members[down], 1, "the dead path stays")
        else:
            leave_in_time(topology, bond, 200)


@pytest.mark.parametrize("which", ["any", "all"])
def test_one_dead_target_of_two(net, which):
    topology, bond = wear(net, **probing(50, arp_validate="active"))
    options = probing(50, arp_validate="active", arp_all_targets=which)
    options["arp_ip_target"] = f"{HOST_ADDRESS},{DEAD}"
    since = time.monotonic_ns()
    if which == "any":
        before = failures(bond)
        wear(net, **options)
        holds(lambda: failures(bond) == before, 0.5, "one answer is enough")
        return
    active = bond.active()
    bond.config["bonds"][0].update(options)
    bond.write(bond.config)
    bond.reload()
    _, reason = left_after(bond, active, since)
    assert reason == f"arp {DEAD}"


def test_more_missed_intervals_are_forgiven_when_arp_missed_max_says_so(net):
    topology, bond = wear(net, **probing(50, arp_missed_max=6))
    _, took, _ = leave_in_time(topology, bond, 50, missed_max=6)
    assert took >= 5 * 50


@pytest.mark.parametrize("options, reason", [
    ({"ns_ip6_target": HOST_ADDRESS6}, f"ns {HOST_ADDRESS6}"),
    ({"ns_ip6_target": HOST_ADDRESS6, "arp_ip_target": HOST_ADDRESS}, f"arp {HOST_ADDRESS}, ns {HOST_ADDRESS6}"),
], ids=["ns", "ns and arp"])
def test_neighbour_solicitations_watch_a_path_as_well(net, options, reason):
    topology, bond = wear(net, arp_interval=100, arp_validate="all", **options)
    holds(lambda: bond.up() == 2, 0.5, "both are up")
    _, _, why = leave_in_time(topology, bond, 100)
    assert why == reason


@pytest.mark.parametrize("mode", ["balance-rr", "balance-xor", "broadcast"])
def test_in_modes_that_balance_every_member_probes_and_a_silent_one_goes(net, fresh, mode):
    topology, bond = wear(net, mode=mode, **probing(50))
    holds(lambda: bond.up() == 2, 0.5, "both are up")
    topology.silence(0)
    eventually(lambda: not bond.member("m0")["usable"], 2, "m0 is out")
    assert bond.member("m1")["usable"]
    fresh.ping(topology.a, HOST_ADDRESS).settled().stop()
    topology.unsilence(0)
    bond.wait_up(2)


def test_with_every_path_silent_each_is_tried_until_one_answers(net):
    topology, bond = wear(net, **probing(50))
    topology.silence(0)
    topology.silence(1)
    bond.wait_up(0)
    assert not bond.active()
    topology.unsilence(1)
    bond.wait_active("m1")


def test_a_member_that_is_lost_again_and_again_is_held_out(net):
    topology, bond = wear(net, miimon=100, primary="m0", damping_half_life=1, damping_suppress=1500,
                          damping_reuse=1000)
    for _ in range(2):
        topology.cut(0)
        eventually(lambda: bond.active() == "m1", 2, "m1 is active")
        topology.restore(0)
        eventually(lambda: bond.member("m0")["carrier"], 2, "m0 has carrier")
    member = bond.member("m0")
    assert member["flap_suppressed"] and not member["usable"]
    assert member["objection"] == "flapping"
    text = bond.command("status").stdout
    assert "Not usable: flapping\n" in text and "\nFlap penalty: " in text and " (suppressed)\n" in text
    topology.cut(1)  # better a member that flaps than none
    bond.wait_active("m0")
    topology.restore(1)
    bond.wait_active("m1")
    bond.wait_active("m0", 5)
    eventually(lambda: [e["event"] for e in bond.events() if e["event"].startswith("flap_")] == ["flap_suppressed", "flap_released"], 3,
               "both events are told")
