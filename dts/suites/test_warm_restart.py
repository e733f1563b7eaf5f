# SPDX-License-Identifier: BSD-3-Clause
"""A warm restart: the program goes and comes, and the network does not notice.

DPDKBOND_WARM_RESTARTS: how often a mode is restarted under traffic (3); given, LACP is tried at the fast rate too.
"""
import glob
import os
import shutil
import signal
import socket
import statistics
import subprocess
import time

import pytest

from framework.app import binary
from framework.frames import is_garp
from framework.peers import ovs
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

TIMES = int(os.environ.get("DPDKBOND_WARM_RESTARTS", "3"))
# At the fast rate the partner waits 3 s, which a start takes on a machine that is busy with other tests: for a quiet one, on demand.
RATES = ["slow", "fast"] if "DPDKBOND_WARM_RESTARTS" in os.environ else ["slow"]
RATE = 1000


def state_dir(bond):
    return f"/run/dpdk-bond.state/{bond.file_prefix}"


def kernel_sees(ns):
    """Of the logical interface, what a restart must leave as it is."""
    link = ns.link("bond0")
    return {"ifindex": link["ifindex"], "mac": link["address"], "flags": sorted(link["flags"]),
            "addresses": ns.run("ip", "-o", "addr", "show", "dev", "bond0").stdout,
            "routes": ns.run("ip", "route", "show", "table", "all", "dev", "bond0").stdout,
            "neighbour": ns.run("ip", "neigh", "show", HOST_ADDRESS, "nud", "permanent", "dev", "bond0").stdout}


def says(bond, what):
    return [line for line in bond.log.splitlines() if what in line]


class Connection:
    """One TCP connection of the bond's host, on which lines go there and back."""

    def __init__(self, lab, here, there):
        with there.entered():
            listener = socket.create_server((HOST_ADDRESS, 7007))
        with here.entered():
            self.near = socket.create_connection((HOST_ADDRESS, 7007), 5)
        self.far, _ = listener.accept()
        listener.close()
        for end in (self.near, self.far):
            end.settimeout(20)
            lab.enter(end)

    def carries(self, word):
        self.near.sendall(word)
        assert self.far.recv(64) == word
        self.far.sendall(word)
        assert self.near.recv(64) == word


def start_again(bond, wait=True):
    """The next instance, of the same file prefix and configuration, after `stop --warm`."""
    with open(bond.log_path, "ab") as log:
        bond.process = bond.ns.popen(binary(), "-c", bond.config_path, stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT)
    bond._telemetry = None  # pylint: disable=protected-access
    if wait:
        bond.wait_ready()


def restart(bond):
    done = bond.command("restart")
    assert done.returncode == 0, done.stderr + bond.log[-3000:]
    bond._telemetry = None  # pylint: disable=protected-access
    bond.wait_ready()


def blocked_ms(result):
    """Frames lost over the offered rate."""
    return len(result.lost) * 1000 / RATE


def restart_under_traffic(fresh, bond, near, far):
    """The longer of the two directions' (blocked time, time without a frame), in ms."""
    out = fresh.udp(near, far, HOST_ADDRESS, rate=RATE)
    back = fresh.udp(far, near, BOND_ADDRESS, rate=RATE, port=5202)
    time.sleep(0.3)
    began = time.time_ns()
    restart(bond)
    ended = time.time_ns()
    time.sleep(0.2)
    results = [out.stop(0.1), back.stop(0.1)]
    return max(map(blocked_ms, results)), max(result.gap_ms(began, ended) for result in results)


def tell(what, blocked, silent):
    print(f"{what}: {TIMES} restarts, blocked median {statistics.median(blocked):.0f} ms, worst {max(blocked):.0f} ms; "
          f"without a frame for {statistics.median(silent):.0f} ms, worst {max(silent):.0f} ms")


