# SPDX-License-Identifier: BSD-3-Clause
"""Processes on DPDK in a namespace: dpdk-bond itself, and dpdk-testpmd to compare with."""
import atexit
import copy
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from . import mempool, netns
from .telemetry import Telemetry, socket_path
from .wait import eventually

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_count = itertools.count()
_living = []


def binary():
    """The dpdk-bond under test: $DPDK_BOND, else the one of build/."""
    return os.path.abspath(os.environ.get("DPDK_BOND") or os.path.join(ROOT, "build", "app", "dpdk-bond"))


def unique_prefix(role="bond"):
    return f"dts-{os.getpid()}-{role}{next(_count)}"


def processors():
    """Those of control and of the worker that a configuration is given: two where there are two."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[min(1, len(usable) - 1)]


def ran(task):
    """Nanoseconds of processor time that a thread (/proc/PID/task/TID) has had."""
    with open(f"{task}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def tasks(pid):
    return [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]


def to_yaml(value, indent=0):
    """A configuration (dicts, lists, scalars) as YAML in block style; strings are quoted."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            nested = isinstance(item, (dict, list)) and item and not _flat(item)
            lines.append(f"{pad}{key}:" + ("\n" + to_yaml(item, indent + 1) if nested else f" {json.dumps(item)}"))
        return "\n".join(lines)
    return "\n".join(pad + "- " + to_yaml(item, indent + 1).lstrip() for item in value)


def _flat(value):
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def bond_config(members, mode="active-backup", name="bond0", prefix=None, addresses=(), logical=None, runtime=None,
                **options):
    """A configuration of one bond. `members`: devargs or member dicts."""
    control, worker = processors()
    return {
        "runtime": {"control_lcore": control, "worker_lcores": [worker], "memory_mb": 256,
                    "file_prefix": prefix or unique_prefix(), **(runtime or {})},
        "bonds": [{"name": name, "mode": mode, **options,
                   "logical": {"backend": "tap", "addresses": list(addresses), **(logical or {})},
                   "members": [member if isinstance(member, dict) else {"device": member} for member in members]}],
    }


