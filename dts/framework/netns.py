# SPDX-License-Identifier: BSD-3-Clause
"""Private network namespaces: every interface and every frame of a test lives in one of these.

Names carry the pid of their creator, so that leftovers of a killed run are told from those of a live one. Entering is
done with setns() rather than `ip netns exec`, which insists on "/" being a mount point and so fails in a chroot.
"""
import atexit
import contextlib
import ctypes
import errno
import fcntl
import itertools
import json
import os
import socket
import struct
import subprocess

AF_XDP = 44
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PREFIX = "dts"
RUN_DIR = "/run/netns"

_libc = ctypes.CDLL(None, use_errno=True)
_count = itertools.count()
_living = {}


def _call(function, *arguments):
    if function(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _own_group(options):
    """Ctrl-C at the terminal is for us: we end our children in order. A session of its own is a group of its own."""
    return options if options.get("start_new_session") else {**options, "process_group": 0}


class CommandFailed(RuntimeError):
    """A command inside a namespace ended with a status other than 0."""


class Netns:
    """One network namespace; deleted by delete(), at the latest when the interpreter ends."""

    def __init__(self, role):
        self.name = f"{PREFIX}{os.getpid()}-{role}{next(_count)}"
        run(["ip", "netns", "add", self.name])
        _living[self.name] = self
        self.fd = os.open(f"{RUN_DIR}/{self.name}", os.O_RDONLY)
        self._control = self.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ipv6(False)
        self.run("ip", "link", "set", "lo", "up")

    def __repr__(self):
        return f"<Netns {self.name}>"

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is inside the namespace for the length of the block."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _call(_libc.setns, self.fd, CLONE_NEWNET)
            try:
                yield
            finally:
                _call(_libc.setns, back, CLONE_NEWNET)
        finally:
            os.close(back)

    def socket(self, *arguments):
        """A socket that belongs to this namespace whatever thread uses it."""
        with self.entered():
            return socket.socket(*arguments)

    def _inside(self, command):
        """The command's words, to be run inside. Each of these programs becomes the next one, so the pid stays; the first one
        sees to it that the process ends when we end. No Python runs between fork and exec: this process may have threads."""
        # /sys/class/net shows the namespace of whoever mounted it: give the child one of its own.
        own_sys = "mount --make-rprivate /sys && mount -t sysfs sysfs /sys; exec \"$@\""
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={RUN_DIR}/{self.name}",
                "unshare", "--mount", "--propagation", "unchanged", "sh", "-c", own_sys, "sh", *map(str, command)]

    def popen(self, *command, **options):
        """Start a command inside; the Popen's pid is the command's own. It dies when this process dies."""
        return subprocess.Popen(self._inside(command), **_own_group(options))

    def run(self, *command, check=True, timeout=60, **options):
        """Run a command inside to its end; returns CompletedProcess with text output."""
        return run(self._inside(command), check=check, timeout=timeout, **_own_group(options))

    def ip_json(self, *words):
        """`ip -j WORDS...` as Python objects."""
        return json.loads(self.run("ip", "-j", *words).stdout or "[]")

    def ipv6(self, on):
        """Whether interfaces made from now on speak IPv6; off, they are silent until somebody talks."""
        with self.entered():
            for scope in ("all", "default"):
                with contextlib.suppress(FileNotFoundError), \
                        open(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "w", encoding="ascii") as knob:
                    knob.write("0" if on else "1")

    def sysctl(self, key, value):
        with self.entered(), open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as knob:
            knob.write(str(value))

    def set_link(self, device, up):
        """Administrative state of a device; takes microseconds, no process is started."""
        request = struct.pack("16sH14x", device.encode(), 0)
        flags = struct.unpack_from("H", fcntl.ioctl(self._control, SIOCGIFFLAGS, request), 16)[0]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(self._control, SIOCSIFFLAGS, struct.pack("16sH14x", device.encode(), flags))

    def devices(self):
        """Names of all interfaces inside."""
        with self.entered():
            return [name for _, name in socket.if_nameindex()]

    def ifindex(self, device):
        with self.entered():
            return socket.if_nametoindex(device)

    def link(self, device):
        """`ip -j -d link show` of one device."""
        return self.ip_json("-d", "link", "show", "dev", device)[0]

    def mac(self, device):
        return self.link(device)["address"]

    def has_carrier(self, device):
        flags = self.link(device)["flags"]
        return "UP" in flags and "LOWER_UP" in flags and "NO-CARRIER" not in flags

    def address(self, device, *prefixes):
        for prefix in prefixes:
            self.run("ip", "addr", "add", prefix, "dev", device, *(["nodad"] if ":" in prefix else []))

    def mute(self, device):
        """The kernel's own stack neither asks nor answers for addresses there: somebody else uses the device."""
        self.run("ip", "link", "set", device, "arp", "off")

    def offloads(self, device, on):
        """Checksum and segmentation offloads of a device."""
        state = "on" if on else "off"
        self.run("ethtool", "-K", device, "tx", state, "rx", state, "tso", state, "gso", state, "gro", state, check=False)

    def delete(self):
        if _living.pop(self.name, None) is None:
            return
        self._control.close()
        os.close(self.fd)
        run(["ip", "netns", "del", self.name], check=False)


def run(command, check=True, timeout=60, **options):
    """Run a command to its end; CommandFailed with its output when `check` and the status is not 0."""
    words = [str(word) for word in command]
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, **options)
    if check and done.returncode:
        raise CommandFailed(f"{' '.join(words)}: status {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


def veth(ns, name, peer_ns, peer_name, mac=None, up=True):
    """A veth pair with its ends in two namespaces."""
    own = ["address", mac] if mac else []
    ns.run("ip", "link", "add", name, *own, "type", "veth", "peer", "name", peer_name, "netns", peer_ns.name)
    if up:
        ns.set_link(name, True)
        peer_ns.set_link(peer_name, True)


def delete_all():
    """Delete what this process created and still has."""
    for ns in list(_living.values()):
        ns.delete()


def reap():
    """Delete namespaces whose creator is gone (a run that was killed outright)."""
    if not os.path.isdir(RUN_DIR):
        return
    for name in os.listdir(RUN_DIR):
        pid = name[len(PREFIX):].split("-")[0]
        if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            run(["ip", "netns", "del", name], check=False)


def why_not():
    """Why namespaces cannot be used here, or None when they can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    try:
        probe = Netns("probe")
    except (OSError, CommandFailed) as error:
        return f"network namespaces cannot be created here: {error}"
    try:
        veth(probe, "p0", probe, "p1")
    except (OSError, CommandFailed) as error:
        return f"veth devices cannot be created here: {error}"
    finally:
        probe.delete()
    return None


def no_af_xdp():
    """Why there can be no net_af_xdp members here; None: there can."""
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return f"this kernel has no AF_XDP sockets ({errno.errorcode[error.errno]})"
    return None


atexit.register(delete_all)