@pytest.mark.seconds(60 + 20 * TIMES)
@pytest.mark.parametrize("mode", ["active-backup", "balance-xor", "balance-alb"])
def test_traffic_and_a_connection_live_through_restarts(fresh, mode):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology, mode=mode)
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    topology.a.run("ip", "neigh", "replace", "192.0.2.77", "lladdr", "02:00:00:00:00:77", "dev", "bond0")
    connection = Connection(fresh, topology.a, topology.h)
    connection.carries(b"before")
    before, active = kernel_sees(topology.a), bond.active()
    pid, blocked, silent = bond.pid, [], []
    known = topology.h.run("ip", "neigh", "show", BOND_ADDRESS).stdout.split()[4]
    monitor = fresh.fdb_monitor(topology) if mode == "active-backup" else None
    for n in range(TIMES):
        lost, gap = restart_under_traffic(fresh, bond, topology.a, topology.h)
        blocked.append(lost)
        silent.append(gap)
        connection.carries(f"after {n}".encode())
        assert kernel_sees(topology.a) == before
        assert topology.h.run("ip", "neigh", "show", BOND_ADDRESS).stdout.split()[4] == known
    assert bond.pid == pid and bond.running()
    assert bond.active() == active
    assert len(says(bond, "carries on where")) == TIMES
    assert topology.a.run("ip", "neigh", "show", "192.0.2.77", "dev", "bond0").stdout.split()[1:3] == \
        ["lladdr", "02:00:00:00:00:77"]
    if monitor:
        assert len(monitor.ports_of(before["mac"])) <= 1  # the switch finds it where it always was
    tell(mode, blocked, silent)


def test_what_was_there_before_a_restart_is_announced_after_it(fresh):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology, miimon=50)
    other = fresh.namespace("mv")
    for name, address in (("vrrp0", "192.0.2.100"), ("mv0", "192.0.2.9")):
        topology.a.run("ip", "link", "add", name, "link", "bond0", "type", "macvlan", "mode", "bridge")
        ns = topology.a if name == "vrrp0" else other
        if ns is other:
            topology.a.run("ip", "link", "set", name, "netns", other.name)
        ns.run("ip", "addr", "add", f"{address}/32", "dev", name)
        ns.set_link(name, True)
    topology.a.run("ip", "addr", "add", "192.0.2.50/32", "dev", "bond0")
    eventually(lambda: bond.info()["logical"]["addresses"] == 4, 3, "all addresses are known")
    own = bond.info()["mac"]
    wanted = {BOND_ADDRESS: own, "192.0.2.50": own, "192.0.2.100": topology.a.mac("vrrp0"), "192.0.2.9": other.mac("mv0")}
    restart(bond)
    assert says(bond, "carries on where")
    eventually(lambda: bond.info()["logical"]["addresses"] == 4, 3, "they are known again")
    heard = fresh.capture(topology.h, "h0")
    topology.cut(topology.members.index(bond.active()))
    seen = []

    def announced():
        seen.extend(heard.take())
        return all(any(is_garp(f, address, mac) for f in seen) for address, mac in wanted.items())
    eventually(announced, 3, "each by its own MAC")


@pytest.mark.seconds(60 + 20 * TIMES)
@pytest.mark.skipif(ovs.why_not() is not None, reason=str(ovs.why_not()))
@pytest.mark.parametrize("rate", RATES)
def test_an_lacp_partner_sees_both_ends_in_sync_all_the_time(fresh, rate):
    in_sync = {"fast": 0x3F, "slow": 0x3D}[rate]
    wires = fresh.sink(2)
    bond = fresh.bond(wires, mode="802.3ad", lacp_rate=rate, xmit_hash_policy="layer3+4")
    switch = fresh.enter(ovs.OvsBond(wires.sink, wires.far, f"{HOST_ADDRESS}/24", rate))
    wires.sink.offloads("br0", False)

    def agreed():
        ports = bond.ask("/bond/lacp,bond0")["ports"].values()
        return all(port["actor_state"] == port["partner_state"] == in_sync for port in ports)
    eventually(agreed, 40, "in sync at both ends of both links")
    fresh.ping(wires.a, HOST_ADDRESS).settled()
    connection = Connection(fresh, wires.a, wires.sink)
    before = kernel_sees(wires.a)
    blocked, silent = [], []
    # What the partner says of itself and of us on the wires, from now on.
    with wires.captures() as captures:
        for n in range(TIMES):
            lost, gap = restart_under_traffic(fresh, bond, wires.a, wires.sink)
            blocked.append(lost)
            silent.append(gap)
            connection.carries(f"after {n}".encode())
            assert agreed()
            assert kernel_sees(wires.a) == before
        time.sleep(2)
        pdus = [frame for capture in captures for frame in capture.take() if bytes(frame)[12:15] == b"\x88\x09\x01"]
    assert pdus
    # Actor's state (whoever speaks), and what it says of the other end.
    assert {(bytes(pdu)[32], bytes(pdu)[52]) for pdu in pdus} == {(in_sync, in_sync)}
    shown = switch.lacp()
    assert shown.count("current attached") == 2, shown
    churns = [port["churn_count"] for port in bond.ask("/bond/lacp,bond0")["ports"].values()]
    assert churns == [0, 0]
    tell(f"802.3ad, {rate}", blocked, silent)


