# SPDX-License-Identifier: BSD-3-Clause
"""Start and end: what is left when an instance has gone, in whatever way."""
import copy
import ctypes
import os
import signal
import threading
import time

import pytest

from framework import app
from framework.telemetry import socket_path
from framework.topology import HOST_ADDRESS
from framework.wait import eventually


def as_the_kernel_sees(ns, device):
    """What an instance may have changed on a member's netdev."""
    link = ns.link(device)
    seen = {key: link.get(key) for key in ("address", "mtu", "promiscuity", "allmulti", "qdisc", "operstate")}
    seen["flags"] = sorted(link["flags"])
    with ns.entered():
        for key in ("ipv4/conf/{}/rp_filter", "ipv4/conf/{}/arp_ignore", "ipv6/conf/{}/disable_ipv6"):
            with open("/proc/sys/net/" + key.format(device), encoding="ascii") as file:
                seen[key] = file.read()
    seen["tc"] = ns.run("tc", "qdisc", "show", "dev", device).stdout
    return seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_polite_end_takes_less_than_2_s_and_gives_everything_back(fresh, number):
    topology = fresh.topology(2)
    own = [as_the_kernel_sees(topology.a, name) for name in topology.members]
    bond = fresh.bond(topology)
    assert topology.a.mac("bond0") == bond.info()["mac"]
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    assert bond.stop(number) == 0
    assert bond.stop_seconds < 2
    assert [as_the_kernel_sees(topology.a, name) for name in topology.members] == own
    assert sorted(topology.a.devices()) == ["lo", "m0", "m1"]
    assert not os.path.exists(socket_path(bond.file_prefix))


def test_a_start_that_fails_is_one_line_and_leaves_nothing(fresh):
    wires = fresh.sink(1)
    own = as_the_kernel_sees(wires.a, "m0")
    config = app.bond_config([wires.devargs(0), "net_af_packet1,iface=lo"], addresses=["192.0.2.1/24"])
    bond = fresh.bond_from(wires.a, config, wait=False)
    assert bond.process.wait(10) == 1
    assert [line for line in bond.log.splitlines() if "member lo: netdev lo is no Ethernet device" in line]
    assert "terminate called" not in bond.log
    assert wires.a.devices() == ["lo", "m0"]
    assert as_the_kernel_sees(wires.a, "m0") == own
    assert not os.path.exists(socket_path(bond.file_prefix))


def test_a_second_instance_under_the_same_prefix_is_refused_and_the_first_lives_on(fresh):
    topology = fresh.topology(2)
    first = fresh.bond(topology)
    config = copy.deepcopy(first.config)
    config["bonds"][0]["name"] = "bond1"
    wires = fresh.sink(2)
    second = fresh.bond_from(wires.a, config, wait=False)
    assert second.process.wait(10) == 1
    assert first.running()
    assert first.ask("/bond/list") == ["bond0"]
    fresh.ping(topology.a, HOST_ADDRESS).settled()


def test_after_kill_9_it_starts_again(fresh):
    topology = fresh.topology(2)
    bond = fresh.bond(topology)
    assert bond.stop(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: "bond0" not in topology.a.devices(), 3, "bond0 has gone with its process")
    again = fresh.bond_from(topology.a, bond.config)
    fresh.ping(topology.a, HOST_ADDRESS).settled()
    assert again.stop() == 0


def test_the_status_of_one_that_stands_still_is_not_swept_away(fresh):
    bond = fresh.bond(fresh.sink(1), addresses=[])
    folder = f"/run/dpdk-bond/{bond.file_prefix}/net/bonding"
    eventually(lambda: os.path.exists(f"{folder}/bond0"), 3, "there is a status file")

    def swept():
        for path in (f"{folder}/bond0", folder):
            os.utime(path, (1, 1))  # nobody has touched it for long
        return bond.file_prefix in bond.ns.run(app.binary(), "cleanup", "--file-prefix", app.unique_prefix()).stdout
    os.kill(bond.pid, signal.SIGSTOP)
    try:
        assert not swept()
    finally:
        os.kill(bond.pid, signal.SIGCONT)
    bond.stop(signal.SIGKILL)
    assert swept() and not os.path.exists(folder)


