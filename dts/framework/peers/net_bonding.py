# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's own net_bonding (mode 4) in testpmd, over af_packet, with a tap behind it.

It never asks for fast LACPDUs, so 0x3D is its best; it speaks only when it is given something to send, which is what
the beat is for.
"""
import shutil
import subprocess
import threading

from ..frames import DST, SRC, UDP, Ether, IP, build


def member_key():
    """The devarg of net_bonding that names a member: `slave` in DPDK 22.11, `member` since 23.11."""
    version = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=False).stdout
    return "slave" if version.startswith("22.") else "member"


class Beat:
    """Gives testpmd a frame to send every 50 ms, from its tap."""

    def __init__(self, capture):
        self._frame = build(Ether(src=SRC, dst=DST) / IP(dst="192.0.2.99") / UDP(), 0)
        self._capture = capture
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.05):
            self._capture.send(self._frame)

    def close(self):
        self._stop.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class NetBonding:
    """net_bonding over `devices` of `ns`; its tap0 has `address`. Lives as long as the lab."""

    def __init__(self, lab, ns, devices, address=None):
        members = [f"net_af_packet{i},iface={name}" for i, name in enumerate(devices)]
        named = ",".join(f"{member_key()}=net_af_packet{i}" for i in range(len(devices)))
        self.pmd = lab.testpmd(ns, *members, f"net_bonding0,mode=4,{named},xmit_policy=l34", "net_tap0,iface=tap0")
        for name in devices:
            ns.mute(name)
        ns.run("ip", "link", "set", "tap0", "address", "02:00:00:00:03:03")
        if address:
            ns.address("tap0", address)
        ns.set_link("tap0", True)
        ns.offloads("tap0", False)
        lab.enter(Beat(lab.capture(ns, "tap0")))
        self._bond = len(devices)
        self.pmd.command(f"set portlist {self._bond},{self._bond + 1}")  # else its members forward beside it
        self.pmd.start_forward()

    @staticmethod
    def why_not():
        """Why it cannot be used here, or None when it can."""
        return None if shutil.which("dpdk-testpmd") else "dpdk-testpmd is not installed (Debian package dpdk-dev)"