def test_stop_warm_waits_for_the_next_start_and_gives_up_when_nobody_comes(fresh):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology, runtime={"warm_restart": 4})
    before = kernel_sees(topology.a)
    done = bond.command("stop", "--warm")
    assert done.returncode == 0, done.stderr
    assert bond.process.wait(1) == 0
    assert kernel_sees(topology.a) == before
    start_again(bond)
    assert kernel_sees(topology.a) == before
    assert says(bond, "carries on where")
    assert not glob.glob(state_dir(bond) + "/keeper")

    # Nobody comes: the interface goes by itself, and members' netdevs are given back.
    assert bond.command("stop", "--warm").returncode == 0
    eventually(lambda: "bond0" not in topology.a.devices(), 8, "the interface goes")
    eventually(lambda: not os.path.exists(state_dir(bond)), 3, "nothing is left")
    for name in topology.members:
        with topology.a.entered(), open(f"/proc/sys/net/ipv4/conf/{name}/arp_ignore", encoding="ascii") as file:
            assert file.read().strip() == "0"


def test_cleanup_removes_what_waits_at_once_and_nothing_of_one_that_runs(fresh):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology)
    refused = bond.command("cleanup")
    assert refused.returncode == 1 and "is running; stop it first" in refused.stderr
    assert bond.command("stop", "--warm").returncode == 0
    assert "bond0" in topology.a.devices()
    assert bond.command("cleanup").returncode == 0
    assert sorted(topology.a.devices()) == ["lo", "m0", "m1"]
    assert not os.path.exists(state_dir(bond))
    assert bond.command("cleanup").returncode == 0  # there is nothing
    start_again(bond)
    assert not says(bond, "carries on where")
    assert bond.command("stop").returncode == 0
    assert sorted(topology.a.devices()) == ["lo", "m0", "m1"]
    nobody = bond.command("stop")
    assert nobody.returncode == 1 and "is it running?" in nobody.stderr


