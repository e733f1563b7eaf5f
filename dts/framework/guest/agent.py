# SPDX-License-Identifier: BSD-3-Clause
"""Process 1 of a guest: carries out calls that come as lines of JSON over a virtio serial port named "dts".

{"id": 1, "call": "run", "with": {...}} is answered by {"id": 1, "returned": ...} or {"id": 1, "raised": "..."}; calls run side
by side. The first line is {"hello": seconds since the kernel started}.
"""
import json
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from framework.telemetry import Telemetry  # noqa: E402

_children = {}
_telemetry = {}


def run(command, timeout=60):
    """A shell command to its end: [status, what it said]."""
    try:
        done = subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout)
        return [done.returncode, done.stdout.decode(errors="replace")]
    except subprocess.TimeoutExpired as late:
        return [-1, (late.stdout or b"").decode(errors="replace") + f"\nnot done after {timeout} s"]


def spawn(words, log):
    """Start a program that writes to a file; returns its pid."""
    with open(log, "wb") as out:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    _children[child.pid] = child
    return child.pid


def poll(pid):
    """The status of a spawned program, None while it runs."""
    return _children[pid].poll()


def wait(pid, seconds):
    try:
        return _children[pid].wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def kill(pid, number):
    _children[pid].send_signal(number)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def ask(prefix, command):
    """A telemetry command of an instance in this guest."""
    if prefix not in _telemetry:
        _telemetry[prefix] = Telemetry(prefix)
    try:
        return _telemetry[prefix].ask(command)
    except (OSError, ValueError):
        _telemetry.pop(prefix).close()
        raise


def machine():
    """What an instance changes of a machine while it runs, as lines of text."""
    lines = run("ip -br link")[1].splitlines()
    lines += [line for line in read("/proc/mounts").splitlines() if "hugetlbfs" in line]
    pool = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    lines += [f"hugepages {read(f'{pool}/nr_hugepages').strip()} free {read(f'{pool}/free_hugepages').strip()}"]
    lines += [f"/run/{name}" for name in os.listdir("/run") if name != "dpdk"]
    if os.path.isdir("/run/dpdk"):
        lines += [f"/run/dpdk/{name}" for name in os.listdir("/run/dpdk")]
    devices = "/sys/bus/pci/devices"
    for name in os.listdir(devices):
        link = f"{devices}/{name}/driver"
        driver = os.path.basename(os.readlink(link)) if os.path.islink(link) else "no driver"
        lines.append(f"{name} {driver} {read(f'{devices}/{name}/driver_override').strip()}")
    return sorted(lines)


CALLS = {f.__name__: f for f in (run, spawn, poll, wait, kill, read, write, ask, machine)}


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    directory = "/sys/class/virtio-ports"
    port = next(p for p in os.listdir(directory) if read(f"{directory}/{p}/name").strip() == "dts")
    wire = open(f"/dev/{port}", "r+b", buffering=0)
    lock = threading.Lock()

    def say(message):
        with lock:
            rest = memoryview(json.dumps(message).encode() + b"\n")
            while rest:
                rest = rest[wire.write(rest):]

    def carry_out(order):
        try:
            say({"id": order["id"], "returned": CALLS[order["call"]](**order["with"])})
        except Exception as error:  # told to whoever called
            say({"id": order["id"], "raised": f"{type(error).__name__}: {error}", "os": isinstance(error, OSError)})

    run("ip link set lo up")
    say({"hello": float(read("/proc/uptime").split()[0])})
    waiting = b""
    while True:
        waiting += wire.read(65536)
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            threading.Thread(target=carry_out, args=(json.loads(line),), daemon=True).start()


main()
