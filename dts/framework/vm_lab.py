# SPDX-License-Identifier: BSD-3-Clause
"""Two guests with two wires between them for each NIC model: dpdk-bond lives in A, its partner, plain Linux, in B."""
import contextlib
import json
import os
import re
import shutil
import struct
import tempfile

from . import app, vm_image
from .app import DpdkBond, DpdkProcess, bond_config, unique_prefix
from .netns import Netns
from .traffic import UdpResult
from .vm import GuestError, Nic, TapNic, Vm, nic_address
from .wait import eventually

MODELS = {"virtio-net-pci": "speed=1000,duplex=full,mq=on,vectors=6", "e1000e": "", "vmxnet3": ""}
NEAR = "near"  # in place of a model: B's NICs whose other ends are in the outer machine
EDGE = "edge"  # … A's, virtio NICs that take super-frames; the other ends are a bridge's there
EDGE_MODELS = ("vmxnet3", "e1000e")  # … and one of each of these behind them, at edge2 and edge3
PARTNER_MODEL, PARTNER_PROPERTIES = "virtio-net-pci", "speed=1000,duplex=full"
BOND_ADDRESS, PARTNER_ADDRESS = "192.0.2.1", "192.0.2.2"
# The processors of each thread of vhost-net: until Linux 6.3 a process of its own, since then a thread of the program.
VHOST_CPUS = ("for name in /proc/[0-9]*/task/[0-9]*/comm; do"
              " if grep -q ^vhost- $name; then grep Cpus_allowed_list ${name%comm}status; fi; done")
KERNEL_DRIVERS = {"virtio-net-pci": "virtio-pci", "e1000e": "e1000e", "vmxnet3": "vmxnet3"}


DPDK_DRIVERS = ("bus_pci", "bus_vdev", "mempool_ring", "net_virtio", "net_e1000", "net_vmxnet3", "net_null", "net_tap", "net_af_packet")


def load_few_drivers(vm):
    """DPDK loads every driver that is installed, more than a hundred; emulated that takes most of a start's seconds. In this guest
    only those are installed that its tests can need."""
    wanted = " ".join(f"$d/librte_{name}.so*" for name in DPDK_DRIVERS)
    vm.run("for d in /usr/lib/*/dpdk/pmds-*; do [ -d $d ] || continue; mkdir -p /run/guest/drivers; "
           f"cp -d {wanted} /run/guest/drivers/; mount --bind /run/guest/drivers $d; done", check=False)


class GuestProcess:
    """What subprocess.Popen is for a program of the outer machine."""

    def __init__(self, vm, words, log):
        self.vm, self.returncode, self.stdin = vm, None, None
        self.pid = vm.call("spawn", words=[str(word) for word in words], log=log)

    def poll(self):
        if self.returncode is None and self.vm.running():
            self.returncode = self.vm.call("poll", pid=self.pid)
        return self.returncode if self.vm.running() else -1

    def send_signal(self, number):
        if self.poll() is None:
            self.vm.call("kill", pid=self.pid, number=int(number))

    def kill(self):
        self.send_signal(9)

    def wait(self, seconds=None):
        eventually(lambda: self.poll() is not None, seconds or 60, f"process {self.pid} of guest {self.vm.name} ends")
        return self.returncode