def test_what_does_not_fit_starts_cold_with_one_line(fresh):
    topology = fresh.topology(2, pcap=False)
    bond = fresh.bond(topology)
    ifindex = topology.a.ifindex("bond0")

    def again(change):
        assert bond.command("stop", "--warm").returncode == 0
        bond.process.wait(5)
        change(state_dir(bond) + "/warm")
        start_again(bond)
        fresh.ping(topology.a, HOST_ADDRESS).settled()
        assert topology.a.ifindex("bond0") == ifindex  # the interface serves whoever comes

    def edit(function):
        def change(path):
            with open(path, "rb") as file:
                text = file.read()
            with open(path, "wb") as file:
                file.write(function(text))
        return change
    again(edit(lambda text: text[:len(text) // 2]))
    assert len(says(bond, "it is not whole: cold start")) == 1
    again(edit(lambda text: text.replace(b"format 1\n", b"format 99\n")))
    assert len(says(bond, "of a later version; this one reads up to 1: cold start")) == 1

    def other_mode(_):
        config = dict(bond.config, bonds=[dict(bond.config["bonds"][0], mode="balance-xor")])
        bond.write(config)
    again(other_mode)
    assert len(says(bond, "its mode was active-backup and is balance-xor: cold start")) == 1
    assert not says(bond, "carries on where")
    again(lambda _: None)
    assert len(says(bond, "carries on where")) == 1


def test_a_program_that_would_not_start_is_not_started(fresh, monkeypatch, tmp_path):
    program = str(tmp_path / "dpdk-bond")
    good = binary()
    monkeypatch.setenv("DPDK_BOND", program)
    shutil.copy(good, program)
    topology = fresh.topology(1, pcap=False)
    bond = fresh.bond(topology)
    connection = Connection(fresh, topology.a, topology.h)
    monkeypatch.setenv("DPDK_BOND", good)  # whoever asks is still there

    def put(text):
        new = program + ".new"
        with open(new, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(new, 0o755)
        os.rename(new, program)

    def refused(why):
        done = bond.command("restart")
        assert done.returncode == 1 and f"{program} {why}; it runs on as it is" in done.stderr, done.stderr
        connection.carries(b"it runs on")
        assert bond.running() and bond.up() == 1
    os.unlink(program)
    refused("cannot be run: No such file or directory")
    put("#!/bin/sh\necho FILE: note: of no account >&2\necho a library is missing >&2\nexit 127\n")
    refused("would not start: a library is missing")
    put("no program\n")
    refused("cannot be run: Exec format error")
    shutil.copy(good, program + ".new")
    os.rename(program + ".new", program)
    restart(bond)
    connection.carries(b"the new one")
    assert says(bond, "carries on where")


def test_a_kill_is_no_warm_restart_and_a_bad_file_is_no_reason_to_stop(fresh):
    topology = fresh.topology(1, pcap=False)
    bond = fresh.bond(topology)
    good = bond.config
    bond.write("bonds: nonsense\n")
    refused = bond.command("restart")
    assert refused.returncode == 1 and "it runs on as it is" in refused.stderr
    assert bond.running() and bond.up() == 1
    bond.write(good)

    def refused_for(what):
        refused = bond.command("restart")
        assert refused.returncode == 1 and what + "; it runs on as it is" in refused.stderr, refused.stderr
        assert bond.running() and bond.up() == 1
    # Nor is what only the machine refuses.
    member = topology.members[0]
    topology.a.run("ip", "addr", "add", "198.51.100.9/24", "dev", member)
    refused_for(f"bond0: member {member}: {member} has the address 198.51.100.9/24; free it, or say force: true to take it all the same")
    topology.a.run("ip", "addr", "del", "198.51.100.9/24", "dev", member)
    bond.write(dict(good, runtime=dict(good["runtime"], worker_lcores=[77])))
    refused_for("there is no processor 77 here; there are: 0, 1")
    with topology.a.entered():
        taken = socket.create_server((BOND_ADDRESS, 0))
    bond.write(dict(good, runtime=dict(good["runtime"], metrics=BOND_ADDRESS + ":%d" % taken.getsockname()[1])))
    refused_for("Address already in use")
    taken.close()
    bond.write(good)
    # Taken in between: the bond goes on without that member, and has it as soon as it may.
    assert bond.command("stop", "--warm").returncode == 0
    bond.process.wait(5)
    topology.a.run("ip", "addr", "add", "198.51.100.9/24", "dev", member)
    start_again(bond, wait=False)
    eventually(lambda: says(bond, f"member {member} is there and cannot join: {member} has the address 198.51.100.9/24"), 10)
    topology.a.run("ip", "addr", "del", "198.51.100.9/24", "dev", member)
    bond.wait_ready()
    told = len(says(bond, "cold start"))
    bond.send_signal(signal.SIGKILL)
    bond.process.wait()
    eventually(lambda: "bond0" not in topology.a.devices(), 3, "the interface goes with the process")
    start_again(bond)
    assert not says(bond, "carries on where") and len(says(bond, "cold start")) == told
    # 0: it is never left warm.
    bond.write(dict(good, runtime=dict(good["runtime"], warm_restart=0)))
    bond.wait_reloaded()
    refused = bond.command("stop", "--warm")
    assert refused.returncode == 1 and "runtime.warm_restart is 0" in refused.stderr
    assert bond.running()
