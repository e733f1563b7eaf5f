# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch with its userspace datapath: a switch with an LACP bond, all of it in one namespace and one directory."""
import os
import shutil
import subprocess
import tempfile

from ..app import ROOT
from ..wait import eventually

INSTALLED = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
PROGRAMS = ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-appctl")


def why_not():
    """Why it cannot be used here, or None when it can."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent or not os.path.exists(SCHEMA):
        return f"Open vSwitch is not installed ({', '.join(absent) or SCHEMA}; Debian package openvswitch-switch)"
    return None


def dpdk_program():
    """ovs-vswitchd with DPDK, of Debian's openvswitch-switch-dpdk: $DPDK_BOND_OVS_DPDK, else what `./quickstart test` has fetched, else
    where it is installed."""
    fetched = os.path.join(ROOT, "build", "ovs-dpdk", INSTALLED.lstrip("/"))
    return os.environ.get("DPDK_BOND_OVS_DPDK") or (fetched if os.path.exists(fetched) else INSTALLED)


class Ovs:
    """Open vSwitch in `ns` with bridge br0. Nothing of the system's is used. `config`: other_config of the whole."""

    def __init__(self, ns, program="ovs-vswitchd", config=()):
        self.ns = ns
        self._program, self._config = program, config
        self.directory = tempfile.mkdtemp(prefix=f"dts-{os.getpid()}-ovs-")
        self._env = {**os.environ, **{f"OVS_{kind}DIR": self.directory for kind in ("RUN", "LOG", "DB", "SYSCONF")}}
        self._processes = []
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _daemon(self, *command):
        self._processes.append(self.ns.popen(*command, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def _start(self):
        self.ns.run("ovsdb-tool", "create", self._path("conf.db"), SCHEMA, env=self._env)
        self._daemon("ovsdb-server", self._path("conf.db"), f"--remote=punix:{self._path('db.sock')}",
                     f"--unixctl={self._path('db.ctl')}", f"--log-file={self._path('db.log')}", "--no-chdir")
        eventually(lambda: os.path.exists(self._path("db.sock")), 10, "ovsdb-server listens")
        self.vsctl("--no-wait", "init")
        if self._config:
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".", *(f"other_config:{one}" for one in self._config))
        self._daemon(self._program, f"unix:{self._path('db.sock')}", f"--unixctl={self._path('switch.ctl')}",
                     f"--log-file={self._path('switch.log')}", "--no-chdir")
        eventually(lambda: os.path.exists(self._path("switch.ctl")), 10, "ovs-vswitchd listens")
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")

    @property
    def log(self):
        with open(self._path("switch.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def pid(self):
        """Of ovs-vswitchd."""
        return self._processes[-1].pid

    def vsctl(self, *words):
        return self.ns.run("ovs-vsctl", f"--db=unix:{self._path('db.sock')}", "--timeout=10", *words, env=self._env).stdout

    def appctl(self, *words):
        return self.ns.run("ovs-appctl", "-t", self._path("switch.ctl"), *words, env=self._env).stdout

    def close(self):
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class OvsBond(Ovs):
    """br0 with a balance-tcp bond over `devices` of `ns`; br0 has `address`."""

    def __init__(self, ns, devices, address, rate="fast"):
        super().__init__(ns)
        try:
            for device in devices:
                ns.mute(device)
            self.vsctl("add-bond", "br0", "bond0", *devices, "bond_mode=balance-tcp", "lacp=active",
                       f"other_config:lacp-time={rate}")
            ns.address("br0", address)
            ns.set_link("br0", True)
        except BaseException:
            self.close()
            raise

    def lacp(self):
        """`lacp/show bond0`."""
        return self.appctl("lacp/show", "bond0")

    def lacp_counts(self):
        """{device: {what: count}} of `lacp/show-stats bond0`: "RX PDUs", "Link Expired", …"""
        counts = {}
        for line in self.appctl("lacp/show-stats", "bond0").splitlines():
            key, _, value = (part.strip() for part in line.partition(":"))
            if key in ("slave", "member"):
                one = counts.setdefault(value, {})
            elif value.isdigit():
                one[key] = int(value)
        return counts
