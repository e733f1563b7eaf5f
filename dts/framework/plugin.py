# SPDX-License-Identifier: BSD-3-Clause
"""The distribution's dpdk-testpmd with the plug-in: net_dpdkbond0 on af_packet members, and a port behind it.

The port behind it, net_af_packet9, is cabled to a namespace of its own, `guest`, whose host talks through the bond while testpmd
forwards.
"""
import atexit
import functools
import os
import re
import shutil
import stat
import subprocess
import tempfile

from .app import ROOT, DpdkProcess, unique_prefix
from .netns import Netns, veth
from .wait import eventually

BOND = "net_dpdkbond0"
GUEST_MAC = "02:00:00:00:99:01"


def plugin():
    """The plug-in under test: $DPDK_BOND_PLUGIN, else the one of build/."""
    return os.path.abspath(os.environ.get("DPDK_BOND_PLUGIN")
                           or os.path.join(ROOT, "build", "drivers", "net_dpdkbond", "librte_net_dpdkbond.so"))


@functools.cache
def loadable():
    """A copy of it where EAL loads it from, wherever this tree lies: EAL refuses plug-ins below a folder that everybody may write to."""
    below = next(where for where in ("/run", "/var/lib", "/") if not os.stat(where).st_mode & stat.S_IWOTH)
    folder = tempfile.mkdtemp(prefix="dts-plugin-", dir=below)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return shutil.copy(plugin(), folder)


@functools.cache
def probe_driver():
    """The driver net_probe, which says what its devices are told, from the build beside the plug-in; copied likewise."""
    built = os.path.join(os.path.dirname(plugin()), "..", "..", "tests", "plugin", "librte_net_probe.so")
    return shutil.copy(built, os.path.dirname(loadable()))


def sleeper():
    """An application that sleeps on the bond's receive queues, from the same build."""
    return os.path.abspath(os.path.join(os.path.dirname(plugin()), "..", "..", "tests", "plugin", "sleeper"))


def as_secondary():
    """To be preloaded: lets the plug-in believe that its process is a secondary one."""
    return os.path.abspath(os.path.join(os.path.dirname(plugin()), "..", "..", "tests", "plugin", "libas_secondary.so"))


def why_not():
    """Why it cannot be tested here, or None when it can."""
    if not shutil.which("dpdk-testpmd"):
        return "dpdk-testpmd is not installed (Debian package dpdk-dev)"
    if not os.path.exists(plugin()):
        return f"{plugin()} is not built (no headers of DPDK for drivers?)"
    return why_not_preload(os.environ.get("DPDK_BOND_PRELOAD"))


@functools.cache
def why_not_preload(library):
    """Why a program that was not built for it cannot run with this library (a sanitizer's), or None."""
    if not library:
        return None
    tried = subprocess.run(["env", f"LD_PRELOAD={library}", "true"], capture_output=True, text=True, check=False)
    if tried.returncode == 0 and "cannot be preloaded" not in tried.stderr:
        return None
    return f"{library} cannot be preloaded: {(tried.stderr.strip().splitlines() or [f'status {tried.returncode}'])[0]}"


def member(i):
    return f"net_af_packet{i}"


class BondApp(DpdkProcess):
    """An application with net_dpdkbond0, asked by its telemetry."""

    def info(self):
        return self.ask(f"/bond/info,{BOND}")

    def member(self, i):
        return self.ask(f"/bond/member,{BOND},{member(i)}")

    def lacp(self):
        return self.ask(f"/bond/lacp,{BOND}")["ports"]

    def agreed(self, state=0x3F):
        """`state` at both ends of every link. 0x3F: all bits that are good; 0x3D: so are these at the slow rate."""
        ports = self.lacp()
        return len(ports) != 0 and all(p["actor_state"] == p["partner_state"] == state for p in ports.values())

    def usable(self):
        return self.info()["usable_members"]


class BondPmd(BondApp):
    """testpmd in namespace `ns`: `members` (names of netdevs) below net_dpdkbond0, which has `options` in its devargs; `up`: the netdev
    behind it, or None; `devices`: devargs of net_probe devices that are the members instead. The bond is port `port`."""

    __test__ = False

    def __init__(self, ns, options, members=("m0", "m1"), up="inner", late=(), wait=True, devargs=None, words=(),
                 devices=(), preload=None):
        super().__init__(ns, unique_prefix("plug"))
        vdevs = list(devices) or [f"{member(i)},iface={name}" for i, name in enumerate(members)]
        names = [f"member={vdev.split(',')[0]}" for vdev in vdevs]
        bond = f"{BOND}," + (devargs if devargs is not None else ",".join([options, *names]))
        vdevs = [v for i, v in enumerate(vdevs) if i not in late] + [bond] + [vdevs[i] for i in late]
        if up:
            vdevs.append(f"net_af_packet9,iface={up}")
        preloads = [library for library in (os.environ.get("DPDK_BOND_PRELOAD"), preload) if library]  # a sanitizer's comes first
        before = ["env", f"LD_PRELOAD={':'.join(preloads)}"] if preloads else []
        self.start(*before, "stdbuf", "-o0", "dpdk-testpmd", "-l", "0,1", "--no-huge", "-m", "256", "--no-pci", "-d", loadable(),
                   *(["-d", probe_driver()] if devices else []), "--file-prefix", self.file_prefix, *[f"--vdev={v}" for v in vdevs],
                   "--log-level=pmd.net.dpdkbond:info", "--",
                   "-i", "--total-num-mbufs=8192", "--nb-cores=1", "--port-topology=paired", *words, stdin=subprocess.PIPE)
        if not wait:
            return
        try:
            eventually(lambda: "testpmd>" in self.log or not self.running(), 15, "testpmd prompt")
            self.wait_telemetry()
            self.port = next(i for i in self.ask("/ethdev/list") if self.ask(f"/ethdev/info,{i}")["name"] == BOND)
        except BaseException:
            self.close()
            raise

    def command(self, line, deadline=10.0):
        """Carry out a command of testpmd; returns what it said."""
        before = len(self.log)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        eventually(self.still(lambda: "testpmd> " in self.log[before:]), deadline, f"testpmd has done {line}")
        return self.log[before:]

    def forward(self):
        self.command("start")

    def stop_forward(self):
        self.command("stop")

    def shown(self):
        """The ports that testpmd has, by their devices' names."""
        return re.findall(r"^\d+ +[0-9A-F:]{17} (\S+)", self.command("show port summary all"), re.MULTILINE)

    def stats(self):
        return self.ask(f"/ethdev/stats,{self.port}")

    def xstats(self):
        return self.ask(f"/ethdev/xstats,{self.port}")


class Guest:
    """The host behind the bond: namespace `ns` with device eth0, whose other end is `inner` in the namespace of testpmd."""

    def __init__(self, pmd_ns, address):
        self.ns = Netns("g")
        veth(pmd_ns, "inner", self.ns, "eth0")
        self.ns.run("ip", "link", "set", "eth0", "address", GUEST_MAC)
        self.ns.address("eth0", address)
        self.ns.offloads("eth0", False)
        pmd_ns.mute("inner")

    def close(self):
        self.ns.delete()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


