# SPDX-License-Identifier: BSD-3-Clause
"""memif_load as a process, and forwarders between its memifs: DpdkProcess for the length of a block."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import figures
from framework import app
from framework.wait import eventually

MODES = {"balance-xor": ({"mode": "balance-xor", "xmit_hash_policy": "layer3+4"}, "mode=2,xmit_policy=l34"),
         "balance-rr": ({"mode": "balance-rr"}, "mode=0"), "active-backup": ({"mode": "active-backup"}, "mode=1"),
         "balance-tlb": ({"mode": "balance-tlb"}, "mode=5")}


def first(process, last=()):
    """All threads of a forwarder but `last` go before what else the machine does, as the load does: were the load's priority the higher one, Linux
    would take the whole of a group's (autogroup, cgroup) part of the other processor from the worker."""
    for task in app.tasks(process.pid):
        thread = int(os.path.basename(task))
        os.setpriority(os.PRIO_PROCESS, thread, 19 if thread in last else -20)


class MemifLoad:
    """The far ends, on the processor that is not the worker's and before all others there. `members` 0: they are none of its."""

    def __init__(self, ns, members, flows=256):
        self._members = members
        self._folder = tempfile.mkdtemp(prefix="memif-load-")
        control, _ = app.processors()
        self._process = ns.popen(os.path.join(figures.build(), "tests", "bench", "memif_load"), "--folder", self._folder, "--members", members,
                                 "--cpu", control, "--flows", flows, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.setpriority(os.PRIO_PROCESS, self._process.pid, -20)
        self._expect("listening")

    def _expect(self, wanted):
        line = self._process.stdout.readline().strip()
        if line != wanted:
            raise AssertionError(f"memif_load said '{line}' instead of '{wanted}', status {self._process.poll()}")

    def wait_connected(self):
        self._expect("ready")

    def start(self, rate, seconds):
        self._process.stdin.write(f"{rate:.0f} {seconds}\n")
        self._process.stdin.flush()

    def result(self):
        return json.loads(self._process.stdout.readline())

    def run(self, rate, seconds):
        """Of frames at this rate (0: as many as are taken): {sent, unsent, refused, received, rate; p50, p99, p99.9, most in
        microseconds}. `refused`: the part of the bursts that were not taken whole, as the forwarder was behind."""
        self.start(rate, seconds)
        return self.result()

    def upper(self):
        """Devargs of what the forwarder receives from."""
        return f"net_memif0,role=client,socket={self._folder}/memif,socket-abstract=no"

    def members(self):
        """Devargs of the members."""
        return [f"net_virtio_user{i},path={self._folder}/member{i},mac=02:00:00:00:03:{i:02x},queue_size=1024" for i in range(1, self._members + 1)]

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def bond(ns, load, mode="balance-xor", idle="busy", members=None, hugepages=False):
    """dpdk-bond on the load's members, which are for ordinary pages (vhost-user takes eight pieces of memory and no more), or on others (devargs). Its control shares the load's processor: with `idle: busy` it polls there, and gets what the
    load leaves."""
    config = app.bond_config(members or load.members(), logical={"backend": "device", "device": load.upper()},
                             runtime={"idle": idle, "hugepages": "auto" if hugepages else "never"}, **MODES[mode][0])
    with app.DpdkBond(ns, config) as process:
        load.wait_connected()
        first(process, last=[process.pid])  # the first thread is control
        yield process


@contextlib.contextmanager
def testpmd(ns, load, mode=None, members=None, hugepages=False):
    """dpdk-testpmd's io forwarding to net_bonding, or (mode None) to the first member alone. `upper` of what it yields is the port that it sends to."""
    members = members or load.members()
    devices = [load.upper(), *(members if mode else members[:1])]
    if mode:
        devices.append(f"net_bonding0,{MODES[mode][1]}," + ",".join("slave=" + member.split(",")[0] for member in members))
    with app.TestPmd(ns, *devices, hugepages=hugepages) as process:
        process.upper = len(devices) - 1
        process.command(f"set portlist 0,{process.upper}")
        load.wait_connected()
        eventually(lambda: process.ask(f"/ethdev/link_status,{process.upper}")["status"].upper() == "UP", 15, "its link is up")
        first(process)
        process.start_forward()
        yield process
