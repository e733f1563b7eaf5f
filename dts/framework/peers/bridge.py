# SPDX-License-Identifier: BSD-3-Clause
"""A kernel bridge as the switch, in a namespace of its own."""
import json
import socket
import struct
import threading
import time

from ..netns import Netns, veth

RTMGRP_NEIGH = 1 << 2
RTM_NEWNEIGH, RTM_DELNEIGH = 28, 29
AF_BRIDGE = 7
NDA_LLADDR = 2


class FdbMonitor:
    """Every change of the forwarding table, as the kernel announces it: (monotonic seconds, mac, port or None)."""

    def __init__(self, ns):
        self.changes = []
        self._names = {ns.ifindex(name): name for name in ns.devices()}
        self._socket = ns.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, RTMGRP_NEIGH))
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                continue
            now = time.monotonic()
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind in (RTM_NEWNEIGH, RTM_DELNEIGH):
                    self._change(now, kind, data[16:length])
                data = data[(length + 3) & ~3:]

    def _change(self, now, kind, body):
        family, ifindex = struct.unpack_from("=B3xi", body)
        if family != AF_BRIDGE:
            return
        attributes = body[12:]
        while len(attributes) >= 4:
            length, what = struct.unpack_from("=HH", attributes)
            if what & 0x3FFF == NDA_LLADDR:
                mac = ":".join(f"{byte:02x}" for byte in attributes[4:10])
                port = self._names.get(ifindex, str(ifindex)) if kind == RTM_NEWNEIGH else None
                self.changes.append((now, mac, port))
            attributes = attributes[(max(length, 4) + 3) & ~3:]

    def ports_of(self, mac):
        """The ports at which the bridge saw `mac`, in order, each stay once."""
        ports = []
        for _, address, port in list(self.changes):
            if address == mac and port is not None and (not ports or ports[-1] != port):
                ports.append(port)
        return ports

    def close(self):
        self._stop.set()
        self._thread.join()
        self._socket.close()


class Bridge:
    """A learning switch without spanning tree: a port forwards as soon as its carrier is there."""

    def __init__(self):
        self.ns = Netns("sw")
        self.ns.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0",
                    "mcast_snooping", "0")
        self.ns.set_link("br0", True)

    def attach(self, port):
        self.ns.run("ip", "link", "set", port, "master", "br0")

    def detach(self, port):
        """Take the port off the switch with its carrier left on: a fault that no link state shows."""
        self.ns.run("ip", "link", "set", port, "nomaster")

    def cable(self, port, ns, device, mac=None):
        """A cable from `port` to a new `device` in `ns`."""
        veth(ns, device, self.ns, port, mac=mac)
        self.attach(port)

    def fdb(self):
        """Learnt addresses: {mac: port}."""
        entries = json.loads(self.ns.run("bridge", "-j", "fdb", "show", "br", "br0").stdout or "[]")
        return {entry["mac"]: entry["ifname"] for entry in entries
                if entry.get("state") != "permanent" and "self" not in entry.get("flags", [])}

    def monitor(self):
        return FdbMonitor(self.ns)

    def delete(self):
        self.ns.delete()