def test_m18_one_processor_is_enough(fresh):
    wires = fresh.topology(2, pcap=False)
    cpu = app.processors()[0]
    bond = fresh.bond(wires, runtime={"control_lcore": cpu, "worker_lcores": [cpu]})
    ping = fresh.ping(wires.a, HOST_ADDRESS).settled()
    wires.cut(0)
    bond.wait_active("m1", 2)
    ping.settled()
    assert bond.stop() == 0
    assert bond.stop_seconds < 2


def test_m17_ordinary_threads_leave_the_lcores_alone(fresh):
    control, worker = app.processors()
    if control == worker:
        pytest.skip("there is one processor")
    bond = fresh.bond(fresh.sink(1), addresses=[], runtime={"control_lcore": control, "worker_lcores": [control]})

    def allowed():  # by thread; a thread gives itself its name
        found = {}
        for task in os.listdir(f"/proc/{bond.pid}/task"):
            with open(f"/proc/{bond.pid}/task/{task}/comm", encoding="ascii") as file:
                found[file.read().strip()] = os.sched_getaffinity(int(task))
        return found
    eventually(lambda: "bond-host" in allowed(), 5, "its threads have begun")
    assert control not in allowed()["bond-host"]
    assert os.sched_getaffinity(bond.pid) == {control}  # the main thread has become the control lcore


def test_l7_a_signal_while_starting_does_not_wait_for_the_rest_of_the_start(fresh):
    wires = fresh.sink(1)
    own = as_the_kernel_sees(wires.a, "m0")
    config = app.bond_config([wires.devargs(0)] + [f"net_null{i}" for i in range(25)], prefix=app.unique_prefix())
    bond = fresh.bond_from(wires.a, config, wait=False)

    def signals_wait():
        if not os.path.samefile(f"/proc/{bond.pid}/exe", app.binary()):
            return False
        with open(f"/proc/{bond.pid}/status", encoding="ascii") as file:
            blocked = next(line.split()[1] for line in file if line.startswith("SigBlk"))
        return int(blocked, 16) >> (signal.SIGTERM - 1) & 1
    eventually(signals_wait, 10, "signals are blocked", every=0.001)
    assert bond.stop(timeout=10) == 0
    assert "while starting: stopping" in bond.log
    assert as_the_kernel_sees(wires.a, "m0") == own


def test_locks_of_instances_that_died_are_gone_after_the_next_start(fresh):
    def locks():
        folder = "/run/dpdk-bond.lent"
        return {name for name in os.listdir(folder) if name.startswith("member-")} if os.path.isdir(folder) else set()
    wires = fresh.sink(1)
    before = locks()
    bond = fresh.bond(wires, addresses=[])
    mine = locks() - before
    assert mine
    bond.stop(signal.SIGKILL)
    assert mine <= locks()
    fresh.bond(fresh.sink(1), addresses=[])  # in another namespace, under another file prefix
    assert not mine & locks()


def test_addresses_mtu_and_mac_of_the_logical_interface_are_as_configured(fresh):
    topology = fresh.topology(2, ipv6=True)
    bond = fresh.bond(topology, addresses=["192.0.2.1/24", "2001:db8::1/64"],
                      logical={"mac": "02:bd:00:00:00:01", "mtu": 1400})
    link = topology.a.link("bond0")
    assert (link["address"], link["mtu"]) == ("02:bd:00:00:00:01", 1400)
    shown = topology.a.run("ip", "addr", "show", "bond0").stdout
    assert "192.0.2.1/24" in shown and "2001:db8::1/64" in shown
    assert bond.info()["mac"] == "02:bd:00:00:00:01"
    assert bond.info()["mtu"] == 1400


def test_the_bonds_mac_is_the_first_members_unless_configured(fresh):
    wires = fresh.sink(2)
    own = wires.a.mac("m0")
    bond = fresh.bond(wires)
    assert bond.info()["mac"] == own == wires.a.mac("bond0")