class DpdkProcess:
    """A DPDK application in a namespace, known by its file prefix; logs to a file, dies with this process."""

    def __init__(self, ns, file_prefix):
        self.ns, self.file_prefix = ns, file_prefix
        self.directory = tempfile.mkdtemp(prefix=f"{file_prefix}-")
        self.log_path = os.path.join(self.directory, "log")
        self.status = None        # exit status once it has ended
        self.stop_seconds = None  # how long stop() took
        self.process = None
        self._telemetry = None
        _living.append(self)

    def start(self, *command, stdin=subprocess.DEVNULL):
        with open(self.log_path, "wb") as log:
            self.process = self.ns.popen(*command, stdin=stdin, stdout=log, stderr=subprocess.STDOUT)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def running(self):
        return self.process.poll() is None

    def ask(self, command):
        """A telemetry command's answer."""
        if self._telemetry is None:
            self._telemetry = Telemetry(self.file_prefix)
        try:
            return self._telemetry.ask(command)
        except OSError:
            self._telemetry.close()
            self._telemetry = None
            raise

    def still(self, condition):
        """`condition`, checked only while the process lives: its end is an error at once."""
        def check():
            if not self.running():
                raise AssertionError(f"{self.file_prefix} ended with status {self.process.returncode}:\n{self.log[-3000:]}")
            return condition()
        return check

    def wait_telemetry(self, deadline=15.0):
        eventually(self.still(lambda: self.ask("/")), deadline, f"telemetry of {self.file_prefix}")
        return self

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=5.0):
        """End it; returns the exit status. Killed when it has not gone by itself after `timeout` seconds."""
        if self._telemetry:
            self._telemetry.close()
            self._telemetry = None
        if self.status is None:
            began = time.monotonic()
            if self.running():
                self.process.send_signal(signal.SIGCONT)
                self.process.send_signal(number)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.status = self.process.returncode
            self.stop_seconds = time.monotonic() - began
        return self.status

    def close(self):
        """stop() and remove everything it left on disk."""
        self.stop()
        if self.process.stdin:
            self.process.stdin.close()
        if self in _living:
            _living.remove(self)
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(os.path.dirname(socket_path(self.file_prefix)), ignore_errors=True)

    def dump(self, directory):
        """Keep log and telemetry of a failure."""
        os.makedirs(directory, exist_ok=True)
        shutil.copy(self.log_path, os.path.join(directory, f"{self.file_prefix}.log"))

    def cpu_seconds(self):
        """User and system time of all its threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mempools(self):
        """{pool: mbufs not in use}, of all pools."""
        return {name: mempool.level(self.pid, self.ask(f"/mempool/info,{name}")) for name in self.ask("/mempool/list")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class DpdkBond(DpdkProcess):
    """dpdk-bond on a configuration (dict). `before`: words that start it."""

    def __init__(self, ns, config, console=False, wait=True, arguments=(), before=()):
        self.config = config
        self.name = config["bonds"][0]["name"]
        super().__init__(ns, config["runtime"]["file_prefix"])
        self.config_path = os.path.join(self.directory, "bond.yaml")
        self.write(config)
        self.start(*before, binary(), "-c", self.config_path, *(["-i"] if console else []), *arguments,
                   stdin=subprocess.PIPE if console else subprocess.DEVNULL)
        if wait:
            self.wait_ready_or_close()

    def write(self, config):
        """Put another configuration into the file (text or dict); the running one does not notice until reload()."""
        text = config if isinstance(config, str) else to_yaml(config) + "\n"
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def rewrite(self, change):
        """Apply `change` to a copy of the first bond's part of the configuration, and put that into the file."""
        self.config = copy.deepcopy(self.config)
        change(self.config["bonds"][0])
        self.write(self.config)

    def reload(self):
        self.send_signal(signal.SIGHUP)

    def wait_reloaded(self, deadline=10.0):
        """reload(), and wait for the event that it is done."""
        def newest():
            return max((e["t_ns"] for e in self.events() if e["event"] == "reloaded"), default=0)
        before = newest()
        self.reload()
        eventually(self.still(lambda: newest() > before), deadline, "the file is read again")

    def wait_ready(self, deadline=15.0):
        """Wait until telemetry answers, and every member is up."""
        self.wait_telemetry(deadline)
        eventually(self.still(lambda: self.name in (self.ask("/bond/list") or [])), deadline, "bond is listed")
        wanted = len(self.config["bonds"][0]["members"])
        self.wait_up(wanted, deadline)
        return self

    def wait_ready_or_close(self):
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise

    def info(self, bond=None):
        return self.ask(f"/bond/info,{bond or self.name}")

    def member(self, name, bond=None):
        return self.ask(f"/bond/member,{bond or self.name},{name}")

    def stats(self, bond=None):
        return self.ask(f"/bond/stats,{bond or self.name}")

    def conserved(self):
        """Frames that came, and frames that went or were dropped (docs/operations.md, "rx = tx + drops"). The bond's drops hold
        those of its members."""
        members, stats = [self.member(name) for name in self.info()["members"]], self.stats()
        came = sum(member["rx_packets"] for member in members) + stats["left_rx_packets"] + stats["tx_packets"] + stats["injected"]
        went = sum(member["tx_packets"] for member in members) + stats["left_tx_packets"] + stats["rx_packets"] + stats["punted"]
        return came, went + sum(stats["drops"].values())

    def events(self, bond=None):
        return self.ask(f"/bond/events,{bond or self.name}")

    def up(self):
        """How many members the monitor holds to be up."""
        members = [self.member(name) for name in self.info()["members"]]
        return sum(member["mii_status"] == "up" for member in members)

    def active(self):
        return self.info()["active_member"]

    def wait_active(self, member, deadline=3.0):
        return eventually(lambda: self.active() == member, deadline, f"{member} is active")

    def wait_up(self, count, deadline=3.0):
        return eventually(lambda: self.up() == count, deadline, f"{count} members up")

    def command(self, *words, **options):
        """Another call of the binary, addressed to this instance."""
        return self.ns.run(binary(), *words, "--file-prefix", self.file_prefix, check=False, **options)

    def console(self, *lines):
        """What the console answers to lines that come from a pipe, refusals included."""
        process = self.ns.popen(binary(), "console", "--file-prefix", self.file_prefix, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        return process.communicate("".join(f"{line}\n" for line in lines), timeout=20)[0].splitlines()

    def client(self, *words, check=False, **options):
        """`dpdk-bond WORDS` for this instance: what subprocess.run() returns."""
        return self.ns.run(binary(), *words, "--file-prefix", self.file_prefix, check=check, **options)

    def dump(self, directory):
        super().dump(directory)
        shutil.copy(self.config_path, os.path.join(directory, f"{self.file_prefix}.yaml"))
        answers = {}
        if self.running():
            try:
                for command in ("info", "stats", "events"):
                    answers[command] = self.ask(f"/bond/{command},{self.name}")
                for member in answers["info"]["members"]:
                    answers[member] = self.member(member)
            except (OSError, KeyError, TypeError, ValueError) as error:
                answers["error"] = repr(error)
        with open(os.path.join(directory, f"{self.file_prefix}.status.json"), "w", encoding="utf-8") as file:
            json.dump(answers, file, indent=1)


class TestPmd(DpdkProcess):
    """dpdk-testpmd forwarding between its ports in pairs; forwards between start_forward() and stop_forward(). `hugepages`: Hugepages() lives."""

    __test__ = False  # not a test case

    def __init__(self, ns, *vdevs, plugin=None, hugepages=False):
        prefix = unique_prefix("pmd")
        control, worker = processors()
        command = ["stdbuf", "-o0", "dpdk-testpmd", "--lcores", f"0@{control},1@{worker}", "--huge-unlink" if hugepages else "--no-huge", "-m", "256", "--no-pci", "--file-prefix",
                   prefix, *(["-d", plugin] if plugin else []), *[f"--vdev={vdev}" for vdev in vdevs], "--", "-i", "--total-num-mbufs=8192", "--nb-cores=1",
                   "--port-topology=paired"]
        super().__init__(ns, prefix)
        self.start(*command, stdin=subprocess.PIPE)
        try:
            eventually(lambda: "testpmd>" in self.log or not self.running(), 15, "testpmd prompt")
            self.wait_telemetry()
        except BaseException:
            self.close()
            raise

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def start_forward(self):
        self.command("start")

    def stop_forward(self):
        self.command("stop")


def living():
    """The processes that have not been closed."""
    return list(_living)


def close_all():
    for process in reversed(living()):
        process.close()


def reap():
    """Remove what runs that were killed outright have left: namespaces and files, told by the dead pid in the name."""
    netns.reap()
    for directory in (tempfile.gettempdir(), "/var/run/dpdk"):
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            found = re.match(r"dts-(\d+)-", name)
            if found and not os.path.exists(f"/proc/{found[1]}"):
                path = os.path.join(directory, name)
                shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)


atexit.register(close_all)
