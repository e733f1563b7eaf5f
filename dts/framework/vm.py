# SPDX-License-Identifier: BSD-3-Clause
"""Guests in QEMU, with NICs on wires between them, so that what drives hardware drives something like it.

A guest's root is the outer machine's, read-only: it runs the programs that were built outside. The wires are UNIX sockets; no
frame leaves the machine. Emulation only (TCG), so that every machine shows the same: figures of speed mean nothing here.
"""
import atexit
import fcntl
import itertools
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from . import vm_image
from .netns import CommandFailed
from .wait import eventually

TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
FIRST_SLOT = 0x10  # NIC i sits at 0000:00:10.0 + i
_living = []


def nic_address(i):
    return f"0000:00:{FIRST_SLOT + i:02x}.0"


class GuestError(RuntimeError):
    """A call in a guest failed."""


class Nic:
    """One end of a wire. `model` as QEMU names it; `properties` go to the device; `bus`: not the machine's first, but a
    port of its own."""

    def __init__(self, model, wire, end, mac, properties="", bus=None):
        self.model, self.mac, self.properties, self.bus = model, mac, properties, bus
        here, there = (f"{wire}.{e}" for e in ((0, 1) if end == 0 else (1, 0)))
        self.backend = f"dgram,local.type=unix,local.path={here},remote.type=unix,remote.path={there}"

    def arguments(self, i, behind_iommu):
        properties = self.properties
        if self.model.startswith("virtio") and behind_iommu:
            properties += ",disable-legacy=on,iommu_platform=on,ats=on"  # else its DMA passes the IOMMU by
        place = f"bus={self.bus},addr=0" if self.bus else f"bus=pcie.0,addr={FIRST_SLOT + i:#x}"
        return ["-netdev", f"{self.backend.split(',')[0]},id=wire{i},{self.backend.split(',', 1)[1]}",
                "-device", f"{self.model},id=nic{i},netdev=wire{i},mac={self.mac},{place},romfile="
                + (f",{properties.lstrip(',')}" if properties else "")]


class TapNic(Nic):
    """A NIC whose wire ends in a tap of the outer machine, `name` in a namespace there. `virtio_header`: super-frames and frames
    with checksums left undone pass, so that a virtio NIC offers them."""

    def __init__(self, model, ns, name, mac, properties="", virtio_header=False):  # pylint: disable=super-init-not-called
        self.model, self.mac, self.properties, self.bus = model, mac, properties, None
        with ns.entered():
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            flags = IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if virtio_header else 0)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH14x", name.encode(), flags))
        ns.mute(name)
        self.backend = f"tap,fd={self.fd}"

    def passed(self):
        """QEMU has it now: the tap ends with it."""
        os.close(self.fd)