class GuestBond(DpdkBond):
    """dpdk-bond in a guest. `path`: a file that has the configuration already; `before`: words that start it."""

    def __init__(self, vm, config, path=None, wait=True, before=()):
        self.vm, self.config, self.name = vm, config, config["bonds"][0]["name"]
        DpdkProcess.__init__(self, vm, config["runtime"]["file_prefix"])
        self.log_path, self.config_path = f"/tmp/{self.file_prefix}.log", path or f"/tmp/{self.file_prefix}.yaml"
        if path is None:
            self.write(config)
        self.process = GuestProcess(vm, [*before, app.binary(), "-c", self.config_path], self.log_path)
        if wait:
            self.wait_ready_or_close()

    @property
    def log(self):
        return self.vm.call("read", path=self.log_path)

    def write(self, config):
        text = config if isinstance(config, str) else app.to_yaml(config) + "\n"
        self.vm.call("write", path=self.config_path, text=text)

    def change(self, config):
        """Another configuration for the running instance; returns when it has been carried out."""
        self.config = config
        before = self.log.count(": reloaded")
        self.write(config)
        self.reload()
        eventually(self.still(lambda: self.log.count(": reloaded") > before), 10, "the file is read again")

    def ask(self, command):
        return self.vm.call("ask", prefix=self.file_prefix, command=command)

    def wait_ready(self, deadline=90.0):
        return super().wait_ready(deadline)

    def stop(self, number=15, timeout=8.0):
        try:
            return super().stop(number, timeout)
        except AssertionError:  # it hangs: the next test is to find the NICs free all the same
            self.process.kill()
            self.status = self.process.wait(30)
            raise

    def dump(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.vm.dump(directory)
        if self.vm.running():
            for path in (self.log_path, self.config_path):
                with contextlib.suppress(OSError, GuestError), \
                        open(os.path.join(directory, os.path.basename(path)), "w", encoding="utf-8") as file:
                    file.write(self.vm.call("read", path=path))


class GuestPing:
    """20 pings a second out of a guest, until stop(): `sent`, `last`, `lost`, `duplicates`."""

    def __init__(self, vm, target):
        self.vm, self.log = vm, f"/tmp/{unique_prefix('ping')}"
        self._process = GuestProcess(vm, ["ping", "-n", "-i", "0.05", "-W", "1", target], self.log)

    def answered(self):
        return len(re.findall(r"icmp_seq=\d+ ttl=(?:.*)ms$", self.vm.call("read", path=self.log), re.M))

    def settled(self, replies=10, deadline=8):
        first = self.answered()
        eventually(lambda: self.answered() >= first + replies, deadline, "ping is answered")
        return self

    def mark(self):
        """The number of the last ping that is answered so far: a part ends and another one begins."""
        return max(self._numbers(self.vm.call("read", path=self.log)), default=0)

    @staticmethod
    def _numbers(text):
        return {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", text)}

    def lost_between(self, first, last):
        """After stop(): how many of the pings after `first` up to `last`, two marks, were not answered."""
        return sum(n not in self._answers for n in range(first + 1, last + 1))

    def stop(self):
        self._process.send_signal(2)
        self._process.wait(5)
        text = self.vm.call("read", path=self.log)
        said = re.search(r"(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?", text)
        self.sent, self.duplicates = int(said[1]), int(said[3] or 0)
        # The last ones were still on their way when it ended.
        self._answers = self._numbers(text)
        self.last = max(self._answers, default=self.sent)
        self.lost = self.lost_between(0, self.last)
        return self


ANY_SWITCH = ("active-backup", "balance-tlb", "balance-alb", "balance-spray")  # modes that need nothing of the switch


class PortWatch:
    """Ports of Linux's bonding in a guest, looked at fifty times a second until stop(). Then `changes`: what changed, as (seconds,
    port, what, from, to); `first`: what each port was at first; `blind`: the longest time between two looks, in seconds."""

    def __init__(self, vm, ports):
        self._vm, self._log = vm, f"/tmp/{unique_prefix('watch')}"
        script = os.path.join(vm_image.GUEST, "watch_ports.py")
        self._process = GuestProcess(vm, ["/usr/bin/python3", "-B", script, *ports], self._log)
        eventually(lambda: vm.call("read", path=self._log), 20, "the ports are looked at")

    def stop(self):
        self._process.send_signal(15)
        self._process.wait(20)
        lines = [json.loads(line) for line in self._vm.call("read", path=self._log).splitlines()]
        self.first, self.changes, self.blind = lines[0], [tuple(change) for change in lines[1:-1]], lines[-1]
        return self


class GuestStream:
    """UDP from one guest to another at a steady rate, with sequence numbers; see traffic.UdpStream."""

    def __init__(self, source, target_vm, target, rate=200, port=5201):
        self.rate, self._source, self._target = rate, source, target_vm
        script, self._file = os.path.join(os.path.dirname(__file__), "udp_stream.py"), f"/tmp/{unique_prefix('udp')}"
        begin = ["/usr/bin/python3", "-B", script]
        self._receiver = GuestProcess(target_vm, [*begin, "receive", target, port, self._file + ".rx"], self._file + ".log")
        eventually(lambda: "ready" in target_vm.call("read", path=self._file + ".log"), 20, "it listens")
        self._sender = GuestProcess(source, [*begin, "send", target, port, self._file + ".tx", rate, 64], self._file + ".log")

    def stop(self):
        for process in (self._sender, self._receiver):
            process.send_signal(15)
            process.wait(20)
        tx = [number for number, in struct.iter_unpack("=q", self._bytes(self._source, ".tx"))]
        rx = list(struct.iter_unpack("=qq", self._bytes(self._target, ".rx")))
        return UdpResult(tx, rx, 1e9 / self.rate)

    def _bytes(self, vm, end):
        data = bytes.fromhex(vm.run(f"/usr/bin/python3 -c 'import sys; print(open(sys.argv[1], \"rb\").read().hex())' {self._file}{end}"))
        return data[:len(data) // 16 * 16] if end == ".rx" else data


class VmLab:
    """Guest B has two more NICs, whose wires end as near0 and near1 in a namespace of the outer machine (`near`), and guest A
    two whose wires end as edge0 and edge1 in another (`edge`), and one of each of EDGE_MODELS, which end as edge2 and edge3 there."""

    def __init__(self):
        self._wires = tempfile.mkdtemp(prefix=f"dts-{os.getpid()}-wires-")
        self.first = {}  # NIC number of a model's first NIC
        a, b = [], []
        for model, properties in MODELS.items():
            self.first[model] = len(a)
            for _ in range(2):
                i = len(a)
                wire = os.path.join(self._wires, str(i))
                a.append(Nic(model, wire, 0, f"52:54:00:00:0a:{i:02x}", properties))
                b.append(Nic(PARTNER_MODEL, wire, 1, f"52:54:00:00:0b:{i:02x}", PARTNER_PROPERTIES))
        self.near = Netns("near")
        self.first[NEAR] = len(b)
        for name in self.near_members:
            b.append(TapNic(PARTNER_MODEL, self.near, name, f"52:54:00:00:0b:{len(b):02x}", PARTNER_PROPERTIES))
        self.edge = Netns("edge")
        self.first[EDGE] = len(a)
        for i in (0, 1):
            a.append(TapNic("virtio-net-pci", self.edge, f"edge{i}", f"52:54:00:00:0a:{len(a):02x}", virtio_header=True))
        # QEMU 7.2 cuts what these send only where the other end takes super-frames; elsewhere it makes IP fragments of them.
        for i, model in enumerate(EDGE_MODELS, 2):
            a.append(TapNic(model, self.edge, f"edge{i}", f"52:54:00:00:0a:{len(a):02x}", virtio_header=True))
        self.a = Vm("a", a, memory_mb=1024, cpus=3, iommu=True, hugepages=160)
        self.b = Vm("b", b, memory_mb=384)

    near_members = ("near0", "near1")

    def start(self):
        self.a.ready()
        self.b.ready()
        self.a.run("modprobe -a virtio_net e1000e vmxnet3 8021q")
        load_few_drivers(self.a)
        self.b.run("modprobe -a virtio_net bridge 8021q; modprobe bonding max_bonds=0")
        return self

    def running(self):
        return self.a.running() and self.b.running()

    def close(self):
        self.a.stop()
        self.b.stop()
        self.near.delete()
        self.edge.delete()
        shutil.rmtree(self._wires, ignore_errors=True)

    # ---- side A
    def edge_address(self, model):
        return nic_address(self.first[EDGE] + 2 + EDGE_MODELS.index(model))

    def addresses(self, model):
        return [nic_address(self.first[model] + i) for i in (0, 1)]

    def config(self, model, mode, logical=None, **options):
        members = [{"device": address, "name": f"m{i}"} for i, address in enumerate(self.addresses(model))]
        logical = {"backend": "virtio-user", **(logical or {})}
        return bond_config(members, mode=mode, prefix=unique_prefix("vm"), addresses=[f"{BOND_ADDRESS}/24"], logical=logical,
                           **options)

    def bond(self, model, mode, wait=True, **options):
        return GuestBond(self.a, self.config(model, mode, **options), wait=wait)

    def drivers(self, model):
        """The kernel drivers of a model's NICs in A."""
        lines = (line.split() for line in self.machine())
        return [words[1] for words in lines if words[0] in self.addresses(model)]

    def machine(self):
        """All of A that an instance may change, as lines of text."""
        return self.a.call("machine")

    # ---- the wires
    def cut(self, model, i, ends="ab"):
        self._set(model, i, ends, False)

    def mend(self, model, i, ends="ab"):
        self._set(model, i, ends, True)

    def _set(self, model, i, ends, up):
        for end, vm in (("a", self.a), ("b", self.b)):
            if end in ends:
                vm.set_link(self.first[model] + i, up)

    # ---- side B
    def netdevs(self, model):
        return [f"eth{self.first[model] + i}" for i in (0, 1)]

    def partner_bond(self, model, mode, **options):
        """Linux's bonding on B's ends of the wires."""
        words = " ".join(f"{key} {value}" for key, value in {"miimon": 20, **options}.items())
        self._partner(model, f"ip link add p0 type bond mode {mode} {words}")

    def partner_bridge(self, model):
        """A Linux bridge as the switch, with the host on it."""
        self._partner(model, "ip link add p0 type bridge stp_state 0 forward_delay 0")

    def partner_of(self, model, mode, **options):
        """What a bond of this mode wants for its other end: Linux's bonding in the same mode, or a bridge where the mode needs nothing of
        the switch."""
        if mode in ANY_SWITCH:
            self.partner_bridge(model)
        else:
            self.partner_bond(model, mode, **options)

    def _partner(self, model, make):
        self.no_partner()
        ports = self.netdevs(model)
        masters = "; ".join(f"ip link set {port} down; ip link set {port} master p0; ip link set {port} up" for port in ports)
        self.b.run(f"set -e; {make}; {masters}; ip addr add {PARTNER_ADDRESS}/24 dev p0; ip link set p0 up")

    def no_partner(self):
        self.b.run("ip link del p0 2>/dev/null; for i in /sys/class/net/eth*; do ip link set ${i##*/} down; done; true")

    def watch_partner(self, model):
        return PortWatch(self.b, self.netdevs(model))

    def partner_says(self):
        return self.b.run("cat /proc/net/bonding/p0")

    def ping(self, target=BOND_ADDRESS):
        return GuestPing(self.b, target)
