# SPDX-License-Identifier: BSD-3-Clause
"""The two benches that the suites build: members on a switch with a host behind it, and members whose wires end in a sink."""
import contextlib
import shutil
import signal
import subprocess

from .netns import Netns, veth
from .peers.bridge import Bridge
from .peers.host import Host
from .traffic import Capture

BOND_ADDRESS, HOST_ADDRESS = "192.0.2.1", "192.0.2.2"
BOND_ADDRESS6, HOST_ADDRESS6 = "2001:db8::1", "2001:db8::2"


class Wires:
    """Namespace `a` is the bond's host, with the member devices m0, m1, …; their far ends are `far[i]` in `far_ns`."""

    def __init__(self, members, far):
        self.a = Netns("a")
        self.members = [f"m{i}" for i in range(members)]
        self.far = [f"{far}{i}" for i in range(members)]
        self.far_ns = None

    def cut(self, i):
        """Pull cable `i` at the far end: the member's carrier goes."""
        self.far_ns.set_link(self.far[i], False)

    def restore(self, i):
        self.far_ns.set_link(self.far[i], True)

    def restore_all(self):
        for i in range(len(self.far)):
            self.restore(i)

    def devargs(self, i):
        return f"net_af_packet{i},iface=m{i}"

    def delete(self):
        self.a.delete()


class Topology(Wires):
    """A switch (br0, ports sw0, sw1, … and swh) between the members and a host at h0."""

    def __init__(self, members=2, ipv6=False, offloads=True, pcap_dir=None):
        super().__init__(members, "sw")
        self.bridge = Bridge()
        self.far_ns = self.sw = self.bridge.ns
        for port, name in zip(self.far, self.members):
            self.bridge.cable(port, self.a, name)
        addresses = [f"{HOST_ADDRESS}/24"] + ([f"{HOST_ADDRESS6}/64"] if ipv6 else [])
        self.host = Host(self.bridge, addresses=addresses, ipv6=ipv6)
        self.h = self.host.ns
        self.a.ipv6(ipv6)
        if not offloads:
            self.offloads(False)
        self._tcpdump = None
        self.pcap = None
        if pcap_dir and shutil.which("tcpdump"):
            self.pcap = f"{pcap_dir}/switch-{self.sw.name}.pcap"
            self._tcpdump = self.sw.popen("tcpdump", "-i", "any", "-n", "-U", "-s", "160", "-Z", "root", "-w", self.pcap,
                                          "-c", "60000", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def offloads(self, on):
        self.h.offloads("h0", on)
        for port in self.far + ["swh"]:
            self.sw.offloads(port, on)
        for name in self.members:
            self.a.offloads(name, on)

    def silence(self, i):
        """Break path `i` without a trace in any link state."""
        self.bridge.detach(self.far[i])

    def unsilence(self, i):
        self.bridge.attach(self.far[i])

    def delete(self):
        if self._tcpdump:
            self._tcpdump.send_signal(signal.SIGKILL)
            self._tcpdump.wait()
        self.host.delete()
        self.bridge.delete()
        super().delete()


class SinkTopology(Wires):
    """Every member's wire ends at p0, p1, … in a namespace that says nothing: what a member carried is there to be read."""

    def __init__(self, members=2, ipv6=False, mtu=1500):
        super().__init__(members, "p")
        self.far_ns = self.sink = Netns("sink")
        for name, end in zip(self.members, self.far):
            veth(self.a, name, self.sink, end)
            if mtu != 1500:
                self.a.run("ip", "link", "set", name, "mtu", mtu)
                self.sink.run("ip", "link", "set", end, "mtu", mtu)
            self.sink.offloads(end, False)
        self.a.ipv6(ipv6)

    @contextlib.contextmanager
    def captures(self):
        """A capture on every far end: list of Capture, by member."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Capture(self.sink, end)) for end in self.far]

    def delete(self):
        self.sink.delete()
        super().delete()
