# SPDX-License-Identifier: BSD-3-Clause
"""Everything at once that threads of the plug-in and of the application may do, under traffic. For sanitizers (docs/testing.md), and
for what ends a process in any case."""
import os
import re
import threading

import pytest

from framework import plugin
from framework.app import binary
from framework.peers import ovs
from framework.plugin import BOND, BondPmd, Guest
from framework.telemetry import Telemetry
from framework.topology import BOND_ADDRESS, HOST_ADDRESS
from framework.wait import eventually

ROUNDS = int(os.environ.get("DPDKBOND_ROUNDS", "2"))


@pytest.fixture(scope="module", autouse=True)
def installed():
    if reason := plugin.why_not():
        pytest.skip(reason)


# EAL ends its thread for other processes within a call of a library that ignore_noninstrumented_modules leaves out.
EALS_OWN = "rte_mp_handle finished with ignores enabled"


def reports(pid):
    """What a sanitizer has written about the process, where its options have a log_path."""
    said = []
    options = " ".join(os.environ.get(f"{name}_OPTIONS", "") for name in ("TSAN", "ASAN", "UBSAN"))
    for file in {f"{path}.{pid}" for path in re.findall(r"log_path=([^:\s]+)", options)}:
        if os.path.exists(file):
            with open(file, encoding="utf-8", errors="replace") as text:
                said.append(text.read())
    return said


class Asking:
    """Asks by telemetry, again and again, on a thread of its own."""

    def __init__(self, pmd):
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(pmd.file_prefix,))
        self._thread.start()

    def _run(self, prefix):
        with Telemetry(prefix, timeout=60.0) as telemetry:
            while not self._ended.wait(0.05):
                for command in ("info", "stats", "events", "lacp", "load"):
                    telemetry.ask(f"/bond/{command},{BOND}")
                telemetry.ask(f"/bond/member,{BOND},net_af_packet0")

    def close(self):
        self._ended.set()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def change_everything(wires, pmd, options):
    def dpdk_bond(*words):
        done = pmd.ns.run(binary(), *words, "--file-prefix", pmd.file_prefix, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    for number in range(ROUNDS):
        wires.cut(0)
        eventually(lambda: pmd.usable() == 1, 8, "one is out")
        for option, value in (("miimon", "50"), ("updelay", "100"), ("updelay", "0"), *options):
            dpdk_bond("set", "bond", BOND, option, value)
        dpdk_bond("explain", BOND, "src=192.0.2.1,dst=192.0.2.2")
        dpdk_bond("status", BOND)
        wires.restore_all()
        eventually(lambda: pmd.usable() == 2, 20, "it is back")
        dpdk_bond("remove", "member", BOND, "net_af_packet1")
        dpdk_bond("add", "member", BOND, "net_af_packet1")
        pmd.command("device detach net_af_packet0")
        pmd.command("port attach net_af_packet0,iface=m0")
        eventually(lambda: pmd.usable() == 2, 20, "both are back")
        for command in (f"mac_addr add {pmd.port} 02:bd:00:00:00:09", f"mcast_addr add {pmd.port} 01:00:5e:00:00:09", "set promisc all off",
                        f"port config mtu {pmd.port} 1400", f"show port stats {pmd.port}", f"show port xstats {pmd.port}",
                        f"clear port stats {pmd.port}", f"mcast_addr remove {pmd.port} 01:00:5e:00:00:09",
                        f"mac_addr remove {pmd.port} 02:bd:00:00:00:09", "set promisc all on"):
            pmd.command(command)
        pmd.stop_forward()
        pmd.command(f"port stop {pmd.port}")
        pmd.command(f"port start {pmd.port}")
        pmd.forward()
        eventually(lambda: pmd.usable() == 2, 20, "both are back")


@pytest.mark.parametrize("mode, options", [
    ("mode=1", [("primary", "net_af_packet0"), ("active_slave", "net_af_packet1")]),
    ("mode=2,xmit_policy=l34", [("xmit_hash_policy", "layer2+3"), ("xmit_hash_policy", "layer3+4")]),
    ("mode=4,lacp_rate=fast,xmit_policy=l34", [("lacp_rate", "slow"), ("lacp_rate", "fast"), ("ad_select", "bandwidth"), ("ad_select", "stable")]),
], ids=["active-backup", "balance-xor", "802.3ad"])
def test_all_that_threads_do_at_once(fresh, mode, options):
    lacp = mode.startswith("mode=4")
    if lacp and (reason := ovs.why_not()):
        pytest.skip(reason)
    wires = fresh.sink(2) if lacp else fresh.topology(2, offloads=False)
    guest = fresh.enter(Guest(wires.a, f"{BOND_ADDRESS}/24"))
    for name in wires.members:
        wires.a.mute(name)
    pmd = fresh.enter(BondPmd(wires.a, mode))
    fresh._bonds.append(pmd)
    if lacp:
        fresh.enter(ovs.OvsBond(wires.sink, wires.far, f"{HOST_ADDRESS}/24", rate="fast"))
        wires.sink.offloads("br0", False)
    eventually(lambda: pmd.usable() == 2, 20, "both are usable")
    pmd.forward()
    fresh.ping(guest.ns, HOST_ADDRESS)
    with Asking(pmd):
        change_everything(wires, pmd, options)
    eventually(lambda: pmd.stats()["ipackets"] > 0 and pmd.stats()["opackets"] > 0, 10, "frames go through it")
    pmd.process.stdin.write(b"stop\nquit\n")
    pmd.process.stdin.flush()
    pmd.process.wait(60)
    said = reports(pmd.pid)
    eals_own = [text for text in said if EALS_OWN in text and "WARNING: " not in text]
    assert said == eals_own, "\n".join(said)[:20000]
    assert pmd.process.returncode == 0 or eals_own, pmd.log