def test_two_bonds_in_one_instance(fresh):
    wires = fresh.sink(4)
    config = app.bond_config([wires.devargs(0), wires.devargs(1)], mode="active-backup")
    other = app.bond_config([wires.devargs(2), wires.devargs(3)], mode="balance-rr", name="bond1")
    config["bonds"] += other["bonds"]
    bond = fresh.bond_from(wires.a, config)
    assert bond.ask("/bond/list") == ["bond0", "bond1"]
    assert bond.info("bond1")["members"] == ["m2", "m3"]
    wires.cut(2)
    eventually(lambda: not bond.member("m2", "bond1")["usable"], 3)
    assert bond.up() == 2


class StoppedWorker:
    """A worker of a process stands still (ptrace) until the process ends."""
    SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000

    NAMES = ("rte-worker-1", "dpdk-worker1")  # DPDK's, until 23.07 and since

    def __init__(self, pid):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.tid = next(int(tid) for tid in os.listdir(f"/proc/{pid}/task")
                        if open(f"/proc/{pid}/task/{tid}/comm", encoding="ascii").read().strip() in self.NAMES)
        self.ptrace(self.SEIZE)
        self.ptrace(self.INTERRUPT)
        os.waitpid(self.tid, self.WALL)
        # Its death is told to its tracer first; until that has heard of it, the process counts as alive.
        threading.Thread(target=os.waitpid, args=(self.tid, self.WALL), daemon=True).start()

    def ptrace(self, request):
        if self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(self.tid), None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")


def test_m5_a_worker_that_hangs_keeps_nobody_from_leaving_or_ending(fresh):
    topology = fresh.topology(2)
    own = [as_the_kernel_sees(topology.a, name) for name in topology.members]
    bond = fresh.bond(topology)
    StoppedWorker(bond.pid)
    began = time.monotonic()
    bond.console("remove member bond0 m1")
    assert time.monotonic() - began < 2
    assert bond.info()["members"] == ["m0"]
    assert bond.stop() == 1 and bond.stop_seconds < 2
    assert "worker lcore 1 does not end" in bond.log
    assert [as_the_kernel_sees(topology.a, name) for name in topology.members] == own
    assert not os.path.exists(os.path.dirname(socket_path(bond.file_prefix)))


def test_l19_queries_are_answered_while_a_command_takes_its_time(fresh):
    bond = fresh.bond(fresh.topology(2), runtime={"idle": "busy"})  # a worker that sleeps is waited for by nobody
    StoppedWorker(bond.pid)
    command = threading.Thread(target=bond.console, args=("remove member bond0 m1",))
    command.start()
    began = last = time.monotonic()
    longest = 0
    while command.is_alive():  # it waits for the worker
        bond.info()
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    command.join()
    assert longest < (time.monotonic() - began) / 3
    assert bond.info()["members"] == ["m0"]


def test_m11_the_instance_that_has_the_prefix_is_named(fresh, tmp_path):
    bond = fresh.bond(fresh.topology(1))
    path = tmp_path / "other.yaml"
    path.write_text(app.to_yaml(app.bond_config(["net_null1"], name="other", prefix=bond.file_prefix)) + "\n", encoding="utf-8")
    done = fresh.topology(1).a.run(app.binary(), "-c", path, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stderr == f"dpdk-bond: another instance of file prefix {bond.file_prefix} is running (process {bond.pid})\n"
    assert bond.info()["members"]


def test_h1_bonds_of_saturated_lanes_let_members_leave(fresh):
    ns = fresh.topology(1).a
    config = app.bond_config([], mode="balance-rr")
    config["bonds"] = [{"name": f"b{i}", "mode": "balance-rr", "logical": {"backend": "device", "device": f"net_null{i}0"},
                        "members": [{"device": f"net_null{i}{m},no-rx=1", "name": f"n{m}"} for m in (1, 2)]} for i in range(8)]
    bond = fresh.bond_from(ns, config, wait=False).wait_telemetry()
    eventually(lambda: bond.ask("/bond/info,b0") is not None, 20)  # DPDK's telemetry answers before the bonds are there
    bond.console("remove member b0 n1")
    assert bond.ask("/bond/info,b0")["members"] == ["n2"]
    assert bond.stop() == 0 and bond.stop_seconds < 2
