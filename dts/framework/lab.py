# SPDX-License-Identifier: BSD-3-Clause
"""Everything a test builds, taken down in reverse order whatever happens, and kept on disk when the test failed."""
import contextlib
import os
import shutil
import tempfile

from .app import DpdkBond, TestPmd, bond_config, unique_prefix
from .netns import Netns
from .topology import BOND_ADDRESS, SinkTopology, Topology
from .traffic import Capture, IperfServer, Ping, UdpStream

_labs = []


class Lab:
    """Builds topologies, bonds and traffic; close() takes all of it down."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._directory = tempfile.mkdtemp(prefix=f"dts-{os.getpid()}-lab-")
        self._bonds, self._pcaps = [], []
        _labs.append(self)

    def namespace(self, role="x"):
        """A bare namespace."""
        built = Netns(role)
        self._stack.callback(built.delete)
        return built

    def topology(self, members=2, pcap=True, **options):
        """Members on a switch with a host behind it."""
        built = Topology(members, pcap_dir=self._directory if pcap else None, **options)
        self._stack.callback(built.delete)
        if built.pcap:
            self._pcaps.append(built.pcap)
        return built

    def sink(self, members=2, **options):
        """Members whose wires end in a silent namespace."""
        built = SinkTopology(members, **options)
        self._stack.callback(built.delete)
        return built

    def bond(self, topology, members=None, mode="active-backup", addresses=(f"{BOND_ADDRESS}/24",), console=False,
             wait=True, arguments=(), **options):
        """dpdk-bond on the members of a topology; `members`: how many of them (default all), or a list of devices."""
        if members is None:
            members = len(topology.members)
        if isinstance(members, int):
            members = [topology.devargs(i) for i in range(members)]
        config = bond_config(members, mode=mode, addresses=addresses, prefix=unique_prefix(), **options)
        return self.bond_from(topology.a, config, console=console, wait=wait, arguments=arguments)

    def bond_from(self, ns, config, **options):
        built = self.enter(DpdkBond(ns, config, **options))
        self._bonds.append(built)
        return built

    def testpmd(self, ns, *vdevs):
        built = self.enter(TestPmd(ns, *vdevs))
        self._bonds.append(built)
        return built

    def capture(self, ns, device, **options):
        return self.enter(Capture(ns, device, **options))

    def ping(self, ns, target, **options):
        return self.enter(Ping(ns, target, **options))

    def udp(self, source, target_ns, target, **options):
        return self.enter(UdpStream(source, target_ns, target, **options))

    def iperf_server(self, ns, **options):
        return self.enter(IperfServer(ns, **options))

    def fdb_monitor(self, topology):
        monitor = topology.bridge.monitor()
        self._stack.callback(monitor.close)
        return monitor

    def enter(self, context):
        return self._stack.enter_context(context)

    def dump(self, directory):
        """Keep configurations, logs, status and captures."""
        os.makedirs(directory, exist_ok=True)
        for bond in self._bonds:
            if os.path.isdir(bond.directory):
                bond.dump(directory)
        for pcap in self._pcaps:
            if os.path.exists(pcap):
                shutil.copy(pcap, directory)

    def close(self):
        if self in _labs:
            _labs.remove(self)
        try:
            self._stack.close()
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dump_all(directory):
    for lab in list(_labs):
        lab.dump(directory)