class Vm:
    """A guest. `hugepages`: 2 MiB pages reserved at boot; `kernel_words`: more of the kernel's command line;
    `machine`: more of QEMU's. start() returns at once, ready() waits for it."""

    def __init__(self, name, nics=(), memory_mb=512, cpus=1, iommu=False, hugepages=0, kernel_words=(),
                 machine=()):
        self.name, self.nics, self.iommu = name, list(nics), iommu
        self.directory = tempfile.mkdtemp(prefix=f"dts-{os.getpid()}-vm-")
        self.console = os.path.join(self.directory, "console")
        self._ids, self._replies, self._waiting = itertools.count(1), {}, threading.Condition()
        self._socket = self._qmp = None
        self.boot_seconds = None
        kernel, first_root, modules = vm_image.build()
        words = ["console=ttyS0", "quiet", "panic=-1", "tsc=reliable", "no_timer_check", "mitigations=off", "net.ifnames=0",
                 "random.trust_cpu=on", f"dts.agent={os.path.join(vm_image.GUEST, 'agent.py')}", f"dts.modules={modules}"]
        words += [*kernel_words, *(["intel_iommu=on"] if iommu else [])]
        words += [f"hugepages={hugepages}"] if hugepages else []
        command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", name,
                   "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", str(memory_mb), "-smp", str(cpus), *machine,
                   *(["-device", "intel-iommu,intremap=on,device-iotlb=on"] if iommu else []),
                   "-kernel", kernel, "-initrd", first_root, "-append", " ".join(words), "-serial", f"file:{self.console}",
                   "-qmp", f"unix:{self._path('qmp')},server=on,wait=off",
                   "-device", "virtio-serial-pci,bus=pcie.0", "-chardev", f"socket,id=agent,path={self._path('agent')},server=on,wait=off",
                   "-device", "virtserialport,chardev=agent,name=dts",
                   "-fsdev", "local,id=outer,path=/,security_model=none,readonly=on,multidevs=remap",
                   "-device", "virtio-9p-pci,fsdev=outer,mount_tag=outer,bus=pcie.0"]
        for i, nic in enumerate(self.nics):
            command += nic.arguments(i, iommu)
        self._began = time.monotonic()
        with open(self._path("qemu.log"), "wb") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command],  # ends when we end
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[nic.fd for nic in self.nics if isinstance(nic, TapNic)])
        for nic in self.nics:
            if isinstance(nic, TapNic):
                nic.passed()
        _living.append(self)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _said(self):
        text = ""
        for name in ("qemu.log", "console"):
            if os.path.exists(self._path(name)):
                with open(self._path(name), encoding="utf-8", errors="replace") as file:
                    text += file.read()[-2000:]
        return text

    def running(self):
        return self.process.poll() is None

    def _connect(self, name):
        def attempt():
            if not self.running():
                raise GuestError(f"guest {self.name} ended: {self._said()}")
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(self._path(name))
                return link
            except OSError:
                link.close()
                raise
        return eventually(attempt, 20, f"{name} of guest {self.name}")

    # ---- the agent
    def ready(self, deadline=90):
        """Wait until the guest has booted."""
        if self.boot_seconds is None:
            self._socket = self._connect("agent")
            threading.Thread(target=self._listen, daemon=True).start()
            self._reply("hello", deadline)
            self.boot_seconds = time.monotonic() - self._began
        return self

    def _listen(self):
        waiting = b""
        try:
            while data := self._socket.recv(65536):
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    reply = json.loads(line)
                    with self._waiting:
                        self._replies[reply.get("id", "hello")] = reply
                        self._waiting.notify_all()
        except (OSError, ValueError):
            pass
        with self._waiting:
            self._replies["end"] = True
            self._waiting.notify_all()

    def _reply(self, key, timeout):
        with self._waiting:
            self._waiting.wait_for(lambda: key in self._replies or "end" in self._replies, timeout)
            if key not in self._replies:
                self.process.kill()  # whoever comes next is given another one
                raise GuestError(f"guest {self.name} does not answer: {self._said()}")
            return self._replies.pop(key)

    def call(self, what, patience=30, **arguments):
        """A function of the agent."""
        number = next(self._ids)
        self._socket.sendall(json.dumps({"id": number, "call": what, "with": arguments}).encode() + b"\n")
        reply = self._reply(number, patience)
        if "raised" in reply:
            raise (OSError if reply["os"] else GuestError)(f"{self.name}: {what}: {reply['raised']}")
        return reply["returned"]

    def run(self, command, check=True, timeout=60):
        """A shell command's output; CommandFailed when `check` and its status is not 0."""
        status, said = self.call("run", timeout + 10, command=command, timeout=timeout)
        if check and status:
            raise CommandFailed(f"{self.name}: {command}: status {status}: {said.strip()[-1500:]}")
        return said

    def until(self, command, deadline, what=None):
        """Repeat a shell command until its status is 0; returns its output."""
        def attempt():
            status, said = self.call("run", command=command, timeout=20)
            attempt.said = said
            return (said or "ok") if status == 0 else None
        try:
            return eventually(attempt, deadline, what or command, every=0.1)
        except AssertionError as late:
            raise AssertionError(f"{self.name}: {late}\n{attempt.said[-1500:]}") from None

    # ---- the hardware
    def set_link(self, nic, up):
        """Plug the wire in or out at this end alone."""
        self.qmp("set_link", name=f"nic{nic}", up=up)

    def qmp(self, command, **arguments):
        if self._qmp is None:
            self._qmp = self._connect("qmp").makefile("rwb", 0)
            self._qmp.readline()
            self.qmp("qmp_capabilities")
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise GuestError(f"{self.name}: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def stop(self):
        if self.running():
            self.process.kill()
        self.process.wait()
        for link in (self._socket, self._qmp):
            if link is not None:
                link.close()
        if self in _living:
            _living.remove(self)
        shutil.rmtree(self.directory, ignore_errors=True)

    def dump(self, directory):
        """Keep what the guest and QEMU said."""
        os.makedirs(directory, exist_ok=True)
        for name in ("qemu.log", "console"):
            if os.path.exists(self._path(name)):
                shutil.copy(self._path(name), os.path.join(directory, f"{self.name}.{name}"))


def living():
    return list(_living)


def stop_all():
    for vm in living():
        vm.stop()


atexit.register(stop_all)
